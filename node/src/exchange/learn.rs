//! Training between two nodes: one protocol session after another over the channel of one question.
//!
//! Each part (bringing customers into one order, fitting, scoring) is a session of its own with an id of its own, derived
//! from that of the question: nothing that is said in one means anything in another.

use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::SessionId,
    session::{Abort, Session},
    wire::{Inbox, Limits, Outbox, Role},
};

use super::{
    drive::{Ends, Watch, drive},
    error::ExchangeError,
    reveal::{Answering, Asking, session_of},
};
use crate::{ledger::Reserved, link::Traffic, rooms::joined};

impl Asking {
    /// Runs a part of a training as its initiator. `start` makes the session, given its id, off the I/O threads.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn part<S>(
        &mut self,
        _paid: &Reserved,
        name: &'static str,
        start: impl FnOnce(SessionId) -> Result<(S, Limits), Abort> + Send + 'static,
        watch: Watch,
    ) -> Result<S::Output, ExchangeError>
    where
        S: Session + 'static,
        S::Message: 'static,
    {
        run(&mut self.ends, (part_of(self.session, name), Role::Initiator), start, watch).await
    }

    /// What has travelled over the channel so far.
    pub fn traffic(&self) -> Traffic {
        self.ends.sender.traffic()
    }
}

impl Answering {
    /// As [`Asking::part`], as the responder.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn part<S>(
        &mut self,
        paid: &Reserved,
        name: &'static str,
        start: impl FnOnce(SessionId) -> Result<(S, Limits), Abort> + Send + 'static,
        watch: Watch,
    ) -> Result<S::Output, ExchangeError>
    where
        S: Session + 'static,
        S::Message: 'static,
    {
        let session = part_of(session_of(self.binding, paid), name);
        run(&mut self.ends, (session, Role::Responder), start, watch).await
    }

    /// What has travelled over the channel so far.
    pub fn traffic(&self) -> Traffic {
        self.ends.sender.traffic()
    }
}

/// The id of a part of the session with this id.
pub(super) fn part_of(session: SessionId, name: &str) -> SessionId {
    let hash = Sha256::new_with_prefix(b"tacit part of a training 1\n").chain_update(session.as_bytes());
    SessionId::new(hash.chain_update(name).finalize().into())
}

async fn run<S>(
    ends: &mut Ends,
    (session, role): (SessionId, Role),
    start: impl FnOnce(SessionId) -> Result<(S, Limits), Abort> + Send + 'static,
    watch: Watch,
) -> Result<S::Output, ExchangeError>
where
    S: Session + 'static,
    S::Message: 'static,
{
    let partner = ends.partner.clone();
    let aborted = |source| ExchangeError::Protocol { partner, source };
    let (state, limits) =
        joined(tokio::task::spawn_blocking(move || start(session)).await).map_err(aborted)?;
    let mail = (Outbox::new(session, role), Inbox::new(session, role));
    drive(state, mail, limits, ends, watch).await
}
