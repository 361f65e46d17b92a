//! Where the switches of a permutation network of any size stand, and in which order they are walked.
//!
//! The network is public: it depends on the number of wires and on nothing else, so that its walk, at both
//! ends, shows nothing of what it carries (JOIN-70).

/// A permutation network on `wires` wires: Waksman's (1968) for any number of wires, by Chang and Melhem (*Arbitrary
/// Size Benes Networks*, 1997) and Beauquier and Darrot (*On Arbitrary Size Waksman Networks and Their
/// Vulnerability*, 2002).
///
/// A block of n ≥ 3 wires is a column of ⌊n/2⌋ switches, a block on the first ⌊n/2⌋ wires, a block on the
/// other ⌈n/2⌉, and a second column, one switch shorter if n is even; of an odd n the last wire passes by both
/// columns. Switch t of a column stands between the wires t and ⌊n/2⌋ + t of its block. A block of two wires
/// is one switch, of one wire nothing. Everything happens in place: a wire is an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    wires: usize,
}

/// Neighbouring switches of one column: switch t stands between the wires `upper + t` and `lower + t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) upper: usize,
    pub(super) lower: usize,
    pub(super) count: usize,
}

impl Network {
    pub(super) const fn new(wires: usize) -> Self {
        Self { wires }
    }

    pub(super) const fn wires(self) -> usize {
        self.wires
    }

    /// How often the wires are halved: ⌈log₂ n⌉.
    pub(super) const fn depth(self) -> usize {
        match self.wires {
            0 | 1 => 0,
            wires => (wires - 1).ilog2() as usize + 1,
        }
    }

    /// Stages of columns that may be walked at once: one on the way in and one on the way out for each depth.
    pub(super) const fn stages(self) -> usize {
        2 * self.depth()
    }

    /// The depth of a stage, and whether it is on the way in.
    pub(super) const fn depth_of(self, stage: usize) -> (usize, bool) {
        let depth = self.depth();
        if stage < depth { (stage, true) } else { (2 * depth - 1 - stage, false) }
    }

    /// Wires of block `block` at this depth: halving ⌊n/2⌋ first and ⌈n/2⌉ second, `depth` times, is
    /// ⌊(n + the reversed bits of the block's number) / 2^depth⌋.
    pub(super) const fn block_size(self, depth: usize, block: usize) -> usize {
        if depth == 0 {
            return self.wires;
        }
        let reversed = block.reverse_bits() >> (usize::BITS as usize - depth);
        (self.wires + reversed) >> depth
    }

    /// Switches of a stage. At depth d the blocks have ⌊n/2^d⌋ wires, and n mod 2^d of them one more.
    pub(super) const fn stage_switches(self, stage: usize) -> usize {
        let (depth, way_in) = self.depth_of(stage);
        let blocks = 1 << depth;
        let (size, larger) = (self.wires / blocks, self.wires % blocks);
        larger * column(size + 1, way_in) + (blocks - larger) * column(size, way_in)
    }

    /// All switches: for n = 2^k it is n·k − n + 1.
    pub(super) const fn switches(self) -> usize {
        let (mut switches, mut stage) = (0, 0);
        while stage < self.stages() {
            switches += self.stage_switches(stage);
            stage += 1;
        }
        switches
    }

    /// The switches in their order, from the first.
    pub(super) const fn walk(self) -> Walk {
        Walk { network: self, stage: 0, block: 0, start: 0, done: 0 }
    }
}

/// Switches in a block's column.
pub(super) const fn column(size: usize, way_in: bool) -> usize {
    match (size, way_in) {
        (0 | 1, _) | (2, false) => 0,
        (size, true) => size / 2,
        // Waksman: of an even block the last switch on the way out can be left out.
        (size, false) => (size - 1) / 2,
    }
}

/// A place in the order of the switches: stage by stage, block by block, column by column. A switch comes after
/// all those that its wires pass before it.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    network: Network,
    stage: usize,
    block: usize,
    /// First wire of the block.
    start: usize,
    /// Switches of the block's column that are behind us.
    done: usize,
}

impl Walk {
    /// The next switches of one column, at most `most`; nothing at the end.
    pub(super) fn next(&mut self, most: usize) -> Option<Run> {
        while self.stage < self.network.stages() {
            let (depth, way_in) = self.network.depth_of(self.stage);
            while self.block < 1 << depth {
                let size = self.network.block_size(depth, self.block);
                let left = column(size, way_in) - self.done;
                if left > 0 {
                    let (upper, count) = (self.start + self.done, left.min(most));
                    self.done += count;
                    return Some(Run { upper, lower: upper + size / 2, count });
                }
                self.block += 1;
                self.start += size;
                self.done = 0;
            }
            self.stage += 1;
            (self.block, self.start) = (0, 0);
        }
        None
    }

    /// Calls `switch` with both wires of each of the next `count` switches.
    pub(super) fn pass(&mut self, count: usize, mut switch: impl FnMut(usize, usize)) {
        let mut left = count;
        while left > 0 {
            let Some(run) = self.next(left) else { return };
            for t in 0..run.count {
                switch(run.upper + t, run.lower + t);
            }
            left -= run.count;
        }
    }
}
