//! `tacit budget`

use std::path::PathBuf;

use clap::Args;

use super::{console::Console, error::Failure, printer::OutFile};
use crate::{
    audit::{self, Log, Window, burn, table},
    control::Reply,
    report::Report,
};

/// Show what was granted, spent and set aside, and what is left, by partner and population
#[derive(Debug, Args)]
pub struct Budget {
    /// An export, or another node's home [default: this node's]
    folder: Option<PathBuf>,
    /// Only this partner
    #[arg(long, value_name = "NAME")]
    partner: Option<String>,
    /// Draw the burn-down of each account into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "svg")]
    force: bool,
}

impl Budget {
    /// Reads the log; no node need run.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let svg = self.svg.map(|path| OutFile::plan(&path, self.force)).transpose()?;
        let log = Log::open(&console.folder(self.folder)?).map_err(Report::from)?;
        let me = log.history(Window::default()).me;
        let mut balances = audit::budget::sorted(audit::budget::balances(&log.entries), me);
        balances.retain(|balance| self.partner.as_ref().is_none_or(|name| *name == balance.partner));
        let mut notes = Vec::new();
        if balances.is_empty() {
            notes.push("no question has had a price yet".to_owned());
        }
        if let Err(error) = log.sound() {
            notes.push(format!("warning: {error}; see tacit audit verify"));
        }
        if let Some(svg) = svg {
            let title = |b: &audit::budget::Balance| format!("{} · {}", b.partner, b.account.population);
            let drawings: Vec<String> = balances.iter().map(|b| burn::svg(b, &title(b))).collect();
            svg.write_text(&burn::sheet(&drawings))?;
            notes.push(format!("drawn into {}", svg.path().display()));
        }
        let reply = Reply {
            table: Some(table::budgets(&balances, me)),
            text: Some(table::budgets_text(&balances, me)),
            notes,
            ..Reply::default()
        };
        Ok(console.printer.reply(&reply)?)
    }
}
