//! `tacit bench`: the real thing between two fresh node processes on this machine, for sizing.

use std::{
    io::{BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::stage::{self, Stage, StageError, failed};
use crate::{
    config::Home,
    control::{self, Event, Reply, Request},
    exchange::Calibration,
    ledger,
    query::{QueryRequest, Wish, default_wait},
    report::{Class, Refusal, Report},
};

/// Items that the arithmetic limit is measured with.
const MEASURED: usize = 1 << 16;

/// What `/proc` counts processor time in: `USER_HZ`, 100 on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

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

/// A bench that could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The overlap is not a share.
    #[error("an overlap lies between 0 and 1")]
    OverlapOutOfRange,
    /// The answer is not the overlap that was put in.
    #[error("the answer has {found} customers, {expected} were put in")]
    Wrong {
        /// Rows in the answer.
        found: u64,
        /// Rows that both sides were given.
        expected: u64,
    },
}

impl Refusal for BenchError {
    fn code(&self) -> &'static str {
        match self {
            Self::OverlapOutOfRange => "E-USAGE-OVERLAP",
            Self::Wrong { .. } => "E-BENCH-WRONG-ANSWER",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::OverlapOutOfRange => Class::Usage,
            Self::Wrong { .. } => Class::Failed,
        }
    }
}

/// Runs a private set intersection of random identifiers between two nodes and returns the figures.
///
/// `seconds` is wall time from the request to the answer, data already registered; `arithmetic_limit_seconds`
/// is what the curve operations alone would take on all cores, measured in the same run.
///
/// # Errors
/// [`BenchError`], or what the nodes report. An answer other than the overlap that was put in is an error.
pub fn psi(bench: &PsiBench, events: &mut dyn FnMut(Event)) -> Result<Reply, Report> {
    if !(0.0..=1.0).contains(&bench.overlap) {
        return Err(BenchError::OverlapOutOfRange.into());
    }
    let stage = Stage::temporary("tacit-bench")?;
    let shared = (bench.rows.min(bench.partner_rows) as f64 * bench.overlap).round() as u64;
    let mut note = |text: &str| events(Event::Note { text: text.to_owned() });

    note("measuring the arithmetic limit");
    let limit = Calibration::measure(MEASURED).psi_seconds(bench.rows, bench.partner_rows);
    note("making two homes with keys, cards, data and a contract");
    write_identifiers(&stage.path("asker.csv"), 0, bench.rows)?;
    write_identifiers(&stage.path("partner.csv"), bench.rows - shared, bench.partner_rows)?;
    let ports = stage::free_ports()?;
    for (name, port) in [("asker", ports[0]), ("partner", ports[1])] {
        stage.tacit(name, &["init", name, "--listen", &format!("127.0.0.1:{port}")])?;
        let data = stage.path(&format!("{name}.csv"));
        stage.tacit(name, &["dataset", "add", "rows", &data.to_string_lossy(), "--id", "id=id"])?;
    }
    for (name, other) in [("asker", "partner"), ("partner", "asker")] {
        let card = stage.tacit(other, &["card"])?;
        let file = stage.path(&format!("{other}.card"));
        std::fs::write(&file, card).map_err(failed("write a card"))?;
        stage.tacit(name, &["partner", "add", &file.to_string_lossy()])?;
    }
    std::fs::write(stage.path("contract.toml"), CONTRACT).map_err(failed("write a contract"))?;
    let contract = stage.path("contract.toml");
    let document = stage.path("contract.json");
    let (contract, document) = (contract.to_string_lossy(), document.to_string_lossy());
    stage.tacit("asker", &["contract", "propose", &contract, "--out", &document])?;
    stage.tacit("partner", &["contract", "accept", &document])?;
    let signed = stage.path("signed.json");
    stage.tacit("partner", &["contract", "export", "bench", "--out", &signed.to_string_lossy()])?;
    stage.tacit("asker", &["contract", "import", &signed.to_string_lossy()])?;

    note("starting both nodes");
    let nodes = [stage.serve("asker")?, stage.serve("partner")?];
    let asker = stage.home("asker");
    let cpu_before: f64 = nodes.iter().map(|node| cpu_seconds(node.pid())).sum();
    let wire_before = settled_bytes_on_the_wire(&asker)?;
    let request = QueryRequest {
        sql: "SELECT customer FROM asker.rows JOIN partner.rows USING (customer)".to_owned(),
        contract: None,
        purpose: None,
        wish: Wish::default(),
        wait: default_wait(),
    };
    let started = Instant::now();
    let reply = control::perform(&asker, Request::Query(request), events)?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = nodes.iter().map(|node| cpu_seconds(node.pid())).sum::<f64>() - cpu_before;
    let wire = bytes_on_the_wire(&asker)?.saturating_sub(wire_before);
    let peak = nodes.iter().map(|node| peak_rss_bytes(node.pid())).max().unwrap_or(0);
    let found = reply.answer.as_ref().map_or(0, |answer| answer.rows);
    if found != shared {
        return Err(BenchError::Wrong { found, expected: shared }.into());
    }
    let told = reply.document.unwrap_or_default();
    let figures = json!({
        "seconds": round(seconds),
        "cpu_seconds": round(cpu),
        "bytes_sent": wire,
        "bytes_per_pair": round(wire as f64 / bench.rows.max(bench.partner_rows).max(1) as f64),
        "peak_rss_bytes": peak,
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

/// Reserves and commits questions in a ledger of its own in this directory, on its disk.
///
/// # Errors
/// The disk's.
pub fn ledger(at: &Path, askers: u64, each: u64) -> Result<Reply, Report> {
    let stage = Stage::within(at, "tacit-bench")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(failed("start threads"))?;
    let measured = runtime.block_on(ledger::measure(&stage.path(""), askers, each))?;
    let figures = json!({
        "pairs_per_second": (measured.pairs as f64 / measured.elapsed.as_secs_f64()).round(),
        "fsync_seconds": micros(measured.fsync),
        "pairs": measured.pairs,
        "askers": askers,
        "seconds": round(measured.elapsed.as_secs_f64()),
        "record_bytes": measured.record_bytes,
        "verify_seconds": micros(measured.read),
        "version": env!("CARGO_PKG_VERSION"),
        "cpu": cpu_name(),
        "threads": rayon::current_num_threads(),
    });
    Ok(Reply { text: Some(readable(&figures)), document: Some(figures), ..Reply::default() })
}

/// Seconds, to the microsecond.
fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
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

/// `count` identifiers from number `start` on: 32 hex digits each, spread like random ones.
fn write_identifiers(path: &Path, start: u64, count: u64) -> Result<(), StageError> {
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(failed("make a data file"))?);
    let mut write = || {
        writeln!(file, "id")?;
        for number in start..start + count {
            let hash = blake3::hash(&number.to_le_bytes()).to_hex();
            writeln!(file, "{}", &hash.as_str()[..32])?;
        }
        file.flush()
    };
    write().map_err(failed("write a data file"))
}

/// As [`bytes_on_the_wire`], once the two nodes have settled on one of the connections that both dialled.
fn settled_bytes_on_the_wire(home: &Home) -> Result<u64, Report> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut last = 0;
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = bytes_on_the_wire(home)?;
        if (now > 0 && now == last) || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}

/// UDP bytes of a node's live connections, both ways.
fn bytes_on_the_wire(home: &Home) -> Result<u64, Report> {
    let status = control::perform(home, Request::Status, &mut |_| {})?.document.unwrap_or_default();
    Ok(status["bytes_sent"].as_u64().unwrap_or(0) + status["bytes_received"].as_u64().unwrap_or(0))
}

/// User and system time of a process, from `/proc`; 0 where there is none.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is a name in parentheses that may hold spaces; the numbers follow the last one.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS_A_SECOND
}

/// The most memory a process ever held, in bytes; 0 where `/proc` does not say.
fn peak_rss_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn cpu_name() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn readable(figures: &Value) -> String {
    let mut text = String::new();
    if let Some(figures) = figures.as_object() {
        for (name, value) in figures.iter().filter(|(name, _)| *name != "stages") {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!("{name:<26} {shown}\n"));
        }
        for stage in figures.get("stages").and_then(Value::as_array).into_iter().flatten() {
            let name = stage["name"].as_str().unwrap_or_default();
            text.push_str(&format!(
                "  stage {name:<18} {:>9} s {:>12} bytes\n",
                stage["seconds"], stage["bytes"]
            ));
        }
    }
    text
}
