//! Which switches cross, for a permutation known in the clear: the looping algorithm (Opferman and Tsao-Wu
//! 1971; for any size Beauquier and Darrot 2002), block by block without recursion (JOIN-71).
//!
//! What it guards: the answer depends on the Seeker's tables and stays at the Seeker. Time depends on it too
//! (cache lines), which nobody but the own machine sees: the messages are due whether it is done or not.

use zeroize::Zeroize;

use super::network::{Network, column};

/// Marks an output whose way is set. No wire has this number: [`Plan`](super::Plan) refuses so many.
const SET: u32 = u32::MAX;

/// One bit a switch, in the order of the walk, wiped when dropped.
pub(super) struct Controls {
    words: Vec<u64>,
}

impl Controls {
    /// Whether switch number `at` crosses: 0 or 1.
    pub(super) fn at(&self, at: usize) -> u8 {
        (self.words[at / 64] >> (at % 64) & 1) as u8
    }

    fn cross(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
    }
}

impl Drop for Controls {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

/// The settings with which output wire j carries what input wire `sources[j]` brought. `sources` is a
/// bijection of the network's wires. Memory: 16 bytes a wire beside the answer.
pub(super) fn controls(network: Network, sources: &[u32]) -> Controls {
    let wires = network.wires();
    let mut controls = Controls { words: vec![0; network.switches().div_ceil(64)] };
    // Within each block: output j takes from input `take[j]`, input i gives to output `give[i]`.
    let mut take = sources.to_vec();
    let mut give = vec![0; wires];
    for (output, input) in sources.iter().enumerate() {
        give[*input as usize] = output as u32;
    }
    let (mut next_take, mut next_give) = (vec![0; wires], vec![0; wires]);
    // Number of the first switch of each stage.
    let mut firsts = Vec::with_capacity(network.stages());
    let mut before = 0;
    for stage in 0..network.stages() {
        firsts.push(before);
        before += network.stage_switches(stage);
    }
    for depth in 0..network.depth() {
        let (mut way_in, mut way_out) = (firsts[depth], firsts[network.stages() - 1 - depth]);
        let mut start = 0;
        for block in 0..1 << depth {
            let size = network.block_size(depth, block);
            let wires = start..start + size;
            match size {
                0 | 1 => {}
                2 => {
                    if take[start] == 1 {
                        controls.cross(way_in);
                    }
                }
                _ => Block {
                    half: size / 2,
                    take: &mut take[wires.clone()],
                    give: &give[wires.clone()],
                    next_take: &mut next_take[wires.clone()],
                    next_give: &mut next_give[wires],
                }
                .set(&mut controls, way_in, way_out),
            }
            way_in += column(size, true);
            way_out += column(size, false);
            start += size;
        }
        (take, next_take) = (next_take, take);
        (give, next_give) = (next_give, give);
    }
    for array in [&mut take, &mut give, &mut next_take, &mut next_give] {
        array.zeroize();
    }
    controls
}

/// A block of three wires or more. The wires t and half + t are partners: one passes through the upper half,
/// the other through the lower.
struct Block<'a> {
    half: usize,
    take: &'a mut [u32],
    give: &'a [u32],
    next_take: &'a mut [u32],
    next_give: &'a mut [u32],
}

impl Block<'_> {
    /// Sets both columns, and what the two halves have to do.
    fn set(&mut self, controls: &mut Controls, way_in: usize, way_out: usize) {
        // An odd block's last wire, and the wires of an even block's missing switch, come out as they lie; their
        // loop is begun there, so that no other choice can contradict it.
        self.follow(self.take.len() - 1, controls, way_in, way_out);
        for output in self.half..2 * self.half {
            if self.take[output] != SET {
                self.follow(output, controls, way_in, way_out);
            }
        }
    }

    /// From an output that is to come from the lower half, along partners, until the loop closes.
    fn follow(&mut self, first: usize, controls: &mut Controls, way_in: usize, way_out: usize) {
        let half = self.half;
        let mut output = first;
        loop {
            let input = self.take[output] as usize;
            self.take[output] = SET;
            let to = if output < half { output } else { output - half };
            let from = if input < half { input } else { input - half };
            self.next_take[half + to] = from as u32;
            self.next_give[half + from] = to as u32;
            if input == 2 * half {
                return; // An odd block's last wire has no partner.
            }
            if input < half {
                controls.cross(way_in + from);
            }
            // Its partner takes the upper half, from the same place there.
            let partner = self.give[if input < half { input + half } else { from }] as usize;
            self.take[partner] = SET;
            let to = if partner < half { partner } else { partner - half };
            self.next_take[to] = from as u32;
            self.next_give[from] = to as u32;
            output = if partner < half { partner + half } else { partner - half };
            if partner >= half {
                controls.cross(way_out + to);
            }
            if self.take[output] == SET {
                return;
            }
        }
    }
}
