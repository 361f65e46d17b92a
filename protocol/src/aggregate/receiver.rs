//! The end that asked: takes one answer of the shape that was agreed, and nothing else.

use super::{
    figures::{BadFigures, Figures},
    message::Message,
    params::{Params, received_hash},
};
use crate::{
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    wire::Wire,
};

/// The receiver of a run.
pub struct Receiver {
    params: Params,
}

/// What the receiver has learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The figures, of the agreed shape.
    pub figures: Figures,
    /// The hash of the run, equal at both ends.
    pub transcript: [u8; 32],
}

impl Receiver {
    /// Waits for the answer.
    pub const fn start(params: Params) -> Self {
        Self { params }
    }
}

impl Session for Receiver {
    type Message = Message;
    type Output = Heard;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        let Message::Answer { figures: bytes, transcript } = message else {
            return Err(Abort::OutOfTurn { expected: "Answer", got: message.kind() });
        };
        let figures = Figures::decode(&bytes.0).map_err(PeerMisbehaved::from)?;
        self.params.check(&figures)?;
        if transcript != self.params.answer_hash(&bytes.0) {
            return Err(PeerMisbehaved::TranscriptDiffers.into());
        }
        let thanks = Message::Received { transcript: received_hash(&transcript) };
        Ok(Step::Done { output: Heard { figures, transcript }, send: vec![thanks] })
    }

    fn produce(self) -> Result<Produced<Self>, Abort> {
        Ok(Produced::Idle(self))
    }

    fn expects(&self) -> &'static str {
        "Answer"
    }

    fn progress(&self) -> Progress {
        Progress { done: 0, total: self.params.figures() as u64 }
    }
}

impl From<BadFigures> for PeerMisbehaved {
    fn from(bad: BadFigures) -> Self {
        match bad {
            BadFigures::Cut(bytes) => Self::FiguresCut { bytes },
            BadFigures::Mark(position) | BadFigures::HiddenValue(position) => Self::FigureMark { position },
        }
    }
}
