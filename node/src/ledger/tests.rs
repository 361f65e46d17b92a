//! A node's ledger on a disk that fails in every way that the tests can think of.

mod crash;
mod damage;
mod faults;
mod fence;
mod handover;
mod sim;
mod store;

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use tacit_protocol::{
    ids::{ContractId, PartnerId, QueryId},
    log::{
        Account, Amount, Kind,
        book::{Balance, Cycle, Wish},
        checkpoint::origin,
        note::{SignatureKind, VerifierKey},
    },
};

use self::sim::Sim;
use super::{
    Cost, LedgerError, Signer,
    draft::{Act, Draft},
    journal::{Journal, Shared, Written},
};

const CONTRACT: ContractId = ContractId::new([3; 32]);
const LIMIT: u64 = 1_000;

struct Key(Ed25519KeyPair);

impl Signer for Key {
    fn id(&self) -> PartnerId {
        PartnerId::of_key(&self.public())
    }

    fn public(&self) -> [u8; 32] {
        self.0.public_key().as_ref().try_into().unwrap()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }
}

fn verifier_key(seed: u8) -> VerifierKey {
    let signer = signer(seed);
    VerifierKey::new(&origin(&signer.id()), SignatureKind::Ed25519, signer.public()).unwrap()
}

fn signer(seed: u8) -> Arc<dyn Signer> {
    Arc::new(Key(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()))
}

fn now(second: i64) -> Timestamp {
    Timestamp::from_second(1_796_083_200 + second).unwrap()
}

fn account() -> Account {
    let (owner, asker) = (PartnerId::new([9; 32]), PartnerId::new([1; 32]));
    Account { owner, population: "customers".to_owned(), unit: "customer".to_owned(), asker }
}

fn price(nano_rho: u64) -> Cost {
    let amount = |nano_rho| Amount { nano_rho, atto_delta: 0 };
    let (price, limit) = (amount(nano_rho), amount(LIMIT));
    Cost::Charge(Box::new(Wish { account: account(), price, limit, cycle: None, ceiling: None }))
}

fn query(number: u8) -> QueryId {
    QueryId::new([number; 32])
}

fn draft(kind: Kind, about: Option<u8>, what: &str, second: i64) -> Draft {
    Draft {
        kind,
        query: about.map(query),
        contract: about.map(|_| CONTRACT),
        partner: Some("brand".to_owned()),
        what: what.to_owned(),
        body: json!({ "purpose": "joint-marketing" }),
        now: now(second),
    }
}

type Node = (Journal<Sim>, Arc<Shared>);

fn open(disk: Sim) -> Result<Node, LedgerError> {
    let shared = Arc::new(Shared::default());
    Ok((Journal::open(disk, signer(1), Arc::clone(&shared), now(0))?, shared))
}

fn one(journal: &mut Journal<Sim>, draft: Draft, act: Act) -> Result<Written, LedgerError> {
    let mut written = journal.commit(vec![(draft, act)]);
    assert_eq!(written.len(), 1);
    written.remove(0)
}

fn balance(shared: &Shared) -> Balance {
    shared.book.read().unwrap_or_else(PoisonError::into_inner).balance(&account())
}

fn told_size(shared: &Shared) -> usize {
    shared.published.read().unwrap_or_else(PoisonError::into_inner).ends.len()
}

/// A month of budget.
fn monthly(limit: u64) -> Cycle {
    let limit = Amount { nano_rho: limit, atto_delta: 0 };
    Cycle { starts: 1_796_083_200, seconds: 30 * 86_400, limit }
}
