//! E-mail addresses.
//!
//! An address is checked for its shape only: one `@`, a local part of RFC 5322 atom characters or anything
//! beyond ASCII (RFC 6531), a domain of two labels or more. Quoted local parts, display names (`Jane <j@…>`),
//! `mailto:` and literal IP domains are refused: no platform hashes them. International domains stay as they
//! are written (`bücher.de` and `xn--bcher-kva.de` are two spellings), because no profile folds them; nor is
//! Unicode composed, only lower-cased by the full mapping.

use std::borrow::Cow;

use super::{Malformed, Profile, text};

/// RFC 5321, section 4.5.3.1: 64 for the local part, `@`, 255 for the domain.
const LONGEST: usize = 320;

/// Normalises an address by the profile's rules; `raw/1` never comes here.
pub(super) fn normalise(profile: Profile, value: &str) -> Result<Cow<'_, str>, Malformed> {
    let trimmed = text::trim(value);
    if trimmed.is_empty() {
        return Err(Malformed::Empty);
    }
    let removes_inner_space = matches!(profile, Profile::GoogleDm2 | Profile::CnMobile1);
    let mut address = Cow::Borrowed(trimmed);
    if trimmed.contains(text::is_blank) {
        if !removes_inner_space {
            return Err(Malformed::InnerSpace);
        }
        address = trimmed.replace(text::is_blank, "").into();
    }
    if address.len() > LONGEST {
        return Err(Malformed::TooLong);
    }
    if address.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        address = address.to_lowercase().into();
    }
    let (local, domain) = parts(&address).ok_or(Malformed::NotAnEmail)?;
    if folds(profile, domain) && local.contains(['.', '+']) {
        let name = local.split('+').next().unwrap_or_default();
        let folded: String = name.chars().filter(|c| *c != '.').chain(['@']).chain(domain.chars()).collect();
        if folded.starts_with('@') {
            return Err(Malformed::NotAnEmail);
        }
        return Ok(folded.into());
    }
    Ok(address)
}

/// Whether the profile takes all dotted and tagged addresses of this domain for one mailbox.
fn folds(profile: Profile, domain: &str) -> bool {
    match profile {
        Profile::GoogleDm2 | Profile::CnMobile1 => matches!(domain, "gmail.com" | "googlemail.com"),
        Profile::Uid21 => domain == "gmail.com",
        Profile::MetaCapi1 | Profile::Raw1 => false,
    }
}

/// Local part and domain, if the address has the shape of one.
pub(super) fn parts(address: &str) -> Option<(&str, &str)> {
    let (local, domain) = address.split_once('@')?;
    let local_is_fine = !local.is_empty() && local.chars().all(is_local);
    let labels_are_fine = || domain.split('.').all(|label| !label.is_empty() && label.chars().all(is_label));
    (local_is_fine && domain.contains('.') && labels_are_fine()).then_some((local, domain))
}

/// RFC 5322 `atext` and the dot, and anything that is not ASCII.
fn is_local(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '.' | '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^' | '_' | '`' => {
            true
        }
        '{' | '|' | '}' | '~' => true,
        _ => is_beyond_ascii(c),
    }
}

fn is_label(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || is_beyond_ascii(c)
}

fn is_beyond_ascii(c: char) -> bool {
    // The full-width @ and dots look like separators, and would be two spellings of one address.
    !c.is_ascii() && !c.is_control() && !text::is_blank(c) && !matches!(c, '＠' | '．' | '。' | '｡')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(profile: Profile, cases: &[(&str, Result<&str, Malformed>)]) {
        for (value, expected) in cases {
            assert_eq!(
                normalise(profile, value).as_deref(),
                expected.as_ref().map(|text| *text),
                "{value:?}"
            );
        }
    }

    #[test]
    fn google_dm_removes_blanks_and_folds_both_gmail_domains() {
        check(
            Profile::GoogleDm2,
            &[
                ("cloudy.sanfrancisco+shopping@gmail.com", Ok("cloudysanfrancisco@gmail.com")),
                (" Jane. Saoirse @ Gmail .com\u{A0}", Ok("janesaoirse@gmail.com")),
                ("Jane.Saoirse+x@GoogleMail.com", Ok("janesaoirse@googlemail.com")),
                ("user.name+NYC@Example.com", Ok("user.name+nyc@example.com")),
                ("a.b@mail.gmail.com", Ok("a.b@mail.gmail.com")),
                ("a.b@gmail.com.cn", Ok("a.b@gmail.com.cn")),
                ("\u{FEFF}jane\u{200B}@example.com\u{202C}", Ok("jane@example.com")),
                ("a+b+c@gmail.com", Ok("a@gmail.com")),
                (".a.@gmail.com", Ok("a@gmail.com")),
                ("ÄRGER@BÜCHER.de", Ok("ärger@bücher.de")),
                ("李雷@例子.中国", Ok("李雷@例子.中国")),
            ],
        );
    }

    #[test]
    fn uid2_folds_gmail_only_and_trims_the_ends_only() {
        check(
            Profile::Uid21,
            &[
                ("  JANE.Saoirse+Work@Gmail.com\n", Ok("janesaoirse@gmail.com")),
                ("jane.saoirse@googlemail.com", Ok("jane.saoirse@googlemail.com")),
                ("User.Name+nyc@Example.com", Ok("user.name+nyc@example.com")),
                ("jane saoirse@gmail.com", Err(Malformed::InnerSpace)),
            ],
        );
    }

    #[test]
    fn meta_capi_only_trims_and_lowers() {
        check(
            Profile::MetaCapi1,
            &[
                (" Cloudy.SanFrancisco+Shopping@Gmail.com ", Ok("cloudy.sanfrancisco+shopping@gmail.com")),
                ("John_Smith@gmail.com", Ok("john_smith@gmail.com")),
                ("a b@example.com", Err(Malformed::InnerSpace)),
            ],
        );
    }

    #[test]
    fn cn_mobile_treats_addresses_as_google_dm_does() {
        check(Profile::CnMobile1, &[("J. Doe+x@googlemail.com", Ok("jdoe@googlemail.com"))]);
    }

    #[test]
    fn what_is_no_address_is_refused_under_every_profile() {
        let long = format!("{}@example.com", "a".repeat(310));
        for profile in [Profile::GoogleDm2, Profile::Uid21, Profile::MetaCapi1, Profile::CnMobile1] {
            check(
                profile,
                &[
                    ("", Err(Malformed::Empty)),
                    (" \u{200B}\t", Err(Malformed::Empty)),
                    (&long, Err(Malformed::TooLong)),
                ],
            );
            for value in [
                "jane",
                "@",
                "jane@",
                "@example.com",
                "a@b@c.com",
                "jane@localhost",
                "jane@.com",
                "jane@a..com",
                "jane@example.com.",
                "jane＠example.com",
                "\"j\"@example.com",
                "<j@example.com>",
                "j@[127.0.0.1]",
                "mailto:j@example.com",
                "j,k@example.com",
                "j@exam_ple.com",
                "j@example。com",
                "j\u{7}@example.com",
            ] {
                check(profile, &[(value, Err(Malformed::NotAnEmail))]);
            }
        }
        check(
            Profile::GoogleDm2,
            &[("+tag@gmail.com", Err(Malformed::NotAnEmail)), ("..@gmail.com", Err(Malformed::NotAnEmail))],
        );
    }

    #[test]
    fn an_address_that_is_normal_is_not_copied() {
        assert!(matches!(normalise(Profile::GoogleDm2, " jane@example.com"), Ok(Cow::Borrowed(_))));
    }
}
