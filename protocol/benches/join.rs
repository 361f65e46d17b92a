//! What a join costs: first one plain measurement of whole runs in memory, both ends in a thread of their own, stage
//! by stage; then the permutation between two tables; then divan's statistics over small runs.
//!
//!     cargo bench -p tacit-protocol --features testing --bench join
//!
//! `TACIT_BENCH_ROWS=1048576` sets the rows of the plain measurement (2¹⁶ otherwise), `TACIT_BENCH_KEYS` its kinds of
//! match key (1). Between the ends is nothing but a queue of 16 messages a direction, so the memory it prints is
//! that of both.

mod measured;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Condvar, Mutex},
    time::{Duration, Instant},
};

use measured::{Meter, number};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use tacit_protocol::{
    ids::{ContractId, SessionId},
    join::{
        self, Agreed, Figure, Holder, Joined, Learns, Message, Params, Rows, Seeker, Shape,
        permute::{HolderRoute, Plan, SeekerRoute},
    },
    ot::{ChooserSetup, KeeperSetup, PadChooser, PadSender},
    secret::Secret,
    session::{Produced, Session, Step},
    wire::{Limits, Wire},
};

fn main() {
    let rows = number("TACIT_BENCH_ROWS", 1 << 16);
    measure(rows, number("TACIT_BENCH_KEYS", 1));
    // Of more rows the network of one step would be larger than the run.
    let course = join::Plan::new(&params(rows, 1), rows, rows).expect("fits");
    if rows <= 1 << 20 {
        permutation(course.bins() as usize);
    }
    divan::main();
}

#[divan::bench(args = [1 << 8, 1 << 10, 1 << 12], sample_count = 5)]
fn whole_pair(bencher: divan::Bencher, rows: u32) {
    bencher
        .with_inputs(|| sides(rows, 1))
        .bench_values(|(seeker, holder)| run(&params(rows, 1), seeker, holder));
}

#[divan::bench(args = [1 << 16, 1 << 18, 1 << 20], sample_count = 5)]
fn set_the_switches(bencher: divan::Bencher, places: usize) {
    let plan = Plan::new(places, places).expect("few enough");
    let sources = shuffled(places);
    bencher.bench(|| SeekerRoute::new(plan, 0, &sources));
}

/// COUNT and one SUM of the holder's, in 8 cells.
fn shape() -> Shape {
    Shape::new((1, 8), vec![], vec![1_000_000], vec![]).expect("a shape within its limits")
}

fn params(rows: u32, keys: u32) -> Params {
    let agreed = Agreed {
        session: SessionId::new([1; 32]),
        contract: ContractId::new([2; 32]),
        question: [3; 32],
        shape: shape(),
        learns: Learns::Seeker,
        keys,
        noise: vec![1000, 1_000_000_000],
        max_seeker: rows,
        max_holder: rows,
    };
    Params::new(agreed).expect("fits")
}

/// Both tables. The upper half of the seeker's keys are the lower half of the holder's, in each column.
fn sides(rows: u32, keys: u32) -> (Rows, Rows) {
    let mut rng = StdRng::seed_from_u64(1);
    let mut side = |first: u32, cells: u8, terms: usize| {
        let digest = |column: u32, row: u32| {
            let mut digest = [0; 32];
            StdRng::seed_from_u64(u64::from(column) << 32 | u64::from(row)).fill_bytes(&mut digest);
            Some(digest)
        };
        Rows {
            keys: (0..keys)
                .map(|column| (first..first + rows).map(|row| digest(column, row)).collect())
                .collect(),
            cells: (0..rows).map(|_| rng.random_range(0..cells)).collect(),
            terms: (0..terms)
                .map(|_| (0..rows).map(|_| rng.random_range(-1_000_000..=1_000_000)).collect())
                .collect(),
        }
    };
    (side(0, 1, 0), side(rows / 2, 8, 1))
}

fn shuffled(places: usize) -> Vec<u32> {
    let mut sources: Vec<u32> = (0..places as u32).collect();
    sources.shuffle(&mut StdRng::seed_from_u64(7));
    sources
}

/// Messages on their way: to the seeker and to the holder.
#[derive(Default)]
struct Wires {
    queues: Mutex<[VecDeque<Vec<u8>>; 2]>,
    moved: Condvar,
}

/// What an end did with the messages of one kind.
#[derive(Default, Clone, Copy)]
struct Spent {
    messages: usize,
    bytes: usize,
    made: Duration,
    taken: Duration,
}

type Stages = BTreeMap<(u32, &'static str), Spent>;

/// A number to sort by, and a name.
fn stage(message: &Message) -> (u32, &'static str) {
    match message {
        Message::Announce { .. } => (0, "Announce"),
        Message::Setup { .. } => (1, "Setup"),
        Message::Slab { stage, .. } => (10 + *stage as u32, stage.name()),
        Message::Finished { .. } => (1000, "Finished"),
        Message::Open { .. } => (1001, "Open"),
    }
}

/// One end's thread.
struct End<'a> {
    wires: &'a Wires,
    /// The queue that it reads; the other is the one that it fills.
    own: usize,
    limits: Limits,
    stages: Stages,
    codec: Duration,
}

impl End<'_> {
    /// Runs a session to its end.
    fn drive<S: Session<Message = Message, Output = Joined>>(&mut self, mut session: S) -> Joined {
        let mut idle = false;
        loop {
            let Some(bytes) = self.next(idle) else {
                let start = Instant::now();
                session = match session.produce().expect("an honest peer") {
                    Produced::Idle(state) => {
                        idle = true;
                        state
                    }
                    Produced::Message { state, message } => {
                        self.stages.entry(stage(&message)).or_default().made += start.elapsed();
                        self.say(&message);
                        state
                    }
                };
                continue;
            };
            idle = false;
            let start = Instant::now();
            let message = Message::decode(&bytes, &self.limits).expect("an honest peer's");
            self.codec += start.elapsed();
            let (kind, start) = (stage(&message), Instant::now());
            let step = session.handle(message).expect("an honest peer");
            self.stages.entry(kind).or_default().taken += start.elapsed();
            match step {
                Step::Wait { state, send } => {
                    send.iter().for_each(|message| self.say(message));
                    session = state;
                }
                Step::Done { output, send } => {
                    send.iter().for_each(|message| self.say(message));
                    return output;
                }
            }
        }
    }

    /// The next message, or nothing if there is room to send one and perhaps one to send.
    fn next(&self, idle: bool) -> Option<Vec<u8>> {
        let mut queues = self.wires.queues.lock().expect("no end panics");
        loop {
            if !idle && queues[1 - self.own].len() < 16 {
                return None;
            }
            if let Some(bytes) = queues[self.own].pop_front() {
                self.wires.moved.notify_all();
                return Some(bytes);
            }
            queues = self.wires.moved.wait(queues).expect("no end panics");
        }
    }

    fn say(&mut self, message: &Message) {
        let start = Instant::now();
        let bytes = message.encode();
        self.codec += start.elapsed();
        let spent = self.stages.entry(stage(message)).or_default();
        spent.messages += 1;
        spent.bytes += bytes.len();
        self.wires.queues.lock().expect("no end panics")[1 - self.own].push_back(bytes);
        self.wires.moved.notify_all();
    }
}

/// What came of a run, at both ends.
struct Ran {
    joined: [Joined; 2],
    stages: [Stages; 2],
    codec: Duration,
}

fn run(params: &Params, seeker: Rows, holder: Rows) -> Ran {
    let wires = Wires::default();
    let end = |own| End {
        wires: &wires,
        own,
        limits: params.limits(),
        stages: Stages::new(),
        codec: Duration::ZERO,
    };
    let (sizes, noise) = ((seeker.len() as u32, holder.len() as u32), vec![0; params.shape().figures()]);
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let session = Holder::start(params.clone(), holder, sizes.1, Some(noise), Secret::new([4; 32]));
            let mut end = end(1);
            (end.drive(session.expect("rows that fit")), end)
        });
        let session = Seeker::start(params.clone(), seeker, sizes.0, None, Secret::new([3; 32]));
        let mut one = end(0);
        let ours = one.drive(session.expect("rows that fit"));
        let (theirs, other) = holder.join().expect("no end panics");
        Ran { joined: [ours, theirs], codec: one.codec + other.codec, stages: [one.stages, other.stages] }
    })
}

fn measure(rows: u32, keys: u32) {
    let (seeker, holder) = sides(rows, keys);
    let params = params(rows, keys);
    let meter = Meter::start();
    let ran = run(&params, seeker, holder);
    let total = meter.elapsed();
    let figures = ran.joined[0].figures.as_ref().expect("the seeker learns");
    let count: i64 = (0..8).filter_map(|cell| figures.at(0, cell, Figure::Count)).sum();
    assert_eq!(count, i64::from(rows - rows / 2), "the tables share the seeker's second half");

    let cores = rayon::current_num_threads();
    println!(
        "{rows} × {rows} rows, {keys} kinds of key, 8 cells, COUNT and SUM, {cores} cores, a thread an end"
    );
    println!(
        "  {:<16}{:>8}{:>12}{:>12}{:>12}{:>12}",
        "", "messages", "bytes", "a row", "made, s", "taken, s"
    );
    let kinds: BTreeSet<_> = ran.stages.iter().flat_map(|stages| stages.keys().copied()).collect();
    let mut bytes = 0;
    for kind in kinds {
        let of = |end: usize| ran.stages[end].get(&kind).copied().unwrap_or_default();
        let (one, other) = (of(0), of(1));
        let both = one.bytes + other.bytes;
        bytes += both;
        println!(
            "  {:<16}{:>8}{both:>12}{:>12.2}{:>12.3}{:>12.3}",
            kind.1,
            one.messages + other.messages,
            both as f64 / f64::from(rows),
            (one.made + other.made).as_secs_f64(),
            (one.taken + other.taken).as_secs_f64(),
        );
    }
    println!("  {:<30}{:>10.3} s", "encode and decode", ran.codec.as_secs_f64());
    println!("  {:<30}{:>10.3} s", "all", total.as_secs_f64());
    if let Some(seconds) = meter.cpu_seconds() {
        println!("  {:<30}{seconds:>10.3} s", "processor time");
    }
    println!(
        "  {:<30}{:>10.1} MB, {:.1} bytes a row",
        "on the wire",
        bytes as f64 / 1e6,
        bytes as f64 / f64::from(rows)
    );
    meter.print_memory();
}

/// One step from a table to the next, both ends one after another on one core.
fn permutation(places: usize) {
    let (setup, first) = KeeperSetup::<1>::start(b"bench", &Secret::new([1; 32]));
    let (chooser, second) =
        ChooserSetup::<1>::respond(b"bench", &Secret::new([2; 32]), &first).expect("honest");
    let (chooser, sender) =
        (PadChooser::new(chooser), PadSender::new(setup.finish(&second).expect("honest")));
    let plan = Plan::new(places, places).expect("few enough");
    let sources = shuffled(places);
    let shares = vec![1; places];

    let start = Instant::now();
    let mut seeker = SeekerRoute::new(plan, 0, &sources).expect("a permutation");
    let set = start.elapsed();
    let mut holder = HolderRoute::new(plan, 0, &shares).expect("a share a place");
    let (mut asked, mut answered, mut opened) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut bytes = [0, 0];
    loop {
        let start = Instant::now();
        let Some((batch, message)) = seeker.message(&chooser) else { break };
        asked += start.elapsed();
        let start = Instant::now();
        let answer = holder.answer(&sender, batch, &message).expect("honest");
        answered += start.elapsed();
        let start = Instant::now();
        seeker.open(batch, &answer).expect("honest");
        opened += start.elapsed();
        bytes = [bytes[0] + message.len(), bytes[1] + answer.len()];
    }
    let (ours, theirs) = (seeker.shares(&vec![0; places]).expect("all"), holder.shares().expect("all"));
    assert!(ours.iter().zip(&theirs).all(|(one, other)| one ^ other == 1), "every bit was 1");
    println!("{places} shared bits to another table, {} switches", plan.switches());
    for (what, time) in [
        ("seeker: set the switches", set),
        ("seeker: ask", asked),
        ("holder: answer", answered),
        ("seeker: open", opened),
    ] {
        let each = time.as_secs_f64() * 1e9 / plan.switches() as f64;
        println!("  {what:<30}{:>10.3} s {each:>9.1} ns a switch", time.as_secs_f64());
    }
    println!("  on the wire: {:.1} MB there, {:.1} MB back\n", bytes[0] as f64 / 1e6, bytes[1] as f64 / 1e6);
}
