use std::time::Duration;

use tacit_protocol::identity::Profile;

use super::*;
use crate::data::Value;

fn watch(_: u64, _: u64) -> bool {
    true
}

fn cell(table: &crate::data::Table, row: usize, column: &str) -> Value {
    let column = table.columns.iter().position(|name| name == column).unwrap();
    table.rows[row][column].clone()
}

const TEXT: &str = "tel,mail,age,note\n\
    13812341234,jane.saoirse@gmail.com,30,x\n\
    138 1234 1234,JaneSaoirse@gmail.com,31,x\n\
    12345,nobody,n/a,\n\
    ,a@example.com,32,\n\
    13912349876,223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4,33,y\n";

#[test]
fn lint_counts_by_finding_and_shows_no_whole_identifier() {
    let place = Place::new();
    let path = place.write("a.csv", TEXT);
    let registration = place
        .add_with(&path, &[("phone", "tel"), ("email", "mail")], |new| new.default_region("CN").unwrap())
        .unwrap();
    let found = lint(&registration, Profile::GoogleDm2, None, &mut watch).unwrap();
    let table = found.table();
    let rows_of = |column: &str, finding: &str| {
        (0..table.rows.len())
            .find(|&row| {
                cell(&table, row, "column") == Value::from(column)
                    && cell(&table, row, "finding") == Value::from(finding)
            })
            .map(|row| cell(&table, row, "rows"))
    };
    assert_eq!(rows_of("tel", "valid"), Some(Value::Integer(3)));
    assert_eq!(rows_of("tel", "empty"), Some(Value::Integer(1)));
    assert_eq!(rows_of("tel", "duplicate"), Some(Value::Integer(1)));
    assert_eq!(rows_of("mail", "not-an-email"), Some(Value::Integer(1)));
    assert_eq!(rows_of("mail", "hashed-hex"), Some(Value::Integer(1)));
    assert_eq!(rows_of("mail", "duplicate"), Some(Value::Integer(1)));
    let everything =
        format!("{} {}", serde_json::to_string(&table).unwrap(), serde_json::to_string(&found).unwrap());
    assert!(everything.contains("138****1234"), "{everything}");
    for identifier in
        TEXT.lines().skip(1).flat_map(|line| line.split(',').take(2)).filter(|cell| cell.len() > 5)
    {
        assert!(!everything.contains(identifier), "{identifier} is shown");
        let squeezed: String = identifier.chars().filter(|c| !c.is_whitespace()).collect();
        assert!(!everything.contains(&squeezed) && !everything.contains(&squeezed.to_lowercase()));
    }
}

#[test]
fn quality_is_measured_by_column_and_warns_beyond_the_thresholds() {
    let place = Place::new();
    let mut text = TEXT.to_owned();
    for row in 0..95 {
        text.push_str(&format!("139000000{row:02},m{row}@x.de,{row},z\n"));
    }
    text = text.replace(",94,z", ",,z");
    let path = place.write("a.csv", &text);
    let registration = place
        .add_with(&path, &[("phone", "tel"), ("email", "mail")], |new| {
            let quality = Thresholds { max_missing: 0.005, max_age_hours: Some(2), ..Thresholds::default() };
            new.default_region("CN").unwrap().quality(quality).unwrap()
        })
        .unwrap();
    let later = Timestamp::now() + Duration::from_secs(3 * 3600);
    let quality = quality(&registration, Profile::GoogleDm2, later, &mut watch).unwrap();
    assert_eq!(quality.rows, 100);
    let of = |name: &str| quality.columns.iter().find(|column| column.column == name).unwrap();
    assert_eq!((of("tel").complete, of("tel").valid), (0.99, 98.0 / 99.0));
    assert_eq!((of("mail").complete, of("mail").valid), (1.0, 0.99));
    let age = of("age");
    assert_eq!((age.kind, age.complete, age.valid), (ColumnType::Integer, 0.99, 98.0 / 99.0));
    assert_eq!((of("note").distinct, of("note").unique), (Distinct { value: 3, exact: true }, 3.0 / 98.0));
    assert_eq!(of("note").outliers, None);
    assert_eq!(age.outliers, Some(0.0));
    assert!((quality.age_hours - 3.0).abs() < 0.1);
    let warned: Vec<&str> =
        quality.warnings.iter().map(|line| line.split([':', ' ']).next().unwrap()).collect();
    assert_eq!(warned, ["tel", "age", "note", "the"]);
    assert_eq!(quality.table().rows.len(), 4);
}

#[test]
fn a_key_column_with_few_identifiers_is_warned_of_and_shares_have_four_digits() {
    let place = Place::new();
    let path = place.write("a.csv", "tel,mail\n13812341234,a@x.de\n13812341235,b@x.de\n+8613812341234,c\n");
    let registration = place.add(&path, &[("phone", "tel"), ("email", "mail")]).unwrap();
    let quality = quality(&registration, Profile::GoogleDm2, Timestamp::now(), &mut watch).unwrap();
    let expected =
        "66.7 % of the values of tel are no phone numbers under google-dm/2; set --default-region?";
    assert_eq!(quality.warnings, [expected]);
    let table = quality.table();
    assert_eq!(
        (cell(&table, 0, "valid"), cell(&table, 1, "valid")),
        (Value::Real(0.3333), Value::Real(0.6667))
    );
    let table = lint(&registration, Profile::GoogleDm2, None, &mut watch).unwrap().table();
    assert_eq!(cell(&table, 0, "share"), Value::Real(0.3333));
}

#[test]
fn quality_of_parquet_is_that_of_the_same_rows_in_csv() {
    use crate::engine::arrow::array::{Date32Array, Float64Array, Int64Array, StringArray};
    let place = Place::new();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("tel", Arc::new(Int64Array::from(vec![Some(13_812_345_678), None, Some(5)]))),
        ("balance", Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None]))),
        ("since", Arc::new(Date32Array::from(vec![Some(19_000), None, None]))),
        ("note", Arc::new(StringArray::from(vec!["x", "", "x"]))),
    ];
    let path = parquet(&place.path("a.parquet"), columns);
    let of_parquet =
        place.add_with(&path, &[("phone", "tel")], |new| new.default_region("CN").unwrap()).unwrap();
    place.datasets.remove("d").unwrap();
    let path = place.write("a.csv", "tel,balance,since,note\n13812345678,1.5,2022-01-08,x\n,,,\n5,,,x\n");
    let of_csv = place.add_with(&path, &[("phone", "tel")], |new| new.default_region("CN").unwrap()).unwrap();
    let measure = |registration| {
        quality(registration, Profile::GoogleDm2, Timestamp::now(), &mut watch).unwrap().columns
    };
    assert_eq!(measure(&of_parquet), measure(&of_csv));
}
