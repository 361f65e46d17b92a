//! What both ends tell the protocol of a job.

use tacit_protocol::{
    ids::{ContractId, QueryId, SessionId},
    learn::vertical::{Agreed, Noise, Opens, Params, Party},
    session::Abort,
};

use crate::policy::{TrainPlan, Weights};

/// What both ends tell the protocol.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) plan: TrainPlan,
    pub(super) contract: ContractId,
    /// The job, from the order of customers on with the run.
    pub(super) job: [u8; 32],
}

impl Terms {
    /// The protocol's, of so many rows.
    pub(super) fn params(&self, session: SessionId, rows: u32) -> Result<Params, Abort> {
        let job = self.plan.job();
        let rounds = u16::try_from(job.rounds).unwrap_or(u16::MAX);
        let width = |of: Party| {
            let side = self.plan.sides().iter().find(|side| (of == Party::Label) == side.target.is_some());
            side.map_or(0, |side| side.width() as u32)
        };
        Params::new(Agreed {
            session,
            contract: self.contract,
            job: self.job,
            linkage: self.plan.linkage(),
            rows,
            label_columns: width(Party::Label),
            feature_columns: width(Party::Features),
            rounds,
            l2_micro: job.l2.micro().unwrap_or(0),
            opens: match &self.plan.terms().weights {
                Weights::Both => Opens::Both,
                Weights::Shared => Opens::Nobody,
                Weights::To(partner) => Opens::To(party(&self.plan, partner)),
            },
            noise: self.noise(rounds)?,
        })
    }

    /// What the price of the job buys; none without a price.
    fn noise(&self, rounds: u16) -> Result<Option<Noise>, Abort> {
        let Some(price) = self.plan.price() else { return Ok(None) };
        // The rest of it pays for the figures.
        let rho = price.amount().nano_rho.saturating_sub(self.plan.figures_rho());
        let noise = Noise::of_price(rho, self.plan.linkage(), rounds, self.plan.variables());
        noise.map(Some).map_err(|_| Abort::LearnShape)
    }
}

/// Who has the target is the label end.
pub(crate) fn party(plan: &TrainPlan, name: &str) -> Party {
    match plan.side(name).is_some_and(|side| side.target.is_some()) {
        true => Party::Label,
        false => Party::Features,
    }
}

/// The job, its run and who takes part, in one hash: a state of other customers fits nothing.
pub(super) fn bound(job: &[u8; 32], run: &QueryId, customers: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("tacit job of a run 1");
    hasher.update(job).update(run.as_bytes()).update(customers);
    *hasher.finalize().as_bytes()
}
