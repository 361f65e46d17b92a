//! Who learns how good a model over different columns is, and what part of the job's price that takes.
//!
//! One histogram pays for every figure that is read off it (EVAL-01). The attack this stops is the figure beside the
//! price: an exact AUC after every job, which nobody was charged for.

use tacit_protocol::learn::vertical::MOST_GROUPS;

use super::{TrainError, TrainPlan, TrainSide};
use crate::{
    policy::Metrics,
    query::{JobShape, ModelKind},
};

/// The share of a job's price that pays for the figures: a tenth. A count has Δ₂ = 1, so at ε = 1 each end's noise in it is
/// of fifteen to twenty customers: little beside thousands in few bins and groups, too much for hundreds in many.
const PART: u64 = 10;

/// Most bins; a job that asks for more has these.
const BINS: u32 = 32;

impl TrainSide {
    /// The names of the groups that its customers are in: every combination of the values of its group columns, of which each
    /// has one more for those that have none of them. Without group columns one, with no name.
    pub fn group_names(&self) -> Vec<String> {
        let mut names = vec![String::new()];
        for group in &self.groups {
            let mut values = group.values();
            values.push("?".to_owned());
            let longer = |name: &String| {
                let gap = if name.is_empty() { "" } else { ", " };
                values.iter().map(|value| format!("{name}{gap}{}={value}", group.name)).collect::<Vec<_>>()
            };
            names = names.iter().flat_map(longer).collect();
        }
        names
    }
}

impl TrainPlan {
    /// Whether both count customers by score together: for two outcomes over different columns, unless the only one
    /// who may learn of it has all scores anyhow, and no group of the other's. Of an overlap that is hidden exact counts
    /// would add up to the number of customers in it, so there it takes noise.
    pub fn counts(&self) -> bool {
        let owner = self.sides.iter().find(|side| side.target.is_some()).map(|side| &side.table.owner);
        let at_home = self.terms.metrics == Metrics::Owner
            && self.terms.score.as_ref() == owner
            && self.job.evaluate.groups.is_empty();
        let tells_overlap = self.hides_overlap() && self.price.is_none();
        let logistic = self.job.shape == JobShape::Vertical && self.job.kind == ModelKind::Logistic;
        logistic && !at_home && !tells_overlap
    }

    /// Whether a partner learns these counts.
    pub fn learns_figures(&self, owner: &str) -> bool {
        let learns = match &self.terms.metrics {
            Metrics::Owner => self.side(owner).is_some_and(|side| side.target.is_some()),
            Metrics::Both => true,
            Metrics::To(partner) => partner == owner,
        };
        self.counts() && learns
    }

    /// The part of the price that pays for the counts, in 10⁻⁹; nothing without noise, or if nothing is counted.
    pub fn figures_rho(&self) -> u64 {
        let price = self.price.as_ref().filter(|_| self.counts());
        price.map_or(0, |price| price.amount().nano_rho / PART)
    }

    /// Bins of scores.
    pub fn bins(&self) -> u32 {
        self.job.evaluate.bins.min(BINS)
    }

    /// Counts that are opened.
    pub(super) fn cells(&self) -> u64 {
        let groups = |target: bool| {
            let sides = self.sides.iter().filter(|side| side.target.is_some() == target);
            sides.map(|side| side.group_names().len() as u64).sum::<u64>()
        };
        groups(false).saturating_mul(u64::from(self.bins())).saturating_mul(2 * groups(true) + 2)
    }

    /// Not more groups than are counted together.
    pub(super) fn groups_fit(&self) -> Result<(), TrainError> {
        let many = |side: &TrainSide| {
            let values = side.groups.iter().map(|group| group.values().len() as u64 + 1);
            values.fold(1, u64::saturating_mul) > u64::from(MOST_GROUPS)
        };
        if self.job.shape == JobShape::Vertical && self.sides.iter().any(many) {
            return Err(TrainError::NotYet {
                what: "more than 30 groups of one partner's customers",
                instead: "fewer evaluate.groups; a column counts for its values and one more, two columns for the product",
            });
        }
        Ok(())
    }
}
