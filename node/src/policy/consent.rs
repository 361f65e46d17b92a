//! The withdrawal list: customers who take no part, from the moment they are on it.
//!
//! A withdrawal that is lost, or that misses because the contract spells identifiers in another way than
//! the list did, breaks the one promise that a person was given. So a withdrawal is durable before it is
//! reported done; it is kept as digests under every identity profile; rows are looked up by any of their
//! registered identifiers; and a list that is not whole stops every reading of data rather than counting as
//! shorter. It keeps no identifiers, but digests of telephone numbers can be tried one by one, so the files
//! are the owner's alone (mode 0600).
//!
//! A batch is one file, `000001.withdrawn`: a line of JSON that describes it, then 16 bytes for each digest,
//! in order. Batches are added, never changed.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tacit_protocol::identity::{Digest, HashText, KeyKind, Normaliser, Profile, Region};

use crate::{
    config::{
        FileError,
        files::{make_private_dir, write_private},
    },
    report::{Class, Detail, Refusal},
};

/// A larger list is handed over in parts.
const MOST_IDENTIFIERS: usize = 4_000_000;
/// Malformed lines that are named; beyond that they are counted.
const MOST_NAMED: usize = 100;
/// What the first line of every batch says.
const FORMAT: &str = "tacit-withdrawn/1";

/// Sixteen bytes of a hash over a kind of key and a digest: as good as unique, at half the memory.
type Mark = [u8; 16];

/// Why a withdrawal could not be recorded, or the list not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentError {
    /// Nothing in the text.
    #[error("there is no identifier in it")]
    NothingGiven,
    /// Nothing in the text could be read as an identifier.
    #[error("none of the {lines} lines is an identifier")]
    NothingUnderstood {
        /// Lines that hold something.
        lines: u64,
    },
    /// More at once than is held in memory.
    #[error("more than {MOST_IDENTIFIERS} identifiers at once")]
    TooMany,
    /// A batch is missing, cut off or changed.
    #[error("the withdrawal list is not whole: {}", path.display())]
    ListBroken {
        /// Which file.
        path: PathBuf,
    },
    /// A file of the home.
    #[error(transparent)]
    Home(FileError),
}

impl Refusal for ConsentError {
    fn code(&self) -> &'static str {
        match self {
            Self::NothingGiven | Self::NothingUnderstood { .. } | Self::TooMany => "E-CONSENT-LIST",
            Self::ListBroken { .. } => "E-CONSENT-BROKEN",
            Self::Home(error) => error.code(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::NothingGiven | Self::NothingUnderstood { .. } | Self::TooMany => Class::Usage,
            Self::ListBroken { .. } => Class::Failed,
            Self::Home(error) => error.class(),
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::NothingGiven | Self::NothingUnderstood { .. } => vec![Detail::new(
                "would do",
                "one telephone number with country code or one address a line, or CSV whose first line names \
                 the kinds: phone,email",
            )],
            Self::TooMany => vec![Detail::new("would do", "hand it over in parts")],
            Self::ListBroken { .. } => vec![
                Detail::new("why", "with a part of the list missing, withdrawn customers could take part"),
                Detail::new("would do", "bring the file back from the backup of the home"),
            ],
            Self::Home(error) => error.details(),
        }
    }
}

/// One handing-over of withdrawals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    format: String,
    /// From 1, without gaps.
    pub number: u64,
    /// From when on it holds.
    pub time: Timestamp,
    /// The dataset that it is for; all of them when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Identifiers that were understood.
    pub identifiers: u64,
    /// Of those, how many came as hashes.
    pub hashed: u64,
    /// Lines that were not understood.
    pub malformed: u64,
    marks: u64,
    checksum: String,
}

/// What [`Withdrawn::add`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// As recorded.
    pub batch: Batch,
    /// Lines that were not understood, at most 100 of them; they are not withdrawn.
    pub malformed_lines: Vec<u64>,
}

/// The withdrawal list of a node.
#[derive(Default)]
pub struct Withdrawn {
    dir: PathBuf,
    batches: Vec<Batch>,
    /// Sorted; by dataset, `None` for all of them.
    marks: BTreeMap<Option<String>, Vec<Mark>>,
}

/// Shows the batches and none of the digests.
impl fmt::Debug for Withdrawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Withdrawn").field("batches", &self.batches).finish_non_exhaustive()
    }
}

impl Withdrawn {
    /// Reads the list that is kept in this directory of the home; nothing there is an empty list.
    ///
    /// # Errors
    ///
    /// [`ConsentError::ListBroken`] if any batch is missing or damaged.
    pub fn open(dir: &Path) -> Result<Self, ConsentError> {
        let mut list = Self { dir: dir.to_owned(), ..Self::default() };
        let mut found = Vec::new();
        match fs::read_dir(dir) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(|source| list.unreadable(source))?;
                    let name = entry.file_name();
                    found.extend(
                        name.to_str().and_then(|name| name.strip_suffix(".withdrawn")?.parse::<u64>().ok()),
                    );
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(list.unreadable(source)),
        }
        found.sort_unstable();
        for number in 1..=found.last().copied().unwrap_or(0) {
            let path = list.file(number);
            let (batch, marks) = read(&path, number).ok_or(ConsentError::ListBroken { path })?;
            list.marks.entry(batch.dataset.clone()).or_default().extend(marks);
            list.batches.push(batch);
        }
        for marks in list.marks.values_mut() {
            marks.sort_unstable();
            marks.dedup();
        }
        Ok(list)
    }

    /// What was handed over, oldest first.
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Whether nobody has withdrawn from this dataset.
    pub fn is_empty_for(&self, dataset: &str) -> bool {
        self.of(dataset).all(<[Mark]>::is_empty)
    }

    /// Whether this digest of an identifier of this kind is on the list, under any profile.
    pub fn contains(&self, dataset: &str, kind: &KeyKind, digest: &Digest) -> bool {
        let mark = mark(kind, digest);
        self.of(dataset).any(|marks| marks.binary_search(&mark).is_ok())
    }

    /// The profiles under which a plain identifier must be looked up to be found if it is on the list.
    ///
    /// The list holds an identifier that came plain under every profile. One that came as a hash stands under
    /// whichever profile its maker used, and under `raw/1` two spellings of one number differ; so then rows
    /// are looked up under all of them.
    pub fn profiles(&self, dataset: &str, contract: Profile) -> Vec<Profile> {
        let any_hashed = self
            .batches
            .iter()
            .any(|batch| batch.hashed > 0 && batch.dataset.as_deref().is_none_or(|scope| scope == dataset));
        if any_hashed || contract == Profile::Raw1 { Profile::all().to_vec() } else { vec![contract] }
    }

    /// Adds identifiers: one a line, or CSV whose first line names the kinds (`phone,email`).
    ///
    /// Without `kind` a value with an `@` is an address, a SHA-256 hash is taken for either, and anything else
    /// is a telephone number. `regions` are those by which the node's datasets and contracts read national
    /// numbers: each number is taken under each. When this returns, the list is durable and holds.
    ///
    /// # Errors
    ///
    /// Nothing is recorded if nothing was understood, or if the list could not be written.
    pub fn add(
        &mut self,
        text: &str,
        kind: Option<&KeyKind>,
        dataset: Option<&str>,
        regions: &[Region],
        now: Timestamp,
    ) -> Result<Added, ConsentError> {
        let given = values(text, kind);
        if given.is_empty() {
            return Err(ConsentError::NothingGiven);
        }
        if given.len() > MOST_IDENTIFIERS {
            return Err(ConsentError::TooMany);
        }
        let rules = Rules::new(given.iter().flat_map(|given| &given.kinds), regions);
        let understood: Vec<(u64, Understood)> =
            given.par_iter().map(|given| (given.line, rules.understand(given))).collect();
        let mut malformed_lines: Vec<u64> =
            understood.iter().filter(|(_, found)| found.marks.is_empty()).map(|&(line, _)| line).collect();
        let malformed = malformed_lines.len() as u64;
        malformed_lines.dedup();
        malformed_lines.truncate(MOST_NAMED);
        if malformed as usize == given.len() {
            return Err(ConsentError::NothingUnderstood { lines: malformed });
        }
        let hashed = understood.iter().filter(|(_, found)| found.was_hashed).count() as u64;
        let mut marks: Vec<Mark> = understood.into_iter().flat_map(|(_, found)| found.marks).collect();
        marks.sort_unstable();
        marks.dedup();
        let bytes = marks.as_flattened();
        let batch = Batch {
            format: FORMAT.to_owned(),
            number: self.batches.len() as u64 + 1,
            time: now,
            dataset: dataset.map(str::to_owned),
            identifiers: given.len() as u64 - malformed,
            hashed,
            malformed,
            marks: marks.len() as u64,
            checksum: String::new(),
        };
        let batch = Batch { checksum: checksum(&batch, bytes), ..batch };
        self.write(&batch, bytes)?;
        let all = self.marks.entry(batch.dataset.clone()).or_default();
        all.extend(marks);
        all.sort_unstable();
        all.dedup();
        self.batches.push(batch.clone());
        Ok(Added { batch, malformed_lines })
    }

    fn of(&self, dataset: &str) -> impl Iterator<Item = &[Mark]> {
        let scoped = move |scope: &Option<String>| scope.as_deref().is_none_or(|scope| scope == dataset);
        self.marks.iter().filter(move |(scope, _)| scoped(scope)).map(|(_, marks)| marks.as_slice())
    }

    fn file(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:06}.withdrawn"))
    }

    fn unreadable(&self, source: std::io::Error) -> ConsentError {
        ConsentError::Home(FileError::Unreadable { path: self.dir.clone(), source })
    }

    fn write(&self, batch: &Batch, marks: &[u8]) -> Result<(), ConsentError> {
        let path = self.file(batch.number);
        let unwritable = |source| ConsentError::Home(FileError::Unwritable { path: path.clone(), source });
        make_private_dir(&self.dir).map_err(ConsentError::Home)?;
        // A batch that another process has put there must not be written over.
        if path.exists() {
            return Err(unwritable(ErrorKind::AlreadyExists.into()));
        }
        let mut bytes = serde_json::to_vec(batch).map_err(|error| unwritable(error.into()))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(marks);
        write_private(&path, &bytes).map_err(ConsentError::Home)
    }
}

/// A value of the text, and what it may be.
struct Given<'a> {
    line: u64,
    kinds: Vec<KeyKind>,
    value: &'a str,
}

struct Understood {
    /// Empty if the value is no identifier of any of its kinds.
    marks: Vec<Mark>,
    was_hashed: bool,
}

/// What separates the fields of a list with several kinds. No identifier holds any of them.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

fn values<'a>(text: &'a str, kind: Option<&KeyKind>) -> Vec<Given<'a>> {
    let mut lines = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .lines()
        .enumerate()
        .map(|(index, line)| (index as u64 + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .peekable();
    let header = match (kind, lines.peek()) {
        (None, Some((_, first))) => header(first),
        _ => None,
    };
    let Some(header) = header else {
        return lines.map(|(line, value)| Given { line, kinds: kinds(value, kind), value }).collect();
    };
    lines
        .skip(1)
        .flat_map(|(line, fields)| {
            let kinds = header.iter().map(|kind| vec![kind.clone()]);
            fields.split(SEPARATORS).map(bare).zip(kinds).map(move |(value, kinds)| Given {
                line,
                kinds,
                value,
            })
        })
        .filter(|given| !given.value.is_empty())
        .collect()
}

/// The kinds in the first line, if each of its fields is one: no number and no address is.
fn header(first: &str) -> Option<Vec<KeyKind>> {
    first.split(SEPARATORS).map(|field| bare(field).parse().ok()).collect()
}

fn bare(field: &str) -> &str {
    field.trim().trim_matches('"').trim()
}

/// What a value without a name may be.
fn kinds(value: &str, given: Option<&KeyKind>) -> Vec<KeyKind> {
    match given {
        Some(kind) => vec![kind.clone()],
        None if value.contains('@') => vec![KeyKind::Email],
        None if HashText::read(value).is_some() => vec![KeyKind::Phone, KeyKind::Email],
        None => vec![KeyKind::Phone],
    }
}

/// Every way to read an identifier of a kind.
struct Rules {
    by_kind: BTreeMap<KeyKind, Vec<Normaliser>>,
}

impl Rules {
    fn new<'k>(kinds: impl Iterator<Item = &'k KeyKind>, regions: &[Region]) -> Self {
        let mut by_kind = BTreeMap::new();
        for kind in kinds {
            by_kind.entry(kind.clone()).or_insert_with(|| {
                let regions: Vec<Option<Region>> = match kind {
                    KeyKind::Phone if !regions.is_empty() => regions.iter().copied().map(Some).collect(),
                    _ => vec![None],
                };
                let each = |profile| {
                    regions.iter().map(move |&region| Normaliser::new(profile, kind.clone(), region))
                };
                Profile::all().into_iter().flat_map(each).collect()
            });
        }
        Self { by_kind }
    }

    fn understand(&self, given: &Given<'_>) -> Understood {
        let mut understood = Understood { marks: Vec::new(), was_hashed: false };
        for kind in &given.kinds {
            let mut is_one = false;
            let mut marks = Vec::new();
            for rule in self.by_kind.get(kind).into_iter().flatten() {
                let Ok(normal) = rule.normalise(given.value) else { continue };
                understood.was_hashed |= normal.text().is_none();
                // `raw/1` takes anything, so it alone does not make an identifier.
                is_one |= rule.profile() != Profile::Raw1;
                marks.push(mark(kind, &normal.digest()));
            }
            if is_one {
                marks.sort_unstable();
                marks.dedup();
                understood.marks.append(&mut marks);
            }
        }
        understood
    }
}

fn mark(kind: &KeyKind, digest: &Digest) -> Mark {
    let mut hasher = blake3::Hasher::new_derive_key("tacit withdrawn identifier 1");
    hasher.update(&(kind.name().len() as u64).to_le_bytes());
    hasher.update(kind.name().as_bytes());
    hasher.update(digest.as_bytes());
    let mut mark = [0; 16];
    hasher.finalize_xof().fill(&mut mark);
    mark
}

fn checksum(batch: &Batch, marks: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("tacit withdrawal batch 1");
    let told = format!(
        "{} {} {} {:?} {} {} {}",
        batch.format,
        batch.number,
        batch.time,
        batch.dataset,
        batch.identifiers,
        batch.hashed,
        batch.malformed
    );
    hasher.update(&(told.len() as u64).to_le_bytes());
    hasher.update(told.as_bytes());
    hasher.update(marks);
    hasher.finalize().to_hex().to_string()
}

/// A batch, if it is whole and the one that its name says.
fn read(path: &Path, number: u64) -> Option<(Batch, Vec<Mark>)> {
    let bytes = fs::read(path).ok()?;
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let batch: Batch = serde_json::from_slice(&bytes[..end]).ok()?;
    let (marks, rest) = bytes[end + 1..].as_chunks::<16>();
    let is_whole = batch.format == FORMAT
        && batch.number == number
        && batch.marks == marks.len() as u64
        && rest.is_empty()
        && batch.checksum == checksum(&batch, marks.as_flattened());
    is_whole.then(|| (batch, marks.to_vec()))
}

#[cfg(test)]
#[path = "consent_tests.rs"]
mod tests;
