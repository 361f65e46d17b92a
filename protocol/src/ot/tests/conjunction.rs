//! Bit ∧ word: what is opened, how long it is, and that neither end sees what it must not (OT-13).

use super::{
    views::{bytes_are_even, some_delta},
    *,
};

/// What the chooser says, what the sender answers, the sender's shares and the chooser's.
pub(super) fn conjunction(pair: &Pair, batch: Batch, words: &[u64], bits: &[u8]) -> Correlated {
    let (asked, pending) = conjoin(&pair.0, batch, bits);
    let (ours, answer) = answer_conjunction(&pair.1, batch, words, &asked).unwrap();
    let theirs = pending.open(&answer).unwrap();
    (asked, answer, ours, theirs)
}

fn both(ours: &[u64], theirs: &[u64]) -> Vec<u64> {
    ours.iter().zip(theirs).map(|(one, other)| one ^ other).collect()
}

#[test]
fn ot_13_shares_are_the_word_where_the_bit_is_set_and_nothing_elsewhere() {
    for engine in [Engine::detect(), Engine::portable()] {
        let pair = shared(engine);
        // Around the 256 rows after which the hash has another key, and the 512 of a piece.
        for (slab, count) in (0..).zip([0, 1, 255, 256, 257, 600]) {
            let bits = draws(count, |draw| (draw >> 9) as u8);
            let words = draws(count, |draw| draw as u64);
            let (asked, answer, ours, theirs) = conjunction(&pair, batch(slab), &words, &bits);
            assert_eq!((asked.len(), answer.len()), (4 * count, 8 * count));
            let chosen: Vec<u64> =
                bits.iter().zip(&words).map(|(bit, word)| if bit & 1 == 1 { *word } else { 0 }).collect();
            assert_eq!(both(&ours, &theirs), chosen);
        }
    }
}

#[test]
fn ot_11_ot_13_both_codes_say_the_same() {
    let said = [Engine::detect(), Engine::portable()].map(|engine| {
        let (bits, words) = (draws(600, |draw| draw as u8 & 1), draws(600, |draw| draw as u64));
        conjunction(&shared(engine), batch(0), &words, &bits)
    });
    assert_eq!(said[0], said[1]);
}

#[test]
fn ot_03_ot_13_a_message_of_another_length_is_refused() {
    let pair = shared(Engine::detect());
    let (asked, pending) = conjoin(&pair.0, batch(0), &[1, 0, 1]);
    for length in [0, 11, 13, 24] {
        let refused = answer_conjunction(&pair.1, batch(0), &[0; 3], &vec![0; length]);
        assert_eq!(refused.err(), Some(PeerMisbehaved::CountDiffers { expected: 12, got: length }));
    }
    // What was refused has not used the batch up.
    let (_, answer) = answer_conjunction(&pair.1, batch(0), &[7; 3], &asked).unwrap();
    assert_eq!(pending.open(&answer).unwrap().len(), 3);
    for (slab, length) in (1..).zip([0, 23, 25, 48]) {
        let refused = conjoin(&pair.0, batch(slab), &[1, 0, 1]).1.open(&vec![0; length]);
        assert_eq!(refused, Err(PeerMisbehaved::CountDiffers { expected: 24, got: length }));
    }
}

/// The same rows, hashed for another use, are under other masks.
#[test]
fn ot_06_ot_13_a_conjunction_has_keys_of_its_own() {
    let (bits, words) = (vec![0; 40], vec![0; 40]);
    let (_, conjoined, ..) = conjunction(&shared(Engine::detect()), batch(0), &words, &bits);
    let (_, correlated, ours, _) = correlate(&shared(Engine::detect()), batch(0), 1, &words, &bits);
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let shares = |answer: &[u8]| answer.as_chunks::<8>().0.iter().map(word).collect::<Vec<_>>();
    assert!(shares(&conjoined).iter().zip(shares(&correlated)).all(|(one, other)| *one != other));
    let (_, _, own, _) = conjunction(&shared(Engine::detect()), batch(0), &words, &bits);
    assert!(own.iter().zip(&ours).all(|(one, other)| one != other && *one != other.wrapping_neg()));
}

fn seen(pair: &Pair, slab: u32, bit: u8) -> [Vec<u8>; 4] {
    const ROWS: usize = 20_000;
    let (asked, answer, ours, theirs) =
        conjunction(pair, batch(slab), &vec![1 << 40; ROWS], &vec![bit; ROWS]);
    let bytes = |words: Vec<u64>| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let (ours, theirs) = (bytes(ours), bytes(theirs));
    // To the chooser, beside its own share; where the bit is set the word is what is left of one and the other.
    let beside = answer.iter().zip(&theirs).map(|(one, other)| one ^ other).collect();
    [asked, answer, ours, beside]
}

#[test]
fn ot_13_what_an_end_sees_is_uniform_whatever_the_bit() {
    let pair = bare(some_delta());
    for bit in [0, 1] {
        let all = seen(&pair, bit.into(), bit);
        assert!(all.iter().all(|bytes| bytes_are_even(bytes, &[1, 8, 16])));
    }
}

#[test]
fn ot_13_twins_a_hash_without_delta_is_seen() {
    let [_, answer, ..] = seen(&bare([0; COLUMNS]), 0, 0);
    assert!(!bytes_are_even(&answer, &[1, 8, 16]));
}
