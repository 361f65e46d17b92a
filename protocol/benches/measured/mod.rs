//! What the plain measurements have in common: settings from the environment, processor time and memory.

use std::time::{Duration, Instant};

/// A number from the environment, or `otherwise`.
pub fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
}

/// What this process has used since it was made.
pub struct Meter {
    start: Instant,
    cpu: Option<f64>,
    peak: Option<u64>,
}

impl Meter {
    /// Starts now.
    pub fn start() -> Self {
        Self { start: Instant::now(), cpu: cpu_seconds(), peak: peak_kib() }
    }

    /// Time by the clock.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Seconds of all cores, where the system says so: what counts on a machine that others use too.
    pub fn cpu_seconds(&self) -> Option<f64> {
        Some(cpu_seconds()? - self.cpu?)
    }

    /// Prints the most memory so far, where the system says so.
    pub fn print_memory(&self) {
        if let (Some(before), Some(after)) = (self.peak, peak_kib()) {
            println!("  peak memory: {} MiB, of which {} MiB before the run\n", after >> 10, before >> 10);
        }
    }
}

/// The most memory this process has had.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Seconds of all cores that this process has used, in hundredths.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The fields after the name, which may itself have spaces; user and system time are the 14th and 15th.
    let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
