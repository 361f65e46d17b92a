//! `tacit partner`

use std::path::PathBuf;

use clap::Subcommand;

use super::{
    console::Console,
    error::Failure,
    input::{SMALL, read_text},
};
use crate::control::Request;

/// Trust another organisation's node, or trust it no longer
#[derive(Debug, Subcommand)]
pub enum Partner {
    /// Trust the node that a card describes; compare the words it shows over the phone
    Add {
        /// The card's file; - is standard input
        #[arg(value_name = "CARD")]
        card: PathBuf,
    },
    /// List the partners and whether they are connected
    List,
    /// Trust a partner no longer; a live connection is closed at once
    Remove {
        /// Its name, or the start of its id
        partner: String,
    },
    /// A partner has lost a part of its log and says so: let its log begin anew
    Recovered {
        /// Its name, or the start of its id
        partner: String,
    },
}

impl Partner {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        console.answer(match self {
            Self::Add { card } => Request::PartnerAdd { card: read_text(&card, SMALL)? },
            Self::List => Request::PartnerList,
            Self::Remove { partner } => Request::PartnerRemove { partner },
            Self::Recovered { partner } => Request::PartnerRecovered { partner },
        })
    }
}
