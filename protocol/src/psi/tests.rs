//! Whole runs.

use std::collections::HashSet;

use super::*;
use crate::{
    ids::{ContractId, SessionId},
    secret::Secret,
    testing::{Ended, Pair},
};

pub(super) fn params() -> Params {
    let params = Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 10_000, 10_000);
    params.with_chunk_items(4).unwrap()
}

pub(super) fn item(number: u32) -> [u8; 32] {
    let mut item = [0x11; 32];
    item[..4].copy_from_slice(&number.to_be_bytes());
    item
}

pub(super) fn items(numbers: impl IntoIterator<Item = u32>) -> Vec<[u8; 32]> {
    numbers.into_iter().map(item).collect()
}

pub(super) fn pair(
    receiver: &[[u8; 32]],
    sender: &[[u8; 32]],
    dummies: (u32, u32),
) -> Pair<Receiver, Sender> {
    let params = params();
    let limits = params.limits();
    let receiver =
        Receiver::start(params.clone(), receiver.to_vec(), dummies.0, Secret::new([3; 32])).unwrap();
    let sender = Sender::start(params, sender.to_vec(), dummies.1, Secret::new([4; 32])).unwrap();
    Pair::new(receiver, sender, limits)
}

#[track_caller]
fn agrees(receiver: &[[u8; 32]], sender: &[[u8; 32]]) {
    let Ended { initiator, responder, .. } = pair(receiver, sender, (3, 2)).run();
    let theirs: HashSet<_> = sender.iter().collect();
    let expected: Vec<bool> = receiver.iter().map(|item| theirs.contains(item)).collect();
    assert_eq!(initiator.unwrap().matched, expected);
    assert_eq!(responder.unwrap().peer_count as usize, receiver.iter().collect::<HashSet<_>>().len() + 3);
}

#[test]
fn the_intersection_is_found() {
    agrees(&items(0..10), &items(5..20));
    agrees(&items([]), &items([]));
    agrees(&items([]), &items(0..9));
    agrees(&items(0..9), &items([]));
    agrees(&items([1]), &items([1]));
    agrees(&items([1]), &items([2]));
}
