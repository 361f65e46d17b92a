//! What stands around every message of a session: which session, the how-many-eth message, who speaks.
//!
//! The attacks this stops: a message replayed or lost (sequence, A12, A16), one of another session spliced
//! in (session id, A14), and our own message sent back to us (role, A15). Both ends count for themselves, so
//! the checks need nothing from the peer. On a broken connection [`Inbox::next`] says from where to resume.

use serde::{Deserialize, Serialize};

use super::{Limits, Wire, WireError, codec, codec::Slice};
use crate::ids::SessionId;

/// Bytes an envelope adds to its message: session 32, sequence 8, role 4, length 8.
pub const OVERHEAD: usize = 32 + 8 + 4 + 8;

/// Which end of a session speaks: the one that opened it, or the one that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Opened the session.
    Initiator,
    /// Was asked.
    Responder,
}

impl Role {
    /// The other end.
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }

    /// The role's name, as it enters hashes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initiator => "initiator",
            Self::Responder => "responder",
        }
    }
}

/// A frame as received: where it belongs, and the bytes of the message in it.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    /// The session it claims to belong to.
    pub session: SessionId,
    /// Its number among the messages of its direction, from 0.
    pub sequence: u64,
    /// Who claims to have sent it.
    pub role: Role,
    /// The message, still encoded.
    pub body: &'a [u8],
}

#[derive(Serialize, Deserialize)]
struct Frame<'a> {
    session: SessionId,
    sequence: u64,
    role: Role,
    #[serde(borrow)]
    body: Slice<'a>,
}

impl<'a> Envelope<'a> {
    /// The bytes of the frame.
    pub fn encode(&self) -> Vec<u8> {
        let Self { session, sequence, role, body } = *self;
        codec::encode(&Frame { session, sequence, role, body: Slice(body) }, OVERHEAD + body.len())
    }

    /// Reads a frame without looking into its message: enough to find its session and its place.
    ///
    /// # Errors
    /// [`WireError`] when the frame is longer than `limits` for a message and its envelope, or malformed.
    pub fn decode(frame: &'a [u8], limits: &Limits) -> Result<Self, WireError> {
        let Frame { session, sequence, role, body } = codec::decode(frame, &limits.framed())?;
        Ok(Self { session, sequence, role, body: body.0 })
    }
}

/// One end's outgoing messages of one session: numbers and seals them.
#[derive(Debug, Clone)]
pub struct Outbox {
    session: SessionId,
    role: Role,
    next: u64,
}

impl Outbox {
    /// For the end that speaks as `role`.
    pub const fn new(session: SessionId, role: Role) -> Self {
        Self { session, role, next: 0 }
    }

    /// Seals the next message.
    pub fn seal<M: Wire>(&mut self, message: &M) -> Vec<u8> {
        self.seal_body(&message.encode())
    }

    /// Seals the next message from its encoding.
    pub fn seal_body(&mut self, body: &[u8]) -> Vec<u8> {
        let sequence = self.next;
        self.next += 1;
        Envelope { session: self.session, sequence, role: self.role, body }.encode()
    }

    /// The number of the next message, which is how many were sealed.
    pub const fn next(&self) -> u64 {
        self.next
    }
}

/// One end's incoming messages of one session: takes each exactly once and in order.
#[derive(Debug, Clone)]
pub struct Inbox {
    session: SessionId,
    role: Role,
    next: u64,
}

impl Inbox {
    /// For the end that itself speaks as `own`.
    pub const fn new(session: SessionId, own: Role) -> Self {
        Self { session, role: own.peer(), next: 0 }
    }

    /// The number of the message that is due; after a broken connection, the peer sends again from here.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Takes the frame that is due and reads its message.
    ///
    /// # Errors
    /// [`WireError`] for a frame of another session, of our own role, out of sequence, or malformed. The
    /// inbox then still waits for the same message; what to do about the peer is the caller's to say.
    pub fn open<M: Wire>(&mut self, frame: &[u8], limits: &Limits) -> Result<M, WireError> {
        let envelope = Envelope::decode(frame, limits)?;
        if envelope.session != self.session {
            return Err(WireError::OtherSession);
        }
        if envelope.role != self.role {
            return Err(WireError::Reflected);
        }
        if envelope.sequence != self.next {
            return Err(WireError::OutOfSequence { expected: self.next, got: envelope.sequence });
        }
        let message = M::decode(envelope.body, limits)?;
        self.next += 1;
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Bulk;

    const ROOMY: Limits = Limits::new(1000);
    const X: SessionId = SessionId::new([1; 32]);
    const Y: SessionId = SessionId::new([2; 32]);

    #[derive(Debug, PartialEq)]
    struct Note(u8);
    impl Wire for Note {
        fn kind(&self) -> &'static str {
            "Note"
        }
        fn encode(&self) -> Vec<u8> {
            codec::encode(&Bulk(vec![self.0]), 9)
        }
        fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
            match codec::decode::<Bulk>(bytes, limits)?.0[..] {
                [note] => Ok(Self(note)),
                _ => Err(WireError::Malformed),
            }
        }
    }

    fn frames(session: SessionId, role: Role) -> Vec<Vec<u8>> {
        let mut outbox = Outbox::new(session, role);
        (0..3).map(|note| outbox.seal(&Note(note))).collect()
    }

    #[test]
    fn in_order_each_message_is_taken_once() {
        let mut inbox = Inbox::new(X, Role::Responder);
        for (note, frame) in (0..).zip(frames(X, Role::Initiator)) {
            assert_eq!(inbox.open(&frame, &ROOMY), Ok(Note(note)));
            let again = inbox.open::<Note>(&frame, &ROOMY);
            let due = u64::from(note) + 1;
            assert_eq!(again, Err(WireError::OutOfSequence { expected: due, got: due - 1 }));
        }
        assert_eq!(inbox.next(), 3);
    }

    #[test]
    fn a14_a_frame_of_another_session_is_refused() {
        let mut inbox = Inbox::new(X, Role::Responder);
        let spliced = &frames(Y, Role::Initiator)[0];
        assert_eq!(inbox.open::<Note>(spliced, &ROOMY), Err(WireError::OtherSession));
    }

    #[test]
    fn a15_our_own_frame_is_refused() {
        let mut inbox = Inbox::new(X, Role::Responder);
        let ours = &frames(X, Role::Responder)[0];
        assert_eq!(inbox.open::<Note>(ours, &ROOMY), Err(WireError::Reflected));
    }

    #[test]
    fn a16_a_skipped_frame_is_noticed() {
        let mut inbox = Inbox::new(X, Role::Responder);
        let skipped = inbox.open::<Note>(&frames(X, Role::Initiator)[1], &ROOMY);
        assert_eq!(skipped, Err(WireError::OutOfSequence { expected: 0, got: 1 }));
    }

    #[test]
    fn the_overhead_is_what_it_says() {
        let body = vec![5; 100];
        let frame = Envelope { session: X, sequence: 0, role: Role::Initiator, body: &body }.encode();
        assert_eq!(frame.len(), OVERHEAD + body.len());
        assert!(Envelope::decode(&frame, &Limits::new(100)).is_ok());
        assert!(matches!(Envelope::decode(&frame, &Limits::new(99)), Err(WireError::TooLong { .. })));
    }

    #[test]
    fn a09_a_frame_cut_at_any_byte_is_an_error() {
        let frame = &frames(X, Role::Initiator)[0];
        for end in 0..frame.len() {
            assert_eq!(Envelope::decode(&frame[..end], &ROOMY).err(), Some(WireError::Cut));
        }
    }
}
