//! AES-128 in the two ways this room uses it: many generators in counter mode, one for each leaf of each
//! tree, and a correlation robust hash with a public key.
//!
//! The attack the hash stops: a chooser that knows v and wants H(v ⊕ d·Δ) for a d other than 0. It is
//! x ↦ π(x) ⊕ x with π = AES under a public key ("MMO"), which Guo, Katz, Wang and Yu (*Efficient and Secure
//! Multiparty Computation from Fixed-Key Block Ciphers*, S&P 2020, section 7.2) prove correlation robust for
//! an ideal π; that is what extension against a semi-honest end asks for (their section 7.1). As Guo et al.
//! (CRYPTO 2020) do for garbling, the key changes every few rows, so that one guess of Δ is held against few
//! of them (OT-06).
//!
//! No table is looked up: the `aes` crate runs AES-NI, VAES or its bit-sliced code, and so does [`Engine`].

use aes::{
    Aes128Enc,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};

/// Four blocks next to each other: one 512-bit vector where there are such.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[repr(C, align(64))]
pub(super) struct Lane(pub(super) [u128; 4]);

impl Lane {
    /// The blocks of many, one after another.
    pub(super) fn flat(lanes: &[Self]) -> &[u128] {
        // SAFETY: a `Lane` is four blocks and nothing else (`repr(C)`, 64 bytes at 64), so `lanes.len()` of
        // them are four times as many blocks; the lifetime is that of the argument.
        unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), 4 * lanes.len()) }
    }
}

impl std::ops::BitXorAssign for Lane {
    #[inline(always)]
    fn bitxor_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(ours, theirs)| *ours ^= theirs);
    }
}

/// Which code runs AES and what goes with it; both give the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    code: Code,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    Portable,
}

impl Engine {
    /// The fastest code of this machine.
    pub fn detect() -> Self {
        Self::portable()
    }

    /// The `aes` crate, wherever it runs.
    pub const fn portable() -> Self {
        Self { code: Code::Portable }
    }
}

/// Generators, one for each seed: AES-128 in counter mode, any place of any of them at any time.
pub(super) struct Streams {
    keys: Vec<Aes128Enc>,
}

impl Streams {
    pub(super) fn new(_engine: Engine, seeds: &[[u8; 16]]) -> Self {
        Self { keys: seeds.iter().map(|seed| Aes128Enc::new(&Array::from(*seed))).collect() }
    }

    /// For each of the generators from `first` on, as many as `out` is long, the blocks `counter` and on.
    pub(super) fn fill<const P: usize>(&self, first: usize, counter: u128, out: &mut [[Lane; P]]) {
        let mut blocks = [Array::default(); 16];
        for (key, out) in self.keys[first..].iter().zip(out) {
            let blocks = &mut blocks[..4 * P];
            for (number, block) in (0..).zip(blocks.iter_mut()) {
                *block = Array::from((counter + number).to_le_bytes());
            }
            key.encrypt_blocks(blocks);
            let lanes = out.iter_mut().flat_map(|lane| &mut lane.0);
            lanes.zip(blocks.iter()).for_each(|(lane, block)| *lane = u128::from_le_bytes(block.0));
        }
    }
}

/// The hash with the keys of one use of one session.
#[derive(Clone)]
pub(super) struct Hash {
    keys: Aes128Enc,
}

impl Hash {
    /// `context` is public and belongs to the session and the use.
    pub(super) fn new(_engine: Engine, context: &[u8; 16]) -> Self {
        Self { keys: Aes128Enc::new(&Array::from(*context)) }
    }

    /// The key of the place `counter`.
    pub(super) fn at(&self, counter: u128) -> HashKey {
        let mut key = Array::from(counter.to_le_bytes());
        self.keys.encrypt_block(&mut key);
        HashKey(Aes128Enc::new(&key))
    }
}

/// The hash under one key.
pub(super) struct HashKey(Aes128Enc);

impl HashKey {
    /// Each block by its hash π(x) ⊕ x.
    pub(super) fn hash(&self, blocks: &mut [u128]) {
        let mut buffer = [Array::default(); 64];
        for blocks in blocks.chunks_mut(64) {
            let buffer = &mut buffer[..blocks.len()];
            buffer.iter_mut().zip(&*blocks).for_each(|(out, x)| *out = Array::from(x.to_le_bytes()));
            self.0.encrypt_blocks(buffer);
            blocks.iter_mut().zip(&*buffer).for_each(|(x, out)| *x ^= u128::from_le_bytes(out.0));
        }
    }
}
