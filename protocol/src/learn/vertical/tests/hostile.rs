//! Somebody changes one message: every case ends in an abort or in the true weights. And what is said has one shape,
//! whatever the data are.

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

/// What is done to a message of this length, each by itself.
pub(super) fn everything(length: usize) -> Vec<Tampering> {
    let mut bytes = vec![0, 4, 8, 12, 40, length / 2, length - 9, length - 1];
    bytes.retain(|byte| *byte < length);
    bytes.sort_unstable();
    bytes.dedup();
    let flips = bytes.into_iter().enumerate().map(|(bit, byte)| Tampering::Flip { byte, bit: bit as u8 });
    let others = [Tampering::Drop, Tampering::Repeat, Tampering::Swap, Tampering::Extend];
    others.into_iter().chain([length / 2, length - 1].map(Tampering::Cut)).chain(flips).collect()
}

/// Every message of both ends with every tampering: an end at least aborts, an end that opens has the true weights, and no
/// state is kept but those of the undisturbed run.
pub(super) fn meddle(case: &Case, tamperings: impl Fn(usize) -> Vec<Tampering> + Sync) {
    let inputs = case.input();
    let kept = <(Kept, Kept)>::default();
    let honest = case.pair(&inputs, &kept).run();
    let said = honest.said;
    let true_states = [&kept.0, &kept.1].map(|kept| kept.0.lock().unwrap().clone());
    let weights = |trained: &Trained| (trained.state.clone(), trained.own.clone(), trained.theirs.clone());
    let honest = [weights(&honest.initiator.unwrap()), weights(&honest.responder.unwrap())];
    let all: Vec<_> = numbered(&said)
        .into_iter()
        .flat_map(|(by, number, message)| {
            tamperings(message.bytes.len()).into_iter().map(move |tampering| (by, number, message, tampering))
        })
        .collect();
    all.into_par_iter().for_each(|(by, number, message, tampering)| {
        let what = format!("{} {number} of {by:?}, {tampering:?}", message.kind);
        let mut meddler = Meddler::on_message(by, number, tampering);
        let kept = <(Kept, Kept)>::default();
        let ended = case.pair(&inputs, &kept).run_past(&mut meddler);
        assert!(meddler.happened(), "{what}");
        assert!(ended.initiator.is_err() || ended.responder.is_err(), "nobody aborts: {what}");
        for (end, honest) in [&ended.initiator, &ended.responder].into_iter().zip(&honest) {
            assert!(end.as_ref().map_or(true, |trained| weights(trained) == *honest), "wrong: {what}");
        }
        for (kept, honest) in [&kept.0, &kept.1].into_iter().zip(&true_states) {
            assert!(kept.0.lock().unwrap().iter().all(|state| honest.contains(state)), "kept: {what}");
        }
    });
}

#[test]
fn learnv_30_learnv_31_learnv_32_learnv_33_no_altered_message_gives_other_weights() {
    meddle(&Case::new(Linkage::Logistic, 30, (0, 1), 1), everything);
}

/// The same where a message may end up in another round.
#[test]
fn learnv_30_learnv_32_messages_that_change_places_between_rounds_end_the_run() {
    meddle(&Case::new(Linkage::Linear, 30, (0, 1), 2), |_| vec![Tampering::Swap]);
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
