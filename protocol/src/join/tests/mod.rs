//! Whole runs: against a second road to the same answer, and whether anything that is said tells more than it may.

mod leakage;
mod reference;

use super::*;
use crate::{
    ids::{ContractId, SessionId},
    secret::Secret,
};

fn key(column: u32, number: u32) -> [u8; 32] {
    *blake3::hash(&(u64::from(column) << 32 | u64::from(number)).to_le_bytes()).as_bytes()
}

fn params_of(shape: Shape, keys: u32) -> Params {
    let noise = vec![0; shape.figures_of_a_cell()];
    let agreed = Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        question: [3; 32],
        shape,
        learns: Learns::Both,
        keys,
        noise,
        max_seeker: 1000,
        max_holder: 1000,
    };
    Params::new(agreed).unwrap()
}
