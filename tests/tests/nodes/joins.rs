//! Noisy figures over an overlap that neither side sees, between two real nodes.

use std::fmt::Write as _;

use serde_json::Value;
use tacit_tests::{
    World,
    pair::{Pair, ids, overlap, replaced},
};

use crate::TACIT;

/// 1,500 customers of the brand and 1,500 of the bank, of whom 900 are both's. Of these every third is in the north,
/// every second is a parent; each has a balance of 40 and has spent 10.
const EACH: u64 = 1_500;
const BOTH: u64 = 900;

fn customers() -> String {
    let mut text = "member,category,spend\n".to_owned();
    for (number, id) in ids(0, EACH).iter().enumerate() {
        let category = if number % 2 == 0 { "maternal" } else { "home" };
        writeln!(text, "{id},{category},10").unwrap();
    }
    text
}

fn accounts() -> String {
    let mut text = "member,tier,region,balance\n".to_owned();
    for (number, id) in ids(EACH - BOTH, EACH).iter().enumerate() {
        let region = if number % 3 == 0 { "north" } else { "south" };
        writeln!(text, "{id},A,{region},40").unwrap();
        // A row more of the same customer changes nothing: one customer, one row.
        if number % 5 == 0 {
            writeln!(text, "{id},A,{region},40").unwrap();
        }
    }
    text
}

pub fn contract() -> String {
    overlap(
        &["member"],
        "epsilon = 8.0\nper_query_epsilon = 2.0\nmin_group = 50",
        "category = { use = [\"filter\", \"group\"], values = [\"maternal\", \"home\"] }\n\
         spend = { use = [\"measure\"], bounds = [0, 100] }",
        "tier = { use = [\"filter\", \"group\"], values = [\"A\", \"B\", \"C\"] }\n\
         region = { use = [\"filter\", \"group\"], values = [\"north\", \"south\", \"west\"] }\n\
         balance = { use = [\"measure\"], bounds = [0, 100] }",
    )
}

pub fn pair_under(contract: &str) -> Pair {
    let world = World::new(TACIT);
    world.befriended();
    let file = world.write("customers.csv", customers());
    world.register("brand", "customers", &file, &["member=member"], "member");
    let file = world.write("accounts.csv", accounts());
    world.register("bank", "accounts", &file, &["member=member"], "member");
    Pair::agreed(world, contract)
}

pub const OVER: &str = "FROM brand.customers JOIN bank.accounts USING (customer)";

#[track_caller]
fn rows(pair: &Pair, question: &str) -> Vec<Value> {
    let answer = pair.brand(&["query", question, "-o", "json"]).ok().json();
    answer.as_array().expect("a list of rows").clone()
}

/// Whether a figure is as near to the truth as its interval says, or three times as far: once in a hundred million.
#[track_caller]
pub fn near(row: &Value, name: &str, truth: f64) {
    let figure = |name: &str| row[name].as_f64().unwrap_or_else(|| panic!("{name} in {row}"));
    let (value, high) = (figure(name), figure(&format!("{name}_high95")));
    assert!(
        (value - truth).abs() <= 3.0 * (high - value).max(1.0),
        "{name} is {value}, not near {truth}: {row}"
    );
    assert!(figure(&format!("{name}_low95")) <= value);
}

#[test]
fn join_01_figures_by_region_over_the_overlap_are_near_the_plain_joins() {
    let pair = pair_under(&contract());
    let question = format!(
        "SELECT bank.accounts.region, COUNT(*) AS n, SUM(bank.accounts.balance) AS balance, \
         AVG(brand.customers.spend) AS spend {OVER} WHERE brand.customers.category = 'maternal' AND \
         bank.accounts.tier = 'A' GROUP BY bank.accounts.region"
    );
    let rows = rows(&pair, &question);
    let of = |region: &str| rows.iter().find(|row| row["region"] == region).expect("all groups are there");
    assert_eq!(rows.len(), 3);
    for (region, n) in [("north", 150.0), ("south", 300.0)] {
        near(of(region), "n", n);
        near(of(region), "balance", 40.0 * n);
        near(of(region), "spend", 10.0);
    }
    assert_eq!(
        (&of("west")["n"], &of("west")["balance"]),
        (&Value::Null, &Value::Null),
        "suppressed, not zero"
    );
    // Each log has the price and the padded sizes, and the bank's content; nothing says how many both have.
    for (home, other) in [("brand", "bank"), ("bank", "brand")] {
        pair.world.until("the answer is on record", || {
            pair.world.records(home).iter().any(|record| record["kind"] == "answer")
        });
        let records = pair.world.records(home);
        let of = |kind: &str| records.iter().find(|record| record["kind"] == kind).expect("a record").clone();
        let reserved: Vec<_> = records.iter().filter(|record| record["kind"] == "reserve").collect();
        let price = |record: &Value| record["body"]["charge"]["price"]["nano_rho"].as_u64().expect("a price");
        // What it hears of the other's size is charged to each, in an account of its own.
        assert_eq!((reserved.len(), price(reserved[1])), (2, 200_000));
        assert_ne!(reserved[0]["body"]["charge"]["account"], reserved[1]["body"]["charge"]["account"]);
        assert_eq!(of("reserve")["partner"], other);
        assert!(of("reserve")["body"]["charge"]["price"]["nano_rho"].as_u64() > Some(0));
        let outcome = of("answer")["body"]["outcome"].clone();
        let size = |name: &str| outcome[name].as_u64().expect("a size");
        let (brands, banks) =
            if home == "brand" { ("own_size", "partner_size") } else { ("partner_size", "own_size") };
        assert!(size(brands) > 750 && size(brands) < 3_000, "the brand's parents, padded: {outcome}");
        assert!(size(banks) > 1_500 && size(banks) < 4_000, "the bank's, padded: {outcome}");
    }
    let transcript = |home: &str| {
        let records = pair.world.records(home);
        let answer = records.iter().find(|record| record["kind"] == "answer").expect("an answer");
        answer["body"]["outcome"]["transcript"].clone()
    };
    assert_eq!(transcript("brand"), transcript("bank"));
    pair.brand(&["audit", "verify"]).ok();
    pair.bank(&["audit", "verify"]).ok();
}

#[test]
fn join_01_groups_and_measures_of_both_sides_meet() {
    let pair = pair_under(&contract());
    let question = format!(
        "SELECT brand.customers.category, bank.accounts.region, COUNT(*) AS n, \
         SUM(brand.customers.spend * bank.accounts.balance) AS both {OVER} \
         WHERE bank.accounts.region IN ('north', 'south') GROUP BY brand.customers.category, bank.accounts.region"
    );
    let rows = rows(&pair, &question);
    for category in ["maternal", "home"] {
        for (region, n) in [("north", 150.0), ("south", 300.0)] {
            let found = rows.iter().find(|row| row["category"] == category && row["region"] == region);
            let row = found.expect("all groups are there");
            near(row, "n", n);
            near(row, "both", 400.0 * n);
        }
    }
}

#[test]
fn t16_t17_a_join_that_is_asked_again_is_free_until_either_sides_content_changes() {
    let pair = pair_under(&contract());
    let cheap = "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5)";
    let question = format!("{cheap} COUNT(*) AS n, SUM(bank.accounts.balance) AS balance {OVER}");
    let charged = |home: &str| {
        let of_the_question = |record: &Value| record["what"] == "asks" || record["what"] == "is asked";
        let charges = |record: &&Value| of_the_question(record) && !record["body"]["charge"].is_null();
        pair.world.records(home).iter().filter(charges).count()
    };
    let first = rows(&pair, &question);
    assert_eq!(rows(&pair, &question), first);
    let renamed = rows(&pair, &format!("{cheap} SUM(bank.accounts.balance) AS total, COUNT(*) AS c {OVER}"));
    // By other names it is another question to the asker, who knows no better: it is answered anew, and paid.
    assert_eq!(renamed.len(), 1);
    let before = charged("bank");
    assert_eq!(rows(&pair, &question), first);
    assert_eq!(charged("bank"), before, "free on the bank's log");
    assert_eq!(charged("brand"), before, "and on the brand's");
    for (name, content) in [
        ("customers.csv", format!("{}zz,home,1\n", customers())),
        ("accounts.csv", format!("{}zz,A,north,1\n", accounts())),
    ] {
        let before = charged("bank");
        pair.world.write(name, content);
        rows(&pair, &question);
        assert_eq!(
            (charged("bank"), charged("brand")),
            (before + 1, before + 1),
            "{name} is another content"
        );
    }
    pair.bank(&["audit", "verify"]).ok();
}

#[test]
fn t22_a_join_beyond_the_budget_is_refused_on_both_sides_and_leaves_nothing() {
    let pair = pair_under(
        &replaced(&contract(), "epsilon = 8.0", "epsilon = 1.1")
            .replace("per_query_epsilon = 2.0", "per_query_epsilon = 1.0"),
    );
    let count = |condition: &str| format!("SELECT COUNT(*) AS n {OVER} WHERE {condition}");
    rows(&pair, &count("bank.accounts.tier = 'A'"));
    let refused = pair.brand(&["query", &count("bank.accounts.tier = 'B'")]).refused(4, "E-BUDGET");
    assert!(refused.err.contains("budget"), "{}", refused.err);
}

#[test]
fn what_a_join_may_not_do_is_refused_with_what_would_allow_it() {
    let pair = pair_under(&contract());
    let refused = |question: &str, code: &str| {
        let ran = pair.brand(&["query", question]);
        assert!(ran.err.contains(code), "{code} for {question}: {}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    };
    refused(&format!("SELECT MEDIAN(bank.accounts.balance) {OVER}"), "error[E-");
    refused(&format!("SELECT SUM(bank.accounts.region) {OVER}"), "error[E-POLICY");
    refused(
        &format!("SELECT COUNT(*) {OVER} WHERE brand.customers.spend > bank.accounts.balance"),
        "error[E-",
    );
    refused(
        &format!("SELECT bank.accounts.balance, COUNT(*) {OVER} GROUP BY bank.accounts.balance"),
        "error[E-POLICY",
    );
    let world = pair_under(&replaced(&contract(), "join = true", "aggregate = true"));
    let ran = world.brand(&["query", &format!("SELECT COUNT(*) {OVER}")]).refused(3, "E-POLICY");
    assert!(ran.err.contains("allow.join = true"), "{}", ran.err);
}

#[test]
fn explain_says_what_a_join_takes_and_spends_nothing() {
    let pair = pair_under(&contract());
    let question = format!("SELECT bank.accounts.region, COUNT(*) AS n {OVER} GROUP BY bank.accounts.region");
    let before = pair.world.records("brand").len();
    let plan = pair.brand(&["explain", &question]).ok().out;
    for part in ["epsilon", "±", "suppressed", "because", "MiB", "bins", "seconds"] {
        assert!(plan.contains(part), "{part} in {plan}");
    }
    assert_eq!(pair.world.records("brand").len(), before, "nothing was set aside");
    assert_eq!(pair.world.records("bank").iter().filter(|record| record["kind"] == "reserve").count(), 0);
}
