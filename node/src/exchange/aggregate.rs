//! Noisy figures over one partner's table: the two ends of one answer.
//!
//! The figures come here with their noise; a [`Reserved`] says that it was paid for.

use tacit_protocol::{
    aggregate::{Figures, Owner, Params, Receiver},
    ids::SessionId,
    wire::{Inbox, Outbox, Role},
};

use super::{
    drive::{Watch, drive},
    error::ExchangeError,
    question::Aside,
    reveal::{Answering, Asking, Served, session_of},
};
use crate::ledger::Reserved;

/// More customers than a table has, and larger noise than a sampler makes: what is beyond was not measured.
const CUSTOMERS: u64 = 1 << 32;
const NOISE: u64 = 1 << 55;

/// What both ends compute of an answer before it is there; nothing for a question that is not for figures.
fn params(reserved: &Reserved, session: SessionId) -> Params {
    let permitted = reserved.permitted();
    let (groups, most) = permitted.plan().map_or((0, Vec::new()), |plan| {
        let most = |sensitivity: u64| sensitivity.saturating_mul(CUSTOMERS).saturating_add(NOISE);
        (plan.cells(), plan.columns().iter().map(|column| most(column.sensitivity)).collect())
    });
    let question = permitted.figures_hash().unwrap_or_default();
    Params::new(session, permitted.contract_id(), question, groups, most)
}

impl Asking {
    /// Takes the figures that the partner tells.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn figures(
        &mut self,
        reserved: &Reserved,
        watch: Watch,
    ) -> Result<(Figures, Served), ExchangeError> {
        let params = params(reserved, self.session);
        let limits = params.limits();
        let role = Role::Initiator;
        let mail = (Outbox::new(self.session, role), Inbox::new(self.session, role));
        let heard = drive(Receiver::start(params), mail, limits, &mut self.ends, watch).await?;
        let traffic = self.ends.sender.traffic();
        Ok((heard.figures, Served { own_size: 0, partner_size: 0, transcript: heard.transcript, traffic }))
    }
}

impl Answering {
    /// Tells the figures, noise and all.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn tell(
        &mut self,
        reserved: &Reserved,
        figures: &Figures,
        watch: Watch,
    ) -> Result<Served, ExchangeError> {
        let session = session_of(self.binding, reserved);
        let params = params(reserved, session);
        let limits = params.limits();
        let partner = self.ends.partner.clone();
        let owner =
            Owner::start(&params, figures).map_err(|source| ExchangeError::Protocol { partner, source })?;
        self.say(Aside::Ready).await?;
        let role = Role::Responder;
        let mail = (Outbox::new(session, role), Inbox::new(session, role));
        let sent = drive(owner, mail, limits, &mut self.ends, watch).await?;
        let traffic = self.ends.sender.traffic();
        Ok(Served { own_size: 0, partner_size: 0, transcript: sent.transcript, traffic })
    }
}
