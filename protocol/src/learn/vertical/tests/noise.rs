//! LEARNV-40, from the weights that are opened: a full share of each end is in them.
//!
//! All columns are 0, so the true gradient of every weight but the intercept's is 0 in every round, and such a weight is
//! noise alone: Σ cₜ·(one end's draw + the other's), of variance 2σ²·Σ cₜ² by the public steps cₜ.

use rayon::prelude::*;

use super::*;
use crate::{
    learn::vertical::{input::whiten, product::Columns},
    noise::{DiscreteGaussian, Variance},
};

const RUNS: u8 = 8;
/// Columns of either end.
const EACH: u32 = 50;
/// Opened weights that are noise alone, over all runs.
const ENTRIES: f64 = (RUNS as u32 * 2 * EACH) as f64;
/// The quantile of the normal that is exceeded once in 2,000: with both sides a false alarm in 1,000 choices of seeds.
const QUANTILE: f64 = 3.2905;

fn case() -> Case {
    let width = DiscreteGaussian::of_price(1_000_000_000, Params::sensitivity(Linkage::Logistic, 1)).unwrap();
    let noise = Some(Noise { width, clip: 1 });
    Case { noise, ..Case::new(Linkage::Logistic, 2, (EACH, EACH), 2) }
}

fn secret(run: u8, party: Party) -> Secret<[u8; 32]> {
    Secret::new([2 * run + party as u8; 32])
}

fn input(party: Party) -> Input {
    let target = (party == Party::Label).then(|| vec![0.0, 1.0]);
    Input { columns: vec![vec![0.0; 2]; EACH as usize], target }
}

/// What an end's draws come from: its secret, bound to what it brings (LEARNV-13).
fn bound(case: &Case, run: u8, party: Party) -> Secret<[u8; 32]> {
    let params = case.params();
    let whitened = whiten(&params, party, &input(party), None).unwrap();
    let one = params.residual_one() as f64;
    let target =
        whitened.target.map(|target| target.iter().map(|y| (y * one).round() as u64).collect::<Vec<_>>());
    let columns = Columns::new(params.rows() as usize, whitened.columns).unwrap();
    columns.bind(&secret(run, party), target.as_deref())
}

fn run(case: &Case, run: u8) -> [Trained; 2] {
    let start = |party| {
        let input = input(party);
        let seed = Secret::new([100 + run; 32]);
        let keep: Keep = Box::new(|_| Ok(()));
        Trainer::start(case.params(), party, &input, Vec::new(), &secret(run, party), seed, keep).unwrap()
    };
    let (label, features) = (start(Party::Label), start(Party::Features));
    let ended = Pair::new(label, features, case.params().limits()).run();
    [ended.initiator.unwrap(), ended.responder.unwrap()]
}

/// What an end's draws of this width make of the weights, in the order of the label end's columns and the feature end's,
/// without the intercept.
fn share(case: &Case, run: u8, party: Party, width: &DiscreteGaussian) -> Vec<f64> {
    let params = case.params();
    let draws = draws::Draws::new(&bound(case, run, party), &params, b"training", party);
    let each = EACH as usize;
    let mut weights = vec![0.0; 2 * each];
    for round in 0..case.rounds {
        let drawn = width.samples(&draws.seed("noise", round, 0, &[0; 32]), 2 * each + 1);
        // An end draws for its own weights first, and the label end's first weight is the intercept.
        let (label, features) = match party {
            Party::Label => (&drawn[1..=each], &drawn[each + 1..]),
            Party::Features => (&drawn[each + 1..], &drawn[..each]),
        };
        let step = params.step(round) as f64;
        weights.iter_mut().zip(label.iter().chain(features)).for_each(|(w, x)| *w += step * *x as f64);
    }
    weights
}

/// Opened weights as integers; what is public halves them (`Basis::public`).
fn opened(case: &Case, label: &Trained) -> Vec<f64> {
    let unit = (1u64 << case.params().weight_bits()) as f64 / 2.0;
    let blocks = [label.own.as_ref().unwrap(), label.theirs.as_ref().unwrap()];
    blocks.iter().flat_map(|block| block.weights.iter().map(|weight| weight * unit)).collect()
}

/// Their mean square over what two full shares come to.
fn ratio(case: &Case, weights: &[f64]) -> f64 {
    let variance = case.noise.as_ref().unwrap().width.variance();
    let variance = variance.num() as f64 / variance.den() as f64;
    let steps: f64 = (0..case.rounds).map(|round| (case.params().step(round) as f64).powi(2)).sum();
    weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64 / (2.0 * variance * steps)
}

/// The ratio's quantiles: chi-square over its degrees of freedom (Wilson and Hilferty 1931).
fn bounds() -> (f64, f64) {
    let spread = 2.0 / (9.0 * ENTRIES);
    let at = |z: f64| (1.0 - spread + z * spread.sqrt()).powi(3);
    (at(-QUANTILE), at(QUANTILE))
}

/// A ratio outside of the bounds is a false alarm once in 1,000 choices of the seeds (which are fixed). The twins: the
/// feature end adds nothing, a ratio of ½, or a share of half the variance, ¾, which passes once in 300.
#[test]
fn learnv_40_opened_weights_have_a_full_share_of_each_end() {
    let case = case();
    let full = case.noise.as_ref().unwrap().width.clone();
    let half = Variance::new(full.variance().num(), 2 * full.variance().den()).unwrap();
    let half = DiscreteGaussian::new(half).unwrap();
    let found: Vec<[Vec<f64>; 3]> = (0..RUNS)
        .into_par_iter()
        .map(|number| {
            let [label, features] = run(&case, number);
            assert_eq!((&label.own, &label.theirs), (&features.theirs, &features.own));
            let weights = opened(&case, &label);
            let theirs = share(&case, number, Party::Features, &full);
            // And they are these draws, all of them and nothing else, but for what a double cannot hold.
            let ours = share(&case, number, Party::Label, &full);
            let both = ours.iter().zip(&theirs).map(|(x, y)| x + y);
            assert!(weights.iter().zip(both).all(|(w, noise)| (w - noise).abs() <= 1e-9 * noise.abs() + 1.0));
            let without: Vec<f64> = weights.iter().zip(&theirs).map(|(w, x)| w - x).collect();
            let less = share(&case, number, Party::Features, &half);
            let halved = without.iter().zip(&less).map(|(w, x)| w + x).collect();
            [weights, without, halved]
        })
        .collect();
    let [whole, without, halved] = [0, 1, 2]
        .map(|kind| ratio(&case, &found.iter().flat_map(|run| run[kind].clone()).collect::<Vec<_>>()));
    let (least, most) = bounds();
    assert!((0.84..0.86).contains(&least) && (1.15..1.18).contains(&most), "{least} {most}");
    assert!((least..most).contains(&whole), "{whole}");
    assert!(without < least, "without a share: {without}");
    assert!(halved < least, "with half of one: {halved}");
}
