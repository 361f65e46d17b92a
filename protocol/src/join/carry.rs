//! With several kinds of match key: which rows have matched already, from one table to the next.
//!
//! A row that matches by its first kind of key must not count again by its second. Who has matched is split like
//! everything else; after a table it goes along with the rows to their bins in the next one
//! ([`permute`](super::permute)), and there "equal" becomes "equal, and not matched before" (JOIN-53). The attack this
//! stops is the short cut: to open who has matched, or to leave those rows out of the next table.

use std::{collections::VecDeque, ops::Range};

use super::{
    cuckoo::Table,
    permute::{self, HolderRoute, NOWHERE, SeekerRoute},
    plan::Plan,
    run::{NOT_ASKED, part},
    stage::Stage,
};
use crate::{
    ot::{PadChooser, PadSender},
    session::Abort,
};

/// One end's halves of "matched before" and "matched until now", by the bins of the table that is being worked through.
/// The table is the only one: the next one's bits come when all of this one's are known.
struct Halves {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Halves {
    fn new(bins: u32) -> Self {
        Self { before: vec![0; bins as usize], after: vec![0; bins as usize] }
    }

    /// In these bins, before this table.
    fn before(&self, bins: Range<u32>) -> &[u8] {
        &self.before[bins.start as usize..bins.end as usize]
    }

    /// Adds what these bins have found. No row is found that was matched before, so "or" is "exclusive or".
    fn found(&mut self, bins: Range<u32>, found: &[u8]) {
        let bins = bins.start as usize..bins.end as usize;
        for ((after, before), found) in self.after[bins.clone()].iter_mut().zip(&self.before[bins]).zip(found)
        {
            *after = before ^ found;
        }
    }

    fn next_table(&mut self, before: Vec<u8>) {
        self.after = vec![0; before.len()];
        self.before = before;
    }
}

/// The seeker's: it knows the way.
pub(super) struct SeekerCarry {
    plan: Plan,
    halves: Halves,
    route: Option<SeekerRoute>,
}

impl SeekerCarry {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { plan: plan.clone(), halves: Halves::new(plan.layout().bins()), route: None }
    }

    pub(super) fn before(&self, slab: u32) -> &[u8] {
        self.halves.before(self.plan.range_of(slab))
    }

    pub(super) fn found(&mut self, slab: u32, found: &[u8]) {
        self.halves.found(self.plan.range_of(slab), found);
    }

    /// The message of one batch of switches.
    pub(super) fn ask(
        &mut self,
        number: u32,
        transfers: &PadChooser,
        tables: &[(Vec<[u8; 16]>, Table)],
    ) -> Result<Vec<u8>, Abort> {
        let (route, (to, batch)) = (self.plan.route().ok_or(NOT_ASKED)?, self.plan.batch_of(number));
        if batch == 0 {
            let [(items, from), (_, onto)] = tables.get(to - 1..=to).ok_or(NOT_ASKED)? else {
                return Err(NOT_ASKED);
            };
            let sources = sources(items.len(), from, onto, self.plan.layout().bins());
            self.route = Some(SeekerRoute::new(*route, name(to), &sources).map_err(|_| NOT_ASKED)?);
        }
        let (_, message) = self.route.as_mut().ok_or(NOT_ASKED)?.message(transfers).ok_or(NOT_ASKED)?;
        Ok(message)
    }

    /// The holder's answer to it.
    pub(super) fn open(&mut self, number: u32, answer: &[u8]) -> Result<(), Abort> {
        let (route, (_, batch)) = (self.plan.route().ok_or(NOT_ASKED)?, self.plan.batch_of(number));
        self.route.as_mut().ok_or(NOT_ASKED)?.open(batch, answer)?;
        if batch + 1 == route.batches() {
            let done = self.route.take().ok_or(NOT_ASKED)?;
            let before = done.shares(&self.halves.after).map_err(|_| NOT_ASKED)?;
            self.halves.next_table(before);
        }
        Ok(())
    }
}

/// The holder's.
pub(super) struct HolderCarry {
    plan: Plan,
    halves: Halves,
    route: Option<HolderRoute>,
    questions: VecDeque<Vec<u8>>,
}

impl HolderCarry {
    pub(super) fn new(plan: &Plan) -> Self {
        let halves = Halves::new(plan.layout().bins());
        Self { plan: plan.clone(), halves, route: None, questions: VecDeque::new() }
    }

    pub(super) fn before(&self, slab: u32) -> &[u8] {
        self.halves.before(self.plan.range_of(slab))
    }

    pub(super) fn found(&mut self, slab: u32, found: &[u8]) {
        self.halves.found(self.plan.range_of(slab), found);
    }

    /// The seeker's message of the next batch, until it is answered.
    pub(super) fn asked(&mut self, message: Vec<u8>) {
        self.questions.push_back(message);
    }

    /// The answer to one batch of switches.
    pub(super) fn answer(&mut self, number: u32, transfers: &PadSender) -> Result<Vec<u8>, Abort> {
        let (route, (to, batch)) = (self.plan.route().ok_or(NOT_ASKED)?, self.plan.batch_of(number));
        if batch == 0 {
            self.route = Some(HolderRoute::new(*route, name(to), &self.halves.after).map_err(|_| NOT_ASKED)?);
        }
        let question = self.questions.pop_front().ok_or(NOT_ASKED)?;
        let answer = self.route.as_mut().ok_or(NOT_ASKED)?.answer(transfers, batch, &question)?;
        if batch + 1 == route.batches() {
            let done = self.route.take().ok_or(NOT_ASKED)?;
            self.halves.next_table(done.shares().map_err(|_| NOT_ASKED)?);
        }
        Ok(answer)
    }
}

/// Names the transfers on the way to table `to` among those of the run.
const fn name(to: usize) -> u16 {
    part(Stage::Switches, 0, to).stage
}

/// For each bin of the next table, where its row stands in this one. Every row stands in every table (JOIN-05).
fn sources(rows: usize, from: &Table, onto: &Table, bins: u32) -> Vec<u32> {
    let mut stands = vec![NOWHERE; rows];
    for bin in 0..bins {
        if let Some((row, _)) = from.at(bin) {
            stands[row as usize] = bin;
        }
    }
    (0..bins).map(|bin| onto.at(bin).map_or(NOWHERE, |(row, _)| stands[row as usize])).collect()
}

/// The way from one table to the next, in batches of a slab's size.
pub(super) fn route(bins: u32, slab_bins: u32) -> Result<permute::Plan, Abort> {
    /// 32 bytes a bin, as in the first stage.
    const SWITCHES_OF_A_BIN: usize = 8;
    let plan = permute::Plan::new(bins as usize, bins as usize).map_err(|_| Abort::JoinShape)?;
    plan.with_batch_switches(slab_bins as usize * SWITCHES_OF_A_BIN).map_err(|_| Abort::JoinShape)
}
