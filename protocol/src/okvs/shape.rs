//! How large a table is: a public function of the number of keys it must have room for (OKVS-01, OKVS-02).
//!
//! RR22, section 3.2, fits the expansion of three sparse positions to experiments:
//!
//! ```text
//!   e = 1.223 + (λ + 9.2)/s(n),   log₂ s(n) = 0.555·log₂n + 0.093·w³ − 1.01·w² + 2.925·w − 0.133,  w = log₂3
//!   ĝ = ⌊λ / log₂(e·n)⌋
//! ```
//!
//! Both ends must come to the same size on any machine, so there is no floating point: s is a table for powers
//! of two, and e is taken at the largest of them that is not above n. That makes the table larger, by two slots
//! in a hundred at most for the keys of a slab, by eight for a few thousand.

use super::OkvsError;

/// ⌊s(2^k)⌋ for k = 10, 11, …
const SPARE: [u64; 6] = [236, 347, 510, 750, 1102, 1619];

/// log₂ of the fewest keys that the fit is used for: fewer get the room of as many.
const SMALLEST: u32 = 10;

/// Slots and rows are numbered in 16 bits, so that what peeling touches stays in the cache.
const MOST_SLOTS: u64 = 1 << 16;

/// The public size of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    keys: usize,
    sparse: usize,
    dense: usize,
}

impl Shape {
    /// Room for up to `keys` keys, such that the equations have no solution with probability 2^−`lambda` at
    /// most (`lambda` = λ + log₂ of the tables of a run, so that the run fails with 2^−λ).
    ///
    /// # Errors
    /// [`OkvsError::TooManyKeys`] when that would need more than 2¹⁶ slots: more than 51,000 keys or so.
    pub fn new(keys: usize, lambda: u32) -> Result<Self, OkvsError> {
        let n = (keys as u64).max(1 << SMALLEST);
        let lambda = u64::from(lambda.min(128));
        let log = n.ilog2().min(SMALLEST + SPARE.len() as u32 - 1);
        let too_many = || OkvsError::TooManyKeys { room: MOST_SLOTS as usize * 3 / 4, got: keys };
        if n >= MOST_SLOTS {
            return Err(too_many());
        }
        // Below 2¹⁶ · (1223 + 100·1372) < 2⁶⁴, in thousandths of a slot.
        let spare = SPARE[(log - SMALLEST) as usize];
        let expansion = 1223 + (100 * (10 * lambda + 92)).div_ceil(spare);
        let sparse = (n * expansion).div_ceil(1000);
        if sparse > MOST_SLOTS {
            return Err(too_many());
        }
        let dense = (lambda / u64::from(sparse.ilog2())).max(1);
        Ok(Self { keys, sparse: sparse as usize, dense: dense as usize })
    }

    /// A shape of any size, for tests of what hardly ever happens in one of the right size.
    #[cfg(test)]
    pub(super) const fn of(keys: usize, sparse: usize, dense: usize) -> Self {
        Self { keys, sparse, dense }
    }

    /// The most keys.
    pub const fn keys(&self) -> usize {
        self.keys
    }

    /// Sparse slots m' = e·n: three of them belong to each key.
    pub const fn sparse(&self) -> usize {
        self.sparse
    }

    /// Dense slots ĝ: all of them belong to each key.
    pub const fn dense(&self) -> usize {
        self.dense
    }

    /// All slots.
    pub const fn slots(&self) -> usize {
        self.sparse + self.dense
    }

    /// Bytes of a table whose values have `width` words of eight bytes: 16 for the seed, then the slots.
    pub const fn bytes(&self, width: usize) -> usize {
        16 + 8 * width * self.slots()
    }
}
