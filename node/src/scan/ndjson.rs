//! Newline-JSON, cell by cell as text.
//!
//! An identifier may come as `"13812345678"` in one line and as `13812345678` in the next; a reader with
//! typed columns fails on the second, quoting it. Here every scalar becomes text, in one spelling, and types
//! are put on afterwards as for CSV. Lists and maps inside a row are no cells: they count as missing.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
    sync::Arc,
};

use crate::engine::arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::scan::{
    cells::plain,
    csv::{LONGEST_RECORD, batch_rows},
    dataset::Format,
    error::ScanError,
    files::{DataFile, unreadable},
    records::encoding_fault,
};

/// Bytes of cells after which a batch is handed on.
const BATCH_BYTES: usize = 8 << 20;

/// A scalar of JSON as text, and whether it was a string.
pub(super) struct Cell<'a> {
    pub text: Cow<'a, str>,
    pub is_string: bool,
}

/// The lines of one file.
pub(super) struct JsonLines {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
    offset: u64,
}

impl JsonLines {
    pub fn open(file: &DataFile, dataset: &str) -> Result<Self, ScanError> {
        let reader = BufReader::with_capacity(1 << 18, file.open(dataset)?);
        Ok(Self { path: file.path.clone(), reader, line: Vec::new(), number: 0, offset: 0 })
    }

    /// Hands every cell of the next object to `see`; `false` at the end. `null` comes as empty text, what is
    /// no scalar as `None`.
    pub fn next_row(&mut self, see: &mut dyn FnMut(&str, Option<Cell<'_>>)) -> Result<bool, ScanError> {
        loop {
            self.offset += self.line.len() as u64;
            self.line.clear();
            self.number += 1;
            let most = LONGEST_RECORD as u64;
            let read = self
                .reader
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut self.line)
                .map_err(|source: io::Error| unreadable(&self.path, source))?;
            if read == 0 {
                return Ok(false);
            }
            if read as u64 == most && self.line.last() != Some(&b'\n') {
                return Err(ScanError::RecordTooLong {
                    path: self.path.clone(),
                    line: self.number,
                    most: LONGEST_RECORD,
                });
            }
            let mut text = &self.line[..];
            if self.number == 1 {
                text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            let mut json = serde_json::Deserializer::from_slice(text);
            let parsed = RowSeed(see).deserialize(&mut json).and_then(|()| json.end());
            return match parsed {
                Ok(()) => Ok(true),
                Err(error) => Err(self.fault(text, &error)),
            };
        }
    }

    /// The message of the parser may quote the line, so only its category is taken.
    fn fault(&self, text: &[u8], error: &serde_json::Error) -> ScanError {
        let path = self.path.clone();
        if let Some((offset, _)) = encoding_fault(&self.line, self.offset) {
            return ScanError::Encoding { path, offset, line: self.number };
        }
        let problem = if text.trim_ascii_start().first() != Some(&b'{') {
            "is not a JSON object"
        } else {
            match error.classify() {
                serde_json::error::Category::Eof => "is cut off: an object must stand on one line",
                _ => "is not valid JSON",
            }
        };
        ScanError::LineNotObject { path, line: self.number, problem }
    }
}

/// The rows of one file as text columns.
pub(super) struct JsonRows {
    lines: JsonLines,
    schema: SchemaRef,
    index: HashMap<String, usize>,
}

impl JsonRows {
    /// Opens a file for these columns; they come out in this order. A column that no line has is all null.
    pub fn open(file: &DataFile, dataset: &str, columns: &[String]) -> Result<Self, ScanError> {
        let fields: Vec<Field> = columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
        Ok(Self {
            lines: JsonLines::open(file, dataset)?,
            schema: Arc::new(Schema::new(fields)),
            index: columns.iter().enumerate().map(|(index, name)| (name.clone(), index)).collect(),
        })
    }

    /// The next rows, or `None` at the end.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>, ScanError> {
        let mut builders: Vec<StringBuilder> =
            self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let mut row: Vec<Option<String>> = vec![None; builders.len()];
        let (mut rows, mut bytes) = (0, 0);
        while rows < batch_rows(row.len()) && bytes < BATCH_BYTES {
            let index = &self.index;
            // Of a key that occurs twice in an object, the last one counts, as everywhere.
            let more = self.lines.next_row(&mut |name, cell| {
                if let Some(&column) = index.get(name) {
                    row[column] = cell.map(|cell| cell.text.into_owned());
                }
            })?;
            if !more {
                break;
            }
            for (builder, cell) in builders.iter_mut().zip(&mut row) {
                bytes += cell.as_ref().map_or(0, String::len);
                // An empty string is as missing as an empty cell of CSV.
                builder.append_option(cell.take().filter(|text| !text.is_empty()));
            }
            rows += 1;
        }
        if rows == 0 {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> =
            builders.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map(Some)
            .map_err(|_| ScanError::Unparsable { path: self.lines.path.clone(), format: Format::Ndjson })
    }
}

/// Visits one object.
struct RowSeed<'s>(&'s mut dyn FnMut(&str, Option<Cell<'_>>));

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(name)) = map.next_key()? {
            let ScalarOrNot(cell) = map.next_value()?;
            (self.0)(&name, cell);
        }
        Ok(())
    }
}

/// A key, borrowed from the line where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct ScalarOrNot<'a>(Option<Cell<'a>>);

impl<'de> Deserialize<'de> for ScalarOrNot<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor).map(Self)
    }
}

struct ScalarVisitor;

fn scalar<'a>(text: impl Into<Cow<'a, str>>, is_string: bool) -> Option<Cell<'a>> {
    Some(Cell { text: text.into(), is_string })
}

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Option<Cell<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(scalar(text, true))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(scalar(text.to_owned(), true))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(scalar(if truth { "true" } else { "false" }, false))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(scalar(number.to_string(), false))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(scalar(number.to_string(), false))
    }

    /// `1.38e10` is the number 13800000000, and `13812345678.0` is 13812345678; both are written so.
    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(scalar(plain(number), false))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(scalar("", false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
