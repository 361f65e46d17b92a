//! Refusals of one partner that come too fast are counted instead of written one by one.
//!
//! The attack it stops: a partner that is refused a thousand times a second fills our disk and drowns what others did
//! (D18). How many were left out, and between which times, is written as one record.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Refusals of one partner that are written at once, when it was quiet before.
const BURST: u64 = 100;
/// Refusals a second that are written of one partner in the long run.
const A_SECOND: u64 = 1;
/// Counted refusals wait this long for more of them.
const WAIT_SECONDS: i64 = 60;

/// Who was refused how often.
#[derive(Debug, Default)]
pub(super) struct Flood {
    partners: BTreeMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: u64,
    second: i64,
    dropped: Option<Dropped>,
}

/// Refusals that were not written.
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
    /// Whether a refusal of this partner is written.
    pub(super) fn admits(&mut self, partner: &str, now: Timestamp) -> bool {
        let second = now.as_second();
        let fresh = || Bucket { tokens: BURST, second, dropped: None };
        let bucket = self.partners.entry(partner.to_owned()).or_insert_with(fresh);
        // A clock that goes back fills nothing.
        let passed = u64::try_from(second - bucket.second).unwrap_or(0);
        bucket.second = bucket.second.max(second);
        bucket.tokens = bucket.tokens.saturating_add(passed.saturating_mul(A_SECOND)).min(BURST);
        if let Some(left) = bucket.tokens.checked_sub(1) {
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
        self.partners.values().any(|bucket| bucket.dropped.is_some())
    }

    /// What has been counted long enough, or everything at the `end`.
    pub(super) fn ripe(&mut self, now: Timestamp, end: bool) -> Vec<(String, Dropped)> {
        let is_ripe =
            |dropped: &mut Dropped| end || now.as_second() - dropped.from.as_second() >= WAIT_SECONDS;
        self.partners
            .iter_mut()
            .filter_map(|(partner, bucket)| Some((partner.clone(), bucket.dropped.take_if(is_ripe)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d18_one_partners_flood_is_counted_and_another_is_heard() {
        let mut flood = Flood::default();
        let at = |second| Timestamp::from_second(1_795_000_000 + second).unwrap();
        let written = (0..10_000).filter(|_| flood.admits("loud", at(0))).count();
        assert_eq!(written as u64, BURST);
        assert!(flood.admits("quiet", at(0)));
        assert_eq!(flood.ripe(at(59), false), []);
        let dropped = Dropped { count: 10_000 - BURST, from: at(0), until: at(0) };
        assert_eq!(flood.ripe(at(60), false), [("loud".to_owned(), dropped)]);
        assert!(!flood.waits());
        // In the long run one a second, and a clock that swings makes it no more.
        let written = (0..1_000_i64).filter(|step| flood.admits("loud", at(100 + step % 2))).count();
        assert_eq!(written as u64, 100 + 1);
        assert!(flood.waits());
        assert_eq!(flood.ripe(at(0), true).len(), 1);
    }
}
