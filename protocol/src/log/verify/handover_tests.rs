//! What an export says about its signing keys, held against its heads.

use std::{collections::BTreeMap, io::Cursor};

use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::*;
use crate::{
    ids::PartnerId,
    log::{
        Kind,
        checkpoint::{CheckpointFault, SignedCheckpoint, origin},
        export::{Exporter, LOG},
        handover::{Handover, HandoverFault, Lineage},
        merkle::root,
        note::{NoteFault, SignatureKind, VerifierKey},
    },
};

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes")
}

fn public(seed: u8) -> [u8; 32] {
    pair(seed).public_key().as_ref().try_into().expect("32 bytes")
}

fn sign(seed: u8) -> impl Fn(&[u8]) -> [u8; 64] {
    move |text| pair(seed).sign(text).as_ref().try_into().expect("64 bytes")
}

fn node() -> PartnerId {
    PartnerId::of_key(&public(1))
}

fn key(seed: u8) -> VerifierKey {
    VerifierKey::new(&origin(&node()), SignatureKind::Ed25519, public(seed)).expect("a key")
}

fn handed_over(size: u64, old: u8, new: u8) -> Handover {
    Handover::sign(node(), size, (&key(old), sign(old)), (&key(new), sign(new))).expect("signed")
}

/// The keys that the partner has told of: one after another, handed over in these records.
fn keys(handovers: &[(u64, u8, u8)]) -> Keys {
    let handovers = handovers.iter().map(|(size, old, new)| handed_over(*size, *old, *new)).collect();
    Keys::of(&Lineage::new(public(1), handovers).expect("a line"), Vec::new()).expect("keys")
}

/// A log of 30 records with these bodies in records of kind `key`, an earlier head of 15 and a newest one.
fn export(bodies: &[(u64, serde_json::Value)], earlier_by: u8, newest_by: u8) -> BTreeMap<String, Vec<u8>> {
    let record = |seq: u64| {
        let (kind, body) = match bodies.iter().find(|(at, _)| *at == seq) {
            Some((_, body)) => (Kind::Key, body.clone()),
            None if seq == 1 => (Kind::Open, json!({ "key": key(1), "node": node() })),
            None => (Kind::Config, json!({ "n": seq })),
        };
        let time = format!("2026-11-22T00:00:{seq:02}Z");
        let (query, contract, partner) = (None, None, None);
        let entry = Entry { seq, time, kind, query, contract, partner, what: "set".to_owned(), body };
        serde_json::to_vec(&entry).expect("JSON")
    };
    let records: Vec<Vec<u8>> = (1..=30).map(record).collect();
    let leaves: Vec<TreeHash> = records.iter().map(|record| leaf_hash(record)).collect();
    let head = |size: usize, by: u8| {
        let head = Checkpoint::new(&origin(&node()), size as u64, root(&leaves[..size]));
        SignedCheckpoint::sign(head, &key(by), sign(by)).expect("signed")
    };
    let mut files = BTreeMap::<String, Vec<u8>>::new();
    let mut exporter = Exporter::new(|path: &str, bytes: &[u8]| {
        files.entry(path.to_owned()).or_default().extend_from_slice(bytes);
        Ok(())
    });
    records.iter().for_each(|record| exporter.push(record).expect("a record"));
    let told = keys(&[]);
    exporter.finish(&told, &head(30, newest_by), &[head(15, earlier_by)], &[]).expect("an export");
    files
}

fn check(files: &BTreeMap<String, Vec<u8>>, keys: &Keys) -> Verdict {
    let folder = |path: &str| -> io::Result<Option<Box<dyn Read + Send>>> {
        Ok(files.get(path).map(|bytes| Box::new(Cursor::new(bytes.clone())) as Box<dyn Read + Send>))
    };
    let audit = Audit { keys, parts: Parts::EXPORT, known: &[] };
    verify(&audit, &folder, &mut |_| Ok(())).expect("it can be read")
}

fn told(size: u64, old: u8, new: u8) -> (u64, serde_json::Value) {
    (size, json!({ "handover": handed_over(size, old, new) }))
}

#[test]
fn log_19_d19_a_log_that_was_handed_over_verifies() {
    let rotated = export(&[told(10, 1, 2), told(20, 2, 3)], 2, 3);
    let verdict = check(&rotated, &keys(&[(10, 1, 2), (20, 2, 3)]));
    assert!(verdict.is_sound(), "{:?}", verdict.findings);
    assert_eq!((verdict.handovers, verdict.heads), (2, 1));
    // Whoever knows the first key only is led to the others by what the folder says.
    let led = keys(&[]).extended(&keys(&[(10, 1, 2), (20, 2, 3)]).handovers);
    assert!(check(&rotated, &led).is_sound());
    let unled = check(&rotated, &keys(&[]));
    let unsigned = Fault::Checkpoint(NoteFault::NotSignedBy.into());
    assert!(unled.findings.iter().any(|finding| finding.fault == unsigned), "{:?}", unled.findings);
}

#[test]
fn log_19_d19_a_head_by_a_retired_key_is_refused() {
    let late = export(&[told(10, 1, 2)], 1, 2);
    let rotated = keys(&[(10, 1, 2)]);
    let retired = Fault::Checkpoint(CheckpointFault::RetiredKey);
    let verdict = check(&late, &rotated);
    assert_eq!(verdict.findings, [Finding::of("checkpoints/15", retired.clone())]);
    // The newest head as well; and with keys that do not tell of the hand-over, the log does.
    let verdict = check(&export(&[told(10, 1, 2)], 2, 1), &rotated);
    assert!(verdict.findings.contains(&Finding::of(CHECKPOINT, retired)), "{:?}", verdict.findings);
    let mut silent = rotated.clone();
    silent.handovers.clear();
    let verdict = check(&export(&[told(10, 1, 2)], 2, 1), &silent);
    assert_eq!(verdict.findings, [Finding::of(CHECKPOINT, Fault::RetiredKey { size: 10 })]);
}

#[test]
fn log_19_d19_a_handover_that_the_log_hides_is_named() {
    let hidden = export(&[], 2, 2);
    let verdict = check(&hidden, &keys(&[(10, 1, 2)]));
    let (key, size) = (key(2).to_string(), 10);
    assert_eq!(verdict.findings, [Finding::at(LOG, 10, Fault::HandoverNotInLog { key, size })]);
    // One that is still to come, for an export of before, is no fault.
    assert!(check(&export(&[], 1, 1), &keys(&[(31, 1, 2)])).is_sound());
}

#[test]
fn log_17_log_19_d19_a_handover_by_another_key_is_refused() {
    let stolen = export(&[told(10, 9, 2)], 1, 1);
    let by_stranger = Fault::Handover(HandoverFault::NotByOldKey);
    assert_eq!(check(&stolen, &keys(&[])).findings, [Finding::at(LOG, 10, by_stranger)]);
    let elsewhere = export(&[(11, told(10, 1, 2).1)], 1, 1);
    let found = check(&elsewhere, &keys(&[])).findings;
    assert_eq!(found, [Finding::at(LOG, 11, Fault::Handover(HandoverFault::Elsewhere))]);
    let unsigned = handed_over(10, 1, 2).to_string().replace("\n10\n", "\n11\n");
    let found = check(&export(&[(11, json!({ "handover": unsigned }))], 1, 1), &keys(&[])).findings;
    assert!(matches!(found[..], [Finding { seq: Some(11), fault: Fault::Handover(_), .. }]), "{found:?}");
}

#[test]
fn log_19_d15_a_changed_handover_is_the_first_bad_record() {
    let mut files = export(&[told(10, 1, 2)], 2, 2);
    let log = String::from_utf8(files[LOG].clone()).expect("text");
    let changed = log.replacen("tacit.handover/1", "tacit.handover/2", 1);
    files.insert(LOG.to_owned(), changed.into_bytes());
    assert_eq!(check(&files, &keys(&[(10, 1, 2)])).first_bad(), Some(10));
}
