//! The till: what a question costs, and whether it was paid for before.
//!
//! Two earlier questions pay for one that is the same over the same content: one whose answer is kept, which is given
//! again, and, over an overlap, one that broke off before anybody had figures of it, which is computed anew under fresh
//! noise. Either has to be known to both nodes under the same id. `docs/decisions/0009-a-retry-pays-once.md` says why
//! nothing else is free.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::{PartnerId, QueryId, SnapshotHash},
    log::book::{Past, Wish},
};

use super::{noises, steps};
use crate::{
    data::hex,
    exchange::{Earlier, ExchangeError, Question, papers},
    learn::{self, state},
    ledger::{Cost, KeptAnswer, Reserved, Sameness},
    policy::{Decimal, JoinPlan, Permitted, Role, TrainPlan, ceiling},
    query::JobShape,
    release,
    report::Report,
    rooms::{Rooms, blocking},
};

/// How long a run with a node that died is given to end, before a question is charged anew.
const ENDING: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// How long a partner of a training is asked, and how often, before it is taken to have nothing left of it.
const PATIENCE: Duration = Duration::from_secs(20);
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Sets an asker's question aside: free if both ledgers know an earlier one that paid for it, and this one need not be paid
/// for `anew`. With it the question as the partner gets it. `content` is what was read of our own table for it, if anything
/// was.
pub(crate) async fn ask_anew(
    rooms: &Rooms,
    permitted: Permitted,
    query: QueryId,
    wait: Duration,
    content: Option<SnapshotHash>,
    anew: bool,
) -> Result<(Reserved, Paid, Question), Report> {
    let (mut cost, mut earlier) = (cost(rooms, &permitted), Earlier::default());
    let mut paid = Paid::default();
    if let Some(snapshot) = content.filter(|_| brings(&permitted)) {
        paid.same = Some(brought(rooms, &permitted, snapshot).await);
    }
    let content = paid.same.map(|same| named(rooms, &same));
    let left = paid.same.filter(|_| !anew).and_then(|same| left(rooms, &same, is_free(&permitted)));
    // Figures over an overlap are nowhere but here. Where nothing is left of them, nothing is asked, and the partner does
    // not see the content pseudonym before the price is set aside.
    if permitted.plan().is_some() || left.is_some() {
        let question = Question { content: content.clone(), ..Question::of(&permitted, query, wait) };
        let broken = left.as_ref().filter(|left| left.answer.is_none()).map(|left| left.query);
        let quoted = quote(rooms, &permitted, question, broken).await?;
        match left {
            Some(Left { query, cost: free, answer: Some(answer) }) if quoted.repeats == Some(query) => {
                (cost, earlier.repeats, paid.answer) = ((free, None), Some(query), Some(answer));
            }
            Some(Left { query, cost: free, answer: None }) if quoted.resumes == Some(query) => {
                (cost, earlier.resumes, paid.resumes) = ((free, None), Some(query), true);
            }
            Some(_) => {}
            None => {
                if let Some((query, free)) = quoted.repeats.and_then(|q| Some((q, paid_for(rooms, &q)?))) {
                    (cost, earlier.repeats) = ((free, None), Some(query));
                }
            }
        }
    }
    let told = told(rooms, &permitted).await;
    let reserved = rooms.ledger.reserve(permitted, query, cost, told, Timestamp::now()).await?;
    begin(rooms, &reserved, &paid).await?;
    let question = Question::about(&reserved, wait, earlier, content);
    Ok((reserved, paid, question))
}

/// Whether an earlier question with this partner, the same over the same content, broke off and can be taken up again.
pub(crate) async fn goes_on(
    rooms: &Rooms,
    permitted: &Permitted,
    wait: Duration,
    content: SnapshotHash,
) -> Result<bool, Report> {
    let same = brought(rooms, permitted, content).await;
    let Some(Left { query: earlier, answer: None, .. }) = left(rooms, &same, is_free(permitted)) else {
        return Ok(false);
    };
    let content = Some(named(rooms, &same));
    let question = Question { content, ..Question::of(permitted, steps::fresh_query_id()?, wait) };
    Ok(quote(rooms, permitted, question, Some(earlier)).await?.resumes == Some(earlier))
}

/// What the partner has left for a question, of which `broken` broke off here. A training is asked for again and again for a
/// while: a partner that is just being started, or has not seen yet that the run is over, would be paid twice, and what
/// was learned until then would be lost.
async fn quote(
    rooms: &Rooms,
    permitted: &Permitted,
    question: Question,
    broken: Option<QueryId>,
) -> Result<Earlier, Report> {
    let partner = permitted.partner().id();
    if broken.is_none() || permitted.train().is_none() {
        return Ok(papers::quote(rooms, partner, question).await);
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let quoted = papers::quote_of_reachable(rooms, partner, question.clone()).await;
        let says = quoted.as_ref().is_ok_and(|earlier| *earlier != Earlier::default());
        if says || Instant::now() >= until {
            return quoted;
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Whether the same question over the same content is being worked on: begun twice, it would be paid for twice.
pub(crate) async fn under_way(rooms: &Rooms, permitted: &Permitted, content: SnapshotHash) -> bool {
    let same = brought(rooms, permitted, content).await;
    rooms.kept.begun(&same).is_some_and(|query| is_open(rooms, &query))
}

/// By what a partner knows what we bring to a question: the same for the same, and nothing that could be guessed back.
pub(crate) async fn pseudonym(rooms: &Rooms, permitted: &Permitted, content: SnapshotHash) -> String {
    named(rooms, &brought(rooms, permitted, content).await)
}

/// By what this node knows a training job again.
pub(crate) async fn same_job(rooms: &Rooms, permitted: &Permitted, content: SnapshotHash) -> String {
    let content = pseudonym(rooms, permitted, content).await;
    state::same_job(&permitted.contract_id(), &permitted.question_for_partner(), Some(&content))
}

/// Whether what the asker brings makes it another question.
fn brings(permitted: &Permitted) -> bool {
    permitted.join().is_some() || permitted.train().is_some()
}

/// Whether there is nothing to charge: a question that broke off has then paid for nothing, and costs nothing again.
fn is_free(permitted: &Permitted) -> bool {
    permitted.charges().is_empty()
}

/// What has been paid for: the answer to give again, or where to keep a fresh one.
#[derive(Default)]
pub(crate) struct Paid {
    /// Kept from the question that paid for it.
    pub answer: Option<KeptAnswer>,
    /// Under what a fresh one is kept.
    pub same: Option<Sameness>,
    /// Whether an earlier question, of which nobody had figures, paid for it.
    pub resumes: bool,
}

/// Sets a partner's question aside, free if an earlier one paid for it.
pub(super) async fn answer(
    rooms: &Rooms,
    permitted: Permitted,
    question: &Question,
) -> Result<(Reserved, Paid), Report> {
    let same = sameness(rooms, &permitted, question).await;
    let left = same.and_then(|same| left(rooms, &same, is_free(&permitted)));
    let partner = || permitted.partner().name.clone();
    let left = match (left, question.earlier) {
        (Some(left), Earlier { repeats: Some(query), resumes: None })
            if left.query == query && left.answer.is_some() =>
        {
            Some(left)
        }
        (Some(left), Earlier { repeats: None, resumes: Some(query) })
            if left.query == query && left.answer.is_none() =>
        {
            Some(left)
        }
        // The owner of a table gives its figures again whether the asker knows them or not.
        (Some(left), Earlier { repeats: None, resumes: None }) if !brings(&permitted) => {
            Some(left).filter(|left| matches!(left.cost, Cost::Repeats { .. }))
        }
        // The figures over an overlap are at the asker: one that has them no more asks anew, and pays anew.
        (_, Earlier { repeats: None, resumes: None }) => None,
        _ => return Err(ExchangeError::NothingToRepeat { partner: partner() }.into()),
    };
    let mut paid = Paid { same, ..Paid::default() };
    let cost = match left {
        Some(Left { cost, answer, .. }) => {
            (paid.answer, paid.resumes) = (answer, question.earlier.resumes.is_some());
            (cost, None)
        }
        None => cost(rooms, &permitted),
    };
    let told = told(rooms, &permitted).await;
    let reserved = rooms.ledger.reserve(permitted, question.query, cost, told, Timestamp::now()).await?;
    begin(rooms, &reserved, &paid).await?;
    Ok((reserved, paid))
}

/// What an earlier question has left for a partner's. Tells nothing that asking it would not tell.
pub async fn quoted(rooms: &Rooms, partner: PartnerId, question: &Question) -> Earlier {
    let sameness = async || {
        let request = question.request();
        let role = Role::Answerer { from: partner };
        let parsed = steps::parse_partners(question.sql.clone()).await.ok()?;
        let permitted = steps::permit(rooms, parsed, role, &request, Some(&question.profile)).await.ok()?;
        // What a training could be taken up from may be gone: then it begins anew, at both.
        let job = state::same_job(&question.contract, &question.sql, question.content.as_deref());
        if permitted.train().is_some() && !learn::may_go_on(rooms, &job) {
            return None;
        }
        Some((sameness(rooms, &permitted, question).await?, is_free(&permitted)))
    };
    let Some((same, free)) = sameness().await else { return Earlier::default() };
    // A partner that was killed asks again at once; our end of the run that it was in ends when we see that.
    let until = Instant::now() + ENDING;
    while rooms.kept.begun(&same).is_some_and(|query| is_open(rooms, &query)) && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    match left(rooms, &same, free) {
        Some(Left { query, answer: Some(_), .. }) => Earlier { repeats: Some(query), resumes: None },
        Some(Left { query, answer: None, .. }) => Earlier { repeats: None, resumes: Some(query) },
        None => Earlier::default(),
    }
}

/// What is left of an earlier question: its figures, or its price alone.
struct Left {
    query: QueryId,
    /// What it makes of the cost.
    cost: Cost,
    answer: Option<KeptAnswer>,
}

fn left(rooms: &Rooms, same: &Sameness, free: bool) -> Option<Left> {
    let answered = rooms.kept.find(same).and_then(|answer| {
        Some(Left { query: answer.query, cost: paid_for(rooms, &answer.query)?, answer: Some(answer) })
    });
    let begun = || {
        let query = rooms.kept.begun(same)?;
        let cost = match paid_for(rooms, &query) {
            Some(cost @ Cost::Resumes { .. }) => cost,
            None if free && matches!(rooms.ledger.past(&query), Some(Past::Aborted { .. })) => Cost::Nothing,
            _ => return None,
        };
        Some(Left { query, cost, answer: None })
    };
    answered.or_else(begun)
}

/// Notes that a question over an overlap was begun, which a retry of it can go by. One that is taken up again has its
/// note.
async fn begin(rooms: &Rooms, reserved: &Reserved, paid: &Paid) -> Result<(), Report> {
    let fresh = brings(reserved.permitted()) && paid.answer.is_none() && !paid.resumes;
    let Some(same) = paid.same.filter(|_| fresh) else { return Ok(()) };
    let (kept, query) = (rooms.kept.clone(), reserved.query());
    // Without the note a retry is charged, and nothing else is lost.
    if let Err(error) = blocking(move || kept.begin(&same, query)).await {
        tracing::warn!(%error, "a question's beginning could not be noted");
    }
    Ok(())
}

/// The price of a question (a revelation has none in ε), and that of the answerer where both learn.
pub(crate) fn cost(rooms: &Rooms, permitted: &Permitted) -> (Cost, Option<Wish>) {
    let budget = rooms.config.budget;
    // Only the owner knows how much all askers together may learn.
    let most = ceiling(budget.ceiling_epsilon_micro, budget.ceiling_delta_femto);
    let mut wishes = permitted.wishes(most).into_iter();
    let asker = wishes.next().map_or(Cost::Nothing, |wish| Cost::Charge(Box::new(wish)));
    (asker, wishes.next())
}

/// What the record says of the question besides the charge: what it looks at, never what it looks for; and how
/// many batches of withdrawals there were, which the data that is read for it honours, and later ones too.
pub(crate) async fn told(rooms: &Rooms, permitted: &Permitted) -> Value {
    let price = match permitted.plan().or_else(|| permitted.join().map(JoinPlan::figures)) {
        Some(plan) => release::priced(plan),
        None if permitted.train().is_some() => trained(permitted),
        None if permitted.score().is_some() => {
            json!({ "epsilon": 0, "reveals": "scores of the customers that both have" })
        }
        None => json!({ "epsilon": 0, "reveals": "which of the asker's own customers match" }),
    };
    let mut told = json!({
        "price": price,
        "shape": permitted.parsed().shape(),
        "withdrawals": steps::withdrawals(rooms).await,
    });
    if let Some(score) = permitted.score() {
        told["model"] = json!(score.model());
    }
    if let Some(plan) = permitted.plan() {
        told["noise"] = json!(noises::of_table(plan));
    }
    if let Some(noise) = permitted.train().map(noises::of_training).filter(|noise| !noise.is_empty()) {
        told["noise"] = json!(noise);
    }
    if let (Some(join), Value::Object(fields)) = (permitted.join(), &mut told)
        && let Value::Object(noise) = noises::of_join(join)
    {
        fields.extend(noise);
    }
    let asker = permitted.asker();
    let partner = &permitted.partner().name;
    let answerer = if asker == permitted.me() { partner } else { permitted.me() };
    let across = permitted.train().filter(|plan| plan.job().shape == JobShape::Vertical);
    if let (Some(plan), Value::Object(fields)) = (across, &mut told)
        && (plan.hides_overlap() || plan.price().is_some())
        && let Value::Object(noise) = noises::of_columns(plan, asker, answerer)
    {
        fields.extend(noise);
    }
    told
}

/// The price of a training job, for the record.
fn trained(permitted: &Permitted) -> Value {
    match permitted.train().and_then(TrainPlan::price) {
        Some(price) => json!({
            "epsilon": Decimal::of_micro(price.epsilon_micro()).to_string(),
            "delta": Decimal::of_femto(price.delta_femto()).to_string(),
            "nano_rho": price.amount().nano_rho,
        }),
        None => json!({ "epsilon": 0, "reveals": "a model without noise" }),
    }
}

/// What a partner's question for figures is the same by; `None` for others.
async fn sameness(rooms: &Rooms, permitted: &Permitted, question: &Question) -> Option<Sameness> {
    let trained = permitted.train().map(|_| permitted.parsed().hash());
    let mut hash = match (permitted.figures_hash(), permitted.join_hash().or(trained), &question.content) {
        (Some(figures), ..) => Sha256::new_with_prefix(figures),
        // What the asker brings makes it another question as well.
        (None, Some(join), Some(content)) => Sha256::new_with_prefix(join).chain_update(content),
        _ => return None,
    };
    let snapshot = snapshot(rooms, permitted).await?;
    // Who withdraws takes no part from that moment on: then it is another question.
    hash.update((steps::withdrawals(rooms).await as u64).to_le_bytes());
    Some(Sameness {
        contract: permitted.contract_id(),
        asker: permitted.partner().id(),
        question: hash.finalize().into(),
        snapshot,
    })
}

/// What our own question over an overlap is the same by, as far as we know: the whole of it, and our own content.
async fn brought(rooms: &Rooms, permitted: &Permitted, snapshot: SnapshotHash) -> Sameness {
    let mut hash = Sha256::new_with_prefix(permitted.parsed().hash());
    if permitted.train().is_some() {
        // A job is asked of several partners at once; what each has left is its own affair.
        hash.update(permitted.partner().id().as_bytes());
    }
    hash.update((steps::withdrawals(rooms).await as u64).to_le_bytes());
    let (contract, asker) = (permitted.contract_id(), rooms.identity.id());
    Sameness { contract, asker, question: hash.finalize().into(), snapshot }
}

/// What a partner hears of that: the same for the same, and nothing that could be guessed back.
fn named(rooms: &Rooms, same: &Sameness) -> String {
    let rules = rooms.rules();
    let key = hmac::Key::new(hmac::HMAC_SHA256, rules.padding_key.expose());
    let mut context = hmac::Context::with_key(&key);
    context.update(b"tacit join content 1");
    for part in [same.contract.as_bytes(), &same.question, same.snapshot.as_bytes()] {
        context.update(part);
    }
    hex(context.sign())
}

async fn snapshot(rooms: &Rooms, permitted: &Permitted) -> Option<SnapshotHash> {
    let dataset = permitted.own()?.table.dataset.clone();
    let datasets = rooms.datasets.clone();
    // Err: the step that reads it for an answer says what is wrong.
    let opened = blocking(move || datasets.open(&dataset, Timestamp::now(), &mut |_| true)).await.ok()?;
    Some(opened.snapshot_hash())
}

/// What a question costs that is the same as this one: nothing, if our ledger has charged this one.
fn paid_for(rooms: &Rooms, query: &QueryId) -> Option<Cost> {
    match rooms.ledger.past(query)? {
        Past::Answered { answer, .. } => Some(Cost::Repeats { answer }),
        Past::Aborted { reserve, .. } => {
            rooms.ledger.book(|book| book.is_unfinished(reserve)).then_some(Cost::Resumes { reserve })
        }
        _ => None,
    }
}

/// Whether a question, or one that takes it up again, is under way.
fn is_open(rooms: &Rooms, query: &QueryId) -> bool {
    match rooms.ledger.past(query) {
        Some(Past::Open { .. }) => true,
        Some(Past::Aborted { reserve, .. }) => {
            rooms.ledger.book(|book| book.open().any(|(_, run)| run.resumes() == Some(reserve)))
        }
        _ => false,
    }
}
