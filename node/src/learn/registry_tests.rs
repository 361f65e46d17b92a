use proptest::prelude::*;

use super::*;
use crate::learn::model::*;

/// A small model that uses every part of the format.
pub fn example() -> Model {
    let coefficient = |owner: &str, name: &str, value: f64| Coefficient {
        owner: owner.into(),
        name: name.into(),
        value: Some(Exact(value)),
        low95: Some(Exact(value - 0.1)),
        high95: Some(Exact(value + 0.1)),
    };
    let metric = |on: &str, group: Option<&str>, value: f64| Metric {
        on: on.into(),
        group: group.map(str::to_owned),
        name: "auc".into(),
        value: Exact(value),
        low95: Some(Exact(value - 0.03)),
        high95: Some(Exact(value + 0.03)),
    };
    let input = |owner: &str, dataset: &str, column: &str, encoding| Input {
        owner: owner.into(),
        dataset: dataset.into(),
        column: column.into(),
        encoding,
    };
    Model {
        id: QueryId::new([7; 32]),
        name: "default-risk".into(),
        trained: "2026-11-22T15:04:05.123456789Z".parse().unwrap(),
        software: "0.1.0".into(),
        contract: OfContract {
            id: tacit_protocol::ids::ContractId::new([9; 32]),
            name: "default-risk".into(),
            purpose: "credit-scoring".into(),
        },
        us: "bank".into(),
        partners: vec!["bank".into(), "brand".into()],
        job: JobText { hash: "ab".repeat(32), toml: "name = \"default-risk\"\nrounds = 2\n".into() },
        kind: ModelKind::Logistic,
        shape: Shape::Vertical,
        part: Part::Label,
        target: "bank.accounts.defaulted".into(),
        target_bounds: None,
        rows: Rows { trained: Some(1520), held_out: Some(506), own: 2026 },
        data: vec![
            Data { owner: "bank".into(), dataset: "accounts".into(), snapshot: Some("cd".repeat(32)) },
            Data { owner: "brand".into(), dataset: "customers".into(), snapshot: None },
        ],
        inputs: vec![
            input(
                "bank",
                "accounts",
                "credit_limit",
                Encoding::Bounds { low: Exact(0.0), high: Exact(500_000.0) },
            ),
            input("brand", "customers", "category", Encoding::Values(vec!["maternal".into(), "home".into()])),
            input("brand", "customers", "member", Encoding::Boolean),
        ],
        clip: Some(Exact(2.0)),
        weights: Held::Open,
        coefficients: vec![
            coefficient("", "(intercept)", -1.25),
            coefficient("bank", "credit_limit", 0.5),
            coefficient("brand", "category=maternal", 0.25),
            coefficient("brand", "category=home", 0.1 + 0.2),
            coefficient("brand", "member", -0.0),
        ],
        noise: Some(Noise {
            mechanism: "discrete-gaussian".into(),
            sigma: Exact(12.5),
            nano_rho: 18_750_000,
            epsilon_micro: 1_000_000,
            delta_femto: 1_000_000_000,
        }),
        rounds: vec![
            Round { round: 1, loss: None, auc: None },
            Round { round: 2, loss: Some(Exact(0.52)), auc: Some(Exact(0.71)) },
        ],
        metrics: vec![
            metric("joint", None, 0.712),
            metric("bank alone", None, 0.615),
            metric("joint", Some("region = north"), 0.7),
        ],
        price: vec![Paid {
            ledger: "brand".into(),
            nano_rho: 18_750_000,
            epsilon_micro: 1_000_000,
            delta_femto: 1_000_000_000,
        }],
        lineage: Lineage { parent: Some(QueryId::new([6; 32])), resumed: 1, record: Some(12) },
        transcript: "ef".repeat(32),
        untold: vec!["no row, label, feature or residual left its owner".into()],
    }
}

fn registry() -> (tempfile::TempDir, Registry) {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::at(dir.path().join("models"));
    (dir, registry)
}

#[test]
fn a_kept_model_reads_back_whole() {
    let (_dir, registry) = registry();
    assert!(registry.list().unwrap().is_empty(), "no folder is no models");
    let model = example();
    registry.keep(&model, Some(b"shares")).unwrap();
    assert_eq!(registry.find("default-risk").unwrap(), model);
    assert_eq!(registry.find("0707").unwrap(), model);
    assert_eq!(registry.find(&model.id.to_string()).unwrap(), model);
    assert_eq!(registry.shares(model.id).unwrap().unwrap().as_slice(), b"shares");
    // What was resumed may be kept again.
    registry.keep(&model, None).unwrap();
    assert_eq!(registry.list().unwrap().len(), 1);
    registry.delete(model.id).unwrap();
    assert!(registry.list().unwrap().is_empty() && registry.shares(model.id).unwrap().is_none());
    assert_eq!(registry.find("default-risk").unwrap_err().code(), "E-MODEL-NOT-FOUND");
}

#[test]
fn scores_lie_beside_the_model_and_go_with_it() {
    let (_dir, registry) = registry();
    let model = example();
    assert!(registry.scores(model.id).unwrap().is_none());
    let scores = Scores { snapshot: "ab".repeat(32), scores: vec![(1, 0.5), (7, -2.25)] };
    registry.keep_scores(model.id, &scores).unwrap();
    assert!(registry.list().unwrap().is_empty(), "scores alone are no model");
    registry.keep(&model, None).unwrap();
    assert_eq!(registry.scores(model.id).unwrap(), Some(scores));
    assert!(!registry.export(model.id).unwrap().contains("-2.25"), "an export has no customer's score");
    fs::write(registry.folder(model.id).join(SCORES), "{\"snapshot\": 1}").unwrap();
    assert_eq!(registry.scores(model.id).unwrap_err().code(), "E-MODEL-DAMAGED");
    let broken = Scores { snapshot: String::new(), scores: vec![(1, f64::NAN)] };
    assert_eq!(registry.keep_scores(model.id, &broken).unwrap_err().code(), "E-MODEL-NOT-FINITE");
    registry.delete(model.id).unwrap();
    assert!(registry.scores(model.id).unwrap().is_none());
}

#[test]
fn of_several_by_one_name_the_newest_is_meant() {
    let (_dir, registry) = registry();
    let old = example();
    let mut new = Model { id: QueryId::new([8; 32]), ..example() };
    new.trained = "2026-11-23T00:00:00Z".parse().unwrap();
    let third = Model { id: QueryId::new([0x88; 32]), name: "other".into(), ..example() };
    for model in [&new, &old, &third] {
        registry.keep(model, None).unwrap();
    }
    assert_eq!(registry.find("default-risk").unwrap().id, new.id);
    assert_eq!(registry.find("0707").unwrap().id, old.id);
    assert_eq!(registry.find("07").unwrap_err().code(), "E-MODEL-NOT-FOUND", "two digits are no prefix");
    assert_eq!(registry.list().unwrap().first().map(|listed| listed.id), Some(new.id));
    let mut twin = [7; 32];
    twin[31] = 1;
    registry.keep(&Model { id: QueryId::new(twin), name: "twin".into(), ..example() }, None).unwrap();
    assert_eq!(registry.find("0707").unwrap_err().code(), "E-MODEL-AMBIGUOUS");
}

#[test]
fn a_changed_digit_is_noticed_and_the_others_are_still_listed() {
    let (_dir, registry) = registry();
    let model = example();
    registry.keep(&model, None).unwrap();
    let other = Model { id: QueryId::new([8; 32]), name: "other".into(), ..example() };
    registry.keep(&other, None).unwrap();
    let path = registry.folder(model.id).join(FILE);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("-1.25", "-1.26", 1)).unwrap();
    let error = registry.read(model.id).unwrap_err();
    assert_eq!(error.code(), "E-MODEL-DAMAGED");
    assert!(error.to_string().contains("changed after it was written"), "{error}");
    assert!(registry.export(model.id).is_err(), "what is damaged is not carried on");
    let listed = registry.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed[0].model.is_ok() && listed[1].model.is_err());
    // It can be named by its id, to be removed.
    assert_eq!(registry.find_id("0707").unwrap(), model.id);
}

#[test]
fn a_file_in_the_wrong_folder_or_cut_short_is_damaged() {
    let (_dir, registry) = registry();
    let model = example();
    registry.keep(&model, None).unwrap();
    let text = fs::read_to_string(registry.folder(model.id).join(FILE)).unwrap();
    let elsewhere = QueryId::new([1; 32]);
    fs::create_dir_all(registry.folder(elsewhere)).unwrap();
    fs::write(registry.folder(elsewhere).join(FILE), &text).unwrap();
    assert_eq!(registry.read(elsewhere).unwrap_err().code(), "E-MODEL-DAMAGED");
    for length in (0..text.trim_end().len()).step_by(97) {
        fs::write(registry.folder(model.id).join(FILE), &text[..length]).unwrap();
        assert_eq!(registry.read(model.id).unwrap_err().code(), "E-MODEL-DAMAGED", "{length} bytes");
    }
}

#[test]
fn a_newer_format_is_refused_by_its_number() {
    let (_dir, registry) = registry();
    let model = example();
    registry.keep(&model, None).unwrap();
    let path = registry.folder(model.id).join(FILE);
    fs::write(&path, "{\"format\": 2, \"trees\": [[1, 2], [3]]}").unwrap();
    let error = registry.read(model.id).unwrap_err();
    assert_eq!(error.code(), "E-MODEL-NEWER");
    assert!(error.to_string().contains("format 2") && error.to_string().contains("up to 1"), "{error}");
    for none in ["{}", "[]", "{\"format\": 0}", "{\"format\": -1}", "{\"format\": \"2\"}", ""] {
        fs::write(&path, none).unwrap();
        assert_eq!(registry.read(model.id).unwrap_err().code(), "E-MODEL-DAMAGED", "{none}");
    }
}

#[test]
fn a_number_that_is_not_finite_is_kept_by_nobody() {
    let (_dir, registry) = registry();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut model = example();
        model.coefficients[1].value = Some(Exact(bad));
        assert_eq!(registry.keep(&model, None).unwrap_err().code(), "E-MODEL-NOT-FINITE");
    }
    assert!(registry.list().unwrap().is_empty());
    let model = example();
    registry.keep(&model, None).unwrap();
    let path = registry.folder(model.id).join(FILE);
    for bad in ["\"NaN\"", "\"inf\"", "\"1e999\"", "-1.25", "null"] {
        let text = sealed(&model).unwrap().replacen("\"-1.25\"", bad, 1);
        fs::write(&path, text).unwrap();
        assert_eq!(registry.read(model.id).unwrap_err().code(), "E-MODEL-DAMAGED", "{bad}");
    }
}

#[test]
fn only_the_owner_can_read_a_model() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, registry) = registry();
    let model = example();
    registry.keep(&model, Some(b"x")).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(registry.folder(model.id)), 0o700);
    assert_eq!(mode(registry.folder(model.id).join(FILE)), 0o600);
    assert_eq!(mode(registry.folder(model.id).join(SHARES)), 0o600);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_finite_number_and_every_text_survives_the_file(
        bits in proptest::collection::vec(any::<u64>(), 4),
        name in any::<String>(),
        toml in any::<String>(),
        counts in any::<(Option<u64>, Option<u64>, u64, u64, u64)>(),
    ) {
        let numbers: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
        prop_assume!(numbers.iter().all(|number| number.is_finite()));
        let mut model = example();
        model.name = name;
        model.job.toml = toml;
        model.rows = Rows { trained: counts.0, held_out: counts.1, own: counts.2 };
        model.price[0].nano_rho = counts.3;
        model.price[0].delta_femto = counts.4;
        for (coefficient, number) in model.coefficients.iter_mut().zip(&numbers) {
            coefficient.value = Some(Exact(*number));
        }
        let read = opened(model.id, sealed(&model).unwrap().as_bytes()).unwrap();
        prop_assert_eq!(&read, &model);
        let bits = |model: &Model| model.open_weights().unwrap().iter().map(|w| w.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read), bits(&model));
    }

    #[test]
    fn a_flipped_byte_is_never_another_model(place in any::<prop::sample::Index>(), flip in 1u8..=255) {
        let model = example();
        let mut bytes = sealed(&model).unwrap().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        match opened(model.id, &bytes) {
            // White space, or a digit's capital letter in an escape: the same model after all.
            Ok(read) => prop_assert_eq!(read, model),
            Err(error) => prop_assert!(["E-MODEL-DAMAGED", "E-MODEL-NEWER"].contains(&error.code())),
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(opened(QueryId::new([7; 32]), &bytes).is_err());
    }
}
