//! What a row costs in the look-ups of vertical training: first one plain measurement of each, both ends on one thread,
//! the median of its slabs; then divan's statistics.
//!
//!     cargo bench -p tacit-protocol --bench learn_sigmoid
//!
//! `TACIT_BENCH_ITEMS=1048576` sets the rows of the plain measurement (2¹⁷ otherwise), in slabs of 2¹².

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use tacit_protocol::{
    learn::vertical::{
        half::{Correlations, Half, Heard, Scale},
        histogram::{self, Cells},
        sigmoid,
        wrap::{self, Cut},
    },
    ot::{Batch, Chooser, ChooserSetup, Engine, Keeper, KeeperSetup},
    secret::Secret,
};

fn main() {
    let items = std::env::var("TACIT_BENCH_ITEMS").ok().and_then(|items| items.parse().ok());
    measure(items.unwrap_or(1 << 17));
    divan::main();
}

/// Rows that are looked up together.
const SLAB: usize = 1 << 12;
const SCALE: Scale = Scale { fraction: 54, reach: 5 };
const CUT: Cut = Cut { fraction: 57, reach: 2, keep: 10 };

fn one_way(id: &[u8]) -> (Chooser<1>, Keeper<1>) {
    let (setup, first) = KeeperSetup::<1>::start(id, &Secret::new([1; 32]));
    // Nothing is altered on the way, so nothing is refused.
    let (chooser, second) = ChooserSetup::<1>::respond(id, &Secret::new([2; 32]), &first).unwrap();
    (chooser, setup.finish(&second).unwrap())
}

fn ends() -> [Correlations; 2] {
    let (ours, theirs_kept) = one_way(b"there");
    let (theirs, ours_kept) = one_way(b"back");
    [Correlations::new(ours, ours_kept), Correlations::new(theirs, theirs_kept)]
}

/// What an end took, and what all said.
#[derive(Default)]
struct Spent {
    asker: Vec<Duration>,
    teller: Vec<Duration>,
    bytes: usize,
}

fn timed<T>(spent: &mut Duration, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = black_box(run());
    *spent += start.elapsed();
    value
}

/// Lets two ends talk until both are done.
fn talk<A: Half, T: Half>(
    spent: &mut Spent,
    asker: impl FnOnce() -> (A, Vec<u8>),
    teller: impl FnOnce() -> T,
) {
    fn hear<H: Half>(end: &mut Option<H>, message: &[u8], time: &mut Duration) -> Option<Vec<u8>> {
        let half = end.take()?;
        // Nothing is altered on the way.
        match timed(time, || half.hear(message)).unwrap() {
            Heard::Say(next, say) => {
                *end = Some(next);
                Some(say)
            }
            Heard::Done { say, shares } => {
                black_box(shares);
                say
            }
        }
    }
    let (mut of_asker, mut of_teller) = (Duration::ZERO, Duration::ZERO);
    let (asker, first) = timed(&mut of_asker, asker);
    let (mut asker, mut teller) = (Some(asker), Some(timed(&mut of_teller, teller)));
    let (mut next, mut told) = (Some(first), 0);
    while let Some(message) = next {
        spent.bytes += message.len();
        next = match told % 2 {
            0 => hear(&mut teller, &message, &mut of_teller),
            _ => hear(&mut asker, &message, &mut of_asker),
        };
        told += 1;
    }
    spent.asker.push(of_asker);
    spent.teller.push(of_teller);
}

fn shares(slab: usize) -> Vec<u64> {
    (0..SLAB).map(|row| ((slab * SLAB + row) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect()
}

fn measure(items: usize) {
    let slabs = items.div_ceil(SLAB).max(1);
    println!("{}; {slabs} slabs of {SLAB} rows\n", Engine::detect().name());
    println!("{:<34}{:>10}{:>10}{:>10}{:>10}", "a row", "asker ns", "teller ns", "both ns", "bytes");
    let report = |what: &str, mut spent: Spent| {
        let median = |times: &mut [Duration]| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e9 / SLAB as f64
        };
        let bytes = spent.bytes / (SLAB * spent.asker.len());
        let (asker, teller) = (median(&mut spent.asker), median(&mut spent.teller));
        println!("{what:<34}{asker:>10.0}{teller:>10.0}{:>10.0}{bytes:>10}", asker + teller);
    };
    let [one, two] = ends();
    let (first, second) = (Secret::new([3; 32]), Secret::new([4; 32]));
    let batch = |stage: u16, slab: usize| Batch { stage, slab: slab as u32 };
    let mut spent = Spent::default();
    for slab in 0..slabs {
        let (batch, shares) = (batch(0, slab), shares(slab));
        talk(
            &mut spent,
            || sigmoid::Asker::start(&one, batch, SCALE, &shares, &first),
            || sigmoid::Teller::start(&two, batch, SCALE, &shares, &second),
        );
    }
    report("sigmoid", spent);
    let mut spent = Spent::default();
    for slab in 0..slabs {
        let (batch, shares) = (batch(8, slab), shares(slab));
        talk(
            &mut spent,
            || wrap::Asker::start(&one, batch, CUT, &shares, &first),
            || wrap::Teller::start(&two, batch, CUT, &shares, &second),
        );
    }
    report("cut to 13 bits", spent);
    for (stage, groups) in [(16, 1), (24, 3)] {
        // 32 bins, 2 labels: both fit.
        let cells = Cells::even(SCALE, -4.0, 4.0, 32, groups, 2).unwrap();
        let classes: Vec<u8> = (0..SLAB).map(|row| (row % groups) as u8).collect();
        let labels: Vec<u8> = (0..SLAB).map(|row| (row % 2) as u8).collect();
        let mut spent = Spent::default();
        for slab in 0..slabs.div_ceil(4) {
            let (batch, shares) = (batch(stage, slab), shares(slab));
            talk(
                &mut spent,
                || histogram::Asker::start(&one, batch, SCALE, &cells, &shares, &classes).unwrap(),
                || histogram::Teller::start(&two, batch, SCALE, &cells, &shares, &labels, &second).unwrap(),
            );
        }
        report(&format!("histogram, 32 bins, {groups} group(s)"), spent);
    }
    println!();
}

/// A slab of the sigmoid, both ends.
#[divan::bench(sample_count = 20)]
fn sigmoid_of_a_slab(bencher: divan::Bencher<'_, '_>) {
    let [one, two] = ends();
    let mut slab = 0;
    bencher.counter(divan::counter::ItemsCount::new(SLAB)).bench_local(|| {
        slab += 1;
        let (batch, shares) = (Batch { stage: 0, slab }, shares(1));
        let (first, second) = (Secret::new([3; 32]), Secret::new([4; 32]));
        talk(
            &mut Spent::default(),
            || sigmoid::Asker::start(&one, batch, SCALE, &shares, &first),
            || sigmoid::Teller::start(&two, batch, SCALE, &shares, &second),
        );
    });
}
