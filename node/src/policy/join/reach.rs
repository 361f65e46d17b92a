//! By how much one customer changes a figure over the overlap, over all groups together.
//!
//! The attack this stops: a customer who counts more often than its noise was made for. Over the overlap, that
//! depends on the side. A row of the *seeker's* counts once at most, with the first match key by which it matches.
//! A row of the *holder's* can be found by another row of the seeker's with each of K match keys; so one customer of
//! the holder's is in up to K sums. And without it, K − 1 of these rows may go on to their next key and find
//! another customer of the holder's, maybe in another group: only for the last key there is no next one.
//!
//! Let c be the most that one match changes the integer, d the most by which two matches of one of the seeker's
//! rows differ (0 if the integer is none of the holder's). Of the K − 1 rows, let s go on within the holder's group
//! and t = K − 1 − s to others. The change is at most c + s·max(c, d) + t·c in the group left and t·c in others, so
//!
//! ```text
//!   Δ₂² ≤ max over t of (c + (K−1−t)·max(c, d) + t·c)² + (t·c)²,      t = 0 where the holder has no groups.
//! ```
//!
//! K = 1: c². Counts, K = 2: 4 without groups of the holder's, 5 with. A row of the seeker's that leaves takes its
//! own match along and changes no other.

/// Δ² for a customer of the seeker's; an integer changes by what lies between `low` and `high`.
pub(super) fn of_seekers([low, high]: [i64; 2]) -> u128 {
    largest([low, high]).pow(2)
}

/// Δ² for a customer of the holder's. `depends` says whether the integer is made of the holder's values, `grouped`
/// whether the holder has more than one group, and `keys` how many match keys there are.
pub(super) fn of_holders([low, high]: [i64; 2], depends: bool, grouped: bool, keys: usize) -> u128 {
    let most = largest([low, high]);
    let spread = if depends { u128::from(low.abs_diff(high)) } else { 0 };
    let further = keys.max(1) as u128 - 1;
    let moving = if grouped { further } else { 0 };
    let squares = (0..=moving).map(|moved| {
        let here = most + (further - moved) * most.max(spread) + moved * most;
        here.pow(2) + (moved * most).pow(2)
    });
    squares.max().unwrap_or_default()
}

/// How many groups one customer can be in, at most, before and after it leaves.
pub(super) fn touched(keys: usize, cells: usize) -> u32 {
    let touched = (2 * keys.max(1) - 1).min(cells.max(1));
    u32::try_from(touched).unwrap_or(u32::MAX)
}

fn largest([low, high]: [i64; 2]) -> u128 {
    u128::from(low.unsigned_abs().max(high.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A row of the seeker's: its group, its value, and for each key the customer of the holder's that it finds.
    type Seekers = Vec<(usize, i64, [Option<usize>; KEYS])>;
    const KEYS: usize = 3;
    const GROUPS: usize = 2;

    /// The integer of every group, by the first key that finds somebody who is there.
    fn sums(
        seekers: &Seekers,
        holders: &[(usize, i64)],
        gone: Option<usize>,
        of: &dyn Fn(i64, i64) -> i64,
    ) -> Vec<i64> {
        let mut sums = vec![0; GROUPS * GROUPS];
        for (group, value, finds) in seekers {
            let found = finds.iter().flatten().find(|found| Some(**found) != gone);
            if let Some(found) = found {
                let (other, theirs) = holders[*found];
                sums[group * GROUPS + other] += of(*value, theirs);
            }
        }
        sums
    }

    fn change(one: &[i64], other: &[i64]) -> u128 {
        one.iter().zip(other).map(|(one, other)| u128::from(one.abs_diff(*other)).pow(2)).sum()
    }

    /// Three rows of the seeker's, of which each finds the one who leaves, by another key; two then find another.
    #[test]
    fn one_who_is_found_by_every_key_changes_as_much_as_is_said_and_no_less() {
        let seekers = vec![
            (0, 1, [Some(0), Some(1), None]),
            (0, 1, [None, Some(0), Some(2)]),
            (0, 1, [None, None, Some(0)]),
        ];
        let counted = |holders: &[(usize, i64)]| {
            let count = |_, _| 1;
            change(&sums(&seekers, holders, None, &count), &sums(&seekers, holders, Some(0), &count))
        };
        assert_eq!(counted(&[(0, 1), (1, 1), (1, 1)]), of_holders([0, 1], false, true, KEYS));
        assert_eq!(of_holders([0, 1], false, true, KEYS), 9 + 4);
        // Within a group it is a third less: two are still found.
        assert_eq!(counted(&[(0, 1), (0, 1), (0, 1)]), 1);
        let signed = |holders: &[(usize, i64)]| {
            let sum = |_, theirs| theirs;
            change(&sums(&seekers, holders, None, &sum), &sums(&seekers, holders, Some(0), &sum))
        };
        assert_eq!(signed(&[(0, 1), (0, -1), (0, -1)]), of_holders([-1, 1], true, false, KEYS));
        assert_eq!(of_holders([-1, 1], true, false, KEYS), 25);
    }

    #[test]
    fn with_one_key_both_sides_count_once() {
        for (span, depends, grouped) in [([0, 1], false, true), ([-5, 3], true, true), ([0, 9], true, false)]
        {
            assert_eq!(of_holders(span, depends, grouped, 1), of_seekers(span));
            assert_eq!(touched(1, 64), 1);
        }
        assert_eq!((of_holders([0, 1], false, false, 2), of_holders([0, 1], false, true, 2)), (4, 5));
        assert_eq!((touched(2, 64), touched(3, 2)), (3, 2));
    }

    proptest! {
        #[test]
        fn no_customer_changes_more_than_is_said(
            holders in prop::collection::vec((0..GROUPS, -3i64..=3), 1..6),
            own in prop::collection::vec((0..GROUPS, -2i64..=2), 1..6),
            links in prop::collection::vec((0..6usize, 0..6usize, 0..KEYS), 0..14),
        ) {
            let mut seekers: Seekers = own.iter().map(|(group, value)| (*group, *value, [None; KEYS])).collect();
            let mut used = std::collections::BTreeSet::new();
            for (row, found, key) in links {
                // An identifier is one row's of the seeker's and one customer's of the holder's.
                if row < seekers.len() && found < holders.len() && seekers[row].2[key].is_none()
                    && used.insert((found, key))
                {
                    seekers[row].2[key] = Some(found);
                }
            }
            type Figure = (fn(i64, i64) -> i64, [i64; 2], bool);
            let figures: [Figure; 4] = [
                (|_, _| 1, [0, 1], false),
                (|own, _| own, [-2, 2], false),
                (|_, theirs| theirs, [-3, 3], true),
                (|own, theirs| own * theirs, [-6, 6], true),
            ];
            for (of, span, depends) in figures {
                let whole = sums(&seekers, &holders, None, &of);
                for gone in 0..holders.len() {
                    let without = sums(&seekers, &holders, Some(gone), &of);
                    prop_assert!(change(&whole, &without) <= of_holders(span, depends, true, KEYS));
                }
                for gone in 0..seekers.len() {
                    let mut fewer = seekers.clone();
                    fewer.remove(gone);
                    let without = sums(&fewer, &holders, None, &of);
                    prop_assert!(change(&whole, &without) <= of_seekers(span));
                }
            }
        }
    }
}
