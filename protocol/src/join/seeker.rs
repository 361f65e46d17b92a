//! The end that puts its rows into bins and asks for each of them.
//!
//! ```text
//!   says    Oprf   NibbleTables FoursTables LastTables   (SeekerMatch SeekerCells)   SeekerBits OwnBits  SeekerWords
//!   hears   Opprf  Nibbles      Fours       Last         (HolderMatch HolderCells)   HolderBits HolderWords OwnWords
//! ```
//!
//! The attack this end withstands: a holder that reads off a message, or from when it comes, which rows there are. All
//! that leaves here is masked (by the transfers, or by fresh bits), for every bin alike, with a row in it or not.

use std::sync::Arc;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use super::{
    carry::SeekerCarry,
    cuckoo::Table,
    draws::Draws,
    equality,
    figures::Joined,
    items,
    matched::Matched,
    message::{Message, Role},
    oprf::{OprfSeeker, Point, RelatedKeys},
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
        Chooser, ChooserSetup, CotChooser, CotSender, Keeper, KeeperSetup, LookupSender, PadChooser,
        PendingCot, conjoin,
    },
    secret::Secret,
    session::{Abort, Produced, Progress, Session, Step},
};

/// The seeker of a run. Its memory: 33 bytes a row and kind of key until items are made of them, then 16 a row and 4 a bin;
/// 8 a term, and some slabs.
pub struct Seeker(Run<Seeking>);

impl Seeker {
    /// Begins a run with these rows. `padded` is the size that is announced, at least the number of rows;
    /// `noise` has this end's full share for each figure, and is there exactly if the other end learns them;
    /// `seed` must be 32 bytes fresh from a secure generator.
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

impl Session for Seeker {
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

/// What the seeker computes.
struct Seeking {
    plan: Plan,
    words: Words,
    rows: Rows,
    draws: Draws,
    sums: Sums,
    common: [u8; 32],
    /// For each kind of key, the rows' items and where they stand.
    tables: Vec<(Vec<[u8; 16]>, Table)>,
    /// Who has matched by an earlier kind of key.
    carry: SeekerCarry,
    setup: Option<KeeperSetup<1>>,
    function: Option<RelatedKeys<Chooser<2>>>,
    /// The holder chooses.
    theirs: Option<Arc<Keeper<1>>>,
    /// This end chooses.
    ours: Option<Arc<Chooser<1>>>,
    slabs: Window<Slab>,
}

/// What is kept of a slab between two messages.
#[derive(Default)]
struct Slab {
    points: Vec<Point>,
    asked: Option<<RelatedKeys<Chooser<2>> as OprfSeeker>::Asked>,
    /// The holder's message that is to be answered.
    question: Vec<u8>,
    /// This end's half of the holder's payload, by bins.
    payload: Zeroizing<Vec<u64>>,
    /// What is compared next, in nibbles.
    nibbles: Zeroizing<Vec<u8>>,
    /// From the end of the comparison on.
    matched: Matched,
    choosing_bits: Option<PendingCot>,
    choosing_own: Vec<PendingCot>,
}

impl End for Seeking {
    const ROLE: Role = Role::Seeker;

    fn begin(ground: Ground) -> Result<(Self, Vec<u8>), Abort> {
        let Ground { params, plan, mut rows, draws, common } = ground;
        let table = |(kind, column): (u32, Column)| {
            let items = items::of_seeker(&common, kind, &column, &draws);
            drop(column);
            let table = Table::place(&items, plan.layout(), items::bins_seed(&common, kind));
            // JOIN-12: with probability 2⁻⁴⁰. The seed is nobody's choice, so there is no other to try.
            Ok((items, table.map_err(|_| Abort::BinsFull)?))
        };
        let tables = (0..).zip(rows.take_keys()).map(table).collect::<Result<_, Abort>>()?;
        let (setup, first) =
            KeeperSetup::<1>::start(&items::id(&common, "seeker keeps"), &draws.seed("keeper", 0));
        let seeking = Self {
            words: Words::new(params.shape()),
            sums: Sums::new(params.shape()),
            carry: SeekerCarry::new(&plan),
            plan,
            rows,
            draws,
            common,
            tables,
            setup: Some(setup),
            function: None,
            theirs: None,
            ours: None,
            slabs: Window::new(),
        };
        Ok((seeking, first))
    }

    fn respond(&mut self, message: &[u8]) -> Result<Vec<u8>, Abort> {
        let (function, bits) = items::cut(message, KeeperSetup::<2>::MESSAGE)?;
        let seed = |name| self.draws.seed(name, 0);
        let id = items::id(&self.common, "function");
        let (chooser, mut answer) = ChooserSetup::<2>::respond(&id, &seed("function"), function)?;
        self.function = Some(RelatedKeys::new(chooser, &self.common));
        let id = items::id(&self.common, "holder keeps");
        let (chooser, more) = ChooserSetup::<1>::respond(&id, &seed("chooser"), bits)?;
        self.ours = Some(Arc::new(chooser));
        answer.extend(more);
        Ok(answer)
    }

    fn settle(&mut self, message: &[u8]) -> Result<(), Abort> {
        let setup = self.setup.take().ok_or(NOT_SET_UP)?;
        self.theirs = Some(Arc::new(setup.finish(message)?));
        Ok(())
    }

    fn make(&mut self, stage: Stage, slab: u32) -> Result<Vec<u8>, Abort> {
        match stage {
            Stage::Oprf => self.ask(slab),
            Stage::NibbleTables => self.compare(Stage::Nibbles, slab),
            Stage::FoursTables => self.compare(Stage::Fours, slab),
            Stage::LastTables => self.compare(Stage::Last, slab),
            Stage::Switches => {
                let ours = PadChooser::new(self.ours.clone().ok_or(NOT_SET_UP)?);
                self.carry.ask(slab, &ours, &self.tables)
            }
            Stage::BlockedTables => self.block(slab),
            Stage::SeekerMatch => {
                let ours = self.ours.clone().ok_or(NOT_SET_UP)?;
                let at = self.slabs.at(slab)?;
                let (message, pending) = conjoin(&ours, batch(Stage::SeekerMatch, slab), &at.matched.bits);
                at.matched.choosing = Some(pending);
                Ok(message)
            }
            Stage::SeekerCells => self.answer_match(slab),
            Stage::SeekerBits => {
                let ours = CotChooser::new(self.ours.clone().ok_or(NOT_SET_UP)?);
                let at = self.slabs.at(slab)?;
                let (message, pending) = ours.choose(batch(Stage::SeekerBits, slab), &at.matched.bits);
                at.choosing_bits = Some(pending);
                Ok(message)
            }
            Stage::OwnBits => self.choose_own(slab),
            Stage::SeekerWords => self.answer_bits(slab),
            _ => Err(NOT_OURS),
        }
    }

    fn take(&mut self, stage: Stage, slab: u32, bytes: Vec<u8>) -> Result<(), Abort> {
        match stage {
            Stage::Opprf => self.read(slab, &bytes),
            Stage::Nibbles
            | Stage::Fours
            | Stage::Last
            | Stage::Blocked
            | Stage::HolderMatch
            | Stage::HolderBits => {
                self.slabs.at(slab)?.question = bytes;
                Ok(())
            }
            Stage::Changes => self.carry.open(slab, &bytes),
            Stage::HolderCells => self.slabs.at(slab)?.matched.open(&self.words, &bytes),
            Stage::HolderWords => {
                let width = self.words.terms;
                let at = self.slabs.at(slab)?;
                let opened = at.choosing_bits.take().ok_or(NOT_ASKED)?.open(width, &bytes)?;
                self.add_terms(slab, &opened)
            }
            Stage::OwnWords => self.open_own(slab, &bytes),
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

impl Seeking {
    /// The row of each bin of a slab.
    fn rows_of(&self, slab: u32) -> Result<Vec<Option<usize>>, Abort> {
        let (_, table) = self.tables.get(self.plan.kind_of(slab)).ok_or(NOT_OURS)?;
        Ok(self.plan.range_of(slab).map(|bin| table.at(bin).map(|(row, _)| row as usize)).collect())
    }

    fn ask(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let (items, table) = self.tables.get(self.plan.kind_of(slab)).ok_or(NOT_OURS)?;
        let mut dummies = ChaCha20Rng::from_seed(*self.draws.seed("dummies", slab).expose());
        let points = table.points(self.plan.range_of(slab), items, &mut dummies);
        let function = self.function.as_ref().ok_or(NOT_SET_UP)?;
        let (message, asked) = function.ask(batch(Stage::Oprf, slab), &points);
        self.slabs.push(Slab { points, asked: Some(asked), ..Slab::default() });
        Ok(message)
    }

    fn read(&mut self, slab: u32, table: &[u8]) -> Result<(), Abort> {
        let at = self.slabs.at(slab)?;
        let (points, asked) = (std::mem::take(&mut at.points), at.asked.take().ok_or(NOT_ASKED)?);
        let function = self.function.as_ref().ok_or(NOT_SET_UP)?;
        let read = self.plan.opprf().decode(function, &asked, &points, table)?;
        let at = self.slabs.at(slab)?;
        at.nibbles = Zeroizing::new(equality::nibbles(&read.tags));
        at.payload = Zeroizing::new(read.shares);
        Ok(())
    }

    /// One level of the comparison: answers the holder's look-ups in tables under fresh bits (JOIN-50).
    fn compare(&mut self, asked: Stage, slab: u32) -> Result<Vec<u8>, Abort> {
        let theirs = LookupSender::new(self.theirs.clone().ok_or(NOT_SET_UP)?);
        let at = self.slabs.at(slab)?;
        let (nibbles, question) = (std::mem::take(&mut at.nibbles), std::mem::take(&mut at.question));
        let halves = self.draws.bits(asked, slab, nibbles.len());
        let table = |number: usize| equality::table(nibbles[number], halves[number]);
        let answer = theirs.answer_bits(batch(asked, slab), nibbles.len(), &question, table)?;
        let at = self.slabs.at(slab)?;
        match asked {
            Stage::Last => at.matched.bits = Zeroizing::new(halves),
            _ => at.nibbles = Zeroizing::new(equality::fours(&halves, 15)),
        }
        Ok(answer)
    }

    /// "Equal" becomes "equal, and not matched before" (JOIN-53).
    fn block(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let theirs = LookupSender::new(self.theirs.clone().ok_or(NOT_SET_UP)?);
        let at = self.slabs.at(slab)?;
        let (equal, question) = (std::mem::take(&mut at.matched.bits), std::mem::take(&mut at.question));
        let halves = self.draws.bits(Stage::Blocked, slab, equal.len());
        let before = self.carry.before(slab);
        let table = |number: usize| equality::table_of_first(equal[number], before[number], halves[number]);
        let answer = theirs.answer_bits(batch(Stage::Blocked, slab), equal.len(), &question, table)?;
        self.carry.found(slab, &halves);
        self.slabs.at(slab)?.matched.bits = Zeroizing::new(halves);
        Ok(answer)
    }

    /// The holder chooses by its half of "matched" (JOIN-54).
    fn answer_match(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let theirs = self.theirs.as_ref().ok_or(NOT_SET_UP)?;
        let at = self.slabs.at(slab)?;
        let question = std::mem::take(&mut at.question);
        at.matched.answer(theirs, batch(Stage::HolderMatch, slab), &self.words, &at.payload, &question)
    }

    /// The bits that this end chooses by and knows: its factors' bits, and which of its cells a row is in (JOIN-56).
    fn choose_own(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let ours = CotChooser::new(self.ours.clone().ok_or(NOT_SET_UP)?);
        let rows = self.rows_of(slab)?;
        let (mut message, mut pending) = (Vec::new(), Vec::new());
        let mut choose = |bits: Vec<u8>| {
            let (part, waiting) = ours.choose(part(Stage::OwnBits, slab, pending.len()), &bits);
            message.extend(part);
            pending.push(waiting);
        };
        for factor in &self.words.factors {
            let value = |row: &Option<usize>| row.map_or(0, |row| self.rows.terms[factor.term][row]);
            let bits = rows
                .iter()
                .map(value)
                .flat_map(|value| (0..factor.bits).map(move |bit| (value >> bit & 1) as u8));
            choose(bits.collect());
        }
        let chosen = self.words.chosen_cells();
        if chosen > 0 {
            let cell = |row: &Option<usize>| row.map_or(chosen, |row| self.rows.cells[row].into());
            choose(
                rows.iter()
                    .map(cell)
                    .flat_map(|own| (0..chosen).map(move |cell| u8::from(cell == own)))
                    .collect(),
            );
        }
        self.slabs.at(slab)?.choosing_own = pending;
        Ok(message)
    }

    /// The holder chooses by its half of "matched" from this end's half of its terms, and this end's own words.
    fn answer_bits(&mut self, slab: u32) -> Result<Vec<u8>, Abort> {
        let theirs = CotSender::new(self.theirs.clone().ok_or(NOT_SET_UP)?);
        let rows = self.rows_of(slab)?;
        let Words { seeker_cells, holder_cells, own, terms, .. } = self.words;
        let (width, payload) = (self.words.seeker_words(), self.words.payload());
        let mut words = Vec::with_capacity(rows.len() * holder_cells * width);
        let mut own_words = vec![0; seeker_cells * own];
        let at = self.slabs.at(slab)?;
        for (bin, row) in rows.iter().enumerate() {
            own_words.fill(0);
            if let Some(row) = *row {
                let cell = &mut own_words[usize::from(self.rows.cells[row]) * own..][..own];
                cell[0] = 1;
                cell[1..]
                    .iter_mut()
                    .zip(&self.rows.terms)
                    .for_each(|(word, term)| *word = term[row].cast_unsigned());
            }
            let half = &at.payload[bin * payload..][payload - terms..payload];
            for _ in 0..holder_cells {
                words.extend_from_slice(half);
                words.extend_from_slice(&own_words);
            }
        }
        let question = std::mem::take(&mut at.question);
        let signed = select::signed(&at.matched.bits, &words, width);
        let (mut shares, answer) =
            theirs.answer(batch(Stage::HolderBits, slab), width, &signed, &question)?;
        select::add_chosen(&mut shares, &at.matched.bits, &words, width);
        let (terms, own) = select::cut(&shares, width, terms);
        self.sums.add_own(&own);
        self.add_terms(slab, &terms)?;
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

    /// Products and cells: what this end knows in clear times what is split (JOIN-56).
    fn open_own(&mut self, slab: u32, bytes: &[u8]) -> Result<(), Abort> {
        let rows = self.rows_of(slab)?;
        let at = self.slabs.at(slab)?;
        let (terms, mut pending) =
            (at.matched.take_terms(), std::mem::take(&mut at.choosing_own).into_iter());
        let bins = rows.len();
        let mut bytes = bytes;
        let mut open = |bits: usize, width: usize| -> Result<Vec<u64>, Abort> {
            let (part, rest) = items::cut(bytes, 8 * bins * bits * width)?;
            bytes = rest;
            Ok(pending.next().ok_or(NOT_ASKED)?.open(width, part)?)
        };
        let Words { holder_cells, terms: per_cell, .. } = self.words;
        let mut all = self.words.spread(&terms);
        let each = per_cell + self.words.products.len();
        for factor in &self.words.factors {
            let width = holder_cells * factor.products.len();
            let opened = open(factor.bits, width)?;
            let value =
                |row: &Option<usize>| row.map_or(0, |row| self.rows.terms[factor.term][row].cast_unsigned());
            for (bin, (opened, row)) in opened.chunks_exact(factor.bits * width).zip(&rows).enumerate() {
                let value = value(row);
                for (place, (product, term)) in factor.of_cells(holder_cells) {
                    let own = value.wrapping_mul(
                        terms[(bin * holder_cells + place / factor.products.len()) * per_cell + term],
                    );
                    let opened = opened
                        .iter()
                        .skip(place)
                        .step_by(width)
                        .fold(own, |sum, word| sum.wrapping_add(*word));
                    let cell = bin * holder_cells + place / factor.products.len();
                    all[cell * each + per_cell + product] = opened;
                }
            }
        }
        let (chosen, width) = (self.words.chosen_cells(), self.words.of_cell());
        let mut parts = Vec::new();
        if chosen > 0 {
            parts = open(chosen, width)?;
            for ((parts, all), row) in
                parts.chunks_exact_mut(chosen * width).zip(all.chunks_exact(width)).zip(&rows)
            {
                let own = row.map_or(chosen, |row| self.rows.cells[row].into());
                for (cell, part) in parts.chunks_exact_mut(width).enumerate() {
                    let mask = select::mask(u8::from(cell == own));
                    part.iter_mut().zip(all).for_each(|(part, word)| *part = part.wrapping_add(word & mask));
                }
            }
        }
        self.sums.add_terms(&all, &parts);
        Ok(())
    }
}
