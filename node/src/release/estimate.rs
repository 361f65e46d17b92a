//! From noisy integers to the figures that were asked for, with their intervals.
//!
//! Whoever reads a figure without knowing its noise takes the noise for the truth. So each comes with an interval
//! that covers the figure without noise in at least 95 of 100 cases:
//!
//! - a count or a sum: from the noise's distribution itself;
//! - an average or a standard deviation: interval arithmetic over two or three such intervals, each wide enough
//!   that all hold together (Bonferroni). Such an interval is never too narrow, and often wider than need be;
//! - a correlation: the same over six, and all of −1 to 1 where a deviation may be none;
//! - a quantile: the noise of a sum of buckets is sub-Gaussian, P(|X| > t) ≤ 2·e^(−t²/2s²) (CKS20, corollary 17
//!   for one, their product of moment-generating functions for several), held at all edges at once.
//!
//! What an interval does not cover is clamping: the figures are of values within the contract's bounds, rounded
//! to its steps. The answer says so beside them.

use tacit_protocol::noise::{Cover, DiscreteGaussian, NoiseError};

use crate::{
    policy::{AggregatePlan, Decimal, JoinPlan, Measure, Moment, Party, Quantity, Roles, product_steps},
    query::{Aggregate, ColumnName},
};

/// How sure intervals are that hold alone, or with one, two or five others.
const COVERS: [Cover; 4] = [Cover::Alone, Cover::OfTwo, Cover::OfThree, Cover::OfSix];
const ALONE: usize = 0;
const OF_TWO: usize = 1;
const OF_THREE: usize = 2;
const OF_SIX: usize = 3;

/// A figure of one group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// How wide the noise of each integer of a group is.
pub(super) struct Widths(Vec<Width>);

struct Width {
    /// The half width of the noise by how sure it is, as [`COVERS`].
    halves: [f64; 4],
    sigma: f64,
}

impl Widths {
    /// Of figures over one table.
    pub fn of(plan: &AggregatePlan) -> Result<Self, NoiseError> {
        let width = |noise: DiscreteGaussian| Width {
            halves: COVERS.map(|cover| noise.half_width(cover) as f64),
            sigma: sigma(&noise),
        };
        plan.columns()
            .iter()
            .map(|column| Ok(width(plan.price().noise(column)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Of figures over an overlap. Where both sides add noise, each is taken to add the wider one.
    pub fn of_join(plan: &JoinPlan, roles: &Roles) -> Result<Self, NoiseError> {
        let width = |column: usize| {
            let adding = Party::BOTH.into_iter().filter(|party| plan.adds_noise(*party));
            let noises =
                adding.map(|party| plan.noise(column, party, roles)).collect::<Result<Vec<_>, _>>()?;
            let shares = noises.len();
            let wider = noises.into_iter().max_by(|a, b| sigma(a).total_cmp(&sigma(b)));
            // Invariant: the answerer adds noise in every join, because the asker receives.
            let Some(noise) = wider else { return Err(NoiseError::VarianceOutOfRange) };
            let half = |cover: Cover| match shares {
                1 => noise.half_width(cover) as f64,
                _ => noise.half_width_of_two(cover) as f64,
            };
            Ok(Width { halves: COVERS.map(half), sigma: sigma(&noise) * (shares as f64).sqrt() })
        };
        (0..plan.figures().columns().len()).map(width).collect::<Result<_, _>>().map(Self)
    }

    /// Half the length of the 95 % interval of an integer.
    pub fn alone(&self, place: usize) -> f64 {
        self.0[place].halves[ALONE]
    }
}

fn sigma(noise: &DiscreteGaussian) -> f64 {
    (noise.variance().num() as f64 / noise.variance().den() as f64).sqrt()
}

/// Turns the integers of groups into figures.
pub(super) struct Estimator<'a> {
    plan: &'a AggregatePlan,
    widths: Widths,
}

impl<'a> Estimator<'a> {
    pub const fn new(plan: &'a AggregatePlan, widths: Widths) -> Self {
        Self { plan, widths }
    }

    /// A figure of a group; `None` if the owner hides it.
    pub fn figure(&self, figure: &Aggregate, group: &[Option<i64>]) -> Option<Estimate> {
        match figure {
            Aggregate::Group(_) => None,
            Aggregate::Count => {
                let (value, low, high) = self.interval(Quantity::Customers, group, ALONE)?;
                Some(Estimate { value, low: low.max(0.0), high: high.max(0.0) })
            }
            Aggregate::Sum(column) => {
                let (of, measure) = self.measure(column)?;
                let place = self.plan.place(Quantity::Sum(of))?;
                let (integer, half) = (group[place]?, self.widths.alone(place));
                let half = half * measure.fixed.step();
                let value = steps(measure, integer);
                Some(Estimate { value, low: value - half, high: value + half })
            }
            Aggregate::Average(column) => self.mean(column, group),
            Aggregate::StandardDeviation(column) => self.deviation(column, group),
            Aggregate::Quantile(column, share) => {
                self.quantile(column, f64::from(*share) / 1_000_000.0, group)
            }
            Aggregate::Product(one, other) => self.product(one, other, group),
            Aggregate::Correlation(one, other) => self.correlation(one, other, group),
        }
    }

    fn measure(&self, column: &ColumnName) -> Option<(usize, &'a Measure)> {
        self.plan.measures().iter().enumerate().find(|(_, measure)| measure.name == *column)
    }

    /// An integer and its interval, as sure as the place in [`COVERS`] says.
    fn interval(&self, quantity: Quantity, group: &[Option<i64>], parts: usize) -> Option<(f64, f64, f64)> {
        let place = self.plan.place(quantity)?;
        let (value, half) = (group[place]? as f64, self.widths.0[place].halves[parts]);
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
        let (_, mean, origin) = self.parts(of, group, OF_TWO)?;
        let (fixed, step) = (&measure.fixed, measure.fixed.step());
        let (least, most) = (fixed.low() as f64, fixed.high() as f64);
        let inside = |steps: f64| (steps + origin).clamp(least, most) * step;
        Some(Estimate { value: inside(mean.value), low: inside(mean.low), high: inside(mean.high) })
    }

    /// √((Σx² − n·mean²)/(n − 1)), over distances from the middle of the bounds.
    fn deviation(&self, column: &ColumnName, group: &[Option<i64>]) -> Option<Estimate> {
        let (of, measure) = self.measure(column)?;
        let (count, mean, origin) = self.parts(of, group, OF_THREE)?;
        let fixed = &measure.fixed;
        let mean = mean.moved(origin - fixed.centre() as f64);
        let (square, low, high) = self.interval(Quantity::Squares(of), group, OF_THREE)?;
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

    /// The two measures by their numbers, the lesser first.
    fn pair(&self, one: &ColumnName, other: &ColumnName) -> Option<[(usize, &'a Measure); 2]> {
        let (one, other) = (self.measure(one)?, self.measure(other)?);
        Some(if one.0 < other.0 { [one, other] } else { [other, one] })
    }

    fn product(&self, one: &ColumnName, other: &ColumnName, group: &[Option<i64>]) -> Option<Estimate> {
        let [(one, u), (other, v)] = self.pair(one, other)?;
        let (value, low, high) = self.interval(Quantity::Product(one, other), group, ALONE)?;
        let (by, also) = product_steps(u, v);
        let unit = (by as f64 * u.fixed.step()) * (also as f64 * v.fixed.step());
        Some(Estimate { value: value * unit, low: low * unit, high: high * unit })
    }

    /// (Σuv/n − ūv̄)/√((Σu²/n − ū²)(Σv²/n − v̄²)), over distances from the middles of the bounds: a correlation has
    /// no unit and no origin.
    fn correlation(&self, one: &ColumnName, other: &ColumnName, group: &[Option<i64>]) -> Option<Estimate> {
        let [(one, _), (other, _)] = self.pair(one, other)?;
        let range = |quantity: Quantity| {
            let (value, low, high) = self.interval(quantity, group, OF_SIX)?;
            Some(Range { value, low, high })
        };
        let moment = |moment: Moment| range(Quantity::Pair(one, other, moment));
        // Alone in its question, a correlation is over customers who all have both values.
        let counted = Quantity::Pair(one, other, Moment::Count);
        let count = range(self.plan.place(counted).map_or(Quantity::Customers, |_| counted))?;
        let count = Range { value: count.value.max(1.0), low: count.low.max(1.0), high: count.high.max(1.0) };
        let mean = |of: Moment| Some(moment(of)?.over(count));
        let (u, v) = (mean(Moment::First)?, mean(Moment::Second)?);
        let spread = |squares: Range, mean: Range| squares.less(mean.squared());
        let one = spread(mean(Moment::FirstSquare)?, u);
        let other = spread(mean(Moment::SecondSquare)?, v);
        let both = mean(Moment::Product)?.less(u.times(v));
        if one.low <= 0.0 || other.low <= 0.0 {
            // As far as the noise lets tell, one of them hardly varies: then anything may be.
            let known = one.value > 0.0 && other.value > 0.0;
            let value = if known { both.value / (one.value * other.value).sqrt() } else { 0.0 };
            return Some(Estimate { value: value.clamp(-1.0, 1.0), low: -1.0, high: 1.0 });
        }
        let least = (one.low * other.low).sqrt();
        let most = (one.high * other.high).sqrt();
        let value = (both.value / (one.value * other.value).sqrt()).clamp(-1.0, 1.0);
        let low = (both.low / if both.low < 0.0 { least } else { most }).clamp(-1.0, 1.0);
        let high = (both.high / if both.high < 0.0 { most } else { least }).clamp(-1.0, 1.0);
        Some(Estimate { value, low: low.min(value), high: high.max(value) })
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
            let sigma =
                self.widths.0[first].sigma * ((1.0 - share).powi(2) * under + share.powi(2) * over).sqrt();
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

    fn less(self, other: Self) -> Self {
        Self { value: self.value - other.value, low: self.low - other.high, high: self.high - other.low }
    }

    fn times(self, other: Self) -> Self {
        let corners =
            [self.low * other.low, self.low * other.high, self.high * other.low, self.high * other.high];
        Self {
            value: self.value * other.value,
            low: corners.into_iter().fold(f64::INFINITY, f64::min),
            high: corners.into_iter().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}
