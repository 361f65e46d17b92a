//! What the coordinator knows of one trainer's vector when all is opened: it is uniform, whatever the vector.

use super::*;
use crate::{
    testing::{
        Said,
        leakage::{Class, leaks, uneven},
    },
    wire::Role,
};

const RUNS: u64 = 400;

fn said(bytes: &[u8]) -> Said {
    Said { by: Role::Initiator, kind: "Masked", bytes: bytes.to_vec() }
}

/// Seat 0's masked entries in runs of other keys, less the masks that the coordinator learns: its own, if it
/// survives; else those with the survivors. With `without`, the mask that protects it then was forgotten.
fn known(value: i64, survives: bool, without: bool) -> Vec<Vec<Said>> {
    let run = |number: u64| {
        let mut job = Job::new(Rules::new(4, 3, 1, 1, true).unwrap(), 40, number + 1);
        let round = job.first();
        job.promises.clear();
        let own = Contribution::new(&job.shape, vec![value; 40], &Secret::new([0; 32]), &JOB, 0).unwrap();
        let trainer =
            Trainer::start(&job.roster, 0, &job.keys[0], round, &job.shape, &own, &Promises::default());
        let Ok(Produced::Message { message: Message::Masked { entries, .. }, .. }) =
            trainer.unwrap().produce()
        else {
            panic!("the first message")
        };
        let mut entries = message::from_bytes(&job.shape, &entries).unwrap();
        let context = round.context(&job.roster, &job.shape);
        let (own, others) = (survives || without, !survives || without);
        if own {
            mask::mask(&mut entries, &job.keys[0].draw("self-mask", &context), mask::Sign::Minus);
        }
        for other in 1..4 {
            if others {
                let pair = round::Pair::new(&job.keys[0], &job.roster, context, 0, other).unwrap();
                mask::mask(&mut entries, &pair.mask(), mask::Sign::between(0, other).undone());
            }
        }
        vec![said(&message::to_bytes(&entries).0)]
    };
    (0..RUNS).map(run).collect()
}

#[test]
fn learnh_08_what_is_left_of_a_vector_is_uniform() {
    for survives in [true, false] {
        let runs = known(0, survives, false);
        assert_eq!(uneven(&runs, |_| true, 0), []);
        let classes = [
            Class { name: "nothing", runs },
            Class { name: "much", runs: known((1 << 40) - 1, survives, false) },
        ];
        assert_eq!(leaks(&classes), []);
        // The twin: one of the two kinds of masks forgotten.
        assert_ne!(uneven(&known(12345, survives, true), |_| true, 0), []);
    }
}

#[test]
fn learnh_08_lengths_and_order_say_nothing_of_the_vectors() {
    let shape_of = |ended: star::Round| {
        ended.said.iter().map(|said| (said.seat, said.up, said.kind, said.bytes.len())).collect::<Vec<_>>()
    };
    let (one, other) = (
        Job::new(Rules::new(4, 3, 1, 1, true).unwrap(), 5, 1),
        Job::new(Rules::new(4, 3, 1, 1, true).unwrap(), 5, 2),
    );
    assert_eq!(shape_of(one.run(one.first(), through)), shape_of(other.run(other.first(), through)));
}
