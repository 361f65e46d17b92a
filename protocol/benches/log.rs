//! The log's arithmetic, and the verification of a whole export: `cargo bench -p tacit-protocol --bench log`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::PathBuf,
};

use divan::{Bencher, black_box, counter::ItemsCount};
use ring::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use sha2::{Digest, Sha256};
use tacit_protocol::log::{
    Book,
    checkpoint::{Checkpoint, Keys, SignedCheckpoint, WitnessKey},
    export::Exporter,
    merkle::{Frontier, leaf_hash},
    note::{SignatureKind, VerifierKey},
    verify::{Audit, Folder, Parts, verify},
};

fn main() {
    divan::main();
}

const MILLION: u64 = 1_000_000;

/// Three records of about 330 bytes for each question.
fn record(seq: u64) -> Vec<u8> {
    let (day, rest) = (seq / 86_400 % 28 + 1, seq % 86_400);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let query = format!("{:064x}", (seq - 1) / 3);
    let reserve = seq - (seq - 1) % 3;
    let (kind, body) = match (seq - 1) % 3 {
        0 => ("reserve", format!(r#"{{"purpose":"reach","legal_basis":"consent","question":"{query}"}}"#)),
        1 => {
            ("spend", format!(r#"{{"reserve":{reserve},"partner_receipt":"{query}","padding":"{:020}"}}"#, 0))
        }
        _ => ("answer", format!(r#"{{"reserve":{reserve},"transcript":"{query}","own_size":1048576}}"#)),
    };
    format!(
        r#"{{"seq":{seq},"time":"2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}Z","kind":"{kind}","query":"{query}","contract":"{:064x}","partner":"bank","what":"asks","body":{body}}}"#,
        7
    )
    .into_bytes()
}

#[divan::bench]
fn leaf_of_330_bytes_by_sha2(bencher: Bencher<'_, '_>) {
    let record = record(1);
    bencher.bench(|| leaf_hash(black_box(&record)));
}

#[divan::bench]
fn leaf_of_330_bytes_by_ring(bencher: Bencher<'_, '_>) {
    let record = record(1);
    bencher.bench(|| {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&[0]);
        hash.update(black_box(&record));
        hash.finish()
    });
}

#[divan::bench]
fn node_by_sha2(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Sha256::digest(black_box([7; 65])));
}

#[divan::bench]
fn node_by_ring(bencher: Bencher<'_, '_>) {
    bencher.bench(|| digest::digest(&digest::SHA256, &black_box([7; 65])));
}

#[divan::bench(sample_count = 5)]
fn frontier_of_a_million(bencher: Bencher<'_, '_>) {
    let leaf = leaf_hash(b"record");
    bencher.counter(ItemsCount::new(MILLION)).bench(|| {
        let mut tree = Frontier::new();
        (0..MILLION).for_each(|_| tree.push(black_box(leaf)));
        tree.root()
    });
}

struct OnDisk(PathBuf);

impl Folder for OnDisk {
    fn open(&self, path: &str) -> io::Result<Option<Box<dyn Read + Send>>> {
        match File::open(self.0.join(path)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

fn export() -> (OnDisk, Keys) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("million");
    let (log, partner) = (pair(1), pair(2));
    let keys = Keys {
        origin: "tacit.log/0123456789abcdef".to_owned(),
        log: vec![key(&log, "tacit.log/0123456789abcdef", SignatureKind::Ed25519)],
        witnesses: vec![WitnessKey {
            who: "bank".to_owned(),
            key: key(&partner, "tacit.log/fedcba9876543210", SignatureKind::Cosignature),
        }],
        handovers: Vec::new(),
    };
    let _ = fs::remove_dir_all(&folder);
    let mut open: BTreeMap<String, File> = BTreeMap::new();
    let mut exporter = Exporter::new(|path: &str, bytes: &[u8]| {
        use io::Write;
        let stays = path.starts_with("log.");
        let at = folder.join(path);
        if stays && let Some(file) = open.get_mut(path) {
            return file.write_all(bytes);
        }
        at.parent().map_or(Ok(()), fs::create_dir_all)?;
        let mut file = File::create(at)?;
        file.write_all(bytes)?;
        if stays {
            open.insert(path.to_owned(), file);
        }
        Ok(())
    });
    let mut tree = Frontier::new();
    for seq in 1..=MILLION {
        let record = record(seq);
        tree.push(leaf_hash(&record));
        exporter.push(&record).expect("written");
    }
    let head = Checkpoint::new(&keys.origin, MILLION, tree.root());
    let head = SignedCheckpoint::sign(head, &keys.log[0], |text| sign(&log, text)).expect("signed");
    exporter.finish(&keys, &head, &[], &[]).expect("written");
    (OnDisk(folder), keys)
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("32 bytes")
}

fn sign(pair: &Ed25519KeyPair, text: &[u8]) -> [u8; 64] {
    pair.sign(text).as_ref().try_into().expect("64 bytes")
}

fn key(pair: &Ed25519KeyPair, name: &str, kind: SignatureKind) -> VerifierKey {
    VerifierKey::new(name, kind, pair.public_key().as_ref().try_into().expect("32 bytes")).expect("a key")
}

/// From the page cache: the export is written just before.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn verify_a_million(bencher: Bencher<'_, '_>) {
    let (folder, keys) = export();
    for (parts, least) in [(Parts::EXPORT, 7_000), (Parts::LEDGER, 3_000)] {
        let mut book = Book::default();
        let audit = Audit { keys: &keys, parts, known: &[] };
        let verdict = verify(&audit, &folder, &mut |entry| book.apply(entry)).expect("readable");
        assert_eq!(verdict.findings, []);
        assert!(verdict.records == MILLION && verdict.tiles > least);
    }
    bencher.counter(ItemsCount::new(MILLION)).bench_local(|| {
        let mut book = Book::default();
        let audit = Audit { keys: &keys, parts: Parts::EXPORT, known: &[] };
        verify(&audit, &folder, &mut |entry| book.apply(entry)).expect("readable").is_sound()
    });
    let _ = fs::remove_dir_all(&folder.0);
}
