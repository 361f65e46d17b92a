//! A key-value store held against a map.

use std::collections::BTreeMap;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::okvs::{OkvsError, Shape, Table};

/// Reads `bytes` as a key-value store: its width, its seed, then pairs that are put into a map as well. Every
/// key finds what the map has for it, at the maker and after the wire; any bytes of the right length are read
/// without a panic, and no others are taken.
///
/// # Panics
/// When a key finds something else.
pub fn okvs_against_a_map(bytes: &[u8]) {
    let Some(([width, seed, fill], pairs)) = bytes.split_first_chunk() else { return };
    let width = usize::from(width % 20) + 1;
    // Keys of one byte repeat, which is what a map is for.
    let map: BTreeMap<u128, Vec<u64>> = pairs
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[key, value]| {
            let word = |at| u64::from(*value).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(at);
            (u128::from(*key) << (fill % 121), (0..width as u32).map(word).collect())
        })
        .collect();
    let (keys, values): (Vec<u128>, Vec<Vec<u64>>) = map.into_iter().unzip();
    let values = values.concat();
    let shape = Shape::new(256, 40).expect("256 keys fit");
    let mut rng = ChaCha20Rng::from_seed([*seed; 32]);
    match Table::encode(shape, &keys, values.clone(), width, &mut rng) {
        Ok(table) => {
            assert_eq!(table.decode(&keys), values, "another value");
            let wire = table.to_bytes();
            let again = Table::from_bytes(shape, width, &wire).expect("its own bytes");
            assert_eq!(again.decode(&keys), values, "another value after the wire");
            assert_eq!(
                Table::from_bytes(shape, width, &wire[1..]),
                Err(OkvsError::TableLength { expected: wire.len(), got: wire.len() - 1 })
            );
        }
        Err(error) => assert_eq!(error, OkvsError::Unsolvable),
    }
    let mut wire = vec![*fill; shape.bytes(width)];
    wire.iter_mut().zip(bytes).for_each(|(wire, byte)| *wire ^= byte);
    let found = Table::from_bytes(shape, width, &wire).map(|table| table.decode(&keys).len());
    assert_eq!(found, Ok(values.len()), "bytes of the right length are a table");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn okvs_03_a_store_is_a_map(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            okvs_against_a_map(&bytes);
        }
    }
}
