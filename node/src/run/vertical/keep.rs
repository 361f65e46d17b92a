//! The model of a run, kept and on record.

use std::fs::File;

use jiff::Timestamp;
use tacit_protocol::{
    ids::SessionId,
    learn::{
        closing::{self, Closing},
        vertical::Party,
    },
};

use super::{Course, End, Fitted, terms::party};
use crate::{
    learn::{
        Ended, Halves, Held, Model, Part, Registry, Scores, TrainFault,
        state::{RoundLine, RunFolder},
    },
    ledger::Reserved,
    release,
    report::Report,
    rooms::{Rooms, blocking},
    run::steps,
};

impl Course<'_> {
    /// Keeps the model, durably, hears that the partner has kept its own, records the run, and removes what it could have
    /// been taken up from. Cut before the partner was heard, the run goes on from its last round: to the same model.
    pub(super) async fn keep(&mut self, fitted: Fitted) -> Result<Model, Report> {
        let (rooms, reserved) = (self.rooms, self.reserved);
        let (seen, snapshot) = (fitted.seen.clone(), fitted.snapshot);
        let (conversation, is_asker) = (fitted.trained.conversation, matches!(self.end, End::Asking(_)));
        let (held, model) = kept(rooms, reserved, fitted).await?;
        // LEARNV-36.
        let start = move |_: SessionId| Ok((Closing::start(is_asker, conversation), closing::LIMITS));
        let watch = steps::watch(self.events, "write model", "steps");
        steps::in_time(rooms, reserved, self.end.part(reserved, "kept", start, watch)).await?;
        let outcome = release::told_outcome(&seen, Some(snapshot));
        rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
        let cleared = blocking(move || held.1.clear()).await;
        if let Err(error) = cleared {
            // It is over all the same; a later start of the node looks again.
            tracing::warn!(%error, "what a run could be taken up from is not removed");
        }
        Ok(model)
    }
}

/// Keeps the model, durably.
async fn kept(
    rooms: &Rooms,
    reserved: &Reserved,
    fitted: Fitted,
) -> Result<((File, RunFolder), Model), Report> {
    let permitted = reserved.permitted();
    let plan = permitted.train().ok_or(TrainFault::StateDamaged)?;
    let Fitted { run, party: me, trained, snapshot, rows, metrics, scores, story, held: folder, .. } = fitted;
    let mut weights = Vec::new();
    for side in plan.sides() {
        let block = if party(plan, &side.table.owner) == me { &trained.own } else { &trained.theirs };
        match block {
            Some(block) => weights.extend(block.weights.iter().copied().map(Some)),
            None => weights.extend(std::iter::repeat_n(None, side.width())),
        }
    }
    let intercept =
        trained.own.as_ref().zip(trained.theirs.as_ref()).map(|(own, theirs)| own.offset + theirs.offset);
    let held = match (&trained.own, &trained.theirs) {
        (Some(_), Some(_)) => Held::Open,
        (Some(_), None) => Held::Own,
        (None, _) => Held::Shared,
    };
    let lines =
        (1..=u32::from(trained.state.round())).map(|round| RoundLine { round, ..RoundLine::default() });
    let model = Ended {
        run,
        permitted,
        plan,
        part: if me == Party::Label { Part::Label } else { Part::Features },
        snapshot,
        rows,
        held,
        weights: (intercept, weights),
        lines: lines.collect(),
        metrics,
        sigma: plan.deviation(),
        resumed: story.resumed,
        transcript: trained.conversation,
    }
    .model();
    let halves = Halves { state: trained.state, basis: trained.basis };
    let scores = scores.map(|scores| Scores { snapshot: snapshot.to_string(), scores });
    let (registry, kept) = (Registry::at(rooms.home.models_dir()), model.clone());
    blocking(move || {
        if let Some(scores) = &scores {
            registry.keep_scores(kept.id, scores)?;
        }
        registry.keep_halves(kept.id, &halves)?;
        registry.keep(&kept, None)
    })
    .await?;
    Ok((folder, model))
}
