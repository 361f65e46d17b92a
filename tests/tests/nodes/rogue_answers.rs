//! A partner that was asked and answers with something else: the asking command ends with a code and
//! status 5, has an abort on record, and no answer anywhere.

use std::{fs, process::Child};

use serde_json::json;
use tacit_node::exchange::{Aside, Question};
use tacit_protocol::{
    psi::{self, Message, Params, Role},
    secret::Secret,
    session::{Produced, Session, Step},
    wire::codec::{Bulk, Points},
};
use tacit_tests::{
    Ran, World, finish,
    pair::{MEMBERS, Pair, ids},
    rogue::{Rogue, Talk},
};

use crate::TACIT;

/// A brand that asks, and a bank in the test's hands.
struct Arena {
    rogue: Rogue,
    world: World,
}

impl Arena {
    fn new() -> Self {
        let Pair { brand, bank, world } = Pair::of_members(TACIT, &ids(0, 10), &ids(5, 10));
        brand.kill();
        bank.kill();
        let rogue = Rogue::in_home(&world.path("bank"));
        Self { rogue, world }
    }

    /// Has the brand ask; its command, and the bank's end of the session.
    async fn asked(&self) -> (Child, Question, Talk) {
        let out = self.world.path("answer.csv").to_string_lossy().into_owned();
        let asking = self.world.start("brand", &["query", MEMBERS, "--out", &out]);
        let (question, mut talk) = self.rogue.asked().await;
        talk.aside(&Aside::Preparing).await;
        (asking, question, talk)
    }

    async fn session(&self) -> (Child, Question, Talk) {
        let (asking, question, mut talk) = self.asked().await;
        talk.aside(&Aside::Ready).await;
        (asking, question, talk)
    }

    /// Listens to the end of a session, and insists that the command ended as it must.
    async fn check(&self, what: &str, asking: Child, mut talk: Talk, codes: &[&str]) -> Ran {
        talk.ending().await;
        let ran = finish(asking);
        assert_eq!(ran.status, 5, "{what}: {}", ran.err);
        let code = codes.iter().find(|code| ran.err.contains(**code));
        let code = code.unwrap_or_else(|| panic!("{what}: none of {codes:?} in: {}", ran.err));
        let lines = self.world.record_lines("brand");
        assert_eq!(lines.last(), Some(&format!("abort {code}")), "{what}");
        assert!(!lines.iter().any(|line| line.starts_with("answer")), "{what}: {lines:?}");
        assert!(!self.world.path("answer.csv").exists(), "{what}");
        let kept = fs::read_dir(self.world.path("brand/answers")).unwrap().flatten();
        assert_eq!(
            kept.map(|file| file.path()).collect::<Vec<_>>(),
            Vec::<std::path::PathBuf>::new(),
            "{what}"
        );
        ran
    }
}

fn sender(talk: &Talk, question: &Question, count: u8) -> psi::Sender {
    let params = Params::new(talk.session, question.contract, 1 << 24, 1 << 24);
    let items = (0..count).map(|number| [number; 32]).collect();
    psi::Sender::start(params, items, 0, Secret::new([3; 32])).unwrap()
}

/// Plays the honest answerer, but lets each message through `bend`, which may change, drop or add some.
/// Ends when the other end does; the envelopes that were sent.
async fn play(
    talk: &mut Talk,
    question: &Question,
    mut bend: impl FnMut(Message) -> Vec<Message>,
) -> Vec<Vec<u8>> {
    let mut session = sender(talk, question, 20);
    let mut sent = Vec::new();
    loop {
        let (next, said) = match session.produce().unwrap() {
            Produced::Message { state, message } => (Some(state), vec![message]),
            Produced::Idle(state) => {
                let Some(message) = talk.next_message().await else { return sent };
                match state.handle(message) {
                    Ok(Step::Wait { state, send }) => (Some(state), send),
                    Ok(Step::Done { send, .. }) => (None, send),
                    // What was bent makes the two ends' stories differ; the other end says so as well.
                    Err(_) => return sent,
                }
            }
        };
        for message in said.into_iter().flat_map(&mut bend) {
            let envelope = talk.seal(&message);
            sent.push(envelope.clone());
            talk.envelope(envelope).await;
        }
        match next {
            Some(state) => session = state,
            None => return sent,
        }
    }
}

fn evaluated(message: Message, change: impl FnOnce(&mut Vec<[u8; 32]>)) -> Vec<Message> {
    match message {
        Message::Evaluated { index, mut points } => {
            change(&mut points.0);
            vec![Message::Evaluated { index, points }]
        }
        other => vec![other],
    }
}

fn tags(message: Message, change: impl FnOnce(&mut Vec<u8>)) -> Vec<Message> {
    match message {
        Message::Tags { index, mut tags } => {
            change(&mut tags.0);
            vec![Message::Tags { index, tags }]
        }
        other => vec![other],
    }
}

fn announced(message: Message, change: impl FnOnce(u64) -> u64) -> Vec<Message> {
    match message {
        Message::Announce { role, count } => vec![Message::Announce { role, count: change(count) }],
        other => vec![other],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_bent_anywhere_is_no_answer() {
    let arena = Arena::new();
    type Bend = Box<dyn FnMut(Message) -> Vec<Message>>;
    let cases: Vec<(&str, Bend, &[&str])> = vec![
        (
            "A01 the identity",
            Box::new(|message| evaluated(message, |points| points[3] = [0; 32])),
            &["E-PEER-POINT-REFUSED"],
        ),
        (
            "A03 no encoding",
            Box::new(|message| evaluated(message, |points| points[3] = [0xff; 32])),
            &["E-PEER-POINT-REFUSED"],
        ),
        (
            "A06 one tag more than announced",
            Box::new(|message| announced(message, |count| count - 1)),
            &["E-PEER-COUNT-DIFFERS"],
        ),
        (
            "A06 one tag fewer than announced",
            Box::new(|message| announced(message, |count| count + 1)),
            &["E-PEER-COUNT-DIFFERS"],
        ),
        (
            "A07 an absurd size",
            Box::new(|message| announced(message, |_| u64::MAX)),
            &["E-PEER-COUNT-ABOVE-CAP"],
        ),
        (
            "A08 an answer twice",
            Box::new(|message| evaluated(message, |points| points[1] = points[0])),
            &["E-PEER-POINT-REPEATED"],
        ),
        (
            "A08 a tag twice",
            Box::new(|message| {
                tags(message, |tags| {
                    let width = tags.len() / 20;
                    tags.copy_within(0..width, width);
                })
            }),
            &["E-PEER-TAG-REPEATED", "E-PEER-TRANSCRIPT-DIFFERS"],
        ),
        (
            "A12 an answer to nothing",
            Box::new(|message| match message {
                Message::Announce { .. } => {
                    vec![message, Message::Evaluated { index: 0, points: Points(vec![[9; 32]]) }]
                }
                other => vec![other],
            }),
            // Whether the question was out already is the wire's to say.
            &["E-PEER-ANSWER-UNASKED", "E-PEER-COUNT-DIFFERS", "E-PEER-POINT-REFUSED"],
        ),
        (
            "A12 the last word first",
            Box::new(|message| match message {
                Message::Announce { .. } => {
                    vec![message, Message::Finished { role: Role::Sender, transcript: [1; 32] }]
                }
                other => vec![other],
            }),
            &["E-PEER-OUT-OF-TURN"],
        ),
        (
            "A15 its own part",
            Box::new(|message| match message {
                Message::Announce { count, .. } => vec![Message::Announce { role: Role::Receiver, count }],
                other => vec![other],
            }),
            &["E-PEER-ROLE-REFLECTED"],
        ),
        (
            "A16 a chunk of another number",
            Box::new(|message| match message {
                Message::Tags { tags: Bulk(tags), .. } => vec![Message::Tags { index: 1, tags: Bulk(tags) }],
                other => vec![other],
            }),
            &["E-PEER-CHUNK-OUT-OF-ORDER"],
        ),
        (
            "A16 a point that is another point",
            Box::new(|message| evaluated(message, |points| points.swap(0, 1))),
            &["E-PEER-TRANSCRIPT-DIFFERS"],
        ),
        (
            "A17 a false last word",
            Box::new(|message| match message {
                Message::Finished { role, .. } => vec![Message::Finished { role, transcript: [1; 32] }],
                other => vec![other],
            }),
            &["E-PEER-TRANSCRIPT-DIFFERS"],
        ),
    ];
    for (what, bend, codes) in cases {
        let (asking, question, mut talk) = arena.session().await;
        play(&mut talk, &question, bend).await;
        arena.check(what, asking, talk, codes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a09_a11_a13_an_answer_that_is_cut_extended_or_replayed_is_no_answer() {
    let arena = Arena::new();
    // Recorded from a session that came to nothing only for its last word.
    let (asking, question, mut talk) = arena.session().await;
    let recorded = play(&mut talk, &question, |message| match message {
        Message::Finished { .. } => vec![Message::Finished { role: Role::Sender, transcript: [1; 32] }],
        other => vec![other],
    })
    .await;
    arena.check("the recording", asking, talk, &["E-PEER-TRANSCRIPT-DIFFERS"]).await;
    let (asking, _, mut talk) = arena.session().await;
    for envelope in recorded {
        talk.envelope(envelope).await;
    }
    arena.check("A13 replayed", asking, talk, &["E-WIRE-OTHER-SESSION"]).await;

    let announce = Message::Announce { role: Role::Sender, count: 3 };
    for cut in [0, 1, 31, 32, 40, 44, 51, 52, 60] {
        let (asking, _, mut talk) = arena.session().await;
        let envelope = talk.seal(&announce);
        talk.envelope(envelope[..cut].to_vec()).await;
        arena.check(&format!("A09 cut at {cut}"), asking, talk, &["E-WIRE-CUT", "E-WIRE-MALFORMED"]).await;
    }
    let (asking, _, mut talk) = arena.session().await;
    let envelope = [talk.seal(&announce), vec![0]].concat();
    talk.envelope(envelope).await;
    arena.check("A11 extended", asking, talk, &["E-WIRE-TRAILING-BYTES"]).await;
    let (asking, _, mut talk) = arena.session().await;
    let (_, theirs) = talk.message().await;
    talk.envelope(theirs).await;
    arena.check("A15 reflected", asking, talk, &["E-WIRE-REFLECTED"]).await;
    let (asking, _, talk) = arena.session().await;
    drop(talk);
    let ran = finish(asking).refused(5, "E-LINK-ABANDONED");
    assert!(ran.err.contains("bank's node gave the session up"), "{}", ran.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_partner_says_before_the_protocol_is_not_believed_either() {
    let arena = Arena::new();
    // The protocol before anybody has said yes.
    let (asking, _, mut talk) = arena.asked().await;
    talk.say(&Message::Announce { role: Role::Sender, count: 3 }).await;
    arena.check("too early", asking, talk, &["E-PEER-OUT-OF-PLACE"]).await;
    let (asking, _, mut talk) = arena.asked().await;
    talk.raw(vec![7, 7, 7]).await;
    arena.check("nonsense", asking, talk, &["E-PEER-OUT-OF-PLACE"]).await;
    let (asking, _, mut talk) = arena.asked().await;
    talk.aside(&Aside::Ended { code: "E-WHATEVER".into() }).await;
    arena.check("a farewell", asking, talk, &["E-PEER-ENDED"]).await;
    // A code is shown, so it has to be one: no drawing on the terminal, no lines of its own.
    for code in ["\u{1b}[2J\u{7}E-", "E-FINE\nerror: all is well", "E-X".repeat(300).as_str(), ""] {
        for word in [Aside::refused(code), Aside::Ended { code: code.into() }] {
            let (asking, _, mut talk) = arena.asked().await;
            talk.aside(&word).await;
            let ran = arena.check("a code that is none", asking, talk, &["E-PEER-OUT-OF-PLACE"]).await;
            assert!(!ran.err.contains('\u{1b}') && !ran.err.contains("all is well"), "{:?}", ran.err);
        }
    }
    // A reason is a person's words, in one line, and shown as theirs.
    for (reason, understood) in
        [("no\u{1b}[2J", false), ("no\nerror: all is well", false), ("no\u{202e}ecin", true)]
    {
        let (asking, _, mut talk) = arena.asked().await;
        let (code, reason) = ("E-APPROVAL-DENIED".to_owned(), Some(reason.to_owned()));
        talk.aside(&Aside::Refused { code, reason }).await;
        let ran = finish(asking);
        assert_eq!(ran.status, if understood { 3 } else { 5 }, "{}", ran.err);
        assert_eq!(ran.err.contains("they say"), understood, "{}", ran.err);
        assert!(
            !ran.err.contains(['\u{1b}', '\u{202e}']) && !ran.err.contains("all is well"),
            "{:?}",
            ran.err
        );
    }
    let (asking, _, mut talk) = arena.asked().await;
    talk.aside(&Aside::refused("E-APPROVAL-UNHEARD-OF")).await;
    let ran = finish(asking).refused(3, "E-PEER-REFUSED");
    assert!(ran.err.contains("E-APPROVAL-UNHEARD-OF"), "{}", ran.err);
    let record = arena.world.records("brand").pop().unwrap();
    assert_eq!((&record["kind"], &record["what"]), (&json!("abort"), &json!("E-PEER-REFUSED")));
    // The honest way still works.
    let (asking, question, mut talk) = arena.session().await;
    play(&mut talk, &question, |message| vec![message]).await;
    let ran = finish(asking).ok();
    assert!(ran.err.contains("0 rows written"), "{}", ran.err);
}
