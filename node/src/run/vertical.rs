//! The two walks' middle part for a training of two partners with different columns about the same customers.
//!
//! Both find out which of their own customers the other has too, where the contract says that they may, and bring these
//! into one order; or they bring all customers of either into an order that tells neither who is in both. They divide it by a public hash into customers that are learned from and customers that are held back, and fit the
//! model in shares that neither can read. After every round this node's share is durable before the next word leaves; a
//! run that was cut goes on from there with the same randomness, so it comes to the same model, and nothing is learned
//! or paid for twice.

mod end;
mod evaluate;
mod fit;
mod keep;
mod rows;
mod terms;

use std::time::Duration;

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use tacit_protocol::{
    ids::{QueryId, SnapshotHash},
    learn::vertical::{Party, Trained},
    secret::Secret,
};

use super::{
    Events,
    steps::{self, Stages},
};
use crate::{
    control::Reply,
    exchange::{Answering, Aside, Asking, ExchangeError, Served},
    learn::{
        self, Metric, Own, Rows, TrainFault,
        state::{RunFolder, secret},
    },
    ledger::Reserved,
    report::Report,
    rooms::Rooms,
};
use end::End;
use fit::Story;
use keep::keep;
use rows::Split;
use terms::{Terms, bound, party};

/// Trains with the partner that was asked.
pub(super) async fn take(
    rooms: &Rooms,
    reserved: &Reserved,
    (run, own): (QueryId, Own),
    asking: &mut Asking,
    wait: Duration,
    (mut stages, events): (Stages<'_>, &Events),
) -> Result<Reply, Report> {
    stages.begin("partner decides and reads");
    steps::granted(rooms, reserved, asking, wait, events).await?;
    let own = own.fresh(rooms, reserved.permitted()).await?;
    let end = End::Asking(asking);
    let mut course = Course::begun(rooms, reserved, end, stages, events)?;
    let ended = train(&mut course, run, own).await?;
    course.stages.begin("write model");
    let model = keep(rooms, reserved, ended).await?;
    Ok(learn::shown(&model, course.stages.end()))
}

/// Trains with the partner that asks.
pub(super) async fn tell(
    rooms: &Rooms,
    reserved: &Reserved,
    run: QueryId,
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
    let end = End::Answering(answering);
    let mut course = Course::begun(rooms, reserved, end, stages, &events)?;
    let ended = train(&mut course, run, own).await?;
    keep(rooms, reserved, ended).await?;
    tracing::info!(%run, "a model was trained with a partner");
    Ok(())
}

/// What a training came to at this end.
struct Fitted {
    run: QueryId,
    party: Party,
    trained: Trained,
    snapshot: SnapshotHash,
    rows: Rows,
    seen: Served,
    metrics: Vec<Metric>,
    /// Of our rows, where they are ours to see: what the weights make of each.
    scores: Option<Vec<(u64, f64)>>,
    story: Story,
}

/// A run as one end goes through it.
struct Course<'a> {
    rooms: &'a Rooms,
    reserved: &'a Reserved,
    terms: Terms,
    party: Party,
    end: End<'a>,
    stages: Stages<'a>,
    events: &'a Events,
}

impl<'a> Course<'a> {
    fn begun(
        rooms: &'a Rooms,
        reserved: &'a Reserved,
        end: End<'a>,
        stages: Stages<'a>,
        events: &'a Events,
    ) -> Result<Self, TrainFault> {
        let permitted = reserved.permitted();
        // Invariant: the hallway comes here with jobs alone, and those have a plan.
        let plan = permitted.train().ok_or(TrainFault::StateDamaged)?.clone();
        let party = party(&plan, permitted.me());
        let terms = Terms { plan, contract: permitted.contract_id(), job: permitted.parsed().hash() };
        Ok(Self { rooms, reserved, terms, party, end, stages, events })
    }

    /// Bytes so far, both ways.
    fn bytes(&self) -> u64 {
        let traffic = self.end.traffic();
        traffic.sent + traffic.received
    }
}

async fn train(course: &mut Course<'_>, run: QueryId, own: Own) -> Result<Fitted, Report> {
    let folder = RunFolder::of(&course.rooms.home, &run);
    let _held = folder.hold()?;
    course.stages.begin(if course.terms.plan.hides_overlap() {
        "find an order"
    } else {
        "find common customers"
    });
    let (order, mut seen) = course.align(&own, &folder).await?;
    let permitted = course.reserved.permitted();
    let mut split = Split::of(permitted, (&course.terms.plan, course.party), &own, &order)?;
    let story = Story::told(&folder)?;
    course.terms.job = bound(&course.terms.job, &run, order.hash());
    let alone = split.without_partner(&course.terms.plan).await;
    course.stages.begin("train");
    let secret = secret(&course.rooms.identity.padding_key(), "vertical", &run, &own.snapshot());
    let (learned_from, held_out) = split.counts();
    let trained = course.fit(std::mem::take(&mut split.learn), &folder, secret).await?;
    let customers = std::mem::take(&mut split.rows);
    let (metrics, scores) = course.evaluate(&trained, split, alone).await?;
    seen.transcript = trained.conversation;
    seen.traffic = course.end.traffic();
    Ok(Fitted {
        run,
        party: course.party,
        snapshot: own.snapshot(),
        rows: Rows { trained: Some(learned_from), held_out: Some(held_out), own: own.len() as u64 },
        trained,
        seen,
        metrics,
        scores: scores.map(|scores| customers.into_iter().zip(scores).collect()),
        story,
    })
}

fn fresh_seed() -> Result<Secret<[u8; 32]>, ExchangeError> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| ExchangeError::NoRandomness)?;
    Ok(Secret::new(seed))
}
