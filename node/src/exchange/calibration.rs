//! What the arithmetic costs on this machine, measured once and kept in the home.

use std::{path::Path, time::Instant};

use curve25519_dalek::Scalar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::{ContractId, SessionId},
    join::{Agreed, Holder, Learns, Params, Plan, Role, Rows, Seeker, Shape},
    ristretto::{Domain, Engine},
    secret::Secret,
    session::{Produced, Session, Step},
};

use crate::config::files;

/// Items that one task takes, a multiple of the eight lanes.
const PIECE: usize = 256;

/// Items that a measurement for `explain` takes: a tenth of a second or so.
const QUICK: usize = 1 << 13;

/// Seconds an item takes with all cores at work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Hash to the group, multiply, encode.
    pub hash_multiply: f64,
    /// Decode, multiply, encode.
    pub decode_multiply: f64,
    /// A join: seconds of one core of both ends together, for each byte that they say.
    pub join_byte: f64,
    /// And before the first of them.
    pub join_start: f64,
}

impl Calibration {
    /// Measures with `items` items. Takes all cores for as long as that takes.
    pub fn measure(items: usize) -> Self {
        let engine = Engine::detect();
        let domain = Domain::new(b"tacit calibration");
        let scalar = Scalar::from_bytes_mod_order(Sha256::digest(b"any scalar costs the same").into());
        let inputs: Vec<[u8; 32]> = (0..items as u64)
            .into_par_iter()
            .map(|number| Sha256::digest(number.to_le_bytes()).into())
            .collect();
        let mut points = vec![[0; 32]; items];
        let started = Instant::now();
        points.par_chunks_mut(PIECE).zip(inputs.par_chunks(PIECE)).for_each(|(out, items)| {
            engine.hash_multiply(&domain, items, &scalar, out);
        });
        let hash_multiply = started.elapsed().as_secs_f64() / items.max(1) as f64;
        let mut evaluated = vec![[0; 32]; items];
        let started = Instant::now();
        evaluated.par_chunks_mut(PIECE).zip(points.par_chunks(PIECE)).for_each(|(out, points)| {
            // Our own points are never refused; a refusal would only make the figure smaller.
            let _ = engine.decode_multiply(points, &scalar, out);
        });
        let decode_multiply = started.elapsed().as_secs_f64() / items.max(1) as f64;
        // What a run takes besides its beginning grows with what is said.
        let ((small, few), (large, many)) = (join(1 << 9), join(1 << 12));
        let join_byte = (large - small).max(0.0) / (many - few).max(1) as f64;
        let join_start = (small - join_byte * few as f64).max(0.0);
        Self { hash_multiply, decode_multiply, join_byte, join_start }
    }

    /// What this home remembers, measured now if it remembers nothing.
    pub fn of_home(file: &Path) -> Self {
        let kept = std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        kept.unwrap_or_else(|| {
            let fresh = Self::measure(QUICK);
            if let Ok(bytes) = serde_json::to_vec_pretty(&fresh) {
                // Not remembering costs a tenth of a second the next time.
                let _ = files::write_atomic(file, &bytes);
            }
            fresh
        })
    }

    /// Seconds of arithmetic in a join in which so many bytes are said, with a core for each end.
    pub fn join_seconds(&self, bytes: u64) -> f64 {
        (self.join_start + self.join_byte * bytes as f64) / 2.0
    }

    /// Seconds of arithmetic in a private set intersection, both nodes on as many cores as this one: both
    /// hash and multiply their items, the sender multiplies what it is sent, the receiver unblinds.
    pub fn psi_seconds(&self, receiver: u64, sender: u64) -> f64 {
        (receiver + sender) as f64 * self.hash_multiply + 2.0 * receiver as f64 * self.decode_multiply
    }
}

/// A count over an overlap of `rows` rows a side, both ends on this thread: seconds, and bytes that were said.
fn join(rows: u32) -> (f64, u64) {
    let shape = Shape::count();
    let agreed = Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        question: [3; 32],
        noise: vec![0; shape.figures_of_a_cell()],
        shape,
        learns: Learns::Seeker,
        keys: 1,
        max_seeker: rows,
        max_holder: rows,
    };
    let table = |first: u32| {
        let digest = |number: u32| Some(Sha256::digest(number.to_le_bytes()).into());
        let keys = vec![(first..first + rows).map(digest).collect()];
        Rows { keys, cells: vec![0; rows as usize], terms: Vec::new() }
    };
    let started = Instant::now();
    let run = || -> Option<u64> {
        let params = Params::new(agreed).ok()?;
        let plan = Plan::new(&params, rows, rows).ok()?;
        let seed = |byte| Secret::new([byte; 32]);
        let noise = Some(vec![0; params.shape().figures()]);
        let mut seeker = Some(Seeker::start(params.clone(), table(0), rows, None, seed(4)).ok()?);
        let mut holder = Some(Holder::start(params, table(rows / 2), rows, noise, seed(5)).ok()?);
        // Until neither has anything to say.
        while turn(&mut seeker, &mut holder)? | turn(&mut holder, &mut seeker)? {}
        Some(plan.bytes_by(Role::Seeker) + plan.bytes_by(Role::Holder))
    };
    // None is for ends of our own that disagree.
    let said = run().unwrap_or_default();
    (started.elapsed().as_secs_f64(), said)
}

/// Lets one end speak once, and the other answer; whether it had anything to say.
fn turn<A: Session, B: Session<Message = A::Message>>(
    speaker: &mut Option<A>,
    listener: &mut Option<B>,
) -> Option<bool> {
    let Some(state) = speaker.take() else { return Some(false) };
    let message = match state.produce().ok()? {
        Produced::Idle(state) => {
            *speaker = Some(state);
            return Some(false);
        }
        Produced::Message { state, message } => {
            *speaker = Some(state);
            message
        }
    };
    let mut messages = vec![message];
    let mut to_listener = true;
    while !messages.is_empty() {
        let mut answers = Vec::new();
        for message in messages {
            answers.extend(if to_listener { hear(listener, message)? } else { hear(speaker, message)? });
        }
        (messages, to_listener) = (answers, !to_listener);
    }
    Some(true)
}

fn hear<S: Session>(end: &mut Option<S>, message: S::Message) -> Option<Vec<S::Message>> {
    let Some(state) = end.take() else { return Some(Vec::new()) };
    Some(match state.handle(message).ok()? {
        Step::Wait { state, send } => {
            *end = Some(state);
            send
        }
        Step::Done { send, .. } => send,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_join_is_run_to_its_end_to_be_measured() {
        let (seconds, bytes) = join(1 << 6);
        assert!(seconds > 0.0 && bytes > 10_000, "{seconds} {bytes}");
    }
}
