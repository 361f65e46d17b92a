//! A log where it lies: in a node's home, running or not, or in a folder that holds only an export.
//!
//! Nothing is locked and nothing is written. The attack this stops is the file that claims more than it holds:
//! records are taken up to the first that does not read, and what comes after it is not looked at.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use tacit_protocol::log::{Entry, LARGEST_ENTRY, checkpoint::Keys};

use super::{AuditError, check::Material};
use crate::{
    config::Home,
    policy::{Contracts, Document},
};

/// The records of an export, one line of JSON each.
pub const RECORDS: &str = "log.jsonl";
/// The signed contracts of an export, a file each.
pub const CONTRACTS: &str = "contracts";

/// A folder with a log in it.
#[derive(Debug, Clone)]
pub enum Source {
    /// A node's home.
    Home(Home),
    /// An export.
    Export(PathBuf),
}

/// Records that were read, and why not more.
#[derive(Debug, Default)]
pub struct Records {
    /// In order, as long as each of them reads.
    pub entries: Vec<Entry>,
    /// The lines of those, without their ends: the leaves of the tree.
    pub lines: Vec<Vec<u8>>,
    /// The first that does not read, and what is wrong with it.
    pub broken: Option<(u64, &'static str)>,
}

impl Source {
    /// Finds out what a folder is.
    ///
    /// # Errors
    /// [`AuditError::NoLog`].
    pub fn find(place: &Path) -> Result<Self, AuditError> {
        let home = Home::at(place);
        if place.join(RECORDS).is_file() {
            Ok(Self::Export(place.to_owned()))
        } else if home.exists() {
            Ok(Self::Home(home))
        } else {
            Err(AuditError::NoLog { place: place.to_owned() })
        }
    }

    /// The folder.
    pub fn place(&self) -> &Path {
        match self {
            Self::Home(home) => home.root(),
            Self::Export(place) => place,
        }
    }

    /// The records and what proves them.
    ///
    /// # Errors
    /// [`AuditError`], where a file cannot be read.
    pub fn material(&self) -> Result<Material, AuditError> {
        match self {
            Self::Home(home) => Err(AuditError::NoLog { place: home.root().to_owned() }),
            Self::Export(place) => exported(place),
        }
    }

    /// The signed contracts, each of which proves itself; and what is wrong with the first that does not.
    pub fn contracts(&self) -> (Vec<Document>, Option<String>) {
        let folder = match self {
            Self::Home(home) => home.contracts_dir(),
            Self::Export(place) => place.join(CONTRACTS),
        };
        match Contracts::open(folder) {
            Ok(contracts) => (contracts.list(), None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        }
    }
}

/// What an export holds.
fn exported(place: &Path) -> Result<Material, AuditError> {
    let keys = match bytes_if_there(&place.join("keys.json"))? {
        Some(text) => Some(keys(&place.join("keys.json"), &text)?),
        None => None,
    };
    Ok(Material {
        records: records(&bytes(&place.join(RECORDS))?),
        head: bytes_if_there(&place.join("checkpoint"))?,
        keys,
        tiles: place.join("tile").is_dir().then(|| place.to_owned()),
        receipts: folder(&place.join("receipts"))?,
        witnessed: folder(&place.join("witnessed"))?.into_iter().map(|(_, note)| note).collect(),
    })
}

/// Reads keys.
///
/// # Errors
/// [`AuditError::Malformed`].
pub fn keys(path: &Path, text: &[u8]) -> Result<Keys, AuditError> {
    let malformed = |problem: String| AuditError::Malformed { path: path.to_owned(), problem };
    let keys: Keys = serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
    keys.check().map_err(|fault| malformed(fault.to_string()))?;
    Ok(keys)
}

/// Every file of a folder that may be missing, by name.
fn folder(path: &Path) -> Result<Vec<(String, Vec<u8>)>, AuditError> {
    let unreadable = |source| AuditError::Unreadable { path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push((name, bytes(&path)?));
    }
    files.sort();
    Ok(files)
}

/// Reads lines of JSON.
pub fn records(text: &[u8]) -> Records {
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    // The last record ends in a line break too; what stands after that is no record.
    let rest = lines.pop().unwrap_or_default();
    let read: Vec<Result<Entry, &'static str>> = lines.par_iter().map(|line| record(line)).collect();
    let mut records = Records::default();
    for (line, entry) in lines.iter().zip(read) {
        match entry {
            Ok(entry) => {
                records.entries.push(entry);
                records.lines.push(line.to_vec());
            }
            Err(problem) => {
                records.broken = Some((records.entries.len() as u64 + 1, problem));
                return records;
            }
        }
    }
    if !rest.is_empty() {
        records.broken = Some((records.entries.len() as u64 + 1, "it is cut off"));
    }
    records
}

/// One line.
fn record(line: &[u8]) -> Result<Entry, &'static str> {
    if line.len() > LARGEST_ENTRY {
        return Err("it is longer than a record may be");
    }
    if std::str::from_utf8(line).is_err() {
        return Err("it is not UTF-8");
    }
    serde_json::from_slice(line).map_err(|_| "it is not a record")
}

/// A file, whole.
pub fn bytes(path: &Path) -> Result<Vec<u8>, AuditError> {
    fs::read(path).map_err(|source| AuditError::Unreadable { path: path.to_owned(), source })
}

/// A file that may be missing.
pub fn bytes_if_there(path: &Path) -> Result<Option<Vec<u8>>, AuditError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuditError::Unreadable { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit::history::tests::Log, report::Refusal};

    fn text(log: &Log) -> Vec<u8> {
        let line = |entry: &Entry| serde_json::to_string(entry).unwrap() + "\n";
        log.entries.iter().map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn records_read_back_as_they_were_written() {
        let log = Log::full();
        let read = records(&text(&log));
        assert_eq!((read.entries, read.broken), (log.entries.clone(), None));
        assert_eq!(read.lines.len(), log.entries.len());
    }

    #[test]
    fn d17_what_does_not_read_is_named_and_what_follows_is_not_looked_at() {
        let good = text(&Log::full());
        let third = good.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
        for (wrong, problem) in [
            (&b"\xff\xfe\n"[..], "it is not UTF-8"),
            (b"{}\n", "it is not a record"),
            (b"\n", "it is not a record"),
            (&[&vec![b' '; LARGEST_ENTRY + 1][..], b"\n"].concat(), "it is longer than a record may be"),
        ] {
            let mut bad = good.clone();
            bad.splice(third..third, wrong.iter().copied());
            let read = records(&bad);
            assert_eq!((read.entries.len(), read.broken), (2, Some((3, problem))));
        }
        let cut = records(&good[..good.len() - 1]);
        assert_eq!(cut.broken, Some((18, "it is cut off")));
    }

    #[test]
    fn an_empty_folder_is_no_log() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Source::find(folder.path()).unwrap_err().code(), "E-AUDIT-NO-LOG");
        fs::write(folder.path().join(RECORDS), "").unwrap();
        assert!(matches!(Source::find(folder.path()), Ok(Source::Export(_))));
        assert_eq!(records(b"").entries, []);
    }
}
