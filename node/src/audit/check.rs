//! Whether a log is whole, signed, cosigned, and never overspent: what `tacit audit verify` does.
//!
//! The attack this stops is any change after the fact, by whomever: of a record, of its place, of the head, of a
//! balance. Each check stands alone, so that one failure does not hide another, and names the first bad
//! record where it can. The budget is booked again with the rules that the node itself uses
//! ([`Book`]), so a log in which more was spent than a contract allows does not pass, whoever signed it.

use std::path::PathBuf;

use rayon::prelude::*;
use tacit_protocol::{
    ids::PartnerId,
    log::{
        Book, Entry, Kind,
        checkpoint::{Keys, SignedCheckpoint, origin},
        merkle::{TreeHash, leaf_hash, root},
        proof::Receipt,
        tiles::{Holds, Tile, Tiler, bundle_record, tile_bytes},
    },
};

use super::{Check, source::Records};

/// What a log is checked with.
#[derive(Debug, Default)]
pub struct Material {
    /// The records.
    pub records: Records,
    /// The newest head, signed and cosigned.
    pub head: Option<Vec<u8>>,
    /// Whom to believe.
    pub keys: Option<Keys>,
    /// The folder in which `tile/` lies.
    pub tiles: Option<PathBuf>,
    /// Receipts with their names.
    pub receipts: Vec<(String, Vec<u8>)>,
    /// Heads of partners' logs that this node has cosigned.
    pub witnessed: Vec<Vec<u8>>,
}

impl Material {
    fn tile(&self, tile: &Tile) -> Option<Vec<u8>> {
        std::fs::read(self.tiles.as_ref()?.join(tile.to_string())).ok()
    }

    /// The head, if it is what its owner signed.
    pub fn signed(&self) -> Option<SignedCheckpoint> {
        self.keys.as_ref()?.open(self.head.as_ref()?).ok()
    }
}

impl Check {
    fn new(name: &'static str, ok: impl Into<Option<bool>>, found: impl Into<String>) -> Self {
        Self { name, ok: ok.into(), found: found.into(), record: None }
    }

    fn at(self, record: impl Into<Option<u64>>) -> Self {
        Self { record: record.into(), ..self }
    }
}

/// All checks, in the order in which a person would make them.
pub fn all(material: &Material) -> Vec<Check> {
    let leaves: Vec<TreeHash> = material.records.lines.par_iter().map(|line| leaf_hash(line)).collect();
    let (head, signed) = head(material);
    let mut checks = vec![records(&material.records), book(&material.records.entries), head];
    checks.push(tree(material, signed.as_ref(), &leaves));
    checks.push(tiles(material, &leaves));
    checks.push(identity(material));
    checks.push(cosignatures(material, signed.as_ref()));
    checks.push(receipts(material));
    checks
}

/// Every line is a record.
fn records(records: &Records) -> Check {
    let count = records.entries.len();
    match records.broken {
        Some((seq, problem)) => Check::new("records", false, format!("record {seq}: {problem}")).at(seq),
        None if count == 1 => Check::new("records", true, "1 record reads"),
        None => Check::new("records", true, format!("{count} records read")),
    }
}

/// Nothing was spent that was not granted, nothing released that was not set aside; numbers and times go up.
fn book(entries: &[Entry]) -> Check {
    let mut book = Book::default();
    for entry in entries {
        if let Err(fault) = book.apply(entry) {
            let mut found = format!("record {}: {fault}", entry.seq);
            let mut source = std::error::Error::source(&fault);
            while let Some(cause) = source {
                found.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            return Check::new("budget", false, found).at(book.size() + 1);
        }
    }
    let accounts = book.accounts().count();
    let open = book.open().count();
    let word = if accounts == 1 { "account" } else { "accounts" };
    let open = if open == 0 { String::new() } else { format!("; {open} questions have not ended") };
    Check::new(
        "budget",
        true,
        format!("{accounts} {word} within their limits, booked again record by record{open}"),
    )
}

/// The log's owner has signed the newest head.
fn head(material: &Material) -> (Check, Option<SignedCheckpoint>) {
    let Some(note) = &material.head else { return (Check::new("head", None, "no signed head here"), None) };
    let Some(keys) = &material.keys else { return (Check::new("head", None, "no keys here"), None) };
    match keys.open(note) {
        Ok(signed) => {
            let found = format!("{} records, signed for {}", signed.head().size, signed.head().origin);
            (Check::new("head", true, found), Some(signed))
        }
        Err(fault) => (Check::new("head", false, fault.to_string()), None),
    }
}

/// The records are those that the head was signed over.
fn tree(material: &Material, signed: Option<&SignedCheckpoint>, leaves: &[TreeHash]) -> Check {
    let Some(signed) = signed else { return Check::new("tree", None, "no head to hold the records against") };
    let head = signed.head();
    let size = usize::try_from(head.size).unwrap_or(usize::MAX);
    if leaves.len() < size && material.records.broken.is_none() {
        let first = leaves.len() as u64 + 1;
        return match first_changed(material, head.size, &head.root, leaves) {
            Some(seq) if seq < first => {
                Check::new("tree", false, format!("record {seq} is not the one that was signed")).at(seq)
            }
            _ => {
                Check::new("tree", false, format!("the head is over {size} records, and {first} is missing"))
                    .at(first)
            }
        };
    }
    if leaves.len() >= size && root(&leaves[..size]) == head.root {
        return match leaves.len() - size {
            0 => Check::new("tree", true, "the records are those that were signed"),
            more => {
                let first = head.size + 1;
                Check::new("tree", false, format!("{more} records after the signed ones, from {first} on"))
                    .at(first)
            }
        };
    }
    match first_changed(material, head.size, &head.root, leaves) {
        Some(seq) => {
            Check::new("tree", false, format!("record {seq} is not the one that was signed")).at(seq)
        }
        None => Check::new(
            "tree",
            false,
            "a record is not the one that was signed; which one, the tiles do not tell",
        ),
    }
}

/// The first record that differs from what the tiles say, if the tiles lead to the signed root; else the first
/// that a receipt contradicts.
fn first_changed(material: &Material, size: u64, signed: &TreeHash, leaves: &[TreeHash]) -> Option<u64> {
    let told = level_zero(material, size).filter(|told| root(told) == *signed);
    if let Some(told) = told {
        let differs = told.iter().zip(leaves).position(|(one, other)| one != other);
        return Some(differs.unwrap_or(leaves.len().min(told.len())) as u64 + 1);
    }
    let keys = material.keys.as_ref()?;
    let contradicted = material.receipts.iter().filter_map(|(_, bytes)| {
        let receipt = Receipt::parse(bytes).ok()?;
        let record = receipt.extra.as_deref()?;
        receipt.verify(keys, record).ok()?;
        let here = leaves.get(usize::try_from(receipt.index).ok()?);
        (here != Some(&leaf_hash(record))).then_some(receipt.index + 1)
    });
    contradicted.min()
}

fn level_zero(material: &Material, size: u64) -> Option<Vec<TreeHash>> {
    let mut hashes = Vec::new();
    for tile in (0..).map_while(|index| Tile::at(Holds::Hashes(0), index, size)) {
        hashes.extend(tile.hashes(&material.tile(&tile)?).ok()?);
    }
    Some(hashes)
}

/// Tiles and bundles say the same as the records: whoever makes proofs from them makes the right ones.
fn tiles(material: &Material, leaves: &[TreeHash]) -> Check {
    if material.tiles.is_none() {
        return Check::new("tiles", None, "no tiles here");
    }
    let mut wrong = None;
    let mut count = 0;
    let mut hold = |tile: Tile, expected: &[u8]| {
        count += 1;
        if wrong.is_none() && material.tile(&tile).as_deref() != Some(expected) {
            wrong = Some(tile);
        }
    };
    let mut tiler = Tiler::default();
    for leaf in leaves {
        tiler.push(*leaf, |tile, hashes| hold(tile, &tile_bytes(hashes)));
    }
    for (tile, hashes) in tiler.partial() {
        hold(tile, &tile_bytes(hashes));
    }
    let size = leaves.len() as u64;
    for (index, lines) in material.records.lines.chunks(256).enumerate() {
        let mut bundle = Vec::new();
        let fits = lines.iter().all(|line| bundle_record(&mut bundle, line).is_ok());
        if let (true, Some(tile)) = (fits, Tile::at(Holds::Records, index as u64, size)) {
            hold(tile, &bundle);
        }
    }
    match wrong {
        Some(tile) => {
            Check::new("tiles", false, format!("{tile} is missing, or not what the records make it"))
        }
        None => Check::new("tiles", true, format!("{count} tiles are those of the records")),
    }
}

/// The key belongs to the node that the log says it is of.
fn identity(material: &Material) -> Check {
    let Some(keys) = &material.keys else { return Check::new("identity", None, "no keys here") };
    let ids: Vec<PartnerId> = keys.log.iter().map(|key| crate::config::partner_id(key.public())).collect();
    let open = material.records.entries.iter().find(|entry| entry.kind == Kind::Open);
    let told = open.and_then(|open| super::history::owner(open));
    let named = ids.iter().find(|id| origin(id) == keys.origin);
    match (named, told) {
        (None, _) => Check::new("identity", false, format!("no key here is that of {}", keys.origin)),
        (Some(id), Some(told)) if *id != told => Check::new(
            "identity",
            false,
            format!("the first record names node {}, the key is that of {}", told.short(), id.short()),
        ),
        (Some(id), _) => {
            let found = format!("node {id}: compare it with what you know from elsewhere");
            Check::new("identity", true, found)
        }
    }
}

/// Partners have seen this head, or an earlier one that it grew out of.
fn cosignatures(material: &Material, signed: Option<&SignedCheckpoint>) -> Check {
    let name = "cosignatures";
    let (Some(keys), Some(signed)) = (&material.keys, signed) else {
        return Check::new(name, None, "no head to cosign");
    };
    if keys.witnesses.is_empty() {
        return Check::new(name, None, "no partner's key here");
    }
    match keys.cosigned(signed) {
        Ok(cosigned) if cosigned.is_empty() => Check::new(name, None, "no partner has cosigned this head"),
        Ok(cosigned) => {
            let told: Vec<String> = cosigned
                .iter()
                .map(|by| {
                    match i64::try_from(by.time).ok().and_then(|time| jiff::Timestamp::from_second(time).ok())
                    {
                        Some(time) => format!("{} at {time}", by.who),
                        None => by.who.clone(),
                    }
                })
                .collect();
            Check::new(name, true, format!("cosigned by {}", told.join(", ")))
        }
        Err(fault) => Check::new(name, false, fault.to_string()),
    }
}

/// Every receipt proves its record, and that record is in the log.
fn receipts(material: &Material) -> Check {
    if material.receipts.is_empty() {
        return Check::new("receipts", None, "no receipts here");
    }
    let Some(keys) = &material.keys else { return Check::new("receipts", None, "no keys here") };
    let wrong = material.receipts.iter().find_map(|(name, bytes)| {
        let seq = |receipt: &Receipt| receipt.index + 1;
        let receipt = match Receipt::parse(bytes) {
            Ok(receipt) => receipt,
            Err(fault) => return Some((name, fault.to_string(), None)),
        };
        let Some(line) = usize::try_from(receipt.index).ok().and_then(|at| material.records.lines.get(at))
        else {
            return Some((name, "its record is not in the log".to_owned(), Some(seq(&receipt))));
        };
        receipt.verify(keys, line).err().map(|fault| (name, fault.to_string(), Some(seq(&receipt))))
    });
    match wrong {
        Some((name, problem, record)) => {
            Check::new("receipts", false, format!("{name}: {problem}")).at(record)
        }
        None => Check::new("receipts", true, format!("{} receipts hold", material.receipts.len())),
    }
}

#[cfg(test)]
mod tests;
