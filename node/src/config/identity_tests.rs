use tacit_protocol::secret::Secret;

use super::*;
use crate::{config::UnlockMethod, report::Refusal};

fn config(name: &str) -> Config {
    Config::parse(
        &format!(
            "name = \"{name}\"\n[link]\nlisten = \"127.0.0.1:4433\"\naddresses = [\"127.0.0.1:4433\"]\n\
             [unlock]\nmethod = \"passphrase\"\n"
        ),
        "tacit.toml",
    )
    .unwrap()
}

fn raw(byte: u8) -> Unlock {
    Unlock::raw(Secret::new([byte; 32]))
}

fn words(text: &str) -> Unlock {
    Unlock::passphrase(Secret::new(text.to_owned()))
}

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    crate::config::files::make_private_dir(&home.keys_dir()).unwrap();
    (dir, home)
}

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

#[test]
fn keys_open_as_they_were_made() {
    let (_dir, home) = home();
    let made = Identity::create(&home, "brand", &raw(1), now()).unwrap();
    let opened = Identity::open(&home, &config("brand"), &raw(1)).unwrap();
    assert_eq!(opened.id(), made.id());
    assert_eq!(opened.id(), partner_id(&opened.signing_key()));
    assert_eq!(opened.tls().certificate, made.tls().certificate);
    assert_eq!(opened.tls().spki_hash, made.tls().spki_hash);
    let signature = opened.sign(b"words");
    assert!(verify(&made.signing_key(), b"words", &signature));
    assert!(!verify(&made.signing_key(), b"other words", &signature));
    assert!(!verify(&made.signing_key(), b"words", &signature[..63]));
}

#[test]
fn a_passphrase_locks_and_unlocks() {
    let (_dir, home) = home();
    let made = Identity::create(&home, "brand", &words("correct horse battery"), now()).unwrap();
    let opened = Identity::open(&home, &config("brand"), &words("correct horse battery")).unwrap();
    assert_eq!(opened.id(), made.id());
    for wrong in [words("correct horse batterz"), raw(1)] {
        let error = Identity::open(&home, &config("brand"), &wrong).unwrap_err();
        assert_eq!(error.code(), "E-KEYS-LOCKED");
        assert!(!error.to_string().contains("horse"));
    }
}

#[test]
fn a_raw_key_that_does_not_fit_is_said_to_be_so() {
    let (_dir, home) = home();
    Identity::create(&home, "brand", &raw(1), now()).unwrap();
    for wrong in [raw(2), words("correct horse battery")] {
        assert_eq!(Identity::open(&home, &config("brand"), &wrong).unwrap_err().code(), "E-KEYS-LOCKED");
    }
}

#[test]
fn no_key_lies_in_the_clear() {
    let (_dir, home) = home();
    let made = Identity::create(&home, "brand", &raw(1), now()).unwrap();
    let private = made.tls().key.secret_der().to_vec();
    let file = std::fs::read_to_string(home.tls_key_file()).unwrap();
    assert!(!file.contains(&crate::data::hex(&private[..40])));
    assert!(!format!("{made:?} {:?}", made.tls()).contains("PRIVATE"));
}

#[test]
fn another_name_is_refused() {
    let (_dir, home) = home();
    Identity::create(&home, "brand", &raw(1), now()).unwrap();
    let error = Identity::open(&home, &config("brend"), &raw(1)).unwrap_err();
    assert_eq!(error.code(), "E-CONFIG-VALUE");
    assert!(error.details()[0].text.contains("name = \"brand\""));
}

#[test]
fn key_files_of_two_homes_cannot_be_mixed() {
    let ((_dir, ours), (_other, theirs)) = (home(), home());
    Identity::create(&ours, "brand", &raw(1), now()).unwrap();
    Identity::create(&theirs, "brand", &raw(2), now()).unwrap();
    std::fs::copy(theirs.tls_key_file(), ours.tls_key_file()).unwrap();
    assert_eq!(Identity::open(&ours, &config("brand"), &raw(1)).unwrap_err().code(), "E-KEYS-LOCKED");
    std::fs::copy(ours.signing_key_file(), ours.tls_key_file()).unwrap();
    assert_eq!(Identity::open(&ours, &config("brand"), &raw(1)).unwrap_err().code(), "E-KEYS-DAMAGED");
}

#[test]
fn a_rotation_is_durable_and_in_use_at_once() {
    let (_dir, home) = home();
    let identity = Identity::create(&home, "brand", &raw(1), now()).unwrap();
    let old = identity.tls();
    let later = "2027-06-01T00:00:00Z".parse().unwrap();
    let new = identity.replace_tls(TlsIdentity::generate("brand", later).unwrap()).unwrap();
    assert_ne!(old.spki_hash, new.spki_hash);
    assert_eq!(identity.tls().spki_hash, new.spki_hash);
    let opened = Identity::open(&home, &config("brand"), &raw(1)).unwrap();
    assert_eq!(opened.tls().spki_hash, new.spki_hash);
}

#[test]
fn a_rotation_that_cannot_be_written_changes_nothing() {
    let (_dir, home) = home();
    let identity = Identity::create(&home, "brand", &raw(1), now()).unwrap();
    let old = identity.tls().spki_hash;
    // A directory in the file's place: the rename fails, even for root.
    std::fs::remove_file(home.tls_key_file()).unwrap();
    std::fs::create_dir_all(home.tls_key_file().join("in-the-way")).unwrap();
    let error = identity.replace_tls(TlsIdentity::generate("brand", now()).unwrap()).unwrap_err();
    assert_eq!(error.code(), "E-HOME-UNWRITABLE");
    assert_eq!(identity.tls().spki_hash, old);
}

#[test]
fn a_certificate_holds_for_a_year_and_names_the_node() {
    let tls = TlsIdentity::generate("brand_2", now()).unwrap();
    assert_eq!(tls.not_after, "2027-12-01T12:00:00Z".parse().unwrap());
    let (_, parsed) = X509Certificate::from_der(&tls.certificate).unwrap();
    assert_eq!(parsed.validity().not_before.timestamp(), now().as_second() - 3_600);
    let names = parsed.subject_alternative_name().unwrap().unwrap().value.general_names.clone();
    assert_eq!(names, [x509_parser::prelude::GeneralName::DNSName("brand_2")]);
    assert!(parsed.verify_signature(None).is_ok(), "self-signed");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, two) =
        (TlsIdentity::generate("brand", now()).unwrap(), TlsIdentity::generate("brand", now()).unwrap());
    assert!(TlsIdentity::from_parts(one.certificate.to_vec(), one.key.secret_der()).is_some());
    assert!(TlsIdentity::from_parts(one.certificate.to_vec(), two.key.secret_der()).is_none());
    assert!(TlsIdentity::from_parts(one.certificate[1..].to_vec(), one.key.secret_der()).is_none());
}

#[test]
fn f05_a_world_readable_key_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, home) = home();
    Identity::create(&home, "brand", &raw(1), now()).unwrap();
    for file in [home.signing_key_file(), home.tls_key_file()] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = Identity::open(&home, &config("brand"), &raw(1)).unwrap_err();
        assert_eq!(error.code(), "E-HOME-PERMISSIONS");
        assert!(error.details().iter().any(|d| d.text.starts_with("chmod 0600 ")));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    Identity::open(&home, &config("brand"), &raw(1)).unwrap();
    // The method in the settings plays no part here; it is `Unlock::find` that follows it.
    assert_eq!(config("brand").unlock, UnlockMethod::Passphrase);
}

/// A hand-over to a fresh key, as the log makes it.
fn next_of(identity: &Identity, size: u64) -> (NextKey, Handover) {
    use tacit_protocol::log::note::{SignatureKind, VerifierKey};
    let next = NextKey::generate().unwrap();
    let old = identity.lineage().verifier_keys(SignatureKind::Ed25519).unwrap().pop().unwrap();
    let new = VerifierKey::new(old.name(), SignatureKind::Ed25519, next.public()).unwrap();
    let by_old = |text: &[u8]| identity.sign(text);
    let handover =
        Handover::sign(identity.id(), size, (&old, by_old), (&new, |text| next.sign(text))).unwrap();
    (next, handover)
}

#[test]
fn log_18_d19_a_key_that_follows_keeps_the_id_and_the_padding() {
    let (_dir, home) = home();
    let made = Identity::create(&home, "brand", &raw(1), now()).unwrap();
    let (id, padding, first) = (made.id(), made.padding_key(), made.signing_key());
    for size in [5, 9] {
        let (next, handover) = next_of(&made, size);
        made.prepare(&next, &handover).unwrap();
        assert_ne!(made.signing_key(), next.public(), "not before it is in the log");
        made.take_over().unwrap();
        assert_eq!(made.signing_key(), next.public());
        assert!(verify(&next.public(), b"words", &made.sign(b"words")));
    }
    let opened = Identity::open(&home, &config("brand"), &raw(1)).unwrap();
    for identity in [&made, &opened] {
        assert_eq!((identity.id(), identity.padding_key().expose()), (id, padding.expose()));
        assert_eq!((identity.lineage().handovers().len(), *identity.lineage().first()), (2, first));
    }
    assert_eq!(opened.signing_key(), made.signing_key());
    assert!(!home.next_signing_key_file().exists());
    assert!(Identity::open(&home, &config("brand"), &raw(2)).is_err());
    // A stranger's hand-over, and one that does not follow, are not taken.
    let (_other_dir, elsewhere) = self::home();
    let stranger = Identity::create(&elsewhere, "brand", &raw(1), now()).unwrap();
    let (next, handover) = next_of(&stranger, 12);
    assert!(opened.prepare(&next, &handover).is_err());
}

#[test]
fn log_19_d19_what_a_rotation_left_behind_is_settled_by_the_log() {
    for logged in [true, false] {
        let (_dir, home) = home();
        let made = Identity::create(&home, "brand", &raw(1), now()).unwrap();
        let (next, handover) = next_of(&made, 5);
        made.prepare(&next, &handover).unwrap();
        drop(made);
        // The process ended before the new key took over.
        let opened = Identity::open(&home, &config("brand"), &raw(1)).unwrap();
        assert_ne!(opened.signing_key(), next.public());
        opened.settle(if logged { std::slice::from_ref(&handover) } else { &[] }).unwrap();
        assert_eq!(opened.signing_key() == next.public(), logged);
        assert!(!home.next_signing_key_file().exists());
        let again = Identity::open(&home, &config("brand"), &raw(1)).unwrap();
        assert_eq!(again.signing_key(), opened.signing_key());
    }
}

#[test]
fn d03_a_changed_line_of_keys_is_refused() {
    let (_dir, home) = home();
    let made = Identity::create(&home, "brand", &raw(1), now()).unwrap();
    let (next, handover) = next_of(&made, 5);
    made.prepare(&next, &handover).unwrap();
    made.take_over().unwrap();
    let whole = std::fs::read(home.signing_key_file()).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut broken = whole.clone();
        broken[at] ^= 1;
        std::fs::write(home.signing_key_file(), &broken).unwrap();
        assert!(Identity::open(&home, &config("brand"), &raw(1)).is_err(), "byte {at}");
    }
}
