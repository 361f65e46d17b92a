//! The vectors in `protocol/vectors/ot.json`: seeds, choices and tables in, every message and result out.
//!
//! To write them anew after a change of the protocol (which must come with a new version of it):
//! `TACIT_WRITE_VECTORS=1 cargo test -p tacit-protocol ot_vectors`.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::*;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    transfers: Transfers,
    rows: Rows,
}

/// One group: the setup in full, look-ups and correlated transfers.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Transfers {
    sid: String,
    keeper_seed: String,
    chooser_seed: String,
    keeper_says: String,
    chooser_says: String,
    lookups: Vec<Lookups>,
    correlated: Vec<Correlated>,
    conjunctions: Vec<Conjunction>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Lookups {
    stage: u16,
    slab: u32,
    bits: u32,
    nibbles: Vec<u8>,
    tables: Vec<[u16; 16]>,
    chooser_says: String,
    sender_says: String,
    entries: Vec<u16>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Correlated {
    stage: u16,
    slab: u32,
    width: usize,
    bits: Vec<u8>,
    words: Vec<u64>,
    chooser_says: String,
    sender_says: String,
    chooser_shares: Vec<u64>,
    sender_shares: Vec<u64>,
}

/// Bit ∧ word (OT-13).
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Conjunction {
    stage: u16,
    slab: u32,
    bits: Vec<u8>,
    words: Vec<u64>,
    chooser_says: String,
    sender_says: String,
    chooser_shares: Vec<u64>,
    sender_shares: Vec<u64>,
}

/// Two groups: rows, the setup's messages by their hashes.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Rows {
    sid: String,
    keeper_seed: String,
    chooser_seed: String,
    keeper_says_sha256: String,
    chooser_says_sha256: String,
    stage: u16,
    slab: u32,
    codes: Vec<String>,
    chooser_says: String,
    chooser_rows: Vec<String>,
    keeper_rows: Vec<String>,
    long: Long,
}

/// Rows of several pieces: what is said, by its hash, and the last row.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Long {
    stage: u16,
    slab: u32,
    count: usize,
    code: String,
    chooser_says_sha256: String,
    last_chooser_row: String,
    last_keeper_row: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn row(row: &[u128]) -> String {
    hex(&row.iter().flat_map(|group| group.to_le_bytes()).collect::<Vec<_>>())
}

fn transfers() -> Transfers {
    let (sid, keeper_seed, chooser_seed) = (b"ot vectors 1", [1; 32], [2; 32]);
    let (setup, first) = KeeperSetup::<1>::start(sid, &Secret::new(keeper_seed));
    let (chooser, second) = ChooserSetup::<1>::respond(sid, &Secret::new(chooser_seed), &first).unwrap();
    let pair: Pair = (Arc::new(chooser), Arc::new(setup.finish(&second).unwrap()));
    let lookups = [(1, 7, 1, 5), (2, 0xffff_ffff, 11, 3)].map(|(stage, slab, bits, count)| {
        let nibbles = draws(count, |draw| draw as u8 & 15);
        let tables = draws(count, |draw| {
            std::array::from_fn(|k| (draw >> (4 * k)) as u16 & (u16::MAX >> (16 - bits)))
        });
        let (asked, answer, entries) = look_up(&pair, Batch { stage, slab }, bits, &tables, &nibbles);
        let (chooser_says, sender_says) = (hex(&asked), hex(&answer));
        Lookups { stage, slab, bits, nibbles, tables, chooser_says, sender_says, entries }
    });
    let correlated = [(1, 7, 1, 4), (0xffff, 0, 3, 2)].map(|(stage, slab, width, count)| {
        let bits = draws(count, |draw| (draw >> 5) as u8 & 1);
        let words = draws(width * count, |draw| draw as u64);
        let (asked, answer, ours, theirs) = correlate(&pair, Batch { stage, slab }, width, &words, &bits);
        Correlated {
            stage,
            slab,
            width,
            bits,
            words,
            chooser_says: hex(&asked),
            sender_says: hex(&answer),
            chooser_shares: theirs,
            sender_shares: ours,
        }
    });
    let conjunctions = [(8, 7, 5), (0xffff, 1, 2)].map(|(stage, slab, count)| {
        let bits = draws(count, |draw| (draw >> 5) as u8 & 1);
        let words = draws(count, |draw| draw as u64);
        let (asked, answer, ours, theirs) =
            super::conjunction::conjunction(&pair, Batch { stage, slab }, &words, &bits);
        let (chooser_says, sender_says) = (hex(&asked), hex(&answer));
        Conjunction {
            stage,
            slab,
            bits,
            words,
            chooser_says,
            sender_says,
            chooser_shares: theirs,
            sender_shares: ours,
        }
    });
    Transfers {
        sid: hex(sid),
        keeper_seed: hex(&keeper_seed),
        chooser_seed: hex(&chooser_seed),
        keeper_says: hex(&first),
        chooser_says: hex(&second),
        lookups: lookups.into(),
        correlated: correlated.into(),
        conjunctions: conjunctions.into(),
    }
}

fn rows() -> Rows {
    let (sid, keeper_seed, chooser_seed) = (b"ot vectors 2", [3; 32], [4; 32]);
    let (setup, first) = KeeperSetup::<2>::start(sid, &Secret::new(keeper_seed));
    let (chooser, second) = ChooserSetup::<2>::respond(sid, &Secret::new(chooser_seed), &first).unwrap();
    let keeper = setup.finish(&second).unwrap();
    let codes: Vec<[u128; 2]> = (0..5).map(|at| [draw(2 * at), draw(2 * at + 1)]).collect();
    let (batch, other) = (Batch { stage: 5, slab: 6 }, Batch { stage: 5, slab: 7 });
    let (message, v) = chooser.encode(batch, &codes);
    let q = keeper.rows(batch, codes.len(), &message).unwrap();
    let (count, code) = (1100, [draw(0), draw(1)]);
    let (long, long_v) = chooser.encode(other, &vec![code; count]);
    let long_q = keeper.rows(other, count, &long).unwrap();
    Rows {
        sid: hex(sid),
        keeper_seed: hex(&keeper_seed),
        chooser_seed: hex(&chooser_seed),
        keeper_says_sha256: hex(&Sha256::digest(&first)),
        chooser_says_sha256: hex(&Sha256::digest(&second)),
        stage: batch.stage,
        slab: batch.slab,
        codes: codes.iter().map(|code| row(code)).collect(),
        chooser_says: hex(&message),
        chooser_rows: v.iter().map(|v| row(v)).collect(),
        keeper_rows: q.iter().map(|q| row(q)).collect(),
        long: Long {
            stage: other.stage,
            slab: other.slab,
            count,
            code: row(&code),
            chooser_says_sha256: hex(&Sha256::digest(&long)),
            last_chooser_row: row(&long_v[count - 1]),
            last_keeper_row: row(&long_q[count - 1]),
        },
    }
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/ot.json")
}

#[test]
fn ot_vectors_replay() {
    let about = "Oblivious transfer, docs/protocols/ot.md. Ids, seeds, messages and rows in hex, a row as the \
                 little-endian bytes of its groups; tables, entries, words and shares as numbers.";
    let generated = Vectors { about: about.to_owned(), transfers: transfers(), rows: rows() };
    if std::env::var_os("TACIT_WRITE_VECTORS").is_some() {
        fs::write(path(), serde_json::to_string_pretty(&generated).unwrap() + "\n").unwrap();
    }
    let recorded: Vectors = serde_json::from_str(&fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(recorded, generated);
}
