//! From a normalised value to the bytes that are matched.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::{KeyKind, Profile};
use crate::transcript::Transcript;

/// The SHA-256 of a normalised value: what advertising platforms exchange.
///
/// It is no secret in the cryptographic sense, but whoever has it can try all phone numbers against it. So
/// it prints only its first two bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// A digest that somebody else computed.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The SHA-256 of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// How 32 bytes of hash are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashText {
    /// 64 hex digits; written in lower case, read in either.
    Hex,
    /// 44 characters of Base64 with padding (RFC 4648, section 4).
    Base64,
}

impl HashText {
    /// The spelling that the profile's platform expects.
    pub const fn of(profile: Profile) -> Self {
        match profile {
            Profile::Uid21 => Self::Base64,
            Profile::GoogleDm2 | Profile::MetaCapi1 | Profile::CnMobile1 | Profile::Raw1 => Self::Hex,
        }
    }

    /// Writes a digest.
    pub fn write(self, digest: &Digest) -> String {
        match self {
            Self::Hex => digest.0.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect(),
            Self::Base64 => base64(&digest.0),
        }
    }

    /// Reads a text that is a SHA-256 value in either spelling, with no blanks around it.
    pub fn read(text: &str) -> Option<(Self, Digest)> {
        match text.len() {
            64 => read_hex(text.as_bytes()).map(|digest| (Self::Hex, digest)),
            44 => read_base64(text.as_bytes()).map(|digest| (Self::Base64, digest)),
            _ => None,
        }
    }
}

/// The digest as the profile's platform writes it: hex, or Base64 of the 32 bytes for `uid2/1`.
pub fn render_hash(profile: Profile, digest: &Digest) -> String {
    HashText::of(profile).write(digest)
}

/// What PSI compares for one key: SHA-256 over a label, the profile's name, the kind and the digest.
///
/// With the kind inside, a phone never equals an e-mail; with the profile inside, two sides that normalise
/// by different rules find nothing, rather than by accident something.
pub fn item(profile: Profile, kind: &KeyKind, digest: &Digest) -> [u8; 32] {
    finish_item(item_prefix(profile, kind), digest)
}

/// The part of [`item`] that is the same for a whole column.
pub(super) fn item_prefix(profile: Profile, kind: &KeyKind) -> Transcript {
    let mut transcript = Transcript::new("tacit item/1");
    transcript.absorb("profile", profile.name().as_bytes());
    transcript.absorb("kind", kind.name().as_bytes());
    transcript
}

pub(super) fn finish_item(mut prefix: Transcript, digest: &Digest) -> [u8; 32] {
    prefix.absorb("digest", &digest.0);
    prefix.hash()
}

/// Whether this is a hash in hex, of another function than SHA-256, by its length.
pub(super) fn is_foreign_hash(text: &str) -> bool {
    // MD5, SHA-1, SHA-224, SHA-384, SHA-512. All digits would rather be a number with too many of them.
    matches!(text.len(), 32 | 40 | 56 | 96 | 128)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn hex_digit(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 })
}

fn read_hex(text: &[u8]) -> Option<Digest> {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let nibble = |digit: u8| char::from(digit).to_digit(16);
        *byte = (nibble(pair[0])? << 4 | nibble(pair[1])?) as u8;
    }
    Some(Digest(bytes))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(44);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text.push('=');
    text
}

fn read_base64(text: &[u8]) -> Option<Digest> {
    let (b'=', digits) = text.split_last()? else { return None };
    let mut bytes = [0; 33];
    for (place, chunk) in digits.chunks(4).enumerate() {
        let mut word = 0u32;
        for digit in chunk {
            word = word << 6 | ALPHABET.iter().position(|letter| letter == digit)? as u32;
        }
        word <<= 6 * (4 - chunk.len());
        bytes[3 * place..3 * place + 3].copy_from_slice(&word.to_be_bytes()[1..]);
    }
    // 43 digits carry 258 bits: the last two must be zero, or two texts would name one hash.
    let (digest, [0]) = bytes.split_first_chunk::<32>()? else { return None };
    Some(Digest(*digest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(
            render_hash(Profile::Uid21, &Digest::of(b"janesaoirse@gmail.com")),
            "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8="
        );
        let with_plus = render_hash(Profile::GoogleDm2, &Digest::of(b"+12345678901"));
        assert!(with_plus.starts_with("10e6f0b47054a833") && with_plus.ends_with("e5b9ee"));
        assert_eq!(
            render_hash(Profile::MetaCapi1, &Digest::of(b"16505551212")),
            "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"
        );
    }

    #[test]
    fn only_thirty_two_bytes_are_read_as_a_hash() {
        let digest = Digest::of(b"x");
        let hex = HashText::Hex.write(&digest);
        let base64 = HashText::Base64.write(&digest);
        assert_eq!(HashText::read(&hex.to_uppercase()), Some((HashText::Hex, digest)));
        for text in
            [&hex[..63], &format!("{hex}0"), &hex.replace('a', "g"), &base64[..43], &format!("{base64}="), ""]
        {
            assert_eq!(HashText::read(text), None, "{text}");
        }
        // The same 32 bytes with stray bits in the last digit.
        assert_eq!(HashText::read(&format!("{}B=", "A".repeat(42))), None);
        assert!(HashText::read(&format!("{}A=", "A".repeat(42))).is_some());
    }

    #[test]
    fn an_item_is_bound_to_profile_kind_and_digest() {
        let digest = Digest::of(b"x");
        let named: KeyKind = "loyalty".parse().unwrap();
        let mut items = vec![item(Profile::GoogleDm2, &KeyKind::Phone, &Digest::of(b"y"))];
        for profile in Profile::all() {
            for kind in [&KeyKind::Phone, &KeyKind::Email, &named] {
                items.push(item(profile, kind, &digest));
            }
        }
        let count = items.len();
        items.sort_unstable();
        items.dedup();
        assert_eq!(items.len(), count);
    }

    #[test]
    fn item_vector() {
        // Recorded: a change here breaks every contract that is signed.
        let item = item(Profile::GoogleDm2, &KeyKind::Email, &Digest::of(b"janesaoirse@gmail.com"));
        assert_eq!(
            HashText::Hex.write(&Digest(item)),
            "8dca3b00bfd2ea38209b6f77b28793bfd51e9bc00f9172d4293dc37c0af96e59"
        );
    }

    #[test]
    fn a_digest_does_not_print_itself() {
        assert_eq!(format!("{:?}", Digest::new([0xab; 32])), "Digest(abab…)");
    }

    #[test]
    fn foreign_hashes_go_by_length() {
        assert!(is_foreign_hash("d41d8cd98f00b204e9800998ecf8427e"));
        assert!(is_foreign_hash(&"aB".repeat(20)));
        assert!(!is_foreign_hash(&"12".repeat(16)));
        assert!(!is_foreign_hash(&"ab".repeat(32)));
    }

    proptest! {
        #[test]
        fn hashes_read_back_what_they_print(bytes: [u8; 32]) {
            for text in [HashText::Hex, HashText::Base64] {
                prop_assert_eq!(HashText::read(&text.write(&Digest(bytes))), Some((text, Digest(bytes))));
            }
        }
    }
}
