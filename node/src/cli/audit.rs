//! `tacit audit`

use clap::Subcommand;

use super::{
    console::Console,
    error::Failure,
    later::{self, Rest},
};
use crate::control::Request;

/// Look back: who asked what of whom
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// List the records of this node, newest last
    Log {
        /// The newest so many
        #[arg(long, value_name = "NUMBER")]
        limit: Option<u64>,
    },
    /// Check chain and signatures offline (not in this version)
    Verify(Rest),
    /// Print a signed receipt (not in this version)
    Receipt(Rest),
    /// Hold two partners' exports against each other (not in this version)
    Compare(Rest),
    /// Write the regulator's report (not in this version)
    Report(Rest),
    /// Export the records (not in this version)
    Export(Rest),
}

impl Audit {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let instead = "`tacit audit log`, which takes -o json and -o csv";
        match self {
            Self::Log { limit } => console.answer(Request::AuditLog { limit }),
            Self::Verify(_) => later::refuse("audit verify", instead),
            Self::Receipt(_) => later::refuse("audit receipt", instead),
            Self::Compare(_) => later::refuse("audit compare", instead),
            Self::Report(_) => later::refuse("audit report", instead),
            Self::Export(_) => later::refuse("audit export", instead),
        }
    }
}
