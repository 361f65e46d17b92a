//! Both ends in memory.

use std::sync::Arc;

use super::*;
use crate::secret::Secret;

fn pair<const G: usize>(sid: &[u8]) -> (Chooser<G>, Keeper<G>) {
    let (setup, first) = KeeperSetup::<G>::start(sid, &Secret::new([1; 32]));
    let (chooser, second) = ChooserSetup::<G>::respond(sid, &Secret::new([2; 32]), &first).unwrap();
    (chooser, setup.finish(&second).unwrap())
}

const BATCH: Batch = Batch { stage: 3, slab: 7 };

#[test]
fn smoke() {
    let (chooser, keeper) = pair::<2>(b"a");
    let codes: Vec<[u128; 2]> = (0..1300u128).map(|i| [i * 0x1234_5678_9abc_def0_1122_3344, !i]).collect();
    let (message, v) = chooser.encode(BATCH, &codes);
    let q = keeper.rows(BATCH, codes.len(), &message).unwrap();
    for ((code, v), q) in codes.iter().zip(&v).zip(&q) {
        let moved = keeper.times(*code);
        assert_eq!([v[0] ^ moved[0], v[1] ^ moved[1]], *q);
    }
    let (chooser, keeper) = pair::<1>(b"b");
    let (chooser, keeper) = (Arc::new(chooser), Arc::new(keeper));
    let nibbles: Vec<u8> = (0..1300u32).map(|i| (i * 7 % 16) as u8).collect();
    let (asked, pending) = LookupChooser::new(chooser.clone()).choose(BATCH, &nibbles);
    let table = |i: usize| std::array::from_fn(|k| ((i * 31 + k * k) % 2048) as u16);
    let answer = LookupSender::new(keeper.clone()).answer(BATCH, 11, 1300, &asked, table).unwrap();
    let opened = pending.open(11, &answer).unwrap();
    for (i, entry) in opened.iter().enumerate() {
        assert_eq!(*entry, table(i)[usize::from(nibbles[i])]);
    }
    let words: Vec<u64> = (0..3900u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let (asked, pending) = CotChooser::new(chooser).choose(BATCH, &nibbles);
    let (ours, answer) = CotSender::new(keeper).answer(BATCH, 3, &words, &asked).unwrap();
    let theirs = pending.open(3, &answer).unwrap();
    for i in 0..3900 {
        let product = u64::from(nibbles[i / 3] & 1).wrapping_mul(words[i]);
        assert_eq!(ours[i].wrapping_add(theirs[i]), product);
    }
}

#[test]
fn speed() {
    let (chooser, keeper) = pair::<1>(b"b");
    let (chooser, keeper) = (Arc::new(chooser), Arc::new(keeper));
    let n = 131072usize;
    let nibbles: Vec<u8> = (0..n as u32).map(|i| (i * 7 % 16) as u8).collect();
    let codes: Vec<[u128; 1]> = nibbles.iter().map(|n| [field::repeat(*n)]).collect();
    for slab in 0..4 {
        let batch = Batch { stage: 9, slab };
        let t = std::time::Instant::now();
        let (message, _) = chooser.encode(batch, &codes);
        let a = t.elapsed();
        let t = std::time::Instant::now();
        keeper.rows(batch, n, &message).unwrap();
        println!(
            "vole rows: chooser {:.1} keeper {:.1} ns",
            a.as_nanos() as f64 / n as f64,
            t.elapsed().as_nanos() as f64 / n as f64
        );
        let batch = Batch { stage: 10, slab };
        let t = std::time::Instant::now();
        let (message, _) = chooser.encode_bits(batch, &nibbles);
        let a = t.elapsed();
        let t = std::time::Instant::now();
        keeper.bit_rows(batch, n, &message).unwrap();
        println!(
            "bit rows: chooser {:.1} keeper {:.1} ns",
            a.as_nanos() as f64 / n as f64,
            t.elapsed().as_nanos() as f64 / n as f64
        );
        let batch = Batch { stage: 11, slab };
        let t = std::time::Instant::now();
        let (asked, pending) = LookupChooser::new(chooser.clone()).choose(batch, &nibbles);
        let a = t.elapsed();
        let t = std::time::Instant::now();
        let answer =
            LookupSender::new(keeper.clone()).answer_bits(batch, n, &asked, |i| 1 << (i & 15)).unwrap();
        let b = t.elapsed();
        let t = std::time::Instant::now();
        pending.open(1, &answer).unwrap();
        println!(
            "look-up: choose {:.1} answer {:.1} open {:.1} ns",
            a.as_nanos() as f64 / n as f64,
            b.as_nanos() as f64 / n as f64,
            t.elapsed().as_nanos() as f64 / n as f64
        );
        let words: Vec<u64> = (0..n as u64).collect();
        let t = std::time::Instant::now();
        let (asked, pending) = CotChooser::new(chooser.clone()).choose(batch, &nibbles);
        let a = t.elapsed();
        let t = std::time::Instant::now();
        let (_, answer) = CotSender::new(keeper.clone()).answer(batch, 1, &words, &asked).unwrap();
        let b = t.elapsed();
        let t = std::time::Instant::now();
        pending.open(1, &answer).unwrap();
        println!(
            "cot: choose {:.1} answer {:.1} open {:.1} ns",
            a.as_nanos() as f64 / n as f64,
            b.as_nanos() as f64 / n as f64,
            t.elapsed().as_nanos() as f64 / n as f64
        );
    }
}
