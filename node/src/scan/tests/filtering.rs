//! Conditions in the engine.

use std::sync::Arc;

use crate::{
    engine::{
        arrow::{
            array::{
                ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
                TimestampMicrosecondArray,
            },
            datatypes::Schema,
        },
        common::DFSchema,
    },
    query::{Filter, Kind, TableName},
    scan::{filter::physical, terms},
};

#[test]
fn everything_that_a_condition_can_say_runs_in_the_engine_and_fails_on_no_row() {
    // Rows that break careless expressions: empty, null, the ends of every type, signs that engines escape.
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "category",
            Arc::new(StringArray::from(vec![
                Some(""),
                None,
                Some("\\%_'\""),
                Some("\u{1F600}é"),
                Some("12x"),
            ])),
        ),
        ("spend", Arc::new(Int64Array::from(vec![Some(0), None, Some(i64::MIN), Some(i64::MAX), Some(-1)]))),
        ("vip", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(true), Some(false)]))),
        ("day", Arc::new(Date32Array::from(vec![Some(0), None, Some(i32::MIN), Some(i32::MAX), Some(-1)]))),
        (
            "moment",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(0),
                None,
                Some(i64::MIN),
                Some(i64::MAX),
                Some(-1),
            ])),
        ),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let schema: &Schema = batch.schema_ref();
    let schema = DFSchema::try_from(schema.clone()).unwrap();
    let table = TableName { owner: "own".to_owned(), dataset: "rows".to_owned() };
    let kinds = |name: &str| match name {
        "category" => Some(Kind::Text),
        "spend" => Some(Kind::Number),
        "vip" => Some(Kind::Boolean),
        "day" => Some(Kind::Date),
        "moment" => Some(Kind::Timestamp),
        _ => None,
    };
    for condition in [
        "spend <> -1.5 AND spend < 9223372036854775807 AND spend > -9223372036854775808",
        "spend IN (1, 2.5, -3) OR spend NOT BETWEEN -1 AND 99999999999999.25",
        "category NOT IN ('a', '') AND category LIKE '%\\' AND category NOT ILIKE '%''_%'",
        "NOT vip OR vip = TRUE OR vip IS NOT FALSE OR vip IN (TRUE)",
        "(spend = 1 AND vip) IS NOT TRUE",
        "category IS NOT NULL AND spend IS NULL",
        "day > '2026-12-01' AND day IN (DATE '2026-12-01') AND day BETWEEN '0001-01-01' AND '9999-12-31'",
        "moment <= '2026-12-01 08:00:00' OR moment = TIMESTAMP '2261-12-31 23:59:59'",
        "lower(category) = upper(category) AND length(category) > 3",
        "trim(category) = ltrim(category, 'x') || rtrim(category)",
        "TRIM(BOTH 'x' FROM category) = 'a'",
        "substr(category, 0) = 'a' OR substr(category, 1, 0) = '' OR SUBSTRING(category FROM 1000000 FOR 1000000) = 'x'",
        "starts_with(category, '') AND ends_with(category, category)",
        "coalesce(category, 'a') = nullif(category, '')",
        "coalesce(spend, 0) >= nullif(spend, 1)",
        "CASE WHEN vip THEN category ELSE 'none' END = 'a' OR CASE spend WHEN 1 THEN vip ELSE FALSE END",
    ] {
        let filter = Filter::of(condition).unwrap_or_else(|error| panic!("{condition}: {error}"));
        filter.check(&table, &kinds).unwrap();
        let planned =
            physical(terms::conjunction(&filter), &schema).unwrap_or_else(|e| panic!("{condition}: {e}"));
        planned.evaluate(&batch).unwrap_or_else(|e| panic!("{condition}: {e}"));
    }
}
