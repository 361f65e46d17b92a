//! Rounds of masked sums under lists of operations.

use crate::{
    ids::{ContractId, PartnerId},
    learn::horizontal::{
        Contribution, Coordinator, JobKey, Part, Promises, Roster, Round, Rules, Seat, Shape, Trainer,
    },
    secret::Secret,
    testing::star::star,
};

/// Reads `operations` as what happens to the messages of one round of four trainers: dropped, repeated, changed, or
/// passed. Whoever ends with a sum has one that follows from the survivors' vectors, unless it is a trainer's own
/// vector or its own copy of the sum that was changed.
///
/// # Panics
/// When it has not.
pub fn learn_operations(operations: &[u8]) {
    const JOB: [u8; 32] = [1; 32];
    let contract = ContractId::new([2; 32]);
    let keys: Vec<JobKey> = (1..=4).map(|seat| JobKey::new(Secret::new([seat; 32]))).collect();
    let seat = |(number, key): (u8, &JobKey)| Seat {
        partner: PartnerId::new([number; 32]),
        key: key.public(),
        signature: [0; 64],
    };
    let seats = (0..).zip(&keys).map(seat).collect();
    let Ok(rules) = Rules::new(4, 3, 1, 1, true) else { return };
    let Ok(roster) = Roster::new(JOB, contract, rules, seats, |_, _, _| true) else { return };
    let Ok(shape) = Shape::new(vec![Part { entries: 2, bound: 1 << 20, noise: None }], 4, 2) else { return };
    let round = Round { number: 0, attempt: 0, history: *roster.hash() };
    let vector = |seat: i64| vec![1000 * seat, -seat];
    let trainers = keys.iter().enumerate().map(|(seat, key)| {
        let seed = Secret::new([0; 32]);
        let own = Contribution::new(&shape, vector(seat as i64), &seed, &JOB, 0).ok()?;
        Trainer::start(&roster, seat, key, round, &shape, &own, &Promises::default()).ok()
    });
    let trainers = trainers.collect();
    let Ok(coordinator) = Coordinator::start(&roster, round, &shape) else { return };
    let mut operations = operations.iter().copied();
    let mut touched = false;
    let ended = star(trainers, coordinator, &shape, |passed| {
        let mut next = || operations.next().unwrap_or(0);
        let mut bytes = passed.bytes.clone();
        match next() {
            1 => return Vec::new(),
            2 => return vec![bytes.clone(), bytes],
            3 => {
                let (at, bit) = ((usize::from(next()) << 8 | usize::from(next())) % bytes.len(), next() % 8);
                bytes[at] ^= 1 << bit;
                touched |= passed.kind == "Masked" || passed.kind == "Sum";
            }
            4 => bytes.truncate(usize::from(next())),
            5 => bytes.push(next()),
            6 => bytes = (0..next()).map(|_| next()).collect(),
            _ => {}
        }
        vec![bytes]
    });
    for sum in std::iter::once(&ended.coordinator).chain(&ended.trainers).flatten() {
        assert!(sum.survivors.len() >= 3, "too few");
        let expected = sum.survivors.seats().fold(vec![0; 2], |sum, seat| {
            sum.into_iter().zip(vector(seat as i64)).map(|(sum, x)| sum + x).collect()
        });
        assert!(touched || sum.entries == expected, "a wrong sum");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn learnh_14_no_list_of_operations_gives_a_wrong_sum(
            operations in prop::collection::vec(prop_oneof![8 => Just(0u8), 2 => 1u8..7, 1 => any::<u8>()], 0..60),
        ) {
            learn_operations(&operations);
        }
    }
}
