//! The till: what a question costs, and whether it was paid for before.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::{PartnerId, QueryId},
    log::book::Past,
};

use super::{price, steps};
use crate::{
    exchange::{ExchangeError, Question, papers},
    ledger::{Cost, KeptAnswer, Reserved, Sameness},
    policy::{Permitted, Role, ceiling},
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
) -> Result<(Reserved, Question), Report> {
    let (mut cost, mut repeats) = (cost(rooms, &permitted), None);
    if permitted.plan().is_some() {
        let question = Question::of(&permitted, query, wait);
        let earlier = papers::quote(rooms, permitted.partner().id(), question).await;
        if let Some((earlier, answer)) =
            earlier.and_then(|earlier| Some((earlier, answered(rooms, &earlier)?)))
        {
            (cost, repeats) = (Cost::Repeats { answer }, Some(earlier));
        }
    }
    let told = told(rooms, &permitted).await;
    let reserved = rooms.ledger.reserve(permitted, query, cost, told, Timestamp::now()).await?;
    let question = Question::about(&reserved, wait, repeats);
    Ok((reserved, question))
}

/// What an owner has paid for: the answer to give again, or where to keep a fresh one.
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
    let same = sameness(rooms, &permitted).await;
    let kept = same.and_then(|same| kept(rooms, &same));
    if kept.is_none() && question.repeats.is_some() {
        let partner = permitted.partner().name.clone();
        return Err(ExchangeError::NothingToRepeat { partner }.into());
    }
    let (cost, answer) = match kept {
        Some((answer, record)) => (Cost::Repeats { answer: record }, Some(answer)),
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
    let (answer, _) = kept(rooms, &sameness(rooms, &permitted).await?)?;
    Some(answer.query)
}

/// The price of a question; a revelation has none in ε.
fn cost(rooms: &Rooms, permitted: &Permitted) -> Cost {
    let own = matches!(permitted.role(), Role::Answerer { .. });
    let budget = rooms.config.budget;
    // Only the owner knows how much all askers together may learn.
    let most = own.then(|| ceiling(budget.ceiling_epsilon_micro, budget.ceiling_delta_femto));
    permitted.wish(most).map_or(Cost::Nothing, |wish| Cost::Charge(Box::new(wish)))
}

/// What the record says of the question besides the charge: what it looks at, never what it looks for; and how
/// many batches of withdrawals there were, which the data that is read for it honours, and later ones too.
async fn told(rooms: &Rooms, permitted: &Permitted) -> Value {
    let price = match permitted.plan() {
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

/// What a question for figures over our own table is the same by; `None` for others.
async fn sameness(rooms: &Rooms, permitted: &Permitted) -> Option<Sameness> {
    let (question, dataset) = (permitted.figures_hash()?, permitted.own()?.table.dataset.clone());
    let datasets = rooms.datasets.clone();
    // Err: the step that reads it for an answer says what is wrong.
    let opened = blocking(move || datasets.open(&dataset, Timestamp::now(), &mut |_| true)).await.ok()?;
    // Who withdraws takes no part from that moment on: then it is another question.
    let mut hash = Sha256::new_with_prefix(question);
    hash.update((steps::withdrawals(rooms).await as u64).to_le_bytes());
    Some(Sameness {
        contract: permitted.contract_id(),
        asker: permitted.partner().id(),
        question: hash.finalize().into(),
        snapshot: opened.snapshot_hash(),
    })
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
