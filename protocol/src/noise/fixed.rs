//! Fixed-point arithmetic whose rounding goes one known way.
//!
//! A number v in [0, 1] stands as an integer in units of 2⁻¹²⁷ ([`ONE`] is 1). Every function says whether
//! it rounds up or down, so that a result is a bound and not an approximation.

/// 1, in units of 2⁻¹²⁷.
pub(super) const ONE: u128 = 1 << BITS;

const BITS: u32 = 127;

/// Terms of the series. At y ≤ 1/2 the 36th is below 2⁻¹⁷⁴.
const TERMS: u128 = 36;

/// Exponents above this are as good as infinite: e^(−96) < 2⁻¹³⁸.
const LARGEST_EXPONENT: u128 = 96;

/// What a number is known to lie between, in units of 2⁻¹²⁷.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub down: u128,
    pub up: u128,
}

impl Bounds {
    /// Bounds of the product with another number of at most 1.
    pub fn times(self, other: Self) -> Self {
        Self { down: mul_down(self.down, other.down), up: mul_up(self.up, other.up) }
    }
}

/// The product as (high, low) halves of 256 bits.
pub(super) const fn wide_mul(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let other = a0 * b1 + (middle & LOW);
    (a1 * b1 + (middle >> 64) + (other >> 64), other << 64 | low & LOW)
}

/// a·b, for b ≤ 1 in fixed point, rounded down.
pub(super) const fn mul_down(a: u128, b: u128) -> u128 {
    let (high, low) = wide_mul(a, b);
    high << (128 - BITS) | low >> BITS
}

/// a·b, for b ≤ 1 in fixed point, rounded up.
pub(super) const fn mul_up(a: u128, b: u128) -> u128 {
    let (_, low) = wide_mul(a, b);
    mul_down(a, b) + if low & (ONE - 1) == 0 { 0 } else { 1 }
}

/// (high·2¹²⁸ + low)/divisor, rounded down, and whether something was left; for high < divisor ≤ 2¹²⁷.
pub(super) const fn wide_div((high, low): (u128, u128), divisor: u128) -> (u128, bool) {
    let (mut rest, mut quotient, mut bit) = (high, 0, 128);
    while bit > 0 {
        bit -= 1;
        rest = rest << 1 | (low >> bit) & 1;
        quotient <<= 1;
        if rest >= divisor {
            rest -= divisor;
            quotient |= 1;
        }
    }
    (quotient, rest != 0)
}

/// a·b/divisor, rounded up; `None` where that or the divisor needs more than 127 bits.
pub(super) fn mul_div_up(a: u128, b: u128, divisor: u128) -> Option<u128> {
    let product = wide_mul(a, b);
    if divisor > ONE || product.0 >= divisor {
        return None;
    }
    let (quotient, more) = wide_div(product, divisor);
    quotient.checked_add(u128::from(more)).filter(|quotient| *quotient <= ONE)
}

/// A bound R with e^(−num/den) ≤ R ≤ e^(−num/den) + 2⁻¹¹⁴, for 0 < num/den ≤ 32 and den < 2⁹⁶; `None` outside.
///
/// The upper one of [`exp_neg`], whose error is below (75 + 1)·2⁶ < 2¹³ units here.
pub(super) fn exp_neg_up(num: u64, den: u128) -> Option<u128> {
    let (num, bound) = (u128::from(num), 1 << 96);
    if num == 0 || den == 0 || den >= bound || num.div_ceil(den) > 32 {
        return None;
    }
    Some(exp_neg(num, den).up)
}

/// Bounds of e^(−num/den), for 0 < den < 2¹²⁰; no further apart than 2⁻¹¹¹.
///
/// y = num/(2ʰ·den) ≤ 1/2 is rounded, by less than 2⁻¹²⁷: down, which makes e^(−y) larger, for the upper
/// bound, up for the lower. The series 1 − y + y²/2 − … alternates and its terms shrink, so the partial sum
/// that ends with an added term is not below e^(−y), and the one that ends with a term taken away is not
/// above it; for the upper bound terms that are added are rounded up and those taken away are rounded down,
/// for the lower the other way round. Each is off by less than 2 units, since y ≤ 1/2 halves the error of the
/// one before: less than 74 units for 37 terms, and one for y. Then h squarings, rounded the same way, give
/// e^(−2ʰ·y): each at most doubles the error and adds one unit, (75 + 1)·2ʰ in all, where h ≤ 8.
pub(super) fn exp_neg(num: u128, den: u128) -> Bounds {
    let whole = num.div_ceil(den);
    if whole > LARGEST_EXPONENT {
        return Bounds { down: 0, up: 1 };
    }
    let halvings = (2 * whole).next_power_of_two().trailing_zeros();
    let (y, more) = divide_down(num, den, BITS - halvings);
    let down = series(y + u128::from(more), TERMS - 1, false);
    let up = series(y, TERMS, true).min(ONE);
    (0..halvings).fold(Bounds { down, up }, |power, _| power.times(power))
}

/// 1 − y + y²/2 − … up to the power `terms`, rounded up or down.
fn series(y: u128, terms: u128, up: bool) -> u128 {
    let (mut high, mut low) = (ONE, ONE);
    let mut sum = ONE;
    for k in 1..=terms {
        (high, low) = (mul_up(high, y).div_ceil(k), mul_down(low, y) / k);
        // No underflow: the sum stays above 1 − y ≥ 1/2 less a few units, and no term is larger than y.
        sum = if k % 2 == 0 { sum + if up { high } else { low } } else { sum - if up { low } else { high } };
    }
    sum
}

/// num·2^shift/den, rounded down, and whether something was left, by long division; for den < 2¹²⁷.
fn divide_down(num: u128, den: u128, shift: u32) -> (u128, bool) {
    let (mut quotient, mut rest) = (num / den, num % den);
    for _ in 0..shift {
        rest <<= 1;
        quotient <<= 1;
        if rest >= den {
            rest -= den;
            quotient |= 1;
        }
    }
    (quotient, rest != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_exponential_is_bounded_from_above_and_closely() {
        // Rounded down, from 120 decimal digits.
        for (num, den, exact) in [
            (1, 1, 0x2f16_ac6c_59de_6f8d_5d6f_63c1_482a_7c86),
            (1, 2, 0x4da2_cbf1_be58_27f9_eb3a_d1aa_9866_ebb3),
            (1, 10, 0x73d1_b667_54ac_ea00_a8f2_9c07_9676_f401),
            (7, 3, 0x0c69_93d3_4d9d_f2d4_4848_fa0d_9f54_1cc9),
            (32, 1, 0x0001_c846_4f76_1646_81e2_99a0),
            (1, 1_000_000, 0x7fff_f79c_8476_036d_b494_82d6_d227_4beb),
        ] {
            let bound = exp_neg_up(num, den).unwrap();
            assert!(
                bound > exact && bound - exact < 1 << 13,
                "e^-{num}/{den}: {}",
                bound as i128 - exact as i128
            );
        }
    }

    #[test]
    fn exponents_out_of_range_are_refused() {
        assert_eq!(exp_neg_up(0, 1), None);
        assert_eq!(exp_neg_up(1, 0), None);
        assert_eq!(exp_neg_up(33, 1), None);
        assert_eq!(exp_neg_up(u64::MAX, 1), None);
        assert_eq!(exp_neg_up(1, 1 << 96), None);
        assert!(exp_neg_up(1, (1 << 96) - 1).is_some_and(|bound| bound <= ONE));
        assert!(exp_neg_up(u64::MAX, 1 << 64).is_some());
    }

    proptest! {
        #[test]
        fn products_are_those_of_narrow_numbers(a: u64, b: u64, shift in 0..=64u32) {
            let product = u128::from(a) * u128::from(b);
            let shifted = (product.checked_shr(128 - shift).unwrap_or_default(), product << shift);
            prop_assert_eq!(wide_mul(u128::from(a) << shift, u128::from(b)), shifted);
        }

        #[test]
        fn rounding_goes_the_way_it_says(a: u128, b in 0..=ONE) {
            let (down, up) = (mul_down(a, b), mul_up(a, b));
            prop_assert!(up - down <= 1);
            // down·2¹²⁷ ≤ a·b ≤ up·2¹²⁷, in 256 bits.
            prop_assert!(wide_mul(down, ONE) <= wide_mul(a, b) && wide_mul(a, b) <= wide_mul(up, ONE));
        }

        #[test]
        fn exponents_add(a in 1..1000u64, b in 1..1000u64) {
            let of = |num| exp_neg_up(num, 100).unwrap();
            prop_assert!(mul_up(of(a), of(b)).abs_diff(of(a + b)) < 1 << 15);
        }
    }
}
