//! The union is that of the sets.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;

/// Every customer that takes part stands at one place; those with the same item at the same; nobody else does.
fn right(own: &Items, theirs: &Items, ours: &United, others: &United) {
    assert_eq!(ours.places.len(), others.places.len());
    assert_eq!(ours.transcript, others.transcript);
    let standing = |items: &Items, united: &United| -> HashMap<[u8; 32], usize> {
        let at =
            |(place, customer): (usize, &Option<u32>)| Some((items[(*customer)? as usize].unwrap(), place));
        let standing: Vec<_> = united.places.iter().enumerate().filter_map(at).collect();
        let map: HashMap<_, _> = standing.iter().copied().collect();
        assert_eq!(map.len(), standing.len(), "an item at two places");
        let all: HashSet<_> = items.iter().flatten().copied().collect();
        assert_eq!(map.keys().copied().collect::<HashSet<_>>(), all);
        map
    };
    let (one, other) = (standing(own, ours), standing(theirs, others));
    let mut taken = HashMap::new();
    for (item, place) in one.iter().chain(&other) {
        assert_eq!(*taken.entry(place).or_insert(item), item, "two items at one place");
    }
    for (item, place) in &one {
        assert!(other.get(item).is_none_or(|there| there == place), "one item at two places");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Against sets, with repeats, customers without an item, dummies of every kind, every interleaving.
    #[test]
    fn union_02_the_union_is_that_of_the_sets(
        own in prop::collection::vec(prop::option::weighted(0.9, 0u32..30), 0..24),
        theirs in prop::collection::vec(prop::option::weighted(0.9, 0u32..30), 0..24),
        pool in 0u32..4, draws in any::<[u32; 2]>(), schedule in any::<u64>(), room in 1usize..4,
    ) {
        let [own, theirs] = [own, theirs].map(|set| -> Vec<_> { set.into_iter().map(|n| n.map(item)).collect() });
        let shared = draws.map(|draw| draw % (pool + 1));
        let ended = pair(&own, &theirs, pool, shared).room(room).schedule(schedule).run();
        let (ours, others) = (ended.initiator.unwrap(), ended.responder.unwrap());
        right(&own, &theirs, &ours, &others);
        let distinct = |set: &Items| set.iter().flatten().copied().collect::<HashSet<_>>();
        let (one, other) = (distinct(&own), distinct(&theirs));
        let common = one.intersection(&other).count() as u32;
        prop_assert_eq!(ours.own_count, one.len() as u32 + 1 + 2 * pool);
        prop_assert_eq!(ours.peer_count, other.len() as u32 + 1 + 2 * pool);
        let places = ours.own_count + ours.peer_count - common - shared[0] - shared[1];
        prop_assert_eq!(ours.places.len() as u32, places);
        prop_assert_eq!(ours.about, i64::from(common + shared[1]) - i64::from(pool / 2));
        prop_assert_eq!(others.about, i64::from(common + shared[0]) - i64::from(pool / 2));
    }
}
