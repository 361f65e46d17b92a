//! Rows A01 to A19 of the catalogue of hostile input, as far as they are a session's to meet.

use rayon::prelude::*;

use super::{
    super::{
        message::Record,
        order::{Draws, Own, scalar_from},
    },
    *,
};
use crate::{
    ristretto::{Engine, Refusal},
    testing::{Ended, Meddler, Tampering},
    wire::{
        Inbox, Limits, Outbox, Role as End, WireError,
        codec::{Bulk, Points},
    },
};

/// A receiver that has asked all its questions and a sender that has been announced as many.
fn asked(own: u32, theirs: u32) -> (Receiver, Vec<Message>, Sender) {
    let params = params();
    let (ours, _) =
        hand(receiver(&params, &items(0..own), 0), announce(Role::Sender, theirs.into())).unwrap();
    let (ours, questions) = produced(ours);
    let (peer, _) =
        hand(sender(&params, &items(0..theirs), 0), announce(Role::Receiver, own.into())).unwrap();
    (ours, questions, peer)
}

fn points_of(message: &Message) -> Vec<[u8; 32]> {
    match message {
        Message::Blinded { points, .. } | Message::Evaluated { points, .. } => points.0.clone(),
        other => panic!("{} has no points", other.kind()),
    }
}

const fn blinded(index: u32, points: Vec<[u8; 32]>) -> Message {
    Message::Blinded { index, points: Points(points) }
}

const fn evaluated(index: u32, points: Vec<[u8; 32]>) -> Message {
    Message::Evaluated { index, points: Points(points) }
}

/// Puts `bad` in every place of every chunk of points, at both ends.
#[track_caller]
fn refused_everywhere(bad: [u8; 32], reason: Refusal) {
    for place in 0..4 {
        for chunk in 0..2 {
            let (mut ours, questions, mut peer) = asked(8, 1);
            for question in &questions[..chunk] {
                let (state, answer) = hand(peer, question.clone()).unwrap();
                peer = state;
                (ours, _) = hand(ours, answer[0].clone()).unwrap();
            }
            let mut points = points_of(&questions[chunk]);
            points[place] = bad;
            let expected = Abort::Peer(PeerMisbehaved::PointRefused { position: place, reason });
            let index = chunk as u32;
            assert_eq!(refusal(peer, blinded(index, points.clone())), expected);
            assert_eq!(refusal(ours, evaluated(index, points)), expected);
        }
    }
}

#[test]
fn a01_psi_09_the_identity_is_refused_in_every_place() {
    refused_everywhere([0; 32], Refusal::Identity);
}

/// The points of order 2, 4 and 8 of the curve below the group, as their y-coordinates are encoded
/// (RFC 9496 gives none of them an encoding).
#[test]
fn a02_points_of_small_order_are_refused() {
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    refused_everywhere(minus_one, Refusal::NonCanonical);
    let mut one = [0; 32];
    one[0] = 1;
    refused_everywhere(one, Refusal::NonCanonical);
    for point in curve25519_dalek::constants::EIGHT_TORSION {
        let bytes = point.compress().to_bytes();
        if bytes != [0; 32] {
            refused_everywhere(bytes, Refusal::NonCanonical);
        }
    }
}

/// As in RFC 9496, Appendix A.2: not reduced, negative, not on the curve.
#[test]
fn a03_psi_09_other_encodings_are_refused() {
    let mut not_reduced = [0xff; 32];
    (not_reduced[0], not_reduced[31]) = (0xed, 0x7f);
    refused_everywhere(not_reduced, Refusal::NonCanonical);
    let (_, questions, _) = asked(1, 1);
    let mut negative = points_of(&questions[0])[0];
    negative[0] |= 1;
    refused_everywhere(negative, Refusal::NonCanonical);
    let mut high_bit = points_of(&questions[0])[0];
    high_bit[31] |= 0x80;
    refused_everywhere(high_bit, Refusal::NonCanonical);
}

/// A million random strings through the path that a peer's points take: each is refused or is a point, and
/// the group's own decoding agrees on which. About one in sixteen is a point.
#[test]
fn a04_a_million_random_strings_are_points_or_refused() {
    let (engine, scalar) = (Engine::detect(), curve25519_dalek::Scalar::from(7u64));
    let counts = (0u64..250).into_par_iter().map(|batch| {
        let draws = Draws::new(&Secret::new([batch as u8; 32]), &params(), Role::Receiver);
        let own = Own::new(Vec::new(), 4000, 4000, &draws).unwrap();
        let strings: Vec<_> = (0..4000).map(|place| *own.at(place)).collect();
        let mut good = 0;
        for group in strings.chunks(8) {
            let mut out = [[0; 32]; 8];
            let is_point = |string: &[u8; 32]| {
                curve25519_dalek::ristretto::CompressedRistretto(*string).decompress().is_some()
            };
            match engine.decode_multiply(group, &scalar, &mut out) {
                Err(refused) => {
                    assert_eq!(group.iter().position(|string| !is_point(string)), Some(refused.index))
                }
                Ok(()) => assert!(group.iter().all(is_point)),
            }
            good += group.iter().filter(|string| is_point(string)).count();
        }
        good
    });
    let good: usize = counts.sum();
    assert!((61_000..64_000).contains(&good), "{good} of a million");
}

/// A generator that gives 64 zeros, then the group's order, then the order times 16, then 7.
struct Planted(std::vec::IntoIter<[u8; 64]>);

impl rand_core::TryRng for Planted {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        unreachable!("scalars are drawn as bytes")
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        unreachable!("scalars are drawn as bytes")
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0.next().unwrap());
        Ok(())
    }
}

#[test]
fn a05_psi_06_a_scalar_is_reduced_and_never_zero() {
    // ℓ = 2²⁵² + 27742317777372353535851937790883648493 (RFC 9496 §4).
    let mut order = [0; 64];
    order[..16].copy_from_slice(&27_742_317_777_372_353_535_851_937_790_883_648_493u128.to_le_bytes());
    order[31] = 0x10;
    let mut sixteen_times = [0; 64];
    for byte in 0..33 {
        let below = if byte == 0 { 0 } else { order[byte - 1] >> 4 };
        sixteen_times[byte] = order[byte] << 4 | below;
    }
    let mut seven = [0; 64];
    seven[0] = 7;
    let mut planted = Planted(vec![[0; 64], order, sixteen_times, seven].into_iter());
    let scalar = scalar_from(&mut planted);
    assert_eq!(*scalar.expose(), curve25519_dalek::Scalar::from(7u64));
}

#[test]
fn a06_psi_08_announced_size_differs() {
    // One more or one less in the last chunk, in a middle chunk, a chunk too many, a chunk too few.
    let (ours, questions, peer) = asked(6, 6);
    let (peer, answer) = hand(peer, questions[0].clone()).unwrap();
    let (ours, _) = hand(ours, answer[0].clone()).unwrap();
    let differs = |expected, got| Abort::Peer(PeerMisbehaved::CountDiffers { expected, got });
    let mut more = points_of(&questions[1]);
    more.push(points_of(&questions[0])[0]);
    let two = points_of(&questions[1]);
    assert_eq!(refusal(peer, blinded(1, more.clone())), differs(64, 96));
    assert_eq!(refusal(ours, evaluated(1, more)), differs(64, 96));

    let again = || asked(6, 6);
    let (ours, _, peer) = again();
    assert_eq!(refusal(peer, blinded(0, two.clone())), differs(128, 64), "a short chunk in the middle");
    assert_eq!(refusal(ours, evaluated(0, two.clone())), differs(128, 64));
    let (ours, _, peer) = again();
    assert_eq!(refusal(peer, blinded(0, Vec::new())), differs(128, 0));
    assert_eq!(refusal(ours, Message::Tags { index: 0, tags: Bulk(vec![0; 23]) }), differs(24, 23));

    // A chunk too many, after all that were announced.
    let (_, questions, peer) = again();
    let (peer, _) = hand(peer, questions[0].clone()).unwrap();
    let (peer, _) = hand(peer, questions[1].clone()).unwrap();
    assert_eq!(refusal(peer, blinded(2, two)).code(), "E-PEER-OUT-OF-TURN");
    // A chunk too few: the other end waits for it and says so.
    let dropped = pair(&items(0..6), &items(0..6), (0, 0)).run_past(&mut Meddler::on_message(
        End::Initiator,
        2,
        Tampering::Drop,
    ));
    assert_eq!(dropped.responder, Err(Abort::PeerEnded { expected: "Blinded" }));
    assert_eq!(dropped.initiator, Err(Abort::PeerEnded { expected: "Evaluated" }));
}

/// The refusal is made of the number alone: nothing is sized by it.
#[test]
fn a07_psi_07_too_many_announced_is_refused() {
    for announced in [10_001, 1 << 20, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
        let expected = Abort::Peer(PeerMisbehaved::CountAboveCap { announced, cap: 10_000 });
        assert_eq!(refusal(receiver(&params(), &items([1]), 0), announce(Role::Sender, announced)), expected);
        assert_eq!(refusal(sender(&params(), &items([1]), 0), announce(Role::Receiver, announced)), expected);
    }
    hand(receiver(&params(), &items([1]), 0), announce(Role::Sender, 10_000)).unwrap();
}

#[test]
fn a07_our_own_set_above_the_cap_is_refused_too() {
    let params = Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), 5, 5);
    let start =
        |own, dummies| Receiver::start(params.clone(), own, dummies, Secret::new([3; 32])).map(|_| ());
    assert_eq!(start(items(0..5), 0), Ok(()));
    assert_eq!(start(items([1; 9]), 4), Ok(()), "repeats count once");
    assert_eq!(start(items(0..6), 0), Err(Abort::OwnSetAboveCap { count: 6, cap: 5 }));
    assert_eq!(start(items(0..3), 3), Err(Abort::OwnSetAboveCap { count: 6, cap: 5 }));
    let count = 1 + u64::from(u32::MAX);
    assert_eq!(start(items([1]), u32::MAX), Err(Abort::OwnSetAboveCap { count, cap: 5 }));
}

#[test]
fn a08_psi_10_repeated_points_and_tags_end_the_run() {
    // In one chunk and across chunks.
    for (from, to) in [((1, 0), (1, 1)), ((0, 3), (1, 1)), ((0, 0), (1, 0))] {
        let (ours, questions, peer) = asked(6, 1);
        let point = points_of(&questions[from.0])[from.1];
        let mut points = points_of(&questions[to.0]);
        points[to.1] = point;
        let (peer, answer) = hand(peer, questions[0].clone()).unwrap();
        assert_eq!(refusal(peer, blinded(1, points.clone())), PeerMisbehaved::PointRepeated.into());
        // The receiver: an answer that is one of the questions is still a point, and here one given twice.
        let first = if from.0 == 0 { points_of(&questions[0]) } else { points_of(&answer[0]) };
        let (ours, _) = hand(ours, evaluated(0, first)).unwrap();
        assert_eq!(refusal(ours, evaluated(1, points)), PeerMisbehaved::PointRepeated.into());
    }
    let (ours, questions, peer) = asked(1, 6);
    let (_, answer) = hand(peer, questions[0].clone()).unwrap();
    let (ours, _) = hand(ours, Message::Tags { index: 0, tags: Bulk((0..24).collect()) }).unwrap();
    let (ours, _) = hand(ours, Message::Tags { index: 1, tags: Bulk((6..18).collect()) }).unwrap();
    assert_eq!(refusal(ours, answer[0].clone()), PeerMisbehaved::TagRepeated.into());
}

/// One message of each kind.
fn samples() -> Vec<Message> {
    vec![
        announce(Role::Receiver, 3),
        announce(Role::Sender, 3),
        blinded(0, vec![[7; 32]; 3]),
        evaluated(1, vec![[7; 32]; 4]),
        Message::Tags { index: 2, tags: Bulk(vec![5; 18]) },
        Message::Finished { role: Role::Sender, transcript: [9; 32] },
    ]
}

#[test]
fn a09_a_message_cut_at_every_byte_is_an_error() {
    let limits = params().limits();
    for message in samples() {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes, &limits), Ok(message));
        for end in 0..bytes.len() {
            assert_eq!(Message::decode(&bytes[..end], &limits), Err(WireError::Cut));
        }
    }
}

#[test]
fn a10_psi_11_a_message_longer_than_a_chunk_is_refused_unread() {
    let limits = params().limits();
    assert!(Message::decode(&blinded(0, vec![[7; 32]; 4]).encode(), &limits).is_ok());
    let long = blinded(0, vec![[7; 32]; 5]).encode();
    assert_eq!(
        Message::decode(&long, &limits),
        Err(WireError::TooLong { length: long.len(), limit: limits.bytes() })
    );
    // A length field that promises more than is there.
    for promised in [129u64, 1 << 32, u64::MAX] {
        let mut bytes = blinded(0, vec![[7; 32]; 4]).encode();
        bytes[8..16].copy_from_slice(&promised.to_le_bytes());
        assert!(Message::decode(&bytes, &limits).is_err());
    }
    assert_eq!(params().with_chunk_items(0).err(), Some(Abort::ChunkSize));
    assert_eq!(params().with_chunk_items(u32::MAX).err(), Some(Abort::ChunkSize));
    let largest = params().with_chunk_items(2_097_149).unwrap().limits();
    assert_eq!(largest.framed().bytes(), largest.bytes() + crate::wire::envelope::OVERHEAD);
    assert_eq!(params().with_chunk_items(2_097_150).err(), Some(Abort::ChunkSize));
}

#[test]
fn a11_psi_11_there_is_one_encoding() {
    let limits = Limits::new(1000);
    for message in samples() {
        let bytes = message.encode();
        let trailing = [bytes.as_slice(), &[0]].concat();
        assert_eq!(Message::decode(&trailing, &limits), Err(WireError::TrailingBytes(1)));
        for tag in 5u32..40 {
            let unknown = [&tag.to_le_bytes(), &bytes[4..]].concat();
            assert_eq!(Message::decode(&unknown, &limits), Err(WireError::Malformed));
        }
        // Whatever else decodes, encodes to what it was decoded from.
        for byte in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[byte] ^= 1 << bit;
                if let Ok(other) = Message::decode(&changed, &limits) {
                    assert_eq!(other.encode(), changed);
                }
            }
        }
    }
}

/// Every order of the peer's messages, every repetition and every omission, of up to four: only those that
/// the protocol allows are taken to the end.
#[test]
fn a12_rounds_out_of_order_repeated_or_skipped() {
    let said = pair(&items([1]), &items([1]), (0, 0)).run().said;
    let by = |end| {
        let own = said.iter().filter(move |said| said.by == end);
        own.map(|said| Message::decode(&said.bytes, &params().limits()).unwrap()).collect::<Vec<_>>()
    };
    let kinds = |run: &[Message]| run.iter().map(|message| message.kind()).collect::<Vec<_>>().join(" ");
    let to_receiver = taken_to_the_end(|| receiver(&params(), &items([1]), 0), &by(End::Responder));
    let legal = ["Announce Tags Evaluated Finished", "Announce Evaluated Tags Finished"];
    // The two orders have different records, and the Finished at hand is that of one of them.
    assert_eq!(to_receiver.len(), 1, "{:?}", to_receiver.iter().map(|run| kinds(run)).collect::<Vec<_>>());
    assert!(legal.contains(&kinds(&to_receiver[0]).as_str()));
    let to_sender = taken_to_the_end(|| sender(&params(), &items([1]), 0), &by(End::Initiator));
    assert_eq!(to_sender.iter().map(|run| kinds(run)).collect::<Vec<_>>(), ["Announce Blinded Finished"]);
}

/// A last word that fits what was said so far, but before all of it was said.
#[test]
fn a12_a_last_word_before_the_last_tags_is_refused() {
    let params = params();
    let mut record = Record::new(&params, Role::Receiver);
    let first = record.say(announce(Role::Receiver, 0));
    let (session, said) = hand(sender(&params, &items(0..3), 0), first).unwrap();
    said.iter().for_each(|message| record.hear(message));
    let expected = "nothing before the last Tags";
    assert_eq!(
        refusal(session, record.finished(Role::Receiver)),
        Abort::OutOfTurn { expected, got: "Finished" }
    );
}

/// Of all sequences of up to four of these messages, those that end a run with an answer.
fn taken_to_the_end<S: Session<Message = Message>>(
    start: impl Fn() -> S,
    messages: &[Message],
) -> Vec<Vec<Message>> {
    let mut runs: Vec<Vec<Message>> = vec![Vec::new()];
    let mut ended = Vec::new();
    for _ in 0..4 {
        let longer = |run: &Vec<Message>| {
            messages
                .iter()
                .map(|next| [run.as_slice(), std::slice::from_ref(next)].concat())
                .collect::<Vec<_>>()
        };
        runs = runs.iter().flat_map(longer).collect();
        runs.retain(|run| {
            let mut session = start();
            for message in run {
                session = produced(session).0;
                match session.handle(message.clone()) {
                    Ok(Step::Wait { state, .. }) => session = state,
                    Ok(Step::Done { .. }) => {
                        ended.push(run.clone());
                        return false;
                    }
                    Err(Abort::OutOfTurn { .. } | Abort::Peer(_)) => return false,
                    Err(other) => panic!("{other}"),
                }
            }
            true
        });
    }
    ended
}

/// The same conversation again, in a session of its own and in one whose envelopes are made anew.
#[test]
fn a13_a_recorded_session_played_again_gives_no_answer() {
    let recorded = pair(&items(0..6), &items(3..9), (0, 0)).run().said;
    let of_receiver: Vec<_> = recorded.into_iter().filter(|said| said.by == End::Initiator).collect();
    let (old, new) = (SessionId::new([1; 32]), SessionId::new([77; 32]));
    // As recorded: the envelope names the old session.
    let frame = Outbox::new(old, End::Initiator).seal_body(&of_receiver[0].bytes);
    let opened = Inbox::new(new, End::Responder).open::<Message>(&frame, &params().limits());
    assert_eq!(opened, Err(WireError::OtherSession));
    // Sealed anew: the messages are taken, the last one does not fit.
    let params = Params::new(new, ContractId::new([2; 32]), 100, 100).with_chunk_items(4).unwrap();
    let mut session = sender(&params, &items(3..9), 0);
    let (last, first) = of_receiver.split_last().unwrap();
    for said in first {
        (session, _) = hand(session, Message::decode(&said.bytes, &params.limits()).unwrap()).unwrap();
    }
    let (session, _) = produced(session);
    let last = Message::decode(&last.bytes, &params.limits()).unwrap();
    assert_eq!(refusal(session, last), PeerMisbehaved::TranscriptDiffers.into());
}

#[test]
fn a14_psi_12_a_round_of_another_session_spliced_in_is_noticed() {
    let (own, theirs) = (items(0..6), items(3..9));
    let there = {
        let params = Params::new(SessionId::new([99; 32]), ContractId::new([2; 32]), 100, 100);
        let params = params.with_chunk_items(4).unwrap();
        Pair::new(receiver(&params, &own, 0), sender(&params, &theirs, 0), params.limits()).run().said
    };
    let here = pair(&own, &theirs, (0, 0)).run().said;
    for end in [End::Initiator, End::Responder] {
        let of = |said: &[crate::testing::Said]| {
            said.iter().filter(|said| said.by == end).map(|said| said.bytes.clone()).collect::<Vec<_>>()
        };
        for (number, (spliced, ours)) in of(&there).into_iter().zip(of(&here)).enumerate() {
            if spliced == ours {
                continue; // An announcement says the same in both.
            }
            let mut meddler = Meddler::on_message(end, number, Tampering::Replace(spliced));
            let Ended { initiator, responder, .. } = pair(&own, &theirs, (0, 0)).run_past(&mut meddler);
            assert!(meddler.happened());
            let differs = Abort::Peer(PeerMisbehaved::TranscriptDiffers);
            assert!(
                initiator.as_ref().err() == Some(&differs) || responder.as_ref().err() == Some(&differs),
                "message {number} of {}: {initiator:?}, {responder:?}",
                end.name()
            );
        }
    }
}

#[test]
fn a15_psi_13_our_own_messages_sent_back_are_refused() {
    let said = pair(&items(0..3), &items(2..5), (0, 0)).run().said;
    for end in [End::Initiator, End::Responder] {
        for (number, own) in said.iter().filter(|said| said.by == end).enumerate() {
            // As frames, whole: the role in the envelope.
            let frame = Outbox::new(SessionId::new([1; 32]), end).seal_body(&own.bytes);
            let opened = Inbox::new(SessionId::new([1; 32]), end).open::<Message>(&frame, &params().limits());
            assert_eq!(opened, Err(WireError::Reflected));
            // As messages under the peer's envelope: the role in the message, or its kind.
            let mut meddler = Meddler::on_message(end.peer(), number, Tampering::Replace(own.bytes.clone()));
            let ended = pair(&items(0..3), &items(2..5), (0, 0)).run_past(&mut meddler);
            let abort = match end {
                End::Initiator => ended.initiator.err(),
                End::Responder => ended.responder.err(),
            };
            if meddler.happened() {
                let code = abort.unwrap().code();
                assert!(["E-PEER-ROLE-REFLECTED", "E-PEER-OUT-OF-TURN"].contains(&code), "{number}: {code}");
            }
        }
    }
}

/// The hash of our own last word is not that of the peer's, even under the peer's role.
#[test]
fn a15_psi_13_our_own_last_word_relabelled_is_refused() {
    let said = pair(&items(0..3), &items(2..5), (0, 0)).run().said;
    let last = |end| said.iter().rfind(|said| said.by == end).unwrap();
    for end in [End::Initiator, End::Responder] {
        let Ok(Message::Finished { role, transcript }) =
            Message::decode(&last(end).bytes, &params().limits())
        else {
            panic!("it ends with Finished")
        };
        let relabelled = Message::Finished { role: role.peer(), transcript }.encode();
        let number = said.iter().filter(|said| said.by == end.peer()).count() - 1;
        let mut meddler = Meddler::on_message(end.peer(), number, Tampering::Replace(relabelled));
        let ended = pair(&items(0..3), &items(2..5), (0, 0)).run_past(&mut meddler);
        let abort = match end {
            End::Initiator => ended.initiator.unwrap_err(),
            End::Responder => ended.responder.unwrap_err(),
        };
        assert_eq!(abort, PeerMisbehaved::TranscriptDiffers.into());
    }
}

/// Whole chunks exchanged, repeated, left out, or the list cut at a chunk's edge.
#[test]
fn a16_psi_08_chunks_reordered_or_cut_off_are_noticed() {
    let order = |expected, got| Abort::Peer(PeerMisbehaved::ChunkOutOfOrder { expected, got });
    let (ours, questions, peer) = asked(12, 12);
    assert_eq!(refusal(peer, questions[1].clone()), order(0, 1));
    assert_eq!(refusal(ours, evaluated(1, points_of(&questions[1]))), order(0, 1));
    let (ours, questions, peer) = asked(12, 12);
    let (peer, answer) = hand(peer, questions[0].clone()).unwrap();
    let (ours, _) = hand(ours, answer[0].clone()).unwrap();
    assert_eq!(refusal(peer, questions[0].clone()), order(1, 0));
    assert_eq!(refusal(ours, answer[0].clone()), order(1, 0));
    // Renumbered so that each stands where it should: the record notices.
    let (own, theirs) = (items(0..12), items(6..18));
    let said = pair(&own, &theirs, (0, 0)).run().said;
    let mut tags = said.iter().filter(|said| said.kind == "Tags").map(|said| said.bytes.clone());
    let (first, mut second) = (tags.next().unwrap(), tags.next().unwrap());
    second[4..8].copy_from_slice(&0u32.to_le_bytes());
    let place = said.iter().filter(|said| said.by == End::Responder).position(|said| said.bytes == first);
    let mut meddler = Meddler::on_message(End::Responder, place.unwrap(), Tampering::Replace(second));
    let ended = pair(&own, &theirs, (0, 0)).run_past(&mut meddler);
    assert_eq!(ended.initiator, Err(PeerMisbehaved::TagRepeated.into()));
    assert!(ended.responder.is_err());
}

/// A question answered before it was asked.
#[test]
fn a16_an_answer_to_nothing_is_refused() {
    let (_, questions, _) = asked(8, 1);
    let (ours, _) = hand(receiver(&params(), &items(0..8), 0), announce(Role::Sender, 1)).unwrap();
    let Produced::Message { state, .. } = ours.produce().unwrap() else { panic!("has questions") };
    let (state, _) = hand(state, evaluated(0, points_of(&questions[0]))).unwrap();
    assert_eq!(
        refusal(state, evaluated(1, points_of(&questions[1]))),
        PeerMisbehaved::AnswerUnasked(1).into()
    );
}

#[test]
fn a17_a_wrong_last_word_ends_the_run_and_is_blamed_on_the_peer() {
    let said = pair(&items(0..3), &items(2..5), (0, 0)).run().said;
    for end in [End::Initiator, End::Responder] {
        let number = said.iter().filter(|said| said.by == end).count() - 1;
        for byte in 8..40 {
            let mut meddler = Meddler::on_message(end, number, Tampering::Flip { byte, bit: 3 });
            let ended = pair(&items(0..3), &items(2..5), (0, 0)).run_past(&mut meddler);
            let abort = match end {
                End::Initiator => ended.responder.unwrap_err(),
                End::Responder => ended.initiator.unwrap_err(),
            };
            assert_eq!(abort, PeerMisbehaved::TranscriptDiffers.into());
            assert!(abort.blames_peer() && !abort.retry_helps());
        }
    }
}

#[test]
fn a19_two_ends_under_different_contracts_get_no_answer() {
    let under =
        |contract: u8| Params::new(SessionId::new([1; 32]), ContractId::new([contract; 32]), 100, 100);
    let (ours, theirs) = (receiver(&under(1), &items(0..3), 0), sender(&under(2), &items(0..3), 0));
    let ended = Pair::new(ours, theirs, under(1).limits()).run();
    assert_eq!(ended.initiator, Err(PeerMisbehaved::TranscriptDiffers.into()));
    assert_eq!(ended.responder, Err(PeerMisbehaved::TranscriptDiffers.into()));
}
