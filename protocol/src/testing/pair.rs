//! Two sessions and the wire between them.

use std::collections::VecDeque;

use super::Meddler;
use crate::{
    ids::SessionId,
    session::{Abort, Produced, Session, Step},
    wire::{Inbox, Limits, Outbox, Role, Wire},
};

/// A message that was said, as it left its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// By whom.
    pub by: Role,
    /// Its name.
    pub kind: &'static str,
    /// Its encoding.
    pub bytes: Vec<u8>,
}

/// How a run ended at each end, and all that was said in it.
#[derive(Debug)]
pub struct Ended<A, B> {
    /// At the initiator.
    pub initiator: Result<A, Abort>,
    /// At the responder.
    pub responder: Result<B, Abort>,
    /// Every message, in the order in which they left.
    pub said: Vec<Said>,
}

/// Two sessions in memory, driven as a driver should: bounded room, sequence numbers, one more message
/// after the end is an error. An end that is left waiting ends with [`Abort::PeerEnded`].
pub struct Pair<A: Session, B: Session<Message = A::Message>> {
    initiator: End<A>,
    responder: End<B>,
    limits: Limits,
    room: usize,
    schedule: u64,
}

impl<A: Session, B: Session<Message = A::Message>> Pair<A, B> {
    /// A pair that takes turns, with room for four frames on the way in each direction.
    pub fn new(initiator: A, responder: B, limits: Limits) -> Self {
        let initiator = End::new(initiator, Role::Initiator);
        Self { initiator, responder: End::new(responder, Role::Responder), limits, room: 4, schedule: 0 }
    }

    /// How many frames may be on the way in each direction before producing stops.
    pub fn room(self, frames: usize) -> Self {
        Self { room: frames, ..self }
    }

    /// Each number but 0 is another interleaving of who does what next.
    pub fn schedule(self, schedule: u64) -> Self {
        Self { schedule, ..self }
    }

    /// Runs to the end with nobody in between.
    pub fn run(self) -> Ended<A::Output, B::Output> {
        self.run_past(&mut Meddler::idle())
    }

    /// Runs to the end with `meddler` in between.
    pub fn run_past(mut self, meddler: &mut Meddler) -> Ended<A::Output, B::Output> {
        let mut said = Vec::new();
        let mut dice = self.schedule;
        let mut turn = Role::Initiator;
        loop {
            let (a, b) = (&self.initiator, &self.responder);
            let open = [
                (turn, Act::Produce),
                (turn, Act::Handle),
                (turn.peer(), Act::Produce),
                (turn.peer(), Act::Handle),
            ]
            .into_iter()
            .filter(|(role, act)| match (role, act) {
                (Role::Initiator, Act::Produce) => a.can_produce() && b.incoming.len() < self.room,
                (Role::Responder, Act::Produce) => b.can_produce() && a.incoming.len() < self.room,
                (Role::Initiator, Act::Handle) => a.can_handle(),
                (Role::Responder, Act::Handle) => b.can_handle(),
            })
            .collect::<Vec<_>>();
            let Some((role, act)) = open.get(roll(&mut dice, open.len())).copied() else { break };
            let (sent, outbox, incoming) = match role {
                Role::Initiator => {
                    let sent = self.initiator.act(act, &self.limits);
                    (sent, &mut self.initiator.outbox, &mut self.responder.incoming)
                }
                Role::Responder => {
                    let sent = self.responder.act(act, &self.limits);
                    (sent, &mut self.responder.outbox, &mut self.initiator.incoming)
                }
            };
            for message in sent {
                let bytes = message.encode();
                said.push(Said { by: role, kind: message.kind(), bytes: bytes.clone() });
                meddler.pass(role, bytes, outbox, incoming);
            }
            turn = role.peer();
        }
        Ended { initiator: self.initiator.end(), responder: self.responder.end(), said }
    }
}

#[derive(Clone, Copy)]
enum Act {
    Produce,
    Handle,
}

/// A number below `sides`; always 0 for dice that are 0.
fn roll(dice: &mut u64, sides: usize) -> usize {
    // xorshift64 (Marsaglia 2003): any fixed sequence will do.
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    if sides == 0 { 0 } else { (*dice % sides as u64) as usize }
}

struct End<S: Session> {
    session: Option<S>,
    result: Option<Result<S::Output, Abort>>,
    outbox: Outbox,
    inbox: Inbox,
    incoming: VecDeque<Vec<u8>>,
    idle: bool,
    expects: &'static str,
}

impl<S: Session> End<S> {
    fn new(session: S, role: Role) -> Self {
        let id = SessionId::new([0x5e; 32]);
        Self {
            expects: session.expects(),
            session: Some(session),
            result: None,
            outbox: Outbox::new(id, role),
            inbox: Inbox::new(id, role),
            incoming: VecDeque::new(),
            idle: false,
        }
    }

    fn can_produce(&self) -> bool {
        self.session.is_some() && !self.idle
    }

    fn can_handle(&self) -> bool {
        !self.incoming.is_empty() && !matches!(self.result, Some(Err(_)))
    }

    fn act(&mut self, act: Act, limits: &Limits) -> Vec<S::Message> {
        let sent = match act {
            Act::Produce => self.produce(),
            Act::Handle => self.handle(limits),
        };
        sent.unwrap_or_else(|abort| {
            self.session = None;
            self.result = Some(Err(abort));
            Vec::new()
        })
    }

    fn produce(&mut self) -> Result<Vec<S::Message>, Abort> {
        let Some(session) = self.session.take() else { return Ok(Vec::new()) };
        let (session, sent) = match session.produce()? {
            Produced::Message { state, message } => (state, vec![message]),
            Produced::Idle(state) => {
                self.idle = true;
                (state, Vec::new())
            }
        };
        self.go_on(session);
        Ok(sent)
    }

    fn handle(&mut self, limits: &Limits) -> Result<Vec<S::Message>, Abort> {
        let Some(frame) = self.incoming.pop_front() else { return Ok(Vec::new()) };
        let message: S::Message = self.inbox.open(&frame, limits)?;
        let Some(session) = self.session.take() else { return Err(Abort::after_the_end(message.kind())) };
        self.idle = false;
        match session.handle(message)? {
            Step::Wait { state, send } => {
                self.go_on(state);
                Ok(send)
            }
            Step::Done { output, send } => {
                self.result = Some(Ok(output));
                Ok(send)
            }
        }
    }

    fn go_on(&mut self, session: S) {
        let progress = session.progress();
        assert!(progress.done <= progress.total, "{progress:?}");
        self.expects = session.expects();
        self.session = Some(session);
    }

    fn end(self) -> Result<S::Output, Abort> {
        self.result.unwrap_or(Err(Abort::PeerEnded { expected: self.expects }))
    }
}
