//! `tacit explain` and `tacit query`

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{
    console::Console,
    draw,
    error::{CliError, Failure},
    input::{SMALL, read_text},
    parse,
    printer::OutFile,
};
use crate::{
    control::Request,
    query::{QueryRequest, Wish},
};

/// A question and what it is asked under.
#[derive(Debug, Args)]
pub struct Question {
    /// The SQL text; - is standard input
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    sql: Option<String>,
    /// A file with the SQL text; - is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The contract's name or the start of its id, where more than one fits
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,
    /// What the answer is for [default: the contract's purpose]
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<String>,
    /// The privacy to spend, where the text has no OPTIONS (epsilon = …) [default: the contract's per_query_epsilon]
    #[arg(long, value_name = "EPSILON", value_parser = parse::micro, help_heading = "Noise")]
    epsilon: Option<u64>,
    /// Spend what puts a count within this, in 95 of 100 cases, such as 50
    #[arg(long, value_name = "PLUS-MINUS", value_parser = parse::micro, help_heading = "Noise")]
    accuracy: Option<u64>,
    /// Spend no more than this
    #[arg(long, value_name = "EPSILON", value_parser = parse::micro, help_heading = "Noise")]
    max_epsilon: Option<u64>,
}

/// Show what a question would cost and reveal, without asking it
#[derive(Debug, Args)]
pub struct Explain {
    #[command(flatten)]
    question: Question,
}

/// Ask a question
#[derive(Debug, Args)]
pub struct Query {
    #[command(flatten)]
    question: Question,
    /// How long to wait for a person at the partner to approve
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    wait: Duration,
    /// Write the answer to this file, as its ending says: .csv, .json, .parquet or .arrow
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

impl Question {
    fn request(self, wait: Duration) -> Result<QueryRequest, CliError> {
        let sql = match (self.sql, self.file) {
            (_, Some(file)) => read_text(&file, SMALL)?,
            (Some(sql), None) if sql == "-" => read_text(Path::new("-"), SMALL)?,
            (Some(sql), None) => sql,
            (None, None) => String::new(),
        };
        if sql.trim().is_empty() {
            return Err(CliError::Usage {
                problem: "there is no question".into(),
                mend: "tacit query \"SELECT …\", or tacit query -f FILE".into(),
            });
        }
        let wish = Wish { epsilon: self.epsilon, accuracy: self.accuracy, max_epsilon: self.max_epsilon };
        Ok(QueryRequest { sql, contract: self.contract, purpose: self.purpose, wish, wait })
    }
}

impl Explain {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let request = self.question.request(crate::query::default_wait())?;
        console.answer(Request::Explain(request))
    }
}

impl Query {
    /// Asks the node, and puts the answer where it is wanted.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        // Before the question: an answer that cannot be written would be revealed for nothing.
        let out = self.out.map(|path| OutFile::plan_rows(&path, self.force)).transpose()?;
        let request = self.question.request(self.wait)?;
        let reply = console.perform(Request::Query(request))?;
        let Some(out) = out else { return Ok(console.printer.reply(&reply)?) };
        match &reply.answer {
            Some(answer) => {
                out.write_answer(answer)?;
                console.printer.notes(&reply);
                let rows = if answer.rows == 1 { "row" } else { "rows" };
                let count = draw::count(answer.rows);
                console.printer.note(&format!("{count} {rows} written to {}", out.path().display()));
                Ok(())
            }
            None => Err(CliError::NothingToWrite { path: out.path().to_owned() }.into()),
        }
    }
}
