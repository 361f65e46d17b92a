//! The end whose table it is: says its figures once, and hears that they have arrived.

use super::{
    figures::Figures,
    message::Message,
    params::{Params, received_hash},
};
use crate::{
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    wire::{Wire, codec::Bulk},
};

/// The owner of a run.
pub struct Owner {
    figures: Vec<u8>,
    count: u64,
    answer: [u8; 32],
    sent: bool,
}

/// What the owner has at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The hash of the run, equal at both ends.
    pub transcript: [u8; 32],
}

impl Owner {
    /// With figures that already have their noise.
    ///
    /// # Errors
    /// [`Abort::OwnFigures`] when they are not of the agreed shape.
    pub fn start(params: &Params, figures: &Figures) -> Result<Self, Abort> {
        params.check_own(figures)?;
        let (count, figures) = (figures.len() as u64, figures.encode());
        let answer = params.answer_hash(&figures);
        Ok(Self { figures, count, answer, sent: false })
    }
}

impl Session for Owner {
    type Message = Message;
    type Output = Sent;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        let Message::Received { transcript } = message else {
            return Err(Abort::OutOfTurn { expected: "Received", got: message.kind() });
        };
        // AGG-07: a word of thanks for what was not said yet.
        if !self.sent {
            return Err(Abort::OutOfTurn { expected: "nothing", got: "Received" });
        }
        if transcript != received_hash(&self.answer) {
            return Err(PeerMisbehaved::TranscriptDiffers.into());
        }
        Ok(Step::Done { output: Sent { transcript: self.answer }, send: Vec::new() })
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        if self.sent {
            return Ok(Produced::Idle(self));
        }
        self.sent = true;
        let figures = Bulk(std::mem::take(&mut self.figures));
        let message = Message::Answer { figures, transcript: self.answer };
        Ok(Produced::Message { state: self, message })
    }

    fn expects(&self) -> &'static str {
        "Received"
    }

    fn progress(&self) -> Progress {
        Progress { done: if self.sent { self.count } else { 0 }, total: self.count }
    }
}
