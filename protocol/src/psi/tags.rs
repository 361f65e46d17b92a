//! Truncated hashes in flat memory: making them, finding repeats, looking them up.
//!
//! A tag costs its 5 to 13 bytes and nothing more: millions of them are what decides how much memory a run
//! needs. Lookups go through a sorted list and not through a hash table, because the peer chooses the tags:
//! whatever it chooses, a lookup costs at most a binary search (E07's cousin on the CPU).

use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Statistical security of the whole comparison: no two different items of the sets share a tag but with
/// probability 2⁻⁴⁰ (PSI-02).
const LAMBDA: u32 = 40;

/// H₂ of the paper, truncated.
#[derive(Clone)]
pub(super) struct Tagger {
    start: Sha256,
    width: usize,
}

impl Tagger {
    /// `prefix` is one block of SHA-256 that names protocol, session and contract.
    pub(super) fn new(prefix: &[[u8; 32]; 2], receiver: u32, sender: u32) -> Self {
        Self { start: Sha256::new_with_prefix(prefix.as_flattened()), width: width(receiver, sender) }
    }

    /// Bytes a tag has.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    /// H₂(x, H₁(x)^k), truncated to `out`, which is [`width`](Self::width) long.
    pub(super) fn tag(&self, item: &[u8; 32], point: &[u8; 32], out: &mut [u8]) {
        let hash = self.start.clone().chain_update(item).chain_update(point).finalize();
        out.copy_from_slice(&hash[..self.width]);
    }
}

/// ⌈(λ + log₂(max(n_R · n_S, n_S² / 2))) / 8⌉ bytes: 5 to 13. The second term is for PSI-10, which compares S's
/// tags with one another: a chance repeat among them must be as rare as a chance match.
pub(super) fn width(receiver: u32, sender: u32) -> usize {
    let (receiver, sender) = (u64::from(receiver), u64::from(sender));
    let pairs = (receiver * sender).max(sender * sender / 2).max(1);
    let log = pairs.ilog2() + u32::from(!pairs.is_power_of_two());
    (LAMBDA + log).div_ceil(8) as usize
}

/// Entries of one width, one after another.
pub(super) struct Packed {
    width: usize,
    bytes: Vec<u8>,
}

/// Runs `$body` with the packed bytes seen as arrays of their width. Every width that exists is listed.
macro_rules! as_arrays {
    ($width:expr, $as_chunks:ident($bytes:expr), $entries:ident => $body:expr) => {{
        macro_rules! run {
            ($n:literal) => {{
                let ($entries, _) = $bytes.$as_chunks::<$n>();
                $body
            }};
        }
        match $width {
            5 => run!(5),
            6 => run!(6),
            7 => run!(7),
            8 => run!(8),
            9 => run!(9),
            10 => run!(10),
            11 => run!(11),
            12 => run!(12),
            13 => run!(13),
            // Invariant: `Packed::new` takes no other width.
            width => unreachable!("no entries of {width} bytes"),
        }
    }};
}

impl Packed {
    pub(super) fn new(width: usize) -> Self {
        // Invariant: widths are `tags::width` (5 to 13) or `points::FINGERPRINT` (12).
        assert!((5..=13).contains(&width), "entries have 5 to 13 bytes");
        Self { width, bytes: Vec::new() }
    }

    pub(super) fn extend(&mut self, entries: &[u8]) {
        self.bytes.extend_from_slice(entries);
    }

    /// Room for `count` more entries, to be filled by the caller.
    pub(super) fn grow(&mut self, count: usize) -> &mut [u8] {
        let start = self.bytes.len();
        self.bytes.resize(start + count * self.width, 0);
        &mut self.bytes[start..]
    }

    pub(super) fn get(&self, place: usize) -> &[u8] {
        &self.bytes[place * self.width..][..self.width]
    }

    /// Sorts in place; `None` when an entry stands there twice.
    pub(super) fn sorted(mut self) -> Option<Sorted> {
        let repeated = as_arrays!(self.width, as_chunks_mut(self.bytes), entries => {
            entries.par_sort_unstable();
            entries.par_windows(2).any(|pair| pair[0] == pair[1])
        });
        (!repeated).then(|| Sorted::new(self))
    }
}

/// Different entries in order, with an index into them by their leading bits.
pub(super) struct Sorted {
    packed: Packed,
    shift: u32,
    /// `starts[b]..starts[b + 1]` are the entries whose leading bits are `b`.
    starts: Vec<u32>,
}

impl Sorted {
    /// One bucket for some eight entries: half a byte an entry.
    fn new(packed: Packed) -> Self {
        let count = packed.bytes.len() / packed.width;
        let bits = (count / 8).max(1).ilog2();
        let shift = 32 - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for entry in packed.bytes.chunks_exact(packed.width) {
            starts[bucket(entry, shift) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        Self { packed, shift, starts }
    }

    pub(super) fn contains(&self, entry: &[u8]) -> bool {
        let bucket = bucket(entry, self.shift);
        let (start, end) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        let width = self.packed.width;
        as_arrays!(width, as_chunks(self.packed.bytes[start * width..end * width]), entries => {
            entries.binary_search_by(|probe| probe.as_slice().cmp(entry)).is_ok()
        })
    }
}

/// The leading bits of an entry. A shift of 32 (one bucket only) gives 0.
fn bucket(entry: &[u8], shift: u32) -> usize {
    let leading = u32::from_be_bytes([entry[0], entry[1], entry[2], entry[3]]);
    leading.checked_shr(shift).unwrap_or(0) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn psi_02_tags_are_long_enough() {
        assert_eq!(width(0, 0), 5, "λ alone");
        assert_eq!(width(1, 1), 5);
        assert_eq!(width(2, 1), 6, "41 bits do not fit into five bytes");
        assert_eq!(width(1 << 12, 1 << 12), 8);
        assert_eq!(width((1 << 12) + 1, 1 << 12), 9);
        assert_eq!(width(1 << 20, 1 << 20), 10);
        assert_eq!(width(1 << 24, 1 << 24), 11);
        assert_eq!(width(u32::MAX, u32::MAX), 13);
        for (receiver, sender) in [(3, 5), (1000, 77), (1 << 20, 12345), (u32::MAX, 1)] {
            let pairs = u128::from(receiver) * u128::from(sender);
            let bits = 8 * width(receiver, sender) as u32;
            assert!(1u128 << (bits - LAMBDA) >= pairs, "{receiver} × {sender}");
            assert!(1u128 << (bits - LAMBDA - 8) < pairs, "{receiver} × {sender}: a byte too many");
        }
    }

    proptest! {
        /// Whatever the entries are, also ones made to share their leading bits.
        #[test]
        fn lookups_agree_with_a_set(
            width in 5usize..=13,
            seeds in prop::collection::vec((any::<u64>(), any::<bool>()), 0..300),
            probes in prop::collection::vec(any::<u64>(), 0..50),
        ) {
            let entry = |seed: u64, crowd: bool| {
                let mut bytes = [0u8; 16];
                bytes[if crowd { 5 } else { 0 }..][..8].copy_from_slice(&seed.to_be_bytes());
                bytes[..width].to_vec()
            };
            let mut packed = Packed::new(width);
            let mut set = HashSet::new();
            for (seed, crowd) in &seeds {
                packed.extend(&entry(*seed, *crowd));
                set.insert(entry(*seed, *crowd));
            }
            match packed.sorted() {
                None => prop_assert!(set.len() < seeds.len()),
                Some(sorted) => {
                    prop_assert_eq!(set.len(), seeds.len());
                    prop_assert!(set.iter().all(|known| sorted.contains(known)));
                    for probe in probes {
                        let probe = entry(probe, false);
                        prop_assert_eq!(sorted.contains(&probe), set.contains(&probe));
                    }
                }
            }
        }
    }

    #[test]
    fn a_tag_depends_on_item_point_and_session() {
        let tag = |prefix: u8, item: u8, point: u8| {
            let mut out = [0; 5];
            Tagger::new(&[[prefix; 32]; 2], 1, 1).tag(&[item; 32], &[point; 32], &mut out);
            out
        };
        let all = [tag(1, 1, 1), tag(2, 1, 1), tag(1, 2, 1), tag(1, 1, 2)];
        assert_eq!(HashSet::from(all).len(), 4);
    }
}
