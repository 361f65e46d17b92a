//! From exact integers to the file that an asker reads.

use sha2::{Digest, Sha256};
use tacit_protocol::{noise::DiscreteGaussian, secret::Secret};

use super::{
    estimate::{Estimate, Estimator, Widths},
    figures::{noises, with_noise},
    *,
};
use crate::{
    engine::{
        arrow::{array::RecordBatch, util::display::array_value_to_string},
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
    },
    policy::{Quantity, tests::figures::plan},
    query::{Aggregates, NoColumns, parse},
};

const BY_TIER: &str =
    "SELECT credit_tier, COUNT(*) AS n, SUM(balance) AS total FROM bank.accounts GROUP BY credit_tier";

fn seeds(plan: &AggregatePlan, run: u64) -> Vec<Secret<[u8; 32]>> {
    let seed = |column: u64| {
        let bytes = [run.to_le_bytes(), column.to_le_bytes()].concat();
        Secret::new(Sha256::digest(bytes).into())
    };
    (0..plan.columns().len() as u64).map(seed).collect()
}

fn asked(sql: &str) -> Aggregates {
    parse(sql, &NoColumns).unwrap().aggregates().unwrap().clone()
}

/// The integers of a plan's groups, from values of one measure (steps) in each.
fn exact(plan: &AggregatePlan, groups: &[Vec<i64>]) -> Vec<i64> {
    let measure = plan.measures().first();
    let integer = |quantity: Quantity, values: &[i64]| -> i64 {
        let fixed = || &measure.unwrap().fixed;
        values
            .iter()
            .map(|steps| match quantity {
                Quantity::Customers | Quantity::Values(_) => 1,
                Quantity::Sum(_) => *steps,
                Quantity::Centred(_) => steps - fixed().centre(),
                Quantity::Squares(_) => fixed().square(*steps),
                Quantity::Bucket(_, bucket) => i64::from(measure.unwrap().bucket(*steps) == bucket),
                Quantity::Product(..) | Quantity::Pair(..) => 0,
            })
            .sum()
    };
    groups.iter().flat_map(|values| plan.columns().iter().map(|c| integer(c.quantity, values))).collect()
}

fn read(path: &std::path::Path) -> (Vec<String>, Vec<Vec<String>>) {
    let file = std::fs::File::open(path).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let names = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    let row = |batch: &RecordBatch, row: usize| {
        batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap()).collect()
    };
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect();
    (names, rows)
}

#[test]
fn t14_empty_groups_get_noise_and_are_suppressed_never_zero() {
    let plan = plan(BY_TIER);
    let noises = noises(&plan).unwrap();
    let exact = exact(&plan, &[vec![100_000; 500], Vec::new(), vec![5_000; 49]]);
    let mut noisy = std::collections::BTreeSet::new();
    let mut close = [false; 2];
    for run in 0..200 {
        let figures = with_noise(&plan, &exact, &noises, &seeds(&plan, run));
        let figures = figures.as_slice();
        noisy.insert(figures[0]);
        assert_eq!(figures[2..4], [None, None], "an empty group is hidden whole");
        // 49 customers are shown or not as the noise says, not as the exact count does.
        close[usize::from(figures[4].is_some())] = true;
        assert_eq!(figures[4].is_some(), figures[5].is_some());
        assert!(figures[4].is_none_or(|count| count >= 50));
    }
    assert!(noisy.len() > 5 && !noisy.contains(&None));
    assert_eq!(close, [true, true]);
}

#[test]
fn t17_every_answer_has_fresh_noise() {
    // σ of the sum is so large that two equal samples do not happen.
    let plan = plan(BY_TIER);
    let integers = exact(&plan, &[vec![100_000; 500], vec![1; 500], vec![5_000; 500]]);
    let noises = noises(&plan).unwrap();
    let one = with_noise(&plan, &integers, &noises, &seeds(&plan, 1));
    assert_eq!(one, with_noise(&plan, &integers, &noises, &seeds(&plan, 1)));
    assert_ne!(one, with_noise(&plan, &integers, &noises, &seeds(&plan, 2)));
    // And no two columns share a seed.
    let noise = |place: usize| one.as_slice()[place].unwrap() - integers[place];
    assert_ne!(noise(1), noise(3));
}

#[test]
fn t08_noise_keeps_every_figure_in_its_range() {
    let plan = plan("SELECT SUM(income), STDDEV(income) FROM bank.accounts");
    let most: Vec<u64> = plan.columns().iter().map(|c| (c.sensitivity << 32) + (1 << 55)).collect();
    let largest: Vec<i64> = plan.columns().iter().map(|c| (c.sensitivity << 32) as i64).collect();
    let noises = noises(&plan).unwrap();
    for run in 0..50 {
        let figures = with_noise(&plan, &largest, &noises, &seeds(&plan, run));
        for (figure, most) in figures.as_slice().iter().zip(&most) {
            assert!(figure.unwrap().unsigned_abs() <= *most);
        }
    }
}

#[test]
fn t29_intervals_cover_what_they_are_of() {
    let sql = "SELECT COUNT(*), SUM(balance), AVG(balance), STDDEV(balance), MEDIAN(balance), \
               QUANTILE(balance, 0.9) FROM bank.accounts";
    let plan = plan(sql);
    // Values whose quantiles lie on edges of the grid, so that interpolation does not matter.
    let mut values = vec![5_000; 100];
    values.extend(vec![50_000; 300]);
    values.extend(vec![1_000_000 - 1; 500]);
    values.extend(vec![2_000_000; 100]);
    let integers = exact(&plan, &[values.clone()]);
    let n = values.len() as f64;
    let real: Vec<f64> = values.iter().map(|steps| *steps as f64 * 0.01).collect();
    let sum: f64 = real.iter().sum();
    let variance = real.iter().map(|value| (value - sum / n).powi(2)).sum::<f64>() / (n - 1.0);
    let truth = [n, sum, sum / n, variance.sqrt()];
    let figures: Vec<_> = asked(sql).figures.into_iter().map(|(figure, _)| figure).collect();
    let (noises, estimator) = (noises(&plan).unwrap(), Estimator::new(&plan, Widths::of(&plan).unwrap()));
    let runs = 2_000;
    let mut covered = [0; 6];
    for run in 0..runs {
        let noisy = with_noise(&plan, &integers, &noises, &seeds(&plan, run));
        for (place, figure) in figures.iter().enumerate() {
            let estimate = estimator.figure(figure, noisy.as_slice()).unwrap();
            assert!(estimate.low <= estimate.value && estimate.value <= estimate.high, "{figure:?}");
            let inside = match truth.get(place) {
                // A thousandth of slack: squares are of coarser steps.
                Some(truth) => {
                    let slack = truth / 1000.0 * f64::from(u8::from(place == 3));
                    estimate.low - slack <= *truth && *truth <= estimate.high + slack
                }
                // The median lies among the values of 500 (after 100): in 100–1000; nine tenths are at 9,999.99.
                None if place == 4 => estimate.low <= 1000.0 + 9_000.0 && estimate.high >= 1000.0,
                None => estimate.low <= 10_000.0 && estimate.high >= 10_000.0,
            };
            covered[place] += u64::from(inside);
        }
    }
    // Counts and sums are exact to the integer; 95 % less two deviations of 2,000 runs.
    assert!(covered[..2].iter().all(|covered| *covered >= runs * 94 / 100), "{covered:?}");
    assert!(covered[2..].iter().all(|covered| *covered >= runs * 95 / 100), "{covered:?}");
}

#[test]
fn a_planted_half_noise_is_seen_in_the_intervals() {
    // The twin of the test above: intervals of a plan at twice the price do not cover noise of this one.
    let plan = plan("SELECT COUNT(*) FROM bank.accounts");
    let dear = plan.price().share() * 16;
    let narrow = DiscreteGaussian::of_price(dear, 1).unwrap().half_width95() as i64;
    let noises = noises(&plan).unwrap();
    let outside = (0..500)
        .filter(|run| {
            let noisy = with_noise(&plan, &[1_000], &noises, &seeds(&plan, *run)).as_slice()[0].unwrap();
            (noisy - 1_000).abs() > narrow
        })
        .count();
    assert!(outside > 150, "{outside}");
}

#[test]
fn an_answer_is_a_row_a_group_with_intervals_and_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answer.parquet");
    let plan = plan(BY_TIER);
    let figures = Figures::new(vec![Some(500), Some(1_234_567), None, None, Some(80), Some(-3)]);
    let answer = Answered::of(&plan, &asked(BY_TIER), &figures).unwrap();
    assert_eq!((answer.rows(), answer.suppressed), (3, 1));
    answer.write(&path).unwrap();
    let (names, rows) = read(&path);
    assert_eq!(
        names,
        [
            "credit_tier",
            "n",
            "n_low95",
            "n_high95",
            "n_suppressed",
            "total",
            "total_low95",
            "total_high95",
            "total_suppressed"
        ]
    );
    let half = plan.price().noise(&plan.columns()[0]).unwrap().half_width95();
    assert_eq!(rows[0][..5], ["A", "500", &(500 - half).to_string(), &(500 + half).to_string(), ""]);
    // Cents are lost in noise of hundreds of thousands.
    assert_eq!(rows[0][5], "12346.0");
    let reason = "fewer than 50 customers, with noise";
    assert_eq!(rows[1], ["B", "", "", "", reason, "", "", "", reason]);
    assert_eq!(rows[2][5], "0.0");

    let sql = format!("{BY_TIER} HAVING n > 10 ORDER BY n LIMIT 1");
    let cut = Answered::of(&plan, &asked(&sql), &figures).unwrap();
    cut.write(&path).unwrap();
    assert_eq!(read(&path).1.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), ["C"]);
}

#[test]
fn means_and_deviations_are_those_of_the_values() {
    let sql = "SELECT AVG(income) AS m, STDDEV(income) AS s FROM bank.accounts";
    let plan = plan(sql);
    let values: Vec<i64> = (0..1000).map(|at| at % 200 - 100).collect();
    let figures: Vec<Option<i64>> = exact(&plan, &[values]).into_iter().map(Some).collect();
    let estimator = Estimator::new(&plan, Widths::of(&plan).unwrap());
    let of = |place: usize| estimator.figure(&asked(sql).figures[place].0, &figures).unwrap();
    assert!((of(0).value + 0.5).abs() < 1e-9, "{:?}", of(0));
    assert!((of(1).value - 57.763_19).abs() < 1e-3, "{:?}", of(1));
    // Beyond the bounds there is no mean, whatever the noise says.
    let wild: Vec<Option<i64>> = figures.iter().map(|_| Some(60)).collect();
    let Estimate { value, low, high } = estimator.figure(&asked(sql).figures[0].0, &wild).unwrap();
    assert!(low >= -1000.0 && high <= 1000.0 && low <= value && value <= high);
}

#[test]
fn the_labels_say_what_clamping_hides() {
    let labels = labels(&plan("SELECT AVG(balance), MEDIAN(balance) FROM bank.accounts"));
    assert_eq!(
        labels,
        [
            "balance is clamped to 0–50000 and rounded to 0.01: the intervals are of the clamped values",
            "quantiles of balance are read from 4 public buckets and lie within 0–50000"
        ]
    );
}
