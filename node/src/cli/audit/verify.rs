//! `tacit audit verify`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::{
    audit::{Log, source, table},
    cli::{console::Console, error::Failure},
    control::Reply,
    report::Report,
};

/// Check the chain, the signatures and the budgets, from this node's home or from an export alone
#[derive(Debug, Args)]
pub struct Verify {
    /// An export, or another node's home [default: this node's]
    folder: Option<PathBuf>,
    /// Believe the keys in this file rather than those that came with the log
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

impl Verify {
    /// Checks, says what was checked, and fails if something does not hold.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let keys = self.keys.map(|path| source::bytes(&path).and_then(|text| source::keys(&path, &text)));
        let keys = keys.transpose().map_err(Report::from)?;
        let log = Log::check(&console.folder(self.folder)?, keys).map_err(Report::from)?;
        let sound = log.sound();
        let checks = table::checks(&log.checks);
        let document = json!({
            "verifies": sound.is_ok(),
            "records": log.head.as_ref().map(|head| head.head().size),
            "first_bad_record": log.checks.iter().filter(|c| c.ok == Some(false)).filter_map(|c| c.record).min(),
            "checks": log.checks.iter().map(|check| json!({
                "check": check.name, "ok": check.ok, "found": check.found, "record": check.record,
            })).collect::<Vec<_>>(),
        });
        let reply = Reply {
            table: Some(checks),
            document: Some(document),
            text: Some(table::checks_text(&log.checks)),
            ..Reply::default()
        };
        console.printer.reply(&reply)?;
        Ok(sound.map_err(Report::from)?)
    }
}
