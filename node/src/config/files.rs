//! Files that are there whole or not at all, and private files that are private.
//!
//! A crash, a full disk or a pulled plug in the middle of a write must leave the old content, never half of
//! the new: so content goes to a new file beside the target, is flushed, takes the target's name in one
//! step, and the directory is flushed too (without that, the name may be lost with the power). A private
//! file that others can read has to be taken for read already, so it is refused, with the mend.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use zeroize::Zeroizing;

use crate::report::{Class, Detail, Refusal};

/// No key, card or setting comes near this; a wrong path does.
const LARGEST_PRIVATE: u64 = 1 << 20;

/// A file of the home that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Opening or reading failed.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Creating, writing, flushing or renaming failed.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can get at something private.
    #[error("{} is open to other users (mode {mode:04o})", path.display())]
    OpenToOthers {
        /// Which file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be at most.
        wanted: u32,
    },
    /// Another account owns it, and may change it at any time.
    #[error("{} belongs to another user (uid {owner})", path.display())]
    ForeignOwner {
        /// Which file or directory.
        path: PathBuf,
        /// The owner's number.
        owner: u32,
    },
    /// Larger than anything that belongs there.
    #[error("{} is too large to be what it should be", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
}

impl FileError {
    /// Whether the file simply is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl Refusal for FileError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::TooLarge { .. } => "E-HOME-UNREADABLE",
            Self::Unwritable { .. } => "E-HOME-UNWRITABLE",
            Self::OpenToOthers { .. } | Self::ForeignOwner { .. } => "E-HOME-PERMISSIONS",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::OpenToOthers { .. } | Self::ForeignOwner { .. } => Class::Usage,
            _ => Class::Failed,
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::OpenToOthers { path, wanted, .. } => vec![
                Detail::new(
                    "why",
                    "whoever can read it may have read it already; if that matters, make new keys",
                ),
                Detail::new("would do", format!("chmod {wanted:04o} {}", quoted(path))),
            ],
            Self::ForeignOwner { path, .. } => {
                vec![Detail::new("would do", format!("chown \"$(id -u)\" {}", quoted(path)))]
            }
            _ => Vec::new(),
        }
    }
}

/// A path as it can be pasted into a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Replaces `path` by `bytes`, whole and durable, or leaves it as it was. Mode 0666 less the umask.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_atomic_with(path, |file| file.write_all(bytes))
}

/// As [`write_atomic`], for content that is not in memory as a whole.
pub fn write_atomic_with(
    path: &Path,
    content: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    replace(path, content, 0o666).map_err(|source| FileError::Unwritable { path: path.to_owned(), source })
}

/// As [`write_atomic`], for the owner's eyes only: mode 0600.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace(path, |file| file.write_all(bytes), 0o600)
        .map_err(|source| FileError::Unwritable { path: path.to_owned(), source })
}

/// Reads a private file of at most 1 MiB; one that others can read, or that another user owns, is refused.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    read_private_up_to(path, LARGEST_PRIVATE)
}

/// As [`read_private`], of at most so many bytes.
pub fn read_private_up_to(path: &Path, largest: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    // The open file is checked, not its name: the name could be pointed elsewhere in between.
    let metadata = file.metadata().map_err(unreadable)?;
    check_private(path, &metadata, 0o600)?;
    if metadata.len() > largest {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    // Room for all of it at once, so that no outgrown buffer is left behind with half a key in it.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
    file.take(largest).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Makes a directory that only its owner can enter (0700), with its parents; one that is there stays.
pub fn make_private_dir(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| FileError::Unwritable { path: path.to_owned(), source })
}

/// Refuses a directory that others can enter, or that another user owns.
pub fn check_private_dir(path: &Path) -> Result<(), FileError> {
    let metadata =
        fs::metadata(path).map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
    check_private(path, &metadata, 0o700)
}

fn check_private(path: &Path, metadata: &fs::Metadata, wanted: u32) -> Result<(), FileError> {
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileError::OpenToOthers { path: path.to_owned(), mode, wanted });
    }
    let (owner, me) = (metadata.uid(), rustix::process::geteuid().as_raw());
    // Root can read everything anyway, and owns what container platforms mount.
    if owner != me && owner != 0 && me != 0 {
        return Err(FileError::ForeignOwner { path: path.to_owned(), owner });
    }
    Ok(())
}

fn replace(path: &Path, content: impl FnOnce(&mut File) -> io::Result<()>, mode: u32) -> io::Result<()> {
    let fresh = fresh_beside(path);
    let parent = match fresh.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let written = write_new(&fresh, content, mode)
        .and_then(|()| fs::rename(&fresh, path))
        .and_then(|()| File::open(parent)?.sync_all());
    if written.is_err() {
        // The first error is the one to tell; a left-over is overwritten by the next attempt.
        let _ = fs::remove_file(&fresh);
    }
    written
}

/// A hidden name beside the target that no other writer uses: the process and a counter make it unique.
pub fn fresh_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}-{number}.new", std::process::id()))
}

fn write_new(path: &Path, content: impl FnOnce(&mut File) -> io::Result<()>, mode: u32) -> io::Result<()> {
    let open = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = match open() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Left by a process of this number that died; nobody else writes under this name.
            fs::remove_file(path)?;
            open()?
        }
        other => other?,
    };
    content(&mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_private_file_is_private_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(&path, b"first").unwrap();
        write_private(&path, b"second").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(&read_private(&path).unwrap()[..], b"second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no left-overs beside it");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_mend() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(&path, b"secret").unwrap();
        for bits in [0o640, 0o604, 0o601, 0o660, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
            let error = read_private(&path).unwrap_err();
            assert_eq!(error.code(), "E-HOME-PERMISSIONS", "{bits:o}");
            assert!(error.details().iter().any(|d| d.text == format!("chmod 0600 {}", path.display())));
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), b"old").unwrap();
        assert!(write_atomic(&path, b"new").is_err(), "a directory is in the way");
        assert_eq!(fs::read(path.join("inside")).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no left-overs beside it");
    }

    #[test]
    fn a_left_over_of_a_dead_process_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("left");
        fs::write(&path, b"half").unwrap();
        write_new(&path, |file| file.write_all(b"whole"), 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_private_directory_is_checked_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        make_private_dir(&path).unwrap();
        check_private_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(check_private_dir(&path).unwrap_err().code(), "E-HOME-PERMISSIONS");
    }

    #[test]
    fn a_path_with_blanks_can_be_pasted() {
        assert_eq!(quoted(Path::new("/a b/it's")), "'/a b/it'\\''s'");
        assert_eq!(quoted(Path::new("/a/b.key")), "/a/b.key");
    }
}
