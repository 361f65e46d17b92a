//! Somebody changes one message: every case ends in an abort or in the true weights. And what is said has one shape,
//! whatever the data are.

use std::collections::HashSet;

use rayon::prelude::*;

use super::*;
use crate::{
    session::PeerMisbehaved,
    testing::{Meddler, Said, Tampering},
    wire::{Role, Wire},
};

fn case() -> Case {
    Case::new(Linkage::Logistic, 30, (1, 2), 2)
}

fn numbered(said: &[Said]) -> Vec<(Role, usize, &Said)> {
    let mut passed = [0usize; 2];
    let number = |said: &Said, passed: &mut [usize; 2]| {
        passed[said.by as usize] += 1;
        passed[said.by as usize] - 1
    };
    said.iter().map(|said| (said.by, number(said, &mut passed), said)).collect()
}

#[test]
fn learnv_30_learnv_31_learnv_33_no_altered_message_gives_other_weights() {
    let case = case();
    let inputs = case.input();
    let honest = case.run(&inputs);
    let said = honest.said;
    let weights = |trained: &Trained| (trained.state.clone(), trained.own.clone(), trained.theirs.clone());
    let honest = [weights(&honest.initiator.unwrap()), weights(&honest.responder.unwrap())];
    let last = |by: Role| said.iter().rposition(|said| said.by == by);
    let mut seen = HashSet::new();
    let firsts: HashSet<usize> =
        (0..said.len()).filter(|place| seen.insert((said[*place].by as u8, said[*place].kind))).collect();
    let mut all = Vec::new();
    for (place, (by, number, message)) in numbered(&said).into_iter().enumerate() {
        let length = message.bytes.len();
        let flip = |byte, bit| Tampering::Flip { byte, bit };
        let mut tamperings = vec![flip(length / 2, 3)];
        if firsts.contains(&place) {
            tamperings.extend([
                Tampering::Repeat,
                Tampering::Cut(length - 1),
                Tampering::Extend,
                flip(0, 0),
                flip(4, 0),
                flip(8, 0),
                flip(40, 5),
                flip(length - 1, 7),
            ]);
            if last(by) != Some(place) {
                tamperings.extend([Tampering::Drop, Tampering::Swap]);
            }
        }
        all.extend(tamperings.into_iter().map(|tampering| (by, number, last(by) == Some(place), tampering)));
    }
    all.into_par_iter().for_each(|(by, number, last, tampering)| {
        let what = format!("message {number} of {by:?}, {tampering:?}");
        let mut meddler = Meddler::on_message(by, number, tampering.clone());
        let kept = <(Kept, Kept)>::default();
        let ended = case.pair(&inputs, &kept).run_past(&mut meddler);
        assert!(meddler.happened(), "{what}");
        let wrong =
            |end: &Result<Trained, Abort>, honest: &_| end.as_ref().is_ok_and(|t| weights(t) != *honest);
        assert!(!wrong(&ended.initiator, &honest[0]) && !wrong(&ended.responder, &honest[1]), "{what}");
        let last_word = last && tampering == Tampering::Repeat;
        assert!(ended.initiator.is_err() || ended.responder.is_err() || last_word, "{what}");
    });
}

#[test]
fn learnv_31_our_own_words_sent_back_to_us_are_refused() {
    let case = case();
    let inputs = case.input();
    let said = case.run(&inputs).said;
    let ours: Vec<&Said> = said.iter().filter(|said| said.by == Role::Initiator).collect();
    for (number, said) in ours.iter().enumerate().step_by(3) {
        let back = Tampering::Insert(said.bytes.clone());
        let mut meddler = Meddler::on_message(Role::Responder, number.min(4), back);
        let ended = case.pair(&inputs, &Default::default()).run_past(&mut meddler);
        assert_eq!(ended.initiator.err(), Some(Abort::Peer(PeerMisbehaved::RoleReflected)));
    }
}

/// The attack of LEARNV-32: a message altered so that it still decrypts is noticed before its round is kept.
#[test]
fn learnv_32_an_altered_round_is_not_kept() {
    let case = case();
    let inputs = case.input();
    let said = case.run(&inputs).said;
    let from_responder: Vec<&Said> = said.iter().filter(|said| said.by == Role::Responder).collect();
    let number = from_responder.iter().position(|said| said.kind == "Gradients").unwrap();
    // The upper bits of `b`: no noise, another gradient.
    let place = from_responder[number].bytes.len() - bfv::N * 10 - 1;
    let mut meddler = Meddler::on_message(Role::Responder, number, Tampering::Flip { byte: place, bit: 6 });
    let kept = <(Kept, Kept)>::default();
    let ended = case.pair(&inputs, &kept).run_past(&mut meddler);
    let differs = Some(Abort::Peer(PeerMisbehaved::TranscriptDiffers));
    assert!(ended.initiator.err() == differs || ended.responder.err() == differs);
    assert!(kept.0.0.lock().unwrap().is_empty() || kept.1.0.lock().unwrap().is_empty());
}

#[test]
fn learnv_33_another_opening_than_was_committed_to_is_refused() {
    let case = case();
    let inputs = case.input();
    let said = case.run(&inputs).said;
    let number = said.iter().filter(|s| s.by == Role::Responder).position(|s| s.kind == "Open").unwrap();
    let open = said.iter().find(|s| s.by == Role::Responder && s.kind == "Open").unwrap();
    let Message::Open { party, nonce, mut halves } =
        Message::decode(&open.bytes, &case.params().limits()).unwrap()
    else {
        panic!("no opening")
    };
    halves.0[0] ^= 1;
    let other = Message::Open { party, nonce, halves }.encode();
    let mut meddler = Meddler::on_message(Role::Responder, number, Tampering::Replace(other));
    let ended = case.pair(&inputs, &Default::default()).run_past(&mut meddler);
    assert_eq!(ended.initiator.err(), Some(Abort::Peer(PeerMisbehaved::OpeningDiffers)));
}

#[test]
fn learnv_30_what_is_said_has_the_same_shape_whatever_the_data_are() {
    for (linkage, opens) in [(Linkage::Logistic, Opens::Both), (Linkage::Linear, Opens::To(Party::Features))]
    {
        let case = Case { opens, ..Case { linkage, ..case() } };
        let shape = |inputs: &(Input, Input)| -> Vec<_> {
            case.run(inputs).said.iter().map(|said| (said.by, said.kind, said.bytes.len())).collect()
        };
        let (mut label, mut features) = case.input();
        let one = shape(&(label.clone(), features.clone()));
        label.target.as_mut().unwrap().fill(1.0);
        label.columns[0].fill(0.0);
        features.columns.iter_mut().for_each(|column| column.fill(1.0));
        assert_eq!(one, shape(&(label, features)));
        let limit = case.params().limits().bytes();
        assert!(one.iter().all(|(_, _, length)| *length <= limit));
        // And as long as the plan says.
        for party in [Party::Label, Party::Features] {
            for cost in case.params().costs(party).iter().filter(|cost| cost.stage != Stage::Link) {
                let by = if party == Party::Label { Role::Initiator } else { Role::Responder };
                let said = one.iter().filter(|(who, kind, _)| *who == by && *kind == cost.stage.name());
                let bytes: usize = said.map(|(_, _, length)| length - 24).sum();
                assert_eq!(bytes as u64, cost.bytes, "{cost:?}");
            }
        }
    }
}

#[test]
fn who_learns_what_is_what_was_agreed() {
    for (opens, own, theirs) in [
        (Opens::Nobody, [false, false], [false, false]),
        (Opens::Own, [true, true], [false, false]),
        (Opens::To(Party::Label), [true, true], [true, false]),
        (Opens::To(Party::Features), [true, true], [false, true]),
        (Opens::Both, [true, true], [true, true]),
    ] {
        let case = Case { opens, rounds: 1, ..case() };
        let ended = case.run(&case.input());
        let ends = [ended.initiator.unwrap(), ended.responder.unwrap()];
        assert_eq!(ends.each_ref().map(|end| end.own.is_some()), own, "{opens:?}");
        assert_eq!(ends.each_ref().map(|end| end.theirs.is_some()), theirs, "{opens:?}");
        let opened = ended.said.iter().filter(|said| said.kind == "Open").count();
        assert_eq!(opened, if opens == Opens::Nobody { 0 } else { 2 });
        assert!(ends.iter().all(|end| end.state.round() == 1));
    }
}
