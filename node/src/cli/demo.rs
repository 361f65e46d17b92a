//! `tacit demo` (its place; refused until it is filled).

use super::error::CliError;
use crate::report::Report;

/// Refused until it is filled.
///
/// # Errors
/// Always.
pub fn run(_keep: bool) -> Result<(), Report> {
    Err(CliError::NotInThisVersion { command: "demo", instead: "the steps of `tacit --help`" }.into())
}
