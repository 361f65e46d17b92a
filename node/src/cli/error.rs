//! What can be wrong with a command line before, and with its output after, a node is asked.

use std::{io, path::PathBuf};

use crate::{
    config::ConfigError,
    report::{Class, Detail, Refusal, Report},
};

/// A command that this program itself refuses or fails at.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A file named on the command line cannot be read.
    #[error("{what} cannot be read")]
    Unreadable {
        /// The file, or standard input.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file named on the command line is not what it has to be.
    #[error("{what} is not UTF-8 text")]
    NotText {
        /// The file, or standard input.
        what: String,
    },
    /// A file named on the command line is far too large to be what it has to be.
    #[error("{what} is larger than {limit}")]
    TooLong {
        /// The file, or standard input.
        what: String,
        /// The most it may have.
        limit: String,
    },
    /// Output never goes over a file by accident.
    #[error("{} exists", path.display())]
    OutputExists {
        /// The file.
        path: PathBuf,
    },
    /// The ending of an output file does not say a format.
    #[error("the ending of {} names no format", path.display())]
    OutputEnding {
        /// The file.
        path: PathBuf,
    },
    /// Writing the output failed.
    #[error("{what} cannot be written")]
    Unwritable {
        /// The file, or standard output.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file in the home with an answer cannot be read back.
    #[error("the answer in this node's home cannot be read back")]
    AnswerUnreadable {
        /// What the reader said; it names structure, never values.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Bytes that would wreck a terminal.
    #[error("{format} is not for terminals")]
    BinaryOnTerminal {
        /// The format.
        format: &'static str,
    },
    /// `--out` with something that has no rows and no document.
    #[error("there is nothing to write to {}", path.display())]
    NothingToWrite {
        /// The file.
        path: PathBuf,
    },
    /// A command whose time has not come.
    #[error("`tacit {command}` is not in this version")]
    NotInThisVersion {
        /// The command.
        command: &'static str,
        /// What works now.
        instead: &'static str,
    },
    /// The node's answer lacks what this command goes on with.
    #[error("the node's answer does not name the contract")]
    NoContractNamed,
    /// A broken command line that clap let through.
    #[error("{problem}")]
    Usage {
        /// What is wrong.
        problem: String,
        /// What would be right.
        mend: String,
    },
    /// A `TACIT_LOG` or a log file that cannot be used.
    #[error("nothing can be logged as asked")]
    Log(#[source] crate::telemetry::TelemetryError),
}

impl Refusal for CliError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::NotText { .. } | Self::TooLong { .. } => "E-INPUT-UNREADABLE",
            Self::OutputExists { .. } => "E-OUTPUT-EXISTS",
            Self::OutputEnding { .. } | Self::BinaryOnTerminal { .. } => "E-OUTPUT-FORMAT",
            Self::Unwritable { .. } => "E-OUTPUT-UNWRITABLE",
            Self::AnswerUnreadable { .. } => "E-ANSWER-UNREADABLE",
            Self::NothingToWrite { .. } => "E-OUTPUT-NOTHING",
            Self::NotInThisVersion { .. } => "E-NOT-IN-THIS-VERSION",
            Self::NoContractNamed => "E-CONTROL-VERSION",
            Self::Usage { .. } => "E-USAGE",
            Self::Log(_) => "E-LOG",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Unwritable { .. }
            | Self::AnswerUnreadable { .. }
            | Self::NothingToWrite { .. }
            | Self::NoContractNamed => Class::Failed,
            _ => Class::Usage,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let would_do = |text: &str| vec![Detail::new("would do", text)];
        match self {
            Self::OutputExists { .. } => would_do("another name, or --force to replace it"),
            Self::OutputEnding { .. } => would_do("a name that ends in .csv, .json, .parquet or .arrow"),
            Self::BinaryOnTerminal { .. } => {
                would_do("redirect it to a file or a program: > FILE, or --out FILE")
            }
            Self::NotInThisVersion { instead, .. } => vec![Detail::new("instead", *instead)],
            Self::NoContractNamed => would_do("restart `tacit serve` with the version of this command"),
            Self::Usage { mend, .. } => would_do(mend),
            Self::Log(_) => would_do("TACIT_LOG=info, or a log file that this account can write"),
            Self::Unreadable { .. }
            | Self::NotText { .. }
            | Self::TooLong { .. }
            | Self::Unwritable { .. }
            | Self::AnswerUnreadable { .. }
            | Self::NothingToWrite { .. } => Vec::new(),
        }
    }
}

/// Why a command did not come to its end.
#[derive(Debug)]
pub enum Failure {
    /// To be told.
    Refused(Box<Report>),
    /// Whoever read our output has had enough (`| head`): nothing is left to do, and nobody to tell.
    PipeClosed,
    /// The reply itself shows what is wrong, as a doctor's does.
    Shown,
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Refused(Box::new(report))
    }
}

impl From<CliError> for Failure {
    fn from(error: CliError) -> Self {
        match error {
            CliError::Unwritable { source, .. } if source.kind() == io::ErrorKind::BrokenPipe => {
                Self::PipeClosed
            }
            error => Report::from(error).into(),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Report::from(error).into()
    }
}
