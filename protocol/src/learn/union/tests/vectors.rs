//! The vectors in `protocol/vectors/learn-union.json`: seeds and sets in, every message and both results out.
//!
//! To write them anew after a change of the protocol (which must come with a new version of it):
//! `TACIT_WRITE_VECTORS=1 cargo test -p tacit-protocol union_vectors`.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    cases: Vec<Case>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Case {
    name: String,
    session: String,
    contract: String,
    pool: u32,
    chunk_items: u32,
    asker: Party,
    answerer: Party,
    messages: Vec<Spoken>,
    transcript: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Party {
    seed: String,
    alone: u32,
    shared: u32,
    items: Vec<Option<String>>,
    /// Out.
    places: Vec<Option<u32>>,
    about: i64,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Spoken {
    by: String,
    kind: String,
    bytes: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn case(name: &str, pool: u32, sets: [Items; 2], shared: [u32; 2]) -> Case {
    let (session, contract) = ([5; 32], [0xc0; 32]);
    let params = Params::new(SessionId::new(session), ContractId::new(contract), 99, 99, pool, 0);
    let params = params.with_chunk_items(4).unwrap();
    let padding = shared.map(|shared| Padding { alone: 1, shared });
    let [asker, answerer] = [(Role::Asker, 0), (Role::Answerer, 1)]
        .map(|(role, at)| end(&params, role, &sets[at], padding[at], 0x11 * (at as u8 + 1)));
    let Ended { initiator, responder, said } = Pair::new(asker, answerer, params.limits()).run();
    let united = [initiator.unwrap(), responder.unwrap()];
    assert_eq!(united[0].transcript, united[1].transcript);
    let party = |at: usize| Party {
        seed: hex(&[0x11 * (at as u8 + 1); 32]),
        alone: padding[at].alone,
        shared: padding[at].shared,
        items: sets[at].iter().map(|item| item.as_ref().map(|item| hex(item))).collect(),
        places: united[at].places.clone(),
        about: united[at].about,
    };
    let spoken = |said: &Said| Spoken {
        by: if said.by == End::Initiator { "asker" } else { "answerer" }.into(),
        kind: said.kind.into(),
        bytes: hex(&said.bytes),
    };
    Case {
        name: name.into(),
        session: hex(&session),
        contract: hex(&contract),
        pool,
        chunk_items: 4,
        asker: party(0),
        answerer: party(1),
        messages: said.iter().map(spoken).collect(),
        transcript: hex(&united[0].transcript),
    }
}

#[test]
fn union_vectors() {
    let made = Vectors {
        about: "Union, docs/protocols/learn-union.md. Items, seeds, ids and messages in hex; messages in the order in \
                which a pair that takes turns says them, without envelopes."
            .into(),
        cases: vec![
            case("nobody", 0, [Vec::new(), Vec::new()], [0, 0]),
            case("one each, the same", 0, [items([7]), items([7])], [0, 0]),
            case("several, with a pool", 2, [items([1, 2, 3, 2]), [items([3, 4]), vec![None]].concat()], [1, 2]),
        ],
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/learn-union.json");
    if std::env::var_os("TACIT_WRITE_VECTORS").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let kept: Vectors = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(kept, made);
}
