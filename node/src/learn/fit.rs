//! The plan of a model of the same columns, and this node's rows for it.

use tacit_protocol::{
    learn::{
        encode::kept,
        glm::{
            Asked, FRACTION, Family, Fit, HeldOut, LearnError, Noise, Plan, Review, Reviewed, Rows, Terms,
        },
        horizontal,
    },
    secret::Secret,
};

use super::{
    TrainFault,
    own::{Own, auc},
    state::RoundLine,
};
use crate::{
    policy::{Encoding, TrainPlan},
    query::ModelKind,
};

/// How often noise is drawn anew to see what it does to a figure.
const TRIES: usize = 24;

/// No trainer brings more rows; the largest for which no sum can overflow is taken.
const ROWS: [u64; 4] = [1 << 24, 1 << 20, 1 << 16, 1 << 12];

/// How many train, how many may be missing, how many are not counted on.
///
/// # Errors
/// [`horizontal::Breach::Rules`], for a cohort that cannot be.
pub fn rules(plan: &TrainPlan) -> Result<horizontal::Rules, horizontal::Breach> {
    let (trainers, noisy) = (plan.sides().len(), plan.price().is_some());
    // Two exact sums that differ by one trainer are this trainer's, also if they are of two runs.
    let cohort = if noisy { plan.terms().cohort as usize } else { trainers };
    let least = cohort.max(3).max(2 * trainers / 3 + 1);
    // Without noise nobody may be missing whatever the job says; with it, no more than leave a cohort.
    let dropouts =
        (plan.job().tolerated as usize).min(trainers.saturating_sub(least)).min(trainers.saturating_sub(2));
    horizontal::Rules::new(trainers, cohort, dropouts, 1, noisy)
}

/// The plan that every trainer makes of the same job.
///
/// # Errors
/// [`TrainFault::Model`].
pub fn plan(plan: &TrainPlan) -> Result<Plan, TrainFault> {
    let job = plan.job();
    let rules = rules(plan).map_err(|_| TrainFault::Model(LearnError::Trainers(plan.sides().len())))?;
    let target = plan.sides().first().and_then(|side| side.target.as_ref()).map(|target| &target.encoding);
    let family = match (job.kind, target) {
        (ModelKind::Poisson, Some(Encoding::Scaled { high, .. })) => {
            Family::Poisson { most: high.real() as u32 }
        }
        (ModelKind::Linear, _) => Family::Linear,
        _ => Family::Logistic,
    };
    let noise = plan.price().map(|price| Noise {
        // In units of 2⁻¹², at most 64.
        clip: (job.clip.real().min(64.0) * 4096.0).round() as u32,
        // What the evaluation costs is of the same price.
        nano_rho: price.amount().nano_rho - plan.review().unwrap_or(0),
        honest: rules.honest(),
    });
    let columns = plan.sides().first().map_or(0, crate::policy::TrainSide::width) + 1;
    let terms = |rows| Terms {
        family,
        columns,
        rounds: job.rounds,
        l2: job.l2.real(),
        rows,
        trainers: plan.sides().len(),
        noise,
    };
    let mut last = LearnError::MayOverflow;
    for rows in ROWS {
        match Plan::new(terms(rows)) {
            Ok(plan) => return Ok(plan),
            Err(error) => last = error,
        }
    }
    Err(TrainFault::Model(last))
}

/// The evaluation of all partners' rows together, if the job has one.
///
/// # Errors
/// [`TrainFault::Model`].
pub fn review(train: &TrainPlan, plan: &Plan) -> Result<Option<Review>, TrainFault> {
    let (Some(nano_rho), Some(side)) = (train.review(), train.sides().first()) else { return Ok(None) };
    let evaluate = &train.job().evaluate;
    let asked = Asked {
        bins: evaluate.bins as usize,
        groups: side.groups.iter().map(|group| group.values().len()).collect(),
        by_trainer: evaluate.leave_one_out,
        nano_rho,
    };
    Review::new(plan, asked).map(Some).map_err(TrainFault::Model)
}

/// This node's rows: those that are learned from, and those that are held back.
pub struct Bench {
    plan: Plan,
    rows: Rows,
    held: Rows,
    held_target: Vec<f32>,
    /// Of each column of groups each held-out row's.
    held_groups: Vec<Vec<Option<u32>>>,
}

impl Bench {
    /// Encodes, divides and checks.
    ///
    /// # Errors
    /// [`TrainFault`].
    pub fn new(plan: Plan, train: &TrainPlan, job: &[u8; 32], own: &Own) -> Result<Self, TrainFault> {
        let design = own.design(true)?;
        let target = own.target()?.unwrap_or_default();
        let held = own.held_out(train, job);
        // A customer without a target is in neither part.
        let known = |row: usize| target.get(row).is_some_and(Option::is_some);
        let part =
            |back: bool| -> Vec<bool> { (0..own.len()).map(|row| known(row) && held[row] == back).collect() };
        let targets = |keep: &[bool]| kept(&target, keep).into_iter().flatten().collect::<Vec<f32>>();
        let (learn, back) = (part(false), part(true));
        let rows =
            Rows::new(&plan, &design.rows_where(&learn), &targets(&learn)).map_err(TrainFault::Model)?;
        let held_target = targets(&back);
        // As the model sees a row that it scores: cut, if those that it learned from were.
        let held = Rows::new(&plan, &design.rows_where(&back), &held_target).map_err(TrainFault::Model)?;
        let held_groups = own.group_columns().iter().map(|column| kept(column, &back)).collect();
        Ok(Self { plan, rows, held, held_target, held_groups })
    }

    /// Of rows that a test made.
    #[cfg(test)]
    pub fn of(
        plan: Plan,
        rows: Rows,
        held: Rows,
        held_target: Vec<f32>,
        held_groups: Vec<Vec<Option<u32>>>,
    ) -> Self {
        Self { plan, rows, held, held_target, held_groups }
    }

    /// The plan.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Our rows that are learned from.
    pub const fn rows(&self) -> &Rows {
        &self.rows
    }

    /// How the weights do on our own held-out rows: loss and area under the curve.
    pub fn judge(&self, fit: &Fit) -> (Option<f64>, Option<f64>) {
        let scores = self.held.score(fit.weights());
        if scores.is_empty() {
            return (None, None);
        }
        let sum: f64 = self.losses(&scores).iter().sum();
        let is_logistic = self.plan.terms().family == Family::Logistic;
        let auc = if is_logistic { auc(&scores, &self.held_target) } else { None };
        (Some(sum / scores.len() as f64), auc)
    }

    /// Of each held-out row the loss at its score.
    fn losses(&self, scores: &[f64]) -> Vec<f64> {
        let family = self.plan.terms().family;
        let loss = |(score, target): (&f64, &f32)| {
            let (mean, target) = (family.mean(*score), f64::from(*target));
            match family {
                // ln(1 + eˢ) − ys, without a large exponential.
                Family::Logistic => score.max(0.0) + (-score.abs()).exp().ln_1p() - target * score,
                Family::Linear => (target - mean).powi(2) / 2.0,
                Family::Poisson { .. } => mean - target * score,
            }
        };
        scores.iter().zip(&self.held_target).map(loss).collect()
    }

    /// What our rows add to the evaluation.
    ///
    /// # Errors
    /// [`LearnError`].
    pub fn reviewed(&self, review: &Review, fit: &Fit, seat: usize) -> Result<Vec<i64>, LearnError> {
        let held_out = HeldOut { rows: &self.held, groups: &self.held_groups };
        review.statistics(&self.plan, fit, &self.rows, held_out, seat)
    }

    /// LEARNH-24: by how much the mean loss of our own held-out rows is less with a trainer's rows than without, and its
    /// standard error: of our few rows, and of the noise. `None` where it cannot be said.
    pub fn saved(&self, review: &Review, fit: &Fit, found: &Reviewed, seat: usize) -> Option<(f64, f64)> {
        let losses = |found: &Reviewed, without| {
            let weights = found.stepped(&self.plan, fit, without).ok()?;
            Some(self.losses(&self.held.score(&weights)))
        };
        let saved = |found: &Reviewed| {
            let (all, others) = (losses(found, None)?, losses(found, Some(seat))?);
            mean(&others.iter().zip(&all).map(|(others, all)| others - all).collect::<Vec<f64>>())
        };
        let (value, sampled) = saved(found)?;
        // The noise is known: how far it moves the figure is tried out.
        let share = review.shape().share(review.shape().parts().len().checked_sub(1)?)?;
        let count = self.plan.terms().columns * found.gradients.len();
        let unit = (found.survivors.len() as f64).sqrt() / f64::from(1_u32 << FRACTION);
        let drawn = share.samples(&Secret::new(*b"tacit train: what noise moves/1 "), count * TRIES);
        let mut squares = 0.0;
        for noise in drawn.chunks_exact(count) {
            let mut tried = found.clone();
            let entries = tried.gradients.iter_mut().flatten();
            entries.zip(noise).for_each(|(entry, noise)| *entry += *noise as f64 * unit);
            squares += (saved(&tried)?.0 - value).powi(2) / TRIES as f64;
        }
        Some((value, squares.sqrt().hypot(sampled)))
    }

    /// The line of a round that has just been finished.
    pub fn line(&self, fit: &Fit) -> RoundLine {
        let (own_loss, own_auc) = self.judge(fit);
        RoundLine { round: fit.round(), loss: fit.mean_loss(), own_loss, own_auc }
    }
}

/// The mean of some numbers, and its standard error.
fn mean(numbers: &[f64]) -> Option<(f64, f64)> {
    let count = numbers.len() as f64;
    if numbers.len() < 2 {
        return None;
    }
    let mean = numbers.iter().sum::<f64>() / count;
    let squares: f64 = numbers.iter().map(|x| (x - mean).powi(2)).sum();
    Some((mean, (squares / (count - 1.0) / count).sqrt()))
}

/// A line for people.
pub fn told(line: &RoundLine, of: u32) -> String {
    let mut text = format!("round {} of at most {of}", line.round);
    let mut add = |name: &str, number: Option<f64>| {
        if let Some(number) = number {
            text.push_str(&format!(", {name} {number:.4}"));
        }
    };
    add("loss", line.loss);
    add("own held-out loss", line.own_loss);
    add("own held-out AUC", line.own_auc);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_error_of_its_numbers() {
        // Squares from the mean: 5 in all, over 3 and over 4.
        assert_eq!(mean(&[1.0, 2.0, 3.0, 4.0]), Some((2.5, (5.0_f64 / 12.0).sqrt())));
        assert_eq!(mean(&[1.0]), None);
    }
}
