//! Held against a plain fit over the pooled rows, written another way.

use rand_core::{Rng, SeedableRng};

use super::*;
use crate::learn::encode::{Design, Encoding, Feature, Raw};

/// Rows of one trainer.
struct Local {
    design: Design,
    target: Vec<f32>,
}

struct Dice(chacha20::ChaCha20Rng);

impl Dice {
    fn new(seed: u8) -> Self {
        Self(chacha20::ChaCha20Rng::from_seed([seed; 32]))
    }

    fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Four trainers whose customers have nothing in common: each lives in a range of its own of the first feature, has
/// another share of positives and another number of rows.
fn skewed(family: Family, features: usize, seed: u8) -> Vec<Local> {
    let mut dice = Dice::new(seed);
    let truth: Vec<f64> = (0..=features).map(|_| 3.0 * dice.uniform() - 1.5).collect();
    [40usize, 150, 400, 90]
        .iter()
        .enumerate()
        .map(|(partner, rows)| {
            let mut design = Design::new(*rows, true);
            for feature in 0..features {
                let values = (0..*rows).map(|_| {
                    let x = dice.uniform();
                    Some(if feature == 0 { (x + partner as f64) / 4.0 } else { x })
                });
                let encoding = Encoding::Number { low: 0.0, high: 1.0 };
                let feature = Feature { name: format!("x{feature}"), encoding };
                design.push(&feature, &Raw::Number(values.collect())).unwrap();
            }
            let target = design
                .score(&truth)
                .into_iter()
                .map(|score| draw(family, score + partner as f64 - 1.5, &mut dice));
            let target = target.collect();
            Local { design, target }
        })
        .collect()
}

fn draw(family: Family, score: f64, dice: &mut Dice) -> f32 {
    match family {
        Family::Linear => (0.5 + score / 20.0 + dice.uniform() / 10.0).clamp(0.0, 1.0) as f32,
        Family::Logistic => f32::from(u8::from(dice.uniform() < family.mean(score))),
        Family::Poisson { most } => {
            // As many unit-rate waiting times as fit.
            let (mut time, mut count) = (-dice.uniform().ln(), 0);
            while time < score.exp() && count < most {
                time -= dice.uniform().ln();
                count += 1;
            }
            count as f32
        }
    }
}

fn terms(family: Family, columns: usize, noise: Option<Noise>) -> Terms {
    Terms { family, columns, rounds: 25, l2: 0.5, rows: 1000, trainers: 4, noise }
}

fn train(plan: &Plan, locals: &[Local]) -> Fit {
    let rows: Vec<Rows> =
        locals.iter().map(|local| Rows::new(plan, &local.design, &local.target).unwrap()).collect();
    let mut fit = Fit::start(plan);
    while !fit.is_done(plan) {
        let mut sum = vec![0; plan.shape(fit.round()).unwrap().entries()];
        for rows in &rows {
            let own = fit.statistics(plan, rows).unwrap();
            sum.iter_mut().zip(own).for_each(|(sum, x)| *sum += x);
        }
        fit = fit.step(plan, &sum).unwrap();
    }
    fit
}

/// The pooled fit: row by row, Gauss–Jordan elimination, until nothing moves.
fn central(family: Family, locals: &[Local], l2: f64) -> Vec<f64> {
    let rows: Vec<(Vec<f64>, f64)> = locals
        .iter()
        .flat_map(|local| {
            (0..local.design.rows()).map(|row| {
                let x = local.design.columns().iter().map(|column| f64::from(column[row])).collect();
                (x, f64::from(local.target[row]))
            })
        })
        .collect();
    let d = locals[0].design.columns().len();
    let mut w = vec![0.0; d];
    for _ in 0..200 {
        let mut system = vec![vec![0.0; d + 1]; d];
        for j in 1..d {
            system[j][j] += l2;
            system[j][d] -= l2 * w[j];
        }
        for (x, y) in &rows {
            let score: f64 = x.iter().zip(&w).map(|(x, w)| x * w).sum();
            let (mean, curvature) = match family {
                Family::Linear => (score, 1.0),
                Family::Logistic => (1.0 / (1.0 + (-score).exp()), 0.25),
                // Majorised at the start, so that no step goes too far.
                Family::Poisson { .. } => (score.exp(), score.exp().max(1.0)),
            };
            for i in 0..d {
                for j in 0..d {
                    system[i][j] += curvature * x[i] * x[j];
                }
                system[i][d] += x[i] * (y - mean);
            }
        }
        for pivot in 0..d {
            for row in 0..d {
                if row != pivot {
                    let factor = system[row][pivot] / system[pivot][pivot];
                    let above = system[pivot].clone();
                    system[row].iter_mut().zip(above).skip(pivot).for_each(|(x, above)| *x -= factor * above);
                }
            }
        }
        (0..d).for_each(|i| w[i] += system[i][d] / system[i][i]);
    }
    w
}

#[test]
fn learnh_02_the_joint_model_is_the_central_one_however_skewed() {
    for (family, rounds) in [(Family::Linear, 4), (Family::Logistic, 10), (Family::Poisson { most: 60 }, 15)]
    {
        for seed in 0..3 {
            let locals = skewed(family, 5, seed);
            let plan = Plan::new(terms(family, 6, None)).unwrap();
            let fit = train(&plan, &locals);
            let central = central(family, &locals, 0.5);
            let worst = fit.weights().iter().zip(&central).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst < 1e-6, "{family:?} {seed}: {worst} after {} rounds", fit.round());
            assert!(fit.round() <= rounds, "{family:?}: {} rounds", fit.round());
            assert_eq!(fit.rows(), Some(680));
            // A partner alone has another model: there was something to learn together.
            let alone = self::central(family, &locals[..1], 0.5);
            assert!(alone.iter().zip(&central).any(|(a, b)| (a - b).abs() > 0.05), "{family:?}");
        }
    }
}

#[test]
fn learnh_02_columns_that_depend_on_each_other_do_not_stop_a_model() {
    // Every value of a list has its column, so they add up to the intercept; and one never occurs.
    let mut design = Design::new(300, true);
    let mut dice = Dice::new(9);
    let values = (0..3).map(|value| value.to_string()).collect();
    let codes = (0..300).map(|_| Some((2.0 * dice.uniform()) as u32)).collect();
    design
        .push(&Feature { name: "x".into(), encoding: Encoding::Values(values) }, &Raw::Code(codes))
        .unwrap();
    let target = (0..300)
        .map(|row| f32::from(u8::from(dice.uniform() < 0.2 + 0.5 * f64::from(design.columns()[1][row]))));
    let local = Local { target: target.collect(), design };
    for l2 in [0.0, 1.0] {
        let plan = Plan::new(Terms { l2, ..terms(Family::Logistic, 4, None) }).unwrap();
        let fit = train(&plan, std::slice::from_ref(&local));
        assert!(fit.weights().iter().all(|w| w.abs() < 20.0), "{:?}", fit.weights());
        assert!(fit.mean_loss().unwrap() < 0.65 && fit.rows() == Some(300));
    }
}

#[test]
fn learnh_04_a_fit_that_was_stored_goes_on_to_the_bit() {
    let locals = skewed(Family::Logistic, 3, 1);
    let noise = Noise { clip: 8192, nano_rho: 20_000_000, honest: 3 };
    for noise in [None, Some(noise)] {
        let plan = Plan::new(terms(Family::Logistic, 4, noise)).unwrap();
        let rows: Vec<Rows> =
            locals.iter().map(|l| Rows::new(&plan, &l.design, &l.target).unwrap()).collect();
        let next = |fit: Fit| {
            let mut sum = vec![0; plan.shape(fit.round()).unwrap().entries()];
            for rows in &rows {
                let own = fit.statistics(&plan, rows).unwrap();
                sum.iter_mut().zip(own).for_each(|(sum, x)| *sum += x);
            }
            fit.step(&plan, &sum).unwrap()
        };
        let mut through = Fit::start(&plan);
        let mut stored = Fit::start(&plan).encode();
        for _ in 0..4 {
            through = next(through);
            stored = next(Fit::decode(&plan, &stored).unwrap()).encode();
        }
        assert_eq!(through.encode(), stored);
        assert_eq!(Fit::decode(&plan, &stored[1..]), Err(LearnError::State));
        let other = Plan::new(terms(Family::Logistic, 5, noise)).unwrap();
        assert_eq!(Fit::decode(&other, &stored), Err(LearnError::State));
    }
}

#[test]
fn learnh_03_b09_numbers_that_no_encoding_has_are_refused_at_home() {
    let plan = Plan::new(terms(Family::Logistic, 2, None)).unwrap();
    let design = Design::new(3, true);
    let mut design = design.clone();
    let feature = Feature { name: "x".into(), encoding: Encoding::Number { low: 0.0, high: 1.0 } };
    design.push(&feature, &Raw::Number(vec![Some(0.5); 3])).unwrap();
    for bad in [f32::NAN, f32::INFINITY, -1.0, 2.0] {
        assert_eq!(Rows::new(&plan, &design, &[0.0, bad, 1.0]).err(), Some(LearnError::OwnValue), "{bad}");
    }
    assert_eq!(Rows::new(&plan, &design, &[0.0; 2]).err(), Some(LearnError::OwnRows));
    let narrow = Plan::new(Terms { rows: 2, ..plan.terms().clone() }).unwrap();
    assert_eq!(
        Rows::new(&narrow, &design, &[0.0; 3]).err(),
        Some(LearnError::OwnRows),
        "more rows than announced"
    );
}

#[test]
fn learnh_03_a_sum_that_no_rows_give_makes_no_step() {
    let plan = Plan::new(terms(Family::Logistic, 2, None)).unwrap();
    let fit = Fit::start(&plan);
    assert_eq!(fit.clone().step(&plan, &[0; 6]), Err(LearnError::SumShape));
    assert_eq!(fit.clone().step(&plan, &[0; 7]), Err(LearnError::SumImpossible), "no rows");
    let negative = [-(1 << 24), 0, 1 << 24, 0, 0, 0, 5 << 24];
    assert_eq!(fit.step(&plan, &negative), Err(LearnError::SumImpossible), "a square below 0");
}

#[test]
fn learnh_03_what_could_overflow_is_refused_when_it_is_planned() {
    let ask = |rows, family| Plan::new(Terms { rows, ..terms(family, 10, None) }).map(|_| ());
    assert_eq!(ask(1 << 28, Family::Logistic), Ok(()));
    assert_eq!(ask(1 << 36, Family::Linear), Err(LearnError::MayOverflow));
    assert_eq!(ask(1 << 25, Family::Poisson { most: u32::MAX }), Err(LearnError::MayOverflow));
    let plan = |terms: Terms| Plan::new(terms).err();
    let fine = terms(Family::Linear, 3, None);
    assert_eq!(plan(Terms { columns: 0, ..fine.clone() }), Some(LearnError::Columns(0)));
    assert_eq!(plan(Terms { rounds: 0, ..fine.clone() }), Some(LearnError::RoundsOutOfRange));
    assert_eq!(plan(Terms { l2: f64::NAN, ..fine.clone() }), Some(LearnError::Penalty));
    assert_eq!(plan(Terms { trainers: 2, ..fine }), Some(LearnError::Trainers(2)));
}
