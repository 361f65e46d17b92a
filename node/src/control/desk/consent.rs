//! Withdrawals of consent.

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::identity::KeyKind;

use super::{bad_option, layout::second};
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
    let count = match batch.identifiers {
        1 => "1 identifier is".to_owned(),
        count => format!("{count} identifiers are"),
    };
    let text = format!(
        "{count} withdrawn from now on{}\n",
        dataset.map(|name| format!(", from {name}")).unwrap_or_default()
    );
    let mut notes = Vec::new();
    if batch.malformed > 0 {
        let lines: Vec<String> = added.malformed_lines.iter().take(10).map(u64::to_string).collect();
        notes.push(format!(
            "not understood, and not withdrawn: {} (lines {})",
            batch.malformed,
            lines.join(", ")
        ));
    }
    Ok(Reply { document: Some(body), text: Some(text), notes, ..Reply::default() })
}

/// The batches.
pub async fn list(rooms: &Rooms) -> Result<Reply, Report> {
    let mut table = Table::new(&["batch", "time", "dataset", "identifiers", "hashed", "malformed"]);
    for batch in rooms.withdrawn.read().await.batches() {
        table.push([
            Value::from(batch.number),
            Value::from(second(batch.time)),
            Value::from(batch.dataset.clone().unwrap_or_else(|| "all".to_owned())),
            Value::from(batch.identifiers),
            Value::from(batch.hashed),
            Value::from(batch.malformed),
        ]);
    }
    let notes = if table.rows.is_empty() { vec!["nobody has withdrawn".to_owned()] } else { Vec::new() };
    Ok(Reply { table: Some(table), notes, ..Reply::default() })
}
