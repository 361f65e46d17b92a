//! Who is speaking, bound to the connection it is said on.
//!
//! TLS already pinned the peer's key. The hello adds what TLS does not know: the node's signing key, the
//! versions and capabilities it offers, and a nonce. Each end signs one hash over both hellos and over a
//! value exported from the TLS connection (RFC 8446 §7.5, RFC 9266), so a hello cannot be replayed on
//! another connection (A13), relayed through a third node, reflected (A15) or made to offer less (F09).
//!
//! ```text
//!   both ends      Hello           versions, node, signing key, capabilities, nonce
//!   both ends      HelloSignature  Ed25519 over connection hash and role
//! ```
//!
//! Every session id is derived from that hash, so nothing said in a session makes sense anywhere else.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::{
    Limits, Role, Wire, WireError, codec,
    codec::{Bulk, List},
    version::{NoCommonVersion, SUPPORTED, Version, Versions, negotiate},
};
use crate::{
    ids::{ContractId, PartnerId, QueryId, SessionId},
    log::handover::{Handover, Lineage, MOST_HANDOVERS},
    transcript::Transcript,
};

/// Things a node can do beyond the version's minimum: at most 32 numbers, registered in [`capability`].
pub type Capabilities = List<u16, 32>;

/// The numbers a hello may list as capabilities. An unknown number is not an error: it is not used.
pub mod capability {
    /// Answers and asks reveals by private set intersection (docs/protocols/psi.md).
    pub const PSI: u16 = 1;
}

/// The first message on a connection, from either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The versions it speaks.
    pub versions: Versions,
    /// Its id: the SHA-256 of its first signing key.
    pub node: PartnerId,
    /// Its Ed25519 public key of today (RFC 8032), 32 bytes.
    pub signing_key: [u8; 32],
    /// What it can do.
    pub capabilities: Capabilities,
    /// 32 bytes fresh for this connection.
    pub nonce: [u8; 32],
    /// How the key of today follows from the first.
    pub handovers: Vec<Handover>,
}

/// What every hello has; the hand-overs stand behind it, where there are any.
#[derive(Serialize, Deserialize)]
struct Plain {
    versions: Versions,
    node: PartnerId,
    signing_key: [u8; 32],
    capabilities: Capabilities,
    nonce: [u8; 32],
}

impl Hello {
    /// The hello of a node that has its first signing key, offering all [`SUPPORTED`] versions.
    pub fn new(signing_key: [u8; 32], capabilities: impl IntoIterator<Item = u16>, nonce: [u8; 32]) -> Self {
        Self::of(&Lineage::of(signing_key), capabilities, nonce)
    }

    /// The hello of a node with this line of signing keys.
    pub fn of(lineage: &Lineage, capabilities: impl IntoIterator<Item = u16>, nonce: [u8; 32]) -> Self {
        Self {
            versions: Versions::new(SUPPORTED),
            node: lineage.node(),
            signing_key: *lineage.current(),
            capabilities: Capabilities::new(capabilities),
            nonce,
            handovers: lineage.handovers().to_vec(),
        }
    }
}

/// The id of a node that began with this signing key: its SHA-256.
pub fn node_of(signing_key: &[u8; 32]) -> PartnerId {
    PartnerId::of_key(signing_key)
}

impl Wire for Hello {
    fn kind(&self) -> &'static str {
        "Hello"
    }

    fn encode(&self) -> Vec<u8> {
        let Self { versions, node, signing_key, capabilities, nonce, handovers } = self.clone();
        let mut bytes = codec::encode(&Plain { versions, node, signing_key, capabilities, nonce }, 128);
        // LOG-18: a node that never handed its key over says what it always said.
        if !handovers.is_empty() {
            let notes = handovers.iter().map(|handover| Bulk(handover.to_string().into_bytes()));
            bytes.extend(codec::encode(&Notes::new(notes), 1024));
        }
        bytes
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        let (plain, handovers) = match codec::decode::<Plain>(bytes, limits) {
            Err(WireError::TrailingBytes(rest)) => {
                let (plain, notes) = bytes.split_at(bytes.len() - rest);
                let trailing = |_| WireError::TrailingBytes(rest);
                let notes: Notes = codec::decode(notes, limits).map_err(trailing)?;
                let read = |note: &Bulk| Handover::parse(&note.0).map_err(|_| WireError::Malformed);
                let handovers: Vec<Handover> = notes.as_slice().iter().map(read).collect::<Result<_, _>>()?;
                if handovers.is_empty() {
                    return Err(WireError::TrailingBytes(rest));
                }
                (codec::decode::<Plain>(plain, limits)?, handovers)
            }
            plain => (plain?, Vec::new()),
        };
        let Plain { versions, node, signing_key, capabilities, nonce } = plain;
        Ok(Self { versions, node, signing_key, capabilities, nonce, handovers })
    }
}

/// Hand-overs as they travel.
type Notes = List<Bulk, MOST_HANDOVERS>;

/// The second message on a connection, from either end.
#[derive(Clone, PartialEq, Eq)]
pub struct HelloSignature(pub [u8; 64]);

impl std::fmt::Debug for HelloSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HelloSignature(..)")
    }
}

impl Wire for HelloSignature {
    fn kind(&self) -> &'static str {
        "HelloSignature"
    }

    fn encode(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        limits.check(bytes.len())?;
        match bytes.split_first_chunk() {
            Some((signature, [])) => Ok(Self(*signature)),
            Some((_, rest)) => Err(WireError::TrailingBytes(rest.len())),
            None => Err(WireError::Cut),
        }
    }
}

/// Why a hello was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HelloRefused {
    /// Its id is not the hash of its first signing key, or the hand-overs do not lead from there to the key of today.
    #[error("the node's id does not belong to its signing key")]
    KeyNotOfNode,
    /// It carries our own id, or our own nonce: we are speaking to ourselves or to a mirror.
    #[error("the hello is our own")]
    Reflected,
    /// No version in common.
    #[error(transparent)]
    Version(#[from] NoCommonVersion),
    /// The signature is not of that key, over this connection, in that role.
    #[error("the hello's signature does not fit this connection")]
    BadSignature,
}

impl HelloRefused {
    /// The stable code, the same in every log and answer.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyNotOfNode => "E-HELLO-KEY-NOT-OF-NODE",
            Self::Reflected => "E-HELLO-REFLECTED",
            Self::Version(_) => "E-HELLO-NO-COMMON-VERSION",
            Self::BadSignature => "E-HELLO-BAD-SIGNATURE",
        }
    }
}

/// Both hellos are here and fit together; the peer's signature is not yet checked.
#[derive(Debug, Clone)]
pub struct Greeting {
    role: Role,
    theirs: Hello,
    lineage: Lineage,
    version: Version,
    hash: [u8; 32],
}

impl Greeting {
    /// Puts the two hellos and the connection together. `exporter` is 32 bytes from the TLS exporter with
    /// the label [`EXPORTER_LABEL`] and no context.
    ///
    /// # Errors
    /// [`HelloRefused`], all but `BadSignature`.
    pub fn new(role: Role, ours: &Hello, theirs: Hello, exporter: &[u8; 32]) -> Result<Self, HelloRefused> {
        if theirs.node == ours.node || theirs.nonce == ours.nonce {
            return Err(HelloRefused::Reflected);
        }
        let lineage = Lineage::ending(theirs.signing_key, theirs.handovers.clone());
        let lineage = lineage.ok().filter(|lineage| lineage.node() == theirs.node);
        let lineage = lineage.ok_or(HelloRefused::KeyNotOfNode)?;
        let version = negotiate(&ours.versions, &theirs.versions)?;
        let hash = match role {
            Role::Initiator => connection_hash(ours, &theirs, exporter),
            Role::Responder => connection_hash(&theirs, ours, exporter),
        };
        Ok(Self { role, theirs, lineage, version, hash })
    }

    /// The node at the other end, as it claims.
    pub const fn peer(&self) -> PartnerId {
        self.theirs.node
    }

    /// What this end signs with its Ed25519 key and sends as its [`HelloSignature`].
    pub fn bytes_to_sign(&self) -> Vec<u8> {
        bytes_to_sign(self.role, &self.hash)
    }

    /// Checks the peer's signature.
    ///
    /// # Errors
    /// [`HelloRefused::BadSignature`].
    pub fn verify(self, signature: &HelloSignature) -> Result<Connected, HelloRefused> {
        let signed = bytes_to_sign(self.role.peer(), &self.hash);
        let key = UnparsedPublicKey::new(&ED25519, &self.theirs.signing_key);
        key.verify(&signed, &signature.0).map_err(|_| HelloRefused::BadSignature)?;
        Ok(Connected { peer: self.theirs, lineage: self.lineage, version: self.version, hash: self.hash })
    }
}

/// A connection whose both ends have proven who they are; only [`Greeting::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Connected {
    peer: Hello,
    lineage: Lineage,
    version: Version,
    hash: [u8; 32],
}

impl Connected {
    /// The node at the other end.
    pub const fn peer(&self) -> PartnerId {
        self.peer.node
    }

    /// Its signing key.
    pub const fn signing_key(&self) -> &[u8; 32] {
        &self.peer.signing_key
    }

    /// The line of its signing keys.
    pub const fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Whether it listed this [`capability`].
    pub fn can(&self, capability: u16) -> bool {
        self.peer.capabilities.as_slice().contains(&capability)
    }

    /// The version both speak.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The connection hash both signed.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// The id of a session on this connection; see [`session_id`].
    pub fn session_id(&self, query: QueryId, contract: ContractId, counter: u64) -> SessionId {
        session_id(&self.hash, query, contract, counter)
    }
}

/// The label under which both ends export 32 bytes from the TLS connection.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-tacit-hello-1";

/// The hash of a connection: both hellos as they are encoded, and the TLS exporter's value.
pub fn connection_hash(initiator: &Hello, responder: &Hello, exporter: &[u8; 32]) -> [u8; 32] {
    let mut transcript = Transcript::new("tacit/1 connection");
    transcript.absorb("initiator", &initiator.encode());
    transcript.absorb("responder", &responder.encode());
    transcript.absorb("exporter", exporter);
    transcript.hash()
}

/// What the end that speaks as `role` signs: a fixed text, its role, and the connection hash.
pub fn bytes_to_sign(role: Role, connection: &[u8; 32]) -> Vec<u8> {
    let mut bytes = b"tacit/1 hello signature\0".to_vec();
    bytes.extend_from_slice(role.name().as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(connection);
    bytes
}

/// The id of one run of a protocol: bound to the connection (and so to both nonces and the TLS exporter), to
/// the query and the contract. `counter` tells apart several runs of one query on one connection.
pub fn session_id(connection: &[u8; 32], query: QueryId, contract: ContractId, counter: u64) -> SessionId {
    let mut transcript = Transcript::new("tacit/1 session");
    transcript.absorb("connection", connection);
    transcript.absorb("query", query.as_bytes());
    transcript.absorb("contract", contract.as_bytes());
    transcript.absorb("counter", &counter.to_le_bytes());
    SessionId::new(transcript.hash())
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    struct Node {
        key: Ed25519KeyPair,
        hello: Hello,
    }

    fn node(seed: u8) -> Node {
        let key = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = key.public_key().as_ref().try_into().unwrap();
        Node { key, hello: Hello::new(public, [capability::PSI], [seed + 100; 32]) }
    }

    fn sign(node: &Node, greeting: &Greeting) -> HelloSignature {
        HelloSignature(node.key.sign(&greeting.bytes_to_sign()).as_ref().try_into().unwrap())
    }

    fn greetings(a: &Node, b: &Node, exporter: [u8; 32]) -> (Greeting, Greeting) {
        let at_a = Greeting::new(Role::Initiator, &a.hello, b.hello.clone(), &exporter).unwrap();
        let at_b = Greeting::new(Role::Responder, &b.hello, a.hello.clone(), &exporter).unwrap();
        (at_a, at_b)
    }

    #[test]
    fn both_ends_agree_and_the_signature_holds() {
        let (a, b) = (node(1), node(2));
        let (at_a, at_b) = greetings(&a, &b, [9; 32]);
        let (by_a, by_b) = (sign(&a, &at_a), sign(&b, &at_b));
        let (to_b, to_a) = (at_a.verify(&by_b).unwrap(), at_b.verify(&by_a).unwrap());
        assert_eq!(to_b.peer(), b.hello.node);
        assert_eq!(to_a.signing_key(), &a.hello.signing_key);
        assert!(to_a.can(capability::PSI) && !to_a.can(999));
        let (query, contract) = (QueryId::new([3; 32]), ContractId::new([4; 32]));
        assert_eq!(to_a.session_id(query, contract, 0), to_b.session_id(query, contract, 0));
        assert_ne!(to_a.session_id(query, contract, 0), to_a.session_id(query, contract, 1));
        assert_ne!(to_a.session_id(query, contract, 0), to_a.session_id(query, ContractId::new([5; 32]), 0));
    }

    #[test]
    fn a13_a_signature_of_another_connection_is_refused() {
        let (a, b) = (node(1), node(2));
        let (_, recorded) = greetings(&a, &b, [9; 32]);
        let (at_a, _) = greetings(&a, &b, [10; 32]);
        assert_eq!(at_a.verify(&sign(&b, &recorded)).err(), Some(HelloRefused::BadSignature));

        let mut fresh = node(1);
        fresh.hello.nonce = [77; 32];
        let (at_fresh, _) = greetings(&fresh, &b, [9; 32]);
        assert_eq!(at_fresh.verify(&sign(&b, &recorded)).err(), Some(HelloRefused::BadSignature));
    }

    #[test]
    fn a15_our_own_hello_and_signature_are_refused() {
        let (a, b) = (node(1), node(2));
        let mirrored = Greeting::new(Role::Initiator, &a.hello, a.hello.clone(), &[9; 32]);
        assert_eq!(mirrored.err(), Some(HelloRefused::Reflected));
        let mut same_nonce = b.hello.clone();
        same_nonce.nonce = a.hello.nonce;
        let mirrored = Greeting::new(Role::Initiator, &a.hello, same_nonce, &[9; 32]);
        assert_eq!(mirrored.err(), Some(HelloRefused::Reflected));
        // The same key at both ends of a role: B's signature made as if it were the initiator.
        let (at_a, _) = greetings(&a, &b, [9; 32]);
        let as_initiator = HelloSignature(b.key.sign(&at_a.bytes_to_sign()).as_ref().try_into().unwrap());
        assert_eq!(at_a.verify(&as_initiator).err(), Some(HelloRefused::BadSignature));
    }

    #[test]
    fn f09_a_shortened_version_list_breaks_the_signature() {
        let (a, mut b) = (node(1), node(2));
        b.hello.versions = Versions::new([Version(1), Version(2)]);
        let at_b = Greeting::new(Role::Responder, &b.hello, a.hello.clone(), &[9; 32]).unwrap();
        let mut shortened = b.hello.clone();
        shortened.versions = Versions::new([Version(1)]);
        let at_a = Greeting::new(Role::Initiator, &a.hello, shortened, &[9; 32]).unwrap();
        assert_eq!(at_a.verify(&sign(&b, &at_b)).err(), Some(HelloRefused::BadSignature));
    }

    #[test]
    fn a_hello_under_anothers_id_is_refused() {
        let (a, mut b) = (node(1), node(2));
        b.hello.node = node(3).hello.node;
        let refused = Greeting::new(Role::Initiator, &a.hello, b.hello, &[9; 32]);
        assert_eq!(refused.err(), Some(HelloRefused::KeyNotOfNode));
    }

    #[test]
    fn a11_hello_has_one_encoding() {
        let hello = node(1).hello;
        let bytes = hello.encode();
        assert_eq!(Hello::decode(&bytes, &Limits::GREETING), Ok(hello));
        for end in 0..bytes.len() {
            assert_eq!(Hello::decode(&bytes[..end], &Limits::GREETING), Err(WireError::Cut));
        }
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Hello::decode(&trailing, &Limits::GREETING), Err(WireError::TrailingBytes(1)));
        // A list of 17 versions is refused by its length field.
        let mut long = bytes;
        long[..8].copy_from_slice(&17u64.to_le_bytes());
        assert_eq!(Hello::decode(&long, &Limits::GREETING), Err(WireError::Malformed));
        assert_eq!(HelloSignature::decode(&[0; 63], &Limits::GREETING), Err(WireError::Cut));
        let long = HelloSignature::decode(&[0; 65], &Limits::GREETING);
        assert_eq!(long, Err(WireError::TrailingBytes(1)));
    }
}
