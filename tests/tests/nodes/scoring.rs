//! Scores of a model of two partners' columns, made with the partner: of other customers than it was trained with.

use std::{collections::BTreeMap, fmt::Write as _, fs, os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::Value;
use tacit_tests::{
    World,
    pair::{Pair, ids, replaced},
};

use crate::TACIT;

/// The brand's customers, of whom the first are at the bank, and others ask it for a loan.
const ALL: u64 = 2_600;
const AT_THE_BANK: u64 = 2_000;
const PROSPECTS: std::ops::Range<u64> = 2_200..3_000;
/// Prospects that the brand knows too.
const BOTH: usize = 400;

/// A number between 0 and 1 that follows from a customer's.
fn drawn(number: u64, salt: u64) -> f64 {
    let mut z = (number ^ salt.wrapping_mul(0xd134_2543_de82_ef95)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// What is true of a customer: spending helps, and a small balance does.
fn chance(number: u64) -> f64 {
    1.0 / (1.0 + (0.5 - 4.0 * drawn(number, 1) + 5.0 * drawn(number, 3)).exp())
}

fn customers() -> String {
    let mut text = "member,spend,city\n".to_owned();
    for (number, id) in (0..).zip(ids(0, ALL)) {
        let city = ["north", "south", "west"][(drawn(number, 2) * 3.0) as usize];
        writeln!(text, "{id},{:.2},{city}", drawn(number, 1) * 100.0).unwrap();
    }
    text
}

fn accounts() -> String {
    let mut text = "member,balance,defaulted\n".to_owned();
    for (number, id) in (0..).zip(ids(0, AT_THE_BANK)) {
        let defaulted = drawn(number, 4) < chance(number);
        writeln!(text, "{id},{:.2},{defaulted}", drawn(number, 3) * 1000.0).unwrap();
    }
    text
}

/// Whether they will default is what nobody knows.
fn prospects() -> String {
    let mut text = "member,balance\n".to_owned();
    for (number, id) in PROSPECTS.zip(ids(PROSPECTS.start, PROSPECTS.end - PROSPECTS.start)) {
        writeln!(text, "{id},{:.2}", drawn(number, 3) * 1000.0).unwrap();
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
[[dataset]]
owner = "bank"
name = "prospects"
consent = "withdrawal-list"
[dataset.columns]
member = { use = ["match"] }
balance = { use = ["feature"], bounds = [0, 1000] }
[allow]
train = { models = ["logistic"], approval = [], align = "revealed", weights = "shared", score = "bank", without_noise = true }
"#;

const JOB: &str = r#"
name = "default"
contract = "credit"
kind = "logistic"
target = "bank.accounts.defaulted"
rounds = 8
[features]
brand = ["customers.spend", "customers.city"]
bank = ["accounts.balance"]
[privacy]
mechanism = "none"
"#;

/// Two nodes that have trained the model under this contract.
fn trained(contract: &str) -> Pair {
    let world = World::new(TACIT);
    world.befriended();
    for (home, dataset, text) in [
        ("brand", "customers", customers()),
        ("bank", "accounts", accounts()),
        ("bank", "prospects", prospects()),
    ] {
        let file = world.write(&format!("{dataset}.csv"), text);
        world.register(home, dataset, &file, &["member=member"], "member");
    }
    let pair = Pair::agreed(world, contract);
    let job = pair.world.write("job.toml", JOB);
    pair.brand(&["train", &job]).ok();
    for home in ["brand", "bank"] {
        pair.world.until("the model", || pair.world.tacit(home, &["model", "show", "default"]).status == 0);
    }
    pair
}

/// What stands in a file of scores, by customer.
fn scores(path: &str) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(path).expect("scores");
    let line = |line: &str| {
        let (customer, score) = line.split_once(',').expect("customer and score");
        (customer.to_owned(), score.parse().expect("a number"))
    };
    text.lines().skip(1).map(line).collect()
}

/// The folder of the model in a home.
fn folder(pair: &Pair, home: &str) -> PathBuf {
    let mut all = fs::read_dir(pair.world.path(home).join("models")).expect("models");
    all.next().expect("a model").expect("a folder").path()
}

/// The reservations of scorings in a log.
fn scorings(pair: &Pair, home: &str) -> Vec<Value> {
    let reserve = |record: &Value| record["kind"] == "reserve" && record["body"]["shape"]["kind"] == "score";
    pair.world.records(home).into_iter().filter(reserve).collect()
}

fn log_odds(chance: f64) -> f64 {
    (chance / (1.0 - chance)).ln()
}

#[test]
fn a_model_that_nobody_has_scores_other_customers_with_the_partner() {
    let pair = trained(CONTRACT);
    let out = |name: &str| pair.world.path(name).to_string_lossy().into_owned();
    // Those of the training are here already, and nobody is asked for them.
    let first = out("first.csv");
    pair.bank(&["predict", "default", "accounts", "--out", &first]).ok();
    assert_eq!(scores(&first).len(), AT_THE_BANK as usize);
    assert!(scorings(&pair, "bank").is_empty());
    // The same made anew, from the halves that both have kept, are the same but for the cut.
    let again = out("again.csv");
    let ran = pair.bank(&["predict", "default", "accounts", "--again", "--out", &again]).ok();
    assert!(ran.err.contains("with brand"), "{}", ran.err);
    let (first, again) = (scores(&first), scores(&again));
    assert!(first.keys().eq(again.keys()));
    for (customer, score) in &first {
        let apart = (log_odds(*score) - log_odds(again[customer])).abs();
        assert!(apart < 2.01 / 1024.0, "{customer}: {apart}");
    }
    // Others, who have no target.
    let file = out("prospects.csv.scores.csv");
    pair.bank(&["predict", "default", "prospects", "--out", &file]).ok();
    let found = scores(&file);
    assert_eq!(found.len(), BOTH, "those that both have");
    let truth: BTreeMap<String, f64> = PROSPECTS
        .zip(ids(PROSPECTS.start, PROSPECTS.end - PROSPECTS.start))
        .map(|(number, id)| (id, chance(number)))
        .collect();
    let off: f64 = found.iter().map(|(id, score)| (score - truth[id]).abs()).sum::<f64>() / BOTH as f64;
    assert!(off < 0.06, "{off}");
    // The audience comes of the same scores.
    let top = out("top.csv");
    pair.bank(&["predict", "default", "prospects", "--top", "10%", "--out", &top]).ok();
    let top = scores(&top);
    assert_eq!(top.len(), BOTH / 10);
    let least = top.values().copied().fold(f64::INFINITY, f64::min);
    assert!(top.iter().all(|(id, score)| found[id] == *score));
    assert_eq!(found.values().filter(|score| **score > least).count(), top.len() - 1);
    // Whoever withdraws, here or there, has no score from then on.
    let gone = pair.world.write("gone.txt", format!("{}\n", ids(2_300, 1)[0]));
    pair.bank(&["consent", "withdraw", "--file", &gone, "--kind", "member"]).ok();
    let gone = pair.world.write("gone.txt", format!("{}\n", ids(2_400, 1)[0]));
    pair.brand(&["consent", "withdraw", "--file", &gone, "--kind", "member"]).ok();
    let file = out("left.csv");
    pair.bank(&["predict", "default", "prospects", "--out", &file]).ok();
    assert_eq!(scores(&file).len(), BOTH - 1, "ours, at once");
    pair.bank(&["predict", "default", "prospects", "--again", "--out", &file, "--force"]).ok();
    assert_eq!(scores(&file).len(), BOTH - 2, "theirs, when it is asked again");
    // On record on both sides, and with nobody but the bank.
    for home in ["brand", "bank"] {
        pair.world.until("the record", || scorings(&pair, home).len() == 3);
        assert!(scorings(&pair, home).iter().all(|record| record["body"]["model"].is_string()));
        pair.world.tacit(home, &["audit", "verify"]).ok();
    }
    let used: Vec<Value> = pair.world.records("bank").into_iter().filter(|it| it["what"] == "used").collect();
    assert_eq!(used.len(), 6);
    assert!(used.iter().all(|it| it["body"].get("customers").is_none()), "how many both have is in no log");
    let files: Vec<String> = fs::read_dir(folder(&pair, "brand"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(!files.iter().any(|name| name.starts_with("scores")), "{files:?}");
    for name in ["shares", "basis"] {
        let mode = fs::metadata(folder(&pair, "brand").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    // Nobody else may.
    let refused = pair.brand(&["predict", "default", "customers"]).refused(3, "E-POLICY-TRAIN-SCORE");
    assert!(refused.err.contains("allow.train.score = \"brand\""), "{}", refused.err);
    pair.bank(&["predict", "default", "prospects", "--again", "--purpose", "fun"])
        .refused(3, "E-POLICY-PURPOSE");
}

#[test]
fn learnv_49_a_partner_that_is_away_or_has_had_enough_or_has_no_half_is_said_to_be_so() {
    let Pair { brand, bank, world } = trained(CONTRACT);
    let score = || world.tacit("bank", &["predict", "default", "prospects"]);
    brand.kill();
    let away = score();
    assert!(away.status == 5 && away.err.contains("E-LINK-"), "{} {}", away.status, away.err);
    let brand = world.serve("brand");
    // Nothing was lost by it.
    world.until("the partner is back", || score().status == 0);
    let pair = Pair { brand, bank, world };
    // The last that there may be, as far as the brand has counted.
    let count = folder(&pair, "brand").join("scorings");
    assert_eq!(fs::read_to_string(&count).unwrap().trim(), "1");
    fs::write(&count, "12\n").unwrap();
    let again = || pair.bank(&["predict", "default", "prospects", "--again"]);
    let refused = again().refused(5, "E-MODEL-SCORED-OFTEN");
    assert!(refused.err.contains("train it again"), "{}", refused.err);
    fs::write(&count, "11\n").unwrap();
    again().ok();
    again().refused(5, "E-MODEL-SCORED-OFTEN");
    // What is deleted there is deleted.
    let halves = folder(&pair, "brand");
    pair.brand(&["model", "delete", "default"]).ok();
    assert!(!halves.exists());
    let refused = again().refused(5, "E-MODEL-NOT-HERE");
    assert!(refused.err.contains("has deleted it"), "{}", refused.err);
    // What was scored before is still here, and still the bank's.
    pair.bank(&["predict", "default", "prospects"]).ok();
    for home in ["brand", "bank"] {
        pair.world.tacit(home, &["audit", "verify"]).ok();
    }
}

#[test]
fn scores_are_for_the_one_that_the_contract_names_whichever_end_it_is_and_whoever_has_the_weights() {
    let contract =
        replaced(CONTRACT, "weights = \"shared\", score = \"bank\"", "weights = \"both\", score = \"brand\"");
    let pair = trained(&contract);
    let file = pair.world.path("scores.csv").to_string_lossy().into_owned();
    pair.brand(&["predict", "default", "customers", "--top", "10%", "--out", &file]).ok();
    let found = scores(&file);
    assert_eq!(found.len(), (AT_THE_BANK / 10) as usize);
    let truth: BTreeMap<String, f64> =
        (0..).zip(ids(0, ALL)).map(|(number, id)| (id, chance(number))).collect();
    let mean = found.keys().map(|id| truth[id]).sum::<f64>() / found.len() as f64;
    assert!(mean > 0.75, "look-alikes of those who default: {mean}");
    pair.bank(&["predict", "default", "prospects"]).refused(3, "E-POLICY-TRAIN-SCORE");
    assert!(scorings(&pair, "bank").len() == 1 && scorings(&pair, "brand").len() == 1);
}

#[test]
fn without_score_in_the_contract_nobody_is_scored() {
    let pair = trained(&replaced(CONTRACT, "score = \"bank\", ", ""));
    for (home, dataset) in [("bank", "accounts"), ("bank", "prospects"), ("brand", "customers")] {
        let ran = pair.world.tacit(home, &["predict", "default", dataset, "--top", "10%"]);
        let refused = ran.refused(3, "E-POLICY-TRAIN-SCORE");
        assert!(refused.err.contains(&format!("allow.train.score = \"{home}\"")), "{}", refused.err);
    }
    assert!(scorings(&pair, "brand").is_empty() && scorings(&pair, "bank").is_empty());
}
