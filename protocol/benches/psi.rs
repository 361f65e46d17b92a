//! What a run costs: first one plain measurement of a whole pair in memory, step by step, then divan's
//! statistics over smaller ones.
//!
//!     cargo bench -p tacit-protocol --features testing --bench psi
//!
//! `TACIT_BENCH_ITEMS=1048576` sets the items of the plain measurement (2¹⁶ otherwise). Nothing but its own
//! queue of two chunks is between the ends, so the memory it prints is that of both.

mod measured;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use measured::{Meter, number};
use rand::{Rng, SeedableRng};
use tacit_protocol::{
    ids::{ContractId, SessionId},
    psi::{Message, Params, Receiver, Sender},
    secret::Secret,
    session::{Produced, Session, Step},
    wire::{Limits, Wire},
};

fn main() {
    measure(number("TACIT_BENCH_ITEMS", 1 << 16));
    divan::main();
}

#[divan::bench(args = [1 << 8, 1 << 10, 1 << 12], sample_count = 5)]
fn whole_pair(bencher: divan::Bencher, items: u32) {
    let both = || (set(items, 0), set(items, items / 2));
    bencher.with_inputs(both).bench_values(|(receiver, sender)| Run::new(receiver, sender).go());
}

#[divan::bench]
fn encode_and_decode_a_chunk(bencher: divan::Bencher) {
    let points = tacit_protocol::wire::codec::Points(set(16_384, 0));
    let message = Message::Blinded { index: 0, points };
    let limits = params().limits();
    bencher.bench(|| Message::decode(&divan::black_box(&message).encode(), &limits));
}

fn params() -> Params {
    Params::new(SessionId::new([1; 32]), ContractId::new([2; 32]), u32::MAX, u32::MAX)
}

/// `items` items that look like hashes, the first of which has the number `first`.
fn set(items: u32, first: u32) -> Vec<[u8; 32]> {
    (first..first + items)
        .map(|number| {
            let mut item = [0; 32];
            rand::rngs::StdRng::seed_from_u64(number.into()).fill_bytes(&mut item);
            item
        })
        .collect()
}

/// Where the time of a run went, both ends together.
#[derive(Default)]
struct Spent {
    blind: Duration,
    tags: Duration,
    evaluate: Duration,
    unblind: Duration,
    take_tags: Duration,
    compare: Duration,
    codec: Duration,
    bytes: usize,
}

struct Run {
    receiver: Option<Receiver>,
    sender: Option<Sender>,
    to_receiver: VecDeque<Vec<u8>>,
    to_sender: VecDeque<Vec<u8>>,
    limits: Limits,
    spent: Spent,
}

impl Run {
    fn new(receiver: Vec<[u8; 32]>, sender: Vec<[u8; 32]>) -> Self {
        let params = params();
        Self {
            limits: params.limits(),
            receiver: Receiver::start(params.clone(), receiver, 0, Secret::new([3; 32])).ok(),
            sender: Sender::start(params, sender, 0, Secret::new([4; 32])).ok(),
            to_receiver: VecDeque::new(),
            to_sender: VecDeque::new(),
            spent: Spent::default(),
        }
    }

    fn decode(&mut self, bytes: &[u8]) -> Message {
        let start = Instant::now();
        let message = Message::decode(bytes, &self.limits).expect("own message");
        self.spent.codec += start.elapsed();
        message
    }

    fn encode(&mut self, messages: Vec<Message>) -> Vec<Vec<u8>> {
        let start = Instant::now();
        let encoded: Vec<_> = messages.iter().map(Wire::encode).collect();
        self.spent.codec += start.elapsed();
        self.spent.bytes += encoded.iter().map(Vec::len).sum::<usize>();
        encoded
    }

    /// One thing after another, with room for two messages a direction. The number of matches.
    fn go(mut self) -> (usize, Spent) {
        let mut matches = 0;
        while self.receiver.is_some() || self.sender.is_some() {
            if self.to_sender.len() < 2
                && let Some(receiver) = self.receiver.take()
            {
                let start = Instant::now();
                self.receiver = Some(match receiver.produce().expect("an honest peer") {
                    Produced::Idle(state) => state,
                    Produced::Message { state, message } => {
                        self.spent.blind += start.elapsed();
                        let encoded = self.encode(vec![message]);
                        self.to_sender.extend(encoded);
                        state
                    }
                });
            }
            if self.to_receiver.len() < 2
                && let Some(sender) = self.sender.take()
            {
                let start = Instant::now();
                self.sender = Some(match sender.produce().expect("an honest peer") {
                    Produced::Idle(state) => state,
                    Produced::Message { state, message } => {
                        self.spent.tags += start.elapsed();
                        let encoded = self.encode(vec![message]);
                        self.to_receiver.extend(encoded);
                        state
                    }
                });
            }
            if let Some(bytes) = self.to_sender.pop_front() {
                let message = self.decode(&bytes);
                let start = Instant::now();
                let sender = self.sender.take().expect("still runs");
                match sender.handle(message).expect("an honest peer") {
                    Step::Wait { state, send } => {
                        self.spent.evaluate += start.elapsed();
                        let encoded = self.encode(send);
                        self.to_receiver.extend(encoded);
                        self.sender = Some(state);
                    }
                    Step::Done { send, .. } => {
                        let encoded = self.encode(send);
                        self.to_receiver.extend(encoded);
                    }
                }
            }
            while let Some(bytes) = self.to_receiver.pop_front() {
                let message = self.decode(&bytes);
                let kind = message.kind();
                let start = Instant::now();
                let receiver = self.receiver.take().expect("still runs");
                let step = receiver.handle(message).expect("an honest peer");
                match kind {
                    "Evaluated" => self.spent.unblind += start.elapsed(),
                    "Finished" => self.spent.compare += start.elapsed(),
                    _ => self.spent.take_tags += start.elapsed(),
                }
                match step {
                    Step::Wait { state, send } => {
                        let encoded = self.encode(send);
                        self.to_sender.extend(encoded);
                        self.receiver = Some(state);
                    }
                    Step::Done { output, send } => {
                        let encoded = self.encode(send);
                        self.to_sender.extend(encoded);
                        matches = output.matched.iter().filter(|matched| **matched).count();
                    }
                }
            }
        }
        (matches, self.spent)
    }
}

fn measure(items: u32) {
    let (receiver, sender) = (set(items, 0), set(items, items / 2));
    let meter = Meter::start();
    let run = Run::new(receiver, sender);
    let set_up = meter.elapsed();
    let (matches, spent) = run.go();
    let total = meter.elapsed();
    assert_eq!(matches as u32, items - items / 2, "the sets share the receiver's second half");

    let cores = rayon::current_num_threads();
    println!("{items} × {items} items, both ends in one process on {cores} cores, {matches} matches");
    for (what, time) in [
        ("set up, both ends", set_up),
        ("receiver: blind", spent.blind),
        ("sender: evaluate", spent.evaluate),
        ("sender: tags", spent.tags),
        ("receiver: unblind and tag", spent.unblind),
        ("receiver: take and sort tags", spent.take_tags),
        ("receiver: compare", spent.compare),
        ("encode and decode", spent.codec),
        ("all", total),
    ] {
        let each = time.as_secs_f64() * 1e6 / f64::from(items);
        println!("  {what:<30}{:>10.3} s {each:>9.3} µs an item", time.as_secs_f64());
    }
    if let Some(seconds) = meter.cpu_seconds() {
        let each = seconds * 1e6 / f64::from(items);
        println!("  {:<30}{seconds:>10.3} s {each:>9.3} µs an item", "processor time");
    }
    println!("  on the wire{:>41.2} bytes an item", spent.bytes as f64 / f64::from(items));
    meter.print_memory();
}
