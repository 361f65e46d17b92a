//! Natural logarithms as bounds.
//!
//! In units of 2⁻⁸⁰, signed: enough room for ln of anything that fits 128 bits, and errors far below what the
//! accountant rounds to.

use super::{
    Rational,
    fixed::{mul_down, mul_up, wide_mul},
};

/// Binary digits after the point.
pub(super) const BITS: u32 = 80;

/// ln 2 in units of 2⁻¹²⁷, rounded down.
const LN_2: u128 = 0x58b9_0bfb_e8e7_bcd5_e4f1_d9cc_01f9_7b57;

/// What a logarithm is known to lie between, in units of 2⁻⁸⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ln {
    pub down: i128,
    pub up: i128,
}

/// ln x for x ≥ 1; 0 counts as 1.
///
/// log₂ digit by digit: x = m·2ᵉ with 1 ≤ m < 2, and squaring m yields one binary digit of log₂ m after the
/// other. Squares are rounded down, so the digits are those of a number not above log₂ x. A rounding at the
/// i-th square, of less than 2⁻¹²⁶ relative, weighs 2⁻ⁱ: less than 2⁻¹²⁴ in all, and the digits left out are
/// less than one unit.
pub(crate) fn ln(x: u128) -> Ln {
    let x = x.max(1);
    let zeros = x.leading_zeros();
    let mut m = x << zeros;
    let mut digits = u128::from(127 - zeros);
    let mut exact = m == 1 << 127;
    for _ in 0..BITS {
        let (high, low) = wide_mul(m, m);
        digits <<= 1;
        if high >> 127 == 1 {
            digits |= 1;
            m = high;
        } else {
            m = high << 1 | low >> 127;
        }
    }
    exact &= m == 1 << 127;
    let above = digits + if exact { 0 } else { 2 };
    // Both below 2⁸⁷.
    Ln { down: mul_down(digits, LN_2) as i128, up: mul_up(above, LN_2 + 1) as i128 }
}

/// ln of a fraction.
pub(super) fn ln_of(x: Rational) -> Ln {
    let (num, den) = (ln(x.num().into()), ln(x.den().into()));
    Ln { down: num.down - den.up, up: num.up - den.down }
}
