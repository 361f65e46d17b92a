//! The story of the interface, by hand: two organisations, from nothing to the first answer.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use datafusion::prelude::{ParquetReadOptions, SessionContext};
use ring::digest::{SHA256, digest};
use serde_json::Value;
use tacit_tests::{
    Ran, World, finish,
    pair::{Pair, QUESTION, customers, maternal, replaced},
    sample,
};

use crate::{TACIT, plain::Pooled};

fn expected() -> Value {
    serde_json::from_slice(&fs::read(sample("expected.json")).unwrap()).unwrap()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The customers of an answer as printed: each with its other rows.
fn rows_of(answer: &Ran) -> Vec<Vec<String>> {
    let rows = answer.json();
    let row = |row: &Value| {
        let mut ids = vec![row["customer"].as_str().unwrap().to_owned()];
        ids.extend(row["also"].as_str().into_iter().flat_map(str::split_whitespace).map(str::to_owned));
        ids
    };
    rows.as_array().unwrap().iter().map(row).collect()
}

fn sorted(customers: Vec<Vec<String>>) -> BTreeSet<BTreeSet<String>> {
    let count = customers.len();
    let sorted: BTreeSet<BTreeSet<String>> =
        customers.into_iter().map(|rows| rows.into_iter().collect()).collect();
    assert_eq!(sorted.len(), count, "a customer counts twice");
    sorted
}

/// As the example's own program hashes the ids of an answer.
fn ids_sha256(customers: &BTreeSet<BTreeSet<String>>) -> String {
    let ids: BTreeSet<&String> = customers.iter().flatten().collect();
    let text: String = ids.into_iter().map(|id| format!("{id}\n")).collect();
    hex(digest(&SHA256, text.as_bytes()))
}

fn register_sample(world: &World) {
    let path = |name: &str| sample(name).to_string_lossy().into_owned();
    world.register(
        "brand",
        "customers",
        &path("customers.parquet"),
        &["phone=mobile", "email=mail"],
        "customer_id",
    );
    world.register("bank", "accounts", &path("accounts.csv"), &["phone=tel", "email=email"], "account_id");
}

/// Finds what the linter says of a column.
fn finding(lint: &Value, column: &str, finding: &str) -> u64 {
    let rows = lint.as_array().unwrap();
    let found = rows.iter().find(|row| row["column"] == column && row["finding"] == finding);
    found.map_or(0, |row| row["rows"].as_u64().unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The words to compare over the phone, from a line that tells them.
fn words(ran: &Ran) -> String {
    let line = ran.err.lines().find(|line| line.contains("over the phone")).expect("words to compare");
    let words = line.rsplit(": ").next().unwrap().trim().to_owned();
    assert_eq!(words.split_whitespace().count(), 12, "{words}");
    words
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_whole_onboarding_by_hand_gives_the_plain_joins_answer() {
    let world = World::new(TACIT);
    // 1 a home, closed to others
    world.init("brand");
    world.init("bank");
    assert_eq!(mode(&world.path("brand")), 0o700);
    for key in ["signing.key", "tls.key"] {
        assert_eq!(mode(&world.path("brand/keys").join(key)), 0o600, "{key}");
    }
    // 2 and 3: cards, and the same words at both ends
    for (owner, reader) in [("brand", "bank"), ("bank", "brand")] {
        let card = world.tacit(owner, &["card"]).ok();
        let file = world.write(&format!("{owner}.card"), &card.out);
        let added = world.tacit(reader, &["partner", "add", &file]).ok();
        assert!(added.out.contains(&words(&card)) && added.err.contains("over the phone"), "{added:?}");
    }
    // 4 data, and a look at its identifiers
    register_sample(&world);
    let expected = expected();
    // 6 before 5, so that the contract goes over the link
    let _nodes = [world.serve("brand"), world.serve("bank")];
    // 5 contract
    let contract = world.propose("brand", &maternal(true));
    let early = world.tacit("brand", &["query", QUESTION]).refused(3, "E-POLICY-NOT-SIGNED");
    assert!(early.err.contains("bank"), "{}", early.err);
    let shown = world.tacit("bank", &["contract", "show", &contract[..8]]).ok();
    for sentence in ["A filter on credit_tier tells brand the credit_tier of every match", "proposed"] {
        assert!(shown.out.contains(sentence), "{}", shown.out);
    }
    world.tacit("bank", &["contract", "accept", &contract[..8]]).ok();
    world.until("both signatures", || world.contract_state("brand", &contract) == "in force");
    for (home, dataset) in [("brand", "customers"), ("bank", "accounts")] {
        let lint = world.tacit(home, &["id", "lint", dataset, "-o", "json"]).ok().json();
        for (name, counts) in expected["identifiers"].as_object().unwrap() {
            let Some(column) = name.strip_prefix(&format!("{dataset}.")) else { continue };
            let plain = finding(&lint, column, "valid");
            let hashed =
                ["hashed-hex", "hashed-base64"].map(|hash| finding(&lint, column, hash)).iter().sum::<u64>();
            // The example's own program takes `00` before a number for a slip; where no number of the region
            // begins so, the node takes it for what it means nearly everywhere.
            let valid =
                counts["valid"].as_u64().unwrap() + counts["malformed_by_00_prefix"].as_u64().unwrap();
            assert_eq!(plain - hashed, valid, "{name}");
            assert_eq!(Value::from(finding(&lint, column, "empty")), counts["empty"], "{name}");
            assert_eq!(
                Value::from(finding(&lint, column, "double-hashed")),
                counts["hashed_twice"],
                "{name}"
            );
        }
    }
    // 7 explain asks nobody anything
    let before = world.records("bank").len();
    let explained = world.tacit("brand", &["explain", QUESTION]).ok();
    for promise in ["tells brand the credit_tier of every match", "approve at bank", "KiB", "seconds"] {
        assert!(explained.out.contains(promise), "{promise}: {}", explained.out);
    }
    assert!(!explained.out.contains("What the partner is sent\n  SELECT customer FROM \"maternal\""));
    assert_eq!(world.records("bank").len(), before);
    // and the question itself, which a person at the bank approves
    let asking = world.start("brand", &["query", QUESTION, "-o", "json"]);
    let approval = world.pending("bank");
    let list = world.tacit("bank", &["approvals", "list", "-o", "json"]).ok().out;
    assert!(list.contains("tells brand the credit_tier") && !list.contains("maternal'"), "{list}");
    world.tacit("bank", &["approvals", "approve", &approval, "--by", "Lin, compliance"]).ok();
    let answer = finish(asking).ok();

    let pooled = Pooled::sample().await;
    let plain = pooled.matches(&["phone", "mail"], "b.category = 'maternal'", "k.credit_tier = 'A'").await;
    assert_eq!(plain.len(), 216);
    assert_eq!(sorted(rows_of(&answer)), sorted(plain));

    // 8 look back
    let (ours, theirs) = (world.records("brand"), world.records("bank"));
    let last = |records: &[Value], kind: &str| {
        records.iter().rfind(|record| record["kind"] == kind).unwrap_or_else(|| panic!("no {kind}")).clone()
    };
    for kind in ["reserve", "spend", "answer"] {
        let (here, there) = (last(&ours, kind), last(&theirs, kind));
        assert_eq!((&here["query"], &here["contract"]), (&there["query"], &there["contract"]), "{kind}");
        assert_eq!(here["contract"].as_str().unwrap(), contract);
        assert!(here["seq"].as_u64() > Some(0));
    }
    let approved = last(&theirs, "approval");
    assert_eq!((&approved["what"], &approved["body"]["by"]), (&"approved".into(), &"Lin, compliance".into()));
    let (here, there) =
        (&last(&ours, "answer")["body"]["outcome"], &last(&theirs, "answer")["body"]["outcome"]);
    assert_eq!(here["transcript"], there["transcript"]);
    assert_eq!((&here["own_size"], &here["partner_size"]), (&there["partner_size"], &there["own_size"]));
    // The sizes that crossed are padded: more than the identifiers that took part.
    let items = pooled_items(&pooled).await;
    assert!(here["own_size"].as_u64().unwrap() >= items, "{here} against {items}");
    // What the bank keeps says nothing of who matched, or how many.
    assert!(!theirs.iter().any(|record| says(record, 216)), "{theirs:?}");
}

/// Whether a figure stands in a record, as a number or as a word of a text; digits within a hash or a time are none.
fn says(value: &Value, figure: u64) -> bool {
    match value {
        Value::Number(number) => number.as_u64() == Some(figure),
        Value::String(text) => text.split_whitespace().any(|word| word == figure.to_string()),
        Value::Array(list) => list.iter().any(|value| says(value, figure)),
        Value::Object(fields) => fields.values().any(|value| says(value, figure)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Identifiers of the brand's maternal customers that consented: what it brings without padding.
async fn pooled_items(pooled: &Pooled) -> u64 {
    pooled.identifiers("b.consent = 'true' AND b.category = 'maternal'").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_filter_of_the_sample_gives_the_plain_joins_answer() {
    let world = World::new(TACIT);
    world.befriended();
    register_sample(&world);
    let pair = Pair::agreed(world, &maternal(false));
    let pooled = Pooled::sample().await;
    let expected = expected();
    let reveals = expected["reveals"].as_array().unwrap();
    assert_eq!(reveals.len(), 7);
    for reveal in reveals {
        let filters = |name: &str, table: &str, alias: &str| {
            let filters = reveal[name].as_object().unwrap().iter();
            let one = |prefix: &str, column: &str, value: &Value| {
                format!("{prefix}.{column} = '{}'", value.as_str().unwrap())
            };
            filters.map(|(column, value)| (one(table, column, value), one(alias, column, value))).unzip()
        };
        let (ours, plain_ours): (Vec<String>, Vec<String>) = filters("brand_filter", "brand.customers", "b");
        let (theirs, plain_theirs): (Vec<String>, Vec<String>) = filters("bank_filter", "bank.accounts", "k");
        let conditions = [ours, theirs].concat().join(" AND ");
        let mut sql = "SELECT customer FROM brand.customers JOIN bank.accounts USING (customer)".to_owned();
        if !conditions.is_empty() {
            sql.push_str(&format!(" WHERE {conditions}"));
        }
        let answer = sorted(rows_of(&pair.brand(&["query", &sql, "-o", "json"]).ok()));
        let all = |conditions: Vec<String>| {
            if conditions.is_empty() { "true".into() } else { conditions.join(" AND ") }
        };
        let plain = pooled.matches(&["phone", "mail"], &all(plain_ours), &all(plain_theirs)).await;
        assert_eq!(answer, sorted(plain), "{sql}");
        assert_eq!(Value::from(answer.len()), reveal["customers"], "{sql}");
        assert_eq!(Value::from(answer.iter().flatten().count()), reveal["rows"], "{sql}");
        assert_eq!(ids_sha256(&answer), reveal["ids_sha256"].as_str().unwrap(), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn by_telephone_alone_and_by_address_alone() {
    let pooled = Pooled::sample().await;
    for (key, column) in [("phone", "phone"), ("email", "mail")] {
        let world = World::new(TACIT);
        world.befriended();
        register_sample(&world);
        let keys = format!("keys           = [\"{key}\"]  ");
        let contract =
            tacit_tests::pair::replaced(&maternal(false), r#"keys           = ["phone", "email"]"#, &keys);
        let pair = Pair::agreed(world, &contract);
        let answer = pair.brand(&["query", QUESTION, "-o", "json"]).ok();
        assert!(answer.json().as_array().unwrap().iter().all(|row| row["matched_by"] == key));
        let plain = pooled.matches(&[column], "b.category = 'maternal'", "k.credit_tier = 'A'").await;
        assert!(plain.len() > 100 && plain.len() < 216, "{}", plain.len());
        assert_eq!(sorted(rows_of(&answer)), sorted(plain), "{key}");
    }
}

async fn read_parquet(path: &Path) -> usize {
    let context = SessionContext::new();
    let frame = context.read_parquet(path.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    frame.count().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_comes_in_every_form() {
    let pair = Pair::new(TACIT);
    let csv = pair.brand(&["query", QUESTION, "-o", "csv"]).ok();
    let lines: Vec<&str> = csv.out.lines().collect();
    assert_eq!(lines[0], "customer,matched_by,also,mobile,mail");
    assert_eq!(lines[1], "C1,phone,,+1 212 555 0101,ada@example.org");
    assert_eq!(lines[3], "C3,email,,,Cleo@Example.org");
    assert_eq!(lines.len(), 4);
    assert!(csv.err.contains("3 of our customers match"), "{}", csv.err);
    let json = pair.brand(&["query", QUESTION, "-o", "json"]).ok();
    assert_eq!(customers(&json), ["C1", "C2", "C3"]);
    let table = pair.brand(&["query", QUESTION]).ok();
    assert!(table.out.contains("C1") && table.out.contains("matched_by"), "{}", table.out);
    assert!(table.err.contains("3 rows"), "{}", table.err);

    let out = |name: &str| pair.world.path(name).to_string_lossy().into_owned();
    for name in ["a.csv", "a.parquet", "a.json", "a.arrow"] {
        let ran = pair.brand(&["query", QUESTION, "--out", &out(name)]).ok();
        assert_eq!(ran.out, "", "{name}");
        assert!(ran.err.contains("3 rows written to"), "{}", ran.err);
    }
    assert_eq!(fs::read_to_string(out("a.csv")).unwrap(), csv.out);
    let json_file: Value = serde_json::from_slice(&fs::read(out("a.json")).unwrap()).unwrap();
    assert_eq!(json_file, json.json());
    assert_eq!(read_parquet(&pair.world.path("a.parquet")).await, 3);
    assert!(fs::read(out("a.arrow")).unwrap().len() > 100);

    // A file that is there, or of no known form, is refused before anything is asked.
    let before = pair.world.records("bank").len();
    pair.brand(&["query", QUESTION, "--out", &out("a.csv")]).refused(2, "E-OUTPUT-EXISTS");
    pair.brand(&["query", QUESTION, "--out", &out("a.docx")]).refused(2, "E-OUTPUT-FORMAT");
    pair.brand(&["query", QUESTION, "--out", &out("missing/a.csv")]).refused(1, "E-OUTPUT-UNWRITABLE");
    assert_eq!(pair.world.records("bank").len(), before);
    pair.brand(&["query", QUESTION, "--out", &out("a.csv"), "--force"]).ok();

    // What the home keeps of an answer is the owner's alone.
    let kept: Vec<_> = fs::read_dir(pair.world.path("brand/answers")).unwrap().flatten().collect();
    assert!(!kept.is_empty());
    for file in kept {
        assert_eq!(mode(&file.path()), 0o600, "{:?}", file.path());
        assert_eq!(file.path().extension().unwrap(), "parquet");
    }
}

#[test]
fn own_columns_stand_in_the_answer_under_the_names_that_were_asked_for() {
    let pair = Pair::new(TACIT);
    let asked = |list: &str| {
        let sql = format!(
            "SELECT {list} FROM brand.customers JOIN bank.accounts USING (customer) \
             WHERE brand.customers.category = 'maternal' AND bank.accounts.credit_tier = 'A'"
        );
        pair.brand(&["query", &sql, "-o", "csv"]).ok().out
    };
    let plain = asked("customer, brand.customers.education, brand.customers.spend");
    assert_eq!(plain.lines().next(), Some("customer,matched_by,also,education,spend"));
    assert_eq!(plain.lines().nth(2), Some("C2,phone,,university,20"));
    // The short name of a column is enough where only one table has it.
    assert_eq!(asked("customer, education, spend"), plain);
    let named = asked("customer AS who, brand.customers.education AS school, spend AS euros");
    assert_eq!(named.lines().next(), Some("who,matched_by,also,school,euros"));
    assert_eq!(named.lines().skip(1).collect::<Vec<_>>(), plain.lines().skip(1).collect::<Vec<_>>());
    // A column of the bank is no column of the brand's answer, whatever it is called.
    let sql = "SELECT customer, bank.accounts.credit_tier AS tier FROM brand.customers JOIN bank.accounts USING (customer)";
    pair.brand(&["query", sql]).refused(3, "E-POLICY-REVEAL-COLUMNS");
}

#[test]
fn a_question_comes_from_the_command_line_a_file_or_standard_input() {
    let pair = Pair::new(TACIT);
    let file = pair.world.write("question.sql", QUESTION);
    assert_eq!(customers(&pair.brand(&["query", "-f", &file, "-o", "json"]).ok()), ["C1", "C2", "C3"]);
    pair.brand(&["query"]).refused(2, "Usage");
    pair.brand(&["query", ""]).refused(2, "E-USAGE");
    // A purpose that is the contract's own may be said aloud.
    let said = pair.brand(&[
        "query",
        QUESTION,
        "--purpose",
        "joint-marketing",
        "--contract",
        "maternal-offers",
        "-o",
        "json",
    ]);
    assert_eq!(customers(&said.ok()), ["C1", "C2", "C3"]);
}

#[test]
fn a_program_gets_events_and_data_apart() {
    let pair = Pair::new(TACIT);
    let ran = pair.brand(&["query", QUESTION, "-o", "json", "--progress", "json"]).ok();
    assert_eq!(customers(&ran), ["C1", "C2", "C3"]);
    let events: Vec<Value> = ran.err.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let stages: Vec<&str> = events.iter().filter_map(|event| event["stage"].as_str()).collect();
    assert!(stages.contains(&"intersect") && stages.contains(&"write answer"), "{}", ran.err);
    let progress = events.iter().rfind(|event| event["event"] == "progress").expect("progress");
    assert_eq!(progress["done"], progress["total"]);
    let quiet = pair.brand(&["query", QUESTION, "-o", "csv", "-q"]).ok();
    assert_eq!(quiet.err, "");
}

#[test]
fn answers_go_when_they_are_as_old_as_the_operator_says() {
    let pair = Pair::new(TACIT);
    pair.ask(QUESTION);
    pair.ask(QUESTION);
    let Pair { brand, bank: _bank, world } = pair;
    let kept = || -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(world.path("brand/answers")).unwrap().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let answers = kept();
    assert_eq!(answers.len(), 2);
    let old = answers.first().unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(86_400);
    fs::File::options().write(true).open(old).unwrap().set_modified(yesterday).unwrap();
    world.tacit("brand", &["stop"]).ok();
    drop(brand);
    // Nothing is removed unless that is asked for.
    world.tacit("brand", &["card"]).ok();
    assert_eq!(kept(), answers);
    let settings = world.path("brand/tacit.toml");
    let text = fs::read_to_string(&settings).unwrap();
    let text = replaced(&text, "# keep_answers     = \"30d\" ", "keep_answers = \"12h\"");
    fs::write(&settings, text).unwrap();
    let _brand = world.serve("brand");
    assert!(!old.exists() && kept().len() == 1);
    world.until("a line in the log", || world.log("brand").contains("limits.keep_answers"));
}
