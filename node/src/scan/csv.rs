//! CSV, read by the names in each file's header and never by position.
//!
//! Arrow's decoder does the work; what it leaves open is closed here. A directory may hold files whose
//! columns stand in different orders. A quote that is never closed would take the rest of a 10 GB file into
//! memory as one field. And its messages quote the row that broke them, so they are dropped, and the place
//! is found by a second, slower look at the file.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use crate::engine::arrow::{
    array::RecordBatch,
    csv::{ReaderBuilder, reader::Decoder},
    datatypes::{DataType, Field, Schema},
};

use crate::scan::{
    dataset::Format,
    error::{ScanError, close_names},
    files::{DataFile, unreadable},
    records::{self, Tokens},
};

/// Rows in a batch of few columns, and in one of very many.
const BATCH_ROWS: std::ops::RangeInclusive<usize> = 64..=8192;
/// Cells in a batch: decoders keep some tens of bytes for each.
const BATCH_CELLS: usize = 1 << 19;
/// No row of a table is longer; a forgotten quote is.
pub(super) const LONGEST_RECORD: usize = 4 << 20;
/// Columns, at most.
pub(super) const MOST_COLUMNS: usize = 10_000;

/// How many rows of so many columns make a batch.
pub(super) fn batch_rows(columns: usize) -> usize {
    (BATCH_CELLS / columns.max(1)).clamp(*BATCH_ROWS.start(), *BATCH_ROWS.end())
}

/// How much is read at a time.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Bytes of one reading from the file.
    chunk: usize,
    /// Bytes after which a batch is handed on, however few rows it has.
    batch_bytes: usize,
}

const PACE: Pace = Pace { chunk: 1 << 18, batch_bytes: 8 << 20 };

/// The names in the first line of a file, and where the rows begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub names: Vec<String>,
    pub delimiter: u8,
    /// Offset of the first byte after the header.
    pub rows_at: u64,
}

/// Reads the header; a delimiter that is not given is told from it.
pub(super) fn header(
    file: &DataFile,
    dataset: &str,
    delimiter: Option<char>,
) -> Result<(Header, File), ScanError> {
    let mut opened = file.open(dataset)?;
    let mut start = Vec::new();
    opened
        .by_ref()
        .take(LONGEST_RECORD as u64)
        .read_to_end(&mut start)
        .map_err(|source| unreadable(&file.path, source))?;
    let delimiter = match delimiter {
        Some(delimiter) => u8::try_from(delimiter).unwrap_or(b','),
        None => records::guess_delimiter(&start),
    };
    let problem =
        |problem: &str| ScanError::HeaderUnusable { path: file.path.clone(), problem: problem.to_owned() };
    let bom = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let Some((fields, length)) = records::first_record(&start[bom..], delimiter) else {
        let path = file.path.clone();
        if start[bom..].iter().all(|byte| matches!(byte, b'\n' | b'\r')) && start.len() < LONGEST_RECORD {
            return Err(ScanError::FileEmpty { path });
        }
        // There is no whole record, so none can be ragged.
        return Err(match Tokens::new(delimiter).first_fault(&start[bom..], 1) {
            Ok(Some(records::Fault::QuoteOpen { line })) => ScanError::QuoteOpen { path, line },
            _ => problem("has no end: is this a CSV file?"),
        });
    };
    if fields.len() > MOST_COLUMNS {
        return Err(ScanError::TooManyColumns { path: file.path.clone(), most: MOST_COLUMNS });
    }
    let mut names = Vec::with_capacity(fields.len());
    for (index, field) in fields.into_iter().enumerate() {
        let name = String::from_utf8(field).map_err(|_| {
            records::encoding_fault(&start, 0).map_or(problem("is not UTF-8"), |(offset, line)| {
                ScanError::Encoding { path: file.path.clone(), offset, line }
            })
        })?;
        if name.trim().is_empty() {
            return Err(problem(&format!("has no name for column {}", index + 1)));
        }
        // Without a header the first customer would stand in it, and then in every message about columns.
        if looks_like_an_identifier(&name) {
            return Err(problem(&format!(
                "is missing: column {} of the first line holds what looks like a customer's data",
                index + 1
            )));
        }
        if let Some(first) = names.iter().position(|earlier| *earlier == name) {
            return Err(problem(&format!("names `{name}` twice, columns {} and {}", first + 1, index + 1)));
        }
        names.push(name);
    }
    let rows_at = (bom + length) as u64;
    io::Seek::seek(&mut opened, io::SeekFrom::Start(rows_at))
        .map_err(|source| unreadable(&file.path, source))?;
    Ok((Header { names, delimiter, rows_at }, opened))
}

/// An address, or nine digits and more with nothing but punctuation between them: no name of a column.
fn looks_like_an_identifier(name: &str) -> bool {
    let digits = name.chars().filter(char::is_ascii_digit).count();
    name.contains('@') || (digits >= 9 && !name.chars().any(char::is_alphabetic))
}

/// The rows of one file as text columns.
pub(super) struct CsvRows {
    path: PathBuf,
    opened: File,
    header: Header,
    decoder: Decoder,
    chunk: Vec<u8>,
    batch_bytes: usize,
    /// The part of `chunk` that waits to be decoded.
    waiting: std::ops::Range<usize>,
    ended: bool,
}

impl CsvRows {
    /// Opens a file for these columns; they come out in this order.
    pub fn open(
        file: &DataFile,
        dataset: &str,
        delimiter: char,
        columns: &[String],
    ) -> Result<Self, ScanError> {
        Self::open_at(file, dataset, delimiter, columns, PACE)
    }

    fn open_at(
        file: &DataFile,
        dataset: &str,
        delimiter: char,
        columns: &[String],
        pace: Pace,
    ) -> Result<Self, ScanError> {
        let (header, opened) = header(file, dataset, Some(delimiter))?;
        let projection = columns
            .iter()
            .map(|column| {
                header.names.iter().position(|name| name == column).ok_or_else(|| ScanError::ColumnMissing {
                    path: file.path.clone(),
                    column: column.clone(),
                    close: close_names(column, header.names.iter().map(String::as_str)),
                })
            })
            .collect::<Result<Vec<usize>, ScanError>>()?;
        let fields: Vec<Field> =
            header.names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
        let decoder = ReaderBuilder::new(Arc::new(Schema::new(fields)))
            .with_header(false)
            .with_delimiter(header.delimiter)
            .with_batch_size(batch_rows(header.names.len()))
            .with_projection(projection)
            .build_decoder();
        Ok(Self {
            path: file.path.clone(),
            opened,
            header,
            decoder,
            chunk: vec![0; pace.chunk],
            batch_bytes: pace.batch_bytes,
            waiting: 0..0,
            ended: false,
        })
    }

    /// The next rows, or `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, ScanError> {
        let mut in_batch = 0;
        let mut in_record = 0;
        while !self.ended && self.decoder.capacity() > 0 {
            if self.waiting.is_empty() {
                let read = self.read_chunk()?;
                if read == 0 {
                    self.ended = true;
                    self.end()?;
                    break;
                }
            }
            // Near the limit, bytes are handed over up to one line end at a time, so that the batch can be
            // cut right behind a record.
            let heavy = in_batch >= self.batch_bytes;
            let waiting = &self.chunk[self.waiting.clone()];
            let part = match waiting.iter().position(|&byte| matches!(byte, b'\n' | b'\r')) {
                Some(end) if heavy => &waiting[..=end],
                _ => waiting,
            };
            let before = self.decoder.capacity();
            let decoded = self.decoder.decode(part).map_err(|_| self.locate())?;
            self.waiting.start += decoded;
            in_batch += decoded;
            if self.decoder.capacity() < before {
                in_record = 0;
                if heavy {
                    break;
                }
            } else {
                in_record += decoded;
                if in_record > LONGEST_RECORD {
                    return Err(self.locate());
                }
            }
        }
        self.decoder.flush().map_err(|_| self.locate())
    }

    /// Ends the last record. The decoder would take one whose quote is open for whole, and with it every line
    /// that the quote swallowed. So it is given a line end first, which ends any record but that one; if the
    /// end of the file then still ends another, its quote was open.
    fn end(&mut self) -> Result<(), ScanError> {
        self.decoder.decode(b"\n").map_err(|_| self.locate())?;
        let before = self.decoder.capacity();
        // An empty slice is the end of the file.
        self.decoder.decode(&[]).map_err(|_| self.locate())?;
        if self.decoder.capacity() < before { Err(self.locate()) } else { Ok(()) }
    }

    fn read_chunk(&mut self) -> Result<usize, ScanError> {
        loop {
            match self.opened.read(&mut self.chunk) {
                Ok(read) => {
                    self.waiting = 0..read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&self.path, error)),
            }
        }
    }

    /// What is wrong with the file, and where: read again from its first byte, slowly.
    fn locate(&self) -> ScanError {
        let unparsable = || ScanError::Unparsable { path: self.path.clone(), format: Format::Csv };
        let fault = File::open(&self.path).and_then(|file| {
            Tokens::new(self.header.delimiter).first_fault(file, self.header.names.len() as u64)
        });
        let path = self.path.clone();
        match fault {
            Ok(Some(records::Fault::Encoding { offset, line })) => ScanError::Encoding { path, offset, line },
            Ok(Some(records::Fault::Ragged { line, found })) => {
                ScanError::LineRagged { path, line, found, expected: self.header.names.len() as u64 }
            }
            Ok(Some(records::Fault::QuoteOpen { line })) => ScanError::QuoteOpen { path, line },
            Ok(Some(records::Fault::TooLong { line })) => {
                ScanError::RecordTooLong { path, line, most: LONGEST_RECORD }
            }
            Ok(None) => unparsable(),
            Err(source) => unreadable(&self.path, source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::engine::arrow::array::AsArray;
    use proptest::prelude::*;

    use super::*;
    use crate::scan::files;

    /// A cell as it may be written, and as it must be read.
    fn any_cell() -> impl Strategy<Value = (String, String)> {
        let plain = "[a-z0-9 .äß张]{1,8}".prop_map(|text| (text.clone(), text));
        let quoted =
            "[a-z,\"\r\n ä]{0,12}".prop_map(|text| (format!("\"{}\"", text.replace('"', "\"\"")), text));
        prop_oneof![3 => plain, 2 => quoted, 1 => Just((String::new(), String::new()))]
    }

    fn any_table() -> impl Strategy<Value = Vec<Vec<(String, String)>>> {
        // The first cell is never empty, so that no row is an empty line.
        let row = ("[a-z]{1,3}", prop::collection::vec(any_cell(), 2))
            .prop_map(|(first, rest)| [(first.clone(), first)].into_iter().chain(rest).collect());
        prop::collection::vec(row, 0..30)
    }

    proptest! {
            #[test]
            fn whatever_the_chunks_and_batches_the_cells_are_the_same(
                rows in any_table(),
                chunk in 1usize..40,
                batch_bytes in 1usize..200,
                end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
                last_end: bool,
            ) {
                let lines: Vec<String> = rows
                    .iter()
                    .map(|row| row.iter().map(|(written, _)| written.as_str()).collect::<Vec<_>>().join(","))
                    .collect();
                let mut text = format!("a,b,c{end}{}", lines.join(end));
                if last_end {
                    text.push_str(end);
                }
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("a.csv");
                let length = text.len();
                fs::write(&path, text).unwrap();
                let (files, _) = files::list(&path, None).unwrap();
                let columns = ["c".to_owned(), "a".to_owned(), "b".to_owned()];
                let pace = Pace { chunk, batch_bytes };
                let mut source = CsvRows::open_at(&files[0], "d", ',', &columns, pace).unwrap();
                let mut found: Vec<[String; 3]> = Vec::new();
                let mut batches = 0;
                while let Some(batch) = source.next_batch().unwrap() {
                    batches += 1;
                    for row in 0..batch.num_rows() {
                        let cell = |column: usize| batch.column(column).as_string::<i32>().value(row).to_owned();
                        found.push([cell(1), cell(2), cell(0)]);
                    }
                }
                let expected: Vec<[String; 3]> =
                    rows.iter().map(|row| [0, 1, 2].map(|column| row[column].1.clone())).collect();
                prop_assert_eq!(found, expected);
    // A batch ends at the first record after its limit: a chunk and a record later at most.
                prop_assert!(batches >= length / (batch_bytes + chunk + 100), "{} batches", batches);
            }
        }
}
