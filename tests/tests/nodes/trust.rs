//! Cards, partners and certificates between real processes.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tacit_node::{
    config::{Home, Identity, Unlock, files},
    link::Card,
};
use tacit_protocol::secret::Secret;
use tacit_tests::{
    World, finish,
    pair::{EVERYBODY, Pair, QUESTION, maternal, replaced},
};

use crate::TACIT;

/// A partner removed has no live connection after a second (row E02); the rest is for a slow machine to ask
/// both nodes. A connection that only falls silent is found dead after a minute.
const CLOSED: Duration = Duration::from_secs(10);

#[test]
fn a_card_that_does_not_hold_is_refused_with_the_reason() {
    let world = World::new(TACIT);
    world.init("brand");
    world.init("bank");
    let card = world.tacit("bank", &["card"]).ok().out;
    let add = |text: &str| {
        let file = world.write("a.card", text);
        world.tacit("brand", &["partner", "add", &file])
    };
    // Another address, another name, another certificate: whatever is changed was signed.
    let line = |field: &str| card.lines().find(|line| line.starts_with(field)).unwrap().to_owned();
    for (field, value) in [
        ("addresses ", "addresses = [\"198.51.100.7:4433\"]".to_owned()),
        ("name ", "name = \"bark\"".to_owned()),
        ("tls_key_hash ", format!("tls_key_hash = \"{}\"", "A".repeat(43) + "=")),
        ("not_after ", "not_after = \"2099-01-01T00:00:00Z\"".to_owned()),
        ("id ", format!("id = \"{}\"", "00".repeat(32))),
    ] {
        let told = add(&replaced(&card, &line(field), &value)).refused(2, "E-CARD-SIGNATURE");
        assert!(told.err.contains("would do"), "{field}: {}", told.err);
    }
    add(&replaced(&card, &line("version "), "version = 3")).refused(2, "E-CARD-VERSION");
    for text in ["", "no card", &card[..card.len() / 2]] {
        add(text).refused(2, "E-CARD-MALFORMED");
    }
    let own = world.tacit("brand", &["card"]).ok().out;
    add(&own).refused(2, "E-CARD-OWN");
    // An expired certificate.
    let made = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * 400)).unwrap();
    add(&card_made_at(&world, "old", made)).refused(2, "E-CARD-EXPIRED");
    assert_eq!(world.tacit("brand", &["partner", "list", "-o", "json"]).ok().json(), serde_json::json!([]));
    // Another node that calls itself by a name that is taken.
    add(&card).ok();
    let told = add(&card_made_at(&world, "bank", Timestamp::now())).refused(2, "E-CARD-KEY-CHANGED");
    assert!(told.err.contains("tacit partner remove bank"), "{}", told.err);
    add(&card).ok();
    world.tacit("brand", &["partner", "remove", "post"]).refused(2, "E-PARTNER-UNKNOWN");
    world.tacit("brand", &["partner", "add", "missing.card"]).refused(2, "E-INPUT-UNREADABLE");
    let records = world.record_lines("brand");
    assert_eq!(records.iter().filter(|line| line.starts_with("partner")).count(), 1, "{records:?}");
}

/// The card of a node that was made at another time.
fn card_made_at(world: &World, name: &str, made: Timestamp) -> String {
    let home = Home::at(world.path(&format!("made-{name}")));
    files::make_private_dir(&home.keys_dir()).unwrap();
    let identity = Identity::create(&home, name, &Unlock::raw(Secret::new([7; 32])), made).unwrap();
    Card::issue(&Arc::new(identity), &["127.0.0.1:4433".to_owned()], made).unwrap().to_text()
}

fn connected(world: &World, home: &str) -> usize {
    let status = world.tacit(home, &["status", "-o", "json"]).ok().json();
    status["connected"].as_array().unwrap().len()
}

#[test]
fn trust_must_be_mutual_and_holds_from_the_moment_it_is_given() {
    let world = World::new(TACIT);
    world.init("brand");
    world.init("bank");
    world.register_little_data();
    let card = world.tacit("bank", &["card"]).ok().out;
    let file = world.write("bank.card", card);
    let _nodes = [world.serve("brand"), world.serve("bank")];
    world.tacit("brand", &["partner", "add", &file]).ok();
    let doctor = world.tacit("brand", &["doctor", "bank"]);
    assert!(doctor.status == 1 && doctor.out.contains("tacit partner add"), "{}{}", doctor.out, doctor.err);
    let card = world.tacit("brand", &["card"]).ok().out;
    let file = world.write("brand.card", card);
    world.tacit("bank", &["partner", "add", &file]).ok();
    world.agree("brand", "bank", &maternal(false));
    let answer = world.tacit("brand", &["query", QUESTION, "-o", "json"]).ok();
    assert_eq!(tacit_tests::pair::customers(&answer), ["C1", "C2", "C3"]);
    let doctor = world.tacit("brand", &["doctor"]).ok();
    assert!(doctor.err.contains("nothing is wrong"), "{}", doctor.err);
}

#[test]
fn e02_a_removed_partner_is_cut_off_at_once_and_stays_out() {
    let pair = Pair::under(TACIT, &maternal(true));
    // A question is under way: it waits for a person.
    let asking = pair.world.start("brand", &["query", QUESTION]);
    let approval = pair.world.pending("bank");
    assert_eq!((connected(&pair.world, "brand"), connected(&pair.world, "bank")), (1, 1));
    let removed = Instant::now();
    pair.bank(&["partner", "remove", "brand"]).ok();
    while connected(&pair.world, "brand") + connected(&pair.world, "bank") > 0 {
        assert!(removed.elapsed() < CLOSED, "the connection is still there");
    }
    let failed = finish(asking).refused(5, "E-LINK-REVOKED");
    assert!(failed.err.contains("bank"), "{}", failed.err);
    // Whatever somebody at the bank does now, nothing is answered.
    pair.bank(&["approvals", "approve", &approval]);
    pair.brand(&["query", QUESTION]).refused(5, "E-LINK-UNWELCOME");
    for home in ["brand", "bank"] {
        let lines = pair.world.record_lines(home);
        assert!(!lines.iter().any(|line| line.starts_with("answer")), "{home}: {lines:?}");
    }
    let lines = pair.world.record_lines("bank");
    assert!(lines.contains(&"partner removed".to_owned()), "{lines:?}");
    assert!(pair.world.record_lines("brand").contains(&"abort E-LINK-REVOKED".to_owned()));
    let unknown = pair.bank(&["doctor", "brand"]);
    assert!(unknown.status == 2 && unknown.err.contains("E-PARTNER-UNKNOWN"), "{}", unknown.err);
    // Trust that is given again is trust again, without a restart; and what was approved is approved.
    let file = pair.world.path("brand.card").to_string_lossy().into_owned();
    pair.bank(&["partner", "add", &file]).ok();
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
}

/// The hash of the TLS key on the card of a node.
fn tls_key_hash(world: &World, home: &str) -> String {
    let card = world.tacit(home, &["card"]).ok().out;
    card.lines().find(|line| line.starts_with("tls_key_hash")).unwrap().to_owned()
}

/// When the certificate of the brand ends, as the bank knows it.
fn known(world: &World) -> String {
    let folder = world.path("bank/partners");
    let card = fs::read_dir(folder).unwrap().flatten().map(|entry| fs::read_to_string(entry.path()).unwrap());
    card.flat_map(|card| card.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| line.starts_with("tls_key_hash"))
        .collect()
}

#[test]
fn a_certificate_is_rotated_without_a_restart() {
    let pair = Pair::new(TACIT);
    let world = &pair.world;
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
    // Connected: the partner is told at once, and nothing is interrupted.
    let before = tls_key_hash(world, "brand");
    assert_eq!(known(world), before);
    let told = pair.brand(&["certificate", "rotate"]).ok();
    assert!(!told.err.contains("not connected just now"), "{}", told.err);
    let after = tls_key_hash(world, "brand");
    assert_ne!(before, after);
    world.until("the new key at the bank", || known(world).contains(&after));
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
    assert!(pair.brand(&["doctor", "bank"]).ok().err.contains("nothing is wrong"));
    assert!(world.record_lines("brand").contains(&"key certificate rotated".to_owned()));

    // While the partner is down: it is told when it is back.
    let Pair { brand: _brand, bank, world } = pair;
    bank.kill();
    let told = world.tacit("brand", &["certificate", "rotate"]).ok();
    let last = tls_key_hash(&world, "brand");
    let _bank = world.serve("bank");
    world.until("an answer", || world.tacit("brand", &["query", QUESTION]).status == 0);
    world.until("the new key at the bank", || known(&world).contains(&last));
    drop(told);
    // With no node running at the owner's side either.
    drop(_brand);
    world.tacit("brand", &["certificate", "rotate"]).ok();
    world.tacit("brand", &["query", QUESTION]).ok();
    let newest = tls_key_hash(&world, "brand");
    world.until("the new key at the bank", || known(&world).contains(&newest));
}

#[test]
fn an_identity_survives_a_rotation_and_a_card_of_before_it_is_older() {
    let world = World::new(TACIT);
    world.befriended();
    let old = world.path("brand.card").to_string_lossy().into_owned();
    let id = |home: &str| world.tacit(home, &["card", "-o", "json"]).ok().json()["id"].clone();
    let before = id("brand");
    world.tacit("brand", &["certificate", "rotate"]).ok();
    assert_eq!(id("brand"), before);
    let new = world.tacit("brand", &["card"]).ok().out;
    let new = world.write("new.card", new);
    let renewed = world.tacit("bank", &["partner", "add", &new]).ok();
    assert!(world.record_lines("bank").contains(&"partner renewed".to_owned()), "{}", renewed.err);
    world.tacit("bank", &["partner", "add", &old]).refused(2, "E-CARD-OLDER");
}

#[test]
fn log_17_log_18_log_19_d19_a_signing_key_is_handed_over_and_everything_goes_on() {
    let pair = Pair::new(TACIT);
    let world = &pair.world;
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
    let (before, old_card) = (id_of(world, "brand"), world.tacit("brand", &["card"]).ok().out);
    // Whoever has a copy of the keys from before the rotation.
    let stolen = fs::read(world.path("brand/keys/signing.key")).unwrap();

    let told = pair.brand(&["keys", "rotate", "--signing", "-o", "json"]).ok();
    assert!(!told.err.contains("not connected just now"), "{}", told.err);
    assert_eq!(told.json()["announced_to"][0], "bank");
    assert_eq!(id_of(world, "brand"), before, "the id stays");
    assert!(world.record_lines("brand").contains(&"key signing key rotated".to_owned()));
    let known = |home: &str| fs::read_to_string(world.path(home).join("partners/brand.card")).unwrap();
    world.until("the new key at the bank", || known("bank").contains("version      = 2"));
    // The contract holds, questions are answered both ways of knowing, and both logs verify.
    assert_eq!(pair.ask(EVERYBODY).len(), 5);
    let keys = pair.brand(&["keys", "show", "-o", "json"]).ok().json();
    assert_eq!((keys.as_array().unwrap().len(), &keys[1]["state"]), (2, &serde_json::json!("in force")));
    pair.bank(&["keys", "rotate", "--signing"]).ok();
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
    for home in ["brand", "bank"] {
        let export = world.path(&format!("{home}.export")).to_string_lossy().into_owned();
        world.tacit(home, &["audit", "export", &export]).ok();
        let verified = world.tacit(home, &["audit", "verify", &export]).ok();
        assert!(verified.out.contains("handed over once"), "{}", verified.out);
        world.tacit(home, &["audit", "verify"]).ok();
        // With the keys that an auditor had before the rotation: the first one alone.
        let told: serde_json::Value =
            serde_json::from_slice(&fs::read(format!("{export}/keys.json")).unwrap()).unwrap();
        let mut first = told.clone();
        first["log"].as_array_mut().unwrap().truncate(1);
        first.as_object_mut().unwrap().remove("handovers");
        let first = world.write(&format!("{home}.keys"), first.to_string());
        world.tacit(home, &["audit", "verify", &export, "--keys", &first]).ok();
    }
    let [ours, theirs] =
        ["brand", "bank"].map(|home| world.path(&format!("{home}.export")).to_string_lossy().into_owned());
    world.tacit("brand", &["audit", "compare", &ours, &theirs]).ok();

    // A card of before is a retired key's, and so are the keys.
    let old_card = world.write("old.card", old_card);
    let refused = pair.bank(&["partner", "add", &old_card]);
    assert!(refused.status == 2 && refused.err.contains("E-CARD-"), "{}", refused.err);
    let Pair { brand, bank, world } = pair;
    drop(brand);
    let key = world.path("brand/keys/signing.key");
    let whole = fs::read(&key).unwrap();
    fs::write(&key, stolen).unwrap();
    let refused = world.tacit("brand", &["card"]);
    assert!(refused.status == 1 && refused.err.contains("E-LEDGER-"), "{}", refused.err);
    fs::write(&key, whole).unwrap();
    // Both restart; a partner that was down is told when it is back.
    bank.kill();
    world.tacit("brand", &["keys", "rotate", "--signing"]).ok();
    let _bank = world.serve("bank");
    world.until("an answer", || world.tacit("brand", &["query", QUESTION]).status == 0);
    world.tacit("brand", &["audit", "verify"]).ok();
    assert_eq!(id_of(&world, "brand"), before);
}

fn id_of(world: &World, home: &str) -> serde_json::Value {
    world.tacit(home, &["card", "-o", "json"]).ok().json()["id"].clone()
}
