//! A budget burning down: a line of blocks for terminals, a drawing for pages.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{
    amount,
    budget::{Balance, Point},
    escape,
};

/// The share of the granted ρ that was left, at `columns` moments between the first and the last change (and
/// `until`, if that is later). Shares are 0..=1; none where nothing was ever granted or set aside.
pub fn shares(balance: &Balance, columns: usize, until: Option<Timestamp>) -> Vec<f64> {
    let granted = balance.granted().nano_rho;
    let (Some(first), Some(last)) = (balance.course.first(), balance.course.last()) else {
        return Vec::new();
    };
    if granted == 0 || columns == 0 {
        return Vec::new();
    }
    let share = |used: u64| 1.0 - (used as f64 / granted as f64).min(1.0);
    // By time where the clock moved; by record where everything happened at once.
    let by_time = |point: &Point| point.time.map_or(0, Timestamp::as_second) as f64;
    let by_seq = |point: &Point| point.seq as f64;
    let end = until.map_or(f64::MIN, |until| until.as_second() as f64).max(by_time(last));
    let clock_moved = end > by_time(first);
    let place = |point: &Point| if clock_moved { by_time(point) } else { by_seq(point) };
    let (start, end) = (place(first), if clock_moved { end } else { by_seq(last) });
    let mut shown = vec![1.0];
    for column in 1..columns {
        let moment = start + (end - start) * column as f64 / (columns - 1).max(1) as f64;
        let passed = balance.course.iter().take_while(|point| place(point) <= moment).last();
        shown.push(passed.map_or(1.0, |point| share(point.used.nano_rho)));
    }
    shown
}

/// The same as a line of blocks: a full block is all of the budget, a blank is none.
pub fn sparkline(balance: &Balance, columns: usize, until: Option<Timestamp>) -> String {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let block = |share: f64| {
        // A budget that is not all gone is never drawn as gone.
        let eighths = (share * 8.0).ceil().clamp(0.0, 8.0) as usize;
        BLOCKS[eighths.min(8)]
    };
    shares(balance, columns, until).into_iter().map(block).collect()
}

/// A drawing of one account, to stand in a page or in a file of its own.
pub fn svg(balance: &Balance, title: &str) -> String {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 220.0;
    const LEFT: f64 = 56.0;
    const BOTTOM: f64 = 188.0;
    const TOP: f64 = 34.0;
    const RIGHT: f64 = 628.0;
    let shares = shares(balance, 240, None);
    let mut path = String::new();
    let x =
        |column: usize| LEFT + (RIGHT - LEFT) * column as f64 / shares.len().saturating_sub(1).max(1) as f64;
    let y = |share: f64| BOTTOM - (BOTTOM - TOP) * share;
    let mut before = None;
    for (column, &share) in shares.iter().enumerate() {
        // A budget falls in steps: nothing is spent in between.
        match before {
            None => _ = write!(path, "M{:.1} {:.1}", x(column), y(share)),
            Some(level) if level != share => _ = write!(path, "H{:.1}V{:.1}", x(column), y(share)),
            Some(_) if column + 1 == shares.len() => _ = write!(path, "H{:.1}", x(column)),
            Some(_) => {}
        }
        before = Some(share);
    }
    let granted = amount::rho(balance.granted().nano_rho);
    let left = amount::rho(balance.left().nano_rho);
    let day = |point: Option<&Point>| {
        point
            .and_then(|point| point.time)
            .map_or_else(String::new, |time| time.strftime("%Y-%m-%d %H:%M").to_string())
    };
    let (first, last) = (day(balance.course.first()), day(balance.course.last()));
    let title = escape::html(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#333\">\
         <title>{title}</title>\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"13\">{title}</text>\
         <path d=\"M{LEFT} {TOP}H{RIGHT}M{LEFT} {middle}H{RIGHT}M{LEFT} {BOTTOM}H{RIGHT}\" stroke=\"#ddd\" fill=\"none\"/>\
         <text x=\"{label}\" y=\"{top_label}\" text-anchor=\"end\">ρ {granted}</text>\
         <text x=\"{label}\" y=\"{bottom_label}\" text-anchor=\"end\">0</text>\
         <path d=\"{path}\" stroke=\"#1f5f8b\" stroke-width=\"2\" fill=\"none\"/>\
         <text x=\"{LEFT}\" y=\"206\">{first}</text>\
         <text x=\"{RIGHT}\" y=\"206\" text-anchor=\"end\">{last}, ρ {left}</text></svg>\n",
        middle = f64::midpoint(TOP, BOTTOM),
        label = LEFT - 6.0,
        top_label = TOP + 4.0,
        bottom_label = BOTTOM + 4.0,
    )
}

/// Drawings of several accounts in one file, one under another.
pub fn sheet(drawings: &[String]) -> String {
    const ROW: usize = 232;
    let height = ROW * drawings.len().max(1);
    let mut sheet = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 {height}\" width=\"640\" height=\"{height}\">\n"
    );
    for (row, drawing) in drawings.iter().enumerate() {
        // An inner drawing keeps its own size and is only moved.
        sheet.push_str(&drawing.replacen("<svg ", &format!("<svg y=\"{}\" ", row * ROW), 1));
    }
    sheet.push_str("</svg>\n");
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{
        budget::balances,
        history::tests::{Log, price},
    };

    fn burning() -> Balance {
        let mut log = Log::new();
        for query in 1..=4 {
            let seq = log.reserve(query, price(25));
            log.spend(query, seq);
        }
        balances(&log.entries).remove(0)
    }

    #[test]
    fn a_budget_burns_down_to_nothing_and_is_not_gone_before() {
        let line = sparkline(&burning(), 8, None);
        assert_eq!(line.chars().count(), 8);
        assert!(line.starts_with('█') && line.ends_with(' '), "{line:?}");
        let mut nearly = burning();
        nearly.course.last_mut().unwrap().used = price(99);
        assert!(sparkline(&nearly, 8, None).ends_with('▁'));
        assert_eq!(shares(&burning(), 5, None).first(), Some(&1.0));
    }

    #[test]
    fn d17_a_drawing_cannot_be_broken_out_of() {
        let drawn = svg(&burning(), "</svg><script>\u{1b}");
        assert!(!drawn.contains("<script>") && !drawn.contains('\u{1b}'), "{drawn}");
        assert_eq!(drawn.matches("</svg>").count(), 1);
        assert_eq!(sheet(&[drawn.clone(), drawn]).matches("<svg").count(), 3);
    }

    #[test]
    fn nothing_granted_draws_nothing() {
        let mut empty = burning();
        empty.limits.clear();
        assert_eq!(sparkline(&empty, 8, None), "");
    }
}
