//! `tacit bench join`.

use std::io;

use serde_json::{Value, json};

use super::{BenchError, Measured, Nodes, cpu_name, identifier, readable, round, shared, write_rows};
use crate::{
    cli::{
        format::{self, AnswerError, Format},
        stage::{Stage, StageError, failed},
    },
    control::{Answer, Event, Reply},
    report::Report,
};

/// Groups of the answer.
const CELLS: u64 = 8;
/// The largest amount of a row.
const LARGEST: u64 = 1_000;
/// How many half widths of its interval a figure may be off: a normal deviate that far is never seen.
const FAR: f64 = 5.0;

/// What to measure.
#[derive(Debug, Clone)]
pub struct JoinBench {
    /// The asker's rows, one customer each.
    pub rows: u64,
    /// The partner's rows.
    pub partner_rows: u64,
    /// Share of the smaller side that the other has too (0..=1).
    pub overlap: f64,
}

/// Runs a private join of random customers between two nodes: a count and a sum in eight groups of the partner's.
///
/// `seconds` is wall time from the request to the answer, data already registered.
///
/// # Errors
/// [`BenchError`], or what the nodes report. Counts that are further from the truth than noise can be are an error.
pub fn join(bench: &JoinBench, events: &mut dyn FnMut(Event)) -> Result<Reply, Report> {
    let shared = shared(bench.rows, bench.partner_rows, bench.overlap)?;
    let stage = Stage::temporary("tacit-bench")?;
    let mut note = |text: &str| events(Event::Note { text: text.to_owned() });
    write_rows(&stage.path("asker.csv"), "id", (0, bench.rows), identifier)?;
    let first = bench.rows - shared;
    let line = |number| format!("{},g{},{}", identifier(number), number % CELLS, number * 7 % LARGEST);
    write_rows(&stage.path("partner.csv"), "id,cell,amount", (first, bench.partner_rows), line)?;
    let nodes = Nodes::start(stage, CONTRACT, &mut note)?;
    let sql = "SELECT partner.rows.cell, COUNT(*) AS customers, SUM(partner.rows.amount) AS amount \
               FROM asker.rows JOIN partner.rows USING (customer) GROUP BY partner.rows.cell";
    let Measured { reply, seconds, cpu_seconds, bytes_sent, peak_rss_bytes } = nodes.ask(sql, events)?;
    let mut answer = Vec::new();
    if let Some(Answer { path, .. }) = &reply.answer {
        format::write_answer(path, Format::Json, &mut answer).map_err(unread)?;
    }
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    for cell in 0..CELLS {
        let expected = (first..bench.rows).filter(|number| number % CELLS == cell).count() as u64;
        check(&answer, &format!("g{cell}"), expected)?;
    }
    let told = reply.document.unwrap_or_default();
    let figures = json!({
        "seconds": round(seconds),
        "cpu_seconds": round(cpu_seconds),
        "bytes_sent": bytes_sent,
        "bytes_per_row": round(bytes_sent as f64 / bench.rows.max(bench.partner_rows).max(1) as f64),
        "peak_rss_bytes": peak_rss_bytes,
        "rows": bench.rows,
        "partner_rows": bench.partner_rows,
        "overlap": shared,
        "cells": CELLS,
        "rows_per_second": (bench.rows as f64 / seconds).round(),
        "block_cipher": tacit_protocol::ot::Engine::detect().name(),
        "seeker": told["seeker"],
        "stages": told["stages"],
        "version": env!("CARGO_PKG_VERSION"),
        "cpu": cpu_name(),
        "threads": rayon::current_num_threads(),
    });
    drop(nodes);
    Ok(Reply { text: Some(readable(&figures)), document: Some(figures), ..Reply::default() })
}

fn unread(error: AnswerError) -> StageError {
    let error = match error {
        AnswerError::Read(error) => io::Error::other(error),
        AnswerError::Write(error) => io::Error::other(error),
    };
    failed("read the answer")(error)
}

/// Holds a group's count against the truth, by its own interval.
fn check(answer: &Value, group: &str, expected: u64) -> Result<(), BenchError> {
    let row = answer.as_array().into_iter().flatten().find(|row| row["cell"] == group);
    let figure = |name: &str| row.and_then(|row| row[name].as_f64());
    let (Some(found), Some(high)) = (figure("customers"), figure("customers_high95")) else {
        // Hidden, because there are hardly any.
        let (found, group) = (0.0, group.to_owned());
        return if expected < 100 { Ok(()) } else { Err(BenchError::FarOff { group, found, expected }) };
    };
    if (found - expected as f64).abs() <= FAR * (high - found).max(1.0) {
        return Ok(());
    }
    Err(BenchError::FarOff { group: group.to_owned(), found, expected })
}

const CONTRACT: &str = r#"
name = "bench"
partners = ["asker", "partner"]
purpose = "sizing"
starts = 2000-01-01
ends = 2999-12-31

[identity]
profile = "raw/1"
keys = ["id"]

[privacy]
unit = "customer"
epsilon = 2.0
delta = 1e-6
per_query_epsilon = 1.0
min_group = 1
receiver = "asker"

[[dataset]]
owner = "asker"
name = "rows"
consent = "withdrawal-list"
[dataset.columns]
id = { use = ["match"] }

[[dataset]]
owner = "partner"
name = "rows"
consent = "withdrawal-list"
[dataset.columns]
id = { use = ["match"] }
cell = { use = ["group"], values = ["g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7"] }
amount = { use = ["measure"], bounds = [0, 1000] }

[allow]
join = true
"#;
