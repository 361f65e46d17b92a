//! What a training would do, cost and reveal, without asking anybody.

use serde_json::{Value, json};

use super::{TrainFault, TrainRequest, fit};
use crate::{
    config::units::show_size,
    control::Reply,
    policy::{Decimal, PADDING_EPSILON_MICRO, Permitted, Plan, Role, TrainPlan},
    query::JobShape,
    report::Report,
    rooms::Rooms,
    run::{budget as run_budget, steps},
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
    let (cost, costs) = cost(plan, rows)?;
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
fn cost(plan: &TrainPlan, rows: u64) -> Result<(String, Value), Report> {
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
    let (rounds, bytes) = match job.shape {
        JobShape::Horizontal => {
            let plan = fit::plan(plan)?;
            (plan.rounds(), plan.bytes())
        }
        JobShape::Vertical => (job.rounds, vertical_bytes(plan, rows)),
    };
    let each =
        if job.shape == JobShape::Horizontal { "a trainer" } else { "each side, if both have as many rows" };
    text.push_str(&format!(
        "  rounds     {rounds} at most\n  traffic    about {} for {each}\n",
        show_size(bytes)
    ));
    let document = json!({ "rounds": rounds, "bytes": bytes, "own_rows": rows, "partners": partners });
    Ok((text, document))
}

/// Of a job of different columns: products under encryption for every 8,192 rows, a look-up for each row, each round.
fn vertical_bytes(plan: &TrainPlan, rows: u64) -> u64 {
    let columns: u64 = plan.sides().iter().map(|side| side.width() as u64 + 1).sum();
    let rounds = u64::from(plan.job().rounds);
    // Over a union there are the partner's rows beside ours, and bits of who is there.
    let (rows, look_up) = if plan.hides_overlap() { (2 * rows, 350) } else { (rows, 310) };
    let blocks = rows.div_ceil(8_192).max(1);
    // A response of two polynomials of 8,192 coefficients of ten bytes a block; requests a column and a block.
    let products = blocks * 163_840 * 2 + (columns + blocks) * 184_320;
    rounds * (products + rows * look_up)
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
