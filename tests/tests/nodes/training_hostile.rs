//! Coordinators, trainers and rows that are hostile, against real nodes that train: rows B08, B09 and B10, and the bound on
//! how often a run is taken up.

use std::{collections::BTreeMap, fmt::Write as _, fs, sync::Arc};

use ring::digest::{SHA256, digest};
use serde_json::Value;
use tacit_node::{
    exchange::{Aside, Question, SeatSaid, Star},
    query::{Job, NoColumns, parse},
};
use tacit_protocol::{
    ids::{ContractId, PartnerId, SessionId},
    learn::{
        horizontal::{JobKey, Message, Seat},
        run_of_job,
    },
    secret::Secret,
    wire::{
        Envelope, Limits, Outbox, Role, Wire,
        codec::{Bulk, List},
    },
};
use tacit_tests::{
    Node, World, finish,
    pair::{Pair, replaced},
    rogue::{Heard, Rogue, Talk, fresh_query, honest},
};

use crate::{
    TACIT, training,
    training_star::{self, NAMES, ROWS, agreed, card, rows},
};

const PRIVACY: &str = "epsilon = 2.0\ndelta = 1e-6";
const LIMITS: Limits = Limits::new(1 << 22);

/// A spoke of a star in the test's hands.
struct Spoke {
    talk: Talk,
    outbox: Outbox,
}

impl Spoke {
    fn on(talk: Talk, role: Role) -> Self {
        let text = [b"tacit part of a training 1\n".as_slice(), talk.session.as_bytes(), b"star"].concat();
        let part = digest(&SHA256, &text).as_ref().try_into().expect("32 bytes");
        Self { talk, outbox: Outbox::new(SessionId::new(part), role) }
    }

    async fn say(&mut self, star: &Star) {
        let envelope = self.outbox.seal(star);
        self.talk.envelope(envelope).await;
    }

    /// The next word, if there is one.
    async fn hear(&mut self) -> Option<Star> {
        match self.talk.hear().await {
            Heard::Protocol(envelope) => {
                let envelope = Envelope::decode(&envelope, &LIMITS).expect("an envelope");
                Some(Star::decode(envelope.body, &LIMITS).expect("a word of the star"))
            }
            Heard::Aside(_) | Heard::End | Heard::Broken(_) => None,
        }
    }

    async fn seat(&mut self) -> SeatSaid {
        match self.hear().await {
            Some(Star::Seat { seat, next: 0, .. }) => seat,
            other => panic!("instead of a seat: {other:?}"),
        }
    }

    /// A trainer's masked sums in answer to a round.
    async fn masked(&mut self) -> Message {
        match self.hear().await {
            Some(Star::Said(bytes)) => Message::decode(&bytes.0, &LIMITS).expect("a message"),
            other => panic!("instead of masked sums: {other:?}"),
        }
    }
}

/// Three who have agreed, of whom the first, who coordinates, is in the test's hands.
struct Arena {
    rogue: Rogue,
    contract: ContractId,
    job: Job,
    nodes: Vec<Node>,
    world: World,
}

impl Arena {
    fn new() -> Self {
        let names = &NAMES[..3];
        let (world, mut nodes) = agreed(names, "");
        let contract = world.tacit("south", &["contract", "show", "churn", "-o", "json"]).ok().json();
        let contract = contract["id"].as_str().unwrap().parse().unwrap();
        nodes.remove(0).kill();
        let rogue = Rogue::in_home(&world.path("north"));
        let (job, _) = Job::of_toml(&training_star::job(names, PRIVACY)).unwrap();
        Self { rogue, contract, job, nodes, world }
    }

    fn question(&self) -> Question {
        let mut question = honest(self.contract, &self.job.text(), "testing", "raw/1");
        question.run = Some(fresh_query());
        question.content = Some("0".repeat(64));
        question
    }

    /// Our seat, as signed as an honest one.
    fn own_seat(&self, question: &Question) -> SeatSaid {
        let job = parse(&self.job.text(), &NoColumns).expect("a job").hash();
        let key = JobKey::new(Secret::new([7; 32])).public();
        let partner = self.rogue.identity.id();
        let binding = run_of_job(&job, &question.run.expect("a run"));
        let claim = Seat::claim(&binding, &self.contract, &partner, &key);
        SeatSaid::from(&Seat { partner, key, signature: self.rogue.identity.sign(&claim) })
    }

    /// Both trainers' spokes and all seats, in order.
    async fn seated(&self, question: &Question) -> (BTreeMap<&'static str, Spoke>, Vec<SeatSaid>) {
        let (mut spokes, mut seats) = (BTreeMap::new(), vec![self.own_seat(question)]);
        for name in ["south", "east"] {
            let mut talk = self.rogue.ask(name, question).await;
            assert_eq!(talk.granted().await, Ok(()), "{name}");
            let mut spoke = Spoke::on(talk, Role::Initiator);
            seats.push(spoke.seat().await);
            spokes.insert(name, spoke);
        }
        seats.sort_unstable_by_key(|seat| seat.partner);
        (spokes, seats)
    }

    /// As [`seated`](Self::seated), after the first round has begun; what each trainer said in it.
    async fn begun(
        &self,
        question: &Question,
    ) -> (BTreeMap<&'static str, Spoke>, Vec<SeatSaid>, BTreeMap<&'static str, Message>) {
        let (mut spokes, seats) = self.seated(question).await;
        let mut said = BTreeMap::new();
        for (name, spoke) in &mut spokes {
            spoke.say(&Star::Roster { seats: seats.clone() }).await;
            spoke.say(&Star::Round { number: 0, attempt: 0 }).await;
            said.insert(*name, spoke.masked().await);
        }
        (spokes, seats, said)
    }

    /// Insists that a trainer has broken off with this code, and opened nothing.
    #[track_caller]
    fn check(&self, name: &str, codes: &[&str]) {
        let mut last = Vec::new();
        self.world.until(&format!("the record of {codes:?}"), || {
            last = self.world.record_lines(name);
            codes.iter().any(|code| last.contains(&format!("abort {code}")))
        });
        assert!(!last.iter().any(|line| line.starts_with("answer")), "{last:?}");
        assert_ne!(self.world.tacit(name, &["model", "show", "churn"]).status, 0, "there is no model");
    }
}

/// The numbers of the seats as bits.
fn bits(seats: &[SeatSaid], of: &[PartnerId]) -> u16 {
    let numbers = (0..).zip(seats).filter(|(_, seat)| of.contains(&seat.partner));
    numbers.fold(0, |bits, (number, _)| bits | 1 << number)
}

/// What a coordinator does to the seats before it passes them on.
type Changed<'a> = &'a dyn Fn(&mut Vec<SeatSaid>);

#[tokio::test(flavor = "multi_thread")]
async fn b10_a_coordinator_that_leaves_a_trainer_out_of_the_roster_has_no_round() {
    let arena = Arena::new();
    let east = arena.rogue.partner("east");
    let changes: [(&str, Changed<'_>); 4] = [
        ("E-LEARN-ROSTER", &|seats| seats.retain(|seat| seat.partner != east)),
        ("E-LEARN-ROSTER", &|seats| {
            // Two seats of one node: its own sums and nothing.
            let twice = seats.iter().find(|seat| seat.partner != east).expect("other seats").clone();
            seats.iter_mut().filter(|seat| seat.partner == east).for_each(|seat| *seat = twice.clone());
        }),
        ("E-LEARN-SEAT-UNSIGNED", &|seats| {
            // East's place, under a key of the coordinator's.
            let key = JobKey::new(Secret::new([9; 32])).public();
            seats.iter_mut().filter(|seat| seat.partner == east).for_each(|seat| seat.key = key);
        }),
        ("E-LEARN-ROSTER", &Vec::clear),
    ];
    for (code, change) in changes {
        let question = arena.question();
        let (mut spokes, mut seats) = arena.seated(&question).await;
        change(&mut seats);
        let south = spokes.get_mut("south").unwrap();
        south.say(&Star::Roster { seats }).await;
        assert_eq!(south.hear().await, None, "no round after {code}");
        arena.check("south", &[code]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b10_a_coordinator_that_isolates_a_trainer_by_drop_outs_opens_nothing() {
    let arena = Arena::new();
    let (own, south) = (arena.rogue.identity.id(), arena.rogue.partner("south"));
    let east = arena.rogue.partner("east");
    // Said to the south: that the east is gone; that it is gone itself; and, to the two, one set each.
    let sets: [(&[PartnerId], &[&str]); 3] = [
        (&[own, south], &["E-LEARN-COHORT"]),
        (&[own, east], &["E-LEARN-NOT-A-SURVIVOR", "E-LEARN-COHORT"]),
        (&[south], &["E-LEARN-COHORT"]),
    ];
    for (set, codes) in sets {
        let question = arena.question();
        let (mut spokes, seats, said) = arena.begun(&question).await;
        let Message::Masked { context, boxes, .. } = &said["east"] else { panic!("masked sums were due") };
        let sealed = boxes.as_slice().first().cloned().expect("a box");
        let others = set.iter().filter(|partner| **partner != south).count();
        let boxes = List::new(vec![sealed; others]);
        let message = Message::Survivors { context: *context, survivors: bits(&seats, set), boxes };
        let spoke = spokes.get_mut("south").unwrap();
        spoke.say(&Star::said(&message)).await;
        assert_eq!(spoke.hear().await, None, "it agrees to nothing");
        arena.check("south", codes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b10_a_coordinator_that_shows_two_trainers_two_rosters_brings_no_box_from_one_to_the_other() {
    let arena = Arena::new();
    let question = arena.question();
    let (mut spokes, seats) = arena.seated(&question).await;
    let own = arena.rogue.identity.id();
    let mut contexts = Vec::new();
    for (name, secret) in [("south", 7), ("east", 8)] {
        // To each with another key in our own seat, rightly signed.
        let key = JobKey::new(Secret::new([secret; 32])).public();
        let job = parse(&arena.job.text(), &NoColumns).expect("a job").hash();
        let binding = run_of_job(&job, &question.run.expect("a run"));
        let claim = Seat::claim(&binding, &arena.contract, &own, &key);
        let ours = SeatSaid::from(&Seat { partner: own, key, signature: arena.rogue.identity.sign(&claim) });
        let mut shown = seats.clone();
        shown.iter_mut().filter(|seat| seat.partner == own).for_each(|seat| *seat = ours.clone());
        let spoke = spokes.get_mut(name).unwrap();
        spoke.say(&Star::Roster { seats: shown }).await;
        spoke.say(&Star::Round { number: 0, attempt: 0 }).await;
        let Message::Masked { context, boxes, .. } = spoke.masked().await else {
            panic!("masked sums were due")
        };
        contexts.push((context, boxes));
    }
    assert_ne!(contexts[0].0, contexts[1].0, "what one signs for, the other does not know");
    let everybody = bits(&seats, &seats.iter().map(|seat| seat.partner).collect::<Vec<_>>());
    let boxes = List::new(contexts[1].1.as_slice()[..2].to_vec());
    let message = Message::Survivors { context: contexts[0].0, survivors: everybody, boxes };
    let south = spokes.get_mut("south").unwrap();
    south.say(&Star::said(&message)).await;
    assert_eq!(south.hear().await, None, "it agrees to nothing");
    arena.check("south", &["E-LEARN-BOX"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn b10_a_coordinator_that_replays_a_round_or_a_run_is_not_answered_twice() {
    let arena = Arena::new();
    // The same attempt once more, in one session.
    let question = arena.question();
    let (mut spokes, _, _) = arena.begun(&question).await;
    let south = spokes.get_mut("south").unwrap();
    south.say(&Star::Round { number: 0, attempt: 0 }).await;
    assert_eq!(south.hear().await, None);
    arena.check("south", &["E-LEARN-MESSAGE-SHAPE"]);
    drop(spokes);
    // The same run as if it were a new one, paid for anew: other noise or other masks over the same rows.
    let again = Question { query: fresh_query(), ..question };
    let mut talk = arena.rogue.ask("south", &again).await;
    assert!(talk.granted().await.is_err());
    arena.check("south", &["E-TRAIN-OUT-OF-STEP"]);
    // A round that is not due.
    let (mut spokes, seats) = arena.seated(&arena.question()).await;
    let south = spokes.get_mut("south").unwrap();
    south.say(&Star::Roster { seats }).await;
    south.say(&Star::Round { number: 5, attempt: 0 }).await;
    assert_eq!(south.hear().await, None);
    arena.check("south", &["E-TRAIN-OUT-OF-STEP"]);
    assert_eq!(arena.nodes.len(), 2, "and both go on serving");
    for name in ["south", "east"] {
        arena.world.tacit(name, &["audit", "verify"]).ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn b09_a_trainer_whose_sums_are_none_is_left_out_and_the_others_have_their_model() {
    let (world, mut nodes) = agreed(&NAMES, "");
    let contract = world.tacit("west", &["contract", "show", "churn", "-o", "json"]).ok().json();
    let contract: ContractId = contract["id"].as_str().unwrap().parse().unwrap();
    nodes.pop().unwrap().kill();
    let rogue = Rogue::in_home(&world.path("west"));
    let file = world.write("job.toml", training_star::job(&NAMES, PRIVACY));
    let world = Arc::new(world);
    let asking = Arc::clone(&world);
    let training = tokio::task::spawn_blocking(move || {
        // A connection to the node that was there before the rogue may be lost at first.
        let train = || asking.tacit("north", &["train", &file]);
        let mut ran = train();
        for _ in 0..8 {
            if !ran.err.contains("E-LINK-") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_secs(1));
            ran = train();
        }
        ran.ok()
    });
    let (question, mut talk) = rogue.asked().await;
    talk.aside(&Aside::Preparing).await;
    talk.aside(&Aside::Ready).await;
    let mut spoke = Spoke::on(talk, Role::Responder);
    let job = parse(&question.sql, &NoColumns).expect("a job").hash();
    let (partner, key) = (rogue.identity.id(), JobKey::new(Secret::new([7; 32])).public());
    let claim = Seat::claim(&run_of_job(&job, &question.run.unwrap()), &contract, &partner, &key);
    let seat = SeatSaid::from(&Seat { partner, key, signature: rogue.identity.sign(&claim) });
    spoke.say(&Star::Seat { seat, next: 0, attempts: 0 }).await;
    assert!(matches!(spoke.hear().await, Some(Star::Roster { .. })));
    assert!(matches!(spoke.hear().await, Some(Star::Round { number: 0, .. })));
    spoke.say(&Star::Said(Bulk(vec![0xff; 5_000]))).await;
    training.await.unwrap();
    let cards: Vec<Value> = NAMES[..3].iter().map(|name| card(&world, name)).collect();
    assert!(cards.iter().all(|card| card["coefficients"] == cards[0]["coefficients"]));
    for name in &NAMES[..3] {
        world.tacit(name, &["audit", "verify"]).ok();
    }
}

/// As [`rows`], with every tenth customer's cells exchanged for these.
fn poisoned(start: u64, age: &str, visits: &str) -> String {
    let text = rows(start);
    let mut lines = text.lines();
    let mut out = format!("{}\n", lines.next().unwrap());
    for (number, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        if number % 10 == 0 {
            writeln!(out, "{},{age},{visits},{}", cells[0], cells[3]).unwrap();
        } else {
            writeln!(out, "{line}").unwrap();
        }
    }
    out
}

#[test]
fn b08_rows_beyond_all_bounds_move_the_model_as_far_as_rows_at_the_bounds_and_no_further() {
    let names = &NAMES[..3];
    let job = training_star::job(names, "mechanism = \"none\"");
    let job = replaced(&job, "rounds = 80", "rounds = 6");
    let trained = |age: &str, visits: &str| {
        let world = World::new(TACIT);
        names.iter().for_each(|name| world.init(name));
        let data = |place: u64| match place {
            2 => poisoned(place * ROWS, age, visits),
            _ => rows(place * ROWS),
        };
        let _nodes = training_star::joined(&world, names, ", without_noise = true", &data);
        let file = world.write("job.toml", &job);
        world.tacit("north", &["train", &file]).ok();
        card(&world, "south")["coefficients"].clone()
    };
    // Sums without noise are exact: a clamped row is the same row.
    let bounded = trained("90", "0");
    assert_eq!(trained("1e300", "-1e300"), bounded);
    assert_eq!(trained("123456789", "-0.5"), bounded);
    assert_ne!(trained("18", "20"), bounded, "it does move it that far");
}

#[test]
fn b08_what_is_no_number_is_refused_or_counts_as_missing_and_reaches_no_sum() {
    let names = &NAMES[..3];
    let world = World::new(TACIT);
    names.iter().for_each(|name| world.init(name));
    let data = |place: u64| match place {
        2 => poisoned(place * ROWS, "nan", "inf"),
        _ => rows(place * ROWS),
    };
    let _nodes = training_star::joined(&world, names, "", &data);
    let file = world.write("job.toml", training_star::job(names, PRIVACY));
    let ran = world.tacit("north", &["train", &file]);
    if ran.status != 0 {
        // The one whose rows they are says what is wrong with them, and nobody else hears it.
        let lines = world.record_lines("east");
        assert!(lines.iter().any(|line| line.contains("E-DATA-")), "{lines:?}");
        assert!(!ran.err.contains("nan"), "{}", ran.err);
        return;
    }
    for name in names {
        let coefficients = card(&world, name)["coefficients"].clone();
        let all = coefficients.as_array().unwrap().iter();
        let value = |one: &Value| one["value"].as_f64().or_else(|| one["value"].as_str()?.parse().ok());
        assert!(all.map(|one| value(one).unwrap()).all(f64::is_finite), "{coefficients}");
    }
}

/// Puts a run's story into a home: so often taken up.
fn story(world: &World, home: &str, resumed: u32) {
    let mut text = format!("{{\"begun\":true,\"resumed\":{resumed},\"broken\":0}}").into_bytes();
    let sum = digest(&SHA256, &text);
    text.extend_from_slice(sum.as_ref());
    let jobs = fs::read_dir(world.path(home).join("jobs")).unwrap().flatten();
    for run in jobs.filter(|job| job.path().is_dir()) {
        fs::write(run.path().join("story"), &text).unwrap();
    }
}

#[test]
fn learnv_37_a_run_that_was_cut_too_often_is_over_and_the_job_begins_anew() {
    let Pair { brand, bank, world } = training::pair_under(training::CONTRACT);
    let job = world.write("job.toml", replaced(training::JOB, "rounds = 8", "rounds = 40"));
    let cut = world.start("brand", &["train", &job]);
    world.until("a round", || {
        let jobs = fs::read_dir(world.path("bank").join("jobs")).into_iter().flatten().flatten();
        jobs.map(|job| job.path().join("state-even")).any(|state| state.exists())
    });
    bank.kill();
    brand.kill();
    assert_ne!(finish(cut).status, 0);
    story(&world, "brand", 32);
    let _nodes = [world.serve("brand"), world.serve("bank")];
    let job = world.write("job.toml", replaced(training::JOB, "rounds = 8", "rounds = 40"));
    let mut told = String::new();
    world.until("the end of the run", || {
        told = world.tacit("brand", &["train", &job]).err;
        // The one that asks again at once finds that its partner still waits for the run to end.
        !told.contains("E-TRAIN-UNDER-WAY")
    });
    assert!(told.contains("E-TRAIN-TAKEN-UP") && told.contains("anew"), "{told}");
    let secrets = fs::read_dir(world.path("brand").join("jobs")).unwrap().flatten();
    let mut secrets = secrets.flat_map(|job| fs::read_dir(job.path()).into_iter().flatten().flatten());
    assert!(!secrets.any(|file| file.file_name().to_string_lossy().starts_with("state")), "they are gone");
    world.tacit("brand", &["train", &job]).ok();
}
