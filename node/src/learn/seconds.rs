//! What a training costs in time on this machine: measured once, on random rows, and kept in the home.
//!
//! A job over different columns is products of columns with encryptions, which are made by blocks of 8192 rows, and a
//! look-up for each row; one over the same columns is sums over the rows at home.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use serde::{Deserialize, Serialize};
use tacit_protocol::{
    ids::{ContractId, SessionId},
    learn::{
        encode::{Design, Encoding, Feature, Raw},
        glm::{Family, Fit, Plan, Rows, Terms},
        vertical::{Agreed, Input, Keep, Linkage, Opens, Params, Party, Trainer},
    },
    secret::Secret,
    session::{Produced, Session, Step},
};

use crate::config::files;

/// Rows of a block.
const BLOCK: u32 = 8192;

/// Seconds of one round's parts, both ends of it together on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seconds {
    /// Keys and base transfers, once.
    start: f64,
    /// A row: its look-up.
    row: f64,
    /// A column, of whichever end: its encryption and its answer.
    column: f64,
    /// A column in a block of rows.
    product: f64,
    /// Same columns: the square of a column in a row.
    square: f64,
}

impl Seconds {
    /// Measures. Takes half a second or so.
    pub fn measure() -> Self {
        let few = round(BLOCK, 1);
        let (wide, tall) = (round(BLOCK, 12), round(3 * BLOCK, 12));
        // Each with the intercept: 3, 25 and 25 columns in 1, 1 and 3 blocks.
        let many = ((wide.1 - few.1) / 22.0).max(0.0);
        let more = (tall.1 - wide.1).max(0.0);
        let row = ((few.1 - 3.0 * many) / f64::from(BLOCK)).max(0.0).min(more / f64::from(2 * BLOCK));
        let product = ((more - row * f64::from(2 * BLOCK)) / 50.0).max(0.0).min(many);
        Self { start: few.0, row, column: many - product, product, square: same() }
    }

    /// What this home remembers, measured now if it remembers nothing.
    pub fn of_home(file: &Path) -> Self {
        let kept = std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        kept.unwrap_or_else(|| {
            let fresh = Self::measure();
            if let Ok(bytes) = serde_json::to_vec_pretty(&fresh) {
                // Not remembering costs half a second the next time.
                let _ = files::write_atomic(file, &bytes);
            }
            fresh
        })
    }

    /// Of a whole job over different columns, both ends on a machine like this one.
    pub fn vertical(&self, params: &Params) -> f64 {
        let columns = f64::from(params.columns(Party::Label) + params.columns(Party::Features));
        let rows = f64::from(params.rows());
        let blocks = f64::from(params.rows().div_ceil(BLOCK));
        let round = self.row * rows + self.column * columns + self.product * columns * blocks;
        // Each end does half of it, on its own machine.
        (self.start + f64::from(params.agreed().rounds) * round) / 2.0
    }

    /// Of a whole job over the same columns, at one trainer with so many rows.
    pub fn horizontal(&self, plan: &Plan, rows: u64) -> f64 {
        let columns = plan.terms().columns as f64;
        self.square * columns * columns * rows as f64 * f64::from(plan.rounds())
    }
}

/// A number in [0, 1) for a place.
fn drawn(place: usize) -> f64 {
    let z = (place as u64).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Two rounds over so many rows and columns a side, both ends on this thread: seconds before the first, seconds of the
/// second.
fn round(rows: u32, columns: u32) -> (f64, f64) {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let begun = Instant::now();
    let run = || -> Option<()> {
        let params = |session| {
            Params::new(Agreed {
                session: SessionId::new([session; 32]),
                contract: ContractId::new([2; 32]),
                job: [3; 32],
                linkage: Linkage::Logistic,
                rows,
                label_columns: columns,
                feature_columns: columns,
                rounds: 2,
                l2_micro: 0,
                opens: Opens::Nobody,
                noise: None,
            })
            .ok()
        };
        let column = |first: u32| {
            (0..rows).map(|row| drawn((first * rows + row) as usize) - 0.5).collect::<Vec<f64>>()
        };
        let table = |first: u32| (first..first + columns).map(column).collect::<Vec<_>>();
        let target = (0..rows).map(|row| f64::from(u8::from(drawn(row as usize) > 0.5))).collect();
        let keep = || -> Keep {
            let ends = Arc::clone(&ends);
            Box::new(move |_| {
                // A poisoned lock is a test's that has failed already.
                if let Ok(mut ends) = ends.lock() {
                    ends.push(Instant::now());
                }
                Ok(())
            })
        };
        let start = |party, input: Input, byte| {
            let (secret, seed) = (Secret::new([byte; 32]), Secret::new([byte + 1; 32]));
            Trainer::start(params(1)?, party, &input, Vec::new(), &secret, seed, keep()).ok()
        };
        let label = Input { columns: table(1), target: Some(target) };
        let mut one = Some(start(Party::Label, label, 4)?);
        let mut other = Some(start(Party::Features, Input { columns: table(100), target: None }, 6)?);
        // Until neither has anything to say.
        while turn(&mut one, &mut other)? | turn(&mut other, &mut one)? {}
        Some(())
    };
    // None is for ends of our own that disagree; then nothing is told of the time.
    let _ = run();
    let ends = ends.lock().map(|ends| ends.clone()).unwrap_or_default();
    let [_, first, .., last] = ends[..] else { return (0.0, 0.0) };
    let second = last.duration_since(first).as_secs_f64();
    ((first.duration_since(begun).as_secs_f64() - second).max(0.0), second)
}

/// Lets one end speak once, and the other answer; whether it had anything to say.
fn turn(speaker: &mut Option<Trainer>, listener: &mut Option<Trainer>) -> Option<bool> {
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
    let Some(state) = listener.take() else { return Some(true) };
    let (state, said) = match state.handle(message).ok()? {
        Step::Wait { state, send } => (Some(state), send),
        Step::Done { send, .. } => (None, send),
    };
    *listener = state;
    for message in said {
        let Some(state) = speaker.take() else { break };
        if let Step::Wait { state, .. } = state.handle(message).ok()? {
            *speaker = Some(state);
        }
    }
    Some(true)
}

/// Seconds of a round's sums over the same columns, for a row and the square of a column.
fn same() -> f64 {
    const ROWS: usize = 1 << 14;
    const COLUMNS: usize = 16;
    let run = || -> Option<f64> {
        let terms = Terms {
            family: Family::Logistic,
            columns: COLUMNS + 1,
            rounds: 1,
            l2: 1.0,
            rows: ROWS as u64,
            trainers: 3,
            noise: None,
        };
        let plan = Plan::new(terms).ok()?;
        let mut design = Design::new(ROWS, true);
        for column in 0..COLUMNS {
            let feature =
                Feature { name: column.to_string(), encoding: Encoding::Number { low: 0.0, high: 1.0 } };
            let cells = (0..ROWS).map(|row| Some(drawn(column * ROWS + row))).collect();
            design.push(&feature, &Raw::Number(cells)).ok()?;
        }
        let target: Vec<f32> = (0..ROWS).map(|row| f32::from(u8::from(drawn(row) > 0.5))).collect();
        let rows = Rows::new(&plan, &design, &target).ok()?;
        let fit = Fit::start(&plan);
        let begun = Instant::now();
        fit.statistics(&plan, &rows).ok()?;
        Some(begun.elapsed().as_secs_f64())
    };
    run().unwrap_or_default() / (ROWS * (COLUMNS + 1) * (COLUMNS + 1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_a_whole_small_training() {
        let (start, round) = round(256, 2);
        assert!(start >= 0.0 && round > 0.0, "{start} {round}");
        assert!(same() > 0.0);
    }
}
