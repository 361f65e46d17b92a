//! How good a model is on customers whose outcome is ours, and how good we would have been without the partner.
//!
//! Only the side that has the target can do either, at home, and tells nobody. The second is what a joint model has to be
//! held against: a partner's data that adds nothing shows here, before anybody pays for it a second time.

use tacit_protocol::learn::evaluate::{Evaluation, Histogram};

use super::{metrics::metrics, model::Metric};

/// Scores are told apart by an eighth, from −8 to 8; what is beyond is in the outermost bin.
const BINS: usize = 128;
const STEP: f64 = 0.125;

/// Steps of a fit; ten are plenty.
const STEPS: usize = 50;

/// A step that moves no weight by more is the last.
const STILL: f64 = 1e-9;

/// What scores (before the logistic function) say of outcomes (0 or 1), each of one customer.
pub fn measured(on: &str, scores: &[f64], outcomes: &[f64]) -> Vec<Metric> {
    let mut counts = vec![0_i64; 2 * BINS];
    for (score, outcome) in scores.iter().zip(outcomes).filter(|(score, _)| score.is_finite()) {
        let bin = (score / STEP + BINS as f64 / 2.0).floor().clamp(0.0, (BINS - 1) as f64) as usize;
        counts[2 * bin + usize::from(*outcome > 0.5)] += 1;
    }
    let middles = (0..BINS).map(|bin| (bin as f64 + 0.5 - BINS as f64 / 2.0) * STEP).collect();
    // Invariant: the middles rise, and there are as many counts as cells.
    let Ok(histogram) = Histogram::new(middles, 1, counts) else { return Vec::new() };
    let mut metrics = metrics(on, &Evaluation::of(&histogram, None, 0.5), &[]);
    // A line a bin is for coarser bins.
    metrics.retain(|metric| metric.group.is_none());
    metrics
}

/// The scores that a logistic model of our own columns alone gives to `held`, fitted to `columns` and `outcomes` by
/// Newton steps with a penalty of `l2` on the squares of the weights (not on the intercept). Columns are lists of one
/// number a customer. `None` if there is nothing to fit.
pub fn alone(columns: &[Vec<f64>], outcomes: &[f64], l2: f64, held: &[Vec<f64>]) -> Option<Vec<f64>> {
    let (rows, width) = (outcomes.len(), columns.len() + 1);
    if rows == 0 || columns.is_empty() || columns.iter().any(|column| column.len() != rows) {
        return None;
    }
    let cell = |column: usize, row: usize| if column == 0 { 1.0 } else { columns[column - 1][row] };
    let mut weights = vec![0.0; width];
    for _ in 0..STEPS {
        let (mut slope, mut bend) = (vec![0.0; width], vec![vec![0.0; width]; width]);
        for (row, outcome) in outcomes.iter().enumerate() {
            let cells: Vec<f64> = (0..width).map(|column| cell(column, row)).collect();
            let score: f64 = weights.iter().zip(&cells).map(|(weight, cell)| weight * cell).sum();
            let chance = 1.0 / (1.0 + (-score).exp());
            let weight = chance * (1.0 - chance);
            for (one, bend) in bend.iter_mut().enumerate() {
                slope[one] += (outcome - chance) * cells[one];
                bend.iter_mut()
                    .zip(&cells[..=one])
                    .for_each(|(bend, cell)| *bend += weight * cells[one] * cell);
            }
        }
        for (column, weight) in weights.iter().enumerate() {
            // Never none: columns that say the same would leave no step.
            let penalty = if column == 0 { 1e-9 } else { l2.max(1e-9) };
            slope[column] -= penalty * weight;
            bend[column][column] += penalty;
        }
        let step = solved(bend, slope)?;
        weights.iter_mut().zip(&step).for_each(|(weight, step)| *weight += step);
        if step.iter().all(|step| step.abs() < STILL) {
            break;
        }
    }
    let rows = held.first().map_or(0, Vec::len);
    let score = |row: usize| {
        weights[0] + weights[1..].iter().zip(held).map(|(w, column)| w * column[row]).sum::<f64>()
    };
    weights.iter().all(|weight| weight.is_finite()).then(|| (0..rows).map(score).collect())
}

/// x of A·x = b, where A is symmetric and positive definite and its lower half is given (Cholesky).
fn solved(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    for row in 0..b.len() {
        for column in 0..=row {
            let sum: f64 = a[row][column] - (0..column).map(|k| a[row][k] * a[column][k]).sum::<f64>();
            // Not a number is not positive either.
            if row == column && (sum.is_nan() || sum <= 0.0) {
                return None;
            }
            a[row][column] = if row == column { sum.sqrt() } else { sum / a[column][column] };
        }
        b[row] = (b[row] - (0..row).map(|k| a[row][k] * b[k]).sum::<f64>()) / a[row][row];
    }
    for row in (0..b.len()).rev() {
        b[row] = (b[row] - (row + 1..b.len()).map(|k| a[k][row] * b[k]).sum::<f64>()) / a[row][row];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_finds_what_can_be_counted() {
        // Of those with a 1 three in four have the outcome, of the others one in four: weights ∓ln 3 and 2·ln 3.
        let column: Vec<f64> = (0..80).map(|row| f64::from(u8::from(row >= 40))).collect();
        let outcomes: Vec<f64> =
            (0..80).map(|row| f64::from(u8::from((row % 4 == 0) != (row >= 40)))).collect();
        let scores = alone(&[column], &outcomes, 0.0, &[vec![0.0, 1.0]]).unwrap();
        let ln3 = 3.0_f64.ln();
        assert!((scores[0] + ln3).abs() < 1e-6 && (scores[1] - ln3).abs() < 1e-6, "{scores:?}");
    }

    #[test]
    fn columns_that_say_the_same_or_split_everything_still_have_a_fit() {
        let column: Vec<f64> = (0..20).map(f64::from).collect();
        let outcomes: Vec<f64> = (0..20).map(|row| f64::from(u8::from(row >= 10))).collect();
        let twice = [column.clone(), column];
        let scores = alone(&twice, &outcomes, 1.0, &twice).unwrap();
        assert!(scores.is_sorted() && scores.iter().all(|score| score.is_finite()));
        assert!(alone(&[], &outcomes, 1.0, &[]).is_none() && alone(&twice, &[], 1.0, &twice).is_none());
    }

    #[test]
    fn measured_outcomes_give_the_area_under_the_curve() {
        let metrics = measured("bank alone", &[-2.0, -0.4, -0.6, 3.0], &[0.0, 0.0, 1.0, 1.0]);
        let auc = metrics.iter().find(|metric| metric.name == "auc").unwrap();
        assert_eq!((auc.value.0, auc.on.as_str()), (0.75, "bank alone"));
        assert!(auc.low95.unwrap().0 < 0.75, "four customers say little");
        assert!(measured("x", &[f64::NAN], &[1.0]).iter().all(|metric| metric.value.0.is_finite()));
    }
}
