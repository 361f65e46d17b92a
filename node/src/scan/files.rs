//! Which files a dataset is made of, in which order, and what marks each of them as unchanged.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::scan::{
    dataset::Format,
    error::{self, ScanError},
};

/// One file of a dataset. Rows are numbered through the files in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name within the directory.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When and where it was last written.
    pub stamp: Stamp,
}

/// What changes whenever a file is written to or replaced. The time of change of the inode is part of it,
/// because tools that copy or restore files set the modification time as they like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub modified: i128,
    pub changed: i128,
    pub inode: u64,
    pub device: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

impl DataFile {
    fn new(path: PathBuf, metadata: &Metadata) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { path, name, size: metadata.len(), stamp: Stamp::of(metadata) }
    }

    /// Opens it, if it is still the file that was listed.
    pub fn open(&self, dataset: &str) -> Result<File, ScanError> {
        let file = File::open(&self.path).map_err(|source| unreadable(&self.path, source))?;
        let metadata = file.metadata().map_err(|source| unreadable(&self.path, source))?;
        if metadata.len() != self.size || Stamp::of(&metadata) != self.stamp {
            return Err(ScanError::Changed { dataset: dataset.to_owned() });
        }
        Ok(file)
    }
}

/// The files behind a path, and their format: `wanted`, or what their endings say.
pub(super) fn list(path: &Path, wanted: Option<Format>) -> Result<(Vec<DataFile>, Format), ScanError> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    if !metadata.is_dir() {
        check_regular(path, &metadata)?;
        let format = wanted
            .or_else(|| of_path(path))
            .ok_or_else(|| ScanError::FormatUnknown { path: path.to_owned() })?;
        let file = DataFile::new(path.to_owned(), &metadata);
        check_content(&file, format)?;
        return Ok((vec![file], format));
    }
    let mut found: Vec<(DataFile, Format)> = Vec::new();
    for entry in fs::read_dir(path).map_err(|source| unreadable(path, source))? {
        let entry = entry.map_err(|source| unreadable(path, source))?;
        let inside = entry.file_name().to_string_lossy().into_owned();
        // `.git`, `_SUCCESS`, `._x`: what tools leave beside data.
        if inside.starts_with(['.', '_']) {
            continue;
        }
        let metadata = fs::metadata(entry.path()).map_err(|source| unreadable(&entry.path(), source))?;
        if metadata.is_dir() {
            return Err(ScanError::DirectoryWithin { path: path.to_owned(), inside });
        }
        if let Some(format) = of_path(&entry.path()) {
            check_regular(&entry.path(), &metadata)?;
            found.push((DataFile::new(entry.path(), &metadata), format));
        }
    }
    let format = match wanted {
        Some(format) => format,
        None => {
            let mut formats: Vec<Format> = found.iter().map(|&(_, format)| format).collect();
            formats.sort_unstable();
            formats.dedup();
            match formats[..] {
                [] => return Err(ScanError::NoFiles { path: path.to_owned(), format: None }),
                [format] => format,
                [first, second, ..] => {
                    return Err(ScanError::FormatsMixed { path: path.to_owned(), first, second });
                }
            }
        }
    };
    let mut files: Vec<DataFile> =
        found.into_iter().filter(|&(_, found)| found == format).map(|(file, _)| file).collect();
    if files.is_empty() {
        return Err(ScanError::NoFiles { path: path.to_owned(), format: Some(format) });
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    for file in &files {
        check_content(file, format)?;
    }
    Ok((files, format))
}

/// An error of the system on a path.
pub(super) fn unreadable(path: &Path, source: io::Error) -> ScanError {
    match source.kind() {
        io::ErrorKind::NotFound => ScanError::FileMissing { path: path.to_owned() },
        _ => ScanError::FileUnreadable { path: path.to_owned(), source },
    }
}

/// A pipe gives its content once, and datasets are read many times.
fn check_regular(path: &Path, metadata: &Metadata) -> Result<(), ScanError> {
    if metadata.is_file() { Ok(()) } else { Err(ScanError::NotAFile { path: path.to_owned() }) }
}

/// What the ending says; `a.csv.gz` is CSV too, so that it is refused for what it is and not passed over.
fn of_path(path: &Path) -> Option<Format> {
    let ending = path.extension()?.to_str()?;
    let packed = ["gz", "zst"].iter().any(|packed| ending.eq_ignore_ascii_case(packed));
    if packed { of_path(Path::new(path.file_stem()?)) } else { Format::of_ending(ending) }
}

/// Looks at the first bytes, so that the wrong format is named as such and not as a thousand broken lines.
fn check_content(file: &DataFile, format: Format) -> Result<(), ScanError> {
    let mut start = Vec::with_capacity(64);
    File::open(&file.path)
        .and_then(|opened| opened.take(64).read_to_end(&mut start))
        .map_err(|source| unreadable(&file.path, source))?;
    if start.is_empty() {
        return Err(ScanError::FileEmpty { path: file.path.clone() });
    }
    let found = if start.starts_with(&[0x1f, 0x8b]) || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        error::GZIPPED
    } else if format == Format::Parquet {
        if start.starts_with(b"PAR1") {
            return Ok(());
        }
        error::NO_MAGIC
    } else if start.starts_with(b"PAR1") {
        error::PARQUET
    } else if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        error::UTF16
    } else if format == Format::Ndjson
        && start.trim_ascii_start().strip_prefix(b"\xef\xbb\xbf").unwrap_or(start.trim_ascii_start()).first()
            == Some(&b'[')
    {
        error::JSON_ARRAY
    } else {
        return Ok(());
    };
    Err(ScanError::FormatDiffers { path: file.path.clone(), format, found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Refusal;

    fn code(path: &Path, format: Option<Format>) -> &'static str {
        list(path, format).unwrap_err().code()
    }

    #[test]
    fn files_of_a_directory_come_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c.CSV", ".hidden.csv", "_SUCCESS", "README.md"] {
            fs::write(dir.path().join(name), "x\n").unwrap();
        }
        let (files, format) = list(dir.path(), None).unwrap();
        assert_eq!(format, Format::Csv);
        assert_eq!(
            files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
            ["a.csv", "b.csv", "c.CSV"]
        );
    }

    #[test]
    fn what_is_not_there_or_not_one_format_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(code(&dir.path().join("gone.csv"), None), "E-DATA-MISSING");
        assert_eq!(code(dir.path(), None), "E-DATA-NO-FILES");
        fs::write(dir.path().join("notes.txt"), "x").unwrap();
        assert_eq!(code(&dir.path().join("notes.txt"), None), "E-DATA-FORMAT");
        fs::write(dir.path().join("a.csv"), "x\n").unwrap();
        fs::write(dir.path().join("b.ndjson"), "{}\n").unwrap();
        assert_eq!(code(dir.path(), None), "E-DATA-FORMAT");
        assert_eq!(code(dir.path(), Some(Format::Parquet)), "E-DATA-NO-FILES");
        assert_eq!(list(dir.path(), Some(Format::Csv)).unwrap().0.len(), 1);
        fs::create_dir(dir.path().join("2024")).unwrap();
        assert_eq!(code(dir.path(), Some(Format::Csv)), "E-DATA-NO-FILES");
    }

    #[test]
    fn a_wrong_format_is_seen_by_its_first_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let cases: [(&str, &[u8], &str); 7] = [
            ("a.csv", b"", "E-DATA-EMPTY"),
            ("b.csv", b"PAR1....", "E-DATA-FORMAT"),
            ("c.parquet", b"a,b\n", "E-DATA-FORMAT"),
            ("d.csv", &[0x1f, 0x8b, 8, 0], "E-DATA-FORMAT"),
            ("e.csv", &[0xff, 0xfe, b'a', 0], "E-DATA-FORMAT"),
            ("f.json", b" [{\"a\":1}]", "E-DATA-FORMAT"),
            ("g.parquet", b"", "E-DATA-EMPTY"),
        ];
        for (name, content, expected) in cases {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            assert_eq!(code(&path, None), expected, "{name}");
        }
    }

    #[test]
    fn a_pipe_or_a_device_is_no_file() {
        assert_eq!(code(Path::new("/dev/null"), Some(Format::Csv)), "E-DATA-UNREADABLE");
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::net::UnixListener::bind(dir.path().join("a.csv")).unwrap();
        assert_eq!(code(dir.path(), None), "E-DATA-UNREADABLE");
    }

    #[test]
    fn a_file_written_to_since_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        fs::write(&path, "x\n1\n").unwrap();
        let (files, _) = list(&path, None).unwrap();
        files[0].open("a").unwrap();
        fs::write(&path, "x\n2\n3\n").unwrap();
        assert_eq!(files[0].open("a").unwrap_err().code(), "E-DATA-CHANGED");
    }
}
