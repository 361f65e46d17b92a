//! Who trains, under which rules, and how each trainer knows it for itself.
//!
//! The attack: a coordinator that fills the seats with keys of its own, so that "at least three" are one honest
//! trainer and two of itself; or that shows each trainer another roster. So each seat is signed by its node for
//! this job, every trainer checks all signatures itself against the keys it has exchanged with its partners, and
//! the hash of the roster is in every key that masks are made of (LEARNH-05).

use curve25519_dalek::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Breach, LEAST, MOST, Survivors};
use crate::{
    ids::{ContractId, PartnerId},
    secret::Secret,
    session::Abort,
    transcript::Transcript,
};

/// How many train and how many of them one counts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    trainers: usize,
    cohort: usize,
    dropouts: usize,
    colluders: usize,
    noisy: bool,
}

impl Rules {
    /// `cohort`: no sum of fewer trainers is opened (never fewer than 3). `dropouts`: how many may be missing while
    /// the noise still suffices. `colluders`: how many, the one who reads the sum among them, may know each
    /// other's noise. `noisy`: whether the sums have noise.
    ///
    /// # Errors
    /// [`Breach::Rules`] for fewer than 3 trainers or more than 16, a cohort above their number, nobody left whose
    /// noise counts, or more colluders than a threshold of two thirds can stand.
    pub const fn new(
        trainers: usize,
        cohort: usize,
        dropouts: usize,
        colluders: usize,
        noisy: bool,
    ) -> Result<Self, Breach> {
        let rules = Self { trainers, cohort, dropouts, colluders, noisy };
        let fits = trainers >= LEAST
            && trainers <= MOST
            && cohort <= trainers
            && colluders >= 1
            && dropouts + colluders < trainers
            // LEARNH-10: two sets that a threshold has agreed to have an honest trainer in common.
            && colluders < 2 * rules.threshold() - trainers;
        if fits { Ok(rules) } else { Err(Breach::Rules) }
    }

    /// How many train.
    pub const fn trainers(&self) -> usize {
        self.trainers
    }

    /// Whether sums have noise.
    pub const fn noisy(&self) -> bool {
        self.noisy
    }

    /// K − c: whose noise must be enough alone (for `Terms::noise` and [`Shape::new`](super::Shape::new)).
    pub const fn honest(&self) -> usize {
        self.trainers - self.dropouts - self.colluders
    }

    /// How many open a sum: ⌊2K/3⌋ + 1.
    pub const fn threshold(&self) -> usize {
        2 * self.trainers / 3 + 1
    }

    /// LEARNH-24: whether it may be opened what each trainer's rows add to the model, or who spoils it. Without noise that
    /// is the trainer's own statistics. Nobody is left out of a sum for it, so three are enough.
    pub const fn leaves_one_out(&self) -> bool {
        self.noisy
    }

    /// LEARNH-09: the fewest whose sum may be opened.
    pub const fn least(&self) -> usize {
        let mut least = if self.cohort > LEAST { self.cohort } else { LEAST };
        if self.threshold() > least {
            least = self.threshold();
        }
        if self.noisy && self.trainers - self.dropouts > least {
            least = self.trainers - self.dropouts;
        }
        least
    }
}

/// A trainer's place: its node, and its key for this job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The node.
    pub partner: PartnerId,
    /// Its X25519 public key, made for this job.
    pub key: [u8; 32],
    /// Its node's Ed25519 signature over [`Seat::claim`].
    pub signature: [u8; 64],
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seat({})", self.partner.short())
    }
}

impl Seat {
    /// What a node signs to take a seat.
    pub fn claim(job: &[u8; 32], contract: &ContractId, partner: &PartnerId, key: &[u8; 32]) -> Vec<u8> {
        [b"tacit learn-horizontal/1 seat\0".as_slice(), job, contract.as_bytes(), partner.as_bytes(), key]
            .concat()
    }
}

/// A trainer's secret for one job.
#[derive(Debug, Clone)]
pub struct JobKey(Secret<[u8; 32]>);

impl JobKey {
    /// From a secret that is uniform and of this job alone (for one, a PRF of the node's key and the job's hash).
    pub const fn new(secret: Secret<[u8; 32]>) -> Self {
        Self(secret)
    }

    /// The X25519 public key for the seat (RFC 7748).
    pub fn public(&self) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(*self.scalar()).to_bytes()
    }

    fn scalar(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key("tacit learn-horizontal/1 x25519", self.0.expose()))
    }

    /// The secret shared with another seat; none if its key is of small order (RFC 7748, section 6.1).
    pub(super) fn agree(&self, other: &[u8; 32]) -> Option<Secret<[u8; 32]>> {
        let shared = Secret::new(MontgomeryPoint(*other).mul_clamped(*self.scalar()).to_bytes());
        (!bool::from(shared.expose()[..].ct_eq(&[0; 32]))).then_some(shared)
    }

    /// Randomness of our own for one attempt of one round.
    pub(super) fn draw(&self, purpose: &str, context: &[u8; 32]) -> Secret<[u8; 32]> {
        let mut hash = blake3::Hasher::new_derive_key("tacit learn-horizontal/1 own");
        hash.update(self.0.expose()).update(context).update(purpose.as_bytes());
        Secret::new(hash.finalize().into())
    }
}

/// All trainers of a job, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    job: [u8; 32],
    rules: Rules,
    seats: Vec<Seat>,
    hash: [u8; 32],
}

impl Roster {
    /// LEARNH-05: takes the seats only if `verified(partner, claim, signature)` holds for each of them, so every
    /// trainer asks its own knowledge of its partners' keys.
    ///
    /// # Errors
    /// [`Abort`] for another number of seats than the rules have, seats out of order, a partner or a key that is
    /// there twice, or a signature that does not hold.
    pub fn new(
        job: [u8; 32],
        contract: ContractId,
        rules: Rules,
        seats: Vec<Seat>,
        verified: impl Fn(&PartnerId, &[u8], &[u8; 64]) -> bool,
    ) -> Result<Self, Abort> {
        let ordered = seats.windows(2).all(|pair| pair[0].partner < pair[1].partner);
        let keys_differ =
            seats.iter().enumerate().all(|(i, seat)| seats[..i].iter().all(|other| other.key != seat.key));
        if seats.len() != rules.trainers || !ordered || !keys_differ {
            return Err(Breach::Roster.into());
        }
        let holds = |seat: &Seat| {
            verified(&seat.partner, &Seat::claim(&job, &contract, &seat.partner, &seat.key), &seat.signature)
        };
        if !seats.iter().all(holds) {
            return Err(Breach::SeatUnsigned.into());
        }
        let mut transcript = Transcript::new("tacit learn-horizontal/1 roster");
        transcript.absorb("job", &job);
        transcript.absorb("contract", contract.as_bytes());
        for number in [rules.trainers, rules.cohort, rules.dropouts, rules.colluders, rules.noisy.into()] {
            transcript.absorb("rule", &(number as u64).to_le_bytes());
        }
        for seat in &seats {
            transcript.absorb("partner", seat.partner.as_bytes());
            transcript.absorb("key", &seat.key);
        }
        let hash = transcript.hash();
        Ok(Self { job, rules, seats, hash })
    }

    /// The job.
    pub const fn job(&self) -> &[u8; 32] {
        &self.job
    }

    /// The rules.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The seats.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The number of this node's seat.
    pub fn seat_of(&self, partner: &PartnerId) -> Option<usize> {
        self.seats.iter().position(|seat| seat.partner == *partner)
    }

    /// Binds job, contract, rules, nodes and keys. Also the history before the first round.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    pub(super) fn everybody(&self) -> Survivors {
        Survivors::all(self.seats.len())
    }
}
