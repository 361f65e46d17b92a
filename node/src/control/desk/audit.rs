//! `tacit audit export`: that the log was taken out is on record.

use jiff::Timestamp;
use serde_json::json;

use super::approvals::account;
use crate::{control::Reply, ledger::Kind, report::Report, rooms::Rooms};

/// Records an export, before it is written: so it is in what is taken out.
pub async fn exported(rooms: &Rooms, records: u64, by: Option<String>) -> Result<Reply, Report> {
    let body = json!({ "by": by.unwrap_or_else(account), "records": records });
    rooms.ledger.note(Kind::Export, None, None, "exported", body, Timestamp::now()).await?;
    Ok(Reply::default())
}
