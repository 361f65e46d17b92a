//! The rules one by one; a run of a million operations against a reference stands in `simulation`.

mod simulation;

use serde_json::{Value, json};

use super::*;
use crate::ids::PartnerId;
use crate::log::{Entry, Kind};

const DAY: u64 = 86_400;
/// 2026-12-01T00:00:00Z.
const STARTS: u64 = 1_796_083_200;
const C1: ContractId = ContractId::new([1; 32]);
const C2: ContractId = ContractId::new([2; 32]);

pub(super) fn amount(nano_rho: u64) -> Amount {
    Amount { nano_rho, atto_delta: 0 }
}

pub(super) fn account(asker: u8) -> Account {
    Account {
        owner: PartnerId::new([7; 32]),
        population: "customers".to_owned(),
        unit: "customer".to_owned(),
        asker: PartnerId::new([asker; 32]),
    }
}

fn wish(asker: u8, price: u64, limit: u64) -> Wish {
    Wish { account: account(asker), price: amount(price), limit: amount(limit), cycle: None, ceiling: None }
}

pub(super) fn query(number: u64) -> QueryId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&number.to_le_bytes());
    QueryId::new(id)
}

/// Unix seconds as records have them, without a calendar library.
pub(super) fn time(second: u64) -> String {
    let (days, rest) = (second / DAY, second % DAY);
    let (mut year, mut month, mut day) = (1970, 1, days);
    let length = |year: u64, month: u64| match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    while day >= length(year, month) {
        day -= length(year, month);
        (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    }
    format!("{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z", day + 1, rest / 3600, rest / 60 % 60, rest % 60)
}

/// A book that writes its own next record.
struct Desk {
    book: Book,
    second: u64,
    fresh: u64,
}

impl Desk {
    fn new() -> Self {
        Self { book: Book::default(), second: STARTS, fresh: 0 }
    }

    fn entry(
        &self,
        kind: Kind,
        query: Option<QueryId>,
        contract: Option<ContractId>,
        what: &str,
        body: Value,
    ) -> Entry {
        Entry {
            seq: self.book.size() + 1,
            time: time(self.second.max(self.book.time().second)),
            kind,
            query,
            contract,
            partner: Some("brand".to_owned()),
            what: what.to_owned(),
            body,
        }
    }

    fn write(
        &mut self,
        kind: Kind,
        query: Option<QueryId>,
        contract: Option<ContractId>,
        body: Value,
    ) -> Result<u64, BookFault> {
        let entry = self.entry(kind, query, contract, "E-TEST", body);
        self.book.apply(&entry).map(|()| entry.seq)
    }

    /// Asks for room and reserves; the record and the question.
    fn reserve(&mut self, contract: ContractId, wish: &Wish) -> Result<(u64, QueryId), BudgetFault> {
        let charge = self.book.room(contract, wish, self.second)?;
        self.fresh += 1;
        let query = query(self.fresh);
        let body = json!({ "charge": charge });
        Ok((self.write(Kind::Reserve, Some(query), Some(contract), body).unwrap(), query))
    }

    fn spend(&mut self, contract: ContractId, (reserve, query): (u64, QueryId)) -> Result<u64, BookFault> {
        self.write(Kind::Spend, Some(query), Some(contract), json!({ "reserve": reserve }))
    }

    fn answer(&mut self, contract: ContractId, (reserve, query): (u64, QueryId)) -> Result<u64, BookFault> {
        self.write(Kind::Answer, Some(query), Some(contract), json!({ "reserve": reserve }))
    }

    fn abort(
        &mut self,
        contract: ContractId,
        (reserve, query): (u64, QueryId),
        refunded: bool,
    ) -> Result<u64, BookFault> {
        let body = json!({ "reserve": reserve, "refunded": refunded });
        self.write(Kind::Abort, Some(query), Some(contract), body)
    }

    fn refresh(&mut self, contract: ContractId, refresh: &Refresh) -> Result<u64, BookFault> {
        self.write(Kind::Refresh, None, Some(contract), json!(refresh))
    }
}

fn monthly(limit: u64) -> Cycle {
    Cycle { starts: STARTS, seconds: 30 * DAY, limit: amount(limit) }
}

#[test]
fn a_question_goes_from_reserved_to_spent_and_to_no_other_place() {
    let mut desk = Desk::new();
    let run = desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    assert_eq!(desk.book.balance(&account(1)), Balance { reserved: amount(10), spent: amount(0) });
    assert_eq!(desk.answer(C1, run), Err(BookFault::NotSpent));
    desk.spend(C1, run).unwrap();
    let spent = Balance { reserved: amount(0), spent: amount(10) };
    assert_eq!(desk.book.balance(&account(1)), spent);
    assert_eq!(desk.spend(C1, run), Err(BookFault::SpentBefore));
    assert_eq!(desk.abort(C1, run, true), Err(BookFault::RefundedAfterSpend));
    desk.answer(C1, run).unwrap();
    assert_eq!(desk.answer(C1, run), Err(BookFault::NotOpen { reserve: run.0 }));
    assert_eq!(desk.abort(C1, run, false), Err(BookFault::NotOpen { reserve: run.0 }));
    assert_eq!(desk.book.balance(&account(1)), spent);
    assert_eq!(desk.book.past(&run.1), Some(&Past::Answered { reserve: 1, answer: 3 }));
}

#[test]
fn an_abort_gives_back_only_what_was_not_spent_and_only_if_it_says_so() {
    let mut desk = Desk::new();
    let given = desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    let kept = desk.reserve(C1, &wish(1, 20, 100)).unwrap();
    let gone = desk.reserve(C1, &wish(1, 30, 100)).unwrap();
    desk.spend(C1, gone).unwrap();
    desk.abort(C1, given, true).unwrap();
    desk.abort(C1, kept, false).unwrap();
    desk.abort(C1, gone, false).unwrap();
    assert_eq!(desk.book.balance(&account(1)), Balance { reserved: amount(0), spent: amount(50) });
    assert_eq!(desk.book.open().count(), 0);
}

#[test]
fn each_column_has_its_own_limit() {
    let desk = Desk::new();
    let full = Amount { nano_rho: 100, atto_delta: 50 };
    let mut wish = Wish { limit: full, ..wish(1, 1, 0) };
    wish.price = full;
    assert_eq!(desk.book.room(C1, &wish, STARTS).map(|charge| charge.after), Ok(full));
    for price in [Amount { nano_rho: 101, atto_delta: 0 }, Amount { nano_rho: 1, atto_delta: 51 }] {
        wish.price = price;
        let refused = BudgetFault::Lifetime { left: full, price };
        assert_eq!(desk.book.room(C1, &wish, STARTS), Err(refused));
    }
    wish.price = Amount { nano_rho: 0, atto_delta: 1 };
    assert_eq!(desk.book.room(C1, &wish, STARTS), Err(BudgetFault::Free));
}

#[test]
fn sums_that_overflow_are_refused_not_wrapped() {
    let mut desk = Desk::new();
    desk.reserve(C1, &wish(1, u64::MAX - 1, u64::MAX)).unwrap();
    assert_eq!(desk.book.room(C1, &wish(1, 2, u64::MAX), STARTS), Err(BudgetFault::TooLarge));
    let period = Cycle { starts: u64::MAX, seconds: 1, limit: amount(1) };
    let late = Wish { cycle: Some(period), ..wish(2, 1, 9) };
    assert_eq!(desk.book.room(C2, &late, STARTS), Err(BudgetFault::NotBegun { starts: u64::MAX }));
    let none = Wish { cycle: Some(Cycle { seconds: 0, ..monthly(5) }), ..wish(2, 1, 9) };
    assert_eq!(desk.book.room(C2, &none, STARTS), Err(BudgetFault::PeriodLength));
}

#[test]
fn p20_a_hundred_malicious_aborts_drain_only_that_partners_account() {
    let mut desk = Desk::new();
    for _ in 0..100 {
        if let Ok(run) = desk.reserve(C1, &wish(1, 3, 200)) {
            desk.spend(C1, run).unwrap();
            desk.abort(C1, run, false).unwrap();
        }
    }
    assert_eq!(desk.book.balance(&account(1)).spent, amount(198));
    assert_eq!(desk.book.balance(&account(2)), Balance::default());
    desk.reserve(C2, &wish(2, 200, 200)).unwrap();
}

#[test]
fn f04_one_partner_uses_its_budget_up_and_the_others_share_is_untouched() {
    let mut desk = Desk::new();
    let ceiling = Some(amount(200));
    desk.reserve(C1, &Wish { ceiling, ..wish(1, 100, 100) }).unwrap();
    let more = Wish { ceiling, ..wish(1, 1, 100) };
    let refused = BudgetFault::Lifetime { left: amount(0), price: amount(1) };
    assert_eq!(desk.reserve(C1, &more), Err(refused));
    desk.reserve(C2, &Wish { ceiling, ..wish(2, 100, 100) }).unwrap();
}

#[test]
fn b11_the_owners_ceiling_stands_above_partners_who_collude() {
    let mut desk = Desk::new();
    let ask = |asker, price| Wish { ceiling: Some(amount(150)), ..wish(asker, price, 100) };
    desk.reserve(C1, &ask(1, 100)).unwrap();
    let refused = BudgetFault::Ceiling { left: amount(50), price: amount(51) };
    assert_eq!(desk.reserve(C2, &ask(2, 51)), Err(refused));
    desk.reserve(C2, &ask(2, 50)).unwrap();
    assert!(matches!(desk.reserve(C2, &ask(3, 1)), Err(BudgetFault::Ceiling { .. })));
    // Another population has its own.
    let mut other = ask(3, 100);
    other.account.population = "staff".to_owned();
    desk.reserve(C2, &other).unwrap();
}

#[test]
fn p22_of_64_parallel_questions_for_a_tenth_each_exactly_10_succeed() {
    let mut desk = Desk::new();
    // All 64 see the same room before any is booked; booking decides.
    let charges: Vec<Charge> =
        (0..64).map(|_| desk.book.room(C1, &wish(1, 10, 100), STARTS).unwrap()).collect();
    let mut booked = 0;
    for (number, mut charge) in charges.into_iter().enumerate() {
        let reserve = |desk: &mut Desk, charge: &Charge| {
            desk.write(Kind::Reserve, Some(query(number as u64)), Some(C1), json!({ "charge": charge }))
        };
        if number > 0 {
            // A balance that was true when it was read is not good enough.
            let stale = reserve(&mut desk, &charge).unwrap_err();
            assert!(matches!(stale, BookFault::BalancesDiffer | BookFault::Budget(_)));
        }
        charge.before = desk.book.balance(&account(1)).used();
        charge.after = charge.before.plus(charge.price).unwrap();
        match reserve(&mut desk, &charge) {
            Ok(_) => booked += 1,
            Err(fault) => assert!(matches!(fault, BookFault::Budget(BudgetFault::Lifetime { .. }))),
        }
    }
    assert_eq!(booked, 10);
    assert_eq!(desk.book.balance(&account(1)).used(), amount(100));
}

#[test]
fn p26_an_alias_a_view_a_second_analyst_and_a_second_contract_get_no_new_budget() {
    let mut desk = Desk::new();
    desk.reserve(C1, &wish(1, 90, 100)).unwrap();
    // Names of datasets, views and analysts are no part of an account, so there is nothing to vary but this:
    let refused = BudgetFault::Lifetime { left: amount(10), price: amount(11) };
    assert_eq!(desk.reserve(C2, &wish(1, 11, 100)), Err(refused));
    desk.reserve(C2, &wish(1, 10, 100)).unwrap();
    // A period's budget as well: what the first contract took this month is gone for the second.
    let mut desk = Desk::new();
    let ask = |price| Wish { cycle: Some(monthly(10)), ..wish(1, price, 100) };
    desk.reserve(C1, &ask(8)).unwrap();
    let next = STARTS + 30 * DAY;
    let refused = BudgetFault::Period { left: amount(2), price: amount(3), next };
    assert_eq!(desk.reserve(C2, &ask(3)), Err(refused));
    desk.reserve(C2, &ask(2)).unwrap();
    assert!(matches!(desk.reserve(C1, &ask(1)), Err(BudgetFault::Period { .. })));
}

#[test]
fn a_contract_that_changes_its_limits_is_another_contract() {
    let mut desk = Desk::new();
    let ask = Wish { cycle: Some(monthly(10)), ..wish(1, 1, 100) };
    desk.reserve(C1, &ask).unwrap();
    let longer = Cycle { seconds: 29 * DAY, ..monthly(10) };
    for edited in [
        Wish { limit: amount(101), ..ask.clone() },
        Wish { cycle: Some(monthly(11)), ..ask.clone() },
        Wish { cycle: Some(longer), ..ask.clone() },
        Wish { cycle: None, ..ask.clone() },
    ] {
        assert_eq!(desk.reserve(C1, &edited), Err(BudgetFault::LimitsDiffer));
    }
    let later = STARTS + 90 * DAY;
    assert!(desk.book.due(C1, &account(1), longer, later, later).is_some());
    desk.second = later;
    let refresh = desk.book.due(C1, &account(1), longer, later, later).unwrap();
    let fault = BookFault::Budget(BudgetFault::LimitsDiffer);
    assert_eq!(desk.refresh(C1, &refresh), Err(fault));
}

#[test]
fn a_period_ends_and_the_lifetime_goes_on() {
    let mut desk = Desk::new();
    let ask = |price| Wish { cycle: Some(monthly(60)), ..wish(1, price, 100) };
    desk.reserve(C1, &ask(60)).unwrap();
    assert!(matches!(desk.reserve(C1, &ask(1)), Err(BudgetFault::Period { .. })));
    // Five months later, not five budgets but the current one.
    desk.second = STARTS + 150 * DAY + 1;
    let refresh = desk.book.due(C1, &account(1), monthly(60), desk.second, desk.second).unwrap();
    assert_eq!(refresh.period.index, 5);
    desk.refresh(C1, &refresh).unwrap();
    assert_eq!(desk.book.due(C1, &account(1), monthly(60), desk.second, desk.second), None);
    let left = amount(40);
    let refused = BudgetFault::Lifetime { left, price: amount(60) };
    assert_eq!(desk.reserve(C1, &ask(60)), Err(refused));
    desk.reserve(C1, &ask(40)).unwrap();
}

#[test]
fn a_refund_goes_back_to_the_period_it_came_from() {
    let mut desk = Desk::new();
    let ask = |price| Wish { cycle: Some(monthly(10)), ..wish(1, price, 1000) };
    let old = desk.reserve(C1, &ask(10)).unwrap();
    desk.second = STARTS + 30 * DAY;
    let refresh = desk.book.due(C1, &account(1), monthly(10), desk.second, desk.second).unwrap();
    desk.refresh(C1, &refresh).unwrap();
    desk.reserve(C1, &ask(10)).unwrap();
    desk.abort(C1, old, true).unwrap();
    // The twin that subtracts from the open period would sell ten more here.
    assert!(matches!(desk.reserve(C1, &ask(1)), Err(BudgetFault::Period { left, .. }) if left == amount(0)));
    assert_eq!(desk.book.window(&account(1), C1).unwrap().used, amount(10));
}

#[test]
fn p23_d13_clocks_that_jump_open_no_period_early() {
    let mut desk = Desk::new();
    let ask = Wish { cycle: Some(monthly(10)), ..wish(1, 10, 1000) };
    desk.reserve(C1, &ask).unwrap();
    let due = |desk: &Desk, own, partner| desk.book.due(C1, &account(1), monthly(10), own, partner);
    // Our clock a day back, 400 days on, in 2038 and at the end of time; the partner's where it should be.
    for own in [STARTS - DAY, STARTS + 400 * DAY, 2_147_483_648, u64::MAX] {
        assert_eq!(due(&desk, own, STARTS + 29 * DAY), None, "{own}");
    }
    // The partner's clock alone gains nothing either.
    assert_eq!(due(&desk, STARTS + 29 * DAY, STARTS + 400 * DAY), None);
    // No partner has signed anything yet.
    assert_eq!(due(&desk, STARTS + 400 * DAY, 0), None);
    // A node that writes such a record all the same writes one that nobody accepts.
    let early =
        |index, witnessed| Refresh { account: account(1), period: monthly(10).period(index), witnessed };
    desk.second = STARTS + 400 * DAY;
    assert_eq!(desk.refresh(C1, &early(1, STARTS + 29 * DAY)), Err(BookFault::PeriodEarly));
    assert_eq!(desk.refresh(C1, &early(14, STARTS + 400 * DAY)), Err(BookFault::PeriodEarly));
    assert!(matches!(desk.reserve(C1, &ask), Err(BudgetFault::Period { .. })));
    // Back to the right time: records do not go back with the clock, and the period opens in its time.
    desk.second = STARTS + 31 * DAY;
    let refresh = due(&desk, desk.second, desk.second).unwrap();
    desk.refresh(C1, &refresh).unwrap();
    desk.reserve(C1, &ask).unwrap();
}

#[test]
fn d14_a_clock_that_swings_over_the_edge_opens_the_period_once() {
    let mut desk = Desk::new();
    let ask = Wish { cycle: Some(monthly(10)), ..wish(1, 10, 1000) };
    let mut answers = 0;
    let edge = STARTS + 30 * DAY;
    for swing in 0..100 {
        desk.second = if swing % 2 == 0 { edge - 1 } else { edge + 1 };
        if let Some(refresh) = desk.book.due(C1, &account(1), monthly(10), desk.second, edge + 1) {
            desk.refresh(C1, &refresh).unwrap();
            // The same record again, by a node that forgot.
            let again = BookFault::PeriodBackwards { index: 1, current: 1 };
            assert_eq!(desk.refresh(C1, &refresh), Err(again));
        }
        answers += u64::from(desk.reserve(C1, &ask).is_ok());
    }
    assert_eq!(answers, 2);
}

#[test]
fn d22_open_reservations_count_until_they_are_resolved() {
    let mut desk = Desk::new();
    for _ in 0..10 {
        desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    }
    assert!(desk.reserve(C1, &wish(1, 1, 100)).is_err());
    assert_eq!(desk.book.open().count(), 10);
    // The process dies; the next one closes what it finds.
    let runs: Vec<(u64, QueryId)> = desk.book.open().map(|(reserve, run)| (reserve, run.query)).collect();
    for run in runs {
        desk.abort(C1, run, false).unwrap();
    }
    assert_eq!(desk.book.balance(&account(1)), Balance { reserved: amount(0), spent: amount(100) });
    assert!(desk.reserve(C1, &wish(1, 1, 100)).is_err());
}

#[test]
fn a_lost_span_is_counted_as_spent() {
    let mut desk = Desk::new();
    desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    let lost = Recovery { witnessed: 0, lost: vec![Lost { account: account(1), amount: amount(100) }] };
    desk.write(Kind::Recovery, None, None, json!(lost)).unwrap();
    assert_eq!(desk.book.balance(&account(1)).used(), amount(110));
    let refused = BudgetFault::Lifetime { left: amount(0), price: amount(1) };
    assert_eq!(desk.reserve(C1, &wish(1, 1, 100)), Err(refused));
    desk.reserve(C2, &wish(2, 100, 100)).unwrap();
}

#[test]
fn a_lost_span_counts_in_the_period_that_the_partner_knows_even_if_our_clock_is_behind() {
    let mut desk = Desk::new();
    let edge = STARTS + 30 * DAY;
    let lost = vec![Lost { account: account(1), amount: amount(10) }];
    desk.second = edge - DAY;
    desk.write(Kind::Recovery, None, None, json!(Recovery { witnessed: edge + DAY, lost })).unwrap();
    desk.second = edge + DAY;
    let refresh = desk.book.due(C1, &account(1), monthly(10), desk.second, desk.second).unwrap();
    desk.refresh(C1, &refresh).unwrap();
    let ask = Wish { cycle: Some(monthly(10)), ..wish(1, 1, 1000) };
    assert!(matches!(desk.reserve(C1, &ask), Err(BudgetFault::Period { .. })));
}

#[test]
fn a_repeated_answer_is_free_and_has_to_be_one() {
    let mut desk = Desk::new();
    let run = desk.reserve(C1, &wish(1, 100, 100)).unwrap();
    let repeat = |desk: &mut Desk, number, contract, body| {
        desk.write(Kind::Reserve, Some(query(number)), Some(contract), body)
    };
    let early = repeat(&mut desk, 90, C1, json!({ "replays": 1 }));
    assert_eq!(early, Err(BookFault::RepeatsNothing { answer: 1 }));
    desk.spend(C1, run).unwrap();
    let answer = desk.answer(C1, run).unwrap();
    let other = repeat(&mut desk, 91, C2, json!({ "replays": answer }));
    assert_eq!(other, Err(BookFault::RepeatsNothing { answer }));
    let again = repeat(&mut desk, 92, C1, json!({ "replays": answer })).unwrap();
    desk.answer(C1, (again, query(92))).unwrap();
    assert_eq!(desk.book.balance(&account(1)).used(), amount(100));
    let both = json!({ "replays": answer, "charge": desk.book.room(C2, &wish(2, 1, 9), STARTS).unwrap() });
    assert_eq!(repeat(&mut desk, 93, C1, both), Err(BookFault::BodyUnreadable(Kind::Reserve)));
}

#[test]
fn log_21_what_was_paid_for_and_came_to_nothing_is_taken_up_again_three_times_at_most() {
    let mut desk = Desk::new();
    let take_up = |desk: &mut Desk, number, contract, reserve: u64| {
        desk.write(Kind::Reserve, Some(query(number)), Some(contract), json!({ "resumes": reserve }))
    };
    let nothing = |reserve| Err(BookFault::ResumesNothing { reserve });
    let run = desk.reserve(C1, &wish(1, 60, 100)).unwrap();
    assert_eq!(take_up(&mut desk, 80, C1, run.0), nothing(run.0), "it is under way");
    desk.spend(C1, run).unwrap();
    desk.abort(C1, run, false).unwrap();
    assert_eq!(take_up(&mut desk, 81, C2, run.0), nothing(run.0), "another contract's");
    let charge = desk.book.room(C1, &wish(1, 1, 100), STARTS).unwrap();
    let charged = json!({ "resumes": run.0, "charge": charge });
    let charged = desk.write(Kind::Reserve, Some(query(82)), Some(C1), charged);
    assert_eq!(charged, Err(BookFault::BodyUnreadable(Kind::Reserve)));
    for time in 0..3 {
        assert!(desk.book.is_unfinished(run.0));
        let again = take_up(&mut desk, 90 + time, C1, run.0).unwrap();
        assert_eq!(take_up(&mut desk, 70, C1, run.0), nothing(run.0), "one at a time");
        assert_eq!(take_up(&mut desk, 71, C1, again), nothing(again), "it paid for nothing");
        desk.spend(C1, (again, query(90 + time))).unwrap();
        desk.abort(C1, (again, query(90 + time)), false).unwrap();
    }
    assert_eq!(take_up(&mut desk, 94, C1, run.0), nothing(run.0), "too often");
    assert_eq!(desk.book.balance(&account(1)).used(), amount(60));
    // What was given back was not paid for; what was answered did not come to nothing.
    let back = desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    desk.abort(C1, back, true).unwrap();
    assert_eq!(take_up(&mut desk, 95, C1, back.0), nothing(back.0));
    let lost = desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    desk.abort(C1, lost, false).unwrap();
    let again = take_up(&mut desk, 96, C1, lost.0).unwrap();
    desk.spend(C1, (again, query(96))).unwrap();
    desk.answer(C1, (again, query(96))).unwrap();
    assert_eq!(take_up(&mut desk, 97, C1, lost.0), nothing(lost.0));
    assert_eq!(desk.book.balance(&account(1)).used(), amount(70));
}

#[test]
fn d08_a_question_is_reserved_once() {
    let mut desk = Desk::new();
    let run = desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    for _ in 0..100 {
        let charge = desk.book.room(C1, &wish(1, 10, 100), STARTS).unwrap();
        let again = desk.write(Kind::Reserve, Some(run.1), Some(C1), json!({ "charge": charge }));
        assert_eq!(again, Err(BookFault::QuestionReserved { before: run.0 }));
    }
    // A refusal of the second asking does not hide what became of the first.
    desk.write(Kind::Refusal, Some(run.1), None, json!({})).unwrap();
    assert_eq!(desk.book.past(&run.1), Some(&Past::Open { reserve: run.0 }));
    assert_eq!(desk.book.balance(&account(1)).used(), amount(10));
}

#[test]
fn records_out_of_order_and_out_of_time_are_named() {
    let mut desk = Desk::new();
    desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    let good = desk.entry(Kind::Partner, None, None, "added", json!({}));
    let faults = [
        (Entry { seq: 3, ..good.clone() }, BookFault::OutOfOrder { expected: 2, found: 3 }),
        (Entry { seq: 1, ..good.clone() }, BookFault::OutOfOrder { expected: 2, found: 1 }),
        (Entry { time: time(STARTS - 1), ..good.clone() }, BookFault::TimeWentBack),
        (Entry { time: "yesterday".to_owned(), ..good.clone() }, BookFault::TimeUnreadable),
        (Entry { kind: Kind::Spend, ..good.clone() }, BookFault::BodyUnreadable(Kind::Spend)),
        (Entry { kind: Kind::Reserve, ..good.clone() }, BookFault::NoQuestion(Kind::Reserve)),
        (Entry { kind: Kind::Refresh, ..good.clone() }, BookFault::NoContract(Kind::Refresh)),
    ];
    for (entry, fault) in faults {
        assert_eq!(desk.book.apply(&entry), Err(fault));
        assert_eq!(desk.book.size(), 1);
    }
    desk.book.apply(&good).unwrap();
}

#[test]
fn another_question_cannot_use_an_open_reservation() {
    let mut desk = Desk::new();
    let (reserve, own) = desk.reserve(C1, &wish(1, 10, 100)).unwrap();
    let stranger = query(99);
    assert_eq!(desk.spend(C1, (reserve, stranger)), Err(BookFault::NotOpen { reserve }));
    assert_eq!(desk.spend(C2, (reserve, own)), Err(BookFault::NotOpen { reserve }));
    assert_eq!(desk.abort(C1, (reserve, stranger), true), Err(BookFault::NotOpen { reserve }));
}

#[test]
fn d21_ten_million_tiny_spends_equal_the_reference() {
    let mut page = Page::default();
    let mut reference: [u128; 2] = [0, 0];
    for number in 0..10_000_000_u64 {
        let price = Amount { nano_rho: 1 + number % 3, atto_delta: number % 7 };
        page.balance.reserved = page.balance.reserved.plus(price).unwrap();
        page.count(price, STARTS + number / 1_000_000);
        page.settle(price);
        reference[0] += u128::from(price.nano_rho);
        reference[1] += u128::from(price.atto_delta);
    }
    let Balance { reserved, spent } = page.balance;
    assert_eq!(reserved, Amount::ZERO);
    assert_eq!([u128::from(spent.nano_rho), u128::from(spent.atto_delta)], reference);
    let since = window_at(Some(&page), Cycle { starts: STARTS, ..monthly(1) }, 0).unwrap();
    assert_eq!(since.used, spent);
    // A twin that keeps floating-point units loses count of them.
    let mut floats = 1e9_f32;
    (0..1_000).for_each(|_| floats += 1.0);
    assert_ne!(floats as u64, 1_000_001_000);
}
