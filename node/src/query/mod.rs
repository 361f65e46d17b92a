//! From SQL text to a typed question, with no data touched.
//!
//! A question that a partner sends is hostile text. So it is measured before it is read (length, tokens,
//! nesting), read by a parser into a tree, and from that tree a much smaller one is built ([`Expr`]) that can
//! only say what a node is willing to run: comparisons and total functions, each over the columns of one
//! side. What is kept is printed again from the small tree; nothing of the original text reaches a query
//! engine. An expression that could fail on one row's value is refused here, because whether it failed would
//! be an answer that nobody has permitted (hostile.md, B12).
//!
//! ```text
//!   text ─► lex, words (limits, options)      ─► sqlparser ─► statement (shape) ─┬─► select   what is asked for
//!                                                                               ├─► after    what is done with it then
//!                                                                               ├─► scope    whose column is it
//!                                                                               └─► convert ─► expr, filter, kind
//! ```
//!
//! A training job is a question too, in a form of its own ([`Job`]): it names columns, and no rows at all. So is a
//! [`Scoring`] with the model that came of one.

mod after;
mod convert;
mod error;
mod expr;
mod figure;
#[cfg(test)]
mod figures_tests;
mod filter;
mod job;
mod kind;
mod lex;
mod name;
mod parse;
mod request;
mod scope;
mod score;
mod select;
mod shape;
mod statement;
#[cfg(test)]
mod tests;
mod words;

pub use after::After;
pub use error::QueryError;
pub use expr::{Comparison, Expr, Function, Literal};
pub use figure::Aggregate;
pub use filter::{Filter, Tests};
pub use job::{Evaluate, Job, JobError, JobNoise, JobShape, LARGEST_JOB, ModelKind};
pub use kind::Kind;
pub use name::{ColumnName, TableName};
pub use parse::{Parsed, parse};
pub use request::{QueryRequest, Wish, default_wait};
pub use scope::{Columns, NoColumns};
pub use score::Scoring;
pub use select::{Aggregates, Ask, BESIDE, Output, Reveal, Usage};
pub use shape::Shape;
