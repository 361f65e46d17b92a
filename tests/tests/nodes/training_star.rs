//! Training among several real nodes with the same columns: a trainer that is killed, and one that never comes back.

use std::{fmt::Write as _, path::Path};

use serde_json::Value;
use tacit_tests::{Node, World, finish, pair::ids};

use crate::TACIT;

pub const NAMES: [&str; 4] = ["north", "south", "east", "west"];
pub const ROWS: u64 = 3_000;

pub fn rows(start: u64) -> String {
    let mut text = "member,age,visits,churned\n".to_owned();
    for (number, id) in (start..).zip(ids(start, ROWS)) {
        let (age, visits) = (18 + number * 7 % 60, number * 13 % 20);
        let churned = (number * 31 % 97) as f64 / 97.0 < 0.2 + 0.5 * (age as f64 - 18.0) / 60.0;
        writeln!(text, "{id},{age},{visits},{churned}").unwrap();
    }
    text
}

fn contract(names: &[&str], terms: &str) -> String {
    let listed: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let mut text = format!(
        "name = \"churn\"\npartners = [{}]\npurpose = \"testing\"\nstarts = 2000-01-01\nends = 2999-12-31\n[identity]\n\
         profile = \"raw/1\"\nkeys = [\"member\"]\n[privacy]\nunit = \"customer\"\nepsilon = 8.0\ndelta = 1e-6\n\
         per_query_epsilon = 4.0\nmin_group = 50\n",
        listed.join(", ")
    );
    for name in names {
        write!(
            text,
            "[[dataset]]\nowner = \"{name}\"\nname = \"people\"\nconsent = \"withdrawal-list\"\n[dataset.columns]\n\
             member = {{ use = [\"match\"] }}\nage = {{ use = [\"feature\"], bounds = [18, 90] }}\n\
             visits = {{ use = [\"feature\"], bounds = [0, 20] }}\n\
             churned = {{ use = [\"target\"], values = [false, true] }}\n"
        )
        .unwrap();
    }
    format!("{text}[allow]\ntrain = {{ models = [\"logistic\"], approval = [], rounds = 100{terms} }}\n")
}

pub fn job(names: &[&str], privacy: &str) -> String {
    let datasets: Vec<String> = names.iter().map(|name| format!("\"{name}.people\"")).collect();
    format!(
        "name = \"churn\"\nkind = \"logistic\"\ntarget = \"churned\"\ndatasets = [{}]\ncolumns = [\"age\", \"visits\"]\n\
         rounds = 80\ntolerated = 1\n[privacy]\n{privacy}\n",
        datasets.join(", ")
    )
}

/// So many homes with data, trust and a contract; all nodes run.
pub fn agreed(names: &[&str], terms: &str) -> (World, Vec<Node>) {
    let world = World::new(TACIT);
    names.iter().for_each(|name| world.init(name));
    let nodes = joined(&world, names, terms, &|place| rows(place * ROWS));
    (world, nodes)
}

/// The same in a world whose homes are made, with this data of each.
pub fn joined(world: &World, names: &[&str], terms: &str, data: &dyn Fn(u64) -> String) -> Vec<Node> {
    for (place, name) in (0..).zip(names) {
        let file = world.write(&format!("{name}.csv"), data(place));
        world.register(name, "people", &file, &["member=member"], "member");
    }
    for (at, one) in names.iter().enumerate() {
        names[at + 1..].iter().for_each(|other| world.befriend(one, other));
    }
    let nodes = names.iter().map(|name| world.serve(name)).collect();
    let id = world.propose(names[0], &contract(names, terms));
    for name in &names[1..] {
        world.until("the contract's arrival", || world.tacit(name, &["contract", "show", &id]).status == 0);
        world.tacit(name, &["contract", "accept", &id]).ok();
    }
    for name in names {
        world.until("all signatures", || world.contract_state(name, &id) == "in force");
    }
    nodes
}

fn has_state(home: &Path) -> bool {
    let jobs = std::fs::read_dir(home.join("jobs")).into_iter().flatten().flatten();
    jobs.map(|job| job.path().join("state")).any(|state| state.exists())
}

pub fn card(world: &World, name: &str) -> Value {
    world.until("the model", || world.tacit(name, &["model", "show", "churn"]).status == 0);
    world.tacit(name, &["model", "show", "churn", "-o", "json"]).ok().json()
}

pub fn spent(world: &World, name: &str) -> Vec<Value> {
    let log = world.tacit(name, &["audit", "log", "-o", "json"]).ok().json();
    let entries = log.as_array().cloned().unwrap_or_default();
    entries.into_iter().filter(|entry| entry["body"]["charge"].is_object()).collect()
}

#[test]
fn t21_a_job_goes_on_where_a_killed_trainer_left_it_and_is_paid_once() {
    let names = &NAMES[..3];
    let (world, mut nodes) = agreed(names, "");
    let file = world.write("job.toml", job(names, "epsilon = 2.0\ndelta = 1e-6"));
    let cut = world.start("north", &["train", &file]);
    world.until("a round", || has_state(&world.path("east")));
    nodes.pop().unwrap().kill();
    nodes.push(world.serve("east"));
    assert_ne!(finish(cut).status, 0, "of three none can be missing");
    world.until("the training", || world.tacit("north", &["train", &file]).status == 0);
    let cards: Vec<Value> = names.iter().map(|name| card(&world, name)).collect();
    for (name, card) in names.iter().zip(&cards) {
        assert_eq!(card["coefficients"], cards[0]["coefficients"], "{name}");
        assert_eq!(card["model"], cards[0]["model"], "one run");
        world.tacit(name, &["audit", "verify"]).ok();
        // What it learns of each of the two others, and each of them of it.
        assert_eq!(spent(&world, name).len(), 4, "{name} is charged once for each");
    }
    assert!(cards[0]["lineage"]["resumed"].as_u64().is_some_and(|resumed| resumed > 0));
}

#[test]
fn b10_a_trainer_that_drops_out_is_left_out_where_noise_allows_it() {
    let (world, mut nodes) = agreed(&NAMES, "");
    let file = world.write("job.toml", job(&NAMES, "epsilon = 2.0\ndelta = 1e-6"));
    let training = world.start("north", &["train", &file]);
    world.until("a round", || has_state(&world.path("west")));
    nodes.pop().unwrap().kill();
    let _again = world.serve("west");
    let ran = finish(training).ok();
    assert!(ran.err.contains("round"), "{}", ran.err);
    let cards: Vec<Value> = NAMES[..3].iter().map(|name| card(&world, name)).collect();
    assert!(cards.iter().all(|card| card["coefficients"] == cards[0]["coefficients"]));
    assert_ne!(world.tacit("west", &["model", "show", "churn"]).status, 0, "it was not there at the end");
}
