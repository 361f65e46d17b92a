//! One of two random bytes: the sender gets two pads for each transfer, the chooser the one that it chose.
//!
//! The chooser's bit b is in q = v ⊕ b·Δ, so H(q) and H(q ⊕ Δ) are the pads, of which the chooser knows the
//! b-th as H(v). What it stops: a chooser that wants the other pad lacks Δ, a sender that wants the bit has
//! seen nothing but code ⊕ u (Ishai, Kilian, Nissim and Petrank, CRYPTO 2003, for the form; Roy 2022 for the
//! rows). Whoever needs to send something sends it under a pad; who does not, as a switching network that
//! takes one pad as its own randomness, saves those bytes.

use std::sync::Arc;

use zeroize::Zeroize;

use super::{
    block::Hash,
    lookup::REKEY,
    vole::{Batch, Chooser, Keeper, Symbols},
};
use crate::session::PeerMisbehaved;

/// Tells the hash's keys for pads from all others.
const USE: u128 = 3 << 120;

/// The end that chooses.
#[derive(Clone)]
pub struct PadChooser(Arc<Chooser<1>>);

/// The end with both pads.
#[derive(Clone)]
pub struct PadSender(Arc<Keeper<1>>);

impl PadChooser {
    /// On a correlation that may serve other uses too.
    pub fn new(chooser: impl Into<Arc<Chooser<1>>>) -> Self {
        Self(chooser.into())
    }

    /// The message, 4 bytes a bit (the lowest of each of `bits`), and the pad of each.
    ///
    /// # Panics
    /// When the batch was used for bits before (OT-05).
    pub fn choose(&self, batch: Batch, bits: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (message, mut rows) = self.0.encode_bits(batch, bits);
        let pads = pads(&self.0.hash(), batch, &mut rows);
        (message, pads)
    }
}

impl PadSender {
    /// On a correlation that may serve other uses too.
    pub fn new(keeper: impl Into<Arc<Keeper<1>>>) -> Self {
        Self(keeper.into())
    }

    /// The pads of `count` transfers, those for a bit 0 and those for a bit 1, from the chooser's message.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the message is of another length.
    ///
    /// # Panics
    /// When the batch was used for bits before (OT-05).
    pub fn answer(
        &self,
        batch: Batch,
        count: usize,
        message: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), PeerMisbehaved> {
        let mut rows = self.0.bit_rows(batch, count, message)?;
        let (hash, delta) = (self.0.hash(), self.0.delta());
        let mut moved: Vec<u128> = rows.iter().map(|row| row ^ delta).collect();
        Ok((pads(&hash, batch, &mut rows), pads(&hash, batch, &mut moved)))
    }
}

/// The lowest byte of each row's hash. The rows are overwritten.
fn pads(hash: &Hash, batch: Batch, rows: &mut [u128]) -> Vec<u8> {
    let mut pads = Vec::with_capacity(rows.len());
    for (part, rows) in (0..).zip(rows.chunks_mut(REKEY)) {
        hash.at(USE | batch.counter(Symbols::Bits) | part).hash(rows);
        pads.extend(rows.iter().map(|row| *row as u8));
    }
    rows.zeroize();
    pads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ot::{ChooserSetup, KeeperSetup},
        secret::Secret,
    };

    fn pair() -> (PadChooser, PadSender) {
        let (setup, first) = KeeperSetup::<1>::start(b"pads", &Secret::new([1; 32]));
        let (chooser, second) = ChooserSetup::<1>::respond(b"pads", &Secret::new([2; 32]), &first).unwrap();
        (PadChooser::new(chooser), PadSender::new(setup.finish(&second).unwrap()))
    }

    /// Of 20,000 transfers; each count is off by as much once in 10⁹.
    #[test]
    fn the_chooser_has_the_pad_of_its_bit_and_nothing_of_the_other() {
        let (chooser, sender) = pair();
        let batch = Batch { stage: 1, slab: 2 };
        let bits: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 31) as u8).collect();
        let (message, chosen) = chooser.choose(batch, &bits);
        let (zeros, ones) = sender.answer(batch, bits.len(), &message).unwrap();
        let mut other = [0u32; 8];
        for (i, bit) in bits.iter().enumerate() {
            let (ours, theirs) = if *bit == 0 { (zeros[i], ones[i]) } else { (ones[i], zeros[i]) };
            assert_eq!(chosen[i], ours);
            other.iter_mut().enumerate().for_each(|(b, count)| *count += u32::from((ours ^ theirs) >> b & 1));
        }
        assert!(other.iter().all(|count| count.abs_diff(10_000) < 433), "{other:?}");
        let short = sender.answer(Batch { stage: 1, slab: 3 }, bits.len(), &message[4..]).err();
        assert_eq!(short, Some(PeerMisbehaved::CountDiffers { expected: 80_000, got: 79_996 }));
    }

    #[test]
    fn another_batch_has_other_pads() {
        let (chooser, _) = pair();
        let of = |slab| chooser.choose(Batch { stage: 1, slab }, &[0; 64]).1;
        assert_ne!(of(0), of(1));
    }
}
