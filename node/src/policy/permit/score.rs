//! Yes to a scoring, or exactly why not.

use super::{Circumstances, Permitted, Role, choose::choose, named, rules::Rules, train::own_side};
use crate::{
    policy::{Datasets, Document, PolicyError, ScorePlan, error::Under},
    query::Parsed,
};

/// Holds a scoring against the contracts and the own data.
///
/// # Errors
///
/// [`PolicyError`]: the first rule that says no, in the order contract, state, purpose, columns, who may get scores, own
/// data.
pub(super) fn permit_scoring(
    parsed: Parsed,
    at: &Circumstances,
    contracts: &[Document],
    datasets: &dyn Datasets,
) -> Result<Permitted, PolicyError> {
    let document = choose(&parsed, at, contracts)?;
    let not_ours = |me: &str| PolicyError::NotOurs { me: me.to_owned(), tables: named(&parsed) };
    let contract = document.contract();
    let me = contract.partner(&at.me).ok_or_else(|| not_ours(""))?;
    let has_table = |name: &str| parsed.table_of(name).is_some();
    let partner = match at.role {
        Role::Answerer { from } => contract.partner(&from),
        Role::Asker => contract.partners().iter().find(|other| other.id() != at.me && has_table(&other.name)),
    };
    let partner = partner.filter(|other| other.id() != at.me).ok_or_else(|| not_ours(&me.name))?;
    let Some(scoring) = parsed.scoring() else { return Err(not_ours(&me.name)) };
    let (Some(ours), Some(theirs)) = (parsed.table_of(&me.name), parsed.table_of(&partner.name)) else {
        return Err(not_ours(&me.name));
    };
    let rules = Rules::of_job(document, &parsed, at.role, &me.name, partner)?;
    rules.in_force(at.today)?;
    rules.purpose(at.purpose)?;
    rules.profile(at.peer_profile)?;
    rules.learned_columns(datasets)?;
    let (asker, other) = match at.role {
        Role::Asker => (&me.name, &partner.name),
        Role::Answerer { .. } => (&partner.name, &me.name),
    };
    let plan = ScorePlan::of(scoring, contract.terms(), asker, &|| Under::of(document))?;
    let own = own_side(&parsed, document, ours, datasets)?;
    let here = |name: &&String| **name == me.name || **name == partner.name;
    let approvals: Vec<String> = plan.trained().terms().approval.iter().filter(here).cloned().collect();
    let tells = vec![
        "Both learn which of their own customers the other has too; no noise hides this.".to_owned(),
        format!(
            "{asker} learns the score of each of them, cut to 1/1024, and by it {other}'s part of that score."
        ),
    ];
    Ok(Permitted {
        role: at.role,
        me: me.name.clone(),
        partner: partner.clone(),
        own: Some(own),
        theirs: Some(theirs.clone()),
        plan: None,
        join: None,
        train: None,
        score: Some(plan),
        approvals,
        tells,
        document: document.clone(),
        parsed,
    })
}
