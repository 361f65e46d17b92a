//! What decides about a row: its keys, its consent, the question's condition, the withdrawal list.
//!
//! The attack it stops: somebody who has withdrawn by one identifier and takes part by another. So all registered
//! identifiers of a row are looked up, under every profile that a withdrawal was written in.

use rayon::prelude::*;
use tacit_protocol::identity::{Malformed, Normaliser, Profile};

use crate::{
    engine::arrow::array::{Array, StringArray},
    policy::consent::Withdrawn,
    scan::{collect::CollectPlan, error::ScanError, filter::Condition, read::Batch},
};

/// Rows that one task normalises at a time.
const ROWS_A_TASK: usize = 256;

/// A key cell, normalised.
#[derive(Clone, Copy)]
pub(super) enum Cell {
    Missing,
    Malformed,
    Item([u8; 32]),
}

/// A column that is a key under the contract.
pub(super) struct Key {
    /// The place of its kind in the contract's order.
    pub rank: u8,
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
pub(super) struct Sieve<'a> {
    dataset: &'a str,
    withdrawn: &'a Withdrawn,
    columns: Vec<&'a str>,
    pub condition: Option<Condition>,
    /// The place of the consent column.
    pub consent: Option<usize>,
    pub keys: Vec<Key>,
    lookups: Vec<Lookup>,
}

impl<'a> Sieve<'a> {
    /// Also says where the `further` columns stand in a batch.
    pub fn new(plan: &CollectPlan<'a>, further: &[&'a str]) -> Result<(Self, Vec<usize>), ScanError> {
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

    /// The columns that are read, in the order of a batch.
    pub fn columns(&self) -> Vec<&'a str> {
        self.columns.clone()
    }

    /// Fills `cells` with the keys of each row, and `withdrawn` with whether it is on the list; on all cores.
    pub fn normalise(
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
