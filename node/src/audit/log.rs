//! A log with what was found about it, ready to be looked at.

use std::path::Path;

use jiff::Timestamp;
use tacit_protocol::log::{Entry, checkpoint::Keys};

use super::{
    AuditError, Check, Facts, History, Window,
    check::{self, Material},
    source::Source,
};
use crate::policy::Document;

/// Everything that a folder says.
#[derive(Debug)]
pub struct Log {
    /// The records and what proves them.
    pub material: Material,
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
        Self::open_believing(place, None)
    }

    /// The same, believing these keys rather than those that came with the log.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_believing(place: &Path, keys: Option<Keys>) -> Result<Self, AuditError> {
        let source = Source::find(place)?;
        let (contracts, forged) = source.contracts();
        let mut material = source.material()?;
        material.keys = keys.or(material.keys);
        let mut checks = check::all(&material);
        checks.push(Check {
            name: "contracts",
            ok: match (&forged, contracts.is_empty()) {
                (Some(_), _) => Some(false),
                (None, true) => None,
                (None, false) => Some(true),
            },
            found: forged.unwrap_or_else(|| match contracts.len() {
                0 => "no signed contracts here".to_owned(),
                1 => "1 signed contract is genuine".to_owned(),
                count => format!("{count} signed contracts are genuine"),
            }),
            record: None,
        });
        Ok(Self { material, checks, contracts })
    }

    /// The first check that fails, as an error.
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

    /// The records, up to the first that does not read.
    pub fn entries(&self) -> &[Entry] {
        &self.material.records.entries
    }

    /// Folded by question.
    pub fn history(&self, window: Window) -> History<'_> {
        History::new(self.entries(), window)
    }

    /// What a report is made of.
    pub fn facts(&self, window: Window, now: Timestamp) -> Facts<'_> {
        Facts::new(self.entries(), &self.contracts, &self.checks, window, now)
    }
}
