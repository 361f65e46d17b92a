//! The directory that holds a node: where everything is, and who may work in it.
//!
//! Two processes that both write a ledger spend a budget twice, so whoever changes anything first takes the
//! home's lock; the second is told who has it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::config::{ConfigError, FileError, files};

/// A node's home directory; names its files and is cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

/// The right to change a home; given back when dropped, or when the process ends however it ends.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

impl Home {
    /// Names a home without looking at it; [`open`](Self::open) looks.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// A home that is there: it has settings, and nobody else can enter it.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let home = Self::at(root);
        if !home.exists() {
            return Err(ConfigError::HomeMissing { home: home.root });
        }
        for directory in [home.root.clone(), home.keys_dir()] {
            files::check_private_dir(&directory)?;
        }
        Ok(home)
    }

    /// Where a home lies when none is named: `~/.tacit`.
    pub fn default_root() -> Result<PathBuf, ConfigError> {
        std::env::home_dir()
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(".tacit"))
            .ok_or(ConfigError::HomeUnnamed)
    }

    /// Whether a home was made here; the settings are written last, so a home that has them is whole.
    pub fn exists(&self) -> bool {
        self.config_file().is_file()
    }

    /// Takes the exclusive right to change the home, at once or not at all.
    pub fn lock(&self) -> Result<HomeLock, ConfigError> {
        let path = self.lock_file();
        let unwritable = |source| FileError::Unwritable { path: path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The number is a courtesy: without it the refusal stands all the same.
                let _ = file.take(32).read_to_string(&mut holder);
                return Err(ConfigError::HomeInUse {
                    home: self.root.clone(),
                    process: holder.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(unwritable(source).into()),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(unwritable)?;
        writeln!(file, "{}", std::process::id()).map_err(unwritable)?;
        Ok(HomeLock { _file: file })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The settings.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("tacit.toml")
    }

    /// The private keys, encrypted.
    pub fn keys_dir(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The signing key, encrypted.
    pub fn signing_key_file(&self) -> PathBuf {
        self.keys_dir().join("signing.key")
    }

    /// The signing key that is to follow, while a rotation is under way.
    pub fn next_signing_key_file(&self) -> PathBuf {
        self.keys_dir().join("signing.next")
    }

    /// The TLS key, encrypted, and its certificate.
    pub fn tls_key_file(&self) -> PathBuf {
        self.keys_dir().join("tls.key")
    }

    /// The key file that `init` makes when it is given no other way to unlock the keys.
    pub fn unlock_file(&self) -> PathBuf {
        self.root.join("unlock.key")
    }

    /// Cards of trusted partners.
    pub fn partners_dir(&self) -> PathBuf {
        self.root.join("partners")
    }

    /// Registrations of datasets; the data stays where it is.
    pub fn datasets_dir(&self) -> PathBuf {
        self.root.join("datasets")
    }

    /// Signed contracts.
    pub fn contracts_dir(&self) -> PathBuf {
        self.root.join("contracts")
    }

    /// Runs that wait for a person, and what was decided.
    pub fn approvals_dir(&self) -> PathBuf {
        self.root.join("approvals")
    }

    /// The withdrawal list.
    pub fn consent_dir(&self) -> PathBuf {
        self.root.join("consent")
    }

    /// Answers that this node asked for.
    pub fn answers_dir(&self) -> PathBuf {
        self.root.join("answers")
    }

    /// Models that were trained together; made with the first.
    pub fn models_dir(&self) -> PathBuf {
        self.root.join("models")
    }

    /// What is needed to go on with trainings that were cut.
    pub fn jobs_dir(&self) -> PathBuf {
        self.root.join("jobs")
    }

    /// Budget and records.
    pub fn ledger_dir(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// Where a running node listens to commands. Systems limit such a path to about 100 bytes.
    pub fn control_socket(&self) -> PathBuf {
        self.root.join("control.sock")
    }

    /// What [`lock`](Self::lock) locks.
    pub fn lock_file(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What the last bench measured on this machine.
    pub fn calibration_file(&self) -> PathBuf {
        self.root.join("calibration.json")
    }

    /// The same for training.
    pub fn training_calibration_file(&self) -> PathBuf {
        self.root.join("calibration-training.json")
    }

    /// Every directory of a home.
    pub(super) fn directories(&self) -> [PathBuf; 8] {
        [
            self.root.clone(),
            self.keys_dir(),
            self.partners_dir(),
            self.datasets_dir(),
            self.contracts_dir(),
            self.approvals_dir(),
            self.consent_dir(),
            self.answers_dir(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Refusal;

    #[test]
    fn the_second_who_wants_the_home_is_told_who_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let first = home.lock().unwrap();
        let error = home.lock().unwrap_err();
        assert_eq!(error.code(), "E-HOME-IN-USE");
        assert!(error.retry_helps());
        assert!(error.details().iter().any(|d| d.text == std::process::id().to_string()));
        drop(first);
        home.lock().unwrap();
    }

    #[test]
    fn an_empty_directory_is_no_home() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Home::open(dir.path()).unwrap_err().code(), "E-HOME-MISSING");
    }
}
