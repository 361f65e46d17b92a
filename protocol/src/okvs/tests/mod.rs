//! The rules OKVS-01 to OKVS-06, and statistics of tables.

mod statistics;
mod vectors;

use std::collections::HashMap;

use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn random_words(count: usize, rng: &mut StdRng) -> Vec<u64> {
    (0..count).map(|_| rng.next_u64()).collect()
}

fn random_keys(count: usize, rng: &mut StdRng) -> Vec<u128> {
    (0..count).map(|_| u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64())).collect()
}

#[test]
fn okvs_01_a_table_has_the_size_of_its_room_whatever_is_in_it() {
    let shape = Shape::new(5_000, 48).unwrap();
    for count in [0, 1, 2, 100, 5_000] {
        let mut rng = rng(count as u64);
        let keys = random_keys(count, &mut rng);
        let values = random_words(2 * count, &mut rng);
        let table = Table::encode(shape, &keys, values.clone(), 2, &mut rng).unwrap();
        assert_eq!(table.to_bytes().len(), shape.bytes(2));
        assert_eq!(table.decode(&keys), values);
    }
    let keys = random_keys(5_001, &mut rng(1));
    let refused = Table::encode(shape, &keys, vec![0; 5_001], 1, &mut rng(1));
    assert_eq!(refused, Err(OkvsError::TooManyKeys { room: 5_000, got: 5_001 }));
}

/// RR22's formulas in floating point, of which the shape must be the next larger one.
#[test]
fn okvs_02_shapes_are_those_of_the_published_fit_rounded_up() {
    let w = 3f64.log2();
    for keys in (0..=51_000).step_by(97) {
        for lambda in [40, 48, 60] {
            let shape = Shape::new(keys, lambda).unwrap();
            let n = (keys.max(1024)) as f64;
            let log = 0.555 * n.log2() + 0.093 * w.powi(3) - 1.01 * w * w + 2.925 * w - 0.133;
            let e = 1.223 + (f64::from(lambda) + 9.2) / log.exp2();
            let dense = (f64::from(lambda) / (e * n).log2()).floor() as usize;
            assert!(shape.sparse() as f64 >= e * n, "{keys} {lambda}");
            assert!(
                (shape.sparse() as f64) < 1.08 * e * n,
                "{keys} {lambda} {}",
                shape.sparse() as f64 / (e * n)
            );
            assert!((dense..=dense + 1).contains(&shape.dense()), "{keys} {lambda}");
            assert!(keys < 16_384 || (shape.sparse() as f64) < 1.02 * e * n);
            assert_eq!(shape.slots(), shape.sparse() + shape.dense());
        }
    }
    assert_eq!(Shape::new(1 << 14, 40).map(|shape| (shape.sparse(), shape.dense())), Ok((20_775, 2)));
    assert!(Shape::new(60_000, 40).is_err() && Shape::new(usize::MAX >> 8, 40).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn okvs_03_every_key_finds_its_value(
        pairs in prop::collection::hash_map(any::<u128>(), any::<u64>(), 0..200),
        width in prop_oneof![1usize..6, 17usize..20], seed: u64,
    ) {
        let shape = Shape::new(200, 40).unwrap();
        let keys: Vec<u128> = pairs.keys().copied().collect();
        let values: Vec<u64> =
            pairs.values().flat_map(|value| (0..width as u64).map(|word| value.rotate_left(word as u32) ^ word)).collect();
        let table = Table::encode(shape, &keys, values.clone(), width, &mut rng(seed)).unwrap();
        prop_assert_eq!(&table.decode(&keys), &values);
        let again = Table::from_bytes(shape, width, &table.to_bytes()).unwrap();
        prop_assert!(again == table);
        let backwards: Vec<u128> = keys.iter().rev().copied().collect();
        let model: HashMap<u128, &[u64]> = keys.iter().copied().zip(values.chunks(width)).collect();
        for (key, value) in backwards.iter().zip(again.decode(&backwards).chunks(width)) {
            prop_assert_eq!(value, model[key]);
        }
    }

    /// So few sparse slots that most keys are left to the dense ones.
    #[test]
    fn okvs_03_gaps_are_closed_by_the_dense_slots(
        count in 1usize..40, sparse in 3usize..60, width in 1usize..4, seed: u64,
    ) {
        let mut rng = rng(seed);
        let (keys, values) = (random_keys(count, &mut rng), random_words(count * width, &mut rng));
        let table = Table::encode(Shape::of(count, sparse, 40), &keys, values.clone(), width, &mut rng);
        prop_assert!(table.is_ok_and(|table| table.decode(&keys) == values));
    }
}

#[test]
fn okvs_03_no_more_gaps_than_dense_slots() {
    let keys = random_keys(40, &mut rng(3));
    let encode =
        |dense| Table::encode(Shape::of(40, 3, dense), &keys, vec![5; 40], 1, &mut rng(4)).map(|_| ());
    // Three slots carry one key, or with luck in the choice of the pivot no more; every other one is a gap.
    assert_eq!(encode(39), Ok(()));
    assert_eq!(encode(38), Err(OkvsError::Unsolvable));
}

#[test]
fn okvs_05_the_seed_is_the_first_thing_drawn() {
    let (mut first, mut second) = (rng(5), rng(5));
    let mut seed = [0; 16];
    second.fill_bytes(&mut seed);
    let shape = Shape::new(10, 40).unwrap();
    let table = Table::encode(shape, &[1, 2], vec![3, 4], 1, &mut first).unwrap();
    assert_eq!(table.to_bytes()[..16], seed);
}

/// One seed is drawn and no second: a maker that tried again would be found by what it draws.
#[test]
fn okvs_05_a_failure_is_final() {
    let (mut first, mut second) = (rng(6), rng(6));
    let shape = Shape::new(100, 40).unwrap();
    let same = vec![7; 100];
    assert_eq!(Table::encode(shape, &same, vec![1; 100], 1, &mut first), Err(OkvsError::Unsolvable));
    second.fill_bytes(&mut [0; 16]);
    assert_eq!(first.next_u64(), second.next_u64());
    // A key that stands twice is an error also where the dense slots could take it, and with the same value.
    for values in [vec![1, 2, 3], vec![1, 2, 1]] {
        assert_eq!(Table::encode(shape, &[8, 9, 8], values, 1, &mut first), Err(OkvsError::Unsolvable));
    }
}

#[test]
fn okvs_06_a_table_of_another_length_is_refused() {
    let shape = Shape::new(10, 40).unwrap();
    let right = shape.bytes(3);
    for length in [0, 15, 16, right - 1, right + 1, shape.bytes(2)] {
        let refused = Table::from_bytes(shape, 3, &vec![1; length]);
        assert_eq!(refused, Err(OkvsError::TableLength { expected: right, got: length }));
    }
    let table = Table::from_bytes(shape, 3, &vec![0xff; right]).unwrap();
    assert_eq!(table.decode(&[0, u128::MAX]).len(), 6);
    assert_eq!(Table::from_bytes(shape, 0, &[0; 16]), Err(OkvsError::Width));
    assert_eq!(Table::from_bytes(shape, 257, &[0; 16]), Err(OkvsError::Width));
    assert_eq!(
        Table::encode(shape, &[1, 2], vec![1; 3], 2, &mut rng(1)),
        Err(OkvsError::ValueCount { expected: 4, got: 3 })
    );
    assert!(!format!("{table:?}").contains("words"));
}
