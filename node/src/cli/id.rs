//! `tacit id`

use clap::Subcommand;

use super::{console::Console, error::Failure};
use crate::control::Request;

/// Look at the identifiers of a dataset
#[derive(Debug, Subcommand)]
pub enum Id {
    /// Normalise the identifiers and say what is wrong with them, and what would match better
    Lint {
        /// The dataset's name
        dataset: String,
        /// The identity profile to normalise under, such as google-dm/2
        #[arg(long, value_name = "PROFILE")]
        profile: Option<String>,
    },
}

impl Id {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let Self::Lint { dataset, profile } = self;
        console.answer(Request::IdLint { dataset, profile })
    }
}
