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
    /// The partner's node said no; it gives its code, and what a person there wrote, if one said it.
    #[error("{}", refusal(partner, code))]
    Refused {
        /// The partner, by name.
        partner: String,
        /// Its stable code.
        code: String,
        /// The person's words.
        reason: Option<String>,
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
    /// Our own part of a training cannot be computed.
    #[error("our own part of the training cannot be computed: {0}")]
    Learn(String),
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
    /// The session took longer than this node allows.
    #[error("the session with {partner} took longer than limits.max_session_time")]
    TookTooLong {
        /// The partner, by name.
        partner: String,
    },
    /// The partner has as many questions under way as it may have.
    #[error("{partner} has as many questions under way as limits.max_sessions allows")]
    TooManySessions {
        /// The partner, by name.
        partner: String,
    },
    /// What opened the channel is no question.
    #[error("{partner} opened a channel with something that is no question")]
    NotAQuestion {
        /// The partner, by name.
        partner: String,
    },
    /// The asker counts on an earlier answer that is not given again.
    #[error("{partner} counts on an earlier answer, and the data or the answer is another by now")]
    NothingToRepeat {
        /// The partner, by name.
        partner: String,
    },
    /// Somebody withdrew between the announcement of a size and the protocol.
    #[error("a customer withdrew consent while {partner} made ready")]
    ConsentChanged {
        /// The partner, by name.
        partner: String,
    },
    /// That the figures are opened could not be noted durably, so they were not opened.
    #[error("that the figures are opened could not be noted in this node's home")]
    Unnoted(#[source] std::io::Error),
    /// This node's data is another than that which was paid for.
    #[error("the data has changed since this was paid for")]
    ContentChanged,
    /// Whoever asked is gone.
    #[error("the question was interrupted")]
    Interrupted,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
    /// The partner brings more customers than this node takes.
    #[error("{partner} brings {customers} customers, more than this node's limit of {limit}")]
    PartnerTooLarge {
        /// The partner, by name.
        partner: String,
        /// What it announced.
        customers: u64,
        /// `limits.max_items`.
        limit: u64,
    },
    /// More items than the limit allows on this node.
    #[error("{items} customers or match keys, with what pads them, are more than the limit of {limit}")]
    TooManyItems {
        /// What the dataset would bring.
        items: u64,
        /// `limits.max_items`.
        limit: u64,
    },
}

/// What a partner's code means, where its people or its load are the reason and not a rule.
fn refusal(partner: &str, code: &str) -> String {
    match code {
        "E-APPROVAL-PENDING" => format!("nobody at {partner} has decided yet; the request still waits there"),
        "E-APPROVAL-DENIED" => format!("a person at {partner} said no"),
        "E-LIMIT-SESSIONS" => format!("{partner} works on as many questions as it may"),
        "E-ANSWER-CHANGED" => {
            format!("{partner}'s data has changed since this was answered: ask again, for its price")
        }
        "E-PARTNER-FAILED" => format!("{partner}'s node could not finish"),
        "E-MODEL-NOT-HERE" => {
            format!("{partner} does not have its half of the model, or has deleted it ({code})")
        }
        "E-MODEL-SCORED-OFTEN" => format!("{partner} makes no more scores with this model ({code})"),
        code if code.starts_with("E-QUERY-") => {
            format!("{partner} cannot run the question over its columns ({code})")
        }
        code => format!("{partner} refused the question with {code}"),
    }
}

impl ExchangeError {
    /// A no with a code alone.
    pub(super) const fn refused(partner: String, code: String) -> Self {
        Self::Refused { partner, code, reason: None }
    }
}

impl Refusal for ExchangeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Link { source, .. } => source.code(),
            Self::Refused { .. } => "E-PEER-REFUSED",
            Self::Ended { .. } => "E-PEER-ENDED",
            Self::Protocol { source, .. } => source.code(),
            Self::OutOfPlace { .. } => "E-PEER-OUT-OF-PLACE",
            Self::NotAQuestion { .. } => "E-PEER-OUT-OF-PLACE",
            Self::TookTooLong { .. } => "E-LIMIT-TIME",
            Self::TooManySessions { .. } => "E-LIMIT-SESSIONS",
            Self::Learn(_) => "E-TRAIN-OWN-PART",
            Self::Silent { .. } => "E-PEER-SILENT",
            Self::NothingToRepeat { .. } | Self::ContentChanged => "E-ANSWER-CHANGED",
            Self::Unnoted(_) => "E-ANSWER-UNWRITTEN",
            Self::ConsentChanged { .. } => "E-CONSENT-CHANGED",
            Self::Interrupted => "E-INTERRUPTED",
            Self::NoRandomness => "E-NO-RANDOMNESS",
            Self::TooManyItems { .. } | Self::PartnerTooLarge { .. } => "E-LIMIT-ITEMS",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Refused { code, .. } if code.starts_with("E-APPROVAL") || code.starts_with("E-POLICY") => {
                Class::Policy
            }
            Self::Refused { code, .. } if code.starts_with("E-BUDGET") => Class::Budget,
            Self::Refused { code, .. } if code.starts_with("E-QUERY-") => Class::Usage,
            Self::Link { source, .. } => source.class(),
            Self::NoRandomness
            | Self::Learn(_)
            | Self::TooManyItems { .. }
            | Self::ConsentChanged { .. }
            | Self::Unnoted(_)
            | Self::ContentChanged
            | Self::Interrupted => Class::Failed,
            _ => Class::Peer,
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Link { source, .. } => source.details(),
            Self::Learn(_) => vec![Detail::new("would do", "more l2, fewer columns, or a smaller clip")],
            Self::Refused { partner, code, reason } => {
                if code.starts_with("E-QUERY-") {
                    let mend =
                        "write dates as DATE '2026-12-01', numbers without quotes, text in 'single quotes'";
                    return vec![Detail::new("would do", mend)];
                }
                let mut lines = vec![Detail::new("who", format!("the people at {partner}"))];
                // Their words, and called theirs: this node vouches for none of it.
                lines.extend(reason.iter().map(|reason| Detail::new("they say", format!("“{reason}”"))));
                let mend = match code.as_str() {
                    "E-APPROVAL-DENIED" => {
                        "talk to them; the same question is refused for a day from their no on"
                    }
                    "E-LIMIT-SESSIONS" => "ask again",
                    "E-MODEL-NOT-HERE" | "E-MODEL-SCORED-OFTEN" => "train it again: tacit train JOB",
                    "E-PARTNER-FAILED" => "ask them to look into their `tacit audit log`: it says why",
                    "E-APPROVAL-PENDING" => {
                        "ask the same again once they have approved; an approval holds for 24 hours"
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
            Self::TookTooLong { .. } => {
                vec![Detail::new(
                    "would do",
                    "filter further, or raise limits.max_session_time in tacit.toml",
                )]
            }
            Self::NothingToRepeat { .. } => {
                vec![Detail::new("would do", "nothing here; the asker asks again")]
            }
            Self::TooManySessions { .. } => {
                vec![Detail::new("would do", "wait until one of them has ended")]
            }
            Self::ConsentChanged { .. } => vec![Detail::new("would do", "ask again: they take no part then")],
            Self::ContentChanged => vec![Detail::new("would do", "ask again, for its price")],
            Self::Unnoted(_) => vec![Detail::new("would do", "see whether the disk is full, then ask again")],
            Self::NoRandomness | Self::Interrupted => Vec::new(),
            Self::TooManyItems { .. } | Self::PartnerTooLarge { .. } => {
                vec![Detail::new("would do", "filter further, or raise limits.max_items in tacit.toml")]
            }
        }
    }

    fn retry_helps(&self) -> bool {
        match self {
            Self::Link { source, .. } => source.retry_helps(),
            Self::Refused { code, .. } => {
                ["E-APPROVAL-PENDING", "E-APPROVAL-TOO-MANY", "E-LIMIT-SESSIONS", "E-ANSWER-CHANGED"]
                    .contains(&code.as_str())
            }
            Self::ConsentChanged { .. } | Self::ContentChanged => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> ExchangeError {
        ExchangeError::refused("bank".into(), code.into())
    }

    #[test]
    fn a_question_that_waits_for_people_or_for_room_can_be_asked_again() {
        assert!(refused("E-APPROVAL-PENDING").to_string().contains("nobody at bank has decided yet"));
        assert!(refused("E-APPROVAL-PENDING").retry_helps() && refused("E-LIMIT-SESSIONS").retry_helps());
        assert!(!refused("E-APPROVAL-DENIED").retry_helps());
        assert!(refused("E-POLICY-X").to_string().contains("E-POLICY-X"));
    }

    #[test]
    fn what_the_partner_cannot_read_is_the_askers_to_write_anew() {
        assert_eq!(refused("E-QUERY-TYPES").class(), Class::Usage);
        assert!(refused("E-QUERY-TYPES").details()[0].text.contains("DATE '"));
    }
}
