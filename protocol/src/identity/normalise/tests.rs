use proptest::prelude::*;

use super::*;
use crate::identity::{item, render_hash};

fn kinds() -> [KeyKind; 3] {
    [KeyKind::Phone, KeyKind::Email, "loyalty".parse().unwrap()]
}

fn hex(profile: Profile, kind: &KeyKind, region: Option<&str>, value: &str) -> String {
    let region = region.map(|name| name.parse().unwrap());
    HashText::Hex.write(&digest(profile, kind, region, value).unwrap())
}

#[test]
fn the_vectors_of_the_platforms_hold() {
    let email = KeyKind::Email;
    for profile in [Profile::GoogleDm2, Profile::Uid21] {
        let hash = hex(profile, &email, None, "cloudy.sanfrancisco+shopping@gmail.com");
        assert!(hash.starts_with("223ebda6f6889b14"), "{hash}");
    }
    let hash = hex(Profile::MetaCapi1, &email, None, "cloudy.sanfrancisco+shopping@gmail.com");
    assert!(hash.starts_with("8dd4a9bf85024287"), "{hash}");
    assert_eq!(
        hex(Profile::MetaCapi1, &email, None, "John_Smith@gmail.com"),
        "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"
    );

    let jane = digest(Profile::Uid21, &email, None, " Jane.Saoirse@Gmail.com").unwrap();
    assert_eq!(render_hash(Profile::Uid21, &jane), "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8=");

    let plus = hex(Profile::GoogleDm2, &KeyKind::Phone, Some("US"), "(234) 567-8901");
    assert!(plus.starts_with("10e6f0b47054a833") && plus.ends_with("e5b9ee"), "{plus}");
    let bare = hex(Profile::MetaCapi1, &KeyKind::Phone, Some("US"), "(650)555-1212");
    assert!(bare.starts_with("e323ec626319ca94") && bare.ends_with("7ab3176"), "{bare}");
}

#[test]
fn raw_values_and_named_kinds_are_taken_as_they_are() {
    let named: KeyKind = "loyalty".parse().unwrap();
    let hash = "ab".repeat(32);
    for value in [" A1 ", "Jane@X.com", "+86 138", &hash] {
        for (profile, kind) in Profile::all()
            .map(|profile| (profile, &named))
            .into_iter()
            .chain([(Profile::Raw1, &KeyKind::Phone), (Profile::Raw1, &KeyKind::Email)])
        {
            let normal = normalise(profile, kind, None, value).unwrap();
            assert_eq!(normal.text(), Some(value));
            assert_eq!(normal.digest(), Digest::of(value.as_bytes()));
        }
    }
    assert_eq!(normalise(Profile::Raw1, &KeyKind::Email, None, " \t"), Err(Malformed::Empty));
}

#[test]
fn a_hash_is_taken_as_the_digest_itself() {
    let digest = Digest::of(b"+8613812345678");
    for profile in [Profile::GoogleDm2, Profile::Uid21, Profile::MetaCapi1, Profile::CnMobile1] {
        for kind in [KeyKind::Phone, KeyKind::Email] {
            for (text, value) in [
                (HashText::Hex, HashText::Hex.write(&digest)),
                (HashText::Hex, format!(" {}\n", HashText::Hex.write(&digest).to_uppercase())),
                (HashText::Base64, HashText::Base64.write(&digest)),
            ] {
                assert_eq!(normalise(profile, &kind, None, &value), Ok(Normalised::Hashed { digest, text }));
            }
            let md5 = normalise(profile, &kind, None, "d41d8cd98f00b204e9800998ecf8427e");
            assert_eq!(md5, Err(Malformed::ForeignHash));
        }
    }
    // So a plain value and its hash meet.
    assert_eq!(self::digest(Profile::GoogleDm2, &KeyKind::Phone, None, "+86 138 1234 5678"), Ok(digest));
    // Digits alone are a hash too, when there are 64 of them.
    assert!(matches!(
        normalise(Profile::GoogleDm2, &KeyKind::Phone, None, &"1".repeat(64)),
        Ok(Normalised::Hashed { .. })
    ));
}

#[test]
fn the_normaliser_is_its_steps() {
    let kind = KeyKind::Email;
    let normaliser = Normaliser::new(Profile::Uid21, kind.clone(), None);
    let digest = normaliser.digest("Jane.Saoirse@gmail.com").unwrap();
    assert_eq!(normaliser.item("janesaoirse@gmail.com"), Ok(item(Profile::Uid21, &kind, &digest)));
    assert_eq!(normaliser.item("jane"), Err(Malformed::NotAnEmail));
}

#[test]
fn nothing_prints_the_identifier() {
    let normal = normalise(Profile::GoogleDm2, &KeyKind::Email, None, "jane@example.com").unwrap();
    assert_eq!(format!("{normal:?}"), "Plain(..)");
    let hash = "ab".repeat(32);
    let hashed = normalise(Profile::GoogleDm2, &KeyKind::Email, None, &hash).unwrap();
    assert_eq!(format!("{hashed:?}"), "Hashed(.., Hex)");
    assert!(!Malformed::NotAPhone.to_string().contains("138"));
}

/// Values that look like identifiers, beside arbitrary text.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ \\u{200b}]?[A-Za-z0-9.+_ÄéßΣİK-]{0,12}@[A-Za-z0-9.-]{0,12}(gmail|googlemail|example)\\.(com|org)[ \\t]?",
        "[ (+＋]{0,2}[0-9０-９٠-٩ ().-]{0,18}",
        "(00|\\+|)(1|86|44|39|7|49)[0-9]{6,12}",
        "[0-9a-fA-F]{64}",
        "[A-Za-z0-9+/]{43}=",
        "\\PC{0,40}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn normal_forms_are_stable(value in value(), region in prop::sample::select(vec!["CN", "US", "GB", "DE", "BR", "JP", "AR"])) {
        for profile in Profile::all() {
            for kind in kinds() {
                for region in [None, Some(region.parse().unwrap())] {
                    let Ok(normal) = normalise(profile, &kind, region, &value) else { continue };
                    let again = match &normal {
                        Normalised::Plain(text) => normalise(profile, &kind, None, text).unwrap(),
                        Normalised::Hashed { digest, text } => {
                            let Normalised::Hashed { digest: same, .. } =
                                normalise(profile, &kind, None, &text.write(digest)).unwrap()
                            else {
                                return Err(TestCaseError::fail("a hash was not read again"));
                            };
                            prop_assert_eq!(*digest, same);
                            continue;
                        }
                    };
                    prop_assert!(again == normal, "{} {}: {:?} then {:?}", profile, kind, normal.text(), again.text());
                }
            }
        }
    }

    #[test]
    fn case_and_outer_blanks_change_no_address(local in "[a-z0-9.+]{1,10}", domain in "(gmail|example)\\.com") {
        let plain = format!("{local}@{domain}");
        let messy = format!("\u{FEFF} {}\u{A0}", plain.to_uppercase());
        for profile in [Profile::GoogleDm2, Profile::Uid21, Profile::MetaCapi1, Profile::CnMobile1] {
            let digest = |value: &str| digest(profile, &KeyKind::Email, None, value);
            prop_assert_eq!(digest(&plain), digest(&messy));
        }
    }
}
