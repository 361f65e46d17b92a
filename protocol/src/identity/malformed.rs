//! Why a value is no identifier.

use serde::{Deserialize, Serialize};

/// The rule that a value breaks. It never holds the value.
///
/// Ordered and hashable, so that values can be counted by rule.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "kebab-case")]
pub enum Malformed {
    /// Nothing but blanks.
    #[error("the value is empty")]
    Empty,
    /// Not `local@domain` with one `@`, a domain of two labels or more, and only characters of an address.
    #[error("not an e-mail address")]
    NotAnEmail,
    /// An address with white space inside, under a profile that only trims the ends.
    #[error("white space inside an e-mail address, which this profile keeps")]
    InnerSpace,
    /// Longer than any address can be (320 bytes: RFC 5321, section 4.5.3.1).
    #[error("longer than an e-mail address can be")]
    TooLong,
    /// Letters, extensions, no digits, or more digits than any number has.
    #[error("not a phone number")]
    NotAPhone,
    /// A number in national writing, and no default region to read it by.
    #[error("a phone number without its country code, and no default region is set")]
    NoCountryCode,
    /// No country answers to these leading digits.
    #[error("a phone number with a country code that is assigned to nobody")]
    UnknownCountryCode,
    /// Too long, too short, or outside the shape of its country's numbers.
    #[error("a phone number that does not fit its country's numbering plan")]
    NotInPlan,
    /// `999-999-9999`: one digit over and over. Somebody had to fill a field; taken as a number, it would match
    /// whoever else did.
    #[error("a placeholder for a phone number")]
    Placeholder,
    /// Under `cn-mobile/1`: not eleven digits that start with 13 to 19.
    #[error("not a mainland mobile number")]
    NotMainlandMobile,
    /// `1.38E+10` or `13812345678.0`: a spreadsheet took the identifier for a quantity.
    #[error("a number that a spreadsheet has rewritten as a decimal")]
    Decimal,
    /// Hex digits in the length of MD5, SHA-1, SHA-224, SHA-384 or SHA-512.
    #[error("a hash, but not SHA-256")]
    ForeignHash,
}

impl Malformed {
    /// The rule's stable name, for reports and programs.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotAnEmail => "not-an-email",
            Self::InnerSpace => "inner-space",
            Self::TooLong => "too-long",
            Self::NotAPhone => "not-a-phone",
            Self::NoCountryCode => "no-country-code",
            Self::UnknownCountryCode => "unknown-country-code",
            Self::NotInPlan => "not-in-plan",
            Self::Placeholder => "placeholder",
            Self::NotMainlandMobile => "not-mainland-mobile",
            Self::Decimal => "decimal",
            Self::ForeignHash => "foreign-hash",
        }
    }
}
