use std::{collections::BTreeMap, io::Cursor, sync::Mutex};

use super::*;
use crate::log::{
    Book,
    checkpoint::SignedCheckpoint,
    export::{Exporter, KEYS, LOG, TABLE},
    merkle::{Leaves, inclusion_proof, root},
    signers::{Signer, keys, log, partner},
};

type Files = BTreeMap<String, Vec<u8>>;

fn record(seq: u64) -> Vec<u8> {
    let (hour, minute, second) = (seq / 3600 % 24, seq / 60 % 60, seq % 60);
    format!(
        r#"{{"seq":{seq},"time":"2026-11-22T{hour:02}:{minute:02}:{second:02}Z","kind":"config","query":null,"contract":null,"partner":"bank","what":"set","body":{{"n":{seq}}}}}"#
    )
    .into_bytes()
}

fn cosigned(size: usize, leaves: &[TreeHash]) -> SignedCheckpoint {
    let mut head = log().head(size as u64, root(&leaves[..size]));
    partner().cosign(&mut head, 1_700_000_000 + size as u64);
    head
}

/// An export with a head at every 100 records and a receipt for every 40th.
fn export(size: usize) -> Files {
    let records: Vec<Vec<u8>> = (1..=size as u64).map(record).collect();
    let leaves: Vec<TreeHash> = records.iter().map(|record| leaf_hash(record)).collect();
    let earlier: Vec<SignedCheckpoint> = (0..size).step_by(100).map(|size| cosigned(size, &leaves)).collect();
    let head = cosigned(size, &leaves);
    let receipts: Vec<(String, Receipt)> = (0..size)
        .step_by(40)
        .map(|index| {
            let proof = inclusion_proof(index as u64, size as u64, &mut Leaves(&leaves)).expect("a proof");
            (format!("r{index}"), Receipt::new(&records[index], index as u64, proof, &head))
        })
        .collect();
    let mut files = Files::new();
    let mut exporter = Exporter::new(|path: &str, bytes: &[u8]| {
        files.entry(path.to_owned()).or_default().extend_from_slice(bytes);
        Ok(())
    });
    for record in &records {
        exporter.push(record).expect("a record");
    }
    exporter.finish(&keys(), &head, &earlier, &receipts).expect("an export");
    files
}

fn check_with(files: &Files, parts: Parts, known: &[Checkpoint]) -> Verdict {
    let folder = |path: &str| -> io::Result<Option<Box<dyn Read + Send>>> {
        Ok(files.get(path).map(|bytes| Box::new(Cursor::new(bytes.clone())) as Box<dyn Read + Send>))
    };
    let mut book = Book::default();
    let audit = Audit { keys: &keys(), parts, known };
    verify(&audit, &folder, &mut |entry| book.apply(entry)).expect("it can be read")
}

fn check(files: &Files) -> Verdict {
    check_with(files, Parts::EXPORT, &[])
}

fn lines(files: &Files) -> Vec<Vec<u8>> {
    files[LOG].split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn log_14_an_export_verifies_from_itself_and_the_keys() {
    for size in [0, 1, 5, 255, 256, 257, 600, 4095, 4096, 4097] {
        let files = export(size);
        let verdict = check(&files);
        assert_eq!(verdict.findings, [], "{size}");
        assert_eq!((verdict.records, verdict.head.map(|head| head.size)), (size as u64, Some(size as u64)));
        assert_eq!(verdict.heads as usize, size.div_ceil(100) + usize::from(size > 0));
        assert_eq!(verdict.receipts as usize, size.div_ceil(40));
        assert_eq!(verdict.cosigned.len(), 1);
        assert_eq!(verdict.cosignatures as usize, 1 + size.div_ceil(100) + size.div_ceil(40));
        assert_eq!(serde_json::from_slice::<Keys>(&files[KEYS]).expect("keys"), keys());
        assert!(check_with(&files, Parts::LEDGER, &[]).is_sound());
    }
}

#[test]
fn d15_the_first_bad_record_is_named_after_any_single_change() {
    let files = export(600);
    let all = lines(&files);
    for at in [0, 1, 99, 255, 256, 300, 511, 512, 598, 599] {
        let meddled = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut meddled = all.clone();
            change(&mut meddled);
            meddled
        };
        let forged = |seq: u64| [record(seq), b"\n".to_vec()].concat();
        let mut cases = vec![
            ("altered", meddled(&|lines| lines[at] = forged(at as u64 + 7_000)), at),
            ("a letter altered", meddled(&|lines| lines[at][20] ^= 1), at),
            ("deleted", meddled(&|lines| drop(lines.remove(at))), at),
            ("inserted", meddled(&|lines| lines.insert(at, forged(at as u64 + 1000))), at),
            ("put in twice", meddled(&|lines| lines.insert(at, lines[at].clone())), at + 1),
            ("truncated", meddled(&|lines| lines.truncate(at)), at),
            ("a space more", meddled(&|lines| lines[at].insert(0, b' ')), at),
            ("not UTF-8", meddled(&|lines| lines[at][3] = 0xff), at),
            (
                "half a record",
                meddled(&|lines| {
                    lines[at].truncate(9);
                    lines[at].push(b'\n')
                }),
                at,
            ),
            (
                "cut in the middle",
                meddled(&|lines| {
                    lines.truncate(at + 1);
                    lines[at].truncate(9)
                }),
                at,
            ),
            ("10 MiB", meddled(&|lines| lines[at] = vec![b'a'; 10 << 20]), at),
        ];
        if at < 599 {
            cases.push(("exchanged", meddled(&|lines| lines.swap(at, at + 1)), at));
        }
        for (what, lines, bad) in cases {
            let mut changed = files.clone();
            changed.insert(LOG.to_owned(), lines.concat());
            let verdict = check(&changed);
            assert_eq!(verdict.first_bad(), Some(bad as u64 + 1), "{what} at {at}: {:?}", verdict.findings);
            assert!(verdict.findings.iter().all(|finding| finding.file == LOG), "{:?}", verdict.findings);
        }
    }
}

#[test]
fn d15_without_tiles_the_heads_bracket_the_bad_record() {
    let bare = Parts { tiles: false, bundles: false, table: false, manifest: true };
    let mut files = export(600);
    let at = 350 * record(1).len();
    // A number in the body: nothing but the hash knows.
    let place = files[LOG][at..].iter().position(|byte| *byte == b'\n').expect("a line") + at - 3;
    files.get_mut(LOG).expect("a log")[place] ^= 1;
    let verdict = check_with(&files, bare, &[]);
    assert!(!verdict.is_sound());
    assert!(
        verdict.findings.iter().any(|finding| finding.fault == Fault::RootDiffers { after: 300 }),
        "{:?}",
        verdict.findings
    );
}

#[test]
fn d03_a_flip_at_every_byte_of_every_file_is_noticed() {
    let files = export(5);
    let whole = check(&files);
    for (file, bytes) in files.iter().filter(|(file, _)| *file != KEYS) {
        let mut row = 1;
        for (at, byte) in bytes.iter().enumerate() {
            for bit in [0, 3, at % 8] {
                let mut changed = files.clone();
                changed.get_mut(file).expect("a file")[at] ^= 1 << bit;
                let verdict = check(&changed);
                // An unknown witness's line is none of ours: then a known one is missing.
                let noticed = !verdict.is_sound() || verdict.cosignatures < whole.cosignatures;
                assert!(noticed, "{file} byte {at} bit {bit}");
                if file == LOG {
                    assert_eq!(verdict.first_bad(), Some(row), "byte {at} bit {bit}: {:?}", verdict.findings);
                } else if file.starts_with("tile/") || file.starts_with("checkpoint") {
                    assert_eq!(verdict.first_bad(), None, "{file}: no record is to blame");
                    assert!(verdict.findings.iter().all(|f| f.file == *file), "{:?}", verdict.findings);
                }
            }
            if file == LOG && *byte == b'\n' {
                row += 1;
            }
        }
    }
}

#[test]
fn a_damaged_or_missing_file_is_named_and_no_record_is_blamed_for_it() {
    let files = export(600);
    for file in files.keys().filter(|file| *file != KEYS) {
        let mut gone = files.clone();
        gone.remove(file);
        let verdict = check(&gone);
        assert!(
            verdict.findings.iter().any(|found| found.file == *file && found.fault == Fault::Missing)
                || file == LOG,
            "{file}: {:?}",
            verdict.findings
        );
        for damage in [0, 9] {
            let mut damaged = files.clone();
            let bytes = damaged.get_mut(file).expect("a file");
            let at = bytes.len() / 2 + damage;
            bytes[at] ^= 2;
            let verdict = check(&damaged);
            assert!(!verdict.is_sound(), "{file}");
            assert!(
                verdict.findings.iter().all(|found| found.file == *file),
                "{file}: {:?}",
                verdict.findings
            );
        }
        let mut longer = files.clone();
        longer.get_mut(file).expect("a file").push(b'\n');
        let verdict = check(&longer);
        assert!(verdict.findings.iter().any(|found| found.file == *file), "{file}: {:?}", verdict.findings);
    }
}

#[test]
fn d16_a_head_over_another_history_is_found() {
    let files = export(300);
    let other = Checkpoint::new(log().name, 250, leaf_hash(b"another history"));
    let verdict = check_with(&files, Parts::EXPORT, &[other]);
    assert_eq!(verdict.findings.len(), 1);
    assert_eq!(verdict.findings[0].fault, Fault::Forked);
}

#[test]
fn d11_an_older_copy_is_found_by_whoever_holds_a_larger_head() {
    let later = Checkpoint::new(log().name, 301, leaf_hash(b"later"));
    let verdict = check_with(&export(300), Parts::LEDGER, &[later]);
    assert_eq!(verdict.findings[0].fault, Fault::OlderCopy { size: 301 });
}

#[test]
fn log_15_a_head_by_another_key_is_none_and_its_records_are_still_held_together() {
    let mut files = export(300);
    let leaves: Vec<TreeHash> = (1..=300).map(|seq| leaf_hash(&record(seq))).collect();
    let forged = Signer::new(log().name, 9).head(300, root(&leaves));
    files.insert(CHECKPOINT.to_owned(), forged.note().to_string().into_bytes());
    let verdict = check(&files);
    assert_eq!(verdict.head, None);
    assert!(matches!(verdict.findings[0].fault, Fault::Checkpoint(_)));
    let mut changed = files[LOG].clone();
    changed[30] ^= 1;
    files.insert(LOG.to_owned(), changed);
    assert_eq!(check(&files).first_bad(), Some(1));
}

#[test]
fn log_16_what_the_book_refuses_is_a_finding_at_that_record() {
    let files = export(300);
    let folder = |path: &str| -> io::Result<Option<Box<dyn Read + Send>>> {
        Ok(files.get(path).map(|bytes| Box::new(Cursor::new(bytes.clone())) as Box<dyn Read + Send>))
    };
    let seen = Mutex::new(Vec::new());
    let audit = Audit { keys: &keys(), parts: Parts::EXPORT, known: &[] };
    let verdict = verify(&audit, &folder, &mut |entry| {
        seen.lock().expect("one thread").push(entry.seq);
        if entry.seq == 280 { Err(BookFault::TimeWentBack) } else { Ok(()) }
    })
    .expect("it can be read");
    assert_eq!(verdict.first_bad(), Some(280));
    assert_eq!(verdict.findings[0].fault, Fault::Book(BookFault::TimeWentBack));
    assert_eq!(
        *seen.lock().expect("one thread"),
        (1..=280).collect::<Vec<u64>>(),
        "in order, and no further"
    );
}

#[test]
fn a_manifest_names_no_file_outside_the_folder() {
    let mut files = export(5);
    for name in ["../../secret", "a/b", "", "A", "a.b"] {
        let text = String::from_utf8(export(5)[MANIFEST].clone()).expect("text");
        let text = text.replace(r#"["r0"]"#, &format!(r#"["{name}"]"#));
        files.insert(MANIFEST.to_owned(), text.into_bytes());
        assert_eq!(check(&files).findings[0].fault, Fault::Manifest, "{name}");
    }
}

#[test]
fn an_export_is_not_written_under_a_head_that_does_not_cover_it() {
    let mut written = 0;
    let mut exporter = Exporter::new(|_: &str, _: &[u8]| {
        written += 1;
        Ok(())
    });
    exporter.push(&record(1)).expect("a record");
    for bad in [&b"{}"[..], b"", b"a\nb", &[b'a'; 65_536]] {
        assert!(exporter.push(bad).is_err());
    }
    let head = log().head(1, leaf_hash(b"another"));
    assert!(exporter.finish(&keys(), &head, &[], &[]).is_err());
    assert_eq!(written, 0);
    assert!(export(5).contains_key(TABLE));
}
