//! `tacit audit export`

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    audit::{AuditError, Log, export, tiles},
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
    /// The folder, which must not be there yet; with --tiles-only it may be
    folder: PathBuf,
    /// Who takes it out [default: this account]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Write or bring up to date the head and the tiles alone (C2SP tlog-tiles), as mirrors serve them
    #[arg(long)]
    tiles_only: bool,
}

impl Export {
    /// Writes the folder, and leaves a record of it in the log if this account may write that.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        if !self.tiles_only && self.folder.symlink_metadata().is_ok() {
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
        if self.tiles_only {
            let written = tiles_only(&log, &self.folder).map_err(Report::from)?;
            let (new, kept, place) = (written.new, written.kept, self.folder.display());
            console.printer.note(&format!("{new} new tiles are in {place}, {kept} were there"));
            return Ok(());
        }
        write(&log, &self.folder).map_err(Report::from)?;
        let records = log.entries.len();
        console.printer.note(&format!("{records} records are in {}", self.folder.display()));
        if let Err(error) = log.sound() {
            console.printer.note(&format!("warning: {error}; it was exported as it is"));
        }
        Ok(())
    }
}

fn tiles_only(log: &Log, folder: &Path) -> Result<tiles::Written, AuditError> {
    let nothing = || AuditError::NotCovered { record: log.entries.len() as u64 };
    let (head, keys) = (log.head.as_ref().ok_or_else(nothing)?, log.keys.as_ref().ok_or_else(nothing)?);
    let lines = log.source.lines()?;
    let size = usize::try_from(head.head().size).ok();
    let covered = size.and_then(|size| lines.get(..size)).ok_or_else(nothing)?;
    tiles::write(folder, covered, keys, head)
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
