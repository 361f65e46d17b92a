use jiff::SignedDuration;
use tempfile::TempDir;

use super::*;
use crate::{
    link::{
        card::tests::{renamed, renewed, signed},
        tests::identity_in,
    },
    report::Refusal,
};

struct Stage {
    homes: Vec<TempDir>,
    us: Identity,
    partners: Partners,
}

impl Stage {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let us = identity_in(home.path(), "us", Timestamp::now());
        let partners = Partners::open(&home.path().join("partners"), &us).unwrap();
        Self { homes: vec![home], us, partners }
    }

    fn somebody(&mut self, name: &str) -> Identity {
        let home = tempfile::tempdir().unwrap();
        let identity = identity_in(home.path(), name, Timestamp::now());
        self.homes.push(home);
        identity
    }

    fn add(&self, card: &Card) -> Result<Added, PartnersError> {
        self.partners.add(&card.to_text(), Timestamp::now()).map(|(_, added)| added)
    }

    fn reopened(&self) -> Partners {
        Partners::open(&self.partners.directory, &self.us).unwrap()
    }
}

fn later(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[test]
fn partners_are_found_again_after_a_restart() {
    let mut stage = Stage::new();
    let (brand, bank) = (stage.somebody("brand"), stage.somebody("bank"));
    assert_eq!(stage.add(&signed(&brand, |_| {})).unwrap(), Added::New);
    assert_eq!(stage.add(&signed(&bank, |_| {})).unwrap(), Added::New);
    for partners in [&stage.partners, &stage.reopened()] {
        let names: Vec<String> = partners.list().iter().map(|one| one.card().name().to_owned()).collect();
        assert_eq!(names, ["bank", "brand"]);
        assert_eq!(partners.find("brand").unwrap().card().id(), brand.id());
        assert_eq!(partners.find(&bank.id().to_string()).unwrap().card().name(), "bank");
        assert_eq!(partners.find(&bank.id().short()).unwrap().card().name(), "bank");
        assert_eq!(partners.find("nobody").unwrap_err().code(), "E-PARTNER-UNKNOWN");
        // A contract's names are whole names, not starts of ids.
        let trusted = partners.trusted();
        assert!(trusted.by_name("bank").is_some() && trusted.by_name(&bank.id().short()).is_none());
    }
    stage.partners.remove("brand").unwrap();
    assert!(stage.partners.find("brand").is_err() && stage.reopened().find("brand").is_err());
    assert_eq!(stage.partners.remove("brand").unwrap_err().code(), "E-PARTNER-UNKNOWN");
}

#[test]
fn a_changed_signing_key_is_refused() {
    let mut stage = Stage::new();
    let (brand, forger) = (stage.somebody("brand"), stage.somebody("brand"));
    stage.add(&signed(&brand, |_| {})).unwrap();
    let refused = stage.add(&signed(&forger, |_| {})).unwrap_err();
    assert_eq!(refused.code(), "E-CARD-KEY-CHANGED");
    assert_eq!(stage.partners.find("brand").unwrap().card().id(), brand.id());
    assert_eq!(stage.reopened().find("brand").unwrap().card().id(), brand.id());
}

#[test]
fn the_same_key_under_another_name_is_refused() {
    let mut stage = Stage::new();
    let brand = stage.somebody("brand");
    stage.add(&signed(&brand, |_| {})).unwrap();
    assert_eq!(stage.add(&renamed(&brand, "bank")).unwrap_err().code(), "E-CARD-OTHER-NAME");
}

#[test]
fn our_own_card_and_our_own_name_are_refused() {
    let mut stage = Stage::new();
    assert_eq!(stage.add(&signed(&stage.us, |_| {})).unwrap_err().code(), "E-CARD-OWN");
    let namesake = stage.somebody("us");
    assert_eq!(stage.add(&signed(&namesake, |_| {})).unwrap_err().code(), "E-CARD-OWN");
}

#[test]
fn expired_and_damaged_cards_are_refused() {
    let mut stage = Stage::new();
    let brand = stage.somebody("brand");
    let card = signed(&brand, |_| {});
    let in_two_years = Timestamp::now().checked_add(SignedDuration::from_hours(2 * 365 * 24)).unwrap();
    assert_eq!(stage.partners.add(&card.to_text(), in_two_years).unwrap_err().code(), "E-CARD-EXPIRED");
    let altered = card.to_text().replace("brand.example", "bland.example");
    assert_eq!(stage.partners.add(&altered, Timestamp::now()).unwrap_err().code(), "E-CARD-SIGNATURE");
    stage.add(&card).unwrap();
    let file = stage.partners.directory.join("brand.card");
    fs::write(&file, altered).unwrap();
    let refused = Partners::open(&stage.partners.directory, &stage.us).unwrap_err();
    assert_eq!(refused.code(), "E-CARD-DAMAGED");
    // A good card under another's file name.
    fs::write(&file, card.to_text()).unwrap();
    fs::rename(&file, file.with_file_name("bank.card")).unwrap();
    let refused = Partners::open(&stage.partners.directory, &stage.us).unwrap_err();
    assert_eq!(refused.code(), "E-CARD-DAMAGED");
}

#[test]
fn a_renewed_card_keeps_the_old_key_until_the_new_one_is_seen() {
    let mut stage = Stage::new();
    let brand = stage.somebody("brand");
    let (old, new) = (signed(&brand, |_| {}), renewed(&brand, later(1), [9; 32]));
    stage.add(&old).unwrap();
    assert_eq!(stage.add(&old).unwrap(), Added::Same);
    assert_eq!(stage.add(&new).unwrap(), Added::Renewed);
    assert_eq!(stage.add(&old).unwrap_err().code(), "E-CARD-OLDER", "a retired key must not come back");
    let now = Timestamp::now();
    for partners in [&stage.partners, &stage.reopened()] {
        let pins: Vec<[u8; 32]> = partners.find("brand").unwrap().pins(now).copied().collect();
        assert_eq!(pins, [[9; 32], *old.spki_hash()]);
        let trusted = partners.trusted();
        assert!(trusted.is_pinned(old.spki_hash(), now));
        let ended = old.not_after().checked_add(later(1)).unwrap();
        assert!(!trusted.is_pinned(old.spki_hash(), ended), "not beyond the old certificate's end");
    }
    stage.partners.seen(brand.id(), old.spki_hash()).unwrap();
    assert!(stage.partners.trusted().is_pinned(old.spki_hash(), now), "the old key in use proves nothing");
    stage.partners.seen(brand.id(), &[9; 32]).unwrap();
    for partners in [&stage.partners, &stage.reopened()] {
        assert!(!partners.trusted().is_pinned(old.spki_hash(), now));
        assert!(partners.trusted().is_pinned(&[9; 32], now));
    }
}

#[test]
fn a_key_that_was_announced_and_never_used_does_not_push_out_the_one_in_use() {
    let mut stage = Stage::new();
    let brand = stage.somebody("brand");
    let used = signed(&brand, |_| {});
    stage.add(&used).unwrap();
    let renew = |seconds: i64, key: [u8; 32], in_use: &[u8; 32]| {
        let card = renewed(&brand, later(seconds), key).to_text();
        stage.partners.renew((brand.id(), in_use), &card, Timestamp::now()).unwrap();
        let pins = stage.partners.find("brand").unwrap();
        pins.pins(Timestamp::now()).copied().collect::<Vec<_>>()
    };
    assert_eq!(renew(1, [1; 32], used.spki_hash()), [[1; 32], *used.spki_hash()]);
    // The node that announced it died before it had stored it, and tries again.
    assert_eq!(renew(2, [2; 32], used.spki_hash()), [[2; 32], *used.spki_hash()]);
    // This time it came into use, but only just: the next announcement comes over it.
    assert_eq!(renew(3, [3; 32], &[2; 32]), [[3; 32], [2; 32]]);
}

#[test]
fn new_addresses_alone_leave_a_running_rotation_as_it_is() {
    let mut stage = Stage::new();
    let brand = stage.somebody("brand");
    let old = signed(&brand, |_| {});
    stage.add(&old).unwrap();
    stage.add(&renewed(&brand, later(1), [9; 32])).unwrap();
    stage.add(&renewed(&brand, later(2), [9; 32])).unwrap();
    assert!(stage.reopened().trusted().is_pinned(old.spki_hash(), Timestamp::now()));
}

#[test]
fn a_partner_renews_its_own_card_only() {
    let mut stage = Stage::new();
    let (brand, bank) = (stage.somebody("brand"), stage.somebody("bank"));
    stage.add(&signed(&brand, |_| {})).unwrap();
    stage.add(&signed(&bank, |_| {})).unwrap();
    let new = renewed(&bank, later(1), [9; 32]).to_text();
    assert!(stage.partners.renew((brand.id(), &[0; 32]), &new, Timestamp::now()).is_err());
    assert!(stage.partners.renew((bank.id(), &[0; 32]), &new, Timestamp::now()).is_ok());
    let stranger = stage.somebody("stranger");
    let card = signed(&stranger, |_| {}).to_text();
    assert!(stage.partners.renew((stranger.id(), &[0; 32]), &card, Timestamp::now()).is_err());
    assert!(stage.partners.renew((brand.id(), &[0; 32]), &card, Timestamp::now()).is_err());
    // Removed meanwhile: its renewal does not bring it back.
    stage.partners.remove("bank").unwrap();
    let new = renewed(&bank, later(2), [8; 32]).to_text();
    assert!(stage.partners.renew((bank.id(), &[0; 32]), &new, Timestamp::now()).is_err());
}

#[test]
fn every_change_is_announced_and_a_removal_ends_what_was_before() {
    let mut stage = Stage::new();
    let brand = stage.somebody("brand");
    let mut watch = stage.partners.watch();
    stage.add(&signed(&brand, |_| {})).unwrap();
    assert!(watch.has_changed().unwrap());
    watch.mark_unchanged();
    let since = stage.partners.find("brand").unwrap().since();
    stage.partners.remove("brand").unwrap();
    assert!(watch.has_changed().unwrap());
    stage.add(&signed(&brand, |_| {})).unwrap();
    assert_ne!(stage.partners.find("brand").unwrap().since(), since);
}

#[test]
fn a_partner_that_names_anothers_key_does_not_turn_the_other_away() {
    let mut stage = Stage::new();
    let (brand, bank) = (stage.somebody("brand"), stage.somebody("bank"));
    let theirs = bank.tls().spki_hash;
    stage.add(&signed(&bank, |_| {})).unwrap();
    stage.add(&renewed(&brand, later(1), theirs)).unwrap();
    let (trusted, now) = (stage.partners.trusted(), Timestamp::now());
    assert!(trusted.by_id(bank.id()).unwrap().has_pin(&theirs, now));
    assert!(trusted.is_pinned(&theirs, now));
}
