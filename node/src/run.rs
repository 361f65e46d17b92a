//! The hallway: one question's way through the rooms, asked ([`ask`]) or answered ([`answer`]).
//!
//! Each line of the two walks is a room, and each room's door is a type that only the room before can make:
//! no exchange without a [`Reserved`], no answer without a
//! [`Receipt`](crate::ledger::Receipt). A question that ends early, wherever it does, is recorded by the
//! wrapper around the walk.

pub(crate) mod ending;
mod explain;
mod figures;
mod last;
mod noises;
mod overlap;
mod price;
mod price_join;
mod shape;
pub(crate) mod steps;
pub(crate) mod till;
mod vertical;

use jiff::Timestamp;
use tacit_protocol::ids::{PartnerId, QueryId};

pub use explain::explain;
pub(crate) use price::budget;
pub use steps::Events;
pub use till::quoted;
pub(crate) use vertical::{training_params, training_party};

use crate::{
    control::Reply,
    exchange::{Answering, Aside, Asking, ExchangeError, Question, witness},
    learn,
    ledger::Reserved,
    link::Incoming,
    policy::Role,
    query::{JobShape, QueryRequest},
    release,
    report::Report,
    rooms::Rooms,
    run::{
        ending::{About, askers_last_word, last_word, record_ending},
        steps::Stages,
    },
};

/// Asks a partner. The answer lies in the node's home when this returns; the reply says where.
///
/// Whoever waits for `events` waits for the answer: when nobody does any more, the question is given up.
///
/// # Errors
/// A [`Report`] of whichever room said no. It has been recorded by then.
pub async fn ask(rooms: &Rooms, request: QueryRequest, events: Events) -> Result<Reply, Report> {
    let query = steps::fresh_query_id()?;
    let (mut reserved, mut asking) = (None, None);
    let walked = tokio::select! {
        walked = walk_as_asker(rooms, &request, query, &events, &mut reserved, &mut asking) => walked,
        () = events.closed() => Err(ExchangeError::Interrupted.into()),
    };
    if let Err(report) = &walked {
        let about = About::own(rooms, &request);
        record_ending(rooms, query, reserved.as_ref(), about, &request.sql, report).await?;
    }
    if let Some(asking) = asking {
        asking.farewell(walked.as_ref().err().map(askers_last_word)).await;
    }
    if let (Ok(_), Some(reserved)) = (&walked, &reserved) {
        witness::settle(rooms, reserved.permitted().partner().id()).await;
    }
    walked
}

async fn walk_as_asker(
    rooms: &Rooms,
    request: &QueryRequest,
    query: QueryId,
    events: &Events,
    kept: &mut Option<Reserved>,
    channel: &mut Option<Asking>,
) -> Result<Reply, Report> {
    let mut stages = Stages::new(events);
    let parsed = steps::parse_own(rooms, request).await?;
    let mut permitted = steps::permit(rooms, parsed.clone(), Role::Asker, request, None).await?;
    if permitted.needs_own_approval() {
        steps::approve(rooms, &permitted, request.wait, events).await?;
        // People take their time; what holds is what holds now.
        permitted = steps::permit(rooms, parsed, Role::Asker, request, None).await?;
    }
    let (mut brought, mut own, mut anew) = (None, None, false);
    if permitted.train().is_some() {
        stages.begin("read own data");
        let read = learn::Own::read(rooms, &permitted).await?;
        let job = till::same_job(rooms, &permitted, read.snapshot()).await;
        anew = !learn::may_go_on(rooms, &job);
        // A partner that was cut off before it had its model says that it would go on; one that has it does not.
        if let Some(reply) = learn::again(rooms, &job)?
            && (anew
                || !till::goes_on(rooms, &permitted, request.wait, read.snapshot()).await.unwrap_or_default())
        {
            return Ok(reply);
        }
        if till::under_way(rooms, &permitted, read.snapshot()).await {
            return Err(learn::TrainFault::UnderWay.into());
        }
        own = Some(read);
    }
    let mut scorable = None;
    if permitted.score().is_some() {
        scorable = Some(learn::Scorable::of(rooms, &permitted).await?);
        stages.begin("read own data");
        own = Some(learn::Own::read(rooms, &permitted).await?);
    }
    if permitted.join().is_some() {
        stages.begin("read own data");
        brought = Some(overlap::Brought::before(rooms, &permitted).await?);
    }
    // The partner has seen our log up to here before anything is set aside, and holds us to it.
    witness::present(rooms, permitted.partner().id()).await?;
    let content = brought.as_ref().map(overlap::Brought::snapshot).or(own.as_ref().map(learn::Own::snapshot));
    let (reserved, paid, mut question) =
        till::ask_anew(rooms, permitted, query, request.wait, content, anew).await?;
    let reserved = kept.insert(reserved);
    if let (Some(own), None) = (&own, &scorable) {
        let job = till::same_job(rooms, reserved.permitted(), own.snapshot()).await;
        question.run = Some(learn::begin(rooms, &job, paid.resumes, query)?);
    }
    // The partner walks its own rooms while we read our data.
    let asking = channel.insert(Asking::open(&rooms.link, reserved, &question).await?);
    if reserved.permitted().plan().is_some() {
        return figures::take(rooms, reserved, asking, request.wait, events).await;
    }
    let own = match (own, scorable) {
        (Some(own), Some(scorable)) => {
            let brought = (scorable, own);
            return vertical::score::take(rooms, reserved, brought, asking, request.wait, (stages, events))
                .await;
        }
        (own, _) => own,
    };
    if let (Some(own), Some(run)) = (own, question.run) {
        return vertical::take(rooms, reserved, (run, own), asking, request.wait, (stages, events)).await;
    }
    if let Some(brought) = brought {
        return overlap::take(rooms, reserved, (paid, brought), asking, request.wait, (stages, events)).await;
    }
    stages.begin("read own data");
    let withdrawals = steps::withdrawals(rooms).await;
    let (mut collected, mut items) = steps::collect(rooms, reserved).await?;
    stages.begin("partner decides and reads");
    asking.granted(request.wait + steps::READING, |aside| steps::tell(events, aside)).await?;
    if steps::withdrawals(rooms).await != withdrawals {
        // Somebody withdrew while the partner made up its mind: from that moment on they take no part.
        (collected, items) = steps::collect(rooms, reserved).await?;
    }
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    stages.begin("intersect");
    let rules = rooms.rules();
    let running = asking.run(reserved, items, &rules, steps::watch(events, "intersect", "items"));
    let joint = steps::in_time(rooms, reserved, running).await?;
    stages.moved(joint.seen.traffic.sent + joint.seen.traffic.received);
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
    let mut reserved = None;
    let question = Question::decode(&opening);
    let walked = match &question {
        Some(question) => walk_as_answerer(rooms, partner, question, &mut answering, &mut reserved).await,
        None => Err(ExchangeError::NotAQuestion { partner: name.clone() }.into()),
    };
    // Recorded first, told then: the partner decides how long it listens, not what our record says.
    let last = match &walked {
        Ok(()) => None,
        Err(report) => {
            let (query, text) = match &question {
                Some(question) => (question.query, question.sql.clone()),
                None => (QueryId::new([0; 32]), String::from_utf8_lossy(&opening).into_owned()),
            };
            let about = About::partners(rooms, name, question.as_ref());
            let recorded = record_ending(rooms, query, reserved.as_ref(), about, &text, report);
            if let Err(unrecorded) = recorded.await {
                tracing::error!(code = %unrecorded.code, "a refusal could not be recorded");
            }
            Some(last_word(report, reserved.is_some()))
        }
    };
    answering.farewell(last).await;
    if reserved.is_some() {
        witness::settle(rooms, partner).await;
    }
}

/// Turns a question away because this node works on as many as it may.
pub async fn turn_away(rooms: &Rooms, incoming: Incoming) {
    let Some(name) = rooms.partner_name(incoming.partner) else { return };
    let report = Report::from(ExchangeError::TooManySessions { partner: name.clone() });
    let text = String::from_utf8_lossy(&incoming.opening).into_owned();
    let nothing = QueryId::new([0; 32]);
    let about = About::partners(rooms, name.clone(), Question::decode(&incoming.opening).as_ref());
    let recorded = record_ending(rooms, nothing, None, about, &text, &report);
    if let Err(unrecorded) = recorded.await {
        tracing::error!(code = %unrecorded.code, "a refusal could not be recorded");
    }
    Answering::new(incoming.channel, name).farewell(Some(last_word(&report, false))).await;
}

async fn walk_as_answerer(
    rooms: &Rooms,
    partner: PartnerId,
    question: &Question,
    answering: &mut Answering,
    kept: &mut Option<Reserved>,
) -> Result<(), Report> {
    let request = question.request();
    let role = Role::Answerer { from: partner };
    let parsed = steps::parse_partners(question.sql.clone()).await?;
    let mut permitted = steps::permit(rooms, parsed.clone(), role, &request, Some(&question.profile)).await?;
    if permitted.score().is_some() {
        // Before people are asked: a model that is not here is nothing to decide about.
        learn::Scorable::of(rooms, &permitted).await?;
    }
    if permitted.needs_own_approval() {
        answering.say(Aside::WaitingForApproval).await?;
        let unheard = steps::unheard();
        tokio::select! {
            approved = steps::approve(rooms, &permitted, request.wait, &unheard) => approved?,
            left = answering.asker_left() => return Err(left.into()),
        }
        // People take their time; what holds is what holds now.
        permitted = steps::permit(rooms, parsed, role, &request, Some(&question.profile)).await?;
    }
    let scorable = match permitted.score() {
        Some(_) => Some(learn::Scorable::of(rooms, &permitted).await?),
        None => None,
    };
    witness::present(rooms, partner).await?;
    let (reserved, paid) = till::answer(rooms, permitted, question).await?;
    let reserved = kept.insert(reserved);
    if reserved.permitted().plan().is_some() {
        return figures::tell(rooms, reserved, paid, answering).await;
    }
    if reserved.permitted().join().is_some() {
        return overlap::tell(rooms, reserved, paid, answering).await;
    }
    if let Some(scorable) = scorable {
        return vertical::score::tell(rooms, reserved, scorable, answering).await;
    }
    if let Some(plan) = reserved.permitted().train() {
        let run = learn::run_of(rooms, question, paid.resumes, partner)?;
        return match plan.job().shape {
            JobShape::Horizontal => learn::tell(rooms, reserved, run, answering).await,
            JobShape::Vertical => vertical::tell(rooms, reserved, run, answering).await,
        };
    }
    answering.say(Aside::Preparing).await?;
    // From here on the time we take, and whether we fail, depends on data.
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    let (collected, items) = tokio::select! {
        collected = steps::collect(rooms, reserved) => collected?,
        left = answering.asker_left() => return Err(left.into()),
    };
    let watch = steps::watch(&steps::unheard(), "intersect", "items");
    let rules = rooms.rules();
    let running = answering.run(reserved, items, &rules, watch);
    let served = steps::in_time(rooms, reserved, running).await?;
    let outcome = release::served(&served, &collected);
    rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
    Ok(())
}
