//! What is wrong with a column of identifiers, and what would match better.
//!
//! An overlap that is too small looks like an overlap that is small: nothing fails when one side's phones
//! lack their country code. So the owner looks at its own columns first. The other danger is the report: it
//! holds counts and masked examples ([`mask`]) and never an identifier.
//!
//! A [`Linter`] takes a column value by value and keeps neither the values nor more than about 100 MB,
//! whatever the column's length: up to a million distinct values its counts are exact, beyond that those of
//! duplicates are estimated from a sample, and say so.
//!
//! # Hashed twice
//!
//! A hash of a hash looks like a hash. It is recognised only beside its origin: a value that equals the
//! SHA-256 of the text (hex in lower case, or Base64) of the digest of another value in the same column,
//! plain or hashed. It is a class of its own, beside the malformed: it matches nothing, except where values are
//! compared as they stand. A column whose values were *all* hashed twice, or one hashed twice beside plain values
//! of other people, is not recognised. What is counted is certain.

mod hint;
mod report;
mod sample;

use std::collections::BTreeMap;

pub use hint::Hint;
pub use report::{Count, Finding, Report, What};
use sample::{Kept, Thinned};

use super::{Digest, HashText, KeyKind, Malformed, Normalised, Normaliser, Profile, Region, mask, text};

/// How many distinct values are remembered before the linter goes over to a sample.
const REMEMBERED: usize = 1 << 20;

/// Masked examples of each finding.
const EXAMPLES: usize = 3;

/// Looks at one column.
pub struct Linter {
    normaliser: Normaliser,
    rows: u64,
    malformed: BTreeMap<Malformed, Tally>,
    hashed: BTreeMap<HashText, Tally>,
    /// Every digest seen, and on how many rows.
    seen: Thinned<Kept>,
    /// What digests seen would be if they were hashed once more.
    again: Thinned<()>,
    repeated: Vec<String>,
    signs: hint::Signs,
}

/// The ways to write a hash, in the order of counts.
const TEXTS: [HashText; 2] = [HashText::Hex, HashText::Base64];

const fn place(text: HashText) -> usize {
    match text {
        HashText::Hex => 0,
        HashText::Base64 => 1,
    }
}

/// Rows that were hashed twice, by how the outer hash is written, with masked examples.
struct Twice {
    rows: [u64; 2],
    exact: bool,
    examples: Vec<String>,
}

/// A count with a few masked examples.
#[derive(Default)]
struct Tally {
    rows: u64,
    examples: Vec<String>,
}

impl Tally {
    fn add(&mut self, value: &str) {
        self.rows += 1;
        note(&mut self.examples, value);
    }
}

/// Keeps the mask, if there is room and it says something new.
fn note(examples: &mut Vec<String>, value: &str) {
    if examples.len() < EXAMPLES {
        let mask = mask(value);
        if !mask.is_empty() && !examples.contains(&mask) {
            examples.push(mask);
        }
    }
}

impl Linter {
    /// For a column registered as `kind`, under the contract's profile and the dataset's default region.
    pub fn new(profile: Profile, kind: KeyKind, region: Option<Region>) -> Self {
        Self::remembering(profile, kind, region, REMEMBERED)
    }

    /// As [`new`](Self::new), with duplicates exact up to `distinct` different values; about 90 bytes each.
    pub fn remembering(profile: Profile, kind: KeyKind, region: Option<Region>, distinct: usize) -> Self {
        Self {
            normaliser: Normaliser::new(profile, kind, region),
            rows: 0,
            malformed: BTreeMap::new(),
            hashed: BTreeMap::new(),
            seen: Thinned::new(distinct),
            again: Thinned::new(distinct.saturating_mul(2)),
            repeated: Vec::new(),
            signs: hint::Signs::default(),
        }
    }

    /// The next row's value; `None` where the cell is null.
    pub fn push(&mut self, value: Option<&str>) {
        let value = value.unwrap_or_default();
        self.rows += 1;
        let normal = match self.normaliser.normalise(value) {
            Ok(normal) => normal,
            Err(rule) => {
                self.malformed.entry(rule).or_default().add(value);
                self.signs.of_malformed(self.normaliser.kind(), value);
                return;
            }
        };
        // By looks, not by what the profile makes of it: raw/1 takes a hash for a value like any other.
        let hash = match &normal {
            Normalised::Hashed { digest, text } => Some((*text, *digest)),
            Normalised::Plain(_) => HashText::read(text::trim(value)),
        };
        if let Some((text, _)) = hash {
            self.hashed.entry(text).or_default().add(value);
        }
        self.signs.of_normal(self.normaliser.profile(), normal.text());
        let (text, digest) =
            hash.map_or_else(|| (None, normal.digest()), |(text, digest)| (Some(text), digest));
        self.remember(value, digest, text);
    }

    fn remember(&mut self, value: &str, digest: Digest, hashed: Option<HashText>) {
        if let Some(kept) = self.seen.entry(front(&digest)) {
            kept.rows = kept.rows.saturating_add(1);
            if let Some(text) = hashed {
                let rows = &mut kept.hashed[place(text)];
                *rows = rows.saturating_add(1);
            }
            if kept.rows > 1 {
                // What follows from the value was remembered when it came first.
                note(&mut self.repeated, value);
                return;
            }
            self.seen.thin();
        }
        // Also for values outside the sample: what they hash to may be in it.
        for text in TEXTS {
            self.again.entry(front(&Digest::of(text.write(&digest).as_bytes())));
        }
        self.again.thin();
    }

    /// Whether values are compared as they stand.
    fn is_raw(&self) -> bool {
        self.normaliser.profile() == Profile::Raw1 || matches!(self.normaliser.kind(), KeyKind::Named(_))
    }

    /// Everything that was found.
    pub fn finish(mut self) -> Report {
        let rows_of = |rule: &Malformed| self.malformed.get(rule).map_or(0, |tally| tally.rows);
        let empty = rows_of(&Malformed::Empty);
        let malformed = self.malformed.values().map(|tally| tally.rows).sum::<u64>() - empty;
        let rules = self.malformed.iter().map(|(rule, tally)| (*rule, tally.rows)).collect();

        let duplicates = self.seen.count(|kept| u64::from(kept.rows) - 1);
        let most_repeated = self.seen.values().map(|kept| u64::from(kept.rows)).max().unwrap_or_default();
        let Twice { rows: twice, exact, examples } = self.hashed_twice();
        // What cannot match is no valid row, and is not counted among those that were hashed once.
        for (text, rows) in TEXTS.into_iter().zip(twice) {
            if let Some(tally) = self.hashed.get_mut(&text) {
                tally.rows -= rows;
            }
        }
        let hashed_rows = |text| self.hashed.get(&text).map_or(0, |tally: &Tally| tally.rows);
        let (hashed_hex, hashed_base64) = (hashed_rows(HashText::Hex), hashed_rows(HashText::Base64));
        let double_hashed = Count { value: twice.iter().sum(), exact };

        let findings = self.findings(duplicates, double_hashed, examples);
        let mut report = Report {
            profile: self.normaliser.profile(),
            kind: self.normaliser.kind().clone(),
            region: self.normaliser.region(),
            rows: self.rows,
            empty,
            malformed,
            valid: self.rows - empty - malformed - double_hashed.value,
            hashed_hex,
            hashed_base64,
            double_hashed,
            duplicates,
            most_repeated,
            findings,
            hints: Vec::new(),
        };
        report.hints = hint::hints(&report, &rules, &self.signs);
        report
    }

    /// Rows whose value is the hash of another value's hash.
    fn hashed_twice(&mut self) -> Twice {
        // A kind of key that is compared as it stands matches what was hashed as often on the other side.
        if self.hashed.is_empty() || self.is_raw() {
            return Twice { rows: [0; 2], exact: true, examples: Vec::new() };
        }
        // Both samples are of one space, so after thinning to the same share a pair is in both or in none.
        let share = self.seen.share().max(self.again.share());
        self.seen.thin_to(share);
        self.again.thin_to(share);
        let mut rows = [0; 2];
        let mut examples = Vec::new();
        for (key, kept) in self.seen.iter().filter(|(key, _)| self.again.contains(*key)) {
            if kept.hashed == [0; 2] {
                continue;
            }
            for (rows, more) in rows.iter_mut().zip(kept.hashed) {
                *rows += u64::from(more);
            }
            if examples.len() < EXAMPLES {
                examples.push(format!("{:04x}…", key >> 48));
            }
        }
        examples.sort_unstable();
        // An estimate may be more than there are.
        let all = TEXTS.map(|text| self.hashed.get(&text).map_or(0, |tally| tally.rows));
        let rows = [0, 1].map(|at| Count::scaled(rows[at], share).value.min(all[at]));
        Twice { rows, exact: share == 0, examples }
    }

    fn findings(&mut self, duplicates: Count, double_hashed: Count, twice: Vec<String>) -> Vec<Finding> {
        let exact =
            |what, tally: Tally| Finding { what, rows: Count::exact(tally.rows), examples: tally.examples };
        let malformed = std::mem::take(&mut self.malformed).into_iter().map(|(rule, tally)| match rule {
            Malformed::Empty => exact(What::Empty, tally),
            rule => exact(What::Malformed(rule), tally),
        });
        let hashed = std::mem::take(&mut self.hashed).into_iter().map(|(text, tally)| match text {
            HashText::Hex => exact(What::HashedHex, tally),
            HashText::Base64 => exact(What::HashedBase64, tally),
        });
        let estimated = [
            Finding { what: What::DoubleHashed, rows: double_hashed, examples: twice },
            Finding { what: What::Duplicate, rows: duplicates, examples: std::mem::take(&mut self.repeated) },
        ];
        malformed.chain(hashed).chain(estimated).filter(|finding| finding.rows.value > 0).collect()
    }
}

/// The first 64 bits of a digest.
fn front(digest: &Digest) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests;
