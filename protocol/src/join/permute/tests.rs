//! The permutation against a plain one, every rule, and what each end sees.

mod vectors;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{
    controls::controls,
    network::{Network, Run},
    *,
};
use crate::{
    ot::{ChooserSetup, KeeperSetup, PadChooser, PadSender},
    secret::Secret,
    session::PeerMisbehaved,
};

const STAGE: u16 = 77;

fn random(places: usize, rng: &mut StdRng) -> Vec<u8> {
    (0..places).map(|_| rng.random_range(0..2)).collect()
}

fn permutation(wires: usize, seed: u64) -> Vec<u32> {
    let mut sources: Vec<u32> = (0..wires as u32).collect();
    sources.shuffle(&mut StdRng::seed_from_u64(seed));
    sources
}

/// What the network does to numbered wires under these settings.
fn through(network: Network, mut crosses: impl FnMut(usize) -> bool) -> Vec<u32> {
    let mut wires: Vec<u32> = (0..network.wires() as u32).collect();
    let mut number = 0;
    network.walk().pass(network.switches(), |upper, lower| {
        if crosses(number) {
            wires.swap(upper, lower);
        }
        number += 1;
    });
    assert_eq!(number, network.switches());
    wires
}

/// Everything of a whole step.
struct Ran {
    seeker: Vec<u8>,
    holder: Vec<u8>,
    messages: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
}

fn run(transfers: &(PadChooser, PadSender), plan: Plan, sources: &[u32], own: &[u8], theirs: &[u8]) -> Ran {
    let mut seeker = SeekerRoute::new(plan, STAGE, sources).unwrap();
    let mut holder = HolderRoute::new(plan, STAGE, theirs).unwrap();
    let (mut messages, mut answers) = (Vec::new(), Vec::new());
    while let Some((batch, message)) = seeker.message(&transfers.0) {
        assert_eq!(batch as usize, messages.len());
        messages.push(message);
    }
    for (batch, message) in (0..).zip(&messages) {
        let answer = holder.answer(&transfers.1, batch, message).unwrap();
        seeker.open(batch, &answer).unwrap();
        answers.push(answer);
    }
    Ran { seeker: seeker.shares(own).unwrap(), holder: holder.shares().unwrap(), messages, answers }
}

/// A correlation of its own: a batch is used once (OT-05).
fn transfers(seed: u8) -> (PadChooser, PadSender) {
    let (setup, first) = KeeperSetup::<1>::start(&[seed], &Secret::new([seed; 32]));
    let (chooser, second) = ChooserSetup::<1>::respond(&[seed], &Secret::new([!seed; 32]), &first).unwrap();
    (PadChooser::new(chooser), PadSender::new(setup.finish(&second).unwrap()))
}

#[test]
fn join_70_the_network_follows_from_the_number_of_wires() {
    for wires in 0..300usize {
        let network = Network::new(wires);
        let closed: usize = (1..=wires).map(|i| i.next_power_of_two().ilog2() as usize).sum();
        assert_eq!(network.switches(), closed, "{wires} wires");
        // In runs of any length the same switches, and no wire beyond.
        let walk = |most| {
            let mut walk = network.walk();
            let runs = std::iter::from_fn(move || walk.next(most));
            let single = |run: Run| (0..run.count).map(move |t| (run.upper + t, run.lower + t));
            runs.flat_map(single).collect::<Vec<_>>()
        };
        let all = walk(usize::MAX);
        assert_eq!(all.len(), closed);
        assert_eq!(all, walk(1));
        assert_eq!(all, walk(3));
        assert!(all.iter().all(|(upper, lower)| upper < lower && *lower < wires));
    }
}

#[test]
fn join_70_messages_have_the_length_of_the_plan() {
    for (seed, (from, to)) in (0..).zip([(0, 0), (1, 1), (2, 1), (1, 2), (9, 9), (100, 37), (37, 100)]) {
        let plan = Plan::new(from, to).unwrap().with_batch_switches(13).unwrap();
        assert_eq!(plan.batches() as usize, plan.switches().div_ceil(13));
        let sources = vec![NOWHERE; to];
        let ran = run(&transfers(seed), plan, &sources, &vec![0; from], &vec![1; from]);
        assert_eq!(ran.messages.len(), plan.batches() as usize);
        for (batch, (message, answer)) in (0..).zip(ran.messages.iter().zip(&ran.answers)) {
            assert_eq!(message.len(), plan.message_bytes(batch));
            assert_eq!(answer.len(), plan.answer_bytes(batch));
        }
        assert_eq!((ran.seeker.len(), ran.holder.len()), (to, to));
        assert_eq!(plan.message_bytes(plan.batches()), 0);
    }
}

#[test]
fn join_71_every_permutation_of_few_wires_can_be_set() {
    fn each(taken: &mut Vec<u32>, wires: u32, check: &impl Fn(&[u32])) {
        if taken.len() == wires as usize {
            return check(taken);
        }
        for source in 0..wires {
            if !taken.contains(&source) {
                taken.push(source);
                each(taken, wires, check);
                taken.pop();
            }
        }
    }
    for wires in 0..8 {
        let network = Network::new(wires as usize);
        each(&mut Vec::new(), wires, &|sources| {
            let controls = controls(network, sources);
            assert_eq!(through(network, |switch| controls.at(switch) == 1), sources);
        });
    }
}

#[test]
fn join_71_permutations_of_any_number_of_wires_can_be_set() {
    for wires in (8..400).chain([1 << 12, (1 << 12) + 1, (1 << 13) - 1, 99_999]) {
        let network = Network::new(wires);
        let reversed = (0..wires as u32).rev().collect();
        let turned = (0..wires as u32).map(|wire| (wire + 1) % wires as u32).collect();
        for sources in [permutation(wires, wires as u64), reversed, turned] {
            let controls = controls(network, &sources);
            assert_eq!(through(network, |switch| controls.at(switch) == 1), sources, "{wires} wires");
        }
    }
}

/// A network that leaves out one more switch cannot do all: the search above can fail.
#[test]
fn join_71_no_switch_is_idle() {
    for wires in [2usize, 3, 4, 5, 6, 7] {
        let network = Network::new(wires);
        let every = |stuck: usize| {
            let settings = 0..1u32 << network.switches();
            let reached =
                settings.map(|bits| through(network, |switch| switch != stuck && bits >> switch & 1 == 1));
            reached.collect::<std::collections::HashSet<_>>().len()
        };
        let all = (1..=wires).product::<usize>();
        assert_eq!(every(usize::MAX), all);
        if wires <= 5 {
            // Waksman's bound is met: every switch is needed.
            for stuck in 0..network.switches() {
                assert!(every(stuck) < all, "{wires} wires do without switch {stuck}");
            }
        }
    }
}

#[test]
fn join_72_sources_are_checked_before_anything_is_sent() {
    let plan = Plan::new(4, 5).unwrap();
    let refused = |sources: &[u32]| SeekerRoute::new(plan, STAGE, sources).err();
    assert_eq!(refused(&[0, 1, 2, 3]), Some(PermuteError::PlacesDiffer { places: 5, given: 4 }));
    assert_eq!(refused(&[0, 1, 2, 3, 4]), Some(PermuteError::SourceOutside));
    assert_eq!(refused(&[0, 1, 2, 3, 1]), Some(PermuteError::SourceTaken));
    assert_eq!(refused(&[0, 1, 2, 3, NOWHERE]), None);
    assert_eq!(refused(&[NOWHERE; 5]), None);
    let few = HolderRoute::new(plan, STAGE, &[0; 5]).err();
    assert_eq!(few, Some(PermuteError::PlacesDiffer { places: 4, given: 5 }));
    let large = Plan::new(0, (1 << 31) + 1);
    assert_eq!(large, Err(PermuteError::TooManyPlaces { places: (1 << 31) + 1 }));
    assert_eq!(plan.with_batch_switches(0), Err(PermuteError::BatchSize { switches: 0 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn join_72_bits_arrive_where_they_are_asked_for(
        from in 0usize..90, to in 0usize..90, batch in 1usize..200, seed: u64,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut sources: Vec<u32> = (0..from as u32).collect();
        sources.shuffle(&mut rng);
        sources.resize(to, NOWHERE);
        // Some ask for nothing although there would be something.
        sources.iter_mut().for_each(|source| if rng.random_range(0..5) == 0 { *source = NOWHERE });
        sources.shuffle(&mut rng);
        let (own, theirs) = (random(from, &mut rng), random(from, &mut rng));
        let plan = Plan::new(from, to).unwrap().with_batch_switches(batch).unwrap();
        let ran = run(&transfers(1), plan, &sources, &own, &theirs);
        for (place, source) in sources.iter().enumerate().filter(|(_, source)| **source != NOWHERE) {
            let source = *source as usize;
            prop_assert_eq!(ran.seeker[place] ^ ran.holder[place], own[source] ^ theirs[source]);
        }
        prop_assert!(ran.seeker.iter().chain(&ran.holder).all(|share| *share < 2));
    }
}

/// Of 4,000 wires whose bits are all 1 at the Holder, or all 0: neither the answers nor either end's shares show
/// it. Each count is off by as much once in 10⁹.
#[test]
fn join_73_what_an_end_sees_and_gets_is_uniform() {
    const PLACES: usize = 4000;
    let plan = Plan::new(PLACES, PLACES).unwrap();
    let even =
        |ones: usize, of: usize| (ones as f64 - of as f64 / 2.0).abs() < 6.11 * (of as f64).sqrt() / 2.0;
    let bits = |bytes: &[u8]| bytes.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
    let straight: Vec<u32> = (0..PLACES as u32).collect();
    for (seed, (sources, own, theirs)) in (0..).zip([
        (permutation(PLACES, 1), 0, 0),
        (permutation(PLACES, 1), 1, 1),
        (straight.clone(), 0, 1),
        (straight.clone(), 1, 0),
    ]) {
        let ran = run(&transfers(seed), plan, &sources, &[own; PLACES], &[theirs; PLACES]);
        let (asked, answered) = (ran.messages.concat(), ran.answers.concat());
        assert!(even(bits(&asked), asked.len() * 8), "the Seeker's message");
        assert!(even(bits(&answered), plan.switches() * 2), "the Holder's answer");
        for shares in [&ran.seeker, &ran.holder] {
            assert!(even(bits(shares), PLACES));
            // Nor do neighbours, nor places of one block, know of each other.
            for apart in [1, 2, PLACES / 2, PLACES / 4] {
                let pairs = shares.iter().zip(&shares[apart..]).map(|(one, other)| one ^ other);
                assert!(even(bits(&pairs.collect::<Vec<_>>()), PLACES - apart), "{apart} apart");
            }
        }
        // Each alone says nothing, together they say all.
        assert!(ran.seeker.iter().zip(&ran.holder).all(|(one, other)| one ^ other == own ^ theirs));
    }
}

/// A Holder that left out its pads, so that shares travel as they are, would be seen by that measure.
#[test]
fn join_73_shares_without_masks_are_not_uniform() {
    const PLACES: usize = 4000;
    let plan = Plan::new(PLACES, PLACES).unwrap();
    let mut seeker = SeekerRoute::new(plan, STAGE, &permutation(PLACES, 1)).unwrap();
    let transfers = transfers(1);
    while let Some((batch, _)) = seeker.message(&transfers.0) {
        // Keys that are all 0: what a switch adds then is the Holder's plain bits.
        seeker.keys = seeker.keys.iter().map(|keys| vec![0; keys.len()]).collect();
        let answer = vec![0; plan.answer_bytes(batch)];
        seeker.open(batch, &answer).unwrap();
    }
    let shares = seeker.shares(&[1; PLACES]).unwrap();
    assert!(shares.iter().all(|share| *share == 1));
}

/// Over 3,000 correlations: the three bits that three places get are any of the eight, whatever was put in,
/// at either end. χ² with 7 degrees of freedom exceeds 56.5 once in 10⁹.
#[test]
fn join_73_each_share_is_as_likely_as_each_other() {
    let plan = Plan::new(3, 3).unwrap();
    for sources in [[0, 1, 2], [2, 0, 1], [1, 0, 2]] {
        let (mut at_seeker, mut at_holder) = ([0.0f64; 8], [0.0f64; 8]);
        // One correlation for all, a stage of its own for each: setting up takes points, this takes blocks.
        let transfers = transfers(9);
        for stage in 0..3000 {
            let mut seeker = SeekerRoute::new(plan, stage, &sources).unwrap();
            let mut holder = HolderRoute::new(plan, stage, &[1, 0, 1]).unwrap();
            let (batch, message) = seeker.message(&transfers.0).unwrap();
            seeker.open(batch, &holder.answer(&transfers.1, batch, &message).unwrap()).unwrap();
            let number =
                |shares: &[u8]| shares.iter().fold(0, |number, share| number * 2 + usize::from(*share));
            at_seeker[number(&seeker.shares(&[0, 0, 1]).unwrap())] += 1.0;
            at_holder[number(&holder.shares().unwrap())] += 1.0;
        }
        for counts in [at_seeker, at_holder] {
            let chi: f64 = counts.iter().map(|count| (count - 375.0).powi(2) / 375.0).sum();
            assert!(chi < 56.5, "{counts:?}");
        }
    }
}

/// The answer to a switch is under the pad of the choice that was not made: over 3,000 switches, the same bits
/// at the same places, it is each of four as often. χ² with 3 degrees of freedom exceeds 45.1 once in 10⁹.
#[test]
fn join_74_an_answer_is_uniform_for_either_choice() {
    let plan = Plan::new(2, 2).unwrap();
    let transfers = transfers(3);
    for (first, sources) in [(0, [0, 1]), (3000, [1, 0])] {
        let mut counts = [0.0f64; 4];
        for stage in first..first + 3000 {
            let mut seeker = SeekerRoute::new(plan, stage, &sources).unwrap();
            let mut holder = HolderRoute::new(plan, stage, &[1, 0]).unwrap();
            let (batch, message) = seeker.message(&transfers.0).unwrap();
            let answer = holder.answer(&transfers.1, batch, &message).unwrap();
            assert!(answer.len() == 1 && answer[0] < 4, "spare bits are zero");
            counts[usize::from(answer[0])] += 1.0;
        }
        let chi: f64 = counts.iter().map(|count| (count - 750.0).powi(2) / 750.0).sum();
        assert!(chi < 45.1, "{counts:?}");
    }
}

#[test]
fn join_75_batches_come_in_order_once_and_whole() {
    let plan = Plan::new(20, 20).unwrap().with_batch_switches(10).unwrap();
    let transfers = transfers(4);
    let mut seeker = SeekerRoute::new(plan, STAGE, &permutation(20, 1)).unwrap();
    let mut holder = HolderRoute::new(plan, STAGE, &[0; 20]).unwrap();
    let out_of_order = |expected, got| Err(PeerMisbehaved::ChunkOutOfOrder { expected, got });
    assert_eq!(seeker.open(0, &[0; 3]), Err(PeerMisbehaved::AnswerUnasked(0)));
    let (_, first) = seeker.message(&transfers.0).unwrap();
    let (_, second) = seeker.message(&transfers.0).unwrap();

    assert_eq!(holder.answer(&transfers.1, 1, &second).map(drop), out_of_order(0, 1));
    let short = PeerMisbehaved::CountDiffers { expected: 40, got: 39 };
    assert_eq!(holder.answer(&transfers.1, 0, &first[1..]), Err(short));
    let answer = holder.answer(&transfers.1, 0, &first).unwrap();
    assert_eq!(holder.answer(&transfers.1, 0, &first).map(drop), out_of_order(1, 0));

    let long = PeerMisbehaved::CountDiffers { expected: 3, got: 4 };
    assert_eq!(seeker.open(0, &[0; 4]), Err(long));
    assert_eq!(seeker.open(1, &answer), out_of_order(0, 1));
    assert_eq!(seeker.open(0, &answer), Ok(()));
    assert_eq!(seeker.open(0, &answer), out_of_order(1, 0));
    let answer = holder.answer(&transfers.1, 1, &second).unwrap();
    assert_eq!(seeker.open(1, &answer), Ok(()));
    assert_eq!(seeker.open(2, &answer), Err(PeerMisbehaved::AnswerUnasked(2)));

    // After the last nothing is due.
    let plan = Plan::new(1, 1).unwrap();
    let mut holder = HolderRoute::new(plan, STAGE, &[0]).unwrap();
    assert_eq!(holder.answer(&transfers.1, 0, &[]).map(drop), out_of_order(0, 0));
    assert_eq!(
        SeekerRoute::new(plan, STAGE, &[0]).unwrap().open(0, &[]),
        Err(PeerMisbehaved::AnswerUnasked(0))
    );
}

#[test]
fn join_76_half_a_permutation_has_no_shares() {
    let plan = Plan::new(20, 20).unwrap().with_batch_switches(50).unwrap();
    assert_eq!(plan.batches(), 2);
    let transfers = transfers(5);
    let mut seeker = SeekerRoute::new(plan, STAGE, &permutation(20, 1)).unwrap();
    let mut holder = HolderRoute::new(plan, STAGE, &[0; 20]).unwrap();
    let (batch, message) = seeker.message(&transfers.0).unwrap();
    seeker.open(batch, &holder.answer(&transfers.1, batch, &message).unwrap()).unwrap();
    let unfinished = Some(PermuteError::Unfinished { answered: 1, batches: 2 });
    assert_eq!(seeker.shares(&[0; 20]).err(), unfinished);
    assert_eq!(holder.shares().err(), unfinished);
}

#[test]
fn join_76_shares_are_as_many_as_places() {
    let plan = Plan::new(1, 1).unwrap();
    let seeker = SeekerRoute::new(plan, STAGE, &[0]).unwrap();
    assert_eq!(seeker.shares(&[0, 1]).err(), Some(PermuteError::PlacesDiffer { places: 1, given: 2 }));
    let seeker = SeekerRoute::new(plan, STAGE, &[0]).unwrap();
    assert_eq!(seeker.shares(&[1]).unwrap(), [1], "a single place keeps its share");
}
