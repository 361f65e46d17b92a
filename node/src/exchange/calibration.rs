//! What the arithmetic costs on this machine, measured once and kept in the home.

use std::{path::Path, time::Instant};

use curve25519_dalek::Scalar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tacit_protocol::ristretto::{Domain, Engine};

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
        Self { hash_multiply, decode_multiply }
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

    /// Seconds of arithmetic in a private set intersection, both nodes on as many cores as this one: both
    /// hash and multiply their items, the sender multiplies what it is sent, the receiver unblinds.
    pub fn psi_seconds(&self, receiver: u64, sender: u64) -> f64 {
        (receiver + sender) as f64 * self.hash_multiply + 2.0 * receiver as f64 * self.decode_multiply
    }
}
