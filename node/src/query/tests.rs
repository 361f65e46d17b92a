use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::report::{Refusal, Report};

/// What the tests' asker knows about columns.
struct Known(BTreeMap<String, Vec<&'static str>>);

impl Columns for Known {
    fn columns(&self, table: &TableName) -> Option<Vec<String>> {
        Some(self.0.get(&table.to_string())?.iter().map(|&name| name.to_owned()).collect())
    }
}

fn known() -> Known {
    Known(BTreeMap::from([
        ("brand.customers".to_owned(), vec!["category", "spend", "region", "Since"]),
        ("bank.accounts".to_owned(), vec!["credit_tier", "balance", "region", "tel"]),
    ]))
}

const QUESTION: &str = "SELECT customer FROM brand.customers JOIN bank.accounts USING (customer) \
     WHERE brand.customers.category = 'maternal' AND bank.accounts.credit_tier = 'A'";

fn asked(condition: &str) -> String {
    format!("SELECT customer FROM brand.customers JOIN bank.accounts USING (customer) WHERE {condition}")
}

fn own(condition: &str) -> Result<String, QueryError> {
    Ok(parse(&asked(condition), &known())?.filter_of("brand").unwrap().sql())
}

fn code(sql: &str) -> &'static str {
    match parse(sql, &known()) {
        Ok(_) => "offered",
        Err(error) => error.code(),
    }
}

#[test]
fn a_reveal_is_taken_apart_by_side() {
    let parsed = parse(QUESTION, &NoColumns).unwrap();
    assert_eq!(parsed.filter_of("brand").unwrap().sql(), "\"category\" = 'maternal'");
    assert_eq!(parsed.filter_of("bank").unwrap().sql(), "\"credit_tier\" = 'A'");
    assert_eq!(parsed.table_of("bank").unwrap().to_string(), "bank.accounts");
    assert_eq!(
        parsed.sql(),
        "SELECT customer AS \"customer\" FROM \"bank\".\"accounts\" JOIN \"brand\".\"customers\" USING (customer) \
         WHERE \"bank\".\"accounts\".\"credit_tier\" = 'A' AND \"brand\".\"customers\".\"category\" = 'maternal'"
    );
}

#[test]
fn the_partner_sees_nothing_of_the_askers_own_side() {
    let parsed = parse(
        "SELECT customer AS pregnant, brand.customers.spend FROM brand.customers JOIN bank.accounts \
         USING (customer) WHERE brand.customers.category = 'maternal' AND bank.accounts.credit_tier = 'A'",
        &NoColumns,
    )
    .unwrap();
    let theirs = parsed.for_partner("bank");
    assert_eq!(
        theirs,
        "SELECT customer FROM \"bank\".\"accounts\" JOIN \"brand\".\"customers\" USING (customer) \
         WHERE \"bank\".\"accounts\".\"credit_tier\" = 'A'"
    );
    let read = parse(&theirs, &NoColumns).unwrap();
    assert_eq!(read.filter_of("bank"), parsed.filter_of("bank"));
    assert_eq!(read.filter_of("brand"), None);
}

#[test]
fn two_spellings_of_one_question_are_one_question() {
    let hash = |sql: &str| parse(sql, &known()).unwrap().hash();
    let first = hash(QUESTION);
    for same in [
        "select Customer from bank.accounts a join brand.customers c using (customer) where \
         a.credit_tier = 'A' and (c.category = 'maternal')",
        "SELECT DISTINCT customer FROM brand.customers JOIN bank.accounts USING (customer) -- a remark\n \
         WHERE CREDIT_TIER = 'A' AND category = 'maternal' AND category = 'maternal';",
    ] {
        assert_eq!(hash(same), first, "{same}");
    }
    assert_ne!(hash(&QUESTION.replace("'A'", "'B'")), first);
    assert_ne!(hash(&QUESTION.replace("'A'", "'a'")), first);
}

#[test]
fn names_are_completed_only_where_one_meaning_is_possible() {
    assert_eq!(own("spend > 10 AND tel = '1'").unwrap(), "\"spend\" > 10");
    assert_eq!(own("since > DATE '2026-01-01'").unwrap(), "\"Since\" > DATE '2026-01-01'");
    assert_eq!(own("c.spend = 1 AND tel = '1'").unwrap_err().code(), "E-QUERY-TABLE");
    assert_eq!(own("customers.spend = 1").unwrap(), "\"spend\" = 1");
    assert_eq!(own("region = 'x'").unwrap_err().code(), "E-QUERY-COLUMN-AMBIGUOUS");
    assert_eq!(own("colour = 'x'").unwrap_err().code(), "E-QUERY-COLUMN");
    let unknown = parse(&asked("spend = 1"), &NoColumns).unwrap_err();
    assert_eq!(
        Report::from(unknown).to_string(),
        "error[E-QUERY-COLUMN-AMBIGUOUS]: whose spend is meant?\n  \
         would do  brand.customers.spend or bank.accounts.spend"
    );
    let quoted = own("brand.customers.category = \"maternal\"").unwrap_err();
    assert!(Report::from(quoted).to_string().contains("values stand in 'single quotes'"));
}

#[test]
fn conditions_keep_their_meaning_when_printed() {
    for (written, printed) in [
        ("spend >= 10", "\"spend\" >= 10"),
        ("spend != -1.50", "\"spend\" <> -1.5"),
        ("10 < spend", "10 < \"spend\""),
        ("spend IN (3, 1, 2, 1)", "\"spend\" IN (1, 2, 3)"),
        ("category NOT IN ('b', 'a')", "\"category\" NOT IN ('a', 'b')"),
        ("spend NOT BETWEEN 1 AND 2", "\"spend\" NOT BETWEEN 1 AND 2"),
        ("category ILIKE 'ma%'", "\"category\" ILIKE 'ma%'"),
        ("category NOT LIKE '%o''clock'", "\"category\" NOT LIKE '%o''clock'"),
        ("category IS NOT NULL", "\"category\" IS NOT NULL"),
        ("NOT category = 'a'", "NOT (\"category\" = 'a')"),
        ("(category = 'a' OR spend = 1) IS NOT TRUE", "(\"category\" = 'a' OR \"spend\" = 1) IS NOT TRUE"),
        (
            "category = 'a' OR spend = 1 OR spend = 2",
            "(\"category\" = 'a' OR \"spend\" = 1 OR \"spend\" = 2)",
        ),
        (
            "category = 'a' OR (spend = 1 AND spend = 2)",
            "(\"category\" = 'a' OR (\"spend\" = 1 AND \"spend\" = 2))",
        ),
        ("lower(trim(category)) = 'a'", "lower(btrim(\"category\")) = 'a'"),
        ("TRIM(LEADING '0' FROM category) = 'a'", "ltrim(\"category\", '0') = 'a'"),
        ("SUBSTRING(category FROM 1 FOR 3) = 'mat'", "substr(\"category\", 1, 3) = 'mat'"),
        ("char_length(category) > 3", "character_length(\"category\") > 3"),
        ("coalesce(category, '') <> ''", "coalesce(\"category\", '') <> ''"),
        ("category || 'x' || 'y' = 'axy'", "\"category\" || 'x' || 'y' = 'axy'"),
        ("starts_with(category, 'ma')", "starts_with(\"category\", 'ma')"),
        (
            "CASE WHEN spend > 1 THEN category ELSE 'none' END = 'a'",
            "CASE WHEN \"spend\" > 1 THEN \"category\" ELSE 'none' END = 'a'",
        ),
        (
            "CASE category WHEN 'a' THEN TRUE WHEN 'b' THEN FALSE END",
            "CASE \"category\" WHEN 'a' THEN TRUE WHEN 'b' THEN FALSE END",
        ),
        ("since < TIMESTAMP '2026-12-01 08:00:00'", "\"Since\" < TIMESTAMP '2026-12-01 08:00:00'"),
        ("spend = 1 AND spend = 1 AND category = 'a'", "\"category\" = 'a' AND \"spend\" = 1"),
    ] {
        let once = own(written).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(once, printed, "{written}");
        assert_eq!(own(&once).unwrap(), once, "printed again");
    }
}

#[test]
fn b12_what_can_fail_on_a_row_is_refused_when_planned() {
    for condition in [
        "1 / (spend - 7) > 0",
        "spend / 2 > 3",
        "spend % 2 = 0",
        "spend + 1 > 0",
        "-spend < 0",
        "CAST(category AS INT) = 1",
        "category::int = 1",
        "TRY_CAST(category AS INT) = 1",
        "abs(spend) > 1",
        "sqrt(spend) > 1",
        "substr(category, spend) = 'a'",
        "substr(category, 1, -1) = 'a'",
        "to_date(category) = DATE '2026-01-01'",
        "EXTRACT(YEAR FROM since) = 2026",
        "category ~ '(a+)+'",
        "category LIKE brand.customers.region",
        "random() < 0.5",
    ] {
        let error = own(condition).unwrap_err();
        assert!(
            ["E-QUERY-CAN-FAIL", "E-QUERY-UNSUPPORTED", "E-QUERY-SYNTAX"].contains(&error.code()),
            "{condition}: {error}"
        );
    }
    assert_eq!(
        Report::from(own("spend / 2 > 3").unwrap_err()).to_string(),
        "error[E-QUERY-CAN-FAIL]: a division can fail on one row's value, and the failure would tell something \
         about that row\n  would do  compare the column itself with a constant"
    );
}

#[test]
fn a_condition_stays_on_one_side() {
    let error = own("category = 'a' OR credit_tier = 'A'").unwrap_err();
    assert_eq!(
        Report::from(error).to_string(),
        "error[E-QUERY-BOTH-SIDES]: one condition compares columns of brand.customers and of bank.accounts; \
         neither side may see both\n  \
         rule      each side filters its own rows at home; conditions are joined by AND\n  \
         would do  one condition on brand.customers AND another on bank.accounts, or two questions"
    );
    assert_eq!(own("spend > balance").unwrap_err().code(), "E-QUERY-BOTH-SIDES");
    assert_eq!(own("1 = 1").unwrap_err().code(), "E-QUERY-UNSUPPORTED");
    assert_eq!(own("customer = 'x'").unwrap_err().code(), "E-QUERY-UNSUPPORTED");
    assert_eq!(own("brand.customers.customer = 'x'").unwrap_err().code(), "E-QUERY-UNSUPPORTED");
}

#[test]
fn shapes_that_are_no_question_are_refused() {
    let from = "FROM brand.customers JOIN bank.accounts USING (customer)";
    for (sql, expected) in [
        ("", "E-QUERY-SYNTAX"),
        ("SELECT", "E-QUERY-SYNTAX"),
        ("SELECT customer FORM brand.customers", "E-QUERY-SYNTAX"),
        ("SELECT customer FROM brand.customers JOIN", "E-QUERY-SYNTAX"),
        ("SELECT 'unclosed", "E-QUERY-SYNTAX"),
        ("SELECT @@version", "E-QUERY-UNSUPPORTED"),
        ("SELECT {a}", "E-QUERY-SYNTAX"),
        ("SELECT customer FROM brand.customers; DROP TABLE x", "E-QUERY-UNSUPPORTED"),
        ("DROP TABLE brand.customers", "E-QUERY-UNSUPPORTED"),
        ("COPY brand.customers TO '/etc/passwd'", "E-QUERY-UNSUPPORTED"),
        ("CREATE EXTERNAL TABLE x (a INT) STORED AS CSV LOCATION '/etc'", "E-QUERY-UNSUPPORTED"),
        ("WITH x AS (SELECT 1) SELECT customer FROM brand.customers", "E-QUERY-UNSUPPORTED"),
        (
            "SELECT customer FROM brand.customers UNION SELECT customer FROM bank.accounts",
            "E-QUERY-UNSUPPORTED",
        ),
        ("SELECT customer FROM (SELECT * FROM brand.customers) x", "E-QUERY-UNSUPPORTED"),
        ("SELECT customer FROM brand.customers, bank.accounts", "E-QUERY-UNSUPPORTED"),
        (
            "SELECT customer FROM brand.customers LEFT JOIN bank.accounts USING (customer)",
            "E-QUERY-UNSUPPORTED",
        ),
        ("SELECT customer FROM brand.customers JOIN bank.accounts USING (tel)", "E-QUERY-UNSUPPORTED"),
        ("SELECT customer FROM brand.customers JOIN bank.accounts ON 1 = 1", "E-QUERY-UNSUPPORTED"),
        ("SELECT customer FROM brand.customers NATURAL JOIN bank.accounts", "E-QUERY-UNSUPPORTED"),
        ("SELECT customer FROM brand.customers CROSS JOIN bank.accounts", "E-QUERY-UNSUPPORTED"),
        ("SELECT customer FROM brand.customers JOIN brand.orders USING (customer)", "E-QUERY-UNSUPPORTED"),
        ("SELECT customer FROM customers JOIN accounts USING (customer)", "E-QUERY-UNSUPPORTED"),
        ("SELECT customer FROM brand.customers", "E-QUERY-UNSUPPORTED"),
        (
            "SELECT customer FROM read_csv('/etc/passwd') JOIN bank.accounts USING (customer)",
            "E-QUERY-UNSUPPORTED",
        ),
        (&format!("SELECT * {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT c.* {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT spend {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer, spend AS customer {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer, spend + 1 {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT DISTINCT ON (spend) customer {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer INTO x {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer {from} ORDER BY spend"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer {from} LIMIT 10"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer {from} FETCH FIRST 3 ROWS ONLY"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer {from} FOR UPDATE"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT WITH DIFFERENTIAL_PRIVACY customer {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer {from} WHERE spend IN (SELECT 1)"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer {from} WHERE EXISTS (SELECT 1)"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer {from} JOIN x.y USING (customer)"), "E-NOT-IN-THIS-VERSION"),
        (&format!("SELECT COUNT(*), spend {from}"), "E-QUERY-NOT-GROUPED"),
        (&format!("SELECT COUNT(*), customer {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT COUNT(*) {from} GROUP BY customer"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT MEDIAN(spend) {from}"), "E-NOT-IN-THIS-VERSION"),
        (&format!("SELECT MEDIAN(spend, 0.5) {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT QUANTILE(spend) {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT QUANTILE(spend, 1) {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT QUANTILE(spend, spend) {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT COUNT(*) AS n, SUM(spend) AS n {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT COUNT(*) AS n, SUM(spend) AS n_low95 {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT category {from} GROUP BY category"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT customer {from} HAVING customer = 'x'"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT SUM(spend) OVER () {from}"), "E-QUERY-UNSUPPORTED"),
        (&format!("SELECT COUNT(*) {from} HAVING COUNT(*) > 3"), "offered"),
        (&format!("SELECT COUNT(*) {from}"), "offered"),
        ("SELECT COUNT(*), AVG(balance) FROM bank.accounts", "offered"),
        ("SELECT COUNT(*) FROM bank.accounts HAVING SUM(balance) > 1", "E-QUERY-UNSUPPORTED"),
        ("SELECT COUNT(*) FROM bank.accounts HAVING balance > 1", "E-QUERY-UNSUPPORTED"),
        ("SELECT COUNT(*) FROM bank.accounts ORDER BY 2", "E-QUERY-UNSUPPORTED"),
        ("SELECT COUNT(*) FROM bank.accounts ORDER BY balance", "E-QUERY-UNSUPPORTED"),
        ("SELECT COUNT(*) FROM bank.accounts LIMIT balance", "E-QUERY-UNSUPPORTED"),
        ("SELECT COUNT(*) FROM bank.accounts LIMIT -1", "E-QUERY-UNSUPPORTED"),
        ("SELECT COUNT(*) FROM bank.accounts HAVING 1 / COUNT(*) > 1", "E-QUERY-UNSUPPORTED"),
        ("SELECT COUNT(*) FROM bank.accounts WHERE COUNT(*) > 1", "E-QUERY-UNSUPPORTED"),
    ] {
        assert_eq!(code(sql), expected, "{sql}: {:?}", parse(sql, &known()).err());
    }
}

#[test]
fn the_question_of_the_interface_is_understood() {
    let sql = "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5)
                      bank.accounts.region, COUNT(*) AS customers, SUM(bank.accounts.balance) AS balance
               FROM   brand.customers JOIN bank.accounts USING (customer)
               WHERE  brand.customers.category = 'maternal' AND bank.accounts.credit_tier = 'A'
               GROUP  BY bank.accounts.region";
    let parsed = parse(sql, &NoColumns).unwrap();
    assert_eq!(parsed.epsilon(), Some(500_000));
    let uses: Vec<String> =
        parsed.uses().iter().map(|(column, usage)| format!("{column} {usage:?}")).collect();
    assert_eq!(
        uses,
        [
            "bank.accounts.balance Measure",
            "bank.accounts.credit_tier Filter",
            "bank.accounts.region Group",
            "brand.customers.category Filter"
        ]
    );
    assert_eq!(parse(&parsed.sql(), &NoColumns).unwrap().hash(), parsed.hash());
    let Ask::Join(aggregates) = parsed.ask() else { panic!("not a join") };
    assert_eq!(aggregates.figures[1], (Aggregate::Count, "customers".to_owned()));
}

#[test]
fn f05_an_epsilon_that_is_none_is_refused() {
    for options in [
        "(epsilon = 0)",
        "(epsilon = -1)",
        "(epsilon = 1e20)",
        "(epsilon = 0.0000001)",
        "(epsilon = NaN)",
        "(epsilon = '1')",
        "(epsilon = 1, epsilon = 2)",
        "(epsilon 1)",
        "epsilon = 1",
        "(rho = 1)",
        "(epsilon = 1",
    ] {
        let sql = format!("SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS {options} COUNT(*) FROM bank.accounts");
        let code = parse(&sql, &NoColumns).unwrap_err().code();
        assert!(["E-QUERY-EPSILON", "E-QUERY-UNSUPPORTED"].contains(&code), "{sql}: {code}");
    }
    let sql = "SELECT COUNT(*) FROM bank.accounts WHERE tel = 'SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0)'";
    assert!(parse(sql, &NoColumns).is_ok(), "a string is not a clause");
}

#[test]
fn c07_no_error_repeats_a_constant() {
    const SECRET: &str = "13800138000";
    for sql in [
        format!("SELECT customer FROM brand.customers '{SECRET}'"),
        format!("'{SECRET}'"),
        format!("SELECT customer FROM '{SECRET}'.'{SECRET}'"),
        format!("SELECT customer AS '{SECRET}' FROM a.b JOIN c.d USING (customer)"),
        asked(&format!("tel = '{SECRET}' '{SECRET}'")),
        asked(&format!("tel = '{SECRET}")),
        asked(&format!("tel = {SECRET} {SECRET}")),
        asked(&format!("tel = {SECRET}{SECRET}{SECRET}")),
        asked(&format!("tel BETWEEN '{SECRET}'")),
        asked(&format!("tel = DATE '{SECRET}'")),
        asked(&format!("tel LIKE '{SECRET}' ESCAPE '{SECRET}'")),
        asked(&format!("foo('{SECRET}') = 1")),
        asked(&format!("'{SECRET}' = '{SECRET}'")),
        asked(&format!("tel = X'{SECRET}'")),
        asked(&format!("tel = CAST('{SECRET}' AS INT)")),
        asked(&format!("tel = INTERVAL '{SECRET}'")),
    ] {
        let report = Report::from(parse(&sql, &known()).unwrap_err());
        assert!(!report.to_string().contains(SECRET), "{report}");
    }
    let parsed = parse(&asked(&format!("tel = '{SECRET}'")), &known()).unwrap();
    assert!(!format!("{parsed:?}").contains(SECRET), "Debug goes to logs");
}

#[test]
fn a10_deep_and_long_questions_end_quickly_on_a_small_stack() {
    let worst = [
        asked(&format!("{}spend = 1{}", "(".repeat(3000), ")".repeat(3000))),
        asked(&format!("{}spend = 1{}", "(".repeat(12), ")".repeat(12))),
        asked(&format!("{}spend = 1", "NOT ".repeat(5000))),
        asked(&format!("{}spend = 1", "NOT ".repeat(60))),
        asked(&format!("spend = {}1", "- ".repeat(5000))),
        asked(&vec!["spend = 1"; 2000].join(" AND ")),
        asked(&vec!["spend = 1"; 2000].join(" OR ")),
        asked(&format!("category = 'a' {}", "|| 'a' ".repeat(3900))),
        asked(&format!("spend = 1 {}", "IS NULL ".repeat(3900))),
        asked(&format!("spend {}", "= 1 ".repeat(3900))),
        asked(&format!("spend {} 1", "BETWEEN 1 AND ".repeat(2000))),
        asked(&format!("{} 1 {}", "CASE WHEN spend = 1 THEN ".repeat(1000), "END ".repeat(1000))),
        asked(&format!("{} 1 {}", "CASE WHEN spend = 1 THEN ".repeat(12), "END ".repeat(12))),
        asked(&format!("{}category{} = 'a'", "lower(".repeat(12), ")".repeat(12))),
        asked(&format!("{}category{} = 'a'", "((lower)".repeat(8), ")".repeat(8))),
        asked(&format!("spend {} 1", "IN (1, spend ".repeat(12))),
        asked(&format!("spend IN ({})", vec!["1"; 4000].join(","))),
        asked(&"spend".repeat(20_000)),
        asked(&format!("spend = 1{}", "::int".repeat(3000))),
        asked(&format!("spend = {}'1'", "INTERVAL ".repeat(3000))),
        asked(&format!("spend = {}'1'", "INTERVAL ".repeat(30))),
        asked(&format!("spend = {}'1'", "DATE ".repeat(3000))),
        format!("{}1{}", "SELECT (".repeat(3000), ")".repeat(3000)),
        format!("{}1{}", "SELECT (".repeat(12), ")".repeat(12)),
        format!("SELECT customer FROM {}a.b{}", "(".repeat(12), ")".repeat(12)),
        format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(2000)),
        format!("SELECT {}1", "SELECT ".repeat(4000)),
        format!("SELECT customer FROM a.b {}", "JOIN c.d USING (customer) ".repeat(900)),
        format!("SELECT customer FROM a.b {}", "JOIN ".repeat(4000)),
        format!("SELECT {} FROM a.b", vec!["customer"; 4000].join(", ")),
        asked(&format!("{}spend{}", "((POSITION ".repeat(6), ") IN spend)".repeat(6))),
        asked(&format!("{}spend{}", "(END = ".repeat(1000), ")".repeat(1000))),
        asked(&format!("{}spend{}", "lower(END = ".repeat(1000), ")".repeat(1000))),
        "EXPLAIN ".repeat(4000),
        "BEGIN ".repeat(4000),
        format!("WITH a AS {}SELECT 1{}", "(WITH a AS ".repeat(11), ")".repeat(11)),
    ];
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        for (at, sql) in worst.iter().enumerate() {
            let started = std::time::Instant::now();
            let result = parse(sql, &known());
            // Not a speed test: an exponential parser would not come back within the test's lifetime.
            if started.elapsed().as_secs() > 20 {
                panic!("number {at} took {:?}: {:?}", started.elapsed(), result.err());
            }
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn kinds_that_do_not_compare_are_refused() {
    let kinds = |name: &str| match name {
        "category" | "region" => Some(Kind::Text),
        "spend" => Some(Kind::Number),
        "vip" => Some(Kind::Boolean),
        "day" => Some(Kind::Date),
        "moment" => Some(Kind::Timestamp),
        "blob" => Some(Kind::Other),
        _ => None,
    };
    let check = |condition: &str| {
        let parsed = parse(&asked(&format!("({condition}) AND brand.customers.vip")), &Loose).unwrap();
        let table = parsed.table_of("brand").unwrap().clone();
        parsed.filter_of("brand").unwrap().check(&table, &kinds)
    };
    /// Every column belongs to the brand.
    struct Loose;
    impl Columns for Loose {
        fn columns(&self, table: &TableName) -> Option<Vec<String>> {
            let names = ["category", "region", "spend", "vip", "day", "moment", "blob", "other"];
            Some(if table.owner == "brand" { names.map(str::to_owned).to_vec() } else { Vec::new() })
        }
    }
    for fits in [
        "category = 'a'",
        "spend BETWEEN 1 AND 2.5",
        "vip",
        "NOT vip",
        "vip = TRUE",
        "vip IS NOT FALSE",
        "day > '2026-12-01'",
        "day > DATE '2026-12-01'",
        "day IN ('2026-12-01', '2026-12-02')",
        "moment <= '2026-12-01 08:00:00'",
        "length(category) > 3",
        "category = region",
        "CASE WHEN vip THEN spend ELSE 0 END > 3",
        "CASE category WHEN 'a' THEN vip ELSE FALSE END",
        "coalesce(category, region, 'x') = 'x'",
        "lower(category) LIKE 'a%'",
        "category || region = 'ab'",
    ] {
        assert_eq!(check(fits), Ok(()), "{fits}");
    }
    for differs in [
        "category = 1",
        "spend = '1'",
        "spend IN ('1')",
        "spend LIKE '1%'",
        "vip = 1",
        "vip > FALSE",
        "day = 'soon'",
        "day = '2026-W10-1'",
        "day = TIMESTAMP '2026-12-01 08:00:00'",
        "moment = DATE '2026-12-01'",
        "blob = blob",
        "blob IS NULL",
        "category",
        "NOT spend",
        "lower(spend) = 'a'",
        "coalesce(category, 1) = 'x'",
        "CASE WHEN spend THEN 1 END = 1",
        "CASE WHEN vip THEN 1 ELSE 'a' END = 1",
        "spend || 'a' = 'a'",
        "other = 1",
        "spend = day",
        "day BETWEEN 1 AND 2",
    ] {
        assert!(check(differs).is_err(), "{differs}");
    }
}

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "SELECT",
            "customer",
            "FROM",
            "brand.customers",
            "bank.accounts",
            "JOIN",
            "USING",
            "(",
            ")",
            ",",
            "(customer)",
            "WHERE",
            "AND",
            "OR",
            "NOT",
            "IN",
            "BETWEEN",
            "LIKE",
            "IS",
            "NULL",
            "CASE",
            "WHEN",
            "THEN",
            "ELSE",
            "END",
            "=",
            "<",
            ">",
            "<>",
            "*",
            "/",
            "'a'",
            "'",
            "\"",
            "`",
            "1",
            "1.5",
            "-",
            "--",
            "/*",
            "*/",
            ";",
            "spend",
            "category",
            "COUNT(*)",
            "SUM(spend)",
            "GROUP BY",
            "WITH DIFFERENTIAL_PRIVACY",
            "OPTIONS",
            "(epsilon = 0.5)",
            "DISTINCT",
            "AS",
            "lower(",
            "DATE",
            "INTERVAL",
            "::",
            "CAST(",
            "UNION",
            "[",
            "{",
            "$1",
            "?",
            "@",
            "#",
            "\0",
            "é",
            "中文",
            "\u{202e}",
            "E'\\x'",
            "$$",
            "X'00'",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,12}",
        "\\PC{0,6}",
    ]
}

proptest! {
    #[test]
    fn hostile_text_never_panics_and_what_is_read_prints_the_same(parts in prop::collection::vec(fragment(), 0..40)) {
        let sql = parts.join(" ");
        if let Ok(parsed) = parse(&sql, &known()) {
            let printed = parsed.sql();
            let again = parse(&printed, &NoColumns);
            prop_assert!(again.is_ok(), "{} → {:?}", printed, again.err());
            prop_assert_eq!(again.unwrap().sql(), printed);
        }
    }

    #[test]
    fn a_condition_of_fragments_prints_the_same(parts in prop::collection::vec(condition_fragment(), 1..24)) {
        if let Ok(parsed) = parse(&asked(&parts.join(" ")), &known()) {
            let printed = parsed.sql();
            let again = parse(&printed, &NoColumns);
            prop_assert!(again.is_ok(), "{} → {:?}", printed, again.err());
            prop_assert_eq!(again.unwrap().sql(), printed);
        }
    }

    #[test]
    fn for_partner_holds_nothing_of_the_askers_filter(secret in "[a-z]{12}", theirs in "[a-z]{1,5}", turned: bool) {
        let (own, their) = (format!("category = '{secret}'"), format!("credit_tier = '{theirs}'"));
        let condition = if turned { format!("{their} AND {own}") } else { format!("{own} AND {their}") };
        let parsed = parse(&asked(&condition), &known()).unwrap();
        let sent = parsed.for_partner("bank");
        prop_assert!(!sent.contains(&secret) && !sent.contains("category"));
        let read = parse(&sent, &NoColumns).unwrap();
        prop_assert_eq!(read.filter_of("brand"), None);
        prop_assert_eq!(read.filter_of("bank"), parsed.filter_of("bank"));
        prop_assert_eq!(read.for_partner("bank"), sent);
    }
}

fn condition_fragment() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "spend",
        "category",
        "tel",
        "=",
        "<>",
        "1",
        "-2",
        "'a'",
        "'it''s'",
        "AND",
        "OR",
        "NOT",
        "(",
        ")",
        "IN (1, 2)",
        "NOT IN ('a')",
        "BETWEEN 1 AND 2",
        "LIKE 'a%'",
        "IS NULL",
        "IS NOT TRUE",
        "spend = 1",
        "category = 'a'",
        "tel <> 'b'",
        "lower(category)",
        "|| 'x'",
        "CASE WHEN spend = 1 THEN",
        "ELSE",
        "END",
        "TRUE",
        "DATE '2026-01-01'",
        "spend = 1 AND",
        "category = 'a' OR",
        "NOT (",
        "coalesce(category, 'b')",
    ])
    .prop_map(str::to_owned)
}
