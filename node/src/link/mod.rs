//! The link to the partners' nodes: who they are, how they are reached, and what goes over.
//!
//! The attacks this room stops: whoever is not on the list of [`Partners`] gets no byte of the application
//! (tls, hello); a partner that is removed is cut off within a second, whatever runs; a partner that
//! floods, stalls or announces more than it sends costs what the [`Settings`] allow and no more; and a
//! connection that breaks in the middle costs one message sent again, not the session.
//!
//! ```text
//!   card, words, armour   a node's signed visiting card, its text and its fingerprint
//!   partners              the trusted cards, watched by everything below
//!   tls, endpoint         QUIC with pinned keys on one UDP socket
//!   frame, hello          the first stream: both ends prove who they are
//!   dial, pool            one live connection a partner, whoever dialled
//!   dispatch ─► channel, keeper, flow, channels    messages that outlive their connection
//!            ─► call                               small request, small answer
//!            ─► rotation                           a new TLS key without a restart
//!   doctor                what stands between two nodes
//! ```

mod armour;
mod call;
mod card;
mod channel;
mod channels;
mod closing;
mod core;
mod dial;
mod dispatch;
mod doctor;
mod endpoint;
mod error;
mod flow;
mod frame;
mod hello;
mod keeper;
mod partners;
mod pool;
mod rotation;
mod settings;
mod tls;
mod words;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tacit_protocol::ids::PartnerId;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};

pub use call::IncomingCall;
pub use card::Card;
pub use channel::{Channel, ChannelReceiver, ChannelSender, Incoming};
pub use doctor::Check;
pub use error::{CardError, LinkError, PartnersError};
pub use flow::Traffic;
pub use partners::{Added, Partner, Partners, Trusted};
pub use rotation::Rotation;
pub use settings::{LARGEST_MESSAGE, LARGEST_OPENING, Settings};

use self::{channels::Channels, closing::Closing, core::Core, tls::OwnKeys};
use crate::config::{Identity, TlsIdentity};

/// Channels and calls that may wait for the application to take them.
const WAITING: usize = 64;

/// This node's end of all connections. Clones are the same link; it closes with the last of them.
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    core: Arc<Core>,
    incoming: AsyncMutex<mpsc::Receiver<Incoming>>,
    calls: AsyncMutex<mpsc::Receiver<IncomingCall>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.core.shut();
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("listen", &self.shared.core.settings.listen).finish_non_exhaustive()
    }
}

impl Link {
    /// Opens the UDP port and answers from now on. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`LinkError::PortTaken`], [`LinkError::Socket`], [`LinkError::OwnKey`].
    pub fn bind(
        settings: impl Into<Settings>,
        identity: Arc<Identity>,
        partners: Arc<Partners>,
    ) -> Result<Self, LinkError> {
        let settings = settings.into();
        let keys = Arc::new(OwnKeys::new(&identity.tls()).map_err(endpoint::own_key)?);
        let endpoint = endpoint::bind(&settings, &identity, Arc::clone(&keys), Arc::clone(&partners))?;
        let (incoming, from_partners) = mpsc::channel(WAITING);
        let (calls, calls_here) = mpsc::channel(WAITING);
        // A partner that was not there when the signing key was handed over hears of it when it connects.
        let announced = if identity.lineage().handovers().is_empty() {
            None
        } else {
            Some(
                Card::issue(&identity, &settings.addresses, Timestamp::now())
                    .map_err(LinkError::OwnCard)?
                    .to_text(),
            )
        };
        let core = Arc::new(Core {
            settings,
            identity,
            partners,
            keys,
            endpoint,
            instance: core::random()?,
            places: Mutex::default(),
            channels: Channels::default(),
            incoming,
            calls,
            closed: watch::Sender::new(false),
            refusals: dial::Refusals::default(),
            announced: Mutex::new(announced),
            issued: Mutex::new(Timestamp::UNIX_EPOCH),
        });
        tokio::spawn(Arc::clone(&core).answer_all());
        tokio::spawn(Arc::clone(&core).watch_partners());
        let (incoming, calls) = (AsyncMutex::new(from_partners), AsyncMutex::new(calls_here));
        Ok(Self { shared: Arc::new(Shared { core, incoming, calls }) })
    }

    fn core(&self) -> &Arc<Core> {
        &self.shared.core
    }

    /// The UDP address it listens on, with the port that the system chose where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.core().endpoint.local_addr().unwrap_or(self.core().settings.listen)
    }

    /// This node's card as of now.
    ///
    /// # Errors
    /// [`LinkError::OwnCard`] if the addresses in the settings are not addresses.
    pub fn card(&self) -> Result<Card, LinkError> {
        self.core().card()
    }

    /// Opens a channel to a partner for one protocol session; `opening` (at most 64 KiB) is what the partner
    /// decides on. Connects first, if need be.
    ///
    /// # Errors
    /// [`LinkError::PartnerUnknown`], [`LinkError::Busy`], [`LinkError::TooLong`], and all that can go wrong
    /// on the way to a partner.
    pub async fn open(&self, partner: PartnerId, opening: Vec<u8>) -> Result<Channel, LinkError> {
        self.open_wide(partner, opening, self.core().settings.window).await
    }

    /// As [`open`](Self::open), with `window` messages on their way in each direction instead of one: faster
    /// over long distances; after a broken connection up to `window` messages are sent again.
    ///
    /// # Errors
    /// As there.
    pub async fn open_wide(
        &self,
        partner: PartnerId,
        opening: Vec<u8>,
        window: u16,
    ) -> Result<Channel, LinkError> {
        self.core().open(partner, opening, window).await
    }

    /// The next channel that a partner opens; `None` when the link is closed.
    pub async fn accept(&self) -> Option<Incoming> {
        let mut closed = self.core().closed.subscribe();
        let mut incoming = self.shared.incoming.lock().await;
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            next = incoming.recv() => next,
        }
    }

    /// Asks a partner something small (at most 4 MiB each way) and waits for the answer. Not repeated after a
    /// broken connection: the call may have been carried out.
    ///
    /// # Errors
    /// [`LinkError::Deadline`], [`LinkError::Busy`], and all that can go wrong on the way to a partner.
    pub async fn call(&self, partner: PartnerId, body: Vec<u8>) -> Result<Vec<u8>, LinkError> {
        self.core().call(partner, body).await
    }

    /// The next call that a partner makes; `None` when the link is closed.
    pub async fn next_call(&self) -> Option<IncomingCall> {
        let mut closed = self.core().closed.subscribe();
        let mut calls = self.shared.calls.lock().await;
        tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            next = calls.recv() => next,
        }
    }

    /// Drops the live connections with a partner. Channels mend themselves on a new one; to end them for
    /// good, remove the partner.
    pub fn disconnect(&self, partner: PartnerId) {
        self.core().place(partner).all().iter().for_each(|peer| Closing::Dropped.close(&peer.connection));
    }

    /// Takes up a new TLS key, and tells all partners that can be reached, which may take ten seconds. Nothing
    /// that runs is interrupted.
    ///
    /// # Errors
    /// [`LinkError::KeyNotStored`], [`LinkError::OwnKey`], [`LinkError::OwnCard`]; the old key goes on then.
    pub async fn rotate(&self, new: TlsIdentity) -> Result<Rotation, LinkError> {
        self.core().rotate(new).await
    }

    /// Tells all partners that can be reached of the signing key that the log was handed over to, which may take ten
    /// seconds; the others are told when they connect.
    ///
    /// # Errors
    /// [`LinkError::OwnCard`].
    pub async fn announce_signing_key(&self) -> Result<Rotation, LinkError> {
        self.core().announce_signing_key().await
    }

    /// Looks at everything that can be wrong between this node and a partner's, within ten seconds.
    ///
    /// # Errors
    /// [`LinkError::PartnerUnknown`]; whatever else is wrong is in the checks.
    pub async fn diagnose(&self, partner: PartnerId) -> Result<Vec<Check>, LinkError> {
        self.core().diagnose(partner).await
    }

    /// Who is connected.
    pub fn status(&self) -> Vec<Connection> {
        let places = self.core().all_places();
        let current =
            places.into_iter().filter_map(|(_, place)| Some((place.current()?, place.wire_bytes())));
        current
            .map(|(peer, (bytes_sent, bytes_received))| Connection {
                partner: peer.partner,
                name: peer.name.clone(),
                address: peer.connection.remote_address(),
                since: peer.began,
                dialled_here: peer.dialled_here,
                version: peer.connected.version().0,
                round_trip: peer.connection.rtt(),
                bytes_sent,
                bytes_received,
                channels: self.core().channels.count(peer.partner),
            })
            .collect()
    }

    /// Tells all partners that this node stops, and ends everything.
    pub async fn close(&self) {
        self.core().shut();
        // A partner that does not answer the farewell is not waited for.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.core().endpoint.wait_idle()).await;
    }
}

/// A live connection with a partner.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Who.
    pub partner: PartnerId,
    /// The name on its card.
    pub name: String,
    /// Where its packets come from.
    pub address: SocketAddr,
    /// Since when.
    pub since: Timestamp,
    /// Whether this node dialled.
    pub dialled_here: bool,
    /// The protocol version both speak.
    pub version: u16,
    /// How long a packet and its answer take.
    pub round_trip: Duration,
    /// On the wire, with all that UDP carries, over all connections with it since the node started.
    pub bytes_sent: u64,
    /// On the wire, with all that UDP carries.
    pub bytes_received: u64,
    /// Channels with this partner, running or waiting to be mended.
    pub channels: usize,
}

#[cfg(test)]
mod tests;
