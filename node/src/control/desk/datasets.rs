//! Datasets: registering, looking, linting.

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::identity::Profile;

use super::bad_option;
use crate::{
    control::{DatasetAdd, Reply},
    data::{Table, Value},
    ledger::Kind,
    report::Report,
    rooms::{Rooms, blocking},
    scan::{self, NewDataset, Registration, Thresholds},
};

/// Registers files.
pub async fn add(rooms: &Rooms, asked: DatasetAdd) -> Result<Reply, Report> {
    let new = new_dataset(&asked)?;
    let datasets = rooms.datasets.clone();
    let registration = blocking(move || datasets.add(new, Timestamp::now(), &mut |_| true)).await?;
    let body = json!({ "dataset": registration.name, "snapshot": registration.snapshot_hash() });
    rooms.ledger.note(Kind::Dataset, None, None, "registered", body, Timestamp::now()).await?;
    let mut notes = vec![format!(
        "{} is registered: {} rows, snapshot {}",
        registration.name,
        registration.snapshot.rows,
        registration.snapshot_hash().short()
    )];
    if registration.ids.is_empty() {
        notes.push(
            "it has no match keys, so it cannot be matched: add them with --id phone=COLUMN".to_owned(),
        );
    }
    notes.push(format!("look at its identifiers with: tacit id lint {}", registration.name));
    Ok(Reply { document: Some(describe(&registration)), notes, ..Reply::default() })
}

fn new_dataset(asked: &DatasetAdd) -> Result<NewDataset, Report> {
    let mut new = NewDataset::new(&asked.name, &asked.path);
    if let Some(format) = &asked.format {
        new = new.format(format)?;
    }
    for (kind, column) in &asked.ids {
        new = new.id(kind, column)?;
    }
    if let Some(column) = &asked.row_id {
        new = new.row_id(column);
    }
    if let Some(region) = &asked.default_region {
        new = new.default_region(region)?;
    }
    if let Some(region) = &asked.region {
        new = new.region(region);
    }
    for (column, class) in &asked.classes {
        new = new.class(column, class)?;
    }
    let usual = Thresholds::default();
    let quality = Thresholds {
        max_missing: asked.max_missing.unwrap_or(usual.max_missing),
        max_outliers: asked.max_outliers.unwrap_or(usual.max_outliers),
        max_age_hours: asked.max_age_hours.or(usual.max_age_hours),
    };
    Ok(new.quality(quality)?)
}

/// All of them.
pub fn list(rooms: &Rooms) -> Result<Reply, Report> {
    let mut table = Table::new(&["dataset", "format", "rows", "keys", "snapshot", "path"]);
    for registration in rooms.datasets.list()? {
        let keys: Vec<String> =
            registration.ids.iter().map(|key| format!("{}={}", key.kind, key.column)).collect();
        table.push([
            Value::from(registration.name.as_str()),
            Value::from(registration.format.to_string()),
            Value::from(registration.snapshot.rows),
            Value::from(keys.join(" ")),
            Value::from(registration.snapshot_hash().short()),
            Value::from(registration.path.display().to_string()),
        ]);
    }
    Ok(Reply { table: Some(table), ..Reply::default() })
}

/// One of them, up to date, with the quality of each column.
pub async fn show(rooms: &Rooms, name: String) -> Result<Reply, Report> {
    let datasets = rooms.datasets.clone();
    let profile = rooms.usual_profile(&name);
    let (registration, quality) = blocking(move || {
        let registration = datasets.open(&name, Timestamp::now(), &mut |_| true)?;
        let quality = scan::quality(&registration, profile, Timestamp::now(), &mut |_, _| true)?;
        Ok::<_, scan::ScanError>((registration, quality))
    })
    .await?;
    let mut document = describe(&registration);
    document["quality"] = serde_json::to_value(&quality).unwrap_or_default();
    document["warnings"] = json!(quality.warnings);
    let notes = quality.warnings.iter().map(|warning| format!("warning: {warning}")).collect();
    Ok(Reply { table: Some(quality.table()), document: Some(document), notes, ..Reply::default() })
}

/// Forgets one.
pub async fn remove(rooms: &Rooms, name: &str) -> Result<Reply, Report> {
    rooms.datasets.remove(name)?;
    let body = json!({ "dataset": name });
    rooms.ledger.note(Kind::Dataset, None, None, "forgotten", body, Timestamp::now()).await?;
    Ok(Reply {
        notes: vec![format!("{name} is forgotten; its files are where they were")],
        ..Reply::default()
    })
}

/// What is wrong with its identifiers.
pub async fn lint(rooms: &Rooms, name: String, profile: Option<String>) -> Result<Reply, Report> {
    let profile: Profile = match profile {
        Some(profile) => profile.parse().map_err(bad_option)?,
        None => rooms.usual_profile(&name),
    };
    let datasets = rooms.datasets.clone();
    let region = rooms.usual_region(&name);
    let lint = blocking(move || {
        let registration = datasets.open(&name, Timestamp::now(), &mut |_| true)?;
        scan::lint(&registration, profile, region, &mut |_, _| true)
    })
    .await?;
    let read_as = match region {
        Some(region) => format!("under the profile {profile}, national numbers read as {region}'s"),
        None => format!("under the profile {profile}"),
    };
    Ok(Reply { table: Some(lint.table()), notes: vec![read_as], ..Reply::default() })
}

fn describe(registration: &Registration) -> serde_json::Value {
    json!({
        "dataset": registration.name,
        "path": registration.path,
        "format": registration.format.to_string(),
        "rows": registration.snapshot.rows,
        "snapshot": registration.snapshot_hash(),
        "row_id": registration.row_id,
        "region": registration.region,
        "keys": registration.ids.iter().map(|key| json!({ "kind": key.kind.to_string(), "column": key.column })).collect::<Vec<_>>(),
        "columns": registration.columns.iter().map(|column| json!({
            "name": column.name,
            "type": column.kind.to_string(),
            "class": registration.class(&column.name).to_string(),
        })).collect::<Vec<_>>(),
    })
}
