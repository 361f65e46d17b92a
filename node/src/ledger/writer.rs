//! The thread that owns the journal: records that wait together become durable together.
//!
//! While one group is on its way to the disk the next one gathers, so a hundred askers wait for two fsyncs, as one
//! does.

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tacit_protocol::log::{Charge, Kind};
use tokio::sync::oneshot;

use super::{
    LedgerError,
    disk::Disk,
    draft::{Act, Draft},
    journal::{Journal, Written},
};

/// The most records of one group.
const LARGEST_GROUP: usize = 1024;

/// How often counted refusals are looked at when nothing else happens.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What the writer is asked for.
enum Job {
    Append { draft: Box<Draft>, act: Act, reply: Option<oneshot::Sender<Result<Ticket, LedgerError>>> },
    Close,
}

/// A durable record on its way to whoever asked for it. If nobody is there any more, a reservation is given back:
/// nothing can have left for it.
#[derive(Debug)]
pub(super) struct Ticket {
    written: Written,
    back: Option<Box<(Draft, Sender<Job>)>>,
}

impl Ticket {
    /// Takes it over.
    pub(super) fn keep(mut self) -> (u64, Option<Charge>) {
        self.back = None;
        (self.written.seq, self.written.charge.take())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(back) = self.back.take() {
            let (draft, jobs) = *back;
            let job = Job::Append { draft: Box::new(draft), act: Act::Abort(self.written.seq), reply: None };
            // If the writer has ended, the next opening closes the run.
            let _ = jobs.send(job);
        }
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

/// The writer's door.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Sender<Job>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread; `held` stays alive as long as it runs.
    pub(super) fn start<D: Disk>(journal: Journal<D>, held: impl Send + 'static) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let back = jobs.clone();
        let run = move || {
            work(journal, &waiting, &back);
            drop(held);
        };
        let thread = thread::Builder::new().name("ledger".to_owned()).spawn(run)?;
        Ok(Self { jobs, thread: Some(thread) })
    }

    /// Appends a record; returns when it is durable.
    pub(super) async fn append(&self, draft: Draft, act: Act) -> Result<Ticket, LedgerError> {
        let (reply, told) = oneshot::channel();
        let job = Job::Append { draft: Box::new(draft), act, reply: Some(reply) };
        self.jobs.send(job).map_err(|_| LedgerError::Closed)?;
        told.await.unwrap_or(Err(LedgerError::Closed))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whatever waits is written first. A thread that is gone already has nothing to close.
        let _ = self.jobs.send(Job::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work<D: Disk>(mut journal: Journal<D>, waiting: &Receiver<Job>, back: &Sender<Job>) {
    let mut open = true;
    while open {
        let first = if journal.waits() {
            match waiting.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Timeout) => {
                    journal.settle_flood(Timestamp::now(), false);
                    continue;
                }
                first => first.ok(),
            }
        } else {
            waiting.recv().ok()
        };
        let (mut group, mut replies) = (Vec::new(), Vec::new());
        let mut next = first;
        loop {
            match next {
                Some(Job::Append { draft, act, reply }) => {
                    let given_back = matches!(act, Act::Reserve(_)).then(|| draft.clone());
                    group.push((*draft, act));
                    replies.push((reply, given_back));
                }
                Some(Job::Close) => open = false,
                // Nobody can ask for anything any more.
                None => break,
            }
            if group.len() == LARGEST_GROUP {
                break;
            }
            next = waiting.try_recv().ok();
        }
        if group.is_empty() {
            continue;
        }
        for (written, (reply, given_back)) in journal.commit(group).into_iter().zip(replies) {
            let Some(reply) = reply else { continue };
            let ticket = written.map(|written| {
                let back = given_back.map(|draft| Box::new((nobody_waits(*draft), back.clone())));
                Ticket { written, back }
            });
            // A ticket that cannot be delivered comes back and is dropped, which gives a reservation back.
            let _ = reply.send(ticket);
        }
    }
    journal.settle_flood(Timestamp::now(), true);
}

/// The end of a reservation that nobody waited for.
fn nobody_waits(draft: Draft) -> Draft {
    Draft { kind: Kind::Abort, what: "E-INTERRUPTED".to_owned(), body: Value::Null, ..draft }
}
