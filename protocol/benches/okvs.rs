//! What the join's hashing costs: first one plain measurement of a whole run, stage by stage, on one core,
//! then divan's statistics of one slab's store.
//!
//!     cargo bench -p tacit-protocol --bench okvs
//!
//! `TACIT_BENCH_ITEMS=1048576` sets the rows of either side (2¹⁶ otherwise), `TACIT_BENCH_WORDS=2` the payload
//! words of a row.

use std::{sync::LazyLock, time::Instant};

use divan::{Bencher, counter::ItemsCount};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tacit_protocol::{
    join::{
        cuckoo::{Layout, Simple, Table as Cuckoo},
        opprf::{Brought, Drawn, Opprf},
        oprf::{OprfHolder, OprfSeeker, RelatedKeys},
    },
    okvs::{Shape, Table},
    ot::{Batch, ChooserSetup, KeeperSetup},
    secret::Secret,
};

fn main() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u32>().ok());
    let items = number("TACIT_BENCH_ITEMS").unwrap_or(1 << 16);
    measure(items, number("TACIT_BENCH_WORDS").unwrap_or(2) as usize);
    divan::main();
}

/// Keys of a slab of the largest join: 8,192 bins, three entries an item, as many items as bins/1.32.
const SLAB: usize = 18_663;
const LAMBDA: u32 = 48;

fn words(count: usize, seed: u64) -> Vec<u64> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.next_u64()).collect()
}

fn keys(count: usize) -> Vec<u128> {
    words(2 * count, 1).chunks(2).map(|pair| u128::from(pair[0]) << 64 | u128::from(pair[1])).collect()
}

#[divan::bench(args = [1, 2, 3, 9, 18])]
fn encode_a_slab(bencher: Bencher, width: usize) {
    let shape = Shape::new(SLAB, LAMBDA).expect("a shape");
    let (keys, values) = (keys(SLAB), words(SLAB * width, 2));
    let mut rng = StdRng::seed_from_u64(3);
    bencher
        .counter(ItemsCount::new(SLAB))
        .with_inputs(|| values.clone())
        .bench_local_values(|values| Table::encode(shape, &keys, values, width, &mut rng).expect("a table"));
}

#[divan::bench(args = [1, 2, 3, 9, 18])]
fn decode_a_slab(bencher: Bencher, width: usize) {
    let shape = Shape::new(SLAB, LAMBDA).expect("a shape");
    let (keys, values) = (keys(SLAB), words(SLAB * width, 2));
    let table = Table::encode(shape, &keys, values, width, &mut StdRng::seed_from_u64(3)).expect("a table");
    let keys = &keys[..8192];
    bencher.counter(ItemsCount::new(keys.len())).bench(|| table.decode(divan::black_box(keys)));
}

/// The function's values of a slab's entries, without the store.
#[divan::bench(args = [1, 3, 9, 18])]
fn evaluate_a_slab(bencher: Bencher, width: usize) {
    let (_, holder) = ends();
    let batch = Batch { stage: 0, slab: 0 };
    let keys = holder.keys(batch, 8192, &vec![7; 8192 * 32]).expect("the length");
    let mut rng = StdRng::seed_from_u64(4);
    let points: Vec<_> = (0..SLAB)
        .map(|at| ((at % 8192) as u16, tacit_protocol::join::oprf::Point::dummy(&mut rng)))
        .collect();
    bencher.counter(ItemsCount::new(SLAB)).bench(|| {
        let mut values = Vec::with_capacity(SLAB * width);
        holder.values(&keys, &points, width, &mut values);
        values
    });
}

type Ends = (RelatedKeys<tacit_protocol::ot::Chooser<2>>, RelatedKeys<tacit_protocol::ot::Keeper<2>>);

fn ends() -> Ends {
    let (keeper, first) = KeeperSetup::<2>::start(b"bench", &Secret::new([1; 32]));
    let (chooser, second) =
        ChooserSetup::<2>::respond(b"bench", &Secret::new([2; 32]), &first).expect("an honest keeper");
    let keeper = keeper.finish(&second).expect("an honest chooser");
    (RelatedKeys::new(chooser, b"bench"), RelatedKeys::new(keeper, b"bench"))
}

fn items(count: u32, first: u32) -> Vec<[u8; 16]> {
    let item = |number: u32| {
        let mut item = [0; 16];
        StdRng::seed_from_u64(number.into()).fill_bytes(&mut item);
        item
    };
    (first..first + count).map(item).collect()
}

/// Seconds that this thread has had a core, where the system says so: what counts on a machine that others use
/// too. Else seconds.
fn now() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = spent.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

/// Both ends' hashing, one slab after the other, half the rows in common.
fn measure(count: u32, words_of_a_row: usize) {
    let (seeking, holding) = (items(count, 0), items(count, count / 2));
    let payload = words(count as usize * words_of_a_row, 5);
    let layout = Layout::new(count, count, 8192, 1).expect("a layout");
    let opprf = Opprf::new(layout.shape(), words_of_a_row).expect("a width");
    let (seeker, holder) = ends();
    let mut rng = StdRng::seed_from_u64(6);
    let mut spent: [(&str, f64); 8] = [
        ("seeker: place", 0.0),
        ("holder: spread", 0.0),
        ("seeker: points and codes, VOLE", 0.0),
        ("holder: rows of the VOLE", 0.0),
        ("holder: targets and masks", 0.0),
        ("holder: encode", 0.0),
        ("seeker: decode", 0.0),
        ("all", 0.0),
    ];
    let whole = now();
    let mut timed = |at: usize, start: f64| spent[at].1 += now() - start;
    let start = now();
    let table = Cuckoo::place(&seeking, &layout, [9; 16]).expect("places");
    timed(0, start);
    let start = now();
    let simple = Simple::spread(&holding, &layout, [9; 16]).expect("room");
    timed(1, start);
    let bins = layout.slab_bins() as usize;
    let (mut asked_bytes, mut table_bytes, mut matches, mut wrong) = (0, 0, 0u32, 0u32);
    for slab in 0..layout.slabs() {
        let batch = Batch { stage: 0, slab };
        let start = now();
        let points = table.points(layout.range(slab), &seeking, &mut rng);
        let (question, asked) = seeker.ask(batch, &points);
        timed(2, start);
        let start = now();
        let keys = holder.keys(batch, bins, &question).expect("the length");
        timed(3, start);
        let start = now();
        let (targets, masks) = (words(bins, slab.into()), words(bins * words_of_a_row, 7));
        timed(4, start);
        let start = now();
        let brought = Brought { items: &holding, payload: &payload };
        let drawn = Drawn { targets: &targets, masks: &masks };
        let message =
            opprf.encode(&holder, &keys, simple.slab(slab), brought, drawn, &mut rng).expect("a table");
        timed(5, start);
        let start = now();
        let read = opprf.decode(&seeker, &asked, &points, &message).expect("the length");
        timed(6, start);
        asked_bytes += question.len();
        table_bytes += message.len();
        for (at, bin) in layout.range(slab).enumerate() {
            if read.tags[at] == targets[at] {
                matches += 1;
                let item = table.at(bin).map_or(0, |(item, _)| item) - count / 2;
                let expected = &payload[item as usize * words_of_a_row..][..words_of_a_row];
                let own = &masks[at * words_of_a_row..][..words_of_a_row];
                let shares = &read.shares[at * words_of_a_row..][..words_of_a_row];
                let sums = own.iter().zip(shares).map(|(own, share)| own.wrapping_add(*share));
                wrong += u32::from(!sums.eq(expected.iter().copied()));
            }
        }
    }
    timed(7, whole);
    assert_eq!((matches, wrong), (count - count / 2, 0), "the sets share the seeker's second half");

    println!("{count} × {count} rows of {words_of_a_row} words, one core, {layout:?}");
    for (what, time) in spent {
        println!("  {what:<34}{:>9.3} s {:>9.1} ns a row", time, time * 1e9 / f64::from(count));
    }
    println!("  questions {asked_bytes} bytes, tables {table_bytes} bytes\n");
}
