//! D04, D05, D06: a disk that fails while the node runs.

use super::{
    super::replay::{HEAD, LOG},
    sim::Fault,
    *,
};

/// Asks for ten questions, one after the other; how many were told.
fn ask(journal: &mut Journal<Sim>, first: u8) -> (Vec<u64>, Vec<LedgerError>) {
    let (mut told, mut refused) = (Vec::new(), Vec::new());
    for number in first..first + 10 {
        let reserve = draft(Kind::Reserve, Some(number), "is asked", i64::from(number));
        match one(journal, reserve, Act::Reserve(price(10))) {
            Ok(written) => told.push(written.seq),
            Err(error) => refused.push(error),
        }
    }
    (told, refused)
}

#[test]
fn d04_after_a_failed_fsync_nothing_is_told_any_more() {
    for sync in 1..=12 {
        let disk = Sim::default();
        let (mut journal, _) = open(disk.clone()).unwrap();
        disk.fail(Fault::LostOnSync, disk.syncs() + sync);
        let (told, refused) = ask(&mut journal, 1);
        // Two fsyncs for each group; the one that fails is the last that is tried.
        assert_eq!(told.len() as u64, (sync - 1) / 2);
        assert!(refused.iter().all(|error| matches!(error, LedgerError::DiskFailed(_))));
        assert_eq!(refused.len() + told.len(), 10);
        // A process that is started on what the page cache shows writes it anew, so it is on the disk then.
        let killed = Sim::holding(disk.seen());
        let (_, shared) = open(killed.clone()).unwrap();
        let charged = balance(&shared).spent.nano_rho;
        assert!(charged >= told.len() as u64 * 10);
        let (_, after_cut) = open(Sim::holding(killed.synced())).unwrap();
        assert_eq!(balance(&after_cut).spent.nano_rho, charged);
        // And so does one that finds what the disk really has.
        let (_, shared) = open(Sim::holding(disk.synced())).unwrap();
        assert!(balance(&shared).spent.nano_rho >= told.len() as u64 * 10);
    }
}

#[test]
fn d05_d06_a_full_or_read_only_disk_refuses_questions_keeps_what_it_has_and_goes_on_later() {
    for fault in [Fault::Full, Fault::ReadOnly] {
        for call in 1..=12 {
            let disk = Sim::default();
            let (mut journal, shared) = open(disk.clone()).unwrap();
            let (before, _) = ask(&mut journal, 1);
            assert_eq!(before.len(), 10);
            disk.fail(fault, disk.calls() + call);
            let (some, refused) = ask(&mut journal, 11);
            assert!(!refused.is_empty());
            let full = |error: &LedgerError| matches!(error, LedgerError::NotDurable(_));
            let stopped = refused.iter().any(|error| !full(error));
            // Reading goes on: everything that was told can be seen.
            assert_eq!(told_size(&shared), 1 + before.len() + some.len());
            disk.mend();
            if stopped {
                // A sync that fails is final, whatever its reason; the next process goes on.
                assert_eq!(fault, Fault::ReadOnly);
                assert!(ask(&mut journal, 21).0.is_empty());
                drop(journal);
                (journal, _) = open(Sim::holding(disk.seen())).unwrap();
                assert_eq!(ask(&mut journal, 21).0.len(), 10);
                continue;
            }
            let (after, refused) = ask(&mut journal, 21);
            assert!(refused.is_empty(), "{refused:?}");
            assert_eq!(after.len(), 10);
            // What was not told was not charged, unless it had reached the log already.
            let told = (before.len() + some.len() + after.len()) as u64 * 10;
            let charged = balance(&shared).used().nano_rho;
            assert!((told..=told + 10).contains(&charged), "{charged} of {told}");
            // And the files are in order.
            let (_, reopened) = open(Sim::holding(disk.synced())).unwrap();
            assert_eq!(balance(&reopened).used().nano_rho, charged);
            let (_, reopened) = open(Sim::holding(disk.seen())).unwrap();
            assert_eq!(balance(&reopened).used().nano_rho, charged);
        }
    }
}

#[test]
fn d05_a_disk_that_stays_full_costs_nothing_and_loses_nothing() {
    let disk = Sim::default();
    let (mut journal, shared) = open(disk.clone()).unwrap();
    ask(&mut journal, 1);
    let before = (disk.seen()[LOG].clone(), disk.seen()[HEAD].clone(), balance(&shared));
    disk.fail(Fault::Full, 0);
    for _ in 0..100 {
        assert!(ask(&mut journal, 11).0.is_empty());
    }
    assert_eq!((disk.seen()[LOG].clone(), disk.seen()[HEAD].clone(), balance(&shared)), before);
}
