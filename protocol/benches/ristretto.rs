//! What a point costs on one core, by back end: `cargo bench -p tacit-protocol --bench ristretto`.
//!
//! A pair of PSI items is two hashes multiplied and two answers: twice `hash_multiply` and twice
//! `decode_multiply`. A sample is one grain of 128 points, short enough that the fastest of many samples is
//! one that nothing disturbed; the throughput is points a second.

use curve25519_dalek::Scalar;
use divan::Bencher;
use divan::counter::ItemsCount;
use tacit_protocol::ristretto::{self, Domain, Engine};

const POINTS: usize = Engine::GRAIN;
const ENGINES: [fn() -> Engine; 2] = [Engine::detect, Engine::dalek];

fn main() {
    println!("detected: {}", Engine::detect().name());
    divan::main();
}

fn domain() -> Domain {
    Domain::new(b"tacit/1 bench: contract and session, 45 bytes")
}

fn scalar() -> Scalar {
    Scalar::from_bytes_mod_order(*blake3::hash(b"bench").as_bytes())
}

fn items() -> Vec<[u8; 32]> {
    (0..POINTS as u64).map(|item| *blake3::hash(&item.to_le_bytes()).as_bytes()).collect()
}

/// 0 is what this machine is found to be best at, 1 is dalek.
#[divan::bench(args = [0, 1])]
fn hash_multiply(bencher: Bencher, engine: usize) {
    let (engine, domain, scalar, items) = (ENGINES[engine](), domain(), scalar(), items());
    let mut out = vec![[0; 32]; POINTS];
    bencher
        .counter(ItemsCount::new(POINTS))
        .bench_local(|| engine.hash_multiply(&domain, &items, &scalar, divan::black_box(&mut out)));
}

#[divan::bench(args = [0, 1])]
fn decode_multiply(bencher: Bencher, engine: usize) {
    let (engine, scalar) = (ENGINES[engine](), scalar());
    let mut points = vec![[0; 32]; POINTS];
    Engine::detect().hash_multiply(&domain(), &items(), &scalar, &mut points);
    let mut out = vec![[0; 32]; POINTS];
    bencher
        .counter(ItemsCount::new(POINTS))
        .bench_local(|| engine.decode_multiply(&points, &scalar, divan::black_box(&mut out)).is_ok());
}

#[divan::bench(args = [0, 1])]
fn uniform(bencher: Bencher, engine: usize) {
    let engine = ENGINES[engine]();
    let seeds: Vec<[u8; 64]> = (0..POINTS as u64)
        .map(|seed| {
            let mut bytes = [0; 64];
            blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
            bytes
        })
        .collect();
    let mut out = vec![[0; 32]; POINTS];
    bencher
        .counter(ItemsCount::new(POINTS))
        .bench_local(|| engine.uniform(&seeds, divan::black_box(&mut out)));
}

/// Without the multiplication and the encoding, one at a time by dalek.
#[divan::bench]
fn hash_alone(bencher: Bencher) {
    let (domain, items) = (domain(), items());
    bencher.counter(ItemsCount::new(POINTS)).bench_local(|| {
        items.iter().map(|item| ristretto::hash(&domain, item)).for_each(|point| {
            divan::black_box(point);
        });
    });
}
