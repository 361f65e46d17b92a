//! The three forms tell the same, and nothing that a record holds gets out of its cell.

use serde_json::json;
use tacit_protocol::log::Kind;

use super::*;
use crate::audit::{
    facts::Check,
    history::{Window, tests::Log},
    words::Language,
};

fn facts<'a>(log: &'a Log, checks: &'a [Check]) -> Facts<'a> {
    Facts::new(&log.entries, &[], checks, Window::default(), "2026-12-02T00:00:00Z".parse().unwrap())
}

#[test]
fn every_section_is_in_every_form() {
    let log = Log::full();
    let facts = facts(&log, &[]);
    let (page, json) = (page(&facts, Language::English), document(&facts));
    let (files, file) = (tables(&facts), one_file(&facts));
    for section in sections(&facts, Language::English) {
        assert!(page.contains(&format!("<h2 id=\"{}\">", section.key)), "{}", section.key);
        assert_eq!(json["sections"][section.key].as_array().unwrap().len(), section.rows.len());
        let (_, table) = files.iter().find(|(name, _)| *name == format!("{}.csv", section.key)).unwrap();
        assert_eq!(table.lines().count(), section.rows.len() + 1, "{table}");
        assert!(section.rows.is_empty() || file.contains(&format!("\n{},1,", section.key)));
    }
    assert_eq!(json["sections"]["questions"][0]["outcome"], "answered");
    assert_eq!(json["sections"]["budgets"][0]["spent_rho"], "0.00000004");
    assert!(json["indicators"].as_array().unwrap().len() >= 200);
    assert!(page.contains("<svg ") && !page.contains("<script") && !page.contains("http://www.w3.org/1999"));
}

#[test]
fn a_page_in_chinese_is_in_chinese() {
    let log = Log::full();
    let page = page(&facts(&log, &[]), Language::Chinese);
    for expected in ["lang=\"zh-Hans\"", "审计报告", "个人信息保护法", "已答复", "隐私预算"]
    {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("Refusals by rule"));
}

#[test]
fn a_record_that_does_not_verify_is_told_first() {
    let log = Log::full();
    let check = |ok| [Check { name: "root", ok, found: "record 7 differs".into(), record: Some(7) }];
    let (bad, good) = (check(Some(false)), check(Some(true)));
    let page_of = |checks| page(&facts(&log, checks), Language::English);
    let shown = page_of(&bad);
    assert!(shown.find("does NOT verify").unwrap() < shown.find("<nav>").unwrap());
    assert!(page_of(&good).contains("The record verifies"));
    assert!(page_of(&[]).contains("was not verified"));
}

#[test]
fn d17_what_a_record_holds_stays_in_its_cell() {
    let mut log = Log::full();
    let evil = "</td></table><script>alert(1)</script>\u{1b}[2J\u{202e}\n=cmd|' /C calc'!A0,\"";
    for entry in &mut log.entries {
        if matches!(entry.kind, Kind::Refusal | Kind::Abort) {
            entry.what = evil.to_owned();
        }
        if entry.partner.is_some() {
            entry.partner = Some(evil.to_owned());
        }
    }
    log.push(
        Kind::Approval,
        None,
        "denied",
        json!({ "by": "x".repeat(10 << 20), "reason": evil, "question": evil }),
    );
    let facts = facts(&log, &[]);
    let page = page(&facts, Language::English);
    assert!(!page.contains("<script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'));
    assert!(page.len() < 1 << 20, "{}", page.len());
    assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
    let clean = one_file(&self::facts(&Log::full(), &[]));
    let file = one_file(&facts);
    assert!(!file.contains('\u{1b}') && !file.contains("\n=") && !file.contains(",="));
    // Every line is a line of ours.
    assert!(
        file.lines()
            .all(|line| line.starts_with("section,") || clean.contains(line.split(',').next().unwrap()))
    );
}

#[test]
fn article_30_and_the_impact_assessment_have_their_fields() {
    let facts_log = Log::full();
    let facts = facts(&facts_log, &[]);
    let titles = |key: &str| -> String {
        let sections = sections(&facts, Language::English);
        let section = sections.iter().find(|section| section.key == key).unwrap();
        section.columns.iter().map(|column| column.title.en).collect::<Vec<_>>().join("|")
    };
    for letter in ["(b)", "(c)", "(d)", "(e)", "(f)", "(g)"] {
        assert!(titles("processing").contains(&format!("30(1){letter}")), "{letter}");
    }
    for item in ["56(1)", "56(2)", "56(3)", "Art. 54", "Art. 55", "three years"] {
        assert!(titles("impact").contains(item), "{item}");
    }
    // A contract of which only the record is at hand is still a row.
    let json = document(&facts);
    assert_eq!(json["sections"]["processing"][0]["contract"], "offers (c0c0c0c0…)");
}
