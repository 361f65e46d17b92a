//! The figures of an answer and their one encoding.

use std::fmt;

/// Bytes of a figure: a mark, and the value (little-endian).
const WIDTH: usize = 9;
const HIDDEN: u8 = 0;
const SHOWN: u8 = 1;

/// Noisy figures, group by group; `None` is one that the owner hides because its group is too small.
#[derive(Clone, PartialEq, Eq)]
pub struct Figures(Vec<Option<i64>>);

/// Bytes that are no figures, with the place of the first that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFigures {
    /// There is a part of one at the end.
    #[error("{0} bytes are no whole number of figures")]
    Cut(usize),
    /// Neither shown nor hidden.
    #[error("figure {0} has an unknown mark")]
    Mark(usize),
    /// Hidden, and there is a value all the same: a way to say something that nobody agreed on.
    #[error("figure {0} is hidden and has a value")]
    HiddenValue(usize),
}

/// Shows how many there are: figures are for the partner that paid for them, not for logs.
impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Figures({})", self.0.len())
    }
}

impl Figures {
    /// These, in the order of the plan: all of the first group, then all of the second.
    pub const fn new(figures: Vec<Option<i64>>) -> Self {
        Self(figures)
    }

    /// The figures.
    pub fn as_slice(&self) -> &[Option<i64>] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nine bytes a figure.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * WIDTH);
        for figure in &self.0 {
            bytes.push(if figure.is_some() { SHOWN } else { HIDDEN });
            bytes.extend(figure.unwrap_or(0).to_le_bytes());
        }
        bytes
    }

    /// Reads them back; there is one encoding of each figure (A11).
    ///
    /// # Errors
    /// [`BadFigures`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadFigures> {
        let (figures, rest) = bytes.as_chunks::<WIDTH>();
        if !rest.is_empty() {
            return Err(BadFigures::Cut(bytes.len()));
        }
        let read =
            |(place, [mark, value @ ..]): (usize, &[u8; WIDTH])| match (*mark, i64::from_le_bytes(*value)) {
                (SHOWN, value) => Ok(Some(value)),
                (HIDDEN, 0) => Ok(None),
                (HIDDEN, _) => Err(BadFigures::HiddenValue(place)),
                _ => Err(BadFigures::Mark(place)),
            };
        figures.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Bytes that `figures` figures take.
    pub(super) const fn bytes(figures: usize) -> usize {
        figures * WIDTH
    }
}
