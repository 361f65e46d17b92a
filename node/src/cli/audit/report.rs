//! `tacit audit report`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{
    audit::{Facts, Language, Log, Window, report},
    cli::{
        console::Console,
        error::{CliError, Failure},
        printer::{OutFile, Output},
    },
    config::files,
    report::Report,
};

/// Write the report for a regulator
#[derive(Debug, Args)]
pub struct Write {
    /// An export, or another node's home [default: this node's]
    folder: Option<PathBuf>,
    /// From this day (UTC) or moment on
    #[arg(long, value_name = "TIME", value_parser = from)]
    from: Option<Timestamp>,
    /// To the end of this day (UTC), or to this moment
    #[arg(long, value_name = "TIME", value_parser = to)]
    to: Option<Timestamp>,
    /// A page, or data [default: html, or what -o says]
    #[arg(long, value_name = "FORM")]
    format: Option<Form>,
    /// The language of a page: en or zh
    #[arg(long, value_name = "LANGUAGE", default_value = "en", value_parser = language)]
    lang: Language,
    /// Write it to this file; with csv, a name without an ending is a folder with a file for each table
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One page that needs nothing else and prints
    Html,
    /// One object
    Json,
    /// Tables
    Csv,
}

fn language(text: &str) -> Result<Language, String> {
    text.parse().map_err(|()| "en or zh".to_owned())
}

fn from(text: &str) -> Result<Timestamp, String> {
    time(text, false)
}

fn to(text: &str) -> Result<Timestamp, String> {
    time(text, true)
}

/// A moment, or the beginning or the end of a day.
fn time(text: &str, end: bool) -> Result<Timestamp, String> {
    let wrong = || "a day such as 2026-12-01, or a moment such as 2026-12-01T08:00:00Z".to_owned();
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    let day = if end { day.tomorrow().map_err(|_| wrong())? } else { day };
    Ok(day.to_zoned(TimeZone::UTC).map_err(|_| wrong())?.timestamp())
}

impl Write {
    /// Derives the report and puts it where it is wanted.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let form = self.format.unwrap_or(match console.printer.output() {
            Output::Json => Form::Json,
            Output::Csv => Form::Csv,
            _ => Form::Html,
        });
        let log = Log::open(&console.folder(self.folder)?).map_err(Report::from)?;
        let facts = log.facts(Window { from: self.from, to: self.to }, Timestamp::now());
        match (&self.out, form) {
            (Some(out), Form::Csv) if out.extension().is_none() => tables(out, &facts)?,
            (Some(out), _) => OutFile::plan(out, self.force)?.write_text(&text(&facts, form, self.lang))?,
            (None, _) => {
                console.printer.print(&text(&facts, form, self.lang))?;
            }
        }
        if let Some(out) = &self.out {
            console.printer.note(&format!("the report is in {}", out.display()));
        }
        if let Err(error) = log.sound() {
            console.printer.note(&format!("warning: {error}; the report says so first"));
        }
        Ok(())
    }
}

fn text(facts: &Facts, form: Form, language: Language) -> String {
    match form {
        Form::Html => report::page(facts, language),
        Form::Json => format!("{:#}\n", report::document(facts)),
        Form::Csv => report::one_file(facts),
    }
}

/// A folder with a file for each table; over no folder that is there.
fn tables(folder: &Path, facts: &Facts) -> Result<(), Failure> {
    if folder.symlink_metadata().is_ok() {
        return Err(CliError::OutputExists { path: folder.to_owned() }.into());
    }
    let unwritable = |source| CliError::Unwritable { what: folder.display().to_string(), source };
    std::fs::create_dir(folder).map_err(unwritable)?;
    for (name, content) in report::tables(facts) {
        files::write_atomic(&folder.join(name), content.as_bytes())
            .map_err(|error| unwritable(std::io::Error::other(error)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_all_of_it() {
        assert_eq!(from("2026-12-01").unwrap().to_string(), "2026-12-01T00:00:00Z");
        assert_eq!(to("2026-12-31").unwrap().to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(to("2026-12-31T08:00:00Z").unwrap().to_string(), "2026-12-31T08:00:00Z");
        assert!(from("yesterday").unwrap_err().contains("2026-12-01"));
    }
}
