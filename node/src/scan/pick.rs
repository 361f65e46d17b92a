//! The answer's rows, on a second pass over the same content.
//!
//! The exchange says which rows matched by their numbers alone. Between the two passes a file could have
//! been replaced, and the numbers would then name other people; so the snapshot is checked before the first
//! row and after the last, and an answer is not there until then.

use std::{collections::HashMap, path::Path, sync::Arc};

use crate::engine::{
    arrow::{
        array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt64Array},
        compute::take,
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties},
};
use tacit_protocol::ids::SnapshotHash;

use crate::scan::{
    dataset::Registration,
    error::ScanError,
    input::Match,
    read::{Batch, read},
    whole::WholeFile,
};

/// Rows that the writer holds before it writes them out.
const ROW_GROUP: usize = 1 << 16;

/// Beside the column that names the customer: the one that says by which key it matched, and the one with
/// the names of its other rows.
const HOW: [&str; 2] = ["matched_by", "also"];

/// Writes the rows of `matches` (sorted by row, as [`Customers::matched`](crate::scan::Customers::matched)
/// gives them) to a Parquet file of mode 0600 that is there whole or not at all. Returns the rows written.
///
/// There is one row a customer: its first. The columns are the one called `customer` (the dataset's row id,
/// or the row's number as text), `matched_by`, `also` (those of the customer's other rows, separated by
/// blanks), and those of `own` (column and label), or the registered key columns, as they stand in the data;
/// one that would be called as an earlier one becomes `own_also` and so on. `watch` is told the rows read and the rows there
/// are, and answers whether to go on.
///
/// # Errors
///
/// [`ScanError::Changed`] if the content is not that of `snapshot`; [`ScanError::RowMissing`] if a row is
/// beyond the end or out of order.
pub fn pick(
    registration: &Registration,
    snapshot: SnapshotHash,
    matches: &[Match],
    customer: &str,
    own: Option<&[(String, String)]>,
    target: &Path,
    watch: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<u64, ScanError> {
    let dataset = || registration.name.clone();
    if registration.snapshot_hash() != snapshot {
        return Err(ScanError::Changed { dataset: dataset() });
    }
    let plan = Plan::new(registration, customer, own)?;
    let also = Names::of_others(registration, matches, watch)?;
    let mut rows = read(registration, &plan.columns)?;
    let schema = plan.schema(rows.schema());
    let unwritable = |error: crate::engine::parquet::errors::ParquetError| ScanError::FileUnwritable {
        path: target.to_owned(),
        source: std::io::Error::other(error),
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build();
    let mut writer = ArrowWriter::try_new(WholeFile::create(target)?, Arc::clone(&schema), Some(properties))
        .map_err(unwritable)?;
    let mut waiting = matches;
    for batch in &mut rows {
        let batch = batch?;
        let read_rows = batch.first_row - 1 + batch.cells.num_rows() as u64;
        let here = waiting.partition_point(|found| found.row <= read_rows);
        let (found, later) = waiting.split_at(here);
        waiting = later;
        if !found.is_empty() {
            let cells = plan
                .take(&batch, found, &also, &schema)
                .ok_or_else(|| ScanError::RowMissing { dataset: dataset(), row: found[0].row })?;
            writer.write(&cells).map_err(unwritable)?;
        }
        if !watch(read_rows, registration.snapshot.rows) {
            return Err(ScanError::Stopped { dataset: dataset() });
        }
    }
    if let Some(beyond) = waiting.first() {
        return Err(ScanError::RowMissing { dataset: dataset(), row: beyond.row });
    }
    writer.into_inner().map_err(unwritable)?.finish()?;
    Ok(matches.len() as u64)
}

/// Which columns are read, and what becomes of them.
struct Plan<'a> {
    /// The row id, if there is one, and then the owner's own columns.
    columns: Vec<&'a str>,
    has_row_id: bool,
    /// What the answer's columns are called, in order.
    names: Vec<String>,
    /// For each own column of the answer, its place in `columns`.
    own: Vec<usize>,
}

impl<'a> Plan<'a> {
    fn new(
        registration: &'a Registration,
        customer: &str,
        own: Option<&'a [(String, String)]>,
    ) -> Result<Self, ScanError> {
        let wanted: Vec<(&str, &str)> = match own {
            Some(own) => own.iter().map(|(column, label)| (column.as_str(), label.as_str())).collect(),
            None => registration.ids.iter().map(|key| (key.column.as_str(), key.column.as_str())).collect(),
        };
        let mut plan = Self {
            columns: registration.row_id.as_deref().into_iter().collect(),
            has_row_id: registration.row_id.is_some(),
            names: HOW.map(str::to_owned).to_vec(),
            own: Vec::new(),
        };
        let customer = plan.free(customer);
        plan.names.insert(0, customer);
        let mut seen = std::collections::HashSet::new();
        // One column may be the key of two kinds.
        for (column, label) in wanted.into_iter().filter(|wanted| seen.insert(*wanted)) {
            registration.known(column)?;
            let place = plan.columns.iter().position(|earlier| *earlier == column);
            plan.own.push(place.unwrap_or(plan.columns.len()));
            if place.is_none() {
                plan.columns.push(column);
            }
            let name = plan.free(label);
            plan.names.push(name);
        }
        Ok(plan)
    }

    /// A name that no column has so far.
    fn free(&self, label: &str) -> String {
        let mut name = label.to_owned();
        while self.names.contains(&name) {
            name.insert_str(0, "own_");
        }
        name
    }

    fn schema(&self, found: &Schema) -> SchemaRef {
        let (named, own) = self.names.split_at(1 + HOW.len());
        let text = named.iter().map(|name| Field::new(name, DataType::Utf8, true));
        let own = own.iter().zip(&self.own).map(|(name, &place)| found.field(place).clone().with_name(name));
        Arc::new(Schema::new(text.chain(own).collect::<Vec<Field>>()))
    }

    /// The rows found in this batch; `None` if a row is not in it, or out of order.
    fn take(&self, batch: &Batch, found: &[Match], also: &Names, schema: &SchemaRef) -> Option<RecordBatch> {
        let mut places = Vec::with_capacity(found.len());
        let mut after = batch.first_row;
        for found in found {
            places.push(found.row.checked_sub(after).map(|_| found.row - batch.first_row)?);
            after = found.row + 1;
        }
        let places = UInt64Array::from(places);
        let taken: Vec<ArrayRef> = batch
            .cells
            .columns()
            .iter()
            .map(|column| take(column, &places, None).ok())
            .collect::<Option<_>>()?;
        let customer: ArrayRef = match taken.first() {
            Some(row_id) if self.has_row_id => Arc::new(row_id.as_string_opt::<i32>()?.clone()),
            _ => Arc::new(found.iter().map(|found| Some(found.row.to_string())).collect::<StringArray>()),
        };
        let matched_by = found.iter().map(|found| Some(found.kind.name())).collect::<StringArray>();
        let also = found.iter().map(|found| also.joined(&found.others)).collect::<StringArray>();
        let own = self.own.iter().map(|&place| Arc::clone(&taken[place]));
        let columns = [customer, Arc::new(matched_by), Arc::new(also)].into_iter().chain(own).collect();
        RecordBatch::try_new(Arc::clone(schema), columns).ok()
    }
}

/// The names of customers' other rows. They stand further down in the files than the first rows, so where
/// rows have ids, these are looked up beforehand, in a pass over that one column.
enum Names {
    Numbers,
    Ids(HashMap<u64, String>),
}

impl Names {
    fn of_others(
        registration: &Registration,
        matches: &[Match],
        watch: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<Self, ScanError> {
        let Some(row_id) = &registration.row_id else { return Ok(Self::Numbers) };
        let mut others: Vec<u64> = matches.iter().flat_map(|found| &found.others).copied().collect();
        let mut ids = HashMap::with_capacity(others.len());
        if others.is_empty() {
            return Ok(Self::Ids(ids));
        }
        others.sort_unstable();
        let mut waiting = others.as_slice();
        for batch in &mut read(registration, &[row_id])? {
            let batch = batch?;
            let last = batch.first_row - 1 + batch.cells.num_rows() as u64;
            let (here, later) = waiting.split_at(waiting.partition_point(|&row| row <= last));
            waiting = later;
            for &row in here {
                let place = row.checked_sub(batch.first_row).map(|place| place as usize);
                if let (Some(place), Some(texts)) = (place, batch.text(0))
                    && texts.is_valid(place)
                {
                    ids.insert(row, texts.value(place).to_owned());
                }
            }
            if !watch(last, registration.snapshot.rows) {
                return Err(ScanError::Stopped { dataset: registration.name.clone() });
            }
        }
        Ok(Self::Ids(ids))
    }

    fn joined(&self, rows: &[u64]) -> Option<String> {
        let names: Vec<String> = rows
            .iter()
            .filter_map(|row| match self {
                Self::Numbers => Some(row.to_string()),
                Self::Ids(ids) => ids.get(row).cloned(),
            })
            .collect();
        (!names.is_empty()).then(|| names.join(" "))
    }
}
