//! The last round against the pooled rows, and what it says of trainers that spoil a model or bring nothing to it.

use rand_core::{Rng, SeedableRng};

use super::*;
use crate::{
    learn::{
        encode::{Design, Encoding, Feature, Raw},
        evaluate::{Evaluation, drift},
        horizontal::{Contribution, Survivors},
    },
    secret::Secret,
};

struct Dice(chacha20::ChaCha20Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(chacha20::ChaCha20Rng::seed_from_u64(seed))
    }

    fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

const TRUTH: [f64; 4] = [-0.4, 2.0, -1.5, 0.8];

#[derive(Clone)]
struct Local {
    design: Design,
    target: Vec<f32>,
    groups: Vec<Option<u32>>,
}

/// Rows of one trainer, drawn from the true weights.
fn local(family: Family, rows: usize, dice: &mut Dice) -> Local {
    let mut design = Design::new(rows, true);
    for column in 0..TRUTH.len() - 1 {
        let values = (0..rows).map(|_| Some(dice.uniform())).collect();
        let encoding = Encoding::Number { low: 0.0, high: 1.0 };
        design.push(&Feature { name: format!("x{column}"), encoding }, &Raw::Number(values)).unwrap();
    }
    let target = design.score(&TRUTH).into_iter().map(|z| drawn(family, z, dice)).collect();
    let groups = (0..rows).map(|_| [None, Some(0), Some(1), Some(2)][(dice.uniform() * 4.0) as usize]);
    let groups = groups.collect();
    Local { design, target, groups }
}

fn drawn(family: Family, z: f64, dice: &mut Dice) -> f32 {
    match family {
        Family::Linear => (0.5 + z / 10.0 + dice.normal() / 20.0).clamp(0.0, 1.0) as f32,
        Family::Logistic => f32::from(u8::from(dice.uniform() < family.mean(z))),
        Family::Poisson { most } => {
            let (mut time, mut count) = (-dice.uniform().ln(), 0);
            while time < z.exp() && count < most {
                time -= dice.uniform().ln();
                count += 1;
            }
            count as f32
        }
    }
}

impl Local {
    fn part(&self, held: bool) -> Self {
        // Every third is held out.
        let keep: Vec<bool> = (0..self.target.len()).map(|row| (row % 3 == 0) == held).collect();
        let of = |row: &usize| keep[*row];
        Self {
            design: self.design.rows_where(&keep),
            target: (0..keep.len()).filter(of).map(|row| self.target[row]).collect(),
            groups: (0..keep.len()).filter(of).map(|row| self.groups[row]).collect(),
        }
    }

    fn rows(&self, plan: &Plan) -> Rows {
        Rows::new(plan, &self.design, &self.target).unwrap()
    }
}

fn plan(family: Family, trainers: usize, noise: Option<Noise>) -> Plan {
    let terms = Terms { family, columns: TRUTH.len(), rounds: 6, l2: 0.01, rows: 1 << 16, trainers, noise };
    Plan::new(terms).unwrap()
}

/// Trains with real shares of noise; the last sum of the training as well.
fn trained(plan: &Plan, locals: &[Local], seed: u8) -> (Fit, Vec<i64>) {
    let rows: Vec<Rows> = locals.iter().map(|local| local.rows(plan)).collect();
    let (mut fit, mut last) = (Fit::start(plan), Vec::new());
    while !fit.is_done(plan) {
        let shape = plan.shape(fit.round()).unwrap();
        let own = rows.iter().map(|rows| fit.statistics(plan, rows).unwrap()).collect();
        last = summed(shape, own, fit.round(), seed);
        fit = fit.step(plan, &last).unwrap();
    }
    (fit, last)
}

fn summed(shape: &crate::learn::horizontal::Shape, own: Vec<Vec<i64>>, round: u32, seed: u8) -> Vec<i64> {
    let mut sum = vec![0; shape.entries()];
    for (seat, exact) in own.into_iter().enumerate() {
        let secret = Secret::new([seed.wrapping_mul(16).wrapping_add(seat as u8); 32]);
        let noisy = Contribution::new(shape, exact, &secret, &[seed; 32], round).unwrap();
        sum.iter_mut().zip(noisy.entries()).for_each(|(sum, x)| *sum += x);
    }
    sum
}

fn reviewed(plan: &Plan, fit: &Fit, review: &Review, locals: &[Local], seed: u8) -> Reviewed {
    let own = locals.iter().enumerate().map(|(seat, local)| {
        let (learn, held) = (local.part(false), local.part(true));
        let groups = vec![held.groups.clone(); review.asked().groups.len()];
        let held_out = HeldOut { rows: &held.rows(plan), groups: &groups };
        review.statistics(plan, fit, &learn.rows(plan), held_out, seat).unwrap()
    });
    let sum = summed(review.shape(), own.collect(), plan.rounds(), seed);
    review.read(fit, Survivors::all(locals.len()), &sum).unwrap()
}

fn learned(locals: &[Local]) -> Vec<Local> {
    locals.iter().map(|local| local.part(false)).collect()
}

fn asked(by_trainer: bool) -> Asked {
    Asked { bins: 32, groups: vec![3], by_trainer, nano_rho: 60_000_000 }
}

fn auc(scores: &[f64], target: &[f32]) -> f64 {
    let of =
        |label: bool| scores.iter().zip(target).filter(move |(_, y)| (**y > 0.5) == label).map(|(z, _)| *z);
    let (ones, zeros): (Vec<f64>, Vec<f64>) = (of(true).collect(), of(false).collect());
    let won: usize = ones.iter().map(|one| zeros.iter().filter(|zero| one > zero).count()).sum();
    won as f64 / (ones.len() * zeros.len()) as f64
}

fn noise(nano_rho: u64, trainers: usize) -> Option<Noise> {
    Some(Noise { clip: 2 << 12, nano_rho, honest: trainers - 1 })
}

#[test]
fn learnh_25_the_last_round_says_of_all_rows_what_the_pooled_rows_say() {
    let mut dice = Dice::new(1);
    let locals: Vec<Local> = [900, 2_400, 1_500].map(|rows| local(Family::Logistic, rows, &mut dice)).into();
    let plan = plan(Family::Logistic, 3, None);
    let (fit, _) = trained(&plan, &learned(&locals), 0);
    let review = Review::new(&plan, asked(false)).unwrap();
    assert_eq!(review.price(), Price::default());
    let found = reviewed(&plan, &fit, &review, &locals, 0);
    // The pooled rows, held out and not.
    let (mut scores, mut target, mut groups, mut learned_from) = (vec![], vec![], vec![], vec![]);
    for local in &locals {
        let held = local.part(true);
        scores.extend(held.design.score(fit.weights()));
        learned_from.extend(local.part(false).design.score(fit.weights()));
        target.extend(held.target);
        groups.extend(held.groups);
    }
    let said = Evaluation::of(&found.held_out, None, 0.5);
    assert_eq!(said.rows.unwrap().value, 1_600.0);
    let direct = auc(&scores, &target);
    assert!((said.auc.unwrap().value - direct).abs() < 0.003, "{:?} {direct}", said.auc);
    let by_group = Evaluation::of(&found.groups[0], None, 0.5);
    for group in 0..3_u32 {
        let of = |of: &dyn Fn(f64, f32) -> bool| {
            let rows = scores.iter().zip(&target).zip(&groups);
            rows.filter(|((z, y), g)| **g == Some(group) && of(**z, **y)).count() as f64
        };
        let said = &by_group.groups[group as usize];
        assert_eq!(said.rows.unwrap().value, of(&|_, _| true));
        let rate = of(&|z, _| z >= 0.0) / of(&|_, _| true);
        assert!((said.selection_rate.unwrap().value - rate).abs() < 1e-12);
        let hit = of(&|z, y| z >= 0.0 && y > 0.5) / of(&|_, y| y > 0.5);
        assert!((said.true_positive_rate.unwrap().value - hit).abs() < 1e-12);
    }
    assert_eq!(found.trained.counts().iter().sum::<i64>(), learned_from.len() as i64);
    let calm = drift(&found.trained, &found.held_out, [None; 2]).unwrap().unwrap();
    assert!(calm.value < 0.05, "{calm:?}");
    // Rows that came from elsewhere are told apart from those that were learned from.
    let bend =
        learned_from.iter().map(|z| 4.0 * Family::Logistic.mean(*z) * (1.0 - Family::Logistic.mean(*z)));
    let bend = bend.sum::<f64>() / learned_from.len() as f64;
    assert!((found.bend() - bend).abs() < 0.01, "{} {bend}", found.bend());
}

#[test]
fn learnh_25_a_row_changes_each_part_by_its_sensitivity_at_most_and_the_price_is_exact() {
    let mut dice = Dice::new(2);
    let local = local(Family::Logistic, 60, &mut dice);
    let plan = plan(Family::Logistic, 4, noise(20_000_000, 4));
    let (fit, _) = trained(&plan, &vec![local.clone(); 4], 0);
    let review = Review::new(&plan, asked(true)).unwrap();
    let price = review.price();
    assert!(price.nano_rho <= 60_000_000 && price.nano_rho > 59_999_990, "{price:?}");
    let vector = |learn: &Local, held: &Local| {
        let groups = [held.groups.clone()];
        let held_out = HeldOut { rows: &held.rows(&plan), groups: &groups };
        review.statistics(&plan, &fit, &learn.rows(&plan), held_out, 2).unwrap()
    };
    let without = |local: &Local, row: usize| {
        let keep: Vec<bool> = (0..local.target.len()).map(|at| at != row).collect();
        let mut one = local.clone();
        one.design = local.design.rows_where(&keep);
        one.target.remove(row);
        one.groups.remove(row);
        one
    };
    let whole = vector(&local, &local);
    for row in 0..60 {
        for other in [vector(&without(&local, row), &local), vector(&local, &without(&local, row))] {
            let mut at = 0;
            for part in review.shape().parts() {
                let range = at..at + part.entries;
                at += part.entries;
                let square: f64 = whole[range.clone()]
                    .iter()
                    .zip(&other[range])
                    .map(|(a, b)| ((a - b) as f64).powi(2))
                    .sum();
                let most = part.noise.unwrap().sensitivity as f64;
                assert!(square.sqrt() <= most, "{} {most}", square.sqrt());
            }
        }
    }
    // Δ²/2σ² of every part is the price.
    let rho: f64 = (0..review.shape().parts().len())
        .map(|part| {
            let noise = review.shape().parts()[part].noise.unwrap();
            (noise.sensitivity as f64 / review.shape().deviation(part)).powi(2) / 2.0
        })
        .sum();
    assert!((rho * 1e9 - price.nano_rho as f64).abs() < 1.0, "{rho}");
}

#[test]
fn learnh_24_without_noise_nothing_is_said_by_trainer() {
    let exact = plan(Family::Logistic, 4, None);
    assert_eq!(Review::new(&exact, asked(true)).err(), Some(LearnError::Review));
    assert!(Review::new(&exact, asked(false)).is_ok());
    let noisy = plan(Family::Logistic, 4, noise(20_000_000, 4));
    for refused in [
        Asked { bins: 1, ..asked(false) },
        Asked { bins: 65, ..asked(false) },
        Asked { groups: vec![0], ..asked(false) },
        Asked { groups: vec![4096, 1], ..asked(false) },
    ] {
        assert_eq!(Review::new(&noisy, refused).err(), Some(LearnError::Review));
    }
    let free = Review::new(&noisy, Asked { nano_rho: 0, ..asked(false) });
    assert!(matches!(free.err(), Some(LearnError::Noise(_))), "no price, no noise, no round");
    // A price that is more than such noise can cost is not spent.
    let dear = Review::new(&noisy, Asked { nano_rho: 900_000_000, ..asked(false) }).unwrap();
    assert_eq!(dear.price().nano_rho, 2 * (1_000_000_000 / 54));
    assert_eq!(Review::new(&plan(Family::Linear, 4, None), asked(false)).err(), Some(LearnError::Review));
    // A sum of another length is none, and without gradients there is no step.
    let review = Review::new(&exact, asked(false)).unwrap();
    let fit = Fit::start(&exact);
    assert_eq!(review.read(&fit, Survivors::all(4), &[0; 5]).err(), Some(LearnError::SumShape));
    let empty = review.read(&fit, Survivors::all(4), &vec![0; review.shape().entries()]).unwrap();
    assert_eq!(empty.stepped(&exact, &fit, None).err(), Some(LearnError::Review));
    assert!(Evaluation::of(&empty.held_out, None, 0.5).auc.is_none() && empty.bend() == 1.0);
}

/// Four trainers of 3,000 rows: the second has its labels turned round, the third labels that mean nothing.
#[test]
fn learnh_24_who_spoils_a_model_and_who_brings_nothing_shows_under_noise() {
    let mut dice = Dice::new(3);
    let mut locals: Vec<Local> = (0..4).map(|_| local(Family::Logistic, 3_000, &mut dice)).collect();
    locals[1].target.iter_mut().for_each(|y| *y = 1.0 - *y);
    locals[2].target.iter_mut().for_each(|y| *y = f32::from(u8::from(dice.uniform() < 0.5)));
    let plan = plan(Family::Logistic, 4, noise(30_000_000, 4));
    let (fit, _) = trained(&plan, &learned(&locals), 5);
    let review = Review::new(&plan, Asked { bins: 8, ..asked(true) }).unwrap();
    let found = reviewed(&plan, &fit, &review, &locals, 5);
    let noise = review.noise(2, found.survivors);
    let worth: Vec<_> = found
        .trainers
        .iter()
        .map(|histogram| Evaluation::of(histogram, noise.as_ref(), 0.5).auc.unwrap())
        .collect();
    assert!(worth[0].low > 0.5 && worth[3].low > 0.5, "{worth:?}");
    assert!(worth[1].high < 0.4, "its customers are told the opposite: {worth:?}");
    assert!(worth[2].low < 0.5 && 0.5 < worth[2].high, "nothing is learned from it: {worth:?}");
    // At home: the loss of an honest trainer's own held-out rows, with everybody and without each.
    let home = locals[0].part(true);
    let loss = |weights: &[f64]| -> f64 {
        let scores = home.design.score(weights);
        let rows = scores.iter().zip(&home.target);
        rows.map(|(z, y)| z.max(0.0) + (-z.abs()).exp().ln_1p() - f64::from(*y) * z).sum::<f64>() / 1_000.0
    };
    let with_all = loss(&found.stepped(&plan, &fit, None).unwrap());
    let gained: Vec<f64> =
        (0..4).map(|seat| loss(&found.stepped(&plan, &fit, Some(seat)).unwrap()) - with_all).collect();
    assert!(gained[1] < -0.01, "better without the one that spoils it: {gained:?}");
    assert!(gained[0] > 0.003 && gained[3] > 0.003, "worse without those that bring something: {gained:?}");
    assert!(gained[1] < gained[2] && gained[2] < gained[0], "{gained:?}");
    assert_eq!(found.stepped(&plan, &fit, Some(9)).err(), Some(LearnError::Review));
}

/// How often intervals of 95 % have the truth in them, and how wide they are against how far the weights lie apart.
fn coverage(family: Family, noisy: Option<Noise>, trials: u64) -> (f64, Vec<f64>) {
    let truth: Vec<f64> = match family {
        Family::Linear => vec![0.5 + TRUTH[0] / 10.0, TRUTH[1] / 10.0, TRUTH[2] / 10.0, TRUTH[3] / 10.0],
        _ => TRUTH.to_vec(),
    };
    let plan = plan(family, 3, noisy);
    let (mut hit, mut told, mut squares, mut means) = (0.0, vec![0.0; 4], vec![0.0; 4], vec![0.0; 4]);
    for trial in 0..trials {
        let mut dice = Dice::new(1_000 + trial);
        let locals: Vec<Local> = (0..3).map(|_| local(family, 600, &mut dice)).collect();
        let (fit, last) = trained(&plan, &locals, trial as u8);
        // What the last round would say.
        let scores: Vec<f64> = locals.iter().flat_map(|local| local.design.score(fit.weights())).collect();
        let bend = scores.iter().map(|z| 4.0 * Family::Logistic.mean(*z) * (1.0 - Family::Logistic.mean(*z)));
        let bend = bend.sum::<f64>() / scores.len() as f64;
        for (i, error) in fit.errors(&plan, &last, Some(bend)).into_iter().enumerate() {
            let (error, off) = (error.unwrap(), fit.weights()[i] - truth[i]);
            hit += f64::from(u8::from(off.abs() < 1.96 * error)) / (4 * trials) as f64;
            told[i] += error / trials as f64;
            means[i] += off / trials as f64;
            squares[i] += off * off / trials as f64;
        }
    }
    let apart = squares.iter().zip(&means).map(|(square, mean)| (square - mean * mean).sqrt());
    (hit, told.iter().zip(apart).map(|(told, apart)| told / apart).collect())
}

#[test]
fn learnh_26_without_noise_intervals_of_95_percent_have_the_truth_in_them() {
    for family in [Family::Linear, Family::Logistic, Family::Poisson { most: 60 }] {
        let (hit, wide) = coverage(family, None, 150);
        // Of 600 intervals 570 on average; five deviations are 27 if they were independent.
        assert!((0.90..=0.99).contains(&hit), "{family:?}: {hit}");
        assert!(wide.iter().all(|ratio| (0.8..1.25).contains(ratio)), "{family:?}: {wide:?}");
    }
}

#[test]
fn learnh_26_with_noise_intervals_are_as_wide_as_noise_and_sample_make_weights_differ() {
    let noise = noise(50_000_000, 3);
    let (hit, wide) = coverage(Family::Logistic, noise, 80);
    assert!(wide.iter().all(|ratio| (0.7..1.5).contains(ratio)), "{wide:?} {hit}");
    for family in [Family::Linear, Family::Poisson { most: 8 }] {
        let plan = plan(family, 3, noise);
        assert!(Fit::start(&plan).errors(&plan, &[], Some(1.0)).iter().all(Option::is_none));
    }
    let logistic = plan(Family::Logistic, 3, noise);
    assert!(Fit::start(&logistic).errors(&logistic, &[], None).iter().all(Option::is_none));
}
