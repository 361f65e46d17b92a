//! The one place that prints: data to stdout, all else to stderr.
//!
//! What a program reads never mixes with what a person is told, so `tacit query … | program` works while
//! notes, progress and refusals still reach the screen. Nothing depends on colour.

use std::{
    fs::{self, File},
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde_json::json;

use super::{
    draw::{self, Grid},
    error::CliError,
    format::{self, AnswerError, Format},
};
use crate::{
    config::{FileError, files},
    control::{Answer, Reply},
    report::Report,
};

/// Rows of an answer that a person is shown.
const ROWS_SHOWN: usize = 100;

/// `-o`, `--output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// Stable and documented
    Json,
    /// With a heading line
    Csv,
    /// An Arrow IPC stream
    Arrow,
    /// A Parquet file
    Parquet,
    /// One page, where there is one: `model show`, `audit report`
    Html,
}

impl Output {
    /// What `TACIT_OUTPUT` says; a table where it says nothing.
    pub fn of_environment() -> Result<Self, CliError> {
        match std::env::var("TACIT_OUTPUT") {
            Ok(form) if !form.is_empty() => Self::from_str(&form, false).map_err(|_| CliError::Usage {
                problem: format!("TACIT_OUTPUT cannot be {form:?}"),
                mend: "table, json, csv, arrow or parquet".into(),
            }),
            _ => Ok(Self::Table),
        }
    }

    fn format(self) -> Option<Format> {
        match self {
            Self::Table | Self::Html => None,
            Self::Json => Some(Format::Json),
            Self::Csv => Some(Format::Csv),
            Self::Arrow => Some(Format::Arrow),
            Self::Parquet => Some(Format::Parquet),
        }
    }
}

/// Prints in the form that was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    output: Output,
    quiet: bool,
}

impl Printer {
    /// `quiet` leaves out notes; data and refusals are always printed.
    pub fn new(output: Output, quiet: bool) -> Self {
        Self { output, quiet }
    }

    /// Refuses what could not be shown in the end, before anything is done for it.
    pub fn check(&self) -> Result<(), CliError> {
        match self.output.format() {
            Some(format) if format.is_binary() && io::stdout().is_terminal() => {
                Err(CliError::BinaryOnTerminal { format: format.name() })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a page of what has none, before anything is done for it.
    pub fn check_page(&self, has_page: bool) -> Result<(), CliError> {
        if self.output != Output::Html || has_page {
            return Ok(());
        }
        Err(CliError::Usage {
            problem: "this command has no page to print".into(),
            mend:
                "-o table, json, csv, arrow or parquet; `tacit model show` and `tacit audit report` have one"
                    .into(),
        })
    }

    /// Prints a reply: its data to stdout, its notes to stderr.
    pub fn reply(&self, reply: &Reply) -> Result<(), CliError> {
        let mut out = Tap::new(BufWriter::new(io::stdout()));
        let written = self.write(reply, &mut out);
        out.settle("standard output", written)?;
        self.notes(reply);
        Ok(())
    }

    /// The form that was asked for.
    pub fn output(&self) -> Output {
        self.output
    }

    /// Prints a text of our own as it is, whatever the form: a page, a receipt.
    pub fn print(&self, text: &str) -> Result<(), CliError> {
        let mut out = Tap::new(BufWriter::new(io::stdout()));
        let written = out.write_all(text.as_bytes()).map_err(|error| AnswerError::Write(error.into()));
        out.settle("standard output", written)
    }

    /// Prints the notes of a reply alone.
    pub fn notes(&self, reply: &Reply) {
        for note in &reply.notes {
            self.note(note);
        }
    }

    /// Prints a line for the person.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            say(&draw::plain(text));
        }
    }

    /// Prints why a command was refused or failed.
    pub fn refuse(&self, report: &Report) {
        say(&refusal(report, self.output));
    }

    fn write(&self, reply: &Reply, out: &mut (dyn Write + Send)) -> Result<(), AnswerError> {
        let Some(format) = self.output.format() else { return self.show(reply, out) };
        if let Some(answer) = &reply.answer {
            return format::write_answer(&answer.path, format, out);
        }
        match (format, reply) {
            (Format::Json, Reply { document: Some(document), .. }) => pretty(document, out),
            (Format::Json, Reply { table: None, text: Some(text), .. }) => {
                pretty(&json!({ "text": text }), out)
            }
            (Format::Json, Reply { table: None, text: None, .. }) => pretty(&json!({}), out),
            (_, Reply { table: Some(table), .. }) => {
                format::write_table(table, format, out).map_err(AnswerError::Write)
            }
            (_, Reply { text: Some(text), .. }) => {
                // No rows, so nothing that these formats could carry; the words are for the person anyway.
                self.note(text);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// For people.
    fn show(&self, reply: &Reply, out: &mut (dyn Write + Send)) -> Result<(), AnswerError> {
        let mut put =
            |text: &str| out.write_all(text.as_bytes()).map_err(|error| AnswerError::Write(error.into()));
        if let (Output::Html, Some(page)) = (self.output, &reply.page) {
            return put(page);
        }
        // A table is for programs where there are words for people.
        match (&reply.text, &reply.table) {
            (Some(text), _) if text.is_empty() || text.ends_with('\n') => put(&draw::plain(text))?,
            (Some(text), _) => put(&format!("{}\n", draw::plain(text)))?,
            (None, Some(table)) if !table.rows.is_empty() => put(&Grid::of(table).draw())?,
            (None, _) => {}
        }
        if let Some(answer) = &reply.answer {
            let grid = format::first_rows(&answer.path, ROWS_SHOWN)?;
            let shown = grid.rows.len() as u64;
            put(&grid.draw())?;
            let all = draw::count(answer.rows);
            if shown < answer.rows {
                self.note(&format!("the first {shown} of {all} rows; all of them: -o csv, or --out FILE"));
            } else {
                self.note(&format!("{all} {}", if answer.rows == 1 { "row" } else { "rows" }));
            }
        } else if let (None, None, Some(document)) = (&reply.text, &reply.table, &reply.document) {
            return pretty(document, out);
        }
        Ok(())
    }
}

/// A refusal in words, or as one JSON object where JSON was asked for.
pub fn refusal(report: &Report, output: Output) -> String {
    if output == Output::Json {
        let document = json!({ "error": report });
        // Invariant: a report is strings, a flag and a list, which always serialise.
        return serde_json::to_string(&document).unwrap_or_else(|_| document.to_string());
    }
    draw::plain(&report.to_string()).into_owned()
}

fn pretty(document: &serde_json::Value, out: &mut (dyn Write + Send)) -> Result<(), AnswerError> {
    serde_json::to_writer_pretty(&mut *out, document)
        .map_err(io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .map_err(|error| AnswerError::Write(error.into()))
}

fn say(text: &str) {
    // Nobody is left to be told about a closed stderr.
    let _ = writeln!(io::stderr(), "{text}");
}

/// A file that a command's data goes to instead of stdout: whole or not at all, and over nothing.
#[derive(Debug, Clone)]
pub struct OutFile {
    path: PathBuf,
    force: bool,
}

impl OutFile {
    /// Refuses, before anything is asked of anybody, a place where the file could not be written later.
    pub fn plan(path: &Path, force: bool) -> Result<Self, CliError> {
        let unwritable = |source| CliError::Unwritable { what: path.display().to_string(), source };
        let path = std::path::absolute(path).map_err(unwritable)?;
        if path.is_dir() {
            return Err(unwritable(io::ErrorKind::IsADirectory.into()));
        }
        let planned = Self { path, force };
        planned.refuse_existing()?;
        let probe = files::fresh_beside(&planned.path);
        File::create_new(&probe).and_then(|_| fs::remove_file(&probe)).map_err(unwritable)?;
        Ok(planned)
    }

    /// The same, for rows: the ending has to name a format.
    pub fn plan_rows(path: &Path, force: bool) -> Result<Self, CliError> {
        Format::of_file(path)?;
        Self::plan(path, force)
    }

    /// Where it goes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an answer in the format that the ending names.
    pub fn write_answer(&self, answer: &Answer) -> Result<(), CliError> {
        let format = Format::of_file(&self.path)?;
        self.write(|out| format::write_answer(&answer.path, format, out))
    }

    /// Writes a document as it is.
    pub fn write_text(&self, text: &str) -> Result<(), CliError> {
        self.write(|out| out.write_all(text.as_bytes()).map_err(|error| AnswerError::Write(error.into())))
    }

    fn write(
        &self,
        content: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), AnswerError>,
    ) -> Result<(), CliError> {
        self.refuse_existing()?;
        let what = self.path.display().to_string();
        let mut settled = Ok(());
        let written = files::write_atomic_with(&self.path, |file| {
            let mut out = Tap::new(BufWriter::new(file));
            let written = content(&mut out);
            settled = out.settle(&what, written);
            // Any error will do: it keeps the file from taking its name, and the true one is in `settled`.
            if settled.is_ok() { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
        });
        settled?;
        written.map_err(|error| match error {
            FileError::Unwritable { source, .. } => CliError::Unwritable { what, source },
            other => CliError::Unwritable { what, source: io::Error::other(other) },
        })
    }

    fn refuse_existing(&self) -> Result<(), CliError> {
        if !self.force && self.path.symlink_metadata().is_ok() {
            return Err(CliError::OutputExists { path: self.path.clone() });
        }
        Ok(())
    }
}

/// A writer that remembers its first error: the formats' own errors do not tell a closed pipe from a broken
/// answer.
struct Tap<W: Write> {
    inner: W,
    failure: Option<io::Error>,
}

impl<W: Write> Tap<W> {
    fn new(inner: W) -> Self {
        Self { inner, failure: None }
    }

    fn keep<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted && self.failure.is_none() {
                self.failure = Some(error.kind().into());
                if let Some(code) = error.raw_os_error() {
                    self.failure = Some(io::Error::from_raw_os_error(code));
                }
            }
        })
    }

    /// Flushes, and says which of the two ends failed, if one did.
    fn settle(mut self, what: &str, written: Result<(), AnswerError>) -> Result<(), CliError> {
        if written.is_ok() {
            // Kept where it fails.
            let _ = self.flush();
        }
        if let Some(source) = self.failure.take() {
            return Err(CliError::Unwritable { what: what.to_owned(), source });
        }
        written.map_err(|error| CliError::AnswerUnreadable {
            source: match error {
                AnswerError::Read(source) => source,
                AnswerError::Write(source) => source.into(),
            },
        })
    }
}

impl<W: Write> Write for Tap<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.keep(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.keep(result)
    }
}

#[cfg(test)]
#[path = "printer_tests.rs"]
mod tests;
