//! Makes a new home: what `tacit init` does.
//!
//! Everything that can be refused is refused before anything is made; the settings are written last, so a
//! home that was cut short in the making is none.

use std::{
    fs, io,
    io::IsTerminal,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use jiff::Timestamp;

use crate::config::{
    Config, ConfigError, FileError, Home, Identity, Unlock, UnlockChoice, UnlockMethod, check_name, files,
    prompt,
    settings::{check_address, check_listen, check_variable},
    unlock::{check_passphrase, passphrase_variable},
};

/// What a new home is to be.
#[derive(Debug, Clone)]
pub struct NewHome {
    /// The node's name; see [`check_name`].
    pub name: String,
    /// `address:port` to listen on.
    pub listen: String,
    /// `host:port` for the card; found out where there is none.
    pub addresses: Vec<String>,
    /// How the keys are unlocked; asked at the terminal, or decided, where it is `None`.
    pub unlock: Option<UnlockChoice>,
}

/// A home that was made.
#[derive(Debug)]
pub struct Created {
    /// Its settings.
    pub config: Config,
    /// Its keys, unlocked.
    pub identity: Identity,
    /// What was decided on the way and the operator should know.
    pub notes: Vec<String>,
}

/// Makes a home with its keys; refuses one that is there.
pub fn create_home(home: &Home, new: &NewHome, now: Timestamp) -> Result<Created, ConfigError> {
    let mut notes = Vec::new();
    let name = check_name(&new.name).map_err(|wrong| on_command_line("NAME", wrong))?;
    let listen = check_listen(&new.listen).map_err(|wrong| on_command_line("--listen", wrong))?;
    let addresses = if new.addresses.is_empty() {
        let (addresses, note) = reachable_addresses(listen);
        notes.extend(note);
        addresses
    } else {
        let check = |address: &String| check_address(address);
        new.addresses
            .iter()
            .map(check)
            .collect::<Result<_, _>>()
            .map_err(|wrong| on_command_line("--address", wrong))?
    };
    let made_root = refuse_taken(home)?;
    let chosen = match &new.unlock {
        Some(choice) => choice.clone(),
        None => choose_unlock()?,
    };
    if let UnlockChoice::Passphrase(text) = &chosen {
        // Refused here if too short, before anything is made.
        check_passphrase(text)?;
    }
    let made = make(home, &name, listen, &addresses, &chosen, now);
    if made.is_err() && made_root {
        // All of it was made just now, by us; what is left of it would only stand in the way.
        let _ = fs::remove_dir_all(home.root());
    }
    let (config, identity, method_note) = made?;
    notes.extend(method_note);
    Ok(Created { config, identity, notes })
}

/// Refuses a directory that holds anything; tells whether it is still to be made.
fn refuse_taken(home: &Home) -> Result<bool, ConfigError> {
    if home.exists() {
        return Err(ConfigError::HomeExists { home: home.root().to_owned() });
    }
    match fs::read_dir(home.root()) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(ConfigError::HomeOccupied { home: home.root().to_owned() }),
            None => Ok(false),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(FileError::Unreadable { path: home.root().to_owned(), source }.into()),
    }
}

fn make(
    home: &Home,
    name: &str,
    listen: SocketAddr,
    addresses: &[String],
    chosen: &UnlockChoice,
    now: Timestamp,
) -> Result<(Config, Identity, Option<String>), ConfigError> {
    files::make_private_dir(home.root())?;
    close(home)?;
    let _lock = home.lock()?;
    for directory in home.directories() {
        files::make_private_dir(&directory)?;
    }
    let (method, unlock, note) = take_unlock(home, chosen)?;
    let identity = Identity::create(home, name, &unlock, now)?;
    let text = Config::fresh(name, listen, addresses, &method);
    // What is written must be what will be read: a mistake shows now, not at the next start.
    let config = Config::parse(&text, &home.config_file().display().to_string())?;
    files::write_private(&home.config_file(), text.as_bytes())?;
    Ok((config, identity, note))
}

/// An empty directory that was there may be open to others.
fn close(home: &Home) -> Result<(), ConfigError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(home.root(), fs::Permissions::from_mode(0o700))
        .map_err(|source| FileError::Unwritable { path: home.root().to_owned(), source })?;
    Ok(())
}

/// Where nothing was said: `TACIT_PASSPHRASE`, else the person at the terminal, else a key file in the home.
fn choose_unlock() -> Result<UnlockChoice, ConfigError> {
    if let Some(text) = passphrase_variable()? {
        return Ok(UnlockChoice::Passphrase(text));
    }
    // Standard input counts as well: a script that a person started is no person.
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(UnlockChoice::KeyFileInHome);
    }
    let question = "A passphrase to encrypt this node's keys (empty: a key file in the home instead): ";
    Ok(prompt::ask_new(question, check_passphrase)?
        .map_or(UnlockChoice::KeyFileInHome, UnlockChoice::Passphrase))
}

fn take_unlock(
    home: &Home,
    choice: &UnlockChoice,
) -> Result<(UnlockMethod, Unlock, Option<String>), ConfigError> {
    Ok(match choice {
        UnlockChoice::Passphrase(text) => (UnlockMethod::Passphrase, Unlock::passphrase(text.clone()), None),
        UnlockChoice::Environment(name) => {
            let name = check_variable(name).map_err(|wrong| on_command_line("--key-env", wrong))?;
            let unlock = Unlock::environment(&name)?;
            (UnlockMethod::Environment(name), unlock, None)
        }
        UnlockChoice::KeyFile(path) => {
            let path = std::path::absolute(path)
                .map_err(|source| FileError::Unreadable { path: path.clone(), source })?;
            let (unlock, note) = if path.exists() {
                (Unlock::key_file(&path)?, None)
            } else {
                let note = format!("made the key file {}; without it the keys stay locked", path.display());
                (Unlock::make_key_file(&path)?, Some(note))
            };
            (UnlockMethod::KeyFile(path), unlock, note)
        }
        UnlockChoice::KeyFileInHome => {
            let path = home.unlock_file();
            let unlock = Unlock::make_key_file(&path)?;
            let note = format!(
                "the keys are encrypted under {}: whoever copies the whole home has them\n\
                 to keep them apart: TACIT_PASSPHRASE, --key-file on another disk, or --key-env",
                path.display()
            );
            // Relative, so that the home can be moved.
            (UnlockMethod::KeyFile("unlock.key".into()), unlock, Some(note))
        }
    })
}

/// What a card can say for a node that listens on `listen`, and what to tell the operator about it.
pub fn reachable_addresses(listen: SocketAddr) -> (Vec<String>, Option<String>) {
    if !listen.ip().is_unspecified() {
        return (vec![listen.to_string()], None);
    }
    // Connecting a UDP socket sends nothing, but the system picks the address it would send from. The
    // targets are addresses for documentation (RFC 5737, RFC 3849), which nobody has.
    let v4 = || local_address((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into());
    let v6 = || {
        let nobody = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        local_address((Ipv6Addr::UNSPECIFIED, 0).into(), (nobody, 9).into())
    };
    let found = if listen.is_ipv4() { v4() } else { v6().or_else(v4) };
    let address = match found {
        Some(address) => SocketAddr::new(address.ip(), listen.port()).to_string(),
        None if listen.is_ipv4() => SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port())).to_string(),
        None => SocketAddr::from((Ipv6Addr::LOCALHOST, listen.port())).to_string(),
    };
    let note = match found {
        Some(_) => format!(
            "the card tells partners to call {address}, an address of this machine; if they reach it by another, \
             set link.addresses in tacit.toml, or use --address HOST:PORT"
        ),
        None => format!(
            "this machine has no network address that others could call, so the card says {address}; set \
             link.addresses in tacit.toml, or use --address HOST:PORT"
        ),
    };
    (vec![address], Some(note))
}

fn local_address(from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    socket.local_addr().ok().filter(|address| !address.ip().is_unspecified() && !address.ip().is_loopback())
}

fn on_command_line(field: &str, (problem, mend): (String, String)) -> ConfigError {
    ConfigError::BadSetting { file: "command line".into(), field: field.into(), problem, mend }
}

#[cfg(test)]
#[path = "create_tests.rs"]
mod tests;
