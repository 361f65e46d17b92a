//! What unlocks the private keys, and where it comes from.
//!
//! A daemon has nobody to type, a laptop has; so a passphrase, a key file and an environment variable all
//! do, chosen when the home is made and named in `[unlock]`.

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use tacit_protocol::secret::Secret;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    config::{
        ConfigError, Home, UnlockMethod, files,
        keys::{Derivation, Envelope, WrappingKey, from_hex, random},
        prompt,
    },
    data::hex,
};

/// Overrides the prompt, for daemons and tests.
pub(super) const PASSPHRASE_VARIABLE: &str = "TACIT_PASSPHRASE";
const SHORTEST_PASSPHRASE: usize = 8;
const SHORTEST_VARIABLE: usize = 16;

/// The secret that unlocks a home's keys.
#[derive(Debug, Clone)]
pub struct Unlock {
    material: Material,
    /// For refusals: `the passphrase`, `the key file …`.
    origin: String,
}

#[derive(Debug, Clone)]
enum Material {
    /// Goes through Argon2id.
    Text(Secret<String>),
    /// Is the wrapping key.
    Raw(Secret<[u8; 32]>),
}

impl Unlock {
    /// A passphrase, right or wrong; how long a new one has to be is decided where a home is made.
    pub fn passphrase(text: Secret<String>) -> Self {
        Self { material: Material::Text(text), origin: "the passphrase".into() }
    }

    /// 32 random bytes that the caller keeps.
    pub fn raw(key: Secret<[u8; 32]>) -> Self {
        Self { material: Material::Raw(key), origin: "the key".into() }
    }

    /// Finds the secret in the place that the settings name; asks at the terminal where that is the place.
    pub fn find(home: &Home, method: &UnlockMethod) -> Result<Self, ConfigError> {
        match method {
            UnlockMethod::Passphrase => match passphrase_variable()? {
                Some(text) => Ok(Self::passphrase(text)),
                None if !std::io::stderr().is_terminal() => Err(ConfigError::KeysLocked {
                    problem: format!(
                        "they need a passphrase, and there is neither a terminal to ask at nor {PASSPHRASE_VARIABLE}"
                    ),
                    mend: format!("set {PASSPHRASE_VARIABLE}, or run the command at a terminal"),
                }),
                None => Ok(Self::passphrase(prompt::ask("Passphrase of this node: ")?)),
            },
            UnlockMethod::KeyFile(path) => Self::key_file(&home.root().join(path)),
            UnlockMethod::Environment(name) => Self::environment(name),
        }
    }

    /// Reads a key file: 64 hex digits, and nothing but white space around them.
    pub fn key_file(path: &Path) -> Result<Self, ConfigError> {
        let bytes = files::read_private(path).map_err(|error| {
            if error.is_missing() {
                return ConfigError::KeysLocked {
                    problem: format!("the key file {} is not there", path.display()),
                    mend: "put it back, or mount what holds it".into(),
                };
            }
            error.into()
        })?;
        let damaged = || ConfigError::KeysLocked {
            problem: format!("the key file {} does not hold 64 hex digits", path.display()),
            mend: "put it back from a backup".into(),
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| damaged())?;
        let key = raw_key(text.trim()).ok_or_else(damaged)?;
        Ok(Self { material: Material::Raw(key), origin: format!("the key file {}", path.display()) })
    }

    /// Makes a key file with a fresh key, never over another one.
    pub(super) fn make_key_file(path: &Path) -> Result<Self, ConfigError> {
        let key = Zeroizing::new(random::<32>("key file")?);
        let mut text = Zeroizing::new(hex(*key));
        text.push('\n');
        files::write_private(path, text.as_bytes())?;
        Self::key_file(path)
    }

    /// Reads an environment variable: 64 hex digits are the key itself, anything else goes through Argon2id.
    pub fn environment(name: &str) -> Result<Self, ConfigError> {
        Self::of_variable(name, variable(name)?)
    }

    fn of_variable(name: &str, value: Option<Secret<String>>) -> Result<Self, ConfigError> {
        let locked = |problem: String| ConfigError::KeysLocked {
            problem,
            mend: format!(
                "set {name} to 64 hex digits (openssl rand -hex 32), or to a text of {SHORTEST_VARIABLE} characters or more"
            ),
        };
        let Some(text) = value else {
            return Err(locked(format!("the environment variable {name} is not set")));
        };
        let material = match raw_key(text.expose()) {
            Some(key) => Material::Raw(key),
            None if text.expose().chars().count() >= SHORTEST_VARIABLE => Material::Text(text),
            None => return Err(locked(format!("the environment variable {name} is too short"))),
        };
        Ok(Self { material, origin: format!("the environment variable {name}") })
    }

    /// A wrapping key for a new home.
    pub(super) fn fresh(&self) -> Result<WrappingKey, ConfigError> {
        let derivation = match &self.material {
            Material::Text(_) => Derivation::argon2id()?,
            Material::Raw(_) => Derivation::None,
        };
        let key = self.derive(&derivation).ok_or(ConfigError::KeyMaking { what: "wrapping key" })?;
        Ok(WrappingKey { key, derivation })
    }

    /// The wrapping key of an envelope, if it unlocks it, and what was locked.
    pub(super) fn open(&self, envelope: &Envelope) -> Result<(WrappingKey, Zeroizing<Vec<u8>>), ConfigError> {
        let key = self.derive(&envelope.derivation).ok_or_else(|| self.does_not_fit())?;
        let private = envelope.unseal(&key).ok_or_else(|| self.does_not_fit())?;
        Ok((WrappingKey { key, derivation: envelope.derivation.clone() }, private))
    }

    fn derive(&self, derivation: &Derivation) -> Option<Secret<[u8; 32]>> {
        match (&self.material, derivation) {
            (Material::Text(text), Derivation::Argon2id { .. }) => derivation.derive(text.expose()),
            (Material::Raw(key), Derivation::None) => Some(key.clone()),
            // The settings name another way than the one the keys were locked with.
            _ => None,
        }
    }

    pub(super) fn does_not_fit(&self) -> ConfigError {
        ConfigError::KeysLocked {
            problem: format!("{} does not fit", self.origin),
            mend: "the one that was chosen when this home was made; [unlock] in tacit.toml says where it comes from"
                .into(),
        }
    }
}

/// Whether a passphrase may be chosen: Argon2id makes guessing slow, not short ones long.
pub(super) fn check_passphrase(text: &Secret<String>) -> Result<(), ConfigError> {
    if text.expose().chars().count() >= SHORTEST_PASSPHRASE {
        return Ok(());
    }
    Err(ConfigError::PassphraseTooShort { least: SHORTEST_PASSPHRASE })
}

/// `TACIT_PASSPHRASE`, where it is set.
pub(super) fn passphrase_variable() -> Result<Option<Secret<String>>, ConfigError> {
    variable(PASSPHRASE_VARIABLE)
}

fn variable(name: &str) -> Result<Option<Secret<String>>, ConfigError> {
    match std::env::var(name) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(Secret::new(text))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(ConfigError::KeysLocked {
            problem: format!("the environment variable {name} is not UTF-8"),
            mend: format!("set {name} to plain text"),
        }),
    }
}

fn raw_key(text: &str) -> Option<Secret<[u8; 32]>> {
    let mut bytes = Zeroizing::new(from_hex(text)?);
    let mut key = <[u8; 32]>::try_from(bytes.as_slice()).ok()?;
    bytes.zeroize();
    let secret = Secret::new(key);
    key.zeroize();
    Some(secret)
}

/// How a new home's keys are to be unlocked.
#[derive(Debug, Clone)]
pub enum UnlockChoice {
    /// A passphrase.
    Passphrase(Secret<String>),
    /// A key file: the one that is there, or a new one.
    KeyFile(PathBuf),
    /// An environment variable that is set already.
    Environment(String),
    /// A new key file in the home: convenient, and no protection against whoever copies the whole home.
    KeyFileInHome,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::keys::Kind, report::Refusal};

    fn of(value: &str) -> Result<Unlock, ConfigError> {
        Unlock::of_variable("TACIT_KEY", Some(Secret::new(value.to_owned())))
    }

    #[test]
    fn a_variable_is_a_key_or_a_long_enough_text() {
        assert!(matches!(of(&"a7".repeat(32)).unwrap().material, Material::Raw(_)));
        assert!(matches!(of("sixteen letters!").unwrap().material, Material::Text(_)));
        for wrong in [of("fifteen letters"), of(""), Unlock::of_variable("TACIT_KEY", None)] {
            let error = wrong.unwrap_err();
            assert_eq!(error.code(), "E-KEYS-LOCKED");
            assert!(error.to_string().contains("TACIT_KEY"));
            assert!(!error.to_string().contains("letters"), "what it holds is never told");
        }
    }

    #[test]
    fn what_a_text_locked_the_same_text_unlocks_and_nothing_else() {
        let wrapping = of("sixteen letters!").unwrap().fresh().unwrap();
        let envelope = Envelope::seal(Kind::Signing, "brand", b"public", b"private", &wrapping).unwrap();
        assert_eq!(&of("sixteen letters!").unwrap().open(&envelope).unwrap().1[..], b"private");
        for other in [of("sixteen letters?").unwrap(), Unlock::raw(Secret::new([7; 32]))] {
            assert_eq!(other.open(&envelope).err().map(|error| error.code()), Some("E-KEYS-LOCKED"));
        }
    }

    #[test]
    fn a_new_passphrase_is_not_short() {
        let check = |text: &str| check_passphrase(&Secret::new(text.to_owned()));
        assert_eq!(check("sevenly").unwrap_err().code(), "E-KEYS-PASSPHRASE");
        assert!(check("eight ch").is_ok());
        assert!(check("八个汉字也算数的").is_ok(), "characters count, not bytes");
    }

    #[test]
    fn an_unlock_does_not_print_what_it_holds() {
        let text = format!("{:?}", of("sixteen letters!").unwrap());
        assert!(text.contains("Secret(..)") && !text.contains("letters"), "{text}");
    }
}
