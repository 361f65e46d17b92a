//! The blocks once more, as they are defined and not as they are run: tests hold the room against this.

use aes::{
    Aes128Enc,
    cipher::{Array, BlockCipherEncrypt, KeyInit},
};

use super::{
    Batch,
    field::COLUMNS,
    pprf::{LEAVES, LEVELS},
};

/// AES-128 of one block.
pub(super) fn aes(key: [u8; 16], block: [u8; 16]) -> [u8; 16] {
    let mut block = Array::from(block);
    Aes128Enc::new(&Array::from(key)).encrypt_block(&mut block);
    block.0
}

/// The product of two polynomials over GF(2), reduced by α⁴ + α + 1.
pub(super) fn times(a: u8, b: u8) -> u8 {
    let product = (0..4).filter(|bit| b >> bit & 1 == 1).fold(0, |sum, bit| sum ^ (a << bit));
    (4..7)
        .rev()
        .filter(|bit| product >> bit & 1 == 1)
        .fold(product, |rest, bit| rest ^ (0b10011 << (bit - 4)))
}

/// A row's columns.
pub(super) fn columns(row: u128) -> [u8; COLUMNS] {
    let bit = |at: usize| (row >> at & 1) as u8;
    std::array::from_fn(|column| (0..4).map(|plane| bit(plane * COLUMNS + column) << plane).sum())
}

/// A row from its columns.
pub(super) fn row(columns: [u8; COLUMNS]) -> u128 {
    let bit = |column: usize, plane: usize| u128::from(columns[column] >> plane & 1);
    (0..128).map(|at| bit(at % COLUMNS, at / COLUMNS) << at).sum()
}

/// Two rows, column by column.
pub(super) fn times_rows(a: u128, b: u128) -> u128 {
    let (a, b) = (columns(a), columns(b));
    row(std::array::from_fn(|column| times(a[column], b[column])))
}

/// The leaves of a tree, each by its own walk from the root.
pub(super) fn leaves(root: [u8; 16]) -> [[u8; 16]; LEAVES] {
    std::array::from_fn(|leaf| {
        (0..LEVELS)
            .rev()
            .fold(root, |node, level| aes(node, u128::from(leaf as u8 >> level & 1).to_le_bytes()))
    })
}

/// Row number `number` of a batch in the stream of a leaf, for codes in GF(16) (`planes` 4) or GF(2) (1).
fn symbol(seed: [u8; 16], batch: Batch, planes: u64, number: u64) -> u8 {
    let (piece, within) = (number / 512, number % 512);
    let (lane, bit) = (within % 4, within / 4);
    let plane = |plane: u64| {
        let mut counter = [0; 16];
        counter[..8].copy_from_slice(&((piece * planes + plane) * 4 + lane).to_le_bytes());
        counter[8..12].copy_from_slice(&batch.slab.to_le_bytes());
        counter[12..14].copy_from_slice(&batch.stage.to_le_bytes());
        counter[14] = u8::from(planes == 1);
        (u128::from_le_bytes(aes(seed, counter)) >> bit & 1) as u8
    };
    (0..planes).map(|number| plane(number) << number).sum()
}

/// u = Σ rₓ and v = Σ x·rₓ of one row, from the leaves of 32 trees.
pub(super) fn uv(
    seeds: &[[[u8; 16]; LEAVES]; COLUMNS],
    batch: Batch,
    planes: u64,
    number: u64,
) -> (u128, u128) {
    let sums = seeds.map(|leaves| {
        (0..).zip(leaves).fold((0, 0), |(u, v), (x, leaf)| {
            let r = symbol(leaf, batch, planes, number);
            (u ^ r, v ^ times(x, r))
        })
    });
    (row(sums.map(|(u, _)| u)), row(sums.map(|(_, v)| v)))
}

/// What a look-up is for.
pub(super) fn lookup(tables: &[[u16; 16]], nibbles: &[u8]) -> Vec<u16> {
    tables.iter().zip(nibbles).map(|(table, nibble)| table[usize::from(*nibble)]).collect()
}

/// What a correlated transfer is for.
pub(super) fn products(bits: &[u8], words: &[u64], width: usize) -> Vec<u64> {
    words
        .chunks(width)
        .zip(bits)
        .flat_map(|(words, bit)| words.iter().map(|word| word * u64::from(*bit)))
        .collect()
}
