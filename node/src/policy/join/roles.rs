//! Who looks up whom.
//!
//! The *seeker* hashes its customers, one to a place of its table; the *holder* puts each of its customers into three
//! places and hands over what it brings masked. The protocol's cost grows with the seeker's table; the holder's groups
//! and measures make every place wider. Both nodes choose by the same rule, from the plan (question and contract)
//! and from the two sizes that are announced, padded, before the protocol begins: all of it public.

use super::{JoinPlan, Party};

/// From this factor on, sizes decide alone.
const FAR_FEWER: u64 = 8;

/// How many customers each side brings, as it has announced: padded, and so no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The asker.
    pub asker: u64,
    /// The answerer.
    pub answerer: u64,
}

/// Who is who in the protocol, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Whose customers are looked up.
    pub seeker: Party,
    /// A half sentence for people: after "because".
    pub reason: String,
}

impl Roles {
    /// Whose table is looked into.
    pub const fn holder(&self) -> Party {
        self.seeker.other()
    }
}

impl Sizes {
    /// One side's.
    pub const fn of(&self, party: Party) -> u64 {
        match party {
            Party::Asker => self.asker,
            Party::Answerer => self.answerer,
        }
    }
}

impl JoinPlan {
    /// Who looks up whom, for these sizes.
    pub fn roles(&self, sizes: Sizes) -> Roles {
        let fewer = if sizes.asker < sizes.answerer { Party::Asker } else { Party::Answerer };
        let (least, most) = (sizes.of(fewer).max(1), sizes.of(fewer.other()));
        let of = |seeker, reason: &str| Roles { seeker, reason: reason.to_owned() };
        if most / least >= FAR_FEWER {
            return of(fewer, &format!("it brings {} customers, the other side {most}", sizes.of(fewer)));
        }
        // A holder's customer can be found by every key, and takes wider noise to hide: see `reach`.
        if self.keys > 1 && !self.adds_noise(Party::Asker) {
            return of(
                Party::Answerer,
                "its customers are to be hidden: they count once so, and the noise is narrower",
            );
        }
        let width = |party| {
            let side = self.side(party);
            side.cells() * (1 + side.terms.len())
        };
        match width(Party::Asker).cmp(&width(Party::Answerer)) {
            std::cmp::Ordering::Greater => {
                of(Party::Asker, "it has the groups and measures, which travel less so")
            }
            std::cmp::Ordering::Less => {
                of(Party::Answerer, "it has the groups and measures, which travel less so")
            }
            std::cmp::Ordering::Equal => of(fewer, "it does not bring more customers"),
        }
    }
}
