//! Does anything that is said depend on who is shared, or on how many are? The same sizes, and of the rows none, half
//! or all at both ends; C04 of the catalogue. The looks that are taken, their false alarms and twins with
//! planted leaks stand in [`crate::testing::leakage`]; two more leaks are planted here, in the join itself.

use super::*;
use crate::{
    testing::{
        Pair, Said,
        leakage::{Class, Leak, leaks, uneven},
    },
    wire::Wire,
};

const ROWS: u32 = 40;
/// With three classes a bit that is always set in one of them and never in the others is found from 30 runs on.
const RUNS: u8 = 32;

/// Which end's rows are others when another number is shared.
#[derive(Clone, Copy)]
enum Moving {
    Seeker,
    Holder,
}

/// Tables of `ROWS` rows, `shared` of which are at both ends, by each kind of key.
fn tables(shared: u32, moving: Moving, keys: u32) -> (Rows, Rows) {
    let side = |first: u32| Rows {
        keys: (0..keys)
            .map(|column| (first..first + ROWS).map(|row| Some(key(column, row))).collect())
            .collect(),
        cells: (0..ROWS).map(|row| (row % 2) as u8).collect(),
        terms: vec![(0..ROWS).map(|row| i64::from(row % 9)).collect()],
    };
    let moved = 1000 + ROWS - shared;
    match moving {
        Moving::Seeker => (side(moved), side(1000)),
        Moving::Holder => (side(1000), side(moved)),
    }
}

/// Everything that is said in a run with these seeds, each slab's message by the name of its stage.
fn said(params: &Params, (seeker, holder): (Rows, Rows), padded: u32, seed: [u8; 2]) -> Vec<Said> {
    let noise = || Some(vec![0; params.shape().figures()]);
    let [one, other] = seed.map(|seed| Secret::new([seed; 32]));
    let seeker = Seeker::start(params.clone(), seeker, padded, noise(), one).unwrap();
    let holder = Holder::start(params.clone(), holder, ROWS, noise(), other).unwrap();
    let ended = Pair::new(seeker, holder, params.limits()).run();
    assert_eq!(ended.initiator.unwrap().transcript, ended.responder.unwrap().transcript);
    let named = |said: Said| match Message::decode(&said.bytes, &params.limits()).unwrap() {
        Message::Slab { stage, .. } => Said { kind: stage.name(), ..said },
        _ => said,
    };
    ended.said.into_iter().map(named).collect()
}

fn classes(mut run: impl FnMut(u32, u8) -> Vec<Said>) -> Vec<Class> {
    let shared = [("none", 0), ("half", ROWS / 2), ("all", ROWS)];
    let class = |(name, shared)| Class { name, runs: (0..RUNS).map(|number| run(shared, number)).collect() };
    shared.map(class).into()
}

/// Seeds that no other run has.
fn seeds(shared: u32, number: u8) -> [u8; 2] {
    let class = (shared * 2 / ROWS) as u8;
    [class * RUNS + number, 255 - class * RUNS - number]
}

fn params(keys: u32) -> Params {
    params_of(Shape::new((2, 2), vec![8], vec![8], vec![Product { seeker: 0, holder: 0 }]).unwrap(), keys)
        .with_slab_bins(32)
        .unwrap()
}

#[test]
fn c04_nothing_that_is_said_depends_on_the_overlap() {
    for (moving, keys) in [(Moving::Seeker, 1), (Moving::Holder, 1)] {
        let params = params(keys);
        let classes = classes(|shared, number| {
            said(&params, tables(shared, moving, keys), ROWS, seeds(shared, number))
        });
        assert_eq!(leaks(&classes), []);
        // Nor on anything else: what a slab is told is under masks.
        let runs: Vec<_> = classes.into_iter().flat_map(|class| class.runs).collect();
        assert_eq!(uneven(&runs, |said| Stage::ALL.iter().any(|stage| stage.name() == said.kind), 20), []);
    }
}

#[test]
fn c04_a_size_that_is_not_padded_would_be_seen() {
    let params = params(1);
    let classes = classes(|shared, number| {
        let (mut seeker, holder) = tables(shared, Moving::Seeker, 1);
        seeker.keys[0].truncate(shared as usize);
        seeker.cells.truncate(shared as usize);
        seeker.terms[0].truncate(shared as usize);
        said(&params, (seeker, holder), shared, seeds(shared, number))
    });
    assert!(matches!(leaks(&classes)[..], [Leak::Shape { .. }, ..]));
}

/// The same masks in every run are no masks.
#[test]
fn c04_a_mask_that_is_not_fresh_would_be_seen() {
    let params = params(1);
    let classes = classes(|shared, _| said(&params, tables(shared, Moving::Seeker, 1), ROWS, [1, 2]));
    let leaks = leaks(&classes);
    for stage in [Stage::Oprf, Stage::Opprf, Stage::Nibbles, Stage::SeekerWords] {
        let place = |leak: &Leak| matches!(leak, Leak::Place { kind, .. } if *kind == stage.name());
        assert!(leaks.iter().any(place), "{}: {leaks:?}", stage.name());
    }
}
