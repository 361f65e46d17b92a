//! A node's own ledger, in place: while the node runs or not, without its lock and without its keys.
//!
//! The attack this stops is the ledger that only its node can read. What the newest head covers is taken, and not a
//! byte more; a ledger that is damaged is read as far as it goes, and the damage is told.

use std::{fs, io, path::Path};

use tacit_protocol::log::{
    Lineage,
    checkpoint::{Keys, SignedCheckpoint, WitnessKey},
    note::{SignatureKind, VerifierKey},
};

use super::{
    AuditError, Check, check,
    source::{Read, Seen, bytes, files, unsigned},
};
use crate::{
    config::{Config, Home},
    ledger::{self, LedgerError, Reading},
    link::Card,
    policy::Document,
};

/// Reads and checks it.
pub(super) fn read(
    home: &Home,
    contracts: &[Document],
    believed: Option<Keys>,
    keep: bool,
) -> Result<Read, AuditError> {
    let directory = home.ledger_dir();
    if !directory.join("log").is_file() {
        let checks = vec![Check::new("records", None, "no records yet")];
        return Ok(Read { checks, ..Read::default() });
    }
    let mut seen = Seen { keep, ..Seen::default() };
    match ledger::read_with(&directory, |entry| seen.take_booked(entry)) {
        Ok(reading) => whole(home, contracts, &reading, believed, seen),
        Err(LedgerError::Damaged { seq, problem }) => {
            // As far as it goes, for whoever has to find out what happened.
            let mut read = unsigned(&bytes(&directory.join("log"))?);
            read.checks.insert(0, Check::new("ledger", false, problem).at(seq));
            Ok(read)
        }
        Err(error) => Err(AuditError::Ledger(error)),
    }
}

fn whole(
    home: &Home,
    contracts: &[Document],
    reading: &Reading,
    believed: Option<Keys>,
    seen: Seen,
) -> Result<Read, AuditError> {
    let own = Keys { witnesses: witnesses(home, contracts, reading.keys())?, ..reading.keys().clone() };
    let keys = match believed {
        Some(believed) => believed.extended(&own.handovers),
        None => own,
    };
    let (mut head, mut checks) = match keys.accept(reading.note().clone()) {
        Ok(head) => {
            let found = format!("{} records, signed for {}", head.head().size, head.head().origin);
            (Some(head), vec![Check::new("head", true, found)])
        }
        Err(fault) => (None, vec![Check::new("head", false, fault.to_string())]),
    };
    let cosigned = cosigned(home, &keys)?;
    let newest = reading.head().head();
    let count = seen.count;
    checks.insert(0, Check::new("records", true, format!("{count} records read")));
    checks.insert(1, check::booked(reading.book()));
    checks.insert(2, seen.prices.check());
    checks.push(match reading.root_at(newest.size) == Ok(newest.root) {
        true => Check::new("tree", true, "the records are those that were signed"),
        false => Check::new("tree", false, "the records are not those that were signed"),
    });
    let forked = cosigned.iter().find(|seen| reading.root_at(seen.head().size) != Ok(seen.head().root));
    checks.push(match forked {
        Some(seen) => {
            let size = seen.head().size;
            Check::new(
                "earlier heads",
                false,
                format!("a head of {size} records that a partner cosigned is of another history"),
            )
        }
        None => Check::new(
            "earlier heads",
            true,
            format!("{} heads that partners cosigned are on the way", cosigned.len()),
        ),
    });
    checks.extend(check::handed_over(reading.keys().handovers.len() as u64));
    checks.push(check::identity(&keys, seen.me));
    let mut earlier = Vec::new();
    for note in cosigned {
        match &mut head {
            // A partner's line on this very head.
            Some(head) if head.head() == note.head() => adopt(head, &note, &keys),
            _ => earlier.push(note),
        }
    }
    checks.push(cosignatures(&keys, head.as_ref(), &earlier));
    Ok(Read { entries: seen.entries, keys: Some(keys), head, earlier, checks })
}

/// Our heads as partners have cosigned them.
fn cosigned(home: &Home, keys: &Keys) -> Result<Vec<SignedCheckpoint>, AuditError> {
    let notes = files(&home.ledger_dir().join("cosigned"))?;
    Ok(notes.iter().filter_map(|note| keys.open(note).ok()).collect())
}

/// Puts a partner's lines on our head.
fn adopt(head: &mut SignedCheckpoint, note: &SignedCheckpoint, keys: &Keys) {
    for witness in &keys.witnesses {
        for line in note.note().signatures().iter().filter(|line| line.claims(&witness.key)) {
            // It was verified when the note was opened; a full note keeps what it has.
            let _ = head.add_cosignature(line.clone(), &witness.key);
        }
    }
}

fn cosignatures(keys: &Keys, head: Option<&SignedCheckpoint>, earlier: &[SignedCheckpoint]) -> Check {
    let name = "cosignatures";
    if keys.witnesses.is_empty() {
        return Check::new(name, None, "no partner's key here");
    }
    let told = head.and_then(|head| keys.cosigned(head).ok()).unwrap_or_default();
    if !told.is_empty() {
        return check::cosigned(&told);
    }
    match earlier.iter().map(|head| head.head().size).max() {
        Some(size) => Check::new(
            name,
            None,
            format!(
                "the first {size} records are under heads that partners cosigned; the newest head is not yet"
            ),
        ),
        None => Check::new(name, None, "no partner has cosigned a head yet"),
    }
}

/// How partners cosign: by the keys on their cards, and by those in contracts; and how the auditor's witness does.
fn witnesses(home: &Home, contracts: &[Document], own: &Keys) -> Result<Vec<WitnessKey>, AuditError> {
    let mut keys: Vec<WitnessKey> = Vec::new();
    let cards = cards(&home.partners_dir())?;
    let carded = cards.iter().map(|card| (card.name(), card.lineage().clone()));
    let bound = contracts.iter().flat_map(|document| document.contract().partners());
    let bound = bound.map(|partner| (partner.name.as_str(), Lineage::of(partner.key)));
    for (who, line) in carded.chain(bound) {
        for key in line.verifier_keys(SignatureKind::Cosignature).unwrap_or_default() {
            let known = keys.iter().map(|known| &known.key).chain(&own.log);
            if known.map(VerifierKey::public).all(|known| known != key.public()) {
                keys.push(WitnessKey { who: who.to_owned(), key });
            }
        }
    }
    if let Some(witness) = Config::read(home).ok().and_then(|config| config.witness)
        && keys.iter().all(|known| known.key.public() != witness.key.public())
    {
        keys.push(WitnessKey { who: witness.key.name().to_owned(), key: witness.key });
    }
    Ok(keys)
}

/// Names and first signing keys of the other organisations, and this one's as contracts name it.
pub(super) fn partners(home: &Home, contracts: &[Document]) -> Result<Vec<(String, [u8; 32])>, AuditError> {
    let cards = cards(&home.partners_dir())?;
    let mut known: Vec<(String, [u8; 32])> =
        cards.iter().map(|card| (card.name().to_owned(), *card.lineage().first())).collect();
    let bound = contracts.iter().flat_map(|document| document.contract().partners());
    known.extend(bound.map(|partner| (partner.name.clone(), partner.key)));
    Ok(known)
}

fn cards(folder: &Path) -> Result<Vec<Card>, AuditError> {
    let unreadable = |source| AuditError::Unreadable { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut cards = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|ending| ending == "card") {
            let text = String::from_utf8_lossy(&bytes(&path)?).into_owned();
            cards.extend(Card::parse(&text).ok());
        }
    }
    Ok(cards)
}
