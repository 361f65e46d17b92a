//! What the owner calls the customers of some rows.

use std::collections::HashMap;

use crate::engine::arrow::array::Array;
use tacit_protocol::ids::SnapshotHash;

use crate::scan::{dataset::Registration, error::ScanError, read::read};

/// For each of `rows` (in any order, from 1) the dataset's row id there, or the row's number if the dataset has no row
/// ids or the cell is empty. A second pass over one column: the content has to be that of `snapshot`.
///
/// # Errors
/// [`ScanError::Changed`]; [`ScanError::RowMissing`] for a row beyond the end.
pub fn names(
    registration: &Registration,
    snapshot: SnapshotHash,
    rows: &[u64],
) -> Result<Vec<String>, ScanError> {
    let dataset = || registration.name.clone();
    if registration.snapshot_hash() != snapshot {
        return Err(ScanError::Changed { dataset: dataset() });
    }
    if let Some(&beyond) = rows.iter().find(|row| !(1..=registration.snapshot.rows).contains(row)) {
        return Err(ScanError::RowMissing { dataset: dataset(), row: beyond });
    }
    let mut names: Vec<String> = rows.iter().map(u64::to_string).collect();
    let Some(row_id) = &registration.row_id else { return Ok(names) };
    let places: HashMap<u64, usize> = rows.iter().enumerate().map(|(place, &row)| (row, place)).collect();
    for batch in &mut read(registration, &[row_id])? {
        let batch = batch?;
        let Some(texts) = batch.text(0) else { continue };
        for (at, row) in (0..texts.len()).zip(batch.first_row..) {
            if let Some(&place) = places.get(&row)
                && texts.is_valid(at)
            {
                texts.value(at).clone_into(&mut names[place]);
            }
        }
    }
    Ok(names)
}
