//! The one pass over the records: the tree, the tiles, the heads, the receipts, the table and the book side by side.

use std::io::{self, BufRead, BufReader, Read};

use super::{
    Fault, Finding, Folder, Parts,
    lines::{Batch, Chunk},
    read_into,
    succession::{self, SignedBy},
};
use crate::log::{
    Entry,
    book::BookFault,
    checkpoint::{Checkpoint, Keys},
    export::{CHECKPOINT, LOG, TABLE},
    handover::Succession,
    merkle::{Frontier, TreeHash},
    table,
    tiles::{Holds, LARGEST_BUNDLE, LARGEST_TILE, Tile, Tiler, WIDTH, tile_bytes},
};

/// A head that must be on the way.
pub(super) struct Met {
    pub(super) size: u64,
    pub(super) root: TreeHash,
    pub(super) file: String,
    /// The place of its signer among the keys; `None` for a head that is only known.
    pub(super) signer: Option<usize>,
}

impl Met {
    pub(super) fn known(head: &Checkpoint) -> Self {
        Self {
            size: head.size,
            root: head.root,
            file: format!("the head of {} records that is known", head.size),
            signer: None,
        }
    }
}

/// A receipt that holds by itself.
pub(super) struct Held {
    pub(super) index: u64,
    pub(super) leaf: TreeHash,
    pub(super) file: String,
}

pub(super) struct Ended {
    pub(super) records: u64,
    pub(super) root: TreeHash,
    pub(super) heads: u64,
    pub(super) receipts: u64,
    pub(super) tiles: u64,
    pub(super) handovers: u64,
    pub(super) findings: Vec<Finding>,
}

/// What was found, with the index of the record where it was noticed: it counts only if nothing before explains it.
struct Noticed {
    index: u64,
    finding: Finding,
}

pub(super) struct Pass<'a> {
    folder: &'a dyn Folder,
    keys: &'a Keys,
    /// The signed head's size, and who has signed it.
    signed: Option<(u64, usize)>,
    succession: Succession,
    parts: Parts,
    target: Option<(u64, TreeHash)>,
    /// The tree of the records.
    tree: Frontier,
    /// The tree of the hashes in the tiles.
    stored: Tiler,
    /// Where the two part first.
    parted: Option<u64>,
    heads: Vec<Met>,
    heads_met: usize,
    covered: u64,
    receipts: Vec<Held>,
    receipts_met: usize,
    receipts_good: u64,
    rows: Option<BufReader<Box<dyn Read + Send>>>,
    /// For the file at hand, so that a million records do not ask for memory as often.
    buffer: Vec<u8>,
    tiles: u64,
    book_goes_on: bool,
    noticed: Vec<Noticed>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        folder: &'a dyn Folder,
        (keys, signed): (&'a Keys, Option<(u64, usize)>),
        parts: Parts,
        target: Option<(u64, TreeHash)>,
        mut heads: Vec<Met>,
        mut receipts: Vec<Held>,
    ) -> Self {
        heads.sort_by_key(|head| head.size);
        receipts.sort_by_key(|held| held.index);
        Self {
            folder,
            keys,
            signed,
            succession: Succession::default(),
            parts,
            target,
            tree: Frontier::new(),
            stored: Tiler::new(),
            parted: None,
            heads,
            heads_met: 0,
            covered: 0,
            receipts,
            receipts_met: 0,
            receipts_good: 0,
            rows: None,
            buffer: Vec::new(),
            tiles: 0,
            book_goes_on: true,
            noticed: Vec::new(),
        }
    }

    pub(super) fn run(
        mut self,
        book: &mut (dyn FnMut(&Entry) -> Result<(), BookFault> + Send),
    ) -> io::Result<Ended> {
        self.meet_heads();
        self.open_table()?;
        match self.folder.open(LOG)? {
            None => self.notice(0, Finding::of(LOG, Fault::Missing)),
            Some(log) => {
                let mut log = BufReader::with_capacity(1 << 18, log);
                let (parts, mut ready, mut batch) = (self.parts, Vec::new(), Batch::default());
                // One core prepares the next batch while another takes in this one.
                loop {
                    batch.read(&mut log)?;
                    let (prepared, taken) =
                        rayon::join(|| batch.prepare(parts), || self.take_in_all(&ready, book));
                    taken?;
                    ready = prepared;
                    if batch.is_last() {
                        self.take_in_all(&ready, book)?;
                        self.end_of_lines(batch.fault);
                        break;
                    }
                }
            }
        }
        self.rest_of_tiles()?;
        self.end_of_table()?;
        Ok(self.judge())
    }

    /// Of each fault the first in each file, and in each folder, is enough: a shifted log would bring as many as it
    /// has records.
    fn notice(&mut self, index: u64, finding: Finding) {
        let place = |file: &str| file.split('/').next().map(str::to_owned);
        let same = |before: &Noticed| {
            std::mem::discriminant(&before.finding.fault) == std::mem::discriminant(&finding.fault)
                && place(&before.finding.file) == place(&finding.file)
        };
        if !self.noticed.iter().any(same) {
            self.noticed.push(Noticed { index, finding });
        }
    }

    fn take_in_all(
        &mut self,
        chunks: &[Chunk],
        book: &mut (dyn FnMut(&Entry) -> Result<(), BookFault> + Send),
    ) -> io::Result<()> {
        chunks.iter().try_for_each(|chunk| self.take_in(chunk, book))
    }

    fn take_in(
        &mut self,
        chunk: &Chunk,
        book: &mut (dyn FnMut(&Entry) -> Result<(), BookFault> + Send),
    ) -> io::Result<()> {
        let first = self.tree.size();
        self.compare_tile(first / WIDTH, &chunk.leaves)?;
        self.compare_bundle(first / WIDTH, &chunk.bundle)?;
        for (leaf, entry) in chunk.leaves.iter().zip(&chunk.entries) {
            let index = self.tree.size();
            self.tree.push(*leaf);
            self.meet_heads();
            self.meet_receipts(index, leaf);
            match entry {
                None => {
                    self.notice(index, Finding::at(LOG, index + 1, Fault::Malformed));
                    self.book_goes_on = false;
                }
                Some(entry) => {
                    if let Err(fault) = self.succession.take(entry) {
                        self.notice(index, Finding::at(LOG, index + 1, Fault::Handover(fault)));
                    }
                    if self.book_goes_on
                        && let Err(fault) = book(entry)
                    {
                        self.notice(index, Finding::at(LOG, index + 1, Fault::Book(fault)));
                        self.book_goes_on = false;
                    }
                }
            }
        }
        self.compare_rows(first, chunk)
    }

    fn meet_heads(&mut self) {
        while let Some(head) = self.heads.get(self.heads_met).filter(|head| head.size == self.tree.size()) {
            if head.root == self.tree.root() {
                self.covered = head.size;
            } else {
                let finding = Finding::of(&head.file, Fault::Forked);
                self.notice(self.tree.size().saturating_sub(1), finding);
            }
            self.heads_met += 1;
        }
    }

    fn meet_receipts(&mut self, index: u64, leaf: &TreeHash) {
        while let Some(held) = self.receipts.get(self.receipts_met).filter(|held| held.index == index) {
            if held.leaf == *leaf {
                self.receipts_good += 1;
            } else {
                let finding = Finding::of(&held.file, Fault::ReceiptDiffers);
                self.notice(index, finding);
            }
            self.receipts_met += 1;
        }
    }

    fn read(&mut self, path: &str, most: usize) -> io::Result<Result<(), Fault>> {
        read_into(self.folder, path, most, &mut self.buffer)
    }

    /// Holds the leaves of one tile against the stored ones, and the stored ones against the tiles above.
    fn compare_tile(&mut self, number: u64, leaves: &[TreeHash]) -> io::Result<()> {
        let Some((size, _)) = self.target.filter(|_| self.parts.tiles) else { return Ok(()) };
        let Some(tile) = Tile::at(Holds::Hashes(0), number, size) else { return Ok(()) };
        let first = number * WIDTH;
        self.tiles += 1;
        let stored = self
            .read(&tile.to_string(), LARGEST_TILE)?
            .and_then(|()| tile.hashes(&self.buffer).map_err(|_| Fault::TileDiffers));
        let hashes = match &stored {
            Ok(hashes) => hashes,
            Err(fault) => {
                self.notice(first, Finding::of(&tile.to_string(), fault.clone()));
                // So that the tiles above are compared all the same.
                &leaves[..leaves.len().min(tile.width().into())]
            }
        };
        let same = hashes.iter().zip(leaves).take_while(|(stored, leaf)| stored == leaf).count();
        if self.parted.is_none() && (same < hashes.len() || same < leaves.len()) {
            self.parted = Some(first + same as u64);
        }
        let mut above = Vec::new();
        for hash in hashes {
            self.stored.push(*hash, |tile, hashes| {
                if tile.holds() != Holds::Hashes(0) {
                    above.push((tile, tile_bytes(hashes)));
                }
            });
        }
        above.into_iter().try_for_each(|(tile, bytes)| self.compare_above(tile, &bytes))
    }

    fn compare_above(&mut self, tile: Tile, expected: &[u8]) -> io::Result<()> {
        self.tiles += 1;
        let path = tile.to_string();
        let fault = match self.read(&path, LARGEST_TILE)? {
            Ok(()) if self.buffer == expected => return Ok(()),
            Ok(_) => Fault::TileDiffers,
            Err(fault) => fault,
        };
        let Holds::Hashes(level) = tile.holds() else { return Ok(()) };
        self.notice(tile.index() << (8 * u32::from(level) + 8), Finding::of(&path, fault));
        Ok(())
    }

    fn compare_bundle(&mut self, number: u64, expected: &[u8]) -> io::Result<()> {
        let Some((size, _)) = self.target.filter(|_| self.parts.bundles) else { return Ok(()) };
        let Some(tile) = Tile::at(Holds::Records, number, size) else { return Ok(()) };
        self.tiles += 1;
        let path = tile.to_string();
        let fault = match self.read(&path, LARGEST_BUNDLE)? {
            Ok(()) if self.buffer == expected => return Ok(()),
            Ok(_) => Fault::BundleDiffers,
            Err(fault) => fault,
        };
        self.notice(number * WIDTH, Finding::of(&path, fault));
        Ok(())
    }

    fn open_table(&mut self) -> io::Result<()> {
        if !self.parts.table {
            return Ok(());
        }
        match self.folder.open(TABLE)? {
            None => self.notice(0, Finding::of(TABLE, Fault::Missing)),
            Some(rows) => {
                self.rows = Some(BufReader::with_capacity(1 << 18, rows));
                if self.differs(table::HEADER.as_bytes())?.is_some() {
                    self.notice(0, Finding::of(TABLE, Fault::TableDiffers));
                    self.rows = None;
                }
            }
        }
        Ok(())
    }

    /// Where the next bytes of the table differ from what is expected.
    fn differs(&mut self, expected: &[u8]) -> io::Result<Option<usize>> {
        let Some(rows) = &mut self.rows else { return Ok(None) };
        let mut left = expected;
        while !left.is_empty() {
            let found = rows.fill_buf()?;
            let length = found.len().min(left.len());
            if length == 0 || found[..length] != left[..length] {
                let same = found.iter().zip(left).take_while(|(found, expected)| found == expected).count();
                return Ok(Some(expected.len() - left.len() + same));
            }
            rows.consume(length);
            left = &left[length..];
        }
        Ok(None)
    }

    fn compare_rows(&mut self, first: u64, chunk: &Chunk) -> io::Result<()> {
        if let Some(at) = self.differs(chunk.table.as_bytes())? {
            let row = chunk.rows.partition_point(|end| *end <= at) as u64;
            self.notice(first + row, Finding::at(TABLE, first + row + 1, Fault::TableDiffers));
            self.rows = None;
        }
        if chunk.rows.len() < chunk.entries.len() {
            // A line that is not a record has no row: from here on nothing can be expected.
            self.rows = None;
        }
        Ok(())
    }

    fn end_of_table(&mut self) -> io::Result<()> {
        if let Some(rows) = &mut self.rows
            && rows.read(&mut [0])? > 0
        {
            let index = self.tree.size();
            self.notice(index, Finding::at(TABLE, index + 1, Fault::TableDiffers));
        }
        Ok(())
    }

    fn end_of_lines(&mut self, fault: Option<Fault>) {
        let size = self.tree.size();
        match fault {
            Some(Fault::OpenLine) => {
                self.notice(size.saturating_sub(1), Finding::at(LOG, size.max(1), Fault::OpenLine));
            }
            Some(fault) => self.notice(size, Finding::at(LOG, size + 1, fault)),
            None => {}
        }
    }

    /// The tiles of records that the log no longer has, and the partial tiles above.
    fn rest_of_tiles(&mut self) -> io::Result<()> {
        let Some((size, _)) = self.target.filter(|_| self.parts.tiles) else { return Ok(()) };
        while self.stored.size() < size {
            let before = self.stored.size();
            self.compare_tile(before.div_ceil(WIDTH), &[])?;
            if self.stored.size() == before {
                break;
            }
        }
        let above: Vec<(Tile, Vec<u8>)> = self
            .stored
            .partial()
            .filter(|(tile, _)| tile.holds() != Holds::Hashes(0))
            .map(|(tile, hashes)| (tile, tile_bytes(hashes)))
            .collect();
        above.into_iter().try_for_each(|(tile, bytes)| self.compare_above(tile, &bytes))
    }

    /// Says which of records and tiles is right, and leaves out what merely follows.
    fn judge(mut self) -> Ended {
        let (records, root) = (self.tree.size(), self.tree.root());
        let met = self.heads.iter().filter_map(|head| {
            head.signer.map(|signer| SignedBy { file: &head.file, size: head.size, signer })
        });
        let newest = self.signed.map(|(size, signer)| SignedBy { file: CHECKPOINT, size, signer });
        let heads = newest.into_iter().chain(met);
        for (index, finding) in succession::judge(&self.succession, self.keys, records, heads) {
            self.notice(index, finding);
        }
        for head in self.heads.split_off(self.heads_met) {
            let finding = Finding::of(&head.file, Fault::OlderCopy { size: head.size });
            self.notice(records, finding);
        }
        for held in self.receipts.split_off(self.receipts_met) {
            let finding = Finding::of(&held.file, Fault::ReceiptDiffers);
            self.notice(records, finding);
        }
        let mut blamed = None;
        if let Some((size, target)) = self.target
            && (records, root) != (size, target)
        {
            let tiles_lead_there = self.stored.size() == size
                && self.stored.frontier().is_ok_and(|frontier| frontier.root() == target);
            let parted = self.parted.or_else(|| (records != size).then_some(records.min(size)));
            let (index, fault) = match parted.filter(|_| tiles_lead_there || records != size) {
                Some(index) if index >= records => (index, Fault::RecordMissing),
                Some(index) if index >= size => (index, Fault::RecordBeyondHead),
                Some(index) if tiles_lead_there => (index, Fault::RecordDiffers),
                _ => (self.covered, Fault::RootDiffers { after: self.covered }),
            };
            let finding = if matches!(fault, Fault::RootDiffers { .. }) {
                Finding::of(LOG, fault)
            } else {
                blamed = Some(index);
                Finding::at(LOG, index + 1, fault)
            };
            // It comes first: it is the cause.
            self.noticed.insert(0, Noticed { index, finding });
        } else if let Some(index) = self.parted
            && let Some(tile) = Tile::at(Holds::Hashes(0), index / WIDTH, records)
        {
            // The records lead to the signed root, so the tile is wrong, and with it nothing above it can be judged.
            self.noticed.retain(|noticed| noticed.finding.fault != Fault::TileDiffers);
            self.notice(index, Finding::of(&tile.to_string(), Fault::TileDiffers));
        }
        // After a record that differs, heads, receipts, rows and the book speak of another log.
        let causes = |noticed: &Noticed| {
            blamed.is_none_or(|blamed| {
                let bundle = noticed.finding.fault == Fault::BundleDiffers;
                let from = if bundle { blamed / WIDTH * WIDTH } else { blamed };
                let itself = noticed.finding.file == LOG && noticed.finding.seq == Some(blamed + 1);
                noticed.index < from || itself
            })
        };
        let findings = self.noticed.into_iter().filter(causes).map(|noticed| noticed.finding).collect();
        Ended {
            records,
            root,
            heads: self.heads_met as u64,
            receipts: self.receipts_good,
            tiles: self.tiles,
            handovers: (self.succession.before().len() + self.succession.found().len()) as u64,
            findings,
        }
    }
}
