//! GF(16) = GF(2)\[α\] / (α⁴ + α + 1), and rows of 32 of its elements.
//!
//! A row is one `u128` of four bit planes: bit `32·p + c` is the coefficient of αᵖ of column `c`. So a row
//! is added by one XOR and multiplied column by column with four ANDs, and no table is read at a place that
//! depends on a secret.

/// Columns in a row.
pub(super) const COLUMNS: usize = 32;

const PLANE: u128 = 0xffff_ffff;

/// Each column times α.
pub(super) const fn times_alpha(row: u128) -> u128 {
    // α·(a₀, a₁, a₂, a₃) = (a₃, a₀ + a₃, a₁, a₂), for α⁴ = α + 1.
    let top = row >> 96;
    (row << 32) ^ top ^ (top << 32)
}

/// 1·row, α·row, α²·row, α³·row.
pub(super) const fn powers(row: u128) -> [u128; 4] {
    let second = times_alpha(row);
    let third = times_alpha(second);
    [row, second, third, times_alpha(third)]
}

/// The plane `p` of a row at all four planes.
const fn splat(row: u128, p: u32) -> u128 {
    let plane = (row >> (32 * p)) & PLANE;
    plane * 0x1_0000_0001_0000_0001_0000_0001
}

/// Column by column, `row` times the row of which `powers` are the [`powers`].
pub(super) const fn times(row: u128, powers: &[u128; 4]) -> u128 {
    (splat(row, 0) & powers[0])
        ^ (splat(row, 1) & powers[1])
        ^ (splat(row, 2) & powers[2])
        ^ (splat(row, 3) & powers[3])
}

/// The bits of `plane`, one a column, times the row.
pub(super) const fn times_bits(plane: u32, row: u128) -> u128 {
    (plane as u128 * 0x1_0000_0001_0000_0001_0000_0001) & row
}

/// The low four bits of `nibble` in every column: the code of a look-up.
pub(super) const fn repeat(nibble: u8) -> u128 {
    let [first, second, third, fourth] =
        [nibble as u128 & 1, (nibble >> 1) as u128 & 1, (nibble >> 2) as u128 & 1, (nibble >> 3) as u128 & 1];
    (first * PLANE) | ((second * PLANE) << 32) | ((third * PLANE) << 64) | ((fourth * PLANE) << 96)
}

/// `nibble`·row for each of the sixteen nibbles.
pub(super) const fn multiples(row: u128) -> [u128; 16] {
    let powers = powers(row);
    let mut multiples = [0; 16];
    let mut nibble = 0;
    while nibble < 16 {
        multiples[nibble] = times(repeat(nibble as u8), &powers);
        nibble += 1;
    }
    multiples
}
