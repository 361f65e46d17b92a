//! Row C07, as far as this version goes: identifiers that stand in the data stand nowhere else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ring::digest::{SHA256, digest};
use tacit_tests::{
    Ran, World,
    pair::{QUESTION, maternal},
};

use crate::TACIT;

/// Values that occur nowhere by accident.
const PHONE: &str = "+12125557731";
const MAIL: &str = "canary.quetzal@example.org";
const ROW: &str = "ROWID-QUETZAL";
const THEIR_ROW: &str = "ACCOUNT-QUETZAL";
const LITERAL: &str = "literal-quetzal";
const MALFORMED: &str = "malformed-quetzal";

fn hex(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every spelling under which a canary could be recognised.
fn spellings() -> Vec<String> {
    let mut all: Vec<String> =
        [PHONE, MAIL, ROW, THEIR_ROW, LITERAL, MALFORMED].iter().map(|text| (*text).to_owned()).collect();
    all.extend(
        ["12125557731", "2125557731", "555-7731", "5557731", "555 7731", "canary.quetzal", "canaryquetzal"]
            .map(str::to_owned),
    );
    all.extend([hex(PHONE), hex(MAIL), hex("12125557731")]);
    all
}

/// All files below a folder, but for those in `left_out`.
fn files(folder: &Path, left_out: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if left_out.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, left_out));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

#[test]
fn c07_no_identifier_stands_in_logs_records_errors_or_homes() {
    let world = World::new(TACIT);
    world.befriended();
    let customers = format!(
        "customer_id,mobile,mail,education,marriage,category,spend,joined,consent\n\
         {ROW},+1 212 555 7731,Canary.Quetzal@example.org,x,y,maternal,1,2020-01-01,true\n\
         C2,{MALFORMED},{MALFORMED},x,y,maternal,1,2020-01-01,true\n"
    );
    let accounts = format!(
        "account_id,tel,email,region,credit_tier,credit_limit,balance,defaulted,marketing_ok\n\
         {THEIR_ROW},(212) 555-7731,{MAIL},north,A,1,2,0,true\n"
    );
    let (customers, accounts) =
        (world.write("customers.csv", customers), world.write("accounts.csv", accounts));
    world.register("brand", "customers", &customers, &["phone=mobile", "email=mail"], "customer_id");
    world.register("bank", "accounts", &accounts, &["phone=tel", "email=email"], "account_id");
    let trace = [("TACIT_LOG", "trace")];
    let nodes = [world.serve_with_env("brand", &trace), world.serve_with_env("bank", &trace)];
    world.agree("brand", "bank", &maternal(true));

    let mut printed = String::new();
    let mut keep = |ran: Ran| {
        printed.push_str(&ran.out);
        printed.push_str(&ran.err);
    };
    // A question that is answered: the answer itself is the brand's to see, what is said beside it is not.
    let out = world.path("answer.csv").to_string_lossy().into_owned();
    let query = ["query", QUESTION, "--out", &out, "--progress", "json"];
    keep(world.approved("brand", &query, "bank").ok());
    assert!(fs::read_to_string(&out).unwrap().contains(ROW), "the canary matched");
    // Questions that are refused, with a literal; with and without a log on the command.
    for condition in [
        format!("bank.accounts.credit_tier = '{LITERAL}'"),
        format!("bank.accounts.region = '{LITERAL}'"),
        format!("brand.customers.mobile = '{PHONE}' AND bank.accounts.tel = '{PHONE}'"),
        format!("brand.customers.mail / '{MAIL}' = 1"),
        format!("'{MAIL}"),
    ] {
        let sql = format!(
            "SELECT customer FROM brand.customers JOIN bank.accounts USING (customer) WHERE {condition}"
        );
        for words in [&["query", sql.as_str()][..], &["explain", &sql], &["query", &sql, "-o", "json"]] {
            let ran = world.with_env("brand", words, &trace);
            assert_ne!(ran.status, 0);
            keep(ran);
        }
    }
    // The own filter of a question that is asked does not leave the house.
    let own = format!("{QUESTION} AND brand.customers.mail <> '{LITERAL}'");
    keep(world.approved("brand", &["query", &own, "--out", &out, "--force"], "bank").ok());
    for home in ["brand", "bank"] {
        let dataset = if home == "brand" { "customers" } else { "accounts" };
        for words in [
            &["id", "lint", dataset][..],
            &["dataset", "show", dataset, "-o", "json"],
            &["audit", "log", "-o", "json"],
            &["approvals", "list", "-o", "json"],
            &["doctor"],
            &["status"],
        ] {
            keep(world.tacit(home, words));
        }
        let withdrawn = world.write("withdrawn.txt", format!("{PHONE}\n{MAIL}\n{MALFORMED}\n"));
        keep(world.tacit(home, &["consent", "withdraw", "--file", &withdrawn]).ok());
        keep(world.tacit(home, &["consent", "list"]));
    }
    keep(world.approved("brand", &["query", QUESTION, "--out", &out, "--force"], "bank").ok());
    assert!(!fs::read_to_string(&out).unwrap().contains(ROW), "the withdrawn canary did not match");
    // Data that breaks in the middle of a question.
    world.write(
        "customers.csv",
        format!("customer_id,mobile,mail,education,marriage,category,spend,joined,consent\n{PHONE},{MAIL}\n"),
    );
    keep(world.tacit("brand", &["query", QUESTION]).refused(1, "E-DATA-LINE"));

    drop(nodes);
    let mut places: Vec<(String, String)> = vec![("what was printed".into(), printed)];
    for home in ["brand", "bank"] {
        let log = world.log(home);
        assert!(log.contains("TRACE") && log.len() > 10_000, "the log of {home} is a trace");
        places.push((format!("the log of {home}"), log));
        for file in files(&world.path(home), &["answers"]) {
            let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
            places.push((file.display().to_string(), text));
        }
    }
    assert!(places.len() > 20, "the homes were read");
    for (place, text) in places {
        let low = text.to_lowercase();
        for spelling in spellings() {
            assert!(!low.contains(&spelling.to_lowercase()), "{spelling} stands in {place}");
        }
    }
}
