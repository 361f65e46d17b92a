//! The Merkle tree over the records: RFC 6962 section 2.1 (RFC 9162 section 2.1), with SHA-256
//! (LOG-01, LOG-02).
//!
//! The attack it stops: a record altered, dropped, moved or put in later. One hash of 32 bytes stands for the whole
//! history; a proof of a few hundred bytes shows that a record is in it, another that today's history begins with
//! yesterday's.
//!
//! ```text
//!   leaf  = SHA-256(0x00 ‖ record)      node = SHA-256(0x01 ‖ left ‖ right)      empty = SHA-256("")
//! ```

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use super::base64;

/// The most leaves a tree may have: other implementations count in signed 64 bits.
pub const LARGEST_TREE: u64 = (1 << 63) - 1;

/// The most hashes in a proof for a tree of at most [`LARGEST_TREE`] leaves (C2SP tlog-witness: 63 lines).
pub const LONGEST_PROOF: usize = 63;

/// A SHA-256 value of the tree: of a leaf, a node or the root. As text it is base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// The root of a tree without leaves.
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// Takes the 32 bytes as they are.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

impl FromStr for TreeHash {
    type Err = MerkleFault;

    fn from_str(text: &str) -> Result<Self, MerkleFault> {
        let bytes = base64::decode(text, 32).ok_or(MerkleFault::MalformedHash)?;
        bytes.try_into().map(Self).map_err(|_| MerkleFault::MalformedHash)
    }
}

impl Serialize for TreeHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TreeHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What is wrong with a proof or with what was asked of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MerkleFault {
    /// A text that is not the base64 of 32 bytes.
    #[error("a hash of the tree is the base64 of 32 bytes")]
    MalformedHash,
    /// An index or an older size beyond the tree.
    #[error("position {at} lies outside a tree of {size} leaves")]
    OutsideTree {
        /// What was asked for.
        at: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// More leaves than [`LARGEST_TREE`].
    #[error("a tree has at most 2^63 - 1 leaves")]
    TooLarge,
    /// A frontier whose hashes do not fit its size.
    #[error("a frontier has one hash for each bit that is set in its size")]
    FrontierDoesNotFit,
    /// A proof with more or fewer hashes than its two numbers ask for.
    #[error("the proof has another length than its tree asks for")]
    ProofLength,
    /// A proof that leads to another root.
    #[error("the proof leads to another root")]
    RootDiffers,
}

/// The hash of a record's bytes.
pub fn leaf_hash(record: &[u8]) -> TreeHash {
    TreeHash(Sha256::new().chain_update([0]).chain_update(record).finalize().into())
}

/// The hash of two subtrees.
pub fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    let mut text = [1; 65];
    text[1..33].copy_from_slice(&left.0);
    text[33..].copy_from_slice(&right.0);
    TreeHash(Sha256::digest(text).into())
}

/// The right edge of a growing tree: what is needed to append and to know the root, and no more.
///
/// One hash for each bit that is set in the size, the largest subtree first: at most 63 × 32 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FrontierParts", into = "FrontierParts")]
pub struct Frontier {
    size: u64,
    peaks: Vec<TreeHash>,
}

impl Frontier {
    /// A tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// Puts together what [`size`](Self::size) and [`peaks`](Self::peaks) gave.
    pub fn from_parts(size: u64, peaks: Vec<TreeHash>) -> Result<Self, MerkleFault> {
        if size > LARGEST_TREE {
            return Err(MerkleFault::TooLarge);
        }
        if size.count_ones() as usize != peaks.len() {
            return Err(MerkleFault::FrontierDoesNotFit);
        }
        Ok(Self { size, peaks })
    }

    /// Reads the right edge of the tree with `size` leaves from stored subtrees, see [`Hashes`].
    pub fn load<H: Hashes>(size: u64, hashes: &mut H) -> Result<Self, H::Error> {
        if size > LARGEST_TREE {
            return Err(MerkleFault::TooLarge.into());
        }
        let mut peaks = Vec::new();
        for level in (0..63_u8).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(hashes.subtree(level, (size >> level) - 1)?);
        }
        Ok(Self { size, peaks })
    }

    /// Leaves so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the complete subtrees, the largest (leftmost) first.
    pub fn peaks(&self) -> &[TreeHash] {
        &self.peaks
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: TreeHash) {
        let mut hash = leaf;
        // Each trailing one of the size is a subtree as large as the one just completed.
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree so far.
    pub fn root(&self) -> TreeHash {
        let mut right_to_left = self.peaks.iter().rev().copied();
        let Some(last) = right_to_left.next() else { return TreeHash::EMPTY };
        right_to_left.fold(last, |right, left| node_hash(&left, &right))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontierParts {
    size: u64,
    peaks: Vec<TreeHash>,
}

impl From<Frontier> for FrontierParts {
    fn from(Frontier { size, peaks }: Frontier) -> Self {
        Self { size, peaks }
    }
}

impl TryFrom<FrontierParts> for Frontier {
    type Error = MerkleFault;

    fn try_from(FrontierParts { size, peaks }: FrontierParts) -> Result<Self, MerkleFault> {
        Self::from_parts(size, peaks)
    }
}

/// Where the hashes of complete subtrees come from: tiles on disk, or leaves in memory.
pub trait Hashes {
    /// Why a hash could not be had.
    type Error: From<MerkleFault>;

    /// The root of the complete subtree over leaves `index · 2^level .. (index + 1) · 2^level`.
    fn subtree(&mut self, level: u8, index: u64) -> Result<TreeHash, Self::Error>;
}

impl<E: From<MerkleFault>, F: FnMut(u8, u64) -> Result<TreeHash, E>> Hashes for F {
    type Error = E;

    fn subtree(&mut self, level: u8, index: u64) -> Result<TreeHash, E> {
        self(level, index)
    }
}

/// Leaf hashes in memory, as [`Hashes`]; a subtree is hashed anew each time.
#[derive(Debug, Clone, Copy)]
pub struct Leaves<'a>(pub &'a [TreeHash]);

impl Hashes for Leaves<'_> {
    type Error = MerkleFault;

    fn subtree(&mut self, level: u8, index: u64) -> Result<TreeHash, MerkleFault> {
        let outside = MerkleFault::OutsideTree { at: index, size: self.0.len() as u64 };
        let range = 1_usize
            .checked_shl(level.into())
            .and_then(|width| {
                let begin = usize::try_from(index).ok()?.checked_mul(width)?;
                self.0.get(begin..begin.checked_add(width)?)
            })
            .ok_or(outside)?;
        Ok(root(range))
    }
}

/// The root of the tree over these leaves.
pub fn root(leaves: &[TreeHash]) -> TreeHash {
    let mut frontier = Frontier::new();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// The root of the first `size` leaves, from stored subtrees.
pub fn root_at<H: Hashes>(size: u64, hashes: &mut H) -> Result<TreeHash, H::Error> {
    Frontier::load(size, hashes).map(|frontier| frontier.root())
}

/// Shows that the leaf at `index` is in the tree of `size` leaves: the sibling of the leaf first, the root's child
/// last (RFC 6962 section 2.1.1).
pub fn inclusion_proof<H: Hashes>(index: u64, size: u64, hashes: &mut H) -> Result<Vec<TreeHash>, H::Error> {
    inside(index, size)?;
    let mut proof = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            proof.push(range(middle, end, hashes)?);
            end = middle;
        } else {
            proof.push(range(begin, middle, hashes)?);
            begin = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// Shows that the tree of `size` leaves begins with that of `older` leaves (RFC 6962 section 2.1.2). It is empty
/// where `older` is 0 or `size`.
pub fn consistency_proof<H: Hashes>(
    older: u64,
    size: u64,
    hashes: &mut H,
) -> Result<Vec<TreeHash>, H::Error> {
    if older > size || size > LARGEST_TREE {
        return Err(MerkleFault::OutsideTree { at: older, size }.into());
    }
    let mut proof = Vec::new();
    if older == 0 || older == size {
        return Ok(proof);
    }
    let (mut begin, mut end) = (0, size);
    while older != end {
        let middle = begin + split(end - begin);
        if older <= middle {
            proof.push(range(middle, end, hashes)?);
            end = middle;
        } else {
            proof.push(range(begin, middle, hashes)?);
            begin = middle;
        }
    }
    // The older tree's own last subtree, unless it is the older tree itself, which the verifier has.
    if begin > 0 {
        proof.push(range(begin, end, hashes)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks an inclusion proof (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(
    leaf: &TreeHash,
    index: u64,
    size: u64,
    proof: &[TreeHash],
    root: &TreeHash,
) -> Result<(), MerkleFault> {
    inside(index, size)?;
    let mut climb = Climb { at: index, last: size - 1 };
    let mut hash = *leaf;
    for sibling in proof {
        hash = match climb.step()? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    climb.arrived()?;
    same(&hash, root)
}

/// Checks a consistency proof (RFC 9162 section 2.1.4.2): `root`, over `size` leaves, begins with `older_root`, over
/// `older` leaves.
///
/// From the empty tree the proof is empty, and so it is between equal sizes, which must have equal roots.
pub fn verify_consistency(
    older: u64,
    older_root: &TreeHash,
    size: u64,
    root: &TreeHash,
    proof: &[TreeHash],
) -> Result<(), MerkleFault> {
    if older > size || size > LARGEST_TREE {
        return Err(MerkleFault::OutsideTree { at: older, size });
    }
    if older == 0 {
        same(older_root, &TreeHash::EMPTY)?;
    }
    if older == 0 || older == size {
        if !proof.is_empty() {
            return Err(MerkleFault::ProofLength);
        }
        return if older == size { same(older_root, root) } else { Ok(()) };
    }
    let mut hashes = proof.iter();
    let seed = if older.is_power_of_two() { Some(older_root) } else { hashes.next() };
    let Some(seed) = seed else { return Err(MerkleFault::ProofLength) };
    let skip = (older - 1).trailing_ones();
    let mut climb = Climb { at: (older - 1) >> skip, last: (size - 1) >> skip };
    let (mut before, mut after) = (*seed, *seed);
    for sibling in hashes {
        match climb.step()? {
            Side::Left => {
                before = node_hash(sibling, &before);
                after = node_hash(sibling, &after);
            }
            Side::Right => after = node_hash(&after, sibling),
        }
    }
    climb.arrived()?;
    same(&before, older_root)?;
    same(&after, root)
}

/// On which side of the hash so far its sibling stands.
enum Side {
    Left,
    Right,
}

/// The way up from a subtree to the root: its index, and that of the last one on its level.
struct Climb {
    at: u64,
    last: u64,
}

impl Climb {
    fn step(&mut self) -> Result<Side, MerkleFault> {
        if self.last == 0 {
            return Err(MerkleFault::ProofLength);
        }
        let side = if self.at & 1 == 1 || self.at == self.last { Side::Left } else { Side::Right };
        if self.at == self.last {
            // The right edge has no siblings for a while: go up to where there is one. It is not 0.
            let alone = self.at.trailing_zeros();
            self.at >>= alone;
            self.last >>= alone;
        }
        self.at >>= 1;
        self.last >>= 1;
        Ok(side)
    }

    fn arrived(&self) -> Result<(), MerkleFault> {
        if self.last == 0 { Ok(()) } else { Err(MerkleFault::ProofLength) }
    }
}

fn inside(index: u64, size: u64) -> Result<(), MerkleFault> {
    if size > LARGEST_TREE {
        return Err(MerkleFault::TooLarge);
    }
    if index >= size {
        return Err(MerkleFault::OutsideTree { at: index, size });
    }
    Ok(())
}

fn same(hash: &TreeHash, root: &TreeHash) -> Result<(), MerkleFault> {
    if hash == root { Ok(()) } else { Err(MerkleFault::RootDiffers) }
}

/// The largest power of two below `width`, which is at least 2.
const fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// The root over leaves `begin..end`, where `begin` is a multiple of the least power of two that is at least the
/// width: so do both proofs cut the tree.
fn range<H: Hashes>(begin: u64, end: u64, hashes: &mut H) -> Result<TreeHash, H::Error> {
    let mut at = begin;
    let mut peaks = Vec::new();
    while at < end {
        let level = (end - at).ilog2() as u8;
        peaks.push(hashes.subtree(level, at >> level)?);
        at += 1 << level;
    }
    let mut right_to_left = peaks.into_iter().rev();
    let Some(last) = right_to_left.next() else { return Ok(TreeHash::EMPTY) };
    Ok(right_to_left.fold(last, |right, left| node_hash(&left, &right)))
}

#[cfg(test)]
mod tests;
