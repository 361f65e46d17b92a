//! A training of partners with the same columns about different customers: the coordinator's walk and the trainers'.
//!
//! Every node that takes part makes the same plan, pays in its own ledger for what it learns of each other partner's
//! customers, and enforces cohort, roster and rounds itself; the coordinator only carries. After every round the weights,
//! the history and what was promised are durable before the next word leaves, so a node that was killed goes on from
//! there, with the same masks and the same noise. The evaluation of all partners' held-out rows is a round like the
//! others, between the last step and the closing.

mod coordinator;
mod joint;
mod trainer;

pub(crate) use coordinator::coordinate;
pub(crate) use trainer::tell;

use serde::{Deserialize, Serialize};
use tacit_protocol::{
    ids::{PartnerId, QueryId},
    learn::{
        glm::{Fit, Review},
        horizontal::{
            Breach, Contribution, JobKey, Promises, Roster, Round, Seat, Shape, Sum, Survivors, Trainer,
        },
        run_of_job,
    },
    secret::Secret,
    session::Abort,
    wire::codec::Bulk,
};

use super::{
    TrainFault, finish, fit,
    fit::Bench,
    metrics::NORMAL,
    model::{Exact, Held, Metric, Model, Part, Rows},
    own::Own,
    state::{RoundLine, RunFolder, secret},
};
use crate::{
    config::verify,
    exchange::{ExchangeError, SeatSaid},
    policy::Permitted,
    rooms::{Rooms, blocking},
};

/// A seat as it is kept: partner, key, signature.
type KeptSeat = ([u8; 32], [u8; 32], Vec<u8>);

/// What a trainer keeps between two rounds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Roster, then each sum.
    history: Option<[u8; 32]>,
    /// The roster of the run: nobody joins it later.
    seats: Vec<KeptSeat>,
    fit: Option<Vec<u8>>,
    promises: Option<Vec<u8>>,
    /// Attempts at the round that is due.
    attempts: u32,
    /// The last sum, for a trainer that missed it: round, attempt, message.
    last: Option<(u32, u32, Vec<u8>)>,
    lines: Vec<RoundLine>,
    resumed: u32,
    closed: bool,
    /// Who was in the evaluation, and its sum.
    #[serde(default)]
    reviewed: Option<(u16, Vec<i64>)>,
    /// How sure the weights are, as far as their last round says.
    #[serde(default)]
    errors: Vec<Option<Exact>>,
}

/// Which round is due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// One that moves the weights.
    Step,
    /// The evaluation.
    Review,
    /// The one that makes sure of the last sum.
    Closing,
}

/// A round is not attempted more often.
const ATTEMPTS: u32 = 1 << 16;

/// Under which this is kept in the run's folder.
const STATE: &str = "state";

/// One trainer's whole business, whoever carries the messages.
struct Business {
    run: QueryId,
    job: [u8; 32],
    partner: String,
    bench: Bench,
    review: Option<Review>,
    key: JobKey,
    noise: Secret<[u8; 32]>,
    folder: RunFolder,
    _held: std::fs::File,
    roster: Option<Roster>,
    fit: Fit,
    promises: Promises,
    kept: Kept,
}

impl Business {
    /// Encodes our rows and takes up what was kept of this run.
    fn open(rooms: &Rooms, permitted: &Permitted, run: QueryId, own: &Own) -> Result<Self, TrainFault> {
        // Invariant: what comes here was permitted to train.
        let train = permitted.train().ok_or(TrainFault::StateDamaged)?;
        let job = permitted.parsed().hash();
        let plan = fit::plan(train)?;
        let review = fit::review(train, &plan)?;
        let bench = Bench::new(plan, train, &job, own)?;
        let least = u64::from(permitted.terms().privacy.min_group);
        if (bench.rows().len() as u64) < least {
            return Err(TrainFault::TooFew { found: bench.rows().len() as u64, least });
        }
        let folder = RunFolder::of(&rooms.home, &run);
        let held = folder.hold()?;
        let mut kept: Kept = folder.kept_value(STATE)?.unwrap_or_default();
        let fit = match &kept.fit {
            Some(bytes) => Fit::decode(bench.plan(), bytes).map_err(|_| TrainFault::StateDamaged)?,
            None => Fit::start(bench.plan()),
        };
        let promises = match &kept.promises {
            Some(bytes) => Promises::decode(bytes).map_err(|_| TrainFault::StateDamaged)?,
            None => Promises::default(),
        };
        kept.resumed += u32::from(kept.history.is_some());
        let padding = rooms.identity.padding_key();
        let of = |purpose| secret(&padding, purpose, &run, &own.snapshot());
        Ok(Self {
            run,
            job,
            partner: permitted.partner().name.clone(),
            key: JobKey::new(of("x25519")),
            noise: of("noise"),
            bench,
            review,
            folder,
            _held: held,
            roster: None,
            fit,
            promises,
            kept,
        })
    }

    /// Our seat, signed for this job.
    fn seat(&self, rooms: &Rooms, permitted: &Permitted) -> SeatSaid {
        let (partner, key) = (rooms.identity.id(), self.key.public());
        let claim = Seat::claim(&self.binding(), &permitted.contract_id(), &partner, &key);
        SeatSaid::from(&Seat { partner, key, signature: rooms.identity.sign(&claim) })
    }

    /// What all that is said is bound to: the job and its run.
    fn binding(&self) -> [u8; 32] {
        run_of_job(&self.job, &self.run)
    }

    /// LEARNH-05: takes the roster, if it is that of this job: every partner of it and nobody else, each seat signed by
    /// the key that this node knows its partner by, and the same seats as before if the run was cut.
    fn take_roster(
        &mut self,
        rooms: &Rooms,
        permitted: &Permitted,
        said: &[SeatSaid],
    ) -> Result<(), ExchangeError> {
        let breach = |rule: Breach| self.protocol(rule.into());
        let train = permitted.train().ok_or_else(|| breach(Breach::Roster))?;
        let contract = permitted.contract();
        let mut named: Vec<PartnerId> = contract
            .partners()
            .iter()
            .filter(|partner| train.side(&partner.name).is_some())
            .map(crate::policy::Partner::id)
            .collect();
        named.sort_unstable();
        let seats: Vec<Seat> = said.iter().filter_map(SeatSaid::seat).collect();
        if seats.len() != said.len() || !seats.iter().map(|seat| seat.partner).eq(named) {
            return Err(breach(Breach::Roster));
        }
        let known = |partner: &PartnerId| {
            let trusted = rooms.partners.trusted();
            let card = trusted.by_id(*partner).map(|partner| *partner.card().signing_key());
            card.or_else(|| contract.partner(partner).map(|partner| partner.key))
        };
        let me = rooms.identity.id();
        let verified = |partner: &PartnerId, claim: &[u8], signature: &[u8; 64]| {
            let key = if *partner == me { Some(rooms.identity.signing_key()) } else { known(partner) };
            key.is_some_and(|key| verify(&key, claim, signature))
        };
        let rules = fit::rules(train).map_err(breach)?;
        let stored: Vec<_> =
            said.iter().map(|seat| (*seat.partner.as_bytes(), seat.key, seat.signature.0.clone())).collect();
        // A signature may be made anew; who sits where, under which key, may not.
        let sits = |seats: &[KeptSeat]| -> Vec<_> {
            seats.iter().map(|(partner, key, _)| (*partner, *key)).collect()
        };
        if !self.kept.seats.is_empty() && sits(&self.kept.seats) != sits(&stored) {
            return Err(breach(Breach::Roster));
        }
        let roster = Roster::new(self.binding(), permitted.contract_id(), rules, seats, verified)
            .map_err(|abort| self.protocol(abort))?;
        self.kept.history.get_or_insert(*roster.hash());
        self.kept.seats = stored;
        self.roster = Some(roster);
        Ok(())
    }

    fn protocol(&self, source: Abort) -> ExchangeError {
        ExchangeError::Protocol { partner: self.partner.clone(), source }
    }

    fn roster(&self) -> Result<&Roster, ExchangeError> {
        self.roster.as_ref().ok_or_else(|| self.protocol(Breach::Roster.into()))
    }

    /// The number of the round that is due: one of the fit's, then the evaluation, then the closing one.
    fn due(&self) -> u32 {
        self.fit.round() + u32::from(self.kept.reviewed.is_some())
    }

    fn due_kind(&self) -> Due {
        match (self.fit.is_done(self.bench.plan()), &self.review, &self.kept.reviewed) {
            (false, ..) => Due::Step,
            (true, Some(_), None) => Due::Review,
            (true, ..) => Due::Closing,
        }
    }

    const fn is_closed(&self) -> bool {
        self.kept.closed
    }

    fn round(&self, attempt: u32) -> Round {
        Round { number: self.due(), attempt, history: self.kept.history.unwrap_or_default() }
    }

    fn shape(&self) -> Shape {
        let closing = || Shape::closing(self.bench.plan().terms().trainers);
        let shape = match self.due_kind() {
            Due::Step => self.bench.plan().shape(self.due()),
            Due::Review => self.review.as_ref().map(Review::shape),
            Due::Closing => None,
        };
        shape.cloned().unwrap_or_else(closing)
    }

    /// Begins an attempt: our sums, our noise, our masks.
    fn begin(&mut self, me: PartnerId, attempt: u32) -> Result<Trainer, ExchangeError> {
        // What a partner says may be any number; the last one would leave no next.
        if attempt >= ATTEMPTS {
            return Err(self.protocol(Breach::AttemptRepeated.into()));
        }
        let seat = self.roster()?.seat_of(&me).ok_or_else(|| self.protocol(Breach::NotSeated.into()))?;
        let exact = match (self.due_kind(), &self.review) {
            (Due::Step, _) => self.fit.statistics(self.bench.plan(), self.bench.rows()),
            (Due::Review, Some(review)) => self.bench.reviewed(review, &self.fit, seat),
            (Due::Review | Due::Closing, _) => Ok(Vec::new()),
        };
        let exact = exact.map_err(|error| ExchangeError::Learn(error.to_string()))?;
        let (shape, round) = (self.shape(), self.round(attempt));
        let contribution = Contribution::new(&shape, exact, &self.noise, &self.binding(), round.number)
            .map_err(|error| ExchangeError::Learn(error.to_string()))?;
        let roster = self.roster()?;
        let trainer = Trainer::start(roster, seat, &self.key, round, &shape, &contribution, &self.promises)
            .map_err(|abort| self.protocol(abort))?;
        self.kept.attempts = attempt.saturating_add(1);
        Ok(trainer)
    }

    /// LEARNH-11: durable before what came with it leaves.
    fn promise(&mut self, trainer: &Trainer) -> Result<(), TrainFault> {
        if self.promises == *trainer.promises() && self.kept.promises.is_some() {
            return Ok(());
        }
        self.promises = trainer.promises().clone();
        self.keep()
    }

    fn keep(&mut self) -> Result<(), TrainFault> {
        self.kept.fit = Some(self.fit.encode());
        self.kept.promises = Some(self.promises.encode());
        self.folder.keep_value(STATE, &self.kept)
    }

    /// Takes a sum: one step of the weights, or what was counted at the end, kept. The line of a round of training.
    fn take(&mut self, sum: &Sum, attempt: u32, message: &Bulk) -> Result<Option<RoundLine>, TrainFault> {
        self.kept.last = Some((self.due(), attempt, message.0.clone()));
        self.kept.history = Some(sum.history);
        self.kept.attempts = 0;
        let mut line = None;
        match self.due_kind() {
            Due::Closing => self.kept.closed = true,
            Due::Review => self.kept.reviewed = Some((sum.survivors.bits(), sum.entries.clone())),
            Due::Step => {
                let plan = self.bench.plan().clone();
                self.fit = self.fit.clone().step(&plan, &sum.entries).map_err(TrainFault::Model)?;
                if self.fit.is_done(&plan) {
                    let errors = self.fit.errors(&plan, &sum.entries, None);
                    self.kept.errors = errors.into_iter().map(|error| error.map(Exact)).collect();
                }
                let said = self.bench.line(&self.fit);
                self.kept.lines.push(said.clone());
                line = Some(said);
            }
        }
        self.keep()?;
        Ok(line)
    }

    /// Removes what the run could be taken up from, once the model is kept and on record: from then on no ledger lets the
    /// run go on, whoever asks.
    async fn over(self) {
        let cleared = blocking(move || self.folder.clear()).await;
        if let Err(error) = cleared {
            // It is over all the same; a later start of the node looks again.
            tracing::warn!(%error, "what a run could be taken up from is not removed");
        }
    }

    /// The model that this came to.
    fn model(&self, permitted: &Permitted, part: Part, own: &Own) -> Result<Model, TrainFault> {
        let plan = permitted.train().ok_or(TrainFault::StateDamaged)?;
        let (loss, auc) = self.bench.judge(&self.fit);
        let metric = |name: &str, value: f64| Metric {
            on: format!("{} (held out)", permitted.me()),
            group: None,
            name: name.to_owned(),
            value: super::Exact(value),
            low95: None,
            high95: None,
        };
        let metrics = [("loss", loss), ("auc", auc)];
        let mut metrics: Vec<Metric> =
            metrics.into_iter().filter_map(|(name, value)| Some(metric(name, value?))).collect();
        let found = joint::found(self, permitted, plan)?;
        metrics.extend(found.metrics);
        let last = self.bench.plan().shape(self.bench.plan().rounds().saturating_sub(1));
        let sigma = last.map_or(0.0, |shape| shape.deviation(shape.parts().len().saturating_sub(1)));
        let mut model = finish::Ended {
            run: self.run,
            permitted,
            plan,
            part,
            snapshot: own.snapshot(),
            rows: Rows { trained: self.fit.rows(), held_out: found.held_out, own: own.len() as u64 },
            held: Held::Open,
            weights: finish::fitted(&self.fit),
            lines: self.kept.lines.clone(),
            metrics,
            sigma: sigma / f64::from(1_u32 << 24),
            resumed: self.kept.resumed,
            transcript: self.kept.history.unwrap_or_default(),
        }
        .model();
        for (coefficient, error) in model.coefficients.iter_mut().zip(found.errors) {
            if let (Some(value), Some(error)) = (coefficient.value, error) {
                let ends = [-1.0, 1.0].map(|side: f64| value.0 + side * NORMAL * error);
                (coefficient.low95, coefficient.high95) = (Some(Exact(ends[0])), Some(Exact(ends[1])));
            }
        }
        Ok(model)
    }
}

#[cfg(test)]
mod tests;
