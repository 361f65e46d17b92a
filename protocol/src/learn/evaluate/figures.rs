//! The figures of a model, of counts that may have noise in them.
//!
//! Sums over bins are taken as they are, negative counts and all: noise of mean 0 then leaves them right on average.
//! Clamping each bin at 0 first would add, bin by bin, the mean of what was cut off (EVAL-02).

use super::{Calibration, Evaluation, Group, Histogram, Interval, Lift, TENTHS};

/// What a histogram's figures are computed with.
pub(super) struct Shape {
    probabilities: Vec<f64>,
    groups: usize,
    /// The first bin that is selected.
    selected: usize,
}

/// Zeros and ones of each bin, all groups or one.
struct Labels {
    zeros: Vec<f64>,
    ones: Vec<f64>,
}

impl Labels {
    fn totals(&self) -> [f64; 2] {
        [self.zeros.iter().sum(), self.ones.iter().sum()]
    }
}

const NONE: f64 = f64::NAN;

/// A share; none of nothing.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { NONE }
}

impl Shape {
    pub(super) fn new(histogram: &Histogram, threshold: f64) -> Self {
        let probability = |z: &f64| 1.0 / (1.0 + (-z).exp());
        let probabilities: Vec<f64> = histogram.scores.iter().map(probability).collect();
        let selected = probabilities.iter().position(|p| *p >= threshold).unwrap_or(histogram.bins());
        Self { probabilities, groups: histogram.groups, selected }
    }

    fn bins(&self) -> usize {
        self.probabilities.len()
    }

    fn labels(&self, counts: &[f64], group: Option<usize>) -> Labels {
        let mut labels = Labels { zeros: vec![0.0; self.bins()], ones: vec![0.0; self.bins()] };
        for (number, counts) in counts.chunks_exact(2 * self.bins()).enumerate() {
            if group.is_none_or(|group| group == number) {
                for (bin, [zeros, ones]) in counts.as_chunks::<2>().0.iter().enumerate() {
                    labels.zeros[bin] += zeros;
                    labels.ones[bin] += ones;
                }
            }
        }
        labels
    }

    /// Rows of each bin, all labels and groups.
    pub(super) fn rows_of_bins(&self, counts: &[f64]) -> Vec<f64> {
        let labels = self.labels(counts, None);
        labels.zeros.iter().zip(&labels.ones).map(|(zeros, ones)| zeros + ones).collect()
    }

    /// All figures in a fixed order, NaN where there is none; [`evaluation`](Self::evaluation) names them.
    pub(super) fn figures(&self, counts: &[f64]) -> Vec<f64> {
        let labels = self.labels(counts, None);
        let [zeros, ones] = labels.totals();
        let mut figures = vec![
            zeros + ones,
            ones,
            auc(&labels),
            ks(&labels),
            self.log_loss(&labels),
            self.calibration_error(&labels),
        ];
        for tenth in 1..=TENTHS {
            let top = tenth as f64 / TENTHS as f64;
            let gain = gain(&labels, top);
            figures.extend([gain, gain / top]);
        }
        for (zeros, ones) in labels.zeros.iter().zip(&labels.ones) {
            figures.extend([share(*ones, zeros + ones), zeros + ones]);
        }
        let (mut selection, mut hit) = (Vec::new(), Vec::new());
        for group in 0..self.groups {
            let labels = self.labels(counts, Some(group));
            let [zeros, ones] = labels.totals();
            let above = |counts: &[f64]| counts[self.selected..].iter().sum::<f64>();
            selection.push(share(above(&labels.zeros) + above(&labels.ones), zeros + ones));
            hit.push(share(above(&labels.ones), ones));
            figures.push(zeros + ones);
        }
        let gap = |rates: &[f64]| {
            let known = || rates.iter().copied().filter(|rate| !rate.is_nan());
            known().fold(NONE, f64::max) - known().fold(NONE, f64::min)
        };
        figures.extend([gap(&selection), gap(&hit)]);
        figures.extend(selection);
        figures.extend(hit);
        figures
    }

    fn log_loss(&self, labels: &Labels) -> f64 {
        let [zeros, ones] = labels.totals();
        let loss = self.probabilities.iter().zip(labels.zeros.iter().zip(&labels.ones));
        share(loss.map(|(p, (zeros, ones))| -ones * p.ln() - zeros * (1.0 - p).ln()).sum(), zeros + ones)
    }

    fn calibration_error(&self, labels: &Labels) -> f64 {
        let [zeros, ones] = labels.totals();
        let bins = self.probabilities.iter().zip(labels.zeros.iter().zip(&labels.ones));
        share(bins.map(|(p, (zeros, ones))| (ones - p * (zeros + ones)).abs()).sum(), zeros + ones)
    }

    /// The names of [`figures`](Self::figures).
    pub(super) fn evaluation(&self, figures: Vec<Option<Interval>>) -> Evaluation {
        let mut figures = figures.into_iter();
        let mut next = |low: f64, high: f64| figures.next().flatten().map(|figure| figure.within(low, high));
        let counts = f64::INFINITY;
        let (rows, positives) = (next(0.0, counts), next(0.0, counts));
        let (auc, ks) = (next(0.0, 1.0), next(0.0, 1.0));
        let (log_loss, calibration_error) = (next(0.0, counts), next(0.0, 1.0));
        let mut lift = Vec::with_capacity(TENTHS);
        for tenth in 1..=TENTHS {
            let share = tenth as f64 / TENTHS as f64;
            lift.push(Lift { share, gain: next(0.0, 1.0), lift: next(0.0, 1.0 / share) });
        }
        let line = |p: &f64| Calibration { predicted: *p, observed: next(0.0, 1.0), rows: next(0.0, counts) };
        let calibration = self.probabilities.iter().map(line).collect();
        let sizes: Vec<_> = (0..self.groups).map(|_| next(0.0, counts)).collect();
        let (selection_gap, true_positive_gap) = (next(0.0, 1.0), next(0.0, 1.0));
        let selection: Vec<_> = (0..self.groups).map(|_| next(0.0, 1.0)).collect();
        let hit: Vec<_> = (0..self.groups).map(|_| next(0.0, 1.0)).collect();
        let group =
            |((rows, selection_rate), true_positive_rate)| Group { rows, selection_rate, true_positive_rate };
        let groups = sizes.into_iter().zip(selection).zip(hit).map(group).collect();
        Evaluation {
            rows,
            positives,
            auc,
            ks,
            log_loss,
            calibration_error,
            lift,
            calibration,
            groups,
            selection_gap,
            true_positive_gap,
        }
    }
}

/// EVAL-03: P(a positive row's score is above a negative one's), rows of one bin counting half.
fn auc(labels: &Labels) -> f64 {
    let [zeros, ones] = labels.totals();
    let mut below = 0.0;
    let mut won = 0.0;
    for (zeros, ones) in labels.zeros.iter().zip(&labels.ones) {
        won += ones * (below + zeros / 2.0);
        below += zeros;
    }
    if zeros > 0.0 && ones > 0.0 { won / (zeros * ones) } else { NONE }
}

fn ks(labels: &Labels) -> f64 {
    let [zeros, ones] = labels.totals();
    if !(zeros > 0.0 && ones > 0.0) {
        return NONE;
    }
    let (mut of_zeros, mut of_ones, mut furthest) = (0.0, 0.0, 0.0f64);
    for (zero, one) in labels.zeros.iter().zip(&labels.ones) {
        of_zeros += zero / zeros;
        of_ones += one / ones;
        furthest = furthest.max((of_zeros - of_ones).abs());
    }
    furthest
}

/// The share of ones among the rows with the highest scores, `top` of all; a bin that is cut is taken in part.
fn gain(labels: &Labels, top: f64) -> f64 {
    let [zeros, ones] = labels.totals();
    let mut left = top * (zeros + ones);
    let mut found = 0.0;
    for (zero, one) in labels.zeros.iter().zip(&labels.ones).rev() {
        let rows = zero + one;
        if rows >= left && rows > 0.0 {
            found += one * left / rows;
            break;
        }
        found += one;
        left -= rows;
    }
    share(found, ones)
}

/// The population stability index of two lists of rows a bin.
pub(super) fn stability(then: &[f64], now: &[f64]) -> f64 {
    // EVAL-05: a bin is taken for half a row at least, as a logarithm asks for.
    let shares = |rows: &[f64]| -> Vec<f64> {
        let rows: Vec<f64> = rows.iter().map(|rows| rows.max(0.5)).collect();
        let all: f64 = rows.iter().sum();
        rows.iter().map(|rows| rows / all).collect()
    };
    if !(then.iter().sum::<f64>() > 0.0 && now.iter().sum::<f64>() > 0.0) {
        return NONE;
    }
    shares(then).iter().zip(shares(now)).map(|(then, now)| (now - then) * (now / then).ln()).sum()
}
