//! The own columns of a model: one row a customer, in an order that does not depend on the files'.
//!
//! What stops a customer with a million rows from pulling a model, or a column's cells from failing a job, is the same
//! as for figures (see `counted`): of each customer one row counts, by a hash of its own content alone; a number that is
//! none is no value; a value that the contract does not list is none.

use std::{collections::HashMap, fmt};

use tacit_protocol::{
    identity::KeyKind,
    ids::SnapshotHash,
    learn::{
        align::Keys,
        encode::{Encoding, Feature, Raw},
    },
};

use crate::{
    engine::arrow::array::{ArrayRef, AsArray},
    scan::{
        collect::{CollectPlan, Counts, Seen, collect_with},
        counted::numbers,
        error::ScanError,
        join::one_of_each,
    },
};

/// What a customer has no value of.
const NONE: f64 = f64::NAN;

/// The own side of a model. Only [`design`] makes one.
pub struct DesignInput {
    /// For each kind of match key, each customer's least item, if it has one.
    pub keys: Keys,
    /// The columns, in the order in which they were asked for.
    pub columns: Vec<Raw>,
    /// The number of each customer's row that counts; rows count from 1.
    pub rows: Vec<u64>,
    /// What became of the dataset's rows; for the owner alone.
    pub counts: Counts,
    /// The content that was read.
    pub snapshot: SnapshotHash,
}

/// Shows how many there are.
impl fmt::Debug for DesignInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DesignInput({} customers)", self.rows.len())
    }
}

/// Reads a dataset once: the customers that take part, and the columns of a model. `kinds` are the contract's kinds of
/// match key, strongest first; the plan may have fewer, where the dataset does not hold all. The features' names are the
/// columns'.
///
/// # Errors
///
/// As [`collect`](super::collect()); [`ScanError::ColumnUnfit`] if a column is of another type than its encoding takes.
pub fn design(
    collect: &CollectPlan<'_>,
    kinds: &[KeyKind],
    features: &[Feature],
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<DesignInput, ScanError> {
    let registration = collect.registration;
    let known = |feature: &Feature| registration.known(&feature.name).map(|column| column.name.as_str());
    let further = features.iter().map(known).collect::<Result<Vec<&str>, _>>()?;
    let codes: Vec<Codes> = features.iter().map(Codes::new).collect();
    let (mut numbers, mut cells): (Vec<u32>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut see = |seen: &Seen<'_>| {
        let read = |(place, codes): (&usize, &Codes)| {
            codes.of(seen.batch.cells.column(*place)).ok_or_else(|| ScanError::ColumnUnfit {
                dataset: registration.name.clone(),
                column: codes.column.clone(),
            })
        };
        let columns = seen.places.iter().zip(&codes).map(read).collect::<Result<Vec<Vec<f64>>, _>>()?;
        for (row, _) in seen.taken.iter().enumerate().filter(|(_, taken)| **taken) {
            // Rows are fewer than 2³² (`collect_with` has checked).
            numbers.push((seen.batch.first_row + row as u64) as u32);
            cells.extend(columns.iter().map(|column| column[row]));
        }
        Ok(())
    };
    let input = collect_with(collect, &further, &mut see, watch)?;
    let (counts, snapshot) = (input.counts().clone(), input.snapshot());
    let (items, customers) = input.into_parts();
    let width = features.len();
    let of = |place: usize| &cells[place * width..(place + 1) * width];
    let hash = |item: &[u8; 32], place: usize| {
        let mut hasher = blake3::Hasher::new_derive_key("tacit row of a customer in a model 1");
        hasher.update(item);
        of(place).iter().for_each(|cell| {
            hasher.update(&cell.to_bits().to_le_bytes());
        });
        *hasher.finalize().as_bytes()
    };
    // For each customer that counts: its least item, its number, the place of its row.
    let mut counted: Vec<([u8; 32], u32, u32)> = Vec::with_capacity(customers.len());
    customers.rows(|number, own| {
        let Some(least) = items[customers.items(number)].iter().min() else { return };
        let mut places = own.filter_map(|row| numbers.binary_search(&row).ok());
        let Some(first) = places.next() else { return };
        let place = match places.next() {
            None => first,
            Some(second) => {
                let all = [first, second].into_iter().chain(places);
                all.min_by_key(|place| hash(least, *place)).unwrap_or(first)
            }
        };
        // Customers and rows are fewer than 2³².
        counted.push((*least, number as u32, place as u32));
    });
    // No two customers share an item: who does is one customer.
    counted.sort_unstable();
    let mut keys: Keys = kinds.iter().map(|_| Vec::with_capacity(counted.len())).collect();
    for (_, number, _) in &counted {
        let own = one_of_each(&items, &customers, *number as usize);
        for (column, kind) in keys.iter_mut().zip(kinds) {
            column.push(own.iter().find(|(known, _)| *known == kind).map(|(_, item)| **item));
        }
    }
    let columns = features.iter().enumerate().map(|(at, feature)| {
        let cells = counted.iter().map(|(.., place)| cells[*place as usize * width + at]);
        raw(&feature.encoding, cells)
    });
    Ok(DesignInput {
        columns: columns.collect(),
        rows: counted.iter().map(|(.., place)| u64::from(numbers[*place as usize])).collect(),
        keys,
        counts,
        snapshot,
    })
}

fn raw(encoding: &Encoding, cells: impl Iterator<Item = f64>) -> Raw {
    let cells = cells.map(|cell| Some(cell).filter(|cell| !cell.is_nan()));
    match encoding {
        Encoding::Number { .. } => Raw::Number(cells.collect()),
        // Places in a list of at most 4,096.
        Encoding::Values(_) => Raw::Code(cells.map(|cell| cell.map(|cell| cell as u32)).collect()),
        Encoding::Boolean => Raw::Boolean(cells.map(|cell| cell.map(|cell| cell != 0.0)).collect()),
    }
}

/// From cells to numbers: themselves, places in the list of values, or 0 and 1.
struct Codes {
    column: String,
    /// Of values as texts; none where numbers are meant.
    places: Option<HashMap<String, f64>>,
}

impl Codes {
    fn new(feature: &Feature) -> Self {
        let listed = |values: &[String]| values.iter().cloned().zip((0_u32..).map(f64::from)).collect();
        let places = match &feature.encoding {
            Encoding::Number { .. } => None,
            Encoding::Values(values) => Some(listed(values)),
            Encoding::Boolean => Some(listed(&["false".to_owned(), "true".to_owned()])),
        };
        Self { column: feature.name.clone(), places }
    }

    fn of(&self, cells: &ArrayRef) -> Option<Vec<f64>> {
        let Some(places) = &self.places else {
            if let Some(cells) = cells.as_boolean_opt() {
                return Some(
                    cells.iter().map(|cell| cell.map_or(NONE, |cell| f64::from(u8::from(cell)))).collect(),
                );
            }
            return Some(numbers(cells)?.into_iter().map(|cell| cell.unwrap_or(NONE)).collect());
        };
        let code = |text: &str| places.get(text).copied().unwrap_or(NONE);
        if let Some(cells) = cells.as_string_opt::<i32>() {
            return Some(cells.iter().map(|cell| cell.map_or(NONE, code)).collect());
        }
        if let Some(cells) = cells.as_boolean_opt() {
            let code = |cell: bool| {
                let known = code(if cell { "true" } else { "false" });
                // A list of 0 and 1 says the same.
                if known.is_nan() { code(if cell { "1" } else { "0" }) } else { known }
            };
            return Some(cells.iter().map(|cell| cell.map_or(NONE, code)).collect());
        }
        // A list of numbers, in their shortest form; −0 is 0.
        let number = |cell: f64| {
            let known = code(&(cell + 0.0).to_string());
            let truth = match cell {
                0.0 => code("false"),
                1.0 => code("true"),
                _ => NONE,
            };
            if known.is_nan() { truth } else { known }
        };
        Some(numbers(cells)?.into_iter().map(|cell| cell.map_or(NONE, number)).collect())
    }
}
