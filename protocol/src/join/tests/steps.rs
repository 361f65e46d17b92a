//! Rules that show in single steps.

use super::{
    super::{
        message::Record,
        run::{batch, commit, part},
    },
    *,
};
use crate::{
    session::{PeerMisbehaved, Produced, Session, Step},
    wire::codec::Bulk,
};

/// Everything this end says before it hears more.
fn produced<S: Session<Message = Message>>(mut session: S) -> (S, Vec<Message>) {
    let mut said = Vec::new();
    loop {
        match session.produce().unwrap() {
            Produced::Message { state, message } => {
                session = state;
                said.push(message);
            }
            Produced::Idle(state) => return (state, said),
        }
    }
}

fn hand<S: Session<Message = Message, Output = Joined>>(session: S, message: Message) -> Result<S, Abort> {
    match session.handle(message)? {
        Step::Wait { state, .. } => Ok(state),
        Step::Done { .. } => panic!("this is not the end"),
    }
}

fn announce(role: Role, count: u64) -> Message {
    Message::Announce { role, count, nonce: [9; 32] }
}

fn abort<S>(result: Result<S, Abort>) -> Abort {
    result.err().expect("an abort")
}

fn count() -> Case {
    Case::new(Shape::count())
}

#[test]
fn join_40_our_own_messages_are_not_the_peers() {
    let case = count();
    let rows = rows(0..5, 1, &[]);
    let reflected = Abort::Peer(PeerMisbehaved::RoleReflected);
    assert_eq!(abort(hand(case.seeker(&rows, 0).unwrap(), announce(Role::Seeker, 5))), reflected);
    assert_eq!(abort(hand(case.holder(&rows, 0).unwrap(), announce(Role::Holder, 5))), reflected);
    let begun = || hand(case.seeker(&rows, 0).unwrap(), announce(Role::Holder, 5)).unwrap();
    let (state, said) = produced(begun());
    let own_setup = said.into_iter().nth(1).unwrap();
    assert_eq!(abort(hand(state, own_setup)), reflected);
    let early = Message::Slab { stage: Stage::Opprf, slab: 0, bytes: Bulk(Vec::new()) };
    assert_eq!(abort(hand(begun(), early)), Abort::OutOfTurn { expected: "Setup", got: "Slab" });
}

#[test]
fn join_02_sizes_are_held_against_the_contract() {
    let case = count();
    let own = rows(0..5, 1, &[]);
    for count in [5001, u64::MAX] {
        let above = Abort::Peer(PeerMisbehaved::CountAboveCap { announced: count, cap: 5000 });
        assert_eq!(abort(hand(case.seeker(&own, 0).unwrap(), announce(Role::Holder, count))), above);
        assert_eq!(abort(hand(case.holder(&own, 0).unwrap(), announce(Role::Seeker, count))), above);
    }
    let padded = |padded| Seeker::start(case.params(), copy(&own), padded, None, Secret::new([1; 32]));
    assert_eq!(abort(padded(5001)), Abort::OwnSetAboveCap { count: 5001, cap: 5000 });
    assert_eq!(abort(padded(4)), Abort::OwnSetAboveCap { count: 5, cap: 5000 });
    assert!(padded(5000).is_ok());
}

#[test]
fn join_03_rows_that_are_not_of_the_shape_are_refused() {
    let case = Case::new(shape((3, 1), &[9], &[], &[]));
    let good = || Rows { keys: vec![keys(0..4)], cells: vec![0, 1, 2, 2], terms: vec![vec![9, -9, 0, 1]] };
    assert!(case.seeker(&good(), 0).is_ok());
    let refused = |change: fn(&mut Rows)| {
        let mut rows = good();
        change(&mut rows);
        assert_eq!(abort(case.seeker(&rows, 0)), Abort::OwnRows);
    };
    refused(|rows| rows.keys[0][3] = rows.keys[0][0]);
    refused(|rows| rows.keys[0].truncate(3));
    refused(|rows| rows.keys.push(keys(0..4)));
    refused(|rows| rows.cells[0] = 3);
    refused(|rows| rows.terms[0][2] = 10);
    refused(|rows| rows.terms[0][2] = i64::MIN);
    refused(|rows| rows.terms[0].truncate(3));
    refused(|rows| rows.terms.clear());
    let mut two_without = good();
    two_without.keys[0][..2].fill(None);
    assert!(case.seeker(&two_without, 0).is_ok(), "having no key is no repetition");
}

#[test]
fn join_06_what_might_overflow_is_refused() {
    let params = |most: u64, noise: u64, rows: u32| {
        let shape = shape((1, 1), &[most], &[], &[]);
        Params::new(Agreed { noise: vec![1, noise], max_seeker: rows, max_holder: rows, ..agreed(shape, 1) })
    };
    assert!(params(1 << 41, 1 << 40, 1 << 20).is_ok());
    assert_eq!(abort(params(1 << 42, 1 << 40, 1 << 20)), Abort::JoinShape);
    assert_eq!(abort(params(1 << 41, 1 << 62, 1 << 20)), Abort::JoinShape);
    assert_eq!(abort(params(1, 1, (1 << 26) + 1)), Abort::JoinShape);
    for keys in [0, 9] {
        assert_eq!(abort(Params::new(agreed(Shape::count(), keys))), Abort::JoinShape);
    }
    assert_eq!(
        abort(Params::new(Agreed { noise: Vec::new(), ..agreed(Shape::count(), 1) })),
        Abort::JoinShape
    );
}

#[test]
fn join_47_noise_is_there_exactly_if_the_other_end_learns() {
    for learns in [Learns::Seeker, Learns::Holder, Learns::Both] {
        let case = Case { learns, ..count() };
        let start = |noise| Seeker::start(case.params(), rows(0..5, 1, &[]), 5, noise, Secret::new([1; 32]));
        let due = learns != Learns::Seeker;
        assert_eq!(start(Some(vec![1])).is_ok(), due);
        assert_eq!(start(None).is_ok(), !due);
        for bad in [vec![], vec![1, 1], vec![1001], vec![i64::MIN]] {
            assert_eq!(abort(start(Some(bad))), Abort::OwnFigures);
        }
    }
}

/// A holder that computes what it should and then opens something else; `committed` is what it says it will.
fn forged(change: i64, committed: i64) -> Result<Joined, Abort> {
    let case = count();
    let params = case.params();
    let (mut seeker, mut holder) =
        (case.seeker(&rows(0..5, 1, &[]), 0)?, Some(case.holder(&rows(100..105, 1, &[]), 0)?));
    let mut liar = Record::new(&params, Role::Holder);
    let mut honest = None;
    while honest.is_none() {
        let (state, said) = produced(seeker);
        seeker = state;
        for message in said {
            liar.hear(&message);
            match holder.take().expect("a run that goes on").handle(message)? {
                Step::Wait { state, .. } => holder = Some(state),
                Step::Done { send, .. } => honest = send.into_iter().last(),
            }
        }
        let Some(state) = holder.take() else { break };
        let (state, said) = produced(state);
        holder = Some(state);
        for message in said.into_iter().filter(|message| !matches!(message, Message::Finished { .. })) {
            seeker = hand(seeker, liar.say(message))?;
        }
    }
    let Some(Message::Open { role, nonce, figures }) = honest else { panic!("the holder opens its halves") };
    let half = u64::from_le_bytes(figures.0.try_into().expect("one figure"));
    let with = |change: i64| half.wrapping_add(change.cast_unsigned()).to_le_bytes().to_vec();
    let finished = liar.finished(Role::Holder, commit(Role::Holder, &nonce, &with(committed)));
    let seeker = hand(seeker, finished)?;
    match seeker.handle(Message::Open { role, nonce, figures: Bulk(with(change)) })? {
        Step::Done { output, .. } => Ok(output),
        Step::Wait { .. } => panic!("this is the end"),
    }
}

/// Five rows and noise of 1000 at most.
#[test]
fn join_46_a_figure_beyond_its_bounds_is_refused() {
    let beyond = Err(Abort::Peer(PeerMisbehaved::FigureOutOfBounds { position: 0 }));
    for change in [0, 1005, -1005] {
        assert_eq!(forged(change, change).unwrap().figures.unwrap().as_slice(), [change]);
    }
    for change in [1006, -1006, i64::MAX, i64::MIN] {
        assert_eq!(forged(change, change), beyond);
    }
}

#[test]
fn join_45_what_was_committed_to_is_what_is_opened() {
    assert_eq!(forged(1, 0), Err(Abort::Peer(PeerMisbehaved::OpeningDiffers)));
}

/// Two uses of one part of a correlation would show the difference of what they hide.
#[test]
fn join_51_no_two_uses_share_a_transfer() {
    let mut names = std::collections::HashSet::new();
    for stage in Stage::ALL {
        assert!(names.insert(batch(stage, 3)));
        assert!((0..16).all(|number| names.insert(part(stage, 3, number))));
    }
    assert!(names.iter().all(|batch| batch.slab == 3));
}

#[test]
fn join_07_a_seed_used_again_draws_other_masks() {
    let nonce = |session: u8, seed: u8, holder: bool| {
        let params =
            Params::new(Agreed { session: SessionId::new([session; 32]), ..agreed(Shape::count(), 1) })
                .unwrap();
        let (rows, seed) = (rows(0..5, 1, &[]), Secret::new([seed; 32]));
        let said = match holder {
            true => produced(Holder::start(params, rows, 5, Some(vec![0]), seed).unwrap()).1,
            false => produced(Seeker::start(params, rows, 5, None, seed).unwrap()).1,
        };
        match said[..] {
            [Message::Announce { nonce, .. }] => nonce,
            _ => panic!("one announcement"),
        }
    };
    let all = [nonce(1, 1, false), nonce(1, 1, true), nonce(2, 1, false), nonce(1, 2, false)];
    assert_eq!(std::collections::HashSet::from(all).len(), 4);
    assert_eq!(all[0], nonce(1, 1, false), "and the same seed the same ones");
}

/// Two ends that have agreed on different questions, sizes of slabs or bounds do not open anything.
#[test]
fn join_01_join_44_both_ends_must_have_agreed_on_the_same() {
    let case = count();
    let other = |change: fn(&mut Agreed)| {
        let mut agreed =
            Agreed { noise: vec![1000], max_seeker: 5000, max_holder: 5000, ..agreed(Shape::count(), 1) };
        change(&mut agreed);
        let params = Params::new(agreed).unwrap().with_slab_bins(case.slab).unwrap();
        let holder =
            Holder::start(params, rows(0..5, 1, &[]), 5, Some(vec![0]), Secret::new([6; 32])).unwrap();
        let seeker = case.seeker(&rows(0..5, 1, &[]), 0).unwrap();
        let ended = Pair::new(seeker, holder, case.params().limits()).run();
        (ended.initiator.is_ok(), ended.responder.is_ok())
    };
    assert_eq!(other(|_| {}), (true, true));
    assert_eq!(other(|agreed| agreed.max_seeker = 4000), (true, true), "a cap is an end's own");
    assert_eq!(other(|agreed| agreed.question = [4; 32]), (false, false));
    assert_eq!(other(|agreed| agreed.contract = ContractId::new([4; 32])), (false, false));
    assert_eq!(other(|agreed| agreed.session = SessionId::new([4; 32])), (false, false));
    assert_eq!(other(|agreed| agreed.noise = vec![999]), (false, false));
}

/// As many figures of the same bounds, but not the same ones.
#[test]
fn join_01_join_48_both_ends_must_open_the_same() {
    let case = |figure| Case::new(shape((1, 1), &[9, 9], &[], &[]).opening(&[figure]).unwrap());
    let (one, other) = (case(Figure::Seeker(0)), case(Figure::Seeker(1)));
    let (own, theirs) = (rows(0..5, 1, &[9, 9]), rows(0..5, 1, &[]));
    let run = |holder: &Case| {
        let holder = holder.holder(&theirs, 0).unwrap();
        Pair::new(one.seeker(&own, 0).unwrap(), holder, one.params().limits()).run()
    };
    assert!(run(&one).initiator.is_ok());
    assert!(run(&other).initiator.is_err());
    assert!(run(&other).responder.is_err());
}

#[test]
fn join_47_join_48_there_is_noise_for_what_is_opened_and_for_nothing_else() {
    let case = Case::new(shape((2, 1), &[9], &[], &[]).opening(&[Figure::Seeker(0)]).unwrap());
    let start = |noise: Vec<i64>| {
        let theirs = rows(0..5, 1, &[]);
        Holder::start(case.params(), theirs, 5, Some(noise), Secret::new([1; 32])).err()
    };
    assert_eq!(start(vec![3; 2]), None);
    assert_eq!(start(vec![3; 4]), Some(Abort::OwnFigures));
}

#[test]
fn progress_goes_from_nothing_to_all_and_debug_shows_nothing() {
    let case = count();
    let ended = case.run(&rows(0..5, 1, &[]), &rows(0..5, 1, &[]));
    let joined = ended.initiator.unwrap();
    assert!(format!("{joined:?}").contains("Figures(1)"));
    assert_eq!(format!("{:?}", rows(0..5, 1, &[])), "Rows(5)");
    let (state, said) = produced(case.seeker(&rows(0..5, 1, &[]), 0).unwrap());
    assert_eq!((said.len(), state.expects(), state.progress().done), (1, "Announce", 0));
    let state = hand(state, announce(Role::Holder, 5)).unwrap();
    assert_eq!((state.expects(), state.progress().total > 0), ("Setup", true));
}
