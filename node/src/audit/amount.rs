//! Amounts of privacy as people read them. The log counts in whole nano-ρ; what is shown here decides nothing.

use tacit_protocol::noise::{self, Rational};

/// ρ with its nine decimals, without trailing zeros: `0.005`.
pub fn rho(nano: u64) -> String {
    decimal(nano, 9)
}

/// δ in the usual form: `5e-7`; `0` for none.
pub fn delta(atto: u64) -> String {
    let shown = format!("{atto:e}");
    // An integer's exponent is never negative, and always there.
    let (digits, power) = shown.split_once('e').unwrap_or((&shown, "0"));
    let power = power.parse::<i32>().unwrap_or_default() - 18;
    if atto == 0 { "0".to_owned() } else { format!("{digits}e{power}") }
}

/// Whole units of 10^−places as a decimal number.
fn decimal(units: u64, places: usize) -> String {
    let digits = format!("{units:0>width$}", width = places + 1);
    let (whole, rest) = digits.split_at(digits.len() - places);
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
}

/// ε that ρ amounts to at a δ of 10⁻¹⁸·`atto`, rounded up (Canonne, Kamath and Steinke 2020); `None` where
/// that δ is none, or the sum is beyond any budget.
pub fn epsilon(nano: u64, atto: u64) -> Option<f64> {
    let delta = Rational::new(atto, 1_000_000_000_000_000_000).ok()?;
    noise::epsilon_of(nano, delta).ok().map(|epsilon| epsilon as f64 * 1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rho_is_shown_exactly() {
        assert_eq!(
            (rho(5_000_000).as_str(), rho(0).as_str(), rho(1).as_str()),
            ("0.005", "0", "0.000000001")
        );
        assert_eq!(rho(u64::MAX), "18446744073.709551615");
        assert_eq!((delta(0).as_str(), delta(500_000_000_000).as_str()), ("0", "5e-7"));
    }

    #[test]
    fn epsilon_is_that_of_the_accountant() {
        // privacy.md 3: at δ = 1e-6.
        for (nano, expected) in
            [(5_000_000, 0.429_941_468_8), (20_000_000, 0.899_935_267_7), (125_000_000, 2.419_093_176_9)]
        {
            let found = epsilon(nano, 1_000_000_000_000).unwrap();
            assert!((found - expected).abs() < 1e-8, "{nano}: {found}");
        }
        assert_eq!((epsilon(0, 1), epsilon(7, 0)), (Some(0.0), None));
    }
}
