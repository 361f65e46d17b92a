//! Bytes on the wire: what a message looks like, how long it may be, and whose it is.
//!
//! The attacks this stops: a length field that makes the node allocate more than was sent (A07, A10), two
//! byte strings that mean the same message (A11), a message of one session or one direction passed off as
//! another's (A14, A15), and a hello that was moved to another connection or made to offer less (A13, F09).
//!
//! ```text
//!   codec     one canonical encoding: fixed-width integers, nothing trailing, nothing unknown
//!   limits    how many bytes a message may have, looked at before anything is decoded
//!   envelope  session, sequence number and role around every message of a session
//!   version   the protocol versions both sides can speak
//!   hello     who is speaking, bound to the TLS connection; the session ids that follow from it
//! ```

pub mod codec;
pub mod envelope;
pub mod hello;
pub mod limits;
pub mod version;

pub use envelope::{Envelope, Inbox, Outbox, Role};
pub use limits::Limits;

/// A message that has exactly one encoding.
pub trait Wire: Sized {
    /// The message's name, for errors and logs; never any of its content.
    fn kind(&self) -> &'static str;

    /// The one encoding of this message.
    fn encode(&self) -> Vec<u8>;

    /// Reads the one encoding back.
    ///
    /// # Errors
    /// [`WireError`] when `bytes` is longer than `limits` allows, ends early, goes on afterwards, or is
    /// anything but what [`encode`](Wire::encode) would have written.
    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError>;
}

/// A rule of the wire that the bytes received did not keep.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// More bytes than this message may have; nothing of it was read.
    #[error("the message has {length} bytes where at most {limit} are allowed")]
    TooLong { length: usize, limit: usize },
    /// The bytes end inside the message.
    #[error("the message ends too early")]
    Cut,
    /// There are bytes after the end of the message.
    #[error("{0} bytes follow the end of the message")]
    TrailingBytes(usize),
    /// An unknown tag, a list that is too long, or a value no message contains.
    #[error("the message is not in the one form it may have")]
    Malformed,
    /// The envelope names another session than the one it arrived in.
    #[error("the message belongs to another session")]
    OtherSession,
    /// The envelope carries this side's own role: one of our messages was sent back to us.
    #[error("one of our own messages came back")]
    Reflected,
    /// A message was lost, repeated or overtook another.
    #[error("message {expected} was due, message {got} came")]
    OutOfSequence { expected: u64, got: u64 },
}

impl WireError {
    /// The stable code, the same in every log and answer.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "E-WIRE-TOO-LONG",
            Self::Cut => "E-WIRE-CUT",
            Self::TrailingBytes(_) => "E-WIRE-TRAILING-BYTES",
            Self::Malformed => "E-WIRE-MALFORMED",
            Self::OtherSession => "E-WIRE-OTHER-SESSION",
            Self::Reflected => "E-WIRE-REFLECTED",
            Self::OutOfSequence { .. } => "E-WIRE-OUT-OF-SEQUENCE",
        }
    }
}
