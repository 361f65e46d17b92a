//! What three real nodes with the same columns find out about their model together, and about each other's rows.

use std::fmt::Write as _;

use serde_json::Value;
use tacit_tests::{Node, World, finish, pair::ids};

use crate::TACIT;

const NAMES: [&str; 3] = ["north", "south", "east"];
const ROWS: u64 = 6_000;

/// Older ones leave; at `turned`, somebody has taken yes for no.
fn rows(start: u64, turned: bool) -> String {
    let mut text = "member,age,visits,region,churned\n".to_owned();
    for (number, id) in (start..).zip(ids(start, ROWS)) {
        let (age, visits) = (18 + number * 7 % 73, number * 13 % 20);
        let region = ["hills", "coast"][(number / 3 % 2) as usize];
        let churned = (number * 31 % 97) as f64 / 97.0 < 0.05 + 0.9 * (age as f64 - 18.0) / 72.0;
        writeln!(text, "{id},{age},{visits},{region},{}", churned != turned).unwrap();
    }
    text
}

fn contract(more: &str) -> String {
    let mut text = "name = \"churn\"\npartners = [\"north\", \"south\", \"east\"]\npurpose = \"testing\"\n\
                    starts = 2000-01-01\nends = 2999-12-31\n[identity]\nprofile = \"raw/1\"\nkeys = [\"member\"]\n\
                    [privacy]\nunit = \"customer\"\nepsilon = 8.0\ndelta = 1e-6\nper_query_epsilon = 4.0\n\
                    min_group = 50\n"
        .to_owned();
    for name in NAMES {
        write!(
            text,
            "[[dataset]]\nowner = \"{name}\"\nname = \"people\"\nconsent = \"withdrawal-list\"\n[dataset.columns]\n\
             member = {{ use = [\"match\"] }}\nage = {{ use = [\"feature\"], bounds = [18, 90] }}\n\
             visits = {{ use = [\"feature\"], bounds = [0, 20] }}\n\
             region = {{ use = [\"group\"], values = [\"coast\", \"hills\"] }}\n\
             churned = {{ use = [\"target\"], values = [false, true] }}\n"
        )
        .unwrap();
    }
    format!("{text}[allow]\ntrain = {{ models = [\"logistic\"], approval = []{more} }}\n")
}

fn job(privacy: &str, evaluate: &str) -> String {
    format!(
        "name = \"churn\"\nkind = \"logistic\"\ntarget = \"churned\"\n\
         datasets = [\"north.people\", \"south.people\", \"east.people\"]\ncolumns = [\"age\", \"visits\"]\n\
         tolerated = 0\n[privacy]\n{privacy}\n[evaluate]\nbins = 8\ngroups = [\"region\"]\n{evaluate}\n"
    )
}

/// Three homes with data, trust and a contract; all nodes run.
fn agreed(terms: &str, turned: Option<&str>) -> (World, Vec<Node>) {
    let world = World::new(TACIT);
    for (place, name) in (0..).zip(NAMES) {
        world.init(name);
        let file = world.write(&format!("{name}.csv"), rows(place * ROWS, turned == Some(name)));
        world.register(name, "people", &file, &["member=member"], "member");
    }
    for (at, one) in NAMES.iter().enumerate() {
        NAMES[at + 1..].iter().for_each(|other| world.befriend(one, other));
    }
    let nodes = NAMES.iter().map(|name| world.serve(name)).collect();
    let id = world.propose("north", &contract(terms));
    for name in &NAMES[1..] {
        world.until("the contract's arrival", || world.tacit(name, &["contract", "show", &id]).status == 0);
        world.tacit(name, &["contract", "accept", &id]).ok();
    }
    for name in NAMES {
        world.until("all signatures", || world.contract_state(name, &id) == "in force");
    }
    (world, nodes)
}

fn card(world: &World, name: &str) -> Value {
    world.until("the model", || world.tacit(name, &["model", "show", "churn"]).status == 0);
    world.tacit(name, &["model", "show", "churn", "-o", "json"]).ok().json()
}

/// A figure of a card with its interval: lower end, figure, upper end.
fn figure(card: &Value, on: &str, group: Option<&str>, name: &str) -> [Option<f64>; 3] {
    let metrics = card["metrics"].as_array().expect("metrics");
    let wanted =
        |metric: &&Value| metric["on"] == on && metric["group"].as_str() == group && metric["metric"] == name;
    let Some(metric) = metrics.iter().find(wanted) else { panic!("no {name} of {on}, {group:?}: {card:#}") };
    [&metric["interval95"][0], &metric["value"], &metric["interval95"][1]].map(Value::as_f64)
}

fn spent(world: &World, name: &str) -> usize {
    let log = world.tacit(name, &["audit", "log", "-o", "json"]).ok().json();
    let entries = log.as_array().cloned().unwrap_or_default();
    entries.iter().filter(|entry| entry["body"]["charge"].is_object()).count()
}

/// East has taken yes for no. Everybody sees, under noise, that the model tells the opposite of its customers, and that
/// it is worse for having learned from them.
#[test]
fn learnh_24_a_partner_that_spoils_the_model_is_seen_by_the_others() {
    let (world, mut nodes) = agreed(", leave_one_out = true", Some("east"));
    let file = world.write("job.toml", job("epsilon = 4.0\ndelta = 1e-6", "leave_one_out = true"));
    let explained = world.tacit("north", &["train", "explain", &file]).ok();
    assert!(explained.out.contains("what each adds"), "{}", explained.out);
    // A trainer is killed on the way: what was opened is not opened again, and nobody pays twice.
    let cut = world.start("north", &["train", &file]);
    nodes.pop().unwrap().kill();
    nodes.push(world.serve("east"));
    finish(cut);
    world.until("the training", || world.tacit("north", &["train", &file]).status == 0);
    let cards = NAMES.map(|name| card(&world, name));
    for (name, card) in NAMES.iter().zip(&cards) {
        assert_eq!(card["coefficients"], cards[0]["coefficients"], "{name}: weights and their intervals");
        assert_eq!(spent(&world, name), 4, "{name} is charged once for each of two, and each of two for it");
        for metric in ["auc", "ks", "log-loss", "psi", "lift-10", "calibration-error"] {
            let joint = figure(card, "joint", None, metric);
            assert_eq!(joint, figure(&cards[0], "joint", None, metric), "everybody has the same {metric}");
        }
        for region in ["region = coast", "region = hills"] {
            let [low, rate, high] = figure(card, "joint", Some(region), "selection-rate");
            assert!(low < rate && rate < high, "{low:?} {rate:?} {high:?}");
        }
        let of = |partner: &str| figure(card, "joint", Some(&format!("customers of {partner}")), "auc");
        assert!(of("east")[2] < Some(0.5), "{:?}", of("east"));
        assert!(
            of("north")[0] > Some(0.5) && of("south")[0] > Some(0.5),
            "{:?} {:?}",
            of("north"),
            of("south")
        );
    }
    let age = &cards[0]["coefficients"][1];
    assert!(age["name"] == "age" && age["interval95"][0].as_f64() < age["value"].as_f64(), "{age}");
    for honest in [0, 1] {
        let on = format!("{} (held out)", NAMES[honest]);
        let saved = |partner: &str| figure(&cards[honest], &on, Some(&format!("by {partner}")), "loss-saved");
        assert!(saved("east")[2] < Some(0.0), "{on}: better without east {:?}", saved("east"));
        assert!(saved(NAMES[1 - honest])[0] > Some(0.0), "{on}: {:?}", saved(NAMES[1 - honest]));
    }
}

/// Without noise the figures of all rows together are exact; those of each partner are refused, and so they are where the
/// contract does not have them.
#[test]
fn learnh_25_without_noise_joint_figures_are_exact_and_no_partner_has_its_own() {
    let (world, _nodes) = agreed(", without_noise = true", None);
    let exact = "mechanism = \"none\"";
    let noisy = world.write("noisy.toml", job("epsilon = 1.0\ndelta = 1e-6", "leave_one_out = true"));
    let refused = world.tacit("north", &["train", &noisy]);
    assert!(refused.status != 0 && refused.err.contains("E-POLICY-TRAIN-LEAVE-OUT"), "{}", refused.err);
    let alone = world.write("alone.toml", job(exact, "leave_one_out = true"));
    assert_ne!(
        world.tacit("north", &["train", &alone]).status,
        0,
        "of exact sums it is a partner's statistics"
    );
    let file = world.write("job.toml", job(exact, "holdout = 0.3"));
    world.tacit("north", &["train", &file]).ok();
    let cards = NAMES.map(|name| card(&world, name));
    let rows = cards[0]["rows"].clone();
    let (trained, held) = (rows["trained"].as_u64().unwrap(), rows["held_out"].as_u64().unwrap());
    assert_eq!(trained + held, 3 * ROWS);
    assert_eq!(figure(&cards[0], "joint", None, "customers")[1], Some(held as f64));
    let regions = ["region = coast", "region = hills"];
    let counted = regions.map(|region| figure(&cards[0], "joint", Some(region), "customers")[1].unwrap());
    assert_eq!(counted[0] + counted[1], held as f64);
    let [low, auc, high] = figure(&cards[0], "joint", None, "auc").map(Option::unwrap);
    assert!(0.75 < low && low < auc && auc < high && high < 0.95, "{low} {auc} {high}");
    // What the three know of their own held-out rows comes to about the same.
    let own = |place: usize| figure(&cards[place], &format!("{} (held out)", NAMES[place]), None, "auc")[1];
    let mean = (0..3).filter_map(own).sum::<f64>() / 3.0;
    assert!((mean - auc).abs() < 0.03, "{mean} {auc}");
    assert!(figure(&cards[0], "joint", None, "psi")[1] < Some(0.1));
    for card in &cards {
        assert_eq!(
            card["metrics"].as_array().map(|all| all
                .iter()
                .any(|one| { one["group"].as_str().is_some_and(|group| group.starts_with("customers of")) })),
            Some(false)
        );
        assert_eq!(card["coefficients"], cards[0]["coefficients"]);
        let visits = &card["coefficients"][2];
        let ends = [&visits["interval95"][0], &visits["interval95"][1]].map(|end| end.as_f64().unwrap());
        assert!(ends[0] < 0.0 && 0.0 < ends[1], "visits say nothing: {visits}");
    }
}
