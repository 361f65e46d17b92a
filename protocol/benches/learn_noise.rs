//! What noise costs a vertical model: whole runs in memory, under encryption, on rows from files.
//!
//!     TACIT_BENCH_DATA=FOLDER cargo bench -p tacit-protocol --bench learn_noise
//!
//! FOLDER holds NAME.csv and NAME.json, as `node/benches/learn_central.py` reads them: public bounds and values, how the
//! columns are cut between the end that has the target and the other, which rows are for training. `TACIT_BENCH_SETS` (bank
//! credit adult), `TACIT_BENCH_EPSILONS` (0 1 4 8, 0 for no noise), `TACIT_BENCH_DRAWS` (5), `TACIT_BENCH_ROUNDS` (8).
//! δ = 10⁻⁶, of which half is for the conversion, as a node has it; λ = 1.

use std::{collections::HashMap, path::Path, time::Instant};

use serde_json::Value;
use tacit_protocol::{
    ids::{ContractId, SessionId},
    learn::vertical::{
        Agreed, Block, Input, Linkage, Message, Noise, Opens, Params, Party, Trained, Trainer, Variable,
    },
    noise::{Rational, rho_limit},
    secret::Secret,
    session::{Produced, Session, Step},
};

fn main() {
    let Ok(folder) = std::env::var("TACIT_BENCH_DATA") else {
        println!("TACIT_BENCH_DATA names no folder");
        return;
    };
    let words = |name: &str, otherwise: &str| -> Vec<String> {
        let text = std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
        text.split_whitespace().map(str::to_owned).collect()
    };
    let number = |text: &String| text.parse::<u64>().expect("a number");
    let draws = number(&words("TACIT_BENCH_DRAWS", "5")[0]);
    let rounds = number(&words("TACIT_BENCH_ROUNDS", "8")[0]) as u16;
    for name in words("TACIT_BENCH_SETS", "bank credit adult") {
        let data = Data::read(Path::new(&folder), &name);
        for epsilon in words("TACIT_BENCH_EPSILONS", "0 1 4 8").iter().map(number) {
            let begun = Instant::now();
            let draws = if epsilon == 0 { 1 } else { draws };
            let found: Vec<f64> =
                (0..draws).map(|draw| data.auc_of_a_run(epsilon, rounds, draw as u8)).collect();
            let mean = found.iter().sum::<f64>() / found.len() as f64;
            let (least, most) = found.iter().fold((1.0f64, 0.0f64), |(a, b), x| (a.min(*x), b.max(*x)));
            println!(
                "{name:<8} epsilon {epsilon} rounds {rounds}: AUC {mean:.4} ({least:.4} to {most:.4}, {draws} draws, {:.0} s)",
                begun.elapsed().as_secs_f64()
            );
        }
    }
}

/// Encoded columns of one end, and what they say together.
struct Side {
    columns: Vec<Vec<f64>>,
    variables: Vec<Variable>,
}

struct Data {
    /// The end with the target, and the other.
    sides: [Side; 2],
    target: Vec<f64>,
    /// Whether a row is learned from.
    learned: Vec<bool>,
}

impl Data {
    fn read(folder: &Path, name: &str) -> Self {
        let read = |end: &str| std::fs::read_to_string(folder.join(format!("{name}.{end}"))).expect("reads");
        let about: Value = serde_json::from_str(&read("json")).expect("JSON");
        let text = read("csv");
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<&str>>());
        let heads = lines.next().expect("a heading");
        let rows: Vec<Vec<&str>> = lines.collect();
        let at: HashMap<&str, usize> = heads.iter().enumerate().map(|(at, head)| (*head, at)).collect();
        let column = |name: &str| rows.iter().map(|row| row[at[name]]).collect::<Vec<&str>>();
        let side = |part: &str| {
            let mut side = Side { columns: Vec::new(), variables: Vec::new() };
            for name in about["vertical"][part].as_array().expect("columns") {
                let name = name.as_str().expect("a name");
                let (cells, about) = (column(name), &about["features"][name]);
                match about["values"].as_array() {
                    Some(values) => {
                        side.variables.push(Variable::Choice(values.len() as u16));
                        for value in values.iter().filter_map(Value::as_str) {
                            side.columns
                                .push(cells.iter().map(|cell| f64::from(u8::from(*cell == value))).collect());
                        }
                    }
                    None => {
                        let bound = |at: usize| about["bounds"][at].as_f64().expect("a bound");
                        let scaled = |cell: &&str| {
                            let x: f64 = cell.parse().expect("a number");
                            ((x - bound(0)) / (bound(1) - bound(0))).clamp(0.0, 1.0) - 0.5
                        };
                        side.variables.push(Variable::Number);
                        side.columns.push(cells.iter().map(scaled).collect());
                    }
                }
            }
            side
        };
        Self {
            sides: [side("A"), side("B")],
            target: column("y").iter().map(|y| y.parse().expect("0 or 1")).collect(),
            learned: column("split").iter().map(|split| *split == "train").collect(),
        }
    }

    fn of(&self, numbers: &[f64], learned: bool) -> Vec<f64> {
        numbers.iter().zip(&self.learned).filter(|(_, is)| **is == learned).map(|(x, _)| *x).collect()
    }

    /// On rows that were not learned from, what a run's weights come to.
    fn auc_of_a_run(&self, epsilon: u64, rounds: u16, draw: u8) -> f64 {
        let rows = self.learned.iter().filter(|learned| **learned).count() as u32;
        let variables = [0, 1].map(|at: usize| self.sides[at].variables.clone());
        let noise = (epsilon > 0).then(|| {
            let half = Rational::new(1, 2_000_000).expect("a fraction");
            let nano_rho = rho_limit(Rational::new(epsilon, 1).expect("a fraction"), half).expect("a price");
            Noise::of_price(nano_rho, Linkage::Logistic, rounds, variables).expect("noise")
        });
        let agreed = Agreed {
            session: SessionId::new([1; 32]),
            contract: ContractId::new([2; 32]),
            job: [draw; 32],
            linkage: Linkage::Logistic,
            rows,
            label_columns: self.sides[0].columns.len() as u32,
            feature_columns: self.sides[1].columns.len() as u32,
            rounds,
            l2_micro: 1_000_000,
            opens: Opens::Both,
            noise,
        };
        let params = Params::new(agreed).expect("fits");
        let start = |party: Party| {
            let side = &self.sides[party as usize];
            let target = (party == Party::Label).then(|| self.of(&self.target, true));
            let input =
                Input { columns: side.columns.iter().map(|column| self.of(column, true)).collect(), target };
            let secrets = [10 + party as u8, 20 + party as u8].map(|byte| Secret::new([byte; 32]));
            let [secret, seed] = secrets;
            let keep = Box::new(|_: &_| Ok(()));
            Trainer::start(params.clone(), party, &input, Vec::new(), &secret, seed, keep).expect("starts")
        };
        let trained = run(start(Party::Label), start(Party::Features));
        let blocks = [trained.own, trained.theirs].map(|block| block.expect("weights that are opened"));
        let part = |(side, block): (&Side, &Block), row: usize| {
            let terms = side.columns.iter().zip(&block.weights).map(|(column, weight)| column[row] * weight);
            block.offset + terms.sum::<f64>()
        };
        let all = (0..self.target.len())
            .map(|row| self.sides.iter().zip(&blocks).map(|both| part(both, row)).sum());
        let scores: Vec<f64> = all.collect();
        auc(&self.of(&scores, false), &self.of(&self.target, false))
    }
}

/// The label end's outcome of a run.
fn run(label: Trainer, features: Trainer) -> Trained {
    let mut ends = [Some(label), Some(features)];
    let mut said: [Vec<Message>; 2] = [Vec::new(), Vec::new()];
    let mut trained = None;
    for at in [0, 1].into_iter().cycle() {
        let Some(mut end) = ends[at].take() else {
            if trained.is_some() {
                break;
            }
            continue;
        };
        let mut heard = std::mem::take(&mut said[1 - at]).into_iter();
        let going_on = loop {
            match end.produce().expect("produces") {
                Produced::Message { state, message } => {
                    said[at].push(message);
                    end = state;
                    continue;
                }
                Produced::Idle(state) => end = state,
            }
            let Some(message) = heard.next() else { break Some(end) };
            match end.handle(message).expect("handles") {
                Step::Wait { state, send } => {
                    said[at].extend(send);
                    end = state;
                }
                Step::Done { output, send } => {
                    said[at].extend(send);
                    if at == 0 {
                        trained = Some(output);
                    }
                    break None;
                }
            }
        };
        ends[at] = going_on;
    }
    trained.expect("an outcome")
}

/// The chance that a row of target 1 scores above one of target 0.
fn auc(scores: &[f64], target: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut rank, mut at) = (0.0, 0);
    while at < order.len() {
        let tie = order[at..].iter().take_while(|i| scores[**i] == scores[order[at]]).count();
        let middle = at as f64 + (tie as f64 + 1.0) / 2.0;
        rank += middle * order[at..at + tie].iter().map(|i| target[*i]).sum::<f64>();
        at += tie;
    }
    let ones: f64 = target.iter().sum();
    (rank - ones * (ones + 1.0) / 2.0) / (ones * (target.len() as f64 - ones))
}
