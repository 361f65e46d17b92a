use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tacit_protocol::ids::{ContractId, PartnerId};

use super::{super::*, NOW, at};
use crate::report::Refusal;

fn request(query: &str) -> ApprovalRequest {
    ApprovalRequest {
        query: query.to_owned(),
        contract: ContractId::new([1; 32]),
        contract_name: "maternal-offers".to_owned(),
        partner: PartnerId::new([2; 32]),
        partner_name: "brand".to_owned(),
        asker: "brand".to_owned(),
        dataset: "accounts".to_owned(),
        filter: Some("\"credit_tier\" = 'A'".to_owned()),
        tells: vec!["A filter on credit_tier tells brand the credit_tier of every match.".to_owned()],
        purpose: "joint-marketing".to_owned(),
    }
}

fn open() -> (tempfile::TempDir, Arc<Approvals>) {
    let dir = tempfile::tempdir().unwrap();
    let approvals = Arc::new(Approvals::open(dir.path().join("approvals")).unwrap());
    (dir, approvals)
}

fn hours(hours: i64) -> Timestamp {
    at(NOW) + jiff::SignedDuration::from_hours(hours)
}

fn code<T: std::fmt::Debug>(result: Result<T, ApprovalError>) -> &'static str {
    result.unwrap_err().code()
}

#[tokio::test]
async fn one_approval_lets_one_run_go_on() {
    let (dir, approvals) = open();
    let asked = approvals.request(request("q"), at(NOW)).unwrap();
    assert_eq!(approvals.request(request("q"), at(NOW)).unwrap(), asked, "the same question waits once");
    assert_eq!(code(approvals.take(&asked.id, at(NOW))), "E-APPROVAL-PENDING");
    assert_eq!(code(approvals.wait(&asked.id, Duration::from_millis(1)).await), "E-APPROVAL-PENDING");

    let waiting = {
        let (approvals, id) = (Arc::clone(&approvals), asked.id.clone());
        tokio::spawn(async move { approvals.wait(&id, Duration::from_secs(60)).await })
    };
    tokio::task::yield_now().await;
    approvals.decide(&asked.id[..4], true, "li.wei", None, at(NOW)).unwrap();
    let approved = waiting.await.unwrap().unwrap();
    assert_eq!(approved.state, ApprovalState::Approved { by: "li.wei".to_owned(), at: at(NOW) });
    assert_eq!(approvals.request(request("q"), at(NOW)).unwrap().id, asked.id, "approved and not used yet");

    approvals.take(&asked.id, at(NOW)).unwrap();
    assert_eq!(code(approvals.take(&asked.id, at(NOW))), "E-APPROVAL-NOT-USABLE");
    let restarted = Approvals::open(dir.path().join("approvals")).unwrap();
    assert_eq!(
        code(restarted.take(&asked.id, at(NOW))),
        "E-APPROVAL-NOT-USABLE",
        "not after a restart either"
    );
    assert_ne!(approvals.request(request("q"), at(NOW)).unwrap().id, asked.id, "the next run is asked anew");
    assert_eq!(code(approvals.decide(&asked.id, false, "li.wei", None, at(NOW))), "E-APPROVAL-TOO-LATE");
}

#[tokio::test]
async fn a_denial_stands_for_a_day_unless_it_is_taken_back() {
    let (_dir, approvals) = open();
    let asked = approvals.request(request("q"), at(NOW)).unwrap();
    approvals.decide(&asked.id, false, "li.wei", Some("ask legal first"), at(NOW)).unwrap();
    let error = approvals.wait(&asked.id, Duration::from_secs(60)).await.unwrap_err();
    assert_eq!(
        crate::report::Report::from(error).to_string(),
        format!("error[E-APPROVAL-DENIED]: li.wei has denied {}\n  reason  ask legal first", asked.id)
    );
    assert_eq!(approvals.request(request("q"), hours(23)).unwrap().id, asked.id);
    assert_ne!(approvals.request(request("other"), hours(23)).unwrap().id, asked.id);
    approvals.decide(&asked.id, true, "li.wei", None, hours(23)).unwrap();
    approvals.take(&asked.id, hours(24)).unwrap();
    let second = approvals.request(request("q"), hours(24)).unwrap();
    approvals.decide(&second.id, false, "li.wei", None, hours(24)).unwrap();
    assert_ne!(approvals.request(request("q"), hours(49)).unwrap().id, second.id);
}

#[test]
fn requests_and_approvals_grow_old() {
    let (_dir, approvals) = open();
    let asked = approvals.request(request("q"), at(NOW)).unwrap();
    assert_eq!(
        code(approvals.decide(&asked.id, true, "li.wei", None, hours(7 * 24 + 1))),
        "E-APPROVAL-TOO-LATE"
    );
    approvals.decide(&asked.id, true, "li.wei", None, hours(1)).unwrap();
    assert_eq!(code(approvals.take(&asked.id, hours(26))), "E-APPROVAL-NOT-USABLE");
    assert_eq!(approvals.list(hours(26))[0].state, ApprovalState::Expired);
    let again = approvals.request(request("q"), hours(26)).unwrap();
    assert_ne!(again.id, asked.id);
}

#[test]
fn one_partner_cannot_bury_the_approver() {
    let (_dir, approvals) = open();
    for number in 0..16 {
        approvals.request(request(&number.to_string()), at(NOW)).unwrap();
    }
    assert_eq!(code(approvals.request(request("16"), at(NOW))), "E-APPROVAL-TOO-MANY");
    let mut other = request("16");
    other.partner = PartnerId::new([3; 32]);
    approvals.request(other, at(NOW)).unwrap();
    approvals.request(request("16"), hours(7 * 24 + 1)).unwrap();
}

#[test]
fn d17_names_and_reasons_are_one_line() {
    let (_dir, approvals) = open();
    let id = approvals.request(request("q"), at(NOW)).unwrap().id;
    for (by, reason) in [("", None), ("a\nb", None), ("li", Some("a\u{1b}[2Jb")), (&"x".repeat(201), None)] {
        assert_eq!(code(approvals.decide(&id, true, by, reason, at(NOW))), "E-APPROVAL-TEXT");
    }
    assert_eq!(code(approvals.decide("zz", true, "li", None, at(NOW))), "E-APPROVAL-NOT-FOUND");
    assert_eq!(code(approvals.decide("", true, "li", None, at(NOW))), "E-APPROVAL-NOT-FOUND");
}

#[test]
fn d03_a_damaged_request_is_noticed() {
    let (dir, approvals) = open();
    let id = approvals.request(request("q"), at(NOW)).unwrap().id;
    std::fs::write(dir.path().join(format!("approvals/{id}.json")), b"{}").unwrap();
    assert_eq!(code(Approvals::open(dir.path().join("approvals"))), "E-APPROVAL-DAMAGED");
}
