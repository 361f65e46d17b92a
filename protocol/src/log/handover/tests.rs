use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

use super::*;
use crate::{
    log::{
        Entry, Kind,
        checkpoint::{Checkpoint, CheckpointFault, Keys, SignedCheckpoint, WitnessKey},
        merkle::{TreeHash, leaf_hash},
    },
    wire::{
        Limits, Wire,
        hello::{Hello, capability},
    },
};

struct Key(Ed25519KeyPair);

impl Key {
    fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes"))
    }

    fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().expect("32 bytes")
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().expect("64 bytes")
    }

    fn of(&self, node: PartnerId, kind: SignatureKind) -> VerifierKey {
        VerifierKey::new(&origin(&node), kind, self.public()).expect("a good key")
    }
}

fn node() -> PartnerId {
    PartnerId::of_key(&Key::new(1).public())
}

fn handed_over(size: u64, old: u8, new: u8) -> Handover {
    handed_over_at(node(), size, old, new)
}

fn handed_over_at(node: PartnerId, size: u64, old: u8, new: u8) -> Handover {
    let (old, new) = (Key::new(old), Key::new(new));
    let (by, to) = (old.of(node, SignatureKind::Ed25519), new.of(node, SignatureKind::Ed25519));
    Handover::sign(node, size, (&by, |text| old.sign(text)), (&to, |text| new.sign(text))).expect("signed")
}

fn head(size: u64, by: u8) -> SignedCheckpoint {
    let key = Key::new(by);
    let root = if size == 0 { TreeHash::EMPTY } else { leaf_hash(b"a root") };
    let head = Checkpoint::new(&origin(&node()), size, root);
    SignedCheckpoint::sign(head, &key.of(node(), SignatureKind::Ed25519), |text| key.sign(text))
        .expect("signed")
}

#[test]
fn log_17_a_handover_has_one_spelling_and_two_signatures() {
    let handover = handed_over(7, 1, 2);
    let text = handover.to_string();
    assert_eq!(text.parse(), Ok(handover.clone()));
    assert_eq!(
        serde_json::from_str::<Handover>(&serde_json::to_string(&handover).expect("JSON")).ok(),
        Some(handover)
    );
    // Whatever byte is changed, it is not read.
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        assert!(Handover::parse(&bytes).is_err(), "byte {at}");
    }
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "tacit.handover/1");
    let without = |line: usize| {
        let kept =
            lines.iter().enumerate().filter(|(at, _)| *at != line).map(|(_, line)| format!("{line}\n"));
        Handover::parse(kept.collect::<String>().as_bytes())
    };
    assert_eq!(without(7), Err(HandoverFault::NotByOldKey), "the old key's word is missing");
    assert_eq!(without(8), Err(HandoverFault::NotByOldKey), "one signature is not two");
}

#[test]
fn log_17_another_key_does_not_hand_over() {
    let (thief, new) = (Key::new(9), Key::new(2));
    let by = Key::new(1).of(node(), SignatureKind::Ed25519);
    let to = new.of(node(), SignatureKind::Ed25519);
    let forged = Handover::sign(node(), 7, (&by, |text| thief.sign(text)), (&to, |text| new.sign(text)));
    assert_eq!(forged, Err(HandoverFault::Note(NoteFault::BadSignature)));
    let taken =
        Handover::sign(node(), 7, (&by, |text| Key::new(1).sign(text)), (&to, |text| thief.sign(text)));
    assert_eq!(taken, Err(HandoverFault::Note(NoteFault::BadSignature)), "a key that does not agree");
}

#[test]
fn log_18_a_line_of_keys_has_no_gap_and_no_way_back() {
    let first = Key::new(1).public();
    let two = vec![handed_over(7, 1, 2), handed_over(20, 2, 3)];
    let line = Lineage::new(first, two.clone()).expect("a line");
    assert_eq!((line.node(), *line.current(), line.keys().count()), (node(), Key::new(3).public(), 3));
    assert!(line.continues(&Lineage::of(first)) && !Lineage::of(first).continues(&line));
    assert_eq!(Lineage::ending(Key::new(3).public(), two.clone()), Ok(line.clone()));
    assert_eq!(Lineage::ending(Key::new(2).public(), two.clone()), Err(HandoverFault::NotByOldKey));
    assert_eq!(Lineage::new(first, two[1..].to_vec()), Err(HandoverFault::NotByOldKey), "a gap");
    assert_eq!(line.clone().then(handed_over(30, 3, 1)), Err(HandoverFault::KeyTwice), "the way back");
    assert_eq!(line.clone().then(handed_over(30, 2, 4)), Err(HandoverFault::NotByOldKey), "a retired key");
    let other = PartnerId::of_key(&Key::new(3).public());
    assert_eq!(line.clone().then(handed_over_at(other, 30, 3, 4)), Err(HandoverFault::NodeDiffers));
    let other = Lineage::new(first, vec![handed_over(7, 1, 5)]).expect("a line");
    assert!(!line.continues(&other) && !other.continues(&line), "two lines from one key");
    let most = (1..=MOST_HANDOVERS as u8).map(|seed| handed_over(u64::from(seed) + 1, seed, seed + 1));
    let most = Lineage::new(first, most.collect()).expect("so many");
    let one_more = handed_over(99, MOST_HANDOVERS as u8 + 1, 200);
    assert_eq!(most.then(one_more), Err(HandoverFault::TooMany));
}

#[test]
fn log_18_a_hello_and_keys_carry_the_line() {
    let line = Lineage::new(Key::new(1).public(), vec![handed_over(7, 1, 2)]).expect("a line");
    let hello = Hello::of(&line, [capability::PSI], [5; 32]);
    assert_eq!(hello.node, node());
    let bytes = hello.encode();
    assert_eq!(Hello::decode(&bytes, &Limits::GREETING), Ok(hello));
    assert!(Hello::decode(&bytes[..bytes.len() - 1], &Limits::GREETING).is_err());
    let plain = Hello::new(Key::new(1).public(), [], [5; 32]).encode();
    let empty = [plain.as_slice(), &[0; 8]].concat();
    assert!(Hello::decode(&empty, &Limits::GREETING).is_err(), "an empty list is a second spelling");

    let most = (1..=MOST_HANDOVERS as u8).map(|seed| handed_over(1 << 40, seed, seed + 1));
    let most = Lineage::new(Key::new(1).public(), most.collect()).expect("so many");
    let long = Hello::of(&most, [capability::PSI], [5; 32]);
    assert_eq!(Hello::decode(&long.encode(), &Limits::GREETING), Ok(long), "the longest line fits");

    // Whoever knows the first key only learns the others from the notes; a gap in them leads nowhere.
    let known = Keys::of(&Lineage::of(Key::new(1).public()), Vec::new()).expect("keys");
    let told = known.clone().extended(line.handovers());
    assert_eq!(told, Keys::of(&line, Vec::new()).expect("keys"));
    assert_eq!(known.clone().extended(&[handed_over(9, 2, 3)]), known);
    let mut lying = told.clone();
    lying.log[1] = Key::new(9).of(node(), SignatureKind::Ed25519);
    assert_eq!(lying.check(), Err(CheckpointFault::MisfitKeys));
}

#[test]
fn log_19_a_retired_key_signs_no_head_after_its_handover() {
    let line =
        Lineage::new(Key::new(1).public(), vec![handed_over(7, 1, 2), handed_over(9, 2, 3)]).expect("a line");
    let keys = Keys::of(&line, Vec::new()).expect("keys");
    let open = |head: &SignedCheckpoint| keys.open(head.note().to_string().as_bytes()).map(drop);
    for (size, by, ok) in [
        (6, 1, true),
        (7, 1, false),
        (100, 1, false),
        (7, 2, true),
        (8, 2, true),
        (9, 2, false),
        (9, 3, true),
        (100, 3, true),
        // A log that was begun anew is smaller than the one that was lost, and signed by the key of today.
        (1, 3, true),
    ] {
        let wanted = if ok { Ok(()) } else { Err(CheckpointFault::RetiredKey) };
        assert_eq!(open(&head(size, by)), wanted, "{size} records by key {by}");
    }
    assert_eq!(keys.signer(&head(7, 2)), Some(1));
}

#[test]
fn log_19_records_tell_of_the_keys() {
    let entry = |seq: u64, kind: Kind, body| Entry {
        seq,
        time: "2026-12-01T00:00:00Z".to_owned(),
        kind,
        query: None,
        contract: None,
        partner: None,
        what: String::new(),
        body,
    };
    let key = |seed: u8| Key::new(seed).of(node(), SignatureKind::Ed25519);
    let mut told = Succession::default();
    let open = entry(1, Kind::Open, json!({ "key": key(2), "handovers": [handed_over(90, 1, 2)] }));
    told.take(&open).expect("the beginning");
    let rotated = entry(5, Kind::Key, json!({ "handover": handed_over(5, 2, 3) }));
    let wrong = [
        (entry(4, Kind::Key, json!({ "handover": handed_over(5, 2, 3) })), HandoverFault::Elsewhere),
        (entry(5, Kind::Key, json!({ "handover": handed_over(5, 1, 3) })), HandoverFault::NotByOldKey),
        (entry(5, Kind::Key, json!({ "handover": 5 })), HandoverFault::Malformed),
    ];
    for (entry, fault) in wrong {
        assert_eq!(told.take(&entry), Err(fault));
    }
    told.take(&entry(3, Kind::Key, json!({ "announced_to": [] }))).expect("another key's record");
    told.take(&rotated).expect("a hand-over");
    assert_eq!(
        (told.current(), told.retired(&key(1)), told.retired(&key(2))),
        (Some(&key(3)), Some(1), Some(5))
    );
    assert_eq!(told.retired(&key(3)), None);
    let keys = told.keys(Vec::new()).expect("keys");
    assert_eq!((keys.log.len(), keys.check()), (3, Ok(())));
}

#[test]
fn log_20_a_witness_with_two_keys_is_one_witness() {
    let log = Key::new(7);
    let id = PartnerId::of_key(&log.public());
    let line = Lineage::new(Key::new(1).public(), vec![handed_over(7, 1, 2)]).expect("a line");
    let both = line.verifier_keys(SignatureKind::Cosignature).expect("keys");
    let witnesses = both.iter().map(|key| WitnessKey { who: "bank".to_owned(), key: key.clone() });
    let keys = Keys::of(&Lineage::of(log.public()), witnesses.collect()).expect("keys");
    let key = log.of(id, SignatureKind::Ed25519);
    let mut head = SignedCheckpoint::sign(Checkpoint::new(&origin(&id), 3, leaf_hash(b"x")), &key, |text| {
        log.sign(text)
    })
    .expect("signed");
    for (seed, key) in [(1, &both[0]), (2, &both[1])] {
        let time = 1_700_000_000 + u64::from(seed);
        let line = head.cosign(key, time, |text| Key::new(seed).sign(text)).expect("a line");
        head.add_cosignature(line, key).expect("a good line");
    }
    assert_eq!(head.note().signatures().len(), 3);
    let seen = keys.cosigned(&head).expect("cosigned");
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].who.as_str(), seen[0].time), ("bank", 1_700_000_002));
}
