use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::*;
use crate::{link::tests::identity_in, report::Refusal};

fn identity(name: &str) -> Identity {
    let home = tempfile::tempdir().unwrap();
    identity_in(home.path(), name, Timestamp::now())
}

fn addresses() -> Vec<String> {
    vec!["brand.example:4433".into(), "192.0.2.7:4433".into(), "[2001:db8::7]:4433".into()]
}

/// A card of this node with something else in it, signed as it is.
pub(in crate::link) fn signed(identity: &Identity, change: impl FnOnce(&mut Card)) -> Card {
    let mut card = Card::issue(identity, &addresses(), Timestamp::now()).unwrap();
    change(&mut card);
    card.signature = identity.sign(&card.signed_bytes());
    card
}

/// As [`signed`], under another name.
pub(in crate::link) fn renamed(identity: &Identity, name: &str) -> Card {
    signed(identity, |card| card.name = name.to_owned())
}

/// As [`signed`], issued so much later and with another TLS key.
pub(in crate::link) fn renewed(identity: &Identity, later: SignedDuration, spki_hash: [u8; 32]) -> Card {
    signed(identity, |card| {
        card.issued = card.issued.checked_add(later).unwrap();
        card.spki_hash = spki_hash;
    })
}

/// As [`signed`], with another address and another TLS key.
pub(in crate::link) fn elsewhere(identity: &Identity, address: &str, spki_hash: [u8; 32]) -> Card {
    signed(identity, |card| (card.addresses, card.spki_hash) = (vec![address.to_owned()], spki_hash))
}

#[test]
fn a_card_reads_back_what_it_prints() {
    let brand = identity("brand");
    let card = Card::issue(&brand, &addresses(), Timestamp::now()).unwrap();
    assert_eq!(Card::parse(&card.to_text()).unwrap(), card);
    assert_eq!((card.name(), card.id(), card.signing_key()), ("brand", brand.id(), &brand.signing_key()));
    assert_eq!(card.spki_hash(), &brand.tls().spki_hash);
    // Mails and editors add white space and line ends.
    let mailed = format!("\n{}\n\n", card.to_text().replace('\n', "\r\n"));
    assert_eq!(Card::parse(&mailed).unwrap(), card);
}

#[test]
fn a_card_with_anything_altered_is_refused() {
    let (brand, other) = (identity("brand"), identity("brand"));
    let card = Card::issue(&brand, &addresses(), Timestamp::now()).unwrap();
    let swap = |change: fn(&mut Card, &Card)| {
        let (mut forged, theirs) =
            (card.clone(), Card::issue(&other, &addresses(), Timestamp::now()).unwrap());
        change(&mut forged, &theirs);
        Card::parse(&forged.to_text()).unwrap_err()
    };
    let changes: [fn(&mut Card, &Card); 7] = [
        |card, _| card.name = "brend".into(),
        |card, _| card.addresses[0] = "evil.example:4433".into(),
        |card, _| drop(card.addresses.pop()),
        |card, theirs| card.spki_hash = theirs.spki_hash,
        |card, _| card.not_after = card.not_after.checked_add(SignedDuration::from_hours(1)).unwrap(),
        |card, _| card.issued = card.issued.checked_add(SignedDuration::from_millis(1)).unwrap(),
        |card, theirs| card.signature = theirs.signature,
    ];
    for change in changes {
        assert_eq!(swap(change), CardError::BadSignature);
    }
    assert_eq!(swap(|card, theirs| card.id = theirs.id), CardError::KeyNotOfId);
    assert_eq!(swap(|card, theirs| card.signing_key = theirs.signing_key), CardError::KeyNotOfId);
    // All of the other's key, under our name and with our signature.
    let both: fn(&mut Card, &Card) =
        |card, theirs| (card.id, card.signing_key) = (theirs.id, theirs.signing_key);
    assert_eq!(swap(both), CardError::BadSignature);
    assert_eq!(CardError::BadSignature.code(), "E-CARD-SIGNATURE");
}

#[test]
fn a_card_cut_anywhere_or_with_a_digit_changed_is_refused() {
    let text = Card::issue(&identity("brand"), &addresses(), Timestamp::now()).unwrap().to_text();
    let whole = text.trim_end().len();
    for end in 0..whole {
        assert!(Card::parse(&text[..end]).is_err(), "cut at {end}");
    }
    let start = text.find("version").unwrap();
    for at in (start..whole).filter(|&at| text.as_bytes()[at].is_ascii_alphanumeric()) {
        let mut altered = text.clone().into_bytes();
        altered[at] = if altered[at] == b'1' { b'2' } else { b'1' };
        assert!(Card::parse(str::from_utf8(&altered).unwrap()).is_err(), "altered at {at}");
    }
}

#[test]
fn only_the_one_form_is_read() {
    let text = Card::issue(&identity("brand"), &addresses(), Timestamp::now()).unwrap().to_text();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from));
        Card::parse(&text.replace(from, to)).unwrap_err()
    };
    assert_eq!(with("version      = 1", "version      = 3"), CardError::UnknownVersion(3));
    assert_eq!(CardError::UnknownVersion(3).code(), "E-CARD-VERSION");
    for (from, to) in [
        ("version      = 1", ""),
        ("version      = 1", "version = 1\nextra = 1"),
        ("name ", "nome "),
        ("issued       = \"20", "issued       = \"+20"),
        ("Z\"\nsignature", "+00:00\"\nsignature"),
    ] {
        assert!(matches!(with(from, to), CardError::Malformed(_)), "{from} -> {to}");
    }
    assert!(matches!(Card::parse("not a card"), Err(CardError::Malformed(_))));
    assert!(matches!(Card::parse(&"#\n".repeat(LARGEST)), Err(CardError::Malformed(_))));
    // What a stranger's file says does not reach the terminal as it is.
    let Err(error) = Card::parse("version = 1\n\"\\u001b[31m\" = 1\n") else { panic!("it was read") };
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

#[test]
fn names_and_addresses_are_ones_that_sql_and_sockets_take() {
    let brand = identity("brand");
    for name in ["", "Brand", "brand bank", "../bank", "1brand", "a\nb", &"a".repeat(33)] {
        let text = renamed(&brand, name).to_text();
        assert!(Card::parse(&text).is_err(), "{name:?}");
    }
    assert!(matches!(
        signed(&brand, |card| card.name = "Brand".into()).check_fields(),
        Err(CardError::BadName(_))
    ));
    let issue = |address: &str| Card::issue(&brand, &[address.to_owned()], Timestamp::now());
    for good in ["a:1", "node-1.brand.example:65535", "192.0.2.7:4433", "[::1]:4433"] {
        assert!(issue(good).is_ok(), "{good}");
    }
    for bad in ["", "brand.example", ":4433", "brand.example:0", "brand.example:65536", "0.0.0.0:1", "a b:1"]
    {
        assert!(matches!(issue(bad), Err(CardError::BadAddress(_))), "{bad}");
    }
    for bad in ["10.0.0.300:1", "-a.example:1", "a..b:1", "[::]:1", "a\":1", "a\u{1b}:1"] {
        assert!(matches!(issue(bad), Err(CardError::BadAddress(_))), "{bad}");
    }
    assert!(Card::issue(&brand, &[], Timestamp::now()).is_err());
    assert!(Card::issue(&brand, &vec!["a:1".into(); 9], Timestamp::now()).is_err());
}

#[test]
fn an_expired_certificate_is_told_with_its_date() {
    let card = Card::issue(&identity("brand"), &addresses(), Timestamp::now()).unwrap();
    assert_eq!(card.check_current(card.not_after()), Ok(()));
    let after = card.not_after().checked_add(SignedDuration::from_millis(1)).unwrap();
    let refused = card.check_current(after).unwrap_err();
    assert_eq!(refused.code(), "E-CARD-EXPIRED");
    assert!(refused.to_string().contains("brand"));
}

#[test]
fn the_fingerprint_is_of_the_id_and_the_tls_key() {
    let (brand, other) = (identity("brand"), identity("brand"));
    let card = signed(&brand, |_| {});
    assert_eq!(card.fingerprint().split(' ').count(), 12);
    // Not of what may change without anybody comparing it again.
    assert_eq!(card.fingerprint(), signed(&brand, |card| card.addresses.truncate(1)).fingerprint());
    let all: BTreeSet<String> = [
        card.fingerprint(),
        signed(&other, |_| {}).fingerprint(),
        signed(&brand, |card| card.spki_hash[31] ^= 1).fingerprint(),
    ]
    .into();
    assert_eq!(all.len(), 3);
    assert!(!card.to_text().contains(card.fingerprint().split(' ').next().unwrap()));
}

#[test]
fn log_18_a_card_carries_the_line_of_keys() {
    let home = tempfile::tempdir().unwrap();
    let brand = identity_in(home.path(), "brand", Timestamp::now());
    let before = Card::issue(&brand, &addresses(), Timestamp::now()).unwrap();
    assert!(before.to_text().contains("version      = 1\n"));
    for size in 0..tacit_protocol::log::handover::MOST_HANDOVERS as u64 {
        crate::link::tests::rotation::hand_over(&brand, 5 + size);
        let card = Card::issue(&brand, &addresses(), Timestamp::now()).unwrap();
        assert_eq!(Card::parse(&card.to_text()).unwrap(), card);
        assert_eq!((card.id(), card.signing_key()), (before.id(), &brand.signing_key()));
        assert_eq!(card.fingerprint(), before.fingerprint());
        assert!(card.lineage().continues(before.lineage()));
    }
    let card = Card::issue(&brand, &addresses(), Timestamp::now()).unwrap();
    let text = card.to_text();
    let line = text.lines().find(|line| line.starts_with("handovers")).unwrap();
    // Without them, or with one of them missing, the key of today is nobody's.
    let without = text.replace(&format!("{line}\n"), "");
    assert!(Card::parse(&without).is_err());
    let (_, rest) = line.split_once("\", ").unwrap();
    assert_eq!(
        Card::parse(&text.replace(line, &format!("handovers    = [{rest}"))),
        Err(CardError::KeyNotOfId)
    );
    let plain = without.replace("version      = 2", "version      = 1");
    assert_eq!(Card::parse(&plain), Err(CardError::KeyNotOfId));
}
