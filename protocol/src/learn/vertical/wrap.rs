//! Fewer bits behind the point: shares of a value are cut, and lifted again to shares mod 2⁶⁴.
//!
//! To cut a share is to shift it, and as for the sigmoid the lost carry is a stochastic rounding. But cut shares add
//! up only mod 2ᵏ; for sums with larger factors they are needed mod 2⁶⁴, for which both ends have to know, in
//! shares, whether a + b passed 2ᵏ. That is a comparison, a > 2ᵏ − 1 − b, made of look-ups of nibbles. The attack that
//! this stops is the shortcut: shifting the shares and hoping that they do not wrap fails with probability |z|/2ᵏ, and
//! then by 2ᵏ (Mohassel and Zhang 2017, theorem 1), which shows where the value was.

#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

use super::half::{BIT, Correlations, Draws, Half, Heard, PRODUCT, Product, exactly, part};
use crate::{
    ot::{Batch, LookupChooser, LookupSender, PendingLookup},
    secret::Secret,
    session::PeerMisbehaved,
};

/// Bits of an entry: more, and equal.
const WIDTH: u32 = 2;
/// Bytes of a look-up, of who asks and of who answers.
const ASK: usize = 16;
const TELL: usize = 2 * WIDTH as usize;

/// What is cut off: z = value / 2^`fraction` with |z| < 2^`reach` keeps `keep` bits behind the point.
///
/// Shares need to be right mod 2^(`fraction` + `reach` + 1) only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Bits behind the point.
    pub fraction: u32,
    /// log₂ of the first |z| that does not fit; beyond it wraps (SIGMOID-04).
    pub reach: u32,
    /// Bits that stay, at most `fraction`.
    pub keep: u32,
}

impl Cut {
    /// Bits of a cut share.
    const fn bits(self) -> u32 {
        self.reach + 1 + self.keep
    }

    /// Nibbles of it.
    const fn nibbles(self) -> usize {
        self.bits().div_ceil(4) as usize
    }

    /// Bytes of a row on the wire, both directions.
    pub const fn bytes(self) -> usize {
        (2 * self.nibbles() - 1) * (ASK + TELL) + BIT + PRODUCT
    }

    fn check(self) {
        let whole = self.fraction.saturating_add(self.reach).saturating_add(1);
        // Invariant: what is cut is the protocol's own choice, never the peer's.
        assert!(whole <= 64 && self.keep <= self.fraction && self.bits() <= 60, "64 bits, of which 60 stay");
    }

    /// Each share cut to k bits.
    fn cut(self, shares: &[u64]) -> Zeroizing<Vec<u64>> {
        self.check();
        let mask = u64::MAX >> (64 - self.bits());
        Zeroizing::new(shares.iter().map(|share| share >> (self.fraction - self.keep) & mask).collect())
    }

    /// What the teller adds to its cut share: half of 2ᵏ, so that no value is negative, and 1 for the carry that the
    /// cut has lost, with probability one minus what was cut off, if anything was (SIGMOID-02).
    fn offset(self) -> u64 {
        (1 << (self.bits() - 1)) + u64::from(self.keep < self.fraction)
    }
}

/// The lowest `nibbles` nibbles of each word, from the lowest.
fn nibbles(words: &[u64], nibbles: usize) -> Zeroizing<Vec<u8>> {
    let of = |word: &u64| {
        let word = *word;
        (0..nibbles).map(move |at| (word >> (4 * at)) as u8 & 15)
    };
    Zeroizing::new(words.iter().flat_map(of).collect())
}

/// One end's halves of "more" and "equal" for each nibble of each row, the lowest first: more + 2·equal.
struct Halves {
    halves: Zeroizing<Vec<u8>>,
    each: usize,
}

impl Halves {
    /// Neighbours side by side: the nibble low + 4·high of each two, and who has no neighbour.
    fn pairs(&self) -> (Zeroizing<Vec<u8>>, Option<Zeroizing<Vec<u8>>>) {
        let rows = || self.halves.chunks_exact(self.each);
        let pairs = rows().flat_map(|row| row.as_chunks::<2>().0.iter().map(|[low, high]| low | high << 2));
        let alone = (self.each % 2 == 1).then(|| rows().map(|row| row[self.each - 1]).collect());
        (Zeroizing::new(pairs.collect()), alone.map(Zeroizing::new))
    }

    /// From what the pairs gave, and who had no neighbour, which is the highest: `each` of a row.
    fn merge(found: &[u8], alone: Option<&[u8]>, each: usize) -> Self {
        let Some(alone) = alone else {
            return Self { halves: Zeroizing::new(found.to_vec()), each };
        };
        let mut halves = Zeroizing::new(Vec::with_capacity(found.len() + alone.len()));
        for (row, alone) in alone.iter().enumerate() {
            halves.extend_from_slice(&found[row * (each - 1)..(row + 1) * (each - 1)]);
            halves.push(*alone);
        }
        Self { halves, each }
    }
}

/// "more + 2·equal" of each nibble against `own`, under `mask`.
fn compared(own: u8, mask: u8) -> [u16; 16] {
    std::array::from_fn(|asked| {
        let asked = asked as u8;
        // Nibbles are below 16, so the borrow says which is more.
        let more = own.wrapping_sub(asked) >> 7;
        let equal = (own ^ asked).wrapping_sub(1) >> 7;
        u16::from((more | equal << 1) ^ mask)
    })
}

/// The same of two neighbours, low + 4·high, of which `own` is this end's halves.
fn merged(own: u8, mask: u8) -> [u16; 16] {
    std::array::from_fn(|asked| {
        let halves = asked as u8 ^ own;
        let (low, high) = (halves & 3, halves >> 2);
        let equal = high >> 1;
        // More above, or equal above and more below.
        let more = (high & 1) ^ (equal & low);
        u16::from(((more & 1) | (equal & low >> 1) << 1) ^ mask)
    })
}

/// The end that looks up.
pub struct Asker(Box<AskerState>);

struct AskerState {
    correlations: Correlations,
    batch: Batch,
    cut: Cut,
    level: u16,
    shares: Zeroizing<Vec<u64>>,
    pending: PendingLookup,
    asked: usize,
    /// Who has no neighbour in the level that was asked for.
    alone: Option<Zeroizing<Vec<u8>>>,
    /// Halves of a row when this level is through.
    each: usize,
    drawn: Zeroizing<Vec<u64>>,
}

impl Asker {
    /// The first message, 16 bytes a nibble, for this end's shares; `batch` and `seed` as for the sigmoid.
    ///
    /// # Panics
    /// When the batch was used before (OT-05), or the cut is from more than 64 bits or to more than 60.
    pub fn start(
        correlations: &Correlations,
        batch: Batch,
        cut: Cut,
        shares: &[u64],
        seed: &Secret<[u8; 32]>,
    ) -> (Self, Vec<u8>) {
        let drawn = Draws::new(seed, "wrap asker", shares).words("products", shares.len());
        let (shares, each) = (cut.cut(shares), cut.nibbles());
        let choices = nibbles(&shares, each);
        let (message, pending) = LookupChooser::new(correlations.chooser.clone()).choose(batch, &choices);
        let state = AskerState {
            correlations: correlations.clone(),
            batch,
            cut,
            level: 0,
            shares,
            pending,
            asked: choices.len(),
            alone: None,
            each,
            drawn: Zeroizing::new(drawn),
        };
        (Self(Box::new(state)), message)
    }
}

impl Half for Asker {
    fn due(&self) -> usize {
        TELL * self.0.asked + if self.0.each == 1 { BIT * self.0.shares.len() } else { 0 }
    }

    fn hear(self, message: &[u8]) -> Result<Heard<Self>, PeerMisbehaved> {
        exactly(self.due(), message)?;
        let mut state = self.0;
        let (tables, bits) = message.split_at(TELL * state.asked);
        let found = state.pending.open(WIDTH, tables)?;
        let found = Zeroizing::new(found.iter().map(|entry| *entry as u8).collect::<Vec<_>>());
        let halves = Halves::merge(&found, state.alone.as_deref().map(Vec::as_slice), state.each);
        if state.each > 1 {
            let (choices, alone) = halves.pairs();
            state.level += 1;
            let chooser = LookupChooser::new(state.correlations.chooser.clone());
            let (message, pending) = chooser.choose(part(state.batch, state.level), &choices);
            (state.pending, state.asked, state.alone) = (pending, choices.len(), alone);
            state.each = state.each.div_ceil(2);
            return Ok(Heard::Say(Self(state), message));
        }
        // SIGMOID-08: z = a + b − 2ᵏ·(w ⊕ w′), of which this end has a and w: what is left is 2ᵏ⁺¹·w·w′.
        let bits_of = state.cut.bits();
        let wraps = || halves.halves.iter().map(|half| u64::from(half & 1));
        let words = Zeroizing::new(wraps().map(|wrap| wrap << bits_of << 1).collect::<Vec<_>>());
        let say = Product::answer(&state.correlations, state.batch, &words, &state.drawn, bits)?;
        let own = |((share, wrap), drawn): ((&u64, u64), &u64)| {
            share.wrapping_sub(wrap << bits_of).wrapping_add(*drawn)
        };
        let shares = state.shares.iter().zip(wraps()).zip(&*state.drawn).map(own).collect();
        Ok(Heard::Done { say: Some(say), shares })
    }
}

/// The end with the tables.
pub struct Teller(Box<TellerState>);

struct TellerState {
    correlations: Correlations,
    batch: Batch,
    cut: Cut,
    level: u16,
    shares: Zeroizing<Vec<u64>>,
    draws: Draws,
    then: Then,
}

enum Then {
    /// Choices are due, for tables from these nibbles.
    Choices { own: Zeroizing<Vec<u8>>, alone: Option<Zeroizing<Vec<u8>>>, each: usize },
    /// The products are due.
    Products(Product),
}

impl Teller {
    /// This end, with its shares, waiting for the asker's first message. Arguments as for [`Asker::start`].
    ///
    /// # Panics
    /// When the cut is from more than 64 bits or to more than 60.
    pub fn start(
        correlations: &Correlations,
        batch: Batch,
        cut: Cut,
        shares: &[u64],
        seed: &Secret<[u8; 32]>,
    ) -> Self {
        let draws = Draws::new(seed, "wrap teller", shares);
        let mut shares = cut.cut(shares);
        let whole = u64::MAX >> (64 - cut.bits());
        shares.iter_mut().for_each(|share| *share = share.wrapping_add(cut.offset()) & whole);
        // a + b ≥ 2ᵏ where a > 2ᵏ − 1 − b.
        let complement = Zeroizing::new(shares.iter().map(|share| whole - share).collect::<Vec<_>>());
        let each = cut.nibbles();
        let then = Then::Choices { own: nibbles(&complement, each), alone: None, each };
        Self(Box::new(TellerState {
            correlations: correlations.clone(),
            batch,
            cut,
            level: 0,
            shares,
            draws,
            then,
        }))
    }
}

impl Half for Teller {
    fn due(&self) -> usize {
        match &self.0.then {
            Then::Choices { own, .. } => ASK * own.len(),
            Then::Products(pending) => pending.due(),
        }
    }

    fn hear(self, message: &[u8]) -> Result<Heard<Self>, PeerMisbehaved> {
        exactly(self.due(), message)?;
        let mut state = self.0;
        let bits_of = state.cut.bits();
        let (own, alone, each) = match state.then {
            Then::Choices { own, alone, each } => (own, alone, each),
            Then::Products(pending) => {
                let products = Zeroizing::new(pending.open(message)?);
                let offset = state.cut.offset() - u64::from(state.cut.keep < state.cut.fraction);
                for (share, product) in state.shares.iter_mut().zip(&*products) {
                    *share = share.wrapping_add(*product).wrapping_sub(offset);
                }
                return Ok(Heard::Done { say: None, shares: std::mem::take(&mut state.shares) });
            }
        };
        let masks = Zeroizing::new(state.draws.halves(LEVELS[usize::from(state.level)], own.len()));
        let mask = |at: usize| (masks[at] & 3) as u8;
        let sender = LookupSender::new(state.correlations.keeper.clone());
        let batch = part(state.batch, state.level);
        let mut say = sender.answer(batch, WIDTH, own.len(), message, |at| match state.level {
            0 => compared(own[at], mask(at)),
            _ => merged(own[at], mask(at)),
        })?;
        let found = Zeroizing::new((0..own.len()).map(mask).collect::<Vec<_>>());
        let halves = Halves::merge(&found, alone.as_deref().map(Vec::as_slice), each);
        if each > 1 {
            let (own, alone) = halves.pairs();
            state.level += 1;
            state.then = Then::Choices { own, alone, each: each.div_ceil(2) };
            return Ok(Heard::Say(Self(state), say));
        }
        let (pending, bits) = Product::choose(&state.correlations, state.batch, &halves.halves);
        say.extend_from_slice(&bits);
        for (share, half) in state.shares.iter_mut().zip(&*halves.halves) {
            *share = share.wrapping_sub(u64::from(half & 1) << bits_of);
        }
        state.then = Then::Products(pending);
        Ok(Heard::Say(Self(state), say))
    }
}

/// What the masks of a level are drawn for; 15 nibbles are four levels above the first.
const LEVELS: [&str; 5] = ["level 0", "level 1", "level 2", "level 3", "level 4"];
