//! `tacit approvals`

use clap::{Args, Subcommand};

use super::{console::Console, error::Failure};
use crate::control::Request;

/// Decide about runs that wait for a person
#[derive(Debug, Subcommand)]
pub enum Approvals {
    /// List the runs that wait, and what they would reveal
    List,
    /// Let a waiting run go on
    Approve(Decision),
    /// Refuse a waiting run
    Deny(Denial),
}

/// A person's decision.
#[derive(Debug, Args)]
pub struct Decision {
    /// The approval's id, or its start
    approval: String,
    /// Who decides, for the record
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A person's no.
#[derive(Debug, Args)]
pub struct Denial {
    /// The approval's id, or its start
    approval: String,
    /// Who decides, for the record; the partner is not told
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why, in one line: for the record, and shown to who asked
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Approvals {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let decide =
            |approve, approval, by, reason| Request::ApprovalDecide { approval, approve, by, reason };
        console.answer(match self {
            Self::List => Request::ApprovalList,
            Self::Approve(Decision { approval, by, reason }) => decide(true, approval, by, reason),
            Self::Deny(Denial { approval, by, reason }) => decide(false, approval, by, reason),
        })
    }
}
