//! Symmetric equations by Cholesky's method, in one order of operations.

/// Where (i, j), j ≤ i, stands in a triangle that is stored row by row.
pub(super) const fn place(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

/// L with LL' = the symmetric matrix of this lower triangle; none unless it is positive definite.
pub(super) fn cholesky(triangle: &[f64], d: usize) -> Option<Vec<f64>> {
    let mut factor = triangle.to_vec();
    for i in 0..d {
        for j in 0..=i {
            let mut sum = factor[place(i, j)];
            for k in 0..j {
                sum -= factor[place(i, k)] * factor[place(j, k)];
            }
            factor[place(i, j)] = if i == j {
                if !(sum > 0.0 && sum.is_finite()) {
                    return None;
                }
                sum.sqrt()
            } else {
                sum / factor[place(j, j)]
            };
        }
    }
    Some(factor)
}

/// x with LL'x = b.
pub(super) fn solve(factor: &[f64], b: &[f64]) -> Vec<f64> {
    let d = b.len();
    let mut x = b.to_vec();
    for i in 0..d {
        for k in 0..i {
            x[i] -= factor[place(i, k)] * x[k];
        }
        x[i] /= factor[place(i, i)];
    }
    for i in (0..d).rev() {
        for k in i + 1..d {
            x[i] -= factor[place(k, i)] * x[k];
        }
        x[i] /= factor[place(i, i)];
    }
    x
}

/// A·x for the symmetric matrix of this lower triangle.
pub(super) fn times(triangle: &[f64], x: &[f64]) -> Vec<f64> {
    let d = x.len();
    (0..d).map(|i| (0..d).fold(0.0, |sum, j| sum + triangle[place(i.max(j), i.min(j))] * x[j])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_system_is_solved() {
        let triangle = [4.0, 2.0, 5.0, 0.0, 1.0, 3.0];
        let x = [1.0, -2.0, 3.0];
        let b = times(&triangle, &x);
        assert_eq!(b, [0.0, -5.0, 7.0]);
        let found = solve(&cholesky(&triangle, 3).unwrap(), &b);
        assert!(found.iter().zip(x).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(cholesky(&[1.0, 2.0, 1.0], 2), None, "indefinite");
        assert_eq!(cholesky(&[f64::NAN], 1), None);
    }
}
