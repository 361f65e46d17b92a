//! Rule by rule: what is refused and why, what a run shows, what is estimated.

use super::*;
use crate::{
    noise::{DummyCount, Rational},
    ristretto::Refusal,
    session::{Abort, PeerMisbehaved, Session},
    testing::{
        Tampering,
        hockey::Claim,
        leakage::{Class, Leak, leaks},
    },
    wire::codec::Points,
};

/// Why the answerer does not take the asker's first message of a kind, altered.
fn refusal(kind: &str, alter: impl Fn(Message) -> Message) -> Abort {
    let said = small(&mut Meddler::idle()).said;
    let ours: Vec<_> = said.iter().filter(|said| said.by == End::Initiator).collect();
    let number = ours.iter().position(|said| said.kind == kind).unwrap();
    let altered = alter(read(ours[number])).encode();
    let mut meddler = Meddler::on_message(End::Initiator, number, Tampering::Replace(altered));
    small(&mut meddler).responder.unwrap_err()
}

/// The same of its list of points.
fn refusal_of_points(kind: &str, alter: impl Fn(&mut Vec<[u8; 32]>)) -> Abort {
    refusal(kind, |mut message| {
        match &mut message {
            Message::Blinded { points: Points(points), .. }
            | Message::Keyed { points: Points(points), .. }
            | Message::Shuffled { points: Points(points), .. }
            | Message::Asked { points: Points(points), .. }
            | Message::Answered { points: Points(points), .. } => alter(points),
            Message::Announce { .. } | Message::Finished { .. } => {}
        }
        message
    })
}

const BULK: [&str; 5] = ["Blinded", "Keyed", "Shuffled", "Asked", "Answered"];

fn padding(shared: u32) -> Padding {
    Padding { alone: 2, shared }
}

#[test]
fn union_01_points_of_two_sessions_or_contracts_have_nothing_in_common() {
    let first = |session: u8, contract: u8| {
        let params =
            Params::new(SessionId::new([session; 32]), ContractId::new([contract; 32]), 99, 99, 1, 0);
        let ends = [Role::Asker, Role::Answerer].map(|role| end(&params, role, &items(0..3), padding(1), 3));
        let [asker, answerer] = ends;
        let said = Pair::new(asker, answerer, params.limits()).run().said;
        said.into_iter().filter(|said| said.kind == "Blinded").map(|said| said.bytes).collect::<Vec<_>>()
    };
    let runs = [first(1, 2), first(3, 2), first(1, 3)];
    let points: Vec<_> = runs.iter().flatten().flat_map(|bytes| bytes[20..].chunks(32)).collect();
    let different: std::collections::HashSet<_> = points.iter().collect();
    assert_eq!(different.len(), points.len());
    // The same once more is the same, or nothing above is seen.
    assert_eq!(first(1, 2), runs[0]);
}

#[test]
fn union_03_of_customers_with_one_item_the_first_takes_part() {
    let (own, theirs) = (items([5, 7, 5, 9]), items([9, 5]));
    let ended = pair(&own, &theirs, 0, [0, 0]).run();
    let (ours, others) = (ended.initiator.unwrap(), ended.responder.unwrap());
    let mut standing: Vec<_> = ours.places.iter().flatten().copied().collect();
    standing.sort_unstable();
    assert_eq!(standing, [0, 1, 3]);
    assert!(ours.places.iter().zip(&others.places).all(|pair| pair != (&Some(0), &None)));
}

#[test]
fn union_05_dummies_are_of_three_kinds_and_have_no_customer() {
    let ended = pair(&items(0..6), &items(3..10), 4, [3, 2]).run();
    let (ours, others) = (ended.initiator.unwrap(), ended.responder.unwrap());
    assert_eq!((ours.own_count, ours.peer_count), (6 + 1 + 8, 7 + 1 + 8));
    // 3 customers in common, 3 and 2 dummies.
    assert_eq!(ours.places.len(), 15 + 16 - 8);
    let nobody = ours.places.iter().zip(&others.places).filter(|pair| *pair == (&None, &None)).count();
    assert_eq!(nobody, ours.places.len() - 10, "six and seven customers, three of them the same");
    // However many are shared, an end brings as many.
    for shared in 0..=4 {
        let ended = pair(&items(0..6), &items(3..10), 4, [shared, 2]).run();
        assert_eq!(ended.responder.unwrap().peer_count, 15);
    }
}

#[test]
fn union_07_sizes_above_the_cap_or_below_the_pools_are_refused() {
    let announce = |count: u64| refusal("Announce", |_| Message::Announce { role: Role::Asker, count });
    assert_eq!(announce(10_001), PeerMisbehaved::CountAboveCap { announced: 10_001, cap: 10_000 }.into());
    assert_eq!(announce(u64::MAX), PeerMisbehaved::CountAboveCap { announced: u64::MAX, cap: 10_000 }.into());
    assert_eq!(announce(1), PeerMisbehaved::CountDiffers { expected: 2, got: 1 }.into());
    let params = Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 12, 99, 4, 0);
    let start = |customers, padding| {
        Uniter::start(params.clone(), Role::Asker, &items(0..customers), padding, Secret::new([1; 32]))
            .map(drop)
    };
    assert_eq!(start(2, padding(4)), Ok(()));
    assert_eq!(start(3, padding(4)), Err(Abort::OwnSetAboveCap { count: 13, cap: 12 }));
    assert_eq!(start(2, padding(5)), Err(Abort::OwnSetAboveCap { count: 5, cap: 4 }));
    let huge = Padding { alone: u32::MAX, shared: 0 };
    assert!(start(2, huge).is_err());
}

#[test]
fn union_08_lists_have_the_length_that_is_due_and_answers_a_question() {
    for kind in BULK {
        let short = refusal_of_points(kind, |points| points.truncate(3));
        assert_eq!(short, PeerMisbehaved::CountDiffers { expected: 128, got: 96 }.into(), "{kind}");
    }
    // An answer before anything was said, and a question before the sets were compared.
    let params = params(0);
    let early = |message: Message| {
        let uniter = end(&params, Role::Answerer, &items(0..4), Padding::default(), 4);
        let announced = uniter.handle(Message::Announce { role: Role::Asker, count: 4 }).unwrap();
        let crate::session::Step::Wait { state, .. } = announced else { panic!("over too early") };
        state.handle(message).map(drop).unwrap_err()
    };
    let points = || {
        let domain = params.domain();
        let items: Vec<_> = (0..4).map(item).collect();
        crate::psi::hashed(
            &crate::ristretto::Engine::detect(),
            &domain,
            &items,
            &curve25519_dalek::Scalar::ONE,
        )
    };
    let (role, index) = (Role::Asker, 0);
    let unasked = Abort::from(PeerMisbehaved::AnswerUnasked(0));
    assert_eq!(early(Message::Keyed { role, index, points: points() }), unasked);
    assert_eq!(early(Message::Shuffled { role, index, points: points() }), unasked);
    let turn = early(Message::Asked { role, index, points: points() });
    assert_eq!(turn, Abort::OutOfTurn { expected: "Blinded", got: "Asked" });
}

#[test]
fn a01_a02_union_09_what_is_no_group_element_or_the_identity_is_refused() {
    for kind in BULK {
        for (bytes, reason) in [([0; 32], Refusal::Identity), ([0xff; 32], Refusal::NonCanonical)] {
            let refused = refusal_of_points(kind, |points| points[2] = bytes);
            assert_eq!(refused, PeerMisbehaved::PointRefused { position: 2, reason }.into(), "{kind}");
        }
    }
}

#[test]
fn a08_union_10_a_point_that_comes_twice_is_refused() {
    for kind in BULK {
        let refused = refusal_of_points(kind, |points| points[2] = points[1]);
        assert_eq!(refused, PeerMisbehaved::PointRepeated.into(), "{kind}");
    }
}

#[test]
fn a10_union_11_no_message_is_longer_than_a_chunk() {
    let params = params(1);
    let said = small(&mut Meddler::idle()).said;
    let longest = said.iter().map(|said| said.bytes.len()).max().unwrap();
    assert_eq!(longest, params.limits().bytes());
    let usual = Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 1, 1, 0, 0);
    assert!(usual.limits().bytes() < 1 << 20, "far below what a link takes at once");
    assert_eq!(usual.clone().with_chunk_items(0).unwrap_err(), Abort::ChunkSize);
    assert_eq!(usual.with_chunk_items(u32::MAX).unwrap_err(), Abort::ChunkSize);
}

#[test]
fn a15_union_13_what_an_end_said_is_not_said_to_it() {
    for kind in ["Announce", "Blinded", "Keyed", "Shuffled", "Asked", "Answered", "Finished"] {
        let said = small(&mut Meddler::idle()).said;
        let theirs = said.iter().find(|said| said.by == End::Responder && said.kind == kind).unwrap();
        assert_eq!(refusal(kind, |_| read(theirs)), PeerMisbehaved::RoleReflected.into(), "{kind}");
    }
}

/// The same sizes and the same padded number in common, but other customers, and fewer customers with more dummies:
/// nobody who reads along tells them apart. The twin has one less in common.
#[test]
fn union_14_what_is_said_and_when_depends_on_sizes_alone() {
    let class = |name, theirs: std::ops::Range<u32>, shared: [u32; 2]| {
        let run = |seed: u8| {
            let params = params(3);
            let [asker, answerer] = shared.map(padding);
            let asker = end(&params, Role::Asker, &items(0..6), asker, seed);
            let answerer = end(&params, Role::Answerer, &items(theirs.clone()), answerer, 100 + seed);
            Pair::new(asker, answerer, params.limits()).run().said
        };
        Class { name, runs: (0..40).map(run).collect() }
    };
    let alike = [
        class("the last in common", 2..8, [1, 2]),
        class("all in common", 0..6, [0, 1]),
        class("three in common", 3..9, [1, 3]),
    ];
    // What is in common stands in both ends' `Shuffled`: that is what they compare. Who reads along sees how many.
    let alike: Vec<_> = leaks(&alike).into_iter().filter(|leak| !matches!(leak, Leak::Echo { .. })).collect();
    assert_eq!(alike, []);
    let fewer = [class("four in common", 2..8, [1, 2]), class("three in common", 3..9, [1, 2])];
    assert!(leaks(&fewer).iter().any(|leak| matches!(leak, Leak::Shape { .. })));
}

/// What the peer sees of the number in common is that number and the dummies that this end has drawn: as private as
/// `noise::DummyCount` claims (ε = 1, δ = 10⁻³ here). A false alarm has a probability of 10⁻⁹; the twin shares half.
#[test]
fn union_15_the_number_in_common_is_told_with_the_others_dummies() {
    let count =
        DummyCount::calibrate(Rational::new(1, 1).unwrap(), Rational::new(1, 1000).unwrap(), 1).unwrap();
    let pool = count.bound();
    let about = |common: u32, shared: u32| {
        let ended = pair(&items(0..common), &items(0..common), pool, [shared, 1]).run();
        let (ours, theirs) = (ended.initiator.unwrap(), ended.responder.unwrap());
        assert_eq!(ours.about, i64::from(common) + 1 - i64::from(pool / 2), "its own are taken off");
        theirs.about
    };
    // What is told for each draw, from runs; then many draws.
    let told = [4, 5].map(|common| (0..=pool).map(|shared| about(common, shared)).collect::<Vec<_>>());
    let claim = Claim { epsilon: 1.0, delta: 1e-3 };
    let broken = |halved: bool| {
        let [with, without] = [0u8, 1].map(|which| -> Vec<i64> {
            let draw = |number: u32| {
                let hash = blake3::hash(&[&number.to_le_bytes()[..], &[which]].concat());
                let shared = count.sample(*hash.as_bytes().first_chunk().unwrap());
                let shared = if halved { shared / 2 } else { shared };
                told[usize::from(which)][shared as usize]
            };
            (0..40_000).map(draw).collect()
        });
        claim.broken(&with, &without, 1e-9)
    };
    assert_eq!(broken(false), None);
    assert!(broken(true).is_some());
}

#[test]
fn union_16_too_few_in_common_end_the_run_before_an_answer() {
    let run = |least: u32| {
        let params = |least| {
            Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 99, 99, 4, least)
                .with_chunk_items(4)
                .unwrap()
        };
        let asker = end(&params(0), Role::Asker, &items(0..9), padding(2), 3);
        let answerer = end(&params(least), Role::Answerer, &items(3..12), padding(2), 4);
        Pair::new(asker, answerer, params(0).limits()).run()
    };
    // Six in common, by an estimate that is right here.
    assert_eq!(run(6).responder.unwrap().about, 6);
    let ended = run(7);
    assert_eq!(ended.responder.unwrap_err(), Abort::TooFewInCommon);
    let answers = ended.said.iter().filter(|said| said.by == End::Responder);
    assert!(
        answers.clone().count() > 0 && answers.clone().all(|said| !matches!(said.kind, "Asked" | "Answered"))
    );
}
