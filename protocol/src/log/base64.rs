//! Base64 of RFC 4648 section 4, the one canonical spelling: padded, no breaks, no bits left over.
//!
//! The attack it stops: two spellings of one signature or hash, so that the same note has two sets of bytes and a
//! check on bytes can be walked around.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The text for `bytes`.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word =
            group.iter().chain([&0, &0]).take(3).fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place) & 63) as usize;
            text.push(if place <= group.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    text
}

/// The bytes that `text` spells canonically, if it does and they are at most `most`.
pub(super) fn decode(text: &str, most: usize) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(4) || digits.len() / 4 * 3 > most.saturating_add(2) {
        return None;
    }
    let padding = digits.iter().rev().take(2).take_while(|digit| **digit == b'=').count();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3);
    let last = digits.len().checked_sub(4);
    for (group, at) in digits.chunks_exact(4).zip((0..).step_by(4)) {
        let pad = if Some(at) == last { padding } else { 0 };
        let mut word = 0_u32;
        for digit in &group[..4 - pad] {
            word = word << 6 | value(*digit)?;
        }
        word <<= 6 * pad;
        let [_, three @ ..] = word.to_be_bytes();
        if three[3 - pad..].iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(&three[..3 - pad]);
    }
    (bytes.len() <= most).then_some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_section_10() {
        let vectors = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, text) in vectors.iter().enumerate() {
            let bytes = &b"foobar"[..length];
            assert_eq!(encode(bytes), *text);
            assert_eq!(decode(text, 6).as_deref(), Some(bytes));
        }
        assert_eq!(decode("Zm9vYmFy", 5), None, "more than was asked for");
    }

    #[test]
    fn another_spelling_of_the_same_bytes_is_refused() {
        for text in
            ["Zh==", "Zm9=", "Zg=", "Zg", "Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm-v", "Zm_v", " Zg="]
        {
            assert_eq!(decode(text, 100), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_would_be_written(text in "[A-D+/=]{0,12}") {
            if let Some(bytes) = decode(&text, 100) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn every_value_comes_back(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes), bytes.len()), Some(bytes));
        }
    }
}
