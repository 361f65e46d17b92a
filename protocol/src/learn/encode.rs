//! Columns as numbers: the same table gives the same design on every node, from public bounds and values alone.
//!
//! The attack: a scale that is computed from the data (a mean, a deviation, the list of values that occur) tells
//! of the data before any noise is added, and a value that was never foreseen, infinite or no number at all,
//! pulls a model wherever its owner likes. So every number is clamped to bounds that stand in the contract and
//! brought to [−½, ½] (LEARNH-01); every list of values is the contract's; and no row has any weight but 1.
//!
//! It also costs less than it seems: scaling one-hot columns by their deviations and clipping the rows then loses
//! more under noise than bounded encoding does. The middle of the bounds is 0 rather than ½ because rows are then
//! shorter, and what a row's length is limited to is what the noise is made for.

use std::fmt;

/// How a column becomes numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// (x − middle)/(high − low), clamped to [−½, ½]; ±∞ is the nearer bound; no value is the middle, 0.
    Number { low: f64, high: f64 },
    /// One column of 0 and 1 for each of these public values; no value, or another one, is 0 in all.
    Values(Vec<String>),
    /// 0 or 1; no value is 0.
    Boolean,
}

/// A column that a model reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// Its name, as the model's card shows it.
    pub name: String,
    /// How it becomes numbers.
    pub encoding: Encoding,
}

impl Feature {
    /// The names of the columns it becomes: `age`, or `region=north`, `region=south`.
    pub fn columns(&self) -> Vec<String> {
        match &self.encoding {
            Encoding::Number { .. } | Encoding::Boolean => vec![self.name.clone()],
            Encoding::Values(values) => values.iter().map(|value| format!("{}={value}", self.name)).collect(),
        }
    }
}

/// What a model foretells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// 0 or 1: from a boolean, or from a number that is 0 or not.
    Binary,
    /// A number between public bounds, brought to [0, 1].
    Number { low: f64, high: f64 },
    /// A count, clamped to 0..=most and not scaled.
    Count { most: u32 },
}

/// A column as the node reads it, one entry a row.
#[derive(Clone, PartialEq)]
pub enum Raw {
    /// Numbers; NaN is no value.
    Number(Vec<Option<f64>>),
    /// Places in the list of public values; what is not in the list is no value.
    Code(Vec<Option<u32>>),
    /// Truth values.
    Boolean(Vec<Option<bool>>),
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Raw({} rows)", self.rows())
    }
}

impl Raw {
    /// How many rows.
    pub const fn rows(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Code(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }
}

/// Why a table could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Bounds that are not finite, or the wrong way round.
    #[error("the bounds of {0} are not two finite numbers, the lower one first")]
    Bounds(String),
    /// A list without values, or with more than 4,096.
    #[error("{0} needs between 1 and 4096 public values")]
    Values(String),
    /// A column of another type than its encoding takes.
    #[error("the column {0} is not of the type that its encoding takes")]
    Type(String),
    /// Columns with different numbers of rows.
    #[error("the column {name} has {got} rows where {expected} are due")]
    Rows { name: String, expected: usize, got: usize },
}

/// The most public values of a column.
const MOST_VALUES: usize = 4096;

/// The name of the column of ones.
pub const INTERCEPT: &str = "(intercept)";

/// A table of numbers in [−½, 1], column by column.
#[derive(Clone, PartialEq)]
pub struct Design {
    names: Vec<String>,
    rows: usize,
    columns: Vec<Vec<f32>>,
}

impl fmt::Debug for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Design({} rows × {} columns)", self.rows, self.columns.len())
    }
}

impl Design {
    /// A design of `rows` rows without columns yet; with `intercept` its first column is 1 everywhere.
    pub fn new(rows: usize, intercept: bool) -> Self {
        let (names, columns) = if intercept {
            (vec![INTERCEPT.to_owned()], vec![vec![1.0; rows]])
        } else {
            (Vec::new(), Vec::new())
        };
        Self { names, rows, columns }
    }

    /// Adds the columns of `feature`.
    ///
    /// # Errors
    /// [`EncodeError`]; nothing was added then.
    pub fn push(&mut self, feature: &Feature, raw: &Raw) -> Result<(), EncodeError> {
        let name = &feature.name;
        if raw.rows() != self.rows {
            return Err(EncodeError::Rows { name: name.clone(), expected: self.rows, got: raw.rows() });
        }
        let mut added: Vec<Vec<f32>> = match (&feature.encoding, raw) {
            (Encoding::Number { low, high }, Raw::Number(values)) => {
                check_bounds(name, *low, *high)?;
                vec![
                    values.iter().map(|value| scaled(*value, *low, *high).map_or(0.0, |x| x - 0.5)).collect(),
                ]
            }
            (Encoding::Boolean, Raw::Boolean(values)) => {
                vec![values.iter().map(|value| f32::from(u8::from(*value == Some(true)))).collect()]
            }
            (Encoding::Values(list), Raw::Code(values)) => {
                if list.is_empty() || list.len() > MOST_VALUES {
                    return Err(EncodeError::Values(name.clone()));
                }
                let mut columns = vec![vec![0.0; self.rows]; list.len()];
                for (row, value) in values.iter().enumerate() {
                    if let Some(column) = value.and_then(|value| columns.get_mut(value as usize)) {
                        column[row] = 1.0;
                    }
                }
                columns
            }
            _ => return Err(EncodeError::Type(name.clone())),
        };
        self.names.extend(feature.columns());
        self.columns.append(&mut added);
        Ok(())
    }

    /// How many rows.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The names of the columns, the intercept's first if there is one.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns, each with [`rows`](Self::rows) numbers in [−½, 1].
    pub fn columns(&self) -> &[Vec<f32>] {
        &self.columns
    }

    /// The rows for which `keep` says so; it must be as long as there are rows.
    pub fn rows_where(&self, keep: &[bool]) -> Self {
        let columns: Vec<Vec<f32>> = self.columns.iter().map(|column| kept(column, keep)).collect();
        let rows = keep.iter().take(self.rows).filter(|keep| **keep).count();
        Self { names: self.names.clone(), rows, columns }
    }

    /// Σ_j w_j·x_j for each row: what a model's link makes a probability of.
    pub fn score(&self, weights: &[f64]) -> Vec<f64> {
        let mut scores = vec![0.0; self.rows];
        for (column, weight) in self.columns.iter().zip(weights) {
            for (score, x) in scores.iter_mut().zip(column) {
                *score += weight * f64::from(*x);
            }
        }
        scores
    }
}

/// Those of `values` for which `keep` says so.
pub fn kept<T: Copy>(values: &[T], keep: &[bool]) -> Vec<T> {
    values.iter().zip(keep).filter(|(_, keep)| **keep).map(|(value, _)| *value).collect()
}

impl Target {
    /// The target of each row; a row without one cannot be learnt from, and is the caller's to leave out.
    ///
    /// # Errors
    /// [`EncodeError`] for a column of another type, or bounds that are none.
    pub fn encode(&self, raw: &Raw) -> Result<Vec<Option<f32>>, EncodeError> {
        const NAME: &str = "target";
        let number = |value: &Option<f64>| value.filter(|value| !value.is_nan());
        match (self, raw) {
            (Self::Binary, Raw::Boolean(values)) => {
                Ok(values.iter().map(|value| value.map(|yes| f32::from(u8::from(yes)))).collect())
            }
            (Self::Binary, Raw::Number(values)) => Ok(values
                .iter()
                .map(|value| number(value).map(|value| f32::from(u8::from(value != 0.0))))
                .collect()),
            (Self::Number { low, high }, Raw::Number(values)) => {
                check_bounds(NAME, *low, *high)?;
                Ok(values.iter().map(|value| scaled(*value, *low, *high)).collect())
            }
            (Self::Count { most }, Raw::Number(values)) => {
                let most = f64::from(*most);
                Ok(values
                    .iter()
                    .map(|value| number(value).map(|value| value.clamp(0.0, most).round() as f32))
                    .collect())
            }
            _ => Err(EncodeError::Type(NAME.to_owned())),
        }
    }
}

fn check_bounds(name: &str, low: f64, high: f64) -> Result<(), EncodeError> {
    let fine = low.is_finite() && high.is_finite() && low < high && (high - low).is_finite();
    if fine { Ok(()) } else { Err(EncodeError::Bounds(name.to_owned())) }
}

/// LEARNH-01: clamped first, so that an infinity is a bound and never reaches a sum.
fn scaled(value: Option<f64>, low: f64, high: f64) -> Option<f32> {
    value.filter(|value| !value.is_nan()).map(|value| ((value.clamp(low, high) - low) / (high - low)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(encoding: Encoding) -> Feature {
        Feature { name: "x".to_owned(), encoding }
    }

    #[test]
    fn learnh_01_b09_nothing_leaves_its_interval() {
        let mut design = Design::new(7, true);
        let values =
            [Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), None, Some(1e308), Some(15.0)];
        let raw = Raw::Number(values.into_iter().chain([Some(-0.0)]).collect());
        design.push(&feature(Encoding::Number { low: 10.0, high: 30.0 }), &raw).unwrap();
        assert_eq!(design.columns()[1], [0.0, 0.5, -0.5, 0.0, 0.5, -0.25, -0.5]);
        let extreme = feature(Encoding::Number { low: f64::MIN, high: f64::MAX });
        assert_eq!(design.push(&extreme, &raw), Err(EncodeError::Bounds("x".to_owned())));
        let counts = Target::Count { most: 9 }.encode(&raw).unwrap();
        assert_eq!(counts, [None, Some(9.0), Some(0.0), None, Some(9.0), Some(9.0), Some(0.0)]);
    }

    #[test]
    fn values_that_are_not_public_are_none() {
        let mut design = Design::new(4, false);
        let raw = Raw::Code(vec![Some(0), Some(1), Some(2), None]);
        design.push(&feature(Encoding::Values(vec!["a".into(), "b".into()])), &raw).unwrap();
        assert_eq!(design.names(), ["x=a", "x=b"]);
        assert_eq!(design.columns(), [vec![1.0, 0.0, 0.0, 0.0], vec![0.0, 1.0, 0.0, 0.0]]);
        assert_eq!(
            design.rows_where(&[false, true, true, false]).columns(),
            [vec![0.0, 0.0], vec![1.0, 0.0]]
        );
        assert_eq!(design.score(&[2.0, 3.0]), [2.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn a_column_of_another_type_or_length_is_refused() {
        let mut design = Design::new(2, false);
        let boolean = feature(Encoding::Boolean);
        assert!(matches!(design.push(&boolean, &Raw::Number(vec![None; 2])), Err(EncodeError::Type(_))));
        assert!(matches!(design.push(&boolean, &Raw::Boolean(vec![None; 3])), Err(EncodeError::Rows { .. })));
        let empty = feature(Encoding::Values(Vec::new()));
        assert!(matches!(design.push(&empty, &Raw::Code(vec![None; 2])), Err(EncodeError::Values(_))));
        assert_eq!(design.columns().len(), 0);
    }
}
