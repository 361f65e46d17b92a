//! Opening: what the process before left behind is read, held against the head, and made fit to go on from.
//!
//! The accidents it stops: a torn end that is taken for a record, and a missing one that is taken for a torn end.

use std::{
    io::{self, Read},
    sync::{Arc, PoisonError},
};

use jiff::Timestamp;
use serde_json::json;
use tacit_protocol::log::{Entry, Kind, checkpoint::Keys, handover::Succession};

use super::{
    super::{
        LedgerError,
        disk::{Disk, Span, write_all},
        draft::Draft,
        flood::Flood,
        handover,
        head::{FORMAT, Head},
        replay::{self, HEAD, LEAVES, LOG, Line, Newest, Replayed},
        tower::Tower,
    },
    Journal, Shared, Signer, Staged, State, full,
};

/// The most of a torn rest that is put aside.
const KEPT_ASIDE: u64 = 1 << 20;

impl<D: Disk> Journal<D> {
    /// Opens the log, making it where there is none; runs that nobody finishes any more are closed.
    pub(in super::super) fn open(
        mut disk: D,
        signer: Arc<dyn Signer>,
        shared: Arc<Shared>,
        now: Timestamp,
    ) -> Result<Self, LedgerError> {
        let (keys, _) = handover::keys(&*signer)?;
        let newest = replay::newest(&mut disk)?;
        let (mut last, mut told_keys) = (Timestamp::UNIX_EPOCH, Succession::default());
        let mut see = |entry: &Entry| {
            last = entry.time.parse().unwrap_or(last);
            // What is wrong with a hand-over shows below: then records and keys tell of different ones.
            let _ = told_keys.take(entry);
        };
        let (mut replayed, head) = match &newest {
            Some(Newest { head, .. }) => {
                let signed = replay::signed(head, &keys)?;
                (replay::covered(&mut disk, head, signed.head(), &mut see)?, Some(head))
            }
            None => (Replayed::default(), None),
        };
        let told = replayed.ends.len();
        let rest = adopt(&mut disk, &mut replayed, &mut see)?;
        let fresh = replayed.ends.len() == told;
        match &newest {
            // A head is written after its records; so a head that was cut short has left records behind.
            Some(newest) if newest.other_torn && fresh && rest.is_none() => {
                return Err(LedgerError::damaged(None, "one of its two heads is gone"));
            }
            Some(_) => {}
            // The first group is the `open` record, and before its head nothing else is written.
            None if replayed.ends.len() > 1 || !fresh && !is_open(&mut disk, &replayed)? => {
                return Err(LedgerError::damaged(None, "its head is gone"));
            }
            None => {}
        }
        handover::settle(&*signer, &told_keys)?;
        let (keys, key) = handover::keys(&*signer)?;
        let Replayed { book, frontier, tower, ends } = replayed;
        let begun = !ends.is_empty();
        let bytes = ends.last().copied().unwrap_or(0);
        let leaves = tower.leaves()[told..].to_vec();
        let unsettled = !fresh || newest.as_ref().is_some_and(|newest| newest.other_torn);
        let mut journal = Self {
            signer,
            key,
            successor: None,
            durable: frontier.clone(),
            frontier,
            bytes,
            last,
            generation: head.map_or(0, |head| head.generation + 1),
            newest: head.cloned(),
            staged: Staged::default(),
            unheaded: Staged { lines: Vec::new(), leaves, ends: ends[told..].to_vec() },
            flood: Flood::default(),
            state: State::Sound,
            disk,
            shared,
        };
        journal.settle(head.map_or(0, |head| head.bytes), rest).map_err(|error| full(error).error())?;
        *journal.shared.book.write().unwrap_or_else(PoisonError::into_inner) = book;
        journal.show(head.map(|head| (head, &keys)), tower, ends, told)?;
        // The torn rest is what shows that a torn head is no damage: it is cut off when both heads are whole again.
        if unsettled {
            journal.sync(LOG).and_then(|()| journal.write_head()).map_err(|broken| broken.error())?;
        }
        if rest.is_some() {
            journal.disk.truncate(LOG, bytes).map_err(|error| full(error).error())?;
        }
        if !begun {
            let (node, key) = (journal.signer.id(), journal.key.to_string());
            let mut body =
                json!({ "format": FORMAT, "origin": journal.key.name(), "node": node, "key": key });
            let before = handover::before(&journal.signer.lineage());
            if !before.is_empty() {
                body["handovers"] = json!(before);
            }
            journal.stage_note(Kind::Open, None, "begun", body, now)?;
        }
        journal.close_runs(now)?;
        if !journal.staged.leaves.is_empty() {
            journal.flush().map_err(|broken| broken.error())?;
        }
        journal.mend_leaves();
        Ok(journal)
    }

    /// Makes what the process before left behind fit to go on from: the torn rest is put aside, and what was taken
    /// over is written anew, because a disk that failed to write it may show it all the same.
    fn settle(&mut self, head_bytes: u64, rest: Option<u64>) -> io::Result<()> {
        let disk = &mut self.disk;
        let made = disk.size(LOG)?.is_none() | disk.size(HEAD)?.is_none() | disk.size(LEAVES)?.is_none();
        for name in [LOG, HEAD, LEAVES] {
            if disk.size(name)?.is_none() {
                disk.create(name)?;
            }
        }
        if made {
            disk.sync_dir()?;
        }
        if let Some(end) = rest {
            let mut number = 1;
            let name = loop {
                let name = format!("torn-{number}");
                if disk.size(&name)?.is_none() {
                    break name;
                }
                number += 1;
            };
            let torn = read_span(disk, self.bytes, end.min(self.bytes + KEPT_ASIDE))?;
            disk.create(&name)?;
            write_all(disk, &name, 0, &torn)?;
            disk.sync(&name)?;
            disk.sync_dir()?;
        }
        if self.bytes > head_bytes {
            let taken = read_span(disk, head_bytes, self.bytes)?;
            write_all(disk, LOG, head_bytes, &taken)?;
        }
        Ok(())
    }

    /// Shows what the newest head covers, before anything is added.
    fn show(
        &self,
        head: Option<(&Head, &Keys)>,
        tower: Tower,
        mut ends: Vec<u64>,
        told: usize,
    ) -> Result<(), LedgerError> {
        let mut published = self.shared.published.write().unwrap_or_else(PoisonError::into_inner);
        if ends.len() == told {
            published.tower = tower;
        } else {
            tower.leaves()[..told].iter().for_each(|leaf| published.tower.push(*leaf));
            ends.truncate(told);
        }
        published.ends = ends;
        published.head = match head {
            Some((head, keys)) => Some(replay::signed(head, keys)?),
            None => None,
        };
        Ok(())
    }

    /// Nobody goes on with a run whose process is gone; what it set aside counts as spent.
    fn close_runs(&mut self, now: Timestamp) -> Result<(), LedgerError> {
        let open: Vec<_> =
            self.book(|book| book.open().map(|(reserve, run)| (reserve, run.clone())).collect());
        for (reserve, run) in open {
            let draft = Draft {
                kind: Kind::Abort,
                query: Some(run.query),
                contract: run.contract,
                partner: run.partner,
                what: "E-CRASHED".to_owned(),
                body: json!({ "reserve": reserve, "refunded": false }),
                now,
            };
            let body = draft.body.clone();
            self.push(&draft, body)?;
        }
        Ok(())
    }
}

fn read_span<D: Disk>(disk: &mut D, at: u64, end: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Span { disk, name: LOG, at, end }.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes over whole records beyond the head; where the log ends, if something else follows them.
fn adopt<D: Disk>(
    disk: &mut D,
    replayed: &mut Replayed,
    see: &mut impl FnMut(&Entry),
) -> Result<Option<u64>, LedgerError> {
    let end = disk.size(LOG).map_err(LedgerError::Unopened)?.unwrap_or(0);
    let mut line = Vec::new();
    let mut reader = replay::lines(disk, replayed.bytes(), end);
    while let Line::Whole = replay::next_line(&mut reader, &mut line).map_err(LedgerError::Unopened)? {
        match replayed.take(&line) {
            Ok(entry) => see(&entry),
            Err(_) => break,
        }
    }
    Ok((replayed.bytes() < end).then_some(end))
}

/// Whether the first record opens a log.
fn is_open<D: Disk>(disk: &mut D, replayed: &Replayed) -> Result<bool, LedgerError> {
    let Some(end) = replayed.ends.first() else { return Ok(false) };
    let line = read_span(disk, 0, end - 1).map_err(LedgerError::Unopened)?;
    Ok(serde_json::from_slice::<Entry>(&line).is_ok_and(|entry| entry.kind == Kind::Open))
}
