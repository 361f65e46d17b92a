//! A log with what was found about it, ready to be looked at.

use std::path::Path;

use jiff::Timestamp;
use tacit_protocol::log::{
    Entry,
    checkpoint::{Keys, SignedCheckpoint},
};

use super::{
    AuditError, Check, Facts, History, Window,
    source::{Read, Source},
};
use crate::policy::Document;

/// Everything that a folder says.
#[derive(Debug)]
pub struct Log {
    /// Where it lies.
    pub source: Source,
    /// The records, up to the first that does not read; none if only checks were wanted.
    pub entries: Vec<Entry>,
    /// Whom to believe.
    pub keys: Option<Keys>,
    /// The newest head, if it is what its owner signed.
    pub head: Option<SignedCheckpoint>,
    /// Earlier heads that partners have cosigned.
    pub earlier: Vec<SignedCheckpoint>,
    /// What was checked.
    pub checks: Vec<Check>,
    /// The signed contracts that were at hand.
    pub contracts: Vec<Document>,
}

impl Log {
    /// Reads and checks the log in a home or an export. A log that does not verify is read all the same: its
    /// failing check says so, and from where on.
    ///
    /// # Errors
    /// [`AuditError`], where there is no log or a file cannot be read.
    pub fn open(place: &Path) -> Result<Self, AuditError> {
        Self::read(place, None, true)
    }

    /// Checks it, believing these keys rather than those that came with it, and keeps no records.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn check(place: &Path, keys: Option<Keys>) -> Result<Self, AuditError> {
        Self::read(place, keys, false)
    }

    fn read(place: &Path, keys: Option<Keys>, keep: bool) -> Result<Self, AuditError> {
        let source = Source::find(place)?;
        let (contracts, forged) = source.contracts();
        let Read { entries, keys, head, earlier, mut checks } = source.read(&contracts, keys, keep)?;
        checks.push(match (forged, contracts.len()) {
            (Some(problem), _) => Check::new("contracts", false, problem),
            (None, 0) => Check::new("contracts", None, "no signed contracts here"),
            (None, 1) => Check::new("contracts", true, "one signed contract is genuine"),
            (None, count) => Check::new("contracts", true, format!("{count} signed contracts are genuine")),
        });
        Ok(Self { source, entries, keys, head, earlier, checks, contracts })
    }

    /// The check that fails at the first record, as an error.
    ///
    /// # Errors
    /// [`AuditError::Bad`].
    pub fn sound(&self) -> Result<(), AuditError> {
        let failed = self.checks.iter().filter(|check| check.ok == Some(false));
        match failed.min_by_key(|check| check.record.unwrap_or(u64::MAX)) {
            Some(check) => {
                Err(AuditError::Bad { check: check.name, found: check.found.clone(), record: check.record })
            }
            None => Ok(()),
        }
    }

    /// Folded by question.
    pub fn history(&self, window: Window) -> History<'_> {
        History::new(&self.entries, window)
    }

    /// What a report is made of.
    pub fn facts(&self, window: Window, now: Timestamp) -> Facts<'_> {
        Facts::new(&self.entries, &self.contracts, &self.checks, window, now)
    }
}
