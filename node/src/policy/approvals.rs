//! Runs that wait for a person.
//!
//! The attack this stops is approval by habit: what is approved is one question, word for word, by one
//! partner, under one contract, for one run; the sentence about what a filter tells stands beside it; and a
//! partner that was told no cannot ask the same again at once, nor bury the approver in requests.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tacit_protocol::ids::{ContractId, PartnerId};
use tokio::sync::watch;

use crate::{
    config::{FileError, files::write_atomic},
    data::{hex, is_one_line},
    report::{Class, Detail, Refusal},
};

/// How long a request waits for an answer.
const PENDING: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long an approval can be used, and how long a denial stands.
const DECIDED: SignedDuration = SignedDuration::from_hours(24);
/// How many requests of one partner may wait at a time.
const PER_PARTNER: usize = 16;
/// How many requests are remembered.
const KEPT: usize = 1000;

/// The longest name or reason, characters.
const TEXT: usize = 200;

/// What is asked of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// The hash of the question as this node sees it.
    pub query: String,
    /// The contract.
    pub contract: ContractId,
    /// Its name.
    pub contract_name: String,
    /// The other side.
    pub partner: PartnerId,
    /// What the contract calls it.
    pub partner_name: String,
    /// Who puts the question: the partner, or this node to it.
    #[serde(default)]
    pub asker: String,
    /// Which of our datasets is asked about.
    pub dataset: String,
    /// The condition on our rows.
    pub filter: Option<String>,
    /// What the run tells its asker, a sentence a line.
    pub tells: Vec<String>,
    /// What the answer is for.
    pub purpose: String,
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", deny_unknown_fields)]
pub enum ApprovalState {
    /// Waiting.
    Pending,
    /// One run may go on.
    Approved { by: String, at: Timestamp },
    /// It may not.
    Denied { by: String, at: Timestamp, reason: Option<String> },
    /// The run it was for has begun.
    Used { by: String, at: Timestamp },
    /// Nobody decided, or nobody used it, in time.
    Expired,
}

impl ApprovalState {
    /// One word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved { .. } => "approved",
            Self::Denied { .. } => "denied",
            Self::Used { .. } => "used",
            Self::Expired => "expired",
        }
    }
}

/// A request with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Eight hex digits.
    pub id: String,
    /// What is asked.
    pub request: ApprovalRequest,
    /// When it came.
    pub asked_at: Timestamp,
    /// How it stands.
    pub state: ApprovalState,
}

/// Why a run cannot go on, or a decision cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// Nobody has decided in the time that the asker waits.
    #[error("nobody has approved {id} yet")]
    StillPending {
        /// The request.
        id: String,
    },
    /// Somebody said no.
    #[error("{by} has denied {id}")]
    Denied {
        /// The request.
        id: String,
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// It was approved for one run, and that has been.
    #[error("approval {id} is {state}")]
    NotUsable {
        /// The request.
        id: String,
        /// used, expired
        state: &'static str,
    },
    /// Already decided.
    #[error("{id} is {state}, and can no longer be decided")]
    TooLate {
        /// The request.
        id: String,
        /// used, expired
        state: &'static str,
    },
    /// No such request.
    #[error("there is no request {wanted}")]
    NotFound {
        /// What was asked for.
        wanted: String,
    },
    /// More than one fits.
    #[error("{wanted} can mean more than one request")]
    Ambiguous {
        /// What was asked for.
        wanted: String,
    },
    /// One partner has too many requests waiting.
    #[error("{partner} has {PER_PARTNER} requests waiting already")]
    TooMany {
        /// Who.
        partner: String,
    },
    /// A name or a reason that cannot stand in a record.
    #[error("a name or a reason is one line of at most 200 characters")]
    BadText,
    /// The machine gave no random number.
    #[error("no random number could be drawn")]
    NoRandomness,
    /// Something with the files.
    #[error("the approvals of this node cannot be kept")]
    File(#[source] FileError),
    /// A stored request cannot be read again.
    #[error("the stored approval {file} cannot be read")]
    Damaged {
        /// The file's name.
        file: String,
    },
}

impl Refusal for ApprovalError {
    fn code(&self) -> &'static str {
        match self {
            Self::StillPending { .. } => "E-APPROVAL-PENDING",
            Self::Denied { .. } => "E-APPROVAL-DENIED",
            Self::NotUsable { .. } => "E-APPROVAL-NOT-USABLE",
            Self::TooLate { .. } => "E-APPROVAL-TOO-LATE",
            Self::NotFound { .. } => "E-APPROVAL-NOT-FOUND",
            Self::Ambiguous { .. } => "E-APPROVAL-AMBIGUOUS",
            Self::TooMany { .. } => "E-APPROVAL-TOO-MANY",
            Self::BadText => "E-APPROVAL-TEXT",
            Self::NoRandomness => "E-RANDOMNESS",
            Self::File(error) => error.code(),
            Self::Damaged { .. } => "E-APPROVAL-DAMAGED",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::StillPending { .. }
            | Self::Denied { .. }
            | Self::NotUsable { .. }
            | Self::TooMany { .. } => Class::Policy,
            Self::TooLate { .. } | Self::NotFound { .. } | Self::Ambiguous { .. } | Self::BadText => {
                Class::Usage
            }
            Self::NoRandomness | Self::File(_) | Self::Damaged { .. } => Class::Failed,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let would_do = |text: String| vec![Detail::new("would do", text)];
        match self {
            Self::StillPending { id } => {
                would_do(format!("tacit approvals approve {id}, at the owner's side"))
            }
            Self::Denied { reason: Some(reason), .. } => vec![Detail::new("reason", reason.clone())],
            Self::NotUsable { .. } => would_do("ask again; every run is approved for itself".into()),
            Self::NotFound { .. } | Self::Ambiguous { .. } => would_do("tacit approvals list".into()),
            Self::TooMany { .. } => would_do("approve or deny those first".into()),
            Self::Damaged { file } => would_do(format!("move {file} away; the question can be asked again")),
            Self::File(error) => error.details(),
            Self::Denied { .. } | Self::TooLate { .. } | Self::BadText | Self::NoRandomness => Vec::new(),
        }
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::StillPending { .. } | Self::TooMany { .. })
    }
}

/// All requests of this node, on disk and in memory.
#[derive(Debug)]
pub struct Approvals {
    dir: PathBuf,
    known: Mutex<BTreeMap<String, Approval>>,
    /// Counts decisions, so that those who wait look again.
    decided: watch::Sender<u64>,
}

impl Approvals {
    /// Reads the requests from a directory, which may be missing yet.
    ///
    /// # Errors
    ///
    /// [`ApprovalError::File`], [`ApprovalError::Damaged`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, ApprovalError> {
        let dir = dir.into();
        let unreadable = |path: &Path, source| {
            ApprovalError::File(FileError::Unreadable { path: path.to_owned(), source })
        };
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(&dir, error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unreadable(&dir, error)),
        };
        let mut known = BTreeMap::new();
        for path in entries.iter().map(fs::DirEntry::path) {
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let text = fs::read(&path).map_err(|error| unreadable(&path, error))?;
            let approval: Approval = serde_json::from_slice(&text).map_err(|_| ApprovalError::Damaged {
                file: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            })?;
            known.insert(approval.id.clone(), approval);
        }
        Ok(Self { dir, known: Mutex::new(known), decided: watch::Sender::new(0) })
    }

    /// Files a request. One that waits already, may still be used, or was denied less than a day ago, is
    /// returned instead of a new one.
    ///
    /// # Errors
    ///
    /// [`ApprovalError::TooMany`]; [`ApprovalError::File`].
    pub fn request(&self, request: ApprovalRequest, now: Timestamp) -> Result<Approval, ApprovalError> {
        let mut known = self.lock();
        let same = |approval: &&Approval| {
            let other = &approval.request;
            (&other.query, other.contract, other.partner)
                == (&request.query, request.contract, request.partner)
        };
        let standing = |approval: &&Approval| match standing(approval, now) {
            ApprovalState::Pending | ApprovalState::Approved { .. } => true,
            ApprovalState::Denied { at, .. } => !older(at, DECIDED, now),
            ApprovalState::Used { .. } | ApprovalState::Expired => false,
        };
        if let Some(approval) = known.values().filter(same).find(standing) {
            return Ok(approval.clone());
        }
        let waiting = |approval: &&Approval| {
            approval.request.partner == request.partner && standing(approval) && !decided(&approval.state)
        };
        if known.values().filter(waiting).count() >= PER_PARTNER {
            return Err(ApprovalError::TooMany { partner: request.partner_name });
        }
        let id = loop {
            let random: [u8; 4] = ring::rand::generate(&ring::rand::SystemRandom::new())
                .map_err(|_| ApprovalError::NoRandomness)?
                .expose();
            let id = hex(random);
            if !known.contains_key(&id) {
                break id;
            }
        };
        let approval = Approval { id, request, asked_at: now, state: ApprovalState::Pending };
        self.keep(&mut known, approval.clone())?;
        self.forget(&mut known, now);
        Ok(approval)
    }

    /// Waits until somebody decides, at most as long as given.
    ///
    /// # Errors
    ///
    /// [`ApprovalError::StillPending`] in the end; [`ApprovalError::Denied`].
    pub async fn wait(&self, id: &str, at_most: Duration) -> Result<Approval, ApprovalError> {
        // Subscribed before the first look, so that no decision falls between look and wait.
        let mut decided = self.decided.subscribe();
        let look =
            || self.lock().get(id).cloned().ok_or_else(|| ApprovalError::NotFound { wanted: shown(id) });
        let wait = async {
            loop {
                let approval = look()?;
                match &approval.state {
                    ApprovalState::Pending => {}
                    ApprovalState::Denied { by, reason, .. } => {
                        return Err(ApprovalError::Denied {
                            id: approval.id.clone(),
                            by: by.clone(),
                            reason: reason.clone(),
                        });
                    }
                    _ => return Ok(approval),
                }
                // The sender lives as long as `self`.
                let _ = decided.changed().await;
            }
        };
        tokio::time::timeout(at_most, wait)
            .await
            .unwrap_or_else(|_| Err(ApprovalError::StillPending { id: shown(id) }))
    }

    /// Approves or denies. A denial may be turned into an approval as long as it stands.
    ///
    /// # Errors
    ///
    /// [`ApprovalError::NotFound`], [`ApprovalError::TooLate`], [`ApprovalError::BadText`].
    pub fn decide(
        &self,
        wanted: &str,
        approve: bool,
        by: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Approval, ApprovalError> {
        let fits = |text: &str| is_one_line(text, TEXT);
        if by.trim().is_empty() || !fits(by) || reason.is_some_and(|reason| !fits(reason)) {
            return Err(ApprovalError::BadText);
        }
        let by = by.to_owned();
        let mut known = self.lock();
        let mut approval = find(&known, wanted)?.clone();
        match standing(&approval, now) {
            ApprovalState::Pending | ApprovalState::Approved { .. } | ApprovalState::Denied { .. } => {}
            state => return Err(ApprovalError::TooLate { id: approval.id, state: state.name() }),
        }
        approval.state = if approve {
            ApprovalState::Approved { by, at: now }
        } else {
            ApprovalState::Denied { by, at: now, reason: reason.map(str::to_owned) }
        };
        self.keep(&mut known, approval.clone())?;
        drop(known);
        self.decided.send_modify(|count| *count += 1);
        Ok(approval)
    }

    /// Uses an approval up, before the run begins. It cannot be used twice, not even after a crash.
    ///
    /// # Errors
    ///
    /// [`ApprovalError::NotUsable`], [`ApprovalError::StillPending`], [`ApprovalError::Denied`].
    pub fn take(&self, id: &str, now: Timestamp) -> Result<Approval, ApprovalError> {
        let mut known = self.lock();
        let mut approval =
            known.get(id).cloned().ok_or_else(|| ApprovalError::NotFound { wanted: shown(id) })?;
        match standing(&approval, now) {
            ApprovalState::Approved { by, .. } => approval.state = ApprovalState::Used { by, at: now },
            ApprovalState::Pending => return Err(ApprovalError::StillPending { id: approval.id }),
            ApprovalState::Denied { by, reason, .. } => {
                return Err(ApprovalError::Denied { id: approval.id, by, reason });
            }
            state => return Err(ApprovalError::NotUsable { id: approval.id, state: state.name() }),
        }
        self.keep(&mut known, approval.clone())?;
        Ok(approval)
    }

    /// All requests as they stand, oldest first.
    pub fn list(&self, now: Timestamp) -> Vec<Approval> {
        let mut all: Vec<Approval> = self.lock().values().cloned().collect();
        for approval in &mut all {
            approval.state = standing(approval, now);
        }
        all.sort_by(|a, b| (a.asked_at, &a.id).cmp(&(b.asked_at, &b.id)));
        all
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Approval>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On disk first, then in memory.
    fn keep(&self, known: &mut BTreeMap<String, Approval>, approval: Approval) -> Result<(), ApprovalError> {
        fs::create_dir_all(&self.dir).map_err(|source| {
            ApprovalError::File(FileError::Unwritable { path: self.dir.clone(), source })
        })?;
        let json = serde_json::to_vec_pretty(&approval)
            .map_err(|_| ApprovalError::Damaged { file: format!("{}.json", approval.id) })?;
        write_atomic(&self.file(&approval.id), &json).map_err(ApprovalError::File)?;
        known.insert(approval.id.clone(), approval);
        Ok(())
    }

    fn file(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }

    /// Drops the oldest requests that are over, so that a partner cannot fill the disk.
    fn forget(&self, known: &mut BTreeMap<String, Approval>, now: Timestamp) {
        let over = |approval: &&Approval| match standing(approval, now) {
            ApprovalState::Used { .. } | ApprovalState::Expired => true,
            ApprovalState::Denied { at, .. } => older(at, DECIDED, now),
            ApprovalState::Pending | ApprovalState::Approved { .. } => false,
        };
        while known.len() > KEPT {
            let oldest = known.values().filter(over).min_by_key(|approval| approval.asked_at);
            let Some(id) = oldest.map(|approval| approval.id.clone()) else { return };
            known.remove(&id);
            // A file that stays is read again at the next start, and dropped then.
            let _ = fs::remove_file(self.file(&id));
        }
    }
}

fn older(at: Timestamp, age: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(at) > age
}

fn decided(state: &ApprovalState) -> bool {
    !matches!(state, ApprovalState::Pending)
}

/// The state with time taken into account.
fn standing(approval: &Approval, now: Timestamp) -> ApprovalState {
    match &approval.state {
        ApprovalState::Pending if older(approval.asked_at, PENDING, now) => ApprovalState::Expired,
        ApprovalState::Approved { at, .. } if older(*at, DECIDED, now) => ApprovalState::Expired,
        state => state.clone(),
    }
}

fn find<'a>(known: &'a BTreeMap<String, Approval>, wanted: &str) -> Result<&'a Approval, ApprovalError> {
    let mut fitting = known.values().filter(|approval| wanted.len() >= 2 && approval.id.starts_with(wanted));
    match (fitting.next(), fitting.next()) {
        (Some(approval), None) => Ok(approval),
        (None, _) => Err(ApprovalError::NotFound { wanted: shown(wanted) }),
        (Some(_), Some(_)) => Err(ApprovalError::Ambiguous { wanted: shown(wanted) }),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
