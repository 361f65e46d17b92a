//! `tacit audit export`

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    audit::{AuditError, Log, export},
    cli::{
        console::Console,
        error::{CliError, Failure},
    },
    control::Request,
    policy::Document,
    report::Report,
};

/// Write everything that an auditor needs into a folder
#[derive(Debug, Args)]
pub struct Export {
    /// The folder, which must not be there yet
    folder: PathBuf,
    /// Who takes it out [default: this account]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Export {
    /// Writes the folder, and leaves a record of it in the log if this account may write that.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        if self.folder.symlink_metadata().is_ok() {
            return Err(CliError::OutputExists { path: self.folder }.into());
        }
        let home = console.home()?;
        let before = Log::check(home.root(), None).map_err(Report::from)?;
        let records = before.head.map_or(0, |head| head.head().size);
        // First, so that it is in what is taken out. An account that may only read can take it out all the same.
        if let Err(failure) = console.perform(Request::AuditExported { records, by: self.by }) {
            let code =
                if let Failure::Refused(report) = failure { report.code } else { "E-INTERRUPTED".into() };
            console.printer.note(&format!("warning: the log does not record this export ({code})"));
        }
        let log = Log::open(home.root()).map_err(Report::from)?;
        write(&log, &self.folder).map_err(Report::from)?;
        let records = log.entries.len();
        console.printer.note(&format!("{records} records are in {}", self.folder.display()));
        if let Err(error) = log.sound() {
            console.printer.note(&format!("warning: {error}; it was exported as it is"));
        }
        Ok(())
    }
}

fn write(log: &Log, folder: &Path) -> Result<(), AuditError> {
    let nothing = || AuditError::NotCovered { record: log.entries.len() as u64 };
    let (head, keys) = (log.head.as_ref().ok_or_else(nothing)?, log.keys.as_ref().ok_or_else(nothing)?);
    let lines = log.source.lines()?;
    let covered =
        usize::try_from(head.head().size).ok().and_then(|size| lines.get(..size)).ok_or_else(nothing)?;
    let named = |document: &Document| (format!("{}.json", document.contract().id()), document.to_json());
    let contracts: Vec<(String, String)> = log.contracts.iter().map(named).collect();
    let witnessed = log.source.witnessed()?;
    let package = export::Package {
        lines: covered,
        head,
        earlier: &log.earlier,
        keys,
        contracts: &contracts,
        witnessed: &witnessed,
    };
    export::write(folder, &package).map(drop)
}
