//! `tacit init`

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::{console::Console, error::Failure};
use crate::{
    config::{NewHome, UnlockChoice, create_home},
    control::Reply,
};

/// Make a node's home: keys, certificate, settings
///
/// The private keys are encrypted. Without an option below, the passphrase is asked for at the terminal or
/// taken from TACIT_PASSPHRASE; with neither, a key file is made in the home.
#[derive(Debug, Args)]
pub struct Init {
    /// What partners, contracts and SQL call this node, such as brand
    name: String,
    /// The UDP address to listen on
    #[arg(long, value_name = "IP:PORT", default_value = "0.0.0.0:4433")]
    listen: String,
    /// Where partners reach this node, as its card says; can be given several times
    #[arg(long = "address", value_name = "HOST:PORT")]
    addresses: Vec<String>,
    /// Encrypt the keys under this file (64 hex digits); made where it is not there
    #[arg(long, value_name = "FILE", group = "unlock")]
    key_file: Option<PathBuf>,
    /// Encrypt the keys under this environment variable (64 hex digits, or at least 16 characters)
    #[arg(long, value_name = "NAME", group = "unlock")]
    key_env: Option<String>,
}

impl Init {
    /// Makes the home; the only command that needs none.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let home = console.place()?;
        let unlock = match (self.key_file, self.key_env) {
            (Some(path), _) => Some(UnlockChoice::KeyFile(path)),
            (None, Some(name)) => Some(UnlockChoice::Environment(name)),
            (None, None) => None,
        };
        let new = NewHome { name: self.name, listen: self.listen, addresses: self.addresses, unlock };
        let made = create_home(&home, &new, Timestamp::now())?;
        let (config, identity) = (&made.config, &made.identity);
        let text = format!(
            "made the node {} in {}\n  id           {}\n  listens on   {} (UDP)\n  card says    {}\n  certificate  until {}\n",
            config.name,
            home.root().display(),
            identity.id(),
            config.link.listen,
            config.link.addresses.join(", "),
            identity.tls().not_after.strftime("%Y-%m-%d"),
        );
        let document = json!({
            "name": config.name,
            "id": identity.id().to_string(),
            "home": home.root(),
            "listen": config.link.listen.to_string(),
            "addresses": config.link.addresses,
            "certificate_until": identity.tls().not_after.to_string(),
        });
        let mut notes = made.notes;
        notes.push(format!("next: tacit card > {}.card, and hand it to the partner", config.name));
        Ok(console.printer.reply(&Reply {
            text: Some(text),
            document: Some(document),
            notes,
            ..Reply::default()
        })?)
    }
}
