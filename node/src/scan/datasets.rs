//! The datasets of a node: one small file each, in the home.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use tacit_protocol::identity::{KeyKind, Region};

use crate::{
    config::files::{make_private_dir, write_private},
    scan::{
        dataset::{ColumnClass, Format, MatchKey, Registration, Thresholds},
        error::{ScanError, close_names},
        files::{self, unreadable},
        snapshot::Snapshot,
        survey::{Said, Survey, survey},
    },
};

/// What the owner says of a dataset that is to be registered.
#[derive(Debug, Clone)]
pub struct NewDataset {
    name: String,
    path: PathBuf,
    format: Option<Format>,
    ids: Vec<MatchKey>,
    row_id: Option<String>,
    default_region: Option<Region>,
    region: Option<String>,
    population: Option<String>,
    classes: Vec<(String, ColumnClass)>,
    quality: Thresholds,
}

impl NewDataset {
    /// A file, or a directory of files of one format, under the name that partners will use.
    pub fn new(name: &str, path: &Path) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            format: None,
            ids: Vec::new(),
            row_id: None,
            default_region: None,
            region: None,
            population: None,
            classes: Vec::new(),
            quality: Thresholds::default(),
        }
    }

    /// `csv`, `parquet` or `ndjson`; by the files' endings when not called.
    pub fn format(mut self, format: &str) -> Result<Self, ScanError> {
        self.format = Some(format.parse()?);
        Ok(self)
    }

    /// A further match key, weaker than those before: `phone`, `email`, or a name of the owner's choice.
    pub fn id(mut self, kind: &str, column: &str) -> Result<Self, ScanError> {
        let kind: KeyKind = kind.parse().map_err(|problem| unusable("id", &problem))?;
        let key = MatchKey { kind, column: column.to_owned() };
        if self.ids.contains(&key) {
            let problem = format!("{}={column} is given twice", key.kind);
            return Err(ScanError::SettingUnusable { setting: "id", problem });
        }
        self.ids.push(key);
        Ok(self)
    }

    /// The column that names a customer in the owner's own systems.
    pub fn row_id(mut self, column: &str) -> Self {
        self.row_id = Some(column.to_owned());
        self
    }

    /// Where telephone numbers without a country code are from.
    pub fn default_region(mut self, region: &str) -> Result<Self, ScanError> {
        self.default_region = Some(region.parse().map_err(|problem| unusable("default region", &problem))?);
        Ok(self)
    }

    /// The region that rows must not leave.
    pub fn region(mut self, region: &str) -> Self {
        self.region = Some(region.to_owned());
        self
    }

    /// Which of the owner's populations its customers are.
    pub fn population(mut self, population: &str) -> Result<Self, ScanError> {
        if !Registration::name_is_usable(population) {
            let problem =
                "a population is named by lower-case letters, digits and _, a letter first".to_owned();
            return Err(ScanError::SettingUnusable { setting: "population", problem });
        }
        self.population = Some(population.to_owned());
        Ok(self)
    }

    /// The class of a column: `general`, `important`, `core`.
    pub fn class(mut self, column: &str, class: &str) -> Result<Self, ScanError> {
        self.classes.push((column.to_owned(), class.parse()?));
        Ok(self)
    }

    /// When to warn; shares are 0..=1.
    pub fn quality(mut self, quality: Thresholds) -> Result<Self, ScanError> {
        for (setting, share) in [("max missing", quality.max_missing), ("max outliers", quality.max_outliers)]
        {
            if !(0.0..=1.0).contains(&share) {
                let problem = "a share is between 0 and 1, such as 0.1 for ten in a hundred".to_owned();
                return Err(ScanError::SettingUnusable { setting, problem });
            }
        }
        self.quality = quality;
        Ok(self)
    }
}

/// Names go into messages and terminals.
fn check_names(path: &Path, found: &Survey) -> Result<(), ScanError> {
    match found.columns.iter().position(|column| column.name.chars().any(char::is_control)) {
        None => Ok(()),
        Some(index) => {
            let problem = format!("has a control character in the name of column {}", index + 1);
            Err(ScanError::HeaderUnusable { path: path.to_owned(), problem })
        }
    }
}

fn unusable(setting: &'static str, problem: &dyn std::error::Error) -> ScanError {
    ScanError::SettingUnusable { setting, problem: problem.to_string() }
}

/// The registrations in a home's directory for them.
#[derive(Debug, Clone)]
pub struct Datasets {
    dir: PathBuf,
}

impl Datasets {
    /// Keeps registrations as `dir/NAME.toml`; the directory is made when first needed.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Reads all of it once, checks it, and registers it. `watch` is told the rows read so far and answers
    /// whether to go on.
    pub fn add(
        &self,
        new: NewDataset,
        now: Timestamp,
        watch: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Registration, ScanError> {
        let NewDataset {
            name,
            path,
            format,
            ids,
            row_id,
            default_region,
            region,
            population,
            classes,
            quality,
        } = new;
        if !Registration::name_is_usable(&name) {
            return Err(ScanError::NameUnusable { name });
        }
        let file = self.file(&name);
        if file.exists() {
            return Err(ScanError::NameTaken { name });
        }
        let path = std::path::absolute(&path).map_err(|source| unreadable(&path, source))?;
        if path.to_str().is_none() {
            let problem = "its name is not UTF-8".to_owned();
            return Err(ScanError::SettingUnusable { setting: "path", problem });
        }
        let (files, format) = files::list(&path, format)?;
        let said = Said { dataset: &name, ids: &ids, row_id: row_id.as_deref(), delimiter: None };
        let found = survey(&files, format, &said, watch)?;
        check_names(&path, &found)?;
        let snapshot = Snapshot::take(&name, &files, found.rows, now)?;
        let mut registration = Registration {
            name,
            path,
            format,
            delimiter: found.delimiter,
            row_id,
            default_region,
            region,
            population,
            registered: now,
            ids,
            classes: BTreeMap::new(),
            quality,
            snapshot,
            columns: found.columns,
        };
        for (name, class) in classes {
            registration.known(&name)?;
            registration.classes.insert(name, class);
        }
        self.write(&registration)?;
        Ok(registration)
    }

    /// All of them, by name.
    pub fn list(&self) -> Result<Vec<Registration>, ScanError> {
        self.names()?.iter().map(|name| self.read(name)).collect()
    }

    /// One of them, as it was when last read; its files are not looked at.
    pub fn show(&self, name: &str) -> Result<Registration, ScanError> {
        if Registration::name_is_usable(name) && self.file(name).exists() {
            return self.read(name);
        }
        let names = self.names()?;
        Err(ScanError::Unknown {
            name: name.to_owned(),
            close: close_names(name, names.iter().map(String::as_str)),
        })
    }

    /// One of them, up to date: files that changed are read again, whole.
    pub fn open(
        &self,
        name: &str,
        now: Timestamp,
        watch: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Registration, ScanError> {
        let mut registration = self.show(name)?;
        let (files, _) = files::list(&registration.path, Some(registration.format))?;
        if registration.snapshot.is_settled_for(&files) {
            return Ok(registration);
        }
        let rows = registration.snapshot.rows;
        let mut fresh = Snapshot::take(name, &files, rows, now)?;
        if fresh.content != registration.snapshot.content {
            let said = Said {
                dataset: name,
                ids: &registration.ids,
                row_id: registration.row_id.as_deref(),
                // A file that now starts with another separator is another table.
                delimiter: Some(registration.delimiter.unwrap_or(',')),
            };
            let found = survey(&files, registration.format, &said, watch)?;
            check_names(&registration.path, &found)?;
            fresh.rows = found.rows;
            registration.columns = found.columns;
        }
        registration.snapshot = fresh;
        self.write(&registration)?;
        Ok(registration)
    }

    /// Forgets one; its files stay as they are.
    pub fn remove(&self, name: &str) -> Result<(), ScanError> {
        if !Registration::name_is_usable(name) || !self.file(name).exists() {
            // For the list of close names.
            self.show(name)?;
        }
        let file = self.file(name);
        fs::remove_file(&file)
            .and_then(|()| fs::File::open(&self.dir)?.sync_all())
            .map_err(|source| ScanError::FileUnwritable { path: file, source })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.toml"))
    }

    fn names(&self) -> Result<Vec<String>, ScanError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(unreadable(&self.dir, source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|source| unreadable(&self.dir, source))?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".toml"));
            names.extend(name.filter(|name| Registration::name_is_usable(name)).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    fn read(&self, name: &str) -> Result<Registration, ScanError> {
        let path = self.file(name);
        let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        let broken = |at: usize| {
            let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
            ScanError::RegistrationBroken { path: path.clone(), line }
        };
        let registration: Registration =
            toml::from_str(&text).map_err(|error| broken(error.span().map_or(0, |span| span.start)))?;
        if registration.name == name { Ok(registration) } else { Err(broken(0)) }
    }

    fn write(&self, registration: &Registration) -> Result<(), ScanError> {
        make_private_dir(&self.dir).map_err(ScanError::Home)?;
        let text =
            toml::to_string_pretty(registration).map_err(|problem| unusable("registration", &problem))?;
        write_private(&self.file(&registration.name), text.as_bytes()).map_err(ScanError::Home)
    }
}
