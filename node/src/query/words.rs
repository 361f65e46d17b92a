//! Words that a question may not even show to the parser.
//!
//! Many SQL functions have a grammar of their own (`POSITION(a IN b)`), which a parser tries before the usual
//! one: nested a dozen deep, that takes minutes. None of them is in our language, so a word before a bracket is
//! one that we know, or the question ends here. The same goes for a second SELECT, and for words that recurse
//! without a limit.

use super::{Function, QueryError};

/// Words that may stand before a bracket without being a function.
const BEFORE_BRACKET: [&str; 21] = [
    "SELECT", "DISTINCT", "FROM", "JOIN", "USING", "OPTIONS", "WHERE", "AND", "OR", "NOT", "IN", "BETWEEN",
    "LIKE", "ILIKE", "WHEN", "THEN", "ELSE", "CASE", "BY", "HAVING", "ON",
];
/// Functions of the SELECT list.
const AGGREGATES: [&str; 11] = [
    "COUNT",
    "SUM",
    "AVG",
    "MEAN",
    "STDDEV",
    "STDDEV_SAMP",
    "CORR",
    "MEDIAN",
    "QUANTILE",
    "APPROX_QUANTILE",
    "PERCENTILE_CONT",
];
/// Functions that convert, and fail where the value does not fit.
const CASTS: [&str; 4] = ["CAST", "TRY_CAST", "SAFE_CAST", "CONVERT"];

/// Looks at a word outside quotes; `first` is the word that begins the question, `bracket` says that a bracket
/// follows.
pub(super) fn check(word: &str, first: bool, bracket: bool) -> Result<(), QueryError> {
    let word = word.to_ascii_uppercase();
    let is_one_of = |words: &[&str]| words.contains(&word.as_str());
    if is_one_of(&["UNION", "EXCEPT", "INTERSECT", "MINUS"]) {
        return Err(QueryError::unsupported("UNION, EXCEPT and INTERSECT", "one question for each part"));
    }
    if is_one_of(&["EXISTS"]) || (word == "SELECT" && !first) {
        return Err(QueryError::unsupported(
            "a subquery",
            "one SELECT over one join, with constants in its conditions",
        ));
    }
    if is_one_of(&["INTERVAL", "EXTRACT"]) {
        return Err(QueryError::unsupported(
            "arithmetic with dates",
            "day BETWEEN DATE '2026-01-01' AND DATE '2026-12-31'",
        ));
    }
    if !bracket || is_one_of(&BEFORE_BRACKET) || is_one_of(&AGGREGATES) || Function::named(&word).is_some() {
        return Ok(());
    }
    if is_one_of(&CASTS) {
        return Err(QueryError::can_fail(
            "a cast",
            "compare the column in its own type; give the dataset a column of the type you need",
        ));
    }
    if word == "ABS" {
        // The smallest integer has no positive counterpart: overflow.
        return Err(QueryError::can_fail("the function abs", "column BETWEEN -5 AND 5"));
    }
    Err(unknown_function(&word))
}

/// The refusal of a function that is not in the language.
pub(super) fn unknown_function(name: &str) -> QueryError {
    // The name comes from the text: it is shown only if it looks like a name.
    let shown = name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    QueryError::unsupported(
        if shown {
            format!("the function {}", name.to_ascii_lowercase())
        } else {
            "this function".to_owned()
        },
        "lower, upper, length, trim, substr, starts_with, ends_with, coalesce, nullif or CASE",
    )
}
