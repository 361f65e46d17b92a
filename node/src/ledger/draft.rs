//! A record before it has its place: what it says, made fit for a log that strangers read.
//!
//! The attack it stops: text from a partner that moves the reader's terminal, hides a line, or fills the disk (D17).
//! Control characters and those that turn the direction of text are spelled out, and everything has a largest size.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tacit_protocol::{
    ids::{ContractId, QueryId},
    log::{Kind, book::Wish},
};

use super::Successor;
use crate::data::hex;

/// The most characters of a word on the outcome, and of a partner's name.
const LONGEST_WORD: usize = 200;
/// The most bytes of a text in a body.
const LONGEST_TEXT: usize = 4_000;
/// The most bytes of a body; a record may have 65,535 in all.
const LARGEST_BODY: usize = 40_000;

/// What a record says.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) query: Option<QueryId>,
    pub(super) contract: Option<ContractId>,
    pub(super) partner: Option<String>,
    pub(super) what: String,
    pub(super) body: Value,
    /// The caller's clock.
    pub(super) now: Timestamp,
}

/// What a question costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cost {
    /// Nothing in ε: a revelation, which stands in the log by name.
    Nothing,
    /// A price.
    Charge(Box<Wish>),
    /// Nothing, because the answer of this record is given again.
    Repeats {
        /// The record of that answer.
        answer: u64,
    },
    /// Nothing, because this reservation paid for it and came to nothing.
    Resumes {
        /// The record of that reservation.
        reserve: u64,
    },
}

/// What the record does to the book.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Nothing.
    Note,
    /// Sets a price aside.
    Reserve(Cost),
    /// Marks the release point of a reservation.
    Spend(u64),
    /// Ends a reservation with an answer.
    Answer(u64),
    /// Ends a reservation without one; whether the price comes back, the ledger knows.
    Abort(u64),
    /// Says no.
    Refuse,
    /// Tells of a partner's misdeed, which it may repeat as often as it likes.
    Misdeed,
    /// Hands the log's signing key over.
    HandOver(Arc<dyn Successor>),
}

impl Draft {
    /// The same, fit for the log.
    pub(super) fn tamed(mut self) -> Self {
        self.what = tame(&self.what, LONGEST_WORD);
        self.partner = self.partner.map(|partner| tame(&partner, LONGEST_WORD));
        tame_value(&mut self.body);
        let bytes = self.body.to_string();
        if bytes.len() > LARGEST_BODY {
            let hash = hex(Sha256::digest(&bytes));
            self.body = json!({ "left_out_bytes": bytes.len(), "left_out_sha256": hash });
        }
        self
    }

    /// The body with what the ledger adds to it; a body that is no object stands under `note`.
    pub(super) fn body_with(&self, added: &[(&str, Value)]) -> Value {
        let mut fields = match &self.body {
            Value::Object(fields) => fields.clone(),
            Value::Null => Map::new(),
            other => Map::from_iter([("note".to_owned(), other.clone())]),
        };
        for (name, value) in added {
            fields.insert((*name).to_owned(), value.clone());
        }
        Value::Object(fields)
    }
}

fn tame_value(value: &mut Value) {
    match value {
        Value::String(text) if !is_tame(text, LONGEST_TEXT) => *text = tame(text, LONGEST_TEXT),
        Value::Array(values) => values.iter_mut().for_each(tame_value),
        Value::Object(fields) => {
            if fields.keys().any(|name| !is_tame(name, LONGEST_WORD)) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, value)| (tame(&name, LONGEST_WORD), value))
                    .collect();
            }
            fields.values_mut().for_each(tame_value);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a character does something to what stands around it rather than being seen.
fn is_wild(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

fn is_tame(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(is_wild)
}

/// The text with wild characters spelled out, and cut where it is too long.
fn tame(text: &str, longest: usize) -> String {
    let mut tamed = String::with_capacity(text.len().min(longest));
    for character in text.chars() {
        let before = tamed.len();
        if is_wild(character) {
            tamed.extend(character.escape_unicode());
        } else {
            tamed.push(character);
        }
        if tamed.len() > longest {
            tamed.truncate(before);
            tamed.push('…');
            break;
        }
    }
    tamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(what: &str, body: Value) -> Draft {
        let (kind, now) = (Kind::Refusal, Timestamp::UNIX_EPOCH);
        let partner = Some("bank".to_owned());
        Draft { kind, query: None, contract: None, partner, what: what.to_owned(), body, now }.tamed()
    }

    #[test]
    fn d17_nothing_in_a_record_moves_the_readers_cursor() {
        let body = json!({ "a\nb": ["\u{1b}[2J", { "c": "x\u{202e}y\u{9b}" }], "名": "姓名" });
        let tamed = draft("line\r\none", body);
        assert_eq!(tamed.what, "line\\u{d}\\u{a}one");
        let expected = json!({ "a\\u{a}b": ["\\u{1b}[2J", { "c": "x\\u{202e}y\\u{9b}" }], "名": "姓名" });
        assert_eq!(tamed.body, expected);
    }

    #[test]
    fn d17_ten_megabytes_leave_their_length_and_hash() {
        let long = "x".repeat(10 << 20);
        assert_eq!(draft(&long, Value::Null).what.chars().count(), LONGEST_WORD + 1);
        let one = draft("", json!({ "text": long }));
        assert!(one.body["text"].as_str().unwrap().len() <= LONGEST_TEXT + '…'.len_utf8());
        let many: Vec<&str> = std::iter::repeat_n(&long[..3_000], 3_000).collect();
        let left_out = draft("", json!(many)).body["left_out_bytes"].as_u64().unwrap();
        assert!(left_out > 9_000_000);
    }
}
