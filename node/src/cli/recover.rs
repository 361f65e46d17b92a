//! `tacit recover`

use clap::Args;

use super::{console::Console, error::Failure};
use crate::{control::Request, ledger, report::Report};

/// Go on after the log was lost, changed or rolled back: what is missing counts as spent
#[derive(Debug, Args)]
pub struct Recover {
    /// The log is damaged and no copy of it is left: put it aside and begin a new one
    #[arg(long)]
    begin_anew: bool,
}

impl Recover {
    /// Asks the node; a log that cannot be opened is put aside first, if that was said.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        if self.begin_anew {
            let home = console.home()?;
            // Whoever works in the home has the log open.
            let _lock = home.lock()?;
            if let Some(aside) = ledger::put_aside(&home.ledger_dir()).map_err(Report::from)? {
                console.printer.note(&format!("the old log is kept in {}", aside.display()));
            }
        }
        console.answer(Request::Recover)
    }
}
