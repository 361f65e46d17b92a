//! The head of the log on disk: how many bytes and records hold, and the signed checkpoint over them.
//!
//! Two slots take turns, so that one is whole whatever happens to the other while it is written. Every byte of a slot
//! stands under its hash. A slot that was being written when the power went is told from one whose bits rotted: the
//! latter differs in one bit from a slot that is right. One that was cut short never does, because the first and the
//! last byte that are written are never like the ones that they replace: what is half old and half new is far from both.

use sha2::{Digest, Sha256};

/// The format of the log and of its head.
pub(super) const FORMAT: u64 = 1;

/// Bytes of a slot: one sector, which most disks write whole or not at all.
pub(super) const SLOT: usize = 512;

/// From one slot to the next: no page, and no sector of a disk with large ones, belongs to both. In between are zeros.
const APART: usize = 4096;

/// Follows the first mark.
const TITLE: &str = " tacit ledger head ";

/// `sha256 `, 64 hex digits and a mark, at the end of a slot.
const SEAL: usize = 72;

/// The first and the last byte of a slot: any byte differs in four bits or more from one of these.
const MARKS: [u8; 2] = *b"U*";

/// A head: what is told to be durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Counts every head that was written; its parity is its slot.
    pub(super) generation: u64,
    /// Bytes of the log that it covers.
    pub(super) bytes: u64,
    /// The signed checkpoint, as a note.
    pub(super) note: String,
}

/// What a slot turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    /// A head.
    Whole(Head),
    /// Never written.
    Blank,
    /// Cut short while it was written, or overwritten with something else.
    Torn,
    /// Right but for one bit.
    Rotten,
    /// Of a later version.
    Newer(u64),
}

impl Head {
    /// Where in the file its slot begins.
    pub(super) const fn offset(&self) -> u64 {
        (self.generation % 2) * APART as u64
    }

    /// The bytes of its slot, which now ends with the byte `last`; `None` if the checkpoint is too long for it.
    pub(super) fn encode(&self, last: u8) -> Option<Vec<u8>> {
        let Self { generation, bytes, note } = self;
        let [one, other] = MARKS;
        let mark = if (one ^ last).count_ones() > 3 { one } else { other };
        let begin = char::from(mark);
        let text = format!("{begin}{TITLE}{FORMAT}\ngeneration {generation}\nbytes {bytes}\n\n{note}");
        let mut slot = text.into_bytes();
        if slot.len() > SLOT - SEAL {
            return None;
        }
        slot.resize(SLOT - SEAL, b'\n');
        let seal = seal(&slot, mark);
        slot.extend_from_slice(&seal);
        Some(slot)
    }

    fn parse(slot: &[u8]) -> Option<Self> {
        let (text, sealed) = slot.split_at_checked(SLOT - SEAL)?;
        let text = std::str::from_utf8(text).ok()?;
        let mark = *text.as_bytes().first()?;
        if !MARKS.contains(&mark) || seal(text.as_bytes(), mark) != *sealed {
            return None;
        }
        let rest = text[1..].strip_prefix(TITLE)?.strip_prefix("1\ngeneration ")?;
        let (generation, rest) = rest.split_once("\nbytes ")?;
        let (bytes, note) = rest.split_once("\n\n")?;
        // Trailing newlines are filler; a note ends with one.
        let note = format!("{}\n", note.trim_end_matches('\n'));
        Some(Self { generation: generation.parse().ok()?, bytes: bytes.parse().ok()?, note })
    }
}

impl Slot {
    /// Reads the slot at `place` (0 or 1).
    pub(super) fn read(slot: &[u8], place: u64) -> Self {
        if slot.iter().all(|byte| *byte == 0) {
            return Self::Blank;
        }
        if let Some(head) = Head::parse(slot) {
            return if head.generation % 2 == place { Self::Whole(head) } else { Self::Torn };
        }
        if is_rotten(slot) {
            return Self::Rotten;
        }
        match format(slot) {
            Some(format) if format > FORMAT => Self::Newer(format),
            _ => Self::Torn,
        }
    }
}

/// Both slots of a head file, missing bytes read as never written; a byte between them that is not zero rots both.
pub(super) fn read(file: &[u8]) -> [Slot; 2] {
    let (mut slots, mut between) = ([[0; SLOT]; 2], 0);
    for (at, byte) in file.iter().enumerate() {
        match slots.get_mut(at / APART).and_then(|slot| slot.get_mut(at % APART)) {
            Some(place) => *place = *byte,
            None => between |= byte,
        }
    }
    if between != 0 {
        return [Slot::Rotten, Slot::Rotten];
    }
    [Slot::read(&slots[0], 0), Slot::read(&slots[1], 1)]
}

fn seal(text: &[u8], mark: u8) -> [u8; SEAL] {
    let mut seal = [mark; SEAL];
    seal[..7].copy_from_slice(b"sha256 ");
    for (pair, byte) in seal[7..71].chunks_exact_mut(2).zip(Sha256::digest(text)) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    seal
}

/// The format that a slot claims to have.
fn format(slot: &[u8]) -> Option<u64> {
    let digits = slot.get(1..)?.strip_prefix(TITLE.as_bytes())?;
    let end = digits.iter().position(|byte| *byte == b'\n')?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// Whether one flipped bit makes a slot whole.
fn is_rotten(slot: &[u8]) -> bool {
    let Some((text, sealed)) = slot.split_at_checked(SLOT - SEAL) else { return false };
    let differing = |seal: [u8; SEAL]| -> u32 {
        seal.iter().zip(sealed).map(|(one, other)| (one ^ other).count_ones()).sum()
    };
    if differing(seal(text, text[0])) == 1 {
        return true;
    }
    // The rest of the seal has to be right then; and a slot that is half old and half new ends here.
    if sealed[..7] != *b"sha256 " || !MARKS.contains(&sealed[71]) || (text[0] ^ sealed[71]).count_ones() > 1 {
        return false;
    }
    let mut text = text.to_vec();
    // The hash of what stands before a byte is the same for its eight bits.
    let mut before = Sha256::new();
    for at in 0..text.len() {
        for bit in 0..8 {
            text[at] ^= 1 << bit;
            let hash = before.clone().chain_update(&text[at..]).finalize();
            let fits = text[0] == sealed[71]
                && sealed[7..71].chunks_exact(2).zip(hash).all(|(pair, byte)| hex(pair) == Some(byte));
            text[at] ^= 1 << bit;
            if fits {
                return true;
            }
        }
        before.update(&text[at..=at]);
    }
    false
}

fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    Some(digit(pair[0])? << 4 | digit(pair[1])?)
}
