use std::os::unix::fs::MetadataExt;

use super::*;

fn now() -> Timestamp {
    "2026-12-01T08:00:00Z".parse().unwrap()
}

fn digest(profile: Profile, kind: &KeyKind, value: &str) -> Digest {
    tacit_protocol::identity::digest(profile, kind, Some("CN".parse().unwrap()), value).unwrap()
}

fn list(dir: &Path, text: &str) -> (Withdrawn, Added) {
    let mut list = Withdrawn::open(dir).unwrap();
    let added = list.add(text, None, None, &["CN".parse().unwrap()], now()).unwrap();
    (list, added)
}

#[test]
fn what_is_withdrawn_is_found_under_every_profile_and_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (list, added) = list(dir.path(), "138 1234 5678\nJane.Saoirse+x@gmail.com\n\n");
    assert_eq!((added.batch.identifiers, added.batch.malformed), (2, 0));
    for list in [list, Withdrawn::open(dir.path()).unwrap()] {
        for profile in [Profile::GoogleDm2, Profile::Uid21, Profile::MetaCapi1, Profile::CnMobile1] {
            for (kind, value) in
                [(KeyKind::Phone, "+86 13812345678"), (KeyKind::Email, "jane.saoirse+X@gmail.com")]
            {
                assert!(list.contains("any", &kind, &digest(profile, &kind, value)), "{profile} {kind}");
            }
            assert!(!list.contains("any", &KeyKind::Phone, &digest(profile, &KeyKind::Phone, "13812345679")));
        }
        // A phone's digest in a column of addresses is another thing.
        let phone = digest(Profile::GoogleDm2, &KeyKind::Phone, "13812345678");
        assert!(!list.contains("any", &KeyKind::Email, &phone));
    }
}

#[test]
fn a_hash_is_taken_for_the_identifier_it_is_of() {
    let dir = tempfile::tempdir().unwrap();
    let hash = HashText::Hex.write(&digest(Profile::MetaCapi1, &KeyKind::Phone, "13812345678"));
    let (list, added) = list(dir.path(), &hash);
    assert_eq!(added.batch.hashed, 1);
    assert!(list.contains("d", &KeyKind::Phone, &digest(Profile::MetaCapi1, &KeyKind::Phone, "13812345678")));
    // Under the contract's own profile the number has another digest: rows are looked up under all of them.
    assert_eq!(list.profiles("d", Profile::GoogleDm2).len(), Profile::all().len());
}

#[test]
fn plain_identifiers_need_one_look_except_under_raw() {
    let dir = tempfile::tempdir().unwrap();
    let (list, _) = list(dir.path(), "13812345678");
    assert_eq!(list.profiles("d", Profile::Uid21), [Profile::Uid21]);
    assert!(list.profiles("d", Profile::Raw1).contains(&Profile::GoogleDm2));
}

#[test]
fn csv_names_its_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let text = "email,phone,loyalty\njane@example.com,,\"A-1\"\n,\"13812345678\",A-2\nnobody,,\n";
    let (list, added) = list(dir.path(), text);
    assert_eq!((added.batch.identifiers, added.malformed_lines), (4, vec![4]));
    let loyalty: KeyKind = "loyalty".parse().unwrap();
    assert!(list.contains("d", &loyalty, &Digest::of(b"A-1")));
    assert!(list.contains("d", &loyalty, &Digest::of(b"A-2")));
    assert!(list.contains("d", &KeyKind::Phone, &digest(Profile::GoogleDm2, &KeyKind::Phone, "13812345678")));
}

#[test]
fn a_named_kind_takes_every_line_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut list = Withdrawn::open(dir.path()).unwrap();
    let loyalty: KeyKind = "loyalty".parse().unwrap();
    list.add("phone\nA-1\n", Some(&loyalty), None, &[], now()).unwrap();
    assert!(list.contains("d", &loyalty, &Digest::of(b"phone")));
}

#[test]
fn malformed_lines_are_named_by_number_and_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let (list, added) = list(dir.path(), "13812345678\nhello secret\n\n12\njane@\n");
    assert_eq!((added.batch.malformed, &added.malformed_lines[..]), (3, &[2, 4, 5][..]));
    assert!(!format!("{added:?} {list:?}").contains("secret"));
    let file = fs::read(dir.path().join("000001.withdrawn")).unwrap();
    for text in ["secret", "13812345678", "+8613812345678"] {
        assert!(!file.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
    let mut list = list;
    let nothing = list.add("hello\n", None, None, &[], now()).unwrap_err();
    assert_eq!(nothing.code(), "E-CONSENT-LIST");
    assert!(matches!(list.add(" \n", None, None, &[], now()), Err(ConsentError::NothingGiven)));
    assert_eq!(list.batches().len(), 1);
}

#[test]
fn a_national_number_without_a_region_is_malformed_and_so_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut list = Withdrawn::open(dir.path()).unwrap();
    let added = list.add("+8613812345678\n030 901820\n", None, None, &[], now()).unwrap();
    assert_eq!(added.malformed_lines, [2]);
    let added = list.add("030 901820\n", None, None, &["DE".parse().unwrap()], now()).unwrap();
    assert_eq!((added.batch.number, added.batch.identifiers), (2, 1));
}

#[test]
fn a_withdrawal_from_one_dataset_leaves_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut list = Withdrawn::open(dir.path()).unwrap();
    list.add("jane@example.com", None, Some("crm"), &[], now()).unwrap();
    let jane = digest(Profile::GoogleDm2, &KeyKind::Email, "jane@example.com");
    let list = Withdrawn::open(dir.path()).unwrap();
    assert!(list.contains("crm", &KeyKind::Email, &jane) && !list.contains("orders", &KeyKind::Email, &jane));
    assert!(!list.is_empty_for("crm") && list.is_empty_for("orders"));
}

#[test]
fn batches_are_private_and_numbered_and_keep_their_time() {
    let dir = tempfile::tempdir().unwrap();
    list(dir.path(), "jane@example.com");
    let (list, _) = list(dir.path(), "john@example.com");
    assert_eq!(list.batches().iter().map(|batch| batch.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(list.batches()[1].time, now());
    assert_eq!(fs::metadata(dir.path().join("000002.withdrawn")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_list_that_is_not_whole_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    list(dir.path(), "jane@example.com\njoe@example.com");
    list(dir.path(), "john@example.com");
    let (first, second) = (dir.path().join("000001.withdrawn"), dir.path().join("000002.withdrawn"));
    let whole = fs::read(&first).unwrap();
    for cut in 0..whole.len() {
        fs::write(&first, &whole[..cut]).unwrap();
        assert_eq!(Withdrawn::open(dir.path()).unwrap_err().code(), "E-CONSENT-BROKEN", "cut at {cut}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&first, &bytes).unwrap();
        assert!(Withdrawn::open(dir.path()).is_err(), "bit at {at}");
    }
    fs::copy(&second, &first).unwrap();
    assert!(Withdrawn::open(dir.path()).is_err(), "one batch under another's number");
    fs::remove_file(&first).unwrap();
    assert!(Withdrawn::open(dir.path()).is_err(), "a gap");
    fs::write(&first, &whole).unwrap();
    assert!(Withdrawn::open(dir.path()).is_ok());
}
