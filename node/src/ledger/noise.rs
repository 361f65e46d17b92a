//! What the record of a question says of the noise of each figure that it pays for.
//!
//! The attack it stops: a price that stands in the log, and noise that was never as wide as that. Either follows from
//! the other, so whoever holds nothing but the records computes both again.

use std::fmt;

use serde::{Deserialize, Serialize};
use tacit_protocol::noise::{NoiseError, Variance};

/// The name of the discrete Gaussian (Canonne, Kamath and Steinke 2020) in records.
const GAUSSIAN: &str = "discrete-gaussian";

/// The noise of one paid figure. All buckets of one measure are one: a customer is in one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// What is added up: `customers`, `values`, `sum`, `centred-sum`, `squares`, `buckets`.
    pub figure: String,
    /// Of which column; none for customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// `discrete-gaussian`.
    pub mechanism: String,
    /// What a step is worth, `1` where customers are counted; of squares, the side of one.
    pub step: String,
    /// Δ₂: by how much one customer changes all groups of it at most, in steps.
    pub sensitivity: u64,
    /// σ in steps: four decimals, rounded up.
    pub sigma: String,
    /// ρ of the figure, in billionths.
    pub nano_rho: u64,
}

impl Noise {
    /// Gaussian noise of this price: σ² = Δ²/2ρ (NOISE-04).
    ///
    /// # Errors
    /// There is none of such a width.
    pub fn gaussian(
        figure: &str,
        column: Option<&str>,
        step: String,
        sensitivity: u64,
        nano_rho: u64,
    ) -> Result<Self, NoiseError> {
        Ok(Self {
            figure: figure.to_owned(),
            column: column.map(str::to_owned),
            mechanism: GAUSSIAN.to_owned(),
            step,
            sensitivity,
            sigma: sigma(sensitivity, nano_rho)?,
            nano_rho,
        })
    }

    /// Whether σ is what Δ and ρ make it.
    pub fn holds(&self) -> bool {
        self.mechanism == GAUSSIAN && sigma(self.sensitivity, self.nano_rho).is_ok_and(|s| s == self.sigma)
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, column, mechanism, step, sensitivity, sigma, .. } = self;
        write!(f, "{figure}")?;
        if let Some(column) = column {
            write!(f, " of {column}")?;
        }
        write!(f, ": {mechanism}, Δ {sensitivity}, σ {sigma}")?;
        if step == "1" { Ok(()) } else { write!(f, " steps of {step}") }
    }
}

fn sigma(sensitivity: u64, nano_rho: u64) -> Result<String, NoiseError> {
    let e4 = Variance::of_price(nano_rho, sensitivity)?.sigma_e4_up();
    Ok(format!("{}.{:04}", e4 / 10_000, e4 % 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_04_sigma_follows_from_sensitivity_and_price() {
        // ρ = 1/2σ²: 0.02 is σ = 5 for one customer, and 50,000 times as much for a sum of values up to 50,000.
        let count = Noise::gaussian("customers", None, "1".to_owned(), 1, 20_000_000).unwrap();
        assert_eq!((count.sigma.as_str(), count.holds()), ("5.0000", true));
        assert_eq!(count.to_string(), "customers: discrete-gaussian, Δ 1, σ 5.0000");
        let sum = Noise::gaussian("sum", Some("balance"), "0.01".to_owned(), 50_000, 20_000_000).unwrap();
        assert_eq!((sum.sigma.as_str(), sum.holds()), ("250000.0000", true));
        assert_eq!(
            sum.to_string(),
            "sum of balance: discrete-gaussian, Δ 50000, σ 250000.0000 steps of 0.01"
        );
        for false_one in [
            Noise { sigma: "4.9999".to_owned(), ..count.clone() },
            Noise { nano_rho: count.nano_rho + 1_000_000, ..count.clone() },
            Noise { sensitivity: 2, ..count.clone() },
            Noise { mechanism: "laplace".to_owned(), ..count.clone() },
            Noise { nano_rho: 0, ..count.clone() },
        ] {
            assert!(!false_one.holds(), "{false_one:?}");
        }
    }
}
