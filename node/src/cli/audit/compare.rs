//! `tacit audit compare`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    audit::{AuditError, Log, compare, table},
    cli::{console::Console, error::Failure},
    control::Reply,
    report::Report,
};

/// Hold two partners' exports against each other
#[derive(Debug, Args)]
pub struct Compare {
    /// Our export, or our home
    ours: PathBuf,
    /// The partner's export
    theirs: PathBuf,
}

impl Compare {
    /// Compares, and fails if the two tell two stories.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let ours = Log::open(&self.ours).map_err(Report::from)?;
        let theirs = Log::open(&self.theirs).map_err(Report::from)?;
        let found = compare::logs(&ours, &theirs).map_err(Report::from)?;
        let document = json!({
            "clean": found.is_clean(),
            "questions_in_both": found.both,
            "told_alike": found.alike,
            "differences": table::differences(&found).rows.len(),
        });
        let reply = Reply {
            table: Some(table::differences(&found)),
            document: Some(document),
            text: Some(table::differences_text(&found)),
            ..Reply::default()
        };
        console.printer.reply(&reply)?;
        let count = found.differences.iter().filter(|difference| !difference.harmless).count();
        if count > 0 { Err(Report::from(AuditError::Differ { count }).into()) } else { Ok(()) }
    }
}
