//! Datasets: registering, looking, linting.

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::identity::{KeyKind, Profile, lint};

use super::{
    bad_option,
    layout::{aligned, percent, right},
};
use crate::{
    control::{DatasetAdd, Reply},
    data::{Table, Value},
    ledger::Kind,
    policy::POPULATION,
    report::Report,
    rooms::{Rooms, blocking},
    scan::{self, NewDataset, Quality, Registration, Thresholds},
};

/// Registers files.
pub async fn add(rooms: &Rooms, asked: DatasetAdd) -> Result<Reply, Report> {
    let new = new_dataset(&asked)?;
    let datasets = rooms.datasets.clone();
    let registration = blocking(move || datasets.add(new, Timestamp::now(), &mut |_| true)).await?;
    let body = json!({ "dataset": registration.name, "snapshot": registration.snapshot_hash() });
    rooms.ledger.note(Kind::Dataset, None, None, "registered", body, Timestamp::now()).await?;
    let text = format!("{} is registered\n{}", registration.name, details(&registration));
    let mut notes = Vec::new();
    if registration.ids.is_empty() {
        notes.push(
            "it has no match keys, so it cannot be matched: add them with --id phone=COLUMN".to_owned(),
        );
    }
    notes.extend(own_keys(&registration));
    notes.push(format!("look at its identifiers with: tacit id lint {}", registration.name));
    Ok(Reply { document: Some(describe(&registration)), text: Some(text), notes, ..Reply::default() })
}

/// A mistyped `phone` is a key like any other; whoever meant it should hear so.
fn own_keys(registration: &Registration) -> impl Iterator<Item = String> {
    registration.ids.iter().filter(|key| matches!(key.kind, KeyKind::Named(_))).map(|key| {
        let kind = &key.kind;
        format!(
            "{kind} is a key of your own: it matches only the partner's key of the same name, byte for byte"
        )
    })
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
    if let Some(population) = &asked.population {
        new = new.population(population)?;
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
    let none = || "no datasets yet: tacit dataset add NAME PATH --id KIND=COLUMN".to_owned();
    let notes = if table.rows.is_empty() { vec![none()] } else { Vec::new() };
    Ok(Reply { table: Some(table), notes, ..Reply::default() })
}

/// One of them, up to date, with the quality of each column.
pub async fn show(rooms: &Rooms, name: String) -> Result<Reply, Report> {
    let datasets = rooms.datasets.clone();
    let (profile, region) = (rooms.usual_profile(&name), rooms.usual_region(&name));
    let (registration, quality) = blocking(move || {
        let registration = datasets.open(&name, Timestamp::now(), &mut |_| true)?;
        // Judged as a question would read it: a contract's region goes before the dataset's own.
        let read_as =
            Registration { default_region: region.or(registration.default_region), ..registration.clone() };
        let quality = scan::quality(&read_as, profile, Timestamp::now(), &mut |_, _| true)?;
        Ok::<_, scan::ScanError>((registration, quality))
    })
    .await?;
    let body = json!({
        "dataset": registration.name,
        "snapshot": registration.snapshot_hash(),
        "quality": in_tenths(&registration, &quality),
    });
    rooms.ledger.note(Kind::Dataset, None, None, "quality", body, Timestamp::now()).await?;
    let mut document = describe(&registration);
    document["quality"] = serde_json::to_value(&quality).unwrap_or_default();
    document["warnings"] = json!(quality.warnings);
    let notes = quality.warnings.iter().map(|warning| format!("warning: {warning}")).collect();
    let text =
        format!("{}\n{}\n{}", registration.name, details(&registration), columns(&registration, &quality));
    Ok(Reply {
        table: Some(quality.table()),
        document: Some(document),
        text: Some(text),
        notes,
        ..Reply::default()
    })
}

/// The quality for the log, which partners and auditors read: an exact share of missing cells is a figure about
/// customers, so what stands there is the worst column's share in tenths, rounded down.
fn in_tenths(registration: &Registration, quality: &Quality) -> serde_json::Value {
    let least = |share: &dyn Fn(&scan::ColumnQuality) -> f64, keys: bool| {
        let is_key = |column: &str| registration.ids.iter().any(|key| key.column == column);
        let columns = quality.columns.iter().filter(|column| !keys || is_key(&column.column));
        columns.map(share).reduce(f64::min).map(|share| (share * 10.0).floor() / 10.0)
    };
    json!({
        "columns": quality.columns.len(),
        "warnings": quality.warnings.len(),
        "complete": least(&|column| column.complete, false),
        "valid": least(&|column| column.valid, false),
        "keys_valid": least(&|column| column.valid, true),
        "age_hours": quality.age_hours.floor(),
    })
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
    let found = blocking(move || {
        let registration = datasets.open(&name, Timestamp::now(), &mut |_| true)?;
        let found = scan::lint(&registration, profile, region, &mut |_, _| true)?;
        let several = scan::several(&registration, profile, region, &mut |_, _| true)?;
        Ok::<_, scan::ScanError>((found, several))
    })
    .await?;
    let (found, (several, customers)) = found;
    let read_as = match found.columns.iter().find_map(|(_, report)| report.region) {
        Some(region) => format!("under the profile {profile}, national numbers read as {region}'s"),
        None => format!("under the profile {profile}"),
    };
    let text = found.columns.iter().map(|(column, report)| findings(column, report)).collect();
    let mut notes = vec![read_as];
    if several > 0 {
        notes.push(format!(
            "{several} of {customers} customers have several identifiers of one kind: in figures over an overlap each takes \
             part with one of them"
        ));
    }
    Ok(Reply { table: Some(found.table()), text: Some(text), notes, ..Reply::default() })
}

/// One column's findings for people: rows, share of all rows, masked examples, and what would match better.
fn findings(column: &str, report: &lint::Report) -> String {
    let share = |rows: u64| if report.rows == 0 { 0.0 } else { rows as f64 / report.rows as f64 };
    let line = |what: &str, rows: u64, exact: bool, examples: &[String]| {
        let rows_shown = if exact { rows.to_string() } else { format!("about {rows}") };
        vec![what.to_owned(), right(rows_shown, 8), right(percent(share(rows)), 7), examples.join(", ")]
    };
    let mut lines = vec![line("valid", report.valid, report.double_hashed.exact, &[])];
    lines.extend(
        report.findings.iter().map(|finding| {
            line(finding.what.name(), finding.rows.value, finding.rows.exact, &finding.examples)
        }),
    );
    let mut text = format!("{column}, as {}\n{}", report.kind, aligned("  ", &lines));
    report.hints.iter().for_each(|hint| text.push_str(&format!("  → {hint}\n")));
    text
}

/// A registration for people.
fn details(registration: &Registration) -> String {
    let keys: Vec<String> =
        registration.ids.iter().map(|key| format!("{}={}", key.kind, key.column)).collect();
    let line = |label: &str, text: String| vec![label.to_owned(), text];
    let mut lines = vec![
        line("path", registration.path.display().to_string()),
        line(
            "content",
            format!(
                "{} rows in {}, snapshot {}",
                registration.snapshot.rows,
                registration.format.title(),
                registration.snapshot_hash().short()
            ),
        ),
        line("match keys", if keys.is_empty() { "none".to_owned() } else { keys.join(", then ") }),
        line("row name", registration.row_id.clone().unwrap_or_else(|| "the row's number".to_owned())),
    ];
    if let Some(region) = &registration.default_region {
        lines.push(line("numbers", format!("without a country code are {region}'s")));
    }
    if let Some(region) = &registration.region {
        lines.push(line("region", format!("rows must not leave {region}")));
    }
    if let Some(population) = &registration.population {
        lines.push(line("population", population.clone()));
    }
    aligned("  ", &lines)
}

/// The columns with their types, classes and quality.
fn columns(registration: &Registration, quality: &Quality) -> String {
    let heading = ["column", "type", "class", "complete", "valid", "unique", "distinct", "outliers"];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for column in &registration.columns {
        let mut cells =
            vec![column.name.clone(), column.kind.to_string(), registration.class(&column.name).to_string()];
        if let Some(found) = quality.columns.iter().find(|found| found.column == column.name) {
            let about = if found.distinct.exact { "" } else { "about " };
            cells.extend([
                right(percent(found.complete), 8),
                right(percent(found.valid), 7),
                right(percent(found.unique), 7),
                right(format!("{about}{}", found.distinct.value), 8),
                found.outliers.map_or_else(String::new, |share| right(percent(share), 8)),
            ]);
        }
        lines.push(cells);
    }
    aligned("  ", &lines)
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
        "population": registration.population.as_deref().unwrap_or(POPULATION),
        "keys": registration.ids.iter().map(|key| json!({ "kind": key.kind.to_string(), "column": key.column })).collect::<Vec<_>>(),
        "columns": registration.columns.iter().map(|column| json!({
            "name": column.name,
            "type": column.kind.to_string(),
            "class": registration.class(&column.name).to_string(),
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_kind_that_is_not_known_is_named_when_it_is_registered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, "tel,mail\n").unwrap();
        let new = NewDataset::new("a", &path).id("phnoe", "tel").unwrap().id("email", "mail").unwrap();
        let datasets = scan::Datasets::new(dir.path().join("datasets"));
        let registration = datasets.add(new, Timestamp::now(), &mut |_| true).unwrap();
        let notes: Vec<String> = own_keys(&registration).collect();
        assert!(
            matches!(notes.as_slice(), [note] if note.starts_with("phnoe is a key of your own")),
            "{notes:?}"
        );
    }
}
