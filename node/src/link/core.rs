//! What all parts of a link share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use tacit_protocol::ids::PartnerId;
use tokio::sync::{mpsc, watch};

use super::{
    Incoming, IncomingCall, LinkError, Partners, Settings, channels::Channels, closing::Closing,
    dial::Refusals, pool::Place, tls::OwnKeys,
};
use crate::config::Identity;

pub(super) struct Core {
    pub settings: Settings,
    pub identity: Arc<Identity>,
    pub partners: Arc<Partners>,
    pub keys: Arc<OwnKeys>,
    pub endpoint: quinn::Endpoint,
    /// Another number after every start of the node.
    pub instance: [u8; 16],
    pub places: Mutex<HashMap<PartnerId, Arc<Place>>>,
    pub channels: Channels,
    pub incoming: mpsc::Sender<Incoming>,
    pub calls: mpsc::Sender<IncomingCall>,
    pub closed: watch::Sender<bool>,
    pub refusals: Refusals,
    /// The card of a rotation that not every partner may have heard of.
    pub announced: Mutex<Option<String>>,
    /// When the newest card was issued.
    pub issued: Mutex<Timestamp>,
}

impl Core {
    /// What partners are called in errors and logs: the name on the card, or the start of the id.
    pub fn name_of(&self, partner: PartnerId) -> String {
        let trusted = self.partners.trusted();
        trusted.by_id(partner).map_or_else(|| partner.short(), |known| known.card().name().to_owned())
    }

    pub fn place(&self, partner: PartnerId) -> Arc<Place> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry(partner).or_insert_with(|| Arc::new(Place::new(self.settings.calls))))
    }

    pub fn all_places(&self) -> Vec<(PartnerId, Arc<Place>)> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.iter().map(|(&partner, place)| (partner, Arc::clone(place))).collect()
    }

    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Ends everything; partners are told that the node is stopping.
    pub fn shut(&self) {
        self.closed.send_replace(true);
        self.channels.fail_all(&LinkError::Closed);
        self.endpoint.close(quinn::VarInt::from_u32(Closing::Stopping as u32), b"");
    }
}

/// Fresh random bytes from the system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], LinkError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| LinkError::NoRandomness)?;
    Ok(bytes)
}
