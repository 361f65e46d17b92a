//! The figures are those of the join in the clear, whatever the rows, the shape, and who is faster.

use proptest::prelude::*;

use super::*;

#[test]
fn join_54_join_56_every_shape() {
    for shape in shapes() {
        let case = Case::new(shape.clone());
        case.check(&own_rows(&shape, 0..60), &their_rows(&shape, 30..110));
    }
}

#[test]
fn one_empty_side_or_two() {
    for shape in [Shape::count(), shape((3, 2), &[7], &[5], &[(0, 0)])] {
        let case = Case::new(shape.clone());
        for (own, theirs) in [(0..0, 0..0), (0..0, 0..9), (0..9, 0..0)] {
            case.check(&own_rows(&shape, own), &their_rows(&shape, theirs));
        }
        let padded = Case { padding: (7, 30), ..Case::new(shape.clone()) };
        padded.check(&own_rows(&shape, 0..0), &their_rows(&shape, 0..0));
    }
}

#[test]
fn none_all_and_one_to_a_hundred() {
    for shape in [Shape::count(), shape((2, 2), &[7], &[5], &[])] {
        let case = Case::new(shape.clone());
        for (own, theirs) in [(0..50, 100..150), (0..50, 0..50), (0..5, 0..500), (0..500, 0..5)] {
            case.check(&own_rows(&shape, own), &their_rows(&shape, theirs));
        }
    }
}

#[test]
fn join_02_padding_changes_sizes_and_no_figure() {
    let shape = shape((2, 3), &[7], &[5], &[(0, 0)]);
    for padding in [(1, 0), (0, 1), (300, 40)] {
        let case = Case { padding, ..Case::new(shape.clone()) };
        case.check(&own_rows(&shape, 0..40), &their_rows(&shape, 20..60));
    }
}

#[test]
fn join_05_a_row_without_a_key_matches_nothing() {
    let shape = shape((1, 2), &[7], &[5], &[]);
    let (mut own, mut theirs) = (own_rows(&shape, 0..40), their_rows(&shape, 0..40));
    own.keys[0].iter_mut().take(9).for_each(|key| *key = None);
    theirs.keys[0].iter_mut().skip(30).for_each(|key| *key = None);
    assert_eq!(model::join(&shape, &own, &theirs).iter().step_by(3).sum::<i64>(), 21);
    Case::new(shape).check(&own, &theirs);
}

#[test]
fn either_end_or_both_learn() {
    for learns in [Learns::Seeker, Learns::Holder, Learns::Both] {
        for shape in [Shape::count(), shape((2, 3), &[7], &[5], &[(0, 0)])] {
            let case = Case { learns, ..Case::new(shape.clone()) };
            case.check(&own_rows(&shape, 0..40), &their_rows(&shape, 20..60));
        }
    }
}

/// Three ends' worth of noise would give another sum.
#[test]
fn join_47_every_figure_has_the_noise_of_each_end_that_does_not_learn_alone() {
    let shape = shape((2, 1), &[7], &[5], &[]);
    let (own, theirs) = (own_rows(&shape, 0..40), their_rows(&shape, 20..60));
    let truth = model::join(&shape, &own, &theirs);
    for (learns, noise) in [(Learns::Seeker, -200), (Learns::Holder, 100), (Learns::Both, -100)] {
        let case = Case { learns, ..Case::new(shape.clone()) };
        let (seeker, holder) = (case.seeker(&own, 100).unwrap(), case.holder(&theirs, -200).unwrap());
        let ended = Pair::new(seeker, holder, case.params().limits()).run();
        let noisy: Vec<i64> = truth.iter().map(|figure| figure + noise).collect();
        for joined in [ended.initiator.unwrap(), ended.responder.unwrap()] {
            assert!(joined.figures.is_none_or(|figures| figures.as_slice() == noisy));
        }
    }
}

/// What a run that opens everything has at these places, and no word more on the wire.
#[test]
fn join_48_what_is_not_on_the_list_never_leaves() {
    let all = shape((2, 2), &[7, 9], &[5], &[(1, 0)]);
    let (own, theirs) = (own_rows(&all, 0..60), their_rows(&all, 20..80));
    let truth = model::join(&all, &own, &theirs);
    for learns in [Learns::Seeker, Learns::Holder, Learns::Both] {
        for (place, figure) in all.opened().into_iter().enumerate() {
            let some = all.clone().opening(&[figure]).unwrap();
            let case = Case { learns, ..Case::new(some.clone()) };
            let ended = case.run(&own, &theirs);
            let opened: Vec<_> = ended.said.iter().filter(|said| said.kind == "Open").collect();
            assert_eq!(opened.len(), if learns == Learns::Both { 2 } else { 1 });
            // Tag, role, nonce and length; then a word for each of four cells.
            assert!(opened.iter().all(|said| said.bytes.len() == 48 + 4 * 8));
            let expected: Vec<i64> = truth.chunks_exact(5).map(|cell| cell[place]).collect();
            for figures in [ended.initiator.unwrap(), ended.responder.unwrap()].map(|joined| joined.figures) {
                let Some(figures) = figures else { continue };
                assert_eq!(figures.as_slice(), expected);
                assert_eq!(figures.at(1, 1, figure), Some(expected[3]));
                let others = all.opened().into_iter().filter(|other| *other != figure);
                assert!(others.into_iter().all(|other| figures.at(0, 0, other).is_none()));
            }
        }
    }
}

/// A product that no run could open is none that any could not compute with: only what is opened must fit (JOIN-06).
#[test]
fn join_06_join_48_what_is_not_opened_may_wrap_around() {
    let most = (1 << 61) - 1;
    let all = shape((1, 1), &[most], &[most], &[(0, 0)]);
    let agreed = |shape: Shape| Agreed {
        noise: vec![0; shape.figures_of_a_cell()],
        max_seeker: 1 << 26,
        max_holder: 1 << 26,
        ..agreed(shape, 1)
    };
    assert!(Params::new(agreed(all.clone())).is_err());
    let some = all.opening(&[Figure::Count]).unwrap();
    assert!(Params::new(agreed(some.clone())).is_ok());
    let rows = || Rows { keys: vec![keys(0..9)], cells: vec![0; 9], terms: vec![vec![most as i64; 9]] };
    Case::new(some).check(&rows(), &rows());
}

#[test]
fn the_holder_may_begin() {
    let shape = shape((2, 2), &[7], &[5], &[]);
    let case = Case::new(shape.clone());
    let (own, theirs) = (own_rows(&shape, 0..40), their_rows(&shape, 20..60));
    let (seeker, holder) = (case.seeker(&own, 0).unwrap(), case.holder(&theirs, 0).unwrap());
    let ended = Pair::new(holder, seeker, case.params().limits()).run();
    let figures = ended.responder.unwrap().figures.unwrap();
    assert_eq!(figures.as_slice(), model::join(&shape, &own, &theirs));
    assert!(ended.initiator.unwrap().figures.is_none());
}

#[test]
fn the_largest_terms() {
    let most = 1 << 48;
    let shape = shape((1, 1), &[most, 1 << 20], &[most, 1 << 20], &[(1, 1)]);
    let rows = |sign: i64| Rows {
        keys: vec![keys(0..40)],
        cells: vec![0; 40],
        terms: vec![vec![sign * most.cast_signed(); 40], vec![sign << 20; 40]],
    };
    for (own, theirs) in [(1, 1), (-1, 1), (1, -1), (-1, -1)] {
        Case::new(shape.clone()).check(&rows(own), &rows(theirs));
    }
}

/// By hand: a row that matches another row by each key, and rows that lack one.
#[test]
fn join_53_the_first_key_that_matches_counts() {
    let key = |number: u8| Some([number; 32]);
    let shape = shape((2, 1), &[9], &[99], &[(0, 0)]);
    let seeker = Rows {
        keys: vec![vec![key(1), key(2), None, key(4)], vec![key(11), key(12), key(13), None]],
        cells: vec![0, 0, 1, 1],
        terms: vec![vec![1, 2, 3, 4]],
    };
    let holder = Rows {
        keys: vec![vec![key(1), key(13), None], vec![key(12), key(11), key(13)]],
        cells: vec![0; 3],
        terms: vec![vec![10, 20, 30]],
    };
    // Row 0 with row 0 (not row 1), row 1 with row 0, row 2 with row 2, row 3 with none.
    assert_eq!(model::join(&shape, &seeker, &holder), [2, 3, 20, 30, 1, 3, 30, 90]);
    Case { keys: 2, ..Case::new(shape) }.check(&seeker, &holder);
}

prop_compose! {
    fn any_shape()(
        cells in prop_oneof![Just((1, 1)), (1u32..4, 1u32..4), Just((1, 5)), Just((6, 1))],
        own in prop::collection::vec(1u64..2000, 0..3),
        theirs in prop::collection::vec(1u64..(1 << 33), 0..3),
        products in prop::collection::vec(any::<bool>(), 9),
        opened in prop_oneof![Just(vec![true; 14]), prop::collection::vec(any::<bool>(), 14)],
    ) -> Shape {
        let pairs = (0..own.len()).flat_map(|seeker| (0..theirs.len()).map(move |holder| (seeker, holder)));
        let products: Vec<_> = pairs.zip(products).filter_map(|(pair, there)| there.then_some(pair)).collect();
        let all = shape(cells, &own, &theirs, &products);
        let some: Vec<_> =
            all.opened().into_iter().zip(opened).filter_map(|(figure, there)| there.then_some(figure)).collect();
        all.clone().opening(&some).unwrap_or(all)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Small universes, so that overlaps are common.
    #[test]
    fn the_figures_are_those_of_the_model(
        shape in any_shape(),
        own in prop::collection::btree_set(0u32..80, 0..50),
        theirs in prop::collection::btree_set(0u32..80, 0..50),
        kinds in prop_oneof![3 => Just(1u32), 1 => 2u32..4],
        padding in (0u32..20, 0u32..20),
        slab in 20u32..200,
        learns in prop_oneof![Just(Learns::Seeker), Just(Learns::Holder), Just(Learns::Both)],
        room in 1usize..6,
        schedule in any::<u64>(),
    ) {
        let (customers, others) = (own, theirs);
        let (mut own, mut theirs) = (own_rows(&shape, customers.clone()), their_rows(&shape, others.clone()));
        add_keys(&mut own, &customers, kinds, 7);
        add_keys(&mut theirs, &others, kinds, 3);
        let case = Case { keys: kinds, learns, slab, padding, ..Case::new(shape) };
        let pair = case.pair(&own, &theirs).room(room).schedule(schedule);
        case.check_ended(&own, &theirs, pair.run());
    }
}
