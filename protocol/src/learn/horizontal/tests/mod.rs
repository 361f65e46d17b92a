//! Rounds in memory: honest ones, meddled ones, and attempts to read one trainer out of the sum.

mod isolation;
mod leakage;
mod meddling;
mod noise;
mod review;
mod vectors;

use super::*;
use crate::{
    ids::{ContractId, PartnerId},
    secret::Secret,
    session::{Abort, Produced, Session},
    testing::star::{self, Passed, star},
    wire::{Wire, codec::Bulk},
};

const JOB: [u8; 32] = [9; 32];
const CONTRACT: ContractId = ContractId::new([8; 32]);

/// Stands for a node's signature: whoever knows the partner can check it, and nobody here forges it.
fn sign(partner: &PartnerId, claim: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    blake3::Hasher::new_keyed(partner.as_bytes()).update(claim).finalize_xof().fill(&mut signature);
    signature
}

fn verified(partner: &PartnerId, claim: &[u8], signature: &[u8; 64]) -> bool {
    sign(partner, claim) == *signature
}

fn partner(seat: usize) -> PartnerId {
    PartnerId::new([seat as u8 + 1; 32])
}

fn seats(keys: &[JobKey]) -> Vec<Seat> {
    let seat = |(seat, key): (usize, &JobKey)| {
        let (partner, key) = (partner(seat), key.public());
        Seat { partner, key, signature: sign(&partner, &Seat::claim(&JOB, &CONTRACT, &partner, &key)) }
    };
    keys.iter().enumerate().map(seat).collect()
}

/// A job of some trainers with keys from a number.
struct Job {
    keys: Vec<JobKey>,
    roster: Roster,
    shape: Shape,
    promises: Vec<Promises>,
}

impl Job {
    fn new(rules: Rules, entries: usize, number: u64) -> Self {
        let key = |seat: usize| {
            let mut secret = [seat as u8 + 1; 32];
            secret[..8].copy_from_slice(&number.to_le_bytes());
            JobKey::new(Secret::new(secret))
        };
        let keys: Vec<JobKey> = (0..rules.trainers()).map(key).collect();
        let roster = Roster::new(JOB, CONTRACT, rules, seats(&keys), verified).unwrap();
        let part = Part { entries, bound: 1 << 40, noise: None };
        let shape = Shape::new(vec![part], rules.trainers(), rules.honest()).unwrap();
        Self { promises: vec![Promises::default(); keys.len()], keys, roster, shape }
    }

    fn of(trainers: usize, noisy: bool) -> Self {
        let dropouts = usize::from(noisy && trainers > 3);
        Self::new(Rules::new(trainers, 3, dropouts, 1, noisy).unwrap(), 5, 0)
    }

    fn first(&self) -> Round {
        Round { number: 0, attempt: 0, history: *self.roster.hash() }
    }

    /// What each trainer brings to each round.
    fn vector(&self, seat: usize) -> Vec<i64> {
        (0..self.shape.entries() as i64).map(|entry| (seat as i64 + 1) * (entry * 1000 - 1500)).collect()
    }

    fn expected(&self, survivors: Survivors) -> Vec<i64> {
        let mut sum = vec![0; self.shape.entries()];
        for seat in survivors.seats() {
            sum.iter_mut().zip(self.vector(seat)).for_each(|(sum, x)| *sum += x);
        }
        sum
    }

    fn trainer(&self, seat: usize, round: Round) -> Result<Trainer, Abort> {
        let seed = Secret::new([0; 32]);
        let own = Contribution::new(&self.shape, self.vector(seat), &seed, &JOB, round.number).unwrap();
        Trainer::start(&self.roster, seat, &self.keys[seat], round, &self.shape, &own, &self.promises[seat])
    }

    fn trainers(&self, round: Round) -> Vec<Option<Trainer>> {
        (0..self.keys.len()).map(|seat| self.trainer(seat, round).ok()).collect()
    }

    fn run(&self, round: Round, pass: impl FnMut(&Passed) -> Vec<Vec<u8>>) -> star::Round {
        let coordinator = Coordinator::start(&self.roster, round, &self.shape).unwrap();
        star(self.trainers(round), coordinator, &self.shape, pass)
    }

    /// Runs a round, and every trainer keeps what it promised up to where it came.
    fn run_and_keep(&mut self, round: Round, mut pass: impl FnMut(&Passed) -> Vec<Vec<u8>>) -> star::Round {
        let roster = self.roster.clone();
        let mut sets = vec![None; self.keys.len()];
        let ended = self.run(round, |passed| {
            if let Ok(Message::Consent { survivors, .. }) =
                Message::decode(&passed.bytes, &Message::limits(&self.shape))
            {
                sets[passed.seat] = Survivors::of_bits(survivors, 16);
            }
            pass(passed)
        });
        for (seat, set) in sets.into_iter().enumerate() {
            if let Ok(trainer) = self.trainer(seat, round) {
                let mut promises = trainer.promises().clone();
                if let Some(set) = set {
                    promises.agree(roster.rules(), &round, set).unwrap();
                }
                self.promises[seat] = Promises::decode(&promises.encode()).unwrap();
            }
        }
        ended
    }
}

fn through(passed: &Passed) -> Vec<Vec<u8>> {
    vec![passed.bytes.clone()]
}

#[test]
fn the_sum_is_the_sum_for_any_number_of_trainers() {
    for trainers in 3..=10 {
        let job = Job::of(trainers, true);
        let ended = job.run(job.first(), through);
        let sum = ended.coordinator.unwrap();
        assert_eq!(sum.entries, job.expected(Survivors::all(trainers)));
        assert!(ended.trainers.iter().all(|end| end.as_ref() == Ok(&sum)), "{trainers}");
        // What was planned is what crosses, envelopes left out.
        let bytes: usize = ended.said.iter().filter(|said| said.seat == 1).map(|said| said.bytes.len()).sum();
        let planned = job.shape.bytes(trainers) as usize;
        assert!(bytes <= planned && planned <= bytes + 200, "{bytes} of {planned}");
    }
}

#[test]
fn learnh_08_who_sent_a_vector_and_went_is_in_the_sum() {
    let job = Job::of(4, true);
    // Seat 2 is gone after its vector, or after its consent.
    for last in [1, 2] {
        let ended = job.run(job.first(), |passed| {
            if passed.seat == 2 && passed.up && passed.number >= last { Vec::new() } else { through(passed) }
        });
        let sum = ended.coordinator.unwrap();
        assert_eq!(sum.survivors, Survivors::all(4));
        assert_eq!(sum.entries, job.expected(Survivors::all(4)));
        assert_eq!(ended.trainers[0].as_ref(), Ok(&sum));
    }
}

#[test]
fn learnh_08_who_never_sent_a_vector_is_not_in_the_sum_and_leaves_no_mask() {
    for (trainers, dropouts, absent) in [(4, 1, 0), (6, 1, 5), (9, 2, 3)] {
        let rules = Rules::new(trainers, 3, dropouts, 1, true).unwrap();
        let job = Job::new(rules, 5, 7);
        let ended =
            job.run(job.first(), |passed| if passed.seat == absent { Vec::new() } else { through(passed) });
        let sum = ended.coordinator.unwrap();
        let survivors = Survivors::all(trainers).without(absent);
        assert_eq!((sum.survivors, sum.entries), (survivors, job.expected(survivors)));
    }
}

#[test]
fn learnh_08_fewer_than_the_threshold_open_nothing() {
    let job = Job::of(4, true);
    // Two of four go after their vectors: three are needed.
    let ended = job.run(job.first(), |passed| {
        if passed.seat >= 2 && passed.up && passed.number >= 1 { Vec::new() } else { through(passed) }
    });
    assert_eq!(ended.coordinator, Err(Breach::ConsentMissing.into()));
    assert!(ended.trainers.iter().all(Result::is_err));
}

#[test]
fn learnh_12_a_closing_round_confirms_the_history() {
    let mut job = Job::of(3, false);
    let sum = job.run_and_keep(job.first(), through).coordinator.unwrap();
    job.shape = Shape::closing(3);
    let closing = Round { number: 1, attempt: 0, history: sum.history };
    let late = Message::Sum {
        context: closing.context(&job.roster, &job.shape),
        survivors: Survivors::all(3).bits(),
        entries: Bulk::default(),
    };
    let told = |job: &Job| Sum::late(&job.roster, &closing, &job.shape, &job.promises[1], &late);
    assert_eq!(told(&job).err(), Some(Breach::ConsentMissing.into()), "a coordinator's word alone");
    assert!(job.run_and_keep(closing, through).trainers.iter().all(Result::is_ok));
    assert!(told(&job).is_ok(), "agreed to, and the sum was missed");
    job.promises = vec![Promises::default(); 3];
    // One of them was shown another sum.
    let other = Round { history: [1; 32], ..closing };
    let trainers =
        (0..3).map(|seat| job.trainer(seat, if seat == 1 { other } else { closing }).ok()).collect();
    let coordinator = Coordinator::start(&job.roster, closing, &job.shape).unwrap();
    let ended = star(trainers, coordinator, &job.shape, through);
    assert_eq!(ended.coordinator, Err(Breach::ContextDiffers.into()));
    // A coordinator that hides it by rewriting what the trainer says does not get past the others.
    let (ours, theirs) = (closing.context(&job.roster, &job.shape), other.context(&job.roster, &job.shape));
    let trainers =
        (0..3).map(|seat| job.trainer(seat, if seat == 1 { other } else { closing }).ok()).collect();
    let coordinator = Coordinator::start(&job.roster, closing, &job.shape).unwrap();
    let mut commitments: Vec<Vec<u8>> = Vec::new();
    let ended = star(trainers, coordinator, &job.shape, |passed| {
        let (from, to) = if passed.up { (theirs, ours) } else { (ours, theirs) };
        let mut bytes = passed.bytes.clone();
        if passed.seat == 1 {
            assert_eq!(bytes[4..36], from);
            bytes[4..36].copy_from_slice(&to);
        }
        if passed.kind == "Masked" {
            // And makes its commitments fit those of the seats before it.
            commitments.push(bytes[44..44 + 96].to_vec());
            for before in 0..passed.seat {
                let other = commitments[before][32 * passed.seat..][..32].to_vec();
                bytes[44 + 32 * before..][..32].copy_from_slice(&other);
            }
        }
        vec![bytes]
    });
    assert_eq!(ended.trainers[0], Err(Breach::BoxBroken.into()));
    assert_eq!(ended.trainers[1], Err(Breach::BoxBroken.into()));
}
