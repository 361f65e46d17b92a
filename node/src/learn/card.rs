//! The card of a model: what somebody should know before a decision leans on it.
//!
//! One content in three forms: lines for a terminal, one JSON document, one page without scripts. The job, the names
//! and the purpose were written by partners, so every text on the page is escaped and cut (`audit::escape`); a card
//! never shows a weight that this side may not see, because the registry does not have it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::metrics::{COUNTS, OBSERVED};
use super::model::{Coefficient, Exact, Held, Metric, Model, Noise, Paid, Shape};
use crate::{
    audit::{
        amount,
        escape::{html, visible},
    },
    policy::Decimal,
};

/// What is on the page and in JSON, and too long for a terminal.
const LONG: [&str; 3] = ["lift", "calibration", "rounds"];

/// Rounds that a page shows; JSON has all.
const ROUNDS: usize = 40;

const STYLE: &str = "\
:root{color-scheme:light}
body{font:14px/1.45 system-ui,'Noto Sans SC','PingFang SC','Microsoft YaHei',sans-serif;color:#222;background:#fff;\
margin:2rem auto;max-width:60rem;padding:0 1rem}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.2rem;margin:2rem 0 .3rem;border-bottom:1px solid #ccc}
p{margin:.2rem 0 .6rem;color:#444}ul{margin:.2rem 0 .8rem;padding-left:1.2rem;color:#444}
.box{padding:.5rem .8rem;border:2px solid #8a6d00;margin:1rem 0;color:#222}.box.noisy{border-color:#2a7a2a}
table{border-collapse:collapse;width:100%;font-size:13px;margin:.4rem 0 1rem}
th,td{border:1px solid #ddd;padding:.25rem .4rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{background:#f3f5f7;font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}
pre{font-size:12px;background:#f7f7f7;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}
@media print{body{margin:0;max-width:none;font-size:10pt}h2{break-after:avoid}tr{break-inside:avoid}\
thead{display:table-header-group}@page{size:A4;margin:14mm}}
";

/// A table of the card.
struct Section {
    key: &'static str,
    title: &'static str,
    note: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

enum Cell {
    Text(String),
    Number(String),
}

impl Cell {
    fn shown(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

fn word(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

fn figure(value: Option<Exact>, places: usize) -> Cell {
    Cell::Number(value.map_or_else(String::new, |value| rounded(value.0, places)))
}

/// With this many decimals; what would be nothing but zeros, or longer than a cell, goes over to an exponent.
fn rounded(value: f64, places: usize) -> String {
    let size = value.abs();
    if size != 0.0 && (size < 0.5 * 0.1f64.powi(places as i32) || size >= 1e9) {
        return format!("{value:.2e}");
    }
    format!("{value:.places$}")
}

/// The card as lines.
pub fn text(model: &Model) -> String {
    let mut text = format!("{}\n", headline(model));
    for (name, value) in facts(model) {
        _ = writeln!(text, "  {name:<11} {value}");
    }
    _ = writeln!(text, "\n{}", privacy(model));
    let sections = sections(model).into_iter();
    for section in sections.filter(|section| !section.rows.is_empty() && !LONG.contains(&section.key)) {
        _ = writeln!(text, "\n{}", section.title);
        let widths: Vec<usize> = (0..section.columns.len())
            .map(|column| {
                let cells = section.rows.iter().map(|row| one_line(row[column].shown()).chars().count());
                cells.chain([section.columns[column].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let heading: Vec<Cell> = section
            .columns
            .iter()
            .zip(&section.rows[0])
            .map(|(title, below)| match below {
                Cell::Text(_) => word(*title),
                Cell::Number(_) => Cell::Number((*title).to_owned()),
            })
            .collect();
        for row in std::iter::once(&heading).chain(&section.rows) {
            let mut line = String::from(" ");
            for (cell, width) in row.iter().zip(&widths) {
                let shown = one_line(cell.shown());
                _ = match cell {
                    Cell::Text(_) => write!(line, " {shown:<width$} "),
                    Cell::Number(_) => write!(line, " {shown:>width$} "),
                };
            }
            _ = writeln!(text, "{}", line.trim_end());
        }
        if !section.note.is_empty() {
            _ = writeln!(text, "  {}", section.note);
        }
    }
    text.push_str("\nLift and gain, calibration and rounds are on the page (-o html) and in -o json.\n");
    if !model.untold.is_empty() {
        text.push_str("\nNot revealed\n");
        model.untold.iter().for_each(|line| _ = writeln!(text, "  - {}", visible(line)));
    }
    text
}

/// A partner's word cannot add lines to ours.
fn one_line(text: &str) -> String {
    visible(text)
}

/// The card as one page: no scripts, nothing from elsewhere, and it prints.
pub fn page(model: &Model) -> String {
    let title = html(&headline(model));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    let class = if model.noise.is_some() { "box noisy" } else { "box" };
    _ = writeln!(page, "<p class=\"{class}\">{}</p>\n<table>\n<tbody>", html(&privacy(model)));
    for (name, value) in facts(model) {
        _ = writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", html(&value));
    }
    page.push_str("</tbody></table>\n");
    for section in sections(model) {
        _ = writeln!(page, "<h2 id=\"{}\">{}</h2>", section.key, section.title);
        if !section.note.is_empty() {
            _ = writeln!(page, "<p>{}</p>", html(&section.note));
        }
        if section.rows.is_empty() {
            page.push_str("<p>Nothing on record.</p>\n");
            continue;
        }
        page.push_str("<table>\n<thead><tr>");
        section.columns.iter().for_each(|title| _ = write!(page, "<th>{title}</th>"));
        page.push_str("</tr></thead>\n<tbody>\n");
        for row in &section.rows {
            page.push_str("<tr>");
            for cell in row {
                _ = match cell {
                    Cell::Text(text) => write!(page, "<td>{}</td>", html(text)),
                    Cell::Number(text) => write!(page, "<td class=\"n\">{}</td>", html(text)),
                };
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table>\n");
    }
    page.push_str("<h2 id=\"untold\">Not revealed</h2>\n<ul>\n");
    model.untold.iter().for_each(|line| _ = writeln!(page, "<li>{}</li>", html(line)));
    page.push_str("</ul>\n<h2 id=\"job\">The job</h2>\n<pre>");
    // Line by line: the escape makes a line break visible, and here it is wanted.
    model.job.toml.lines().take(400).for_each(|line| _ = writeln!(page, "{}", html(line)));
    page.push_str("</pre>\n</body>\n</html>\n");
    page
}

/// The card as one document, with numbers as numbers.
pub fn document(model: &Model) -> Value {
    let interval =
        |low: Option<Exact>, high: Option<Exact>| json!([low.map(|low| low.0), high.map(|high| high.0)]);
    let coefficients: Vec<Value> = model
        .coefficients
        .iter()
        .map(|coefficient| {
            let mut value = json!({
                "owner": coefficient.owner,
                "name": coefficient.name,
                "value": coefficient.value.map(|value| value.0),
                "interval95": interval(coefficient.low95, coefficient.high95),
            });
            if let Some(ratio) = model.kind.ratio() {
                value[ratio] = json!(coefficient.value.map(|value| value.0.exp()));
            }
            value
        })
        .collect();
    let metrics: Vec<Value> = model
        .metrics
        .iter()
        .map(|metric| {
            json!({
                "on": metric.on,
                "group": metric.group,
                "metric": metric.name,
                "value": metric.value.0,
                "interval95": interval(metric.low95, metric.high95),
            })
        })
        .collect();
    let rounds: Vec<Value> = model
        .rounds
        .iter()
        .map(|round| {
            json!({
                "round": round.round,
                "loss": round.loss.map(|loss| loss.0),
                "auc": round.auc.map(|auc| auc.0),
            })
        })
        .collect();
    json!({
        "model": model.id,
        "name": model.name,
        "trained": model.trained,
        "software": model.software,
        "contract": model.contract,
        "us": model.us,
        "partners": model.partners,
        "part": model.part,
        "kind": model.kind,
        "shape": model.shape,
        "target": model.target,
        "target_bounds": model.target_bounds.map(|bounds| bounds.map(|bound| bound.0)),
        "rows": model.rows,
        "data": model.data,
        "inputs": model.inputs,
        "clip": model.clip.map(|clip| clip.0),
        "weights": model.weights,
        "coefficients": coefficients,
        "noise": model.noise.as_ref().map(|noise| json!({
            "mechanism": noise.mechanism,
            "sigma": noise.sigma.0,
            "nano_rho": noise.nano_rho,
            "epsilon": Decimal::of_micro(noise.epsilon_micro).to_string(),
            "delta": Decimal::of_femto(noise.delta_femto).to_string(),
        })),
        "rounds": rounds,
        "metrics": metrics,
        "price": model.price.iter().map(|paid| json!({
            "ledger": paid.ledger,
            "nano_rho": paid.nano_rho,
            "epsilon": Decimal::of_micro(paid.epsilon_micro).to_string(),
            "delta": Decimal::of_femto(paid.delta_femto).to_string(),
        })).collect::<Vec<Value>>(),
        "lineage": model.lineage,
        "job_hash": model.job.hash,
        "job": model.job.toml,
        "transcript": model.transcript,
        "not_revealed": model.untold,
    })
}

fn headline(model: &Model) -> String {
    let (kind, shape) = (model.kind.name(), model.shape.name());
    format!("{}: a {shape} {kind} model of {}", visible(&model.name), visible(&model.target))
}

/// What it is, where it comes from, what it may be used for.
fn facts(model: &Model) -> Vec<(&'static str, String)> {
    let counted =
        |count: Option<u64>| count.map_or_else(|| "not known".to_owned(), |count| count.to_string());
    let rows = &model.rows;
    let mut facts = vec![
        ("id", model.id.to_string()),
        ("trained", format!("{}, by tacit {}", model.trained, model.software)),
        ("partners", format!("{} (we are {}: {})", model.partners.join(", "), model.us, model.part.name())),
        ("contract", format!("{} ({})", model.contract.name, model.contract.id.short())),
        ("purpose", model.contract.purpose.clone()),
        (
            "customers",
            format!(
                "{} to train, {} held out; {} are ours",
                counted(rows.trained),
                counted(rows.held_out),
                rows.own
            ),
        ),
        ("rounds", model.last_round().to_string()),
        ("weights", weights(model)),
        ("job", model.job.hash.clone()),
        ("transcript", model.transcript.clone()),
    ];
    if let Some(parent) = model.lineage.parent {
        facts.push(("retrained", format!("from {}", parent.short())));
    }
    if model.lineage.resumed > 0 {
        facts.push(("resumed", format!("{} times, at the last finished round", model.lineage.resumed)));
    }
    if let Some(record) = model.lineage.record {
        facts.push(("record", format!("{record} of our log")));
    }
    facts
        .into_iter()
        .map(|(name, value)| (name, visible(&value)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn weights(model: &Model) -> String {
    match (model.weights, model.shape) {
        (Held::Open, Shape::Horizontal) => "every partner has all of them".into(),
        (Held::Open, Shape::Vertical) => "we have all of them".into(),
        (Held::Own, _) => "we have those of our own columns".into(),
        (Held::Shared, _) => "nobody has them; scores are made together".into(),
    }
}

/// What it can tell about single customers.
fn privacy(model: &Model) -> String {
    match &model.noise {
        Some(noise) => hidden(noise, model.shape),
        None => "Trained without noise, as the contract allows: whoever sees the weights or many scores could learn \
                 something about single customers."
            .into(),
    }
}

fn hidden(noise: &Noise, shape: Shape) -> String {
    let what = match shape {
        Shape::Horizontal => "whether any one customer took part",
        // Both know who is in the overlap.
        Shape::Vertical => "what any one customer's row says",
    };
    format!(
        "Differentially private: {what} changes what can be concluded from the model by at most ε = {} at δ = {} (ρ = {}, \
         {} with σ = {}).",
        Decimal::of_micro(noise.epsilon_micro),
        Decimal::of_femto(noise.delta_femto),
        amount::rho(noise.nano_rho),
        visible(&noise.mechanism),
        rounded(noise.sigma.0, 3),
    )
}

fn sections(model: &Model) -> Vec<Section> {
    let step = |metric: &&Metric| metric.name.starts_with("gain-") || metric.name.starts_with("lift-");
    let observed = |metric: &&Metric| metric.name == OBSERVED;
    let (steps, others): (Vec<&Metric>, Vec<&Metric>) = model.metrics.iter().partition(step);
    let (bins, others): (Vec<&Metric>, Vec<&Metric>) = others.into_iter().partition(observed);
    let (whole, grouped): (Vec<&Metric>, Vec<&Metric>) =
        others.into_iter().partition(|metric| metric.group.is_none());
    vec![
        coefficients(model),
        metrics("metrics", "How good it is", "On customers that no weight was fitted to.", &whole),
        metrics(
            "groups",
            "By group",
            "Differences between groups are what a bias would look like; intervals say how sure they are.",
            &grouped,
        ),
        metrics(
            "lift",
            "Lift and gain",
            "gain-10: the share of all outcomes among the tenth with the highest scores; lift-10: how many times as many as \
             among all.",
            &steps,
        ),
        metrics(
            "calibration",
            "Calibration",
            "Of the customers in each bin of predictions the share with the outcome.",
            &bins,
        ),
        rounds(model),
        price(&model.price),
        Section {
            key: "data",
            title: "Data",
            note: String::new(),
            columns: vec!["owner", "dataset", "content (SHA-256)"],
            rows: model
                .data
                .iter()
                .map(|data| {
                    vec![
                        word(&data.owner),
                        word(&data.dataset),
                        word(data.snapshot.clone().unwrap_or_else(|| "not told".into())),
                    ]
                })
                .collect(),
        },
    ]
}

fn coefficients(model: &Model) -> Section {
    let mut columns = vec!["owner", "coefficient", "value", "low 95 %", "high 95 %"];
    columns.extend(model.kind.ratio());
    let row = |coefficient: &Coefficient| {
        let Coefficient { owner, name, value, low95, high95 } = coefficient;
        let value_cell = match (value, model.weights) {
            (Some(_), _) => figure(*value, 4),
            (None, Held::Shared) => Cell::Number("shared".into()),
            (None, _) => Cell::Number("not ours".into()),
        };
        let mut row = vec![word(owner), word(name), value_cell, figure(*low95, 4), figure(*high95, 4)];
        if model.kind.ratio().is_some() {
            row.push(figure(value.map(|value| Exact(value.0.exp())), 3));
        }
        row
    };
    let note = "A numeric column counts from its lower to its upper bound, so its coefficient is the effect of the \
                whole range; the effects of a column's values are to be compared with each other.";
    Section {
        key: "coefficients",
        title: "Coefficients",
        note: note.into(),
        columns,
        rows: model.coefficients.iter().map(row).collect(),
    }
}

fn metrics(key: &'static str, title: &'static str, note: &str, metrics: &[&Metric]) -> Section {
    let grouped = metrics.iter().any(|metric| metric.group.is_some());
    let row = |metric: &&Metric| {
        let mut row = vec![word(&metric.on)];
        if grouped {
            row.push(word(metric.group.clone().unwrap_or_default()));
        }
        row.extend([
            word(&metric.name),
            figure(Some(metric.value), if COUNTS.contains(&metric.name.as_str()) { 0 } else { 4 }),
            figure(metric.low95, 4),
            figure(metric.high95, 4),
        ]);
        row
    };
    let mut columns = vec!["on"];
    columns.extend(grouped.then_some("group"));
    columns.extend(["metric", "value", "low 95 %", "high 95 %"]);
    Section { key, title, note: note.into(), columns, rows: metrics.iter().map(row).collect() }
}

fn rounds(model: &Model) -> Section {
    let hidden = model.rounds.len().saturating_sub(ROUNDS);
    Section {
        key: "rounds",
        title: "Rounds",
        note: if hidden > 0 { format!("{hidden} rounds before these are in -o json") } else { String::new() },
        columns: vec!["round", "loss", "auc"],
        rows: model.rounds[hidden..]
            .iter()
            .map(|round| {
                vec![Cell::Number(round.round.to_string()), figure(round.loss, 5), figure(round.auc, 4)]
            })
            .collect(),
    }
}

fn price(price: &[Paid]) -> Section {
    Section {
        key: "price",
        title: "Price",
        note: "Spent whether the model is kept or not; a model that is used costs nothing more.".into(),
        columns: vec!["customers of", "ε", "δ", "ρ"],
        rows: price
            .iter()
            .map(|paid| {
                vec![
                    word(&paid.ledger),
                    Cell::Number(Decimal::of_micro(paid.epsilon_micro).to_string()),
                    Cell::Number(Decimal::of_femto(paid.delta_femto).to_string()),
                    Cell::Number(amount::rho(paid.nano_rho)),
                ]
            })
            .collect(),
    }
}

#[cfg(test)]
#[path = "card_tests.rs"]
mod tests;
