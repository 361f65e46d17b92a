//! Datasets as tables for people and programs.

use crate::{
    data::{Table, Value},
    scan::dataset::Registration,
};

/// One row a dataset: `name`, `format`, `files`, `bytes`, `rows`, `keys` (`phone=mobile email=mail`), `region`,
/// `snapshot` (first eight digits), `taken`, `path`.
pub fn datasets_table(datasets: &[Registration]) -> Table {
    let mut table = Table::new(&[
        "name", "format", "files", "bytes", "rows", "keys", "region", "snapshot", "taken", "path",
    ]);
    for dataset in datasets {
        let keys: Vec<String> =
            dataset.ids.iter().map(|key| format!("{}={}", key.kind, key.column)).collect();
        table.push([
            dataset.name.as_str().into(),
            dataset.format.name().into(),
            dataset.snapshot.files.into(),
            dataset.snapshot.bytes.into(),
            dataset.snapshot.rows.into(),
            keys.join(" ").into(),
            dataset.region.as_deref().map_or(Value::Null, Value::from),
            dataset.snapshot_hash().short().into(),
            dataset.snapshot.taken.to_string().into(),
            dataset.path.display().to_string().into(),
        ]);
    }
    table
}

/// A share as a table shows it: four digits are more than anyone acts on.
pub(super) fn share(share: f64) -> Value {
    Value::Real((share * 1e4).round() / 1e4)
}

impl Registration {
    /// One row a column: `column`, `type`, `class`, `key` (the kind of identifier it holds, or `row id`).
    pub fn columns_table(&self) -> Table {
        let mut table = Table::new(&["column", "type", "class", "key"]);
        for column in &self.columns {
            let kinds =
                self.ids.iter().filter(|key| key.column == column.name).map(|key| key.kind.to_string());
            let row_id =
                self.row_id.as_ref().filter(|name| **name == column.name).map(|_| "row id".to_owned());
            let roles: Vec<String> = kinds.chain(row_id).collect();
            table.push([
                column.name.as_str().into(),
                column.kind.name().into(),
                self.class(&column.name).name().into(),
                if roles.is_empty() { Value::Null } else { roles.join(", ").into() },
            ]);
        }
        table
    }
}
