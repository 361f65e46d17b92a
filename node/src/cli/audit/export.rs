//! `tacit audit export`

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::{
    audit::{AuditError, Log, export},
    cli::{
        console::Console,
        error::{CliError, Failure},
    },
    report::Report,
};

/// Write everything that an auditor needs into a folder
#[derive(Debug, Args)]
pub struct Export {
    /// The folder, which must not be there yet
    folder: PathBuf,
}

impl Export {
    /// Writes the folder, and leaves a record of it in the log if this account may write that.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        if self.folder.symlink_metadata().is_ok() {
            return Err(CliError::OutputExists { path: self.folder }.into());
        }
        let log = Log::open(console.home()?.root()).map_err(Report::from)?;
        write(&log, &self.folder).map_err(Report::from)?;
        let records = log.entries().len();
        console.printer.note(&format!("{records} records are in {}", self.folder.display()));
        if let Err(error) = log.sound() {
            console.printer.note(&format!("warning: {error}; it was exported as it is"));
        }
        Ok(())
    }
}

fn write(log: &Log, folder: &Path) -> Result<(), AuditError> {
    let nothing = || AuditError::NotCovered { record: log.entries().len() as u64 };
    let head = log.material.signed().ok_or_else(nothing)?;
    let keys = log.material.keys.as_ref().ok_or_else(nothing)?;
    let contracts = log
        .contracts
        .iter()
        .map(|document| (format!("{}.json", document.contract().id()), document.to_json()))
        .collect();
    let package = export::Package {
        records: &log.material.records,
        head: &head,
        keys,
        contracts,
        witnessed: &log.material.witnessed,
        now: Timestamp::now(),
    };
    export::write(folder, &package)
}
