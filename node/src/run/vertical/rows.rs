//! Which customers are learned from, and what each of them has.

use tacit_protocol::learn::{
    encode::kept,
    vertical::{Over, Party},
};

use super::end::Order;

use crate::{
    learn::{self, Own, TrainFault, is_held_out},
    policy::{Permitted, TrainPlan},
    query::ModelKind,
    report::Report,
    rooms::blocking,
};

/// What a training is given, and all common customers, some of whom are held back.
pub(super) struct Split {
    pub(super) learn: Half,
    pub(super) all: Half,
    /// Of all, in their order.
    pub(super) held_out: Vec<bool>,
    /// Their rows of our table; over a union 0 where we have none.
    pub(super) rows: Vec<u64>,
}

/// Some of the customers.
#[derive(Default)]
pub(super) struct Half {
    pub(super) rows: usize,
    /// Over a union, at which of the rows we have a customer, and what both know of them.
    pub(super) union: Option<(Vec<bool>, Over)>,
    pub(super) columns: Vec<Vec<f64>>,
    pub(super) target: Option<Vec<f64>>,
}

impl Split {
    /// Divides the customers of the order by a hash of their place in it, which both ends know.
    pub(super) fn of(
        permitted: &Permitted,
        (plan, me): (&TrainPlan, Party),
        own: &Own,
        order: &Order,
    ) -> Result<Self, Report> {
        let job = permitted.parsed().hash();
        let share = plan.job().evaluate.holdout_micro;
        let all: Vec<Option<usize>> = match order {
            Order::Revealed(aligned) => aligned.rows.iter().map(|row| Some(*row as usize)).collect(),
            Order::Hidden(union) => union.places.iter().map(|place| place.map(|row| row as usize)).collect(),
        };
        let held_out: Vec<bool> =
            (0_u32..).take(all.len()).map(|place| is_held_out(&job, &place.to_le_bytes(), share)).collect();
        let learn: Vec<Option<usize>> = kept(&all, &held_out.iter().map(|held| !held).collect::<Vec<bool>>());
        let least = u64::from(permitted.terms().privacy.min_group);
        // Over a union about as many of them are both's as of all places.
        let share = |about: u32, rows: usize| u64::from(about) * rows as u64 / all.len().max(1) as u64;
        let found = match order {
            Order::Revealed(_) => learn.len() as u64,
            Order::Hidden(union) => share(union.about, learn.len()),
        };
        if found < least {
            return Err(TrainFault::TooFew { found, least }.into());
        }
        let union = |rows: &[Option<usize>]| {
            let Order::Hidden(union) = order else { return None };
            let of = |about| {
                u32::try_from(share(about, rows.len())).unwrap_or(u32::MAX).clamp(1, rows.len().max(1) as u32)
            };
            let [ours, theirs] = union.sizes.map(of);
            let sizes = if me == Party::Label { [ours, theirs] } else { [theirs, ours] };
            let over = Over { common: of(union.about), sizes };
            Some((rows.iter().map(Option::is_some).collect(), over))
        };
        let (design, target) = (own.design(false)?, own.target()?);
        let part = |rows: &[Option<usize>]| Half {
            rows: rows.len(),
            union: union(rows),
            columns: design
                .columns()
                .iter()
                .map(|column| rows.iter().map(|row| row.map_or(0.0, |row| f64::from(column[row]))).collect())
                .collect(),
            // A customer without a target was left out when the table was read.
            target: target.as_ref().map(|target| {
                rows.iter().map(|row| row.and_then(|row| target[row]).map_or(0.0, f64::from)).collect()
            }),
        };
        let rows = all.iter().map(|row| row.map_or(0, |row| own.rows()[row])).collect();
        Ok(Self { learn: part(&learn), all: part(&all), held_out, rows })
    }

    /// How many are learned from, and how many are held back; over a union about.
    pub(super) fn counts(&self) -> (u64, u64) {
        match (&self.learn.union, &self.all.union) {
            (Some((_, learn)), Some((_, all))) => {
                (learn.common.into(), all.common.saturating_sub(learn.common).into())
            }
            _ => (self.learn.rows as u64, self.held_out.iter().filter(|held| **held).count() as u64),
        }
    }

    /// The scores that our own columns alone give to the customers that were held back, if the target is ours.
    pub(super) async fn without_partner(&self, plan: &TrainPlan) -> Option<Vec<f64>> {
        let Self { learn, all, held_out, .. } = self;
        // Over a union nobody knows whom the joint model would be compared on.
        let comparable = plan.job().kind == ModelKind::Logistic && learn.union.is_none();
        let target = learn.target.clone().filter(|_| comparable)?;
        let held: Vec<Vec<f64>> = all.columns.iter().map(|column| kept(column, held_out)).collect();
        let (columns, l2) = (learn.columns.clone(), plan.job().l2.real());
        blocking(move || learn::alone(&columns, &target, l2, &held)).await
    }
}
