//! The small steps between the rooms: what to hand in, whom to tell, what to write down.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use tacit_protocol::{identity::KeyKind, ids::QueryId};
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::{
    control::Event,
    data::hex,
    exchange::{Aside, Asking, ExchangeError, Watch},
    ledger::Reserved,
    policy::{
        self, ApprovalRequest, Circumstances, Consent, IdentityTerms, KnownColumns, OwnSide, Permitted, Role,
        consent::Withdrawn, day,
    },
    query::{self, NoColumns, Parsed, QueryError, QueryRequest, TableName},
    release::Collected,
    report::Report,
    rooms::{Rooms, blocking},
    scan::{self, CollectPlan, Registration, ScanError},
};

/// Where events of a question go; nobody needs to listen.
pub type Events = UnboundedSender<Event>;

/// How long a partner may take to read its data, beyond the time that its people are given.
pub const READING: Duration = Duration::from_secs(1800);

/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Waits until the partner has decided, and counts the price as spent as soon as the partner does.
pub async fn granted(
    rooms: &Rooms,
    reserved: &Reserved,
    asking: &mut Asking,
    wait: Duration,
    events: &Events,
) -> Result<(), Report> {
    let mut prepares = false;
    let granted = asking
        .granted(wait + READING, |aside| {
            prepares |= matches!(aside, Aside::Preparing);
            tell(events, aside);
        })
        .await;
    // From its "preparing" on the partner counts the price as spent, and both ledgers should say the same.
    if prepares || granted.is_ok() {
        rooms.ledger.spend(reserved, Timestamp::now()).await?;
    }
    Ok(granted?)
}

/// Events that nobody hears.
pub fn unheard() -> Events {
    mpsc::unbounded_channel().0
}

/// 32 random bytes.
pub fn fresh_query_id() -> Result<QueryId, ExchangeError> {
    let mut id = [0; 32];
    SystemRandom::new().fill(&mut id).map_err(|_| ExchangeError::NoRandomness)?;
    Ok(QueryId::new(id))
}

/// Reads a question that was typed here: short column names are completed by what this node knows.
pub async fn parse_own(rooms: &Rooms, request: &QueryRequest) -> Result<Parsed, Report> {
    let read = || {
        let contracts = rooms.contracts.list();
        let known = KnownColumns { me: rooms.identity.id(), contracts: &contracts, datasets: rooms };
        query::parse(&request.sql, &known)?.wishing(request.wish)
    };
    match read() {
        Err(QueryError::UnknownColumn { tables, .. }) => {
            look_again(rooms, tables).await;
            Ok(read()?)
        }
        read => Ok(read?),
    }
}

/// A registration has the columns that the files had when they were last read. When they do not fit, the
/// files may have changed since.
async fn look_again(rooms: &Rooms, tables: Vec<TableName>) {
    let datasets = rooms.datasets.clone();
    blocking(move || {
        for table in tables {
            // Err: not ours. And what is wrong with a file is told by the step that reads it for an answer.
            let _ = datasets.open(&table.dataset, Timestamp::now(), &mut |_| true);
        }
    })
    .await;
}

/// Reads a question that a partner sent: nothing is completed for it, and no I/O thread waits for it.
pub async fn parse_partners(sql: String) -> Result<Parsed, Report> {
    Ok(blocking(move || query::parse(&sql, &NoColumns)).await?)
}

/// How many batches of withdrawals there are.
pub async fn withdrawals(rooms: &Rooms) -> usize {
    rooms.withdrawn.read().await.batches().len()
}

/// Asks policy, and then whether this version can do it at all.
pub async fn permit(
    rooms: &Rooms,
    parsed: Parsed,
    role: Role,
    request: &QueryRequest,
    peer_profile: Option<&str>,
) -> Result<Permitted, Report> {
    let circumstances = Circumstances {
        me: rooms.identity.id(),
        role,
        contract: request.contract.as_deref(),
        purpose: request.purpose.as_deref(),
        peer_profile,
        today: day(Timestamp::now()),
    };
    let ask = |parsed| policy::permit(parsed, &circumstances, &rooms.contracts.list(), rooms);
    let permitted = match ask(parsed.clone()) {
        Err(error) if error.is_about_own_columns() => {
            look_again(rooms, parsed.tables().cloned().collect()).await;
            ask(parsed)?
        }
        said => said?,
    };
    Ok(permitted)
}

/// Waits for a person at this node, where the contract wants one.
pub async fn approve(
    rooms: &Rooms,
    permitted: &Permitted,
    wait: Duration,
    events: &Events,
) -> Result<(), Report> {
    let (Some(own), true) = (permitted.own(), permitted.needs_own_approval()) else { return Ok(()) };
    let now = Timestamp::now();
    let partner = permitted.partner();
    let asker = match permitted.role() {
        Role::Asker => permitted.me(),
        Role::Answerer { .. } => &partner.name,
    };
    if permitted.train().is_some() || permitted.score().is_some() {
        return approve_job(rooms, permitted, own, wait, events).await;
    }
    let matches = format!("{asker} learns which of its own customers match; no noise hides this.");
    let request = ApprovalRequest {
        query: hex(permitted.parsed().hash()),
        contract: permitted.contract_id(),
        contract_name: permitted.terms().name.clone(),
        partner: partner.id(),
        partner_name: partner.name.clone(),
        asker: asker.to_owned(),
        dataset: own.table.dataset.clone(),
        filter: own.filter.as_ref().map(query::Filter::sql),
        tells: std::iter::once(matches).chain(permitted.tells().iter().cloned()).collect(),
        purpose: permitted.purpose().to_owned(),
    };
    let approval = rooms.approvals.request(request, now)?;
    note(events, format!("waiting for a person here: tacit approvals approve {}", approval.id));
    rooms.approvals.wait(&approval.id, wait).await?;
    rooms.approvals.take(&approval.id, Timestamp::now())?;
    Ok(())
}

/// Waits for a person at this node who lets a training job, or a scoring, go on, or not.
async fn approve_job(
    rooms: &Rooms,
    permitted: &Permitted,
    own: &OwnSide,
    wait: Duration,
    events: &Events,
) -> Result<(), Report> {
    let partner = permitted.partner();
    let job = permitted.parsed().training().or_else(|| permitted.parsed().scoring().map(|it| &it.job));
    let (name, kind) = job.map_or(("", ""), |job| (job.name.as_str(), job.kind.name()));
    let does = if permitted.score().is_some() { "scores customers with" } else { "trains" };
    let trains = format!("{} {does} the {kind} model {name}, with you.", permitted.asker());
    let request = ApprovalRequest {
        query: hex(permitted.parsed().hash()),
        contract: permitted.contract_id(),
        contract_name: permitted.terms().name.clone(),
        partner: partner.id(),
        partner_name: partner.name.clone(),
        asker: permitted.asker().to_owned(),
        dataset: own.table.dataset.clone(),
        filter: None,
        tells: std::iter::once(trains).chain(permitted.tells().iter().cloned()).collect(),
        purpose: permitted.purpose().to_owned(),
    };
    let approval = rooms.approvals.request(request, Timestamp::now())?;
    note(events, format!("waiting for a person here: tacit approvals approve {}", approval.id));
    rooms.approvals.wait(&approval.id, wait).await?;
    rooms.approvals.take(&approval.id, Timestamp::now())?;
    Ok(())
}

/// Reads this node's side: the dataset as it is now, by the contract's rules. The items come apart from the
/// rest, because the exchange uses them up.
pub async fn collect(rooms: &Rooms, reserved: &Reserved) -> Result<(Collected, Vec<[u8; 32]>), Report> {
    let permitted = reserved.permitted();
    let terms = permitted.terms().identity.clone();
    // Invariant: a reveal joins two tables, one of them ours; `permit` refused everything else.
    let Some(own) = permitted.own().cloned() else {
        return Err(ScanError::Unknown { name: permitted.me().to_owned(), close: Vec::new() }.into());
    };
    let datasets = rooms.datasets.clone();
    let withdrawn = rooms.withdrawn.clone().read_owned().await;
    blocking(move || {
        let registration = datasets.open(&own.table.dataset, Timestamp::now(), &mut |_| true)?;
        let plan = collect_plan(&registration, &terms, &terms.keys, &own, &withdrawn);
        let input = scan::collect(&plan, &mut |_, _| true)?;
        let (snapshot, counts) = (input.snapshot(), input.counts().clone());
        if let Some(surplus) = counts.surplus() {
            tracing::warn!(dataset = registration.name, "{surplus}");
        }
        let (items, customers) = input.into_parts();
        let (customer, shown) = (own.customer, own.shown);
        Ok((Collected { registration, snapshot, counts, customers, customer, shown }, items))
    })
    .await
    .map_err(|error: ScanError| error.into())
}

/// What is to be read of an own dataset, by the contract's rules.
pub fn collect_plan<'a>(
    registration: &'a Registration,
    terms: &IdentityTerms,
    keys: &'a [KeyKind],
    own: &'a OwnSide,
    withdrawn: &'a Withdrawn,
) -> CollectPlan<'a> {
    CollectPlan {
        registration,
        profile: terms.profile,
        keys,
        default_region: terms.default_region,
        filter: own.filter.as_ref(),
        consent: match &own.consent {
            Consent::Column(column) => Some(column),
            Consent::WithdrawalList => None,
        },
        withdrawn,
    }
}

/// Bounds a session's time.
pub async fn in_time<T>(
    rooms: &Rooms,
    reserved: &Reserved,
    running: impl Future<Output = Result<T, ExchangeError>>,
) -> Result<T, ExchangeError> {
    let partner = reserved.permitted().partner().name.clone();
    let limit = rooms.config.limits.max_session_time;
    tokio::time::timeout(limit, running).await.unwrap_or(Err(ExchangeError::TookTooLong { partner }))
}

/// Tells the person who waits what the partner says.
pub fn tell(events: &Events, aside: &Aside) {
    match aside {
        Aside::WaitingForApproval => {
            note(events, "waiting for a person at the partner to approve".to_owned())
        }
        Aside::Preparing => note(events, "the partner agrees and reads its data".to_owned()),
        Aside::Ready | Aside::Size { .. } | Aside::Refused { .. } | Aside::Ended { .. } => {}
    }
}

fn note(events: &Events, text: String) {
    // Nobody has to listen.
    let _ = events.send(Event::Note { text });
}

/// Tells how far the protocol of a stage is, a few times a second.
pub fn watch(events: &Events, stage: &'static str, unit: &'static str) -> Watch {
    let events = events.clone();
    let started = Instant::now();
    let mut told = started;
    Box::new(move |done, total| {
        let now = Instant::now();
        if now.duration_since(told) < TELL_EVERY && done < total {
            return;
        }
        told = now;
        let per_second = done as f64 / now.duration_since(started).as_secs_f64().max(1e-9);
        let left = total.saturating_sub(done) as f64;
        let seconds_left = (done > 0).then(|| left / per_second);
        let _ = events.send(Event::Progress {
            stage: stage.to_owned(),
            done,
            total,
            unit: unit.to_owned(),
            per_second,
            seconds_left,
        });
    })
}

/// The stages of a question, with the time that each took and the bytes of messages that it moved.
pub struct Stages<'a> {
    events: &'a Events,
    current: Option<(&'static str, Instant)>,
    bytes: u64,
    done: Vec<Value>,
}

impl<'a> Stages<'a> {
    /// Nothing has begun.
    pub const fn new(events: &'a Events) -> Self {
        Self { events, current: None, bytes: 0, done: Vec::new() }
    }

    /// Ends what was going on and begins the next.
    pub fn begin(&mut self, stage: &'static str) {
        self.close();
        self.current = Some((stage, Instant::now()));
        let _ = self.events.send(Event::Stage { stage: stage.to_owned() });
    }

    /// Counts bytes of messages, both ways, for the stage that is going on.
    pub const fn moved(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Ends the last one: name, seconds and bytes of each.
    pub fn end(&mut self) -> Value {
        self.close();
        Value::Array(std::mem::take(&mut self.done))
    }

    fn close(&mut self) {
        if let Some((stage, began)) = self.current.take() {
            let seconds = (began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
            self.done
                .push(json!({ "name": stage, "seconds": seconds, "bytes": std::mem::take(&mut self.bytes) }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_its_own_bytes() {
        let events = unheard();
        let mut stages = Stages::new(&events);
        stages.begin("read own data");
        stages.begin("intersect");
        stages.moved(640);
        stages.begin("write answer");
        let done = stages.end();
        let bytes: Vec<_> = done.as_array().unwrap().iter().map(|stage| stage["bytes"].as_u64()).collect();
        assert_eq!(bytes, [Some(0), Some(640), Some(0)]);
    }
}
