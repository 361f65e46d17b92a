//! The sigmoid of a value that is split between two ends, as shares of a probability.
//!
//! Each end cuts its share to eight bits; that the carry from below is lost is a *stochastic rounding*, for the low
//! bits of a share are uniform. So a staircase of 256 steps gives, on average, exactly the broken line through its
//! corners, and one look-up of one byte in 256 is the whole function. The attack that this stops is reading
//! a prediction: neither end sees z, the probability, or the eight bits (`docs/protocols/learn-sigmoid.md`).

pub(super) mod table;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use zeroize::{Zeroize, Zeroizing};

use super::half::{BIT, Correlations, Draws, Half, Heard, PRODUCT, Product, Scale, exactly};
use crate::{
    ot::{Batch, ENTRIES, PendingWide, WideChooser, WideSender},
    secret::Secret,
    session::PeerMisbehaved,
};

pub use table::ONE;

/// Bytes of a row on the wire, both directions.
pub const BYTES: usize = WideChooser::MESSAGE + ENTRIES + BIT + PRODUCT;

/// The end that looks up.
pub struct Asker(Box<AskerState>);

struct AskerState {
    correlations: Correlations,
    batch: Batch,
    pending: PendingWide,
    rows: usize,
    /// Its shares of the products that are to come.
    drawn: Zeroizing<Vec<u64>>,
}

/// The end with the tables.
pub struct Teller(Box<TellerState>);

struct TellerState {
    correlations: Correlations,
    batch: Batch,
    rows: usize,
    then: Then,
}

enum Then {
    /// The asker's choices are due.
    Choices { tables: Zeroizing<Vec<Row>>, staircase: Box<table::Staircase> },
    /// The products are due; these are the shares without them.
    Products { pending: Product, shares: Zeroizing<Vec<u64>> },
}

/// What a row's table is made of.
#[derive(Clone, Copy, Default, Zeroize)]
struct Row {
    /// The teller's eight bits.
    index: u8,
    /// What is drawn: nine bits that round, seven that hide the entry, one that hides its borrow.
    drawn: u32,
}

impl Row {
    /// Uniform in 0 … 511.
    const fn rounding(self) -> u16 {
        (self.drawn & 511) as u16
    }

    /// Uniform in 0 … 127.
    const fn mask(self) -> u8 {
        (self.drawn >> 16 & 127) as u8
    }

    /// Uniform in 0, 1.
    const fn hidden(self) -> u8 {
        (self.drawn >> 24 & 1) as u8
    }
}

impl Asker {
    /// The first message, 32 bytes a row, for this end's shares.
    ///
    /// `batch` and the seven stages after it are this slab's; `seed` is the same for a slab that is run again, and
    /// for nothing else.
    ///
    /// # Panics
    /// When the batch was used before (OT-05), or the scale does not have 8 to 64 bits, or a reach above 8.
    pub fn start(
        correlations: &Correlations,
        batch: Batch,
        scale: Scale,
        shares: &[u64],
        seed: &Secret<[u8; 32]>,
    ) -> (Self, Vec<u8>) {
        let choices = Zeroizing::new(scale.bytes(shares));
        let drawn = Draws::new(seed, "sigmoid asker", shares).words("products", shares.len());
        let (message, pending) = WideChooser::new(correlations.chooser.clone()).choose(batch, &choices);
        let (correlations, rows) = (correlations.clone(), shares.len());
        (
            Self(Box::new(AskerState { correlations, batch, pending, rows, drawn: Zeroizing::new(drawn) })),
            message,
        )
    }
}

impl Half for Asker {
    fn due(&self) -> usize {
        (ENTRIES + BIT) * self.0.rows
    }

    fn hear(self, message: &[u8]) -> Result<Heard<Self>, PeerMisbehaved> {
        exactly(self.due(), message)?;
        let AskerState { correlations, batch, pending, rows, drawn } = *self.0;
        let (tables, bits) = message.split_at(ENTRIES * rows);
        let entries = Zeroizing::new(pending.open::<1>(tables)?);
        // SIGMOID-01: e = m + c − 128·(w ⊕ w′), of which this end has c and w: what is left is 256·w·w′.
        let words = Zeroizing::new(entries.iter().map(|[e]| u64::from(e >> 7) << 8).collect::<Vec<_>>());
        let say = Product::answer(&correlations, batch, &words, &drawn, bits)?;
        let own = |([entry], drawn): (&[u8; 1], &u64)| {
            let (c, w) = (u64::from(entry & 127), u64::from(entry >> 7));
            c.wrapping_sub(w << 7).wrapping_add(*drawn)
        };
        Ok(Heard::Done { say: Some(say), shares: entries.iter().zip(&*drawn).map(own).collect() })
    }
}

impl Teller {
    /// This end, with its shares, waiting for the asker's first message. Arguments as for [`Asker::start`].
    ///
    /// # Panics
    /// When the scale does not have 8 to 64 bits, or has a reach above 8.
    pub fn start(
        correlations: &Correlations,
        batch: Batch,
        scale: Scale,
        shares: &[u64],
        seed: &Secret<[u8; 32]>,
    ) -> Self {
        let indices = Zeroizing::new(scale.bytes(shares));
        let drawn = Draws::new(seed, "sigmoid teller", shares).halves("rows", shares.len());
        let drawn = Zeroizing::new(drawn);
        let rows = indices.iter().zip(&*drawn).map(|(index, drawn)| Row { index: *index, drawn: *drawn });
        let then = Then::Choices {
            tables: Zeroizing::new(rows.collect()),
            staircase: Box::new(table::Staircase::new(scale.reach)),
        };
        Self(Box::new(TellerState { correlations: correlations.clone(), batch, rows: shares.len(), then }))
    }
}

impl Half for Teller {
    fn due(&self) -> usize {
        match &self.0.then {
            Then::Choices { .. } => WideChooser::MESSAGE * self.0.rows,
            Then::Products { pending, .. } => pending.due(),
        }
    }

    fn hear(self, message: &[u8]) -> Result<Heard<Self>, PeerMisbehaved> {
        exactly(self.due(), message)?;
        let TellerState { correlations, batch, rows, then } = *self.0;
        match then {
            Then::Choices { tables, staircase } => {
                let sender = WideSender::new(correlations.keeper.clone());
                let mut say = sender.answer::<1>(batch, rows, message, |at| {
                    let row = tables[at];
                    let plane = staircase.rounded(row.rounding(), row.mask(), row.hidden());
                    [table::turned(plane, row.index)]
                })?;
                let hidden = Zeroizing::new(tables.iter().map(|row| row.hidden()).collect::<Vec<_>>());
                let (pending, bits) = Product::choose(&correlations, batch, &hidden);
                say.extend_from_slice(&bits);
                let own = |row: &Row| u64::from(row.mask()).wrapping_sub(u64::from(row.hidden()) << 7);
                let shares = Zeroizing::new(tables.iter().map(own).collect());
                let then = Then::Products { pending, shares };
                Ok(Heard::Say(Self(Box::new(TellerState { correlations, batch, rows, then })), say))
            }
            Then::Products { pending, mut shares } => {
                let products = Zeroizing::new(pending.open(message)?);
                shares.iter_mut().zip(&*products).for_each(|(share, p)| *share = share.wrapping_add(*p));
                Ok(Heard::Done { say: None, shares: std::mem::take(&mut shares) })
            }
        }
    }
}

/// This end's shares of (y − p)·127, from those of p·127: `labels` is y at the end that has it, `None` at the other.
///
/// # Panics
/// When there are not as many labels as shares.
pub fn residuals(probabilities: &[u64], labels: Option<&[bool]>) -> Vec<u64> {
    // Invariant: both are this end's own, of the same rows.
    assert!(labels.is_none_or(|labels| labels.len() == probabilities.len()), "a label a row");
    let of = |at: usize| labels.map_or(0, |labels| u64::from(labels[at]) * u64::from(ONE));
    probabilities.iter().enumerate().map(|(at, share)| of(at).wrapping_sub(*share)).collect()
}

impl Scale {
    /// The eight highest bits of each share.
    pub(super) fn bytes(self, shares: &[u64]) -> Vec<u8> {
        let bits = self.fraction.saturating_add(self.reach).saturating_add(1);
        // Invariant: a scale is the protocol's own choice, never the peer's.
        assert!((8..=64).contains(&bits) && self.reach <= 8, "8 to 64 bits, and steps of at most 2");
        shares.iter().map(|share| (share >> (bits - 8)) as u8).collect()
    }
}
