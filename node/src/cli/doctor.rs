//! `tacit doctor`

use clap::Args;

use super::{console::Console, error::Failure};
use crate::control::Request;

/// Check everything that can be wrong here, or between here and a partner
#[derive(Debug, Args)]
pub struct Doctor {
    /// Check the way to this partner as well
    partner: Option<String>,
}

impl Doctor {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        console.answer(Request::Doctor { partner: self.partner })
    }
}
