//! The channel to the partner, whichever end of it we are; and how both come to one order of their common customers.

use std::collections::HashSet;

use tacit_protocol::{
    ids::SessionId,
    learn::align::{self, Aligned, Confirmer, Proposer},
    session::{Abort, Session},
    wire::Limits,
};

use super::Course;
use crate::{
    exchange::{Answering, Asking, ExchangeError, Served, Watch},
    learn::Own,
    ledger::Reserved,
    report::Report,
    rooms::Rooms,
    run::{steps, vertical::rows::enough},
};

/// One end of the channel.
pub(super) enum End<'a> {
    Asking(&'a mut Asking),
    Answering(&'a mut Answering),
}

impl End<'_> {
    pub(super) async fn part<S>(
        &mut self,
        reserved: &Reserved,
        name: &'static str,
        start: impl FnOnce(SessionId) -> Result<(S, Limits), Abort> + Send + 'static,
        watch: Watch,
    ) -> Result<S::Output, ExchangeError>
    where
        S: Session + 'static,
        S::Message: 'static,
    {
        match self {
            Self::Asking(asking) => asking.part(reserved, name, start, watch).await,
            Self::Answering(answering) => answering.part(reserved, name, start, watch).await,
        }
    }

    /// Which of our items the partner has too; the asker alone learns it here, and says so in the next part.
    async fn common(
        &mut self,
        rooms: &Rooms,
        reserved: &Reserved,
        items: Vec<[u8; 32]>,
        watch: Watch,
    ) -> Result<(HashSet<[u8; 32]>, Served), ExchangeError> {
        let rules = rooms.rules();
        match self {
            Self::Asking(asking) => {
                let joint = asking.run(reserved, items.clone(), &rules, watch).await?;
                let matched = items.into_iter().zip(joint.matches).filter(|(_, matched)| *matched);
                Ok((matched.map(|(item, _)| item).collect(), joint.seen))
            }
            Self::Answering(answering) => {
                let seen = answering.run(reserved, items, &rules, watch).await?;
                Ok((HashSet::new(), seen))
            }
        }
    }

    async fn order(
        &mut self,
        reserved: &Reserved,
        own: &Own,
        common: HashSet<[u8; 32]>,
        watch: Watch,
    ) -> Result<Aligned, ExchangeError> {
        let keys = own.keys().clone();
        match self {
            Self::Asking(_) => {
                let start =
                    move |id: SessionId| Ok((Proposer::start(id.as_bytes(), &keys, &common), align::LIMITS));
                self.part(reserved, "align", start, watch).await
            }
            Self::Answering(_) => {
                let start = move |id: SessionId| Ok((Confirmer::start(id.as_bytes(), &keys), align::LIMITS));
                self.part(reserved, "align", start, watch).await
            }
        }
    }

    pub(super) fn traffic(&self) -> crate::link::Traffic {
        match self {
            Self::Asking(asking) => asking.traffic(),
            Self::Answering(answering) => answering.traffic(),
        }
    }
}

impl Course<'_> {
    /// The common customers, in an order that both have.
    pub(super) async fn align(&mut self, own: &Own) -> Result<(Aligned, Served), Report> {
        let (rooms, reserved) = (self.rooms, self.reserved);
        let items: Vec<[u8; 32]> = own.keys().iter().flatten().flatten().copied().collect();
        let watch = || steps::watch(self.events, "find common customers", "steps");
        let running = self.end.common(rooms, reserved, items, watch());
        let (common, seen) = steps::in_time(rooms, reserved, running).await?;
        if let End::Asking(_) = self.end {
            // The asker alone knows yet. Too few of them are too few before the partner learns which of its own they are.
            let paired = (0..own.len()).filter(|row| {
                own.keys().iter().any(|kind| kind[*row].is_some_and(|item| common.contains(&item)))
            });
            enough(reserved.permitted(), &self.terms.plan, paired.count())?;
        }
        let aligning = self.end.order(reserved, own, common, watch());
        let aligned = steps::in_time(rooms, reserved, aligning).await?;
        self.stages.moved(self.bytes());
        Ok((aligned, seen))
    }
}
