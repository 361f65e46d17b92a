//! The story of three banks: one model, three nodes, nobody's rows anywhere but at home.

use std::{fs, path::PathBuf};

use serde_json::Value;
use tacit_tests::World;

use crate::TACIT;

const BANKS: [&str; 3] = ["harbour", "hill", "valley"];

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/three_partners").join(name)
}

/// Three homes with data and trust, and all three nodes running under the contract.
fn agreed(world: &World) -> (Vec<tacit_tests::Node>, String) {
    for bank in BANKS {
        world.init(bank);
        let file = example(&format!("{bank}.csv")).to_string_lossy().into_owned();
        world.register(bank, "customers", &file, &["email=mail"], "customer_id");
    }
    for (one, other) in [("harbour", "hill"), ("harbour", "valley"), ("hill", "valley")] {
        world.befriend(one, other);
    }
    let nodes = BANKS.map(|bank| world.serve(bank)).into_iter().collect();
    let terms = fs::read_to_string(example("term-deposit.toml")).expect("the example's contract");
    let contract = world.propose("harbour", &terms);
    for bank in ["hill", "valley"] {
        world.until("the contract's arrival", || {
            world.tacit(bank, &["contract", "show", &contract]).status == 0
        });
        world.tacit(bank, &["contract", "accept", &contract]).ok();
    }
    for bank in BANKS {
        world.until("all signatures", || world.contract_state(bank, &contract) == "in force");
    }
    (nodes, contract)
}

fn card(world: &World, bank: &str) -> Value {
    world.tacit(bank, &["model", "show", "subscribe", "-o", "json"]).ok().json()
}

#[test]
fn three_banks_train_one_model_that_all_of_them_have_and_pay_for() {
    let world = World::new(TACIT);
    let (_nodes, contract) = agreed(&world);
    let job = example("subscribe.toml").to_string_lossy().into_owned();
    world.tacit("harbour", &["train", "explain", &job]).ok();
    assert!(
        world.tacit("harbour", &["model", "list"]).ok().err.contains("no models yet"),
        "explaining trains nothing"
    );
    world.tacit("harbour", &["train", &job]).ok();

    let cards = BANKS.map(|bank| {
        world.until("the model", || world.tacit(bank, &["model", "show", "subscribe"]).status == 0);
        card(&world, bank)
    });
    for (bank, card) in BANKS.iter().zip(&cards) {
        assert_eq!(card["us"], *bank);
        assert_eq!(card["model"], cards[0]["model"], "one id on all sides");
        assert_eq!(card["coefficients"], cards[0]["coefficients"], "the same weights, to the bit");
        assert_eq!(card["job_hash"], cards[0]["job_hash"]);
        assert_eq!(card["contract"]["id"], contract.as_str());
        assert!(
            card["noise"]["epsilon"] == "4"
                && card["price"].as_array().is_some_and(|price| !price.is_empty())
        );
        // The text of a card never has a row in it.
        let text = card.to_string();
        assert!(!text.contains("@example.org") && !text.contains("HI1000"), "{bank}");
    }
    let names: Vec<&str> =
        cards[0]["coefficients"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!((names[0], names[1], names.contains(&"last_offer=success")), ("(intercept)", "age", true));

    // What it says of one's own customers, at each bank.
    for bank in BANKS {
        let all = world.tacit(bank, &["predict", "subscribe", "customers", "-o", "json"]).ok().json();
        let top = world
            .tacit(bank, &["predict", "subscribe", "customers", "--top", "10%", "-o", "json"])
            .ok()
            .json();
        let (all, top) = (all.as_array().unwrap(), top.as_array().unwrap());
        assert!(all.len() > 1_200 && top.len() == all.len().div_ceil(10));
        assert_eq!(&all[..top.len()], &top[..]);
        world.tacit(bank, &["audit", "verify"]).ok();
    }
}

#[test]
fn two_banks_alone_cannot_train_under_it() {
    let world = World::new(TACIT);
    let (_nodes, _) = agreed(&world);
    let job = fs::read_to_string(example("subscribe.toml")).expect("the example's job");
    let without = job.replace(", \"valley.customers\"", "");
    let file = world.write("two.toml", without);
    assert_eq!(world.tacit("harbour", &["train", &file]).status, 2, "each would see the other's sums");
}
