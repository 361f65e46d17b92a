//! `tacit certificate`

use clap::Subcommand;

use super::{console::Console, error::Failure};
use crate::control::Request;

/// Renew this node's TLS key and certificate
#[derive(Debug, Subcommand)]
pub enum Certificate {
    /// Make a new TLS key and certificate, and announce them to every partner; nothing is restarted
    Rotate,
}

impl Certificate {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let Self::Rotate = self;
        console.answer(Request::CertificateRotate)
    }
}
