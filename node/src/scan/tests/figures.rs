//! Exact figures: each customer once, whatever its rows are.

use proptest::prelude::*;
use tacit_protocol::identity::{KeyKind, Profile};

use super::*;
use crate::{
    policy::{AggregatePlan, Quantity, consent::Withdrawn, tests::figures::plan},
    query::Filter,
};

const KEYS: [KeyKind; 1] = [KeyKind::Phone];

fn phone(number: u32) -> String {
    format!("+8613{:09}", 800_000_000 + number)
}

/// Registers rows of (phone, tier, balance, income) as CSV.
fn registered(place: &Place, rows: &[(String, &str, &str, &str)]) -> Registration {
    let mut text = "tel,credit_tier,balance,income\n".to_owned();
    // Enough rows that a few odd ones do not make a column of numbers text; their customers are in no group.
    for filler in 0..40 {
        text.push_str(&format!("{},none,{filler}.5,{filler}\n", phone(900_000 + filler)));
    }
    for (phone, tier, balance, income) in rows {
        text.push_str(&format!("{phone},{tier},{balance},{income}\n"));
    }
    let path = place.write("a.csv", text);
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    assert!(registration.column("balance").unwrap().kind.is_number());
    registration
}

fn add_up(registration: &Registration, plan: &AggregatePlan, filter: Option<&Filter>) -> Aggregated {
    let withdrawn = Withdrawn::default();
    let collect = CollectPlan {
        registration,
        profile: Profile::GoogleDm2,
        keys: &KEYS,
        default_region: Some("CN".parse().unwrap()),
        filter,
        consent: None,
        withdrawn: &withdrawn,
    };
    aggregate(&collect, plan, &mut |_, _| true).unwrap()
}

/// The integers of a group by what they are.
fn group(plan: &AggregatePlan, added: &Aggregated, cell: &str) -> Vec<(Quantity, i64)> {
    let number = (0..plan.cells()).find(|number| plan.cell(*number).join("/") == cell).unwrap();
    let width = plan.columns().len();
    let integers = &added.exact.as_slice()[number * width..(number + 1) * width];
    plan.columns().iter().map(|column| column.quantity).zip(integers.iter().copied()).collect()
}

const BY_TIER: &str = "SELECT credit_tier, COUNT(*), SUM(balance), STDDEV(income), MEDIAN(balance) \
                       FROM bank.accounts GROUP BY credit_tier";

#[test]
fn sums_are_of_clamped_steps_and_empty_groups_are_there() {
    let place = Place::new();
    let rows = [
        (phone(1), "A", "12.34", "10"),
        (phone(2), "A", "60000", "-2000"),
        (phone(3), "A", "-5", "13"),
        (phone(4), "C", "100", ""),
    ];
    let registration = registered(&place, &rows);
    let plan = plan(BY_TIER);
    let added = add_up(&registration, &plan, None);
    assert_eq!(
        group(&plan, &added, "A"),
        [
            (Quantity::Customers, 3),
            (Quantity::Values(1), 3),
            (Quantity::Sum(0), 1_234 + 5_000_000),
            (Quantity::Centred(1), 10 - 1_000 + 13),
            (Quantity::Squares(1), 100 + 1_000_000 + 169),
            (Quantity::Bucket(0, 0), 2),
            (Quantity::Bucket(0, 1), 0),
            (Quantity::Bucket(0, 2), 0),
            (Quantity::Bucket(0, 3), 1),
        ]
    );
    // Null is no value: counted as a customer, and in no sum of that measure.
    assert_eq!(
        group(&plan, &added, "C")[..3],
        [(Quantity::Customers, 1), (Quantity::Values(1), 0), (Quantity::Sum(0), 10_000),]
    );
    assert!(group(&plan, &added, "B").iter().all(|(_, integer)| *integer == 0), "empty, and there");
}

#[test]
fn t06_odd_cells_are_clamped_or_dropped_and_nothing_fails() {
    let place = Place::new();
    let mut rows = Vec::new();
    for (number, cell) in ["NaN", "inf", "-inf", "-0", "", "1e999", "-1e999", "x"].iter().enumerate() {
        // One odd cell in twenty: a column of numbers stays one.
        rows.push((phone(number as u32), "A", *cell, "1"));
    }
    let mut filled = rows.clone();
    (0..200).for_each(|number| filled.push((phone(10_000 + number), "B", "1", "1")));
    let registration = registered(&place, &filled);
    let plan = plan(BY_TIER);
    let odd = add_up(&registration, &plan, None);
    let figures = group(&plan, &odd, "A");
    assert_eq!(figures[0], (Quantity::Customers, 8));
    let sum = figures.iter().find(|(quantity, _)| *quantity == Quantity::Sum(0)).unwrap().1;
    assert!(sum % 5_000_000 == 0 && (0..=8 * 5_000_000).contains(&sum), "{sum}");
    // The same of doubles as they are, without a reader of text in between.
    let cells = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX, f64::MIN, 1.0];
    let tel: Vec<String> = (0..cells.len() as u32).map(phone).collect();
    let text = |value: &str| -> ArrayRef {
        Arc::new(crate::engine::arrow::array::StringArray::from(vec![value; cells.len()]))
    };
    let numbers =
        |cells: Vec<f64>| -> ArrayRef { Arc::new(crate::engine::arrow::array::Float64Array::from(cells)) };
    let place = Place::new();
    let path = parquet(
        &place.path("a.parquet"),
        vec![
            ("tel", Arc::new(crate::engine::arrow::array::StringArray::from(tel))),
            ("credit_tier", text("A")),
            ("balance", numbers(cells.to_vec())),
            ("income", numbers(vec![1.0; cells.len()])),
        ],
    );
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    let added = add_up(&registration, &plan, None);
    let figures = group(&plan, &added, "A");
    assert_eq!(figures[0], (Quantity::Customers, 7));
    // ∞ and the largest are the upper bound; NaN is no value; the rest is 0 and 1.
    assert!(figures.contains(&(Quantity::Sum(0), 2 * 5_000_000 + 100)));
}

#[test]
fn t10_one_customer_with_a_million_rows_contributes_one_bounded_row() {
    let place = Place::new();
    let count = if cfg!(debug_assertions) { 10_000 } else { 1_000_000 };
    let mut text = String::from("tel,credit_tier,balance,income\n");
    let heavy = phone(1);
    for row in 0..count {
        text.push_str(&format!("{heavy},{},{},{}\n", ["A", "B", "C"][row % 3], row, row % 1000));
    }
    text.push_str(&format!("{},A,7,7\n", phone(2)));
    let path = place.write("a.csv", text);
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    let plan = plan(BY_TIER);
    let added = add_up(&registration, &plan, None);
    let total = |wanted: Quantity| -> i64 {
        ["A", "B", "C"]
            .iter()
            .flat_map(|cell| group(&plan, &added, cell))
            .filter(|(quantity, _)| *quantity == wanted)
            .map(|(_, integer)| integer)
            .sum()
    };
    assert_eq!(total(Quantity::Customers), 2);
    assert!((700..=700 + 5_000_000).contains(&total(Quantity::Sum(0))));
    assert_eq!((0..4).map(|bucket| total(Quantity::Bucket(0, bucket))).sum::<i64>(), 2);
    assert_eq!(added.counts.customers, 2);
}

#[test]
fn t11_rows_of_one_customer_do_not_multiply_by_any_of_its_spellings() {
    let place = Place::new();
    let rows = [
        ("138 1234 5678".to_owned(), "A", "1", "1"),
        ("+8613812345678".to_owned(), "A", "1", "1"),
        ("13812345678".to_owned(), "B", "1", "1"),
    ];
    let registration = registered(&place, &rows);
    let plan =
        plan("SELECT COUNT(*) FROM bank.accounts WHERE credit_tier IN ('A', 'B') GROUP BY credit_tier");
    let added = add_up(&registration, &plan, None);
    assert_eq!(added.exact.as_slice().iter().sum::<i64>(), 1);
}

#[test]
fn a_row_in_no_group_does_not_hide_a_customers_other_rows() {
    let place = Place::new();
    let mut rows: Vec<_> = (0..50).map(|_| (phone(1), "unknown", "1", "1")).collect();
    rows.push((phone(1), "B", "2", "2"));
    let registration = registered(&place, &rows);
    let plan = plan(BY_TIER);
    let added = add_up(&registration, &plan, None);
    assert_eq!(group(&plan, &added, "B")[0], (Quantity::Customers, 1));
}

#[test]
fn which_row_counts_favours_no_value() {
    let place = Place::new();
    let rows: Vec<_> = (0..600)
        .flat_map(|number| [(phone(number), "A", "1", "1"), (phone(number), "C", "49999", "1")])
        .collect();
    let registration = registered(&place, &rows);
    let plan = plan("SELECT COUNT(*) FROM bank.accounts GROUP BY credit_tier");
    let added = add_up(&registration, &plan, None);
    let [a, b, c] = added.exact.as_slice() else { panic!("three groups") };
    assert_eq!((a + c, *b), (600, 0));
    // Six standard deviations around the half.
    assert!((226..=374).contains(a), "{a}");
}

#[test]
fn a_filter_and_a_withdrawal_take_part_as_in_every_question() {
    let place = Place::new();
    let rows = [(phone(1), "A", "1", "1"), (phone(2), "A", "200", "1"), (phone(3), "B", "300", "1")];
    let registration = registered(&place, &rows);
    let plan = plan("SELECT COUNT(*) FROM bank.accounts WHERE balance > 100 GROUP BY credit_tier");
    let filter = Filter::of("balance > 100").unwrap();
    assert_eq!(add_up(&registration, &plan, Some(&filter)).exact.as_slice(), [1, 1, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn t09_the_order_of_rows_changes_no_integer(
        rows in prop::collection::vec((0..12u32, 0..4usize, -10i32..60_000, 0..3000i32), 1..60),
        seed: u64,
    ) {
        let tiers = ["A", "B", "C", "D"];
        let written: Vec<(String, &str, String, String)> = rows
            .iter()
            .map(|(who, tier, balance, income)| (phone(*who), tiers[*tier], balance.to_string(), income.to_string()))
            .collect();
        let mut shuffled = written.clone();
        let mut dice = seed | 1;
        for at in (1..shuffled.len()).rev() {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, (dice >> 33) as usize % (at + 1));
        }
        let plan = plan(BY_TIER);
        let exact = |rows: &[(String, &str, String, String)]| {
            let place = Place::new();
            let rows: Vec<_> = rows.iter().map(|(p, t, b, i)| (p.clone(), *t, b.as_str(), i.as_str())).collect();
            add_up(&registered(&place, &rows), &plan, None).exact.as_slice().to_vec()
        };
        prop_assert_eq!(exact(&written), exact(&shuffled));
    }
}
