//! How sure each weight is: what other rows would have made of it, and what the noise did.
//!
//! A coefficient without its width is read as a fact. The sample's part is that of the penalised estimate,
//! A⁻¹·H·A⁻¹ with H the curvature at the model and A = H and the penalty (for a generalised linear model the inverse
//! of Fisher's information, McCullagh and Nelder 1989, section 4.4). The noise's part follows from what is known of it:
//! each round's noise moves the weights by the inverse of the curvature that the step was taken with, and the rounds
//! after it undo a part (LEARNH-26).

use super::{
    Family, Fit, Plan,
    fit::AHEAD,
    plan::FRACTION,
    solve::{cholesky, place, solve, times},
};

/// Of a weight that is less sure than this nothing is said: its columns say the same as others.
const UNSURE: f64 = 100.0;

impl Fit {
    /// LEARNH-26: the standard error of each weight of a finished model, from the `last` sum of its training, if there is
    /// one. `bend` is what share of its largest curvature a row of a noisy logistic model has
    /// ([`Reviewed::bend`](super::Reviewed::bend)).
    ///
    /// A noisy linear model says nothing of how far its rows are from it, and the curvature of a noisy Poisson model is
    /// often less than its noise, so these have none.
    pub fn errors(&self, plan: &Plan, last: &[i64], bend: Option<f64>) -> Vec<Option<f64>> {
        let none = || vec![None; plan.terms().columns];
        match (plan.terms().noise.is_some(), plan.terms().family) {
            (false, family) => self.exact_errors(plan, last, family).unwrap_or_else(none),
            (true, Family::Logistic) => {
                bend.and_then(|bend| self.bounded_errors(plan, bend)).unwrap_or_else(none)
            }
            (true, Family::Linear | Family::Poisson { .. }) => none(),
        }
    }

    fn exact_errors(&self, plan: &Plan, last: &[i64], family: Family) -> Option<Vec<Option<f64>>> {
        let d = plan.terms().columns;
        if last.len() != plan.triangle() + d + 2 {
            return None;
        }
        let real: Vec<f64> = last.iter().map(|x| *x as f64 / f64::from(1_u32 << FRACTION)).collect();
        let gram = &real[..plan.triangle()];
        let (loss, rows) = (real[plan.triangle() + d], real[plan.triangle() + d + 1]);
        let scale = match family {
            // The loss is half of the squares' sum.
            Family::Linear => 2.0 * loss / (rows - d as f64).max(1.0),
            Family::Logistic | Family::Poisson { .. } => 1.0,
        };
        let factor = cholesky(&penalised(gram, plan), d)?;
        Some((0..d).map(|i| sure(scale * square(gram, &solve(&factor, &unit(d, i))))).collect())
    }

    /// Of a model that went by one noisy bound of its curvature.
    fn bounded_errors(&self, plan: &Plan, bend: f64) -> Option<Vec<Option<f64>>> {
        let d = plan.terms().columns;
        if self.curvature().len() != plan.triangle() {
            return None;
        }
        let bound = penalised(self.curvature(), plan);
        let step = cholesky(&bound, d)?;
        let here: Vec<f64> = self.curvature().iter().map(|x| x * bend).collect();
        let bent = penalised(&here, plan);
        let at = cholesky(&bent, d)?;
        // From the last round to the first gradient; the curvature came before.
        let squares: Vec<f64> =
            (1..plan.rounds()).rev().map(|round| variance(plan, round)).collect::<Option<_>>()?;
        let error = |i: usize| {
            let sampled = square(&here, &solve(&at, &unit(d, i)));
            let (mut now, mut before) = (unit(d, i), vec![0.0; d]);
            let mut noise = 0.0;
            for squared in &squares {
                let moved = solve(&step, &now);
                noise += squared * moved.iter().map(|x| x * x).sum::<f64>();
                // What a step leaves of a change in the weights before it: 1 − A·B⁻¹ of what momentum makes of it.
                let mixed: Vec<f64> =
                    now.iter().zip(&before).map(|(now, w)| now + AHEAD * (now - w)).collect();
                let undone = times(&bent, &solve(&step, &mixed));
                let next = mixed.iter().zip(undone).map(|(mixed, undone)| mixed - undone).collect();
                before = std::mem::replace(&mut now, next);
            }
            sure(sampled + noise)
        };
        Some((0..d).map(error).collect())
    }
}

/// σ² of what all trainers' shares come to in each number of a round's gradient.
fn variance(plan: &Plan, round: u32) -> Option<f64> {
    let noise = plan.terms().noise?;
    let sigma = plan.shape(round)?.deviation(0) / f64::from(1_u32 << FRACTION);
    Some(sigma * sigma * plan.terms().trainers as f64 / noise.honest as f64)
}

fn penalised(gram: &[f64], plan: &Plan) -> Vec<f64> {
    let mut gram = gram.to_vec();
    (1..plan.terms().columns).for_each(|i| gram[place(i, i)] += plan.terms().l2);
    gram
}

fn unit(d: usize, i: usize) -> Vec<f64> {
    (0..d).map(|j| f64::from(u8::from(i == j))).collect()
}

/// x'·A·x.
fn square(triangle: &[f64], x: &[f64]) -> f64 {
    times(triangle, x).iter().zip(x).map(|(ax, x)| ax * x).sum()
}

fn sure(variance: f64) -> Option<f64> {
    let error = variance.max(0.0).sqrt();
    (error > 0.0 && error < UNSURE).then_some(error)
}
