//! What the records of a log say about its signing keys.

use serde_json::Value;

use super::{Handover, HandoverFault};
use crate::log::{
    Entry, Kind,
    checkpoint::{Keys, WitnessKey},
    note::VerifierKey,
};

/// The signing keys of a log, as its records tell of them one after the other (LOG-19).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Succession {
    current: Option<VerifierKey>,
    before: Vec<Handover>,
    found: Vec<Handover>,
}

impl Succession {
    /// Takes the next record. Most have nothing to do with keys; after an error nothing has changed.
    ///
    /// # Errors
    ///
    /// A hand-over that does not read, that stands in another record than it names, or that is not by the key in force.
    pub fn take(&mut self, entry: &Entry) -> Result<(), HandoverFault> {
        match entry.kind {
            Kind::Open if self.current.is_none() => {
                if let Value::Array(before) = &entry.body["handovers"] {
                    self.before = before.iter().map(read).collect::<Result<_, _>>()?;
                }
                self.current = entry.body["key"].as_str().and_then(|key| key.parse().ok());
                Ok(())
            }
            Kind::Key => match entry.body.get("handover") {
                Some(told) => self.follow(entry.seq, read(told)?),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn follow(&mut self, seq: u64, handover: Handover) -> Result<(), HandoverFault> {
        if handover.size() != seq {
            return Err(HandoverFault::Elsewhere);
        }
        if self.current.as_ref().is_some_and(|current| current != handover.old()) {
            return Err(HandoverFault::NotByOldKey);
        }
        self.current = Some(handover.new_key().clone());
        self.found.push(handover);
        Ok(())
    }

    /// The key in force after the newest record; `None` before a record has named one.
    pub const fn current(&self) -> Option<&VerifierKey> {
        self.current.as_ref()
    }

    /// Hand-overs that the first record tells of: they stood in a log that this one takes the place of.
    pub fn before(&self) -> &[Handover] {
        &self.before
    }

    /// Hand-overs that stand in their records.
    pub fn found(&self) -> &[Handover] {
        &self.found
    }

    /// Whether the records tell of it.
    pub fn tells_of(&self, handover: &Handover) -> bool {
        self.found.contains(handover) || self.before.contains(handover)
    }

    /// From which record on this key signs no head any more.
    pub fn retired(&self, key: &VerifierKey) -> Option<u64> {
        let by = |handovers: &[Handover]| {
            handovers.iter().find(|handover| handover.old() == key).map(Handover::size)
        };
        by(&self.before).map(|_| 1).or_else(|| by(&self.found))
    }

    /// The keys by the log's own word; `None` before a record has named one.
    pub fn keys(&self, witnesses: Vec<WitnessKey>) -> Option<Keys> {
        let handovers: Vec<Handover> = self.before.iter().chain(&self.found).cloned().collect();
        let current = self.current.clone()?;
        let first = handovers.first().map_or_else(|| current.clone(), |handover| handover.old().clone());
        let since = handovers.iter().map(|handover| handover.new_key().clone());
        let origin = current.name().to_owned();
        Some(Keys { origin, log: std::iter::once(first).chain(since).collect(), witnesses, handovers })
    }
}

fn read(told: &Value) -> Result<Handover, HandoverFault> {
    told.as_str().ok_or(HandoverFault::Malformed)?.parse()
}
