//! The plan of a model of the same columns, and this node's rows for it.

use tacit_protocol::learn::{
    encode::{Design, kept},
    glm::{Family, Fit, LearnError, Noise, Plan, Rows, Terms},
    horizontal,
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
        nano_rho: price.amount().nano_rho,
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

/// This node's rows: those that are learned from, and those that are held back.
pub struct Bench {
    plan: Plan,
    rows: Rows,
    held: Design,
    held_target: Vec<f32>,
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
        Ok(Self { plan, rows, held: design.rows_where(&back), held_target: targets(&back) })
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
        let sum: f64 = scores.iter().zip(&self.held_target).map(loss).sum();
        let auc = if family == Family::Logistic { auc(&scores, &self.held_target) } else { None };
        (Some(sum / scores.len() as f64), auc)
    }

    /// The line of a round that has just been finished.
    pub fn line(&self, fit: &Fit) -> RoundLine {
        let (own_loss, own_auc) = self.judge(fit);
        RoundLine { round: fit.round(), loss: fit.mean_loss(), own_loss, own_auc }
    }
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
