//! What comes out of a run.

use std::fmt;

use super::shape::{Figure, Shape};

/// What an end has at the end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The noisy figures, for an end that learns them.
    pub figures: Option<Figures>,
    /// Rows the seeker announced, its padding included.
    pub seeker_count: u32,
    /// Rows the holder announced, its padding included.
    pub holder_count: u32,
    /// The hash of what was said, the same at both ends.
    pub transcript: [u8; 32],
}

/// Noisy figures, in the order of [`Shape::place`].
#[derive(Clone, PartialEq, Eq)]
pub struct Figures {
    shape: Shape,
    figures: Vec<i64>,
}

/// Shows how many there are: figures are for the partner that paid for them, not for logs.
impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Figures({})", self.figures.len())
    }
}

impl Figures {
    /// `figures` has one for each place of the shape.
    pub(super) const fn new(shape: Shape, figures: Vec<i64>) -> Self {
        Self { shape, figures }
    }

    /// One of them; none when there is no such cell or figure.
    pub fn at(&self, seeker_cell: u32, holder_cell: u32, figure: Figure) -> Option<i64> {
        let place = self.shape.place(seeker_cell, holder_cell, figure)?;
        self.figures.get(place).copied()
    }

    /// All of them.
    pub fn as_slice(&self) -> &[i64] {
        &self.figures
    }
}
