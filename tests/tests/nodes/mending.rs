//! Ways that are cut in the middle: the answer is the same, at most one message goes twice, and what cannot
//! be mended is told soon.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tacit_tests::{
    World,
    apart::{Apart, LONGER_THAN_IDLE},
    finish,
    pair::{MEMBERS, ids, members},
};

use crate::TACIT;

/// Enough for some chunks of the protocol in each direction.
const ROWS: u64 = 120_000;
const SHARED: u64 = 40_000;

/// Two nodes with so many ids each.
fn apart(rows: u64) -> Apart {
    Apart::under(TACIT, &members(), "1m", |world| {
        world.register_members(&ids(0, rows), &ids(rows - SHARED.min(rows), rows));
    })
}

/// The figure that both sides record about an answer.
fn outcome(world: &World, home: &str, figure: &str) -> Value {
    let records = world.records(home);
    let answer = records.iter().rfind(|record| record["kind"] == "answer").expect("an answer on record");
    answer["body"]["outcome"][figure].clone()
}

#[test]
fn e11_a_way_that_is_cut_in_mid_transfer_changes_nothing() {
    let apart = apart(ROWS);
    let quiet = apart.asking(MEMBERS).join().unwrap().unwrap();
    assert_eq!(quiet.document.unwrap()["customers"], SHARED);
    let before = apart.carried();
    let asking = apart.asking(MEMBERS);
    apart.middle(before);
    apart.cut(true);
    thread::sleep(LONGER_THAN_IDLE);
    apart.cut(false);
    let reply = asking.join().unwrap().unwrap();
    let told = reply.document.unwrap();
    assert_eq!(told["customers"], SHARED);
    assert!(told["resent_messages"].as_u64().unwrap() <= 1, "{told}");
    for home in ["brand", "bank"] {
        let resent = outcome(&apart.world, home, "resent_messages");
        assert!(resent.as_u64().unwrap() <= 1, "{home}: {resent}");
        let answers = apart.world.record_lines(home).into_iter().filter(|line| line.starts_with("answer"));
        assert_eq!(answers.count(), 2, "{home}");
    }
    assert_eq!(outcome(&apart.world, "brand", "transcript"), outcome(&apart.world, "bank", "transcript"));
}

#[test]
fn e11_either_side_mends_it() {
    for (mended, other) in [("to_bank", "to_brand"), ("to_brand", "to_bank")] {
        let apart = apart(ROWS);
        let asking = apart.asking(MEMBERS);
        apart.middle(0);
        apart.cut(true);
        thread::sleep(LONGER_THAN_IDLE);
        // Only one of the two can dial the other.
        let way = if mended == "to_bank" { &apart.to_bank } else { &apart.to_brand };
        way.cut(false);
        let reply = asking.join().unwrap().unwrap_or_else(|report| panic!("{mended} alone: {report}"));
        let told = reply.document.unwrap();
        assert_eq!(told["customers"], SHARED, "{other} stayed cut");
        assert!(told["resent_messages"].as_u64().unwrap() <= 1, "{told}");
        assert!(outcome(&apart.world, "bank", "resent_messages").as_u64().unwrap() <= 1);
    }
}

#[test]
fn e02_a_partner_that_is_removed_in_mid_transfer_is_cut_off_within_a_second() {
    for remover in ["brand", "bank"] {
        let apart = apart(ROWS);
        let removed = if remover == "brand" { "bank" } else { "brand" };
        let asking = apart.asking(MEMBERS);
        apart.middle(0);
        apart.world.tacit(remover, &["partner", "remove", removed]).ok();
        // The command returns when the connection is closed. What is still in sockets may arrive, and a caller
        // who is not told that it is unwelcome would come back.
        let carried = apart.carried();
        let failed = asking.join().unwrap().unwrap_err();
        assert_eq!(failed.code, "E-LINK-REVOKED", "{remover}: {failed}");
        thread::sleep(Duration::from_millis(1500));
        let after = apart.carried() - carried;
        assert!(after < 256 << 10, "{remover}: {after} bytes went over afterwards");
        for home in ["brand", "bank"] {
            apart.world.until("the records", || {
                apart.world.record_lines(home).contains(&"abort E-LINK-REVOKED".to_owned())
            });
            assert!(!apart.world.record_lines(home).iter().any(|line| line.starts_with("answer")));
        }
    }
}

#[test]
fn e11_a_node_that_is_killed_and_started_again_ends_the_session_and_not_more() {
    let apart = apart(ROWS);
    let asking = apart.asking(MEMBERS);
    apart.middle(0);
    let Apart { bank, brand, world, to_bank, to_brand } = apart;
    bank.kill();
    let bank = world.serve("bank");
    let failed = asking.join().unwrap().unwrap_err();
    assert_eq!(failed.code, "E-LINK-GONE", "{failed}");
    assert!(world.record_lines("brand").contains(&"abort E-LINK-GONE".to_owned()));
    let apart = Apart { bank, brand, world, to_bank, to_brand };
    let reply = apart.asking(MEMBERS).join().unwrap().unwrap();
    assert_eq!(reply.document.unwrap()["customers"], SHARED);
    // The asker's own node dies: its command says so, the partner's node notices.
    let before = apart.carried();
    let asking = apart.world.start("brand", &["query", MEMBERS]);
    apart.middle(before);
    let Apart { bank: _bank, brand, world, .. } = apart;
    brand.kill();
    finish(asking).refused(1, "E-CONTROL-HUNG-UP");
    let brand = world.serve("brand");
    world.until("the bank's record", || {
        world.record_lines("bank").last().is_some_and(|line| line.starts_with("abort E-LINK-"))
    });
    drop(brand);
}

#[test]
fn an_interrupted_question_ends_at_both_sides() {
    let apart = apart(ROWS);
    let asking = apart.world.start("brand", &["query", MEMBERS]);
    apart.middle(0);
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-INT", &asking.id().to_string()]).status().unwrap().success());
    assert_eq!(finish(asking).status, 130);
    for home in ["brand", "bank"] {
        apart.world.until(&format!("the record at {home}"), || {
            apart.world.record_lines(home).last().is_some_and(|line| line.starts_with("abort E-"))
        });
    }
    assert_eq!(apart.asking(MEMBERS).join().unwrap().unwrap().document.unwrap()["customers"], SHARED);
}

#[test]
fn e12_a_way_that_swallows_packets_is_diagnosed_within_ten_seconds() {
    let apart = apart(10);
    apart.world.tacit("brand", &["doctor", "bank"]).ok();
    apart.cut(true);
    let began = Instant::now();
    let doctor = apart.world.tacit("brand", &["doctor", "bank"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(doctor.status, 1, "{}", doctor.out);
    for told in ["UDP is blocked", "open UDP port", "tacit serve"] {
        assert!(doctor.out.contains(told), "{told}: {}", doctor.out);
    }
    // A question says the same in short. The old connection has to be found dead first.
    let connected = || {
        let status = apart.world.tacit("brand", &["status", "-o", "json"]).ok().json();
        !status["connected"].as_array().unwrap().is_empty()
    };
    apart.world.until("the old connection's end", || !connected());
    let told = apart.world.tacit("brand", &["query", MEMBERS]).refused(5, "E-LINK-UNREACHABLE");
    assert!(told.err.contains(&apart.to_bank.address.to_string()), "{}", told.err);
    // A node that is not running, on a machine that is there.
    apart.cut(false);
    let Apart { bank, world, .. } = &apart;
    assert!(bank.pid() > 0);
    world.tacit("bank", &["stop"]).ok();
    let doctor = world.tacit("brand", &["doctor", "bank"]);
    assert_eq!(doctor.status, 1, "{}", doctor.out);
    let program: Value = world.tacit("brand", &["doctor", "bank", "-o", "json"]).json();
    let wrong = program.as_array().unwrap().iter().find(|row| row["ok"] == false).unwrap();
    assert!(wrong["mend"].as_str().unwrap().contains("tacit serve"), "{wrong}");
}
