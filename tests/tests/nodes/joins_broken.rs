//! A join that breaks off: whoever dies, and however the way between is cut, the same question is paid for once on each
//! ledger (privacy test 21).

use std::{fmt::Write as _, thread};

use serde_json::Value;
use tacit_tests::{
    World,
    apart::{Apart, LONGER_THAN_IDLE},
    finish,
    pair::ids,
};

use crate::{
    TACIT,
    joins::{OVER, contract, near},
};

/// Enough for the middle of a join to be found, in a small part of a second.
const ROWS: u64 = 30_000;
const BOTH: u64 = 20_000;

fn tables(world: &World) {
    let mut customers = "member,category,spend\n".to_owned();
    ids(0, ROWS).iter().for_each(|id| writeln!(customers, "{id},maternal,10").unwrap());
    let mut accounts = "member,tier,region,balance\n".to_owned();
    ids(ROWS - BOTH, ROWS).iter().for_each(|id| writeln!(accounts, "{id},A,north,40").unwrap());
    let file = world.write("customers.csv", customers);
    world.register("brand", "customers", &file, &["member=member"], "member");
    let file = world.write("accounts.csv", accounts);
    world.register("bank", "accounts", &file, &["member=member"], "member");
}

fn question() -> String {
    format!("SELECT COUNT(*) AS n, SUM(bank.accounts.balance) AS balance {OVER}")
}

fn apart(resume: &str) -> Apart {
    Apart::under(TACIT, &contract(), resume, tables)
}

/// What each record of a home charged.
fn charges(world: &World, home: &str) -> Vec<u64> {
    let price = |record: &Value| record["body"]["charge"]["price"]["nano_rho"].as_u64();
    world.records(home).iter().filter_map(price).collect()
}

fn notes(world: &World, home: &str) -> usize {
    let files = std::fs::read_dir(world.path(home).join("ledger/answers"));
    let names = files.into_iter().flatten().map(|file| file.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".begun")).count()
}

/// Asks again, and holds the answer and both ledgers to what they should be: each has charged once, for figures and for
/// the padded number, and the records say whose price this took up.
#[track_caller]
fn asked_again_for_nothing(world: &World) {
    let answer = world.tacit("brand", &["query", &question(), "-o", "json"]).ok();
    assert!(answer.err.contains("for what was paid when this broke off"), "{}", answer.err);
    near(&answer.json()[0], "n", BOTH as f64);
    near(&answer.json()[0], "balance", 40.0 * BOTH as f64);
    for home in ["brand", "bank"] {
        world.until("the answer's record", || {
            world.record_lines(home).last().is_some_and(|line| line.starts_with("answer"))
        });
        assert_eq!(charges(world, home).len(), 2, "{home} has charged once: {:?}", world.record_lines(home));
        let records = world.records(home);
        let resumed = records.iter().rfind(|record| record["kind"] == "reserve").unwrap();
        let paid = resumed["body"]["resumes"].as_u64().expect("a reservation that was paid for");
        assert!(records[paid as usize - 1]["body"]["charge"].is_object());
        assert_eq!(notes(world, home), 0, "{home}: what was opened is not begun again for nothing");
        world.tacit(home, &["audit", "verify"]).ok();
    }
    // And the third time it is the same answer.
    let third = world.tacit("brand", &["query", &question(), "-o", "json"]).ok();
    assert_eq!(third.json(), answer.json());
    assert!(third.err.contains("the same as before"), "{}", third.err);
    assert_eq!((charges(world, "brand").len(), charges(world, "bank").len()), (2, 2));
}

#[test]
fn t21_a_bank_that_is_killed_in_mid_join_is_asked_again_for_nothing() {
    let apart = apart("1m");
    let asking = apart.asking(&question());
    apart.middle(0);
    let Apart { bank, brand: _brand, world, to_bank: _to_bank, to_brand: _to_brand } = apart;
    bank.kill();
    let _bank = world.serve("bank");
    let failed = asking.join().unwrap().unwrap_err();
    assert_eq!(failed.code, "E-LINK-GONE", "{failed}");
    asked_again_for_nothing(&world);
}

#[test]
fn t21_a_brand_that_is_killed_in_mid_join_asks_again_for_nothing() {
    let apart = apart("1m");
    let asking = apart.world.start("brand", &["query", &question()]);
    apart.middle(0);
    let Apart { bank: _bank, brand, world, to_bank: _to_bank, to_brand: _to_brand } = apart;
    brand.kill();
    finish(asking).refused(1, "E-CONTROL-HUNG-UP");
    let _brand = world.serve("brand");
    asked_again_for_nothing(&world);
}

#[test]
fn e11_a_way_that_is_cut_in_mid_join_and_mended_changes_nothing() {
    let apart = apart("1m");
    let asking = apart.asking(&question());
    apart.middle(0);
    apart.cut(true);
    thread::sleep(LONGER_THAN_IDLE);
    apart.cut(false);
    let told = asking.join().unwrap().unwrap().document.unwrap();
    assert!(told["resent_messages"].as_u64().unwrap() <= 1, "{told}");
    assert_eq!(told["charged"], true);
    for home in ["brand", "bank"] {
        apart.world.until("the answer's record", || {
            apart.world.record_lines(home).iter().any(|line| line.starts_with("answer"))
        });
        assert_eq!(charges(&apart.world, home).len(), 2, "{home}");
    }
}

#[test]
fn t21_a_way_that_is_cut_for_good_in_mid_join_is_paid_for_once() {
    let apart = apart("5s");
    let asking = apart.asking(&question());
    apart.middle(0);
    apart.cut(true);
    let failed = asking.join().unwrap().unwrap_err();
    assert!(failed.code.starts_with("E-LINK-"), "{failed}");
    apart.cut(false);
    apart.world.until("the bank's end of it", || {
        apart.world.record_lines("bank").iter().any(|line| line.starts_with("abort E-LINK-"))
    });
    asked_again_for_nothing(&apart.world);
}

#[test]
fn t19_what_the_asker_interrupts_is_paid_for_each_time_and_on_both_ledgers() {
    let apart = apart("1m");
    for time in 1..=2 {
        let before = apart.carried();
        let asking = apart.world.start("brand", &["query", &question()]);
        apart.middle(before);
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args(["-INT", &asking.id().to_string()]).status().unwrap().success());
        assert_eq!(finish(asking).status, 130);
        for home in ["brand", "bank"] {
            apart.world.until(&format!("the record at {home}"), || {
                apart.world.record_lines(home).iter().filter(|line| line.starts_with("abort E-")).count()
                    >= 2 * time
            });
            assert_eq!(charges(&apart.world, home).len(), 2 * time, "{home}");
            let refunded = |record: &&Value| record["body"]["refunded"] == true;
            assert_eq!(apart.world.records(home).iter().filter(refunded).count(), 0, "{home}");
        }
        assert_eq!(notes(&apart.world, "brand"), 0, "an asker that gives up does not ask for less");
    }
}
