//! Commands whose rooms later versions fill.
//!
//! They stand in the help, so that their names are taken and known, and are refused: nothing pretends to
//! work.

use std::ffi::OsString;

use clap::Args;

use super::error::{CliError, Failure};

/// Whatever follows a command that is not there yet; refused as a whole rather than word by word.
#[derive(Debug, Clone, Args)]
pub struct Rest {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _words: Vec<OsString>,
}

/// Refuses a command.
pub fn refuse(command: &'static str, instead: &'static str) -> Result<(), Failure> {
    Err(CliError::NotInThisVersion { command, instead }.into())
}
