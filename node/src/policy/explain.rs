//! What a permitted question will do, before it does anything.

use serde::{Deserialize, Serialize};

use super::{AggregatePlan, JoinPlan, Measure, Party, Permitted, Role, TrainPlan, Weights, contract::list};
use crate::query::{Ask, JobShape};

/// The plan of a question, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The contract: name and short id.
    pub contract: String,
    /// What the answer is for.
    pub purpose: String,
    /// The partner.
    pub partner: String,
    /// What happens, in order: (where, what).
    pub stages: Vec<(String, String)>,
    /// Who learns what: (who, what), a sentence each.
    pub learns: Vec<(String, String)>,
    /// At whose side a person has to approve.
    pub approvals: Vec<String>,
    /// The question as the partner gets it.
    pub sent: String,
}

impl Plan {
    /// The plan of a permitted question. It is made of the question and the contract alone: no data is looked
    /// at, and nothing is sent.
    pub fn of(permitted: &Permitted) -> Self {
        let (me, partner) = (permitted.me(), permitted.partner().name.as_str());
        // Of several trainers, each reads its own rows; there is no telling them all.
        let several = permitted.train().is_some_and(|plan| plan.job().shape == JobShape::Horizontal);
        let (asker, owner) = match permitted.role() {
            Role::Asker => (me, partner),
            Role::Answerer { .. } => (partner, me),
        };
        let terms = permitted.terms();
        let mut stages = Vec::new();
        let mut stage = |place: &str, what: String| stages.push((place.to_owned(), what));
        for name in [asker, owner] {
            let Some(table) = permitted.parsed().table_of(name) else { continue };
            if several && name != me {
                continue;
            }
            let filter = permitted.parsed().filter_of(name);
            // At the answerer, the asker's condition is not known: it was never sent.
            let filter = match filter {
                Some(filter) => format!("keep rows with {}", filter.sql()),
                None if name == asker && asker != me => "keep the rows it asks about".to_owned(),
                None => "keep all rows".to_owned(),
            };
            stage(name, format!("read {}, {filter}; leave out rows without consent", table.dataset));
        }
        let keys: Vec<String> = terms.identity.keys.iter().map(ToString::to_string).collect();
        // Over one table, its owner alone finds out which rows are one customer.
        let matching = if permitted.plan().is_some() { owner } else { "both" };
        stage(
            matching,
            format!(
                "bring {} to one spelling ({}), hash, drop duplicates",
                keys.join(", then "),
                terms.identity.profile
            ),
        );
        let mut learns = Vec::new();
        let mut learn = |who: &str, what: String| learns.push((who.to_owned(), what));
        match permitted.parsed().ask() {
            Ask::Reveal(_) => {
                if !permitted.approvals().is_empty() {
                    stage(&list(permitted.approvals()), "a person approves this run".to_owned());
                }
                stage("both", "compare the sets blinded (Ristretto255 OPRF); sizes are padded".to_owned());
                stage(asker, "write the matching customers to a file".to_owned());
                stage("both", "record the run".to_owned());
                learn(asker, format!("which of its own customers match {owner}'s; no noise hides this"));
                for sentence in permitted.tells() {
                    learn(asker, sentence.clone());
                }
                learn(asker, format!("the padded size of {owner}'s set"));
                learn(owner, format!("the padded size of {asker}'s set, and nothing about who is in it"));
            }
            Ask::Aggregate(_) => {
                if let Some(plan) = permitted.plan() {
                    figures(plan, (asker, owner), &mut stage, &mut learn);
                }
            }
            Ask::Join(_) => {
                if let Some(plan) = permitted.join() {
                    overlap(plan, (asker, owner), &mut stage, &mut learn);
                }
            }
            Ask::Train(_) => {
                if let Some(plan) = permitted.train() {
                    training(plan, permitted.approvals(), &mut stage, &mut learn);
                }
            }
        }
        Self {
            contract: permitted.contract().title(),
            purpose: permitted.purpose().to_owned(),
            partner: partner.to_owned(),
            stages,
            learns,
            approvals: permitted.approvals().to_vec(),
            sent: permitted.question_for_partner(),
        }
    }
}

/// What happens to figures over one table, and what its asker learns.
fn figures(
    plan: &AggregatePlan,
    (asker, owner): (&str, &str),
    stage: &mut dyn FnMut(&str, String),
    learn: &mut dyn FnMut(&str, String),
) {
    let (groups, integers) = (plan.cells(), plan.columns().len());
    stage(owner, counted(groups, plan.measures()));
    stage("both", "set the price aside in both ledgers".to_owned());
    stage(
        owner,
        format!(
            "add discrete Gaussian noise to {integers} integers a group, and hide groups below {}",
            plan.min_group()
        ),
    );
    stage(asker, "write the figures with their 95 % intervals to a file".to_owned());
    stage("both", "record the run".to_owned());
    learn(
        asker,
        format!(
            "noisy figures of {groups} groups, the empty ones included; whether one customer is in the data is hidden by the noise"
        ),
    );
    learn(asker, format!("which groups are below {} with noise", plan.min_group()));
    learn(owner, "the question".to_owned());
}

/// How an owner's customers count.
fn counted(groups: usize, measures: &[Measure]) -> String {
    let clamp = |measure: &Measure| {
        let step = measure.fixed.step();
        let (low, high) = (measure.fixed.low() as f64 * step, measure.fixed.high() as f64 * step);
        format!("{} to {low}–{high}", measure.name.column)
    };
    let clamps: Vec<String> = measures.iter().map(clamp).collect();
    let clamped = if clamps.is_empty() { String::new() } else { format!("; clamp {}", list(&clamps)) };
    let groups =
        if groups == 1 { "one public group".to_owned() } else { format!("one of {groups} public groups") };
    format!("count each customer once, by one of its rows, in {groups}{clamped}")
}

/// What happens to figures over an overlap, and who learns what.
fn overlap(
    plan: &JoinPlan,
    (asker, answerer): (&str, &str),
    stage: &mut dyn FnMut(&str, String),
    learn: &mut dyn FnMut(&str, String),
) {
    let name = |party: Party| if party == Party::Asker { asker } else { answerer };
    for party in Party::BOTH {
        let side = plan.side(party);
        stage(name(party), counted(side.cells(), &side.measures));
        if side.complete {
            stage(name(party), "leave out customers without a value of what is correlated".to_owned());
        }
    }
    let (groups, integers) = (plan.figures().cells(), plan.figures().columns().len());
    stage("both", "set the price aside in both ledgers".to_owned());
    stage(
        "both",
        "find the overlap in shares that neither can read (circuit PSI over oblivious transfer), and add up in them"
            .to_owned(),
    );
    for party in Party::BOTH.into_iter().filter(|party| plan.adds_noise(*party)) {
        stage(
            name(party),
            format!(
                "add discrete Gaussian noise for its own customers to {integers} integers in each of {groups} groups"
            ),
        );
    }
    let receivers: Vec<&str> =
        Party::BOTH.into_iter().filter(|party| plan.receives(*party)).map(name).collect();
    let least = plan.figures().min_group();
    stage(
        &list(&receivers),
        format!("open the figures, hide groups below {least}, and write them to a file"),
    );
    stage("both", "record the run".to_owned());
    for party in Party::BOTH {
        let (who, other) = (name(party), name(party.other()));
        if plan.receives(party) {
            learn(
                who,
                format!(
                    "noisy figures of {groups} groups, the empty ones included; whether one customer of {other} is in \
                     the overlap is hidden by the noise"
                ),
            );
        } else {
            learn(who, format!("the question, without the condition on {other}'s own rows"));
        }
        learn(
            who,
            format!("the padded number of {other}'s customers; not who is in the overlap, nor how many"),
        );
    }
}

/// What happens in a training job, and who learns what.
fn training(
    plan: &TrainPlan,
    approvals: &[String],
    stage: &mut dyn FnMut(&str, String),
    learn: &mut dyn FnMut(&str, String),
) {
    let job = plan.job();
    let names: Vec<&str> = plan.sides().iter().map(|side| side.table.owner.as_str()).collect();
    if !approvals.is_empty() {
        stage(&list(approvals), "a person approves this job".to_owned());
    }
    if plan.price().is_some() {
        stage("all", "set the price aside in every ledger".to_owned());
    }
    match job.shape {
        JobShape::Vertical => {
            stage(
                "both",
                if plan.hides_overlap() {
                    "put all customers that either has into one order that tells neither who is in both, with dummies"
                } else {
                    "find the customers that both have, and put them into one order"
                }
                .to_owned(),
            );
            stage(
                "both",
                format!(
                    "{} rounds over weights and residuals in shares that neither can read, by homomorphic products and \
                     oblivious look-ups",
                    job.rounds
                ),
            );
        }
        JobShape::Horizontal => stage(
            "all",
            format!(
                "up to {} rounds: each adds up its own rows, masks the sums, and only the sum of all is opened",
                job.rounds
            ),
        ),
    }
    if plan.price().is_some() {
        stage("all", "add discrete Gaussian noise to what is opened, each for its own customers".to_owned());
        if job.shape == JobShape::Vertical {
            stage(
                "both",
                "add such noise to the means and covariances that their own columns are scaled by".to_owned(),
            );
        }
    }
    stage("all", "record the run; those who get the weights keep the model".to_owned());
    for name in &names {
        if plan.hides_overlap() {
            learn(
                name,
                "how many customers the other brings and about how many both have, padded; not who these are"
                    .to_owned(),
            );
        } else if job.shape == JobShape::Vertical {
            learn(name, "which of its own customers the other has too; no noise hides this".to_owned());
        }
        let hidden = if plan.price().is_some() {
            "with noise"
        } else {
            "without noise: they can tell of single customers"
        };
        learn(
            name,
            match (plan.receives(name), &plan.terms().weights) {
                (_, Weights::Shared) if job.shape == JobShape::Vertical => {
                    "a share of the weights, which tells nothing by itself".to_owned()
                }
                (true, _) => format!("the weights, {hidden}"),
                (false, _) => format!("the weights of its own columns, {hidden}"),
            },
        );
    }
}
