//! Scores of our own customers, as a file.

use std::{path::Path, sync::Arc};

use super::ReleaseError;
use crate::{
    config::files::write_private,
    engine::{
        arrow::{
            array::{ArrayRef, Float64Array, RecordBatch, StringArray},
            datatypes::{DataType, Field, Schema},
        },
        parquet::arrow::ArrowWriter,
    },
};

/// Writes customers with their scores, in this order: `customer`, and `score` to six decimals.
///
/// # Errors
/// [`ReleaseError::Unwritten`]
pub fn write_scores(target: &Path, customers: &[String], scores: &[f64]) -> Result<(), ReleaseError> {
    let unwritten = |source| ReleaseError::Unwritten { path: target.to_owned(), source };
    let schema = Arc::new(Schema::new(vec![
        Field::new("customer", DataType::Utf8, false),
        Field::new("score", DataType::Float64, false),
    ]));
    let rounded = scores.iter().map(|score| (score * 1e6).round() / 1e6);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(customers.iter().map(|name| Some(name.as_str())).collect::<StringArray>()),
        Arc::new(rounded.map(Some).collect::<Float64Array>()),
    ];
    let mut bytes = Vec::new();
    let written = RecordBatch::try_new(schema, columns).map_err(std::io::Error::other).and_then(|batch| {
        ArrowWriter::try_new(&mut bytes, batch.schema(), None)
            .and_then(|mut writer| {
                writer.write(&batch)?;
                writer.close()
            })
            .map_err(std::io::Error::other)
    });
    written.map_err(unwritten)?;
    write_private(target, &bytes).map_err(|error| unwritten(std::io::Error::other(error)))
}
