//! What of a training survives a killed node.
//!
//! The attack: a run that is begun again with other noise or other masks over the same rows gives the difference away.
//! So a run has one id, everything random in it follows from that id and this node's own key, and what was promised to
//! the other trainers is durable before it is said.

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use ring::hmac;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::{ContractId, QueryId, SnapshotHash},
    secret::Secret,
};

use super::TrainFault;
use crate::{
    config::{FileError, Home, files},
    data::hex,
};

/// The line that is told of a round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundLine {
    /// From 1.
    pub round: u32,
    /// The mean loss over all rows, where it is opened.
    pub loss: Option<f64>,
    /// On our own held-out customers.
    pub own_loss: Option<f64>,
    /// Likewise.
    pub own_auc: Option<f64>,
}

/// What is left of a run that is over, beside the file by which it is held.
const OVER: &str = "over";
const LOCK: &str = "lock";

/// A run that nobody has taken up for so long is over.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);

/// A run's folder: `jobs/<run>/`.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder of a run; made when something is kept in it.
    pub fn of(home: &Home, run: &QueryId) -> Self {
        Self { path: home.jobs_dir().join(run.to_string()) }
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// Whether a run can be taken up here: it was begun, and is not over.
    pub fn goes_on(&self) -> bool {
        self.exists() && !self.path.join(OVER).exists()
    }

    /// Removes what the run could be taken up from: weights in shares, promises, what was heard. That it was here stays on
    /// record, durably and first, so that nobody begins it a second time under the same masks and the same noise. Whoever
    /// calls this holds the run.
    ///
    /// # Errors
    /// [`TrainFault::State`].
    pub fn clear(&self) -> Result<(), TrainFault> {
        self.keep(OVER, b"")?;
        let fault = |source| TrainFault::State(FileError::Unwritable { path: self.path.clone(), source });
        for entry in fs::read_dir(&self.path).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            if entry.file_name() != OVER && entry.file_name() != LOCK {
                fs::remove_file(entry.path()).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// Makes it, for a run that begins.
    ///
    /// # Errors
    /// [`TrainFault::State`].
    pub fn make(&self) -> Result<(), TrainFault> {
        files::make_private_dir(&self.path).map_err(TrainFault::State)
    }

    /// Holds the run for as long as what it gives lives. Two that went on with one run at a time, each with its own
    /// idea of what was promised, could agree to two sets of survivors under the same masks.
    ///
    /// # Errors
    /// [`TrainFault::UnderWay`] if somebody holds it; [`TrainFault::State`].
    pub fn hold(&self) -> Result<File, TrainFault> {
        self.make()?;
        let path = self.path.join(LOCK);
        let unwritable = |source| TrainFault::State(FileError::Unwritable { path: path.clone(), source });
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(TrainFault::UnderWay),
            Err(TryLockError::Error(source)) => Err(unwritable(source)),
        }
    }

    /// When something was kept in it last.
    fn touched(&self) -> std::io::Result<SystemTime> {
        let mut last = fs::metadata(&self.path)?.modified()?;
        for entry in fs::read_dir(&self.path)? {
            last = last.max(entry?.metadata()?.modified()?);
        }
        Ok(last)
    }

    /// Keeps bytes under a name: whole, durable and for this account alone when it returns.
    ///
    /// # Errors
    /// [`TrainFault::State`].
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Result<(), TrainFault> {
        files::make_private_dir(&self.path).map_err(TrainFault::State)?;
        files::write_private(&self.path.join(name), bytes).map_err(TrainFault::State)
    }

    /// What was kept under a name, if anything was.
    ///
    /// # Errors
    /// [`TrainFault::State`].
    pub fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, TrainFault> {
        match files::read_private(&self.path.join(name)) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(TrainFault::State(error)),
        }
    }

    /// As [`keep`](Self::keep), of a value, with a sum over it.
    ///
    /// # Errors
    /// [`TrainFault::State`].
    pub fn keep_value<T: Serialize>(&self, name: &str, value: &T) -> Result<(), TrainFault> {
        let mut bytes = serde_json::to_vec(value).map_err(|_| TrainFault::StateDamaged)?;
        let sum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&sum);
        self.keep(name, &bytes)
    }

    /// As [`kept`](Self::kept), of a value.
    ///
    /// # Errors
    /// [`TrainFault::State`]; [`TrainFault::StateDamaged`].
    pub fn kept_value<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, TrainFault> {
        let Some(bytes) = self.kept(name)? else { return Ok(None) };
        let at = bytes.len().checked_sub(32).ok_or(TrainFault::StateDamaged)?;
        let (value, sum) = bytes.split_at(at);
        // A byte that the disk has changed would be another model.
        if Sha256::digest(value)[..] != *sum {
            return Err(TrainFault::StateDamaged);
        }
        serde_json::from_slice(value).map(Some).map_err(|_| TrainFault::StateDamaged)
    }
}

/// Ends every run that was last worked on thirty days ago or earlier; how many those were. Secrets of a run that is never
/// taken up again would lie about for ever.
///
/// # Errors
/// [`TrainFault::State`].
pub fn forget(home: &Home, now: SystemTime) -> Result<usize, TrainFault> {
    let jobs = home.jobs_dir();
    let fault = |source| TrainFault::State(FileError::Unreadable { path: jobs.clone(), source });
    let entries = match fs::read_dir(&jobs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(fault(error)),
    };
    let mut forgotten = 0;
    for entry in entries {
        let entry = entry.map_err(fault)?;
        let Some(run) = entry.file_name().to_str().and_then(|name| name.parse::<QueryId>().ok()) else {
            continue;
        };
        let folder = RunFolder::of(home, &run);
        if !folder.goes_on() || folder.touched().map_err(fault)? + FORGOTTEN > now {
            continue;
        }
        match folder.hold() {
            Ok(_held) => folder.clear()?,
            Err(TrainFault::UnderWay) => continue,
            Err(other) => return Err(other),
        }
        forgotten += 1;
    }
    Ok(forgotten)
}

/// What makes two jobs the same: contract, text, and the pseudonym of what the asker brings.
pub fn same_job(contract: &ContractId, text: &str, content: Option<&str>) -> String {
    let mut hash = Sha256::new_with_prefix(b"tacit job 1\n");
    hash.update(contract.as_bytes());
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
    hash.update(content.unwrap_or_default());
    hex(hash.finalize())
}

/// The run of a job that was begun last here.
///
/// # Errors
/// [`TrainFault::State`].
pub fn last_run(home: &Home, job: &str) -> Result<Option<QueryId>, TrainFault> {
    match files::read_private(&home.jobs_dir().join(format!("{job}.run"))) {
        Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok())),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(TrainFault::State(error)),
    }
}

/// Notes that this run of a job has begun here.
///
/// # Errors
/// [`TrainFault::State`].
pub fn begin_run(home: &Home, job: &str, run: &QueryId) -> Result<(), TrainFault> {
    files::make_private_dir(&home.jobs_dir()).map_err(TrainFault::State)?;
    let file = home.jobs_dir().join(format!("{job}.run"));
    files::write_private(&file, format!("{run}\n").as_bytes()).map_err(TrainFault::State)
}

/// A secret of this node for one purpose in one run over one content: the same after a cut, and nobody else's.
pub fn secret(
    key: &Secret<[u8; 32]>,
    purpose: &str,
    run: &QueryId,
    snapshot: &SnapshotHash,
) -> Secret<[u8; 32]> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let mut context = hmac::Context::with_key(&key);
    context.update(b"tacit training 1\0");
    context.update(purpose.as_bytes());
    context.update(&[0]);
    context.update(run.as_bytes());
    context.update(snapshot.as_bytes());
    let mut secret = [0; 32];
    secret.iter_mut().zip(context.sign().as_ref()).for_each(|(byte, drawn)| *byte = *drawn);
    Secret::new(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t21_what_was_kept_comes_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let run = QueryId::new([7; 32]);
        let state = RunFolder::of(&home, &run);
        assert!(!state.exists() && state.kept_value::<RoundLine>("state").unwrap().is_none());
        let line = RoundLine { round: 3, loss: Some(0.1 + 0.2), own_loss: None, own_auc: Some(2.0 / 3.0) };
        state.keep_value("state", &line).unwrap();
        assert_eq!(state.kept_value::<RoundLine>("state").unwrap(), Some(line));
        let mut bytes = state.kept("state").unwrap().unwrap();
        bytes[10] ^= 1;
        state.keep("state", &bytes).unwrap();
        assert!(matches!(state.kept_value::<RoundLine>("state"), Err(TrainFault::StateDamaged)));
    }

    #[test]
    fn b10_one_at_a_time_goes_on_with_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let state = RunFolder::of(&home, &QueryId::new([7; 32]));
        let held = state.hold().unwrap();
        assert!(matches!(state.hold(), Err(TrainFault::UnderWay)));
        assert!(RunFolder::of(&home, &QueryId::new([8; 32])).hold().is_ok());
        drop(held);
        assert!(state.hold().is_ok());
    }

    #[test]
    fn learnv_36_of_a_run_that_is_over_stays_that_it_was_here_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let state = RunFolder::of(&home, &QueryId::new([7; 32]));
        assert!(!state.goes_on(), "it was never begun");
        let held = state.hold().unwrap();
        state.keep("state-even", b"halves of weights").unwrap();
        assert!(state.goes_on());
        state.clear().unwrap();
        drop(held);
        assert!(state.exists() && !state.goes_on());
        assert_eq!(state.kept("state-even").unwrap(), None);
        assert!(state.hold().is_ok());
    }

    #[test]
    fn learnv_36_a_run_that_nobody_takes_up_is_over_after_thirty_days() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert_eq!(forget(&home, SystemTime::now()).unwrap(), 0, "no job was ever begun");
        let [one, other] = [7, 8].map(|run| RunFolder::of(&home, &QueryId::new([run; 32])));
        one.keep("state", b"secret").unwrap();
        other.keep("state", b"secret").unwrap();
        begin_run(&home, "job", &QueryId::new([7; 32])).unwrap();
        let days = |days: u64| SystemTime::now() + Duration::from_secs(days * 24 * 3600);
        assert_eq!(forget(&home, days(29)).unwrap(), 0);
        let held = other.hold().unwrap();
        assert_eq!(forget(&home, days(31)).unwrap(), 1, "what is under way is not forgotten");
        drop(held);
        assert!(!one.goes_on() && other.goes_on());
        assert_eq!((forget(&home, days(31)).unwrap(), forget(&home, days(31)).unwrap()), (1, 0));
        assert_eq!(last_run(&home, "job").unwrap(), Some(QueryId::new([7; 32])));
    }

    #[test]
    fn b05_a_run_has_one_secret_for_each_purpose_and_content() {
        let key = Secret::new([1; 32]);
        let of = |purpose, run: u8, snapshot: u8| {
            *secret(&key, purpose, &QueryId::new([run; 32]), &SnapshotHash::new([snapshot; 32])).expose()
        };
        assert_eq!(of("noise", 1, 2), of("noise", 1, 2));
        assert_ne!(of("noise", 1, 2), of("masks", 1, 2));
        assert_ne!(of("noise", 1, 2), of("noise", 2, 2));
        assert_ne!(of("noise", 1, 2), of("noise", 1, 3));
        let (a, b) = (ContractId::new([1; 32]), ContractId::new([2; 32]));
        assert_ne!(same_job(&a, "TRAIN {}", None), same_job(&b, "TRAIN {}", None));
        assert_ne!(same_job(&a, "TRAIN {}", None), same_job(&a, "TRAIN {}", Some("x")));
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert_eq!(last_run(&home, "job").unwrap(), None);
        begin_run(&home, "job", &QueryId::new([3; 32])).unwrap();
        assert_eq!(last_run(&home, "job").unwrap(), Some(QueryId::new([3; 32])));
    }
}
