//! Where models lie: `models/<id>/model.json`, whole or not at all.
//!
//! The file says which format it has and carries the SHA-256 of its content. The attack that stops is a quiet one: a
//! disk, an editor or a half-restored backup that changes one digit of one weight, and scores that are wrong ever
//! after. A file of a newer version is refused by that version's number rather than read by halves.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tacit_protocol::ids::QueryId;
use zeroize::Zeroizing;

use super::{halves, model::Model};
use crate::{
    config::{FileError, files},
    data::hex,
    report::{Class, Detail, Refusal},
};

/// The format that this version writes, and the newest that it reads.
const FORMAT: u64 = 1;

/// No model comes near this: 400 coefficients and 1,000 metrics make 200 KiB.
const LARGEST: u64 = 8 << 20;

const FILE: &str = "model.json";
pub(super) const SHARES: &str = "shares";
const SCORES: &str = "scores.json";

/// Scores of ten million customers.
const LARGEST_SCORES: u64 = 1 << 28;

/// A model that cannot be kept, found or read.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or folder of the registry.
    #[error("the model registry cannot be used")]
    File(#[source] FileError),
    /// A file that is not what was written.
    #[error("the model {model} is damaged: {problem}")]
    Damaged {
        /// Its id, from its folder.
        model: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A file of a version to come.
    #[error("the model {model} is in format {found}, and this version reads up to {FORMAT}")]
    Newer {
        /// Its id, from its folder.
        model: String,
        /// Its format.
        found: u64,
    },
    /// A number that is no number came out of a training.
    #[error("the model {model} has a number that is not finite")]
    NotFinite {
        /// Its id.
        model: String,
    },
    /// Nothing by this name.
    #[error("there is no model {wanted}")]
    NotFound {
        /// What was typed.
        wanted: String,
        /// What there is.
        models: Vec<String>,
    },
    /// More than one by this name.
    #[error("{wanted} may be any of several models")]
    Ambiguous {
        /// What was typed.
        wanted: String,
        /// Those that fit.
        models: Vec<String>,
    },
}

impl Refusal for ModelError {
    fn code(&self) -> &'static str {
        match self {
            Self::File(source) => source.code(),
            Self::Damaged { .. } => "E-MODEL-DAMAGED",
            Self::Newer { .. } => "E-MODEL-NEWER",
            Self::NotFinite { .. } => "E-MODEL-NOT-FINITE",
            Self::NotFound { .. } => "E-MODEL-NOT-FOUND",
            Self::Ambiguous { .. } => "E-MODEL-AMBIGUOUS",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::File(source) => source.class(),
            Self::NotFound { .. } | Self::Ambiguous { .. } => Class::Usage,
            Self::Damaged { .. } | Self::Newer { .. } | Self::NotFinite { .. } => Class::Failed,
        }
    }

    fn details(&self) -> Vec<Detail> {
        let would_do = |text: &str| vec![Detail::new("would do", text)];
        match self {
            Self::File(source) => source.details(),
            Self::Damaged { .. } => would_do(
                "restore it from a backup, or remove it with tacit model delete; the partner's registry has its own copy",
            ),
            Self::Newer { .. } => would_do("use the version of tacit that trained it, or a newer one"),
            Self::NotFinite { .. } => would_do("a larger l2, or fewer features that say the same"),
            Self::NotFound { models, .. } if models.is_empty() => would_do("train one: tacit train JOB"),
            Self::NotFound { models, .. } | Self::Ambiguous { models, .. } => {
                vec![Detail::new("models", models.join(", "))]
            }
        }
    }
}

/// The file, around the model.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed<M> {
    format: u64,
    /// SHA-256 over the model's compact JSON, in hex.
    sha256: String,
    model: M,
}

/// What a model of two partners' columns makes of our own customers: scores of that kind are made together, at the end
/// of the training, and kept by the one who may see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The content of our dataset then, in hex.
    pub snapshot: String,
    /// Row (from 1) and score, before the function that makes a chance of it.
    pub scores: Vec<(u64, f64)>,
}

/// A folder of the registry.
#[derive(Debug)]
pub struct Listed {
    /// The id that the folder says.
    pub id: QueryId,
    /// What is in it.
    pub model: Result<Model, ModelError>,
}

/// The models of a home. One process at a time changes it: the home's lock sees to that.
#[derive(Debug, Clone)]
pub struct Registry {
    dir: PathBuf,
}

impl Registry {
    /// The registry in this directory, which may be missing yet.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Keeps a model, durably; one by the same id is replaced. `shares` is this side's part of weights that nobody has
    /// seen: it lies beside the model and is in no export.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`]; [`ModelError::File`].
    pub fn keep(&self, model: &Model, shares: Option<&[u8]>) -> Result<(), ModelError> {
        let text = sealed(model)?;
        let folder = self.folder(model.id);
        files::make_private_dir(&folder).map_err(ModelError::File)?;
        if let Some(shares) = shares {
            files::write_private(&folder.join(SHARES), shares).map_err(ModelError::File)?;
        }
        // Last: a folder that has it is whole.
        files::write_private(&folder.join(FILE), text.as_bytes()).map_err(ModelError::File)
    }

    /// All models, newest first, damaged ones after them.
    ///
    /// # Errors
    /// [`ModelError::File`] if the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, ModelError> {
        let unreadable = |source| ModelError::File(FileError::Unreadable { path: self.dir.clone(), source });
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries.collect::<Result<Vec<_>, _>>().map_err(unreadable)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unreadable(error)),
        };
        let ids = entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse::<QueryId>().ok());
        // A folder without the file is a training that has not ended, or a model whose removal was cut.
        let whole = ids.filter(|id| self.folder(*id).join(FILE).exists());
        let mut listed: Vec<Listed> = whole.map(|id| Listed { id, model: self.read(id) }).collect();
        listed.sort_by_key(|listed| {
            let trained = listed.model.as_ref().ok().map(|model| model.trained);
            (std::cmp::Reverse(trained), listed.id)
        });
        Ok(listed)
    }

    /// The model by this name, or whose id starts like this; of several by one name, the newest.
    ///
    /// # Errors
    /// [`ModelError::NotFound`], [`ModelError::Ambiguous`] (of ids), and whatever is wrong with its file.
    pub fn find(&self, wanted: &str) -> Result<Model, ModelError> {
        self.read(self.find_id(wanted)?)
    }

    /// As [`find`](Self::find), without reading further than the name: a damaged one has an id as well.
    ///
    /// # Errors
    /// [`ModelError::NotFound`], [`ModelError::Ambiguous`], [`ModelError::File`].
    pub fn find_id(&self, wanted: &str) -> Result<QueryId, ModelError> {
        let all = self.list()?;
        if let Some(exact) = wanted.parse().ok().and_then(|id| all.iter().find(|listed| listed.id == id)) {
            return Ok(exact.id);
        }
        let named = |listed: &&Listed| listed.model.as_ref().is_ok_and(|model| model.name == wanted);
        if let Some(newest) = all.iter().find(named) {
            return Ok(newest.id);
        }
        let fitting: Vec<&Listed> = all.iter().filter(|listed| listed.id.matches_prefix(wanted)).collect();
        let wanted = || wanted.chars().filter(|c| !c.is_control()).take(64).collect();
        match fitting.as_slice() {
            [one] => Ok(one.id),
            [] => Err(ModelError::NotFound { wanted: wanted(), models: all.iter().map(title).collect() }),
            several => Err(ModelError::Ambiguous {
                wanted: wanted(),
                models: several.iter().map(|listed| title(listed)).collect(),
            }),
        }
    }

    /// Reads one model.
    ///
    /// # Errors
    /// [`ModelError::Damaged`], [`ModelError::Newer`], [`ModelError::File`].
    pub fn read(&self, id: QueryId) -> Result<Model, ModelError> {
        let path = self.folder(id).join(FILE);
        let model = opened(id, &bytes(&path, LARGEST)?)?;
        if model.id != id {
            return Err(damaged(id, "it is another model than its folder says"));
        }
        Ok(model)
    }

    /// The text of a model's file, for those who carry it elsewhere; checked first.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn export(&self, id: QueryId) -> Result<String, ModelError> {
        sealed(&self.read(id)?)
    }

    /// This side's part of weights that nobody has seen; nothing if the model has none.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn shares(&self, id: QueryId) -> Result<Option<Zeroizing<Vec<u8>>>, ModelError> {
        match files::read_private(&self.folder(id).join(SHARES)) {
            Ok(shares) => Ok(Some(shares)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(ModelError::File(error)),
        }
    }

    /// Keeps the scores of a model's customers, before or after the model itself.
    ///
    /// # Errors
    /// [`ModelError::NotFinite`]; [`ModelError::File`].
    pub fn keep_scores(&self, id: QueryId, scores: &Scores) -> Result<(), ModelError> {
        let not_finite = || ModelError::NotFinite { model: id.short() };
        if scores.scores.iter().any(|(_, score)| !score.is_finite()) {
            return Err(not_finite());
        }
        let text = serde_json::to_vec(scores).map_err(|_| not_finite())?;
        let folder = self.folder(id);
        files::make_private_dir(&folder).map_err(ModelError::File)?;
        files::write_private(&folder.join(SCORES), &text).map_err(ModelError::File)
    }

    /// The scores that were made at the end of the training; nothing if they are not ours to see.
    ///
    /// # Errors
    /// [`ModelError::Damaged`], [`ModelError::File`].
    pub fn scores(&self, id: QueryId) -> Result<Option<Scores>, ModelError> {
        self.scores_in(id, SCORES)
    }

    /// The scores in a file beside a model.
    pub(super) fn scores_in(&self, id: QueryId, name: &str) -> Result<Option<Scores>, ModelError> {
        let path = self.folder(id).join(name);
        match bytes(&path, LARGEST_SCORES) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|_| damaged(id, "its scores do not read"))
            }
            Err(ModelError::File(error)) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a model and all that lies beside it. Its record stays in the ledger, and so does its price.
    ///
    /// # Errors
    /// [`ModelError::File`].
    pub fn delete(&self, id: QueryId) -> Result<(), ModelError> {
        let folder = self.folder(id);
        let unwritable = |source| ModelError::File(FileError::Unwritable { path: folder.clone(), source });
        // First: what is left over, if this is cut, is listed no more.
        match fs::remove_file(folder.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
        halves::wipe(&folder).map_err(unwritable)?;
        fs::remove_dir_all(&folder).map_err(unwritable)
    }

    /// The folder of a model; a training keeps its rounds there too.
    pub fn folder(&self, id: QueryId) -> PathBuf {
        self.dir.join(id.to_string())
    }
}

fn title(listed: &Listed) -> String {
    match &listed.model {
        Ok(model) => format!("{} ({})", model.name, model.short()),
        Err(_) => format!("{} (damaged)", listed.id.short()),
    }
}

fn damaged(id: QueryId, problem: &'static str) -> ModelError {
    ModelError::Damaged { model: id.short(), problem }
}

fn bytes(path: &Path, largest: u64) -> Result<Vec<u8>, ModelError> {
    let unreadable = |source| ModelError::File(FileError::Unreadable { path: path.to_owned(), source });
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > largest {
        return Err(ModelError::File(FileError::TooLarge { path: path.to_owned() }));
    }
    Ok(bytes)
}

/// A model as the text of its file.
fn sealed(model: &Model) -> Result<String, ModelError> {
    // Only a number that is not finite has no JSON here.
    let not_finite = |_| ModelError::NotFinite { model: model.id.short() };
    let sealed = Sealed { format: FORMAT, sha256: digest(model).map_err(not_finite)?, model };
    let mut text = serde_json::to_string_pretty(&sealed).map_err(not_finite)?;
    text.push('\n');
    Ok(text)
}

fn digest(model: &Model) -> Result<String, serde_json::Error> {
    Ok(hex(Sha256::digest(serde_json::to_vec(model)?)))
}

/// The text of a file as a model.
fn opened(id: QueryId, bytes: &[u8]) -> Result<Model, ModelError> {
    // The number first: a newer format may differ in everything else.
    let value: Value = serde_json::from_slice(bytes).map_err(|_| damaged(id, "it is no JSON document"))?;
    match value.get("format").and_then(Value::as_u64) {
        Some(FORMAT) => {}
        Some(found) if found > FORMAT => return Err(ModelError::Newer { model: id.short(), found }),
        _ => return Err(damaged(id, "it does not say which format it has")),
    }
    // From the bytes again: a `Value` forgets that a name stood there twice.
    let sealed: Sealed<Model> =
        serde_json::from_slice(bytes).map_err(|_| damaged(id, "its content is not a model's"))?;
    match digest(&sealed.model) {
        Ok(found) if found == sealed.sha256 => Ok(sealed.model),
        _ => Err(damaged(id, "its content was changed after it was written")),
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
pub(super) mod tests;
