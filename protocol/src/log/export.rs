//! A log as a folder that anybody can verify alone: its layout, and how it is written.
//!
//! ```text
//!   manifest.json            what is in the folder
//!   keys.json                whom to believe: the log's keys, the partners' (get them from the partners, not from here)
//!   checkpoint               the signed head, with the cosignatures
//!   checkpoints/<size>       earlier heads
//!   log.jsonl                the records, one a line: the exact bytes of the leaves
//!   log.csv                  the same as a table
//!   tile/<L>/<N>[.p/<W>]     the tree's hashes (C2SP tlog-tiles)
//!   tile/entries/<N>[.p/<W>] the records again, as others' tools read them
//!   receipts/<name>.tlog-proof
//! ```

use std::io;

use serde::{Deserialize, Serialize};

use super::{
    checkpoint::{Keys, SignedCheckpoint},
    entry::{Entry, LARGEST_ENTRY},
    merkle::{Frontier, TreeHash, leaf_hash},
    proof::Receipt,
    table,
    tiles::{Holds, Tile, TileFault, Tiler, WIDTH, bundle_record, tile_bytes},
};

/// The format that the manifest names.
pub const FORMAT: &str = "tacit.export/1";
/// What is in the folder.
pub const MANIFEST: &str = "manifest.json";
/// Whom to believe.
pub const KEYS: &str = "keys.json";
/// The signed head.
pub const CHECKPOINT: &str = "checkpoint";
/// The records.
pub const LOG: &str = "log.jsonl";
/// The records as a table.
pub const TABLE: &str = "log.csv";

/// The path of an earlier head.
pub fn checkpoint_path(size: u64) -> String {
    format!("checkpoints/{size}")
}

/// The path of a receipt.
pub fn receipt_path(name: &str) -> String {
    format!("receipts/{name}.tlog-proof")
}

/// Whether a receipt may have this name: 1 to 80 lower-case letters, digits and hyphens, so that it is no path.
pub fn is_receipt_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=80).contains(&name.len()) && name.bytes().all(plain)
}

/// What is in the folder. It is not signed: what it says is compared with what is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// Which log.
    pub origin: String,
    /// Records.
    pub size: u64,
    /// The root over them.
    pub root: TreeHash,
    /// Sizes of the earlier heads, ascending.
    pub checkpoints: Vec<u64>,
    /// Names of the receipts, ascending.
    pub receipts: Vec<String>,
}

/// Why a folder was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportFault {
    /// The folder did not take it.
    #[error("the export cannot be written")]
    Write(#[from] io::Error),
    /// A line that is not a record, has a newline in it or is too long.
    #[error("line {seq} is not a record of the log")]
    NotARecord {
        /// Which line, from 1.
        seq: u64,
    },
    /// The records are not those that the head covers.
    #[error("the records are not those that the head covers")]
    HeadDiffers,
    /// A receipt's name that could be a path, or one that is there twice.
    #[error("a receipt's name has 1 to 80 lower-case letters, digits and hyphens, and is there once")]
    ReceiptName,
}

impl From<TileFault> for ExportFault {
    fn from(_: TileFault) -> Self {
        Self::HeadDiffers
    }
}

/// Where an export goes: bytes for the end of the file at this path, below the folder.
pub trait Sink {
    /// Appends; the first call for a path makes the file and its folders.
    ///
    /// # Errors
    ///
    /// The folder does not take it.
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
}

impl<F: FnMut(&str, &[u8]) -> io::Result<()>> Sink for F {
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self(path, bytes)
    }
}

/// Writes an export record by record; it holds at most 256 of them at a time.
#[derive(Debug)]
pub struct Exporter<S> {
    sink: S,
    tree: Frontier,
    tiler: Tiler,
    lines: Vec<u8>,
    table: String,
    bundle: Vec<u8>,
}

impl<S: Sink> Exporter<S> {
    /// An export of no records yet.
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            tree: Frontier::new(),
            tiler: Tiler::new(),
            lines: Vec::new(),
            table: table::HEADER.to_owned(),
            bundle: Vec::new(),
        }
    }

    /// Adds the next record: its line without the newline.
    ///
    /// # Errors
    ///
    /// A line that is no record; whatever the sink refuses.
    pub fn push(&mut self, record: &[u8]) -> Result<(), ExportFault> {
        let fault = ExportFault::NotARecord { seq: self.tree.size() + 1 };
        if record.len() > LARGEST_ENTRY || record.contains(&b'\n') {
            return Err(fault);
        }
        let Ok(entry) = serde_json::from_slice::<Entry>(record) else { return Err(fault) };
        self.lines.extend_from_slice(record);
        self.lines.push(b'\n');
        table::row(&mut self.table, &entry);
        bundle_record(&mut self.bundle, record)?;
        let leaf = leaf_hash(record);
        self.tree.push(leaf);
        let mut written = Ok(());
        let sink = &mut self.sink;
        self.tiler.push(leaf, |tile, hashes| {
            if written.is_ok() {
                written = sink.append(&tile.to_string(), &tile_bytes(hashes));
            }
        });
        written?;
        if self.tree.size().is_multiple_of(WIDTH) { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ExportFault> {
        let size = self.tree.size();
        if let Some(bundle) =
            size.checked_sub(1).and_then(|last| Tile::at(Holds::Records, last / WIDTH, size))
            && !self.bundle.is_empty()
        {
            self.sink.append(&bundle.to_string(), &self.bundle)?;
        }
        self.sink.append(LOG, &self.lines)?;
        self.sink.append(TABLE, self.table.as_bytes())?;
        self.bundle.clear();
        self.lines.clear();
        self.table.clear();
        Ok(())
    }

    /// Writes what is left: the partial tiles, the heads, the receipts, the keys and the manifest.
    ///
    /// # Errors
    ///
    /// A head that does not cover these records; a receipt's name; whatever the sink refuses.
    pub fn finish(
        mut self,
        keys: &Keys,
        head: &SignedCheckpoint,
        earlier: &[SignedCheckpoint],
        receipts: &[(String, Receipt)],
    ) -> Result<Manifest, ExportFault> {
        let (size, root) = (self.tree.size(), self.tree.root());
        if head.head().size != size || head.head().root != root {
            return Err(ExportFault::HeadDiffers);
        }
        self.flush()?;
        for (tile, hashes) in self.tiler.partial() {
            self.sink.append(&tile.to_string(), &tile_bytes(hashes))?;
        }
        let mut checkpoints: Vec<(u64, &SignedCheckpoint)> = earlier
            .iter()
            .map(|note| (note.head().size, note))
            .filter(|(before, _)| *before < size)
            .collect();
        checkpoints.sort_by_key(|(size, _)| *size);
        checkpoints.dedup_by_key(|(size, _)| *size);
        for (size, checkpoint) in &checkpoints {
            self.sink.append(&checkpoint_path(*size), checkpoint.note().to_string().as_bytes())?;
        }
        let mut names: Vec<&String> = receipts.iter().map(|(name, _)| name).collect();
        names.sort();
        if names.iter().any(|name| !is_receipt_name(name)) || names.windows(2).any(|pair| pair[0] == pair[1])
        {
            return Err(ExportFault::ReceiptName);
        }
        for (name, receipt) in receipts {
            self.sink.append(&receipt_path(name), receipt.to_string().as_bytes())?;
        }
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            origin: head.head().origin.clone(),
            size,
            root,
            checkpoints: checkpoints.iter().map(|(size, _)| *size).collect(),
            receipts: names.into_iter().cloned().collect(),
        };
        self.sink.append(CHECKPOINT, head.note().to_string().as_bytes())?;
        self.sink.append(KEYS, &json(keys)?)?;
        // The manifest comes last: without it the folder is not an export.
        self.sink.append(MANIFEST, &json(&manifest)?)?;
        Ok(manifest)
    }
}

fn json<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(value).map_err(io::Error::other)?;
    text.push(b'\n');
    Ok(text)
}
