//! Files larger than what may be held in memory. Not part of the ordinary run:
//!
//! ```text
//! cargo test --release -p tacit-node --lib scan::tests::large -- --ignored --nocapture --test-threads 1
//! ```
//!
//! `TACIT_TEST_ROWS` sets the rows (2²⁰ by default), `TACIT_TEST_PAD` the bytes of a further column that
//! nobody asks for (160 by default: about 200 MB).

use std::{io::Write, time::Instant};

use tacit_protocol::identity::{KeyKind, Profile};

use super::*;
use crate::policy::consent::Withdrawn;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Resident bytes: now, and at most since the last [`forget_peak`].
fn memory() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn forget_peak() -> u64 {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    memory().0
}

/// Seconds that all cores of this process have worked.
fn worked() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<u64> = stat[stat.rfind(')').unwrap()..]
        .split_whitespace()
        .skip(12)
        .take(2)
        .map(|f| f.parse().unwrap())
        .collect();
    (fields[0] + fields[1]) as f64 / 100.0
}

/// Runs a step; tells its time and how far memory rose above what was there, in MiB.
fn measured<T>(what: &str, rows: u64, step: impl FnOnce() -> T) -> (T, u64) {
    let before = forget_peak();
    let (start, work) = (Instant::now(), worked());
    let result = step();
    let seconds = start.elapsed().as_secs_f64();
    let work = worked() - work;
    let rise = memory().1.saturating_sub(before) >> 20;
    println!(
        "{what}: {seconds:.2} s ({work:.2} s of work), {:.0} rows/s, {rise} MiB above the baseline",
        rows as f64 / seconds
    );
    (result, rise)
}

#[test]
#[ignore = "writes a file of 200 MB and takes half a minute"]
fn a_large_file_is_registered_collected_and_picked_in_bounded_memory() {
    let (rows, pad) = (setting("TACIT_TEST_ROWS", 1 << 20), setting("TACIT_TEST_PAD", 160));
    let place = Place::new();
    let path = place.path("large.csv");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    writeln!(file, "nr,tel,mail,age,ok,note").unwrap();
    let note = "x".repeat(pad as usize);
    for row in 0..rows {
        // Numbers that are no line's; every tenth is written in another way, every thousandth is twice.
        let number = (row - row % 1000 / 999) * 7919 % 1_000_000_000;
        let tel = if row % 10 == 0 { format!("+86 138 {number:09}") } else { format!("13{number:09}") };
        writeln!(file, "c{row},{tel},name.{row}@example.com,{},{},{note}", row % 90, row % 7 > 0).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    println!("{} MB", fs::metadata(&path).unwrap().len() / 1_000_000);

    let ids = [("phone", "tel"), ("email", "mail")];
    let (registration, rise) = measured("add", rows, || {
        place.add_with(&path, &ids, |new| new.row_id("nr").default_region("CN").unwrap()).unwrap()
    });
    assert!(rise < 100);
    let nobody = Withdrawn::default();
    let mut plan = CollectPlan {
        registration: &registration,
        profile: Profile::GoogleDm2,
        keys: &[KeyKind::Phone, KeyKind::Email],
        default_region: None,
        filter: None,
        consent: None,
        withdrawn: &nobody,
    };
    let most = 100 + ((rows * 2 * 75) >> 20);
    let (input, rise) = measured("collect", rows, || collect(&plan, &mut |_, _| true).unwrap());
    println!("{:?}", input.counts());
    assert!(rise < most, "{rise} MiB, not {most}");
    let every_third: Vec<bool> = (0..input.items().len()).map(|item| item % 3 == 0).collect();
    let (matches, _) = measured("matched", rows, || input.matched(&every_third));
    drop(input);
    let target = place.path("answer.parquet");
    let snapshot = registration.snapshot_hash();
    let (_, rise) = measured("pick", rows, || {
        pick(&registration, snapshot, &matches, "customer", None, &target, &mut |_, _| true).unwrap()
    });
    assert!(rise < 100);
    drop(matches);
    let young = Filter::of("\"age\" < 30").unwrap();
    plan.filter = Some(&young);
    plan.consent = Some("ok");
    let (input, rise) = measured("collect, filtered", rows, || collect(&plan, &mut |_, _| true).unwrap());
    println!("{:?}", input.counts());
    assert!(rise < most, "{rise} MiB, not {most}");
    drop(input);
    let (_, rise) =
        measured("lint", rows, || lint(&registration, Profile::GoogleDm2, None, &mut |_, _| true).unwrap());
    assert!(rise < 300);
    let now = Timestamp::now();
    let (_, rise) = measured("quality", rows, || {
        quality(&registration, Profile::GoogleDm2, now, &mut |_, _| true).unwrap()
    });
    assert!(rise < 100);
}
