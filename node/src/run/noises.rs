//! The noise of every figure that is paid for, as the record of its price tells it.
//!
//! An auditor holds nothing but records: from what stands there it computes again that the price buys this noise.

use serde_json::{Value, json};
use tacit_protocol::learn::vertical::{self, Linkage};

use crate::{
    learn,
    ledger::{EVALUATION, GRADIENT, MOMENTS, Noise},
    policy::{
        AggregatePlan, Decimal, FixedPoint, JoinPlan, Moment, NoisyColumn, PADDING_EPSILON_MICRO, Party,
        Quantity, TrainPlan, pair_steps, product_steps,
    },
    query::JobShape,
};

/// Of figures over one table.
pub(super) fn of_table(plan: &AggregatePlan) -> Vec<Noise> {
    let of = |column: &NoisyColumn| {
        let Named { figure, column: name, step } = named(plan, column.quantity);
        // The plan has checked that there is noise of this width.
        Noise::gaussian(figure, name.as_deref(), step, column.sensitivity, plan.price().share()).ok()
    };
    plan.columns().iter().filter_map(of).collect()
}

/// Of a training of partners with different columns, of what hides the answerer's customers and, `in_return`, the asker's:
/// where the overlap is hidden the padding of two numbers, and of a job with noise what its price bought.
pub(super) fn of_columns(plan: &TrainPlan, asker: &str, answerer: &str) -> Value {
    json!({
        "noise": hiding_columns(plan, answerer),
        "in_return": { "noise": hiding_columns(plan, asker) },
    })
}

fn hiding_columns(plan: &TrainPlan, owner: &str) -> Vec<Noise> {
    let mut all =
        if plan.hides_overlap() { vec![Noise::padding(PADDING_EPSILON_MICRO); 2] } else { Vec::new() };
    let (Some(shares), Some(side)) = (plan.shares(), plan.side(owner)) else { return all };
    let own = side.variables();
    let mut add = |figure: &str, step: &str, sensitivity: u64, nano_rho: u64| {
        let Ok(noise) = Noise::gaussian(figure, None, step.to_owned(), sensitivity, nano_rho) else { return };
        let alike = all.iter_mut().find(|known| Noise { times: None, ..(*known).clone() } == noise);
        match alike {
            Some(known) => known.times = Some(known.times.unwrap_or(1).saturating_add(1)),
            None => all.push(noise),
        }
    };
    // Cells have 12 bits after the point (LEARNV-42), and a residual of 1 is 127 or 2¹⁰ (LEARNV-21).
    if !own.is_empty() {
        add(MOMENTS, "2^-24", vertical::moments_sensitivity(&own), shares.moments);
    }
    let columns = plan.sides().iter().map(|side| side.width() as u32).sum::<u32>() + 1;
    let linkage = plan.linkage();
    let unit = if linkage == Linkage::Logistic { "1/127 × 2^-12" } else { "2^-22" };
    let sensitivity = vertical::Params::sensitivity(linkage, columns);
    shares.rounds.iter().for_each(|share| add(GRADIENT, unit, sensitivity, *share));
    if plan.sides().iter().any(|side| side.table.owner != owner && plan.learns_figures(&side.table.owner)) {
        add(EVALUATION, "1", 1, plan.figures_rho());
    }
    all
}

/// Of figures over an overlap: for what the asker is charged `noise`, and for what the answerer is `in_return`.
pub(super) fn of_join(plan: &JoinPlan) -> Value {
    json!({
        "noise": hiding(plan, Party::Answerer),
        "in_return": { "noise": hiding(plan, Party::Asker) },
    })
}

/// Of a training of partners with the same columns: of every sum of every round, those that are alike told once. Of one
/// without noise nothing.
pub(super) fn of_training(plan: &TrainPlan) -> Vec<Noise> {
    let horizontal = plan.job().shape == JobShape::Horizontal && plan.price().is_some();
    // A job that no plan can be made of ends before anything is spent on it.
    let Some(rounds) = horizontal.then(|| learn::planned(plan).ok()).flatten() else { return Vec::new() };
    let shapes = (0..rounds.rounds()).filter_map(|round| rounds.shape(round));
    let figure = |entries: usize| if entries > rounds.terms().columns { MOMENTS } else { GRADIENT };
    let sums = shapes.flat_map(|shape| shape.parts()).map(|part| (figure(part.entries), part));
    let review = learn::reviewed(plan, &rounds).ok().flatten();
    let counts = review.iter().flat_map(|review| review.shape().parts()).map(|part| (EVALUATION, part));
    let mut all: Vec<Noise> = Vec::new();
    for (figure, part) in sums.chain(counts) {
        let Some(noise) = part.noise else { continue };
        // Sums of a training are in units of 2⁻²⁴ (LEARNH-20).
        let step = "2^-24".to_owned();
        let Ok(noise) = Noise::gaussian(figure, None, step, noise.sensitivity, noise.nano_rho) else {
            continue;
        };
        let alike = all.iter_mut().find(|known| Noise { times: None, ..(*known).clone() } == noise);
        match alike {
            Some(known) => known.times = Some(known.times.unwrap_or(1).saturating_add(1)),
            None => all.push(noise),
        }
    }
    all
}

/// By which a party hides its customers: the padding of their number, and the noise of figures where the other learns
/// any. Who looks up whom is decided by sizes that nobody has yet; where Δ depends on it, both are told.
fn hiding(plan: &JoinPlan, of: Party) -> Vec<Noise> {
    let mut all = vec![Noise::padding(PADDING_EPSILON_MICRO)];
    if !plan.adds_noise(of) {
        return all;
    }
    let figures = plan.figures();
    let noises = |seeker: Party| -> Vec<Noise> {
        let noise = |(place, column): (usize, &NoisyColumn)| {
            let Named { figure, column: name, step } = named(figures, column.quantity);
            let squared = plan.sensitivity_squared(place, of, seeker)?;
            Noise::wide(figure, name.as_deref(), step, squared, plan.price().share()).ok()
        };
        figures.columns().iter().enumerate().filter_map(noise).collect()
    };
    let (looking, looked) = (noises(of), noises(of.other()));
    if looking == looked {
        all.extend(looking);
        return all;
    }
    let part = |part: &str, noises: Vec<Noise>| -> Vec<Noise> {
        noises.into_iter().map(|noise| Noise { part: Some(part.to_owned()), ..noise }).collect()
    };
    all.extend(part("looks-up", looking));
    all.extend(part("is-looked-up", looked));
    all
}

struct Named {
    figure: &'static str,
    column: Option<String>,
    step: String,
}

/// What a quantity is called, of which columns, and what a step of it is worth.
fn named(plan: &AggregatePlan, quantity: Quantity) -> Named {
    let measure = |of: usize| plan.measures().get(of);
    let column = |of: usize| measure(of).map(|measure| measure.name.column.clone());
    let fixed = |of: usize| measure(of).map(|measure| &measure.fixed);
    let times = |of: usize, by: i64| {
        fixed(of).map(|fixed| Decimal::of_units(fixed.step_decimal().units() * i128::from(by)).to_string())
    };
    let one = || "1".to_owned();
    let both = |one: Option<String>, other: Option<String>| Some(format!("{} × {}", one?, other?));
    let (figure, column, step) = match quantity {
        Quantity::Customers => ("customers", None, None),
        Quantity::Values(of) => ("values", column(of), None),
        Quantity::Sum(of) => ("sum", column(of), times(of, 1)),
        Quantity::Centred(of) => ("centred-sum", column(of), times(of, 1)),
        Quantity::Squares(of) => {
            ("squares", column(of), times(of, fixed(of).map_or(1, FixedPoint::squared_by)))
        }
        Quantity::Bucket(of, _) => ("buckets", column(of), None),
        Quantity::Product(of, other) => {
            let steps = measure(of).zip(measure(other)).map(|(one, other)| product_steps(one, other));
            let (by, also) = steps.unwrap_or((1, 1));
            ("sum-of-products", both(column(of), column(other)), both(times(of, by), times(other, also)))
        }
        Quantity::Pair(of, other, moment) => {
            let step = |of: usize| times(of, measure(of).map_or(1, pair_steps));
            let (figure, step) = match moment {
                Moment::Count => ("correlation-count", None),
                Moment::First => ("correlation-first", step(of)),
                Moment::Second => ("correlation-second", step(other)),
                Moment::FirstSquare => ("correlation-first-squares", both(step(of), step(of))),
                Moment::SecondSquare => ("correlation-second-squares", both(step(other), step(other))),
                Moment::Product => ("correlation-products", both(step(of), step(other))),
            };
            (figure, both(column(of), column(other)), step)
        }
    };
    Named { figure, column, step: step.unwrap_or_else(one) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::joins::{JOIN, plan, plan_of_both, plan_of_one_key};

    fn told(plan: &JoinPlan, of: Party) -> Vec<Noise> {
        let noises = hiding(plan, of);
        assert!(noises.iter().all(Noise::holds), "{noises:?}");
        noises
    }

    #[test]
    fn a_join_tells_the_noise_of_every_figure_that_is_paid_for_whoever_looks_up() {
        let sql = format!(
            "SELECT bank.accounts.region, COUNT(*), SUM(bank.accounts.balance * brand.customers.spend) AS p, \
             CORR(bank.accounts.balance, brand.customers.spend) AS r, STDDEV(bank.accounts.balance) AS s {JOIN} \
             GROUP BY bank.accounts.region"
        );
        let (one, two, both) = (plan_of_one_key(&sql), plan(&sql), plan_of_both(&sql));
        let figures = one.figures().shares() as usize;
        assert_eq!(told(&one, Party::Answerer).len(), 1 + figures);
        assert_eq!(told(&two, Party::Answerer).len(), 1 + 2 * figures);
        assert_eq!(told(&two, Party::Asker), [Noise::padding(PADDING_EPSILON_MICRO)], "it learns no figure");
        assert_eq!(told(&both, Party::Asker).len(), 1 + 2 * figures);
        let paid: u64 = told(&one, Party::Answerer).iter().map(|noise| noise.nano_rho).sum();
        assert_eq!(paid, one.charged(Party::Asker).nano_rho);
        let p =
            told(&one, Party::Answerer).into_iter().find(|noise| noise.figure == "sum-of-products").unwrap();
        assert_eq!((p.column.as_deref(), p.step.as_str()), (Some("spend × balance"), "1 × 0.05"));
    }
}
