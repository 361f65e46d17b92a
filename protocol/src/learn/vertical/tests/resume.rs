//! LEARNV-13, LEARNV-34: a run that was cut goes on at the last round both have kept, and ends as if nothing had been.

use super::*;
use crate::{
    session::PeerMisbehaved,
    testing::{Meddler, Tampering},
    wire::Role,
};

fn case() -> Case {
    Case { l2_micro: 500_000, ..Case::new(Linkage::Logistic, 70, (2, 2), 3) }
}

fn first(kept: &Kept, count: usize) -> Kept {
    Kept(Arc::new(Mutex::new(kept.0.lock().unwrap()[..count].to_vec())))
}

fn all(kept: &Kept) -> Kept {
    Kept(Arc::new(Mutex::new(kept.0.lock().unwrap().clone())))
}

type Outcome = (State, Option<Block>, Option<Block>);

fn outcome(trained: &Trained) -> Outcome {
    (trained.state.clone(), trained.own.clone(), trained.theirs.clone())
}

#[test]
fn learnv_13_learnv_34_a_cut_run_ends_with_the_same_bits() {
    let case = case();
    let inputs = case.input();
    let kept = <(Kept, Kept)>::default();
    let whole = case.pair(&inputs, &kept).run();
    let whole = [outcome(&whole.initiator.unwrap()), outcome(&whole.responder.unwrap())];
    let again = Case { session: 9, ..case.clone() };
    for ends in [(0, 0), (1, 1), (2, 2), (3, 3), (1, 0), (1, 2), (3, 2)] {
        let kept = (first(&kept.0, ends.0), first(&kept.1, ends.1));
        let ended = again.pair(&inputs, &kept).run();
        assert_eq!(outcome(&ended.initiator.unwrap()), whole[0], "{ends:?}");
        assert_eq!(outcome(&ended.responder.unwrap()), whole[1], "{ends:?}");
    }
    // Two rounds apart is what no crash brings about; a restored backup does.
    let apart = (first(&kept.0, 3), first(&kept.1, 1));
    let pair = again.pair(&inputs, &apart);
    assert_eq!(pair.run().initiator.err(), Some(Abort::Peer(PeerMisbehaved::RoundDiffers)));
}

#[test]
fn learnv_34_a_run_cut_at_any_message_goes_on() {
    let case = case();
    let inputs = case.input();
    let whole = outcome(&case.run(&inputs).initiator.unwrap());
    for number in [0, 2, 4, 8, 12, 15, 20, 26, 30] {
        let kept = <(Kept, Kept)>::default();
        let mut meddler = Meddler::on_frame(Role::Responder, number, Tampering::Drop);
        let cut = case.pair(&inputs, &kept).run_past(&mut meddler);
        assert!(meddler.happened() && cut.initiator.is_err());
        let again = Case { session: 8, ..case.clone() };
        let ended = again.pair(&inputs, &kept).run();
        assert_eq!(outcome(&ended.initiator.unwrap()), whole, "message {number}");
    }
}

#[test]
fn learnv_32_a_state_that_cannot_be_kept_ends_the_run() {
    let case = case();
    let inputs = case.input();
    let (secret, seed) = (Secret::new([1; 32]), Secret::new([2; 32]));
    let keep: Keep = Box::new(|_| Err(NotKept));
    let label =
        Trainer::start(case.params(), Party::Label, &inputs.0, Vec::new(), &secret, seed, keep).unwrap();
    let features = case.start(Party::Features, &inputs.1, &Kept::default()).unwrap();
    let ended = Pair::new(label, features, case.params().limits()).run();
    assert_eq!(ended.initiator.err(), Some(Abort::NotKept));
    assert!(ended.responder.is_err());
}

#[test]
fn learnv_13_another_question_gets_other_masks() {
    let case = case();
    let draws = draws::Draws::new(&Secret::new([1; 32]), &case.params(), b"training", Party::Label);
    let of = |round, content: u8| *draws.seed("score masks", round, 0, &[content; 32]).expose();
    assert!(of(0, 1) == of(0, 1) && of(0, 1) != of(0, 2) && of(0, 1) != of(1, 1));
    let other = draws::Draws::new(&Secret::new([1; 32]), &case.params(), b"training", Party::Features);
    assert!(*other.seed("score masks", 0, 0, &[1; 32]).expose() != of(0, 1));
}

/// The same masks over other columns would show the difference of the columns.
#[test]
fn learnv_13_other_columns_of_ours_get_other_masks() {
    let case = case();
    let inputs = case.input();
    let mut changed = inputs.clone();
    changed.1.columns[0][69] = 0.125;
    let rows = case.params().rows() as usize;
    let heard = |inputs: &(Input, Input)| {
        let said = case.run(inputs).said;
        let of = |by, kind: &str| said.iter().find(|s| s.by == by && s.kind == kind).unwrap().bytes.clone();
        (of(Role::Initiator, "Weights"), of(Role::Responder, "Scores"))
    };
    let ((asked, told), (asked_again, told_again)) = (heard(&inputs), heard(&changed));
    // The halves are still zero, so the question is the same, and what is masked as well.
    assert!(asked == asked_again);
    let highest = |bytes: &[u8]| -> Vec<u8> {
        let start = bytes.len() - bfv::Response::bytes(rows);
        (0..rows).map(|row| bytes[start + 10 * row + 9]).collect()
    };
    let same = highest(&told).iter().zip(&highest(&told_again)).filter(|(x, y)| x == y).count();
    assert!(same < rows / 8, "{same} of {rows}");
}

fn refused(ended: &crate::testing::Ended<Trained, Trained>, why: PeerMisbehaved, kind: &str) {
    assert_eq!(ended.initiator.as_ref().err(), Some(&Abort::Peer(why)));
    assert!(!ended.said.iter().any(|said| said.by == Role::Initiator && said.kind == kind));
}

/// The attack: a peer that has our opening says that it lost its states, and begins anew with a row changed; the
/// difference of what is opened would be that row's weight in ours.
#[test]
fn learnv_35_after_an_opening_there_is_no_other_outcome() {
    let case = case();
    let inputs = case.input();
    let kept = <(Kept, Kept)>::default();
    let whole = case.run(&inputs);
    let from_responder =
        |kind| whole.said.iter().filter(|s| s.by == Role::Responder).position(|s| s.kind == kind);
    let number = from_responder("Open").unwrap();
    let mut meddler = Meddler::on_message(Role::Responder, number, Tampering::Drop);
    let cut = case.pair(&inputs, &kept).run_past(&mut meddler);
    assert!(meddler.happened() && cut.initiator.is_err());
    assert_eq!(cut.said.iter().filter(|s| s.by == Role::Initiator && s.kind == "Open").count(), 1);

    let mut changed = inputs.clone();
    changed.1.columns[0][69] = 0.125;
    let again = Case { session: 9, ..case.clone() };
    for lost in [0, 1, 2] {
        let ended = again.pair(&changed, &(all(&kept.0), first(&kept.1, lost))).run();
        refused(&ended, PeerMisbehaved::RoundDiffers, "Open");
    }
    // A peer that was only cut is told the same again.
    let ended = again.pair(&inputs, &(all(&kept.0), all(&kept.1))).run();
    assert_eq!(outcome(&ended.initiator.unwrap()), outcome(&whole.initiator.unwrap()));
    assert_eq!(outcome(&ended.responder.unwrap()), outcome(&whole.responder.unwrap()));
}

/// The attack: told weights are the joined halves turned back by our covariances, so two openings whose difference the peer
/// knows would give those away.
#[test]
fn learnv_35_weights_are_told_for_one_opening_of_the_peer_alone() {
    let case = case();
    let inputs = case.input();
    let kept = <(Kept, Kept)>::default();
    case.pair(&inputs, &kept).run().initiator.unwrap();
    let mut moved = kept.1.0.lock().unwrap().last().unwrap().clone();
    moved.theirs[0] = moved.theirs[0].wrapping_add(1 << 40) & share::MASK;
    let again = Case { session: 9, ..case.clone() };
    let ended = again.pair(&inputs, &(all(&kept.0), Kept(Arc::new(Mutex::new(vec![moved]))))).run();
    refused(&ended, PeerMisbehaved::OpeningDiffers, "Told");
}
