//! Questions for noisy figures over one table: what is understood, what the partner sees, what is done afterwards.

use super::*;
use crate::{data::Value, report::Refusal};

fn read(sql: &str) -> Parsed {
    parse(sql, &NoColumns).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn asked(sql: &str) -> Aggregates {
    read(sql).aggregates().unwrap().clone()
}

#[test]
fn figures_over_one_table_are_understood() {
    let asked = asked(
        "SELECT region, COUNT(*), COUNT(DISTINCT customer) AS n, SUM(balance), AVG(balance) AS mean, STDDEV(balance), \
         MEDIAN(balance), QUANTILE(balance, 0.9), PERCENTILE_CONT(balance, .25) AS low FROM bank.accounts a \
         WHERE a.tier = 'A' GROUP BY region",
    );
    let labels: Vec<&str> = asked.figures.iter().map(|(_, label)| label.as_str()).collect();
    assert_eq!(
        labels,
        [
            "region",
            "count",
            "n",
            "sum_balance",
            "mean",
            "stddev_balance",
            "median_balance",
            "quantile_balance_9",
            "low"
        ]
    );
    // COUNT(*) and COUNT(DISTINCT customer) are one figure.
    assert_eq!(asked.computed().len(), 7);
}

#[test]
fn the_partner_sees_figures_and_not_what_the_asker_calls_them_or_does_with_them() {
    let one = read(
        "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.50, delta = 1e-7) region, tier, SUM(balance) AS total, \
         COUNT(*) AS n FROM bank.accounts WHERE region IN ('b', 'a') GROUP BY region, tier \
         HAVING n > 100 AND total BETWEEN 1 AND 9 ORDER BY total DESC, 1 LIMIT 3 OFFSET 1",
    );
    let other = read(
        "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (delta = 0.0000001, epsilon = 0.5) COUNT(*), COUNT(DISTINCT customer) AS c, \
         tier, SUM(balance) FROM bank.accounts x WHERE x.region IN ('a', 'b', 'a') GROUP BY tier, region",
    );
    let sent = one.for_partner("bank");
    assert_eq!(
        sent,
        "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5, delta = 0.0000001) COUNT(*), \
         SUM(\"bank\".\"accounts\".\"balance\") FROM \"bank\".\"accounts\" WHERE \"bank\".\"accounts\".\"region\" \
         IN ('a', 'b') GROUP BY \"bank\".\"accounts\".\"region\", \"bank\".\"accounts\".\"tier\""
    );
    assert_eq!(other.for_partner("bank"), sent);
    // The owner hashes what it has read, the asker what it has sent.
    assert_eq!(read(&sent).hash_for("bank"), one.hash_for("bank"));
    assert_ne!(one.hash(), other.hash(), "they are two questions to their asker");
    assert_eq!(read(&one.sql()).sql(), one.sql());
    assert_ne!(read(&sent.replace("0.5", "0.6")).hash_for("bank"), one.hash_for("bank"));
}

#[test]
fn f05_epsilon_and_delta_are_numbers_in_their_range_and_are_said_once() {
    for options in ["delta = 0", "delta = 1", "delta = -1e-6", "delta = 1e-6, delta = 1e-7", "delta = NaN"] {
        let sql = format!("SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS ({options}) COUNT(*) FROM bank.accounts");
        assert_eq!(parse(&sql, &NoColumns).unwrap_err().code(), "E-QUERY-DELTA", "{options}");
    }
    let count =
        "SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 1, delta = 1e-6) COUNT(*) FROM bank.accounts";
    let wish = |epsilon, accuracy| Wish { epsilon, accuracy, max_epsilon: None };
    assert!(read(count).wishing(wish(Some(1_000_000), None)).is_ok());
    for twice in [wish(Some(2_000_000), None), wish(None, Some(50_000_000))] {
        assert_eq!(read(count).wishing(twice).unwrap_err().code(), "E-QUERY-TWO-WISHES");
    }
    let plain = read("SELECT COUNT(*) FROM bank.accounts");
    assert_eq!(plain.clone().wishing(wish(Some(7), None)).unwrap().epsilon(), Some(7));
    assert_eq!(plain.clone().wishing(wish(Some(7), Some(1))).unwrap_err().code(), "E-QUERY-TWO-WISHES");
    for epsilon in [0, 100_000_001, u64::MAX] {
        let code = plain.clone().wishing(wish(Some(epsilon), None)).unwrap_err().code();
        assert_eq!(code, "E-QUERY-EPSILON");
    }
}

#[test]
fn t18_what_can_fail_on_a_row_is_refused_when_planned() {
    for (condition, code) in [
        ("1 / (id = 7) > 0", "E-QUERY-CAN-FAIL"),
        ("1 / id > 0", "E-QUERY-CAN-FAIL"),
        ("CAST(name AS INT) = 1", "E-QUERY-CAN-FAIL"),
        ("name::int = 1", "E-QUERY-CAN-FAIL"),
        ("abs(id) = 1", "E-QUERY-CAN-FAIL"),
        ("sqrt(id) > 1", "E-QUERY-UNSUPPORTED"),
        ("id + 9223372036854775807 > 0", "E-QUERY-CAN-FAIL"),
    ] {
        for sql in [
            format!("SELECT COUNT(*) FROM bank.accounts WHERE {condition}"),
            format!(
                "SELECT COUNT(*) FROM bank.accounts WHERE CASE WHEN {condition} THEN TRUE ELSE FALSE END"
            ),
        ] {
            assert_eq!(parse(&sql, &NoColumns).unwrap_err().code(), code, "{sql}");
        }
    }
}

/// Rows of (region, n, total) after a clause.
fn after(clause: &str) -> Vec<String> {
    let sql = format!(
        "SELECT region, COUNT(*) AS n, SUM(balance) AS total FROM bank.accounts GROUP BY region {clause}"
    );
    let rows =
        [("north", Some(120), 10.5), ("south", Some(80), -3.0), ("east", None, 0.0), ("10", Some(200), 7.0)];
    let mut rows = rows.to_vec();
    asked(&sql).after.apply(&mut rows, |(region, n, total), place| match place {
        0 => Value::from(*region),
        1 => n.map_or(Value::Null, Value::Integer),
        _ => {
            if n.is_some() {
                Value::Real(*total)
            } else {
                Value::Null
            }
        }
    });
    rows.into_iter().map(|(region, ..)| region.to_owned()).collect()
}

#[test]
fn conditions_order_and_limit_look_at_the_released_figures_alone() {
    assert_eq!(after(""), ["north", "south", "east", "10"]);
    assert_eq!(after("HAVING COUNT(*) > 100"), ["north", "10"]);
    assert_eq!(after("HAVING NOT n > 100"), ["south"], "a suppressed group is neither more nor less");
    assert_eq!(after("HAVING n IS NULL OR total < 0"), ["south", "east"]);
    assert_eq!(after("HAVING n IS NULL AND total < 0"), Vec::<String>::new());
    assert_eq!(after("HAVING region IN ('east', '10') AND n IS NOT NULL"), ["10"]);
    assert_eq!(after("HAVING SUM(balance) BETWEEN 5 AND 10.5"), ["north", "10"]);
    assert_eq!(after("ORDER BY n"), ["south", "north", "10", "east"]);
    assert_eq!(after("ORDER BY 2 DESC"), ["10", "north", "south", "east"]);
    assert_eq!(after("ORDER BY n DESC NULLS FIRST LIMIT 2"), ["east", "10"]);
    assert_eq!(after("ORDER BY bank.accounts.region LIMIT 2 OFFSET 1"), ["east", "north"]);
    assert_eq!(after("ORDER BY total FETCH FIRST 1 ROW ONLY"), ["south"]);
    assert_eq!(after("LIMIT 0"), Vec::<String>::new());
    assert_eq!(after("OFFSET 99"), Vec::<String>::new());
}
