//! Which noisy integers a question needs, and by how much one customer changes each.

use std::collections::BTreeSet;

use super::{AggregateError, FixedPoint};
use crate::{
    policy::{DatasetTerms, error::Under},
    query::{Aggregate, Aggregates, ColumnName},
};

/// A column that is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The column, in the owner's spelling.
    pub name: ColumnName,
    /// How its cells become integers.
    pub fixed: FixedPoint,
    /// The edges of its buckets in steps; none where no quantile is asked for.
    pub edges: Vec<i64>,
    /// The same edges as the contract has them.
    pub shown_edges: Vec<f64>,
}

/// What one integer of a group is the sum of, over its customers. The number is the measure's place in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// 1.
    Customers,
    /// 1, for customers whose measure has a value.
    Values(usize),
    /// The measure in steps.
    Sum(usize),
    /// The measure's distance from its middle in steps.
    Centred(usize),
    /// The square of that; see [`FixedPoint::square`].
    Squares(usize),
    /// 1, for customers whose measure lies in this bucket.
    Bucket(usize, usize),
    /// The product of two partners' measures, each in coarse steps; see `policy::join`.
    Product(usize, usize),
    /// One of the six sums that a correlation of two partners' measures is made of.
    Pair(usize, usize, Moment),
}

/// What is added up of two measures u and v, as distances from their middles in coarse steps, over the customers
/// that have a value of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// 1.
    Count,
    /// u.
    First,
    /// v.
    Second,
    /// u².
    FirstSquare,
    /// v².
    SecondSquare,
    /// u·v.
    Product,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Count, Self::First, Self::Second, Self::FirstSquare, Self::SecondSquare, Self::Product];
}

/// One integer of every group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoisyColumn {
    /// What it adds up.
    pub quantity: Quantity,
    /// By how much one customer changes it at most, in one group: it is in no other.
    pub sensitivity: u64,
}

impl Measure {
    /// The bucket of a value; the first and the last also take what lies beyond.
    pub fn bucket(&self, steps: i64) -> usize {
        let inner = self.edges.get(1..self.edges.len().saturating_sub(1)).unwrap_or_default();
        inner.partition_point(|edge| *edge <= steps)
    }

    /// How many buckets there are.
    pub fn buckets(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }
}

/// The measures and the integers of a question. One that several figures need is there once, and is paid once.
pub(super) fn columns(
    aggregates: &Aggregates,
    dataset: &DatasetTerms,
    under: &dyn Fn() -> Under,
) -> Result<(Vec<Measure>, Vec<NoisyColumn>), AggregateError> {
    let figures = aggregates.computed();
    let names: BTreeSet<&ColumnName> = figures.iter().flat_map(|figure| figure.measures()).collect();
    let measures = names
        .iter()
        .map(|name| {
            let quantiles = figures.iter().any(|f| matches!(f, Aggregate::Quantile(of, _) if of == *name));
            measure(name, quantiles, dataset, under)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let place = |wanted: &ColumnName| names.iter().position(|name| *name == wanted).unwrap_or_default();
    let summed =
        |measure: usize| figures.iter().any(|f| matches!(f, Aggregate::Sum(of) if place(of) == measure));
    let mut quantities = BTreeSet::new();
    for figure in &figures {
        match figure {
            Aggregate::Group(_) => {}
            Aggregate::Count => drop(quantities.insert(Quantity::Customers)),
            Aggregate::Sum(of) => drop(quantities.insert(Quantity::Sum(place(of)))),
            Aggregate::Average(of) | Aggregate::StandardDeviation(of) => {
                let of = place(of);
                quantities.insert(Quantity::Values(of));
                // A sum that is asked for anyway tells the mean as well.
                quantities.insert(if summed(of) { Quantity::Sum(of) } else { Quantity::Centred(of) });
                if matches!(figure, Aggregate::StandardDeviation(_)) {
                    quantities.insert(Quantity::Squares(of));
                }
            }
            Aggregate::Quantile(of, _) => {
                let of = place(of);
                quantities.extend((0..measures[of].buckets()).map(|bucket| Quantity::Bucket(of, bucket)));
            }
            // Of two partners' columns; a question over one table has none.
            Aggregate::Product(..) | Aggregate::Correlation(..) => {}
        }
    }
    // Somebody has to say whether a group is large enough to be shown.
    if !quantities.iter().any(|quantity| matches!(quantity, Quantity::Customers | Quantity::Values(_))) {
        quantities.insert(Quantity::Customers);
    }
    let columns = quantities.into_iter().map(|quantity| {
        let sensitivity = match quantity {
            Quantity::Customers | Quantity::Values(_) | Quantity::Bucket(..) => 1,
            Quantity::Sum(of) => measures[of].fixed.largest(),
            Quantity::Centred(of) => measures[of].fixed.reach(),
            Quantity::Squares(of) => measures[of].fixed.largest_square(),
            // Not inserted above.
            Quantity::Product(..) | Quantity::Pair(..) => 0,
        };
        NoisyColumn { quantity, sensitivity: sensitivity.unsigned_abs() }
    });
    let columns = columns.collect();
    Ok((measures, columns))
}

/// How a column is measured.
pub(in crate::policy) fn measure(
    name: &ColumnName,
    quantiles: bool,
    dataset: &DatasetTerms,
    under: &dyn Fn() -> Under,
) -> Result<Measure, AggregateError> {
    let terms = dataset.columns.get(&name.column);
    let unbounded = || AggregateError::NoBounds { contract: under(), column: name.clone() };
    let (terms, (low, high)) = terms.and_then(|terms| Some((terms, terms.bounds?))).ok_or_else(unbounded)?;
    let unusable = || AggregateError::Unmeasurable { contract: under(), column: name.clone() };
    let fixed = FixedPoint::new(low, high, terms.step).ok_or_else(unusable)?;
    if quantiles && terms.grid.is_empty() {
        return Err(AggregateError::NoGrid { contract: under(), column: name.clone() });
    }
    let grid = if quantiles { terms.grid.as_slice() } else { &[] };
    let shown_edges: Vec<f64> = grid.iter().map(|edge| edge.real()).collect();
    let edges = shown_edges.iter().filter_map(|edge| fixed.quantise(*edge)).collect();
    Ok(Measure { name: name.clone(), fixed, edges, shown_edges })
}
