//! Somebody changes one message. Every case ends in an abort or in the true answer, at both ends.

use std::collections::HashSet;

use rayon::prelude::*;

use super::*;
use crate::{
    testing::{Meddler, Said, Tampering},
    wire::Role as End,
};

fn case() -> (Case, Rows, Rows) {
    let shape = shape((2, 2), &[7], &[5], &[(0, 0)]);
    let (mut own, mut theirs) = (own_rows(&shape, 0..30), their_rows(&shape, 10..50));
    own.keys.push(keys(100..130));
    theirs.keys.push(keys(90..130));
    (Case { learns: Learns::Both, keys: 2, slab: 100, ..Case::new(shape) }, own, theirs)
}

/// Runs past a meddler; no end may have another answer than the honest one.
fn meddle(by: End, number: usize, tampering: Tampering, honest: &(Joined, Joined)) -> bool {
    let (case, own, theirs) = case();
    let what = format!("message {number} of {by:?}, {tampering:?}");
    let mut meddler = Meddler::on_message(by, number, tampering);
    let ended = case.pair(&own, &theirs).run_past(&mut meddler);
    assert!(meddler.happened(), "{what}");
    let wrong = |joined: &Result<Joined, Abort>, honest: &Joined| {
        joined.as_ref().is_ok_and(|joined| joined != honest)
    };
    assert!(!wrong(&ended.initiator, &honest.0) && !wrong(&ended.responder, &honest.1), "{what}");
    ended.initiator.is_err() || ended.responder.is_err()
}

fn honest() -> (Vec<Said>, (Joined, Joined)) {
    let (case, own, theirs) = case();
    let ended = case.run(&own, &theirs);
    (ended.said, (ended.initiator.unwrap(), ended.responder.unwrap()))
}

/// Where each message stands among those of its end.
fn numbered(said: &[Said]) -> Vec<(End, usize, &Said)> {
    let mut passed = [0; 2];
    let mut number = |said: &Said| {
        passed[said.by as usize] += 1;
        passed[said.by as usize] - 1
    };
    said.iter().map(|said| (said.by, number(said), said)).collect()
}

#[test]
fn join_42_join_44_join_45_no_altered_message_gives_another_answer() {
    let (said, honest) = honest();
    let last = |by| said.iter().rposition(|said| said.by == by);
    // The beginning of a message tells its kind, step or stage.
    let mut seen = HashSet::new();
    let begins = |said: &Said| (said.by as u8, said.bytes[..said.bytes.len().min(8)].to_vec());
    let firsts: HashSet<usize> = (0..said.len()).filter(|place| seen.insert(begins(&said[*place]))).collect();
    numbered(&said).into_par_iter().enumerate().for_each(|(place, (by, number, message))| {
        let length = message.bytes.len();
        let flip = |byte, bit| Tampering::Flip { byte, bit };
        let mut all = vec![Tampering::Repeat, flip(length / 2, 3)];
        // Of what is said slab by slab, the first slab's shows all.
        if firsts.contains(&place) {
            let more = [Tampering::Cut(length - 1), Tampering::Extend];
            all.extend(more.into_iter().chain([flip(0, 0), flip(4, 0), flip(8, 0), flip(length - 1, 7)]));
        }
        // What follows the last message of an end is nothing that could be exchanged.
        if last(by) != Some(place) {
            all.push(Tampering::Drop);
            all.push(Tampering::Swap);
        }
        for tampering in all {
            let last_word = last(by) == Some(place) && tampering == Tampering::Repeat;
            assert!(
                meddle(by, number, tampering.clone(), &honest) || last_word,
                "{number} {by:?} {tampering:?}"
            );
        }
    });
}

/// The last word dropped leaves one end waiting, and the other with what it has.
#[test]
fn a_last_word_that_never_comes_leaves_no_wrong_answer() {
    let (said, honest) = honest();
    for by in [End::Initiator, End::Responder] {
        let number = said.iter().filter(|said| said.by == by).count() - 1;
        assert!(meddle(by, number, Tampering::Drop, &honest));
    }
}
