//! From match keys to items: 16 bytes that mean something in this run only.
//!
//! The attack this stops: items of one run that are looked for in another, and items chosen so that they crowd a few
//! bins. The key of the hash comes from both ends' random values, which neither knew when it fixed its rows
//! (JOIN-04).

use rayon::prelude::*;

use super::{draws::Draws, params::NAME};
use crate::{session::PeerMisbehaved, transcript::Transcript};

/// Items at a time on one core.
const CHUNK: usize = 4096;

/// The seeker's: every row has an item in every table; where it has no such key, one that nobody has (JOIN-05).
pub(super) fn of_seeker(
    common: &[u8; 32],
    kind: u32,
    column: &[Option<[u8; 32]>],
    draws: &Draws,
) -> Vec<[u8; 16]> {
    let (hash, nobody) = (key(common, kind), draws.seed("no key", kind));
    let item = |(row, digest): (usize, &Option<[u8; 32]>)| match digest {
        Some(digest) => item(&hash, digest),
        None => item(nobody.expose(), &(row as u64).to_le_bytes()),
    };
    column.par_iter().enumerate().with_min_len(CHUNK).map(item).collect()
}

/// The holder's: rows that have such a key, with their numbers.
pub(super) fn of_holder(
    common: &[u8; 32],
    kind: u32,
    column: &[Option<[u8; 32]>],
) -> (Vec<u32>, Vec<[u8; 16]>) {
    let hash = key(common, kind);
    let has = |(row, digest): (u32, &Option<[u8; 32]>)| digest.is_some().then_some(row);
    let rows: Vec<u32> = (0..).zip(column).filter_map(has).collect();
    // Every one of these rows has a key; what stands for none is never used.
    let item = |row: &u32| column[*row as usize].as_ref().map_or([0; 16], |digest| item(&hash, digest));
    let items = rows.par_iter().with_min_len(CHUNK).map(item).collect();
    (rows, items)
}

/// The public seed of a table's hash functions (JOIN-04).
pub(super) fn bins_seed(common: &[u8; 32], kind: u32) -> [u8; 16] {
    first_half(&labelled(common, "bins", kind))
}

/// The public id of one correlation.
pub(super) fn id(common: &[u8; 32], name: &str) -> [u8; 32] {
    labelled(common, name, 0)
}

/// The first `length` bytes, and the rest.
pub(super) fn cut(bytes: &[u8], length: usize) -> Result<(&[u8], &[u8]), PeerMisbehaved> {
    bytes.split_at_checked(length).ok_or(PeerMisbehaved::CountDiffers { expected: length, got: bytes.len() })
}

fn key(common: &[u8; 32], kind: u32) -> [u8; 32] {
    labelled(common, "items", kind)
}

fn item(key: &[u8; 32], digest: &[u8]) -> [u8; 16] {
    first_half(blake3::keyed_hash(key, digest).as_bytes())
}

fn labelled(common: &[u8; 32], label: &str, number: u32) -> [u8; 32] {
    let mut transcript = Transcript::new(NAME);
    transcript.absorb("common", common);
    transcript.absorb(label, &number.to_le_bytes());
    transcript.hash()
}

fn first_half(hash: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_04_another_run_or_kind_of_key_has_other_items() {
        let column = [Some([1; 32]), None, Some([2; 32])];
        let (rows, items) = of_holder(&[7; 32], 0, &column);
        assert_eq!(rows, [0, 2]);
        assert_ne!(items[0], items[1]);
        assert_ne!(items, of_holder(&[7; 32], 1, &column).1);
        assert_ne!(items, of_holder(&[8; 32], 0, &column).1);
        assert_ne!(bins_seed(&[7; 32], 0), bins_seed(&[7; 32], 1));
    }
}
