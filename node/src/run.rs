//! The hallway: one question's way through the rooms, asked ([`ask`]) or answered ([`answer`]).
//!
//! Each line of the two walks is a room, and each room's door is a type that only the room before can make:
//! no exchange without a [`Reserved`], no answer without a
//! [`Receipt`](crate::ledger::Receipt). A question that ends early, wherever it does, is recorded by the
//! wrapper around the walk.

mod explain;
mod steps;

use jiff::Timestamp;
use tacit_protocol::ids::{PartnerId, QueryId};

pub use explain::explain;
pub use steps::Events;

use crate::{
    control::Reply,
    exchange::{Answering, Aside, Asking, Question},
    ledger::Reserved,
    link::Incoming,
    policy::Role,
    query::QueryRequest,
    release,
    report::Report,
    rooms::Rooms,
    run::steps::{Stages, refused},
};

/// Asks a partner. The answer lies in the node's home when this returns; the reply says where.
///
/// # Errors
/// A [`Report`] of whichever room said no. It has been recorded by then.
pub async fn ask(rooms: &Rooms, request: QueryRequest, events: Events) -> Result<Reply, Report> {
    let query = steps::fresh_query_id()?;
    let mut reserved = None;
    let walked = walk_as_asker(rooms, &request, query, &events, &mut reserved).await;
    if let Err(report) = &walked {
        steps::record_ending(rooms, query, reserved.as_ref(), None, &request.sql, report).await?;
    }
    walked
}

async fn walk_as_asker(
    rooms: &Rooms,
    request: &QueryRequest,
    query: QueryId,
    events: &Events,
    kept: &mut Option<Reserved>,
) -> Result<Reply, Report> {
    let mut stages = Stages::new(events);
    let parsed = steps::parse_own(rooms, &request.sql)?;
    let permitted = steps::permit(rooms, parsed, Role::Asker, request)?;
    steps::approve(rooms, &permitted, request.wait, events).await?;
    let reserved = kept.insert(rooms.ledger.reserve(permitted, query, Timestamp::now()).await?);
    // The partner walks its own rooms while we read our data.
    let question = Question::about(reserved, request.wait);
    let mut asking = Asking::open(&rooms.link, reserved, &question).await?;
    stages.begin("read own data");
    let (collected, items) = match steps::collect(rooms, reserved).await {
        Ok(collected) => collected,
        Err(report) => {
            asking.give_up(&report.code).await;
            return Err(report);
        }
    };
    stages.begin("partner decides and reads");
    asking.granted(|aside| steps::tell(events, aside)).await?;
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    stages.begin("intersect");
    let joint = asking.run(reserved, items, rooms.config.limits.max_items, steps::watch(events)).await?;
    stages.begin("write answer");
    let mut release = release::finish(joint, collected, reserved, &rooms.home).await?;
    release.tell("stages", stages.end());
    let receipt = rooms.ledger.record(reserved, release.outcome(), Timestamp::now()).await?;
    Ok(release.show(&receipt)?)
}

/// Answers a partner: the same rooms from the other side. Nothing is returned; the record says how it went.
pub async fn answer(rooms: &Rooms, incoming: Incoming) {
    let Incoming { partner, opening, channel } = incoming;
    let Some(name) = rooms.partner_name(partner) else { return };
    let mut answering = Answering::new(channel, name.clone());
    let Some(question) = Question::decode(&opening) else {
        refused(&mut answering, "E-PEER-OUT-OF-PLACE").await;
        return;
    };
    let mut reserved = None;
    let walked = walk_as_answerer(rooms, partner, &question, &mut answering, &mut reserved).await;
    if let Err(report) = walked {
        // C05: the partner gets a code and no text.
        refused(&mut answering, &report.code).await;
        let recorded = steps::record_ending(
            rooms,
            question.query,
            reserved.as_ref(),
            Some(name),
            &question.sql,
            &report,
        );
        if let Err(unrecorded) = recorded.await {
            tracing::error!(code = %unrecorded.code, "a refusal could not be recorded");
        }
    }
}

async fn walk_as_answerer(
    rooms: &Rooms,
    partner: PartnerId,
    question: &Question,
    answering: &mut Answering,
    kept: &mut Option<Reserved>,
) -> Result<(), Report> {
    let parsed = steps::parse_partners(&question.sql)?;
    let permitted = steps::permit(rooms, parsed, Role::Answerer { from: partner }, &question.request())?;
    if permitted.needs_own_approval() {
        answering.say(Aside::WaitingForApproval).await?;
        let unheard = steps::unheard();
        tokio::select! {
            approved = steps::approve(rooms, &permitted, question.wait, &unheard) => approved?,
            left = answering.asker_left() => return Err(left.into()),
        }
    }
    let reserved = kept.insert(rooms.ledger.reserve(permitted, question.query, Timestamp::now()).await?);
    answering.say(Aside::Preparing).await?;
    let (collected, items) = steps::collect(rooms, reserved).await?;
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    let limit = rooms.config.limits.max_items;
    let served = answering.run(reserved, items, limit, steps::watch(&steps::unheard())).await?;
    let outcome = release::served(&served, &collected);
    rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
    Ok(())
}
