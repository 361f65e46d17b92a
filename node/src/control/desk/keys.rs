//! This node's own keys.

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::log::note::SignatureKind;

use crate::{
    control::Reply,
    data::{Table, Value},
    ledger::Kind,
    report::{Class, Report},
    rooms::Rooms,
};

/// A new TLS key and certificate.
pub async fn rotate_tls(rooms: &Rooms) -> Result<Reply, Report> {
    let announced = rooms.rotate_certificate().await?;
    let body = json!({ "announced_to": announced });
    rooms.ledger.note(Kind::Key, None, None, "certificate rotated", body, Timestamp::now()).await?;
    let mut notes = vec!["this node has a new TLS key and certificate; its signing key stays".to_owned()];
    notes.extend(behind(rooms, &announced));
    Ok(Reply { notes, ..Reply::default() })
}

/// A new signing key, handed over to in the log.
pub async fn rotate_signing(rooms: &Rooms) -> Result<Reply, Report> {
    let (record, announced) = rooms.rotate_signing_key().await?;
    let lineage = rooms.identity.lineage();
    let key = lineage.verifier_keys(SignatureKind::Ed25519).ok().and_then(|keys| keys.last().cloned());
    let document = json!({
        "node": rooms.identity.id(),
        "record": record,
        "key": key.map(|key| key.to_string()),
        "announced_to": announced,
    });
    let mut notes = vec![
        format!(
            "record {record} hands the log over to a new signing key; the node's id and its contracts stay"
        ),
        "give auditors the keys of today: `tacit keys show`, or keys.json of a new export".to_owned(),
    ];
    notes.extend(behind(rooms, &announced));
    Ok(Reply { document: Some(document), text: Some(String::new()), notes, ..Reply::default() })
}

/// Who still has to be told.
fn behind(rooms: &Rooms, announced: &[String]) -> Option<String> {
    let names = rooms.partners.list().into_iter().map(|partner| partner.card().name().to_owned());
    let behind: Vec<String> = names.filter(|name| !announced.contains(name)).collect();
    let told = "they are told when they connect, or send them `tacit card`";
    (!behind.is_empty()).then(|| format!("not connected just now: {}; {told}", behind.join(", ")))
}

/// Every signing key, from which record on, and as others' verifiers take it.
pub fn show(rooms: &Rooms) -> Result<Reply, Report> {
    let lineage = rooms.identity.lineage();
    let keys = lineage.verifier_keys(SignatureKind::Ed25519).map_err(|fault| Report {
        code: "E-KEYS-DAMAGED".into(),
        class: Class::Failed,
        message: fault.to_string(),
        details: Vec::new(),
        retry_helps: false,
    })?;
    let mut table = Table::new(&["from_record", "until_record", "state", "verifier_key"]);
    let begins = std::iter::once(1).chain(lineage.handovers().iter().map(|handover| handover.size()));
    for (index, (key, from)) in keys.iter().zip(begins).enumerate() {
        let until = lineage.handovers().get(index).map(|handover| handover.size() - 1);
        table.push([
            Value::from(from),
            Value::from(until),
            Value::from(if until.is_none() { "in force" } else { "handed over" }),
            Value::from(key.to_string()),
        ]);
    }
    Ok(Reply { table: Some(table), ..Reply::default() })
}
