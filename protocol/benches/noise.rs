//! What noise costs: `cargo bench -p tacit-protocol --bench noise`.
//!
//! A sample's work is the same whatever it is; it grows with σ up to 45 and then by one table a factor of 7.

use divan::{Bencher, black_box};
use tacit_protocol::{
    noise::{
        Cover, DiscreteGaussian, DiscreteLaplace, DummyCount, Rational, epsilon_of, rho_for_half_width,
        rho_limit,
    },
    secret::Secret,
};

fn main() {
    divan::main();
}

/// ρ of (1, 10⁻⁶), in billionths.
const NANO_RHO: u64 = 24_355_970;

fn exact(text: &str) -> Rational {
    text.parse().expect("a number")
}

/// The sensitivity: σ is 4.5 times as much.
#[divan::bench(args = [1, 8, 100, 50_000, 5_000_000_000])]
fn gaussian_sample(bencher: Bencher, sensitivity: u64) {
    let noise = DiscreteGaussian::of_price(NANO_RHO, sensitivity).expect("a sampler");
    let seed = Secret::new([7; 32]);
    bencher.bench(|| noise.sample(black_box(&seed)));
}

#[divan::bench(args = [1, 8, 100, 50_000, 5_000_000_000])]
fn gaussian_tables(bencher: Bencher, sensitivity: u64) {
    bencher.bench(|| DiscreteGaussian::of_price(NANO_RHO, black_box(sensitivity)));
}

#[divan::bench(args = [1, 8, 50_000])]
fn gaussian_interval_of_two_shares(bencher: Bencher, sensitivity: u64) {
    let noise = DiscreteGaussian::of_price(NANO_RHO, sensitivity).expect("a sampler");
    bencher.bench(|| noise.half_width_of_two(Cover::Alone));
}

#[divan::bench(args = [1, 100, 50_000, 5_000_000_000])]
fn laplace_sample(bencher: Bencher, sensitivity: u64) {
    let noise = DiscreteLaplace::new(exact("1"), sensitivity).expect("a sampler");
    let seed = Secret::new([7; 32]);
    bencher.bench(|| noise.sample(black_box(&seed)));
}

#[divan::bench]
fn dummies_sample(bencher: Bencher) {
    let dummies = DummyCount::calibrate(exact("0.1"), exact("1e-9"), 1).expect("a table");
    bencher.bench(|| dummies.sample(black_box([7; 16])));
}

#[divan::bench]
fn limit_of_a_budget() -> u64 {
    rho_limit(black_box(exact("1")), exact("1e-6")).expect("a limit")
}

#[divan::bench]
fn epsilon_of_a_balance() -> u64 {
    epsilon_of(black_box(NANO_RHO), exact("1e-6")).expect("an ε")
}

#[divan::bench(args = [1, 50_000])]
fn price_of_an_accuracy(bencher: Bencher, sensitivity: u64) {
    bencher.bench(|| rho_for_half_width(black_box(50 * sensitivity), sensitivity, Cover::Alone));
}
