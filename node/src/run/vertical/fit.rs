//! The rounds, each durable before the next.

use tacit_protocol::{
    ids::SessionId,
    learn::vertical::{Input, Keep, NotKept, State, Trained, Trainer},
    secret::Secret,
};

use super::{Course, fresh_seed, rows::Half};
use crate::{
    control::Event,
    exchange::ExchangeError,
    learn::{
        self, Story, TrainFault,
        state::{RoundLine, RunFolder},
    },
    report::Report,
    run::steps,
};

/// The states of the last two rounds.
const STATES: [&str; 2] = ["state-even", "state-odd"];

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
        let (end, reserved) = (&mut self.end, self.reserved);
        let running = async move {
            let ended = end.part(reserved, "train", start, watch).await;
            if let Err(ExchangeError::Protocol { source, .. }) = &ended
                && source.blames_peer()
                && let Err(error) = Story::broke(folder)
            {
                // Then it is counted as one more time that the run is taken up, of which there are not many either.
                tracing::error!(%error, "that the partner broke the protocol could not be noted");
            }
            ended
        };
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
