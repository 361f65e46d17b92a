//! Reading the files: the head first, then every record that it covers, each under the book's rules and all of them
//! under the head's root.

use std::io::{self, BufRead, BufReader, Read};

use rayon::prelude::*;
use tacit_protocol::log::{
    Book, Entry, LARGEST_ENTRY,
    checkpoint::{Checkpoint, CheckpointFault, Keys, SignedCheckpoint},
    merkle::{self, Frontier, TreeHash},
    note::{Note, NoteFault},
};

use super::{
    LedgerError,
    disk::{Disk, Span, read_all},
    head::{self, FORMAT, Head, Slot},
    tower::Tower,
};

/// The records, a line each.
pub(super) const LOG: &str = "log";
/// The two slots of the head.
pub(super) const HEAD: &str = "head";
/// The records' hashes, 32 bytes each: no part of the truth, but what tells which record has changed.
pub(super) const LEAVES: &str = "leaves";

/// How much of the log is read at once.
const CHUNK: usize = 1 << 20;

/// Records that are read ahead of those that are booked, and how many of them are a task of their own.
const BATCH: usize = 4_096;
const TASK: usize = 256;

/// What the records add up to.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    pub(super) book: Book,
    pub(super) frontier: Frontier,
    pub(super) tower: Tower,
    /// Where each record's line ends, newline and all.
    pub(super) ends: Vec<u64>,
}

/// Why a line is no next record.
pub(super) const UNREADABLE: &str = "a record does not read";
const UNRULY: &str = "a record does not follow from the ones before";

impl Replayed {
    /// Bytes of the log so far.
    pub(super) fn bytes(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Takes the next line, without its newline; nothing has changed if it is none.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<Entry, &'static str> {
        let parsed = Parsed::of(line);
        self.take_parsed(&parsed)?;
        parsed.entry.ok_or(UNREADABLE)
    }

    fn take_parsed(&mut self, line: &Parsed) -> Result<(), &'static str> {
        let entry = line.entry.as_ref().ok_or(UNREADABLE)?;
        self.book.apply(entry).map_err(|_| UNRULY)?;
        self.frontier.push(line.leaf);
        self.tower.push(line.leaf);
        self.ends.push(self.bytes() + line.bytes + 1);
        Ok(())
    }
}

/// A line, as far as it can be read without those before it.
struct Parsed {
    entry: Option<Entry>,
    leaf: TreeHash,
    bytes: u64,
}

impl Parsed {
    fn of(line: &[u8]) -> Self {
        let entry = serde_json::from_slice(line).ok();
        Self { entry, leaf: merkle::leaf_hash(line), bytes: line.len() as u64 }
    }
}

/// One line of the log.
pub(super) enum Line {
    /// With its newline, which is not in the buffer.
    Whole,
    /// Without one, or longer than a record can be.
    Cut,
    /// There is no more.
    End,
}

/// Reads one line into an emptied buffer.
pub(super) fn next_line<R: BufRead>(reader: &mut R, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    reader.take(LARGEST_ENTRY as u64 + 1).read_until(b'\n', line)?;
    Ok(match line.last() {
        None => Line::End,
        Some(b'\n') => {
            line.pop();
            Line::Whole
        }
        Some(_) => Line::Cut,
    })
}

/// A part of the log, read in large pieces.
pub(super) fn lines<D: Disk>(disk: &mut D, at: u64, end: u64) -> BufReader<Span<'_, D>> {
    // A group of a few records needs no large buffer.
    let room = usize::try_from(end.saturating_sub(at)).map_or(CHUNK, |bytes| bytes.clamp(1, CHUNK));
    BufReader::with_capacity(room, Span { disk, name: LOG, at, end: end.max(at) })
}

/// The newer of the two heads.
pub(super) struct Newest {
    pub(super) head: Head,
    /// The other slot is neither the head before nor, at the very beginning, blank.
    pub(super) other_torn: bool,
}

/// Finds the newest head; `None` where none was ever finished.
pub(super) fn newest<D: Disk>(disk: &mut D) -> Result<Option<Newest>, LedgerError> {
    let slots = head::read(&read_all(disk, HEAD).map_err(LedgerError::Unopened)?);
    for slot in &slots {
        match slot {
            Slot::Newer(found) => return Err(LedgerError::Newer { found: *found, known: FORMAT }),
            Slot::Rotten => return Err(LedgerError::damaged(None, "a bit of its head has changed")),
            Slot::Whole(_) | Slot::Blank | Slot::Torn => {}
        }
    }
    let [first, second] = slots;
    Ok(match (first, second) {
        (Slot::Whole(one), Slot::Whole(other)) => {
            if one.generation.abs_diff(other.generation) != 1 {
                return Err(LedgerError::damaged(None, "its two heads do not follow each other"));
            }
            let head = if one.generation > other.generation { one } else { other };
            Some(Newest { head, other_torn: false })
        }
        (Slot::Whole(head), other) | (other, Slot::Whole(head)) => {
            let other_torn = other != Slot::Blank || head.generation > 0;
            Some(Newest { head, other_torn })
        }
        _ => None,
    })
}

/// The checkpoint of a head, if the key in force has signed it.
pub(super) fn signed(head: &Head, keys: &Keys) -> Result<SignedCheckpoint, LedgerError> {
    keys.open(head.note.as_bytes()).map_err(|fault| match fault {
        // Somebody has signed under this node's name: a key that followed the one that is here.
        CheckpointFault::Note(NoteFault::NotSignedBy) if is_ours(head, keys) => LedgerError::KeyRetired,
        _ => LedgerError::damaged(None, "its head is not signed by this node's key"),
    })
}

fn is_ours(head: &Head, keys: &Keys) -> bool {
    let note = Note::parse(head.note.as_bytes());
    note.is_ok_and(|note| note.signatures().iter().any(|line| line.name() == keys.origin))
}

/// Every record that a head covers, and nothing else.
pub(super) fn covered<D: Disk>(
    disk: &mut D,
    head: &Head,
    checkpoint: &Checkpoint,
    mut each: impl FnMut(&Entry) + Send,
) -> Result<Replayed, LedgerError> {
    if disk.size(LOG).map_err(LedgerError::Unopened)?.is_none() {
        return Err(LedgerError::damaged(Some(1), "the log is gone"));
    }
    let mut replayed = Replayed::default();
    let mut reader = lines(disk, 0, head.bytes);
    let (mut batch, mut ready, mut problem) = (Vec::new(), Vec::new(), None);
    // Reading a record needs no order, booking it does: one core reads ahead while another books.
    loop {
        let end = next_batch(&mut reader, &mut batch).map_err(LedgerError::Unopened)?;
        let (parsed, booked) = rayon::join(|| parse(&batch), || book_all(&mut replayed, &ready, &mut each));
        problem = problem.or(booked);
        ready = parsed;
        if let Some(end) = end {
            problem = problem.or_else(|| book_all(&mut replayed, &ready, &mut each));
            problem = problem.or(matches!(end, Line::Cut).then_some(UNREADABLE));
            break;
        }
        if problem.is_some() {
            break;
        }
    }
    drop(reader);
    let whole = replayed.frontier.size() == checkpoint.size
        && replayed.frontier.root() == checkpoint.root
        && replayed.bytes() == head.bytes;
    match problem {
        None if whole => Ok(replayed),
        _ => {
            let read_until = problem.map(|_| replayed.frontier.size() + 1);
            let problem = problem.unwrap_or("the records are not those that its head covers");
            let seq = first_changed(disk, head, checkpoint).map_err(LedgerError::Unopened)?.or(read_until);
            Err(LedgerError::damaged(seq, problem))
        }
    }
}

/// Reads the next lines; how they end, if they do.
fn next_batch(reader: &mut impl BufRead, batch: &mut Vec<Vec<u8>>) -> io::Result<Option<Line>> {
    batch.clear();
    while batch.len() < BATCH {
        let mut line = Vec::new();
        match next_line(reader, &mut line)? {
            Line::Whole => batch.push(line),
            end => return Ok(Some(end)),
        }
    }
    Ok(None)
}

fn parse(batch: &[Vec<u8>]) -> Vec<Parsed> {
    batch.par_iter().with_min_len(TASK).map(|line| Parsed::of(line)).collect()
}

/// Books lines, up to the first that cannot be.
fn book_all(
    replayed: &mut Replayed,
    lines: &[Parsed],
    each: &mut impl FnMut(&Entry),
) -> Option<&'static str> {
    for line in lines {
        if let Err(problem) = replayed.take_parsed(line) {
            return Some(problem);
        }
        line.entry.iter().for_each(&mut *each);
    }
    None
}

/// The first record whose hash is not the one that was kept beside it, if what was kept is what the head covers.
fn first_changed<D: Disk>(disk: &mut D, head: &Head, checkpoint: &Checkpoint) -> io::Result<Option<u64>> {
    let kept = read_all(disk, LEAVES)?;
    let size = usize::try_from(checkpoint.size).unwrap_or(usize::MAX);
    let kept: Vec<TreeHash> =
        kept.as_chunks::<32>().0.iter().take(size).copied().map(TreeHash::new).collect();
    if kept.len() != size || merkle::root(&kept) != checkpoint.root {
        return Ok(None);
    }
    let mut reader = lines(disk, 0, head.bytes);
    let mut line = Vec::new();
    for (index, leaf) in kept.iter().enumerate() {
        let same =
            matches!(next_line(&mut reader, &mut line)?, Line::Whole) && merkle::leaf_hash(&line) == *leaf;
        if !same {
            return Ok(Some(index as u64 + 1));
        }
    }
    Ok(None)
}
