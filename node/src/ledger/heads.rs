//! What this node and its partners have seen of each other's logs.
//!
//! The attack it stops: two histories under one name. A node cosigns a partner's head only after the head that
//! proves it honest next time is on the disk, and it does both under one lock; otherwise two requests at once, or
//! a power cut between, would let it vouch for two histories (D16).

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tacit_protocol::{
    ids::PartnerId,
    log::{
        checkpoint::{Keys, SignedCheckpoint},
        witness::{Accepted, AddCheckpoint, WitnessRefusal, consider},
    },
};

use super::aside::move_aside;
use crate::config::files;

/// Heads of partners that we have cosigned, and heads of ours that partners have.
#[derive(Debug)]
pub struct Heads {
    seen: PathBuf,
    cosigned: PathBuf,
    one_at_a_time: Mutex<()>,
    /// Whose turn it is to show our head to a partner: two at once would each begin with what the other changes.
    turns: Mutex<HashMap<PartnerId, Arc<tokio::sync::Mutex<()>>>>,
}

/// What became of a partner's request.
#[derive(Debug)]
pub enum Considered {
    /// The head is kept; it may be cosigned.
    Kept(Box<Accepted>),
    /// It is not; here is the note of the head that we know, for the partner to see that it signed it.
    Refused {
        /// Why.
        refusal: WitnessRefusal,
        /// The newest head of the partner's log that we have seen.
        known: Option<String>,
    },
}

impl Heads {
    /// In the ledger's directory; what is needed there is made when it is.
    pub fn at(ledger: &Path) -> Self {
        Self {
            seen: ledger.join("witness"),
            cosigned: ledger.join("cosigned"),
            one_at_a_time: Mutex::new(()),
            turns: Mutex::default(),
        }
    }

    /// Waits for the turn to show our head to a partner.
    pub async fn turn(&self, partner: PartnerId) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(partner).or_default())
        };
        turn.lock_owned().await
    }

    /// Considers a partner's new head, and keeps it durably if it begins with the one we know. That one may be signed by
    /// any of its keys, the new one by the newest.
    ///
    /// # Errors
    /// The head that we know cannot be read, or the new one not be kept.
    pub fn consider(
        &self,
        partner: PartnerId,
        (any, newest): (&Keys, &Keys),
        request: &AddCheckpoint,
    ) -> io::Result<Considered> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.seen.join(partner.to_string());
        let note = read(&file)?;
        // A head that does not read back is not the same as none: the disk has changed it.
        let known =
            note.as_ref().map(|note| any.open(note.as_bytes()).map_err(io::Error::other)).transpose()?;
        Ok(match consider(newest, known.as_ref().map(SignedCheckpoint::head), request) {
            Ok(accepted) => {
                keep(&self.seen, &file, accepted.checkpoint())?;
                Considered::Kept(Box::new(accepted))
            }
            Err(refusal) => Considered::Refused { refusal, known: note },
        })
    }

    /// Our head as a partner has it, with its line.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn cosigned(&self, partner: PartnerId, keys: &Keys) -> io::Result<Option<SignedCheckpoint>> {
        let note = read(&self.cosigned.join(partner.to_string()))?;
        note.map(|note| keys.open(note.as_bytes()).map_err(io::Error::other)).transpose()
    }

    /// Keeps our head with a partner's line on it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_cosigned(&self, partner: PartnerId, head: &SignedCheckpoint) -> io::Result<()> {
        keep(&self.cosigned, &self.cosigned.join(partner.to_string()), head)
    }

    /// Forgets what we saw of a partner's log: it has lost a part of it, says so, and begins anew. The last head is
    /// kept aside as evidence.
    ///
    /// # Errors
    /// The file cannot be moved.
    pub fn forget(&self, partner: PartnerId) -> io::Result<bool> {
        let _one = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(move_aside(&self.seen.join(partner.to_string()), "lost")?.is_some())
    }

    /// Forgets which of our heads a partner has, after a recovery.
    ///
    /// # Errors
    /// The file cannot be moved.
    pub fn forget_cosigned(&self, partner: PartnerId) -> io::Result<bool> {
        Ok(move_aside(&self.cosigned.join(partner.to_string()), "lost")?.is_some())
    }
}

fn read(file: &Path) -> io::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn keep(directory: &Path, file: &Path, head: &SignedCheckpoint) -> io::Result<()> {
    files::make_private_dir(directory).map_err(io::Error::other)?;
    files::write_atomic(file, head.note().to_string().as_bytes()).map_err(io::Error::other)
}
