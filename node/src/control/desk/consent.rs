//! Withdrawals of consent.

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::identity::KeyKind;

use super::bad_option;
use crate::{
    control::Reply,
    data::{Table, Value},
    ledger::Kind,
    report::Report,
    rooms::Rooms,
};

/// Takes customers out, from this moment on.
pub async fn withdraw(
    rooms: &Rooms,
    identifiers: String,
    kind: Option<String>,
    dataset: Option<String>,
) -> Result<Reply, Report> {
    if let Some(dataset) = &dataset {
        // A withdrawal for a dataset that is not there would hold for nobody.
        rooms.datasets.show(dataset)?;
    }
    let kind = kind.map(|kind| kind.parse::<KeyKind>()).transpose().map_err(bad_option)?;
    let regions = rooms.regions()?;
    let added = rooms.withdraw(identifiers, kind, dataset.clone(), regions).await?;
    let batch = &added.batch;
    let body = json!({
        "batch": batch.number,
        "dataset": dataset,
        "identifiers": batch.identifiers,
        "malformed": batch.malformed,
    });
    rooms.ledger.note(Kind::Withdrawal, None, None, "withdrawn", body.clone(), Timestamp::now()).await?;
    let mut notes = vec![format!(
        "{} identifiers are withdrawn from now on{}",
        batch.identifiers,
        dataset.map(|name| format!(", from {name}")).unwrap_or_default()
    )];
    if batch.malformed > 0 {
        let lines: Vec<String> = added.malformed_lines.iter().take(10).map(u64::to_string).collect();
        notes.push(format!("{} lines were not understood: {}", batch.malformed, lines.join(", ")));
    }
    Ok(Reply { document: Some(body), notes, ..Reply::default() })
}

/// The batches.
pub async fn list(rooms: &Rooms) -> Result<Reply, Report> {
    let mut table = Table::new(&["batch", "time", "dataset", "identifiers", "hashed", "malformed"]);
    for batch in rooms.withdrawn.read().await.batches() {
        table.push([
            Value::from(batch.number),
            Value::from(batch.time.to_string()),
            Value::from(batch.dataset.clone().unwrap_or_else(|| "all".to_owned())),
            Value::from(batch.identifiers),
            Value::from(batch.hashed),
            Value::from(batch.malformed),
        ]);
    }
    Ok(Reply { table: Some(table), ..Reply::default() })
}
