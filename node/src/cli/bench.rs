//! `tacit bench`: the real thing between two fresh node processes on this machine, for sizing.

mod join;
mod ledger;
mod psi;
mod train;

use std::{
    io::{BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

pub use self::{
    join::{JoinBench, join},
    ledger::ledger,
    psi::{PsiBench, psi},
    train::{TrainBench, train},
};
use super::stage::{self, Node, Stage, StageError, failed};
use crate::{
    config::Home,
    control::{self, Event, Reply, Request},
    query::{QueryRequest, Wish, default_wait},
    report::{Class, Refusal, Report},
};

/// What `/proc` counts processor time in: `USER_HZ`, 100 on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// A bench that could not be run.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The overlap is not a share.
    #[error("an overlap lies between 0 and 1")]
    OverlapOutOfRange,
    /// The noisy answer is further from what was put in than its noise can be.
    #[error("group {group} has {found} customers, {expected} were put in, and the noise is not so large")]
    FarOff {
        /// The group.
        group: String,
        /// What the answer says.
        found: f64,
        /// What was put in.
        expected: u64,
    },
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
            Self::Wrong { .. } | Self::FarOff { .. } => "E-BENCH-WRONG-ANSWER",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::OverlapOutOfRange => Class::Usage,
            Self::Wrong { .. } | Self::FarOff { .. } => Class::Failed,
        }
    }
}

/// Two nodes that serve, with a table each and a contract in force.
struct Nodes {
    _stage: Stage,
    nodes: [Node; 2],
    asker: Home,
}

/// What a question took.
struct Measured {
    reply: Reply,
    seconds: f64,
    cpu_seconds: f64,
    bytes_sent: u64,
    peak_rss_bytes: u64,
}

impl Nodes {
    /// Two homes with keys, cards, `asker.csv` and `partner.csv` of the stage, and this contract.
    fn start(stage: Stage, contract: &str, note: &mut dyn FnMut(&str)) -> Result<Self, Report> {
        note("making two homes with keys, cards, data and a contract");
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
        std::fs::write(stage.path("contract.toml"), contract).map_err(failed("write a contract"))?;
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
        Ok(Self { _stage: stage, nodes, asker })
    }

    /// Asks, and measures from the request to the answer.
    fn ask(&self, sql: &str, events: &mut dyn FnMut(Event)) -> Result<Measured, Report> {
        let request = QueryRequest {
            sql: sql.to_owned(),
            contract: None,
            purpose: None,
            wish: Wish::default(),
            wait: default_wait(),
        };
        self.measure(Request::Query(request), events)
    }

    /// Has the asker do something, and measures from the request to what comes back.
    fn measure(&self, request: Request, events: &mut dyn FnMut(Event)) -> Result<Measured, Report> {
        let cpu_before: f64 = self.nodes.iter().map(|node| cpu_seconds(node.pid())).sum();
        let wire_before = settled_bytes_on_the_wire(&self.asker)?;
        let started = Instant::now();
        let reply = control::perform(&self.asker, request, events)?;
        let seconds = started.elapsed().as_secs_f64();
        let cpu_seconds = self.nodes.iter().map(|node| cpu_seconds(node.pid())).sum::<f64>() - cpu_before;
        let bytes_sent = bytes_on_the_wire(&self.asker)?.saturating_sub(wire_before);
        let peak_rss_bytes = self.nodes.iter().map(|node| peak_rss_bytes(node.pid())).max().unwrap_or(0);
        Ok(Measured { reply, seconds, cpu_seconds, bytes_sent, peak_rss_bytes })
    }
}

/// Identifier number `number`: 32 hex digits, spread like random ones.
fn identifier(number: u64) -> String {
    blake3::hash(&number.to_le_bytes()).to_hex()[..32].to_owned()
}

/// A CSV file of a header and `count` lines, numbered from `start` on.
fn write_rows(
    path: &Path,
    header: &str,
    (start, count): (u64, u64),
    line: impl Fn(u64) -> String,
) -> Result<(), StageError> {
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(failed("make a data file"))?);
    let mut write = || {
        writeln!(file, "{header}")?;
        for number in start..start + count {
            writeln!(file, "{}", line(number))?;
        }
        file.flush()
    };
    write().map_err(failed("write a data file"))
}

/// How many rows both sides have.
fn shared(rows: u64, partner_rows: u64, overlap: f64) -> Result<u64, BenchError> {
    if !(0.0..=1.0).contains(&overlap) {
        return Err(BenchError::OverlapOutOfRange);
    }
    Ok((rows.min(partner_rows) as f64 * overlap).round() as u64)
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
