//! Rows as JSON, CSV, Arrow or Parquet.
//!
//! Answers can be large: they are read and written batch by batch, and never held as a whole.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use crate::engine::{
    arrow::{
        array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray},
        csv,
        datatypes::{DataType, Field, Schema, SchemaRef},
        error::ArrowError,
        ipc::writer::StreamWriter,
        json::{self, writer::JsonFormat},
    },
    parquet::{
        arrow::{
            ArrowWriter,
            arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
        },
        basic::Compression,
        file::properties::WriterProperties,
    },
};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{
    draw::{self, Grid},
    error::CliError,
};
use crate::data::{Table, Value};

/// A format that programs read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An array of objects, one a line.
    Json,
    /// RFC 4180 with a heading line.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl Format {
    /// The format that a file's ending names.
    pub fn of_file(path: &Path) -> Result<Self, CliError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some("arrow") => Ok(Self::Arrow),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(CliError::OutputEnding { path: path.to_owned() }),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Arrow => "an Arrow stream",
            Self::Parquet => "Parquet",
        }
    }

    /// Whether it is bytes that no terminal can show.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Arrow | Self::Parquet)
    }
}

/// Writes a small table.
pub fn write_table(table: &Table, format: Format, out: &mut (dyn Write + Send)) -> Result<(), ArrowError> {
    if format == Format::Json {
        // Not by way of Arrow: a column may hold numbers in some rows and words in others.
        return Ok(write_objects(table, out)?);
    }
    let batch = to_batch(table)?;
    write_batches(batch.schema(), std::iter::once(Ok(batch)), format, out)
}

/// Writes the rows of a Parquet file in a format.
pub fn write_answer(path: &Path, format: Format, out: &mut (dyn Write + Send)) -> Result<(), AnswerError> {
    if format == Format::Parquet {
        let mut file = File::open(path).map_err(|error| AnswerError::Read(error.into()))?;
        io::copy(&mut file, out).map_err(|error| AnswerError::Write(error.into()))?;
        return Ok(());
    }
    let reader = open_answer(path)?;
    // Which of the two failed is decided by the writer, which knows whether it did.
    write_batches(crate::engine::arrow::array::RecordBatchReader::schema(&reader), reader, format, out)
        .map_err(AnswerError::Write)
}

/// The first rows of a Parquet file, for a person.
pub fn first_rows(path: &Path, limit: usize) -> Result<Grid, AnswerError> {
    use crate::engine::arrow::util::display::array_value_to_string;
    let reader = open_answer(path)?;
    let schema = crate::engine::arrow::array::RecordBatchReader::schema(&reader);
    let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
    let numbers = schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| AnswerError::Read(error.into()))?;
        for row in 0..batch.num_rows().min(limit - rows.len()) {
            let cells = batch.columns().iter().map(|column| match column.is_null(row) {
                true => Ok(draw::cell(&Value::Null).into_owned()),
                false => array_value_to_string(column, row).map(|text| draw::plain(&text).into_owned()),
            });
            rows.push(cells.collect::<Result<_, _>>().map_err(|error| AnswerError::Read(error.into()))?);
        }
        if rows.len() == limit {
            break;
        }
    }
    Ok(Grid { columns, rows, numbers })
}

/// Which end of a conversion failed.
#[derive(Debug)]
pub enum AnswerError {
    /// The file with the answer.
    Read(Box<dyn std::error::Error + Send + Sync>),
    /// What it is written to (or, if that is sound, the file after all).
    Write(ArrowError),
}

fn open_answer(path: &Path) -> Result<ParquetRecordBatchReader, AnswerError> {
    let read = |error: Box<dyn std::error::Error + Send + Sync>| AnswerError::Read(error);
    let file = File::open(path).map_err(|error| read(error.into()))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(8_192).build())
        .map_err(|error| read(error.into()))
}

fn write_batches(
    schema: SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<(), ArrowError> {
    match format {
        Format::Csv => {
            let mut writer = csv::WriterBuilder::new().with_header(true).build(out);
            // An empty batch first: a table without rows still has a heading.
            writer.write(&RecordBatch::new_empty(schema))?;
            for batch in batches {
                writer.write(&batch?)?;
            }
        }
        Format::Json => {
            let mut writer =
                json::WriterBuilder::new().with_explicit_nulls(true).build::<_, OneObjectALine>(out);
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.finish()?;
        }
        Format::Arrow => {
            let mut writer = StreamWriter::try_new(out, &schema)?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.finish()?;
        }
        Format::Parquet => {
            let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
            let mut writer = ArrowWriter::try_new(out, schema, Some(properties))?;
            for batch in batches {
                writer.write(&batch?)?;
            }
            writer.close()?;
        }
    }
    Ok(())
}

/// The same look for tables and for answers.
#[derive(Debug, Default)]
struct OneObjectALine;

impl JsonFormat for OneObjectALine {
    fn start_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"[")?)
    }

    fn start_row<W: Write>(&self, writer: &mut W, is_first_row: bool) -> Result<(), ArrowError> {
        Ok(writer.write_all(if is_first_row { b"\n  " } else { b",\n  " })?)
    }

    fn end_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"\n]\n")?)
    }
}

fn write_objects(table: &Table, out: &mut (dyn Write + Send)) -> io::Result<()> {
    out.write_all(b"[")?;
    for (index, row) in table.rows.iter().enumerate() {
        out.write_all(if index == 0 { b"\n  " } else { b",\n  " })?;
        serde_json::to_writer(&mut *out, &Object { columns: &table.columns, row })?;
    }
    out.write_all(b"\n]\n")
}

/// A row as an object whose keys keep the order of the columns.
struct Object<'a> {
    columns: &'a [String],
    row: &'a [Value],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (name, value) in self.columns.iter().zip(self.row) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A column becomes numbers or truth values where all of it is; else text.
fn to_batch(table: &Table) -> Result<RecordBatch, ArrowError> {
    let column = |index: usize| table.rows.iter().map(move |row| &row[index]);
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for (index, name) in table.columns.iter().enumerate() {
        let known = || column(index).filter(|value| **value != Value::Null);
        let all = |is: fn(&Value) -> bool| known().next().is_some() && known().all(is);
        let (kind, array): (DataType, ArrayRef) = if all(|value| matches!(value, Value::Bool(_))) {
            let values =
                column(index).map(|value| if let Value::Bool(value) = value { Some(*value) } else { None });
            (DataType::Boolean, Arc::new(values.collect::<BooleanArray>()))
        } else if all(|value| matches!(value, Value::Integer(_))) {
            let values = column(index)
                .map(|value| if let Value::Integer(value) = value { Some(*value) } else { None });
            (DataType::Int64, Arc::new(values.collect::<Int64Array>()))
        } else if all(|value| matches!(value, Value::Integer(_) | Value::Real(_))) {
            let values = column(index).map(|value| match value {
                Value::Integer(value) => Some(*value as f64),
                Value::Real(value) => Some(*value),
                _ => None,
            });
            (DataType::Float64, Arc::new(values.collect::<Float64Array>()))
        } else {
            let values = column(index).map(|value| match value {
                Value::Null => None,
                Value::Bool(value) => Some(value.to_string()),
                other => Some(draw::cell(other).into_owned()),
            });
            (DataType::Utf8, Arc::new(values.collect::<StringArray>()))
        };
        fields.push(Field::new(name, kind, true));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
