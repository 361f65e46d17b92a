//! The first reading of a dataset: every row, so that what is wrong with it shows when it is registered and
//! not in the middle of a partner's question.

use std::collections::HashMap;

use crate::engine::arrow::array::AsArray;

use crate::scan::{
    cells::Guess,
    columnar::{self, ParquetRows},
    csv::{self, CsvRows, MOST_COLUMNS},
    dataset::{Column, ColumnType, Format, MatchKey},
    error::{ScanError, close_names},
    files::DataFile,
    ndjson::JsonLines,
};

/// What a dataset turned out to be.
#[derive(Debug)]
pub(super) struct Survey {
    pub columns: Vec<Column>,
    pub rows: u64,
    pub delimiter: Option<char>,
}

/// What the caller says of the columns before anybody has looked.
pub(super) struct Said<'a> {
    pub dataset: &'a str,
    pub ids: &'a [MatchKey],
    pub row_id: Option<&'a str>,
    pub delimiter: Option<char>,
}

impl Said<'_> {
    /// Columns whose cells are names of customers, and so text whatever they look like.
    fn is_name(&self, column: &str) -> bool {
        self.row_id == Some(column) || self.ids.iter().any(|key| key.column == column)
    }

    fn named(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|key| key.column.as_str()).chain(self.row_id)
    }

    /// Every column that was named is there.
    fn check(&self, file: &DataFile, columns: &[Column]) -> Result<(), ScanError> {
        for name in self.named() {
            if !columns.iter().any(|column| column.name == name) {
                return Err(ScanError::ColumnMissing {
                    path: file.path.clone(),
                    column: name.to_owned(),
                    close: close_names(name, columns.iter().map(|column| column.name.as_str())),
                });
            }
        }
        Ok(())
    }

    fn column(&self, name: &str, guess: ColumnType) -> Column {
        let kind = if self.is_name(name) { ColumnType::Text } else { guess };
        Column { name: name.to_owned(), kind }
    }
}

/// Reads all files of a dataset once; `watch` is told the rows so far and says whether to go on.
pub(super) fn survey(
    files: &[DataFile],
    format: Format,
    said: &Said<'_>,
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<Survey, ScanError> {
    // Invariant: `files::list` returns no empty list.
    let Some(first) = files.first() else {
        return Err(ScanError::Stopped { dataset: said.dataset.to_owned() });
    };
    match format {
        Format::Csv => survey_csv(first, files, said, watch),
        Format::Ndjson => survey_ndjson(first, files, said, watch),
        Format::Parquet => survey_parquet(first, files, said, watch),
    }
}

fn survey_csv(
    first: &DataFile,
    files: &[DataFile],
    said: &Said<'_>,
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<Survey, ScanError> {
    let (header, _) = csv::header(first, said.dataset, said.delimiter)?;
    let delimiter = char::from(header.delimiter);
    let untyped: Vec<Column> = header.names.iter().map(|name| said.column(name, ColumnType::Text)).collect();
    said.check(first, &untyped)?;
    let mut guesses = vec![Guess::default(); header.names.len()];
    let mut rows = 0;
    for file in files {
        let mut source = CsvRows::open(file, said.dataset, delimiter, &header.names)?;
        while let Some(batch) = source.next_batch()? {
            for ((guess, name), cells) in guesses.iter_mut().zip(&header.names).zip(batch.columns()) {
                if said.is_name(name) {
                    continue;
                }
                if let Some(cells) = cells.as_string_opt::<i32>() {
                    cells.iter().flatten().for_each(|cell| guess.see(cell));
                }
            }
            rows += batch.num_rows() as u64;
            go_on(said, watch, rows)?;
        }
    }
    let columns =
        header.names.iter().zip(&guesses).map(|(name, guess)| said.column(name, guess.kind())).collect();
    Ok(Survey { columns, rows, delimiter: (delimiter != ',').then_some(delimiter) })
}

fn survey_ndjson(
    first: &DataFile,
    files: &[DataFile],
    said: &Said<'_>,
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<Survey, ScanError> {
    #[derive(Default)]
    struct Seen {
        guess: Guess,
        strings: u64,
        others: u64,
        nested: u64,
    }
    let mut names: Vec<String> = Vec::new();
    let mut seen: HashMap<String, Seen> = HashMap::new();
    let mut rows = 0;
    for file in files {
        let mut lines = JsonLines::open(file, said.dataset)?;
        let mut too_many = false;
        while lines.next_row(&mut |name, cell| {
            let seen = match seen.get_mut(name) {
                Some(seen) => seen,
                None if names.len() >= MOST_COLUMNS => {
                    too_many = true;
                    return;
                }
                None => {
                    names.push(name.to_owned());
                    seen.entry(name.to_owned()).or_default()
                }
            };
            match cell {
                Some(cell) if !cell.text.is_empty() => {
                    *(if cell.is_string { &mut seen.strings } else { &mut seen.others }) += 1;
                    seen.guess.see(&cell.text);
                }
                Some(_) => {}
                None => seen.nested += 1,
            }
        })? {
            if too_many {
                return Err(ScanError::TooManyColumns { path: file.path.clone(), most: MOST_COLUMNS });
            }
            rows += 1;
            if rows % 8192 == 0 {
                go_on(said, watch, rows)?;
            }
        }
    }
    let mut columns = Vec::with_capacity(names.len());
    for name in &names {
        let seen = seen.remove(name).unwrap_or_default();
        let kind = if seen.nested > seen.strings + seen.others {
            ColumnType::Other
        } else {
            match seen.guess.kind() {
                // A maker who writes "1" in quotes means text; only days and moments have no other way.
                ColumnType::Integer | ColumnType::Real | ColumnType::Boolean if seen.strings > 0 => {
                    ColumnType::Text
                }
                kind => kind,
            }
        };
        if kind == ColumnType::Other && said.is_name(name) {
            return Err(ScanError::IdentifierType {
                path: first.path.clone(),
                column: name.clone(),
                found: "a list or a map".to_owned(),
            });
        }
        columns.push(said.column(name, kind));
    }
    said.check(first, &columns)?;
    Ok(Survey { columns, rows, delimiter: None })
}

fn survey_parquet(
    first: &DataFile,
    files: &[DataFile],
    said: &Said<'_>,
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<Survey, ScanError> {
    let mut columns: Vec<Column> = Vec::new();
    let mut rows = 0;
    for file in files {
        let declared = columnar::declared(file, said.dataset)?;
        if columns.is_empty() {
            if declared.len() > MOST_COLUMNS {
                return Err(ScanError::TooManyColumns { path: file.path.clone(), most: MOST_COLUMNS });
            }
            if let Some(twice) = (1..declared.len())
                .find(|&index| declared[..index].iter().any(|earlier| earlier.name == declared[index].name))
            {
                let problem = format!("names `{}` twice", declared[twice].name);
                return Err(ScanError::HeaderUnusable { path: file.path.clone(), problem });
            }
            columns = declared.iter().map(|found| said.column(&found.name, found.kind)).collect();
            said.check(first, &columns)?;
        }
        for name in columns.iter().map(|column| &column.name) {
            let found = declared.iter().find(|found| found.name == *name);
            let found = found.ok_or_else(|| ScanError::ColumnMissing {
                path: file.path.clone(),
                column: name.clone(),
                close: close_names(name, declared.iter().map(|found| found.name.as_str())),
            })?;
            // Whole-number and text keys have one spelling; of doubles, those that hold a whole number.
            let is_spelt = matches!(found.kind, ColumnType::Text | ColumnType::Integer | ColumnType::Real);
            if said.is_name(name) && !is_spelt {
                return Err(ScanError::IdentifierType {
                    path: file.path.clone(),
                    column: name.clone(),
                    found: found.title.clone(),
                });
            }
        }
        // The footer alone would not show a damaged page.
        let readable: Vec<Column> =
            columns.iter().filter(|column| column.kind != ColumnType::Other).cloned().collect();
        let mut source = ParquetRows::open(file, said.dataset, &readable)?;
        while let Some(batch) = source.next_batch()? {
            rows += batch.num_rows() as u64;
            go_on(said, watch, rows)?;
        }
    }
    Ok(Survey { columns, rows, delimiter: None })
}

fn go_on(said: &Said<'_>, watch: &mut dyn FnMut(u64) -> bool, rows: u64) -> Result<(), ScanError> {
    if watch(rows) { Ok(()) } else { Err(ScanError::Stopped { dataset: said.dataset.to_owned() }) }
}
