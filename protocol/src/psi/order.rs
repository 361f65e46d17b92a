//! An end's own set as the protocol speaks of it: each item once, dummies among them, in random order.
//!
//! What this hides: the order of the rows (PSI-04), how often a customer stands in them (PSI-03), and the
//! true size behind the dummies (PSI-05). A dummy is 32 random bytes that take the same way as an item, so
//! neither a group element nor the time it takes to make one tells them apart.

use chacha20::ChaCha20Rng;
use curve25519_dalek::Scalar;
use rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{
    message::Role,
    params::{NAME, Params},
};
use crate::{secret::Secret, session::Abort, transcript::Transcript};

/// Everything random of one end of one run, expanded from its seed by ChaCha20 (RFC 8439): one stream a
/// use. The seed is hashed with session and role first, so that a seed used twice by mistake, or the same
/// seed at both ends, does not repeat a scalar.
pub(super) struct Draws(Secret<[u8; 32]>);

impl Draws {
    pub(super) fn new(seed: &Secret<[u8; 32]>, params: &Params, role: Role) -> Self {
        let mut transcript = Transcript::new(NAME);
        transcript.absorb("draws of", role.name().as_bytes());
        transcript.absorb("session", params.session().as_bytes());
        transcript.absorb("seed", seed.expose());
        Self(Secret::new(transcript.hash()))
    }

    fn stream(&self, number: u64) -> ChaCha20Rng {
        let mut stream = ChaCha20Rng::from_seed(*self.0.expose());
        stream.set_stream(number);
        stream
    }

    pub(super) fn scalar(&self) -> Secret<Scalar> {
        scalar_from(&mut self.stream(0))
    }

    fn dummies(&self, count: u32) -> Secret<Vec<[u8; 32]>> {
        let mut dummies = vec![[0; 32]; count as usize];
        self.stream(1).fill_bytes(dummies.as_flattened_mut());
        Secret::new(dummies)
    }

    /// Fisher–Yates.
    fn shuffle(&self, places: &mut [u32]) {
        let mut stream = self.stream(2);
        // Places are counted in u32 (`Own::new`).
        for last in (1..places.len()).rev() {
            places.swap(last, below(&mut stream, last as u32 + 1) as usize);
        }
    }
}

/// A uniform scalar that is not 0 (PSI-06, A05): 512 bits reduced, as RFC 9497 §4.7.2 allows.
pub(crate) fn scalar_from(stream: &mut impl Rng) -> Secret<Scalar> {
    let mut wide = Zeroizing::new([0; 64]);
    loop {
        stream.fill_bytes(wide.as_mut());
        let scalar = Scalar::from_bytes_mod_order_wide(&wide);
        if scalar != Scalar::ZERO {
            return Secret::new(scalar);
        }
    }
}

/// A uniform number below `bound` (Lemire 2019, "Fast random integer generation in an interval", alg. 5).
pub(crate) fn below(stream: &mut impl Rng, bound: u32) -> u32 {
    loop {
        let product = u64::from(stream.next_u32()) * u64::from(bound);
        if product as u32 >= bound.wrapping_neg() % bound {
            return (product >> 32) as u32;
        }
    }
}

/// The own set, in the order in which the peer will see it.
pub(super) struct Own {
    items: Secret<Vec<[u8; 32]>>,
    dummies: Secret<Vec<[u8; 32]>>,
    /// For each place in the protocol: an index into `items`, or behind them into `dummies`.
    places: Vec<u32>,
    /// Items that stand in `items` again: (the later one, the first one).
    repeats: Vec<(u32, u32)>,
}

impl Own {
    /// # Errors
    /// [`Abort::OwnSetAboveCap`] when the different items and the dummies are more than `cap` together.
    pub(super) fn new(items: Vec<[u8; 32]>, dummies: u32, cap: u32, draws: &Draws) -> Result<Self, Abort> {
        let above = |count: usize| Abort::OwnSetAboveCap { count: count as u64, cap };
        let items = Secret::new(items);
        let given = items.expose().len();
        if dummies > cap || u32::try_from(given + dummies as usize).is_err() {
            return Err(above(given + dummies as usize));
        }
        let (mut places, repeats) = split_repeats(items.expose());
        // The sum fits: there are no more different items than given ones.
        places.extend(given as u32..given as u32 + dummies);
        if places.len() > cap as usize {
            return Err(above(places.len()));
        }
        draws.shuffle(&mut places);
        Ok(Self { dummies: draws.dummies(dummies), items, places, repeats })
    }

    /// Items and dummies: what is announced.
    pub(super) const fn count(&self) -> u32 {
        // Invariant: `new` has checked that it fits.
        self.places.len() as u32
    }

    /// What stands at a place.
    pub(super) fn at(&self, place: usize) -> &[u8; 32] {
        let index = self.places[place] as usize;
        let items = self.items.expose();
        items.get(index).unwrap_or_else(|| &self.dummies.expose()[index - items.len()])
    }

    /// From an answer by place to an answer for each item as it was given. Dummies fall away (PSI-05).
    pub(super) fn by_item(&self, matches: impl Fn(usize) -> bool + Sync + Send) -> Vec<bool> {
        let found: Vec<bool> = (0..self.places.len()).into_par_iter().map(matches).collect();
        let mut matched = vec![false; self.items.expose().len()];
        for (place, found) in found.into_iter().enumerate() {
            if let Some(slot) = matched.get_mut(self.places[place] as usize) {
                *slot = found;
            }
        }
        for (repeat, first) in &self.repeats {
            matched[*repeat as usize] = matched[*first as usize];
        }
        matched
    }
}

/// The indices of each different item's first occurrence, and the repeats of it.
fn split_repeats(items: &[[u8; 32]]) -> (Vec<u32>, Vec<(u32, u32)>) {
    // Sorted by eight leading bytes, next to each other in memory; whole items only where those are equal.
    let leading = |item: &[u8; 32]| item.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let mut order: Zeroizing<Vec<(u64, u32)>> =
        Zeroizing::new(items.iter().zip(0..).map(|(item, index)| (leading(item), index)).collect());
    order.par_sort_unstable_by(|a, b| {
        let whole = || items[a.1 as usize].cmp(&items[b.1 as usize]);
        a.0.cmp(&b.0).then_with(whole).then(a.1.cmp(&b.1))
    });
    let (mut firsts, mut repeats) = (Vec::with_capacity(items.len()), Vec::new());
    for (_, index) in order.iter().copied() {
        match firsts.last() {
            Some(first) if items[*first as usize] == items[index as usize] => repeats.push((index, *first)),
            _ => firsts.push(index),
        }
    }
    (firsts, repeats)
}
