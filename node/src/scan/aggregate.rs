//! Exact figures of one table, before any noise: each customer once.
//!
//! The attack this stops: a customer with a million rows, whose rows shine through noise that is made for one
//! (privacy test 10). Whatever the number of its rows, a customer is in one group, by one of them.
//!
//! # Which row counts
//!
//! Of the rows of a customer that take part and fall into a group, the one whose hash is the least: SHA-256-like
//! (BLAKE3) over the customer's least match item, the group, and the values in steps. That is a function of the
//! customer's own rows and of nothing else: not of their order, not of other customers. So whatever order files
//! are read in, the sums are the same integers (test 9), and one customer more or less changes one group by one
//! row. It favours no value, because each customer's item shuffles them anew.
//!
//! What a cell is cannot make a question fail: a number is clamped, what is no number is no value, and a value
//! that the contract does not list is in no group (test 6).

use std::{collections::HashMap, fmt};

use tacit_protocol::ids::SnapshotHash;

use crate::{
    engine::arrow::{
        array::{ArrayRef, AsArray},
        datatypes::{Date32Type, Float64Type, Int64Type},
    },
    policy::{AggregatePlan, Axis, Quantity},
    scan::{
        collect::{CollectPlan, Counts, Seen, collect_with},
        dataset::{ColumnType, Registration},
        error::ScanError,
    },
};

/// A measure without a value; no value in steps is as small.
const NO_VALUE: i32 = i32::MIN;

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
    let mut rows = Rows::new(collect.registration, plan)?;
    let names: Vec<String> = rows.columns().map(str::to_owned).collect();
    let further = names
        .iter()
        .map(|name| collect.registration.known(name).map(|column| column.name.as_str()))
        .collect::<Result<Vec<&str>, _>>()?;
    let input = collect_with(collect, &further, &mut |seen| rows.see(seen), watch)?;
    let items = input.items();
    let mut sums = Sums::new(plan);
    input.customers().rows(|number, own| {
        let item = items[input.customers().items(number)].iter().min();
        if let Some(place) = rows.counted(item.map_or(&[], |item| item.as_slice()), own) {
            sums.add(rows.cells[place], rows.values(place));
        }
    });
    Ok(Aggregated { exact: Exact(sums.totals), counts: input.counts().clone(), snapshot: input.snapshot() })
}

/// The rows that take part and fall into a group.
struct Rows<'a> {
    dataset: &'a str,
    plan: &'a AggregatePlan,
    groups: Vec<Groups<'a>>,
    /// Row numbers, rising; and for each its group, and its measures in steps.
    numbers: Vec<u32>,
    cells: Vec<u16>,
    steps: Vec<i32>,
}

impl<'a> Rows<'a> {
    fn new(registration: &'a Registration, plan: &'a AggregatePlan) -> Result<Self, ScanError> {
        let groups = plan.axes().iter().map(|axis| Groups::new(axis, registration));
        Ok(Self {
            dataset: &registration.name,
            plan,
            groups: groups.collect::<Result<_, _>>()?,
            numbers: Vec::new(),
            cells: Vec::new(),
            steps: Vec::new(),
        })
    }

    /// The columns it needs: those of the groups, then those that are measured.
    fn columns(&self) -> impl Iterator<Item = &str> {
        let axes = self.plan.axes().iter().map(|axis| axis.column.as_str());
        axes.chain(self.plan.measures().iter().map(|measure| measure.column.as_str()))
    }

    fn see(&mut self, seen: &Seen<'_>) -> Result<(), ScanError> {
        let column = |place: &usize| seen.batch.cells.column(*place);
        let (axes, measures) = seen.places.split_at(self.groups.len());
        let groups: Vec<Vec<Option<u16>>> = axes
            .iter()
            .zip(&self.groups)
            .map(|(place, groups)| groups.of(column(place)).ok_or_else(|| self.unfit(&groups.axis.column)))
            .collect::<Result<_, _>>()?;
        let measured: Vec<Vec<i32>> = measures
            .iter()
            .zip(self.plan.measures())
            .map(|(place, measure)| {
                let steps = |cell: Option<f64>| {
                    // Within ±2³⁰, so it fits.
                    cell.and_then(|cell| measure.fixed.quantise(cell)).map_or(NO_VALUE, |steps| steps as i32)
                };
                numbers(column(place))
                    .map(|cells| cells.into_iter().map(steps).collect())
                    .ok_or_else(|| self.unfit(&measure.column))
            })
            .collect::<Result<_, _>>()?;
        for (row, _) in seen.taken.iter().enumerate().filter(|(_, taken)| **taken) {
            let cell = groups.iter().zip(self.plan.axes()).try_fold(0_usize, |cell, (groups, axis)| {
                groups[row].map(|group| cell * axis.values.len() + usize::from(group))
            });
            let Some(cell) = cell else { continue };
            // Groups are at most 4,096, rows below 2³² (`collect_with` has checked).
            self.cells.push(cell as u16);
            self.numbers.push((seen.batch.first_row + row as u64) as u32);
            self.steps.extend(measured.iter().map(|steps| steps[row]));
        }
        Ok(())
    }

    fn unfit(&self, column: &str) -> ScanError {
        ScanError::ColumnUnfit { dataset: self.dataset.to_owned(), column: column.to_owned() }
    }

    fn values(&self, place: usize) -> &[i32] {
        let width = self.plan.measures().len();
        &self.steps[place * width..(place + 1) * width]
    }

    /// The place of the row by which a customer counts, if one of its rows is in a group.
    fn counted(&self, item: &[u8], rows: &mut dyn Iterator<Item = u32>) -> Option<usize> {
        let mut places = rows.filter_map(|row| self.numbers.binary_search(&row).ok());
        let first = places.next()?;
        let Some(second) = places.next() else { return Some(first) };
        // The values settle ties of the hash, which cannot be told apart from the order of rows otherwise.
        let rank = |&place: &usize| (self.hash(item, place), self.cells[place], self.values(place));
        [first, second].into_iter().chain(places).min_by(|a, b| rank(a).cmp(&rank(b)))
    }

    fn hash(&self, item: &[u8], place: usize) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("tacit row of a customer 1");
        hasher.update(&(item.len() as u64).to_le_bytes());
        hasher.update(item);
        hasher.update(&self.cells[place].to_le_bytes());
        self.values(place).iter().for_each(|steps| {
            hasher.update(&steps.to_le_bytes());
        });
        *hasher.finalize().as_bytes()
    }
}

/// From cells of a column to places in its list of values.
struct Groups<'a> {
    axis: &'a Axis,
    places: Places,
}

/// The listed values as the column's cells are.
enum Places {
    Text(HashMap<String, u16>),
    Whole(HashMap<i64, u16>),
    /// By bits, of numbers that are finite and not −0.
    Real(HashMap<u64, u16>),
    Truth([Option<u16>; 2]),
    Day(HashMap<i32, u16>),
}

impl<'a> Groups<'a> {
    fn new(axis: &'a Axis, registration: &Registration) -> Result<Self, ScanError> {
        // At most 4,096 values.
        let listed = || axis.values.iter().enumerate().map(|(place, value)| (value.as_str(), place as u16));
        let places = match registration.known(&axis.column)?.kind {
            ColumnType::Text => Places::Text(listed().map(|(v, place)| (v.to_owned(), place)).collect()),
            ColumnType::Integer => {
                Places::Whole(listed().filter_map(|(v, place)| Some((v.parse().ok()?, place))).collect())
            }
            ColumnType::Real => {
                Places::Real(listed().filter_map(|(v, place)| Some((bits(v.parse().ok()?), place))).collect())
            }
            ColumnType::Boolean => {
                let place = |word| listed().find(|(v, _)| *v == word).map(|(_, place)| place);
                Places::Truth([place("false"), place("true")])
            }
            ColumnType::Date => {
                Places::Day(listed().filter_map(|(v, place)| Some((days(v.parse().ok()?)?, place))).collect())
            }
            ColumnType::Time | ColumnType::Other => {
                let (dataset, column) = (registration.name.clone(), axis.column.clone());
                return Err(ScanError::ColumnUnfit { dataset, column });
            }
        };
        Ok(Self { axis, places })
    }

    /// For each cell its place in the list; none for what is not listed.
    fn of(&self, cells: &ArrayRef) -> Option<Vec<Option<u16>>> {
        Some(match &self.places {
            Places::Text(known) => {
                let cells = cells.as_string_opt::<i32>()?;
                cells.iter().map(|cell| cell.and_then(|cell| known.get(cell).copied())).collect()
            }
            Places::Whole(known) => {
                let cells = cells.as_primitive_opt::<Int64Type>()?;
                cells.iter().map(|cell| cell.and_then(|cell| known.get(&cell).copied())).collect()
            }
            Places::Real(known) => {
                let cells = cells.as_primitive_opt::<Float64Type>()?;
                cells.iter().map(|cell| cell.and_then(|cell| known.get(&bits(cell)).copied())).collect()
            }
            Places::Truth(known) => {
                let cells = cells.as_boolean_opt()?;
                cells.iter().map(|cell| cell.and_then(|cell| known[usize::from(cell)])).collect()
            }
            Places::Day(known) => {
                let cells = cells.as_primitive_opt::<Date32Type>()?;
                cells.iter().map(|cell| cell.and_then(|cell| known.get(&cell).copied())).collect()
            }
        })
    }
}

/// One bit pattern a number: −0 is 0.
fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

/// Days since 1970.
fn days(day: jiff::civil::Date) -> Option<i32> {
    day.since(jiff::civil::Date::constant(1970, 1, 1)).ok().map(|span| span.get_days())
}

/// A column of numbers as doubles: what is beyond 2⁵³ is clamped anyway.
fn numbers(cells: &ArrayRef) -> Option<Vec<Option<f64>>> {
    if let Some(cells) = cells.as_primitive_opt::<Int64Type>() {
        return Some(cells.iter().map(|cell| cell.map(|cell| cell as f64)).collect());
    }
    Some(cells.as_primitive_opt::<Float64Type>()?.iter().collect())
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
            let measured = |of: usize| Some(i64::from(steps[of])).filter(|_| steps[of] != NO_VALUE);
            let fixed = |of: usize| &self.plan.measures()[of].fixed;
            *total += match column.quantity {
                Quantity::Customers => 1,
                Quantity::Values(of) => i64::from(measured(of).is_some()),
                Quantity::Sum(of) => measured(of).unwrap_or(0),
                Quantity::Centred(of) => measured(of).map_or(0, |steps| steps - fixed(of).centre()),
                Quantity::Squares(of) => measured(of).map_or(0, |steps| fixed(of).square(steps)),
                Quantity::Bucket(of, bucket) => measured(of)
                    .map_or(0, |steps| i64::from(self.plan.measures()[of].bucket(steps) == bucket)),
            };
        }
    }
}
