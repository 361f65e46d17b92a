//! Which item stands in which bin: cuckoo tables at the seeker, plain ones at the holder.
//!
//! Three public hash functions give every item three different bins. The seeker puts each of its items into
//! one of the three, one item a bin; the holder puts each of its items into all three. So equal items meet
//! in one bin for certain, and bin by bin the two compare one item of the seeker with a few of the holder.
//! Bins are worked through in *slabs* of equal size, which bounds memory.
//!
//! What it stops: a peer that learns from a size how its partner's items fall. The bins, the slabs and the
//! room of a slab are functions of the two announced sizes alone (JOIN-10, JOIN-13); what does not fit ends
//! the run with probability 2⁻⁴⁰ (JOIN-12, JOIN-13). Rules JOIN-10 to JOIN-15 are in
//! `docs/protocols/join-hashing.md`.

use std::ops::Range;

use aes::{
    Aes128, Block,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use rand_core::Rng;

use super::oprf::Point;
use crate::{
    noise::logarithm::ln,
    okvs::{OkvsError, Shape},
};

/// λ: a run fails for these reasons with probability 2^−40 each at most.
const LAMBDA: u32 = 40;

/// From here on the published fit gives the bins, below a bound that can be proved (JOIN-10).
const FITTED: u32 = 1 << 12;

/// Entries that a slab has on average, at most: its table then stays within the second-level cache.
const MEAN_ENTRIES: u64 = 20_000;

/// Bins of a slab, which are numbered in 16 bits with room to spare.
const MOST_SLAB_BINS: u64 = 1 << 15;

/// Items that a table can number.
const MOST_ITEMS: u32 = 1 << 28;

/// A bin without an item.
const EMPTY: u32 = u32::MAX;

/// Why items cannot be put into bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CuckooError {
    /// The items have no places under this seed: the run ends (JOIN-12).
    #[error("the items have no places under this seed")]
    NoPlace,
    /// More entries fall into a slab than it has room for. Another seed would tell the peer so: the run is over.
    #[error("more entries fall into a slab than it has room for")]
    SlabOverfull,
    /// More than 2²⁸ items.
    #[error("a table can number {MOST_ITEMS} items at most")]
    TooManyItems,
}

/// Bins, slabs and the room of a slab: public, from the two announced sizes (JOIN-10, JOIN-13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    slab_bins: u32,
    slabs: u32,
    shape: Shape,
}

impl Layout {
    /// For `seeker` and `holder` items with their padding, in slabs of up to `slab_bins` bins; `tables` of them
    /// are filled in the run, and the probabilities are for all of them together.
    ///
    /// # Errors
    /// [`CuckooError::TooManyItems`] above 2²⁸ items a side.
    pub fn new(seeker: u32, holder: u32, slab_bins: u32, tables: u32) -> Result<Self, CuckooError> {
        if seeker > MOST_ITEMS || holder > MOST_ITEMS {
            return Err(CuckooError::TooManyItems);
        }
        let entries = 3 * u64::from(holder);
        // A holder that is far larger than the seeker may need more bins than the seeker's items do, for even
        // a slab of one bin must not have more entries than a table holds.
        let bins = bins(seeker).max(entries.div_ceil(MEAN_ENTRIES));
        let full = (MEAN_ENTRIES * bins).checked_div(entries).unwrap_or(bins);
        let widest = u64::from(slab_bins).clamp(1, MOST_SLAB_BINS).min(full.max(1));
        let slabs = bins.div_ceil(widest);
        // Equal slabs, for which fewer than `slabs` bins are added.
        let slab_bins = bins.div_ceil(slabs);
        let lambda = LAMBDA + ceil_log2(slabs * u64::from(tables.max(1)));
        let load = load(entries, slab_bins, slabs, lambda);
        let shape = Shape::new(load as usize, lambda).map_err(|_: OkvsError| CuckooError::TooManyItems)?;
        Ok(Self { slab_bins: slab_bins as u32, slabs: slabs as u32, shape })
    }

    /// All bins: a whole number of slabs, below 2³⁰.
    pub const fn bins(&self) -> u32 {
        self.slab_bins * self.slabs
    }

    /// Bins of each slab, at most 2¹⁵.
    pub const fn slab_bins(&self) -> u32 {
        self.slab_bins
    }

    /// How many slabs.
    pub const fn slabs(&self) -> u32 {
        self.slabs
    }

    /// The bins of a slab.
    pub const fn range(&self, slab: u32) -> Range<u32> {
        let first = slab * self.slab_bins;
        first..first + self.slab_bins
    }

    /// The store that the entries of any slab fit into.
    pub const fn shape(&self) -> Shape {
        self.shape
    }
}

/// Bins for a cuckoo table of `items` items, such that there is no place for all of them with probability
/// 2⁻⁴⁰ at most (JOIN-10).
///
/// From 2¹² items on m = ⌈e·n⌉ with e = (λ + log₂n + 256)/240, a fit to experiments (libOTe; used by RS21 and
/// RR22), log₂n rounded up. Below, where a few items that share three bins are no longer rare, ⌈1.6·n⌉ + 112,
/// for which the union bound over all sets of k + 1 items in k bins is below 2⁻⁴⁰; the test
/// `join_10_small_tables_by_halls_theorem` computes it.
fn bins(items: u32) -> u64 {
    let n = u64::from(items);
    if items < FITTED {
        return (8 * n).div_ceil(5) + 112;
    }
    (n * (u64::from(LAMBDA) + 256 + u64::from(ceil_log2(n)))).div_ceil(240)
}

/// The most entries that one of `slabs` slabs has, except with probability 2^−`lambda` for each (JOIN-13).
///
/// Whatever the other entries do, an entry falls into a slab of s of m bins with probability at most
/// p = s·(1/(m−2) + 2⁻⁴²): two bins may be taken by the same item, and [`Hashes`] rounds. So the number is at
/// most binomial of N = 3n trials (by coupling them), with mean μ = N·p and
///
/// ```text
///   Pr[X ≥ t] ≤ exp(t − μ − t·ln(t/μ))      (Chernoff)
/// ```
///
/// for t > μ. μ is rounded up, the exponent is bounded by logarithms whose rounding is known.
fn load(entries: u64, slab_bins: u64, slabs: u64, lambda: u32) -> u64 {
    const BITS: u32 = 40;
    let bins = slab_bins * slabs;
    if slabs == 1 || bins < 3 {
        return entries;
    }
    let share = u128::from(entries) * u128::from(slab_bins);
    // In units of 2⁻⁴⁰, below 2⁸⁵.
    let mean = (share << BITS).div_ceil(u128::from(bins) - 2) + share.div_ceil(4);
    let ln_mean = ln(mean.max(1)).up;
    let wanted = i128::from(lambda) * ln(2).up;
    let rare = |t: u64| {
        let scaled = u128::from(t) << BITS;
        // ln in units of 2⁻⁸⁰, below 2⁸⁷; t is below 2³⁰, so nothing overflows.
        scaled > mean
            && i128::from(t) * (ln(scaled).down - ln_mean) - ((scaled - mean) as i128) * (1 << BITS) >= wanted
    };
    // The smallest t with Pr[X ≥ t] small enough, and one less is the room.
    let (mut low, mut high) = (0, entries + 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if rare(middle) { high = middle } else { low = middle }
    }
    high - 1
}

fn ceil_log2(x: u64) -> u32 {
    x.max(1).next_power_of_two().trailing_zeros()
}

/// The three hash functions of a table (JOIN-11): AES-128 under a public seed, fed forward, 42 bits for each.
struct Hashes {
    cipher: Aes128,
    bins: u64,
}

impl Hashes {
    /// `bins` ≥ 3 and below 2³⁰.
    fn new(seed: [u8; 16], bins: u32) -> Self {
        Self { cipher: Aes128::new(&seed.into()), bins: bins.into() }
    }

    /// Calls `each` with every item's number and its three bins.
    #[inline(always)]
    fn of(&self, items: &[[u8; 16]], mut each: impl FnMut(u32, [u32; 3])) {
        const BATCH: usize = 64;
        let mut blocks = [Block::default(); BATCH];
        let mut number = 0;
        for items in items.chunks(BATCH) {
            let blocks = &mut blocks[..items.len()];
            blocks.iter_mut().zip(items).for_each(|(block, item)| *block = (*item).into());
            self.cipher.encrypt_blocks(blocks);
            for (block, item) in blocks.iter().zip(items) {
                let hash = u128::from_le_bytes((*block).into()) ^ u128::from_le_bytes(*item);
                each(number, self.three(hash));
                number += 1;
            }
        }
    }

    /// Three different bins, each of the ones that are left with a probability that is off by 2⁻⁴² at most.
    #[inline(always)]
    fn three(&self, hash: u128) -> [u32; 3] {
        let pick = |part: u32, count: u64| {
            let fraction = (hash >> (42 * part)) & ((1 << 42) - 1);
            ((fraction * u128::from(count)) >> 42) as u64
        };
        let a = pick(0, self.bins);
        let b = pick(1, self.bins - 1);
        let b = b + u64::from(b >= a);
        let c = pick(2, self.bins - 2);
        let c = c + u64::from(c >= a.min(b));
        let c = c + u64::from(c >= a.max(b));
        [a as u32, b as u32, c as u32]
    }
}

/// The seeker's table: at most one item a bin.
pub struct Table {
    /// Item · 4 + hash index, or [`EMPTY`].
    bins: Vec<u32>,
}

impl Table {
    /// Puts different items into `layout`'s bins under a public seed.
    ///
    /// For each item the shortest way to an empty bin is searched, breadth first, over items that could move
    /// (each to the two others of its bins). So it fails only if there is no table at all (Hall's theorem), and
    /// stops after having seen every bin once.
    ///
    /// # Errors
    /// [`CuckooError::NoPlace`], with probability 2⁻⁴⁰ at most over the seed; then another seed may do, as long
    /// as nothing has been said (JOIN-12).
    pub fn place(items: &[[u8; 16]], layout: &Layout, seed: [u8; 16]) -> Result<Self, CuckooError> {
        let count = layout.bins() as usize;
        if items.len() > count || items.len() > MOST_ITEMS as usize || count < 3 {
            return Err(CuckooError::NoPlace);
        }
        let mut places = Vec::with_capacity(items.len());
        Hashes::new(seed, layout.bins()).of(items, |_, three| places.push(three));

        let mut bins = vec![EMPTY; count];
        // For which item a bin was last seen, and the ways of that search: (bin, the step before).
        let mut seen = vec![EMPTY; count];
        let mut ways: Vec<(u32, u32)> = Vec::new();
        for (item, three) in (0u32..).zip(&places) {
            ways.clear();
            for bin in three {
                seen[*bin as usize] = item;
                ways.push((*bin, EMPTY));
            }
            let mut at = 0;
            let last = loop {
                let (bin, _) = *ways.get(at).ok_or(CuckooError::NoPlace)?;
                let inhabitant = bins[bin as usize];
                if inhabitant == EMPTY {
                    break at;
                }
                for other in places[(inhabitant >> 2) as usize] {
                    if seen[other as usize] != item {
                        seen[other as usize] = item;
                        ways.push((other, at as u32));
                    }
                }
                at += 1;
            };
            // From the empty bin back: who lived at the step before moves here.
            let (mut bin, mut before) = ways[last];
            while before != EMPTY {
                let (from, earlier) = ways[before as usize];
                let mover = bins[from as usize] >> 2;
                bins[bin as usize] = entry(mover, &places[mover as usize], bin);
                (bin, before) = (from, earlier);
            }
            bins[bin as usize] = entry(item, three, bin);
        }
        Ok(Self { bins })
    }

    /// The item of a bin, by its number, and which of its hash functions led here.
    pub fn at(&self, bin: u32) -> Option<(u32, u8)> {
        let packed = *self.bins.get(bin as usize)?;
        (packed != EMPTY).then_some((packed >> 2, (packed & 3) as u8))
    }

    /// What the seeker asks for in some bins, one point a bin (JOIN-15): its item, or a dummy that no item can
    /// be equal to.
    pub fn points(&self, bins: Range<u32>, items: &[[u8; 16]], dummies: &mut impl Rng) -> Vec<Point> {
        let point =
            |bin| match self.at(bin).and_then(|(item, index)| Some((items.get(item as usize)?, index))) {
                Some((item, index)) => Point { item: *item, index },
                None => Point::dummy(dummies),
            };
        bins.map(point).collect()
    }
}

/// `bin` as one of an item's three.
fn entry(item: u32, three: &[u32; 3], bin: u32) -> u32 {
    let index = if three[0] == bin {
        0
    } else if three[1] == bin {
        1
    } else {
        2
    };
    item << 2 | index
}

/// One of the holder's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The bin, counted from the first of its slab.
    pub bin: u16,
    /// Which of the item's three hash functions led here.
    pub index: u8,
    /// The item's number.
    pub item: u32,
}

/// The holder's table: every item in all three of its bins, four bytes an entry and four a bin (JOIN-14).
pub struct Simple {
    /// Item · 4 + hash index, by bins.
    entries: Vec<u32>,
    /// Where each bin's entries start, and at last where the last one's end.
    starts: Vec<u32>,
    layout: Layout,
}

impl Simple {
    /// Puts different items into `layout`'s bins under the public seed, by counting.
    ///
    /// # Errors
    /// [`CuckooError::SlabOverfull`], with probability 2⁻⁴⁰ over the seed, if there are no more items than the
    /// layout was made for: the run is over, since another seed would tell the peer that this one did not fit.
    pub fn spread(items: &[[u8; 16]], layout: &Layout, seed: [u8; 16]) -> Result<Self, CuckooError> {
        if items.len() > MOST_ITEMS as usize {
            return Err(CuckooError::TooManyItems);
        }
        let count = layout.bins();
        if count < 3 {
            return Err(CuckooError::NoPlace);
        }
        let hashes = Hashes::new(seed, count);
        // Counted one place further on, so that the running sums end where the next bin starts.
        let mut starts = vec![0u32; count as usize + 1];
        hashes.of(items, |_, three| three.iter().for_each(|bin| starts[*bin as usize + 1] += 1));
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let slab = layout.slab_bins() as usize;
        let room = layout.shape().keys();
        let ends = starts.iter().step_by(slab);
        if ends.clone().zip(ends.skip(1)).any(|(start, end)| (end - start) as usize > room) {
            return Err(CuckooError::SlabOverfull);
        }

        let mut entries = vec![0; sum as usize];
        let mut next = starts.clone();
        hashes.of(items, |item, three| {
            for (index, bin) in (0..).zip(three) {
                let place = &mut next[bin as usize];
                entries[*place as usize] = item << 2 | index;
                *place += 1;
            }
        });
        Ok(Self { entries, starts, layout: *layout })
    }

    /// The entries of a slab, by bins. No more than the layout's shape has room for; none for a slab that is
    /// not there.
    pub fn slab(&self, slab: u32) -> impl Iterator<Item = Entry> + Clone + '_ {
        let bins = if slab < self.layout.slabs() { self.layout.range(slab) } else { 0..0 };
        (0u16..).zip(bins).flat_map(move |(bin, place)| {
            let range = self.starts[place as usize] as usize..self.starts[place as usize + 1] as usize;
            self.entries[range].iter().map(move |packed| Entry {
                bin,
                index: (packed & 3) as u8,
                item: packed >> 2,
            })
        })
    }
}

#[cfg(test)]
mod tests;
