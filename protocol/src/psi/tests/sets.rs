//! The result is the intersection, whatever the sets and whoever is faster.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::testing::Ended;

#[track_caller]
fn agrees(own: &[[u8; 32]], theirs: &[[u8; 32]], dummies: (u32, u32)) {
    check(own, theirs, dummies, pair(own, theirs, dummies).run());
}

#[track_caller]
fn check(own: &[[u8; 32]], theirs: &[[u8; 32]], dummies: (u32, u32), ended: Ended<Overlap, Seen>) {
    let distinct = |items: &[[u8; 32]]| items.iter().collect::<HashSet<_>>().len() as u32;
    let truth: HashSet<_> = theirs.iter().collect();
    let expected: Vec<bool> = own.iter().map(|item| truth.contains(item)).collect();
    let overlap = ended.initiator.unwrap();
    assert_eq!(overlap.matched, expected);
    let (ours, theirs) = (distinct(own) + dummies.0, distinct(theirs) + dummies.1);
    assert_eq!((overlap.own_count, overlap.peer_count), (ours, theirs));
    let seen = Seen { own_count: theirs, peer_count: ours, transcript: overlap.transcript };
    assert_eq!(ended.responder, Ok(seen));
}

#[test]
fn one_empty_set_or_two() {
    agrees(&items([]), &items([]), (0, 0));
    agrees(&items([]), &items(0..9), (0, 0));
    agrees(&items(0..9), &items([]), (0, 0));
    agrees(&items([]), &items([]), (3, 5));
}

#[test]
fn one_item() {
    agrees(&items([1]), &items([1]), (0, 0));
    agrees(&items([1]), &items([2]), (0, 0));
    agrees(&items([1]), &items(0..9), (0, 0));
}

#[test]
fn all_equal_or_none() {
    agrees(&items(0..20), &items((0..20).rev()), (0, 0));
    agrees(&items(0..20), &items(20..40), (0, 0));
}

#[test]
fn one_to_a_hundred_either_way() {
    agrees(&items([3, 777, 12]), &items(0..300), (0, 0));
    agrees(&items(0..300), &items([3, 777, 12]), (0, 0));
}

#[test]
fn sizes_at_the_edges_of_chunks() {
    for own in 3..=9 {
        for theirs in [3, 4, 5, 8] {
            agrees(&items(0..own), &items(2..2 + theirs), (0, 0));
        }
    }
}

#[test]
fn psi_03_repeats_count_once_and_all_get_their_answer() {
    agrees(&items([5, 1, 5, 5, 2, 1]), &items([5, 9, 9, 5]), (0, 0));
    agrees(&items([7; 30]), &items([7; 50]), (2, 2));
}

#[test]
fn psi_05_dummies_match_nothing_and_fall_away() {
    agrees(&items(0..6), &items(3..9), (40, 0));
    agrees(&items(0..6), &items(3..9), (0, 40));
    agrees(&items(0..6), &items(3..9), (17, 23));
}

#[test]
fn items_that_share_their_leading_bytes_are_told_apart() {
    let tail = |number: u8| {
        let mut item = [0xee; 32];
        item[31] = number;
        item
    };
    let own: Vec<_> = (0..20).map(tail).collect();
    let theirs: Vec<_> = (10..30).map(tail).collect();
    agrees(&own, &theirs, (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Small universes, so that overlaps and repeats are common.
    #[test]
    fn the_result_is_the_intersection(
        own in prop::collection::vec(0u32..40, 0..40),
        theirs in prop::collection::vec(0u32..40, 0..40),
        dummies in (0u32..6, 0u32..6),
        chunk in 1u32..20,
        room in 1usize..6,
        schedule in any::<u64>(),
    ) {
        let (own, theirs) = (items(own), items(theirs));
        let params = params().with_chunk_items(chunk).unwrap();
        let limits = params.limits();
        let pair = Pair::new(receiver(&params, &own, dummies.0), sender(&params, &theirs, dummies.1), limits);
        check(&own, &theirs, dummies, pair.room(room).schedule(schedule).run());
    }
}
