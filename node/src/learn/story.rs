//! How a run went over its cuts, and how many of them there may be.
//!
//! The attack: a run that goes on with the same keys and the same masks after every cut. A partner that ends it by a
//! message that cannot be read learns from *whether* it could be read one bit about a key of ours (LEARNV-12); one that
//! cuts a round and chooses otherwise inside the transfers of the next attempt reads an entry more (LEARNV-13). One bit is
//! nothing, thousands are a key. So a run is taken up only so often (LEARNV-37), and then it is over, with its keys.

use super::{TrainFault, state::RunFolder};

/// A run is not taken up more often.
pub const MOST_TAKEN_UP: u32 = 32;

/// Nor after its partner has broken the protocol so often. An honest one never does.
pub const MOST_BROKEN: u32 = 3;

const STORY: &str = "story";

/// How a run went, over its cuts.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    begun: bool,
    /// How often it was taken up again.
    pub resumed: u32,
    /// How often it was ended by a message that an honest partner would not have said.
    #[serde(default)]
    broken: u32,
}

impl Story {
    /// With one more beginning, durably.
    ///
    /// # Errors
    /// [`TrainFault::State`], [`TrainFault::StateDamaged`].
    pub fn told(folder: &RunFolder) -> Result<Self, TrainFault> {
        let mut story: Self = folder.kept_value(STORY)?.unwrap_or_default();
        story.resumed += u32::from(story.begun);
        story.begun = true;
        folder.keep_value(STORY, &story)?;
        Ok(story)
    }

    /// Notes, durably, that the partner broke the protocol: before it hears what we make of that.
    ///
    /// # Errors
    /// As [`told`](Self::told).
    pub fn broke(folder: &RunFolder) -> Result<(), TrainFault> {
        let mut story: Self = folder.kept_value(STORY)?.unwrap_or_default();
        story.broken += 1;
        folder.keep_value(STORY, &story)
    }

    /// LEARNV-37: ends a run that was taken up, or broken, too often.
    ///
    /// # Errors
    /// [`TrainFault::TakenUp`] once, when it is ended; whatever is asked later begins anew. As [`told`](Self::told).
    pub fn may_go_on(folder: &RunFolder) -> Result<(), TrainFault> {
        let Self { resumed, broken, .. } = folder.kept_value(STORY)?.unwrap_or_default();
        if resumed < MOST_TAKEN_UP && broken < MOST_BROKEN {
            return Ok(());
        }
        let _held = folder.hold()?;
        folder.clear()?;
        Err(TrainFault::TakenUp { resumed, broken })
    }
}

#[cfg(test)]
mod tests {
    use tacit_protocol::ids::QueryId;

    use super::*;
    use crate::config::Home;

    #[test]
    fn learnv_37_a_run_is_taken_up_so_often_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::of(&Home::at(folder.path()), &QueryId::new([7; 32]));
        run.keep("state-odd", b"halves").unwrap();
        for attempt in 0..=MOST_TAKEN_UP {
            // As another process each time: nothing of it is in memory.
            assert!(Story::may_go_on(&run).is_ok(), "attempt {attempt}");
            assert_eq!(Story::told(&run).unwrap().resumed, attempt);
        }
        let over = Story::may_go_on(&run).unwrap_err();
        assert!(matches!(over, TrainFault::TakenUp { resumed: MOST_TAKEN_UP, broken: 0 }), "{over}");
        assert!(!run.goes_on() && run.kept("state-odd").unwrap().is_none(), "and its secrets are gone");
    }

    #[test]
    fn learnv_37_a_partner_that_breaks_the_protocol_has_three_bits_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::of(&Home::at(folder.path()), &QueryId::new([7; 32]));
        for _ in 0..MOST_BROKEN {
            assert!(Story::may_go_on(&run).is_ok());
            Story::told(&run).unwrap();
            Story::broke(&run).unwrap();
        }
        assert!(matches!(Story::may_go_on(&run), Err(TrainFault::TakenUp { broken: MOST_BROKEN, .. })));
    }
}
