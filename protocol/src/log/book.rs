//! The book of the budget: what the records of a log say was set aside, spent and given back.
//!
//! The attack it stops: an answer too many. A balance stands nowhere on its own where somebody could edit it;
//! it is what the records before add up to, in whole units (`privacy.md` section 3 of the design: nano-ρ and
//! atto-δ, never a float). The node that writes a record and the auditor who reads it run the same code, so a
//! log in which more was spent than a contract allows does not pass [`Book::apply`], whoever wrote it.
//!
//! The rules, in the order of a question's life (the accountant is the ρ-zCDP filter of Bun and Steinke 2016
//! in its fully adaptive form, Whitehouse et al. 2023: refuse what would pass the limit):
//! - `reserve` puts a price into `reserved`. Reserved and spent together stay within the lifetime limit of the
//!   *account*: an alias, a view, a second analyst or a second contract over the same people draws on the same
//!   one. They stay within the period's limit, and with all other askers' within the owner's ceiling.
//! - `spend` moves the price from `reserved` to `spent`. No record moves it back.
//! - `answer` and `abort` end a reservation. An abort gives the price back if it says so, which it may only
//!   while nothing was spent; an unresolved reservation counts as spent.
//! - A `reserve` may take up an earlier one that was paid for and came to nothing (`resumes`): it costs nothing, and
//!   goes three times at most. Whether anything was learned the first time, no record shows; the node that writes it
//!   vouches for that.
//! - `refresh` begins a period: never one that has begun, and never before its time by our clock and by the
//!   newest time that a partner has signed, so that a clock that jumps or swings gains nothing.
//! - `recovery` books what could have been spent in a span of records that was lost.

mod amount;
mod apply;
mod fault;
mod moment;
mod page;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

pub use fault::{BookFault, BudgetFault};
pub use moment::Moment;
pub use page::{Balance, Cycle, Window};

use page::{Page, window_at};

use super::{Account, Amount, Charge, Period};
use crate::ids::{ContractId, QueryId};

/// What a question would be charged, before the book says whether there is room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where it is charged.
    pub account: Account,
    /// How much.
    pub price: Amount,
    /// What the contract allows the account over its life.
    pub limit: Amount,
    /// What the contract allows it within one period, if it has periods.
    pub cycle: Option<Cycle>,
    /// What the owner allows for this population over all askers, if we are the owner and it says so.
    pub ceiling: Option<Amount>,
}

/// The body of a `refresh` record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Whose period begins.
    pub account: Account,
    /// The period that begins.
    pub period: Period,
    /// The newest time that a partner signed over our log, Unix seconds.
    pub witnessed: u64,
}

/// The part of the body of a `recovery` record that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// The newest time that a partner signed over our log, Unix seconds: if our clock is behind it, what was lost
    /// was spent later than our clock says.
    pub witnessed: u64,
    /// What the lost span may have spent.
    pub lost: Vec<Lost>,
}

/// What one account may have lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    /// Whose.
    pub account: Account,
    /// Counted as spent; the whole limit where nobody can say how much it was.
    pub amount: Amount,
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Past {
    /// Reserved; nothing else yet.
    Open {
        /// The record of the reservation.
        reserve: u64,
    },
    /// Answered.
    Answered {
        /// The record of the reservation.
        reserve: u64,
        /// The record of the answer.
        answer: u64,
    },
    /// Reserved, and never answered.
    Aborted {
        /// The record of the reservation.
        reserve: u64,
        /// The record of the end.
        abort: u64,
        /// Why, as a stable code.
        code: Box<str>,
    },
    /// Refused before anything was set aside.
    Refused {
        /// The record of the refusal.
        refusal: u64,
        /// Why, as a stable code.
        code: Box<str>,
    },
}

/// A reservation that is not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The question.
    pub query: QueryId,
    /// Its contract.
    pub contract: Option<ContractId>,
    /// The partner, by the name we know it under.
    pub partner: Option<String>,
    /// What was set aside and where; nothing for a revelation or a repeated answer.
    pub price: Option<(Account, Amount)>,
    /// Whether the release point was passed.
    pub spent: bool,
    /// The answer that it repeats.
    pub repeats: Option<u64>,
    /// The reservation that it takes up again, and how often that may happen from here on, this time included.
    resumes: Option<(u64, u8)>,
    /// When it was reserved, Unix seconds.
    second: u64,
}

impl Run {
    /// The reservation that it takes up again.
    pub fn resumes(&self) -> Option<u64> {
        self.resumes.map(|(reserve, _)| reserve)
    }
}

/// The book. [`Book::default`] is that of an empty log.
#[derive(Debug, Clone, Default)]
pub struct Book {
    size: u64,
    time: Moment,
    pages: BTreeMap<Account, Page>,
    open: BTreeMap<u64, Run>,
    questions: HashMap<QueryId, Past>,
    /// Answers and the contract of each.
    answers: HashMap<u64, Option<ContractId>>,
    /// Reservations that were paid for and ended without an answer: their contract, and how often they may still be
    /// taken up again.
    unfinished: HashMap<u64, (Option<ContractId>, u8)>,
}

impl Book {
    /// How many records were booked; the next one's `seq` is one more.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The time of the newest record; zero before the first.
    pub const fn time(&self) -> Moment {
        self.time
    }

    /// Where an account stands; at zero if it never was charged.
    pub fn balance(&self, account: &Account) -> Balance {
        self.pages.get(account).map_or_else(Balance::default, |page| page.balance)
    }

    /// Every account that was ever charged or named, in order.
    pub fn accounts(&self) -> impl Iterator<Item = (&Account, Balance)> {
        self.pages.iter().map(|(account, page)| (account, page.balance))
    }

    /// What a population has spent and reserved over all who ask.
    pub fn over_all_askers(&self, account: &Account) -> Amount {
        let same = |other: &&Account| {
            (other.owner, &other.population, &other.unit)
                == (account.owner, &account.population, &account.unit)
        };
        self.pages
            .iter()
            .filter(|(other, _)| same(other))
            .fold(Amount::ZERO, |sum, (_, page)| sum.plus_at_most(page.balance.used()))
    }

    /// The lifetime limit that an account was charged under, by contract.
    pub fn limits(&self, account: &Account) -> impl Iterator<Item = (ContractId, Amount)> {
        let terms = self.pages.get(account).map(|page| &page.terms);
        terms.into_iter().flatten().filter_map(|(contract, terms)| Some((*contract, terms.limit?)))
    }

    /// The current period of an account under a contract, if it has periods and was charged or refreshed.
    pub fn window(&self, account: &Account, contract: ContractId) -> Option<Window> {
        self.pages.get(account)?.terms.get(&contract)?.window
    }

    /// Reservations that are not resolved, by the position of their record.
    pub fn open(&self) -> impl Iterator<Item = (u64, &Run)> {
        self.open.iter().map(|(reserve, run)| (*reserve, run))
    }

    /// The unresolved reservation of a record.
    pub fn run(&self, reserve: u64) -> Option<&Run> {
        self.open.get(&reserve)
    }

    /// Whether a reservation was paid for, came to nothing, and may be taken up again.
    pub fn is_unfinished(&self, reserve: u64) -> bool {
        self.unfinished.contains_key(&reserve)
    }

    /// What came of a question, if it was seen.
    pub fn past(&self, query: &QueryId) -> Option<&Past> {
        self.questions.get(query)
    }

    /// Whether there is room for a charge at `second` (Unix; the newest record's if that is later), and the
    /// balances before and after if there is.
    ///
    /// # Errors
    /// [`BudgetFault`], with what is left.
    pub fn room(&self, contract: ContractId, wish: &Wish, second: u64) -> Result<Charge, BudgetFault> {
        let Wish { account, price, limit, cycle, ceiling } = wish;
        if price.nano_rho == 0 {
            return Err(BudgetFault::Free);
        }
        let page = self.pages.get(account);
        let terms = page.and_then(|page| page.terms.get(&contract));
        if terms.and_then(|terms| terms.limit).is_some_and(|before| before != *limit) {
            return Err(BudgetFault::LimitsDiffer);
        }
        let before = self.balance(account).used();
        let after = before.plus(*price).ok_or(BudgetFault::TooLarge)?;
        if !after.within(*limit) {
            return Err(BudgetFault::Lifetime { left: limit.less(before), price: *price });
        }
        let open = terms.and_then(|terms| terms.window);
        // A record under this contract without periods, or one with others, would be an edited contract.
        let known = terms.is_some_and(|terms| terms.limit.is_some() || terms.window.is_some());
        if known && open.is_some() != cycle.is_some() {
            return Err(BudgetFault::LimitsDiffer);
        }
        let period = match cycle {
            None => None,
            Some(cycle) => {
                let window = match open {
                    Some(window) if Cycle::from(window.period) != *cycle => {
                        return Err(BudgetFault::LimitsDiffer);
                    }
                    Some(window) => window,
                    None => window_at(page, *cycle, 0)?,
                };
                if second.max(self.time.second) < window.from() {
                    return Err(BudgetFault::NotBegun { starts: window.from() });
                }
                let used = window.used.plus(*price).ok_or(BudgetFault::TooLarge)?;
                if !used.within(cycle.limit) {
                    let left = cycle.limit.less(window.used);
                    let next = window.from().saturating_add(cycle.seconds);
                    return Err(BudgetFault::Period { left, price: *price, next });
                }
                Some(window.period)
            }
        };
        if let Some(ceiling) = ceiling {
            let others = self.over_all_askers(account);
            let all = others.plus(*price).ok_or(BudgetFault::TooLarge)?;
            if !all.within(*ceiling) {
                return Err(BudgetFault::Ceiling { left: ceiling.less(others), price: *price });
            }
        }
        Ok(Charge {
            account: account.clone(),
            price: *price,
            limit: *limit,
            period,
            ceiling: *ceiling,
            before,
            after,
        })
    }

    /// The period that has to be opened before the next charge, if one is due: the one that `now` lies in, by
    /// our clock and by the newest time that a partner signed, whichever is earlier (both Unix seconds).
    pub fn due(
        &self,
        contract: ContractId,
        account: &Account,
        cycle: Cycle,
        now: u64,
        witnessed: u64,
    ) -> Option<Refresh> {
        let page = self.pages.get(account);
        let open = page.and_then(|page| page.terms.get(&contract)).and_then(|terms| terms.window);
        let current = open.map_or(0, |window| window.period.index);
        let since = now.min(witnessed).checked_sub(cycle.starts)?;
        let index = since.checked_div(cycle.seconds)?;
        (index > current).then(|| Refresh {
            account: account.clone(),
            period: cycle.period(index),
            witnessed,
        })
    }
}
