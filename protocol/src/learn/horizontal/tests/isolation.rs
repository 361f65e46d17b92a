//! B10: a coordinator that wants one trainer's vector.

use super::*;

fn set(seats: &[usize]) -> Survivors {
    seats.iter().fold(Survivors::none(), |set, seat| set.with(*seat))
}

/// A `Survivors` message about fewer trainers than it was about.
fn shrunk(job: &Job, passed: &Passed, to: Survivors) -> Vec<u8> {
    match Message::decode(&passed.bytes, &Message::limits(&job.shape)).unwrap() {
        Message::Survivors { context, survivors, boxes } => {
            let old = Survivors::of_bits(survivors, 16).unwrap();
            let kept = old.without(passed.seat).seats().zip(boxes.as_slice());
            let boxes =
                Boxes::new(kept.filter(|(seat, _)| to.contains(*seat)).map(|(_, sealed)| sealed.clone()));
            Message::Survivors { context, survivors: to.bits(), boxes }.encode()
        }
        _ => passed.bytes.clone(),
    }
}

#[test]
fn learnh_09_b10_no_trainer_opens_a_sum_of_too_few() {
    let rules = Rules::new(7, 6, 1, 1, true).unwrap();
    let job = Job::new(rules, 5, 0);
    assert_eq!(rules.least(), 6);
    for (survivors, breach) in [
        (set(&[0, 1, 2, 3, 4]), Breach::CohortTooSmall),
        (set(&[0, 1]), Breach::CohortTooSmall),
        (set(&[0]), Breach::CohortTooSmall),
        (set(&[1, 2, 3, 4, 5, 6]), Breach::NotASurvivor),
        (Survivors::none(), Breach::NotASurvivor),
    ] {
        let ended = job.run(job.first(), |passed| {
            let isolate = passed.kind == "Survivors" && passed.seat == 0;
            vec![if isolate { shrunk(&job, passed, survivors) } else { passed.bytes.clone() }]
        });
        assert_eq!(ended.trainers[0], Err(breach.into()), "{survivors:?}");
    }
    // An honest coordinator does not even ask.
    let ended = job.run(job.first(), |passed| if passed.seat < 2 { Vec::new() } else { through(passed) });
    assert_eq!(ended.coordinator, Err(Breach::CohortTooSmall.into()));
}

#[test]
fn learnh_10_b10_two_sets_of_survivors_for_one_round_open_nothing() {
    let job = Job::of(4, true);
    let few = set(&[0, 1, 2]);
    // Seat 2 hears of three, the others of four; the coordinator passes its consent off as one to four.
    let ended = job.run(job.first(), |passed| {
        let mut bytes = passed.bytes.clone();
        if passed.seat == 2 {
            if passed.kind == "Survivors" {
                bytes = shrunk(&job, passed, few);
            } else if let Ok(Message::Consent { context, survivors, mut words }) =
                Message::decode(&bytes, &Message::limits(&job.shape))
            {
                assert_eq!(survivors, few.bits());
                words.0.push([7; 32]);
                bytes = Message::Consent { context, survivors: 0b1111, words }.encode();
            }
        }
        vec![bytes]
    });
    for seat in 0..4 {
        let end = &ended.trainers[seat];
        assert!(
            matches!(end, Err(Abort::Summation(Breach::ConsentDiffers | Breach::MessageShape))),
            "{seat}: {end:?}"
        );
    }
    assert!(ended.coordinator.is_err());
}

#[test]
fn learnh_10_any_two_thresholds_have_an_honest_trainer_in_common() {
    for trainers in 3..=MOST {
        for colluders in 1..trainers {
            let Ok(rules) = Rules::new(trainers, 3, 0, colluders, true) else { continue };
            // Two sets of t out of K overlap in 2t − K at least.
            assert!(2 * rules.threshold() - trainers > colluders, "{trainers} {colluders}");
        }
    }
    assert_eq!(Rules::new(3, 3, 0, 3, true), Err(Breach::Rules));
    assert_eq!(Rules::new(4, 3, 0, 2, true), Err(Breach::Rules));
}

#[test]
fn learnh_11_b10_a_round_is_not_opened_again_without_one() {
    let mut job = Job::of(4, true);
    let opened = job.run_and_keep(job.first(), through);
    assert_eq!(opened.coordinator.unwrap().survivors.len(), 4);
    let again = Round { attempt: 1, ..job.first() };
    let ended = job.run(again, |passed| if passed.seat == 3 { Vec::new() } else { through(passed) });
    for seat in 0..3 {
        assert_eq!(ended.trainers[seat], Err(Breach::SetChanged.into()));
    }
    // With the same set it may be, and gives the same (E11).
    let ended = job.run(again, through);
    assert_eq!(ended.coordinator.unwrap().entries, job.expected(Survivors::all(4)));
}

#[test]
fn learnh_11_e11_an_attempt_that_broke_is_begun_anew_and_never_twice() {
    let mut job = Job::of(3, false);
    let broken =
        job.run_and_keep(
            job.first(),
            |passed| if passed.kind == "Consent" { Vec::new() } else { through(passed) },
        );
    assert!(broken.coordinator.is_err());
    assert_eq!(job.trainer(0, job.first()).err(), Some(Breach::AttemptRepeated.into()));
    let next = Round { attempt: 1, ..job.first() };
    let other = Round { history: [3; 32], ..next };
    assert_eq!(job.trainer(0, other).err(), Some(Breach::HistoryDiffers.into()));
    let mut data = job.vector(0);
    data[0] += 1;
    let changed = Contribution::new(&job.shape, data, &Secret::new([0; 32]), &JOB, 0).unwrap();
    let start = |own| Trainer::start(&job.roster, 0, &job.keys[0], next, &job.shape, own, &job.promises[0]);
    assert_eq!(start(&changed).err(), Some(Breach::VectorChanged.into()));
    let mut wide = job.shape.parts().to_vec();
    wide[0].bound *= 2;
    let wide = Shape::new(wide, 3, 2).unwrap();
    let own = Contribution::new(&wide, job.vector(0), &Secret::new([0; 32]), &JOB, 0).unwrap();
    let start = Trainer::start(&job.roster, 0, &job.keys[0], next, &wide, &own, &job.promises[0]);
    assert_eq!(start.err(), Some(Breach::HistoryDiffers.into()));
    let sum = job.run_and_keep(next, through).coordinator.unwrap();
    assert_eq!(sum.entries, job.expected(Survivors::all(3)));
    assert_eq!(job.promises[0].begun(), Some((0, 1)));
    // Whoever missed the end takes the sum from the coordinator's store.
    let late = sum.message(next.context(&job.roster, &job.shape));
    assert_eq!(Sum::late(&job.roster, &next, &job.shape, &job.promises[1], &late), Ok(sum.clone()));
    let Message::Sum { context, entries, .. } = late else { panic!("a sum") };
    let fewer = Message::Sum { context, entries, survivors: 0b11 };
    assert_eq!(
        Sum::late(&job.roster, &next, &job.shape, &job.promises[1], &fewer),
        Err(Breach::CohortTooSmall.into())
    );
}

#[test]
fn learnh_13_b10_without_noise_the_set_of_a_job_stays_as_it_is() {
    for noisy in [false, true] {
        let rules = Rules::new(4, 3, usize::from(noisy), 1, noisy).unwrap();
        let mut job = Job::new(rules, 5, 1);
        let sum = job.run_and_keep(job.first(), through).coordinator.unwrap();
        let second = Round { number: 1, attempt: 0, history: sum.history };
        let ended = job.run(second, |passed| if passed.seat == 3 { Vec::new() } else { through(passed) });
        if noisy {
            assert_eq!(ended.coordinator.unwrap().survivors.len(), 3);
        } else {
            assert!((0..3).all(|seat| ended.trainers[seat] == Err(Breach::SetChanged.into())));
        }
    }
}

#[test]
fn learnh_05_b10_a_roster_with_made_up_seats_is_none() {
    let job = Job::of(4, true);
    let rules = *job.roster.rules();
    let take = |seats: Vec<Seat>| Roster::new(JOB, CONTRACT, rules, seats, verified);
    let good = seats(&job.keys);
    assert!(take(good.clone()).is_ok());

    // Another key in an honest seat; a signature for another job.
    let mut forged = good.clone();
    forged[1].key = job.keys[0].public().map(|byte| byte ^ 1);
    assert_eq!(take(forged).err(), Some(Breach::SeatUnsigned.into()));
    let mut moved = good.clone();
    let claim = Seat::claim(&[1; 32], &CONTRACT, &moved[1].partner, &moved[1].key);
    moved[1].signature = sign(&moved[1].partner, &claim);
    assert_eq!(take(moved).err(), Some(Breach::SeatUnsigned.into()));

    // A partner or a key twice, out of order, too few.
    let mut twice = good.clone();
    twice[1] = twice[0];
    assert_eq!(take(twice).err(), Some(Breach::Roster.into()));
    let mut same_key = good.clone();
    same_key[1].key = same_key[0].key;
    assert_eq!(take(same_key).err(), Some(Breach::Roster.into()));
    let mut swapped = good.clone();
    swapped.swap(0, 1);
    assert_eq!(take(swapped).err(), Some(Breach::Roster.into()));
    assert_eq!(take(good[..3].to_vec()).err(), Some(Breach::Roster.into()));

    // Two are never enough.
    assert_eq!(Rules::new(2, 2, 0, 1, true), Err(Breach::Rules));
    assert_eq!(Rules::new(17, 3, 0, 1, true), Err(Breach::Rules));

    // A roster that has us with another key, and one whose neighbour has none.
    let seed = Secret::new([0; 32]);
    let own = Contribution::new(&job.shape, job.vector(0), &seed, &JOB, 0).unwrap();
    let start = |roster: &Roster, key: &JobKey| {
        Trainer::start(roster, 0, key, job.first(), &job.shape, &own, &Promises::default()).err()
    };
    assert_eq!(start(&job.roster, &job.keys[1]), Some(Breach::NotSeated.into()));
    let mut small = good;
    small[1].key = [0; 32];
    small[1].signature = sign(&small[1].partner, &Seat::claim(&JOB, &CONTRACT, &small[1].partner, &[0; 32]));
    assert_eq!(start(&take(small).unwrap(), &job.keys[0]), Some(Breach::SeatKey.into()));
}

#[test]
fn learnh_24_who_is_left_out_shows_only_under_noise() {
    let leaves = |trainers, noisy| Rules::new(trainers, 3, 0, 1, noisy).unwrap().leaves_one_out();
    assert!(leaves(3, true) && leaves(8, true));
    assert!(!leaves(8, false), "the difference of two exact models is one partner's statistics");
}
