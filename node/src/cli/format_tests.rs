use crate::engine::arrow::ipc::reader::StreamReader;

use super::*;

fn sample() -> Table {
    let mut table = Table::new(&["name", "rows", "share", "ok", "mixed"]);
    table.push(["a \"b\", c".into(), Value::Integer(3), Value::Integer(1), true.into(), Value::Integer(7)]);
    table.push([Value::Null, Value::Null, Value::Real(0.5), Value::Null, "seven\nlines".into()]);
    table
}

fn written(format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_table(&sample(), format, &mut bytes).unwrap();
    bytes
}

#[test]
fn json_keeps_the_order_of_columns_and_the_kinds_of_values() {
    let text = String::from_utf8(written(Format::Json)).unwrap();
    assert_eq!(
        text,
        "[\n  {\"name\":\"a \\\"b\\\", c\",\"rows\":3,\"share\":1,\"ok\":true,\"mixed\":7},\n  \
         {\"name\":null,\"rows\":null,\"share\":0.5,\"ok\":null,\"mixed\":\"seven\\nlines\"}\n]\n"
    );
}

#[test]
fn csv_quotes_what_needs_it() {
    let text = String::from_utf8(written(Format::Csv)).unwrap();
    assert_eq!(text, "name,rows,share,ok,mixed\n\"a \"\"b\"\", c\",3,1.0,true,7\n,,0.5,,\"seven\nlines\"\n");
}

#[test]
fn a_table_without_rows_still_has_a_shape() {
    let empty = Table::new(&["name", "rows"]);
    let text = |format| {
        let mut bytes = Vec::new();
        write_table(&empty, format, &mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    assert_eq!(text(Format::Csv), "name,rows\n");
    assert_eq!(serde_json::from_str::<Vec<()>>(&text(Format::Json)).unwrap(), []);
}

#[test]
fn arrow_reads_back() {
    let bytes = written(Format::Arrow);
    let mut reader = StreamReader::try_new(&bytes[..], None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    let kinds: Vec<&DataType> = batch.schema_ref().fields().iter().map(|field| field.data_type()).collect();
    assert_eq!(
        kinds,
        [&DataType::Utf8, &DataType::Int64, &DataType::Float64, &DataType::Boolean, &DataType::Utf8]
    );
    assert_eq!(batch.num_rows(), 2);
    assert!(reader.next().is_none());
}

#[test]
fn an_answer_is_converted_without_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answer.parquet");
    std::fs::write(&path, written(Format::Parquet)).unwrap();
    let convert = |format| {
        let mut bytes = Vec::new();
        write_answer(&path, format, &mut bytes).unwrap();
        bytes
    };
    assert_eq!(convert(Format::Csv), written(Format::Csv));
    assert_eq!(convert(Format::Arrow), written(Format::Arrow));
    assert_eq!(convert(Format::Parquet), std::fs::read(&path).unwrap());
    let rows: serde_json::Value = serde_json::from_slice(&convert(Format::Json)).unwrap();
    assert_eq!(rows[1]["name"], serde_json::Value::Null);
    assert_eq!(rows[1]["mixed"], "seven\nlines");

    let Grid { columns, rows, numbers } = first_rows(&path, 1).unwrap();
    assert_eq!(columns, sample().columns);
    assert_eq!(rows.len(), 1);
    assert_eq!(numbers, [false, true, true, false, false]);
}

#[test]
fn an_answer_that_was_cut_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answer.parquet");
    let whole = written(Format::Parquet);
    std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    assert!(matches!(write_answer(&path, Format::Csv, &mut Vec::new()), Err(AnswerError::Read(_))));
}

#[test]
fn the_ending_of_a_file_names_the_format() {
    for (name, format) in [
        ("a.csv", Format::Csv),
        ("a.CSV", Format::Csv),
        ("a.b.json", Format::Json),
        ("a.parquet", Format::Parquet),
        ("a.arrow", Format::Arrow),
    ] {
        assert_eq!(Format::of_file(Path::new(name)).unwrap(), format);
    }
    for name in ["a", "a.txt", "csv", ".csv"] {
        assert!(Format::of_file(Path::new(name)).is_err(), "{name}");
    }
}
