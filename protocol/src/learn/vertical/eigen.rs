//! Eigenvalues of a symmetric matrix, by Jacobi's rotations: slow, short, and exact to the last bits whatever it is given.
//!
//! Always in the same order, so that a run that was cut has the same again.

/// More sweeps than any matrix of this size needs: after eight or so nothing is left to turn.
const SWEEPS: usize = 40;

/// The matrix with every eigenvalue below `least` raised to it; `matrix` has `count` rows, one after the other, and is
/// symmetric and finite (Golub and Van Loan, *Matrix Computations*, section 8.5).
pub(super) fn floored(mut matrix: Vec<f64>, count: usize, least: f64) -> Vec<f64> {
    if count == 0 {
        return matrix;
    }
    // Row k is the k-th eigenvector, when the matrix is diagonal.
    let mut vectors = vec![0.0; count * count];
    vectors.iter_mut().step_by(count + 1).for_each(|one| *one = 1.0);
    let whole: f64 = matrix.iter().map(|x| x * x).sum();
    for _ in 0..SWEEPS {
        let off: f64 = (0..count).map(|p| (0..p).map(|q| matrix[p * count + q].powi(2)).sum::<f64>()).sum();
        if off <= whole * 1e-24 {
            break;
        }
        for p in 1..count {
            for q in 0..p {
                rotate(&mut matrix, &mut vectors, count, p, q);
            }
        }
    }
    let values: Vec<f64> = (0..count).map(|k| matrix[k * (count + 1)].max(least)).collect();
    let mut raised = vec![0.0; count * count];
    for (value, vector) in values.iter().zip(vectors.chunks_exact(count)) {
        for (row, x) in raised.chunks_exact_mut(count).zip(vector) {
            row.iter_mut().zip(vector).for_each(|(entry, y)| *entry += value * x * y);
        }
    }
    raised
}

/// Turns rows and columns p and q so that their common entry is 0.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], count: usize, p: usize, q: usize) {
    let entry = matrix[p * count + q];
    if entry == 0.0 {
        return;
    }
    let theta = (matrix[q * count + q] - matrix[p * count + p]) / (2.0 * entry);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turned = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
    for k in 0..count {
        let (x, y) = turned(matrix[p * count + k], matrix[q * count + k]);
        (matrix[p * count + k], matrix[q * count + k]) = (x, y);
        let (x, y) = turned(vectors[p * count + k], vectors[q * count + k]);
        (vectors[p * count + k], vectors[q * count + k]) = (x, y);
    }
    for row in matrix.chunks_exact_mut(count) {
        (row[p], row[q]) = turned(row[p], row[q]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(a: &[f64], b: &[f64], count: usize) -> Vec<f64> {
        let entry =
            |at: usize| (0..count).map(|k| a[at / count * count + k] * b[k * count + at % count]).sum();
        (0..count * count).map(entry).collect()
    }

    #[test]
    fn what_is_above_the_floor_stays_and_what_is_below_is_raised_to_it() {
        // Eigenvalues 1 and 3, along (1, −1) and (1, 1).
        let near =
            |found: &[f64], wanted: [f64; 4]| found.iter().zip(wanted).all(|(x, y)| (x - y).abs() < 1e-12);
        assert!(near(&floored(vec![2.0, 1.0, 1.0, 2.0], 2, 0.5), [2.0, 1.0, 1.0, 2.0]));
        assert!(near(&floored(vec![2.0, 1.0, 1.0, 2.0], 2, 2.0), [2.5, 0.5, 0.5, 2.5]));
        assert!(near(&floored(vec![-7.0, 0.0, 0.0, -1.0], 2, 0.25), [0.25, 0.0, 0.0, 0.25]));
        assert!(floored(Vec::new(), 0, 1.0).is_empty());
    }

    #[test]
    fn a_larger_matrix_keeps_what_it_had_and_has_a_root_of_every_pivot() {
        let count = 30;
        let root: Vec<f64> =
            (0..count * count).map(|at| ((at * at * 31 + at * 7) % 97) as f64 / 97.0 - 0.5).collect();
        let turned: Vec<f64> = (0..count * count).map(|at| root[at % count * count + at / count]).collect();
        let whole = product(&root, &turned, count);
        // Below every eigenvalue nothing is raised.
        let same = floored(whole.clone(), count, 0.0);
        assert!(same.iter().zip(&whole).all(|(x, y)| (x - y).abs() < 1e-10));
        // Minus a multiple of one, raised by as much: at least the floor everywhere, by Cholesky's pivots.
        let mut less = whole;
        less.iter_mut().step_by(count + 1).for_each(|x| *x -= 1.0);
        let mut raised = floored(less, count, 0.3);
        raised.iter_mut().step_by(count + 1).for_each(|x| *x -= 0.299_999);
        for j in 0..count {
            assert!(raised[j * count + j] > 0.0);
            for i in j + 1..count {
                let factor = raised[i * count + j] / raised[j * count + j];
                for k in j..count {
                    raised[i * count + k] -= factor * raised[j * count + k];
                }
            }
        }
    }
}
