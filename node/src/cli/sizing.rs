//! `tacit bench` and `tacit demo`: the commands that bring their own nodes, in temporary homes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    bench::{self, JoinBench, PsiBench, TrainBench},
    console::Console,
    demo,
    error::Failure,
    later::{self, Rest},
    parse,
};

/// Measure this machine with the real thing, for sizing
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// A private set intersection between two fresh nodes
    Psi(Tables),
    /// A private join between two fresh nodes: a count and a sum in eight groups
    Join(Tables),
    /// A logistic model of customers whose columns lie on two fresh nodes
    Train(Training),
    /// Durable reservations and commits on this machine's disk
    Ledger(Ledger),
    /// The link (not in this version)
    Link(Rest),
}

/// Two tables of random customers
#[derive(Debug, Args)]
pub struct Tables {
    /// The asker's rows, such as 1000000 or 2^20
    #[arg(long, value_name = "NUMBER", default_value = "2^20", value_parser = parse::rows)]
    rows: u64,
    /// The partner's rows [default: as many]
    #[arg(long, value_name = "NUMBER", value_parser = parse::rows)]
    partner_rows: Option<u64>,
    /// The share of the smaller side that both have
    #[arg(long, value_name = "SHARE", default_value = "0.5", value_parser = parse::share)]
    overlap: f64,
}

/// A model over the columns of two nodes
#[derive(Debug, Args)]
pub struct Training {
    /// Customers, all of them of both, such as 100000
    #[arg(long, value_name = "NUMBER", default_value = "100000", value_parser = parse::rows)]
    rows: u64,
    /// Columns of the end with the target and of the other
    #[arg(long, value_name = "OURS,THEIRS", default_value = "20,20", value_parser = widths)]
    features: (u64, u64),
    /// Rounds
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = clap::value_parser!(u64).range(1..=60))]
    rounds: u64,
}

fn widths(text: &str) -> Result<(u64, u64), String> {
    let widths =
        text.split_once(',').and_then(|(own, theirs)| Some((own.parse().ok()?, theirs.parse().ok()?)));
    let widths = widths.filter(|(own, theirs)| (1..=200).contains(own) && (1..=200).contains(theirs));
    widths.ok_or_else(|| "two numbers from 1 to 200, such as 20,20".to_owned())
}

/// Durable reservations and commits on this machine's disk
#[derive(Debug, Args)]
pub struct Ledger {
    /// Questions at once
    #[arg(long, value_name = "NUMBER", default_value = "32", value_parser = clap::value_parser!(u64).range(1..=1024))]
    askers: u64,
    /// Questions each of them asks, one after the other
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    each: u64,
    /// A directory on the disk to measure [default: that for temporary files]
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
}

/// See the whole story on one machine, with real processes and sample data
#[derive(Debug, Args)]
pub struct Demo {
    /// Leave both nodes running, and say how to go on
    #[arg(long)]
    keep: bool,
}

impl Bench {
    /// Measures.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let instead = "`tacit bench psi`";
        match self {
            Self::Psi(Tables { rows, partner_rows, overlap }) => {
                let bench = PsiBench { rows, partner_rows: partner_rows.unwrap_or(rows), overlap };
                let reply = console.watch(|events| bench::psi(&bench, events))?;
                Ok(console.printer.reply(&reply)?)
            }
            Self::Join(Tables { rows, partner_rows, overlap }) => {
                let bench = JoinBench { rows, partner_rows: partner_rows.unwrap_or(rows), overlap };
                let reply = console.watch(|events| bench::join(&bench, events))?;
                Ok(console.printer.reply(&reply)?)
            }
            Self::Train(Training { rows, features, rounds }) => {
                let bench = TrainBench { rows, features, rounds };
                let reply = console.watch(|events| bench::train(&bench, events))?;
                Ok(console.printer.reply(&reply)?)
            }
            Self::Ledger(Ledger { askers, each, at }) => {
                let at = at.unwrap_or_else(std::env::temp_dir);
                let reply = bench::ledger(&at, askers, each)?;
                Ok(console.printer.reply(&reply)?)
            }
            Self::Link(_) => later::refuse("bench link", instead),
        }
    }
}

impl Demo {
    /// Plays the story.
    pub fn run(self) -> Result<(), Failure> {
        Ok(demo::run(self.keep)?)
    }
}
