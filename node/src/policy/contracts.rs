//! The contracts of this node: one JSON file each.
//!
//! Nothing here talks to anybody. A document goes out as text and comes back as text; whoever brings it is
//! not believed, its signatures are.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use jiff::{Timestamp, civil::Date};
use tacit_protocol::ids::{ContractId, PartnerId};

use super::{Contract, ContractError, Directory, Document, Says, Signer, State, Terms, contract::list};
use crate::config::{FileError, files::write_atomic};

/// How many contracts are kept that this node has said nothing about.
const UNSIGNED: usize = 200;

/// The store. One process at a time has it: the home's lock sees to that.
#[derive(Debug)]
pub struct Contracts {
    dir: PathBuf,
    known: RwLock<BTreeMap<ContractId, Document>>,
}

impl Contracts {
    /// Reads all contracts from a directory, which may be missing yet.
    ///
    /// # Errors
    ///
    /// [`ContractError::Damaged`] for the first file that is not what was stored; [`ContractError::File`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, ContractError> {
        let dir = dir.into();
        let unreadable = |path: &Path, source| {
            ContractError::File(FileError::Unreadable { path: path.to_owned(), source })
        };
        let mut known = BTreeMap::new();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&dir, error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unreadable(&dir, error)),
        };
        for path in entries.iter().map(fs::DirEntry::path) {
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            let document = Document::of_json(&text).map_err(|cause| ContractError::Damaged {
                file: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                cause: Box::new(cause),
            })?;
            known.insert(document.contract().id(), document);
        }
        Ok(Self { dir, known: RwLock::new(known) })
    }

    /// Makes a contract of a person's TOML, signs it and keeps it. Proposing it again changes nothing.
    ///
    /// # Errors
    ///
    /// Everything that can be wrong with the text; [`ContractError::NotOurs`] if this node is not in it;
    /// [`ContractError::WrongState`] for a text that is over: it has one id, and that id has ended.
    pub fn propose(
        &self,
        toml: &str,
        me: &dyn Signer,
        directory: &dyn Directory,
        now: Timestamp,
    ) -> Result<Document, ContractError> {
        let contract = Contract::bind(Terms::of_toml(toml)?, &|name| directory.key_of(name))?;
        let id = contract.id();
        self.change(
            id,
            || Document::new(contract),
            |document| {
                let because = match document.state(day(now)) {
                    State::Refused(no) => Some(format!("{} has refused this text", no.by)),
                    State::Ended(no) => Some(format!("{} has ended this text", no.by)),
                    State::Expired => Some("its last day is over".to_owned()),
                    State::Proposed { .. } | State::Upcoming | State::InForce => None,
                };
                if let Some(because) = because {
                    let because = format!("{because}; change a day or the name");
                    let contract = document.contract().title();
                    return Err(ContractError::WrongState { contract, what: "proposed", because });
                }
                let own = me.lineage().node();
                let said = document.statements().iter().any(|statement| statement.by == own);
                if said { Ok(()) } else { document.state_own(Says::Propose, None, me, now) }
            },
        )
    }

    /// Takes in a document from a partner or a file, and says whether it brought anything new.
    ///
    /// # Errors
    ///
    /// [`ContractError::NotGenuine`]; [`ContractError::NotOurs`]; [`ContractError::StrangerNamed`] for a
    /// partner whose card this node does not have; [`ContractError::MisnamedPartner`] for one whose card has
    /// another name: whoever signs reads names, and a name in a contract proves nothing about whose key it
    /// is. [`ContractError::TooMany`] when too many wait unsigned: a partner must not fill the disk.
    pub fn import(
        &self,
        text: &str,
        me: &PartnerId,
        directory: &dyn Directory,
    ) -> Result<(Document, bool), ContractError> {
        let document = Document::of_json(text)?;
        let contract = document.contract();
        if contract.partner(me).is_none() {
            return Err(ContractError::NotOurs { contract: contract.title() });
        }
        for partner in contract.partners() {
            match directory.name_of(&partner.id()) {
                Some(known_name) if known_name == partner.name => {}
                Some(known_name) => {
                    let contract_name = partner.name.clone();
                    return Err(ContractError::MisnamedPartner { contract_name, known_name });
                }
                None => return Err(ContractError::StrangerNamed { name: partner.name.clone() }),
            }
        }
        if self.find_id(&contract.id()).is_none() {
            self.make_room(me)?;
        }
        let (id, mut news) = (contract.id(), self.find_id(&contract.id()).is_none());
        let empty = Document::new(contract.clone());
        let merged = self.change(
            id,
            || empty,
            |known| {
                news |= known.merge(document);
                Ok(())
            },
        )?;
        Ok((merged, news))
    }

    /// Signs.
    ///
    /// # Errors
    ///
    /// [`ContractError::WrongState`] when it is signed already, or over.
    pub fn accept(&self, wanted: &str, me: &dyn Signer, now: Timestamp) -> Result<Document, ContractError> {
        self.say(wanted, Says::Accept, None, me, now)
    }

    /// Says no to a contract that is not in force yet; for a proposal of one's own, this takes it back.
    ///
    /// # Errors
    ///
    /// [`ContractError::WrongState`] when everybody has signed, or when it is over.
    pub fn refuse(
        &self,
        wanted: &str,
        reason: &str,
        me: &dyn Signer,
        now: Timestamp,
    ) -> Result<Document, ContractError> {
        self.say(wanted, Says::Refuse, Some(reason), me, now)
    }

    /// Ends a contract that everybody has signed. There is no way back but a new one.
    ///
    /// # Errors
    ///
    /// [`ContractError::WrongState`] when it is not signed by all yet, or over.
    pub fn end(
        &self,
        wanted: &str,
        reason: &str,
        me: &dyn Signer,
        now: Timestamp,
    ) -> Result<Document, ContractError> {
        self.say(wanted, Says::End, Some(reason), me, now)
    }

    fn say(
        &self,
        wanted: &str,
        says: Says,
        reason: Option<&str>,
        me: &dyn Signer,
        now: Timestamp,
    ) -> Result<Document, ContractError> {
        let today = day(now);
        let document = self.find(wanted, today)?;
        let own = me.lineage().node();
        let Some(name) = document.contract().partner(&own).map(|partner| partner.name.clone()) else {
            return Err(ContractError::NotOurs { contract: document.contract().title() });
        };
        let because = match (says, document.state(today)) {
            (Says::Accept, State::Proposed { missing, .. }) if missing.contains(&name) => None,
            (Says::Refuse, State::Proposed { .. }) => None,
            (Says::End, State::InForce | State::Upcoming) => None,
            (Says::End, State::Proposed { .. }) => {
                Some("not everybody has signed it; refuse it instead".to_owned())
            }
            (Says::Refuse, State::InForce | State::Upcoming) => {
                Some("everybody has signed it; end it instead".to_owned())
            }
            (_, State::Proposed { .. } | State::InForce | State::Upcoming) => {
                Some("this node has signed it already".to_owned())
            }
            (_, State::Expired) => Some("it has expired".to_owned()),
            (_, State::Refused(no)) => Some(format!("{} has refused it", no.by)),
            (_, State::Ended(no)) => Some(format!("{} has ended it", no.by)),
        };
        if let Some(because) = because {
            let what = match says {
                Says::Propose => "proposed",
                Says::Accept => "accepted",
                Says::Refuse => "refused",
                Says::End => "ended",
            };
            return Err(ContractError::WrongState { contract: document.contract().title(), what, because });
        }
        let id = document.contract().id();
        self.change(id, || document, |document| document.state_own(says, reason, me, now))
    }

    /// All contracts, oldest statement first.
    pub fn list(&self) -> Vec<Document> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Document> = known.values().cloned().collect();
        all.sort_by_key(|document| {
            (document.statements().first().map(|first| first.at), document.contract().id())
        });
        all
    }

    /// The contract with this id.
    pub fn find_id(&self, id: &ContractId) -> Option<Document> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The contract with this name, or whose id starts like this. Of several by one name, the one that is not
    /// over.
    ///
    /// # Errors
    ///
    /// [`ContractError::NotFound`], [`ContractError::Ambiguous`].
    pub fn find(&self, wanted: &str, today: Date) -> Result<Document, ContractError> {
        // A whole id means that contract, whatever another one is called.
        if let Some(document) = wanted.parse().ok().and_then(|id| self.find_id(&id)) {
            return Ok(document);
        }
        let all = self.list();
        let mut fitting: Vec<&Document> = all.iter().filter(|document| document.is_called(wanted)).collect();
        if fitting.len() > 1 {
            let live = |document: &&Document| {
                matches!(document.state(today), State::Proposed { .. } | State::Upcoming | State::InForce)
            };
            let living: Vec<&Document> = fitting.iter().copied().filter(live).collect();
            fitting = if living.is_empty() { fitting } else { living };
        }
        let titles = |documents: &[&Document]| documents.iter().map(|d| d.contract().title()).collect();
        let wanted = || wanted.chars().filter(|c| !c.is_control()).take(64).collect();
        match fitting.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(ContractError::NotFound {
                wanted: wanted(),
                contracts: titles(&all.iter().collect::<Vec<_>>()),
            }),
            several => Err(ContractError::Ambiguous { wanted: wanted(), contracts: titles(several) }),
        }
    }

    /// Keeps the number of contracts that others brought and this node never signed within bounds: those that
    /// somebody has refused go first.
    fn make_room(&self, me: &PartnerId) -> Result<(), ContractError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let unsigned = |document: &&Document| document.statements().iter().all(|said| said.by != *me);
        if known.values().filter(unsigned).count() < UNSIGNED {
            return Ok(());
        }
        let refused =
            |document: &&Document| document.statements().iter().any(|said| said.says == Says::Refuse);
        let gone = known.values().filter(unsigned).find(refused).map(|document| document.contract().id());
        let Some(gone) = gone else { return Err(ContractError::TooMany { limit: UNSIGNED }) };
        let path = self.dir.join(format!("{gone}.json"));
        fs::remove_file(&path)
            .map_err(|source| ContractError::File(FileError::Unwritable { path, source }))?;
        known.remove(&gone);
        Ok(())
    }

    /// Changes one document, on disk first.
    fn change(
        &self,
        id: ContractId,
        fresh: impl FnOnce() -> Document,
        change: impl FnOnce(&mut Document) -> Result<(), ContractError>,
    ) -> Result<Document, ContractError> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut document = known.get(&id).cloned().unwrap_or_else(fresh);
        change(&mut document)?;
        if known.get(&id) != Some(&document) {
            fs::create_dir_all(&self.dir).map_err(|source| {
                ContractError::File(FileError::Unwritable { path: self.dir.clone(), source })
            })?;
            write_atomic(&self.dir.join(format!("{id}.json")), document.to_json().as_bytes())
                .map_err(ContractError::File)?;
            known.insert(id, document.clone());
        }
        Ok(document)
    }
}

impl Document {
    /// Whether people can mean this contract by `wanted`.
    pub fn is_called(&self, wanted: &str) -> bool {
        let wanted = wanted.trim_end_matches('…');
        self.contract().terms().name == wanted || self.contract().id().matches_prefix(wanted)
    }

    /// `brand and bank`: who has signed.
    pub fn signatures(&self) -> String {
        list(&self.signed_by())
    }
}

/// The day on which contracts are judged: UTC, so that both nodes agree on it.
pub fn day(now: Timestamp) -> Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}
