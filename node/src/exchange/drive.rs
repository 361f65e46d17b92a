//! Runs a session over a channel.
//!
//! Two pumps move messages between the channel and small queues; one compute thread turns the session. It
//! makes messages while there is room and takes the next one in between, so both directions of the wire and
//! all cores stay busy while memory stays at a few chunks. The session's own work fans out over rayon; the
//! I/O threads never compute.

use std::{convert::Infallible, time::Duration};

use tacit_protocol::{
    session::{Abort, Produced, Session, Step},
    wire::{Inbox, Limits, Outbox},
};
use tokio::sync::mpsc;

use super::{
    error::ExchangeError,
    question::{Aside, Spoken, protocol_message, take_apart},
};
use crate::{
    link::{ChannelReceiver, ChannelSender, LinkError},
    rooms::joined,
};

/// Messages that may wait in each direction between the channel and the compute thread.
const QUEUE: usize = 2;

/// A partner that computes says something at every chunk; one that is silent for so long does not.
pub(super) const SILENCE: Duration = Duration::from_secs(300);

/// Hears how far a session is: (items done, items in all).
pub type Watch = Box<dyn FnMut(u64, u64) + Send>;

/// Sees every message before it leaves, on the compute thread; one that it objects to does not leave.
pub(super) type Before<M> = Box<dyn FnMut(&M) -> Result<(), ExchangeError> + Send>;

/// What the compute thread finds in its inbox.
enum Incoming {
    /// As it came, so that it can be put back.
    Message(Vec<u8>),
    /// The channel is over.
    Over(ExchangeError),
}

/// The session's ends on the wire.
pub(super) struct Ends {
    pub sender: ChannelSender,
    pub receiver: ChannelReceiver,
    pub partner: String,
}

/// Runs `session` to its end.
///
/// On an abort the caller tells the partner, once the abort is on record.
pub(super) async fn drive<S>(
    session: S,
    (outbox, inbox): (Outbox, Inbox),
    limits: Limits,
    ends: &mut Ends,
    watch: Watch,
) -> Result<S::Output, ExchangeError>
where
    S: Session + 'static,
    S::Message: 'static,
{
    drive_with(session, (outbox, inbox), limits, ends, watch, Box::new(|_| Ok(()))).await
}

/// As [`drive`], with a look at every message before it leaves.
pub(super) async fn drive_with<S>(
    session: S,
    (outbox, inbox): (Outbox, Inbox),
    limits: Limits,
    ends: &mut Ends,
    watch: Watch,
    before: Before<S::Message>,
) -> Result<S::Output, ExchangeError>
where
    S: Session + 'static,
    S::Message: 'static,
{
    let (to_wire, outgoing) = mpsc::channel::<Vec<u8>>(QUEUE);
    let (incoming, from_wire) = mpsc::channel::<Incoming>(QUEUE);
    let handle = tokio::runtime::Handle::current();
    let mut turning =
        Turning { outbox, inbox, limits, to_wire, from_wire, watch, partner: ends.partner.clone() };
    let compute = tokio::task::spawn_blocking(move || {
        let output = handle.block_on(turning.run(session, before));
        (output, turning.from_wire)
    });

    let Ends { sender, receiver, partner } = ends;
    // Owns its queue: when the wire fails, the queue closes and the compute thread hears of it.
    let pump_out = async move {
        let mut outgoing = outgoing;
        while let Some(message) = outgoing.recv().await {
            sender.send(message).await?;
        }
        Ok(sender)
    };
    let pump_in = async {
        loop {
            // Room first: whatever was taken is in the queue then, where it is found again.
            let Ok(room) = incoming.reserve().await else { break };
            let next = match tokio::time::timeout(SILENCE, receiver.recv()).await {
                Err(_) => Incoming::Over(ExchangeError::Silent { partner: partner.clone() }),
                Ok(Ok(Some(message))) => Incoming::Message(message),
                // The partner finished its half: nothing more will come, which only matters if more was due.
                Ok(Ok(None)) => Incoming::Over(ExchangeError::OutOfPlace {
                    partner: partner.clone(),
                    expected: "the rest of the protocol",
                }),
                Ok(Err(source)) => Incoming::Over(ExchangeError::Link { partner: partner.clone(), source }),
            };
            let over = matches!(next, Incoming::Over(_));
            room.send(next);
            if over {
                break;
            }
        }
        std::future::pending::<Infallible>().await
    };
    let turned = async {
        let (output, left) = joined(compute.await);
        Ok((output?, left))
    };
    let sent =
        async { pump_out.await.map_err(|source| ExchangeError::Link { partner: partner.clone(), source }) };
    // The first error ends it: neither a wire that takes nothing nor a session that waits for it may hold the
    // other up. Without an error, all messages are on the wire when both are done.
    let work = async { tokio::try_join!(turned, sent).map(|(output, _)| output) };
    let (output, mut left) = tokio::select! {
        biased;
        outcome = work => outcome?,
        never = pump_in => match never {},
    };
    // A partner that is done before us may have begun with what comes next, and its first words are no part of this.
    let ahead = std::iter::from_fn(|| left.try_recv().ok());
    let ahead = ahead.filter_map(|incoming| match incoming {
        Incoming::Message(message) => Some(message),
        Incoming::Over(_) => None,
    });
    receiver.put_back(ahead.collect());
    Ok(output)
}

/// The compute thread's belongings.
struct Turning {
    outbox: Outbox,
    inbox: Inbox,
    limits: Limits,
    to_wire: mpsc::Sender<Vec<u8>>,
    from_wire: mpsc::Receiver<Incoming>,
    watch: Watch,
    partner: String,
}

impl Turning {
    async fn run<S: Session>(
        &mut self,
        mut session: S,
        mut before: Before<S::Message>,
    ) -> Result<S::Output, ExchangeError> {
        let mut idle = false;
        loop {
            // Nobody drives any more: the question was dropped, or the wire failed.
            if self.to_wire.is_closed() {
                return Err(ExchangeError::Link { partner: self.partner.clone(), source: LinkError::Closed });
            }
            let progress = session.progress();
            (self.watch)(progress.done, progress.total);
            if !idle && let Ok(room) = self.to_wire.try_reserve() {
                match session.produce().map_err(|abort| self.aborted(abort))? {
                    Produced::Message { state, message } => {
                        before(&message)?;
                        room.send(protocol_message(self.outbox.seal(&message)));
                        session = state;
                    }
                    Produced::Idle(state) => {
                        session = state;
                        idle = true;
                    }
                }
            }
            let Some(incoming) = self.next(idle).await else { continue };
            let message = match incoming {
                Incoming::Message(message) => {
                    let envelope = self.envelope(message)?;
                    let opened = self.inbox.open::<S::Message>(&envelope, &self.limits);
                    opened.map_err(|error| self.aborted(error.into()))?
                }
                Incoming::Over(error) => return Err(error),
            };
            idle = false;
            match session.handle(message).map_err(|abort| self.aborted(abort))? {
                Step::Wait { state, send } => {
                    session = state;
                    self.say(send, &mut before).await?;
                }
                Step::Done { output, send } => {
                    self.say(send, &mut before).await?;
                    return Ok(output);
                }
            }
        }
    }

    /// A message of the protocol; the partner may have ended the session instead.
    fn envelope(&self, message: Vec<u8>) -> Result<Vec<u8>, ExchangeError> {
        let partner = self.partner.clone();
        match take_apart(message) {
            Some(Spoken::Protocol(envelope)) => Ok(envelope),
            Some(Spoken::Aside(Aside::Ended { code } | Aside::Refused { code, .. })) => {
                Err(ExchangeError::Ended { partner, code })
            }
            _ => Err(ExchangeError::OutOfPlace { partner, expected: "a protocol message" }),
        }
    }

    /// The next message, if there is one now; waits when there is nothing else to do.
    async fn next(&mut self, idle: bool) -> Option<Incoming> {
        if let Ok(incoming) = self.from_wire.try_recv() {
            return Some(incoming);
        }
        if !idle && self.to_wire.capacity() > 0 {
            return None;
        }
        tokio::select! {
            incoming = self.from_wire.recv() => incoming,
            // Room to send: back to producing.
            _ = self.to_wire.reserve(), if !idle => None,
        }
    }

    async fn say<M: tacit_protocol::wire::Wire>(
        &mut self,
        messages: Vec<M>,
        before: &mut Before<M>,
    ) -> Result<(), ExchangeError> {
        for message in messages {
            before(&message)?;
            // The receiving half lives as long as this thread; when it is gone the outcome is decided anyway.
            let _ = self.to_wire.send(protocol_message(self.outbox.seal(&message))).await;
        }
        Ok(())
    }

    fn aborted(&self, source: Abort) -> ExchangeError {
        ExchangeError::Protocol { partner: self.partner.clone(), source }
    }
}
