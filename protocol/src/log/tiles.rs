//! The tree and the records in files that never change (c2sp.org/tlog-tiles; LOG-11, LOG-12): tiles of 256 hashes,
//! bundles of 256 records.
//!
//! The attack it stops: a proof that only the log can make. Whoever has the tiles makes any proof alone, and finds by
//! them which record was changed.

use std::{fmt, str::FromStr};

use super::{
    checkpoint::decimal,
    entry::LARGEST_ENTRY,
    merkle::{Frontier, Hashes, LARGEST_TREE, MerkleFault, TreeHash, root},
};

/// Hashes in a full tile, records in a full bundle.
pub const WIDTH: u64 = 256;

/// The most bytes of a tile.
pub const LARGEST_TILE: usize = WIDTH as usize * 32;

/// The most bytes of a bundle.
pub const LARGEST_BUNDLE: usize = WIDTH as usize * (LARGEST_ENTRY + 2);

/// Tiles that are kept while proofs are made: a proof reads at most eight levels at two edges.
const KEPT: usize = 32;

/// What is wrong with a tile, a bundle or a path to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileFault {
    /// A path that is not `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]` in its one spelling.
    #[error("not the path of a tile")]
    MalformedPath,
    /// A tile of another length than its path says.
    #[error("a tile has 32 bytes for each of its hashes")]
    TileLength,
    /// A bundle whose records do not end where it ends, or that are not as many as its path says.
    #[error("a bundle holds as many records as its path says, and no more")]
    BundleLength,
    /// A record of more bytes than 16 bits count.
    #[error("a record has at most {LARGEST_ENTRY} bytes")]
    RecordTooLong,
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    /// Hashes of subtrees of height 8 × this level; those of level 0 are of the records.
    Hashes(u8),
    /// The records.
    Records,
}

/// Which tile. `Display` writes its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    holds: Holds,
    index: u64,
    width: u16,
}

impl Tile {
    /// The tile at `index` in a tree of `size` leaves, as wide as it is there; `None` beyond the tree.
    pub fn at(holds: Holds, index: u64, size: u64) -> Option<Self> {
        let level = if let Holds::Hashes(level) = holds { level } else { 0 };
        let whole = size.checked_shr(8 * u32::from(level)).filter(|_| size <= LARGEST_TREE)?;
        let left = whole.checked_sub(index.checked_mul(WIDTH)?)?.min(WIDTH);
        let width = u16::try_from(left).ok().filter(|width| *width > 0)?;
        Some(Self { holds, index, width })
    }

    /// Every tile of a tree of `size` leaves: the hashes level by level, then the records.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let levels = (0..8).map(Holds::Hashes).chain([Holds::Records]);
        levels.flat_map(move |holds| (0..).map_while(move |index| Self::at(holds, index, size)))
    }

    /// What it holds.
    pub const fn holds(&self) -> Holds {
        self.holds
    }

    /// Which one of its level, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or records it has, 1 to 256.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it has all that it can have, so that it never changes.
    pub const fn is_full(&self) -> bool {
        self.width as u64 == WIDTH
    }

    /// The full tile at this place.
    #[must_use]
    pub const fn filled(self) -> Self {
        Self { width: WIDTH as u16, ..self }
    }

    /// Reads the bytes of a tile of hashes.
    ///
    /// # Errors
    ///
    /// [`TileFault::TileLength`].
    pub fn hashes(&self, bytes: &[u8]) -> Result<Vec<TreeHash>, TileFault> {
        if bytes.len() != usize::from(self.width) * 32 {
            return Err(TileFault::TileLength);
        }
        Ok(bytes.as_chunks::<32>().0.iter().map(|hash| TreeHash::new(*hash)).collect())
    }

    /// Reads the bytes of a bundle of records.
    ///
    /// # Errors
    ///
    /// [`TileFault::BundleLength`].
    pub fn records<'a>(&self, bytes: &'a [u8]) -> Result<Vec<&'a [u8]>, TileFault> {
        let mut rest = bytes;
        let mut records = Vec::with_capacity(self.width.into());
        for _ in 0..self.width {
            let (length, after) = rest.split_first_chunk::<2>().ok_or(TileFault::BundleLength)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (record, after) = after.split_at_checked(length).ok_or(TileFault::BundleLength)?;
            records.push(record);
            rest = after;
        }
        if rest.is_empty() { Ok(records) } else { Err(TileFault::BundleLength) }
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holds {
            Holds::Hashes(level) => write!(f, "tile/{level}/")?,
            Holds::Records => write!(f, "tile/entries/")?,
        }
        let thousands: Vec<u64> =
            std::iter::successors(Some(self.index / 1000), |rest| (*rest > 0).then(|| rest / 1000))
                .filter(|rest| *rest > 0)
                .map(|rest| rest % 1000)
                .collect();
        thousands.iter().rev().try_for_each(|group| write!(f, "x{group:03}/"))?;
        write!(f, "{:03}", self.index % 1000)?;
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

impl FromStr for Tile {
    type Err = TileFault;

    fn from_str(path: &str) -> Result<Self, TileFault> {
        let parse = || {
            let (level, place) = path.strip_prefix("tile/")?.split_once('/')?;
            let holds = match level {
                "entries" => Holds::Records,
                digits => Holds::Hashes(u8::try_from(decimal(digits)?).ok().filter(|level| *level < 64)?),
            };
            let (place, width) = match place.split_once(".p/") {
                Some((place, width)) => (place, u16::try_from(decimal(width)?).ok()?),
                None => (place, WIDTH as u16),
            };
            let mut index = 0_u64;
            for group in place.split('/') {
                let digits = group.strip_prefix('x').unwrap_or(group);
                let digits = digits.bytes().all(|digit| digit.is_ascii_digit()).then_some(digits)?;
                index =
                    index.checked_mul(1000)?.checked_add(digits.parse().ok().filter(|part| *part < 1000)?)?;
            }
            Some(Self { holds, index, width }).filter(|tile| (1..=WIDTH as u16).contains(&tile.width))
        };
        // 21 digits of index and two numbers of three: no honest path is longer.
        let tile: Option<Self> = if path.len() <= 64 { parse() } else { None };
        tile.filter(|tile| tile.to_string() == path).ok_or(TileFault::MalformedPath)
    }
}

/// The bytes of a tile of these hashes.
pub fn tile_bytes(hashes: &[TreeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Puts a record at the end of a bundle.
///
/// # Errors
///
/// [`TileFault::RecordTooLong`].
pub fn bundle_record(bundle: &mut Vec<u8>, record: &[u8]) -> Result<(), TileFault> {
    let length = u16::try_from(record.len()).map_err(|_| TileFault::RecordTooLong)?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(record);
    Ok(())
}

/// The subtree over `index << level` and on, out of the hashes that the tile there has.
fn subtree(tile: &[TreeHash], level: u8, index: u64, size: u64) -> Result<TreeHash, MerkleFault> {
    let within = level % 8;
    let begin = ((index << within) % WIDTH) as usize;
    let range = tile.get(begin..begin + (1 << within));
    range.map(root).ok_or(MerkleFault::OutsideTree { at: index, size })
}

/// A growing tree, cut into tiles: what is needed to append and to write the tiles out.
///
/// It holds the tiles that are not full: at most 8 × 255 hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tiler {
    size: u64,
    open: Vec<Vec<TreeHash>>,
}

impl Tiler {
    /// A tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, open: Vec::new() }
    }

    /// Goes on with the tree of `size` leaves, whose partial tiles `read` gives as bytes.
    ///
    /// # Errors
    ///
    /// Those of `read`, and [`TileFault::TileLength`].
    pub fn load<E: From<TileFault>>(
        size: u64,
        mut read: impl FnMut(&Tile) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let mut open = Vec::new();
        for level in 0..8_u8 {
            let whole = size >> (8 * level);
            if whole == 0 {
                break;
            }
            open.push(match Tile::at(Holds::Hashes(level), whole / WIDTH, size) {
                Some(tile) => tile.hashes(&read(&tile)?)?,
                None => Vec::new(),
            });
        }
        Ok(Self { size, open })
    }

    /// Leaves so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf; `full` is handed each tile that it fills.
    pub fn push(&mut self, leaf: TreeHash, mut full: impl FnMut(Tile, &[TreeHash])) {
        self.size += 1;
        let mut hash = leaf;
        for level in 0..8_u8 {
            let at = usize::from(level);
            if self.open.len() == at {
                self.open.push(Vec::with_capacity(WIDTH as usize));
            }
            self.open[at].push(hash);
            if self.open[at].len() < WIDTH as usize {
                break;
            }
            let index = (self.size >> (8 * level)) / WIDTH - 1;
            full(Tile { holds: Holds::Hashes(level), index, width: WIDTH as u16 }, &self.open[at]);
            hash = root(&self.open[at]);
            self.open[at].clear();
        }
    }

    /// The tiles that are not full, for the size so far.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, &[TreeHash])> {
        (0..8_u8).zip(&self.open).filter_map(|(level, hashes)| {
            let index = (self.size >> (8 * level)) / WIDTH;
            Some((Tile::at(Holds::Hashes(level), index, self.size)?, hashes.as_slice()))
        })
    }

    /// The right edge of the tree so far.
    ///
    /// # Errors
    ///
    /// More leaves than [`LARGEST_TREE`].
    pub fn frontier(&self) -> Result<Frontier, MerkleFault> {
        Frontier::load(self.size, &mut |level: u8, index: u64| {
            let tile = self.open.get(usize::from(level / 8)).map_or(&[][..], Vec::as_slice);
            subtree(tile, level, index, self.size)
        })
    }
}

/// The tree of `size` leaves, read from its tiles: makes any proof.
///
/// `read` gives the bytes of a tile. What it gives is not verified here; a proof made from false tiles does not verify.
#[derive(Debug)]
pub struct Tiles<R> {
    size: u64,
    read: R,
    kept: Vec<(Tile, Vec<TreeHash>)>,
}

impl<R> Tiles<R> {
    /// The tree of `size` leaves.
    pub const fn new(size: u64, read: R) -> Self {
        Self { size, read, kept: Vec::new() }
    }
}

impl<E: From<TileFault> + From<MerkleFault>, R: FnMut(&Tile) -> Result<Vec<u8>, E>> Hashes for Tiles<R> {
    type Error = E;

    fn subtree(&mut self, level: u8, index: u64) -> Result<TreeHash, E> {
        let outside = MerkleFault::OutsideTree { at: index, size: self.size };
        let first = index.checked_mul(1 << (level % 8)).ok_or(outside)?;
        let tile = Tile::at(Holds::Hashes(level / 8), first / WIDTH, self.size).ok_or(outside)?;
        let kept = self.kept.iter().position(|(kept, _)| *kept == tile);
        let hashes = match kept {
            Some(at) => self.kept.remove(at).1,
            None => tile.hashes(&(self.read)(&tile)?)?,
        };
        let hash = subtree(&hashes, level, index, self.size);
        self.kept.truncate(KEPT - 1);
        self.kept.insert(0, (tile, hashes));
        Ok(hash?)
    }
}

#[cfg(test)]
mod tests;
