//! The time of a record, read without a clock or a calendar library.

/// A point in time: seconds since 1970 in UTC, and nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Unix seconds.
    pub second: u64,
    /// 0..10⁹.
    pub nano: u32,
}

impl Moment {
    /// Reads `2026-11-22T08:24:45Z`, with or without a fraction of up to nine digits: RFC 3339 section 5.6 in
    /// UTC, upper case, and nothing else, so that one moment has few spellings. Years 1970 to 9999.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (head, tail) = bytes.split_at_checked(19)?;
        for (at, mark) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
            if head[at] != mark {
                return None;
            }
        }
        let field = |from: usize, to: usize| digits(&head[from..to]);
        let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
        let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);
        if year < 1970 || !(1..=12).contains(&month) || day < 1 || day > month_length(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let nano = match tail {
            [b'Z'] => 0,
            [b'.', fraction @ .., b'Z'] if (1..=9).contains(&fraction.len()) => {
                let scale = 10_u64.pow(9 - fraction.len() as u32);
                // At most 999,999,999.
                (digits(fraction)? * scale) as u32
            }
            _ => return None,
        };
        let second = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Self { second, nano })
    }
}

fn digits(bytes: &[u8]) -> Option<u64> {
    bytes.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn month_length(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, which is not before it.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // Leap years before `year`, less those before 1970 (477).
    let past = year - 1;
    let leaps = past / 4 - past / 100 + past / 400 - 477;
    let months: u64 = (1..month).map(|month| month_length(year, month)).sum();
    (year - 1970) * 365 + leaps + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_read() {
        // `date -u -d … +%s`
        for (text, second, nano) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2000-02-29T23:59:59Z", 951_868_799, 0),
            ("2026-11-22T08:24:45.5Z", 1_795_335_885, 500_000_000),
            ("2038-01-19T03:14:08.000000001Z", 2_147_483_648, 1),
            ("2100-03-01T00:00:00Z", 4_107_542_400, 0),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
        ] {
            assert_eq!(Moment::read(text), Some(Moment { second, nano }), "{text}");
        }
    }

    #[test]
    fn one_spelling_only() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22t08:24:45Z",
            "2026-11-22T08:24:45",
            "2026-11-22T08:24:45z",
            "2026-11-22T08:24:45+00:00",
            "2026-11-22T08:24:60Z",
            "2026-11-22T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-13-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-22T08:24:45.Z",
            "2026-11-22T08:24:45.0000000001Z",
            "2026-11-22T08:24:45.1 Z",
            "+026-11-22T08:24:45Z",
            "２026-11-22T08:24:45Z",
        ] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }
}
