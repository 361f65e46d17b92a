use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;

fn items(count: usize, seed: u64) -> Vec<[u8; 16]> {
    let mut rng = StdRng::seed_from_u64(seed);
    let item = |_| {
        let mut item = [0; 16];
        rng.fill_bytes(&mut item);
        item
    };
    (0..count).map(item).collect()
}

/// ln Γ(x + 1), by Stirling's series with the correction that bounds it from below; good to 10⁻⁴ from 10 on,
/// exact sums below.
fn ln_factorial(x: u64) -> f64 {
    if x < 20 {
        return (1..=x).map(|factor| (factor as f64).ln()).sum();
    }
    let x = x as f64;
    x * x.ln() - x + (2.0 * std::f64::consts::PI * x).ln() / 2.0 + 1.0 / (12.0 * x)
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[test]
fn join_10_sizes_follow_from_the_announced_ones() {
    // ⌈2²⁰ · 316/240⌉ = 1,380,625 bins, 169 slabs of 8,170.
    assert_eq!(bins(1 << 20), 1_380_626);
    let layout = Layout::new(1 << 20, 1 << 20, 8192, 1).unwrap();
    assert_eq!((layout.slabs(), layout.slab_bins(), layout.bins()), (169, 8170, 1_380_730));
    assert_eq!(layout.range(168).end, layout.bins());
    for (seeker, holder) in
        [(0, 0), (1, 1), (5, 1 << 20), (1 << 10, 1 << 24), (1 << 24, 5), (1 << 26, 1 << 26)]
    {
        let layout = Layout::new(seeker, holder, 8192, 3).unwrap();
        let bins = u64::from(layout.slabs()) * u64::from(layout.slab_bins());
        assert!(bins >= super::bins(seeker) && bins <= 1 << 30, "{seeker} {holder}: {layout:?}");
        // Equal slabs; no entry has nowhere to go; no slab outgrows a store.
        assert!(layout.slab_bins() <= 8192);
        assert!(layout.shape().keys() as u64 * u64::from(layout.slabs()) >= 3 * u64::from(holder));
        assert!(layout.shape().keys() < 24_000, "{seeker} {holder}: {layout:?}");
    }
    assert_eq!(Layout::new(1, (1 << 28) + 1, 8192, 1), Err(CuckooError::TooManyItems));
    assert!(Layout::new(9, 9, 0, 0).is_ok());
}

/// Hall: the items have places unless some k + 1 of them have all their bins among some k bins. Summed over
/// all such sets: C(n, k+1) · C(m, k) · (C(k,3)/C(m,3))^(k+1).
#[test]
fn join_10_small_tables_by_halls_theorem() {
    for n in (1..128).chain((128..FITTED).step_by(61)).chain([FITTED - 1]) {
        let (n, m) = (u64::from(n), bins(n));
        let sum: f64 = (3..n)
            .map(|k| {
                let inside = ln_choose(k, 3) - ln_choose(m, 3);
                (ln_choose(n, k + 1) + ln_choose(m, k) + (k + 1) as f64 * inside).exp()
            })
            .sum();
        assert!(sum.log2() < -40.0, "{n} items in {m} bins: 2^{}", sum.log2());
    }
    // The fit has no fewer bins than it says, and the first it is used for is a large table.
    assert_eq!(bins(FITTED), (4096 * (40 + 256 + 12u64)).div_ceil(240));
}

proptest! {
    #[test]
    fn join_11_three_different_bins_of_those_there_are(bins in 3u32..1 << 30, low: u64, high: u64) {
        let hashes = Hashes::new([1; 16], bins);
        for hash in [u128::from(high) << 64 | u128::from(low), 0, u128::MAX] {
            let [a, b, c] = hashes.three(hash);
            prop_assert!(a != b && b != c && a != c && a.max(b).max(c) < bins);
        }
    }

    /// Every item in one bin, that bin one of its three, and the index says which.
    #[test]
    fn join_12_every_item_has_one_of_its_bins(count in 0usize..600, seed: u64) {
        let items = items(count, seed);
        let layout = Layout::new(count as u32, 10, 64, 1).unwrap();
        let table = Table::place(&items, &layout, [2; 16]).unwrap();
        let mut three = Vec::new();
        Hashes::new([2; 16], layout.bins()).of(&items, |_, places| three.push(places));
        let found: BTreeMap<u32, u32> = (0..layout.bins())
            .filter_map(|bin| table.at(bin).map(|(item, index)| (item, (bin, index))))
            .map(|(item, (bin, index))| {
                assert_eq!(three[item as usize][usize::from(index)], bin);
                (item, bin)
            })
            .collect();
        prop_assert_eq!(found.len(), count);
        prop_assert_eq!(table.at(layout.bins()), None);
    }

    /// What the seeker has placed by index i in bin b, the holder has there by index i as well.
    #[test]
    fn join_14_equal_items_meet_in_one_bin(own in 1usize..300, theirs in 1usize..300, shared in 0usize..300, seed: u64) {
        let shared = shared.min(own).min(theirs);
        let (mut seeking, holding) = (items(own, seed), items(theirs, !seed));
        seeking[..shared].copy_from_slice(&holding[..shared]);
        let layout = Layout::new(own as u32, theirs as u32, 50, 1).unwrap();
        let table = Table::place(&seeking, &layout, [3; 16]).unwrap();
        let simple = Simple::spread(&holding, &layout, [3; 16]).unwrap();
        let mut met = BTreeSet::new();
        let mut all = 0;
        for slab in 0..layout.slabs() {
            let bins: Vec<u32> = layout.range(slab).collect();
            let entries: Vec<Entry> = simple.slab(slab).collect();
            prop_assert!(entries.is_sorted_by_key(|entry| entry.bin));
            all += entries.len();
            for entry in entries {
                if let Some((item, index)) = table.at(bins[usize::from(entry.bin)])
                    && index == entry.index && seeking[item as usize] == holding[entry.item as usize]
                {
                    met.insert(entry.item);
                }
            }
        }
        prop_assert_eq!(all, 3 * theirs);
        prop_assert_eq!(met, (0..shared as u32).collect::<BTreeSet<_>>());
        prop_assert_eq!(simple.slab(layout.slabs()).count(), 0);
    }
}

/// With as many items as bins there is often no table; the search finds one exactly when there is one, which a
/// slower search for augmenting paths, depth first, decides as well.
#[test]
fn join_12_a_table_is_found_if_there_is_one() {
    fn augment(item: usize, three: &[[u32; 3]], owner: &mut [Option<usize>], seen: &mut [bool]) -> bool {
        three[item].iter().any(|bin| {
            let bin = *bin as usize;
            if std::mem::replace(&mut seen[bin], true) {
                return false;
            }
            if owner[bin].is_none_or(|other| augment(other, three, owner, seen)) {
                owner[bin] = Some(item);
                return true;
            }
            false
        })
    }
    let (mut found, mut missing) = (0, 0);
    for run in 0..400u64 {
        let layout = Layout { slab_bins: 12, slabs: 1, shape: Shape::new(36, 40).unwrap() };
        let items = items(12, run);
        let mut three = Vec::new();
        Hashes::new([4; 16], 12).of(&items, |_, places| three.push(places));
        let mut owner = vec![None; 12];
        let there_is = (0..12).all(|item| augment(item, &three, &mut owner, &mut [false; 12]));
        let placed = Table::place(&items, &layout, [4; 16]);
        assert_eq!(placed.is_ok(), there_is);
        if there_is { found += 1 } else { missing += 1 }
    }
    assert!(found > 50 && missing > 50, "{found} {missing}");
    let layout = Layout { slab_bins: 12, slabs: 1, shape: Shape::new(36, 40).unwrap() };
    assert_eq!(Table::place(&items(13, 1), &layout, [4; 16]).err(), Some(CuckooError::NoPlace));
}

/// Against the binomial tail itself, summed term by term: the bound is above it and at most a few bits so.
#[test]
fn join_13_the_room_of_a_slab_is_what_the_tail_asks_for() {
    for (holder, slab_bins, slabs, lambda) in [
        (1u64 << 20, 8170u64, 169u64, 48u32),
        (1 << 16, 8192, 11, 44),
        (1000, 300, 5, 43),
        (1 << 24, 8191, 2753, 52),
    ] {
        let (entries, bins) = (3 * holder, slab_bins * slabs);
        let p = slab_bins as f64 / (bins - 2) as f64;
        let tail = |from: u64| -> f64 {
            let term = |k: u64| {
                (ln_choose(entries, k) + k as f64 * p.ln() + (entries - k) as f64 * (-p).ln_1p()).exp()
            };
            (from..entries.min(from + 2000)).map(term).sum::<f64>().log2()
        };
        let room = load(entries, slab_bins, slabs, lambda);
        assert!(tail(room + 1) <= -f64::from(lambda), "{holder}: {room}");
        // At most 2 % above the smallest room that would do.
        let smaller = room - room / 50;
        assert!(tail(smaller + 1) > -f64::from(lambda) || holder < 1 << 16, "{holder}: {room} is too much");
    }
    // One slab has room for everything; nobody's entries need none.
    assert_eq!(load(300, 50, 1, 40), 300);
    assert_eq!(load(0, 50, 3, 40), 0);
    assert!(load(3, 50, 3, 40) <= 3);
}

#[test]
fn join_13_more_than_a_slab_holds_ends_the_run() {
    let small = Layout::new(100, 10, 20, 1).unwrap();
    assert!(small.slabs() > 1);
    assert_eq!(Simple::spread(&items(400, 1), &small, [5; 16]).err(), Some(CuckooError::SlabOverfull));
    assert!(Simple::spread(&items(10, 1), &small, [5; 16]).is_ok());
    assert!(Simple::spread(&[], &small, [5; 16]).is_ok());
}

#[test]
fn join_15_empty_bins_ask_for_what_no_holder_has() {
    let items = items(50, 6);
    let layout = Layout::new(50, 50, 4096, 1).unwrap();
    let table = Table::place(&items, &layout, [6; 16]).unwrap();
    let points = table.points(0..layout.bins(), &items, &mut StdRng::seed_from_u64(7));
    assert_eq!(points.len(), layout.bins() as usize);
    let dummies: Vec<_> = points.iter().filter(|point| point.index == 3).collect();
    assert_eq!(dummies.len(), points.len() - 50);
    let different: BTreeSet<_> = dummies.iter().map(|point| point.item).collect();
    assert_eq!(different.len(), dummies.len());
    for (bin, point) in (0..).zip(&points) {
        let own = table.at(bin).map(|(item, index)| Point { item: items[item as usize], index });
        assert!(own.is_none_or(|own| own == *point));
    }
    let simple = Simple::spread(&items, &layout, [6; 16]).unwrap();
    assert!((0..layout.slabs()).flat_map(|slab| simple.slab(slab)).all(|entry| entry.index < 3));
}
