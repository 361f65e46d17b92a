//! Parquet, a page at a time.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::engine::{
    arrow::{
        array::{ArrayRef, RecordBatch, RecordBatchOptions},
        datatypes::{DataType, Field, Schema, SchemaRef},
    },
    parquet::arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
};

use crate::scan::{
    cells::cast,
    csv::batch_rows,
    dataset::{Column, ColumnType},
    error::{ScanError, close_names},
    files::DataFile,
};

/// A column as a file declares it.
pub(super) struct Declared {
    pub name: String,
    pub kind: ColumnType,
    /// The file's own name for the type, for messages.
    pub title: String,
}

fn builder(file: &DataFile, dataset: &str) -> Result<ParquetRecordBatchReaderBuilder<File>, ScanError> {
    let opened = file.open(dataset)?;
    decode(&file.path, || ParquetRecordBatchReaderBuilder::try_new(opened))
}

/// Runs the library on bytes that may be damaged: some damage it meets with an error, some with a panic.
fn decode<T, E: std::error::Error>(path: &Path, step: impl FnOnce() -> Result<T, E>) -> Result<T, ScanError> {
    let problem = match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(decoded)) => return Ok(decoded),
        Ok(Err(error)) => problem(&error),
        Err(_) => "its decoder gave up",
    };
    Err(ScanError::ParquetDamaged { path: path.to_owned(), problem })
}

/// The columns, from the footer.
pub(super) fn declared(file: &DataFile, dataset: &str) -> Result<Vec<Declared>, ScanError> {
    let columns = builder(file, dataset)?
        .schema()
        .fields()
        .iter()
        .map(|field| Declared {
            name: field.name().clone(),
            kind: ColumnType::of_arrow(field.data_type()),
            title: title(field.data_type()),
        })
        .collect();
    Ok(columns)
}

/// The rows of one file, each column as its registered type.
pub(super) struct ParquetRows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
    columns: Vec<Column>,
}

impl ParquetRows {
    /// Opens a file for these columns; they come out in this order.
    pub fn open(file: &DataFile, dataset: &str, columns: &[Column]) -> Result<Self, ScanError> {
        let builder = builder(file, dataset)?;
        let found = Arc::clone(builder.schema());
        let mut roots = Vec::with_capacity(columns.len());
        for column in columns {
            roots.push(found.index_of(&column.name).map_err(|_| ScanError::ColumnMissing {
                path: file.path.clone(),
                column: column.name.clone(),
                close: close_names(&column.name, found.fields().iter().map(|field| field.name().as_str())),
            })?);
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = decode(&file.path, || {
            builder.with_projection(mask).with_batch_size(batch_rows(columns.len())).build()
        })?;
        let fields: Vec<Field> =
            columns.iter().map(|column| Field::new(&column.name, column.kind.arrow(), true)).collect();
        Ok(Self {
            path: file.path.clone(),
            reader,
            schema: Arc::new(Schema::new(fields)),
            columns: columns.to_vec(),
        })
    }

    /// The next rows, or `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, ScanError> {
        let Some(batch) = decode(&self.path, || self.reader.next().transpose())? else { return Ok(None) };
        let cells = self
            .columns
            .iter()
            .map(|column| {
                let found = batch.column_by_name(&column.name).ok_or_else(|| ScanError::ColumnMissing {
                    path: self.path.clone(),
                    column: column.name.clone(),
                    close: Vec::new(),
                })?;
                decode(&self.path, || cast(found, column.kind))
            })
            .collect::<Result<Vec<ArrayRef>, ScanError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        decode(&self.path, || RecordBatch::try_new_with_options(Arc::clone(&self.schema), cells, &options))
            .map(Some)
    }
}

/// The library's messages may hold anything that stands in a page, so only their topic is taken.
fn problem(error: &dyn std::error::Error) -> &'static str {
    let told = error.to_string().to_lowercase();
    let topics = [
        ("footer", "its footer does not read"),
        ("eof", "it ends too early"),
        ("thrift", "its metadata does not read"),
        ("utf-8", "a text is not UTF-8"),
        ("encrypt", "it is encrypted"),
    ];
    topics
        .into_iter()
        .find(|(word, _)| told.contains(word))
        .map_or("a page does not read", |(_, problem)| problem)
}

fn title(kind: &DataType) -> String {
    match kind {
        DataType::Struct(_) => "a map".to_owned(),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "a list".to_owned(),
        DataType::Map(..) => "a map".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "bytes".to_owned()
        }
        other => other.to_string().to_lowercase(),
    }
}
