//! The two walks' middle part for noisy figures over an overlap.
//!
//! Both read their own table, both speak the protocol, and whoever hides its customers from the other adds its noise
//! before anything is opened. What comes before (contract, price) and after (record, answer) is the hallway's, as for
//! every question.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tacit_protocol::{identity::KeyKind, ids::SnapshotHash};

use super::{
    Events, last,
    steps::{self, Stages},
    till::Paid,
};
use crate::{
    control::Reply,
    exchange::{self, Answering, Aside, Asking, ExchangeError, Opening, Overlapped, Served, Sides, Watch},
    ledger::{KeptAnswer, Reserved, Sameness},
    link::Traffic,
    policy::{JoinPlan, Permitted, Roles, Sizes},
    release::{self, Release, ReleaseError},
    report::Report,
    rooms::{Rooms, blocking},
    scan::{self, JoinInput, ScanError},
};

/// Takes part in a join as the one who asked, with what was read for it before the price was set aside, and writes its
/// figures down.
pub(super) async fn take(
    rooms: &Rooms,
    reserved: &Reserved,
    (paid, brought): (Paid, Brought),
    asking: &mut Asking,
    wait: Duration,
    (mut stages, events): (Stages<'_>, &Events),
) -> Result<Reply, Report> {
    stages.begin("partner decides and reads");
    steps::granted(rooms, reserved, asking, wait, events).await?;
    let mut several = 0;
    let met = if let (Some(answer), Some(same)) = (&paid.answer, &paid.same) {
        Kept::read(answer)?.met(reserved.permitted(), same.snapshot)?
    } else {
        let brought = brought.fresh(rooms, reserved).await?;
        several = brought.input.several();
        stages.begin("join");
        let watch = steps::watch(events, "join", "steps");
        meet(rooms, reserved, &paid, End::Asking(asking), brought, watch).await?
    };
    stages.moved(met.seen.traffic.sent + met.seen.traffic.received);
    stages.begin("write answer");
    let opened = met.opened.as_deref().unwrap_or_default();
    let mut release = written(rooms, reserved, &met, opened).await?;
    if several > 0 {
        // Of our own data, and for us alone.
        release.note(format!(
            "{several} of our customers have several identifiers of one kind, and took part with one of them"
        ));
    }
    last::show(rooms, reserved, release, stages).await
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
    let met = if let (Some(answer), Some(same)) = (&paid.answer, &paid.same) {
        answering.say(Aside::Ready).await?;
        Kept::read(answer)?.met(reserved.permitted(), same.snapshot)?
    } else {
        let brought = tokio::select! {
            brought = Brought::read(rooms, reserved.permitted()) => brought?,
            left = answering.asker_left() => return Err(left.into()),
        };
        let watch = steps::watch(&steps::unheard(), "join", "steps");
        meet(rooms, reserved, &paid, End::Answering(answering), brought, watch).await?
    };
    let Some(opened) = met.opened.as_deref().filter(|_| paid.answer.is_none()) else {
        return last::told(rooms, reserved, &met.seen, met.snapshot).await;
    };
    let release = written(rooms, reserved, &met, opened).await?;
    let events = steps::unheard();
    let reply = last::show(rooms, reserved, release, Stages::new(&events)).await?;
    let rows = reply.answer.as_ref().map_or(0, |answer| answer.rows);
    tracing::info!(query = %reserved.query(), rows, "a partner's question was answered for both");
    Ok(())
}

/// What this node brings to a join, and how many batches of withdrawals it honours.
pub(super) struct Brought {
    input: JoinInput,
    withdrawals: usize,
}

impl Brought {
    /// Reads our own table.
    pub async fn read(rooms: &Rooms, permitted: &Permitted) -> Result<Self, Report> {
        let withdrawals = steps::withdrawals(rooms).await;
        Ok(Self { input: collect(rooms, permitted).await?, withdrawals })
    }

    /// An asker's, before anybody hears of the question: a table that cannot be read, or is too large for a join, costs
    /// nothing and tells nobody.
    pub async fn before(rooms: &Rooms, permitted: &Permitted) -> Result<Self, Report> {
        let brought = Self::read(rooms, permitted).await?;
        exchange::padded(&rooms.rules(), permitted.contract_id(), &brought.input)?;
        Ok(brought)
    }

    /// The content that was read.
    pub const fn snapshot(&self) -> SnapshotHash {
        self.input.snapshot()
    }

    /// The same, or read anew if somebody withdrew since: from that moment on they take no part.
    async fn fresh(self, rooms: &Rooms, reserved: &Reserved) -> Result<Self, Report> {
        if steps::withdrawals(rooms).await == self.withdrawals {
            return Ok(self);
        }
        Self::read(rooms, reserved.permitted()).await
    }
}

/// One end of the channel.
enum End<'a> {
    Asking(&'a mut Asking),
    Answering(&'a mut Answering),
}

/// What a join came to, now or when it was paid for.
struct Met {
    sizes: Sizes,
    roles: Roles,
    seen: Served,
    /// The content that was brought.
    snapshot: SnapshotHash,
    /// The figures in the protocol's order, for an end that gets them.
    opened: Option<Vec<i64>>,
}

/// Runs the protocol. Until this end's half of the figures leaves, a question that breaks off can be taken up again for
/// what it has paid; from there on the note that it was begun is gone.
async fn meet(
    rooms: &Rooms,
    reserved: &Reserved,
    paid: &Paid,
    end: End<'_>,
    Brought { input, withdrawals }: Brought,
    watch: Watch,
) -> Result<Met, Report> {
    let (rules, permitted, snapshot) = (rooms.rules(), reserved.permitted(), input.snapshot());
    let same = paid.same.filter(|same| same.snapshot == snapshot);
    if paid.resumes && same.is_none() {
        return Err(ExchangeError::ContentChanged.into());
    }
    let kept = rooms.kept.clone();
    // What was begun over another content is not taken up again.
    let begun = same.or(paid.same);
    let opening = move || begun.map_or(Ok(()), |same| kept.opened(&same));
    if same.is_none() {
        opening().map_err(ExchangeError::Unnoted)?;
    }
    // Whoever asked and goes away has given up, and pays again.
    let given_up = matches!(end, End::Asking(_)).then(|| GivenUp(Some(Box::new(opening.clone()))));
    let running = async {
        let mut end = end;
        let sizes = match &mut end {
            End::Asking(asking) => asking.sizes(reserved, &input, &rules).await?,
            End::Answering(answering) => answering.sizes(reserved, &input, &rules).await?,
        };
        unchanged(rooms, reserved, withdrawals).await?;
        let sides = sides(permitted, sizes).await?;
        let roles = sides.roles.clone();
        let gate = (watch, Box::new(opening.clone()) as Opening);
        let Overlapped { figures, seen } = match end {
            End::Asking(asking) => {
                let running = asking.join(reserved, sides, input, gate);
                steps::in_time(rooms, reserved, running).await?
            }
            End::Answering(answering) => {
                let running = answering.join(reserved, sides, input, gate);
                steps::in_time(rooms, reserved, running).await?
            }
        };
        Ok::<_, Report>(Met { sizes, roles, seen, snapshot, opened: figures })
    };
    let ran = running.await;
    given_up.into_iter().for_each(GivenUp::forget);
    match ran {
        Ok(met) => {
            keep(rooms, reserved, same, &met).await?;
            opening().map_err(ExchangeError::Unnoted)?;
            Ok(met)
        }
        Err(report) => {
            // A way that broke, or a partner that fell silent, is nobody's fault. Whoever broke a rule pays again.
            if !["E-LINK-", "E-PEER-SILENT", "E-LIMIT-TIME"].iter().any(|code| report.code.starts_with(code))
            {
                opening().map_err(ExchangeError::Unnoted)?;
            }
            Err(report)
        }
    }
}

/// Calls what it holds when it is dropped in the middle.
struct GivenUp(Option<Opening>);

impl GivenUp {
    /// It came to its end.
    fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(|mut opening| opening()) {
            tracing::warn!(%error, "that a question was given up could not be noted");
        }
    }
}

/// The table of the figures, written and not yet shown.
async fn written(rooms: &Rooms, reserved: &Reserved, met: &Met, opened: &[i64]) -> Result<Release, Report> {
    let figures = release::opened(plan(reserved.permitted())?, &met.roles, opened)?;
    let mut release = release::joined(figures, met.roles.clone(), &met.seen, reserved, &rooms.home).await?;
    release.of_content(met.snapshot);
    Ok(release)
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

    /// What was seen then; nothing travels now.
    fn met(self, permitted: &Permitted, snapshot: SnapshotHash) -> Result<Met, ReleaseError> {
        let me = permitted.party();
        let sizes = Sizes { asker: self.asker, answerer: self.answerer };
        let seen = Served {
            own_size: sizes.of(me),
            partner_size: sizes.of(me.other()),
            transcript: self.transcript,
            traffic: Traffic::default(),
        };
        let roles = plan(permitted)?.roles(sizes);
        Ok(Met { sizes, roles, seen, snapshot, opened: Some(self.opened) })
    }
}

/// Keeps an answer before anybody sees it. One of other content than was asked about is not kept: asked again, it is
/// another question.
async fn keep(
    rooms: &Rooms,
    reserved: &Reserved,
    same: Option<Sameness>,
    met: &Met,
) -> Result<(), ReleaseError> {
    let Some(same) = same else { return Ok(()) };
    let Sizes { asker, answerer } = met.sizes;
    // Where the figures are the partner's alone, that there was an answer is kept.
    let opened = met.opened.clone().unwrap_or_default();
    let figures = Kept { asker, answerer, transcript: met.seen.transcript, opened };
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
