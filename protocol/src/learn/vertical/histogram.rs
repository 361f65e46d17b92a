//! A histogram of scores that are split between two ends, by classes that one end knows each of.
//!
//! Both ends learn shares of how many rows of each class have a score in each bin, ready to open under noise; with
//! labels as classes that is all that a model's figures need (`learn::evaluate`). The attack it stops: a score or a
//! label of one row; a row is in the wire as a mask, and only sums leave.

#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

use super::{
    half::{BIT, Correlations, Draws, Half, Heard, Scale, exactly, part},
    sigmoid::table::turned,
};
use crate::{
    ot::{Batch, CotChooser, CotSender, ENTRIES, PendingCot, PendingWide, WideChooser, WideSender},
    secret::Secret,
    session::PeerMisbehaved,
};

/// The most bins.
pub const BINS: usize = 32;

/// Bytes of a table's entry: a bit a bin.
const WIDTH: usize = 4;

/// The shape of a histogram: both ends have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    bin_of: [u8; ENTRIES],
    bins: usize,
    asker: usize,
    teller: usize,
}

/// Why there is no such histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellsError {
    /// A step of the scores has no bin, or there are more than 32.
    #[error("a histogram has 1 to {BINS} bins, and every step one of them")]
    BinOutOfRange,
    /// No classes at an end, or more than 64.
    #[error("an end has 1 to 64 classes")]
    ClassesOutOfRange,
    /// A row's class is none of the announced.
    #[error("a row's class is none of those announced")]
    ClassOutOfRange,
    /// Not as many classes as rows.
    #[error("there are {rows} rows and {classes} classes")]
    RowsDiffer {
        /// Rows.
        rows: usize,
        /// Classes.
        classes: usize,
    },
}

impl Cells {
    /// `bin_of` gives the bin of each of the 256 steps of a score, the lowest score first; the ends know `asker` and
    /// `teller` classes.
    ///
    /// # Errors
    /// [`CellsError`] when a bin is not below `bins`, or there are too many of anything.
    pub fn new(bin_of: [u8; ENTRIES], bins: usize, asker: usize, teller: usize) -> Result<Self, CellsError> {
        if !(1..=BINS).contains(&bins) || bin_of.iter().any(|bin| usize::from(*bin) >= bins) {
            return Err(CellsError::BinOutOfRange);
        }
        if !(1..=64).contains(&asker) || !(1..=64).contains(&teller) {
            return Err(CellsError::ClassesOutOfRange);
        }
        Ok(Self { bin_of, bins, asker, teller })
    }

    /// Bins of equal width in the score, from `low` to `high`; the first and the last also have what is beyond.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn even(
        scale: Scale,
        low: f64,
        high: f64,
        bins: usize,
        asker: usize,
        teller: usize,
    ) -> Result<Self, CellsError> {
        let width = high - low;
        if !(1..=BINS).contains(&bins) || !width.is_finite() || width <= 0.0 {
            return Err(CellsError::BinOutOfRange);
        }
        let bin_of = std::array::from_fn(|step| {
            let place = (scale.middle(step) - low) / width * bins as f64;
            place.clamp(0.0, (bins - 1) as f64) as u8
        });
        Self::new(bin_of, bins, asker, teller)
    }

    /// Bins.
    pub const fn bins(&self) -> usize {
        self.bins
    }

    /// The bin of a step, the lowest score first.
    pub const fn bin_of(&self, step: u8) -> u8 {
        self.bin_of[step as usize]
    }

    /// Words that two counts share, for each bin: a count has 32 bits.
    const fn pairs(&self) -> usize {
        self.teller.div_ceil(2)
    }

    /// Words of a histogram's shares.
    pub const fn words(&self) -> usize {
        self.asker * self.bins * self.pairs()
    }

    /// Counts of a histogram, by asker's class, then bin, then teller's class.
    pub const fn counts(&self) -> usize {
        self.asker * self.bins * self.teller
    }

    /// Counts, or noise for them, as words that can be added to shares.
    ///
    /// # Panics
    /// When there are not as many as [`counts`](Self::counts).
    pub fn pack(&self, counts: &[i64]) -> Vec<u64> {
        // Invariant: noise is drawn for this shape, by this end.
        assert_eq!(counts.len(), self.counts(), "a number a count");
        let cells = counts.chunks_exact(self.teller);
        let pack = |pair: &[i64]| {
            let high = pair.get(1).copied().unwrap_or(0).cast_unsigned();
            pair[0].cast_unsigned().wrapping_add(high << 32)
        };
        cells.flat_map(|cell| cell.chunks(2)).map(pack).collect()
    }

    /// The counts, from both ends' shares, noise included; each is right if it is within ±2³¹.
    ///
    /// # Errors
    /// [`PeerMisbehaved::FigureCount`] when the other end has another number of words.
    pub fn open(&self, own: &[u64], theirs: &[u64]) -> Result<Vec<i64>, PeerMisbehaved> {
        if theirs.len() != self.words() || own.len() != self.words() {
            return Err(PeerMisbehaved::FigureCount { expected: self.words(), got: theirs.len() });
        }
        let mut counts = Vec::with_capacity(self.counts());
        for (at, (own, theirs)) in own.iter().zip(theirs).enumerate() {
            let sum = own.wrapping_add(*theirs);
            let low = i64::from(sum as u32 as i32);
            counts.push(low);
            if 2 * (at % self.pairs()) + 1 < self.teller {
                counts.push(i64::from((sum.wrapping_sub(low.cast_unsigned()) >> 32) as u32 as i32));
            }
        }
        Ok(counts)
    }

    fn check(&self, rows: usize, classes: &[u8], known: usize) -> Result<(), CellsError> {
        if classes.len() != rows {
            return Err(CellsError::RowsDiffer { rows, classes: classes.len() });
        }
        let fits = classes.iter().all(|class| usize::from(*class) < known);
        if fits { Ok(()) } else { Err(CellsError::ClassOutOfRange) }
    }

    /// Bytes of the message of a row: asker's first, teller's, asker's second, teller's second.
    const fn bytes(&self) -> [usize; 4] {
        let first = WideChooser::MESSAGE + BIT * (self.asker - 1);
        let products = 8 * self.bins * self.pairs();
        [first, ENTRIES * WIDTH, BIT * self.bins, products * self.asker]
    }

    /// Bytes of a row in the longest of its messages.
    pub(super) fn longest(&self) -> usize {
        self.bytes().into_iter().max().unwrap_or(0)
    }

    /// Bytes of a row on the wire, both directions.
    pub fn bytes_of_a_row(&self) -> usize {
        self.bytes().iter().sum()
    }
}

impl Scale {
    /// The score that a step of the histogram stands for, the lowest first: the carry that was lost stands for half a
    /// step either way.
    pub fn middle(self, step: usize) -> f64 {
        (step as f64 - 127.0) * f64::from(1u32 << self.reach) / 128.0
    }
}

/// The end that looks up. Its classes are usually the features' end's groups.
pub struct Asker(Box<AskerState>);

struct AskerState {
    correlations: Correlations,
    batch: Batch,
    cells: Cells,
    classes: Zeroizing<Vec<u8>>,
    then: Await,
}

enum Await {
    Tables { pending: PendingWide, groups: Option<PendingCot> },
    Products { pending: PendingCot, groups: Option<PendingCot> },
}

impl Asker {
    /// The first message. `classes` are this end's of each row, `batch` and `scale` as for the sigmoid.
    ///
    /// # Errors
    /// [`CellsError`] when a class is none of those announced.
    ///
    /// # Panics
    /// When the batch was used before (OT-05), or the scale is none.
    pub fn start(
        correlations: &Correlations,
        batch: Batch,
        scale: Scale,
        cells: &Cells,
        scores: &[u64],
        classes: &[u8],
    ) -> Result<(Self, Vec<u8>), CellsError> {
        cells.check(scores.len(), classes, cells.asker)?;
        let choices = Zeroizing::new(scale.bytes(scores));
        let (mut message, pending) = WideChooser::new(correlations.chooser.clone()).choose(batch, &choices);
        let mut groups = None;
        if cells.asker > 1 {
            // The first class is what the others leave of all.
            let of = |class: &u8| {
                let class = *class;
                (1..cells.asker).map(move |group| u8::from(usize::from(class) == group))
            };
            let bits = Zeroizing::new(classes.iter().flat_map(of).collect::<Vec<_>>());
            let (asked, pending) = CotChooser::new(correlations.chooser.clone()).choose(batch, &bits);
            message.extend_from_slice(&asked);
            groups = Some(pending);
        }
        let classes = Zeroizing::new(classes.to_vec());
        let then = Await::Tables { pending, groups };
        let (correlations, cells) = (correlations.clone(), cells.clone());
        Ok((Self(Box::new(AskerState { correlations, batch, cells, classes, then })), message))
    }
}

impl Half for Asker {
    fn due(&self) -> usize {
        let [_, tables, _, products] = self.0.cells.bytes();
        self.0.classes.len() * if matches!(self.0.then, Await::Tables { .. }) { tables } else { products }
    }

    fn hear(self, message: &[u8]) -> Result<Heard<Self>, PeerMisbehaved> {
        exactly(self.due(), message)?;
        let mut state = self.0;
        let cells = &state.cells;
        match state.then {
            Await::Tables { pending, groups } => {
                let entries = pending.open::<WIDTH>(message)?;
                let bits = |entry: &[u8; WIDTH]| {
                    let word = u32::from_le_bytes(*entry);
                    (0..cells.bins).map(move |bin| (word >> bin & 1) as u8)
                };
                let bits = Zeroizing::new(entries.iter().flat_map(bits).collect::<Vec<_>>());
                let chooser = CotChooser::new(state.correlations.chooser.clone());
                let (say, pending) = chooser.choose(part(state.batch, 1), &bits);
                state.then = Await::Products { pending, groups };
                Ok(Heard::Say(Self(state), say))
            }
            Await::Products { pending, groups } => {
                let width = cells.bins * cells.pairs();
                let (products, grouped) = message.split_at(8 * state.classes.len() * width);
                let own = Zeroizing::new(pending.open(cells.pairs(), products)?);
                let mut shares = vec![0u64; cells.words()];
                // This end's own part of each row, to its class, by reading and writing all classes, which are below 128.
                for (row, class) in own.chunks_exact(width).zip(&*state.classes) {
                    for (group, totals) in (0u8..).zip(shares.chunks_exact_mut(width)) {
                        let mask = u64::from((group ^ class).wrapping_sub(1) >> 7).wrapping_neg();
                        totals.iter_mut().zip(row).for_each(|(t, x)| *t = t.wrapping_add(x & mask));
                    }
                }
                if let Some(groups) = groups {
                    let theirs = Zeroizing::new(groups.open(width, grouped)?);
                    add_groups(&mut shares, &theirs, width);
                }
                Ok(Heard::Done { say: None, shares })
            }
        }
    }
}

/// Adds rows of products with all groups but the first to the groups' totals, and takes them from the first's.
fn add_groups(shares: &mut [u64], products: &[u64], width: usize) {
    let (first, others) = shares.split_at_mut(width);
    for row in products.chunks_exact(others.len()) {
        for (at, (total, product)) in others.iter_mut().zip(row).enumerate() {
            *total = total.wrapping_add(*product);
            first[at % width] = first[at % width].wrapping_sub(*product);
        }
    }
}

/// The end with the tables. Its classes are usually labels, by its groups.
pub struct Teller(Box<TellerState>);

struct TellerState {
    correlations: Correlations,
    batch: Batch,
    cells: Cells,
    classes: Zeroizing<Vec<u8>>,
    indices: Zeroizing<Vec<u8>>,
    /// The asker's halves are what these hide.
    masks: Zeroizing<Vec<u32>>,
    /// The asker's choices of its groups, once heard.
    groups: Option<Vec<u8>>,
    tables: bool,
}

impl Teller {
    /// This end, waiting for the asker's first message. `seed` as for the sigmoid.
    ///
    /// # Errors
    /// [`CellsError`] when a class is none of those announced.
    ///
    /// # Panics
    /// When the scale is none.
    pub fn start(
        correlations: &Correlations,
        batch: Batch,
        scale: Scale,
        cells: &Cells,
        scores: &[u64],
        classes: &[u8],
        seed: &Secret<[u8; 32]>,
    ) -> Result<Self, CellsError> {
        cells.check(scores.len(), classes, cells.teller)?;
        let masks = Draws::new(seed, "histogram teller", scores).halves("masks", scores.len());
        Ok(Self(Box::new(TellerState {
            correlations: correlations.clone(),
            batch,
            cells: cells.clone(),
            classes: Zeroizing::new(classes.to_vec()),
            indices: Zeroizing::new(scale.bytes(scores)),
            masks: Zeroizing::new(masks),
            groups: None,
            tables: false,
        })))
    }

    /// SIGMOID-09: a row's words for its bit of a bin, (1 − 2·bit)·x and bit·x, where x counts the row in its class.
    fn words(&self, row: usize, bin: usize, pair: usize) -> (u64, u64) {
        let state = &self.0;
        let bit = u64::from(state.masks[row] >> bin & 1);
        let class = usize::from(state.classes[row]);
        // No branch on the class: both comparisons are made.
        let x = u64::from(class == 2 * pair) | u64::from(class == 2 * pair + 1) << 32;
        let flipped = bit.wrapping_neg();
        ((x ^ flipped).wrapping_sub(flipped), x & flipped)
    }

    fn tables(&self, message: &[u8]) -> Result<Vec<u8>, PeerMisbehaved> {
        let state = &self.0;
        let hot: [u32; ENTRIES] = std::array::from_fn(|step| 1 << state.cells.bin_of[step ^ 128]);
        let sender = WideSender::new(state.correlations.keeper.clone());
        sender.answer::<WIDTH>(state.batch, state.indices.len(), message, |row| {
            std::array::from_fn(|byte| {
                let mask = (state.masks[row] >> (8 * byte)) as u8;
                let plane: [u8; ENTRIES] = hot.map(|hot| (hot >> (8 * byte)) as u8 ^ mask);
                turned(plane, state.indices[row])
            })
        })
    }

    fn products(&self, message: &[u8]) -> Result<(Vec<u8>, Vec<u64>), PeerMisbehaved> {
        let state = &self.0;
        let (bins, pairs) = (state.cells.bins, state.cells.pairs());
        let width = bins * pairs;
        let places = || {
            let places =
                move |row| (0..bins).flat_map(move |bin| (0..pairs).map(move |pair| (row, bin, pair)));
            (0..state.classes.len()).flat_map(places)
        };
        let words = |(row, bin, pair)| self.words(row, bin, pair);
        let chosen = Zeroizing::new(places().map(|place| words(place).0).collect::<Vec<_>>());
        let sender = CotSender::new(state.correlations.keeper.clone());
        let (shares, mut say) = sender.answer(part(state.batch, 1), pairs, &chosen, message)?;
        let mut shares = Zeroizing::new(shares);
        for (share, place) in shares.iter_mut().zip(places()) {
            *share = share.wrapping_add(words(place).1);
        }
        let mut totals = vec![0u64; state.cells.words()];
        for row in shares.chunks_exact(width) {
            totals.iter_mut().zip(row).for_each(|(total, share)| *total = total.wrapping_add(*share));
        }
        if let Some(asked) = &state.groups {
            let others = state.cells.asker - 1;
            let repeated = |row: &[u64]| row.iter().copied().cycle().take(width * others).collect::<Vec<_>>();
            let words = Zeroizing::new(shares.chunks_exact(width).flat_map(repeated).collect::<Vec<_>>());
            let (grouped, more) = sender.answer(state.batch, width, &words, asked)?;
            add_groups(&mut totals, &grouped, width);
            say.extend_from_slice(&more);
        }
        Ok((say, totals))
    }
}

impl Half for Teller {
    fn due(&self) -> usize {
        let [choices, _, bits, _] = self.0.cells.bytes();
        self.0.classes.len() * if self.0.tables { bits } else { choices }
    }

    fn hear(mut self, message: &[u8]) -> Result<Heard<Self>, PeerMisbehaved> {
        exactly(self.due(), message)?;
        if self.0.tables {
            let (say, shares) = self.products(message)?;
            return Ok(Heard::Done { say: Some(say), shares });
        }
        let (choices, groups) = message.split_at(WideChooser::MESSAGE * self.0.classes.len());
        let say = self.tables(choices)?;
        self.0.groups = (self.0.cells.asker > 1).then(|| groups.to_vec());
        self.0.tables = true;
        Ok(Heard::Say(self, say))
    }
}
