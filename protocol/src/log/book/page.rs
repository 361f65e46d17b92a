//! One account of the book: its balance, its periods, and when it was charged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::BudgetFault;
use crate::{
    ids::ContractId,
    log::{Amount, Period},
};

/// The periods of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    /// When the first begins, Unix seconds.
    pub starts: u64,
    /// Length in seconds.
    pub seconds: u64,
    /// What may be spent and reserved within one.
    pub limit: Amount,
}

/// Where an account stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Set aside for questions that have no answer yet.
    pub reserved: Amount,
    /// Gone.
    pub spent: Amount,
}

impl Balance {
    /// Reserved and spent: what no other question can have.
    pub const fn used(self) -> Amount {
        self.reserved.plus_at_most(self.spent)
    }
}

/// Where a contract's current period stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The period.
    pub period: Period,
    /// Charged to the account since it began, under whichever contract, and not given back.
    pub used: Amount,
}

impl Window {
    /// When it begins, Unix seconds.
    pub(super) const fn from(&self) -> u64 {
        // Checked when the window was made.
        self.period.starts + self.period.index * self.period.seconds
    }
}

/// One account: its balance, the terms it was charged under, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    pub(super) balance: Balance,
    pub(super) terms: BTreeMap<ContractId, Terms>,
    /// What was charged in each second and not given back: a contract that comes later counts from its own
    /// period's beginning, whoever charged.
    pub(super) seconds: BTreeMap<u64, Amount>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    pub(super) limit: Option<Amount>,
    pub(super) window: Option<Window>,
}

impl Page {
    /// Counts an amount in its second and in every period that it falls into.
    pub(super) fn count(&mut self, amount: Amount, second: u64) {
        let sum = self.seconds.entry(second).or_default();
        *sum = sum.plus_at_most(amount);
        for window in self.terms.values_mut().filter_map(|terms| terms.window.as_mut()) {
            if window.from() <= second {
                window.used = window.used.plus_at_most(amount);
            }
        }
    }

    /// What was reserved is spent.
    pub(super) fn settle(&mut self, price: Amount) {
        self.balance.reserved = self.balance.reserved.less(price);
        self.balance.spent = self.balance.spent.plus_at_most(price);
    }

    /// What was reserved in `second` is given back, to the periods as well that it was counted in.
    pub(super) fn refund(&mut self, price: Amount, second: u64) {
        self.balance.reserved = self.balance.reserved.less(price);
        if let Some(sum) = self.seconds.get_mut(&second) {
            *sum = sum.less(price);
        }
        for window in self.terms.values_mut().filter_map(|terms| terms.window.as_mut()) {
            if window.from() <= second {
                window.used = window.used.less(price);
            }
        }
    }
}

impl Cycle {
    pub(super) const fn period(self, index: u64) -> Period {
        Period { starts: self.starts, seconds: self.seconds, index, limit: self.limit }
    }
}

impl From<Period> for Cycle {
    fn from(period: Period) -> Self {
        Self { starts: period.starts, seconds: period.seconds, limit: period.limit }
    }
}

/// The period of this index, with what the account was charged since it began.
pub(super) fn window_at(page: Option<&Page>, cycle: Cycle, index: u64) -> Result<Window, BudgetFault> {
    let from = cycle.seconds.checked_mul(index).and_then(|after| after.checked_add(cycle.starts));
    let (Some(from), true) = (from, cycle.seconds > 0) else { return Err(BudgetFault::PeriodLength) };
    let used = page
        .into_iter()
        .flat_map(|page| page.seconds.range(from..))
        .fold(Amount::ZERO, |sum, (_, amount)| sum.plus_at_most(*amount));
    Ok(Window { period: cycle.period(index), used })
}
