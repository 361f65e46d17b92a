//! Training with noise between two real nodes with different columns: what it costs whom, and what comes out.

use std::fmt::Write as _;

use serde_json::Value;
use tacit_tests::{
    World,
    pair::{Pair, ids, replaced},
};

use crate::TACIT;

/// Customers of each, and of both.
const EACH: u64 = 6_000;
const BOTH: u64 = 5_000;

/// A number between 0 and 1 that follows from a customer's.
fn drawn(number: u64, salt: u64) -> f64 {
    let mut z = (number ^ salt.wrapping_mul(0xd134_2543_de82_ef95)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The brand's customers: how much they spend, and in which city they live.
fn customers() -> String {
    let mut text = "member,spend,city\n".to_owned();
    for (number, id) in (0..).zip(ids(0, EACH)) {
        let city = ["north", "south", "west"][(drawn(number, 2) * 3.0) as usize];
        writeln!(text, "{id},{:.2},{city}", drawn(number, 1) * 100.0).unwrap();
    }
    text
}

/// The bank's accounts. Who spends much and has a small balance defaults.
fn accounts() -> String {
    let mut text = "member,balance,defaulted\n".to_owned();
    let first = EACH - BOTH;
    for (number, id) in (first..).zip(ids(first, EACH)) {
        let (spend, balance) = (drawn(number, 1), drawn(number, 3));
        let odds = -0.5 + 4.0 * spend - 5.0 * balance;
        let defaulted = drawn(number, 4) < 1.0 / (1.0 + (-odds).exp());
        writeln!(text, "{id},{:.2},{defaulted}", balance * 1000.0).unwrap();
    }
    text
}

/// No word of `without_noise`: noise is all that it allows.
const CONTRACT: &str = r#"
name = "credit"
partners = ["brand", "bank"]
purpose = "testing"
starts = 2000-01-01
ends = 2999-12-31
[identity]
profile = "raw/1"
keys = ["member"]
[privacy]
unit = "customer"
epsilon = 2.5
delta = 1e-6
per_query_epsilon = 2.0
min_group = 50
receiver = "asker"
[[dataset]]
owner = "brand"
name = "customers"
consent = "withdrawal-list"
[dataset.columns]
member = { use = ["match"] }
spend = { use = ["feature"], bounds = [0, 100] }
city = { use = ["feature"], values = ["north", "south", "west"] }
[[dataset]]
owner = "bank"
name = "accounts"
consent = "withdrawal-list"
[dataset.columns]
member = { use = ["match"] }
balance = { use = ["feature"], bounds = [0, 1000] }
defaulted = { use = ["target"], values = [false, true] }
[allow]
train = { models = ["logistic"], approval = [], align = "revealed", score = "bank", rounds = 60 }
"#;

const JOB: &str = r#"
name = "default"
contract = "credit"
kind = "logistic"
target = "bank.accounts.defaulted"
rounds = 6
l2 = 1.0
[features]
brand = ["customers.spend", "customers.city"]
bank = ["accounts.balance"]
[privacy]
epsilon = 2.0
delta = 1e-6
[evaluate]
holdout = 0.2
"#;

fn pair() -> Pair {
    let world = World::new(TACIT);
    world.befriended();
    let file = world.write("customers.csv", customers());
    world.register("brand", "customers", &file, &["member=member"], "member");
    let file = world.write("accounts.csv", accounts());
    world.register("bank", "accounts", &file, &["member=member"], "member");
    Pair::agreed(world, CONTRACT)
}

fn card(pair: &Pair, home: &str) -> Value {
    let show = || pair.world.tacit(home, &["model", "show", "default", "-o", "json"]);
    pair.world.until("the model", || show().status == 0);
    show().ok().json()
}

fn coefficient(card: &Value, name: &str) -> f64 {
    let all = card["coefficients"].as_array().expect("coefficients");
    let one = all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} in {card}"));
    one["value"].as_f64().unwrap_or_else(|| panic!("a value in {one}"))
}

/// What the records of a home's log charge, in billionths of ρ.
fn charged(pair: &Pair, home: &str) -> Vec<u64> {
    let records = pair.world.records(home);
    let reserved = records.iter().filter(|record| record["kind"] == "reserve");
    reserved.filter_map(|record| record["body"]["charge"]["price"]["nano_rho"].as_u64()).collect()
}

#[test]
fn a_training_with_noise_is_paid_for_on_both_sides_and_still_learns() {
    let pair = pair();
    let job = pair.world.write("job.toml", JOB);
    let told = pair.brand(&["train", "explain", &job]).ok().out;
    for part in [
        "epsilon 2, delta 0.000001 of bank's customers, charged to brand",
        "epsilon 2, delta 0.000001 of brand's customers, charged to bank",
        "noise to the means and covariances",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(charged(&pair, "brand").is_empty(), "explaining costs nothing");
    let trained = pair.brand(&["train", &job, "-o", "json"]).ok();
    assert!(trained.err.contains("round 6 of at most 6"), "{}", trained.err);
    let cards = ["brand", "bank"].map(|home| card(&pair, home));
    assert_eq!(cards[0]["coefficients"], cards[1]["coefficients"], "the same weights, to the bit");
    for card in &cards {
        let noise = &card["noise"];
        assert_eq!(
            (noise["epsilon"].as_str(), noise["mechanism"].as_str()),
            (Some("2"), Some("discrete-gaussian"))
        );
        assert!(
            noise["sigma"]
                .as_f64()
                .or_else(|| noise["sigma"].as_str()?.parse().ok())
                .is_some_and(|s| s > 1.0)
        );
        assert_eq!(card["price"].as_array().map(Vec::len), Some(2), "{}", card["price"]);
    }
    // What it learned is what there is, however roughly: far more than chance would tell.
    let (spend, balance) = (coefficient(&cards[0], "spend"), coefficient(&cards[0], "balance"));
    assert!(spend > 1.0 && balance < -1.0, "{spend} {balance}");
    // Both ledgers have both charges, of the same amount.
    let paid = ["brand", "bank"].map(|home| charged(&pair, home));
    assert_eq!(
        paid[0].len(),
        2,
        "for what the brand learns of the bank's customers, and the bank of the brand's: {paid:?}"
    );
    assert!(paid[0] == paid[1] && paid[0][0] == paid[0][1] && paid[0][0] > 0, "{paid:?}");
    // And say which noise that bought: of the moments, of every round, and of the figures if the other learns them.
    for home in ["brand", "bank"] {
        for record in pair.world.records(home).iter().filter(|record| record["kind"] == "reserve") {
            let noise = record["body"]["noise"].as_array().expect("noise");
            let rho =
                |one: &Value| one["nano_rho"].as_u64().unwrap_or(0) * one["times"].as_u64().unwrap_or(1);
            let (told, price) = (noise.iter().map(rho).sum::<u64>(), paid[0][0]);
            assert!(told <= price && told > price / 10 * 8, "{told} of {price}: {noise:?}");
        }
        pair.world.tacit(home, &["audit", "verify"]).ok();
    }
    // The same job again has the same model and costs nothing; another one is more than is left.
    let again = pair.brand(&["train", &job]).ok();
    assert!(again.err.contains("nothing was paid"), "{}", again.err);
    assert_eq!(charged(&pair, "bank"), paid[1]);
    let other = pair.world.write("other.toml", replaced(JOB, "rounds = 6", "rounds = 5"));
    pair.brand(&["train", &other]).refused(4, "E-BUDGET");
    // And without noise the contract does not allow it.
    let exact = replaced(JOB, "epsilon = 2.0\ndelta = 1e-6", "mechanism = \"none\"");
    let exact = pair.world.write("exact.toml", exact);
    pair.brand(&["train", &exact]).refused(3, "E-POLICY-TRAIN-NOISE");
}
