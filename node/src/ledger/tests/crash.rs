//! D01, D02, D20, D22 and P21: the power goes during every call that changes the disk.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Mutex,
};

use super::{super::replay::LOG, *};

/// What was told, and after how many calls that change the disk.
#[derive(Default)]
struct Story {
    /// Records that somebody was told of.
    told: Vec<(u64, u64)>,
    /// What left, each time after its `spend` was told.
    left: Vec<(u64, u64)>,
    /// Questions that were reserved, and somebody was told.
    reserved: Vec<(u64, u8)>,
}

/// A few days of a node: 25 groups of one to five records, runs that end in every way.
fn live(disk: &Sim) -> Result<Story, LedgerError> {
    let (mut journal, _) = open(disk.clone())?;
    let mut story = Story { told: vec![(disk.calls(), 1)], ..Story::default() };
    for round in 0..5_u8 {
        let second = i64::from(round) * 100;
        let [a, b, c] = [1, 2, 3].map(|number| round * 3 + number);
        let asks = [(a, 40), (b, 50), (c, 60)];
        let group = asks.map(|(number, cost)| {
            (draft(Kind::Reserve, Some(number), "is asked", second), Act::Reserve(price(cost)))
        });
        let mut runs = Vec::new();
        for ((number, cost), written) in asks.into_iter().zip(journal.commit(group.into())) {
            let seq = written?.seq;
            runs.push((number, cost, seq));
            story.reserved.push((disk.calls(), number));
            story.told.push((disk.calls(), seq));
        }
        let mut write = |story: &mut Story, group: Vec<(Draft, Act)>| -> Result<(), LedgerError> {
            for written in journal.commit(group) {
                story.told.push((disk.calls(), written?.seq));
            }
            Ok(())
        };
        let [(a, cost_a, run_a), (b, cost_b, run_b), (c, _, run_c)] = runs[..] else { unreachable!() };
        write(&mut story, vec![(draft(Kind::Spend, Some(a), "first", second + 1), Act::Spend(run_a))])?;
        story.left.push((disk.calls(), cost_a));
        write(
            &mut story,
            vec![
                (draft(Kind::Spend, Some(b), "first", second + 2), Act::Spend(run_b)),
                (draft(Kind::Abort, Some(c), "E-PEER-GONE", second + 2), Act::Abort(run_c)),
                (draft(Kind::Partner, None, "added", second + 2), Act::Note),
            ],
        )?;
        story.left.push((disk.calls(), cost_b));
        write(
            &mut story,
            vec![
                (draft(Kind::Answer, Some(a), "served", second + 3), Act::Answer(run_a)),
                (draft(Kind::Refusal, Some(200 + round), "E-POLICY-COLUMN-USE", second + 3), Act::Refuse),
            ],
        )?;
        if round % 2 == 0 {
            write(&mut story, vec![(draft(Kind::Abort, Some(b), "E-PEER-GONE", second), Act::Abort(run_b))])?;
        }
    }
    Ok(story)
}

fn records(files: &BTreeMap<String, Vec<u8>>) -> Vec<&[u8]> {
    let log = files.get(LOG).map(Vec::as_slice).unwrap_or_default();
    log.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Opens what a cut has left, and holds it to what was told before.
fn recovers(left: BTreeMap<String, Vec<u8>>, story: &Story, whole: &[&[u8]], calls: u64) -> Sim {
    let disk = Sim::holding(left);
    disk.trace();
    let (mut journal, shared) = open(disk.clone()).expect("a power cut is no damage");
    holds(&disk, &shared, story, whole, calls);
    // A retry of what was reserved before finds out what became of it, and pays nothing.
    let before = balance(&shared);
    for (_, number) in story.reserved.iter().filter(|(at, _)| *at <= calls) {
        let again = draft(Kind::Reserve, Some(*number), "is asked", 900);
        let refused = one(&mut journal, again, Act::Reserve(price(1))).unwrap_err();
        assert!(matches!(refused, LedgerError::QueryReused { .. }));
    }
    assert_eq!(balance(&shared), before);
    disk
}

/// What was told before is there, byte for byte; what left is spent; nothing is open.
fn holds(disk: &Sim, shared: &Shared, story: &Story, whole: &[&[u8]], calls: u64) {
    let seen = disk.seen();
    let found = records(&seen);
    let told = story.told.iter().filter(|(at, _)| *at <= calls).map(|(_, seq)| *seq).max().unwrap_or(0);
    assert!(found.len() as u64 >= told);
    assert_eq!(found[..told as usize], whole[..told as usize]);
    let left: u64 = story.left.iter().filter(|(at, _)| *at <= calls).map(|(_, price)| price).sum();
    let Balance { reserved, spent } = balance(shared);
    assert!(spent.nano_rho >= left, "{} is spent, and {left} left", spent.nano_rho);
    assert!(spent.nano_rho <= LIMIT && reserved == Amount::ZERO);
    let book = shared.book.read().unwrap();
    assert_eq!((book.open().count(), book.size()), (0, found.len() as u64));
    assert_eq!(told_size(shared), found.len());
}

#[test]
fn d01_d02_d20_d22_p21_a_power_cut_at_every_write_loses_nothing_that_was_told() {
    let disk = Sim::default();
    disk.trace();
    let story = live(&disk).unwrap();
    let (whole, moments) = (disk.seen(), disk.moments());
    let whole = records(&whole);
    assert!(moments.len() > 100 && whole.len() > 40);
    let (points, nested) = (Mutex::new(0_usize), Mutex::new(0_usize));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let part = |thread: usize| {
        // A minute of arithmetic must not starve tests of other rooms that have clocks. On Linux this is the
        // thread's own priority.
        let _ = rustix::process::nice(15);
        let mut seen = HashSet::new();
        for (at, moment) in moments.iter().enumerate().filter(|(at, _)| at % threads == thread) {
            // The call was under way: what is told after it is not told yet.
            let calls = at as u64;
            for (number, left) in moment.cuts(13).into_iter().enumerate() {
                if !seen.insert(left.clone()) {
                    continue;
                }
                *points.lock().unwrap() += 1;
                let disk = recovers(left, &story, &whole, calls);
                // Now and then the power goes again while what it left is put in order.
                if (at * 31 + number) % 1_499 == 0 {
                    for left in disk.moments().iter().flat_map(|moment| moment.cuts(101)) {
                        *nested.lock().unwrap() += 1;
                        recovers(left, &story, &whole, calls);
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (0..threads).for_each(|thread| drop(scope.spawn(move || part(thread))));
    });
    let (points, nested) = (*points.lock().unwrap(), *nested.lock().unwrap());
    assert!(points >= 10_000, "{points} crash points, {nested} during recovery");
    assert!(nested >= 1_000, "{nested} crash points during recovery");
}

#[test]
fn a_killed_process_loses_nothing_at_all() {
    let disk = Sim::default();
    let story = live(&disk).unwrap();
    let whole = disk.seen();
    recovers(whole.clone(), &story, &records(&whole), u64::MAX);
}

#[test]
fn short_writes_are_gone_on_with() {
    let disk = Sim::default();
    disk.write_shortly();
    let story = live(&disk).unwrap();
    let whole = disk.synced();
    recovers(whole.clone(), &story, &records(&whole), u64::MAX);
}

/// A disk that says it has synced and has not: the run above has to find that.
#[derive(Clone)]
struct Liar(Sim);

impl crate::ledger::disk::Disk for Liar {
    fn size(&mut self, name: &str) -> std::io::Result<Option<u64>> {
        self.0.size(name)
    }
    fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(name, offset, buffer)
    }
    fn create(&mut self, name: &str) -> std::io::Result<()> {
        self.0.create(name)
    }
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(name, offset, bytes)
    }
    fn truncate(&mut self, name: &str, size: u64) -> std::io::Result<()> {
        self.0.truncate(name, size)
    }
    fn sync(&mut self, name: &str) -> std::io::Result<()> {
        if name == LOG { Ok(()) } else { self.0.sync(name) }
    }
    fn sync_dir(&mut self) -> std::io::Result<()> {
        self.0.sync_dir()
    }
}

#[test]
fn the_planted_missing_fsync_is_found_by_a_cut() {
    let disk = Sim::default();
    let shared = Arc::new(Shared::default());
    let mut journal = Journal::open(Liar(disk.clone()), signer(1), Arc::clone(&shared), now(0)).unwrap();
    let group = vec![(draft(Kind::Reserve, Some(1), "is asked", 1), Act::Reserve(price(10)))];
    assert!(journal.commit(group)[0].is_ok());
    // Told, and gone.
    assert_eq!(records(&disk.synced()).len(), 0);
    assert!(matches!(open(Sim::holding(disk.synced())), Err(LedgerError::Damaged { .. })));
}
