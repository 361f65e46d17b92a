//! The ledger as the other rooms see it, on a real disk.

use std::{path::Path, sync::atomic::Ordering};

use super::{
    super::{
        Kind, Ledger,
        disk::Folder,
        draft::{Act, Cost},
        read,
        writer::Writer,
    },
    *,
};
use crate::report::{Class, Refusal};

fn writer(directory: &Path) -> (Writer, Arc<Shared>) {
    let shared = Arc::new(Shared::default());
    let folder = Folder::open(directory).unwrap();
    let journal = Journal::open(folder, signer(1), Arc::clone(&shared), now(0)).unwrap();
    (Writer::start(journal, ()).unwrap(), shared)
}

#[tokio::test]
async fn records_are_kept_in_order_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    let ledger = Ledger::open(&directory, signer(1)).unwrap();
    for what in ["added", "removed"] {
        ledger.note(Kind::Partner, None, Some("bank".into()), what, json!({ "a": 1 }), now(1)).await.unwrap();
    }
    drop(ledger);
    let ledger = Ledger::open(&directory, signer(1)).unwrap();
    let entries = ledger.entries(None).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((entries[0].kind, entries[2].what.as_str()), (Kind::Open, "removed"));
    assert_eq!(ledger.entries(Some(1)).await.unwrap(), entries[2..]);
    assert_eq!(ledger.entries(Some(0)).await.unwrap(), []);
    assert_eq!(ledger.entries(Some(99)).await.unwrap(), entries);
    let head = ledger.head().unwrap();
    assert_eq!((head.head().size, head.head().root), (3, ledger.root_at(3).unwrap()));
}

#[tokio::test]
async fn an_auditor_reads_beside_a_running_node() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    let ledger = Ledger::open(&directory, signer(1)).unwrap();
    let writing = async {
        for number in 0..200 {
            let body = json!({ "number": number });
            ledger.note(Kind::Dataset, None, None, "registered", body, now(number)).await.unwrap();
        }
    };
    let reading = tokio::task::spawn_blocking({
        let directory = directory.clone();
        move || {
            let mut last = 0;
            for _ in 0..40 {
                let reading = read(&directory).unwrap();
                let size = reading.head().head().size;
                assert!(size >= last);
                assert_eq!(reading.entries().filter_map(Result::ok).count() as u64, size);
                assert_eq!(reading.book().size(), size);
                last = size;
            }
        }
    });
    writing.await;
    reading.await.unwrap();
    let reading = read(&directory).unwrap();
    assert_eq!(reading.head().head().size, 201);
    assert_eq!(reading.keys().log, [super::verifier_key(1)]);
    let lines: Vec<Vec<u8>> = reading.lines().map(Result::unwrap).collect();
    let leaf = tacit_protocol::log::merkle::leaf_hash(&lines[100]);
    let proof = ledger.inclusion(101, 201).unwrap();
    let root = &reading.head().head().root;
    tacit_protocol::log::merkle::verify_inclusion(&leaf, 100, 201, &proof, root).unwrap();
}

#[test]
fn d09_a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    let first = Ledger::open(&directory, signer(1)).unwrap();
    let second = Ledger::open(&directory, signer(1)).map(drop).unwrap_err();
    assert_eq!(second.code(), "E-LEDGER-IN-USE");
    drop(first);
    Ledger::open(&directory, signer(1)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d09_p22_of_64_at_once_for_a_tenth_each_exactly_10_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, shared) = writer(&folder.path().join("ledger"));
    let writer = Arc::new(writer);
    let asks: Vec<_> = (0..64)
        .map(|number| {
            let writer = Arc::clone(&writer);
            tokio::spawn(async move {
                let reserve = draft(Kind::Reserve, Some(number), "is asked", 1);
                writer.append(reserve, Act::Reserve(price(LIMIT / 10))).await.map(|ticket| ticket.keep())
            })
        })
        .collect();
    let mut got = 0;
    for ask in asks {
        match ask.await.unwrap() {
            Ok((_, charge)) => {
                assert_eq!(charge.unwrap().price.nano_rho, LIMIT / 10);
                got += 1;
            }
            Err(error) => {
                assert_eq!((error.code(), error.class()), ("E-BUDGET-EXHAUSTED", Class::Budget));
                assert!(error.details().iter().any(|detail| detail.label == "left" && detail.text == "ρ 0"));
            }
        }
    }
    assert_eq!(got, 10);
    assert_eq!(balance(&shared).used().nano_rho, LIMIT);
}

#[tokio::test]
async fn a_reservation_that_nobody_waits_for_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, shared) = writer(&folder.path().join("ledger"));
    let reserve = || draft(Kind::Reserve, Some(1), "is asked", 1);
    {
        let mut asking = Box::pin(writer.append(reserve(), Act::Reserve(price(100))));
        // Asked once, and then dropped, as a question is whose asker has left.
        let waker = std::task::Waker::noop();
        let _ = asking.as_mut().poll(&mut std::task::Context::from_waker(waker));
    }
    // The next record comes after the end of the dropped one.
    for _ in 0..2 {
        let note = draft(Kind::Partner, None, "added", 1);
        writer.append(note, Act::Note).await.map(|ticket| ticket.keep()).unwrap();
    }
    assert_eq!(balance(&shared), Balance::default());
    let again = writer.append(reserve(), Act::Reserve(price(100))).await.map(drop).unwrap_err();
    assert_eq!(again.code(), "E-QUERY-REUSED");
}

#[tokio::test]
async fn d18_a_flood_of_refusals_leaves_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    let ledger = Ledger::open(&directory, signer(1)).unwrap();
    let refuse = |number: u64, partner: Option<&str>| {
        let mut id = [7; 32];
        id[..8].copy_from_slice(&number.to_le_bytes());
        ledger.refuse(QueryId::new(id), partner.map(str::to_owned), "E-POLICY", json!({}), now(1))
    };
    for number in 0..1_000 {
        refuse(number, Some("loud")).await.unwrap();
    }
    refuse(1_001, Some("quiet")).await.unwrap();
    // Our own people are never too many: each refusal stands (F01).
    for number in 2_000..2_200 {
        refuse(number, None).await.unwrap();
    }
    drop(ledger);
    let entries: Vec<_> = read(&directory).unwrap().entries().map(Result::unwrap).collect();
    let of = |name: Option<&str>| entries.iter().filter(|entry| entry.partner.as_deref() == name).count();
    assert_eq!((of(Some("quiet")), of(None)), (1, 201));
    let dropped = entries.last().unwrap();
    assert_eq!((dropped.kind, dropped.partner.as_deref()), (Kind::Dropped, Some("loud")));
    assert_eq!(dropped.body["count"].as_u64().unwrap() as usize + of(Some("loud")) - 1, 1_000);
}

#[test]
fn p23_d13_d14_a_period_begins_once_and_not_before_a_partner_says_so() {
    let disk = Sim::default();
    let (mut journal, shared) = open(disk).unwrap();
    let month = 30 * 86_400;
    let mut fresh = 0;
    let mut ask = |second: i64| {
        fresh += 1;
        let Cost::Charge(mut wish) = price(10) else { unreachable!() };
        wish.cycle = Some(monthly(10));
        one(
            &mut journal,
            draft(Kind::Reserve, Some(fresh), "is asked", second),
            Act::Reserve(Cost::Charge(wish)),
        )
    };
    let refused = |asked: Result<Written, LedgerError>| {
        let error = asked.unwrap_err();
        assert_eq!(error.code(), "E-BUDGET-EXHAUSTED");
        assert!(error.retry_helps());
    };
    ask(1).unwrap();
    refused(ask(2));
    // Our clock jumps; no partner has signed such a time.
    refused(ask(400 * 86_400));
    // It comes back, and swings over the edge; the partner has signed the new month.
    shared.witnessed.store(1_796_083_200 + month as u64 + 5, Ordering::Release);
    refused(ask(month - 1));
    ask(month + 1).unwrap();
    for swing in 0..10 {
        refused(ask(month - 1 + swing % 3));
    }
    assert_eq!(balance(&shared).used().nano_rho, 20);
}

#[test]
fn d07_d08_a_hundred_retries_are_charged_once_and_hear_what_became_of_it() {
    let disk = Sim::default();
    let (mut journal, shared) = open(disk.clone()).unwrap();
    let reserve = || draft(Kind::Reserve, Some(1), "is asked", 1);
    let run = one(&mut journal, reserve(), Act::Reserve(price(10))).unwrap().seq;
    one(&mut journal, draft(Kind::Spend, Some(1), "first", 2), Act::Spend(run)).unwrap();
    one(&mut journal, draft(Kind::Answer, Some(1), "served", 3), Act::Answer(run)).unwrap();
    drop(journal);
    let (mut journal, after) = open(Sim::holding(disk.seen())).unwrap();
    for _ in 0..100 {
        let LedgerError::QueryReused { past } =
            one(&mut journal, reserve(), Act::Reserve(price(10))).unwrap_err()
        else {
            panic!("charged again")
        };
        assert_eq!(past, tacit_protocol::log::book::Past::Answered { reserve: run, answer: 4 });
    }
    assert_eq!(balance(&after), balance(&shared));
}

#[test]
fn a_run_that_was_open_at_a_crash_is_closed_once() {
    let disk = Sim::default();
    let (mut journal, _) = open(disk.clone()).unwrap();
    one(&mut journal, draft(Kind::Reserve, Some(1), "is asked", 1), Act::Reserve(price(10))).unwrap();
    drop(journal);
    let mut files = disk.seen();
    for _ in 0..2 {
        let disk = Sim::holding(files);
        let (_, shared) = open(disk.clone()).unwrap();
        assert_eq!((told_size(&shared), balance(&shared).spent.nano_rho), (3, 10));
        files = disk.seen();
        let log = String::from_utf8(files["log"].clone()).unwrap();
        let last: super::super::Entry = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!((last.kind, last.query, last.what.as_str()), (Kind::Abort, Some(query(1)), "E-CRASHED"));
        assert_eq!(last.body, json!({ "reserve": 2, "refunded": false }));
    }
}

#[test]
fn a_record_too_large_for_a_tile_is_made_smaller() {
    let (mut journal, _) = open(Sim::default()).unwrap();
    let mut note = draft(Kind::Contract, None, "signed", 1);
    note.body = json!({ "many": vec!["x".repeat(3_000); 30] });
    one(&mut journal, note, Act::Note).unwrap();
}
