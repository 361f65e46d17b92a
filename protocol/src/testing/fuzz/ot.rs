//! Oblivious transfers with messages that are altered on the way.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use crate::{
    ot::{
        Batch, Chooser, ChooserSetup, CotChooser, CotSender, Keeper, KeeperSetup, LookupChooser, LookupSender,
    },
    secret::Secret,
    session::PeerMisbehaved,
};

const SID: &[u8] = b"fuzz";

/// Reads `operations` as transfers to do and as what is done to their messages. A message of another length
/// is refused (OT-03), a transfer whose messages arrive as they were said is right, and nobody panics.
///
/// # Panics
/// When it is not so.
pub fn ot_operations(operations: &[u8]) {
    let mut operations = operations.iter().copied();
    while let Some(operation) = operations.next() {
        let count = usize::from(operations.next().unwrap_or(0)) * 3;
        match operation % 8 {
            // Dear, so only one in eight.
            0 => setup(&mut operations),
            1..=3 => look_ups(count, &mut operations),
            _ => correlated(count, &mut operations),
        }
    }
}

/// What has become of a message.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fate {
    Kept,
    Changed,
    Resized,
}

pub(super) fn alter(message: &mut Vec<u8>, operations: &mut impl Iterator<Item = u8>) -> Fate {
    let length = message.len();
    let mut next = || operations.next().unwrap_or(0);
    match next() % 8 {
        0 if length > 0 => {
            let at = (usize::from(next()) * 256 + usize::from(next())) % length;
            message[at] ^= next() | 1;
            return Fate::Changed;
        }
        1 => message.truncate(usize::from(next())),
        2 => message.push(next()),
        3 => message.extend_from_within(..),
        _ => {}
    }
    if message.len() == length { Fate::Kept } else { Fate::Resized }
}

/// The result, unless it is a refusal that the message's fate explains.
pub(super) fn explained<T>(result: Result<T, PeerMisbehaved>, fate: Fate) -> Option<T> {
    match (result, fate) {
        (Ok(_), Fate::Resized) => panic!("a message of another length was taken"),
        (Ok(value), _) => Some(value),
        (Err(PeerMisbehaved::CountDiffers { .. }), Fate::Resized) => None,
        (Err(PeerMisbehaved::PointRefused { .. }), Fate::Changed) => None,
        (Err(rule), _) => panic!("refused for no reason: {rule}"),
    }
}

fn setup(operations: &mut impl Iterator<Item = u8>) {
    let (keeper, mut first) = KeeperSetup::<1>::start(SID, &Secret::new([1; 32]));
    let changed = alter(&mut first, operations);
    let answer = ChooserSetup::<1>::respond(SID, &Secret::new([2; 32]), &first);
    let Some((chooser, mut second)) = explained(answer, changed) else { return };
    let fate = alter(&mut second, operations);
    let Some(keeper) = explained(keeper.finish(&second), fate) else { return };
    let batch = Batch { stage: 0, slab: 0 };
    let (message, v) = chooser.encode(batch, &[[0]; 9]);
    let q = explained(keeper.rows(batch, 9, &message), Fate::Kept);
    if changed == Fate::Kept && fate == Fate::Kept {
        assert_eq!(q, Some(v), "rows that do not belong together");
    }
}

/// A correlation that all runs share, and a batch that none has used.
fn kept() -> Option<(Arc<Chooser<1>>, Arc<Keeper<1>>, Batch)> {
    type Pair = (Arc<Chooser<1>>, Arc<Keeper<1>>);
    static PAIR: OnceLock<Option<Pair>> = OnceLock::new();
    static SLAB: AtomicU32 = AtomicU32::new(0);
    let make = || {
        let (keeper, first) = KeeperSetup::start(SID, &Secret::new([1; 32]));
        let (chooser, second) = ChooserSetup::respond(SID, &Secret::new([2; 32]), &first).ok()?;
        Some((Arc::new(chooser), Arc::new(keeper.finish(&second).ok()?)))
    };
    let (chooser, keeper) = PAIR.get_or_init(make).clone()?;
    let slab = SLAB.fetch_add(1, Ordering::Relaxed);
    // After 2³² batches the correlation is used up, and so is the fuzzer.
    Some((chooser, keeper, Batch { stage: 1, slab }))
}

fn look_ups(count: usize, operations: &mut impl Iterator<Item = u8>) {
    let Some((chooser, keeper, batch)) = kept() else { panic!("the setup was refused") };
    let bits = u32::from(operations.next().unwrap_or(0) % 16) + 1;
    let nibbles: Vec<u8> = (0..count).map(|_| operations.next().unwrap_or(0)).collect();
    let (mut asked, pending) = LookupChooser::new(chooser).choose(batch, &nibbles);
    let changed = alter(&mut asked, operations);
    let table = |at: usize| std::array::from_fn(|k| (at * 31 + k * 77) as u16);
    let answer = LookupSender::new(keeper).answer(batch, bits, count, &asked, table);
    let Some(mut answer) = explained(answer, changed) else { return };
    let fate = alter(&mut answer, operations);
    let Some(entries) = explained(pending.open(bits, &answer), fate) else { return };
    if changed == Fate::Kept && fate == Fate::Kept {
        let mask = u16::MAX >> (16 - bits);
        let entry = |(at, nibble): (usize, &u8)| table(at)[usize::from(nibble & 15)] & mask;
        assert_eq!(entries, nibbles.iter().enumerate().map(entry).collect::<Vec<_>>(), "a wrong entry");
    }
}

fn correlated(count: usize, operations: &mut impl Iterator<Item = u8>) {
    let Some((chooser, keeper, batch)) = kept() else { panic!("the setup was refused") };
    let width = usize::from(operations.next().unwrap_or(0) % 5) + 1;
    let bits: Vec<u8> = (0..count).map(|_| operations.next().unwrap_or(0)).collect();
    let words: Vec<u64> = (0..(count * width) as u64).map(|at| at.wrapping_mul(u64::MAX / 3)).collect();
    let (mut asked, pending) = CotChooser::new(chooser).choose(batch, &bits);
    let changed = alter(&mut asked, operations);
    let answer = CotSender::new(keeper).answer(batch, width, &words, &asked);
    let Some((ours, mut answer)) = explained(answer, changed) else { return };
    let fate = alter(&mut answer, operations);
    let Some(theirs) = explained(pending.open(width, &answer), fate) else { return };
    if changed == Fate::Kept && fate == Fate::Kept {
        for (at, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let product = words[at] * u64::from(bits[at / width] & 1);
            assert_eq!(ours.wrapping_add(*theirs), product, "shares of something else");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn ot_03_altered_messages_are_refused_or_taken_but_never_panic(
            operations in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            ot_operations(&operations);
        }
    }

    #[test]
    fn undisturbed_transfers_are_right() {
        // A setup, look-ups and correlated transfers whose messages are all kept.
        ot_operations(&[0, 0, 7, 7]);
        ot_operations(&[&[1, 100, 6], &[9; 300][..], &[7, 7]].concat());
        ot_operations(&[&[4, 100, 2], &[9; 300][..], &[7, 7]].concat());
    }
}
