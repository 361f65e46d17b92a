//! Rounds without a network: what is due, what is kept, and what a node does that was killed in between.

use tacit_protocol::{
    ids::ContractId,
    learn::{
        encode::{Design, Encoding, Feature, Raw},
        glm::{Asked, Family, Noise, Plan, Rows as Table, Terms},
        horizontal::{Coordinator, Message, Routed, Rules},
    },
    session::{Produced, Session, Step},
    wire::Wire,
};

use super::*;
use crate::config::Home;

const TRAINERS: usize = 3;
const RUN: QueryId = QueryId::new([7; 32]);

fn partner(seat: usize) -> PartnerId {
    PartnerId::new([seat as u8 + 1; 32])
}

fn key(seat: usize) -> JobKey {
    JobKey::new(Secret::new([seat as u8 + 40; 32]))
}

fn plan() -> Plan {
    let noise = Some(Noise { clip: 2 << 12, nano_rho: 90_000_000, honest: 2 });
    let family = Family::Logistic;
    let terms = Terms { family, columns: 2, rounds: 2, l2: 1.0, rows: 1 << 12, trainers: TRAINERS, noise };
    Plan::new(terms).unwrap()
}

fn table(plan: &Plan, seat: usize, count: u32) -> (Table, Vec<f32>) {
    let mut design = Design::new(count as usize, true);
    let values = (0..count).map(|row| Some(f64::from(row) / f64::from(count))).collect();
    let encoding = Encoding::Number { low: 0.0, high: 1.0 };
    design.push(&Feature { name: "x".into(), encoding }, &Raw::Number(values)).unwrap();
    let target: Vec<f32> = (0..count).map(|row| f32::from(u8::from(row as usize % 5 > seat))).collect();
    (Table::new(plan, &design, &target).unwrap(), target)
}

/// A trainer with what lies in its home.
fn opened(home: &Home, seat: usize) -> Business {
    let plan = plan();
    let asked = Asked { bins: 4, groups: vec![2], by_trainer: true, nano_rho: 60_000_000 };
    let review = Some(Review::new(&plan, asked).unwrap());
    let (held, held_target) = table(&plan, seat, 60);
    let groups = vec![(0..60).map(|row| Some(row % 2)).collect()];
    let bench = Bench::of(plan.clone(), table(&plan, seat, 200).0, held, held_target, groups);
    let folder = RunFolder::of(home, &RUN);
    let held = folder.hold().unwrap();
    let kept: Kept = folder.kept_value(STATE).unwrap().unwrap_or_default();
    let mut business = Business {
        run: RUN,
        job: [5; 32],
        partner: "another".to_owned(),
        fit: kept.fit.as_ref().map_or_else(|| Fit::start(&plan), |fit| Fit::decode(&plan, fit).unwrap()),
        promises: kept.promises.as_ref().map_or_else(Promises::default, |p| Promises::decode(p).unwrap()),
        key: key(seat),
        noise: Secret::new([seat as u8 + 60; 32]),
        bench,
        review,
        folder,
        _held: held,
        roster: None,
        kept,
    };
    let seats = (0..TRAINERS)
        .map(|seat| Seat { partner: partner(seat), key: key(seat).public(), signature: [0; 64] })
        .collect();
    let rules = Rules::new(TRAINERS, 3, 0, 1, true).unwrap();
    let roster =
        Roster::new(business.binding(), ContractId::new([8; 32]), rules, seats, |_, _, _| true).unwrap();
    business.kept.history.get_or_insert(*roster.hash());
    business.roster = Some(roster);
    business
}

/// One attempt at the round that is due; it breaks before the first message of this kind arrives. The sum, and its
/// message.
fn attempt(nodes: &mut [Business], attempt: u32, breaks_at: Option<&str>) -> Option<(Sum, Bulk)> {
    let (round, shape) = (nodes[0].round(attempt), nodes[0].shape());
    let mut coordinator = Some(Coordinator::start(nodes[0].roster().unwrap(), round, &shape).unwrap());
    let mut inbox = std::collections::VecDeque::new();
    let mut trainers: Vec<Option<Trainer>> = Vec::new();
    for (seat, node) in nodes.iter_mut().enumerate() {
        let Produced::Message { state, message } =
            node.begin(partner(seat), attempt).unwrap().produce().unwrap()
        else {
            panic!("a trainer begins")
        };
        node.promise(&state).unwrap();
        trainers.push(Some(state));
        inbox.push_back((seat, message));
    }
    while let Some((seat, message)) = inbox.pop_front() {
        if Some(message.kind()) == breaks_at {
            return None;
        }
        let send = match coordinator.take().unwrap().handle(seat, message).unwrap() {
            Routed::Wait { coordinator: next, send } => {
                coordinator = Some(next);
                send
            }
            Routed::Done { sum, send } => {
                let message = send.first().map(|(_, message)| Bulk(message.encode())).unwrap();
                return Some((sum, message));
            }
        };
        for (to, message) in send {
            match trainers[to].take().unwrap().handle(message).unwrap() {
                Step::Wait { state, send } => {
                    nodes[to].promise(&state).unwrap();
                    trainers[to] = Some(state);
                    inbox.extend(send.into_iter().map(|message| (to, message)));
                }
                Step::Done { .. } => panic!("nobody is done before the coordinator"),
            }
        }
    }
    None
}

fn fitted(homes: &[Home]) -> Vec<Business> {
    let mut nodes: Vec<Business> = homes.iter().enumerate().map(|(seat, home)| opened(home, seat)).collect();
    while nodes[0].due_kind() == Due::Step {
        let (sum, message) = attempt(&mut nodes, 0, None).unwrap();
        nodes.iter_mut().for_each(|node| assert!(node.take(&sum, 0, &message).unwrap().is_some()));
    }
    nodes
}

#[test]
fn learnh_25_t21_an_evaluation_that_was_cut_goes_on_and_opens_the_same_once() {
    let places: Vec<tempfile::TempDir> = (0..2 * TRAINERS).map(|_| tempfile::tempdir().unwrap()).collect();
    let homes: Vec<Home> = places.iter().map(|place| Home::at(place.path())).collect();
    let (cut, through) = homes.split_at(TRAINERS);
    // Nobody is killed.
    let mut nodes = fitted(through);
    assert!(nodes[0].due_kind() == Due::Review && nodes[0].due() == plan().rounds());
    let (expected, message) = attempt(&mut nodes, 0, None).unwrap();
    for node in &mut nodes {
        assert!(node.take(&expected, 0, &message).unwrap().is_none(), "no weight has moved");
        assert!(node.due_kind() == Due::Closing && node.due() == plan().rounds() + 1);
    }
    drop(nodes);
    // All are, when they have agreed to who is in the sum, before it is opened.
    for at in ["Consent", "Unmask"] {
        let again: Vec<Home> = cut.to_vec();
        let mut nodes = if at == "Consent" { fitted(&again) } else { reopened(&again) };
        let due = u32::from(at == "Unmask");
        assert!(attempt(&mut nodes, due, Some(at)).is_none());
    }
    let mut nodes = reopened(cut);
    assert!(nodes.iter().all(|node| node.due_kind() == Due::Review && node.kept.reviewed.is_none()));
    assert!(nodes[1].begin(partner(1), 1).is_err(), "no attempt twice");
    let (sum, message) = attempt(&mut nodes, 2, None).unwrap();
    assert_eq!(sum.entries, expected.entries, "the same rows, the same noise");
    // The last one does not hear of it, and is killed; it catches up.
    for node in &mut nodes[..2] {
        node.take(&sum, 2, &message).unwrap();
    }
    drop(nodes);
    let mut nodes = reopened(cut);
    assert_eq!([nodes[0].due(), nodes[2].due()], [plan().rounds() + 1, plan().rounds()]);
    let (number, tried, bytes) = nodes[0].kept.last.clone().unwrap();
    assert_eq!(number, nodes[2].due());
    let (round, shape) = (nodes[2].round(tried), nodes[2].shape());
    let message = Message::decode(&bytes, &Message::limits(&shape)).unwrap();
    let late = Sum::late(nodes[2].roster().unwrap(), &round, &shape, &nodes[2].promises, &message).unwrap();
    nodes[2].take(&late, tried, &Bulk(bytes)).unwrap();
    let (closing, message) = attempt(&mut nodes, 0, None).unwrap();
    for node in &mut nodes {
        node.take(&closing, 0, &message).unwrap();
        assert!(node.is_closed() && node.kept.reviewed == Some((0b111, expected.entries.clone())));
    }
}

fn reopened(homes: &[Home]) -> Vec<Business> {
    homes.iter().enumerate().map(|(seat, home)| opened(home, seat)).collect()
}
