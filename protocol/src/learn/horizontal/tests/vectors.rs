//! The vectors in `protocol/vectors/learn-horizontal.json`: secrets and numbers in, every message and the sum out.

use std::{fmt::Write, path::Path};

use serde_json::{Value, json};

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn file() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/learn-horizontal.json")
}

/// One round of four of whom the last never comes, with noise.
fn made() -> Value {
    let secrets: Vec<[u8; 32]> = (1..=4).map(|seat| [seat; 32]).collect();
    let keys: Vec<JobKey> = secrets.iter().map(|secret| JobKey::new(Secret::new(*secret))).collect();
    let rules = Rules::new(4, 3, 1, 1, true).unwrap();
    let roster = Roster::new(JOB, CONTRACT, rules, seats(&keys), verified).unwrap();
    let noise = Some(PartNoise { nano_rho: 20_000_000, sensitivity: 4 });
    let parts = vec![Part { entries: 2, bound: 100, noise }, Part { entries: 1, bound: 5, noise: None }];
    let shape = Shape::new(parts, 4, rules.honest()).unwrap();
    let round = Round { number: 3, attempt: 1, history: [0x33; 32] };
    let exact = [[10i64, -20, 1], [100, -100, 2], [7, 7, 3], [0, 0, 0]];
    let noisy: Vec<Contribution> = exact
        .iter()
        .zip(&secrets)
        .map(|(exact, seed)| Contribution::new(&shape, exact.to_vec(), &Secret::new(*seed), &JOB, 3).unwrap())
        .collect();
    let trainers = (0..4)
        .map(|seat| {
            let start =
                Trainer::start(&roster, seat, &keys[seat], round, &shape, &noisy[seat], &Promises::default());
            (seat < 3).then(|| start.unwrap())
        })
        .collect();
    let coordinator = Coordinator::start(&roster, round, &shape).unwrap();
    let ended = star(trainers, coordinator, &shape, through);
    let sum = ended.coordinator.unwrap();
    json!({
        "about": "Masked sums, docs/protocols/learn-horizontal.md. Four seats, of which the last never comes; a seat's noise seed is its secret. Ids, secrets and messages in hex.",
        "job": hex(&JOB),
        "contract": hex(CONTRACT.as_bytes()),
        "partners": (0..4).map(|seat| hex(partner(seat).as_bytes())).collect::<Vec<_>>(),
        "secrets": secrets.iter().map(|secret| hex(secret)).collect::<Vec<_>>(),
        "keys": keys.iter().map(|key| hex(&key.public())).collect::<Vec<_>>(),
        "rules": { "trainers": 4, "cohort": 3, "dropouts": 1, "colluders": 1, "noisy": true },
        "roster": hex(roster.hash()),
        "parts": [
            { "entries": 2, "bound": 100, "nano_rho": 20_000_000, "sensitivity": 4 },
            { "entries": 1, "bound": 5 },
        ],
        "round": { "number": 3, "attempt": 1, "history": hex(&round.history) },
        "context": hex(&round.context(&roster, &shape)),
        "exact": exact,
        "noisy": noisy.iter().map(|own| own.entries.clone()).collect::<Vec<_>>(),
        "said": ended.said.iter().map(|said| json!({
            "seat": said.seat,
            "to": if said.up { "coordinator" } else { "trainer" },
            "kind": said.kind,
            "bytes": hex(&said.bytes),
        })).collect::<Vec<_>>(),
        "survivors": sum.survivors.bits(),
        "sum": sum.entries,
        "history": hex(&sum.history),
    })
}

#[test]
fn learn_horizontal_vectors_replay() {
    let made = made();
    if std::env::var_os("TACIT_WRITE_VECTORS").is_some() {
        std::fs::write(file(), format!("{made:#}\n")).unwrap();
    }
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(file()).unwrap()).unwrap();
    assert_eq!(stored, made);
}
