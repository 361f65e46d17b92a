//! The own side of a contract, held against the own data.
//!
//! The attack this stops is drift: a contract was signed when a column was harmless, and since then its owner
//! has classed it, moved the data to another region or replaced the file. What the registration says today
//! holds, and the stricter of the two wins.

use std::collections::BTreeMap;

use tacit_protocol::{identity::KeyKind, ids::PartnerId};

use super::{
    ColumnClass, ColumnTerms, ColumnUse, Consent, Contract, DatasetTerms, Document, PolicyError,
    contract::POPULATION, error::Under,
};
use crate::query::{Columns, Kind, TableName};

/// What this node's own registrations say.
pub trait Datasets: Sync {
    /// The dataset of this name, if it is registered.
    fn dataset(&self, name: &str) -> Option<DatasetFacts>;
}

/// One registered dataset, as far as policy needs to know it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DatasetFacts {
    /// The columns and their kinds.
    pub columns: BTreeMap<String, Kind>,
    /// The match keys and their columns, strongest first.
    pub keys: Vec<(KeyKind, String)>,
    /// A region that the rows must not leave.
    pub region: Option<String>,
    /// Which of the owner's populations its customers are; `None` is the usual one.
    pub population: Option<String>,
    /// Classes of columns; a column that is not here is general.
    pub classes: BTreeMap<String, ColumnClass>,
}

impl DatasetFacts {
    /// The class that holds: the stricter of the owner's and the contract's.
    pub fn class(&self, column: &str, terms: &ColumnTerms) -> ColumnClass {
        self.classes.get(column).copied().unwrap_or_default().max(terms.class)
    }
}

/// Holds the terms of an own dataset against its registration, and returns the registration with the match
/// keys that can be used, in the contract's order.
pub(super) fn fits(
    document: &Document,
    terms: &DatasetTerms,
    datasets: &dyn Datasets,
) -> Result<(DatasetFacts, Vec<(KeyKind, String)>), PolicyError> {
    let under = || Under::of(document);
    let table = TableName::new(&terms.owner, &terms.name);
    let Some(facts) = datasets.dataset(&terms.name) else {
        return Err(PolicyError::MissingDataset { contract: under(), table });
    };
    if facts.region != terms.region {
        let named = |region: &Option<String>| region.clone().unwrap_or_else(|| "no region".to_owned());
        return Err(PolicyError::WrongRegion {
            contract: under(),
            table,
            registered: named(&facts.region),
            agreed: named(&terms.region),
        });
    }
    let registered = facts.population.as_deref().unwrap_or(POPULATION);
    if registered != terms.population() {
        return Err(PolicyError::WrongPopulation {
            contract: under(),
            table: Box::new(table),
            registered: registered.to_owned(),
            agreed: terms.population().to_owned(),
        });
    }
    if let Consent::Column(column) = &terms.consent {
        match facts.columns.get(column) {
            // Text and numbers may say yes and no as well; `scan` reads them and takes only a plain yes.
            Some(Kind::Boolean | Kind::Text | Kind::Number) => {}
            Some(_) => return Err(PolicyError::ConsentNotBoolean { table, column: column.clone() }),
            None => {
                return Err(PolicyError::NoOwnColumn { table, column: column.clone(), place: "consent" });
            }
        }
    }
    let contract = document.contract().terms();
    let matched = |column: &str| {
        terms.columns.get(column).is_some_and(|column| column.uses.contains(&ColumnUse::Match))
    };
    let keys: Vec<(KeyKind, String)> = contract
        .identity
        .keys
        .iter()
        .flat_map(|kind| facts.keys.iter().filter(move |(registered, _)| registered == kind))
        .filter(|(_, column)| matched(column))
        .cloned()
        .collect();
    let meet = contract.allow.join || contract.allow.reveal.is_some() || contract.allow.train.is_some();
    if meet && keys.is_empty() {
        return Err(PolicyError::NoMatchKey {
            contract: under(),
            table: Box::new(table),
            keys: contract.identity.keys.iter().map(ToString::to_string).collect(),
            registered: facts.keys.iter().map(|(kind, column)| format!("{kind}={column}")).collect(),
            listed: terms.columns.keys().filter(|column| matched(column)).cloned().collect(),
        });
    }
    Ok((facts, keys))
}

/// What stands in the way of keeping a contract: every own dataset in it is held against its registration.
///
/// To be shown before signing. An empty list means that the node can keep what it signs.
pub fn before_signing(document: &Document, me: &PartnerId, datasets: &dyn Datasets) -> Vec<PolicyError> {
    let contract: &Contract = document.contract();
    let Some(me) = contract.partner(me) else { return Vec::new() };
    let mut found = Vec::new();
    for terms in contract.terms().datasets.iter().filter(|dataset| dataset.owner == me.name) {
        let table = TableName::new(&terms.owner, &terms.name);
        let (facts, _) = match fits(document, terms, datasets) {
            Ok(fitting) => fitting,
            Err(error) => {
                found.push(error);
                continue;
            }
        };
        for (column, column_terms) in &terms.columns {
            if !facts.columns.contains_key(column) {
                found.push(PolicyError::NoOwnColumn {
                    table: table.clone(),
                    column: column.clone(),
                    place: "the contract, which lists it",
                });
                continue;
            }
            let class = facts.class(column, column_terms);
            found.extend(column_terms.uses.iter().filter(|&&usage| !class.permits(usage)).map(|&wanted| {
                PolicyError::ForbiddenByClass {
                    contract: Under::of(document),
                    column: crate::query::ColumnName { table: table.clone(), column: column.clone() },
                    class,
                    wanted,
                }
            }));
        }
    }
    found
}

/// The columns that a person at this node may mean: the own ones, and those that contracts list.
pub struct KnownColumns<'a> {
    /// This node.
    pub me: PartnerId,
    /// Its contracts.
    pub contracts: &'a [Document],
    /// Its datasets.
    pub datasets: &'a dyn Datasets,
}

impl Columns for KnownColumns<'_> {
    fn columns(&self, table: &TableName) -> Option<Vec<String>> {
        let mut columns = std::collections::BTreeSet::new();
        let mut known = false;
        for contract in self.contracts.iter().map(Document::contract) {
            let Some(me) = contract.partner(&self.me) else { continue };
            if me.name == table.owner
                && let Some(facts) = self.datasets.dataset(&table.dataset)
            {
                known = true;
                columns.extend(facts.columns.into_keys());
            }
            if let Some(terms) = contract.terms().dataset(&table.owner, &table.dataset) {
                known = true;
                columns.extend(terms.columns.keys().cloned());
            }
        }
        known.then(|| columns.into_iter().collect())
    }
}
