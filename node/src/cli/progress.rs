//! How far a long command is: a bar on a terminal, plain lines in a log, JSON for programs; all on stderr.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    draw::{count, plain},
    interrupt::{OnInterrupt, on_interrupt},
};
use crate::{
    config::units::{show_duration, show_size},
    control::Event,
};

/// Plain lines come no faster than this.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressMode {
    /// A bar on a terminal, plain lines elsewhere
    Auto,
    /// A bar with rate and time left
    Bar,
    /// A line now and then
    Plain,
    /// One JSON object a line
    Json,
    /// Nothing
    None,
}

/// Shows events as they come.
pub struct Progress(Shown);

enum Shown {
    Bar { bar: ProgressBar, stage: String, _clear: OnInterrupt },
    Plain(PlainLines),
    Json,
    Nothing,
}

impl Progress {
    /// Nothing is shown before the first event.
    pub fn start(mode: ProgressMode) -> Self {
        let bar = match mode {
            ProgressMode::None => return Self(Shown::Nothing),
            ProgressMode::Json => return Self(Shown::Json),
            ProgressMode::Auto => io::stderr().is_terminal(),
            ProgressMode::Bar => true,
            ProgressMode::Plain => false,
        };
        if !bar {
            return Self(Shown::Plain(PlainLines::default()));
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(waiting());
        let clear = bar.clone();
        Self(Shown::Bar { bar, stage: String::new(), _clear: on_interrupt(move || clear.finish_and_clear()) })
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        match &mut self.0 {
            Shown::Nothing => {}
            Shown::Json => {
                if let Ok(line) = serde_json::to_string(event) {
                    say(&line);
                }
            }
            Shown::Plain(lines) => {
                if let Some(line) = lines.line(event, Instant::now()) {
                    say(&line);
                }
            }
            Shown::Bar { bar, stage, .. } => match event {
                Event::Note { text } => bar.println(plain(text)),
                Event::Stage { stage: name } => {
                    *stage = plain(name).into_owned();
                    bar.set_style(waiting());
                    bar.set_message(stage.clone());
                    bar.enable_steady_tick(Duration::from_millis(120));
                }
                Event::Progress { stage: name, done, total, .. } => {
                    if bar.length() != Some(*total) || stage != name {
                        *stage = plain(name).into_owned();
                        bar.set_style(counting());
                        bar.set_length(*total);
                    }
                    bar.set_position(*done);
                    bar.set_message(format!("{stage}  {}", figures(event)));
                }
            },
        }
    }

    /// Clears the bar away, so that data or an error starts on a clean line.
    pub fn finish(self) {
        if let Shown::Bar { bar, .. } = self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A spinner while there is nothing to count. The templates are constants; a wrong one falls back.
fn waiting() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg}  {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn counting() -> ProgressStyle {
    ProgressStyle::with_template("[{bar:30}] {percent:>3}%  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn say(line: &str) {
    // A closed stderr is no reason to stop the work.
    let _ = writeln!(io::stderr(), "{line}");
}

/// `12,000 of 1,048,576 items, 20,000 items/s, 51.8s left`.
fn figures(event: &Event) -> String {
    let Event::Progress { done, total, unit, per_second, seconds_left, .. } = event else {
        return String::new();
    };
    let amount = |number: f64| match unit.as_str() {
        "bytes" => show_size(number.max(0.0) as u64),
        _ => count(number.max(0.0) as u64),
    };
    let named = if unit == "bytes" { String::new() } else { format!(" {}", plain(unit)) };
    let mut text = format!("{} of {}{named}", amount(*done as f64), amount(*total as f64));
    if *per_second > 0.0 && per_second.is_finite() {
        text.push_str(&format!(", {}{named}/s", amount(*per_second)));
    }
    if let Some(left) = seconds_left.filter(|left| left.is_finite() && (0.0..3e8).contains(left)) {
        text.push_str(&format!(", {} left", show_duration(Duration::from_secs_f64(left))));
    }
    text
}

/// Decides which events become lines.
#[derive(Debug, Default)]
struct PlainLines {
    stage: String,
    last: Option<Instant>,
}

impl PlainLines {
    fn line(&mut self, event: &Event, now: Instant) -> Option<String> {
        match event {
            Event::Note { text } => Some(plain(text).into_owned()),
            Event::Stage { stage } => {
                self.stage.clone_from(stage);
                Some(format!("{} …", plain(stage)))
            }
            Event::Progress { stage, done, total, .. } => {
                // The end of a stage is always told; so a log shows that it was reached.
                let ended = done == total && *total > 0;
                let due = self.last.is_none_or(|last| now.duration_since(last) >= LINE_EVERY);
                if !due && !ended {
                    return None;
                }
                self.last = Some(now);
                Some(format!("{}: {}", plain(stage), figures(event)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(done: u64) -> Event {
        Event::Progress {
            stage: "blinding".into(),
            done,
            total: 1_048_576,
            unit: "items".into(),
            per_second: 20_000.0,
            seconds_left: Some(51.8),
        }
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        assert_eq!(figures(&at(12_000)), "12,000 of 1,048,576 items, 20,000 items/s, 51.8s left");
        let bytes = Event::Progress {
            stage: "sending".into(),
            done: 1 << 20,
            total: 3 << 20,
            unit: "bytes".into(),
            per_second: 0.0,
            seconds_left: None,
        };
        assert_eq!(figures(&bytes), "1 MiB of 3 MiB");
    }

    #[test]
    fn odd_figures_do_no_harm() {
        for left in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            let Event::Progress { stage, done, total, unit, .. } = at(1) else { continue };
            let event = Event::Progress {
                stage,
                done,
                total,
                unit,
                per_second: f64::INFINITY,
                seconds_left: Some(left),
            };
            assert_eq!(figures(&event), "1 of 1,048,576 items");
        }
    }

    #[test]
    fn lines_come_once_a_second_and_at_the_end() {
        let mut lines = PlainLines::default();
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(lines.line(&at(1), after(0)).is_some());
        assert!(lines.line(&at(2), after(400)).is_none());
        assert!(lines.line(&at(3), after(999)).is_none());
        assert!(lines.line(&at(4), after(1_000)).is_some());
        assert!(lines.line(&at(1_048_576), after(1_001)).is_some(), "the end is told at once");
        assert_eq!(
            lines.line(&Event::Note { text: "a\u{1b}b".into() }, after(1_002)).as_deref(),
            Some("a\\u{1b}b")
        );
    }

    #[test]
    fn programs_get_one_object_a_line() {
        let line = serde_json::to_string(&at(1)).unwrap();
        assert_eq!(
            line,
            "{\"event\":\"progress\",\"stage\":\"blinding\",\"done\":1,\"total\":1048576,\"unit\":\"items\",\
             \"per_second\":20000.0,\"seconds_left\":51.8}"
        );
    }
}
