//! How fast this machine's disk makes questions durable.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::{ContractId, PartnerId, QueryId},
    log::{Account, Amount, Kind, book::Wish},
};

use super::{
    LedgerError, Signer,
    disk::{Disk, Folder, write_all},
    draft::{Act, Cost, Draft},
    journal::{Journal, Shared},
    read,
    replay::LOG,
    writer::{Ticket, Writer},
};

/// Fsyncs of which the middle one is told.
const FSYNCS: usize = 51;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Questions that were reserved and committed, each with two durable records.
    pub pairs: u64,
    /// From the first reservation to the last commit.
    pub elapsed: Duration,
    /// The median of appending 256 bytes to a file and making them durable.
    pub fsync: Duration,
    /// Bytes of a record, on average.
    pub record_bytes: u64,
    /// Reading the log and verifying every record of it against the head.
    pub read: Duration,
}

/// A key that is forgotten afterwards.
struct Passing(Ed25519KeyPair);

impl Signer for Passing {
    fn id(&self) -> PartnerId {
        PartnerId::new(Sha256::digest(self.public()).into())
    }

    fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.copy_from_slice(self.0.public_key().as_ref());
        public
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        signature
    }
}

/// Reserves and commits `each` questions for each of `askers` at once, in a ledger of its own in this directory.
///
/// # Errors
/// The disk's, and a system without randomness.
pub async fn measure(directory: &Path, askers: u64, each: u64) -> Result<Measured, LedgerError> {
    let fsync = fsync(directory)?;
    let own = directory.join("ledger");
    let shared = Arc::new(Shared::default());
    let mut seed = [0; 32];
    let no_key = || LedgerError::Unopened(std::io::Error::other("the operating system gave no randomness"));
    SystemRandom::new().fill(&mut seed).map_err(|_| no_key())?;
    let signer = Arc::new(Passing(Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| no_key())?));
    let folder = Folder::open(&own).map_err(LedgerError::Unopened)?;
    let journal = Journal::open(folder, signer, shared, Timestamp::now())?;
    let writer = Arc::new(Writer::start(journal, ()).map_err(LedgerError::Unopened)?);
    let began = Instant::now();
    let asking: Vec<_> =
        (0..askers).map(|asker| tokio::spawn(ask(Arc::clone(&writer), asker, each))).collect();
    for asker in asking {
        asker.await.map_err(|_| LedgerError::Closed)??;
    }
    let elapsed = began.elapsed();
    drop(writer);
    let bytes = std::fs::metadata(own.join(LOG)).map_err(LedgerError::Unopened)?.len();
    let began = Instant::now();
    let records = read(&own)?.head().head().size;
    Ok(Measured {
        pairs: askers * each,
        elapsed,
        fsync,
        record_bytes: bytes / records.max(1),
        read: began.elapsed(),
    })
}

/// One who asks, one question after the other.
async fn ask(writer: Arc<Writer>, asker: u64, each: u64) -> Result<(), LedgerError> {
    let amount = |nano_rho| Amount { nano_rho, atto_delta: 0 };
    let mut id = [0; 32];
    id[..8].copy_from_slice(&asker.to_le_bytes());
    let account = Account {
        owner: PartnerId::new([1; 32]),
        population: "customers".to_owned(),
        unit: "customer".to_owned(),
        asker: PartnerId::new(id),
    };
    for number in 0..each {
        id[8..16].copy_from_slice(&number.to_le_bytes());
        let draft = |kind, what: &str| Draft {
            kind,
            query: Some(QueryId::new(id)),
            contract: Some(ContractId::new([2; 32])),
            partner: Some(format!("asker {asker}")),
            what: what.to_owned(),
            body: json!({ "purpose": "sizing" }),
            now: Timestamp::now(),
        };
        let cost = Cost::Charge(Box::new(Wish {
            account: account.clone(),
            price: amount(1),
            limit: amount(u64::MAX / 2),
            cycle: None,
            ceiling: None,
        }));
        let reserved = writer.append(draft(Kind::Reserve, "is asked"), Act::Reserve(cost)).await;
        let (reserve, _) = reserved.map(Ticket::keep)?;
        let spent = writer.append(draft(Kind::Spend, "first"), Act::Spend(reserve)).await;
        spent.map(Ticket::keep)?;
    }
    Ok(())
}

/// What one small append costs.
fn fsync(directory: &Path) -> Result<Duration, LedgerError> {
    let run = || {
        let mut folder = Folder::open(directory)?;
        folder.create("fsync")?;
        folder.sync_dir()?;
        let mut times = Vec::with_capacity(FSYNCS);
        for number in 0..FSYNCS as u64 {
            let began = Instant::now();
            write_all(&mut folder, "fsync", number * 256, &[b'x'; 256])?;
            folder.sync("fsync")?;
            times.push(began.elapsed());
        }
        times.sort_unstable();
        Ok(times[FSYNCS / 2])
    };
    run().map_err(LedgerError::Unopened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_measurement_counts_what_it_did() {
        let folder = tempfile::tempdir().unwrap();
        let measured = measure(folder.path(), 8, 4).await.unwrap();
        assert_eq!(measured.pairs, 32);
        assert!(measured.record_bytes > 100 && measured.elapsed > Duration::ZERO);
        assert_eq!(read(&folder.path().join("ledger")).unwrap().head().head().size, 65);
    }
}
