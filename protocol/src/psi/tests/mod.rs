//! Whole runs: the result, what is said, and what happens when somebody meddles.

mod catalogue;
mod meddling;
mod sets;
mod steps;
mod vectors;

use super::*;
use crate::{
    ids::{ContractId, SessionId},
    secret::Secret,
    session::{Abort, PeerMisbehaved, Produced, Session, Step},
    testing::Pair,
    wire::Wire,
};

/// Chunks of four items, so that a dozen make several.
fn params() -> Params {
    Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 10_000, 10_000)
        .with_chunk_items(4)
        .unwrap()
}

fn item(number: u32) -> [u8; 32] {
    let mut item = [0x11; 32];
    item[..4].copy_from_slice(&number.to_be_bytes());
    item
}

fn items(numbers: impl IntoIterator<Item = u32>) -> Vec<[u8; 32]> {
    numbers.into_iter().map(item).collect()
}

fn receiver(params: &Params, items: &[[u8; 32]], dummies: u32) -> Receiver {
    Receiver::start(params.clone(), items.to_vec(), dummies, Secret::new([3; 32])).unwrap()
}

fn sender(params: &Params, items: &[[u8; 32]], dummies: u32) -> Sender {
    Sender::start(params.clone(), items.to_vec(), dummies, Secret::new([4; 32])).unwrap()
}

fn pair(own: &[[u8; 32]], theirs: &[[u8; 32]], dummies: (u32, u32)) -> Pair<Receiver, Sender> {
    let params = params();
    Pair::new(receiver(&params, own, dummies.0), sender(&params, theirs, dummies.1), params.limits())
}

/// All that a session says before it has to hear something, and the session waiting.
fn produced<S: Session>(mut session: S) -> (S, Vec<S::Message>) {
    let mut messages = Vec::new();
    loop {
        session = match session.produce().unwrap() {
            Produced::Idle(state) => return (state, messages),
            Produced::Message { state, message } => {
                messages.push(message);
                state
            }
        }
    }
}

/// Hands a session one message.
fn hand<S: Session>(session: S, message: S::Message) -> Result<(S, Vec<S::Message>), Abort> {
    match session.handle(message)? {
        Step::Wait { state, send } => Ok((state, send)),
        Step::Done { .. } => panic!("over too early"),
    }
}

/// Why a session does not take this message.
#[track_caller]
fn refusal<S: Session>(session: S, message: S::Message) -> Abort {
    match session.handle(message) {
        Err(abort) => abort,
        Ok(_) => panic!("the message was taken"),
    }
}

const fn announce(role: Role, count: u64) -> Message {
    Message::Announce { role, count }
}
