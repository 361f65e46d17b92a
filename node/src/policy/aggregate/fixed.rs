//! A measure as whole steps.
//!
//! Sums are of integers, because a sum of doubles depends on the order of the rows and its last digits give single
//! values away (Mironov 2012; Casacuberta et al. 2022). A cell is clamped to the contract's bounds and rounded to
//! the nearest step, alone and whatever it is: no value makes a question fail (hostile.md, B12).

use crate::policy::Decimal;

/// The largest magnitude of one customer's value, in steps: 2³² customers of it stay below 2⁶².
pub(super) const LARGEST: i64 = 1 << 30;

/// The largest magnitude whose square is not larger than that.
const ROOT: i64 = 1 << 15;

/// The bounds of a measure in steps, and the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedPoint {
    low: i64,
    high: i64,
    step: Decimal,
}

impl FixedPoint {
    /// For these bounds. Without a step it is the smallest power of ten that divides neither their distance into
    /// more than ten million parts nor the larger of them into more than a thousand million: cents, for 0 to 50,000.
    ///
    /// `None` when the step is not positive, larger than the distance, or so small that a sum could overflow.
    pub fn new(low: Decimal, high: Decimal, step: Option<Decimal>) -> Option<Self> {
        let (low, high) = (low.units(), high.units());
        let (distance, largest) = (high - low, low.abs().max(high.abs()));
        let step = step.map_or_else(
            || {
                let mut step = 1;
                while step < distance / 10_000_000 || step < largest / 1_000_000_000 {
                    step *= 10;
                }
                step
            },
            Decimal::units,
        );
        if step <= 0 || step > distance {
            return None;
        }
        let steps = |units: i128| i64::try_from((2 * units + step).div_euclid(2 * step)).ok();
        let (low, high) = (steps(low)?, steps(high)?);
        let fits = |bound: i64| (-LARGEST..=LARGEST).contains(&bound);
        (fits(low) && fits(high) && low < high).then_some(Self { low, high, step: Decimal::of_units(step) })
    }

    /// A cell in steps: clamped, rounded to the nearest. No number is no value; ±∞ are the bounds.
    pub fn quantise(&self, cell: f64) -> Option<i64> {
        if cell.is_nan() {
            return None;
        }
        let steps = (cell / self.step.real()).round().clamp(self.low as f64, self.high as f64);
        // Within ±2³⁰, so the conversion is exact.
        Some(steps as i64)
    }

    /// The lower bound in steps.
    pub const fn low(&self) -> i64 {
        self.low
    }

    /// The upper bound in steps.
    pub const fn high(&self) -> i64 {
        self.high
    }

    /// What a step is worth.
    pub fn step(&self) -> f64 {
        self.step.real()
    }

    /// The step as the contract would write it.
    pub const fn step_decimal(&self) -> Decimal {
        self.step
    }

    /// The middle of the bounds. A mean is added up around it, because values around 0 are half as large, and
    /// their noise is.
    pub const fn centre(&self) -> i64 {
        (self.low + self.high).div_euclid(2)
    }

    /// The most that a value is away from the centre.
    pub const fn reach(&self) -> i64 {
        let (centre, mut reach) = (self.centre(), self.high - self.centre());
        if centre - self.low > reach {
            reach = centre - self.low;
        }
        reach
    }

    /// The largest magnitude.
    pub const fn largest(&self) -> i64 {
        if -self.low > self.high { -self.low } else { self.high }
    }

    /// How many steps one step of a squared value has: squares of fine steps would overflow.
    pub const fn squared_by(&self) -> i64 {
        (self.reach() + ROOT - 1).div_euclid(ROOT)
    }

    /// The square of the distance from the centre, in squares of `squared_by` steps.
    pub const fn square(&self, steps: i64) -> i64 {
        let by = self.squared_by();
        let distance = (2 * (steps - self.centre()) + by).div_euclid(2 * by);
        distance * distance
    }

    /// A value in steps of `by`, the nearest.
    pub const fn coarse(steps: i64, by: i64) -> i64 {
        (2 * steps + by).div_euclid(2 * by)
    }

    /// The distance from the centre in steps of `by`, the nearest.
    pub const fn distance(&self, steps: i64, by: i64) -> i64 {
        Self::coarse(steps - self.centre(), by)
    }

    /// The largest such square.
    pub const fn largest_square(&self) -> i64 {
        let (low, high) = (self.square(self.low), self.square(self.high));
        if low > high { low } else { high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(low: &str, high: &str, step: Option<&str>) -> Option<FixedPoint> {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        FixedPoint::new(decimal(low), decimal(high), step.map(decimal))
    }

    #[test]
    fn t06_whatever_a_cell_is_it_is_clamped_or_no_value() {
        let balance = of("0", "50000", None).unwrap();
        assert_eq!(balance.step_decimal().to_string(), "0.01");
        for (cell, steps) in [
            (f64::INFINITY, Some(5_000_000)),
            (f64::NEG_INFINITY, Some(0)),
            (f64::NAN, None),
            (-0.0, Some(0)),
            (f64::MAX, Some(5_000_000)),
            (f64::MIN_POSITIVE, Some(0)),
            (-1.0, Some(0)),
            (12.344, Some(1234)),
            (12.346, Some(1235)),
        ] {
            assert_eq!(balance.quantise(cell), steps, "{cell}");
        }
    }

    #[test]
    fn t07_no_step_lets_a_sum_overflow() {
        for (low, high, step) in [
            ("0", "50000", None),
            ("-1", "1", None),
            ("0", "1e12", None),
            ("-1e12", "1e12", None),
            ("0", "0.000000000001", None),
            ("999999", "1000000", None),
            ("0", "1073741824", Some("1")),
        ] {
            let fixed = of(low, high, step).unwrap_or_else(|| panic!("{low} {high}"));
            let most = i128::from(fixed.largest().max(fixed.largest_square())) * (1 << 32);
            assert!(most <= 1 << 62, "{low} {high}");
        }
        for (low, high, step) in [
            ("0", "1073741825", Some("1")),
            ("0", "50000", Some("0.00001")),
            ("0", "1", Some("0")),
            ("0", "1", Some("-0.1")),
            ("0", "1", Some("2")),
            ("1000000000", "1000000001", None),
        ] {
            assert_eq!(of(low, high, step), None, "{low} {high} {step:?}");
        }
    }

    #[test]
    fn a_mean_is_added_up_around_the_middle() {
        let fixed = of("-10", "30", Some("1")).unwrap();
        assert_eq!((fixed.centre(), fixed.reach(), fixed.largest()), (10, 20, 30));
        assert_eq!((fixed.square(-10), fixed.square(13), fixed.largest_square()), (400, 9, 400));
    }
}
