//! Why figures cannot be computed, or not with so much or so little noise.

use crate::{
    policy::{
        Decimal,
        error::{Under, details::must_sign},
    },
    query::ColumnName,
    report::{Class, Detail, Refusal},
};

/// A question for figures that cannot be answered as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// Which groups exist would tell who is there.
    #[error("{column} cannot be grouped by: {} does not list its values", contract.title())]
    NoValues {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
        /// Its values are public, so the question may list them.
        public: bool,
    },
    /// More groups than an answer has.
    #[error("the question has {} groups of so many figures; an answer has at most {most}", count(*groups))]
    TooManyGroups {
        /// How many, if that can be counted.
        groups: Option<u64>,
        /// How many there may be.
        most: usize,
        /// Whose condition lists no groups, because it stays at home.
        home: Option<String>,
    },
    /// More sums than customers can carry with them.
    #[error("the question needs {sums} sums of one side's values; over the overlap there are at most {most}")]
    TooManyTerms {
        /// How many it needs.
        sums: usize,
        /// How many there may be.
        most: usize,
    },
    /// More kinds of match key than a join tries one after another.
    #[error("{} matches by {keys} kinds of key; over the overlap there are at most {most}", contract.title())]
    TooManyKeys {
        /// The contract.
        contract: Under,
        /// How many it lists.
        keys: usize,
        /// How many there may be.
        most: usize,
    },
    /// A quantile without public buckets.
    #[error("quantiles of {column} need a grid, and {} has none", contract.title())]
    NoGrid {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
    },
    /// A measure that nothing is clamped to: one customer could be any amount.
    #[error("{column} cannot be added up: {} has no bounds for it", contract.title())]
    NoBounds {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
    },
    /// A measure whose bounds are too far from 0 for their distance.
    #[error("{column} cannot be added up within its bounds")]
    Unmeasurable {
        /// The contract.
        contract: Under,
        /// The column.
        column: ColumnName,
    },
    /// More ε than one question may have.
    #[error("epsilon {asked} is more than {} allows for one question", contract.title())]
    EpsilonAboveCap {
        /// The contract.
        contract: Under,
        /// What was asked for.
        asked: Decimal,
        /// What there may be.
        cap: Decimal,
    },
    /// A larger δ than was agreed.
    #[error("delta {asked} is more than {} allows", contract.title())]
    DeltaAboveContract {
        /// The contract.
        contract: Under,
        /// What was asked for.
        asked: Decimal,
        /// What there may be.
        agreed: Decimal,
    },
    /// So little ε that the noise has no number.
    #[error("epsilon {asked} is too little to divide among {figures} noisy figures")]
    TooLittle {
        /// What was asked for.
        asked: Decimal,
        /// Among how many it is divided.
        figures: u32,
    },
    /// An accuracy that no permitted ε gives.
    #[error("±{wanted} takes more epsilon than {} allows for one question", contract.title())]
    OutOfReach {
        /// The contract.
        contract: Under,
        /// What was wanted.
        wanted: Decimal,
        /// What the cap gives.
        best: u64,
        /// The cap.
        cap: Decimal,
    },
    /// More than the asker wanted to spend.
    #[error("this takes epsilon {needed}, more than --max-epsilon {limit}")]
    AboveOwnLimit {
        /// What it takes.
        needed: Decimal,
        /// The asker's limit.
        limit: Decimal,
    },
}

fn count(groups: Option<u64>) -> String {
    groups.map_or_else(|| "more than 2^64".to_owned(), |groups| groups.to_string())
}

impl Refusal for AggregateError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoValues { .. } => "E-POLICY-GROUP-VALUES",
            Self::TooManyGroups { .. } => "E-POLICY-GROUPS",
            Self::TooManyTerms { .. } => "E-POLICY-FIGURES",
            Self::TooManyKeys { .. } => "E-POLICY-KEYS",
            Self::NoGrid { .. } => "E-POLICY-GRID",
            Self::NoBounds { .. } | Self::Unmeasurable { .. } => "E-POLICY-BOUNDS",
            Self::EpsilonAboveCap { .. } => "E-POLICY-EPSILON",
            Self::DeltaAboveContract { .. } => "E-POLICY-DELTA",
            Self::TooLittle { .. } => "E-POLICY-EPSILON-SMALL",
            Self::OutOfReach { .. } => "E-POLICY-ACCURACY",
            Self::AboveOwnLimit { .. } => "E-QUERY-MAX-EPSILON",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::TooManyGroups { .. }
            | Self::TooManyTerms { .. }
            | Self::TooLittle { .. }
            | Self::AboveOwnLimit { .. } => Class::Usage,
            _ => Class::Policy,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let under = match self {
            Self::NoValues { contract, .. }
            | Self::NoGrid { contract, .. }
            | Self::NoBounds { contract, .. }
            | Self::TooManyKeys { contract, .. }
            | Self::Unmeasurable { contract, .. }
            | Self::EpsilonAboveCap { contract, .. }
            | Self::DeltaAboveContract { contract, .. }
            | Self::OutOfReach { contract, .. } => Some(contract),
            Self::TooManyGroups { .. }
            | Self::TooManyTerms { .. }
            | Self::TooLittle { .. }
            | Self::AboveOwnLimit { .. } => None,
        };
        let mut details: Vec<Detail> =
            under.map(|under| Detail::new("contract", under.to_string())).into_iter().collect();
        let partners = under.map(|under| under.partners().to_owned()).unwrap_or_default();
        match self {
            Self::NoValues { column, public, .. } => {
                details.push(Detail::new(
                    "rule",
                    "groups are known beforehand: one that is there only if somebody is in it names them",
                ));
                if *public {
                    details.push(Detail::new("would do", format!("WHERE {} IN ('…', '…')", column.column)));
                }
                let line = format!("columns.{}.values = [\"…\", \"…\"]", column.column);
                details.push(must_sign(line, &column.table.owner));
            }
            Self::TooManyGroups { home, .. } => {
                let which = home.as_ref().map_or_else(String::new, |asker| {
                    format!("; of a column that is not {asker}'s, whose condition the partner does not see")
                });
                details.push(Detail::new(
                    "would do",
                    format!(
                        "GROUP BY fewer columns, or WHERE column IN ('…', '…'): only those are groups then{which}"
                    ),
                ));
            }
            Self::TooManyKeys { .. } => {
                details.push(must_sign("fewer identity.keys, the weakest left out".to_owned(), &partners));
            }
            Self::TooManyTerms { .. } => {
                details.push(Detail::new("would do", "fewer figures in one question"));
            }
            Self::NoGrid { column, .. } => {
                let line = format!("columns.{}.grid = [0, 1000, 10000]", column.column);
                details.push(must_sign(line, &column.table.owner));
            }
            Self::NoBounds { column, .. } => {
                let line =
                    format!("columns.{} = {{ use = [\"measure\"], bounds = [0, 50000] }}", column.column);
                details.push(must_sign(line, &column.table.owner));
            }
            Self::Unmeasurable { column, .. } => {
                let line = format!("columns.{}.bounds with a lower bound nearer to 0", column.column);
                details.push(must_sign(line, &column.table.owner));
            }
            Self::EpsilonAboveCap { asked, cap, .. } => {
                details.push(Detail::new("allowed", format!("epsilon up to {cap} for one question")));
                details.push(must_sign(format!("privacy.per_query_epsilon = {asked}"), &partners));
            }
            Self::DeltaAboveContract { asked, agreed, .. } => {
                details.push(Detail::new("allowed", format!("delta up to {agreed}")));
                details.push(must_sign(format!("privacy.delta = {asked}"), &partners));
            }
            Self::TooLittle { .. } => {
                details.push(Detail::new("would do", "more epsilon, or fewer figures in one question"));
            }
            Self::OutOfReach { best, cap, .. } => {
                details.push(Detail::new("allowed", format!("±{best} with epsilon {cap}")));
                details.push(must_sign("a larger privacy.per_query_epsilon".to_owned(), &partners));
            }
            Self::AboveOwnLimit { needed, .. } => {
                details.push(Detail::new("would do", format!("--max-epsilon {needed}")));
            }
        }
        details
    }
}
