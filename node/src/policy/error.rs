//! Why a question may not be asked, and the smallest change that would allow it.

use std::fmt;

use jiff::civil::Date;

use super::{
    ColumnClass, ColumnTerms, ColumnUse, Document, No, Values,
    contract::{filter_tells, list},
};
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
    #[error("{column} is compared with a value that {} does not list", contract.title())]
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

/// `measured`, `filtered or grouped`.
fn done(uses: &std::collections::BTreeSet<ColumnUse>) -> String {
    let words: Vec<&str> = uses.iter().map(|usage| usage.done()).collect();
    list(&words).replace(" and ", " or ")
}

/// What the contract says about a column, in a few words.
fn allowed(terms: &ColumnTerms) -> String {
    let mut parts: Vec<String> = terms.uses.iter().map(ToString::to_string).collect();
    match &terms.values {
        Values::Unlisted => {}
        Values::Public => parts.push("values public".to_owned()),
        Values::Listed(values) => parts.push(format!("values {}", some(values.iter().cloned()))),
    }
    if let Some((low, high)) = terms.bounds {
        parts.push(format!("bounds {low}–{high}"));
    }
    parts.join(", ")
}

/// At most ten of them.
fn some(items: impl IntoIterator<Item = String>) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    if items.is_empty() {
        return "none".to_owned();
    }
    if items.len() > 10 {
        let more = items.len() - 10;
        items.truncate(10);
        items.push(format!("and {more} more"));
    }
    items.join(", ")
}

/// The line of the contract that would allow one more use of a column.
fn with_use(column: &str, uses: impl IntoIterator<Item = ColumnUse>, terms: Option<&ColumnTerms>) -> String {
    let mut uses: Vec<ColumnUse> = uses.into_iter().collect();
    let missing = |usage, there: bool| uses.contains(&usage) && !there;
    let bounds = missing(ColumnUse::Measure, terms.is_some_and(|terms| terms.bounds.is_some()));
    let values = missing(ColumnUse::Group, terms.is_some_and(|terms| terms.values != Values::Unlisted));
    let old = terms.map(|terms| terms.uses.iter().copied()).into_iter().flatten();
    let mut all: Vec<ColumnUse> = old.collect();
    uses.retain(|usage| !all.contains(usage));
    all.append(&mut uses);
    let names: Vec<String> = all.iter().map(|usage| format!("\"{usage}\"")).collect();
    format!(
        "columns.{column}.use = [{}]{}{}",
        names.join(", "),
        if bounds { ", bounds = …" } else { "" },
        if values { ", values = …" } else { "" },
    )
}

fn must_sign(line: String, who: &str) -> Detail {
    Detail::new("would do", format!("{line}   ({who} must sign)"))
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
            Self::NoMatchKey { .. } => "E-POLICY-MATCH-KEY",
            Self::NoOwnColumn { .. } => "E-POLICY-OWN-COLUMN",
            Self::ConsentNotBoolean { .. } => "E-POLICY-CONSENT-COLUMN",
            Self::Question(error) => error.code(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Question(error) => error.class(),
            _ => Class::Policy,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let mut details: Vec<Detail> =
            self.under().map(|under| Detail::new("contract", under.to_string())).into_iter().collect();
        match self {
            Self::NoContract { near, .. } => {
                details.extend(near.iter().map(|near| Detail::new("near", near.clone())));
                details.push(Detail::new(
                    "would do",
                    "tacit contract propose, with both datasets   (all partners must sign)",
                ));
            }
            Self::SeveralContracts { contracts, .. } => {
                details.extend(contracts.iter().map(|contract| Detail::new("contract", contract.clone())));
                details.push(Detail::new("would do", "name one of them with --contract"));
            }
            Self::ContractUnknown { contracts, .. } => {
                details.push(Detail::new("contracts", some(contracts.iter().cloned())));
            }
            Self::NotSigned { missing, .. } => {
                details.push(Detail::new(
                    "would do",
                    format!("tacit contract accept   ({} must sign)", list(missing)),
                ));
            }
            Self::Refused { no, .. } | Self::Ended { no, .. } => {
                details.push(Detail::new("reason", no.reason.clone()));
                details.push(self.new_contract("a new contract".to_owned()));
            }
            Self::NotStarted { starts, .. } => {
                details.push(Detail::new("would do", format!("ask on {starts} or later (UTC)")));
            }
            Self::Expired { .. } => {
                details.push(self.new_contract("a new contract with a later end".to_owned()));
            }
            Self::WrongPurpose { asked, allowed, .. } => {
                details.push(Detail::new("allowed", allowed.clone()));
                details.push(self.new_contract(format!("a contract with purpose = \"{asked}\"")));
            }
            Self::WrongProfile { agreed, .. } => {
                details.push(Detail::new(
                    "rule",
                    "both nodes bring identifiers to one spelling, by one profile and version",
                ));
                details.push(Detail::new(
                    "would do",
                    format!("versions of Tacit on both sides that speak {agreed}"),
                ));
            }
            Self::UnlistedDataset { table, listed, .. } => {
                details.push(Detail::new("allowed", some(listed.iter().cloned())));
                details.push(must_sign(
                    format!("[[dataset]] owner = \"{}\", name = \"{}\", …", table.owner, table.dataset),
                    &table.owner,
                ));
            }
            Self::MissingDataset { table, .. } => {
                details.push(Detail::new(
                    "would do",
                    format!("tacit dataset add {} FILE --id KIND=COLUMN", table.dataset),
                ));
            }
            Self::NotOurs { me, tables } => {
                details.push(Detail::new("tables", tables.clone()));
                details.push(Detail::new(
                    "would do",
                    format!("FROM {me}.ours JOIN them.theirs USING (customer)"),
                ));
            }
            Self::UnlistedColumn { column, listed, wanted, .. } => {
                details.push(Detail::new(
                    "rule",
                    "a column that the contract does not list does not exist for the partner",
                ));
                details.push(Detail::new("allowed", some(listed.iter().cloned())));
                let uses = with_filter(*wanted);
                details.push(must_sign(with_use(&column.column, uses, None), &column.table.owner));
            }
            Self::ColumnUse { column, wanted, terms, .. } => {
                details.push(Detail::new("allowed", allowed(terms)));
                let uses = with_filter(*wanted);
                details.push(must_sign(with_use(&column.column, uses, Some(terms)), &column.table.owner));
            }
            Self::RevealFilter { column, receiver, terms, .. } => {
                details.push(Detail::new("rule", filter_tells(&column.column, receiver)));
                details.push(Detail::new("allowed", allowed(terms)));
                let line = with_use(&column.column, [ColumnUse::RevealFilter], Some(terms));
                details.push(must_sign(line, &column.table.owner));
            }
            Self::UnlistedValue { column, listed, .. } => {
                details.push(Detail::new("allowed", some(listed.iter().cloned())));
                details.push(must_sign(format!("columns.{}.values = …", column.column), &column.table.owner));
            }
            Self::NotAllowed { mend, allowed, .. } => {
                details.push(Detail::new("allowed", some(allowed.iter().map(|&kind| kind.to_owned()))));
                details.push(self.new_contract(mend.clone()));
            }
            Self::RevealReceiver { to, asker, .. } => {
                details.push(Detail::new("allowed", format!("{to} asks")));
                details.push(self.new_contract(format!("allow.reveal.to = \"{asker}\"")));
            }
            Self::RevealColumns { .. } => {
                details.push(Detail::new(
                    "rule",
                    "a reveal tells which of the asker's own customers match, and no column of the partner",
                ));
                details.push(Detail::new("would do", "SELECT customer, and columns of your own dataset"));
            }
            Self::ForbiddenByClass { column, class, .. } => {
                details.push(Detail::new("rule", class.rule()));
                details.push(Detail::new(
                    "would do",
                    format!("{} classes the column anew, if its law allows that", column.table.owner),
                ));
            }
            Self::WrongRegion { registered, .. } => {
                details.push(Detail::new("rule", "rows stay in the region that their owner has registered"));
                details.push(self.new_contract(format!("region = \"{registered}\"")));
            }
            Self::NoMatchKey { keys, registered, listed, .. } => {
                details.push(Detail::new("wanted", some(keys.iter().cloned())));
                details.push(Detail::new("registered", some(registered.iter().cloned())));
                details.push(Detail::new("listed", some(listed.iter().cloned())));
                details.push(Detail::new(
                    "would do",
                    "register a key of one of these kinds, whose column the contract lists for match",
                ));
            }
            Self::NoOwnColumn { place, .. } => {
                details.push(Detail::new("needed for", *place));
                details.push(Detail::new("would do", "tacit dataset show, to see the columns there are"));
            }
            Self::ConsentNotBoolean { .. } => {
                details.push(Detail::new(
                    "would do",
                    "a column of true and false, or consent = \"withdrawal-list\"",
                ));
            }
            Self::Question(error) => details.extend(error.details()),
        }
        details
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::NotStarted { .. })
            || matches!(self, Self::Question(error) if error.retry_helps())
    }
}

/// A reveal-filter cannot stand without filter.
fn with_filter(wanted: ColumnUse) -> Vec<ColumnUse> {
    if wanted == ColumnUse::RevealFilter { vec![ColumnUse::Filter, wanted] } else { vec![wanted] }
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
            | Self::NoMatchKey { contract, .. } => Some(contract),
            Self::NoContract { .. }
            | Self::SeveralContracts { .. }
            | Self::ContractUnknown { .. }
            | Self::NotOurs { .. }
            | Self::NoOwnColumn { .. }
            | Self::ConsentNotBoolean { .. }
            | Self::Question(_) => None,
        }
    }

    fn new_contract(&self, line: String) -> Detail {
        match self.under() {
            Some(under) => must_sign(line, &under.0.partners),
            None => Detail::new("would do", line),
        }
    }
}
