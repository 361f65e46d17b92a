//! What a node keeps of a model: all that this side may see of it, and the story of how it came about.
//!
//! Money-like amounts are whole numbers. Coefficients, bounds and metrics are [`Exact`]: written as the shortest
//! decimal text that reads back as the same number, bit for bit, because two sides of one training compare theirs.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use tacit_protocol::ids::{ContractId, QueryId};

/// A real number that survives a file: finite, and the same bits after reading.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Exact(pub f64);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug, unlike Display, goes over to an exponent where that is shorter. Both read back exactly.
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            return Err(ser::Error::custom("a number that is not finite"));
        }
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let value = f64::from_str(&text).map_err(de::Error::custom)?;
        if value.is_finite() {
            Ok(Self(value))
        } else {
            Err(de::Error::custom("a number that is not finite"))
        }
    }
}

/// A trained model, as one side keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The training run, by the id that all its sides know it by.
    pub id: QueryId,
    /// The job's name.
    pub name: String,
    /// When its last round ended here.
    pub trained: Timestamp,
    /// The version of this program that trained it.
    pub software: String,
    /// Under which contract.
    pub contract: OfContract,
    /// This node's name in the contract.
    pub us: String,
    /// Everybody who took part, us included, in the order of the job.
    pub partners: Vec<String>,
    /// What was ordered.
    pub job: JobText,
    /// Which family of models.
    pub kind: ModelKind,
    /// How the data was split between the partners.
    pub shape: Shape,
    /// What this node did.
    pub part: Part,
    /// What is predicted, as `partner.dataset.column`; of a horizontal job the column alone.
    pub target: String,
    /// The bounds that the target was brought to 0 and 1 with, where it is a number between bounds (`linear`).
    pub target_bounds: Option<[Exact; 2]>,
    /// How many customers.
    pub rows: Rows,
    /// Which data.
    pub data: Vec<Data>,
    /// What goes in, in the order of the coefficients.
    pub inputs: Vec<Input>,
    /// The length that a row with its 1 for the intercept was cut to in training, where it was: a row that is scored is
    /// cut likewise.
    pub clip: Option<Exact>,
    /// Who can see the weights.
    pub weights: Held,
    /// The intercept, then one for each encoded input. In the encoded space: see [`Encoding`].
    pub coefficients: Vec<Coefficient>,
    /// What was added to hide single customers; nothing if the contract allowed none.
    pub noise: Option<Noise>,
    /// How training went.
    pub rounds: Vec<Round>,
    /// How good it is.
    pub metrics: Vec<Metric>,
    /// What it cost.
    pub price: Vec<Paid>,
    /// Where it comes from.
    pub lineage: Lineage,
    /// SHA-256 over all that was said in the protocol, in hex.
    pub transcript: String,
    /// What nobody learned, in sentences.
    pub untold: Vec<String>,
}

/// The contract that a model was trained under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfContract {
    /// Its id.
    pub id: ContractId,
    /// Its name.
    pub name: String,
    /// What the contract allows it to be used for.
    pub purpose: String,
}

/// The job as it was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobText {
    /// SHA-256 of its canonical form, in hex.
    pub hash: String,
    /// Its text.
    pub toml: String,
}

/// A family of generalised linear models, named by what its outcome is distributed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Yes or no, by the logistic function.
    Logistic,
    /// A number, by least squares.
    Linear,
    /// A count, by the exponential function.
    Poisson,
}

impl ModelKind {
    /// As the job spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logistic => "logistic",
            Self::Linear => "linear",
            Self::Poisson => "poisson",
        }
    }

    /// The expected outcome where the linear score is `score`.
    pub fn mean(self, score: f64) -> f64 {
        match self {
            Self::Logistic => 1.0 / (1.0 + (-score).exp()),
            Self::Linear => score,
            Self::Poisson => score.exp(),
        }
    }

    /// What e to the power of a coefficient is called, where that says something.
    pub const fn ratio(self) -> Option<&'static str> {
        match self {
            Self::Logistic => Some("odds"),
            Self::Linear => None,
            Self::Poisson => Some("rate"),
        }
    }
}

/// How the data is split between the partners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// The same columns about different customers.
    Horizontal,
    /// Different columns about the same customers.
    Vertical,
}

impl Shape {
    /// As the job spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Horizontal => "horizontal",
            Self::Vertical => "vertical",
        }
    }
}

/// What a node did in a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Horizontal: brought rows, and passed the messages on.
    Coordinator,
    /// Horizontal: brought rows.
    Trainer,
    /// Vertical: brought the target, and maybe features.
    Label,
    /// Vertical: brought features.
    Features,
}

impl Part {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Trainer => "trainer",
            Self::Label => "label",
            Self::Features => "features",
        }
    }
}

/// How many customers took part. Where a number belongs to nobody, it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Those that the weights were fitted to, of all sides.
    pub trained: Option<u64>,
    /// Those that it was measured on, of all sides.
    pub held_out: Option<u64>,
    /// Our own.
    pub own: u64,
}

/// Content that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Whose.
    pub owner: String,
    /// Which dataset.
    pub dataset: String,
    /// The hash of its content at that moment, in hex, where we were told.
    pub snapshot: Option<String>,
}

/// One column that goes into the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Whose column; of a horizontal job everybody has it, and this is empty.
    pub owner: String,
    /// Of which dataset; empty as well if everybody has it.
    pub dataset: String,
    /// Its name.
    pub column: String,
    /// How a cell becomes numbers.
    pub encoding: Encoding,
}

impl Input {
    /// The names of the numbers it becomes.
    pub fn names(&self) -> Vec<String> {
        match &self.encoding {
            Encoding::Values(values) => {
                values.iter().map(|value| format!("{}={value}", self.column)).collect()
            }
            Encoding::Bounds { .. } | Encoding::Boolean => vec![self.column.clone()],
        }
    }
}

/// How a cell becomes numbers. All of it stands in the contract, nothing comes from data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Encoding {
    /// `(cell − middle) / (high − low)`, clamped; a missing cell is 0, the middle.
    Bounds {
        /// Becomes −½.
        low: Exact,
        /// Becomes ½.
        high: Exact,
    },
    /// One number for each value: 1 where the cell has it. Missing and unknown are all 0.
    Values(Vec<String>),
    /// Yes is 1; no and missing are 0.
    Boolean,
}

/// Who can see the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// This side has all of them.
    Open,
    /// This side has those of its own columns; the partner has the others.
    Own,
    /// Nobody has them: each side holds a share that says nothing, and scores are made together.
    Shared,
}

impl Held {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Own => "own",
            Self::Shared => "shared",
        }
    }
}

/// One weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coefficient {
    /// Whose column; empty for the intercept and where everybody has it.
    pub owner: String,
    /// `(intercept)`, the column, or `column=value`.
    pub name: String,
    /// Its value; nothing if it is not ours to see.
    pub value: Option<Exact>,
    /// The 95 % interval's lower end, where one is known. It covers what noise and the sample may have done.
    pub low95: Option<Exact>,
    /// The 95 % interval's upper end.
    pub high95: Option<Exact>,
}

/// What hides single customers in the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// `discrete-gaussian`
    pub mechanism: String,
    /// The standard deviation added to each opened sum, in the sum's own unit.
    pub sigma: Exact,
    /// Zero-concentrated differential privacy, in 10⁻⁹.
    pub nano_rho: u64,
    /// ε at `delta`, in 10⁻⁶.
    pub epsilon_micro: u64,
    /// δ, in 10⁻¹⁵.
    pub delta_femto: u64,
}

/// One round of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// From 1.
    pub round: u32,
    /// The mean loss, where anybody may see it.
    pub loss: Option<Exact>,
    /// The area under the curve, likewise.
    pub auc: Option<Exact>,
}

/// A figure on how good the model is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Which model on whose rows: `joint`, `bank alone`.
    pub on: String,
    /// For which customers, as `region = north`; all if nothing stands here.
    pub group: Option<String>,
    /// `auc`, `ks`, `lift-10`, `calibration` …
    pub name: String,
    /// The figure.
    pub value: Exact,
    /// The 95 % interval's lower end.
    pub low95: Option<Exact>,
    /// The 95 % interval's upper end.
    pub high95: Option<Exact>,
}

/// What stands in one ledger for this model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paid {
    /// Whose customers the account is of.
    pub ledger: String,
    /// ρ, in 10⁻⁹.
    pub nano_rho: u64,
    /// ε, in 10⁻⁶.
    pub epsilon_micro: u64,
    /// δ, in 10⁻¹⁵.
    pub delta_femto: u64,
}

/// Where a model comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The model that it was retrained from.
    pub parent: Option<QueryId>,
    /// How often the run was cut and went on.
    pub resumed: u32,
    /// The record in our log that stands for it.
    pub record: Option<u64>,
}

impl Model {
    /// The part of its id that people type.
    pub fn short(&self) -> String {
        self.id.short()
    }

    /// Which round was the last.
    pub fn last_round(&self) -> u32 {
        self.rounds.iter().map(|round| round.round).max().unwrap_or(0)
    }

    /// The weights, intercept first, if this side has all of them.
    pub fn open_weights(&self) -> Option<Vec<f64>> {
        self.coefficients.iter().map(|coefficient| coefficient.value.map(|value| value.0)).collect()
    }
}
