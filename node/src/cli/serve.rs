//! `tacit serve`

use std::io::Write;

use clap::Args;

use super::{
    console::Console,
    error::{CliError, Failure},
};
use crate::{config::Config, control, telemetry};

/// Run the node
///
/// It runs until `tacit stop`, Ctrl-C or SIGTERM. Commands typed meanwhile go to it.
#[derive(Debug, Args)]
pub struct Serve {}

impl Serve {
    /// Runs the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let home = console.home()?;
        let Config { name, log, .. } = Config::read(&home)?;
        let file = log.file.map(|file| home.root().join(file));
        telemetry::start(&log.level, log.format, file.as_deref()).map_err(CliError::Log)?;
        let printer = console.printer;
        let ready = move |address| {
            printer.note(&format!("{name} listens on {address} (UDP); Ctrl-C or `tacit stop` ends it"));
            let _ = std::io::stderr().flush();
        };
        Ok(control::serve(home, ready)?)
    }
}
