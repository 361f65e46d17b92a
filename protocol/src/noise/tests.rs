//! The numbered tests of the design that are about noise and its price alone. Floating point stands here as
//! an oracle only. Statistical tests have fixed seeds and say how often chance would raise an alarm; each has
//! a twin with a planted fault, to show that it can fail.

mod privacy;
mod samples;
mod vectors;

use proptest::prelude::*;

use super::*;
use crate::secret::Secret;

fn exact(text: &str) -> Rational {
    text.parse().unwrap()
}

fn seed(number: u8) -> Secret<[u8; 32]> {
    Secret::new([number; 32])
}

fn gaussian(num: u128, den: u128) -> DiscreteGaussian {
    DiscreteGaussian::new(Variance::new(num, den).unwrap()).unwrap()
}

fn laplace(epsilon: &str, sensitivity: u64) -> DiscreteLaplace {
    DiscreteLaplace::new(exact(epsilon), sensitivity).unwrap()
}

fn sigma(noise: &DiscreteGaussian) -> f64 {
    (noise.variance().num() as f64 / noise.variance().den() as f64).sqrt()
}

/// P(X = x) by the definition.
fn gaussian_pmf(variance: f64) -> impl Fn(i64) -> f64 {
    let weight = move |x: f64| (-x * x / (2.0 * variance)).exp();
    let last = (variance.sqrt() * 40.0) as i64 + 40;
    let total: f64 = (-last..=last).map(|x| weight(x as f64)).sum();
    move |x| weight(x as f64) / total
}

/// P(X = x) by the definition, p = e^(−rate).
fn laplace_pmf(rate: f64) -> impl Fn(i64) -> f64 {
    move |x| (rate / 2.0).tanh() * (-rate * x.abs() as f64).exp()
}

#[test]
fn t25_noise_14_parameters_that_promise_nothing_are_refused() {
    for text in ["1e20", "inf", "NaN", "nan", "0", "-0", "0.0", "-1", "-inf", ""] {
        assert!(text.parse::<Rational>().is_err(), "{text}");
    }
    let (one, millionth) = (exact("1"), exact("1e-6"));
    assert!(rho_limit(one, millionth).is_ok());
    assert!(rho_limit(exact("20"), millionth).is_ok());
    for epsilon in ["20.000001", "1e19"] {
        assert_eq!(rho_limit(exact(epsilon), millionth), Err(NoiseError::EpsilonOutOfRange));
        assert_eq!(DiscreteLaplace::new(exact(epsilon), 1).err(), Some(NoiseError::EpsilonOutOfRange));
    }
    for delta in ["1", "1.5", "1e19"] {
        assert_eq!(rho_limit(one, exact(delta)), Err(NoiseError::DeltaOutOfRange));
        assert_eq!(epsilon_of(1, exact(delta)), Err(NoiseError::DeltaOutOfRange));
        assert_eq!(Threshold::new(one, exact(delta), 1, 1).err(), Some(NoiseError::DeltaOutOfRange));
    }
    for sensitivity in [0, LARGEST_SENSITIVITY + 1, u64::MAX] {
        assert_eq!(Variance::of_price(1, sensitivity), Err(NoiseError::SensitivityOutOfRange));
        assert_eq!(Variance::new(1, 1).unwrap().price(sensitivity), Err(NoiseError::SensitivityOutOfRange));
        assert_eq!(DiscreteLaplace::new(one, sensitivity).err(), Some(NoiseError::SensitivityOutOfRange));
        assert_eq!(rho_for_half_width(9, sensitivity, Cover::Alone), Err(NoiseError::SensitivityOutOfRange));
    }
    assert_eq!(Threshold::new(one, millionth, 0, 1).err(), Some(NoiseError::SensitivityOutOfRange));
    assert_eq!(Variance::of_price(0, 1), Err(NoiseError::PriceTooSmall));
    assert_eq!(rho_limit(exact("1e-9"), millionth), Err(NoiseError::PriceTooSmall));
    for (num, den) in
        [(0, 1), (1, 0), (1, 1025), ((1 << 100) + 1, 1), (1 << 120, 1), (u128::MAX, u128::MAX - 1)]
    {
        assert_eq!(Variance::new(num, den), Err(NoiseError::VarianceOutOfRange), "{num}/{den}");
    }
}

/// The least noise there is and the widest there can be: no corner of the parameters panics, and every
/// sampler's distance is within what its charge in δ covers.
#[test]
fn noise_05_every_sampler_is_close_enough_or_is_not_built() {
    let mut widest = 0;
    for exponent in -10..=100i32 {
        for extra in [0, 1, 2] {
            let (num, den) = if exponent < 0 { (1, 1 << -exponent) } else { (1u128 << exponent, 1) };
            let Ok(variance) = Variance::new(num * (1000 + extra * 333), den * 1000) else { continue };
            let noise = DiscreteGaussian::new(variance).unwrap();
            assert!(noise.error() < 1 << 26, "{noise:?}: 2^{}/2^128", noise.error().ilog2());
            widest = widest.max(noise.bound());
        }
    }
    assert!(widest < 1 << 55, "{widest}");
    for (epsilon, sensitivity) in [("20", 1), ("1e-9", 1), ("0.0125", LARGEST_SENSITIVITY)] {
        let noise = laplace(epsilon, sensitivity);
        assert!(noise.error() < 1 << 24, "{noise:?}: 2^{}/2^128", noise.error().ilog2());
    }
    assert_eq!(
        DiscreteLaplace::new(exact("1e-9"), LARGEST_SENSITIVITY).err(),
        Some(NoiseError::VarianceOutOfRange)
    );
    // (1 + e²⁰)·2⁻⁹⁰ < 10⁻¹⁸, the charge of one sample.
    assert!((1.0 + 20f64.exp()) * 2f64.powi(-90) < 1e-18 * ATTO_DELTA_OF_A_SAMPLE as f64);
}

/// Sums stay below 2⁶² by the rule of the planner; with any noise there is they stay inside 64 bits, so that
/// the probability to be charged to δ is 0.
#[test]
fn t08_noise_09_a_sum_with_its_noise_stays_in_range() {
    let widest = DiscreteGaussian::new(Variance::new((1 << 100) - 1, 1).unwrap()).unwrap();
    for bound in [widest.bound(), laplace("0.0125", LARGEST_SENSITIVITY).bound()] {
        assert!(bound < 1 << 58);
        for sum in [1i64 << 62, -(1 << 62)] {
            assert!(sum.checked_add_unsigned(bound).is_some() && sum.checked_sub_unsigned(bound).is_some());
        }
    }
    let largest = widest.samples(&seed(1), 2_000).into_iter().map(i64::unsigned_abs).max().unwrap();
    assert!(largest <= widest.bound() && largest > 1 << 50);
    // And intervals saturate rather than wrap.
    assert_eq!(widest.interval95(i64::MAX).1, i64::MAX);
    assert_eq!(widest.interval95(i64::MIN).0, i64::MIN);
}

/// A price is what its noise costs, exactly; any less noise costs more.
#[test]
fn noise_04_the_price_of_calibrated_noise_is_exact() {
    for sensitivity in [1, 2, 3, 50_000, 10_000_019, LARGEST_SENSITIVITY] {
        for nano_rho in [1_000, 321_047, 24_355_970, 1_000_000_007] {
            // Wider than can be sampled: a billionth or so of ρ for the largest sensitivity.
            let Ok(variance) = Variance::of_price(nano_rho, sensitivity) else {
                assert!(sensitivity == LARGEST_SENSITIVITY && nano_rho < 600_000);
                continue;
            };
            assert_eq!(variance.price(sensitivity), Ok(nano_rho), "Δ = {sensitivity}");
        }
    }
    // Rounded up otherwise: 1/(2·4.5309²) = 0.0243557…
    assert_eq!(Variance::new(45_309 * 45_309, 100_000_000).unwrap().price(1), Ok(24_355_725));
    assert_eq!(Variance::new(1, 1).unwrap().price(1), Ok(500_000_000));
    assert_eq!(laplace("0.1", 7).price(), 5_000_000);
    assert_eq!(laplace("0.3333333333333333333", 1).price(), 55_555_556);
}

/// Balances and samples are integers: no line of the product knows of floating point.
#[test]
fn noise_01_no_floating_point_in_prices_or_samples() {
    let files = [
        include_str!("accountant.rs"),
        include_str!("cover.rs"),
        include_str!("dummies.rs"),
        include_str!("fixed.rs"),
        include_str!("gaussian.rs"),
        include_str!("laplace.rs"),
        include_str!("logarithm.rs"),
        include_str!("mod.rs"),
        include_str!("rational.rs"),
        include_str!("table.rs"),
        include_str!("threshold.rs"),
        include_str!("variance.rs"),
    ];
    for file in files {
        let code = file.split("#[cfg(test)]\nmod tests").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            assert!(!line.contains("f64") && !line.contains("f32"), "{line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the parameters: a sampler whose price, width, bound and interval agree, or a refusal.
    #[test]
    fn noise_14_no_parameters_break_anything(
        nano_rho: u64, shift in 0..64u32, sensitivity in 1..=LARGEST_SENSITIVITY, narrow in 0..46u32,
        num: u64, den: u64, half_width: u64, number: u8,
    ) {
        let (nano_rho, sensitivity) = (nano_rho >> shift, (sensitivity >> narrow).max(1));
        if let Ok(noise) = Variance::of_price(nano_rho, sensitivity).and_then(DiscreteGaussian::new) {
            prop_assert_eq!(noise.variance().price(sensitivity), Ok(nano_rho));
            let (half, of_two) = (noise.half_width95(), noise.half_width_of_two(Cover::Alone));
            prop_assert!(half <= of_two && of_two <= 2 * half + 1 && of_two <= 2 * noise.bound());
            prop_assert!(half as f64 <= sigma(&noise) * 1.96 + 1.0, "{half} for {noise:?}");
            prop_assert!(noise.sample(&seed(number)).unsigned_abs() <= noise.bound());
        }
        if let Ok(epsilon) = Rational::new(num, den)
            && let Ok(noise) = DiscreteLaplace::new(epsilon, sensitivity)
        {
            prop_assert!(noise.half_width95() <= noise.half_width_of_two(Cover::Alone));
            prop_assert!(noise.sample(&seed(number)).unsigned_abs() <= noise.bound());
            let square = (num as f64 / den as f64).powi(2) * 5e8;
            prop_assert!((noise.price() as f64 - square).abs() <= square * 1e-6 + 1.0);
        }
        if let Ok(price) = rho_for_half_width(half_width >> shift, sensitivity, Cover::OfTwo) {
            prop_assert!(DiscreteGaussian::of_price(price, sensitivity).unwrap().half_width(Cover::OfTwo) <= half_width >> shift);
        }
        if let Ok(delta) = Rational::new(den.min(num), den.max(num).max(1)) {
            let _ = (epsilon_of(nano_rho, delta), rho_limit(delta, delta), Threshold::new(delta, delta, number.into(), 3));
        }
    }

    /// What a limit allows converts back to no more than was asked for, and more ρ never to less ε.
    #[test]
    fn noise_02_limits_and_conversions_agree(epsilon in 1_000..20_000_000u64, exponent in 1..18u32, more in 0..1_000_000u64) {
        let (epsilon, delta) = (Rational::new(epsilon, 1_000_000).unwrap(), Rational::new(1, 10u64.pow(exponent)).unwrap());
        let rho = rho_limit(epsilon, delta).unwrap();
        let pico = |rho| u128::from(epsilon_of(rho, delta).unwrap());
        let asked = u128::from(epsilon.num()) * 1_000_000_000_000 / u128::from(epsilon.den());
        prop_assert!(pico(rho) <= asked + 2);
        prop_assert!(pico(rho) <= pico(rho + more) + 2);
    }
}
