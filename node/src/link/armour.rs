//! Keys and signatures as text that survives mails and chats: Base64 (RFC 4648 §4, padded).

use super::CardError;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The one Base64 spelling of `bytes`.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, at| word << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// Reads exactly `N` bytes; any spelling but the one of [`base64`] is refused.
pub(super) fn bytes_of_base64<const N: usize>(text: &str, field: &str) -> Result<[u8; N], CardError> {
    let malformed = || CardError::Malformed(format!("{field} is not {N} bytes in Base64"));
    let mut bytes = [0; N];
    if text.len() != N.div_ceil(3) * 4 {
        return Err(malformed());
    }
    for (group, digits) in bytes.chunks_mut(3).zip(text.as_bytes().chunks_exact(4)) {
        let mut word = 0u32;
        for &digit in digits {
            let value = ALPHABET.iter().position(|&known| known == digit);
            // Padding counts as zero bits here; a misplaced one is found by writing the bytes again.
            word = word << 6 | value.map_or(0, |value| value as u32);
        }
        for (at, byte) in group.iter_mut().enumerate() {
            *byte = (word >> (16 - 8 * at)) as u8;
        }
    }
    if base64(&bytes) == text { Ok(bytes) } else { Err(malformed()) }
}

/// Reads any number of bytes, in the one spelling of [`base64`].
pub(super) fn bytes_of_any_length(text: &str) -> Option<Vec<u8>> {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for digits in text.as_bytes().chunks(4) {
        let value = |digit: &u8| ALPHABET.iter().position(|known| known == digit).unwrap_or(0) as u32;
        let word = digits.iter().fold(0u32, |word, digit| word << 6 | value(digit));
        bytes.extend_from_slice(&word.to_be_bytes()[1..]);
    }
    bytes.truncate(bytes.len().saturating_sub(padding));
    (base64(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_hold() {
        let vectors = [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, armoured) in vectors {
            assert_eq!(base64(plain.as_bytes()), armoured);
            assert_eq!(bytes_of_any_length(armoured).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(bytes_of_base64::<4>("Zm9vYg==", "test"), Ok(*b"foob"));
    }

    #[test]
    fn one_spelling_only_is_read() {
        for text in ["Zm9vYh==", "Zm9vYg=", "Zm9vYg", "Zm9v=g==", "Zm9vY===", "Zm9 Yg==", "Zm9vYg==Zm9v"] {
            assert!(bytes_of_base64::<4>(text, "test").is_err(), "{text}");
            assert_eq!(bytes_of_any_length(text), None, "{text}");
        }
    }
}
