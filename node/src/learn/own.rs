//! This node's own rows for a training: read, encoded, and divided into those that are learned from and those that are
//! held back.

use jiff::Timestamp;
use tacit_protocol::{
    identity::KeyKind,
    ids::SnapshotHash,
    learn::encode::{Design, Feature, Raw, Target, kept},
};

use super::TrainFault;
use crate::{
    policy::{Encoding, Permitted, TrainPlan},
    query::ModelKind,
    report::Report,
    rooms::{Rooms, blocking},
    run::steps,
    scan::{self, DesignInput, ScanError},
};

/// What this node brings to a training, and how many batches of withdrawals it honours.
#[derive(Debug)]
pub struct Own {
    input: DesignInput,
    features: Vec<Feature>,
    target: Option<Target>,
    /// For each column that metrics are told apart by its place among those read, and how many values it has.
    groups: Vec<(usize, u32)>,
    withdrawals: usize,
}

impl Own {
    /// Reads our own table.
    ///
    /// # Errors
    /// Of the scan: the table cannot be read, or is not as it was registered.
    pub async fn read(rooms: &Rooms, permitted: &Permitted) -> Result<Self, Report> {
        let withdrawals = steps::withdrawals(rooms).await;
        let me = permitted.me();
        let side = match permitted.score() {
            Some(plan) => plan.side(me),
            None => permitted.train().and_then(|plan| plan.side(me)),
        };
        let (Some(own), Some(side)) = (permitted.own().cloned(), side.cloned()) else {
            // Invariant: what is permitted to train or to be scored has a table of ours.
            return Err(ScanError::Unknown { name: permitted.me().to_owned(), close: Vec::new() }.into());
        };
        let kind = permitted.train().map_or(ModelKind::Linear, |plan| plan.job().kind);
        let features: Vec<Feature> = side.features.iter().map(crate::policy::Feature::encoded).collect();
        let target = side.target.as_ref().map(|target| (target.encoded(), target_of(kind, &target.encoding)));
        let mut columns: Vec<Feature> =
            features.iter().cloned().chain(target.iter().map(|(feature, _)| feature.clone())).collect();
        let mut groups = Vec::with_capacity(side.groups.len());
        for group in &side.groups {
            let known = columns.iter().position(|column| column.name == group.name.column);
            if known.is_none() {
                columns.push(group.encoded());
            }
            groups.push((known.unwrap_or(columns.len() - 1), group.values().len() as u32));
        }
        let terms = permitted.terms().identity.clone();
        let datasets = rooms.datasets.clone();
        let withdrawn = rooms.withdrawn.clone().read_owned().await;
        let input = blocking(move || {
            let registration = datasets.open(&own.table.dataset, Timestamp::now(), &mut |_| true)?;
            // The kinds of key that this dataset lacks are places without an item.
            let keys: Vec<KeyKind> = terms
                .keys
                .iter()
                .filter(|kind| registration.key_columns(kind).next().is_some())
                .cloned()
                .collect();
            let plan = steps::collect_plan(&registration, &terms, &keys, &own, &withdrawn);
            scan::design(&plan, &terms.keys, &columns, &mut |_, _| true)
        })
        .await?;
        let mut own = Self { input, features, target: target.map(|(_, target)| target), groups, withdrawals };
        own.complete()?;
        Ok(own)
    }

    /// A customer without a target can be neither learned from nor measured on, and takes no part.
    fn complete(&mut self) -> Result<(), TrainFault> {
        let Some(target) = self.target()? else { return Ok(()) };
        let keep: Vec<bool> = target.iter().map(Option::is_some).collect();
        if keep.iter().all(|keep| *keep) {
            return Ok(());
        }
        let input = &mut self.input;
        for items in &mut input.keys {
            *items = kept(items, &keep);
        }
        for column in &mut input.columns {
            *column = match column {
                Raw::Number(cells) => Raw::Number(kept(cells, &keep)),
                Raw::Code(cells) => Raw::Code(kept(cells, &keep)),
                Raw::Boolean(cells) => Raw::Boolean(kept(cells, &keep)),
            };
        }
        input.rows = kept(&input.rows, &keep);
        Ok(())
    }

    /// The content that was read.
    pub const fn snapshot(&self) -> SnapshotHash {
        self.input.snapshot
    }

    /// The same, or read anew if somebody withdrew since: from that moment on they take no part.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn fresh(self, rooms: &Rooms, permitted: &Permitted) -> Result<Self, Report> {
        if self.is_fresh(rooms).await {
            return Ok(self);
        }
        Self::read(rooms, permitted).await
    }

    /// Whether nobody has withdrawn since this was read.
    pub async fn is_fresh(&self, rooms: &Rooms) -> bool {
        steps::withdrawals(rooms).await == self.withdrawals
    }

    /// How many customers.
    pub fn len(&self) -> usize {
        self.input.rows.len()
    }

    /// Each customer's row that counts; rows count from 1.
    pub fn rows(&self) -> &[u64] {
        &self.input.rows
    }

    /// Each customer's match items, by kind.
    pub const fn keys(&self) -> &tacit_protocol::learn::align::Keys {
        &self.input.keys
    }

    /// The features as numbers, of all customers.
    ///
    /// # Errors
    /// [`TrainFault::Column`].
    pub fn design(&self, intercept: bool) -> Result<Design, TrainFault> {
        let mut design = Design::new(self.len(), intercept);
        for (feature, raw) in self.features.iter().zip(&self.input.columns) {
            design.push(feature, raw).map_err(TrainFault::Column)?;
        }
        Ok(design)
    }

    /// The target of each customer, if it has one and this side has the column.
    ///
    /// # Errors
    /// [`TrainFault::Column`].
    pub fn target(&self) -> Result<Option<Vec<Option<f32>>>, TrainFault> {
        let (Some(target), Some(raw)) = (&self.target, self.input.columns.get(self.features.len())) else {
            return Ok(None);
        };
        target.encode(raw).map(Some).map_err(TrainFault::Column)
    }

    /// Of each column that figures are told apart by, the place of each customer's value, if it has one: of listed values,
    /// or of no and yes.
    pub fn group_columns(&self) -> Vec<Vec<Option<u32>>> {
        let value = |(place, _): &(usize, u32)| match self.input.columns.get(*place) {
            Some(Raw::Code(codes)) => codes.clone(),
            Some(Raw::Boolean(cells)) => cells.iter().map(|cell| cell.map(u32::from)).collect(),
            Some(Raw::Number(_)) | None => vec![None; self.len()],
        };
        self.groups.iter().map(value).collect()
    }

    /// The group of each customer by all these columns together, as the plan numbers and names them.
    pub fn grouped(&self) -> Vec<u8> {
        let columns = self.group_columns();
        let group = |row: usize| {
            self.groups.iter().zip(&columns).fold(0_u32, |group, ((_, values), column)| {
                group * (values + 1) + column[row].map_or(*values, |value| value.min(*values))
            })
        };
        // A plan has at most 30 groups where they are counted by.
        (0..self.len()).map(|row| group(row) as u8).collect()
    }

    /// Whether each customer is held back: by a hash of its least item, the same whatever else there is in the table.
    pub fn held_out(&self, plan: &TrainPlan, job: &[u8; 32]) -> Vec<bool> {
        let share = plan.job().evaluate.holdout_micro;
        let items = |row: usize| self.input.keys.iter().filter_map(move |kind| kind[row]);
        (0..self.len())
            .map(|row| items(row).min().is_some_and(|item| is_held_out(job, &item, share)))
            .collect()
    }
}

/// Whether what has this name is held back from a model.
pub fn is_held_out(job: &[u8; 32], name: &[u8], share_micro: u32) -> bool {
    let mut hasher = blake3::Hasher::new_derive_key("tacit held out of a model 1");
    hasher.update(job);
    hasher.update(name);
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first) % 1_000_000 < u64::from(share_micro)
}

fn target_of(kind: ModelKind, encoding: &Encoding) -> Target {
    match (kind, encoding) {
        (ModelKind::Linear, Encoding::Scaled { low, high }) => {
            Target::Number { low: low.real(), high: high.real() }
        }
        // The plan has checked that it begins at 0.
        (ModelKind::Poisson, Encoding::Scaled { high, .. }) => Target::Count { most: high.real() as u32 },
        _ => Target::Binary,
    }
}

/// The area under the curve of scores against a target of 0 and 1; the chance that one of the latter has the higher
/// score. `None` without both.
pub fn auc(scores: &[f64], target: &[f32]) -> Option<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let (mut ranks, mut ones, mut at) = (0.0, 0.0, 0);
    while at < order.len() {
        let end = at + order[at..].iter().take_while(|row| scores[**row] == scores[order[at]]).count();
        // Equal scores share the mean of their places.
        let rank = (at + end + 1) as f64 / 2.0;
        for row in &order[at..end] {
            if target[*row] > 0.5 {
                ranks += rank;
                ones += 1.0;
            }
        }
        at = end;
    }
    let zeros = order.len() as f64 - ones;
    (ones > 0.0 && zeros > 0.0).then(|| (ranks - ones * (ones + 1.0) / 2.0) / (ones * zeros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_under_the_curve_counts_ties_by_half() {
        assert_eq!(auc(&[0.1, 0.4, 0.35, 0.8], &[0.0, 0.0, 1.0, 1.0]), Some(0.75));
        assert_eq!(auc(&[0.5, 0.5], &[0.0, 1.0]), Some(0.5));
        assert_eq!(auc(&[0.5, 0.5], &[1.0, 1.0]), None);
    }

    #[test]
    fn as_many_are_held_back_as_the_job_says() {
        let held = (0..10_000_u32).filter(|n| is_held_out(&[1; 32], &n.to_le_bytes(), 250_000)).count();
        assert!((2_300..2_700).contains(&held), "{held}");
        assert!(!is_held_out(&[1; 32], &[1], 0));
    }
}
