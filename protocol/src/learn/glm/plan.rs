//! What a job comes to: its rounds, their shapes, their price.

use super::{Family, LearnError};
use crate::{
    learn::horizontal::{Part, PartNoise, Shape},
    noise::ATTO_DELTA_OF_A_SAMPLE,
};

/// Fractional bits of a sum.
pub const FRACTION: u32 = 24;
/// Fractional bits of a clipped row's entries and of its residual, so that a product has [`FRACTION`].
pub(super) const GRID: u32 = 12;
/// Weights of the entries of a Gram matrix on and off the diagonal: 7² ≤ 2·5², so that the norm of the weighted
/// triangle is at most 5·‖x‖², while an entry off the diagonal gets its noise divided by 7.
pub(super) const ON: i64 = 5;
/// See [`ON`].
pub(super) const OFF: i64 = 7;
/// A Poisson mean is cut at this many times the largest count.
pub(super) const ABOVE: f64 = 8.0;
/// Scores are cut to ± this.
pub(super) const SCORE: f64 = 32.0;
/// The most columns.
const MOST_COLUMNS: usize = 512;
/// Of the budget of a model with a fixed curvature, this many tenths go into the curvature.
const CURVATURE_TENTHS: u64 = 3;
/// The largest clip in units of 2⁻¹²: 64.
const LARGEST_CLIP: u32 = 64 << GRID;

/// Noise as the job has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// The most that a row's Euclidean norm may be, intercept included, in units of 2⁻¹².
    pub clip: u32,
    /// The price of the whole training, in billionths of ρ: `noise::rho_limit(ε, δ)`.
    pub nano_rho: u64,
    /// Trainers whose noise must be there at least: all, but for those who may drop out or collude.
    pub honest: usize,
}

/// What a job says of its model; public and the same on all nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Target and link.
    pub family: Family,
    /// Columns of the design, the intercept (the first) included.
    pub columns: usize,
    /// Newton's steps at most.
    pub rounds: u32,
    /// λ of the penalty λ/2·‖w‖², the intercept left out; the loss is a sum over rows, so this is 1/C of
    /// scikit-learn.
    pub l2: f64,
    /// No trainer brings more rows than this.
    pub rows: u64,
    /// How many nodes train.
    pub trainers: usize,
    /// None only where every contract allows it.
    pub noise: Option<Noise>,
}

/// What a job costs one trainer's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// Billionths of ρ.
    pub nano_rho: u64,
    /// δ of the samplers, in units of 10⁻¹⁸.
    pub atto_delta: u64,
}

/// A job whose numbers fit together.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    terms: Terms,
    shapes: Vec<Shape>,
}

impl Plan {
    /// Checks the terms and lays the rounds out.
    ///
    /// # Errors
    /// [`LearnError`]: what does not fit.
    pub fn new(terms: Terms) -> Result<Self, LearnError> {
        let Terms { columns, rounds, l2, rows, trainers, noise, .. } = terms;
        if columns == 0 || columns > MOST_COLUMNS {
            return Err(LearnError::Columns(columns));
        }
        if rounds == 0 || rounds > 100 {
            return Err(LearnError::RoundsOutOfRange);
        }
        if !(0.0..=1e9).contains(&l2) {
            return Err(LearnError::Penalty);
        }
        if !(crate::learn::horizontal::LEAST..=crate::learn::horizontal::MOST).contains(&trainers) {
            return Err(LearnError::Trainers(trainers));
        }
        if rows == 0 || rows >= 1 << 40 {
            return Err(LearnError::MayOverflow);
        }
        let mut plan = Self { terms, shapes: Vec::new() };
        plan.shapes = match noise {
            None => vec![plan.exact()?; rounds as usize],
            Some(noise) => plan.noisy(noise)?,
        };
        Ok(plan)
    }

    /// What the job says.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// How many sums there are at most.
    pub fn rounds(&self) -> u32 {
        self.shapes.len() as u32
    }

    /// What is added up in this round.
    pub fn shape(&self, round: u32) -> Option<&Shape> {
        self.shapes.get(round as usize)
    }

    /// LEARNH-21: what all rounds cost, exactly; nothing without noise, since then there is no promise to price.
    pub fn price(&self) -> Price {
        self.price_of(self.rounds())
    }

    /// What the first of these rounds cost.
    pub(super) fn price_of(&self, rounds: u32) -> Price {
        let noisy =
            self.shapes.iter().take(rounds as usize).flat_map(|shape| shape.parts()).filter_map(|part| {
                let noise = part.noise?;
                Some((noise.nano_rho, part.entries as u64 * ATTO_DELTA_OF_A_SAMPLE))
            });
        noisy.fold(Price::default(), |sum, (nano_rho, atto)| Price {
            nano_rho: sum.nano_rho.saturating_add(nano_rho),
            // Each of the trainers samples its share.
            atto_delta: sum.atto_delta.saturating_add(atto.saturating_mul(self.terms.trainers as u64)),
        })
    }

    /// Bytes that a trainer sends and receives in all rounds, envelopes left out, if nobody drops out.
    pub fn bytes(&self) -> u64 {
        self.shapes.iter().map(|shape| shape.bytes(self.terms.trainers)).sum()
    }

    /// The largest curvature, residual and loss of a row.
    pub(super) fn limits(&self) -> (f64, f64, f64) {
        match self.terms.family {
            Family::Linear => (1.0, 8.0, 32.0),
            Family::Logistic => (0.25, 1.0, 2.0 * SCORE),
            Family::Poisson { most } => {
                let most = f64::from(most.max(1));
                (ABOVE * most, ABOVE * most, (ABOVE + SCORE) * most)
            }
        }
    }

    pub(super) const fn triangle(&self) -> usize {
        self.terms.columns * (self.terms.columns + 1) / 2
    }

    /// Whether the curvature is asked for once and kept.
    pub(super) const fn fixed_curvature(&self) -> bool {
        self.terms.noise.is_some() && matches!(self.terms.family, Family::Logistic)
    }

    /// X'WX, X'(y − μ), loss, rows: everything, exactly.
    fn exact(&self) -> Result<Shape, LearnError> {
        let (curvature, residual, loss) = self.limits();
        let part = |entries: usize, largest: f64| self.part(entries, largest, None);
        let parts = vec![
            part(self.triangle(), curvature)?,
            part(self.terms.columns, residual)?,
            part(1, loss)?,
            part(1, 1.0)?,
        ];
        Shape::new(parts, self.terms.trainers, self.terms.trainers).map_err(|_| LearnError::MayOverflow)
    }

    fn noisy(&self, noise: Noise) -> Result<Vec<Shape>, LearnError> {
        if noise.clip == 0 || noise.clip > LARGEST_CLIP {
            return Err(LearnError::Clip);
        }
        if noise.honest == 0 || noise.honest > self.terms.trainers {
            return Err(LearnError::NoiseAlone);
        }
        let steps = u64::from(if self.terms.family == Family::Linear { 1 } else { self.terms.rounds });
        let shape = |parts| {
            Shape::new(parts, self.terms.trainers, noise.honest).map_err(|error| match error {
                crate::learn::horizontal::ShapeError::Noise(error) => LearnError::Noise(error),
                _ => LearnError::MayOverflow,
            })
        };
        if self.fixed_curvature() {
            let curvature = noise.nano_rho / 10 * CURVATURE_TENTHS;
            let mut shapes = vec![shape(vec![self.gram(noise, curvature)?])?];
            for nano_rho in rising(noise.nano_rho - curvature, steps) {
                shapes.push(shape(vec![self.gradient(nano_rho)?])?);
            }
            return Ok(shapes);
        }
        rising(noise.nano_rho, steps)
            .map(|nano_rho| {
                let half = nano_rho / 2;
                shape(vec![self.gram(noise, half)?, self.gradient(half)?])
            })
            .collect()
    }

    /// LEARNH-20: x of norm ≤ C·2¹² on the grid adds xx', whose weighted triangle has norm at most 5·C²·2²⁴; with
    /// a curvature w it is the row √w·x.
    fn gram(&self, noise: Noise, nano_rho: u64) -> Result<Part, LearnError> {
        let curvature = match self.terms.family {
            Family::Linear | Family::Logistic => 1,
            Family::Poisson { most } => u64::from(most.max(1)) * ABOVE as u64,
        };
        let square = u64::from(noise.clip).pow(2).checked_mul(curvature).ok_or(LearnError::MayOverflow)?;
        let sensitivity = square.checked_mul(ON.unsigned_abs()).ok_or(LearnError::MayOverflow)?;
        // An entry off the diagonal is at most half of the norm's square, times 7: less than 5 times all of it.
        let largest = sensitivity.checked_mul(self.terms.rows).ok_or(LearnError::MayOverflow)?;
        Ok(Part {
            entries: self.triangle(),
            bound: largest,
            noise: Some(PartNoise { nano_rho, sensitivity }),
        })
    }

    /// LEARNH-20: the same row adds x·(y − μ), |y − μ| ≤ r: norm at most C·r·2²⁴.
    fn gradient(&self, nano_rho: u64) -> Result<Part, LearnError> {
        let sensitivity = self.gradient_sensitivity()?;
        let largest = sensitivity.checked_mul(self.terms.rows).ok_or(LearnError::MayOverflow)?;
        Ok(Part {
            entries: self.terms.columns,
            bound: largest,
            noise: Some(PartNoise { nano_rho, sensitivity }),
        })
    }

    /// By how much one row changes a gradient; nothing without noise, where rows are not clipped.
    pub(super) fn gradient_sensitivity(&self) -> Result<u64, LearnError> {
        let residual = match self.terms.family {
            Family::Linear | Family::Logistic => 1,
            Family::Poisson { most } => u64::from(most.max(1)) * ABOVE as u64,
        };
        let clip = self.terms.noise.map_or(0, |noise| noise.clip);
        (u64::from(clip) << GRID).checked_mul(residual).ok_or(LearnError::MayOverflow)
    }

    fn part(&self, entries: usize, largest: f64, noise: Option<PartNoise>) -> Result<Part, LearnError> {
        // Half a unit for the rounding of the sum.
        let bound = largest.ceil() * self.terms.rows as f64 * f64::from(1u32 << FRACTION) + 1.0;
        if bound >= (1u64 << 62) as f64 {
            return Err(LearnError::MayOverflow);
        }
        Ok(Part { entries, bound: bound as u64, noise })
    }
}

/// LEARNH-21: a budget over rounds, each but the first with half as much again as the one before, over the last ten. What
/// a round's noise does to the weights the next round undoes in part, so it is the last ones that count; with equal
/// shares ten rounds would cost more than three times what one does, so it is less than three times for any number.
fn rising(nano_rho: u64, steps: u64) -> impl Iterator<Item = u64> {
    // 3⁰·2¹⁰, 3¹·2⁹, …, 3¹⁰·2⁰.
    let weight = move |step: u64| {
        let before = (steps - 1 - step).min(10) as u32;
        3u64.pow(10 - before) << before
    };
    let whole: u64 = (0..steps).map(weight).sum();
    (0..steps).map(move |step| (u128::from(nano_rho) * u128::from(weight(step)) / u128::from(whole)) as u64)
}
