//! The model of a run, kept and on record.

use jiff::Timestamp;
use tacit_protocol::learn::vertical::Party;

use super::{Fitted, terms::party};
use crate::{
    learn::{Ended, Held, Model, Part, Registry, Scores, TrainFault, state::RoundLine},
    ledger::Reserved,
    release,
    report::Report,
    rooms::{Rooms, blocking},
};

/// Keeps the model, durably, and records the run.
pub(super) async fn keep(rooms: &Rooms, reserved: &Reserved, fitted: Fitted) -> Result<Model, Report> {
    let permitted = reserved.permitted();
    let plan = permitted.train().ok_or(TrainFault::StateDamaged)?;
    let Fitted { run, party: me, trained, snapshot, rows, seen, metrics, scores, story } = fitted;
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
    let shares = (held == Held::Shared).then(|| trained.state.to_bytes());
    let scores = scores.map(|scores| Scores { snapshot: snapshot.to_string(), scores });
    let (registry, kept) = (Registry::at(rooms.home.models_dir()), model.clone());
    blocking(move || {
        if let Some(scores) = &scores {
            registry.keep_scores(kept.id, scores)?;
        }
        registry.keep(&kept, shares.as_ref().map(|shares| &shares[..]))
    })
    .await?;
    let outcome = release::told_outcome(&seen, Some(snapshot));
    rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
    Ok(model)
}
