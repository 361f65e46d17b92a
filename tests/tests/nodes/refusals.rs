//! Every refusal of policy and grammar, as its sufferer sees it: status, code, and what would help.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use tacit_node::{
    config::partner_id,
    exchange::Aside,
    policy::{Contracts, Directory},
};
use tacit_protocol::ids::PartnerId;
use tacit_tests::{
    World, finish,
    pair::{EVERYBODY, Pair, QUESTION, maternal, replaced},
    rogue::{Heard, Rogue, honest, identity_in},
};

use crate::TACIT;

const FROM: &str = "FROM brand.customers JOIN bank.accounts USING (customer)";

/// A literal that no error, log or record may ever repeat.
const LITERAL: &str = "Zyzzyva-4711";

/// A question of the brand with this condition.
fn filtered(condition: &str) -> String {
    format!("SELECT customer {FROM} WHERE {condition}")
}

/// Asks what will be refused, at whichever home; checks what every refusal has.
#[track_caller]
fn refused(pair: &Pair, home: &str, words: &[&str], status: i32, code: &str) -> String {
    let other = if home == "brand" { "bank" } else { "brand" };
    let (before, quiet) = (pair.world.records(home).len(), pair.world.records(other).len());
    let ran = pair.world.tacit(home, words).refused(status, code);
    assert_eq!(ran.out, "", "{words:?}");
    assert!(!ran.err.contains(LITERAL), "{words:?} repeats its literal: {}", ran.err);
    // The same for a program.
    let machine = pair.world.tacit(home, &[words, &["-o", "json"]].concat());
    let report: Value = serde_json::from_str(&machine.err).expect("one JSON object");
    assert_eq!((machine.status, &report["error"]["code"]), (status, &json!(code)), "{report}");
    assert!(!machine.err.contains(LITERAL));
    // F01: each attempt is on record at the asker, and the partner was asked nothing.
    let records = pair.world.records(home);
    let new: Vec<&Value> = records[before..].iter().filter(|record| record["kind"] == "refusal").collect();
    assert_eq!(new.len(), 2, "{words:?}");
    assert!(new.iter().all(|record| record["what"] == code), "{words:?}: {new:?}");
    // Own refusals are nobody else's, in whose name they might be counted.
    assert!(new.iter().all(|record| record["partner"].is_null()), "{words:?}: {new:?}");
    assert!(!serde_json::to_string(&records).unwrap().contains(LITERAL));
    assert_eq!(pair.world.records(other).len(), quiet, "{words:?} reached the partner");
    ran.err
}

#[test]
fn a_refusal_names_whom_it_is_about_as_far_as_that_can_be_told() {
    let pair = Pair::new(TACIT);
    let contract =
        pair.bank(&["contract", "show", "maternal-offers", "-o", "json"]).ok().json()["id"].clone();
    let about = |words: &[&str], code: &str| {
        pair.brand(words).refused(3, code);
        let record = pair.world.records("brand").pop().unwrap();
        assert_eq!((&record["kind"], &record["what"]), (&json!("refusal"), &json!(code)));
        (record["body"]["asked_of"].clone(), record["body"]["contract"].clone())
    };
    let column = filtered("bank.accounts.credit_limit > 1000");
    assert_eq!(about(&["query", &column], "E-POLICY-COLUMN"), (json!("bank"), contract.clone()));
    let purpose = ["query", QUESTION, "--purpose", "research", "--contract", "maternal-offers"];
    assert_eq!(about(&purpose, "E-POLICY-PURPOSE"), (json!("bank"), contract));
    let dataset = "SELECT customer FROM brand.customers JOIN bank.loans USING (customer)";
    assert_eq!(about(&["query", dataset], "E-POLICY-DATASET"), (json!("bank"), Value::Null));
    let stranger = "SELECT customer FROM brand.customers JOIN post.parcels USING (customer)";
    assert_eq!(about(&["query", stranger], "E-POLICY-NO-CONTRACT"), (Value::Null, Value::Null));
}

#[test]
fn the_contract_says_no() {
    let pair = Pair::new(TACIT);
    let column = filtered("bank.accounts.credit_limit > 1000");
    let unlisted = filtered("bank.accounts.shoe_size = 44");
    let measured = filtered("bank.accounts.balance > 5");
    let unrevealed = filtered("bank.accounts.region = 'north'");
    let value = filtered(&format!("bank.accounts.credit_tier = '{LITERAL}'"));
    let shown = format!("SELECT customer, bank.accounts.region {FROM}");
    let dataset = "SELECT customer FROM brand.customers JOIN bank.loans USING (customer)";
    let stranger = "SELECT customer FROM brand.customers JOIN post.parcels USING (customer)";
    let own = filtered(&format!("brand.customers.shoe_size = '{LITERAL}'"));
    let purpose = ["query", QUESTION, "--purpose", "research"];
    let contract = ["query", QUESTION, "--contract", "no-such-contract"];
    let cases: [(&[&str], &str, &str); 11] = [
        (
            &["query", &column],
            "E-POLICY-COLUMN",
            "columns.credit_limit.use = [\"filter\", \"reveal-filter\"]",
        ),
        (&["query", &unlisted], "E-POLICY-COLUMN", "does not exist"),
        (&["query", &measured], "E-POLICY-COLUMN-USE", "columns.balance.use = [\"measure\","),
        (
            &["query", &unrevealed],
            "E-POLICY-REVEAL-FILTER",
            "A filter on region tells brand the region of every match",
        ),
        (&["query", &value], "E-POLICY-VALUE", "A, B, C"),
        (&["query", &shown], "E-POLICY-REVEAL-COLUMNS", "bank.accounts.region"),
        (&["query", dataset], "E-POLICY-DATASET", "bank.accounts"),
        (&["query", stranger], "E-POLICY-NO-CONTRACT", "tacit contract propose"),
        (&purpose, "E-POLICY-PURPOSE", "joint-marketing"),
        (&contract, "E-POLICY-CONTRACT-UNKNOWN", "maternal-offers"),
        (&["explain", &column], "E-POLICY-COLUMN", "credit_limit"),
    ];
    for (words, code, help) in cases {
        if words[0] == "explain" {
            // Explaining asks nothing, so nothing is recorded.
            let ran = pair.brand(words).refused(3, code);
            assert!(ran.err.contains(help), "{}", ran.err);
            continue;
        }
        let told = refused(&pair, "brand", words, 3, code);
        assert!(told.contains(help), "{code} does not say {help:?}:\n{told}");
        if !["E-POLICY-NO-CONTRACT", "E-POLICY-CONTRACT-UNKNOWN"].contains(&code) {
            assert!(
                told.contains("maternal-offers (") && told.contains("signed by brand and bank"),
                "{told}"
            );
            assert!(told.contains("would do"), "{told}");
        }
    }
    let told = refused(&pair, "brand", &["query", &own], 2, "E-QUERY-COLUMN");
    assert!(told.contains("shoe_size"), "{told}");
    // Who asks matters as well.
    let told = refused(&pair, "bank", &["query", QUESTION], 3, "E-POLICY-REVEAL-RECEIVER");
    assert!(told.contains("allow.reveal.to"), "{told}");
    // And still: what is allowed goes on.
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
}

#[test]
fn sql_that_could_fail_on_a_row_or_reach_too_far_is_refused_in_words() {
    let pair = Pair::new(TACIT);
    let of = |condition: &str| filtered(&condition.replace('?', LITERAL));
    let cases = [
        (of("brand.customers.spend / 0 > 1 AND brand.customers.category = '?'"), "E-QUERY-CAN-FAIL"),
        (
            of("CAST(brand.customers.category AS INT) = 1 OR brand.customers.category = '?'"),
            "E-QUERY-CAN-FAIL",
        ),
        (of("brand.customers.category IN (SELECT '?')"), "E-QUERY-UNSUPPORTED"),
        (of("EXISTS (SELECT '?')"), "E-QUERY-UNSUPPORTED"),
        (format!("{QUESTION} UNION SELECT '{LITERAL}'"), "E-QUERY-UNSUPPORTED"),
        (format!("{QUESTION}; DROP TABLE {LITERAL}"), "E-QUERY-UNSUPPORTED"),
        (format!("DELETE FROM bank.accounts WHERE tel = '{LITERAL}'"), "E-QUERY-UNSUPPORTED"),
        (
            format!("SELECT customer FRM brand.customers WHERE brand.customers.category = '{LITERAL}'"),
            "E-QUERY-SYNTAX",
        ),
        (of("brand.customers.category = '?"), "E-QUERY-SYNTAX"),
        (of("brand.customers.education = bank.accounts.region"), "E-QUERY-BOTH-SIDES"),
        (of("brand.customers.spend = '?'"), "E-QUERY-TYPES"),
        (of("shop.customers.spend = '?'"), "E-QUERY-TABLE"),
        (of("nowhere = '?'"), "E-QUERY-COLUMN"),
        (format!("SELECT 1, '{LITERAL}'"), "E-QUERY-UNSUPPORTED"),
        (
            filtered(&format!(
                "{}'{LITERAL}' = brand.customers.category{}",
                "(".repeat(200),
                ")".repeat(200)
            )),
            "E-QUERY-TOO-DEEP",
        ),
        (of(&format!("brand.customers.category IN ({} '?')", "'x', ".repeat(20_000))), "E-QUERY-TOO-LONG"),
    ];
    for (sql, code) in cases {
        // Too long for a command line to be read by a person, and for a test's output.
        let file = pair.world.write("question.sql", &sql);
        let told = refused(&pair, "brand", &["query", "-f", &file], 2, code);
        assert!(
            told.lines().count() > 1 && told.len() < 1500,
            "{code} says nothing of what would work: {told}"
        );
    }
}

#[test]
fn what_later_versions_will_do_is_refused_now_with_what_works() {
    let pair = Pair::new(TACIT);
    refused(
        &pair,
        "brand",
        &["query", &format!("SELECT MEDIAN(bank.accounts.balance) {FROM}")],
        2,
        "E-NOT-IN-THIS-VERSION",
    );
    pair.brand(&["bench", "link"]).refused(2, "E-NOT-IN-THIS-VERSION");
    // Policy comes first: what the contract forbids is not called a matter of the version.
    let contract = replaced(&maternal(false), "join      = true ", "join      = false");
    pair.bank(&["contract", "end", "maternal-offers", "--reason", "a new one"]).ok();
    pair.world.agree("brand", "bank", &contract);
    let count = format!("SELECT COUNT(*) {FROM}");
    refused(&pair, "brand", &["query", &count], 3, "E-POLICY-NOT-ALLOWED");
}

/// The example's contract under another name, in force in other years.
fn variant(name: &str, starts: &str, ends: &str) -> String {
    let text = replaced(&maternal(false), "\"maternal-offers\"", &format!("\"{name}\""));
    let text = replaced(&text, "starts   = 2000-01-01", &format!("starts   = {starts}"));
    replaced(&text, "ends     = 2999-12-31", &format!("ends     = {ends}"))
}

#[test]
fn a_contract_counts_from_its_first_day_to_its_last_and_while_nobody_says_no() {
    let world = World::new(TACIT);
    world.befriended();
    world.register_little_data();
    let pair = Pair { brand: world.serve("brand"), bank: world.serve("bank"), world };
    let forever = ("2000-01-01", "2999-12-31");
    let sign = |name: &str, (starts, ends): (&str, &str)| {
        let id = pair.world.propose("brand", &variant(name, starts, ends));
        pair.bank(&["contract", "accept", name]).ok();
        id
    };
    let ask = |name: &str, code: &str| {
        let told = refused(&pair, "brand", &["query", QUESTION, "--contract", name], 3, code);
        assert!(told.contains(name), "{told}");
        told
    };
    // One that is over is neither proposed nor signed; one that was signed in its time has its own test.
    let past = pair.world.write("past.toml", variant("past", "2000-01-01", "2001-12-31"));
    let told = pair.brand(&["contract", "propose", &past]);
    assert!(told.status == 2 && told.err.contains("its last day is over"), "{}", told.err);
    sign("future", ("2990-01-01", "2999-12-31"));
    assert!(ask("future", "E-POLICY-NOT-STARTED").contains("2990-01-01"));
    pair.world.propose("brand", &variant("unsigned", forever.0, forever.1));
    assert!(ask("unsigned", "E-POLICY-NOT-SIGNED").contains("bank has not signed"));
    let id = pair.world.propose("brand", &variant("unwanted", forever.0, forever.1));
    pair.bank(&["contract", "refuse", "unwanted"]).refused(2, "--reason");
    pair.bank(&["contract", "refuse", "unwanted", "--reason", " "]).refused(2, "E-CONTRACT-REASON");
    pair.bank(&["contract", "refuse", "unwanted", "--reason", "too broad"]).ok();
    pair.world.until("the refusal's arrival", || pair.world.contract_state("brand", &id) == "refused");
    assert!(ask("unwanted", "E-POLICY-CONTRACT-REFUSED").contains("bank has refused"));
    let id = sign("over", forever);
    pair.world.until("both signatures", || pair.world.contract_state("brand", &id) == "in force");
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
    pair.brand(&["contract", "end", "over", "--reason", "campaign is over"]).ok();
    assert!(ask("over", "E-POLICY-CONTRACT-ENDED").contains("brand has ended"));
    pair.world.until("the end's arrival", || pair.world.contract_state("bank", &id) == "ended");
    // Ended is for good.
    pair.bank(&["contract", "accept", "over"]).refused(2, "E-CONTRACT-STATE");

    // Two that would do: which budget is meant must be said.
    let one = sign("spring", forever);
    sign("summer", forever);
    pair.world.until("both signatures", || pair.world.contract_state("brand", &one) == "in force");
    let told = refused(&pair, "brand", &["query", QUESTION], 3, "E-POLICY-SEVERAL-CONTRACTS");
    assert!(told.contains("spring") && told.contains("summer") && told.contains("--contract"), "{told}");
    let named = pair.brand(&["query", QUESTION, "--contract", "spring", "-o", "json"]).ok();
    assert_eq!(tacit_tests::pair::customers(&named), ["C1", "C2", "C3"]);
    // All of it is on record at both.
    for home in ["brand", "bank"] {
        let lines = pair.world.record_lines(home);
        for state in ["contract refused", "contract ended"] {
            assert!(lines.iter().any(|line| line == state), "{home}: {lines:?}");
        }
    }
}

/// Who is who, for contracts that are signed outside a node.
struct Both(BTreeMap<&'static str, [u8; 32]>);

impl Directory for Both {
    fn key_of(&self, name: &str) -> Option<[u8; 32]> {
        self.0.get(name).copied()
    }

    fn name_of(&self, id: &PartnerId) -> Option<String> {
        self.0.iter().find(|(_, key)| partner_id(key) == *id).map(|(name, _)| (*name).to_owned())
    }
}

#[test]
fn a_contract_that_was_signed_in_its_time_and_is_over_is_refused() {
    let world = World::new(TACIT);
    world.befriended();
    world.register_little_data();
    let then: Timestamp = "2001-06-01T00:00:00Z".parse().unwrap();
    let [brand, bank] = ["brand", "bank"].map(|home| identity_in(&world.path(home)));
    let both = Both(BTreeMap::from([("brand", brand.signing_key()), ("bank", bank.signing_key())]));
    let contracts = |home: &str| Contracts::open(world.path(home).join("contracts")).unwrap();
    let offered = contracts("brand")
        .propose(&variant("past", "2000-01-01", "2001-12-31"), &brand, &both, then)
        .unwrap();
    contracts("bank").import(&offered.to_json(), &bank.id(), &both).unwrap();
    let signed = contracts("bank").accept("past", &bank, then).unwrap();
    contracts("brand").import(&signed.to_json(), &brand.id(), &both).unwrap();
    let pair = Pair { brand: world.serve("brand"), bank: world.serve("bank"), world };
    let told = refused(&pair, "brand", &["query", QUESTION], 3, "E-POLICY-EXPIRED");
    assert!(told.contains("past") && told.contains("2001-12-31"), "{told}");
}

#[test]
fn contracts_that_cannot_be_are_not_signed() {
    let world = World::new(TACIT);
    world.befriended();
    world.register_little_data();
    let good = maternal(false);
    let stranger = good.replace("\"brand\", \"bank\"]\npurpose", "\"brand\", \"bank\", \"post\"]\npurpose");
    assert_ne!(stranger, good);
    let cases = [
        ("profile        = \"google-dm/2\"", "profile        = \"google-dm/1\"", "E-CONTRACT-VALUE"),
        ("starts   = 2000-01-01", "starts   = 3000-01-01", "E-CONTRACT-DATES"),
        ("purpose  =", "colour = \"red\"\npurpose  =", "E-CONTRACT-UNKNOWN-FIELD"),
        ("purpose  =", "purpos   =", "E-CONTRACT-MISSING-FIELD"),
        ("epsilon           = 2.0", "epsilon           = 0", "E-CONTRACT-VALUE"),
        ("epsilon           = 2.0", "epsilon           = nan", "E-CONTRACT-VALUE"),
        ("delta             = 1e-6", "delta             = 2", "E-CONTRACT-VALUE"),
        ("purpose  = \"joint-marketing\"", "purpose  = ", "E-CONTRACT-SYNTAX"),
        ("columns = []", "columns = [\"region\"]", "E-NOT-IN-THIS-VERSION"),
        // A column of class core is for no answer at all, and regions do not meet by accident.
        (
            "region      = { use = [\"filter\", \"group\"]",
            "region      = { class = \"core\", use = [\"filter\", \"group\"]",
            "E-CONTRACT-CLASS",
        ),
        ("consent = \"marketing_ok\"", "region  = \"CN\"\nconsent = \"marketing_ok\"", "E-CONTRACT-REGION"),
    ];
    for (old, new, code) in cases {
        let file = world.write("bad.toml", replaced(&good, old, new));
        let told = world.tacit("brand", &["contract", "propose", &file]).refused(2, code);
        let helps = ["would do", "allowed", "line"].iter().any(|help| told.err.contains(help));
        assert!(helps, "{code}: {}", told.err);
    }
    let file = world.write("bad.toml", stranger);
    world.tacit("brand", &["contract", "propose", &file]).refused(2, "E-CONTRACT-STRANGER");
    assert_eq!(world.tacit("brand", &["contract", "list", "-o", "json"]).ok().json(), json!([]));
    world.tacit("brand", &["contract", "show", "nothing"]).refused(2, "E-CONTRACT-NOT-FOUND");
}

#[test]
fn a_contract_that_was_altered_on_its_way_is_not_taken() {
    let world = World::new(TACIT);
    world.befriended();
    world.register_little_data();
    let file = world.write("contract.toml", maternal(false));
    let offer = world.path("offer.json").to_string_lossy().into_owned();
    world.tacit("brand", &["contract", "propose", &file, "--out", &offer]).ok();
    let text = std::fs::read_to_string(&offer).unwrap();
    let altered = world.write("altered.json", replaced(&text, "joint-marketing", "anything-we-like"));
    let told = world.tacit("bank", &["contract", "accept", &altered]);
    assert!(told.status != 0 && told.err.contains("E-CONTRACT-NOT-GENUINE"), "{}", told.err);
    let cut = world.write("cut.json", &text[..text.len() / 2]);
    let told = world.tacit("bank", &["contract", "import", &cut]);
    assert!(told.status != 0 && told.err.contains("error[E-CONTRACT"), "{}", told.err);
    world.tacit("bank", &["contract", "accept", &offer]).ok();
}

#[test]
fn classes_and_regions_of_the_owner_outweigh_the_contract() {
    let pair = Pair::new(TACIT);
    let accounts = pair.world.path("accounts.csv").to_string_lossy().into_owned();
    let again = |more: &[&str]| {
        pair.bank(&["dataset", "remove", "accounts"]).ok();
        let words = ["dataset", "add", "accounts", &accounts, "--id", "phone=tel", "--id", "email=email"];
        pair.bank(&[&words[..], more].concat()).ok();
    };
    // The owner changes its mind after it has signed: the asker is refused by the partner, with a code.
    again(&["--class", "credit_tier=core"]);
    let told = pair.brand(&["query", QUESTION]).refused(3, "E-PEER-REFUSED");
    assert!(told.err.contains("E-POLICY-CLASS"), "{}", told.err);
    again(&["--region", "CN"]);
    let told = pair.brand(&["query", QUESTION]).refused(3, "E-PEER-REFUSED");
    assert!(told.err.contains("E-POLICY-REGION"), "{}", told.err);
    assert!(pair.world.record_lines("bank").contains(&"refusal E-POLICY-REGION".to_owned()));
    assert!(pair.world.record_lines("brand").contains(&"abort E-PEER-REFUSED".to_owned()));
    // And it cannot sign what it could not keep.
    let id = pair.world.propose("brand", &variant("second", "2000-01-01", "2999-12-31"));
    pair.bank(&["contract", "accept", &id]).refused(3, "E-POLICY-REGION");
    again(&[]);
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
    pair.bank(&["dataset", "remove", "accounts"]).ok();
    let told = pair.brand(&["query", QUESTION]).refused(3, "E-PEER-REFUSED");
    assert!(told.err.contains("E-POLICY-DATASET-MISSING"), "{}", told.err);
}

#[test]
fn a_person_decides_about_each_run() {
    let pair = Pair::under(TACIT, &maternal(true));
    // Nobody is there.
    let told = pair.brand(&["query", QUESTION, "--wait", "1s"]).refused(3, "E-PEER-REFUSED");
    assert!(told.err.contains("nobody at bank has decided yet"), "{}", told.err);
    assert!(told.err.contains("trying again can help"), "{}", told.err);
    // The same question is the same request: the bank sees one, and may approve it late.
    let waiting = pair.world.pending("bank");
    let list = pair.bank(&["approvals", "list", "-o", "json"]).ok().json();
    let tells = list[0]["tells"].as_str().unwrap();
    assert!(tells.starts_with("brand learns which of its own customers match"), "{tells}");
    assert!(tells.contains("tells brand the credit_tier of every match"), "{tells}");
    pair.bank(&["approvals", "deny", &waiting, "--by", "Lin", "--reason", "two\nlines"])
        .refused(2, "E-APPROVAL-TEXT");
    pair.bank(&["approvals", "deny", &waiting, "--by", "Lin", "--reason", "not this month"]).ok();
    let told = pair.brand(&["query", QUESTION, "--wait", "5s"]).refused(3, "E-PEER-REFUSED");
    assert!(told.err.contains("a person at bank said no"), "{}", told.err);
    // The partner is told what was written for it, and not by whom.
    assert!(told.err.contains("“not this month”") && !told.err.contains("Lin"), "{}", told.err);
    // What waits comes first, however much was decided before it.
    pair.brand(&["query", EVERYBODY, "--wait", "1s"]).refused(3, "E-PEER-REFUSED");
    let list = pair.bank(&["approvals", "list", "-o", "json"]).ok().json();
    assert_eq!((&list[0]["state"], &list[1]["state"]), (&json!("pending"), &json!("denied")), "{list}");
    // A question without a condition on the bank's rows tells who matches all the same.
    assert_eq!(list[0]["tells"], "brand learns which of its own customers match; no noise hides this.");
    // A denial may be turned into an approval, for one run.
    pair.bank(&["approvals", "approve", &waiting, "--by", "Lin"]).ok();
    assert_eq!(pair.ask(QUESTION), ["C1", "C2", "C3"]);
    let told = pair.brand(&["query", QUESTION, "--wait", "1s"]).refused(3, "E-PEER-REFUSED");
    assert!(told.err.contains("nobody at bank has decided yet"), "one approval served twice: {}", told.err);
    pair.bank(&["approvals", "approve", "ffffffff"]).refused(2, "E-APPROVAL-NOT-FOUND");
    pair.bank(&["approvals", "approve", &waiting]).refused(2, "E-APPROVAL-TOO-LATE");
    let lines = pair.world.record_lines("bank");
    for line in
        ["approval denied", "approval approved", "refusal E-APPROVAL-DENIED", "refusal E-APPROVAL-PENDING"]
    {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:?}");
    }
}

#[test]
fn an_asker_that_gives_up_while_it_waits_is_noticed() {
    let pair = Pair::under(TACIT, &maternal(true));
    let mut asking = pair.world.start("brand", &["query", QUESTION]);
    pair.world.pending("bank");
    asking.kill().unwrap();
    asking.wait().unwrap();
    let gone = || pair.world.record_lines("bank").iter().any(|line| line.starts_with("refusal E-"));
    pair.world.until("the bank's notice", gone);
    assert_eq!(pair.world.record_lines("bank").iter().filter(|line| line.starts_with("answer")).count(), 0);
}

#[test]
fn withdrawn_consent_counts_from_the_next_run_on_without_a_restart() {
    let pair = Pair::new(TACIT);
    assert_eq!(pair.ask(EVERYBODY), ["C1", "C2", "C3", "C4", "C5"]);
    // At the bank, by a number in another writing; at the brand, by an address.
    let list = pair.world.write("withdrawn.txt", "+1-212-555-0101\n");
    pair.bank(&["consent", "withdraw", "--file", &list]).ok();
    assert_eq!(pair.ask(EVERYBODY), ["C2", "C3", "C4", "C5"]);
    let list = pair.world.write("withdrawn.txt", "CLEO@example.org\nno identifier at all\n");
    let told = pair.brand(&["consent", "withdraw", "--file", &list, "--dataset", "customers"]).ok();
    assert!(told.err.contains("not withdrawn: 1 (lines 2)"), "{}", told.err);
    assert_eq!(pair.ask(EVERYBODY), ["C2", "C4", "C5"]);
    // While a question waits for approval, a withdrawal still counts: data is read after it.
    for (home, gone) in [("bank", ["555-0101", "5550101"]), ("brand", ["leo@", "no identifier"])] {
        let records = pair.world.records(home);
        let withdrawal = records.iter().find(|record| record["kind"] == "withdrawal").expect("a record");
        assert_eq!(withdrawal["body"]["identifiers"], 1);
        let text = withdrawal.to_string();
        assert!(!gone.iter().any(|gone| text.contains(gone)), "{text}");
    }
    let batches = pair.bank(&["consent", "list", "-o", "json"]).ok().json();
    assert_eq!((&batches[0]["identifiers"], &batches[0]["dataset"]), (&json!(1), &json!("all")), "{batches}");
    let nothing = pair.world.write("withdrawn.txt", "\n");
    pair.bank(&["consent", "withdraw", "--file", &nothing]).refused(2, "E-CONSENT-LIST");
    pair.bank(&["consent", "withdraw", "--file", &list, "--dataset", "loans"])
        .refused(2, "E-DATASET-UNKNOWN");
}

#[test]
fn a_withdrawal_while_a_run_waits_for_approval_counts_for_that_run() {
    let pair = Pair::under(TACIT, &maternal(true));
    let asking = pair.world.start("brand", &["query", QUESTION, "-o", "json"]);
    let approval = pair.world.pending("bank");
    let list = pair.world.write("withdrawn.txt", "bea@example.org\n");
    pair.bank(&["consent", "withdraw", "--file", &list]).ok();
    pair.bank(&["approvals", "approve", &approval]).ok();
    assert_eq!(tacit_tests::pair::customers(&finish(asking).ok()), ["C1", "C3"]);
}

/// The brand's node is replaced by one that asks whatever it likes: the bank's own permit says no, tells a
/// code and nothing else, and has it on record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answering_node_does_not_believe_the_asker() {
    let pair = Pair::new(TACIT);
    let contract = pair.bank(&["contract", "show", "maternal-offers", "-o", "json"]).ok().json();
    let contract = contract["id"].as_str().unwrap().parse().unwrap();
    let Pair { brand, bank: _bank, world } = pair;
    brand.kill();
    let rogue = Rogue::in_home(&world.path("brand"));
    let asked = |sql: String| honest(contract, &sql, "joint-marketing", "google-dm/2");
    let mut elsewhere = asked(QUESTION.to_owned());
    elsewhere.contract = "00".repeat(32).parse().unwrap();
    let mut folded = asked(QUESTION.to_owned());
    folded.profile = format!("google-dm/1 {LITERAL}");
    let mut research = asked(QUESTION.to_owned());
    research.purpose = format!("research {LITERAL}");
    let cases = [
        (asked(filtered("bank.accounts.region = 'north'")), "E-POLICY-REVEAL-FILTER"),
        (asked(filtered("bank.accounts.credit_limit > 1000")), "E-POLICY-COLUMN"),
        (asked(filtered(&format!("bank.accounts.credit_tier = '{LITERAL}'"))), "E-POLICY-VALUE"),
        (asked(format!("SELECT customer, bank.accounts.tel {FROM}")), "E-POLICY-REVEAL-COLUMNS"),
        (
            asked("SELECT customer FROM brand.customers JOIN bank.loans USING (customer)".into()),
            "E-POLICY-DATASET",
        ),
        (asked("SELECT customer FROM bank.accounts".into()), "E-"),
        (asked(format!("SELECT MEDIAN(bank.accounts.balance) {FROM}")), "E-NOT-IN-THIS-VERSION"),
        (asked(format!("{QUESTION}; SELECT '{LITERAL}'")), "E-QUERY-UNSUPPORTED"),
        (asked(LITERAL.to_owned()), "E-QUERY"),
        (asked(String::new()), "E-QUERY"),
        (
            asked(filtered(&format!("{}'x' = bank.accounts.tel{}", "(".repeat(200), ")".repeat(200)))),
            "E-QUERY-TOO-DEEP",
        ),
        (asked("(".repeat(20_000)), "E-QUERY-TOO-LONG"),
        (elsewhere, "E-POLICY-CONTRACT-UNKNOWN"),
        (research, "E-POLICY-PURPOSE"),
        (folded, "E-POLICY-PROFILE"),
    ];
    let before = world.records("bank").len();
    for (number, (question, code)) in cases.iter().enumerate() {
        let mut talk = rogue.ask("bank", question).await;
        let heard = talk.hear().await;
        let Heard::Aside(Aside::Refused { code: told, reason: None }) = heard else {
            panic!("{code}: {heard:?}")
        };
        assert!(told.starts_with(code), "{told} instead of {code}");
        let record = world.records("bank").pop().unwrap();
        assert_eq!(
            (&record["kind"], &record["what"], &record["partner"]),
            (&json!("refusal"), &json!(told), &json!("brand"))
        );
        assert_eq!(world.records("bank").len(), before + number + 1);
        assert!(!record.to_string().contains(LITERAL), "{record}");
    }
    assert!(!world.log("bank").contains(LITERAL));
    // The same asker, with a question that it may ask, is served.
    let mut talk = rogue.ask("bank", &asked(filtered("bank.accounts.credit_tier = 'A'"))).await;
    assert_eq!(talk.granted().await, Ok(()));
}
