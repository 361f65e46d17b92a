//! `tacit audit`: one file a command. All of them read, none of them needs a running node.

mod compare;
mod export;
mod log;
mod receipt;
mod report;
mod verify;

use clap::Subcommand;

use super::{console::Console, error::Failure};

/// Look back: who asked what of whom
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List the records, newest last
    Log(log::Log),
    /// Check the chain, the signatures and the budgets, from this node's home or from an export alone
    Verify(verify::Verify),
    /// Print the signed receipt of an answered question
    Receipt(receipt::Receipt),
    /// Hold two partners' exports against each other
    Compare(compare::Compare),
    /// Write the report for a regulator
    Report(report::Write),
    /// Write everything that an auditor needs into a folder
    Export(export::Export),
    /// Show the log's newest head to the auditor's own witness now ([witness] in tacit.toml)
    Witness,
}

impl Audit {
    /// Whether `-o html` says something here.
    pub fn has_page(&self) -> bool {
        matches!(self, Self::Report(_))
    }

    /// Reads the log.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        match self {
            Self::Log(log) => log.run(console),
            Self::Verify(verify) => verify.run(console),
            Self::Receipt(receipt) => receipt.run(console),
            Self::Compare(compare) => compare.run(console),
            Self::Report(report) => report.run(console),
            Self::Export(export) => export.run(console),
            Self::Witness => console.answer(crate::control::Request::AuditWitness),
        }
    }
}
