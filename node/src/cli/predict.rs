//! `tacit predict`

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    console::Console,
    draw,
    error::{CliError, Failure},
    parse,
    printer::OutFile,
};
use crate::control::{Prediction, Request};

/// Apply a model that was trained together to your own customers
///
/// A model of the same columns is applied at home. One of two partners' columns is applied with the partner, where the
/// contract names this node in allow.train.score; its scores are kept, and listed again as long as the dataset is the same.
#[derive(Debug, Args)]
pub struct Predict {
    /// The model's name, or the start of its id
    model: String,
    /// A dataset of this node with the columns that the model was trained on
    dataset: String,
    /// Only the customers with the highest scores, such as 10%: an audience
    #[arg(long, value_name = "SHARE", value_parser = parse::share)]
    top: Option<f64>,
    /// Ask the partner again, though there are scores of the dataset as it is
    #[arg(long)]
    again: bool,
    /// What scores are for that are made with the partner [default: the contract's purpose]
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// How long to wait for a person at the partner to approve
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    wait: Duration,
    /// Write the scores to this file, as its ending says: .csv, .json, .parquet or .arrow
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

impl Predict {
    /// Asks the node, and puts the scores where they are wanted.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let out = self.out.map(|path| OutFile::plan_rows(&path, self.force)).transpose()?;
        let asked = Prediction {
            model: self.model,
            dataset: self.dataset,
            top: self.top,
            again: self.again,
            purpose: self.purpose,
            wait: self.wait,
        };
        let reply = console.perform(Request::Predict(asked))?;
        let Some(out) = out else { return Ok(console.printer.reply(&reply)?) };
        match &reply.answer {
            Some(answer) => {
                out.write_answer(answer)?;
                console.printer.notes(&reply);
                let count = draw::count(answer.rows);
                console.printer.note(&format!("{count} customers written to {}", out.path().display()));
                Ok(())
            }
            None => Err(CliError::NothingToWrite { path: out.path().to_owned() }.into()),
        }
    }
}
