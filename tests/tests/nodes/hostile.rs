//! A partner that was trusted and is hostile, against a real node that answers: rows A01 to A16.
//!
//! Whatever it sends, the session ends with a code, the node has an abort on record and no answer, and goes
//! on serving. The same messages against the pure sessions are in the protocol's own tests; here they come
//! over a real link into a real process.

use std::{
    fs,
    time::{Duration, Instant},
};

use ring::rand::{SystemRandom, generate};
use serde_json::json;
use tacit_node::exchange::{Aside, Question};
use tacit_protocol::{
    ids::ContractId,
    psi::{self, Message, Params, Role},
    secret::Secret,
    session::{Produced, Session, Step},
    wire::{
        Envelope, Role as End, Wire,
        codec::{Bulk, Points},
    },
};
use tacit_tests::{
    Node, World,
    pair::{MEMBERS, Pair, ids},
    rogue::{Rogue, Talk, honest},
};

use crate::TACIT;

/// Items of the protocol's chunk: one more makes two chunks.
const CHUNK: usize = psi::CHUNK_ITEMS as usize;

/// A bank that runs, and a brand in the test's hands.
pub struct Arena {
    pub rogue: Rogue,
    pub contract: ContractId,
    pub bank: Node,
    pub world: World,
}

impl Arena {
    pub fn new() -> Self {
        let pair = Pair::of_members(TACIT, &ids(0, 10), &ids(5, 10));
        let contract = pair.bank(&["contract", "show", "members", "-o", "json"]).ok().json();
        let contract = contract["id"].as_str().unwrap().parse().unwrap();
        let Pair { brand, bank, world } = pair;
        brand.kill();
        let rogue = Rogue::in_home(&world.path("brand"));
        Self { rogue, contract, bank, world }
    }

    fn question(&self) -> Question {
        honest(self.contract, MEMBERS, "testing", "raw/1")
    }

    /// Opens a session up to the point where the protocol begins.
    async fn session(&self) -> Talk {
        let mut talk = self.rogue.ask("bank", &self.question()).await;
        assert_eq!(talk.granted().await, Ok(()));
        talk
    }

    /// Insists that a session ended as it must: the code told, an abort on record, nothing served.
    #[track_caller]
    fn check_abort(&self, what: &str, told: &str, codes: &[&str]) {
        assert!(codes.contains(&told), "{what}: {told} instead of {codes:?}");
        self.check_record(what, codes);
    }

    #[track_caller]
    fn check_record(&self, what: &str, codes: &[&str]) {
        let mut last = Vec::new();
        self.world.until(&format!("the record of {what}"), || {
            last = self.world.record_lines("bank");
            last.last().is_some_and(|line| codes.iter().any(|code| *line == format!("abort {code}")))
        });
        assert!(!last.iter().any(|line| line.starts_with("answer")), "{what}: {last:?}");
    }

    /// The node still answers an honest question.
    async fn check_alive(&self) {
        let mut talk = self.session().await;
        let (said, overlap) = play(&mut talk, self.contract, items(5)).await;
        assert_eq!((said.len(), overlap.unwrap().matched.len()), (3, 5));
        self.world.until("the record", || self.world.record_lines("bank").last().unwrap() == "answer served");
    }
}

/// Items that stand for nothing.
fn items(count: usize) -> Vec<[u8; 32]> {
    (0..count as u64)
        .map(|number| {
            let mut item = [0; 32];
            item[..8].copy_from_slice(&number.to_le_bytes());
            item
        })
        .collect()
}

fn receiver(talk: &Talk, contract: ContractId, items: Vec<[u8; 32]>) -> psi::Receiver {
    let params = Params::new(talk.session, contract, 1 << 24, 1 << 24);
    let seed = Secret::new(generate(&SystemRandom::new()).unwrap().expose());
    psi::Receiver::start(params, items, 0, seed).unwrap()
}

/// What an honest asker with so many items would say before it hears answers: the announcement, and its
/// blinded points.
fn questions(talk: &Talk, contract: ContractId, count: usize) -> Vec<Message> {
    let mut session = receiver(talk, contract, items(count));
    let mut said = Vec::new();
    let announced = Message::Announce { role: Role::Sender, count: 1 };
    let mut heard = Some(announced);
    loop {
        match session.produce().unwrap() {
            Produced::Message { state, message } => {
                said.push(message);
                session = state;
            }
            Produced::Idle(state) => match heard.take() {
                Some(message) => match state.handle(message).unwrap() {
                    Step::Wait { state, send } => {
                        said.extend(send);
                        session = state;
                    }
                    Step::Done { .. } => unreachable!("nothing was answered yet"),
                },
                None => return said,
            },
        }
    }
}

/// Plays the honest asker; the envelopes it sent, and what it learned.
async fn play(
    talk: &mut Talk,
    contract: ContractId,
    items: Vec<[u8; 32]>,
) -> (Vec<Vec<u8>>, Option<psi::Overlap>) {
    let mut session = receiver(talk, contract, items);
    let mut said = Vec::new();
    loop {
        session = match session.produce().unwrap() {
            Produced::Message { state, message } => {
                let envelope = talk.seal(&message);
                said.push(envelope.clone());
                talk.envelope(envelope).await;
                state
            }
            Produced::Idle(state) => {
                let (message, _) = talk.message().await;
                let (next, send) = match state.handle(message).unwrap() {
                    Step::Wait { state, send } => (Ok(state), send),
                    Step::Done { output, send } => (Err(output), send),
                };
                for message in send {
                    let envelope = talk.seal(&message);
                    said.push(envelope.clone());
                    talk.envelope(envelope).await;
                }
                match next {
                    Ok(state) => state,
                    Err(output) => return (said, Some(output)),
                }
            }
        };
    }
}

const fn announce(count: u64) -> Message {
    Message::Announce { role: Role::Receiver, count }
}

const fn finished() -> Message {
    Message::Finished { role: Role::Receiver, transcript: [7; 32] }
}

fn points(message: &Message) -> Vec<[u8; 32]> {
    match message {
        Message::Blinded { points, .. } => points.0.clone(),
        other => panic!("{} has no points", other.kind()),
    }
}

const fn blinded(index: u32, points: Vec<[u8; 32]>) -> Message {
    Message::Blinded { index, points: Points(points) }
}

/// What a hostile asker says, made when the session is there.
type Script<'a> = Box<dyn Fn(&Talk) -> Vec<Message> + 'a>;

fn script<'a>(script: impl Fn(&Talk) -> Vec<Message> + 'a) -> Script<'a> {
    Box::new(script)
}

/// Runs one script after another, each in a session of its own; each ends with one of the codes.
async fn each<const N: usize>(arena: &Arena, codes: &[&str], scripts: [(&str, Script<'_>); N]) {
    for (what, script) in scripts {
        let mut talk = arena.session().await;
        for message in script(&talk) {
            talk.say(&message).await;
        }
        let told = talk.ending().await;
        arena.check_abort(what, &told, codes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a01_a02_a03_what_is_no_group_element_is_refused() {
    let arena = Arena::new();
    let contract = arena.contract;
    let with = |bad: [u8; 32]| {
        script(move |talk: &Talk| {
            let honest = questions(talk, contract, 4);
            let mut changed = points(&honest[1]);
            changed[2] = bad;
            vec![honest[0].clone(), blinded(0, changed)]
        })
    };
    let mut small_order = [0xff; 32];
    (small_order[0], small_order[31]) = (0xec, 0x7f);
    let mut not_reduced = [0xff; 32];
    (not_reduced[0], not_reduced[31]) = (0xed, 0x7f);
    let mut negative = [0; 32];
    negative[0] = 1;
    each(
        &arena,
        &["E-PEER-POINT-REFUSED"],
        [
            ("A01 the identity", with([0; 32])),
            ("A02 a point of small order", with(small_order)),
            ("A03 not reduced", with(not_reduced)),
            ("A03 negative", with(negative)),
            ("A03 beyond the field", with([0xff; 32])),
        ],
    )
    .await;
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a06_announced_size_differs() {
    let arena = Arena::new();
    let contract = arena.contract;
    let announced = |count: usize, sent: usize| {
        script(move |talk: &Talk| {
            let mut said = questions(talk, contract, sent);
            said[0] = announce(count as u64);
            said.push(finished());
            said
        })
    };
    each(
        &arena,
        &["E-PEER-COUNT-DIFFERS", "E-PEER-OUT-OF-TURN"],
        [
            ("one fewer", announced(1000, 999)),
            ("one more", announced(1000, 1001)),
            ("none", announced(1000, 0)),
            ("one fewer in the second chunk", announced(CHUNK + 100, CHUNK + 99)),
            ("one more in the second chunk", announced(CHUNK + 100, CHUNK + 101)),
            ("a chunk more", announced(CHUNK, CHUNK + 1)),
            ("a chunk fewer", announced(CHUNK + 1, CHUNK)),
        ],
    )
    .await;
    arena.check_alive().await;
}

/// Resident memory of a process, bytes.
fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a07_an_absurd_size_is_refused_at_once_and_costs_no_memory() {
    let arena = Arena::new();
    // Once, so that what any first session leaves behind is there already.
    let mut first = arena.session().await;
    first.say(&announce(u64::MAX)).await;
    let told = first.ending().await;
    arena.check_abort("the first", &told, &["E-PEER-COUNT-ABOVE-CAP"]);
    let before = resident(arena.bank.pid());
    for count in [u64::MAX, 1 << 62, u64::from(u32::MAX), (1 << 24) + (1 << 20)] {
        let mut talk = arena.session().await;
        let began = Instant::now();
        talk.say(&announce(count)).await;
        let told = talk.ending().await;
        // The catalogue says 10 ms; this machine has other things to do. Waiting for what was announced would
        // take hours.
        assert!(began.elapsed() < Duration::from_secs(10), "{count}: {:?}", began.elapsed());
        arena.check_abort(&format!("{count} announced"), &told, &["E-PEER-COUNT-ABOVE-CAP"]);
    }
    let grown = resident(arena.bank.pid()).saturating_sub(before);
    assert!(grown < 4 << 20, "the node has grown by {grown} bytes");
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a08_a_question_asked_twice_is_refused() {
    let arena = Arena::new();
    let contract = arena.contract;
    let twice = script(move |talk: &Talk| {
        let honest = questions(talk, contract, 4);
        let mut doubled = points(&honest[1]);
        doubled[3] = doubled[0];
        vec![honest[0].clone(), blinded(0, doubled)]
    });
    let across = script(move |talk: &Talk| {
        let honest = questions(talk, contract, CHUNK + 1);
        let again = vec![points(&honest[1])[5]];
        vec![honest[0].clone(), honest[1].clone(), blinded(1, again)]
    });
    each(&arena, &["E-PEER-POINT-REPEATED"], [("in one chunk", twice), ("across chunks", across)]).await;
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a09_a_frame_cut_at_every_byte_ends_the_session_at_once() {
    let arena = Arena::new();
    let length = {
        let mut talk = arena.session().await;
        let length = talk.seal(&announce(3)).len();
        talk.aside(&Aside::Ended { code: "E-TEST".into() }).await;
        talk.ending().await;
        length
    };
    for cut in 0..length {
        let mut talk = arena.session().await;
        let whole = talk.seal(&announce(3));
        let began = Instant::now();
        talk.envelope(whole[..cut].to_vec()).await;
        let told = talk.ending().await;
        // A node that waited for the rest would wait for a minute.
        assert!(began.elapsed() < Duration::from_secs(10), "cut at {cut}: {:?}", began.elapsed());
        assert!(["E-WIRE-CUT", "E-WIRE-MALFORMED"].contains(&told.as_str()), "cut at {cut}: {told}");
    }
    arena.check_record("the last cut", &["E-WIRE-CUT", "E-WIRE-MALFORMED"]);
    let aborts =
        arena.world.record_lines("bank").into_iter().filter(|line| line.starts_with("abort E-WIRE-"));
    assert_eq!(aborts.count(), length, "each is on record");
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_a11_what_is_too_long_or_not_in_the_one_form_is_refused() {
    let arena = Arena::new();
    type Bend = fn(&mut Talk, Vec<u8>) -> Vec<u8>;
    let long_list: Bend = |talk, _| {
        let mut body = blinded(0, vec![[9; 32]; 2]).encode();
        // The list's length, after tag and index: more than there is.
        body[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        talk.seal_body(&body)
    };
    let cases: [(&str, Bend, &[&str]); 8] = [
        ("A10 beyond a chunk", |talk, _| talk.seal_body(&vec![0; 600 << 10]), &["E-WIRE-TOO-LONG"]),
        ("A10 four mebibytes less one byte", |_, _| vec![0; (4 << 20) - 1], &["E-WIRE-TOO-LONG"]),
        ("A10 a length that lies", long_list, &["E-WIRE-CUT", "E-WIRE-MALFORMED"]),
        ("A11 a byte after the envelope", |_, honest| [honest, vec![0]].concat(), &["E-WIRE-TRAILING-BYTES"]),
        (
            "A11 a byte after the message",
            |talk, _| talk.seal_body(&[announce(3).encode(), vec![0]].concat()),
            &["E-WIRE-TRAILING-BYTES", "E-WIRE-OUT-OF-SEQUENCE"],
        ),
        (
            "A11 an unknown tag",
            |talk, _| {
                let mut body = announce(3).encode();
                body[0] = 99;
                talk.seal_body(&body)
            },
            &["E-WIRE-MALFORMED"],
        ),
        (
            "A11 an unknown role",
            |talk, _| {
                let mut body = announce(3).encode();
                body[4] = 2;
                talk.seal_body(&body)
            },
            &["E-WIRE-MALFORMED"],
        ),
        (
            "A11 a list that is not whole points",
            |talk, _| {
                let mut body = Message::Tags { index: 0, tags: Bulk(vec![1; 33]) }.encode();
                body[0] = 1;
                talk.seal_body(&body)
            },
            &["E-WIRE-MALFORMED"],
        ),
    ];
    for (what, bend, codes) in cases {
        let mut talk = arena.session().await;
        // Sealed by a copy, so that the bent one has the number that is due.
        let bent = {
            let session = talk.session;
            let body = announce(3).encode();
            let envelope = Envelope { session, sequence: 0, role: End::Initiator, body: &body };
            bend(&mut talk, envelope.encode())
        };
        talk.envelope(bent).await;
        let told = talk.ending().await;
        arena.check_abort(what, &told, codes);
    }
    // Words outside the protocol that are none: nested without end, endless, of an unknown kind.
    let deep = [vec![0], b"[".repeat(1000)].concat();
    let endless = [vec![0], b"\"".to_vec(), b"x".repeat(2000), b"\"".to_vec()].concat();
    for (what, bytes) in
        [("deep", deep), ("endless", endless), ("unknown", vec![9, 9]), ("empty", Vec::new())]
    {
        let mut talk = arena.session().await;
        talk.raw(bytes).await;
        let told = talk.ending().await;
        arena.check_abort(what, &told, &["E-PEER-OUT-OF-PLACE"]);
    }
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_an_opening_that_is_no_question_is_refused_and_recorded() {
    let arena = Arena::new();
    let honest = serde_json::to_vec(&arena.question()).unwrap();
    let more = [&honest[..honest.len() - 1], b",\"more\":1}"].concat();
    let twice = [&honest[..honest.len() - 1], b",\"sql\":\"\"}"].concat();
    let nested = b"[".repeat(60_000);
    let openings = [
        Vec::new(),
        b"{}".to_vec(),
        nested,
        more,
        twice,
        honest[..honest.len() / 2].to_vec(),
        vec![0xff; 100],
    ];
    for (number, opening) in openings.into_iter().enumerate() {
        let channel = arena.rogue.open("bank", opening).await;
        let mut talk = Talk::unasked(channel);
        assert_eq!(talk.ending().await, "E-PEER-OUT-OF-PLACE", "opening {number}");
        let refused = |line: &&String| *line == "refusal E-PEER-OUT-OF-PLACE";
        let lines = arena.world.record_lines("bank");
        assert_eq!(lines.iter().filter(refused).count(), number + 1, "{lines:?}");
    }
    let record = arena.world.records("bank").pop().unwrap();
    assert_eq!(record["partner"], json!("brand"));
    // An asker may wait as long as it likes; the node's clock does not overflow.
    let mut patient = arena.question();
    patient.wait = Duration::MAX;
    let mut talk = arena.rogue.ask("bank", &patient).await;
    assert_eq!(talk.granted().await, Ok(()));
    drop(talk);
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a12_every_order_but_one_is_refused() {
    let arena = Arena::new();
    let contract = arena.contract;
    // Announce, Blinded, Finished in every order, with repeats and gaps.
    let orders: [&[usize]; 14] = [
        &[0, 2, 1],
        &[1, 0, 2],
        &[1, 2, 0],
        &[2, 0, 1],
        &[2, 1, 0],
        &[0, 0],
        &[1],
        &[2],
        &[0, 2],
        &[0, 1, 1],
        &[0, 1, 0],
        &[0, 1, 2, 0],
        &[3],
        &[0, 4],
    ];
    for order in orders {
        let mut talk = arena.session().await;
        let mut said = questions(&talk, contract, 4);
        assert_eq!(said.len(), 2);
        said.push(finished());
        // Messages of the other end's part.
        said.push(Message::Announce { role: Role::Sender, count: 4 });
        said.push(Message::Tags { index: 0, tags: Bulk(vec![1; 40]) });
        for &which in order {
            talk.say(&said[which]).await;
        }
        let told = talk.ending().await;
        let codes = [
            "E-PEER-OUT-OF-TURN",
            "E-PEER-CHUNK-OUT-OF-ORDER",
            "E-PEER-COUNT-DIFFERS",
            "E-PEER-ROLE-REFLECTED",
            "E-PEER-TRANSCRIPT-DIFFERS",
        ];
        arena.check_abort(&format!("{order:?}"), &told, &codes);
    }
    // A false last word after an honest run: the asker has its answers by then, the node has no answer on
    // record.
    let mut talk = arena.session().await;
    for message in questions(&talk, contract, 4) {
        talk.say(&message).await;
    }
    talk.say(&finished()).await;
    let told = talk.ending().await;
    arena.check_abort("a false last word", &told, &["E-PEER-TRANSCRIPT-DIFFERS"]);
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a13_a14_a15_what_was_said_elsewhere_means_nothing() {
    let arena = Arena::new();
    let contract = arena.contract;
    // Row A13: a whole session, recorded from an honest run, with the very same question.
    let question = arena.question();
    let mut talk = arena.rogue.ask("bank", &question).await;
    assert_eq!(talk.granted().await, Ok(()));
    let (recorded, overlap) = play(&mut talk, contract, items(5)).await;
    assert!(overlap.is_some());
    arena.world.until("the answer's record", || {
        arena.world.record_lines("bank").iter().filter(|line| *line == "answer served").count() == 1
    });
    let answers = || {
        let lines = arena.world.record_lines("bank");
        (lines.iter().filter(|line| line.starts_with("answer")).count(), lines.last().unwrap().clone())
    };
    // A question's number is good for once, so the messages do not even come to their turn.
    let mut talk = arena.rogue.ask("bank", &question).await;
    assert_eq!(talk.granted().await, Err("E-QUERY-REUSED".to_owned()));
    assert_eq!(answers(), (1, "refusal E-QUERY-REUSED".into()));
    // In a session of another question they are another session's.
    let mut talk = arena.session().await;
    for envelope in &recorded {
        talk.envelope(envelope.clone()).await;
    }
    assert_eq!(talk.ending().await, "E-WIRE-OTHER-SESSION");
    assert_eq!(answers(), (1, "abort E-WIRE-OTHER-SESSION".into()));

    // Row A14: two sessions at a time, and a round of one in the other.
    let (mut one, mut other) = (arena.session().await, arena.session().await);
    let from_one = questions(&one, contract, 4);
    one.say(&from_one[0]).await;
    other.say(&from_one[0]).await;
    let spliced = one.seal(&from_one[1]);
    other.envelope(spliced).await;
    assert_eq!(other.ending().await, "E-WIRE-OTHER-SESSION");
    assert_eq!(answers(), (1, "abort E-WIRE-OTHER-SESSION".into()));
    drop(one);
    arena.world.until("the record of the other one", || answers().1 == "abort E-LINK-ABANDONED");

    // Row A15: its own messages.
    let mut talk = arena.session().await;
    let (_, theirs) = talk.message().await;
    talk.envelope(theirs).await;
    assert_eq!(talk.ending().await, "E-WIRE-REFLECTED");
    assert_eq!(answers().1, "abort E-WIRE-REFLECTED");
    let mut talk = arena.session().await;
    let (theirs, _) = talk.message().await;
    talk.say(&theirs).await;
    assert_eq!(talk.ending().await, "E-PEER-ROLE-REFLECTED");
    assert_eq!(answers(), (1, "abort E-PEER-ROLE-REFLECTED".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a16_chunks_reordered_repeated_or_left_out_are_noticed() {
    let arena = Arena::new();
    let contract = arena.contract;
    let count = 2 * CHUNK + 10;
    let order = |order: &'static [usize]| {
        script(move |talk: &Talk| {
            let mut honest = questions(talk, contract, count);
            assert_eq!(honest.len(), 4);
            honest.push(finished());
            order.iter().map(|&which| honest[which].clone()).collect()
        })
    };
    each(
        &arena,
        &["E-PEER-CHUNK-OUT-OF-ORDER", "E-PEER-OUT-OF-TURN", "E-PEER-COUNT-DIFFERS"],
        [
            ("exchanged", order(&[0, 2, 1, 3])),
            ("repeated", order(&[0, 1, 1, 2])),
            ("left out", order(&[0, 1, 3])),
            ("cut off at a chunk's edge", order(&[0, 1, 2, 4])),
        ],
    )
    .await;
    // The envelopes exchanged, and one left out.
    for chosen in [[0, 2, 1], [0, 2, 3]] {
        let mut talk = arena.session().await;
        let honest = questions(&talk, contract, count);
        let sealed: Vec<Vec<u8>> = honest.iter().map(|message| talk.seal(message)).collect();
        for which in chosen {
            talk.envelope(sealed[which].clone()).await;
        }
        let told = talk.ending().await;
        arena.check_abort("envelopes", &told, &["E-WIRE-OUT-OF-SEQUENCE"]);
    }
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a04_random_bytes_of_every_length_end_a_session_and_nothing_else() {
    let arena = Arena::new();
    let pid = arena.bank.pid();
    for number in 0..60usize {
        let mut bytes = vec![0; number * number];
        ring::rand::SecureRandom::fill(&SystemRandom::new(), &mut bytes).unwrap();
        let mut talk = arena.session().await;
        match number % 3 {
            0 => talk.raw(bytes).await,
            1 => talk.envelope(bytes).await,
            _ => {
                let sealed = talk.seal_body(&bytes);
                talk.envelope(sealed).await;
            }
        }
        let told = talk.ending().await;
        assert!(told.starts_with("E-WIRE-") || told.starts_with("E-PEER-"), "{number}: {told}");
    }
    assert!(fs::exists(format!("/proc/{pid}")).unwrap());
    arena.check_alive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asker_that_leaves_in_the_middle_is_recorded() {
    let arena = Arena::new();
    let contract = arena.contract;
    for steps in 0..2 {
        let mut talk = arena.session().await;
        for message in questions(&talk, contract, 4).iter().take(steps) {
            talk.say(message).await;
        }
        drop(talk);
        arena.check_record("an asker that left", &["E-LINK-ABANDONED"]);
    }
    let mut talk = arena.session().await;
    talk.aside(&Aside::Ended { code: "E-SOMETHING-ELSE".into() }).await;
    arena.check_record("a word of farewell", &["E-PEER-ENDED"]);
    arena.check_alive().await;
}

/// Rows E07 and B03's neighbour: an asker that says nothing holds a session for as long as the settings
/// allow, and no more sessions than they allow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e07_a_silent_asker_has_the_sessions_and_the_time_it_may_have() {
    let arena = Arena::new();
    let settings = arena.world.path("bank/tacit.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let text =
        tacit_tests::pair::replaced(&text, "# max_session_time = \"6h\"", "max_session_time = \"10s\"");
    let text = tacit_tests::pair::replaced(&text, "# max_sessions     = 4", "max_sessions = 2");
    fs::write(&settings, text).unwrap();
    let Arena { rogue, contract, bank, world } = arena;
    bank.kill();
    let bank = world.serve("bank");
    let arena = Arena { rogue, contract, bank, world };
    let began = Instant::now();
    let mut silent = [arena.session().await, arena.session().await];
    let mut one_more = arena.rogue.ask("bank", &arena.question()).await;
    assert_eq!(one_more.granted().await, Err("E-LIMIT-SESSIONS".to_owned()));
    for talk in &mut silent {
        assert_eq!(talk.ending().await, "E-LIMIT-TIME");
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let lines = arena.world.record_lines("bank");
    assert!(lines.contains(&"refusal E-LIMIT-SESSIONS".to_owned()), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| *line == "abort E-LIMIT-TIME").count(), 2, "{lines:?}");
    arena.check_alive().await;
}
