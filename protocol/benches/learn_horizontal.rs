//! What learning together over the same columns costs, and how good the model is.
//!
//!     cargo bench -p tacit-protocol --features testing --bench learn_horizontal
//!
//! First one round of four trainers with 25,000 rows × 40 columns each, everybody on this machine: the arithmetic at
//! home, and all that the summation adds to it, with its bytes. Then, if `TACIT_BENCH_TABLE=TABLE.csv` names a table
//! (with a description `TABLE.json` beside it: `features` with `kind`, `bounds` or `values`; columns `y`, `split`),
//! the AUC of the joint model on its test rows without and with noise; `TACIT_BENCH_EPSILON` (1), `TACIT_BENCH_CLIP`
//! (in 2⁻¹², the default is the largest length that the encoding has), `TACIT_BENCH_ROUNDS`, `TACIT_BENCH_L2`,
//! `TACIT_BENCH_DRAWS` (10) change what is asked; `TACIT_BENCH_SHARE` (0) of the price in thousandths is for a last
//! round, in bins as `TACIT_BENCH_BINS` (32) says, whose AUC is shown as well. Partners are the rows by their number modulo four, or with
//! `TACIT_BENCH_SKEW=1` four runs of the rows sorted by the first number.

use std::{env, fs, time::Instant};

use rand::{Rng, SeedableRng};
use tacit_protocol::{
    ids::{ContractId, PartnerId},
    learn::{
        encode::{Design, Encoding, Feature, Raw},
        evaluate::{Evaluation, Interval},
        glm::{Asked, Family, Fit, HeldOut, Noise, Plan, Review, Rows, Terms},
        horizontal::{
            Contribution, Coordinator, JobKey, Promises, Roster, Round, Rules, Seat, Shape, Survivors,
            Trainer,
        },
    },
    noise::rho_limit,
    secret::Secret,
    testing::star::{Passed, star},
};

const JOB: [u8; 32] = [1; 32];

fn main() {
    one_round();
    if let Ok(path) = env::var("TACIT_BENCH_TABLE") {
        table(&path);
    }
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Four seats of a job that nobody signs.
fn seats(rules: Rules) -> (Vec<JobKey>, Roster) {
    let keys: Vec<JobKey> =
        (0..rules.trainers()).map(|seat| JobKey::new(Secret::new([seat as u8 + 1; 32]))).collect();
    let seat = |(seat, key): (usize, &JobKey)| Seat {
        partner: PartnerId::new([seat as u8 + 1; 32]),
        key: key.public(),
        signature: [0; 64],
    };
    let seats = keys.iter().enumerate().map(seat).collect();
    let roster = Roster::new(JOB, ContractId::new([2; 32]), rules, seats, |_, _, _| true).expect("a roster");
    (keys, roster)
}

fn sum_of(
    keys: &[JobKey],
    roster: &Roster,
    round: Round,
    shape: &Shape,
    own: &[Contribution],
) -> (Vec<i64>, [u8; 32], usize) {
    let trainers = own
        .iter()
        .enumerate()
        .map(|(seat, own)| {
            Trainer::start(roster, seat, &keys[seat], round, shape, own, &Promises::default()).ok()
        })
        .collect();
    let coordinator = Coordinator::start(roster, round, shape).expect("a coordinator");
    let ended = star(trainers, coordinator, shape, |passed: &Passed| vec![passed.bytes.clone()]);
    let bytes = ended.said.iter().filter(|said| said.seat == 1).map(|said| said.bytes.len()).sum();
    let sum = ended.coordinator.expect("a sum");
    (sum.entries, sum.history, bytes)
}

fn one_round() {
    let mut dice = rand::rngs::StdRng::seed_from_u64(1);
    let (rows, columns) = (25_000, 40);
    let mut design = Design::new(rows, true);
    for column in 1..columns {
        let values = (0..rows).map(|_| Some(f64::from(dice.next_u32()) / f64::from(u32::MAX))).collect();
        let encoding = Encoding::Number { low: 0.0, high: 1.0 };
        design
            .push(&Feature { name: format!("x{column}"), encoding }, &Raw::Number(values))
            .expect("a column");
    }
    let target: Vec<f32> = (0..rows).map(|_| (dice.next_u32() & 1) as f32).collect();
    for (name, noise) in
        [("exact", None), ("noisy", Some(Noise { clip: 9000, nano_rho: 20_000_000, honest: 3 }))]
    {
        let rules = Rules::new(4, 3, 0, 1, noise.is_some()).expect("rules");
        let terms =
            Terms { family: Family::Logistic, columns, rounds: 5, l2: 1.0, rows: 30_000, trainers: 4, noise };
        let plan = Plan::new(terms).expect("a plan");
        let prepared = Rows::new(&plan, &design, &target).expect("rows");
        let (keys, roster) = seats(rules);
        let (mut fit, mut history) = (Fit::start(&plan), *roster.hash());
        while !fit.is_done(&plan) && fit.round() < 3 {
            let shape = plan.shape(fit.round()).expect("a round");
            let begun = Instant::now();
            let statistics = fit.statistics(&plan, &prepared).expect("statistics");
            let at_home = begun.elapsed();
            let begun = Instant::now();
            let own: Vec<Contribution> = (0..4u8)
                .map(|seat| {
                    let seed = Secret::new([seat; 32]);
                    Contribution::new(shape, statistics.clone(), &seed, &JOB, fit.round()).expect("a vector")
                })
                .collect();
            let noise = begun.elapsed();
            let begun = Instant::now();
            let round = Round { number: fit.round(), attempt: 0, history };
            let (sum, after, bytes) = sum_of(&keys, &roster, round, shape, &own);
            let summing = begun.elapsed();
            println!(
                "{name} round {}: at home {at_home:.1?}; noise of all four {noise:.1?}, summation of all five ends \
                 {summing:.1?}; {bytes} bytes a trainer, both directions",
                fit.round()
            );
            history = after;
            fit = fit.step(&plan, &sum).expect("a step");
        }
    }
}

struct Table {
    design: Design,
    target: Vec<f32>,
    test: Vec<bool>,
    first: usize,
    features: f64,
}

fn read(path: &str) -> Table {
    let described = fs::read_to_string(path.replace(".csv", ".json")).expect("a description");
    let described: serde_json::Value = serde_json::from_str(&described).expect("JSON");
    let text = fs::read_to_string(path).expect("a table");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let cells: Vec<Vec<&str>> = lines.collect();
    let column = |name: &str| header.iter().position(|column| *column == name).expect("a column");
    let mut design = Design::new(cells.len(), true);
    let (mut first, mut square) = (0, 1.0);
    for (name, feature) in described["features"].as_object().expect("features") {
        let place = column(name);
        let values = || cells.iter().map(move |row| row[place]);
        let (encoding, raw) = if let Some(bounds) = feature["bounds"].as_array() {
            let bound = |at: usize| bounds[at].as_f64().expect("a bound");
            if first == 0 {
                first = design.columns().len();
            }
            square += 0.25;
            let numbers = values().map(|value| value.parse().ok()).collect();
            (Encoding::Number { low: bound(0), high: bound(1) }, Raw::Number(numbers))
        } else {
            let list: Vec<String> = feature["values"]
                .as_array()
                .expect("values")
                .iter()
                .map(|value| value.as_str().expect("a text").to_owned())
                .collect();
            square += 1.0;
            let code = |value: &str| list.iter().position(|known| known == value).map(|at| at as u32);
            let codes = values().map(code).collect();
            (Encoding::Values(list), Raw::Code(codes))
        };
        design.push(&Feature { name: name.clone(), encoding }, &raw).expect("a feature");
    }
    let (y, split) = (column("y"), column("split"));
    let target = cells.iter().map(|row| row[y].parse().expect("0 or 1")).collect();
    let test = cells.iter().map(|row| row[split] == "test").collect();
    Table { design, target, test, first, features: square }
}

fn table(path: &str) {
    let table = read(path);
    let train: Vec<bool> = table.test.iter().map(|test| !test).collect();
    let (own, target) = (table.design.rows_where(&train), kept(&table.target, &train));
    let (held, held_target) = (table.design.rows_where(&table.test), kept(&table.target, &table.test));
    let rows = own.rows();
    let mut place = vec![0; rows];
    if env::var("TACIT_BENCH_SKEW").is_ok() {
        let mut order: Vec<usize> = (0..rows).collect();
        let key = |row: &usize| own.columns()[table.first.max(1)][*row];
        order.sort_by(|a, b| key(a).total_cmp(&key(b)));
        order.iter().enumerate().for_each(|(rank, row)| place[*row] = rank * 4 / rows);
    } else {
        (0..rows).for_each(|row| place[row] = row % 4);
    }
    let parts: Vec<(Design, Vec<f32>)> = (0..4)
        .map(|part| {
            let keep: Vec<bool> = place.iter().map(|place| *place == part).collect();
            (own.rows_where(&keep), kept(&target, &keep))
        })
        .collect();
    println!("{path}: {rows} rows to learn from, {} held out, {} columns", held.rows(), own.columns().len());
    let l2 = number("TACIT_BENCH_L2", 1.0);
    let bins = number("TACIT_BENCH_BINS", 32);
    let run = |noise: Option<Noise>, rounds: u32, l2: f64, draw: u8, last: u64| {
        let rules = Rules::new(4, 3, 0, 1, noise.is_some()).expect("rules");
        let terms = Terms {
            family: Family::Logistic,
            columns: own.columns().len(),
            rounds,
            l2,
            rows: 1 << 20,
            trainers: 4,
            noise,
        };
        let plan = Plan::new(terms).expect("a plan");
        let prepared: Vec<Rows> =
            parts.iter().map(|(design, target)| Rows::new(&plan, design, target).expect("rows")).collect();
        let (keys, roster) = seats(rules);
        let (mut fit, mut history) = (Fit::start(&plan), *roster.hash());
        while !fit.is_done(&plan) {
            let shape = plan.shape(fit.round()).expect("a round");
            let vectors: Vec<Contribution> = (0u8..)
                .zip(&prepared)
                .map(|(seat, rows)| {
                    let exact = fit.statistics(&plan, rows).expect("statistics");
                    let seed = Secret::new([seat * 31 + draw; 32]);
                    Contribution::new(shape, exact, &seed, &JOB, fit.round()).expect("a vector")
                })
                .collect();
            let round = Round { number: fit.round(), attempt: 0, history };
            let (sum, after, _) = sum_of(&keys, &roster, round, shape, &vectors);
            history = after;
            fit = fit.step(&plan, &sum).expect("a step");
        }
        let test = Rows::new(&plan, &held, &held_target).expect("rows");
        let direct = auc(&test.score(fit.weights()), &held_target);
        // What the last round says of the same rows, if it is paid for.
        let joint = (noise.is_none() || last > 0).then(|| -> Interval {
            let asked = Asked { bins, nano_rho: last, ..Asked::default() };
            let review = Review::new(&plan, asked).expect("a last round");
            let vectors: Vec<Contribution> = (0u8..)
                .zip(&prepared)
                .map(|(seat, rows)| {
                    let keep: Vec<bool> =
                        (0..held_target.len()).map(|row| row % 4 == usize::from(seat)).collect();
                    let target = kept(&held_target, &keep);
                    let test = Rows::new(&plan, &held.rows_where(&keep), &target).expect("rows");
                    let held_out = HeldOut { rows: &test, groups: &[] };
                    let exact =
                        review.statistics(&plan, &fit, rows, held_out, seat.into()).expect("statistics");
                    let seed = Secret::new([seat * 31 + draw; 32]);
                    Contribution::new(review.shape(), exact, &seed, &JOB, fit.round()).expect("a vector")
                })
                .collect();
            let round = Round { number: fit.round(), attempt: 0, history };
            let (sum, ..) = sum_of(&keys, &roster, round, review.shape(), &vectors);
            let all = Survivors::all(4);
            let found = review.read(&fit, all, &sum).expect("histograms");
            Evaluation::of(&found.held_out, review.noise(0, all).as_ref(), 0.5).auc.expect("an AUC")
        });
        (direct, fit.round(), joint)
    };
    let (exact, rounds, joint) = run(None, 50, l2, 0, 0);
    let read_off = joint.map_or(f64::NAN, |joint| joint.value);
    println!("the last round's histograms: AUC {read_off:.4} of {bins} bins");
    println!("without noise: AUC {exact:.4} after {rounds} rounds");
    let epsilon = env::var("TACIT_BENCH_EPSILON").unwrap_or("1".to_owned());
    let delta = env::var("TACIT_BENCH_DELTA").unwrap_or("1e-5".to_owned());
    let nano_rho = rho_limit(epsilon.parse().expect("ε"), delta.parse().expect("δ")).expect("a budget");
    let largest = (table.features.sqrt() * 4096.0).ceil() as u32;
    let last = nano_rho / 1000 * number("TACIT_BENCH_SHARE", 0);
    let noise = Noise { clip: number("TACIT_BENCH_CLIP", largest), nano_rho: nano_rho - last, honest: 3 };
    let (rounds, draws) = (number("TACIT_BENCH_ROUNDS", 4), number("TACIT_BENCH_DRAWS", 10u8));
    for l2 in env::var("TACIT_BENCH_NOISY_L2").unwrap_or("1,10,30,100".to_owned()).split(',') {
        let l2: f64 = l2.parse().expect("a penalty");
        let runs: Vec<(f64, u32, Option<Interval>)> =
            (1..=draws).map(|draw| run(Some(noise), rounds, l2, draw, last)).collect();
        let aucs: Vec<f64> = runs.iter().map(|run| run.0).collect();
        let said: Vec<(f64, Interval)> = runs.iter().filter_map(|run| Some((run.0, run.2?))).collect();
        if !said.is_empty() {
            let count = said.len() as f64;
            let wide = said.iter().map(|(_, joint)| (joint.high - joint.low) / 2.0).sum::<f64>() / count;
            let off = said.iter().map(|(direct, joint)| (direct - joint.value).abs()).sum::<f64>() / count;
            println!(
                "joint AUC of the last round: off by {off:.4} on average, half an interval is {wide:.4}"
            );
        }
        let mean = aucs.iter().sum::<f64>() / f64::from(draws);
        let deviation = (aucs.iter().map(|auc| (auc - mean).powi(2)).sum::<f64>() / f64::from(draws)).sqrt();
        println!(
            "ε = {epsilon}, δ = {delta}, clip {:.2}, {rounds} rounds, λ = {l2}: AUC {mean:.4} ± {deviation:.4}, loss {:.4}",
            f64::from(noise.clip) / 4096.0,
            exact - mean
        );
    }
}

fn kept(values: &[f32], keep: &[bool]) -> Vec<f32> {
    tacit_protocol::learn::encode::kept(values, keep)
}

/// The share of pairs of a positive and a negative row that the scores put in order, ties counted half.
fn auc(scores: &[f64], target: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut below, mut ordered, mut start) = (0.0, 0.0, 0);
    while start < order.len() {
        let same = order[start..].iter().take_while(|row| scores[**row] == scores[order[start]]).count();
        let tied = &order[start..start + same];
        let positives = tied.iter().filter(|row| target[**row] > 0.0).count() as f64;
        let negatives = same as f64 - positives;
        ordered += positives * (below + negatives / 2.0);
        below += negatives;
        start += same;
    }
    ordered / (below * (scores.len() as f64 - below))
}
