//! Exact figures of one table, before any noise: each customer once.
//!
//! The attack this stops: a customer with a million rows, whose rows shine through noise that is made for one
//! (privacy test 10). Whatever the number of its rows, a customer is in one group, by one of them.
//! Which of them that is, `counted` says.

use std::fmt;

use tacit_protocol::ids::SnapshotHash;

use crate::{
    policy::{AggregatePlan, Quantity},
    scan::{
        collect::{CollectPlan, Counts},
        counted::{Rows, value},
        error::ScanError,
    },
};

/// What [`aggregate`] found.
#[derive(Debug)]
pub struct Aggregated {
    /// The integers of every group.
    pub exact: Exact,
    /// What became of the rows; for the owner alone.
    pub counts: Counts,
    /// The content that it was added up from.
    pub snapshot: SnapshotHash,
}

/// Exact integers, all of the first group, then all of the second. They never leave this node, and nothing shows
/// them.
#[derive(PartialEq, Eq)]
pub struct Exact(Vec<i64>);

/// Shows how many there are.
impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exact({})", self.0.len())
    }
}

impl Exact {
    /// The integers, for noise to be added to.
    pub(crate) fn as_slice(&self) -> &[i64] {
        &self.0
    }
}

/// Adds up the figures of a plan over the rows that take part.
///
/// # Errors
///
/// As [`collect`](super::collect); [`ScanError::ColumnUnfit`] if a column changed its type since the question
/// was permitted.
pub fn aggregate(
    collect: &CollectPlan<'_>,
    plan: &AggregatePlan,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Aggregated, ScanError> {
    let mut rows = Rows::new(collect.registration, plan.axes(), plan.measures())?;
    let input = rows.read(collect, watch)?;
    let items = input.items();
    let mut sums = Sums::new(plan);
    input.customers().rows(|number, own| {
        let item = items[input.customers().items(number)].iter().min();
        if let Some(place) = rows.counted(item.map_or(&[], |item| item.as_slice()), own) {
            sums.add(rows.cell(place), rows.values(place));
        }
    });
    Ok(Aggregated { exact: Exact(sums.totals), counts: input.counts().clone(), snapshot: input.snapshot() })
}

/// The totals of a plan.
struct Sums<'a> {
    plan: &'a AggregatePlan,
    totals: Vec<i64>,
}

impl<'a> Sums<'a> {
    fn new(plan: &'a AggregatePlan) -> Self {
        Self { plan, totals: vec![0; plan.cells() * plan.columns().len()] }
    }

    /// Adds one customer. No total overflows: fewer than 2³² customers, each at most 2³⁰ (`FixedPoint`).
    fn add(&mut self, cell: u16, steps: &[i32]) {
        let columns = self.plan.columns();
        let totals = &mut self.totals[usize::from(cell) * columns.len()..][..columns.len()];
        for (total, column) in totals.iter_mut().zip(columns) {
            let measured = |of: usize| value(steps[of]);
            let fixed = |of: usize| &self.plan.measures()[of].fixed;
            *total += match column.quantity {
                Quantity::Customers => 1,
                Quantity::Values(of) => i64::from(measured(of).is_some()),
                Quantity::Sum(of) => measured(of).unwrap_or(0),
                Quantity::Centred(of) => measured(of).map_or(0, |steps| steps - fixed(of).centre()),
                Quantity::Squares(of) => measured(of).map_or(0, |steps| fixed(of).square(steps)),
                Quantity::Bucket(of, bucket) => measured(of)
                    .map_or(0, |steps| i64::from(self.plan.measures()[of].bucket(steps) == bucket)),
                // Of two partners' measures; a plan over one table has none.
                Quantity::Product(..) | Quantity::Pair(..) => 0,
            };
        }
    }
}
