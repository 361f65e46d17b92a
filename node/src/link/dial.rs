//! Making connections: dialling a partner's addresses in turn, and answering those who dial.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use quinn::Incoming;
use tacit_protocol::ids::PartnerId;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    LinkError, Partner, closing,
    core::{Core, random},
    endpoint,
    hello::{self, About},
    pool::Peer,
    tls::{self, OwnKey},
};

/// For the name service to answer.
pub(super) const RESOLVE: Duration = Duration::from_secs(3);

/// The program's version, for the doctor.
const SOFTWARE: &str = concat!("tacit ", env!("CARGO_PKG_VERSION"));

/// Where one address of a card leads.
pub(super) async fn resolve(address: &str, own: SocketAddr) -> Vec<SocketAddr> {
    let resolved = timeout(RESOLVE, tokio::net::lookup_host(address)).await;
    let Ok(Ok(all)) = resolved else { return Vec::new() };
    // A socket that is bound to IPv4 cannot send to IPv6.
    let mut all: Vec<SocketAddr> = all.filter(|found| own.is_ipv6() || found.is_ipv4()).collect();
    all.truncate(4);
    all
}

impl Core {
    /// Dials a partner: every address on its card in turn, until one leads to it.
    pub(super) async fn dial(&self, partner: PartnerId, probe: bool) -> Result<Arc<Peer>, LinkError> {
        let known = self.partners.trusted().by_id(partner).map(Arc::clone);
        let known = known.ok_or_else(|| LinkError::PartnerUnknown(partner.short()))?;
        let card = known.card();
        let (name, addresses) = (card.name().to_owned(), card.addresses().join(", "));
        let mut worst = LinkError::Unresolved { partner: name, addresses: addresses.clone() };
        for address in card.addresses() {
            for found in resolve(address, self.settings.listen).await {
                match self.dial_address(&known, found, probe).await {
                    Ok(peer) => return Ok(peer),
                    Err(error) => worst = worse(worst, error),
                }
            }
        }
        if let LinkError::Unreachable { addresses: tried, .. } = &mut worst {
            *tried = addresses;
        }
        Err(worst)
    }

    /// Dials one address with every pair of keys that may fit: theirs that we expect, ours that they may
    /// know. While nobody changes keys, that is one pair.
    pub(super) async fn dial_address(
        &self,
        partner: &Partner,
        address: SocketAddr,
        probe: bool,
    ) -> Result<Arc<Peer>, LinkError> {
        let now = Timestamp::now();
        let ours = self.keys.usable(now);
        let mut pairs = Vec::with_capacity(4);
        for theirs in partner.pins(now) {
            pairs.extend(ours.iter().map(|ours| (*theirs, Arc::clone(ours))));
        }
        let mut worst = None;
        for (theirs, ours) in pairs {
            match self.attempt(partner, address, theirs, ours, probe).await {
                Ok(peer) => return Ok(peer),
                // Another pair may fit; silence stays silence.
                Err(error @ (LinkError::Unwelcome { .. } | LinkError::OtherKey { .. })) => {
                    worst = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        let partner = partner.card().name().to_owned();
        Err(worst.unwrap_or(LinkError::Unreachable { partner, addresses: address.to_string() }))
    }

    /// TLS and the hello. Only the hello's end tells whether our certificate was taken: QUIC calls a client
    /// connected before the server has looked at it.
    async fn attempt(
        &self,
        partner: &Partner,
        address: SocketAddr,
        theirs: [u8; 32],
        ours: Arc<OwnKey>,
        probe: bool,
    ) -> Result<Arc<Peer>, LinkError> {
        let (id, name) = (partner.card().id(), partner.card().name());
        let config = endpoint::dialling(&self.settings, ours, Arc::clone(&self.partners), id)?;
        let server_name = tls::server_name(&theirs, random()?);
        let unreachable =
            || LinkError::Unreachable { partner: name.to_owned(), addresses: address.to_string() };
        let connecting =
            self.endpoint.connect_with(config, address, &server_name).map_err(|error| match error {
                quinn::ConnectError::EndpointStopping => LinkError::Closed,
                _ => unreachable(),
            })?;
        let connection = match timeout(self.settings.dial, connecting).await {
            Err(_) => return Err(unreachable()),
            Ok(Err(reason)) => return Err(closing::meaning(&reason, name, &address.to_string())),
            Ok(Ok(connection)) => connection,
        };
        let about = self.about(self.place(id).lost(), probe);
        let greeted = hello::dial(self, &connection, partner.card(), about).await?;
        Ok(Peer::new(connection, true, greeted))
    }

    /// What this node says of itself.
    fn about(&self, lost: [u8; 32], probe: bool) -> About {
        About { instance: self.instance, time: Timestamp::now(), lost, probe, software: SOFTWARE.to_owned() }
    }

    /// Answers callers until the endpoint is closed.
    pub(super) async fn answer_all(self: Arc<Self>) {
        let most = self.settings.handshakes;
        let handshakes = Arc::new(Semaphore::new(most));
        while let Some(caller) = self.endpoint.accept().await {
            let under_way = most - handshakes.available_permits();
            if under_way >= self.settings.retry_above && caller.may_retry() {
                // Err: it had shown its address after all.
                let _ = caller.retry();
                continue;
            }
            let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() else {
                caller.refuse();
                continue;
            };
            let core = Arc::clone(&self);
            tokio::spawn(async move {
                let address = caller.remote_address();
                // One deadline for all of it: who is slow in the handshake has less time for the hello.
                if timeout(core.settings.hello, core.answer(caller)).await.is_err() {
                    core.refusals.log(address, &"it took too long");
                }
                drop(permit);
            });
        }
    }

    async fn answer(self: &Arc<Self>, caller: Incoming) {
        let address = caller.remote_address();
        let connection = match caller.accept() {
            Ok(connecting) => connecting.await,
            Err(reason) => Err(reason),
        };
        let connection = match connection {
            Ok(connection) => connection,
            Err(reason) => return self.refusals.log(address, &reason),
        };
        let about = self.about([0; 32], false);
        let Ok(greeted) = hello::answer(self, &connection, about).await else { return };
        if greeted.about.probe {
            // The doctor closes it; nothing is accepted on it meanwhile.
            connection.closed().await;
            return;
        }
        self.admit(Peer::new(connection, false, greeted));
    }
}

/// Logs callers that were refused, so that strangers cannot fill the disk: a few a second, the rest counted.
#[derive(Default)]
pub(super) struct Refusals(Mutex<Second>);

/// What was refused in one second since 1970.
#[derive(Default)]
struct Second {
    second: i64,
    count: u64,
}

impl Refusals {
    /// Lines a second.
    const MOST: u64 = 10;

    fn log(&self, address: SocketAddr, reason: &dyn fmt::Display) {
        let now = Timestamp::now().as_second();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.second != now {
            let unsaid = state.count.saturating_sub(Self::MOST);
            if unsaid > 0 {
                tracing::warn!(unsaid, "more callers were refused");
            }
            *state = Second { second: now, count: 0 };
        }
        state.count += 1;
        if state.count <= Self::MOST {
            tracing::warn!(%address, %reason, "a caller was refused before its hello");
        }
    }
}

/// Of two failures the one that says more: silence and names that do not resolve say least.
fn worse(known: LinkError, new: LinkError) -> LinkError {
    let says = |error: &LinkError| match error {
        LinkError::Unresolved { .. } => 0,
        LinkError::Unreachable { .. } => 1,
        LinkError::Lost { .. } => 2,
        _ => 3,
    };
    if says(&new) >= says(&known) { new } else { known }
}
