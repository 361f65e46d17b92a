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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ot::model;

    fn rows() -> impl Iterator<Item = u128> {
        (0..100u128).map(|number| u128::from_le_bytes(model::aes([3; 16], number.to_le_bytes())))
    }

    #[test]
    fn a_product_is_that_of_polynomials() {
        for (a, b) in (0..16).flat_map(|a| (0..16).map(move |b| (a, b))) {
            assert_eq!(times(repeat(a), &powers(repeat(b))), repeat(model::times(a, b)));
        }
        for (a, b) in rows().zip(rows().skip(1)) {
            assert_eq!(times(a, &powers(b)), model::times_rows(a, b));
            assert_eq!(times_bits(a as u32, b), model::times_rows(a & PLANE, b));
        }
    }

    #[test]
    fn it_is_a_field() {
        let all = || 0..16u8;
        for a in all() {
            assert_eq!(all().filter(|b| model::times(a, *b) == 1).count(), usize::from(a != 0), "{a}");
            for (b, c) in all().flat_map(|b| all().map(move |c| (b, c))) {
                assert_eq!(model::times(a, b), model::times(b, a));
                assert_eq!(model::times(a, b ^ c), model::times(a, b) ^ model::times(a, c));
                assert_eq!(model::times(a, model::times(b, c)), model::times(model::times(a, b), c));
            }
        }
    }

    #[test]
    fn multiples_are_the_sixteen_multiples() {
        for row in rows() {
            let expected = std::array::from_fn(|nibble| model::times_rows(row, repeat(nibble as u8)));
            assert_eq!(multiples(row), expected);
        }
        assert!((0..16).all(|nibble| model::columns(repeat(nibble)) == [nibble; COLUMNS]));
        assert_eq!(repeat(0x35), repeat(5));
    }
}
