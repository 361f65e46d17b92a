//! What the fitted model says of the customers, where the contract lets it be said.

use tacit_protocol::{
    ids::SessionId,
    learn::{
        encode::kept,
        vertical::{Basis, Held as Brought, Party, Scored, Scorer, State, Trained},
    },
};

use super::{Course, fresh_seed, rows::Split};
use crate::{
    learn::{self, Exact, Metric, state::RunFolder},
    query::ModelKind,
    report::Report,
    run::steps,
};

impl Course<'_> {
    /// Scores the common customers, where the contract lets the one who has the target see scores: a score for each, and
    /// what those that were held back say of the model. Both stay with it.
    pub(super) async fn evaluate(
        &mut self,
        trained: &Trained,
        split: Split,
        alone: Option<Vec<f64>>,
        folder: &RunFolder,
    ) -> Result<(Vec<Metric>, Option<Vec<f64>>), Report> {
        let counted = self.counted(trained, &split, folder).await?;
        let (terms, party) = (&self.terms, self.party);
        let Split { all, held_out, .. } = split;
        let receiver =
            terms.plan.sides().iter().find(|side| side.target.is_some()).map(|side| &side.table.owner);
        if receiver != terms.plan.terms().score.as_ref() {
            let mut metrics = counted;
            if !metrics.is_empty()
                && let (Some(alone), Some(target)) = (alone, &all.target)
            {
                metrics.extend(self.measured_alone(&alone, &kept(target, &held_out)));
            }
            return Ok((metrics, None));
        }
        self.stages.begin("evaluate");
        let before = self.bytes();
        let (scoring, rows, seed) = (terms.clone(), all.rows as u32, fresh_seed()?);
        let (basis, state): (Basis, State) = (trained.basis.clone(), trained.state.clone());
        let columns = all.columns;
        let start = move |session: SessionId| {
            let params = scoring.params(session, rows)?;
            let limits = params.limits();
            let question = scoring.job;
            let brought = Brought { columns: &columns, basis: &basis, state: &state };
            let scorer = Scorer::start(params, party, Party::Label, &question, brought, seed)?;
            Ok((scorer, limits))
        };
        let watch = steps::watch(self.events, "evaluate", "steps");
        let running = self.end.part(self.reserved, "evaluate", start, watch);
        let Scored { scores, .. } = steps::in_time(self.rooms, self.reserved, running).await?;
        self.stages.moved(self.bytes() - before);
        let (Some(scores), Some(target)) = (scores, all.target) else { return Ok((counted, None)) };
        let (held, outcomes) = (kept(&scores, &held_out), kept(&target, &held_out));
        if self.terms.plan.job().kind == ModelKind::Logistic {
            // What was counted together tells groups apart, and both ends the same.
            let mut metrics = counted;
            if metrics.is_empty() {
                metrics = learn::measured("joint", &held, &outcomes);
            }
            metrics.extend(alone.iter().flat_map(|alone| self.measured_alone(alone, &outcomes)));
            return Ok((metrics, Some(scores)));
        }
        let loss = held.iter().zip(&outcomes).map(|(score, outcome)| (outcome - score).powi(2) / 2.0);
        let loss = (!held.is_empty()).then(|| Metric {
            on: "joint".to_owned(),
            group: None,
            name: "loss".to_owned(),
            value: Exact(loss.sum::<f64>() / held.len() as f64),
            low95: None,
            high95: None,
        });
        Ok((loss.into_iter().collect(), Some(scores)))
    }

    /// What we would have without the partner: the joint model is held against it.
    fn measured_alone(&self, alone: &[f64], outcomes: &[f64]) -> Vec<Metric> {
        learn::measured(&format!("{} alone", self.reserved.permitted().me()), alone, outcomes)
    }
}
