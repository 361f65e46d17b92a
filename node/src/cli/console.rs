//! What every command works with: the home that was named, the printer, the way to the node.

use std::path::PathBuf;

use super::{
    Global,
    error::{CliError, Failure},
    printer::{Output, Printer},
    progress::{Progress, ProgressMode},
};
use crate::{
    config::{ConfigError, Home, LogFormat},
    control::{self, Reply, Request},
    telemetry,
};

/// The surroundings of a command.
#[derive(Debug)]
pub struct Console {
    /// Prints.
    pub printer: Printer,
    home: Option<PathBuf>,
    progress: ProgressMode,
}

impl Console {
    /// What the options say, and the environment where they say nothing.
    pub(super) fn new(global: Global) -> Result<Self, CliError> {
        let progress = if global.quiet { ProgressMode::None } else { global.progress };
        let output = match global.output {
            Some(output) => output,
            None => Output::of_environment()?,
        };
        let home = global.home.or_else(|| std::env::var_os("TACIT_HOME").map(PathBuf::from));
        Ok(Self { printer: Printer::new(output, global.quiet), home, progress })
    }

    /// The home that was named, whether it is there or not.
    pub fn place(&self) -> Result<Home, ConfigError> {
        let root = match &self.home {
            Some(root) if !root.as_os_str().is_empty() => root.clone(),
            _ => Home::default_root()?,
        };
        // The running node may stand in another directory.
        Ok(Home::at(std::path::absolute(&root).unwrap_or(root)))
    }

    /// The home, which has to be there and closed to others.
    pub fn home(&self) -> Result<Home, ConfigError> {
        Home::open(self.place()?.root())
    }

    /// The folder with a log that was named; this node's home if none was.
    pub fn folder(&self, named: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
        match named {
            Some(folder) => Ok(folder),
            None => Ok(self.home()?.root().to_owned()),
        }
    }

    /// A single command logs only what `TACIT_LOG` asks for.
    pub fn log(&self) -> Result<(), CliError> {
        telemetry::start("off", LogFormat::Text, None).map_err(CliError::Log)
    }

    /// Shows what happens on the way of some long work.
    pub fn watch<T>(&self, work: impl FnOnce(&mut dyn FnMut(control::Event)) -> T) -> T {
        let mut progress = Progress::start(self.progress);
        let done = work(&mut |event| progress.show(&event));
        progress.finish();
        done
    }

    /// Asks the node, running or not.
    pub fn perform(&self, request: Request) -> Result<Reply, Failure> {
        let home = self.home()?;
        Ok(self.watch(|events| control::perform(&home, request, events))?)
    }

    /// Asks the node and prints the reply.
    pub fn answer(&self, request: Request) -> Result<(), Failure> {
        let reply = self.perform(request)?;
        Ok(self.printer.reply(&reply)?)
    }
}
