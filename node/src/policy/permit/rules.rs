//! The rules, one by one: each says yes, or names itself.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Circumstances, OwnSide, Role, named, shown};
use crate::{
    policy::{
        AggregatePlan, ColumnTerms, ColumnUse, DatasetFacts, DatasetTerms, Datasets, Document, JoinPlan,
        Partner, PolicyError, Receiver, State, Terms, Values, aggregate::settle, contract::filter_tells,
        error::Under, join::Asked, own,
    },
    query::{Ask, ColumnName, Filter, Kind, Parsed, QueryError, TableName, Usage},
};

/// What kind of values a contract speaks of, where it says so: only numbers have bounds. Listed values are not
/// told apart by kind, and a test for one that is not listed is refused anyway.
fn kind_told(terms: &ColumnTerms) -> Option<Kind> {
    terms.bounds.as_ref().map(|_| Kind::Number)
}

/// One question under one contract.
pub(super) struct Rules<'a> {
    pub document: &'a Document,
    pub(super) parsed: &'a Parsed,
    role: Role,
    pub me: &'a str,
    pub partner: &'a Partner,
    ours: Option<&'a DatasetTerms>,
    pub theirs: Option<&'a TableName>,
}

impl<'a> Rules<'a> {
    /// Finds out who is who, and that the contract has the tables.
    pub fn new(document: &'a Document, parsed: &'a Parsed, at: &Circumstances) -> Result<Self, PolicyError> {
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

    /// The same for a training job, which can have more partners than the one it is about.
    pub fn of_job(
        document: &'a Document,
        parsed: &'a Parsed,
        role: Role,
        me: &'a str,
        partner: &'a Partner,
    ) -> Result<Self, PolicyError> {
        let terms = document.contract().terms();
        for table in parsed.tables() {
            if terms.dataset(&table.owner, &table.dataset).is_none() {
                return Err(PolicyError::UnlistedDataset {
                    contract: Under::of(document),
                    table: table.clone(),
                    listed: terms.datasets.iter().map(DatasetTerms::full_name).collect(),
                });
            }
        }
        let theirs = parsed.table_of(&partner.name);
        Ok(Self { document, parsed, role, me, partner, ours: None, theirs })
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

    pub fn in_force(&self, today: Date) -> Result<(), PolicyError> {
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

    pub fn purpose(&self, asked: Option<&str>) -> Result<(), PolicyError> {
        match asked {
            Some(asked) if asked != self.terms().purpose => Err(PolicyError::WrongPurpose {
                contract: self.under(),
                asked: shown(asked),
                allowed: self.terms().purpose.clone(),
            }),
            _ => Ok(()),
        }
    }

    pub fn profile(&self, theirs: Option<&str>) -> Result<(), PolicyError> {
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

    pub fn kind_of_question(&self) -> Result<(), PolicyError> {
        let allow = &self.terms().allow;
        let refused = |what, mend: &str| {
            let kinds = [
                (allow.aggregate, "noisy figures over one table"),
                (allow.join, "noisy figures over the overlap"),
                (allow.reveal.is_some(), "reveals"),
                (allow.train.is_some(), "training together"),
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
    pub fn partners_columns(&self, datasets: &dyn Datasets) -> Result<(), PolicyError> {
        let mut facts: BTreeMap<String, Option<DatasetFacts>> = BTreeMap::new();
        for (column, usage) in self.parsed.uses() {
            // The asker is free with its own columns: it sees them anyway, and nobody else sees what it does;
            // unless the answer goes to both.
            if column.table.owner == self.asker() && !self.both_receive() {
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
        self.partners_kinds()
    }

    /// Whether the answerer gets the figures as well.
    fn both_receive(&self) -> bool {
        self.parsed.joined().is_some() && self.terms().privacy.receiver == Receiver::Both
    }

    /// A slip of the pen is told at home, as far as the contract says what kind the partner's values are.
    fn partners_kinds(&self) -> Result<(), PolicyError> {
        let (Role::Asker, Some(table)) = (self.role, self.theirs) else { return Ok(()) };
        let Some(filter) = self.parsed.filter_of(&table.owner) else { return Ok(()) };
        let dataset = self.terms().dataset(&table.owner, &table.dataset);
        let kind_of =
            |column: &str| dataset.and_then(|dataset| dataset.columns.get(column)).and_then(kind_told);
        Ok(filter.check_known(table, &kind_of)?)
    }

    pub(super) fn partners_column(
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
            Usage::Feature => ColumnUse::Feature,
            Usage::Target => ColumnUse::Target,
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
        {
            let tests = filter.tests(&column.column);
            // A pattern or an order would tell apart values that do not exist for the partner.
            if tests.otherwise || tests.values.iter().any(|literal| !listed.contains(&literal.plain())) {
                return Err(PolicyError::UnlistedValue {
                    contract: contract(),
                    column: column.clone(),
                    listed: listed.iter().cloned().collect(),
                });
            }
        }
        Ok(())
    }

    /// The groups, integers, noise and price of a question for figures over one table.
    pub fn plan(&self) -> Result<Option<AggregatePlan>, PolicyError> {
        let (Some(aggregates), Some(table)) = (self.parsed.aggregates(), self.parsed.tables().next()) else {
            return Ok(None);
        };
        let terms = self.terms();
        // `new` has seen to it that the contract has the table.
        let Some(dataset) = terms.dataset(&table.owner, &table.dataset) else { return Ok(None) };
        let under = || self.under();
        let filter = self.parsed.filter_of(&table.owner);
        let shape = AggregatePlan::shape(aggregates, filter, dataset, &terms.privacy, &under)?;
        Ok(Some(settle(shape, self.parsed, &terms.privacy, &under)?))
    }

    /// The groups, terms, integers, noise and price of a question for figures over the overlap.
    pub fn join(&self) -> Result<Option<JoinPlan>, PolicyError> {
        let Some(aggregates) = self.parsed.joined() else { return Ok(None) };
        let terms = self.terms();
        let answerer = if self.asker() == self.me { &self.partner.name } else { self.me };
        let side = |owner: &str| {
            let table = self.parsed.table_of(owner)?;
            let filter = self.parsed.filter_of(owner);
            // The asker's own condition is known to the asker alone, unless both receive.
            let condition = (owner == answerer || self.both_receive()).then_some(filter);
            Some(Asked { table, dataset: terms.dataset(&table.owner, &table.dataset)?, condition })
        };
        // `new` has seen to it that each has a table, and the contract has both.
        let (Some(asker), Some(answerer)) = (side(self.asker()), side(answerer)) else { return Ok(None) };
        let under = || self.under();
        Ok(Some(JoinPlan::of(aggregates, [asker, answerer], self.parsed, terms, &under)?))
    }

    /// What figures are made of is there, and is of a kind that can be grouped by or added up.
    fn own_figures(&self, table: &TableName, facts: &DatasetFacts) -> Result<(), PolicyError> {
        if self.parsed.aggregates().is_none() && self.parsed.joined().is_none() {
            return Ok(());
        }
        let keys = &self.terms().identity.keys;
        if !facts.keys.iter().any(|(kind, _)| keys.contains(kind)) {
            return Err(PolicyError::NoMatchKey {
                contract: self.under(),
                table: Box::new(table.clone()),
                keys: keys.iter().map(ToString::to_string).collect(),
                registered: facts.keys.iter().map(|(kind, column)| format!("{kind}={column}")).collect(),
                listed: Vec::new(),
            });
        }
        for (column, usage) in self.parsed.uses() {
            let (place, wanted) = match usage {
                _ if column.table != *table => continue,
                Usage::Group => ("GROUP BY", None),
                Usage::Measure => ("the measures", Some(Kind::Number)),
                Usage::Filter | Usage::Show | Usage::Feature | Usage::Target => continue,
            };
            let Some(&kind) = facts.columns.get(&column.column) else {
                let (table, column) = (table.clone(), column.column);
                return Err(PolicyError::NoOwnColumn { table, column, place });
            };
            let groups = !matches!(kind, Kind::Timestamp | Kind::Other);
            if !wanted.map_or(groups, |wanted| wanted == kind) {
                let right = wanted.map_or("a value to group by", Kind::name);
                let error = QueryError::KindsDiffer { what: column.to_string(), left: kind.name(), right };
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// This node's half, held against its registration.
    pub fn own_side(&self, datasets: &dyn Datasets) -> Result<Option<OwnSide>, PolicyError> {
        let Some(terms) = self.ours else { return Ok(None) };
        let (facts, keys) = own::fits(self.document, terms, datasets)?;
        let table = TableName::new(&terms.owner, &terms.name);
        // What the asker looks for among its own customers does not concern an answerer, and is not sent to it.
        let filter = self.parsed.filter_of(self.me).cloned();
        if let Some(filter) = &filter {
            filter.check(&table, &|column| facts.columns.get(column).copied())?;
        }
        self.own_figures(&table, &facts)?;
        let mut customer = "customer".to_owned();
        let mut shown = Vec::new();
        if let Ask::Reveal(reveal) = self.parsed.ask()
            && self.role == Role::Asker
        {
            for output in &reveal.outputs {
                let Some(column) = &output.column else {
                    customer.clone_from(&output.label);
                    continue;
                };
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
        Ok(Some(OwnSide { table, filter, consent: terms.consent.clone(), keys, customer, shown }))
    }

    /// Who has to approve, and what they approve of.
    pub fn people(&self) -> (Vec<String>, Vec<String>) {
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
