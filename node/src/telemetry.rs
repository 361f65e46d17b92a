//! What a running node writes down about itself.
//!
//! The attack this stops is the log that tells what the protocol hides: logs are copied, shipped and kept
//! longest. Only this program's own events and the transport's are written; the data engine's, which quote
//! SQL literals and file contents, are never even listened to, whatever `TACIT_LOG` says. Our own events
//! carry codes, counts, names and ids of partners and queries, never rows, identifiers or keys.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, fmt::writer::BoxMakeWriter, layer::SubscriberExt,
};

use crate::config::LogFormat;

/// Overrides the level of the settings, and turns the log on for a single command.
pub const VARIABLE: &str = "TACIT_LOG";

/// Events of these crates are written, and no others.
const LISTENED_TO: [&str; 4] = ["tacit_node", "tacit_protocol", "tacit", "quinn"];

/// A log that cannot be kept as asked.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Neither a level nor a list of `module=level`.
    #[error(
        "{VARIABLE} is {value:?}, which is not error, warn, info, debug, trace, or a list of module=level"
    )]
    BadFilter {
        /// What it says.
        value: String,
    },
    /// The file of `[log]`.
    #[error("the log file {} cannot be opened", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Started twice in one process.
    #[error("logging has been started already")]
    AlreadyStarted,
}

/// Starts the log of this process: to `file` (mode 0600, appended to) or to stderr.
pub fn start(level: &str, format: LogFormat, file: Option<&Path>) -> Result<(), TelemetryError> {
    let wanted = std::env::var(VARIABLE).ok().filter(|value| !value.trim().is_empty());
    let filter = parse_filter(wanted.as_deref().unwrap_or(level))?;
    let writer = match file {
        None => BoxMakeWriter::new(io::stderr),
        Some(path) => {
            let open = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
            let file = open.map_err(|source| TelemetryError::File { path: path.to_owned(), source })?;
            BoxMakeWriter::new(Mutex::new(file))
        }
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let listened = filter_fn(|metadata| {
        let root = metadata.target().split("::").next().unwrap_or_default();
        LISTENED_TO.iter().any(|name| root == *name || root.starts_with("quinn_"))
    });
    // Set as the default without the bridge for the `log` crate: what comes from there stays unheard.
    let subscriber = Registry::default().with(lines.with_filter(listened).with_filter(filter));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::AlreadyStarted)
}

fn parse_filter(text: &str) -> Result<EnvFilter, TelemetryError> {
    let bad = || TelemetryError::BadFilter { value: text.to_owned() };
    // A bare word is a level here: as a target it would match nothing, and nobody would know why.
    let level = ["error", "warn", "info", "debug", "trace", "off"];
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    if !words.iter().all(|word| word.contains('=') || level.contains(&word.to_ascii_lowercase().as_str())) {
        return Err(bad());
    }
    EnvFilter::builder().parse(words.join(",")).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_or_a_list_is_understood_and_nothing_else() {
        for good in ["info", "WARN", "off", "warn,tacit_node=debug", "tacit_node::link=trace, quinn=warn"] {
            assert!(parse_filter(good).is_ok(), "{good}");
        }
        for bad in ["loud", "tacit_node", "info,loud", "tacit_node=loud", "=", "1 2"] {
            assert!(parse_filter(bad).is_err(), "{bad}");
        }
    }
}
