//! Everything that can be done to one message: no union, or the right one at the end that got it unharmed.

use rayon::prelude::*;

use super::*;
use crate::{testing::Tampering, wire::codec::Points};

/// Says what went wrong, if anything.
fn survived(honest: &Ended<United, United>, mut meddler: Meddler) -> Option<String> {
    let Ended { initiator, responder, .. } = small(&mut meddler);
    let wrong = match (&initiator, &responder) {
        _ if !meddler.happened() => "nothing was meddled with",
        (Ok(_), Ok(_)) => "nobody noticed",
        (Ok(_), _) if initiator != honest.initiator => "the asker has a wrong union",
        (_, Ok(_)) if responder != honest.responder => "the answerer has a wrong union",
        _ => return None,
    };
    Some(format!("{wrong}: {meddler:?}"))
}

fn honest() -> Ended<United, United> {
    let ended = small(&mut Meddler::idle());
    assert!(ended.initiator.is_ok() && ended.responder.is_ok());
    ended
}

/// Each end's messages with their numbers.
fn numbered(said: &[Said]) -> Vec<(usize, &Said)> {
    let of = |end| said.iter().filter(move |said| said.by == end).enumerate();
    of(End::Initiator).chain(of(End::Responder)).collect()
}

#[track_caller]
fn none_survives(meddlers: Vec<Meddler>) {
    assert!(meddlers.len() > 10);
    let honest = honest();
    let survivors: Vec<_> =
        meddlers.into_par_iter().filter_map(|meddler| survived(&honest, meddler)).collect();
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

/// Exchanging two messages changes nothing where nothing follows that could overtake.
fn is_last(said: &[Said], number: usize, by: End) -> bool {
    said.iter().filter(|said| said.by == by).count() == number + 1
}

#[test]
fn a12_dropped_repeated_or_exchanged_frames_and_messages() {
    let said = honest().said;
    let mut meddlers = Vec::new();
    for (number, Said { by, .. }) in numbered(&said) {
        for tampering in [Tampering::Drop, Tampering::Repeat, Tampering::Swap] {
            if tampering != Tampering::Swap || !is_last(&said, number, *by) {
                meddlers.push(Meddler::on_message(*by, number, tampering.clone()));
                meddlers.push(Meddler::on_frame(*by, number, tampering));
            }
        }
    }
    none_survives(meddlers);
}

#[test]
fn a09_a16_union_11_messages_cut_lengthened_or_with_a_bit_changed() {
    let said = honest().said;
    let mut meddlers = Vec::new();
    for (number, Said { by, bytes, .. }) in numbered(&said) {
        let on = |tampering| Meddler::on_message(*by, number, tampering);
        meddlers.push(on(Tampering::Extend));
        meddlers.extend((0..bytes.len()).step_by(5).map(|length| on(Tampering::Cut(length))));
        let flips = (0..bytes.len()).filter(|byte| *byte < 20 || byte % 5 == number % 5);
        meddlers.extend(flips.map(|byte| on(Tampering::Flip { byte, bit: (byte % 8) as u8 })));
    }
    none_survives(meddlers);
}

/// Every field of every message set to something else that decodes, among it other valid group elements.
#[test]
fn union_12_every_field_altered_to_something_plausible() {
    let said = honest().said;
    let mut meddlers = Vec::new();
    for (number, said) in numbered(&said) {
        let message = read(said);
        for altered in alterations(&message) {
            assert_ne!(altered, message);
            meddlers.push(Meddler::on_message(said.by, number, Tampering::Replace(altered.encode())));
        }
    }
    none_survives(meddlers);
}

/// Messages that the peer might have sent instead.
fn alterations(message: &Message) -> Vec<Message> {
    let kinds: [fn(Role, u32, Points) -> Message; 5] = [
        |role, index, points| Message::Blinded { role, index, points },
        |role, index, points| Message::Keyed { role, index, points },
        |role, index, points| Message::Shuffled { role, index, points },
        |role, index, points| Message::Asked { role, index, points },
        |role, index, points| Message::Answered { role, index, points },
    ];
    match message.clone() {
        Message::Announce { role, count } => [count + 1, count - 1, count + 4, 0, 10_000, u64::MAX]
            .map(|count| Message::Announce { role, count })
            .into_iter()
            .chain([Message::Announce { role: role.peer(), count }])
            .collect(),
        Message::Finished { role, mut transcript } => {
            let turned = Message::Finished { role: role.peer(), transcript };
            transcript[31] ^= 1;
            vec![turned, Message::Finished { role, transcript }]
        }
        other => {
            let (role, (index, points)) = (other.role(), other.chunk().unwrap());
            let same = |kind: fn(Role, u32, Points) -> Message| kind(role, index, points.clone());
            let kind = *kinds.iter().find(|kind| same(**kind) == other).unwrap();
            let moved = [index ^ 1, index + 1, index.wrapping_sub(1), u32::MAX];
            let moved = moved.map(|index| kind(role, index, points.clone()));
            let turned = kinds.iter().map(|kind| same(*kind)).filter(|turned| *turned != other);
            let reflected = kind(role.peer(), index, points.clone());
            let altered = lists(&points.0).into_iter().map(|points| kind(role, index, points));
            turned.chain(moved).chain([reflected]).chain(altered).collect()
        }
    }
}

fn lists(points: &[[u8; 32]]) -> Vec<Points> {
    let foreign = |place: usize| {
        let point = curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
        (point * curve25519_dalek::Scalar::from(place as u64 + 1)).compress().to_bytes()
    };
    let mut lists = Vec::new();
    let mut change = |change: &dyn Fn(&mut Vec<[u8; 32]>)| {
        let mut list = points.to_vec();
        change(&mut list);
        if list != points {
            lists.push(Points(list));
        }
    };
    for place in 0..points.len() {
        change(&|list| list[place] = foreign(place));
        change(&|list| list[place] = [0; 32]);
        change(&|list| list[place] = [0xff; 32]);
        change(&|list| list[place] = list[0]);
        change(&|list| list.swap(0, place));
        change(&|list| list.truncate(place));
    }
    change(&|list| list.push(foreign(99)));
    lists
}
