//! From a key to its row of the equations: three different slots and a coefficient (OKVS-03).

use aes::{
    Aes128, Block,
    cipher::{BlockCipherEncrypt, KeyInit},
};

/// Keys that are encrypted at a time.
const BATCH: usize = 64;

/// The rows of some keys, in their order.
pub(super) struct Rows {
    /// Three different sparse slots each.
    pub slots: Vec<[u16; 3]>,
    /// x, whose powers are the coefficients of the dense slots.
    pub xs: Vec<u64>,
}

/// AES-128 under the public seed, fed forward: key ↦ AES(key) ⊕ key, 64 bits for the slots and 64 for x.
///
/// AES as an ideal cipher whose key is drawn after the inputs are fixed gives rows that are independent and
/// uniform, up to the collisions that a permutation lacks (below n²·2⁻¹²⁸).
pub(super) fn rows(seed: &[u8; 16], sparse: usize, keys: &[u128]) -> Rows {
    let cipher = Aes128::new(&(*seed).into());
    let mut rows = Rows { slots: Vec::with_capacity(keys.len()), xs: Vec::with_capacity(keys.len()) };
    let mut blocks = [Block::default(); BATCH];
    for keys in keys.chunks(BATCH) {
        let blocks = &mut blocks[..keys.len()];
        blocks.iter_mut().zip(keys).for_each(|(block, key)| *block = key.to_le_bytes().into());
        cipher.encrypt_blocks(blocks);
        for (block, key) in blocks.iter().zip(keys) {
            let hash = u128::from_le_bytes((*block).into()) ^ key;
            rows.slots.push(three_of(sparse as u64, hash as u64));
            rows.xs.push((hash >> 64) as u64);
        }
    }
    rows
}

/// Three different numbers below `count` ≤ 2¹⁶, from a uniform fraction h/2⁶⁴: it picks one of `count`, what
/// is left of it one of the `count` − 1 others, and so on. A triple's probability is off by a factor of
/// 1 ± 2⁻¹⁶ at most.
#[inline(always)]
fn three_of(count: u64, h: u64) -> [u16; 3] {
    let pick = |fraction: u64, count: u64| {
        let product = u128::from(fraction) * u128::from(count);
        ((product >> 64) as u64, product as u64)
    };
    let (a, rest) = pick(h, count);
    let (b, rest) = pick(rest, count - 1);
    let (c, _) = pick(rest, count - 2);
    // The second counts past the first, the third past both.
    let b = b + u64::from(b >= a);
    let c = c + u64::from(c >= a.min(b));
    let c = c + u64::from(c >= a.max(b));
    [a as u16, b as u16, c as u16]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn okvs_03_slots_are_three_different_ones(count in 3u64..=1 << 16, h: u64) {
            for h in [h, 0, u64::MAX, h << 40] {
                let [a, b, c] = three_of(count, h);
                prop_assert!(a != b && b != c && a != c);
                prop_assert!([a, b, c].iter().all(|slot| u64::from(*slot) < count));
            }
        }
    }

    /// All triples of five slots, equally often: 60 ordered ones, expected 1,000 times each. The χ² of 59
    /// degrees exceeds 150 with probability below 10⁻⁹; the inputs are fixed, so this is no matter of luck.
    #[test]
    fn okvs_03_every_triple_is_as_likely() {
        let keys: Vec<u128> = (0..60_000).collect();
        let mut seen = std::collections::BTreeMap::<[u16; 3], u32>::new();
        for slots in rows(&[7; 16], 5, &keys).slots {
            *seen.entry(slots).or_default() += 1;
        }
        assert_eq!(seen.len(), 60);
        let chi: f64 = seen.values().map(|&count| (f64::from(count) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 150.0, "{chi}");
    }
}
