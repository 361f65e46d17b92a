//! What an end could link its own customers to those in common by: an attack that takes all that an end has, its keys
//! and every message, and three ends with a planted fault that the attack must find.

use std::collections::HashSet;

use curve25519_dalek::Scalar;

use super::{
    super::{end::Await, party::Party},
    *,
};
use crate::{
    psi,
    session::{Abort, Produced, Progress, Session, Step},
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// The peer's items go back in the order in which they came.
    OrderKept,
    /// One key for comparing and for the places.
    KeysAlike,
    /// What is asked is not under a key.
    AskBare,
}

/// An end with a fault.
struct Faulty(Uniter, Fault);

impl Faulty {
    fn new(mut uniter: Uniter, fault: Fault) -> Self {
        if let Await::Announce(party) = &mut uniter.0 {
            match fault {
                Fault::KeysAlike => party.keys.place = party.keys.compare.clone(),
                Fault::AskBare => party.keys.ask = Secret::new(Scalar::ONE),
                Fault::None | Fault::OrderKept => {}
            }
        }
        if let (Await::Comparing(comparing), Fault::OrderKept) = (&mut uniter.0, fault) {
            comparing.back.sort_unstable();
        }
        Self(uniter, fault)
    }
}

impl Session for Faulty {
    type Message = Message;
    type Output = United;

    fn handle(self, message: Message) -> Result<Step<Self>, Abort> {
        Ok(self.0.handle(message)?.within(|state| Self::new(state, self.1)))
    }

    fn produce(self) -> Result<Produced<Self>, Abort> {
        Ok(self.0.produce()?.within(|state| Self::new(state, self.1)))
    }

    fn expects(&self) -> &'static str {
        self.0.expects()
    }

    fn progress(&self) -> Progress {
        self.0.progress()
    }
}

/// What the asker finds in a run with an answerer that has this fault.
fn links(fault: Fault) -> Vec<String> {
    let params = params(8).with_chunk_items(64).unwrap();
    let sets = [items(0..400), items(200..600)];
    let padding = [5, 3].map(|shared| Padding { alone: 1, shared });
    let party = |role: Role| {
        let (set, padding) = (&sets[role as usize], padding[role as usize]);
        Party::new(params.clone(), role, set, padding, &Secret::new([7 + role as u8; 32])).unwrap()
    };
    let [asker, answerer] = [Role::Asker, Role::Answerer]
        .map(|role| end(&params, role, &sets[role as usize], padding[role as usize], 7 + role as u8));
    let pair =
        Pair::new(Faulty::new(asker, Fault::None), Faulty::new(answerer, fault), params.limits()).run();
    assert_eq!(pair.initiator.unwrap().places.len(), pair.responder.unwrap().places.len());

    // What the asker knows, and under which powers: all its own are undone.
    let (own, peer) = (party(Role::Asker), party(Role::Answerer));
    let heard = |kind: &str| -> Vec<[u8; 32]> {
        let of = pair.said.iter().filter(|said| said.by == End::Responder && said.kind == kind);
        let chunks = of.map(|said| Message::decode(&said.bytes, &params.limits()).unwrap());
        chunks.flat_map(|message| message.chunk().unwrap().1.0.clone()).collect()
    };
    let undo = |points: Vec<[u8; 32]>, key: &Secret<Scalar>| {
        psi::evaluate(&own.engine, &points, &key.expose().invert()).unwrap().0
    };
    let lists = [
        ("own", psi::hashed(&own.engine, &params.domain(), own.own.items(), &Scalar::ONE).0),
        ("blinded", heard("Blinded")),
        ("keyed", undo(heard("Keyed"), &own.keys.compare)),
        ("shuffled", undo(heard("Shuffled"), &own.keys.compare)),
        ("asked", undo(heard("Asked"), &own.keys.compare)),
        ("answered", undo(heard("Answered"), &own.keys.ask)),
    ];
    let mut found = Vec::new();
    let sets = lists.each_ref().map(|(name, list)| (*name, list.iter().copied().collect::<HashSet<_>>()));
    for (at, (name, one)) in sets.iter().enumerate() {
        for (other_name, other) in &sets[at + 1..] {
            // These two are what sets are compared by: they share what is in common, and are in secret orders.
            if (*name, *other_name) != ("blinded", "shuffled") && !one.is_disjoint(other) {
                found.push(format!("{name} and {other_name}"));
            }
        }
    }
    // Does the order show which of the own are in common? If it is secret, the hits are hypergeometric with the mean
    // below, and half-way between that and all with a probability of at most e^(−2c·((1 − c/n)/2)²) < 10⁻⁹ (Hoeffding).
    let theirs: HashSet<_> = peer.own.items().iter().collect();
    let common = |place: &usize| theirs.contains(&own.own.items()[*place]);
    let count = (0..own.own.items().len()).filter(common).count() as f64;
    let hits =
        (0..own.own.items().len()).filter(common).filter(|place| sets[1].1.contains(&lists[3].1[*place]));
    let (hits, mean) = (hits.count() as f64, count * count / lists[0].1.len() as f64);
    assert_eq!(sets[1].1.intersection(&sets[3].1).count() as f64, count, "what an end may know: how many");
    if hits > (mean + count) / 2.0 {
        found.push("order".into());
    }
    found
}

#[test]
fn union_04_union_06_an_end_links_its_own_to_nothing() {
    assert_eq!(links(Fault::None), Vec::<String>::new());
}

/// The twins: each of the locks, left open, is found.
#[test]
fn union_04_union_06_planted_faults_are_found() {
    assert_eq!(links(Fault::OrderKept), ["order"]);
    let alike = ["blinded and keyed", "blinded and answered", "keyed and shuffled"];
    assert_eq!(links(Fault::KeysAlike), alike);
    assert_eq!(links(Fault::AskBare), ["own and asked"]);
}
