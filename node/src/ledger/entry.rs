//! One record.

use serde::{Deserialize, Serialize};
use tacit_protocol::ids::{ContractId, QueryId};

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A question was permitted and its price set aside; nothing has left yet.
    Reserve,
    /// The next byte that leaves depends on data; from here on the reservation counts as spent.
    Spend,
    /// The answer, or our part of it, is out.
    Answer,
    /// A question was refused.
    Refusal,
    /// A permitted question did not come to an answer.
    Abort,
    /// A contract was proposed, signed, refused or ended.
    Contract,
    /// A person approved or denied a run.
    Approval,
    /// Customers withdrew their consent.
    Withdrawal,
    /// A partner was added, changed or removed.
    Partner,
    /// A dataset was registered or forgotten.
    Dataset,
    /// A key or certificate changed.
    Key,
}

impl Kind {
    /// The name in tables, JSON and the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Spend => "spend",
            Self::Answer => "answer",
            Self::Refusal => "refusal",
            Self::Abort => "abort",
            Self::Contract => "contract",
            Self::Approval => "approval",
            Self::Withdrawal => "withdrawal",
            Self::Partner => "partner",
            Self::Dataset => "dataset",
            Self::Key => "key",
        }
    }
}

/// How a question ended, for the record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Our padded size, as the partner saw it.
    pub own_size: u64,
    /// The partner's padded size, as we saw it.
    pub partner_size: u64,
    /// Messages of ours that a broken connection made us send twice.
    #[serde(default)]
    pub resent_messages: u64,
    /// The hash of what was said, hex; equal on both sides.
    pub transcript: String,
    /// Snapshot of our dataset, hex.
    pub snapshot: String,
}

/// A record, as it is stored and shown. It holds no identifier of a customer, no key and no exact result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// See [`Kind`].
    pub kind: Kind,
    /// The question it belongs to.
    pub query: Option<QueryId>,
    /// The contract it belongs to.
    pub contract: Option<ContractId>,
    /// The partner concerned, by the name we know it under.
    pub partner: Option<String>,
    /// A short word on the outcome: a code, `asked`, `answered`, `in force` …
    pub what: String,
    /// Everything else, by kind.
    pub body: serde_json::Value,
}
