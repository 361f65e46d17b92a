//! What the other rooms may ask of the ledger.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tacit_protocol::{
    ids::{ContractId, PartnerId, QueryId},
    log::{
        Book, Handover, Lineage,
        book::{Past, Wish},
        checkpoint::SignedCheckpoint,
        merkle::{MerkleFault, TreeHash},
    },
};

use super::{
    Cost, Entry, Fence, Kind, LedgerError, Outcome, Signer, Successor,
    disk::{Folder, LOCK},
    draft::{Act, Draft},
    journal::{Journal, Shared, told},
    proof::{Receipt, Reserved, in_return},
    replay::LOG,
    writer::{Ticket, Writer},
};
use crate::{
    config::Identity,
    data::hex,
    policy::{Permitted, Role},
    report::Refusal,
    rooms::blocking,
};

/// The node's records. One process holds them; clones are the same ledger.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
    /// For reading records that are told; the writer has its own.
    log: Arc<File>,
    writer: Arc<Writer>,
}

impl Ledger {
    /// Opens the ledger in a directory, making it where there is none. Runs that were open when the process before
    /// this one died are recorded as aborted with `E-CRASHED`; what they reserved counts as spent.
    ///
    /// # Errors
    /// Another process has it; a byte of it has changed; it is of a newer version; it cannot be read or written.
    pub fn open(directory: &Path, signer: Arc<dyn Signer>) -> Result<Self, LedgerError> {
        let mut folder = Folder::open(directory).map_err(LedgerError::Unopened)?;
        let lock = Arc::new(lock(&directory.join(LOCK))?);
        folder.locked_by(Arc::clone(&lock));
        let shared = Arc::new(Shared::default());
        let journal = Journal::open(folder, signer, Arc::clone(&shared), Timestamp::now())?;
        let log = File::open(directory.join(LOG)).map_err(LedgerError::Unopened)?;
        let writer = Writer::start(journal, lock).map_err(LedgerError::Unopened)?;
        Ok(Self { shared, log: Arc::new(log), writer: Arc::new(writer) })
    }

    /// Sets a permitted question's price aside: that there is room for it, and that nobody else gets that room, is
    /// decided in one step. Where both learn, `back` is what the answerer pays. `told` is an object with what
    /// else the record says; its `in_return` is said in the place of that in the answerer's.
    ///
    /// # Errors
    /// [`LedgerError::Exhausted`] with what is left; the id was used before; the record could not be made durable.
    pub async fn reserve(
        &self,
        permitted: Permitted,
        query: QueryId,
        (cost, back): (Cost, Option<Wish>),
        told: Value,
        now: Timestamp,
    ) -> Result<Reserved, LedgerError> {
        self.unfenced()?;
        // A question that has a price is charged, whatever the caller says: a free one would never run out.
        let cost = match (cost, permitted.wish(None)) {
            (Cost::Nothing, Some(wish)) => Cost::Charge(Box::new(wish)),
            (cost, _) => cost,
        };
        let mut body = json!({
            "purpose": permitted.purpose(),
            "legal_basis": permitted.terms().legal_basis,
            "question": hex(permitted.parsed().hash()),
            "tells": permitted.tells(),
            "approvals": permitted.approvals(),
        });
        let mut answerers = body.clone();
        if let (Value::Object(body), Value::Object(answerers), Value::Object(mut told)) =
            (&mut body, &mut answerers, told)
        {
            let other = told.remove("in_return");
            body.extend(told.clone());
            answerers.extend(told);
            if let Some(Value::Object(other)) = other {
                answerers.extend(other);
            }
        }
        let draft = Draft {
            what: role(&permitted, "asks", "is asked"),
            body,
            ..about(Kind::Reserve, query, &permitted, now)
        };
        let resumes = matches!(cost, Cost::Resumes { .. });
        let (seq, charge) = self.writer.append(draft, Act::Reserve(cost)).await?.keep();
        let mut reserved = Reserved { permitted, query, seq, charge, resumes, back: None };
        if let Some(wish) = back {
            let draft = Draft {
                what: role(&reserved.permitted, "is asked in return", "asks in return"),
                body: answerers,
                ..about(Kind::Reserve, in_return(query), &reserved.permitted, now)
            };
            match self.writer.append(draft, Act::Reserve(Cost::Charge(Box::new(wish)))).await {
                Ok(written) => reserved.back = Some(written.keep().0),
                Err(error) => {
                    // Nothing has left: the first price comes back.
                    self.abort(&reserved, error.code(), now).await?;
                    return Err(error);
                }
            }
        }
        Ok(reserved)
    }

    /// From now on nothing is set aside: the log is not what somebody has seen of it.
    pub fn fence(&self, fence: Fence) {
        self.agreed(fence.witness());
        self.shared.fences.write().unwrap_or_else(PoisonError::into_inner).push(fence);
    }

    /// This witness sees the log as it is: because it has been mended, or because the witness lets it begin anew.
    pub fn agreed(&self, witness: &str) {
        let mut fences = self.shared.fences.write().unwrap_or_else(PoisonError::into_inner);
        fences.retain(|fence| fence.witness() != witness);
    }

    fn unfenced(&self) -> Result<(), LedgerError> {
        let fences = self.shared.fences.read().unwrap_or_else(PoisonError::into_inner);
        fences.first().map_or(Ok(()), |fence| Err(fence.clone().into()))
    }

    /// Marks the release point: called before the first message that depends on data.
    ///
    /// # Errors
    /// The record could not be made durable; then nothing may leave.
    pub async fn spend(&self, reserved: &Reserved, now: Timestamp) -> Result<(), LedgerError> {
        for (query, seq) in reserved.questions() {
            let draft = Draft {
                what: "first data-dependent message".to_owned(),
                ..about(Kind::Spend, query, &reserved.permitted, now)
            };
            self.append(draft, Act::Spend(seq)).await?;
        }
        Ok(())
    }

    /// Makes the record of an answer durable. Only then may anyone see it.
    ///
    /// # Errors
    /// The record could not be made durable; then nobody may see the answer.
    pub async fn record(
        &self,
        reserved: &Reserved,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Receipt, LedgerError> {
        let mut last = 0;
        // The question's own record comes last: it is there only if both are.
        for (query, seq) in reserved.questions().rev() {
            let what = match query == reserved.query {
                true => role(&reserved.permitted, "learned", "served"),
                false => role(&reserved.permitted, "served in return", "learned in return"),
            };
            let body = json!({ "outcome": outcome });
            let draft = Draft { what, body, ..about(Kind::Answer, query, &reserved.permitted, now) };
            last = self.append(draft, Act::Answer(seq)).await?;
        }
        Ok(Receipt { seq: last })
    }

    /// Records that a reserved question came to no answer; `code` is the stable code of the reason. The price comes
    /// back if nothing can have left, and the ledger knows whether it can.
    ///
    /// # Errors
    /// The record could not be made durable; the price stays reserved then.
    pub async fn abort(&self, reserved: &Reserved, code: &str, now: Timestamp) -> Result<(), LedgerError> {
        for (query, seq) in reserved.questions() {
            let draft =
                Draft { what: code.to_owned(), ..about(Kind::Abort, query, &reserved.permitted, now) };
            self.append(draft, Act::Abort(seq)).await?;
        }
        Ok(())
    }

    /// Records a refusal: the code, who asked, and the hash of the question, never its text. A partner that is
    /// refused too often in a short time is counted instead.
    ///
    /// # Errors
    /// The record could not be made durable.
    pub async fn refuse(
        &self,
        query: QueryId,
        partner: Option<String>,
        code: &str,
        body: Value,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let what = code.to_owned();
        let draft =
            Draft { kind: Kind::Refusal, query: Some(query), contract: None, partner, what, body, now };
        self.append(draft, Act::Refuse).await.map(drop)
    }

    /// Records what a partner did against the rules, under a stable code. The first of its kind stands; what comes
    /// again within a day is counted.
    ///
    /// # Errors
    /// The record could not be made durable.
    pub async fn misdeed(
        &self,
        partner: String,
        code: &str,
        body: Value,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let (what, partner) = (code.to_owned(), Some(partner));
        let draft = Draft { kind: Kind::Partner, query: None, contract: None, partner, what, body, now };
        self.append(draft, Act::Misdeed).await.map(drop)
    }

    /// Records something that is not a question: a contract, a partner, a withdrawal, a key.
    ///
    /// # Errors
    /// The record could not be made durable; or its kind has rules that its body breaks.
    pub async fn note(
        &self,
        kind: Kind,
        contract: Option<ContractId>,
        partner: Option<String>,
        what: &str,
        body: Value,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let draft = Draft { kind, query: None, contract, partner, what: what.to_owned(), body, now };
        self.append(draft, Act::Note).await.map(drop)
    }

    /// Hands the log's signing key over: the record of it, and every head from there on, is under the new one.
    ///
    /// # Errors
    /// The new key or the record could not be made durable. If it is the record's head that could not be written, the
    /// new key is in force all the same.
    pub async fn hand_over(&self, next: Arc<dyn Successor>, now: Timestamp) -> Result<u64, LedgerError> {
        let what = "signing key rotated".to_owned();
        let draft =
            Draft { kind: Kind::Key, query: None, contract: None, partner: None, what, body: json!({}), now };
        self.append(draft, Act::HandOver(next)).await
    }

    /// The newest `limit` records (all without a limit), oldest first.
    ///
    /// # Errors
    /// The file cannot be read, or a record in it does not read back.
    pub async fn entries(&self, limit: Option<u64>) -> Result<Vec<Entry>, LedgerError> {
        let (first, begin, end) = {
            let published = self.shared.published.read().unwrap_or_else(PoisonError::into_inner);
            let size = published.ends.len();
            let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(size);
            let skipped = size.saturating_sub(limit);
            let begin = skipped.checked_sub(1).map_or(0, |last| published.ends[last]);
            (skipped as u64 + 1, begin, published.ends.last().copied().unwrap_or(0))
        };
        let log = Arc::clone(&self.log);
        blocking(move || {
            let mut bytes = vec![0; usize::try_from(end - begin).unwrap_or(usize::MAX)];
            log.read_exact_at(&mut bytes, begin).map_err(LedgerError::Unopened)?;
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let read = |(seq, line)| {
                serde_json::from_slice(line)
                    .map_err(|_| LedgerError::damaged(Some(seq), "a record does not read"))
            };
            (first..).zip(lines).map(read).collect()
        })
        .await
    }

    /// Looks into the book: balances, limits, open runs. What is on its way to the disk counts already.
    pub fn book<T>(&self, look: impl FnOnce(&Book) -> T) -> T {
        look(&self.shared.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What came of a question, if it was seen: a retry gets the same answer or the same refusal, and pays once.
    pub fn past(&self, query: &QueryId) -> Option<Past> {
        let size = self.shared.published.read().unwrap_or_else(PoisonError::into_inner).ends.len();
        told(self.book(|book| book.past(query).cloned())?, size as u64)
    }

    /// The signed head over all records that are durable.
    pub fn head(&self) -> Option<SignedCheckpoint> {
        self.shared.published.read().unwrap_or_else(PoisonError::into_inner).head.clone()
    }

    /// The root over the first `size` records.
    ///
    /// # Errors
    /// There are not so many.
    pub fn root_at(&self, size: u64) -> Result<TreeHash, MerkleFault> {
        self.shared.published.read().unwrap_or_else(PoisonError::into_inner).tower.root_at(size)
    }

    /// Shows that record `seq` is among the first `size`.
    ///
    /// # Errors
    /// There are not so many, or it is not among them.
    pub fn inclusion(&self, seq: u64, size: u64) -> Result<Vec<TreeHash>, MerkleFault> {
        let index = seq.checked_sub(1).ok_or(MerkleFault::OutsideTree { at: 0, size })?;
        self.shared.published.read().unwrap_or_else(PoisonError::into_inner).tower.inclusion(index, size)
    }

    /// Shows that the first `older` records are those of the first `size`.
    ///
    /// # Errors
    /// There are not so many.
    pub fn consistency(&self, older: u64, size: u64) -> Result<Vec<TreeHash>, MerkleFault> {
        self.shared.published.read().unwrap_or_else(PoisonError::into_inner).tower.consistency(older, size)
    }

    /// A partner has signed over this log at this time (Unix seconds): no period of a budget begins before the newest
    /// such time, whatever our clock says.
    pub fn witnessed(&self, second: u64) {
        self.shared.witnessed.fetch_max(second, Ordering::AcqRel);
    }

    async fn append(&self, draft: Draft, act: Act) -> Result<u64, LedgerError> {
        self.writer.append(draft, act).await.map(Ticket::keep).map(|(seq, _)| seq)
    }
}

impl Signer for Identity {
    fn id(&self) -> PartnerId {
        Self::id(self)
    }

    fn lineage(&self) -> Lineage {
        Self::lineage(self)
    }

    fn settle(&self, logged: &[Handover]) -> io::Result<()> {
        Self::settle(self, logged)
    }

    fn public(&self) -> [u8; 32] {
        self.signing_key()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        Self::sign(self, message)
    }
}

/// Two processes that both append would each count only their own.
fn lock(path: &Path) -> Result<File, LedgerError> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = open.map_err(LedgerError::Unopened)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse),
        Err(TryLockError::Error(source)) => Err(LedgerError::Unopened(source)),
    }
}

/// Which of two words fits this node's side of the question.
fn role(permitted: &Permitted, asker: &str, answerer: &str) -> String {
    match permitted.role() {
        Role::Asker => asker,
        Role::Answerer { .. } => answerer,
    }
    .to_owned()
}

fn about(kind: Kind, query: QueryId, permitted: &Permitted, now: Timestamp) -> Draft {
    Draft {
        kind,
        query: Some(query),
        contract: Some(permitted.contract_id()),
        partner: Some(permitted.partner().name.clone()),
        what: String::new(),
        body: Value::Null,
        now,
    }
}
