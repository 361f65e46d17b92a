use serde_json::{Value as Json, json};

use super::*;
use crate::{
    data::{Table, Value},
    report::{Class, Detail, Refusal},
};

fn printed(reply: &Reply, output: Output) -> String {
    let mut bytes = Vec::new();
    Printer::new(output, true).write(reply, &mut bytes).map_err(|_| "unwritable").unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn partners() -> Table {
    let mut table = Table::new(&["partner", "connected", "since"]);
    table.push(["bank".into(), true.into(), Value::Integer(7)]);
    table.push(["insurer".into(), false.into(), Value::Null]);
    table
}

#[test]
fn a_table_has_a_form_for_each_reader() {
    let reply = Reply { table: Some(partners()), ..Reply::default() };
    assert_eq!(
        printed(&reply, Output::Table),
        "─────────────────────────────\n partner   connected   since\n═════════════════════════════\n \
         bank      yes             7\n insurer   no              –\n─────────────────────────────\n"
    );
    assert_eq!(
        printed(&reply, Output::Json),
        "[\n  {\"partner\":\"bank\",\"connected\":true,\"since\":7},\n  \
         {\"partner\":\"insurer\",\"connected\":false,\"since\":null}\n]\n"
    );
    assert_eq!(printed(&reply, Output::Csv), "partner,connected,since\nbank,true,7\ninsurer,false,\n");
}

#[test]
fn a_document_is_what_json_shows_and_its_text_what_people_see() {
    let reply = Reply {
        text: Some("a card\n".into()),
        document: Some(json!({ "name": "brand" })),
        ..Reply::default()
    };
    assert_eq!(printed(&reply, Output::Table), "a card\n");
    assert_eq!(printed(&reply, Output::Json), "{\n  \"name\": \"brand\"\n}\n");
    assert_eq!(printed(&reply, Output::Csv), "", "no rows: nothing a reader of CSV could take for some");
    let bare = Reply { document: reply.document.clone(), ..Reply::default() };
    assert_eq!(printed(&bare, Output::Table), "{\n  \"name\": \"brand\"\n}\n");
}

#[test]
fn people_read_words_where_there_are_some_and_programs_the_table() {
    let reply = Reply { text: Some("bank, connected\n".into()), table: Some(partners()), ..Reply::default() };
    assert_eq!(printed(&reply, Output::Table), "bank, connected\n");
    assert_eq!(serde_json::from_str::<Vec<Json>>(&printed(&reply, Output::Json)).unwrap().len(), 2);
    assert_eq!(printed(&reply, Output::Csv).lines().count(), 3);
    let nothing = Reply { table: Some(Table::new(&["partner"])), ..Reply::default() };
    assert_eq!(printed(&nothing, Output::Table), "", "a heading over nothing tells nobody anything");
    assert_eq!(printed(&nothing, Output::Csv), "partner\n");
}

#[test]
fn json_is_always_a_document() {
    for reply in [Reply::default(), Reply { text: Some("done".into()), ..Reply::default() }] {
        serde_json::from_str::<Json>(&printed(&reply, Output::Json)).unwrap();
    }
}

#[test]
fn text_from_a_partner_cannot_steer_the_terminal() {
    let mut table = Table::new(&["name"]);
    table.push(["evil\u{1b}[1A\u{202e}".into()]);
    let words = Reply { text: Some("terms\u{9b}2J\u{202e}".into()), ..Reply::default() };
    for reply in [Reply { table: Some(table), ..Reply::default() }, words] {
        let text = printed(&reply, Output::Table);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'));
    }
}

#[test]
fn a_long_answer_is_shown_in_part_and_written_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answer.parquet");
    let mut table = Table::new(&["customer"]);
    (0..250).for_each(|row| table.push([Value::Integer(row)]));
    format::write_table(&table, Format::Parquet, &mut File::create(&path).unwrap()).unwrap();
    let reply = Reply { answer: Some(Answer { path, rows: 250 }), ..Reply::default() };

    assert_eq!(printed(&reply, Output::Table).lines().count(), 100 + 4);
    assert_eq!(printed(&reply, Output::Csv).lines().count(), 250 + 1);
    assert_eq!(serde_json::from_str::<Vec<Json>>(&printed(&reply, Output::Json)).unwrap().len(), 250);

    for name in ["matches.csv", "matches.json", "matches.parquet", "matches.arrow"] {
        let out = OutFile::plan_rows(&dir.path().join(name), false).unwrap();
        out.write_answer(reply.answer.as_ref().unwrap()).unwrap();
        assert!(fs::metadata(out.path()).unwrap().len() > 250, "{name}");
    }
    assert_eq!(fs::read_to_string(dir.path().join("matches.csv")).unwrap().lines().count(), 251);
    let left_over = fs::read_dir(dir.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(left_over.count(), 0);
}

#[test]
fn a_file_is_never_replaced_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matches.csv");
    fs::write(&path, "mine").unwrap();
    assert_eq!(OutFile::plan_rows(&path, false).unwrap_err().code(), "E-OUTPUT-EXISTS");
    let forced = OutFile::plan(&path, true).unwrap();
    forced.write_text("new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");

    // It appears while the question is being answered.
    let late = dir.path().join("late.csv");
    let planned = OutFile::plan(&late, false).unwrap();
    fs::write(&late, "mine").unwrap();
    assert_eq!(planned.write_text("new").unwrap_err().code(), "E-OUTPUT-EXISTS");
    assert_eq!(fs::read_to_string(&late).unwrap(), "mine");
}

#[test]
fn a_place_where_nothing_can_be_written_is_refused_beforehand() {
    let dir = tempfile::tempdir().unwrap();
    for (path, code) in [
        (dir.path().join("none/matches.csv"), "E-OUTPUT-UNWRITABLE"),
        (dir.path().to_owned(), "E-OUTPUT-FORMAT"),
        (dir.path().join("matches"), "E-OUTPUT-FORMAT"),
        (dir.path().join("matches.xlsx"), "E-OUTPUT-FORMAT"),
    ] {
        assert_eq!(OutFile::plan_rows(&path, false).unwrap_err().code(), code, "{}", path.display());
    }
    assert_eq!(OutFile::plan(dir.path(), true).unwrap_err().code(), "E-OUTPUT-UNWRITABLE");
}

#[test]
fn an_answer_that_cannot_be_read_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("answer.parquet");
    fs::write(&path, "PAR1 no PAR1").unwrap();
    let out = OutFile::plan_rows(&dir.path().join("matches.csv"), false).unwrap();
    let error = out.write_answer(&Answer { path, rows: 1 }).unwrap_err();
    assert_eq!(error.code(), "E-ANSWER-UNREADABLE");
    assert!(!out.path().exists());
}

#[test]
fn a_refusal_is_words_or_one_object() {
    let report = Report {
        code: "E-POLICY-COLUMN-USE".into(),
        class: Class::Policy,
        message: "bank.accounts.balance may be measured\u{1b}, not grouped by".into(),
        details: vec![Detail::new("allowed", "measure")],
        retry_helps: false,
    };
    assert_eq!(
        refusal(&report, Output::Table),
        "error[E-POLICY-COLUMN-USE]: bank.accounts.balance may be measured\\u{1b}, not grouped by\n  allowed  measure"
    );
    let document: Json = serde_json::from_str(&refusal(&report, Output::Json)).unwrap();
    assert_eq!(document["error"]["code"], "E-POLICY-COLUMN-USE");
    assert_eq!(document["error"]["class"], "policy");
    assert_eq!(document["error"]["details"][0], json!({ "label": "allowed", "text": "measure" }));
    assert_eq!(document["error"]["retry_helps"], false);
}

/// A pipe whose reader has gone.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_is_told_from_a_broken_answer() {
    use super::super::error::Failure;
    let reply = Reply { table: Some(partners()), ..Reply::default() };
    for output in [Output::Table, Output::Json, Output::Csv, Output::Arrow, Output::Parquet] {
        let mut out = Tap::new(BufWriter::new(Gone));
        let written = Printer::new(output, true).write(&reply, &mut out);
        let error = out.settle("standard output", written).unwrap_err();
        assert!(matches!(Failure::from(error), Failure::PipeClosed), "{output:?}");
    }
}
