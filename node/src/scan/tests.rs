//! Whole datasets, from files to answers.

mod collecting;
mod faults;
mod figures;
mod filtering;
mod joining;
mod large;
mod looking;

mod picking;
mod reading;
mod sample;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::engine::{
    arrow::{
        array::{ArrayRef, AsArray, RecordBatch},
        datatypes::Schema,
    },
    parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
};
use jiff::Timestamp;

use super::*;
use crate::{query::Filter, report::Report};

/// A directory with files, and a store of registrations beside it.
struct Place {
    dir: tempfile::TempDir,
    datasets: Datasets,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let datasets = Datasets::new(dir.path().join("home/datasets"));
        Self { dir, datasets }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Registers a file under the name `d`.
    fn add(&self, path: &Path, ids: &[(&str, &str)]) -> Result<Registration, ScanError> {
        self.add_with(path, ids, |new| new)
    }

    fn add_with(
        &self,
        path: &Path,
        ids: &[(&str, &str)],
        more: impl FnOnce(NewDataset) -> NewDataset,
    ) -> Result<Registration, ScanError> {
        let mut new = NewDataset::new("d", path);
        for (kind, column) in ids {
            new = new.id(kind, column)?;
        }
        self.datasets.add(more(new), Timestamp::now(), &mut |_| true)
    }

    fn open(&self) -> Result<Registration, ScanError> {
        self.datasets.open("d", Timestamp::now(), &mut |_| true)
    }
}

/// Every cell of these columns as text, with the row numbers.
fn table(registration: &Registration, columns: &[&str]) -> Vec<(u64, Vec<Option<String>>)> {
    let mut rows = Vec::new();
    for batch in read(registration, columns).unwrap() {
        let batch = batch.unwrap();
        rows.extend(
            texts(&batch.cells).into_iter().enumerate().map(|(at, row)| (batch.first_row + at as u64, row)),
        );
    }
    rows
}

fn texts(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(|column| {
            crate::engine::arrow::compute::cast(column, &crate::engine::arrow::datatypes::DataType::Utf8)
                .unwrap()
        })
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            let cell = |column: &ArrayRef| {
                column.is_valid(row).then(|| column.as_string::<i32>().value(row).to_owned())
            };
            columns.iter().map(cell).collect()
        })
        .collect()
}

fn parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path.to_owned()
}

fn read_parquet(path: &Path) -> (Arc<Schema>, Vec<Vec<Option<String>>>) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let schema = Arc::clone(builder.schema());
    (schema, builder.build().unwrap().flat_map(|batch| texts(&batch.unwrap())).collect())
}

/// The whole of what a person would see of an error.
fn shown(error: ScanError) -> String {
    Report::from(error).to_string()
}
