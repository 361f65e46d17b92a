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
