use crate::engine::arrow::array::{BooleanArray, Int64Array, ListArray, StringArray};

use super::*;
use crate::report::Refusal;

/// Tries to register a file; the error must have this code, hold these words and none of the cells.
fn refused(name: &str, content: impl AsRef<[u8]>, ids: &[(&str, &str)], code: &str, words: &[&str]) {
    let place = Place::new();
    let path = place.write(name, content);
    check(place.add(&path, ids).unwrap_err(), code, words);
    assert!(place.datasets.list().unwrap().is_empty(), "nothing is registered");
}

fn check(error: ScanError, code: &str, words: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    let shown = shown(error);
    for word in words {
        assert!(shown.contains(word), "{word:?} is not in {shown}");
    }
    assert!(!shown.to_lowercase().contains("secret"), "a cell in {shown}");
}

#[test]
fn a_missing_column_is_named_with_close_ones() {
    refused(
        "a.csv",
        "name,Mobile\nsecret,1\n",
        &[("phone", "mobile")],
        "E-DATA-COLUMN",
        &["`mobile`", "Mobile"],
    );
    refused("a.ndjson", "{\"tel\":\"secret\"}\n", &[("phone", "mobile")], "E-DATA-COLUMN", &["`mobile`"]);
    let place = Place::new();
    let path = parquet(&place.path("a.parquet"), vec![("tel", Arc::new(StringArray::from(vec!["secret"])))]);
    check(place.add(&path, &[("phone", "tell")]).unwrap_err(), "E-DATA-COLUMN", &["`tell`", "tel"]);
    let path = place.write("b.csv", "a\nsecret\n");
    let error = place.add_with(&path, &[], |new| new.row_id("b")).unwrap_err();
    check(error, "E-DATA-COLUMN", &["`b`"]);
}

#[test]
fn text_that_is_not_utf8_is_named_by_file_byte_and_line() {
    refused(
        "a.csv",
        b"name\nsecret\n\xd5\xc5secret\n",
        &[],
        "E-DATA-ENCODING",
        &["a.csv", "byte 12", "line 3", "iconv"],
    );
    refused("h.csv", b"\xd5\xc5,b\n1,2\n", &[], "E-DATA-ENCODING", &["byte 0", "line 1"]);
    let mut deep = b"name,other\n".to_vec();
    for _ in 0..100_000 {
        deep.extend_from_slice(b"secret,1\n");
    }
    let at = deep.len();
    deep.extend_from_slice(b"\xff,1\n");
    refused("deep.csv", &deep, &[], "E-DATA-ENCODING", &[&format!("byte {at}"), "line 100002"]);
    refused(
        "a.ndjson",
        b"{\"a\":1}\n{\"a\":\"\xd5secret\"}\n",
        &[],
        "E-DATA-ENCODING",
        &["byte 14", "line 2"],
    );
}

#[test]
fn an_empty_file_is_refused_and_a_lone_header_is_a_table_without_rows() {
    for nothing in ["", "\n", "\n\r\n\n", "\u{feff}", "\u{feff}\r\n"] {
        refused("a.csv", nothing, &[], "E-DATA-EMPTY", &["a.csv"]);
    }
    refused("a.ndjson", "", &[], "E-DATA-EMPTY", &[]);
    let place = Place::new();
    for header in ["tel,mail\n", "tel,mail", "\u{feff}tel,mail\r\n", "\"tel\",\"mail\"\n"] {
        let path = place.write("only.csv", header);
        let registration = place.add(&path, &[("phone", "tel")]).unwrap();
        assert_eq!((registration.snapshot.rows, registration.columns.len()), (0, 2), "{header:?}");
        assert!(table(&registration, &["tel"]).is_empty());
        place.datasets.remove("d").unwrap();
    }
}

#[test]
fn a_compressed_file_is_named_as_such_and_not_passed_over() {
    let gzipped = b"\x1f\x8b\x08\0";
    refused("a.csv.gz", gzipped, &[], "E-DATA-FORMAT", &["compressed", "gunzip"]);
    let place = Place::new();
    place.write("all/a.csv", "tel\n1\n");
    place.write("all/b.csv.gz", gzipped);
    check(place.add(&place.path("all"), &[]).unwrap_err(), "E-DATA-FORMAT", &["b.csv.gz", "gunzip"]);
}

#[test]
fn a_header_with_a_name_twice_or_without_one_is_refused() {
    refused("a.csv", "tel,mail,tel\n1,2,3\n", &[], "E-DATA-HEADER", &["`tel`", "columns 1 and 3"]);
    refused("a.csv", "tel,,mail\n1,2,3\n", &[], "E-DATA-HEADER", &["column 2"]);
    refused("a.csv", "tel,\x1b[31msecret\n1,2\n", &[], "E-DATA-HEADER", &["control character", "column 2"]);
    refused("a.ndjson", "{\"\\u001b[31msecret\":1}\n", &[], "E-DATA-HEADER", &["column 1"]);
}

#[test]
fn a_file_without_a_header_does_not_put_its_first_customer_into_messages() {
    refused("a.csv", "secret,+86 138 1234 5678\nx,y\n", &[("phone", "tel")], "E-DATA-HEADER", &["column 2"]);
    refused("a.csv", "7,secret@example.com\n8,y\n", &[("phone", "tel")], "E-DATA-HEADER", &["first line"]);
    let place = Place::new();
    place.add(&place.write("a.csv", "2024-01-31,sum_2024_2025_2026\n1,2\n"), &[]).unwrap();
}

#[test]
fn a_ragged_line_is_named_by_its_number() {
    refused("a.csv", "a,b\n1,2\nsecret\n", &[], "E-DATA-LINE", &["line 3", "1 fields", "has 2"]);
    refused("a.csv", "a,b\n1,2\n1,secret,3\n", &[], "E-DATA-LINE", &["line 3", "3 fields"]);
    refused("a.csv", "a,b\n1,\"x\ny\"\nsecret,2,3\n", &[], "E-DATA-LINE", &["line 4", "3 fields"]);
}

#[test]
fn a_quote_that_is_never_closed_is_named_and_does_not_fill_memory() {
    let mut content = "a,b\n1,\"secret\n".to_owned();
    while content.len() < 3 * csv::LONGEST_RECORD {
        content.push_str("1,2 and more of the same\n");
    }
    refused("a.csv", &content, &[], "E-DATA-LINE", &["line 2", "quote"]);
    // The limit is kept to within a chunk.
    let long = format!("a,b\n1,{}\n", "secret".repeat(csv::LONGEST_RECORD / 5));
    refused("a.csv", long, &[], "E-DATA-LINE", &["line 2", "longer"]);
}

#[test]
fn a_quote_that_is_open_at_the_end_of_a_small_file_swallows_nothing_in_silence() {
    let last =
        ["tel,name\n1,\"secret\n2,x\n3,y\n", "tel;name\n1;\"secret\n2;x", "tel,name\n1,\"", "tel\n\"\n"];
    for content in last {
        refused("a.csv", content, &[("phone", "tel")], "E-DATA-LINE", &["line 2", "quote"]);
    }
    refused("a.csv", "tel,name\n1,x\n2,\"a\"\"secret\n", &[], "E-DATA-LINE", &["line 3", "quote"]);
    refused("a.csv", "\"abc\n", &[], "E-DATA-LINE", &["line 1", "quote"]);
    refused("a.csv", "tel,\"abc\n1,2\n", &[], "E-DATA-LINE", &["line 1", "quote"]);

    let place = Place::new();
    for whole in ["tel,name\n1,\"x\ny\"", "tel,name\n1,\"x\"\"\"\r\n", "tel,name\n1,x\"\r", "tel,name\n1,"] {
        let registration = place.add(&place.write("a.csv", whole), &[]).unwrap();
        assert_eq!((registration.snapshot.rows, table(&registration, &["name"]).len()), (1, 1), "{whole:?}");
        place.datasets.remove("d").unwrap();
    }
}

#[test]
fn what_is_not_one_json_object_a_line_is_named_by_its_line() {
    refused("a.ndjson", "{\"a\":1}\n\"secret\"\n", &[], "E-DATA-JSON", &["line 2", "not a JSON object"]);
    refused("a.ndjson", "{\"a\":\"secret\n", &[], "E-DATA-JSON", &["line 1"]);
    refused("a.ndjson", "{\"a\":\"secret\",\n\"b\":1}\n", &[], "E-DATA-JSON", &["line 1", "cut off"]);
    refused("a.ndjson", "{\"a\":secret}\n", &[], "E-DATA-JSON", &["line 1", "not valid"]);
    refused("a.ndjson", "{\"a\":1} {\"a\":2}\n", &[], "E-DATA-JSON", &["line 1"]);
    refused("a.json", "[{\"a\":1}]\n", &[], "E-DATA-FORMAT", &["JSON array", "jq"]);
    let long = format!("{{\"a\":\"{}\"}}\n", "secret".repeat(csv::LONGEST_RECORD / 6 + 1));
    refused("a.ndjson", long, &[], "E-DATA-LINE", &["line 1"]);
}

#[test]
fn a_damaged_parquet_file_is_an_error_wherever_it_is_cut_or_changed() {
    let place = Place::new();
    let numbers: Vec<String> = (0..5000).map(|n| format!("secret{}", n * 7919 % 5003)).collect();
    let path = parquet(&place.path("a.parquet"), vec![("tel", Arc::new(StringArray::from(numbers)))]);
    let whole = fs::read(&path).unwrap();
    for cut in (8..whole.len()).step_by(whole.len() / 40) {
        fs::write(&path, &whole[..cut]).unwrap();
        check(place.add(&path, &[("phone", "tel")]).unwrap_err(), "E-DATA-DAMAGED", &["a.parquet"]);
    }
    // A changed bit may also be read as another value, or another name; it must never be a crash.
    for at in (4..whole.len()).step_by(whole.len() / 200) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&path, &bytes).unwrap();
        match place.add(&path, &[("phone", "tel")]) {
            Ok(_) => place.datasets.remove("d").unwrap(),
            Err(error) => assert!(!shown(error).contains("secret")),
        }
    }
}

#[test]
fn an_identifier_column_must_be_text_or_whole_numbers() {
    let place = Place::new();
    let list = ListArray::from_iter_primitive::<crate::engine::arrow::datatypes::Int32Type, _, _>(vec![
        Some(vec![Some(1)]),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("flag", Arc::new(BooleanArray::from(vec![true]))),
        ("list", Arc::new(list)),
        ("n", Arc::new(Int64Array::from(vec![1]))),
    ];
    let path = parquet(&place.path("a.parquet"), columns);
    for (column, found) in [("flag", "boolean"), ("list", "a list")] {
        check(place.add(&path, &[("phone", column)]).unwrap_err(), "E-DATA-ID-TYPE", &[column, found]);
    }
    place.add(&path, &[("phone", "n")]).unwrap();
    let nested = "{\"tel\":[\"secret\"]}\n";
    refused("a.ndjson", nested, &[("phone", "tel")], "E-DATA-ID-TYPE", &["`tel`"]);
}

#[test]
fn names_are_checked_and_taken_once() {
    let place = Place::new();
    let path = place.write("a.csv", "a\n1\n");
    for name in ["", "A", "a-b", "1a", "a.b", "../a", "ä", &"a".repeat(64)] {
        let error = place.datasets.add(NewDataset::new(name, &path), Timestamp::now(), &mut |_| true);
        assert_eq!(error.unwrap_err().code(), "E-DATASET-NAME", "{name:?}");
    }
    place.add(&path, &[]).unwrap();
    check(place.add(&path, &[]).unwrap_err(), "E-DATASET-EXISTS", &["tacit dataset remove d"]);
    check(place.datasets.show("dd").unwrap_err(), "E-DATASET-UNKNOWN", &["close", "d"]);
    check(place.datasets.remove("../d").unwrap_err(), "E-DATASET-UNKNOWN", &[]);
    place.datasets.remove("d").unwrap();
    assert!(path.exists());
    check(place.datasets.show("d").unwrap_err(), "E-DATASET-UNKNOWN", &[]);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let new = || NewDataset::new("d", Path::new("x.csv"));
    assert_eq!(new().format("xlsx").unwrap_err().code(), "E-DATASET-SETTING");
    assert_eq!(new().id("Phone", "tel").unwrap_err().code(), "E-DATASET-SETTING");
    assert_eq!(new().id("phone", "a").unwrap().id("phone", "a").unwrap_err().code(), "E-DATASET-SETTING");
    assert_eq!(new().default_region("China").unwrap_err().code(), "E-DATASET-SETTING");
    assert_eq!(new().class("a", "secret").unwrap_err().code(), "E-DATASET-SETTING");
    for share in [-0.1, 1.1, f64::NAN] {
        let quality = Thresholds { max_missing: share, ..Thresholds::default() };
        assert_eq!(new().quality(quality).unwrap_err().code(), "E-DATASET-SETTING");
    }
    let place = Place::new();
    let path = place.write("a.csv", "balance\n1\n");
    let error = place.add_with(&path, &[], |new| new.class("balanse", "core").unwrap()).unwrap_err();
    check(error, "E-DATA-COLUMN", &["balance"]);
}

#[test]
fn a_registration_with_a_key_that_nobody_knows_is_refused_by_its_line() {
    let place = Place::new();
    let path = place.write("a.csv", "a\n1\n");
    place.add(&path, &[]).unwrap();
    let file = place.path("home/datasets/d.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("format =", "clas = \"core\"\nformat =")).unwrap();
    check(place.datasets.show("d").unwrap_err(), "E-DATASET-SETTING", &["d.toml", "line"]);
    fs::write(&file, text.replace("name = \"d\"", "name = \"e\"")).unwrap();
    check(place.datasets.show("d").unwrap_err(), "E-DATASET-SETTING", &[]);
}

#[test]
fn files_that_change_between_or_under_two_readings_are_noticed() {
    let place = Place::new();
    let path = place.write("a.csv", "tel\n1\n2\n");
    let old = place.add(&path, &[("phone", "tel")]).unwrap();
    fs::write(&path, "tel\n1\n3\n").unwrap();
    let error = read(&old, &["tel"]).map(|_| ()).unwrap_err();
    assert!(error.retry_helps());
    check(error, "E-DATA-CHANGED", &[]);
    let new = place.open().unwrap();
    assert_ne!(old.snapshot_hash(), new.snapshot_hash());
    assert_eq!(table(&new, &["tel"]).len(), 2);

    let mut large = "tel\n".to_owned();
    for row in 0..100_000 {
        large.push_str(&format!("{row}\n"));
    }
    fs::write(&path, &large).unwrap();
    let registration = place.open().unwrap();
    let mut rows = read(&registration, &["tel"]).unwrap();
    rows.next().unwrap().unwrap();
    fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(large.len() as u64 - 2).unwrap();
    let last = rows.find_map(Result::err).expect("the change is noticed");
    check(last, "E-DATA-CHANGED", &[]);
}

#[test]
fn a_reading_that_is_not_wanted_any_more_stops() {
    let place = Place::new();
    let path = place.write("a.csv", "tel\n1\n2\n");
    let new = NewDataset::new("d", &path);
    let error = place.datasets.add(new, Timestamp::now(), &mut |_| false).unwrap_err();
    check(error, "E-DATA-STOPPED", &[]);
}

proptest::proptest! {
    /// Whatever stands in a file: a dataset or an error, never a panic.
    #[test]
    fn any_bytes_are_a_dataset_or_an_error(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..200),
        start in proptest::sample::select(vec!["", "a,b\n", "{\"a\":", "PAR1", "\u{feff}a\n"]),
        name in proptest::sample::select(vec!["a.csv", "a.ndjson", "a.parquet"]),
    ) {
        let place = Place::new();
        let path = place.write(name, [start.as_bytes(), &bytes].concat());
        if let Ok(registration) = place.add(&path, &[]) {
            let columns: Vec<&str> = registration.columns.iter().map(|column| column.name.as_str()).collect();
            let rows = read(&registration, &columns).unwrap().map(|batch| batch.unwrap().cells.num_rows() as u64);
            proptest::prop_assert_eq!(rows.sum::<u64>(), registration.snapshot.rows);
        }
    }
}
