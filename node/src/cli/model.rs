//! `tacit model`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{console::Console, error::Failure, printer::OutFile};
use crate::control::Request;

/// Look at models that were trained here, take them out, remove them
#[derive(Debug, Subcommand)]
pub enum Model {
    /// List the models, newest first
    List,
    /// Show a model's card: coefficients, noise, intervals, metrics, price; -o html makes a page of it
    Show {
        /// Its name, or the start of its id
        model: String,
    },
    /// Print a model's file, with everything this node may see of it; that is recorded
    Export(Export),
    /// Remove a model from this node; that is recorded, and what it cost stays spent
    Delete {
        /// Its name, or the start of its id
        model: String,
        /// Who does it, for the record [default: the node's account]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

/// Print a model's file
#[derive(Debug, Args)]
pub struct Export {
    /// Its name, or the start of its id
    model: String,
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
    /// Who takes it out, for the record [default: the node's account]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Model {
    /// Whether `-o html` says something here.
    pub fn has_page(&self) -> bool {
        matches!(self, Self::Show { .. })
    }

    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        match self {
            Self::List => console.answer(Request::ModelList),
            Self::Show { model } => console.answer(Request::ModelShow { model }),
            Self::Export(export) => export.run(console),
            Self::Delete { model, by } => console.answer(Request::ModelDelete { model, by }),
        }
    }
}

impl Export {
    fn run(self, console: &Console) -> Result<(), Failure> {
        // Before it is on record: what cannot be written has not been taken out.
        let out = self.out.map(|path| OutFile::plan(&path, self.force)).transpose()?;
        let reply = console.perform(Request::ModelExport { model: self.model, by: self.by })?;
        let text = reply.text.as_deref().unwrap_or_default();
        match out {
            Some(out) => {
                out.write_text(text)?;
                console.printer.note(&format!("the model is in {}", out.path().display()));
            }
            // The file as it is, whatever the form: it carries a hash of its content.
            None => console.printer.print(text)?,
        }
        Ok(())
    }
}
