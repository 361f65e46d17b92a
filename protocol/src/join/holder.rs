//! The end that answers for every bin whether it has the seeker's item, without learning either.
//!
//! ```text
//!   hears   Oprf   NibbleTables FoursTables LastTables   (SeekerMatch SeekerCells)   SeekerBits OwnBits  SeekerWords
//!   says    Opprf  Nibbles      Fours       Last         (HolderMatch HolderCells)   HolderBits HolderWords OwnWords
//! ```
//!
//! The attack this end withstands: a seeker that reads a row's cell or terms, or that there is such a row. All that
//! leaves here is masked, and the store of a slab has one size whatever is in it.

use std::sync::Arc;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use super::{
    carry::HolderCarry,
    cuckoo::Simple,
    draws::Draws,
    equality,
    figures::Joined,
    items,
    matched::Matched,
    message::{Message, Role},
    opprf::{Brought, Drawn},
    oprf::{OprfHolder, RelatedKeys},
    params::Params,
    plan::Plan,
    rows::{Column, Rows},
    run::{End, Ground, NOT_ASKED, NOT_OURS, NOT_SET_UP, Run, batch, part},
    select,
    stage::Stage,
    sums::Sums,
    window::Window,
    words::Words,
};
use crate::{
    ot::{
        Chooser, ChooserSetup, CotChooser, CotSender, Keeper, KeeperSetup, LookupChooser, PadSender,
        PendingCot, PendingLookup, conjoin,
    },
    secret::Secret,
    session::{Abort, Produced, Progress, Session, Step},
};

/// The holder of a run. Its memory: 33 bytes a row and kind of key until items are made of them, then 16 + 8 a term, 4 for
/// each of a row's three entries and each bin; and some slabs.
pub struct Holder(Run<Holding>);

impl Holder {
    /// Begins a run with these rows; the arguments are as for [`Seeker::start`](super::Seeker::start).
    ///
    /// # Errors
    /// [`Abort`]: more rows than may be, rows or noise that are not of the agreed shape, a key that stands twice.
    pub fn start(
        params: Params,
        rows: Rows,
        padded: u32,
        noise: Option<Vec<i64>>,
        seed: Secret<[u8; 32]>,
    ) -> Result<Self, Abort> {
        Run::start(params, rows, padded, noise, &seed).map(Self)
    }
}

impl Session for Holder {
    type Message = Message;
    type Output = Joined;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        Ok(self.0.handle(message)?.within(Self))
    }

    fn produce(self) -> Result<Produced<Self>, Abort> {
        Ok(self.0.produce()?.within(Self))
    }

    fn expects(&self) -> &'static str {
        self.0.expects()
    }

    fn progress(&self) -> Progress {
        self.0.progress()
    }
}

type Function = RelatedKeys<Keeper<2>>;

/// What the holder computes.
struct Holding {
    plan: Plan,
    words: Words,
    draws: Draws,
    sums: Sums,
    common: [u8; 32],
    /// For each kind of key, the rows that have one.
    tables: Vec<Entries>,
    /// Who has matched by an earlier kind of key.
    carry: HolderCarry,
    setup: Option<(KeeperSetup<2>, KeeperSetup<1>)>,
    function: Option<Function>,
    /// The seeker chooses.
    theirs: Option<Arc<Keeper<1>>>,
    /// This end chooses.
    ours: Option<Arc<Chooser<1>>>,
    slabs: Window<Slab>,
}

/// The rows that have one kind of key.
struct Entries {
    items: Vec<[u8; 16]>,
    /// For each item as many words as the plan says.
    payload: Zeroizing<Vec<u64>>,
    bins: Simple,
}

/// What is kept of a slab between two messages.
#[derive(Default)]
struct Slab {
    /// The seeker's message that is to be answered, and the one by its own bits.
    question: Vec<u8>,
    own_question: Vec<u8>,
    /// What is looked up next, in nibbles.
    nibbles: Zeroizing<Vec<u8>>,
    looking_up: Option<PendingLookup>,
    /// This end's half of its payload, by bins.
    payload: Zeroizing<Vec<u64>>,
    /// From the end of the comparison on.
    matched: Matched,
    choosing_bits: Option<PendingCot>,
}

impl End for Holding {
    const ROLE: Role = Role::Holder;

    fn begin(ground: Ground) -> Result<(Self, Vec<u8>), Abort> {
        let Ground { params, plan, mut rows, draws, common } = ground;
        let words = Words::new(params.shape());
        let columns = rows.take_keys();
        let table = |(kind, column): (u32, Column)| {
            let (numbers, items) = items::of_holder(&common, kind, &column);
            drop(column);
            let bins = Simple::spread(&items, plan.layout(), items::bins_seed(&common, kind));
            // JOIN-13: with probability 2⁻⁴⁰.
            let bins = bins.map_err(|_| Abort::BinsFull)?;
            Ok(Entries { payload: Zeroizing::new(payload(&words, &rows, &numbers)), items, bins })
        };
        let tables = (0..).zip(columns).map(table).collect::<Result<_, Abort>>()?;
        let id = items::id(&common, "function");
        let (function, mut first) = KeeperSetup::<2>::start(&id, &draws.seed("function", 0));
        let id = items::id(&common, "holder keeps");
        let (bits, more) = KeeperSetup::<1>::start(&id, &draws.seed("keeper", 0));
        first.extend(more);
        let holding = Self {
            sums: Sums::new(params.shape()),
            words,
            carry: HolderCarry::new(&plan),
            plan,
            draws,
            common,
            tables,
            setup: Some((function, bits)),
            function: None,
            theirs: None,
            ours: None,
            slabs: Window::new(),
        };
        Ok((holding, first))
    }

    fn respond(&mut self, message: &[u8]) -> Result<Vec<u8>, Abort> {
        let id = items::id(&self.common, "seeker keeps");
        let (chooser, answer) = ChooserSetup::<1>::respond(&id, &self.draws.seed("chooser", 0), message)?;
        self.ours = Some(Arc::new(chooser));
        Ok(answer)
    }

    fn settle(&mut self, message: &[u8]) -> Result<(), Abort> {
        let (function, bits) = self.setup.take().ok_or(NOT_SET_UP)?;
        let (first, second) = items::cut(message, ChooserSetup::<2>::MESSAGE)?;
        self.function = Some(RelatedKeys::new(function.finish(first)?, &self.common));
        self.theirs = Some(Arc::new(bits.finish(second)?));
        Ok(())
    }

    fn make(&mut self, stage: Stage, slab: u32) -> Result<Vec<u8>, Abort> {
        match stage {
            Stage::Opprf => self.program(slab),
            Stage::Nibbles | Stage::Fours | Stage::Last => {
                let ours = LookupChooser::new(self.ours.clone().ok_or(NOT_SET_UP)?);
                let at = self.slabs.at(slab)?;
                let (message, pending) = ours.choose(batch(stage, slab), &std::mem::take(&mut at.nibbles));
                at.looking_up = Some(pending);
                Ok(message)
            }
            Stage::Changes => {
                let theirs = PadSender::new(self.theirs.clone().ok_or(NOT_SET_UP)?);
                self.carry.answer(slab, &theirs)
            }
            Stage::Blocked => self.block(slab),
            Stage::HolderMatch => {
                let ours = self.ours.clone().ok_or(NOT_SET_UP)?;
                let at = self.slabs.at(slab)?;
                let (message, pending) = conjoin(&ours, batch(Stage::HolderMatch, slab), &at.matched.bits);
                at.matched.choosing = Some(pending);
                Ok(message)
            }
            Stage::HolderCells => self.answer_match(slab),
            Stage::HolderBits => {
                let ours = CotChooser::new(self.ours.clone().ok_or(NOT_SET_UP)?);
                let at = self.slabs.at(slab)?;
                let (message, pending) = ours.choose(batch(Stage::HolderBits, slab), &at.matched.bits);
                at.choosing_bits = Some(pending);
                Ok(message)
            }
            Stage::HolderWords => self.answer_bits(slab),
            Stage::OwnWords => self.answer_own(slab),
            _ => Err(NOT_OURS),
        }
    }

    fn take(&mut self, stage: Stage, slab: u32, bytes: Vec<u8>) -> Result<(), Abort> {
        match stage {
            Stage::Oprf => {
                self.slabs.push(Slab { question: bytes, ..Slab::default() });
                Ok(())
            }
            Stage::NibbleTables | Stage::FoursTables | Stage::LastTables => {
                let at = self.slabs.at(slab)?;
                let found = at.looking_up.take().ok_or(NOT_ASKED)?.open(1, &bytes)?;
                let found: Vec<u8> = found.into_iter().map(|entry| entry as u8).collect();
                match stage {
                    Stage::LastTables => at.matched.bits = Zeroizing::new(found),
                    _ => at.nibbles = Zeroizing::new(equality::fours(&found, 0)),
                }
                Ok(())
            }
            Stage::BlockedTables => {
                let found = self.slabs.at(slab)?.looking_up.take().ok_or(NOT_ASKED)?.open(1, &bytes)?;
                let found: Vec<u8> = found.into_iter().map(|entry| entry as u8).collect();
                self.carry.found(slab, &found);
                self.slabs.at(slab)?.matched.bits = Zeroizing::new(found);
                Ok(())
            }
            Stage::Switches => {
                self.carry.asked(bytes);
                Ok(())
            }
            Stage::SeekerMatch | Stage::SeekerBits => {
                self.slabs.at(slab)?.question = bytes;
                Ok(())
            }
            Stage::OwnBits => {
                self.slabs.at(slab)?.own_question = bytes;
                Ok(())
            }
            Stage::SeekerCells => self.slabs.at(slab)?.matched.open(&self.words, &bytes),
            Stage::SeekerWords => {
                let width = self.words.seeker_words();
                let opened =
                    self.slabs.at(slab)?.choosing_bits.take().ok_or(NOT_ASKED)?.open(width, &bytes)?;
                let (terms, own) = select::cut(&opened, width, self.words.terms);
                self.sums.add_own(&own);
                self.add_terms(slab, &terms)
            }
            _ => Err(NOT_OURS),
        }
    }

    fn release(&mut self, finished: u32) {
        self.slabs.release(finished);
    }

    fn halves(&mut self) -> Vec<u64> {
        self.sums.take()
    }
}

/// What the store has for each of these rows.
fn payload(words: &Words, rows: &Rows, numbers: &[u32]) -> Vec<u64> {
    let mut payload = Vec::with_capacity(numbers.len() * words.payload());
    for row in numbers.iter().map(|number| *number as usize) {
        if words.has_cells() {
            payload.push(1 << rows.cells[row]);
        }
        payload.extend(rows.terms.iter().map(|term| term[row].cast_unsigned()));
    }
    payload
}

impl Holding {
    /// The slab's store, under targets and masks drawn for it.
    fn program(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let question = std::mem::take(&mut self.slabs.at(slab)?.question);
        let function = self.function.as_ref().ok_or(NOT_SET_UP)?;
        let Entries { items, payload, bins } = self.tables.get(self.plan.kind_of(slab)).ok_or(NOT_OURS)?;
        let range = self.plan.range_of(slab);
        let keys = function.keys(batch(Stage::Oprf, slab), range.len(), &question)?;
        let targets = self.draws.words(Stage::Nibbles, slab, range.len());
        let masks = self.draws.words(Stage::Opprf, slab, range.len() * self.words.payload());
        let table = self.plan.opprf().encode(
            function,
            &keys,
            bins.slab(self.plan.slab_of_table(slab)),
            Brought { items, payload },
            Drawn { targets: &targets, masks: &masks },
            &mut ChaCha20Rng::from_seed(*self.draws.seed("store", slab).expose()),
        );
        // JOIN-33: with probability 2⁻⁴⁰ over the run.
        let table = table.map_err(|_| Abort::BinsFull)?;
        let at = self.slabs.at(slab)?;
        at.nibbles = Zeroizing::new(equality::nibbles(&targets));
        at.payload = Zeroizing::new(masks);
        Ok(table)
    }

    /// "Equal" becomes "equal, and not matched before" (JOIN-53).
    fn block(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let ours = LookupChooser::new(self.ours.clone().ok_or(NOT_SET_UP)?);
        let equal = std::mem::take(&mut self.slabs.at(slab)?.matched.bits);
        let nibbles: Vec<u8> =
            equal.iter().zip(self.carry.before(slab)).map(|(equal, before)| equal | before << 1).collect();
        let (message, pending) = ours.choose(batch(Stage::Blocked, slab), &nibbles);
        self.slabs.at(slab)?.looking_up = Some(pending);
        Ok(message)
    }

    /// The seeker chooses by its half of "matched" (JOIN-54).
    fn answer_match(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let theirs = self.theirs.as_ref().ok_or(NOT_SET_UP)?;
        let at = self.slabs.at(slab)?;
        let question = std::mem::take(&mut at.question);
        at.matched.answer(theirs, batch(Stage::SeekerMatch, slab), &self.words, &at.payload, &question)
    }

    /// The seeker chooses by its half of "matched" from this end's half of the terms.
    fn answer_bits(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let theirs = CotSender::new(self.theirs.clone().ok_or(NOT_SET_UP)?);
        let Words { holder_cells, terms, .. } = self.words;
        let width = self.words.payload();
        let at = self.slabs.at(slab)?;
        let half = |payload: &[u64]| payload[width - terms..].repeat(holder_cells);
        let words: Vec<u64> = at.payload.chunks_exact(width).flat_map(half).collect();
        let question = std::mem::take(&mut at.question);
        let signed = select::signed(&at.matched.bits, &words, terms);
        let (mut shares, answer) =
            theirs.answer(batch(Stage::SeekerBits, slab), terms, &signed, &question)?;
        select::add_chosen(&mut shares, &at.matched.bits, &words, terms);
        self.add_terms(slab, &shares)?;
        Ok(answer)
    }

    /// One of the two parts of the matched terms; with both of them, and if no own bits follow, they are summed.
    fn add_terms(&mut self, slab: u32, part: &[u64]) -> Result<(), Abort> {
        let matched = &mut self.slabs.at(slab)?.matched;
        if matched.add_terms(part) && self.words.own_bits().is_empty() {
            self.sums.add_terms(&matched.take_terms(), &[]);
        }
        Ok(())
    }

    /// Products and cells: the seeker chooses by what it knows in clear from this end's halves (JOIN-56).
    fn answer_own(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let theirs = CotSender::new(self.theirs.clone().ok_or(NOT_SET_UP)?);
        let bins = self.plan.range_of(slab).len();
        let at = self.slabs.at(slab)?;
        let (terms, question) = (at.matched.take_terms(), std::mem::take(&mut at.own_question));
        let (mut asked, mut answer, mut number) = (&question[..], Vec::new(), 0);
        let mut give = |bits: usize, width: usize, words: &[u64]| -> Result<Vec<u64>, Abort> {
            let (message, rest) = items::cut(asked, 4 * bins * bits)?;
            let (shares, told) = theirs.answer(part(Stage::OwnBits, slab, number), width, words, message)?;
            (asked, number) = (rest, number + 1);
            answer.extend(told);
            Ok(shares)
        };
        let Words { holder_cells, terms: per_cell, .. } = self.words;
        let mut all = self.words.spread(&terms);
        let each = per_cell + self.words.products.len();
        for factor in &self.words.factors {
            let width = holder_cells * factor.products.len();
            let mut words = Vec::with_capacity(bins * factor.bits * width);
            for terms in terms.chunks_exact(holder_cells * per_cell) {
                for bit in 0..factor.bits {
                    let word = |(place, (_, term)): (usize, (usize, usize))| {
                        let word = terms[place / factor.products.len() * per_cell + term] << bit;
                        // The sign bit of a two's complement counts as −2ᵏ.
                        if bit + 1 == factor.bits { word.wrapping_neg() } else { word }
                    };
                    words.extend(factor.of_cells(holder_cells).map(word));
                }
            }
            let shares = give(factor.bits, width, &words)?;
            for (bin, shares) in shares.chunks_exact(factor.bits * width).enumerate() {
                for (place, (product, _)) in factor.of_cells(holder_cells) {
                    let cell = bin * holder_cells + place / factor.products.len();
                    let sum = shares
                        .iter()
                        .skip(place)
                        .step_by(width)
                        .fold(0u64, |sum, word| sum.wrapping_add(*word));
                    all[cell * each + per_cell + product] = sum;
                }
            }
        }
        let (chosen, width) = (self.words.chosen_cells(), self.words.of_cell());
        let mut parts = Vec::new();
        if chosen > 0 {
            let words: Vec<u64> = all.chunks_exact(width).flat_map(|words| words.repeat(chosen)).collect();
            parts = give(chosen, width, &words)?;
        }
        self.sums.add_terms(&all, &parts);
        Ok(answer)
    }
}
