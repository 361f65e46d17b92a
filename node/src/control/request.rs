//! The commands as values, and what comes back.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{data::Table, learn::TrainRequest, query, query::QueryRequest, report::Report};

/// A command, after the command line has been read: paths are absolute, files that belong to the caller
/// (cards, contracts) have been read by the caller.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Who is running, since when, connected to whom.
    Status,
    /// Ends a running node in good order.
    Stop,
    /// This node's signed card.
    Card,
    /// Trusts the node that this card describes.
    PartnerAdd { card: String },
    /// The partners and whether they are connected.
    PartnerList,
    /// Trusts it no longer; a live connection is closed.
    PartnerRemove { partner: String },
    /// A partner has lost a part of its log: what we saw of it does not bind it any more.
    PartnerRecovered { partner: String },
    /// Gives up what is missing of our own log: it counts as spent.
    Recover,
    /// Makes a new TLS key and certificate, announced to every partner.
    CertificateRotate,
    /// The signing keys that this node has had, for verifiers of its log.
    KeysShow,
    /// Makes a new signing key, handed over to in the log and announced to every partner.
    SigningKeyRotate,
    /// Registers files as a dataset.
    DatasetAdd(DatasetAdd),
    /// The datasets.
    DatasetList,
    /// One dataset: columns, match keys, snapshot, quality.
    DatasetShow { dataset: String },
    /// Forgets a dataset; its files stay.
    DatasetRemove { dataset: String },
    /// What is wrong with a dataset's identifiers, under a profile.
    IdLint { dataset: String, profile: Option<String> },
    /// Puts identifiers on the withdrawal list, from now on and for all datasets (or one).
    ConsentWithdraw { identifiers: String, kind: Option<String>, dataset: Option<String> },
    /// How many identifiers are withdrawn, by batch.
    ConsentList,
    /// Makes a contract of a TOML text, signs it and offers it to the partners in it.
    ContractPropose { toml: String },
    /// Takes in a signed contract document that came as a file.
    ContractImport { document: String },
    /// The contracts and their states.
    ContractList,
    /// One contract: terms, signatures, what each side is asked to agree to.
    ContractShow { contract: String },
    /// Signs.
    ContractAccept { contract: String },
    /// Says no.
    ContractRefuse { contract: String, reason: String },
    /// Ends a contract that was in force.
    ContractEnd { contract: String, reason: String },
    /// The signed document, to be carried by file.
    ContractExport { contract: String },
    /// Runs that wait for a person.
    ApprovalList,
    /// Lets a waiting run go on, or not.
    ApprovalDecide { approval: String, approve: bool, by: Option<String>, reason: Option<String> },
    /// What an answer would cost and reveal; asks the partner nothing that depends on data.
    Explain(QueryRequest),
    /// Asks.
    Query(QueryRequest),
    /// The models of this node.
    ModelList,
    /// One model's card.
    ModelShow { model: String },
    /// The file of a model, to be carried elsewhere; recorded.
    ModelExport { model: String, by: Option<String> },
    /// Removes a model; recorded.
    ModelDelete { model: String, by: Option<String> },
    /// Applies a model to an own dataset.
    Predict(Prediction),
    /// Trains a model together; one that was cut goes on.
    Train(TrainRequest),
    /// What a training would cost and reveal; nobody is asked.
    TrainExplain(TrainRequest),
    /// Records that somebody takes the log out of the node.
    AuditExported { records: u64, by: Option<String> },
    /// Shows the log's newest head to the auditor's witness.
    AuditWitness,
    /// Checks everything that can be wrong here, or between here and a partner.
    Doctor { partner: Option<String> },
}

/// See `tacit dataset add`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DatasetAdd {
    /// The name the partner will use.
    pub name: String,
    /// A file, or a directory of files of one format.
    pub path: PathBuf,
    /// `csv`, `parquet` or `ndjson`; taken from the file's ending when left out.
    pub format: Option<String>,
    /// Match keys, strongest first: (kind, column).
    pub ids: Vec<(String, String)>,
    /// A column that names a customer in the owner's own systems; row numbers serve when left out.
    pub row_id: Option<String>,
    /// Region for national phone numbers (ISO 3166-1 alpha-2), when the contract names none.
    pub default_region: Option<String>,
    /// Region that the rows must not leave (free text such as `CN` or `EU`).
    pub region: Option<String>,
    /// Which of the owner's populations its customers are; `customers` when left out.
    #[serde(default)]
    pub population: Option<String>,
    /// Classes of columns: (column, `general` | `important` | `core`).
    pub classes: Vec<(String, String)>,
    /// Warn when more than this share of a column is missing (0..=1).
    pub max_missing: Option<f64>,
    /// Warn when more than this share of a numeric column are outliers (0..=1).
    pub max_outliers: Option<f64>,
    /// Warn when the newest file is older than this many hours.
    pub max_age_hours: Option<u64>,
}

/// See `tacit predict`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Prediction {
    /// The model's name, or the start of its id.
    pub model: String,
    /// The dataset.
    pub dataset: String,
    /// The share of customers that is listed, the highest scores first (0..=1); all when left out.
    pub top: Option<f64>,
    /// Makes scores of a model of two partners' columns anew, with the partner, also where there are some of this content.
    #[serde(default)]
    pub again: bool,
    /// What the scores are for; the contract's own purpose when left out.
    #[serde(default)]
    pub purpose: Option<String>,
    /// How long to wait for a person at the partner to approve.
    #[serde(default = "query::default_wait")]
    pub wait: Duration,
}

/// What comes back in the end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Reply {
    /// Rows and columns, for every `-o` format.
    #[serde(default)]
    pub table: Option<Table>,
    /// A structured document: shown as JSON with `-o json`.
    #[serde(default)]
    pub document: Option<serde_json::Value>,
    /// What people read instead of the table or the document (a card, a plan, a contract).
    #[serde(default)]
    pub text: Option<String>,
    /// The same as one page of HTML, with `-o html`.
    #[serde(default)]
    pub page: Option<String>,
    /// An answer that was written to a file in the home (Parquet).
    #[serde(default)]
    pub answer: Option<Answer>,
    /// Lines for stderr: what to do next, what was noticed.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// An answer in the node's home.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The Parquet file.
    pub path: PathBuf,
    /// How many rows it has.
    pub rows: u64,
}

/// What happens on the way; each is one line of JSON with `--progress json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A line for the person who waits.
    Note { text: String },
    /// A stage begins.
    Stage { stage: String },
    /// How far the stage is.
    Progress {
        stage: String,
        done: u64,
        total: u64,
        unit: String,
        per_second: f64,
        seconds_left: Option<f64>,
    },
}

/// A line on the control socket, node to command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// On the way.
    Event(Event),
    /// Done.
    Reply(Box<Reply>),
    /// Failed.
    Failed(Report),
}
