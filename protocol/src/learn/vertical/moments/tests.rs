//! LEARNV-42: what one row moves is what is paid for, and the noise is as wide as that.

use super::*;
use crate::{
    learn::vertical::tests::Dice,
    noise::{DiscreteGaussian, Variance},
};

const KINDS: [Variable; 5] =
    [Variable::Number, Variable::Choice(3), Variable::Choice(1), Variable::Number, Variable::Choice(2)];

/// A row of cells that these variables allow; `extreme` for one as far from 0 as can be.
fn row(variables: &[Variable], dice: &mut Dice, extreme: bool) -> Vec<f64> {
    let mut cells = Vec::new();
    for variable in variables {
        match variable {
            Variable::Number if extreme => cells.push(if dice.unit() < 0.5 { -0.5 } else { 0.5 }),
            Variable::Number => cells.push(dice.unit() - 0.5),
            Variable::Choice(width) => {
                let width = usize::from(*width);
                let chosen = (dice.unit() * (width as f64 + if extreme { 0.0 } else { 1.0 })) as usize;
                cells.extend((0..width).map(|at| f64::from(u8::from(at == chosen))));
            }
        }
    }
    cells
}

fn columns(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..rows[0].len()).map(|at| rows.iter().map(|row| row[at]).collect()).collect()
}

fn sums(rows: &[Vec<f64>], variables: &[Variable]) -> Vec<i64> {
    Cells::new(&columns(rows), variables).unwrap().sums().to_vec()
}

/// The root of what a row moves, squared and summed.
fn moved(row: &[f64], others: &[Vec<f64>], variables: &[Variable]) -> f64 {
    let without = sums(others, variables);
    let with = sums(&[others, &[row.to_vec()]].concat(), variables);
    with.iter().zip(&without).map(|(x, y)| ((x - y) as f64).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn learnv_42_no_row_moves_the_moments_further_than_is_paid_for_and_some_do_as_far() {
    let mut dice = Dice::new(5);
    for variables in
        [&KINDS[..], &KINDS[..1], &KINDS[1..2], &[Variable::Choice(1); 7], &[Variable::Number; 9]]
    {
        let others: Vec<Vec<f64>> = (0..20).map(|_| row(variables, &mut dice, false)).collect();
        let paid = sensitivity(variables) as f64;
        for _ in 0..50 {
            assert!(moved(&row(variables, &mut dice, false), &others, variables) <= paid);
        }
        let furthest = moved(&row(variables, &mut dice, true), &others, variables);
        assert!(furthest <= paid && furthest > paid - 1.0, "{furthest} {paid}");
    }
    // One choice alone: its sum. Two: each sum, and one product.
    assert_eq!(sensitivity(&[Variable::Choice(9)]), 1 << 24);
    assert_eq!(
        sensitivity(&[Variable::Choice(9), Variable::Choice(2)]),
        (3f64.sqrt() * 16_777_216.0).ceil() as u64
    );
    assert_eq!(sensitivity(&[]), 0);
    assert_eq!(entries(&KINDS), 8 + 36 - 6 - 1 - 3);
}

#[test]
fn learnv_05_rows_that_would_move_more_are_refused() {
    let fine = vec![vec![0.5, 1.0, 0.0, 0.0, 1.0, -0.5, 0.0, 1.0]; 3];
    assert!(Cells::new(&columns(&fine), &KINDS).is_ok());
    for (column, value) in [(0, 0.51), (0, -0.6), (0, f64::NAN), (1, 0.5), (2, 1.0), (4, -1.0), (6, 1.0)] {
        let mut rows = fine.clone();
        rows[1][column] = value;
        assert_eq!(Cells::new(&columns(&rows), &KINDS).err(), Some(Abort::OwnColumns), "{column} {value}");
    }
    assert!(Cells::new(&columns(&fine)[1..], &KINDS).is_err());
}

/// Over 4,000 numbers the mean square over σ² is outside of ±.075 once in 1,000 choices of the (fixed) seeds; the twin has
/// half the variance, a ratio of ½.
#[test]
fn learnv_42_the_noise_of_moments_is_as_wide_as_was_paid_for() {
    let nano_rho = 3_600_000;
    let width = DiscreteGaussian::of_price(nano_rho, sensitivity(&KINDS)).unwrap();
    let variance = width.variance().num() as f64 / width.variance().den() as f64;
    let mut dice = Dice::new(9);
    let rows: Vec<Vec<f64>> = (0..30).map(|_| row(&KINDS, &mut dice, false)).collect();
    let exact = sums(&rows, &KINDS);
    let ratio = |width: &DiscreteGaussian| {
        let mut squares = Vec::new();
        for seed in 0..(4_000 / exact.len()) as u16 {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&seed.to_le_bytes());
            let found = noisy(&exact, width, &Secret::new(bytes));
            squares.extend(found.iter().zip(&exact).map(|(x, y)| ((x - y) as f64).powi(2) / variance));
        }
        squares.iter().sum::<f64>() / squares.len() as f64
    };
    let full = ratio(&width);
    assert!((0.925..1.075).contains(&full), "{full}");
    let half = Variance::new(width.variance().num(), 2 * width.variance().den()).unwrap();
    let half = ratio(&DiscreteGaussian::new(half).unwrap());
    assert!(half < 0.925, "{half}");
}

#[test]
fn what_is_whitened_by_moments_without_much_noise_is_white() {
    // Two numbers that hang together, and a choice that hangs on one of them.
    let mut dice = Dice::new(1);
    let variables = [Variable::Number, Variable::Number, Variable::Choice(2)];
    let rows: Vec<Vec<f64>> = (0..4000)
        .map(|_| {
            let x = dice.unit() - 0.5;
            let y = (0.6 * x + 0.4 * (dice.unit() - 0.5)).clamp(-0.5, 0.5);
            let high = f64::from(u8::from(x + 0.5 > dice.unit()));
            vec![x, y, high, f64::from(u8::from(high == 0.0 && dice.unit() < 0.8))]
        })
        .collect();
    let width = DiscreteGaussian::of_price(1_000_000_000_000, sensitivity(&variables)).unwrap();
    let found = noisy(&sums(&rows, &variables), &width, &Secret::new([3; 32]));
    let basis = basis(&found, &variables, &width, 4000, 0.0, false);
    let white = basis.apply(&columns(&rows), 4000);
    for i in 0..4 {
        for j in 0..=i {
            let product = |(x, y): (&i32, &i32)| f64::from(*x) * f64::from(*y) / 4096.0 / 4096.0;
            let entry = white[i].iter().zip(&white[j]).map(product).sum::<f64>() / 4000.0;
            // The floor of eigenvalues leaves some directions shorter, none longer.
            let wanted = if i == j { 0.3..1.2 } else { -0.35..0.35 };
            assert!(wanted.contains(&entry), "{i} {j}: {entry}");
        }
    }
}

#[test]
fn moments_that_are_noise_alone_still_make_a_basis() {
    for variables in [&KINDS[..], &[Variable::Number; 40]] {
        let count = variables.iter().map(|variable| variable.width() as usize).sum::<usize>();
        let width = DiscreteGaussian::of_price(1_000, sensitivity(variables)).unwrap();
        let rows = vec![vec![0.0; count]; 2];
        let found = noisy(&sums(&rows, variables), &width, &Secret::new([4; 32]));
        let basis = basis(&found, variables, &width, 2, 0.0, true);
        assert!(basis.apply(&columns(&rows), 2).iter().flatten().all(|x| x.unsigned_abs() < 1 << 20));
        assert_eq!(super::Basis::from_bytes(&basis.to_bytes(), count).unwrap(), basis);
    }
}
