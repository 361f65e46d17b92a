//! Signed notes: a text and the signatures under it (c2sp.org/signed-note; LOG-03 to
//! LOG-05).
//!
//! The attack it stops: a text that passes as somebody's, a signature of one kind taken for another (the key's id
//! holds its name and kind), and a second spelling of the same note: what is read here is written back byte for byte.

use std::{fmt, str::FromStr};

use curve25519_dalek::edwards::CompressedEdwardsY;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use super::{base64, cosignature};

/// The most bytes of a note, so that sixteen signatures of the largest known kind (5 kB) have room.
pub const LARGEST_NOTE: usize = 256 * 1024;

/// The most signatures under a note; the specification asks for at least 16.
pub const MOST_SIGNATURES: usize = 64;

/// The most bytes of a key's name or a log's origin (the later cosignature format counts them in 8 bits).
pub const LONGEST_NAME: usize = 255;

/// The most bytes of one signature, of a kind that we may not know.
const LARGEST_SIGNATURE: usize = 8 * 1024;

/// What is wrong with a note, a signature or a verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// More bytes than [`LARGEST_NOTE`].
    #[error("a note has at most {LARGEST_NOTE} bytes")]
    TooLarge,
    /// Bytes that are not UTF-8.
    #[error("a note is UTF-8 text")]
    NotText,
    /// A control character other than the newline.
    #[error("a note has no control characters but newlines")]
    ControlCharacter,
    /// A text without its last newline.
    #[error("the text of a note ends in a newline")]
    OpenText,
    /// No blank line with signatures after it.
    #[error("a note ends in a blank line and at least one signature line")]
    Unsigned,
    /// A signature line of another form.
    #[error("a signature line is an em dash, a key name and base64, in their one spelling")]
    MalformedSignature,
    /// More signatures than [`MOST_SIGNATURES`].
    #[error("a note has at most {MOST_SIGNATURES} signatures")]
    TooManySignatures,
    /// A key name that is empty, too long, or has a space, a plus or a control character.
    #[error("a key name has 1 to {LONGEST_NAME} bytes, no spaces, no plus, no control characters")]
    MalformedName,
    /// A verifier key of another form.
    #[error("a verifier key is name+8 hex digits+base64 of its kind and 32 bytes")]
    MalformedKey,
    /// A kind of key that is not used here.
    #[error("signature type {0} is not one of 1 (Ed25519) and 4 (cosignature)")]
    UnknownKind(u8),
    /// A verifier key whose id is not that of its name, kind and bytes.
    #[error("the verifier key's id is not that of its name and key")]
    KeyIdDiffers,
    /// A public key that is no point of the curve, is not spelled canonically, or under which anybody can sign.
    #[error("the public key is not a point of large order in its one spelling")]
    WeakKey,
    /// A signature with the name and id of a known key that does not verify.
    #[error("a signature by a known key does not verify")]
    BadSignature,
    /// No signature by any of the known keys.
    #[error("none of the known keys has signed")]
    NotSignedBy,
    /// A cosignature's time of 0 or beyond 2⁶³ − 1.
    #[error("a cosignature's time lies between 1 and 2^63 - 1 seconds")]
    TimeOutOfRange,
}

/// What a signature says; part of the key's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureKind {
    /// Type 0x01: Ed25519 over the note's text.
    Ed25519,
    /// Type 0x04: Ed25519 over a time and the note's text, by a witness (c2sp.org/tlog-cosignature).
    Cosignature,
}

impl SignatureKind {
    /// The byte that stands for it in key ids and verifier keys.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }
}

/// A public key with the name and kind that it signs under. As text it is a *vkey*.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: String,
    kind: SignatureKind,
    public: [u8; 32],
}

impl VerifierKey {
    /// A key under a name (LOG-04).
    ///
    /// # Errors
    ///
    /// A malformed name, or a key under which a signature could be forged.
    pub fn new(name: &str, kind: SignatureKind, public: [u8; 32]) -> Result<Self, NoteFault> {
        check_name(name)?;
        let point = CompressedEdwardsY(public).decompress().ok_or(NoteFault::WeakKey)?;
        if point.is_small_order() || point.compress().to_bytes() != public {
            return Err(NoteFault::WeakKey);
        }
        Ok(Self { name: name.to_owned(), kind, public })
    }

    /// The name in the signature lines.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its signatures say.
    pub const fn kind(&self) -> SignatureKind {
        self.kind
    }

    /// The public key (RFC 8032).
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// SHA-256(name ‖ newline ‖ kind ‖ public key), its first four bytes.
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind.byte()])
            .chain_update(self.public)
            .finalize();
        let [a, b, c, d, ..]: [u8; 32] = hash.into();
        [a, b, c, d]
    }

    /// The line for a signature that this key made.
    pub(super) fn line(&self, bytes: Vec<u8>) -> Signature {
        Signature { name: self.name.clone(), key_id: self.id(), bytes }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), NoteFault> {
        UnparsedPublicKey::new(&ED25519, self.public)
            .verify(message, signature)
            .map_err(|_| NoteFault::BadSignature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key: Vec<u8> = [self.kind.byte()].into_iter().chain(self.public).collect();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id()), base64::encode(&key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteFault;

    fn from_str(text: &str) -> Result<Self, NoteFault> {
        let (name, rest) = text.split_once('+').ok_or(NoteFault::MalformedKey)?;
        let (_, key) = rest.split_once('+').ok_or(NoteFault::MalformedKey)?;
        let key = base64::decode(key, 33).ok_or(NoteFault::MalformedKey)?;
        let (kind, public) = key.split_first().ok_or(NoteFault::MalformedKey)?;
        let kind = match kind {
            1 => SignatureKind::Ed25519,
            4 => SignatureKind::Cosignature,
            other => return Err(NoteFault::UnknownKind(*other)),
        };
        let key = Self::new(name, kind, public.try_into().map_err(|_| NoteFault::MalformedKey)?)?;
        // The id's digits included: whatever differs from our own spelling differs in them.
        if key.to_string() == text { Ok(key) } else { Err(NoteFault::KeyIdDiffers) }
    }
}

impl Serialize for VerifierKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifierKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// One signature line. It says nothing until a known key has verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: String,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

impl Signature {
    /// Reads lines of signatures, as a witness answers with.
    ///
    /// # Errors
    ///
    /// Anything but one to [`MOST_SIGNATURES`] signature lines.
    pub fn parse_lines(bytes: &[u8]) -> Result<Vec<Self>, NoteFault> {
        let lines = text(bytes)?.strip_suffix('\n').ok_or(NoteFault::Unsigned)?;
        if lines.split('\n').count() > MOST_SIGNATURES {
            return Err(NoteFault::TooManySignatures);
        }
        lines.split('\n').map(Self::parse).collect()
    }

    fn parse(line: &str) -> Result<Self, NoteFault> {
        let (name, signature) = line
            .strip_prefix("— ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or(NoteFault::MalformedSignature)?;
        check_name(name)?;
        let signature = base64::decode(signature, LARGEST_SIGNATURE).ok_or(NoteFault::MalformedSignature)?;
        match signature.split_first_chunk::<4>() {
            Some((key_id, bytes)) if !bytes.is_empty() => {
                Ok(Self { name: name.to_owned(), key_id: *key_id, bytes: bytes.to_vec() })
            }
            _ => Err(NoteFault::MalformedSignature),
        }
    }

    /// The name of the key that it claims.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the line claims to be by `key`.
    pub fn claims(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.key_id == key.id()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload: Vec<u8> = self.key_id.iter().chain(&self.bytes).copied().collect();
        writeln!(f, "— {} {}", self.name, base64::encode(&payload))
    }
}

/// A text with the signatures under it. `Display` writes the note.
///
/// Nothing is verified by reading it: ask [`by`](Self::by) for each key that matters before the text is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// Signs a text with the key of kind [`SignatureKind::Ed25519`] whose public half is `key`.
    ///
    /// # Errors
    ///
    /// A text that a note cannot hold, a key of the other kind, or a signature that `key` does not verify: a note
    /// that nobody would accept is not let out.
    pub fn sign(
        text: &str,
        key: &VerifierKey,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Self, NoteFault> {
        check_text(text)?;
        if !text.ends_with('\n') {
            return Err(NoteFault::OpenText);
        }
        if key.kind != SignatureKind::Ed25519 {
            return Err(NoteFault::UnknownKind(key.kind.byte()));
        }
        let signature = sign(text.as_bytes());
        key.verify(text.as_bytes(), &signature)?;
        Ok(Self { text: text.to_owned(), signatures: vec![key.line(signature.to_vec())] })
    }

    /// Reads a note.
    ///
    /// # Errors
    ///
    /// Anything that `Display` would not write in these very bytes, and more than the limits of this module.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteFault> {
        let note = text(bytes)?;
        let blank = note.rfind("\n\n").ok_or(NoteFault::Unsigned)?;
        let signatures = Signature::parse_lines(&bytes[blank + 2..])?;
        Ok(Self { text: note[..=blank].to_owned(), signatures })
    }

    /// The text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signature lines, verified or not.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Puts a line in the place of those that the same key has made before: some verifiers refuse a note in which one
    /// known key has two lines.
    ///
    /// # Errors
    ///
    /// The note is full.
    pub fn put(&mut self, signature: Signature) -> Result<(), NoteFault> {
        self.signatures.retain(|line| (&line.name, line.key_id) != (&signature.name, signature.key_id));
        if self.signatures.len() >= MOST_SIGNATURES {
            return Err(NoteFault::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// What `key` says of the text: `None` where it has not signed.
    ///
    /// # Errors
    ///
    /// A line with the key's name and id that does not verify: then the note as a whole is not to be used (LOG-05).
    pub fn by(&self, key: &VerifierKey) -> Result<Option<Signed>, NoteFault> {
        let mut found = None;
        for line in self.signatures.iter().filter(|line| line.claims(key)) {
            let signed = match key.kind {
                SignatureKind::Ed25519 => {
                    key.verify(self.text.as_bytes(), &line.bytes)?;
                    Signed { time: None }
                }
                SignatureKind::Cosignature => {
                    Signed { time: Some(cosignature::verify(&self.text, key, line)?) }
                }
            };
            found = found.max(Some(signed));
        }
        Ok(found)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| signature.fmt(f))
    }
}

/// That a key has signed; of several cosignatures the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signed {
    /// When, in seconds since 1970, by the witness's clock; `None` for a signature without a time.
    pub time: Option<u64>,
}

fn text(bytes: &[u8]) -> Result<&str, NoteFault> {
    if bytes.len() > LARGEST_NOTE {
        return Err(NoteFault::TooLarge);
    }
    let text = str::from_utf8(bytes).map_err(|_| NoteFault::NotText)?;
    check_text(text)?;
    Ok(text)
}

/// The specification forbids those below U+0020; the others steer terminals just as well.
fn check_text(text: &str) -> Result<(), NoteFault> {
    if text.len() > LARGEST_NOTE {
        return Err(NoteFault::TooLarge);
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(NoteFault::ControlCharacter);
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), NoteFault> {
    let foul = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(foul) {
        return Err(NoteFault::MalformedName);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
