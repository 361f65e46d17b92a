//! What was said in a run, as one end remembers it.
//!
//! The record is there against whoever changes a message without being noticed by any other check. Both ends hash each
//! direction as they said and heard it, each tells the other the hash of both, and nothing of worth leaves before the
//! peer's was seen and is the same (A14, A16). What the last word itself says is added to that hash.

use super::PeerMisbehaved;
use crate::transcript::Transcript;

/// Messages of which a record is kept.
pub(crate) trait Recorded: Sized {
    /// The protocol's name and version.
    const PROTOCOL: &'static str;
    /// The names of its two parts.
    const PARTS: [&'static str; 2];

    /// Adds the message to the record of its direction; nothing for those that compare records.
    fn absorb_into(&self, transcript: &mut Transcript);
}

/// Both directions of the conversation as one end remembers them.
pub(crate) struct Record<M> {
    /// The end's own part: 0 or 1.
    part: usize,
    /// What each part said.
    said: [Transcript; 2],
    messages: std::marker::PhantomData<fn(&M)>,
}

impl<M: Recorded> Record<M> {
    /// Of a run in which this end has that part, and both have agreed on what `agreed` adds.
    pub(crate) fn of(part: usize, agreed: impl Fn(&mut Transcript)) -> Self {
        let said = M::PARTS.map(|name| {
            let mut transcript = Transcript::new(M::PROTOCOL);
            agreed(&mut transcript);
            transcript.absorb("from", name.as_bytes());
            transcript
        });
        Self { part: part & 1, said, messages: std::marker::PhantomData }
    }

    /// Notes a message on its way out.
    pub(crate) fn say(&mut self, message: M) -> M {
        message.absorb_into(&mut self.said[self.part]);
        message
    }

    /// Notes a message that came in.
    pub(crate) fn hear(&mut self, message: &M) {
        message.absorb_into(&mut self.said[1 - self.part]);
    }

    /// What this end says of both directions; `more` is what it says beside that.
    pub(crate) fn ours(&self, more: impl Fn(&mut Transcript)) -> [u8; 32] {
        self.told_by(self.part, more)
    }

    /// Compares what the peer says of them. The part is in the hash, so our own last word sent back to us is not the
    /// peer's.
    pub(crate) fn same(
        &self,
        theirs: &[u8; 32],
        more: impl Fn(&mut Transcript),
    ) -> Result<(), PeerMisbehaved> {
        let expected = self.told_by(1 - self.part, more);
        if *theirs == expected { Ok(()) } else { Err(PeerMisbehaved::TranscriptDiffers) }
    }

    /// What was said, the same at both ends; for the audit.
    pub(crate) fn conversation(&self) -> [u8; 32] {
        self.both("conversation").hash()
    }

    fn told_by(&self, part: usize, more: impl Fn(&mut Transcript)) -> [u8; 32] {
        let mut both = self.both("finished");
        both.absorb("by", M::PARTS[part].as_bytes());
        more(&mut both);
        both.hash()
    }

    fn both(&self, purpose: &str) -> Transcript {
        let mut both = Transcript::new(M::PROTOCOL);
        both.absorb("purpose", purpose.as_bytes());
        for (name, said) in M::PARTS.iter().zip(&self.said) {
            both.absorb(&format!("{name} said"), &said.hash());
        }
        both
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Word(u8);

    impl Recorded for Word {
        const PROTOCOL: &'static str = "test";
        const PARTS: [&'static str; 2] = ["left", "right"];

        fn absorb_into(&self, transcript: &mut Transcript) {
            transcript.absorb("word", &[self.0]);
        }
    }

    fn record(part: usize, agreed: u8, said: &[u8], heard: &[u8]) -> Record<Word> {
        let mut record = Record::of(part, |transcript| transcript.absorb("agreed", &[agreed]));
        for word in said {
            record.say(Word(*word));
        }
        heard.iter().for_each(|word| record.hear(&Word(*word)));
        record
    }

    #[test]
    fn a14_a16_two_ends_agree_exactly_if_they_remember_the_same() {
        let more = |number: u8| move |transcript: &mut Transcript| transcript.absorb("more", &[number]);
        let left = record(0, 1, &[1, 2], &[3]);
        let word = left.ours(more(7));
        let right = record(1, 1, &[3], &[1, 2]);
        assert_eq!(right.same(&word, more(7)), Ok(()));
        assert_eq!(right.conversation(), left.conversation());
        let differs = Err(PeerMisbehaved::TranscriptDiffers);
        assert_eq!(right.same(&word, more(8)), differs, "another last word");
        assert_eq!(left.same(&word, more(7)), differs, "its own last word");
        for other in [
            record(1, 1, &[3], &[2, 1]),
            record(1, 1, &[3], &[1]),
            record(1, 1, &[1, 2], &[3]),
            record(1, 1, &[3, 1], &[2]),
            record(1, 2, &[3], &[1, 2]),
        ] {
            assert_eq!(other.same(&word, more(7)), differs);
        }
    }
}
