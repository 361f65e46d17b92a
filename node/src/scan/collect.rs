//! The rows that take part in one question, as customers with their match items.
//!
//! This is where the contract meets the data: the question's filter, the consent column, the withdrawal
//! list. A mistake here cannot be seen from outside, so everything that is left out is counted by its
//! reason, and the counts stay with the owner.

use serde::Serialize;
use tacit_protocol::identity::{KeyKind, Profile, Region};

use crate::{
    policy::consent::Withdrawn,
    query::Filter,
    scan::{
        customers::{KEYS_A_CUSTOMER, Linked, Linker, MOST},
        dataset::Registration,
        error::ScanError,
        filter::consent,
        input::{Customers, LocalInput},
        read::{Batch, read},
        sieve::{Cell, Key, Sieve},
    },
};

/// What is to be collected, and under which rules.
#[derive(Debug, Clone, Copy)]
pub struct CollectPlan<'a> {
    /// The dataset, up to date (see [`Datasets::open`](crate::scan::Datasets::open)).
    pub registration: &'a Registration,
    /// The contract's identity profile.
    pub profile: Profile,
    /// The contract's kinds of keys, strongest first.
    pub keys: &'a [KeyKind],
    /// The contract's region for national telephone numbers; the dataset's own where it names none.
    pub default_region: Option<Region>,
    /// The question's condition on these rows; a row for which it is null is not taken.
    pub filter: Option<&'a Filter>,
    /// The contract's consent column: only rows with a plain yes take part.
    pub consent: Option<&'a str>,
    /// Who takes no part.
    pub withdrawn: &'a Withdrawn,
}

/// What became of the rows. For the owner alone: it says things about its data that no contract covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows read.
    pub rows: u64,
    /// Rows for which the filter was false or null.
    pub filtered_out: u64,
    /// Of the others, rows without consent.
    pub without_consent: u64,
    /// Of those, rows whose consent was neither yes nor no.
    pub consent_unclear: u64,
    /// Of the rest, rows without a single usable key.
    pub without_key: u64,
    /// By kind, in the contract's order: the cells of rows taken that gave no key.
    pub keys: Vec<KeyCounts>,
    /// Customers left out because they have withdrawn.
    pub withdrawn: u64,
    /// Customers that take part.
    pub customers: u64,
    /// Different items that they bring.
    pub items: u64,
    /// Items left out because their customer brings [`KEYS_A_CUSTOMER`](super::KEYS_A_CUSTOMER) others. Many
    /// mean that an identifier is shared by rows that are hardly one person: a placeholder such as
    /// `00000000000`.
    pub surplus_items: u64,
}

impl Counts {
    /// What the owner should hear of identifiers that were left out; nothing if none were.
    pub fn surplus(&self) -> Option<String> {
        (self.surplus_items > 0).then(|| {
            format!(
                "{} identifiers took no part: each is beyond the {KEYS_A_CUSTOMER} that one customer may bring; \
                 `tacit id lint` tells placeholders",
                self.surplus_items
            )
        })
    }
}

/// Cells of one kind of key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyCounts {
    /// Which kind.
    pub kind: KeyKind,
    /// Empty cells.
    pub missing: u64,
    /// Cells that are no identifier of the kind.
    pub malformed: u64,
}

/// Reads a dataset once and collects what takes part. `watch` is told the rows read and the rows there are,
/// and answers whether to go on.
///
/// # Errors
///
/// See [`ScanError`]; [`ScanError::Changed`] if the files are not those of the registration's snapshot, at
/// the beginning or at the end.
pub fn collect(
    plan: &CollectPlan<'_>,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<LocalInput, ScanError> {
    collect_with(plan, &[], &mut |_| Ok(()), watch)
}

/// A batch, and which of its rows take part.
pub(super) struct Seen<'a> {
    pub batch: &'a Batch,
    /// Where the further columns stand in it, in the order in which they were asked for.
    pub places: &'a [usize],
    /// For each row whether the filter and its consent let it take part. Whether it has a key, and whether its
    /// customer has withdrawn, is not known yet.
    pub taken: &'a [bool],
}

/// As [`collect`], with further columns of the same rows for `see`, batch by batch.
pub(super) fn collect_with<'a>(
    plan: &CollectPlan<'a>,
    further: &[&'a str],
    see: &mut dyn FnMut(&Seen<'_>) -> Result<(), ScanError>,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<LocalInput, ScanError> {
    let registration = plan.registration;
    let stopped = || ScanError::Stopped { dataset: registration.name.clone() };
    let (sieve, places) = Sieve::new(plan, further)?;
    let mut rows = read(registration, &sieve.columns())?;
    let condition = sieve.condition.as_ref().map(|condition| condition.plan(rows.schema())).transpose()?;
    let mut linker = Linker::new();
    let mut counts = Counts {
        keys: plan
            .keys
            .iter()
            .map(|kind| KeyCounts { kind: kind.clone(), missing: 0, malformed: 0 })
            .collect(),
        ..Counts::default()
    };
    let mut cells = Vec::new();
    let mut withdrawn = Vec::new();
    let mut takes_part = Vec::new();
    for batch in &mut rows {
        let batch = batch?;
        let count = batch.cells.num_rows();
        let last_row = batch.first_row - 1 + count as u64;
        if last_row > MOST || linker.len() as u64 + (count * sieve.keys.len()) as u64 > MOST {
            let dataset = registration.name.clone();
            return Err(ScanError::TooMany { dataset, what: "rows or identifiers", most: MOST });
        }
        let wanted = condition.as_ref().map(|condition| condition.holds(&batch.cells)).transpose()?;
        let allowed = match sieve.consent {
            Some(index) => {
                Some(consent(registration, plan.consent.unwrap_or_default(), batch.cells.column(index))?)
            }
            None => None,
        };
        counts.rows += count as u64;
        sieve.normalise(&batch, &mut cells, &mut withdrawn)?;
        takes_part.clear();
        for row in 0..count {
            let keys = &cells[row * sieve.keys.len()..(row + 1) * sieve.keys.len()];
            let taken = if wanted.as_ref().is_some_and(|wanted| !wanted.value(row)) {
                counts.filtered_out += 1;
                false
            } else if allowed.as_ref().is_some_and(|allowed| !allowed.yes.value(row)) {
                counts.without_consent += 1;
                counts.consent_unclear +=
                    u64::from(allowed.as_ref().is_some_and(|allowed| allowed.unclear.value(row)));
                false
            } else {
                count_keys(&mut counts, &sieve.keys, keys);
                true
            };
            let items = keys.iter().zip(&sieve.keys).filter_map(|(cell, key)| match cell {
                Cell::Item(item) => Some((key.rank, *item)),
                _ => None,
            });
            // Below MOST, as checked above.
            linker.add((batch.first_row + row as u64) as u32, items, taken, withdrawn[row]);
            takes_part.push(taken);
        }
        see(&Seen { batch: &batch, places: &places, taken: &takes_part })?;
        if !watch(counts.rows, registration.snapshot.rows) {
            return Err(stopped());
        }
    }
    if counts.consent_unclear > 0 && counts.consent_unclear == counts.rows - counts.filtered_out {
        let (dataset, column) = (registration.name.clone(), plan.consent.unwrap_or_default().to_owned());
        return Err(ScanError::ConsentUnclear { dataset, column });
    }
    let Linked { items, ranks, rows, offsets, others, withdrawn, surplus } = linker.finish();
    counts = Counts {
        withdrawn,
        customers: rows.len() as u64,
        items: items.len() as u64,
        surplus_items: surplus,
        ..counts
    };
    let customers = Customers { rows, offsets, others, ranks, kinds: plan.keys.to_vec() };
    Ok(LocalInput { items, customers, counts, snapshot: registration.snapshot_hash() })
}

/// Of a row taken: which kinds gave no key, and whether none did.
fn count_keys(counts: &mut Counts, keys: &[Key], cells: &[Cell]) {
    let mut any = false;
    for (rank, count) in counts.keys.iter_mut().enumerate() {
        let of_kind = || keys.iter().zip(cells).filter(|(key, _)| usize::from(key.rank) == rank);
        if of_kind().any(|(_, cell)| matches!(cell, Cell::Item(_))) {
            any = true;
        } else if of_kind().any(|(_, cell)| matches!(cell, Cell::Malformed)) {
            count.malformed += 1;
        } else {
            count.missing += 1;
        }
    }
    counts.without_key += u64::from(!any);
}
