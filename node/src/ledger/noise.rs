//! What the record of a question says of the noise of each figure that it pays for.
//!
//! The attack it stops: a price that stands in the log, and noise that was never as wide as that. Either follows from
//! the other, so whoever holds nothing but the records computes both again.

use std::fmt;

use serde::{Deserialize, Serialize};
use tacit_protocol::noise::{NoiseError, Variance};

use crate::policy::Decimal;

/// The name of the discrete Gaussian (Canonne, Kamath and Steinke 2020) in records.
const GAUSSIAN: &str = "discrete-gaussian";

/// The name of the padding of a number of customers: a truncated double geometric, never less than the number.
const PADDING: &str = "truncated-double-geometric";

/// Sums of a training over all rows: products of columns, and of columns with residuals.
pub const MOMENTS: &str = "moments";
/// See [`MOMENTS`].
pub const GRADIENT: &str = "gradient";
/// Counts of customers by score and target, of which a model's figures are made.
pub const EVALUATION: &str = "evaluation";

/// The noise of one paid figure. All buckets of one measure are one: a customer is in one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// What is added up: `customers`, `values`, `sum`, `centred-sum`, `squares`, `buckets`; over an overlap
    /// `sum-of-products` and the sums of a correlation; `size` for a number of customers that is padded; in a training
    /// `moments` and `gradient`.
    pub figure: String,
    /// Over an overlap, where Δ depends on it: which part the owner of the hidden customers plays, `looks-up` or
    /// `is-looked-up`. Sizes decide that later; one of the two holds, at one price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Of which column; none for customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// `discrete-gaussian`.
    pub mechanism: String,
    /// What a step is worth, `1` where customers are counted; of squares, the side of one.
    pub step: String,
    /// Δ₂: by how much one customer changes all groups of it at most, in steps; rounded up.
    pub sensitivity: u64,
    /// Δ₂², where Δ₂ is no whole number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub squared: Option<String>,
    /// σ in steps: four decimals, rounded up. Of a padding its ε.
    pub sigma: String,
    /// ρ of the figure, in billionths.
    pub nano_rho: u64,
    /// How many figures are like this one, each with noise and a price of its own; one if it is not told. The rounds of a
    /// training have many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
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
        Self::wide(figure, column, step, u128::from(sensitivity).pow(2), nano_rho)
    }

    /// The same by Δ².
    ///
    /// # Errors
    /// There is none of such a width.
    pub fn wide(
        figure: &str,
        column: Option<&str>,
        step: String,
        squared: u128,
        nano_rho: u64,
    ) -> Result<Self, NoiseError> {
        let (sensitivity, whole) = root_up(squared).ok_or(NoiseError::SensitivityOutOfRange)?;
        Ok(Self {
            figure: figure.to_owned(),
            part: None,
            column: column.map(str::to_owned),
            mechanism: GAUSSIAN.to_owned(),
            step,
            sensitivity,
            squared: (!whole).then(|| squared.to_string()),
            sigma: sigma(squared, nano_rho)?,
            nano_rho,
            times: None,
        })
    }

    /// A number of customers that is padded at this ε, in millionths: ρ = ε²/2 (Bun and Steinke 2016, proposition 1.4).
    pub fn padding(epsilon_micro: u64) -> Self {
        Self {
            figure: "size".to_owned(),
            part: None,
            column: None,
            mechanism: PADDING.to_owned(),
            step: "1".to_owned(),
            sensitivity: 1,
            squared: None,
            sigma: Decimal::of_micro(epsilon_micro).to_string(),
            nano_rho: half_squared(epsilon_micro),
            times: None,
        }
    }

    /// How many figures are like this one.
    pub fn count(&self) -> u64 {
        self.times.unwrap_or(1).into()
    }

    /// What all of them cost, in billionths of ρ; none if that is more than there is.
    pub fn cost(&self) -> Option<u64> {
        self.nano_rho.checked_mul(self.count())
    }

    /// Whether it is of a training, whose rounds divide one price unevenly.
    pub fn is_training(&self) -> bool {
        [MOMENTS, GRADIENT, EVALUATION].contains(&self.figure.as_str())
    }

    /// Whether it is a padding and no noise on a figure.
    pub fn is_padding(&self) -> bool {
        self.mechanism == PADDING
    }

    /// Whether σ is what Δ and ρ make it.
    pub fn holds(&self) -> bool {
        match self.mechanism.as_str() {
            GAUSSIAN => {
                let squared = match &self.squared {
                    None => Some(u128::from(self.sensitivity).pow(2)),
                    Some(text) => text.parse().ok(),
                };
                squared.is_some_and(|squared| {
                    root_up(squared).is_some_and(|(root, _)| root == self.sensitivity)
                        && sigma(squared, self.nano_rho).is_ok_and(|s| s == self.sigma)
                })
            }
            PADDING => {
                let epsilon = self.sigma.parse::<Decimal>().ok().and_then(Decimal::micro);
                let fits = |epsilon| epsilon <= MOST_PADDING && half_squared(epsilon) == self.nano_rho;
                self.sensitivity == 1 && self.squared.is_none() && epsilon.is_some_and(fits)
            }
            _ => false,
        }
    }
}

/// The largest ε that a padding has, in millionths; far more than any.
const MOST_PADDING: u64 = 1_000_000;

/// ε²/2 in billionths, rounded up.
const fn half_squared(epsilon_micro: u64) -> u64 {
    (epsilon_micro * epsilon_micro).div_ceil(2_000)
}

/// The root, rounded up, and whether it is whole.
fn root_up(squared: u128) -> Option<(u64, bool)> {
    let root = squared.isqrt();
    let whole = root * root == squared;
    u64::try_from(root).ok()?.checked_add(u64::from(!whole)).map(|root| (root, whole))
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, column, mechanism, step, sensitivity, sigma, .. } = self;
        write!(f, "{figure}")?;
        if let Some(column) = column {
            write!(f, " of {column}")?;
        }
        if self.is_padding() {
            return write!(f, ": {mechanism}, ε {sigma}");
        }
        match &self.squared {
            None => write!(f, ": {mechanism}, Δ {sensitivity}, σ {sigma}")?,
            Some(squared) => write!(f, ": {mechanism}, Δ² {squared}, σ {sigma}")?,
        }
        if step != "1" {
            write!(f, " steps of {step}")?;
        }
        if let Some(times) = self.times {
            write!(f, ", {times} times")?;
        }
        self.part.as_ref().map_or(Ok(()), |part| write!(f, ", if its owner {}", part.replace('-', " ")))
    }
}

fn sigma(squared: u128, nano_rho: u64) -> Result<String, NoiseError> {
    if nano_rho == 0 {
        return Err(NoiseError::PriceTooSmall);
    }
    let num = squared.checked_mul(500_000_000).ok_or(NoiseError::VarianceOutOfRange)?;
    let e4 = Variance::new(num, nano_rho.into())?.sigma_e4_up();
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
            Noise { squared: Some("2".to_owned()), ..count.clone() },
            Noise { squared: Some("one".to_owned()), ..count.clone() },
        ] {
            assert!(!false_one.holds(), "{false_one:?}");
        }
    }

    #[test]
    fn noise_04_a_sensitivity_that_is_no_whole_number_is_told_by_its_square() {
        // Two keys and groups: a customer who can be found twice changes three groups, Δ² = 5.
        let count = Noise::wide("customers", None, "1".to_owned(), 5, 20_000_000).unwrap();
        assert_eq!((count.sensitivity, count.squared.as_deref(), count.holds()), (3, Some("5"), true));
        assert_eq!(count.sigma, "11.1804");
        assert!(!Noise { squared: None, ..count.clone() }.holds());
        assert!(!Noise { sensitivity: 2, ..count }.holds());
        let size = Noise::padding(20_000);
        assert_eq!((size.nano_rho, size.holds()), (200_000, true));
        assert_eq!(size.to_string(), "size: truncated-double-geometric, ε 0.02");
        for false_one in [
            Noise { nano_rho: 100_000, ..size.clone() },
            Noise { sigma: "0.01".to_owned(), ..size.clone() },
            Noise { sigma: "18446744073".to_owned(), ..size.clone() },
            Noise { sensitivity: 2, ..size },
        ] {
            assert!(!false_one.holds(), "{false_one:?}");
        }
    }
}
