//! Verifies an export, or a ledger in place, in one pass and in little memory: anybody, alone, with the keys
//! (LOG-14 to LOG-16).
//!
//! The attack it stops: a record altered, deleted, moved or put in later, a head that was never signed or was signed
//! twice, and a budget overspent in a log that is otherwise whole.
//!
//! What counts is the head that the log's key has signed (LOG-15). The records and the tiles are both hashed up to it; where they
//! part, the one that leads to the signed root is right and the other is named: so **the first bad record is found after
//! any single change**, and a damaged tile is not taken for a bad record.

mod finding;
mod lines;
mod pass;
mod succession;

use std::{
    io::{self, Read},
    sync::{PoisonError, RwLock},
};

use rayon::prelude::*;

use super::{
    Entry,
    book::BookFault,
    checkpoint::{Checkpoint, Cosigned, Keys},
    export::{CHECKPOINT, FORMAT, MANIFEST, Manifest, checkpoint_path, is_receipt_name, receipt_path},
    merkle::{TreeHash, leaf_hash},
    note::LARGEST_NOTE,
    proof::{LARGEST_RECEIPT, Proven, Receipt},
};

pub use finding::{Fault, Finding};

use pass::{Held, Met, Pass};

/// The most bytes of a manifest: a million receipts.
const LARGEST_MANIFEST: usize = 128 << 20;

/// Receipts and heads that are named before the pass; more say nothing new.
const MOST_FINDINGS: usize = 100;

/// Receipts that are read side by side.
const RECEIPTS_AT_ONCE: usize = 4_096;

/// Where the files of an export are.
pub trait Folder: Sync {
    /// Opens the file at this path below the folder; `None` if there is none.
    ///
    /// # Errors
    ///
    /// It is there and cannot be read.
    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send>>>;
}

impl<F: Fn(&str) -> io::Result<Option<Box<dyn Read + Send>>> + Sync> Folder for F {
    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        self(path)
    }
}

/// Which files must be there and right, beside the records and the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// The manifest, and the earlier heads and receipts that it names.
    pub manifest: bool,
    /// The table.
    pub table: bool,
    /// The tiles of hashes. Without them a bad record is found by what it says or not at all, only that there is one.
    pub tiles: bool,
    /// The bundles of records.
    pub bundles: bool,
}

impl Parts {
    /// An export.
    pub const EXPORT: Self = Self { manifest: true, table: true, tiles: true, bundles: true };
    /// A ledger in place: its records, its tiles and its head.
    pub const LEDGER: Self = Self { manifest: false, table: false, tiles: true, bundles: false };
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The signed head, if it opens under the keys.
    pub head: Option<Checkpoint>,
    /// Who has cosigned it.
    pub cosigned: Vec<Cosigned>,
    /// Cosignatures by known witnesses, over this head, the earlier ones and those of the receipts. A line by anybody
    /// else says nothing and is no fault, so this is what a witness's line with a damaged name is missing from.
    pub cosignatures: u64,
    /// Records read.
    pub records: u64,
    /// The root over them.
    pub root: TreeHash,
    /// Earlier and foreign heads that were met on the way.
    pub heads: u64,
    /// Receipts that hold.
    pub receipts: u64,
    /// Tiles and bundles compared.
    pub tiles: u64,
    /// Hand-overs of the signing key that the records tell of.
    pub handovers: u64,
    /// What is wrong: of each kind in each file the first. What merely follows from an earlier fault is left out.
    pub findings: Vec<Finding>,
}

impl Verdict {
    /// Whether everything that was asked for is there and right.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// The position of the first bad record, from 1, if one is to blame.
    pub fn first_bad(&self) -> Option<u64> {
        self.findings.iter().filter_map(|finding| finding.seq).min()
    }
}

/// What to verify against.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a> {
    /// Whom to believe: from the partners, not from the export.
    pub keys: &'a Keys,
    /// What must be there.
    pub parts: Parts,
    /// Heads of this log that the auditor or a partner has kept: each must be on the way to the signed one (D11, D16).
    pub known: &'a [Checkpoint],
}

/// Verifies the files of `folder`. `book` is handed every record in order, up to the first that it refuses; the caller
/// keeps what it wants of them (LOG-16), and [`Book::apply`](super::Book::apply) finds an overspent budget.
///
/// # Errors
///
/// A file that is there and cannot be read. Whatever is missing or wrong is in the [`Verdict`].
pub fn verify(
    audit: &Audit<'_>,
    folder: &dyn Folder,
    book: &mut (dyn FnMut(&Entry) -> Result<(), BookFault> + Send),
) -> io::Result<Verdict> {
    let mut findings = Vec::new();
    let mut cosigned = Vec::new();
    let mut signed = None;
    let head = match read(folder, CHECKPOINT, LARGEST_NOTE)? {
        Err(fault) => {
            findings.push(Finding::of(CHECKPOINT, fault));
            None
        }
        Ok(bytes) => {
            let opened =
                audit.keys.open(&bytes).and_then(|opened| Ok((audit.keys.cosigned(&opened)?, opened)));
            match opened {
                Ok((seen, opened)) => {
                    cosigned = seen;
                    signed = audit.keys.signer(&opened).map(|signer| (opened.head().size, signer));
                    Some(opened.head().clone())
                }
                Err(fault) => {
                    findings.push(Finding::of(CHECKPOINT, Fault::Checkpoint(fault)));
                    None
                }
            }
        }
    };
    let manifest = if audit.parts.manifest { manifest(folder, head.as_ref(), &mut findings)? } else { None };
    let mut heads: Vec<Met> = audit.known.iter().map(Met::known).collect();
    let mut cosignatures = cosigned.len() as u64;
    let mut receipts = Vec::new();
    if let Some(manifest) = &manifest {
        let (earlier, theirs) = earlier(audit.keys, folder, &manifest.checkpoints, &mut findings)?;
        heads.extend(earlier);
        cosignatures += theirs;
        let known = RwLock::default();
        let read_all = |names: &[String]| -> Vec<_> {
            names.par_iter().map(|name| receipt(audit.keys, folder, name, &known)).collect()
        };
        let read = manifest.receipts.chunks(RECEIPTS_AT_ONCE).flat_map(read_all);
        for (name, read) in manifest.receipts.iter().zip(read) {
            match read? {
                Ok((held, met, theirs)) => {
                    receipts.push(held);
                    cosignatures += theirs;
                    // Receipts of one session share a head.
                    if heads.last().is_none_or(|last| (last.size, last.root) != (met.size, met.root)) {
                        heads.push(met);
                    }
                }
                Err(fault) if findings.len() < MOST_FINDINGS => {
                    findings.push(Finding::of(&receipt_path(name), fault));
                }
                Err(_) => {}
            }
        }
    }
    // A head that does not open is no reason not to say which record was changed: the manifest's figures lead on.
    let target = head
        .as_ref()
        .map(|head| (head.size, head.root))
        .or_else(|| manifest.map(|manifest| (manifest.size, manifest.root)));
    let pass = Pass::new(folder, (audit.keys, signed), audit.parts, target, heads, receipts);
    let ended = pass.run(book)?;
    findings.extend(ended.findings);
    Ok(Verdict {
        head,
        cosigned,
        cosignatures,
        records: ended.records,
        root: ended.root,
        heads: ended.heads,
        receipts: ended.receipts,
        tiles: ended.tiles,
        handovers: ended.handovers,
        findings,
    })
}

/// Reads a whole file of at most `most` bytes.
fn read(folder: &dyn Folder, path: &str, most: usize) -> io::Result<Result<Vec<u8>, Fault>> {
    let mut bytes = Vec::new();
    Ok(read_into(folder, path, most, &mut bytes)?.map(|()| bytes))
}

fn read_into(
    folder: &dyn Folder,
    path: &str,
    most: usize,
    bytes: &mut Vec<u8>,
) -> io::Result<Result<(), Fault>> {
    bytes.clear();
    let Some(file) = folder.open(path)? else { return Ok(Err(Fault::Missing)) };
    file.take(most as u64 + 1).read_to_end(bytes)?;
    Ok(if bytes.len() > most { Err(Fault::TooLarge) } else { Ok(()) })
}

/// Reads the manifest and compares what it says with the signed head.
fn manifest(
    folder: &dyn Folder,
    head: Option<&Checkpoint>,
    findings: &mut Vec<Finding>,
) -> io::Result<Option<Manifest>> {
    let manifest = read(folder, MANIFEST, LARGEST_MANIFEST)?.and_then(|bytes| {
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| Fault::Manifest)?;
        // One spelling: spaces, an order or a number of another form are changes too.
        let mut again = serde_json::to_vec(&manifest).map_err(|_| Fault::Manifest)?;
        again.push(b'\n');
        let ascending = manifest.checkpoints.is_sorted_by(|a, b| a < b)
            && manifest.receipts.is_sorted_by(|a, b| a < b)
            && manifest.receipts.iter().all(|name| is_receipt_name(name));
        let right = head.is_none_or(|head| {
            (&manifest.origin, manifest.size, manifest.root) == (&head.origin, head.size, head.root)
        });
        let sound = again == bytes && ascending && right && manifest.format == FORMAT;
        if sound { Ok(manifest) } else { Err(Fault::Manifest) }
    });
    Ok(manifest.map_err(|fault| findings.push(Finding::of(MANIFEST, fault))).ok())
}

fn earlier(
    keys: &Keys,
    folder: &dyn Folder,
    sizes: &[u64],
    findings: &mut Vec<Finding>,
) -> io::Result<(Vec<Met>, u64)> {
    let (mut heads, mut cosignatures) = (Vec::new(), 0);
    for size in sizes {
        let path = checkpoint_path(*size);
        let opened = read(folder, &path, LARGEST_NOTE)?.and_then(|bytes| {
            let opened = keys.open(&bytes).map_err(Fault::Checkpoint)?;
            let cosigned = keys.cosigned(&opened).map_err(Fault::Checkpoint)?;
            if opened.head().size == *size { Ok((opened, cosigned.len())) } else { Err(Fault::Manifest) }
        });
        match opened {
            Ok((opened, cosigned)) => {
                let signer = keys.signer(&opened);
                heads.push(Met { size: *size, root: opened.head().root, file: path, signer });
                cosignatures += cosigned as u64;
            }
            Err(fault) if findings.len() < MOST_FINDINGS => findings.push(Finding::of(&path, fault)),
            Err(_) => {}
        }
    }
    Ok((heads, cosignatures))
}

/// A receipt on its own, and how many have cosigned its head. What it proves is held against the log in the pass.
/// `known` is the head that the last receipt was under: most are under the same, whose signatures need no second look.
fn receipt(
    keys: &Keys,
    folder: &dyn Folder,
    name: &str,
    known: &RwLock<Option<Proven>>,
) -> io::Result<Result<(Held, Met, u64), Fault>> {
    let path = receipt_path(name);
    let proven = read(folder, &path, LARGEST_RECEIPT)?.and_then(|bytes| {
        let receipt = Receipt::parse(&bytes).map_err(Fault::Receipt)?;
        let record = receipt.extra.as_deref().ok_or(Fault::ReceiptWithoutRecord)?;
        let before = known.read().unwrap_or_else(PoisonError::into_inner).clone();
        let proven = match before.filter(|before| *before.checkpoint.note() == receipt.note) {
            Some(before) => {
                receipt.is_under(before.checkpoint.head(), record).map_err(Fault::Receipt)?;
                before
            }
            None => {
                let proven = receipt.verify(keys, record).map_err(Fault::Receipt)?;
                *known.write().unwrap_or_else(PoisonError::into_inner) = Some(proven.clone());
                proven
            }
        };
        let head = proven.checkpoint.head();
        let signer = keys.signer(&proven.checkpoint);
        let met = Met { size: head.size, root: head.root, file: path.clone(), signer };
        let held = Held { index: receipt.index, leaf: leaf_hash(record), file: path.clone() };
        Ok((held, met, proven.cosigned.len() as u64))
    });
    Ok(proven)
}

#[cfg(test)]
mod handover_tests;
#[cfg(test)]
mod tests;
