//! Which contract a question falls under.

use jiff::civil::Date;

use super::{Circumstances, Role, named, shown};
use crate::{
    policy::{DatasetTerms, Document, PolicyError, State},
    query::Parsed,
};

/// Finds the one contract that the question falls under.
pub(super) fn choose<'a>(
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
                contracts: nearest(&fitting, at.today).iter().map(title).collect(),
            }),
            (_, Some(document)) => Ok(document),
            _ => Err(PolicyError::SeveralContracts {
                tables: named(parsed),
                contracts: nearest(&called, at.today).iter().map(title).collect(),
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
            contracts: nearest(&covering, at.today).iter().map(title).collect(),
        }),
    }
}

/// Those in force, if any are: nobody wants to choose among contracts that are over.
fn nearest<'a>(documents: &[&'a Document], today: Date) -> Vec<&'a Document> {
    let in_force = |document: &&&Document| document.state(today) == State::InForce;
    let kept: Vec<&Document> = documents.iter().filter(in_force).copied().collect();
    if kept.is_empty() { documents.to_vec() } else { kept }
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
