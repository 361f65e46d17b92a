//! The two walks' middle part for noisy figures over one partner's table.
//!
//! The asker has no data in it; the owner adds up, adds noise, and only then speaks. What comes before (contract,
//! price) and after (record, answer) is the hallway's, as for every question.

use jiff::Timestamp;
use tacit_protocol::{aggregate::Figures, identity::KeyKind, ids::SnapshotHash};

use super::{
    Events, last,
    steps::{self, Stages},
    till::Paid,
};
use crate::{
    control::Reply,
    exchange::{Answering, Aside, Asking},
    ledger::{KeptAnswer, Reserved},
    policy::Permitted,
    release::{self, ReleaseError},
    report::Report,
    rooms::{Rooms, blocking},
    scan::{self, Aggregated, ScanError},
};

/// Takes the figures of a question that is reserved and asked, and writes them down.
pub(super) async fn take(
    rooms: &Rooms,
    reserved: &Reserved,
    asking: &mut Asking,
    wait: std::time::Duration,
    events: &Events,
) -> Result<Reply, Report> {
    let mut stages = Stages::new(events);
    stages.begin("partner decides and counts");
    asking.granted(wait + steps::READING, |aside| steps::tell(events, aside)).await?;
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    stages.begin("receive figures");
    let running = asking.figures(reserved, steps::watch(events, "receive figures", "figures"));
    let (figures, seen) = steps::in_time(rooms, reserved, running).await?;
    stages.moved(seen.traffic.sent + seen.traffic.received);
    stages.begin("write answer");
    let release = release::answered(figures, &seen, reserved, &rooms.home).await?;
    last::show(rooms, reserved, release, stages).await
}

/// Adds up, adds noise, and tells.
pub(super) async fn tell(
    rooms: &Rooms,
    reserved: &Reserved,
    paid: Paid,
    answering: &mut Answering,
) -> Result<(), Report> {
    answering.say(Aside::Preparing).await?;
    // AGG-08: from here on the time we take, and whether we fail, depends on data.
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    let (figures, snapshot) = tokio::select! {
        told = figures(rooms, reserved, paid) => told?,
        left = answering.asker_left() => return Err(left.into()),
    };
    let running =
        answering.tell(reserved, &figures, steps::watch(&steps::unheard(), "tell figures", "figures"));
    let seen = steps::in_time(rooms, reserved, running).await?;
    last::told(rooms, reserved, &seen, snapshot).await
}

/// The figures that were paid for: those of an earlier answer, or fresh ones, kept before they leave.
async fn figures(rooms: &Rooms, reserved: &Reserved, paid: Paid) -> Result<(Figures, SnapshotHash), Report> {
    // AGG-09: the same question over the same content gets the same bytes.
    if let (Some(answer), Some(same)) = (paid.answer, paid.same) {
        let figures = Figures::decode(&answer.figures).map_err(|_| ReleaseError::NotAsKept)?;
        return Ok((figures, same.snapshot));
    }
    let (figures, snapshot) = noisy(rooms, reserved.permitted()).await?;
    // Files that changed since the price was set are another content: asked again, it is another question.
    if let Some(same) = paid.same.filter(|same| same.snapshot == snapshot) {
        let answer = KeptAnswer { query: reserved.query(), figures: figures.encode() };
        let kept = rooms.kept.clone();
        blocking(move || kept.keep(&same, &answer)).await.map_err(ReleaseError::NotKept)?;
    }
    Ok((figures, snapshot))
}

/// The figures of a question over our own table, with their noise, and the content they are of. The exact ones
/// are gone when this returns.
async fn noisy(rooms: &Rooms, permitted: &Permitted) -> Result<(Figures, SnapshotHash), Report> {
    let (Some(own), Some(plan)) = (permitted.own().cloned(), permitted.plan().cloned()) else {
        // Invariant: the hallway comes here with questions for figures over our own table, which have both.
        return Err(ScanError::Unknown { name: permitted.me().to_owned(), close: Vec::new() }.into());
    };
    let terms = permitted.terms().identity.clone();
    let datasets = rooms.datasets.clone();
    let withdrawn = rooms.withdrawn.clone().read_owned().await;
    blocking(move || {
        let registration = datasets.open(&own.table.dataset, Timestamp::now(), &mut |_| true)?;
        // Nobody else's identifiers are met, so the kinds of key that this dataset lacks are not missed.
        let keys: Vec<KeyKind> = terms
            .keys
            .iter()
            .filter(|kind| registration.key_columns(kind).next().is_some())
            .cloned()
            .collect();
        let collect = steps::collect_plan(&registration, &terms, &keys, &own, &withdrawn);
        let Aggregated { exact, snapshot, .. } = scan::aggregate(&collect, &plan, &mut |_, _| true)?;
        Ok((release::noisy(&plan, exact)?, snapshot))
    })
    .await
}
