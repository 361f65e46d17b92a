//! What the evaluation of all partners' rows together came to, as lines of the card.

use tacit_protocol::learn::{
    evaluate::{self, Evaluation, Histogram},
    glm::Reviewed,
};

use super::{Business, Exact, Metric, NORMAL, Survivors, TrainFault};
use crate::{
    learn::metrics::{self, OBSERVED},
    policy::{Feature, Permitted, TrainPlan},
};

/// On whose rows: everybody's.
const JOINT: &str = "joint";

/// Of figures that are told apart by partner, those that say whether the model fits its customers.
const BY_PARTNER: [&str; 3] = ["auc", "calibration-error", "customers"];

/// What is said of a finished run.
pub(super) struct Found {
    /// Lines of the card.
    pub(super) metrics: Vec<Metric>,
    /// How many customers were held out, where that is known exactly.
    pub(super) held_out: Option<u64>,
    /// The standard error of each weight, the intercept first.
    pub(super) errors: Vec<Option<f64>>,
}

/// Reads the evaluation of a run, if it had one.
pub(super) fn found(
    business: &Business,
    permitted: &Permitted,
    train: &TrainPlan,
) -> Result<Found, TrainFault> {
    let errors = business.kept.errors.iter().map(|error| error.map(|error| error.0)).collect();
    let none = Found { metrics: Vec::new(), held_out: None, errors };
    let (Some(review), Some((bits, sum))) = (&business.review, &business.kept.reviewed) else {
        return Ok(none);
    };
    let (fit, plan) = (&business.fit, business.bench.plan());
    let survivors = Survivors::of_bits(*bits, plan.terms().trainers).ok_or(TrainFault::StateDamaged)?;
    let found = review.read(fit, survivors, sum).map_err(|_| TrainFault::StateDamaged)?;
    let noise: Vec<_> = (0..review.shape().parts().len()).map(|part| review.noise(part, survivors)).collect();
    let least = permitted.terms().privacy.min_group;
    let mut lines = Vec::new();
    let whole = Evaluation::of(&found.held_out, noise[0].as_ref(), THRESHOLD);
    if whole.rows.is_some_and(|rows| rows.value >= f64::from(least)) {
        lines.extend(metrics::metrics(JOINT, &whole, &[]));
        let then = review.noise_of_trained(survivors);
        let noise = [then.as_ref(), noise[0].as_ref()];
        let index = evaluate::drift(&found.trained, &found.held_out, noise).ok().flatten();
        lines.extend(metrics::drift(JOINT, index));
    }
    let groups = train.sides().first().map_or(&[][..], |side| &side.groups);
    for (at, (column, histogram)) in groups.iter().zip(&found.groups).enumerate() {
        lines.extend(by_group(column, histogram, noise[1 + at].as_ref(), least));
    }
    let by_trainer = noise.get(1 + groups.len()).and_then(Option::as_ref);
    lines.extend(by_partner(business, permitted, &found, by_trainer, least));
    let errors = match plan.terms().noise {
        Some(_) => fit.errors(plan, &[], Some(found.bend())),
        None => none.errors,
    };
    let rows = plan.terms().noise.is_none().then(|| found.held_out.counts().iter().sum::<i64>());
    let held_out = rows.and_then(|rows| u64::try_from(rows).ok());
    Ok(Found { metrics: lines, held_out, errors })
}

/// A customer is selected from this chance on.
const THRESHOLD: f64 = 0.5;

/// Rates of a column's values, and how far they are apart; of few customers nothing is said.
fn by_group(
    column: &Feature,
    histogram: &Histogram,
    noise: Option<&evaluate::Noise>,
    least: u32,
) -> Vec<Metric> {
    let name = &column.name.column;
    let names: Vec<String> = column.values().iter().map(|value| format!("{name} = {value}")).collect();
    let found = Evaluation::of(histogram, noise, THRESHOLD);
    let few = |group: &Option<String>| {
        let place = names.iter().position(|name| Some(name) == group.as_ref());
        let rows = place.and_then(|place| found.groups.get(place)).and_then(|group| group.rows);
        rows.is_none_or(|rows| rows.value < f64::from(least))
    };
    let mut lines = metrics::metrics(JOINT, &found, &names);
    let apart = format!("{name}: largest less smallest");
    lines.retain_mut(|line| {
        if line.name.ends_with("-gap") {
            line.group = Some(apart.clone());
            return true;
        }
        line.group.is_some() && line.name != OBSERVED && !few(&line.group)
    });
    lines
}

/// LEARNH-24: how the model does on each partner's customers, and what each partner's rows add to it for ours.
fn by_partner(
    business: &Business,
    permitted: &Permitted,
    found: &Reviewed,
    noise: Option<&evaluate::Noise>,
    least: u32,
) -> Vec<Metric> {
    let (Some(review), Some(roster)) = (&business.review, &business.roster) else { return Vec::new() };
    let mut lines = Vec::new();
    for ((seat, histogram), sits) in found.trainers.iter().enumerate().zip(roster.seats()) {
        let partner = permitted.contract().partner(&sits.partner);
        let Some(name) = partner.map(|partner| partner.name.as_str()) else { continue };
        if !found.survivors.contains(seat) {
            continue;
        }
        let said = Evaluation::of(histogram, noise, THRESHOLD);
        let enough = said.rows.is_some_and(|rows| rows.value >= f64::from(least));
        let mut own = metrics::metrics(JOINT, &said, &[]);
        own.retain(|line| {
            let of_few = line.name == BY_PARTNER[2];
            line.group.is_none() && BY_PARTNER.contains(&line.name.as_str()) && (enough || of_few)
        });
        own.iter_mut().for_each(|line| line.group = Some(metrics::customers_of(name)));
        lines.extend(own);
        if let Some((value, error)) = business.bench.saved(review, &business.fit, found, seat) {
            let end = |side: f64| Some(Exact(value + side * NORMAL * error));
            lines.push(Metric {
                on: format!("{} (held out)", permitted.me()),
                group: Some(format!("by {name}")),
                name: metrics::SAVED.to_owned(),
                value: Exact(value),
                low95: end(-1.0),
                high95: end(1.0),
            });
        }
    }
    lines
}
