//! What a side brings of a customer: small integers that both sides know the bounds of.

use crate::policy::{FixedPoint, Measure};

/// A number that a side brings of each customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// What it is.
    pub kind: TermKind,
    /// The least that it can be; never more than 0, which stands for no value.
    pub low: i64,
    /// The most that it can be; never less than 0.
    pub high: i64,
}

/// What a term is made of. The first number is the measure's place among those of its side, the second how many
/// steps of the contract's one step here is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TermKind {
    /// 1, if the measure has a value.
    Values(usize),
    /// The measure in steps.
    Sum(usize),
    /// Its distance from its middle in steps.
    Centred(usize),
    /// The square of that; see [`FixedPoint::square`].
    Squares(usize),
    /// The measure in coarse steps.
    Coarse(usize, i64),
    /// Its distance from its middle in coarse steps.
    Distance(usize, i64),
    /// The square of that.
    DistanceSquare(usize, i64),
}

impl TermKind {
    /// The measure's place among those of its side.
    pub const fn measure(self) -> usize {
        match self {
            Self::Values(of)
            | Self::Sum(of)
            | Self::Centred(of)
            | Self::Squares(of)
            | Self::Coarse(of, _)
            | Self::Distance(of, _)
            | Self::DistanceSquare(of, _) => of,
        }
    }

    /// Of a measure with a value.
    fn of(self, fixed: &FixedPoint, steps: i64) -> i64 {
        match self {
            Self::Values(_) => 1,
            Self::Sum(_) => steps,
            Self::Centred(_) => steps - fixed.centre(),
            Self::Squares(_) => fixed.square(steps),
            Self::Coarse(_, by) => FixedPoint::coarse(steps, by),
            Self::Distance(_, by) => fixed.distance(steps, by),
            Self::DistanceSquare(_, by) => fixed.distance(steps, by).pow(2),
        }
    }
}

impl Term {
    /// The term of this kind over these measures.
    pub(super) fn new(kind: TermKind, measures: &[Measure]) -> Self {
        let fixed = &measures[kind.measure()].fixed;
        // Each is monotonous on either side of the middle.
        let ends = [fixed.low(), fixed.high(), fixed.centre()].map(|steps| kind.of(fixed, steps));
        let low = ends.into_iter().fold(0, i64::min);
        Self { kind, low, high: ends.into_iter().fold(0, i64::max) }
    }

    /// What a customer brings whose measures are these, in steps: 0 if it has no value.
    pub fn value(&self, measures: &[Measure], steps: impl Fn(usize) -> Option<i64>) -> i64 {
        let of = self.kind.measure();
        steps(of).map_or(0, |steps| self.kind.of(&measures[of].fixed, steps))
    }

    /// Between what it lies.
    pub const fn span(&self) -> [i64; 2] {
        [self.low, self.high]
    }

    /// How many bits hold it: two's complement if it can be negative, the sign's bit then among them.
    pub fn bits(&self) -> u32 {
        let magnitude = |number: i64| 64 - number.leading_zeros();
        if self.low == 0 {
            return magnitude(self.high);
        }
        // −2ⁿ ≤ low, high < 2ⁿ.
        let (below, above) = (magnitude(-(self.low + 1)), magnitude(self.high));
        1 + below.max(above)
    }
}
