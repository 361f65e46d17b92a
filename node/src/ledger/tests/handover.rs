//! D19: the signing key is handed over, and the power goes at every step of it.

use std::{collections::BTreeMap, io};

use tacit_protocol::log::{
    Entry, Handover, Lineage,
    checkpoint::{CheckpointFault, Keys, SignedCheckpoint},
    handover::Succession,
};

use super::{
    super::{
        Successor,
        replay::{HEAD, LOG},
    },
    sim::Fault,
    *,
};

/// A node's keys as they lie in its home: the one in force, and one that is to follow.
#[derive(Debug, Clone)]
struct Files {
    seed: u8,
    lineage: Lineage,
    next: Option<(u8, Lineage)>,
}

/// A home's keys, with what they were after so many calls that changed the disk.
#[derive(Debug)]
struct Ring {
    files: Mutex<Files>,
    history: Mutex<Vec<(u64, Files)>>,
    disk: Sim,
    /// Whether the new file cannot take the old one's place.
    stuck: bool,
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(seed: u8) -> [u8; 32] {
    pair(seed).public_key().as_ref().try_into().unwrap()
}

impl Files {
    fn first() -> Self {
        Self { seed: 1, lineage: Lineage::of(public(1)), next: None }
    }
}

impl Ring {
    fn of(files: Files, disk: &Sim) -> Arc<Self> {
        let history = Mutex::new(vec![(0, files.clone())]);
        Arc::new(Self { files: Mutex::new(files), history, disk: disk.clone(), stuck: false })
    }

    fn files(&self) -> Files {
        self.files.lock().unwrap().clone()
    }

    fn change(&self, change: impl FnOnce(&mut Files)) {
        let mut files = self.files.lock().unwrap();
        change(&mut files);
        self.history.lock().unwrap().push((self.disk.calls(), files.clone()));
    }

    /// As a power cut during the call after so many finds them.
    fn at(&self, calls: u64) -> Files {
        let history = self.history.lock().unwrap();
        history.iter().rev().find(|(at, _)| *at <= calls).map(|(_, files)| files.clone()).unwrap()
    }

    fn promote(&self) {
        self.change(|files| {
            if let Some((seed, lineage)) = files.next.take() {
                (files.seed, files.lineage) = (seed, lineage);
            }
        });
    }
}

impl Signer for Ring {
    fn id(&self) -> PartnerId {
        self.files().lineage.node()
    }

    fn public(&self) -> [u8; 32] {
        public(self.files().seed)
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        pair(self.files().seed).sign(message).as_ref().try_into().unwrap()
    }

    fn lineage(&self) -> Lineage {
        self.files().lineage
    }

    fn settle(&self, logged: &[Handover]) -> io::Result<()> {
        let Some((_, lineage)) = self.files().next else { return Ok(()) };
        match lineage.handovers().last().is_some_and(|handover| logged.contains(handover)) {
            true => self.promote(),
            false => self.change(|files| files.next = None),
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Next(Arc<Ring>, u8);

impl Successor for Next {
    fn public(&self) -> [u8; 32] {
        public(self.1)
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        pair(self.1).sign(message).as_ref().try_into().unwrap()
    }

    fn keep(&self, handover: &Handover) -> io::Result<()> {
        let lineage = self.0.files().lineage.then(handover.clone()).map_err(io::Error::other)?;
        self.0.change(|files| files.next = Some((self.1, lineage)));
        Ok(())
    }

    fn take_over(&self) -> io::Result<()> {
        if self.0.stuck {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.0.promote();
        Ok(())
    }
}

fn open_with(disk: &Sim, ring: &Arc<Ring>) -> Result<Node, LedgerError> {
    let shared = Arc::new(Shared::default());
    let signer: Arc<dyn Signer> = Arc::clone(ring) as _;
    Ok((Journal::open(disk.clone(), signer, Arc::clone(&shared), now(0))?, shared))
}

fn note(second: i64) -> (Draft, Act) {
    (draft(Kind::Partner, None, "added", second), Act::Note)
}

fn rotation(ring: &Arc<Ring>, seed: u8, second: i64) -> (Draft, Act) {
    let next: Arc<dyn Successor> = Arc::new(Next(Arc::clone(ring), seed));
    (draft(Kind::Key, None, "signing key rotated", second), Act::HandOver(next))
}

fn all(journal: &mut Journal<Sim>, group: Vec<(Draft, Act)>) -> Result<Vec<u64>, LedgerError> {
    journal.commit(group).into_iter().map(|written| Ok(written?.seq)).collect()
}

/// Two hand-overs, the first in the middle of a group.
fn live(disk: &Sim, ring: &Arc<Ring>) -> Result<(), LedgerError> {
    let (mut journal, _) = open_with(disk, ring)?;
    all(&mut journal, vec![note(1), note(1)])?;
    all(&mut journal, vec![note(2), rotation(ring, 2, 2), note(2)])?;
    all(&mut journal, vec![note(3)])?;
    all(&mut journal, vec![rotation(ring, 3, 4)])?;
    all(&mut journal, vec![note(5)])?;
    Ok(())
}

fn told(disk: &Sim) -> Succession {
    let mut told = Succession::default();
    let seen = disk.seen();
    for line in seen[LOG].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let entry: Entry = serde_json::from_slice(line).unwrap();
        told.take(&entry).unwrap();
    }
    told
}

fn head(shared: &Shared) -> SignedCheckpoint {
    shared.published.read().unwrap().head.clone().unwrap()
}

/// Records, keys and head tell the same, and it goes on from there.
fn is_consistent(disk: &Sim, ring: &Arc<Ring>) {
    let (mut journal, shared) = open_with(disk, ring).expect("a power cut is no damage");
    let files = ring.files();
    assert!(files.next.is_none(), "a key that may be in force or not is left over");
    assert_eq!(files.lineage.current(), &public(files.seed));
    let by_records = told(disk);
    assert_eq!(by_records.found(), files.lineage.handovers(), "records and keys tell of other hand-overs");
    let keys = by_records.keys(Vec::new()).unwrap();
    assert_eq!(keys, Keys::of(&files.lineage, Vec::new()).unwrap());
    let newest = keys.accept(head(&shared).note().clone()).expect("the key in force has signed the head");
    assert_eq!(keys.signer(&newest), Some(keys.log.len() - 1));
    all(&mut journal, vec![note(50)]).unwrap();
    let seed = 40 + files.seed;
    all(&mut journal, vec![rotation(ring, seed, 51), note(52)]).unwrap();
    drop(journal);
    let (_, shared) = open_with(disk, ring).unwrap();
    assert_eq!(ring.files().seed, seed);
    let keys = told(disk).keys(Vec::new()).unwrap();
    keys.accept(head(&shared).note().clone()).unwrap();
}

#[test]
fn log_19_d19_a_power_cut_at_every_step_of_a_handover_leaves_one_key() {
    let disk = Sim::default();
    disk.trace();
    let ring = Ring::of(Files::first(), &disk);
    live(&disk, &ring).unwrap();
    let (mut points, mut seeds) = (0, BTreeMap::new());
    for (at, moment) in disk.moments().iter().enumerate() {
        for left in moment.cuts(61) {
            let disk = Sim::holding(left);
            let ring = Ring::of(ring.at(at as u64), &disk);
            is_consistent(&disk, &ring);
            points += 1;
            *seeds.entry(ring.at(disk.calls()).lineage.handovers().len()).or_insert(0_u32) += 1;
        }
    }
    assert!(points > 500, "{points} crash points");
    // Before both, between them, and after both; and each was handed over once more.
    assert_eq!(seeds.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn log_19_d19_heads_are_by_the_key_in_force() {
    let disk = Sim::default();
    let ring = Ring::of(Files::first(), &disk);
    let (mut journal, shared) = open_with(&disk, &ring).unwrap();
    let by = |seed: u8| {
        let lineage = ring.files().lineage;
        let keys = Keys::of(&lineage, Vec::new()).unwrap();
        let at = lineage.keys().position(|key| *key == public(seed));
        assert_eq!(keys.signer(&head(&shared)), at, "key {seed}");
    };
    by(1);
    all(&mut journal, vec![note(1)]).unwrap();
    let before = head(&shared);
    let seq = all(&mut journal, vec![rotation(&ring, 2, 2)]).unwrap()[0];
    by(2);
    assert_eq!(head(&shared).head().size, seq);
    assert_eq!(ring.files().lineage.handovers()[0].size(), seq);
    all(&mut journal, vec![note(3)]).unwrap();
    by(2);
    // One at a time, and never back.
    let group = journal.commit(vec![rotation(&ring, 3, 4), rotation(&ring, 4, 4)]);
    assert!(group[0].is_ok() && matches!(group[1], Err(LedgerError::NotHandedOver(_))), "{group:?}");
    assert!(matches!(all(&mut journal, vec![rotation(&ring, 1, 5)]), Err(LedgerError::NotHandedOver(_))));
    by(3);
    // A head of before is one still; a larger one under that key is not.
    let keys = Keys::of(&ring.files().lineage, Vec::new()).unwrap();
    keys.accept(before.note().clone()).unwrap();
    let now = head(&shared).head().clone();
    let forged =
        SignedCheckpoint::sign(now, &keys.log[0], |text| pair(1).sign(text).as_ref().try_into().unwrap());
    assert_eq!(keys.accept(forged.unwrap().note().clone()), Err(CheckpointFault::RetiredKey));
}

#[test]
fn log_19_d19_records_and_keys_of_another_day_do_not_open() {
    let disk = Sim::default();
    let ring = Ring::of(Files::first(), &disk);
    let (mut journal, _) = open_with(&disk, &ring).unwrap();
    all(&mut journal, vec![note(1)]).unwrap();
    let (yesterday, keys_of_yesterday) = (disk.seen(), ring.files());
    all(&mut journal, vec![rotation(&ring, 2, 2)]).unwrap();
    drop(journal);
    // An older log under the keys of today: it lacks the record that they follow from.
    let older = Sim::holding(yesterday);
    let error = open_with(&older, &Ring::of(ring.files(), &older)).err();
    assert!(matches!(error, Some(LedgerError::Damaged { seq: Some(3), .. })), "{error:?}");
    // The log of today under the keys of yesterday: they have been retired.
    let error = open_with(&disk, &Ring::of(keys_of_yesterday.clone(), &disk)).err();
    assert!(matches!(error, Some(LedgerError::Damaged { .. } | LedgerError::KeyRetired)), "{error:?}");
    // The key is lost and another one made: it is nobody's.
    let lost = Files { seed: 9, lineage: Lineage::of(public(9)), next: None };
    assert!(open_with(&disk, &Ring::of(lost, &disk)).is_err());
    // A log that begins anew says which keys there were, and by which it begins.
    let fresh = Sim::default();
    let ring = Ring::of(ring.files(), &fresh);
    open_with(&fresh, &ring).unwrap();
    let told = told(&fresh);
    assert_eq!((told.before().len(), told.found().len()), (1, 0));
    let (mut journal, _) = open_with(&fresh, &ring).unwrap();
    all(&mut journal, vec![rotation(&ring, 3, 9), note(9)]).unwrap();
    drop(journal);
    open_with(&fresh, &ring).unwrap();
}

#[test]
fn log_19_d04_d05_a_disk_that_fails_leaves_the_old_key_or_the_new_one() {
    for fault in [Fault::Full, Fault::LostOnSync] {
        for step in 0..8 {
            let disk = Sim::default();
            let ring = Ring::of(Files::first(), &disk);
            let (mut journal, _) = open_with(&disk, &ring).unwrap();
            all(&mut journal, vec![note(1)]).unwrap();
            let from = if fault == Fault::Full { disk.calls() } else { disk.syncs() };
            disk.fail(fault, from + step);
            let rotated = all(&mut journal, vec![rotation(&ring, 2, 2)]);
            disk.mend();
            let again = all(&mut journal, vec![note(3)]);
            assert!(fault == Fault::LostOnSync || again.is_ok(), "{step}: {again:?}");
            if fault == Fault::Full && rotated.is_err() {
                // Whether it was handed over is decided, and rotating again is possible.
                all(&mut journal, vec![rotation(&ring, 3, 4)]).unwrap();
            }
            drop(journal);
            let disk = Sim::holding(disk.synced());
            is_consistent(&disk, &Ring::of(ring.files(), &disk));
        }
    }
}

#[test]
fn log_19_d19_a_key_that_cannot_take_its_place_signs_after_the_next_start() {
    let disk = Sim::default();
    let files = Mutex::new(Files::first());
    let history = Mutex::new(Vec::new());
    let stuck = Arc::new(Ring { files, history, disk: disk.clone(), stuck: true });
    let (mut journal, _) = open_with(&disk, &stuck).unwrap();
    assert!(matches!(all(&mut journal, vec![rotation(&stuck, 2, 1)]), Err(LedgerError::DiskFailed(_))));
    // Nothing is signed by a key that the record has retired.
    assert!(matches!(all(&mut journal, vec![note(2)]), Err(LedgerError::DiskFailed(_))));
    drop(journal);
    assert!(disk.seen()[HEAD].len() > 1);
    let ring = Ring::of(stuck.files(), &disk);
    is_consistent(&disk, &ring);
    assert_eq!(ring.files().lineage.handovers().len(), 2);
}
