//! The last steps of a walk that came to its end: the record first, and only then the answer.

use jiff::Timestamp;
use tacit_protocol::ids::SnapshotHash;

use super::steps::Stages;
use crate::{
    control::Reply,
    exchange::Served,
    ledger::Reserved,
    release::{self, Release},
    report::Report,
    rooms::Rooms,
};

/// Records an answer that is written, and shows it, with the stages that it took if any are told.
pub(super) async fn show(
    rooms: &Rooms,
    reserved: &Reserved,
    mut release: Release,
    mut stages: Stages<'_>,
) -> Result<Reply, Report> {
    release.tell("stages", stages.end());
    let receipt = rooms.ledger.record(reserved, release.outcome(), Timestamp::now()).await?;
    Ok(release.show(&receipt)?)
}

/// Records what the partner was told.
pub(super) async fn told(
    rooms: &Rooms,
    reserved: &Reserved,
    seen: &Served,
    snapshot: SnapshotHash,
) -> Result<(), Report> {
    let outcome = release::told_outcome(seen, Some(snapshot));
    rooms.ledger.record(reserved, &outcome, Timestamp::now()).await.map(drop)?;
    Ok(())
}
