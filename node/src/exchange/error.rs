//! What can go wrong between two nodes in the middle of a question.

use tacit_protocol::session::Abort;

use crate::{
    link::LinkError,
    report::{Class, Detail, Refusal},
};

/// An exchange that did not come to its end. What was reserved stays reserved or spent; nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The connection failed for good.
    #[error("the exchange with {partner} broke off")]
    Link {
        /// The partner, by name.
        partner: String,
        /// What the link says.
        #[source]
        source: LinkError,
    },
    /// The partner's node said no; it gives its code and nothing else.
    #[error("{partner} refused the question with {code}")]
    Refused {
        /// The partner, by name.
        partner: String,
        /// Its stable code.
        code: String,
    },
    /// The partner ended the session with a code of its own.
    #[error("{partner} ended the exchange with {code}")]
    Ended {
        /// The partner, by name.
        partner: String,
        /// Its stable code.
        code: String,
    },
    /// The protocol's rules were broken.
    #[error("the protocol with {partner} was aborted")]
    Protocol {
        /// The partner, by name.
        partner: String,
        /// Which rule.
        #[source]
        source: Abort,
    },
    /// A message outside the protocol's grammar.
    #[error("{partner} sent a message that does not belong here ({expected} was due)")]
    OutOfPlace {
        /// The partner, by name.
        partner: String,
        /// What was due.
        expected: &'static str,
    },
    /// The partner's node is connected and says nothing.
    #[error("{partner} has said nothing for too long")]
    Silent {
        /// The partner, by name.
        partner: String,
    },
    /// What opened the channel is no question.
    #[error("{partner} opened a channel with something that is no question")]
    NotAQuestion {
        /// The partner, by name.
        partner: String,
    },
    /// Whoever asked is gone.
    #[error("the question was interrupted")]
    Interrupted,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
    /// More items than the limit allows on this node.
    #[error("{items} match keys are more than this node's limit of {limit}")]
    TooManyItems {
        /// What the dataset would bring.
        items: u64,
        /// `limits.max_items`.
        limit: u64,
    },
}

impl Refusal for ExchangeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Link { source, .. } => source.code(),
            Self::Refused { .. } => "E-PEER-REFUSED",
            Self::Ended { .. } => "E-PEER-ENDED",
            Self::Protocol { source, .. } => source.code(),
            Self::OutOfPlace { .. } => "E-PEER-OUT-OF-PLACE",
            Self::NotAQuestion { .. } => "E-PEER-NO-QUESTION",
            Self::Silent { .. } => "E-PEER-SILENT",
            Self::Interrupted => "E-INTERRUPTED",
            Self::NoRandomness => "E-NO-RANDOMNESS",
            Self::TooManyItems { .. } => "E-LIMIT-ITEMS",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Refused { code, .. } if code.starts_with("E-APPROVAL") || code.starts_with("E-POLICY") => {
                Class::Policy
            }
            Self::Refused { code, .. } if code.starts_with("E-BUDGET") => Class::Budget,
            Self::Link { source, .. } => source.class(),
            Self::NoRandomness | Self::TooManyItems { .. } | Self::Interrupted => Class::Failed,
            _ => Class::Peer,
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Link { source, .. } => source.details(),
            Self::Refused { partner, code } => {
                let mut lines = vec![Detail::new("who", format!("the people at {partner}"))];
                let mend = match code.as_str() {
                    "E-APPROVAL-DENIED" => "talk to them: a person there said no",
                    "E-APPROVAL-PENDING" => {
                        "ask again once somebody there has approved; an approval holds for 24 hours"
                    }
                    code if code.starts_with("E-POLICY") => {
                        "compare `tacit contract show` on both sides: theirs says no"
                    }
                    _ => "ask them to look up this code in their `tacit audit log`",
                };
                lines.push(Detail::new("would do", mend));
                lines
            }
            Self::Ended { partner, .. } => {
                vec![Detail::new(
                    "would do",
                    format!("ask {partner} to look up the code in `tacit audit log`"),
                )]
            }
            Self::Protocol { partner, .. }
            | Self::OutOfPlace { partner, .. }
            | Self::NotAQuestion { partner } => vec![
                Detail::new("who", format!("the operator at {partner}")),
                Detail::new(
                    "would do",
                    "compare versions with `tacit doctor`; if they agree, their node misbehaves",
                ),
            ],
            Self::Silent { partner } => {
                vec![Detail::new(
                    "would do",
                    format!("ask {partner} whether its node is well, then ask again"),
                )]
            }
            Self::NoRandomness | Self::Interrupted => Vec::new(),
            Self::TooManyItems { .. } => {
                vec![Detail::new("would do", "filter further, or raise limits.max_items in tacit.toml")]
            }
        }
    }

    fn retry_helps(&self) -> bool {
        match self {
            Self::Link { source, .. } => source.retry_helps(),
            Self::Refused { code, .. } => {
                ["E-APPROVAL-PENDING", "E-APPROVAL-TOO-MANY"].contains(&code.as_str())
            }
            _ => false,
        }
    }
}
