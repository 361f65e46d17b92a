//! One order for the customers that two ends have in common, once both may know which those are.
//!
//! After an intersection one end knows which of its match items the other has too. A customer can have items of
//! several kinds (a telephone number, an address), and two items of one customer here can belong to two customers
//! there. So both ends go through the kinds in the contract's order, the strongest first: this end names the items in
//! common of its customers that have no counterpart yet, the other says which of them belong to customers of its own
//! that have none yet, and those are pairs, in the order of their items.
//!
//! The attack: an end that names items which were not in common, or one twice, to have rows counted that nobody has.
//! Every item must be one of our own, and items of a kind rise (ALIGN-01); a pair is made once (ALIGN-02); and at the
//! end both compare the hash of all that was said (ALIGN-03).

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{
    session::{Abort, PeerMisbehaved, Produced, Progress, Session, Step},
    transcript::Transcript,
    wire::{Limits, Wire, WireError, codec, codec::Bulk},
};

/// Items in one message.
const CHUNK: usize = 8192;
const ITEM: usize = 32;

/// What no message is longer than.
pub const LIMITS: Limits = Limits::new(ITEM * CHUNK + 64);

/// Everything that is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Items in common of one kind whose customers have no counterpart yet, 32 bytes each.
    Items { kind: u32, items: Bulk },
    /// For each of them a bit: whether its customer here had none either.
    Taken { bits: Bulk },
    /// All is said; so many pairs.
    Paired { pairs: u32, transcript: [u8; 32] },
    /// The same here.
    Agreed { transcript: [u8; 32] },
}

impl Wire for Message {
    fn kind(&self) -> &'static str {
        match self {
            Self::Items { .. } => "Items",
            Self::Taken { .. } => "Taken",
            Self::Paired { .. } => "Paired",
            Self::Agreed { .. } => "Agreed",
        }
    }

    fn encode(&self) -> Vec<u8> {
        let bulk = match self {
            Self::Items { items, .. } => items.0.len(),
            Self::Taken { bits } => bits.0.len(),
            Self::Paired { .. } | Self::Agreed { .. } => 0,
        };
        codec::encode(self, 48 + bulk)
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, WireError> {
        codec::decode(bytes, limits)
    }
}

/// For each kind of match key, each customer's item, if it has one.
pub type Keys = Vec<Vec<Option<[u8; ITEM]>>>;

/// The pairs in their order: the place of each one's customer at this end.
#[derive(Clone, PartialEq, Eq)]
pub struct Aligned {
    /// Places among this end's customers.
    pub rows: Vec<u32>,
    /// The hash of all that was said, equal at both ends.
    pub transcript: [u8; 32],
    /// The same without the session: who the pairs are.
    pub customers: [u8; 32],
}

/// Shows how many there are.
impl std::fmt::Debug for Aligned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Aligned({} pairs)", self.rows.len())
    }
}

/// The end that knows which of its items are in common.
pub struct Proposer {
    /// For each kind what is still to be named, the least item last.
    queues: Vec<Vec<([u8; ITEM], u32)>>,
    kind: usize,
    named: Vec<u32>,
    waiting: bool,
    ended: bool,
    paired: Vec<bool>,
    rows: Vec<u32>,
    record: Record,
}

/// The other end.
pub struct Confirmer {
    own: Vec<HashMap<[u8; ITEM], u32>>,
    last: Option<(u32, [u8; ITEM])>,
    paired: Vec<bool>,
    rows: Vec<u32>,
    record: Record,
}

/// What was said: of this session, and of whichever said the same.
struct Record {
    all: Transcript,
    customers: Transcript,
}

impl Record {
    fn new(session: &[u8; 32]) -> Self {
        let mut all = Transcript::new("tacit align/1");
        all.absorb("session", session);
        Self { all, customers: Transcript::new("tacit align/1 customers") }
    }

    fn absorb(&mut self, label: &str, data: &[u8]) {
        self.all.absorb(label, data);
        self.customers.absorb(label, data);
    }

    fn hash(&self) -> [u8; 32] {
        self.all.hash()
    }

    fn aligned(&self, rows: Vec<u32>) -> Aligned {
        Aligned { rows, transcript: self.hash(), customers: self.customers.hash() }
    }
}

impl Proposer {
    /// With our customers' items, and those of them that the other end has too.
    pub fn start(session: &[u8; 32], keys: &Keys, common: &HashSet<[u8; ITEM]>) -> Self {
        let queue = |items: &Vec<Option<[u8; ITEM]>>| {
            let places = items.iter().zip(0..).filter_map(|(item, place)| Some(((*item)?, place)));
            let mut queue: Vec<_> = places.filter(|(item, _)| common.contains(item)).collect();
            queue.sort_unstable_by(|a, b| b.cmp(a));
            queue
        };
        Self {
            queues: keys.iter().map(queue).collect(),
            kind: 0,
            named: Vec::new(),
            waiting: false,
            ended: false,
            paired: vec![false; keys.first().map_or(0, Vec::len)],
            rows: Vec::new(),
            record: Record::new(session),
        }
    }

    /// The next items whose customers have no counterpart yet.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        while let Some(queue) = self.queues.get_mut(self.kind) {
            let mut items = Vec::new();
            while self.named.len() < CHUNK
                && let Some((item, place)) = queue.pop()
            {
                if !self.paired[place as usize] {
                    self.named.push(place);
                    items.extend_from_slice(&item);
                }
            }
            if !items.is_empty() {
                return Some(items);
            }
            self.kind += 1;
        }
        None
    }
}

impl Session for Proposer {
    type Message = Message;
    type Output = Aligned;

    fn handle(mut self, message: Message) -> Result<Step<Self>, Abort> {
        match message {
            Message::Taken { bits } if self.waiting => {
                let due = self.named.len().div_ceil(8);
                if bits.0.len() != due {
                    return Err(PeerMisbehaved::CountDiffers { expected: due, got: bits.0.len() }.into());
                }
                self.record.absorb("taken", &bits.0);
                for (at, place) in std::mem::take(&mut self.named).into_iter().enumerate() {
                    if bits.0[at / 8] >> (at % 8) & 1 == 1 && !self.paired[place as usize] {
                        self.paired[place as usize] = true;
                        self.rows.push(place);
                    }
                }
                self.waiting = false;
                Ok(Step::Wait { state: self, send: Vec::new() })
            }
            Message::Agreed { transcript } if self.ended => {
                let own = self.record.hash();
                // ALIGN-03: or a model would be fitted to rows of different people.
                if transcript != own {
                    return Err(PeerMisbehaved::TranscriptDiffers.into());
                }
                Ok(Step::Done { output: self.record.aligned(self.rows), send: Vec::new() })
            }
            other => Err(Abort::OutOfTurn { expected: self.expects(), got: other.kind() }),
        }
    }

    fn produce(mut self) -> Result<Produced<Self>, Abort> {
        if self.waiting || self.ended {
            return Ok(Produced::Idle(self));
        }
        let message = match self.chunk() {
            Some(items) => {
                let kind = self.kind as u32;
                self.record.absorb("kind", &kind.to_le_bytes());
                self.record.absorb("items", &items);
                self.waiting = true;
                Message::Items { kind, items: Bulk(items) }
            }
            None => {
                self.ended = true;
                let pairs = self.rows.len() as u32;
                self.record.absorb("pairs", &pairs.to_le_bytes());
                Message::Paired { pairs, transcript: self.record.hash() }
            }
        };
        Ok(Produced::Message { state: self, message })
    }

    fn expects(&self) -> &'static str {
        if self.ended { "Agreed" } else { "Taken" }
    }

    fn progress(&self) -> Progress {
        let left: usize = self.queues.iter().map(Vec::len).sum();
        Progress { done: self.rows.len() as u64, total: (self.rows.len() + left) as u64 }
    }
}

impl Confirmer {
    /// With our customers' items.
    pub fn start(session: &[u8; 32], keys: &Keys) -> Self {
        let places = |items: &Vec<Option<[u8; ITEM]>>| {
            items.iter().zip(0..).filter_map(|(item, place)| Some(((*item)?, place))).collect()
        };
        Self {
            own: keys.iter().map(places).collect(),
            last: None,
            paired: vec![false; keys.first().map_or(0, Vec::len)],
            rows: Vec::new(),
            record: Record::new(session),
        }
    }

    fn take(&mut self, kind: u32, items: &[u8]) -> Result<Vec<u8>, Abort> {
        let count = items.len() / ITEM;
        if count == 0 || count > CHUNK || !items.len().is_multiple_of(ITEM) {
            return Err(PeerMisbehaved::CountDiffers { expected: CHUNK * ITEM, got: items.len() }.into());
        }
        let mut bits = vec![0; count.div_ceil(8)];
        for (at, item) in items.as_chunks::<ITEM>().0.iter().enumerate() {
            // ALIGN-01.
            if self.last.is_some_and(|last| (kind, *item) <= last) {
                return Err(PeerMisbehaved::ItemOutOfOrder.into());
            }
            self.last = Some((kind, *item));
            let place = self.own.get(kind as usize).and_then(|own| own.get(item));
            let place = *place.ok_or(PeerMisbehaved::ItemNotInCommon)? as usize;
            // ALIGN-02.
            if !self.paired[place] {
                self.paired[place] = true;
                self.rows.push(place as u32);
                bits[at / 8] |= 1 << (at % 8);
            }
        }
        Ok(bits)
    }
}

impl Session for Confirmer {
    type Message = Message;
    type Output = Aligned;

    fn handle(mut self, message: Message) -> Result<Step<Self>, Abort> {
        match message {
            Message::Items { kind, items } => {
                let bits = self.take(kind, &items.0)?;
                self.record.absorb("kind", &kind.to_le_bytes());
                self.record.absorb("items", &items.0);
                self.record.absorb("taken", &bits);
                Ok(Step::Wait { state: self, send: vec![Message::Taken { bits: Bulk(bits) }] })
            }
            Message::Paired { pairs, transcript } => {
                self.record.absorb("pairs", &(self.rows.len() as u32).to_le_bytes());
                let own = self.record.hash();
                if pairs as usize != self.rows.len() || transcript != own {
                    return Err(PeerMisbehaved::TranscriptDiffers.into());
                }
                let send = vec![Message::Agreed { transcript: own }];
                Ok(Step::Done { output: self.record.aligned(self.rows), send })
            }
            other => Err(Abort::OutOfTurn { expected: self.expects(), got: other.kind() }),
        }
    }

    fn produce(self) -> Result<Produced<Self>, Abort> {
        Ok(Produced::Idle(self))
    }

    fn expects(&self) -> &'static str {
        "Items"
    }

    fn progress(&self) -> Progress {
        let done = self.rows.len() as u64;
        Progress { done, total: done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Pair;

    fn item(number: u32) -> [u8; ITEM] {
        *blake3::hash(&number.to_le_bytes()).as_bytes()
    }

    fn keys(phones: &[u32], mails: &[u32]) -> Keys {
        let column = |numbers: &[u32]| numbers.iter().map(|&n| (n > 0).then(|| item(n))).collect();
        vec![column(phones), column(mails)]
    }

    fn common(one: &Keys, other: &Keys) -> HashSet<[u8; ITEM]> {
        let theirs: HashSet<_> = other.iter().flatten().flatten().collect();
        one.iter().flatten().flatten().filter(|item| theirs.contains(item)).copied().collect()
    }

    fn align(one: &Keys, other: &Keys) -> [Vec<u32>; 2] {
        let proposer = Proposer::start(&[1; 32], one, &common(one, other));
        let ended = Pair::new(proposer, Confirmer::start(&[1; 32], other), LIMITS).run();
        let (one, other) = (ended.initiator.unwrap(), ended.responder.unwrap());
        assert_eq!((one.transcript, one.customers), (other.transcript, other.customers));
        [one.rows, other.rows]
    }

    #[test]
    fn align_02_the_strongest_kind_wins_and_nobody_is_paired_twice() {
        // Customer 0 here has the telephone of 1 there and the mail of 0 there; 1 here has the mail of 1 there.
        let one = keys(&[10, 0, 30, 40], &[101, 102, 0, 0]);
        let other = keys(&[0, 10, 30, 50], &[101, 102, 0, 0]);
        let [ours, theirs] = align(&one, &other);
        let mut pairs: Vec<(u32, u32)> = ours.into_iter().zip(theirs).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [(0, 1), (2, 2)]);
    }

    #[test]
    fn many_customers_in_several_chunks_have_one_order() {
        let numbers: Vec<u32> = (1..=20_000).collect();
        let none = vec![0; numbers.len()];
        let shifted: Vec<u32> = (5_001..=25_000).rev().collect();
        let (one, other) = (keys(&numbers, &none), keys(&shifted, &none));
        let [ours, theirs] = align(&one, &other);
        assert_eq!(ours.len(), 15_000);
        assert!(ours.iter().zip(&theirs).all(|(a, b)| numbers[*a as usize] == shifted[*b as usize]));
    }

    #[test]
    fn align_01_an_item_that_is_not_ours_or_comes_again_aborts() {
        let other = keys(&[10, 20], &[0, 0]);
        let hear = |items: &[[u8; ITEM]]| {
            let message = Message::Items { kind: 0, items: Bulk(items.concat()) };
            Confirmer::start(&[1; 32], &other).handle(message).map(drop)
        };
        let mut both = [item(10), item(20)];
        both.sort_unstable();
        assert_eq!(hear(&both), Ok(()));
        assert_eq!(hear(&[both[1], both[0]]), Err(PeerMisbehaved::ItemOutOfOrder.into()));
        assert_eq!(hear(&[both[0], both[0]]), Err(PeerMisbehaved::ItemOutOfOrder.into()));
        assert_eq!(hear(&[item(30)]), Err(PeerMisbehaved::ItemNotInCommon.into()));
        assert!(hear(&[]).is_err());
    }

    #[test]
    fn align_03_ends_that_remember_something_else_abort() {
        let (one, other) = (keys(&[10, 20], &[0, 0]), keys(&[10, 20], &[0, 0]));
        let proposer = Proposer::start(&[2; 32], &one, &common(&one, &other));
        let ended = Pair::new(proposer, Confirmer::start(&[1; 32], &other), LIMITS).run();
        assert_eq!(ended.responder.unwrap_err(), PeerMisbehaved::TranscriptDiffers.into());
        assert!(ended.initiator.is_err());
    }
}
