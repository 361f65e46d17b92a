//! The machine under a node: what it keeps of its memory, and what happens when it has no more to give.

use std::{fs, os::unix::process::ExitStatusExt, process::Command};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit, setrlimit};
use tacit_tests::{World, finish, pair::Pair};

use crate::{
    TACIT,
    figures::{CONTRACT, accounts},
};

const BY_TIER: &str = "SELECT tier, COUNT(*) AS n, SUM(balance) AS total FROM bank.accounts GROUP BY tier";

/// A partnership of figures, with enough budget, whose nodes write down all they can.
fn traced(accounts: &str) -> Pair {
    let world = World::new(TACIT);
    world.befriended();
    let file = world.write("accounts.csv", accounts);
    world.register("bank", "accounts", &file, &["member=member"], "member");
    let trace = [("TACIT_LOG", "trace")];
    let (brand, bank) = (world.serve_with_env("brand", &trace), world.serve_with_env("bank", &trace));
    world.agree("brand", "bank", CONTRACT);
    Pair { brand, bank, world }
}

fn process(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

#[test]
fn c07_t30_a_process_that_dies_leaves_no_core() {
    let world = World::new(TACIT);
    world.init("bank");
    // As generous as this machine allows, for what is started from here.
    let limit = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "kill -ABRT $$"]).current_dir(world.path("."));
    let possible = shell.status().unwrap().core_dumped();
    let cores = || {
        let files = fs::read_dir(world.path(".")).unwrap().flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("core")).count()
    };
    let before = cores();
    let serving = world.start("bank", &["serve"]);
    world.until("the node's start", || world.tacit("bank", &["status"]).status == 0);
    let limits = fs::read_to_string(format!("/proc/{}/limits", serving.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    kill_process(process(serving.id()), Signal::ABORT).unwrap();
    let ended = serving.wait_with_output().unwrap().status;
    assert_eq!(
        (ended.signal(), ended.core_dumped()),
        (Some(6), false),
        "a shell's core is possible: {possible}"
    );
    assert_eq!(cores(), before);
}

#[test]
fn t30_no_figure_stands_in_a_log_a_record_or_a_receipt_noisy_or_exact() {
    // In steps of the contract, 10⁻⁴; sums of nine digits and more stand nowhere by accident.
    let steps = |number: u64| 1_000_000 + 137 * number;
    let mut table = "member,tier,region,balance,note\n".to_owned();
    for number in 0..613 {
        let (whole, rest) = (steps(number) / 10_000, steps(number) % 10_000);
        table.push_str(&format!("m{number:05},A,north,{whole}.{rest:04},n\n"));
    }
    let pair = traced(&table);
    let answer = pair.brand(&["query", BY_TIER, "-o", "json"]).ok().json();
    let noisy = answer[0]["total"].as_f64().expect("a figure that is shown");
    let exact = (0..613).map(steps).sum::<u64>();
    assert!((noisy - exact as f64 / 1e4).abs() < 60_000.0 && (noisy * 1e4).round() != exact as f64);
    let mut figures = vec![format!("{noisy}")];
    for steps in [exact, (noisy * 1e4).round() as u64] {
        figures.extend([steps.to_string(), format!("{}.{:04}", steps / 10_000, steps % 10_000)]);
    }
    let query =
        pair.world.records("brand").iter().find_map(|record| record["query"].as_str().map(str::to_owned));
    let query = query.expect("a question");
    let mut places = Vec::new();
    for (home, node) in [("brand", &pair.brand), ("bank", &pair.bank)] {
        let run = |words: &[&str]| pair.world.tacit(home, words).ok().out;
        let log = pair.world.log(home);
        assert!(log.contains("TRACE") && log.len() > 10_000, "the log of {home} is a trace");
        let threads = format!("/proc/{}/task", node.pid());
        let names = fs::read_dir(threads).unwrap().flatten();
        let names: String =
            names.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect();
        places.extend([
            (home, "log", log),
            (home, "records", fs::read_to_string(pair.world.path(&format!("{home}/ledger/log"))).unwrap()),
            (home, "receipt", run(&["audit", "receipt", &query])),
            (home, "status", run(&["status", "-o", "json"])),
            (home, "budget", run(&["budget", "-o", "json"])),
            (home, "names of threads", names),
        ]);
    }
    for (home, place, text) in places {
        assert!(!text.is_empty(), "the {place} of {home}");
        for figure in &figures {
            assert!(!contains_number(&text, figure), "{figure} stands in the {place} of {home}");
        }
    }
}

/// Whether a number stands in a text by itself, not within a longer one or a hash.
fn contains_number(text: &str, number: &str) -> bool {
    let part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    text.match_indices(number).any(|(at, _)| {
        !part(text[..at].chars().next_back()) && !part(text[at + number.len()..].chars().next())
    })
}

#[test]
fn d06_without_descriptors_a_node_refuses_loses_nothing_and_goes_on() {
    let pair = traced(&accounts());
    let ask = |tier: &str, epsilon: &str| {
        let question = format!("SELECT COUNT(*) AS n FROM bank.accounts WHERE tier = '{tier}'");
        pair.world.start("brand", &["query", &question, "--epsilon", epsilon])
    };
    finish(ask("A", "0.1")).ok();
    let bank = process(pair.bank.pid());
    // Fewer than are open: nothing more can be opened, and nothing is closed.
    let limit = getrlimit(Resource::Nofile);
    let few = Rlimit { current: Some(3), maximum: limit.maximum };
    let before = prlimit(Some(bank), Resource::Nofile, few).unwrap();
    let refusals = || {
        let lines = pair.world.record_lines("brand");
        lines.iter().filter(|line| line.starts_with("refusal ") || line.starts_with("abort ")).count()
    };
    let records = pair.world.records("bank");
    for _ in 0..3 {
        let refused = finish(ask("B", "0.1"));
        assert!(![0, 101].contains(&refused.status), "{}", refused.err);
    }
    prlimit(Some(bank), Resource::Nofile, before).unwrap();
    assert_eq!(refusals(), 3, "each of them is on record where it was asked");
    assert_eq!(
        pair.world.records("bank")[..records.len()],
        records,
        "and nothing is lost where it was not answered"
    );
    finish(ask("C", "0.1")).ok();
    for home in ["brand", "bank"] {
        let verified = pair.world.tacit(home, &["audit", "verify"]).ok().out;
        assert!(!verified.contains("not ended"), "{verified}");
        let records = pair.world.records(home);
        let of = |kind: &str| records.iter().filter(|record| record["kind"] == kind).count();
        assert_eq!(of("answer"), 2, "what was answered before and after");
        // The ledger's own files are open: nothing that was set aside is without an end.
        assert_eq!(of("reserve"), of("answer") + of("abort"), "{home}");
    }
}
