//! The secret scalar, as the masks that pick from a table.
//!
//! What it stops: a look-up whose address tells the digit. A digit is not an index but a mask for every
//! entry of the table, made once per call without a branch. The masks come from memory as bytes of which
//! the compiler knows nothing, so it cannot turn a masked read of eight equal lanes into a branch.

use curve25519_dalek::Scalar;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::field::Mask;

/// A scalar below 2²⁵³ has this many digits in radix 16.
pub(super) const DIGITS: usize = 64;

/// A digit from −8 to 8.
#[derive(Clone, Copy, Zeroize)]
pub(super) struct Digit {
    /// All lanes at `k` when the magnitude is `k + 1`; none anywhere when it is zero.
    pub(super) is: [Mask; 8],
    /// All lanes when it is below zero.
    pub(super) negative: Mask,
}

/// A scalar's digits, lowest first. The highest is never negative.
#[derive(ZeroizeOnDrop)]
pub(super) struct Recoded(pub(super) [Digit; DIGITS]);

impl Recoded {
    /// The digits of zero. They are written in place, so that moving them leaves no copy behind.
    pub(super) const fn zero() -> Self {
        Self([Digit { is: [0; 8], negative: 0 }; DIGITS])
    }

    /// Makes Σ digit · 16^place = `scalar`.
    pub(super) fn write(&mut self, scalar: &Scalar) {
        let mut carry = 0;
        for (place, digit) in self.0.iter_mut().enumerate() {
            let nibble = (scalar.as_bytes()[place / 2] >> (4 * (place % 2))) & 15;
            let value = nibble + carry;
            // From 8 on, 16 less and one more in the next place. The highest nibble of a scalar below 2²⁵³
            // is 0 or 1, so the last carry is zero.
            carry = (value + 8) >> 4;
            digit.negative = carry.wrapping_neg();
            // 16 − value where the carry is set, else value.
            let magnitude = (value ^ digit.negative).wrapping_add(carry).wrapping_add(carry << 4);
            for (mask, multiple) in digit.is.iter_mut().zip(1u8..) {
                *mask = magnitude.ct_eq(&multiple).unwrap_u8().wrapping_neg();
            }
        }
    }
}
