//! The store: SQLite in WAL mode with `synchronous=FULL`, so that a record is on the disk when the call
//! returns, power cut or not.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::json;
use tacit_protocol::ids::{ContractId, QueryId};
use tokio::sync::Mutex;

use super::{Entry, Kind, LedgerError, Outcome};
use crate::policy::{Permitted, Role};

/// Written into the file's `user_version`.
const FORMAT: i64 = 1;

/// The node's records. One process holds them (the home's lock sees to that).
#[derive(Clone)]
pub struct Ledger {
    connection: Arc<Mutex<Connection>>,
}

/// A question whose price is durably set aside. Only [`Ledger::reserve`] makes one.
///
/// ```compile_fail
/// // `Reserved` cannot be made by hand: its fields are private and it has no constructor.
/// let reserved = tacit_node::ledger::Reserved { permitted: todo!(), query: todo!(), seq: 1 };
/// ```
#[derive(Debug)]
#[must_use = "a reservation that goes nowhere was spent for nothing"]
pub struct Reserved {
    permitted: Permitted,
    query: QueryId,
    seq: u64,
}

impl Reserved {
    /// What was permitted.
    pub fn permitted(&self) -> &Permitted {
        &self.permitted
    }

    /// The question's id, the same on both nodes.
    pub fn query(&self) -> QueryId {
        self.query
    }

    /// The record that set it aside.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// Proof that the record of an answer is durable. Only [`Ledger::record`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an answer is shown only with its receipt"]
pub struct Receipt {
    seq: u64,
}

impl Receipt {
    /// The record's position.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// A record before it has a place and a time.
struct Draft {
    kind: Kind,
    query: Option<QueryId>,
    contract: Option<ContractId>,
    partner: Option<String>,
    what: String,
    body: serde_json::Value,
}

impl Ledger {
    /// Opens the ledger, making it where there is none. Runs that were open when the process before this one
    /// died are recorded as aborted with `E-CRASHED`; what they reserved stays counted.
    ///
    /// Only the holder of the home's lock may call this: to anybody else, a run that goes on looks dead.
    pub fn open(file: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(file).map_err(LedgerError::Unopened)?;
        // Order matters: the journal mode must stand before the first write.
        connection
            .execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;")
            .map_err(LedgerError::Unopened)?;
        let found: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(LedgerError::Unopened)?;
        if found > FORMAT {
            return Err(LedgerError::Newer { found, known: FORMAT });
        }
        connection
            .execute_batch(&format!(
                "CREATE TABLE IF NOT EXISTS entries (
                     seq INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL,
                     query TEXT, contract TEXT, partner TEXT, what TEXT NOT NULL, body TEXT NOT NULL
                 ) STRICT;
                 CREATE INDEX IF NOT EXISTS entries_of_query ON entries (query, kind);
                 CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE UPDATE ON entries
                     BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
                 CREATE TRIGGER IF NOT EXISTS entries_remain BEFORE DELETE ON entries
                     BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END;
                 PRAGMA user_version={FORMAT};"
            ))
            .map_err(LedgerError::Unopened)?;
        close_open_runs(&connection, Timestamp::now())?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Sets a permitted question's price aside. For a revelation that is the entry itself: who learns
    /// membership of what, under which contract.
    pub async fn reserve(
        &self,
        permitted: Permitted,
        query: QueryId,
        now: Timestamp,
    ) -> Result<Reserved, LedgerError> {
        if self.knows(query).await? {
            return Err(LedgerError::QueryReused);
        }
        let draft = Draft {
            what: role(&permitted, "asks", "is asked"),
            body: json!({
                "purpose": permitted.purpose(),
                "legal_basis": permitted.terms().legal_basis,
                "question": permitted.parsed().hash().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
                "tells": permitted.tells(),
                "approvals": permitted.approvals(),
                "price": { "epsilon": 0, "reveals": "which of the asker's own customers match" },
            }),
            ..Draft::about(Kind::Reserve, query, &permitted)
        };
        let seq = self.append(draft, now).await?;
        Ok(Reserved { permitted, query, seq })
    }

    /// Marks the release point: called before the first message that depends on data.
    pub async fn spend(&self, reserved: &Reserved, now: Timestamp) -> Result<(), LedgerError> {
        let draft = Draft {
            what: "first data-dependent message".to_owned(),
            body: json!({ "reserve": reserved.seq }),
            ..Draft::about(Kind::Spend, reserved.query, &reserved.permitted)
        };
        self.append(draft, now).await.map(drop)
    }

    /// Makes the record of an answer durable. Only then may anyone see it.
    pub async fn record(
        &self,
        reserved: &Reserved,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Receipt, LedgerError> {
        let draft = Draft {
            what: role(&reserved.permitted, "learned", "served"),
            body: json!({ "reserve": reserved.seq, "outcome": outcome }),
            ..Draft::about(Kind::Answer, reserved.query, &reserved.permitted)
        };
        let seq = self.append(draft, now).await?;
        Ok(Receipt { seq })
    }

    /// Records that a reserved question came to no answer; `code` is the stable code of the reason.
    pub async fn abort(&self, reserved: &Reserved, code: &str, now: Timestamp) -> Result<(), LedgerError> {
        let draft = Draft {
            what: code.to_owned(),
            body: json!({ "reserve": reserved.seq }),
            ..Draft::about(Kind::Abort, reserved.query, &reserved.permitted)
        };
        self.append(draft, now).await.map(drop)
    }

    /// Records a refusal: the code, who asked, and the hash of the question, never its text.
    pub async fn refuse(
        &self,
        query: QueryId,
        partner: Option<String>,
        code: &str,
        body: serde_json::Value,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let draft = Draft {
            kind: Kind::Refusal,
            query: Some(query),
            contract: None,
            partner,
            what: code.to_owned(),
            body,
        };
        self.append(draft, now).await.map(drop)
    }

    /// Records something that is not a question: a contract, a partner, a withdrawal, a key.
    pub async fn note(
        &self,
        kind: Kind,
        contract: Option<ContractId>,
        partner: Option<String>,
        what: &str,
        body: serde_json::Value,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let draft = Draft { kind, query: None, contract, partner, what: what.to_owned(), body };
        self.append(draft, now).await.map(drop)
    }

    /// The newest `limit` records (all without a limit), oldest first.
    pub async fn entries(&self, limit: Option<u64>) -> Result<Vec<Entry>, LedgerError> {
        let limit = limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
        let connection = self.connection.lock().await;
        let mut statement = connection
            .prepare(
                "SELECT seq, time, kind, query, contract, partner, what, body FROM
                 (SELECT * FROM entries ORDER BY seq DESC LIMIT ?1) ORDER BY seq",
            )
            .map_err(LedgerError::Unopened)?;
        let rows = statement
            .query_map([limit], |row| {
                Ok((
                    seq(row.get(0)?),
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, Option<String>>(3)?,
                    row.get::<_, Option<String>>(4)?,
                    row.get::<_, Option<String>>(5)?,
                    row.get::<_, String>(6)?,
                    row.get::<_, String>(7)?,
                ))
            })
            .map_err(LedgerError::Unopened)?;
        rows.map(|row| {
            let (seq, time, kind, query, contract, partner, what, body) =
                row.map_err(LedgerError::Unopened)?;
            let damaged = || LedgerError::Damaged { seq };
            Ok(Entry {
                seq,
                time,
                kind: serde_json::from_value(json!(kind)).map_err(|_| damaged())?,
                query: query.map(|id| id.parse()).transpose().map_err(|_| damaged())?,
                contract: contract.map(|id| id.parse()).transpose().map_err(|_| damaged())?,
                partner,
                what,
                body: serde_json::from_str(&body).map_err(|_| damaged())?,
            })
        })
        .collect()
    }

    /// Whether a question of this id was reserved before: an id names one asking of one question.
    async fn knows(&self, query: QueryId) -> Result<bool, LedgerError> {
        let connection = self.connection.lock().await;
        connection
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM entries WHERE query = ?1 AND kind = 'reserve')",
                [query.to_string()],
                |row| row.get(0),
            )
            .map_err(LedgerError::Unopened)
    }

    async fn append(&self, draft: Draft, now: Timestamp) -> Result<u64, LedgerError> {
        let connection = Arc::clone(&self.connection).lock_owned().await;
        let write = move || {
            connection
                .query_row(
                    "INSERT INTO entries (time, kind, query, contract, partner, what, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING seq",
                    params![
                        now.to_string(),
                        draft.kind.name(),
                        draft.query.map(|id| id.to_string()),
                        draft.contract.map(|id| id.to_string()),
                        draft.partner,
                        draft.what,
                        draft.body.to_string(),
                    ],
                    |row| row.get(0).map(seq),
                )
                .map_err(LedgerError::NotDurable)
        };
        // An fsync takes milliseconds: never on an I/O thread.
        match tokio::task::spawn_blocking(write).await {
            Ok(written) => written,
            // Invariant: the closure above does not panic, and the runtime outlives the ledger.
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        }
    }
}

/// Nobody goes on with a run whose process is gone.
fn close_open_runs(connection: &Connection, now: Timestamp) -> Result<(), LedgerError> {
    connection
        .execute(
            "INSERT INTO entries (time, kind, query, contract, partner, what, body)
             SELECT ?1, 'abort', query, contract, partner, 'E-CRASHED', json_object('reserve', seq)
             FROM entries AS begun WHERE kind = 'reserve' AND NOT EXISTS (
                 SELECT 1 FROM entries AS over
                 WHERE over.query = begun.query AND over.kind IN ('answer', 'abort')
             ) ORDER BY seq",
            [now.to_string()],
        )
        .map(drop)
        .map_err(LedgerError::NotDurable)
}

/// SQLite counts in `i64`, from 1.
fn seq(stored: i64) -> u64 {
    stored.unsigned_abs()
}

/// Which of two words fits this node's side of the question.
fn role(permitted: &Permitted, asker: &str, answerer: &str) -> String {
    match permitted.role() {
        Role::Asker => asker,
        Role::Answerer { .. } => answerer,
    }
    .to_owned()
}

impl Draft {
    fn about(kind: Kind, query: QueryId, permitted: &Permitted) -> Self {
        Self {
            kind,
            query: Some(query),
            contract: Some(permitted.contract_id()),
            partner: Some(permitted.partner().name.clone()),
            what: String::new(),
            body: serde_json::Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn records_are_kept_in_order_and_cannot_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let ledger = Ledger::open(&file).unwrap();
        for what in ["added", "removed"] {
            ledger.note(Kind::Partner, None, Some("bank".into()), what, json!({}), now).await.unwrap();
        }
        drop(ledger);
        let ledger = Ledger::open(&file).unwrap();
        let entries = ledger.entries(None).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(entries[1].what, "removed");
        let connection = ledger.connection.lock().await;
        assert!(connection.execute("DELETE FROM entries", []).is_err());
        assert!(connection.execute("UPDATE entries SET what = 'x'", []).is_err());
    }

    #[tokio::test]
    async fn a_run_that_was_open_at_a_crash_is_closed_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        let ledger = Ledger::open(&file).unwrap();
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let (open, over) = (QueryId::new([1; 32]), QueryId::new([2; 32]));
        for (kind, query) in [
            (Kind::Reserve, open),
            (Kind::Spend, open),
            (Kind::Reserve, over),
            (Kind::Answer, over),
            (Kind::Refusal, QueryId::new([3; 32])),
        ] {
            let (partner, what, body) = (Some("bank".into()), String::new(), json!({}));
            let draft = Draft { kind, query: Some(query), contract: None, partner, what, body };
            ledger.append(draft, now).await.unwrap();
        }
        drop(ledger);
        for _ in 0..2 {
            let entries = Ledger::open(&file).unwrap().entries(None).await.unwrap();
            assert_eq!(entries.len(), 6);
            let last = &entries[5];
            assert_eq!((last.kind, last.query, last.what.as_str()), (Kind::Abort, Some(open), "E-CRASHED"));
            assert_eq!(last.body, json!({ "reserve": 1 }));
            assert_eq!(last.partner.as_deref(), Some("bank"));
        }
    }

    #[tokio::test]
    async fn f08_a_newer_ledger_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ledger.db");
        Connection::open(&file).unwrap().execute_batch("PRAGMA user_version=2").unwrap();
        assert!(matches!(Ledger::open(&file), Err(LedgerError::Newer { found: 2, known: 1 })));
    }
}
