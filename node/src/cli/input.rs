//! Files and standard input that a command line names.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::error::CliError;
use crate::config::units::show_size;

/// Cards, contracts and questions are small; a wrong path is often not.
pub const SMALL: u64 = 4 << 20;
/// A withdrawal list of some millions of identifiers.
pub const LARGE: u64 = 256 << 20;

/// Reads a text; `-` is standard input.
pub fn read_text(path: &Path, limit: u64) -> Result<String, CliError> {
    let standard = path == Path::new("-");
    let what = if standard { "standard input".to_owned() } else { path.display().to_string() };
    let unreadable = |source| CliError::Unreadable { what: what.clone(), source };
    let bytes = if standard {
        bytes(io::stdin().lock(), limit)
    } else {
        File::open(path).and_then(|file| bytes(file, limit))
    }
    .map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(CliError::TooLong { what, limit: show_size(limit) });
    }
    let text = String::from_utf8(bytes).map_err(|_| CliError::NotText { what })?;
    // Some editors put a byte-order mark in front, which no reader expects.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// One byte beyond the limit is enough to know.
fn bytes(source: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Refusal;

    #[test]
    fn only_a_small_text_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "\u{feff}card").unwrap();
        assert_eq!(read_text(&path, 7).unwrap(), "card");
        for (content, limit) in [(&b"\xff\xfe"[..], 10), (b"too long", 7)] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(read_text(&path, limit).unwrap_err().code(), "E-INPUT-UNREADABLE");
        }
        assert_eq!(read_text(&dir.path().join("none"), 7).unwrap_err().code(), "E-INPUT-UNREADABLE");
        assert_eq!(read_text(dir.path(), 7).unwrap_err().code(), "E-INPUT-UNREADABLE");
    }
}
