//! Numbering plans: which country a number belongs to and whether it has the shape of that country's
//! numbers.
//!
//! The shapes are the general patterns of Google's libphonenumber metadata, as the crate `phonenumber`
//! carries them (9.0.33). They are matched here and not there because that crate looks for a match at the
//! front only: it takes a number with digits too many for one that fits.

use std::{
    collections::HashMap,
    fmt,
    str::FromStr,
    sync::{LazyLock, OnceLock},
};

use phonenumber::{
    country,
    metadata::{DATABASE, Metadata},
};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::profile::{serde_as_text, shorten};

/// Where a number in national writing is from: two letters of ISO 3166-1, of a region with a numbering plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region(country::Id);

/// No region with telephones has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{asked:?} is no region with a numbering plan; two letters of ISO 3166, such as CN, US or GB, are")]
pub struct UnknownRegion {
    asked: String,
}

impl Region {
    /// Its name for the library.
    pub(super) const fn id(self) -> country::Id {
        self.0
    }

    /// The digits that lead to it from abroad.
    pub fn country_code(self) -> u16 {
        PLANS.by_region.get(self.0.as_ref()).map_or(0, |home| home.code)
    }
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let unknown = || UnknownRegion { asked: shorten(text) };
        let name = text.to_ascii_uppercase();
        let id: country::Id = name.parse().map_err(|_| unknown())?;
        if name.len() == 2 && PLANS.by_region.contains_key(id.as_ref()) {
            Ok(Self(id))
        } else {
            Err(unknown())
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_ref())
    }
}

serde_as_text!(Region);

/// The shapes of all countries' numbers, each compiled when it is first asked for.
struct Plans {
    /// By country code; several regions may share one.
    by_code: HashMap<u16, Shape>,
    /// By region.
    by_region: HashMap<&'static str, Home>,
}

/// What a region's own people dial.
struct Home {
    code: u16,
    /// The digit before a national number: `0` in most countries.
    trunk_prefix: Option<&'static str>,
    shape: Shape,
}

static PLANS: LazyLock<Plans> = LazyLock::new(|| {
    let mut patterns: HashMap<u16, Vec<String>> = HashMap::new();
    let mut by_region = HashMap::new();
    // By code, because the codes of no country (+800 and its like) all have one id there, and hide each
    // other.
    for metadata in (1..=999).filter_map(|code: u16| DATABASE.by_code(&code)).flatten() {
        let pattern = pattern(metadata);
        let (code, trunk_prefix) = (metadata.country_code(), metadata.national_prefix());
        by_region.insert(metadata.id(), Home { code, trunk_prefix, shape: Shape::new(pattern.clone()) });
        patterns.entry(code).or_default().push(pattern);
    }
    let by_code = patterns.into_iter().map(|(code, all)| (code, Shape::new(all.join("|")))).collect();
    Plans { by_code, by_region }
});

/// The general pattern, without the line breaks that the metadata has for its readers.
fn pattern(metadata: &Metadata) -> String {
    metadata.descriptors().general().national_number().as_str().split_whitespace().collect()
}

/// A pattern that must match from the first digit to the last.
struct Shape {
    pattern: String,
    compiled: OnceLock<Option<Regex>>,
}

impl Shape {
    fn new(pattern: String) -> Self {
        Self { pattern, compiled: OnceLock::new() }
    }

    fn compiled(&self) -> Option<&Regex> {
        let compile = || RegexBuilder::new(&format!("^(?:{})$", self.pattern)).unicode(false).build().ok();
        self.compiled.get_or_init(compile).as_ref()
    }

    fn fits(&self, national: &str) -> bool {
        self.compiled().is_some_and(|shape| shape.is_match(national))
    }
}

/// Splits the digits of an international number into the country code and the rest; `None` if no country
/// has such a code. The codes are free of prefixes of one another (ITU-T E.164), so the split is unique.
pub(super) fn split(digits: &str) -> Option<(u16, &str)> {
    // No code starts with 0, and as numbers 01 and 1 would be one code.
    if digits.starts_with('0') {
        return None;
    }
    (1..=3).find_map(|len| {
        let (code, national) = digits.split_at_checked(len)?;
        let code = code.parse().ok()?;
        PLANS.by_code.contains_key(&code).then_some((code, national))
    })
}

/// Whether a national number has the shape of this country code's numbers, in any of its regions.
pub(super) fn fits(code: u16, national: &str) -> bool {
    PLANS.by_code.get(&code).is_some_and(|shape| shape.fits(national))
}

/// The national number, if the digits have the shape of this region's own: as they stand, or after its trunk
/// prefix.
pub(super) fn at_home(region: Region, digits: &str) -> Option<&str> {
    let home = PLANS.by_region.get(region.0.as_ref())?;
    let behind_prefix = || digits.strip_prefix(home.trunk_prefix?);
    [Some(digits), behind_prefix()].into_iter().flatten().find(|national| home.shape.fits(national))
}

/// What follows the digits that lead abroad from this region (`011` in the US), if they stand in front.
pub(super) fn after_exit_code(region: Region, digits: &str) -> Option<&str> {
    let exit = DATABASE.by_id(region.0.as_ref())?.international_prefix()?.find(digits)?;
    (exit.start() == 0).then(|| &digits[exit.end()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_metadata_compiles() {
        for (code, shape) in &PLANS.by_code {
            assert!(shape.compiled().is_some(), "{code}");
        }
        for (region, home) in &PLANS.by_region {
            assert!(home.shape.compiled().is_some(), "{region}");
        }
        assert!(PLANS.by_region.len() > 230);
    }

    #[test]
    fn country_codes_are_free_of_prefixes() {
        for code in PLANS.by_code.keys() {
            let text = code.to_string();
            for len in 1..text.len() {
                assert!(!PLANS.by_code.contains_key(&text[..len].parse().unwrap()), "{code}");
            }
        }
    }

    #[test]
    fn a_shape_is_matched_to_its_end() {
        assert!(fits(86, "13812345678"));
        assert!(!fits(86, "1381234567899"));
        assert!(fits(1, "2125550123"));
        assert!(!fits(1, "0000000000"));
        assert!(!fits(1, "1234567890"));
        assert!(!fits(999, "123456"));
    }

    #[test]
    fn regions_are_two_letters_with_a_plan() {
        let cn: Region = "cn".parse().unwrap();
        assert_eq!((cn.to_string().as_str(), cn.country_code()), ("CN", 86));
        assert_eq!("KZ".parse::<Region>().unwrap().country_code(), 7);
        for text in ["", "C", "CHN", "UK", "ZZ", "001", "86", "中国", "C N"] {
            assert!(text.parse::<Region>().is_err(), "{text:?}");
        }
        assert_eq!(serde_json::to_string(&cn).unwrap(), "\"CN\"");
        assert_eq!(serde_json::from_str::<Region>("\"CN\"").unwrap(), cn);
    }
}
