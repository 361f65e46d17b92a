//! Vertical training with nothing hidden: what a run is held against.
//!
//! Twice: in real numbers, with the sigmoid itself; and in the protocol's integers, with its staircase and both its
//! roundings drawn anew. It shares the whitening of columns, which each end does at home, and the public
//! constants with the product, and nothing else: shares, look-ups and encryption are in none of it.

use super::{
    half::tests::Numbers,
    input::{Block, Input, Whitened, whiten},
    params::{Linkage, Params, Party},
    plan::STEPS,
    share::{MASK, centred},
    tests::Case,
};
use crate::secret::Secret;

/// A round's arithmetic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    /// Real numbers, and the sigmoid.
    Real,
    /// Integers mod 2⁶⁰, roundings drawn.
    Integers,
    /// The same with a planted mistake: a carry that is lost stands for nothing.
    Biased,
}

struct Model {
    params: Params,
    ends: [Whitened; 2],
    columns: Vec<Vec<i32>>,
    target: Vec<f64>,
    /// Integers as the protocol has them, and real ones.
    weights: Vec<u64>,
    real: Vec<f64>,
}

impl Model {
    fn new(params: Params, inputs: &(Input, Input)) -> Self {
        let ends = [(Party::Label, &inputs.0), (Party::Features, &inputs.1)]
            .map(|(party, input)| whiten(&params, party, (input, None), &Secret::new([1; 32])).unwrap());
        let columns: Vec<Vec<i32>> = ends.iter().flat_map(|end| end.columns.iter().cloned()).collect();
        let target = ends[0].target.as_ref().unwrap().to_vec();
        let count = columns.len();
        Self { params, ends, columns, target, weights: vec![0; count], real: vec![0.0; count] }
    }

    fn run(&mut self, arithmetic: Arithmetic, numbers: &mut Numbers) {
        for round in 0..self.params.agreed().rounds {
            match arithmetic {
                Arithmetic::Real => self.real_round(round),
                _ => self.integer_round(round, arithmetic, numbers),
            }
        }
    }

    fn real_round(&mut self, round: u16) {
        let rows = self.target.len();
        let unit = 4096.0;
        let residual = |row: usize| {
            let z: f64 = self.columns.iter().zip(&self.real).map(|(x, w)| f64::from(x[row]) / unit * w).sum();
            let said = match self.params.linkage() {
                Linkage::Logistic => 1.0 / (1.0 + (-z).exp()),
                Linkage::Linear => z,
            };
            self.target[row] - said
        };
        let residuals: Vec<f64> = (0..rows).map(residual).collect();
        let step = if self.params.linkage() == Linkage::Logistic { 4.0 } else { 1.0 } / rows as f64;
        let step = step * STEPS[usize::from(round) % STEPS.len()];
        for (weight, column) in self.real.iter_mut().zip(&self.columns) {
            let gradient: f64 = column.iter().zip(&residuals).map(|(x, r)| f64::from(*x) / unit * r).sum();
            *weight += step * gradient;
        }
    }

    fn integer_round(&mut self, round: u16, arithmetic: Arithmetic, numbers: &mut Numbers) {
        let one = self.params.residual_one() as f64;
        let mut residuals = Vec::with_capacity(self.target.len());
        for row in 0..self.target.len() {
            let term = |(x, w): (&Vec<i32>, &u64)| w.wrapping_mul(i64::from(x[row]).cast_unsigned());
            let z =
                centred(self.columns.iter().zip(&self.weights).map(term).fold(0, u64::wrapping_add) & MASK);
            let said = match self.params.linkage() {
                Linkage::Logistic => probability(z, arithmetic, numbers),
                Linkage::Linear => {
                    up_or_down(z, self.params.cut().fraction - self.params.cut().keep, numbers)
                }
            };
            residuals.push((self.target[row] * one).round() as i64 - said);
        }
        let step = self.params.step(round);
        for (weight, column) in self.weights.iter_mut().zip(&self.columns) {
            let gradient: i64 = column.iter().zip(&residuals).map(|(x, r)| i64::from(*x) * r).sum();
            *weight = weight.wrapping_add(step.wrapping_mul(gradient.cast_unsigned())) & MASK;
        }
    }

    /// Weights in the whitened coordinates.
    fn whitened(&self, arithmetic: Arithmetic) -> Vec<f64> {
        let unit = (1u64 << self.params.weight_bits()) as f64;
        match arithmetic {
            Arithmetic::Real => self.real.clone(),
            _ => self.weights.iter().map(|weight| centred(*weight) as f64 / unit).collect(),
        }
    }

    fn blocks(&self, arithmetic: Arithmetic) -> [Block; 2] {
        let weights = self.whitened(arithmetic);
        let (label, features) = weights.split_at(self.ends[0].columns.len());
        [self.ends[0].basis.unwhiten(label), self.ends[1].basis.unwhiten(features)]
    }
}

/// z / 2^`bits`, to the one or the other neighbour, right on average.
fn up_or_down(z: i64, bits: u32, numbers: &mut Numbers) -> i64 {
    let part = z & ((1 << bits) - 1);
    (z >> bits) + i64::from((numbers.next() >> (64 - bits)) < part.cast_unsigned())
}

/// 127·σ(z), both roundings drawn.
fn probability(z: i64, arithmetic: Arithmetic, numbers: &mut Numbers) -> i64 {
    let step = up_or_down(z, 52, numbers) + i64::from(arithmetic == Arithmetic::Biased);
    let step = (step + 128).rem_euclid(256) - 128;
    let p = 127.0 / (1.0 + (-(step as f64) / 4.0).exp());
    p.floor() as i64 + i64::from(numbers.unit() < p.fract())
}

/// Each whitened weight's mean and standard deviation over 40 runs of the model.
fn spread(case: &Case, inputs: &(Input, Input), arithmetic: Arithmetic) -> Vec<(f64, f64)> {
    let runs: Vec<Vec<f64>> = (0..40)
        .map(|run| {
            let mut model = Model::new(case.params(), inputs);
            model.run(arithmetic, &mut Numbers::new(run));
            model.whitened(arithmetic)
        })
        .collect();
    let of = |column: usize| {
        let mean = runs.iter().map(|run| run[column]).sum::<f64>() / 40.0;
        (mean, (runs.iter().map(|run| (run[column] - mean).powi(2)).sum::<f64>() / 39.0).sqrt())
    };
    (0..runs[0].len()).map(of).collect()
}

/// The whitened weights of a run, from both ends' halves.
fn of_a_run(case: &Case, inputs: &(Input, Input)) -> Vec<f64> {
    let ended = case.run(inputs);
    let (label, features) = (ended.initiator.unwrap().state, ended.responder.unwrap().state);
    let unit = (1u64 << case.params().weight_bits()) as f64;
    let join = |a: &[u64], b: &[u64]| -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| centred(a.wrapping_add(*b) & MASK) as f64 / unit).collect()
    };
    [join(&label.own, &features.theirs), join(&label.theirs, &features.own)].concat()
}

/// How many standard deviations of the model's runs the furthest weight is from the model's mean.
fn furthest(found: &[f64], spread: &[(f64, f64)]) -> f64 {
    found.iter().zip(spread).map(|(w, (mean, deviation))| (w - mean).abs() / deviation).fold(0.0, f64::max)
}

/// A weight of a run is a draw of the model's: 7 standard deviations (of 40 runs) once in 10⁷. The planted model, whose
/// z is off by a step of the staircase, is further than that.
#[test]
fn learnv_21_a_run_is_one_of_the_models_runs() {
    let case = Case { l2_micro: 3_000_000, ..Case::new(Linkage::Logistic, 3000, (2, 3), 4) };
    let inputs = case.input();
    let found = of_a_run(&case, &inputs);
    let off = furthest(&found, &spread(&case, &inputs, Arithmetic::Integers));
    assert!(off < 7.0, "{off}");
    let off = furthest(&found, &spread(&case, &inputs, Arithmetic::Biased));
    assert!(off > 7.0, "{off}");
}

#[test]
fn learnv_21_a_linear_run_is_one_of_the_models_runs() {
    let case = Case::new(Linkage::Linear, 2000, (1, 3), 3);
    let inputs = case.input();
    let off = furthest(&of_a_run(&case, &inputs), &spread(&case, &inputs, Arithmetic::Integers));
    assert!(off < 7.0, "{off}");
}

/// The integers come to what real numbers come to: the mean of 40 runs is within the staircase's error (0.0008 of a
/// probability, so 0.0032 of a weight a round at most) and seven standard errors.
#[test]
fn the_models_integers_are_its_real_numbers() {
    for linkage in [Linkage::Logistic, Linkage::Linear] {
        let case = Case::new(linkage, 2000, (2, 3), 6);
        let inputs = case.input();
        let mut real = Model::new(case.params(), &inputs);
        real.run(Arithmetic::Real, &mut Numbers::new(0));
        let integers = spread(&case, &inputs, Arithmetic::Integers);
        for (real, (mean, deviation)) in real.whitened(Arithmetic::Real).iter().zip(&integers) {
            assert!(
                (real - mean).abs() < 0.0032 + 7.0 * deviation / 40f64.sqrt(),
                "{real} {mean} {deviation}"
            );
        }
        // Weights of columns as they were brought give every row the same z as whitened ones.
        let [label, features] = real.blocks(Arithmetic::Real);
        let row = |number: usize| {
            let part = |block: &Block, input: &Input| {
                let terms = block.weights.iter().zip(&input.columns);
                block.offset + terms.map(|(w, x)| w * x[number]).sum::<f64>()
            };
            part(&label, &inputs.0) + part(&features, &inputs.1)
        };
        for number in [0, 7, 1999] {
            let terms = real.columns.iter().zip(&real.real);
            let whitened: f64 = terms.map(|(x, w)| f64::from(x[number]) / 4096.0 * w).sum();
            assert!((whitened - row(number)).abs() < 0.01);
        }
    }
}
