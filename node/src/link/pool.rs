//! One live connection a partner, whoever dialled it.
//!
//! When both nodes dial at the same time, two connections stand. Both ends keep the one that the node with
//! the lower id dialled; the other one takes nothing new and is closed when what runs on it has ended. A
//! node that has *lost* a connection says so when it dials again, and the other end drops its half of the
//! old one, which may take a minute to find out by itself.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tacit_protocol::{ids::PartnerId, wire::hello::Connected};
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore, watch},
    time::Instant,
};

use super::{
    LinkError,
    closing::Closing,
    core::Core,
    dispatch, endpoint,
    hello::{About, Greeted},
    rotation,
};

/// A partner may have no more connections than this at the same time; the oldest goes.
const MOST_CONNECTIONS: usize = 4;

/// How long a superseded connection stays: the other end may just be opening a channel on it.
const GRACE: Duration = Duration::from_secs(2);

/// A connection whose other end is known.
pub(super) struct Peer {
    pub partner: PartnerId,
    pub name: String,
    pub connection: quinn::Connection,
    pub connected: Connected,
    pub about: About,
    pub dialled_here: bool,
    pub began: Timestamp,
    /// Their clock minus ours, milliseconds.
    pub skew: i64,
    /// [`Partner::since`] when the connection was made.
    since: u64,
    /// The TLS key that the other end showed.
    key: [u8; 32],
    users: AtomicUsize,
}

impl Peer {
    /// A connection whose hello is done, on its way into the pool.
    pub(super) fn new(connection: quinn::Connection, dialled_here: bool, greeted: Greeted) -> Arc<Self> {
        Arc::new(Self {
            partner: greeted.partner.card().id(),
            name: greeted.partner.card().name().to_owned(),
            connection,
            connected: greeted.connected,
            about: greeted.about,
            dialled_here,
            began: Timestamp::now(),
            skew: greeted.skew,
            since: greeted.partner.since(),
            key: greeted.key,
            users: AtomicUsize::new(0),
        })
    }

    pub(super) fn is_live(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    pub(super) const fn binding(&self) -> &[u8; 32] {
        self.connected.hash()
    }

    /// The TLS key that the other end showed.
    pub(super) const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// UDP bytes sent and received.
    fn wire_bytes(&self) -> (u64, u64) {
        let stats = self.connection.stats();
        (stats.udp_tx.bytes, stats.udp_rx.bytes)
    }

    /// Channels and calls that run on it.
    pub(super) fn users(&self) -> usize {
        self.users.load(Ordering::Acquire)
    }
}

/// Keeps a connection from being closed as superseded.
pub(super) struct Using(pub Arc<Peer>);

impl Using {
    pub(super) fn new(peer: Arc<Peer>) -> Self {
        peer.users.fetch_add(1, Ordering::AcqRel);
        Self(peer)
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The connections with one partner.
pub(super) struct Place {
    state: Mutex<PlaceState>,
    changed: watch::Sender<()>,
    /// One dial at a time, and when and how the last one failed.
    dialling: Arc<AsyncMutex<Option<(Instant, LinkError)>>>,
    /// Its calls that may wait for an answer.
    pub calls: Arc<Semaphore>,
}

#[derive(Default)]
struct PlaceState {
    /// Oldest first.
    live: Vec<Arc<Peer>>,
    /// The one for what is new.
    current: Option<Arc<Peer>>,
    /// The binding of the last connection, if it ended without a successor.
    lost: [u8; 32],
    /// UDP bytes sent and received on connections that have ended.
    past: (u64, u64),
}

impl Place {
    pub(super) fn new(calls: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            dialling: Arc::default(),
            calls: Arc::new(Semaphore::new(calls)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, PlaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection for what is new, if one stands.
    pub(super) fn current(&self) -> Option<Arc<Peer>> {
        self.lock().current.as_ref().filter(|peer| peer.is_live()).map(Arc::clone)
    }

    pub(super) fn all(&self) -> Vec<Arc<Peer>> {
        self.lock().live.clone()
    }

    /// The binding of the last connection, if it ended without a successor: one that has just ended may still
    /// stand here.
    pub(super) fn lost(&self) -> [u8; 32] {
        let state = self.lock();
        match &state.current {
            Some(peer) if peer.is_live() => [0; 32],
            Some(peer) => *peer.binding(),
            None => state.lost,
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes a new connection in; returns those that are to be closed when they are idle.
    fn admit(&self, core: &Core, new: &Arc<Peer>) -> Vec<Arc<Peer>> {
        let mut state = self.lock();
        state.live.retain(|peer| peer.is_live());
        state.live.retain(|old| {
            if old.about.instance != new.about.instance {
                Closing::Superseded.close(&old.connection);
                return false;
            }
            // It was lost at the other end, which dialled anew.
            let lost = !new.dialled_here && *old.binding() == new.about.lost;
            if lost {
                Closing::Superseded.close(&old.connection);
            }
            !lost
        });
        // What another run of the partner's node held is gone with it.
        core.channels.fail_run(new.partner, &new.about.instance, false);
        if state.live.len() >= MOST_CONNECTIONS {
            Closing::Superseded.close(&state.live.remove(0).connection);
        }
        state.live.push(Arc::clone(new));
        let lower_is_here = core.identity.id() < new.partner;
        // The last of the best: the newest, where the same end dialled several.
        let best = state.live.iter().max_by_key(|peer| peer.dialled_here == lower_is_here).map(Arc::clone);
        let retired =
            state.live.iter().filter(|peer| best.as_ref().is_some_and(|best| !Arc::ptr_eq(peer, best)));
        let retired = retired.map(Arc::clone).collect();
        state.current = best;
        state.lost = [0; 32];
        drop(state);
        self.changed.send_replace(());
        retired
    }

    /// UDP bytes sent and received, over all connections since the node started.
    pub(super) fn wire_bytes(&self) -> (u64, u64) {
        let state = self.lock();
        state
            .live
            .iter()
            .map(|peer| peer.wire_bytes())
            .fold(state.past, |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn forget(&self, gone: &Arc<Peer>) {
        let mut state = self.lock();
        if state.live.iter().any(|peer| Arc::ptr_eq(peer, gone)) {
            let (sent, received) = gone.wire_bytes();
            state.past.0 += sent;
            state.past.1 += received;
        }
        state.live.retain(|peer| !Arc::ptr_eq(peer, gone));
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, gone)) {
            state.current = state.live.last().map(Arc::clone);
            if state.current.is_none() {
                state.lost = *gone.binding();
            }
        }
        drop(state);
        self.changed.send_replace(());
    }
}

impl Core {
    /// The connection with a partner: the one that stands, or a new one.
    pub(super) async fn connection(self: &Arc<Self>, partner: PartnerId) -> Result<Arc<Peer>, LinkError> {
        let place = self.place(partner);
        let mut changed = place.watch();
        if let Some(peer) = place.current() {
            return Ok(peer);
        }
        if self.is_closed() {
            return Err(LinkError::Closed);
        }
        let (core, to, asked) = (Arc::clone(self), Arc::clone(&place), Instant::now());
        let dial = async move {
            let mut failed = Arc::clone(&to.dialling).lock_owned().await;
            if to.current().is_some() {
                return Ok(());
            }
            // A dial that failed while this one waited for its turn has answered for both.
            if let Some((_, error)) = failed.as_ref().filter(|(when, _)| *when > asked) {
                return Err(error.clone());
            }
            match core.dial(partner, false).await {
                Ok(peer) => core.admit(peer),
                Err(error) => {
                    *failed = Some((Instant::now(), error.clone()));
                    return Err(error);
                }
            }
            Ok(())
        };
        // On its own, so that it goes on when a call from the partner comes in first: if each end gave its
        // dial up for the other's, none would be left.
        let mut dial = tokio::spawn(dial);
        loop {
            tokio::select! {
                dialled = &mut dial => {
                    if let Some(peer) = place.current() {
                        return Ok(peer);
                    }
                    return match dialled {
                        Ok(Err(error)) => Err(error),
                        // It stood, and broke at once.
                        _ => Err(LinkError::Lost { partner: self.name_of(partner) }),
                    };
                }
                _ = changed.changed() => {
                    if let Some(peer) = place.current() {
                        return Ok(peer);
                    }
                }
            }
        }
    }

    /// Lets a known partner's connection carry everything.
    pub(super) fn admit(self: &Arc<Self>, peer: Arc<Peer>) {
        let place = self.place(peer.partner);
        for retired in place.admit(self, &peer) {
            tokio::spawn(close_when_idle(retired));
        }
        // Checked after it is in the pool: a removal either comes before this and is seen here, or after it
        // and finds the connection in the pool.
        if !self.is_trusted(&peer) {
            self.revoke(&peer);
        }
        endpoint::open_up(&peer.connection, &self.settings);
        tracing::info!(
            partner = peer.name,
            address = %peer.connection.remote_address(),
            dialled_here = peer.dialled_here,
            "connected"
        );
        rotation::after_connecting(self, &peer);
        tokio::spawn(serve(Arc::clone(self), place, peer));
    }

    fn is_trusted(&self, peer: &Peer) -> bool {
        let trusted = self.partners.trusted();
        trusted.by_id(peer.partner).is_some_and(|partner| partner.since() == peer.since)
    }

    fn revoke(&self, peer: &Peer) {
        Closing::Revoked.close(&peer.connection);
        self.channels.fail_partner(peer.partner, |partner| LinkError::Revoked { partner });
    }

    /// Closes what is no longer trusted, as soon as it is not.
    pub(super) async fn watch_partners(self: Arc<Self>) {
        let mut trusted = self.partners.watch();
        let mut closed = self.closed.subscribe();
        loop {
            tokio::select! {
                changed = trusted.changed() => if changed.is_err() { return },
                _ = closed.wait_for(|closed| *closed) => return,
            }
            for (partner, place) in self.all_places() {
                let untrusted: Vec<_> =
                    place.all().into_iter().filter(|peer| !self.is_trusted(peer)).collect();
                untrusted.iter().for_each(|peer| self.revoke(peer));
                // Channels that wait for their connection to be mended have no connection to close.
                if self.partners.trusted().by_id(partner).is_none() {
                    self.channels.fail_partner(partner, |partner| LinkError::Revoked { partner });
                }
            }
        }
    }
}

/// Takes the partner's streams until the connection ends.
async fn serve(core: Arc<Core>, place: Arc<Place>, peer: Arc<Peer>) {
    let reason = loop {
        match peer.connection.accept_bi().await {
            Ok((send, recv)) => {
                tokio::spawn(dispatch::stream(Arc::clone(&core), Arc::clone(&peer), send, recv));
            }
            Err(reason) => break reason,
        }
    };
    place.forget(&peer);
    tracing::info!(partner = peer.name, %reason, "disconnected");
    match Closing::given_by(&reason) {
        Some(Closing::Revoked) => {
            core.channels.fail_partner(peer.partner, |partner| LinkError::Revoked { partner });
        }
        Some(Closing::Stopping) => core.channels.fail_run(peer.partner, &peer.about.instance, true),
        _ => {}
    }
}

/// What runs on a superseded connection may end on it.
async fn close_when_idle(peer: Arc<Peer>) {
    loop {
        tokio::select! {
            _ = peer.connection.closed() => return,
            () = tokio::time::sleep(GRACE) => {}
        }
        if peer.users() == 0 {
            return Closing::Superseded.close(&peer.connection);
        }
    }
}
