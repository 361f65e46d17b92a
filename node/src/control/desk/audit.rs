//! `tacit audit export`: that the log was taken out is on record. `tacit audit witness`: it is shown to the auditor's.

use jiff::Timestamp;
use serde_json::json;

use super::approvals::account;
use crate::{
    control::Reply,
    exchange::{auditor, witness::WitnessError},
    ledger::Kind,
    report::Report,
    rooms::Rooms,
};

/// Records an export, before it is written: so it is in what is taken out.
pub async fn exported(rooms: &Rooms, records: u64, by: Option<String>) -> Result<Reply, Report> {
    let body = json!({ "by": by.unwrap_or_else(account), "records": records });
    rooms.ledger.note(Kind::Export, None, None, "exported", body, Timestamp::now()).await?;
    Ok(Reply::default())
}

/// Shows the newest head to the auditor's witness now, rather than on the timer.
pub async fn witness(rooms: &Rooms) -> Result<Reply, Report> {
    let name = rooms.config.witness.as_ref().map(|witness| witness.key.name().to_owned());
    let (Some(name), Some((time, records))) = (name, auditor::present(rooms).await?) else {
        return Err(WitnessError::Unset.into());
    };
    let at = i64::try_from(time).ok().and_then(|time| Timestamp::from_second(time).ok());
    let at = at.map_or_else(|| time.to_string(), |at| at.to_string());
    let document = json!({ "witness": name, "records": records, "time": at });
    let text = format!("{name} has cosigned the first {records} records at {at}\n");
    Ok(Reply { document: Some(document), text: Some(text), ..Reply::default() })
}
