//! That a run comes to the weights of a fit in the clear.

use super::*;

/// Newton's method on all columns together, in the clear; the intercept first.
pub(crate) fn central(inputs: &(Input, Input), linkage: Linkage, l2: f64) -> Vec<f64> {
    let target = inputs.0.target.as_ref().unwrap();
    let columns: Vec<&Vec<f64>> = inputs.0.columns.iter().chain(&inputs.1.columns).collect();
    let (rows, count) = (target.len(), columns.len() + 1);
    let mut weights = vec![0.0; count];
    let mut row = vec![1.0; count];
    for _ in 0..if linkage == Linkage::Logistic { 12 } else { 1 } {
        let mut hessian = vec![vec![0.0; count + 1]; count];
        for (number, y) in target.iter().enumerate().take(rows) {
            row[1..].iter_mut().zip(&columns).for_each(|(x, column)| *x = column[number]);
            let z: f64 = row.iter().zip(&weights).map(|(x, w)| x * w).sum();
            let (p, slope) = match linkage {
                Linkage::Logistic => {
                    let p = 1.0 / (1.0 + (-z).exp());
                    (p, p * (1.0 - p))
                }
                Linkage::Linear => (z, 1.0),
            };
            for i in 0..count {
                for j in 0..count {
                    hessian[i][j] += slope * row[i] * row[j];
                }
                hessian[i][count] += (y - p) * row[i];
            }
        }
        for i in 1..count {
            hessian[i][i] += l2;
            hessian[i][count] -= l2 * weights[i];
        }
        for i in 0..count {
            hessian[i][i] += 1e-9;
            let (done, rest) = hessian.split_at_mut(i + 1);
            for row in rest {
                let factor = row[i] / done[i][i];
                row.iter_mut().zip(&done[i]).skip(i).for_each(|(x, above)| *x -= factor * above);
            }
        }
        for i in (0..count).rev() {
            let known: f64 = (i + 1..count).map(|j| hessian[i][j] * hessian[j][count]).sum();
            hessian[i][count] = (hessian[i][count] - known) / hessian[i][i];
        }
        weights.iter_mut().zip(&hessian).for_each(|(w, row)| *w += row[count]);
    }
    weights
}

/// Scores of all rows under a model, the intercept first.
pub(crate) fn scores(inputs: &(Input, Input), weights: &[f64]) -> Vec<f64> {
    let columns: Vec<&Vec<f64>> = inputs.0.columns.iter().chain(&inputs.1.columns).collect();
    let rows = columns[0].len();
    let of =
        |row: usize| weights[0] + columns.iter().zip(&weights[1..]).map(|(x, w)| x[row] * w).sum::<f64>();
    (0..rows).map(of).collect()
}

/// The weights that a run has opened, the intercept first.
pub(crate) fn joined(label: &Trained) -> Vec<f64> {
    let (own, theirs) = (label.own.as_ref().unwrap(), label.theirs.as_ref().unwrap());
    let intercept = own.offset + theirs.offset;
    [intercept].iter().chain(&own.weights).chain(&theirs.weights).copied().collect()
}

/// The chance that a row of target 1 scores above one of target 0.
pub(crate) fn auc(scores: &[f64], target: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut rank, mut at) = (0.0, 0);
    while at < order.len() {
        let tie = order[at..].iter().take_while(|i| scores[**i] == scores[order[at]]).count();
        let middle = at as f64 + (tie as f64 + 1.0) / 2.0;
        rank += middle * order[at..at + tie].iter().map(|i| target[*i]).sum::<f64>();
        at += tie;
    }
    let ones: f64 = target.iter().sum();
    (rank - ones * (ones + 1.0) / 2.0) / (ones * (target.len() as f64 - ones))
}

#[test]
fn learnv_21_a_logistic_run_is_the_central_fit() {
    let case = Case::new(Linkage::Logistic, 9000, (4, 5), 10);
    let inputs = case.input();
    let ended = case.run(&inputs);
    let (label, features) = (ended.initiator.unwrap(), ended.responder.unwrap());
    assert_eq!(label.conversation, features.conversation);
    assert_eq!((label.own.clone(), label.theirs.clone()), (features.theirs.clone(), features.own.clone()));
    let fit = central(&inputs, case.linkage, 0.0);
    let found = joined(&label);
    println!("{fit:?}\n{found:?}");
    let target = inputs.0.target.as_ref().unwrap();
    let aucs = [&fit, &found].map(|weights| auc(&scores(&inputs, weights), target));
    println!("{aucs:?}");
    assert!((aucs[0] - aucs[1]).abs() < 0.001, "{aucs:?}");
}

#[test]
fn learnv_21_a_linear_run_is_the_central_fit() {
    let case = Case::new(Linkage::Linear, 9000, (3, 4), 12);
    let inputs = case.input();
    let ended = case.run(&inputs);
    let found = joined(&ended.initiator.unwrap());
    let fit = central(&inputs, case.linkage, 0.0);
    println!("{fit:?}\n{found:?}");
    assert!(fit.iter().zip(&found).all(|(x, y)| (x - y).abs() < 0.01));
}
