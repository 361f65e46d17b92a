//! The two walks' middle part for noisy figures over an overlap.
//!
//! Both read their own table, both speak the protocol, and whoever hides its customers from the other adds its noise
//! before anything is opened. What comes before (contract, price) and after (record, answer) is the hallway's, as for
//! every question.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tacit_protocol::{identity::KeyKind, ids::SnapshotHash};

use super::{
    Events,
    steps::{self, Stages},
    till::Paid,
};
use crate::{
    control::Reply,
    exchange::{Answering, Aside, Asking, ExchangeError, Overlapped, Served, Sides},
    ledger::{KeptAnswer, Reserved, Sameness},
    link::Traffic,
    policy::{JoinPlan, Party, Permitted, Sizes},
    release::{self, ReleaseError},
    report::Report,
    rooms::{Rooms, blocking},
    scan::{self, JoinInput, ScanError},
};

/// Runs a join that is reserved and asked, and writes its figures down.
pub(super) async fn take(
    rooms: &Rooms,
    reserved: &Reserved,
    paid: Paid,
    asking: &mut Asking,
    wait: std::time::Duration,
    events: &Events,
) -> Result<Reply, Report> {
    if let (Some(answer), Some(same)) = (&paid.answer, &paid.same) {
        return again(rooms, reserved, (answer, same), asking, wait, events).await;
    }
    let mut stages = Stages::new(events);
    if plan(reserved.permitted())?.receives(Party::Answerer) {
        // The answerer is to learn of our customers: whether reading them fails is something it learns.
        rooms.ledger.spend(reserved, Timestamp::now()).await?;
    }
    stages.begin("read own data");
    let mut withdrawals = steps::withdrawals(rooms).await;
    let mut input = collect(rooms, reserved.permitted()).await?;
    stages.begin("partner decides and reads");
    asking.granted(wait + steps::READING, |aside| steps::tell(events, aside)).await?;
    if steps::withdrawals(rooms).await != withdrawals {
        // Somebody withdrew while the partner made up its mind: from that moment on they take no part.
        withdrawals = steps::withdrawals(rooms).await;
        input = collect(rooms, reserved.permitted()).await?;
    }
    let snapshot = input.snapshot();
    if !plan(reserved.permitted())?.receives(Party::Answerer) {
        rooms.ledger.spend(reserved, Timestamp::now()).await?;
    }
    stages.begin("join");
    let rules = rooms.rules();
    let sizes = asking.sizes(reserved, &input, &rules).await?;
    unchanged(rooms, reserved, withdrawals).await?;
    let sides = sides(reserved.permitted(), sizes).await?;
    let roles = sides.roles.clone();
    let running = asking.join(reserved, sides, input, steps::watch(events, "join", "steps"));
    let Overlapped { figures, seen } = steps::in_time(rooms, reserved, running).await?;
    stages.moved(seen.traffic.sent + seen.traffic.received);
    stages.begin("write answer");
    let opened = figures.unwrap_or_default();
    keep(rooms, reserved, paid.same.filter(|same| same.snapshot == snapshot), &sizes, &seen, &opened).await?;
    let figures = release::opened(plan(reserved.permitted())?, &roles, &opened)?;
    let mut release = release::joined(figures, roles, &seen, reserved, &rooms.home).await?;
    release.of_content(snapshot);
    release.tell("stages", stages.end());
    let receipt = rooms.ledger.record(reserved, release.outcome(), Timestamp::now()).await?;
    Ok(release.show(&receipt)?)
}

/// Takes part in a partner's join. Whoever gets the figures here finds them among the answers.
pub(super) async fn tell(
    rooms: &Rooms,
    reserved: &Reserved,
    paid: Paid,
    answering: &mut Answering,
) -> Result<(), Report> {
    answering.say(Aside::Preparing).await?;
    // JOIN-02: from here on the time we take, and whether we fail, depends on data.
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    if let (Some(answer), Some(same)) = (&paid.answer, &paid.same) {
        let seen = Kept::read(answer)?.seen(reserved.permitted());
        answering.say(Aside::Ready).await?;
        let outcome = release::told_outcome(&seen, Some(same.snapshot));
        rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
        return Ok(());
    }
    let withdrawals = steps::withdrawals(rooms).await;
    let input = tokio::select! {
        input = collect(rooms, reserved.permitted()) => input?,
        left = answering.asker_left() => return Err(left.into()),
    };
    let snapshot: SnapshotHash = input.snapshot();
    let rules = rooms.rules();
    let sizes = answering.sizes(reserved, &input, &rules).await?;
    unchanged(rooms, reserved, withdrawals).await?;
    let sides = sides(reserved.permitted(), sizes).await?;
    let roles = sides.roles.clone();
    let running = answering.join(reserved, sides, input, steps::watch(&steps::unheard(), "join", "steps"));
    let Overlapped { figures, seen } = steps::in_time(rooms, reserved, running).await?;
    let same = paid.same.filter(|same| same.snapshot == snapshot);
    let Some(opened) = figures else {
        // That it was answered is kept here; the figures are the asker's alone.
        keep(rooms, reserved, same, &sizes, &seen, &[]).await?;
        let outcome = release::told_outcome(&seen, Some(snapshot));
        rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
        return Ok(());
    };
    keep(rooms, reserved, same, &sizes, &seen, &opened).await?;
    let figures = release::opened(plan(reserved.permitted())?, &roles, &opened)?;
    let mut release = release::joined(figures, roles, &seen, reserved, &rooms.home).await?;
    release.of_content(snapshot);
    let receipt = rooms.ledger.record(reserved, release.outcome(), Timestamp::now()).await?;
    let reply = release.show(&receipt)?;
    let rows = reply.answer.as_ref().map_or(0, |answer| answer.rows);
    tracing::info!(query = %reserved.query(), rows, "a partner's question was answered for both");
    Ok(())
}

/// Gives the figures of an earlier answer again. The partner says that nothing has changed at its side.
async fn again(
    rooms: &Rooms,
    reserved: &Reserved,
    (answer, same): (&KeptAnswer, &Sameness),
    asking: &mut Asking,
    wait: std::time::Duration,
    events: &Events,
) -> Result<Reply, Report> {
    let mut stages = Stages::new(events);
    stages.begin("partner looks it up");
    let kept = Kept::read(answer)?;
    asking.granted(wait + steps::READING, |aside| steps::tell(events, aside)).await?;
    rooms.ledger.spend(reserved, Timestamp::now()).await?;
    stages.begin("write answer");
    let permitted = reserved.permitted();
    let (plan, seen) = (plan(permitted)?, kept.seen(permitted));
    let roles = plan.roles(kept.sizes());
    let figures = release::opened(plan, &roles, &kept.opened)?;
    let mut release = release::joined(figures, roles, &seen, reserved, &rooms.home).await?;
    release.of_content(same.snapshot);
    release.tell("stages", stages.end());
    let receipt = rooms.ledger.record(reserved, release.outcome(), Timestamp::now()).await?;
    Ok(release.show(&receipt)?)
}

/// An answer as it is kept for those who ask again: at the asker with the figures, at the answerer without.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    asker: u64,
    answerer: u64,
    transcript: [u8; 32],
    /// In the protocol's order.
    opened: Vec<i64>,
}

impl Kept {
    fn read(answer: &KeptAnswer) -> Result<Self, ReleaseError> {
        serde_json::from_slice(&answer.figures).map_err(|_| ReleaseError::NotAsKept)
    }

    const fn sizes(&self) -> Sizes {
        Sizes { asker: self.asker, answerer: self.answerer }
    }

    /// What was seen then; nothing travels now.
    fn seen(&self, permitted: &Permitted) -> Served {
        let (me, sizes) = (permitted.party(), self.sizes());
        Served {
            own_size: sizes.of(me),
            partner_size: sizes.of(me.other()),
            transcript: self.transcript,
            traffic: Traffic::default(),
        }
    }
}

/// Keeps an answer before anybody sees it. One of other content than was asked about is not kept: asked again, it is
/// another question.
async fn keep(
    rooms: &Rooms,
    reserved: &Reserved,
    same: Option<Sameness>,
    sizes: &Sizes,
    seen: &Served,
    opened: &[i64],
) -> Result<(), ReleaseError> {
    let Some(same) = same else { return Ok(()) };
    let (asker, answerer) = (sizes.asker, sizes.answerer);
    let figures = Kept { asker, answerer, transcript: seen.transcript, opened: opened.to_vec() };
    let figures = serde_json::to_vec(&figures).map_err(|_| ReleaseError::NotAsKept)?;
    let answer = KeptAnswer { query: reserved.query(), figures };
    let kept = rooms.kept.clone();
    blocking(move || kept.keep(&same, &answer)).await.map_err(ReleaseError::NotKept)
}

/// Whoever has withdrawn since the data was read takes no part; its number is announced, so it is asked anew.
async fn unchanged(rooms: &Rooms, reserved: &Reserved, withdrawals: usize) -> Result<(), ExchangeError> {
    if steps::withdrawals(rooms).await == withdrawals {
        return Ok(());
    }
    Err(ExchangeError::ConsentChanged { partner: reserved.permitted().partner().name.clone() })
}

/// Who looks up whom, and the noise that this node adds.
async fn sides(permitted: &Permitted, sizes: Sizes) -> Result<Sides, Report> {
    let (plan, me) = (plan(permitted)?.clone(), permitted.party());
    // Samplers are tables, made anew for each width of noise.
    let made = blocking(move || {
        let roles = plan.roles(sizes);
        let noise = release::join_noise(&plan, me, &roles)?;
        let most_noise = release::most_noise(&plan, &roles)?;
        Ok::<_, ReleaseError>(Sides { sizes, roles, noise, most_noise })
    });
    Ok(made.await?)
}

fn plan(permitted: &Permitted) -> Result<&JoinPlan, ReleaseError> {
    // Invariant: the hallway comes here with questions for figures over an overlap alone, and those have a plan.
    permitted.join().ok_or(ReleaseError::NotAsPlanned)
}

/// Reads this node's side: a row a customer.
async fn collect(rooms: &Rooms, permitted: &Permitted) -> Result<JoinInput, Report> {
    let (Some(own), Some(plan)) = (permitted.own().cloned(), permitted.join()) else {
        // Invariant: as `plan`; a join has a table of ours.
        return Err(ScanError::Unknown { name: permitted.me().to_owned(), close: Vec::new() }.into());
    };
    let side = plan.side(permitted.party()).clone();
    let terms = permitted.terms().identity.clone();
    let datasets = rooms.datasets.clone();
    let withdrawn = rooms.withdrawn.clone().read_owned().await;
    blocking(move || {
        let registration = datasets.open(&own.table.dataset, Timestamp::now(), &mut |_| true)?;
        // The kinds of key that this dataset lacks are places without an item.
        let keys: Vec<KeyKind> = terms
            .keys
            .iter()
            .filter(|kind| registration.key_columns(kind).next().is_some())
            .cloned()
            .collect();
        let plan = steps::collect_plan(&registration, &terms, &keys, &own, &withdrawn);
        scan::collect_join(&plan, &terms.keys, &side, &mut |_, _| true)
    })
    .await
    .map_err(|error: ScanError| error.into())
}
