//! A million operations with crashes, races, clock jumps and restored backups, beside a reference that counts
//! in 128 bits what really left. Each planted bug is one that such a run has to find.

use serde_json::{Value, json};

use super::{super::*, DAY, STARTS, account, query, time};
use crate::{
    ids::ContractId,
    log::{Entry, Kind},
};

/// SplitMix64 (Steele, Lea and Flood 2014): seeded, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

/// What a run may do wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    None,
    /// Bytes leave before the spend is durable, and a crash gives open reservations back.
    LeavesEarly,
    /// A restored backup is taken for the truth.
    TrustsBackups,
    /// A new period needs our own clock only.
    OwnClock,
    /// What was read before is booked without looking again.
    Races,
}

const ASKERS: u64 = 3;
const LIMIT: Amount = Amount { nano_rho: 25_000, atto_delta: 42_000 };
const CEILING: Amount = Amount { nano_rho: 60_000, atto_delta: 100_000 };
const CYCLE: Cycle =
    Cycle { starts: STARTS, seconds: 30 * DAY, limit: Amount { nano_rho: 2_500, atto_delta: 4_500 } };

/// What really left, counted apart from any book.
#[derive(Clone, Copy, Default)]
struct Left {
    rho: u128,
    delta: u128,
}

impl Left {
    fn add(&mut self, price: Amount) {
        self.rho += u128::from(price.nano_rho);
        self.delta += u128::from(price.atto_delta);
    }

    fn above(&self, limit: Amount) -> bool {
        self.rho > u128::from(limit.nano_rho) || self.delta > u128::from(limit.atto_delta)
    }
}

/// A question that is on its way in the process that runs now.
#[derive(Clone)]
struct Running {
    reserve: u64,
    query: QueryId,
    contract: ContractId,
    asker: u64,
    price: Amount,
    /// The period in which it was charged, under the contract that has periods.
    month: Option<u64>,
    left: bool,
}

struct World {
    dice: Dice,
    bug: Bug,
    book: Book,
    log: Vec<Entry>,
    /// Records that are on the disk for sure; told to somebody only if they are.
    durable: usize,
    running: Vec<Running>,
    /// The true time, which the partner's clock shows, and how far ours is off it.
    truth: u64,
    off: i64,
    fresh: u64,
    /// What left, by asker.
    left: Vec<Left>,
    /// What left, by asker and period in which it was charged, under the contract that has periods.
    monthly: HashMap<(u64, u64), Left>,
    /// What the partner has on record for each asker: the most that our book ever showed it.
    mirror: Vec<Amount>,
    overspent: bool,
}

impl World {
    fn new(seed: u64, bug: Bug) -> Self {
        Self {
            dice: Dice(seed),
            bug,
            book: Book::default(),
            log: Vec::new(),
            durable: 0,
            running: Vec::new(),
            truth: STARTS,
            off: 0,
            fresh: 0,
            left: vec![Left::default(); ASKERS as usize],
            monthly: HashMap::new(),
            mirror: vec![Amount::ZERO; ASKERS as usize],
            overspent: false,
        }
    }

    fn now(&self) -> u64 {
        self.truth.saturating_add_signed(self.off)
    }

    fn month(&self) -> u64 {
        (self.truth - STARTS) / CYCLE.seconds
    }

    fn write(
        &mut self,
        kind: Kind,
        query: Option<QueryId>,
        contract: Option<ContractId>,
        body: Value,
    ) -> Result<u64, BookFault> {
        let entry = Entry {
            seq: self.book.size() + 1,
            time: time(self.now().max(self.book.time().second)),
            kind,
            query,
            contract,
            partner: None,
            what: "E-TEST".to_owned(),
            body,
        };
        self.book.apply(&entry)?;
        let seq = entry.seq;
        self.log.push(entry);
        Ok(seq)
    }

    /// The group is on the disk; the partner hears of it.
    fn sync(&mut self) {
        self.durable = self.log.len();
        for asker in 0..ASKERS {
            let used = self.book.balance(&account(asker as u8)).used();
            let seen = &mut self.mirror[asker as usize];
            seen.nano_rho = seen.nano_rho.max(used.nano_rho);
            seen.atto_delta = seen.atto_delta.max(used.atto_delta);
        }
    }

    fn wish(&mut self) -> (u64, ContractId, Wish) {
        let asker = self.dice.below(ASKERS);
        let months = self.dice.below(2) == 1;
        let price = Amount { nano_rho: 1 + self.dice.below(900), atto_delta: self.dice.below(1_500) };
        let wish = Wish {
            account: account(asker as u8),
            price,
            limit: LIMIT,
            cycle: months.then_some(CYCLE),
            ceiling: Some(CEILING),
        };
        (asker, ContractId::new([if months { 9 } else { 8 }; 32]), wish)
    }

    fn ask(&mut self) {
        let (asker, contract, wish) = self.wish();
        if let Some(cycle) = wish.cycle {
            let witness = if self.bug == Bug::OwnClock { u64::MAX } else { self.truth };
            if let Some(refresh) = self.book.due(contract, &wish.account, cycle, self.now(), witness) {
                self.write(Kind::Refresh, None, Some(contract), json!(refresh)).unwrap();
            }
        }
        let Ok(charge) = self.book.room(contract, &wish, self.now()) else { return };
        self.reserve(asker, contract, &charge);
        if self.dice.below(4) == 0 {
            // Somebody who read the balance at the same time.
            if self.bug == Bug::Races {
                self.hurry(asker, contract, &charge);
            } else {
                let size = self.book.size();
                self.fresh += 1;
                let body = json!({ "charge": charge });
                assert!(self.write(Kind::Reserve, Some(query(self.fresh)), Some(contract), body).is_err());
                assert_eq!(self.book.size(), size);
            }
        }
        self.sync();
    }

    fn reserve(&mut self, asker: u64, contract: ContractId, charge: &Charge) {
        self.fresh += 1;
        let query = query(self.fresh);
        let body = json!({ "charge": charge });
        let reserve = self.write(Kind::Reserve, Some(query), Some(contract), body).unwrap();
        let (price, month) = (charge.price, charge.period.map(|period| period.index));
        // A budget that is not due yet is one too many.
        self.overspent |= month > Some(self.month());
        self.running.push(Running { reserve, query, contract, asker, price, month, left: false });
    }

    /// Books what was checked a moment ago, without a reservation of its own.
    fn hurry(&mut self, asker: u64, contract: ContractId, charge: &Charge) {
        let month = charge.period.map(|period| period.index);
        let query = query(u64::MAX - self.fresh);
        let run = Running { reserve: 0, query, contract, asker, price: charge.price, month, left: false };
        self.leave(&run);
    }

    /// The first byte that depends on data.
    fn leave(&mut self, run: &Running) {
        self.left[run.asker as usize].add(run.price);
        if let Some(month) = run.month {
            let left = self.monthly.entry((run.asker, month)).or_default();
            left.add(run.price);
            self.overspent |= left.above(CYCLE.limit);
        }
        let all = self.left.iter().fold(Left::default(), |mut sum, left| {
            sum.rho += left.rho;
            sum.delta += left.delta;
            sum
        });
        self.overspent |= self.left[run.asker as usize].above(LIMIT) || all.above(CEILING);
    }

    fn go_on(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let at = self.dice.below(self.running.len() as u64) as usize;
        let run = self.running[at].clone();
        let body = json!({ "reserve": run.reserve });
        let (query, contract) = (Some(run.query), Some(run.contract));
        if !run.left {
            if self.dice.below(5) == 0 {
                let body = json!({ "reserve": run.reserve, "refunded": true });
                self.write(Kind::Abort, query, contract, body).unwrap();
                self.running.swap_remove(at);
            } else if self.bug == Bug::LeavesEarly {
                self.leave(&run);
                self.running[at].left = true;
            } else {
                self.write(Kind::Spend, query, contract, body).unwrap();
                if self.dice.below(100) == 0 {
                    // The record is written and not yet on the disk, so nothing leaves.
                    return self.crash();
                }
                self.sync();
                self.leave(&run);
                self.running[at].left = true;
            }
            return;
        }
        if self.bug == Bug::LeavesEarly {
            self.write(Kind::Spend, query, contract, body.clone()).unwrap();
        }
        let kind = if self.dice.below(4) == 0 { Kind::Abort } else { Kind::Answer };
        self.write(kind, query, contract, body).unwrap();
        self.running.swap_remove(at);
        if self.dice.below(2) == 0 {
            self.sync();
        }
    }

    /// The machine dies: of what was not yet durable, any first part may have reached the disk.
    fn crash(&mut self) {
        let unsure = (self.log.len() - self.durable) as u64;
        let kept = self.durable + self.dice.below(unsure + 1) as usize;
        self.log.truncate(kept);
        self.start();
    }

    /// A process begins with the log as it finds it.
    fn start(&mut self) {
        self.running.clear();
        self.book = Book::default();
        for entry in &self.log {
            self.book.apply(entry).unwrap();
        }
        let open: Vec<(u64, Run)> = self.book.open().map(|(reserve, run)| (reserve, run.clone())).collect();
        for (reserve, run) in open {
            let refunded = self.bug == Bug::LeavesEarly && !run.spent;
            let body = json!({ "reserve": reserve, "refunded": refunded });
            self.write(Kind::Abort, Some(run.query), run.contract, body).unwrap();
        }
        self.sync();
    }

    /// Somebody puts an older state back; the partner's record is larger, and what is missing counts as spent.
    fn restore(&mut self) {
        let kept = self.dice.below(self.log.len() as u64 + 1) as usize;
        let mirror = self.mirror.clone();
        self.log.truncate(kept);
        self.durable = kept;
        self.start();
        if self.bug == Bug::TrustsBackups {
            return;
        }
        let lost = (0..ASKERS)
            .map(|asker| {
                let account = account(asker as u8);
                let known = mirror[asker as usize].less(self.book.balance(&account).used());
                // Now and then nobody knows: zero credit.
                let amount = if self.dice.below(8) == 0 { LIMIT } else { known };
                Lost { account, amount }
            })
            .collect();
        self.write(Kind::Recovery, None, None, json!(Recovery { witnessed: self.truth, lost })).unwrap();
        self.sync();
    }

    fn jump(&mut self) {
        self.off = match self.dice.below(4) {
            0 => -(DAY as i64),
            1 => 400 * DAY as i64,
            2 => self.dice.below(60 * DAY) as i64 - 30 * DAY as i64,
            _ => 0,
        };
    }

    fn step(&mut self) {
        self.truth += self.dice.below(DAY / 2);
        match self.dice.below(1_000) {
            0..=2 => self.crash(),
            3 => self.restore(),
            4..=13 => self.jump(),
            14..=500 => self.ask(),
            _ => self.go_on(),
        }
        // Never less on record than left; so what is refused on record's word is refused in truth.
        for asker in 0..ASKERS {
            let used = self.book.balance(&account(asker as u8)).used();
            let short = self.left[asker as usize].above(used);
            assert!(!short || self.bug != Bug::None, "more left than stands on record");
        }
    }
}

fn lives(first: u64, count: u64, steps: u64, bug: Bug) -> (u64, u64) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let part = |thread: u64| {
        let (mut overspent, mut left) = (0, 0);
        for seed in (first..first + count).filter(|seed| seed % threads == thread) {
            let mut world = World::new(seed, bug);
            (0..steps).for_each(|_| world.step());
            overspent += u64::from(world.overspent);
            left += u64::from(world.left.iter().any(|left| left.rho > 0));
        }
        (overspent, left)
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
        parts
            .into_iter()
            .map(|part| part.join().unwrap())
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    })
}

#[test]
fn a_million_operations_overspend_nothing() {
    let (overspent, busy) = lives(1, 2_000, 500, Bug::None);
    assert_eq!(overspent, 0);
    assert_eq!(busy, 2_000, "in every life something was answered");
}

#[test]
fn every_planted_bug_is_found_by_the_same_run() {
    for bug in [Bug::LeavesEarly, Bug::TrustsBackups, Bug::OwnClock, Bug::Races] {
        assert!(lives(1, 60, 500, bug).0 > 0, "{bug:?}");
    }
}
