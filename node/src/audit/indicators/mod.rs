//! What a regulator can tick: each indicator with its definition, and a value that is derived from the log.
//!
//! The attack this stops is the reassuring figure: a number that was typed in. Every value here is computed
//! from records (and from signed contracts, which prove themselves), the way its formula says; where the log
//! cannot tell, the indicator says that instead of zero.
//!
//! Formulas name fields of records: `count(refusal)` is the number of records of that kind in the window,
//! `body.x` a field of a record's body, `runs` the permitted questions with their records.

mod approvals;
mod budget;
mod consent;
mod contracts;
mod data;
mod incidents;
mod keys;
mod log;
mod partners;
mod questions;
mod refusals;
mod terms;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    amount,
    facts::Facts,
    words::{Words, words},
};

/// One figure with its definition.
#[derive(Debug, Clone, Copy)]
pub struct Indicator {
    /// Stable across versions: the group's letter and a number.
    pub id: &'static str,
    /// What it is called.
    pub name: Words,
    /// What it means.
    pub means: Words,
    /// How it is computed.
    pub how: &'static str,
    value: fn(&Facts) -> Measure,
}

/// Indicators about one subject, with the law that asks.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// The subject.
    pub title: Words,
    /// Articles that it serves.
    pub law: Words,
    /// Its indicators.
    pub indicators: &'static [Indicator],
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// How many.
    Count(u64),
    /// How many of how many.
    Share(u64, u64),
    /// A figure without a unit.
    Number(f64),
    /// Nano-ρ of zCDP.
    Rho(u64),
    /// δ in units of 10⁻¹⁸.
    Delta(u64),
    /// ε.
    Epsilon(f64),
    /// A length of time in seconds.
    Seconds(f64),
    /// Days.
    Days(f64),
    /// A moment.
    Time(Timestamp),
    /// Yes or no.
    Holds(bool),
    /// Names, in order.
    Names(Vec<String>),
    /// The log cannot tell.
    Untold(Why),
}

/// Why the log cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// There was no case to measure.
    NoCase,
    /// The records lack what it takes.
    NotRecorded,
    /// The signed contracts were not at hand.
    NoContracts,
    /// Nothing checked it.
    NotChecked,
}

impl Why {
    /// Stable, for JSON and CSV.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoCase => "no-case",
            Self::NotRecorded => "not-recorded",
            Self::NoContracts => "no-contracts",
            Self::NotChecked => "not-checked",
        }
    }

    /// For people.
    pub const fn told(self) -> Words {
        match self {
            Self::NoCase => words("no case in this time", "本期间无此情形"),
            Self::NotRecorded => words("the log does not record it", "日志未记录，无法判断"),
            Self::NoContracts => words("the signed contracts are not at hand", "未提供已签署的合同"),
            Self::NotChecked => words("not checked", "未检查"),
        }
    }
}

impl Measure {
    /// A share of something that may be nothing.
    pub const fn share(part: u64, whole: u64) -> Self {
        if whole == 0 { Self::Untold(Why::NoCase) } else { Self::Share(part, whole) }
    }

    /// A value that may be missing.
    pub fn or<T>(value: Option<T>, make: impl FnOnce(T) -> Self, why: Why) -> Self {
        value.map_or(Self::Untold(why), make)
    }

    /// Names; none of them is no case.
    pub fn names<T: ToString>(names: impl IntoIterator<Item = T>) -> Self {
        let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
        if names.is_empty() { Self::Untold(Why::NoCase) } else { Self::Names(names) }
    }

    /// The unit, as JSON and CSV have it.
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Count(_) => "count",
            Self::Share(..) => "share",
            Self::Number(_) => "number",
            Self::Rho(_) => "rho",
            Self::Delta(_) => "delta",
            Self::Epsilon(_) => "epsilon",
            Self::Seconds(_) => "seconds",
            Self::Days(_) => "days",
            Self::Time(_) => "time",
            Self::Holds(_) => "yes-no",
            Self::Names(_) => "names",
            Self::Untold(_) => "untold",
        }
    }

    /// As JSON has it.
    pub fn json(&self) -> Value {
        match self {
            Self::Count(count) => json!(count),
            Self::Share(part, whole) => json!({ "part": part, "whole": whole }),
            Self::Number(number) | Self::Epsilon(number) | Self::Seconds(number) | Self::Days(number) => {
                json!(number)
            }
            Self::Rho(nano) => json!(amount::rho(*nano)),
            Self::Delta(atto) => json!(amount::delta(*atto)),
            Self::Time(time) => json!(time),
            Self::Holds(holds) => json!(holds),
            Self::Names(names) => json!(names),
            Self::Untold(_) => Value::Null,
        }
    }

    /// For people, and for CSV; what is not told is for the caller to say.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Count(count) => count.to_string(),
            Self::Share(part, whole) => {
                format!("{part} / {whole} ({:.1} %)", *part as f64 * 100.0 / (*whole).max(1) as f64)
            }
            Self::Number(number) => short(*number),
            Self::Rho(nano) => format!("ρ {}", amount::rho(*nano)),
            Self::Delta(atto) => format!("δ {}", amount::delta(*atto)),
            Self::Epsilon(epsilon) => format!("ε {}", short(*epsilon)),
            Self::Seconds(seconds) => format!("{} s", short(*seconds)),
            Self::Days(days) => format!("{} d", short(*days)),
            Self::Time(time) => time.to_string(),
            Self::Holds(true) => "yes".to_owned(),
            Self::Holds(false) => "no".to_owned(),
            Self::Names(names) => names.join(", "),
            Self::Untold(_) => return None,
        })
    }
}

/// Four decimals at most.
fn short(number: f64) -> String {
    let fixed = format!("{number:.4}");
    fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Indicator {
    /// Its value for a log.
    pub fn of(&self, facts: &Facts) -> Measure {
        (self.value)(facts)
    }
}

const fn indicator(
    id: &'static str,
    name: Words,
    means: Words,
    how: &'static str,
    value: fn(&Facts) -> Measure,
) -> Indicator {
    Indicator { id, name, means, how, value }
}

/// Every group, in the order of a report.
pub const GROUPS: [Group; 12] = [
    log::GROUP,
    questions::GROUP,
    budget::GROUP,
    refusals::GROUP,
    incidents::GROUP,
    approvals::GROUP,
    consent::GROUP,
    contracts::GROUP,
    terms::GROUP,
    partners::GROUP,
    data::GROUP,
    keys::GROUP,
];

#[cfg(test)]
mod tests;
