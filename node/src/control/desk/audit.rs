//! `tacit audit log`.

use crate::{
    control::Reply,
    data::{Table, Value},
    report::Report,
    rooms::Rooms,
};

/// The newest records, oldest of them first.
pub async fn log(rooms: &Rooms, limit: Option<u64>) -> Result<Reply, Report> {
    let entries = rooms.ledger.entries(limit).await?;
    let mut table = Table::new(&["seq", "time", "kind", "partner", "what", "query", "contract"]);
    for entry in &entries {
        table.push([
            Value::from(entry.seq),
            // Whole seconds are enough for people; the document has the rest.
            Value::from(
                entry.time.split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned() + "Z",
            ),
            Value::from(entry.kind.name()),
            Value::from(entry.partner.clone()),
            Value::from(entry.what.as_str()),
            Value::from(entry.query.map(|id| id.short())),
            Value::from(entry.contract.map(|id| id.short())),
        ]);
    }
    let document = serde_json::to_value(&entries).ok();
    let notes = if entries.is_empty() { vec!["no records yet".to_owned()] } else { Vec::new() };
    Ok(Reply { table: Some(table), document, notes, ..Reply::default() })
}
