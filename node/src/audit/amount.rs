//! Amounts of privacy as people read them. The log counts in whole nano-ρ; what is shown here decides nothing.

use tacit_protocol::log::Amount;

/// Sums amounts; a sum beyond the range stays at its end, which no limit reaches.
pub fn add(one: Amount, other: Amount) -> Amount {
    Amount {
        nano_rho: one.nano_rho.saturating_add(other.nano_rho),
        atto_delta: one.atto_delta.saturating_add(other.atto_delta),
    }
}

/// What is left of a limit.
pub fn left(limit: Amount, used: Amount) -> Amount {
    Amount {
        nano_rho: limit.nano_rho.saturating_sub(used.nano_rho),
        atto_delta: limit.atto_delta.saturating_sub(used.atto_delta),
    }
}

/// Whether nothing of either is there.
pub fn is_nothing(amount: Amount) -> bool {
    amount == Amount::default()
}

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

/// ε that ρ amounts to at δ (CKS20, corollary 13 with α chosen as in proposition 12), for reading; `None`
/// where there is no δ. A limit is 10⁻¹⁸·`atto` of δ.
pub fn epsilon(nano: u64, atto: u64) -> Option<f64> {
    if atto == 0 {
        return None;
    }
    if nano == 0 {
        return Some(0.0);
    }
    let (rho, wanted) = (nano as f64 * 1e-9, (atto as f64 * 1e-18).ln());
    let (mut low, mut high) = (0.0, rho + 2.0 * (rho * -wanted).sqrt() + 1.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if ln_delta(rho, middle) > wanted { low = middle } else { high = middle }
    }
    Some(high)
}

/// ln δ(ρ, ε) of CKS20: the least over α > 1, found by bisection of its derivative.
fn ln_delta(rho: f64, epsilon: f64) -> f64 {
    let slope = |alpha: f64| (2.0 * alpha - 1.0) * rho - epsilon + (-1.0 / alpha).ln_1p();
    let (mut low, mut high) = (1.000_001, (epsilon + 1.0) / (2.0 * rho) + 2.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    let alpha = high;
    let exponent = (alpha - 1.0) * (alpha * rho - epsilon) + alpha * (-1.0 / alpha).ln_1p();
    (exponent - (alpha - 1.0).ln()).min(0.0)
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

    #[test]
    fn nothing_wraps() {
        let most = Amount { nano_rho: u64::MAX, atto_delta: 1 };
        assert_eq!(add(most, most).nano_rho, u64::MAX);
        assert!(is_nothing(left(Amount::default(), most)));
    }
}
