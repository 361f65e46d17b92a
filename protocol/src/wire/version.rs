//! The protocol versions both nodes can speak.
//!
//! Each hello lists them all, and both hellos are hashed into the connection that both sign: whoever
//! shortens a list on the way, to make two new nodes speak an old version, breaks both signatures (F09).

use serde::{Deserialize, Serialize};

use super::codec::List;

/// A version of everything that is spoken after the hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub u16);

/// The versions this build speaks.
pub const SUPPORTED: [Version; 1] = [Version(1)];

/// The versions a hello offers: at most 16.
pub type Versions = List<Version, 16>;

/// No version is on both lists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the two nodes speak no common version of the protocol")]
pub struct NoCommonVersion;

/// The highest version that both offer; both ends find the same one.
///
/// # Errors
/// [`NoCommonVersion`].
pub fn negotiate(ours: &Versions, theirs: &Versions) -> Result<Version, NoCommonVersion> {
    let common = ours.as_slice().iter().filter(|version| theirs.as_slice().contains(version));
    common.max().copied().ok_or(NoCommonVersion)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_taken() {
        let list = |versions: &[u16]| Versions::new(versions.iter().copied().map(Version));
        assert_eq!(negotiate(&list(&[1, 2, 3]), &list(&[4, 2, 1])), Ok(Version(2)));
        assert_eq!(negotiate(&list(&[2, 1]), &list(&[1, 2])), Ok(Version(2)));
        assert_eq!(negotiate(&list(&[1]), &list(&[2])), Err(NoCommonVersion));
        assert_eq!(negotiate(&list(&[]), &list(&[1])), Err(NoCommonVersion));
    }
}
