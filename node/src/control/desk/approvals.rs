//! Runs that wait for a person.

use jiff::Timestamp;
use serde_json::json;

use crate::{
    control::Reply,
    data::{Table, Value},
    ledger::Kind,
    report::Report,
    rooms::Rooms,
};

/// What waits, and what was decided.
pub fn list(rooms: &Rooms) -> Result<Reply, Report> {
    let mut table = Table::new(&[
        "approval", "state", "partner", "contract", "dataset", "filter", "purpose", "asked", "tells",
    ]);
    for approval in rooms.approvals.list(Timestamp::now()) {
        let request = &approval.request;
        table.push([
            Value::from(approval.id.as_str()),
            Value::from(approval.state.name()),
            Value::from(request.partner_name.as_str()),
            Value::from(request.contract_name.as_str()),
            Value::from(request.dataset.as_str()),
            Value::from(request.filter.clone()),
            Value::from(request.purpose.as_str()),
            Value::from(approval.asked_at.to_string()),
            Value::from(request.tells.join(" ")),
        ]);
    }
    Ok(Reply { table: Some(table), ..Reply::default() })
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
    let partner = Some(request.partner_name.clone());
    rooms.ledger.note(Kind::Approval, Some(request.contract), partner, what, body, Timestamp::now()).await?;
    let mut notes = vec![format!("{} is {what} for one run of {}", approval.id, request.partner_name)];
    if approve {
        notes.extend(request.tells.iter().map(|sentence| format!("  - {sentence}")));
    }
    Ok(Reply { notes, ..Reply::default() })
}

/// Who types: the account's name.
fn account() -> String {
    let named =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|text| !text.is_empty()));
    named.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
