//! Readers of single values on the command line.

use std::time::Duration;

use crate::{
    config::units::{parse_duration, parse_share},
    policy::Decimal,
};

/// `kind=column` or `column=class`: two non-empty words.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.trim().is_empty() && !right.trim().is_empty() => {
            Ok((left.trim().to_owned(), right.trim().to_owned()))
        }
        _ => Err("two words with = between them, such as phone=mobile".into()),
    }
}

/// `column=core`, the class being one of three.
pub fn class(text: &str) -> Result<(String, String), String> {
    let wrong = || "a column and general, important or core, such as balance=core".to_owned();
    let (column, class) = pair(text).map_err(|_| wrong())?;
    if ["general", "important", "core"].contains(&class.as_str()) {
        Ok((column, class))
    } else {
        Err(wrong())
    }
}

/// `10%` or `0.1`.
pub fn share(text: &str) -> Result<f64, String> {
    parse_share(text).map_err(|_| "a share from 0% to 100%, or from 0 to 1".into())
}

/// `10m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|_| "a number with ms, s, m, h or d, such as 90s or 10m".into())
}

/// `0.5` or `50`, in millionths.
pub fn micro(text: &str) -> Result<u64, String> {
    let micro = text.parse::<Decimal>().ok().and_then(Decimal::micro).filter(|micro| *micro > 0);
    micro.ok_or_else(|| "a number above 0 with at most six decimals, such as 0.5 or 50".into())
}

/// `48h` or `7d`, in whole hours.
pub fn hours(text: &str) -> Result<u64, String> {
    match parse_duration(text) {
        Ok(age)
            if age.as_secs() >= 3_600 && age.as_secs().is_multiple_of(3_600) && age.subsec_nanos() == 0 =>
        {
            Ok(age.as_secs() / 3_600)
        }
        _ => Err("a number of whole hours or days, such as 48h or 7d".into()),
    }
}

/// A whole number above 0, with `_` or `,` between thousands if wanted, or as `2^20`.
pub fn rows(text: &str) -> Result<u64, String> {
    let wrong = || "a whole number above 0, such as 1000000, 1_000_000 or 2^20".to_owned();
    let number = |text: &str| text.replace(['_', ','], "").parse::<u64>().map_err(|_| wrong());
    let rows = match text.split_once('^') {
        Some((base, power)) => {
            let power = power.parse().map_err(|_| wrong())?;
            number(base)?.checked_pow(power).ok_or_else(wrong)?
        }
        None => number(text)?,
    };
    if rows == 0 { Err(wrong()) } else { Ok(rows) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_have_two_sides() {
        assert_eq!(pair("phone=mobile"), Ok(("phone".into(), "mobile".into())));
        assert_eq!(pair("email=a=b"), Ok(("email".into(), "a=b".into())), "a column may hold =");
        for wrong in ["phone", "phone=", "=mobile", "=", "", " = "] {
            assert!(pair(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn classes_are_three() {
        assert_eq!(class("balance=core"), Ok(("balance".into(), "core".into())));
        assert!(class("balance=secret").is_err());
        assert!(class("balance").is_err());
    }

    #[test]
    fn ages_are_whole_hours() {
        assert_eq!(hours("48h"), Ok(48));
        assert_eq!(hours("7d"), Ok(168));
        for wrong in ["90m", "0h", "48", "1h500ms", "h", "-1h"] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn f05_an_epsilon_is_a_positive_number() {
        assert_eq!(micro("0.5"), Ok(500_000));
        assert_eq!(micro("50"), Ok(50_000_000));
        for wrong in ["0", "-1", "inf", "NaN", "1e20", "1e-7", "", "a"] {
            assert!(micro(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rows_can_be_powers() {
        assert_eq!(rows("2^20"), Ok(1 << 20));
        assert_eq!(rows("1_000_000"), Ok(1_000_000));
        for wrong in ["0", "2^64", "-1", "ten", "", "1e6", "^"] {
            assert!(rows(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_and_durations_say_what_they_want() {
        assert_eq!(share("10%"), Ok(0.1));
        assert!(share("110%").unwrap_err().contains("0%"));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert!(duration("10").unwrap_err().contains("10m"));
    }
}
