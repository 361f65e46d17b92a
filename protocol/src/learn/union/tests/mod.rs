//! Whole runs: the union, what is said, who could link what, and what happens when somebody meddles.

mod links;
mod meddling;
mod rules;
mod sets;

use super::*;
use crate::{
    ids::{ContractId, SessionId},
    secret::Secret,
    testing::{Ended, Meddler, Pair, Said},
    wire::{Role as End, Wire},
};

/// Chunks of four items, so that a dozen make several.
fn params(pool: u32) -> Params {
    Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 10_000, 10_000, pool, 0)
        .with_chunk_items(4)
        .unwrap()
}

fn item(number: u32) -> [u8; 32] {
    let mut item = [0x11; 32];
    item[..4].copy_from_slice(&number.to_be_bytes());
    item
}

type Items = Vec<Option<[u8; 32]>>;

fn items(numbers: impl IntoIterator<Item = u32>) -> Items {
    numbers.into_iter().map(|number| Some(item(number))).collect()
}

fn end(params: &Params, role: Role, items: &Items, padding: Padding, seed: u8) -> Uniter {
    Uniter::start(params.clone(), role, items, padding, Secret::new([seed; 32])).unwrap()
}

/// A run in which the ends draw so many shared dummies of a pool.
fn pair(own: &Items, theirs: &Items, pool: u32, shared: [u32; 2]) -> Pair<Uniter, Uniter> {
    let params = params(pool);
    let [asker, answerer] = shared.map(|shared| Padding { alone: 1, shared });
    let asker = end(&params, Role::Asker, own, asker, 3);
    Pair::new(asker, end(&params, Role::Answerer, theirs, answerer, 4), params.limits())
}

/// Nine against ten with their dummies, five of them in common: several chunks of each kind at each end.
fn small(meddler: &mut Meddler) -> Ended<United, United> {
    pair(&items(0..6), &items(3..10), 1, [1, 1]).run_past(meddler)
}

fn read(said: &Said) -> Message {
    Message::decode(&said.bytes, &params(0).limits()).unwrap()
}
