//! The log as a table for spreadsheets: `log.csv`, RFC 4180, made from the records and from nothing else.
//!
//! The attack it stops: a cell that a spreadsheet runs as a formula, or that moves the rows below it.

use std::fmt::Write as _;

use super::entry::Entry;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

/// The first line.
pub const HEADER: &str = "seq,time,kind,query,contract,partner,what,body\n";

/// Puts a record's line at the end of `table`.
pub fn row(table: &mut String, entry: &Entry) {
    // Writing to a string does not fail, nor does writing a JSON value that was read.
    let _ = write!(table, "{}", entry.seq);
    for text in [&entry.time, entry.kind.name()] {
        cell(table, text);
    }
    table.push(',');
    if let Some(query) = entry.query {
        let _ = write!(table, "{query}");
    }
    table.push(',');
    if let Some(contract) = entry.contract {
        let _ = write!(table, "{contract}");
    }
    cell(table, entry.partner.as_deref().unwrap_or_default());
    cell(table, &entry.what);
    cell(table, &entry.body.to_string());
    table.push('\n');
}

fn cell(table: &mut String, text: &str) {
    table.push(',');
    let plain = |byte: u8| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b',' && byte != b'\'';
    if text.bytes().all(plain) && !text.starts_with(FORMULA) {
        return table.push_str(text);
    }
    let quoted = text.contains(['"', ',', '\'']) || text.contains(char::is_control);
    if quoted {
        table.push('"');
    }
    if text.starts_with(FORMULA) {
        table.push('\'');
    }
    // Nearly every cell that comes here is JSON without control characters.
    if text.contains(char::is_control) {
        for letter in text.chars() {
            match letter {
                '"' => table.push_str("\"\""),
                letter if letter.is_control() => table.extend(letter.escape_default()),
                letter => table.push(letter),
            }
        }
    } else {
        let mut parts = text.split('"');
        table.extend(parts.next());
        parts.for_each(|part| table.extend(["\"\"", part]));
    }
    if quoted {
        table.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d17_no_field_breaks_a_row_or_runs_as_a_formula() {
        let entry = |what: &str| -> Entry {
            let what = serde_json::to_string(what).expect("text");
            let text = format!(
                r#"{{"seq":1,"time":"2026-11-22T08:24:45Z","kind":"open","query":null,"contract":null,"partner":"a,b","what":{what},"body":{{"n":"x\n\u001b[31m"}}}}"#
            );
            serde_json::from_str(&text).expect("an entry")
        };
        for (what, shown) in [
            ("plain", "plain"),
            ("two\nrows", "\"two\\nrows\""),
            ("=1+1", "'=1+1"),
            ("\u{1b}[31m", "\"\\u{1b}[31m\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
        ] {
            let mut table = String::new();
            row(&mut table, &entry(what));
            let expected = format!(
                "1,2026-11-22T08:24:45Z,open,,,\"a,b\",{shown},\"{{\"\"n\"\":\"\"x\\n\\u001b[31m\"\"}}\"\n"
            );
            assert_eq!(table, expected);
            assert_eq!(table.lines().count(), 1);
        }
    }
}
