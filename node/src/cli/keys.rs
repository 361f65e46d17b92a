//! `tacit keys`

use clap::{Args, Subcommand};

use super::{console::Console, error::Failure};
use crate::control::Request;

/// Show this node's keys, or put new ones in their place
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Show the signing keys that this node has had, as verifiers of its log need them
    Show,
    /// Put a new key in the place of one, and announce it to every partner; nothing is restarted
    Rotate(Rotate),
}

#[derive(Debug, Args)]
pub struct Rotate {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The key that signs cards, contracts and the log: handed over by a record in the log, the node's id stays
    #[arg(long)]
    signing: bool,
    /// The key that connections are made with, and its certificate: as `tacit certificate rotate`
    #[arg(long)]
    tls: bool,
}

impl Keys {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        console.answer(match self {
            Self::Show => Request::KeysShow,
            Self::Rotate(Rotate { which: Which { signing: true, .. } }) => Request::SigningKeyRotate,
            Self::Rotate(_) => Request::CertificateRotate,
        })
    }
}
