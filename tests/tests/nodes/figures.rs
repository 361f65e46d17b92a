//! Noisy figures over one partner's table, between two real nodes.

use std::fmt::Write as _;

use serde_json::Value;
use tacit_tests::{World, pair::Pair};

use crate::TACIT;

/// The bank's table: 600 customers of tier A in the north, 300 of tier B, none of tier C.
pub fn accounts() -> String {
    let mut text = "member,tier,region,balance,note\n".to_owned();
    for number in 0..900 {
        let (tier, balance) = if number < 600 { ("A", number % 100) } else { ("B", 1_000_000) };
        writeln!(text, "m{number:05},{tier},north,{balance},n").unwrap();
    }
    text
}

pub const CONTRACT: &str = r#"
name = "figures"
partners = ["brand", "bank"]
purpose = "testing"
starts = 2000-01-01
ends = 2999-12-31
[identity]
profile = "raw/1"
keys = ["member"]
[privacy]
unit = "customer"
epsilon = 4.0
delta = 1e-6
per_query_epsilon = 1.0
min_group = 50
[[dataset]]
owner = "bank"
name = "accounts"
consent = "withdrawal-list"
[dataset.columns]
tier = { use = ["filter", "group"], values = ["A", "B", "C"] }
region = { use = ["filter", "group"], values = "public" }
balance = { use = ["measure"], bounds = [0, 1000], grid = [0, 50, 100, 1000] }
[allow]
aggregate = true
"#;

fn pair() -> Pair {
    let world = World::new(TACIT);
    world.befriended();
    let file = world.write("accounts.csv", accounts());
    world.register("bank", "accounts", &file, &["member=member"], "member");
    Pair::agreed(world, CONTRACT)
}

const BY_TIER: &str = "SELECT tier, COUNT(*) AS n, AVG(balance) AS mean FROM bank.accounts GROUP BY tier";

#[track_caller]
fn rows(pair: &Pair, words: &[&str]) -> Vec<Value> {
    let answer = pair.brand(&[words, &["-o", "json"]].concat()).ok().json();
    answer.as_array().expect("a list of rows").clone()
}

#[test]
fn a_partner_is_asked_for_figures_and_not_for_rows() {
    let pair = pair();
    let plan = pair.brand(&["explain", BY_TIER]).ok().out;
    for part in ["epsilon 1", "±", "suppressed", "bank.accounts", "balance is clamped to 0–1000"] {
        assert!(plan.contains(part), "{part} in {plan}");
    }
    let rows = rows(&pair, &["query", BY_TIER]);
    let of = |tier: &str| rows.iter().find(|row| row["tier"] == tier).expect("all groups are there");
    assert_eq!(rows.len(), 3);
    for (tier, customers, mean) in [("A", 600.0, 49.5), ("B", 300.0, 1000.0)] {
        let row = of(tier);
        // Once in a million runs the noise is larger than this.
        assert!((row["n"].as_f64().unwrap() - customers).abs() < 60.0, "{row}");
        assert!((row["mean"].as_f64().unwrap() - mean).abs() < 100.0, "{row}");
        assert!(row["n_low95"].as_i64() < row["n"].as_i64() && row["n"].as_i64() < row["n_high95"].as_i64());
        assert_eq!(row["n_suppressed"], Value::Null);
    }
    let empty = of("C");
    assert_eq!((&empty["n"], &empty["mean"]), (&Value::Null, &Value::Null), "suppressed, not zero");
    assert!(empty["n_suppressed"].as_str().unwrap().contains("fewer than 50"));
    // Both logs tell the noise of each figure, before an auditor who computes it again.
    let noise = |home: &str| {
        let records = pair.world.records(home);
        let reserve = records.iter().find(|record| record["kind"] == "reserve").expect("it was paid for");
        reserve["body"]["noise"].clone()
    };
    let told = noise("bank");
    assert_eq!(told, noise("brand"));
    let figures: Vec<_> =
        told.as_array().unwrap().iter().map(|noise| noise["figure"].as_str().unwrap()).collect();
    assert_eq!(figures, ["customers", "values", "centred-sum"]);
    for home in ["brand", "bank"] {
        let log = pair.world.tacit(home, &["audit", "log", "--kind", "reserve"]).ok().out;
        assert!(log.contains("centred-sum of balance: discrete-gaussian, Δ 5000000, σ "), "{log}");
    }
}

#[test]
fn t16_t17_agg_09_the_same_question_gets_the_same_answer_and_changed_content_fresh_noise() {
    let pair = pair();
    let ask = |question: &str| rows(&pair, &["query", question]);
    let first = ask(BY_TIER);
    assert_eq!(ask(BY_TIER), first);
    // Other names, another order, a condition on the figures: the same figures.
    let renamed = ask(
        "SELECT AVG(balance) AS m, COUNT(*) AS c, tier FROM bank.accounts GROUP BY tier HAVING c > 100 ORDER BY c DESC",
    );
    assert_eq!(renamed.len(), 2);
    assert_eq!((&renamed[0]["c"], &renamed[0]["m"]), (&first[0]["n"], &first[0]["mean"]));
    // ε is part of the question.
    assert_ne!(rows(&pair, &["query", BY_TIER, "--epsilon", "0.9"]), first);
    let changed = format!("{}m99999,A,north,1,n\n", accounts());
    pair.world.write("accounts.csv", changed);
    assert_ne!(ask(BY_TIER), first);
}

#[test]
fn agg_08_the_price_is_on_record_before_the_answer_on_both_sides() {
    let pair = pair();
    rows(&pair, &["query", BY_TIER]);
    for home in ["brand", "bank"] {
        pair.world.until("the answer is on record", || {
            let log = pair.world.tacit(home, &["audit", "log", "-o", "json"]).ok().json();
            let entries = log.as_array().expect("a list of records");
            let place = |kind: &str| entries.iter().position(|entry| entry["kind"] == kind);
            let (reserve, spend, answer) = (place("reserve"), place("spend"), place("answer"));
            answer.is_some() && reserve.is_some() && reserve < spend && spend < answer
        });
    }
}

#[test]
fn formats_epsilon_and_refusals() {
    let pair = pair();
    let csv = pair
        .brand(&["query", "SELECT COUNT(*) AS n FROM bank.accounts", "--accuracy", "50", "-o", "csv"])
        .ok()
        .out;
    assert_eq!(csv.lines().next(), Some("n,n_low95,n_high95,n_suppressed"));
    let out = pair.world.path("figures.parquet");
    let quantile = "SELECT MEDIAN(balance) FROM bank.accounts WHERE tier = 'A'";
    pair.brand(&["query", quantile, "--max-epsilon", "0.5", "--out", &out.to_string_lossy()]).ok();
    assert!(out.exists());
    for (words, status, code) in [
        (&["query", "SELECT COUNT(*) FROM bank.accounts", "--epsilon", "2"][..], 3, "E-POLICY-EPSILON"),
        (&["query", "SELECT COUNT(*) FROM bank.accounts", "--accuracy", "1"], 3, "E-POLICY-ACCURACY"),
        (&["query", "SELECT COUNT(*) FROM bank.accounts GROUP BY region"], 3, "E-POLICY-GROUP-VALUES"),
        (&["query", "SELECT SUM(note) FROM bank.accounts"], 3, "E-POLICY-COLUMN"),
        (&["query", "SELECT COUNT(*) FROM bank.accounts WHERE tier = 'D'"], 3, "E-POLICY-VALUE"),
        (&["query", "SELECT COUNT(*) FROM bank.accounts WHERE 1 / balance > 1"], 2, "E-QUERY-CAN-FAIL"),
        (
            &["query", "SELECT COUNT(*) FROM bank.accounts", "--accuracy", "50", "--max-epsilon", "0.001"],
            2,
            "E-QUERY-MAX-EPSILON",
        ),
    ] {
        pair.brand(words).refused(status, code);
    }
    // By its owner nobody needs to be asked for its own table.
    pair.bank(&["query", "SELECT COUNT(*) FROM bank.accounts"]).refused(3, "E-POLICY-NOT-OURS");
}

#[test]
fn a_withdrawn_customer_counts_no_more() {
    let pair = pair();
    let most = "SELECT COUNT(*) AS n FROM bank.accounts WHERE tier = 'B'";
    let count = |rows: Vec<Value>| rows[0]["n"].as_f64().unwrap();
    assert!((count(rows(&pair, &["query", most])) - 300.0).abs() < 60.0);
    let everybody: String = (600..850).map(|number| format!("m{number:05}\n")).collect();
    let file = pair.world.write("withdrawn.txt", everybody);
    pair.bank(&["consent", "withdraw", "--file", &file, "--kind", "member"]).ok();
    // 50 are left: around the limit, so either shown near 50 or suppressed, and not 300.
    let left = rows(&pair, &["query", most]);
    assert!(left[0]["n"].is_null() || count(left.clone()) < 120.0, "{left:?}");
}

#[test]
fn t28_what_is_sent_is_as_long_with_a_heavy_customer_as_with_none() {
    // What leaves the scan is one integer for each figure of each group, whoever is in it; and what leaves the node are
    // as many. So neither the noise's work nor the message depends on how often a customer stands in the table.
    let heading = "member,tier,region,balance,note\n";
    let light: String = (0..200).map(|number| format!("m{number},A,north,{number},n\n")).collect();
    let heavy: String = (0..20_000).map(|row| format!("heavy,A,north,{row},n\n")).collect();
    let mut lengths = Vec::new();
    let in_no_group = "m0,D,north,1,n\n";
    for rows in [in_no_group, &light, &format!("{light}{heavy}")] {
        let world = World::new(TACIT);
        world.befriended();
        let file = world.write("accounts.csv", format!("{heading}{rows}"));
        world.register("bank", "accounts", &file, &["member=member"], "member");
        let pair = Pair::agreed(world, CONTRACT);
        pair.brand(&["query", BY_TIER]).ok();
        let kept: Vec<_> =
            std::fs::read_dir(pair.world.path("bank/ledger/answers")).unwrap().flatten().collect();
        let [kept] = &kept[..] else { panic!("one answer is kept: {kept:?}") };
        let kept = std::fs::read(kept.path()).unwrap();
        // The last 32 bytes are a hash of the others.
        let kept: Value = serde_json::from_slice(&kept[..kept.len() - 32]).unwrap();
        lengths.push(kept["figures"].as_array().unwrap().len());
    }
    assert!(lengths[0] >= 3 * 3 * 8, "three figures of three groups: {lengths:?}");
    assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
}
