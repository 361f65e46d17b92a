//! The weights, and how they move.

use serde::{Deserialize, Serialize};

use super::{
    LearnError, Plan, Rows,
    plan::{FRACTION, OFF, ON, Price},
    solve::{cholesky, place, solve, times},
    statistics::statistics,
};
use crate::wire::{Limits, codec};

/// A model between two rounds. The same on all nodes, bit by bit: it depends on the plan and on the sums alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    round: u32,
    weights: Vec<f64>,
    /// From where, in which direction and how far the last step went.
    base: Vec<f64>,
    direction: Vec<f64>,
    factor: f64,
    /// The penalised loss at `base`.
    best: f64,
    /// The loss of the last sum, and its rows.
    seen: Option<(f64, f64)>,
    /// The curvature that is asked for once.
    curvature: Vec<f64>,
    converged: bool,
}

/// A step that is smaller than this in every weight was the last.
const SMALL: f64 = 1e-7;

/// How far ahead of the last step a noisy gradient is asked for.
pub(super) const AHEAD: f64 = 0.3;

impl Fit {
    /// Before the first round.
    pub fn start(plan: &Plan) -> Self {
        let d = plan.terms().columns;
        let mut weights = vec![0.0; d];
        if let super::Family::Poisson { most } = plan.terms().family {
            // Newton's method comes down safely from above and overshoots from below.
            weights[0] = f64::from(most.max(1).ilog2()) * std::f64::consts::LN_2;
        }
        Self {
            round: 0,
            base: weights.clone(),
            weights,
            direction: vec![0.0; d],
            factor: 1.0,
            best: f64::INFINITY,
            seen: None,
            curvature: Vec::new(),
            converged: false,
        }
    }

    /// The number of the round that is next, which is how many were done.
    pub const fn round(&self) -> u32 {
        self.round
    }

    /// Whether there is nothing more to ask for.
    pub fn is_done(&self, plan: &Plan) -> bool {
        self.converged || self.round >= plan.rounds()
    }

    /// One weight a column, in the units of the encoding: where the next gradient is taken, and at the end the model.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The noisy bound of the curvature that all steps went by, raised by what noise may have taken; nothing where there
    /// is none.
    pub(super) fn curvature(&self) -> &[f64] {
        &self.curvature
    }

    /// The mean loss over all rows at the weights of the last round, without penalty; with noise nobody knows it.
    pub fn mean_loss(&self) -> Option<f64> {
        self.seen.map(|(loss, rows)| loss / rows)
    }

    /// How many rows all trainers have together; with noise nobody knows it.
    pub fn rows(&self) -> Option<u64> {
        self.seen.map(|(_, rows)| rows as u64)
    }

    /// The scores of a design, as the training saw its rows.
    ///
    /// # Errors
    /// [`LearnError::OwnRows`], [`LearnError::OwnValue`].
    pub fn score(&self, plan: &Plan, rows: &Rows) -> Result<Vec<f64>, LearnError> {
        if rows.columns.len() != plan.terms().columns {
            return Err(LearnError::OwnRows);
        }
        Ok(rows.score(&self.weights))
    }

    /// What our rows add to this round, in units of 2⁻²⁴; without noise, which the contribution adds.
    ///
    /// # Errors
    /// [`LearnError`]: the model is finished, or our rows are beyond the plan's bounds.
    pub fn statistics(&self, plan: &Plan, rows: &Rows) -> Result<Vec<i64>, LearnError> {
        if self.is_done(plan) {
            return Err(LearnError::Finished);
        }
        statistics(plan, self.round, &self.weights, rows)
    }

    /// LEARNH-04: the weights of the next round, from the sum of this one.
    ///
    /// # Errors
    /// [`LearnError`]: the model is finished, or no rows give such a sum.
    pub fn step(mut self, plan: &Plan, sum: &[i64]) -> Result<Self, LearnError> {
        if self.is_done(plan) {
            return Err(LearnError::Finished);
        }
        let expected = plan.shape(self.round).ok_or(LearnError::Finished)?.entries();
        if sum.len() != expected {
            return Err(LearnError::SumShape);
        }
        match plan.terms().noise {
            None => self.exact_step(plan, sum)?,
            Some(_) => self.noisy_step(plan, sum)?,
        }
        self.round += 1;
        if self.weights.iter().all(|weight| weight.is_finite()) {
            Ok(self)
        } else {
            Err(LearnError::SumImpossible)
        }
    }

    /// The stored form, exact to the bit.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self, 64 + 8 * (3 * self.weights.len() + self.curvature.len()))
    }

    /// Reads the stored form back.
    ///
    /// # Errors
    /// [`LearnError::State`] for bytes that are no state of this plan.
    pub fn decode(plan: &Plan, bytes: &[u8]) -> Result<Self, LearnError> {
        let fit: Self = codec::decode(bytes, &Limits::new(1 << 24)).map_err(|_| LearnError::State)?;
        let d = plan.terms().columns;
        let curvature = if plan.fixed_curvature() && fit.round > 0 { plan.triangle() } else { 0 };
        let fits = [&fit.weights, &fit.base, &fit.direction].iter().all(|weights| weights.len() == d)
            && fit.curvature.len() == curvature
            && fit.round <= plan.rounds();
        if fits { Ok(fit) } else { Err(LearnError::State) }
    }

    /// The price of the rounds that are done.
    pub fn spent(&self, plan: &Plan) -> Price {
        plan.price_of(self.round)
    }

    fn exact_step(&mut self, plan: &Plan, sum: &[i64]) -> Result<(), LearnError> {
        let d = plan.terms().columns;
        let real: Vec<f64> = sum.iter().map(|x| *x as f64 / f64::from(1u32 << FRACTION)).collect();
        let (gram, rest) = real.split_at(plan.triangle());
        let (gradient, last) = rest.split_at(d);
        let [loss, rows] = last else { return Err(LearnError::SumShape) };
        let diagonal_holds = (0..d).all(|i| gram[place(i, i)] >= 0.0);
        if *rows < 1.0 || !diagonal_holds {
            return Err(LearnError::SumImpossible);
        }
        self.seen = Some((*loss, *rows));
        let l2 = plan.terms().l2;
        let penalty = self.weights.iter().skip(1).fold(0.0, |sum, weight| sum + weight * weight) * l2 / 2.0;
        let here = loss + penalty;
        let rounding = 1e-6 + 1e-12 * here.abs();
        if here > self.best + rounding && self.factor > 1e-6 {
            // Too far: half of it.
            self.factor /= 2.0;
        } else {
            let (mut triangle, mut gradient) = (gram.to_vec(), gradient.to_vec());
            penalise(&mut triangle, &mut gradient, &self.weights, l2);
            self.direction = newton(&triangle, &gradient)?;
            self.base.clone_from(&self.weights);
            self.best = here;
            self.factor = 1.0;
        }
        self.advance();
        let step = self.direction.iter().fold(0.0, |most: f64, x| most.max((x * self.factor).abs()));
        self.converged = step < SMALL;
        Ok(())
    }

    fn noisy_step(&mut self, plan: &Plan, sum: &[i64]) -> Result<(), LearnError> {
        let d = plan.terms().columns;
        let l2 = plan.terms().l2;
        let shape = plan.shape(self.round).ok_or(LearnError::Finished)?;
        let unit = f64::from(1u32 << FRACTION);
        let with_gram = shape.parts().first().is_some_and(|part| part.entries == plan.triangle())
            && (!plan.fixed_curvature() || self.round == 0);
        let mut rest = sum;
        if with_gram {
            let (gram, after) = sum.split_at(plan.triangle());
            rest = after;
            let quarter = if plan.fixed_curvature() { 0.25 } else { 1.0 };
            self.curvature = (0..d)
                .flat_map(|i| (0..=i).map(move |j| (i, j)))
                .map(|(i, j)| {
                    let weight = if i == j { ON } else { OFF } as f64;
                    quarter * gram[place(i, j)] as f64 / (weight * unit)
                })
                .collect();
            let ridge = ridge(plan, self.round, quarter);
            (0..d).for_each(|i| self.curvature[place(i, i)] += ridge);
        }
        if rest.is_empty() {
            return Ok(());
        }
        let mut gradient: Vec<f64> = rest.iter().map(|x| *x as f64 / unit).collect();
        let mut triangle = self.curvature.clone();
        penalise(&mut triangle, &mut gradient, &self.weights, l2);
        self.direction = newton(&triangle, &gradient)?;
        let next: Vec<f64> = self.weights.iter().zip(&self.direction).map(|(w, step)| w + step).collect();
        let last = self.round + 1 >= plan.rounds();
        if plan.fixed_curvature() && !last {
            // The bound of the curvature makes steps too short, and more so where noise has raised it: the gradient
            // is asked for a little ahead (Nesterov 1983). The model is where the last step ends.
            let ahead = next.iter().zip(&self.base).map(|(next, before)| next + AHEAD * (next - before));
            self.weights = ahead.collect();
        } else {
            self.weights.clone_from(&next);
        }
        self.base = next;
        if !plan.fixed_curvature() {
            self.curvature.clear();
        }
        Ok(())
    }

    fn advance(&mut self) {
        self.weights =
            self.base.iter().zip(&self.direction).map(|(base, step)| base + self.factor * step).collect();
    }
}

/// What is added to a curvature of this round, `quarter` times a noisy sum. The norm of a symmetric matrix of independent
/// Gaussians of deviation σ comes to about 2σ√d. Half as much again, since all trainers' shares are more than σ, and no
/// direction may come near 0.
pub(super) fn ridge(plan: &Plan, round: u32, quarter: f64) -> f64 {
    let sigma = plan.shape(round).map_or(0.0, |shape| shape.deviation(0));
    let unit = f64::from(1u32 << FRACTION);
    quarter * 3.0 * sigma / (OFF as f64 * unit) * (plan.terms().columns as f64).sqrt()
}

/// Adds the penalty's part to curvature and gradient.
fn penalise(triangle: &mut [f64], gradient: &mut [f64], weights: &[f64], l2: f64) {
    for i in 1..weights.len() {
        triangle[place(i, i)] += l2;
        gradient[i] -= l2 * weights[i];
    }
}

/// The solution of the equations, made solvable by as little as need be if columns depend on each other, or noise has
/// taken the matrix's definiteness.
pub(super) fn newton(triangle: &[f64], gradient: &[f64]) -> Result<Vec<f64>, LearnError> {
    let d = gradient.len();
    let largest = (0..d).fold(0.0, |most: f64, i| most.max(triangle[place(i, i)].abs()));
    let least = largest * 1e-6 + 1e-9;
    let mut ridge = least;
    // 2⁴⁰ times that is above any eigenvalue there can be.
    for _ in 0..40 {
        let mut ridged = triangle.to_vec();
        (0..d).for_each(|i| ridged[place(i, i)] += ridge);
        if let Some(factor) = cholesky(&ridged, d) {
            let mut x = solve(&factor, gradient);
            // What a small ridge has bent is straightened: three corrections, each by a factor of ridge/eigenvalue.
            let corrections = if ridge <= least { 3 } else { 0 };
            for _ in 0..corrections {
                let left: Vec<f64> = gradient.iter().zip(times(triangle, &x)).map(|(b, ax)| b - ax).collect();
                x.iter_mut().zip(solve(&factor, &left)).for_each(|(x, more)| *x += more);
            }
            return Ok(x);
        }
        ridge *= 2.0;
    }
    Err(LearnError::SumImpossible)
}
