//! Text cells: what type a column of them is, and how a cell of that type reads.
//!
//! Guessing from the first thousand rows is how an identifier loses its leading zero and how a column of
//! amounts loses its cents at row 1,001. So every cell is looked at, one cell such as `007` keeps its whole
//! column text, and what then does not read as its column's type counts as missing, whatever is asked: a
//! condition can neither fail on one row's cell nor be used to find out that it would.

use std::sync::Arc;

use crate::engine::arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
        TimestampMicrosecondArray,
    },
    compute::{
        CastOptions, cast_with_options,
        kernels::cast_utils::{Parser, string_to_timestamp_nanos},
    },
    datatypes::{DataType, Date32Type, Float64Type, TimeUnit},
    error::ArrowError,
};

use crate::scan::dataset::ColumnType;

/// One cell in so many may be unreadable (`n/a`, `-`) without its column becoming text.
const STRAYS: u64 = 20;

impl ColumnType {
    /// The Arrow type that cells are handed on as.
    pub(super) fn arrow(self) -> DataType {
        match self {
            Self::Text | Self::Other => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Real => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, None),
        }
    }

    /// What a column of a Parquet file is; `None` means a type that no condition can be put on.
    pub(super) fn of_arrow(found: &DataType) -> Self {
        use DataType::*;
        match found {
            Utf8 | LargeUtf8 | Utf8View => Self::Text,
            Dictionary(_, values) => Self::of_arrow(values),
            Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => Self::Integer,
            Float16 | Float32 | Float64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
                Self::Real
            }
            Boolean => Self::Boolean,
            Date32 | Date64 => Self::Date,
            Timestamp(..) => Self::Time,
            _ => Self::Other,
        }
    }
}

/// A whole number, as everybody would write it: no plus, no leading zeros, nothing around it.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let plain = match digits {
        [b'0'] => !text.starts_with('-'),
        [b'1'..=b'9', ..] => true,
        _ => false,
    };
    if plain { text.parse().ok() } else { None }
}

/// A number with a decimal point or an exponent, or a whole one.
fn real(text: &str) -> Option<f64> {
    // `inf`, `nan` and `infinity` parse too, but nobody means a number by them.
    let first = text.strip_prefix('-').unwrap_or(text).bytes().next()?;
    let number: f64 = if first.is_ascii_digit() || first == b'.' { text.parse().ok()? } else { return None };
    number.is_finite().then_some(number)
}

fn truth(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Days since 1970.
fn day(text: &str) -> Option<i32> {
    // `20240131` would parse too; as likely it is a number.
    if text.len() == 10 && !text.as_bytes()[4].is_ascii_digit() { Date32Type::parse(text) } else { None }
}

/// Microseconds since 1970; without a zone: UTC.
fn moment(text: &str) -> Option<i64> {
    if text.len() < 10 || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    string_to_timestamp_nanos(text).ok().map(|nanoseconds| nanoseconds.div_euclid(1_000))
}

/// Whether a cell reads as this type.
pub(super) fn reads_as(kind: ColumnType, text: &str) -> bool {
    let text = text.trim();
    match kind {
        ColumnType::Text => true,
        ColumnType::Other => false,
        ColumnType::Integer => whole(text).is_some(),
        ColumnType::Real => real(text).is_some(),
        ColumnType::Boolean => truth(text).is_some(),
        ColumnType::Date => day(text).is_some(),
        ColumnType::Time => moment(text).is_some(),
    }
}

/// A number cell as a number, for the measures of quality.
pub(super) fn number(text: &str) -> Option<f64> {
    real(text.trim())
}

/// Cells of text as cells of the type; what does not read becomes null.
pub(super) fn typed(cells: &StringArray, kind: ColumnType) -> ArrayRef {
    let trimmed = || cells.iter().map(|cell| cell.map(str::trim));
    match kind {
        ColumnType::Text | ColumnType::Other => Arc::new(cells.clone()),
        ColumnType::Integer => Arc::new(trimmed().map(|cell| cell.and_then(whole)).collect::<Int64Array>()),
        ColumnType::Real => Arc::new(trimmed().map(|cell| cell.and_then(real)).collect::<Float64Array>()),
        ColumnType::Boolean => Arc::new(trimmed().map(|cell| cell.and_then(truth)).collect::<BooleanArray>()),
        ColumnType::Date => Arc::new(trimmed().map(|cell| cell.and_then(day)).collect::<Date32Array>()),
        ColumnType::Time => {
            Arc::new(trimmed().map(|cell| cell.and_then(moment)).collect::<TimestampMicrosecondArray>())
        }
    }
}

/// Any column of a Parquet file as a column of the type; what does not fit becomes null.
pub(super) fn cast(found: &ArrayRef, kind: ColumnType) -> Result<ArrayRef, ArrowError> {
    let wanted = kind.arrow();
    if *found.data_type() == wanted {
        return Ok(Arc::clone(found));
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    match (found.data_type(), kind) {
        // Tables that once had a gap in a column of numbers come with `13812345678.0` there. As text that
        // is a whole number again as long as a double holds it exactly.
        (DataType::Float16 | DataType::Float32 | DataType::Float64, ColumnType::Text) => {
            let numbers = cast_with_options(found, &DataType::Float64, &options)?;
            let texts = numbers
                .as_primitive::<Float64Type>()
                .iter()
                .map(|cell| cell.filter(|number| number.is_finite()).map(plain));
            Ok(Arc::new(texts.collect::<StringArray>()))
        }
        (DataType::Utf8View | DataType::LargeUtf8 | DataType::Dictionary(..), _) => {
            let texts = cast_with_options(found, &DataType::Utf8, &options)?;
            Ok(typed(texts.as_string::<i32>(), kind))
        }
        (DataType::Utf8, _) => Ok(typed(found.as_string::<i32>(), kind)),
        _ => cast_with_options(found, &wanted, &options),
    }
}

/// A double without an exponent: `13812345678`, `0.5`.
pub(super) fn plain(number: f64) -> String {
    format!("{number}")
}

/// What a column has been seen to be so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Guess {
    filled: u64,
    whole: u64,
    real: u64,
    truth: u64,
    days: u64,
    moments: u64,
    /// A cell that no number may swallow: `007`, `+86…`, more digits than 64 bits hold.
    pinned: bool,
}

impl Guess {
    /// Looks at one more cell.
    pub fn see(&mut self, cell: &str) {
        self.filled += 1;
        if self.pinned {
            return;
        }
        let text = cell.trim();
        let Some(first) = text.bytes().next() else { return };
        match first {
            b'0'..=b'9' | b'-' | b'.' => {
                if whole(text).is_some() {
                    self.whole += 1;
                } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
                    self.pinned = true;
                } else if real(text).is_some() {
                    self.real += 1;
                } else if day(text).is_some() {
                    self.days += 1;
                } else if moment(text).is_some() {
                    self.moments += 1;
                }
            }
            b'+' => self.pinned = true,
            b't' | b'T' | b'f' | b'F' => self.truth += u64::from(truth(text).is_some()),
            _ => {}
        }
    }

    /// The narrowest type that nearly every filled cell reads as.
    pub fn kind(&self) -> ColumnType {
        let nearly = |count: u64| count > 0 && (self.filled - count) * STRAYS <= self.filled;
        if self.pinned {
            ColumnType::Text
        } else if nearly(self.whole + self.real) {
            if self.real == 0 { ColumnType::Integer } else { ColumnType::Real }
        } else if nearly(self.truth) {
            ColumnType::Boolean
        } else if nearly(self.days + self.moments) {
            if self.moments == 0 { ColumnType::Date } else { ColumnType::Time }
        } else {
            ColumnType::Text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(cells: &[&str]) -> ColumnType {
        let mut guess = Guess::default();
        cells.iter().for_each(|cell| guess.see(cell));
        guess.kind()
    }

    #[test]
    fn a_column_is_the_narrowest_type_that_fits() {
        assert_eq!(guess(&["1", "-2", "0"]), ColumnType::Integer);
        assert_eq!(guess(&["1", "2.5"]), ColumnType::Real);
        assert_eq!(guess(&["true", "False"]), ColumnType::Boolean);
        assert_eq!(guess(&["2024-01-31", "2023-12-01"]), ColumnType::Date);
        assert_eq!(guess(&["2024-01-31T10:00:00Z", "2023-12-01"]), ColumnType::Time);
        assert_eq!(guess(&["maternal", "1"]), ColumnType::Text);
        assert_eq!(guess(&[]), ColumnType::Text);
    }

    #[test]
    fn what_a_number_would_lose_keeps_the_column_text() {
        let mut cells = vec!["13812345678"; 1000];
        for odd in ["007", "+8613812345678", "99999999999999999999"] {
            cells.push(odd);
            assert_eq!(guess(&cells), ColumnType::Text, "{odd}");
            cells.pop();
        }
        assert_eq!(guess(&cells), ColumnType::Integer);
    }

    #[test]
    fn a_few_strays_do_not_make_a_column_text_and_read_as_nothing() {
        let mut cells = vec!["12"; 19];
        cells.push("n/a");
        assert_eq!(guess(&cells), ColumnType::Integer);
        cells.push("?");
        assert_eq!(guess(&cells), ColumnType::Text);
        let read = typed(&StringArray::from(vec!["12", "n/a", " 7 ", "1.5", "inf"]), ColumnType::Integer);
        let read: Vec<Option<i64>> =
            read.as_primitive::<crate::engine::arrow::datatypes::Int64Type>().iter().collect();
        assert_eq!(read, [Some(12), None, Some(7), None, None]);
    }

    #[test]
    fn a_double_that_is_a_whole_number_is_written_as_one() {
        let column: ArrayRef =
            Arc::new(Float64Array::from(vec![Some(13_812_345_678.0), Some(0.5), Some(f64::NAN), None]));
        let text = cast(&column, ColumnType::Text).unwrap();
        let text: Vec<Option<&str>> = text.as_string::<i32>().iter().collect();
        assert_eq!(text, [Some("13812345678"), Some("0.5"), None, None]);
    }

    #[test]
    fn every_cell_that_a_guess_counted_reads_as_what_was_guessed() {
        for cells in
            [&["1", "2.5", "-3"][..], &["TRUE", "false"], &["2024-02-29"], &["2024-02-29 01:02:03.5"]]
        {
            let kind = guess(cells);
            assert!(cells.iter().all(|cell| reads_as(kind, cell)), "{cells:?} as {kind}");
            assert_eq!(typed(&StringArray::from(cells.to_vec()), kind).null_count(), 0);
        }
    }
}
