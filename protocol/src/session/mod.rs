//! What every protocol looks like from outside: a state that is fed messages and yields messages.
//!
//! No socket, no clock, no randomness: the driver owns streams, deadlines, progress and threads, and runs a
//! session on a compute pool. What this shape prevents: a session that goes on after an error (a step
//! consumes the state), a message taken in a state that does not expect it (A12), an answer that leaves
//! before the peer's side of the story was compared (only the last step yields the output), and memory that
//! grows with the set, because nobody waits for the wire (messages are made only when there is room).
//!
//! A driver loops:
//!
//! ```text
//!   while there is room to send:   produce → send, until Idle
//!   else take the next message:    handle  → send what it says; at Done stop
//! ```
//!
//! Two rules keep that loop from locking up, and every protocol here keeps them: of the two ends at most one
//! replies in bulk from `handle`, the other sends bulk only from `produce`; and `handle` never needs a message
//! of its own to have been sent first. `docs/decisions/0002-streaming-sessions.md` says why it is so.

mod abort;
mod record;

pub use abort::{Abort, PeerMisbehaved};
pub(crate) use record::{Record, Recorded};

use crate::wire::Wire;

/// One end of one run of a protocol.
pub trait Session: Sized + Send {
    /// The protocol's messages, both directions.
    type Message: Wire + Send;
    /// What this end has learned when the run is over.
    type Output: Send;

    /// Takes the next message of the peer, in the order in which it was sent.
    ///
    /// # Errors
    /// [`Abort`]; the state is consumed, so nothing is left to retry with.
    fn handle(self, message: Self::Message) -> Result<Step<Self>, Abort>;

    /// Makes the next message this end can make without hearing more; called whenever there is room to send.
    ///
    /// # Errors
    /// [`Abort`] as for [`handle`](Session::handle).
    fn produce(self) -> Result<Produced<Self>, Abort>;

    /// The name of the message that is due, for errors and progress.
    fn expects(&self) -> &'static str;

    /// How far the run is.
    fn progress(&self) -> Progress;
}

/// What came of a message.
#[must_use]
pub enum Step<S: Session> {
    /// The run goes on; `send` (at most one chunk, and a last word) leaves first.
    Wait { state: S, send: Vec<S::Message> },
    /// The run is over. `send` still has to leave; any further message of the peer is out of turn
    /// ([`Abort::after_the_end`]).
    Done { output: S::Output, send: Vec<S::Message> },
}

/// What came of asking for a message.
#[must_use]
pub enum Produced<S: Session> {
    /// Send this; there may be more.
    Message { state: S, message: S::Message },
    /// Nothing to say before the peer's next message.
    Idle(S),
}

impl<S: Session> Step<S> {
    /// The same of a session that has this one in it.
    pub(crate) fn within<T>(self, wrap: impl FnOnce(S) -> T) -> Step<T>
    where
        T: Session<Message = S::Message, Output = S::Output>,
    {
        match self {
            Self::Wait { state, send } => Step::Wait { state: wrap(state), send },
            Self::Done { output, send } => Step::Done { output, send },
        }
    }
}

impl<S: Session> Produced<S> {
    /// The same of a session that has this one in it.
    pub(crate) fn within<T: Session<Message = S::Message>>(self, wrap: impl FnOnce(S) -> T) -> Produced<T> {
        match self {
            Self::Message { state, message } => Produced::Message { state: wrap(state), message },
            Self::Idle(state) => Produced::Idle(wrap(state)),
        }
    }
}

/// How far a run is, in items that this end has handled, of all that it will handle. Both are padded counts
/// and say nothing about the result. `total` may grow once, when the peer's size arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Items handled.
    pub done: u64,
    /// Items to handle.
    pub total: u64,
}
