//! What the ledger refuses.

use std::{io, sync::Arc};

use jiff::Timestamp;
use tacit_protocol::log::{
    Amount,
    book::{BookFault, BudgetFault, Past},
    checkpoint::CheckpointFault,
    handover::HandoverFault,
};

use crate::report::{Class, Detail, Refusal};

/// The ledger cannot keep its promise, so nothing goes on; or it says no.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The files cannot be opened or read.
    #[error("the ledger cannot be opened")]
    Unopened(#[source] io::Error),
    /// A record could not be written down; nothing of it counts as told.
    #[error("a record could not be made durable, so the question stops here")]
    NotDurable(#[source] Arc<io::Error>),
    /// The disk said that bytes it had taken are not on it. What it holds now is not known, so this process writes
    /// nothing any more.
    #[error("the disk has lost what it was given, so this node records nothing until it is started again")]
    DiskFailed(#[source] Arc<io::Error>),
    /// Another process has the ledger.
    #[error("another process works with this ledger")]
    InUse,
    /// The files were written by a newer version.
    #[error("the ledger has format {found}; this version knows {known}")]
    Newer {
        /// What the file says.
        found: u64,
        /// What this build can read.
        known: u64,
    },
    /// The question's id was used before.
    #[error("this question's id was used before")]
    QueryReused {
        /// What came of it then.
        past: Past,
    },
    /// The budget does not cover the question.
    #[error("the privacy budget does not cover this question")]
    Exhausted(#[source] BudgetFault),
    /// A record would not follow the ones before.
    #[error("the record does not follow from the ones before")]
    OutOfTurn(#[source] BookFault),
    /// A record is larger than the log can hold.
    #[error("a record of {bytes} bytes is too large")]
    TooLarge {
        /// How large it would be.
        bytes: usize,
    },
    /// The files are not what this node wrote.
    #[error("the ledger is damaged: {problem}")]
    Damaged {
        /// The first record that is not as it was written, if that can be told.
        seq: Option<u64>,
        /// What is wrong.
        problem: &'static str,
    },
    /// A partner or a witness has a larger log of ours than we have: an old copy was put back.
    #[error("the ledger has {ours} records, and {witness} has seen {theirs}: an older copy was put back")]
    RolledBack {
        /// Records that we have.
        ours: u64,
        /// Records that it has seen.
        theirs: u64,
        /// Who has seen them.
        witness: String,
    },
    /// A partner or a witness has a head of ours, of a size that our log has with other records.
    #[error("{witness} has seen other records of this ledger, up to {size}: it has two histories")]
    Forked {
        /// Records up to the head that it has seen.
        size: u64,
        /// Who has seen it.
        witness: String,
    },
    /// The log has handed over to a key that this node does not have.
    #[error("the log has handed over to another signing key than this node has")]
    KeyRetired,
    /// The signing key was not handed over.
    #[error("the signing key was not handed over")]
    NotHandedOver(#[source] HandoverFault),
    /// While this process did not run, another one went on with the ledger, or the files were put in another place.
    #[error("another process has gone on with this ledger, so this one writes nothing any more")]
    Fenced,
    /// There is nothing to give up.
    #[error("the ledger is sound, so nothing is put aside")]
    Sound,
    /// A head could not be signed.
    #[error("the log's head cannot be signed")]
    Unsigned(#[source] CheckpointFault),
    /// The ledger was closed while the record waited.
    #[error("the ledger is closed")]
    Closed,
}

impl LedgerError {
    pub(super) const fn damaged(seq: Option<u64>, problem: &'static str) -> Self {
        Self::Damaged { seq, problem }
    }
}

/// An amount for people: ρ in units, δ where there is any.
fn show(amount: Amount) -> String {
    let rho = format!("ρ {}.{:09}", amount.nano_rho / 1_000_000_000, amount.nano_rho % 1_000_000_000);
    let rho = rho.trim_end_matches('0').trim_end_matches('.').to_owned();
    match amount.atto_delta {
        0 => rho,
        atto => format!("{rho}, δ {atto}e-18"),
    }
}

impl Refusal for LedgerError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unopened(_) => "E-LEDGER-UNOPENED",
            Self::NotDurable(_) => "E-LEDGER-NOT-DURABLE",
            Self::DiskFailed(_) => "E-LEDGER-DISK",
            Self::InUse => "E-LEDGER-IN-USE",
            Self::Newer { .. } => "E-LEDGER-NEWER",
            Self::QueryReused { .. } => "E-QUERY-REUSED",
            Self::Exhausted(BudgetFault::LimitsDiffer | BudgetFault::Free) => "E-BUDGET-TERMS",
            Self::Exhausted(BudgetFault::PeriodLength | BudgetFault::NotBegun { .. }) => "E-BUDGET-PERIOD",
            Self::Exhausted(_) => "E-BUDGET-EXHAUSTED",
            Self::OutOfTurn(_) => "E-LEDGER-ORDER",
            Self::TooLarge { .. } => "E-LEDGER-RECORD-SIZE",
            Self::Damaged { .. } => "E-LEDGER-DAMAGED",
            Self::RolledBack { .. } => "E-LEDGER-ROLLED-BACK",
            Self::Forked { .. } => "E-LEDGER-FORKED",
            Self::KeyRetired => "E-LEDGER-KEY-RETIRED",
            Self::NotHandedOver(_) => "E-LEDGER-HANDOVER",
            Self::Fenced => "E-LEDGER-FENCED",
            Self::Sound => "E-LEDGER-SOUND",
            Self::Unsigned(_) => "E-LEDGER-UNSIGNED",
            Self::Closed => "E-LEDGER-CLOSED",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Exhausted(_) => Class::Budget,
            _ => Class::Failed,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let mut details = Vec::new();
        let mut add = |label, text: String| details.push(Detail::new(label, text));
        let operator = "the operator of this node";
        let (who, mend) = match self {
            Self::Unopened(_) => {
                (operator, "check that ledger/ in the node's home exists and can be written")
            }
            Self::NotDurable(_) => (operator, "free disk space, or mend the disk; nothing left this node"),
            Self::DiskFailed(_) => {
                (operator, "look at the system's log, mend or change the disk, and start the node again")
            }
            Self::InUse => (operator, "end the other process; two of them would spend the budget twice"),
            Self::Newer { .. } => {
                (operator, "run the newer version of tacit; this one will not touch the files")
            }
            Self::QueryReused { past } => {
                let came = match past {
                    Past::Open { reserve } => format!("still going on, since record {reserve}"),
                    Past::Answered { answer, .. } => format!("answered, record {answer}"),
                    Past::Aborted { abort, code, .. } => format!("ended with {code}, record {abort}"),
                    Past::Refused { refusal, code } => format!("refused with {code}, record {refusal}"),
                };
                add("it was", came);
                ("whoever asks", "ask again: every asking draws a fresh id")
            }
            Self::Exhausted(fault) => {
                let mut have = |price: &Amount, left: &Amount| {
                    add("costs", show(*price));
                    add("left", show(*left));
                };
                match fault {
                    BudgetFault::Lifetime { left, price } => {
                        have(price, left);
                        (
                            "the signers of the contract",
                            "ask less exactly, or sign a contract with a larger budget",
                        )
                    }
                    BudgetFault::Period { left, price, next } => {
                        have(price, left);
                        let when =
                            i64::try_from(*next).ok().and_then(|next| Timestamp::from_second(next).ok());
                        add("next period", when.map_or_else(|| next.to_string(), |when| when.to_string()));
                        ("nobody", "wait for the next period, or ask less exactly")
                    }
                    BudgetFault::Ceiling { left, price } => {
                        have(price, left);
                        (
                            "the owner of the data",
                            "ask less exactly; the owner decides how much all partners may learn",
                        )
                    }
                    BudgetFault::LimitsDiffer => (
                        "the signers of the contract",
                        "a contract's limits do not change; sign another contract",
                    ),
                    BudgetFault::NotBegun { .. } => {
                        ("nobody", "wait until the contract's first period begins")
                    }
                    BudgetFault::PeriodLength => {
                        ("the signers of the contract", "sign one with a period of a length")
                    }
                    BudgetFault::Free | BudgetFault::TooLarge => ("whoever asks", "ask with another ε"),
                }
            }
            Self::OutOfTurn(_) => (operator, "report this as a bug; nothing was recorded"),
            Self::TooLarge { .. } => (operator, "say it in fewer words"),
            Self::Damaged { seq, .. } => {
                if let Some(seq) = seq {
                    add("first bad", format!("record {seq}"));
                }
                (
                    operator,
                    "find out who changed the files; put a whole copy back, or `tacit recover --begin-anew`",
                )
            }
            Self::RolledBack { .. } => (
                operator,
                "put the newest copy back, or `tacit recover`, and have them say `tacit partner recovered`",
            ),
            Self::Forked { .. } => (
                operator,
                "find out who changed the files; then `tacit recover`: what is missing counts as spent",
            ),
            Self::KeyRetired => (
                operator,
                "put the newest copy of keys/ back; a node whose signing key is lost is nobody: make a new home",
            ),
            Self::NotHandedOver(HandoverFault::TooMany) => {
                (operator, "make a new home, with new cards and contracts; this one's line of keys is full")
            }
            Self::NotHandedOver(_) => (operator, "run the command again; the key in force stays"),
            Self::Fenced => {
                (operator, "find out which node goes on, and end this one; never run two copies of a home")
            }
            Self::Sound => {
                (operator, "`tacit recover` without --begin-anew gives up what partners miss of it")
            }
            Self::Unsigned(_) => (operator, "check the node's signing key"),
            Self::Closed => (operator, "start the node again"),
        };
        add("who", who.to_owned());
        add("would do", mend.to_owned());
        details
    }

    fn retry_helps(&self) -> bool {
        matches!(
            self,
            Self::NotDurable(_)
                | Self::InUse
                | Self::Closed
                | Self::Exhausted(BudgetFault::Period { .. } | BudgetFault::NotBegun { .. })
        )
    }
}
