//! Training between two real nodes with different columns: what comes out, what is refused, and what a kill does.

use std::{fmt::Write as _, path::Path, process::Command};

use serde_json::Value;
use tacit_tests::{
    World, finish,
    pair::{Pair, ids, replaced},
};

use crate::TACIT;

/// Customers of each, and of both.
pub(crate) const EACH: u64 = 6_000;
pub(crate) const BOTH: u64 = 5_000;

/// A number between 0 and 1 that follows from a customer's.
fn drawn(number: u64, salt: u64) -> f64 {
    let mut z = (number ^ salt.wrapping_mul(0xd134_2543_de82_ef95)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The brand's customers: how much they spend, and in which city they live.
fn customers(each: u64) -> String {
    let mut text = "member,spend,city\n".to_owned();
    for (number, id) in (0..).zip(ids(0, each)) {
        let city = ["north", "south", "west"][(drawn(number, 2) * 3.0) as usize];
        writeln!(text, "{id},{:.2},{city}", drawn(number, 1) * 100.0).unwrap();
    }
    text
}

/// The bank's accounts. Who spends much and has a small balance defaults.
fn accounts(each: u64, first: u64) -> String {
    let mut text = "member,balance,defaulted\n".to_owned();
    for (number, id) in (first..).zip(ids(first, each)) {
        let (spend, balance) = (drawn(number, 1), drawn(number, 3));
        let odds = -0.5 + 4.0 * spend - 5.0 * balance;
        let defaulted = drawn(number, 4) < 1.0 / (1.0 + (-odds).exp());
        writeln!(text, "{id},{:.2},{defaulted}", balance * 1000.0).unwrap();
    }
    text
}

pub(crate) const CONTRACT: &str = r#"
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
train = { models = ["logistic", "linear"], approval = [], align = "revealed", score = "bank", without_noise = true, rounds = 60 }
"#;

pub(crate) const JOB: &str = r#"
name = "default"
contract = "credit"
kind = "logistic"
target = "bank.accounts.defaulted"
rounds = 8
l2 = 1.0
[features]
brand = ["customers.spend", "customers.city"]
bank = ["accounts.balance"]
[privacy]
mechanism = "none"
[evaluate]
holdout = 0.2
"#;

pub(crate) fn pair_under(contract: &str) -> Pair {
    pair_of(contract, EACH, BOTH)
}

/// Two nodes with so many customers each, and so many of both.
pub(crate) fn pair_of(contract: &str, each: u64, both: u64) -> Pair {
    let world = World::new(TACIT);
    world.befriended();
    let file = world.write("customers.csv", customers(each));
    world.register("brand", "customers", &file, &["member=member"], "member");
    let file = world.write("accounts.csv", accounts(each, each - both));
    world.register("bank", "accounts", &file, &["member=member"], "member");
    Pair::agreed(world, contract)
}

pub(crate) fn card(pair: &Pair, home: &str) -> Value {
    let show = || pair.world.tacit(home, &["model", "show", "default", "-o", "json"]);
    pair.world.until("the model", || show().status == 0);
    show().ok().json()
}

pub(crate) fn coefficient(card: &Value, name: &str) -> f64 {
    let all = card["coefficients"].as_array().expect("coefficients");
    let one = all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} in {card}"));
    let value = &one["value"];
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("a value in {one}"))
}

#[test]
fn two_nodes_learn_what_neither_could_alone() {
    let pair = pair_under(CONTRACT);
    let job = pair.world.write("job.toml", JOB);
    let told = pair.brand(&["train", "explain", &job]).ok().out;
    assert!(told.contains("which of its own customers the other has too"), "{told}");
    let trained = pair.brand(&["train", &job, "-o", "json"]).ok();
    assert!(trained.err.contains("round 8 of at most 8"), "{}", trained.err);
    let cards = ["brand", "bank"].map(|home| card(&pair, home));
    assert_eq!(
        cards[0]["coefficients"], cards[1]["coefficients"],
        "the same weights on both sides, to the bit"
    );
    let (spend, balance) = (coefficient(&cards[0], "spend"), coefficient(&cards[0], "balance"));
    assert!((3.0..5.0).contains(&spend) && (-6.0..-4.0).contains(&balance), "{spend} {balance}");
    let auc = cards[1]["metrics"].as_array().unwrap().iter().find(|metric| metric["metric"] == "auc");
    let auc = auc.map(|auc| auc["value"].as_f64().or_else(|| auc["value"].as_str()?.parse().ok()));
    assert!(auc.flatten().is_some_and(|auc| auc > 0.80), "{}", cards[1]["metrics"]);
    for home in ["brand", "bank"] {
        pair.world.tacit(home, &["audit", "verify"]).ok();
    }
    // The same job over the same data is trained once.
    let again = pair.brand(&["train", &job]).ok();
    assert!(again.err.contains("nothing was paid"), "{}", again.err);
}

#[test]
fn what_the_contract_does_not_say_is_refused_with_what_it_would_have_to_say() {
    let pair = pair_under(&replaced(CONTRACT, "without_noise = true, rounds = 60", "rounds = 5"));
    let refused = |change: &dyn Fn(&str) -> String, status: i32, code: &str, mend: &str| {
        let job = pair.world.write("job.toml", change(JOB));
        let ran = pair.brand(&["train", &job]).refused(status, code);
        assert!(ran.err.contains(mend), "{}", ran.err);
    };
    let five = |job: &str| replaced(job, "rounds = 8", "rounds = 5");
    refused(&five, 3, "E-POLICY-TRAIN-NOISE", "allow.train.without_noise = true");
    refused(&str::to_owned, 3, "E-POLICY-TRAIN-ROUNDS", "allow.train.rounds = 8");
    refused(
        &|job| replaced(job, "\"accounts.balance\"", "\"accounts.member\""),
        3,
        "E-POLICY-COLUMN-USE",
        "feature",
    );
    refused(
        &|job| replaced(job, "\"customers.spend\"", "\"customers.age\""),
        3,
        "E-POLICY-COLUMN",
        "feature",
    );
    refused(&|job| replaced(job, "rounds = 8", "rounds = 0"), 2, "E-JOB-VALUE", "1 to 1000");
    let log = pair.brand(&["audit", "log", "-o", "json"]).ok().out;
    assert!(log.contains("E-POLICY-TRAIN-NOISE"), "a refusal is on record");
}

fn copied(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp").success());
}

/// Whether a round has been kept in a home.
pub(crate) fn has_state(home: &Path) -> bool {
    let jobs = std::fs::read_dir(home.join("jobs")).into_iter().flatten().flatten();
    jobs.map(|job| job.path().join("state-even")).any(|state| state.exists())
}

#[test]
fn t21_a_training_that_was_killed_goes_on_and_comes_to_the_same_model_whenever_it_was_killed() {
    let pair = pair_under(CONTRACT);
    let job = pair.world.write("job.toml", replaced(JOB, "rounds = 8", "rounds = 40"));
    let Pair { brand, bank, world } = pair;
    let home = |name: &str| world.path(name);
    let cut = world.start("brand", &["train", &job]);
    world.until("a round", || has_state(&home("bank")));
    bank.kill();
    brand.kill();
    assert_ne!(finish(cut).status, 0);
    for name in ["brand", "bank"] {
        copied(&home(name), &home(&format!("{name}.saved")));
    }
    // Once to the end; and once with another kill on the way.
    let models: Vec<Value> = [false, true]
        .into_iter()
        .map(|again| {
            for name in ["brand", "bank"] {
                copied(&home(&format!("{name}.saved")), &home(name));
            }
            let (_brand, mut bank) = (world.serve("brand"), world.serve("bank"));
            if again {
                let cut = world.start("brand", &["train", &job]);
                std::thread::sleep(std::time::Duration::from_millis(1500));
                bank.kill();
                bank = world.serve("bank");
                finish(cut);
            }
            // Until both have seen that the run which was cut is over.
            world.until("the training", || world.tacit("brand", &["train", &job]).status == 0);
            let show = |name| world.tacit(name, &["model", "show", "default", "-o", "json"]);
            world.until("the model", || show("bank").status == 0);
            let [ours, theirs] = ["brand", "bank"].map(|name| show(name).ok().json());
            assert_eq!(ours["coefficients"], theirs["coefficients"]);
            for name in ["brand", "bank"] {
                world.tacit(name, &["audit", "verify"]).ok();
            }
            drop(bank);
            ours
        })
        .collect();
    assert_eq!(models[0]["coefficients"], models[1]["coefficients"], "bit for bit");
    assert_eq!(models[0]["model"], models[1]["model"], "one run");
}
