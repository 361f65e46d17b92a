//! What the plan says is what is said; nothing else has a length; and what is said alone tells nothing.

use std::collections::BTreeMap;

use super::*;
use crate::{
    testing::Said,
    wire::{Role as End, Wire},
};

fn decoded(case: &Case, said: &Said) -> Message {
    Message::decode(&said.bytes, &case.params().limits()).unwrap()
}

fn bytes_by(said: &[Said], by: End) -> u64 {
    said.iter().filter(|said| said.by == by).map(|said| said.bytes.len() as u64).sum()
}

#[test]
fn join_41_the_plan_is_what_is_said() {
    for shape in shapes() {
        for (keys, padding) in [(1, (0, 0)), (2, (30, 70))] {
            let case = Case { keys, padding, learns: Learns::Both, ..Case::new(shape.clone()) };
            let (mut own, mut theirs) = (own_rows(&shape, 0..60), their_rows(&shape, 30..110));
            own.keys.resize(keys as usize, self::keys(500..560));
            theirs.keys.resize(keys as usize, self::keys(500..580));
            let said = case.run(&own, &theirs).said;
            let plan = Plan::new(&case.params(), 60 + padding.0, 80 + padding.1).unwrap();
            assert_eq!(plan.bytes_by(Role::Seeker), bytes_by(&said, End::Initiator));
            assert_eq!(plan.bytes_by(Role::Holder), bytes_by(&said, End::Responder));
            let mut stages: BTreeMap<Stage, (u64, u64)> = BTreeMap::new();
            for said in &said {
                if let Message::Slab { stage, .. } = decoded(&case, said) {
                    let (messages, bytes) = stages.entry(stage).or_default();
                    *messages += 1;
                    *bytes += said.bytes.len() as u64;
                }
            }
            let costs = plan.costs().into_iter().map(|cost| (cost.stage, (cost.messages, cost.bytes)));
            assert_eq!(stages, costs.collect());
            assert!(said.iter().all(|said| said.bytes.len() <= case.params().limits().bytes()));
        }
    }
}

/// Whole megabytes of 2²⁰ × 2²⁰ rows, as `docs/protocols/join.md` says; the limit of the issue is 1,500.
#[test]
fn a_million_rows_take_the_bytes_that_the_document_says() {
    let megabytes = |shape: Shape| {
        let agreed = Agreed { max_seeker: 1 << 20, max_holder: 1 << 20, ..agreed(shape, 1) };
        let plan = Plan::new(&Params::new(agreed).unwrap(), 1 << 20, 1 << 20).unwrap();
        assert_eq!((plan.bins(), plan.slabs()), (1_380_730, 169));
        (plan.bytes_by(Role::Seeker) + plan.bytes_by(Role::Holder)) / 1_000_000
    };
    let sizes =
        [shape((1, 1), &[], &[], &[]), shape((8, 1), &[], &[1000], &[]), shape((1, 8), &[], &[1000], &[])];
    assert_eq!(sizes.map(megabytes), [616, 871, 1054]);
}

/// A link takes messages of 4 MiB, with the envelope (52 bytes), the slab's head (20) and a mark around the content; that
/// holds for the widest bins as well, and for sizes that divide the slabs without a rest.
#[test]
fn join_41_every_message_fits_through_a_link() {
    let terms = [1 << 25; 8];
    let products: Vec<(usize, usize)> = (0..5).map(|of| (of, of)).collect();
    let wide = (0..=8).map(|few| shape((64, 1), &terms[..few], &[], &[]));
    let wider = [shape((8, 8), &terms, &[1; 8], &products), shape((64, 1), &terms[..5], &[1; 5], &products)];
    for shape in wide.chain(wider).chain(shapes()) {
        let agreed = Agreed { max_seeker: 1 << 21, max_holder: 1 << 21, ..agreed(shape, 2) };
        let params = Params::new(agreed).unwrap();
        for size in [1_000, 1 << 16, 1_000_000, 1 << 20, 2_000_000] {
            let plan = Plan::new(&params, size, size).unwrap();
            for cost in plan.costs() {
                let longest = (0..cost.messages as u32).map(|number| plan.bytes_of(cost.stage, number)).max();
                assert!(longest.unwrap() + 52 + 20 < 4 << 20, "{size} {cost:?}");
            }
        }
    }
}

/// Whatever sizes are announced, the limits leave room for every message.
#[test]
fn join_41_no_message_is_above_the_limits() {
    for shape in shapes() {
        let agreed = Agreed {
            max_seeker: 1 << 24,
            max_holder: 1 << 24,
            noise: vec![0; shape.figures_of_a_cell()],
            ..agreed(shape, 3)
        };
        let Ok(params) = Params::new(agreed) else { continue };
        for (seeker, holder) in [(0, 0), (1, 1 << 20), (1 << 20, 1), (1 << 13, 1 << 13), (1 << 24, 1 << 24)] {
            let plan = Plan::new(&params, seeker, holder).unwrap();
            for cost in plan.costs() {
                let longest = (0..cost.messages as u32).map(|number| plan.bytes_of(cost.stage, number)).max();
                assert!(longest.unwrap() + 20 <= params.limits().bytes(), "{cost:?}");
            }
        }
    }
}

/// Who says what, and how long it is.
fn outline(case: &Case, own: &Rows, theirs: &Rows) -> Vec<(End, &'static str, usize)> {
    let said = case.run(own, theirs).said;
    said.into_iter().map(|said| (said.by, said.kind, said.bytes.len())).collect()
}

#[test]
fn c04_join_41_nothing_that_is_said_has_a_shape_that_depends_on_the_overlap() {
    for shape in [Shape::count(), shape((2, 3), &[7], &[5], &[(0, 0)])] {
        let case = Case::new(shape.clone());
        let own = own_rows(&shape, 0..60);
        let none = outline(&case, &own, &their_rows(&shape, 100..160));
        assert_eq!(none, outline(&case, &own, &their_rows(&shape, 0..60)), "all");
        assert_eq!(none, outline(&case, &own, &their_rows(&shape, 30..90)), "half");
        // A planted twin that leaves out what does not match would be seen.
        assert_ne!(none, outline(&case, &own_rows(&shape, 0..30), &their_rows(&shape, 100..160)));
    }
}

/// χ² of the bytes of many halves, against uniform ones.
fn chi_square(halves: &[u8]) -> f64 {
    let mut counts = [0.0; 256];
    halves.iter().for_each(|byte| counts[usize::from(*byte)] += 1.0);
    let mean = halves.len() as f64 / 256.0;
    counts.iter().map(|count| (count - mean) * (count - mean) / mean).sum()
}

/// Of 256 kinds of bytes in 13,056 of each end. χ² with 255 degrees of freedom is above 441 once in 10⁹ (Laurent
/// and Massart 2000, Lemma 1).
#[test]
fn join_58_an_ends_halves_alone_are_uniform() {
    const BOUND: f64 = 441.0;
    let shape = shape((8, 8), &[1], &[1], &[]);
    let case = Case { learns: Learns::Both, ..Case::new(shape.clone()) };
    let (own, theirs) = (own_rows(&shape, 0..60), their_rows(&shape, 0..60));
    let mut opened = [Vec::new(), Vec::new()];
    let mut figures = Vec::new();
    for seed in 0..8 {
        let noise = || case.noise(true, 0);
        let seeker =
            Seeker::start(case.params(), copy(&own), 60, noise(), Secret::new([2 * seed; 32])).unwrap();
        let holder =
            Holder::start(case.params(), copy(&theirs), 60, noise(), Secret::new([2 * seed + 1; 32]))
                .unwrap();
        let ended = Pair::new(seeker, holder, case.params().limits()).run();
        for said in ended.said.iter().filter(|said| said.kind == "Open") {
            let Message::Open { figures, .. } = decoded(&case, said) else { continue };
            opened[said.by as usize].extend(figures.0);
        }
        figures.extend(
            ended
                .initiator
                .unwrap()
                .figures
                .unwrap()
                .as_slice()
                .iter()
                .flat_map(|figure| figure.to_le_bytes()),
        );
    }
    for halves in &opened {
        assert_eq!(halves.len(), 8 * 8 * 192);
        assert!(chi_square(halves) < BOUND, "{}", chi_square(halves));
    }
    // A planted twin whose half is the figure itself would be seen.
    assert!(chi_square(&figures) > BOUND);
}
