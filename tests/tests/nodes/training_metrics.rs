//! How good a model over two real nodes' columns is, counted together: who learns it, with noise and without, and what
//! it says.

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

/// The brand's customers. The west is older customers, who are told apart but not learned from.
fn customers() -> String {
    let mut text = "member,spend,age\n".to_owned();
    for (number, id) in (0..).zip(ids(0, EACH)) {
        let age = if drawn(number, 2) < 0.3 { "old" } else { "young" };
        writeln!(text, "{id},{:.2},{age}", drawn(number, 1) * 100.0).unwrap();
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
epsilon = 8.0
delta = 1e-6
per_query_epsilon = 4.0
min_group = 50
receiver = "asker"
[[dataset]]
owner = "brand"
name = "customers"
consent = "withdrawal-list"
[dataset.columns]
member = { use = ["match"] }
spend = { use = ["feature"], bounds = [0, 100] }
age = { use = ["group"], values = ["old", "young"] }
[[dataset]]
owner = "bank"
name = "accounts"
consent = "withdrawal-list"
[dataset.columns]
member = { use = ["match"] }
balance = { use = ["feature"], bounds = [0, 1000] }
defaulted = { use = ["target"], values = [false, true] }
[allow]
train = { models = ["logistic"], approval = [], align = "revealed", weights = "shared", metrics = "both", without_noise = true }
"#;

const JOB: &str = r#"
name = "default"
contract = "credit"
kind = "logistic"
target = "bank.accounts.defaulted"
rounds = 8
l2 = 1.0
[features]
brand = ["customers.spend"]
bank = ["accounts.balance"]
[privacy]
mechanism = "none"
[evaluate]
holdout = 0.3
groups = ["brand.customers.age"]
"#;

fn pair_under(contract: &str) -> Pair {
    let world = World::new(TACIT);
    world.befriended();
    let file = world.write("customers.csv", customers());
    world.register("brand", "customers", &file, &["member=member"], "member");
    let file = world.write("accounts.csv", accounts());
    world.register("bank", "accounts", &file, &["member=member"], "member");
    Pair::agreed(world, contract)
}

fn card(pair: &Pair, home: &str) -> Value {
    let show = || pair.world.tacit(home, &["model", "show", "default", "-o", "json"]);
    pair.world.until("the model", || show().status == 0);
    show().ok().json()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// The figures of this name, of all or of one group.
fn figure(card: &Value, on: &str, name: &str, group: Option<&str>) -> Option<f64> {
    let metrics = card["metrics"].as_array()?;
    let fits =
        |metric: &&Value| metric["on"] == on && metric["metric"] == name && metric["group"].as_str() == group;
    metrics.iter().find(fits).and_then(|metric| number(&metric["value"]))
}

const OLD: &str = "brand.customers.age=old";
const YOUNG: &str = "brand.customers.age=young";

/// Weights that nobody has and scores that nobody sees, and both know how good the model is.
#[test]
fn both_learn_how_good_a_model_is_that_neither_has() {
    let pair = pair_under(CONTRACT);
    let job = pair.world.write("job.toml", JOB);
    let told = pair.brand(&["train", "explain", &job]).ok().out;
    assert!(told.contains("how good the model is"), "{told}");
    pair.brand(&["train", &job, "-o", "json"]).ok();
    let cards = ["brand", "bank"].map(|home| card(&pair, home));
    for card in &cards {
        let of = |name: &str| figure(card, "joint", name, None).unwrap_or_else(|| panic!("{name} in {card}"));
        assert!((0.80..0.95).contains(&of("auc")), "{}", card["metrics"]);
        assert!((1300.0..1700.0).contains(&of("customers")), "three of ten of 5,000 are held out");
        assert!(of("psi") < 0.1 && of("lift-10") > 1.5 && of("calibration-error") < 0.1);
        let in_groups = [OLD, YOUNG].map(|group| figure(card, "joint", "customers", Some(group)).unwrap());
        assert_eq!(in_groups[0] + in_groups[1], of("customers"));
        assert!((0.25..0.35).contains(&(in_groups[0] / of("customers"))), "{in_groups:?}");
        assert!(figure(card, "joint", "selection-rate", Some(OLD)).is_some());
        // Of customers without an age there are fewer than the contract's least.
        assert_eq!(figure(card, "joint", "customers", Some("brand.customers.age=?")), None);
    }
    let joint = |card: &Value| figure(card, "joint", "auc", None);
    assert_eq!(joint(&cards[0]), joint(&cards[1]), "the same counts on both sides");
    // What the bank would have without the brand, it alone knows.
    let alone = figure(&cards[1], "bank alone", "auc", None).expect("the bank's own");
    assert!(alone < joint(&cards[1]).unwrap());
    assert_eq!(figure(&cards[0], "bank alone", "auc", None), None);
}

#[test]
fn who_is_not_to_learn_how_good_a_model_is_does_not() {
    let pair = pair_under(&replaced(CONTRACT, r#"metrics = "both", "#, ""));
    let job = pair.world.write("job.toml", JOB);
    pair.brand(&["train", &job, "-o", "json"]).ok();
    let [brand, bank] = ["brand", "bank"].map(|home| card(&pair, home));
    assert!(brand["metrics"].as_array().is_none_or(Vec::is_empty), "{}", brand["metrics"]);
    assert!(figure(&bank, "joint", "auc", None).is_some_and(|auc| auc > 0.80), "{}", bank["metrics"]);
}

/// With noise every figure comes with an interval. In eight bins at ε = 4 the noise of 1,500 customers' AUC has a standard
/// deviation of some 0.03, so an interval that does not even meet 0.75 to 0.95 is no accident.
#[test]
fn noisy_figures_are_paid_for_and_have_intervals() {
    let contract = replaced(CONTRACT, ", without_noise = true", "");
    let pair = pair_under(&contract);
    let job = replaced(JOB, "mechanism = \"none\"", "epsilon = 4.0\ndelta = 1e-6");
    let job = replaced(&job, r#"groups = ["brand.customers.age"]"#, "bins = 8");
    let job = pair.world.write("job.toml", job);
    pair.brand(&["train", &job, "-o", "json"]).ok();
    let cards = ["brand", "bank"].map(|home| card(&pair, home));
    let metrics = cards[0]["metrics"].as_array().expect("metrics");
    let auc = metrics.iter().find(|metric| metric["metric"] == "auc" && metric["on"] == "joint");
    let auc = auc.unwrap_or_else(|| panic!("{}", cards[0]["metrics"]));
    let [low, high] = [0, 1].map(|end| number(&auc["interval95"][end]).expect("an interval"));
    assert!(low < high && low < 0.95 && high > 0.75, "{auc}");
    assert_eq!(figure(&cards[0], "joint", "auc", None), figure(&cards[1], "joint", "auc", None));
}
