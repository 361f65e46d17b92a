//! The two directions of a channel as counters and queues, without any I/O.
//!
//! Each direction numbers its messages from 0. A message stays with its sender until the application at the
//! other end has taken it. After a broken connection both ends tell how far they have *received*, and only
//! what is missing is sent again: with a window of one, at most one message a direction.

use std::collections::VecDeque;

use bytes::Bytes;

/// How far a direction has come, as its receiving end sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// Messages that have arrived whole; the end counts as one more.
    pub received: u64,
    /// Messages that the application has taken.
    pub taken: u64,
}

impl Progress {
    pub(super) fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.received.to_le_bytes());
        bytes[8..].copy_from_slice(&self.taken.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (received, taken) = bytes.split_first_chunk()?;
        let taken: &[u8; 8] = taken.try_into().ok()?;
        Some(Self { received: u64::from_le_bytes(*received), taken: u64::from_le_bytes(*taken) })
    }
}

/// What went over a channel, counted in whole frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes of messages sent, with what was sent again.
    pub sent: u64,
    /// Bytes of messages received.
    pub received: u64,
    /// Messages sent, each counted once.
    pub messages_sent: u64,
    /// Messages received.
    pub messages_received: u64,
    /// Messages whose sending was begun a second time, after a broken connection.
    pub resent: u64,
}

/// The next thing to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Out {
    Ack(Progress),
    Message(u64, Bytes),
    End(u64),
    Abandon,
}

/// A frame that does not fit the counters: no honest node sends it.
pub(super) type Broken = &'static str;

/// Both directions.
#[derive(Debug, Default)]
pub(super) struct Flow {
    window: usize,
    /// Messages that the other end has not taken; the first has number `theirs.taken`.
    waiting: VecDeque<Bytes>,
    /// How far the other end is with ours.
    theirs: Progress,
    /// The next item to write on the present stream, and the first whose writing was never begun.
    next: u64,
    begun: u64,
    ended: bool,
    /// Messages that have arrived and were not taken; the last has number `ours.received - 1`.
    ready: VecDeque<Vec<u8>>,
    /// How far we are with theirs, and what of it was told on the present stream.
    ours: Progress,
    told: Progress,
    their_end: bool,
    /// The application has dropped its receiving half.
    deaf: bool,
    abandoned: bool,
    traffic: Traffic,
}

/// Bytes around a message: kind, length, number.
const OVERHEAD: u64 = 13;

impl Flow {
    pub(super) fn new(window: usize) -> Self {
        Self { window: window.max(1), ..Self::default() }
    }

    /// Messages given to us so far, which is also the number of the end.
    fn total(&self) -> u64 {
        self.theirs.taken + self.waiting.len() as u64
    }

    // The application's side.

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < self.window
    }

    pub(super) fn push(&mut self, message: Bytes) {
        self.waiting.push_back(message);
    }

    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the other end's application has taken all messages.
    pub(super) fn all_taken(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        let message = self.ready.pop_front()?;
        self.ours.taken += 1;
        Some(message)
    }

    /// Whether nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.their_end && self.ready.is_empty()
    }

    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }

    pub(super) const fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// The application listens no more: what it has not taken, or what still comes, gives the channel up.
    pub(super) fn deafen(&mut self) {
        self.deaf = true;
        self.abandoned |= !self.ready.is_empty();
    }

    pub(super) const fn traffic(&self) -> Traffic {
        self.traffic
    }

    // The stream's side.

    /// The next thing to write, if there is one. It counts as begun.
    pub(super) fn next_out(&mut self) -> Option<Out> {
        if self.abandoned {
            return Some(Out::Abandon);
        }
        if self.told != self.ours {
            self.told = self.ours;
            return Some(Out::Ack(self.ours));
        }
        let number = self.next;
        let out = match self.waiting.get(number.checked_sub(self.theirs.taken)? as usize) {
            Some(message) => {
                self.traffic.sent += message.len() as u64 + OVERHEAD;
                if number < self.begun {
                    self.traffic.resent += 1;
                } else {
                    self.traffic.messages_sent += 1;
                }
                Out::Message(number, message.clone())
            }
            None if self.ended && number == self.total() => Out::End(number),
            None => return None,
        };
        self.next += 1;
        self.begun = self.begun.max(self.next);
        Some(out)
    }

    /// Whether the window allows one more message to come in.
    pub(super) fn may_come(&self) -> bool {
        self.ready.len() < self.window
    }

    /// Bytes that were written on the present stream and that the other end has not received.
    pub(super) fn under_way(&self) -> usize {
        let first = (self.theirs.received - self.theirs.taken).min(self.waiting.len() as u64) as usize;
        let written = (self.next - self.theirs.taken).min(self.waiting.len() as u64) as usize;
        let end = usize::from(self.next > self.theirs.received);
        self.waiting.range(first..written.max(first)).map(Bytes::len).sum::<usize>() + end
    }

    pub(super) fn on_message(&mut self, number: u64, message: Vec<u8>) -> Result<(), Broken> {
        if self.their_end || number != self.ours.received {
            return Err("a message out of its order");
        }
        if !self.may_come() {
            return Err("more messages than the window allows");
        }
        self.traffic.received += message.len() as u64 + OVERHEAD;
        self.traffic.messages_received += 1;
        self.ours.received += 1;
        if self.deaf {
            self.abandoned = true;
        } else {
            self.ready.push_back(message);
        }
        Ok(())
    }

    pub(super) fn on_end(&mut self, number: u64) -> Result<(), Broken> {
        if self.their_end || number != self.ours.received {
            return Err("an end out of its order");
        }
        self.ours.received += 1;
        self.their_end = true;
        Ok(())
    }

    pub(super) fn on_ack(&mut self, theirs: Progress) -> Result<(), Broken> {
        self.advance(theirs, self.next)
    }

    /// How far we are, to be told when a stream replaces a broken one.
    pub(super) fn progress(&mut self) -> Progress {
        self.told = self.ours;
        self.ours
    }

    /// A new stream replaces a broken one: what they have not received is written again.
    pub(super) fn resume(&mut self, theirs: Progress) -> Result<(), Broken> {
        self.advance(theirs, self.begun)?;
        self.next = theirs.received;
        Ok(())
    }

    fn advance(&mut self, theirs: Progress, written: u64) -> Result<(), Broken> {
        let sensible = theirs.received <= written
            && theirs.taken <= theirs.received.min(self.total())
            && theirs.received >= self.theirs.received
            && theirs.taken >= self.theirs.taken;
        if !sensible {
            return Err("an acknowledgement of what was not sent, or less than one before");
        }
        // At most `waiting.len()`, because `taken` is at most `total()`.
        self.waiting.drain(..(theirs.taken - self.theirs.taken) as usize);
        self.theirs = theirs;
        Ok(())
    }

    /// Both directions are at their end, and both ends know it as far as this one can tell.
    pub(super) fn is_done(&self) -> bool {
        let ours = self.ended && self.waiting.is_empty() && self.theirs.received == self.total() + 1;
        let theirs = self.their_end && self.ready.is_empty() && self.told == self.ours;
        ours && theirs
    }

    /// A number that grows with everything that gets through, either way.
    pub(super) const fn got_through(&self) -> u64 {
        self.ours.received + self.ours.taken + self.theirs.received + self.theirs.taken
    }
}

#[cfg(test)]
#[path = "tests/flow.rs"]
mod tests;
