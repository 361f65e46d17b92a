//! The log, folded by question: which records belong together, and how each question ended.
//!
//! The attack this stops is the record that nobody connects: a release without a reservation, an answer
//! without a release, a reservation that never ended. Whatever belongs to nothing is kept apart as an orphan
//! and counted; nothing is passed over in silence.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tacit_protocol::{
    ids::PartnerId,
    log::{Charge, Entry, Handover, Kind, note::VerifierKey},
};

use crate::ledger::Noise;

/// Which records are looked at, by their time: from `from` on, and before `to`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The first moment; the log's beginning when there is none.
    pub from: Option<Timestamp>,
    /// The moment after the last; the log's end when there is none.
    pub to: Option<Timestamp>,
}

impl Window {
    /// A record whose time does not read is inside: leaving it out would hide it.
    fn holds(&self, entry: &Entry) -> bool {
        let Some(time) = moment(entry) else { return true };
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    fn is_over(&self, entry: &Entry) -> bool {
        moment(entry).is_some_and(|time| self.to.is_some_and(|to| time >= to))
    }
}

/// When a record was made, if its time reads.
pub fn moment(entry: &Entry) -> Option<Timestamp> {
    entry.time.parse().ok()
}

/// On which side of a question the node stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// It asked.
    Asker,
    /// It was asked, about its own data.
    Owner,
}

/// How a question that was permitted ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// With an answer that was paid for.
    Answered,
    /// With an answer that had been given before, free of charge.
    Replayed,
    /// Aborted before anything left; the price was given back.
    Refunded,
    /// Aborted with nothing known to have left; the price was kept all the same.
    Kept,
    /// Aborted after the release point: counts as revealed.
    Revealed,
    /// No record says how.
    Open,
}

impl Ending {
    /// Stable, as tables and JSON have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Replayed => "replayed",
            Self::Refunded => "aborted, refunded",
            Self::Kept => "aborted, charged",
            Self::Revealed => "aborted after release",
            Self::Open => "open",
        }
    }
}

/// One permitted question with its records.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// Its price was set aside.
    pub reserve: &'a Entry,
    /// The release point.
    pub spend: Option<&'a Entry>,
    /// It was answered.
    pub answer: Option<&'a Entry>,
    /// It was not.
    pub abort: Option<&'a Entry>,
    /// The price, where the question has one that is counted.
    pub charge: Option<Charge>,
    /// Which side the node stood on.
    pub side: Side,
}

impl Run<'_> {
    /// How it ended.
    pub fn ending(&self) -> Ending {
        match (self.answer, self.abort, self.spend) {
            (Some(_), ..) if self.replays().is_some() => Ending::Replayed,
            (Some(_), ..) => Ending::Answered,
            (None, Some(_), Some(_)) => Ending::Revealed,
            (None, Some(abort), None) => match abort.body["refunded"].as_bool() {
                // Records of reveals have no price and so no refund.
                Some(true) | None => Ending::Refunded,
                Some(false) => Ending::Kept,
            },
            (None, None, _) => Ending::Open,
        }
    }

    /// The answer that this one repeats.
    pub fn replays(&self) -> Option<u64> {
        self.reserve.body["replays"].as_u64()
    }

    /// The reservation that it takes up again: paid for, and came to nothing.
    pub fn resumes(&self) -> Option<u64> {
        self.reserve.body["resumes"].as_u64()
    }

    /// Whether it was paid for by an earlier question.
    pub fn is_free(&self) -> bool {
        self.replays().is_some() || self.resumes().is_some()
    }

    /// A revelation has no ε: what it tells is told by name.
    pub fn is_reveal(&self) -> bool {
        match self.reserve.body["shape"]["kind"].as_str() {
            Some(kind) => kind == "reveal",
            None => self.reserve.body["price"].get("reveals").is_some(),
        }
    }

    /// `reveal`, `aggregate`, `join`, or nothing where the record does not say.
    pub fn kind(&self) -> Option<&str> {
        let told = self.reserve.body["shape"]["kind"].as_str();
        told.or_else(|| self.is_reveal().then_some("reveal"))
            .or_else(|| self.charge.is_some().then_some("aggregate"))
    }

    /// The ε that it was asked with, if it has one.
    pub fn epsilon(&self) -> Option<f64> {
        let body = &self.reserve.body;
        let told = [&body["epsilon"], &body["price"]["epsilon"]];
        let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
        told.into_iter().find_map(number).filter(|epsilon| *epsilon > 0.0)
    }

    /// The noise of every figure that was paid for, as the record tells it.
    pub fn noise(&self) -> Vec<Noise> {
        let told = self.reserve.body.get("noise").cloned();
        told.and_then(|noise| serde_json::from_value(noise).ok()).unwrap_or_default()
    }

    /// Seconds from the reservation to the answer, or to the abort.
    pub fn seconds(&self) -> Option<f64> {
        let end = moment(self.answer.or(self.abort)?)?;
        Some(end.duration_since(moment(self.reserve)?).as_secs_f64())
    }
}

/// A log up to a moment, and the part of it that is looked at.
#[derive(Debug)]
pub struct History<'a> {
    /// Every record up to the window's end, oldest first.
    pub all: &'a [Entry],
    /// Those in the window.
    pub entries: Vec<&'a Entry>,
    /// The questions that were permitted in the window.
    pub runs: Vec<Run<'a>>,
    /// Those permitted before the window.
    pub earlier: Vec<Run<'a>>,
    /// Records in the window that belong to a reservation which is not there.
    pub orphans: Vec<&'a Entry>,
    /// Whose log it is, as its first record says.
    pub me: Option<PartnerId>,
}

impl<'a> History<'a> {
    /// Folds a log.
    pub fn new(log: &'a [Entry], window: Window) -> Self {
        let end = log.iter().position(|entry| window.is_over(entry)).unwrap_or(log.len());
        let all = &log[..end];
        let me = all.iter().find(|entry| entry.kind == Kind::Open).and_then(owner);
        let mut folded = Folding { runs: Vec::new(), by_seq: HashMap::new(), by_query: HashMap::new(), me };
        let mut orphans = Vec::new();
        for entry in all {
            if !folded.take(entry) {
                orphans.push(entry);
            }
        }
        let (runs, earlier) = folded.runs.into_iter().partition(|run| window.holds(run.reserve));
        orphans.retain(|entry| window.holds(entry));
        let entries = all.iter().filter(|entry| window.holds(entry)).collect();
        Self { all, entries, runs, earlier, orphans, me }
    }

    /// Records of one kind in the window.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &'a Entry> + '_ {
        self.entries.iter().copied().filter(move |entry| entry.kind == kind)
    }

    /// How many records of one kind.
    pub fn count(&self, kind: Kind) -> u64 {
        self.of(kind).count() as u64
    }

    /// Refusals by their code.
    pub fn refusals(&self) -> BTreeMap<&'a str, u64> {
        let mut codes = BTreeMap::new();
        self.of(Kind::Refusal).for_each(|entry| *codes.entry(entry.what.as_str()).or_default() += 1);
        codes
    }

    /// The first and the last moment in the window.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.entries.iter().find_map(|entry| moment(entry))?;
        let last = self.entries.iter().rev().find_map(|entry| moment(entry))?;
        Some((first, last))
    }
}

/// Whose log it is: the id of the key that its first record names, or of the first key where that one was handed over to
/// before this log began.
pub(super) fn owner(open: &Entry) -> Option<PartnerId> {
    let key = open.body["key"].as_str().and_then(|key| key.parse::<VerifierKey>().ok());
    let earlier = open.body["handovers"][0].as_str().and_then(|note| note.parse::<Handover>().ok());
    let key = earlier.map(|handover| handover.old().clone()).or(key);
    let named = || open.body["node"].as_str()?.parse().ok();
    key.map(|key| crate::config::partner_id(key.public())).or_else(named)
}

struct Folding<'a> {
    runs: Vec<Run<'a>>,
    by_seq: HashMap<u64, usize>,
    by_query: HashMap<[u8; 32], usize>,
    me: Option<PartnerId>,
}

impl<'a> Folding<'a> {
    /// Whether the record found its place.
    fn take(&mut self, entry: &'a Entry) -> bool {
        match entry.kind {
            Kind::Reserve => {
                let charge = charge(&entry.body);
                let side = self.side(entry, charge.as_ref());
                let place = self.runs.len();
                self.by_seq.insert(entry.seq, place);
                if let Some(query) = entry.query {
                    self.by_query.insert(*query.as_bytes(), place);
                }
                self.runs.push(Run { reserve: entry, spend: None, answer: None, abort: None, charge, side });
                true
            }
            Kind::Spend | Kind::Answer | Kind::Abort => match self.run_of(entry) {
                Some(run) => {
                    let place = match entry.kind {
                        Kind::Spend => &mut run.spend,
                        Kind::Answer => &mut run.answer,
                        _ => &mut run.abort,
                    };
                    // A second one belongs to nothing.
                    let free = place.is_none();
                    place.get_or_insert(entry);
                    free
                }
                None => false,
            },
            _ => true,
        }
    }

    fn run_of(&mut self, entry: &Entry) -> Option<&mut Run<'a>> {
        let place = match entry.body["reserve"].as_u64() {
            Some(seq) => self.by_seq.get(&seq),
            None => self.by_query.get(entry.query?.as_bytes()),
        };
        place.and_then(|&place| self.runs.get_mut(place))
    }

    fn side(&self, entry: &Entry, charge: Option<&Charge>) -> Side {
        match (charge, self.me) {
            (Some(charge), Some(me)) if charge.account.owner == me => Side::Owner,
            (Some(_), Some(_)) => Side::Asker,
            _ if entry.what.contains("is asked") => Side::Owner,
            _ => Side::Asker,
        }
    }
}

/// The price in the body of a reservation.
pub fn charge(body: &Value) -> Option<Charge> {
    body.get("charge").and_then(|charge| Charge::deserialize(charge).ok())
}

#[cfg(test)]
pub(super) mod tests;
