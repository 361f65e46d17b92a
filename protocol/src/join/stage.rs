//! Which message a slab has when, and what must have been said before it.
//!
//! One table for both ends: an end may send a stage's next slab, and accepts it, exactly when everything that it
//! is computed from has been said. So a message that came too early, twice, or not at all is noticed before any work
//! is done for it (JOIN-42), and the two ends cannot wait for each other: of the earliest slab that is not finished
//! some message is always due.

use serde::{Deserialize, Serialize};

use super::message::Role;
use crate::session::PeerMisbehaved;

/// Makes [`Stage`] of one list: what each is for, its name, who says it.
macro_rules! stages {
    ($($(#[$about:meta])+ $stage:ident by $role:ident,)+) => {
        /// What a message of a slab is for, in the order in which a slab goes through them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u16)]
        pub enum Stage {
            $($(#[$about])+ $stage,)+
        }

        impl Stage {
            /// All of them.
            pub const ALL: [Self; [$(stringify!($stage)),+].len()] = [$($stage),+];

            /// Who says it.
            pub const fn by(self) -> Role {
                match self {
                    $($stage => Role::$role,)+
                }
            }

            /// Its name, for reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $($stage => stringify!($stage),)+
                }
            }
        }
    };
}

stages! {
    /// Seeker: its items, hidden; of each bin the holder gets a key of the pseudorandom function.
    Oprf by Seeker,
    /// Holder: what its items map to, under those keys.
    Opprf by Holder,
    /// Holder: look-ups by the 16 nibbles of each bin's target.
    Nibbles by Holder,
    /// Seeker: whether each is its own.
    NibbleTables by Seeker,
    /// Holder: look-ups by the four nibbles of those halves.
    Fours by Holder,
    /// Seeker: whether all four bits are set.
    FoursTables by Seeker,
    /// Holder: a look-up by the nibble of those.
    Last by Holder,
    /// Seeker: whether the strings are equal.
    LastTables by Seeker,
    /// Seeker, with several kinds of key: how what is known goes from one table's bins to the next's. In batches.
    Switches by Seeker,
    /// Holder: the answer to [`Switches`](Self::Switches).
    Changes by Holder,
    /// Holder, with several kinds of key: a look-up by its halves of "equal" and "matched before".
    Blocked by Holder,
    /// Seeker: whether it is equal and has not matched before.
    BlockedTables by Seeker,
    /// Seeker, when the holder has cells: its half of "matched", to choose by.
    SeekerMatch by Seeker,
    /// Holder, when it has cells: its half of "matched", to choose by.
    HolderMatch by Holder,
    /// Holder: the answer to [`SeekerMatch`](Self::SeekerMatch).
    HolderCells by Holder,
    /// Seeker: the answer to [`HolderMatch`](Self::HolderMatch).
    SeekerCells by Seeker,
    /// Holder: for each of its cells its half of "matched, and in this cell", to choose by.
    HolderBits by Holder,
    /// Seeker, when the holder has terms: the same, of its halves.
    SeekerBits by Seeker,
    /// Seeker: the bits of its products' terms, and its cells, to choose by.
    OwnBits by Seeker,
    /// Seeker: the answer to [`HolderBits`](Self::HolderBits).
    SeekerWords by Seeker,
    /// Holder: the answer to [`SeekerBits`](Self::SeekerBits).
    HolderWords by Holder,
    /// Holder: the answer to [`OwnBits`](Self::OwnBits).
    OwnWords by Holder,
}

use Stage::*;

/// How far the first stage may be ahead of the last: this many slabs are in memory.
pub(super) const WINDOW: u32 = 32;
/// How many batches of switches may be unanswered.
const SWITCH_WINDOW: u32 = 8;

impl Stage {
    /// What must have been said of the same slab before, where the shape has it.
    const fn needs(self) -> &'static [Self] {
        match self {
            Oprf | Switches => &[],
            Opprf => &[Oprf],
            Nibbles => &[Opprf],
            NibbleTables => &[Nibbles],
            Fours => &[NibbleTables],
            FoursTables => &[Fours],
            Last => &[FoursTables],
            LastTables => &[Last],
            Changes => &[Switches],
            Blocked => &[LastTables],
            BlockedTables => &[Blocked],
            SeekerMatch | HolderMatch => &[LastTables, BlockedTables],
            HolderCells => &[SeekerMatch],
            SeekerCells => &[HolderMatch],
            HolderBits | SeekerBits => &[LastTables, BlockedTables, HolderCells, SeekerCells],
            OwnBits => &[SeekerBits],
            SeekerWords => &[HolderBits],
            HolderWords => &[HolderBits, SeekerBits],
            OwnWords => &[OwnBits, SeekerWords, HolderWords],
        }
    }

    const fn is_route(self) -> bool {
        matches!(self, Switches | Changes)
    }
}

/// How far a run is in every stage: the same picture at both ends, up to what is on the way.
#[derive(Debug, Clone)]
pub(super) struct Stages {
    /// How many messages of each stage there will be; 0 for one that the shape does not have.
    total: [u32; Stage::ALL.len()],
    done: [u32; Stage::ALL.len()],
    /// Slabs of one table.
    slabs: u32,
    /// Batches of switches between two tables.
    batches: u32,
}

impl Stages {
    /// `tables` tables of `slabs` slabs, with `batches` batches of switches between two; `present` says which stages
    /// the shape has.
    pub(super) fn new(tables: u32, slabs: u32, batches: u32, present: impl Fn(Stage) -> bool) -> Self {
        let total = Stage::ALL.map(|stage| match (stage.is_route(), present(stage)) {
            (_, false) => 0,
            (false, true) => tables * slabs,
            (true, true) => (tables - 1) * batches,
        });
        Self { total, done: [0; Stage::ALL.len()], slabs, batches }
    }

    /// The next message of this stage, if it can be said now.
    pub(super) fn due(&self, stage: Stage) -> Option<u32> {
        let next = self.done[stage as usize];
        (next < self.total[stage as usize] && self.allows(stage, next)).then_some(next)
    }

    fn allows(&self, stage: Stage, next: u32) -> bool {
        let before = |need: &Stage| self.total[*need as usize] == 0 || self.done[*need as usize] > next;
        let apart = match stage {
            // JOIN-43: memory is bounded at both ends, whatever the peer says.
            Oprf => next < self.finished() + WINDOW,
            // What table k knows goes on when all of it is known.
            Switches => {
                let known = (next / self.batches + 1) * self.slabs;
                self.done[BlockedTables as usize] >= known
                    && next < self.done[Changes as usize] + SWITCH_WINDOW
            }
            Blocked => self.done[Changes as usize] >= next / self.slabs * self.batches,
            _ => true,
        };
        apart && stage.needs().iter().all(before)
    }

    /// Takes note that the message that was due is said.
    pub(super) fn advance(&mut self, stage: Stage) {
        self.done[stage as usize] += 1;
    }

    /// Refuses a message of the peer that is not due (JOIN-42).
    pub(super) fn accept(&self, stage: Stage, slab: u32) -> Result<(), PeerMisbehaved> {
        let (next, all) = (self.done[stage as usize], self.total[stage as usize]);
        if slab != next || next == all {
            return Err(PeerMisbehaved::ChunkOutOfOrder { expected: next, got: slab });
        }
        if self.due(stage).is_none() {
            return Err(PeerMisbehaved::AnswerUnasked(slab));
        }
        Ok(())
    }

    /// Slabs that are through all stages.
    pub(super) fn finished(&self) -> u32 {
        let slabs = |stage: &Stage| !stage.is_route() && self.total[*stage as usize] > 0;
        Stage::ALL
            .iter()
            .filter(|stage| slabs(stage))
            .map(|stage| self.done[*stage as usize])
            .min()
            .unwrap_or(0)
    }

    pub(super) fn all_done(&self) -> bool {
        self.done == self.total
    }

    /// Messages said, and all that there will be.
    pub(super) fn progress(&self) -> (u64, u64) {
        let sum = |list: &[u32]| list.iter().map(|&count| u64::from(count)).sum();
        (sum(&self.done), sum(&self.total))
    }

    /// The number of the stage's next message.
    pub(super) const fn said(&self, stage: Stage) -> u32 {
        self.done[stage as usize]
    }

    /// This end's stage that is due, nearest to the end of its slab.
    pub(super) fn next_of(&self, by: Role) -> Option<Stage> {
        Stage::ALL.into_iter().rev().find(|stage| stage.by() == by && self.due(*stage).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(tables: u32, slabs: u32, batches: u32, present: impl Fn(Stage) -> bool, forward: bool) -> u32 {
        let mut stages = Stages::new(tables, slabs, batches, present);
        let mut most = 0;
        loop {
            let due = |stage: &Stage| stages.due(*stage).is_some();
            let next = if forward {
                Stage::ALL.into_iter().find(due)
            } else {
                Stage::ALL.into_iter().rev().find(due)
            };
            let Some(stage) = next else { break };
            stages.advance(stage);
            most = most.max(stages.done[Oprf as usize] - stages.finished());
        }
        assert!(stages.all_done(), "{stages:?}");
        most
    }

    #[test]
    fn join_43_every_run_ends_and_the_first_stage_stays_within_the_window() {
        let single = |stage: Stage| !matches!(stage, Switches | Changes | Blocked | BlockedTables);
        let least = move |stage: Stage| {
            single(stage) && (stage <= LastTables || matches!(stage, HolderBits | SeekerWords))
        };
        for slabs in [0, 1, 5, 100] {
            for forward in [true, false] {
                assert!(run(1, slabs, 0, single, forward) <= WINDOW);
                assert!(run(1, slabs, 0, least, forward) <= WINDOW);
                assert!(run(3, slabs, 20, |_| true, forward) <= WINDOW);
            }
        }
        assert_eq!(run(1, 100, 0, single, true), WINDOW, "the window is used");
    }

    #[test]
    fn join_42_what_is_not_due_is_not_taken() {
        let mut stages =
            Stages::new(1, 3, 0, |stage| !matches!(stage, Switches | Changes | Blocked | BlockedTables));
        assert_eq!(stages.accept(Opprf, 0), Err(PeerMisbehaved::AnswerUnasked(0)));
        assert_eq!(stages.accept(Oprf, 1), Err(PeerMisbehaved::ChunkOutOfOrder { expected: 0, got: 1 }));
        assert_eq!(stages.accept(Switches, 0), Err(PeerMisbehaved::ChunkOutOfOrder { expected: 0, got: 0 }));
        for slab in 0..3 {
            assert_eq!(stages.accept(Oprf, slab), Ok(()));
            stages.advance(Oprf);
        }
        assert_eq!(stages.accept(Oprf, 3), Err(PeerMisbehaved::ChunkOutOfOrder { expected: 3, got: 3 }));
        assert_eq!(stages.accept(Opprf, 0), Ok(()));
        assert_eq!(stages.next_of(Role::Holder), Some(Opprf));
        assert_eq!(stages.next_of(Role::Seeker), None);
    }
}
