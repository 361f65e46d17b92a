//! Both ends of a slab in memory, for the tests of this room.

use super::*;
use crate::ot::{ChooserSetup, KeeperSetup};

pub(in crate::learn::vertical) fn seed(byte: u8) -> Secret<[u8; 32]> {
    Secret::new([byte; 32])
}

fn one_way(sid: &[u8]) -> (Chooser<1>, Keeper<1>) {
    let (setup, first) = KeeperSetup::<1>::start(sid, &seed(1));
    let (chooser, second) = ChooserSetup::<1>::respond(sid, &seed(2), &first).unwrap();
    (chooser, setup.finish(&second).unwrap())
}

/// Both ends' correlations of a session of that name.
pub(in crate::learn::vertical) fn ends(session: &str) -> [Correlations; 2] {
    let (ours, theirs_kept) = one_way(format!("{session}, there").as_bytes());
    let (theirs, ours_kept) = one_way(format!("{session}, back").as_bytes());
    [Correlations::new(ours, ours_kept), Correlations::new(theirs, theirs_kept)]
}

pub(in crate::learn::vertical) const BATCH: Batch = Batch { stage: 40, slab: 0 };

/// What a slab gave.
pub(in crate::learn::vertical) struct Ran {
    pub asker: Vec<u64>,
    pub teller: Vec<u64>,
    /// All messages, the asker's first.
    pub messages: Vec<Vec<u8>>,
}

impl Ran {
    /// The sums, which are what the shares stand for.
    pub fn sums(&self) -> Vec<i64> {
        let sum = |(a, b): (&u64, &u64)| a.wrapping_add(*b).cast_signed();
        self.asker.iter().zip(&self.teller).map(sum).collect()
    }

    pub fn bytes(&self) -> usize {
        self.messages.iter().map(Vec::len).sum()
    }
}

/// Lets two ends talk until both are done.
pub(in crate::learn::vertical) fn talk<A: Half, T: Half>((asker, first): (A, Vec<u8>), teller: T) -> Ran {
    fn hear<H: Half>(end: &mut Option<H>, message: &[u8], done: &mut Option<Vec<u64>>) -> Option<Vec<u8>> {
        let half = end.take().expect("an end that is done hears nothing");
        assert_eq!(half.due(), message.len());
        match half.hear(message).unwrap() {
            Heard::Say(next, say) => {
                *end = Some(next);
                Some(say)
            }
            Heard::Done { say, shares } => {
                *done = Some(shares);
                say
            }
        }
    }
    let (mut asker, mut teller) = (Some(asker), Some(teller));
    let (mut of_asker, mut of_teller) = (None, None);
    let mut messages = Vec::new();
    let mut next = Some(first);
    while let Some(message) = next {
        next = match messages.len() % 2 {
            0 => hear(&mut teller, &message, &mut of_teller),
            _ => hear(&mut asker, &message, &mut of_asker),
        };
        messages.push(message);
    }
    Ran { asker: of_asker.expect("both are done"), teller: of_teller.expect("both are done"), messages }
}

/// Numbers without a pattern.
pub(in crate::learn::vertical) struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678)
    }

    /// Splitmix.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Of mean 0 and variance 1, by twelve uniform ones.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Two words that add up to each of these.
    pub fn split(&mut self, words: &[i64]) -> [Vec<u64>; 2] {
        let ours: Vec<u64> = words.iter().map(|_| self.next()).collect();
        let theirs = words.iter().zip(&ours).map(|(w, o)| w.cast_unsigned().wrapping_sub(*o)).collect();
        [ours, theirs]
    }
}

fn product(session: &str, drawn: &[u64]) -> (Vec<u64>, Vec<u8>) {
    let [one, two] = ends(session);
    let (pending, asked) = Product::choose(&one, BATCH, &[0, 1, 0, 1]);
    let answer = Product::answer(&two, BATCH, &[5, 6, 7, u64::MAX], drawn, &asked).unwrap();
    assert_eq!(answer.len(), pending.due());
    (pending.open(&answer).unwrap(), answer)
}

#[test]
fn sigmoid_06_the_split_of_a_product_is_the_drawn_one_in_every_session() {
    let drawn = [1, 2, u64::MAX, 1 << 63];
    let expected: Vec<u64> =
        [0, 6, 0, u64::MAX].iter().zip(drawn).map(|(p, d): (&u64, u64)| p.wrapping_sub(d)).collect();
    let (one, first) = product("one", &drawn);
    let (two, second) = product("two", &drawn);
    assert_eq!((&one, &two), (&expected, &expected));
    // The messages have nothing in common: 8 of 8 words differ but once in 2⁶⁰.
    assert!(first.chunks(8).zip(second.chunks(8)).all(|(one, two)| one != two));
}

#[test]
fn sigmoid_07_other_inputs_and_other_ends_draw_other_masks() {
    let words = |seed_of: u8, end: &str, inputs: &[u64], purpose: &str| {
        Draws::new(&seed(seed_of), end, inputs).words(purpose, 4)
    };
    let one = words(1, "asker", &[1, 2], "a");
    assert_eq!(one, words(1, "asker", &[1, 2], "a"));
    for other in [
        words(2, "asker", &[1, 2], "a"),
        words(1, "teller", &[1, 2], "a"),
        words(1, "asker", &[1, 3], "a"),
        words(1, "asker", &[1, 2], "b"),
    ] {
        assert!(one.iter().zip(&other).all(|(one, other)| one != other));
    }
}
