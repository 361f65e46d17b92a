//! Everything that an auditor needs, in a folder that stands alone.
//!
//! The layout is that of [`export`](tacit_protocol::log::export), which anybody's program can read and verify,
//! with two folders more: `contracts/`, the signed contracts, each of which proves itself; and `witnessed/`, the
//! newest heads of partners' logs that this node has cosigned, by which a log that was rewritten since is found
//! out. The attack this stops is the folder that nobody can check without its author. It holds no data of
//! customers and no secret.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::Path,
};

use tacit_protocol::log::{
    Entry, Kind,
    checkpoint::{Keys, SignedCheckpoint},
    export::{ExportFault, Exporter, Manifest},
    merkle::{MerkleFault, TreeHash, inclusion_proof, leaf_hash, node_hash},
    proof::Receipt,
};

use super::{
    AuditError,
    source::{CONTRACTS, WITNESSED},
};

/// What goes into an export.
#[derive(Debug, Clone, Copy)]
pub struct Package<'a> {
    /// The records' bytes, as many as the head covers.
    pub lines: &'a [Vec<u8>],
    /// The head, signed and cosigned.
    pub head: &'a SignedCheckpoint,
    /// Earlier heads that partners have cosigned.
    pub earlier: &'a [SignedCheckpoint],
    /// Whom to believe.
    pub keys: &'a Keys,
    /// Signed contracts as (file name, JSON).
    pub contracts: &'a [(String, String)],
    /// Heads of partners' logs that the node has cosigned.
    pub witnessed: &'a [Vec<u8>],
}

/// The tree over all records, for making many proofs.
#[derive(Debug)]
pub struct Tree {
    levels: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// Over these leaves; holds twice as many hashes as those.
    pub fn new(lines: &[Vec<u8>]) -> Self {
        let mut levels: Vec<Vec<TreeHash>> = vec![lines.iter().map(|line| leaf_hash(line)).collect()];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// A receipt for the record `seq` under a head.
    ///
    /// # Errors
    /// [`AuditError::NotCovered`].
    pub fn receipt(&self, seq: u64, line: &[u8], head: &SignedCheckpoint) -> Result<Receipt, AuditError> {
        let uncovered = || AuditError::NotCovered { record: seq };
        let index = seq.checked_sub(1).ok_or_else(uncovered)?;
        let size = head.head().size;
        let mut subtree = |level: u8, index: u64| {
            let hashes = self.levels.get(usize::from(level));
            let hash = usize::try_from(index).ok().and_then(|index| hashes?.get(index).copied());
            hash.ok_or(MerkleFault::OutsideTree { at: index, size })
        };
        let proof = inclusion_proof(index, size, &mut subtree).map_err(|_| uncovered())?;
        Ok(Receipt::new(line, index, proof, head))
    }
}

/// Writes the folder, which must not be there yet. The manifest comes last: a folder without one is not whole.
///
/// # Errors
/// [`AuditError::Unwritable`]; [`AuditError::Malformed`] where the records are not those that the head covers.
pub fn write(folder: &Path, package: &Package) -> Result<Manifest, AuditError> {
    let Package { lines, head, earlier, keys, contracts, witnessed } = package;
    let unwritable = |source| AuditError::Unwritable { path: folder.to_owned(), source };
    fs::create_dir(folder).map_err(unwritable)?;
    extra(&folder.join(CONTRACTS), contracts.iter().map(|(name, text)| (name.clone(), text.as_bytes())))?;
    let numbered =
        witnessed.iter().enumerate().map(|(index, note)| ((index + 1).to_string(), note.as_slice()));
    extra(&folder.join(WITNESSED), numbered)?;
    let failed = |fault| match fault {
        ExportFault::Write(source) => unwritable(source),
        other => AuditError::Malformed { path: folder.to_owned(), problem: other.to_string() },
    };
    let mut exporter = Exporter::new(|path: &str, bytes: &[u8]| append(&folder.join(path), bytes));
    let tree = Tree::new(lines);
    let (mut receipts, mut named) = (Vec::new(), BTreeSet::new());
    for (line, seq) in lines.iter().zip(1..) {
        exporter.push(line).map_err(failed)?;
        // An id has one answer; a second one is a fault that verifying tells.
        if let Some(query) = answered(line).filter(|query| named.insert(query.clone())) {
            receipts.push((query, tree.receipt(seq, line, head)?));
        }
    }
    exporter.finish(keys, head, earlier, &receipts).map_err(failed)
}

/// The question that a record answers.
fn answered(line: &[u8]) -> Option<String> {
    let entry: Entry = serde_json::from_slice(line).ok()?;
    (entry.kind == Kind::Answer).then(|| entry.query.map(|id| id.to_string())).flatten()
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)
}

fn extra<'b>(folder: &Path, files: impl Iterator<Item = (String, &'b [u8])>) -> Result<(), AuditError> {
    fs::create_dir(folder).map_err(|source| AuditError::Unwritable { path: folder.to_owned(), source })?;
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(|source| AuditError::Unwritable { path, source })?;
    }
    Ok(())
}
