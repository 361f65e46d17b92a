//! What is wrong with a job file.

use crate::report::{Class, Detail, Refusal};

/// A job that is not understood, or that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// More than any job needs.
    #[error("a job has at most {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// Not TOML, or a field that jobs do not have.
    #[error("the job cannot be read: {problem}")]
    Unreadable {
        /// What the reader says.
        problem: String,
    },
    /// A value that makes no sense.
    #[error("{field} cannot be {found}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What stands there, shortened.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// Something that this kind of job needs.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
        /// What could stand there.
        example: &'static str,
    },
    /// A field of the other shape.
    #[error("{field} has no place in a {shape} job")]
    WrongShape {
        /// The field.
        field: &'static str,
        /// The job's shape.
        shape: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
    /// The same column twice.
    #[error("{column} stands in the job twice")]
    Twice {
        /// The column.
        column: String,
    },
}

impl Refusal for JobError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "E-JOB-TOO-LARGE",
            Self::Unreadable { .. } => "E-JOB-SYNTAX",
            Self::OutOfRange { .. } => "E-JOB-VALUE",
            Self::Missing { .. } => "E-JOB-MISSING",
            Self::WrongShape { .. } => "E-JOB-SHAPE",
            Self::Twice { .. } => "E-JOB-TWICE",
        }
    }

    fn class(&self) -> Class {
        Class::Usage
    }

    fn details(&self) -> Vec<Detail> {
        let mend = match self {
            Self::TooLarge { .. } => "fewer columns",
            Self::Unreadable { .. } => "examples/ has jobs to begin with; every field is in docs/analyst.md",
            Self::OutOfRange { allowed, .. } => allowed,
            Self::Missing { example, .. } => example,
            Self::WrongShape { instead, .. } => instead,
            Self::Twice { .. } => "each column once, as the target or as a feature",
        };
        vec![Detail::new("would do", mend)]
    }
}
