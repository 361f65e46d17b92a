//! How complete, valid, unique and fresh a dataset is, column by column.
//!
//! For the owner's eyes: a share of missing cells is an exact figure about its customers, so nothing of this
//! goes to a partner unless a contract says so. One pass, a bounded amount of memory for each column:
//!
//! - *complete*: the share of cells that are filled.
//! - *valid*: of those, the share that read as their column's type; in a key column, the share that are
//!   identifiers under the profile.
//! - *unique*: different cells per filled cell. Counted up to 65,536 different cells; beyond that estimated
//!   by HyperLogLog (Flajolet et al. 2007) with 2¹⁴ registers, standard error 0.8 %.
//! - *outliers*: in columns of numbers, the share outside Tukey's outer fences (three times the distance of
//!   the quartiles beyond them: amounts of money are skewed, and the inner fences would call a tenth of them
//!   outliers), over a uniform sample of 16,384 cells with a fixed seed. None where half of the cells are
//!   equal.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::Serialize;
use tacit_protocol::identity::{KeyKind, Malformed, Normaliser, Profile};

use crate::{
    data::{Table, Value},
    scan::{
        cells::{number, reads_as},
        dataset::{ColumnType, Registration},
        error::ScanError,
        read::read_text,
        show::share,
    },
};

/// Different cells that are counted one by one.
const COUNTED: usize = 1 << 16;
/// Numbers in the sample for outliers.
const SAMPLE: usize = 1 << 14;
/// Below this share of identifiers in a key column, something is wrong with the column or its registration.
const FEW_VALID: f64 = 0.5;
/// Registers of HyperLogLog, as a power of two.
const REGISTERS: u32 = 14;

/// The quality of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// Rows looked at.
    pub rows: u64,
    /// Hours since the newest file was written.
    pub age_hours: f64,
    /// Every column that has cells, in the dataset's order.
    pub columns: Vec<ColumnQuality>,
    /// Whatever is beyond the thresholds of the registration, in words.
    pub warnings: Vec<String>,
}

/// The quality of one column. Shares are 0..=1, and 1 of nothing is all of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnQuality {
    /// Its name.
    pub column: String,
    /// What its cells are read as.
    #[serde(serialize_with = "as_name")]
    pub kind: ColumnType,
    /// Share of cells that are filled.
    pub complete: f64,
    /// Of those, the share that read as they should.
    pub valid: f64,
    /// Of the filled ones, how many different.
    pub distinct: Distinct,
    /// `distinct` over filled.
    pub unique: f64,
    /// Share of far-off numbers, if these are numbers of which that can be said.
    pub outliers: Option<f64>,
}

/// A number of different cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Distinct {
    /// How many.
    pub value: u64,
    /// Counted; otherwise estimated, standard error 0.8 %.
    pub exact: bool,
}

fn as_name<S: serde::Serializer>(kind: &ColumnType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

/// Reads every column once. Key columns are judged by `profile`. `watch` is told the rows read and the rows
/// there are, and answers whether to go on.
pub fn quality(
    registration: &Registration,
    profile: Profile,
    now: Timestamp,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Quality, ScanError> {
    let mut gauges: Vec<Gauge> = registration
        .columns
        .iter()
        .filter(|column| column.kind != ColumnType::Other)
        .map(|column| {
            let key = registration.ids.iter().find(|key| key.column == column.name);
            let rules = |kind| Normaliser::new(profile, kind, registration.default_region);
            Gauge::new(&column.name, column.kind, key.map(|key| rules(key.kind.clone())))
        })
        .collect();
    let names: Vec<&str> = gauges.iter().map(|gauge| gauge.column).collect();
    let mut rows = 0;
    for batch in &mut read_text(registration, &names)? {
        let batch = batch?;
        gauges.par_iter_mut().enumerate().for_each(|(column, gauge)| {
            if let Some(texts) = batch.text(column) {
                texts.iter().for_each(|text| gauge.see(text.unwrap_or_default()));
            }
        });
        rows += batch.cells.num_rows() as u64;
        if !watch(rows, registration.snapshot.rows) {
            return Err(ScanError::Stopped { dataset: registration.name.clone() });
        }
    }
    let age = now.as_second() - registration.snapshot.newest.as_second();
    let age_hours = age as f64 / 3600.0;
    let columns: Vec<ColumnQuality> = gauges.into_iter().map(|gauge| gauge.read(rows)).collect();
    let warnings = warnings(registration, profile, age_hours, &columns);
    Ok(Quality { rows, age_hours, columns, warnings })
}

fn warnings(
    registration: &Registration,
    profile: Profile,
    age_hours: f64,
    columns: &[ColumnQuality],
) -> Vec<String> {
    let limits = &registration.quality;
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let mut warnings = Vec::new();
    for column in columns {
        let name = &column.column;
        let missing = 1.0 - column.complete;
        if missing > limits.max_missing {
            let (found, limit) = (percent(missing), percent(limits.max_missing));
            warnings.push(format!("{name}: {found} of the cells are missing; the limit is {limit}"));
        }
        if column.valid < FEW_VALID
            && let Some(key) = registration.ids.iter().find(|key| key.column == *name)
        {
            let found = percent(1.0 - column.valid);
            let (what, hint) = match &key.kind {
                KeyKind::Phone if registration.default_region.is_none() => {
                    ("phone numbers", "; set --default-region?")
                }
                KeyKind::Phone => ("phone numbers", ""),
                KeyKind::Email => ("e-mail addresses", ""),
                KeyKind::Named(_) => ("keys", ""),
            };
            warnings.push(format!("{found} of the values of {name} are no {what} under {profile}{hint}"));
        }
        if let Some(outliers) = column.outliers.filter(|share| *share > limits.max_outliers) {
            let (found, limit) = (percent(outliers), percent(limits.max_outliers));
            warnings.push(format!("{name}: {found} of the numbers are outliers; the limit is {limit}"));
        }
    }
    if let Some(limit) = limits.max_age_hours.filter(|limit| age_hours > *limit as f64) {
        warnings.push(format!("the newest file is {age_hours:.0} hours old; the limit is {limit}"));
    }
    warnings
}

impl Quality {
    /// One row a column: `column`, `type`, `complete`, `valid`, `unique`, `distinct`, `exact` (whether
    /// `distinct` was counted), `outliers`.
    pub fn table(&self) -> Table {
        let mut table =
            Table::new(&["column", "type", "complete", "valid", "unique", "distinct", "exact", "outliers"]);
        for column in &self.columns {
            table.push([
                column.column.as_str().into(),
                column.kind.name().into(),
                share(column.complete),
                share(column.valid),
                share(column.unique),
                column.distinct.value.into(),
                column.distinct.exact.into(),
                column.outliers.map_or(Value::Null, share),
            ]);
        }
        table
    }
}

/// Measures one column.
struct Gauge<'a> {
    column: &'a str,
    kind: ColumnType,
    rules: Option<Normaliser>,
    filled: u64,
    valid: u64,
    different: Different,
    numbers: Reservoir,
}

impl<'a> Gauge<'a> {
    fn new(column: &'a str, kind: ColumnType, rules: Option<Normaliser>) -> Self {
        Self {
            column,
            kind,
            rules,
            filled: 0,
            valid: 0,
            different: Different::new(),
            numbers: Reservoir::new(),
        }
    }

    fn see(&mut self, cell: &str) {
        if cell.trim().is_empty() {
            return;
        }
        let (valid, blank) = match &self.rules {
            None => (reads_as(self.kind, cell), false),
            Some(rules) => match rules.normalise(cell) {
                Ok(_) => (true, false),
                Err(rule) => (false, rule == Malformed::Empty),
            },
        };
        if blank {
            return;
        }
        self.filled += 1;
        self.valid += u64::from(valid);
        self.different.see(cell);
        if self.kind.is_number()
            && let Some(number) = number(cell)
        {
            self.numbers.see(number);
        }
    }

    fn read(self, rows: u64) -> ColumnQuality {
        let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        let distinct = self.different.count(self.filled);
        ColumnQuality {
            column: self.column.to_owned(),
            kind: self.kind,
            complete: share(self.filled, rows),
            valid: share(self.valid, self.filled),
            unique: share(distinct.value, self.filled),
            distinct,
            outliers: self.numbers.outliers(),
        }
    }
}

/// Counts different cells: by their hashes while there are few, by HyperLogLog beyond.
struct Different {
    counted: HashSet<u64>,
    registers: Vec<u8>,
}

impl Different {
    fn new() -> Self {
        Self { counted: HashSet::new(), registers: Vec::new() }
    }

    fn see(&mut self, cell: &str) {
        // With fixed keys, so that the same data give the same estimate.
        let mut hasher = DefaultHasher::new();
        cell.hash(&mut hasher);
        let hash = hasher.finish();
        if self.registers.is_empty() {
            self.counted.insert(hash);
            if self.counted.len() > COUNTED {
                self.registers = vec![0; 1 << REGISTERS];
                std::mem::take(&mut self.counted).into_iter().for_each(|hash| self.register(hash));
            }
        } else {
            self.register(hash);
        }
    }

    fn register(&mut self, hash: u64) {
        let register = (hash >> (64 - REGISTERS)) as usize;
        // The place of the first one among the remaining bits; a guard bit ends the search.
        let rank = ((hash << REGISTERS) | (1 << (REGISTERS - 1))).leading_zeros() as u8 + 1;
        self.registers[register] = self.registers[register].max(rank);
    }

    fn count(&self, filled: u64) -> Distinct {
        if self.registers.is_empty() {
            return Distinct { value: self.counted.len() as u64, exact: true };
        }
        // No small-range correction: it is for less than 2.5 · 2¹⁴ cells, and those are counted.
        let registers = self.registers.len() as f64;
        let alpha = 0.7213 / (1.0 + 1.079 / registers);
        let sum: f64 = self.registers.iter().map(|&rank| (-f64::from(rank)).exp2()).sum();
        let estimate = alpha * registers * registers / sum;
        Distinct { value: (estimate.round() as u64).min(filled), exact: false }
    }
}

/// A uniform sample (algorithm R; Vitter 1985).
struct Reservoir {
    sample: Vec<f64>,
    seen: u64,
    random: u64,
}

impl Reservoir {
    fn new() -> Self {
        Self { sample: Vec::new(), seen: 0, random: 0x7461_6369_7400_0001 }
    }

    fn see(&mut self, number: f64) {
        self.seen += 1;
        if self.sample.len() < SAMPLE {
            self.sample.push(number);
            return;
        }
        // The high half of a product is uniform below `seen`, to within 2⁻⁶⁴ · seen.
        let place = (u128::from(self.next()) * u128::from(self.seen)) >> 64;
        if let Some(kept) = self.sample.get_mut(place as usize) {
            *kept = number;
        }
    }

    /// SplitMix64 (Steele et al. 2014): a sample needs no secrecy.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn outliers(mut self) -> Option<f64> {
        self.sample.sort_unstable_by(f64::total_cmp);
        let at = |quarter: usize| self.sample.get(self.sample.len() * quarter / 4).copied();
        let (low, high) = (at(1)?, at(3)?);
        let reach = 3.0 * (high - low);
        if reach <= 0.0 {
            return None;
        }
        let outside = self.sample.iter().filter(|&&number| number < low - reach || number > high + reach);
        Some(outside.count() as f64 / self.sample.len() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_different_cells_are_counted_and_many_estimated_within_three_percent() {
        for (cells, exact) in
            [(0, true), (5, true), (COUNTED, true), (COUNTED + 1, false), (1_000_000, false)]
        {
            let mut different = Different::new();
            for round in 0..2 {
                (0..cells).for_each(|cell| different.see(&format!("cell {cell}")));
                let found = different.count(u64::MAX);
                assert_eq!(found.exact, exact, "round {round}");
                let error = (found.value as f64 - cells as f64).abs() / (cells as f64).max(1.0);
                assert!(error <= if exact { 0.0 } else { 0.03 }, "{cells}: {}", found.value);
            }
        }
    }

    fn outliers(numbers: impl IntoIterator<Item = f64>) -> Option<f64> {
        let mut reservoir = Reservoir::new();
        numbers.into_iter().for_each(|number| reservoir.see(number));
        reservoir.outliers()
    }

    #[test]
    fn outliers_are_far_from_the_middle_half() {
        assert_eq!(outliers([]), None);
        assert_eq!(outliers([1.0; 100]), None);
        assert_eq!(outliers((0..100).map(f64::from)), Some(0.0));
        assert_eq!(outliers((0..90).map(f64::from).chain([1e6; 10])), Some(0.1));
        let many = (0..1_000_000).map(|n| if n % 10 == 0 { 1e9 } else { f64::from(n % 1000) });
        let share = outliers(many).unwrap();
        assert!((share - 0.1).abs() < 0.01, "{share}");
    }
}
