//! The budget and the logs of two real nodes: what runs out, what is noticed, how it goes on.

use std::fs;

use serde_json::{Value, json};
use tacit_protocol::log::{
    checkpoint::{Checkpoint, Keys, SignedCheckpoint, origin},
    merkle::TreeHash,
    note::{SignatureKind, VerifierKey},
    witness::AddCheckpoint,
};
use tacit_tests::{
    pair::{Pair, replaced},
    rogue::Rogue,
};

use crate::{
    TACIT,
    figures::{CONTRACT, accounts},
};

/// About three questions at ε = 1 and a little one.
fn small_budget() -> Pair {
    let world = tacit_tests::World::new(TACIT);
    world.befriended();
    let file = world.write("accounts.csv", accounts());
    world.register("bank", "accounts", &file, &["member=member"], "member");
    Pair::agreed(world, &replaced(CONTRACT, "epsilon = 4.0\ndelta", "epsilon = 2.0\ndelta"))
}

const COUNT: &str = "SELECT COUNT(*) AS n FROM bank.accounts";

fn of_tier(tier: &str) -> String {
    format!("{COUNT} WHERE tier = '{tier}'")
}

/// What an account has used, in billionths of ρ, by a node's own log.
fn used(pair: &Pair, home: &str) -> u64 {
    let records = pair.world.records(home);
    let charged = records.iter().filter(|record| record["kind"] == "reserve");
    charged.filter_map(|record| record["body"]["charge"]["after"]["nano_rho"].as_u64()).max().unwrap_or(0)
}

#[test]
fn t16_t26_f04_a_budget_runs_out_on_both_sides_and_nothing_brings_it_back() {
    let pair = small_budget();
    for tier in ["A", "B", "C"] {
        pair.brand(&["query", &of_tier(tier)]).ok();
    }
    assert!(used(&pair, "brand") > 60_000_000, "three at ε = 1");
    assert_eq!(used(&pair, "brand"), used(&pair, "bank"), "both ledgers charge alike");
    let before = used(&pair, "bank");
    // Asked again, they are free.
    for tier in ["A", "B", "C"] {
        pair.brand(&["query", &of_tier(tier)]).ok();
    }
    assert_eq!((used(&pair, "brand"), used(&pair, "bank")), (before, before));
    let refused = pair.brand(&["query", COUNT]).refused(4, "E-BUDGET-EXHAUSTED");
    assert!(refused.err.contains("left") && refused.err.contains("would do"), "{}", refused.err);
    // An alias draws on the same account, and so does a second contract over the same customers.
    let alias = "SELECT COUNT(*) AS m FROM bank.accounts a";
    pair.brand(&["query", alias]).refused(4, "E-BUDGET-EXHAUSTED");
    let second = replaced(CONTRACT, "name = \"figures\"", "name = \"figures-again\"");
    let second = replaced(&second, "epsilon = 4.0\ndelta", "epsilon = 2.0\ndelta");
    pair.world.agree("brand", "bank", &second);
    pair.brand(&["query", COUNT, "--contract", "figures-again"]).refused(4, "E-BUDGET-EXHAUSTED");
    for home in ["brand", "bank"] {
        let verified = pair.world.tacit(home, &["audit", "verify"]).ok();
        assert!(verified.out.contains("3 prices buy the noise that is told\n"), "{}", verified.out);
    }
}

#[test]
fn d11_t24_an_older_log_is_noticed_before_the_first_answer_and_recovered_at_zero_credit() {
    let Pair { brand, bank, world } = small_budget();
    world.tacit("bank", &["stop"]).ok();
    drop(bank);
    let (ledger, backup) = (world.path("bank/ledger"), world.path("backup"));
    copy(&ledger, &backup);
    let bank = world.serve("bank");
    world.tacit("brand", &["query", &of_tier("A")]).ok();
    world.tacit("bank", &["stop"]).ok();
    drop(bank);
    fs::remove_dir_all(&ledger).unwrap();
    copy(&backup, &ledger);
    let bank = world.serve("bank");
    let ask = || world.tacit("brand", &["query", &of_tier("B"), "--epsilon", "0.2"]);
    ask().refused(5, "E-LEDGER-ROLLED-BACK");
    // What is missing counts as spent; and the brand, which has seen more, has to say yes.
    world.tacit("bank", &["recover"]).ok();
    ask().refused(5, "E-LEDGER-ROLLED-BACK");
    world.tacit("brand", &["partner", "recovered", "bank"]).ok();
    ask().refused(4, "E-BUDGET-EXHAUSTED");
    drop((brand, bank));
}

#[test]
fn d03_d15_a_log_that_was_edited_is_not_served_and_the_first_bad_record_is_named() {
    let Pair { brand, bank, world } = small_budget();
    world.tacit("brand", &["query", &of_tier("A")]).ok();
    world.tacit("bank", &["stop"]).ok();
    drop(bank);
    let log = world.path("bank/ledger/log");
    let honest = fs::read_to_string(&log).unwrap();
    let place = honest.lines().position(|line| line.contains("\"served\"")).unwrap() + 1;
    fs::write(&log, honest.replacen("\"served\"", "\"Served\"", 1)).unwrap();
    let refused = world.tacit("bank", &["serve"]).refused(1, "E-LEDGER-DAMAGED");
    assert!(refused.err.contains(&format!("record {place}")), "{}", refused.err);
    let bad = world.tacit("bank", &["audit", "verify"]).refused(1, "E-AUDIT-BAD");
    assert!(bad.err.contains(&format!("record  {place}")), "{}", bad.err);
    fs::write(&log, honest).unwrap();
    world.tacit("bank", &["audit", "verify"]).ok();
    let bank = world.serve("bank");
    world.tacit("brand", &["query", &of_tier("B")]).ok();
    drop((brand, bank));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d16_d18_a_partner_with_two_histories_is_recorded_once_and_its_repeats_are_counted() {
    let Pair { brand, bank, world } = small_budget();
    bank.kill();
    let rogue = Rogue::in_home(&world.path("bank"));
    let me = origin(&rogue.identity.id());
    let key = VerifierKey::new(&me, SignatureKind::Ed25519, rogue.identity.signing_key()).unwrap();
    let head = |size, root| {
        let head = Checkpoint::new(&me, size, TreeHash::new([root; 32]));
        SignedCheckpoint::sign(head, &key, |text| rogue.identity.sign(text)).unwrap()
    };
    let show = async |old, head: &SignedCheckpoint| -> Value {
        let request = AddCheckpoint::new(old, Vec::new(), head).to_string();
        let call = json!({ "head": { "request": request } }).to_string().into_bytes();
        serde_json::from_slice(&rogue.link.call(rogue.partner("brand"), call).await.unwrap()).unwrap()
    };
    // The node of this home has shown the brand a head before.
    let seen = show(0, &head(1_000_000, 0)).await["seen"]["note"].as_str().unwrap().to_owned();
    let size: u64 = seen.lines().nth(1).unwrap().parse().unwrap();
    for round in 0..100 {
        for false_head in [head(size, round), head(size + 1, round)] {
            assert_eq!(show(size, &false_head).await["seen"]["note"], seen);
        }
    }
    world.tacit("brand", &["stop"]).ok();
    drop(brand);
    let records = world.records("brand");
    for code in ["E-WITNESS-FORKED", "E-WITNESS-INCONSISTENT"] {
        let of = |kind: &str| -> Vec<&Value> {
            records.iter().filter(|record| record["kind"] == kind && record["what"] == code).collect()
        };
        let [stands] = of("partner")[..] else { panic!("{code}: {:?}", of("partner")) };
        let [counted] = of("dropped")[..] else { panic!("{code}: {:?}", of("dropped")) };
        assert_eq!((&stands["partner"], &counted["partner"]), (&json!("bank"), &json!("bank")));
        assert_eq!(counted["body"]["count"], 99);
        // Both heads are evidence by themselves: notes that the bank has signed.
        for (name, note) in [("known", seen.clone()), ("shown", stands["body"]["shown"].to_string())] {
            let lines = stands["body"][name].as_array().unwrap();
            let text: String = lines.iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect();
            let keys = Keys {
                origin: me.clone(),
                log: vec![key.clone()],
                witnesses: Vec::new(),
                handovers: Vec::new(),
            };
            keys.open(text.as_bytes()).unwrap_or_else(|fault| panic!("{name}: {fault}: {note}"));
        }
    }
    world.tacit("brand", &["audit", "verify"]).ok();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
