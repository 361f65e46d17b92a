//! One record of the audit log.
//!
//! Its bytes are one line of JSON, and those bytes are the leaf: whoever checks hashes what was written, and
//! nobody needs a canonical form. It holds no identifier of a customer, no key, no noise and no exact result.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{ContractId, PartnerId, QueryId};

/// The most bytes that one record may have: a tile of entries counts them in 16 bits (C2SP tlog-tiles).
pub const LARGEST_ENTRY: usize = 65_535;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The log begins: its origin, the node's signing key and the format.
    Open,
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
    /// A periodic budget begins its next period.
    Refresh,
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
    /// A jointly trained model was taken out of the node, or removed.
    Model,
    /// A key or certificate changed.
    Key,
    /// A setting that matters for privacy changed, or the node started with other ones.
    Config,
    /// Somebody took the log, or a report of it, out of the node.
    Export,
    /// A lost or damaged span was given up: what could have been spent in it counts as spent.
    Recovery,
    /// Records of one partner that were too many to write one by one.
    Dropped,
}

impl Kind {
    /// Every kind, in the order of the list above.
    pub const ALL: [Self; 18] = [
        Self::Open,
        Self::Reserve,
        Self::Spend,
        Self::Answer,
        Self::Refusal,
        Self::Abort,
        Self::Refresh,
        Self::Contract,
        Self::Approval,
        Self::Withdrawal,
        Self::Partner,
        Self::Dataset,
        Self::Model,
        Self::Key,
        Self::Config,
        Self::Export,
        Self::Recovery,
        Self::Dropped,
    ];

    /// The name in tables, JSON and the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Reserve => "reserve",
            Self::Spend => "spend",
            Self::Answer => "answer",
            Self::Refusal => "refusal",
            Self::Abort => "abort",
            Self::Refresh => "refresh",
            Self::Contract => "contract",
            Self::Approval => "approval",
            Self::Withdrawal => "withdrawal",
            Self::Partner => "partner",
            Self::Dataset => "dataset",
            Self::Model => "model",
            Self::Key => "key",
            Self::Config => "config",
            Self::Export => "export",
            Self::Recovery => "recovery",
            Self::Dropped => "dropped",
        }
    }
}

/// A record, as it is stored and shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Position, from 1, without gaps; the leaf's index is one less.
    pub seq: u64,
    /// When, RFC 3339 in UTC; never earlier than the record before.
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
    pub body: Value,
}

/// Whose privacy is spent, and by whom: an alias, a view, a second analyst or a second contract over the same
/// people finds the same account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The node whose customers they are.
    pub owner: PartnerId,
    /// Which of the owner's populations; all its datasets are one unless the owner says otherwise.
    pub population: String,
    /// The privacy unit, `customer`.
    pub unit: String,
    /// The node that learns.
    pub asker: PartnerId,
}

/// An amount of privacy, in whole units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    /// zCDP ρ in billionths, rounded up where it is a price and down where it is a limit.
    pub nano_rho: u64,
    /// δ that mechanisms add to that of the conversion, in units of 10⁻¹⁸; rounded likewise.
    pub atto_delta: u64,
}

/// The price of a question, as the body of a `reserve` has it under `charge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// Where it is charged.
    pub account: Account,
    /// How much.
    pub price: Amount,
    /// What the contract allows the account over its life.
    pub limit: Amount,
    /// What the contract allows it within one period, if it has periods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// What the owner allows for this population over all askers; only the owner knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Amount>,
    /// Spent and reserved in the account before.
    pub before: Amount,
    /// Spent and reserved in the account after.
    pub after: Amount,
}

/// A periodic cap beside the lifetime cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// When the first period begins, Unix seconds: the start of the contract's first day (UTC). It stands in
    /// every record, so that an auditor without the contract sees that no period began early.
    pub starts: u64,
    /// Length in seconds, at least one.
    pub seconds: u64,
    /// Which period this is, from 0. Opened by a `refresh` record, except the first.
    pub index: u64,
    /// What may be spent and reserved within it.
    pub limit: Amount,
}
