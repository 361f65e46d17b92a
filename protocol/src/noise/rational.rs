//! Privacy parameters as they are written, not as the nearest `f64`.

use std::{fmt, str::FromStr};

/// A positive fraction in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rational {
    num: u64,
    den: u64,
}

/// Not a positive number that a [`Rational`] can hold exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a positive decimal number with at most nineteen digits")]
pub struct BadRational;

impl Rational {
    /// `num / den`, both positive.
    pub const fn new(num: u64, den: u64) -> Result<Self, BadRational> {
        if num == 0 || den == 0 {
            return Err(BadRational);
        }
        let (mut a, mut b) = (num, den);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Ok(Self { num: num / a, den: den / a })
    }

    /// Above the line.
    pub const fn num(self) -> u64 {
        self.num
    }

    /// Below the line.
    pub const fn den(self) -> u64 {
        self.den
    }
}

/// Reads `2`, `0.5`, `1e-6`, `2.5E-7` exactly; no sign, no `inf`, no `nan`.
impl FromStr for Rational {
    type Err = BadRational;

    fn from_str(text: &str) -> Result<Self, BadRational> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || !is_number(exponent.trim_start_matches(['-', '+'])) {
            return Err(BadRational);
        }
        let fraction = fraction.trim_end_matches('0');
        let num: u64 = format!("{whole}{fraction}").parse().map_err(|_| BadRational)?;
        let exponent: i32 = exponent.parse().map_err(|_| BadRational)?;
        let shift = exponent.checked_sub(i32::try_from(fraction.len()).map_err(|_| BadRational)?);
        let shift = shift.ok_or(BadRational)?;
        let power = 10u64.checked_pow(shift.unsigned_abs()).ok_or(BadRational)?;
        if shift < 0 {
            Self::new(num, power)
        } else {
            Self::new(num.checked_mul(power).ok_or(BadRational)?, 1)
        }
    }
}

impl fmt::Display for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.den {
            1 => write!(f, "{}", self.num),
            den => write!(f, "{}/{den}", self.num),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, num, den) in [
            ("1", 1, 1),
            ("0.1", 1, 10),
            ("1e-6", 1, 1_000_000),
            ("2.50E-1", 1, 4),
            ("8.0", 8, 1),
            ("1e3", 1000, 1),
            ("12.5e+1", 125, 1),
            ("0.0000000000000000001", 1, 10_000_000_000_000_000_000),
        ] {
            assert_eq!(text.parse(), Rational::new(num, den), "{text}");
        }
        assert_eq!(Rational::new(2, 6), Rational::new(1, 3));
    }

    #[test]
    fn what_is_no_positive_number_is_refused() {
        for text in [
            "", "0", "0.0", "-1", "+1", "nan", "inf", "1e20", "1e-20", ".5", "5.", "1e", "1e--1", "1,5",
            "1/2", " 1",
        ] {
            assert_eq!(text.parse::<Rational>(), Err(BadRational), "{text:?}");
        }
        assert_eq!(Rational::new(0, 1), Err(BadRational));
        assert_eq!(Rational::new(1, 0), Err(BadRational));
    }
}
