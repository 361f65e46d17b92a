//! What a side brings to a private join: one row a customer, whatever its rows are.

use proptest::prelude::*;
use tacit_protocol::{
    identity::{KeyKind, Profile},
    join::Rows,
};

use super::*;
use crate::policy::{
    JoinPlan, JoinSide, Party, TermKind,
    consent::Withdrawn,
    tests::joins::{JOIN, plan},
};

const KEYS: [KeyKind; 2] = [KeyKind::Phone, KeyKind::Email];

fn phone(number: u32) -> String {
    format!("+8613{:09}", 800_000_000 + number)
}

fn mail(number: u32) -> String {
    format!("m{number}@example.org")
}

/// One row: telephone number, address, tier, balance, income.
type Row = (String, String, &'static str, String, String);

fn row(phone: String, mail: String, tier: &'static str, balance: &str, income: &str) -> Row {
    (phone, mail, tier, balance.to_owned(), income.to_owned())
}

fn registered(place: &Place, rows: &[Row]) -> Registration {
    let mut text = "tel,mail,credit_tier,balance,income\n".to_owned();
    // Enough rows that a few odd ones do not make a column of numbers text; their customers are in no group.
    for filler in 0..40 {
        text.push_str(&format!("{},,none,{filler}.5,{filler}\n", phone(900_000 + filler)));
    }
    for (phone, mail, tier, balance, income) in rows {
        text.push_str(&format!("{phone},{mail},{tier},{balance},{income}\n"));
    }
    let path = place.write("a.csv", text);
    place.add(&path, &[("phone", "tel"), ("email", "mail")]).unwrap()
}

fn bring_with(registration: &Registration, keys: &[KeyKind], side: &JoinSide) -> JoinInput {
    let withdrawn = Withdrawn::default();
    let collect = CollectPlan {
        registration,
        profile: Profile::GoogleDm2,
        keys,
        default_region: Some("CN".parse().unwrap()),
        filter: None,
        consent: None,
        withdrawn: &withdrawn,
    };
    collect_join(&collect, &KEYS, side, &mut |_, _| true).unwrap()
}

fn bring(rows: &[Row], plan: &JoinPlan) -> JoinInput {
    let place = Place::new();
    bring_with(&registered(&place, rows), &KEYS, plan.side(Party::Answerer))
}

fn by_tier(list: &str) -> JoinPlan {
    plan(&format!("SELECT {list} {JOIN} GROUP BY bank.accounts.credit_tier"))
}

/// Keys, group and terms of a row.
type Brought = (Vec<Option<[u8; 32]>>, u8, Vec<i64>);

/// Everything that is brought, row by row.
fn all(rows: &Rows) -> Vec<Brought> {
    let row = |row: usize| {
        let keys = rows.keys.iter().map(|column| column[row]).collect();
        (keys, rows.cells[row], rows.terms.iter().map(|column| column[row]).collect())
    };
    (0..rows.len()).map(row).collect()
}

/// The term of this kind, by group.
fn terms(input: &JoinInput, plan: &JoinPlan, kind: TermKind) -> Vec<(u8, i64)> {
    let place = plan.side(Party::Answerer).terms.iter().position(|term| term.kind == kind).unwrap();
    let rows = input.rows();
    let mut found: Vec<(u8, i64)> =
        rows.cells.iter().copied().zip(rows.terms[place].iter().copied()).collect();
    found.sort_unstable();
    found
}

const STDDEV: &str = "COUNT(*), SUM(bank.accounts.balance), STDDEV(bank.accounts.income)";

#[test]
fn terms_are_clamped_steps_and_no_value_is_nothing() {
    let plan = by_tier(STDDEV);
    let rows = [
        row(phone(1), mail(1), "A", "12.34", "10"),
        row(phone(2), String::new(), "C", "60000", "-2000"),
        row(phone(3), String::new(), "C", "-5", ""),
        row(phone(4), String::new(), "none", "1", "1"),
    ];
    let input = bring(&rows, &plan);
    assert_eq!(terms(&input, &plan, TermKind::Sum(0)), [(0, 1_234), (2, 0), (2, 5_000_000)]);
    assert_eq!(terms(&input, &plan, TermKind::Values(1)), [(0, 1), (2, 0), (2, 1)]);
    assert_eq!(terms(&input, &plan, TermKind::Centred(1)), [(0, 10), (2, -1_000), (2, 0)]);
    assert_eq!(terms(&input, &plan, TermKind::Squares(1)), [(0, 100), (2, 0), (2, 1_000_000)]);
    let both = |rows: &Rows| rows.keys[1].iter().flatten().count();
    assert_eq!((input.rows().len(), both(input.rows())), (3, 1));
    assert_eq!(input.counts().customers, 44);
    assert_eq!(format!("{input:?}"), "JoinInput { rows: Rows(3), .. }");
}

#[test]
fn a_correlation_alone_leaves_out_who_has_no_value() {
    let rows = [
        row(phone(1), mail(1), "A", "12.34", "10"),
        // The row that counts is one that has a value.
        row(phone(2), String::new(), "B", "", "1"),
        row(phone(2), String::new(), "B", "100", "1"),
        row(phone(3), String::new(), "B", "", "2"),
    ];
    let alone = by_tier("CORR(bank.accounts.balance, brand.customers.spend)");
    assert!(alone.side(Party::Answerer).complete);
    assert_eq!(bring(&rows, &alone).rows().len(), 2);
    let beside = by_tier("CORR(bank.accounts.balance, brand.customers.spend), COUNT(*)");
    let input = bring(&rows, &beside);
    assert_eq!(input.rows().len(), 3);
    let values: i64 = terms(&input, &beside, TermKind::Values(0)).iter().map(|(_, value)| value).sum();
    assert!((1..=2).contains(&values), "which of its rows counts, the hash says");
}

#[test]
fn t10_over_an_overlap_a_million_rows_of_one_customer_are_one() {
    let place = Place::new();
    let count = if cfg!(debug_assertions) { 10_000 } else { 1_000_000 };
    let mut text = String::from("tel,mail,credit_tier,balance,income\n");
    for row in 0..count {
        text.push_str(&format!("{},,{},{},{}\n", phone(1), ["A", "B", "C"][row % 3], row, row % 1000));
    }
    text.push_str(&format!("{},,A,7,7\n", phone(2)));
    let path = place.write("a.csv", text);
    let registration = place.add(&path, &[("phone", "tel"), ("email", "mail")]).unwrap();
    let plan = by_tier(STDDEV);
    let input = bring_with(&registration, &KEYS, plan.side(Party::Answerer));
    assert_eq!(input.rows().len(), 2);
    let sums = terms(&input, &plan, TermKind::Sum(0));
    assert!(sums.iter().all(|(_, sum)| (0..=5_000_000).contains(sum)), "{sums:?}");
}

#[test]
fn t11_a_customer_brings_one_item_of_each_kind_whatever_it_has() {
    let plan = by_tier("COUNT(*)");
    // Three numbers and two addresses of one customer, linked row by row; and two spellings of one number.
    let rows = [
        row(phone(1), mail(1), "A", "1", "1"),
        row(phone(2), mail(1), "A", "1", "1"),
        row(phone(3), mail(2), "A", "1", "1"),
        row(phone(3), mail(1), "B", "1", "1"),
        row("138 1234 5678".to_owned(), String::new(), "C", "1", "1"),
        row("+8613812345678".to_owned(), mail(9), "C", "1", "1"),
    ];
    let input = bring(&rows, &plan);
    let found = all(input.rows());
    assert_eq!(found.len(), 2);
    // One of them has several of a kind; two spellings of one number are one.
    assert_eq!(input.several(), 1);
    assert!(found.iter().all(|(keys, ..)| keys.iter().all(Option::is_some)));
    // No item stands twice, in whatever row or column.
    let items: std::collections::BTreeSet<_> = found.iter().flat_map(|(keys, ..)| keys.clone()).collect();
    assert_eq!(items.len(), 4);
    // The partner who knows the same of this customer chooses the same.
    let mut turned = rows.clone();
    turned.reverse();
    assert_eq!(all(bring(&turned, &plan).rows()), found);
}

#[test]
fn a_dataset_without_a_kind_of_key_has_an_empty_column_for_it() {
    let place = Place::new();
    let registration = registered(&place, &[row(phone(1), mail(1), "A", "1", "1")]);
    let plan = by_tier("COUNT(*)");
    let input = bring_with(&registration, &KEYS[1..], plan.side(Party::Answerer));
    let rows = input.rows();
    assert_eq!((rows.keys.len(), rows.keys[0].as_slice(), rows.keys[1].len()), (2, &[None][..], 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn t09_over_an_overlap_too_the_order_of_rows_changes_nothing(
        rows in prop::collection::vec((0..12u32, 0..14u32, 0..4usize, -10i32..60_000, 0..3000i32), 1..60),
        seed: u64,
    ) {
        let tiers = ["A", "B", "C", "D"];
        let written: Vec<Row> = rows
            .iter()
            .map(|(who, mails, tier, balance, income)| {
                let mail = if *mails < 12 { mail(*mails) } else { String::new() };
                row(phone(*who), mail, tiers[*tier], &balance.to_string(), &income.to_string())
            })
            .collect();
        let mut shuffled = written.clone();
        let mut dice = seed | 1;
        for at in (1..shuffled.len()).rev() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (dice >> 33) as usize % (at + 1));
        }
        let plan = by_tier(STDDEV);
        let (one, other) = (bring(&written, &plan), bring(&shuffled, &plan));
        prop_assert_eq!(all(one.rows()), all(other.rows()));
        // What the protocol refuses: an item twice in a column, a cell or a term beyond its bounds.
        let side = plan.side(Party::Answerer);
        for (keys, cell, terms) in all(one.rows()) {
            prop_assert!(keys.iter().any(Option::is_some) && usize::from(cell) < side.cells());
            prop_assert!(terms.iter().zip(&side.terms).all(|(value, term)| (term.low..=term.high).contains(value)));
        }
        for column in &one.rows().keys {
            let mut items: Vec<_> = column.iter().flatten().collect();
            let all = items.len();
            items.sort_unstable();
            items.dedup();
            prop_assert_eq!(items.len(), all);
        }
    }
}
