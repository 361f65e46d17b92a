//! What was granted, set aside and spent, by account.
//!
//! This replays the log on its own, apart from the node's book: a figure that only the accused computes proves
//! nothing. Where the two differ, `audit verify` says so.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use tacit_protocol::{
    ids::{ContractId, PartnerId},
    log::{
        Account, Amount, Charge, Entry, Kind, Period,
        book::{Lost, Recovery},
    },
};

use super::history::{charge, moment};

/// One account over the life of a log.
#[derive(Debug, Clone)]
pub struct Balance {
    /// Whose privacy, and who learns.
    pub account: Account,
    /// The other organisation, by the name the records have.
    pub partner: String,
    /// What each contract allows the account over its life, as its newest reservation says.
    pub limits: BTreeMap<Option<ContractId>, Amount>,
    /// What the owner allows over all askers, where that is told.
    pub ceiling: Option<Amount>,
    /// Set aside by questions that have not ended.
    pub reserved: Amount,
    /// Spent: released, or never given back.
    pub spent: Amount,
    /// Given back.
    pub refunded: Amount,
    /// The running period of each contract, with what was used in it.
    pub periods: BTreeMap<Option<ContractId>, (Period, Amount)>,
    /// Questions that had a price.
    pub charged: u64,
    /// The largest price of one question.
    pub dearest: Amount,
    /// What was set aside or spent, after each record that changed it.
    pub course: Vec<Point>,
}

/// A point of a burn-down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The record.
    pub seq: u64,
    /// Its time, if it reads.
    pub time: Option<Timestamp>,
    /// Set aside and spent from here on.
    pub used: Amount,
}

impl Balance {
    fn new(account: Account, entry: &Entry) -> Self {
        Self {
            account,
            partner: entry.partner.clone().unwrap_or_default(),
            limits: BTreeMap::new(),
            ceiling: None,
            reserved: Amount::default(),
            spent: Amount::default(),
            refunded: Amount::default(),
            periods: BTreeMap::new(),
            charged: 0,
            dearest: Amount::default(),
            course: Vec::new(),
        }
    }

    /// Set aside and spent.
    pub fn used(&self) -> Amount {
        self.reserved.plus_at_most(self.spent)
    }

    /// The largest limit: what could be granted at most under the contracts of this account.
    pub fn granted(&self) -> Amount {
        self.limits.values().copied().max().unwrap_or_default()
    }

    /// What is left of the largest limit.
    pub fn left(&self) -> Amount {
        self.granted().less(self.used())
    }

    /// Whether the account went beyond what any contract allows.
    pub fn is_overspent(&self) -> bool {
        let (used, granted) = (self.used(), self.granted());
        used.nano_rho > granted.nano_rho || used.atto_delta > granted.atto_delta
    }

    fn mark(&mut self, entry: &Entry) {
        self.course.push(Point { seq: entry.seq, time: moment(entry), used: self.used() });
    }
}

/// A reservation that has not ended.
struct Held {
    account: Account,
    contract: Option<ContractId>,
    price: Amount,
    period: Option<Period>,
}

/// Replays a log.
pub fn balances(log: &[Entry]) -> Vec<Balance> {
    let mut accounts: BTreeMap<Account, Balance> = BTreeMap::new();
    let mut open: HashMap<u64, Held> = HashMap::new();
    for entry in log {
        match entry.kind {
            Kind::Reserve => {
                let Some(charge) = charge(&entry.body) else { continue };
                let balance = accounts
                    .entry(charge.account.clone())
                    .or_insert_with(|| Balance::new(charge.account.clone(), entry));
                reserve(balance, &charge, entry);
                let Charge { account, price, period, .. } = charge;
                open.insert(entry.seq, Held { account, contract: entry.contract, price, period });
            }
            Kind::Spend | Kind::Abort => {
                let Some(seq) = entry.body["reserve"].as_u64() else { continue };
                let refunded = entry.kind == Kind::Abort && entry.body["refunded"] == true;
                let Some(held) = open.remove(&seq) else { continue };
                let Some(balance) = accounts.get_mut(&held.account) else { continue };
                settle(balance, &held, refunded);
                balance.mark(entry);
            }
            Kind::Recovery => lose(&mut accounts, entry),
            _ => {}
        }
    }
    accounts.into_values().collect()
}

/// What could have been spent in a lost span counts as spent.
fn lose(accounts: &mut BTreeMap<Account, Balance>, entry: &Entry) {
    let Ok(recovery) = Recovery::deserialize(&entry.body) else { return };
    for Lost { account, amount } in recovery.lost {
        let balance = accounts.entry(account.clone()).or_insert_with(|| Balance::new(account, entry));
        balance.spent = balance.spent.plus_at_most(amount);
        balance.mark(entry);
    }
}

fn reserve(balance: &mut Balance, charge: &Charge, entry: &Entry) {
    if let Some(partner) = &entry.partner {
        balance.partner.clone_from(partner);
    }
    balance.limits.insert(entry.contract, charge.limit);
    balance.ceiling = charge.ceiling.or(balance.ceiling);
    balance.reserved = balance.reserved.plus_at_most(charge.price);
    balance.charged += 1;
    balance.dearest = balance.dearest.max(charge.price);
    if let Some(period) = charge.period {
        let (running, used) = balance.periods.entry(entry.contract).or_insert((period, Amount::default()));
        if running.index != period.index {
            (*running, *used) = (period, Amount::default());
        }
        *used = used.plus_at_most(charge.price);
    }
    balance.mark(entry);
}

fn settle(balance: &mut Balance, held: &Held, refunded: bool) {
    balance.reserved = balance.reserved.less(held.price);
    if !refunded {
        balance.spent = balance.spent.plus_at_most(held.price);
        return;
    }
    balance.refunded = balance.refunded.plus_at_most(held.price);
    if let Some((running, used)) = balance.periods.get_mut(&held.contract)
        && held.period.is_some_and(|period| period.index == running.index)
    {
        *used = used.less(held.price);
    }
}

/// The accounts in which `me` is the owner come first, then by partner and population.
pub fn sorted(mut balances: Vec<Balance>, me: Option<PartnerId>) -> Vec<Balance> {
    balances.sort_by(|one, other| {
        let place = |balance: &Balance| {
            let theirs = me.is_some_and(|me| balance.account.owner != me);
            (theirs, balance.partner.clone(), balance.account.population.clone(), balance.account.clone())
        };
        place(one).cmp(&place(other))
    });
    balances
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::history::tests::{Log, price};

    #[test]
    fn a_spend_moves_what_was_set_aside_and_a_refund_gives_it_back() {
        let mut log = Log::new();
        let one = log.reserve(1, price(10));
        log.spend(1, one);
        log.answer(1, one);
        let two = log.reserve(2, price(20));
        log.abort(2, two, true);
        let three = log.reserve(3, price(30));
        log.spend(3, three);
        log.abort(3, three, false);
        log.reserve(4, price(5));
        let found = balances(&log.entries);
        let [balance] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((balance.spent, balance.reserved, balance.refunded), (price(40), price(5), price(20)));
        assert_eq!((balance.charged, balance.dearest, balance.left()), (4, price(30), price(55)));
        let course: Vec<u64> = balance.course.iter().map(|point| point.used.nano_rho).collect();
        assert_eq!(course, [10, 10, 30, 10, 40, 40, 45]);
        assert!(!balance.is_overspent());
    }

    #[test]
    fn what_is_spent_beyond_the_limit_is_seen_though_the_records_say_otherwise() {
        let mut log = Log::new();
        for query in 1..=3 {
            let seq = log.reserve(query, price(40));
            log.spend(query, seq);
        }
        // A node that lies in `before` and `after` is found out all the same.
        for entry in &mut log.entries {
            if let Some(charge) = entry.body.get_mut("charge") {
                charge["after"] = serde_json::json!({ "nano_rho": 40, "atto_delta": 0 });
            }
        }
        assert!(balances(&log.entries)[0].is_overspent());
    }
}
