//! Reads settings one by one, so that whatever is wrong is named by its field, with the mend.
//!
//! A derived reader would stop at the first value of a wrong type with the type's name, and a misspelt
//! limit that silently falls back to its default is a hole nobody sees: here each value is checked against
//! its range where it is read, and whatever nobody read is refused.

use std::{ops::RangeInclusive, time::Duration};

use toml::{Table, Value};

use crate::config::{
    ConfigError,
    units::{parse_duration, parse_size, show_duration, show_size},
};

/// One table of a settings file, emptied as its values are read.
pub(super) struct Section<'a> {
    file: &'a str,
    /// `link.` for the table `[link]`, empty for the top.
    prefix: String,
    left: Table,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The top table of a file.
    pub(super) fn parse(text: &str, file: &'a str) -> Result<Self, ConfigError> {
        let left = text.parse::<Table>().map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            let problem = format!("line {line}: {}", error.message().replace('\n', "; "));
            ConfigError::Syntax { file: file.to_owned(), problem }
        })?;
        Ok(Self { file, prefix: String::new(), left, known: Vec::new() })
    }

    /// The table `[name]`; one that is not there is an empty one.
    pub(super) fn section(&mut self, name: &'static str) -> Result<Self, ConfigError> {
        let left = self
            .take(name, |value| match value {
                Value::Table(table) => Ok(table),
                _ => Err(("is not a section".into(), format!("[{name}] on a line of its own"))),
            })?
            .unwrap_or_default();
        Ok(Self { file: self.file, prefix: format!("{}{name}.", self.prefix), left, known: Vec::new() })
    }

    /// Reads one value; `read` gives the problem and the mend where it cannot.
    pub(super) fn take<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Value) -> Result<T, (String, String)>,
    ) -> Result<Option<T>, ConfigError> {
        self.known.push(name);
        let Some(value) = self.left.remove(name) else { return Ok(None) };
        read(value).map(Some).map_err(|(problem, mend)| self.bad(name, problem, mend))
    }

    /// A refusal of the value `name`.
    pub(super) fn bad(&self, name: &str, problem: impl Into<String>, mend: impl Into<String>) -> ConfigError {
        ConfigError::BadSetting {
            file: self.file.to_owned(),
            field: format!("{}{name}", self.prefix),
            problem: problem.into(),
            mend: mend.into(),
        }
    }

    /// A text; `read` checks it and gives the problem and the mend where it will not do.
    pub(super) fn text<T>(
        &mut self,
        name: &'static str,
        example: &str,
        read: impl FnOnce(&str) -> Result<T, (String, String)>,
    ) -> Result<Option<T>, ConfigError> {
        self.take(name, |value| match value {
            Value::String(text) => read(&text),
            other => Err((not_a("text in quotes", &other), format!("{name} = \"{example}\""))),
        })
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ConfigError> {
        let words: Vec<&str> = choices.iter().map(|&(word, _)| word).collect();
        self.text(name, words[0], |text| {
            choices.iter().find(|&&(word, _)| word == text).map(|&(_, choice)| choice).ok_or_else(|| {
                (format!("cannot be {text:?}"), format!("one of \"{}\"", words.join("\", \"")))
            })
        })
    }

    /// A whole number within a range.
    pub(super) fn whole(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let mend = format!("a whole number from {} to {}", range.start(), range.end());
        self.take(name, |value| match value {
            Value::Integer(number) => u64::try_from(number)
                .ok()
                .filter(|number| range.contains(number))
                .ok_or_else(|| (format!("cannot be {number}"), mend)),
            other => Err((not_a("a whole number", &other), mend)),
        })
    }

    /// A number within a range, as whole `parts` of one, rounded down.
    pub(super) fn real(
        &mut self,
        name: &'static str,
        least: f64,
        most: f64,
        parts: f64,
    ) -> Result<Option<u64>, ConfigError> {
        let mend = format!("a number from {least} to {most}");
        self.take(name, |value| {
            let number = match value {
                Value::Float(number) => number,
                Value::Integer(number) => number as f64,
                other => return Err((not_a("a number", &other), mend)),
            };
            // NaN is in no range. A little is added for what a float cannot hold, and then cut off.
            if !(least..=most).contains(&number) {
                return Err((format!("cannot be {number}"), mend));
            }
            Ok((number * parts * (1.0 + 1e-12)) as u64)
        })
    }

    /// A size in bytes within a range.
    pub(super) fn size(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, ConfigError> {
        let mend = format!("a size from {} to {}", show_size(*range.start()), show_size(*range.end()));
        self.text(name, "4 MiB", |text| match parse_size(text) {
            Ok(size) if range.contains(&size) => Ok(size),
            Ok(_) => Err((format!("cannot be {text:?}"), mend)),
            Err(error) => Err((error.to_string(), mend)),
        })
    }

    /// A duration within a range.
    pub(super) fn duration(
        &mut self,
        name: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Result<Option<Duration>, ConfigError> {
        let [least, most] = [range.start(), range.end()].map(|&limit| show_duration(limit));
        let mend = format!("a duration from {least} to {most}");
        self.text(name, "60s", |text| match parse_duration(text) {
            Ok(duration) if range.contains(&duration) => Ok(duration),
            Ok(_) => Err((format!("cannot be {text:?}"), mend)),
            Err(error) => Err((error.to_string(), mend)),
        })
    }

    /// Refuses whatever nobody has read.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let Some(stray) = self.left.keys().next() else { return Ok(()) };
        let near = self.known.iter().find(|known| distance(known, stray) <= 2);
        Err(ConfigError::UnknownSetting {
            file: self.file.to_owned(),
            field: format!("{}{stray}", self.prefix),
            mend: match near {
                Some(near) => format!("did you mean `{}{near}`?", self.prefix),
                None => format!("remove it; known here: {}", self.known.join(", ")),
            },
        })
    }
}

pub(super) fn not_a(wanted: &str, value: &Value) -> String {
    format!(
        "is not {wanted} but {} {}",
        if value.is_integer() || value.is_array() { "an" } else { "a" },
        value.type_str()
    )
}

/// How many letters must be changed, added or removed to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("listen", "lisen"), 1);
        assert_eq!(distance("idle", "log"), 4);
        assert_eq!(distance("", "abc"), 3);
    }
}
