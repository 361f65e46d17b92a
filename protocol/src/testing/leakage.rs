//! Finds what a conversation shows of that which it should not depend on.
//!
//! The same sizes, another secret (how many rows overlap, say) is another *class* of runs; each run has seeds of
//! its own. Whoever reads along must not be able to tell the classes apart: neither by what is said when, by
//! whom and how long it is, nor by which bytes occur, nor by what stands at one place of one message, nor by
//! words that occur twice. These are the four looks taken here. Each calls an honest protocol a leaking one
//! with a probability of at most [`ALARM`], by bounds and not by tables: χ² above its mean by Laurent and Massart
//! (*Adaptive Estimation of a Quadratic Functional by Model Selection*, 2000, Lemma 1). Seeds are fixed, so that a
//! test passes always or never.
//!
//! What it cannot find is a leak that only somebody with a key, or with more computing power, could read. And
//! that it finds anything is nothing that can be promised: each use needs a twin with a planted leak.
//!
//! Floating point is fine here: it judges, it does not protect.

use std::collections::{BTreeMap, HashSet};

use super::Said;
use crate::wire::Role;

/// The probability of a false alarm, for each look at each kind of message.
pub const ALARM: f64 = 1e-9;

/// What stands at the beginning of a message before its content: kind, number, length. Public, and so often the
/// same that words across it would repeat.
const HEADER: usize = 16;

/// A word of content that occurs twice by chance: once in 2⁶⁴ pairs.
const WORD: usize = 8;

/// Runs that differ in nothing but their seeds.
#[derive(Debug)]
pub struct Class {
    /// What they have in common, for the report.
    pub name: &'static str,
    /// What was said in each.
    pub runs: Vec<Vec<Said>>,
}

/// A way to tell one class from another.
#[derive(Debug, Clone, PartialEq)]
pub enum Leak {
    /// Message number `at` of a run is missing, or of another kind, direction or length than in the first run.
    Shape { class: &'static str, run: usize, at: usize },
    /// Some bytes occur in this kind of message more often in one class than in another.
    Bytes { by: Role, kind: &'static str, chi: f64, bound: f64 },
    /// Taken together, the places of this kind of message have other bits in one class than in another.
    Places { by: Role, kind: &'static str, chi: f64, bound: f64 },
    /// One place, counted in bits from the beginning of that message, has another bit.
    Place { by: Role, kind: &'static str, bit: usize, chi: f64, bound: f64 },
    /// More words of a run occur twice in one class than in another.
    Echo { words: Vec<(&'static str, usize)> },
}

/// All that tells the classes apart. Classes must have as many runs as each other.
pub fn leaks(classes: &[Class]) -> Vec<Leak> {
    let shape = shape(classes);
    if !shape.is_empty() {
        // Places of messages that differ in length cannot be compared, and need not be.
        return shape;
    }
    let mut leaks = bytes(classes);
    leaks.extend(places(classes));
    leaks.extend(echo(classes));
    leaks
}

/// What in these messages is not uniform, `header` bytes at the beginning of each left out: which bytes occur, taken
/// together and place by place. Every run must say the same messages, as [`leaks`] finds out. What is under a
/// fresh mask is uniform to who lacks the mask, whatever stands under it; points and lengths are not.
pub fn uneven(runs: &[Vec<Said>], masked: impl Fn(&Said) -> bool, header: usize) -> Vec<Leak> {
    let Some(outline) = runs.first() else { return Vec::new() };
    let mut kinds: BTreeMap<_, (Role, [f64; 256], Tally)> = BTreeMap::new();
    for (at, said) in outline.iter().enumerate().filter(|(_, said)| masked(said)) {
        let (by, empty) = (said.by, Tally::new(said.by));
        let (_, counts, tally) = kinds.entry((by as u8, said.kind)).or_insert((by, [0.0; 256], empty));
        for place in header..said.bytes.len() {
            runs.iter().for_each(|run| counts[usize::from(run[at].bytes[place])] += 1.0);
            let half = runs.len() as f64 / 2.0;
            for (bit, ones) in ones(runs, at, place).into_iter().enumerate() {
                tally.add(place * 8 + bit, (ones - half).powi(2) / (half / 2.0));
            }
        }
    }
    let judged = kinds.into_iter().flat_map(|((_, kind), (by, counts, tally))| {
        let all: f64 = counts.iter().sum();
        let chi: f64 = counts.iter().map(|count| (count - all / 256.0).powi(2) / (all / 256.0)).sum();
        let bound = bound(255.0, ALARM);
        let bytes = (all > 0.0 && chi > bound).then_some(Leak::Bytes { by, kind, chi, bound });
        bytes.into_iter().chain(tally.judge(kind, 1.0))
    });
    judged.collect()
}

/// What χ² with so many degrees of freedom exceeds with a probability of at most `alarm`.
fn bound(degrees: f64, alarm: f64) -> f64 {
    let t = -alarm.ln();
    degrees + 2.0 * (degrees * t).sqrt() + 2.0 * t
}

fn shape(classes: &[Class]) -> Vec<Leak> {
    let outline = |run: &[Said]| run.iter().map(|said| (said.by, said.kind, said.bytes.len())).collect();
    let Some(first) = classes.iter().flat_map(|class| class.runs.first()).next() else { return Vec::new() };
    let first: Vec<_> = outline(first);
    let differs = |run: &Vec<Said>| {
        let here: Vec<_> = outline(run);
        let at = first.iter().zip(&here).position(|(one, other)| one != other);
        at.or_else(|| (first.len() != here.len()).then(|| first.len().min(here.len())))
    };
    let runs =
        classes.iter().flat_map(|class| class.runs.iter().enumerate().map(move |run| (class.name, run)));
    runs.filter_map(|(class, (run, said))| differs(said).map(|at| Leak::Shape { class, run, at })).collect()
}

/// How often each byte occurs in each kind of message, class against class.
fn bytes(classes: &[Class]) -> Vec<Leak> {
    let mut histograms: BTreeMap<_, (Role, Vec<[f64; 256]>)> = BTreeMap::new();
    for (number, class) in classes.iter().enumerate() {
        for said in class.runs.iter().flatten() {
            let empty = || (said.by, vec![[0.0; 256]; classes.len()]);
            let (_, counts) = histograms.entry((said.by as u8, said.kind)).or_insert_with(empty);
            said.bytes.iter().for_each(|byte| counts[number][usize::from(*byte)] += 1.0);
        }
    }
    let judged = histograms.into_iter().map(|((_, kind), (by, counts))| {
        // Bytes that hardly occur go into one cell.
        let mut cells: Vec<Vec<f64>> = Vec::new();
        let mut rare = vec![0.0; classes.len()];
        for byte in 0..256 {
            let cell: Vec<f64> = counts.iter().map(|counts| counts[byte]).collect();
            if cell.iter().sum::<f64>() < 10.0 * classes.len() as f64 {
                rare.iter_mut().zip(&cell).for_each(|(rare, count)| *rare += count);
            } else {
                cells.push(cell);
            }
        }
        if rare.iter().sum::<f64>() > 0.0 {
            cells.push(rare);
        }
        let all: f64 = cells.iter().flatten().sum();
        let of_class: Vec<f64> =
            (0..classes.len()).map(|class| cells.iter().map(|cell| cell[class]).sum()).collect();
        let chi = cells.iter().map(|cell| {
            let total: f64 = cell.iter().sum();
            let off =
                |(count, class): (&f64, &f64)| (count - total * class / all).powi(2) / (total * class / all);
            cell.iter().zip(&of_class).map(off).sum::<f64>()
        });
        let chi: f64 = chi.sum();
        let bound = bound((cells.len() as f64 - 1.0) * (classes.len() as f64 - 1.0), ALARM);
        (chi > bound).then_some(Leak::Bytes { by, kind, chi, bound })
    });
    judged.flatten().collect()
}

/// What the places of one kind of message add up to.
struct Tally {
    by: Role,
    /// Σ χ² over the bits that were added, how many these are, and the largest.
    chi: f64,
    bits: f64,
    largest: f64,
    /// Where the largest is.
    bit: usize,
}

impl Tally {
    const fn new(by: Role) -> Self {
        Self { by, chi: 0.0, bits: 0.0, largest: 0.0, bit: 0 }
    }

    fn add(&mut self, bit: usize, chi: f64) {
        self.chi += chi;
        self.bits += 1.0;
        if chi > self.largest {
            (self.largest, self.bit) = (chi, bit);
        }
    }

    /// `degrees` of freedom has each bit.
    fn judge(self, kind: &'static str, degrees: f64) -> impl Iterator<Item = Leak> {
        let Self { by, chi, bits, largest, bit } = self;
        let all = bound(degrees * bits, ALARM);
        let one = bound(degrees, ALARM / bits.max(1.0));
        let together = (chi > all).then_some(Leak::Places { by, kind, chi, bound: all });
        let single = (largest > one).then_some(Leak::Place { by, kind, bit, chi: largest, bound: one });
        together.into_iter().chain(single)
    }
}

/// How often each single bit of each message is set, class against class.
fn places(classes: &[Class]) -> Vec<Leak> {
    let Some(outline) = classes.iter().flat_map(|class| class.runs.first()).next() else { return Vec::new() };
    let runs: f64 = classes.iter().map(|class| class.runs.len() as f64).sum();
    let degrees = classes.len() as f64 - 1.0;
    let mut kinds = BTreeMap::new();
    for (at, said) in outline.iter().enumerate() {
        let tally = kinds.entry((said.by as u8, said.kind)).or_insert(Tally::new(said.by));
        for place in 0..said.bytes.len() {
            let ones: Vec<_> = classes.iter().map(|class| (ones(&class.runs, at, place), class)).collect();
            for bit in 0..8 {
                let ones = ones.iter().map(|(ones, class)| (ones[bit], class.runs.len() as f64));
                let share = ones.clone().map(|(ones, _)| ones).sum::<f64>() / runs;
                if share == 0.0 || share == 1.0 {
                    continue;
                }
                let off =
                    |(ones, runs): (f64, f64)| (ones - runs * share).powi(2) / (runs * share * (1.0 - share));
                // The mean of this, the number of ones given, is the degrees of freedom times n / (n − 1).
                tally.add(place * 8 + bit, ones.map(off).sum::<f64>() * (runs - 1.0) / runs);
            }
        }
    }
    kinds.into_iter().flat_map(|((_, kind), tally)| tally.judge(kind, degrees)).collect()
}

/// In how many runs each bit of a byte is set.
fn ones(runs: &[Vec<Said>], message: usize, place: usize) -> [f64; 8] {
    let mut ones = [0u32; 8];
    for run in runs {
        let byte = run[message].bytes[place];
        ones.iter_mut().enumerate().for_each(|(bit, ones)| *ones += u32::from(byte >> bit & 1));
    }
    ones.map(f64::from)
}

/// How many words of the first run of each class stand in it twice.
fn echo(classes: &[Class]) -> Vec<Leak> {
    let repeated = |class: &Class| {
        let mut seen = HashSet::new();
        let contents =
            class.runs.iter().take(1).flatten().map(|said| said.bytes.get(HEADER..).unwrap_or(&[]));
        contents.flat_map(|content| content.windows(WORD)).filter(|word| !seen.insert(word.to_vec())).count()
    };
    let words: Vec<_> = classes.iter().map(|class| (class.name, repeated(class))).collect();
    let same = words.windows(2).all(|pair| pair[0].1 == pair[1].1);
    if same { Vec::new() } else { vec![Leak::Echo { words }] }
}

#[cfg(test)]
mod tests;
