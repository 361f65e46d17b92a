//! Are two 64-bit strings equal, one at each end? The answer is split, and nobody sees it.
//!
//! Sixteen look-ups of one nibble each, "is yours mine?", give sixteen split bits. That all four of a group are
//! set, a ⊕ b = 1111, is again an equality of nibbles, a = ¬b: four look-ups, and one for those. So 21 look-ups a bin
//! and no products (after Chandran, Gupta and Shah, *Circuit-PSI with linear complexity via relaxed batch OPPRF*, PETS
//! 2022, who look up less-than and equal). The holder looks up, the seeker makes the tables. The
//! attack it stops: whoever sees how long a comparison takes, or how far it gets, sees a match; here every bin
//! takes the same look-ups whatever is in it (JOIN-50).

/// Look-ups of a bin at each of the three levels.
pub(super) const LOOKUPS: [usize; 3] = [16, 4, 1];

/// The nibbles of these strings, from the lowest.
pub(super) fn nibbles(strings: &[u64]) -> Vec<u8> {
    let mut nibbles = Vec::with_capacity(LOOKUPS[0] * strings.len());
    for string in strings {
        nibbles.extend((0..LOOKUPS[0]).map(|place| (string >> (4 * place)) as u8 & 15));
    }
    nibbles
}

/// Four bits each to a nibble; `flip` is 15 at one end and 0 at the other, so that nibbles are equal where all
/// four bits differ between the ends.
pub(super) fn fours(bits: &[u8], flip: u8) -> Vec<u8> {
    let (fours, _) = bits.as_chunks::<4>();
    fours.iter().map(|[a, b, c, d]| (a | b << 1 | c << 2 | d << 3) ^ flip).collect()
}

/// The table of one look-up, "is it `nibble`?", under this end's half of the answer: entry k is bit k.
pub(super) const fn table(nibble: u8, half: u8) -> u16 {
    1 << (nibble & 15) ^ (half as u16).wrapping_neg()
}

/// The table of "equal, and not matched before", by the holder's halves e + 2·m of both; the seeker's are `equal` and
/// `matched` (JOIN-53).
pub(super) const fn table_of_first(equal: u8, matched: u8, half: u8) -> u16 {
    // Entry e + 2·m is 1 where e is not `equal` and m is `matched`; the entries beyond 3 are never looked up.
    1 << ((equal ^ 1) | matched << 1) ^ (half as u16).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The three levels with a look-up that simply looks up.
    fn equal(ours: u64, theirs: u64, mut half: impl FnMut() -> u8) -> (u8, u8) {
        let (mut tables, mut chosen) = (nibbles(&[ours]), nibbles(&[theirs]));
        loop {
            let halves: Vec<u8> = tables.iter().map(|_| half()).collect();
            let look =
                |((nibble, half), choice): ((&u8, &u8), &u8)| (table(*nibble, *half) >> choice) as u8 & 1;
            let answers: Vec<u8> = tables.iter().zip(&halves).zip(&chosen).map(look).collect();
            if let ([half], [answer]) = (&halves[..], &answers[..]) {
                return (*half, *answer);
            }
            (tables, chosen) = (fours(&halves, 15), fours(&answers, 0));
        }
    }

    #[test]
    fn join_50_equal_strings_and_only_those_are_found_equal() {
        let mut state = 7u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state
        };
        for _ in 0..200 {
            let ours = random();
            let others =
                (0..64).map(|bit| ours ^ 1 << bit).chain([ours, !ours, 0, u64::MAX]).collect::<Vec<_>>();
            for theirs in others {
                let (own, other) = equal(ours, theirs, || (random() >> 60) as u8 & 1);
                assert_eq!(own ^ other, u8::from(ours == theirs));
            }
        }
    }

    #[test]
    fn join_53_the_first_match_and_no_other() {
        for bits in 0..32u8 {
            let [equal, matched, half, e, m] = std::array::from_fn(|place| bits >> place & 1);
            let answer = (table_of_first(equal, matched, half) >> (e | m << 1)) as u8 & 1;
            assert_eq!(answer ^ half, (equal ^ e) & (1 ^ matched ^ m));
        }
    }
}
