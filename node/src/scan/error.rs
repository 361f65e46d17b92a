//! Why data could not be registered, read or written.
//!
//! Whoever mends a file needs its name, the line and the column; nobody needs the cell. So no variant holds
//! a value from the data, and messages of the libraries underneath, which like to quote the row that broke
//! them, are dropped or reduced to a place.

use std::{io, path::PathBuf};

use crate::{
    config::FileError,
    report::{Class, Detail, Refusal},
    scan::dataset::Format,
};

/// A dataset, or what was asked of it, is not as it must be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// Names go into SQL unquoted and become file names.
    #[error("`{name}` cannot name a dataset")]
    NameUnusable { name: String },
    /// Two datasets of one name.
    #[error("there is a dataset `{name}` already")]
    NameTaken { name: String },
    /// Nothing registered under this name.
    #[error("there is no dataset `{name}`")]
    Unknown { name: String, close: Vec<String> },
    /// The stored registration does not read.
    #[error("the registration {} cannot be read at line {line}", path.display())]
    RegistrationBroken { path: PathBuf, line: usize },
    /// A setting of the registration makes no sense.
    #[error("{setting}: {problem}")]
    SettingUnusable { setting: &'static str, problem: String },

    /// A file of the node's home.
    #[error(transparent)]
    Home(FileError),

    /// No such file or directory.
    #[error("{} is not there", path.display())]
    FileMissing { path: PathBuf },
    /// The system refused to open or read it.
    #[error("{} cannot be read", path.display())]
    FileUnreadable { path: PathBuf, source: io::Error },
    /// A pipe, a socket or a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile { path: PathBuf },
    /// The system refused to write it.
    #[error("{} cannot be written", path.display())]
    FileUnwritable { path: PathBuf, source: io::Error },
    /// A directory without any file that could be data.
    #[error("{} holds no {} files", path.display(), format.map_or("CSV, Parquet or newline-JSON", Format::title))]
    NoFiles { path: PathBuf, format: Option<Format> },
    /// A directory within the directory: its files would be left out in silence.
    #[error("{} holds a directory, `{inside}`", path.display())]
    DirectoryWithin { path: PathBuf, inside: String },
    /// A directory of several formats, and none was named.
    #[error("{} holds {} and {} files", path.display(), first.title(), second.title())]
    FormatsMixed { path: PathBuf, first: Format, second: Format },
    /// Neither the ending nor the caller says what it is.
    #[error("{} has no ending that tells its format", path.display())]
    FormatUnknown { path: PathBuf },
    /// The content is plainly something else.
    #[error("{} is not a {} file: {found}", path.display(), format.title())]
    FormatDiffers { path: PathBuf, format: Format, found: &'static str },
    /// Zero bytes. A CSV file with a header and no rows is fine.
    #[error("{} is empty", path.display())]
    FileEmpty { path: PathBuf },

    /// A header without names, or a name twice.
    #[error("{}: the header {problem}", path.display())]
    HeaderUnusable { path: PathBuf, problem: String },
    /// More columns than any table has; keys of a JSON map, most likely.
    #[error("{} has more than {most} columns", path.display())]
    TooManyColumns { path: PathBuf, most: usize },
    /// A column that was named is not there.
    #[error("{} has no column `{column}`", path.display())]
    ColumnMissing { path: PathBuf, column: String, close: Vec<String> },
    /// The registration does not know the column.
    #[error("dataset {dataset} has no column `{column}`")]
    ColumnUnknown { dataset: String, column: String, close: Vec<String> },
    /// A key of a type that has no one spelling as text.
    #[error("column `{column}` of {} is {found}; an identifier is text or a whole number", path.display())]
    IdentifierType { path: PathBuf, column: String, found: String },
    /// Not UTF-8.
    #[error("{} is not UTF-8 at byte {offset}, line {line}", path.display())]
    Encoding { path: PathBuf, offset: u64, line: u64 },
    /// A CSV line with too few or too many fields.
    #[error("{} line {line} has {found} fields, the header has {expected}", path.display())]
    LineRagged { path: PathBuf, line: u64, found: u64, expected: u64 },
    /// A quote that swallows the rest of the file.
    #[error("{} line {line} opens a quote that is not closed", path.display())]
    QuoteOpen { path: PathBuf, line: u64 },
    /// One record larger than any record of a table.
    #[error("{} line {line}: the record is longer than {most} bytes", path.display())]
    RecordTooLong { path: PathBuf, line: u64, most: usize },
    /// Not JSON, or not one object a line.
    #[error("{} line {line} {problem}", path.display())]
    LineNotObject { path: PathBuf, line: u64, problem: &'static str },
    /// Damaged Parquet.
    #[error("{} is damaged, or not whole: {problem}", path.display())]
    ParquetDamaged { path: PathBuf, problem: &'static str },
    /// A file that reads no more as it once did, for no reason that could be found.
    #[error("{} cannot be read as {}", path.display(), format.title())]
    Unparsable { path: PathBuf, format: Format },

    /// Row numbers and item numbers have 32 bits.
    #[error("dataset {dataset} has more than {most} {what}")]
    TooMany { dataset: String, what: &'static str, most: u64 },
    /// The files are not those that the snapshot was taken of.
    #[error("the files of dataset {dataset} changed while they were read")]
    Changed { dataset: String },
    /// A contract's consent column that says neither yes nor no.
    #[error("consent column `{column}` of dataset {dataset} is not one of yes and no")]
    ConsentUnclear { dataset: String, column: String },
    /// The contract asks for a kind of key that the dataset does not register.
    #[error("dataset {dataset} has no {kind} column")]
    KeyMissing { dataset: String, kind: String },
    /// A filter that does not plan over this dataset's columns.
    #[error("the condition does not fit the columns of dataset {dataset}")]
    FilterUnusable { dataset: String },
    /// A filter that planned but failed on the data.
    #[error("the condition failed on the rows of dataset {dataset}")]
    FilterFailed { dataset: String },
    /// A column that figures are made of is of another type than when the question was permitted.
    #[error("column {column} of dataset {dataset} cannot be grouped by or added up")]
    ColumnUnfit { dataset: String, column: String },
    /// The caller had it stopped.
    #[error("reading dataset {dataset} was stopped")]
    Stopped { dataset: String },
    /// Rows were picked that the dataset does not have.
    #[error("dataset {dataset} has no row {row}")]
    RowMissing { dataset: String, row: u64 },
}

impl Refusal for ScanError {
    fn code(&self) -> &'static str {
        use ScanError::*;
        match self {
            NameUnusable { .. } => "E-DATASET-NAME",
            NameTaken { .. } => "E-DATASET-EXISTS",
            Unknown { .. } => "E-DATASET-UNKNOWN",
            RegistrationBroken { .. } | SettingUnusable { .. } => "E-DATASET-SETTING",
            Home(error) => error.code(),
            FileMissing { .. } => "E-DATA-MISSING",
            FileUnreadable { .. } | NotAFile { .. } => "E-DATA-UNREADABLE",
            FileUnwritable { .. } => "E-DATA-UNWRITABLE",
            NoFiles { .. } | DirectoryWithin { .. } => "E-DATA-NO-FILES",
            FormatsMixed { .. } | FormatUnknown { .. } | FormatDiffers { .. } => "E-DATA-FORMAT",
            FileEmpty { .. } => "E-DATA-EMPTY",
            HeaderUnusable { .. } | TooManyColumns { .. } => "E-DATA-HEADER",
            ColumnMissing { .. } | ColumnUnknown { .. } => "E-DATA-COLUMN",
            IdentifierType { .. } => "E-DATA-ID-TYPE",
            Encoding { .. } => "E-DATA-ENCODING",
            LineRagged { .. } | QuoteOpen { .. } | RecordTooLong { .. } => "E-DATA-LINE",
            LineNotObject { .. } => "E-DATA-JSON",
            ParquetDamaged { .. } | Unparsable { .. } => "E-DATA-DAMAGED",
            TooMany { .. } => "E-DATA-TOO-MANY",
            Changed { .. } => "E-DATA-CHANGED",
            ConsentUnclear { .. } => "E-DATA-CONSENT",
            KeyMissing { .. } => "E-DATA-KEY",
            FilterUnusable { .. } | FilterFailed { .. } => "E-DATA-FILTER",
            ColumnUnfit { .. } => "E-DATA-COLUMN-UNFIT",
            Stopped { .. } => "E-DATA-STOPPED",
            RowMissing { .. } => "E-DATA-ROW",
        }
    }

    fn class(&self) -> Class {
        use ScanError::*;
        match self {
            Home(error) => error.class(),
            NameUnusable { .. }
            | NameTaken { .. }
            | Unknown { .. }
            | SettingUnusable { .. }
            | FormatsMixed { .. }
            | FormatUnknown { .. }
            | FilterUnusable { .. }
            | ColumnUnknown { .. } => Class::Usage,
            _ => Class::Failed,
        }
    }

    fn details(&self) -> Vec<Detail> {
        use ScanError::*;
        let would_do = |text: String| vec![Detail::new("would do", text)];
        match self {
            Home(error) => error.details(),
            NameUnusable { .. } => {
                would_do("a name of a-z, 0-9 and _, starting with a letter, at most 63 of them".into())
            }
            NameTaken { name } => {
                would_do(format!("another name, or `tacit dataset remove {name}` first (its files stay)"))
            }
            Unknown { close, .. } => did_you_mean(close, "`tacit dataset list` names what is there"),
            RegistrationBroken { .. } => {
                would_do("mend that line, or remove the file and register the dataset again".into())
            }
            FileUnreadable { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                would_do(format!("give this account the right to read it: chmod u+r {}", path.display()))
            }
            NotAFile { .. } => {
                would_do("write the rows to a file first: they are read more than once".into())
            }
            NoFiles { format: None, .. } => {
                would_do("files that end in .csv, .parquet or .ndjson, or --format".into())
            }
            DirectoryWithin { .. } => {
                would_do("register each inner directory by itself, or move the files".into())
            }
            FormatsMixed { first, .. } => would_do(format!("--format {} reads those alone", first.name())),
            FormatUnknown { .. } => would_do("--format csv, --format parquet or --format ndjson".into()),
            FormatDiffers { found, .. } => match *found {
                found if found == GZIPPED => would_do("unpack it first: gunzip FILE".into()),
                found if found == JSON_ARRAY => {
                    would_do("one object a line: jq -c '.[]' OLD > NEW.ndjson".into())
                }
                found if found == UTF16 => would_do("iconv -f UTF-16 -t UTF-8 OLD > NEW".into()),
                _ => would_do("name the format that it has with --format".into()),
            },
            FileEmpty { .. } => {
                would_do("a CSV file with its header line counts as a table without rows".into())
            }
            ColumnMissing { close, .. } | ColumnUnknown { close, .. } => {
                did_you_mean(close, "names are compared exactly, upper and lower case too")
            }
            IdentifierType { .. } => {
                would_do("write that column as text (string) where the file is made".into())
            }
            Encoding { .. } => would_do(
                "convert it where it is made, or: iconv -f GB18030 -t UTF-8 OLD > NEW (Chinese), \
                 iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW (Western)"
                    .into(),
            ),
            LineRagged { .. } => {
                would_do("quote fields that hold the separator: \"a,b\"; or write the missing fields".into())
            }
            QuoteOpen { .. } => {
                would_do("close it, or write a quote within a quoted field twice: \"\"".into())
            }
            LineNotObject { .. } => would_do("one JSON object a line, nothing else".into()),
            ParquetDamaged { .. } => would_do("copy or write the file again".into()),
            Changed { .. } => {
                would_do("let whatever writes them finish, or point the dataset at a copy".into())
            }
            ConsentUnclear { .. } => {
                would_do("a boolean column, or one of true/false, yes/no, 1/0; an empty cell means no".into())
            }
            KeyMissing { dataset, kind } => would_do(format!(
                "register it again with --id {kind}=COLUMN (`tacit dataset show {dataset}` lists the columns)"
            )),
            FilterUnusable { dataset } => {
                would_do(format!("`tacit dataset show {dataset}` lists columns and their types"))
            }
            _ => Vec::new(),
        }
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::Changed { .. } | Self::Stopped { .. })
    }
}

/// What [`ScanError::FormatDiffers`] may say it found.
pub(super) const GZIPPED: &str = "it is compressed";
pub(super) const JSON_ARRAY: &str = "it is one JSON array";
pub(super) const UTF16: &str = "it is UTF-16 text";
pub(super) const PARQUET: &str = "it is Parquet";
pub(super) const NO_MAGIC: &str = "it does not start with PAR1";

fn did_you_mean(close: &[String], otherwise: &'static str) -> Vec<Detail> {
    match close {
        [] => vec![Detail::new("hint", otherwise)],
        names => vec![Detail::new("close", names.join(", "))],
    }
}

/// Names of `among` that somebody may have meant by `wanted`, the closest first, at most five.
pub(super) fn close_names<'a>(wanted: &str, among: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let fold = |name: &str| -> Vec<char> {
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let wanted = fold(wanted);
    let mut close: Vec<(usize, &str)> = among
        .into_iter()
        .filter_map(|name| {
            let folded = fold(name);
            let within = wanted.len() >= 3
                && (folded.windows(wanted.len()).any(|part| part == wanted)
                    || (folded.len() >= 3 && wanted.windows(folded.len()).any(|part| part == folded)));
            let distance = if within { 1 } else { distance(&wanted, &folded) };
            (distance <= 1 + wanted.len() / 4).then_some((distance, name))
        })
        .collect();
    close.sort();
    close.into_iter().take(5).map(|(_, name)| name.to_owned()).collect()
}

/// Levenshtein's distance; names longer than 64 letters are told apart by their first 64.
fn distance(left: &[char], right: &[char]) -> usize {
    let (left, right) = (&left[..left.len().min(64)], &right[..right.len().min(64)]);
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_found_by_typing_errors_case_and_parts() {
        let columns = ["Mobile", "mobile_phone", "email", "e_mail", "credit_tier", "市"];
        assert_eq!(close_names("mobile", columns), ["Mobile", "mobile_phone"]);
        assert_eq!(close_names("emial", columns), ["e_mail", "email"]);
        assert_eq!(close_names("credittier", columns), ["credit_tier"]);
        assert!(close_names("balance", columns).is_empty());
    }
}
