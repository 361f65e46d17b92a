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
    Deny(Decision),
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

impl Approvals {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let decide = |approve, Decision { approval, by, reason }| Request::ApprovalDecide {
            approval,
            approve,
            by,
            reason,
        };
        console.answer(match self {
            Self::List => Request::ApprovalList,
            Self::Approve(decision) => decide(true, decision),
            Self::Deny(decision) => decide(false, decision),
        })
    }
}
