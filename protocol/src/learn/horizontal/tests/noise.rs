//! The noise that is in a sum, and what it promises. Each look calls honest noise false with a probability of at most
//! 10⁻⁹, and has a twin that it must call false.

use super::*;
use crate::{
    learn::{
        encode::{Design, Encoding, Feature, Raw},
        glm::{Family, Fit, Noise, Plan, Rows, Terms},
    },
    noise::{Rational, Variance, epsilon_of, rho_limit},
    testing::hockey::Claim,
};

const ALARM: f64 = 1e-9;

/// The sum of the noise of so many trainers, over many entries; the twin's shares have a part of the variance.
fn summed(nano_rho: u64, honest: usize, trainers: std::ops::Range<usize>, entries: usize) -> Vec<i64> {
    let noise = Some(PartNoise { nano_rho, sensitivity: 1000 });
    let shape = Shape::new(vec![Part { entries, bound: 0, noise }], 5, honest).unwrap();
    let mut sum = vec![0; entries];
    for trainer in trainers {
        let seed = Secret::new([trainer as u8 + 1; 32]);
        let own = Contribution::new(&shape, vec![0; entries], &seed, &JOB, 0).unwrap();
        sum.iter_mut().zip(own.entries).for_each(|(sum, x)| *sum += x);
    }
    sum
}

/// Whether Σx²/σ² over independent entries is what it is for this σ² (χ²; Laurent and Massart 2000, Lemma 1).
fn has_variance(samples: &[i64], variance: Variance) -> bool {
    let sigma2 = variance.num() as f64 / variance.den() as f64;
    let chi: f64 = samples.iter().map(|x| (*x as f64).powi(2) / sigma2).sum();
    let (n, t) = (samples.len() as f64, -(ALARM / 2.0).ln());
    chi < n + 2.0 * (n * t).sqrt() + 2.0 * t && chi > n - 2.0 * (n * t).sqrt()
}

#[test]
fn learnh_22_those_who_stay_and_are_honest_have_all_of_the_noise() {
    let price = 20_000_000;
    let variance = Variance::of_price(price, 1000).unwrap();
    // Three of five count; whichever three.
    for three in [0..3, 2..5] {
        assert!(has_variance(&summed(price, 3, three, 20_000), variance));
    }
    assert!(!has_variance(&summed(price, 3, 0..5, 20_000), variance), "all five: more");
    // The twins: one share too few, and half of the noise.
    assert!(!has_variance(&summed(price, 3, 0..2, 20_000), variance));
    assert!(!has_variance(&summed(2 * price, 3, 0..3, 20_000), variance));
}

#[test]
fn learnh_22_the_claim_holds_and_half_of_the_noise_breaks_it() {
    // ρ = 0.125 at the full sensitivity in one entry.
    let price = 125_000_000;
    let delta: Rational = "1e-6".parse().unwrap();
    let epsilon = epsilon_of(price, delta).unwrap() as f64 / 1e12;
    let claim = Claim { epsilon: epsilon / 2.0, delta: 0.02 };
    // By the hockey-stick curve of a Gaussian with Δ/σ = ½: at ε = 1.21 δ is .0028; with Δ/σ = 1 (a quarter of the
    // variance) .094.
    let with = |samples: Vec<i64>| samples.into_iter().map(|x| x + 1000).collect::<Vec<_>>();
    let (one, other) = (summed(price, 3, 0..3, 60_000), summed(price, 3, 2..5, 60_000));
    assert_eq!(claim.broken(&with(one), &other, ALARM), None);
    let (one, other) = (summed(4 * price, 3, 0..3, 60_000), summed(4 * price, 3, 2..5, 60_000));
    assert!(claim.broken(&with(one), &other, ALARM).is_some());
}

#[test]
fn learnh_23_a_round_that_is_run_again_has_the_same_noise() {
    let noise = Some(PartNoise { nano_rho: 1_000_000, sensitivity: 1000 });
    let part = Part { entries: 4, bound: 9, noise };
    let shape = Shape::new(vec![part.clone(), part], 3, 2).unwrap();
    let draw = |seed: u8, job: u8, round| {
        let exact = vec![1, 2, 3, 4, 1, 2, 3, 4];
        Contribution::new(&shape, exact, &Secret::new([seed; 32]), &[job; 32], round).unwrap().entries
    };
    let first = draw(1, 1, 0);
    assert_eq!(first, draw(1, 1, 0));
    assert_ne!(first[..4], first[4..], "each part has its own");
    for other in [draw(2, 1, 0), draw(1, 2, 0), draw(1, 1, 1)] {
        assert!(first.iter().zip(&other).all(|(a, b)| a != b));
    }
}

fn plan(family: Family, columns: usize, noise: Noise) -> Plan {
    Plan::new(Terms { family, columns, rounds: 4, l2: 1.0, rows: 20_000, trainers: 4, noise: Some(noise) })
        .unwrap()
}

#[test]
fn learnh_21_the_price_is_exact_and_within_the_job() {
    let limit = rho_limit("1".parse().unwrap(), "1e-6".parse().unwrap()).unwrap();
    let noise = Noise { clip: 2 << 12, nano_rho: limit, honest: 3 };
    for family in [Family::Linear, Family::Logistic, Family::Poisson { most: 20 }] {
        let plan = plan(family, 10, noise);
        let price = plan.price();
        assert!(price.nano_rho <= limit && price.nano_rho > limit - 40, "{family:?}: {price:?} of {limit}");
        // Δ²/2σ² of every part, from the σ² that the shape says the sum has.
        let rho: f64 = (0..plan.rounds())
            .flat_map(|round| {
                plan.shape(round)
                    .unwrap()
                    .parts()
                    .iter()
                    .enumerate()
                    .map(move |(number, part)| (round, number, part))
            })
            .map(|(round, number, part)| {
                let sigma = plan.shape(round).unwrap().deviation(number);
                (part.noise.unwrap().sensitivity as f64 / sigma).powi(2) / 2.0
            })
            .sum();
        assert!((rho * 1e9 - price.nano_rho as f64).abs() < 1.0, "{rho} {price:?}");
        assert!(price.atto_delta > 0 && price.atto_delta < 100_000);
    }
    let exact = Plan::new(Terms { noise: None, ..plan(Family::Linear, 3, noise).terms().clone() }).unwrap();
    assert_eq!(exact.price(), Default::default());
}

/// One row with these features.
fn one_row(values: &[f64]) -> Design {
    let mut design = Design::new(1, true);
    for (number, value) in values.iter().enumerate() {
        let encoding = Encoding::Number { low: 0.0, high: 1.0 };
        design
            .push(&Feature { name: format!("x{number}"), encoding }, &Raw::Number(vec![Some(*value)]))
            .unwrap();
    }
    design
}

#[test]
fn learnh_20_b08_one_row_changes_no_sum_by_more_than_the_noise_was_made_for() {
    let noise = Noise { clip: 6000, nano_rho: 20_000_000, honest: 3 };
    let mut largest = 0.0f64;
    for (family, target) in [
        (Family::Linear, 1.0),
        (Family::Logistic, 0.0),
        (Family::Logistic, 1.0),
        (Family::Poisson { most: 9 }, 9.0),
        (Family::Poisson { most: 9 }, 0.0),
    ] {
        let plan = plan(family, 5, noise);
        for number in 0..40u32 {
            let value = |place: u32| match number {
                0 => 0.0,
                1 => 1.0,
                _ => f64::from((number * 7919 + place * 104_729) % 1000) / 999.0,
            };
            let design = one_row(&[value(1), value(2), value(3), value(4)]);
            let rows = Rows::new(&plan, &design, &[target]).unwrap();
            let mut fit = Fit::start(&plan);
            for _ in 0..plan.rounds() {
                let shape = plan.shape(fit.round()).unwrap().clone();
                let own = fit.statistics(&plan, &rows).unwrap();
                let mut rest = &own[..];
                for part in shape.parts() {
                    let (entries, after) = rest.split_at(part.entries);
                    rest = after;
                    let square: i128 = entries.iter().map(|x| i128::from(*x).pow(2)).sum();
                    let limit = i128::from(part.noise.unwrap().sensitivity).pow(2);
                    assert!(
                        square <= limit,
                        "{family:?}, row {number}, round {}: {square} > {limit}",
                        fit.round()
                    );
                    largest = largest.max((square as f64 / limit as f64).sqrt());
                }
                // Weights that pull the row hard.
                let sum: Vec<i64> = own.iter().map(|x| x * 3).collect();
                fit = fit.step(&plan, &sum).unwrap();
            }
        }
    }
    assert!(largest > 0.95, "and the bound is no larger than it has to be: {largest}");
}

/// The share of pairs of a positive and a negative that the scores put in order.
fn auc(scores: &[f64], target: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut below, mut ordered) = (0.0, 0.0);
    for row in order {
        if target[row] == 0.0 { below += 1.0 } else { ordered += below }
    }
    ordered / (below * (scores.len() as f64 - below))
}

#[test]
fn learnh_21_at_epsilon_1_the_model_is_nearly_as_good() {
    use rand_core::{Rng, SeedableRng};
    let mut dice = chacha20::ChaCha20Rng::from_seed([5; 32]);
    let mut uniform = || (dice.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let truth: Vec<f64> = (0..=12).map(|_| 4.0 * uniform() - 2.0).collect();
    let mut table = |rows: usize| {
        let mut design = Design::new(rows, true);
        for number in 0..12 {
            let values = (0..rows).map(|_| Some(uniform())).collect();
            let encoding = Encoding::Number { low: 0.0, high: 1.0 };
            design.push(&Feature { name: format!("x{number}"), encoding }, &Raw::Number(values)).unwrap();
        }
        let scores = design.score(&truth);
        let target = scores.iter().map(|s| f32::from(u8::from(uniform() < Family::Logistic.mean(s - 1.0))));
        let target: Vec<f32> = target.collect();
        (design, target)
    };
    let (partners, test) = ((0..4).map(|_| table(9000)).collect::<Vec<_>>(), table(20_000));
    let limit = rho_limit("1".parse().unwrap(), "1e-6".parse().unwrap()).unwrap();
    let train = |noise: Option<Noise>, job: u8| {
        let plan = Plan::new(Terms {
            noise,
            rounds: 6,
            ..plan(Family::Logistic, 13, Noise { clip: 4096, nano_rho: limit, honest: 3 }).terms().clone()
        })
        .unwrap();
        let rows: Vec<Rows> =
            partners.iter().map(|(design, target)| Rows::new(&plan, design, target).unwrap()).collect();
        let mut fit = Fit::start(&plan);
        while !fit.is_done(&plan) {
            let shape = plan.shape(fit.round()).unwrap();
            let mut sum = vec![0; shape.entries()];
            for (seat, rows) in rows.iter().enumerate() {
                let seed = Secret::new([seat as u8; 32]);
                let own = fit.statistics(&plan, rows).unwrap();
                let own = Contribution::new(shape, own, &seed, &[job; 32], fit.round()).unwrap();
                sum.iter_mut().zip(own.entries).for_each(|(sum, x)| *sum += x);
            }
            fit = fit.step(&plan, &sum).unwrap();
        }
        auc(&test.0.score(fit.weights()), &test.1)
    };
    let exact = train(None, 0);
    // √(1 + 12/12) is the mean norm.
    let noise = Noise { clip: 6_000, nano_rho: limit, honest: 3 };
    let noisy: f64 = (1..=3).map(|job| train(Some(noise), job)).sum::<f64>() / 3.0;
    assert!(exact > 0.7 && exact - noisy <= 0.004, "{exact} without, {noisy} with noise");
}
