//! A node's visiting card: who it is, where it is, and which TLS key it will show.
//!
//! The attack this stops is the card that was altered on its way (a mail, a chat, a share), and the card of
//! somebody else under a partner's name. Every field is under the node's own Ed25519 signature (RFC 8032),
//! the id is the hash of the node's first signing key, from which hand-overs lead to the key of today (LOG-18), and two people compare the [fingerprint](Card::fingerprint) over
//! the phone. The words of the fingerprint are *not* written on the card: whoever forges a card would write
//! the victim's words there, and people would compare those.
//!
//! A [`Card`] in memory always has a valid signature; whether its certificate has expired depends on the
//! time and is asked for with [`Card::check_current`].

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::PartnerId,
    log::{Handover, Lineage},
};

use super::{CardError, armour, words};
use crate::config::{Identity, TlsIdentity, check_name, verify};

/// The version of the card's form of a node that has its first signing key.
const VERSION: u32 = 1;
/// Of one that has handed its key over.
const VERSION_IN_LINE: u32 = 2;

/// No card is longer; a wrong file is.
const LARGEST: usize = 16 << 10;

/// Addresses on one card.
const MOST_ADDRESSES: usize = 8;

/// A card whose signature has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    name: String,
    id: PartnerId,
    signing_key: [u8; 32],
    lineage: Lineage,
    addresses: Vec<String>,
    spki_hash: [u8; 32],
    not_after: Timestamp,
    issued: Timestamp,
    signature: [u8; 64],
}

impl Card {
    /// This node's card: its present TLS key, and `addresses` (`host:port`, best first). A later card of the
    /// same node must have a later `issued` to be taken.
    ///
    /// # Errors
    /// [`CardError::BadAddress`], [`CardError::Malformed`] for none or more than eight.
    pub fn issue(identity: &Identity, addresses: &[String], issued: Timestamp) -> Result<Self, CardError> {
        Self::issue_for(identity, &identity.tls(), addresses, issued)
    }

    /// As [`issue`](Self::issue), for a TLS key that is yet to come into use.
    pub(super) fn issue_for(
        identity: &Identity,
        tls: &TlsIdentity,
        addresses: &[String],
        issued: Timestamp,
    ) -> Result<Self, CardError> {
        let lineage = identity.lineage();
        let mut card = Self {
            name: identity.name().to_owned(),
            id: identity.id(),
            signing_key: *lineage.current(),
            lineage,
            addresses: addresses.to_vec(),
            spki_hash: tls.spki_hash,
            not_after: whole_milliseconds(tls.not_after),
            issued: whole_milliseconds(issued),
            signature: [0; 64],
        };
        card.check_fields()?;
        card.signature = identity.sign(&card.signed_bytes());
        Ok(card)
    }

    /// Reads what `tacit card` printed and checks the signature.
    ///
    /// # Errors
    /// All of [`CardError`] but `Expired`.
    pub fn parse(text: &str) -> Result<Self, CardError> {
        if text.len() > LARGEST {
            return Err(CardError::Malformed(format!("it is longer than {LARGEST} bytes")));
        }
        // The version is looked at first: a later version may have fields that this build cannot read.
        let version: Version = toml::from_str(text).map_err(|error| malformed(&error))?;
        if ![VERSION, VERSION_IN_LINE].contains(&version.version) {
            return Err(CardError::UnknownVersion(version.version));
        }
        let fields: Fields = toml::from_str(text).map_err(|error| malformed(&error))?;
        if fields.handovers.is_empty() != (version.version == VERSION) {
            return Err(CardError::Malformed("its version does not fit its hand-overs".into()));
        }
        let signing_key = armour::bytes_of_base64(&fields.signing_key, "signing_key")?;
        let lineage = lineage(signing_key, &fields.handovers).filter(|line| line.node() == fields.id);
        let lineage = lineage.ok_or(CardError::KeyNotOfId)?;
        let card = Self {
            name: fields.name,
            id: fields.id,
            signing_key,
            lineage,
            addresses: fields.addresses,
            spki_hash: armour::bytes_of_base64(&fields.tls_key_hash, "tls_key_hash")?,
            not_after: millisecond(&fields.not_after, "not_after")?,
            issued: millisecond(&fields.issued, "issued")?,
            signature: armour::bytes_of_base64(&fields.signature, "signature")?,
        };
        card.check_fields()?;
        if !verify(&card.signing_key, &card.signed_bytes(), &card.signature) {
            return Err(CardError::BadSignature);
        }
        Ok(card)
    }

    /// The card as text, for a file, a mail or a chat.
    pub fn to_text(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(|address| format!("\"{address}\"")).collect();
        format!(
            "# A Tacit partner card. Add it with `tacit partner add FILE`, and compare the words that are\n\
             # shown then over the phone.\n\
             version      = {}\n\
             name         = \"{}\"\n\
             id           = \"{}\"\n\
             signing_key  = \"{}\"\n\
             {}\
             addresses    = [{}]\n\
             tls_key_hash = \"{}\"\n\
             not_after    = \"{}\"\n\
             issued       = \"{}\"\n\
             signature    = \"{}\"\n",
            self.version(),
            self.name,
            self.id,
            armour::base64(&self.signing_key),
            self.handovers_text(),
            addresses.join(", "),
            armour::base64(&self.spki_hash),
            self.not_after,
            self.issued,
            armour::base64(&self.signature),
        )
    }

    /// Refuses a card whose certificate has expired at `now`.
    ///
    /// # Errors
    /// [`CardError::Expired`].
    pub fn check_current(&self, now: Timestamp) -> Result<(), CardError> {
        if now > self.not_after {
            return Err(CardError::Expired { name: self.name.clone(), when: self.not_after });
        }
        Ok(())
    }

    /// What contracts and SQL call this node.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of the first signing key.
    pub const fn id(&self) -> PartnerId {
        self.id
    }

    /// The Ed25519 public key of today, 32 bytes.
    pub const fn signing_key(&self) -> &[u8; 32] {
        &self.signing_key
    }

    /// The line of signing keys that ends with it.
    pub const fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    fn version(&self) -> u32 {
        if self.lineage.handovers().is_empty() { VERSION } else { VERSION_IN_LINE }
    }

    /// The line of the text that holds the hand-overs, if there are any.
    fn handovers_text(&self) -> String {
        let armoured =
            |handover: &Handover| format!("\"{}\"", armour::base64(handover.to_string().as_bytes()));
        let handovers: Vec<String> = self.lineage.handovers().iter().map(armoured).collect();
        if handovers.is_empty() {
            return String::new();
        }
        format!("handovers    = [{}]\n", handovers.join(", "))
    }

    /// Where the node answers, `host:port`, best first; one to eight.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// The SHA-256 of the SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, DER) of the node's TLS certificate.
    pub const fn spki_hash(&self) -> &[u8; 32] {
        &self.spki_hash
    }

    /// The last moment at which that certificate is valid.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// When the card was signed.
    pub const fn issued(&self) -> Timestamp {
        self.issued
    }

    /// Twelve words (96 bits of SHA-256) over the id and the TLS key's hash, to be compared over the phone.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"tacit fingerprint 1\0");
        hash.update(self.id.as_bytes());
        hash.update(self.spki_hash);
        words::words(&hash.finalize().into())
    }

    /// The canonical form, which is signed: a fixed text, then every field in the text's order, each with its
    /// length before it (32-bit little-endian; a list is its count and its parts; a time is a count of
    /// milliseconds since 1970).
    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"tacit card\0".to_vec();
        let mut put = |part: &[u8]| {
            // Parts are bounded by LARGEST and by MOST_ADDRESSES, so their lengths fit.
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part);
        };
        put(&self.version().to_le_bytes());
        put(self.name.as_bytes());
        put(self.id.as_bytes());
        put(&self.signing_key);
        put(&(self.addresses.len() as u32).to_le_bytes());
        self.addresses.iter().for_each(|address| put(address.as_bytes()));
        put(&self.spki_hash);
        put(&self.not_after.as_millisecond().to_le_bytes());
        put(&self.issued.as_millisecond().to_le_bytes());
        // Behind the rest, so that a card of the first key is what it always was.
        self.lineage.handovers().iter().for_each(|handover| put(handover.to_string().as_bytes()));
        bytes
    }

    fn check_fields(&self) -> Result<(), CardError> {
        check_name(&self.name).map_err(|(problem, mend)| CardError::BadName(format!("{problem}: {mend}")))?;
        if self.addresses.is_empty() || self.addresses.len() > MOST_ADDRESSES {
            let count = self.addresses.len();
            return Err(CardError::Malformed(format!("it has {count} addresses, not 1 to {MOST_ADDRESSES}")));
        }
        match self.addresses.iter().find(|address| !is_address(address)) {
            Some(address) => Err(CardError::BadAddress(address.escape_default().to_string())),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(rename = "version")]
    _version: u32,
    name: String,
    id: PartnerId,
    signing_key: String,
    #[serde(default)]
    handovers: Vec<String>,
    addresses: Vec<String>,
    tls_key_hash: String,
    not_after: String,
    issued: String,
    signature: String,
}

fn lineage(current: [u8; 32], armoured: &[String]) -> Option<Lineage> {
    let read = |text: &String| Handover::parse(&armour::bytes_of_any_length(text)?).ok();
    Lineage::ending(current, armoured.iter().map(read).collect::<Option<_>>()?).ok()
}

/// TOML's message with its excerpt is several lines; the first that says what is wrong is enough.
fn malformed(error: &toml::de::Error) -> CardError {
    let message: String = error.message().chars().take(120).flat_map(char::escape_debug).collect();
    CardError::Malformed(message)
}

/// Cards carry whole milliseconds, so that the text and the signed bytes say the same.
fn whole_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

fn millisecond(text: &str, field: &str) -> Result<Timestamp, CardError> {
    let time: Timestamp = text.parse().map_err(|_| CardError::Malformed(format!("{field} is not a time")))?;
    // One spelling only, or the signature would cover less than the text says.
    if whole_milliseconds(time) != time || time.to_string() != text {
        return Err(CardError::Malformed(format!("{field} is not in whole milliseconds, UTC")));
    }
    Ok(time)
}

/// `host:port` with a name, an IPv4 address or a bracketed IPv6 address; a port other than 0.
fn is_address(text: &str) -> bool {
    if let Ok(address) = text.parse::<std::net::SocketAddr>() {
        return address.port() != 0 && !address.ip().is_unspecified() && !address.ip().is_multicast();
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let named = host.len() <= 253
        && host.chars().any(|c| c.is_ascii_alphabetic())
        && host.split('.').all(|label| {
            let inside = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            inside && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        });
    named && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
#[path = "tests/card.rs"]
pub(super) mod tests;
