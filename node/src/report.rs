//! What went wrong, in the form that people, programs and the audit log all get.
//!
//! Each room has its own error enum; [`Refusal`] says for each of its variants the stable code, the class
//! (which becomes the exit status), and the lines that help. [`Report`] is that, flattened, so that it can
//! cross the control socket. The partner never gets a report: it gets the code alone.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// The kind of failure; its number is the exit status of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Something failed here: disk, data, an interrupted run.
    Failed = 1,
    /// The command line, the SQL or the configuration is wrong.
    Usage = 2,
    /// The contract, a role, consent or an approver says no.
    Policy = 3,
    /// The privacy budget does not cover it.
    Budget = 4,
    /// The partner's node cannot be reached or breaks the protocol.
    Peer = 5,
}

/// An error that a person or a program outside this node gets to see.
pub trait Refusal: std::error::Error {
    /// Stable across versions, the same on the command line, in JSON and in the audit log.
    fn code(&self) -> &'static str;
    /// What kind of failure it is.
    fn class(&self) -> Class;
    /// Labelled lines: the rule, the contract, what is allowed, what would do, who must act.
    fn details(&self) -> Vec<Detail> {
        Vec::new()
    }
    /// Whether the same command can succeed later without anybody changing anything.
    fn retry_helps(&self) -> bool {
        false
    }
}

/// One labelled line under an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// One or two lower-case words, e.g. `would do`.
    pub label: Cow<'static, str>,
    /// The line itself.
    pub text: String,
}

impl Detail {
    /// A line with its label.
    pub fn new(label: &'static str, text: impl Into<String>) -> Self {
        Self { label: Cow::Borrowed(label), text: text.into() }
    }
}

/// A refusal as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// See [`Refusal::code`].
    pub code: Cow<'static, str>,
    /// See [`Refusal::class`].
    pub class: Class,
    /// One sentence without a full stop; causes are joined by `: `.
    pub message: String,
    /// See [`Refusal::details`].
    pub details: Vec<Detail>,
    /// See [`Refusal::retry_helps`].
    pub retry_helps: bool,
}

impl<E: Refusal> From<E> for Report {
    fn from(error: E) -> Self {
        // `Display` of our errors never prints the source, so the chain is walked here, once.
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self {
            code: Cow::Borrowed(error.code()),
            class: error.class(),
            message,
            details: error.details(),
            retry_helps: error.retry_helps(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        let width = self.details.iter().map(|detail| detail.label.chars().count()).max().unwrap_or(0);
        for Detail { label, text } in &self.details {
            write!(f, "\n  {label:<width$}  {text}")?;
        }
        if self.retry_helps {
            let width = width.max(5);
            write!(f, "\n  {:<width$}  trying again can help", "retry")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file cannot be read")]
    struct Unreadable(#[source] std::io::Error);

    impl Refusal for Unreadable {
        fn code(&self) -> &'static str {
            "E-TEST"
        }
        fn class(&self) -> Class {
            Class::Failed
        }
        fn details(&self) -> Vec<Detail> {
            vec![Detail::new("file", "a.csv"), Detail::new("would do", "chmod")]
        }
    }

    #[test]
    fn a_report_shows_the_code_the_causes_and_aligned_details() {
        let report = Report::from(Unreadable(std::io::Error::other("disk on fire")));
        assert_eq!(
            report.to_string(),
            "error[E-TEST]: the file cannot be read: disk on fire\n  file      a.csv\n  would do  chmod"
        );
    }
}
