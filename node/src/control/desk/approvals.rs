//! Runs that wait for a person.

use jiff::Timestamp;
use serde_json::json;

use super::layout::{aligned, second};
use crate::{
    control::Reply,
    data::{Table, Value},
    ledger::Kind,
    policy::{Approval, ApprovalState},
    report::Report,
    rooms::Rooms,
};

/// What waits, and then what was decided.
pub fn list(rooms: &Rooms) -> Result<Reply, Report> {
    let mut table = Table::new(&[
        "approval", "state", "partner", "contract", "dataset", "filter", "purpose", "asked", "tells", "by",
    ]);
    let mut approvals = rooms.approvals.list(Timestamp::now());
    approvals.sort_by_key(|approval| approval.state != ApprovalState::Pending);
    for approval in &approvals {
        let request = &approval.request;
        table.push([
            Value::from(approval.id.as_str()),
            Value::from(approval.state.name()),
            Value::from(request.partner_name.as_str()),
            Value::from(request.contract_name.as_str()),
            Value::from(request.dataset.as_str()),
            Value::from(request.filter.clone()),
            Value::from(request.purpose.as_str()),
            Value::from(second(approval.asked_at)),
            Value::from(request.tells.join(" ")),
            Value::from(decided_by(&approval.state).map(str::to_owned)),
        ]);
    }
    let (waiting, over): (Vec<&Approval>, Vec<&Approval>) =
        approvals.iter().partition(|approval| matches!(approval.state, ApprovalState::Pending));
    let mut text: String = waiting.iter().map(|approval| asked(approval)).collect();
    let lines: Vec<Vec<String>> = over.iter().map(|approval| line(approval)).collect();
    text.push_str(&aligned("", &lines));
    let notes = match waiting.last() {
        Some(approval) => vec![format!("to decide: tacit approvals approve {0}, or deny {0}", approval.id)],
        None => vec!["nothing waits".to_owned()],
    };
    Ok(Reply { table: Some(table), text: Some(text), notes, ..Reply::default() })
}

/// What a person is asked, with everything that the decision turns on.
fn asked(approval: &Approval) -> String {
    let request = &approval.request;
    let mut lines = vec![
        vec!["contract".to_owned(), format!("{}, for {}", request.contract_name, request.purpose)],
        vec!["about".to_owned(), request.dataset.clone()],
        vec![
            "rows with".to_owned(),
            request.filter.clone().unwrap_or_else(|| "no condition: all rows".to_owned()),
        ],
        vec!["asked".to_owned(), second(approval.asked_at)],
    ];
    lines.extend(request.tells.iter().map(|sentence| vec!["tells".to_owned(), sentence.clone()]));
    let (id, partner) = (&approval.id, &request.partner_name);
    let title = if request.asker.is_empty() || request.asker == *partner {
        format!("{id}  pending: {partner} asks which of its own customers are yours")
    } else {
        format!("{id}  pending: this node is to ask {partner} which of your customers are there")
    };
    format!("{title}\n{}", aligned("  ", &lines))
}

/// What was decided, in one line.
fn line(approval: &Approval) -> Vec<String> {
    let request = &approval.request;
    vec![
        approval.id.clone(),
        approval.state.name().to_owned(),
        second(approval.asked_at),
        request.partner_name.clone(),
        request.contract_name.clone(),
        request.dataset.clone(),
        decided_by(&approval.state).map(|by| format!("by {by}")).unwrap_or_default(),
    ]
}

fn decided_by(state: &ApprovalState) -> Option<&str> {
    match state {
        ApprovalState::Approved { by, .. }
        | ApprovalState::Denied { by, .. }
        | ApprovalState::Used { by, .. } => Some(by),
        ApprovalState::Pending | ApprovalState::Expired => None,
    }
}

/// Lets a run go on, or not. The decision is recorded beside it.
pub async fn decide(
    rooms: &Rooms,
    wanted: &str,
    approve: bool,
    by: Option<String>,
    reason: Option<String>,
) -> Result<Reply, Report> {
    let by = by.unwrap_or_else(account);
    let approval = rooms.approvals.decide(wanted, approve, &by, reason.as_deref(), Timestamp::now())?;
    let what = if approve { "approved" } else { "denied" };
    let request = &approval.request;
    let body = json!({
        "approval": approval.id,
        "by": by,
        "reason": reason,
        "question": request.query,
        "tells": request.tells,
    });
    let mut document = body.clone();
    document["state"] = json!(what);
    let partner = Some(request.partner_name.clone());
    rooms.ledger.note(Kind::Approval, Some(request.contract), partner, what, body, Timestamp::now()).await?;
    let mut text = format!("{} is {what} for one run of {}\n", approval.id, request.partner_name);
    if approve {
        text.extend(request.tells.iter().map(|sentence| format!("  - {sentence}\n")));
    } else {
        text = format!("{} is {what}; the same question stays refused for 24 hours\n", approval.id);
    }
    Ok(Reply { text: Some(text), document: Some(document), ..Reply::default() })
}

/// Who types: the account's name.
pub(super) fn account() -> String {
    let named =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
