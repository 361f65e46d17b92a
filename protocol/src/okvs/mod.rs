//! Oblivious key-value stores: a table that says nothing about the keys it was made from.
//!
//! One side has pairs of a key and a value and makes a [`Table`] of public size. Whoever has a key finds its
//! value in it; for any other key it finds something that looks as good. If the values are uniform to the
//! reader, so is the whole table, and the keys behind it cannot be told from any others: that is what the
//! private join needs, where the keys are the customers. The construction is that of Raghuraman and Rindal
//! (CCS 2022, eprint 2022/320, "RR22"); its rules OKVS-01 … and the proof sketch are in
//! `docs/protocols/okvs.md`.
//!
//! What it stops: a table whose size follows the number of keys (OKVS-01), whose unused entries are zero and
//! so mark the used ones (OKVS-04), whose maker tries seeds until one fits, which tells the reader that the
//! keys do not fit the others (OKVS-05), and a reader that is fed a table of another size (OKVS-06).
//!
//! ```text
//!   key ──AES under the seed──► three slots a, b, c and a coefficient x in GF(2⁶⁴)
//!   value = T[a] ⊕ T[b] ⊕ T[c] ⊕ x·D₁ ⊕ x²·D₂ ⊕ …
//! ```

mod field;
mod peel;
mod rows;
mod shape;
mod table;
#[cfg(test)]
mod tests;

pub use shape::Shape;
pub use table::Table;

/// Why there is no table, or no value from it. Nothing in it depends on a key or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OkvsError {
    /// The shape holds fewer keys.
    #[error("the table has room for {room} keys, {got} were given")]
    TooManyKeys { room: usize, got: usize },
    /// There is not one value of the agreed width a key.
    #[error("{expected} words of values were due, {got} were given")]
    ValueCount { expected: usize, got: usize },
    /// The equations have no solution, which happens with probability 2^−λ, or a key was given twice. The run
    /// is over: another try with the same keys would tell the reader something about them (OKVS-05).
    #[error("the equations have no solution")]
    Unsolvable,
    /// The table is not of the agreed size.
    #[error("a table of {expected} bytes was due, {got} came")]
    TableLength { expected: usize, got: usize },
    /// A value must have between 1 and 256 words.
    #[error("a value must have between 1 and 256 words")]
    Width,
}
