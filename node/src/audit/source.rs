//! A log where it lies: in a node's home, running or not, or in a folder that holds only an export.
//!
//! Nothing is locked and nothing is written. The attack this stops is the file that claims more than it holds:
//! records are taken up to the first that does not read, and what comes after it is not looked at.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tacit_protocol::{
    ids::PartnerId,
    log::{
        Entry, Kind, LARGEST_ENTRY,
        checkpoint::{Keys, SignedCheckpoint},
        export::{CHECKPOINT, KEYS, LOG},
        verify::{Audit, Parts, verify},
    },
};

use super::{
    AuditError, Check,
    check::{self, Booking},
    history::owner,
    home,
    noise::Prices,
};
use crate::{
    config::Home,
    ledger,
    policy::{Contracts, Document},
};

/// The signed contracts of an export, a file each.
pub const CONTRACTS: &str = "contracts";
/// The newest heads of partners' logs that a node has cosigned, in its export.
pub const WITNESSED: &str = "witnessed";

/// A folder with a log in it.
#[derive(Debug, Clone)]
pub enum Source {
    /// A node's home.
    Home(Home),
    /// An export.
    Export(PathBuf),
}

/// What was read.
#[derive(Debug, Default)]
pub struct Read {
    /// In order, as long as each of them reads.
    pub entries: Vec<Entry>,
    /// Whom to believe.
    pub keys: Option<Keys>,
    /// The newest head, if it is what its owner signed.
    pub head: Option<SignedCheckpoint>,
    /// Earlier heads that partners have cosigned.
    pub earlier: Vec<SignedCheckpoint>,
    /// What was checked.
    pub checks: Vec<Check>,
}

impl Source {
    /// Finds out what a folder is.
    ///
    /// # Errors
    /// [`AuditError::NoLog`].
    pub fn find(place: &Path) -> Result<Self, AuditError> {
        let home = Home::at(place);
        if place.join(LOG).is_file() {
            Ok(Self::Export(place.to_owned()))
        } else if home.exists() {
            Ok(Self::Home(home))
        } else {
            Err(AuditError::NoLog { place: place.to_owned() })
        }
    }

    /// Reads and checks. `keys` are believed rather than those that came with the log; records are kept only
    /// where they are wanted.
    ///
    /// # Errors
    /// [`AuditError`], where a file cannot be read.
    pub fn read(&self, contracts: &[Document], keys: Option<Keys>, keep: bool) -> Result<Read, AuditError> {
        match self {
            Self::Home(home) => home::read(home, contracts, keys, keep),
            Self::Export(place) => exported(place, keys, keep),
        }
    }

    /// The records' bytes, which are the leaves of the tree, as far as they are lines.
    ///
    /// # Errors
    /// [`AuditError`], where the file cannot be read.
    pub fn lines(&self) -> Result<Vec<Vec<u8>>, AuditError> {
        match self {
            Self::Home(home) => {
                let reading = ledger::read(&home.ledger_dir()).map_err(AuditError::Ledger)?;
                reading.lines().collect::<Result<_, _>>().map_err(AuditError::Ledger)
            }
            Self::Export(place) => Ok(lines(&bytes(&place.join(LOG))?)),
        }
    }

    /// Names and signing keys of organisations, as far as cards and contracts here tell.
    ///
    /// # Errors
    /// [`AuditError`], where a file cannot be read.
    pub fn partners(&self, contracts: &[Document]) -> Result<Vec<(String, [u8; 32])>, AuditError> {
        match self {
            Self::Home(home) => home::partners(home, contracts),
            Self::Export(_) => {
                let bound = contracts.iter().flat_map(|document| document.contract().partners());
                Ok(bound.map(|partner| (partner.name.clone(), partner.key)).collect())
            }
        }
    }

    /// The heads of partners' logs that this node has cosigned.
    ///
    /// # Errors
    /// [`AuditError`], where a file cannot be read.
    pub fn witnessed(&self) -> Result<Vec<Vec<u8>>, AuditError> {
        let folder = match self {
            Self::Home(home) => home.ledger_dir().join("witness"),
            Self::Export(place) => place.join(WITNESSED),
        };
        files(&folder)
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

/// Reads and checks an export.
fn exported(place: &Path, believed: Option<Keys>, keep: bool) -> Result<Read, AuditError> {
    let path = place.join(KEYS);
    let own = match bytes_if_there(&path)? {
        Some(text) => Some(keys(&path, &text)?),
        None => None,
    };
    // LOG-18: the folder's hand-overs are signed by the keys that are believed, or lead nowhere.
    let told = own.as_ref().map(|own| own.handovers.clone()).unwrap_or_default();
    let Some(keys) = believed.map(|believed| believed.extended(&told)).or(own) else {
        let mut read = unsigned(&bytes(&place.join(LOG))?);
        read.checks.insert(0, Check::new("head", None, format!("no {KEYS} here, and none was given")));
        return Ok(read);
    };
    let open = |path: &str| -> io::Result<Option<Box<dyn io::Read + Send>>> {
        match fs::File::open(place.join(path)) {
            Ok(file) => Ok(Some(Box::new(io::BufReader::with_capacity(1 << 16, file)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    };
    let mut seen = Seen { keep, ..Seen::default() };
    let audit = Audit { keys: &keys, parts: Parts::EXPORT, known: &[] };
    let verdict = verify(&audit, &open, &mut |entry| {
        seen.take(entry);
        Ok(())
    })
    .map_err(|source| AuditError::Unreadable { path: place.to_owned(), source })?;
    let mut checks = check::of_verdict(&verdict, true);
    checks.insert(1, seen.booking.check());
    checks.insert(2, seen.prices.check());
    checks.push(check::identity(&keys, seen.me));
    checks.push(check::cosignatures(&keys, &verdict));
    let head = bytes_if_there(&place.join(CHECKPOINT))?.and_then(|note| keys.open(&note).ok());
    Ok(Read { entries: seen.entries, keys: Some(keys), head, earlier: Vec::new(), checks })
}

/// What passes by while a log is verified.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) keep: bool,
    pub(super) count: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) me: Option<PartnerId>,
    pub(super) booking: Booking,
    pub(super) prices: Prices,
}

impl Seen {
    pub(super) fn take(&mut self, entry: &Entry) {
        self.booking.take(entry);
        self.take_booked(entry);
    }

    /// The same for a record that somebody else has booked.
    pub(super) fn take_booked(&mut self, entry: &Entry) {
        self.count += 1;
        if entry.kind == Kind::Open && self.me.is_none() {
            self.me = owner(entry);
        }
        self.prices.take(entry);
        if self.keep {
            self.entries.push(entry.clone());
        }
    }
}

/// Records without anything that proves them.
pub fn unsigned(text: &[u8]) -> Read {
    let mut seen = Seen { keep: true, ..Seen::default() };
    let mut problem = None;
    for line in lines(text) {
        match record(&line) {
            Ok(entry) => seen.take(&entry),
            Err(found) => {
                problem = Some(found);
                break;
            }
        }
    }
    let next = seen.entries.len() as u64 + 1;
    let records = match problem {
        Some(problem) => Check::new("records", false, format!("record {next}: {problem}")).at(next),
        None => Check::new("records", true, format!("{} records read", next - 1)),
    };
    let checks = vec![records, seen.booking.check(), seen.prices.check()];
    Read { entries: seen.entries, checks, ..Read::default() }
}

/// The lines of a file; what stands after the last line break is none.
fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    text[..whole].split_inclusive(|byte| *byte == b'\n').map(|line| line[..line.len() - 1].to_vec()).collect()
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

/// Every file of a folder that may be missing, by the order of their names; those with an ending are set aside.
pub(super) fn files(folder: &Path) -> Result<Vec<Vec<u8>>, AuditError> {
    let unreadable = |source| AuditError::Unreadable { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>().map_err(unreadable)?;
    paths.retain(|path| path.extension().is_none());
    paths.sort();
    paths.iter().map(|path| bytes(path)).collect()
}

/// A file, whole.
pub fn bytes(path: &Path) -> Result<Vec<u8>, AuditError> {
    fs::read(path).map_err(|source| AuditError::Unreadable { path: path.to_owned(), source })
}

/// A file that may be missing.
fn bytes_if_there(path: &Path) -> Result<Option<Vec<u8>>, AuditError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuditError::Unreadable { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audit::history::tests::Log as Day, report::Refusal};

    fn text(day: &Day) -> Vec<u8> {
        let line = |entry: &Entry| serde_json::to_string(entry).unwrap() + "\n";
        day.entries.iter().map(line).collect::<String>().into_bytes()
    }

    #[test]
    fn records_read_back_as_they_were_written() {
        let day = Day::full();
        let read = unsigned(&text(&day));
        assert_eq!(read.entries, day.entries);
        // Its records tell no noise, so of that nothing can be said.
        let said: Vec<_> = read.checks.iter().map(|check| (check.name, check.ok)).collect();
        assert_eq!(said, [("records", Some(true)), ("budget", Some(true)), ("noise", None)]);
    }

    #[test]
    fn d17_what_does_not_read_is_named_and_what_follows_is_not_looked_at() {
        let good = text(&Day::full());
        let third = good.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
        for (wrong, problem) in [
            (&b"\xff\xfe\n"[..], "it is not UTF-8"),
            (b"{}\n", "it is not a record"),
            (b"\n", "it is not a record"),
            (&[&vec![b' '; LARGEST_ENTRY + 1][..], b"\n"].concat(), "it is longer than a record may be"),
        ] {
            let mut bad = good.clone();
            bad.splice(third..third, wrong.iter().copied());
            let read = unsigned(&bad);
            let check = &read.checks[0];
            assert_eq!((read.entries.len(), check.ok, check.record), (2, Some(false), Some(3)));
            assert!(check.found.ends_with(problem), "{}", check.found);
        }
    }

    #[test]
    fn an_empty_folder_is_no_log() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Source::find(folder.path()).unwrap_err().code(), "E-AUDIT-NO-LOG");
        fs::write(folder.path().join(LOG), "").unwrap();
        assert!(matches!(Source::find(folder.path()), Ok(Source::Export(_))));
        assert_eq!(unsigned(b"").entries, []);
    }
}
