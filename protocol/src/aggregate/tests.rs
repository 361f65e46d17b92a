//! One test a rule, by the rule's number in `docs/protocols/aggregate.md`.

use super::*;
use crate::{
    ids::{ContractId, SessionId},
    session::{Abort, PeerMisbehaved, Session},
    testing::{Ended, Meddler, Pair, Tampering},
    wire::{Role, Wire, WireError, codec::Bulk},
};

const MOST: [u64; 2] = [1_000, 50_000];

fn params(question: u8) -> Params {
    Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), [question; 32], 3, MOST.to_vec())
}

fn figures() -> Figures {
    Figures::new(vec![Some(120), Some(-50_000), None, None, Some(0), Some(7)])
}

fn owner(params: &Params) -> Owner {
    Owner::start(params, &figures()).unwrap()
}

fn run(meddler: &mut Meddler) -> Ended<Sent, Heard> {
    let params = params(3);
    Pair::new(owner(&params), Receiver::start(params.clone()), params.limits()).run_past(meddler)
}

/// An owner gone bad says this instead of its answer, with a hash that fits it.
fn says(bytes: Vec<u8>) -> Result<Heard, Abort> {
    let transcript = params(3).answer_hash(&bytes);
    let message = Message::Answer { figures: Bulk(bytes), transcript };
    match Receiver::start(params(3)).handle(message)? {
        crate::session::Step::Done { output, .. } => Ok(output),
        crate::session::Step::Wait { .. } => panic!("there is one answer"),
    }
}

#[test]
fn both_ends_have_the_same_figures_and_the_same_hash() {
    let ended = run(&mut Meddler::idle());
    let heard = ended.responder.unwrap();
    assert_eq!(heard.figures, figures());
    assert_eq!(heard.transcript, ended.initiator.unwrap().transcript);
    assert_eq!(ended.said.iter().map(|said| said.kind).collect::<Vec<_>>(), ["Answer", "Received"]);
}

#[test]
fn agg_01_an_answer_to_another_question_or_session_is_none() {
    let ours = params(3);
    let theirs = [
        params(4),
        Params::new(SessionId::new([9; 32]), ContractId::new([2; 32]), [3; 32], 3, MOST.to_vec()),
        Params::new(SessionId::new([1; 32]), ContractId::new([9; 32]), [3; 32], 3, MOST.to_vec()),
        Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), [3; 32], 2, vec![1_000, 50_000, 9]),
        Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), [3; 32], 3, vec![1_000, 50_001]),
    ];
    for other in theirs {
        if other.figures() != ours.figures() {
            continue;
        }
        let Ok(owner) = Owner::start(&other, &figures()) else { panic!("of the same shape") };
        let ended = Pair::new(owner, Receiver::start(ours.clone()), ours.limits()).run();
        assert_eq!(ended.responder, Err(Abort::Peer(PeerMisbehaved::TranscriptDiffers)));
    }
}

#[test]
fn agg_02_an_answer_longer_than_agreed_is_not_even_decoded() {
    let mut meddler = Meddler::on_message(Role::Initiator, 0, Tampering::Extend);
    assert!(matches!(run(&mut meddler).responder, Err(Abort::Wire(WireError::TooLong { .. }))));
}

#[test]
fn agg_03_a_figure_more_or_less_ends_the_run() {
    let all = figures().encode();
    let fewer = &all[..all.len() - 9];
    let expected = Abort::Peer(PeerMisbehaved::FigureCount { expected: 6, got: 5 });
    assert_eq!(says(fewer.to_vec()), Err(expected));
    let cut = Abort::Peer(PeerMisbehaved::FiguresCut { bytes: all.len() - 1 });
    assert_eq!(says(all[..all.len() - 1].to_vec()), Err(cut));
    let none = Abort::Peer(PeerMisbehaved::FigureCount { expected: 6, got: 0 });
    assert_eq!(says(Vec::new()), Err(none));
}

#[test]
fn agg_04_a_figure_beyond_its_bounds_or_with_an_unknown_mark_ends_the_run() {
    let beyond = |place: usize, value: i64| {
        let mut figures = figures().as_slice().to_vec();
        figures[place] = Some(value);
        says(Figures::new(figures).encode())
    };
    for (place, value) in [(0, 1_001), (2, -1_001), (1, 50_001), (5, i64::MIN), (4, i64::MAX)] {
        let expected = Abort::Peer(PeerMisbehaved::FigureOutOfBounds { position: place });
        assert_eq!(beyond(place, value), Err(expected));
    }
    assert!(beyond(3, 50_000).is_ok());
    let mut marked = figures().encode();
    marked[9] = 2;
    assert_eq!(says(marked), Err(Abort::Peer(PeerMisbehaved::FigureMark { position: 1 })));
}

#[test]
fn agg_04_a_hidden_figure_carries_nothing() {
    let mut hidden = figures().encode();
    hidden[2 * 9 + 1] = 1;
    assert_eq!(says(hidden), Err(Abort::Peer(PeerMisbehaved::FigureMark { position: 2 })));
}

#[test]
fn agg_05_a_changed_bit_is_noticed_by_the_receiver() {
    let length = run(&mut Meddler::idle()).said[0].bytes.len();
    for byte in 0..length {
        let mut meddler = Meddler::on_message(Role::Initiator, 0, Tampering::Flip { byte, bit: 0 });
        let ended = run(&mut meddler);
        assert!(meddler.happened() && ended.responder.is_err() && ended.initiator.is_err(), "{byte}");
    }
}

#[test]
fn agg_06_an_end_is_not_satisfied_by_its_own_words() {
    let params = params(3);
    let said = run(&mut Meddler::idle()).said;
    let mut meddler = Meddler::on_message(Role::Responder, 0, Tampering::Replace(said[0].bytes.clone()));
    let ended = run(&mut meddler);
    assert_eq!(ended.initiator, Err(Abort::OutOfTurn { expected: "Received", got: "Answer" }));
    let own = Message::Received { transcript: params.answer_hash(&figures().encode()) };
    let mut meddler = Meddler::on_message(Role::Responder, 0, Tampering::Replace(own.encode()));
    assert_eq!(run(&mut meddler).initiator, Err(Abort::Peer(PeerMisbehaved::TranscriptDiffers)));
}

#[test]
fn agg_07_messages_out_of_turn_end_the_run() {
    let thanks = Message::Received { transcript: [0; 32] };
    let Err(early) = owner(&params(3)).handle(thanks.clone()) else { panic!("nothing was said yet") };
    assert_eq!(early, Abort::OutOfTurn { expected: "nothing", got: "Received" });
    let Err(reflected) = Receiver::start(params(3)).handle(thanks) else { panic!("no answer") };
    assert_eq!(reflected, Abort::OutOfTurn { expected: "Answer", got: "Received" });
    let mut twice = Meddler::on_message(Role::Initiator, 0, Tampering::Repeat);
    assert_eq!(run(&mut twice).responder, Err(Abort::after_the_end("Answer")));
    let mut lost = Meddler::on_message(Role::Responder, 0, Tampering::Drop);
    assert_eq!(run(&mut lost).initiator, Err(Abort::PeerEnded { expected: "Received" }));
}

#[test]
fn the_owner_sends_nothing_that_is_not_of_the_agreed_shape() {
    for wrong in [Figures::new(vec![Some(1); 5]), Figures::new(vec![Some(1_001); 6])] {
        assert_eq!(Owner::start(&params(3), &wrong).err(), Some(Abort::OwnFigures));
    }
}

#[test]
fn t30_no_figure_is_in_a_debug_text() {
    let ended = run(&mut Meddler::idle());
    let shown = format!("{:?}{:?}", ended.responder, figures());
    assert!(!shown.contains("120") && !shown.contains("50000"), "{shown}");
}
