//! Exports are verified by what others wrote: `tests/independent/verify_log.py` with two packages from PyPI.
//!
//! Where Python or the packages are missing the test says so and passes: CI needs neither. To run it with them:
//! `pip install aics-tlog==0.2.1 metamorphic-log==0.1.11` (Python 3.12 or later), and
//! `TACIT_PYTHON=/path/to/python3` if that is not the `python3` on the path.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use ring::signature::{Ed25519KeyPair, KeyPair};
use tacit_protocol::ids::PartnerId;
use tacit_protocol::log::{
    Entry, Handover, Kind, Lineage,
    checkpoint::{Checkpoint, Keys, SignedCheckpoint, WitnessKey, origin},
    export::Exporter,
    merkle::{Leaves, TreeHash, consistency_proof, inclusion_proof, leaf_hash, root},
    note::{SignatureKind, VerifierKey},
    proof::Receipt,
    witness::{AddCheckpoint, consider},
};

const LOG: &str = "tacit.log/0123456789abcdef";
const BANK: &str = "tacit.log/fedcba9876543210";

struct Signer(Ed25519KeyPair, &'static str);

impl Signer {
    fn new(name: &'static str, seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes"), name)
    }

    fn key(&self, kind: SignatureKind) -> VerifierKey {
        let public = self.0.public_key().as_ref().try_into().expect("32 bytes");
        VerifierKey::new(self.1, kind, public).expect("a good key")
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().expect("64 bytes")
    }
}

/// A log of `sizes.last()` records that was cosigned at each of the sizes, as two nodes do it.
fn write(folder: &Path, sizes: &[u64]) {
    let (log, bank) = (Signer::new(LOG, 1), Signer::new(BANK, 2));
    let witness = bank.key(SignatureKind::Cosignature);
    let keys = Keys {
        origin: LOG.to_owned(),
        log: vec![log.key(SignatureKind::Ed25519)],
        witnesses: vec![WitnessKey { who: "bank".to_owned(), key: witness.clone() }],
        handovers: Vec::new(),
    };
    let last = sizes.last().copied().unwrap_or_default();
    let records: Vec<String> = (1..=last)
        .map(|seq| {
            format!(
                r#"{{"seq":{seq},"time":"2026-11-22T08:24:45Z","kind":"config","query":null,"contract":null,"partner":"Bänk","what":"set","body":{{"n":{seq}}}}}"#
            )
        })
        .collect();
    let leaves: Vec<TreeHash> = records.iter().map(|record| leaf_hash(record.as_bytes())).collect();
    let requests = folder.with_extension("requests");
    fs::create_dir_all(&requests).expect("a folder");
    let mut known: Option<Checkpoint> = None;
    let mut heads = Vec::new();
    for (turn, size) in sizes.iter().enumerate() {
        let head = Checkpoint::new(LOG, *size, root(&leaves[..*size as usize]));
        let mut head = SignedCheckpoint::sign(head, &keys.log[0], |text| log.sign(text)).expect("signed");
        let old = known.as_ref().map_or(0, |known| known.size);
        let proof = consistency_proof(old, *size, &mut Leaves(&leaves)).expect("a proof");
        let request = AddCheckpoint::new(old, proof, &head);
        fs::write(requests.join(format!("{turn}")), request.to_string()).expect("written");
        let accepted = consider(&keys, known.as_ref(), &request).expect("consistent");
        known = Some(accepted.checkpoint().head().clone());
        let line = accepted.cosign(&witness, 1_700_000_000 + size, |text| bank.sign(text)).expect("cosigned");
        head.add_cosignature(line, &witness).expect("a good line");
        heads.push(head);
    }
    let head = heads.pop().expect("a head");
    let receipts: Vec<(String, Receipt)> = (0..last)
        .step_by((last as usize / 25).max(1))
        .map(|index| {
            // Under an older head where there is one that covers it.
            let under = heads.iter().find(|head| head.head().size > index).unwrap_or(&head);
            let size = under.head().size;
            let tree = &leaves[..size as usize];
            let proof = inclusion_proof(index, size, &mut Leaves(tree)).expect("a proof");
            (format!("r{index}"), Receipt::new(records[index as usize].as_bytes(), index, proof, under))
        })
        .collect();
    let mut exporter = Exporter::new(|path: &str, bytes: &[u8]| append(&folder.join(path), bytes));
    records.iter().for_each(|record| exporter.push(record.as_bytes()).expect("a record"));
    exporter.finish(&keys, &head, &heads, &receipts).expect("an export");
}

fn run(folder: &Path) -> (i32, String) {
    let python = env::var("TACIT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/independent/verify_log.py");
    let ran = Command::new(python)
        .arg(script)
        .arg(folder)
        .arg("--requests")
        .arg(folder.with_extension("requests"))
        .output();
    match ran {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
        }
        Err(fault) => (3, format!("skipped: Python cannot be run ({fault})")),
    }
}

#[test]
fn log_14_what_others_wrote_verifies_our_exports() {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("independent");
    let _ = fs::remove_dir_all(&place);
    for sizes in [&[1_u64][..], &[1, 2, 3, 7], &[255, 256, 257], &[100, 1000, 1001], &[3, 66_000]] {
        let folder = place.join(format!("{sizes:?}").replace([' ', '[', ']', ','], "_"));
        write(&folder, sizes);
        let (code, said) = run(&folder);
        println!("{sizes:?}: {said}");
        if code == 3 {
            println!("SKIPPED: the independent verifiers are not here; nothing was checked by them");
            return;
        }
        assert_eq!(code, 0, "{sizes:?}: {said}");
        // They must be able to say no: a record's bytes, a hash, a signature.
        for (file, at) in [("log.jsonl", 5), ("checkpoint", 40), ("tile/entries/000", 9), ("tile/0/000", 9)] {
            let path = [file.to_owned(), format!("{file}.p/{}", sizes[sizes.len() - 1])]
                .into_iter()
                .map(|path| folder.join(path))
                .find(|path| path.is_file())
                .expect("the file");
            let bytes = fs::read(&path).expect("read");
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).expect("written");
            let (code, said) = run(&folder);
            assert!(code == 1 || !said.contains("aics_tlog"), "{file} of {sizes:?} was altered: {said}");
            fs::write(&path, bytes).expect("written");
        }
    }
    let _ = fs::remove_dir_all(&place);
}

/// A log whose key was handed over in record 200: heads of 100, 250 and 300 records, the last one by `newest`.
fn write_handed_over(folder: &Path, newest: usize) {
    let signers = [1, 3].map(|seed| Signer::new("", seed));
    let public = |signer: &Signer| signer.0.public_key().as_ref().try_into().expect("32 bytes");
    let node = PartnerId::of_key(&public(&signers[0]));
    let name = origin(&node);
    let key = |at: usize| {
        VerifierKey::new(&name, SignatureKind::Ed25519, public(&signers[at])).expect("a good key")
    };
    let by = |at: usize| {
        let signer = &signers[at];
        move |text: &[u8]| signer.sign(text)
    };
    let handover = Handover::sign(node, 200, (&key(0), by(0)), (&key(1), by(1))).expect("signed");
    let line = Lineage::new(public(&signers[0]), vec![handover.clone()]).expect("a line");
    let keys = Keys::of(&line, Vec::new()).expect("keys");
    let record = |seq: u64| {
        let (kind, body) = match seq {
            1 => (Kind::Open, serde_json::json!({ "key": key(0) })),
            200 => (Kind::Key, serde_json::json!({ "handover": handover })),
            _ => (Kind::Config, serde_json::json!({ "n": seq })),
        };
        let (time, what) = ("2026-11-22T08:24:45Z".to_owned(), "set".to_owned());
        let entry = Entry { seq, time, kind, query: None, contract: None, partner: None, what, body };
        serde_json::to_vec(&entry).expect("JSON")
    };
    let records: Vec<Vec<u8>> = (1..=300).map(record).collect();
    let leaves: Vec<TreeHash> = records.iter().map(|record| leaf_hash(record)).collect();
    let head = |size: usize, at: usize| {
        let head = Checkpoint::new(&name, size as u64, root(&leaves[..size]));
        SignedCheckpoint::sign(head, &key(at), by(at)).expect("signed")
    };
    fs::create_dir_all(folder.with_extension("requests")).expect("a folder");
    let mut exporter = Exporter::new(|path: &str, bytes: &[u8]| append(&folder.join(path), bytes));
    records.iter().for_each(|record| exporter.push(record).expect("a record"));
    exporter.finish(&keys, &head(300, newest), &[head(100, 0), head(250, 1)], &[]).expect("an export");
}

fn append(at: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    at.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::OpenOptions::new().create(true).append(true).open(at)?.write_all(bytes)
}

#[test]
fn log_17_log_19_what_others_wrote_verifies_a_handover() {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("handed-over");
    let _ = fs::remove_dir_all(&place);
    for (newest, wanted) in [(1, 0), (0, 1)] {
        let folder = place.join(newest.to_string());
        write_handed_over(&folder, newest);
        let (code, said) = run(&folder);
        println!("{said}");
        if code == 3 || !said.contains("aics_tlog") && code == 0 {
            println!("SKIPPED: aics-tlog is not here");
            return;
        }
        assert_eq!(code, wanted, "{said}");
        // A hand-over whose text was changed, or that is left out, does not lead to the key.
        let path = folder.join("keys.json");
        let keys = fs::read_to_string(&path).expect("read");
        fs::write(&path, keys.replace("tacit.handover/1", "tacit.handover/2")).expect("written");
        assert_eq!(run(&folder).0, 1);
    }
    let _ = fs::remove_dir_all(&place);
}
