//! D03, D11's near side, F08: bytes that changed while nobody looked.

use std::collections::BTreeMap;

use super::{
    super::replay::{HEAD, LEAVES, LOG},
    *,
};

/// A node's files after a clean end, some groups old.
fn files(groups: u8) -> BTreeMap<String, Vec<u8>> {
    let disk = Sim::default();
    let (mut journal, _) = open(disk.clone()).unwrap();
    for number in 1..=groups {
        let reserve = draft(Kind::Reserve, Some(number), "is asked", 1);
        let run = one(&mut journal, reserve, Act::Reserve(price(10))).unwrap().seq;
        let rest = vec![
            (draft(Kind::Spend, Some(number), "first", 2), Act::Spend(run)),
            (draft(Kind::Answer, Some(number), "served", 3), Act::Answer(run)),
        ];
        journal.commit(rest).into_iter().for_each(|written| drop(written.unwrap()));
    }
    disk.seen()
}

fn damaged(files: BTreeMap<String, Vec<u8>>) -> Option<u64> {
    match open(Sim::holding(files)).map(drop) {
        Err(LedgerError::Damaged { seq, .. }) => seq,
        other => panic!("not found: {other:?}"),
    }
}

#[test]
fn d03_a_bit_flipped_at_every_byte_of_the_log_is_found_and_named() {
    let files = files(4);
    let log = &files[LOG];
    let mut record = 1;
    for (at, byte) in log.iter().enumerate() {
        let mut changed = files.clone();
        changed.get_mut(LOG).unwrap()[at] ^= 1 << (at % 8);
        assert_eq!(damaged(changed), Some(record), "byte {at}");
        if *byte == b'\n' {
            record += 1;
        }
    }
    assert_eq!(record, 14);
}

#[test]
fn d03_a_bit_flipped_at_every_byte_of_the_head_is_found() {
    let files = files(2);
    assert!(files[HEAD].len() > 4_096);
    for at in 0..files[HEAD].len() {
        let mut changed = files.clone();
        changed.get_mut(HEAD).unwrap()[at] ^= 1 << (at % 8);
        assert_eq!(damaged(changed), None, "byte {at}");
    }
}

#[test]
fn d15_records_cut_off_left_out_moved_or_put_in_are_named() {
    let files = files(4);
    let lines: Vec<Vec<u8>> = files[LOG].split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let with = |lines: Vec<Vec<u8>>| {
        let mut changed = files.clone();
        changed.insert(LOG.to_owned(), lines.concat());
        damaged(changed)
    };
    for at in 0..lines.len() {
        let seq = at as u64 + 1;
        let mut changed = lines.clone();
        changed.remove(at);
        assert_eq!(with(changed), Some(seq), "left out");
        let mut changed = lines.clone();
        changed.insert(at, lines[(at + 3) % lines.len()].clone());
        assert_eq!(with(changed), Some(seq), "put in");
        assert_eq!(with(lines[..at].to_vec()), Some(seq), "cut off");
        if at > 0 {
            let mut changed = lines.clone();
            changed.swap(at - 1, at);
            assert_eq!(with(changed), Some(seq - 1), "moved");
        }
    }
}

#[test]
fn without_the_hashes_it_is_still_found() {
    let mut files = files(2);
    files.remove(LEAVES);
    let at = files[LOG].windows(9).position(|found| found == b"marketing").unwrap();
    files.get_mut(LOG).unwrap()[at] = b'M';
    assert_eq!(damaged(files), None);
}

#[test]
fn hashes_that_are_gone_or_wrong_are_written_anew() {
    let files = files(2);
    for broken in [None, Some(vec![]), Some(vec![1; 37]), Some(files[LEAVES][..64].to_vec())] {
        let mut changed = files.clone();
        match broken {
            None => drop(changed.remove(LEAVES)),
            Some(bytes) => drop(changed.insert(LEAVES.to_owned(), bytes)),
        }
        let disk = Sim::holding(changed);
        open(disk.clone()).unwrap();
        assert_eq!(disk.seen(), files);
    }
}

#[test]
fn a_log_without_its_head_and_a_head_without_its_log_are_refused() {
    let files = files(2);
    for gone in [HEAD, LOG] {
        let mut changed = files.clone();
        changed.remove(gone);
        damaged(changed);
        let mut changed = files.clone();
        changed.insert(gone.to_owned(), Vec::new());
        damaged(changed);
    }
    // One slot of the head is gone, and nothing was being written.
    let mut changed = files.clone();
    changed.get_mut(HEAD).unwrap()[4096..].fill(0);
    let newer_first = open(Sim::holding(changed.clone())).is_err();
    changed.get_mut(HEAD).unwrap()[..512].fill(0);
    assert!(newer_first || open(Sim::holding(changed)).is_err());
}

#[test]
fn another_keys_head_is_not_ours() {
    let files = files(1);
    let shared = Arc::new(Shared::default());
    let opened = Journal::open(Sim::holding(files), signer(2), shared, now(0));
    assert!(matches!(opened, Err(LedgerError::Damaged { seq: None, .. })));
}

#[test]
fn f08_a_newer_ledger_is_refused_and_left_alone() {
    let mut files = files(1);
    let head = files.get_mut(HEAD).unwrap();
    head[..512].fill(b'\n');
    let title = b"U tacit ledger head 2\nnobody knows what comes here\n";
    head[..title.len()].copy_from_slice(title);
    let disk = Sim::holding(files.clone());
    assert!(matches!(open(disk.clone()), Err(LedgerError::Newer { found: 2, known: 1 })));
    assert_eq!((disk.calls(), disk.seen()), (0, files));
}

#[test]
fn a_clean_ledger_is_opened_without_a_change() {
    let files = files(3);
    let disk = Sim::holding(files.clone());
    open(disk.clone()).unwrap();
    assert_eq!((disk.calls(), disk.seen()), (0, files));
}

#[test]
fn d02_a_garbage_tail_is_put_aside_and_what_was_told_stays() {
    let files = files(2);
    let garbage = [&b"{\"seq\":8"[..], b"\n", b"\n\n\n", &[0; 5000], b"{}\n", &[0xff; 70_000]];
    for tail in garbage {
        let mut changed = files.clone();
        changed.get_mut(LOG).unwrap().extend_from_slice(tail);
        let disk = Sim::holding(changed);
        let (_, shared) = open(disk.clone()).unwrap();
        assert_eq!(disk.seen()[LOG], files[LOG]);
        assert_eq!(disk.seen()["torn-1"], tail);
        assert_eq!(balance(&shared).spent.nano_rho, 20);
    }
}
