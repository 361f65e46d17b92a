//! `tacit audit receipt`

use std::path::PathBuf;

use clap::Args;

use crate::{
    audit::{AuditError, Ending, History, Log, Run, Window, export::Tree},
    cli::{console::Console, error::Failure, printer::OutFile},
    report::Report,
};

/// Print the signed receipt of an answered question
#[derive(Debug, Args)]
pub struct Receipt {
    /// The question's id, or its start (at least four digits)
    query: String,
    /// An export, or another node's home [default: this node's]
    folder: Option<PathBuf>,
    /// Write it to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

impl Receipt {
    /// Finds the answer's record and proves it.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let out = self.out.map(|path| OutFile::plan(&path, self.force)).transpose()?;
        let log = Log::open(&console.folder(self.folder)?).map_err(Report::from)?;
        let text = receipt(&log, &self.query).map_err(Report::from)?;
        match out {
            Some(out) => {
                out.write_text(&text)?;
                console.printer.note(&format!("the receipt is in {}", out.path().display()));
            }
            None => console.printer.print(&text)?,
        }
        Ok(())
    }
}

fn receipt(log: &Log, wanted: &str) -> Result<String, AuditError> {
    let history = log.history(Window::default());
    let run = find(&history, wanted)?;
    let Some(answer) = run.answer else {
        let query = run.reserve.query.map_or_else(String::new, |id| id.short());
        return Err(AuditError::NoAnswer { query, ending: Ending::name(run.ending()) });
    };
    let uncovered = || AuditError::NotCovered { record: answer.seq };
    let head = log.head.as_ref().ok_or_else(uncovered)?;
    let lines = log.source.lines()?;
    let covered =
        usize::try_from(head.head().size).ok().and_then(|size| lines.get(..size)).ok_or_else(uncovered)?;
    let line = usize::try_from(answer.seq - 1).ok().and_then(|at| covered.get(at)).ok_or_else(uncovered)?;
    Ok(Tree::new(covered).receipt(answer.seq, line, head)?.to_string())
}

fn find<'h, 'a>(history: &'h History<'a>, wanted: &str) -> Result<&'h Run<'a>, AuditError> {
    let named = |run: &&Run| run.reserve.query.is_some_and(|id| id.matches_prefix(wanted));
    let found: Vec<&Run> = history.runs.iter().filter(named).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(AuditError::NoQuestion { wanted: wanted.chars().take(64).collect() }),
        several => Err(AuditError::SeveralQuestions {
            wanted: wanted.chars().take(64).collect(),
            count: several.len(),
        }),
    }
}
