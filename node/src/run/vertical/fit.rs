//! The rounds, each durable before the next.

use tacit_protocol::{
    ids::SessionId,
    learn::vertical::{Input, Keep, NotKept, State, Trained, Trainer},
    secret::Secret,
};

use super::{Course, fresh_seed, rows::Half};
use crate::{
    control::Event,
    learn::{
        self, TrainFault,
        state::{RoundLine, RunFolder},
    },
    report::Report,
    run::steps,
};

/// The states of the last two rounds, and how it went.
const STATES: [&str; 2] = ["state-even", "state-odd"];
const STORY: &str = "story";

/// How a run went, over its cuts.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Story {
    begun: bool,
    pub(super) resumed: u32,
}

impl Story {
    /// With one more beginning, durably.
    pub(super) fn told(folder: &RunFolder) -> Result<Self, TrainFault> {
        let mut story: Self = folder.kept_value(STORY)?.unwrap_or_default();
        story.resumed += u32::from(story.begun);
        story.begun = true;
        folder.keep_value(STORY, &story)?;
        Ok(story)
    }
}

impl Course<'_> {
    /// Fits the model to these rows, from where an earlier attempt got to.
    pub(super) async fn fit(
        &mut self,
        rows: Half,
        folder: &RunFolder,
        secret: Secret<[u8; 32]>,
    ) -> Result<Trained, Report> {
        let before = self.bytes();
        let (states, seed) = (states(folder)?, fresh_seed()?);
        let (party, terms) = (self.party, self.terms.clone());
        let (of, told, keeping) = (terms.plan.job().rounds, self.events.clone(), folder.clone());
        let (count, input) = (rows.rows as u32, Input { columns: rows.columns, target: rows.target });
        let union = rows.union;
        let start = move |session: SessionId| {
            let params = terms.params(session, count)?;
            let params = match &union {
                Some((_, over)) => params.over_a_union(*over)?,
                None => params,
            };
            let limits = params.limits();
            let mut last = None;
            let kept: Keep = Box::new(move |state: &State| {
                let name = STATES[usize::from(state.round() % 2)];
                keeping.keep(name, &state.to_bytes()).map_err(|_| NotKept)?;
                // LEARNV-35: the last round's state is kept again when it has been shown; that is no round of its own.
                if last.replace(state.round()) != Some(state.round()) {
                    let line = RoundLine { round: state.round().into(), ..RoundLine::default() };
                    let _ = told.send(Event::Note { text: learn::round_line(&line, of) });
                }
                Ok(())
            });
            let trainer = match &union {
                Some((present, _)) => {
                    let brought = (&input, present.as_slice());
                    Trainer::start_hidden(params, party, brought, states, &secret, seed, kept)?
                }
                None => Trainer::start(params, party, &input, states, &secret, seed, kept)?,
            };
            Ok((trainer, limits))
        };
        let watch = steps::watch(self.events, "train", "steps");
        let running = self.end.part(self.reserved, "train", start, watch);
        let trained: Trained = steps::in_time(self.rooms, self.reserved, running).await?;
        self.stages.moved(self.bytes() - before);
        Ok(trained)
    }
}

/// What was kept of an earlier attempt: the last two rounds, the earlier one first.
fn states(folder: &RunFolder) -> Result<Vec<State>, TrainFault> {
    let mut states = Vec::new();
    for name in STATES {
        if let Some(bytes) = folder.kept(name)? {
            states.push(State::from_bytes(&bytes).map_err(|_| TrainFault::StateDamaged)?);
        }
    }
    states.sort_by_key(State::round);
    Ok(states)
}
