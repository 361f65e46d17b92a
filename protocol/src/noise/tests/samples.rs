//! What samples look like: shape, symmetry, tails, low bits, intervals, and the work they cost.

use std::collections::{BTreeMap, BTreeSet};

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::noise::table::READS;

/// z of a false alarm of 10⁻⁹ on one side.
const Z: f64 = 5.998;

fn count(samples: &[i64]) -> Vec<(i64, f64)> {
    let mut counts = BTreeMap::new();
    samples.iter().for_each(|x| *counts.entry(*x).or_insert(0.0) += 1.0);
    counts.into_iter().collect()
}

/// χ² of the counts against P(X = x), cells with fewer than ten expected put together, is below what it
/// exceeds with probability 10⁻⁹ (Wilson–Hilferty).
pub(super) fn fits(counts: &[(i64, f64)], pmf: impl Fn(i64) -> f64) -> bool {
    let all: f64 = counts.iter().map(|(_, count)| count).sum();
    let seen: BTreeMap<i64, f64> = counts.iter().copied().collect();
    let reach = (0..).take_while(|x| pmf(*x) * all >= 10.0).count() as i64;
    let (mut sum, mut cells, mut rest) = (0.0, 0.0, (all, all));
    for x in 1 - reach..reach {
        let (count, expected) = (seen.get(&x).copied().unwrap_or(0.0), pmf(x) * all);
        sum += (count - expected).powi(2) / expected;
        cells += 1.0;
        rest = (rest.0 - count, rest.1 - expected);
    }
    // Both tails together.
    sum += (rest.0 - rest.1).powi(2) / rest.1.max(1.0);
    let part = 2.0 / (9.0 * cells);
    sum < cells * (1.0 - part + Z * f64::sqrt(part)).powi(3)
}

#[test]
fn t04_noise_05_gaussian_samples_have_the_shape_of_the_formula() {
    for (num, den, samples) in
        [(1, 10, 100_000), (1, 2, 100_000), (20_529, 1000, 200_000), (2025, 1, 200_000)]
    {
        let noise = gaussian(num, den);
        let variance = num as f64 / den as f64;
        let drawn = noise.samples(&seed(1), samples);
        assert!(fits(&count(&drawn), gaussian_pmf(variance)), "{noise:?}");
        // Twins: five in a hundred wider, half as wide, one off, and without a coin for 0.
        assert!(!fits(&count(&drawn), gaussian_pmf(variance * 1.1)), "{noise:?}");
        let halved: Vec<_> = drawn.iter().map(|x| x / 2).collect();
        assert!(!fits(&count(&halved), gaussian_pmf(variance)), "{noise:?}");
        let shifted: Vec<_> = drawn.iter().map(|x| x + 1 + sigma(&noise) as i64 / 10).collect();
        assert!(!fits(&count(&shifted), gaussian_pmf(variance)), "{noise:?}");
        if variance < 1.0 {
            continue; // Hardly anything is not 0.
        }
        let biased: Vec<_> =
            drawn.iter().enumerate().map(|(i, x)| if i % 20 == 0 { x.abs() } else { *x }).collect();
        assert!(!fits(&count(&biased), gaussian_pmf(variance)), "{noise:?}");
    }
}

#[test]
fn t04_noise_07_wide_noise_has_the_shape_of_the_formula() {
    // Two parts, three, and three with a fraction.
    for (num, den) in [(2026, 1), (200_000, 1), (1_000_001, 9)] {
        let noise = gaussian(num, den);
        let drawn = noise.samples(&seed(2), 200_000);
        let pmf = gaussian_pmf(num as f64 / den as f64);
        // So wide that 32 neighbours go into one cell; the cells are moved so that none is cut by 0.
        let cell = |x: i64| (x + 16).div_euclid(32);
        let in_cell = |cell: i64| (cell * 32 - 16..cell * 32 + 16).map(&pmf).sum::<f64>();
        let table: BTreeMap<i64, f64> = (-2000..=2000).map(|x| (x, in_cell(x))).collect();
        let of_cell = |x: i64| table.get(&x).copied().unwrap_or(0.0);
        let cells = |scale: i64| count(&drawn.iter().map(|x| cell(x * scale / 20)).collect::<Vec<_>>());
        assert!(fits(&cells(20), of_cell), "{noise:?}");
        assert!(!fits(&cells(21), of_cell), "{noise:?}");
    }
}

#[test]
fn t04_noise_08_laplace_samples_have_the_shape_of_the_formula() {
    for (epsilon, sensitivity, rate) in
        [("20", 1, 20.0), ("1", 1, 1.0), ("0.5", 3, 0.5 / 3.0), ("2.5", 100, 0.025)]
    {
        let noise = laplace(epsilon, sensitivity);
        let drawn = noise.samples(&seed(3), 200_000);
        assert!(fits(&count(&drawn), laplace_pmf(rate)), "{noise:?}");
        // At ε = 20 all but a few in 10⁹ are 0: nothing to tell twins by.
        if rate < 10.0 {
            assert!(!fits(&count(&drawn), laplace_pmf(rate * 1.05)), "{noise:?}");
            let shifted: Vec<_> = drawn.iter().map(|x| x + 1 + (0.1 / rate) as i64).collect();
            assert!(!fits(&count(&shifted), laplace_pmf(rate)), "{noise:?}");
        }
    }
}

/// Moments and tails at the ends of what can be sampled; each bound is missed by chance once in 10⁹.
#[test]
fn t04_extreme_scales_keep_their_width_symmetry_and_tails() {
    const COUNT: usize = 20_000;
    let widest = gaussian((1 << 100) - 1, 1);
    let large = DiscreteGaussian::of_price(1_000, 50_000).unwrap();
    let far = laplace("0.0125", LARGEST_SENSITIVITY);
    // Standard deviation; the fourth moment over its square; P(|X| > 3σ).
    for (drawn, deviation, kurtosis, beyond) in [
        (widest.samples(&seed(4), COUNT), sigma(&widest), 3.0, 0.0027),
        (large.samples(&seed(5), COUNT), sigma(&large), 3.0, 0.0027),
        (
            far.samples(&seed(6), COUNT),
            2f64.sqrt() * 80.0 * LARGEST_SENSITIVITY as f64,
            6.0,
            (-3.0 * 2f64.sqrt()).exp(),
        ),
    ] {
        let n = COUNT as f64;
        let square = drawn.iter().map(|x| (*x as f64 / deviation).powi(2)).sum::<f64>() / n;
        let spread = ((kurtosis - 1.0) / n).sqrt();
        assert!((square - 1.0).abs() < Z * spread, "σ²: {square}");
        // Half the width is nowhere near.
        assert!((square / 4.0 - 1.0).abs() > Z * spread);
        let positive = drawn.iter().filter(|x| **x > 0).count() as f64;
        assert!((positive - n / 2.0).abs() < Z * (n / 4.0).sqrt(), "{positive} above 0");
        let tail = drawn.iter().filter(|x| (**x as f64).abs() > 3.0 * deviation).count() as f64;
        assert!((tail - n * beyond).abs() < Z * (n * beyond).sqrt() + Z, "{tail} beyond 3σ");
        let mean = drawn.iter().map(|x| *x as f64 / deviation).sum::<f64>() / n;
        assert!(mean.abs() < Z / n.sqrt(), "{mean}");
    }
}

/// Noise whose low bits are not uniform tells what it was added to.
#[test]
fn c06_noise_07_every_residue_is_as_likely_as_every_other() {
    let noise = gaussian(200_000, 1);
    let drawn = noise.samples(&seed(7), 100_000);
    let far = laplace("0.5", 50_000).samples(&seed(8), 100_000);
    // A twin that forgets the innermost part, as if X = 7·X₁.
    let forgetful: Vec<_> = drawn.iter().map(|x| x.div_euclid(7) * 7).collect();
    let uniform = |samples: &[i64], modulus: i64| {
        let mut counts = vec![0.0; modulus as usize];
        samples.iter().for_each(|x| counts[x.rem_euclid(modulus) as usize] += 1.0);
        let expected = samples.len() as f64 / modulus as f64;
        let sum: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
        let (freedom, part) = (modulus as f64 - 1.0, 2.0 / (9.0 * (modulus as f64 - 1.0)));
        sum < freedom * (1.0 - part + Z * f64::sqrt(part)).powi(3)
    };
    for modulus in [2, 3, 7, 10, 49, 64, 343] {
        assert!(uniform(&drawn, modulus), "Gaussian mod {modulus}");
        assert!(uniform(&far, modulus), "Laplace mod {modulus}");
        assert_eq!(uniform(&forgetful, modulus), ![7, 49, 343].contains(&modulus), "twin mod {modulus}");
    }
}

/// The outputs for a value and for its neighbour are the same set of numbers: k times the grid, for every k
/// within reach. The twin is the naive Laplace of the textbooks, whose outputs give the value away (Mironov
/// 2012), and is caught by both checks.
#[test]
fn t05_c06_every_output_lies_on_one_grid() {
    const GRID: f64 = 1.0 / 64.0;
    let on_grid = |x: f64| (x / GRID).fract() == 0.0;
    let noise = gaussian(20_529, 1000);
    let exact = |value: i64, number| -> Vec<f64> {
        noise.samples(&seed(number), 50_000).into_iter().map(|x| (value + x) as f64 * GRID).collect()
    };
    let naive = |value: f64| -> Vec<f64> {
        // Every uniform number of 15 bits, both signs.
        let magnitudes = (1..1 << 15).map(|u| 4.53 * GRID * (f64::from(u) / f64::from(1 << 15)).ln());
        magnitudes.flat_map(|x| [value + x, value - x]).collect()
    };
    let share =
        |outputs: &[f64]| outputs.iter().filter(|x| on_grid(**x)).count() as f64 / outputs.len() as f64;
    assert_eq!(share(&exact(1000, 9)), 1.0);
    assert!(share(&naive(1000.0 * GRID)) < 0.01);

    // How many outputs of one are outputs of the other too: for exact noise all but some in the tails.
    let common = |here: Vec<f64>, there: Vec<f64>| {
        let there: BTreeSet<u64> = there.into_iter().map(f64::to_bits).collect();
        here.iter().filter(|x| there.contains(&x.to_bits())).count() as f64 / here.len() as f64
    };
    assert!(common(exact(1000, 9), exact(1001, 10)) > 0.999);
    assert!(common(naive(1000.0 * GRID), naive(1001.0 * GRID)) < 0.5);
}

/// A sample reads the same number of thresholds and takes the same number of random bytes whatever it is.
#[test]
fn t28_c03_noise_06_the_work_does_not_depend_on_the_noise() {
    let single = gaussian(2025, 1);
    let wide = DiscreteGaussian::of_price(1_000, 50_000).unwrap();
    let far = laplace("0.5", 50_000);
    let dummies = DummyCount::calibrate(exact("0.1"), exact("1e-6"), 1).unwrap();
    let mut work = BTreeSet::new();
    let mut sizes = BTreeSet::new();
    for number in 0..200 {
        for (name, draw) in [
            ("single", (&|stream: &mut ChaCha20Rng| single.draw(stream)) as &dyn Fn(&mut ChaCha20Rng) -> i64),
            ("wide", &|stream| wide.draw(stream)),
            ("laplace", &|stream| far.draw(stream)),
            ("dummies", &|stream| {
                let mut uniform = [0; 16];
                stream.fill_bytes(&mut uniform);
                dummies.sample(uniform).into()
            }),
        ] {
            let mut stream = ChaCha20Rng::from_seed([number; 32]);
            READS.with(|reads| reads.set(0));
            sizes.insert((name, draw(&mut stream).unsigned_abs()));
            work.insert((name, READS.with(std::cell::Cell::get), stream.get_word_pos()));
        }
    }
    assert_eq!(work.len(), 4, "{work:?}");
    assert!(sizes.len() > 300, "the noise differs");
    assert!(work.contains(&("single", single.bound(), 5)));
    // The twin: a scan that ends where the number is found.
    let early = |noise: i64| noise.unsigned_abs() + 1;
    let work: BTreeSet<u64> = single.samples(&seed(1), 200).into_iter().map(early).collect();
    assert!(work.len() > 10);
}

/// 10⁴ runs each. An interval of exactly 95 % would fail this once in 10⁹; the twin, of 90 %, does fail.
#[test]
fn t29_noise_11_intervals_cover_what_they_say() {
    const RUNS: usize = 10_000;
    let enough = RUNS as f64 * 0.95 - Z * (RUNS as f64 * 0.95 * 0.05).sqrt();
    let covered = |noise: &[i64], half: u64| noise.iter().filter(|x| x.unsigned_abs() <= half).count() as f64;
    let value = 123_456;
    for noise in [gaussian(1, 2), gaussian(20_529, 1000), gaussian(2025, 1), gaussian(200_000, 1)] {
        let (one, other) = (noise.samples(&seed(11), RUNS), noise.samples(&seed(12), RUNS));
        let inside = |x: &&i64| {
            let (low, high) = noise.interval95(value + **x);
            low <= value && value <= high
        };
        assert!(one.iter().filter(inside).count() as f64 >= enough, "{noise:?}");
        let both: Vec<_> = one.iter().zip(&other).map(|(x, y)| x + y).collect();
        assert!(covered(&both, noise.half_width_of_two(Cover::Alone)) >= enough, "{noise:?}, two shares");
        // The interval of one share does not cover two.
        assert!(covered(&both, noise.half_width95()) < enough, "{noise:?}");
        if sigma(&noise) > 4.0 {
            assert!(covered(&one, (sigma(&noise) * 1.645 - 0.5).ceil() as u64) < enough, "{noise:?}, 90 %");
        }
    }
    for noise in [laplace("1", 1), laplace("0.1", 1), laplace("0.5", 50_000)] {
        let (one, other) = (noise.samples(&seed(13), RUNS), noise.samples(&seed(14), RUNS));
        assert!(covered(&one, noise.half_width95()) >= enough, "{noise:?}");
        let both: Vec<_> = one.iter().zip(&other).map(|(x, y)| x + y).collect();
        assert!(covered(&both, noise.half_width_of_two(Cover::Alone)) >= enough, "{noise:?}, two shares");
        assert!(covered(&both, noise.half_width95()) < enough, "{noise:?}");
    }
}

/// One seed, one noise; samples of one seed are independent of each other.
#[test]
fn noise_10_samples_follow_their_seed_and_nothing_else() {
    let noise = gaussian(100, 1);
    assert_eq!(noise.samples(&seed(1), 50), noise.samples(&seed(1), 50));
    assert_eq!(noise.samples(&seed(1), 50)[0], noise.sample(&seed(1)));
    assert_ne!(noise.samples(&seed(1), 50), noise.samples(&seed(2), 50));
    let drawn = noise.samples(&seed(3), 20_000);
    let product: f64 = drawn.windows(2).map(|pair| (pair[0] * pair[1]) as f64 / 100.0).sum();
    assert!(product.abs() < Z * (drawn.len() as f64).sqrt(), "neighbours are correlated: {product}");
    assert_eq!(
        format!("{noise:?}"),
        "DiscreteGaussian(σ² = 100/1)",
        "no noise and no seed in what is printed"
    );
}
