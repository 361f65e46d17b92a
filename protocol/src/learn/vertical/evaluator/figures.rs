//! What a model's figures are computed from: the terms of an evaluation, and what of its counts is opened.

use super::super::{
    histogram::{BINS, Cells},
    params::{Linkage, Params, Party},
};
use crate::{
    learn::evaluate::Histogram,
    noise::DiscreteGaussian,
    session::{Abort, PeerMisbehaved},
    transcript::Transcript,
};

/// Where the bins are: from a chance of a quarter of a percent to one of 98 %. They reach further down, as what is
/// predicted is more often rare than common.
const FROM: f64 = -6.0;
const TO: f64 = 4.0;

/// Most groups of one end.
pub const MOST_GROUPS: u32 = 30;

/// Bytes of a message of the look-ups; a slab has as many rows as fit. Half of what a link carries in one frame.
const ROOM: usize = 2 << 20;

/// Who learns the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Learns {
    /// This end.
    One(Party),
    /// Both ends.
    Both,
}

impl Learns {
    /// Whether this end does.
    pub fn is(self, party: Party) -> bool {
        self == Self::Both || self == Self::One(party)
    }
}

/// The terms of an evaluation, beside those of its model; the same at both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Bins of scores.
    pub bins: u32,
    /// Groups that the label end tells its rows apart by; 1 for none.
    pub label_groups: u32,
    /// Those of the feature end.
    pub feature_groups: u32,
    /// Who learns the counts.
    pub learns: Learns,
    /// Whether a row may be one that an end does not have; it is counted nowhere then.
    pub hidden: bool,
    /// What is added to each count by each end whose peer learns them.
    pub noise: Option<DiscreteGaussian>,
}

/// What came out of an evaluation, at an end that learns it.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    /// Rows that were held back: group `feature end's group`·`label_groups` + `label end's group`.
    pub held_out: Histogram,
    /// Rows that were learned from, all groups together.
    pub learned_from: Histogram,
}

impl Figures {
    /// # Errors
    /// LEARNV-60: [`Abort::LearnShape`] for bins outside of 1 to 32 or groups outside of 1 to 30; and for the linear model,
    /// whose targets are no two classes.
    pub(super) fn check(&self, params: &Params) -> Result<(), Abort> {
        let groups = 1..=MOST_GROUPS;
        let fits = (1..=BINS as u32).contains(&self.bins)
            && groups.contains(&self.label_groups)
            && groups.contains(&self.feature_groups)
            && params.linkage() == Linkage::Logistic;
        if fits { Ok(()) } else { Err(Abort::LearnShape) }
    }

    pub(super) fn absorb_into(&self, transcript: &mut Transcript) {
        for number in [self.bins, self.label_groups, self.feature_groups, self.hidden.into()] {
            transcript.absorb("number", &number.to_le_bytes());
        }
        transcript.absorb("learns", format!("{:?}", self.learns).as_bytes());
        if let Some(noise) = &self.noise {
            transcript.absorb("noise", format!("{:?}", noise.variance()).as_bytes());
        }
    }

    /// What the label end tells rows apart by: group and label of those held back, label of the others, and last, if it may
    /// be, that it has no such row.
    fn label_classes(&self) -> usize {
        2 * self.label_groups as usize + 2
    }

    /// The cells that are counted. The feature end asks.
    pub(super) fn cells(&self, params: &Params) -> Result<Cells, Abort> {
        self.cells_with(params, usize::from(self.hidden))
    }

    /// Those of them that are opened.
    pub(super) fn opened(&self, params: &Params) -> Result<Cells, Abort> {
        self.cells_with(params, 0)
    }

    fn cells_with(&self, params: &Params, absent: usize) -> Result<Cells, Abort> {
        self.check(params)?;
        let (asker, teller) = (self.feature_groups as usize + absent, self.label_classes() + absent);
        Cells::even(params.scale(), FROM, TO, self.bins as usize, asker, teller)
            .map_err(|_| Abort::LearnShape)
    }

    /// LEARNV-61, the feature end's class of a row: its group if the row was held back, and last that it has no such row,
    /// which is never opened.
    pub(super) fn feature_class(&self, row: Row) -> Option<u8> {
        match row {
            Row { present: false, .. } => self.hidden.then_some(self.feature_groups as u8),
            Row { held_out: true, group, .. } => (u32::from(group) < self.feature_groups).then_some(group),
            Row { held_out: false, .. } => Some(0),
        }
    }

    /// The label end's class of a row.
    pub(super) fn label_class(&self, row: Row) -> Option<u8> {
        let label = u8::from(row.label);
        match row {
            Row { present: false, .. } => self.hidden.then_some(self.label_classes() as u8),
            Row { held_out: true, group, .. } => {
                (u32::from(group) < self.label_groups).then_some(2 * group + label)
            }
            Row { held_out: false, .. } => Some(2 * self.label_groups as u8 + label),
        }
    }

    /// Of the words of all cells those that are opened. A count that is not opened has its word's upper half to itself, or
    /// a word.
    pub(super) fn opens(&self, all: &Cells, words: &[u64]) -> Vec<u64> {
        let bins = all.bins();
        let pairs = (self.label_classes() + usize::from(self.hidden)).div_ceil(2);
        let kept = self.label_classes() / 2;
        let rows = words.chunks_exact(pairs).take(self.feature_groups as usize * bins);
        rows.flat_map(|row| row.iter().take(kept).copied()).collect()
    }

    /// Rows of a slab.
    pub(super) fn slab(&self, cells: &Cells) -> usize {
        (ROOM / cells.longest()).clamp(16, super::super::plan::SLAB)
    }

    /// The scores that bins stand for: the mean of their steps' within the range.
    pub(super) fn scores(&self, params: &Params, cells: &Cells) -> Vec<f64> {
        let mut sums = vec![(0.0, 0.0); cells.bins()];
        for step in 0..=u8::MAX {
            let middle = params.scale().middle(step.into());
            if (FROM..TO).contains(&middle) {
                let (sum, count) = &mut sums[usize::from(cells.bin_of(step))];
                *sum += middle;
                *count += 1.0;
            }
        }
        sums.into_iter().map(|(sum, count)| sum / count).collect()
    }

    /// The histograms, of both ends' words.
    pub(super) fn read(&self, params: &Params, own: &[u64], theirs: &[u64]) -> Result<Counts, Abort> {
        let cells = self.opened(params)?;
        let counts = cells.open(own, theirs)?;
        let scores = self.scores(params, &cells);
        let (asker, teller, classes) =
            (self.feature_groups as usize, self.label_groups as usize, self.label_classes());
        let held: Vec<i64> =
            counts.chunks_exact(classes).flat_map(|cell| cell[..2 * teller].iter().copied()).collect();
        let learned: Vec<i64> = counts
            .chunks_exact(classes)
            .take(cells.bins())
            .flat_map(|cell| cell[2 * teller..].iter().copied())
            .collect();
        let wrong = |_| Abort::from(PeerMisbehaved::FigureCount { expected: own.len(), got: theirs.len() });
        Ok(Counts {
            held_out: Histogram::of_classes(scores.clone(), asker, teller, &held).map_err(wrong)?,
            learned_from: Histogram::new(scores, 1, learned).map_err(wrong)?,
        })
    }
}

/// A row as one end knows it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Whether the model did not learn from it; both ends know.
    pub held_out: bool,
    /// This end's group of it.
    pub group: u8,
    /// At the label end, whether the target is 1.
    pub label: bool,
    /// Whether this end has it.
    pub present: bool,
}
