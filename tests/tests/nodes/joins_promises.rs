//! What is promised of figures over an overlap, between two real nodes: both budgets, budgets under load, nothing that
//! multiplies, nothing in a log.

use std::{fmt::Write as _, thread, time::Duration};

use datafusion::{
    arrow::array::{Array, AsArray},
    arrow::datatypes::{Float64Type, Int64Type},
    prelude::{ParquetReadOptions, SessionContext},
};
use serde_json::Value;
use tacit_node::{
    config::Home,
    control::{self, Request},
    query::{QueryRequest, Wish},
};
use tacit_tests::{
    World,
    pair::{Pair, ids, replaced},
};

use crate::{
    TACIT,
    joins::{OVER, contract, near, pair_under},
};

fn prices(world: &World, home: &str) -> Vec<(Value, u64)> {
    let charge = |record: &Value| {
        let charge = record["body"]["charge"].as_object()?;
        Some((charge["account"].clone(), charge["price"]["nano_rho"].as_u64()?))
    };
    world.records(home).iter().filter_map(charge).collect()
}

#[test]
fn where_both_receive_both_get_the_answer_with_intervals_and_both_accounts_pay() {
    let pair = pair_under(&replaced(&contract(), "receiver = \"asker\"", "receiver = \"both\""));
    let question = format!(
        "SELECT bank.accounts.region, COUNT(*) AS n, AVG(brand.customers.spend) AS spend {OVER} \
         WHERE brand.customers.category = 'maternal' GROUP BY bank.accounts.region"
    );
    let plan = pair.brand(&["explain", &question]).ok().out;
    for part in
        ["data of brand        epsilon 2", "; bank pays", "data of bank         epsilon 2", "; brand pays"]
    {
        assert!(plan.contains(part), "{part} in {plan}");
    }
    for part in ["budget of brand", "budget of bank", "of 8 is used"] {
        assert!(plan.contains(part), "{part} in {plan}");
    }
    let rows = pair.brand(&["query", &question, "-o", "json"]).ok().json();
    let rows = rows.as_array().unwrap();
    for (region, n) in [("north", 150.0), ("south", 300.0)] {
        let row = rows.iter().find(|row| row["region"] == region).unwrap();
        near(row, "n", n);
        near(row, "spend", 10.0);
    }
    for home in ["brand", "bank"] {
        pair.world.until("the answer's record", || {
            pair.world.record_lines(home).iter().any(|line| line.starts_with("answer"))
        });
        let prices = prices(&pair.world, home);
        assert_eq!(prices.len(), 2, "{home}: {prices:?}");
        assert_ne!(prices[0].0, prices[1].0, "two accounts");
        assert_eq!(prices[0].1, prices[1].1, "each pays the whole price");
        assert!(prices[0].1 > 200_000);
        let verified = pair.world.tacit(home, &["audit", "verify"]).ok().out;
        assert!(verified.contains("2 prices buy the noise that is told"), "{verified}");
    }
    // The bank's table: the same figures, the same intervals, by names of its own; the brand's stay at home.
    let folder = pair.world.path("bank").join("answers");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("one answer: {files:?}") };
    let table = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let context = SessionContext::new();
        let file = file.to_string_lossy().into_owned();
        let frame = context.read_parquet(file, ParquetReadOptions::default()).await.unwrap();
        frame.collect().await.unwrap()
    });
    let mut found = 0;
    for batch in &table {
        let text = datafusion::arrow::datatypes::DataType::Utf8;
        let regions =
            datafusion::arrow::compute::cast(batch.column_by_name("region").unwrap(), &text).unwrap();
        for row in 0..batch.num_rows() {
            let region = regions.as_string::<i32>().value(row);
            let brands = rows.iter().find(|row| row["region"] == region).unwrap();
            for suffix in ["", "_low95", "_high95"] {
                for (own, name) in [("count", "n"), ("avg_spend", "spend")] {
                    let (own, name) = (format!("{own}{suffix}"), format!("{name}{suffix}"));
                    let column =
                        batch.column_by_name(&own).unwrap_or_else(|| panic!("{own} in {:?}", batch.schema()));
                    let value = match column.is_null(row) {
                        true => None,
                        false => Some(match column.as_primitive_opt::<Int64Type>() {
                            Some(whole) => whole.value(row) as f64,
                            None => column.as_primitive::<Float64Type>().value(row),
                        }),
                    };
                    let theirs = brands[&name].as_f64();
                    let same = match (value, theirs) {
                        (Some(one), Some(other)) => (one - other).abs() < 1e-9,
                        (one, other) => one == other,
                    };
                    assert!(same, "{region}, {name}: {value:?} and {theirs:?}");
                    found += usize::from(value.is_some());
                }
            }
        }
    }
    assert!(found >= 12, "{found} figures at the bank");
    // Asked again it is free, for both.
    pair.brand(&["query", &question]).ok();
    assert_eq!((prices(&pair.world, "brand").len(), prices(&pair.world, "bank").len()), (2, 2));
}

/// Both have these people; the brand each of them in so many rows, the bank in one more.
fn pair_of<'a>(people: &[String], categories: impl Iterator<Item = &'a str>, times: usize) -> Pair {
    let world = World::new(TACIT);
    world.befriended();
    let mut customers = "member,category,spend\n".to_owned();
    let mut accounts = "member,tier,region,balance\n".to_owned();
    for (id, category) in people.iter().zip(categories) {
        (0..times).for_each(|_| writeln!(customers, "{id},{category},10").unwrap());
        (0..=times).for_each(|_| writeln!(accounts, "{id},A,north,40").unwrap());
    }
    let file = world.write("customers.csv", customers);
    world.register("brand", "customers", &file, &["member=member"], "member");
    let file = world.write("accounts.csv", accounts);
    world.register("bank", "accounts", &file, &["member=member"], "member");
    Pair::agreed(world, &contract())
}

#[test]
fn t11_rows_that_repeat_on_both_sides_do_not_multiply() {
    let people = ids(0, 400);
    let pair = pair_of(&people, std::iter::repeat("maternal"), 7);
    let question =
        format!("SELECT COUNT(*) AS n, SUM(brand.customers.spend * bank.accounts.balance) AS p {OVER}");
    let rows = pair.brand(&["query", &question, "-o", "json"]).ok().json();
    near(&rows[0], "n", 400.0);
    near(&rows[0], "p", 400.0 * 400.0);
}

#[test]
fn t15_two_joins_that_differ_in_one_customer_are_both_charged() {
    let people = ids(0, 400);
    let categories =
        people.iter().enumerate().map(|(number, _)| if number == 7 { "home" } else { "maternal" });
    let pair = pair_of(&people, categories, 1);
    // The second leaves one customer out, by a condition of the asker's that the bank does not see.
    for condition in ["", "WHERE brand.customers.category = 'maternal'"] {
        let question = format!("SELECT COUNT(*) AS n {OVER} {condition}");
        let rows = pair.brand(&["query", &question, "-o", "json", "--epsilon", "0.5"]).ok().json();
        near(&rows[0], "n", 400.0);
    }
    for home in ["brand", "bank"] {
        let prices = prices(&pair.world, home).into_iter().map(|(_, price)| price);
        let figures: Vec<u64> = prices.filter(|price| *price > 200_000).collect();
        assert!(figures.len() == 2 && figures[0] == figures[1], "{home} has charged both: {figures:?}");
    }
}

#[test]
fn t22_of_many_joins_at_a_time_exactly_as_many_are_answered_as_the_budget_has_room_for() {
    let little = replaced(&contract(), "epsilon = 8.0", "epsilon = 1.0");
    let pair = pair_under(&replaced(&little, "per_query_epsilon = 2.0", "per_query_epsilon = 0.5"));
    let question = |number: usize| format!("SELECT COUNT(*) AS n{number} {OVER}");
    let plan = pair.brand(&["explain", &question(0), "-o", "json"]).ok().json();
    let cost = &plan["cost"];
    let number = |value: &Value| value["nano_rho"].as_u64().expect("an amount");
    let limit = number(&cost["budgets"][0]["limit"]);
    // The question's own account pays for figures alone; what each hears of the other's size stands beside it.
    let price = number(&cost["charges"][0]["amount"]);
    let room = (limit / price) as usize;
    assert!((2..12).contains(&room), "{room} of {price} in {limit}");
    let (world, many) = (&pair.world, room + 6);
    let answered = thread::scope(|scope| {
        let asking: Vec<_> = (0..many)
            .map(|number| {
                scope.spawn(move || {
                    loop {
                        let ran = world.tacit("brand", &["query", &question(number)]);
                        if !ran.err.contains("E-LIMIT-SESSIONS") {
                            return (ran.status, ran.err);
                        }
                        thread::sleep(Duration::from_millis(200));
                    }
                })
            })
            .collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect::<Vec<_>>()
    });
    let ok = answered.iter().filter(|(status, _)| *status == 0).count();
    assert_eq!(ok, room, "{answered:?}");
    for (status, err) in answered.iter().filter(|(status, _)| *status != 0) {
        assert!(*status == 4 && err.contains("E-BUDGET"), "{status}: {err}");
    }
    for home in ["brand", "bank"] {
        let charged = prices(&pair.world, home);
        let of_figures = charged.iter().filter(|(_, charged)| *charged == price).count();
        assert_eq!(of_figures, room, "{home}");
        pair.world.tacit(home, &["audit", "verify"]).ok();
    }
}

#[test]
fn t28_what_travels_for_a_join_is_as_much_with_a_heavy_customer_as_with_none() {
    let people = ids(0, 300);
    let pair = pair_of(&people, std::iter::repeat("maternal"), 1);
    let mut heavy = "member,tier,region,balance\n".to_owned();
    for (number, id) in people.iter().enumerate() {
        let times = if number == 0 { 20_000 } else { 1 };
        (0..times).for_each(|_| writeln!(heavy, "{id},A,north,100").unwrap());
    }
    let question = format!("SELECT COUNT(*) AS n, SUM(bank.accounts.balance) AS balance {OVER}");
    let ask = || {
        pair.brand(&["query", &question]).ok();
        let records = pair.world.records("brand");
        let answer = records.iter().rfind(|record| record["kind"] == "answer").unwrap();
        let outcome = &answer["body"]["outcome"];
        (outcome["own_size"].clone(), outcome["partner_size"].clone())
    };
    // The same customers, so the same dummies: sizes are all that lengths depend on.
    let light = ask();
    pair.world.write("accounts.csv", heavy);
    assert_eq!(ask(), light);
}

#[test]
fn t30_no_figure_of_a_join_stands_in_a_log_a_record_or_a_receipt_noisy_or_exact() {
    let pair = pair_under(&contract());
    let question = format!("SELECT COUNT(*) AS n, SUM(bank.accounts.balance) AS balance {OVER}");
    let rows = pair.brand(&["query", &question, "-o", "json"]).ok().json();
    let balance = rows[0]["balance"].as_f64().unwrap();
    // 900 might be a number of anything; 36000 and the noisy sum are not.
    let figures = ["36000".to_owned(), format!("{balance}"), format!("{}", balance as i64)];
    for home in ["brand", "bank"] {
        pair.world.until("the answer's record", || {
            pair.world.record_lines(home).iter().any(|line| line.starts_with("answer"))
        });
        let run = |words: &[&str]| pair.world.tacit(home, words).ok().out;
        for (place, text) in [
            ("node's log", pair.world.log(home)),
            ("records", run(&["audit", "log", "-o", "json"])),
            ("status", run(&["status", "-o", "json"])),
            ("budget", run(&["budget", "-o", "json"])),
        ] {
            for figure in &figures {
                let stands = text.match_indices(figure.as_str()).any(|(at, _)| {
                    let part =
                        |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
                    !part(text[..at].chars().next_back()) && !part(text[at + figure.len()..].chars().next())
                });
                assert!(!stands, "{figure} stands in the {place} of {home}");
            }
        }
    }
}

#[test]
fn join_01_groups_and_measures_of_a_holder_whom_few_look_up_are_near_the_plain_joins() {
    let world = World::new(TACIT);
    world.befriended();
    // Far fewer at the brand, so it looks up, whatever the bank's groups and measure cost then.
    let (few, many) = (ids(0, 600), ids(0, 20_000));
    let mut customers = "member,category,spend\n".to_owned();
    for (number, id) in few.iter().enumerate() {
        writeln!(customers, "{id},{},10", if number % 2 == 0 { "maternal" } else { "home" }).unwrap();
    }
    let mut accounts = "member,tier,region,balance\n".to_owned();
    for (number, id) in many.iter().enumerate() {
        writeln!(accounts, "{id},A,{},40", ["north", "south", "west"][number % 3]).unwrap();
    }
    let file = world.write("customers.csv", customers);
    world.register("brand", "customers", &file, &["member=member"], "member");
    let file = world.write("accounts.csv", accounts);
    world.register("bank", "accounts", &file, &["member=member"], "member");
    let pair = Pair::agreed(world, &contract());
    let sql = format!(
        "SELECT bank.accounts.region, brand.customers.category, COUNT(*) AS n, SUM(bank.accounts.balance) AS balance \
         {OVER} GROUP BY bank.accounts.region, brand.customers.category"
    );
    let rows = pair.brand(&["query", &sql, "-o", "json"]).ok().json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        near(row, "n", 100.0);
        near(row, "balance", 4_000.0);
    }
    // Asked again, the reply says who looked up.
    let home = Home::at(pair.world.path("brand"));
    let wait = Duration::from_secs(60);
    let request = QueryRequest { sql, contract: None, purpose: None, wish: Wish::default(), wait };
    let told = control::perform(&home, Request::Query(request), &mut |_| {}).unwrap().document.unwrap();
    assert_eq!(told["seeker"]["partner"], "brand", "{told}");
    assert!(told["seeker"]["because"].as_str().unwrap().contains("customers"), "{told}");
}
