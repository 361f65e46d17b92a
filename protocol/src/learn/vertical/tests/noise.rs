//! LEARNV-40 and LEARNV-42, from what is opened: a full share of each end is in the gradients, nothing is whitened by
//! anything but noisy moments, and no row moves a gradient further than it was paid for.
//!
//! In the first test two rows are alike and have different targets, so that the true gradients are within a bound that the
//! noise is far wider than: what the weights are is noise, Σ cₜ·(one end's draw + the other's), of variance Σ cₜ²·2σₜ² by the
//! public steps cₜ.

use rayon::prelude::*;

use super::*;
use crate::{
    learn::vertical::{input::whiten, product::Columns, share::MASK},
    noise::{DiscreteGaussian, Variance},
};

const RUNS: u8 = 8;
/// Columns of either end, without the intercept.
const EACH: u32 = 50;
/// Weights over all runs.
const ENTRIES: f64 = (RUNS as u32 * (2 * EACH + 1)) as f64;
/// The quantile of the normal that is exceeded once in 2,000: with both sides a false alarm in 1,000 choices of seeds.
const QUANTILE: f64 = 3.2905;

fn case() -> Case {
    let noise = noise_of(100_000, Linkage::Logistic, 2, (EACH as usize, EACH as usize));
    Case { noise: Some(noise), ..Case::new(Linkage::Logistic, 2, (EACH, EACH), 2) }
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
    let whitened = whiten(&params, party, (&input(party), None), &secret(run, party)).unwrap();
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

/// What an end's draws of these widths make of the weights: the label end's, with the intercept, and the feature end's.
fn share(case: &Case, run: u8, party: Party, widths: &[DiscreteGaussian]) -> Vec<f64> {
    let params = case.params();
    let draws = draws::Draws::new(&bound(case, run, party), &params, b"training", party);
    let all = 2 * EACH as usize + 1;
    let mut weights = vec![0.0; all];
    for (round, width) in (0..case.rounds).zip(widths) {
        let drawn = width.samples(&draws.seed("noise", round, 0, &[0; 32]), all);
        // An end draws for its own weights first.
        let (own, theirs) = drawn.split_at(params.columns(party) as usize);
        let (label, features) = if party == Party::Label { (own, theirs) } else { (theirs, own) };
        let step = params.step(round) as f64;
        weights.iter_mut().zip(label.iter().chain(features)).for_each(|(w, x)| *w += step * *x as f64);
    }
    weights
}

/// Both ends' halves together: what is opened, as integers and before it is turned back.
fn opened([label, features]: &[Trained; 2]) -> Vec<f64> {
    let join = |(x, y): (&u64, &u64)| super::super::share::centred(x.wrapping_add(*y) & MASK) as f64;
    let own = label.state.own.iter().zip(features.state.theirs.iter());
    own.chain(label.state.theirs.iter().zip(features.state.own.iter())).map(join).collect()
}

fn variance(width: &DiscreteGaussian) -> f64 {
    width.variance().num() as f64 / width.variance().den() as f64
}

/// Their mean square over what two full shares come to.
fn ratio(case: &Case, weights: &[f64]) -> f64 {
    let widths = &case.noise.as_ref().unwrap().gradients;
    let of = |(round, width): (u16, &DiscreteGaussian)| {
        (case.params().step(round) as f64).powi(2) * variance(width)
    };
    let both: f64 = 2.0 * (0..case.rounds).zip(widths).map(of).sum::<f64>();
    weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64 / both
}

/// The ratio's quantiles: chi-square over its degrees of freedom (Wilson and Hilferty 1931).
fn bounds(entries: f64) -> (f64, f64) {
    let spread = 2.0 / (9.0 * entries);
    let at = |z: f64| (1.0 - spread + z * spread.sqrt()).powi(3);
    (at(-QUANTILE), at(QUANTILE))
}

fn halved(width: &DiscreteGaussian) -> DiscreteGaussian {
    DiscreteGaussian::new(Variance::new(width.variance().num(), 2 * width.variance().den()).unwrap()).unwrap()
}

/// A ratio outside of the bounds is a false alarm once in 1,000 choices of the seeds (which are fixed). The twins: the
/// feature end adds nothing, a ratio of ½, or a share of half the variance, ¾, which passes once in 300.
#[test]
fn learnv_40_opened_weights_have_a_full_share_of_each_end() {
    let case = case();
    let full = &case.noise.as_ref().unwrap().gradients;
    let half: Vec<DiscreteGaussian> = full.iter().map(halved).collect();
    // Two rows, each no longer than √d at both ends together, and a residual of at most 1 each.
    let steps: f64 = (0..case.rounds).map(|round| case.params().step(round) as f64).sum();
    let most = 2.0 * steps * 127.0 * 4096.0 * f64::from(2 * EACH + 1).sqrt();
    let found: Vec<[Vec<f64>; 3]> = (0..RUNS)
        .into_par_iter()
        .map(|number| {
            let ended = run(&case, number);
            assert_eq!((&ended[0].own, &ended[0].theirs), (&ended[1].theirs, &ended[1].own));
            let weights = opened(&ended);
            let theirs = share(&case, number, Party::Features, full);
            // And they are these draws, all of them, and the true gradient.
            let ours = share(&case, number, Party::Label, full);
            let both = ours.iter().zip(&theirs).map(|(x, y)| x + y);
            assert!(weights.iter().zip(both).all(|(w, noise)| (w - noise).abs() <= most));
            let without: Vec<f64> = weights.iter().zip(&theirs).map(|(w, x)| w - x).collect();
            let less = share(&case, number, Party::Features, &half);
            let halved = without.iter().zip(&less).map(|(w, x)| w + x).collect();
            [weights, without, halved]
        })
        .collect();
    let [whole, without, halved] = [0, 1, 2]
        .map(|kind| ratio(&case, &found.iter().flat_map(|run| run[kind].clone()).collect::<Vec<_>>()));
    let (least, most) = bounds(ENTRIES);
    assert!((0.84..0.86).contains(&least) && (1.15..1.18).contains(&most), "{least} {most}");
    assert!((least..most).contains(&whole), "{whole}");
    assert!(without < least, "without a share: {without}");
    assert!(halved < least, "with half of one: {halved}");
}

#[test]
fn learnv_40_a_run_that_was_cut_has_the_same_noise_and_another_run_other_noise() {
    let case = case();
    let first = run(&case, 0);
    let again = run(&Case { session: 4, ..case.clone() }, 0);
    assert_eq!((&first[0].own, &first[0].theirs), (&again[0].own, &again[0].theirs));
    assert!(first[0].own != run(&case, 1)[0].own);
}

/// How far one row moves a gradient with the largest residual there is, over what was paid for.
fn reach(columns: &[&[Vec<i32>]], row: usize, linkage: Linkage) -> f64 {
    let all = columns.iter().flat_map(|columns| columns.iter());
    let count = all.clone().count() as u32;
    let length = all.map(|column| f64::from(column[row]).powi(2)).sum::<f64>().sqrt();
    let residual = if linkage == Linkage::Logistic { 127.0 } else { 3.0 * 1024.0 };
    residual * length / Params::sensitivity(linkage, count) as f64
}

/// The twin is the same rows whitened and not cut: the one that is far from all others is longer than what is paid for.
#[test]
fn learnv_40_no_row_moves_a_gradient_further_than_it_pays_for() {
    for linkage in [Linkage::Logistic, Linkage::Linear] {
        let noise = Some(noise_of(1_000_000_000, linkage, 1, (4, 3)));
        let case = Case { noise, l2_micro: 1_000_000, ..Case::new(linkage, 500, (4, 3), 1) };
        let (mut label, mut features) = centred(case.input());
        label.columns[1].iter_mut().enumerate().for_each(|(row, x)| *x = if row == 7 { 0.5 } else { -0.5 });
        features.columns[2]
            .iter_mut()
            .enumerate()
            .for_each(|(row, x)| *x = if row == 7 { -0.5 } else { 0.5 });
        let params = case.params();
        let whitened = [(Party::Label, &label), (Party::Features, &features)]
            .map(|(party, input)| (whiten(&params, party, (input, None), &secret(0, party)).unwrap(), input));
        let cut: Vec<&[Vec<i32>]> = whitened.iter().map(|(end, _)| &end.columns[..]).collect();
        let furthest = (0..500).map(|row| reach(&cut, row, linkage)).fold(0.0, f64::max);
        assert!((0.8..=1.0).contains(&furthest), "{furthest}");
        let uncut = whitened.each_ref().map(|(end, input)| end.basis.apply(&input.columns, 500));
        let uncut: Vec<&[Vec<i32>]> = uncut.iter().map(|columns| &columns[..]).collect();
        assert!(reach(&uncut, 7, linkage) > 1.5, "{}", reach(&uncut, 7, linkage));
    }
}

/// Two tables that differ in one row, whitened with the same noisy moments, have all other rows alike: nothing of the one
/// row is in what the others become.
#[test]
fn learnv_42_a_row_is_in_what_others_become_through_noisy_moments_alone() {
    let noise = Some(noise_of(20_000_000, Linkage::Logistic, 1, (4, 3)));
    let case = Case { noise: noise.clone(), ..Case::new(Linkage::Logistic, 400, (4, 3), 1) };
    let (label, _) = centred(case.input());
    let params = case.params();
    let secret = secret(0, Party::Label);
    let of = |input: &Input| whiten(&params, Party::Label, (input, None), &secret).unwrap();
    let (variables, width) = noise.as_ref().unwrap().of(Party::Label);
    let sums = moments::Cells::new(&label.columns, variables).unwrap().sums();
    let words: Vec<u64> = sums.iter().map(|sum| sum.cast_unsigned()).collect();
    let draws = draws::Draws::new(&secret, &params, b"moments", Party::Label);
    let noisy = moments::noisy(&sums, width, &draws.seed("moments", 0, 0, &draws.digest(&words)));
    assert!(noisy != *sums);
    let basis = moments::basis(&noisy, variables, width, 400, 0.0, true);
    assert_eq!(of(&label).basis, basis, "the basis is a function of the noisy sums");
    // Other rows, other noise; the same rows the same, and another job's secret another.
    let mut other = label.clone();
    other.columns[0][3] = 0.5;
    assert!(of(&other).basis != basis && of(&label).basis == basis);
    let another = whiten(&params, Party::Label, (&label, None), &Secret::new([77; 32])).unwrap();
    assert!(another.basis != basis);
}

/// A fit with a price that buys next to no noise comes near the central fit; and with ε = 1 of two thousand it is not ruined.
#[test]
fn learnv_43_a_noisy_run_is_near_the_central_fit() {
    for (nano_rho, linkage, least) in
        [(1_000_000_000_000, Linkage::Logistic, 0.002), (24_000_000, Linkage::Logistic, 0.03)]
    {
        let noise = Some(noise_of(nano_rho, linkage, 8, (3, 3)));
        let case = Case { noise, l2_micro: 1_000_000, ..Case::new(linkage, 6000, (3, 3), 8) };
        let inputs = centred(case.input());
        let found = runs::joined(&case.run(&inputs).initiator.unwrap());
        let fit = runs::central(&inputs, linkage, 1.0);
        let target = inputs.0.target.as_ref().unwrap();
        let [best, own] = [&fit, &found].map(|weights| runs::auc(&runs::scores(&inputs, weights), target));
        assert!((best - own).abs() < least, "{best} {own}");
    }
    let noise = Some(noise_of(1_000_000_000_000, Linkage::Linear, 30, (3, 3)));
    let case = Case { noise, ..Case::new(Linkage::Linear, 6000, (3, 3), 30) };
    let inputs = centred(case.input());
    let found = runs::joined(&case.run(&inputs).initiator.unwrap());
    let fit = runs::central(&inputs, Linkage::Linear, 0.0);
    // Rows that were cut pull the weights outwards, as their targets were not.
    assert!(fit.iter().zip(&found).all(|(x, y)| (x - y).abs() < 0.05), "{fit:?} {found:?}");
}

#[test]
fn learnv_43_all_shares_together_are_the_price() {
    for rounds in [1, 2, 9, 21, 64] {
        for nano_rho in [1, 1_000, 12_345_678, 10_000_000_000] {
            let shares = Shares::of(nano_rho, rounds);
            assert_eq!(shares.moments + shares.rounds.iter().sum::<u64>(), nano_rho);
            assert_eq!(shares.rounds.len(), usize::from(rounds));
            assert!(nano_rho < 1_000 || shares.rounds.is_sorted(), "{shares:?}");
        }
    }
    let numbers = || [vec![Variable::Number], vec![Variable::Choice(3)]];
    assert!(Noise::of_price(0, Linkage::Logistic, 4, numbers()).is_err());
    // And each is what its noise costs.
    let noise = Noise::of_price(24_000_000, Linkage::Logistic, 4, numbers()).unwrap();
    let shares = Shares::of(24_000_000, 4);
    let sensitivity = Params::sensitivity(Linkage::Logistic, 5);
    for (width, share) in noise.gradients.iter().zip(&shares.rounds) {
        assert_eq!(width.variance().price(sensitivity), Ok(*share));
    }
    for (width, variables) in noise.moments.iter().zip(&noise.variables) {
        assert_eq!(width.variance().price(moments_sensitivity(variables)), Ok(shares.moments));
    }
}
