//! Contracts and approvals as people see them.

use jiff::{Timestamp, civil::Date};
use tacit_protocol::ids::PartnerId;

use super::{Approval, ApprovalState, Document, State, contract::list, what_you_agree_to};
use crate::data::{Table, Value};

/// One row a contract.
pub fn contracts_table(documents: &[Document], today: Date) -> Table {
    let mut table = Table::new(&["id", "name", "partners", "purpose", "starts", "ends", "state", "signed"]);
    for document in documents {
        let terms = document.contract().terms();
        table.push([
            Value::from(document.contract().id().short()),
            terms.name.as_str().into(),
            terms.partners.join(", ").into(),
            terms.purpose.as_str().into(),
            terms.starts.to_string().into(),
            terms.ends.to_string().into(),
            document.state(today).name().into(),
            document.signed_by().join(", ").into(),
        ]);
    }
    table
}

/// One contract, with what signing it means for the node `me`.
pub fn contract_text(document: &Document, me: &PartnerId, today: Date) -> String {
    let (contract, terms) = (document.contract(), document.contract().terms());
    let state = match document.state(today) {
        State::Proposed { missing, .. } => format!("proposed; {} has still to sign", list(&missing)),
        State::Refused(no) => format!("refused by {} on {}: {}", no.by, super::day(no.at), no.reason),
        State::Ended(no) => format!("ended by {} on {}: {}", no.by, super::day(no.at), no.reason),
        other => other.name().to_owned(),
    };
    let mut text = format!("contract  {}\nid        {}\nstate     {state}\n", terms.name, contract.id());
    for partner in contract.partners() {
        let signed = document.signed_by().contains(&partner.name);
        let mark = if signed { "signed" } else { "not signed" };
        text.push_str(&format!("partner   {} (key {}…), {mark}\n", partner.name, partner.id().short()));
    }
    if let Some(basis) = &terms.legal_basis {
        text.push_str(&format!("basis     {basis}\n"));
    }
    text.push_str(&format!(
        "profile   {}, keys {}\n\nWhat you agree to\n",
        terms.identity.profile,
        terms.identity.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", then ")
    ));
    for sentence in what_you_agree_to(contract, me) {
        text.push_str(&format!("  • {sentence}\n"));
    }
    text
}

/// One row a request.
pub fn approvals_table(approvals: &[Approval]) -> Table {
    let mut table = Table::new(&[
        "id", "state", "asked", "partner", "contract", "dataset", "filter", "tells", "purpose", "by",
    ]);
    for approval in approvals {
        let request = &approval.request;
        let by = match &approval.state {
            ApprovalState::Approved { by, .. }
            | ApprovalState::Denied { by, .. }
            | ApprovalState::Used { by, .. } => Some(by.clone()),
            ApprovalState::Pending | ApprovalState::Expired => None,
        };
        table.push([
            Value::from(approval.id.as_str()),
            approval.state.name().into(),
            second(approval.asked_at).into(),
            request.partner_name.as_str().into(),
            request.contract_name.as_str().into(),
            request.dataset.as_str().into(),
            request.filter.clone().into(),
            request.tells.join(" ").into(),
            request.purpose.as_str().into(),
            by.into(),
        ]);
    }
    table
}

fn second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}
