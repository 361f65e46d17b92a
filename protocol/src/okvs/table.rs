//! Making a table and reading it.

use rand_core::CryptoRng;

use super::{
    OkvsError, Shape,
    field::{add_dense, inverse, times},
    peel::{Peeled, peel},
    rows::{Rows, rows},
};

/// Words of a value at most.
const WIDEST: usize = 256;

/// A table: its public seed, the sparse slots, then the dense ones, each of `width` words.
#[derive(Clone, PartialEq, Eq)]
pub struct Table {
    shape: Shape,
    seed: [u8; 16],
    width: usize,
    words: Vec<u64>,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("shape", &self.shape)
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

impl Table {
    /// A table in which each of `keys` finds its value: `width` words of `values` each, in the same order.
    ///
    /// Different keys, at most as many as the shape has room for; how many there are does not show. If the
    /// values are uniform to the reader, the table is uniform, all of it. The seed is the first thing drawn
    /// from `rng`: nobody can have chosen keys for it (OKVS-05).
    ///
    /// # Errors
    /// [`OkvsError::Unsolvable`] with probability 2^−λ (RR22), or when a key stands twice: the run is over.
    /// The others when the arguments do not fit each other.
    pub fn encode(
        shape: Shape,
        keys: &[u128],
        values: Vec<u64>,
        width: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, OkvsError> {
        let mut seed = [0; 16];
        rng.fill_bytes(&mut seed);
        Self::solve(shape, seed, keys, values, width, || rng.next_u64())
    }

    /// The same, with the seed and what free slots are filled with from elsewhere.
    pub(super) fn solve(
        shape: Shape,
        seed: [u8; 16],
        keys: &[u128],
        mut values: Vec<u64>,
        width: usize,
        mut fresh: impl FnMut() -> u64,
    ) -> Result<Self, OkvsError> {
        check_width(width)?;
        if keys.len() > shape.keys() {
            return Err(OkvsError::TooManyKeys { room: shape.keys(), got: keys.len() });
        }
        if keys.len() * width != values.len() {
            return Err(OkvsError::ValueCount { expected: keys.len() * width, got: values.len() });
        }
        let rows = rows(&seed, shape.sparse(), keys);
        let peeled = peel(&rows.slots, shape.sparse(), shape.dense()).ok_or(OkvsError::Unsolvable)?;

        // OKVS-04: what no equation decides is drawn, or the table would show which slots are in use.
        let mut words = vec![0; shape.slots() * width];
        let mut owned = vec![false; shape.slots()];
        peeled.order.iter().for_each(|(_, slot)| owned[usize::from(*slot)] = true);
        for (slot, _) in words.chunks_exact_mut(width).zip(&owned).filter(|(_, owned)| !**owned) {
            slot.iter_mut().for_each(|word| *word = fresh());
        }

        let (sparse, dense) = words.split_at_mut(shape.sparse() * width);
        if !peeled.gaps.is_empty() {
            close_gaps(&rows, &peeled, &values, width, sparse, dense)?;
        }
        add_dense(&rows.xs, dense, width, &mut values);
        match width {
            1 => substitute::<1>(&rows, &peeled, &values, 1, sparse),
            2 => substitute::<2>(&rows, &peeled, &values, 2, sparse),
            3 => substitute::<3>(&rows, &peeled, &values, 3, sparse),
            4 => substitute::<4>(&rows, &peeled, &values, 4, sparse),
            width => substitute::<0>(&rows, &peeled, &values, width, sparse),
        }
        Ok(Self { shape, seed, width, words })
    }

    /// The values of some keys, `width` words each in their order; of a key that the table was not made with,
    /// something.
    pub fn decode(&self, keys: &[u128]) -> Vec<u64> {
        let rows = rows(&self.seed, self.shape.sparse(), keys);
        let (sparse, dense) = self.words.split_at(self.shape.sparse() * self.width);
        let mut values = vec![0; keys.len() * self.width];
        match self.width {
            1 => gather::<1>(&rows, sparse, 1, &mut values),
            2 => gather::<2>(&rows, sparse, 2, &mut values),
            3 => gather::<3>(&rows, sparse, 3, &mut values),
            4 => gather::<4>(&rows, sparse, 4, &mut values),
            width => gather::<0>(&rows, sparse, width, &mut values),
        }
        add_dense(&rows.xs, dense, self.width, &mut values);
        values
    }

    /// As it goes over the wire: the seed, then the words, little-endian; [`Shape::bytes`] in all.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; 16 + 8 * self.words.len()];
        bytes[..16].copy_from_slice(&self.seed);
        for (bytes, word) in bytes[16..].as_chunks_mut().0.iter_mut().zip(&self.words) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    /// Any bytes of the right length are a table (OKVS-06).
    ///
    /// # Errors
    /// [`OkvsError::TableLength`] when it is another one.
    pub fn from_bytes(shape: Shape, width: usize, bytes: &[u8]) -> Result<Self, OkvsError> {
        check_width(width)?;
        let expected = shape.bytes(width);
        let wrong = OkvsError::TableLength { expected, got: bytes.len() };
        if bytes.len() != expected {
            return Err(wrong);
        }
        let (seed, words) = bytes.split_first_chunk().ok_or(wrong)?;
        let (words, _) = words.as_chunks();
        Ok(Self {
            shape,
            seed: *seed,
            width,
            words: words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
        })
    }

    /// The words, sparse slots first.
    #[cfg(test)]
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }
}

const fn check_width(width: usize) -> Result<(), OkvsError> {
    if width == 0 || width > WIDEST { Err(OkvsError::Width) } else { Ok(()) }
}

/// Chooses the dense slots so that the gaps' equations hold, whatever the peeled ones come to (RR22, section 2).
///
/// To a gap's equation those of peeled rows are added until none of the peeled rows' own slots is left in it.
/// What remains is an equation of the dense slots alone: Σ over the rows added, of x·D₁ ⊕ x²·D₂ ⊕ …, equals
/// their values and the free slots that are left.
fn close_gaps(
    rows: &Rows,
    peeled: &Peeled,
    values: &[u64],
    width: usize,
    sparse: &[u64],
    dense: &mut [u64],
) -> Result<(), OkvsError> {
    let columns = dense.len() / width;
    // An equation: `columns` coefficients, then `width` words of the right side.
    let mut equations: Vec<Vec<u64>> = Vec::with_capacity(peeled.gaps.len());
    for gap in &peeled.gaps {
        let mut equation = vec![0; columns + width];
        let mut odd = vec![false; sparse.len() / width];
        let mut add = |row: u16, odd: &mut [bool]| {
            let row = usize::from(row);
            rows.slots[row].iter().for_each(|slot| odd[usize::from(*slot)] ^= true);
            let (coefficients, right) = equation.split_at_mut(columns);
            let mut power = 1;
            for coefficient in coefficients {
                power = times(power, rows.xs[row]);
                *coefficient ^= power;
            }
            add_words(right, &values[row * width..][..width]);
        };
        add(*gap, &mut odd);
        // In the order of peeling: no row brings back a slot that an earlier one has cleared.
        for (row, slot) in &peeled.order {
            if odd[usize::from(*slot)] {
                add(*row, &mut odd);
            }
        }
        let free = sparse.chunks_exact(width).zip(&odd).filter(|(_, odd)| **odd);
        free.for_each(|(slot, _)| add_words(&mut equation[columns..], slot));
        equations.push(equation);
    }

    // Gauss and Jordan: each equation gets a column that no other has.
    let mut pivots = Vec::with_capacity(equations.len());
    for at in 0..equations.len() {
        let mut equation = std::mem::take(&mut equations[at]);
        let pivot = equation[..columns].iter().position(|word| *word != 0).ok_or(OkvsError::Unsolvable)?;
        let scale = inverse(equation[pivot]);
        equation.iter_mut().for_each(|word| *word = times(*word, scale));
        for other in equations.iter_mut().filter(|other| !other.is_empty()) {
            let factor = other[pivot];
            other.iter_mut().zip(&equation).for_each(|(word, own)| *word ^= times(*own, factor));
        }
        equations[at] = equation;
        pivots.push(pivot);
    }
    // Columns without an equation keep what was drawn for them.
    for (equation, pivot) in equations.iter().zip(&pivots) {
        let mut solution = equation[columns..].to_vec();
        for (column, slot) in
            dense.chunks_exact(width).enumerate().filter(|(column, _)| !pivots.contains(column))
        {
            let scaled: Vec<u64> = slot.iter().map(|word| times(*word, equation[column])).collect();
            add_words(&mut solution, &scaled);
        }
        dense[pivot * width..][..width].copy_from_slice(&solution);
    }
    Ok(())
}

fn add_words(sum: &mut [u64], words: &[u64]) {
    sum.iter_mut().zip(words).for_each(|(sum, word)| *sum ^= word);
}

/// Gives each peeled row's own slot what its equation leaves for it, the last one first. `W` is the width
/// where it is known to the compiler, or 0.
fn substitute<const W: usize>(
    rows: &Rows,
    peeled: &Peeled,
    values: &[u64],
    width: usize,
    sparse: &mut [u64],
) {
    let width = if W == 0 { width } else { W };
    for (row, own) in peeled.order.iter().rev() {
        let value = &values[usize::from(*row) * width..][..width];
        let [a, b, c] = rows.slots[usize::from(*row)].map(|slot| usize::from(slot) * width);
        let own = usize::from(*own) * width;
        // The own slot is among the three and still zero: it adds nothing.
        for word in 0..width {
            let sum = sparse[a + word] ^ sparse[b + word] ^ sparse[c + word];
            sparse[own + word] = value[word] ^ sum;
        }
    }
}

/// T[a] ⊕ T[b] ⊕ T[c] of each row.
fn gather<const W: usize>(rows: &Rows, sparse: &[u64], width: usize, values: &mut [u64]) {
    let width = if W == 0 { width } else { W };
    for (slots, value) in rows.slots.iter().zip(values.chunks_exact_mut(width)) {
        let [a, b, c] = slots.map(|slot| &sparse[usize::from(slot) * width..][..width]);
        for (word, ((a, b), c)) in value.iter_mut().zip(a.iter().zip(b).zip(c)) {
            *word = a ^ b ^ c;
        }
    }
}
