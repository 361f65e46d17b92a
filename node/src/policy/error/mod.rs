//! Why a question may not be asked, and the smallest change that would allow it.

pub(super) mod details;

use std::fmt;

use jiff::civil::Date;

use super::{AggregateError, ColumnClass, ColumnTerms, ColumnUse, Document, No, TrainError, contract::list};
use crate::{
    query::{ColumnName, QueryError, TableName},
    report::{Class, Detail, Refusal},
};

/// The contract that a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Under(Box<Names>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Names {
    title: String,
    signed_by: String,
    partners: String,
}

impl Under {
    pub(super) fn of(document: &Document) -> Self {
        Self(Box::new(Names {
            title: document.contract().title(),
            signed_by: document.signatures(),
            partners: list(&document.contract().terms().partners),
        }))
    }

    /// Its partners, as in a sentence.
    pub fn partners(&self) -> &str {
        &self.0.partners
    }

    /// Name and short id of the contract.
    pub fn title(&self) -> &str {
        &self.0.title
    }
}

impl fmt::Display for Under {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, signed by {}", self.0.title, self.0.signed_by)
    }
}

/// A question that no contract lets this partner ask, or this node answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Nobody has agreed on this.
    #[error("no contract covers {tables} between these partners")]
    NoContract {
        /// The tables of the question.
        tables: String,
        /// Contracts that come near, and what they cover.
        near: Vec<String>,
    },
    /// More than one contract would do, and they have budgets of their own.
    #[error("more than one contract covers {tables}")]
    SeveralContracts {
        /// The tables of the question.
        tables: String,
        /// The contracts.
        contracts: Vec<String>,
    },
    /// The contract that was named is not here, or not between these partners.
    #[error("{wanted} is no contract between these partners")]
    ContractUnknown {
        /// What was named, shortened.
        wanted: String,
        /// What there is.
        contracts: Vec<String>,
    },
    /// Somebody has still to sign.
    #[error("{} has not signed {} yet", list(missing), contract.title())]
    NotSigned {
        /// The contract.
        contract: Under,
        /// Who has not.
        missing: Vec<String>,
    },
    /// Somebody said no.
    #[error("{} has refused {}", no.by, contract.title())]
    Refused {
        /// The contract.
        contract: Under,
        /// Who, when, why.
        no: No,
    },
    /// Its first day is still to come.
    #[error("{} starts on {starts}", contract.title())]
    NotStarted {
        /// The contract.
        contract: Under,
        /// The first day (UTC).
        starts: Date,
    },
    /// Its last day has passed.
    #[error("{} ended on {ends}", contract.title())]
    Expired {
        /// The contract.
        contract: Under,
        /// The last day (UTC).
        ends: Date,
    },
    /// A partner ended it.
    #[error("{} has ended {}", no.by, contract.title())]
    Ended {
        /// The contract.
        contract: Under,
        /// Who, when, why.
        no: No,
    },
    /// Another purpose than was agreed.
    #[error("{} is for the purpose {allowed}, not {asked}", contract.title())]
    WrongPurpose {
        /// The contract.
        contract: Under,
        /// What was asked for, shortened.
        asked: String,
        /// What was agreed.
        allowed: String,
    },
    /// The partners' nodes would spell identifiers differently, and match nothing.
    #[error("the partner's node speaks identity profile {theirs}; {} is made for {agreed}", contract.title())]
    WrongProfile {
        /// The contract.
        contract: Under,
        /// What the partner says it uses, shortened.
        theirs: String,
        /// What the contract says.
        agreed: String,
    },
    /// The contract does not list the dataset.
    #[error("{table} does not exist in {}", contract.title())]
    UnlistedDataset {
        /// The contract.
        contract: Under,
        /// The table.
        table: TableName,
        /// The datasets that are listed.
        listed: Vec<String>,
    },
    /// The contract lists a dataset that this node has not registered.
    #[error("this node has no dataset {}", table.dataset)]
    MissingDataset {
        /// The contract.
        contract: Under,
        /// The table.
        table: TableName,
    },
    /// The question has no table of this node, or none of the partner's.
    #[error("the question must have one table of {me} and one of a partner")]
    NotOurs {
        /// This node's name in the contract.
        me: String,
        /// The tables of the question.
        tables: String,
    },
    /// A column that does not exist for the partner.
    #[error("{column} does not exist in {}", contract.title())]
    UnlistedColumn {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
        /// The columns that are listed.
        listed: Vec<String>,
        /// The use that was wanted.
        wanted: ColumnUse,
    },
    /// A column used for something that was not agreed.
    #[error("{column} may be {}, not {}", done(&terms.uses), wanted.done())]
    ColumnUse {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
        /// The use that was wanted.
        wanted: ColumnUse,
        /// What the contract says about the column.
        terms: Box<ColumnTerms>,
    },
    /// A filter that would tell a fact about every match.
    #[error("{column} may not be filtered in a reveal")]
    RevealFilter {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
        /// Who would learn it.
        receiver: String,
        /// What the contract says about the column.
        terms: Box<ColumnTerms>,
    },
    /// A value that does not exist for the partner.
    #[error("{column} may only be compared, by = <> or IN, with values that {} lists", contract.title())]
    UnlistedValue {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
        /// The values that are listed.
        listed: Vec<String>,
    },
    /// A kind of question that was not agreed.
    #[error("{} does not allow {what}", contract.title())]
    NotAllowed {
        /// The contract.
        contract: Under,
        /// The kind of question.
        what: &'static str,
        /// The field that would allow it.
        mend: String,
        /// The kinds that are allowed.
        allowed: Vec<&'static str>,
    },
    /// A reveal to somebody else than was agreed.
    #[error("{} reveals matches to {to}, not to {asker}", contract.title())]
    RevealReceiver {
        /// The contract.
        contract: Under,
        /// Who asks.
        asker: String,
        /// Who may.
        to: String,
    },
    /// A partner's column in the answer of a reveal.
    #[error("{column} may not stand in the answer of a reveal")]
    RevealColumns {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
    },
    /// The owner has classed the column more strictly than the contract uses it.
    #[error("{column} is {class}, and may not be {}", wanted.done())]
    ForbiddenByClass {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
        /// The stricter of the contract's and the registration's class.
        class: ColumnClass,
        /// The use.
        wanted: ColumnUse,
    },
    /// The dataset is registered for another region than the contract says.
    #[error("{table} is registered for {registered}; {} says {agreed}", contract.title())]
    WrongRegion {
        /// The contract.
        contract: Under,
        /// The table.
        table: TableName,
        /// What the registration says.
        registered: String,
        /// What the contract says.
        agreed: String,
    },
    /// The dataset is registered for another population than the contract says: its budget would be another.
    #[error("{table} is registered for the population {registered}; {} says {agreed}", contract.title())]
    WrongPopulation {
        /// The contract.
        contract: Under,
        /// The table.
        table: Box<TableName>,
        /// What the registration says.
        registered: String,
        /// What the contract says.
        agreed: String,
    },
    /// Figures that cannot be computed, or not so.
    #[error(transparent)]
    Aggregate(#[from] AggregateError),
    /// A training job that was not agreed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Nothing to match by.
    #[error("{table} has none of the match keys of {}", contract.title())]
    NoMatchKey {
        /// The contract.
        contract: Under,
        /// The table.
        table: Box<TableName>,
        /// The contract's keys.
        keys: Vec<String>,
        /// The registered keys, as kind=column.
        registered: Vec<String>,
        /// The columns that the contract lists for matching.
        listed: Vec<String>,
    },
    /// A column of the own dataset that is not there.
    #[error("{table} has no column {column}")]
    NoOwnColumn {
        /// The own table.
        table: TableName,
        /// The column.
        column: String,
        /// What it is needed for.
        place: &'static str,
    },
    /// The column of consent is not yes or no.
    #[error("the consent column {column} of {table} is not true or false")]
    ConsentNotBoolean {
        /// The own table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// The question itself does not hold against the own data.
    #[error(transparent)]
    Question(#[from] QueryError),
}

impl PolicyError {
    /// Whether it comes from the columns of this node's own files, as they were when last looked at.
    pub fn is_about_own_columns(&self) -> bool {
        use QueryError::{KindsDiffer, UnknownColumn};
        matches!(
            self,
            Self::NoOwnColumn { .. }
                | Self::ConsentNotBoolean { .. }
                | Self::Question(UnknownColumn { .. } | KindsDiffer { .. })
        )
    }
}

/// `measured`, `filtered or grouped`.
fn done(uses: &std::collections::BTreeSet<ColumnUse>) -> String {
    let words: Vec<&str> = uses.iter().map(|usage| usage.done()).collect();
    list(&words).replace(" and ", " or ")
}

impl Refusal for PolicyError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoContract { .. } => "E-POLICY-NO-CONTRACT",
            Self::SeveralContracts { .. } => "E-POLICY-SEVERAL-CONTRACTS",
            Self::ContractUnknown { .. } => "E-POLICY-CONTRACT-UNKNOWN",
            Self::NotSigned { .. } => "E-POLICY-NOT-SIGNED",
            Self::Refused { .. } => "E-POLICY-CONTRACT-REFUSED",
            Self::NotStarted { .. } => "E-POLICY-NOT-STARTED",
            Self::Expired { .. } => "E-POLICY-EXPIRED",
            Self::Ended { .. } => "E-POLICY-CONTRACT-ENDED",
            Self::WrongPurpose { .. } => "E-POLICY-PURPOSE",
            Self::WrongProfile { .. } => "E-POLICY-PROFILE",
            Self::UnlistedDataset { .. } => "E-POLICY-DATASET",
            Self::MissingDataset { .. } => "E-POLICY-DATASET-MISSING",
            Self::NotOurs { .. } => "E-POLICY-NOT-OURS",
            Self::UnlistedColumn { .. } => "E-POLICY-COLUMN",
            Self::ColumnUse { .. } => "E-POLICY-COLUMN-USE",
            Self::RevealFilter { .. } => "E-POLICY-REVEAL-FILTER",
            Self::UnlistedValue { .. } => "E-POLICY-VALUE",
            Self::NotAllowed { .. } => "E-POLICY-NOT-ALLOWED",
            Self::RevealReceiver { .. } => "E-POLICY-REVEAL-RECEIVER",
            Self::RevealColumns { .. } => "E-POLICY-REVEAL-COLUMNS",
            Self::ForbiddenByClass { .. } => "E-POLICY-CLASS",
            Self::WrongRegion { .. } => "E-POLICY-REGION",
            Self::WrongPopulation { .. } => "E-POLICY-POPULATION",
            Self::Aggregate(error) => error.code(),
            Self::Train(error) => error.code(),
            Self::NoMatchKey { .. } => "E-POLICY-MATCH-KEY",
            Self::NoOwnColumn { .. } => "E-POLICY-OWN-COLUMN",
            Self::ConsentNotBoolean { .. } => "E-POLICY-CONSENT-COLUMN",
            Self::Question(error) => error.code(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Question(error) => error.class(),
            Self::Aggregate(error) => error.class(),
            Self::Train(error) => error.class(),
            _ => Class::Policy,
        }
    }

    fn details(&self) -> Vec<Detail> {
        details::of(self)
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::NotStarted { .. })
            || matches!(self, Self::Question(error) if error.retry_helps())
    }
}

impl PolicyError {
    fn under(&self) -> Option<&Under> {
        match self {
            Self::NotSigned { contract, .. }
            | Self::Refused { contract, .. }
            | Self::NotStarted { contract, .. }
            | Self::Expired { contract, .. }
            | Self::Ended { contract, .. }
            | Self::WrongPurpose { contract, .. }
            | Self::WrongProfile { contract, .. }
            | Self::UnlistedDataset { contract, .. }
            | Self::MissingDataset { contract, .. }
            | Self::UnlistedColumn { contract, .. }
            | Self::ColumnUse { contract, .. }
            | Self::RevealFilter { contract, .. }
            | Self::UnlistedValue { contract, .. }
            | Self::NotAllowed { contract, .. }
            | Self::RevealReceiver { contract, .. }
            | Self::RevealColumns { contract, .. }
            | Self::ForbiddenByClass { contract, .. }
            | Self::WrongRegion { contract, .. }
            | Self::WrongPopulation { contract, .. }
            | Self::NoMatchKey { contract, .. } => Some(contract),
            Self::NoContract { .. }
            | Self::SeveralContracts { .. }
            | Self::ContractUnknown { .. }
            | Self::NotOurs { .. }
            | Self::NoOwnColumn { .. }
            | Self::ConsentNotBoolean { .. }
            | Self::Aggregate(_)
            | Self::Train(_)
            | Self::Question(_) => None,
        }
    }
}
