//! A command's output with the times at which it came.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Lines that come within this time of each other belong together.
const TOGETHER: Duration = Duration::from_millis(30);

/// What a command printed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tape {
    /// Lines that came together, in order.
    pub bursts: Vec<Burst>,
}

/// Lines that came together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Burst {
    /// Since the command was started.
    pub at: Duration,
    /// Without their line ends.
    pub lines: Vec<String>,
}

impl Tape {
    /// Runs a command to its end and records its stdout; stderr goes through.
    ///
    /// # Errors
    ///
    /// It cannot be started, prints something other than UTF-8, or ends with a failure: a recording shows
    /// what works.
    pub fn record(command: &[String]) -> Result<Self> {
        let (program, words) = command.split_first().context("no command to record")?;
        let started = Instant::now();
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{program} cannot be started"))?;
        let stdout = child.stdout.take().context("the command has no output")?;
        let mut tape = Self::default();
        for line in BufReader::new(stdout).lines() {
            tape.push(started.elapsed(), plain_paths(&line.context("its output cannot be read")?));
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("{program} ended with {status}");
        }
        Ok(tape)
    }

    /// Adds a line that came at this time.
    pub fn push(&mut self, at: Duration, line: String) {
        match self.bursts.last_mut() {
            Some(burst) if at.saturating_sub(burst.at) < TOGETHER => burst.lines.push(line),
            _ => self.bursts.push(Burst { at, lines: vec![line] }),
        }
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        self.bursts.iter().flat_map(|burst| &burst.lines).map(|line| format!("{line}\n")).collect()
    }
}

/// Names temporary folders alike on every machine and in every run: `/tmp/tacit-demo` for a folder
/// `tacit-demo-0123456789abcdef` wherever this system keeps such.
fn plain_paths(line: &str) -> String {
    let temporary = format!("{}/", std::env::temp_dir().display().to_string().trim_end_matches('/'));
    let mut shown = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once(&temporary) {
        let folder =
            after.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next().unwrap_or_default();
        let name = folder.rsplit_once('-').filter(|(_, random)| {
            random.len() == 16 && random.bytes().all(|digit| digit.is_ascii_hexdigit())
        });
        shown.push_str(before);
        shown.push_str("/tmp/");
        shown.push_str(name.map_or(folder, |(name, _)| name));
        rest = &after[folder.len()..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_come_together_are_one_burst() {
        let mut tape = Tape::default();
        for (milliseconds, line) in [(0, "a"), (10, "b"), (100, "c")] {
            tape.push(Duration::from_millis(milliseconds), line.to_owned());
        }
        let lines: Vec<usize> = tape.bursts.iter().map(|burst| burst.lines.len()).collect();
        assert_eq!(lines, [2, 1]);
        assert_eq!(tape.text(), "a\nb\nc\n");
    }

    #[test]
    fn random_folders_get_one_name() {
        let temporary = std::env::temp_dir().display().to_string();
        let line = format!("made {temporary}/tacit-demo-0123456789abcdef/brand and {temporary}/brand.card");
        assert_eq!(plain_paths(&line), "made /tmp/tacit-demo/brand and /tmp/brand.card");
    }

    #[test]
    fn a_failure_is_no_recording() {
        let command = |text: &str| ["sh", "-c", text].map(str::to_owned).to_vec();
        assert_eq!(Tape::record(&command("echo one; echo two")).unwrap().text(), "one\ntwo\n");
        assert!(Tape::record(&command("echo one; exit 3")).is_err());
        assert!(Tape::record(&[]).is_err());
    }
}
