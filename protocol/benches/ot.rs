//! What a transfer costs: first one plain measurement of each block, both ends on one thread, the median of its
//! slabs, beside the time that its AES alone would take at this machine's best; then divan's statistics.
//!
//!     cargo bench -p tacit-protocol --bench ot
//!
//! `TACIT_BENCH_ITEMS=1048576` sets the transfers of the plain measurement (2²⁰ otherwise), in slabs of 2¹³.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use tacit_protocol::{
    ot::{
        Batch, Chooser, ChooserSetup, CotChooser, CotSender, Engine, Keeper, KeeperSetup, LookupChooser,
        LookupSender,
    },
    secret::Secret,
};

fn main() {
    let items = std::env::var("TACIT_BENCH_ITEMS").ok().and_then(|items| items.parse().ok());
    measure(items.unwrap_or(1 << 20));
    divan::main();
}

/// Transfers that are made together.
const SLAB: usize = 1 << 13;

fn pair<const G: usize>() -> (Chooser<G>, Keeper<G>) {
    let (setup, first) = KeeperSetup::<G>::start(b"bench", &Secret::new([1; 32]));
    // Nothing is altered on the way, so nothing is refused.
    let (chooser, second) = ChooserSetup::<G>::respond(b"bench", &Secret::new([2; 32]), &first).unwrap();
    (chooser, setup.finish(&second).unwrap())
}

/// Fresh batches for as long as there are.
struct Batches(u32);

impl Batches {
    fn next(&mut self) -> Batch {
        self.0 += 1;
        Batch { stage: 0, slab: self.0 }
    }
}

/// What each slab took.
#[derive(Default)]
struct Spent {
    chooser: Vec<Duration>,
    keeper: Vec<Duration>,
}

/// The one in the middle: on a machine that others use too, the mean would be theirs.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = black_box(run());
    (value, start.elapsed())
}

fn measure(items: usize) {
    let best = best_block();
    println!("{}; a block of AES at best {best:.3} ns\n", Engine::detect().name());
    let start = Instant::now();
    drop(black_box(pair::<1>()));
    println!("a correlation of 32 columns, both ends: {:.1} ms\n", start.elapsed().as_secs_f64() * 1e3);
    println!(
        "{:<28}{:>9}{:>9}{:>9}{:>12}{:>8}{:>9}{:>8}",
        "a transfer", "chooser", "keeper", "both ns", "a second", "blocks", "AES ns", "bytes"
    );
    let slabs = items.div_ceil(SLAB).max(1);
    let nibbles: Vec<u8> = (0..SLAB).map(|at| (at * 7 % 16) as u8).collect();
    let bits: Vec<u8> = nibbles.iter().map(|nibble| nibble & 1).collect();
    let report = |what: &str, mut spent: Spent, blocks: f64, bytes: usize| {
        let each = |times: &mut [Duration]| median(times).as_secs_f64() * 1e9 / SLAB as f64;
        let (chooser, keeper) = (each(&mut spent.chooser), each(&mut spent.keeper));
        let both = chooser + keeper;
        println!(
            "{what:<28}{chooser:>9.1}{keeper:>9.1}{both:>9.1}{:>12.0}{blocks:>8.1}{:>9.1}{bytes:>8}",
            1e9 / both,
            blocks * best
        );
    };
    // Blocks: P planes of sixteen leaves of 32 columns at either end make 16·P blocks a row and group of 4,
    // for 128 bits are one block; then the hash.
    rows::<1>(slabs, "row of 128 bits", &report);
    rows::<2>(slabs, "row of 256 bits", &report);
    let (chooser, keeper) = pair::<1>();
    let (chooser, keeper) = (Arc::new(chooser), Arc::new(keeper));
    let mut batches = Batches(0);
    let (asks, answers) = (LookupChooser::new(chooser.clone()), LookupSender::new(keeper.clone()));
    for width in [1, 16] {
        let mut spent = Spent::default();
        for _ in 0..slabs {
            let batch = batches.next();
            let ((asked, pending), choosing) = timed(|| asks.choose(batch, &nibbles));
            let (answer, answering) = timed(|| match width {
                1 => answers.answer_bits(batch, SLAB, &asked, |at| 1 << (at & 15)).unwrap(),
                _ => answers.answer(batch, width, SLAB, &asked, |at| [at as u16; 16]).unwrap(),
            });
            let (_, opening) = timed(|| pending.open(width, &answer).unwrap());
            spent.chooser.push(choosing + opening);
            spent.keeper.push(answering);
        }
        let name = format!("look-up, {width} bit");
        report(&name, spent, 16.0 + 16.0 + 17.0, 16 + 2 * width as usize);
    }
    let (asks, answers) = (CotChooser::new(chooser), CotSender::new(keeper));
    for width in [1, 2, 4, 8] {
        let words = vec![7; width * SLAB];
        let mut spent = Spent::default();
        for _ in 0..slabs {
            let batch = batches.next();
            let ((asked, pending), choosing) = timed(|| asks.choose(batch, &bits));
            let ((_, answer), answering) = timed(|| answers.answer(batch, width, &words, &asked).unwrap());
            let (_, opening) = timed(|| pending.open(width, &answer).unwrap());
            spent.chooser.push(choosing + opening);
            spent.keeper.push(answering);
        }
        let name = format!("bit × {width} words");
        report(&name, spent, 8.0 + 3.0 * width.div_ceil(2) as f64, 4 + 8 * width);
    }
    println!();
}

fn rows<const G: usize>(slabs: usize, name: &str, report: &impl Fn(&str, Spent, f64, usize)) {
    let (chooser, keeper) = pair::<G>();
    let codes = vec![[5; G]; SLAB];
    let (mut batches, mut spent) = (Batches(0), Spent::default());
    for _ in 0..slabs {
        let batch = batches.next();
        let ((message, _), encoding) = timed(|| chooser.encode(batch, &codes));
        let (_, extending) = timed(|| keeper.rows(batch, SLAB, &message).unwrap());
        spent.chooser.push(encoding);
        spent.keeper.push(extending);
    }
    report(name, spent, (32 * G) as f64, 16 * G);
}

#[divan::bench]
fn setup_both_ends() -> (Chooser<1>, Keeper<1>) {
    pair()
}

const ROWS: [usize; 2] = [512, 1 << 14];

#[divan::bench(args = ROWS)]
fn rows_of_the_chooser(bencher: divan::Bencher, rows: usize) {
    let (chooser, _) = pair::<1>();
    let (codes, mut batches) = (vec![[5]; rows], Batches(0));
    bencher
        .counter(divan::counter::ItemsCount::new(rows))
        .bench_local(|| chooser.encode(batches.next(), &codes));
}

#[divan::bench(args = ROWS)]
fn rows_of_the_keeper(bencher: divan::Bencher, rows: usize) {
    let (_, keeper) = pair::<1>();
    let (message, mut batches) = (vec![5; 16 * rows], Batches(0));
    bencher
        .counter(divan::counter::ItemsCount::new(rows))
        .bench_local(|| keeper.rows(batches.next(), rows, &message));
}

#[divan::bench(args = ROWS)]
fn look_up_choose(bencher: divan::Bencher, rows: usize) {
    let chooser = LookupChooser::new(pair::<1>().0);
    let (nibbles, mut batches) = (vec![5; rows], Batches(0));
    bencher
        .counter(divan::counter::ItemsCount::new(rows))
        .bench_local(|| chooser.choose(batches.next(), &nibbles));
}

#[divan::bench(args = ROWS)]
fn look_up_answer(bencher: divan::Bencher, rows: usize) {
    let sender = LookupSender::new(pair::<1>().1);
    let (message, mut batches) = (vec![5; 16 * rows], Batches(0));
    bencher
        .counter(divan::counter::ItemsCount::new(rows))
        .bench_local(|| sender.answer_bits(batches.next(), rows, &message, |at| at as u16));
}

#[divan::bench(args = ROWS)]
fn correlated_choose(bencher: divan::Bencher, rows: usize) {
    let chooser = CotChooser::new(pair::<1>().0);
    let (bits, mut batches) = (vec![1; rows], Batches(0));
    bencher
        .counter(divan::counter::ItemsCount::new(rows))
        .bench_local(|| chooser.choose(batches.next(), &bits));
}

#[divan::bench(args = ROWS)]
fn correlated_answer(bencher: divan::Bencher, rows: usize) {
    let sender = CotSender::new(pair::<1>().1);
    let (message, words, mut batches) = (vec![5; 4 * rows], vec![7; rows], Batches(0));
    bencher
        .counter(divan::counter::ItemsCount::new(rows))
        .bench_local(|| sender.answer(batches.next(), 1, &words, &message));
}

/// Nanoseconds for a block of AES-128 when nothing but AES is done, from registers to registers.
fn best_block() -> f64 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("vaes") {
        let time = |rounds: u64| {
            let start = Instant::now();
            // SAFETY: the processor was asked just above.
            black_box(unsafe { wide_rounds(rounds) });
            start.elapsed()
        };
        time(100_000);
        let rounds = 1_000_000;
        // Ten rounds are a block; eight vectors of four blocks.
        return time(rounds).as_secs_f64() * 1e9 / (rounds as f64 * 32.0 / 10.0);
    }
    let mut blocks = vec![aes::Block::default(); 1 << 16];
    let key = <aes::Aes128Enc as aes::cipher::KeyInit>::new(&aes::Block::default());
    let start = Instant::now();
    aes::cipher::BlockCipherEncrypt::encrypt_blocks(&key, &mut blocks);
    black_box(&blocks);
    start.elapsed().as_secs_f64() * 1e9 / blocks.len() as f64
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,vaes")]
fn wide_rounds(rounds: u64) -> i64 {
    use std::arch::x86_64::*;
    let key = _mm512_set1_epi64(0x1234_5678_9abc_def0);
    let mut blocks = [key; 8];
    for _ in 0..rounds {
        for block in &mut blocks {
            *block = _mm512_aesenc_epi128(*block, key);
        }
    }
    let mut sum = key;
    for block in blocks {
        sum = _mm512_xor_si512(sum, block);
    }
    _mm512_reduce_add_epi64(sum)
}
