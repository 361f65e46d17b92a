//! `tacit audit log`

use std::path::PathBuf;

use clap::Args;
use tacit_protocol::log::{Entry, Kind};

use crate::{
    audit,
    cli::{console::Console, error::Failure},
    control::Reply,
    data::{Table, Value},
    ledger::Noise,
    report::Report,
};

/// List the records, newest last
#[derive(Debug, Args)]
pub struct Log {
    /// An export, or another node's home [default: this node's]
    folder: Option<PathBuf>,
    /// The newest so many
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// Only this kind, such as reserve, answer, refusal; with reserve, the noise of each figure too
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Kind>,
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

impl Log {
    /// Lists them.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let log = audit::Log::open(&console.folder(self.folder)?).map_err(Report::from)?;
        let entries: Vec<&Entry> =
            log.entries.iter().filter(|entry| self.kind.is_none_or(|kind| kind == entry.kind)).collect();
        let skipped = self
            .limit
            .map_or(0, |limit| entries.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX)));
        let shown = &entries[skipped..];
        let mut notes = if entries.is_empty() { vec!["no records yet".to_owned()] } else { Vec::new() };
        if let Err(error) = log.sound() {
            notes.push(format!("warning: {error}; see tacit audit verify"));
        }
        let document = serde_json::to_value(shown).ok();
        let reply = Reply {
            table: Some(table(shown, self.kind == Some(Kind::Reserve))),
            document,
            notes,
            ..Reply::default()
        };
        Ok(console.printer.reply(&reply)?)
    }
}

/// Mechanism, Δ and σ of each figure that a question pays for.
fn noise_of(entry: &Entry) -> Option<String> {
    let noise: Vec<Noise> = serde_json::from_value(entry.body.get("noise")?.clone()).ok()?;
    Some(noise.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn table(entries: &[&Entry], noise: bool) -> Table {
    let mut table = Table::new(&["seq", "time", "kind", "partner", "what", "query", "contract"]);
    if noise {
        table.columns.push("noise".to_owned());
    }
    for entry in entries {
        // Whole seconds are enough for people; the document has the rest.
        let seconds = entry.time.split('.').next().unwrap_or_default().trim_end_matches('Z');
        table.push([
            Value::from(entry.seq),
            Value::from(format!("{seconds}Z")),
            Value::from(entry.kind.name()),
            Value::from(entry.partner.clone()),
            Value::from(entry.what.as_str()),
            Value::from(entry.query.map(|id| id.short())),
            Value::from(entry.contract.map(|id| id.short())),
            // Cut off where the table has no such column.
            Value::from(noise_of(entry)),
        ]);
    }
    table
}
