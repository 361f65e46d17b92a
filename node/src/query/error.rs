//! Why a question cannot be asked in this form.

use crate::report::{Class, Detail, Refusal};

use super::{ColumnName, JobError, TableName};

/// A question that is not understood, not offered, or not safe to run.
///
/// No variant carries a literal of the question: a literal may be somebody's diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A training job that is not understood.
    #[error(transparent)]
    Job(JobError),
    /// The text does not follow the grammar.
    #[error("this is not a question in SQL: {expected} {}", place(*line, *column))]
    Syntax {
        /// What the parser was looking for.
        expected: String,
        /// Counted from 1; 0 when the text ended.
        line: u64,
        /// Counted from 1; 0 when the text ended.
        column: u64,
    },
    /// The text is larger than any honest question.
    #[error("the question has more than {limit} {what}")]
    TooLong {
        /// What was counted.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// Brackets in brackets in brackets.
    #[error("the question is nested more than {limit} levels deep")]
    TooDeep {
        /// How deep is allowed.
        limit: usize,
    },
    /// SQL that has no place in a question between partners.
    #[error("{}", refused(what))]
    Unsupported {
        /// What was found.
        what: String,
        /// The nearest thing that works.
        instead: &'static str,
    },
    /// An expression whose success depends on one row's value.
    #[error("{what} can fail on one row's value, and the failure would tell something about that row")]
    CanFail {
        /// What was found.
        what: String,
        /// The nearest thing that works.
        instead: &'static str,
    },
    /// A condition that would need one partner's values at the other.
    #[error("one condition compares columns of {left} and of {right}; neither side may see both")]
    BothSides {
        /// One of the tables.
        left: TableName,
        /// The other.
        right: TableName,
    },
    /// A qualifier that is none of the tables.
    #[error("{qualifier} is none of the tables of this question")]
    UnknownQualifier {
        /// What stood before the dot.
        qualifier: String,
        /// The tables there are.
        tables: Vec<TableName>,
    },
    /// A column without its table, and two tables could have it.
    #[error("whose {column} is meant?")]
    AmbiguousColumn {
        /// The name.
        column: String,
        /// The tables it may stand in.
        tables: Vec<TableName>,
    },
    /// A column that neither table has, as far as this node knows.
    #[error("no table of this question has a column {column}")]
    UnknownColumn {
        /// The name.
        column: String,
        /// The tables there are.
        tables: Vec<TableName>,
        /// It stood in double quotes, where SQL puts names, not values.
        double_quoted: bool,
    },
    /// A plain column in an aggregate that is not grouped by it.
    #[error("{column} is neither grouped by nor aggregated")]
    NotGrouped {
        /// The column.
        column: ColumnName,
    },
    /// Values that have no common type.
    #[error("{what}: {left} and {right} do not compare")]
    KindsDiffer {
        /// Where.
        what: String,
        /// One side's kind.
        left: &'static str,
        /// The other's.
        right: &'static str,
    },
    /// An ε that is not a positive decimal number of at most six places.
    #[error("epsilon in OPTIONS must be a positive number with at most six decimals, at most 100")]
    Epsilon,
    /// A δ that is not between 0 and 1.
    #[error("delta in OPTIONS must be more than 0 and less than 1, with at most fifteen decimals")]
    Delta,
    /// ε is said twice, differently, or together with the accuracy that is to decide it.
    #[error("the question says in two ways how much noise there shall be: {ways}")]
    TwoWishes {
        /// Which.
        ways: &'static str,
    },
    /// The machine has no thread to spare.
    #[error("no thread could be started to read the question")]
    NoThread,
    /// The reader itself went wrong on this text.
    #[error("reading the question failed, which is a fault of Tacit, not of the question")]
    ReaderFailed,
    /// Known, wanted, not built yet.
    #[error("{what} come in a later version of Tacit")]
    NotInThisVersion {
        /// What was asked for.
        what: &'static str,
        /// The nearest thing that works.
        instead: &'static str,
    },
}

/// A reason that goes with what was found comes after the sentence.
fn refused(what: &str) -> String {
    match what.split_once(": ") {
        Some((what, why)) => format!("{what} cannot be asked here: {why}"),
        None => format!("{what} cannot be asked here"),
    }
}

fn place(line: u64, column: u64) -> String {
    if line == 0 { "where it ends".to_owned() } else { format!("(line {line}, column {column})") }
}

impl QueryError {
    pub(super) fn unsupported(what: impl Into<String>, instead: &'static str) -> Self {
        Self::Unsupported { what: what.into(), instead }
    }

    pub(super) fn can_fail(what: impl Into<String>, instead: &'static str) -> Self {
        Self::CanFail { what: what.into(), instead }
    }
}

fn list(tables: &[TableName]) -> String {
    tables.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Refusal for QueryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Job(error) => error.code(),
            Self::Syntax { .. } => "E-QUERY-SYNTAX",
            Self::TooLong { .. } => "E-QUERY-TOO-LONG",
            Self::TooDeep { .. } => "E-QUERY-TOO-DEEP",
            Self::Unsupported { .. } => "E-QUERY-UNSUPPORTED",
            Self::CanFail { .. } => "E-QUERY-CAN-FAIL",
            Self::BothSides { .. } => "E-QUERY-BOTH-SIDES",
            Self::UnknownQualifier { .. } => "E-QUERY-TABLE",
            Self::AmbiguousColumn { .. } => "E-QUERY-COLUMN-AMBIGUOUS",
            Self::UnknownColumn { .. } => "E-QUERY-COLUMN",
            Self::NotGrouped { .. } => "E-QUERY-NOT-GROUPED",
            Self::KindsDiffer { .. } => "E-QUERY-TYPES",
            Self::Epsilon => "E-QUERY-EPSILON",
            Self::Delta => "E-QUERY-DELTA",
            Self::TwoWishes { .. } => "E-QUERY-TWO-WISHES",
            Self::NoThread => "E-QUERY-NO-THREAD",
            Self::ReaderFailed => "E-QUERY-READER-FAILED",
            Self::NotInThisVersion { .. } => "E-NOT-IN-THIS-VERSION",
        }
    }

    fn class(&self) -> Class {
        if matches!(self, Self::NoThread | Self::ReaderFailed) { Class::Failed } else { Class::Usage }
    }

    fn retry_helps(&self) -> bool {
        *self == Self::NoThread
    }

    fn details(&self) -> Vec<Detail> {
        let would_do = |text: &str| vec![Detail::new("would do", text)];
        match self {
            Self::Job(error) => error.details(),
            Self::Syntax { .. } => would_do(
                "SELECT customer FROM us.ours JOIN them.theirs USING (customer) WHERE them.theirs.column = 'value'",
            ),
            Self::TooLong { .. } | Self::TooDeep { .. } => {
                would_do("put long lists of values into a column of your own dataset, and filter on that")
            }
            Self::Unsupported { instead, .. }
            | Self::CanFail { instead, .. }
            | Self::NotInThisVersion { instead, .. } => would_do(instead),
            Self::BothSides { left, right } => vec![
                Detail::new("rule", "each side filters its own rows at home; conditions are joined by AND"),
                Detail::new(
                    "would do",
                    format!("one condition on {left} AND another on {right}, or two questions"),
                ),
            ],
            Self::UnknownQualifier { tables, .. } => vec![Detail::new("tables", list(tables))],
            Self::AmbiguousColumn { column, tables } => vec![Detail::new(
                "would do",
                tables.iter().map(|table| format!("{table}.{column}")).collect::<Vec<_>>().join(" or "),
            )],
            Self::UnknownColumn { tables, double_quoted, .. } => {
                let mut details = vec![Detail::new("tables", list(tables))];
                if *double_quoted {
                    details.push(Detail::new(
                        "would do",
                        "values stand in 'single quotes', names in \"double quotes\"",
                    ));
                }
                details
            }
            Self::NotGrouped { column } => {
                vec![Detail::new("would do", format!("GROUP BY {column}, or SUM({column})"))]
            }
            Self::KindsDiffer { .. } => {
                would_do("compare text with 'text', numbers with numbers, dates with DATE '2026-12-01'")
            }
            Self::NoThread => Vec::new(),
            Self::ReaderFailed => {
                would_do("write it more simply, and report the question's form (without its values)")
            }
            Self::Delta => would_do("leave it out: the contract's delta holds then"),
            Self::TwoWishes { .. } => would_do("say it once: in OPTIONS, by --epsilon or by --accuracy"),
            Self::Epsilon => would_do("SELECT WITH DIFFERENTIAL_PRIVACY OPTIONS (epsilon = 0.5) …"),
        }
    }
}
