//! `tacit consent`

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    console::Console,
    error::Failure,
    input::{LARGE, read_text},
};
use crate::control::Request;

/// Keep people who withdrew their consent out of every answer
#[derive(Debug, Subcommand)]
pub enum Consent {
    /// Put identifiers on the withdrawal list; from this moment on their rows take no part
    Withdraw {
        /// A file with one identifier a line; - is standard input. They are not taken from the command line,
        /// which other users of the machine can see
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Their kind, such as phone or email
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
        /// Only for this dataset [default: for all]
        #[arg(long, value_name = "NAME")]
        dataset: Option<String>,
    },
    /// List how many identifiers are withdrawn, by batch
    List,
}

impl Consent {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        console.answer(match self {
            Self::Withdraw { file, kind, dataset } => {
                Request::ConsentWithdraw { identifiers: read_text(&file, LARGE)?, kind, dataset }
            }
            Self::List => Request::ConsentList,
        })
    }
}
