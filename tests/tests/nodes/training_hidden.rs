//! Training between two real nodes where nobody may learn which customers both have: the model is the one of those that
//! both have, and neither node has anything that says who or how many they are.

use serde_json::Value;
use tacit_tests::{
    finish,
    pair::{Pair, ids, replaced},
};

use crate::training::{BOTH, CONTRACT, EACH, JOB, card, coefficient, has_state, pair_of, pair_under};

fn hidden() -> String {
    replaced(CONTRACT, "align = \"revealed\", score = \"bank\"", "align = \"hidden\"")
}

/// Every number and every text in a document.
fn leaves(value: &Value, each: &mut impl FnMut(&Value)) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| leaves(value, each)),
        Value::Object(fields) => fields.values().for_each(|value| leaves(value, each)),
        leaf => each(leaf),
    }
}

/// Neither who both have nor how many they are is in what a node has of the run.
fn nothing_of_the_overlap(pair: &Pair, home: &str, card: &Value) {
    let mut documents = pair.world.records(home);
    documents.push(card.clone());
    let members = ids(EACH - BOTH, BOTH);
    for document in &documents {
        leaves(document, &mut |leaf| {
            assert_ne!(leaf.as_u64(), Some(BOTH), "{home}: {document}");
            assert_ne!(leaf.as_str(), Some(BOTH.to_string().as_str()), "{home}: {document}");
            let member = leaf.as_str().is_some_and(|text| members.iter().any(|id| id == text));
            assert!(!member, "{home}: {document}");
        });
    }
    let log = pair.world.log(home);
    // As a number of its own: parts of a second can have these digits too.
    let mut numbers = log.split(|c: char| !c.is_ascii_digit());
    assert!(numbers.all(|number| number != BOTH.to_string()), "{home}: {log}");
    assert!(members.iter().take(200).all(|id| !log.contains(id.as_str())), "{home}: {log}");
    let rows = &card["rows"];
    let count = |name: &str| rows[name].as_u64().unwrap_or_else(|| panic!("{name} in {rows}"));
    let about = count("trained") + count("held_out");
    // Off by what both padded; by nothing now and then, which nobody can know.
    assert!(about.abs_diff(BOTH) < 2_500, "{about}");
    assert!(card["not_revealed"].to_string().contains("learned by nobody"), "{card}");
}

#[test]
fn two_nodes_learn_from_customers_that_neither_knows() {
    let pair = pair_under(&hidden());
    let job = pair.world.write("job.toml", JOB);
    let told = pair.brand(&["train", "explain", &job]).ok().out;
    assert!(told.contains("not who these are") && told.contains("epsilon 0.02"), "{told}");
    let trained = pair.brand(&["train", &job, "-o", "json"]).ok();
    assert!(trained.err.contains("round 8 of at most 8"), "{}", trained.err);
    let cards = ["brand", "bank"].map(|home| card(&pair, home));
    assert_eq!(cards[0]["coefficients"], cards[1]["coefficients"], "the same weights, to the bit");
    // As `two_nodes_learn_what_neither_could_alone` finds where the overlap is revealed.
    let (spend, balance) = (coefficient(&cards[0], "spend"), coefficient(&cards[0], "balance"));
    assert!((3.0..5.0).contains(&spend) && (-6.0..-4.0).contains(&balance), "{spend} {balance}");
    for (home, card) in ["brand", "bank"].iter().zip(&cards) {
        nothing_of_the_overlap(&pair, home, card);
        pair.world.tacit(home, &["audit", "verify"]).ok();
    }
    let revealed = pair_under(CONTRACT);
    let job = revealed.world.write("job.toml", JOB);
    revealed.brand(&["train", &job]).ok();
    let card = card(&revealed, "brand");
    for (name, ours) in [("spend", spend), ("balance", balance)] {
        let theirs = coefficient(&card, name);
        assert!((ours - theirs).abs() < 0.5, "{name}: {ours} hidden, {theirs} revealed");
    }
}

/// With noise as well: counted together for both, each price is on record with what it bought, and computed again.
#[test]
fn a_hidden_training_with_noise_is_paid_for_counted_and_verified() {
    let contract = replaced(&hidden(), "align = \"hidden\"", "align = \"hidden\", metrics = \"both\"");
    let pair = pair_under(&contract);
    let noisy = replaced(JOB, "mechanism = \"none\"", "epsilon = 2.0\ndelta = 1e-6");
    let job = pair.world.write("job.toml", replaced(&noisy, "holdout = 0.2", "holdout = 0.4\nbins = 8"));
    pair.brand(&["train", &job, "-o", "json"]).ok();
    let cards = ["brand", "bank"].map(|home| card(&pair, home));
    assert_eq!(cards[0]["coefficients"], cards[1]["coefficients"], "the same weights, to the bit");
    let (spend, balance) = (coefficient(&cards[0], "spend"), coefficient(&cards[0], "balance"));
    assert!(spend > 1.0 && balance < -1.0, "{spend} {balance}");
    for (home, card) in ["brand", "bank"].iter().zip(&cards) {
        nothing_of_the_overlap(&pair, home, card);
        assert!(card["metrics"].to_string().contains("\"auc\""), "{home}: {}", card["metrics"]);
        for record in pair.world.records(home).iter().filter(|record| record["kind"] == "reserve") {
            let noise = record["body"]["noise"].to_string();
            for part in ["truncated-double-geometric", "moments", "gradient", "evaluation"] {
                assert!(noise.contains(part), "{home} {part}: {noise}");
            }
        }
        pair.world.tacit(home, &["audit", "verify"]).ok();
    }
}

#[test]
fn scores_of_single_customers_are_refused_where_nobody_may_know_who_they_are() {
    let pair = pair_under(&replaced(CONTRACT, "align = \"revealed\"", "align = \"hidden\""));
    let job = pair.world.write("job.toml", JOB);
    let ran = pair.brand(&["train", &job]).refused(3, "E-POLICY-TRAIN-ALIGN");
    assert!(ran.err.contains("allow.train without score"), "{}", ran.err);
}

#[test]
fn t21_a_hidden_training_that_was_killed_goes_on_in_the_same_order() {
    let pair = pair_under(&hidden());
    let job = pair.world.write("job.toml", replaced(JOB, "rounds = 8", "rounds = 30"));
    let Pair { brand, bank, world } = pair;
    let union = |name: &str| {
        let jobs = std::fs::read_dir(world.path(name).join("jobs")).into_iter().flatten().flatten();
        jobs.filter_map(|job| std::fs::read(job.path().join("union")).ok()).next()
    };
    let cut = world.start("brand", &["train", &job]);
    world.until("a round", || has_state(&world.path("bank")));
    bank.kill();
    brand.kill();
    assert_ne!(finish(cut).status, 0);
    let before = ["brand", "bank"].map(union);
    assert!(before.iter().all(Option::is_some));
    let (_brand, _bank) = (world.serve("brand"), world.serve("bank"));
    world.until("the training", || world.tacit("brand", &["train", &job]).status == 0);
    let show = |name| world.tacit(name, &["model", "show", "default", "-o", "json"]);
    world.until("the model", || show("bank").status == 0);
    let [ours, theirs] = ["brand", "bank"].map(|name| show(name).ok().json());
    assert_eq!(ours["coefficients"], theirs["coefficients"]);
    let spend = coefficient(&ours, "spend");
    assert!((3.0..5.0).contains(&spend), "{spend}");
    let after = ["brand", "bank"].map(union);
    assert!(before.iter().zip(&after).all(|(before, after)| after.is_none() || before == after));
    for name in ["brand", "bank"] {
        world.tacit(name, &["audit", "verify"]).ok();
    }
}

#[test]
#[ignore = "a measurement: what it costs that nobody learns who is in both"]
fn hidden_beside_revealed() {
    for (name, contract) in [("revealed", CONTRACT), ("hidden", &hidden())] {
        let pair = pair_of(contract, 20_000, 10_000);
        let job = pair.world.write("job.toml", JOB);
        let trained = pair.brand(&["train", &job, "-o", "json"]).ok().json();
        println!("{name}: {}", trained["stages"]);
        let card = card(&pair, "brand");
        println!("{} {}", coefficient(&card, "spend"), coefficient(&card, "balance"));
    }
}
