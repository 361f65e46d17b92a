use std::collections::BTreeSet;

use phonenumber::{Mode, metadata::DATABASE};
use proptest::prelude::*;

use super::*;

fn region(name: &str) -> Option<Region> {
    Some(name.parse().unwrap())
}

fn check(profile: Profile, region: Option<Region>, cases: &[(&str, Result<&str, Malformed>)]) {
    for (value, expected) in cases {
        let normal = normalise(profile, region, value);
        assert_eq!(normal.as_deref(), expected.as_ref().map(|text| *text), "{value:?} in {region:?}");
    }
}

#[test]
fn international_numbers_need_no_region() {
    for region in [None, region("US"), region("CN"), region("FI"), region("RU")] {
        check(
            Profile::GoogleDm2,
            region,
            &[
                ("+12345678901", Ok("+12345678901")),
                ("+1 (650) 555-1212", Ok("+16505551212")),
                (" +86-138-1234-5678 ", Ok("+8613812345678")),
                ("(+86) 138 1234 5678", Ok("+8613812345678")),
                ("＋８６１３８１２３４５６７８", Ok("+8613812345678")),
                ("\u{202A}+86\u{A0}138\u{2011}1234\u{2011}5678\u{202C}", Ok("+8613812345678")),
                ("+44 (0)20 7946 0018", Ok("+442079460018")),
                ("+39 02 3661 8300", Ok("+390236618300")),
                ("+7 800 555-35-35", Ok("+78005553535")),
                ("+994 50 123 45 67", Ok("+994501234567")),
                ("+1 555 123 4567", Ok("+15551234567")),
                ("+800 1234 5678", Ok("+80012345678")),
                ("008613812345678", Ok("+8613812345678")),
                ("+86138123456789012", Err(Malformed::NotInPlan)),
                ("+1 650 555 121", Err(Malformed::NotInPlan)),
                ("+0 123 456 789", Err(Malformed::UnknownCountryCode)),
                ("+016505551212", Err(Malformed::UnknownCountryCode)),
                ("+999 123 456", Err(Malformed::UnknownCountryCode)),
                ("+86", Err(Malformed::NotInPlan)),
            ],
        );
    }
}

#[test]
fn national_numbers_are_read_in_the_default_region() {
    check(
        Profile::GoogleDm2,
        region("CN"),
        &[
            ("138 1234 5678", Ok("+8613812345678")),
            ("138-1234-5678", Ok("+8613812345678")),
            ("8613812345678", Ok("+8613812345678")),
            ("013812345678", Ok("+8613812345678")),
            ("010-8888 8888", Ok("+861088888888")),
            ("12012345678", Ok("+8612012345678")),
        ],
    );
    check(
        Profile::GoogleDm2,
        region("US"),
        &[
            ("(800)555-0100", Ok("+18005550100")),
            ("1 650 555 1212", Ok("+16505551212")),
            ("650.555.1212", Ok("+16505551212")),
            ("011 86 138 1234 5678", Ok("+8613812345678")),
            ("0086 138 1234 5678", Ok("+8613812345678")),
            ("0000000000", Err(Malformed::NotInPlan)),
            ("1234567890", Err(Malformed::NotInPlan)),
            ("555-1212", Err(Malformed::NotInPlan)),
        ],
    );
    check(Profile::GoogleDm2, region("GB"), &[("07700 900123", Ok("+447700900123"))]);
    check(Profile::GoogleDm2, region("IT"), &[("02 3661 8300", Ok("+390236618300"))]);
    check(Profile::GoogleDm2, region("JP"), &[("0081 90 1234 5678", Ok("+819012345678"))]);
    check(Profile::GoogleDm2, region("RU"), &[("8 916 123-45-67", Ok("+79161234567"))]);
    // A mobile in Argentina: 15 at home, 9 from abroad.
    check(Profile::GoogleDm2, region("AR"), &[("011 15 1234-5678", Ok("+5491112345678"))]);
    check(Profile::GoogleDm2, region("BR"), &[("0 12 31 2128-6979", Ok("+553121286979"))]);
}

#[test]
fn placeholders_are_no_numbers() {
    for profile in [Profile::GoogleDm2, Profile::Uid21, Profile::MetaCapi1] {
        for value in ["999-999-9999", "+1 555 555 5555", "+15555555555"] {
            check(profile, region("US"), &[(value, Err(Malformed::Placeholder))]);
        }
    }
}

#[test]
fn without_a_region_national_numbers_are_refused() {
    for value in ["138 1234 5678", "6505551212", "8613812345678", "0138", "00 000", "12"] {
        check(Profile::Uid21, None, &[(value, Err(Malformed::NoCountryCode))]);
    }
}

#[test]
fn meta_capi_drops_the_plus_and_reads_its_own_form() {
    check(
        Profile::MetaCapi1,
        None,
        &[
            ("+1 650-555-1212", Ok("16505551212")),
            ("16505551212", Ok("16505551212")),
            ("0016505551212", Ok("16505551212")),
            ("+39 02 3661 8300", Ok("390236618300")),
            ("(650)555-1212", Err(Malformed::NoCountryCode)),
        ],
    );
    check(Profile::MetaCapi1, region("US"), &[("(650)555-1212", Ok("16505551212"))]);
    check(Profile::MetaCapi1, region("CN"), &[("138 1234 5678", Ok("8613812345678"))]);
}

#[test]
fn what_is_no_number_is_refused() {
    for region in [None, region("US")] {
        check(
            Profile::GoogleDm2,
            region,
            &[
                ("", Err(Malformed::Empty)),
                ("\u{A0} ", Err(Malformed::Empty)),
                ("n/a", Err(Malformed::NotAPhone)),
                ("-", Err(Malformed::NotAPhone)),
                ("+", Err(Malformed::NotAPhone)),
                ("++1 650 555 1212", Err(Malformed::NotAPhone)),
                ("650+5551212", Err(Malformed::NotAPhone)),
                ("650 555 1212 ext. 3", Err(Malformed::NotAPhone)),
                ("1-800-FLOWERS", Err(Malformed::NotAPhone)),
                ("tel:+16505551212", Err(Malformed::NotAPhone)),
                ("jane@example.com", Err(Malformed::NotAPhone)),
                ("6505551212.0", Err(Malformed::Decimal)),
                ("6.505551212E9", Err(Malformed::Decimal)),
                (&"1".repeat(33), Err(Malformed::NotAPhone)),
            ],
        );
    }
}

#[test]
fn cn_mobile_folds_to_eleven_digits() {
    check(
        Profile::CnMobile1,
        None,
        &[
            ("13812345678", Ok("13812345678")),
            ("+8613812345678", Ok("13812345678")),
            ("+86 138-1234-5678", Ok("13812345678")),
            ("0086 138 1234 5678", Ok("13812345678")),
            ("8613812345678", Ok("13812345678")),
            ("(+86)199 0000 0000", Ok("19900000000")),
            ("１３８１２３４５６７８", Ok("13812345678")),
            ("12812345678", Err(Malformed::NotMainlandMobile)),
            ("23812345678", Err(Malformed::NotMainlandMobile)),
            ("1381234567", Err(Malformed::NotMainlandMobile)),
            ("138123456789", Err(Malformed::NotMainlandMobile)),
            ("013812345678", Err(Malformed::NotMainlandMobile)),
            ("+0086 13812345678", Err(Malformed::NotMainlandMobile)),
            ("+13812345678", Err(Malformed::NotMainlandMobile)),
            ("+852 9123 4567", Err(Malformed::NotMainlandMobile)),
            ("13812345678.0", Err(Malformed::Decimal)),
            ("1381234567x", Err(Malformed::NotAPhone)),
            ("", Err(Malformed::Empty)),
        ],
    );
}

#[test]
fn a_number_in_order_is_not_copied() {
    assert!(matches!(normalise(Profile::GoogleDm2, None, "+16505551212"), Ok(Cow::Borrowed(_))));
    assert!(matches!(normalise(Profile::CnMobile1, None, "13812345678"), Ok(Cow::Borrowed(_))));
}

/// Country codes where the library, asked about an example number of its own metadata in E.164, answers
/// another number: it strips a trunk prefix from numbers that fit without. Google's own library does not.
const STRIPPED_BY_THE_LIBRARY: [u16; 3] = [7, 370, 375];

/// Example numbers of every region, every kind, as (region, country code, national number).
fn examples() -> Vec<(&'static str, u16, &'static str)> {
    let mut all = Vec::new();
    for metadata in (1..=999).filter_map(|code: u16| DATABASE.by_code(&code)).flatten() {
        let kinds = metadata.descriptors();
        let kinds = [
            kinds.fixed_line(),
            kinds.mobile(),
            kinds.toll_free(),
            kinds.premium_rate(),
            kinds.shared_cost(),
            kinds.personal_number(),
            kinds.voip(),
            kinds.uan(),
            kinds.pager(),
            kinds.voicemail(),
        ];
        let numbers = kinds.into_iter().flatten().filter_map(|kind| kind.example());
        all.extend(numbers.map(|number| (metadata.id(), metadata.country_code(), number)));
    }
    assert!(all.len() > 900, "{}", all.len());
    all
}

#[test]
fn example_numbers_of_every_country_stay_as_they_are() {
    for (name, code, number) in examples() {
        let e164 = format!("+{code}{number}");
        let expected = if e164.len() > 16 { Err(Malformed::NotInPlan) } else { Ok(e164.as_str()) };
        check(Profile::GoogleDm2, None, &[(&e164, expected)]);
        if let Ok(region) = name.parse() {
            check(Profile::GoogleDm2, Some(region), &[(&e164, expected), (number, expected)]);
        }
    }
}

#[test]
fn the_quick_way_agrees_with_the_library() {
    let mut differs = BTreeSet::new();
    for (_, code, number) in examples() {
        let e164 = format!("+{code}{number}");
        if !is_e164(&e164) {
            continue;
        }
        let library =
            phonenumber::parse(None, &e164).map(|number| number.format().mode(Mode::E164).to_string());
        if library.ok().as_ref() != Some(&e164) {
            differs.insert(code);
        }
    }
    assert_eq!(differs, BTreeSet::from(STRIPPED_BY_THE_LIBRARY));
}

#[test]
fn national_writing_of_every_country_comes_home() {
    let mut lost = 0;
    let mut all = 0;
    for (name, code, number) in examples() {
        let (Ok(region), Ok(parsed)) =
            (name.parse::<Region>(), phonenumber::parse(None, format!("+{code}{number}")))
        else {
            continue;
        };
        let e164 = format!("+{code}{number}");
        if parsed.format().mode(Mode::E164).to_string() != e164 || e164.len() > 16 {
            continue;
        }
        let national = parsed.format().mode(Mode::National).to_string();
        let normal = normalise(Profile::GoogleDm2, Some(region), &national);
        all += 1;
        if normal.as_deref() != Ok(&e164) {
            println!("{name} {e164} {national} {normal:?}");
            lost += 1;
        }
    }
    assert!(lost == 0, "{lost} of {all}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_digits_are_answered(
        plus in any::<bool>(),
        digits in "[0-9]{0,34}",
        index in 0..240usize,
        profile in prop::sample::select(vec![Profile::GoogleDm2, Profile::Uid21, Profile::MetaCapi1, Profile::CnMobile1]),
    ) {
        let mut names: Vec<_> = DATABASE.iter().map(|metadata| metadata.id()).filter(|id| id.len() == 2).collect();
        names.sort_unstable();
        let region = names[index % names.len()].parse::<Region>().ok();
        let value = format!("{}{digits}", if plus { "+" } else { "" });
        for region in [region, None] {
            if let Ok(normal) = normalise(profile, region, &value) {
                let again = normalise(profile, None, &normal);
                prop_assert_eq!(again.as_deref(), Ok(&*normal));
            }
        }
    }

    #[test]
    fn separators_change_nothing(number in "1[3-9][0-9]{9}", cuts in prop::collection::vec((0..12usize, "[-. ()/\u{2011}\u{3000}]{1,3}"), 0..4)) {
        let mut written = number.clone();
        for (place, separator) in cuts {
            let place = written.char_indices().map(|(at, _)| at).nth(place).unwrap_or(0);
            written.insert_str(place, &separator);
        }
        prop_assume!(!text::is_decimal(text::trim(&written)));
        for (profile, region) in [(Profile::CnMobile1, None), (Profile::GoogleDm2, region("CN"))] {
            prop_assert_eq!(
                normalise(profile, region, &written).unwrap(),
                normalise(profile, region, &number).unwrap()
            );
        }
    }
}
