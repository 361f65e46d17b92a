//! Showing a value without showing it.
//!
//! A lint report is pasted into tickets and mails. So an example in it must let its owner find the row and
//! nobody else the person: at least four characters stay hidden, a short value is hidden whole, and the mask
//! has one length whatever the value's. What is shown is printable: a cell may hold terminal escapes.

use super::{HashText, digest::is_foreign_hash, email, text};

/// Stands for what is hidden, however long.
const HIDDEN: &str = "****";

/// `138****1234`, `j***@gmail.com`, `ab12…`: by the value's own looks, not by what its column should hold.
///
/// | looks like | shown |
/// |---|---|
/// | a hash | the first four characters |
/// | an address | the first character of two or more before the `@`, and the domain |
/// | eleven digits or more, as a phone | the first three and the last four |
/// | eight to ten digits | the first two and the last two |
/// | five to seven digits | the last one |
/// | anything else of eight characters or more | the first |
/// | anything shorter | nothing |
pub fn mask(value: &str) -> String {
    let value = text::trim(value);
    if value.is_empty() {
        return String::new();
    }
    if HashText::read(value).is_some() || is_foreign_hash(value) {
        return format!("{}…", value.chars().take(4).collect::<String>());
    }
    let mask = mask_email(value).or_else(|| mask_phone(value)).unwrap_or_else(|| mask_other(value));
    // An address may hold stars itself.
    if mask.contains(value) { HIDDEN.to_owned() } else { mask }
}

fn mask_email(value: &str) -> Option<String> {
    // Only a domain with the shape of one is shown: in a broken address the name may stand behind the @.
    let (local, domain) = email::parts(value).filter(|(_, domain)| domain.len() <= 64)?;
    let mut letters = local.chars();
    let first = letters.next().filter(|c| letters.next().is_some() && is_shown(*c));
    Some(format!("{}***@{domain}", first.map(String::from).unwrap_or_default()))
}

fn mask_phone(value: &str) -> Option<String> {
    let plus = if value.starts_with(['+', '＋']) { "+" } else { "" };
    let digits: String =
        value.chars().filter_map(text::digit).map(|digit| char::from(b'0' + digit)).collect();
    let others = value.chars().filter(|c| text::digit(*c).is_none() && !text::is_blank(*c)).count();
    if digits.len() > 20 || others > digits.len() {
        return None;
    }
    let (front, back) = match digits.len() {
        0..=4 => return Some(HIDDEN.to_owned()),
        5..=7 => (0, 1),
        8..=10 => (2, 2),
        _ => (3, 4),
    };
    Some(format!("{plus}{}{HIDDEN}{}", &digits[..front], &digits[digits.len() - back..]))
}

fn mask_other(value: &str) -> String {
    let first = value.chars().next().filter(|c| is_shown(*c) && value.chars().nth(7).is_some());
    format!("{}{HIDDEN}", first.map(String::from).unwrap_or_default())
}

fn is_shown(c: char) -> bool {
    c.is_alphanumeric() || c.is_ascii_punctuation()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn masks_have_the_promised_looks() {
        for (value, expected) in [
            ("13812341234", "138****1234"),
            (" 138-1234-1234 ", "138****1234"),
            ("+86 138 1234 1234", "+861****1234"),
            ("6505551212", "65****12"),
            ("555-1212", "****2"),
            ("1234", "****"),
            ("110", "****"),
            ("jane@gmail.com", "j***@gmail.com"),
            ("李雷@例子.中国", "李***@例子.中国"),
            ("1@b.c", "***@b.c"),
            ("é@b.c", "***@b.c"),
            // Their masks would be the addresses themselves.
            ("*@b.c", "****"),
            ("j***@b.c", "****"),
            ("jane.doe.gmail.com", "j****"),
            ("a@b@c.com", "a****"),
            ("@jane", "****"),
            ("jane", "****"),
            ("", ""),
            (" ", ""),
            ("\u{1b}[31mred alert", "****"),
            ("LOYALTY-0001234", "L****"),
        ] {
            assert_eq!(mask(value), expected, "{value:?}");
        }
        assert_eq!(mask(&"ab12".repeat(16)), "ab12…");
        assert_eq!(mask("ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="), "ku4m…");
        assert_eq!(mask("d41d8cd98f00b204e9800998ecf8427e"), "d41d…");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn a_mask_never_holds_the_value(
            value in prop_oneof![any::<String>(), "\\PC{0,14}", "[+0-9 ()-]{0,16}", "[a-z0-9.é*]{0,5}@[a-z0-9.]{0,6}"],
        ) {
            let mask = mask(&value);
            let bare: String = value.chars().filter(|c| !text::is_blank(*c)).collect();
            let only_stars = bare.chars().all(|c| c == '*');
            prop_assert!(only_stars || !mask.contains(&bare), "{mask}");
            prop_assert!(!mask.chars().any(char::is_control));
            let digits = |text: &str| text.chars().filter_map(text::digit).count();
            // At least four digits of a number stay hidden, or all of it.
            if bare.chars().all(|c| text::digit(c).is_some()) && bare.chars().count() < 20 {
                prop_assert!(digits(&mask) + 4 <= digits(&bare) || digits(&mask) == 0);
            }
        }
    }
}
