//! What is said of a model on held-out customers, as lines of its card.
//!
//! The figures come from opened histograms alone ([`evaluate`](tacit_protocol::learn::evaluate)), whose intervals say
//! what noise may have done. That is half the truth: other customers would have given other figures, and somebody who
//! reads an AUC of 0.71 of eighty customers as a fact is misled. So where the sample's own error is known in closed form
//! it is added here, as for independent errors.

use tacit_protocol::learn::evaluate::{Evaluation, Interval};

use super::model::{Exact, Metric};

/// Half of a 95 % interval, in standard errors.
pub const NORMAL: f64 = 1.959_963_985;

/// The lines of a model `on` some customers, such as `joint` or `bank alone`; `groups` names the histogram's groups, and
/// is empty if there is only one.
pub fn metrics(on: &str, evaluation: &Evaluation, groups: &[String]) -> Vec<Metric> {
    let mut lines = Lines { on, metrics: Vec::new() };
    let count = |interval: &Option<Interval>| interval.map_or(0.0, |interval| interval.value.max(0.0));
    let (rows, positives) = (count(&evaluation.rows), count(&evaluation.positives));
    let auc =
        evaluation.auc.map(|auc| widened(auc, auc_error(auc.value, positives, rows - positives), 0.0, 1.0));
    lines.push("auc", None, auc);
    lines.push("ks", None, evaluation.ks);
    lines.push("log-loss", None, evaluation.log_loss);
    lines.push("calibration-error", None, evaluation.calibration_error);
    lines.push("customers", None, evaluation.rows);
    lines.push("with-outcome", None, evaluation.positives);
    for step in &evaluation.lift {
        let share = (step.share * 100.0).round();
        let gain = step.gain.map(|gain| widened(gain, share_error(gain.value, positives), 0.0, 1.0));
        lines.push(&format!("gain-{share}"), None, gain);
        let lift = step.lift.map(|lift| {
            widened(lift, share_error(lift.value * step.share, positives) / step.share, 0.0, f64::MAX)
        });
        lines.push(&format!("lift-{share}"), None, lift);
    }
    for line in &evaluation.calibration {
        let rows = count(&line.rows);
        let observed =
            line.observed.map(|observed| widened(observed, share_error(observed.value, rows), 0.0, 1.0));
        lines.push(OBSERVED, Some(&format!("predicted {:.4}", line.predicted)), observed);
    }
    for (group, name) in evaluation.groups.iter().zip(groups) {
        let rows = count(&group.rows);
        lines.push("customers", Some(name), group.rows);
        let rate = group.selection_rate.map(|rate| widened(rate, share_error(rate.value, rows), 0.0, 1.0));
        lines.push("selection-rate", Some(name), rate);
        // How many of the group have the outcome is not told apart; the widest error that fits is that of a tenth.
        let found = group
            .true_positive_rate
            .map(|rate| widened(rate, share_error(rate.value, rows / 10.0), 0.0, 1.0));
        lines.push("true-positive-rate", Some(name), found);
    }
    if groups.len() > 1 {
        lines.push("selection-gap", None, evaluation.selection_gap);
        lines.push("true-positive-gap", None, evaluation.true_positive_gap);
    }
    lines.metrics
}

/// Lines that count customers.
pub const COUNTS: [&str; 2] = ["customers", "with-outcome"];

/// The name of the lines of the calibration table.
pub const OBSERVED: &str = "observed";

/// What a partner's rows do for ours.
pub const SAVED: &str = "loss-saved";

/// The customers of a partner, as a group of lines.
pub fn customers_of(partner: &str) -> String {
    format!("{OF}{partner}")
}

const OF: &str = "customers of ";

/// Whether a line is about one partner rather than a group of customers, which is `column = value`.
pub fn is_of_partner(metric: &Metric) -> bool {
    let named = metric.group.as_ref().is_some_and(|group| group.starts_with(OF) && !group.contains(" = "));
    named || metric.name == SAVED
}

/// The line that says how far the scores of now are from those of the training.
pub fn drift(on: &str, index: Option<Interval>) -> Option<Metric> {
    let mut lines = Lines { on, metrics: Vec::new() };
    lines.push("psi", None, index);
    lines.metrics.pop()
}

struct Lines<'a> {
    on: &'a str,
    metrics: Vec<Metric>,
}

impl Lines<'_> {
    /// Nothing is said of what does not exist, or is no number.
    fn push(&mut self, name: &str, group: Option<&str>, interval: Option<Interval>) {
        let Some(Interval { value, low, high }) = interval else { return };
        if !value.is_finite() {
            return;
        }
        // An interval without width is one that nobody knows.
        let known = low < high && low.is_finite() && high.is_finite();
        self.metrics.push(Metric {
            on: self.on.to_owned(),
            group: group.map(str::to_owned),
            name: name.to_owned(),
            value: Exact(value),
            low95: known.then_some(Exact(low)),
            high95: known.then_some(Exact(high)),
        });
    }
}

/// An interval for noise, widened by an independent standard error of the sample.
fn widened(interval: Interval, error: f64, least: f64, most: f64) -> Interval {
    let Interval { value, low, high } = interval;
    let sampled = NORMAL * error;
    let out = |noise: f64| noise.hypot(sampled);
    Interval {
        value,
        low: (value - out(value - low)).clamp(least, most),
        high: (value + out(high - value)).clamp(least, most),
    }
}

/// The standard error of an area under the curve (Hanley and McNeil 1982, equation 1, with their exponential
/// approximation of Q1 and Q2).
fn auc_error(auc: f64, positives: f64, negatives: f64) -> f64 {
    if positives < 1.0 || negatives < 1.0 {
        return 0.5;
    }
    let (q1, q2) = (auc / (2.0 - auc), 2.0 * auc * auc / (1.0 + auc));
    let square =
        auc.mul_add(1.0 - auc, (positives - 1.0) * (q1 - auc * auc)) + (negatives - 1.0) * (q2 - auc * auc);
    (square / (positives * negatives)).max(0.0).sqrt()
}

/// The standard error of a share of `of`, never that of none or all: as of one more on either side (Agresti and Coull
/// 1998, section 3, with two and four).
fn share_error(share: f64, of: f64) -> f64 {
    if of < 1.0 {
        return 0.5;
    }
    let adjusted = (share.clamp(0.0, 1.0) * of + 2.0) / (of + 4.0);
    (adjusted * (1.0 - adjusted) / (of + 4.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use tacit_protocol::learn::evaluate::Histogram;

    use super::*;

    fn evaluation(groups: usize) -> Evaluation {
        // Three bins; of each group 60, 30, 10 without and 10, 15, 25 with the outcome.
        let one = [60, 10, 30, 15, 10, 25];
        let counts = one.iter().copied().cycle().take(6 * groups).collect();
        let histogram = Histogram::new(vec![-2.0, 0.0, 2.0], groups, counts).unwrap();
        Evaluation::of(&histogram, None, 0.5)
    }

    fn find<'a>(metrics: &'a [Metric], name: &str) -> &'a Metric {
        metrics.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} is missing"))
    }

    #[test]
    fn the_sample_widens_what_noise_leaves_sharp() {
        let metrics = metrics("joint", &evaluation(1), &[]);
        let auc = find(&metrics, "auc");
        // By hand: (10·30 + 15·(60+15) + 25·(90+5)) / 5000 with ties as half.
        assert!((auc.value.0 - 0.76).abs() < 1e-9, "{auc:?}");
        let (low, high) = (auc.low95.unwrap().0, auc.high95.unwrap().0);
        // Hanley and McNeil: a standard error of √((0.1824 + 49·0.0353 + 99·0.0788) / 5000) = 0.0441.
        assert!(
            (auc.value.0 - low - 0.0864).abs() < 1e-3 && (high - auc.value.0 - 0.0864).abs() < 1e-3,
            "{low} {high}"
        );
        assert_eq!(find(&metrics, "customers").value.0, 150.0);
        assert_eq!(find(&metrics, "with-outcome").value.0, 50.0);
        assert!(find(&metrics, "lift-10").value.0 > 1.0 && find(&metrics, "gain-100").value.0 == 1.0);
        assert!(metrics.iter().all(|metric| metric.on == "joint"));
        assert!(metrics.iter().any(|metric| metric.name == OBSERVED && metric.group.is_some()));
    }

    #[test]
    fn groups_are_told_apart_by_their_names() {
        let names = ["region = north".to_owned(), "region = south".to_owned()];
        let metrics = metrics("joint", &evaluation(2), &names);
        for name in &names {
            let rates = metrics.iter().filter(|metric| metric.group.as_deref() == Some(name));
            let rates: Vec<&str> = rates.map(|metric| metric.name.as_str()).collect();
            assert_eq!(rates, ["customers", "selection-rate", "true-positive-rate"]);
        }
        assert!(find(&metrics, "selection-gap").value.0.abs() < 1e-9);
    }

    #[test]
    fn no_rows_are_no_figures_and_no_panic() {
        let histogram = Histogram::new(vec![-1.0, 1.0], 1, vec![0; 4]).unwrap();
        let metrics = metrics("joint", &Evaluation::of(&histogram, None, 0.5), &[]);
        assert!(metrics.iter().all(|metric| metric.value.0.is_finite()));
        assert!(!metrics.iter().any(|metric| metric.name == "auc"));
        assert!(drift("joint", None).is_none());
    }

    #[test]
    fn an_error_is_never_none() {
        assert!(share_error(0.0, 20.0) > 0.0 && share_error(1.0, 20.0) > 0.0);
        assert_eq!((share_error(0.5, 0.0), auc_error(0.7, 0.0, 5.0)), (0.5, 0.5));
    }
}
