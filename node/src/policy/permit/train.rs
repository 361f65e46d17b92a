//! Yes to a training job, or exactly why not.
//!
//! A job can have more than two partners; what is permitted is between this node and one of them at a time, as every
//! charge and every record is. So a node that trains with five others permits the same job five times.

use tacit_protocol::ids::PartnerId;

use super::{Circumstances, OwnSide, Permitted, Role, choose::choose, named, rules::Rules};
use crate::{
    policy::{Datasets, Document, PolicyError, TrainError, TrainPlan, error::Under, own},
    query::{JobShape, Kind, Parsed, TableName, Usage},
};

/// Holds a training job against the contracts and the own data, between this node and `other`.
///
/// # Errors
///
/// [`PolicyError`]: the first rule that says no, in the order contract, state, purpose, columns, kind of job and
/// noise, own data.
pub fn permit_training(
    parsed: Parsed,
    other: PartnerId,
    at: &Circumstances,
    contracts: &[Document],
    datasets: &dyn Datasets,
) -> Result<Permitted, PolicyError> {
    let document = choose(&parsed, at, contracts)?;
    let not_ours = |me: &str| PolicyError::NotOurs { me: me.to_owned(), tables: named(&parsed) };
    let contract = document.contract();
    let me = contract.partner(&at.me).ok_or_else(|| not_ours(""))?;
    let partner = contract.partner(&other).filter(|other| other.id() != at.me);
    let partner = partner.ok_or_else(|| not_ours(&me.name))?;
    let Some(job) = parsed.training() else { return Err(not_ours(&me.name)) };
    let (Some(ours), Some(theirs)) = (parsed.table_of(&me.name), parsed.table_of(&partner.name)) else {
        return Err(not_ours(&me.name));
    };
    let rules = Rules::of_job(document, &parsed, at.role, &me.name, partner)?;
    rules.in_force(at.today)?;
    rules.purpose(at.purpose)?;
    rules.profile(at.peer_profile)?;
    rules.learned_columns(datasets)?;
    let plan = TrainPlan::of(job, contract.terms(), &|| Under::of(document))?;
    nobody_left_out(document, &plan)?;
    let own = own_side(&parsed, document, ours, datasets)?;
    let approvals: Vec<String> = {
        let here = |name: &&String| **name == me.name || **name == partner.name;
        plan.terms().approval.iter().filter(here).cloned().collect()
    };
    let (me, partner, theirs, document) =
        (me.name.clone(), partner.clone(), theirs.clone(), document.clone());
    let tells = tells(&plan);
    Ok(Permitted {
        document,
        role: at.role,
        me,
        partner,
        own: Some(own),
        theirs: Some(theirs),
        plan: None,
        join: None,
        train: Some(plan),
        approvals,
        tells,
        parsed,
    })
}

/// The own dataset is there, and its columns are of kinds that can be learned from.
fn own_side(
    parsed: &Parsed,
    document: &Document,
    table: &TableName,
    datasets: &dyn Datasets,
) -> Result<OwnSide, PolicyError> {
    let terms = document.contract().terms();
    let Some(dataset) = terms.dataset(&table.owner, &table.dataset) else {
        return Err(PolicyError::NotOurs { me: table.owner.clone(), tables: named(parsed) });
    };
    let (facts, keys) = own::fits(document, dataset, datasets)?;
    for (column, _) in parsed.uses().into_iter().filter(|(column, _)| column.table == *table) {
        let (table, place) = (table.clone(), "training");
        match facts.columns.get(&column.column) {
            None => return Err(PolicyError::NoOwnColumn { table, column: column.column, place }),
            Some(Kind::Timestamp | Kind::Other) => {
                let what = column.to_string();
                let (left, right) = ("a time", "a value to learn from");
                return Err(crate::query::QueryError::KindsDiffer { what, left, right }.into());
            }
            Some(_) => {}
        }
    }
    Ok(OwnSide {
        table: table.clone(),
        filter: None,
        consent: dataset.consent.clone(),
        keys,
        customer: "customer".to_owned(),
        shown: Vec::new(),
    })
}

/// Without noise, jobs of some partners and of all of them would give those away that were left out of some.
fn nobody_left_out(document: &Document, plan: &TrainPlan) -> Result<(), TrainError> {
    let contract = document.contract();
    let owns = |name: &str| contract.terms().datasets.iter().any(|dataset| dataset.owner == name);
    let all = contract.partners().iter().filter(|partner| owns(&partner.name)).count();
    let found = plan.sides().len();
    if plan.job().shape == JobShape::Horizontal && plan.price().is_none() && found < all {
        return Err(TrainError::LeavesOut { contract: Under::of(document), found, all });
    }
    Ok(())
}

/// What the run tells beside the model.
fn tells(plan: &TrainPlan) -> Vec<String> {
    let mut tells = Vec::new();
    if plan.hides_overlap() {
        tells.push(
            "Both hear how many customers the other brings and about how many both have, padded; nobody learns who \
             these are."
                .to_owned(),
        );
    } else if plan.job().shape == crate::query::JobShape::Vertical {
        tells.push(
            "Both learn which of their own customers the other has too; no noise hides this.".to_owned(),
        );
    }
    if plan.price().is_none() {
        tells.push("The weights have no noise in them, and can tell of single customers.".to_owned());
    }
    tells
}

impl Rules<'_> {
    /// Every column of every partner is listed for what the job does with it: whoever trains learns of all of them.
    fn learned_columns(&self, datasets: &dyn Datasets) -> Result<(), PolicyError> {
        for (column, usage) in self.job_uses() {
            let own =
                (column.table.owner == self.me).then(|| datasets.dataset(&column.table.dataset)).flatten();
            self.partners_column(&column, usage, own.as_ref())?;
        }
        Ok(())
    }

    fn job_uses(&self) -> impl Iterator<Item = (crate::query::ColumnName, Usage)> {
        self.parsed.uses().into_iter()
    }
}

/// Which of two trainers stands as the asker between them, where neither asked the other.
pub fn role_between(me: PartnerId, other: PartnerId) -> Role {
    if me < other { Role::Asker } else { Role::Answerer { from: other } }
}
