//! Withdrawals of consent.

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::identity::KeyKind;

use super::{bad_option, layout::second};
use crate::{
    control::Reply,
    data::{Table, Value},
    ledger::Kind,
    report::{Class, Detail, Report},
    rooms::Rooms,
    scan::Registration,
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
    if let Some(kind) = &kind {
        check_kind(kind, &rooms.datasets.list()?, dataset.as_deref())?;
    }
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

/// A withdrawal by a kind of key that no dataset has would hold for nobody, and look as if it did.
fn check_kind(kind: &KeyKind, datasets: &[Registration], dataset: Option<&str>) -> Result<(), Report> {
    let mut known: Vec<&KeyKind> = datasets
        .iter()
        .filter(|registration| dataset.is_none_or(|name| name == registration.name))
        .flat_map(|registration| registration.ids.iter().map(|key| &key.kind))
        .collect();
    if known.contains(&kind) {
        return Ok(());
    }
    known.sort_unstable();
    known.dedup();
    let known: Vec<&str> = known.into_iter().map(KeyKind::name).collect();
    let place =
        dataset.map_or("no registered dataset has".to_owned(), |name| format!("dataset {name} has no"));
    let key = if dataset.is_some() { "key" } else { "a key" };
    Err(Report {
        code: "E-CONSENT-KIND".into(),
        class: Class::Usage,
        message: format!("{place} {key} of the kind {kind}"),
        details: vec![match known.as_slice() {
            [] => Detail::new("would do", "register the dataset with its keys first: --id phone=COLUMN"),
            known => Detail::new("would do", format!("--kind {}", known.join(" or --kind "))),
        }],
        retry_helps: false,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Datasets, NewDataset};

    #[test]
    fn a_withdrawal_by_a_kind_that_no_dataset_has_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let datasets = Datasets::new(dir.path().join("datasets"));
        let path = dir.path().join("a.csv");
        std::fs::write(&path, "tel,mail\n").unwrap();
        for (name, kind, column) in [("a", "phone", "tel"), ("b", "email", "mail")] {
            let new = NewDataset::new(name, &path).id(kind, column).unwrap();
            datasets.add(new, Timestamp::now(), &mut |_| true).unwrap();
        }
        let listed = datasets.list().unwrap();
        let check = |kind: &str, dataset| check_kind(&kind.parse().unwrap(), &listed, dataset);
        check("phone", None).unwrap();
        check("email", Some("b")).unwrap();
        let wrong = check("phnoe", None).unwrap_err();
        assert_eq!((&*wrong.code, wrong.class), ("E-CONSENT-KIND", Class::Usage));
        assert!(wrong.to_string().contains("--kind phone or --kind email"), "{wrong}");
        let elsewhere = check("phone", Some("b")).unwrap_err().to_string();
        assert!(elsewhere.contains("--kind email") && !elsewhere.contains("--kind phone"), "{elsewhere}");
        assert!(check_kind(&KeyKind::Phone, &[], None).is_err());
    }
}
