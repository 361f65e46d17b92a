//! Texts of a log on their way into a report (hostile.md, D17).
//!
//! A record holds what partners wrote: names, reasons, codes. The attack this stops is a record that writes
//! the report: markup that becomes part of the page, a line break that becomes a row, a direction mark that
//! turns a sentence around, a formula that a spreadsheet runs, a text so long that nobody finds the rest.

/// The most characters of one text that a page shows.
const SHOWN: usize = 400;

/// One line without anything that steers: control characters and direction marks become their numbers, and
/// what is too long is cut and says so.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(SHOWN + 16));
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN {
            shown.push_str(&format!("… ({} bytes)", text.len()));
            break;
        }
        if steers(c) {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters (C0, C1), line and paragraph separators, and the marks that change the direction of
/// text or are not seen at all (Unicode TR 9, section 2).
const fn steers(c: char) -> bool {
    c.is_ascii_control()
        || matches!(c,
            '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// For the text of an HTML page, and for attribute values in double quotes.
pub fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for c in visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// For a cell of CSV (RFC 4180): quoted where needed; a text that a spreadsheet would take for a formula gets
/// an apostrophe in front, as OWASP advises.
pub fn csv(text: &str) -> String {
    let mut cell = visible(text);
    if cell.starts_with(['=', '+', '-', '@']) {
        cell.insert(0, '\'');
    }
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d17_what_a_partner_wrote_stays_a_text() {
        let hostile = "<script>alert(\"1\")</script>&'\u{1b}[2J\u{202e}\r\nnext";
        assert_eq!(
            html(hostile),
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\\u{1b}[2J\\u{202e}\\u{d}\\u{a}next"
        );
        assert_eq!(csv("a\nb"), "a\\u{a}b");
        assert_eq!(csv("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(html("母婴 naïve"), "母婴 naïve");
    }

    #[test]
    fn d17_a_text_of_ten_megabytes_is_cut_and_says_so() {
        let long = "界".repeat(10 << 20);
        let shown = html(&long);
        assert!(shown.len() < 2_000 && shown.ends_with("… (31457280 bytes)"), "{}", shown.len());
    }
}
