//! The example's files against what another program, with other libraries, found in them.

use std::collections::HashSet;

use serde_json::Value as Json;
use tacit_protocol::identity::{Digest, HashText, KeyKind, Profile};

use super::*;
use crate::policy::consent::Withdrawn;

const KEYS: [KeyKind; 2] = [KeyKind::Phone, KeyKind::Email];

struct Sample {
    place: Place,
    brand: Registration,
    bank: Registration,
    expected: Json,
}

fn sample() -> Sample {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/brand_bank");
    let place = Place::new();
    let add = |new: NewDataset| {
        place.datasets.add(new.default_region("US").unwrap(), Timestamp::now(), &mut |_| true).unwrap()
    };
    let brand = NewDataset::new("customers", &folder.join("customers.parquet")).row_id("customer_id");
    let brand = add(brand.id("phone", "mobile").unwrap().id("email", "mail").unwrap());
    let bank = NewDataset::new("accounts", &folder.join("accounts.csv")).row_id("account_id");
    let bank = add(bank.id("phone", "tel").unwrap().id("email", "email").unwrap());
    let expected = fs::read_to_string(folder.join("expected.json")).unwrap();
    Sample { brand, bank, expected: serde_json::from_str(&expected).unwrap(), place }
}

fn side(registration: &Registration, consent: Option<&str>, filter: &Json) -> LocalInput {
    let filter = filter
        .as_object()
        .and_then(|filter| filter.iter().next())
        .map(|(column, value)| Filter::of(&format!("\"{column}\" = '{}'", value.as_str().unwrap())).unwrap());
    let plan = CollectPlan {
        registration,
        profile: Profile::GoogleDm2,
        keys: &KEYS,
        default_region: None,
        filter: filter.as_ref(),
        consent,
        withdrawn: &Withdrawn::default(),
    };
    collect(&plan, &mut |_, _| true).unwrap()
}

fn overlap(brand: &LocalInput, bank: &LocalInput) -> Vec<Match> {
    let theirs: HashSet<&[u8; 32]> = bank.items().iter().collect();
    let bits: Vec<bool> = brand.items().iter().map(|item| theirs.contains(item)).collect();
    brand.matched(&bits)
}

fn by(matches: &[Match], kind: &KeyKind) -> u64 {
    matches.iter().filter(|found| found.kind == *kind).count() as u64
}

#[test]
fn every_reveal_of_the_sample_is_what_another_program_found() {
    let sample = sample();
    let reveals = sample.expected["reveals"].as_array().unwrap();
    assert!(reveals.len() >= 7);
    for expected in reveals {
        let brand = side(&sample.brand, Some("consent"), &expected["brand_filter"]);
        let bank = side(&sample.bank, Some("marketing_ok"), &expected["bank_filter"]);
        let found = overlap(&brand, &bank);
        let number = |name: &str| expected[name].as_u64().unwrap();
        assert_eq!(found.len() as u64, number("customers"), "{expected}");
        // The other program does not read `00…` as an international prefix in the US, this one does: a few
        // who matched by mail alone there match by phone as well here.
        assert!(by(&found, &KeyKind::Phone) >= number("by_phone_only") + number("by_both"));
        assert_eq!(by(&found, &KeyKind::Phone) + by(&found, &KeyKind::Email), number("customers"));
    }
    let target = sample.place.path("answer.parquet");
    let demo = &reveals[0];
    let brand = side(&sample.brand, Some("consent"), &demo["brand_filter"]);
    let bank = side(&sample.bank, Some("marketing_ok"), &demo["bank_filter"]);
    let found = overlap(&brand, &bank);
    pick(&sample.brand, brand.snapshot(), &found, "customer", None, &target, &mut |_, _| true).unwrap();
    let (_, rows) = read_parquet(&target);
    assert_eq!(rows.len() as u64, demo["customers"].as_u64().unwrap(), "each customer once");
    let mut ids: Vec<&str> = rows
        .iter()
        .flat_map(|row| row[..3].iter().enumerate().filter(|(column, _)| *column != 1))
        .flat_map(|(_, cell)| cell.as_deref().unwrap_or_default().split_whitespace())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids.len() as u64, demo["rows"].as_u64().unwrap(), "and all of its rows");
    let text: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let hash = Digest::of(text.as_bytes());
    assert_eq!(HashText::Hex.write(&hash), demo["ids_sha256"].as_str().unwrap());
}

#[test]
fn rows_and_consents_of_the_sample_are_counted_as_another_program_did() {
    let sample = sample();
    for (registration, consent, name) in
        [(&sample.brand, "consent", "brand"), (&sample.bank, "marketing_ok", "bank")]
    {
        let expected = &sample.expected[name];
        let counts = side(registration, Some(consent), &Json::Null).counts().clone();
        assert_eq!(counts.rows, expected["rows"].as_u64().unwrap());
        assert_eq!(counts.rows - counts.without_consent, expected["rows_consenting"].as_u64().unwrap());
        assert_eq!(registration.snapshot.rows, counts.rows);
    }
}

#[test]
fn lint_of_the_sample_counts_what_another_program_did() {
    let sample = sample();
    let mut reports = Vec::new();
    for (registration, name) in [(&sample.brand, "customers"), (&sample.bank, "accounts")] {
        let found = lint(registration, Profile::GoogleDm2, None, &mut |_, _| true).unwrap();
        reports
            .extend(found.columns.into_iter().map(|(column, report)| (format!("{name}.{column}"), report)));
    }
    let all = serde_json::to_string(&reports).unwrap();
    for (name, report) in reports {
        let expected = |what: &str| sample.expected["identifiers"][&name][what].as_u64().unwrap();
        let hashed = report.hashed_hex + report.hashed_base64;
        assert_eq!(report.empty, expected("empty"), "{name}");
        let folded = expected("malformed_by_00_prefix");
        assert_eq!(report.malformed, expected("malformed") - folded, "{name}");
        assert_eq!(report.valid - hashed, expected("valid") + folded, "{name}");
        assert_eq!(hashed, expected("hashed"), "{name}");
        assert_eq!(report.double_hashed.value, expected("hashed_twice"), "{name}");
    }
    // Not one of the identifiers, whole, is in what a person would see.
    for (registration, columns) in [(&sample.brand, ["mobile", "mail"]), (&sample.bank, ["tel", "email"])] {
        for cell in table(registration, &columns).into_iter().flat_map(|(_, row)| row).flatten() {
            let is_whole = cell.len() >= 7 && !cell.starts_with('@');
            assert!(!is_whole || !all.contains(&cell), "{cell} is shown");
        }
    }
}
