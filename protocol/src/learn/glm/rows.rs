//! One's own rows, checked, and clipped where noise has to hide them.

use super::{
    LearnError, Plan,
    plan::{FRACTION, GRID},
};
use crate::learn::encode::Design;

/// Rows that may enter the statistics of a plan: as many columns as it has, every number in its range, and with
/// noise every row on the grid of 2⁻¹² with a norm within the clip.
pub struct Rows {
    pub(super) columns: Vec<Vec<f32>>,
    pub(super) target: Vec<f32>,
    /// What a number of `columns` is divided by to be what it means: 1, or 2¹² for rows on the grid.
    pub(super) unit: f64,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({} × {})", self.target.len(), self.columns.len())
    }
}

impl Rows {
    /// LEARNH-03: takes no number that the encoding does not have.
    ///
    /// # Errors
    /// [`LearnError::OwnRows`], [`LearnError::OwnValue`].
    pub fn new(plan: &Plan, design: &Design, target: &[f32]) -> Result<Self, LearnError> {
        let terms = plan.terms();
        let rows = design.rows();
        let fits =
            design.columns().len() == terms.columns && target.len() == rows && rows as u64 <= terms.rows;
        if !fits {
            return Err(LearnError::OwnRows);
        }
        let most = match terms.family {
            super::Family::Poisson { most } => most as f32,
            _ => 1.0,
        };
        let within = design.columns().iter().flatten().all(|x| (-0.5..=1.0).contains(x))
            && target.iter().all(|y| (0.0..=most).contains(y));
        if !within {
            return Err(LearnError::OwnValue);
        }
        let columns = match terms.noise {
            None => design.columns().to_vec(),
            Some(noise) => clipped(design.columns(), rows, noise.clip),
        };
        let unit = if terms.noise.is_some() { f64::from(1u32 << GRID) } else { 1.0 };
        Ok(Self { columns, target: target.to_vec(), unit })
    }

    /// How many rows.
    pub const fn len(&self) -> usize {
        self.target.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.target.is_empty()
    }

    /// The scores of these rows, as a model sees them (clipped, if it was trained on clipped rows).
    pub fn score(&self, weights: &[f64]) -> Vec<f64> {
        let mut scores = vec![0.0; self.len()];
        for (column, weight) in self.columns.iter().zip(weights) {
            let weight = weight / self.unit;
            for (score, x) in scores.iter_mut().zip(column) {
                *score += weight * f64::from(*x);
            }
        }
        scores
    }
}

/// Rows scaled to a norm of at most `clip` and brought to the grid towards 0, so that the norm stays within it.
fn clipped(columns: &[Vec<f32>], rows: usize, clip: u32) -> Vec<Vec<f32>> {
    let grid = f64::from(1u32 << GRID);
    let mut clipped = vec![vec![0.0; rows]; columns.len()];
    for row in 0..rows {
        let square: f64 = columns.iter().map(|column| f64::from(column[row]).powi(2)).sum();
        let mut scale = grid.min(f64::from(clip) / square.sqrt().max(f64::MIN_POSITIVE));
        loop {
            let mut norm = 0u64;

            for (from, to) in columns.iter().zip(&mut clipped) {
                // At most 64·2¹²: exact as f32.
                let x = (f64::from(from[row]) * scale) as i32;
                norm += u64::from(x.unsigned_abs()).pow(2);
                to[row] = x as f32;
            }
            if norm <= u64::from(clip).pow(2) {
                break;
            }
            // Rounding of the root: at most once or twice.
            scale *= 1.0 - 1.0 / f64::from(1u32 << FRACTION);
        }
    }
    clipped
}
