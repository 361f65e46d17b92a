//! The command line: reads it, asks the node, prints what comes back.
//!
//! Each command becomes one [`Request`](crate::control::Request), so that it means the same whether a node is
//! running or not; this module knows nothing of ledger or link. What a person or a program can rely on (exit
//! status, streams, formats) is decided in `exit` and `printer`, once for every command.

mod approvals;
mod audit;
pub mod bench;
mod budget;
mod certificate;
mod consent;
mod console;
mod contract;
mod dataset;
pub mod demo;
mod doctor;
mod draw;
mod error;
mod exit;
mod format;
mod id;
mod init;
mod input;
pub mod interrupt;
mod keys;
mod later;
mod memory;
mod model;
mod parse;
mod partner;
mod predict;
mod printer;
mod progress;
mod query;
mod recover;
mod serve;
mod sizing;
mod stage;
mod train;
mod what_if;

use std::{ffi::OsString, io::Write, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand};

use self::{
    console::Console,
    error::Failure,
    exit::ExitStatus,
    printer::{Output, Printer},
    progress::ProgressMode,
};
use crate::report::{Class, Detail, Report};

const EXAMPLES: &str = "\
Examples, from nothing to the first answer:
  tacit init brand --listen 0.0.0.0:4433          a home: keys, certificate, settings
  tacit card > brand.card                         to be handed to the partner
  tacit partner add bank.card                     compare the words over the phone
  tacit dataset add customers crm.parquet --id phone=mobile --id email=mail
  tacit serve                                     on both sides, in a terminal of its own
  tacit contract propose maternal.toml            the partner: tacit contract accept ID
  tacit explain \"SELECT customer FROM …\"          what it would cost and reveal
  tacit query \"SELECT customer FROM …\" --out matches.csv

  tacit demo                                      all of it, on this machine alone

Data goes to stdout, everything else to stderr.
Exit status: 0 done, 1 failed, 2 wrong usage or config, 3 refused by policy, 4 budget, 5 partner
unreachable or misbehaving.";

/// Joint answers over two organisations' data, without either showing its data.
#[derive(Debug, Parser)]
#[command(name = "tacit", version, after_help = EXAMPLES, max_term_width = 110, subcommand_required = true)]
#[command(infer_subcommands = false, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    // The variables are read by hand: clap would print them into every usage line.
    /// The node's home [env: TACIT_HOME] [default: ~/.tacit]
    #[arg(long, global = true, value_name = "DIR")]
    home: Option<PathBuf>,
    /// The form of the data on stdout [env: TACIT_OUTPUT] [default: table]
    #[arg(short, long, global = true, value_name = "FORM", help_heading = "Output")]
    output: Option<Output>,
    /// How long work shows how far it is, on stderr
    #[arg(long, global = true, value_name = "HOW", default_value = "auto", help_heading = "Output")]
    progress: ProgressMode,
    /// No notes and no progress; data and refusals only
    #[arg(short, long, global = true, help_heading = "Output")]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a node's home: keys, certificate, settings
    Init(init::Init),
    /// Print this node's signed card, to be handed to partners
    Card,
    /// Trust another organisation's node, or trust it no longer
    #[command(subcommand)]
    Partner(partner::Partner),
    /// Register the data that contracts can name
    #[command(subcommand)]
    Dataset(dataset::Dataset),
    /// Look at the identifiers of a dataset
    #[command(subcommand)]
    Id(id::Id),
    /// Keep people who withdrew their consent out of every answer
    #[command(subcommand)]
    Consent(consent::Consent),
    /// Agree with partners on what may be asked
    #[command(subcommand)]
    Contract(contract::Contract),
    /// Decide about runs that wait for a person
    #[command(subcommand)]
    Approvals(approvals::Approvals),
    /// Run the node
    Serve(serve::Serve),
    /// Show the running node: since when, connected to whom
    Status,
    /// End the running node in good order
    Stop,
    /// Show what a question would cost and reveal, without asking it
    Explain(query::Explain),
    /// Ask a question
    Query(query::Query),
    /// Look back: who asked what of whom
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Show what was granted, spent and set aside, and what is left
    Budget(budget::Budget),
    /// Go on after the log was lost, changed or rolled back: what is missing counts as spent
    Recover(recover::Recover),
    /// Train a model together, or see what that would cost; one that was cut goes on where it stopped
    Train(train::Train),
    /// Apply a model that was trained together to your own customers
    Predict(predict::Predict),
    /// Look at models that were trained here, take them out, remove them
    #[command(subcommand)]
    Model(model::Model),
    /// Check everything that can be wrong here, or between here and a partner
    Doctor(doctor::Doctor),
    /// Renew this node's TLS key and certificate
    #[command(subcommand)]
    Certificate(certificate::Certificate),
    /// Show this node's keys, or put new ones in their place
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Measure this machine with the real thing, for sizing
    #[command(subcommand)]
    Bench(sizing::Bench),
    /// See the whole story on one machine, with real processes and sample data
    Demo(sizing::Demo),
}

/// Runs the command line.
pub fn main() -> ExitCode {
    memory::seal();
    let words: Vec<OsString> = std::env::args_os().collect();
    let status = match Cli::try_parse_from(&words) {
        Ok(cli) => run(cli),
        Err(error) => misread(&error, &words),
    };
    status.into()
}

fn run(cli: Cli) -> ExitStatus {
    let console = match Console::new(cli.global) {
        Ok(console) => console,
        Err(error) => {
            Printer::new(Output::Table, false).refuse(&error.into());
            return ExitStatus::Usage;
        }
    };
    match dispatch(cli.command, &console) {
        Ok(()) | Err(Failure::PipeClosed) => ExitStatus::Done,
        Err(Failure::Refused(report)) => {
            console.printer.refuse(&report);
            report.class.into()
        }
        Err(Failure::Shown) => ExitStatus::Failed,
    }
}

fn dispatch(command: Command, console: &Console) -> Result<(), Failure> {
    // A node ends in its own way, and keeps its own log.
    if let Command::Serve(serve) = command {
        return serve.run(console);
    }
    interrupt::watch();
    console.log()?;
    console.printer.check()?;
    let has_page = match &command {
        Command::Model(model) => model.has_page(),
        Command::Audit(audit) => audit.has_page(),
        _ => false,
    };
    console.printer.check_page(has_page)?;
    perform(command, console)
}

fn perform(command: Command, console: &Console) -> Result<(), Failure> {
    use crate::control::Request;
    match command {
        Command::Init(init) => init.run(console),
        Command::Card => console.answer(Request::Card),
        Command::Partner(partner) => partner.run(console),
        Command::Dataset(dataset) => dataset.run(console),
        Command::Id(id) => id.run(console),
        Command::Consent(consent) => consent.run(console),
        Command::Contract(contract) => contract.run(console),
        Command::Approvals(approvals) => approvals.run(console),
        Command::Serve(serve) => serve.run(console),
        Command::Status => console.answer(Request::Status),
        Command::Stop => console.answer(Request::Stop),
        Command::Explain(explain) => explain.run(console),
        Command::Query(query) => query.run(console),
        Command::Audit(audit) => audit.run(console),
        Command::Budget(budget) => budget.run(console),
        Command::Recover(recover) => recover.run(console),
        Command::Train(train) => train.run(console),
        Command::Predict(predict) => predict.run(console),
        Command::Model(model) => model.run(console),
        Command::Doctor(doctor) => doctor.run(console),
        Command::Certificate(certificate) => certificate.run(console),
        Command::Keys(keys) => keys.run(console),
        Command::Bench(bench) => bench.run(console),
        Command::Demo(demo) => demo.run(),
    }
}

/// Help and version are asked for and go to stdout; anything else is a wrong command line.
fn misread(error: &clap::Error, words: &[OsString]) -> ExitStatus {
    if !error.use_stderr() {
        // A closed pipe has seen enough of the help.
        let _ = error.print();
        return ExitStatus::Done;
    }
    if words.len() < 2 {
        // Typed alone to see what it is: all of the help, though nothing was done.
        let _ = write!(std::io::stderr(), "{}", Cli::command().render_help());
    } else if wants_json(words) {
        let text = error.to_string();
        let mut paragraphs = text.split("\n\n").map(str::trim).filter(|part| !part.is_empty());
        let message = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
        let report = Report {
            code: "E-USAGE".into(),
            class: Class::Usage,
            message,
            details: usage.map(|usage| Detail::new("usage", usage)).into_iter().collect(),
            retry_helps: false,
        };
        let _ = writeln!(std::io::stderr(), "{}", printer::refusal(&report, Output::Json));
    } else {
        let _ = error.print();
    }
    ExitStatus::Usage
}

/// Whether a command line that could not be read asks for JSON all the same.
fn wants_json(words: &[OsString]) -> bool {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let given = words.iter().enumerate().find_map(|(index, &word)| match word {
        "-o" | "--output" => words.get(index + 1).copied(),
        _ => word.strip_prefix("--output=").or_else(|| word.strip_prefix("-o")),
    });
    match given {
        Some(form) => form.trim_start_matches('=') == "json",
        None => std::env::var("TACIT_OUTPUT").is_ok_and(|form| form == "json"),
    }
}

#[cfg(test)]
mod tests;
