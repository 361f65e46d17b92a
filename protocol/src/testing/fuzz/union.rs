//! Operations on a small union.

use crate::{
    ids::{ContractId, SessionId},
    learn::union::{Padding, Params, Role, United, Uniter},
    secret::Secret,
    testing::{Ended, Meddler, Pair, Tampering},
    wire::Role as End,
};

/// Reads `operations` as two small sets, how the ends take turns, and one thing that is done to one message. However it
/// goes, an end that has a union has the right one, and nobody panics.
///
/// # Panics
/// When the union is wrong.
pub fn union_operations(operations: &[u8]) {
    let mut operations = operations.iter().copied();
    let mut next = || operations.next().unwrap_or(0);
    let sets = [0, 0, 0].map(|_| u32::from(next() % 8));
    let (room, schedule) = (1 + usize::from(next() % 4), next().into());
    let by = if next() % 2 == 0 { End::Initiator } else { End::Responder };
    let number = usize::from(next() % 20);
    let at = usize::from(next());
    let tampering = match next() % 7 {
        0 => Tampering::Drop,
        1 => Tampering::Repeat,
        2 => Tampering::Swap,
        3 => Tampering::Cut(at),
        4 => Tampering::Extend,
        5 => Tampering::Flip { byte: at, bit: next() % 8 },
        _ => Tampering::Flip { byte: at % 20, bit: next() % 8 },
    };
    let run = |schedule, meddler: &mut Meddler| run(sets, room, schedule, meddler);
    let Some(truth) = run(0, &mut Meddler::idle()) else { return };
    let Some(ended) = run(schedule, &mut Meddler::on_message(by, number, tampering)) else { return };
    let right = |end: Result<United, _>, truth: Result<United, _>| match (end, truth) {
        // The record's order in a transcript is that of each direction, whoever goes first.
        (Ok(end), Ok(truth)) => end.places == truth.places && end.about == truth.about,
        (Ok(_), Err(_)) => false,
        (Err(_), _) => true,
    };
    assert!(right(ended.initiator, truth.initiator), "a wrong union at the asker");
    assert!(right(ended.responder, truth.responder), "a wrong union at the answerer");
}

fn run(sets: [u32; 3], room: usize, schedule: u64, meddler: &mut Meddler) -> Option<Ended<United, United>> {
    // Three to a chunk, so that eight make three.
    let params = Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 20, 20, 1, 0);
    let params = params.with_chunk_items(3).ok()?;
    let [own, theirs, shift] = sets;
    let start = |role: Role, numbers: std::ops::Range<u32>| {
        let items: Vec<_> = numbers.map(|number| Some([number as u8; 32])).collect();
        let padding = Padding { alone: 1, shared: role as u32 };
        Uniter::start(params.clone(), role, &items, padding, Secret::new([3 + role as u8; 32])).ok()
    };
    let (asker, answerer) = (start(Role::Asker, 0..own)?, start(Role::Answerer, shift..shift + theirs)?);
    Some(Pair::new(asker, answerer, params.limits()).room(room).schedule(schedule).run_past(meddler))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        learn::union::Message,
        testing::fuzz::decode_everything,
        wire::{Wire, codec::Points},
    };

    proptest! {
        #[test]
        fn union_12_no_meddling_with_a_union_gives_another(operations in prop::collection::vec(any::<u8>(), 12)) {
            union_operations(&operations);
        }

        #[test]
        fn a11_whatever_is_near_a_message_of_a_union_has_one_encoding(
            index in any::<u32>(), length in 0usize..5,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let points = Points(vec![[7; 32]; length]);
            let mut bytes = Message::Asked { role: Role::Answerer, index, points }.encode();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            decode_everything(&bytes);
        }
    }
}
