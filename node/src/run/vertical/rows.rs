//! Which of the common customers are learned from, and what each of them has.

use tacit_protocol::learn::{align::Aligned, encode::kept};

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
    /// Their rows of our table.
    pub(super) rows: Vec<u64>,
    /// Their groups at our side.
    pub(super) groups: Vec<u8>,
}

/// Some of the customers.
#[derive(Default)]
pub(super) struct Half {
    pub(super) rows: usize,
    pub(super) columns: Vec<Vec<f64>>,
    pub(super) target: Option<Vec<f64>>,
}

impl Split {
    /// Divides the common customers by a hash of their place in the order, which both ends know.
    pub(super) fn of(
        permitted: &Permitted,
        plan: &TrainPlan,
        own: &Own,
        aligned: &Aligned,
    ) -> Result<Self, Report> {
        let job = permitted.parsed().hash();
        let share = plan.job().evaluate.holdout_micro;
        let all: Vec<usize> = aligned.rows.iter().map(|row| *row as usize).collect();
        let held_out: Vec<bool> =
            (0_u32..).take(all.len()).map(|place| is_held_out(&job, &place.to_le_bytes(), share)).collect();
        let learn: Vec<usize> = kept(&all, &held_out.iter().map(|held| !held).collect::<Vec<bool>>());
        let least = u64::from(permitted.terms().privacy.min_group);
        if (learn.len() as u64) < least {
            return Err(TrainFault::TooFew { found: learn.len() as u64, least }.into());
        }
        let (design, target) = (own.design(false)?, own.target()?);
        let part = |rows: &[usize]| Half {
            rows: rows.len(),
            columns: design
                .columns()
                .iter()
                .map(|column| rows.iter().map(|row| f64::from(column[*row])).collect())
                .collect(),
            // A customer without a target was left out when the table was read.
            target: target
                .as_ref()
                .map(|target| rows.iter().map(|row| target[*row].map_or(0.0, f64::from)).collect()),
        };
        let rows = all.iter().map(|row| own.rows()[*row]).collect();
        let of_own = own.groups();
        let groups = all.iter().map(|row| of_own[*row]).collect();
        Ok(Self { learn: part(&learn), all: part(&all), held_out, rows, groups })
    }

    /// How many are held back.
    pub(super) fn held_out(&self) -> u64 {
        self.held_out.iter().filter(|held| **held).count() as u64
    }

    /// The scores that our own columns alone give to the customers that were held back, if the target is ours.
    pub(super) async fn without_partner(&self, plan: &TrainPlan) -> Option<Vec<f64>> {
        let Self { learn, all, held_out, .. } = self;
        let target = learn.target.clone().filter(|_| plan.job().kind == ModelKind::Logistic)?;
        let held: Vec<Vec<f64>> = all.columns.iter().map(|column| kept(column, held_out)).collect();
        let (columns, l2) = (learn.columns.clone(), plan.job().l2.real());
        blocking(move || learn::alone(&columns, &target, l2, &held)).await
    }
}
