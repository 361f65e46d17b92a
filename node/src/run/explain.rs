//! What a question would do, cost and reveal, without asking it.

use serde_json::json;
use tacit_protocol::log::Account;

use super::{price, price_join, steps};
use crate::{
    config::units::show_size,
    control::Reply,
    exchange::Calibration,
    policy::{Plan, Role, Sizes},
    query::QueryRequest,
    report::Report,
    rooms::{Rooms, blocking},
    scan::KEYS_A_CUSTOMER,
};

/// Bytes an item of the receiver takes on the wire, there and back, and a tag of the sender.
const BYTES_AN_OWN_ITEM: u64 = 64;
const BYTES_A_TAG: u64 = 11;

/// Walks the first two rooms and says what the others would do. The partner hears nothing of it.
///
/// # Errors
/// The same refusals as asking.
pub async fn explain(rooms: &Rooms, request: &QueryRequest) -> Result<Reply, Report> {
    let parsed = steps::parse_own(rooms, request).await?;
    let permitted = steps::permit(rooms, parsed, Role::Asker, request, None).await?;
    let plan = Plan::of(&permitted);
    if let Some(aggregate) = permitted.plan() {
        let account = permitted.account();
        let used = account.map(|account| rooms.ledger.book(|book| book.balance(&account).used()));
        let (cost, document) = price::cost(&permitted, aggregate, used)?;
        let text = format!("{}{cost}\nWhat the partner is sent\n  {}\n", story(&plan), plan.sent);
        let document = json!({ "plan": plan, "cost": document });
        return Ok(Reply { document: Some(document), text: Some(text), ..Reply::default() });
    }
    if let Some(join) = permitted.join() {
        let rows = match permitted.own() {
            Some(own) => rooms.datasets.show(&own.table.dataset)?.snapshot.rows,
            None => 0,
        };
        // The partner's size is its to announce; until then it is taken to be as large.
        let sizes = Sizes { asker: rows, answerer: rows };
        let calibration = calibration(rooms).await;
        let used = |account: &Account| rooms.ledger.book(|book| book.balance(account).used());
        let (cost, document) = price_join::cost(&permitted, join, sizes, &used, &calibration)?;
        let text = format!("{}{cost}\nWhat the partner is sent\n  {}\n", story(&plan), plan.sent);
        let document = json!({ "plan": plan, "cost": document });
        return Ok(Reply { document: Some(document), text: Some(text), ..Reply::default() });
    }
    let rows = match permitted.own() {
        Some(own) => rooms.datasets.show(&own.table.dataset)?.snapshot.rows,
        None => 0,
    };
    let keys = permitted.own().map_or(1, |own| own.keys.len() as u64).min(KEYS_A_CUSTOMER.into());
    let most = rows * keys;
    let calibration = calibration(rooms).await;
    let seconds = calibration.psi_seconds(most, most);
    let bytes = most * (BYTES_AN_OWN_ITEM + BYTES_A_TAG);

    let mut text = story(&plan);
    text.push_str("\nWhat it costs\n");
    text.push_str(&format!(
        "  budget     none in ε: a revelation has no noise; it is recorded by name on both sides\n  \
         sizes      each side's size is padded at ε 0.1, δ 1e-9 against the other\n  \
         rows       {rows} of ours before the filter, at most {most} match keys\n  \
         traffic    at most {}, if the partner has as many\n  \
         seconds    about {seconds:.1} of arithmetic at most, if the partner has as many on a node like this one\n",
        show_size(bytes)
    ));
    if !plan.approvals.is_empty() {
        text.push_str(&format!("  people     someone has to approve at {}\n", plan.approvals.join(" and ")));
    }
    text.push_str(&format!("\nWhat the partner is sent\n  {}\n", plan.sent));
    let document = json!({
        "plan": plan,
        "cost": {
            "epsilon": 0,
            "padding": { "epsilon": 0.1, "delta": 1e-9 },
            "own_rows": rows,
            "most_match_keys": most,
            "bytes_if_partner_equal": bytes,
            "seconds_if_partner_equal": seconds,
        },
    });
    Ok(Reply { document: Some(document), text: Some(text), ..Reply::default() })
}

/// What arithmetic costs here; measured, which takes a moment, if this home does not know yet.
async fn calibration(rooms: &Rooms) -> Calibration {
    let file = rooms.home.calibration_file();
    blocking(move || Calibration::of_home(&file)).await
}

/// What happens, and who learns what.
fn story(plan: &Plan) -> String {
    let mut text =
        format!("{}, for {}, with {}\n\nWhat happens\n", plan.contract, plan.purpose, plan.partner);
    for (place, what) in &plan.stages {
        text.push_str(&format!("  {place:<10} {what}\n"));
    }
    text.push_str("\nWho learns what\n");
    for (who, what) in &plan.learns {
        text.push_str(&format!("  {who:<10} {what}\n"));
    }
    text
}
