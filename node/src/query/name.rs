//! Whose table, whose column.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A dataset as people name it: `bank.accounts`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableName {
    /// The partner that owns it, by the name the contract gives it.
    pub owner: String,
    /// The name that its owner registered.
    pub dataset: String,
}

impl TableName {
    /// `owner.dataset`.
    pub fn new(owner: impl Into<String>, dataset: impl Into<String>) -> Self {
        Self { owner: owner.into(), dataset: dataset.into() }
    }

    /// As SQL, quoted.
    pub(super) fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.owner), quoted(&self.dataset))
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.owner, self.dataset)
    }
}

/// One column of one table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnName {
    /// The table it stands in.
    pub table: TableName,
    /// Its name there, in the owner's spelling.
    pub column: String,
}

impl ColumnName {
    /// As SQL, quoted.
    pub(super) fn sql(&self) -> String {
        format!("{}.{}", self.table.sql(), quoted(&self.column))
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// A name as a delimited identifier: the spelling survives, and no keyword can be mistaken for it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
