//! The release: from what the protocol shared to what the asker gets to see.
//!
//! The attack it stops: an answer that is out before its record. The answer is written under a name that
//! nobody looks for; [`Release::show`] gives it its own name and needs the [`Receipt`] to do so.

use std::path::PathBuf;

use serde_json::json;
use tacit_protocol::ids::SnapshotHash;

use crate::{
    config::Home,
    control::{Answer, Reply},
    exchange::{Joint, Served},
    ledger::{Outcome, Receipt, Reserved},
    report::{Class, Detail, Refusal},
    rooms::blocking,
    scan::{self, Counts, Customers, Registration, ScanError},
};

/// An answer that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Reading the matched rows again failed.
    #[error("the matched rows cannot be read again")]
    Unread(#[source] ScanError),
    /// The file cannot be put in its place.
    #[error("the answer cannot be written to {}", path.display())]
    Unwritten {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl Refusal for ReleaseError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unread(source) => source.code(),
            Self::Unwritten { .. } => "E-ANSWER-UNWRITTEN",
        }
    }

    fn class(&self) -> Class {
        Class::Failed
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Unread(source) => source.details(),
            Self::Unwritten { .. } => vec![Detail::new("would do", "free disk space and ask again")],
        }
    }

    fn retry_helps(&self) -> bool {
        true
    }
}

/// An answer that is written but not yet shown.
#[derive(Debug)]
#[must_use = "an answer that is not shown was computed for nothing"]
pub struct Release {
    partial: PathBuf,
    path: PathBuf,
    rows: u64,
    outcome: Outcome,
    told: serde_json::Value,
}

/// What this node brought to a question, without the items: those are used up in the exchange.
#[derive(Debug)]
pub struct Collected {
    /// The dataset as it was read.
    pub registration: Registration,
    /// Its content then.
    pub snapshot: SnapshotHash,
    /// What became of its rows; for the owner alone.
    pub counts: Counts,
    /// Its customers.
    pub customers: Customers,
    /// What the asker calls the customer.
    pub customer: String,
    /// Own columns that the asker wants to see beside the customer, and what it calls them; its match keys
    /// when there are none.
    pub shown: Vec<(String, String)>,
}

/// Writes down which of our own customers match.
///
/// # Errors
/// [`ReleaseError`]
pub async fn finish(
    joint: Joint,
    collected: Collected,
    reserved: &Reserved,
    home: &Home,
) -> Result<Release, ReleaseError> {
    let path = home.answers_dir().join(format!("{}.parquet", reserved.query()));
    let partial = path.with_extension("partial");
    let Joint { matches, seen } = joint;
    let outcome = served(&seen, &collected);
    let counts = json!(collected.counts);
    let target = partial.clone();
    let rows = blocking(move || {
        let Collected { registration, snapshot, customers, customer, shown, .. } = collected;
        let matched = customers.matched(&matches);
        let own = (!shown.is_empty()).then_some(shown.as_slice());
        scan::pick(&registration, snapshot, &matched, &customer, own, &target, &mut |_, _| true)
    })
    .await
    .map_err(ReleaseError::Unread)?;
    let told = json!({
        "query": reserved.query(),
        "contract": reserved.permitted().contract_id(),
        "partner": reserved.permitted().partner().name,
        "customers": rows,
        "own_size": seen.own_size,
        "partner_size": seen.partner_size,
        "message_bytes": seen.traffic.sent + seen.traffic.received,
        "resent_messages": seen.traffic.resent,
        "own_rows": counts,
    });
    Ok(Release { partial, path, rows, outcome, told })
}

/// The outcome of a served question, for the record.
pub fn served(served: &Served, collected: &Collected) -> Outcome {
    Outcome {
        own_size: served.own_size,
        partner_size: served.partner_size,
        resent_messages: served.traffic.resent,
        transcript: served.transcript.iter().map(|byte| format!("{byte:02x}")).collect(),
        snapshot: collected.snapshot.to_string(),
    }
}

impl Release {
    /// What the record says of it.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Adds a figure to what the asker is told beside the answer.
    pub fn tell(&mut self, name: &str, value: serde_json::Value) {
        self.told[name] = value;
    }

    /// Puts the answer where the asker finds it.
    ///
    /// # Errors
    /// [`ReleaseError::Unwritten`]
    pub fn show(self, receipt: &Receipt) -> Result<Reply, ReleaseError> {
        std::fs::rename(&self.partial, &self.path)
            .map_err(|source| ReleaseError::Unwritten { path: self.path.clone(), source })?;
        let mut told = self.told;
        told["record"] = receipt.seq().into();
        let notes = vec![format!("{} of our customers match; record {}", self.rows, receipt.seq())];
        Ok(Reply {
            notes,
            document: Some(told),
            answer: Some(Answer { path: self.path, rows: self.rows }),
            ..Reply::default()
        })
    }
}
