//! Job files: what is read, what is refused, and that the sent form says the same.

use super::*;
use crate::query::{NoColumns, parse};

pub(crate) const VERTICAL: &str = r#"
name     = "default-risk"
contract = "credit"
kind     = "logistic"
target   = "bank.accounts.defaulted"
rounds   = 8
l2       = 0.5

[features]
brand = ["customers.spend", "customers.category"]
bank  = ["accounts.balance"]

[privacy]
epsilon = 1.0
delta   = 1e-6

[evaluate]
holdout = 0.2
groups  = ["bank.accounts.region"]
"#;

const HORIZONTAL: &str = r#"
name     = "churn"
kind     = "poisson"
target   = "visits"
datasets = ["north.customers", "south.customers", "west.clients"]
columns  = ["age", "income.net"]

[privacy]
mechanism = "none"
"#;

#[test]
fn a_job_is_the_same_here_and_as_it_is_sent() {
    let (job, contract) = Job::of_toml(VERTICAL).unwrap();
    assert_eq!((contract.as_deref(), job.shape), (Some("credit"), JobShape::Vertical));
    assert_eq!(job.noise, Some(JobNoise { epsilon_micro: 1_000_000, delta_femto: 1_000_000_000 }));
    assert_eq!(job.features_of("brand").len(), 2);
    assert_eq!(job.target_of("bank").unwrap().to_string(), "bank.accounts.defaulted");
    assert_eq!(job.target_of("brand"), None);
    for text in [VERTICAL, HORIZONTAL] {
        let (job, _) = Job::of_toml(text).unwrap();
        let parsed = parse(&job.text(), &NoColumns).unwrap();
        assert_eq!(parsed.training(), Some(&job));
        assert_eq!((parsed.sql(), parsed.for_partner("bank")), (job.text(), job.text()));
    }
    let (job, _) = Job::of_toml(HORIZONTAL).unwrap();
    assert_eq!((job.shape, job.targets.len(), job.tables().len()), (JobShape::Horizontal, 3, 3));
    assert_eq!(job.features_of("west")[1].to_string(), "west.clients.income.net");
    let parsed = parse(&job.text(), &NoColumns).unwrap();
    assert_eq!(parsed.shape().kind, "train");
    assert_eq!(parse(&parsed.shape().sql(), &NoColumns).unwrap().hash(), parsed.hash());
}

#[test]
fn a_job_that_cannot_be_meant_is_refused_with_the_mend() {
    let code = |text: &str| crate::report::Refusal::code(&Job::of_toml(text).unwrap_err());
    let vertical = |from: &str, to: &str| VERTICAL.replace(from, to);
    for (text, expected) in [
        (vertical("rounds   = 8", "rounds = 0"), "E-JOB-VALUE"),
        (vertical("rounds   = 8", "round = 8"), "E-JOB-SYNTAX"),
        (vertical("epsilon = 1.0", "epsilon = 0.0"), "E-JOB-VALUE"),
        (vertical("epsilon = 1.0", "epsilon = nan"), "E-JOB-VALUE"),
        (vertical("epsilon = 1.0", "epsilon = 1e20"), "E-JOB-VALUE"),
        (vertical("epsilon = 1.0", "mechanism = \"none\""), "E-JOB-SHAPE"),
        (vertical("epsilon = 1.0", ""), "E-JOB-MISSING"),
        (vertical("delta   = 1e-6", "delta = 1.5"), "E-JOB-VALUE"),
        (vertical("l2       = 0.5", "l2 = -1.0"), "E-JOB-VALUE"),
        (vertical("holdout = 0.2", "holdout = 1.0"), "E-JOB-VALUE"),
        (vertical("\"accounts.balance\"", "\"accounts.defaulted\""), "E-JOB-TWICE"),
        (vertical("\"accounts.balance\"", "\"loans.balance\""), "E-JOB-VALUE"),
        (vertical("[\"customers.spend\", \"customers.category\"]", "[]"), "E-JOB-VALUE"),
        (vertical("default-risk", "Default Risk"), "E-JOB-VALUE"),
        (vertical("rounds   = 8", "columns = [\"age\"]"), "E-JOB-SHAPE"),
        (HORIZONTAL.replace(", \"west.clients\"", ""), "E-JOB-VALUE"),
        (HORIZONTAL.replace("west.clients", "south.clients"), "E-JOB-VALUE"),
    ] {
        assert_eq!(code(&text), expected, "{text}");
    }
}

#[test]
fn c05_a_job_that_a_stranger_sends_is_read_as_carefully() {
    let (job, _) = Job::of_toml(VERTICAL).unwrap();
    let text = job.text();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in {text}");
        assert!(parse(&text.replace(from, to), &NoColumns).is_err(), "{to}");
    };
    refused("\"rounds\":8", "\"rounds\":0");
    refused("\"rounds\":8", "\"rounds\":8,\"more\":1");
    refused("\"rounds\":8", "\"rounds\":99999999999");
    refused("\"epsilon\":\"1\",", "");
    refused("\"epsilon\":\"1\"", "\"epsilon\":\"1e400\"");
    refused("\"shape\":\"vertical\"", "\"shape\":\"horizontal\"");
    refused("default-risk", "default\\nrisk");
    assert!(parse(&format!("TRAIN {}", "[".repeat(1 << 20)), &NoColumns).is_err());
    refused("\"groups\":[", "\"groups\":[{\"owner\":\"bank\"},");
    let group = r#"{"table":{"owner":"bank","dataset":"accounts"},"column":"region"}"#;
    assert!(text.contains(group), "{text}");
    refused(group, &format!("{group},{group}"));
}

#[test]
fn learnh_24_what_each_partner_adds_is_asked_for_under_noise_alone() {
    let noisy = HORIZONTAL.replace("mechanism = \"none\"", "epsilon = 1.0\ndelta = 1e-6");
    let with = |text: &str, evaluate: &str| format!("{text}[evaluate]\n{evaluate}\n");
    let share = |text: &str| Job::of_toml(text).unwrap().0.evaluate.share_micro;
    let asked = with(&noisy, "leave_one_out = true\ngroups = [\"region\"]");
    assert_eq!((share(&noisy), share(&asked)), (50_000, 150_000));
    assert_eq!((share(&with(&noisy, "share = 0.2")), share(VERTICAL)), (200_000, 0));
    for text in [&asked, &with(&noisy, "share = 0.2"), &with(HORIZONTAL, "share = 0.0")] {
        let (job, _) = Job::of_toml(text).unwrap();
        assert_eq!(parse(&job.text(), &NoColumns).unwrap().training(), Some(&job), "{}", job.text());
    }
    // What is usual is not written, so that older jobs keep their hash.
    let (plain, _) = Job::of_toml(HORIZONTAL).unwrap();
    assert!(!plain.text().contains("share") && !plain.text().contains("leave"), "{}", plain.text());
    let code = |text: &str| crate::report::Refusal::code(&Job::of_toml(text).unwrap_err());
    let vertical = |more: &str| VERTICAL.replace("holdout = 0.2", more);
    for (text, expected) in [
        (with(HORIZONTAL, "leave_one_out = true"), "E-JOB-SHAPE"),
        (vertical("leave_one_out = true"), "E-JOB-SHAPE"),
        (vertical("share = 0.1"), "E-JOB-SHAPE"),
        (with(&noisy, "share = 0.6"), "E-JOB-VALUE"),
        (with(&noisy, "share = 0.0\nleave_one_out = true"), "E-JOB-VALUE"),
    ] {
        assert_eq!(code(&text), expected, "{text}");
    }
    // A stranger's job says it to each partner alike, and not without noise.
    let (job, _) = Job::of_toml(&asked).unwrap();
    let mut other = job.clone();
    other.evaluate.groups[1].column = "tier".to_owned();
    assert!(parse(&other.text(), &NoColumns).is_err());
    let mut exact = job.clone();
    exact.noise = None;
    assert!(parse(&exact.text(), &NoColumns).is_err() && parse(&job.text(), &NoColumns).is_ok());
}

#[test]
fn c05_where_customers_differ_each_partner_has_one_target_of_one_name() {
    let (job, _) = Job::of_toml(HORIZONTAL).unwrap();
    assert!(parse(&job.text(), &NoColumns).is_ok());
    let with = |owner: &str, dataset: &str, column: &str| {
        let mut job = job.clone();
        job.targets[2] = ColumnName { table: TableName::new(owner, dataset), column: column.to_owned() };
        parse(&job.text(), &NoColumns).is_err()
    };
    assert!(!with("west", "clients", "visits"));
    assert!(with("west", "clients", "calls"), "another name");
    assert!(with("north", "customers", "calls"), "two of one partner, none of another");
}
