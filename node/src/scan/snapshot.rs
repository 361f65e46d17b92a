//! The content of a dataset as one hash, so that an answer can be tied to the data it came from.
//!
//! The same question over the same snapshot is answered from the record and costs nothing; over another it
//! is asked again and paid again. So a change that goes unnoticed would hand out an old answer for new
//! data, and a change that is only imagined would cost budget. Files are hashed whole; the hash is kept
//! beside what the file system says of them and trusted for as long as that stays the same.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tacit_protocol::ids::SnapshotHash;

use crate::scan::{
    dataset::Format,
    error::ScanError,
    files::{self, DataFile, unreadable},
};

/// A file written within this time of being hashed may be written again without its stamp changing:
/// clocks of file systems tick in steps of up to two seconds.
const TICK: i128 = 2_000_000_000;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// The content of a dataset at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// BLAKE3 over every file's name, size and content, in the order of names.
    pub content: SnapshotHash,
    /// Sizes, times and inodes of the files then.
    fingerprint: String,
    /// Whether the fingerprint alone can be trusted: no file was still warm when it was hashed.
    settled: bool,
    /// Files.
    pub files: u64,
    /// Bytes in all of them.
    pub bytes: u64,
    /// Rows in all of them.
    pub rows: u64,
    /// When it was taken.
    pub taken: Timestamp,
    /// When the newest file was last written.
    pub newest: Timestamp,
}

impl Snapshot {
    /// Reads every byte. `rows` come from whoever reads the same files as a table.
    pub(super) fn take(
        dataset: &str,
        files: &[DataFile],
        rows: u64,
        now: Timestamp,
    ) -> Result<Self, ScanError> {
        let mut hasher = blake3::Hasher::new_derive_key("tacit dataset content 1");
        hasher.update(&(files.len() as u64).to_le_bytes());
        for file in files {
            // A single file may be renamed or moved: only within a directory do names tell rows apart.
            let name = if files.len() == 1 { "" } else { file.name.as_str() };
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(&file.size.to_le_bytes());
            hasher.update(hash_file(file.open(dataset)?, &file.path)?.as_bytes());
            file.open(dataset)?;
        }
        let warm = now.as_nanosecond() - TICK;
        Ok(Self {
            content: SnapshotHash::new(*hasher.finalize().as_bytes()),
            fingerprint: fingerprint(files),
            settled: files.iter().all(|file| file.stamp.modified.max(file.stamp.changed) < warm),
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.size).sum(),
            rows,
            taken: now,
            newest: newest(files),
        })
    }

    /// Whether these are, by all that the file system says, the files of this snapshot.
    pub(super) fn is_of(&self, files: &[DataFile]) -> bool {
        self.fingerprint == fingerprint(files)
    }

    /// As [`is_of`](Self::is_of), for deciding that nothing needs to be hashed again.
    pub(super) fn is_settled_for(&self, files: &[DataFile]) -> bool {
        self.settled && self.is_of(files)
    }
}

/// The files of a registered path if they are those of the snapshot.
pub(super) fn unchanged(
    dataset: &str,
    path: &Path,
    format: Format,
    snapshot: &Snapshot,
) -> Result<Vec<DataFile>, ScanError> {
    let (files, _) = files::list(path, Some(format))?;
    if snapshot.is_of(&files) { Ok(files) } else { Err(ScanError::Changed { dataset: dataset.to_owned() }) }
}

fn fingerprint(files: &[DataFile]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("tacit dataset fingerprint 1");
    for file in files {
        hasher.update(&(file.name.len() as u64).to_le_bytes());
        hasher.update(file.name.as_bytes());
        hasher.update(&file.size.to_le_bytes());
        hasher.update(&file.stamp.modified.to_le_bytes());
        hasher.update(&file.stamp.changed.to_le_bytes());
        hasher.update(&file.stamp.inode.to_le_bytes());
        hasher.update(&file.stamp.device.to_le_bytes());
    }
    hasher.finalize().to_hex().as_str()[..32].to_owned()
}

fn newest(files: &[DataFile]) -> Timestamp {
    let newest = files.iter().map(|file| file.stamp.modified).max().unwrap_or_default();
    Timestamp::from_nanosecond(newest).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn hash_file(mut file: File, path: &Path) -> Result<blake3::Hash, ScanError> {
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hasher.finalize()),
            Ok(read) => hasher.update(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(path, error)),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    fn take(path: &Path) -> Snapshot {
        let (files, _) = files::list(path, None).unwrap();
        Snapshot::take("test", &files, 0, Timestamp::now()).unwrap()
    }

    #[test]
    fn the_content_decides_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("one.csv"), dir.path().join("two.csv"));
        fs::write(&one, "a\n1\n").unwrap();
        fs::write(&two, "a\n1\n").unwrap();
        assert_eq!(take(&one).content, take(&two).content, "neither the name of a lone file nor its time");
        fs::write(&two, "a\n2\n").unwrap();
        assert_ne!(take(&one).content, take(&two).content);
        let both = take(dir.path());
        fs::rename(&two, dir.path().join("0.csv")).unwrap();
        assert_ne!(take(dir.path()).content, both.content, "the order of rows is another");
    }

    #[test]
    fn content_moved_over_a_file_boundary_is_other_content() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1.ndjson"), dir.path().join("2.ndjson"));
        fs::write(&one, "{}\n").unwrap();
        fs::write(&two, "{}\n{}\n").unwrap();
        let before = take(dir.path());
        fs::write(&one, "{}\n{}\n").unwrap();
        fs::write(&two, "{}\n").unwrap();
        assert_ne!(take(dir.path()).content, before.content);
    }

    #[test]
    fn a_file_that_was_just_written_is_not_taken_on_trust() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "a\n1\n").unwrap();
        let (files, _) = files::list(&path, None).unwrap();
        let at_once = Snapshot::take("a", &files, 1, Timestamp::now()).unwrap();
        assert!(at_once.is_of(&files) && !at_once.is_settled_for(&files));
        let later = Timestamp::now() + Duration::from_secs(10);
        assert!(Snapshot::take("a", &files, 1, later).unwrap().is_settled_for(&files));
    }
}
