//! From what is staged to what is durable: log, head, hashes, each after the one before.

use std::{
    io,
    sync::{Arc, PoisonError},
};

use jiff::Timestamp;
use tacit_protocol::log::checkpoint::{Checkpoint, CheckpointFault, SignedCheckpoint};

use super::{
    super::{
        Successor,
        disk::{self, Disk, write_all},
        handover,
        head::{self, Head},
        replay::{self, HEAD, LEAVES, LOG, Line, Replayed},
    },
    Broken, Journal, Staged, State, full,
};

impl<D: Disk> Journal<D> {
    /// Makes what is staged durable, and tells everybody.
    pub(super) fn flush(&mut self) -> Result<(), Broken> {
        let Staged { lines, leaves, ends } = std::mem::take(&mut self.staged);
        if let Err(error) = write_all(&mut self.disk, LOG, self.bytes, &lines) {
            let error = full(error);
            // If this fails as well, it is tried again before the next write.
            let _ = self.disk.truncate(LOG, self.bytes);
            self.state = State::Full;
            self.successor = None;
            self.read_anew();
            return Err(error);
        }
        self.sync(LOG)?;
        self.bytes += lines.len() as u64;
        self.durable = self.frontier.clone();
        self.unheaded.leaves.extend(leaves);
        self.unheaded.ends.extend(ends);
        if let Some(next) = self.successor.take() {
            self.follow(&*next)?;
        }
        self.write_head()
    }

    /// The hand-over is durable, so its key signs from here on.
    fn follow(&mut self, next: &dyn Successor) -> Result<(), Broken> {
        let dead = |error: io::Error| Arc::new(error);
        let key = next.take_over().and_then(|()| handover::keys(&*self.signer).map_err(io::Error::other));
        match key.map_err(dead) {
            Ok((_, key)) => {
                self.key = key;
                Ok(())
            }
            Err(error) => {
                // A head by the old key would be one by a retired key.
                self.state = State::Dead(Arc::clone(&error));
                Err(Broken::Disk(error))
            }
        }
    }

    /// Covers all that the log holds with a head.
    pub(super) fn write_head(&mut self) -> Result<(), Broken> {
        let checkpoint = Checkpoint::new(self.key.name(), self.durable.size(), self.durable.root());
        let sign = |message: &[u8]| self.signer.sign(message);
        let signed = SignedCheckpoint::sign(checkpoint, &self.key, sign).map_err(Broken::Unsigned)?;
        let head = Head { generation: self.generation, bytes: self.bytes, note: signed.note().to_string() };
        // Before the group there was a look as well; here ends the time in which another one can have begun.
        self.fence()?;
        let mut last = [0];
        // Beyond the end of the file there is nothing to read, and nothing is as good as zero.
        let at = head.offset() + head::SLOT as u64 - 1;
        self.disk.read(HEAD, at, &mut last).map_err(full)?;
        let Some(slot) = head.encode(last[0]) else {
            return Err(Broken::Unsigned(CheckpointFault::MalformedLines));
        };
        if let Err(error) = write_all(&mut self.disk, HEAD, head.offset(), &slot) {
            // The records are in the log, so the book keeps them; a later head will cover them.
            self.state = State::Full;
            return Err(full(error));
        }
        self.sync(HEAD)?;
        self.generation += 1;
        self.newest = Some(head);
        // And nobody was there since.
        self.fence()?;
        let Staged { leaves, ends, .. } = std::mem::take(&mut self.unheaded);
        let offset = (self.durable.size() - leaves.len() as u64) * 32;
        let bytes: Vec<u8> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
        // Told anew at the next opening if it fails now.
        let _ = write_all(&mut self.disk, LEAVES, offset, &bytes);
        let mut published = self.shared.published.write().unwrap_or_else(PoisonError::into_inner);
        leaves.iter().for_each(|leaf| published.tower.push(*leaf));
        published.ends.extend(ends);
        published.head = Some(signed);
        Ok(())
    }

    /// After a failed fsync the kernel may drop what it could not write and say nothing the next time: so there is no
    /// next time.
    pub(super) fn sync(&mut self, name: &str) -> Result<(), Broken> {
        self.disk.sync(name).map_err(|error| {
            let error = Arc::new(error);
            self.state = State::Dead(Arc::clone(&error));
            Broken::Disk(error)
        })
    }

    /// Forgets what was booked and not written, by reading what is.
    fn read_anew(&mut self) {
        let read = || -> io::Result<(Replayed, Timestamp)> {
            let mut replayed = Replayed::default();
            let (mut line, mut last) = (Vec::new(), Timestamp::UNIX_EPOCH);
            let mut reader = replay::lines(&mut self.disk, 0, self.bytes);
            while let Line::Whole = replay::next_line(&mut reader, &mut line)? {
                let entry = replayed.take(&line).map_err(io::Error::other)?;
                last = entry.time.parse().unwrap_or(last);
            }
            Ok((replayed, last))
        };
        match { read }() {
            Ok((replayed, last)) if replayed.frontier == self.durable => {
                self.frontier = self.durable.clone();
                self.last = last;
                *self.shared.book.write().unwrap_or_else(PoisonError::into_inner) = replayed.book;
            }
            Ok(_) => self.state = State::Dead(Arc::new(io::Error::other("the log is not what was written"))),
            Err(error) => self.state = State::Dead(Arc::new(error)),
        }
    }

    /// Writes the hashes anew where they are not those of the records.
    pub(super) fn mend_leaves(&mut self) {
        let published = self.shared.published.read().unwrap_or_else(PoisonError::into_inner);
        let right: Vec<u8> = published.tower.leaves().iter().flat_map(|leaf| *leaf.as_bytes()).collect();
        drop(published);
        let disk = &mut self.disk;
        if disk::read_all(disk, LEAVES).is_ok_and(|found| found == right) {
            return;
        }
        // They only help to name a damaged record; without them it is still found that one is.
        let _ = disk.truncate(LEAVES, 0).and_then(|()| write_all(disk, LEAVES, 0, &right));
    }
}
