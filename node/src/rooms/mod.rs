//! All rooms of one node, opened: what the hallway walks through.

mod facts;

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tacit_protocol::{
    identity::{KeyKind, Region},
    ids::PartnerId,
};
use tokio::sync::{Notify, RwLock, watch};

use crate::{
    config::{Config, Home, HomeLock, Identity, NextKey, TlsIdentity, Unlock},
    exchange::Rules,
    learn::Registry,
    ledger::{Heads, Kept, Ledger, LedgerError, Rotation},
    link::{Card, Link, Partners, Settings},
    policy::{
        Approvals, Contracts,
        consent::{Added, ConsentError, Withdrawn},
    },
    report::Report,
    scan::Datasets,
};

/// The rooms. Clones are the same rooms.
#[derive(Clone)]
pub struct Rooms {
    /// Where everything lies.
    pub home: Home,
    /// What the operator decided.
    pub config: Arc<Config>,
    /// Who this node is.
    pub identity: Arc<Identity>,
    /// Whom it trusts.
    pub partners: Arc<Partners>,
    /// Its data.
    pub datasets: Datasets,
    /// What was signed.
    pub contracts: Arc<Contracts>,
    /// What waits for a person.
    pub approvals: Arc<Approvals>,
    /// What was asked and answered.
    pub ledger: Ledger,
    /// What partners have seen of it, and we of theirs.
    pub heads: Arc<Heads>,
    /// Noisy answers that were paid for.
    pub kept: Kept,
    /// Models that were trained here.
    pub models: Registry,
    /// The way to the partners.
    pub link: Link,
    /// Who takes no part any more.
    pub withdrawn: Arc<RwLock<Withdrawn>>,
    papers: Arc<Papers>,
    stop: watch::Sender<bool>,
    /// One process holds a home.
    _lock: Arc<HomeLock>,
}

/// What partners have got of our contracts.
#[derive(Default)]
struct Papers {
    changed: Notify,
    delivered: Mutex<HashMap<(PartnerId, String), [u8; 32]>>,
}

impl Rooms {
    /// Opens a home for one command: partners can be reached, and need not reach us.
    ///
    /// # Errors
    /// The home is in use, damaged or locked with another key; or a room does not open.
    pub async fn open(home: Home) -> Result<Self, Report> {
        Self::furnish(home, |listen| match listen {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        })
        .await
    }

    /// Opens a home on the address that partners know.
    ///
    /// # Errors
    /// As [`open`](Self::open); and the port may be taken.
    pub async fn open_to_partners(home: Home) -> Result<Self, Report> {
        Self::furnish(home, |listen| listen).await
    }

    async fn furnish(home: Home, listen: impl FnOnce(SocketAddr) -> SocketAddr) -> Result<Self, Report> {
        let home = Home::open(home.root())?;
        let lock = Arc::new(home.lock()?);
        let config = Arc::new(Config::read(&home)?);
        let identity = {
            let (home, config) = (home.clone(), Arc::clone(&config));
            // Argon2id takes a moment on purpose.
            blocking(move || Identity::open(&home, &config, &Unlock::find(&home, &config.unlock)?)).await?
        };
        let identity = Arc::new(identity);
        let partners = Arc::new(Partners::open(&home.partners_dir(), &identity)?);
        clear_answers(&home, config.limits.keep_answers);
        let mut settings = Settings::from(&config.link);
        settings.listen = listen(settings.listen);
        Ok(Self {
            datasets: Datasets::new(home.datasets_dir()),
            contracts: Arc::new(Contracts::open(home.contracts_dir())?),
            approvals: Arc::new(Approvals::open(home.approvals_dir())?),
            ledger: open_ledger(&home, &identity).await?,
            heads: Arc::new(Heads::at(&home.ledger_dir())),
            kept: Kept::at(&home.ledger_dir()),
            models: Registry::at(home.models_dir()),
            link: Link::bind(settings, Arc::clone(&identity), Arc::clone(&partners))?,
            withdrawn: Arc::new(RwLock::new(Withdrawn::open(&home.consent_dir())?)),
            papers: Arc::default(),
            stop: watch::Sender::new(false),
            config,
            identity,
            partners,
            home,
            _lock: lock,
        })
    }

    /// What this node brings to every session.
    pub fn rules(&self) -> Rules {
        Rules { max_items: self.config.limits.max_items, padding_key: self.identity.padding_key() }
    }

    /// This node's card, signed now.
    ///
    /// # Errors
    /// The addresses in the settings are not addresses.
    pub fn card(&self) -> Result<Card, Report> {
        Ok(Card::issue(&self.identity, &self.config.link.addresses, Timestamp::now())?)
    }

    /// The name we know a partner under.
    pub fn partner_name(&self, id: PartnerId) -> Option<String> {
        self.partners.trusted().by_id(id).map(|partner| partner.card().name().to_owned())
    }

    /// A new TLS key and certificate; the names of the partners that were told.
    ///
    /// # Errors
    /// The key could not be made or stored; the old one goes on then.
    pub async fn rotate_certificate(&self) -> Result<Vec<String>, Report> {
        let new = TlsIdentity::generate(self.identity.name(), Timestamp::now())?;
        let told = self.link.rotate(new).await?.told;
        Ok(told
            .into_iter()
            .filter(|(_, took)| took.is_ok())
            .filter_map(|(id, _)| self.partner_name(id))
            .collect())
    }

    /// A new signing key, handed over to in the log; the record of that, and the names of the partners that were told.
    ///
    /// # Errors
    /// The key could not be made or stored, or the record not be written; the old key goes on then, unless it is only
    /// the head over the record that is missing.
    pub async fn rotate_signing_key(&self) -> Result<(u64, Vec<String>), Report> {
        let next = blocking(NextKey::generate).await?;
        let rotation = Arc::new(Rotation::new(Arc::clone(&self.identity), next));
        let record = self.ledger.hand_over(rotation, Timestamp::now()).await?;
        // A card that cannot be made now is made when a partner connects to the next process.
        let told = self.link.announce_signing_key().await.map(|rotation| rotation.told).unwrap_or_default();
        let told = told.into_iter().filter(|(_, took)| took.is_ok());
        Ok((record, told.filter_map(|(id, _)| self.partner_name(id)).collect()))
    }

    /// Contracts were signed or partners added: somebody may have something to hear.
    pub fn papers_have_changed(&self) {
        self.papers.changed.notify_one();
    }

    /// Completes when [`papers_have_changed`](Self::papers_have_changed) was called.
    pub async fn papers_changed(&self) {
        self.papers.changed.notified().await;
    }

    /// A partner has a contract as this fingerprint of its document says.
    pub fn delivered(&self, partner: PartnerId, contract: &str, fingerprint: [u8; 32]) {
        let mut delivered = self.papers.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        delivered.insert((partner, contract.to_owned()), fingerprint);
    }

    /// Whether a partner has a contract as this fingerprint says.
    pub fn has(&self, partner: PartnerId, contract: &str, fingerprint: &[u8; 32]) -> bool {
        let delivered = self.papers.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        delivered.get(&(partner, contract.to_owned())) == Some(fingerprint)
    }

    /// Puts identifiers on the withdrawal list; durable, and in force, when this returns.
    ///
    /// # Errors
    /// Nothing was understood, or the list could not be written.
    pub async fn withdraw(
        &self,
        identifiers: String,
        kind: Option<KeyKind>,
        dataset: Option<String>,
        regions: Vec<Region>,
    ) -> Result<Added, ConsentError> {
        let mut withdrawn = Arc::clone(&self.withdrawn).write_owned().await;
        blocking(move || {
            withdrawn.add(&identifiers, kind.as_ref(), dataset.as_deref(), &regions, Timestamp::now())
        })
        .await
    }

    /// Asks the running node to end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Completes when [`stop`](Self::stop) was called.
    pub async fn stopped(&self) {
        // The sender lives as long as `self`, so this only ends when it is time.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Says goodbye to the partners.
    pub async fn close(&self) {
        self.link.close().await;
    }
}

/// Opening reads every record there is.
async fn open_ledger(home: &Home, identity: &Arc<Identity>) -> Result<Ledger, LedgerError> {
    let (directory, signer) = (home.ledger_dir(), Arc::clone(identity));
    blocking(move || Ledger::open(&directory, signer)).await
}

/// Removes answers that were being written when a process ended: they have no record, so nobody may see them. And
/// those that are older than `keep`.
fn clear_answers(home: &Home, keep: Option<Duration>) {
    let Ok(entries) = std::fs::read_dir(home.answers_dir()) else { return };
    let mut removed = 0;
    for entry in entries.flatten() {
        let path = entry.path();
        let ends_in = |ending: &str| path.extension().is_some_and(|is| is == ending);
        // A time in the future is no age.
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        let old = keep.is_some_and(|keep| age().is_some_and(|age| age > keep));
        // What cannot be removed now is tried again at the next start; nothing reads it.
        if (ends_in("partial") || old && ends_in("parquet")) && std::fs::remove_file(&path).is_ok() {
            removed += u64::from(ends_in("parquet"));
        }
    }
    if removed > 0 {
        tracing::info!(removed, "answers older than limits.keep_answers were removed");
    }
}

/// Runs blocking work (files, Argon2id, sorting) off the I/O threads. A panic in it goes on as one here.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(tokio::task::spawn_blocking(work).await)
}

/// The value of a task; a panic in it goes on as one here.
pub fn joined<T>(task: Result<T, tokio::task::JoinError>) -> T {
    match task {
        Ok(value) => value,
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}
