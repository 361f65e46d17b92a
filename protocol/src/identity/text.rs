//! What counts as blank, and how digits of other scripts are read: one answer for all profiles.

/// White space, and the invisible characters that copying from web pages, spreadsheets and address books
/// leaves behind: zero-width spaces and joiners, byte order marks, marks of writing direction.
///
/// Unicode's `White_Space` alone would let U+200B or U+202C make two spellings of one address.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{00AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Without blanks at both ends.
pub(super) fn trim(value: &str) -> &str {
    value.trim_matches(is_blank)
}

/// The value of a decimal digit: ASCII, full-width, Arabic-Indic or Persian.
pub(super) fn digit(c: char) -> Option<u8> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{FF10}'..='\u{FF19}' => '\u{FF10}',
        '\u{0660}'..='\u{0669}' => '\u{0660}',
        '\u{06F0}'..='\u{06F9}' => '\u{06F0}',
        _ => return None,
    };
    Some((u32::from(c) - u32::from(zero)) as u8)
}

/// Whether a spreadsheet wrote this: digits with a `.0` tail, or scientific notation.
pub(super) fn is_decimal(value: &str) -> bool {
    let value = value.strip_prefix('+').unwrap_or(value);
    let (whole, tail) = match value.split_once('.') {
        Some(parts) => parts,
        None => match value.split_once(['e', 'E']) {
            Some((whole, exponent)) => return all_digits(whole) && is_exponent(exponent),
            None => return false,
        },
    };
    if !all_digits(whole) {
        return false;
    }
    match tail.split_once(['e', 'E']) {
        Some((fraction, exponent)) => all_digits(fraction) && is_exponent(exponent),
        None => !tail.is_empty() && tail.bytes().all(|byte| byte == b'0'),
    }
}

fn is_exponent(text: &str) -> bool {
    all_digits(text.strip_prefix('+').unwrap_or(text))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_characters_are_blank() {
        for c in ['\u{A0}', '\u{3000}', '\u{200B}', '\u{202C}', '\u{FEFF}', '\t', '\u{2009}'] {
            assert!(is_blank(c), "U+{:04X}", u32::from(c));
        }
        for c in ['a', '.', '０', 'é'] {
            assert!(!is_blank(c));
        }
    }

    #[test]
    fn digits_of_other_scripts_have_their_value() {
        assert_eq!("0９٣۷".chars().map(digit).collect::<Vec<_>>(), [Some(0), Some(9), Some(3), Some(7)]);
        assert_eq!(digit('¹'), None);
    }

    #[test]
    fn spreadsheet_numbers_are_seen_and_dotted_phones_are_not() {
        for value in ["13812345678.0", "1.38123E+10", "+1.38e10", "8.6138E12", "138123e5", "13812345678.00"] {
            assert!(is_decimal(value), "{value}");
        }
        for value in ["202.555.0123", "030.1234", "13812345678", "1.2", "", ".0", "E5", "1."] {
            assert!(!is_decimal(value), "{value}");
        }
    }
}
