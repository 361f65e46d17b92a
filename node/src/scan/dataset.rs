//! What a node knows about one of its datasets: where the files are, what the columns mean, which columns
//! name a customer.
//!
//! A registration decides what a partner's question can touch at all, so it is a small file that a person
//! can read, and a key in it that nobody knows is refused rather than passed over: a misspelt `class` must
//! not quietly mean `general`.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tacit_protocol::{
    identity::{KeyKind, Region},
    ids::SnapshotHash,
};

use crate::scan::{
    error::{ScanError, close_names},
    snapshot::Snapshot,
};

/// How rows are written in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// RFC 4180, UTF-8, first line the names; separated by `,`, `;`, a tab or `|`.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// As in `--format`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
        }
    }

    /// As in a sentence.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
            Self::Ndjson => "newline-JSON",
        }
    }

    /// What the ending of a file's name promises, in any case.
    pub(super) fn of_ending(ending: &str) -> Option<Self> {
        match ending.to_ascii_lowercase().as_str() {
            "csv" | "tsv" | "psv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

impl FromStr for Format {
    type Err = ScanError;

    fn from_str(text: &str) -> Result<Self, ScanError> {
        [Self::Csv, Self::Parquet, Self::Ndjson].into_iter().find(|format| format.name() == text).ok_or_else(
            || ScanError::SettingUnusable {
                setting: "format",
                problem: format!("`{text}` is none of csv, parquet, ndjson"),
            },
        )
    }
}

/// What the cells of a column are, for conditions and measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// UTF-8 text. Identifiers always are: a leading zero or plus sign is part of them.
    Text,
    /// Whole numbers of 64 bits.
    Integer,
    /// Real numbers, IEEE double. Decimals of Parquet become these.
    Real,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A moment, to the microsecond.
    Time,
    /// Lists, maps and other things that no condition can be put on.
    Other,
}

impl ColumnType {
    /// As in a registration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::Other => "other",
        }
    }

    /// Whether sums and bounds make sense.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Real)
    }
}

/// How much harm a column can do when it leaves (after the Chinese data security law's three grades).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnClass {
    /// Nothing special.
    #[default]
    General,
    /// Leaves only under a contract that names it.
    Important,
    /// Never leaves.
    Core,
}

impl ColumnClass {
    /// As in a registration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Important => "important",
            Self::Core => "core",
        }
    }
}

impl FromStr for ColumnClass {
    type Err = ScanError;

    fn from_str(text: &str) -> Result<Self, ScanError> {
        [Self::General, Self::Important, Self::Core]
            .into_iter()
            .find(|class| class.name() == text)
            .ok_or_else(|| ScanError::SettingUnusable {
                setting: "class",
                problem: format!("`{text}` is none of general, important, core"),
            })
    }
}

/// One column of a dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// As in the files, compared exactly.
    pub name: String,
    /// What its cells are read as; a cell that does not read so counts as missing.
    #[serde(rename = "type")]
    pub kind: ColumnType,
}

/// A column that names customers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchKey {
    /// Telephone number, e-mail address, …
    pub kind: KeyKind,
    /// Its column.
    pub column: String,
}

/// When a column's quality earns a warning.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// More than this share of cells missing (0..=1).
    pub max_missing: f64,
    /// More than this share of numbers far outside the others (0..=1).
    pub max_outliers: f64,
    /// The newest file older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_hours: Option<u64>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { max_missing: 0.10, max_outliers: 0.05, max_age_hours: None }
    }
}

/// A dataset as registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// What partners call it.
    pub name: String,
    /// A file, or a directory of files of one format.
    pub path: PathBuf,
    /// Of every file.
    pub format: Format,
    /// What separates fields of CSV.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Names a customer in the owner's own systems; row numbers serve where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_id: Option<String>,
    /// Region (ISO 3166-1 alpha-2) for telephone numbers without a country code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_region: Option<Region>,
    /// The region that rows must not leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Which of the owner's populations its customers are; all datasets are of one unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<String>,
    /// When it was registered.
    pub registered: Timestamp,
    /// Match keys, strongest first; several columns of one kind are allowed.
    #[serde(default)]
    pub ids: Vec<MatchKey>,
    /// Classes of columns other than `general`. A column that is missing today keeps its class for the day
    /// it comes back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<String, ColumnClass>,
    /// When to warn.
    #[serde(default)]
    pub quality: Thresholds,
    /// The content when it was last read.
    pub snapshot: Snapshot,
    /// Every column, in the order of the first file.
    pub columns: Vec<Column>,
}

impl Registration {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// As [`column`](Self::column); an unknown name is an error that lists close ones.
    pub fn known(&self, name: &str) -> Result<&Column, ScanError> {
        self.column(name).ok_or_else(|| ScanError::ColumnUnknown {
            dataset: self.name.clone(),
            column: name.to_owned(),
            close: close_names(name, self.columns.iter().map(|column| column.name.as_str())),
        })
    }

    /// The class of a column.
    pub fn class(&self, column: &str) -> ColumnClass {
        self.classes.get(column).copied().unwrap_or_default()
    }

    /// The columns that hold keys of a kind, strongest first.
    pub fn key_columns<'a>(&'a self, kind: &'a KeyKind) -> impl Iterator<Item = &'a str> {
        self.ids.iter().filter(move |key| key.kind == *kind).map(|key| key.column.as_str())
    }

    /// The content together with what decides how it is read: another key column or another region gives
    /// other customers from the same bytes, and so another snapshot.
    pub fn snapshot_hash(&self) -> SnapshotHash {
        let mut hasher = blake3::Hasher::new_derive_key("tacit dataset snapshot 1");
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(self.snapshot.content.as_bytes());
        part(self.format.name().as_bytes());
        part(self.delimiter.map(String::from).unwrap_or_default().as_bytes());
        part(self.default_region.map(|region| region.to_string()).unwrap_or_default().as_bytes());
        for key in &self.ids {
            part(key.kind.name().as_bytes());
            part(key.column.as_bytes());
        }
        for column in &self.columns {
            part(column.name.as_bytes());
            part(column.kind.name().as_bytes());
        }
        SnapshotHash::new(*hasher.finalize().as_bytes())
    }

    /// Whether a dataset may be called so: `a-z`, `0-9` and `_`, a letter first, at most 63.
    pub fn name_is_usable(name: &str) -> bool {
        name.len() <= 63
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ColumnClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
