//! Whole runs.

mod hostile;
mod noise;
mod presence;
mod resume;
mod runs;
mod scoring;
mod terms;

use super::*;
use crate::{
    ids::{ContractId, SessionId},
    secret::Secret,
    session::Abort,
    testing::{Ended, Pair},
};
use std::sync::{Arc, Mutex};

/// A small generator of numbers that need not be secret.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn word(&mut self) -> u64 {
        // splitmix64 (Steele, Lea and Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Two ends' rows, of which the target hangs on both's columns.
pub(super) fn made(rows: usize, label: usize, features: usize, linkage: Linkage) -> (Input, Input) {
    let mut dice = Dice::new(rows as u64 * 31 + (label * 7 + features) as u64);
    let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(rows); label + features];
    let mut target = Vec::with_capacity(rows);
    for _ in 0..rows {
        let shared = dice.unit();
        let mut z = -0.6;
        for (place, column) in columns.iter_mut().enumerate() {
            let mixed = 0.6 * dice.unit() + 0.4 * shared;
            let x = if place % 3 == 2 { f64::from(mixed > 0.6) } else { mixed };
            z += x * if place % 2 == 0 { 1.7 } else { -1.2 };
            column.push(x);
        }
        target.push(match linkage {
            Linkage::Logistic => f64::from(dice.unit() < 1.0 / (1.0 + (-z).exp())),
            Linkage::Linear => (0.5 + 0.1 * z + 0.05 * (dice.unit() - 0.5)).clamp(0.0, 1.0),
        });
    }
    let theirs = columns.split_off(label);
    (Input { columns, target: Some(target) }, Input { columns: theirs, target: None })
}

/// What a test fits, and how.
#[derive(Clone)]
pub(super) struct Case {
    pub linkage: Linkage,
    pub rows: u32,
    pub columns: (u32, u32),
    pub rounds: u16,
    pub l2_micro: u64,
    pub opens: Opens,
    pub noise: Option<Noise>,
    pub session: u8,
    /// Over a union, as how many customers it counts; who is there says [`present`].
    pub common: Option<u32>,
}

impl Case {
    pub(super) fn new(linkage: Linkage, rows: u32, columns: (u32, u32), rounds: u16) -> Self {
        Self {
            linkage,
            rows,
            columns,
            rounds,
            l2_micro: 0,
            opens: Opens::Both,
            noise: None,
            session: 1,
            common: None,
        }
    }

    pub(super) fn params(&self) -> Params {
        let params = Params::new(Agreed {
            session: SessionId::new([self.session; 32]),
            contract: ContractId::new([2; 32]),
            job: [3; 32],
            linkage: self.linkage,
            rows: self.rows,
            label_columns: self.columns.0,
            feature_columns: self.columns.1,
            rounds: self.rounds,
            l2_micro: self.l2_micro,
            opens: self.opens,
            noise: self.noise.clone(),
        })
        .unwrap();
        match self.common {
            None => params,
            Some(common) => params.over_a_union(over(self.rows, common)).unwrap(),
        }
    }

    pub(super) fn input(&self) -> (Input, Input) {
        made(self.rows as usize, self.columns.0 as usize, self.columns.1 as usize, self.linkage)
    }

    pub(super) fn start(&self, party: Party, input: &Input, kept: &Kept) -> Result<Trainer, Abort> {
        let states = kept.0.lock().unwrap().iter().rev().take(2).cloned().collect();
        let keeps = kept.clone();
        let keep: Keep = Box::new(move |state| {
            keeps.0.lock().unwrap().push(state.clone());
            Ok(())
        });
        let secret = Secret::new([40 + party as u8; 32]);
        let seed = Secret::new([50 + self.session; 32]);
        let present = present(party, self.rows as usize);
        match self.common {
            None => Trainer::start(self.params(), party, input, states, &secret, seed, keep),
            Some(_) => {
                Trainer::start_hidden(self.params(), party, (input, &present), states, &secret, seed, keep)
            }
        }
    }

    pub(super) fn pair(&self, inputs: &(Input, Input), kept: &(Kept, Kept)) -> Pair<Trainer, Trainer> {
        let label = self.start(Party::Label, &inputs.0, &kept.0).unwrap();
        let features = self.start(Party::Features, &inputs.1, &kept.1).unwrap();
        Pair::new(label, features, self.params().limits())
    }

    pub(super) fn run(&self, inputs: &(Input, Input)) -> Ended<Trained, Trained> {
        self.pair(inputs, &Default::default()).run()
    }
}

/// What both know of a union of so many places, where either end lacks a fifth.
pub(super) const fn over(places: u32, common: u32) -> Over {
    Over { common, sizes: [places * 4 / 5; 2] }
}

/// At which places of a union an end has a customer: either lacks a fifth, and another.
pub(super) fn present(party: Party, rows: usize) -> Vec<bool> {
    (0..rows).map(|row| row % 5 != if party == Party::Label { 1 } else { 3 }).collect()
}

/// Noise of this price for columns of numbers.
pub(super) fn noise_of(nano_rho: u64, linkage: Linkage, rounds: u16, columns: (usize, usize)) -> Noise {
    let numbers = |count| vec![Variable::Number; count];
    Noise::of_price(nano_rho, linkage, rounds, [numbers(columns.0), numbers(columns.1)]).unwrap()
}

/// Columns from [0, 1] brought to [−½, ½].
pub(super) fn centred(mut inputs: (Input, Input)) -> (Input, Input) {
    let all = inputs.0.columns.iter_mut().chain(&mut inputs.1.columns).flatten();
    all.for_each(|x| *x -= 0.5);
    inputs
}

/// What a node would have on its disk.
#[derive(Clone, Default)]
pub(super) struct Kept(pub Arc<Mutex<Vec<State>>>);
