//! A training job: what is learned from whose columns, by how many rounds, under which noise.
//!
//! A person writes it in TOML; nodes send each other its canonical form, `TRAIN` and a line of JSON. The attack this
//! stops is the job that is one thing here and another there: every partner reads the same text, holds it against its
//! own copy of the contract, and the hash of it binds everything that is said while it runs.

mod error;
mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{ColumnName, TableName, Usage};
use crate::policy::Decimal;

pub use error::JobError;
pub(super) use read::{TRAIN, of_text};

/// The largest job that is read, in bytes.
pub const LARGEST_JOB: usize = 64 << 10;

/// A training job, with every name complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What people call it.
    pub name: String,
    /// The kind of model.
    pub kind: ModelKind,
    /// Whether partners have different columns or different customers.
    pub shape: JobShape,
    /// The column that is predicted: one of them where columns differ, one for each dataset where customers do.
    pub targets: Vec<ColumnName>,
    /// The columns that it is predicted from, for each dataset in the order in which they have their weights.
    pub features: BTreeMap<TableName, Vec<ColumnName>>,
    /// ε and δ; without noise if there are none.
    pub noise: Option<JobNoise>,
    /// How many rounds.
    pub rounds: u32,
    /// The penalty on the squares of the weights, for the sum over all rows.
    pub l2: Decimal,
    /// What each row's features are cut to, as a length; where customers differ.
    pub clip: Decimal,
    /// Trainers that may drop out or tell each other their noise before it is too little; where customers differ.
    pub tolerated: u32,
    /// How it is evaluated.
    pub evaluate: Evaluate,
    /// Tells jobs apart that are the same otherwise: another split, other noise.
    pub seed: u64,
}

/// The privacy that a job spends, of each partner's customers against everybody who learns of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobNoise {
    /// ε in millionths.
    pub epsilon_micro: u64,
    /// δ in units of 10⁻¹⁵.
    pub delta_femto: u64,
}

/// What is held back and looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluate {
    /// The share of customers that a model does not learn from, in millionths.
    pub holdout_micro: u32,
    /// Bins of scores.
    pub bins: u32,
    /// Columns that metrics are told apart by.
    pub groups: Vec<ColumnName>,
    /// Where customers differ: whether it is shown what each partner adds to the model, or spoils.
    pub leave_one_out: bool,
    /// Where customers differ: the share of the job's privacy that the evaluation spends, in millionths; if it is 0,
    /// there is no evaluation of all partners' rows together, without noise neither.
    pub share_micro: u32,
}

impl Evaluate {
    /// What is spent on the evaluation unless the job says otherwise.
    pub const fn usual_share(shape: JobShape, leave_one_out: bool) -> u32 {
        match (shape, leave_one_out) {
            (JobShape::Vertical, _) => 0,
            (JobShape::Horizontal, false) => 50_000,
            (JobShape::Horizontal, true) => 150_000,
        }
    }
}

/// The kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// A chance between 0 and 1.
    Logistic,
    /// A number.
    Linear,
    /// How often something happens.
    Poisson,
}

impl ModelKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Logistic, Self::Linear, Self::Poisson];

    /// As jobs and contracts spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Linear => "linear",
            Self::Poisson => "poisson",
        }
    }
}

/// How the partners' data lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobShape {
    /// Two partners, different columns, the same customers.
    Vertical,
    /// Three partners or more, the same columns, different customers.
    Horizontal,
}

impl JobShape {
    /// As jobs spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vertical => "vertical",
            Self::Horizontal => "horizontal",
        }
    }
}

impl Job {
    /// Reads the TOML that a person wrote; with the name of the contract that it asks for.
    ///
    /// # Errors
    ///
    /// [`JobError`], naming the field and the mend.
    pub fn of_toml(text: &str) -> Result<(Self, Option<String>), JobError> {
        read::of_toml(text)
    }

    /// The one form that is sent and hashed: `TRAIN {…}`.
    pub fn text(&self) -> String {
        read::text(self)
    }

    /// The datasets, in order.
    pub fn tables(&self) -> BTreeSet<&TableName> {
        self.features.keys().chain(self.targets.iter().map(|target| &target.table)).collect()
    }

    /// Every column, with what the job does with it.
    pub fn uses(&self) -> BTreeSet<(ColumnName, Usage)> {
        let features = self.features.values().flatten().map(|column| (column.clone(), Usage::Feature));
        let targets = self.targets.iter().map(|column| (column.clone(), Usage::Target));
        let groups = self.evaluate.groups.iter().map(|column| (column.clone(), Usage::Group));
        features.chain(targets).chain(groups).collect()
    }

    /// The features of an owner's dataset.
    pub fn features_of(&self, owner: &str) -> &[ColumnName] {
        let own = self.features.iter().find(|(table, _)| table.owner == owner);
        own.map_or(&[], |(_, columns)| columns)
    }

    /// The target in an owner's dataset, if it has one.
    pub fn target_of(&self, owner: &str) -> Option<&ColumnName> {
        self.targets.iter().find(|target| target.table.owner == owner)
    }
}
