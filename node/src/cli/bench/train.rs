//! `tacit bench train`.

use serde_json::{Value, json};

use super::{Measured, Nodes, cpu_name, identifier, readable, round, write_rows};
use crate::{
    cli::stage::Stage,
    control::{Event, Reply, Request},
    learn::TrainRequest,
    query::default_wait,
    report::Report,
};

/// What to measure.
#[derive(Debug, Clone)]
pub struct TrainBench {
    /// Customers, all of them of both.
    pub rows: u64,
    /// Columns of the end that has the target, and of the other.
    pub features: (u64, u64),
    /// Rounds.
    pub rounds: u64,
}

/// Trains a logistic model of random customers between two nodes with different columns. The target follows from the
/// columns of both, by a chance.
///
/// `seconds` is wall time from the request to the model, data already registered; a fifth of the customers is held back,
/// and `auc` is of those.
///
/// # Errors
/// What the nodes report.
pub fn train(bench: &TrainBench, events: &mut dyn FnMut(Event)) -> Result<Reply, Report> {
    let stage = Stage::temporary("tacit-bench")?;
    let mut note = |text: &str| events(Event::Note { text: text.to_owned() });
    let (own, theirs) = bench.features;
    let header = |letter: char, count: u64| (0..count).map(|at| format!(",{letter}{at}")).collect::<String>();
    let cells = |number: u64, from: u64, count: u64| -> String {
        (from..from + count).map(|column| format!(",{:.4}", drawn(number, column))).collect()
    };
    let target = |number: u64| {
        let odds: f64 = (0..own + theirs).map(|column| weight(column) * (drawn(number, column) - 0.5)).sum();
        drawn(number, u64::MAX) < 1.0 / (1.0 + (-odds).exp())
    };
    let line = |number| format!("{}{},{}", identifier(number), cells(number, 0, own), target(number));
    write_rows(&stage.path("asker.csv"), &format!("id{},y", header('a', own)), (0, bench.rows), line)?;
    let line = |number| format!("{}{}", identifier(number), cells(number, own, theirs));
    write_rows(&stage.path("partner.csv"), &format!("id{}", header('b', theirs)), (0, bench.rows), line)?;
    let nodes = Nodes::start(stage, &contract(bench), &mut note)?;
    let request = TrainRequest { toml: job(bench), wait: default_wait() };
    let measured = nodes.measure(Request::Train(request), events)?;
    let Measured { reply, seconds, cpu_seconds, bytes_sent, peak_rss_bytes } = measured;
    let told = reply.document.unwrap_or_default();
    let metrics = told["metrics"].as_array().cloned().unwrap_or_default();
    let joint = |metric: &&Value| {
        metric["metric"] == "auc" && metric["on"].as_str().is_some_and(|on| on.starts_with("joint"))
    };
    let figures = json!({
        "seconds": round(seconds),
        "cpu_seconds": round(cpu_seconds),
        "bytes_sent": bytes_sent,
        "peak_rss_bytes": peak_rss_bytes,
        "rows": bench.rows,
        "features": [own, theirs],
        "rounds": bench.rounds,
        "rows_per_second": (bench.rows as f64 * bench.rounds as f64 / seconds).round(),
        "auc": metrics.iter().find(joint).map(|metric| metric["value"].clone()),
        "stages": told["stages"],
        "version": env!("CARGO_PKG_VERSION"),
        "cpu": cpu_name(),
        "threads": rayon::current_num_threads(),
    });
    drop(nodes);
    Ok(Reply { text: Some(readable(&figures)), document: Some(figures), ..Reply::default() })
}

/// A number between 0 and 1 that follows from a customer's and a column's.
fn drawn(number: u64, column: u64) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes()).update(&column.to_le_bytes());
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    (u64::from_le_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Between −2 and 2, falling and rising with the column.
fn weight(column: u64) -> f64 {
    (column % 9) as f64 / 2.0 - 2.0
}

fn contract(bench: &TrainBench) -> String {
    let columns = |letter: char, count: u64| -> String {
        (0..count).map(|at| format!("{letter}{at} = {{ use = [\"feature\"], bounds = [0, 1] }}\n")).collect()
    };
    let dataset = |owner: &str, columns: String| {
        format!(
            "[[dataset]]\nowner = \"{owner}\"\nname = \"rows\"\nconsent = \"withdrawal-list\"\n[dataset.columns]\n\
             id = {{ use = [\"match\"] }}\n{columns}"
        )
    };
    let (own, theirs) = bench.features;
    let target = "y = { use = [\"target\"], values = [false, true] }\n";
    format!(
        "name = \"bench\"\npartners = [\"asker\", \"partner\"]\npurpose = \"sizing\"\nstarts = 2000-01-01\n\
         ends = 2999-12-31\n[identity]\nprofile = \"raw/1\"\nkeys = [\"id\"]\n[privacy]\nunit = \"customer\"\n\
         epsilon = 2.0\ndelta = 1e-6\nper_query_epsilon = 1.0\nmin_group = 1\nreceiver = \"asker\"\n{}{}[allow]\n\
         train = {{ models = [\"logistic\"], approval = [], align = \"revealed\", score = \"asker\", without_noise = true, \
         rounds = 1000 }}\n",
        dataset("asker", format!("{}{target}", columns('a', own))),
        dataset("partner", columns('b', theirs)),
    )
}

fn job(bench: &TrainBench) -> String {
    let list = |letter: char, count: u64| {
        (0..count).map(|at| format!("\"rows.{letter}{at}\"")).collect::<Vec<_>>().join(", ")
    };
    let (own, theirs) = bench.features;
    format!(
        "name = \"bench\"\ncontract = \"bench\"\nkind = \"logistic\"\ntarget = \"asker.rows.y\"\nrounds = {}\nl2 = 1.0\n\
         [features]\nasker = [{}]\npartner = [{}]\n[privacy]\nmechanism = \"none\"\n[evaluate]\nholdout = 0.2\n",
        bench.rounds,
        list('a', own),
        list('b', theirs)
    )
}
