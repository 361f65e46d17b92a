//! The sums of one node's rows for one round.

use rayon::prelude::*;

use super::{
    Family, LearnError, Plan, Rows,
    plan::{FRACTION, GRID, OFF, ON, SCORE},
    solve::place,
};

/// Rows that are added up before their sum is: fixed, so that the order of additions is, whatever the machine. Also
/// what keeps sums on the grid below 2⁵³, where they are exact.
const BLOCK: usize = 512;

/// The sums of a block, in the order of the shape's parts.
struct Sums {
    gram: Vec<f64>,
    gradient: Vec<f64>,
    loss: f64,
}

/// What this round adds up, in units of 2⁻²⁴.
pub(super) fn statistics(
    plan: &Plan,
    round: u32,
    weights: &[f64],
    rows: &Rows,
) -> Result<Vec<i64>, LearnError> {
    let shape = plan.shape(round).ok_or(LearnError::Finished)?;
    let noisy = plan.terms().noise.is_some();
    let want = match (plan.fixed_curvature(), round) {
        (true, 0) => (true, false),
        (true, _) => (false, true),
        (false, _) => (true, true),
    };
    let blocks: Vec<Sums> = (0..rows.len().div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let range = block * BLOCK..rows.len().min((block + 1) * BLOCK);
            sums(plan, want, weights, rows, range)
        })
        .collect();
    let mut entries = Vec::with_capacity(shape.entries());
    if want.0 {
        entries.extend(total(blocks.iter().map(|sums| &sums.gram[..]), plan.triangle(), noisy));
    }
    if want.1 {
        entries.extend(total(blocks.iter().map(|sums| &sums.gradient[..]), plan.terms().columns, noisy));
    }
    if !noisy {
        let loss = blocks.iter().fold(0.0, |sum, block| sum + block.loss);
        entries.push(fixed(loss));
        entries.push((rows.len() as i64) << FRACTION);
    }
    if shape.allows(&entries) { Ok(entries) } else { Err(LearnError::OwnValue) }
}

/// X'(y − μ) alone, in units of 2⁻²⁴, of rows on the grid.
pub(super) fn gradient(plan: &Plan, weights: &[f64], rows: &Rows) -> Vec<i64> {
    let blocks: Vec<Sums> = (0..rows.len().div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let range = block * BLOCK..rows.len().min((block + 1) * BLOCK);
            sums(plan, (false, true), weights, rows, range)
        })
        .collect();
    total(blocks.iter().map(|sums| &sums.gradient[..]), plan.terms().columns, plan.terms().noise.is_some())
}

/// Block after block: exact integers on the grid, else a sum of fractions that is brought to units at the end.
fn total<'a>(blocks: impl Iterator<Item = &'a [f64]>, entries: usize, on_grid: bool) -> Vec<i64> {
    if on_grid {
        let mut sum = vec![0i64; entries];
        for block in blocks {
            sum.iter_mut().zip(block).for_each(|(sum, x)| *sum = sum.saturating_add(*x as i64));
        }
        return sum;
    }
    let mut sum = vec![0.0; entries];
    for block in blocks {
        sum.iter_mut().zip(block).for_each(|(sum, x)| *sum += x);
    }
    sum.into_iter().map(fixed).collect()
}

/// In units of 2⁻²⁴; what is no number is beyond every bound.
fn fixed(value: f64) -> i64 {
    if value.is_nan() { i64::MAX } else { (value * f64::from(1u32 << FRACTION)).round() as i64 }
}

fn sums(
    plan: &Plan,
    (want_gram, want_gradient): (bool, bool),
    weights: &[f64],
    rows: &Rows,
    range: std::ops::Range<usize>,
) -> Sums {
    let d = rows.columns.len();
    let count = range.len();
    let noisy = plan.terms().noise.is_some();
    let columns: Vec<f64> =
        rows.columns.iter().flat_map(|column| column[range.clone()].iter().map(|x| f64::from(*x))).collect();
    let column = |j: usize| &columns[j * count..(j + 1) * count];

    let mut scores = vec![0.0; count];
    for (j, weight) in weights.iter().enumerate() {
        let weight = weight / rows.unit;
        scores.iter_mut().zip(column(j)).for_each(|(score, x)| *score += weight * x);
    }
    let (_, largest, _) = plan.limits();
    let mut loss = 0.0;
    let mut residuals = Vec::with_capacity(count);
    let mut curvatures = Vec::with_capacity(count);
    for (score, y) in scores.iter().zip(&rows.target[range]) {
        let (residual, curvature, row_loss) = row(plan.terms().family, *score, f64::from(*y));
        residuals.push(residual.clamp(-largest, largest));
        curvatures.push(curvature);
        loss += row_loss;
    }

    let mut gram = Vec::new();
    if want_gram {
        gram = triangle(plan, &columns, &curvatures, d);
    }
    let mut gradient = Vec::new();
    if want_gradient {
        if noisy {
            let grid = f64::from(1u32 << GRID);
            residuals.iter_mut().for_each(|residual| *residual = (*residual * grid).round());
        }
        gradient = (0..d).map(|j| dot(column(j), &residuals)).collect();
    }
    Sums { gram, gradient, loss }
}

/// y − μ, the curvature of the loss, and the loss of a row.
fn row(family: Family, score: f64, y: f64) -> (f64, f64, f64) {
    match family {
        Family::Linear => {
            let residual = (y - score).clamp(-8.0, 8.0);
            (residual, 1.0, residual * residual / 2.0)
        }
        Family::Logistic => {
            let score = score.clamp(-SCORE, SCORE);
            let p = family.mean(score);
            // ln(1 + e^s) without overflow.
            let softplus = score.max(0.0) + (-score.abs()).exp().ln_1p();
            (y - p, p * (1.0 - p), softplus - y * score)
        }
        Family::Poisson { .. } => {
            let score = score.clamp(-SCORE, SCORE);
            let mean = family.mean(score);
            (y - mean, mean, mean - y * score)
        }
    }
}

/// The lower triangle of X'WX, row by row.
fn triangle(plan: &Plan, columns: &[f64], curvatures: &[f64], d: usize) -> Vec<f64> {
    let count = curvatures.len();
    let column = |j: usize| j * count..(j + 1) * count;
    let mut weighted = columns.to_vec();
    let noisy = plan.terms().noise.is_some();
    let plain = matches!(plan.terms().family, Family::Linear) || plan.fixed_curvature();
    let mut left = columns;
    let rooted: Vec<f64>;
    if !plain {
        for values in weighted.chunks_exact_mut(count) {
            for (value, curvature) in values.iter_mut().zip(curvatures) {
                // On the grid the row √w·x, brought back to the grid towards 0, stands for x on both sides.
                *value = if noisy { (*value * curvature.sqrt()).trunc() } else { *value * curvature };
            }
        }
        if noisy {
            rooted = weighted.clone();
            left = &rooted;
        }
    }
    let mut gram = vec![0.0; d * (d + 1) / 2];
    for i in 0..d {
        for j in 0..=i {
            let sum = dot(&left[column(i)], &weighted[column(j)]);
            let weight = match (noisy, i == j) {
                (false, _) => 1,
                (true, true) => ON,
                (true, false) => OFF,
            };
            gram[place(i, j)] = sum * weight as f64;
        }
    }
    gram
}

/// Σ a·b in eight sums, so that the machine may add eight at a time; the order is fixed.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).fold(0.0, |sum, (a, b)| sum + a * b);
    lanes.iter().fold(rest, |sum, lane| sum + lane)
}
