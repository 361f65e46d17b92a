//! What an adversary can make of the outputs, by the exact divergence and by the tester of outputs.

use super::*;
use crate::testing::hockey::Claim;

/// False alarms of a use of the tester.
const ALARM: f64 = 1e-9;

/// The δ at which ρ-zCDP gives ε, by CKS20, over a grid of α.
fn delta_of(rho: f64, epsilon: f64) -> f64 {
    (1..4000)
        .map(|step| 1.0 + f64::from(step) / 50.0)
        .map(|a| ((a - 1.0) * (a * rho - epsilon) + a * (1.0 - 1.0 / a).ln()).exp() / (a - 1.0))
        .fold(1.0, f64::min)
}

/// The hockey-stick divergence of X + shift and X from the table that is sampled from, both directions.
fn divergence(noise: &DiscreteGaussian, shift: usize, epsilon: f64) -> f64 {
    let shares = noise.shares().unwrap();
    let at = |x: i64| {
        let share = shares.get(x.unsigned_abs() as usize).copied().unwrap_or_default() as f64;
        share / 2f64.powi(if x == 0 { 128 } else { 129 })
    };
    let (last, shift) = (shares.len() as i64 + shift as i64, shift as i64);
    // Symmetric noise: the other direction is the mirror image.
    (-last..=last).map(|x| (at(x - shift) - epsilon.exp() * at(x)).max(0.0)).sum()
}

/// From the tables themselves, no statistics: at every ε the divergence is within what ρ-zCDP promises and the
/// distance of the table.
#[test]
fn t27_noise_12_what_is_left_after_subtracting_ones_own_share_keeps_the_claim() {
    for (nano_rho, sensitivity) in [(24_355_970, 1), (321_047, 1), (500_000_000, 1), (24_355_970, 3)] {
        let noise = DiscreteGaussian::of_price(nano_rho, sensitivity).unwrap();
        // The twin: each adds a share of half the variance, and the receiver knows its own.
        let half = noise.variance();
        let half = gaussian(half.num(), half.den() * 2);
        let rho = nano_rho as f64 / 1e9;
        let charge = 1e-18 * ATTO_DELTA_OF_A_SAMPLE as f64;
        let mut found = 0;
        for step in 1..=20 {
            let epsilon = f64::from(step) * rho.sqrt() / 2.0;
            let promised = delta_of(rho, epsilon) + charge;
            for shift in 1..=sensitivity as usize {
                assert!(divergence(&noise, shift, epsilon) <= promised, "{noise:?}, ε = {epsilon}");
            }
            found += usize::from(divergence(&half, sensitivity as usize, epsilon) > promised);
        }
        assert!(found >= 5, "{noise:?}: a half share is found at {found} of 20");
    }
}

/// The same from outputs: the receiver adds its share, then subtracts it.
#[test]
fn t27_outputs_without_ones_own_share_keep_the_claim_and_half_shares_do_not() {
    const RUNS: usize = 40_000;
    // What σ² = 1, a full share of ρ = 1/2, achieves to the last digit.
    let claim = |epsilon| Claim { epsilon, delta: divergence(&gaussian(1, 1), 1, epsilon) };
    let seen = |num, den, value: i64, number| -> Vec<i64> {
        let noise = gaussian(num, den);
        let (own, other) = (noise.samples(&seed(100), RUNS), noise.samples(&seed(number), RUNS));
        own.iter().zip(other).map(|(own, other)| value + own + other - own).collect()
    };
    for epsilon in [0.25, 0.5, 1.0, 2.0] {
        assert_eq!(claim(epsilon).broken(&seen(1, 1, 8, 1), &seen(1, 1, 7, 2), ALARM), None);
    }
    assert!(
        [0.25, 0.5, 1.0]
            .iter()
            .any(|epsilon| { claim(*epsilon).broken(&seen(1, 2, 8, 3), &seen(1, 2, 7, 4), ALARM).is_some() })
    );
}

/// The power check: every build with less noise than it claims is flagged, none with the noise it claims.
#[test]
fn t30_a_build_with_half_the_noise_is_flagged() {
    const RUNS: usize = 40_000;
    let broken = |claim: Claim, draw: &dyn Fn(u8) -> Vec<i64>, shift: i64| {
        let with: Vec<_> = draw(21).into_iter().map(|x| x + shift).collect();
        claim.broken(&with, &draw(22), ALARM).is_some()
    };
    // ε = 1 of pure differential privacy.
    let pure = Claim { epsilon: 1.0, delta: 0.0 };
    for sensitivity in [1, 5, 50_000] {
        let noise = laplace("1", sensitivity);
        let shift = sensitivity as i64;
        assert!(!broken(pure, &|number| noise.samples(&seed(number), RUNS), shift));
        let half = laplace("2", sensitivity);
        assert!(broken(pure, &|number| half.samples(&seed(number), RUNS), shift), "Δ = {sensitivity}");
    }
    // ρ = 0.5 and 0.125, from one table and from several.
    for (nano_rho, sensitivity, epsilon) in
        [(500_000_000, 1, 1.0), (125_000_000, 1, 0.5), (500_000_000, 50_000, 1.0)]
    {
        let claim = Claim { epsilon, delta: delta_of(nano_rho as f64 / 1e9, epsilon) };
        let shift = sensitivity as i64;
        let noise = DiscreteGaussian::of_price(nano_rho, sensitivity).unwrap();
        assert!(!broken(claim, &|number| noise.samples(&seed(number), RUNS), shift));
        // Half of σ: a quarter of σ².
        let half = DiscreteGaussian::of_price(4 * nano_rho, sensitivity).unwrap();
        assert!(broken(claim, &|number| half.samples(&seed(number), RUNS), shift), "{noise:?}");
        // Noise that is there now and then only.
        let lazy = |number| {
            noise
                .samples(&seed(number), RUNS)
                .into_iter()
                .enumerate()
                .map(|(i, x)| if i % 2 == 0 { 0 } else { x })
                .collect()
        };
        assert!(broken(claim, &lazy, shift), "{noise:?}");
    }
}

/// A set and the set without one customer, both asked for: two prices, and no loss above their sum.
#[test]
fn t15_a_pair_of_questions_that_differ_in_one_customer_keeps_the_summed_claim() {
    const RUNS: usize = 40_000;
    let nano_rho = 250_000_000;
    let noise = DiscreteGaussian::of_price(nano_rho, 1).unwrap();
    let (first, second) = (noise.samples(&seed(31), RUNS), noise.samples(&seed(32), RUNS));
    let (third, fourth) = (noise.samples(&seed(33), RUNS), noise.samples(&seed(34), RUNS));
    // Q(A) − Q(A∖x), with x in A or not.
    let with: Vec<_> = first.iter().zip(&second).map(|(x, y)| 1 + x - y).collect();
    let without: Vec<_> = third.iter().zip(&fourth).map(|(x, y)| x - y).collect();
    let claim =
        |times: f64, epsilon| Claim { epsilon, delta: delta_of(times * nano_rho as f64 / 1e9, epsilon) };
    for epsilon in [0.25, 0.5, 1.0] {
        assert_eq!(claim(2.0, epsilon).broken(&with, &without, ALARM), None);
    }
    // The same noise used for both: the difference is exact, and is found.
    let exact = vec![1; RUNS];
    assert!(claim(2.0, 1.0).broken(&exact, &vec![0; RUNS], ALARM).is_some());
}

/// The vectors of the design, for the continuous formula; and the exact probability of the integer one.
#[test]
fn t13_noise_13_a_group_of_one_is_shown_with_probability_delta_at_most() {
    let (one, millionth) = (exact("1"), exact("1e-6"));
    // In hundredths, to the nearest.
    assert_eq!((continuous_threshold_micro(one, millionth, 1, 1).unwrap() + 5_000) / 10_000, 1_412);
    assert_eq!((continuous_threshold_micro(one, millionth, 3, 1).unwrap() + 5_000) / 10_000, 4_366);

    for (epsilon, delta, groups, each) in [
        ("1", "1e-6", 1, 1),
        ("1", "1e-6", 3, 1),
        ("0.1", "1e-9", 2, 5),
        ("8", "1e-6", 1, 1),
        ("20", "0.9", 1, 1),
    ] {
        let threshold = Threshold::new(exact(epsilon), exact(delta), groups, each).unwrap();
        let rate = epsilon.parse::<f64>().unwrap() / f64::from(groups * each);
        // P(L∞ + X ≥ τ) = p^(τ−L∞)/(1+p).
        let shown = |at_least: u64| {
            let distance = (at_least - u64::from(each)) as f64;
            (-rate * distance).exp() / (1.0 + (-rate).exp()) * f64::from(groups)
        };
        let delta: f64 = delta.parse().unwrap();
        assert!(shown(threshold.at_least()) <= delta, "{threshold:?}");
        assert!(
            threshold.at_least() == u64::from(each) + 1 || shown(threshold.at_least() - 1) > delta,
            "{threshold:?}"
        );
    }
    // ⌈14.12⌉ and ⌈43.66⌉, and one less where the discrete distribution is lighter.
    assert_eq!(Threshold::new(one, millionth, 1, 1).unwrap().at_least(), 15);
    assert_eq!(Threshold::new(one, millionth, 3, 1).unwrap().at_least(), 45);
    assert_eq!(Threshold::new(one, millionth, 3, 1).unwrap().atto_delta(), 1_000_000_000_000);

    // 30,000 customers, each alone in three groups: of how many is any shown? More than the bound happens by
    // chance once in 10⁹. The twin gives each group the whole of δ.
    const RUNS: usize = 30_000;
    let shown = |threshold: &Threshold, at_least: u64| {
        let drawn = threshold.noise().samples(&seed(41), 3 * RUNS);
        let any = |group: &&[i64]| group.iter().any(|x| 1 + x >= at_least as i64);
        drawn.chunks(3).filter(any).count() as f64
    };
    let bound = RUNS as f64 * 0.01 + 6.0 * (RUNS as f64 * 0.01).sqrt();
    let threshold = Threshold::new(one, exact("0.01"), 3, 1).unwrap();
    assert!(shown(&threshold, threshold.at_least()) <= bound);
    let greedy = 1 + threshold.noise().reaches(exact("0.01"));
    assert!(shown(&threshold, greedy) > bound);
}
