//! All that a report is made of: the folded log, the balances, the signed contracts, the chain's checks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use serde_json::Value;
use tacit_protocol::{
    ids::ContractId,
    log::{Entry, Kind},
};

use super::{
    budget::{self, Balance},
    history::{Ending, History, Run, Side, Window, moment},
};
use crate::policy::{Document, State, day};

/// One thing that was checked about a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What: a stable word.
    pub name: &'static str,
    /// Whether it held; `None` where it could not be checked.
    pub ok: Option<bool>,
    /// What was found.
    pub found: String,
    /// The first record that is bad.
    pub record: Option<u64>,
}

/// Everything a report is derived from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The records.
    pub history: History<'a>,
    /// Every account, over all records up to the window's end.
    pub balances: Vec<Balance>,
    /// The signed contracts that were at hand; each proves itself by its id.
    pub contracts: &'a [Document],
    /// What was checked about the chain.
    pub checks: &'a [Check],
    /// When the report is made.
    pub now: Timestamp,
    /// What was looked at.
    pub window: Window,
}

impl<'a> Facts<'a> {
    /// Derives them.
    pub fn new(
        log: &'a [Entry],
        contracts: &'a [Document],
        checks: &'a [Check],
        window: Window,
        now: Timestamp,
    ) -> Self {
        let history = History::new(log, window);
        let balances = budget::sorted(budget::balances(history.all), history.me);
        Self { history, balances, contracts, checks, now, window }
    }

    /// Whether a record tells of something that went wrong, with us or with a partner.
    pub fn is_incident(entry: &Entry) -> bool {
        match entry.kind {
            Kind::Abort | Kind::Recovery | Kind::Dropped => true,
            // A code: what a partner did against the rules.
            Kind::Partner => entry.what.starts_with("E-"),
            _ => false,
        }
    }

    /// The questions that were permitted in the window.
    pub fn runs(&self) -> &[Run<'a>] {
        &self.history.runs
    }

    /// How many of them are so.
    pub fn runs_that(&self, are: impl Fn(&Run) -> bool) -> u64 {
        self.runs().iter().filter(|run| are(run)).count() as u64
    }

    /// How many ended so.
    pub fn ended(&self, ending: Ending) -> u64 {
        self.runs_that(|run| run.ending() == ending)
    }

    /// How many records of a kind have this word.
    pub fn said(&self, kind: Kind, what: &str) -> u64 {
        self.history.of(kind).filter(|entry| entry.what == what).count() as u64
    }

    /// How many refusals have a code that starts with one of these.
    pub fn refused(&self, codes: &[&str]) -> u64 {
        self.coded(Kind::Refusal, codes)
    }

    /// How many aborts have a code that starts with one of these.
    pub fn aborted(&self, codes: &[&str]) -> u64 {
        self.coded(Kind::Abort, codes)
    }

    fn coded(&self, kind: Kind, codes: &[&str]) -> u64 {
        let fits = |entry: &&Entry| codes.iter().any(|code| entry.what.starts_with(code));
        self.history.of(kind).filter(fits).count() as u64
    }

    /// The accounts of the node's own people.
    pub fn own(&self) -> impl Iterator<Item = &Balance> {
        self.of_side(Side::Owner)
    }

    /// The accounts of partners' people, which this node draws on.
    pub fn theirs(&self) -> impl Iterator<Item = &Balance> {
        self.of_side(Side::Asker)
    }

    fn of_side(&self, side: Side) -> impl Iterator<Item = &Balance> {
        let me = self.history.me;
        self.balances.iter().filter(move |balance| {
            let own = me.is_none_or(|me| balance.account.owner == me);
            own == (side == Side::Owner)
        })
    }

    /// The day on which the window ends, or the report's.
    pub fn today(&self) -> Date {
        day(self.window.to.map_or(self.now, |to| to.min(self.now)))
    }

    /// How the contracts stood on that day.
    pub fn states(&self) -> impl Iterator<Item = (&'a Document, State)> {
        let today = self.today();
        self.contracts.iter().map(move |document| (document, document.state(today)))
    }

    /// The contracts that were in force on that day.
    pub fn in_force(&self) -> impl Iterator<Item = &'a Document> {
        self.states().filter(|(_, state)| *state == State::InForce).map(|(document, _)| document)
    }

    /// The document of a contract.
    pub fn contract(&self, id: ContractId) -> Option<&'a Document> {
        self.contracts.iter().find(|document| document.contract().id() == id)
    }

    /// What contracts call this node.
    pub fn own_name(&self) -> Option<String> {
        let me = self.history.me?;
        self.contracts.iter().find_map(|document| Some(document.contract().partner(&me)?.name.clone()))
    }

    /// What people call a contract: its document knows, or the record of its signing does.
    pub fn contract_name(&self, id: ContractId) -> String {
        let document = self.contract(id).map(|document| document.contract().terms().name.clone());
        let record = || {
            let signed = self.history.all.iter().filter(|entry| entry.kind == Kind::Contract);
            let named = signed.rev().find(|entry| entry.contract == Some(id))?;
            named.body["name"].as_str().map(str::to_owned)
        };
        match document.or_else(record) {
            Some(name) => format!("{name} ({}…)", id.short()),
            None => format!("{}…", id.short()),
        }
    }

    /// Contracts by how the records say they stand; the newest record of each.
    pub fn recorded_contracts(&self) -> BTreeMap<ContractId, &'a Entry> {
        let signed = self.history.all.iter().filter(|entry| entry.kind == Kind::Contract);
        signed.filter_map(|entry| Some((entry.contract?, entry))).collect()
    }

    /// Different values that pick out of records of a kind.
    pub fn different<T: Ord>(&self, kind: Kind, pick: impl Fn(&'a Entry) -> Option<T>) -> BTreeSet<T> {
        self.history.of(kind).filter_map(pick).collect()
    }

    /// The newest record of a kind in the window.
    pub fn newest(&self, kind: Kind) -> Option<Timestamp> {
        self.history.of(kind).filter_map(moment).last()
    }

    /// Partners or datasets that were added and not removed again, by the name that `pick` finds.
    pub fn standing(
        &self,
        kind: Kind,
        gone: &str,
        pick: impl Fn(&Entry) -> Option<&str>,
    ) -> BTreeSet<String> {
        let mut standing = BTreeSet::new();
        for entry in self.history.all.iter().filter(|entry| entry.kind == kind) {
            let Some(name) = pick(entry) else { continue };
            if entry.what == gone {
                standing.remove(name);
            } else {
                standing.insert(name.to_owned());
            }
        }
        standing
    }

    /// A check by its name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}

/// A text in a body.
pub fn text<'e>(body: &'e Value, field: &str) -> Option<&'e str> {
    body[field].as_str().filter(|text| !text.is_empty())
}

/// The most frequent of some names, with how often it stands there; of equal ones the first by alphabet.
pub fn most<T: Ord>(names: impl Iterator<Item = T>) -> Option<(T, u64)> {
    let mut counts: BTreeMap<T, u64> = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts.into_iter().rev().max_by_key(|(_, count)| *count)
}

/// The value below which this share of all lies (nearest rank); 0..=1.
pub fn quantile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil().max(1.0) as usize;
    values.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_of_equals_is_always_the_same() {
        assert_eq!(most(["b", "a", "b", "a"].into_iter()), Some(("a", 2)));
        assert_eq!(most(std::iter::empty::<&str>()), None);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        assert_eq!(quantile(vec![3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile((1..=100).map(f64::from).collect(), 0.95), Some(95.0));
        assert_eq!(quantile(Vec::new(), 0.5), None);
    }
}
