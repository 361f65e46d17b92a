//! What a vertical job costs: whole runs in memory, each end in a thread of its own with nothing but a queue between,
//! stage by stage.
//!
//!     cargo bench -p tacit-protocol --bench learn_vertical
//!
//! `TACIT_BENCH_ROWS` (100,000), `TACIT_BENCH_COLUMNS` a side (20), `TACIT_BENCH_ROUNDS` (10).

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use tacit_protocol::{
    ids::{ContractId, SessionId},
    learn::vertical::{Agreed, Input, Linkage, Message, Opens, Params, Party, Trained, Trainer},
    secret::Secret,
    session::{Produced, Session, Step},
    wire::Wire,
};

fn main() {
    let number = |name, otherwise| {
        std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(otherwise)
    };
    let rows = number("TACIT_BENCH_ROWS", 100_000);
    let columns = number("TACIT_BENCH_COLUMNS", 20);
    let rounds = number("TACIT_BENCH_ROUNDS", 10) as u16;
    for linkage in [Linkage::Logistic, Linkage::Linear] {
        measure(linkage, rows, columns, rounds);
    }
}

fn params(linkage: Linkage, rows: u32, columns: u32, rounds: u16) -> Params {
    let agreed = Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        job: [3; 32],
        linkage,
        rows,
        label_columns: columns,
        feature_columns: columns,
        rounds,
        l2_micro: 1_000_000,
        opens: Opens::Both,
        noise: None,
    };
    Params::new(agreed).expect("fits")
}

/// Columns of which the target is a noisy threshold.
fn inputs(rows: u32, columns: u32) -> (Input, Input) {
    let mut state = 1u64;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut all = vec![Vec::new(); 2 * columns as usize];
    let mut target = Vec::new();
    for _ in 0..rows {
        let mut z = 0.0;
        for (place, column) in all.iter_mut().enumerate() {
            let x = unit();
            z += (x - 0.5) * if place % 2 == 0 { 1.0 } else { -0.8 };
            column.push(x);
        }
        target.push(f64::from(z + unit() - 0.5 > 0.0));
    }
    let theirs = all.split_off(columns as usize);
    (Input { columns: all, target: Some(target) }, Input { columns: theirs, target: None })
}

/// Time and bytes by what was said.
#[derive(Default)]
struct Spent {
    stages: BTreeMap<&'static str, (Duration, Duration, u64)>,
}

impl Spent {
    fn at(&mut self, kind: &'static str) -> &mut (Duration, Duration, u64) {
        self.stages.entry(kind).or_default()
    }
}

/// Drives one end: says what there is to say, then takes the next message.
fn drive(mut end: Trainer, to: SyncSender<Message>, from: Receiver<Message>) -> (Trained, Spent) {
    let mut spent = Spent::default();
    loop {
        let begun = Instant::now();
        match end.produce().expect("produces") {
            Produced::Message { state, message } => {
                let stage = spent.at(message.kind());
                stage.0 += begun.elapsed();
                stage.2 += message.encode().len() as u64;
                // The last word may come after the other end has all it wants.
                to.send(message).ok();
                end = state;
                continue;
            }
            Produced::Idle(state) => end = state,
        }
        let message = from.recv().expect("the other end speaks");
        let (kind, begun) = (message.kind(), Instant::now());
        let step = end.handle(message).expect("handles");
        spent.at(kind).1 += begun.elapsed();
        match step {
            Step::Wait { state, send } => {
                send.into_iter().for_each(|message| to.send(message).unwrap_or_default());
                end = state;
            }
            Step::Done { output, send } => {
                for message in send {
                    spent.at(message.kind()).2 += message.encode().len() as u64;
                    to.send(message).ok();
                }
                return (output, spent);
            }
        }
    }
}

fn measure(linkage: Linkage, rows: u32, columns: u32, rounds: u16) {
    let (label, features) = inputs(rows, columns);
    let begun = Instant::now();
    let start = |party: Party, input: &Input| {
        let secret = Secret::new([party as u8; 32]);
        let seed = Secret::new([10 + party as u8; 32]);
        let params = params(linkage, rows, columns, rounds);
        Trainer::start(params, party, input, Vec::new(), &secret, seed, Box::new(|_| Ok(()))).expect("starts")
    };
    let (to_features, from_label) = sync_channel(1 << 12);
    let (to_label, from_features) = sync_channel(1 << 12);
    let [label, features] = std::thread::scope(|scope| {
        let (start, label, features) = (&start, &label, &features);
        let label = scope.spawn(move || drive(start(Party::Label, label), to_features, from_features));
        let features = scope.spawn(move || drive(start(Party::Features, features), to_label, from_label));
        [label.join().expect("ends"), features.join().expect("ends")]
    });
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "\n{linkage:?}, {rows} rows, {columns} + {columns} columns, {rounds} rounds: {seconds:.1} s, both ends"
    );
    println!(
        "{:<12}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "says s", "hears s", "MB", "says s", "hears s", "MB"
    );
    let mut total = [0u64; 2];
    for stage in [
        "Announce",
        "Setup",
        "Weights",
        "Scores",
        "Link",
        "Residuals",
        "Gradients",
        "Checked",
        "Finished",
        "Open",
        "Told",
    ] {
        print!("{stage:<12}");
        for (total, (_, spent)) in total.iter_mut().zip([&label, &features]) {
            let (says, hears, bytes) = spent.stages.get(stage).copied().unwrap_or_default();
            *total += bytes;
            print!("{:>10.2}{:>10.2}{:>10.2}", says.as_secs_f64(), hears.as_secs_f64(), bytes as f64 / 1e6);
        }
        println!();
    }
    println!("{:<12}{:>30.1}{:>30.1}", "all", total[0] as f64 / 1e6, total[1] as f64 / 1e6);
}
