//! Records of one partner that come too fast are counted instead of written one by one.
//!
//! The attack it stops: a partner that is refused a thousand times a second, or shows a false head as often, fills our
//! disk and drowns what others did (D18). How many were left out, and between which times, is written as one record.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// What of one partner is counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    /// Its questions that are refused.
    Refusals,
    /// What it does against the rules, by code.
    Misdeed(String),
}

/// How much of a stream is written.
struct Pace {
    /// Records that are written at once, when it was quiet before.
    burst: u64,
    /// Seconds for each that is written in the long run.
    every: i64,
    /// Seconds for which counted ones wait for more of them.
    wait: i64,
}

impl Stream {
    const fn pace(&self) -> Pace {
        match self {
            Self::Refusals => Pace { burst: 100, every: 1, wait: 60 },
            // The first tells all; that it goes on is told once an hour.
            Self::Misdeed(_) => Pace { burst: 1, every: 86_400, wait: 3_600 },
        }
    }
}

/// Who did what how often.
#[derive(Debug, Default)]
pub(super) struct Flood {
    buckets: BTreeMap<(String, Stream), Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: u64,
    /// Up to when tokens were filled in.
    second: i64,
    dropped: Option<Dropped>,
}

/// Records that were not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dropped {
    /// How many.
    pub(super) count: u64,
    /// The first of them.
    pub(super) from: Timestamp,
    /// The last of them.
    pub(super) until: Timestamp,
}

impl Flood {
    /// Whether a record of this partner is written.
    pub(super) fn admits(&mut self, partner: &str, stream: Stream, now: Timestamp) -> bool {
        let second = now.as_second();
        let Pace { burst, every, .. } = stream.pace();
        let fresh = || Bucket { tokens: burst, second, dropped: None };
        let bucket = self.buckets.entry((partner.to_owned(), stream)).or_insert_with(fresh);
        // A clock that goes back fills nothing.
        let earned = (second - bucket.second).max(0) / every;
        bucket.second += earned * every;
        bucket.tokens = bucket.tokens.saturating_add(earned.unsigned_abs()).min(burst);
        if let Some(left) = bucket.tokens.checked_sub(1) {
            if bucket.tokens == burst {
                // A full bucket has not been filling.
                bucket.second = bucket.second.max(second);
            }
            bucket.tokens = left;
            return true;
        }
        let dropped = bucket.dropped.get_or_insert(Dropped { count: 0, from: now, until: now });
        dropped.count += 1;
        dropped.until = dropped.until.max(now);
        false
    }

    /// Whether anything was counted that is not written.
    pub(super) fn waits(&self) -> bool {
        self.buckets.values().any(|bucket| bucket.dropped.is_some())
    }

    /// What has been counted long enough, or everything at the `end`.
    pub(super) fn ripe(&mut self, now: Timestamp, end: bool) -> Vec<(String, Stream, Dropped)> {
        let of = |((partner, stream), bucket): (&(String, Stream), &mut Bucket)| {
            let wait = stream.pace().wait;
            let is_ripe = |dropped: &mut Dropped| end || now.as_second() - dropped.from.as_second() >= wait;
            Some((partner.clone(), stream.clone(), bucket.dropped.take_if(is_ripe)?))
        };
        self.buckets.iter_mut().filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: u64 = Stream::Refusals.pace().burst;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    #[test]
    fn d18_one_partners_flood_is_counted_and_another_is_heard() {
        let mut flood = Flood::default();
        let refused =
            |flood: &mut Flood, partner: &str, second| flood.admits(partner, Stream::Refusals, at(second));
        let written = (0..10_000).filter(|_| refused(&mut flood, "loud", 0)).count();
        assert_eq!(written as u64, BURST);
        assert!(refused(&mut flood, "quiet", 0));
        assert_eq!(flood.ripe(at(59), false), []);
        let dropped = Dropped { count: 10_000 - BURST, from: at(0), until: at(0) };
        assert_eq!(flood.ripe(at(60), false), [("loud".to_owned(), Stream::Refusals, dropped)]);
        assert!(!flood.waits());
        // In the long run one a second, and a clock that swings makes it no more.
        let written = (0..1_000_i64).filter(|step| refused(&mut flood, "loud", 100 + step % 2)).count();
        assert_eq!(written as u64, 100 + 1);
        assert!(flood.waits());
        assert_eq!(flood.ripe(at(0), true).len(), 1);
    }

    #[test]
    fn d18_a_misdeed_is_written_once_a_day_and_its_repeats_once_an_hour() {
        let mut flood = Flood::default();
        let fork = || Stream::Misdeed("E-WITNESS-FORKED".to_owned());
        let (mut written, mut counted, mut counts) = (0, 0, 0);
        // A false head every second, for three days.
        for second in 0..3 * 86_400 {
            written += u64::from(flood.admits("loud", fork(), at(second)));
            for (_, _, dropped) in flood.ripe(at(second), false) {
                counts += 1;
                counted += dropped.count;
            }
        }
        counted += flood.ripe(at(3 * 86_400), true).iter().map(|(_, _, dropped)| dropped.count).sum::<u64>();
        assert_eq!((written, written + counted), (3, 3 * 86_400));
        assert!(counts <= 72, "{counts}");
        // Another misdeed, another partner and a refusal each have their own measure.
        for (partner, stream) in [
            ("loud", Stream::Misdeed("E-WITNESS-INCONSISTENT".to_owned())),
            ("quiet", fork()),
            ("loud", Stream::Refusals),
        ] {
            assert!(flood.admits(partner, stream.clone(), at(3 * 86_400)), "{partner} {stream:?}");
        }
    }
}
