//! The shape of a question that was refused, for the record.

use tacit_protocol::ids::PartnerId;

use crate::{
    policy::{Datasets, Document, KnownColumns},
    query::{self, Shape},
    report::Report,
    rooms::Rooms,
};

/// What a refused question looks at, if it was read as far as its rules and every name in it is one that this
/// node's contracts or data have. Any other name stays out of the log: a name of a customer, put where a column
/// belongs, is one too.
pub(super) fn of_refused(rooms: &Rooms, sql: &str, report: &Report) -> Option<Shape> {
    // What could not be read has no shape; what a flood repeats is not read twice.
    let judged = ["E-POLICY-", "E-BUDGET-", "E-APPROVAL-"].iter().any(|start| report.code.starts_with(start));
    if !judged {
        return None;
    }
    let contracts = rooms.contracts.list();
    let me = rooms.identity.id();
    let known = KnownColumns { me, contracts: &contracts, datasets: rooms };
    let shape = query::parse(sql, &known).ok()?.shape();
    all_known(&shape, me, &contracts, rooms).then_some(shape)
}

fn all_known(shape: &Shape, me: PartnerId, contracts: &[Document], datasets: &dyn Datasets) -> bool {
    let own_name = |document: &Document, owner: &str| {
        document.contract().partner(&me).is_some_and(|partner| partner.name == owner)
    };
    let own = |owner: &str| contracts.iter().any(|document| own_name(document, owner));
    let listed = |owner: &str, dataset: &str, column: Option<&str>| {
        contracts
            .iter()
            .filter_map(|document| document.contract().terms().dataset(owner, dataset))
            .any(|terms| column.is_none_or(|column| terms.columns.contains_key(column)))
    };
    let registered = |owner: &str, dataset: &str, column: Option<&str>| {
        own(owner)
            && datasets
                .dataset(dataset)
                .is_some_and(|facts| column.is_none_or(|column| facts.columns.contains_key(column)))
    };
    let known = |owner: &str, dataset: &str, column: Option<&str>| {
        listed(owner, dataset, column) || registered(owner, dataset, column)
    };
    shape.tables.iter().all(|[owner, dataset]| known(owner, dataset, None))
        && shape.uses.iter().all(|[owner, dataset, column, _]| known(owner, dataset, Some(column)))
}
