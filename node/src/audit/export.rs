//! Everything that an auditor needs, in a folder that stands alone.
//!
//! ```text
//!   manifest.json   what this is: format, node, size, root, when it was made
//!   log.jsonl       the records; each line, without its end, is a leaf of the tree
//!   log.csv         the same for spreadsheets
//!   checkpoint      the newest head, signed by the node and cosigned by its partners
//!   keys.json       whom to believe; hold it against what you know from elsewhere
//!   tile/           the tree (c2sp.org/tlog-tiles)
//!   receipts/       a proof for every answered question (c2sp.org/tlog-proof)
//!   contracts/      the signed contracts
//!   witnessed/      the newest heads of partners' logs that this node has cosigned
//! ```
//!
//! The attack this stops is the folder that nobody can check without its author: every file here follows from
//! the records, the keys and the signatures, or proves itself. It holds no data of customers and no secret.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use tacit_protocol::log::{
    Entry, Kind,
    checkpoint::{Keys, SignedCheckpoint},
    merkle::{MerkleFault, TreeHash, inclusion_proof, leaf_hash, node_hash},
    proof::Receipt,
    tiles::{Holds, Tile, Tiler, bundle_record, tile_bytes},
};

use super::{
    AuditError, escape,
    source::{CONTRACTS, RECORDS, Records},
};

/// The format of the folder.
pub const FORM: &str = "tacit-log-export/1";

/// What goes into an export.
pub struct Package<'a> {
    /// The records that the head covers.
    pub records: &'a Records,
    /// The head, signed and cosigned.
    pub head: &'a SignedCheckpoint,
    /// Whom to believe.
    pub keys: &'a Keys,
    /// Signed contracts as (file name, JSON).
    pub contracts: Vec<(String, String)>,
    /// Heads of partners' logs that the node has cosigned.
    pub witnessed: &'a [Vec<u8>],
    /// When it is made.
    pub now: jiff::Timestamp,
}

/// The tree over all records, for making many proofs.
pub struct Tree {
    levels: Vec<Vec<TreeHash>>,
}

impl Tree {
    /// Over these leaves; twice as many hashes as those.
    pub fn new(lines: &[Vec<u8>]) -> Self {
        let mut levels: Vec<Vec<TreeHash>> = vec![lines.iter().map(|line| leaf_hash(line)).collect()];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// The hashes of the records.
    pub fn leaves(&self) -> &[TreeHash] {
        self.levels.first().map_or(&[], Vec::as_slice)
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
/// [`AuditError::Unwritable`].
pub fn write(folder: &Path, package: &Package) -> Result<(), AuditError> {
    let Package { records, head, keys, contracts, witnessed, now } = package;
    make(folder)?;
    let mut text = Vec::new();
    for line in &records.lines {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    put(&folder.join(RECORDS), &text)?;
    put(&folder.join("log.csv"), table(&records.entries).as_bytes())?;
    put(&folder.join("checkpoint"), head.note().to_string().as_bytes())?;
    put(&folder.join("keys.json"), format!("{:#}\n", json!(keys)).as_bytes())?;
    let tree = Tree::new(&records.lines);
    tiles(folder, &tree, records)?;
    let folder_of_receipts = folder.join("receipts");
    make(&folder_of_receipts)?;
    let mut receipts = 0;
    for (entry, line) in records.entries.iter().zip(&records.lines) {
        let (Kind::Answer, Some(query)) = (entry.kind, entry.query) else { continue };
        let receipt = tree.receipt(entry.seq, line, head)?;
        put(&folder_of_receipts.join(format!("{query}.tlog-proof")), receipt.to_string().as_bytes())?;
        receipts += 1;
    }
    make(&folder.join(CONTRACTS))?;
    for (name, document) in contracts {
        put(&folder.join(CONTRACTS).join(name), document.as_bytes())?;
    }
    make(&folder.join("witnessed"))?;
    for (index, note) in witnessed.iter().enumerate() {
        put(&folder.join("witnessed").join((index + 1).to_string()), note)?;
    }
    let manifest = json!({
        "format": FORM,
        "origin": head.head().origin,
        "records": head.head().size,
        "root": head.head().root,
        "receipts": receipts,
        "contracts": contracts.len(),
        "made": now,
        "made_by": concat!("tacit ", env!("CARGO_PKG_VERSION")),
    });
    put(&folder.join("manifest.json"), format!("{manifest:#}\n").as_bytes())
}

fn tiles(folder: &Path, tree: &Tree, records: &Records) -> Result<(), AuditError> {
    let mut failed = Ok(());
    let mut keep = |tile: Tile, bytes: &[u8]| {
        if failed.is_ok() {
            failed = place(folder, &tile, bytes);
        }
    };
    let mut tiler = Tiler::default();
    for leaf in tree.leaves() {
        tiler.push(*leaf, |tile, hashes| keep(tile, &tile_bytes(hashes)));
    }
    for (tile, hashes) in tiler.partial() {
        keep(tile, &tile_bytes(hashes));
    }
    let size = records.lines.len() as u64;
    for (index, lines) in records.lines.chunks(256).enumerate() {
        let mut bundle = Vec::new();
        // Records were held against the limit when they were read.
        let fits = lines.iter().all(|line| bundle_record(&mut bundle, line).is_ok());
        if let (true, Some(tile)) = (fits, Tile::at(Holds::Records, index as u64, size)) {
            keep(tile, &bundle);
        }
    }
    failed
}

fn place(folder: &Path, tile: &Tile, bytes: &[u8]) -> Result<(), AuditError> {
    let path = folder.join(tile.to_string());
    let parent: PathBuf = path.parent().map_or_else(|| folder.to_owned(), Path::to_owned);
    fs::create_dir_all(&parent).map_err(|source| AuditError::Unwritable { path: parent, source })?;
    put(&path, bytes)
}

fn make(folder: &Path) -> Result<(), AuditError> {
    fs::create_dir(folder).map_err(|source| AuditError::Unwritable { path: folder.to_owned(), source })
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), AuditError> {
    fs::write(path, bytes).map_err(|source| AuditError::Unwritable { path: path.to_owned(), source })
}

/// The records as CSV (RFC 4180).
pub fn table(entries: &[Entry]) -> String {
    let mut table = "seq,time,kind,query,contract,partner,what,body\r\n".to_owned();
    for entry in entries {
        let cells = [
            entry.seq.to_string(),
            escape::csv(&entry.time),
            entry.kind.name().to_owned(),
            entry.query.map_or_else(String::new, |id| id.to_string()),
            entry.contract.map_or_else(String::new, |id| id.to_string()),
            escape::csv(entry.partner.as_deref().unwrap_or_default()),
            escape::csv(&entry.what),
            // JSON shows its own control characters; only quotes have to be doubled.
            format!("\"{}\"", entry.body.to_string().replace('"', "\"\"")),
        ];
        table.push_str(&cells.join(","));
        table.push_str("\r\n");
    }
    table
}
