//! From noisy integers to the figures that were asked for, with their intervals.
//!
//! Whoever reads a figure without knowing its noise takes the noise for the truth. So each comes with an interval
//! that covers the figure without noise in at least 95 of 100 cases:
//!
//! - a count or a sum: from the noise's distribution itself;
//! - an average or a standard deviation: interval arithmetic over two or three such intervals, each wide enough
//!   that all hold together (Bonferroni). Such an interval is never too narrow, and often wider than need be;
//! - a quantile: the noise of a sum of buckets is sub-Gaussian, P(|X| > t) ≤ 2·e^(−t²/2s²) (CKS20, corollary 17
//!   for one, their product of moment-generating functions for several), held at all edges at once.
//!
//! What an interval does not cover is clamping: the figures are of values within the contract's bounds, rounded
//! to its steps. The answer says so beside them.

use tacit_protocol::noise::{Cover, NoiseError};

use crate::{
    policy::{AggregatePlan, Decimal, Measure, Quantity},
    query::{Aggregate, ColumnName},
};

/// A figure of one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// Turns the integers of groups into figures.
pub(super) struct Estimator<'a> {
    plan: &'a AggregatePlan,
    /// For each column the half width of its noise, alone, as one of two, and as one of three.
    halves: Vec<[f64; 3]>,
    /// For each column σ.
    sigmas: Vec<f64>,
}

impl<'a> Estimator<'a> {
    pub fn new(plan: &'a AggregatePlan) -> Result<Self, NoiseError> {
        let mut halves = Vec::new();
        let mut sigmas = Vec::new();
        for column in plan.columns() {
            let noise = plan.price().noise(column)?;
            halves.push(
                [Cover::Alone, Cover::OfTwo, Cover::OfThree].map(|cover| noise.half_width(cover) as f64),
            );
            sigmas.push((noise.variance().num() as f64 / noise.variance().den() as f64).sqrt());
        }
        Ok(Self { plan, halves, sigmas })
    }

    /// A figure of a group; `None` if the owner hides it.
    pub fn figure(&self, figure: &Aggregate, group: &[Option<i64>]) -> Option<Estimate> {
        match figure {
            Aggregate::Group(_) => None,
            Aggregate::Count => {
                let (value, low, high) = self.interval(Quantity::Customers, group, 0)?;
                Some(Estimate { value, low: low.max(0.0), high: high.max(0.0) })
            }
            Aggregate::Sum(column) => {
                let (of, measure) = self.measure(column)?;
                let place = self.plan.place(Quantity::Sum(of))?;
                let (integer, half) = (group[place]?, self.halves[place][0]);
                let half = half * measure.fixed.step();
                let value = steps(measure, integer);
                Some(Estimate { value, low: value - half, high: value + half })
            }
            Aggregate::Average(column) => self.mean(column, group),
            Aggregate::StandardDeviation(column) => self.deviation(column, group),
            Aggregate::Quantile(column, share) => {
                self.quantile(column, f64::from(*share) / 1_000_000.0, group)
            }
        }
    }

    fn measure(&self, column: &ColumnName) -> Option<(usize, &'a Measure)> {
        self.plan.measures().iter().enumerate().find(|(_, measure)| measure.column == column.column)
    }

    /// An integer and its interval, as one of `parts` + 1.
    fn interval(&self, quantity: Quantity, group: &[Option<i64>], parts: usize) -> Option<(f64, f64, f64)> {
        let place = self.plan.place(quantity)?;
        let (value, half) = (group[place]? as f64, self.halves[place][parts]);
        Some((value, value - half, value + half))
    }

    /// How many customers have a value, at least one; and the mean of their distance from `origin`, in steps.
    fn parts(&self, of: usize, group: &[Option<i64>], parts: usize) -> Option<(Range, Range, f64)> {
        let (count, low, high) = self.interval(Quantity::Values(of), group, parts)?;
        let count = Range { value: count.max(1.0), low: low.max(1.0), high: high.max(1.0) };
        let centre = self.plan.measures()[of].fixed.centre() as f64;
        let (sum, origin) = match self.interval(Quantity::Centred(of), group, parts) {
            Some(sum) => (sum, centre),
            None => (self.interval(Quantity::Sum(of), group, parts)?, 0.0),
        };
        let sum = Range { value: sum.0, low: sum.1, high: sum.2 };
        Some((count, sum.over(count), origin))
    }

    fn mean(&self, column: &ColumnName, group: &[Option<i64>]) -> Option<Estimate> {
        let (of, measure) = self.measure(column)?;
        let (_, mean, origin) = self.parts(of, group, 1)?;
        let (fixed, step) = (&measure.fixed, measure.fixed.step());
        let (least, most) = (fixed.low() as f64, fixed.high() as f64);
        let inside = |steps: f64| (steps + origin).clamp(least, most) * step;
        Some(Estimate { value: inside(mean.value), low: inside(mean.low), high: inside(mean.high) })
    }

    /// √((Σx² − n·mean²)/(n − 1)), over distances from the middle of the bounds.
    fn deviation(&self, column: &ColumnName, group: &[Option<i64>]) -> Option<Estimate> {
        let (of, measure) = self.measure(column)?;
        let (count, mean, origin) = self.parts(of, group, 2)?;
        let fixed = &measure.fixed;
        let mean = mean.moved(origin - fixed.centre() as f64);
        let (square, low, high) = self.interval(Quantity::Squares(of), group, 2)?;
        let unit = (fixed.squared_by() as f64).powi(2);
        let squares = Range { value: square * unit, low: low.max(0.0) * unit, high: high.max(0.0) * unit };
        let (squares, means) = (squares.over(count), mean.squared());
        // n/(n − 1) falls with n. Of one customer there is no deviation to speak of.
        let sample = |count: f64| if count > 1.5 { count / (count - 1.0) } else { 2.0 };
        // No values within bounds deviate more, and the sample's factor is at most 2.
        let most = (fixed.high() - fixed.low()) as f64 / f64::sqrt(2.0);
        let root = |variance: f64| variance.max(0.0).sqrt().min(most) * fixed.step();
        Some(Estimate {
            value: root((squares.value - means.value) * sample(count.value)),
            low: root((squares.low - means.high) * sample(count.high)),
            high: root((squares.high - means.low) * sample(count.low)),
        })
    }

    fn quantile(&self, column: &ColumnName, share: f64, group: &[Option<i64>]) -> Option<Estimate> {
        let (of, measure) = self.measure(column)?;
        let first = self.plan.place(Quantity::Bucket(of, 0))?;
        let buckets = measure.buckets();
        let counts: Vec<f64> = group
            .get(first..first + buckets)?
            .iter()
            .map(|count| count.map(|count| count as f64))
            .collect::<Option<_>>()?;
        let edges = &measure.shown_edges;
        let value = interpolated(&counts, edges, share);
        // Of the true counts, what lies below the quantile is `share` of all; this is how far an edge is from it.
        let total: f64 = counts.iter().sum();
        let inner = buckets.saturating_sub(1);
        let tail = (2.0 * (2.0 * inner.max(1) as f64 / 0.05).ln()).sqrt();
        let (mut low, mut high, mut below) = (edges[0], edges[buckets], 0.0);
        for edge in 1..buckets {
            below += counts[edge - 1];
            let (under, over) = (edge as f64, (buckets - edge) as f64);
            let sigma = self.sigmas[first] * ((1.0 - share).powi(2) * under + share.powi(2) * over).sqrt();
            let away = below - share * total;
            if away < -tail * sigma {
                low = edges[edge];
            }
            if away > tail * sigma {
                high = edges[edge];
                break;
            }
        }
        Some(Estimate { value, low: low.min(value), high: high.max(value) })
    }
}

/// Where the cumulated counts reach a share of their total, straight within a bucket. Negative counts are none.
fn interpolated(counts: &[f64], edges: &[f64], share: f64) -> f64 {
    let wanted = share * counts.iter().map(|count| count.max(0.0)).sum::<f64>();
    let mut below = 0.0;
    for (bucket, count) in counts.iter().map(|count| count.max(0.0)).enumerate() {
        if count > 0.0 && below + count >= wanted {
            let part = ((wanted - below) / count).clamp(0.0, 1.0);
            return edges[bucket] + part * (edges[bucket + 1] - edges[bucket]);
        }
        below += count;
    }
    // All counts are zero or less: nothing is known but the middle.
    f64::midpoint(edges[0], edges[edges.len() - 1])
}

/// A whole number of steps as a number, the nearest there is.
fn steps(measure: &Measure, integer: i64) -> f64 {
    match i128::from(integer).checked_mul(measure.fixed.step_decimal().units()) {
        Some(units) => Decimal::of_units(units).real(),
        None => integer as f64 * measure.fixed.step(),
    }
}

/// A number and what it lies between.
#[derive(Clone, Copy)]
struct Range {
    value: f64,
    low: f64,
    high: f64,
}

impl Range {
    /// Divided by something that is at least 1.
    fn over(self, by: Self) -> Self {
        Self {
            value: self.value / by.value,
            low: (self.low / by.low).min(self.low / by.high),
            high: (self.high / by.low).max(self.high / by.high),
        }
    }

    fn moved(self, by: f64) -> Self {
        Self { value: self.value + by, low: self.low + by, high: self.high + by }
    }

    fn squared(self) -> Self {
        let (low, high) = (self.low.powi(2), self.high.powi(2));
        let around = self.low <= 0.0 && self.high >= 0.0;
        Self { value: self.value.powi(2), low: if around { 0.0 } else { low.min(high) }, high: low.max(high) }
    }
}
