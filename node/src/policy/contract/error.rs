//! Why a contract cannot be made, taken in or signed.

use crate::{
    config::FileError,
    report::{Class, Detail, Refusal},
};

use super::{ColumnClass, ColumnUse};

/// A contract that says something impossible, or a document that does not say what it seems to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// Larger than any contract.
    #[error("a contract has at most {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// Not TOML.
    #[error("line {line} of the contract is not TOML: {problem}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What the reader says.
        problem: String,
    },
    /// A field that contracts do not have.
    #[error("{field} is not a field of a contract")]
    UnknownField {
        /// Its full name.
        field: String,
        /// What may have been meant.
        nearest: Option<String>,
        /// What could stand there.
        known: String,
    },
    /// A field that every contract has.
    #[error("{field} is missing")]
    Missing {
        /// Its full name.
        field: String,
        /// What could stand there.
        example: &'static str,
    },
    /// A text where a number should be, and the like.
    #[error("{field} must be {wanted}, and is {found}")]
    WrongKind {
        /// Its full name.
        field: String,
        /// What it should be.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A value outside what makes sense.
    #[error("{field} cannot be {found}")]
    OutOfRange {
        /// Its full name.
        field: String,
        /// What stands there, shortened.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A name that is none of the choices.
    #[error("{field} cannot be {found}")]
    NotAChoice {
        /// Its full name.
        field: String,
        /// What stands there, shortened.
        found: String,
        /// The choices, or the reason.
        choices: String,
    },
    /// The same thing named twice.
    #[error("{field} names {name} twice")]
    Twice {
        /// Its full name.
        field: String,
        /// The thing.
        name: String,
    },
    /// Somebody who is no partner of this contract.
    #[error("{field} names {name}, who is not a partner in this contract")]
    NotAPartner {
        /// Its full name.
        field: String,
        /// The name.
        name: String,
        /// The partners.
        partners: String,
    },
    /// It would be over before it begins.
    #[error("the contract ends on {ends}, before it starts on {starts}")]
    DatesReversed {
        /// First day.
        starts: jiff::civil::Date,
        /// Last day.
        ends: jiff::civil::Date,
    },
    /// A use that needs something else beside it.
    #[error("{column} lists {usage} without {needs}")]
    UseNeeds {
        /// owner.dataset.column
        column: String,
        /// The use.
        usage: ColumnUse,
        /// What is missing.
        needs: &'static str,
        /// What to write.
        mend: String,
    },
    /// A column's class does not let it be used so.
    #[error("{column} is {class}, and may not be listed for {usage}")]
    ClassForbids {
        /// owner.dataset.column
        column: String,
        /// Its class.
        class: ColumnClass,
        /// The use.
        usage: ColumnUse,
    },
    /// Datasets of different regions would meet.
    #[error("{left} and {right} have different regions, and the contract lets them meet")]
    RegionsMeet {
        /// owner.dataset (region)
        left: String,
        /// owner.dataset (region)
        right: String,
    },
    /// A dataset that nothing could ever match on.
    #[error("{dataset} lists no column for matching, and the contract lets it be joined")]
    NothingToMatch {
        /// owner.dataset
        dataset: String,
    },
    /// Nothing is allowed, or there is nothing to allow it on.
    #[error("the contract allows nothing")]
    AllowsNothing,
    /// Known, wanted, not built yet.
    #[error("{field}: {what} come in a later version of Tacit")]
    NotOffered {
        /// Its full name.
        field: &'static str,
        /// What was asked for.
        what: &'static str,
        /// What works now.
        mend: &'static str,
    },
    /// A partner whose card this node does not have.
    #[error("this node does not know who {name} is")]
    StrangerNamed {
        /// The name in the contract.
        name: String,
    },
    /// A partner stands in it under a name that is another's here, or nobody's.
    #[error("the contract calls {contract_name} the node that is known here as {known_name}")]
    MisnamedPartner {
        /// The name in the contract.
        contract_name: String,
        /// The name on its card.
        known_name: String,
    },
    /// More proposals than a person can look at.
    #[error("{limit} proposals wait here already, unsigned")]
    TooMany {
        /// How many are kept.
        limit: usize,
    },
    /// This node is not in it.
    #[error("this node is not a partner in {contract}")]
    NotOurs {
        /// Name and short id.
        contract: String,
    },
    /// The document is damaged, or was altered.
    #[error("the contract document is not genuine: {problem}")]
    NotGenuine {
        /// What does not fit.
        problem: &'static str,
    },
    /// A statement under a key that was handed over since, and not from whoever made it.
    #[error("a statement of {partner} is signed with a key that was handed over")]
    RetiredKey {
        /// Whose.
        partner: String,
    },
    /// The document is of a later version.
    #[error("the contract document has form {found}, which this version of Tacit does not read")]
    UnknownForm {
        /// What stands there, shortened.
        found: String,
    },
    /// No contract by that name or id.
    #[error("there is no contract {wanted}")]
    NotFound {
        /// What was asked for, shortened.
        wanted: String,
        /// What there is.
        contracts: Vec<String>,
    },
    /// More than one contract by that name or start of an id.
    #[error("{wanted} can mean more than one contract")]
    Ambiguous {
        /// What was asked for, shortened.
        wanted: String,
        /// What fits.
        contracts: Vec<String>,
    },
    /// Signing, refusing or ending that does not fit the state it is in.
    #[error("{contract} cannot be {what}: {because}")]
    WrongState {
        /// Name and short id.
        contract: String,
        /// proposed, accepted, refused, ended
        what: &'static str,
        /// Why not.
        because: String,
    },
    /// A reason is part of the record.
    #[error("a reason is needed: at most 500 characters, on one line")]
    BadReason,
    /// Something with the files.
    #[error("the contracts of this node cannot be kept")]
    File(#[source] FileError),
    /// A stored contract cannot be read again.
    #[error("the stored contract {file} cannot be read")]
    Damaged {
        /// The file's name.
        file: String,
        /// Why.
        #[source]
        cause: Box<ContractError>,
    },
}

impl Refusal for ContractError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "E-CONTRACT-TOO-LARGE",
            Self::Syntax { .. } => "E-CONTRACT-SYNTAX",
            Self::UnknownField { .. } => "E-CONTRACT-UNKNOWN-FIELD",
            Self::Missing { .. } => "E-CONTRACT-MISSING-FIELD",
            Self::WrongKind { .. } | Self::OutOfRange { .. } | Self::NotAChoice { .. } => "E-CONTRACT-VALUE",
            Self::Twice { .. } => "E-CONTRACT-TWICE",
            Self::NotAPartner { .. } => "E-CONTRACT-NOT-A-PARTNER",
            Self::DatesReversed { .. } => "E-CONTRACT-DATES",
            Self::UseNeeds { .. } => "E-CONTRACT-COLUMN-USE",
            Self::ClassForbids { .. } => "E-CONTRACT-CLASS",
            Self::RegionsMeet { .. } => "E-CONTRACT-REGION",
            Self::NothingToMatch { .. } => "E-CONTRACT-NOTHING-TO-MATCH",
            Self::AllowsNothing => "E-CONTRACT-ALLOWS-NOTHING",
            Self::NotOffered { .. } => "E-NOT-IN-THIS-VERSION",
            Self::StrangerNamed { .. } => "E-CONTRACT-STRANGER",
            Self::MisnamedPartner { .. } => "E-CONTRACT-NAME",
            Self::TooMany { .. } => "E-CONTRACT-TOO-MANY",
            Self::NotOurs { .. } => "E-CONTRACT-NOT-OURS",
            Self::NotGenuine { .. } => "E-CONTRACT-NOT-GENUINE",
            Self::RetiredKey { .. } => "E-CONTRACT-KEY-RETIRED",
            Self::UnknownForm { .. } => "E-CONTRACT-FORM",
            Self::NotFound { .. } => "E-CONTRACT-NOT-FOUND",
            Self::Ambiguous { .. } => "E-CONTRACT-AMBIGUOUS",
            Self::WrongState { .. } => "E-CONTRACT-STATE",
            Self::BadReason => "E-CONTRACT-REASON",
            Self::File(error) => error.code(),
            Self::Damaged { .. } => "E-CONTRACT-DAMAGED",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::File(_) | Self::Damaged { .. } => Class::Failed,
            Self::TooMany { .. } => Class::Policy,
            _ => Class::Usage,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let would_do = |text: String| vec![Detail::new("would do", text)];
        match self {
            Self::TooLarge { .. } => {
                would_do("keep long texts outside the contract, and name them in it".into())
            }
            Self::Syntax { .. } => would_do("texts in \"quotes\", days as 2026-12-01, lists in [ ]".into()),
            Self::UnknownField { nearest: Some(nearest), .. } => would_do(nearest.clone()),
            Self::UnknownField { known, .. } => vec![Detail::new("allowed", known.clone())],
            Self::Missing { example, .. } => would_do((*example).into()),
            Self::WrongKind { .. } => Vec::new(),
            Self::OutOfRange { allowed, .. } => vec![Detail::new("allowed", *allowed)],
            Self::NotAChoice { choices, .. } => vec![Detail::new("allowed", choices.clone())],
            Self::Twice { .. } => would_do("name it once".into()),
            Self::NotAPartner { partners, .. } => vec![Detail::new("partners", partners.clone())],
            Self::DatesReversed { starts, .. } => would_do(format!("ends on {starts} or later")),
            Self::UseNeeds { mend, .. } => would_do(mend.clone()),
            Self::ClassForbids { class, .. } => vec![
                Detail::new("rule", class.rule()),
                Detail::new(
                    "would do",
                    "list it for match alone, leave it out, or have its owner class it anew",
                ),
            ],
            Self::RegionsMeet { .. } => vec![
                Detail::new(
                    "rule",
                    "rows of a region meet only rows of that region, unless all partners say otherwise",
                ),
                Detail::new("would do", "allow.cross_region = true, after the lawyers have looked at it"),
            ],
            Self::NothingToMatch { .. } => {
                would_do("columns.tel = { use = [\"match\"] }, for each column that holds a match key".into())
            }
            Self::AllowsNothing => {
                would_do("reveal = { to = \"…\", columns = [], approval = [\"…\"] }".into())
            }
            Self::NotOffered { mend, .. } => would_do((*mend).into()),
            Self::StrangerNamed { name } => would_do(format!("tacit partner add {name}.card")),
            Self::MisnamedPartner { known_name, .. } => vec![
                Detail::new(
                    "rule",
                    "a name in a contract is the name on the card: whoever signs must know whom with",
                ),
                Detail::new("would do", format!("a contract that calls it {known_name}")),
            ],
            Self::TooMany { .. } => would_do("tacit contract refuse, for those that nobody wants".into()),
            Self::NotOurs { .. } => would_do("a contract that names this node's own key".into()),
            Self::NotGenuine { .. } => would_do("ask the partner for the document again".into()),
            Self::RetiredKey { partner } => {
                would_do(format!("have {partner}'s node hand it over itself, while both nodes run"))
            }
            Self::UnknownForm { .. } => would_do("install the version of Tacit that the partner has".into()),
            Self::NotFound { contracts, .. } | Self::Ambiguous { contracts, .. } => {
                let list = if contracts.is_empty() { "none yet".into() } else { contracts.join(", ") };
                vec![Detail::new("contracts", list)]
            }
            Self::WrongState { .. } => Vec::new(),
            Self::BadReason => would_do("--reason \"the campaign is over\"".into()),
            Self::File(error) => error.details(),
            Self::Damaged { .. } => {
                would_do("import the document again from the partner, after moving the file away".into())
            }
        }
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::File(error) if error.retry_helps())
    }
}
