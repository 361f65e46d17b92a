//! Halves mod 2⁶⁰: two numbers of which each alone is uniform.

/// Bits of a half.
pub const BITS: u32 = 60;

/// All bits of a half.
pub const MASK: u64 = (1 << BITS) - 1;

/// The number between −2⁵⁹ and 2⁵⁹ that this is mod 2⁶⁰.
pub const fn centred(half: u64) -> i64 {
    ((half << (64 - BITS)) as i64) >> (64 - BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_from_its_half() {
        for value in [0, 1, -1, (1 << 59) - 1, -(1 << 59)] {
            assert_eq!(centred(i64::cast_unsigned(value) & MASK), value);
        }
        assert_eq!(centred(1 << 59), -(1 << 59));
    }
}
