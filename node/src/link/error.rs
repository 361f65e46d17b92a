//! What can go wrong between two nodes, one variant a rule.

use std::{io, sync::Arc};

use crate::{
    config::{ConfigError, FileError},
    report::{Class, Detail, Refusal},
};

/// A card that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// Not the text of a card.
    #[error("this is not a partner card: {0}")]
    Malformed(String),
    /// A card of a later version than this build reads.
    #[error("the card has version {0}, this node reads version 1")]
    UnknownVersion(u32),
    /// A name that SQL and contracts could not carry.
    #[error("the name in the card {0}")]
    BadName(String),
    /// An address that nobody can call.
    #[error("the card holds {0:?}, which is not host:port")]
    BadAddress(String),
    /// The id is not the hash of the signing key.
    #[error("the card's id does not belong to its signing key")]
    KeyNotOfId,
    /// Something in the card was changed after it was signed.
    #[error("the card's signature does not fit: it was altered, or not copied whole")]
    BadSignature,
    /// Its certificate is no longer valid.
    #[error("the certificate in {name}'s card expired on {when}")]
    Expired {
        /// Whose card.
        name: String,
        /// The last moment of validity.
        when: jiff::Timestamp,
    },
}

impl Refusal for CardError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::BadAddress(_) => "E-CARD-MALFORMED",
            Self::UnknownVersion(_) => "E-CARD-VERSION",
            Self::BadName(_) => "E-CARD-NAME",
            Self::KeyNotOfId | Self::BadSignature => "E-CARD-SIGNATURE",
            Self::Expired { .. } => "E-CARD-EXPIRED",
        }
    }

    fn class(&self) -> Class {
        Class::Usage
    }

    fn details(&self) -> Vec<Detail> {
        let mend = match self {
            Self::UnknownVersion(_) => "use a newer Tacit, or ask the partner for a card of version 1",
            Self::Expired { .. } => {
                "ask the partner to run `tacit card` again, after `tacit certificate rotate`"
            }
            _ => "ask the partner to send the output of `tacit card` again, as a file",
        };
        vec![Detail::new("would do", mend)]
    }
}

/// A change to the set of trusted partners that is not made.
#[derive(Debug, thiserror::Error)]
pub enum PartnersError {
    /// The card itself.
    #[error(transparent)]
    Card(#[from] CardError),
    /// The same name with another signing key: a new organisation under an old name, or an attack.
    #[error("the partner {name} is known here with another signing key")]
    KeyChanged {
        /// The name on both cards.
        name: String,
    },
    /// The same signing key under another name.
    #[error("this signing key is known here as {known}, the card says {name}")]
    KnownAs {
        /// The name it is trusted under.
        known: String,
        /// The name on the new card.
        name: String,
    },
    /// A card that is signed with a key that the node has handed over since.
    #[error("the card of {name} is signed with a key that was handed over")]
    KeyRetired {
        /// Whose card.
        name: String,
    },
    /// This node's own card, or a card under this node's own name.
    #[error("{name} is this node itself")]
    OwnCard {
        /// The name on the card.
        name: String,
    },
    /// An older card than the one that is trusted.
    #[error("a newer card of {name} is trusted already")]
    Older {
        /// Whose card.
        name: String,
    },
    /// Nobody of that name or id.
    #[error("there is no partner {0:?}")]
    Unknown(String),
    /// More than one partner's id starts like this.
    #[error("more than one partner's id starts with {0:?}")]
    Ambiguous(String),
    /// A card in the home that cannot be read back.
    #[error("the card file {file} is damaged")]
    Damaged {
        /// Its name in the partners' directory.
        file: String,
        /// What is wrong with it.
        source: CardError,
    },
    /// The directory or a file in it.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Refusal for PartnersError {
    fn code(&self) -> &'static str {
        match self {
            Self::Card(error) => error.code(),
            Self::KeyChanged { .. } => "E-CARD-KEY-CHANGED",
            Self::KnownAs { .. } => "E-CARD-OTHER-NAME",
            Self::KeyRetired { .. } => "E-CARD-KEY-RETIRED",
            Self::OwnCard { .. } => "E-CARD-OWN",
            Self::Older { .. } => "E-CARD-OLDER",
            Self::Unknown(_) | Self::Ambiguous(_) => "E-PARTNER-UNKNOWN",
            Self::Damaged { .. } => "E-CARD-DAMAGED",
            Self::File(error) => error.code(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Damaged { .. } => Class::Failed,
            Self::File(error) => error.class(),
            _ => Class::Usage,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let would_do = |text: String| vec![Detail::new("would do", text)];
        match self {
            Self::Card(error) => error.details(),
            Self::KeyChanged { name } => vec![
                Detail::new(
                    "why",
                    "a signing key never changes by itself; whoever sends another one may not be who they say",
                ),
                Detail::new(
                    "would do",
                    format!(
                        "ask {name} over the phone; if it is right: tacit partner remove {name}, then add the card"
                    ),
                ),
            ],
            Self::KnownAs { known, .. } => {
                would_do(format!("tacit partner remove {known}, then add the card"))
            }
            Self::KeyRetired { name } => vec![
                Detail::new("why", "whoever found the old key could have made this card"),
                Detail::new("would do", format!("ask {name} over the phone for the card of today")),
            ],
            Self::OwnCard { .. } => would_do("add the card that the partner's `tacit card` printed".into()),
            Self::Older { name } => {
                would_do(format!("ask {name} for a fresh card, or keep the one you have"))
            }
            Self::Unknown(_) => would_do("tacit partner list".into()),
            Self::Ambiguous(_) => would_do("type more of the id, or the name".into()),
            Self::Damaged { file, .. } => {
                would_do(format!("remove partners/{file} and add the partner's card again"))
            }
            Self::File(error) => error.details(),
        }
    }
}

/// A connection, channel or call that failed. Cheap to clone: one broken connection fails many.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LinkError {
    /// Another program has the port.
    #[error("UDP port {port} is taken by another program")]
    PortTaken {
        /// The port in the settings.
        port: u16,
    },
    /// The socket cannot be had for another reason.
    #[error("the UDP address {listen} cannot be listened on")]
    Socket {
        /// The address in the settings.
        listen: std::net::SocketAddr,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// This node's own TLS key or certificate is not usable.
    #[error("this node's TLS key is not usable")]
    OwnKey(#[source] Arc<rustls::Error>),
    /// The new TLS key could not be stored; the old one goes on.
    #[error("the new TLS key could not be stored")]
    KeyNotStored(#[source] Arc<ConfigError>),
    /// The system's source of randomness failed.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// This node's card cannot be made.
    #[error("this node's card cannot be made")]
    OwnCard(#[source] CardError),
    /// No partner with this id is trusted here.
    #[error("no partner with the id {0} is trusted here")]
    PartnerUnknown(String),
    /// No address on the card resolves.
    #[error("no address of {partner} resolves: {addresses}")]
    Unresolved {
        /// Its name.
        partner: String,
        /// The addresses on its card.
        addresses: String,
    },
    /// Nothing answers.
    #[error("{partner}'s node does not answer at {addresses}")]
    Unreachable {
        /// Its name.
        partner: String,
        /// The addresses that were tried.
        addresses: String,
    },
    /// Something answers there that has another key than the card says.
    #[error("what answers at {partner}'s address does not have the key on {partner}'s card")]
    OtherKey {
        /// Its name.
        partner: String,
    },
    /// The certificate that the partner shows is not valid now.
    #[error("{partner}'s certificate is expired, or not valid yet by this machine's clock")]
    Expired {
        /// Its name.
        partner: String,
    },
    /// The partner's node does not take our certificate.
    #[error("{partner}'s node does not accept this node: {reason}")]
    Unwelcome {
        /// Its name.
        partner: String,
        /// Why, as far as it says.
        reason: &'static str,
    },
    /// No version of the protocol is spoken by both.
    #[error("{partner}'s node and this one speak no common version of the protocol")]
    Version {
        /// Its name.
        partner: String,
    },
    /// The hello broke a rule.
    #[error("{partner}'s node did not prove who it is: {rule}")]
    Hello {
        /// Its name, or `the caller` before it is known.
        partner: String,
        /// The rule.
        rule: &'static str,
    },
    /// One side has removed the other from its partners.
    #[error("{partner} is no longer a partner: one side removed the other")]
    Revoked {
        /// Its name.
        partner: String,
    },
    /// The connection could not be mended in time.
    #[error("the connection with {partner} broke and could not be mended in time")]
    Lost {
        /// Its name.
        partner: String,
    },
    /// The partner's node stopped or started anew, and its half of the session with it.
    #[error("{partner}'s node stopped or started anew in the middle")]
    Gone {
        /// Its name.
        partner: String,
    },
    /// The partner ended the channel before its end.
    #[error("{partner}'s node gave the session up")]
    Abandoned {
        /// Its name.
        partner: String,
    },
    /// More than the link carries in one piece.
    #[error("a message of {length} bytes is longer than the {limit} allowed")]
    TooLong {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// Fewer bytes a second than a working node sends or takes.
    #[error("{partner}'s node is too slow: less than the least rate arrives")]
    TooSlow {
        /// Its name.
        partner: String,
    },
    /// A frame that no honest node sends.
    #[error("{partner}'s node broke a rule of the link: {rule}")]
    Rule {
        /// Its name.
        partner: String,
        /// The rule.
        rule: &'static str,
    },
    /// The partner's node has as many channels or calls open as it allows.
    #[error("{partner}'s node is busy with other sessions")]
    Busy {
        /// Its name.
        partner: String,
    },
    /// A call was not answered in time.
    #[error("{partner}'s node did not answer the call in time")]
    Deadline {
        /// Its name.
        partner: String,
    },
    /// The partner's node did not take the new certificate.
    #[error("{partner}'s node refused the new certificate")]
    CardRefused {
        /// Its name.
        partner: String,
    },
    /// This end was closed.
    #[error("the link of this node is closed")]
    Closed,
}

impl Refusal for LinkError {
    fn code(&self) -> &'static str {
        match self {
            Self::PortTaken { .. } => "E-LINK-PORT-TAKEN",
            Self::Socket { .. } => "E-LINK-SOCKET",
            Self::OwnKey(_) => "E-LINK-OWN-KEY",
            Self::KeyNotStored(error) => error.code(),
            Self::NoRandomness => "E-LINK-RANDOMNESS",
            Self::OwnCard(error) => error.code(),
            Self::PartnerUnknown(_) => "E-PARTNER-UNKNOWN",
            Self::Unresolved { .. } => "E-LINK-UNRESOLVED",
            Self::Unreachable { .. } => "E-LINK-UNREACHABLE",
            Self::OtherKey { .. } => "E-LINK-OTHER-KEY",
            Self::Expired { .. } => "E-LINK-EXPIRED",
            Self::Unwelcome { .. } => "E-LINK-UNWELCOME",
            Self::Version { .. } => "E-LINK-VERSION",
            Self::Hello { .. } => "E-LINK-HELLO",
            Self::Revoked { .. } => "E-LINK-REVOKED",
            Self::Lost { .. } => "E-LINK-LOST",
            Self::Gone { .. } => "E-LINK-GONE",
            Self::Abandoned { .. } => "E-LINK-ABANDONED",
            Self::TooLong { .. } => "E-LINK-TOO-LONG",
            Self::TooSlow { .. } => "E-LINK-TOO-SLOW",
            Self::Rule { .. } => "E-LINK-RULE",
            Self::Busy { .. } => "E-LINK-BUSY",
            Self::Deadline { .. } => "E-LINK-DEADLINE",
            Self::CardRefused { .. } => "E-LINK-CARD-REFUSED",
            Self::Closed => "E-LINK-CLOSED",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::PortTaken { .. } | Self::Socket { .. } | Self::PartnerUnknown(_) | Self::OwnCard(_) => {
                Class::Usage
            }
            Self::OwnKey(_)
            | Self::KeyNotStored(_)
            | Self::NoRandomness
            | Self::TooLong { .. }
            | Self::Closed => Class::Failed,
            _ => Class::Peer,
        }
    }

    fn details(&self) -> Vec<Detail> {
        self.mend().map(|mend| vec![Detail::new("would do", mend)]).unwrap_or_default()
    }

    fn retry_helps(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Lost { .. }
                | Self::Gone { .. }
                | Self::TooSlow { .. }
                | Self::Busy { .. }
                | Self::Deadline { .. }
        )
    }
}

impl LinkError {
    /// What would help, as one line; also used by the doctor.
    pub(super) fn mend(&self) -> Option<String> {
        let mend = match self {
            Self::PortTaken { port } => format!(
                "stop the other program (ss -ulpn 'sport = :{port}' names it), or set another port in link.listen"
            ),
            Self::Socket { .. } => "set link.listen to an address of this machine".into(),
            Self::OwnKey(_) => "tacit certificate rotate".into(),
            Self::PartnerUnknown(_) => "tacit partner add CARD".into(),
            Self::Unresolved { partner, .. } => {
                format!(
                    "check this machine's DNS; if it works, ask {partner} for a card with an address that resolves"
                )
            }
            Self::Unreachable { partner, addresses } => format!(
                "see that {partner} runs `tacit serve` and that no firewall on the way blocks UDP to {addresses}"
            ),
            Self::OtherKey { partner } => {
                format!("ask {partner} for its present card and add it, after comparing the fingerprint")
            }
            Self::Expired { partner } => format!(
                "compare both machines' clocks; if they are right, {partner} must run `tacit certificate rotate`"
            ),
            Self::Unwelcome { partner, .. } => {
                format!("send {partner} the output of `tacit card`; there: tacit partner add CARD")
            }
            Self::Version { .. } => "update the older of the two nodes".into(),
            Self::Revoked { partner } => format!("ask {partner}; to begin anew, exchange cards again"),
            Self::Busy { .. } => "wait until a running session has ended".into(),
            Self::CardRefused { partner } => format!("send {partner} the output of `tacit card`"),
            _ => return None,
        };
        Some(mend)
    }

    /// Whether dialling again could mend it, within a channel's deadline.
    pub(super) fn is_passing(&self) -> bool {
        !matches!(
            self,
            Self::PartnerUnknown(_)
                | Self::Revoked { .. }
                | Self::Gone { .. }
                | Self::Version { .. }
                | Self::Closed
                | Self::Abandoned { .. }
                | Self::Rule { .. }
                | Self::NoRandomness
                | Self::OwnKey(_)
        )
    }
}
