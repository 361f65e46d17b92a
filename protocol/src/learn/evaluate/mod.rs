//! What is said of a model, from histograms of its scores alone.
//!
//! How many held-out rows of each label and group have a score in each bin is all that leaves: one customer is in one
//! cell, so noise on the cells pays for every figure here at once, however many are read off (EVAL-01). The attack
//! this stops is the sharp figure: an exact AUC before and after one row was added tells that row's label, and
//! figures that are asked for one by one would each cost. A figure without its width is the other trap: every one
//! comes with the interval that the known noise gives it (EVAL-04).
//!
//! ```text
//!   Histogram (bin × label × group) ──► figures ──► Evaluation: AUC, KS, log-loss, lift and gain,
//!        + Noise, known              intervals       calibration, selection rate and TPR by group
//!   two of them ──► drift (PSI)      coefficients ──► importance, which needs no rows
//! ```
//!
//! Pure functions of integers that were opened; nothing here is secret. `docs/protocols/learn-evaluate.md` has
//! the rules.

mod explain;
mod figures;
mod interval;

#[cfg(test)]
mod tests;

pub use explain::{Importance, Term, importance};
pub use interval::{Interval, Noise};

/// Steps of the lift and gain table.
pub const TENTHS: usize = 10;

/// Counts of held-out rows by group, bin and label, as they were opened: with noise, so some may be negative.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    scores: Vec<f64>,
    groups: usize,
    counts: Vec<i64>,
}

/// Why this is no histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// No bins, or scores that are no numbers or do not rise.
    #[error("bins have scores that rise from one to the next")]
    ScoresDoNotRise,
    /// Another number of counts than groups × bins × 2 labels.
    #[error("{expected} counts are due, {got} came")]
    CountsDiffer {
        /// Groups × bins × 2.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// Two histograms of different bins cannot be compared.
    #[error("the two histograms have different bins")]
    BinsDiffer,
}

impl Histogram {
    /// `scores`: for each bin the linear predictor z that it stands for, rising, so that σ(z) is its probability;
    /// `counts`: by group, then bin, then label 0 and 1.
    ///
    /// # Errors
    /// [`HistogramError`] when the scores do not rise or the counts are not as many.
    pub fn new(scores: Vec<f64>, groups: usize, counts: Vec<i64>) -> Result<Self, HistogramError> {
        let rises = scores.iter().all(|z| z.is_finite()) && scores.is_sorted_by(|low, high| low < high);
        if !rises || scores.is_empty() {
            return Err(HistogramError::ScoresDoNotRise);
        }
        let expected = groups.saturating_mul(scores.len()).saturating_mul(2);
        if counts.len() != expected || groups == 0 {
            return Err(HistogramError::CountsDiffer { expected, got: counts.len() });
        }
        Ok(Self { scores, groups, counts })
    }

    /// From what [`Cells::open`](crate::learn::vertical::histogram::Cells::open) gives, where the teller's class is
    /// label + 2·(its group): group number `own group of the asker`·`teller` + `group of the teller`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of_classes(
        scores: Vec<f64>,
        asker: usize,
        teller: usize,
        counts: &[i64],
    ) -> Result<Self, HistogramError> {
        let (bins, groups) = (scores.len(), asker.saturating_mul(teller));
        let expected = groups.saturating_mul(bins).saturating_mul(2);
        if counts.len() != expected {
            return Err(HistogramError::CountsDiffer { expected, got: counts.len() });
        }
        let place = |at: usize| {
            let (group, bin, label) = (at / (2 * bins), at / 2 % bins, at % 2);
            ((group / teller * bins + bin) * teller + group % teller) * 2 + label
        };
        Self::new(scores, groups, (0..expected).map(|at| counts[place(at)]).collect())
    }

    /// Bins.
    pub const fn bins(&self) -> usize {
        self.scores.len()
    }

    /// Groups.
    pub const fn groups(&self) -> usize {
        self.groups
    }

    /// The scores that bins stand for.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// The counts, by group, then bin, then label.
    pub fn counts(&self) -> &[i64] {
        &self.counts
    }

    fn numbers(&self) -> Vec<f64> {
        self.counts.iter().map(|count| *count as f64).collect()
    }
}

/// A step of the lift and gain table.
#[derive(Debug, Clone, PartialEq)]
pub struct Lift {
    /// The share of rows with the highest scores.
    pub share: f64,
    /// The share of all positive rows that are among them.
    pub gain: Option<Interval>,
    /// Gain over share: how many times as many as among all.
    pub lift: Option<Interval>,
}

/// A line of the calibration table.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The probability that the bin stands for.
    pub predicted: f64,
    /// The share of positive rows in it.
    pub observed: Option<Interval>,
    /// Rows in it.
    pub rows: Option<Interval>,
}

/// A group at the threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Rows.
    pub rows: Option<Interval>,
    /// The share of rows at or above the threshold.
    pub selection_rate: Option<Interval>,
    /// The share of positive rows at or above it.
    pub true_positive_rate: Option<Interval>,
}

/// Everything that is said of a model on held-out rows. A figure is `None` where the rows are too few for it, or too
/// few under this noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Held-out rows.
    pub rows: Option<Interval>,
    /// Of them positive.
    pub positives: Option<Interval>,
    /// The area under the curve; two rows of one bin count as half.
    pub auc: Option<Interval>,
    /// Kolmogorov and Smirnov: the largest distance between the labels' distributions.
    pub ks: Option<Interval>,
    /// Mean −ln of the probability given to what came, each row at its bin's score.
    pub log_loss: Option<Interval>,
    /// Mean distance between predicted and observed, bins weighted by their rows.
    pub calibration_error: Option<Interval>,
    /// The top tenth, two tenths, … all.
    pub lift: Vec<Lift>,
    /// A line a bin.
    pub calibration: Vec<Calibration>,
    /// A line a group.
    pub groups: Vec<Group>,
    /// The largest selection rate of a group less the smallest.
    pub selection_gap: Option<Interval>,
    /// The same of the true positive rates.
    pub true_positive_gap: Option<Interval>,
}

impl Evaluation {
    /// Of a histogram with this noise in it; a row is selected where its bin's probability is at least `threshold`.
    pub fn of(histogram: &Histogram, noise: Option<&Noise>, threshold: f64) -> Self {
        let shape = figures::Shape::new(histogram, threshold);
        let figures = interval::intervals(&histogram.numbers(), noise, |counts| shape.figures(counts));
        shape.evaluation(figures)
    }
}

/// How far the scores of now are from those of then: the population stability index, Σ (a − e)·ln(a/e) over the bins'
/// shares of rows, of which none is taken below half a row. Below 0.1 is called stable, above 0.25 a shift.
///
/// # Errors
/// [`HistogramError::BinsDiffer`] when the two do not have the same bins.
pub fn drift(
    then: &Histogram,
    now: &Histogram,
    noise: [Option<&Noise>; 2],
) -> Result<Option<Interval>, HistogramError> {
    if then.scores != now.scores {
        return Err(HistogramError::BinsDiffer);
    }
    let [one, two] = [then, now].map(|histogram| figures::Shape::new(histogram, 0.5));
    let counts = [then.numbers(), now.numbers()];
    let index = |one_counts: &[f64], two_counts: &[f64]| {
        vec![figures::stability(&one.rows_of_bins(one_counts), &two.rows_of_bins(two_counts))]
    };
    let mut found = interval::intervals_of_two([&counts[0], &counts[1]], noise, index);
    Ok(found.pop().flatten().map(|interval| interval.within(0.0, f64::INFINITY)))
}
