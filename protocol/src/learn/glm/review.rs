//! The last round: how good the finished model is on the rows that no trainer learned from, all of them at once.
//!
//! Every trainer's own held-out rows say what the model is worth to that trainer. What it is worth to all of them, to
//! each group of customers, and whom of the trainers it fits badly, nobody can read off its own rows. So once the
//! weights stand, histograms of scores are added up like any other sum, under the same masks, by the same rules: with
//! noise that is paid for out of the job's price, or exactly where everybody is in the sum (LEARNH-25).
//!
//! The attack it stops: a trainer with rows that are wrong, by mistake or by will, spoils the model for all, and a trainer
//! without rows has the model for nothing; in a sum of all neither shows. What each trainer's rows say is opened under
//! noise alone (LEARNH-24): of exact sums it would be that trainer's statistics.

use super::{Family, Fit, LearnError, Noise, Plan, Price, Rows, solve::place};
use crate::{
    learn::{
        evaluate::{self, Histogram},
        horizontal::{Part, PartNoise, Shape, ShapeError, Survivors},
    },
    noise::{ATTO_DELTA_OF_A_SAMPLE, DiscreteGaussian, Variance},
};

/// Scores beyond ± this are in the outermost bins.
const FAR: f64 = 6.0;
/// Bins of scores.
const BINS: std::ops::RangeInclusive<usize> = 2..=64;
/// The most groups of all columns together.
const GROUPS: usize = 4096;
/// A group's cells: selected or not, label 0 or 1.
const CELLS: usize = 4;
/// Parts of the price that the gradients by trainer have, where a histogram has one: they have more numbers.
const GRADIENTS: u64 = 2;

/// What is asked of the last round; public and the same on all nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Bins of scores, 2 to 64.
    pub bins: usize,
    /// Of each column that customers are told apart by, how many values it has.
    pub groups: Vec<usize>,
    /// Whether it is opened what the model is worth on each trainer's rows, and where each one's rows pull it.
    pub by_trainer: bool,
    /// The price of the round, in billionths of ρ; without noise it is not looked at.
    pub nano_rho: u64,
}

/// The last round of a logistic model.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    asked: Asked,
    shape: Shape,
    trainers: usize,
    columns: usize,
}

/// Our rows that no weight was fitted to.
#[derive(Debug, Clone, Copy)]
pub struct HeldOut<'a> {
    /// The rows.
    pub rows: &'a Rows,
    /// Of each column of groups the place of each row's value, if it has one that is listed.
    pub groups: &'a [Vec<Option<u32>>],
}

/// What the last round opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Reviewed {
    /// Held-out rows by score and label.
    pub held_out: Histogram,
    /// Rows that were learned from, by score; all of them stand as label 0.
    pub trained: Histogram,
    /// Of each column of groups: held-out rows by value, by whether they are selected (a chance of a half or more, the
    /// second of two bins), and label.
    pub groups: Vec<Histogram>,
    /// Held-out rows of each trainer, by score and label; empty unless it was asked for.
    pub trainers: Vec<Histogram>,
    /// X'(y − μ) of the rows that each trainer learned from; empty unless it was asked for.
    pub gradients: Vec<Vec<f64>>,
    /// Whose rows are in it.
    pub survivors: Survivors,
}

impl Review {
    /// Lays the last round of this plan out.
    ///
    /// # Errors
    /// [`LearnError::Review`] for a model that has no labels 0 and 1, for figures by trainer without noise, for no bins
    /// or too many groups; [`LearnError::Noise`] for a price that is too small; [`LearnError::MayOverflow`].
    pub fn new(plan: &Plan, asked: Asked) -> Result<Self, LearnError> {
        let terms = plan.terms();
        let groups = asked.groups.iter().fold(0, |sum: usize, count| sum.saturating_add(*count));
        let fits = terms.family == Family::Logistic
            && BINS.contains(&asked.bins)
            && groups <= GROUPS
            && asked.groups.iter().all(|count| *count > 0)
            // LEARNH-24: of exact sums, this would be each trainer's statistics.
            && (terms.noise.is_some() || !asked.by_trainer);
        if !fits {
            return Err(LearnError::Review);
        }
        let weights = 1 + asked.groups.len() as u64 + u64::from(asked.by_trainer) * (1 + GRADIENTS);
        let priced = |sensitivity: u64, weight: u64| {
            let nano_rho = (u128::from(asked.nano_rho) * u128::from(weight) / u128::from(weights)) as u64;
            // LEARNH-22: no share narrower than 3. A larger price is not spent.
            let most = |noise: Noise| match sensitivity {
                1 => 1_000_000_000 / (18 * noise.honest.max(1) as u64),
                _ => u64::MAX,
            };
            terms.noise.map(|noise| PartNoise { nano_rho: nano_rho.min(most(noise)), sensitivity })
        };
        // EVAL-01: a row is in one cell of each histogram.
        let histogram = |entries| Part { entries, bound: terms.rows, noise: priced(1, 1) };
        let mut parts = vec![histogram(3 * asked.bins)];
        parts.extend(asked.groups.iter().map(|count| histogram(count * CELLS)));
        if asked.by_trainer {
            parts.push(histogram(terms.trainers * 2 * asked.bins));
            // A row is one trainer's, so it changes all gradients together by what it changes one.
            let sensitivity = plan.gradient_sensitivity()?;
            let bound = sensitivity.checked_mul(terms.rows).ok_or(LearnError::MayOverflow)?;
            let entries = terms.trainers * terms.columns;
            parts.push(Part { entries, bound, noise: priced(sensitivity, GRADIENTS) });
        }
        let honest = terms.noise.map_or(terms.trainers, |noise| noise.honest);
        let shape = Shape::new(parts, terms.trainers, honest).map_err(|error| match error {
            ShapeError::Noise(error) => LearnError::Noise(error),
            _ => LearnError::MayOverflow,
        })?;
        Ok(Self { asked, shape, trainers: terms.trainers, columns: terms.columns })
    }

    /// What is asked.
    pub const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// What is added up.
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What the round costs; nothing without noise.
    pub fn price(&self) -> Price {
        let mut price = Price::default();
        for part in self.shape.parts() {
            if let Some(noise) = part.noise {
                price.nano_rho += noise.nano_rho;
                let samples = (part.entries * self.trainers) as u64;
                price.atto_delta = price.atto_delta.saturating_add(samples * ATTO_DELTA_OF_A_SAMPLE);
            }
        }
        price
    }

    /// What our rows add, without noise; `seat` is ours.
    ///
    /// # Errors
    /// [`LearnError::OwnRows`] for rows that are not of this plan; [`LearnError::OwnValue`].
    pub fn statistics(
        &self,
        plan: &Plan,
        fit: &Fit,
        trained: &Rows,
        held_out: HeldOut<'_>,
        seat: usize,
    ) -> Result<Vec<i64>, LearnError> {
        let rows = held_out.rows;
        let fits = held_out.groups.len() == self.asked.groups.len()
            && held_out.groups.iter().all(|column| column.len() == rows.len())
            && seat < self.trainers;
        if !fits {
            return Err(LearnError::OwnRows);
        }
        let bins = Bins::of(fit.weights(), self.asked.bins);
        let scores = fit.score(plan, rows)?;
        let labels: Vec<usize> = rows.target.iter().map(|y| usize::from(*y > 0.5)).collect();
        let mut own = vec![0; 2 * bins.count];
        scores.iter().zip(&labels).for_each(|(z, label)| own[2 * bins.place(*z) + label] += 1);
        let mut entries = own.clone();
        let mut learned = vec![0; bins.count];
        fit.score(plan, trained)?.iter().for_each(|z| learned[bins.place(*z)] += 1);
        entries.extend(learned);
        for (column, count) in held_out.groups.iter().zip(&self.asked.groups) {
            let mut cells = vec![0; count * CELLS];
            for ((group, z), label) in column.iter().zip(&scores).zip(&labels) {
                let selected = usize::from(*z >= 0.0);
                let cell =
                    group.and_then(|group| cells.get_mut(group as usize * CELLS + 2 * selected + label));
                cell.into_iter().for_each(|cell| *cell += 1);
            }
            entries.extend(cells);
        }
        if self.asked.by_trainer {
            let mut blocks = vec![0; self.trainers * own.len()];
            blocks[seat * own.len()..][..own.len()].copy_from_slice(&own);
            entries.extend(blocks);
            let gradient = super::statistics::gradient(plan, fit.weights(), trained);
            let mut blocks = vec![0; self.trainers * self.columns];
            blocks[seat * self.columns..][..self.columns].copy_from_slice(&gradient);
            entries.extend(blocks);
        }
        if self.shape.allows(&entries) { Ok(entries) } else { Err(LearnError::OwnValue) }
    }

    /// What a sum says.
    ///
    /// # Errors
    /// [`LearnError::SumShape`].
    pub fn read(&self, fit: &Fit, survivors: Survivors, sum: &[i64]) -> Result<Reviewed, LearnError> {
        if sum.len() != self.shape.entries() {
            return Err(LearnError::SumShape);
        }
        let bins = Bins::of(fit.weights(), self.asked.bins);
        let mut rest = sum;
        let mut take = |count: usize| {
            let (taken, after) = rest.split_at(count);
            rest = after;
            taken.to_vec()
        };
        let made = |scores: Vec<f64>, groups, counts| {
            Histogram::new(scores, groups, counts).map_err(|_| LearnError::SumShape)
        };
        let held_out = made(bins.middles(), 1, take(2 * bins.count))?;
        let trained = take(bins.count).into_iter().flat_map(|rows| [rows, 0]).collect();
        let trained = made(bins.middles(), 1, trained)?;
        let groups = self.asked.groups.iter().map(|count| made(vec![-1.0, 1.0], *count, take(count * CELLS)));
        let groups = groups.collect::<Result<_, _>>()?;
        let (mut trainers, mut gradients) = (Vec::new(), Vec::new());
        if self.asked.by_trainer {
            for _ in 0..self.trainers {
                trainers.push(made(bins.middles(), 1, take(2 * bins.count))?);
            }
            let unit = f64::from(1_u32 << super::plan::FRACTION);
            let real = |entries: Vec<i64>| entries.into_iter().map(|x| x as f64 / unit).collect();
            gradients.extend((0..self.trainers).map(|_| real(take(self.columns))));
        }
        Ok(Reviewed { held_out, trained, groups, trainers, gradients, survivors })
    }

    /// What is in each count of a part of the sum: 0 for the rows of all, then a part for each column of groups, then the
    /// one by trainer. Nothing without noise.
    pub fn noise(&self, part: usize, survivors: Survivors) -> Option<evaluate::Noise> {
        Some(evaluate::Noise::new(self.shape.share(part)?, survivors.len() as u32))
    }

    /// What is in each count of [`Reviewed::trained`], where one number stands for a bin's rows of both labels: half of the
    /// noise, in each of the two.
    pub fn noise_of_trained(&self, survivors: Survivors) -> Option<evaluate::Noise> {
        let whole = self.shape.share(0)?.variance();
        let half = Variance::new(whole.num(), whole.den().checked_mul(2)?).ok()?;
        Some(evaluate::Noise::new(DiscreteGaussian::new(half).ok()?, survivors.len() as u32))
    }

    /// σ of the noise in each number of the gradients by trainer, in the units of [`Reviewed::gradients`].
    pub fn gradient_deviation(&self) -> f64 {
        let last = self.shape.parts().len().saturating_sub(1);
        self.shape.deviation(last) / f64::from(1_u32 << super::plan::FRACTION)
    }
}

impl Reviewed {
    /// How much of its largest curvature, a quarter, a row has on average: from what scores were learned from. Between
    /// 0.05 and 1.
    pub fn bend(&self) -> f64 {
        let (mut sum, mut rows) = (0.0, 0.0);
        for (z, counts) in self.trained.scores().iter().zip(self.trained.counts().as_chunks::<2>().0) {
            let p = Family::Logistic.mean(*z);
            sum += 4.0 * p * (1.0 - p) * counts[0] as f64;
            rows += counts[0] as f64;
        }
        if rows > 0.0 { (sum / rows).clamp(0.05, 1.0) } else { 1.0 }
    }

    /// The share of all held-out rows that a trainer has.
    fn share(&self, seat: usize) -> f64 {
        let rows = |histogram: &Histogram| histogram.counts().iter().sum::<i64>().max(0) as f64;
        let all: f64 = self.trainers.iter().map(rows).sum();
        self.trainers.get(seat).map_or(0.0, |own| if all > 0.0 { rows(own) / all } else { 0.0 })
    }

    /// LEARNH-24: the weights one more step of Newton's on, from the rows of all, or of all but one trainer. This is what
    /// Pregibon, *Logistic Regression Diagnostics*, Annals of Statistics 1981, does with single rows: the step from the
    /// fitted model towards the one without them, instead of another training.
    ///
    /// # Errors
    /// [`LearnError::Review`] if there are no gradients, or nobody of this seat; [`LearnError::SumImpossible`].
    pub fn stepped(&self, plan: &Plan, fit: &Fit, without: Option<usize>) -> Result<Vec<f64>, LearnError> {
        if self.gradients.is_empty() || without.is_some_and(|seat| !self.survivors.contains(seat)) {
            return Err(LearnError::Review);
        }
        let d = plan.terms().columns;
        let left = 1.0 - without.map_or(0.0, |seat| self.share(seat)).min(0.9);
        let mut gradient = vec![0.0; d];
        for seat in self.survivors.seats().filter(|seat| Some(*seat) != without) {
            gradient.iter_mut().zip(&self.gradients[seat]).for_each(|(sum, x)| *sum += x);
        }
        let mut curvature: Vec<f64> = fit.curvature().iter().map(|x| x * self.bend() * left).collect();
        if curvature.len() != plan.triangle() {
            return Err(LearnError::Review);
        }
        for i in 1..d {
            curvature[place(i, i)] += plan.terms().l2;
            gradient[i] -= plan.terms().l2 * fit.weights()[i];
        }
        let step = super::fit::newton(&curvature, &gradient)?;
        Ok(fit.weights().iter().zip(step).map(|(weight, step)| weight + step).collect())
    }
}

/// Bins of equal width between the least and the most that these weights can give a row, as far as they count.
struct Bins {
    low: f64,
    width: f64,
    count: usize,
}

impl Bins {
    fn of(weights: &[f64], count: usize) -> Self {
        let (first, rest) = weights.split_first().map_or((0.0, &[][..]), |(first, rest)| (*first, rest));
        // An encoded number is from −½ to 1. A clipped row is shorter, and so nearer to 0.
        let reach =
            |sign: f64| rest.iter().fold(first * sign, |sum, w| sum + (w * sign).max(-w * sign / 2.0));
        let (low, high) = (-(reach(-1.0).clamp(0.5, FAR)), reach(1.0).clamp(0.5, FAR));
        Self { low, width: (high - low) / count as f64, count }
    }

    fn place(&self, z: f64) -> usize {
        // What is no number becomes 0.
        (((z - self.low) / self.width).floor().max(0.0) as usize).min(self.count - 1)
    }

    fn middles(&self) -> Vec<f64> {
        (0..self.count).map(|bin| self.low + (bin as f64 + 0.5) * self.width).collect()
    }
}
