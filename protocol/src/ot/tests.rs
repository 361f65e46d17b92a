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
