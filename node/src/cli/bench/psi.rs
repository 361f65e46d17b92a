//! `tacit bench psi`.

use serde_json::json;

use super::{BenchError, Measured, Nodes, cpu_name, identifier, readable, round, shared, write_rows};
use crate::{
    cli::stage::Stage,
    control::{Event, Reply},
    exchange::Calibration,
    report::Report,
};

/// Items that the arithmetic limit is measured with.
const MEASURED: usize = 1 << 16;

/// What to measure.
#[derive(Debug, Clone)]
pub struct PsiBench {
    /// The asker's rows, one identifier each.
    pub rows: u64,
    /// The partner's rows.
    pub partner_rows: u64,
    /// Share of the smaller side that the other has too (0..=1).
    pub overlap: f64,
}

/// Runs a private set intersection of random identifiers between two nodes and returns the figures.
///
/// `seconds` is wall time from the request to the answer, data already registered; `arithmetic_limit_seconds`
/// is what the curve operations alone would take on all cores, measured in the same run.
///
/// # Errors
/// [`BenchError`], or what the nodes report. An answer other than the overlap that was put in is an error.
pub fn psi(bench: &PsiBench, events: &mut dyn FnMut(Event)) -> Result<Reply, Report> {
    let shared = shared(bench.rows, bench.partner_rows, bench.overlap)?;
    let stage = Stage::temporary("tacit-bench")?;
    let mut note = |text: &str| events(Event::Note { text: text.to_owned() });
    note("measuring the arithmetic limit");
    let limit = Calibration::measure(MEASURED).psi_seconds(bench.rows, bench.partner_rows);
    write_rows(&stage.path("asker.csv"), "id", (0, bench.rows), identifier)?;
    let partners = (bench.rows - shared, bench.partner_rows);
    write_rows(&stage.path("partner.csv"), "id", partners, identifier)?;
    let nodes = Nodes::start(stage, CONTRACT, &mut note)?;
    let sql = "SELECT customer FROM asker.rows JOIN partner.rows USING (customer)";
    let Measured { reply, seconds, cpu_seconds, bytes_sent, peak_rss_bytes } = nodes.ask(sql, events)?;
    let found = reply.answer.as_ref().map_or(0, |answer| answer.rows);
    if found != shared {
        return Err(BenchError::Wrong { found, expected: shared }.into());
    }
    let told = reply.document.unwrap_or_default();
    let figures = json!({
        "seconds": round(seconds),
        "cpu_seconds": round(cpu_seconds),
        "bytes_sent": bytes_sent,
        "bytes_per_pair": round(bytes_sent as f64 / bench.rows.max(bench.partner_rows).max(1) as f64),
        "peak_rss_bytes": peak_rss_bytes,
        "rows": bench.rows,
        "partner_rows": bench.partner_rows,
        "overlap": shared,
        "rows_per_second": (bench.rows as f64 / seconds).round(),
        "arithmetic_limit_seconds": round(limit),
        "ratio_to_limit": round(seconds / limit),
        "curve_backend": tacit_protocol::ristretto::Engine::detect().name(),
        "stages": told["stages"],
        "version": env!("CARGO_PKG_VERSION"),
        "cpu": cpu_name(),
        "threads": rayon::current_num_threads(),
    });
    Ok(Reply { text: Some(readable(&figures)), document: Some(figures), ..Reply::default() })
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
epsilon = 1.0
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

[allow]
reveal = { to = "asker", columns = [], approval = [] }
"#;
