//! The rows of a dataset as one stream of batches, in one order, in bounded memory.
//!
//! A row's number is its only name that both passes over the data (one to collect, one to write the answer)
//! must agree on: rows count from 1 through the files in the order of their names, and a batch says which
//! row it starts with. A thread of its own decodes ahead by two batches, so that reading and normalising
//! overlap; what is in memory is those batches, whatever the files' size.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use crate::engine::arrow::{
    array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray},
    datatypes::{Field, Schema, SchemaRef},
};

use crate::scan::{
    cells::typed,
    columnar::ParquetRows,
    csv::CsvRows,
    dataset::{Column, ColumnType, Format, Registration},
    error::ScanError,
    files::DataFile,
    ndjson::JsonRows,
    snapshot,
};

/// Batches decoded ahead.
const AHEAD: usize = 2;

/// Consecutive rows.
#[derive(Clone)]
pub struct Batch {
    /// The number of its first row; rows count from 1.
    pub first_row: u64,
    /// The columns that were asked for, in that order, as their registered types.
    pub cells: RecordBatch,
}

/// Shows which rows and none of their cells.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} rows from {})", self.cells.num_rows(), self.first_row)
    }
}

impl Batch {
    /// A column of text: identifiers and the row id always are.
    pub(super) fn text(&self, index: usize) -> Option<&StringArray> {
        self.cells.column(index).as_string_opt::<i32>()
    }
}

/// The rows of a dataset; see [`read`].
pub struct Rows {
    dataset: String,
    schema: SchemaRef,
    receiver: Receiver<Result<Batch, ScanError>>,
    worker: Option<thread::JoinHandle<()>>,
    files: Vec<DataFile>,
    ended: bool,
}

/// Starts to read these columns of a dataset, from the files that its snapshot was taken of.
pub fn read(registration: &Registration, columns: &[&str]) -> Result<Rows, ScanError> {
    let columns = columns.iter().map(|name| registration.known(name).cloned());
    start(registration, columns.collect::<Result<_, _>>()?)
}

/// As [`read`], with every cell as the text that stands there, whether or not it reads as its type.
pub(super) fn read_text(registration: &Registration, columns: &[&str]) -> Result<Rows, ScanError> {
    let as_text = |column: &Column| Column { kind: ColumnType::Text, ..column.clone() };
    let columns = columns.iter().map(|name| registration.known(name).map(as_text));
    start(registration, columns.collect::<Result<_, _>>()?)
}

fn start(registration: &Registration, columns: Vec<Column>) -> Result<Rows, ScanError> {
    let files = snapshot::unchanged(
        &registration.name,
        &registration.path,
        registration.format,
        &registration.snapshot,
    )?;
    let fields: Vec<Field> =
        columns.iter().map(|column| Field::new(&column.name, column.kind.arrow(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let (sender, receiver) = sync_channel(AHEAD);
    let work = Work {
        dataset: registration.name.clone(),
        format: registration.format,
        delimiter: registration.delimiter.unwrap_or(','),
        files: files.clone(),
        columns,
        schema: Arc::clone(&schema),
    };
    let worker = thread::Builder::new()
        .name("scan".into())
        .spawn(move || {
            // A failed send means that nobody wants the rest.
            if let Err(error) = work.run(&mut |batch| sender.send(Ok(batch)).is_ok()) {
                let _ = sender.send(Err(error));
            }
        })
        .map_err(|source| ScanError::FileUnreadable { path: registration.path.clone(), source })?;
    Ok(Rows {
        dataset: registration.name.clone(),
        schema,
        receiver,
        worker: Some(worker),
        files,
        ended: false,
    })
}

impl Rows {
    /// The columns, as every batch has them.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Iterator for Rows {
    type Item = Result<Batch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.receiver.recv() {
            Ok(Ok(batch)) => return Some(Ok(batch)),
            Ok(Err(error)) => {
                self.ended = true;
                return Some(Err(error));
            }
            Err(_) => self.ended = true,
        }
        // The channel is closed: the worker came to the end, or fell over a damaged file.
        if self.worker.take().is_some_and(|worker| worker.join().is_err()) {
            let path = self.files.first().map(|file| file.path.clone()).unwrap_or_default();
            return Some(Err(ScanError::ParquetDamaged { path, problem: "its decoder gave up" }));
        }
        // A file that was written to while it was read shows it now at the latest.
        for file in &self.files {
            if let Err(error) = file.open(&self.dataset) {
                return Some(Err(error));
            }
        }
        None
    }
}

/// What the decoding thread needs.
struct Work {
    dataset: String,
    format: Format,
    delimiter: char,
    files: Vec<DataFile>,
    columns: Vec<Column>,
    schema: SchemaRef,
}

impl Work {
    fn run(&self, hand_on: &mut dyn FnMut(Batch) -> bool) -> Result<(), ScanError> {
        let names: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let mut first_row = 1;
        for file in &self.files {
            let mut source: Box<dyn FnMut() -> Result<Option<RecordBatch>, ScanError>> = match self.format {
                Format::Csv => {
                    let mut rows = CsvRows::open(file, &self.dataset, self.delimiter, &names)?;
                    Box::new(move || rows.next_batch())
                }
                Format::Ndjson => {
                    let mut rows = JsonRows::open(file, &self.dataset, &names)?;
                    Box::new(move || rows.next_batch())
                }
                Format::Parquet => {
                    let mut rows = ParquetRows::open(file, &self.dataset, &self.columns)?;
                    Box::new(move || rows.next_batch())
                }
            };
            while let Some(cells) = source()? {
                let rows = cells.num_rows() as u64;
                let cells = self.as_registered(&file.path, cells)?;
                if !hand_on(Batch { first_row, cells }) {
                    return Ok(());
                }
                first_row += rows;
            }
        }
        Ok(())
    }

    /// Text cells as cells of the registered types. Parquet has done that already.
    fn as_registered(&self, path: &Path, cells: RecordBatch) -> Result<RecordBatch, ScanError> {
        if cells.schema_ref() == &self.schema {
            return Ok(cells);
        }
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .zip(cells.columns())
            .map(|(column, found)| match found.as_string_opt::<i32>() {
                Some(text) => typed(text, column.kind),
                None => Arc::clone(found),
            })
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(cells.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map_err(|_| ScanError::Unparsable { path: path.to_owned(), format: self.format })
    }
}
