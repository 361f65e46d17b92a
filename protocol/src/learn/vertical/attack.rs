//! SIGMOID-10: what a feature end can make of what it sees: labels, by least squares.
//!
//! The attack is the one that breaks plain gradients: an end's own gradient g = X'r is a linear equation in the
//! residuals, X is its own, so r̂ = X(X'X)⁺g has the labels in it, exactly if there are no more rows than columns. Here
//! it has the halves of its gradient from a whole run, its halves of scores and probabilities, and the
//! messages of the look-ups; ciphertexts, which need a key, are left out. Each test has its planted twin, the
//! same attack on the plain thing, which must succeed, or the attack would be too weak to show anything.

use super::{
    half::{
        Scale,
        tests::{BATCH, Numbers, ends, seed, talk},
    },
    input::whiten,
    params::{Linkage, Party},
    share::MASK,
    sigmoid,
    tests::{Case, Kept},
};
use crate::secret::Secret;

/// The solution of smallest norm of X·w = y, a little damped: X'(XX' + d)⁻¹y, for X of so many rows.
fn least_squares(rows: &[Vec<f64>], y: &[f64]) -> Vec<f64> {
    let count = rows.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut system: Vec<Vec<f64>> =
        (0..count).map(|i| (0..count).map(|j| dot(&rows[i], &rows[j])).chain([y[i]]).collect()).collect();
    let scale = system.iter().enumerate().map(|(i, row)| row[i]).sum::<f64>() / count as f64;
    system.iter_mut().enumerate().for_each(|(i, row)| row[i] += 1e-6 * scale);
    for i in 0..count {
        let (done, rest) = system.split_at_mut(i + 1);
        for row in rest {
            let factor = row[i] / done[i][i];
            row.iter_mut().zip(&done[i]).skip(i).for_each(|(x, above)| *x -= factor * above);
        }
    }
    let mut found = vec![0.0; count];
    for (i, row) in system.iter().enumerate().rev() {
        found[i] = (row[count] - dot(&row[i + 1..count], &found[i + 1..])) / row[i];
    }
    let width = rows.first().map_or(0, Vec::len);
    (0..width).map(|at| rows.iter().zip(&found).map(|(row, f)| row[at] * f).sum()).collect()
}

/// P(a row of label 1 has the higher score), ties half.
fn auc(scores: &[f64], labels: &[f64]) -> f64 {
    let (mut won, mut pairs) = (0.0, 0.0);
    for (one, _) in scores.iter().zip(labels).filter(|(_, label)| **label > 0.5) {
        for (zero, _) in scores.iter().zip(labels).filter(|(_, label)| **label < 0.5) {
            pairs += 1.0;
            won += if one > zero {
                1.0
            } else if one == zero {
                0.5
            } else {
                0.0
            };
        }
    }
    if pairs > 0.0 { won / pairs } else { 0.5 }
}

/// A half as a number around 0.
fn centre(half: u64) -> f64 {
    super::share::centred(half & MASK) as f64 / (1u64 << 59) as f64
}

/// Labels from gradients: r̂ of smallest norm with X'r̂ = g, where X has a column a gradient entry.
fn from_gradient(columns: &[Vec<i32>], gradient: &[f64]) -> Vec<f64> {
    // The equations are the columns, the unknowns the rows.
    let equations: Vec<Vec<f64>> =
        columns.iter().map(|column| column.iter().map(|x| f64::from(*x) / 4096.0).collect()).collect();
    least_squares(&equations, gradient)
}

/// 12 jobs of 10 customers and 14 columns, two rounds each: the sizes at which plain gradients give every label away.
/// An AUC of 10 customers that means nothing is 0.5 ± 0.2, the mean of two rounds and at least 10 jobs ± 0.045; it is
/// beyond 0.5 ± 0.22 once in 10⁶.
#[test]
fn sigmoid_10_halves_of_gradients_give_no_label_and_plain_gradients_give_all() {
    let (mut plain, mut halves, mut jobs) = (0.0, 0.0, 0.0);
    let mut kept_steps = 0;
    for job in 0..12u64 {
        let case = Case { session: job as u8 + 1, ..Case::new(Linkage::Logistic, 10, (1, 14), 2) };
        let mut inputs = case.input();
        // Labels and columns anew for each job.
        let mut numbers = Numbers::new(job);
        inputs.0.target = Some((0..10).map(|_| f64::from(u8::from(numbers.unit() < 0.4))).collect());
        for column in inputs.0.columns.iter_mut().chain(&mut inputs.1.columns) {
            column.iter_mut().for_each(|x| *x = numbers.unit());
        }
        let labels = inputs.0.target.clone().unwrap();
        if labels.iter().all(|label| *label == labels[0]) {
            continue;
        }
        let columns = whiten(&case.params(), Party::Features, (&inputs.1, None), &Secret::new([1; 32]))
            .unwrap()
            .columns;
        // The plain gradient of the first round, where every p is ½.
        let gradient: Vec<f64> = columns
            .iter()
            .map(|column| column.iter().zip(&labels).map(|(x, y)| f64::from(*x) / 4096.0 * (y - 0.5)).sum())
            .collect();
        plain += auc(&from_gradient(&columns, &gradient), &labels);
        // What the feature end has of it: how its halves of its own weights moved in either round.
        let kept = (Kept::default(), Kept::default());
        case.pair(&inputs, &kept).run().responder.unwrap();
        let states = kept.1.0.lock().unwrap();
        let zero = vec![0; 14];
        let moved = |from: &[u64], to: &[u64]| -> Vec<f64> {
            to.iter().zip(from).map(|(to, from)| centre(to.wrapping_sub(*from))).collect()
        };
        let first = from_gradient(&columns, &moved(&zero, &states[0].own));
        let second = from_gradient(&columns, &moved(&states[0].own, &states[1].own));
        halves += (auc(&first, &labels) + auc(&second, &labels)) / 2.0;
        kept_steps += states.len();
        jobs += 1.0;
    }
    assert!(jobs >= 10.0 && kept_steps >= 20);
    assert!(plain / jobs > 0.95, "plain gradients: {}", plain / jobs);
    assert!((halves / jobs - 0.5).abs() < 0.22, "halves: {}", halves / jobs);
}

/// What the feature end sees of 1,600 rows in a round's look-ups, as asker and as teller, beside its own columns; it
/// knows the labels of half of the rows and asks for the others'. What is added to its columns may not help; the
/// twin is given the residual in the place of its half, and knows every label. An AUC of 800 rows is
/// off by 0.1 less than once in 10⁶.
#[test]
fn sigmoid_10_a_rounds_look_ups_add_nothing_to_the_own_columns() {
    let rows = 1600;
    let mut numbers = Numbers::new(5);
    let own: Vec<Vec<f64>> = (0..rows).map(|_| vec![1.0, numbers.normal(), numbers.normal()]).collect();
    let hidden: Vec<f64> = (0..rows).map(|_| 2.0 * numbers.normal()).collect();
    let z: Vec<f64> = own.iter().zip(&hidden).map(|(x, h)| 0.5 * x[1] - 0.4 * x[2] + h).collect();
    let labels: Vec<bool> = z.iter().map(|z| numbers.unit() < 1.0 / (1.0 + (-z).exp())).collect();
    let y: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
    let scale = Scale { fraction: 54, reach: 5 };
    let fixed: Vec<i64> = z.iter().map(|z| (z * (1u64 << 54) as f64) as i64).collect();
    let scores = numbers.split(&fixed);
    let [label_end, feature_end] = ends("attack");
    let baseline = known_half(&own, &y);
    for feature_asks in [true, false] {
        let batch = crate::ot::Batch { stage: BATCH.stage + 8 * u16::from(feature_asks), ..BATCH };
        let (asks, tells) =
            if feature_asks { (&feature_end, &label_end) } else { (&label_end, &feature_end) };
        let asker = sigmoid::Asker::start(asks, batch, scale, &scores[0], &seed(1));
        let teller = sigmoid::Teller::start(tells, batch, scale, &scores[1], &seed(2));
        let ran = talk(asker, teller);
        let (own_scores, p, residual) = if feature_asks {
            (&scores[0], &ran.asker, sigmoid::residuals(&ran.asker, None))
        } else {
            (&scores[1], &ran.teller, sigmoid::residuals(&ran.teller, None))
        };
        let view = |row: usize| -> Vec<f64> {
            let mut view = own[row].clone();
            view.extend([own_scores[row], p[row], residual[row]].map(centre));
            // The low bits, which is where the probability would be.
            view.extend((0..10).map(|bit| (p[row] >> bit & 1) as f64 - 0.5));
            for message in &ran.messages {
                let each = message.len() / rows;
                let bytes = &message[row * each..(row + 1) * each];
                view.extend(bytes.iter().take(24).map(|byte| f64::from(*byte) / 128.0 - 1.0));
            }
            view
        };
        let seen = known_half(&(0..rows).map(view).collect::<Vec<_>>(), &y);
        assert!(seen < baseline + 0.1, "{seen} with the view, {baseline} without");
        // The twin: the residual itself.
        let plain = |row: usize| {
            let mut view = own[row].clone();
            view.push(ran.asker[row].wrapping_add(ran.teller[row]) as f64 / 127.0 - y[row]);
            view
        };
        let told = known_half(&(0..rows).map(plain).collect::<Vec<_>>(), &y);
        assert!(told > 0.95, "{told}");
    }
    assert!((0.5..0.8).contains(&baseline), "{baseline}");
}

/// The AUC on the second half of the rows, by least squares on the first.
fn known_half(rows: &[Vec<f64>], y: &[f64]) -> f64 {
    let half = rows.len() / 2;
    // Columns are fewer than rows: the normal equations, damped, by the same solver on the transposed system.
    let width = rows[0].len();
    let dot = |i: usize, j: usize| rows[..half].iter().map(|row| row[i] * row[j]).sum::<f64>();
    let squares: Vec<Vec<f64>> = (0..width).map(|i| (0..width).map(|j| dot(i, j)).collect()).collect();
    let right: Vec<f64> =
        (0..width).map(|i| rows[..half].iter().zip(y).map(|(row, y)| row[i] * y).sum()).collect();
    let weights = least_squares(&squares, &right);
    let scores: Vec<f64> =
        rows[half..].iter().map(|row| row.iter().zip(&weights).map(|(x, w)| x * w).sum()).collect();
    auc(&scores, &y[half..])
}
