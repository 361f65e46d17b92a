//! What partners have agreed on: who may ask what of whose data, for what, until when.
//!
//! A person writes it in TOML; nodes sign and carry its canonical form. The attack this stops is the quiet
//! change: a contract is named by the hash of everything in it, including the signing keys of its partners
//! (their names are only how people call them), so nobody can alter a term, swap a partner or show two
//! partners two texts under one name. Editing it makes another contract, with another id, to be signed anew.
//!
//! # Canonical form
//!
//! JSON without white space, object keys in byte order, strings escaped as RFC 8259 requires and no further.
//! It has the fields of the TOML with these differences: `partners` lists `{"key": hex of the Ed25519 key,
//! "name": …}`; `dataset` is sorted by owner and name; `use`, `values`, `approval` and `models` are sorted;
//! every number is a string holding its shortest decimal form (no exponent, no trailing zeros); days are
//! `YYYY-MM-DD`; fields with a default are written out, optional fields that are not set are left out, and so are those
//! of `allow.train` but `models` and `approval` where they are at their default.
//! The id is SHA-256 over `tacit contract/1`, a line feed, and those bytes.

mod agree;
mod canonical;
mod check;
mod error;
mod fields;
mod names;
mod read;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::civil::Date;
use tacit_protocol::{
    identity::{KeyKind, Profile, Region},
    ids::{ContractId, PartnerId},
};

use super::Decimal;
use crate::query::TableName;

pub(super) use agree::filter_tells;
pub use agree::what_you_agree_to;
pub(super) use canonical::unhex;
pub use error::ContractError;
pub(crate) use fields::LARGEST;
pub use names::{Align, ColumnClass, ColumnUse, Metrics, Receiver, Weights};

/// A contract that is sound in itself: every rule about its terms has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Contract {
    id: ContractId,
    terms: Terms,
    partners: Vec<Partner>,
}

/// Who is bound by a contract.
#[derive(Clone, PartialEq, Eq)]
pub struct Partner {
    /// What the contract calls it; what SQL calls it.
    pub name: String,
    /// Its first public signing key (Ed25519); those that follow are handed over to.
    pub key: [u8; 32],
}

impl Partner {
    /// The id of the node: the hash of its first key.
    pub fn id(&self) -> PartnerId {
        crate::config::partner_id(&self.key)
    }
}

impl fmt::Debug for Partner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.id().short())
    }
}

/// The terms, as the TOML has them.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// What people call the contract.
    pub name: String,
    /// The partners, first named first.
    pub partners: Vec<String>,
    /// What answers may be used for.
    pub purpose: String,
    /// Why that is lawful, in words.
    pub legal_basis: Option<String>,
    /// The first day.
    pub starts: Date,
    /// The last day.
    pub ends: Date,
    /// How identifiers are matched.
    pub identity: IdentityTerms,
    /// What noise and limits hold.
    pub privacy: PrivacyTerms,
    /// The data, sorted by owner and name.
    pub datasets: Vec<DatasetTerms>,
    /// The kinds of question.
    pub allow: Allow,
}

/// `[identity]`
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityTerms {
    /// The rules that bring identifiers to one spelling.
    pub profile: Profile,
    /// The kinds of match key, strongest first: the first that matches wins.
    pub keys: Vec<KeyKind>,
    /// Where phone numbers without a country code are from.
    pub default_region: Option<Region>,
}

/// `[privacy]`; the unit is always the customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivacyTerms {
    /// ε for the whole life of the contract and per partner asking, in millionths.
    pub epsilon_micro: u64,
    /// δ, in units of 10⁻¹⁵.
    pub delta_femto: u64,
    /// The most ε for one question, in millionths.
    pub per_query_epsilon_micro: u64,
    /// A cap beside that of the whole life.
    pub period: Option<PeriodTerms>,
    /// Smaller noisy groups are suppressed; smaller sets are not answered on.
    pub min_group: u32,
    /// Who gets an answer.
    pub receiver: Receiver,
}

/// `period` and `period_epsilon`: what may be spent within each so many days, counted from the first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodTerms {
    /// How long it is.
    pub days: u32,
    /// ε within it and per partner asking, in millionths.
    pub epsilon_micro: u64,
}

/// `[[dataset]]`
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetTerms {
    /// The partner whose data it is.
    pub owner: String,
    /// The name that its owner registered.
    pub name: String,
    /// Which of its rows take part.
    pub consent: Consent,
    /// A region that the rows must not leave.
    pub region: Option<String>,
    /// Which of the owner's populations its customers are, if it has more than one.
    pub population: Option<String>,
    /// The columns that exist for the partners.
    pub columns: BTreeMap<String, ColumnTerms>,
}

impl DatasetTerms {
    /// `owner.name`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.owner, self.name)
    }

    /// Whether it is this table.
    pub fn is(&self, table: &TableName) -> bool {
        self.owner == table.owner && self.name == table.dataset
    }

    /// The population that its customers belong to.
    pub fn population(&self) -> &str {
        self.population.as_deref().unwrap_or(POPULATION)
    }
}

/// What a node's customers are called together, unless their owner tells several populations apart.
pub const POPULATION: &str = "customers";

/// Which rows take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// Those in which this boolean column is true, and that are not on the withdrawal list.
    Column(String),
    /// All that are not on the owner's withdrawal list.
    WithdrawalList,
}

/// One column and what partners may do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnTerms {
    /// The uses that are allowed.
    pub uses: BTreeSet<ColumnUse>,
    /// The values that partners may know of.
    pub values: Values,
    /// What a measure is clamped to.
    pub bounds: Option<(Decimal, Decimal)>,
    /// What a measure is rounded to before it is added up.
    pub step: Option<Decimal>,
    /// The edges of the public buckets that quantiles are read from.
    pub grid: Vec<Decimal>,
    /// How sensitive it is.
    pub class: ColumnClass,
}

/// What a contract says about a column's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// Nothing.
    Unlisted,
    /// Everybody knows them.
    Public,
    /// These are all there are, as far as partners are concerned.
    Listed(BTreeSet<String>),
}

/// `[allow]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// Noisy figures over one partner's table.
    pub aggregate: bool,
    /// Noisy figures over the overlap.
    pub join: bool,
    /// One partner learns which of its own customers match.
    pub reveal: Option<RevealTerms>,
    /// Learning together.
    pub train: Option<TrainTerms>,
    /// Partners may see figures about the quality of each other's data.
    pub quality: bool,
    /// Rows of different regions may meet.
    pub cross_region: bool,
}

/// `reveal = { … }`; columns of the partner are never revealed by this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevealTerms {
    /// Who learns it.
    pub to: String,
    /// At whose side a person approves each run.
    pub approval: BTreeSet<String>,
}

/// `train = { … }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainTerms {
    /// The kinds of model.
    pub models: BTreeSet<String>,
    /// At whose side a person approves each job.
    pub approval: BTreeSet<String>,
    /// How rows of different columns find each other.
    pub align: Align,
    /// Who gets the weights.
    pub weights: Weights,
    /// Who gets scores of single customers, if anybody does.
    pub score: Option<String>,
    /// Who learns how good a model over different columns is.
    pub metrics: Metrics,
    /// The fewest partners whose rows may be added up.
    pub cohort: u32,
    /// Whether a job may add no noise: then weights can tell of single customers.
    pub without_noise: bool,
    /// Whether a job may show, under noise, how the model does on each partner's customers and what it adds.
    pub leave_one_out: bool,
    /// The most rounds of one job.
    pub rounds: u32,
}

impl TrainTerms {
    /// The fewest partners whose rows may be added up: of two, each would see the other's by subtracting its own.
    pub const COHORT: u32 = 3;
    /// The most rounds, where a contract does not say.
    pub const ROUNDS: u32 = 30;
}

impl Terms {
    /// Reads the TOML that a person wrote, and checks all that can be checked without knowing the partners.
    ///
    /// # Errors
    ///
    /// [`ContractError`], naming the field and the mend.
    pub fn of_toml(text: &str) -> Result<Self, ContractError> {
        let (terms, _) = read::read(fields::Node::of_toml(text)?, read::Form::Toml)?;
        check::check(&terms)?;
        Ok(terms)
    }

    /// The terms of one dataset.
    pub fn dataset(&self, owner: &str, name: &str) -> Option<&DatasetTerms> {
        self.datasets.iter().find(|dataset| dataset.owner == owner && dataset.name == name)
    }
}

impl Contract {
    /// Binds terms to the keys of their partners, in the order in which the terms name them.
    ///
    /// # Errors
    ///
    /// [`ContractError::StrangerNamed`] when `key_of` does not know a partner; whatever the terms break.
    pub fn bind(terms: Terms, key_of: &dyn Fn(&str) -> Option<[u8; 32]>) -> Result<Self, ContractError> {
        let bind = |name: &String| match key_of(name) {
            Some(key) => Ok(Partner { name: name.clone(), key }),
            None => Err(ContractError::StrangerNamed { name: name.clone() }),
        };
        let partners = terms.partners.iter().map(bind).collect::<Result<Vec<_>, _>>()?;
        Self::new(terms, partners)
    }

    /// Reads the canonical form, or any JSON with the same content.
    pub(super) fn of_json(value: &serde_json::Value) -> Result<Self, ContractError> {
        let (terms, partners) = read::read(fields::Node::of_json(value), read::Form::Json)?;
        Self::new(terms, partners)
    }

    fn new(terms: Terms, partners: Vec<Partner>) -> Result<Self, ContractError> {
        check::check(&terms)?;
        // One key under two names could sign for both.
        for (at, partner) in partners.iter().enumerate() {
            if partners[..at].iter().any(|other| other.key == partner.key) {
                return Err(ContractError::Twice {
                    field: "partners".to_owned(),
                    name: format!("the key of {}", partner.name),
                });
            }
        }
        let id = canonical::id(&canonical::json(&terms, &partners));
        Ok(Self { id, terms, partners })
    }

    /// SHA-256 of the canonical form.
    pub const fn id(&self) -> ContractId {
        self.id
    }

    /// The terms.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Who is bound, in the order of the terms.
    pub fn partners(&self) -> &[Partner] {
        &self.partners
    }

    /// The partner with this id.
    pub fn partner(&self, id: &PartnerId) -> Option<&Partner> {
        self.partners.iter().find(|partner| partner.id() == *id)
    }

    /// The canonical form.
    pub fn canonical(&self) -> String {
        canonical::text(&canonical::json(&self.terms, &self.partners))
    }

    /// Name and the start of the id: `maternal-offers (7f3a52c1…)`.
    pub fn title(&self) -> String {
        format!("{} ({}…)", self.terms.name, self.id.short())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        canonical::json(&self.terms, &self.partners)
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<T: AsRef<str>>(names: &[T]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}
