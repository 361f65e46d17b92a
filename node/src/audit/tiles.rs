//! The log as files that never change, for whoever mirrors or serves it (c2sp.org/tlog-tiles).
//!
//! The attack this stops is the mirror that can be rewritten: a tile that is there is never written over. What would
//! differ from it, or make the head smaller, is another history, and is refused.

use std::{fs, io, path::Path};

use tacit_protocol::log::{
    checkpoint::{Keys, SignedCheckpoint},
    export::{CHECKPOINT, ExportFault, Exporter},
};

use super::AuditError;
use crate::config::files;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Tiles and bundles that were not there yet.
    pub new: u64,
    /// Those that were.
    pub kept: u64,
}

/// Brings the folder, which may be new, to this head: `tile/…`, `tile/entries/…`, and in the end `checkpoint`. `lines`
/// are as many records as the head covers.
///
/// # Errors
/// [`AuditError::Malformed`] where the folder holds another history; [`AuditError::Unwritable`].
pub fn write(
    folder: &Path,
    lines: &[Vec<u8>],
    keys: &Keys,
    head: &SignedCheckpoint,
) -> Result<Written, AuditError> {
    let malformed =
        |problem: &str| AuditError::Malformed { path: folder.to_owned(), problem: problem.to_owned() };
    let unwritable = |source| AuditError::Unwritable { path: folder.to_owned(), source };
    match fs::read(folder.join(CHECKPOINT)) {
        Ok(note) => match keys.open(&note) {
            Ok(known) if known.head().size <= head.head().size => {}
            Ok(_) => return Err(malformed("it holds a larger head of this log")),
            Err(_) => return Err(malformed("it holds another log's head")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unwritable(error)),
    }
    let mut written = Written::default();
    let mut exporter = Exporter::new(|path: &str, bytes: &[u8]| {
        if path.starts_with("tile/") {
            place(&folder.join(path), bytes, &mut written)
        } else if path == CHECKPOINT {
            // After the tiles: whoever reads the head finds them all.
            files::write_atomic(&folder.join(path), bytes).map_err(io::Error::other)
        } else {
            Ok(())
        }
    });
    let failed = |fault| match fault {
        ExportFault::Write(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            malformed("a tile there is of another history")
        }
        ExportFault::Write(error) => unwritable(error),
        other => malformed(&other.to_string()),
    };
    fs::create_dir_all(folder).map_err(unwritable)?;
    lines.iter().try_for_each(|line| exporter.push(line)).map_err(failed)?;
    exporter.finish(keys, head, &[], &[]).map_err(failed)?;
    Ok(written)
}

fn place(path: &Path, bytes: &[u8], written: &mut Written) -> io::Result<()> {
    match fs::read(path) {
        Ok(there) if there == bytes => {
            written.kept += 1;
            Ok(())
        }
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            files::write_atomic(path, bytes).map_err(io::Error::other)?;
            written.new += 1;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{check::tests::Node, history::tests::Log as Day};

    fn lines(count: usize) -> Vec<Vec<u8>> {
        let day = Day::full();
        let lines = day.entries.iter().map(|entry| serde_json::to_vec(entry).unwrap());
        lines.cycle().take(count).collect()
    }

    #[test]
    fn log_11_tiles_grow_and_are_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("tiles");
        let (node, partner) = (Node::new(1), Node::new(2));
        let keys = node.keys(&partner);
        let bring = |count: usize| {
            let lines = lines(count);
            write(&folder, &lines, &keys, &node.head(&partner, &lines))
        };
        assert_eq!(bring(3).unwrap(), Written { new: 2, kept: 0 });
        assert!(folder.join("tile/0/000.p/3").is_file() && folder.join("tile/entries/000.p/3").is_file());
        assert_eq!(bring(3).unwrap(), Written { new: 0, kept: 2 });
        // Full ones, the partial ones after them, and the level above.
        assert_eq!(bring(300).unwrap(), Written { new: 5, kept: 0 });
        assert_eq!(bring(301).unwrap(), Written { new: 2, kept: 3 });
        let head = keys.open(&fs::read(folder.join(CHECKPOINT)).unwrap()).unwrap();
        assert_eq!(head.head().size, 301);
        assert!(!folder.join("log.jsonl").exists());
        // An older copy of the log, and another history of it.
        assert_eq!(crate::report::Refusal::code(&bring(300).unwrap_err()), "E-AUDIT-MALFORMED");
        let mut other = lines(400);
        other.swap(7, 8);
        assert!(write(&folder, &other, &keys, &node.head(&partner, &other)).is_err());
        let stranger = Node::new(3);
        let all = lines(400);
        assert!(write(&folder, &all, &stranger.keys(&partner), &stranger.head(&partner, &all)).is_err());
        assert_eq!(keys.open(&fs::read(folder.join(CHECKPOINT)).unwrap()).unwrap().head().size, 301);
        bring(400).unwrap();
    }
}
