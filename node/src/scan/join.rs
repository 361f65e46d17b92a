//! What this side brings to a private join: a row a customer, with its match keys, its group and its terms.
//!
//! Three attacks are stopped here, all of them on the noise, which hides one customer who counts once. A customer
//! with a million rows counts by one of them (privacy test 10; `counted` says which). A customer with ten telephone
//! numbers could be found ten times; so it brings one match item of each kind, the least, which the partner that
//! has the same ones chooses as well (test 11). And the order of rows could decide, or tell: rows go by their
//! customers' least items, whatever order the files are in (test 9).

use std::fmt;

use tacit_protocol::{identity::KeyKind, ids::SnapshotHash, join::Rows};

use crate::{
    policy::JoinSide,
    scan::{
        collect::{CollectPlan, Counts},
        counted::{Rows as Counted, value},
        error::ScanError,
        input::Customers,
    },
};

/// What one side brings. Only [`collect_join`] makes one.
pub struct JoinInput {
    rows: Rows,
    counts: Counts,
    snapshot: SnapshotHash,
    several: u64,
}

/// Shows how many rows there are: items are digests that can be guessed back, and terms are customers' values.
impl fmt::Debug for JoinInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinInput").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl JoinInput {
    /// A row a customer: match items in the contract's order of kinds, none where the customer has no such identifier and
    /// no item twice; the group among this side's own; the terms in the order of the plan's side, within their bounds.
    pub const fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The rows to give away, and what to keep: what became of the dataset's rows, and the content that was read.
    pub fn into_parts(self) -> (Rows, Counts, SnapshotHash) {
        (self.rows, self.counts, self.snapshot)
    }

    /// What became of the dataset's rows; for the owner alone.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many customers have several items of one kind, of which they bring one.
    pub const fn several(&self) -> u64 {
        self.several
    }

    /// The content that it was collected from.
    pub const fn snapshot(&self) -> SnapshotHash {
        self.snapshot
    }
}

/// Reads a dataset once and collects what its side of a join brings. `kinds` are the contract's kinds of match key,
/// strongest first; the plan may have fewer, where the dataset does not hold all.
///
/// # Errors
///
/// As [`collect`](super::collect()); [`ScanError::ColumnUnfit`] if a column changed its type since the question was
/// permitted.
pub fn collect_join(
    collect: &CollectPlan<'_>,
    kinds: &[KeyKind],
    side: &JoinSide,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<JoinInput, ScanError> {
    let mut rows = Counted::new(collect.registration, &side.axes, &side.measures)?.complete(side.complete);
    let input = rows.read(collect, watch)?;
    let (counts, snapshot) = (input.counts().clone(), input.snapshot());
    let (items, customers) = input.into_parts();
    let several = customers.several();
    // For each customer that counts: its least item, its number, the place of its row.
    let mut counted: Vec<([u8; 32], u32, u32)> = Vec::with_capacity(customers.len());
    customers.rows(|number, own| {
        let Some(least) = items[customers.items(number)].iter().min() else { return };
        if let Some(place) = rows.counted(least, own) {
            // Customers and rows are fewer than 2³² (`collect_with` has checked).
            counted.push((*least, number as u32, place as u32));
        }
    });
    // No two customers share an item: who does is one customer.
    counted.sort_unstable();
    let column = || Vec::with_capacity(counted.len());
    let mut joined = Rows {
        keys: kinds.iter().map(|_| column()).collect(),
        cells: Vec::with_capacity(counted.len()),
        terms: side.terms.iter().map(|_| Vec::with_capacity(counted.len())).collect(),
    };
    for (_, number, place) in &counted {
        let place = *place as usize;
        let own = one_of_each(&items, &customers, *number as usize);
        let of_kind = |kind: &KeyKind| own.iter().find(|(known, _)| *known == kind).map(|(_, item)| **item);
        for (column, kind) in joined.keys.iter_mut().zip(kinds) {
            column.push(of_kind(kind));
        }
        // At most 64 groups.
        joined.cells.push(rows.cell(place) as u8);
        let steps = rows.values(place);
        for (column, term) in joined.terms.iter_mut().zip(&side.terms) {
            column.push(term.value(&side.measures, |of| value(steps[of])));
        }
    }
    Ok(JoinInput { rows: joined, counts, snapshot, several })
}

/// The least item of each kind that a customer has.
pub(super) fn one_of_each<'a>(
    items: &'a [[u8; 32]],
    customers: &'a Customers,
    number: usize,
) -> Vec<(&'a KeyKind, &'a [u8; 32])> {
    let mut least: Vec<(&KeyKind, &[u8; 32])> = Vec::new();
    for place in customers.items(number) {
        let (kind, item) = (customers.kind(place), &items[place]);
        match least.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, known)) => *known = item.min(known),
            None => least.push((kind, item)),
        }
    }
    least
}
