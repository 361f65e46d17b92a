use proptest::prelude::*;

use super::*;

fn lint<'a>(
    profile: Profile,
    kind: KeyKind,
    region: Option<&str>,
    values: impl IntoIterator<Item = Option<&'a str>>,
) -> Report {
    let mut linter = Linter::new(profile, kind, region.map(|name| name.parse().unwrap()));
    values.into_iter().for_each(|value| linter.push(value));
    linter.finish()
}

fn rows(report: &Report, what: What) -> u64 {
    report.findings.iter().find(|finding| finding.what == what).map_or(0, |finding| finding.rows.value)
}

fn examples(report: &Report, what: What) -> Vec<&str> {
    let finding = report.findings.iter().find(|finding| finding.what == what).unwrap();
    finding.examples.iter().map(String::as_str).collect()
}

fn hash(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

#[test]
fn a_messy_column_is_counted_by_rule() {
    let jane = HashText::Hex.write(&hash("jane@example.com"));
    let joe = HashText::Base64.write(&hash("joe@example.com"));
    let twice = HashText::Hex.write(&hash(&jane));
    let report = lint(
        Profile::GoogleDm2,
        KeyKind::Email,
        None,
        [
            Some("jane@example.com"),
            Some(" JANE@example.com"),
            Some(&jane),
            Some(&joe),
            Some(&twice),
            Some("joe.bloggs"),
            Some("13812341234"),
            Some("d41d8cd98f00b204e9800998ecf8427e"),
            Some("mary@example.com"),
            Some("  "),
            None,
        ],
    );
    assert_eq!((report.rows, report.empty, report.malformed, report.valid), (11, 2, 3, 5));
    assert_eq!((report.hashed_hex, report.hashed_base64), (1, 1), "one more was hashed twice");
    assert_eq!(report.duplicates, Count::exact(2), "jane in two spellings and as a hash");
    assert_eq!(report.double_hashed, Count::exact(1));
    assert_eq!(report.most_repeated, 3);
    assert_eq!(rows(&report, What::Empty), 2);
    assert_eq!(rows(&report, What::Malformed(Malformed::NotAnEmail)), 2);
    assert_eq!(rows(&report, What::Malformed(Malformed::ForeignHash)), 1);
    assert_eq!(examples(&report, What::Malformed(Malformed::NotAnEmail)), ["j****", "138****1234"]);
    assert_eq!(examples(&report, What::DoubleHashed), [format!("{}…", &twice[..4])]);
    assert_eq!(examples(&report, What::Duplicate)[0], "J***@example.com");
    assert!(examples(&report, What::Empty).is_empty());
    for hint in [
        Hint::HoldsPhones { rows: 1 },
        Hint::HashWithSha256 { rows: 1 },
        Hint::Mixed { hashed: 2, plain: 3 },
        Hint::HashedTwice { rows: 1 },
    ] {
        assert!(report.hints.contains(&hint), "{hint:?} in {:?}", report.hints);
    }
    assert!((report.validity() - 5.0 / 9.0).abs() < 1e-12);
}

#[test]
fn hashing_twice_is_seen_beside_its_origin_and_only_there() {
    let once = hash("jane@example.com");
    for (inner, outer) in [
        (HashText::Hex, HashText::Hex),
        (HashText::Hex, HashText::Base64),
        (HashText::Base64, HashText::Hex),
        (HashText::Base64, HashText::Base64),
    ] {
        let twice = outer.write(&hash(&inner.write(&once)));
        let beside = |value: &str| {
            // The origin may come after.
            let report = lint(Profile::Uid21, KeyKind::Email, None, [Some(&*twice), Some(value)]);
            report.double_hashed.value
        };
        assert_eq!(beside("jane@example.com"), 1);
        assert_eq!(beside(&HashText::Hex.write(&once)), 1);
        assert_eq!(beside(&HashText::Base64.write(&once)), 1);
        assert_eq!(beside("joe@example.com"), 0);
    }
}

#[test]
fn what_was_hashed_twice_is_neither_valid_nor_hashed_once() {
    let origins = ["jane@example.com", "joe@example.com", "mary@example.com"];
    let twice = |text: HashText, origin: &&str| text.write(&hash(&HashText::Hex.write(&hash(origin))));
    let mut column: Vec<String> = origins.iter().map(|origin| HashText::Hex.write(&hash(origin))).collect();
    column.extend(origins[..2].iter().map(|origin| twice(HashText::Hex, origin)));
    column.extend([twice(HashText::Base64, &origins[2]), twice(HashText::Base64, &origins[2])]);
    let report = lint(Profile::GoogleDm2, KeyKind::Email, None, column.iter().map(|value| Some(&**value)));
    assert_eq!((report.rows, report.valid, report.double_hashed), (7, 3, Count::exact(4)));
    assert_eq!((report.hashed_hex, report.hashed_base64), (3, 0));
    assert_eq!((rows(&report, What::HashedHex), rows(&report, What::DoubleHashed)), (3, 4));
    assert_eq!(rows(&report, What::HashedBase64), 0);
    assert_eq!(report.hints, [Hint::HashedTwice { rows: 4 }]);
    // Where a hash is a text like any other, it matches the same text.
    let report = lint(Profile::Raw1, KeyKind::Email, None, column.iter().map(|value| Some(&**value)));
    assert_eq!((report.valid, report.double_hashed, report.hashed_base64), (7, Count::exact(0), 2));
}

#[test]
fn national_numbers_without_a_region_get_the_hint() {
    let column =
        ["138 1234 1234", "139-1234-1234", "+8613712341234", "jane@example.com", "1.38E+10"].map(Some);
    let report = lint(Profile::GoogleDm2, KeyKind::Phone, None, column);
    assert_eq!(rows(&report, What::Malformed(Malformed::NoCountryCode)), 2);
    assert_eq!(
        report.hints,
        [Hint::SetDefaultRegion { rows: 2 }, Hint::ExportAsText { rows: 1 }, Hint::HoldsEmails { rows: 1 },]
    );
    assert_eq!(
        report.hints[0].to_string(),
        "2 numbers have no country code: set the dataset's default region"
    );

    let report = lint(Profile::GoogleDm2, KeyKind::Phone, Some("CN"), column);
    assert_eq!(report.valid, 3);
    let report = lint(Profile::GoogleDm2, KeyKind::Phone, Some("GB"), column);
    assert!(report.hints.contains(&Hint::CheckDefaultRegion { rows: 2 }));
    let report = lint(Profile::CnMobile1, KeyKind::Phone, None, [Some("+85291234567")]);
    assert_eq!(report.hints, [Hint::NotOnlyMainland { rows: 1 }]);
}

#[test]
fn profiles_that_keep_gmail_dots_say_so() {
    let column = ["a.b@gmail.com", "ab+x@googlemail.com", "ab@gmail.com", "a.b@example.com"].map(Some);
    let hints = |profile| lint(profile, KeyKind::Email, None, column).hints;
    assert_eq!(hints(Profile::MetaCapi1), [Hint::FoldGmail { rows: 2 }]);
    assert_eq!(hints(Profile::Uid21), [Hint::FoldGmail { rows: 1 }]);
    assert_eq!(hints(Profile::GoogleDm2), []);
}

#[test]
fn raw_columns_are_counted_by_looks() {
    let column = [HashText::Hex.write(&hash("x")), HashText::Base64.write(&hash("y")), "A-17".to_owned()];
    let report = lint(Profile::Raw1, KeyKind::Email, None, column.iter().map(|value| Some(&**value)));
    assert_eq!((report.valid, report.hashed_hex, report.hashed_base64), (3, 1, 1));
    assert_eq!(report.hints, [Hint::HashedUnderRaw { rows: 2 }]);
}

#[test]
fn placeholders_stand_out() {
    let column = std::iter::repeat_n(Some("13800000000"), 12).chain([Some("13812341234")]);
    let report = lint(Profile::CnMobile1, KeyKind::Phone, None, column);
    assert_eq!(report.duplicates, Count::exact(11));
    assert_eq!(report.hints, [Hint::Placeholder { rows: 12 }]);
    assert_eq!(examples(&report, What::Duplicate), ["138****0000"]);
}

#[test]
fn an_empty_column_is_whole() {
    let report = lint(Profile::GoogleDm2, KeyKind::Email, None, []);
    assert_eq!((report.completeness(), report.validity(), report.uniqueness()), (1.0, 1.0, 1.0));
    assert!(report.findings.is_empty() && report.hints.is_empty());
}

#[test]
fn beyond_the_limit_counts_are_estimates_from_bounded_memory() {
    // 40,000 values, every fourth on two rows, and 1,000 of them once more hashed twice.
    let mut linter = Linter::remembering(Profile::GoogleDm2, KeyKind::Email, None, 2000);
    for customer in 0..40_000 {
        let address = format!("customer{customer}@example.com");
        linter.push(Some(&address));
        if customer % 4 == 0 {
            linter.push(Some(&address));
        }
        if customer % 40 == 0 {
            let twice = hash(&HashText::Hex.write(&hash(&address)));
            linter.push(Some(&HashText::Hex.write(&twice)));
        }
    }
    assert!(linter.seen.values().len() <= 2000 && linter.again.values().len() <= 4000);
    let report = linter.finish();
    assert_eq!(report.valid + report.double_hashed.value, 51_000);
    assert!(!report.duplicates.exact && !report.double_hashed.exact);
    // A fixed column, so nothing here is random; the sample is about a 32nd of it.
    assert!(report.duplicates.value.abs_diff(10_000) < 1_500, "{:?}", report.duplicates);
    assert!(report.double_hashed.value.abs_diff(1_000) < 500, "{:?}", report.double_hashed);

    let mut linter = Linter::remembering(Profile::GoogleDm2, KeyKind::Email, None, 100);
    (0..10_000).for_each(|customer| linter.push(Some(&format!("customer{customer}@example.com"))));
    assert_eq!(linter.finish().duplicates, Count { value: 0, exact: false }, "no duplicates stay none");
}

#[test]
fn the_report_reads_as_json() {
    let report = lint(Profile::CnMobile1, KeyKind::Phone, None, [Some("138"), Some("13812341234")]);
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["profile"], "cn-mobile/1");
    assert_eq!(json["findings"][0]["what"]["malformed"], "not-mainland-mobile");
    assert_eq!(json["hints"][0]["hint"], "not-only-mainland");
    assert_eq!(json["duplicates"]["exact"], true);
}

proptest! {
    #[test]
    fn no_report_holds_an_identifier(values in prop::collection::vec(
        prop_oneof!["[a-z0-9.]{1,8}@[a-z]{3,9}\\.com", "[+]?[0-9]{8,15}", "[0-9a-f]{64}", "[A-Z0-9-]{8,20}", "\\PC{5,30}"],
        1..12,
    )) {
        for profile in Profile::all() {
            for kind in [KeyKind::Phone, KeyKind::Email, "loyalty".parse().unwrap()] {
                // Twice, so that duplicates have examples too.
                let report = lint(profile, kind, Some("CN"), values.iter().chain(&values).map(|value| Some(&**value)));
                let matching = report.valid + report.double_hashed.value;
                prop_assert_eq!(report.rows, report.empty + report.malformed + matching);
                let shown: Vec<_> = report.findings.iter().flat_map(|finding| &finding.examples).collect();
                for value in &values {
                    let bare = text::trim(value);
                    if bare.len() <= 4 || bare.chars().all(|c| c == '*') {
                        continue;
                    }
                    prop_assert!(!shown.iter().any(|example| example.contains(bare)), "{:?}", shown);
                }
                for finding in &report.findings {
                    prop_assert!(finding.examples.len() <= 3);
                }
            }
        }
    }
}
