//! The last word of a training: both ends have kept what they got of it.
//!
//! The attack it stops: a run that one end takes to be over while the other still needs it, whose model is then lost or
//! paid for a second time; and, from the other side, secrets of a run that lie about for ever because nobody can say
//! whether they will be needed again. An end says that it has kept its model, durably, and hears the same of the other
//! (LEARNV-36). Whoever has heard it may remove what the run could be taken up from: the other needs it no longer.

use serde::{Deserialize, Serialize};

use crate::{
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    wire::{Limits, Wire, WireError, codec},
};

/// What no message is longer than.
pub const LIMITS: Limits = Limits::new(64);

/// All that is said: the model of this conversation is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// By the asker.
    AskerKept { conversation: [u8; 32] },
    /// By the one who was asked.
    AnswererKept { conversation: [u8; 32] },
}

impl Wire for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::AskerKept { .. } => "AskerKept",
            Self::AnswererKept { .. } => "AnswererKept",
        }
    }

    fn encode(&self) -> Vec<u8> {
        codec::encode(self, 40)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

/// One end; made when its own model is kept.
#[derive(Debug)]
pub struct Closing {
    own: Message,
    due: Message,
    said: bool,
}

impl Closing {
    /// At the asker or at the one who was asked, for a training with this hash of what was said.
    pub const fn start(is_asker: bool, conversation: [u8; 32]) -> Self {
        let (asker, answerer) = (Message::AskerKept { conversation }, Message::AnswererKept { conversation });
        let (own, due) = if is_asker { (asker, answerer) } else { (answerer, asker) };
        Self { own, due, said: false }
    }
}

impl Session for Closing {
    type Message = Message;
    type Output = ();

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        if message == self.due {
            let send = if self.said { Vec::new() } else { vec![self.own] };
            return Ok(Step::Done { output: (), send });
        }
        // LEARNV-36: our own word coming back, or that of another training, is none.
        if message.kind() == self.due.kind() {
            return Err(PeerMisbehaved::TranscriptDiffers.into());
        }
        Err(PeerMisbehaved::RoleReflected.into())
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        if self.said {
            return Ok(Produced::Idle(self));
        }
        self.said = true;
        Ok(Produced::Message { message: self.own.clone(), state: self })
    }

    fn expects(&self) -> &'static str {
        self.due.kind()
    }

    fn progress(&self) -> Progress {
        Progress { done: u64::from(self.said), total: 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Pair;

    #[test]
    fn learnv_36_both_hear_that_the_other_has_kept_its_model() {
        let ended = Pair::new(Closing::start(true, [7; 32]), Closing::start(false, [7; 32]), LIMITS).run();
        assert_eq!((ended.initiator, ended.responder), (Ok(()), Ok(())));
    }

    #[test]
    fn learnv_36_another_training_or_an_echo_is_no_word() {
        let hear = |message| Closing::start(true, [7; 32]).handle(message).map(drop);
        assert_eq!(hear(Message::AnswererKept { conversation: [7; 32] }), Ok(()));
        assert_eq!(
            hear(Message::AnswererKept { conversation: [8; 32] }),
            Err(PeerMisbehaved::TranscriptDiffers.into())
        );
        assert_eq!(
            hear(Message::AskerKept { conversation: [7; 32] }),
            Err(PeerMisbehaved::RoleReflected.into())
        );
        // Who was heard first still says its own.
        let Ok(Step::Done { send, .. }) =
            Closing::start(false, [7; 32]).handle(Message::AskerKept { conversation: [7; 32] })
        else {
            panic!("the asker's word was due");
        };
        assert_eq!(send, [Message::AnswererKept { conversation: [7; 32] }]);
    }
}
