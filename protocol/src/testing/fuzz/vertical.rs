//! Operations on a small vertical job.

use std::sync::OnceLock;

use crate::{
    ids::{ContractId, SessionId},
    learn::vertical::{Agreed, Block, Input, Linkage, Opens, Params, Party, State, Trained, Trainer},
    secret::Secret,
    testing::{Ended, Meddler, Pair, Tampering},
    wire::Role,
};

/// Reads `operations` as a small job, how its ends take turns, and one thing that is done to one message. However it
/// goes, an end that has weights has the right ones, and nobody panics.
///
/// # Panics
/// When the weights are wrong.
pub fn vertical_operations(operations: &[u8]) {
    let mut operations = operations.iter().copied();
    let mut next = || operations.next().unwrap_or(0);
    let which = next() % 8;
    let (room, schedule) = (1 + usize::from(next() % 4), next().into());
    let by = if next() % 2 == 0 { Role::Initiator } else { Role::Responder };
    let number = usize::from(next() % 24);
    // Messages have up to 184 kB.
    let mut place = || (usize::from(next()) << 8 | usize::from(next())) * 3;
    let at = place();
    let tampering = match next() % 7 {
        0 => Tampering::Drop,
        1 => Tampering::Repeat,
        2 => Tampering::Swap,
        3 => Tampering::Cut(at),
        4 => Tampering::Extend,
        5 => Tampering::Flip { byte: at, bit: next() % 8 },
        _ => Tampering::Flip { byte: at % 64, bit: next() % 8 },
    };
    let Some(truth) = truth(which) else { return };
    let mut meddler = Meddler::on_message(by, number, tampering);
    let Some(ended) = run(which, room, schedule, &mut meddler) else { return };
    for (end, truth) in [ended.initiator, ended.responder].into_iter().zip(truth) {
        assert!(end.map_or(true, |trained| outcome(trained) == *truth), "wrong weights");
    }
}

type Outcome = (State, Option<Block>, Option<Block>);

fn outcome(trained: Trained) -> Outcome {
    (trained.state, trained.own, trained.theirs)
}

/// What both ends have of an undisturbed run, computed once.
fn truth(which: u8) -> Option<&'static [Outcome; 2]> {
    static TRUTHS: [OnceLock<Option<[Outcome; 2]>>; 8] = [const { OnceLock::new() }; 8];
    let make = || {
        let ended = run(which, 4, 0, &mut Meddler::idle())?;
        Some([outcome(ended.initiator.ok()?), outcome(ended.responder.ok()?)])
    };
    TRUTHS[usize::from(which % 8)].get_or_init(make).as_ref()
}

fn run(which: u8, room: usize, schedule: u64, meddler: &mut Meddler) -> Option<Ended<Trained, Trained>> {
    let agreed = Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        job: [3; 32],
        linkage: if which & 1 == 0 { Linkage::Logistic } else { Linkage::Linear },
        rows: 6,
        label_columns: 0,
        feature_columns: 1,
        rounds: 1,
        l2_micro: 0,
        opens: match which >> 1 {
            0 => Opens::Both,
            1 => Opens::Own,
            2 => Opens::To(Party::Label),
            _ => Opens::Nobody,
        },
        noise: None,
    };
    let params = Params::new(agreed).ok()?;
    let label = Input { columns: Vec::new(), target: Some(vec![0.0, 1.0, 0.0, 1.0, 1.0, 0.0]) };
    let features = Input { columns: vec![vec![0.1, 0.9, 0.3, 0.4, 0.7, 0.2]], target: None };
    let start = |party: Party, input: &Input| {
        let (secret, seed) = (Secret::new([party as u8; 32]), Secret::new([4; 32]));
        Trainer::start(params.clone(), party, input, Vec::new(), &secret, seed, Box::new(|_| Ok(()))).ok()
    };
    let (label, features) = (start(Party::Label, &label)?, start(Party::Features, &features)?);
    Some(Pair::new(label, features, params.limits()).room(room).schedule(schedule).run_past(meddler))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        learn::vertical::{Message, Stage},
        testing::fuzz::decode_everything,
        wire::{Wire, codec::Bulk},
    };

    #[test]
    fn an_undisturbed_vertical_job_ends() {
        assert!((0..8).all(|which| truth(which).is_some()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn learnv_30_no_meddling_with_a_vertical_job_gives_other_weights(
            operations in prop::collection::vec(any::<u8>(), 16),
        ) {
            vertical_operations(&operations);
        }
    }

    proptest! {
        #[test]
        fn a11_whatever_is_near_a_vertical_message_has_one_encoding(
            stage in prop::sample::select(&Stage::ALL[..]), number in any::<u32>(), length in 0usize..9,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let part = Message::Part { party: Party::Label, stage, number, bytes: Bulk(vec![7; length]) };
            let mut bytes = part.encode();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            decode_everything(&bytes);
        }
    }
}
