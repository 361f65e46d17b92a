//! One record after the other: what each kind does to the book, and which rule it may break.

use serde::Deserialize;

use super::{
    Book, BookFault, BudgetFault, Cycle, Lost, Moment, Past, Recovery, Refresh, Run, Wish,
    page::{Page, Terms, window_at},
};
use crate::{
    ids::ContractId,
    log::{Account, Charge, Entry, Kind},
};

/// How often a reservation that was paid for and came to nothing is taken up again.
const MOST_RESUMED: u8 = 3;

/// The part of a `reserve` body that counts.
#[derive(Deserialize)]
struct ReserveBody {
    charge: Option<Charge>,
    replays: Option<u64>,
    resumes: Option<u64>,
}

/// The part of a `spend` or `answer` body that counts.
#[derive(Deserialize)]
struct OfReserve {
    reserve: u64,
}

/// The part of an `abort` body that counts.
#[derive(Deserialize)]
struct AbortBody {
    reserve: u64,
    #[serde(default)]
    refunded: bool,
}

impl Book {
    /// Books the next record.
    ///
    /// # Errors
    /// The rule that it breaks; the book is as it was then.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), BookFault> {
        if entry.seq != self.size + 1 {
            return Err(BookFault::OutOfOrder { expected: self.size + 1, found: entry.seq });
        }
        let time = Moment::read(&entry.time).ok_or(BookFault::TimeUnreadable)?;
        if time < self.time {
            return Err(BookFault::TimeWentBack);
        }
        match entry.kind {
            Kind::Reserve => self.reserve(entry, time.second)?,
            Kind::Spend => self.spend(entry)?,
            Kind::Answer => self.answer(entry)?,
            Kind::Abort => self.abort(entry)?,
            Kind::Refusal => self.refuse(entry),
            Kind::Refresh => self.refresh(entry, time.second)?,
            Kind::Recovery => self.recover(entry, time.second)?,
            Kind::Open
            | Kind::Contract
            | Kind::Approval
            | Kind::Withdrawal
            | Kind::Partner
            | Kind::Dataset
            | Kind::Model
            | Kind::Key
            | Kind::Config
            | Kind::Export
            | Kind::Dropped => {}
        }
        self.size = entry.seq;
        self.time = time;
        Ok(())
    }

    fn reserve(&mut self, entry: &Entry, second: u64) -> Result<(), BookFault> {
        let query = entry.query.ok_or(BookFault::NoQuestion(entry.kind))?;
        if let Some(Past::Open { reserve } | Past::Answered { reserve, .. } | Past::Aborted { reserve, .. }) =
            self.questions.get(&query)
        {
            return Err(BookFault::QuestionReserved { before: *reserve });
        }
        let ReserveBody { charge, replays, resumes } = body(entry)?;
        if let Some(answer) = replays {
            // A repeated answer costs nothing because nothing new is learned; so there has to be one.
            if charge.is_some() {
                return Err(BookFault::BodyUnreadable(entry.kind));
            }
            if self.answers.get(&answer) != Some(&entry.contract) {
                return Err(BookFault::RepeatsNothing { answer });
            }
        }
        let resumes = match resumes {
            // LOG-21: what is taken up again was paid for, and one at a time takes it up.
            Some(_) if charge.is_some() || replays.is_some() => {
                return Err(BookFault::BodyUnreadable(entry.kind));
            }
            Some(reserve) => match self.unfinished.get(&reserve) {
                Some((contract, left)) if *contract == entry.contract => {
                    let left = *left;
                    self.unfinished.remove(&reserve);
                    Some((reserve, left))
                }
                _ => return Err(BookFault::ResumesNothing { reserve }),
            },
            None => None,
        };
        let price = match charge {
            Some(charge) => {
                let contract = entry.contract.ok_or(BookFault::NoContract(entry.kind))?;
                self.charge(contract, &charge, second)?;
                Some((charge.account, charge.price))
            }
            None => None,
        };
        let run = Run {
            query,
            contract: entry.contract,
            partner: entry.partner.clone(),
            price,
            spent: false,
            repeats: replays,
            resumes,
            second,
        };
        self.open.insert(entry.seq, run);
        self.questions.insert(query, Past::Open { reserve: entry.seq });
        Ok(())
    }

    /// Books a charge: that of [`room`](Self::room) and no other.
    fn charge(&mut self, contract: ContractId, charge: &Charge, second: u64) -> Result<(), BookFault> {
        let wish = Wish {
            account: charge.account.clone(),
            price: charge.price,
            limit: charge.limit,
            cycle: charge.period.map(Cycle::from),
            ceiling: charge.ceiling,
        };
        let room = self.room(contract, &wish, second).map_err(BookFault::Budget)?;
        if room != *charge {
            return Err(BookFault::BalancesDiffer);
        }
        let page = self.pages.entry(charge.account.clone()).or_default();
        let window = match (page.terms.get(&contract).and_then(|terms| terms.window), wish.cycle) {
            (None, Some(cycle)) => Some(window_at(Some(page), cycle, 0).map_err(BookFault::Budget)?),
            (open, _) => open,
        };
        page.terms.insert(contract, Terms { limit: Some(charge.limit), window });
        page.balance.reserved = page.balance.reserved.plus_at_most(charge.price);
        page.count(charge.price, second);
        Ok(())
    }

    fn spend(&mut self, entry: &Entry) -> Result<(), BookFault> {
        let OfReserve { reserve } = body(entry)?;
        let run = self.of(entry, reserve)?;
        if run.spent {
            return Err(BookFault::SpentBefore);
        }
        run.spent = true;
        if let Some((account, price)) = run.price.clone() {
            self.page(&account).settle(price);
        }
        Ok(())
    }

    fn answer(&mut self, entry: &Entry) -> Result<(), BookFault> {
        let OfReserve { reserve } = body(entry)?;
        let run = self.of(entry, reserve)?;
        if !run.spent && run.repeats.is_none() {
            return Err(BookFault::NotSpent);
        }
        let query = run.query;
        self.open.remove(&reserve);
        self.answers.insert(entry.seq, entry.contract);
        self.questions.insert(query, Past::Answered { reserve, answer: entry.seq });
        Ok(())
    }

    fn abort(&mut self, entry: &Entry) -> Result<(), BookFault> {
        let AbortBody { reserve, refunded } = body(entry)?;
        let run = self.of(entry, reserve)?;
        if run.spent && refunded {
            return Err(BookFault::RefundedAfterSpend);
        }
        let (query, spent, second, resumes) = (run.query, run.spent, run.second, run.resumes);
        let kept = run.price.is_some() && !refunded;
        if let Some((account, price)) = run.price.clone() {
            match (spent, refunded) {
                (true, _) => {}
                (false, true) => self.page(&account).refund(price, second),
                (false, false) => self.page(&account).settle(price),
            }
        }
        self.open.remove(&reserve);
        match resumes {
            Some((paid, left)) if left > 1 => drop(self.unfinished.insert(paid, (entry.contract, left - 1))),
            None if kept => drop(self.unfinished.insert(reserve, (entry.contract, MOST_RESUMED))),
            _ => {}
        }
        let code = entry.what.as_str().into();
        self.questions.insert(query, Past::Aborted { reserve, abort: entry.seq, code });
        Ok(())
    }

    /// The first word on a question stays: refusing an id that is in use is about the second asking.
    fn refuse(&mut self, entry: &Entry) {
        if let Some(query) = entry.query {
            let refused = || Past::Refused { refusal: entry.seq, code: entry.what.as_str().into() };
            self.questions.entry(query).or_insert_with(refused);
        }
    }

    fn refresh(&mut self, entry: &Entry, second: u64) -> Result<(), BookFault> {
        let contract = entry.contract.ok_or(BookFault::NoContract(entry.kind))?;
        let Refresh { account, period, witnessed } = body(entry)?;
        let cycle = Cycle::from(period);
        let page = self.pages.get(&account);
        let terms = page.and_then(|page| page.terms.get(&contract)).cloned().unwrap_or_default();
        let current = match terms.window {
            Some(window) if Cycle::from(window.period) != cycle => {
                return Err(BookFault::Budget(BudgetFault::LimitsDiffer));
            }
            // Charged before, and without periods.
            None if terms.limit.is_some() => return Err(BookFault::Budget(BudgetFault::LimitsDiffer)),
            Some(window) => window.period.index,
            None => 0,
        };
        if period.index <= current {
            return Err(BookFault::PeriodBackwards { index: period.index, current });
        }
        let window = window_at(page, cycle, period.index).map_err(BookFault::Budget)?;
        if second.min(witnessed) < window.from() {
            return Err(BookFault::PeriodEarly);
        }
        let terms = Terms { window: Some(window), ..terms };
        self.pages.entry(account).or_default().terms.insert(contract, terms);
        Ok(())
    }

    fn recover(&mut self, entry: &Entry, second: u64) -> Result<(), BookFault> {
        let Recovery { witnessed, lost } = body(entry)?;
        for Lost { account, amount } in lost {
            let page = self.pages.entry(account).or_default();
            page.balance.spent = page.balance.spent.plus_at_most(amount);
            page.count(amount, second.max(witnessed));
        }
        Ok(())
    }

    /// The open reservation that a record names, if it is this question's.
    fn of(&mut self, entry: &Entry, reserve: u64) -> Result<&mut Run, BookFault> {
        let query = entry.query.ok_or(BookFault::NoQuestion(entry.kind))?;
        match self.open.get_mut(&reserve) {
            Some(run) if run.query == query && run.contract == entry.contract => Ok(run),
            _ => Err(BookFault::NotOpen { reserve }),
        }
    }

    fn page(&mut self, account: &Account) -> &mut Page {
        self.pages.entry(account.clone()).or_default()
    }
}

/// The part of a record's body that counts.
fn body<'de, T: Deserialize<'de>>(entry: &'de Entry) -> Result<T, BookFault> {
    T::deserialize(&entry.body).map_err(|_| BookFault::BodyUnreadable(entry.kind))
}
