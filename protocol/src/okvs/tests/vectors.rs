//! The vectors in `protocol/vectors/okvs.json`: for small shapes the rows of each key and the whole table.
//!
//! To write them anew after a change of the format (which must come with a new version of the join):
//! `TACIT_WRITE_VECTORS=1 cargo test -p tacit-protocol okvs_vectors`.

use std::{fs, path::Path};

use chacha20::ChaCha20Rng;
use serde::{Deserialize, Serialize};

use super::*;
use crate::okvs::rows::rows;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    sizes: Vec<Size>,
    cases: Vec<Case>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Size {
    keys: usize,
    lambda: u32,
    sparse: usize,
    dense: usize,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Case {
    name: String,
    sparse: usize,
    dense: usize,
    width: usize,
    /// Of the ChaCha20 generator.
    rng: String,
    entries: Vec<Entry>,
    table: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Entry {
    key: String,
    value: String,
    slots: [u16; 3],
    x: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn case(name: &str, number: u8, shape: Shape, width: usize) -> Case {
    let mut inputs = rng(number.into());
    let (keys, values) =
        (random_keys(shape.keys(), &mut inputs), random_words(shape.keys() * width, &mut inputs));
    let table = Table::encode(shape, &keys, values.clone(), width, &mut ChaCha20Rng::from_seed([number; 32]))
        .unwrap();
    let bytes = table.to_bytes();
    let rows = rows(bytes.first_chunk().unwrap(), shape.sparse(), &keys);
    let entries = keys.iter().zip(values.chunks(width)).zip(rows.slots.iter().zip(&rows.xs));
    let entries = entries.map(|((key, value), (slots, x))| Entry {
        key: hex(&key.to_le_bytes()),
        value: value.iter().map(|word| hex(&word.to_le_bytes())).collect(),
        slots: *slots,
        x: hex(&x.to_le_bytes()),
    });
    Case {
        name: name.to_owned(),
        sparse: shape.sparse(),
        dense: shape.dense(),
        width,
        rng: hex(&[number; 32]),
        entries: entries.collect(),
        table: hex(&bytes),
    }
}

fn generate() -> Vectors {
    let size = |(keys, lambda)| {
        let shape = Shape::new(keys, lambda).unwrap();
        Size { keys, lambda, sparse: shape.sparse(), dense: shape.dense() }
    };
    let about = "Oblivious key-value store, docs/protocols/okvs.md. Keys and values in hex, little-endian as on \
                 the wire; a table is its seed, the sparse slots, the dense slots. Shapes of the cases are smaller \
                 than any that is used.";
    Vectors {
        about: about.to_owned(),
        sizes: [(0, 40), (1_000, 40), (1 << 14, 40), (19_737, 48), (45_000, 52)].map(size).into(),
        cases: vec![
            case("five keys, room to spare", 1, Shape::of(5, 16, 2), 1),
            case("a value of three words", 2, Shape::of(4, 12, 3), 3),
            case("more keys than sparse slots", 3, Shape::of(6, 4, 5), 2),
        ],
    }
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/okvs.json")
}

#[test]
fn okvs_vectors_replay() {
    let generated = generate();
    if std::env::var_os("TACIT_WRITE_VECTORS").is_some() {
        fs::write(path(), serde_json::to_string_pretty(&generated).unwrap() + "\n").unwrap();
    }
    let recorded: Vectors = serde_json::from_str(&fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(recorded, generated);
}

/// The equation of each key, from the recorded rows and table alone.
#[test]
fn okvs_vectors_hold_by_themselves() {
    /// Bit by bit.
    fn times(a: u64, b: u64) -> u64 {
        let double = |x: u64| x << 1 ^ if x >> 63 == 1 { crate::okvs::field::MODULUS } else { 0 };
        (0..64).rev().fold(0, |product, bit| double(product) ^ if b >> bit & 1 == 1 { a } else { 0 })
    }
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let recorded: Vectors = serde_json::from_str(&fs::read_to_string(path()).unwrap()).unwrap();
    for case in recorded.cases {
        let table = unhex(&case.table);
        assert_eq!(table.len(), 16 + 8 * case.width * (case.sparse + case.dense));
        let slot = |slot: usize, at: usize| word(&table[16 + 8 * (slot * case.width + at)..][..8]);
        for entry in case.entries {
            let x = word(&unhex(&entry.x));
            for (at, value) in unhex(&entry.value).chunks(8).enumerate() {
                let mut sum = entry.slots.iter().fold(0, |sum, sparse| sum ^ slot((*sparse).into(), at));
                let mut power = x;
                for dense in 0..case.dense {
                    sum ^= times(power, slot(case.sparse + dense, at));
                    power = times(power, x);
                }
                assert_eq!(sum, word(value), "{}", case.name);
            }
        }
    }
}
