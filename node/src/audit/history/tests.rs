//! A small log to test with, and the tests of the fold.

use serde_json::json;
use tacit_protocol::{
    ids::{ContractId, QueryId},
    log::{Account, Amount},
};

use super::*;

/// An amount of ρ alone.
pub fn price(nano_rho: u64) -> Amount {
    Amount { nano_rho, atto_delta: 0 }
}

/// The node whose log it is.
pub const OWNER: PartnerId = PartnerId::new([0xb0; 32]);
/// The node that asks it.
pub const ASKER: PartnerId = PartnerId::new([0xa0; 32]);
/// The contract of every question.
pub const CONTRACT: ContractId = ContractId::new([0xc0; 32]);

/// Makes a log, a record a minute.
pub struct Log {
    pub entries: Vec<Entry>,
    used: u64,
}

impl Log {
    /// With its first record.
    pub fn new() -> Self {
        let mut log = Self { entries: Vec::new(), used: 0 };
        log.push(Kind::Open, None, "opened", json!({ "node": OWNER, "name": "bank" }));
        log
    }

    /// The same again.
    pub fn copy(other: &Self) -> Self {
        Self { entries: other.entries.clone(), used: other.used }
    }

    /// Adds a record; its number.
    pub fn push(&mut self, kind: Kind, query: Option<u8>, what: &str, body: Value) -> u64 {
        let seq = self.entries.len() as u64 + 1;
        let start: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let time = start + jiff::SignedDuration::from_secs(60 * (seq as i64 - 1));
        let of_question = query.is_some() && kind != Kind::Refusal;
        self.entries.push(Entry {
            seq,
            time: time.to_string(),
            kind,
            query: query.map(|byte| QueryId::new([byte; 32])),
            contract: of_question.then_some(CONTRACT),
            partner: query.map(|_| "brand".to_owned()),
            what: what.to_owned(),
            body,
        });
        seq
    }

    /// A priced question of the asker about the owner's customers, with a limit of 100.
    pub fn reserve(&mut self, query: u8, amount: Amount) -> u64 {
        let before = self.used;
        self.used += amount.nano_rho;
        let account = Account {
            owner: OWNER,
            population: "customers".to_owned(),
            unit: "customer".to_owned(),
            asker: ASKER,
        };
        let charge = json!({
            "account": account, "price": amount, "limit": price(100),
            "before": price(before), "after": price(self.used),
        });
        let body = json!({
            "purpose": "joint-marketing", "legal_basis": "consent", "question": hex(query), "charge": charge,
            "epsilon": "0.5", "snapshot": hex(0x5a),
            "shape": { "kind": "aggregate", "tables": [["bank", "accounts"]], "uses": [["bank", "accounts", "region", "group"]] },
        });
        self.push(Kind::Reserve, Some(query), "is asked", body)
    }

    /// Its release point.
    pub fn spend(&mut self, query: u8, reserve: u64) -> u64 {
        self.push(Kind::Spend, Some(query), "first data-dependent message", json!({ "reserve": reserve }))
    }

    /// Its answer.
    pub fn answer(&mut self, query: u8, reserve: u64) -> u64 {
        let outcome = json!({ "transcript": hex(query ^ 0xff), "snapshot": hex(0x5a) });
        self.push(Kind::Answer, Some(query), "served", json!({ "reserve": reserve, "outcome": outcome }))
    }

    /// Its abort.
    pub fn abort(&mut self, query: u8, reserve: u64, refunded: bool) -> u64 {
        if refunded && let Some(charge) = charge(&self.entries[reserve as usize - 1].body) {
            self.used -= charge.price.nano_rho;
        }
        let body = json!({ "reserve": reserve, "refunded": refunded });
        self.push(Kind::Abort, Some(query), "E-LINK-LOST", body)
    }

    /// A day of every kind of record.
    pub fn full() -> Self {
        let mut log = Self::new();
        log.push(Kind::Partner, None, "added", json!({ "id": ASKER, "addresses": ["brand:4433"] }));
        log.push(Kind::Dataset, None, "registered", json!({ "dataset": "accounts", "snapshot": hex(0x5a) }));
        let accepted =
            log.push(Kind::Contract, None, "accepted", json!({ "name": "offers", "state": "in force" }));
        log.entries[accepted as usize - 1].contract = Some(CONTRACT);
        let one = log.reserve(1, price(10));
        log.spend(1, one);
        log.answer(1, one);
        log.push(
            Kind::Withdrawal,
            None,
            "withdrawn",
            json!({ "batch": 1, "dataset": null, "identifiers": 3, "malformed": 1 }),
        );
        let two = log.reserve(2, price(20));
        log.abort(2, two, true);
        log.push(Kind::Refusal, Some(3), "E-POLICY-COLUMN-USE", json!({ "question_sha256": hex(3) }));
        log.push(
            Kind::Approval,
            None,
            "approved",
            json!({ "approval": "a1", "by": "Wei", "question": hex(4) }),
        );
        let four = log.reserve(4, price(30));
        log.spend(4, four);
        log.abort(4, four, false);
        log.push(Kind::Key, None, "certificate rotated", json!({ "announced_to": ["brand"] }));
        log.push(Kind::Config, None, "settings", json!({ "changed": ["limits.max_items"] }));
        log.push(Kind::Refusal, Some(5), "E-BUDGET-EXHAUSTED", json!({ "question_sha256": hex(5) }));
        log
    }
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

#[test]
fn a_question_has_the_ending_that_its_records_say() {
    let log = Log::full();
    let history = History::new(&log.entries, Window::default());
    let endings: Vec<Ending> = history.runs.iter().map(Run::ending).collect();
    assert_eq!(endings, [Ending::Answered, Ending::Refunded, Ending::Revealed]);
    assert_eq!(history.runs[0].seconds(), Some(120.0));
    assert_eq!(history.runs[0].side, Side::Owner);
    assert_eq!((history.me, history.orphans.len()), (Some(OWNER), 0));
    assert_eq!(history.refusals()["E-POLICY-COLUMN-USE"], 1);
}

#[test]
fn records_that_belong_to_nothing_are_kept_apart() {
    let mut log = Log::new();
    let one = log.reserve(1, price(1));
    log.spend(1, one);
    log.spend(1, one);
    log.spend(2, 77);
    let history = History::new(&log.entries, Window::default());
    assert_eq!(history.orphans.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(history.runs[0].ending(), Ending::Open);
}

#[test]
fn a_window_shows_its_own_records_and_folds_the_earlier_ones() {
    let log = Log::full();
    let at = |text: &str| Some(text.parse().unwrap());
    let window = Window { from: at("2026-12-01T08:07:00Z"), to: at("2026-12-01T08:11:00Z") };
    let history = History::new(&log.entries, window);
    assert_eq!(history.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [8, 9, 10, 11]);
    assert_eq!((history.runs.len(), history.earlier.len(), history.all.len()), (1, 1, 11));
    assert_eq!(history.orphans.len(), 0);
}
