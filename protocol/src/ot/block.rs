//! AES-128 in the two ways this room uses it: many generators in counter mode, one for each leaf of each
//! tree, and a correlation robust hash with a public key.
//!
//! The attack the hash stops: a chooser that knows v and wants H(v ⊕ d·Δ) for a d other than 0. It is
//! x ↦ π(x) ⊕ x with π = AES under a public key ("MMO"), which Guo, Katz, Wang and Yu (*Efficient and Secure
//! Multiparty Computation from Fixed-Key Block Ciphers*, S&P 2020, section 7.2) prove correlation robust for
//! an ideal π; that is what extension against a semi-honest end asks for. As Guo et al. (CRYPTO 2020) do for
//! garbling, the key changes every few rows, so that one guess of Δ is held against few of them (OT-06).
//!
//! No table is looked up at a secret place: the `aes` crate runs AES-NI or its bit-sliced code.

#[cfg(target_arch = "x86_64")]
pub(super) mod vaes;

#[cfg(test)]
mod tests;

use std::fmt;

use aes::{
    Aes128Enc,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};

/// Four blocks next to each other: one 512-bit vector where there are such. Block `l` is words `2l`, the low
/// one, and `2l + 1`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub(super) struct Lane(pub(super) [u64; 8]);

impl Lane {
    /// One of its four blocks.
    #[inline(always)]
    pub(super) fn block(&self, at: usize) -> u128 {
        u128::from(self.0[2 * at]) | (u128::from(self.0[2 * at + 1]) << 64)
    }
}

impl std::ops::BitXorAssign for Lane {
    #[inline(always)]
    fn bitxor_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(ours, theirs)| *ours ^= theirs);
    }
}

/// Which code does the work on blocks; all give the same bytes (OT-11).
#[derive(Clone, Copy)]
pub struct Engine {
    code: Code,
}

#[derive(Clone, Copy)]
enum Code {
    #[cfg(target_arch = "x86_64")]
    Vaes(vaes::Vaes),
    Portable,
}

impl Engine {
    /// The fastest code of this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(vaes) = vaes::Vaes::detect() {
            return Self { code: Code::Vaes(vaes) };
        }
        Self::portable()
    }

    /// The `aes` crate, wherever it runs.
    pub const fn portable() -> Self {
        Self { code: Code::Portable }
    }

    /// The code's name, for people.
    pub const fn name(self) -> &'static str {
        match self.code {
            #[cfg(target_arch = "x86_64")]
            Code::Vaes(_) => "4 blocks a vector, VAES and AVX-512",
            Code::Portable => "the aes crate",
        }
    }

    fn key(self, key: &[u8; 16]) -> Key {
        match self.code {
            #[cfg(target_arch = "x86_64")]
            Code::Vaes(vaes) => Key::Vaes(vaes, vaes.key(key)),
            Code::Portable => Key::Portable(Aes128Enc::new(&Array::from(*key))),
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An expanded key, for the code that uses it.
enum Key {
    #[cfg(target_arch = "x86_64")]
    Vaes(vaes::Vaes, vaes::RoundKeys),
    Portable(Aes128Enc),
}

/// Generators, one for each seed: AES-128 in counter mode, any place of any of them at any time.
pub(super) enum Streams {
    #[cfg(target_arch = "x86_64")]
    Vaes(vaes::Vaes, Vec<vaes::RoundKeys>),
    Portable(Vec<Aes128Enc>),
}

impl Streams {
    pub(super) fn new(engine: Engine, seeds: &[[u8; 16]]) -> Self {
        match engine.code {
            #[cfg(target_arch = "x86_64")]
            Code::Vaes(vaes) => Self::Vaes(vaes, seeds.iter().map(|seed| vaes.key(seed)).collect()),
            Code::Portable => {
                Self::Portable(seeds.iter().map(|seed| Aes128Enc::new(&Array::from(*seed))).collect())
            }
        }
    }

    /// For each of the generators from `first` on, as many as `out` is long, the 4·P blocks from `counter`
    /// on, which is a multiple of four.
    pub(super) fn fill<const P: usize>(&self, first: usize, counter: u128, out: &mut [[Lane; P]]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(vaes, keys) => vaes.fill(&keys[first..], counter, out),
            Self::Portable(keys) => fill(&keys[first..], counter, out),
        }
    }
}

fn fill<const P: usize>(keys: &[Aes128Enc], counter: u128, out: &mut [[Lane; P]]) {
    let mut blocks = [Array::default(); 16];
    let blocks = &mut blocks[..4 * P];
    for (key, out) in keys.iter().zip(out) {
        for (number, block) in (0..).zip(blocks.iter_mut()) {
            *block = Array::from((counter + number).to_le_bytes());
        }
        key.encrypt_blocks(blocks);
        for (number, block) in blocks.iter().enumerate() {
            let block = u128::from_le_bytes(block.0);
            let at = 2 * (number % 4);
            out[number / 4].0[at] = block as u64;
            out[number / 4].0[at + 1] = (block >> 64) as u64;
        }
    }
}

/// The hash with the keys of one use of one session.
#[derive(Clone)]
pub(super) struct Hash {
    engine: Engine,
    keys: Aes128Enc,
}

impl Hash {
    /// `context` is public and belongs to the session.
    pub(super) fn new(engine: Engine, context: &[u8; 16]) -> Self {
        Self { engine, keys: Aes128Enc::new(&Array::from(*context)) }
    }

    /// The hash under the key of a place: OT-06, no two places have the same, for AES is a permutation.
    pub(super) fn at(&self, place: u128) -> HashKey {
        let mut key = Array::from(place.to_le_bytes());
        self.keys.encrypt_block(&mut key);
        HashKey(self.engine.key(&key.0))
    }
}

/// The hash under one key.
pub(super) struct HashKey(Key);

impl HashKey {
    /// Each block by its hash π(x) ⊕ x.
    pub(super) fn hash(&self, blocks: &mut [u128]) {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Key::Vaes(vaes, key) => vaes.hash(key, blocks),
            Key::Portable(key) => hash(key, blocks),
        }
    }

    /// For each row a word of which bit `k` is the lowest bit of the hash of row ⊕ `offsets[k]`.
    pub(super) fn hash_bits(&self, rows: &[[u128; 1]], offsets: &[u128; 16], out: &mut [u16]) {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Key::Vaes(vaes, key) => vaes.hash_bits(key, rows, offsets, out),
            Key::Portable(key) => {
                for ([row], out) in rows.iter().zip(out) {
                    let mut blocks = offsets.map(|offset| row ^ offset);
                    hash(key, &mut blocks);
                    *out = (0..).zip(blocks).map(|(k, block)| (block as u16 & 1) << k).sum();
                }
            }
        }
    }
}

fn hash(key: &Aes128Enc, blocks: &mut [u128]) {
    let mut buffer = [Array::default(); 64];
    for blocks in blocks.chunks_mut(64) {
        let buffer = &mut buffer[..blocks.len()];
        buffer.iter_mut().zip(&*blocks).for_each(|(out, x)| *out = Array::from(x.to_le_bytes()));
        key.encrypt_blocks(buffer);
        blocks.iter_mut().zip(&*buffer).for_each(|(x, out)| *x ^= u128::from_le_bytes(out.0));
    }
}
