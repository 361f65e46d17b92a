//! What policy needs to know of the other rooms: which data there is, and who is who.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::{
    identity::{Profile, Region},
    ids::{ContractId, PartnerId},
};

use super::{Rooms, blocking};
use crate::{
    ledger::Kind as Record,
    policy::{self, ColumnClass, ContractError, DatasetFacts, Document, State, day},
    query::Kind,
    report::Report,
    scan::{self, ColumnType, Registration},
};

impl policy::Datasets for Rooms {
    fn dataset(&self, name: &str) -> Option<DatasetFacts> {
        self.datasets.show(name).ok().map(facts)
    }
}

impl policy::Directory for Rooms {
    fn key_of(&self, name: &str) -> Option<[u8; 32]> {
        if name == self.identity.name() {
            return Some(*self.identity.lineage().first());
        }
        // By the exact name: a contract's `ab` must not become the partner whose id starts with ab.
        self.partners.trusted().by_name(name).map(|partner| *partner.card().lineage().first())
    }

    fn name_of(&self, id: &PartnerId) -> Option<String> {
        if *id == self.identity.id() { Some(self.identity.name().to_owned()) } else { self.partner_name(*id) }
    }
}

/// A partner may hand over what it has said something about itself, and nothing in another's name alone.
fn signed_by(text: &str, from: PartnerId) -> Result<(), ContractError> {
    let document = Document::of_json(text)?;
    if document.statements().iter().any(|statement| statement.by == from) {
        return Ok(());
    }
    Err(ContractError::NotOurs { contract: document.contract().title() })
}

/// A registration as policy sees it.
fn facts(registration: Registration) -> DatasetFacts {
    let classes: BTreeMap<String, ColumnClass> = registration
        .classes
        .iter()
        .map(|(column, class)| {
            let class = match class {
                scan::ColumnClass::General => ColumnClass::General,
                scan::ColumnClass::Important => ColumnClass::Important,
                scan::ColumnClass::Core => ColumnClass::Core,
            };
            (column.clone(), class)
        })
        .collect();
    let kind = |column: &scan::Column| match column.kind {
        ColumnType::Text => Kind::Text,
        ColumnType::Integer | ColumnType::Real => Kind::Number,
        ColumnType::Boolean => Kind::Boolean,
        ColumnType::Date => Kind::Date,
        ColumnType::Time => Kind::Timestamp,
        ColumnType::Other => Kind::Other,
    };
    DatasetFacts {
        columns: registration.columns.iter().map(|column| (column.name.clone(), kind(column))).collect(),
        keys: registration.ids.into_iter().map(|key| (key.kind, key.column)).collect(),
        region: registration.region,
        population: registration.population,
        classes,
    }
}

impl Rooms {
    /// The profile that a dataset's identifiers will most likely be read under: that of a contract in force
    /// which names it, or the commonest one.
    pub fn usual_profile(&self, dataset: &str) -> Profile {
        self.usual_contract(dataset)
            .map_or(Profile::GoogleDm2, |document| document.contract().terms().identity.profile)
    }

    /// The region that national numbers of a dataset will be read as: that contract's, if it names one.
    pub fn usual_region(&self, dataset: &str) -> Option<Region> {
        self.usual_contract(dataset)?.contract().terms().identity.default_region
    }

    fn usual_contract(&self, dataset: &str) -> Option<Document> {
        let today = day(Timestamp::now());
        let names = |document: &Document| {
            document.contract().terms().dataset(self.identity.name(), dataset).is_some()
        };
        let mut fitting: Vec<Document> = self.contracts.list().into_iter().filter(names).collect();
        fitting.sort_by_key(|document| document.state(today) != State::InForce);
        fitting.into_iter().next()
    }

    /// Regions by which this node reads national telephone numbers: its datasets' and its contracts'.
    ///
    /// # Errors
    /// A registration that cannot be read.
    pub fn regions(&self) -> Result<Vec<Region>, Report> {
        let mut regions: Vec<Region> = self
            .datasets
            .list()?
            .into_iter()
            .filter_map(|registration| registration.default_region)
            .collect();
        for document in self.contracts.list() {
            regions.extend(document.contract().terms().identity.default_region);
        }
        regions.sort_by_key(ToString::to_string);
        regions.dedup();
        Ok(regions)
    }

    /// Takes a contract's document in, from a partner or from a file, and records what is new in it.
    ///
    /// # Errors
    /// It is not genuine, not ours, or names somebody who is no partner.
    pub async fn take_contract(&self, text: &str, from: Option<PartnerId>) -> Result<ContractId, Report> {
        let rooms = self.clone();
        let text = text.to_owned();
        // Signatures and fsyncs are no work for an I/O thread.
        let (document, news) = blocking(move || {
            if let Some(from) = from {
                signed_by(&text, from)?;
            }
            rooms.by_keys_in_force(&text, from)?;
            rooms.contracts.import(&text, &rooms.identity.id(), &rooms)
        })
        .await?;
        let id = document.contract().id();
        if news {
            let state = document.state(day(Timestamp::now()));
            let partner = from.and_then(|from| self.partner_name(from));
            let body = json!({ "name": document.contract().terms().name, "state": state.name() });
            self.ledger
                .note(Record::Contract, Some(id), partner, state.name(), body, Timestamp::now())
                .await?;
            self.papers_have_changed();
        }
        Ok(id)
    }

    /// Whoever finds a retired key could sign in its node's name and give an early date. So a statement that is new here
    /// and under such a key counts only from the hand of the partner that made it.
    fn by_keys_in_force(&self, text: &str, from: Option<PartnerId>) -> Result<(), ContractError> {
        let document = Document::of_json(text)?;
        let known = self.contracts.find_id(&document.contract().id());
        let trusted = self.partners.trusted();
        for statement in document.statements() {
            let line = match trusted.by_id(statement.by) {
                Some(partner) => partner.card().lineage().clone(),
                None if statement.by == self.identity.id() => self.identity.lineage(),
                None => continue,
            };
            let in_force = statement.line.continues(&line);
            let handed_by_itself = from == Some(statement.by) && line.continues(&statement.line);
            if !in_force && !handed_by_itself && !known.as_ref().is_some_and(|known| known.holds(statement)) {
                let partner = document.contract().partner(&statement.by);
                let partner = partner.map_or_else(|| statement.by.short(), |partner| partner.name.clone());
                return Err(ContractError::RetiredKey { partner });
            }
        }
        Ok(())
    }

    /// Contracts that a partner in them has not got as they stand here.
    pub fn papers_due(&self, fingerprint: impl Fn(&str) -> [u8; 32]) -> Vec<(PartnerId, String)> {
        let mut due = Vec::new();
        for document in self.contracts.list() {
            let (id, print) = (document.contract().id().to_string(), fingerprint(&document.to_json()));
            for partner in document.contract().partners() {
                let trusted = self.partner_name(partner.id()).is_some();
                if trusted && !self.has(partner.id(), &id, &print) {
                    due.push((partner.id(), id.clone()));
                }
            }
        }
        due
    }
}
