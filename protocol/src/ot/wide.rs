//! OT-13, one of 256: the chooser has a byte, the sender a table of 256 entries of some bytes; the chooser gets its
//! entry.
//!
//! Two rows a look-up, for the high and the low nibble of the byte. With q and q′ of them the entry (h, l) is
//! under byte l of H(q ⊕ h·Δ) and byte h of H(q′ ⊕ l·Δ). The attack it stops is to take two entries: of any entry
//! but its own the chooser lacks the pad of one row or of the other, and that byte is used for no other entry, so
//! 255 entries are under 255 bytes it does not know (Naor and Pinkas, STOC 1999, section 3, for the form).

use std::sync::Arc;

use super::{
    field,
    lookup::REKEY,
    vole::{Batch, Chooser, Keeper, Symbols, due},
};
use crate::session::PeerMisbehaved;

/// Tells the hash's keys for wide look-ups from all others.
const USE: u128 = 5 << 120;

/// Entries of a table.
pub const ENTRIES: usize = 256;

/// Look-ups under one key of the hash.
const PART: usize = REKEY / 2;

/// A byte of each entry of a table: entry `16·h + l` is byte `l` of word `h`, counted from the lowest.
pub type Plane = [u128; 16];

/// The end that chooses.
#[derive(Clone)]
pub struct WideChooser(Arc<Chooser<1>>);

/// The end with the tables.
#[derive(Clone)]
pub struct WideSender(Arc<Keeper<1>>);

/// Look-ups that were asked for and not answered yet.
#[must_use]
pub struct PendingWide {
    choices: Vec<u8>,
    rows: Vec<[u128; 1]>,
    chooser: WideChooser,
    batch: Batch,
}

impl WideChooser {
    /// Bytes of its message for each look-up.
    pub const MESSAGE: usize = 32;

    /// On a correlation that may serve other uses too.
    pub fn new(chooser: impl Into<Arc<Chooser<1>>>) -> Self {
        Self(chooser.into())
    }

    /// Asks for one entry a byte; the message has 32 bytes for each.
    ///
    /// # Panics
    /// When the batch was used for codes before (OT-05).
    pub fn choose(&self, batch: Batch, choices: &[u8]) -> (Vec<u8>, PendingWide) {
        let code = |at: usize| [field::repeat(choices[at / 2] >> (4 * (!at & 1)) & 15)];
        let (message, rows) = self.0.encode_each(batch, 2 * choices.len(), code);
        (message, PendingWide { choices: choices.to_vec(), rows, chooser: self.clone(), batch })
    }
}

impl PendingWide {
    /// The entries of `B` bytes, the first the lowest, from the sender's message of 256·B bytes each.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    pub fn open<const B: usize>(self, tables: &[u8]) -> Result<Vec<[u8; B]>, PeerMisbehaved> {
        due(self.choices.len(), ENTRIES * B, tables)?;
        let hash = self.chooser.0.hash();
        let mut entries = vec![[0; B]; self.choices.len()];
        let mut pads = [0; REKEY];
        let parts = self.rows.chunks(REKEY).zip(self.choices.chunks(PART)).zip(entries.chunks_mut(PART));
        let parts = parts.zip(tables.chunks(ENTRIES * B * PART));
        for (part, (((rows, choices), entries), tables)) in parts.enumerate() {
            for byte in 0..B {
                let pads = &mut pads[..rows.len()];
                pads.copy_from_slice(rows.as_flattened());
                hash.at(place(self.batch, part, byte)).hash(pads);
                let tables = tables.as_chunks::<ENTRIES>().0.chunks_exact(B).map(|planes| &planes[byte]);
                let looked = choices.iter().zip(pads.as_chunks::<2>().0).zip(tables).zip(entries.iter_mut());
                for (((choice, [high, low]), table), entry) in looked {
                    let (h, l) = (choice >> 4, choice & 15);
                    let pad = (high >> (8 * l)) ^ (low >> (8 * h));
                    entry[byte] = (row_at(table, h) >> (8 * l) ^ pad) as u8;
                }
            }
        }
        Ok(entries)
    }
}

/// Word `h` of a plane. OT-10: all of it is read, whatever `h` is.
fn row_at(table: &[u8; ENTRIES], h: u8) -> u128 {
    let mut found = 0;
    for (number, row) in (0u8..).zip(table.as_chunks::<16>().0) {
        // All ones where the numbers are the same: both are below 16.
        let same = u64::from(number ^ h).wrapping_sub(1).cast_signed() >> 63;
        found |= u128::from_le_bytes(*row) & i128::from(same).cast_unsigned();
    }
    found
}

impl WideSender {
    /// On a correlation that may serve other uses too.
    pub fn new(keeper: impl Into<Arc<Keeper<1>>>) -> Self {
        Self(keeper.into())
    }

    /// Answers `count` look-ups in tables of entries of `B` bytes, from the chooser's message. The answer has 256·B
    /// bytes for each: for each byte of an entry 256 bytes, one an entry. `table` is asked for each table once, in
    /// order.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When the batch was used for codes before (OT-05).
    pub fn answer<const B: usize>(
        &self,
        batch: Batch,
        count: usize,
        message: &[u8],
        mut table: impl FnMut(usize) -> [Plane; B],
    ) -> Result<Vec<u8>, PeerMisbehaved> {
        let rows = self.0.rows(batch, count.saturating_mul(2), message)?;
        let (hash, multiples) = (self.0.hash(), field::multiples(self.0.delta()));
        let mut answer = vec![0; count * ENTRIES * B];
        let mut pads = vec![[0; 16]; REKEY];
        let parts = rows.chunks(REKEY).zip(answer.chunks_mut(ENTRIES * B * PART));
        for (part, (rows, answer)) in parts.enumerate() {
            let tables = answer.as_chunks_mut::<16>().0;
            for (number, out) in tables.chunks_exact_mut(16 * B).enumerate() {
                let planes = table(part * PART + number);
                for (out, word) in out.iter_mut().zip(planes.as_flattened()) {
                    *out = word.to_le_bytes();
                }
            }
            for byte in 0..B {
                let pads = &mut pads[..rows.len()];
                for (pads, [row]) in pads.iter_mut().zip(rows) {
                    *pads = multiples.map(|multiple| row ^ multiple);
                }
                hash.at(place(batch, part, byte)).hash(pads.as_flattened_mut());
                let tables =
                    tables.as_chunks_mut::<16>().0.chunks_exact_mut(B).map(|planes| &mut planes[byte]);
                for ([high, low], out) in pads.as_chunks::<2>().0.iter().zip(tables) {
                    let low = turned(low);
                    for h in 0..16 {
                        out[h] = (u128::from_le_bytes(out[h]) ^ high[h] ^ low[h]).to_le_bytes();
                    }
                }
            }
        }
        Ok(answer)
    }
}

/// Sixteen words of sixteen bytes, rows for columns: byte `l` of word `h` is byte `h` of word `l`.
fn turned(words: &Plane) -> Plane {
    let mut words = *words;
    for (step, mask) in [
        (8, 0x0000_0000_0000_0000_ffff_ffff_ffff_ffff),
        (4, 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff),
        (2, 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff),
        (1, 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff),
    ] {
        for k in (0..16).filter(|k| k & step == 0) {
            // High bytes of word k for low bytes of word k + step.
            let change = (words[k] >> (8 * step) ^ words[k + step]) & mask;
            words[k + step] ^= change;
            words[k] ^= change << (8 * step);
        }
    }
    words
}

/// The hash's key for a byte of the entries of a part of a batch.
const fn place(batch: Batch, part: usize, byte: usize) -> u128 {
    USE | batch.counter(Symbols::Nibbles) | ((byte as u128) << 40) | part as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ot::{ChooserSetup, Engine, KeeperSetup},
        secret::Secret,
    };

    fn pair(engine: Engine) -> (WideChooser, WideSender) {
        let (setup, first) = KeeperSetup::<1>::start_on(engine, b"wide", &Secret::new([1; 32]));
        let (chooser, second) =
            ChooserSetup::<1>::respond_on(engine, b"wide", &Secret::new([2; 32]), &first).unwrap();
        (WideChooser::new(chooser), WideSender::new(setup.finish(&second).unwrap()))
    }

    fn batch(slab: u32) -> Batch {
        Batch { stage: 9, slab }
    }

    /// Byte `byte` of entry `k` of table `at`.
    fn entry(at: usize, k: usize, byte: usize) -> u8 {
        ((at * 31 + k * 7 + byte * 101) as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3]
    }

    fn table<const B: usize>(at: usize) -> [Plane; B] {
        std::array::from_fn(|byte| {
            std::array::from_fn(|h| u128::from_le_bytes(std::array::from_fn(|l| entry(at, 16 * h + l, byte))))
        })
    }

    fn look_up<const B: usize>(engine: Engine, choices: &[u8]) -> (Vec<u8>, Vec<[u8; B]>) {
        let (chooser, sender) = pair(engine);
        let (asked, pending) = chooser.choose(batch(1), choices);
        assert_eq!(asked.len(), WideChooser::MESSAGE * choices.len());
        let answer = sender.answer::<B>(batch(1), choices.len(), &asked, table).unwrap();
        assert_eq!(answer.len(), ENTRIES * B * choices.len());
        let entries = pending.open::<B>(&answer).unwrap();
        (answer, entries)
    }

    #[test]
    fn ot_13_every_choice_gives_its_entry_and_no_other_is_readable() {
        // 600 are several keys of the hash and a part that is not full.
        let choices: Vec<u8> = (0..600).map(|at| at as u8).collect();
        let (answer, entries) = look_up::<1>(Engine::detect(), &choices);
        for (at, (choice, [found])) in choices.iter().zip(&entries).enumerate() {
            assert_eq!(*found, entry(at, usize::from(*choice), 0));
        }
        let (_, entries) = look_up::<4>(Engine::detect(), &choices[..300]);
        for (at, (choice, found)) in choices.iter().zip(&entries).enumerate() {
            assert_eq!(*found, std::array::from_fn(|byte| entry(at, usize::from(*choice), byte)));
        }
        // What the chooser's two pads do not open looks uniform: of 600 · 256 bytes each bit is set as often as not,
        // but for five standard deviations (once in 10⁶).
        let mut set = [0u32; 8];
        for (at, table) in answer.chunks(ENTRIES).enumerate() {
            for (k, byte) in table.iter().enumerate() {
                (0..8).for_each(|bit| set[bit] += u32::from((byte ^ entry(at, k, 0)) >> bit & 1));
            }
        }
        assert!(set.iter().all(|set| set.abs_diff(76_800) < 980), "{set:?}");
    }

    /// The pads of one look-up, all 256, are different bytes of different hashes: no two entries share one.
    #[test]
    fn ot_13_no_entry_lends_its_pad_to_another() {
        let words: Plane =
            std::array::from_fn(|h| u128::from_le_bytes(std::array::from_fn(|l| (16 * h + l) as u8)));
        for (h, word) in turned(&words).into_iter().enumerate() {
            assert_eq!(word.to_le_bytes(), std::array::from_fn(|l| (16 * l + h) as u8));
        }
    }

    #[test]
    fn ot_03_a_wide_answer_of_another_length_is_refused() {
        let (chooser, sender) = pair(Engine::detect());
        let (asked, pending) = chooser.choose(batch(2), &[1, 2, 3]);
        let short = sender.answer::<1>(batch(2), 3, &asked[1..], table).err();
        assert_eq!(short, Some(PeerMisbehaved::CountDiffers { expected: 96, got: 95 }));
        let answer = sender.answer::<1>(batch(2), 3, &asked, table).unwrap();
        let short = pending.open::<1>(&answer[1..]).err();
        assert_eq!(short, Some(PeerMisbehaved::CountDiffers { expected: 768, got: 767 }));
    }

    #[test]
    fn ot_11_the_portable_code_gives_the_same_wide_look_ups() {
        let choices: Vec<u8> = (0..300).map(|at| (at * 11) as u8).collect();
        assert_eq!(look_up::<1>(Engine::detect(), &choices), look_up::<1>(Engine::portable(), &choices));
    }
}
