//! Whom this node trusts: one signed card a file, `NAME.card`, in the home's `partners` directory.
//!
//! The attacks this stops: a card of somebody else under a partner's name (E-CARD-KEY-CHANGED), an old card
//! played back to bring a retired TLS key to life again (E-CARD-OLDER), a card signed with a signing key that was handed
//! over since (E-CARD-KEY-RETIRED), and a partner that was removed but
//! goes on over a connection that is still open: every change is announced to the link, which closes what
//! is no longer trusted.
//!
//! While a partner changes its TLS key, both keys are trusted: the card before stays beside the new one as
//! `NAME.before` until the new key was seen in use, or until the old certificate ends.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use tacit_protocol::ids::PartnerId;
use tokio::sync::watch;

use super::{Card, CardError, PartnersError};
use crate::config::{FileError, Identity, files};

/// One trusted partner.
#[derive(Debug, Clone)]
pub struct Partner {
    card: Card,
    before: Option<Card>,
    since: u64,
}

impl Partner {
    /// Its present card.
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// The SPKI hashes that are accepted at `now`: the present one, and during a rotation the one before.
    pub fn pins(&self, now: Timestamp) -> impl Iterator<Item = &[u8; 32]> {
        let before = self.before.iter().filter(move |card| now <= card.not_after());
        std::iter::once(&self.card).chain(before).map(Card::spki_hash)
    }

    pub(super) fn has_pin(&self, spki_hash: &[u8; 32], now: Timestamp) -> bool {
        self.pins(now).any(|pin| pin == spki_hash)
    }

    /// A number that is another one after every removal: a connection made before it does not count.
    pub(super) const fn since(&self) -> u64 {
        self.since
    }
}

/// All trusted partners at one moment.
#[derive(Debug, Clone, Default)]
pub struct Trusted {
    partners: BTreeMap<PartnerId, Arc<Partner>>,
    additions: u64,
}

impl Trusted {
    /// The partner with this id.
    pub fn by_id(&self, id: PartnerId) -> Option<&Arc<Partner>> {
        self.partners.get(&id)
    }

    /// Whether any partner may show this TLS key at `now`. Which one is a matter of its hello: a card may
    /// name a key that is somebody else's, and that must not turn the other one away.
    pub(super) fn is_pinned(&self, spki_hash: &[u8; 32], now: Timestamp) -> bool {
        self.partners.values().any(|partner| partner.has_pin(spki_hash, now))
    }

    /// The partner with exactly this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Partner>> {
        self.partners.values().find(|partner| partner.card.name() == name)
    }
}

/// What [`Partners::add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// A partner that was not there before.
    New,
    /// A newer card of a partner that was.
    Renewed,
    /// The very card that was there.
    Same,
}

/// The partners' directory, and what is in it.
#[derive(Debug)]
pub struct Partners {
    directory: PathBuf,
    own_id: PartnerId,
    own_name: String,
    trusted: watch::Sender<Arc<Trusted>>,
    /// One change at a time, so that files and memory agree.
    change: Mutex<()>,
}

impl Partners {
    /// Reads all cards in `directory`, which is made if it is missing. A damaged card refuses: a node that
    /// silently trusts fewer than its operator thinks is as wrong as one that trusts more.
    ///
    /// # Errors
    /// [`PartnersError::Damaged`], [`PartnersError::File`].
    pub fn open(directory: &Path, identity: &Identity) -> Result<Self, PartnersError> {
        let unreadable = |source| FileError::Unreadable { path: directory.to_owned(), source };
        files::make_private_dir(directory)?;
        let mut trusted = Trusted::default();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_none_or(|extension| extension != "card") {
                continue;
            }
            let card = read_card(&path)?;
            let before = path.with_extension("before");
            let before = if before.exists() { Some(read_card(&before)?) } else { None };
            // A key is only ever followed by another key of the same node; anything else was put there.
            let before = before.filter(|before| before.id() == card.id() && *before != card);
            trusted.additions += 1;
            let partner = Partner { card, before, since: trusted.additions };
            trusted.partners.insert(partner.card.id(), Arc::new(partner));
        }
        Ok(Self {
            directory: directory.to_owned(),
            own_id: identity.id(),
            own_name: identity.name().to_owned(),
            trusted: watch::Sender::new(Arc::new(trusted)),
            change: Mutex::new(()),
        })
    }

    /// Trusts the node of this card, or takes up a newer card of a partner.
    ///
    /// # Errors
    /// All of [`PartnersError`]; nothing has changed then.
    pub fn add(&self, text: &str, now: Timestamp) -> Result<(Arc<Partner>, Added), PartnersError> {
        self.take_up(Card::parse(text)?, None, now)
    }

    /// Takes up a card that a partner itself sent over a connection: a renewal of its own card only. `from`
    /// is who sent it, and the TLS key that the connection was made with; that key stays trusted beside the
    /// new one, for it is the one that the partner has for certain.
    pub(super) fn renew(
        &self,
        from: (PartnerId, &[u8; 32]),
        text: &str,
        now: Timestamp,
    ) -> Result<(Arc<Partner>, Added), PartnersError> {
        self.take_up(Card::parse(text)?, Some(from), now)
    }

    fn take_up(
        &self,
        card: Card,
        from: Option<(PartnerId, &[u8; 32])>,
        now: Timestamp,
    ) -> Result<(Arc<Partner>, Added), PartnersError> {
        card.check_current(now)?;
        let name = card.name().to_owned();
        let _one_at_a_time = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = self.trusted();
        if card.id() == self.own_id || name == self.own_name {
            return Err(PartnersError::OwnCard { name });
        }
        if trusted.by_name(&name).is_some_and(|known| known.card.id() != card.id()) {
            return Err(PartnersError::KeyChanged { name });
        }
        let known = trusted.by_id(card.id());
        if from.is_some_and(|(from, _)| from != card.id() || known.is_none()) {
            return Err(PartnersError::Unknown(name));
        }
        let (before, since, added) = match known {
            None => (None, trusted.additions + 1, Added::New),
            Some(known) if known.card.name() != name => {
                return Err(PartnersError::KnownAs { known: known.card.name().to_owned(), name });
            }
            Some(known) if known.card == card => return Ok((Arc::clone(known), Added::Same)),
            Some(known) if card.issued() <= known.card.issued() => {
                return Err(PartnersError::Older { name });
            }
            // A thief of the retired key can sign a card as well, with a later time.
            Some(known) if !card.lineage().continues(known.card.lineage()) => {
                return Err(PartnersError::KeyRetired { name });
            }
            // Only addresses changed: the card before it keeps its place beside.
            Some(known) if known.card.spki_hash() == card.spki_hash() => {
                (known.before.clone(), known.since, Added::Renewed)
            }
            // A rotation that was cut short may have announced a key that never came into use: the key before
            // that one is the partner's still.
            Some(known) => {
                let in_use = from.map(|(_, in_use)| in_use);
                let before = known.before.as_ref().filter(|card| in_use == Some(card.spki_hash()));
                (Some(before.unwrap_or(&known.card).clone()), known.since, Added::Renewed)
            }
        };
        // The card before is written first: a crash in between leaves it equal to the present one, which
        // means nothing; the other way round the old key would be lost while it is still in use.
        match &before {
            Some(before) => {
                files::write_private(&self.path(&name, "before"), before.to_text().as_bytes())?;
            }
            None => remove_file(&self.path(&name, "before"))?,
        }
        files::write_private(&self.path(&name, "card"), card.to_text().as_bytes())?;
        let partner = Arc::new(Partner { card, before, since });
        let mut next = Trusted::clone(&trusted);
        next.additions = next.additions.max(since);
        next.partners.insert(partner.card.id(), Arc::clone(&partner));
        self.trusted.send_replace(Arc::new(next));
        Ok((partner, added))
    }

    /// Trusts it no longer; `which` is a name, an id or the start of an id. The link closes its connections
    /// within a second.
    ///
    /// # Errors
    /// [`PartnersError::Unknown`], [`PartnersError::Ambiguous`], [`PartnersError::File`].
    pub fn remove(&self, which: &str) -> Result<Arc<Partner>, PartnersError> {
        let _one_at_a_time = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let partner = self.find(which)?;
        let mut next = Trusted::clone(&self.trusted());
        next.partners.remove(&partner.card.id());
        // Distrusted at once, even if the disk fails in the next line: the safe side.
        self.trusted.send_replace(Arc::new(next));
        for extension in ["card", "before"] {
            remove_file(&self.path(partner.card.name(), extension))?;
        }
        sync_directory(&self.directory)?;
        Ok(partner)
    }

    /// The partner with this name, this id, or the only one whose id starts like this.
    ///
    /// # Errors
    /// [`PartnersError::Unknown`], [`PartnersError::Ambiguous`].
    pub fn find(&self, which: &str) -> Result<Arc<Partner>, PartnersError> {
        let trusted = self.trusted();
        if let Some(partner) = trusted.by_name(which) {
            return Ok(Arc::clone(partner));
        }
        let mut fitting = trusted.partners.values().filter(|partner| partner.card.id().matches_prefix(which));
        match (fitting.next(), fitting.next()) {
            (Some(partner), None) => Ok(Arc::clone(partner)),
            (Some(_), Some(_)) => Err(PartnersError::Ambiguous(which.to_owned())),
            (None, _) => Err(PartnersError::Unknown(which.to_owned())),
        }
    }

    /// All partners, by name.
    pub fn list(&self) -> Vec<Arc<Partner>> {
        let mut all: Vec<_> = self.trusted().partners.values().cloned().collect();
        all.sort_by(|one, other| one.card.name().cmp(other.card.name()));
        all
    }

    /// All partners as they are now; what comes later does not show in it.
    pub fn trusted(&self) -> Arc<Trusted> {
        Arc::clone(&self.trusted.borrow())
    }

    /// Wakes up at every change.
    pub fn watch(&self) -> watch::Receiver<Arc<Trusted>> {
        self.trusted.subscribe()
    }

    /// The new TLS key of a partner was seen in use: the one before is trusted no longer.
    pub(super) fn seen(&self, id: PartnerId, spki_hash: &[u8; 32]) -> Result<(), PartnersError> {
        let _one_at_a_time = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = self.trusted();
        let Some(partner) = trusted.by_id(id) else { return Ok(()) };
        if partner.before.is_none() || partner.card.spki_hash() != spki_hash {
            return Ok(());
        }
        remove_file(&self.path(partner.card.name(), "before"))?;
        let mut next = Trusted::clone(&trusted);
        let alone = Partner { before: None, ..Partner::clone(partner) };
        next.partners.insert(id, Arc::new(alone));
        self.trusted.send_replace(Arc::new(next));
        Ok(())
    }

    /// `name` has passed the card's check, so it holds no path.
    fn path(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.join(format!("{name}.{extension}"))
    }
}

fn read_card(path: &Path) -> Result<Card, PartnersError> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = String::from_utf8_lossy(&files::read_private(path)?).into_owned();
    let card = Card::parse(&text).map_err(|source| PartnersError::Damaged { file: file.clone(), source })?;
    if path.file_stem().is_none_or(|stem| stem != card.name()) {
        let source = CardError::BadName("is not the name of its file".into());
        return Err(PartnersError::Damaged { file, source });
    }
    Ok(card)
}

/// A file that is not there is as good as removed.
fn remove_file(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FileError::Unwritable { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn sync_directory(directory: &Path) -> Result<(), FileError> {
    let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(|source| FileError::Unwritable { path: directory.to_owned(), source })
}

#[cfg(test)]
#[path = "tests/partners.rs"]
mod tests;
