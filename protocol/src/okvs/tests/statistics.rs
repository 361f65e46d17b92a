//! What tables look like, and how often there is none.

use super::*;
use crate::okvs::{peel::peel, rows::rows};

/// How far the bytes of some words are from uniform: χ² of 255 degrees of freedom, or for each bit of a word
/// how often it is set, in standard deviations; whichever is the worse, in standard deviations.
fn distance(words: &[u64]) -> f64 {
    let mut seen = [0f64; 256];
    words.iter().flat_map(|word| word.to_le_bytes()).for_each(|byte| seen[usize::from(byte)] += 1.0);
    let expected = words.len() as f64 * 8.0 / 256.0;
    let chi: f64 = seen.iter().map(|count| (count - expected).powi(2) / expected).sum();
    let bit = |bit: u32| words.iter().filter(|word| *word >> bit & 1 == 1).count() as f64;
    let (half, deviation) = (words.len() as f64 / 2.0, (words.len() as f64).sqrt() / 2.0);
    let bits = (0..64).map(|at| (bit(at) - half).abs() / deviation).fold(0.0, f64::max);
    bits.max((chi - 255.0) / 510f64.sqrt())
}

/// Tables of random values: all slots, sparse and dense apart, must look uniform; and so must the sum of each
/// slot with its neighbour, and of the same slot in two tables. The bound of seven standard deviations is
/// exceeded by luck with probability below 2⁻³⁰ (the seeds are fixed). The twins leave what no equation
/// decides at zero, or repeat one word: they are what OKVS-04 forbids, and they must be found.
#[test]
fn okvs_04_tables_of_random_values_are_uniform_and_planted_twins_are_found() {
    const ROOM: usize = 2_000;
    let shape = Shape::new(ROOM, 48).unwrap();
    // (sparse, dense, sparse ⊕ neighbour, the farthest of all)
    let worst = |count: usize, fill: &dyn Fn(&mut StdRng) -> u64| {
        let (mut sparse, mut dense, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..60 {
            let mut rng = rng(1000 + run);
            let (keys, values) = (random_keys(count, &mut rng), random_words(count, &mut rng));
            let table = Table::solve(shape, [run as u8; 16], &keys, values, 1, || fill(&mut rng)).unwrap();
            let (first, second) = table.words().split_at(shape.sparse());
            pairs.extend(first.windows(2).map(|pair| pair[0] ^ pair[1]));
            pairs.extend(
                sparse
                    .iter()
                    .rev()
                    .take(shape.sparse())
                    .zip(first.iter().rev())
                    .map(|(a, b): (&u64, _)| a ^ b),
            );
            sparse.extend_from_slice(first);
            dense.extend_from_slice(second);
        }
        (distance(&sparse), distance(&dense), distance(&pairs))
    };
    for count in [0, 10, ROOM / 2, ROOM] {
        let (sparse, dense, pairs) = worst(count, &StdRng::next_u64);
        assert!(sparse < 7.0 && dense < 7.0 && pairs < 7.0, "{count} keys: {sparse} {dense} {pairs}");
        let (sparse, dense, _) = worst(count, &|_| 0);
        assert!(sparse > 50.0 && dense > 15.0, "zeros, {count} keys: {sparse} {dense}");
        let (sparse, _, pairs) = worst(count, &|_| 0x0123_4567_89ab_cdef);
        assert!(sparse > 50.0 && pairs > 10.0, "one word, {count} keys: {sparse} {pairs}");
    }
}

/// How often peeling leaves gaps in tables of the right size.
///
/// What it shows: that one gap comes about as often as two keys fall on the same three slots, the smallest
/// thing that peeling cannot take apart, Pr ≈ C(n,2)/C(m,3); and that two gaps do not come in 20,000 tables, for
/// which ĝ ≥ 3 dense slots leave room here. What it cannot show: that more than ĝ gaps have probability 2⁻⁴⁸.
/// That rests on RR22's fit, which was measured where failures can be counted, and on its extrapolation.
#[test]
fn okvs_02_one_gap_is_as_rare_as_two_keys_on_the_same_slots() {
    const TABLES: u32 = 20_000;
    let shape = Shape::new(1 << 10, 48).unwrap();
    assert!(shape.dense() >= 3);
    let keys: Vec<u128> = (0..1 << 10).collect();
    let mut with_gaps = [0u32; 3];
    for run in 0..TABLES {
        let mut seed = [0; 16];
        seed[..4].copy_from_slice(&run.to_le_bytes());
        let rows = rows(&seed, shape.sparse(), &keys);
        let gaps =
            peel(&rows.slots, shape.sparse(), shape.dense()).map_or(usize::MAX, |peeled| peeled.gaps.len());
        with_gaps[gaps.min(2)] += 1;
    }
    let (n, m) = (1024f64, shape.sparse() as f64);
    let expected = f64::from(TABLES) * (n * (n - 1.0) / 2.0) / (m * (m - 1.0) * (m - 2.0) / 6.0);
    // About 19. A Poisson variable leaves five deviations with probability below 10⁻⁵; other small knots come
    // on top.
    let seen = f64::from(with_gaps[1]);
    assert!((seen - expected).abs() < 5.0 * expected.sqrt() + 3.0, "{seen} for {expected}");
    assert_eq!(with_gaps[2], 0, "{with_gaps:?}");
}

/// With fewer slots than 1.22 for each key peeling gets stuck at once: the expansion is not for nothing.
#[test]
fn okvs_02_fewer_slots_than_the_threshold_do_not_do() {
    let keys = random_keys(10_000, &mut rng(9));
    let solvable =
        |sparse| Table::encode(Shape::of(10_000, sparse, 3), &keys, vec![0; 10_000], 1, &mut rng(10)).is_ok();
    assert!(!solvable(11_900) && solvable(12_800));
}
