//! Why a contract does not allow a training job, and what it would have to say.

use crate::{
    policy::{AggregateError, error::Under},
    query::ColumnName,
    report::{Class, Detail, Refusal},
};

/// A training job that a contract does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// No training at all.
    #[error("{} does not allow training together", contract.title())]
    NotAllowed {
        /// The contract.
        contract: Under,
    },
    /// Another kind of model than was agreed.
    #[error("{} does not allow {wanted} models", contract.title())]
    Model {
        /// The contract.
        contract: Under,
        /// The kind.
        wanted: &'static str,
        /// The kinds that are allowed.
        allowed: Vec<String>,
    },
    /// More rounds than were agreed.
    #[error("{} allows {allowed} rounds, not {wanted}", contract.title())]
    Rounds {
        /// The contract.
        contract: Under,
        /// As the job says.
        wanted: u32,
        /// As the contract says.
        allowed: u32,
    },
    /// Scores of single customers, where nobody may learn which these are.
    #[error("{} lets nobody learn which customers both have, and somebody see their scores", contract.title())]
    Alignment {
        /// The contract.
        contract: Under,
    },
    /// Too few to add up.
    #[error("{found} partners train, and {} wants {wanted}", contract.title())]
    Cohort {
        /// The contract.
        contract: Under,
        /// As many as the job names.
        found: usize,
        /// As the contract says.
        wanted: u32,
    },
    /// Without noise, sums over some of them are the others' sums too.
    #[error("{found} of {all} partners train without noise")]
    LeavesOut {
        /// The contract.
        contract: Under,
        /// As many as the job names.
        found: usize,
        /// As many as have tables under the contract.
        all: usize,
    },
    /// Where customers differ, every trainer computes the weights.
    #[error("{} keeps weights {weights}, and trainers with the same columns all have them", contract.title())]
    Weights {
        /// The contract.
        contract: Under,
        /// As the contract says.
        weights: String,
    },
    /// Noise was agreed on.
    #[error("{} allows no training without noise", contract.title())]
    WithoutNoise {
        /// The contract.
        contract: Under,
    },
    /// It is not public what values a column has.
    #[error("{} does not say what values {column} can have", contract.title())]
    NoEncoding {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
    },
    /// The target is nothing that this kind of model predicts.
    #[error("{column} cannot be the target of a {kind} model")]
    Target {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
        /// The kind of model.
        kind: &'static str,
        /// What the column needs.
        wanted: &'static str,
    },
    /// One column with two meanings.
    #[error("{one} and {other} have different bounds or values in {}", contract.title())]
    Differ {
        /// The contract.
        contract: Under,
        /// One partner's.
        one: Box<ColumnName>,
        /// Another's.
        other: Box<ColumnName>,
    },
    /// Known, wanted, not built yet.
    #[error("{what}: not in this version of Tacit")]
    NotYet {
        /// What was asked for.
        what: &'static str,
        /// What works now.
        instead: &'static str,
    },
    /// The privacy that it would spend.
    #[error(transparent)]
    Privacy(#[from] AggregateError),
}

impl Refusal for TrainError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "E-POLICY-TRAIN",
            Self::Model { .. } => "E-POLICY-TRAIN-MODEL",
            Self::Rounds { .. } => "E-POLICY-TRAIN-ROUNDS",
            Self::Alignment { .. } => "E-POLICY-TRAIN-ALIGN",
            Self::Cohort { .. } => "E-POLICY-TRAIN-COHORT",
            Self::LeavesOut { .. } => "E-POLICY-TRAIN-COHORT",
            Self::Weights { .. } => "E-POLICY-TRAIN-WEIGHTS",
            Self::WithoutNoise { .. } => "E-POLICY-TRAIN-NOISE",
            Self::NoEncoding { .. } => "E-POLICY-TRAIN-VALUES",
            Self::Target { .. } => "E-POLICY-TRAIN-TARGET",
            Self::Differ { .. } => "E-POLICY-TRAIN-DIFFER",
            Self::NotYet { .. } => "E-NOT-IN-THIS-VERSION",
            Self::Privacy(error) => error.code(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::NotYet { .. } => Class::Usage,
            Self::Privacy(error) => error.class(),
            _ => Class::Policy,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let (contract, rule, mend) = match self {
            Self::Privacy(error) => return error.details(),
            Self::NotYet { instead, .. } => return vec![Detail::new("would do", *instead)],
            Self::NotAllowed { contract } => {
                (contract, None, "allow.train = { models = [\"logistic\"], approval = [] }".to_owned())
            }
            Self::Model { contract, wanted, allowed } => {
                let mut models: Vec<String> = allowed.iter().map(|model| format!("\"{model}\"")).collect();
                models.push(format!("\"{wanted}\""));
                (contract, None, format!("allow.train.models = [{}]", models.join(", ")))
            }
            Self::Rounds { contract, wanted, .. } => {
                (contract, None, format!("allow.train.rounds = {wanted}"))
            }
            Self::Alignment { contract } => (
                contract,
                Some("a score says of its customer that both have it"),
                "allow.train without score, or allow.train.align = \"revealed\"".to_owned(),
            ),
            Self::Cohort { contract, found, .. } => {
                (contract, Some("of few, one that knows the others' rows learns the rest"), {
                    format!("a job with more partners, or allow.train.cohort = {found}")
                })
            }
            Self::LeavesOut { contract, .. } => (
                contract,
                Some("of two sums without noise the difference is who is in one of them"),
                "a job with all of them, or noise: [privacy] epsilon and delta".to_owned(),
            ),
            Self::Weights { contract, .. } => (contract, None, "allow.train.weights = \"both\"".to_owned()),
            Self::WithoutNoise { contract } => (
                contract,
                Some("without noise, weights can tell of single customers"),
                "[privacy] epsilon and delta in the job, or allow.train.without_noise = true".to_owned(),
            ),
            Self::NoEncoding { contract, column } => (
                contract,
                Some("how a cell becomes a number may not depend on data"),
                format!("columns.{}.bounds = [low, high], or values = [\"A\", \"B\"]", column.column),
            ),
            Self::Target { contract, column, wanted, .. } => {
                (contract, None, format!("columns.{} with {wanted}", column.column))
            }
            Self::Differ { contract, one, .. } => (
                contract,
                Some("one weight for a column has one meaning at every partner"),
                format!("the same bounds or values for columns.{} everywhere", one.column),
            ),
        };
        let mut details = vec![Detail::new("contract", contract.to_string())];
        details.extend(rule.map(|rule| Detail::new("rule", rule)));
        details.push(Detail::new("would do", format!("{mend}   ({} must sign)", contract.partners())));
        details
    }
}
