//! A disk in memory that remembers what was synced and what was not, fails on demand, and can be asked for every state
//! that a power cut may leave it in.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::ledger::disk::Disk;

/// What has not been synced.
#[derive(Debug, Clone)]
enum Pending {
    Write { offset: u64, bytes: Vec<u8> },
    Truncate(u64),
}

#[derive(Debug, Clone, Default)]
struct File {
    /// What is on the disk for sure.
    synced: Vec<u8>,
    /// What a running machine sees.
    seen: Vec<u8>,
    pending: Vec<Pending>,
}

/// What a power cut at one moment finds.
#[derive(Debug, Clone, Default)]
pub(super) struct Moment {
    files: BTreeMap<String, File>,
    /// Names that are on the disk for sure.
    named: BTreeSet<String>,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// EIO, after which the bytes of the page cache are marked clean: the next sync succeeds and saves nothing.
    LostOnSync,
    /// ENOSPC on whatever needs room, after some of it was written.
    Full,
    /// EROFS on everything that changes something.
    ReadOnly,
}

#[derive(Debug, Default)]
struct State {
    moment: Moment,
    /// Changing calls so far.
    calls: u64,
    syncs: u64,
    /// Fails from this changing call (or, for lost syncs, at this sync) on.
    fault: Option<(Fault, u64)>,
    short_writes: bool,
    /// What a cut during each changing call would find.
    trace: Option<Vec<Moment>>,
}

/// The disk; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Sim(Arc<Mutex<State>>);

impl Sim {
    /// A disk after a cut: what it holds is what it holds.
    pub(super) fn holding(files: BTreeMap<String, Vec<u8>>) -> Self {
        let sim = Self::default();
        {
            let mut state = sim.state();
            state.moment.named = files.keys().cloned().collect();
            let file = |bytes: Vec<u8>| File { synced: bytes.clone(), seen: bytes, pending: Vec::new() };
            state.moment.files = files.into_iter().map(|(name, bytes)| (name, file(bytes))).collect();
        }
        sim
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn trace(&self) {
        self.state().trace = Some(Vec::new());
    }

    /// The moments of the trace so far.
    pub(super) fn moments(&self) -> Vec<Moment> {
        self.state().trace.clone().unwrap_or_default()
    }

    pub(super) fn calls(&self) -> u64 {
        self.state().calls
    }

    pub(super) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    pub(super) fn fail(&self, fault: Fault, from: u64) {
        self.state().fault = Some((fault, from));
    }

    pub(super) fn mend(&self) {
        self.state().fault = None;
    }

    pub(super) fn write_shortly(&self) {
        self.state().short_writes = true;
    }

    /// What the running machine sees: also what a process finds that is started after another was killed.
    pub(super) fn seen(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        state.moment.files.iter().map(|(name, file)| (name.clone(), file.seen.clone())).collect()
    }

    /// What the disk holds if the power goes now and nothing more is written.
    pub(super) fn synced(&self) -> BTreeMap<String, Vec<u8>> {
        self.state().moment.cut(&|_, _| Keep::Nothing)
    }

    /// Counts a changing call; fails it if it has to.
    fn change(&self, grows: bool) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        state.calls += 1;
        match state.fault {
            Some((Fault::ReadOnly, from)) if state.calls >= from => {
                Err(io::ErrorKind::ReadOnlyFilesystem.into())
            }
            Some((Fault::Full, from)) if state.calls >= from && grows => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(state),
        }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Pending) {
    match change {
        Pending::Write { offset, bytes: new } => {
            let end = *offset as usize + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset as usize..end].copy_from_slice(new);
        }
        Pending::Truncate(size) => bytes.resize(*size as usize, 0),
    }
}

impl State {
    fn remember(&mut self) {
        let moment = self.moment.clone();
        if let Some(trace) = &mut self.trace {
            trace.push(moment);
        }
    }

    fn file(&mut self, name: &str) -> io::Result<&mut File> {
        self.moment.files.get_mut(name).ok_or(io::ErrorKind::NotFound.into())
    }

    fn pend(&mut self, name: &str, change: Pending) -> io::Result<()> {
        let file = self.file(name)?;
        apply(&mut file.seen, &change);
        file.pending.push(change);
        self.remember();
        Ok(())
    }
}

impl Disk for Sim {
    fn size(&mut self, name: &str) -> io::Result<Option<u64>> {
        Ok(self.state().moment.files.get(name).map(|file| file.seen.len() as u64))
    }

    fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        let seen = &state.file(name)?.seen;
        let rest = seen.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.change(true)?;
        assert!(!state.moment.files.contains_key(name));
        state.moment.files.insert(name.to_owned(), File::default());
        state.remember();
        Ok(())
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let before = self.state().calls;
        let (mut state, bytes) = match self.change(true) {
            Ok(state) => {
                let most = if state.short_writes { 1 + before as usize * 7 % 97 } else { bytes.len() };
                (state, &bytes[..bytes.len().min(most)])
            }
            // The first call that finds no room has found some.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                let mut state = self.state();
                if state.fault != Some((Fault::Full, before + 1)) || bytes.len() < 2 {
                    return Err(error);
                }
                state.pend(name, Pending::Write { offset, bytes: bytes[..bytes.len() / 2].to_vec() })?;
                return Ok(bytes.len() / 2);
            }
            Err(error) => return Err(error),
        };
        state.pend(name, Pending::Write { offset, bytes: bytes.to_vec() })?;
        Ok(bytes.len())
    }

    fn truncate(&mut self, name: &str, size: u64) -> io::Result<()> {
        self.change(false)?.pend(name, Pending::Truncate(size))
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.change(false)?;
        state.syncs += 1;
        let (fault, syncs) = (state.fault, state.syncs);
        let file = state.file(name)?;
        if fault == Some((Fault::LostOnSync, syncs)) {
            // Readers go on seeing what the disk will never have.
            file.pending.clear();
            return Err(io::Error::from_raw_os_error(5));
        }
        for change in std::mem::take(&mut file.pending) {
            apply(&mut file.synced, &change);
        }
        state.remember();
        Ok(())
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        let mut state = self.change(false)?;
        state.moment.named = state.moment.files.keys().cloned().collect();
        state.remember();
        Ok(())
    }
}

/// What a cut leaves of a file's unsynced changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Nothing,
    /// All of them.
    All,
    /// All before the last, and so many bytes of that.
    Prefix(usize),
    /// As `Prefix`, and the file has its new size, with zeros for the rest.
    Zeros(usize),
    /// As `Zeros`, with other bytes.
    Garbage(usize),
    /// The last and none of those before.
    Last,
}

impl Moment {
    /// The files after a cut.
    pub(super) fn cut(&self, keep: &dyn Fn(&str, bool) -> Keep) -> BTreeMap<String, Vec<u8>> {
        let mut left = BTreeMap::new();
        for (name, file) in &self.files {
            let named = self.named.contains(name);
            let how = keep(name, named);
            if !named && how == Keep::Nothing {
                continue;
            }
            let mut bytes = file.synced.clone();
            let last = file.pending.len().saturating_sub(1);
            for (at, change) in file.pending.iter().enumerate() {
                match (how, at == last, change) {
                    (Keep::Nothing, ..) | (Keep::Last, false, _) => {}
                    (Keep::Prefix(kept), true, Pending::Write { offset, bytes: new }) => {
                        let new = new[..kept.min(new.len())].to_vec();
                        apply(&mut bytes, &Pending::Write { offset: *offset, bytes: new });
                    }
                    (
                        Keep::Zeros(kept) | Keep::Garbage(kept),
                        true,
                        Pending::Write { offset, bytes: new },
                    ) => {
                        let mut new = new.clone();
                        let garbage = how == Keep::Garbage(kept);
                        for (place, byte) in new.iter_mut().enumerate().skip(kept) {
                            // Every byte is wrong, and by more than a bit.
                            *byte = if garbage { *byte ^ 0x5a ^ (place as u8 & 0x81) } else { 0 };
                        }
                        apply(&mut bytes, &Pending::Write { offset: *offset, bytes: new });
                    }
                    (_, _, change) => apply(&mut bytes, change),
                }
            }
            left.insert(name.clone(), bytes);
        }
        left
    }

    /// Every way to cut that is worth a try: each file's unsynced bytes lost, kept, cut short at many places, followed
    /// by zeros or garbage, one file's lost and the other's kept. `stride` thins the places out.
    pub(super) fn cuts(&self, stride: usize) -> Vec<BTreeMap<String, Vec<u8>>> {
        let mut cuts = vec![self.cut(&|_, _| Keep::Nothing), self.cut(&|_, _| Keep::All)];
        for (name, file) in &self.files {
            if file.pending.is_empty() {
                continue;
            }
            for others in [Keep::Nothing, Keep::All] {
                let mut with =
                    |how| cuts.push(self.cut(&|found, _| if found == name { how } else { others }));
                with(Keep::Last);
                if let Some(Pending::Write { bytes, .. }) = file.pending.last() {
                    let near_an_end = |at: usize| at < 3 || at + 3 > bytes.len();
                    for at in (0..=bytes.len()).filter(|at| at % stride == 0 || near_an_end(*at)) {
                        with(Keep::Prefix(at));
                        with(Keep::Zeros(at));
                        with(Keep::Garbage(at));
                    }
                }
            }
        }
        cuts.dedup();
        cuts
    }
}
