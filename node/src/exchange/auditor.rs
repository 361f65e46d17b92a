//! An auditor's own witness: somebody who is neither partner sees that the log only grows.
//!
//! The attack it stops: two partners that rewrite both their logs together. The witness speaks C2SP `tlog-witness`
//! over HTTP, as others' programs do (`aics-witness`, for one); its cosignature stands beside those of the partners.
//! What it answers is believed only where it is signed: a cosignature under its key, which is verified, and otherwise
//! nothing that would stop this node, because anybody on the way could say it.

use tacit_protocol::log::{merkle::LARGEST_TREE, note::Signature, witness::AddCheckpoint};

use super::{
    http,
    witness::{WitnessError, compare, own_keys},
};
use crate::{config::WitnessSettings, report::Report, rooms::Rooms};

/// How often a size that the witness names is tried.
const TRIES: u32 = 3;

/// Shows the newest head to the auditor's witness and keeps its cosignature; the time on it, Unix seconds, and the
/// records under it. `None` where no witness is set.
///
/// # Errors
/// It cannot be reached, refuses, or answers with something else; [`LedgerError`](crate::ledger::LedgerError) where
/// what it has cosigned before is not in the log any more.
pub async fn present(rooms: &Rooms) -> Result<Option<(u64, u64)>, Report> {
    let Some(witness) = &rooms.config.witness else { return Ok(None) };
    let name = witness.key.name();
    let keys = own_keys(rooms);
    let _turn = rooms.heads.turn(witness.id()).await;
    let known = rooms.heads.cosigned(witness.id(), &keys).map_err(WitnessError::Unkept)?;
    if let Some(known) = &known {
        // We have signed it, so it is our own word that the log holds it.
        compare(rooms, name, known)?;
    }
    let mut old = known.map_or(0, |known| known.head().size);
    for _ in 0..TRIES {
        let Some(mut head) = rooms.ledger.head() else { return Ok(None) };
        let size = head.head().size;
        let proof = rooms.ledger.consistency(old, size).map_err(WitnessError::NoProof)?;
        let (status, body) = ask(witness, &AddCheckpoint::new(old, proof, &head).to_string()).await?;
        match status {
            200 => {
                let lines = Signature::parse_lines(&body).unwrap_or_default();
                let line = lines.into_iter().find(|line| line.claims(&witness.key));
                let time = line.and_then(|line| head.add_cosignature(line, &witness.key).ok());
                let time = time.ok_or_else(|| garbage(witness, "a cosignature by its key"))?;
                rooms.heads.keep_cosigned(witness.id(), &head).map_err(WitnessError::Unkept)?;
                rooms.ledger.agreed(name);
                return Ok(Some((time, size)));
            }
            409 => match decimal(&body) {
                Some(seen) if seen > size => {
                    return Err(
                        WitnessError::Ahead { witness: name.to_owned(), ours: size, theirs: seen }.into()
                    );
                }
                Some(seen) if seen != old => old = seen,
                _ => return Err(garbage(witness, "the size that it has seen").into()),
            },
            status => return Err(WitnessError::Refused { witness: name.to_owned(), status }.into()),
        }
    }
    Err(garbage(witness, "one size that it has seen, not another each time").into())
}

async fn ask(witness: &WitnessSettings, request: &str) -> Result<(u16, Vec<u8>), WitnessError> {
    let path = format!("{}/add-checkpoint", witness.path);
    match http::post(&witness.address, &witness.host, &path, request).await {
        Ok(answer) => Ok((answer.status, answer.body)),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(garbage(witness, "HTTP")),
        Err(source) => Err(WitnessError::Unreachable { witness: witness.key.name().to_owned(), source }),
    }
}

fn garbage(witness: &WitnessSettings, expected: &'static str) -> WitnessError {
    WitnessError::OutOfPlace { witness: witness.key.name().to_owned(), expected }
}

/// `812\n`, and no other spelling.
fn decimal(body: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(body).ok()?.strip_suffix('\n')?;
    let size: u64 = digits.parse().ok()?;
    (size.to_string() == digits && size <= LARGEST_TREE).then_some(size)
}

#[cfg(test)]
mod tests;
