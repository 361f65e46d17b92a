//! Look-ups on split values with messages that are altered on the way.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use super::ot::{Fate, alter, explained};
use crate::{
    learn::vertical::{
        half::{Correlations, Half, Heard, Scale},
        histogram::{self, Cells},
        sigmoid,
        wrap::{self, Cut},
    },
    ot::{Batch, ChooserSetup, KeeperSetup},
    secret::Secret,
    session::PeerMisbehaved,
};

/// Reads `operations` as slabs to run and as what is done to their messages. A message of another length is refused
/// (SIGMOID-05), a slab whose messages arrive as they were said is right, and nobody panics.
///
/// # Panics
/// When it is not so.
pub fn look_up_operations(operations: &[u8]) {
    let mut operations = operations.iter().copied();
    while let Some(operation) = operations.next() {
        let rows = usize::from(operations.next().unwrap_or(0) % 9);
        match operation % 4 {
            0 => sigmoids(rows, &mut operations),
            1 | 2 => cuts(rows, &mut operations),
            _ => histograms(rows, &mut operations),
        }
    }
}

/// Correlations that all runs share, and a batch that none has used.
fn kept() -> ([Correlations; 2], Batch) {
    static ENDS: OnceLock<Option<[Correlations; 2]>> = OnceLock::new();
    static SLAB: AtomicU32 = AtomicU32::new(0);
    let one_way = |id: &[u8]| {
        let (setup, first) = KeeperSetup::<1>::start(id, &Secret::new([1; 32]));
        let (chooser, second) = ChooserSetup::<1>::respond(id, &Secret::new([2; 32]), &first).ok()?;
        Some((chooser, setup.finish(&second).ok()?))
    };
    let make = || {
        let ((ours, theirs_kept), (theirs, ours_kept)) = (one_way(b"there")?, one_way(b"back")?);
        Some([Correlations::new(ours, ours_kept), Correlations::new(theirs, theirs_kept)])
    };
    let Some(ends) = ENDS.get_or_init(make).clone() else { panic!("the setup was refused") };
    (ends, Batch { stage: 1, slab: SLAB.fetch_add(1, Ordering::Relaxed) })
}

/// The two ends' shares of the rows' values, both from the operations.
fn shares(rows: usize, operations: &mut impl Iterator<Item = u8>) -> [Vec<u64>; 2] {
    let mut word = || operations.by_ref().take(8).fold(0u64, |word, byte| word << 8 | u64::from(byte));
    [(0..rows).map(|_| word()).collect(), (0..rows).map(|_| word()).collect()]
}

/// The sums of both ends' shares, unless a message was altered.
fn talk<A: Half, T: Half>(
    (asker, mut message): (A, Vec<u8>),
    teller: T,
    operations: &mut impl Iterator<Item = u8>,
) -> Option<Vec<u64>> {
    fn hear<H: Half>(
        end: &mut Option<H>,
        message: &[u8],
        done: &mut Option<Vec<u64>>,
    ) -> Result<Option<Vec<u8>>, PeerMisbehaved> {
        let Some(half) = end.take() else { panic!("a message for an end that is done") };
        Ok(match half.hear(message)? {
            Heard::Say(next, say) => {
                *end = Some(next);
                Some(say)
            }
            Heard::Done { say, shares } => {
                *done = Some(shares);
                say
            }
        })
    }
    let (mut asker, mut teller) = (Some(asker), Some(teller));
    let (mut of_asker, mut of_teller) = (None, None);
    let mut undisturbed = true;
    for turn in 0.. {
        let fate = alter(&mut message, operations);
        undisturbed &= fate == Fate::Kept;
        let heard = match turn % 2 {
            0 => hear(&mut teller, &message, &mut of_teller),
            _ => hear(&mut asker, &message, &mut of_asker),
        };
        match explained(heard, fate)? {
            Some(next) => message = next,
            None => break,
        }
    }
    let (Some(ours), Some(theirs)) = (of_asker, of_teller) else { panic!("one end is not done") };
    undisturbed.then(|| ours.iter().zip(&theirs).map(|(a, b)| a.wrapping_add(*b)).collect())
}

fn sigmoids(rows: usize, operations: &mut impl Iterator<Item = u8>) {
    let ([one, two], batch) = kept();
    let scale = Scale { fraction: u32::from(operations.next().unwrap_or(0) % 48) + 8, reach: 5 };
    let shares = shares(rows, operations);
    let (first, second) = (Secret::new([3; 32]), Secret::new([4; 32]));
    let asker = sigmoid::Asker::start(&one, batch, scale, &shares[0], &first);
    let teller = sigmoid::Teller::start(&two, batch, scale, &shares[1], &second);
    let found = talk(asker, teller, operations);
    assert!(found.is_none_or(|found| found.iter().all(|p| *p <= u64::from(sigmoid::ONE))), "no probability");
}

fn cuts(rows: usize, operations: &mut impl Iterator<Item = u8>) {
    let ([one, two], batch) = kept();
    let mut next = || u32::from(operations.next().unwrap_or(0));
    let (keep, reach, more) = (next() % 40, next() % 20, next() % 4);
    let cut = Cut { fraction: keep + more, reach, keep };
    let shares = shares(rows, operations);
    let (first, second) = (Secret::new([3; 32]), Secret::new([4; 32]));
    let asker = wrap::Asker::start(&one, batch, cut, &shares[0], &first);
    let teller = wrap::Teller::start(&two, batch, cut, &shares[1], &second);
    let Some(found) = talk(asker, teller, operations) else { return };
    let bits = reach + 1 + keep;
    for (found, (a, b)) in found.into_iter().zip(shares[0].iter().zip(&shares[1])) {
        let value = (a.wrapping_add(*b) << (64 - bits - more)).cast_signed() >> (64 - bits - more);
        // Below the value or one more; what is beyond the reach wraps.
        let low = value >> more;
        let near = [low, low + 1].map(|near| (near << (64 - bits)) >> (64 - bits));
        assert!(near.contains(&found.cast_signed()), "not next to the value");
    }
}

fn histograms(rows: usize, operations: &mut impl Iterator<Item = u8>) {
    let ([one, two], batch) = kept();
    let scale = Scale { fraction: 40, reach: 5 };
    let mut next = || usize::from(operations.next().unwrap_or(0));
    let (bins, groups, classes) = (next() % 32 + 1, next() % 3 + 1, next() % 4 + 1);
    let Ok(cells) = Cells::even(scale, -4.0, 4.0, bins, groups, classes) else { panic!("these are cells") };
    let mut class = |of: usize| -> Vec<u8> { (0..rows).map(|_| (next() % of) as u8).collect() };
    let (of_asker, of_teller) = (class(groups), class(classes));
    let shares = shares(rows, operations);
    let asker = histogram::Asker::start(&one, batch, scale, &cells, &shares[0], &of_asker);
    let teller =
        histogram::Teller::start(&two, batch, scale, &cells, &shares[1], &of_teller, &Secret::new([4; 32]));
    let (Ok(asker), Ok(teller)) = (asker, teller) else { panic!("classes are as announced") };
    let Some(found) = talk(asker, teller, operations) else { return };
    let Ok(counts) = cells.open(&found, &vec![0; cells.words()]) else {
        panic!("as many words as there are")
    };
    assert!(counts.iter().all(|count| *count >= 0), "less than nobody");
    assert_eq!(counts.iter().sum::<i64>(), rows as i64, "somebody is missing");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn sigmoid_05_altered_messages_are_refused_or_taken_but_never_panic(
            operations in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            look_up_operations(&operations);
        }
    }

    /// A slab of each kind whose messages are all kept, for 7 lets a message be.
    #[test]
    fn undisturbed_slabs_are_right() {
        for kind in 0..4 {
            look_up_operations(&[&[kind, 5][..], &[7; 200]].concat());
        }
    }
}
