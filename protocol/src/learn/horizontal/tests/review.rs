//! A last round of histograms under the masks, as every other round.

use super::*;
use crate::learn::{
    encode::{Design, Encoding, Feature, Raw},
    evaluate::Evaluation,
    glm::{Asked, Family, Fit, HeldOut, Noise, Plan, Review, Rows, Terms},
};

/// Forty rows of one trainer: half of them held out, of as many with the label as the seat says.
fn rows(plan: &Plan, seat: usize) -> Rows {
    let mut design = Design::new(40, true);
    let values = (0..40).map(|row| Some(f64::from(row) / 40.0)).collect();
    let encoding = Encoding::Number { low: 0.0, high: 1.0 };
    design.push(&Feature { name: "x".into(), encoding }, &Raw::Number(values)).unwrap();
    let target: Vec<f32> = (0..40).map(|row| f32::from(u8::from(row % (seat + 2) == 0))).collect();
    Rows::new(plan, &design, &target).unwrap()
}

fn reviewed(trainers: usize, noise: Option<Noise>, absent: Option<usize>) -> (Review, Fit, Sum) {
    let family = Family::Logistic;
    let terms = Terms { family, columns: 2, rounds: 2, l2: 1.0, rows: 4096, trainers, noise };
    let plan = Plan::new(terms).unwrap();
    let fit = Fit::start(&plan);
    let asked = Asked { bins: 4, groups: vec![2], by_trainer: noise.is_some(), nano_rho: 90_000_000 };
    let review = Review::new(&plan, asked).unwrap();
    let dropouts = usize::from(absent.is_some());
    let job = Job::new(Rules::new(trainers, 3, dropouts, 1, noise.is_some()).unwrap(), 1, 3);
    let round = Round { number: plan.rounds(), ..job.first() };
    let starts = (0..trainers).map(|seat| {
        let rows = rows(&plan, seat);
        let groups = [(0..40).map(|row| Some(row % 2)).collect()];
        let held_out = HeldOut { rows: &rows, groups: &groups };
        let exact = review.statistics(&plan, &fit, &rows, held_out, seat).unwrap();
        let seed = Secret::new([seat as u8; 32]);
        let own = Contribution::new(review.shape(), exact, &seed, &JOB, round.number).unwrap();
        let promises = &job.promises[seat];
        let start = Trainer::start(&job.roster, seat, &job.keys[seat], round, review.shape(), &own, promises);
        (Some(seat) != absent).then(|| start.unwrap())
    });
    let starts = starts.collect();
    let coordinator = Coordinator::start(&job.roster, round, review.shape()).unwrap();
    let ended = star(starts, coordinator, review.shape(), through);
    (review, fit, ended.coordinator.unwrap())
}

#[test]
fn learnh_25_histograms_are_added_up_as_every_other_sum() {
    let (review, fit, sum) = reviewed(3, None, None);
    let found = review.read(&fit, sum.survivors, &sum.entries).unwrap();
    let said = Evaluation::of(&found.held_out, None, 0.5);
    // Every second, third and fourth row of forty.
    assert_eq!((said.rows.unwrap().value, said.positives.unwrap().value), (120.0, 20.0 + 14.0 + 10.0));
    assert_eq!(found.trained.counts().iter().sum::<i64>(), 120);
    let by_group = Evaluation::of(&found.groups[0], None, 0.5);
    assert!(by_group.groups.iter().all(|group| group.rows.unwrap().value == 60.0));
    assert!(review.noise(0, sum.survivors).is_none() && found.trainers.is_empty());
}

#[test]
fn learnh_25_with_noise_a_trainer_may_drop_out_of_the_last_round_too() {
    let noise = Noise { clip: 2 << 12, nano_rho: 20_000_000, honest: 2 };
    let (review, fit, sum) = reviewed(4, Some(noise), Some(3));
    assert_eq!(sum.survivors, Survivors::all(4).without(3));
    let found = review.read(&fit, sum.survivors, &sum.entries).unwrap();
    let rows = |histogram: &crate::learn::evaluate::Histogram| histogram.counts().iter().sum::<i64>();
    assert!(rows(&found.trainers[3]).abs() < 60, "nothing but noise: {}", rows(&found.trainers[3]));
    assert!(review.noise(0, sum.survivors).is_some());
    assert!((rows(&found.held_out) - 120).abs() < 60, "{}", rows(&found.held_out));
}
