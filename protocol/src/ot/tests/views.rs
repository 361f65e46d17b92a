//! What each end sees of the other looks like uniform bits, whatever it is that it must not see; and with a
//! bug planted it does not.
//!
//! Each test of uniformity raises a false alarm with probability 10⁻⁹, and all draws are fixed.

use super::*;

/// z of a false alarm of 10⁻⁹ on one side.
const Z: f64 = 5.998;

/// χ² of counts that should be equal is below what it exceeds with probability 10⁻⁹ (Wilson–Hilferty).
fn even(counts: &[u64]) -> bool {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    assert!(expected >= 100.0, "enough draws");
    let sum: f64 = counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    let freedom = counts.len() as f64 - 1.0;
    let part = 2.0 / (9.0 * freedom);
    sum < freedom * (1.0 - part + Z * part.sqrt()).powi(3)
}

fn histogram(cells: usize, values: impl IntoIterator<Item = usize>) -> Vec<u64> {
    let mut counts = vec![0; cells];
    values.into_iter().for_each(|value| counts[value] += 1);
    counts
}

/// Bytes, and the differences of neighbours at some distances, are even.
pub(super) fn bytes_are_even(bytes: &[u8], distances: &[usize]) -> bool {
    let difference = |distance: usize| {
        bytes.iter().zip(&bytes[distance..]).map(|(a, b)| usize::from(a ^ b)).collect::<Vec<_>>()
    };
    even(&histogram(256, bytes.iter().map(|byte| usize::from(*byte))))
        && distances.iter().all(|distance| even(&histogram(256, difference(*distance))))
}

const ROWS: usize = 20_000;

pub(super) fn some_delta() -> [u8; COLUMNS] {
    draws(COLUMNS, |draw| draw as u8 & 15).try_into().unwrap()
}

// What the keeper sees: code ⊕ u.

#[test]
fn ot_07_the_keeper_sees_uniform_symbols_whatever_the_codes() {
    let pair = bare(some_delta());
    for (slab, nibble) in (0..).zip([0, 15, 6]) {
        let (message, v) = pair.0.encode(batch(slab), &vec![[field::repeat(nibble)]; ROWS]);
        // Within a row, and from row to row.
        assert!(bytes_are_even(&message, &[1, 4, 16, 32]));
        // v is masked by nothing but the unknown leaf, and is not sent: it has to be even as well.
        let v: Vec<u8> = v.as_flattened().iter().flat_map(|row| row.to_le_bytes()).collect();
        assert!(bytes_are_even(&v, &[1, 4, 16]));
        let (message, _) = pair.0.encode_bits(batch(slab), &vec![nibble & 1; ROWS]);
        assert!(bytes_are_even(&message, &[1, 4, 8]));
    }
}

#[test]
fn ot_07_twins_a_mask_left_out_or_shared_is_seen() {
    let pair = bare(some_delta());
    let (message, _) = pair.0.encode(batch(0), &vec![[0]; ROWS]);
    // One row in fifty without its mask.
    let mut bare_rows = message.clone();
    bare_rows.chunks_mut(16).step_by(50).for_each(|row| row.fill(0));
    assert!(!bytes_are_even(&bare_rows, &[1, 4, 16]));
    // One tree for all columns: every symbol is even, but all of a row are the same.
    let leaves: Vec<[u8; 16]> = (0..COLUMNS * LEAVES).map(|at| draw(at % LEAVES).to_le_bytes()).collect();
    let (message, _) =
        Chooser::<1>::new(Engine::detect(), &leaves, [9; 16]).encode(batch(0), &vec![[0]; ROWS]);
    assert!(even(&histogram(
        16,
        message
            .chunks(16)
            .map(|row| usize::from(model::columns(u128::from_le_bytes(row.try_into().unwrap()))[0],))
    )));
    assert!(!bytes_are_even(&message, &[1, 4, 16]));
    // One batch twice: the difference of the two messages is that of the codes.
    let again = [&message[..], &message[..]].concat();
    assert!(!bytes_are_even(&again, &[message.len()]));
}

// What the chooser sees: tables and words under masks.

/// The bits that masked the entries it did not choose, by distance from the one it did: what is left of an
/// answer about tables of zeros after the chooser has added the pad it knows.
fn other_entries(pair: &Pair, batch: Batch) -> Vec<u64> {
    let nibbles = draws(ROWS, |draw| draw as u8 & 15);
    let (asked, pending) = LookupChooser::new(pair.0.clone()).choose(batch, &nibbles);
    let sender = LookupSender::new(pair.1.clone());
    let answer = sender.answer_bits(batch, ROWS, &asked, |_| 0).unwrap();
    let mut ones = vec![0; 16];
    for (words, nibble) in answer.as_chunks::<2>().0.iter().zip(&nibbles) {
        let word = u16::from_le_bytes(*words);
        let own = word >> nibble & 1;
        (0..16u8).for_each(|other| ones[usize::from(other ^ nibble)] += u64::from(word >> other & 1 ^ own));
    }
    assert_eq!(pending.open(1, &answer).unwrap(), [0; ROWS]);
    ones
}

#[test]
fn ot_08_the_entries_that_were_not_chosen_stay_under_uniform_masks() {
    let ones = other_entries(&bare(some_delta()), batch(0));
    assert_eq!(ones[0], 0);
    assert!(ones[1..].iter().all(|ones| even(&[*ones, ROWS as u64 - ones])), "{ones:?}");
    // Of wide entries every bit.
    let pair = bare(some_delta());
    let (_, answer, _) = look_up(&pair, batch(0), 16, &vec![[0; 16]; ROWS / 4], &vec![3; ROWS / 4]);
    assert!(bytes_are_even(&answer, &[1, 2, 32, 64]));
}

#[test]
fn ot_08_twins_a_hash_without_delta_is_seen() {
    // Δ = 0: every entry is under the mask that the chooser knows.
    assert_eq!(other_entries(&bare([0; COLUMNS]), batch(0)), [0; 16]);
    let pair = bare([0; COLUMNS]);
    let (_, answer, _) = look_up(&pair, batch(1), 16, &vec![[0; 16]; ROWS / 4], &vec![3; ROWS / 4]);
    assert!(!bytes_are_even(&answer, &[1, 2, 32, 64]));
}

fn words_seen(pair: &Pair, batch: Batch, bit: u8) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (_, answer, ours, theirs) = correlate(pair, batch, 2, &vec![1 << 40; 2 * ROWS], &vec![bit; ROWS]);
    let bytes = |words: Vec<u64>| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    (answer, bytes(ours), bytes(theirs))
}

#[test]
fn ot_09_words_and_shares_are_uniform_whatever_the_bit() {
    let pair = bare(some_delta());
    for bit in [0, 1] {
        let (answer, ours, theirs) = words_seen(&pair, batch(bit.into()), bit);
        for bytes in [&answer, &ours, &theirs] {
            assert!(bytes_are_even(bytes, &[1, 8, 16]));
        }
        // To the chooser, beside its own share.
        let beside: Vec<u8> = answer.iter().zip(&theirs).map(|(a, b)| a ^ b).collect();
        assert!(bytes_are_even(&beside, &[1, 8, 16]));
    }
}

#[test]
fn ot_09_twins_a_hash_without_delta_is_seen() {
    let (answer, ours, _) = words_seen(&bare([0; COLUMNS]), batch(0), 0);
    assert!(bytes_are_even(&ours, &[1, 8, 16]), "this share alone does not show it");
    assert!(!bytes_are_even(&answer, &[1, 8, 16]));
}

/// Δ itself: all sixteen symbols, in all columns.
#[test]
fn ot_04_delta_is_uniform() {
    let symbols = (0..60u8).flat_map(|number| {
        let (setup, _) = KeeperSetup::<1>::start(&[number], &seed(number));
        setup.symbols().to_vec()
    });
    assert!(even(&histogram(16, symbols.map(usize::from))));
}
