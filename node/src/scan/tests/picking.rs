use std::os::unix::fs::MetadataExt;

use tacit_protocol::identity::KeyKind;

use super::*;
use crate::report::Refusal;

fn found(row: u64, kind: KeyKind) -> Match {
    Match { row, others: Vec::new(), kind }
}

fn watch(_: u64, _: u64) -> bool {
    true
}

#[test]
fn the_rows_that_matched_are_written_with_how_they_matched() {
    let place = Place::new();
    let mut text = "nr,tel,mail,customer,age\n".to_owned();
    for row in 1..=20_000 {
        text.push_str(&format!("c{row},0{row},m{row}@x.de,{row},{row}\n"));
    }
    let path = place.write("a.csv", text);
    let registration =
        place.add_with(&path, &[("phone", "tel"), ("email", "mail")], |new| new.row_id("nr")).unwrap();
    let matches = [found(1, KeyKind::Phone), found(8_193, KeyKind::Email), found(20_000, KeyKind::Phone)];
    let target = place.path("answer.parquet");
    let snapshot = registration.snapshot_hash();
    let rows = pick(&registration, snapshot, &matches, "customer", None, &target, &mut watch).unwrap();
    assert_eq!(rows, 3);
    let (schema, cells) = read_parquet(&target);
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["customer", "matched_by", "also", "tel", "mail"]);
    let cells: Vec<Vec<String>> = cells.into_iter().map(|row| row.into_iter().flatten().collect()).collect();
    assert_eq!(cells[0], ["c1", "phone", "01", "m1@x.de"]);
    assert_eq!(cells[1], ["c8193", "email", "08193", "m8193@x.de"]);
    assert_eq!(cells[2], ["c20000", "phone", "020000", "m20000@x.de"]);
    assert_eq!(fs::metadata(&target).unwrap().mode() & 0o777, 0o600);

    let own = ["age", "customer", "age"].map(|name| (name.to_owned(), name.to_owned()));
    pick(&registration, snapshot, &matches[1..2], "customer", Some(&own), &target, &mut watch).unwrap();
    let (schema, cells) = read_parquet(&target);
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["customer", "matched_by", "also", "age", "own_customer"]);
    assert_eq!(cells.len(), 1);

    let own = [("age", "years"), ("nr", "number"), ("age", "also"), ("customer", "customer")]
        .map(|(column, label)| (column.to_owned(), label.to_owned()));
    pick(&registration, snapshot, &matches[1..2], "id", Some(&own), &target, &mut watch).unwrap();
    let (schema, cells) = read_parquet(&target);
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["id", "matched_by", "also", "years", "number", "own_also", "customer"]);
    let row: Vec<&str> = cells[0].iter().flatten().map(String::as_str).collect();
    assert_eq!(row, ["c8193", "email", "8193", "c8193", "8193", "8193"]);
}

#[test]
fn without_a_row_id_the_row_number_names_the_customer() {
    let place = Place::new();
    let path = place.write("a.csv", "tel\n1\n2\n3\n");
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    let target = place.path("answer.parquet");
    let matches = [found(2, KeyKind::Phone), found(3, KeyKind::Phone)];
    pick(&registration, registration.snapshot_hash(), &matches, "customer", Some(&[]), &target, &mut watch)
        .unwrap();
    let (_, cells) = read_parquet(&target);
    let row = |number: &str| [Some(number.to_owned()), Some("phone".to_owned()), None];
    assert_eq!(cells, [row("2"), row("3")]);
}

#[test]
fn a_customer_is_one_row_that_names_its_other_rows() {
    let place = Place::new();
    let path = place.write("a.csv", "nr,tel\nc1,1\nc2,2\nc3,1\n,1\nc5,1\n");
    let target = place.path("answer.parquet");
    let matches = [Match { others: vec![3, 4, 5], ..found(1, KeyKind::Phone) }, found(2, KeyKind::Phone)];
    let also = |row_id: bool| {
        let registration = place
            .add_with(&path, &[("phone", "tel")], |new| if row_id { new.row_id("nr") } else { new })
            .unwrap();
        pick(&registration, registration.snapshot_hash(), &matches, "customer", None, &target, &mut watch)
            .unwrap();
        place.datasets.remove("d").unwrap();
        read_parquet(&target).1.into_iter().map(|mut row| row.remove(2)).collect::<Vec<_>>()
    };
    assert_eq!(also(true), [Some("c3 c5".to_owned()), None]);
    assert_eq!(also(false), [Some("3 4 5".to_owned()), None]);
}

#[test]
fn no_match_is_an_answer_without_rows() {
    let place = Place::new();
    let path = place.write("a.csv", "tel\n1\n");
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    let target = place.path("answer.parquet");
    assert_eq!(
        pick(&registration, registration.snapshot_hash(), &[], "customer", None, &target, &mut watch)
            .unwrap(),
        0
    );
    assert_eq!(read_parquet(&target).1.len(), 0);
}

#[test]
fn rows_of_another_content_or_out_of_order_are_never_written() {
    let place = Place::new();
    let path = place.write("a.csv", "tel\n1\n2\n");
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    let snapshot = registration.snapshot_hash();
    let target = place.path("answer.parquet");
    let phones = |rows: &[u64]| rows.iter().map(|&row| found(row, KeyKind::Phone)).collect::<Vec<_>>();
    for rows in [&[3][..], &[2, 1], &[1, 1], &[0]] {
        let error =
            pick(&registration, snapshot, &phones(rows), "customer", None, &target, &mut watch).unwrap_err();
        assert_eq!(error.code(), "E-DATA-ROW", "{rows:?}");
    }
    fs::write(&path, "tel\n2\n1\n").unwrap();
    let error =
        pick(&registration, snapshot, &phones(&[1]), "customer", None, &target, &mut watch).unwrap_err();
    assert_eq!(error.code(), "E-DATA-CHANGED");
    let fresh = place.open().unwrap();
    let error = pick(&fresh, snapshot, &phones(&[1]), "customer", None, &target, &mut watch).unwrap_err();
    assert_eq!(error.code(), "E-DATA-CHANGED");
    assert!(!target.exists());
    assert_eq!(fs::read_dir(place.dir.path()).unwrap().count(), 2, "no left-overs");
}
