//! The names that a contract uses: which rules, and for which kind of key.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A set of normalisation rules, by name and version; see the table in [`identity`](super).
///
/// A rule that changes what any value becomes makes a new version: nodes of different releases must never
/// agree on a name and disagree on a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// `google-dm/2`: Google's Data Manager API, "Format user data".
    GoogleDm2,
    /// `uid2/1`: Unified ID 2.0, "Normalization and encoding".
    Uid21,
    /// `meta-capi/1`: Meta's Conversions API, "Customer information parameters".
    MetaCapi1,
    /// `raw/1`: the value exactly as it is.
    Raw1,
    /// `cn-mobile/1`: mainland mobile numbers.
    CnMobile1,
}

impl Profile {
    /// Every profile there is.
    pub const fn all() -> [Self; 5] {
        [Self::GoogleDm2, Self::Uid21, Self::MetaCapi1, Self::Raw1, Self::CnMobile1]
    }

    /// The name with its version.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GoogleDm2 => "google-dm/2",
            Self::Uid21 => "uid2/1",
            Self::MetaCapi1 => "meta-capi/1",
            Self::Raw1 => "raw/1",
            Self::CnMobile1 => "cn-mobile/1",
        }
    }
}

/// A profile that this node does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownProfile {
    /// No profile has this name.
    #[error("no identity profile is called {asked:?}; known are {}", known())]
    Name {
        /// What was asked for, shortened.
        asked: String,
    },
    /// The name is known, in another version.
    #[error("identity profile {asked:?} is not known in that version; known are {}", known())]
    Version {
        /// What was asked for, shortened.
        asked: String,
    },
}

fn known() -> String {
    Profile::all().map(Profile::name).join(", ")
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        if let Some(profile) = Self::all().into_iter().find(|profile| profile.name() == text) {
            return Ok(profile);
        }
        let asked = shorten(text);
        let name = text.split('/').next().unwrap_or_default();
        let same_name = |profile: Self| profile.name().split('/').next() == Some(name);
        Err(if Self::all().into_iter().any(same_name) {
            UnknownProfile::Version { asked }
        } else {
            UnknownProfile::Name { asked }
        })
    }
}

/// What the other side wrote may be of any length; an error line may not.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What kind of identifier a match key is, as in `--id phone=mobile --id email=mail`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// Anything else, by its name: taken as it is, under every profile.
    Named(KeyName),
}

/// The name of a key that is neither phone nor e-mail: lower-case letters, digits, `-` and `_`, a letter
/// first, 32 at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Box<str>);

impl KeyKind {
    /// The name that stands in the registration and in the contract.
    pub fn name(&self) -> &str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Named(KeyName(name)) => name,
        }
    }
}

/// A kind that no key can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{asked:?} is no kind of key: phone, email, or a name of up to 32 lower-case letters, digits, - and _ \
     that starts with a letter"
)]
pub struct BadKind {
    asked: String,
}

impl FromStr for KeyKind {
    type Err = BadKind;

    fn from_str(text: &str) -> Result<Self, BadKind> {
        let is_name = text.len() <= 32
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
        match text {
            "phone" => Ok(Self::Phone),
            "email" => Ok(Self::Email),
            name if is_name => Ok(Self::Named(KeyName(name.into()))),
            _ => Err(BadKind { asked: shorten(text) }),
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads and writes a type as the text of its `FromStr` and `Display`.
macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}
pub(super) use serde_as_text;

serde_as_text!(Profile);
serde_as_text!(KeyKind);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_reads_back_its_name() {
        for profile in Profile::all() {
            assert_eq!(profile.to_string().parse(), Ok(profile));
            let json = serde_json::to_string(&profile).unwrap();
            assert_eq!(json, format!("\"{profile}\""));
            assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), profile);
        }
    }

    #[test]
    fn unknown_names_and_versions_are_refused_with_what_is_known() {
        let known = "known are google-dm/2, uid2/1, meta-capi/1, raw/1, cn-mobile/1";
        for (text, version) in [
            ("google-dm/3", true),
            ("google-dm", true),
            ("raw/01", true),
            ("uid2/1 ", true),
            ("Google-DM/2", false),
            ("liveramp/1", false),
            ("", false),
        ] {
            let error = text.parse::<Profile>().unwrap_err();
            assert_eq!(matches!(error, UnknownProfile::Version { .. }), version, "{text:?}");
            assert!(error.to_string().ends_with(known), "{error}");
        }
        assert!("x".repeat(5000).parse::<Profile>().unwrap_err().to_string().len() < 200);
        assert!(serde_json::from_str::<Profile>("\"raw/2\"").is_err());
    }

    #[test]
    fn kinds_are_phone_email_or_a_lower_case_name() {
        assert_eq!("phone".parse(), Ok(KeyKind::Phone));
        assert_eq!("email".parse(), Ok(KeyKind::Email));
        let loyalty: KeyKind = "loyalty-no_2".parse().unwrap();
        assert_eq!(loyalty.to_string(), "loyalty-no_2");
        for text in ["", "Phone", "2fa", "a b", "mail@", "é", "-x", &"a".repeat(33)] {
            assert!(text.parse::<KeyKind>().is_err(), "{text:?}");
        }
    }
}
