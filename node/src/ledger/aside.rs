//! What is given up is kept beside: a log that cannot be opened, a head that is no longer held against anybody.
//!
//! The attack it stops: damage that is mended by removing what shows it.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{LedgerError, read};

/// Puts a log aside that cannot be opened, as evidence; where it lies then. A sound one stays.
///
/// # Errors
/// It can be opened, so there is nothing to give up; or it cannot be moved.
pub fn put_aside(directory: &Path) -> Result<Option<PathBuf>, LedgerError> {
    if !directory.exists() {
        return Ok(None);
    }
    match read(directory) {
        Ok(_) => return Err(LedgerError::Sound),
        Err(error @ LedgerError::Newer { .. }) => return Err(error),
        Err(_) => {}
    }
    move_aside(directory, "damaged").map_err(LedgerError::Unopened)
}

/// Moves a file or a directory to the first of `<name>.<why>-1`, `-2` … that is not taken; where it lies then, if it
/// was there.
pub(super) fn move_aside(path: &Path, why: &str) -> io::Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    let mut number = 1_u64;
    let aside = loop {
        let aside = path.with_extension(format!("{why}-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    std::fs::rename(path, &aside)?;
    Ok(Some(aside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_put_aside_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("head");
        assert_eq!(move_aside(&file, "lost").unwrap(), None);
        for number in 1..4 {
            std::fs::write(&file, [number]).unwrap();
            let aside = move_aside(&file, "lost").unwrap().unwrap();
            assert_eq!(aside.file_name().unwrap().to_str().unwrap(), format!("head.lost-{number}"));
            assert!(!file.exists());
        }
        for number in 1..4 {
            assert_eq!(std::fs::read(folder.path().join(format!("head.lost-{number}"))).unwrap(), [number]);
        }
    }
}
