//! Every indicator is computed on a real log, and a planted fault moves the one that names it.

use std::collections::BTreeSet;

use serde_json::json;
use tacit_protocol::log::Kind;

use super::*;
use crate::audit::history::{
    Window,
    tests::{Log, price},
};

fn facts(log: &Log) -> Facts<'_> {
    Facts::new(&log.entries, &[], &[], Window::default(), "2026-12-02T00:00:00Z".parse().unwrap())
}

fn value(log: &Log, id: &str) -> Measure {
    let found = GROUPS.iter().flat_map(|group| group.indicators).find(|indicator| indicator.id == id);
    found.unwrap_or_else(|| panic!("no indicator {id}")).of(&facts(log))
}

#[test]
fn there_are_two_hundred_and_each_is_named_once_in_both_languages() {
    let all: Vec<&Indicator> = GROUPS.iter().flat_map(|group| group.indicators).collect();
    assert!(all.len() >= 200, "{}", all.len());
    let ids: BTreeSet<&str> = all.iter().map(|indicator| indicator.id).collect();
    assert_eq!(ids.len(), all.len());
    let mut told = BTreeSet::new();
    for Indicator { id, name, means, how, .. } in all {
        for words in [name, means] {
            assert!(!words.en.is_empty() && !words.zh.is_ascii(), "{id}");
        }
        assert!(!how.is_empty() && told.insert(means.en), "{id}: {}", means.en);
    }
}

#[test]
fn every_indicator_has_a_value_or_a_reason_on_any_log() {
    let mut hostile = Log::full();
    for entry in &mut hostile.entries {
        entry.body = json!(["\u{1b}[2J", null]);
        entry.time = "yesterday".to_owned();
    }
    for log in [Log::new(), Log::full(), hostile] {
        let facts = facts(&log);
        for indicator in GROUPS.iter().flat_map(|group| group.indicators) {
            let value = indicator.of(&facts);
            let finite = value.text().is_none_or(|text| !text.contains("NaN") && !text.contains("inf"));
            assert!(finite, "{}: {value:?}", indicator.id);
        }
    }
    let nothing = Facts::new(&[], &[], &[], Window::default(), "2026-12-02T00:00:00Z".parse().unwrap());
    GROUPS.iter().flat_map(|group| group.indicators).for_each(|indicator| drop(indicator.of(&nothing)));
}

#[test]
fn figures_of_a_day_are_those_of_its_records() {
    let log = Log::full();
    for (id, expected) in [
        ("L01", Measure::Count(18)),
        ("L06", Measure::Count(0)),
        ("L10", Measure::Count(0)),
        ("Q01", Measure::Count(3)),
        ("Q03", Measure::Count(3)),
        ("Q06", Measure::Share(1, 3)),
        ("Q09", Measure::Count(1)),
        ("B05", Measure::Rho(100)),
        ("B06", Measure::Rho(40)),
        ("B08", Measure::Rho(20)),
        ("B16", Measure::Count(0)),
        ("B22", Measure::Rho(30)),
        ("B29", Measure::Count(1)),
        ("B31", Measure::Count(0)),
        ("R01", Measure::Count(2)),
        ("R04", Measure::Count(1)),
        ("I06", Measure::Count(2)),
        ("A02", Measure::Count(1)),
        ("A14", Measure::Count(1)),
        ("W02", Measure::Count(3)),
        ("W05", Measure::Share(1, 4)),
        ("P10", Measure::Count(0)),
        ("D06", Measure::Share(1, 1)),
        ("K06", Measure::names(["brand"])),
        ("C06", Measure::Untold(Why::NoContracts)),
        ("L14", Measure::Untold(Why::NotChecked)),
    ] {
        assert_eq!(value(&log, id), expected, "{id}");
    }
}

#[test]
fn a_planted_fault_moves_the_indicator_that_names_it() {
    let mut gap = Log::full();
    gap.entries.remove(5);
    assert_eq!(value(&gap, "L06"), Measure::Count(1));
    assert!(matches!(value(&gap, "L10"), Measure::Count(0)), "a release can stand in for a lost one");

    let mut backwards = Log::full();
    backwards.entries[4].time = "2026-11-01T00:00:00Z".to_owned();
    assert_eq!(value(&backwards, "L07"), Measure::Count(1));

    let mut over = Log::new();
    for query in 1..=3 {
        let seq = over.reserve(query, price(40));
        over.spend(query, seq);
    }
    assert_eq!(value(&over, "B16"), Measure::Count(1));

    let mut cooked = Log::full();
    cooked.entries[4].body["charge"]["after"]["nano_rho"] = json!(1);
    assert_eq!(value(&cooked, "B31"), Measure::Count(1));

    let mut refunded = Log::new();
    let seq = refunded.reserve(1, price(1));
    refunded.spend(1, seq);
    refunded.abort(1, seq, true);
    assert_eq!(value(&refunded, "I23"), Measure::Count(1));

    let mut removed = Log::new();
    removed.push(Kind::Partner, None, "removed", json!({}));
    removed.entries[1].partner = Some("brand".to_owned());
    removed.reserve(1, price(1));
    assert_eq!(value(&removed, "P10"), Measure::Count(1));
}

#[test]
fn a_withdrawal_is_honoured_only_where_a_record_says_so() {
    let mut log = Log::new();
    log.push(Kind::Withdrawal, None, "withdrawn", json!({ "batch": 1, "identifiers": 2, "malformed": 0 }));
    let seq = log.reserve(1, price(1));
    log.spend(1, seq);
    log.answer(1, seq);
    assert_eq!(value(&log, "W13"), Measure::Untold(Why::NotRecorded));
    let reserve = seq as usize - 1;
    log.entries[reserve].body["withdrawals"] = json!(1);
    assert_eq!(value(&log, "W13"), Measure::Share(1, 1));
    log.entries[reserve].body["withdrawals"] = json!(0);
    assert_eq!(value(&log, "W13"), Measure::Share(0, 1));
}
