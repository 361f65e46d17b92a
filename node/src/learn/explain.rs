//! What a training would do, cost and reveal, without asking anybody.

use serde_json::{Value, json};
use tacit_protocol::{
    ids::ContractId,
    learn::{glm::LearnError, vertical::Cost},
};

use super::{TrainFault, TrainRequest, fit, seconds::Seconds};
use crate::{
    config::units::show_size,
    control::Reply,
    exchange::Calibration,
    policy::{Decimal, PADDING_EPSILON_MICRO, Permitted, Plan, Role, TrainPlan},
    query::JobShape,
    report::Report,
    rooms::{Rooms, blocking},
    run::{self, budget as run_budget, steps},
};

/// Walks the first rooms of a job and says what the others would do. Nobody else hears of it.
///
/// # Errors
/// The same refusals as training.
pub async fn explain(rooms: &Rooms, request: &TrainRequest) -> Result<Reply, Report> {
    let (_, question) = request.question()?;
    let parsed = steps::parse_own(rooms, &question).await?;
    let permitted = steps::permit(rooms, parsed, Role::Asker, &question, None).await?;
    // Invariant: a job is permitted with its plan.
    let plan = permitted.train().ok_or(TrainFault::StateDamaged)?;
    let story = Plan::of(&permitted);
    let rows = match permitted.own() {
        Some(own) => rooms.datasets.show(&own.table.dataset)?.snapshot.rows,
        None => 0,
    };
    let files = (rooms.home.training_calibration_file(), rooms.home.calibration_file());
    let known = blocking(move || (Seconds::of_home(&files.0), Calibration::of_home(&files.1))).await;
    let (cost, costs) = cost(plan, permitted.contract_id(), (permitted.me(), rows), &known)?;
    let (budget, budgets) = budget(rooms, &permitted);
    let mut text = format!("{}, for {}\n\nWhat happens\n", story.contract, story.purpose);
    for (place, what) in &story.stages {
        text.push_str(&format!("  {place:<10} {what}\n"));
    }
    text.push_str("\nWho learns what\n");
    for (who, what) in &story.learns {
        text.push_str(&format!("  {who:<10} {what}\n"));
    }
    text.push_str(&format!("\nWhat it costs\n{cost}{budget}"));
    if !story.approvals.is_empty() {
        text.push_str(&format!("  people     someone has to approve at {}\n", story.approvals.join(" and ")));
    }
    text.push_str(&format!("\nWhat the partners are sent\n  {}\n", story.sent));
    let document = json!({ "plan": story, "cost": costs, "budget": budgets });
    Ok(Reply { document: Some(document), text: Some(text), ..Reply::default() })
}

/// Price, rounds, bytes.
fn cost(
    plan: &TrainPlan,
    contract: ContractId,
    (us, rows): (&str, u64),
    (seconds, intersection): &(Seconds, Calibration),
) -> Result<(String, Value), Report> {
    let job = plan.job();
    let price = plan.price().map(|price| {
        let (epsilon, delta) =
            (Decimal::of_micro(price.epsilon_micro()), Decimal::of_femto(price.delta_femto()));
        (epsilon, delta, price.amount().nano_rho)
    });
    let mut text = String::new();
    let mut partners = Vec::new();
    for side in plan.sides() {
        let owner = &side.table.owner;
        let learners: Vec<&str> = plan
            .sides()
            .iter()
            .map(|other| other.table.owner.as_str())
            .filter(|other| other != owner)
            .collect();
        let said = match &price {
            None if plan.hides_overlap() => format!(
                "no noise; two numbers of {owner}'s customers are padded, at epsilon {} each, charged to {}",
                Decimal::of_micro(PADDING_EPSILON_MICRO),
                crate::policy::list(&learners)
            ),
            None => "no noise, and so no price in epsilon; it is recorded by name".to_owned(),
            Some((epsilon, delta, _)) => {
                let padded = if plan.hides_overlap() {
                    format!(
                        ", and two padded numbers of them at epsilon {} each",
                        Decimal::of_micro(PADDING_EPSILON_MICRO)
                    )
                } else {
                    String::new()
                };
                format!(
                    "epsilon {epsilon}, delta {delta} of {owner}'s customers{padded}, charged to {}",
                    crate::policy::list(&learners)
                )
            }
        };
        text.push_str(&format!("  {owner:<10} {said}\n"));
        partners.push(json!({
            "partner": owner,
            "columns": side.width(),
            "charged_to": learners,
            "epsilon": price.as_ref().map(|price| price.0.to_string()),
            "nano_rho": price.as_ref().map(|price| price.2),
        }));
    }
    let mut document = json!({ "own_rows": rows, "partners": partners });
    let (rounds, bytes, seconds, each) = match job.shape {
        JobShape::Horizontal => {
            let rounds = fit::plan(plan)?;
            let last = fit::review(plan, &rounds)?;
            let last = last.map_or(0, |review| review.shape().bytes(plan.sides().len()));
            (rounds.rounds(), rounds.bytes() + last, seconds.horizontal(&rounds, rows), "a trainer")
        }
        JobShape::Vertical => {
            let params = run::training_params(plan, contract, learned_from(plan, rows))
                .map_err(|_| TrainFault::Model(LearnError::MayOverflow))?;
            let party = run::training_party(plan, us);
            let (own, theirs) = (params.costs(party), params.costs(party.peer()));
            let said = |costs: &[Cost]| costs.iter().map(|cost| cost.bytes).sum::<u64>();
            let stages = own.iter().zip(&theirs);
            document["stages"] = stages
                .map(|(own, theirs)| {
                    json!({ "name": format!("{:?}", own.stage).to_lowercase(), "sent": own.bytes, "received": theirs.bytes })
                })
                .collect();
            (
                job.rounds,
                said(&own) + said(&theirs),
                intersection.psi_seconds(rows, rows) + seconds.vertical(&params),
                "each side, there and back, if all our customers are common",
            )
        }
    };
    text.push_str(&format!(
        "  rounds     {rounds} at most\n  traffic    about {} for {each}\n  \
         seconds    about {seconds:.1} of arithmetic, if the others have as many on a node like this one\n",
        show_size(bytes)
    ));
    document["rounds"] = json!(rounds);
    document["bytes"] = json!(bytes);
    document["seconds"] = json!(seconds);
    Ok((text, document))
}

/// How many of our rows are learned from, if the others have them too.
fn learned_from(plan: &TrainPlan, rows: u64) -> u32 {
    let held = u128::from(rows) * u128::from(plan.job().evaluate.holdout_micro) / 1_000_000;
    u32::try_from(u128::from(rows).saturating_sub(held)).unwrap_or(u32::MAX).max(1)
}

/// What the own account has before and after.
fn budget(rooms: &Rooms, permitted: &Permitted) -> (String, Value) {
    let Some((account, price)) = permitted.charges().into_iter().next() else {
        return (String::new(), Value::Null);
    };
    let used = rooms.ledger.book(|book| book.balance(&account).used());
    let (text, value) = run_budget(permitted, price, Some(used));
    (format!("  budget     {text}\n"), value)
}
