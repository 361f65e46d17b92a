//! Rows a second through normalisation, digest and item, on one core.

use std::hint::black_box;

use divan::{Bencher, counter::ItemsCount};
use tacit_protocol::identity::{KeyKind, Normaliser, Profile, lint::Linter};

const ROWS: usize = 100_000;

fn main() {
    divan::main();
}

fn column(write: impl Fn(usize) -> String) -> Vec<String> {
    (0..ROWS).map(write).collect()
}

fn mobile(row: usize) -> usize {
    13_000_000_000 + row * 60_013 % 1_000_000_000
}

fn bench(bencher: Bencher, profile: Profile, kind: KeyKind, region: Option<&str>, values: &[String]) {
    let region = region.map(|name| name.parse().expect("a region"));
    let normaliser = Normaliser::new(profile, kind, region);
    assert!(values.iter().all(|value| normaliser.item(value).is_ok()));
    bencher.counter(ItemsCount::new(values.len())).bench(|| {
        for value in values {
            let _ = black_box(normaliser.item(value));
        }
    });
}

#[divan::bench]
fn phone_e164(bencher: Bencher) {
    let values = column(|row| format!("+86{}", mobile(row)));
    bench(bencher, Profile::GoogleDm2, KeyKind::Phone, None, &values);
}

#[divan::bench]
fn phone_national_with_dashes(bencher: Bencher) {
    let values = column(|row| {
        let digits = mobile(row).to_string();
        format!("{} {}-{}", &digits[..3], &digits[3..7], &digits[7..])
    });
    bench(bencher, Profile::GoogleDm2, KeyKind::Phone, Some("CN"), &values);
}

#[divan::bench]
fn phone_with_trunk_prefix(bencher: Bencher) {
    let values = column(|row| format!("07{:09}", 700_000_000 + row));
    bench(bencher, Profile::GoogleDm2, KeyKind::Phone, Some("GB"), &values);
}

#[divan::bench]
fn phone_mainland(bencher: Bencher) {
    let values = column(|row| format!("+86 {}", mobile(row)));
    bench(bencher, Profile::CnMobile1, KeyKind::Phone, None, &values);
}

#[divan::bench]
fn email_in_order(bencher: Bencher) {
    let values = column(|row| format!("customer{row}@example.com"));
    bench(bencher, Profile::GoogleDm2, KeyKind::Email, None, &values);
}

#[divan::bench]
fn email_gmail(bencher: Bencher) {
    let values = column(|row| format!(" Jane.Doe.{row}+news@GMail.com"));
    bench(bencher, Profile::GoogleDm2, KeyKind::Email, None, &values);
}

#[divan::bench]
fn email_hashed(bencher: Bencher) {
    let values = column(|row| format!("{row:064x}"));
    bench(bencher, Profile::GoogleDm2, KeyKind::Email, None, &values);
}

#[divan::bench]
fn lint_email(bencher: Bencher) {
    let values = column(|row| format!("customer{}@example.com", row / 2));
    bencher.counter(ItemsCount::new(values.len())).bench(|| {
        let mut linter = Linter::new(Profile::GoogleDm2, KeyKind::Email, None);
        values.iter().for_each(|value| linter.push(Some(value)));
        linter.finish()
    });
}
