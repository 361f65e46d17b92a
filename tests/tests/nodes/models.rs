//! Models on a real node: the card, the file, the audience, and what stands in the log of it.

use std::fs;

use serde_json::Value;
use tacit_node::learn::{
    Coefficient, Data, Encoding, Exact, Held, Input, JobText, Lineage, Metric, Model, ModelKind, Noise,
    OfContract, Paid, Part, Registry, Round, Rows, Shape,
};
use tacit_protocol::ids::QueryId;
use tacit_tests::{World, sample};

use crate::TACIT;

/// A home with data and a contract, and no partner that could be asked anything.
fn alone() -> (World, String) {
    let world = World::new(TACIT);
    for home in ["brand", "bank"] {
        world.init(home);
    }
    world.befriend("brand", "bank");
    let customers = sample("customers.parquet").to_string_lossy().into_owned();
    world.register("brand", "customers", &customers, &["phone=mobile", "email=mail"], "customer_id");
    let contract = world.propose("brand", &fs::read_to_string(sample("default-risk.toml")).unwrap());
    (world, contract)
}

/// What a training under `contract` would leave behind: late invoices and being single count.
fn trained(contract: &str) -> Model {
    let coefficient = |name: &str, value: f64| Coefficient {
        owner: String::new(),
        name: name.into(),
        value: Some(Exact(value)),
        low95: None,
        high95: None,
    };
    let input = |column: &str, encoding| Input {
        owner: String::new(),
        dataset: String::new(),
        column: column.into(),
        encoding,
    };
    let values = ["married", "single", "other"].map(str::to_owned).to_vec();
    Model {
        id: QueryId::new([0xab; 32]),
        name: "late".into(),
        trained: "2026-11-22T15:00:00Z".parse().unwrap(),
        software: "0.1.0".into(),
        contract: OfContract {
            id: contract.parse().unwrap(),
            name: "default-risk".into(),
            purpose: "joint-marketing".into(),
        },
        us: "brand".into(),
        partners: vec!["bank".into(), "brand".into()],
        job: JobText { hash: "12".repeat(32), toml: "name = \"late\"\n".into() },
        kind: ModelKind::Logistic,
        shape: Shape::Horizontal,
        part: Part::Trainer,
        target: "late".into(),
        target_bounds: None,
        rows: Rows { trained: Some(3000), held_out: Some(1000), own: 1500 },
        data: vec![Data { owner: "brand".into(), dataset: "customers".into(), snapshot: None }],
        inputs: vec![
            input("late_invoices", Encoding::Bounds { low: Exact(0.0), high: Exact(6.0) }),
            input("marriage", Encoding::Values(values)),
        ],
        clip: None,
        weights: Held::Open,
        coefficients: vec![
            coefficient("(intercept)", -2.0),
            coefficient("late_invoices", 6.0),
            coefficient("marriage=married", 0.0),
            coefficient("marriage=single", 0.5),
            coefficient("marriage=other", 0.0),
        ],
        noise: Some(Noise {
            mechanism: "discrete-gaussian".into(),
            sigma: Exact(40.0),
            nano_rho: 18_000_000,
            epsilon_micro: 1_000_000,
            delta_femto: 1_000_000_000,
        }),
        rounds: vec![Round { round: 1, loss: None, auc: Some(Exact(0.7)) }],
        metrics: vec![Metric {
            on: "joint".into(),
            group: None,
            name: "auc".into(),
            value: Exact(0.7123),
            low95: Some(Exact(0.69)),
            high95: Some(Exact(0.73)),
        }],
        price: vec![Paid {
            ledger: "bank".into(),
            nano_rho: 18_000_000,
            epsilon_micro: 1_000_000,
            delta_femto: 1_000_000_000,
        }],
        lineage: Lineage::default(),
        transcript: "34".repeat(32),
        untold: vec!["no row left its owner".into()],
    }
}

fn kept(world: &World, contract: &str) -> Registry {
    let registry = Registry::at(world.path("brand/models"));
    registry.keep(&trained(contract), None).unwrap();
    registry
}

/// The records of the log about models.
fn on_record(world: &World) -> Vec<Value> {
    world.records("brand").into_iter().filter(|record| record["kind"] == "model").collect()
}

#[test]
fn a_model_is_listed_shown_taken_out_and_removed_and_the_log_says_so() {
    let (world, contract) = alone();
    assert!(world.tacit("brand", &["model", "list"]).ok().err.contains("no models yet"));
    world.tacit("brand", &["model", "show", "late"]).refused(2, "E-MODEL-NOT-FOUND");
    let registry = kept(&world, &contract);
    // With the node running or not: the same.
    let node = world.serve("brand");
    let listed = world.tacit("brand", &["model", "list", "-o", "json"]).ok().json();
    assert_eq!((&listed[0]["name"], &listed[0]["model"]), (&"late".into(), &"abababab".into()));
    assert_eq!(listed[0]["auc"], 0.7123);
    let card = world.tacit("brand", &["model", "show", "abab"]).ok();
    for wanted in ["late_invoices", "marriage=single", "ε = 1 at δ = 0.000001", "no row left its owner"] {
        assert!(card.out.contains(wanted), "{wanted} is missing in\n{}", card.out);
    }
    let page = world.tacit("brand", &["model", "show", "late", "-o", "html"]).ok();
    assert!(page.out.starts_with("<!doctype html>") && page.out.trim_end().ends_with("</html>"));
    let document = world.tacit("brand", &["model", "show", "late", "-o", "json"]).ok().json();
    assert_eq!(document["coefficients"][1]["value"], 6.0);
    world.tacit("brand", &["model", "list", "-o", "html"]).refused(2, "E-USAGE");
    drop(node);
    assert!(on_record(&world).is_empty(), "looking leaves no record");

    let file = world.path("late.json").to_string_lossy().into_owned();
    world.tacit("brand", &["model", "export", "late", "--out", &file, "--by", "Lin"]).ok();
    let exported = fs::read(&file).unwrap();
    assert_eq!(exported, fs::read(registry.folder(trained(&contract).id).join("model.json")).unwrap());
    world.tacit("brand", &["model", "delete", "late", "--by", "Lin"]).ok();
    world.tacit("brand", &["model", "show", "late"]).refused(2, "E-MODEL-NOT-FOUND");
    let records = on_record(&world);
    let said: Vec<_> = records.iter().map(|record| (&record["what"], &record["body"]["by"])).collect();
    assert_eq!(said, [(&"exported".into(), &"Lin".into()), (&"deleted".into(), &"Lin".into())]);
    assert!(records.iter().all(|record| record["contract"] == contract.as_str()));
    world.tacit("brand", &["audit", "verify"]).ok();
}

#[test]
fn a_damaged_model_says_so_scores_nobody_and_can_be_removed() {
    let (world, contract) = alone();
    let registry = kept(&world, &contract);
    let path = registry.folder(trained(&contract).id).join("model.json");
    let text = fs::read_to_string(&path).unwrap();
    // One digit of one weight.
    fs::write(&path, text.replacen("\"6.0\"", "\"5.0\"", 1)).unwrap();
    world.tacit("brand", &["model", "show", "abab"]).refused(1, "E-MODEL-DAMAGED");
    world.tacit("brand", &["predict", "abab", "customers"]).refused(1, "E-MODEL-DAMAGED");
    let listed = world.tacit("brand", &["model", "list", "-o", "json"]).ok();
    assert_eq!(listed.json()[0]["kind"], "damaged");
    assert!(listed.err.contains("changed after it was written"), "{}", listed.err);
    fs::write(&path, text.replacen("\"format\": 1", "\"format\": 7", 1)).unwrap();
    world.tacit("brand", &["model", "show", "abab"]).refused(1, "E-MODEL-NEWER");
    world.tacit("brand", &["model", "delete", "abab"]).ok();
    assert!(world.tacit("brand", &["model", "list"]).ok().err.contains("no models yet"));
}

#[test]
fn a_horizontal_model_scores_ones_own_customers_at_home_and_the_top_is_an_audience() {
    let (world, contract) = alone();
    kept(&world, &contract);
    let all = world.tacit("brand", &["predict", "late", "customers", "-o", "json"]).ok();
    let rows = all.json();
    let rows = rows.as_array().unwrap();
    // Consenting customers that can be told apart; nobody twice.
    let expected: Value = serde_json::from_slice(&fs::read(sample("expected.json")).unwrap()).unwrap();
    assert!(
        rows.len() > 3_000 && rows.len() as u64 <= expected["brand"]["rows_consenting"].as_u64().unwrap()
    );
    let scores: Vec<f64> = rows.iter().map(|row| row["score"].as_f64().unwrap()).collect();
    assert!(
        scores.is_sorted_by(|one, next| one >= next)
            && scores.iter().all(|score| (0.0..=1.0).contains(score))
    );
    // Five late invoices of six, a third above the middle, and single: −2 + 6/3 + ½.
    let highest = 1.0 / (1.0 + (-0.5_f64).exp());
    assert!((scores[0] - highest).abs() < 1e-5, "{}", scores[0]);
    assert!(rows[0]["customer"].as_str().unwrap().starts_with('C'));

    let file = world.path("call.csv").to_string_lossy().into_owned();
    let ran = world.tacit("brand", &["predict", "late", "customers", "--top", "10%", "--out", &file]).ok();
    let text = fs::read_to_string(&file).unwrap();
    let listed: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(listed.len(), rows.len().div_ceil(10), "{}", ran.err);
    assert_eq!(listed[0], rows[0]["customer"].as_str().unwrap());

    let first = rows[0]["customer"].as_str().unwrap();
    let used = on_record(&world);
    assert_eq!(used.len(), 2);
    assert!(used.iter().all(|record| record["what"] == "used" && record["body"]["dataset"] == "customers"));
    assert_eq!(used[1]["body"]["listed"].as_u64(), Some(listed.len() as u64));
    assert!(!world.log("brand").contains(first), "no customer is named in a log");
    world.tacit("brand", &["audit", "verify"]).ok();
}

#[test]
fn a_model_of_both_sides_columns_is_not_applied_by_one() {
    let (world, contract) = alone();
    let registry = kept(&world, &contract);
    let mut model = trained(&contract);
    model.shape = Shape::Vertical;
    model.inputs[1].owner = "bank".into();
    registry.keep(&model, None).unwrap();
    world.tacit("brand", &["predict", "late", "customers"]).refused(3, "E-MODEL-NEEDS-PARTNER");
    model.weights = Held::Shared;
    registry.keep(&model, None).unwrap();
    world.tacit("brand", &["predict", "late", "customers"]).refused(3, "E-MODEL-NOT-OPEN");
    let wrong = trained(&contract);
    registry.keep(&wrong, None).unwrap();
    world.tacit("brand", &["predict", "late", "nothing"]).refused(2, "E-DATASET-UNKNOWN");
}
