//! A new TLS key without a restart.
//!
//! The attack this stops is the key that somebody else announces: a new key counts only inside a card under
//! the node's signing key, newer than the card that is known, and comes over a connection that a key known
//! before was proven on.
//!
//! ```text
//!   1  every partner that can be reached is told of the new card   it trusts the new key and the one in use
//!   2  the new key is stored                                       in one step, in place of the old one
//!   3  the new key is shown to whoever knows it, the old one to the others
//!   4  a partner that sees the new key in use forgets the old one
//! ```
//!
//! Cut short before 2, the node goes on with the old key, after it with the new one: a partner that was told
//! takes either. One that was not told is told when it connects while this process lives; else it needs the
//! new card as a file.
//!
//! A new *signing* key has been handed over in the log before anybody is told. The card that tells of it carries the
//! hand-overs, and so does every hello, so that a partner that was not told takes the new key all the same.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tacit_protocol::ids::PartnerId;
use tokio::time::{sleep, timeout};

use super::{
    Added, Card, LinkError,
    call::exchange,
    core::Core,
    endpoint::own_key,
    frame::{FrameError, FrameReader, FrameWriter, Head, Kind, Refused},
    pool::{Peer, Using},
    tls::OwnKey,
};
use crate::config::TlsIdentity;

/// For one partner to take a card.
const ANNOUNCE: Duration = Duration::from_secs(10);
/// Before a lost connection is looked for again.
const AGAIN: Duration = Duration::from_millis(50);

/// What became of a rotation. The new key is in use in any case.
#[derive(Debug)]
pub struct Rotation {
    /// The new card, for partners that must get it by file.
    pub card: Card,
    /// Every partner, and whether it took the new card. While this process lives, one that did not is told
    /// when it next connects.
    pub told: Vec<(PartnerId, Result<(), LinkError>)>,
}

impl Core {
    /// Now, or just after the card before: of two cards of one millisecond partners would refuse the newer.
    fn moment(&self) -> Timestamp {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let after = issued.checked_add(SignedDuration::from_millis(1)).unwrap_or(*issued);
        *issued = Timestamp::now().max(after);
        *issued
    }

    /// This node's card as of now.
    pub(super) fn card(&self) -> Result<Card, LinkError> {
        Card::issue(&self.identity, &self.settings.addresses, self.moment()).map_err(LinkError::OwnCard)
    }

    pub(super) async fn rotate(self: &Arc<Self>, new: TlsIdentity) -> Result<Rotation, LinkError> {
        let key = OwnKey::load(&new).map_err(own_key)?;
        let card = Card::issue_for(&self.identity, &new, &self.settings.addresses, self.moment())
            .map_err(LinkError::OwnCard)?;
        let text = card.to_text();
        let told = self.tell_all(&text).await;
        let identity = Arc::clone(&self.identity);
        let stored = tokio::task::spawn_blocking(move || identity.replace_tls(new)).await;
        let stored = stored.map_err(|_| LinkError::Closed)?;
        stored.map_err(|error| LinkError::KeyNotStored(Arc::new(error)))?;
        self.keys.rotate(key);
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        Ok(Rotation { card, told })
    }

    /// Tells every partner of the signing key that is in force now, by a card that it has signed and that the
    /// hand-over leads to.
    pub(super) async fn announce_signing_key(self: &Arc<Self>) -> Result<Rotation, LinkError> {
        let card = self.card()?;
        let text = card.to_text();
        // First, so that whoever connects meanwhile is told as well.
        *self.announced.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.clone());
        let told = self.tell_all(&text).await;
        Ok(Rotation { card, told })
    }

    async fn tell_all(self: &Arc<Self>, text: &str) -> Vec<(PartnerId, Result<(), LinkError>)> {
        let telling = self.partners.list().into_iter().map(|partner| {
            let (core, id, text) = (Arc::clone(self), partner.card().id(), text.to_owned());
            let told = async move {
                let told = timeout(ANNOUNCE, async {
                    loop {
                        let told = match core.connection(id).await {
                            Ok(peer) => announce(&core, peer, text.clone()).await,
                            Err(error) => Err(error),
                        };
                        match told {
                            // Two nodes that dial each other give one of their connections up: the other one stays.
                            Err(LinkError::Lost { .. } | LinkError::Gone { .. }) => sleep(AGAIN).await,
                            told => return told,
                        }
                    }
                });
                let partner = partner.card().name().to_owned();
                told.await.unwrap_or(Err(LinkError::Deadline { partner }))
            };
            (id, tokio::spawn(told))
        });
        // All of them at once, and only then one after the other.
        let telling: Vec<_> = telling.collect();
        let mut told = Vec::with_capacity(telling.len());
        for (partner, task) in telling {
            told.push((partner, task.await.unwrap_or(Err(LinkError::Closed))));
        }
        told
    }
}

/// Tells one partner of the new card.
async fn announce(core: &Core, peer: Arc<Peer>, card: String) -> Result<(), LinkError> {
    let name = peer.name.clone();
    let told = exchange(core, peer, (Kind::Card, Kind::CardTaken), Bytes::from(card)).await;
    if let Err(error) = &told {
        tracing::warn!(partner = name, %error, "the partner has not taken the new card");
    }
    told.map(drop)
}

/// On a new connection: tells the partner of a rotation it may not have heard of, and notes which of its own
/// keys it uses now.
pub(super) fn after_connecting(core: &Arc<Core>, peer: &Arc<Peer>) {
    let announced = core.announced.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(card) = announced {
        let (core, peer) = (Arc::clone(core), Arc::clone(peer));
        // Err is logged; the next connection tries again.
        tokio::spawn(async move { drop(timeout(ANNOUNCE, announce(&core, peer, card)).await) });
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
    let (partners, peer) = (Arc::clone(&core.partners), Arc::clone(&using.0));
    let renewed = tokio::task::spawn_blocking(move || {
        partners.renew((peer.partner, peer.key()), &text, Timestamp::now())
    });
    match renewed.await {
        Ok(Ok((_, added))) => {
            if added == Added::Renewed {
                tracing::info!(partner = using.0.name, "the partner has a new key");
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
