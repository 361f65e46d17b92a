//! Durations, sizes and shares as people write them: `90s`, `2.75 MiB`, `10%`.

use std::time::Duration;

/// A text that is not what was asked for; the message says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a duration.
    #[error("is not a duration; write a number with ms, s, m, h or d, such as 90s or 10m")]
    Duration,
    /// Not a size.
    #[error("is not a size; write a number with B, kB, MB, GB, KiB, MiB or GiB, such as 2.75 MiB")]
    Size,
    /// Not a share of a whole.
    #[error("is not a share; write 0% to 100%, or 0 to 1")]
    Share,
}

/// Reads `250ms`, `90s`, `10m`, `48h`, `7d`, or several in a row (`1h30m`). At most 100 years.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    let mut total = 0u64;
    if rest.is_empty() {
        return Err(UnitError::Duration);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(UnitError::Duration)?;
        let number: u64 = rest[..digits].parse().map_err(|_| UnitError::Duration)?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let milliseconds = match &rest[..letters] {
            "ms" => 1,
            "s" | "sec" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(UnitError::Duration),
        };
        total = number
            .checked_mul(milliseconds)
            .and_then(|part| total.checked_add(part))
            .filter(|&sum| sum <= 36_525 * 86_400_000)
            .ok_or(UnitError::Duration)?;
        rest = rest[letters..].trim_start();
    }
    Ok(Duration::from_millis(total))
}

/// Reads `4096 B`, `64 KiB`, `2.75 MiB`, `1.5GB` into whole bytes. At most 2^53.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    let letters = text.find(|c: char| c.is_ascii_alphabetic()).ok_or(UnitError::Size)?;
    let (number, unit) = (text[..letters].trim_end(), &text[letters..]);
    let unit = match unit {
        "B" => 1u64,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(UnitError::Size),
    };
    if !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(UnitError::Size);
    }
    let number: f64 = number.parse().map_err(|_| UnitError::Size)?;
    let bytes = number * unit as f64;
    // Above 2^53 a float is no whole number of bytes any more.
    if bytes.fract() != 0.0 || bytes > (1u64 << 53) as f64 {
        return Err(UnitError::Size);
    }
    Ok(bytes as u64)
}

/// Reads `10%` or `0.1` into 0.1.
pub fn parse_share(text: &str) -> Result<f64, UnitError> {
    let text = text.trim();
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (text, 1.0),
    };
    if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(UnitError::Share);
    }
    let share = number.parse::<f64>().map_err(|_| UnitError::Share)? / whole;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(UnitError::Share) }
}

/// A size for people: the largest binary unit that it fills, with two decimals where needed.
pub fn show_size(bytes: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|&(unit, _)| bytes >= unit) {
        None => format!("{bytes} B"),
        Some((unit, name)) if bytes.is_multiple_of(unit) => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.2} {name}", bytes as f64 / unit as f64),
    }
}

/// A duration for people: `1h30m`, `2m05s`, `3.2s`.
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", duration.as_secs_f64()),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_written() {
        for (text, seconds) in
            [("90s", 90.0), ("10m", 600.0), ("48h", 172_800.0), ("7d", 604_800.0), ("1h30m", 5_400.0)]
        {
            assert_eq!(parse_duration(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        assert_eq!(parse_duration(" 250 ms "), Ok(Duration::from_millis(250)));
        for text in ["", "5", "-5s", "5 weeks", "s", "1.5h", "99999999999999999999s", "999999999d", "5s x"] {
            assert_eq!(parse_duration(text), Err(UnitError::Duration), "{text}");
        }
    }

    #[test]
    fn sizes_read_as_written() {
        for (text, bytes) in
            [("4096 B", 4096), ("2.75 MiB", 2_883_584), ("1GB", 1_000_000_000), ("64 KiB", 65_536)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "5", "MiB", "-1 MiB", "0.3 B", "1e3 B", "5 TB", "1 mib", "nan B", "inf B", "9999999999 GiB"]
        {
            assert_eq!(parse_size(text), Err(UnitError::Size), "{text}");
        }
    }

    #[test]
    fn shares_read_as_written() {
        assert_eq!(parse_share("10%"), Ok(0.1));
        assert_eq!(parse_share("0.25"), Ok(0.25));
        assert_eq!(parse_share("100 %"), Ok(1.0));
        for text in ["", "%", "101%", "1.5", "-1%", "NaN", "inf%", "ten"] {
            assert_eq!(parse_share(text), Err(UnitError::Share), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_read() {
        assert_eq!(show_size(2_883_584), "2.75 MiB");
        assert_eq!(show_size(64 << 20), "64 MiB");
        assert_eq!(show_size(1_000), "1000 B");
        assert_eq!(show_duration(Duration::from_secs(125)), "2m05s");
        assert_eq!(show_duration(Duration::from_millis(3_240)), "3.2s");
    }
}
