//! `tacit bench psi` (its place; refused until it is filled).

use super::error::CliError;
use crate::{
    control::{Event, Reply},
    report::Report,
};

/// What to measure.
#[derive(Debug, Clone)]
pub struct PsiBench {
    /// The asker's rows, one identifier each.
    pub rows: u64,
    /// The partner's rows.
    pub partner_rows: u64,
    /// Share of the smaller side that the other has too (0..=1).
    pub overlap: f64,
}

/// Refused until it is filled.
///
/// # Errors
/// Always.
pub fn psi(_bench: &PsiBench, _events: &mut dyn FnMut(Event)) -> Result<Reply, Report> {
    Err(CliError::NotInThisVersion { command: "bench psi", instead: "`tacit query`" }.into())
}
