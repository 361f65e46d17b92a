//! The ledger as a file, for whoever audits it: no lock, no key, and no node that runs.

use std::{
    io::BufReader,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tacit_protocol::log::{
    Book, Entry, Kind,
    checkpoint::{Checkpoint, Keys, SignedCheckpoint},
    handover::Succession,
    merkle::{MerkleFault, TreeHash},
    note::{Note, VerifierKey},
};

use super::{
    LedgerError,
    disk::{Folder, Span},
    replay::{self, Line, Newest, Replayed},
    tower::Tower,
};

/// How often a head is read again that was being written when it was read.
const TRIES: usize = 50;

/// A ledger that was read: what its newest head covered at that moment, and not a byte more.
pub struct Reading {
    directory: PathBuf,
    bytes: u64,
    head: SignedCheckpoint,
    keys: Keys,
    book: Book,
    tower: Tower,
}

/// Reads a ledger, checks every record against the book's rules and all of them against the signed head. A node may go
/// on writing meanwhile. The signing keys are those that the log's own records name: whoever knows the node's card
/// compares them with [`Reading::keys`].
///
/// # Errors
/// There is none; a byte of it has changed; it is of a newer version.
pub fn read(directory: &Path) -> Result<Reading, LedgerError> {
    read_with(directory, |_| ())
}

/// The same, showing each record on the way, in order.
///
/// # Errors
/// As [`read`].
pub fn read_with(directory: &Path, mut each: impl FnMut(&Entry) + Send) -> Result<Reading, LedgerError> {
    let mut folder = Folder::look(directory);
    let mut tries = 0;
    let head = loop {
        let newest = replay::newest(&mut folder);
        tries += 1;
        match newest {
            Ok(Some(Newest { head, other_torn: false })) => break head,
            // A head that is read while it is written is neither the old nor the new one.
            _ if tries < TRIES => thread::sleep(Duration::from_millis(2)),
            Ok(Some(Newest { head, other_torn: true })) => break head,
            Ok(None) => return Err(LedgerError::damaged(None, "it has no head")),
            Err(error) => return Err(error),
        }
    };
    if !begins(&mut folder, head.bytes)? {
        return Err(LedgerError::damaged(Some(1), "its first record does not begin a log"));
    }
    // Which key is to have signed it, the records tell; so they are held against what is signed, and that against them.
    let unread = LedgerError::damaged(None, "its head is not signed by this node's key");
    let note = Note::parse(head.note.as_bytes()).ok();
    let Some(told) = note.and_then(|note| Checkpoint::parse(note.text()).ok()) else { return Err(unread) };
    let (mut succession, mut fault) = (Succession::default(), None);
    let replayed = replay::covered(&mut folder, &head, &told, |entry| {
        each(entry);
        if let Err(problem) = succession.take(entry) {
            fault = fault.or(Some((entry.seq, problem)));
        }
    })?;
    if let Some((seq, _)) = fault {
        return Err(LedgerError::damaged(Some(seq), "its signing key is not handed over as it says"));
    }
    let Some(keys) = succession.keys(Vec::new()) else { return Err(unread) };
    let signed = replay::signed(&head, &keys)?;
    let Replayed { book, tower, .. } = replayed;
    Ok(Reading { directory: directory.to_owned(), bytes: head.bytes, head: signed, keys, book, tower })
}

/// Whether the first record names a key. A false one verifies no head, and a head by another key is not this node's.
fn begins(folder: &mut Folder, bytes: u64) -> Result<bool, LedgerError> {
    let mut line = Vec::new();
    let read = replay::next_line(&mut replay::lines(folder, 0, bytes), &mut line);
    read.map_err(LedgerError::Unopened)?;
    let first = serde_json::from_slice::<Entry>(&line).ok().filter(|entry| entry.kind == Kind::Open);
    let key = first.and_then(|entry| entry.body["key"].as_str()?.parse::<VerifierKey>().ok());
    Ok(key.is_some())
}

impl Reading {
    /// Records, oldest first; read from the file as they are asked for.
    ///
    /// # Errors
    /// The file cannot be opened any more.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, LedgerError>> + use<> {
        let parse = |(seq, line): (u64, Result<Vec<u8>, LedgerError>)| {
            serde_json::from_slice(&line?).map_err(|_| LedgerError::damaged(Some(seq), replay::UNREADABLE))
        };
        (1..).zip(self.lines()).map(parse)
    }

    /// The records' bytes, which are the leaves of the tree.
    pub fn lines(&self) -> impl Iterator<Item = Result<Vec<u8>, LedgerError>> + use<> {
        let (mut folder, bytes) = (Folder::look(&self.directory), self.bytes);
        let (mut at, mut seq) = (0, 0);
        let mut ahead: std::collections::VecDeque<Vec<u8>> = std::collections::VecDeque::new();
        std::iter::from_fn(move || {
            if ahead.is_empty() {
                match some_lines(&mut folder, at, bytes) {
                    Ok(more) => {
                        at += more.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
                        ahead.extend(more);
                    }
                    Err(error) => return Some(Err(LedgerError::Unopened(error))),
                }
                if ahead.is_empty() && at < bytes {
                    at = bytes;
                    return Some(Err(LedgerError::damaged(Some(seq + 1), replay::UNREADABLE)));
                }
            }
            seq += 1;
            ahead.pop_front().map(Ok)
        })
    }

    /// The newest head: size, root, and the node's signature.
    pub const fn head(&self) -> &SignedCheckpoint {
        &self.head
    }

    /// The head as it is given to others.
    pub const fn note(&self) -> &Note {
        self.head.note()
    }

    /// The keys that may sign it, by the log's own word; the one of today is the last.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The root over the first `size` records.
    ///
    /// # Errors
    /// There are not so many.
    pub fn root_at(&self, size: u64) -> Result<TreeHash, MerkleFault> {
        self.tower.root_at(size)
    }

    /// What the records add up to.
    pub const fn book(&self) -> &Book {
        &self.book
    }
}

/// A few lines from `at` on.
fn some_lines(folder: &mut Folder, at: u64, end: u64) -> std::io::Result<Vec<Vec<u8>>> {
    let mut reader: BufReader<Span<'_, Folder>> = replay::lines(folder, at, end);
    let mut lines = Vec::new();
    let mut line = Vec::new();
    while lines.len() < 1_000 {
        match replay::next_line(&mut reader, &mut line)? {
            Line::Whole => lines.push(std::mem::take(&mut line)),
            Line::Cut | Line::End => break,
        }
    }
    Ok(lines)
}
