//! How a question ends that comes to no answer: what is written down, and what the partner is told.
//!
//! The attack this stops is an error that tells of a row: which of our errors it was stays in our own record.

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use tacit_protocol::ids::{ContractId, QueryId};

use crate::{
    data::hex,
    exchange::{Aside, Question},
    ledger::Reserved,
    policy::{Document, KnownColumns, day},
    query::{self, Parsed, QueryRequest, TableName},
    report::Report,
    rooms::Rooms,
};

/// Between whom a question is that was refused, and under which contract, as far as that can be told.
#[derive(Debug, Default)]
pub struct About {
    /// The partner who asked, by name; nobody for a question of this node.
    from: Option<String>,
    /// The partner who was to be asked, by name.
    of: Option<String>,
    contract: Option<ContractId>,
}

impl About {
    /// A question of this partner.
    pub fn partners(rooms: &Rooms, partner: String, question: Option<&Question>) -> Self {
        let contract = question.and_then(|question| rooms.contracts.find_id(&question.contract));
        let contract = contract.map(|document| document.contract().id());
        Self { from: Some(partner), of: None, contract }
    }

    /// A question that was asked here: whose table is in it besides our own, and the contract that was named, or
    /// the only one that lists all of its tables.
    pub fn own(rooms: &Rooms, request: &QueryRequest) -> Self {
        let contracts = rooms.contracts.list();
        let known = KnownColumns { me: rooms.identity.id(), contracts: &contracts, datasets: rooms };
        let parsed = query::parse(&request.sql, &known).ok();
        let tables: Vec<&TableName> = parsed.iter().flat_map(Parsed::tables).collect();
        let is_partners = |table: &&&TableName| rooms.partners.trusted().by_name(&table.owner).is_some();
        let of = tables.iter().find(is_partners).map(|table| table.owner.clone());
        let lists = |document: &&Document| {
            let terms = document.contract().terms();
            !tables.is_empty()
                && tables.iter().all(|table| terms.dataset(&table.owner, &table.dataset).is_some())
        };
        let contract = match &request.contract {
            Some(named) => {
                rooms.contracts.find(named, day(Timestamp::now())).ok().map(|it| it.contract().id())
            }
            None => {
                let mut listing = contracts.iter().filter(lists).map(|document| document.contract().id());
                listing.next().filter(|_| listing.next().is_none())
            }
        };
        Self { from: None, of, contract }
    }
}

/// Records a question that came to no answer: as an abort if it was reserved, as a refusal if not.
pub async fn record_ending(
    rooms: &Rooms,
    query: QueryId,
    reserved: Option<&Reserved>,
    about: About,
    sql: &str,
    report: &Report,
) -> Result<(), Report> {
    let now = Timestamp::now();
    match reserved {
        Some(reserved) => rooms.ledger.abort(reserved, &report.code, now).await?,
        None => {
            // Literals of a question may name customers; its hash does not.
            let hash: [u8; 32] = Sha256::digest(sql.as_bytes()).into();
            let mut body = json!({ "question_sha256": hex(hash) });
            if let Some(shape) = super::shape::of_refused(rooms, sql, report) {
                body["shape"] = json!(shape);
            }
            // In the body: who stands in the record itself is whose refusals are counted when they are many.
            if let Some(partner) = about.of {
                body["asked_of"] = json!(partner);
            }
            if let Some(contract) = about.contract {
                body["contract"] = json!(contract);
            }
            rooms.ledger.refuse(query, about.from, &report.code, body, now).await?;
        }
    }
    Ok(())
}

/// What a partner is told of a failure: a code and no text (C05), but for the reason that a person wrote for it.
/// Once data was touched, whatever is not about the partner's own messages or the clock is one code: which of our
/// errors it was could tell of a row.
pub fn last_word(report: &Report, reserved: bool) -> Aside {
    let code = report.code.as_ref();
    match (reserved, is_about_messages(code)) {
        // What is wrong with our files is our secret, also before anything was set aside.
        (false, _) if code.starts_with("E-DATA-") => Aside::refused("E-PARTNER-FAILED"),
        (false, _) => {
            let reason = report.details.iter().find(|detail| detail.label == "reason");
            let reason = reason.filter(|_| code == "E-APPROVAL-DENIED").map(|reason| reason.text.clone());
            Aside::Refused { code: code.to_owned(), reason }
        }
        (true, true) => Aside::Ended { code: code.to_owned() },
        (true, false) => Aside::Ended { code: "E-PARTNER-FAILED".to_owned() },
    }
}

/// What the partner is told when an asker gives up: from the moment that the question is open, the asker's data may be
/// why, and the partner is not to learn of it what it does not pay for.
pub fn askers_last_word(report: &Report) -> &str {
    let code = report.code.as_ref();
    if is_about_messages(code) || code == "E-INTERRUPTED" { code } else { "E-PARTNER-FAILED" }
}

/// Whether a failure is about what the partner said, or the clock.
fn is_about_messages(code: &str) -> bool {
    ["E-PEER-", "E-WIRE-", "E-LINK-", "E-LIMIT-TIME"].iter().any(|start| code.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Detail;

    #[test]
    fn c05_a_partner_hears_a_code_and_never_which_fault_of_our_data() {
        let report = |code: &'static str| Report {
            code: code.into(),
            class: crate::report::Class::Failed,
            message: "row 7 of accounts.csv holds 'Ada'".to_owned(),
            details: Vec::new(),
            retry_helps: false,
        };
        let failed = |aside: Aside| match aside {
            Aside::Refused { code, reason: None } | Aside::Ended { code } => code,
            other => panic!("{other:?}"),
        };
        for reserved in [false, true] {
            for code in ["E-DATA-LINE", "E-DATA-CHANGED", "E-DATA-COLUMN-UNFIT", "E-DATA-FILTER"] {
                assert_eq!(failed(last_word(&report(code), reserved)), "E-PARTNER-FAILED");
            }
        }
        for code in ["E-DATA-LINE", "E-LIMIT-ITEMS", "E-CONSENT-CHANGED", "E-ANSWER-UNWRITTEN"] {
            assert_eq!(askers_last_word(&report(code)), "E-PARTNER-FAILED");
        }
        for code in ["E-INTERRUPTED", "E-PEER-SILENT", "E-WIRE-LENGTH", "E-LIMIT-TIME"] {
            assert_eq!(askers_last_word(&report(code)), code);
        }
        assert_eq!(failed(last_word(&report("E-POLICY-VALUE"), false)), "E-POLICY-VALUE");
        assert_eq!(failed(last_word(&report("E-POLICY-VALUE"), true)), "E-PARTNER-FAILED");
        assert_eq!(failed(last_word(&report("E-PEER-SILENT"), true)), "E-PEER-SILENT");
    }

    #[test]
    fn a_partner_hears_the_reason_that_a_person_wrote_and_no_other_line() {
        let told = |code: &'static str, reserved| {
            let details = vec![Detail::new("would do", "ask Lin"), Detail::new("reason", "not this month")];
            let class = crate::report::Class::Policy;
            let message = "Lin has denied 1a2b3c4d".to_owned();
            last_word(&Report { code: code.into(), class, message, details, retry_helps: false }, reserved)
        };
        let code = || "E-APPROVAL-DENIED".to_owned();
        let reason = Some("not this month".to_owned());
        assert_eq!(told("E-APPROVAL-DENIED", false), Aside::Refused { code: code(), reason });
        assert_eq!(told("E-POLICY-VALUE", false), Aside::refused("E-POLICY-VALUE"));
        assert_eq!(told("E-APPROVAL-DENIED", true), Aside::Ended { code: "E-PARTNER-FAILED".to_owned() });
    }
}
