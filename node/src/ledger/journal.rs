//! The one who writes: records become durable in groups, and nobody is told of one before it is.
//!
//! The order for a group: its lines to `log`, fdatasync; its head to the older slot of `head`, fdatasync; then the
//! callers hear. So at a power cut the log holds at least what its head covers, and what it holds beyond was told to
//! nobody: whole records of it are taken over (whatever they set aside counts as spent), the torn rest is put aside.
//!
//! The attacks and accidents it stops: a disk that is full (nothing is promised until there is room), a disk that
//! loses what it took (nothing is written any more), a changed byte anywhere (nothing is opened), and a process that
//! dies in any of these steps.

mod opening;
mod writing;

use std::{
    io,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tacit_protocol::{
    ids::PartnerId,
    log::{
        Book, Charge, Entry, Kind, LARGEST_ENTRY, Lineage,
        book::{Past, Wish},
        checkpoint::{CheckpointFault, SignedCheckpoint},
        handover::{Handover, HandoverFault},
        merkle::{self, Frontier, TreeHash},
        note::VerifierKey,
    },
};

use super::{
    Fence, LedgerError, Successor,
    disk::{Disk, write_all},
    draft::{Act, Cost, Draft},
    flood::{Flood, Stream},
    handover,
    head::Head,
    replay::{self, LOG},
    tower::Tower,
};

/// How much room a disk that was full has to have before anything is tried on it.
const PROBE: usize = 1 << 16;

/// Who signs the log's heads.
pub trait Signer: Send + Sync {
    /// Whose log it is.
    fn id(&self) -> PartnerId;
    /// The public key (Ed25519, RFC 8032).
    fn public(&self) -> [u8; 32];
    /// Signs a message.
    fn sign(&self, message: &[u8]) -> [u8; 64];
    /// The line of keys that ends with [`public`](Self::public).
    fn lineage(&self) -> Lineage {
        Lineage::of(self.public())
    }
    /// A key that a rotation left behind takes over if its hand-over is among these, and is forgotten otherwise.
    ///
    /// # Errors
    /// It can be neither.
    fn settle(&self, logged: &[Handover]) -> io::Result<()> {
        let _ = logged;
        Ok(())
    }
}

/// What everybody may see: durable, and told.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// Where each record's line ends.
    pub(super) ends: Vec<u64>,
    pub(super) tower: Tower,
    /// The signed checkpoint; `None` before the first.
    pub(super) head: Option<SignedCheckpoint>,
}

/// What the writer and everybody else look at together.
#[derive(Default)]
pub(super) struct Shared {
    /// What the records say, those on their way to the disk among them: balances are never too high.
    pub(super) book: RwLock<Book>,
    pub(super) published: RwLock<Published>,
    /// The newest time that a partner signed over this log, Unix seconds.
    pub(super) witnessed: AtomicU64,
    /// Why nothing is set aside any more: who holds a head of this log that it does not have.
    pub(super) fences: RwLock<Vec<Fence>>,
}

/// A record that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) seq: u64,
    pub(super) charge: Option<Charge>,
}

/// Why a group did not become durable.
#[derive(Debug, Clone)]
enum Broken {
    Full(Arc<io::Error>),
    Disk(Arc<io::Error>),
    Unsigned(CheckpointFault),
    Fenced,
}

impl Broken {
    fn error(&self) -> LedgerError {
        match self {
            Self::Full(source) => LedgerError::NotDurable(Arc::clone(source)),
            Self::Disk(source) => LedgerError::DiskFailed(Arc::clone(source)),
            Self::Unsigned(source) => LedgerError::Unsigned(*source),
            Self::Fenced => LedgerError::Fenced,
        }
    }
}

/// How the disk is.
enum State {
    Sound,
    /// The last write failed. Before the next, the log is cut back to what it held.
    Full,
    /// It lost what it had taken, or shows something else than was written.
    Dead(Arc<io::Error>),
    /// Somebody else has gone on with it.
    Fenced,
}

/// Records on their way to the disk.
#[derive(Default)]
struct Staged {
    lines: Vec<u8>,
    leaves: Vec<TreeHash>,
    ends: Vec<u64>,
}

/// The writer.
pub(super) struct Journal<D> {
    disk: D,
    signer: Arc<dyn Signer>,
    key: VerifierKey,
    /// Whose record is on its way to the disk.
    successor: Option<Arc<dyn Successor>>,
    shared: Arc<Shared>,
    /// The tree with what is staged.
    frontier: Frontier,
    /// The tree that the log on the disk has.
    durable: Frontier,
    /// Bytes that the log on the disk has.
    bytes: u64,
    /// Time of the newest record.
    last: Timestamp,
    /// The next head's.
    generation: u64,
    /// The newest that this process has found or written.
    newest: Option<Head>,
    staged: Staged,
    /// In the log for sure, and not covered by a head yet.
    unheaded: Staged,
    flood: Flood,
    state: State,
}

impl<D: Disk> Journal<D> {
    /// Writes a group. The answers are in the order of the group; when this returns, they are true.
    pub(super) fn commit(&mut self, group: Vec<(Draft, Act)>) -> Vec<Result<Written, LedgerError>> {
        if let Err(broken) = self.ready() {
            return group.iter().map(|_| Err(broken.error())).collect();
        }
        let staged: Vec<_> = group.into_iter().map(|(draft, act)| self.stage(draft.tamed(), &act)).collect();
        if self.staged.leaves.is_empty() && self.unheaded.leaves.is_empty() {
            return staged;
        }
        match self.flush() {
            Ok(()) => staged,
            Err(broken) => staged.into_iter().map(|one| one.and(Err(broken.error()))).collect(),
        }
    }

    /// Whether counted refusals wait to be written.
    pub(super) fn waits(&self) -> bool {
        self.flood.waits()
    }

    /// Writes counted refusals that have waited long enough, or all of them at the end.
    pub(super) fn settle_flood(&mut self, now: Timestamp, end: bool) {
        if self.ready().is_err() || self.stage_dropped(now, end).is_err() {
            return;
        }
        if !self.staged.leaves.is_empty() {
            // Whoever writes next hears of it.
            let _ = self.flush();
        }
    }

    /// Whether the disk takes anything.
    fn ready(&mut self) -> Result<(), Broken> {
        match &self.state {
            State::Sound => self.fence(),
            State::Fenced => Err(Broken::Fenced),
            State::Dead(source) => Err(Broken::Disk(Arc::clone(source))),
            State::Full => {
                // What another process has written must not be cut off.
                self.fence()?;
                // Tried on the disk before the book: what is booked and then not written has to be read anew.
                let tried = self
                    .disk
                    .truncate(LOG, self.bytes)
                    .and_then(|()| write_all(&mut self.disk, LOG, self.bytes, &[0; PROBE]))
                    .and_then(|()| self.disk.truncate(LOG, self.bytes));
                match tried {
                    Ok(()) => {
                        self.state = State::Sound;
                        Ok(())
                    }
                    Err(error) => {
                        // The zeros are no record; they are cut off with the next try, or as a torn rest.
                        let _ = self.disk.truncate(LOG, self.bytes);
                        Err(full(error))
                    }
                }
            }
        }
    }

    /// D10: a process that was stopped and goes on may find that its lock was taken for lost and that another one has
    /// written since. The newest head has to be the one that this process wrote last, in the files that others find.
    fn fence(&mut self) -> Result<(), Broken> {
        let newest = replay::newest(&mut self.disk).map(|newest| newest.map(|newest| newest.head));
        if newest.is_ok_and(|newest| newest == self.newest) && self.disk.is_in_place() {
            return Ok(());
        }
        self.state = State::Fenced;
        Err(Broken::Fenced)
    }

    fn stage(&mut self, draft: Draft, act: &Act) -> Result<Written, LedgerError> {
        let mut charge = None;
        let body = match act {
            Act::Note => draft.body_with(&[]),
            Act::Refuse | Act::Misdeed => {
                self.stage_dropped(draft.now, false)?;
                let stream = match act {
                    Act::Misdeed => Stream::Misdeed(draft.what.clone()),
                    _ => Stream::Refusals,
                };
                if let Some(partner) = &draft.partner
                    && !self.flood.admits(partner, stream, draft.now)
                {
                    return Ok(Written { seq: 0, charge: None });
                }
                draft.body_with(&[])
            }
            Act::Reserve(cost) => {
                let past = draft.query.and_then(|query| self.book(|book| book.past(&query).cloned()));
                if let Some(past) = past {
                    return Err(LedgerError::QueryReused { past });
                }
                match cost {
                    Cost::Nothing => draft.body_with(&[]),
                    Cost::Repeats { answer } => draft.body_with(&[("replays", json!(answer))]),
                    Cost::Resumes { reserve } => draft.body_with(&[("resumes", json!(reserve))]),
                    Cost::Charge(wish) => {
                        let room = self.room(&draft, wish)?;
                        let body = draft.body_with(&[("charge", json!(room))]);
                        charge = Some(room);
                        body
                    }
                }
            }
            Act::Spend(reserve) | Act::Answer(reserve) => draft.body_with(&[("reserve", json!(reserve))]),
            Act::Abort(reserve) => {
                // Only if nothing has left; each side decides that for its own ledger.
                let refunded = self.book(|book| book.run(*reserve).is_some_and(|run| !run.spent));
                draft.body_with(&[("reserve", json!(reserve)), ("refunded", json!(refunded))])
            }
            Act::HandOver(next) => {
                let handover = self.hand_over(next)?;
                draft.body_with(&[("handover", json!(handover))])
            }
        };
        let pushed = self.push(&draft, body);
        if let (Err(_), Act::HandOver(_)) = (&pushed, act) {
            self.successor = None;
        }
        Ok(Written { seq: pushed?, charge })
    }

    /// Signs the hand-over that the next record is to hold, and keeps the key that it leads to.
    fn hand_over(&mut self, next: &Arc<dyn Successor>) -> Result<Handover, LedgerError> {
        if self.successor.is_some() {
            return Err(LedgerError::NotHandedOver(HandoverFault::KeyTwice));
        }
        let seq = self.frontier.size() + 1;
        let signed = handover::sign(&*self.signer, &self.key, &**next, seq);
        let handover = signed.map_err(LedgerError::NotHandedOver)?;
        let line = self.signer.lineage().then(handover.clone());
        line.map_err(LedgerError::NotHandedOver)?;
        next.keep(&handover).map_err(|error| LedgerError::NotDurable(Arc::new(error)))?;
        self.successor = Some(Arc::clone(next));
        Ok(handover)
    }

    /// The charge for a question, after a new period has begun if one is due.
    fn room(&mut self, draft: &Draft, wish: &Wish) -> Result<Charge, LedgerError> {
        let time = draft.now.max(self.last);
        let second = u64::try_from(time.as_second()).unwrap_or(0);
        let Some(contract) = draft.contract else {
            return Err(LedgerError::OutOfTurn(tacit_protocol::log::book::BookFault::NoContract(draft.kind)));
        };
        if let Some(cycle) = wish.cycle {
            // Our own clock as it is now: that of the newest record may have been ahead.
            let own = u64::try_from(draft.now.as_second()).unwrap_or(0);
            let witnessed = self.shared.witnessed.load(Ordering::Acquire);
            let due = self.book(|book| book.due(contract, &wish.account, cycle, own, witnessed));
            if let Some(refresh) = due {
                let body = json!(refresh);
                let what = "a period begins".to_owned();
                let opening =
                    Draft { kind: Kind::Refresh, query: None, what, body: Value::Null, ..draft.clone() };
                self.push(&opening, body)?;
            }
        }
        self.book(|book| book.room(contract, wish, second)).map_err(LedgerError::Exhausted)
    }

    fn stage_dropped(&mut self, now: Timestamp, end: bool) -> Result<(), LedgerError> {
        for (partner, stream, dropped) in self.flood.ripe(now, end) {
            let (from, until) = (dropped.from.to_string(), dropped.until.to_string());
            let body = json!({ "count": dropped.count, "from": from, "until": until });
            let what = match &stream {
                Stream::Refusals => "refusals that came too fast",
                Stream::Misdeed(code) => code,
            };
            self.stage_note(Kind::Dropped, Some(partner), what, body, now)?;
        }
        Ok(())
    }

    fn stage_note(
        &mut self,
        kind: Kind,
        partner: Option<String>,
        what: &str,
        body: Value,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let what = what.to_owned();
        let draft = Draft { kind, query: None, contract: None, partner, what, body: Value::Null, now };
        self.push(&draft, body)
    }

    /// Gives a record its place and its time, books it, and lines it up.
    fn push(&mut self, draft: &Draft, body: Value) -> Result<u64, LedgerError> {
        let time = draft.now.max(self.last);
        let entry = Entry {
            seq: self.frontier.size() + 1,
            time: time.to_string(),
            kind: draft.kind,
            query: draft.query,
            contract: draft.contract,
            partner: draft.partner.clone(),
            what: draft.what.clone(),
            body,
        };
        // Invariant: an entry holds strings, numbers and JSON values, which all have a spelling.
        let Ok(line) = serde_json::to_vec(&entry) else { return Err(LedgerError::TooLarge { bytes: 0 }) };
        if line.len() > LARGEST_ENTRY {
            return Err(LedgerError::TooLarge { bytes: line.len() });
        }
        let mut book = self.shared.book.write().unwrap_or_else(PoisonError::into_inner);
        book.apply(&entry).map_err(LedgerError::OutOfTurn)?;
        drop(book);
        let leaf = merkle::leaf_hash(&line);
        self.frontier.push(leaf);
        let staged = &mut self.staged;
        staged.lines.extend_from_slice(&line);
        staged.lines.push(b'\n');
        staged.leaves.push(leaf);
        staged.ends.push(self.bytes + staged.lines.len() as u64);
        self.last = time;
        Ok(entry.seq)
    }

    #[cfg(test)]
    pub(super) fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    fn book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.shared.book.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn full(error: io::Error) -> Broken {
    Broken::Full(Arc::new(error))
}

/// What came of a question, as far as it was told.
pub(super) fn told(past: Past, size: u64) -> Option<Past> {
    match past {
        Past::Answered { reserve, answer } if answer > size => Some(Past::Open { reserve }),
        Past::Aborted { reserve, abort, .. } if abort > size => Some(Past::Open { reserve }),
        Past::Refused { refusal, .. } if refusal > size => None,
        past => Some(past),
    }
}
