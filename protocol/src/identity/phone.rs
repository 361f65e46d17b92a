//! Telephone numbers.
//!
//! # How a number is read
//!
//! 1. Blanks, `-`, `.`, `/`, brackets and their Unicode cousins are separators; digits of other scripts are
//!    digits. Any letter makes it no number: an extension or a vanity number names a switchboard.
//! 2. With a `+`, or with `00` where the rest then fits: country code, then the national number.
//! 3. Without: a number of the default region. With no default region it is refused, except under
//!    `meta-capi/1`, whose own form is bare digits with the country code in front.
//! 4. *A number that fits its country's plan as it stands is taken as it stands*; at home, also one that fits
//!    after the trunk prefix. Only what fits neither way is given to the library, to have carrier codes, a
//!    country code without `+`, and prefixes of rarer kinds taken off or area codes put in front; what comes
//!    back must be of the same country and fit.
//!
//! Rule 4 is the quick way for columns that are in order, and it keeps the library's faults away: asked with
//! a default region it strips that region's trunk prefix from foreign numbers too (`+86 138…` read in the US
//! loses its 1), and it strips prefixes from numbers that need none (`+7 800…`). A wrong number here would
//! be a match lost in silence, or one that is false.
//!
//! A plan says what a country's numbers look like, not which are given out: which are changes every month,
//! and two nodes whose lists differ would lose matches. So numbers reserved for fiction pass. Placeholders do
//! not: `0000000000` and `1234567890` fit no plan where they are common, and `999-999-9999`, which does, is
//! refused by a rule of its own. Others show as one identifier on many rows: the linter says so.

use std::borrow::Cow;

use super::{Malformed, Profile, Region, plan, text};

/// More digits than any number with all its prefixes.
const MOST_DIGITS: usize = 32;

/// ITU-T E.164: a country code and a national number are fifteen digits at most.
const LONGEST: usize = 15;

/// Normalises a number by the profile's rules; `raw/1` never comes here.
pub(super) fn normalise(
    profile: Profile,
    region: Option<Region>,
    value: &str,
) -> Result<Cow<'_, str>, Malformed> {
    if profile == Profile::CnMobile1 {
        return mainland(value);
    }
    let with_plus = profile != Profile::MetaCapi1;
    if with_plus && is_e164(value) {
        return Ok(Cow::Borrowed(value));
    }
    let written = Written::read(value)?;
    let (code, national) = match region {
        _ if written.plus => international(written.digits())?,
        Some(region) => regional(region, written.digits())?,
        None => unplaced(with_plus, written.digits())?,
    };
    let plus = if with_plus { "+" } else { "" };
    let number = format!("{plus}{code}{national}");
    if number.len() - plus.len() > LONGEST {
        return Err(Malformed::NotInPlan);
    }
    if is_placeholder(&national) {
        return Err(Malformed::Placeholder);
    }
    Ok(number.into())
}

/// Whether a national number is one digit over and over. Digits in a row are not refused: they are the
/// examples of the platforms' own documentation.
fn is_placeholder(national: &str) -> bool {
    national.as_bytes().windows(2).all(|pair| pair[0] == pair[1])
}

/// Whether the value is in its normal form already: nothing to fold, and it fits.
fn is_e164(value: &str) -> bool {
    let Some(digits) = value.strip_prefix('+') else { return false };
    digits.len() <= LONGEST
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && plan::split(digits)
            .is_some_and(|(code, national)| plan::fits(code, national) && !is_placeholder(national))
}

/// A country code and a national number.
type Placed<'a> = (u16, Cow<'a, str>);

/// Reads digits that follow a `+`.
fn international(digits: &str) -> Result<Placed<'_>, Malformed> {
    let (code, national) = plan::split(digits).ok_or(Malformed::UnknownCountryCode)?;
    if plan::fits(code, national) {
        return Ok((code, national.into()));
    }
    // `+44 (0)20 …`: the trunk prefix written beside the country code. No region is given, so that the
    // library goes by the number's own country.
    match stripped(None, &format!("+{digits}")) {
        Some((same, national)) if same == code => Ok((code, national)),
        _ => Err(Malformed::NotInPlan),
    }
}

/// Reads digits without a `+`, at home in `region`.
fn regional(region: Region, digits: &str) -> Result<Placed<'_>, Malformed> {
    // First, because Japan, Korea and Indonesia have toll-free numbers that start with 00.
    if let Some(placed) = double_zero(digits) {
        return Ok(placed);
    }
    if let Some(national) = plan::at_home(region, digits) {
        return Ok((region.country_code(), national.into()));
    }
    // Not left to the library: it would take the region's trunk prefix off the foreign number as well.
    if let Some(abroad) = plan::after_exit_code(region, digits)
        && let Ok(placed) = international(abroad)
    {
        return Ok(placed);
    }
    stripped(Some(region), digits)
        .filter(|(code, _)| *code == region.country_code())
        .ok_or(Malformed::NotInPlan)
}

/// Reads digits without a `+` and without a region.
fn unplaced(with_plus: bool, digits: &str) -> Result<Placed<'_>, Malformed> {
    let bare = || {
        let (code, national) = plan::split(digits)?;
        plan::fits(code, national).then(|| (code, national.into()))
    };
    double_zero(digits).or_else(|| if with_plus { None } else { bare() }).ok_or(Malformed::NoCountryCode)
}

/// `00`, the international prefix that the ITU recommends (ITU-T E.123), if a number that fits follows.
fn double_zero(digits: &str) -> Option<Placed<'_>> {
    international(digits.strip_prefix("00")?).ok()
}

/// The library's reading, if it fits the plan of the country it names.
fn stripped(region: Option<Region>, digits: &str) -> Option<Placed<'static>> {
    let number = phonenumber::parse(region.map(Region::id), digits).ok()?;
    let (code, national) = (number.code().value(), number.national().to_string());
    plan::fits(code, &national).then(|| (code, national.into()))
}

/// `cn-mobile/1`: eleven digits, 13 to 19, after `+86`, `0086` or a bare `86`.
///
/// A bare `86` is folded too: thirteen digits that start with 861 cannot be anything else.
fn mainland(value: &str) -> Result<Cow<'_, str>, Malformed> {
    let is_mobile = |digits: &str| {
        digits.len() == 11
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..])
    };
    if is_mobile(value) {
        return Ok(Cow::Borrowed(value));
    }
    let written = Written::read(value)?;
    let digits = written.digits();
    let mobile = match (written.plus, digits.strip_prefix("0086").filter(|_| !written.plus)) {
        (true, _) => digits.strip_prefix("86"),
        (false, Some(mobile)) => Some(mobile),
        (false, None) if digits.len() == 13 => digits.strip_prefix("86"),
        (false, None) => Some(digits),
    };
    mobile
        .filter(|mobile| is_mobile(mobile))
        .map(|mobile| Cow::Owned(mobile.to_owned()))
        .ok_or(Malformed::NotMainlandMobile)
}

/// What a value says once its separators are gone.
struct Written {
    plus: bool,
    digits: [u8; MOST_DIGITS],
    len: usize,
}

impl Written {
    fn read(value: &str) -> Result<Self, Malformed> {
        let value = text::trim(value);
        if value.is_empty() {
            return Err(Malformed::Empty);
        }
        // Before the dot counts as a separator: 13812345678.0 would gain a digit.
        if text::is_decimal(value) {
            return Err(Malformed::Decimal);
        }
        let mut written = Self { plus: false, digits: [0; MOST_DIGITS], len: 0 };
        for c in value.chars() {
            if let Some(digit) = text::digit(c) {
                *written.digits.get_mut(written.len).ok_or(Malformed::NotAPhone)? = b'0' + digit;
                written.len += 1;
            } else if matches!(c, '+' | '＋') && written.len == 0 && !written.plus {
                written.plus = true;
            } else if !is_separator(c) {
                return Err(Malformed::NotAPhone);
            }
        }
        if written.len == 0 { Err(Malformed::NotAPhone) } else { Ok(written) }
    }

    fn digits(&self) -> &str {
        // Only ASCII digits are ever put in, so this is never empty for another reason than `len`.
        str::from_utf8(&self.digits[..self.len]).unwrap_or_default()
    }
}

/// What people put between digits: blanks, dots, slashes, brackets, and all the dashes.
fn is_separator(c: char) -> bool {
    matches!(
        c,
        '-' | '.' | '/' | '(' | ')' | '[' | ']' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2212}'
                | '\u{30FC}'
                | '\u{FE63}'
                | '\u{FF0D}'
                | '\u{FF0E}'
                | '\u{FF0F}'
                | '\u{FF08}'
                | '\u{FF09}'
                | '\u{30FB}'
                | '\u{00B7}'
    ) || text::is_blank(c)
}

#[cfg(test)]
mod tests;
