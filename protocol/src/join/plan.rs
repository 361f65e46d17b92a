//! Who says what in a run, and how long it is, from the two announced sizes and the shape alone.
//!
//! Both ends hold every message against it (JOIN-41), so nothing that is said can have a length that the data
//! decide; and whoever wants to know what a run will cost asks it beforehand.

use std::ops::Range;

use super::{
    carry,
    cuckoo::Layout,
    equality::LOOKUPS,
    message::Role,
    opprf::Opprf,
    params::Params,
    permute,
    stage::{Stage, Stages},
    words::Words,
};
use crate::{
    ot::{ChooserSetup, KeeperSetup},
    session::Abort,
};

/// A message of a slab is this long at most, unless a single bin of it is longer.
const LONGEST: usize = (4 << 20) - AROUND;
/// What a message and its envelope have around the content, at most: a link takes 4 MiB in all.
const AROUND: usize = 4 << 10;
/// A slab's store, of 20,000 entries and some at most, with the most payload there can be (JOIN-13).
const LONGEST_STORE: usize = (4 << 20) - AROUND;

/// Bytes of a slab's message beside its content: tag 4, stage 4, slab 4, length 8.
const SLAB_OVERHEAD: u64 = 4 + 4 + 4 + 8;
/// Tag 4, role 4, step 4, length 8.
const SETUP_OVERHEAD: u64 = 4 + 4 + 4 + 8;
/// Tag 4, role 4, count 8, nonce 32.
const ANNOUNCE: u64 = 4 + 4 + 8 + 32;
/// Tag 4, role 4, hash 32, commitment 32.
const FINISHED: u64 = 4 + 4 + 32 + 32;
/// Tag 4, role 4, nonce 32, length 8.
const OPEN_OVERHEAD: u64 = 4 + 4 + 32 + 8;

/// The public course of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    seeker: u32,
    holder: u32,
    tables: u32,
    layout: Layout,
    opprf: Opprf,
    /// From one table to the next, if there are several.
    route: Option<permute::Plan>,
    words: Words,
    figures: usize,
    learns: super::Learns,
}

/// What one stage of a run says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The stage.
    pub stage: Stage,
    /// Who speaks.
    pub by: Role,
    /// In how many messages.
    pub messages: u64,
    /// How many bytes they have together, without their envelopes.
    pub bytes: u64,
}

impl Plan {
    /// For these announced sizes.
    ///
    /// # Errors
    /// [`Abort::JoinShape`] when so many rows cannot be put into bins.
    pub fn new(params: &Params, seeker: u32, holder: u32) -> Result<Self, Abort> {
        let words = Words::new(params.shape());
        let slab_bins = slab_bins(params, &words);
        let layout = Layout::new(seeker, holder, slab_bins, params.keys()).map_err(|_| Abort::JoinShape)?;
        let opprf = Opprf::new(layout.shape(), words.payload()).map_err(|_| Abort::JoinShape)?;
        let opprf = opprf.with_lists(usize::from(words.has_cells()));
        let route =
            (params.keys() > 1).then(|| carry::route(layout.bins(), layout.slab_bins())).transpose()?;
        let (figures, learns) = (params.shape().figures(), params.learns());
        Ok(Self { seeker, holder, tables: params.keys(), layout, opprf, route, words, figures, learns })
    }

    /// Rows the seeker announced.
    pub const fn seeker(&self) -> u32 {
        self.seeker
    }

    /// Rows the holder announced.
    pub const fn holder(&self) -> u32 {
        self.holder
    }

    /// Bins of all tables.
    pub const fn bins(&self) -> u64 {
        self.tables as u64 * self.layout.bins() as u64
    }

    /// Slabs of all tables.
    pub const fn slabs(&self) -> u32 {
        self.tables * self.layout.slabs()
    }

    /// What each stage costs, in the order in which a slab goes through them.
    pub fn costs(&self) -> Vec<Cost> {
        let cost = |stage: Stage| {
            let messages = self.messages_of(stage);
            let bytes: u64 =
                (0..messages).map(|slab| self.bytes_of(stage, slab) as u64 + SLAB_OVERHEAD).sum();
            Cost { stage, by: stage.by(), messages: messages.into(), bytes }
        };
        Stage::ALL.into_iter().map(cost).filter(|cost| cost.messages > 0).collect()
    }

    /// All bytes that one end says, without the envelopes of its messages.
    pub fn bytes_by(&self, by: Role) -> u64 {
        let slabs: u64 = self.costs().iter().filter(|cost| cost.by == by).map(|cost| cost.bytes).sum();
        let (asks, answers) = self.setup_bytes(by);
        let opens = match self.learns {
            super::Learns::Both => true,
            super::Learns::Seeker => by == Role::Holder,
            super::Learns::Holder => by == Role::Seeker,
        };
        let open = if opens { OPEN_OVERHEAD + 8 * self.figures as u64 } else { 0 };
        ANNOUNCE + FINISHED + 2 * SETUP_OVERHEAD + (asks + answers) as u64 + slabs + open
    }

    /// Bytes of the two steps of an end's set-up.
    const fn setup_bytes(&self, by: Role) -> (usize, usize) {
        match by {
            Role::Seeker => {
                (KeeperSetup::<1>::MESSAGE, ChooserSetup::<2>::MESSAGE + ChooserSetup::<1>::MESSAGE)
            }
            Role::Holder => {
                (KeeperSetup::<2>::MESSAGE + KeeperSetup::<1>::MESSAGE, ChooserSetup::<1>::MESSAGE)
            }
        }
    }

    pub(super) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The kind of key whose table a slab is of.
    pub(super) const fn kind_of(&self, slab: u32) -> usize {
        (slab / self.layout.slabs()) as usize
    }

    /// A slab's number in its table.
    pub(super) const fn slab_of_table(&self, slab: u32) -> u32 {
        slab % self.layout.slabs()
    }

    /// The bins of a slab, in its table.
    pub(super) const fn range_of(&self, slab: u32) -> Range<u32> {
        self.layout.range(self.slab_of_table(slab))
    }

    pub(super) const fn opprf(&self) -> &Opprf {
        &self.opprf
    }

    /// How many messages a stage has.
    fn messages_of(&self, stage: Stage) -> u32 {
        match stage {
            _ if !self.has(stage) => 0,
            Stage::Switches | Stage::Changes => (self.tables - 1) * self.batches(),
            _ => self.slabs(),
        }
    }

    /// Nothing said yet.
    pub(super) fn stages(&self) -> Stages {
        Stages::new(self.tables, self.layout.slabs(), self.batches(), |stage| self.has(stage))
    }

    /// Bytes of this message's content (JOIN-41).
    pub(super) fn bytes_of(&self, stage: Stage, number: u32) -> usize {
        match (stage, &self.route) {
            (Stage::Opprf, _) => self.opprf.bytes(),
            (Stage::Switches, Some(route)) => route.message_bytes(self.batch_of(number).1),
            (Stage::Changes, Some(route)) => route.answer_bytes(self.batch_of(number).1),
            _ => self.layout.slab_bins() as usize * bytes_of_bin(&self.words, stage),
        }
    }

    /// From one table to the next.
    pub(super) const fn route(&self) -> Option<&permute::Plan> {
        self.route.as_ref()
    }

    /// Batches of switches between two tables.
    fn batches(&self) -> u32 {
        self.route.as_ref().map_or(0, permute::Plan::batches)
    }

    /// Of all batches of switches, to which table this one leads, and its number on the way there.
    pub(super) fn batch_of(&self, number: u32) -> (usize, u32) {
        let batches = self.batches().max(1);
        (1 + (number / batches) as usize, number % batches)
    }

    fn has(&self, stage: Stage) -> bool {
        match stage {
            Stage::Opprf => true,
            Stage::Switches | Stage::Changes | Stage::Blocked | Stage::BlockedTables => self.tables > 1,
            _ => bytes_of_bin(&self.words, stage) > 0,
        }
    }
}

/// How long a message may be, whatever sizes are announced.
pub(super) fn longest(params: &Params) -> usize {
    let words = Words::new(params.shape());
    let bins = slab_bins(params, &words) as usize;
    let setup = KeeperSetup::<2>::MESSAGE + KeeperSetup::<1>::MESSAGE;
    (bins * widest(&words)).max(LONGEST_STORE).max(setup) + 64
}

/// Bins of a slab: as agreed, or fewer where a bin has so much to say.
fn slab_bins(params: &Params, words: &Words) -> u32 {
    let most = (LONGEST / widest(words)).max(1);
    params.slab_bins().min(most as u32)
}

fn widest(words: &Words) -> usize {
    Stage::ALL.into_iter().map(|stage| bytes_of_bin(words, stage)).max().unwrap_or(1)
}

/// Bytes that a bin has in a stage, but in [`Stage::Opprf`], whose tables are for a whole slab, and in those of the
/// switches.
fn bytes_of_bin(words: &Words, stage: Stage) -> usize {
    /// A row of the small-field VOLE, for a nibble and for a bit; a table of one-bit entries; a word.
    const NIBBLE: usize = 16;
    const BIT: usize = 4;
    const TABLE: usize = 2;
    const WORD: usize = 8;
    let with_cells = usize::from(words.has_cells());
    let with_terms = usize::from(words.terms > 0);
    match stage {
        Stage::Oprf => 2 * NIBBLE,
        Stage::Opprf | Stage::Switches | Stage::Changes => 0,
        Stage::Nibbles => NIBBLE * LOOKUPS[0],
        Stage::NibbleTables => TABLE * LOOKUPS[0],
        Stage::Fours => NIBBLE * LOOKUPS[1],
        Stage::FoursTables => TABLE * LOOKUPS[1],
        Stage::Last | Stage::Blocked => NIBBLE * LOOKUPS[2],
        Stage::LastTables | Stage::BlockedTables => TABLE * LOOKUPS[2],
        Stage::SeekerMatch | Stage::HolderMatch => BIT * with_cells,
        Stage::HolderCells | Stage::SeekerCells => WORD * with_cells,
        Stage::HolderBits => BIT * words.holder_cells,
        Stage::SeekerBits => BIT * words.holder_cells * with_terms,
        Stage::OwnBits => BIT * words.own_bits().iter().map(|(bits, _)| bits).sum::<usize>(),
        Stage::SeekerWords => WORD * words.holder_cells * words.seeker_words(),
        Stage::HolderWords => WORD * words.holder_cells * words.terms,
        Stage::OwnWords => WORD * words.own_bits().iter().map(|(bits, width)| bits * width).sum::<usize>(),
    }
}
