//! What is wrong with a dataset's identifiers, column by column, for the owner to read.

use rayon::prelude::*;
use serde::Serialize;
use tacit_protocol::identity::{
    KeyKind, Profile, Region,
    lint::{Linter, Report},
};

use crate::{
    data::{Table, Value},
    policy::consent::Withdrawn,
    scan::{
        collect::{CollectPlan, collect},
        dataset::Registration,
        error::ScanError,
        read::read,
        show,
    },
};

/// What was found. It holds masked examples and never a whole identifier.
#[derive(Debug, Clone, Serialize)]
pub struct Lint {
    /// For each registered key column, strongest first: its name and what the linter says.
    pub columns: Vec<(String, Report)>,
}

/// Looks at every key column under a profile; a `region` takes the place of the dataset's own. `watch` is
/// told the rows read and the rows there are, and answers whether to go on.
pub fn lint(
    registration: &Registration,
    profile: Profile,
    region: Option<Region>,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Lint, ScanError> {
    let region = region.or(registration.default_region);
    let names: Vec<&str> = registration.ids.iter().map(|key| key.column.as_str()).collect();
    let mut linters: Vec<Linter> =
        registration.ids.iter().map(|key| Linter::new(profile, key.kind.clone(), region)).collect();
    let mut done = 0;
    for batch in &mut read(registration, &names)? {
        let batch = batch?;
        linters.par_iter_mut().enumerate().for_each(|(column, linter)| {
            if let Some(texts) = batch.text(column) {
                texts.iter().for_each(|text| linter.push(text));
            }
        });
        done += batch.cells.num_rows() as u64;
        if !watch(done, registration.snapshot.rows) {
            return Err(ScanError::Stopped { dataset: registration.name.clone() });
        }
    }
    let reports = linters.into_iter().map(Linter::finish);
    Ok(Lint { columns: names.into_iter().map(str::to_owned).zip(reports).collect() })
}

/// How many customers have several identifiers of one kind, and how many there are: a join brings one of each kind
/// ([`collect_join`](super::collect_join)). `watch` as for [`lint`].
///
/// # Errors
/// As [`collect`](super::collect()).
pub fn several(
    registration: &Registration,
    profile: Profile,
    region: Option<Region>,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<(u64, u64), ScanError> {
    let mut keys: Vec<KeyKind> = Vec::new();
    for key in &registration.ids {
        if !keys.contains(&key.kind) {
            keys.push(key.kind.clone());
        }
    }
    let withdrawn = Withdrawn::default();
    let plan = CollectPlan {
        registration,
        profile,
        keys: &keys,
        default_region: region,
        filter: None,
        consent: None,
        withdrawn: &withdrawn,
    };
    let input = collect(&plan, watch)?;
    Ok((input.customers().several(), input.counts().customers))
}

impl Lint {
    /// One row for each finding, and one for each hint, under the column that they are of.
    ///
    /// Columns: `column`, `kind`, `finding` (`valid`, a rule that is broken, `duplicate`, `hint` …), `rows`,
    /// `share` of all rows, `exact` (counted; otherwise estimated from a sample), `examples` (masked), `hint`.
    pub fn table(&self) -> Table {
        let mut table =
            Table::new(&["column", "kind", "finding", "rows", "share", "exact", "examples", "hint"]);
        for (column, report) in &self.columns {
            let share = |rows: u64| if report.rows == 0 { 0.0 } else { rows as f64 / report.rows as f64 };
            let mut row =
                |finding: &str, rows: Option<u64>, exact: Option<bool>, examples: String, hint: Value| {
                    table.push([
                        column.as_str().into(),
                        report.kind.name().into(),
                        finding.into(),
                        rows.into(),
                        rows.map_or(Value::Null, |rows| show::share(share(rows))),
                        exact.into(),
                        if examples.is_empty() { Value::Null } else { examples.into() },
                        hint,
                    ]);
                };
            row("valid", Some(report.valid), Some(report.double_hashed.exact), String::new(), Value::Null);
            for finding in &report.findings {
                let examples = finding.examples.join(", ");
                row(
                    finding.what.name(),
                    Some(finding.rows.value),
                    Some(finding.rows.exact),
                    examples,
                    Value::Null,
                );
            }
            for hint in &report.hints {
                row("hint", None, None, String::new(), hint.to_string().into());
            }
        }
        table
    }
}
