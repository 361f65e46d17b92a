//! The room's tests, with two partners made of fixed keys.

mod approvals;
mod contracts;
pub(crate) mod figures;
pub(crate) mod joins;
mod permit;
mod scoring;
mod training;

use std::collections::BTreeMap;

use ring::signature::{Ed25519KeyPair, KeyPair};
use tacit_protocol::ids::PartnerId;

use super::{ColumnClass, Contract, DatasetFacts, Datasets, Directory, Document, Says, Signer, Terms};
use crate::{config::partner_id, query::Kind};

/// A partner's keys, the same in every run.
pub(super) struct Keys {
    name: &'static str,
    pair: Ed25519KeyPair,
}

impl Keys {
    pub(super) fn of(name: &'static str) -> Self {
        let seed = [name.len() as u8 + name.as_bytes()[0]; 32];
        Self { name, pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap() }
    }

    pub(super) fn id(&self) -> PartnerId {
        partner_id(&self.signing_key())
    }
}

impl Signer for Keys {
    fn signing_key(&self) -> [u8; 32] {
        self.pair.public_key().as_ref().try_into().unwrap()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().unwrap()
    }
}

/// Everybody knows the brand, the bank, the insurer and the garage.
pub(super) struct Everybody;

impl Everybody {
    fn all() -> [Keys; 4] {
        ["brand", "bank", "insurer", "garage"].map(Keys::of)
    }
}

impl Directory for Everybody {
    fn key_of(&self, name: &str) -> Option<[u8; 32]> {
        Self::all().iter().find(|keys| keys.name == name).map(Keys::signing_key)
    }

    fn name_of(&self, id: &PartnerId) -> Option<String> {
        Self::all().iter().find(|keys| keys.id() == *id).map(|keys| keys.name.to_owned())
    }
}

pub(super) fn at(moment: &str) -> jiff::Timestamp {
    moment.parse().unwrap()
}

pub(super) const NOW: &str = "2026-12-24T10:00:00Z";

/// A contract that these partners have signed.
pub(super) fn signed(toml: &str, by: &[&'static str]) -> Document {
    let contract = Contract::bind(Terms::of_toml(toml).unwrap(), &|name| Everybody.key_of(name)).unwrap();
    let mut document = Document::new(contract);
    for name in by {
        document.state_own(Says::Accept, None, &Keys::of(name), at("2026-11-20T10:00:00Z")).unwrap();
    }
    document
}

/// The datasets of both partners, under names that do not clash.
#[derive(Clone)]
pub(super) struct Registered(pub(super) BTreeMap<&'static str, DatasetFacts>);

impl Datasets for Registered {
    fn dataset(&self, name: &str) -> Option<DatasetFacts> {
        self.0.get(name).cloned()
    }
}

pub(super) fn registered() -> Registered {
    let columns =
        |columns: &[(&str, Kind)]| columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    let accounts = DatasetFacts {
        columns: columns(&[
            ("credit_tier", Kind::Text),
            ("region", Kind::Text),
            ("income", Kind::Number),
            ("balance", Kind::Number),
            ("tel", Kind::Text),
            ("mail", Kind::Text),
            ("secret", Kind::Text),
            ("marketing_ok", Kind::Boolean),
        ]),
        keys: vec![
            ("email".parse().unwrap(), "mail".to_owned()),
            ("phone".parse().unwrap(), "tel".to_owned()),
        ],
        region: None,
        population: None,
        classes: BTreeMap::from([("tel".to_owned(), ColumnClass::Core)]),
    };
    let customers = DatasetFacts {
        columns: columns(&[
            ("category", Kind::Text),
            ("spend", Kind::Number),
            ("region", Kind::Text),
            ("mobile", Kind::Text),
            ("diagnosis", Kind::Text),
        ]),
        keys: vec![("phone".parse().unwrap(), "mobile".to_owned())],
        region: None,
        population: None,
        classes: BTreeMap::from([("diagnosis".to_owned(), ColumnClass::Core)]),
    };
    Registered(BTreeMap::from([("accounts", accounts), ("customers", customers)]))
}
