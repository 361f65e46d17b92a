//! The channel to the partner, whichever end of it we are; and how both come to one order of their customers: of those
//! that both have, which either then knows, or of all that either has, of which neither knows who is in both.

use std::collections::HashSet;

use tacit_protocol::{
    ids::SessionId,
    learn::{
        align::{self, Aligned, Confirmer, Proposer},
        recall::{self, Recall},
        union::{self, United, Uniter},
    },
    session::{Abort, Session},
    wire::{Limits, Role},
};

use super::{Course, fresh_seed};
use crate::{
    exchange::{Answering, Aside, Asking, Bringing, ExchangeError, Served, Watch},
    learn::{Own, TrainFault, state::RunFolder},
    ledger::Reserved,
    report::Report,
    rooms::Rooms,
    run::steps,
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

    const fn role(&self) -> Role {
        match self {
            Self::Asking(_) => Role::Initiator,
            Self::Answering(_) => Role::Responder,
        }
    }

    /// The places of both's customers, in an order that says nothing of who is in both.
    async fn unite(
        &mut self,
        reserved: &Reserved,
        bringing: Bringing,
        watch: Watch,
    ) -> Result<United, ExchangeError> {
        let seed = fresh_seed()?;
        let least = u32::try_from(reserved.permitted().terms().privacy.min_group).unwrap_or(u32::MAX);
        let role = match self {
            Self::Asking(_) => union::Role::Asker,
            Self::Answering(_) => union::Role::Answerer,
        };
        let start = move |session: SessionId| {
            let params = bringing.params(session, least);
            let limits = params.limits();
            Ok((Uniter::start(params, role, &bringing.items, bringing.padding, seed)?, limits))
        };
        self.part(reserved, "union", start, watch).await
    }

    pub(super) fn traffic(&self) -> crate::link::Traffic {
        match self {
            Self::Asking(asking) => asking.traffic(),
            Self::Answering(answering) => answering.traffic(),
        }
    }
}

/// The order that the rows of a training have at both ends.
pub(super) enum Order {
    /// Of the customers that both have.
    Revealed(Aligned),
    /// Of all that either has, and dummies.
    Hidden(Union),
}

/// The places of a union; **secret**, like the customers there.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Union {
    /// Our customer at each place, if we have one there.
    pub(super) places: Vec<Option<u32>>,
    /// About how many both have: the padded number less what padding is on average. The same at both ends.
    pub(super) about: u32,
    /// About how many we have, and the partner; likewise.
    pub(super) sizes: [u32; 2],
    transcript: [u8; 32],
    own_size: u32,
    partner_size: u32,
}

impl Order {
    /// What both know the order by.
    pub(super) const fn hash(&self) -> &[u8; 32] {
        match self {
            Self::Revealed(aligned) => &aligned.customers,
            Self::Hidden(union) => &union.transcript,
        }
    }
}

/// What is kept of a union in the run's folder: with fresh keys it would be another one.
const UNION: &str = "union";

impl Course<'_> {
    /// The order of customers that the contract allows.
    pub(super) async fn align(&mut self, own: &Own, folder: &RunFolder) -> Result<(Order, Served), Report> {
        if !self.terms.plan.hides_overlap() {
            let (aligned, seen) = self.reveal(own).await?;
            return Ok((Order::Revealed(aligned), seen));
        }
        // An intersection's session begins with this word; here nothing else would say it.
        if let End::Answering(answering) = &mut self.end {
            answering.say(Aside::Ready).await?;
        }
        let union = match self.recall(folder).await? {
            Some(union) => union,
            None => self.unite(own, folder).await?,
        };
        if union.places.iter().flatten().any(|place| *place as usize >= own.len()) {
            return Err(TrainFault::StateDamaged.into());
        }
        self.stages.moved(self.bytes());
        let seen = Served {
            own_size: union.own_size.into(),
            partner_size: union.partner_size.into(),
            transcript: union.transcript,
            traffic: self.end.traffic(),
        };
        Ok((Order::Hidden(union), seen))
    }

    /// The union that both have kept of an earlier attempt.
    async fn recall(&mut self, folder: &RunFolder) -> Result<Option<Union>, Report> {
        let kept: Option<Union> = folder.kept_value(UNION)?;
        let (hash, role) = (kept.as_ref().map(|union| union.transcript), self.end.role());
        let start = move |_| Ok((Recall::start(role, hash), recall::LIMITS));
        let watch = steps::watch(self.events, "find an order", "steps");
        let running = self.end.part(self.reserved, "recall", start, watch);
        let same = steps::in_time(self.rooms, self.reserved, running).await?;
        Ok(kept.filter(|_| same))
    }

    /// A new one, durable before anything is learned under it.
    async fn unite(&mut self, own: &Own, folder: &RunFolder) -> Result<Union, Report> {
        let (rooms, reserved) = (self.rooms, self.reserved);
        // The strongest kind alone: with several a customer could be found at two places.
        let items = own.keys().first().cloned().unwrap_or_default();
        let bringing = Bringing::of(&rooms.rules(), reserved.permitted().contract_id(), items)?;
        let pool = bringing.pool;
        let watch = steps::watch(self.events, "find an order", "items");
        let running = self.end.unite(reserved, bringing, watch);
        let United { places, own_count, peer_count, transcript, .. } =
            steps::in_time(rooms, reserved, running).await?;
        // Of the pool each end shares some, half on average. An end could take its own off and know better; the other's
        // number would be another one then, and the two would not step alike.
        let padded = (u64::from(own_count) + u64::from(peer_count)).saturating_sub(places.len() as u64);
        let about = u32::try_from(padded.saturating_sub(pool.into())).unwrap_or(u32::MAX);
        // Each brings both pools, and half of what its number is padded with at most.
        let size = |count: u32| count.saturating_sub(2 * pool + pool / 2);
        let union = Union {
            places,
            about,
            sizes: [size(own_count), size(peer_count)],
            transcript,
            own_size: own_count,
            partner_size: peer_count,
        };
        folder.keep_value(UNION, &union)?;
        Ok(union)
    }

    /// The common customers, in an order that both have.
    async fn reveal(&mut self, own: &Own) -> Result<(Aligned, Served), Report> {
        let (rooms, reserved) = (self.rooms, self.reserved);
        let items: Vec<[u8; 32]> = own.keys().iter().flatten().flatten().copied().collect();
        let watch = || steps::watch(self.events, "find common customers", "steps");
        let running = self.end.common(rooms, reserved, items, watch());
        let (common, seen) = steps::in_time(rooms, reserved, running).await?;
        let aligning = self.end.order(reserved, own, common, watch());
        let aligned = steps::in_time(rooms, reserved, aligning).await?;
        self.stages.moved(self.bytes());
        Ok((aligned, seen))
    }
}
