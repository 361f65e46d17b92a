//! Partners witness each other's logs.
//!
//! The attack it stops: a log that is rewritten, rolled back or shown to two readers in two forms. Before each
//! question and on a timer a node shows its newest head to the partner, with the proof that it begins with the one
//! the partner saw last; the partner keeps it and cosigns (C2SP `tlog-witness` and `tlog-cosignature`, carried in
//! calls over the link instead of HTTP). A partner that has seen more of our log than we have does not need to be
//! believed: it shows a head that **we** signed, and then this node answers and asks nothing any more (D11).

use std::{io, sync::Arc, time::Duration};

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use tacit_protocol::{
    ids::PartnerId,
    log::{
        checkpoint::{Keys, SignedCheckpoint, WitnessKey, origin},
        merkle::MerkleFault,
        note::{Note, NoteFault, Signature, SignatureKind, VerifierKey},
        witness::{AddCheckpoint, WitnessRefusal},
    },
};

use super::{
    ExchangeError, auditor,
    papers::{Call, Said, say},
};
use crate::{
    ledger::{Considered, Fence, LedgerError},
    report::{Class, Detail, Refusal, Report},
    rooms::{Rooms, blocking},
};

/// How long one partner may take when several are asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// The partner's word on our log, or ours on the partner's, could not be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// What was seen cannot be read or written.
    #[error("what partners have seen of this node's log cannot be read or kept")]
    Unkept(#[source] io::Error),
    /// The tree has no such sizes.
    #[error("the log cannot be proven to begin with what a partner has seen of it")]
    NoProof(#[source] MerkleFault),
    /// The auditor's witness does not answer.
    #[error("the witness {witness} cannot be reached")]
    Unreachable {
        /// Its key's name.
        witness: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The auditor's witness does not cosign.
    #[error("the witness {witness} does not cosign this log's head: {status}")]
    Refused {
        /// Its key's name.
        witness: String,
        /// The status of its answer, as C2SP tlog-witness has them.
        status: u16,
    },
    /// The auditor's witness says that it has seen a larger log.
    #[error("the witness {witness} says that it has seen {theirs} records, and the log has {ours}")]
    Ahead {
        /// Its key's name.
        witness: String,
        /// Records that we have.
        ours: u64,
        /// Records that it says it has seen.
        theirs: u64,
    },
    /// The auditor's witness answers with something else than the protocol has.
    #[error("the witness {witness} answers with something else than {expected}")]
    OutOfPlace {
        /// Its key's name.
        witness: String,
        /// What was due.
        expected: &'static str,
    },
    /// There is no witness to show anything to.
    #[error("no witness is set")]
    Unset,
}

impl Refusal for WitnessError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unkept(_) => "E-WITNESS-UNKEPT",
            Self::NoProof(_) => "E-WITNESS-NO-PROOF",
            Self::Unreachable { .. } => "E-WITNESS-UNREACHABLE",
            Self::Refused { status: 422, .. } => "E-WITNESS-FORKED",
            Self::Refused { .. } => "E-WITNESS-REFUSED",
            Self::Ahead { .. } => "E-WITNESS-AHEAD",
            Self::OutOfPlace { .. } => "E-WITNESS-ANSWER",
            Self::Unset => "E-WITNESS-UNSET",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Unset => Class::Usage,
            Self::Unkept(_) | Self::NoProof(_) => Class::Failed,
            _ => Class::Peer,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let mend = match self {
            Self::Unkept(_) | Self::NoProof(_) => {
                "check ledger/cosigned in the node's home: permissions, disk; then `tacit audit verify`"
            }
            Self::Unreachable { .. } => "check witness.url in tacit.toml, and that the witness runs",
            Self::Refused { status: 404, .. } => {
                "have the auditor add this log: origin and key, `tacit keys show`"
            }
            Self::Refused { status: 403, .. } => {
                "have the auditor add this log's key of today: `tacit keys show`"
            }
            Self::Refused { status: 422, .. } => {
                "the witness has seen another history of this log: find out who changed it; `tacit audit verify`"
            }
            Self::Refused { .. } => "ask the auditor what the witness has against it",
            Self::Ahead { .. } => {
                "if an older copy of ledger/ was put back, put the newest one back; otherwise ask the auditor"
            }
            Self::OutOfPlace { .. } => "check witness.url and witness.key in tacit.toml with the auditor",
            Self::Unset => "url and key under [witness] in tacit.toml, and start the node again",
        };
        vec![Detail::new("who", "the operator of this node"), Detail::new("would do", mend)]
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// Shows our newest head to a partner and keeps its cosignature.
///
/// # Errors
/// The partner cannot be reached or refuses; [`LedgerError::RolledBack`] and [`LedgerError::Forked`] if it shows a head
/// of ours that our log does not have, after which the ledger sets nothing aside any more.
pub async fn present(rooms: &Rooms, partner: PartnerId) -> Result<(), Report> {
    let name = rooms.partner_name(partner).unwrap_or_default();
    let out_of_place = |expected| Report::from(ExchangeError::OutOfPlace { partner: name.clone(), expected });
    let keys = own_keys(rooms);
    let _turn = rooms.heads.turn(partner).await;
    let mut known = rooms.heads.cosigned(partner, &keys).map_err(WitnessError::Unkept)?;
    if let Some(known) = &known {
        // Our own file may know more of our log than the log itself.
        compare(rooms, &name, known)?;
    }
    for _ in 0..2 {
        let Some(mut head) = rooms.ledger.head() else { return Ok(()) };
        let (old, size) = (known.as_ref().map_or(0, |known| known.head().size), head.head().size);
        let proof = rooms.ledger.consistency(old, size).map_err(WitnessError::NoProof)?;
        let request = AddCheckpoint::new(old, proof, &head).to_string();
        match say(rooms, partner, &Call::Head { request }).await? {
            Some(Said::Cosigned { line }) => {
                let line =
                    Signature::parse_lines(line.as_bytes()).ok().and_then(|lines| lines.into_iter().next());
                let witness = keys_of(rooms, partner).map(|theirs| theirs.witness).unwrap_or_default();
                // It may have handed its key over a moment ago, and we may know or not.
                let by = line.and_then(|line| {
                    let key = witness.iter().find(|key| line.claims(key))?;
                    Some((line.clone(), key))
                });
                let added = by.map(|(line, key)| head.add_cosignature(line, key));
                let Some(Ok(time)) = added else { return Err(out_of_place("a cosignature of our head")) };
                rooms.heads.keep_cosigned(partner, &head).map_err(WitnessError::Unkept)?;
                rooms.ledger.witnessed(time);
                rooms.ledger.agreed(&name);
                return Ok(());
            }
            Some(Said::Seen { note }) => {
                let Ok(seen) = keys.open(note.as_bytes()) else {
                    return Err(out_of_place("a head that this node has signed"));
                };
                compare(rooms, &name, &seen)?;
                if seen.head().size == old {
                    return Err(out_of_place(
                        "a cosignature: the head is proven to begin with the one it has",
                    ));
                }
                known = Some(seen);
            }
            Some(Said::Refused { code }) => {
                return Err(ExchangeError::refused(name, code).into());
            }
            Some(Said::Contract { .. } | Said::Quote { .. }) | None => {
                return Err(out_of_place("a word on our head"));
            }
        }
    }
    Err(out_of_place("one head of our log, not another each time"))
}

/// Holds a head that we have signed against our log. Where the log does not have it, nothing is set aside any more.
pub(super) fn compare(rooms: &Rooms, partner: &str, seen: &SignedCheckpoint) -> Result<(), LedgerError> {
    let (theirs, root) = (seen.head().size, seen.head().root);
    let ours = rooms.ledger.head().map_or(0, |head| head.head().size);
    let witness = partner.to_owned();
    let fence = if theirs > ours {
        Fence::RolledBack { ours, theirs, witness }
    } else if rooms.ledger.root_at(theirs).is_ok_and(|own| own == root) {
        return Ok(());
    } else {
        Fence::Forked { size: theirs, witness }
    };
    rooms.ledger.fence(fence.clone());
    Err(fence.into())
}

/// Shows a partner our head with the record of what both just did in it, so that its receipt is cosigned. Where that
/// fails now, the next question or the timer does it.
pub async fn settle(rooms: &Rooms, partner: PartnerId) {
    match tokio::time::timeout(PATIENCE, present(rooms, partner)).await {
        Ok(Ok(())) => {}
        Ok(Err(report)) => tracing::debug!(code = %report.code, "a record is not cosigned yet"),
        Err(_) => tracing::debug!("a record is not cosigned yet: the partner took too long"),
    }
}

/// Shows our head to every partner that can be reached now, and to the auditor's witness.
pub async fn present_to_all(rooms: &Rooms) {
    let partners = rooms.partners.list();
    let auditor = async {
        match tokio::time::timeout(3 * PATIENCE, auditor::present(rooms)).await {
            Ok(Ok(_)) => {}
            Ok(Err(report)) => tracing::warn!(code = %report.code, "{}", report.message),
            Err(_) => tracing::warn!("the auditor's witness took too long"),
        }
    };
    let partners = join_all(partners.iter().map(async |partner| {
        match tokio::time::timeout(PATIENCE, present(rooms, partner.card().id())).await {
            Ok(Ok(())) => {}
            Ok(Err(report)) if report.code.starts_with("E-LEDGER-") => {
                tracing::error!(code = %report.code, partner = partner.card().name(), "{}", report.message);
            }
            Ok(Err(report)) => {
                tracing::debug!(code = %report.code, "a partner has not seen our newest head");
            }
            Err(_) => tracing::debug!("a partner took too long to see our newest head"),
        }
    }));
    tokio::join!(partners, auditor);
}

/// Considers a partner's head; cosigns it once it is kept.
pub(super) async fn consider(rooms: &Rooms, partner: PartnerId, request: &str) -> Said {
    let refused = |code: &str| Said::Refused { code: code.to_owned() };
    let Some(theirs) = keys_of(rooms, partner) else { return refused("E-WITNESS-UNKNOWN-LOG") };
    let request = match AddCheckpoint::parse(request.as_bytes()) {
        Ok(request) => request,
        Err(_) => return refused("E-WITNESS-MALFORMED"),
    };
    let (heads, shown, keys) = (Arc::clone(&rooms.heads), request.note.clone(), theirs.any.log.clone());
    let considered = blocking(move || heads.consider(partner, (&theirs.any, &theirs.newest), &request)).await;
    match considered {
        Err(error) => {
            tracing::error!(%error, "a partner's head could not be kept, so it is not cosigned");
            refused("E-WITNESS-NOT-KEPT")
        }
        Ok(Considered::Kept(accepted)) => {
            let time = Timestamp::now().as_second().unsigned_abs();
            let line = own_witness_key(rooms)
                .and_then(|witness| accepted.cosign(&witness, time, |text| rooms.identity.sign(text)));
            match line {
                Ok(line) => Said::Cosigned { line: line.to_string() },
                Err(_) => refused("E-WITNESS-CLOCK"),
            }
        }
        Ok(Considered::Refused { refusal, known }) => {
            if matches!(refusal, WitnessRefusal::Forked | WitnessRefusal::Inconsistent(_)) {
                let known = known.as_deref().and_then(|note| Note::parse(note.as_bytes()).ok());
                let body = json!({
                    "log": origin(&partner),
                    "status": refusal.status(),
                    "shown": signed_by(&shown, &keys),
                    "known": known.map(|note| signed_by(&note, &keys)),
                });
                on_record(rooms, partner, &refusal, body).await;
            }
            match (refusal, known) {
                (
                    WitnessRefusal::Forked | WitnessRefusal::Inconsistent(_) | WitnessRefusal::Stale { .. },
                    Some(note),
                ) => Said::Seen { note },
                (WitnessRefusal::BadSignature, _) => refused("E-WITNESS-SIGNATURE"),
                (WitnessRefusal::UnknownOrigin, _) => refused("E-WITNESS-UNKNOWN-LOG"),
                _ => refused("E-WITNESS-MALFORMED"),
            }
        }
    }
}

/// A partner whose log does not go on where it ended is an incident, whatever the reason. Both heads stand in the
/// record: it has signed both. However often it shows such a head, few records come of it (D18).
async fn on_record(rooms: &Rooms, partner: PartnerId, refusal: &WitnessRefusal, body: Value) {
    let what = match refusal {
        WitnessRefusal::Forked => "E-WITNESS-FORKED",
        _ => "E-WITNESS-INCONSISTENT",
    };
    let name = rooms.partner_name(partner).unwrap_or_else(|| partner.to_string());
    if let Err(error) = rooms.ledger.misdeed(name, what, body, Timestamp::now()).await {
        tracing::error!(%error, "a partner's false head could not be recorded");
    }
}

/// The lines of a note with the signatures of these keys and no others.
fn signed_by(note: &Note, keys: &[VerifierKey]) -> Vec<String> {
    let by = |line: &&Signature| keys.iter().any(|key| line.claims(key));
    let signatures = note.signatures().iter().filter(by).map(|line| line.to_string().trim_end().to_owned());
    note.text().lines().map(str::to_owned).chain([String::new()]).chain(signatures).collect()
}

/// Under which keys a partner's log is signed, and how it cosigns ours.
struct Theirs {
    /// All its keys: a head that we cosigned before its key was handed over is one still.
    any: Keys,
    /// The one of today: nothing new counts under another (LOG-19).
    newest: Keys,
    /// The one of today last.
    witness: Vec<VerifierKey>,
}

fn keys_of(rooms: &Rooms, partner: PartnerId) -> Option<Theirs> {
    let trusted = rooms.partners.trusted();
    let line = trusted.by_id(partner)?.card().lineage().clone();
    let any = Keys { handovers: Vec::new(), ..Keys::of(&line, Vec::new()).ok()? };
    let newest = Keys { log: any.log.last().cloned().into_iter().collect(), ..any.clone() };
    let witness = line.verifier_keys(SignatureKind::Cosignature).ok()?;
    Some(Theirs { any, newest, witness })
}

/// Under which keys our own log is signed and cosigned.
pub fn own_keys(rooms: &Rooms) -> Keys {
    let witnesses = rooms.partners.list().into_iter().flat_map(|partner| {
        let keys = keys_of(rooms, partner.card().id()).map(|theirs| theirs.witness).unwrap_or_default();
        let who = partner.card().name().to_owned();
        keys.into_iter().map(move |key| WitnessKey { who: who.clone(), key })
    });
    let auditor = rooms.config.witness.iter();
    let auditor =
        auditor.map(|witness| WitnessKey { who: witness.key.name().to_owned(), key: witness.key.clone() });
    // What partners and this node itself keep of its heads may be older than its key of today.
    let lineage = rooms.identity.lineage();
    let log = lineage.verifier_keys(SignatureKind::Ed25519).unwrap_or_default();
    let origin = origin(&lineage.node());
    Keys { origin, log, witnesses: witnesses.chain(auditor).collect(), handovers: Vec::new() }
}

fn own_witness_key(rooms: &Rooms) -> Result<VerifierKey, NoteFault> {
    let me = origin(&rooms.identity.id());
    VerifierKey::new(&me, SignatureKind::Cosignature, rooms.identity.signing_key())
}
