//! How far a figure may be from the one without noise.
//!
//! EVAL-04: the noise is known exactly, so it is added once more, many times, and what it does to the figure is read
//! off. With t the figure of the counts with their noise, and t* those of the counts with noise once more, the
//! interval is from 2t − t*₉₇.₅ to 2t − t*₂.₅ (the basic bootstrap: Davison and Hinkley 1997, section 5.2), which
//! also takes away what noise adds on average to figures that are not sums. It covers the figure of the same rows
//! without noise; that other rows would have given another one is not in it.

use crate::{noise::DiscreteGaussian, secret::Secret};

/// Noise once more, this many times.
const DRAWS: usize = 400;

/// Of a figure that does not exist for more than one draw in twenty, nothing is said.
const MISSING: usize = DRAWS / 20;

/// What is in each count: the sum of so many independent discrete Gaussians.
#[derive(Debug, Clone)]
pub struct Noise {
    gaussian: DiscreteGaussian,
    shares: u32,
}

impl Noise {
    /// `shares` ends have each added noise of this kind to every count.
    pub const fn new(gaussian: DiscreteGaussian, shares: u32) -> Self {
        Self { gaussian, shares }
    }

    /// Noise for `count` counts, `DRAWS` times. The seed is fixed and public: the same histogram has the same intervals
    /// wherever they are computed, and none of this noise hides anything.
    fn draws(&self, purpose: u8, count: usize) -> Vec<f64> {
        let mut noise = vec![0.0; count * DRAWS];
        for share in 0..self.shares {
            let mut seed = *b"tacit evaluate: intervals/1 ....";
            seed[28] = purpose;
            seed[29..32].copy_from_slice(&share.to_le_bytes()[..3]);
            let drawn = self.gaussian.samples(&Secret::new(seed), count * DRAWS);
            noise.iter_mut().zip(drawn).for_each(|(noise, drawn)| *noise += drawn as f64);
        }
        noise
    }
}

/// A figure, and where the one without noise is with 95 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// As the noisy counts have it.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The same, where it can be.
    pub(super) fn within(self, low: f64, high: f64) -> Self {
        let clamp = |value: f64| value.clamp(low, high);
        Self { value: clamp(self.value), low: clamp(self.low), high: clamp(self.high) }
    }
}

/// The figures of `counts`, each with its interval; `None` where it does not exist.
pub(super) fn intervals(
    counts: &[f64],
    noise: Option<&Noise>,
    figures: impl Fn(&[f64]) -> Vec<f64>,
) -> Vec<Option<Interval>> {
    intervals_of_two([counts, &[]], [noise, None], |counts, _| figures(counts))
}

/// The same of two lists of counts.
pub(super) fn intervals_of_two(
    counts: [&[f64]; 2],
    noise: [Option<&Noise>; 2],
    figures: impl Fn(&[f64], &[f64]) -> Vec<f64>,
) -> Vec<Option<Interval>> {
    let values = figures(counts[0], counts[1]);
    let exact = |value: f64| (!value.is_nan()).then_some(Interval { value, low: value, high: value });
    if noise.iter().all(Option::is_none) {
        return values.into_iter().map(exact).collect();
    }
    let drawn: [Option<Vec<f64>>; 2] =
        std::array::from_fn(|at| noise[at].map(|noise| noise.draws(at as u8, counts[at].len())));
    let again = |at: usize, draw: usize| -> Vec<f64> {
        let count = counts[at].len();
        match &drawn[at] {
            Some(drawn) => {
                counts[at].iter().zip(&drawn[draw * count..]).map(|(count, noise)| count + noise).collect()
            }
            None => counts[at].to_vec(),
        }
    };
    let mut samples = vec![Vec::with_capacity(DRAWS); values.len()];
    for draw in 0..DRAWS {
        for (samples, figure) in samples.iter_mut().zip(figures(&again(0, draw), &again(1, draw))) {
            if !figure.is_nan() {
                samples.push(figure);
            }
        }
    }
    values.into_iter().zip(samples).map(|(value, samples)| basic(value, samples)).collect()
}

fn basic(value: f64, mut samples: Vec<f64>) -> Option<Interval> {
    if value.is_nan() || samples.len() + MISSING < DRAWS {
        return None;
    }
    samples.sort_unstable_by(f64::total_cmp);
    let cut = samples.len() / 40;
    let (low, high) = (samples[cut], samples[samples.len() - 1 - cut]);
    Some(Interval { value, low: 2.0 * value - high, high: 2.0 * value - low })
}
