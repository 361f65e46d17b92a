//! The vectors in `protocol/vectors/psi.json`: seeds and sets in, every message and the result out.
//!
//! To write them anew after a change of the protocol (which must come with a new version of it):
//! `TACIT_WRITE_VECTORS=1 cargo test -p tacit-protocol psi_vectors`.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    testing::{Ended, Said},
    wire::Role as End,
};

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Vectors {
    about: String,
    cases: Vec<Case>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Case {
    name: String,
    session: SessionId,
    contract: ContractId,
    chunk_items: u32,
    receiver: Party,
    sender: Party,
    messages: Vec<Spoken>,
    matched: Vec<bool>,
    receiver_sees: u32,
    sender_sees: u32,
    transcript: String,
}

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Party {
    seed: String,
    dummies: u32,
    items: Vec<String>,
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

fn unhex(text: &str) -> [u8; 32] {
    *text.parse::<SessionId>().unwrap().as_bytes()
}

impl Case {
    /// Runs a case from its inputs.
    fn run(name: &str, session: u8, chunk_items: u32, receiver: Party, sender: Party) -> Self {
        let (session, contract) = (SessionId::new([session; 32]), ContractId::new([0xc0; 32]));
        let params = Params::new(session, contract, 1000, 1000).with_chunk_items(chunk_items).unwrap();
        let items = |party: &Party| party.items.iter().map(|item| unhex(item)).collect::<Vec<_>>();
        let seed = |party: &Party| Secret::new(unhex(&party.seed));
        let ours =
            Receiver::start(params.clone(), items(&receiver), receiver.dummies, seed(&receiver)).unwrap();
        let theirs = Sender::start(params.clone(), items(&sender), sender.dummies, seed(&sender)).unwrap();
        let Ended { initiator, responder, said } = Pair::new(ours, theirs, params.limits()).run();
        let overlap = initiator.unwrap();
        let spoken = |Said { by, kind, bytes }: &Said| Spoken {
            by: if *by == End::Initiator { "receiver" } else { "sender" }.to_owned(),
            kind: (*kind).to_owned(),
            bytes: hex(bytes),
        };
        Self {
            name: name.to_owned(),
            session,
            contract,
            chunk_items,
            messages: said.iter().map(spoken).collect(),
            receiver,
            sender,
            matched: overlap.matched,
            receiver_sees: overlap.peer_count,
            sender_sees: responder.unwrap().peer_count,
            transcript: hex(&overlap.transcript),
        }
    }
}

fn party(seed: u8, dummies: u32, numbers: impl IntoIterator<Item = u32>) -> Party {
    let items = items(numbers).iter().map(|item| hex(item)).collect();
    Party { seed: hex(&[seed; 32]), dummies, items }
}

fn generate() -> Vectors {
    let cases = vec![
        Case::run("one item each, equal", 1, 4, party(1, 0, [7]), party(2, 0, [7])),
        Case::run("one item each, different", 2, 4, party(3, 0, [7]), party(4, 0, [8])),
        Case::run("both empty", 3, 4, party(5, 0, []), party(6, 0, [])),
        Case::run("several chunks, half shared", 4, 4, party(7, 0, 0..10), party(8, 0, 5..16)),
        Case::run("repeats and dummies", 5, 3, party(9, 3, [1, 2, 1, 5, 5]), party(10, 2, [5, 5, 2, 9, 30])),
    ];
    let about = "Private set intersection, docs/protocols/psi.md. Items, seeds, ids and messages in hex; \
                 messages in the order in which a pair that takes turns says them, without envelopes.";
    Vectors { about: about.to_owned(), cases }
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/psi.json")
}

#[test]
fn psi_vectors_replay() {
    let generated = generate();
    if std::env::var_os("TACIT_WRITE_VECTORS").is_some() {
        fs::create_dir_all(path().parent().unwrap()).unwrap();
        fs::write(path(), serde_json::to_string_pretty(&generated).unwrap() + "\n").unwrap();
    }
    let recorded: Vectors = serde_json::from_str(&fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(recorded, generated);
}

/// Each recorded message is handed to the session that should hear it, and every one that it answers with is
/// the recorded one: so the vectors hold for any driver that keeps their order.
#[test]
fn psi_vectors_drive_each_end_alone() {
    let recorded: Vectors = serde_json::from_str(&fs::read_to_string(path()).unwrap()).unwrap();
    for case in recorded.cases {
        let params = Params::new(case.session, case.contract, 1000, 1000).with_chunk_items(case.chunk_items);
        let params = params.unwrap();
        let items = |party: &Party| party.items.iter().map(|item| unhex(item)).collect::<Vec<_>>();
        let seed = Secret::new(unhex(&case.receiver.seed));
        let mut session = Some(
            Receiver::start(params.clone(), items(&case.receiver), case.receiver.dummies, seed).unwrap(),
        );
        let mut own = case.messages.iter().filter(|spoken| spoken.by == "receiver");
        let mut expect = |message: &Message| assert_eq!(hex(&message.encode()), own.next().unwrap().bytes);
        for spoken in case.messages.iter().filter(|spoken| spoken.by == "sender") {
            let (state, said) = produced(session.take().unwrap());
            said.iter().for_each(&mut expect);
            let bytes: Vec<u8> = (0..spoken.bytes.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&spoken.bytes[at..at + 2], 16).unwrap())
                .collect();
            match state.handle(Message::decode(&bytes, &params.limits()).unwrap()).unwrap() {
                Step::Wait { state, send } => {
                    send.iter().for_each(&mut expect);
                    session = Some(state);
                }
                Step::Done { output, .. } => assert_eq!(output.matched, case.matched, "{}", case.name),
            }
        }
        assert!(session.is_none() && own.next().is_none(), "{}", case.name);
    }
}
