//! What would match better.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::Report;
use crate::identity::{KeyKind, Malformed, Profile, text};

/// An identifier on so many rows is hardly a person's.
const PLACEHOLDER: u64 = 10;

/// A change, to the registration, the contract or the data, that would let more rows match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "hint", rename_all = "kebab-case")]
pub enum Hint {
    /// Numbers in national writing, and no region to read them by.
    SetDefaultRegion {
        /// Rows concerned.
        rows: u64,
    },
    /// Many numbers do not fit the plan of the region they are read in.
    CheckDefaultRegion {
        /// Rows concerned.
        rows: u64,
    },
    /// Foreign numbers under `cn-mobile/1`.
    NotOnlyMainland {
        /// Rows concerned.
        rows: u64,
    },
    /// Decimal points and exponents from a spreadsheet.
    ExportAsText {
        /// Rows concerned.
        rows: u64,
    },
    /// Addresses in a column of phones.
    HoldsEmails {
        /// Rows concerned.
        rows: u64,
    },
    /// Numbers in a column of addresses.
    HoldsPhones {
        /// Rows concerned.
        rows: u64,
    },
    /// MD5, SHA-1 and others.
    HashWithSha256 {
        /// Rows concerned.
        rows: u64,
    },
    /// Plain and hashed values side by side.
    Mixed {
        /// Rows that are hashed.
        hashed: u64,
        /// Rows that are plain.
        plain: u64,
    },
    /// Hashes under `raw/1`, which hashes them again.
    HashedUnderRaw {
        /// Rows concerned.
        rows: u64,
    },
    /// Hashes of hashes.
    HashedTwice {
        /// Rows concerned.
        rows: u64,
    },
    /// One identifier on many rows.
    Placeholder {
        /// Rows of that identifier.
        rows: u64,
    },
    /// Gmail addresses with dots or tags that the profile keeps and `google-dm/2` folds.
    FoldGmail {
        /// Rows concerned.
        rows: u64,
    },
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetDefaultRegion { rows } => {
                write!(f, "{rows} numbers have no country code: set the dataset's default region")
            }
            Self::CheckDefaultRegion { rows } => {
                write!(f, "{rows} numbers do not fit their country's plan: is the default region right?")
            }
            Self::NotOnlyMainland { rows } => {
                write!(f, "{rows} numbers are no mainland mobiles: google-dm/2 takes those of all countries")
            }
            Self::ExportAsText { rows } => {
                write!(f, "{rows} values went through a spreadsheet as numbers: export the column as text")
            }
            Self::HoldsEmails { rows } => {
                write!(f, "{rows} values look like e-mail addresses: register their column as email")
            }
            Self::HoldsPhones { rows } => {
                write!(f, "{rows} values look like phone numbers: register their column as phone")
            }
            Self::HashWithSha256 { rows } => {
                write!(
                    f,
                    "{rows} values are hashes of another function: only SHA-256, or plain values, can match"
                )
            }
            Self::Mixed { hashed, plain } => {
                write!(
                    f,
                    "{hashed} values are hashed and {plain} are plain: the hashed match only if they were \
                     normalised by this profile first; plain values always are"
                )
            }
            Self::HashedUnderRaw { rows } => {
                write!(f, "{rows} values are hashes, which raw/1 hashes again: they match only the same text")
            }
            Self::HashedTwice { rows } => {
                write!(f, "{rows} values are hashes of hashes and match nothing: hash once")
            }
            Self::Placeholder { rows } => {
                write!(
                    f,
                    "one identifier stands on {rows} rows: a placeholder would match another's placeholder"
                )
            }
            Self::FoldGmail { rows } => {
                write!(
                    f,
                    "{rows} Gmail addresses have dots or tags that this profile keeps: google-dm/2 folds them"
                )
            }
        }
    }
}

/// What is noticed while values go by.
#[derive(Default)]
pub(super) struct Signs {
    emails: u64,
    phones: u64,
    gmail: u64,
}

impl Signs {
    pub(super) fn of_malformed(&mut self, kind: &KeyKind, value: &str) {
        match kind {
            KeyKind::Phone => self.emails += u64::from(value.contains('@')),
            KeyKind::Email => {
                let digits = value.chars().filter(|c| text::digit(*c).is_some()).count();
                let letters = value.chars().any(|c| c == '@' || c.is_alphabetic());
                self.phones += u64::from(!letters && (7..=15).contains(&digits));
            }
            KeyKind::Named(_) => {}
        }
    }

    pub(super) fn of_normal(&mut self, profile: Profile, normal: Option<&str>) {
        let kept: &[&str] = match profile {
            Profile::MetaCapi1 => &["gmail.com", "googlemail.com"],
            Profile::Uid21 => &["googlemail.com"],
            Profile::GoogleDm2 | Profile::CnMobile1 | Profile::Raw1 => return,
        };
        if let Some((local, domain)) = normal.and_then(|text| text.split_once('@')) {
            self.gmail += u64::from(kept.contains(&domain) && local.contains(['.', '+']));
        }
    }
}

pub(super) fn hints(report: &Report, rules: &BTreeMap<Malformed, u64>, signs: &Signs) -> Vec<Hint> {
    let of = |rule: Malformed| rules.get(&rule).copied().unwrap_or_default();
    let values = report.rows - report.empty;
    let hashed = report.hashed_hex + report.hashed_base64;
    let raw = report.profile == Profile::Raw1 || matches!(report.kind, KeyKind::Named(_));
    // A few wrong numbers are wrong numbers; one in ten is a wrong setting.
    let out_of_plan = of(Malformed::NotInPlan);
    let wrong_region = report.region.is_some() && out_of_plan * 10 >= values;
    [
        (of(Malformed::NoCountryCode), Hint::SetDefaultRegion { rows: of(Malformed::NoCountryCode) }),
        (if wrong_region { out_of_plan } else { 0 }, Hint::CheckDefaultRegion { rows: out_of_plan }),
        (of(Malformed::NotMainlandMobile), Hint::NotOnlyMainland { rows: of(Malformed::NotMainlandMobile) }),
        (of(Malformed::Decimal), Hint::ExportAsText { rows: of(Malformed::Decimal) }),
        (signs.emails, Hint::HoldsEmails { rows: signs.emails }),
        (signs.phones, Hint::HoldsPhones { rows: signs.phones }),
        (of(Malformed::ForeignHash), Hint::HashWithSha256 { rows: of(Malformed::ForeignHash) }),
        (
            if raw { 0 } else { hashed.min(report.valid - hashed) },
            Hint::Mixed { hashed, plain: report.valid - hashed },
        ),
        (if raw { hashed } else { 0 }, Hint::HashedUnderRaw { rows: hashed }),
        (report.double_hashed.value, Hint::HashedTwice { rows: report.double_hashed.value }),
        (
            if report.most_repeated >= PLACEHOLDER { report.most_repeated } else { 0 },
            Hint::Placeholder { rows: report.most_repeated },
        ),
        (signs.gmail, Hint::FoldGmail { rows: signs.gmail }),
    ]
    .into_iter()
    .filter_map(|(rows, hint)| (rows > 0).then_some(hint))
    .collect()
}
