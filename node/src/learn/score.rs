//! What a model says of our own customers, worked out at home: no partner hears of it.
//!
//! It takes a model whose weights this side has, all of them over columns of its own: a horizontal one. The attack this
//! stops is the score that is not the model's: columns in another order, another encoding, a weight that is missing. The
//! columns are encoded by the model's own bounds and values, and their names are held against its coefficients' names.

use std::collections::HashSet;

use tacit_protocol::learn::encode::{Design, EncodeError, Encoding as Encoded, Feature, Raw};

use super::model::{Encoding, Exact, Held, Input, Model, ModelKind, Shape};
use crate::report::{Class, Detail, Refusal};

/// A model that cannot be applied here.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// Its weights are not all here.
    #[error("the weights of {model} are not all at this node")]
    NotOpen {
        /// The model's name.
        model: String,
    },
    /// It needs the partner's columns.
    #[error("{model} needs columns that {partner} has")]
    NeedsPartner {
        /// The model's name.
        model: String,
        /// Whose columns.
        partner: String,
    },
    /// The coefficients are not those of its inputs.
    #[error("the coefficients of {model} do not fit its inputs")]
    Misfit {
        /// The model's name.
        model: String,
    },
    /// A vertical model is applied to the customers that it was trained with, and these are others.
    #[error("{model} has scores of {dataset} as it was when it was trained, and it has changed since")]
    OtherContent {
        /// The model's name.
        model: String,
        /// The dataset.
        dataset: String,
    },
    /// A scoring needs both nodes' halves of a model, and this node has none of this one.
    #[error("this node does not have its half of the model {model}")]
    NotHere {
        /// The start of its id.
        model: String,
    },
    /// LEARNV-49: more would tell more than scores cut to 1/1024 do.
    #[error("scores of {model} have been made {most} times, and are not made again")]
    TooOften {
        /// The model's name.
        model: String,
        /// How often.
        most: u32,
    },
    /// One at a time.
    #[error("scores of {model} are being made")]
    UnderWay {
        /// The model's name.
        model: String,
    },
    /// A column of another kind than the model was trained on.
    #[error("the dataset does not fit {model}")]
    Unencodable {
        /// The model's name.
        model: String,
        /// Which column, and why.
        #[source]
        source: EncodeError,
    },
}

impl Refusal for ScoreError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotOpen { .. } => "E-MODEL-NOT-OPEN",
            Self::NeedsPartner { .. } => "E-MODEL-NEEDS-PARTNER",
            Self::Misfit { .. } => "E-MODEL-DAMAGED",
            Self::OtherContent { .. } => "E-MODEL-OTHER-CONTENT",
            Self::NotHere { .. } => "E-MODEL-NOT-HERE",
            Self::TooOften { .. } => "E-MODEL-SCORED-OFTEN",
            Self::UnderWay { .. } => "E-MODEL-IN-USE",
            Self::Unencodable { .. } => "E-MODEL-COLUMNS",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::NotOpen { .. } | Self::NeedsPartner { .. } | Self::TooOften { .. } => Class::Policy,
            Self::Misfit { .. }
            | Self::OtherContent { .. }
            | Self::NotHere { .. }
            | Self::UnderWay { .. } => Class::Failed,
            Self::Unencodable { .. } => Class::Usage,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let mend = match self {
            Self::NotOpen { .. } | Self::NeedsPartner { .. } => {
                "scores of such a model are made with the partner when it is trained, for the one in allow.train.score"
            }
            Self::OtherContent { .. } | Self::NotHere { .. } | Self::TooOften { .. } => {
                "train it again: tacit train JOB"
            }
            Self::UnderWay { .. } => "wait for its end",
            Self::Misfit { .. } => "restore it from a backup, or train it again",
            Self::Unencodable { .. } => {
                "a dataset whose columns have the names and types that the model was trained on"
            }
        };
        vec![Detail::new("would do", mend)]
    }
}

/// One customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Its row; rows count from 1.
    pub row: u64,
    /// What the model expects: a chance, a number, how often.
    pub score: f64,
}

/// The columns that have to be read for a model, and how their cells become numbers.
///
/// # Errors
/// [`ScoreError::NotOpen`], [`ScoreError::NeedsPartner`]: it cannot be applied at this node alone.
pub fn features(model: &Model) -> Result<Vec<Feature>, ScoreError> {
    let name = || model.name.clone();
    if model.weights != Held::Open || model.open_weights().is_none() {
        return Err(ScoreError::NotOpen { model: name() });
    }
    let ours = |input: &&Input| {
        model.shape == Shape::Horizontal || input.owner.is_empty() || input.owner == model.us
    };
    if let Some(other) = model.inputs.iter().find(|input| !ours(input)) {
        return Err(ScoreError::NeedsPartner { model: name(), partner: other.owner.clone() });
    }
    Ok(model.inputs.iter().map(feature).collect())
}

fn feature(input: &Input) -> Feature {
    let encoding = match &input.encoding {
        Encoding::Bounds { low, high } => Encoded::Number { low: low.0, high: high.0 },
        Encoding::Values(values) => Encoded::Values(values.clone()),
        Encoding::Boolean => Encoded::Boolean,
    };
    Feature { name: input.column.clone(), encoding }
}

/// Scores customers: `columns` as [`features`] names them, each with one entry for every row of `rows`. The highest
/// score first; of equal ones the earlier row.
///
/// # Errors
/// [`ScoreError`]
pub fn scored(model: &Model, rows: &[u64], columns: &[Raw]) -> Result<Vec<Scored>, ScoreError> {
    let misfit = || ScoreError::Misfit { model: model.name.clone() };
    let features = features(model)?;
    let weights = model.open_weights().ok_or_else(misfit)?;
    if features.len() != columns.len() {
        return Err(misfit());
    }
    let mut design = Design::new(rows.len(), true);
    for (feature, column) in features.iter().zip(columns) {
        let unencodable = |source| ScoreError::Unencodable { model: model.name.clone(), source };
        design.push(feature, column).map_err(unencodable)?;
    }
    let names = model.coefficients.iter().map(|coefficient| coefficient.name.as_str());
    if !names.eq(design.names().iter().map(String::as_str)) {
        return Err(misfit());
    }
    let mut scores = design.score(&weights);
    if let Some(Exact(clip)) = model.clip {
        // A score is linear in its row, so it shrinks as the row does.
        scores
            .iter_mut()
            .zip(lengths(&design))
            .for_each(|(score, length)| *score *= (clip / length).min(1.0));
    }
    Ok(sorted(model, rows.iter().copied().zip(scores)))
}

/// The scores that were made at the end of a vertical training, of the rows that `take_part` now.
pub fn of_training(model: &Model, scores: &[(u64, f64)], take_part: &HashSet<u64>) -> Vec<Scored> {
    sorted(model, scores.iter().copied().filter(|(row, _)| take_part.contains(row)))
}

/// From linear scores to what is expected; the highest first, of equal ones the earlier row.
fn sorted(model: &Model, scores: impl Iterator<Item = (u64, f64)>) -> Vec<Scored> {
    let expected = |score: f64| {
        let mean = model.kind.mean(score);
        match (model.kind, model.target_bounds) {
            (ModelKind::Linear, Some([Exact(low), Exact(high)])) => low + mean * (high - low),
            _ => mean,
        }
    };
    let mut scored: Vec<Scored> = scores.map(|(row, score)| Scored { row, score: expected(score) }).collect();
    scored.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.row.cmp(&other.row)));
    scored
}

/// Each row's Euclidean length. The intercept's 1 is part of it, so none is 0.
fn lengths(design: &Design) -> Vec<f64> {
    let mut squares = vec![0.0; design.rows()];
    for column in design.columns() {
        squares.iter_mut().zip(column).for_each(|(square, x)| *square += f64::from(*x) * f64::from(*x));
    }
    squares.into_iter().map(f64::sqrt).collect()
}

/// The first `share` of them, rounded up; of nobody nobody.
pub fn top(mut scored: Vec<Scored>, share: f64) -> Vec<Scored> {
    let wanted = (scored.len() as f64 * share.clamp(0.0, 1.0)).ceil() as usize;
    scored.truncate(wanted);
    scored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::{Coefficient, registry::tests::example};

    /// y ≈ 2·(age − 50)/100 + (work=b) − yes
    fn model() -> Model {
        let mut model = example();
        model.shape = Shape::Horizontal;
        model.clip = None;
        let input = |column: &str, encoding| Input {
            owner: String::new(),
            dataset: String::new(),
            column: column.into(),
            encoding,
        };
        model.inputs = vec![
            input("age", Encoding::Bounds { low: Exact(0.0), high: Exact(100.0) }),
            input("work", Encoding::Values(vec!["a".into(), "b".into()])),
            input("yes", Encoding::Boolean),
        ];
        let weights = [("(intercept)", 0.0), ("age", 2.0), ("work=a", 0.0), ("work=b", 1.0), ("yes", -1.0)];
        model.coefficients = weights
            .map(|(name, value)| Coefficient {
                owner: String::new(),
                name: name.into(),
                value: Some(Exact(value)),
                low95: None,
                high95: None,
            })
            .to_vec();
        model
    }

    fn columns() -> Vec<Raw> {
        vec![
            Raw::Number(vec![Some(50.0), Some(1e9), None, Some(f64::NAN)]),
            Raw::Code(vec![Some(0), Some(1), None, Some(7)]),
            Raw::Boolean(vec![Some(true), Some(false), None, Some(false)]),
        ]
    }

    #[test]
    fn scores_are_the_models_and_the_highest_comes_first() {
        let scored = scored(&model(), &[3, 5, 8, 9], &columns()).unwrap();
        // Row 5 is clamped to 100 years; 8 and 9 are in the middle, and equal.
        assert_eq!(scored.iter().map(|one| one.row).collect::<Vec<_>>(), [5, 8, 9, 3]);
        let chance = |score: f64| 1.0 / (1.0 + (-score).exp());
        let expected = [chance(2.0), chance(0.0), chance(0.0), chance(-1.0)];
        for (found, expected) in scored.iter().zip(expected) {
            assert!((found.score - expected).abs() < 1e-6, "{found:?} {expected}");
        }
        assert_eq!(top(scored.clone(), 0.3).len(), 2, "rounded up");
        assert_eq!((top(scored.clone(), 1.0).len(), top(scored, 0.0).len()), (4, 0));
        assert!(top(Vec::new(), 0.5).is_empty());
    }

    #[test]
    fn a_row_is_cut_to_the_length_that_it_was_trained_with() {
        let model = Model { clip: Some(Exact(1.0)), kind: ModelKind::Linear, ..model() };
        let scored = scored(&model, &[1, 2, 3, 4], &columns()).unwrap();
        // (1, ½, 0, 1, 0): of length 1½, and 2 by its weights.
        assert!((scored[0].score - 2.0 / 1.5).abs() < 1e-6, "{scored:?}");
        let long = Model { clip: Some(Exact(9.0)), ..model };
        assert!((super::scored(&long, &[1, 2, 3, 4], &columns()).unwrap()[0].score - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_linear_score_is_in_the_targets_own_units() {
        let mut model = model();
        model.kind = ModelKind::Linear;
        model.target_bounds = Some([Exact(10.0), Exact(30.0)]);
        let scored = scored(&model, &[1, 2, 3, 4], &columns()).unwrap();
        assert!((scored[0].score - (10.0 + 2.0 * 20.0)).abs() < 1e-5, "{scored:?}");
    }

    #[test]
    fn whoever_takes_no_part_any_more_has_no_score_of_the_training_either() {
        let scores = [(3, -1.0), (5, 2.0), (8, 0.0)];
        let scored = of_training(&model(), &scores, &HashSet::from([3, 8, 9]));
        assert_eq!(scored.iter().map(|one| one.row).collect::<Vec<_>>(), [8, 3]);
        assert_eq!(scored[0].score, 0.5);
    }

    #[test]
    fn what_does_not_fit_the_model_gets_no_score() {
        let code = |model: &Model, columns: &[Raw]| scored(model, &[1, 2, 3, 4], columns).unwrap_err().code();
        let mut swapped = columns();
        swapped.swap(0, 2);
        assert_eq!(code(&model(), &swapped), "E-MODEL-COLUMNS");
        assert_eq!(code(&model(), &columns()[..2]), "E-MODEL-DAMAGED");
        let mut renamed = model();
        renamed.coefficients.swap(2, 3);
        assert_eq!(code(&renamed, &columns()), "E-MODEL-DAMAGED");
        let mut partial = model();
        partial.coefficients[1].value = None;
        assert_eq!(code(&partial, &columns()), "E-MODEL-NOT-OPEN");
        let mut shared = model();
        shared.weights = Held::Shared;
        assert_eq!(code(&shared, &columns()), "E-MODEL-NOT-OPEN");
        let mut vertical = model();
        vertical.shape = Shape::Vertical;
        vertical.inputs[1].owner = "brand".into();
        assert_eq!(code(&vertical, &columns()), "E-MODEL-NEEDS-PARTNER");
    }
}
