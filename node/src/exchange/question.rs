//! What is said before the protocol speaks.
//!
//! The opening of a channel is the [`Question`]. The answering node comments with [`Aside`]s while people
//! and policies make up their minds; after `Ready`, both sides speak the protocol.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tacit_protocol::ids::{ContractId, QueryId};

use crate::{
    data::is_one_line,
    ledger::Reserved,
    policy::Permitted,
    query::{QueryRequest, Wish},
};

/// The question as the partner sees it: the asker's own filter and columns are not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The same on both nodes.
    pub query: QueryId,
    /// Under which contract.
    pub contract: ContractId,
    /// The SQL text, stripped to what concerns the partner (`Parsed::for_partner`).
    pub sql: String,
    /// What for.
    pub purpose: String,
    /// By which profile the asker brings identifiers to one spelling.
    pub profile: String,
    /// How long the asker waits for a person.
    pub wait: Duration,
    /// The earlier question that, by the partner's own word, paid for this one.
    #[serde(default)]
    pub earlier: Earlier,
    /// Of a question over an overlap: a keyed hash of all that the asker puts in itself, 64 hex digits. It is the same
    /// if that is the same, and says nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Of a training job: its run, which goes on after a cut under this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<QueryId>,
}

/// What an earlier question, the same as this one and over the same content, has left. At most one of the two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// Its figures, which are given again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<QueryId>,
    /// Its price: it broke off before anybody had figures of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<QueryId>,
}

/// The answering node's words before the protocol, and either side's last word if it ends early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Aside {
    /// A person has to approve.
    WaitingForApproval,
    /// Approved, or nobody needed to; data is being read.
    Preparing,
    /// The protocol may begin.
    Ready,
    /// How many customers this side brings to a join, with its dummies.
    Size {
        /// So many.
        customers: u32,
    },
    /// No; the code, and what a person wrote for the asker, if one said it.
    Refused {
        /// Stable code.
        code: String,
        /// One line of at most 200 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The session ends here.
    Ended {
        /// Stable code.
        code: String,
    },
}

/// Marks the two kinds of message on a channel.
const ASIDE: u8 = 0;
const PROTOCOL: u8 = 1;

/// An asker may wait for people this long; longer is cut.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The longest aside.
const ASIDE_LIMIT: usize = 1024;

/// The longest code.
const CODE_LIMIT: usize = 64;

/// The longest reason that a person gives, characters; as an aside, well below [`ASIDE_LIMIT`].
const REASON_LIMIT: usize = 200;

/// A message on the channel, taken apart.
pub(super) enum Spoken {
    Aside(Aside),
    /// An envelope of the protocol.
    Protocol(Vec<u8>),
}

impl Aside {
    fn is_in_form(&self) -> bool {
        match self {
            Self::WaitingForApproval | Self::Preparing | Self::Ready | Self::Size { .. } => true,
            Self::Refused { code, .. } | Self::Ended { code } => {
                is_code(code) && self.reason().is_none_or(|reason| is_one_line(reason, REASON_LIMIT))
            }
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }

    /// No, with a code alone.
    pub fn refused(code: impl Into<String>) -> Self {
        Self::Refused { code: code.into(), reason: None }
    }

    /// As a message for the channel.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut message = vec![ASIDE];
        // Invariant: an enum of strings always has a JSON form.
        message.extend(serde_json::to_vec(self).unwrap_or_default());
        message
    }
}

/// Whether a partner's code looks like one. It is shown to people and programs here, and must not pass for a line
/// of ours.
pub(super) fn is_code(code: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
    code.starts_with("E-") && code.len() <= CODE_LIMIT && code.bytes().all(letter)
}

/// Puts the mark before a protocol message.
pub(super) fn protocol_message(envelope: Vec<u8>) -> Vec<u8> {
    let mut message = Vec::with_capacity(envelope.len() + 1);
    message.push(PROTOCOL);
    message.extend(envelope);
    message
}

/// Takes a message of the channel apart; `None` if it is neither.
pub(super) fn take_apart(mut message: Vec<u8>) -> Option<Spoken> {
    match *message.first()? {
        ASIDE if message.len() <= ASIDE_LIMIT => {
            let aside: Aside = serde_json::from_slice(&message[1..]).ok()?;
            aside.is_in_form().then_some(Spoken::Aside(aside))
        }
        PROTOCOL => {
            message.remove(0);
            Some(Spoken::Protocol(message))
        }
        _ => None,
    }
}

impl Question {
    /// The question of a reservation, as the partner gets it.
    pub fn about(reserved: &Reserved, wait: Duration, earlier: Earlier, content: Option<String>) -> Self {
        Self { earlier, content, ..Self::of(reserved.permitted(), reserved.query(), wait) }
    }

    /// A question that is not asked yet.
    pub fn of(permitted: &Permitted, query: QueryId, wait: Duration) -> Self {
        Self {
            query,
            contract: permitted.contract_id(),
            sql: permitted.question_for_partner(),
            purpose: permitted.purpose().to_owned(),
            profile: permitted.terms().identity.profile.name().to_owned(),
            wait,
            earlier: Earlier::default(),
            content: None,
            run: None,
        }
    }

    /// The question of a run.
    pub fn of_run(self, run: QueryId) -> Self {
        Self { run: Some(run), ..self }
    }

    /// As if it had been typed here.
    pub fn request(&self) -> QueryRequest {
        QueryRequest {
            sql: self.sql.clone(),
            contract: Some(self.contract.to_string()),
            purpose: Some(self.purpose.clone()),
            // What the asker wishes has become the ε of the text.
            wish: Wish::default(),
            wait: self.wait.min(LONGEST_WAIT),
        }
    }

    /// As the opening of a channel.
    pub(super) fn encode(&self) -> Vec<u8> {
        // Invariant: a struct of strings and numbers always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads an opening; `None` if it is not a question this version understands.
    pub fn decode(opening: &[u8]) -> Option<Self> {
        serde_json::from_slice(opening).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a10_an_oversized_or_unknown_aside_is_not_understood() {
        let long = |length| format!("E-{}", "X".repeat(length));
        let understood = |aside: Aside| take_apart(aside.encode()).is_some();
        for code in ["", "E", "no", "E-lower", "E-\n", "E-\u{1b}[2J", &long(CODE_LIMIT), &long(ASIDE_LIMIT)] {
            assert!(!understood(Aside::refused(code)), "{code:?}");
            assert!(!understood(Aside::Ended { code: code.into() }), "{code:?}");
        }
        assert!(understood(Aside::refused("E-APPROVAL-DENIED")));
        let denied = |reason: &str| Aside::Refused {
            code: "E-APPROVAL-DENIED".into(),
            reason: Some(reason.to_owned()),
        };
        let longest = "\u{10ffff}".repeat(REASON_LIMIT);
        assert!(understood(denied("nicht in diesem Monat")) && understood(denied(&longest)));
        for reason in ["two\nlines", "\u{1b}[2J", &format!("{longest}x")] {
            assert!(!understood(denied(reason)), "{reason:?}");
        }
        assert!(take_apart(vec![7, 1, 2]).is_none());
        assert!(take_apart(Vec::new()).is_none());
        assert!(matches!(take_apart(Aside::Ready.encode()), Some(Spoken::Aside(Aside::Ready))));
    }
}
