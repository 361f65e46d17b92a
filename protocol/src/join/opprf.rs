//! The function, programmed: where the seeker's item is one of the holder's, it comes out as the holder wants.
//!
//! For every bin the holder draws a target and masks. For every entry of the bin, a table of public size
//! ([`okvs`](crate::okvs)) leads from the item to target and masked payload, hidden under the function of
//! [`oprf`](super::oprf). The seeker reads the table at its own item and takes its own value of the function
//! off: if the holder has the item, it now has the target, and payload less mask; if not, it has something
//! random. Neither can tell which of the two it is (Pinkas, Schneider, Tkachenko and Yanai, EUROCRYPT 2019,
//! "PSTY19"). What it stops: payloads that lie open for whoever guesses an item, and table sizes that follow
//! the bins. Rules JOIN-30 to JOIN-34 are in `docs/protocols/join-hashing.md`.

use rand_core::CryptoRng;

use super::{
    cuckoo::Entry,
    oprf::{OprfHolder, OprfSeeker, Point},
};
use crate::{
    okvs::{OkvsError, Shape, Table},
    session::PeerMisbehaved,
};

/// Entries that are evaluated at a time.
const BATCH: usize = 64;

/// Payload words of a customer at most.
pub const MOST_WORDS: usize = 64;

/// Why the holder has no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpprfError {
    /// Targets, masks, items and payload are not of one size.
    #[error("targets, masks, items and payload are not of one size")]
    Lengths,
    /// More payload words than a table holds.
    #[error("a customer has at most {MOST_WORDS} payload words")]
    TooManyWords,
    /// There is no table.
    #[error("the table cannot be made")]
    Okvs(#[source] OkvsError),
}

/// What a slab's table is like, at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opprf {
    shape: Shape,
    words: usize,
    /// So many of the words, the first ones, are lists of bits.
    lists: usize,
}

/// What the holder brings, by the numbers of its items.
#[derive(Clone, Copy)]
pub struct Brought<'a> {
    /// The items.
    pub items: &'a [[u8; 16]],
    /// The payload: for each item as many words as the table has.
    pub payload: &'a [u64],
}

/// What the holder draws for the bins of a slab: uniform words, for this slab only (JOIN-33).
#[derive(Clone, Copy)]
pub struct Drawn<'a> {
    /// A target for each bin.
    pub targets: &'a [u64],
    /// For each bin as many masks as the table has payload words. They are the holder's shares.
    pub masks: &'a [u64],
}

/// What the seeker has of a slab afterwards.
#[derive(Clone, PartialEq, Eq)]
pub struct Read {
    /// For each bin the holder's target, if the holder has the bin's item; else something random.
    pub tags: Vec<u64>,
    /// For each bin the words that are, in that case, payload less mask modulo 2⁶⁴.
    pub shares: Vec<u64>,
}

impl Opprf {
    /// Tables of this shape, with `words` payload words a customer.
    ///
    /// # Errors
    /// [`OpprfError::TooManyWords`] above [`MOST_WORDS`].
    pub const fn new(shape: Shape, words: usize) -> Result<Self, OpprfError> {
        if words > MOST_WORDS { Err(OpprfError::TooManyWords) } else { Ok(Self { shape, words, lists: 0 }) }
    }

    /// The first `lists` payload words are lists of bits: what the ends have of them is under ⊕, not under +.
    pub const fn with_lists(self, lists: usize) -> Self {
        Self { lists, ..self }
    }

    /// Bytes of every slab's table (JOIN-31).
    pub const fn bytes(&self) -> usize {
        self.shape.bytes(1 + self.words)
    }

    /// The holder's table of a slab, from the slab's entries, in any order.
    ///
    /// # Errors
    /// [`OpprfError::Okvs`] with probability 2⁻⁴⁰ over the run, or for an item that stands twice: the run is
    /// over (JOIN-34). [`OpprfError::Lengths`] when what is given does not fit together.
    pub fn encode<O: OprfHolder>(
        &self,
        oprf: &O,
        keys: &O::Keys,
        entries: impl Iterator<Item = Entry>,
        brought: Brought<'_>,
        drawn: Drawn<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, OpprfError> {
        let words = self.words;
        let bins = drawn.targets.len();
        if brought.items.len() * words != brought.payload.len() || bins * words != drawn.masks.len() {
            return Err(OpprfError::Lengths);
        }
        let mut numbers: Vec<u128> = Vec::with_capacity(self.shape.keys());
        let mut values: Vec<u64> = Vec::with_capacity(self.shape.keys() * (1 + words));
        let mut batch: Vec<Entry> = Vec::with_capacity(BATCH);
        let mut points: Vec<(u16, Point)> = Vec::with_capacity(BATCH);
        let mut payloads: Vec<u64> = Vec::with_capacity(BATCH * words);
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            batch.clear();
            points.clear();
            payloads.clear();
            batch.extend(entries.by_ref().take(BATCH));
            // Items and payload stand anywhere in memory: fetched for all of a batch, they are waited for once.
            for entry in &batch {
                let place = entry.item as usize;
                let item = *brought.items.get(place).ok_or(OpprfError::Lengths)?;
                payloads.extend_from_slice(&brought.payload[place * words..][..words]);
                let point = Point { item, index: entry.index };
                numbers.push(number(entry.bin, &point));
                points.push((entry.bin, point));
            }
            let first = values.len();
            oprf.values(keys, &points, 1 + words, &mut values);
            let mut payloads = payloads.as_slice();
            for (entry, value) in batch.iter().zip(values[first..].chunks_exact_mut(1 + words)) {
                let bin = usize::from(entry.bin);
                let (tag, shares) = value.split_at_mut(1);
                let (payload, rest) = payloads.split_at(words);
                payloads = rest;
                // JOIN-32: the target and lists of bits under ⊕, other payload less its mask under + modulo 2⁶⁴.
                tag[0] ^= drawn.targets.get(bin).ok_or(OpprfError::Lengths)?;
                let masks = &drawn.masks[bin * words..][..words];
                for (word, (share, (payload, mask))) in
                    shares.iter_mut().zip(payload.iter().zip(masks)).enumerate()
                {
                    *share = if word < self.lists {
                        *share ^ payload ^ mask
                    } else {
                        share.wrapping_add(payload.wrapping_sub(*mask))
                    };
                }
            }
        }
        let table = Table::encode(self.shape, &numbers, values, 1 + words, rng).map_err(OpprfError::Okvs)?;
        Ok(table.to_bytes())
    }

    /// What the seeker reads from a slab's table at its points, one a bin.
    ///
    /// # Errors
    /// [`PeerMisbehaved::CountDiffers`] when the table is not of the agreed size (JOIN-31).
    pub fn decode<O: OprfSeeker>(
        &self,
        oprf: &O,
        asked: &O::Asked,
        points: &[Point],
        message: &[u8],
    ) -> Result<Read, PeerMisbehaved> {
        let words = self.words;
        let differs = |_| PeerMisbehaved::CountDiffers { expected: self.bytes(), got: message.len() };
        let table = Table::from_bytes(self.shape, 1 + words, message).map_err(differs)?;
        let numbers: Vec<u128> = (0..).zip(points).map(|(bin, point)| number(bin, point)).collect();
        let values = table.decode(&numbers);
        let own = oprf.values(asked, 1 + words);
        let (mut tags, mut shares) =
            (Vec::with_capacity(points.len()), Vec::with_capacity(points.len() * words));
        for (value, own) in values.chunks_exact(1 + words).zip(own.chunks_exact(1 + words)) {
            tags.push(value[0] ^ own[0]);
            shares.extend(value[1..].iter().zip(&own[1..]).enumerate().map(|(word, (value, own))| {
                if word < self.lists { value ^ own } else { value.wrapping_sub(*own) }
            }));
        }
        Ok(Read { tags, shares })
    }
}

/// A point of a bin as a key of the store: JOIN-30.
const fn number(bin: u16, point: &Point) -> u128 {
    point.number() ^ (bin as u128) << 64
}

#[cfg(test)]
mod tests;
