//! The few words that a contract may say.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What partners may do with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnUse {
    /// Set conditions on it in noisy answers.
    Filter,
    /// Have a row per value.
    Group,
    /// Have it summed, clamped to its bounds.
    Measure,
    /// Match customers by it.
    Match,
    /// Set conditions on it in a reveal, which tells its value for every match.
    RevealFilter,
    /// Let a model learn from it.
    Feature,
    /// Let a model learn to predict it.
    Target,
}

impl ColumnUse {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Filter,
        Self::Group,
        Self::Measure,
        Self::Match,
        Self::RevealFilter,
        Self::Feature,
        Self::Target,
    ];

    /// As the contract spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Group => "group",
            Self::Measure => "measure",
            Self::Match => "match",
            Self::RevealFilter => "reveal-filter",
            Self::Feature => "feature",
            Self::Target => "target",
        }
    }

    /// The past participle: what may be done to the column.
    pub const fn done(self) -> &'static str {
        match self {
            Self::Filter => "filtered",
            Self::Group => "grouped by",
            Self::Measure => "measured",
            Self::Match => "matched",
            Self::RevealFilter => "filtered in a reveal",
            Self::Feature => "learned from",
            Self::Target => "predicted",
        }
    }
}

impl FromStr for ColumnUse {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|usage| usage.name() == text).ok_or(())
    }
}

impl fmt::Display for ColumnUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How sensitive a column is; later ones are stricter.
///
/// The classes are those of China's Data Security Law (article 21): general, important and core data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnClass {
    /// Any use that the contract lists.
    #[default]
    General,
    /// Never told about single customers: no reveal-filter, no revealed column.
    Important,
    /// Matched by, and nothing else.
    Core,
}

impl ColumnClass {
    /// As contracts and registrations spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Important => "important",
            Self::Core => "core",
        }
    }

    /// The rule in words.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::General => "general fields may be listed for any use",
            Self::Important => "important fields are never told about single customers",
            Self::Core => "core fields are matched by, and used for nothing else",
        }
    }

    /// Whether a column of this class may be used so.
    pub const fn permits(self, usage: ColumnUse) -> bool {
        match self {
            Self::General => true,
            Self::Important => !matches!(usage, ColumnUse::RevealFilter),
            Self::Core => matches!(usage, ColumnUse::Match),
        }
    }
}

impl FromStr for ColumnClass {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::General, Self::Important, Self::Core].into_iter().find(|class| class.name() == text).ok_or(())
    }
}

impl fmt::Display for ColumnClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who gets an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receiver {
    /// The partner that asked.
    Asker,
    /// Both.
    Both,
}

/// How the rows of two partners that train together are brought into one order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Align {
    /// Nobody learns which customers both have.
    #[default]
    Hidden,
    /// Both learn which of their own customers the other has too; no noise hides this.
    Revealed,
}

impl Align {
    /// As the contract spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::Revealed => "revealed",
        }
    }
}

/// Who gets a model's weights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// Everybody who trains.
    #[default]
    Both,
    /// Nobody: each keeps a share, and scores are computed together.
    Shared,
    /// One partner.
    To(String),
}

/// Who learns how good a model over different columns is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Metrics {
    /// The partner who has the target.
    #[default]
    Owner,
    /// Both who train.
    Both,
    /// One partner.
    To(String),
}

impl Metrics {
    /// As the contract spells it; nothing where it is left out.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Owner => None,
            Self::Both => Some("both"),
            Self::To(partner) => Some(partner),
        }
    }
}

impl Weights {
    /// As the contract spells it.
    pub fn name(&self) -> &str {
        match self {
            Self::Both => "both",
            Self::Shared => "shared",
            Self::To(partner) => partner,
        }
    }
}

impl Receiver {
    /// As the contract spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asker => "asker",
            Self::Both => "both",
        }
    }
}
