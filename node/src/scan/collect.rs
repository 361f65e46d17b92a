//! The rows that take part in one question, as customers with their match items.
//!
//! This is where the contract meets the data: the question's filter, the consent column, the withdrawal
//! list. A mistake here cannot be seen from outside, so everything that is left out is counted by its
//! reason, and the counts stay with the owner.

use std::{fmt, ops::Range};

use crate::engine::arrow::array::{Array, StringArray};
use rayon::prelude::*;
use serde::Serialize;
use tacit_protocol::{
    identity::{KeyKind, Malformed, Normaliser, Profile, Region},
    ids::SnapshotHash,
};

use crate::{
    policy::consent::Withdrawn,
    query::Filter,
    scan::{
        customers::{KEYS_A_CUSTOMER, Linked, Linker, MOST},
        dataset::Registration,
        error::ScanError,
        filter::{Condition, consent},
        read::{Batch, read},
    },
};

/// Rows that one task normalises at a time.
const ROWS_A_TASK: usize = 256;

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

/// What this side brings to the exchange. Only [`collect`] makes one.
pub struct LocalInput {
    items: Vec<[u8; 32]>,
    customers: Customers,
    counts: Counts,
    snapshot: SnapshotHash,
}

/// Customers without their items: what is kept while the items are in the exchange.
pub struct Customers {
    /// For each customer its first row.
    rows: Vec<u32>,
    /// For each customer where its items begin; and the number of all items.
    offsets: Vec<u32>,
    /// Further rows of customers: (customer, row), in order.
    others: Vec<(u32, u32)>,
    /// For each item the place of its kind in the contract's order.
    ranks: Vec<u8>,
    kinds: Vec<KeyKind>,
}

/// One customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The number of its first row that takes part; rows count from 1.
    pub row: u64,
    /// Its items, as numbers into [`LocalInput::items`], in the contract's order of kinds.
    pub items: Range<usize>,
}

/// A customer that the partner has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Its first row.
    pub row: u64,
    /// Its other rows that take part, in order; most customers have none.
    pub others: Vec<u64>,
    /// The first kind in the contract's order by which it matched.
    pub kind: KeyKind,
}

/// Shows the counts: items are digests that can be guessed back.
impl fmt::Debug for LocalInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalInput").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// Shows how many there are.
impl fmt::Debug for Customers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Customers({})", self.len())
    }
}

impl LocalInput {
    /// The different items of all customers, customer by customer. 32 bytes each, for PSI.
    pub fn items(&self) -> &[[u8; 32]] {
        &self.items
    }

    /// The customers, in the order of their first rows.
    pub fn customers(&self) -> &Customers {
        &self.customers
    }

    /// What became of the rows.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The content that it was collected from.
    pub fn snapshot(&self) -> SnapshotHash {
        self.snapshot
    }

    /// See [`Customers::matched`].
    pub fn matched(&self, bits: &[bool]) -> Vec<Match> {
        self.customers.matched(bits)
    }

    /// The items to give away, and the customers to keep.
    pub fn into_parts(self) -> (Vec<[u8; 32]>, Customers) {
        (self.items, self.customers)
    }
}

impl Customers {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Customer> {
        self.rows.iter().zip(self.offsets.windows(2)).map(|(&row, range)| Customer {
            row: u64::from(row),
            items: range[0] as usize..range[1] as usize,
        })
    }

    /// Calls `each` with the number of every customer and its rows that take part, in order.
    pub(super) fn rows(&self, mut each: impl FnMut(usize, &mut dyn Iterator<Item = u32>)) {
        let mut others = self.others.as_slice();
        for (number, &first) in self.rows.iter().enumerate() {
            let (own, later) = others.split_at(others.partition_point(|&(of, _)| of as usize <= number));
            others = later;
            each(number, &mut std::iter::once(first).chain(own.iter().map(|&(_, row)| row)));
        }
    }

    /// The items of a customer, as numbers.
    pub(super) fn items(&self, number: usize) -> Range<usize> {
        self.offsets[number] as usize..self.offsets[number + 1] as usize
    }

    /// The kind of an item.
    pub(super) fn kind(&self, item: usize) -> &KeyKind {
        &self.kinds[usize::from(self.ranks[item])]
    }

    /// The customers of whom any item is set in `bits` (one for each item, in the order of
    /// [`LocalInput::items`]; what is beyond its end counts as not set), sorted by row.
    pub fn matched(&self, bits: &[bool]) -> Vec<Match> {
        let mut others = self.others.as_slice();
        self.iter()
            .enumerate()
            .filter_map(|(number, customer)| {
                let (own, later) = others.split_at(others.partition_point(|&(of, _)| of as usize <= number));
                others = later;
                let first = customer.items.clone().find(|&item| bits.get(item).copied().unwrap_or(false))?;
                let kind = self.kinds[usize::from(self.ranks[first])].clone();
                Some(Match {
                    row: customer.row,
                    others: own.iter().map(|&(_, row)| u64::from(row)).collect(),
                    kind,
                })
            })
            .collect()
    }
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

/// A key cell, normalised.
#[derive(Clone, Copy)]
enum Cell {
    Missing,
    Malformed,
    Item([u8; 32]),
}

/// A column that is a key under the contract.
struct Key {
    /// The place of its kind in the contract's order.
    rank: u8,
    /// The place of its column in a batch.
    column: usize,
    normaliser: Normaliser,
}

/// A column whose cells may be on the withdrawal list.
struct Lookup {
    column: usize,
    normalisers: Vec<Normaliser>,
}

/// Everything that decides about a row, ready for batches.
struct Sieve<'a> {
    dataset: &'a str,
    withdrawn: &'a Withdrawn,
    columns: Vec<&'a str>,
    condition: Option<Condition>,
    consent: Option<usize>,
    keys: Vec<Key>,
    lookups: Vec<Lookup>,
}

impl<'a> Sieve<'a> {
    /// Also says where the `further` columns stand in a batch.
    fn new(plan: &CollectPlan<'a>, further: &[&'a str]) -> Result<(Self, Vec<usize>), ScanError> {
        let registration = plan.registration;
        let region = plan.default_region.or(registration.default_region);
        let mut columns: Vec<&'a str> = Vec::new();
        let mut place = |column: &'a str| match columns.iter().position(|known| *known == column) {
            Some(place) => place,
            None => {
                columns.push(column);
                columns.len() - 1
            }
        };
        let mut keys = Vec::new();
        for (rank, kind) in plan.keys.iter().enumerate() {
            let missing =
                || ScanError::KeyMissing { dataset: registration.name.clone(), kind: kind.to_string() };
            let rank = u8::try_from(rank).map_err(|_| missing())?;
            let before = keys.len();
            for column in registration.key_columns(kind) {
                let normaliser = Normaliser::new(plan.profile, kind.clone(), region);
                keys.push(Key { rank, column: place(column), normaliser });
            }
            if keys.len() == before {
                return Err(missing());
            }
        }
        let mut lookups = Vec::new();
        if !plan.withdrawn.is_empty_for(&registration.name) {
            // Whoever withdrew the phone has withdrawn the row, also where the contract matches mails only.
            let profiles = plan.withdrawn.profiles(&registration.name, plan.profile);
            for key in &registration.ids {
                let rules = |&profile: &Profile| Normaliser::new(profile, key.kind.clone(), region);
                let normalisers = profiles.iter().map(rules).collect();
                lookups.push(Lookup { column: place(&key.column), normalisers });
            }
        }
        let consent = plan.consent.map(&mut place);
        let condition = plan.filter.map(|filter| Condition::new(registration, filter)).transpose()?;
        for name in condition.iter().flat_map(Condition::columns) {
            // Borrowed from the registration, which outlives the condition.
            if let Some(column) = registration.column(name) {
                place(&column.name);
            }
        }
        for name in further {
            registration.known(name)?;
        }
        let places = further.iter().map(|name| place(name)).collect();
        let (dataset, withdrawn) = (registration.name.as_str(), plan.withdrawn);
        Ok((Self { dataset, withdrawn, columns, condition, consent, keys, lookups }, places))
    }

    fn columns(&self) -> Vec<&'a str> {
        self.columns.clone()
    }

    /// Fills `cells` with the keys of each row, and `withdrawn` with whether it is on the list; on all cores.
    fn normalise(
        &self,
        batch: &Batch,
        cells: &mut Vec<Cell>,
        withdrawn: &mut Vec<bool>,
    ) -> Result<(), ScanError> {
        let rows = batch.cells.num_rows();
        cells.clear();
        cells.resize(rows * self.keys.len(), Cell::Missing);
        withdrawn.clear();
        withdrawn.resize(rows, false);
        // Key columns are registered as text, so a batch has them as text.
        let text = |column: usize| {
            batch.text(column).ok_or_else(|| ScanError::ColumnUnknown {
                dataset: self.dataset.to_owned(),
                column: self.columns[column].to_owned(),
                close: Vec::new(),
            })
        };
        let keys: Vec<(&Key, &StringArray)> =
            self.keys.iter().map(|key| Ok((key, text(key.column)?))).collect::<Result<_, ScanError>>()?;
        let lookups: Vec<(&Lookup, &StringArray)> = self
            .lookups
            .iter()
            .map(|lookup| Ok((lookup, text(lookup.column)?)))
            .collect::<Result<_, ScanError>>()?;
        if !keys.is_empty() {
            cells.par_chunks_mut(self.keys.len()).enumerate().with_min_len(ROWS_A_TASK).for_each(
                |(row, cells)| {
                    for (cell, (key, texts)) in cells.iter_mut().zip(&keys) {
                        *cell = key.read(texts, row);
                    }
                },
            );
        }
        if !lookups.is_empty() {
            withdrawn.par_iter_mut().enumerate().with_min_len(ROWS_A_TASK).for_each(|(row, withdrawn)| {
                *withdrawn = lookups.iter().any(|(lookup, texts)| self.is_withdrawn(lookup, texts, row));
            });
        }
        Ok(())
    }

    fn is_withdrawn(&self, lookup: &Lookup, texts: &StringArray, row: usize) -> bool {
        !texts.is_null(row)
            && lookup.normalisers.iter().any(|rules| {
                rules
                    .digest(texts.value(row))
                    .is_ok_and(|digest| self.withdrawn.contains(self.dataset, rules.kind(), &digest))
            })
    }
}

impl Key {
    fn read(&self, texts: &StringArray, row: usize) -> Cell {
        if texts.is_null(row) {
            return Cell::Missing;
        }
        match self.normaliser.item(texts.value(row)) {
            Ok(item) => Cell::Item(item),
            Err(Malformed::Empty) => Cell::Missing,
            Err(_) => Cell::Malformed,
        }
    }
}
