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
