//! What figures over one partner's table are made of, before a row is read.
//!
//! Both nodes compute the same plan from the question and the contract: which groups there are, which integers
//! are added up in each, how much noise each gets and what that costs. So the owner cannot send less, the asker
//! cannot be charged more, and nothing of it depends on data.
//!
//! # How a customer counts
//!
//! One customer is in at most one group, by one of its rows (`scan::aggregate` says by which), and changes each
//! integer of that group by at most the column's sensitivity Δ. So Δ₂ of a column over all its groups is Δ, and
//! the noise is a discrete Gaussian with σ² = Δ²/2ρ (Canonne, Kamath and Steinke 2020, theorem 4).
//!
//! # What a question costs
//!
//! ε and δ of a question become ρ = the largest with ε(ρ, δ/2) ≤ ε. It is divided evenly among the noisy figures:
//! a count, a sum, a sum of squares; all buckets of one measure together are one, because a customer is in one
//! bucket only. An average needs two (sum, count), a standard deviation three; what several figures need is there
//! once.

mod cells;
mod columns;
mod error;
mod fixed;
mod price;

pub use cells::Axis;
pub(super) use cells::{axes, few_enough};
pub(super) use columns::measure;
pub use columns::{Measure, Moment, NoisyColumn, Quantity};
pub use error::AggregateError;
pub use fixed::FixedPoint;
pub use price::{Price, ceiling, lifetime, within};
pub(super) use price::{affordable, settle};

use super::{DatasetTerms, Decimal, PrivacyTerms, error::Under};
use crate::query::{Aggregates, Filter};

/// The most integers of an answer.
const MOST_VALUES: usize = 1 << 16;

/// The plan of a question; see the module.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregatePlan {
    axes: Vec<Axis>,
    measures: Vec<Measure>,
    columns: Vec<NoisyColumn>,
    min_group: u32,
    price: Price,
}

impl AggregatePlan {
    /// The groups and the integers, without a price.
    pub(super) fn shape(
        aggregates: &Aggregates,
        filter: Option<&Filter>,
        dataset: &DatasetTerms,
        privacy: &PrivacyTerms,
        under: &dyn Fn() -> Under,
    ) -> Result<Self, AggregateError> {
        let axes = axes(aggregates, filter, dataset, under)?;
        few_enough(&axes, cells::MOST, None)?;
        let (measures, columns) = columns::columns(aggregates, dataset, under)?;
        let plan = Self { axes, measures, columns, min_group: privacy.min_group, price: Price::NONE };
        if plan.cells() * plan.columns.len() > MOST_VALUES {
            let most = MOST_VALUES / plan.columns.len();
            return Err(AggregateError::TooManyGroups {
                groups: Some(plan.cells() as u64),
                most,
                home: None,
            });
        }
        Ok(plan)
    }

    /// The groups and integers of a question over the overlap, without a price; `policy::join` makes them.
    pub(super) const fn of_join(
        axes: Vec<Axis>,
        measures: Vec<Measure>,
        columns: Vec<NoisyColumn>,
        min_group: u32,
    ) -> Self {
        Self { axes, measures, columns, min_group, price: Price::NONE }
    }

    /// At this price.
    pub(super) const fn at(mut self, price: Price) -> Self {
        self.price = price;
        self
    }

    /// The same with its price for this ε, in millionths, and δ, in units of 10⁻¹⁵.
    pub(super) fn priced(mut self, epsilon_micro: u64, delta_femto: u64) -> Result<Self, AggregateError> {
        self.price = Price::of(epsilon_micro, delta_femto, self.shares())?;
        let price = self.price;
        if self.columns.iter().any(|column| !price.is_possible(column)) {
            let (asked, figures) = (Decimal::of_micro(epsilon_micro), self.shares());
            return Err(AggregateError::TooLittle { asked, figures });
        }
        Ok(self)
    }

    /// The columns that it is grouped by.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The columns that are measured.
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// The integers of every group, in the order in which they are sent.
    pub fn columns(&self) -> &[NoisyColumn] {
        &self.columns
    }

    /// How many groups there are; 1 without GROUP BY.
    pub fn cells(&self) -> usize {
        // At most `cells::MOST`.
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// The values of a group, in the order of the axes. Groups are numbered with the last axis fastest.
    pub fn cell(&self, mut number: usize) -> Vec<&str> {
        let mut values: Vec<&str> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            values.push(&axis.values[number % axis.values.len()]);
            number /= axis.values.len();
        }
        values.reverse();
        values
    }

    /// The place of a quantity among the columns.
    pub fn place(&self, quantity: Quantity) -> Option<usize> {
        self.columns.iter().position(|column| column.quantity == quantity)
    }

    /// The column whose noisy count says whether a group is shown.
    pub fn threshold(&self) -> usize {
        let counts = |quantity: Quantity| {
            matches!(
                quantity,
                Quantity::Customers | Quantity::Values(_) | Quantity::Pair(_, _, Moment::Count)
            )
        };
        // `columns` has put one there.
        self.columns.iter().position(|column| counts(column.quantity)).unwrap_or_default()
    }

    /// For each column the count that says whether it is shown: the measure's own where there is one, for the
    /// measure may have no value where there are customers.
    pub fn guard(&self, column: usize) -> usize {
        let own = match self.columns[column].quantity {
            Quantity::Customers | Quantity::Product(..) => None,
            Quantity::Pair(one, other, _) => self.place(Quantity::Pair(one, other, Moment::Count)),
            Quantity::Values(of)
            | Quantity::Sum(of)
            | Quantity::Centred(of)
            | Quantity::Squares(of)
            | Quantity::Bucket(of, _) => self.place(Quantity::Values(of)),
        };
        own.unwrap_or_else(|| self.threshold())
    }

    /// Noisy groups below this are suppressed.
    pub const fn min_group(&self) -> u32 {
        self.min_group
    }

    /// How many figures share the price.
    pub fn shares(&self) -> u32 {
        let whole =
            |column: &&NoisyColumn| !matches!(column.quantity, Quantity::Bucket(_, bucket) if bucket > 0);
        self.columns.iter().filter(whole).count() as u32
    }

    /// What the question costs.
    pub const fn price(&self) -> &Price {
        &self.price
    }
}
