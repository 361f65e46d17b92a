//! Data as it is found in the wild: each fault has its own clear error, or just works.

use std::{fs, path::Path, process::Command};

use tacit_tests::{
    Ran, World,
    pair::{CUSTOMERS, EVERYBODY, Pair, QUESTION},
    sample,
};

use crate::TACIT;

/// Registers bytes as a dataset of one match key.
fn add(world: &World, file: &str, content: &[u8], more: &[&str]) -> Ran {
    let path = world.write(file, content);
    let words = ["dataset", "add", "people", &path, "--id", "phone=tel"];
    world.tacit("brand", &[&words[..], more].concat())
}

#[test]
fn a_file_that_cannot_be_data_is_refused_with_the_place_and_the_mend() {
    let world = World::new(TACIT);
    world.init("brand");
    // In every file stands a number that no error may repeat.
    let number = "+12125550177";
    let csv = |lines: &str| format!("tel,nr\n{number},1\n{lines}").into_bytes();
    let cases: [(&str, Vec<u8>, i32, &str, &str); 15] = [
        ("empty.csv", Vec::new(), 1, "E-DATA-EMPTY", "empty.csv"),
        ("empty.ndjson", Vec::new(), 1, "E-DATA-EMPTY", "empty.ndjson"),
        ("column.csv", b"phone,nr\n+12125550177,1\n".to_vec(), 1, "E-DATA-COLUMN", "tel"),
        ("latin.csv", [csv(""), b"M\xfcller,2\n".to_vec()].concat(), 1, "E-DATA-ENCODING", "line 3"),
        ("gbk.csv", [csv(""), b"\xd6\xd0\xb9\xfa,2\n".to_vec()].concat(), 1, "E-DATA-ENCODING", "GB18030"),
        ("utf16.csv", b"\xff\xfet\0e\0l\0\n\0".to_vec(), 1, "E-DATA-FORMAT", "iconv"),
        ("ragged.csv", csv("x,2,3\n"), 1, "E-DATA-LINE", "line 3 has 3 fields"),
        ("quote.csv", csv("\"open,2\n"), 1, "E-DATA-LINE", "quote"),
        ("packed.csv", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), 1, "E-DATA-FORMAT", "gunzip"),
        ("array.ndjson", format!("[{{\"tel\": \"{number}\"}}]\n").into_bytes(), 1, "E-DATA-FORMAT", "jq"),
        (
            "broken.ndjson",
            format!("{{\"tel\": \"{number}\"}}\n{{\"tel\"").into_bytes(),
            1,
            "E-DATA-JSON",
            "line 2",
        ),
        ("not.parquet", b"tel,nr\n".to_vec(), 1, "E-DATA-FORMAT", "PAR1"),
        ("cut.parquet", b"PAR1 and then nothing".to_vec(), 1, "E-DATA-DAMAGED", "cut.parquet"),
        ("twice.csv", b"tel,tel\n1,2\n".to_vec(), 1, "E-DATA-HEADER", "tel"),
        ("table.xlsx", b"PK\x03\x04".to_vec(), 2, "E-DATA-FORMAT", "--format"),
    ];
    for (file, content, status, code, named) in cases {
        let told = add(&world, file, &content, &[]).refused(status, code);
        assert!(told.err.contains(named), "{file} does not say {named:?}: {}", told.err);
        assert!(
            !told.err.contains("555") && !told.err.contains("ller"),
            "{file} repeats the data: {}",
            told.err
        );
    }
    let words = ["dataset", "add", "people", "missing.csv", "--id", "phone=tel"];
    world.tacit("brand", &words).refused(1, "E-DATA-MISSING");
    let real = fs::read(sample("customers.parquet")).unwrap();
    let told = add(&world, "half.parquet", &real[..real.len() / 2], &[]);
    assert!(told.status == 1 && told.err.contains("E-DATA-DAMAGED"), "{}", told.err);
    // A name that is nearly right is suggested.
    let told = add(&world, "near.csv", b"Tel,nr\n1,2\n", &[]).refused(1, "E-DATA-COLUMN");
    assert!(told.err.contains("Tel"), "{}", told.err);
    // A pipe and a device are no data, and are not waited for.
    let pipe = world.path("pipe.csv");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe.as_path(), Path::new("/dev/zero")] {
        let words =
            ["dataset", "add", "people", &path.to_string_lossy(), "--id", "phone=tel", "--format", "csv"];
        world.tacit("brand", &words).refused(1, "E-DATA-UNREADABLE");
    }
    assert_eq!(world.tacit("brand", &["dataset", "list", "-o", "json"]).ok().json(), serde_json::json!([]));
}

#[test]
fn a_directory_must_be_of_one_kind() {
    let world = World::new(TACIT);
    world.init("brand");
    let folder = world.path("folder");
    let add = |world: &World| {
        let words = ["dataset", "add", "people", &folder.to_string_lossy(), "--id", "phone=tel"];
        world.tacit("brand", &words)
    };
    fs::create_dir(&folder).unwrap();
    add(&world).refused(1, "E-DATA-NO-FILES");
    world.write("folder/a.csv", "tel\n1\n");
    world.write("folder/b.ndjson", "{\"tel\": \"2\"}\n");
    add(&world).refused(2, "E-DATA-FORMAT");
    fs::remove_file(world.path("folder/b.ndjson")).unwrap();
    fs::create_dir(world.path("folder/within")).unwrap();
    add(&world).refused(1, "E-DATA-NO-FILES");
    fs::remove_dir(world.path("folder/within")).unwrap();
    add(&world).ok();
}

#[test]
fn odd_but_honest_files_just_work() {
    let world = World::new(TACIT);
    world.init("brand");
    let long: String = format!("tel,nr\n+12125550101,\"{}\"\n", "x".repeat(100_000));
    let cases: [(&str, &[u8], u64); 6] = [
        ("header.csv", b"tel,nr\n", 0),
        ("no_newline.csv", b"tel,nr\n+12125550101,1", 1),
        ("crlf.csv", b"tel,nr\r\n+12125550101,1\r\n", 1),
        ("bom.csv", b"\xef\xbb\xbftel,nr\n+12125550101,1\n", 1),
        ("quoted.csv", b"tel,nr\n\"+1 (212) 555\n0101\",\"a \"\"b\"\", c\"\n", 1),
        ("long.csv", long.as_bytes(), 1),
    ];
    for (file, content, rows) in cases {
        add(&world, file, content, &[]).ok();
        let list = world.tacit("brand", &["dataset", "list", "-o", "json"]).ok().json();
        assert_eq!(list[0]["rows"], rows, "{file}");
        world.tacit("brand", &["id", "lint", "people"]).ok();
        world.tacit("brand", &["dataset", "remove", "people"]).ok();
    }
    add(&world, "one.csv", b"tel\n1\n", &[]).ok();
    add(&world, "one.csv", b"tel\n1\n", &[]).refused(2, "E-DATASET-EXISTS");
    world.tacit("brand", &["dataset", "remove", "nothing"]).refused(2, "E-DATASET-UNKNOWN");
    world.tacit("brand", &["id", "lint", "people", "--profile", "google-dm/9"]).refused(2, "E-USAGE-OPTION");
    let words = ["dataset", "add", "Ünïcode", "one.csv", "--id", "phone=tel"];
    world.tacit("brand", &words).refused(2, "E-DATASET-NAME");
}

#[test]
fn a_file_that_changes_between_questions_is_read_as_it_is_then() {
    let pair = Pair::new(TACIT);
    let snapshot = || pair.brand(&["dataset", "list", "-o", "json"]).ok().json()[0]["snapshot"].clone();
    let first = snapshot();
    pair.world.write(
        "customers.csv",
        CUSTOMERS.replace("C1,+1 212 555 0101", "C1,+1 212 555 0188").replace("ada@", "eda@"),
    );
    assert_eq!(pair.ask(QUESTION), ["C2", "C3"]);
    assert_ne!(snapshot(), first, "another content is another snapshot");
    // A column that the question needs is gone.
    pair.world.write("customers.csv", CUSTOMERS.replace("category", "kategorie"));
    let told = pair.brand(&["query", QUESTION]);
    assert!(told.status == 2 && told.err.contains("E-DATA-COLUMN"), "{}", told.err);
    assert!(told.err.contains("no column `category`"), "{}", told.err);
    let told = pair.brand(&["query", QUESTION]);
    assert!(told.status == 2 && told.err.contains("E-QUERY-COLUMN"), "{}", told.err);
    pair.world.write("customers.csv", CUSTOMERS);
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
    // The file is gone: here, and at the partner.
    for (home, file) in [("brand", "customers.csv"), ("bank", "accounts.csv")] {
        let (path, aside) = (pair.world.path(file), pair.world.path("aside.csv"));
        fs::rename(&path, &aside).unwrap();
        let told = pair.brand(&["query", QUESTION]);
        match home {
            "brand" => assert!(told.status == 1 && told.err.contains("E-DATA-MISSING"), "{}", told.err),
            // The partner's file names, and what is wrong with them, are not the asker's to know.
            _ => {
                assert!(told.status == 5 && told.err.contains("E-PARTNER-FAILED"), "{}", told.err);
                assert!(!told.err.contains(file) && !told.err.contains("E-DATA"), "{}", told.err);
            }
        }
        let doctor = pair.world.tacit(home, &["doctor"]);
        assert!(doctor.status == 1 && doctor.out.contains("gone"), "{}", doctor.out);
        fs::rename(&aside, &path).unwrap();
    }
    assert_eq!(pair.ask(EVERYBODY), ["C1", "C2", "C3", "C4", "C5"]);
}

#[test]
fn consent_that_is_not_a_plain_yes_is_none() {
    let pair = Pair::new(TACIT);
    // A column that says neither yes nor no at all is no consent column: that is said rather than that nobody
    // matches.
    let unclear = CUSTOMERS.replace(",true\n", ",perhaps\n").replace(",false\n", ",perhaps\n");
    pair.world.write("customers.csv", unclear);
    let told = pair.brand(&["query", QUESTION]).refused(1, "E-DATA-CONSENT");
    assert!(told.err.contains("consent") && !told.err.contains("perhaps"), "{}", told.err);
    // Neither yes nor no is no.
    pair.world.write("customers.csv", CUSTOMERS.replacen(",true\n", ",perhaps\n", 1));
    assert_eq!(pair.ask(QUESTION), ["C2", "C3"]);
    // Whoever never said anything has not consented.
    pair.world.write("customers.csv", CUSTOMERS.replacen(",true\n", ",\n", 1));
    assert_eq!(pair.ask(QUESTION), ["C2", "C3"]);
}

#[test]
fn the_linter_masks_every_identifier() {
    let world = World::new(TACIT);
    world.init("brand");
    let phones = [
        "+1 (212) 555-0123",
        "2125550124",
        "12",
        "0000000000",
        "+86 138 1234 5678",
        "n/a",
        "+44 20 7946 0000 0000",
    ];
    let mails = ["jane.doe@example.org", "JANE.DOE@example.org", "j@x", "@@", "lonely", "ü@example.org"];
    let hashes = [
        "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4",
        "ku4mBX7Z3qJTXWyLFB1INzkyR2WZGW4ANSJUiW21iI8=",
    ];
    let mut rows = "tel,mail\n".to_owned();
    for at in 0..9 {
        let phone = phones.get(at).unwrap_or(&"");
        let mail = mails.iter().chain(&hashes).nth(at).unwrap_or(&"");
        rows.push_str(&format!("\"{phone}\",\"{mail}\"\n\"{phone}\",\"{mail}\"\n"));
    }
    let file = world.write("people.csv", &rows);
    let words = ["dataset", "add", "people", &file, "--id", "phone=tel", "--id", "email=mail"];
    let mut printed = world.tacit("brand", &words).ok().err;
    for profile in ["google-dm/2", "uid2/1", "meta-capi/1", "cn-mobile/1", "raw/1"] {
        for form in ["table", "json", "csv"] {
            let ran = world.tacit("brand", &["id", "lint", "people", "--profile", profile, "-o", form]).ok();
            printed.push_str(&ran.out);
            printed.push_str(&ran.err);
        }
    }
    printed.push_str(&world.tacit("brand", &["dataset", "show", "people", "-o", "json"]).ok().out);
    printed.push_str(&world.tacit("brand", &["dataset", "show", "people"]).ok().out);
    for whole in phones.iter().chain(&mails).chain(&hashes).filter(|text| text.len() > 3) {
        assert!(!printed.contains(whole), "{whole} stands in:\n{printed}");
    }
    for digits in ["2125550123", "5550123", "13812345678", "doe@", "lonely"] {
        assert!(!printed.to_lowercase().contains(digits), "{digits} stands in:\n{printed}");
    }
    assert!(printed.contains("****"), "{printed}");
    let faults = ["hashed-hex", "hashed-base64", "duplicate", "not-a-phone", "not-an-email", "empty"];
    for fault in faults {
        assert!(printed.contains(fault), "{fault} is not found:\n{printed}");
    }
}

#[test]
fn poor_quality_is_told_to_the_owner_by_its_own_thresholds() {
    let world = World::new(TACIT);
    world.init("brand");
    let rows: String =
        (0..40).map(|row| format!("+121255501{row:02},{}\n", if row < 30 { "" } else { "x" })).collect();
    let file = world.write("people.csv", format!("tel,note\n{rows}"));
    let add = |more: &[&str]| {
        world.tacit("brand", &["dataset", "remove", "people"]);
        let words = ["dataset", "add", "people", &file, "--id", "phone=tel"];
        world.tacit("brand", &[&words[..], more].concat()).ok();
        world.tacit("brand", &["dataset", "show", "people"]).ok().err
    };
    let told = add(&[]);
    assert!(told.contains("warning") && told.contains("note"), "{told}");
    let told = add(&["--max-missing", "90%"]);
    assert!(!told.contains("warning"), "{told}");
    world
        .tacit("brand", &["dataset", "add", "more", &file, "--id", "phone=tel", "--max-missing", "150%"])
        .refused(2, "max-missing");
}
