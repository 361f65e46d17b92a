//! How good the fitted model is on customers that were held back, counted together where neither sees a score.

use tacit_protocol::{
    ids::SessionId,
    learn::{
        evaluate::{Evaluation, Noise, drift},
        vertical::{
            Counts, Evaluated, Evaluator, Figures, Held as Brought, KeepTally, Learns, NotKept, Party, Row,
            Tallied, Trained,
        },
    },
    noise::DiscreteGaussian,
    session::Abort,
};

use super::{Course, fresh_seed, rows::Split, terms::party};
use crate::{
    learn::{self, Metric, TrainFault, state::RunFolder},
    policy::TrainPlan,
    report::Report,
    run::steps,
};

/// What was counted and will be opened, or has been.
const COUNTS: &str = "counts";

impl Course<'_> {
    /// Counts the common customers by score, outcome and group, and reads the figures off, if they are ours to learn.
    pub(super) async fn counted(
        &mut self,
        trained: &Trained,
        split: &Split,
        folder: &RunFolder,
    ) -> Result<Vec<Metric>, Report> {
        if !self.terms.plan.counts() {
            return Ok(Vec::new());
        }
        self.stages.begin("count");
        let before = self.bytes();
        // What cannot be priced is refused when the job is planned.
        let figures = figures(&self.terms.plan).map_err(|_| TrainFault::StateDamaged)?;
        let (terms, party, seed) = (self.terms.clone(), self.party, fresh_seed()?);
        let (basis, state) = (trained.basis.clone(), trained.state.clone());
        let (columns, rows) = (split.all.columns.clone(), rows(split));
        let kept = folder.kept(COUNTS)?.map(|bytes| Tallied::from_bytes(&bytes));
        let kept = kept.transpose().map_err(|_| TrainFault::StateDamaged)?;
        let (folder, agreed) = (folder.clone(), figures.clone());
        let start = move |session: SessionId| {
            let params = terms.params(session, rows.len() as u32)?;
            let limits = Evaluator::limits(&params, &agreed)?;
            let held = Brought { columns: &columns, basis: &basis, state: &state };
            let keep: KeepTally =
                Box::new(move |tallied| folder.keep(COUNTS, &tallied.to_bytes()).map_err(|_| NotKept));
            let asked = (agreed, &terms.job);
            let evaluator = Evaluator::start(params, party, asked, (held, &rows), seed, (kept, keep))?;
            Ok((evaluator, limits))
        };
        let watch = steps::watch(self.events, "count", "steps");
        let running = self.end.part(self.reserved, "count", start, watch);
        let Evaluated { counts, .. } = steps::in_time(self.rooms, self.reserved, running).await?;
        self.stages.moved(self.bytes() - before);
        let least = self.reserved.permitted().terms().privacy.min_group;
        Ok(counts.map_or_else(Vec::new, |counts| said(&self.terms.plan, &figures, &counts, f64::from(least))))
    }
}

/// What both ends agree on.
fn figures(plan: &TrainPlan) -> Result<Figures, Abort> {
    let groups = |of: Party| {
        let side = plan.sides().iter().find(|side| party(plan, &side.table.owner) == of);
        side.map_or(1, |side| side.group_names().len() as u32)
    };
    let learning: Vec<Party> = plan
        .sides()
        .iter()
        .filter(|side| plan.learns_figures(&side.table.owner))
        .map(|side| party(plan, &side.table.owner))
        .collect();
    let noise = match plan.price() {
        None => None,
        Some(_) => Some(DiscreteGaussian::of_price(plan.figures_rho(), 1).map_err(|_| Abort::LearnShape)?),
    };
    Ok(Figures {
        bins: plan.bins(),
        label_groups: groups(Party::Label),
        feature_groups: groups(Party::Features),
        learns: match learning[..] {
            [one] => Learns::One(one),
            _ => Learns::Both,
        },
        hidden: plan.hides_overlap(),
        noise,
    })
}

fn rows(split: &Split) -> Vec<Row> {
    let row = |at: usize| Row {
        held_out: split.held_out[at],
        group: split.groups[at],
        label: split.all.target.as_ref().is_some_and(|target| target[at] > 0.5),
        present: split.all.union.as_ref().is_none_or(|(present, _)| present[at]),
    };
    (0..split.all.rows).map(row).collect()
}

/// The lines of the card. Of groups that are smaller than the contract's least nothing is said.
fn said(plan: &TrainPlan, figures: &Figures, counts: &Counts, least: f64) -> Vec<Metric> {
    let names = |of: Party| {
        let side = plan.sides().iter().find(|side| party(plan, &side.table.owner) == of);
        side.map_or_else(|| vec![String::new()], |side| side.group_names())
    };
    let (label, features) = (names(Party::Label), names(Party::Features));
    let both = |theirs: &String| {
        let gap = |ours: &String| if theirs.is_empty() || ours.is_empty() { "" } else { ", " };
        label.iter().map(|ours| format!("{theirs}{}{ours}", gap(ours))).collect::<Vec<_>>()
    };
    let mut groups: Vec<String> = features.iter().flat_map(both).collect();
    if groups.len() < 2 {
        groups.clear();
    }
    let shares = if figures.learns == Learns::Both { 2 } else { 1 };
    let noise = figures.noise.clone().map(|noise| Noise::new(noise, shares));
    let evaluation = Evaluation::of(&counts.held_out, noise.as_ref(), 0.5);
    let mut metrics = learn::metrics("joint", &evaluation, &groups);
    let small: Vec<String> = metrics
        .iter()
        .filter(|metric| metric.name == "customers" && metric.value.0 < least)
        .filter_map(|metric| metric.group.clone())
        .collect();
    metrics.retain(|metric| metric.group.as_ref().is_none_or(|group| !small.contains(group)));
    if !small.is_empty() {
        // The largest gap may be that of a group of which nothing is said.
        metrics.retain(|metric| !metric.name.ends_with("-gap"));
    }
    let drifted = drift(&counts.learned_from, &counts.held_out, [noise.as_ref(), noise.as_ref()]);
    metrics.extend(drifted.ok().and_then(|index| learn::drift("joint", index)));
    metrics
}
