//! The release: from what the protocol shared to what the asker gets to see.
//!
//! The attack it stops: an answer that is out before its record. The answer is written under a name that
//! nobody looks for; [`Release::show`] gives it its own name and needs the [`Receipt`] to do so.

mod estimate;
mod figures;
#[cfg(test)]
mod join_tests;
mod joined;
mod scores;
mod table;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde_json::json;
use tacit_protocol::{aggregate::Figures, ids::SnapshotHash, noise::NoiseError};

pub use figures::noisy;
pub use joined::{join_noise, most_noise, opened};
pub use scores::write_scores;
pub use table::{Answered, Expected, count_half_width, expected, expected_of_join, labels};

use crate::{
    config::Home,
    control::{Answer, Reply},
    data::hex,
    exchange::{Joint, Served},
    ledger::{Outcome, Receipt, Reserved},
    policy::{AggregatePlan, Decimal, Roles},
    report::{Class, Detail, Refusal},
    rooms::blocking,
    scan::{self, Counts, Customers, Registration, ScanError},
};

/// An answer that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A noisy answer cannot be kept, so that asking again would be free.
    #[error("the answer cannot be kept for those who ask again, so it is not given")]
    NotKept(#[source] std::io::Error),
    /// A kept answer is not as it was.
    #[error("a kept answer does not read back")]
    NotAsKept,
    /// Other figures came out of a protocol than the plan has.
    #[error("the protocol opened other figures than were planned")]
    NotAsPlanned,
    /// Reading the matched rows again failed.
    #[error("the matched rows cannot be read again")]
    Unread(#[source] ScanError),
    /// A sampler that cannot be made. The plan has checked that it can.
    #[error("there is no noise of this width")]
    Noise(#[source] NoiseError),
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
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
            Self::Noise(_) => "E-NOISE",
            Self::NoRandomness => "E-NO-RANDOMNESS",
            Self::NotKept(_) => "E-ANSWER-UNWRITTEN",
            Self::NotAsKept => "E-ANSWER-DAMAGED",
            Self::NotAsPlanned => "E-ANSWER-UNPLANNED",
            Self::Unwritten { .. } => "E-ANSWER-UNWRITTEN",
        }
    }

    fn class(&self) -> Class {
        Class::Failed
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Unread(source) => source.details(),
            Self::Noise(_) | Self::NoRandomness | Self::NotAsPlanned => Vec::new(),
            Self::NotKept(_) | Self::Unwritten { .. } => {
                vec![Detail::new("would do", "free disk space and ask again")]
            }
            Self::NotAsKept => {
                vec![Detail::new("would do", "remove it from ledger/answers; asked again it costs")]
            }
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
    /// What a person is told of it, without its record.
    summary: String,
    notes: Vec<String>,
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
    let surplus = collected.counts.surplus();
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
    let summary = format!("{rows} of our customers match");
    let notes = surplus.into_iter().collect();
    Ok(Release { partial, path, rows, summary, notes, outcome, told })
}

/// Writes down the figures that a partner told.
///
/// # Errors
/// [`ReleaseError`]
pub async fn answered(
    figures: Figures,
    seen: &Served,
    reserved: &Reserved,
    home: &Home,
) -> Result<Release, ReleaseError> {
    let permitted = reserved.permitted();
    // Invariant: the hallway comes here with questions for figures over one table alone, and those have a plan.
    let (Some(plan), Some(asked)) = (permitted.plan().cloned(), permitted.parsed().aggregates().cloned())
    else {
        return Err(ReleaseError::NotAsPlanned);
    };
    let table = move || {
        let answer = Answered::of(&plan, &asked, &figures).map_err(ReleaseError::Noise)?;
        Ok((answer, plan))
    };
    written(table, seen, reserved, home).await
}

/// Writes down the figures over an overlap that the protocol opened.
///
/// # Errors
/// [`ReleaseError`]
pub async fn joined(
    figures: Figures,
    roles: Roles,
    seen: &Served,
    reserved: &Reserved,
    home: &Home,
) -> Result<Release, ReleaseError> {
    let permitted = reserved.permitted();
    // Invariant: the hallway comes here with questions for figures over an overlap alone, and those have a plan.
    let (Some(plan), Some(asked)) = (permitted.join().cloned(), permitted.parsed().joined().cloned()) else {
        return Err(ReleaseError::NotAsPlanned);
    };
    let seeker = permitted.name_of(roles.seeker).to_owned();
    let reason = roles.reason.clone();
    let own = permitted.own().and_then(|own| own.filter.as_ref());
    let left = own.map(|filter| plan.left_by(permitted.party(), filter));
    let table = move || {
        let answer = Answered::of_join(&plan, &roles, &asked, &figures, left.as_deref())
            .map_err(ReleaseError::Noise)?;
        Ok((answer, plan.figures().clone()))
    };
    let mut release = written(table, seen, reserved, home).await?;
    release.tell("seeker", json!({ "partner": seeker, "because": reason }));
    release.tell("own_size", json!(seen.own_size));
    release.tell("partner_size", json!(seen.partner_size));
    Ok(release)
}

/// Writes a table of figures under a name that nobody looks for.
async fn written(
    table: impl FnOnce() -> Result<(Answered, AggregatePlan), ReleaseError> + Send + 'static,
    seen: &Served,
    reserved: &Reserved,
    home: &Home,
) -> Result<Release, ReleaseError> {
    let path = home.answers_dir().join(format!("{}.parquet", reserved.query()));
    let partial = path.with_extension("partial");
    let target = partial.clone();
    let (rows, groups, suppressed, plan) = blocking(move || {
        let (answer, plan) = table()?;
        answer.write(&target).map_err(|source| ReleaseError::Unwritten { path: target.clone(), source })?;
        Ok((answer.rows(), answer.groups, answer.suppressed, plan))
    })
    .await?;
    let permitted = reserved.permitted();
    let mut notes = labels(&plan);
    if suppressed > 0 {
        let least = plan.min_group();
        notes.push(format!(
            "{suppressed} of {groups} groups have figures on fewer than {least} customers, which are suppressed"
        ));
    }
    let told = json!({
        "query": reserved.query(),
        "contract": permitted.contract_id(),
        "partner": permitted.partner().name,
        "rows": rows,
        "suppressed_groups": suppressed,
        "price": priced(&plan),
        "charged": reserved.charge().is_some(),
        "labels": notes,
        "message_bytes": seen.traffic.sent + seen.traffic.received,
        "resent_messages": seen.traffic.resent,
    });
    let epsilon = Decimal::of_micro(plan.price().epsilon_micro());
    let counted = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    // Without a charge it is an answer of before, or was paid for when it broke off.
    let summary = match reserved.charge() {
        Some(_) => format!("{counted}, for epsilon {epsilon}"),
        None if reserved.resumes() => format!("{counted}, for what was paid when this broke off"),
        None => format!("{counted}, the same as before, for nothing"),
    };
    let outcome = told_outcome(seen, None);
    Ok(Release { partial, path, rows, summary, notes, outcome, told })
}

/// A price for people and programs.
pub fn priced(plan: &AggregatePlan) -> serde_json::Value {
    let price = plan.price();
    json!({
        "epsilon": Decimal::of_micro(price.epsilon_micro()).to_string(),
        "delta": Decimal::of_femto(price.delta_femto()).to_string(),
        "nano_rho": price.amount().nano_rho,
        "figures": plan.shares(),
    })
}

/// The outcome of a question for figures, for the record; the owner adds what it read.
pub fn told_outcome(seen: &Served, snapshot: Option<SnapshotHash>) -> Outcome {
    Outcome {
        own_size: seen.own_size,
        partner_size: seen.partner_size,
        resent_messages: seen.traffic.resent,
        transcript: hex(seen.transcript),
        snapshot: snapshot.map(|snapshot| snapshot.to_string()).unwrap_or_default(),
    }
}

/// The outcome of a served question, for the record.
pub fn served(served: &Served, collected: &Collected) -> Outcome {
    Outcome {
        own_size: served.own_size,
        partner_size: served.partner_size,
        resent_messages: served.traffic.resent,
        transcript: hex(served.transcript),
        snapshot: collected.snapshot.to_string(),
    }
}

impl Release {
    /// What the record says of it.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Says for the record which content of ours it is of.
    pub fn of_content(&mut self, snapshot: SnapshotHash) {
        self.outcome.snapshot = snapshot.to_string();
    }

    /// Adds a line for people.
    pub fn note(&mut self, line: String) {
        self.notes.push(line);
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
        let mut notes = self.notes;
        notes.push(format!("{}; record {}", self.summary, receipt.seq()));
        Ok(Reply {
            notes,
            document: Some(told),
            answer: Some(Answer { path: self.path, rows: self.rows }),
            ..Reply::default()
        })
    }
}
