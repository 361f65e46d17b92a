//! Finds mechanisms that are less private than they claim.
//!
//! (ε, δ) says that for every set S of outputs P(S) ≤ e^ε·Q(S) + δ, where P and Q are the outputs with and
//! without one customer; the largest P(S) − e^ε·Q(S) is the hockey-stick divergence. The tester looks at half
//! of the outputs for the S that looks worst, and at the other half for whether it is as bad as that: so S is
//! chosen before the outputs that judge it, and plain bounds for a binomial count hold. A mechanism that keeps
//! its promise is called a liar with a probability of at most the one given. That a liar is found is nothing
//! that can be promised: each use needs a twin with a planted fault, to see that it would be.
//!
//! Floating point is fine here: it judges, it does not protect.

use std::collections::BTreeMap;

/// Outputs are put into this many boxes at most. Sorting into boxes adds no loss of privacy.
const BOXES: i128 = 512;

/// What a mechanism says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// ε.
    pub epsilon: f64,
    /// δ.
    pub delta: f64,
}

impl Claim {
    /// By how much δ is exceeded at least, if it is: from outputs `with` and `without` one customer, both
    /// directions; a false alarm has probability `alarm` at most.
    pub fn broken(self, with: &[i64], without: &[i64], alarm: f64) -> Option<f64> {
        let one_way = |here: &[i64], there: &[i64]| self.excess(here, there, alarm / 2.0);
        let excess = one_way(with, without).max(one_way(without, with));
        (excess > 0.0).then_some(excess)
    }

    fn excess(self, here: &[i64], there: &[i64], alarm: f64) -> f64 {
        let (here, there) = (here.split_at(here.len() / 2), there.split_at(there.len() / 2));
        let seen = || here.0.iter().chain(there.0).copied().map(i128::from);
        let (Some(first), Some(last)) = (seen().min(), seen().max()) else { return 0.0 };
        let width = (last - first) / BOXES + 1;
        let place = |x: &i64| (i128::from(*x) - first).div_euclid(width);

        let mut boxes: BTreeMap<i128, (f64, f64)> = BTreeMap::new();
        here.0.iter().for_each(|x| boxes.entry(place(x)).or_default().0 += 1.0 / here.0.len() as f64);
        there.0.iter().for_each(|x| boxes.entry(place(x)).or_default().1 += 1.0 / there.0.len() as f64);
        let worst = |x: &&i64| boxes.get(&place(x)).is_some_and(|(p, q)| *p > self.epsilon.exp() * q);

        let part = |outputs: &[i64]| (outputs.iter().filter(worst).count(), outputs.len());
        let (p, q) = (part(here.1), part(there.1));
        bound(p, alarm / 2.0, false) - self.epsilon.exp() * bound(q, alarm / 2.0, true) - self.delta
    }
}

/// What the probability of an event is at most, or at least, that was seen k times in n: by Chernoff's bound,
/// n·KL(k/n ‖ p) ≤ ln(1/alarm).
fn bound((k, n): (usize, usize), alarm: f64, above: bool) -> f64 {
    let (n, seen) = (n as f64, k as f64 / n as f64);
    let term = |a: f64, b: f64| if a == 0.0 { 0.0 } else { a * (a / b).ln() };
    let holds = |p: f64| n * (term(seen, p) + term(1.0 - seen, 1.0 - p)) <= (1.0 / alarm).ln();
    let (mut inside, mut outside) = (seen, if above { 1.0 } else { 0.0 });
    for _ in 0..60 {
        let middle = (inside + outside) / 2.0;
        if holds(middle) { inside = middle } else { outside = middle }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_a_share_hold_it() {
        // No event in n: p ≤ 1 − alarm^(1/n).
        assert!((bound((0, 1000), 1e-6, true) - (1.0 - 1e-6f64.powf(1e-3))).abs() < 1e-9);
        assert_eq!(bound((0, 1000), 1e-6, false), 0.0);
        let (low, high) = (bound((500, 1000), 1e-6, false), bound((500, 1000), 1e-6, true));
        assert!(low > 0.41 && low < 0.43 && high > 0.57 && high < 0.59, "{low} {high}");
    }

    #[test]
    fn what_is_equal_breaks_no_claim_and_what_is_apart_breaks_all() {
        let (here, there): (Vec<i64>, Vec<i64>) = ((0..4000).map(|x| x % 7).collect(), vec![100; 4000]);
        let claim = Claim { epsilon: 0.1, delta: 0.0 };
        assert_eq!(claim.broken(&here, &here, 1e-9), None);
        assert!(claim.broken(&here, &there, 1e-9).is_some_and(|excess| excess > 0.9));
        assert!(Claim { epsilon: 20.0, delta: 0.5 }.broken(&here, &there, 1e-9).is_none());
        assert_eq!(claim.broken(&[], &there, 1e-9), None);
    }
}
