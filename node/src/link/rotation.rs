//! A new TLS key without a restart.
//!
//! The attack this stops is the key that somebody else announces: a new key counts only inside a card under
//! the node's signing key, newer than the card that is known, and comes over a connection that the old TLS
//! key was proven on. The partner keeps both keys until it has seen the new one in use, so a rotation that
//! is cut short anywhere leaves the two able to speak. A partner that was away is told when it next connects;
//! until then it is answered, and dialled, with the old key.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use tacit_protocol::ids::PartnerId;
use tokio::time::timeout;

use super::{
    Added, Card, LinkError,
    call::exchange,
    core::Core,
    endpoint::own_key,
    frame::{FrameError, FrameReader, FrameWriter, Head, Kind, Refused},
    pool::{Peer, Using},
};
use crate::config::TlsIdentity;

/// For one partner to take a card.
const ANNOUNCE: Duration = Duration::from_secs(10);

/// What became of a rotation. The new key is in use in any case.
#[derive(Debug)]
pub struct Rotation {
    /// The new card, for partners that must get it by file.
    pub card: Card,
    /// The partners that are connected, and whether they took it. The others are told when they connect.
    pub told: Vec<(PartnerId, Result<(), LinkError>)>,
}

impl Core {
    /// This node's card as of now.
    pub(super) fn card(&self) -> Result<Card, LinkError> {
        Card::issue(&self.identity, &self.settings.addresses, Timestamp::now()).map_err(LinkError::OwnCard)
    }

    pub(super) async fn rotate(self: &Arc<Self>, new: TlsIdentity) -> Result<Rotation, LinkError> {
        let identity = Arc::clone(&self.identity);
        // Durable before anybody hears of it.
        let stored = tokio::task::spawn_blocking(move || identity.replace_tls(new)).await;
        let stored = stored.map_err(|_| LinkError::Closed)?;
        let tls = stored.map_err(|error| LinkError::KeyNotStored(Arc::new(error)))?;
        self.keys.rotate(&tls).map_err(own_key)?;
        let card = self.card()?;
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some(card.to_text());
        let connected = self.all_places().into_iter().filter_map(|(_, place)| place.current());
        let telling: Vec<_> = connected
            .map(|peer| {
                let (core, partner) = (Arc::clone(self), peer.partner);
                (partner, tokio::spawn(async move { announce(&core, peer).await }))
            })
            .collect();
        let mut told = Vec::with_capacity(telling.len());
        for (partner, task) in telling {
            told.push((partner, task.await.unwrap_or(Err(LinkError::Closed))));
        }
        Ok(Rotation { card, told })
    }
}

/// Tells one partner of the new card.
async fn announce(core: &Core, peer: Arc<Peer>) -> Result<(), LinkError> {
    let text = core.announced.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(text) = text else { return Ok(()) };
    let name = peer.name.clone();
    let told = timeout(ANNOUNCE, exchange(core, peer, (Kind::Card, Kind::CardTaken), Bytes::from(text)));
    let told = told.await.unwrap_or(Err(LinkError::Deadline { partner: name.clone() }));
    if let Err(error) = &told {
        tracing::warn!(partner = name, %error, "the partner has not taken the new card");
    }
    told.map(drop)
}

/// On a new connection: tells the partner of a rotation it may not have heard of, and notes which of its own
/// keys it uses now.
pub(super) fn after_connecting(core: &Arc<Core>, peer: &Arc<Peer>) {
    if core.keys.usable(Timestamp::now()).len() > 1 {
        let (core, peer) = (Arc::clone(core), Arc::clone(peer));
        // Err is logged; the next connection tries again.
        tokio::spawn(async move { drop(announce(&core, peer).await) });
    }
    let (partners, peer) = (Arc::clone(&core.partners), Arc::clone(peer));
    tokio::task::spawn_blocking(move || {
        if let Err(error) = partners.seen(peer.partner, peer.key()) {
            tracing::warn!(partner = peer.name, %error, "the partner's old TLS key could not be forgotten");
        }
    });
}

/// A partner tells of its new card.
pub(super) async fn taken(
    core: Arc<Core>,
    mut reader: FrameReader,
    mut writer: FrameWriter,
    using: Using,
    head: Head,
) -> Result<(), FrameError> {
    // One at a time with the calls: each card costs the disk a flush.
    let Ok(_one) = Arc::clone(&core.place(using.0.partner).calls).try_acquire_owned() else {
        return writer.refuse(Refused::Busy).await;
    };
    let body = reader.body(&head).await?;
    let text = String::from_utf8(body).map_err(|_| FrameError::Rule("a card that is not text"))?;
    let (partners, partner) = (Arc::clone(&core.partners), using.0.partner);
    let renewed = tokio::task::spawn_blocking(move || partners.renew(partner, &text, Timestamp::now())).await;
    match renewed {
        Ok(Ok((_, added))) => {
            if added == Added::Renewed {
                tracing::info!(partner = using.0.name, "the partner has a new TLS key");
            }
            writer.small(Kind::CardTaken, &[]).await?;
            writer.finish();
            Ok(())
        }
        Ok(Err(error)) => {
            tracing::warn!(partner = using.0.name, %error, "the partner's new card was refused");
            writer.refuse(Refused::Card).await
        }
        Err(_) => writer.refuse(Refused::Card).await,
    }
}
