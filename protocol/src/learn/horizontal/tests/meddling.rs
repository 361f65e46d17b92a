//! Somebody changes, drops, repeats or exchanges one message: nobody gets a wrong sum.

use rayon::prelude::*;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Drop,
    Repeat,
    Cut,
    Extend,
    Flip(usize, u8),
    /// The message before it in the same direction comes once more in its place.
    Previous,
    /// Another trainer's message in its place.
    Foreign,
}

/// Runs with one change to one message; what each node has in the end.
fn meddle(job: &Job, honest: &[Passed], target: usize, change: Change) -> star::Round {
    let due = &honest[target];
    job.run(job.first(), |passed| {
        if (passed.seat, passed.up, passed.number) != (due.seat, due.up, due.number) {
            return through(passed);
        }
        let mut bytes = passed.bytes.clone();
        let like = |seat: usize, number: usize| {
            honest.iter().find(|said| (said.seat, said.up, said.number) == (seat, due.up, number))
        };
        match change {
            Change::Drop => return Vec::new(),
            Change::Repeat => return vec![bytes.clone(), bytes],
            Change::Cut => bytes.truncate(bytes.len() - 1),
            Change::Extend => bytes.push(0),
            Change::Flip(at, bit) => bytes[at] ^= 1 << bit,
            Change::Previous => bytes = like(due.seat, due.number.wrapping_sub(1)).unwrap().bytes.clone(),
            Change::Foreign => bytes = like((due.seat + 1) % 4, due.number).unwrap().bytes.clone(),
        }
        vec![bytes]
    })
}

/// Where the entries stand in a message.
fn entries(job: &Job, said: &Passed) -> std::ops::Range<usize> {
    let length = 8 * job.shape.entries();
    let start = match said.kind {
        "Masked" => 4 + 32 + 8 + 32 * 4 + 8,
        "Sum" => 4 + 32 + 2 + 8,
        _ => return 0..0,
    };
    start..start + length
}

#[test]
fn learnh_06_learnh_07_learnh_14_no_change_of_a_message_gives_a_wrong_sum() {
    let job = Job::of(4, true);
    let honest = job.run(job.first(), through);
    let right = honest.coordinator.unwrap();
    assert_eq!(honest.said.len(), 4 * 6);
    let wrong: Vec<String> = (0..honest.said.len())
        .into_par_iter()
        .flat_map_iter(|target| {
            let mut wrong = Vec::new();
            let due = &honest.said[target];
            let mut changes =
                vec![Change::Drop, Change::Repeat, Change::Cut, Change::Extend, Change::Foreign];
            changes.extend((due.number > 0).then_some(Change::Previous));
            changes.extend(
                (0..due.bytes.len())
                    .step_by(5)
                    .chain(0..70.min(due.bytes.len()))
                    .map(|at| Change::Flip(at, (at % 8) as u8)),
            );
            for change in changes {
                let what = format!("{} of seat {}, {change:?}", due.kind, due.seat);
                let ended = meddle(&job, &honest.said, target, change);
                let in_entries = matches!(change, Change::Flip(at, _) if entries(&job, due).contains(&at));
                let ends = || std::iter::once(&ended.coordinator).chain(&ended.trainers);
                if in_entries && due.up {
                    // Its own vector is a trainer's to choose; all have the same sum of it, or none.
                    let mut sums = ends().filter_map(|end| end.as_ref().ok());
                    let first = sums.next();
                    if !sums.all(|sum| Some(sum) == first) {
                        wrong.push(format!("{what}: two sums"));
                    }
                    continue;
                }
                if in_entries {
                    // A sum that was shown to one only fits no history but its own (LEARNH-12).
                    let odd = &ended.trainers[due.seat];
                    if odd.as_ref().is_ok_and(|sum| sum.history == right.history) {
                        wrong.push(format!("{what}: the same history"));
                    }
                    continue;
                }
                if ends()
                    .filter_map(|end| end.as_ref().ok())
                    .any(|sum| sum.entries != job.expected(sum.survivors))
                {
                    wrong.push(format!("{what}: a wrong sum"));
                }
                // A second copy of an end's last message comes after the end; all trainers are sent the same sum.
                let after = change == Change::Repeat && due.kind == "Unmask" && due.seat == 3;
                let harmless =
                    after || due.kind == "Sum" && matches!(change, Change::Repeat | Change::Foreign);
                if !harmless && ends().all(Result::is_ok) {
                    wrong.push(format!("{what}: nobody noticed"));
                }
            }
            wrong
        })
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn learnh_03_b09_a_vector_out_of_bounds_makes_no_sum() {
    let job = Job::of(4, true);
    // A trainer that adds 2⁶² to one of its entries after masking, as one that lies at home could.
    for (byte, bit, refused) in [(7, 6, true), (7, 7, true), (6, 0, true), (0, 0, false)] {
        let ended = job.run(job.first(), |passed| {
            let mut bytes = passed.bytes.clone();
            if passed.seat == 1 && passed.kind == "Masked" {
                bytes[entries(&job, passed).start + byte] ^= 1 << bit;
            }
            vec![bytes]
        });
        assert_eq!(ended.coordinator.is_err(), refused, "bit {bit} of byte {byte}");
        if refused {
            assert_eq!(ended.coordinator, Err(Breach::SumOutOfBounds.into()));
        }
    }
    // At home: refused before anything is masked.
    let seed = Secret::new([0; 32]);
    for bad in [i64::MAX, i64::MIN, (1 << 40) + 1] {
        let own = Contribution::new(&job.shape, vec![0, 0, bad, 0, 0], &seed, &JOB, 0);
        assert_eq!(own.err(), Some(ShapeError::Vector));
    }
    assert!(Contribution::new(&job.shape, vec![0; 4], &seed, &JOB, 0).is_err());
    let wide = Part { entries: 1, bound: 1 << 61, noise: None };
    assert_eq!(Shape::new(vec![wide], 3, 2).err(), Some(ShapeError::MayOverflow));
}

#[test]
fn learnh_08_a_share_that_was_not_dealt_opens_nothing() {
    let job = Job::of(4, true);
    let ended = job.run(job.first(), |passed| {
        let mut bytes = passed.bytes.clone();
        if passed.kind == "Unmask" && passed.seat == 0 {
            *bytes.last_mut().unwrap() ^= 1;
        }
        vec![bytes]
    });
    assert_eq!(ended.coordinator, Err(Breach::ShareDiffers.into()));
    assert!(ended.trainers.iter().all(Result::is_err));
}

#[test]
fn learnh_06_a_message_of_another_attempt_fits_nothing() {
    let job = Job::of(4, true);
    let old = job.run(job.first(), through);
    let next = Round { attempt: 1, ..job.first() };
    for target in &old.said {
        let ended = job.run(next, |passed| {
            let same = (passed.seat, passed.up, passed.number) == (target.seat, target.up, target.number);
            vec![if same { target.bytes.clone() } else { passed.bytes.clone() }]
        });
        let ends = || std::iter::once(&ended.coordinator).chain(&ended.trainers);
        assert!(ends().any(|end| *end == Err(Breach::ContextDiffers.into())), "{}", target.kind);
    }
}
