//! Trainers around a coordinator, and somebody on each of the ways.

use std::collections::VecDeque;

use crate::{
    learn::horizontal::{Coordinator, Message, Routed, Shape, Sum, Trainer},
    session::{Abort, Produced, Session, Step},
    wire::{Limits, Wire},
};

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The trainer's seat.
    pub seat: usize,
    /// Whether it goes to the coordinator.
    pub up: bool,
    /// Its number among those of this seat and direction, from 0.
    pub number: usize,
    /// Its name.
    pub kind: &'static str,
    /// Its encoding.
    pub bytes: Vec<u8>,
}

/// How a round ended at each node.
#[derive(Debug)]
pub struct Round {
    /// At the coordinator.
    pub coordinator: Result<Sum, Abort>,
    /// At each trainer.
    pub trainers: Vec<Result<Sum, Abort>>,
    /// What was said, in order.
    pub said: Vec<Passed>,
}

struct Node {
    session: Option<Trainer>,
    ended: Option<Result<Sum, Abort>>,
    incoming: VecDeque<Vec<u8>>,
    up: usize,
    down: usize,
}

/// One attempt of one round in memory, every message encoded and decoded on the way. `pass` says what becomes of a
/// message: what arrives in its stead. When nothing is on the way any more, the coordinator takes those it waits for
/// as gone; whoever is left waiting at the end ends with [`Abort::PeerEnded`]. None in `trainers` never comes.
pub fn star(
    trainers: Vec<Option<Trainer>>,
    coordinator: Coordinator,
    shape: &Shape,
    mut pass: impl FnMut(&Passed) -> Vec<Vec<u8>>,
) -> Round {
    let limits = Message::limits(shape);
    let mut nodes: Vec<Node> = trainers
        .into_iter()
        .map(|session| Node { session, ended: None, incoming: VecDeque::new(), up: 0, down: 0 })
        .collect();
    let mut run =
        Run { coordinator: Some(coordinator), ended: None, inbox: VecDeque::new(), said: Vec::new() };
    for (seat, node) in nodes.iter_mut().enumerate() {
        if let Some(session) = node.session.take() {
            match session.produce() {
                Ok(Produced::Message { state, message }) => {
                    node.session = Some(state);
                    run.up(seat, node, &message, &mut pass);
                }
                Ok(Produced::Idle(state)) => node.session = Some(state),
                Err(abort) => node.ended = Some(Err(abort)),
            }
        }
    }
    loop {
        let send = if let Some((seat, bytes)) = run.inbox.pop_front() {
            run.coordinate(|coordinator| coordinator.handle(seat, Message::decode(&bytes, &limits)?))
        } else if let Some(seat) = nodes.iter().position(|node| !node.incoming.is_empty()) {
            let node = &mut nodes[seat];
            let bytes = node.incoming.pop_front().unwrap_or_default();
            if let Some(message) = node.take(&bytes, &limits) {
                run.up(seat, node, &message, &mut pass);
            }
            Vec::new()
        } else if let Some(seat) = run.coordinator.as_ref().and_then(|c| c.awaited().seats().next()) {
            run.coordinate(|coordinator| coordinator.gone(seat))
        } else {
            break;
        };
        for (seat, message) in send {
            let node = &mut nodes[seat];
            let passed =
                Passed { seat, up: false, number: node.down, kind: message.kind(), bytes: message.encode() };
            node.down += 1;
            node.incoming.extend(pass(&passed));
            run.said.push(passed);
        }
    }
    let trainers = nodes.into_iter().map(Node::end).collect();
    Round { coordinator: run.ended.unwrap_or(Err(WAITING)), trainers, said: run.said }
}

const WAITING: Abort = Abort::PeerEnded { expected: "a trainer" };

struct Run {
    coordinator: Option<Coordinator>,
    ended: Option<Result<Sum, Abort>>,
    inbox: VecDeque<(usize, Vec<u8>)>,
    said: Vec<Passed>,
}

impl Run {
    fn up(
        &mut self,
        seat: usize,
        node: &mut Node,
        message: &Message,
        pass: &mut impl FnMut(&Passed) -> Vec<Vec<u8>>,
    ) {
        let passed =
            Passed { seat, up: true, number: node.up, kind: message.kind(), bytes: message.encode() };
        node.up += 1;
        self.inbox.extend(pass(&passed).into_iter().map(|bytes| (seat, bytes)));
        self.said.push(passed);
    }

    fn coordinate(
        &mut self,
        act: impl FnOnce(Coordinator) -> Result<Routed, Abort>,
    ) -> Vec<(usize, Message)> {
        let Some(coordinator) = self.coordinator.take() else { return Vec::new() };
        match act(coordinator) {
            Ok(Routed::Wait { coordinator, send }) => {
                self.coordinator = Some(coordinator);
                send
            }
            Ok(Routed::Done { sum, send }) => {
                self.ended = Some(Ok(sum));
                send
            }
            Err(abort) => {
                self.ended = Some(Err(abort));
                Vec::new()
            }
        }
    }
}

impl Node {
    /// What the trainer answers.
    fn take(&mut self, bytes: &[u8], limits: &Limits) -> Option<Message> {
        let session = self.session.take();
        let step = Message::decode(bytes, limits).map_err(Abort::from).and_then(|message| match session {
            Some(session) => session.handle(message),
            None => Err(Abort::after_the_end(message.kind())),
        });
        match step {
            Ok(Step::Wait { state, send }) => {
                self.session = Some(state);
                return send.into_iter().next();
            }
            Ok(Step::Done { output, .. }) => self.ended = Some(Ok(output)),
            // What comes after an end changes neither an answer nor an error.
            Err(abort) => {
                self.ended.get_or_insert(Err(abort));
            }
        }
        None
    }

    fn end(self) -> Result<Sum, Abort> {
        let expected = self.session.as_ref().map_or("nothing", Session::expects);
        self.ended.unwrap_or(Err(Abort::PeerEnded { expected }))
    }
}
