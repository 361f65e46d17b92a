//! Whether two ends that were cut still have the order that they had come to.
//!
//! An order of customers that shows nobody who is in both is made with fresh keys, so it cannot be made again: who lost
//! it gets another one, under which what was learned so far means nothing. The attack this stops is of that kind: rows
//! of different people side by side, because one end goes on with an old order and the other with a new one. Both say
//! the hash of what they have kept, which both saw when it was made (ALIGN-04).

use serde::{Deserialize, Serialize};

use crate::{
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    wire::{Limits, Role, Wire, WireError, codec},
};

/// How long a message may be.
pub const LIMITS: Limits = Limits::new(64);

/// All that is said, by both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    asks: bool,
    hash: Option<[u8; 32]>,
}

impl Wire for Kept {
    fn kind(&self) -> &'static str {
        "Kept"
    }

    fn encode(&self) -> Vec<u8> {
        codec::encode(self, 48)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

/// One end; both do the same.
#[derive(Debug)]
pub struct Recall {
    asks: bool,
    hash: Option<[u8; 32]>,
    said: bool,
}

impl Recall {
    /// With the hash of the order that this end has kept of this run, if it has one.
    pub const fn start(role: Role, hash: Option<[u8; 32]>) -> Self {
        Self { asks: matches!(role, Role::Initiator), hash, said: false }
    }

    fn word(&mut self) -> Option<Kept> {
        let said = std::mem::replace(&mut self.said, true);
        (!said).then_some(Kept { asks: self.asks, hash: self.hash })
    }
}

impl Session for Recall {
    type Message = Kept;
    /// Whether both have the same.
    type Output = bool;

    fn handle(mut self, message: Kept) -> Result<Step<Self>, Abort> {
        if message.asks == self.asks {
            return Err(PeerMisbehaved::RoleReflected.into());
        }
        let output = self.hash.is_some() && self.hash == message.hash;
        Ok(Step::Done { output, send: self.word().into_iter().collect() })
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        Ok(match self.word() {
            Some(message) => Produced::Message { state: self, message },
            None => Produced::Idle(self),
        })
    }

    fn expects(&self) -> &'static str {
        "Kept"
    }

    fn progress(&self) -> Progress {
        Progress { done: 0, total: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Meddler, Pair, Tampering};

    fn pair(ours: Option<u8>, theirs: Option<u8>) -> Pair<Recall, Recall> {
        let end = |role, kept: Option<u8>| Recall::start(role, kept.map(|byte| [byte; 32]));
        Pair::new(end(Role::Initiator, ours), end(Role::Responder, theirs), LIMITS)
    }

    #[test]
    fn align_04_an_order_is_gone_on_with_if_both_have_it() {
        let cases = [
            (Some(1), Some(1), true),
            (Some(1), Some(2), false),
            (Some(1), None, false),
            (None, None, false),
        ];
        for (ours, theirs, same) in cases {
            let ended = pair(ours, theirs).run();
            assert_eq!((ended.initiator.unwrap(), ended.responder.unwrap()), (same, same));
        }
    }

    #[test]
    fn align_04_our_own_word_sent_back_to_us_is_not_the_peers() {
        let said = pair(Some(1), Some(2)).run().said;
        let ours = said.iter().find(|said| said.by == Role::Initiator).unwrap().bytes.clone();
        let mut meddler = Meddler::on_message(Role::Responder, 0, Tampering::Replace(ours));
        let ended = pair(Some(1), Some(2)).run_past(&mut meddler);
        assert_eq!(ended.initiator.err(), Some(Abort::Peer(PeerMisbehaved::RoleReflected)));
    }
}
