//! LEARNV-50 …: over a union only those rows count that both ends have, and nothing shows which these are.

use super::{
    hostile::{everything, meddle},
    runs::{central, joined},
    *,
};
use crate::{
    learn::{encode::kept, vertical::input::whiten},
    session::PeerMisbehaved,
    testing::{Meddler, Tampering},
    wire::{Role, Wire},
};

/// Rows of which `present` leaves three in five.
fn hidden(case: Case) -> Case {
    Case { common: Some(case.rows * 3 / 5), ..case }
}

fn small() -> Case {
    Case { l2_micro: 500_000, ..hidden(Case::new(Linkage::Logistic, 70, (2, 2), 3)) }
}

fn both(rows: usize) -> Vec<bool> {
    let [label, features] = [Party::Label, Party::Features].map(|party| present(party, rows));
    label.iter().zip(&features).map(|(label, features)| *label && *features).collect()
}

/// Rows that only one end has say the opposite of all others.
fn misleading(case: &Case) -> (Input, Input) {
    let (mut label, features) = case.input();
    let common = both(case.rows as usize);
    for (y, common) in label.target.iter_mut().flatten().zip(common) {
        *y = if common { *y } else { 1.0 - *y };
    }
    (label, features)
}

fn of_the_common(inputs: &(Input, Input)) -> (Input, Input) {
    let common = both(inputs.0.columns[0].len());
    let of = |input: &Input| Input {
        columns: input.columns.iter().map(|column| kept(column, &common)).collect(),
        target: input.target.as_ref().map(|target| kept(target, &common)),
    };
    (of(&inputs.0), of(&inputs.1))
}

/// The whitened weights that both ends' halves add up to.
fn weights(case: &Case, ended: &Ended<Trained, Trained>) -> Vec<f64> {
    let [label, features] = [&ended.initiator, &ended.responder].map(|end| &end.as_ref().unwrap().state);
    let unit = (1u64 << case.params().weight_bits()) as f64;
    let own = label.own.iter().zip(features.theirs.iter());
    let theirs = label.theirs.iter().zip(features.own.iter());
    own.chain(theirs).map(|(a, b)| share::centred(a.wrapping_add(*b) & share::MASK) as f64 / unit).collect()
}

/// The same rounds in real numbers, with whichever rows count.
fn plain(case: &Case, inputs: &(Input, Input), counts: &[bool]) -> Vec<f64> {
    let params = case.params();
    let ends = [(Party::Label, &inputs.0), (Party::Features, &inputs.1)].map(|(party, input)| {
        let here = present(party, case.rows as usize);
        whiten(&params, party, (input, Some(&here)), &Secret::new([40 + party as u8; 32])).unwrap()
    });
    let columns: Vec<&Vec<i32>> = ends.iter().flat_map(|end| end.columns.iter()).collect();
    let target = ends[0].target.as_ref().unwrap();
    let mut weights = vec![0.0; columns.len()];
    for round in 0..case.rounds {
        let residual = |row: usize| {
            let z: f64 = columns.iter().zip(&weights).map(|(x, w)| f64::from(x[row]) / 4096.0 * w).sum();
            let said = if case.linkage == Linkage::Logistic { 1.0 / (1.0 + (-z).exp()) } else { z };
            if counts.get(row) == Some(&false) { 0.0 } else { target[row] - said }
        };
        let residuals: Vec<f64> = (0..target.len()).map(residual).collect();
        let unit = (1u64 << params.weight_bits()) as f64;
        let step = params.step(round) as f64 / unit * 4096.0 * params.residual_one() as f64;
        for (weight, column) in weights.iter_mut().zip(&columns) {
            let terms = column.iter().zip(&residuals).map(|(x, r)| f64::from(*x) / 4096.0 * r);
            *weight += step * terms.sum::<f64>();
        }
    }
    weights
}

fn furthest(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}

/// What a run comes to is what a plain model over the rows that both have comes to, but for roundings; and with a bit
/// left out it is not.
#[test]
fn learnv_50_a_hidden_run_is_the_plain_model_of_the_common_rows() {
    let quiet = |linkage| Some(noise_of(1_000_000_000_000, linkage, 6, (2, 3)));
    let cases = [
        (Linkage::Logistic, None, 0.12),
        (Linkage::Linear, None, 0.002),
        // Next to no noise, but whitened and clipped as with noise.
        (Linkage::Logistic, quiet(Linkage::Logistic), 0.08),
    ];
    for (linkage, noise, within) in cases {
        let case = Case { l2_micro: 1_000_000, noise, ..hidden(Case::new(linkage, 9000, (2, 3), 6)) };
        let inputs = centred(misleading(&case));
        let found = weights(&case, &case.run(&inputs));
        let rows = case.rows as usize;
        let off = furthest(&found, &plain(&case, &inputs, &both(rows)));
        assert!(off < within, "{linkage:?}: {off}");
        for counts in [present(Party::Label, rows), present(Party::Features, rows), vec![true; rows]] {
            let off = furthest(&found, &plain(&case, &inputs, &counts));
            println!("{linkage:?} {off}");
            assert!(off > 1.5 * within, "other: {linkage:?}: {off}");
        }
    }
}

/// And that is the fit over the common rows in one place, which a run over these alone comes to as well.
#[test]
fn learnv_50_it_comes_to_the_fit_of_the_common_rows() {
    let case = hidden(Case::new(Linkage::Linear, 9000, (3, 4), 16));
    let inputs = misleading(&case);
    let found = joined(&case.run(&inputs).initiator.unwrap());
    let common = of_the_common(&inputs);
    let fit = central(&common, case.linkage, 0.0);
    let alone = Case { rows: 5400, common: None, ..case };
    let revealed = joined(&alone.run(&common).initiator.unwrap());
    assert!(furthest(&found, &fit) < 0.01, "{found:?} {fit:?}");
    assert!(furthest(&found, &revealed) < 0.01, "{found:?} {revealed:?}");
    assert!(furthest(&found, &central(&inputs, case.linkage, 0.0)) > 0.05);
}

type Shape = Vec<(Role, &'static str, usize)>;

fn shape(case: &Case, inputs: &(Input, Input), here: [&[bool]; 2]) -> Shape {
    let start = |party, input: &Input, here: &[bool]| {
        let (secret, seed) = (Secret::new([1 + party as u8; 32]), Secret::new([3; 32]));
        let keep: Keep = Box::new(|_| Ok(()));
        Trainer::start_hidden(case.params(), party, (input, here), Vec::new(), &secret, seed, keep).unwrap()
    };
    let label = start(Party::Label, &inputs.0, here[0]);
    let features = start(Party::Features, &inputs.1, here[1]);
    let ended = Pair::new(label, features, case.params().limits()).run();
    assert!(ended.initiator.is_ok() && ended.responder.is_ok());
    ended.said.iter().map(|said| (said.by, said.kind, said.bytes.len())).collect()
}

#[test]
fn learnv_52_what_is_said_has_the_same_shape_whoever_is_there() {
    let case = Case { rows: 8200, rounds: 1, ..small() };
    let inputs = case.input();
    let [all, none, some] = [vec![true; 8200], vec![false; 8200], present(Party::Label, 8200)];
    let one = shape(&case, &inputs, [&all, &all]);
    for here in [[&none, &all], [&all, &none], [&none, &none], [&some, &some]] {
        assert_eq!(one, shape(&case, &inputs, here.map(Vec::as_slice)));
    }
    // And as long as the plan says.
    for (party, by) in [(Party::Label, Role::Initiator), (Party::Features, Role::Responder)] {
        let said = one.iter().filter(|(who, kind, _)| *who == by && *kind == "Presence");
        let lengths: Vec<usize> = said.map(|(_, _, length)| *length).collect();
        // Choices and answers of a whole block, and of the rest.
        assert_eq!(lengths.len(), 4);
        let costs = case.params().costs(party);
        let planned = costs.iter().find(|cost| cost.stage == Stage::Presence).unwrap().bytes as usize;
        assert!((planned..planned + 4 * 40).contains(&lengths.iter().sum()), "{planned} {lengths:?}");
        let plain = Case { common: None, ..case.clone() }.params().costs(party);
        assert!(plain.iter().all(|cost| cost.stage != Stage::Presence || cost.bytes == 0));
        let limit = case.params().limits().bytes();
        assert!(one.iter().all(|(_, _, length)| *length <= limit));
    }
}

#[test]
fn learnv_51_what_an_end_has_at_a_place_without_a_customer_does_not_matter() {
    let case = small();
    let inputs = case.input();
    let mut other = inputs.clone();
    for (party, input) in [(Party::Label, &mut other.0), (Party::Features, &mut other.1)] {
        for (row, here) in present(party, case.rows as usize).into_iter().enumerate() {
            if !here {
                input.columns.iter_mut().for_each(|column| column[row] = 0.875 - column[row] / 2.0);
                input.target.iter_mut().for_each(|target| target[row] = 1.0 - target[row]);
            }
        }
    }
    let states = |inputs| {
        let ended = case.run(inputs);
        [ended.initiator.unwrap().state, ended.responder.unwrap().state]
    };
    assert_eq!(states(&inputs), states(&other));
}

/// A customer more of whom all columns are 0 leaves the sums as they are; an exact number of customers would not.
#[test]
fn learnv_54_with_noise_nothing_is_whitened_by_the_exact_number_of_customers() {
    let noise = Some(noise_of(1_000_000_000, Linkage::Logistic, 3, (2, 2)));
    let case = Case { noise, ..small() };
    let (_, mut features) = centred(case.input());
    let mut here = present(Party::Features, 70);
    features.columns.iter_mut().for_each(|column| column[3] = 0.0);
    let basis = |here: &[bool]| {
        let brought = (&features, Some(here));
        whiten(&case.params(), Party::Features, brought, &Secret::new([1; 32])).unwrap().basis
    };
    assert!(!here[3]);
    let one = basis(&here);
    here[3] = true;
    assert!(one == basis(&here));
    here[4] = !here[4];
    assert!(one != basis(&here));
}

#[test]
fn learnv_50_a_union_that_cannot_be_is_refused() {
    let plain = Case::new(Linkage::Logistic, 40, (1, 1), 1);
    for count in [0, 41, u32::MAX] {
        let good = over(40, 24);
        let bad = [
            Over { common: count, ..good },
            Over { sizes: [count, 32], ..good },
            Over { sizes: [32, count], ..good },
        ];
        let refused = |over| plain.params().over_a_union(over).err() == Some(Abort::LearnShape);
        assert!(bad.into_iter().all(refused) && !refused(good));
    }
    let case = hidden(plain.clone());
    let (label, _) = case.input();
    let start = |params, here: &[bool]| {
        let (secret, seed) = (Secret::new([1; 32]), Secret::new([3; 32]));
        let keep: Keep = Box::new(|_| Ok(()));
        Trainer::start_hidden(params, Party::Label, (&label, here), Vec::new(), &secret, seed, keep).err()
    };
    assert_eq!(start(case.params(), &[true; 40]), None);
    assert_eq!(start(case.params(), &[true; 39]), Some(Abort::OwnColumns));
    assert_eq!(start(case.params(), &[true; 41]), Some(Abort::OwnColumns));
    assert_eq!(start(plain.params(), &[true; 40]), Some(Abort::OwnColumns));
    let (secret, seed) = (Secret::new([1; 32]), Secret::new([3; 32]));
    let keep: Keep = Box::new(|_| Ok(()));
    let bare = Trainer::start(case.params(), Party::Label, &label, Vec::new(), &secret, seed, keep);
    assert_eq!(bare.err(), Some(Abort::OwnColumns));
}

/// An end that takes the rows for the common ones, or for others' number, does not begin.
#[test]
fn learnv_01_learnv_50_ends_with_another_union_do_not_begin() {
    let case = hidden(Case::new(Linkage::Logistic, 40, (1, 1), 1));
    let inputs = case.input();
    for common in [None, Some(23)] {
        let other = Case { common, ..case.clone() };
        let label = case.start(Party::Label, &inputs.0, &Kept::default()).unwrap();
        let features = other.start(Party::Features, &inputs.1, &Kept::default()).unwrap();
        let ended = Pair::new(label, features, case.params().limits()).run();
        let refused = Some(Abort::Peer(PeerMisbehaved::TranscriptDiffers));
        assert!(ended.initiator.err() == refused || ended.responder.err() == refused);
        assert!(ended.said.iter().all(|said| said.kind == "Announce"));
    }
}

#[test]
fn learnv_52_no_altered_message_of_a_hidden_run_gives_other_weights() {
    let case = Case { l2_micro: 0, ..hidden(Case::new(Linkage::Logistic, 30, (0, 1), 1)) };
    meddle(&case, everything);
}

/// A peer that says a part of a hidden run in one that is not, or an answer before it was asked.
#[test]
fn learnv_52_what_is_not_due_is_refused() {
    let plain = Case { common: None, ..small() };
    let bytes = wire_part(Stage::Presence, 0, vec![0; 4 * plain.params().rows() as usize]);
    let said = plain.run(&plain.input()).said;
    let place = |said: &[crate::testing::Said], kind| {
        said.iter().filter(|said| said.by == Role::Responder).position(|said| said.kind == kind).unwrap()
    };
    let at = place(&said, "Residuals");
    let mut meddler = Meddler::on_message(Role::Responder, at, Tampering::Insert(bytes));
    let ended = plain.pair(&plain.input(), &Default::default()).run_past(&mut meddler);
    assert!(matches!(ended.initiator.err(), Some(Abort::OutOfTurn { got: "Presence", .. })));

    let case = small();
    let rows = case.params().rows() as usize;
    let at = place(&case.run(&case.input()).said, "Weights");
    for (number, bytes) in [(1, 16 * rows), (0, 4 * rows - 1), (0, 4 * rows + 4), (7, 4 * rows)] {
        let bytes = wire_part(Stage::Presence, number, vec![0; bytes]);
        let mut meddler = Meddler::on_message(Role::Responder, at, Tampering::Insert(bytes));
        let ended = case.pair(&case.input(), &Default::default()).run_past(&mut meddler);
        assert!(matches!(ended.initiator.err(), Some(Abort::Peer(_))), "{number}");
    }
}

fn wire_part(stage: Stage, number: u32, bytes: Vec<u8>) -> Vec<u8> {
    Message::Part { party: Party::Features, stage, number, bytes: crate::wire::codec::Bulk(bytes) }.encode()
}

#[test]
fn learnv_53_a_hidden_run_that_was_cut_ends_with_the_same_bits() {
    let case = small();
    let inputs = case.input();
    let outcome = |ended: Ended<Trained, Trained>| {
        [ended.initiator, ended.responder].map(|end| {
            let Trained { state, own, theirs, .. } = end.unwrap();
            (state, own, theirs)
        })
    };
    let whole = outcome(case.run(&inputs));
    let count = case.run(&inputs).said.iter().filter(|said| said.by == Role::Responder).count();
    for number in (0..count - 2).step_by(3) {
        let kept = <(Kept, Kept)>::default();
        let mut meddler = Meddler::on_message(Role::Responder, number, Tampering::Drop);
        let cut = case.pair(&inputs, &kept).run_past(&mut meddler);
        assert!(meddler.happened() && cut.initiator.is_err());
        let again = Case { session: 8, ..case.clone() };
        assert_eq!(outcome(again.pair(&inputs, &kept).run()), whole, "message {number}");
    }
}

/// The same words under the same masks for other bits would show the difference; so who is there is in the secret.
#[test]
fn learnv_53_other_bits_draw_other_shares() {
    let case = small();
    let inputs = case.input();
    let mut here = present(Party::Label, case.rows as usize);
    let states = |here: &[bool]| {
        let kept = Kept::default();
        let keeps = kept.clone();
        let keep: Keep = Box::new(move |state| {
            keeps.0.lock().unwrap().push(state.clone());
            Ok(())
        });
        let (secret, seed) = (Secret::new([40; 32]), Secret::new([51; 32]));
        let label = Trainer::start_hidden(
            case.params(),
            Party::Label,
            (&inputs.0, here),
            Vec::new(),
            &secret,
            seed,
            keep,
        );
        let features = case.start(Party::Features, &inputs.1, &Kept::default()).unwrap();
        Pair::new(label.unwrap(), features, case.params().limits()).run().initiator.unwrap();
        let states = kept.0.lock().unwrap();
        states[0].clone()
    };
    let one = states(&here);
    assert_eq!(one, states(&here));
    here[69] = !here[69];
    let other = states(&here);
    assert!(one.own.iter().zip(other.own.iter()).all(|(x, y)| x != y));
}

/// The outcome of a run over no union, as it was before there were unions: its states, hashed.
#[test]
fn learnv_13_a_run_over_no_union_has_the_bits_it_had() {
    let hash = |linkage| {
        let case = Case { l2_micro: 500_000, ..Case::new(linkage, 70, (2, 2), 3) };
        let ended = case.run(&case.input());
        let states = [ended.initiator.unwrap().state, ended.responder.unwrap().state];
        blake3::hash(&states.map(|state| state.to_bytes().to_vec()).concat()).to_string()
    };
    let found = [Linkage::Logistic, Linkage::Linear].map(hash);
    assert_eq!(
        found,
        [
            "a7b9d8466cdcb59ad7350d5b22d5d87ef3906cc929d92ff2f3d8a3fec001e17c",
            "b69148b56d879c4ef4b816a35f420e6f64c6e4843ceab8848c7b537c1bd0b4dc"
        ]
    );
}
