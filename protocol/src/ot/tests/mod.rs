//! The rules of `docs/protocols/ot.md`, with both ends in memory.

mod conjunction;
mod vectors;
mod views;

use std::sync::Arc;

use proptest::prelude::*;

use super::{field::COLUMNS, pprf::LEAVES, *};
use crate::{secret::Secret, session::PeerMisbehaved};

fn seed(byte: u8) -> Secret<[u8; 32]> {
    Secret::new([byte; 32])
}

fn pair<const G: usize>(engine: Engine, sid: &[u8]) -> (Chooser<G>, Keeper<G>) {
    let (setup, first) = KeeperSetup::<G>::start_on(engine, sid, &seed(1));
    assert_eq!(first.len(), KeeperSetup::<G>::MESSAGE);
    let (chooser, second) = ChooserSetup::<G>::respond_on(engine, sid, &seed(2), &first).unwrap();
    assert_eq!(second.len(), ChooserSetup::<G>::MESSAGE);
    (chooser, setup.finish(&second).unwrap())
}

type Pair = (Arc<Chooser<1>>, Arc<Keeper<1>>);

fn shared(engine: Engine) -> Pair {
    let (chooser, keeper) = pair(engine, b"shared");
    (Arc::new(chooser), Arc::new(keeper))
}

/// A correlation with this Δ, handed out by a third party.
fn bare(delta: [u8; COLUMNS]) -> Pair {
    let leaf = |column: usize, leaf: usize| draw(1_000_000 + column * LEAVES + leaf).to_le_bytes();
    let trees = |place: &dyn Fn(usize, usize) -> [u8; 16]| -> Vec<[u8; 16]> {
        (0..COLUMNS)
            .flat_map(|column| (0..LEAVES).map(move |leaf| (column, leaf)))
            .map(|(c, l)| place(c, l))
            .collect()
    };
    let whole = trees(&leaf);
    let known =
        |column: usize, y: usize| if y == 0 { [0; 16] } else { leaf(column, y ^ usize::from(delta[column])) };
    let engine = Engine::detect();
    let keeper = Keeper::new(engine, &trees(&known), &[model::row(delta)], [9; 16]);
    (Arc::new(Chooser::new(engine, &whole, [9; 16])), Arc::new(keeper))
}

/// The n-th of a row of numbers without a pattern.
fn draw(number: usize) -> u128 {
    u128::from_le_bytes(model::aes([42; 16], (number as u128).to_le_bytes()))
}

fn draws<T>(count: usize, from: impl Fn(u128) -> T) -> Vec<T> {
    (0..count).map(|number| from(draw(number))).collect()
}

fn batch(slab: u32) -> Batch {
    Batch { stage: 3, slab }
}

fn look_up(
    pair: &Pair,
    batch: Batch,
    bits: u32,
    tables: &[[u16; 16]],
    nibbles: &[u8],
) -> (Vec<u8>, Vec<u8>, Vec<u16>) {
    let (asked, pending) = LookupChooser::new(pair.0.clone()).choose(batch, nibbles);
    let sender = LookupSender::new(pair.1.clone());
    let answer = sender.answer(batch, bits, nibbles.len(), &asked, |at| tables[at]).unwrap();
    let opened = pending.open(bits, &answer).unwrap();
    (asked, answer, opened)
}

type Correlated = (Vec<u8>, Vec<u8>, Vec<u64>, Vec<u64>);

fn correlate(pair: &Pair, batch: Batch, width: usize, words: &[u64], bits: &[u8]) -> Correlated {
    let (chooser, sender) = (CotChooser::new(pair.0.clone()), CotSender::new(pair.1.clone()));
    let (asked, pending) = SoftSpoken::choose(&chooser, batch, bits);
    let (ours, answer) = SoftSpoken::answer(&sender, batch, width, words, &asked).unwrap();
    let theirs = SoftSpoken::open(pending, width, &answer).unwrap();
    (asked, answer, ours, theirs)
}

#[test]
fn ot_01_another_session_is_another_correlation() {
    let (setup, first) = KeeperSetup::<1>::start(b"one", &seed(1));
    let (_, other) = KeeperSetup::<1>::start(b"two", &seed(1));
    assert!(first.chunks(32).zip(other.chunks(32)).all(|(one, two)| one != two));
    // Ends that do not mean the same session get rows that do not belong together.
    let (chooser, second) = ChooserSetup::<1>::respond(b"two", &seed(2), &first).unwrap();
    let keeper = setup.finish(&second).unwrap();
    let (message, v) = chooser.encode(batch(0), &[[0]; 50]);
    let q = keeper.rows(batch(0), 50, &message).unwrap();
    assert!(v.iter().zip(&q).all(|(v, q)| v != q));
}

#[test]
fn ot_03_a_message_of_another_length_is_refused() {
    fn altered(message: &[u8]) -> [Vec<u8>; 4] {
        let longer = [message, &[0]].concat();
        [Vec::new(), message[..message.len() - 1].to_vec(), longer, [message, message].concat()]
    }
    fn refused<T>(result: Result<T, PeerMisbehaved>, expected: usize, got: usize) {
        assert_eq!(result.err(), Some(PeerMisbehaved::CountDiffers { expected, got }));
    }
    let (_, first) = KeeperSetup::<1>::start(b"s", &seed(1));
    let (chooser, second) = ChooserSetup::<1>::respond(b"s", &seed(2), &first).unwrap();
    for message in altered(&first) {
        refused(ChooserSetup::<1>::respond(b"s", &seed(2), &message), first.len(), message.len());
    }
    for message in altered(&second) {
        refused(KeeperSetup::<1>::start(b"s", &seed(1)).0.finish(&message), second.len(), message.len());
    }
    let keeper = KeeperSetup::<1>::start(b"s", &seed(1)).0.finish(&second).unwrap();
    let (codes, v) = chooser.encode(batch(0), &[[5]; 3]);
    let (bits, _) = chooser.encode_bits(batch(0), &[1; 3]);
    for message in altered(&codes) {
        refused(keeper.rows(batch(0), 3, &message), 48, message.len());
    }
    for message in altered(&bits) {
        refused(keeper.bit_rows(batch(0), 3, &message), 12, message.len());
    }
    refused(keeper.rows(batch(0), usize::MAX, &codes), usize::MAX, 48);
    // What was refused has not used the batch up.
    assert_eq!(keeper.rows(batch(0), 3, &codes).unwrap()[0][0], v[0][0] ^ keeper.times([5])[0]);
    let pair: Pair = (Arc::new(chooser), Arc::new(keeper));
    let (lookups, cots) = (LookupSender::new(pair.1.clone()), CotSender::new(pair.1.clone()));
    let choose = |slab| LookupChooser::new(pair.0.clone()).choose(batch(slab), &[1, 2, 3]);
    let asked = choose(1).0;
    for message in altered(&asked) {
        refused(lookups.answer(batch(1), 4, 3, &message, |_| [0; 16]), 48, message.len());
        refused(lookups.answer_bits(batch(1), 3, &message, |_| 0), 48, message.len());
    }
    let answer = lookups.answer(batch(1), 4, 3, &asked, |_| [0; 16]).unwrap();
    for (slab, message) in (10..).zip(altered(&answer)) {
        refused(choose(slab).1.open(4, &message), 24, message.len());
    }
    // An answer for entries of another width is one of another length.
    refused(choose(20).1.open(5, &answer), 30, 24);
    let choose = |slab| CotChooser::new(pair.0.clone()).choose(batch(slab), &[1, 0, 1]);
    let asked = choose(30).0;
    for message in altered(&asked) {
        refused(cots.answer(batch(30), 2, &[0; 6], &message), 12, message.len());
    }
    let (_, answer) = cots.answer(batch(30), 2, &[0; 6], &asked).unwrap();
    for (slab, message) in (40..).zip(altered(&answer)) {
        refused(choose(slab).1.open(2, &message), 48, message.len());
    }
}

#[test]
fn ot_04_a_run_replays_from_its_seeds_and_one_seed_at_both_ends_repeats_nothing() {
    let run = |keeper: u8, chooser: u8| {
        let (_, first) = KeeperSetup::<1>::start(b"s", &seed(keeper));
        let (_, second) = ChooserSetup::<1>::respond(b"s", &seed(chooser), &first).unwrap();
        (first, second)
    };
    assert_eq!(run(1, 2), run(1, 2));
    assert_ne!(run(1, 2).0, run(3, 2).0);
    assert_ne!(run(1, 2).1, run(1, 3).1);
    let (first, second) = run(1, 1);
    assert!(first.chunks(32).all(|point| point != &second[..32]));
}

#[test]
fn ot_05_batches_come_in_any_order_and_share_nothing() {
    let [forth, back] = [[0, 1, 2, 3], [3, 1, 0, 2]].map(|order| {
        let (chooser, keeper) = pair::<1>(Engine::detect(), b"s");
        let mut all = [const { None }; 4];
        for slab in order {
            let (message, v) = chooser.encode(batch(slab), &[[0]; 600]);
            let q = keeper.rows(batch(slab), 600, &message).unwrap();
            assert_eq!(v, q);
            let bits = chooser.encode_bits(Batch { stage: slab as u16, slab: 9 }, &[0; 600]);
            all[slab as usize] = Some((message, v, bits));
        }
        all
    });
    assert_eq!(forth, back);
    // No row of any batch, of either kind, is one of another.
    let rows = forth.iter().flatten().flat_map(|(_, v, bits)| v.as_flattened().iter().chain(&bits.1));
    let different: std::collections::BTreeSet<_> = rows.collect();
    assert_eq!(different.len(), 4 * 2 * 600);
}

#[test]
fn ot_05_a_batch_that_was_used_stops_the_program() {
    fn stops(run: impl FnOnce()) {
        let run = std::panic::AssertUnwindSafe(run);
        let message = std::panic::catch_unwind(run).unwrap_err();
        assert_eq!(message.downcast_ref::<&str>(), Some(&"OT-05: a batch is used once"));
    }
    let (chooser, keeper) = pair::<1>(Engine::detect(), b"s");
    let (codes, _) = chooser.encode(batch(0), &[[1]]);
    let (bits, _) = chooser.encode_bits(batch(0), &[1]);
    keeper.rows(batch(0), 1, &codes).unwrap();
    keeper.bit_rows(batch(0), 1, &bits).unwrap();
    stops(|| drop(chooser.encode(batch(0), &[[2]])));
    stops(|| drop(chooser.encode_bits(batch(0), &[0])));
    stops(|| drop(keeper.rows(batch(0), 1, &codes)));
    stops(|| drop(keeper.bit_rows(batch(0), 1, &bits)));
    // Others go on.
    let (codes, v) = chooser.encode(batch(1), &[[0]]);
    assert_eq!(keeper.rows(batch(1), 1, &codes).unwrap(), v);
}

#[test]
fn ot_07_the_keepers_row_is_the_choosers_plus_code_times_delta() {
    fn check<const G: usize>(engine: Engine) {
        let (chooser, keeper) = pair::<G>(engine, b"s");
        let delta = keeper.times([(1 << COLUMNS) - 1; G]);
        for (slab, count) in (0..).zip([0, 1, 2, 511, 512, 513, 1300]) {
            let codes: Vec<[u128; G]> =
                (0..count).map(|row| std::array::from_fn(|group| draw(row * G + group))).collect();
            let (message, v) = chooser.encode(batch(slab), &codes);
            let q = keeper.rows(batch(slab), count, &message).unwrap();
            assert_eq!((message.len(), v.len(), q.len()), (16 * G * count, count, count));
            for ((code, v), q) in codes.iter().zip(&v).zip(&q) {
                for group in 0..G {
                    assert_eq!(q[group], v[group] ^ model::times_rows(code[group], delta[group]));
                }
            }
        }
    }
    check::<1>(Engine::detect());
    check::<2>(Engine::detect());
    check::<2>(Engine::portable());
    let (chooser, keeper) = shared(Engine::detect());
    let bits = draws(1300, |draw| draw as u8);
    let (message, v) = chooser.encode_bits(batch(0), &bits);
    let q = keeper.bit_rows(batch(0), bits.len(), &message).unwrap();
    assert_eq!(message.len(), 4 * bits.len());
    for ((bit, v), q) in bits.iter().zip(&v).zip(&q) {
        assert_eq!(*q, v ^ (keeper.delta() * u128::from(bit & 1)));
    }
}

#[test]
fn ot_08_a_look_up_gives_the_entry_that_was_chosen() {
    for engine in [Engine::detect(), Engine::portable()] {
        let pair = shared(engine);
        for (slab, (bits, count)) in (0..).zip([(1, 1), (1, 600), (4, 255), (11, 257), (16, 300), (5, 0)]) {
            let nibbles = draws(count, |draw| draw as u8 & 15);
            let tables =
                draws(count, |draw| std::array::from_fn(|k| (draw >> k) as u16 & (u16::MAX >> (16 - bits))));
            let (asked, answer, opened) = look_up(&pair, batch(slab), bits, &tables, &nibbles);
            assert_eq!((asked.len(), answer.len()), (16 * count, 2 * bits as usize * count));
            assert_eq!(opened, model::lookup(&tables, &nibbles));
        }
    }
}

#[test]
fn ot_08_a_table_in_one_word_is_answered_like_one_of_entries() {
    let answers = [Engine::detect(), Engine::portable()].map(|engine| {
        [true, false].map(|whole| {
            let pair = shared(engine);
            let nibbles = draws(700, |draw| draw as u8);
            let tables = draws(700, |draw| (draw >> 8) as u16);
            let (asked, pending) = LookupChooser::new(pair.0).choose(batch(0), &nibbles);
            let sender = LookupSender::new(pair.1);
            let entries = |at: usize| std::array::from_fn(|k| tables[at] >> k);
            let answer = if whole {
                sender.answer_bits(batch(0), 700, &asked, |at| tables[at])
            } else {
                sender.answer(batch(0), 1, 700, &asked, entries)
            }
            .unwrap();
            let expected: Vec<u16> =
                tables.iter().zip(&nibbles).map(|(table, nibble)| table >> (nibble & 15) & 1).collect();
            assert_eq!(pending.open(1, &answer).unwrap(), expected);
            answer
        })
    });
    let [first, ..] = answers.as_flattened() else { unreachable!() };
    assert!(answers.as_flattened().iter().all(|answer| answer == first));
}

#[test]
fn ot_09_shares_add_up_to_bit_times_word() {
    for engine in [Engine::detect(), Engine::portable()] {
        let pair = shared(engine);
        for (slab, (width, count)) in (0..).zip([(1, 600), (2, 257), (3, 255), (8, 256), (5, 1), (1, 0)]) {
            let bits = draws(count, |draw| (draw >> 9) as u8 & 1);
            let words = draws(count * width, |draw| draw as u64 | 1 << 63);
            let (asked, answer, ours, theirs) = correlate(&pair, batch(slab), width, &words, &bits);
            assert_eq!((asked.len(), answer.len()), (4 * count, 8 * width * count));
            let sums: Vec<u64> = ours.iter().zip(&theirs).map(|(a, b)| a.wrapping_add(*b)).collect();
            assert_eq!(sums, model::products(&bits, &words, width));
        }
    }
}

#[test]
fn ot_11_both_codes_say_the_same() {
    let said = [(Engine::detect(), Engine::portable()), (Engine::portable(), Engine::detect())].map(
        |(chooser, keeper)| {
            let (setup, first) = KeeperSetup::<1>::start_on(keeper, b"s", &seed(1));
            let (chooser, second) = ChooserSetup::<1>::respond_on(chooser, b"s", &seed(2), &first).unwrap();
            let pair: Pair = (Arc::new(chooser), Arc::new(setup.finish(&second).unwrap()));
            let nibbles = draws(600, |draw| draw as u8 & 15);
            let bits = draws(600, |draw| draw as u8 & 1);
            let tables = draws(600, |draw| std::array::from_fn(|k| (draw >> k) as u16));
            let words = draws(1200, |draw| draw as u64);
            let lookups = look_up(&pair, batch(0), 16, &tables, &nibbles);
            (first, second, lookups, correlate(&pair, batch(0), 2, &words, &bits))
        },
    );
    assert_eq!(said[0], said[1]);
}

#[test]
fn ot_12_lengths_say_how_many_and_nothing_else() {
    let pair = shared(Engine::detect());
    let lengths = |slab: u32, nibble: u8, entry: u16, word: u64| {
        let bits = [nibble & 1; 300];
        let (asked, answer, _) = look_up(&pair, batch(slab), 3, &[[entry; 16]; 300], &[nibble; 300]);
        let (bits, words, ..) = correlate(&pair, batch(slab), 4, &[word; 1200], &bits);
        [asked.len(), answer.len(), bits.len(), words.len()]
    };
    assert_eq!(lengths(0, 0, 0, 0), lengths(1, 15, 7, u64::MAX));
}

#[test]
fn nothing_secret_prints_itself() {
    let (chooser, keeper) = pair::<1>(Engine::detect(), b"s");
    assert_eq!(format!("{chooser:?} {keeper:?}"), "Chooser(..) Keeper(..)");
}

proptest! {
    #[test]
    fn ot_08_ot_09_any_tables_and_words(
        slab in any::<u32>(),
        stage in any::<u16>(),
        bits in 1u32..=16,
        rows in proptest::collection::vec((0u8..16, any::<[u16; 16]>(), any::<[u64; 3]>()), 0..40),
    ) {
        let pair = bare(draws(COLUMNS, |draw| draw as u8 & 15).try_into().unwrap());
        let batch = Batch { stage, slab };
        let nibbles: Vec<u8> = rows.iter().map(|row| row.0).collect();
        let tables: Vec<[u16; 16]> = rows.iter().map(|row| row.1.map(|entry| entry & (u16::MAX >> (16 - bits)))).collect();
        prop_assert_eq!(look_up(&pair, batch, bits, &tables, &nibbles).2, model::lookup(&tables, &nibbles));
        let bits: Vec<u8> = nibbles.iter().map(|nibble| nibble & 1).collect();
        let words: Vec<u64> = rows.iter().flat_map(|row| row.2).collect();
        let (_, _, ours, theirs) = correlate(&pair, batch, 3, &words, &bits);
        let sums: Vec<u64> = ours.iter().zip(&theirs).map(|(a, b)| a.wrapping_add(*b)).collect();
        prop_assert_eq!(sums, model::products(&bits, &words, 3));
    }
}
