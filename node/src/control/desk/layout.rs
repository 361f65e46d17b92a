//! Replies in the form that people read: lines whose parts stand under each other.
//!
//! A table is for programs as much as for people and has a column for everything; what a person decides by
//! has to fit a screen. Programs get the table or the document of the same reply.

use jiff::Timestamp;

/// Lines whose cells stand under each other, two blanks apart; cells of numbers are set to the right by
/// their caller. A line break in a cell is shown as its number.
pub fn aligned(indent: &str, rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = indent.to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let missing = width.saturating_sub(cell.chars().count());
            line.push_str(&" ".repeat(missing + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The printer shows all that steers a terminal but line breaks and tabs, which a text may have.
fn one_line(cell: &str) -> String {
    cell.replace('\n', "\\u{a}").replace('\t', "\\u{9}")
}

/// Right-aligned to `width`.
pub fn right(text: impl ToString, width: usize) -> String {
    format!("{:>width$}", text.to_string())
}

/// `14.5 %`
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A moment to the second: nobody decides by less.
pub fn second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_each_other_and_lines_end_where_their_text_does() {
        let rows =
            [vec!["a".to_owned(), "ε 8".to_owned(), String::new()], vec!["long".to_owned(), "b".to_owned()]];
        assert_eq!(aligned("  ", &rows), "  a     ε 8\n  long  b\n");
        assert_eq!(aligned("", &[]), "");
    }

    #[test]
    fn a_partners_text_cannot_add_lines() {
        let rows = [vec!["rows with".to_owned(), "\"a\" = 'x\n  tells\tnothing'".to_owned()]];
        assert_eq!(aligned("", &rows), "rows with  \"a\" = 'x\\u{a}  tells\\u{9}nothing'\n");
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(percent(0.145_240_64), "14.5 %");
        assert_eq!(right(7, 4), "   7");
        let at = "2026-11-22T06:27:41.778616703Z".parse().unwrap();
        assert_eq!(second(at), "2026-11-22T06:27:41Z");
    }
}
