//! Somebody in between who does one thing to one message.

use std::collections::VecDeque;

use crate::wire::{Outbox, Role};

/// What is done to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tampering {
    /// It never arrives.
    Drop,
    /// It arrives twice.
    Repeat,
    /// It arrives after the next of its direction.
    Swap,
    /// Only its first bytes arrive.
    Cut(usize),
    /// One more byte arrives.
    Extend,
    /// One bit of it is changed.
    Flip { byte: usize, bit: u8 },
    /// Something else arrives.
    Replace(Vec<u8>),
    /// Something else arrives before it.
    Insert(Vec<u8>),
}

/// Somebody in between. On *frames* it is the network: what it does is done to sealed envelopes. On
/// *messages* it is a peer gone bad: what comes out is sealed with correct sequence numbers, so that only
/// the protocol itself can notice.
#[derive(Debug)]
pub struct Meddler {
    plan: Option<Plan>,
    passed: [usize; 2],
    held: Option<Vec<u8>>,
    happened: bool,
}

#[derive(Debug)]
struct Plan {
    by: Role,
    number: usize,
    on_frames: bool,
    tampering: Tampering,
}

impl Meddler {
    /// Does nothing.
    pub fn idle() -> Self {
        Self { plan: None, passed: [0; 2], held: None, happened: false }
    }

    /// Does this to the `number`-th message (from 0) of that end, before it is sealed.
    pub fn on_message(by: Role, number: usize, tampering: Tampering) -> Self {
        let plan = Some(Plan { by, number, on_frames: false, tampering });
        Self { plan, ..Self::idle() }
    }

    /// Does this to the `number`-th frame (from 0) of that end.
    pub fn on_frame(by: Role, number: usize, tampering: Tampering) -> Self {
        let plan = Some(Plan { by, number, on_frames: true, tampering });
        Self { plan, ..Self::idle() }
    }

    /// Whether the message it waited for came by.
    pub const fn happened(&self) -> bool {
        self.happened
    }

    pub(super) fn pass(
        &mut self,
        by: Role,
        body: Vec<u8>,
        outbox: &mut Outbox,
        incoming: &mut VecDeque<Vec<u8>>,
    ) {
        let number = self.passed[by as usize];
        self.passed[by as usize] += 1;
        let plan = self.plan.take();
        let ours = plan.as_ref().filter(|plan| plan.by == by);
        if ours.is_some_and(|plan| plan.on_frames) {
            let frame = outbox.seal_body(&body);
            incoming.extend(self.treat(ours, number, frame));
        } else {
            let bodies = self.treat(ours, number, body);
            incoming.extend(bodies.into_iter().map(|body| outbox.seal_body(&body)));
        }
        self.plan = plan;
    }

    fn treat(&mut self, plan: Option<&Plan>, number: usize, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let Some(plan) = plan else { return vec![bytes] };
        if number != plan.number {
            return [Some(bytes), self.held.take()].into_iter().flatten().collect();
        }
        self.happened = true;
        match &plan.tampering {
            Tampering::Drop => Vec::new(),
            Tampering::Repeat => vec![bytes.clone(), bytes],
            Tampering::Swap => {
                self.held = Some(bytes);
                Vec::new()
            }
            Tampering::Cut(length) => {
                bytes.truncate(*length);
                vec![bytes]
            }
            Tampering::Extend => {
                bytes.push(0);
                vec![bytes]
            }
            Tampering::Flip { byte, bit } => {
                if let Some(byte) = bytes.get_mut(*byte) {
                    *byte ^= 1 << bit;
                }
                vec![bytes]
            }
            Tampering::Replace(other) => vec![other.clone()],
            Tampering::Insert(other) => vec![other.clone(), bytes],
        }
    }
}
