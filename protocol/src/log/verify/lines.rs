//! Lines in batches, and the work on them that needs no order: hashing, parsing, laying out.

use std::io::{self, BufRead};

use rayon::prelude::*;

use super::{Fault, Parts};
use crate::log::{
    entry::{Entry, LARGEST_ENTRY},
    merkle::{TreeHash, leaf_hash},
    table,
    tiles::{WIDTH, bundle_record},
};

/// Lines read at once: 16 tiles.
const BATCH: usize = 16 * WIDTH as usize;

/// Lines as they are in the file, without their newlines.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// What is wrong with the line after the last one here, or (`OpenLine`) with the last one.
    pub(super) fault: Option<Fault>,
}

impl Batch {
    pub(super) const fn is_last(&self) -> bool {
        self.ends.len() < BATCH
    }

    /// Reads the next lines; fewer than [`BATCH`] only at the end or before a line that is too long.
    pub(super) fn read(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        self.bytes.clear();
        self.ends.clear();
        while self.ends.len() < BATCH {
            let start = self.bytes.len();
            // `Read::take` on the reference: the file goes on after the line.
            let mut line = io::Read::take(&mut *from, LARGEST_ENTRY as u64 + 1);
            if line.read_until(b'\n', &mut self.bytes)? == 0 {
                break;
            }
            if self.bytes.last() == Some(&b'\n') {
                self.bytes.pop();
            } else if self.bytes.len() - start > LARGEST_ENTRY {
                self.bytes.truncate(start);
                self.fault = Some(Fault::LineTooLong);
                break;
            } else {
                self.fault = Some(Fault::OpenLine);
            }
            self.ends.push(self.bytes.len());
        }
        Ok(())
    }

    /// Works on all lines, a tile's worth a task.
    pub(super) fn prepare(&self, parts: Parts) -> Vec<Chunk> {
        let work = |(at, ends): (usize, &[usize])| {
            let begin = if at == 0 { 0 } else { self.ends[at * WIDTH as usize - 1] };
            let mut chunk = Chunk::default();
            let bytes = ends.last().map_or(0, |end| end - begin);
            chunk.bundle.reserve(if parts.bundles { bytes + 2 * ends.len() } else { 0 });
            chunk.table.reserve(if parts.table { bytes } else { 0 });
            let mut start = begin;
            for end in ends {
                chunk.add(&self.bytes[start..*end], parts);
                start = *end;
            }
            chunk
        };
        self.ends.par_chunks(WIDTH as usize).enumerate().map(work).collect()
    }
}

/// What the lines of one tile come to.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) leaves: Vec<TreeHash>,
    /// `None` where the line is not a record.
    pub(super) entries: Vec<Option<Entry>>,
    /// The bundle that these lines make.
    pub(super) bundle: Vec<u8>,
    /// The rows of the table, up to the first line that is not a record, and where each ends.
    pub(super) table: String,
    pub(super) rows: Vec<usize>,
}

impl Chunk {
    fn add(&mut self, line: &[u8], parts: Parts) {
        self.leaves.push(leaf_hash(line));
        let entry: Option<Entry> = serde_json::from_slice(line).ok();
        if parts.bundles {
            // A line is never longer than a record may be, see `Batch::read`.
            let _ = bundle_record(&mut self.bundle, line);
        }
        if let Some(entry) = entry.as_ref().filter(|_| parts.table && self.rows.len() == self.entries.len()) {
            table::row(&mut self.table, entry);
            self.rows.push(self.table.len());
        }
        self.entries.push(entry);
    }
}
