//! A model that was trained by two partners, applied by both to customers that both have.
//!
//! It does not matter who has seen the weights: the scores come of both ends' halves, one forward pass, and are opened
//! cut, to the one that asks, whom the contract names. The attack this stops is the score of an exact kind: whoever knows
//! its own part of an exact score knows the other's part as exactly.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::{
    ids::SessionId,
    learn::vertical::{Held, Scored, Scorer},
};
use zeroize::Zeroizing;

use super::{
    Course, End, fresh_seed,
    terms::{bound, party},
};
use crate::{
    control::Reply,
    exchange::{Answering, Aside, Asking, Served},
    learn::{Own, Scorable, Scores},
    ledger::Reserved,
    release,
    report::Report,
    rooms::{Rooms, blocking},
    run::{
        Events,
        steps::{self, Stages},
    },
};

/// Makes scores with the partner that was asked, and keeps them beside the model.
pub(in crate::run) async fn take(
    rooms: &Rooms,
    reserved: &Reserved,
    (scorable, own): (Scorable, Own),
    asking: &mut Asking,
    wait: Duration,
    (mut stages, events): (Stages<'_>, &Events),
) -> Result<Reply, Report> {
    stages.begin("partner decides and reads");
    steps::granted(rooms, reserved, asking, wait, events).await?;
    let own = own.fresh(rooms, reserved.permitted()).await?;
    let mut course = Course::begun(rooms, reserved, End::Asking(asking), stages, events)?;
    let (scores, seen) = score(&mut course, &scorable, &own).await?;
    course.stages.begin("write answer");
    let (id, snapshot) = (scorable.model.id, own.snapshot());
    let count = scores.len();
    let scores = Scores { snapshot: snapshot.to_string(), scores };
    let registry = rooms.models.clone();
    blocking(move || registry.set_scores_aside(id, &snapshot, &scores)).await?;
    let outcome = release::told_outcome(&seen, Some(snapshot));
    rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
    let registry = rooms.models.clone();
    blocking(move || registry.show_scores(id, &snapshot)).await?;
    let stages = course.stages.end();
    let document = json!({ "model": id, "scored": count, "scoring": scorable.number(), "stages": stages });
    let (name, partner) = (&scorable.model.name, &reserved.permitted().partner().name);
    let notes =
        vec![format!("{count} customers that {partner} has too were scored by {name}, with {partner}")];
    Ok(Reply { document: Some(document), notes, ..Reply::default() })
}

/// Makes scores with the partner that asks for them, and learns none.
pub(in crate::run) async fn tell(
    rooms: &Rooms,
    reserved: &Reserved,
    scorable: Scorable,
    answering: &mut Answering,
) -> Result<(), Report> {
    answering.say(Aside::Preparing).await?;
    // From here on the time we take, and whether we fail, depends on data.
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    let own = tokio::select! {
        own = Own::read(rooms, reserved.permitted()) => own?,
        left = answering.asker_left() => return Err(left.into()),
    };
    let events = steps::unheard();
    let stages = Stages::new(&events);
    let mut course = Course::begun(rooms, reserved, End::Answering(answering), stages, &events)?;
    let (_, seen) = score(&mut course, &scorable, &own).await?;
    let outcome = release::told_outcome(&seen, Some(own.snapshot()));
    rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
    tracing::info!(model = %scorable.model.id, "scores were made with a partner");
    Ok(())
}

/// The scores of our rows whose customers both have, at the end that asked; none at the other.
async fn score(
    course: &mut Course<'_>,
    scorable: &Scorable,
    own: &Own,
) -> Result<(Vec<(u64, f64)>, Served), Report> {
    course.stages.begin("find common customers");
    let (aligned, mut seen) = course.reveal(own).await?;
    let places: Vec<usize> = aligned.rows.iter().map(|place| *place as usize).collect();
    scorable.count(course.rooms).await?;
    if places.is_empty() {
        return Ok((Vec::new(), seen));
    }
    course.stages.begin("score");
    let before = course.bytes();
    let (state, basis) = (scorable.halves.state.clone(), scorable.halves.basis.clone());
    let model = scorable.model.id;
    course.terms.job = bound(&course.terms.job, &model, &aligned.customers);
    // Halves of two trainings are halves of nothing: what both ends compare has the terms of theirs.
    let question = bound(state.terms(), &model, &aligned.customers);
    let design = own.design(false)?;
    let of = |column: &Vec<f32>| places.iter().map(|place| f64::from(column[*place])).collect();
    let columns: Zeroizing<Vec<Vec<f64>>> = Zeroizing::new(design.columns().iter().map(of).collect());
    let receiver = party(&course.terms.plan, course.reserved.permitted().asker());
    let (terms, me, rows, seed) = (course.terms.clone(), course.party, places.len() as u32, fresh_seed()?);
    let start = move |session: SessionId| {
        let params = terms.params(session, rows)?;
        let limits = params.limits();
        let held = Held { columns: &columns, basis: &basis, state: &state };
        Ok((Scorer::start(params, me, receiver, &question, held, seed)?, limits))
    };
    let watch = steps::watch(course.events, "score", "customers");
    let running = course.end.part(course.reserved, "score", start, watch);
    let Scored { scores, conversation } = steps::in_time(course.rooms, course.reserved, running).await?;
    course.stages.moved(course.bytes() - before);
    seen.transcript = conversation;
    seen.traffic = course.end.traffic();
    let rows = places.iter().map(|place| own.rows()[*place]);
    Ok((scores.map_or_else(Vec::new, |scores| rows.zip(scores).collect()), seen))
}
