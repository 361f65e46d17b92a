//! Numbers of a contract, exactly as they were written.
//!
//! A budget of 0.1 is a tenth, not the nearest binary fraction: what is set aside and what is spent must add
//! up to the last unit on both nodes.

use std::{fmt, str::FromStr};

/// How many decimals are kept.
const PLACES: usize = 15;
const ONE: i128 = 1_000_000_000_000_000;
/// One millionth.
const MICRO: i128 = ONE / 1_000_000;
/// The largest magnitude that is read.
const LIMIT: i128 = 1_000_000_000_000 * ONE;

/// A decimal number: at most 15 places, magnitude at most 10¹².
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i128);

/// A text that is no such number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a number has at most 15 decimals and lies within ±10^12")]
pub struct NotADecimal;

impl Decimal {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 1.
    pub const ONE: Self = Self(ONE);

    /// This many millionths.
    pub fn of_micro(micro: u64) -> Self {
        Self(i128::from(micro) * MICRO)
    }

    /// This many units of 10⁻¹⁵.
    pub fn of_femto(femto: u64) -> Self {
        Self(i128::from(femto))
    }

    /// In millionths; `None` if it is negative or finer than that.
    pub fn micro(self) -> Option<u64> {
        (self.0 % MICRO == 0).then(|| u64::try_from(self.0 / MICRO).ok()).flatten()
    }

    /// In units of 10⁻¹⁵, with its sign; within ±10²⁷.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// This many units of 10⁻¹⁵.
    pub const fn of_units(units: i128) -> Self {
        Self(units)
    }

    /// The nearest double, for showing and for comparing with cells.
    pub fn real(self) -> f64 {
        // Invariant: what is displayed is a decimal number.
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// In units of 10⁻¹⁵; `None` if it is negative or does not fit.
    pub fn femto(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }
}

impl FromStr for Decimal {
    type Err = NotADecimal;

    /// Reads `-12.5`, `1e-6`, `1_000`; whatever TOML and SQL take for a finite decimal number.
    fn from_str(text: &str) -> Result<Self, NotADecimal> {
        let text = text.replace('_', "");
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(&text)),
        };
        let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| NotADecimal)?),
            None => (digits, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: String = [whole, fraction].concat();
        if all.is_empty() || all.len() > 60 || !all.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NotADecimal);
        }
        let significant = all.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self(0));
        }
        // The value is `significant` × 10^power, with power counted from the last digit that is kept.
        let dropped = all.trim_start_matches('0').len() - significant.len();
        let power = i64::from(exponent) - fraction.len() as i64 + dropped as i64 + PLACES as i64;
        let power = u32::try_from(power).map_err(|_| NotADecimal)?;
        let units = significant
            .parse::<i128>()
            .ok()
            .zip(10_i128.checked_pow(power))
            .and_then(|(digits, scale)| digits.checked_mul(scale))
            .filter(|units| *units <= LIMIT)
            .ok_or(NotADecimal)?;
        Ok(Self(if negative { -units } else { units }))
    }
}

impl fmt::Display for Decimal {
    /// The shortest form: `8`, `0.5`, `-0.000001`. Reading it again gives the same number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.0.unsigned_abs();
        let (whole, fraction) = (units / ONE as u128, units % ONE as u128);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{fraction:0PLACES$}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_what_was_written() {
        for (text, shown, micro) in [
            ("0.1", "0.1", Some(100_000)),
            ("1e-6", "0.000001", Some(1)),
            ("1_000.50", "1000.5", Some(1_000_500_000)),
            ("+8.0", "8", Some(8_000_000)),
            ("100", "100", Some(100_000_000)),
            ("1.5E2", "150", Some(150_000_000)),
            ("-0.0", "0", Some(0)),
            ("-2.50", "-2.5", None),
            ("1e-9", "0.000000001", None),
            ("0.0000000000000000000", "0", Some(0)),
        ] {
            let decimal: Decimal = text.parse().unwrap();
            assert_eq!((decimal.to_string().as_str(), decimal.micro()), (shown, micro), "{text}");
            assert_eq!(shown.parse(), Ok(decimal));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "e5",
            "nan",
            "inf",
            "-inf",
            "1e20",
            "1e-16",
            "1e99999999999",
            "0x10",
            "1,5",
            "1e",
            "--1",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(NotADecimal), "{text}");
        }
    }
}
