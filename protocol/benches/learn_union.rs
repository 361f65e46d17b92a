//! What a union costs: a whole run in memory, both ends in one process that take turns.
//!
//!     cargo bench -p tacit-protocol --features testing --bench learn_union
//!
//! `TACIT_BENCH_ITEMS` (2¹⁶) customers an end, half of them in common, `TACIT_BENCH_POOL` (0) the pool of dummies. All
//! that is said stays in memory, and counts in the memory that is printed.

mod measured;

use measured::{Meter, number};
use tacit_protocol::{
    ids::{ContractId, SessionId},
    learn::union::{Padding, Params, Role, Uniter},
    secret::Secret,
    testing::Pair,
};

fn main() {
    let (items, pool) = (number("TACIT_BENCH_ITEMS", 1 << 16), number("TACIT_BENCH_POOL", 0));
    let params = Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), u32::MAX, u32::MAX, pool, 0);
    let set = |first: u32| -> Vec<_> { (first..first + items).map(item).map(Some).collect() };
    let padding = Padding { alone: 0, shared: pool / 2 };
    let start = |role: Role, set: &[Option<[u8; 32]>], seed: u8| {
        Uniter::start(params.clone(), role, set, padding, Secret::new([seed; 32])).expect("fits")
    };
    let (own, theirs) = (set(0), set(items / 2));
    let meter = Meter::start();
    let ends = (start(Role::Asker, &own, 3), start(Role::Answerer, &theirs, 4));
    let ended = Pair::new(ends.0, ends.1, params.limits()).run();
    let seconds = meter.elapsed().as_secs_f64();
    let united = ended.initiator.expect("an honest peer");
    assert_eq!(united.about, i64::from(items - items / 2) - i64::from(pool / 2) + i64::from(padding.shared));

    let both = f64::from(united.own_count) + f64::from(united.peer_count);
    let bytes: usize = ended.said.iter().map(|said| said.bytes.len()).sum();
    let cores = rayon::current_num_threads();
    println!("{items} customers an end, a pool of {pool}, {} places, {cores} cores", united.places.len());
    println!("  {seconds:>10.3} s {:>9.3} µs for each item of either end", seconds * 1e6 / both);
    if let Some(cpu) = meter.cpu_seconds() {
        println!("  {cpu:>10.3} s {:>9.3} µs of processor time", cpu * 1e6 / both);
    }
    println!("  {bytes:>10} B {:>9.2} B", bytes as f64 / both);
    meter.print_memory();
}

fn item(number: u32) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}
