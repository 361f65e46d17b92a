//! Pieces: 512 rows of one group of columns, from the leaves of its trees.
//!
//! OT-10. What is secret in here: all of it. What is not: which places are read and how often, for both depend on
//! the shape alone. The keeper's leaves lie in the order of x ⊕ Δ (`pprf`), so it runs the same code as the
//! chooser, with a leaf 0 of zeros in the place of the one it lacks.

#[cfg(target_arch = "x86_64")]
mod vaes;

#[cfg(test)]
mod tests;

use super::{
    block::{Lane, Streams},
    field::COLUMNS,
    pprf::LEAVES,
    transpose::turn,
};

/// Rows that are made together: one 512-bit vector of each column.
pub(super) const PIECE: usize = 512;

/// 512 rows of u and of v, 128 bits each.
pub(super) struct Piece {
    u: [Lane; 128],
    v: [Lane; 128],
}

impl Piece {
    pub(super) const EMPTY: Self = Self { u: [Lane([0; 8]); 128], v: [Lane([0; 8]); 128] };

    /// The rows u = Σ rₓ and v = Σ x·rₓ of a group of columns, the leaves rₓ being P bit planes a column
    /// from the block `counter` of its stream on: elements of GF(16) for P = 4, bits for P = 1.
    pub(super) fn make<const P: usize>(&mut self, streams: &Streams, group: usize, counter: u128) {
        match streams {
            #[cfg(target_arch = "x86_64")]
            Streams::Vaes(vaes, keys) => {
                let keys = &keys.as_chunks::<LEAVES>().0[group * COLUMNS..][..COLUMNS];
                vaes.columns::<P>(keys, counter, &mut self.u, &mut self.v);
                vaes.turn(&mut self.u);
                vaes.turn(&mut self.v);
            }
            Streams::Portable(_) => {
                self.columns::<P>(streams, group, counter);
                turn(&mut self.u);
                turn(&mut self.v);
            }
        }
    }

    fn columns<const P: usize>(&mut self, streams: &Streams, group: usize, counter: u128) {
        *self = Self::EMPTY;
        let mut leaves = [[Lane::default(); P]; LEAVES];
        for column in 0..COLUMNS {
            streams.fill((group * COLUMNS + column) * LEAVES, counter, &mut leaves);
            for plane in 0..P {
                let (sum, parts) = sum_leaves(&mut leaves, plane);
                self.u[plane * COLUMNS + column] = sum;
                for (bit, part) in parts.into_iter().enumerate() {
                    for place in power(bit + plane) {
                        self.v[place * COLUMNS + column] ^= part;
                    }
                }
            }
        }
    }

    /// Row `at` of u.
    #[inline(always)]
    pub(super) fn u(&self, at: usize) -> u128 {
        self.u[at / 4].block(at % 4)
    }

    /// Row `at` of v.
    #[inline(always)]
    pub(super) fn v(&self, at: usize) -> u128 {
        self.v[at / 4].block(at % 4)
    }
}

/// The planes of αᵏ: α⁴ = α + 1, so αᵏ is αᵏ⁻³ + αᵏ⁻⁴ for k = 4, 5, 6.
fn power(k: usize) -> std::ops::Range<usize> {
    if k < 4 { k..k + 1 } else { k - 4..k - 2 }
}

/// Σ rₓ, and for each bit b the Σ rₓ over those x that have it: Σ x·rₓ is Σ αᵇ times the latter. The leaves
/// are used up: at each bit, pairs become their sums.
fn sum_leaves<const P: usize>(leaves: &mut [[Lane; P]; LEAVES], plane: usize) -> (Lane, [Lane; 4]) {
    let mut parts = [Lane::default(); 4];
    for (bit, part) in parts.iter_mut().enumerate() {
        for pair in 0..(LEAVES / 2) >> bit {
            let odd = leaves[2 * pair + 1][plane];
            *part ^= odd;
            leaves[pair][plane] = leaves[2 * pair][plane];
            leaves[pair][plane] ^= odd;
        }
    }
    (leaves[0][plane], parts)
}
