//! A file that is written piece by piece and is there whole or not at all.
//!
//! An answer can be larger than memory, so it cannot be handed over as one slice of bytes; it still must
//! never be seen half written, nor by anybody but the owner, nor vanish with the power after it was
//! reported done.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::scan::error::ScanError;

/// A file under a hidden name, mode 0600, that takes its own name in [`finish`](Self::finish). Dropped
/// before that, it is removed.
#[derive(Debug)]
pub(crate) struct WholeFile {
    target: PathBuf,
    fresh: PathBuf,
    file: File,
    finished: bool,
}

impl WholeFile {
    /// Starts a file that will replace `target`.
    pub fn create(target: &Path) -> Result<Self, ScanError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let unwritable = |source| ScanError::FileUnwritable { path: target.to_owned(), source };
        let name = target.file_name().ok_or_else(|| unwritable(io::ErrorKind::InvalidInput.into()))?;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let fresh = format!(".{}.{}-{number}.part", name.to_string_lossy(), std::process::id());
        let fresh = parent(target).join(fresh);
        // What a process of the same number left behind when it died.
        let _ = fs::remove_file(&fresh);
        let file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(unwritable)?;
        Ok(Self { target: target.to_owned(), fresh, file, finished: false })
    }

    /// Makes it durable, gives it its name, and makes the name durable.
    pub fn finish(mut self) -> Result<(), ScanError> {
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.fresh, &self.target))
            .and_then(|()| File::open(parent(&self.target))?.sync_all())
            .map_err(|source| ScanError::FileUnwritable { path: self.target.clone(), source })?;
        self.finished = true;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.fresh);
        }
    }
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("answer");
        let mut file = WholeFile::create(&target).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!target.exists());
        drop(file);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "given up without a trace");
        let mut file = WholeFile::create(&target).unwrap();
        file.write_all(b"whole").unwrap();
        file.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
