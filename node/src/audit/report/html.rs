//! The report as one page: no scripts, nothing from elsewhere, and it prints.

use std::fmt::Write as _;

use super::{Section, TITLE, sections};
use crate::{
    audit::{
        burn,
        escape::html,
        facts::Facts,
        indicators::{GROUPS, Group, Measure},
        words::{Language, Words, of_code, words as w},
    },
    data::Value,
};

/// Rows of one section that a page shows; JSON and CSV have all.
const SHOWN: usize = 2_000;

const STYLE: &str = "\
:root{color-scheme:light}
body{font:14px/1.45 system-ui,'Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif;color:#222;background:#fff;\
margin:2rem auto;max-width:72rem;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.2rem;margin:2.2rem 0 .3rem;border-bottom:1px solid #ccc}
h3{font-size:1rem;margin:1.2rem 0 .2rem}p{margin:.2rem 0 .6rem;color:#444;max-width:60rem}
table{border-collapse:collapse;width:100%;font-size:12px;margin:.4rem 0 1rem}
th,td{border:1px solid #ddd;padding:.25rem .4rem;text-align:left;vertical-align:top}\
td.l{overflow-wrap:anywhere;min-width:6rem}
th{background:#f3f5f7;font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}
td.u{color:#777;font-style:italic}code{font-size:11px;color:#555}
.verdict{padding:.5rem .8rem;border:2px solid #2a7a2a;margin:1rem 0}.verdict.bad{border-color:#b00020}
.verdict.open{border-color:#8a6d00}nav{columns:2;font-size:13px}nav a{color:#1f5f8b;display:block}
svg{max-width:100%;height:auto;margin:.3rem 0}.box{width:1.1rem;height:1.1rem;border:1px solid #888;display:inline-block}
@media print{body{margin:0;max-width:none;font-size:10pt}table{font-size:8pt}h2{break-after:avoid}\
tr{break-inside:avoid}thead{display:table-header-group}nav{display:none}@page{size:A4 landscape;margin:14mm}}
";

/// The whole page.
pub fn page(facts: &Facts, language: Language) -> String {
    let sections = sections(facts, language);
    let title = TITLE.in_language(language);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n",
        language.tag()
    );
    page.push_str(&verdict(facts, language));
    page.push_str("<nav>\n");
    for section in &sections {
        _ = writeln!(page, "<a href=\"#{}\">{}</a>", section.key, section.title.in_language(language));
    }
    _ = writeln!(page, "<a href=\"#indicators\">{}</a>\n</nav>", INDICATORS.in_language(language));
    for section in &sections {
        part(&mut page, section, language);
        if section.key == "budgets" {
            for balance in &facts.balances {
                let title = format!("{} · {}", balance.partner, balance.account.population);
                page.push_str(&burn::svg(balance, &title));
            }
        }
    }
    indicators(&mut page, facts, language);
    page.push_str("</body>\n</html>\n");
    page
}

const INDICATORS: Words = w("Indicators", "指标");

/// What a reader has to know before anything else.
fn verdict(facts: &Facts, language: Language) -> String {
    let failed = facts.checks.iter().find(|check| check.ok == Some(false));
    let (class, text) = match failed {
        Some(check) => {
            let record = check.record.map_or(String::new(), |seq| format!(" (record {seq})"));
            let said = w(
                "The record does NOT verify. Nothing below can be relied on beyond that point:",
                "日志验证未通过，以下内容在该处之后不可信赖：",
            );
            (
                " bad",
                format!(
                    "{} {}{record}: {}",
                    said.in_language(language),
                    html(check.name),
                    html(&check.found)
                ),
            )
        }
        None if facts.checks.iter().any(|check| check.ok == Some(true)) => (
            "",
            w(
                "The record verifies; what could not be checked is listed below.",
                "日志验证通过；未能执行的检查见下表。",
            )
            .in_language(language)
            .to_owned(),
        ),
        None => {
            (" open", w("The record was not verified.", "日志未经验证。").in_language(language).to_owned())
        }
    };
    format!("<p class=\"verdict{class}\">{text}</p>\n")
}

fn part(page: &mut String, section: &Section, language: Language) {
    let (title, note) = (section.title.in_language(language), section.note.in_language(language));
    _ = writeln!(page, "<h2 id=\"{}\">{}</h2>\n<p>{}</p>", section.key, html(title), html_long(note));
    if section.rows.is_empty() {
        _ = writeln!(
            page,
            "<p>{}</p>",
            w("Nothing in the reported time.", "报告期内无记录。").in_language(language)
        );
        return;
    }
    page.push_str("<table>\n<thead><tr>");
    for column in &section.columns {
        _ = write!(page, "<th>{}</th>", html(column.title.in_language(language)));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    // The newest are what a reader looks for.
    let hidden = section.rows.len().saturating_sub(SHOWN);
    for row in &section.rows[hidden..] {
        page.push_str("<tr>");
        row.iter().for_each(|value| cell(page, value, language));
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table>\n");
    if hidden > 0 {
        let more = w(
            "rows are older and not shown; --format json or csv has all",
            "行较早记录未显示；完整内容见 --format json 或 csv",
        );
        _ = writeln!(page, "<p>{hidden} {}</p>", more.in_language(language));
    }
}

fn cell(page: &mut String, value: &Value, language: Language) {
    _ = match value {
        Value::Null => write!(page, "<td></td>"),
        Value::Bool(holds) => {
            write!(page, "<td>{}</td>", of_code(if *holds { "yes" } else { "no" }, language))
        }
        Value::Integer(number) => write!(page, "<td class=\"n\">{number}</td>"),
        Value::Real(number) => write!(page, "<td class=\"n\">{number}</td>"),
        Value::Text(text) => {
            // Hashes and what partners wrote may be one long word, which would push the table off the page.
            let long = text.split_whitespace().any(|word| word.chars().count() > 18);
            let class = if long { " class=\"l\"" } else { "" };
            write!(page, "<td{class}>{}</td>", html(of_code(text, language)))
        }
    };
}

/// Sentences of our own are not cut.
fn html_long(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn indicators(page: &mut String, facts: &Facts, language: Language) {
    let count: usize = GROUPS.iter().map(|group| group.indicators.len()).sum();
    let note = w(
        "indicators, each computed from the records as its formula says; the box is for the reader's tick.",
        "项指标，均按所列公式由日志记录计算；方框供核查人勾选。",
    );
    _ = writeln!(
        page,
        "<h2 id=\"indicators\">{}</h2>\n<p>{count} {}</p>",
        INDICATORS.in_language(language),
        note.in_language(language)
    );
    for group in &GROUPS {
        table(page, group, facts, language);
    }
}

fn table(page: &mut String, group: &Group, facts: &Facts, language: Language) {
    let heading = [
        w("", ""),
        w("Indicator", "指标"),
        w("Value", "数值"),
        w("Meaning", "含义"),
        w("Computed as", "计算方法"),
    ];
    _ = write!(
        page,
        "<h3>{}</h3>\n<p>{}</p>\n<table>\n<thead><tr>",
        group.title.in_language(language),
        html_long(group.law.in_language(language))
    );
    heading.iter().for_each(|title| _ = write!(page, "<th>{}</th>", title.in_language(language)));
    page.push_str("</tr></thead>\n<tbody>\n");
    for indicator in group.indicators {
        let value = indicator.of(facts);
        let (class, shown) = match (&value, value.text()) {
            (Measure::Untold(why), _) => ("u", why.told().in_language(language).to_owned()),
            (Measure::Holds(_), Some(text)) => ("", of_code(&text, language).to_owned()),
            (Measure::Names(_) | Measure::Time(_), Some(text)) => ("", text),
            (_, text) => ("n", text.unwrap_or_default()),
        };
        _ = writeln!(
            page,
            "<tr><td><span class=\"box\"></span></td><td>{} {}</td><td class=\"{class} l\">{}</td><td>{}</td><td><code>{}</code></td></tr>",
            indicator.id,
            html(indicator.name.in_language(language)),
            html(&shown),
            html(indicator.means.in_language(language)),
            html(indicator.how)
        );
    }
    page.push_str("</tbody></table>\n");
}
