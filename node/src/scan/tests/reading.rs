use crate::engine::arrow::{
    array::{Decimal128Array, Float64Array, Int32Array, Int64Array, StringViewArray, UInt64Array},
    datatypes::Int32Type,
};

use super::*;

fn column(registration: &Registration, name: &str) -> Vec<Option<String>> {
    table(registration, &[name]).into_iter().map(|(_, mut row)| row.remove(0)).collect()
}

fn some(cells: &[&str]) -> Vec<Option<String>> {
    cells.iter().map(|cell| (!cell.is_empty()).then(|| (*cell).to_owned())).collect()
}

#[test]
fn rows_are_numbered_through_the_files_in_the_order_of_their_names() {
    let place = Place::new();
    // More rows than a batch, written in another order than the names', and columns in different places.
    let rows = |from: usize, to: usize| (from..to).map(|n| format!("n{n},x\n")).collect::<String>();
    place.write("many/2.csv", format!("id,b\n{}", rows(10_000, 30_000)));
    place.write("many/10.csv", "b,id\nx,first\n");
    place.write("many/1.csv", format!("id,b\n{}", rows(0, 10_000)));
    let registration = place.add(&place.path("many"), &[("loyalty", "id")]).unwrap();
    assert_eq!((registration.snapshot.rows, registration.snapshot.files), (30_001, 3));
    for _ in 0..3 {
        let read = table(&registration, &["id"]);
        assert!(read.iter().enumerate().all(|(at, (row, _))| *row == at as u64 + 1));
        // By bytes: "1.csv" is before "10.csv" is before "2.csv".
        assert_eq!(read[9_999].1, some(&["n9999"]));
        assert_eq!(read[10_000].1, some(&["first"]));
        assert_eq!(read[10_001].1, some(&["n10000"]));
        assert_eq!(read[30_000].1, some(&["n29999"]));
    }
}

#[test]
fn identifiers_in_csv_keep_their_leading_zeros_and_plus_signs() {
    let place = Place::new();
    let path = place.write("a.csv", "tel,age\n0049301234,30\n+8613812345678,31\n13812345678,\n ,x\n");
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    assert_eq!(column(&registration, "tel"), some(&["0049301234", "+8613812345678", "13812345678", " "]));
    let path = place.write("b.csv", "tel,age\n13812345678,30\n13812345679,31\n");
    place.datasets.remove("d").unwrap();
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    assert_eq!(registration.column("tel").unwrap().kind, ColumnType::Text);
    assert_eq!(registration.column("age").unwrap().kind, ColumnType::Integer);
}

#[test]
fn csv_of_every_separator_line_end_and_quoting_is_read_by_names() {
    let place = Place::new();
    for text in [
        "a,b\n1,x\n2,y z\n",
        "b,a\nx,1\n\"y z\",2",
        "a;b\r\n1;x\r\n\r\n2;y z\r\n",
        "a\tb\n1\tx\n2\ty z\n",
        "\u{feff}a|b\r1|x\r2|\"y z\"\r",
    ] {
        let path = place.write("a.csv", text);
        let registration = place.add(&path, &[("loyalty", "a")]).unwrap();
        assert_eq!(column(&registration, "a"), some(&["1", "2"]), "{text:?}");
        assert_eq!(column(&registration, "b"), some(&["x", "y z"]), "{text:?}");
        place.datasets.remove("d").unwrap();
    }
}

#[test]
fn heavy_rows_are_read_in_small_batches_and_none_is_lost() {
    let place = Place::new();
    let mut text = "id,note\n".to_owned();
    for row in 0..300 {
        text.push_str(&format!("n{row},\"{}\r\n{}\"\r\n", "x".repeat(50_000), "\"\"y,\n".repeat(10_000)));
    }
    let path = place.write("a.csv", &text);
    let registration = place.add(&path, &[("loyalty", "id")]).unwrap();
    let batches: Vec<Batch> = read(&registration, &["id", "note"]).unwrap().map(Result::unwrap).collect();
    assert!(batches.len() > 2, "{}", batches.len());
    let rows: Vec<Vec<Option<String>>> = batches.iter().flat_map(|batch| texts(&batch.cells)).collect();
    assert_eq!(rows.len(), 300);
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row[0].as_deref(), Some(format!("n{at}").as_str()));
        assert_eq!(row[1].as_ref().unwrap().len(), 50_000 + 2 + 40_000);
    }
}

#[test]
fn a_table_of_thousands_of_columns_is_read_in_batches_of_few_rows() {
    let place = Place::new();
    let line = |cell: &dyn Fn(usize) -> String| (0..5000).map(cell).collect::<Vec<_>>().join(",") + "\n";
    let mut text = line(&|column| format!("c{column}"));
    for row in 0..300 {
        text.push_str(&line(&|column| if column == 4999 { format!("n{row}") } else { String::new() }));
    }
    let registration = place.add(&place.write("a.csv", &text), &[("loyalty", "c4999")]).unwrap();
    assert_eq!((registration.columns.len(), registration.snapshot.rows), (5000, 300));
    let batches: Vec<Batch> = read(&registration, &["c4999"]).unwrap().map(Result::unwrap).collect();
    assert!(batches.len() > 1);
    assert_eq!(column(&registration, "c4999")[299].as_deref(), Some("n299"));
    let wide =
        format!("{}\n", (0..=csv::MOST_COLUMNS).map(|n| format!("c{n}")).collect::<Vec<_>>().join(","));
    place.datasets.remove("d").unwrap();
    let error = place.add(&place.write("a.csv", wide), &[]).unwrap_err();
    assert!(matches!(error, ScanError::TooManyColumns { .. }), "{error}");
}

#[test]
fn json_cells_of_any_spelling_are_one_text() {
    let place = Place::new();
    let path = place.write(
        "a.ndjson",
        concat!(
            "{\"tel\":\"013812345678\",\"age\":30}\n",
            "\n",
            "{\"age\":31,\"tel\":13812345678,\"deep\":{\"tel\":\"no\"}}\n",
            "{\"tel\":1.38e10,\"age\":null}\r\n",
            "{\"tel\":13812345678.0}\n",
            "{\"tel\":null}\n",
            "{\"tel\":\"\"}\n",
            "{\"t\\u0065l\":\"+86\\u0031\"}\n",
            "{\"tel\":-5,\"tel\":\"last\"}"
        ),
    );
    let registration = place.add(&path, &[("phone", "tel")]).unwrap();
    let expected = ["013812345678", "13812345678", "13800000000", "13812345678", "", "", "+861", "last"];
    assert_eq!(column(&registration, "tel"), some(&expected));
    assert_eq!(column(&registration, "age"), some(&["30", "31", "", "", "", "", "", ""]));
    assert_eq!(registration.column("deep").unwrap().kind, ColumnType::Other);
}

#[test]
fn json_nested_however_deep_is_no_cell() {
    let place = Place::new();
    let deep = format!("{{\"a\":{}1{},\"b\":2}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let registration = place.add(&place.write("a.ndjson", deep), &[]).unwrap();
    assert_eq!(registration.column("a").unwrap().kind, ColumnType::Other);
    assert_eq!(column(&registration, "b"), some(&["2"]));
}

#[test]
fn json_strings_of_digits_are_text_and_numbers_are_numbers() {
    let place = Place::new();
    let path = place
        .write("a.ndjson", "{\"a\":\"1\",\"b\":1,\"c\":\"2024-01-31\",\"d\":1.5,\"e\":true,\"f\":null}\n");
    let registration = place.add(&path, &[]).unwrap();
    let kinds: Vec<ColumnType> = registration.columns.iter().map(|column| column.kind).collect();
    use ColumnType::*;
    assert_eq!(kinds, [Text, Integer, Date, Real, Boolean, Text]);
}

#[test]
fn parquet_numbers_and_dictionaries_are_identifiers_as_text() {
    let place = Place::new();
    let dictionary: crate::engine::arrow::array::DictionaryArray<Int32Type> =
        vec![Some("0138"), None, Some("0138")].into_iter().collect();
    let decimal =
        Decimal128Array::from(vec![Some(13_812_345_678), None, Some(1)]).with_precision_and_scale(20, 0);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i64", Arc::new(Int64Array::from(vec![Some(13_812_345_678), None, Some(-1)]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(1)]))),
        ("i32", Arc::new(Int32Array::from(vec![Some(7), None, Some(8)]))),
        ("f64", Arc::new(Float64Array::from(vec![Some(13_812_345_678.0), None, Some(0.5)]))),
        ("view", Arc::new(StringViewArray::from(vec![Some("+86 1"), None, Some("")]))),
        ("dict", Arc::new(dictionary)),
        ("dec", Arc::new(decimal.unwrap())),
    ];
    let path = parquet(&place.path("a.parquet"), columns);
    let names = ["i64", "u64", "i32", "f64", "view", "dict", "dec"];
    let ids: Vec<(&str, &str)> = names.iter().map(|name| ("loyalty", *name)).collect();
    let registration = place.add(&path, &ids).unwrap();
    let rows: Vec<Vec<Option<String>>> =
        table(&registration, &names).into_iter().map(|(_, row)| row).collect();
    let first = ["13812345678", "18446744073709551615", "7", "13812345678", "+86 1", "0138", "13812345678"];
    assert_eq!(rows[0], some(&first));
    assert_eq!(rows[1], vec![None; 7]);
    assert_eq!(rows[2][3].as_deref(), Some("0.5"));
}

#[test]
fn parquet_files_of_a_directory_may_differ_in_types_and_order() {
    let place = Place::new();
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["3", "x"]));
    parquet(&place.path("d/1.parquet"), vec![("n", ints.clone()), ("id", texts.clone())]);
    parquet(&place.path("d/2.parquet"), vec![("id", ints), ("n", texts)]);
    let registration = place.add(&place.path("d"), &[("loyalty", "id")]).unwrap();
    assert_eq!(column(&registration, "id"), some(&["3", "x", "1", "2"]));
    assert_eq!(column(&registration, "n"), some(&["1", "2", "3", ""]), "x is no number, and so missing");
}

#[test]
fn a_registration_reads_back_as_it_was_written() {
    let place = Place::new();
    let path = place.write("a.csv", "tel;mail;nr;balance\n1;a@b.c;7;1.5\n");
    let added = place
        .add_with(&path, &[("phone", "tel"), ("email", "mail")], |new| {
            let quality = Thresholds { max_age_hours: Some(24), ..Thresholds::default() };
            new.row_id("nr")
                .default_region("CN")
                .unwrap()
                .region("EU")
                .class("balance", "core")
                .unwrap()
                .quality(quality)
                .unwrap()
        })
        .unwrap();
    assert_eq!(place.datasets.show("d").unwrap(), added);
    assert_eq!(place.datasets.list().unwrap(), std::slice::from_ref(&added));
    assert_eq!((added.class("balance"), added.class("tel")), (ColumnClass::Core, ColumnClass::General));
    assert_eq!(added.delimiter, Some(';'));
    let table = serde_json::to_string(&added.columns_table()).unwrap();
    assert!(table.contains("[\"nr\",\"text\",\"general\",\"row id\"]"), "{table}");
    assert!(table.contains("[\"balance\",\"real\",\"core\",null]"), "{table}");
    let table = datasets_table(&[added]);
    assert_eq!(table.rows[0][5], "phone=tel email=mail".into());
}

#[test]
fn a_snapshot_follows_content_and_meaning_and_not_time() {
    let place = Place::new();
    let path = place.write("a.csv", "tel,mail\n1,x\n");
    let first = place.add(&path, &[("phone", "tel")]).unwrap();
    fs::write(&path, "tel,mail\n1,x\n").unwrap();
    let same = place.open().unwrap();
    assert_eq!(first.snapshot_hash(), same.snapshot_hash());
    assert_eq!(table(&same, &["tel"]).len(), 1, "the new file's stamp is known now");
    place.datasets.remove("d").unwrap();
    let other = place.add(&path, &[("phone", "mail")]).unwrap();
    assert_ne!(first.snapshot_hash(), other.snapshot_hash(), "another column names the customers");
}

#[test]
fn a_column_that_changes_its_type_is_read_as_what_it_is_now() {
    let place = Place::new();
    let path = place.write("a.csv", "tel,balance\n1,10\n");
    place.add_with(&path, &[], |new| new.class("balance", "core").unwrap()).unwrap();
    fs::write(&path, "tel,balance,new\n1,10.5,x\n2,7,y\n").unwrap();
    let registration = place.open().unwrap();
    assert_eq!(registration.snapshot.rows, 2);
    assert_eq!(registration.column("balance").unwrap().kind, ColumnType::Real);
    assert_eq!(registration.class("balance"), ColumnClass::Core);
    assert_eq!(registration.columns.len(), 3);
    // A column that goes away and comes back is as secret as before.
    fs::write(&path, "tel\n1\n").unwrap();
    place.open().unwrap();
    fs::write(&path, "tel,balance\n1,2\n").unwrap();
    assert_eq!(place.open().unwrap().class("balance"), ColumnClass::Core);
}
