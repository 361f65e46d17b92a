//! Does anything that is said depend on who is shared, or on how many are? The same sizes, and of the rows none, half
//! or all at both ends; C04 of the catalogue. The looks that are taken, their false alarms and twins with
//! planted leaks stand in [`crate::testing::leakage`]; two more leaks are planted here, in the join itself.

use rayon::prelude::*;

use crate::{
    ids::{ContractId, SessionId},
    join::{Agreed, Holder, Learns, Message, Params, Product, Rows, Seeker, Shape, Stage},
    secret::Secret,
    testing::{
        Pair, Said,
        leakage::{Class, Leak, leaks, uneven},
    },
    wire::Wire,
};

const ROWS: u32 = 40;
/// With three classes a bit that is always set in one of them and never in the others is found from 30 runs on.
const RUNS: u8 = 32;
/// Tag, stage, slab and length of a slab's message: public.
const HEADER: usize = 20;

/// Which end's rows are others when another number is shared.
#[derive(Clone, Copy)]
enum Moving {
    Seeker,
    Holder,
}

fn key(column: u32, customer: u32) -> [u8; 32] {
    *blake3::hash(&(u64::from(column) << 32 | u64::from(customer)).to_le_bytes()).as_bytes()
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

fn classes(run: impl Fn(u32, u8) -> Vec<Said> + Sync, runs: u8) -> Vec<Class> {
    let shared = [("none", 0), ("half", ROWS / 2), ("all", ROWS)];
    let class = |(name, shared)| {
        let runs = (0..runs).into_par_iter().map(|number| run(shared, number)).collect();
        Class { name, runs }
    };
    shared.map(class).into()
}

/// Seeds that no other run has.
fn seeds(shared: u32, number: u8) -> [u8; 2] {
    let class = (shared * 2 / ROWS) as u8;
    [class * RUNS + number, 255 - class * RUNS - number]
}

/// A question in which every stage has something to say.
fn params(keys: u32) -> Params {
    let shape = Shape::new((2, 2), vec![8], vec![8], vec![Product { seeker: 0, holder: 0 }]).unwrap();
    let agreed = Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        question: [3; 32],
        learns: Learns::Both,
        keys,
        noise: vec![0; shape.figures_of_a_cell()],
        shape,
        max_seeker: ROWS,
        max_holder: ROWS,
    };
    Params::new(agreed).unwrap().with_slab_bins(32).unwrap()
}

#[test]
fn c04_nothing_that_is_said_depends_on_the_overlap() {
    // Two kinds of key: then every stage speaks.
    let params = params(2);
    let run = |shared, number| {
        let moving = if number % 2 == 0 { Moving::Seeker } else { Moving::Holder };
        said(&params, tables(shared, moving, 2), ROWS, seeds(shared, number))
    };
    let classes = classes(run, RUNS);
    assert_eq!(leaks(&classes), []);
    // Nor on anything else: what a slab is told is under masks.
    let mut runs: Vec<_> = classes.into_iter().flat_map(|class| class.runs).collect();
    // JOIN-75: four switches a byte, and the spare bits of the last are zero.
    let changes = runs.iter_mut().flatten().filter(|said| said.kind == Stage::Changes.name());
    changes.for_each(|said| said.bytes.truncate(said.bytes.len() - 1));
    for stage in Stage::ALL {
        assert!(runs[0].iter().any(|said| said.kind == stage.name()), "{} was said", stage.name());
    }
    let masked = |said: &Said| Stage::ALL.iter().any(|stage| stage.name() == said.kind);
    assert_eq!(uneven(&runs, masked, HEADER), []);
    // Half of a figure is no figure, even to who opens it: tag, role, nonce and length, then the halves.
    assert_eq!(uneven(&runs, |said| said.kind == "Open", 48), []);
}

#[test]
fn c04_a_size_that_is_not_padded_would_be_seen() {
    let params = params(1);
    let run = |shared: u32, number| {
        let (mut seeker, holder) = tables(shared, Moving::Seeker, 1);
        seeker.keys[0].truncate(shared as usize);
        seeker.cells.truncate(shared as usize);
        seeker.terms[0].truncate(shared as usize);
        said(&params, (seeker, holder), shared, seeds(shared, number))
    };
    assert!(matches!(leaks(&classes(run, 2))[..], [Leak::Shape { .. }, ..]));
}

/// The same masks in every run are no masks.
#[test]
fn c04_masks_that_are_not_fresh_would_be_seen() {
    let params = params(1);
    let run = |shared, _| said(&params, tables(shared, Moving::Seeker, 1), ROWS, [1, 2]);
    let mut classes = classes(run, 1);
    classes.iter_mut().for_each(|class| class.runs = vec![class.runs[0].clone(); usize::from(RUNS)]);
    let leaks = leaks(&classes);
    // From the seeker's items on everything is other.
    for stage in [Stage::Oprf, Stage::Opprf, Stage::Fours, Stage::SeekerWords, Stage::HolderWords] {
        let place = |leak: &Leak| matches!(leak, Leak::Place { kind, .. } if *kind == stage.name());
        assert!(leaks.iter().any(place), "{}", stage.name());
    }
    let opened = |leak: &Leak| matches!(leak, Leak::Places { kind: "Open", .. });
    assert!(leaks.iter().any(opened), "what is opened");
}
