//! What the fuzzers run (`protocol/fuzz`), and plain tests with random bytes run too.

mod join;
mod learn;
mod look_ups;
mod okvs;
mod ot;
mod union;
mod vertical;

use std::collections::VecDeque;

use crate::{
    aggregate,
    ids::{ContractId, SessionId},
    log::{
        checkpoint::Checkpoint,
        note::{Note, VerifierKey},
        proof::Receipt,
        tiles::Tile,
        witness::AddCheckpoint,
    },
    psi::{Message, Overlap, Params, Receiver, Role, Seen, Sender},
    secret::Secret,
    session::{Produced, Session, Step},
    wire::{
        Envelope, Limits, Wire,
        codec::{Bulk, Points},
        hello::{Hello, HelloSignature},
    },
};

pub use join::join_operations;
pub use learn::learn_operations;
pub use look_ups::look_up_operations;
pub use okvs::okvs_against_a_map;
pub use ot::ot_operations;
pub use union::union_operations;
pub use vertical::vertical_operations;

/// Decodes `bytes` as every message there is. Whatever decodes has these bytes as its one encoding (A11).
///
/// # Panics
/// When it has not.
pub fn decode_everything(bytes: &[u8]) {
    fn one<M: Wire>(bytes: &[u8], limits: &Limits) {
        if let Ok(message) = M::decode(bytes, limits) {
            assert_eq!(message.encode(), bytes, "a second encoding of {}", message.kind());
        }
    }
    let limits = Limits::new(1 << 16);
    one::<Message>(bytes, &limits);
    one::<aggregate::Message>(bytes, &limits);
    one::<crate::join::Message>(bytes, &limits);
    one::<crate::learn::horizontal::Message>(bytes, &limits);
    one::<crate::learn::vertical::Message>(bytes, &limits);
    one::<crate::learn::union::Message>(bytes, &limits);
    if let Ok(state) = crate::learn::vertical::State::from_bytes(bytes) {
        assert_eq!(state.to_bytes().as_slice(), bytes, "a second encoding of a state");
    }
    if let Ok(promises) = crate::learn::horizontal::Promises::decode(bytes) {
        assert_eq!(promises.encode(), bytes, "a second encoding of promises");
    }
    if let Ok(figures) = aggregate::Figures::decode(bytes) {
        assert_eq!(figures.encode(), bytes, "a second encoding of figures");
    }
    one::<Hello>(bytes, &limits);
    one::<HelloSignature>(bytes, &limits);
    if let Ok(envelope) = Envelope::decode(bytes, &limits) {
        assert_eq!(envelope.encode(), bytes, "a second encoding of an envelope");
        one::<Message>(envelope.body, &limits);
        one::<aggregate::Message>(envelope.body, &limits);
    }
    log_texts(bytes);
}

/// The texts of the log: whatever is read is written back in the same bytes (LOG-03).
fn log_texts(bytes: &[u8]) {
    let same = |written: Option<String>, what: &str| {
        assert!(written.is_none_or(|written| written.as_bytes() == bytes), "a second spelling of {what}");
    };
    same(Note::parse(bytes).ok().map(|note| note.to_string()), "a note");
    same(AddCheckpoint::parse(bytes).ok().map(|request| request.to_string()), "a request");
    same(Receipt::parse(bytes).ok().map(|receipt| receipt.to_string()), "a receipt");
    if let Ok(text) = str::from_utf8(bytes) {
        same(Checkpoint::parse(text).ok().map(|head| head.to_string()), "a head");
        same(text.parse().ok().map(|key: VerifierKey| key.to_string()), "a key");
        same(text.parse().ok().map(|tile: Tile| tile.to_string()), "a tile's path");
    }
}

/// Reads `operations` as things that happen to a small run: who goes next, and what is done to the message
/// that is next on the wire. However it goes, a receiver that ends with an answer has the right one, and
/// nobody panics.
///
/// # Panics
/// When the answer is wrong.
pub fn psi_operations(operations: &[u8]) {
    let mut operations = operations.iter().copied();
    let own = operations.next().map_or(3, |byte| u32::from(byte % 8));
    let theirs = operations.next().map_or(3, |byte| u32::from(byte % 8));
    let shift = operations.next().map_or(1, |byte| u32::from(byte % 8));
    let mut run = Run::new(own, theirs, shift);
    while let Some(operation) = operations.next() {
        let mut next = || operations.next().unwrap_or(0);
        let wire = if operation & 0x80 == 0 { &mut run.to_receiver } else { &mut run.to_sender };
        match operation & 0x7f {
            0..=31 => run.step(operation & 3),
            32 => drop(wire.pop_front()),
            33 => wire.extend(wire.front().cloned()),
            34 => wire.rotate_left(wire.len().min(1)),
            35 => {
                let (at, bit) = (usize::from(next()) * 256 + usize::from(next()), next() % 8);
                if let Some(message) = wire.front_mut()
                    && let Some(byte) =
                        message.len().checked_sub(1).and_then(|last| message.get_mut(at.min(last)))
                {
                    *byte ^= 1 << bit;
                }
            }
            36 => {
                if let Some(message) = wire.front_mut() {
                    message.truncate(usize::from(next()));
                }
            }
            37 => {
                let [kind, index, length, fill] = [next(), next(), next() % 16, next()];
                wire.push_front(made(kind, index.into(), length.into(), fill).encode());
            }
            38 => wire.push_back(vec![next(); usize::from(next())]),
            _ => {}
        }
    }
    // To its end, or to where nobody can go on.
    for turn in 0..200 {
        run.step(turn % 4);
    }
    if let Some(overlap) = run.overlap {
        let expected: Vec<bool> = (0..own).map(|number| (shift..shift + theirs).contains(&number)).collect();
        assert_eq!(overlap.matched, expected, "a wrong answer");
    }
}

/// A message that nobody said.
fn made(kind: u8, index: u32, length: usize, fill: u8) -> Message {
    let role = if fill & 1 == 0 { Role::Receiver } else { Role::Sender };
    match kind % 5 {
        0 => Message::Announce { role, count: index.into() },
        1 => Message::Blinded { index, points: Points(vec![[fill; 32]; length]) },
        2 => Message::Evaluated { index, points: Points(vec![[fill; 32]; length]) },
        3 => Message::Tags { index, tags: Bulk(vec![fill; 6 * length]) },
        _ => Message::Finished { role, transcript: [fill; 32] },
    }
}

struct Run {
    receiver: Option<Receiver>,
    sender: Option<Sender>,
    to_receiver: VecDeque<Vec<u8>>,
    to_sender: VecDeque<Vec<u8>>,
    limits: Limits,
    overlap: Option<Overlap>,
    seen: Option<Seen>,
}

impl Run {
    fn new(own: u32, theirs: u32, shift: u32) -> Self {
        let params = Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 20, 20);
        let items = |numbers: std::ops::Range<u32>| {
            let item = |number: u32| {
                let mut item = [0; 32];
                item[..4].copy_from_slice(&number.to_le_bytes());
                item
            };
            numbers.map(item).collect::<Vec<_>>()
        };
        // Three to a chunk, so that eight make three.
        let params = params.with_chunk_items(3).ok();
        let (receiver, sender) = (params.clone(), params.clone());
        let (seed, other) = (Secret::new([3; 32]), Secret::new([4; 32]));
        Self {
            limits: params.map_or(Limits::GREETING, |params| params.limits()),
            receiver: receiver.and_then(|params| Receiver::start(params, items(0..own), 1, seed).ok()),
            sender: sender
                .and_then(|params| Sender::start(params, items(shift..shift + theirs), 1, other).ok()),
            to_receiver: VecDeque::new(),
            to_sender: VecDeque::new(),
            overlap: None,
            seen: None,
        }
    }

    fn step(&mut self, which: u8) {
        let limits = self.limits;
        match which {
            0 => produce(&mut self.receiver, &mut self.to_sender),
            1 => produce(&mut self.sender, &mut self.to_receiver),
            2 => handle(
                &mut self.receiver,
                &mut self.to_receiver,
                &mut self.to_sender,
                &limits,
                &mut self.overlap,
            ),
            _ => {
                handle(&mut self.sender, &mut self.to_sender, &mut self.to_receiver, &limits, &mut self.seen)
            }
        }
    }
}

fn produce<S: Session>(end: &mut Option<S>, wire: &mut VecDeque<Vec<u8>>) {
    match end.take().map(Session::produce) {
        Some(Ok(Produced::Idle(state))) => *end = Some(state),
        Some(Ok(Produced::Message { state, message })) => {
            wire.push_back(message.encode());
            *end = Some(state);
        }
        Some(Err(_)) | None => {}
    }
}

fn handle<S: Session>(
    end: &mut Option<S>,
    incoming: &mut VecDeque<Vec<u8>>,
    outgoing: &mut VecDeque<Vec<u8>>,
    limits: &Limits,
    output: &mut Option<S::Output>,
) {
    let (true, Some(bytes)) = (end.is_some(), incoming.pop_front()) else { return };
    let Ok(message) = S::Message::decode(&bytes, limits) else {
        *end = None;
        return;
    };
    match end.take().map(|session| session.handle(message)) {
        Some(Ok(Step::Wait { state, send })) => {
            outgoing.extend(send.iter().map(Wire::encode));
            *end = Some(state);
        }
        Some(Ok(Step::Done { output: learned, send })) => {
            outgoing.extend(send.iter().map(Wire::encode));
            *output = Some(learned);
        }
        Some(Err(_)) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a11_whatever_decodes_has_one_encoding(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            decode_everything(&bytes);
        }

        /// Near to messages: a valid one with a few bytes changed.
        #[test]
        fn a11_whatever_is_near_a_message_has_one_encoding(
            kind in any::<u8>(), index in any::<u32>(), length in 0usize..5, fill in any::<u8>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut bytes = made(kind, index, length, fill).encode();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            decode_everything(&bytes);
        }

        #[test]
        fn a12_no_list_of_operations_gives_a_wrong_answer(
            operations in prop::collection::vec(
                prop_oneof![4 => 0u8..4, 1 => 32u8..39, 1 => 160u8..167, 1 => any::<u8>()], 0..60),
        ) {
            psi_operations(&operations);
        }
    }

    #[test]
    fn undisturbed_operations_end_with_an_answer() {
        let mut run = Run::new(5, 4, 2);
        (0..200u8).for_each(|turn| run.step(turn % 4));
        assert_eq!(run.overlap.map(|overlap| overlap.matched), Some(vec![false, false, true, true, true]));
        assert_eq!(run.seen.map(|seen| seen.peer_count), Some(6));
    }
}
