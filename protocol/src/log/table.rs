//! The log as a table for spreadsheets: `log.csv`, RFC 4180, made from the records and from nothing else.
//!
//! The attack it stops: a cell that a spreadsheet runs as a formula, or that moves the rows below it.

use super::entry::Entry;

/// The first line.
pub const HEADER: &str = "seq,time,kind,query,contract,partner,what,body\n";

/// Puts a record's line at the end of `table`.
pub fn row(table: &mut String, entry: &Entry) {
    table.push_str(&entry.seq.to_string());
    let query = entry.query.map(|id| id.to_string()).unwrap_or_default();
    let contract = entry.contract.map(|id| id.to_string()).unwrap_or_default();
    let partner = entry.partner.as_deref().unwrap_or_default();
    let body = entry.body.to_string();
    for text in [&entry.time, entry.kind.name(), &query, &contract, partner, &entry.what, &body] {
        table.push(',');
        cell(table, text);
    }
    table.push('\n');
}

fn cell(table: &mut String, text: &str) {
    let quoted = text.contains(['"', ',', '\'']) || text.contains(char::is_control);
    if quoted {
        table.push('"');
    }
    if text.starts_with(['=', '+', '-', '@']) {
        table.push('\'');
    }
    for letter in text.chars() {
        match letter {
            '"' => table.push_str("\"\""),
            letter if letter.is_control() => table.extend(letter.escape_default()),
            letter => table.push(letter),
        }
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
