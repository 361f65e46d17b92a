//! Sets of every shape, and data in every form: the answer is always the plain intersection.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use tacit_tests::{
    World,
    pair::{ACCOUNTS, CUSTOMERS, EVERYBODY, MEMBERS, Pair, customers, ids, members, members_csv},
};

use crate::TACIT;

/// Asks, and holds the answer against a set intersection of the two lists.
#[track_caller]
fn compare(pair: &Pair, what: &str, brand: &[String], bank: &[String]) {
    // The datasets' files are read anew for each question, so it is enough to write them.
    pair.world.write("brand.csv", members_csv(brand));
    pair.world.write("bank.csv", members_csv(bank));
    let answer = pair.ask(MEMBERS);
    let theirs: BTreeSet<&String> = bank.iter().collect();
    let mut seen = BTreeSet::new();
    let expected: Vec<&String> = brand.iter().filter(|id| theirs.contains(id) && seen.insert(*id)).collect();
    assert_eq!(answer.iter().collect::<Vec<_>>(), expected, "{what}");
}

#[test]
fn sets_of_every_shape() {
    let pair = Pair::of_members(TACIT, &ids(0, 1), &ids(0, 1));
    let (some, others) = (ids(0, 300), ids(1000, 300));
    let twice: Vec<String> = some.iter().flat_map(|id| [id.clone(), id.clone()]).collect();
    let none: &[String] = &[];
    compare(&pair, "two empty sets", none, none);
    compare(&pair, "an empty set of ours", none, &some);
    compare(&pair, "an empty set of theirs", &some, none);
    compare(&pair, "one row each, the same", &some[..1], &some[..1]);
    compare(&pair, "one row each, another", &some[..1], &others[..1]);
    compare(&pair, "all equal", &some, &some);
    compare(&pair, "none equal", &some, &others);
    compare(&pair, "half of them", &ids(0, 300), &ids(150, 300));
    compare(&pair, "all of ours twice", &twice, &some);
    compare(&pair, "all of theirs twice", &some, &twice);
    compare(&pair, "a hundred times as many there", &ids(0, 50), &ids(25, 5000));
    compare(&pair, "a hundred times as many here", &ids(0, 5000), &ids(25, 50));
    // More than one chunk of the protocol, and not a whole number of them.
    compare(&pair, "two chunks", &ids(0, 20_000), &ids(10_000, 17_000));
}

#[test]
fn b05_a_customer_brings_no_more_identifiers_than_the_padding_hides() {
    let pair = Pair::new(TACIT);
    // One person by the address, with six numbers; at the bank six persons.
    let ours: String = (110..116)
        .map(|n| format!("C{n},+12125550{n},gus@example.org,other,single,home,1,2020-01-01,true\n"))
        .collect();
    let theirs: String = (110..116).map(|n| format!("A{n},+12125550{n},,north,A,1,1,0,true\n")).collect();
    pair.world.write("customers.csv", format!("{CUSTOMERS}{ours}"));
    pair.world.write("accounts.csv", format!("{ACCOUNTS}{theirs}"));
    let ran = pair.brand(&["query", EVERYBODY, "-o", "json"]).ok();
    // Four of the six numbers, and not the address.
    assert!(ran.err.contains("3 identifiers took no part"), "{}", ran.err);
    assert_eq!(customers(&ran), ["C1", "C2", "C3", "C4", "C5", "C110"]);
    let ran = pair.brand(&["query", &format!("{EVERYBODY} WHERE brand.customers.spend > 1")]).ok();
    assert!(!ran.err.contains("took no part"), "{}", ran.err);
}

#[test]
fn a_customer_with_two_rows_is_one() {
    let pair = Pair::of_members(TACIT, &ids(0, 1), &ids(0, 1));
    let [one, other] = [&ids(0, 2)[0], &ids(0, 2)[1]];
    pair.world.write("brand.csv", format!("member\n{one}\n{other}\n{one}\n"));
    pair.world.write("bank.csv", format!("member\n{one}\n{one}\n"));
    let answer = pair.brand(&["query", MEMBERS, "-o", "csv"]).ok().out;
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines.len(), 2, "{answer}");
    assert!(lines[1].starts_with(&format!("{one},member,{one}")), "{answer}");
}

/// Rows in one of the forms that a dataset may have.
fn ndjson(ids: &[String]) -> String {
    ids.iter().map(|id| format!("{{\"member\": \"{id}\", \"note\": null}}\n")).collect()
}

#[test]
fn newline_json_and_directories() {
    let world = World::new(TACIT);
    world.befriended();
    // The brand: newline-JSON. The bank: a directory of three CSV files.
    let (ours, theirs) = (ids(0, 900), ids(300, 900));
    let file = world.write("people.ndjson", ndjson(&ours));
    world.register("brand", "people", &file, &["member=member"], "member");
    fs::create_dir(world.path("parts")).unwrap();
    for (number, part) in theirs.chunks(400).enumerate() {
        world.write(&format!("parts/{number}.csv"), members_csv(part));
    }
    let parts = world.path("parts").to_string_lossy().into_owned();
    world.register("bank", "people", &parts, &["member=member"], "member");
    let shown = world.tacit("bank", &["dataset", "list", "-o", "json"]).ok().json();
    assert_eq!(shown[0]["rows"], 900, "{shown}");
    let pair = Pair::agreed(world, &members());
    assert_eq!(pair.ask(MEMBERS), ours[300..]);
    // A file more in the directory is there the next time.
    pair.world.write("parts/more.csv", members_csv(&ours[..10]));
    let answer: BTreeSet<String> = pair.ask(MEMBERS).into_iter().collect();
    assert_eq!(answer, ours[..10].iter().chain(&ours[300..]).cloned().collect());
}

#[test]
fn every_identity_profile_from_end_to_end() {
    // What both have, in two spellings that only this profile makes one.
    let cases: BTreeMap<&str, [(&str, &str); 2]> = BTreeMap::from([
        (
            "google-dm/2",
            [("j.a.n.e+x@googlemail.com", "JANE@googlemail.com"), ("+44 20 7946 0123", "+442079460123")],
        ),
        ("uid2/1", [("j.a.n.e+x@gmail.com", " JANE@gmail.com "), ("+44 20 7946 0123", "+442079460123")]),
        (
            "meta-capi/1",
            [(" Jane.Doe@gmail.com", "jane.doe@gmail.com "), ("0044 20 7946 0123", "+442079460123")],
        ),
        ("cn-mobile/1", [("jane@example.org", "JANE@example.org"), ("138 1234-5678", "+8613812345678")]),
    ]);
    for (profile, [mails, phones]) in cases {
        let world = World::new(TACIT);
        world.befriended();
        for (home, [mail, phone]) in [("brand", [mails.0, phones.0]), ("bank", [mails.1, phones.1])] {
            let rows = format!("nr,mail,tel\nm,{mail},\np,,{phone}\nx,{home}@example.org,\n");
            let file = world.write(&format!("{home}.csv"), rows);
            world.register(home, "people", &file, &["phone=tel", "email=mail"], "nr");
        }
        let contract = members()
            .replace("raw/1", profile)
            .replace("keys = [\"member\"]", "keys = [\"phone\", \"email\"]")
            .replace("member = {", "mail = { use = [\"match\"] }\ntel = {");
        let pair = Pair::agreed(world, &contract);
        assert_eq!(pair.ask(MEMBERS), ["m", "p"], "{profile}");
    }
}
