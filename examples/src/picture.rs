//! A tape as a picture that needs nothing but itself: SVG with text, played by CSS where that is supported.
//!
//! The picture is a window of a terminal. Played, lines come in at its bottom, at a reader's pace where they
//! came faster, and it starts over after a rest. Before it starts, and where nothing moves (a reader's wish,
//! a converter), it shows the end, which sums up the story.

use std::{fmt::Write, time::Duration};

use crate::tape::Tape;

/// How large the window is.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Characters in a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// Width of a character and height of a line, in pixels of a 13-pixel font.
const CHARACTER: f64 = 7.8;
const LINE: usize = 17;
const MARGIN: usize = 14;
const BAR: usize = 30;

/// How long a reader gets, in seconds: before it starts, for a command, for each line of what it printed, and
/// at the end.
const POSTER: f64 = 4.0;
const PAUSE: f64 = 0.6;
const PER_LINE: f64 = 0.16;
const LONGEST: f64 = 3.5;
const REST: f64 = 14.0;

/// Draws the tape.
pub fn draw(tape: &Tape, title: &str, window: Window) -> String {
    let mut lines: Vec<String> = Vec::new();
    // From so many seconds on, so many lines are there.
    let mut steps: Vec<(f64, usize)> = Vec::new();
    let mut now = POSTER;
    let scenes = scenes(tape);
    for (index, (at, scene)) in scenes.iter().enumerate() {
        lines.extend(scene.iter().flat_map(|line| fold(line, window.columns)));
        steps.push((now, lines.len()));
        let next = scenes.get(index + 1).map_or(*at, |(next, _)| *next);
        let waited = next.saturating_sub(*at).as_secs_f64();
        now += waited.max(PAUSE + PER_LINE * scene.len() as f64).min(LONGEST);
    }
    let whole = now + REST;
    steps.insert(0, (0.0, lines.len()));
    let scroll = |count: usize| (window.rows as f64 - count as f64) * LINE as f64;

    let width = (window.columns as f64 * CHARACTER).ceil() as usize + 2 * MARGIN;
    let height = window.rows * LINE + BAR + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-label=\"{}\">\n<style>\n\
         text {{ font: 13px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #d5d9e2; white-space: pre }}\n\
         .heading {{ fill: #e5c07b; font-weight: bold }}\n.typed {{ fill: #ffffff }}\n.one {{ fill: #7fb4e8 }}\n\
         .other {{ fill: #8fce9b }}\n.refused {{ fill: #f08a8a }}\n.title {{ fill: #9aa3b5 }}\n",
        escape(title)
    );
    svg.push_str("@keyframes play {\n");
    for (at, count) in &steps {
        let _ = writeln!(svg, "{:.2}% {{ transform: translateY({}px) }}", at / whole * 100.0, scroll(*count));
    }
    let _ = write!(
        svg,
        "100% {{ transform: translateY({}px) }}\n}}\n\
         .tape {{ animation: play {whole:.0}s step-end infinite }}\n\
         @media (prefers-reduced-motion: reduce) {{ .tape {{ animation: none }} }}\n</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#1e222b\"/>\n\
         <circle cx=\"18\" cy=\"15\" r=\"5\" fill=\"#4a5162\"/><circle cx=\"34\" cy=\"15\" r=\"5\" fill=\"#4a5162\"/>\
         <circle cx=\"50\" cy=\"15\" r=\"5\" fill=\"#4a5162\"/>\n\
         <text class=\"title\" x=\"{}\" y=\"19\" text-anchor=\"middle\">{}</text>\n\
         <svg x=\"0\" y=\"{BAR}\" width=\"{width}\" height=\"{}\">\n<g class=\"tape\" transform=\"translate(0 {})\">\n",
        scroll(lines.len()),
        width / 2,
        escape(title),
        window.rows * LINE,
        scroll(lines.len()),
    );
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        // Blanks in front are a place, so that no reader of SVG can swallow them.
        let text = line.trim_start();
        let indent = line.chars().count() - text.chars().count();
        let x = MARGIN as f64 + indent as f64 * CHARACTER;
        let length = text.chars().count() as f64 * CHARACTER;
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
             xml:space=\"preserve\"{}</text>",
            index * LINE + 13,
            coloured(text),
        );
    }
    svg.push_str("</g>\n</svg>\n</svg>\n");
    svg
}

/// What is shown at once: lines that came together, but no command together with the one before.
fn scenes(tape: &Tape) -> Vec<(Duration, Vec<&str>)> {
    let mut scenes: Vec<(Duration, Vec<&str>)> = Vec::new();
    for burst in &tape.bursts {
        let mut fresh = true;
        for line in &burst.lines {
            match scenes.last_mut() {
                Some((_, scene)) if !fresh && prompt(line.trim_start()).is_none() => scene.push(line),
                _ => scenes.push((burst.at, vec![line])),
            }
            fresh = false;
        }
    }
    scenes
}

/// Who types, and what.
fn prompt(text: &str) -> Option<(&str, &str)> {
    text.split_once("$ ")
        .filter(|(who, _)| !who.is_empty() && who.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// The rest of a text element from its last attributes on.
fn coloured(text: &str) -> String {
    if text.starts_with("──") && text.contains(' ') {
        return format!(" class=\"heading\">{}", escape(text));
    }
    if text.starts_with("error[") {
        return format!(" class=\"refused\">{}", escape(text));
    }
    match prompt(text) {
        Some((who, typed)) => {
            let class = if who == "brand" { "one" } else { "other" };
            format!(
                "><tspan class=\"{class}\">{who}$</tspan><tspan class=\"typed\"> {}</tspan>",
                escape(typed)
            )
        }
        None => format!(">{}", escape(text)),
    }
}

/// Breaks a line that is too long, at blanks where there are some, and indents what follows a little more.
fn fold(line: &str, columns: usize) -> Vec<String> {
    let indent = line.chars().take_while(|c| *c == ' ').count().min(columns / 2) + 2;
    let mut folded = Vec::new();
    let mut rest: Vec<char> = line.chars().collect();
    while rest.len() > columns {
        let started = if folded.is_empty() { 0 } else { indent };
        let blank =
            (started + 1..=columns).rev().find(|&at| rest[at] == ' ' && rest[..at].iter().any(|c| *c != ' '));
        let at = blank.filter(|&at| at > columns / 2).unwrap_or(columns);
        let after: Vec<char> = rest.split_off(at).into_iter().collect();
        folded.push(rest.iter().collect::<String>().trim_end().to_owned());
        let after = if blank == Some(at) { &after[1..] } else { &after[..] };
        rest = std::iter::repeat_n(' ', indent).chain(after.iter().copied()).collect();
    }
    folded.push(rest.into_iter().collect());
    folded
}

/// For text and attribute values of XML; what XML cannot hold at all is left out.
fn escape(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn long_lines_are_folded_at_blanks_and_lose_nothing() {
        assert_eq!(fold("  one two three four", 12), ["  one two", "    three", "    four"]);
        assert_eq!(fold("abcdefghij", 4), ["abcd", "  ef", "  gh", "  ij"]);
        assert_eq!(fold("", 4), [""]);
        let long =
            "a filter on credit_tier tells brand the credit_tier of every match, and nothing else of it";
        let folded = fold(long, 40);
        assert!(folded.iter().all(|line| line.chars().count() <= 40), "{folded:?}");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&folded.join(" ")), words(long));
    }

    #[test]
    fn nothing_that_was_printed_is_read_as_markup() {
        assert_eq!(escape("a<b> & \"c\"\u{1b}[1m"), "a&lt;b&gt; &amp; &quot;c&quot;[1m");
        let mut tape = Tape::default();
        tape.push(Duration::ZERO, "  brand$ tacit query \"a <> 'b' && c\"".to_owned());
        let svg = draw(&tape, "<title>", Window { columns: 60, rows: 3 });
        assert!(
            svg.contains("a &lt;&gt; 'b' &amp;&amp; c") && !svg.contains("<>") && !svg.contains("<title>")
        );
    }

    #[test]
    fn every_command_is_a_scene() {
        let mut tape = Tape::default();
        ["  brand$ tacit card", "    a card", "  bank$ tacit card", "    another"]
            .iter()
            .for_each(|line| tape.push(Duration::ZERO, (*line).to_owned()));
        assert_eq!(scenes(&tape).iter().map(|(_, scene)| scene.len()).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(prompt("costs 5$ a piece"), None);
    }

    #[test]
    fn what_does_not_move_shows_the_end() {
        let mut tape = Tape::default();
        (0..10).for_each(|number| tape.push(Duration::from_secs(number), format!("line {number}")));
        let svg = draw(&tape, "ten", Window { columns: 20, rows: 4 });
        // Six of ten lines stand above the window.
        assert!(
            svg.contains(&format!("<g class=\"tape\" transform=\"translate(0 -{})\">", 6 * LINE)),
            "{svg}"
        );
        assert_eq!(svg.matches("<text x=\"14.0\"").count(), 10);
        assert!(
            svg.contains(&format!("\n0.00% {{ transform: translateY(-{}px) }}", 6 * LINE)),
            "nor at first"
        );
    }
}
