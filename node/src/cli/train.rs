//! `tacit train`

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::{
    console::Console,
    error::Failure,
    input::{SMALL, read_text},
    parse,
};
use crate::{control::Request, learn::TrainRequest};

/// Train a model together
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Train {
    #[command(subcommand)]
    what: Option<What>,
    /// The job, a TOML file; - is standard input
    #[arg(required = true, value_name = "JOB")]
    job: Option<PathBuf>,
    /// How long to wait for people at the partners to approve
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::duration)]
    wait: Duration,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what a job would cost and reveal, and how long it would take, without asking anybody
    Explain {
        /// The job, a TOML file; - is standard input
        #[arg(value_name = "JOB")]
        job: PathBuf,
    },
}

impl Train {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let wait = self.wait;
        let read = |job: &PathBuf| Ok::<_, Failure>(TrainRequest { toml: read_text(job, SMALL)?, wait });
        match (self.what, self.job) {
            (Some(What::Explain { job }), _) => console.answer(Request::TrainExplain(read(&job)?)),
            (None, Some(job)) => console.answer(Request::Train(read(&job)?)),
            // Invariant: clap wants one of them.
            (None, None) => Ok(()),
        }
    }
}
