//! D10: a process that was stopped past its time, and goes on.

use std::path::Path;

use super::{
    super::disk::{Disk, Folder},
    *,
};

fn open_in(directory: &Path) -> Journal<Folder> {
    let folder = Folder::open(directory).unwrap();
    Journal::open(folder, signer(1), Arc::new(Shared::default()), now(0)).unwrap()
}

fn note(journal: &mut Journal<Folder>, second: i64) -> Result<u64, LedgerError> {
    let mut written = journal.commit(vec![(draft(Kind::Partner, None, "added", second), Act::Note)]);
    written.remove(0).map(|written| written.seq)
}

fn bytes(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .flatten()
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn d10_a_leader_that_resumes_after_another_has_gone_on_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("ledger");
    let mut paused = open_in(&directory);
    note(&mut paused, 1).unwrap();
    // Its lock is taken for lost, and somebody else goes on: with one record or many.
    for records in [1, 2, 5] {
        let mut leader = open_in(&directory);
        for second in 0..records {
            note(&mut leader, 10 + second).unwrap();
        }
        let before = bytes(&directory);
        for _ in 0..2 {
            assert!(matches!(note(&mut paused, 20), Err(LedgerError::Fenced)));
        }
        paused.settle_flood(now(900), true);
        assert_eq!(bytes(&directory), before, "it has written all the same");
        note(&mut leader, 30).unwrap();
        // The next round pauses the leader of this one.
        paused = leader;
    }
    drop(paused);
    crate::ledger::read(&directory).unwrap();
}

#[test]
fn d10_a_leader_whose_directory_was_put_elsewhere_writes_nothing() {
    for again in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (directory, aside) = (dir.path().join("ledger"), dir.path().join("aside"));
        let mut paused = open_in(&directory);
        note(&mut paused, 1).unwrap();
        // A copy of the directory is put in its place: the open files are not those that others find.
        std::fs::rename(&directory, &aside).unwrap();
        if again {
            std::fs::create_dir(&directory).unwrap();
            for (name, bytes) in bytes(&aside) {
                std::fs::write(directory.join(name), bytes).unwrap();
            }
        }
        let before = bytes(&aside);
        assert!(matches!(note(&mut paused, 2), Err(LedgerError::Fenced)));
        assert_eq!(bytes(&aside), before);
    }
}

/// A disk that stops its process in the middle of a group, while somebody else writes.
struct Stopped {
    folder: Folder,
    directory: std::path::PathBuf,
    /// How many changing calls are left before it is stopped.
    left: Option<u32>,
}

impl Stopped {
    fn step(&mut self) {
        if let Some(left) = self.left {
            self.left = left.checked_sub(1);
            if left == 0 {
                let mut other = open_in(&self.directory);
                note(&mut other, 50).unwrap();
                note(&mut other, 51).unwrap();
            }
        }
    }
}

impl Disk for Stopped {
    fn size(&mut self, name: &str) -> std::io::Result<Option<u64>> {
        self.folder.size(name)
    }
    fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.folder.read(name, offset, buffer)
    }
    fn create(&mut self, name: &str) -> std::io::Result<()> {
        self.folder.create(name)
    }
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> std::io::Result<usize> {
        self.step();
        self.folder.write(name, offset, bytes)
    }
    fn truncate(&mut self, name: &str, size: u64) -> std::io::Result<()> {
        self.step();
        self.folder.truncate(name, size)
    }
    fn sync(&mut self, name: &str) -> std::io::Result<()> {
        self.step();
        self.folder.sync(name)
    }
    fn sync_dir(&mut self) -> std::io::Result<()> {
        self.folder.sync_dir()
    }
    fn is_in_place(&mut self) -> bool {
        self.folder.is_in_place()
    }
}

#[test]
fn d10_a_leader_that_is_stopped_in_the_middle_of_a_group_tells_nobody() {
    for step in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("ledger");
        drop(open_in(&directory));
        let folder = Folder::open(&directory).unwrap();
        let disk = Stopped { folder, directory: directory.clone(), left: None };
        let shared = Arc::new(Shared::default());
        let mut paused = Journal::open(disk, signer(1), Arc::clone(&shared), now(0)).unwrap();
        let told = told_size(&shared);
        paused.stop_after(step);
        let group = vec![(draft(Kind::Reserve, Some(1), "is asked", 2), Act::Reserve(price(10)))];
        assert!(matches!(paused.commit(group)[0], Err(LedgerError::Fenced)), "step {step}");
        assert_eq!(told_size(&shared), told, "step {step}");
    }
}

impl Journal<Stopped> {
    fn stop_after(&mut self, step: u32) {
        self.disk_mut().left = Some(step);
    }
}
