//! The few things that the ledger asks of a disk, so that a test can put a worse disk underneath.

use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A directory with files in it. Nothing that was written is safe before [`sync`](Self::sync) has returned, and no
/// file that was created before [`sync_dir`](Self::sync_dir) has.
pub(super) trait Disk: Send + 'static {
    /// Bytes in a file, or `None` where there is none.
    fn size(&mut self, name: &str) -> io::Result<Option<u64>>;

    /// Reads some bytes; 0 at the end.
    fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Makes an empty file where there is none.
    fn create(&mut self, name: &str) -> io::Result<()>;

    /// Writes some of the bytes; the file grows as it has to.
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts a file off.
    fn truncate(&mut self, name: &str, size: u64) -> io::Result<()>;

    /// Returns when a file's bytes and size are on the disk.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Returns when the files' names are on the disk.
    fn sync_dir(&mut self) -> io::Result<()>;

    /// Whether the files that are written here are still those that others find under their names.
    fn is_in_place(&mut self) -> bool {
        true
    }
}

/// Writes all of the bytes.
pub(super) fn write_all<D: Disk>(disk: &mut D, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match disk.write(name, offset + done as u64, &bytes[done..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(more) => done += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a whole small file; empty where there is none.
pub(super) fn read_all<D: Disk>(disk: &mut D, name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let end = disk.size(name)?.unwrap_or(0);
    Span { disk, name, at: 0, end }.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A part of a file, as a reader.
pub(super) struct Span<'a, D> {
    /// Where.
    pub(super) disk: &'a mut D,
    /// Of which file.
    pub(super) name: &'a str,
    /// The next byte.
    pub(super) at: u64,
    /// The byte after the last.
    pub(super) end: u64,
}

impl<D: Disk> Read for Span<'_, D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end {
            return Ok(0);
        }
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let read = self.disk.read(self.name, self.at, &mut buffer[..most])?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A real directory. Files are opened once and stay open, so that a process that has run out of descriptors can still
/// write down what it has begun (D06).
pub(super) struct Folder {
    root: PathBuf,
    files: BTreeMap<String, File>,
    /// What the process holds as long as the ledger is its own.
    lock: Option<Arc<File>>,
    writable: bool,
}

/// The file that whoever writes holds a lock on.
pub(super) const LOCK: &str = "lock";

fn same_file(open: &File, path: &Path) -> bool {
    let place = |found: Metadata| (found.dev(), found.ino());
    let (Ok(open), Ok(found)) = (open.metadata(), path.symlink_metadata()) else { return false };
    place(open) == place(found)
}

impl Folder {
    /// A directory to write in, made where there is none; its name is then on the disk.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        match DirBuilder::new().mode(0o700).create(root) {
            Ok(()) => {
                let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty());
                File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Ok(Self { root: root.to_owned(), files: BTreeMap::new(), lock: None, writable: true })
    }

    /// The lock is held; from now on it belongs to what is looked after.
    pub(super) fn locked_by(&mut self, lock: Arc<File>) {
        self.lock = Some(lock);
    }

    /// A directory to read only.
    pub(super) fn look(root: &Path) -> Self {
        Self { root: root.to_owned(), files: BTreeMap::new(), lock: None, writable: false }
    }

    fn file(&mut self, name: &str) -> io::Result<&File> {
        if !self.files.contains_key(name) {
            let file = OpenOptions::new().read(true).write(self.writable).open(self.root.join(name))?;
            self.files.insert(name.to_owned(), file);
        }
        self.files.get(name).ok_or(ErrorKind::NotFound.into())
    }
}

impl Disk for Folder {
    fn size(&mut self, name: &str) -> io::Result<Option<u64>> {
        match self.file(name) {
            Ok(file) => file.metadata().map(|found| Some(found.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file(name)?.read_at(buffer, offset)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let path = self.root.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        self.files.insert(name.to_owned(), file);
        Ok(())
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.file(name)?.write_at(bytes, offset)
    }

    fn truncate(&mut self, name: &str, size: u64) -> io::Result<()> {
        self.file(name)?.set_len(size)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        // fdatasync: the size is flushed with the bytes, and times are of no use to us.
        self.file(name)?.sync_data()
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        File::open(&self.root)?.sync_all()
    }

    fn is_in_place(&mut self) -> bool {
        let held = |lock: &Arc<File>| same_file(lock, &self.root.join(LOCK));
        self.lock.as_ref().is_none_or(held)
            && self.files.iter().all(|(name, file)| same_file(file, &self.root.join(name)))
    }
}
