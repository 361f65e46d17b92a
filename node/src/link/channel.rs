//! Channels: ordered messages between two nodes that outlive the connection under them.
//!
//! One channel carries one protocol session. Its two halves are for the session's driver; what happens on
//! the wire is in [`keeper`](super::keeper), what is counted is in [`flow`](super::flow).

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use ring::hmac;
use tacit_protocol::{ids::PartnerId, secret::Secret, wire::hello::Connected};
use tokio::sync::{Notify, mpsc, watch};

use super::{
    LinkError, Traffic,
    channels::ChannelId,
    core::{Core, random},
    flow::Flow,
    keeper::{self, Attachment},
    pool::Peer,
    settings::{LARGEST_MESSAGE, LARGEST_OPENING},
};

/// What the two halves and the keeper share.
pub(super) struct Shared {
    pub id: ChannelId,
    pub partner: PartnerId,
    pub name: String,
    /// Whether this end opened it, and so is the one that takes it up again.
    pub opener: bool,
    /// Messages on their way, each direction.
    pub window: usize,
    /// Who comes back for the channel must know this; both ends derive it from the connection it was opened
    /// on, so it never travelled before it is needed.
    pub token: Secret<[u8; 32]>,
    /// The connection it was opened on.
    pub connected: Connected,
    /// The run of the partner's node that holds the other half.
    pub instance: [u8; 16],
    flow: Mutex<Flow>,
    /// The sending half, the receiving half and the keeper wait on these.
    pub room: Notify,
    pub come: Notify,
    pub work: Notify,
    failure: watch::Sender<Option<LinkError>>,
    pub attach: mpsc::Sender<Attachment>,
}

impl Shared {
    pub(super) fn new(
        id: ChannelId,
        opener: bool,
        window: usize,
        peer: &Peer,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Attachment>), LinkError> {
        let (attach, attachments) = mpsc::channel(1);
        let shared = Self {
            id,
            partner: peer.partner,
            name: peer.name.clone(),
            opener,
            window,
            token: resume_token(peer, &id)?,
            connected: peer.connected.clone(),
            instance: peer.about.instance,
            flow: Mutex::new(Flow::new(window)),
            room: Notify::new(),
            come: Notify::new(),
            work: Notify::new(),
            failure: watch::Sender::new(None),
            attach,
        };
        Ok((Arc::new(shared), attachments))
    }

    pub(super) fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the channel with an error; the first one stays.
    pub(super) fn fail(&self, error: LinkError) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert(error);
            first
        });
        self.wake();
    }

    pub(super) fn failure(&self) -> Option<LinkError> {
        self.failure.borrow().clone()
    }

    /// Waits for [`fail`](Self::fail).
    pub(super) async fn failed(&self) -> LinkError {
        let mut failure = self.failure.subscribe();
        let failed = failure.wait_for(Option::is_some).await.map(|failure| failure.clone());
        // Invariant: the sender lives in `self`, and what was waited for is there.
        failed.ok().flatten().unwrap_or(LinkError::Closed)
    }

    /// After something has come in: whoever waits looks again.
    pub(super) fn wake(&self) {
        self.room.notify_one();
        self.come.notify_one();
        self.work.notify_one();
    }
}

/// HMAC-SHA256 over the channel's id, under a key exported from TLS (RFC 8446 §7.5) for this purpose.
fn resume_token(peer: &Peer, id: &ChannelId) -> Result<Secret<[u8; 32]>, LinkError> {
    let mut key = [0; 32];
    peer.connection
        .export_keying_material(&mut key, b"EXPORTER-tacit-resume-1", b"")
        .map_err(|_| LinkError::Hello { partner: peer.name.clone(), rule: "TLS exports no key" })?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), id);
    let mut token = [0; 32];
    token.copy_from_slice(tag.as_ref());
    Ok(Secret::new(token))
}

/// An open channel. Dropping it before both directions have ended gives it up, and the partner is told.
pub struct Channel {
    sender: ChannelSender,
    receiver: ChannelReceiver,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("partner", &self.sender.shared.name).finish_non_exhaustive()
    }
}

impl Channel {
    /// Tells this channel from all others on its connection; the same at both ends.
    pub fn number(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.sender.shared.id;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (for_sender, for_receiver) = (Arc::clone(&shared), shared);
        Self {
            sender: ChannelSender { shared: for_sender },
            receiver: ChannelReceiver { shared: for_receiver, again: VecDeque::new() },
        }
    }

    /// The partner at the other end.
    pub fn partner(&self) -> PartnerId {
        self.sender.shared.partner
    }

    /// The hash over both hellos and the TLS exporter of the connection that the channel was opened on; it
    /// stays the same when the channel moves to another connection.
    pub fn binding(&self) -> &[u8; 32] {
        self.sender.shared.connected.hash()
    }

    /// The proof of who is at the other end: version, capabilities, session ids.
    pub fn connected(&self) -> &Connected {
        &self.sender.shared.connected
    }

    /// What went over it so far.
    pub fn traffic(&self) -> Traffic {
        self.sender.traffic()
    }

    /// The two directions, for two tasks.
    pub fn split(self) -> (ChannelSender, ChannelReceiver) {
        (self.sender, self.receiver)
    }

    /// See [`ChannelSender::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&mut self, message: Vec<u8>) -> Result<(), LinkError> {
        self.sender.send(message).await
    }

    /// See [`ChannelSender::finish`].
    ///
    /// # Errors
    /// As there.
    pub async fn finish(&mut self) -> Result<(), LinkError> {
        self.sender.finish().await
    }

    /// See [`ChannelReceiver::recv`].
    ///
    /// # Errors
    /// As there.
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        self.receiver.recv().await
    }
}

/// The sending half of a [`Channel`].
pub struct ChannelSender {
    shared: Arc<Shared>,
}

impl ChannelSender {
    /// Sends a message of at most 4 MiB. Returns when it is on its way; waits before that while as many
    /// messages as the window holds were not taken by the partner's application.
    ///
    /// # Errors
    /// [`LinkError::TooLong`]; whatever ended the channel, e.g. [`LinkError::Lost`], [`LinkError::Revoked`],
    /// [`LinkError::Abandoned`], [`LinkError::Gone`].
    pub async fn send(&mut self, message: Vec<u8>) -> Result<(), LinkError> {
        let (length, limit) = (message.len(), LARGEST_MESSAGE);
        if length > limit {
            return Err(LinkError::TooLong { length, limit });
        }
        let message = Bytes::from(message);
        loop {
            if let Some(error) = self.shared.failure() {
                return Err(error);
            }
            if self.queue(&message)? {
                self.shared.work.notify_one();
                return Ok(());
            }
            self.shared.room.notified().await;
        }
    }

    /// Whether there was room for it.
    fn queue(&self, message: &Bytes) -> Result<bool, LinkError> {
        let mut flow = self.shared.flow();
        if flow.has_ended() {
            return Err(LinkError::Closed);
        }
        let room = flow.has_room();
        if room {
            flow.push(message.clone());
        }
        Ok(room)
    }

    /// Ends this direction, and waits until the partner's application has taken everything.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn finish(&mut self) -> Result<(), LinkError> {
        self.shared.flow().end();
        self.shared.work.notify_one();
        loop {
            if self.shared.flow().all_taken() {
                return Ok(());
            }
            if let Some(error) = self.shared.failure() {
                return Err(error);
            }
            self.shared.room.notified().await;
        }
    }

    /// What went over the channel so far, both ways.
    pub fn traffic(&self) -> Traffic {
        self.shared.flow().traffic()
    }
}

impl Drop for ChannelSender {
    fn drop(&mut self) {
        let mut flow = self.shared.flow();
        if !flow.has_ended() {
            flow.abandon();
        }
        drop(flow);
        self.shared.work.notify_one();
    }
}

/// The receiving half of a [`Channel`].
pub struct ChannelReceiver {
    shared: Arc<Shared>,
    /// Taken, and put back.
    again: VecDeque<Vec<u8>>,
}

impl ChannelReceiver {
    /// The next message, or `None` after the last. Taking a message lets the partner send another one.
    ///
    /// # Errors
    /// Whatever ended the channel, e.g. [`LinkError::Lost`], [`LinkError::Revoked`],
    /// [`LinkError::Abandoned`], [`LinkError::Gone`].
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        if let Some(message) = self.again.pop_front() {
            return Ok(Some(message));
        }
        loop {
            let taken = self.shared.flow().take();
            if taken.is_some() {
                self.shared.work.notify_one();
                return Ok(taken);
            }
            if self.shared.flow().is_over() {
                return Ok(None);
            }
            if let Some(error) = self.shared.failure() {
                return Err(error);
            }
            self.shared.come.notified().await;
        }
    }

    /// Messages that were taken and are for somebody else, oldest first: they come again, before all others.
    pub fn put_back(&mut self, messages: Vec<Vec<u8>>) {
        messages.into_iter().rev().for_each(|message| self.again.push_front(message));
    }

    /// What went over the channel so far, both ways.
    pub fn traffic(&self) -> Traffic {
        self.shared.flow().traffic()
    }
}

impl Drop for ChannelReceiver {
    fn drop(&mut self) {
        self.shared.flow().deafen();
        self.shared.work.notify_one();
    }
}

/// A channel that a partner has opened.
#[derive(Debug)]
pub struct Incoming {
    /// Who opened it.
    pub partner: PartnerId,
    /// What it came with, at most 64 KiB.
    pub opening: Vec<u8>,
    /// The channel.
    pub channel: Channel,
}

impl Core {
    /// Opens a channel; see [`Link::open`](super::Link::open).
    pub(super) async fn open(
        self: &Arc<Self>,
        partner: PartnerId,
        opening: Vec<u8>,
        window: u16,
    ) -> Result<Channel, LinkError> {
        let (length, limit) = (opening.len(), LARGEST_OPENING);
        if length > limit {
            return Err(LinkError::TooLong { length, limit });
        }
        let id: ChannelId = random()?;
        let window = window.max(1);
        // As long as the other end has not said that the channel stands, it can be opened anew elsewhere; but
        // it may stand without our knowing, so the first thing tried on the next connection is to go on.
        keeper::open(self, partner, id, window, Bytes::from(opening)).await.map(Channel::new)
    }
}
