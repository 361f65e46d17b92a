//! Yes, or exactly why not.
//!
//! Both nodes walk through this with the same question and the same contract: the asker's, so that it does
//! not ask what would be refused; the answerer's, because it does not believe the asker. What comes out is the
//! only thing that the rooms behind accept, and only [`permit`] can make it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use tacit_protocol::{
    identity::KeyKind,
    ids::{ContractId, PartnerId},
};

use super::{
    ColumnUse, Consent, Contract, DatasetFacts, DatasetTerms, Datasets, Document, Partner, PolicyError,
    State, Terms, Values, contract::filter_tells, error::Under, own,
};
use crate::query::{Ask, ColumnName, Filter, Parsed, TableName, Usage};

/// On which side of the question this node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It asks.
    Asker,
    /// It is asked.
    Answerer {
        /// By whom, as the link has proven.
        from: PartnerId,
    },
}

/// The circumstances of a question.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// This node.
    pub me: PartnerId,
    /// Its side.
    pub role: Role,
    /// The contract, by name or start of its id; an answerer is told the whole id by the asker.
    pub contract: Option<&'a str>,
    /// What the answer is for; the contract's purpose when left out.
    pub purpose: Option<&'a str>,
    /// The identity profile that the other node says it uses for this question.
    pub peer_profile: Option<&'a str>,
    /// Today (UTC), see [`day`](super::day).
    pub today: Date,
}

/// A question that the contract, both partners and this node's data say yes to.
#[derive(Debug, Clone)]
pub struct Permitted {
    parsed: Parsed,
    document: Document,
    role: Role,
    me: String,
    partner: Partner,
    own: Option<OwnSide>,
    theirs: Option<TableName>,
    approvals: Vec<String>,
    tells: Vec<String>,
}

/// This node's half of the question.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnSide {
    /// The own table.
    pub table: TableName,
    /// The condition on its rows.
    pub filter: Option<Filter>,
    /// Which of its rows take part.
    pub consent: Consent,
    /// The match keys with their columns, strongest first.
    pub keys: Vec<(KeyKind, String)>,
    /// The own columns that go into the answer beside the customer: column and label.
    pub shown: Vec<(String, String)>,
}

impl Permitted {
    /// The question.
    pub const fn parsed(&self) -> &Parsed {
        &self.parsed
    }

    /// The contract's id.
    pub const fn contract_id(&self) -> ContractId {
        self.document.contract().id()
    }

    /// The contract's terms.
    pub const fn terms(&self) -> &Terms {
        self.document.contract().terms()
    }

    /// The contract.
    pub const fn contract(&self) -> &Contract {
        self.document.contract()
    }

    /// On which side this node stands.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// This node's name in the contract.
    pub fn me(&self) -> &str {
        &self.me
    }

    /// The other partner: its name in the contract and its key.
    pub const fn partner(&self) -> &Partner {
        &self.partner
    }

    /// The asker's name in the contract.
    pub fn asker(&self) -> &str {
        match self.role {
            Role::Asker => &self.me,
            Role::Answerer { .. } => &self.partner.name,
        }
    }

    /// This node's half; `None` only where the question is about the partner's table alone.
    pub const fn own(&self) -> Option<&OwnSide> {
        self.own.as_ref()
    }

    /// The partner's table, if the question has one.
    pub const fn theirs(&self) -> Option<&TableName> {
        self.theirs.as_ref()
    }

    /// What the answer is for.
    pub fn purpose(&self) -> &str {
        &self.terms().purpose
    }

    /// At whose side a person has to approve this run, by their names in the contract.
    pub fn approvals(&self) -> &[String] {
        &self.approvals
    }

    /// Whether a person at this node has to approve this run.
    pub fn needs_own_approval(&self) -> bool {
        self.approvals.contains(&self.me)
    }

    /// What the run tells the asker about each match, a sentence a line.
    pub fn tells(&self) -> &[String] {
        &self.tells
    }

    /// The question as it is put to the partner.
    pub fn question_for_partner(&self) -> String {
        self.parsed.for_partner(&self.partner.name)
    }
}

/// Holds a question against the contracts and the own data.
///
/// # Errors
///
/// [`PolicyError`]: the first rule that says no, in the order contract, state, purpose, kind of question,
/// columns, own data.
pub fn permit(
    parsed: Parsed,
    at: &Circumstances,
    contracts: &[Document],
    datasets: &dyn Datasets,
) -> Result<Permitted, PolicyError> {
    let document = choose(&parsed, at, contracts)?;
    let rules = Rules::new(document, &parsed, at)?;
    rules.in_force(at.today)?;
    rules.purpose(at.purpose)?;
    rules.profile(at.peer_profile)?;
    rules.kind_of_question()?;
    rules.partners_columns(datasets)?;
    let own = rules.own_side(datasets)?;
    let (approvals, tells) = rules.people();
    let Rules { me, partner, document, theirs, .. } = rules;
    let (me, partner, theirs, document) = (me.to_owned(), partner.clone(), theirs.cloned(), document.clone());
    Ok(Permitted { parsed, document, role: at.role, me, partner, own, theirs, approvals, tells })
}

fn named(parsed: &Parsed) -> String {
    parsed.tables().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// Finds the one contract that the question falls under.
fn choose<'a>(
    parsed: &Parsed,
    at: &Circumstances,
    contracts: &'a [Document],
) -> Result<&'a Document, PolicyError> {
    // Between these partners: this node, the one that asks, and every owner of a table.
    let between = |document: &&Document| {
        let contract = document.contract();
        let has = |owner: &str| contract.terms().partners.iter().any(|name| name == owner);
        let from = match at.role {
            Role::Asker => true,
            Role::Answerer { from } => contract.partner(&from).is_some(),
        };
        contract.partner(&at.me).is_some() && from && parsed.tables().all(|table| has(&table.owner))
    };
    let covers = |document: &&Document| {
        let terms = document.contract().terms();
        parsed.tables().all(|table| terms.dataset(&table.owner, &table.dataset).is_some())
    };
    let title = |document: &&Document| document.contract().title();
    let fitting: Vec<&Document> = contracts.iter().filter(between).collect();
    if let Some(wanted) = at.contract {
        let called: Vec<&Document> =
            fitting.iter().copied().filter(|document| document.is_called(wanted)).collect();
        return match (called.as_slice(), one(&called, at.today)) {
            ([], _) => Err(PolicyError::ContractUnknown {
                wanted: shown(wanted),
                contracts: fitting.iter().map(title).collect(),
            }),
            (_, Some(document)) => Ok(document),
            _ => Err(PolicyError::SeveralContracts {
                tables: named(parsed),
                contracts: called.iter().map(title).collect(),
            }),
        };
    }
    let covering: Vec<&Document> = fitting.iter().copied().filter(covers).collect();
    match (covering.as_slice(), fitting.as_slice()) {
        // The one contract between them may lack just this dataset: `Rules` says so better.
        ([], [only]) => Ok(only),
        ([], several) => Err(PolicyError::NoContract {
            tables: named(parsed),
            near: several
                .iter()
                .map(|document| {
                    let datasets = document.contract().terms().datasets.iter();
                    let datasets: Vec<String> = datasets.map(DatasetTerms::full_name).collect();
                    format!("{}: {}", title(document), datasets.join(", "))
                })
                .collect(),
        }),
        _ => one(&covering, at.today).ok_or_else(|| PolicyError::SeveralContracts {
            tables: named(parsed),
            contracts: covering.iter().map(title).collect(),
        }),
    }
}

/// The only one, or the only one in force, or the only one that is not over.
fn one<'a>(documents: &[&'a Document], today: Date) -> Option<&'a Document> {
    let only = |keep: &dyn Fn(State) -> bool| {
        let mut kept = documents.iter().filter(|document| keep(document.state(today)));
        match (kept.next(), kept.next()) {
            (Some(only), None) => Some(Some(*only)),
            (None, _) => None,
            (Some(_), Some(_)) => Some(None),
        }
    };
    only(&|state| state == State::InForce)
        .or_else(|| only(&|state| matches!(state, State::Upcoming | State::Proposed { .. })))
        .or_else(|| only(&|_| true))
        .flatten()
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// One question under one contract.
struct Rules<'a> {
    document: &'a Document,
    parsed: &'a Parsed,
    role: Role,
    me: &'a str,
    partner: &'a Partner,
    ours: Option<&'a DatasetTerms>,
    theirs: Option<&'a TableName>,
}

impl<'a> Rules<'a> {
    /// Finds out who is who, and that the contract has the tables.
    fn new(document: &'a Document, parsed: &'a Parsed, at: &Circumstances) -> Result<Self, PolicyError> {
        let contract = document.contract();
        let not_ours = || PolicyError::NotOurs {
            me: contract.partner(&at.me).map_or_else(String::new, |me| me.name.clone()),
            tables: named(parsed),
        };
        let me = &contract.partner(&at.me).ok_or_else(not_ours)?.name;
        let theirs = parsed.tables().find(|table| table.owner != *me);
        // An asker reaches the owner of the other table; an answerer is reached by whom the link says.
        let partner = match at.role {
            Role::Asker => {
                let owner = &theirs.ok_or_else(not_ours)?.owner;
                contract.partners().iter().find(|partner| partner.name == *owner)
            }
            Role::Answerer { from } => contract.partner(&from),
        };
        let partner = partner.filter(|partner| partner.name != *me).ok_or_else(not_ours)?;
        // An answerer answers about its own data, and joins it with the asker's and nobody else's.
        let own = parsed.table_of(me);
        let joined = parsed.tables().count() > 1;
        if (joined || matches!(at.role, Role::Answerer { .. })) && own.is_none()
            || theirs.is_some_and(|table| table.owner != partner.name)
        {
            return Err(not_ours());
        }
        let terms = contract.terms();
        for table in parsed.tables() {
            if terms.dataset(&table.owner, &table.dataset).is_none() {
                return Err(PolicyError::UnlistedDataset {
                    contract: Under::of(document),
                    table: table.clone(),
                    listed: terms.datasets.iter().map(DatasetTerms::full_name).collect(),
                });
            }
        }
        let ours = own.and_then(|table| terms.dataset(me, &table.dataset));
        Ok(Self { document, parsed, role: at.role, me, partner, ours, theirs })
    }

    fn terms(&self) -> &'a Terms {
        self.document.contract().terms()
    }

    fn under(&self) -> Under {
        Under::of(self.document)
    }

    fn asker(&self) -> &'a str {
        match self.role {
            Role::Asker => self.me,
            Role::Answerer { .. } => &self.partner.name,
        }
    }

    fn in_force(&self, today: Date) -> Result<(), PolicyError> {
        let contract = self.under();
        Err(match self.document.state(today) {
            State::InForce => return Ok(()),
            State::Proposed { missing, .. } => PolicyError::NotSigned { contract, missing },
            State::Refused(no) => PolicyError::Refused { contract, no },
            State::Upcoming => PolicyError::NotStarted { contract, starts: self.terms().starts },
            State::Expired => PolicyError::Expired { contract, ends: self.terms().ends },
            State::Ended(no) => PolicyError::Ended { contract, no },
        })
    }

    fn purpose(&self, asked: Option<&str>) -> Result<(), PolicyError> {
        match asked {
            Some(asked) if asked != self.terms().purpose => Err(PolicyError::WrongPurpose {
                contract: self.under(),
                asked: shown(asked),
                allowed: self.terms().purpose.clone(),
            }),
            _ => Ok(()),
        }
    }

    fn profile(&self, theirs: Option<&str>) -> Result<(), PolicyError> {
        let agreed = self.terms().identity.profile.name();
        match theirs {
            Some(theirs) if theirs != agreed => Err(PolicyError::WrongProfile {
                contract: self.under(),
                theirs: shown(theirs),
                agreed: agreed.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn kind_of_question(&self) -> Result<(), PolicyError> {
        let allow = &self.terms().allow;
        let refused = |what, mend: &str| {
            let kinds = [
                (allow.aggregate, "noisy figures over one table"),
                (allow.join, "noisy figures over the overlap"),
                (allow.reveal.is_some(), "reveals"),
            ];
            Err(PolicyError::NotAllowed {
                contract: self.under(),
                what,
                mend: mend.to_owned(),
                allowed: kinds.into_iter().filter_map(|(allowed, kind)| allowed.then_some(kind)).collect(),
            })
        };
        match (self.parsed.ask(), &allow.reveal) {
            (Ask::Aggregate(_), _) if !allow.aggregate => {
                refused("noisy figures over one partner's table", "allow.aggregate = true")
            }
            (Ask::Join(_), _) if !allow.join => {
                refused("noisy figures over the overlap", "allow.join = true")
            }
            (Ask::Reveal(_), None) => refused(
                "a reveal",
                &format!(
                    "allow.reveal = {{ to = \"{}\", columns = [], approval = […] }}, or SELECT COUNT(*)",
                    self.asker()
                ),
            ),
            (Ask::Reveal(_), Some(reveal)) if reveal.to != self.asker() => Err(PolicyError::RevealReceiver {
                contract: self.under(),
                asker: self.asker().to_owned(),
                to: reveal.to.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Every use of a column by somebody who is not its owner.
    fn partners_columns(&self, datasets: &dyn Datasets) -> Result<(), PolicyError> {
        let mut facts: BTreeMap<String, Option<DatasetFacts>> = BTreeMap::new();
        for (column, usage) in self.parsed.uses() {
            // The asker is free with its own columns: it sees them anyway, and nobody else sees what it does.
            if column.table.owner == self.asker() {
                continue;
            }
            let own = (column.table.owner == self.me)
                .then(|| {
                    let name = &column.table.dataset;
                    facts.entry(name.clone()).or_insert_with(|| datasets.dataset(name)).as_ref()
                })
                .flatten();
            self.partners_column(&column, usage, own)?;
        }
        Ok(())
    }

    fn partners_column(
        &self,
        column: &ColumnName,
        usage: Usage,
        own: Option<&DatasetFacts>,
    ) -> Result<(), PolicyError> {
        let contract = || self.under();
        let reveal = matches!(self.parsed.ask(), Ask::Reveal(_));
        let wanted = match usage {
            Usage::Filter if reveal => ColumnUse::RevealFilter,
            Usage::Filter => ColumnUse::Filter,
            Usage::Group => ColumnUse::Group,
            Usage::Measure => ColumnUse::Measure,
            Usage::Show => {
                return Err(PolicyError::RevealColumns { contract: contract(), column: column.clone() });
            }
        };
        let dataset = self.terms().dataset(&column.table.owner, &column.table.dataset);
        let Some(terms) = dataset.and_then(|dataset| dataset.columns.get(&column.column)) else {
            return Err(PolicyError::UnlistedColumn {
                contract: contract(),
                column: column.clone(),
                listed: dataset.map_or_else(Vec::new, |dataset| dataset.columns.keys().cloned().collect()),
                wanted,
            });
        };
        if !terms.uses.contains(&wanted) {
            let (column, terms) = (column.clone(), Box::new(terms.clone()));
            let filterable = terms.uses.contains(&ColumnUse::Filter);
            return Err(if wanted == ColumnUse::RevealFilter && filterable {
                let receiver = self.asker().to_owned();
                PolicyError::RevealFilter { contract: contract(), column, receiver, terms }
            } else {
                PolicyError::ColumnUse { contract: contract(), column, wanted, terms }
            });
        }
        let class = own.map_or(terms.class, |facts| facts.class(&column.column, terms));
        if !class.permits(wanted) {
            return Err(PolicyError::ForbiddenByClass {
                contract: contract(),
                column: column.clone(),
                class,
                wanted,
            });
        }
        if let Values::Listed(listed) = &terms.values
            && let Some(filter) = self.parsed.filter_of(&column.table.owner)
            && filter.tested(&column.column).iter().any(|literal| !listed.contains(&literal.plain()))
        {
            return Err(PolicyError::UnlistedValue {
                contract: contract(),
                column: column.clone(),
                listed: listed.iter().cloned().collect(),
            });
        }
        Ok(())
    }

    /// This node's half, held against its registration.
    fn own_side(&self, datasets: &dyn Datasets) -> Result<Option<OwnSide>, PolicyError> {
        let Some(terms) = self.ours else { return Ok(None) };
        let (facts, keys) = own::fits(self.document, terms, datasets)?;
        let table = TableName::new(&terms.owner, &terms.name);
        // What the asker looks for among its own customers does not concern an answerer, and is not sent to it.
        let filter = self.parsed.filter_of(self.me).cloned();
        if let Some(filter) = &filter {
            filter.check(&table, &|column| facts.columns.get(column).copied())?;
        }
        let mut shown = Vec::new();
        if let Ask::Reveal(reveal) = self.parsed.ask()
            && self.role == Role::Asker
        {
            for output in &reveal.outputs {
                let Some(column) = &output.column else { continue };
                if !facts.columns.contains_key(&column.column) {
                    return Err(PolicyError::NoOwnColumn {
                        table,
                        column: column.column.clone(),
                        place: "the answer",
                    });
                }
                shown.push((column.column.clone(), output.label.clone()));
            }
        }
        Ok(Some(OwnSide { table, filter, consent: terms.consent.clone(), keys, shown }))
    }

    /// Who has to approve, and what they approve of.
    fn people(&self) -> (Vec<String>, Vec<String>) {
        let (Ask::Reveal(_), Some(reveal)) = (self.parsed.ask(), &self.terms().allow.reveal) else {
            return (Vec::new(), Vec::new());
        };
        // Of several partners in the contract, those that this question is about.
        let here = |name: &&String| **name == self.me || **name == self.partner.name;
        let approvals = reveal.approval.iter().filter(here).cloned().collect();
        let asker = self.asker();
        let owner = if asker == self.me { self.partner.name.as_str() } else { self.me };
        let columns = self.parsed.filter_of(owner).into_iter().flat_map(Filter::columns);
        (approvals, columns.map(|column| filter_tells(column, asker)).collect())
    }
}
