//! `tacit bench ledger`.

use std::{path::Path, time::Duration};

use serde_json::json;

use super::{cpu_name, readable, round};
use crate::{
    cli::stage::{Stage, failed},
    control::Reply,
    ledger,
    report::Report,
};

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
