//! What verifying a large log takes, as a whole command.

use std::{
    fs,
    process::Child,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tacit_node::{
    audit::export::{Package, write},
    config::Identity,
    ledger::Noise,
    policy::ceiling,
};
use tacit_protocol::{
    ids::{ContractId, PartnerId, QueryId},
    log::{
        Account, Amount, Book, Entry, Kind,
        book::Wish,
        checkpoint::{Checkpoint, Keys, SignedCheckpoint, origin},
        merkle::{Frontier, leaf_hash},
        note::{SignatureKind, VerifierKey},
    },
};
use tacit_tests::{World, finish, rogue::identity_in};

use crate::TACIT;

/// A million records by the rules of the book, a third of them questions at a price; what the whole command takes to
/// verify an export of them, with receipts and without. QUESTIONS asks for fewer. To be run by hand, with the program built as it
/// is for production: `cargo test --release -p tacit-tests --test nodes -- --ignored million --nocapture`.
#[test]
#[ignore = "a measurement, with gigabytes of files"]
fn a_million_records_are_verified_by_the_whole_command() {
    let questions = std::env::var("QUESTIONS").map_or(333_333, |number| number.parse().unwrap());
    for answered in [false, true] {
        let world = World::new(TACIT);
        world.init("bank");
        let signer = identity_in(&world.path("bank"));
        let lines = records(questions, &signer, answered);
        let head = signed(&lines, &signer);
        let keys = Keys {
            origin: origin(&signer.id()),
            log: vec![own_key(&signer)],
            witnesses: Vec::new(),
            handovers: Vec::new(),
        };
        let (contracts, witnessed, earlier) = (&[], &[], &[]);
        let package = Package { lines: &lines, head: &head, earlier, keys: &keys, contracts, witnessed };
        write(&world.path("export"), &package).unwrap();
        let verifying = world.start("bank", &["audit", "verify", &world.path("export").to_string_lossy()]);
        measure(&format!("{} records, receipts: {answered}", lines.len()), verifying);
    }
}

/// Runs a command to its end, and says what it took.
fn measure(what: &str, verifying: Child) {
    let (began, process) = (Instant::now(), format!("/proc/{}", verifying.id()));
    let (mut ticks, mut peak) = (0, String::new());
    let waiting = std::thread::spawn(move || finish(verifying));
    while !waiting.is_finished() {
        let read = |name: &str| fs::read_to_string(format!("{process}/{name}")).unwrap_or_default();
        let stat = read("stat");
        let fields: Vec<u64> =
            stat.split_whitespace().skip(13).take(2).filter_map(|f| f.parse().ok()).collect();
        ticks = fields.iter().sum::<u64>().max(ticks);
        if let Some(line) = read("status").lines().find(|line| line.starts_with("VmHWM")) {
            peak = line.to_owned();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let took = began.elapsed().as_secs_f64();
    let ran = waiting.join().unwrap().ok();
    println!("{what}: {took:.2} s, {:.2} s of processor time, {peak}\n{}", ticks as f64 / 100.0, ran.out);
}

fn own_key(signer: &Identity) -> VerifierKey {
    VerifierKey::new(&origin(&signer.id()), SignatureKind::Ed25519, signer.signing_key()).unwrap()
}

fn signed(lines: &[Vec<u8>], signer: &Identity) -> SignedCheckpoint {
    let mut tree = Frontier::new();
    lines.iter().for_each(|line| tree.push(leaf_hash(line)));
    let head = Checkpoint::new(&origin(&signer.id()), tree.size(), tree.root());
    SignedCheckpoint::sign(head, &own_key(signer), |text| signer.sign(text)).unwrap()
}

/// A log in which this node was asked so many questions.
fn records(questions: u64, signer: &Identity, answered: bool) -> Vec<Vec<u8>> {
    let account = |asker: u64| Account {
        owner: signer.id(),
        population: "customers".to_owned(),
        unit: "customer".to_owned(),
        asker: PartnerId::new([u8::try_from(asker).unwrap(); 32]),
    };
    let amount = |nano_rho, atto_delta| Amount { nano_rho, atto_delta };
    let share = ceiling(1_000_000, 1_000_000_000).nano_rho / 2;
    let noise = [
        Noise::gaussian("customers", None, "1".to_owned(), 1, share).unwrap(),
        Noise::gaussian("sum", Some("balance"), "0.01".to_owned(), 5_000_000, share).unwrap(),
    ];
    let (mut book, mut lines) = (Book::default(), Vec::new());
    let mut push = |book: &mut Book, kind: Kind, query: Option<u64>, what: &str, body: Value| {
        let seq = book.size() + 1;
        let id = |number: u64| {
            let mut id = [7; 32];
            id[..8].copy_from_slice(&number.to_le_bytes());
            QueryId::new(id)
        };
        let time = jiff::Timestamp::from_second(1_796_083_200 + seq as i64).unwrap().to_string();
        let contract = query.map(|_| ContractId::new([3; 32]));
        let (query, partner, what) = (query.map(id), Some("brand".to_owned()), what.to_owned());
        let entry = Entry { seq, time, kind, query, contract, partner, what, body };
        book.apply(&entry).unwrap();
        lines.push(serde_json::to_vec(&entry).unwrap());
        seq
    };
    push(&mut book, Kind::Open, None, "begun", json!({ "node": signer.id() }));
    for number in 0..questions {
        let limit = amount(u64::MAX / 2, u64::MAX / 2);
        let wish = Wish {
            account: account(number % 8),
            price: amount(2 * share, 2),
            limit,
            cycle: None,
            ceiling: None,
        };
        let charge = book.room(ContractId::new([3; 32]), &wish, 0).unwrap();
        let body = json!({
            "purpose": "joint-planning", "legal_basis": "consent", "question": "5".repeat(64), "withdrawals": 3,
            "price": { "epsilon": "1", "delta": "0.000001", "nano_rho": 2 * share, "figures": 2 },
            "noise": noise, "charge": charge,
        });
        let reserve = push(&mut book, Kind::Reserve, Some(number), "is asked", body);
        let spend = json!({ "reserve": reserve });
        push(&mut book, Kind::Spend, Some(number), "first data-dependent message", spend);
        let (kind, what) = if answered { (Kind::Answer, "served") } else { (Kind::Abort, "E-PEER-SILENT") };
        let outcome = json!({ "transcript": "6".repeat(64), "snapshot": "7".repeat(64) });
        push(
            &mut book,
            kind,
            Some(number),
            what,
            json!({ "reserve": reserve, "refunded": false, "outcome": outcome }),
        );
    }
    lines
}
