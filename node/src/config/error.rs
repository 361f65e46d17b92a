//! What can be wrong with a home, its settings or its keys.

use std::path::PathBuf;

use crate::{
    config::FileError,
    report::{Class, Detail, Refusal},
};

/// A home, a setting or a key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `init` never touches a home that is there.
    #[error("{} is a node's home already", home.display())]
    HomeExists {
        /// The directory.
        home: PathBuf,
    },
    /// `init` needs a directory of its own.
    #[error("{} is not empty, and not a node's home either", home.display())]
    HomeOccupied {
        /// The directory.
        home: PathBuf,
    },
    /// No home where one was looked for.
    #[error("there is no node's home at {}", home.display())]
    HomeMissing {
        /// The directory.
        home: PathBuf,
    },
    /// Neither `--home`, nor `TACIT_HOME`, nor a user's home to put one into.
    #[error("no home is named, and this user has no home directory to look in")]
    HomeUnnamed,
    /// Another process works in this home.
    #[error("another process is using the home {}", home.display())]
    HomeInUse {
        /// The directory.
        home: PathBuf,
        /// Its process number, where it left one.
        process: Option<u32>,
    },
    /// A file of the home.
    #[error(transparent)]
    File(#[from] FileError),
    /// `tacit.toml` is not TOML.
    #[error("{file} is not well-formed: {problem}")]
    Syntax {
        /// The file.
        file: String,
        /// What the reader said, on one line, with the line's number.
        problem: String,
    },
    /// A key that no setting has.
    #[error("{file}: there is no setting `{field}`")]
    UnknownSetting {
        /// The file, or `command line`.
        file: String,
        /// The key with its section.
        field: String,
        /// What would be understood.
        mend: String,
    },
    /// A value that a setting cannot have.
    #[error("{file}: `{field}` {problem}")]
    BadSetting {
        /// The file, or `command line`.
        file: String,
        /// The key with its section, or the option.
        field: String,
        /// What is wrong with the value, as the rest of a sentence.
        problem: String,
        /// What to write instead.
        mend: String,
    },
    /// What unlocks the keys is missing or wrong.
    #[error("the node's keys stay locked: {problem}")]
    KeysLocked {
        /// Why.
        problem: String,
        /// What would unlock them.
        mend: String,
    },
    /// A key file whose content is not what was written.
    #[error("the key file {} is damaged", file.display())]
    KeysDamaged {
        /// The file.
        file: PathBuf,
        /// Which check failed.
        problem: &'static str,
    },
    /// The key file was written by a later program.
    #[error("the key file {} is of version {version}, which this program does not know", file.display())]
    KeysNewer {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: i64,
    },
    /// A key or certificate could not be made; the system's randomness or memory failed.
    #[error("no {what} could be made")]
    KeyMaking {
        /// What was to be made.
        what: &'static str,
    },
    /// A new passphrase that a machine would guess.
    #[error("a passphrase has at least {least} characters")]
    PassphraseTooShort {
        /// How many.
        least: usize,
    },
    /// The person at the terminal pressed Ctrl-C or closed the input.
    #[error("no passphrase was given")]
    PromptCancelled,
}

impl Refusal for ConfigError {
    fn code(&self) -> &'static str {
        match self {
            Self::HomeExists { .. } | Self::HomeOccupied { .. } => "E-HOME-EXISTS",
            Self::HomeMissing { .. } | Self::HomeUnnamed => "E-HOME-MISSING",
            Self::HomeInUse { .. } => "E-HOME-IN-USE",
            Self::File(error) => error.code(),
            Self::Syntax { .. } => "E-CONFIG-SYNTAX",
            Self::UnknownSetting { .. } => "E-CONFIG-UNKNOWN",
            Self::BadSetting { .. } => "E-CONFIG-VALUE",
            Self::KeysLocked { .. } | Self::PromptCancelled => "E-KEYS-LOCKED",
            Self::PassphraseTooShort { .. } => "E-KEYS-PASSPHRASE",
            Self::KeysDamaged { .. } => "E-KEYS-DAMAGED",
            Self::KeysNewer { .. } => "E-KEYS-NEWER",
            Self::KeyMaking { .. } => "E-KEYS-MAKING",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::File(error) => error.class(),
            Self::HomeInUse { .. } | Self::KeysDamaged { .. } | Self::KeyMaking { .. } => Class::Failed,
            _ => Class::Usage,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let would_do = |text: &str| vec![Detail::new("would do", text)];
        match self {
            Self::HomeExists { .. } => would_do("another directory: --home DIR, or TACIT_HOME"),
            Self::HomeOccupied { .. } => would_do("an empty directory: --home DIR, or TACIT_HOME"),
            Self::HomeMissing { .. } => would_do(
                "tacit init NAME --listen ADDRESS:PORT; or name the right home: --home DIR, or TACIT_HOME",
            ),
            Self::HomeUnnamed => would_do("--home DIR, or TACIT_HOME"),
            Self::HomeInUse { process, .. } => {
                let holder = process.map(|id| Detail::new("process", id.to_string()));
                holder.into_iter().chain(would_do("wait for it, or end it")).collect()
            }
            Self::File(error) => error.details(),
            Self::Syntax { .. } => Vec::new(),
            Self::UnknownSetting { mend, .. }
            | Self::BadSetting { mend, .. }
            | Self::KeysLocked { mend, .. } => would_do(mend),
            Self::KeysDamaged { problem, .. } => vec![
                Detail::new("check", *problem),
                Detail::new(
                    "would do",
                    "put the file back from a backup; without one, make a new home and exchange cards again",
                ),
            ],
            Self::KeysNewer { .. } => would_do("use the Tacit version that wrote it, or a newer one"),
            Self::KeyMaking { .. } => Vec::new(),
            Self::PassphraseTooShort { .. } => would_do("a longer one, such as five random words"),
            Self::PromptCancelled => would_do("type it, or set TACIT_PASSPHRASE"),
        }
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::HomeInUse { .. })
    }
}
