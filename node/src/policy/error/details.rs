//! What helps after a refusal: the rule, what is allowed, the smallest change, who must sign it.

use super::PolicyError;
use crate::{
    policy::{
        ColumnTerms, ColumnUse, Values,
        contract::{filter_tells, list},
    },
    report::{Detail, Refusal},
};

/// The labelled lines under a refusal.
pub(super) fn of(error: &PolicyError) -> Vec<Detail> {
    let mut details: Vec<Detail> =
        error.under().map(|under| Detail::new("contract", under.to_string())).into_iter().collect();
    match error {
        PolicyError::NoContract { near, .. } => {
            details.extend(near.iter().map(|near| Detail::new("near", near.clone())));
            details.push(Detail::new(
                "would do",
                "tacit contract propose, with both datasets   (all partners must sign)",
            ));
        }
        PolicyError::SeveralContracts { contracts, .. } => {
            details.extend(contracts.iter().map(|contract| Detail::new("contract", contract.clone())));
            details.push(Detail::new("would do", "name one of them with --contract"));
        }
        PolicyError::ContractUnknown { contracts, .. } => {
            details.push(Detail::new("contracts", some(contracts.iter().cloned())));
        }
        PolicyError::NotSigned { missing, .. } => {
            details.push(Detail::new(
                "would do",
                format!("tacit contract accept   ({} must sign)", list(missing)),
            ));
        }
        PolicyError::Refused { no, .. } | PolicyError::Ended { no, .. } => {
            details.push(Detail::new("reason", no.reason.clone()));
            details.push(new_contract(error, "a new contract".to_owned()));
        }
        PolicyError::NotStarted { starts, .. } => {
            details.push(Detail::new("would do", format!("ask on {starts} or later (UTC)")));
        }
        PolicyError::Expired { .. } => {
            details.push(new_contract(error, "a new contract with a later end".to_owned()));
        }
        PolicyError::WrongPurpose { asked, allowed, .. } => {
            details.push(Detail::new("allowed", allowed.clone()));
            details.push(new_contract(error, format!("a contract with purpose = \"{asked}\"")));
        }
        PolicyError::WrongProfile { agreed, .. } => {
            details.push(Detail::new(
                "rule",
                "both nodes bring identifiers to one spelling, by one profile and version",
            ));
            details.push(Detail::new(
                "would do",
                format!("versions of Tacit on both sides that speak {agreed}"),
            ));
        }
        PolicyError::UnlistedDataset { table, listed, .. } => {
            details.push(Detail::new("allowed", some(listed.iter().cloned())));
            details.push(must_sign(
                format!("[[dataset]] owner = \"{}\", name = \"{}\", …", table.owner, table.dataset),
                &table.owner,
            ));
        }
        PolicyError::MissingDataset { table, .. } => {
            details.push(Detail::new(
                "would do",
                format!("tacit dataset add {} FILE --id KIND=COLUMN", table.dataset),
            ));
        }
        PolicyError::NotOurs { me, tables } => {
            details.push(Detail::new("tables", tables.clone()));
            details
                .push(Detail::new("would do", format!("FROM {me}.ours JOIN them.theirs USING (customer)")));
        }
        PolicyError::UnlistedColumn { column, listed, wanted, .. } => {
            details.push(Detail::new(
                "rule",
                "a column that the contract does not list does not exist for the partner",
            ));
            details.push(Detail::new("allowed", some(listed.iter().cloned())));
            let uses = with_filter(*wanted);
            details.push(must_sign(with_use(&column.column, uses, None), &column.table.owner));
        }
        PolicyError::ColumnUse { column, wanted, terms, .. } => {
            details.push(Detail::new("allowed", allowed(terms)));
            let uses = with_filter(*wanted);
            details.push(must_sign(with_use(&column.column, uses, Some(terms)), &column.table.owner));
        }
        PolicyError::RevealFilter { column, receiver, terms, .. } => {
            details.push(Detail::new("rule", filter_tells(&column.column, receiver)));
            details.push(Detail::new("allowed", allowed(terms)));
            let line = with_use(&column.column, [ColumnUse::RevealFilter], Some(terms));
            details.push(must_sign(line, &column.table.owner));
        }
        PolicyError::UnlistedValue { column, listed, .. } => {
            details.push(Detail::new("allowed", some(listed.iter().cloned())));
            details.push(must_sign(format!("columns.{}.values = …", column.column), &column.table.owner));
        }
        PolicyError::NotAllowed { mend, allowed, .. } => {
            details.push(Detail::new("allowed", some(allowed.iter().map(|&kind| kind.to_owned()))));
            details.push(new_contract(error, mend.clone()));
        }
        PolicyError::RevealReceiver { to, asker, .. } => {
            details.push(Detail::new("allowed", format!("{to} asks")));
            details.push(new_contract(error, format!("allow.reveal.to = \"{asker}\"")));
        }
        PolicyError::RevealColumns { .. } => {
            details.push(Detail::new(
                "rule",
                "a reveal tells which of the asker's own customers match, and no column of the partner",
            ));
            details.push(Detail::new("would do", "SELECT customer, and columns of your own dataset"));
        }
        PolicyError::ForbiddenByClass { column, class, .. } => {
            details.push(Detail::new("rule", class.rule()));
            details.push(Detail::new(
                "would do",
                format!("{} classes the column anew, if its law allows that", column.table.owner),
            ));
        }
        PolicyError::WrongRegion { registered, .. } => {
            details.push(Detail::new("rule", "rows stay in the region that their owner has registered"));
            details.push(new_contract(error, format!("region = \"{registered}\"")));
        }
        PolicyError::WrongPopulation { table, registered, .. } => {
            details.push(Detail::new(
                "rule",
                "all who ask about one population spend one budget, so both sides call it alike",
            ));
            details.push(must_sign(format!("population = \"{registered}\""), &table.owner));
        }
        PolicyError::Aggregate(error) => details.extend(error.details()),
        PolicyError::Train(error) => details.extend(error.details()),
        PolicyError::NoMatchKey { keys, registered, listed, .. } => {
            details.push(Detail::new("wanted", some(keys.iter().cloned())));
            details.push(Detail::new("registered", some(registered.iter().cloned())));
            details.push(Detail::new("listed", some(listed.iter().cloned())));
            details.push(Detail::new(
                "would do",
                "register a key of one of these kinds, whose column the contract lists for match",
            ));
        }
        PolicyError::NoOwnColumn { place, .. } => {
            details.push(Detail::new("needed for", *place));
            details.push(Detail::new("would do", "tacit dataset show, to see the columns there are"));
        }
        PolicyError::ConsentNotBoolean { .. } => {
            details.push(Detail::new(
                "would do",
                "a column of true and false, or consent = \"withdrawal-list\"",
            ));
        }
        PolicyError::Question(error) => details.extend(error.details()),
    }
    details
}

fn new_contract(error: &PolicyError, line: String) -> Detail {
    match error.under() {
        Some(under) => must_sign(line, &under.0.partners),
        None => Detail::new("would do", line),
    }
}

/// A reveal-filter cannot stand without filter.
fn with_filter(wanted: ColumnUse) -> Vec<ColumnUse> {
    if wanted == ColumnUse::RevealFilter { vec![ColumnUse::Filter, wanted] } else { vec![wanted] }
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
    if !terms.grid.is_empty() {
        parts.push(format!("grid of {} edges", terms.grid.len()));
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

pub(in crate::policy) fn must_sign(line: String, who: &str) -> Detail {
    Detail::new("would do", format!("{line}   ({who} must sign)"))
}
