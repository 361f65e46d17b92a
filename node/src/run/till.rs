//! The till: what a question costs, and whether it was paid for before.

use jiff::Timestamp;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::{PartnerId, QueryId, SnapshotHash},
    log::book::{Past, Wish},
};

use super::{price, steps};
use crate::{
    data::hex,
    exchange::{ExchangeError, Question, papers},
    ledger::{Cost, KeptAnswer, Reserved, Sameness},
    policy::{JoinPlan, Permitted, Role, ceiling},
    release,
    report::Report,
    rooms::{Rooms, blocking},
};

/// Sets an asker's question aside: free if the partner says that it repeats one which our own ledger knows as
/// answered. With it the question as the partner gets it.
pub(super) async fn ask(
    rooms: &Rooms,
    permitted: Permitted,
    query: QueryId,
    wait: std::time::Duration,
) -> Result<(Reserved, Paid, Question), Report> {
    let (mut cost, mut repeats) = (cost(rooms, &permitted), None);
    let mut paid = Paid { answer: None, same: None };
    let mut content = None;
    if permitted.join().is_some() {
        paid.same = brought(rooms, &permitted).await;
        content = paid.same.map(|same| named(rooms, &same));
    }
    if permitted.plan().is_some() || content.is_some() {
        let question = Question { content: content.clone(), ..Question::of(&permitted, query, wait) };
        let earlier = papers::quote(rooms, permitted.partner().id(), question).await;
        if let Some((earlier, answer)) =
            earlier.and_then(|earlier| Some((earlier, answered(rooms, &earlier)?)))
        {
            // Figures over an overlap are nowhere but here: without them nothing can be given again.
            paid.answer = paid.same.and_then(|same| kept(rooms, &same)).map(|(answer, _)| answer);
            let here = paid.answer.as_ref().is_some_and(|kept| kept.query == earlier);
            if permitted.join().is_none() || here {
                (cost, repeats) = ((Cost::Repeats { answer }, None), Some(earlier));
            } else {
                paid.answer = None;
            }
        }
    }
    let told = told(rooms, &permitted).await;
    let reserved = rooms.ledger.reserve(permitted, query, cost, told, Timestamp::now()).await?;
    let question = Question::about(&reserved, wait, repeats, content);
    Ok((reserved, paid, question))
}

/// What has been paid for: the answer to give again, or where to keep a fresh one.
pub(super) struct Paid {
    /// Kept from the question that paid for it.
    pub answer: Option<KeptAnswer>,
    /// Under what a fresh one is kept.
    pub same: Option<Sameness>,
}

/// Sets a partner's question aside, free if it is one that was answered before.
pub(super) async fn answer(
    rooms: &Rooms,
    permitted: Permitted,
    question: &Question,
) -> Result<(Reserved, Paid), Report> {
    let same = sameness(rooms, &permitted, question).await;
    let mut kept = same.and_then(|same| kept(rooms, &same));
    if kept.is_none() && question.repeats.is_some() {
        let partner = permitted.partner().name.clone();
        return Err(ExchangeError::NothingToRepeat { partner }.into());
    }
    if permitted.join().is_some() && question.repeats.is_none() {
        // The figures are at the asker: one that has them no more asks anew, and pays anew.
        kept = None;
    }
    let (cost, answer) = match kept {
        Some((answer, record)) => ((Cost::Repeats { answer: record }, None), Some(answer)),
        None => (cost(rooms, &permitted), None),
    };
    let told = told(rooms, &permitted).await;
    let reserved = rooms.ledger.reserve(permitted, question.query, cost, told, Timestamp::now()).await?;
    Ok((reserved, Paid { answer, same }))
}

/// Which earlier question a partner's would repeat. Tells nothing that asking it would not tell.
pub async fn quoted(rooms: &Rooms, partner: PartnerId, question: &Question) -> Option<QueryId> {
    let request = question.request();
    let role = Role::Answerer { from: partner };
    let parsed = steps::parse_partners(question.sql.clone()).await.ok()?;
    let permitted = steps::permit(rooms, parsed, role, &request, Some(&question.profile)).await.ok()?;
    let (answer, _) = kept(rooms, &sameness(rooms, &permitted, question).await?)?;
    Some(answer.query)
}

/// The price of a question (a revelation has none in ε), and that of the answerer where both learn.
fn cost(rooms: &Rooms, permitted: &Permitted) -> (Cost, Option<Wish>) {
    let budget = rooms.config.budget;
    // Only the owner knows how much all askers together may learn.
    let most = ceiling(budget.ceiling_epsilon_micro, budget.ceiling_delta_femto);
    let mut wishes = permitted.wishes(most).into_iter();
    let asker = wishes.next().map_or(Cost::Nothing, |wish| Cost::Charge(Box::new(wish)));
    (asker, wishes.next())
}

/// What the record says of the question besides the charge: what it looks at, never what it looks for; and how
/// many batches of withdrawals there were, which the data that is read for it honours, and later ones too.
async fn told(rooms: &Rooms, permitted: &Permitted) -> Value {
    let price = match permitted.plan().or_else(|| permitted.join().map(JoinPlan::figures)) {
        Some(plan) => release::priced(plan),
        None => json!({ "epsilon": 0, "reveals": "which of the asker's own customers match" }),
    };
    let mut told = json!({
        "price": price,
        "shape": permitted.parsed().shape(),
        "withdrawals": steps::withdrawals(rooms).await,
    });
    if let Some(plan) = permitted.plan() {
        told["noise"] = json!(price::noises(plan));
    }
    told
}

/// What a partner's question for figures is the same by; `None` for others.
async fn sameness(rooms: &Rooms, permitted: &Permitted, question: &Question) -> Option<Sameness> {
    let mut hash = match (permitted.figures_hash(), permitted.join_hash(), &question.content) {
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
async fn brought(rooms: &Rooms, permitted: &Permitted) -> Option<Sameness> {
    let snapshot = snapshot(rooms, permitted).await?;
    let mut hash = Sha256::new_with_prefix(permitted.parsed().hash());
    hash.update((steps::withdrawals(rooms).await as u64).to_le_bytes());
    let (contract, asker) = (permitted.contract_id(), rooms.identity.id());
    Some(Sameness { contract, asker, question: hash.finalize().into(), snapshot })
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

/// A kept answer whose question our ledger knows as answered, with that record.
fn kept(rooms: &Rooms, same: &Sameness) -> Option<(KeptAnswer, u64)> {
    let answer = rooms.kept.find(same)?;
    let record = answered(rooms, &answer.query)?;
    Some((answer, record))
}

/// The record of a question's answer.
fn answered(rooms: &Rooms, query: &QueryId) -> Option<u64> {
    match rooms.ledger.past(query)? {
        Past::Answered { answer, .. } => Some(answer),
        _ => None,
    }
}
