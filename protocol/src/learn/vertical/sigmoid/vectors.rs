//! The vectors in `protocol/vectors/learn-sigmoid.json`: seeds and shares in, every message and all shares out, of a slab
//! of each kind.
//!
//! To write them anew after a change of the protocol (which must come with a new version of it):
//! `TACIT_WRITE_VECTORS=1 cargo test -p tacit-protocol learn_sigmoid_vectors`.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::super::{
    half::{
        Scale,
        tests::{BATCH, Numbers, Ran, ends, seed, talk},
    },
    histogram::{self, Cells},
    sigmoid,
    wrap::{self, Cut},
};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    slabs: Vec<Slab>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Slab {
    what: String,
    /// The ids of the correlations in which the asker and the teller choose.
    ids: [String; 2],
    stage: u16,
    slab: u32,
    asker_brings: Vec<u64>,
    teller_brings: Vec<u64>,
    /// In turns, the asker's first.
    messages: Vec<String>,
    asker_share: Vec<u64>,
    teller_share: Vec<u64>,
}

fn slab(what: &str, shares: [Vec<u64>; 2], run: impl Fn(&[Vec<u64>; 2]) -> Ran) -> Slab {
    let ran = run(&shares);
    let [asker_brings, teller_brings] = shares;
    let hex = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Slab {
        what: what.to_owned(),
        ids: ["there", "back"].map(|way| format!("vectors, {way}")),
        stage: BATCH.stage,
        slab: BATCH.slab,
        asker_brings,
        teller_brings,
        messages: ran.messages.iter().map(hex).collect(),
        asker_share: ran.asker,
        teller_share: ran.teller,
    }
}

fn slabs() -> Vec<Slab> {
    let shares = |zs: &[f64]| {
        let fixed: Vec<i64> = zs.iter().map(|z| (z * (1u64 << 48) as f64) as i64).collect();
        Numbers::new(1).split(&fixed)
    };
    let scale = Scale { fraction: 48, reach: 5 };
    let cut = Cut { fraction: 48, reach: 3, keep: 10 };
    let cells = Cells::even(scale, -4.0, 4.0, 8, 2, 3).unwrap();
    vec![
        slab("sigmoid, fraction 48, reach 5", shares(&[-3.5, 0.0, 1.2]), |shares| {
            let [one, two] = ends("vectors");
            talk(
                sigmoid::Asker::start(&one, BATCH, scale, &shares[0], &seed(3)),
                sigmoid::Teller::start(&two, BATCH, scale, &shares[1], &seed(4)),
            )
        }),
        slab("cut, fraction 48, reach 3, keep 10", shares(&[-3.5, 0.0, 7.9]), |shares| {
            let [one, two] = ends("vectors");
            talk(
                wrap::Asker::start(&one, BATCH, cut, &shares[0], &seed(3)),
                wrap::Teller::start(&two, BATCH, cut, &shares[1], &seed(4)),
            )
        }),
        slab(
            "histogram, fraction 48, reach 5, 8 even bins from -4 to 4, asker's classes 0 and 1 of 2, teller's 2 and 0 of 3",
            shares(&[-1.5, 3.0]),
            |shares| {
                let [one, two] = ends("vectors");
                talk(
                    histogram::Asker::start(&one, BATCH, scale, &cells, &shares[0], &[0, 1]).unwrap(),
                    histogram::Teller::start(&two, BATCH, scale, &cells, &shares[1], &[2, 0], &seed(4))
                        .unwrap(),
                )
            },
        ),
    ]
}

#[test]
fn learn_sigmoid_vectors_replay() {
    let about = "Look-ups on split values, docs/protocols/learn-sigmoid.md. Messages in hex, shares as numbers. Both \
                 correlations come from keeper's seed 01…01 and chooser's seed 02…02 (ot.md) under their ids; the \
                 asker's seed of the slab is 03…03, the teller's 04…04.";
    let generated = Vectors { about: about.to_owned(), slabs: slabs() };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/learn-sigmoid.json");
    if std::env::var_os("TACIT_WRITE_VECTORS").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&generated).unwrap() + "\n").unwrap();
    }
    let recorded: Vectors = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(recorded, generated);
}
