//! An export is checked alone; every single change is found, and named where it can be.

use std::{fs, path::Path};

use ring::signature::{Ed25519KeyPair, KeyPair};
use tacit_protocol::log::{
    checkpoint::{Checkpoint, SignedCheckpoint, WitnessKey},
    merkle::{TreeHash, leaf_hash, root},
    note::{SignatureKind, VerifierKey},
    witness::{AddCheckpoint, consider},
};

use super::*;
use crate::audit::{
    AuditError, Log,
    export::{Package, write},
    history::tests::Log as Day,
};

/// A node that signs.
pub struct Node {
    pair: Ed25519KeyPair,
}

impl Node {
    pub fn new(seed: u8) -> Self {
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap() }
    }

    fn public(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().unwrap()
    }

    pub fn id(&self) -> PartnerId {
        crate::config::partner_id(&self.public())
    }

    fn key(&self, kind: SignatureKind) -> VerifierKey {
        VerifierKey::new(&origin(&self.id()), kind, self.public()).unwrap()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().unwrap()
    }

    pub fn keys(&self, partner: &Self) -> Keys {
        let key = partner.key(SignatureKind::Cosignature);
        Keys {
            origin: origin(&self.id()),
            log: vec![self.key(SignatureKind::Ed25519)],
            witnesses: vec![WitnessKey { who: "brand".to_owned(), key }],
            handovers: Vec::new(),
        }
    }

    /// The head over a log, cosigned by a partner.
    pub fn head(&self, partner: &Self, lines: &[Vec<u8>]) -> SignedCheckpoint {
        let leaves: Vec<TreeHash> = lines.iter().map(|line| leaf_hash(line)).collect();
        let head = Checkpoint::new(&origin(&self.id()), leaves.len() as u64, root(&leaves));
        let sign = |message: &[u8]| self.sign(message);
        let mut signed = SignedCheckpoint::sign(head, &self.key(SignatureKind::Ed25519), sign).unwrap();
        let request = AddCheckpoint::new(0, Vec::new(), &signed);
        let accepted = consider(&self.keys(partner), None, &request).unwrap();
        let witness = partner.key(SignatureKind::Cosignature);
        let line = accepted.cosign(&witness, 1_795_000_000, |message| partner.sign(message)).unwrap();
        signed.add_cosignature(line, &witness).unwrap();
        signed
    }
}

/// Exports a day of a node's.
pub fn export(day: &Day, node: &Node, partner: &Node, witnessed: &[Vec<u8>], folder: &Path) {
    let mut day = Day::copy(day);
    day.entries[0].body["node"] = serde_json::json!(node.id());
    let lines = lines(&day);
    let head = node.head(partner, &lines);
    let keys = node.keys(partner);
    write(
        folder,
        &Package { lines: &lines, head: &head, earlier: &[], keys: &keys, contracts: &[], witnessed },
    )
    .unwrap();
}

fn lines(day: &Day) -> Vec<Vec<u8>> {
    day.entries.iter().map(|entry| serde_json::to_vec(entry).unwrap()).collect()
}

fn exported() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("export");
    export(&Day::full(), &Node::new(1), &Node::new(2), &[], &place);
    (folder, place)
}

fn failing(place: &Path) -> Vec<(&'static str, Option<u64>)> {
    let log = Log::open(place).unwrap();
    log.checks
        .iter()
        .filter(|check| check.ok == Some(false))
        .map(|check| (check.name, check.record))
        .collect()
}

#[test]
fn a_folder_that_holds_only_an_export_verifies() {
    let (_folder, place) = exported();
    let log = Log::open(&place).unwrap();
    log.sound().unwrap();
    let held: Vec<&str> =
        log.checks.iter().filter(|check| check.ok == Some(true)).map(|check| check.name).collect();
    let expected =
        ["records", "budget", "head", "tree", "tiles", "earlier heads", "receipts", "table", "manifest"];
    assert_eq!(held, [&expected[..], &["identity", "cosignatures"]].concat());
    assert_eq!(log.entries.len(), Day::full().entries.len());
    assert_eq!(Log::check(&place, None).unwrap().entries.len(), 0);
    assert!(place.join("manifest.json").is_file());
    let csv = fs::read_to_string(place.join("log.csv")).unwrap();
    assert_eq!(csv.lines().count(), Day::full().entries.len() + 1);
}

#[test]
fn every_changed_record_is_found_and_named() {
    let (_folder, place) = exported();
    let path = place.join(LOG);
    let good = fs::read(&path).unwrap();
    let ends: Vec<usize> =
        good.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    let mut start = 0;
    for (index, end) in ends.iter().enumerate() {
        let seq = index as u64 + 1;
        // A byte anywhere in the record, so that it still reads, or does not.
        for at in (start..*end).step_by(37) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            let Err(AuditError::Bad { record, .. }) = Log::open(&place).unwrap().sound() else {
                panic!("byte {at} of record {seq}")
            };
            assert!(record.is_some_and(|record| record <= seq), "byte {at}: {record:?}, not {seq}");
        }
        // The whole record gone.
        let mut short = good.clone();
        short.drain(start..=*end);
        fs::write(&path, &short).unwrap();
        let Err(AuditError::Bad { record, .. }) = Log::open(&place).unwrap().sound() else { panic!("{seq}") };
        assert_eq!(record, Some(seq), "without record {seq}");
        start = end + 1;
    }
}

#[test]
fn a_changed_head_key_tile_or_receipt_is_found() {
    let (_folder, place) = exported();
    let receipt = fs::read_dir(place.join("receipts")).unwrap().next().unwrap().unwrap().path();
    for (path, check) in [
        (place.join("checkpoint"), "head"),
        (place.join("tile/0/000.p/18"), "tiles"),
        (place.join("tile/entries/000.p/18"), "tiles"),
        (receipt, "receipts"),
        (place.join("log.csv"), "table"),
        (place.join("manifest.json"), "manifest"),
    ] {
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert!(failing(&place).iter().any(|(name, _)| *name == check), "{}", path.display());
        fs::write(&path, &good).unwrap();
    }
    assert_eq!(failing(&place), []);
}

#[test]
fn an_overspend_that_everybody_signed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("export");
    let mut day = Day::new();
    for query in 1..=3 {
        let seq = day.reserve(query, crate::audit::history::tests::price(40));
        day.spend(query, seq);
        day.answer(query, seq);
    }
    export(&day, &Node::new(1), &Node::new(2), &[], &place);
    assert_eq!(failing(&place), [("budget", Some(8))]);
}

#[test]
fn keys_from_elsewhere_find_a_log_that_was_signed_anew() {
    let (_folder, place) = exported();
    let stranger = Node::new(3);
    let keys = Node::new(1).keys(&Node::new(2));
    assert!(Log::check(&place, Some(keys)).unwrap().sound().is_ok());
    let foreign = stranger.keys(&Node::new(2));
    let log = Log::check(&place, Some(foreign)).unwrap();
    assert!(matches!(log.sound(), Err(AuditError::Bad { check: "head" | "identity" | "receipts", .. })));
}

#[test]
fn a_partner_who_has_seen_another_history_proves_it() {
    use crate::audit::compare::logs;
    let folder = tempfile::tempdir().unwrap();
    let (bank, brand) = (Node::new(1), Node::new(2));
    let day = Day::full();
    let lines =
        |day: &Day| -> Vec<Vec<u8>> { day.entries.iter().map(|e| serde_json::to_vec(e).unwrap()).collect() };
    let mut told = Day::copy(&day);
    told.entries[0].body["node"] = serde_json::json!(bank.id());
    let seen_true = bank.head(&brand, &lines(&told)[..10]).note().to_string().into_bytes();
    let mut other = Day::copy(&told);
    other.entries[3].what = "refused".to_owned();
    let seen_fork = bank.head(&brand, &lines(&other)[..10]).note().to_string().into_bytes();
    let mut longer = lines(&told);
    longer.push(b"{}".to_vec());
    let seen_longer = bank.head(&brand, &longer).note().to_string().into_bytes();
    export(&day, &bank, &brand, &[], &folder.path().join("bank"));
    let ours = Log::open(&folder.path().join("bank")).unwrap();
    for (name, seen, expected) in
        [("a", seen_true, None), ("b", seen_fork, Some("fork")), ("c", seen_longer, Some("rolled-back"))]
    {
        let place = folder.path().join(name);
        export(&day, &brand, &bank, &[seen], &place);
        let found = logs(&ours, &Log::open(&place).unwrap()).unwrap();
        let forks: Vec<&str> = found
            .differences
            .iter()
            .map(|d| d.what)
            .filter(|what| ["fork", "rolled-back"].contains(what))
            .collect();
        assert_eq!(forks, expected.into_iter().collect::<Vec<_>>(), "{:?}", found.differences);
    }
}

#[test]
fn two_exports_of_one_node_are_one_log_or_a_fork() {
    use crate::audit::compare::logs;
    let folder = tempfile::tempdir().unwrap();
    let (bank, brand) = (Node::new(1), Node::new(2));
    let day = Day::full();
    let mut early = Day::copy(&day);
    early.entries.truncate(9);
    let mut forked = Day::copy(&day);
    forked.entries[2].what = "forgotten".to_owned();
    for (name, day) in [("full", &day), ("early", &early), ("forked", &forked)] {
        export(day, &bank, &brand, &[], &folder.path().join(name));
    }
    let open = |name: &str| Log::open(&folder.path().join(name)).unwrap();
    assert!(logs(&open("early"), &open("full")).unwrap().is_clean());
    let found = logs(&open("forked"), &open("full")).unwrap();
    assert_eq!((found.differences[0].what, found.differences[0].records.0), ("fork", Some(3)));
}
