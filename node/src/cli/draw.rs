//! Text for a person's terminal.
//!
//! Much of what is shown was written by a partner: names, reasons, contract texts. The attack this stops is
//! text that moves the cursor, recolours or reverses the line and so makes a contract look like another one:
//! every character that steers a terminal is shown as its number instead.

use std::{borrow::Cow, io::IsTerminal};

use comfy_table::{CellAlignment, ContentArrangement};

use crate::data::{Table, Value};

/// A line above, one under the heading, one below; see comfy-table's `TableComponent` for the order.
const LINES: &str = "  ── ══      ──    ";

/// Shows a text with every steering character made visible; line breaks and tabs stay.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Control characters (C0 and C1), and those that change the direction of text (Unicode TR 9, section 2).
fn steers(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

/// Cells that are text already, on their way to be drawn.
#[derive(Debug)]
pub struct Grid {
    /// The heading.
    pub columns: Vec<String>,
    /// Every row is as long as the heading.
    pub rows: Vec<Vec<String>>,
    /// Which columns hold numbers; they are set to the right.
    pub numbers: Vec<bool>,
}

impl Grid {
    /// The cells of a table, with nothing in them that steers a terminal.
    pub fn of(table: &Table) -> Self {
        let is_number = |column: usize| {
            let mut known = table.rows.iter().map(|row| &row[column]).filter(|value| **value != Value::Null);
            let number = |value: &Value| matches!(value, Value::Integer(_) | Value::Real(_));
            known.next().is_some_and(number) && known.all(number)
        };
        Self {
            columns: table.columns.clone(),
            numbers: (0..table.columns.len()).map(is_number).collect(),
            rows: table
                .rows
                .iter()
                .map(|row| row.iter().map(|value| plain(&short(value)).into_owned()).collect())
                .collect(),
        }
    }

    /// The drawn table, ending in a line break; as wide as it needs, or as the terminal where there is one.
    pub fn draw(self) -> String {
        let mut drawn = comfy_table::Table::new();
        drawn.load_preset(LINES);
        if std::io::stdout().is_terminal() {
            drawn.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            // A program reads this: no line is folded, and the terminal of stderr plays no part.
            drawn.force_no_tty();
        }
        drawn.set_header(self.columns.iter().map(|name| plain(name).into_owned()));
        drawn.add_rows(self.rows);
        for (index, _) in self.numbers.iter().enumerate().filter(|&(_, &number)| number) {
            if let Some(column) = drawn.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = drawn.trim_fmt();
        text.push('\n');
        text
    }
}

/// One value as a person reads it.
pub fn cell(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed("–"),
        Value::Bool(true) => Cow::Borrowed("yes"),
        Value::Bool(false) => Cow::Borrowed("no"),
        Value::Integer(number) => Cow::Owned(number.to_string()),
        Value::Real(number) => Cow::Owned(number.to_string()),
        Value::Text(text) => Cow::Borrowed(text),
    }
}

/// As [`cell`], with no more decimals than a person reads; programs get all of them.
fn short(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Real(number) if number.is_finite() && number.abs() >= 1e-4 => {
            let fixed = format!("{number:.4}");
            Cow::Owned(fixed.trim_end_matches('0').trim_end_matches('.').to_owned())
        }
        other => cell(other),
    }
}

/// A count with its thousands set apart: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_done() {
        assert_eq!(plain("\u{1b}[2Kyes\rno"), "\\u{1b}[2Kyes\\u{d}no");
        assert_eq!(plain("a\u{202e}b\u{9b}c\u{7f}"), "a\\u{202e}b\\u{9b}c\\u{7f}");
        assert_eq!(plain("two\n\tlines, naïve 母婴"), "two\n\tlines, naïve 母婴");
    }

    #[test]
    fn a_table_is_drawn_the_same_everywhere() {
        let mut shown = Table::new(&["dataset", "rows", "ok"]);
        shown.push(["customers".into(), Value::Integer(30_000), true.into()]);
        shown.push(["a\u{1b}c".into(), Value::Null, false.into()]);
        let text = Grid::of(&shown).draw();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert_eq!(lines[1], " dataset      rows   ok");
        assert_eq!(lines[3], " customers   30000   yes");
        assert_eq!(lines[4], " a\\u{1b}c        –   no");
    }

    #[test]
    fn real_numbers_are_short_for_people() {
        let shown = |number: f64| short(&Value::Real(number)).into_owned();
        assert_eq!(shown(0.145_240_641_711_229_94), "0.1452");
        assert_eq!(
            (shown(1.0), shown(-12.5), shown(1e-9), shown(0.0)),
            ("1".into(), "-12.5".into(), "0.000000001".into(), "0".into())
        );
    }

    #[test]
    fn counts_are_readable() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_048_576), "1,048,576");
    }
}
