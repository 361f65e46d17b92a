//! Reading fields by name, with an error that says which field and what to write instead.
//!
//! TOML (as people write contracts) and JSON (as nodes carry them) are read into one tree, in which a number
//! is still its digits. Every field that is not asked for is refused in the end: a misspelt `epsilon` must
//! not silently mean none.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::policy::Decimal;

use super::ContractError;

/// The largest contract that is read, in bytes.
pub(crate) const LARGEST: usize = 256 << 10;

/// A value of either format.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    /// Its digits, as written.
    Number(String),
    Truth(bool),
    Date(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Node {
    /// Reads TOML.
    pub(super) fn of_toml(text: &str) -> Result<Self, ContractError> {
        if text.len() > LARGEST {
            return Err(ContractError::TooLarge { limit: LARGEST });
        }
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|&byte| byte == b'\n').count() + 1;
            ContractError::Syntax { line, problem: error.message().to_owned() }
        })?;
        Ok(Self::table(table.get_ref()))
    }

    fn table(table: &DeTable) -> Self {
        let entry = |key: &str, value: &DeValue| (key.to_owned(), Self::value(value));
        Self::Table(table.iter().map(|(key, value)| entry(key.get_ref(), value.get_ref())).collect())
    }

    fn value(value: &DeValue) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.clone().into_owned()),
            DeValue::Integer(number) => Self::Number(number.to_string()),
            DeValue::Float(number) => Self::Number(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Self::Truth(*truth),
            DeValue::Datetime(moment) => Self::Date(moment.to_string()),
            DeValue::Array(list) => Self::List(list.iter().map(|item| Self::value(item.get_ref())).collect()),
            DeValue::Table(table) => Self::table(table),
        }
    }

    /// Takes over JSON that was parsed already.
    pub(super) fn of_json(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            // No field may be null; a text that no field accepts says so with the field's name.
            Value::Null => Self::Text("null".to_owned()),
            Value::Bool(truth) => Self::Truth(*truth),
            Value::Number(number) => Self::Number(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(list) => Self::List(list.iter().map(Self::of_json).collect()),
            Value::Object(map) => {
                Self::Table(map.iter().map(|(key, value)| (key.clone(), Self::of_json(value))).collect())
            }
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Truth(_) => "true or false",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// The fields of one table that are still to be read.
pub(super) struct Fields {
    path: String,
    entries: BTreeMap<String, Node>,
    known: Vec<&'static str>,
}

impl Fields {
    /// The fields of the whole document.
    pub(super) fn root(node: Node) -> Result<Self, ContractError> {
        Self::new(String::new(), node)
    }

    fn new(path: String, node: Node) -> Result<Self, ContractError> {
        match node {
            Node::Table(entries) => Ok(Self { path, entries, known: Vec::new() }),
            other => Err(wrong_kind(path, "a table", &other)),
        }
    }

    /// The full name of a field of this table.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn take(&mut self, name: &'static str) -> Option<Node> {
        self.known.push(name);
        self.entries.remove(name)
    }

    fn need<T>(&self, name: &str, found: Option<T>, example: &'static str) -> Result<T, ContractError> {
        found.ok_or_else(|| ContractError::Missing { field: self.path(name), example })
    }

    /// An optional text.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, ContractError> {
        self.take(name).map(|node| text(self.path(name), node)).transpose()
    }

    /// A text that must be there.
    pub(super) fn needed_text(
        &mut self,
        name: &'static str,
        example: &'static str,
    ) -> Result<String, ContractError> {
        let found = self.text(name)?;
        self.need(name, found, example)
    }

    /// An exact number that must be there.
    pub(super) fn number(
        &mut self,
        name: &'static str,
        example: &'static str,
    ) -> Result<Decimal, ContractError> {
        let found = self.take(name);
        let found = self.need(name, found, example)?;
        number(self.path(name), found)
    }

    /// An exact number, if it is there.
    pub(super) fn optional_number(&mut self, name: &'static str) -> Result<Option<Decimal>, ContractError> {
        self.take(name).map(|node| number(self.path(name), node)).transpose()
    }

    /// A yes or no; `default` when it is not there.
    pub(super) fn truth(&mut self, name: &'static str, default: bool) -> Result<bool, ContractError> {
        match self.take(name) {
            None => Ok(default),
            Some(Node::Truth(truth)) => Ok(truth),
            Some(other) => Err(wrong_kind(self.path(name), "true or false", &other)),
        }
    }

    /// A day that must be there.
    pub(super) fn date(
        &mut self,
        name: &'static str,
        example: &'static str,
    ) -> Result<jiff::civil::Date, ContractError> {
        let found = self.take(name);
        match self.need(name, found, example)? {
            Node::Text(day) | Node::Date(day) => {
                // jiff reads more forms than a contract should have: ten characters are year, month and day.
                let parsed =
                    (day.len() == 10 && !day.contains(['W', 'w'])).then(|| day.parse().ok()).flatten();
                parsed.ok_or_else(|| ContractError::OutOfRange {
                    field: self.path(name),
                    found: shown(&day),
                    allowed: "a day without a time, as in 2026-12-01",
                })
            }
            other => Err(wrong_kind(self.path(name), "a date", &other)),
        }
    }

    /// A list of texts; empty when it is not there.
    pub(super) fn texts(&mut self, name: &'static str) -> Result<Vec<String>, ContractError> {
        Ok(self.optional_texts(name)?.unwrap_or_default())
    }

    /// A list of texts, if it is there.
    pub(super) fn optional_texts(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Vec<String>>, ContractError> {
        let Some(items) = self.list(name)? else { return Ok(None) };
        let texts = items.into_iter().enumerate();
        texts
            .map(|(at, item)| text(format!("{}[{at}]", self.path(name)), item))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A list of anything, if it is there.
    pub(super) fn list(&mut self, name: &'static str) -> Result<Option<Vec<Node>>, ContractError> {
        match self.take(name) {
            None => Ok(None),
            Some(Node::List(items)) => Ok(Some(items)),
            Some(other) => Err(wrong_kind(self.path(name), "a list", &other)),
        }
    }

    /// Anything, if it is there.
    pub(super) fn any(&mut self, name: &'static str) -> Option<Node> {
        self.take(name)
    }

    /// A table, if it is there.
    pub(super) fn table(&mut self, name: &'static str) -> Result<Option<Self>, ContractError> {
        let path = self.path(name);
        self.take(name).map(|node| Self::new(path, node)).transpose()
    }

    /// A table that must be there.
    pub(super) fn needed_table(
        &mut self,
        name: &'static str,
        example: &'static str,
    ) -> Result<Self, ContractError> {
        let found = self.table(name)?;
        self.need(name, found, example)
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, name: &'static str) -> Result<Vec<Self>, ContractError> {
        let path = self.path(name);
        let items = self.list(name)?.unwrap_or_default();
        items.into_iter().enumerate().map(|(at, item)| Self::new(format!("{path}[{at}]"), item)).collect()
    }

    /// Calls this table by another name in errors from now on.
    pub(super) fn rename(&mut self, path: String) {
        self.path = path;
    }

    /// All fields, whatever their names, each as a table.
    pub(super) fn each_table(mut self) -> Result<Vec<(String, Self)>, ContractError> {
        let entries = std::mem::take(&mut self.entries);
        entries
            .into_iter()
            .map(|(name, node)| Ok((name.clone(), Self::new(self.path(&name), node)?)))
            .collect()
    }

    /// Refuses what nobody asked for.
    pub(super) fn finish(self) -> Result<(), ContractError> {
        match self.entries.keys().next() {
            None => Ok(()),
            Some(name) => Err(ContractError::UnknownField {
                field: self.path(&shown(name)),
                nearest: nearest(name, &self.known).map(|known| self.path(known)),
                known: self.known.join(", "),
            }),
        }
    }
}

fn text(field: String, node: Node) -> Result<String, ContractError> {
    match node {
        Node::Text(text) => Ok(text),
        other => Err(wrong_kind(field, "a text in \"quotes\"", &other)),
    }
}

/// A number, or a text that spells one: JSON has no exact decimals.
pub(super) fn number(field: String, node: Node) -> Result<Decimal, ContractError> {
    match node {
        Node::Number(digits) | Node::Text(digits) => digits.parse().map_err(|_| ContractError::OutOfRange {
            field,
            found: shown(&digits),
            allowed: "a finite number with at most 15 decimals, within ±10^12",
        }),
        other => Err(wrong_kind(field, "a number", &other)),
    }
}

pub(super) fn wrong_kind(field: String, wanted: &'static str, found: &Node) -> ContractError {
    ContractError::WrongKind { field, wanted, found: found.kind() }
}

/// A piece of the contract on its way into an error: short, and without anything that moves a cursor.
pub(super) fn shown(text: &str) -> String {
    let clean: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    if clean.chars().count() < text.chars().count() { clean + "…" } else { clean }
}

/// The known name that differs least, if it differs little.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let name: Vec<char> = name.chars().take(40).collect();
    let distance = |known: &str| {
        let known: Vec<char> = known.chars().collect();
        let mut row: Vec<usize> = (0..=known.len()).collect();
        for (i, a) in name.iter().enumerate() {
            let mut corner = std::mem::replace(&mut row[0], i + 1);
            for (j, b) in known.iter().enumerate() {
                let cost = (corner + usize::from(a != b)).min(row[j] + 1).min(row[j + 1] + 1);
                corner = std::mem::replace(&mut row[j + 1], cost);
            }
        }
        row[known.len()]
    };
    known
        .iter()
        .copied()
        .map(|known| (distance(known), known))
        .min()
        .filter(|(d, _)| *d <= 2)
        .map(|(_, known)| known)
}
