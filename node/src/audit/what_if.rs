//! A changed contract, tried on what was asked before.
//!
//! Whoever changes a contract wants to know what the change does: which questions that were answered would be
//! refused, and which that were refused would be answered. The log holds the shape of each question, and the
//! rules that judge it here are the ones that judge it when it is asked ([`would_permit`]). What the log does not
//! hold, it cannot tell: values that conditions looked for, and what the data was like. Where a value would
//! decide, the verdict says that.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use tacit_protocol::{
    ids::PartnerId,
    log::{Amount, Entry, Kind},
};

use super::{
    Log,
    facts::text,
    history::{History, Run, Side, Window, moment},
};
use crate::{
    data::{Table, Value},
    policy::{Circumstances, Contract, Role, Values, lifetime, would_permit},
    query::{self, NoColumns, Parsed, Shape},
    report::Report,
};

/// What would have become of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its record.
    pub record: u64,
    /// When it was asked.
    pub time: String,
    /// With which partner.
    pub partner: Option<String>,
    /// What it looks at.
    pub kind: String,
    /// What became of it: `permitted`, or the code of its refusal.
    pub was: String,
    /// What the changed contract says: `permitted`, a code, or `untold`.
    pub would: String,
    /// Why, and what would do.
    pub because: String,
}

impl Verdict {
    /// Whether it would have gone another way.
    pub fn is_changed(&self) -> bool {
        let permitted = |word: &str| word == "permitted";
        self.would != "untold" && permitted(&self.was) != permitted(&self.would)
    }
}

/// Tries a contract on every question of a log, in their order, with its budget.
pub fn try_on(log: &Log, contract: &Contract) -> Vec<Verdict> {
    let history = log.history(Window::default());
    let mut used: BTreeMap<PartnerId, Amount> = BTreeMap::new();
    let runs: BTreeMap<u64, &Run> = history.runs.iter().map(|run| (run.reserve.seq, run)).collect();
    let mut verdicts = Vec::new();
    for entry in history.all {
        let run = runs.get(&entry.seq).copied();
        if run.is_some() || entry.kind == Kind::Refusal {
            verdicts.push(verdict(&history, contract, entry, run, &mut used));
        }
    }
    verdicts
}

fn verdict(
    history: &History,
    contract: &Contract,
    entry: &Entry,
    run: Option<&Run>,
    used: &mut BTreeMap<PartnerId, Amount>,
) -> Verdict {
    let was = if run.is_some() { "permitted".to_owned() } else { entry.what.clone() };
    let mut verdict = Verdict {
        record: entry.seq,
        time: entry.time.clone(),
        partner: entry.partner.clone(),
        kind: String::new(),
        was,
        would: "untold".to_owned(),
        because: "the record does not hold the question's shape".to_owned(),
    };
    let Some(parsed) = asked(entry) else { return verdict };
    verdict.kind = parsed.shape().kind;
    match judge(history, contract, entry, run, &parsed) {
        Err(because) => verdict.because = because,
        Ok(Err(report)) => {
            verdict.would = report.code.to_string();
            let mend = report.details.iter().find(|detail| detail.label == "would do");
            verdict.because = match mend {
                Some(mend) => format!("{}; would do: {}", report.message, mend.text),
                None => report.message,
            };
        }
        Ok(Ok(would)) => {
            verdict.would = "permitted".to_owned();
            let mut because = Vec::new();
            if !would.approvals.is_empty() {
                because.push(format!("a person at {} would have to approve", would.approvals.join(" and ")));
            }
            if let (Some(price), false) = (would.price, run.is_some_and(Run::is_free)) {
                pay(contract, would.asker, price, used, &mut verdict, &mut because);
            }
            because.extend(undecided(contract, &parsed));
            verdict.because = because.join("; ");
        }
    }
    verdict
}

/// The question again, as far as the record tells it.
fn asked(entry: &Entry) -> Option<Parsed> {
    let shape: Shape = serde::Deserialize::deserialize(entry.body.get("shape")?).ok()?;
    query::parse(&shape.sql(), &NoColumns).ok()
}

/// A yes, with who asked.
struct Yes {
    price: Option<Amount>,
    approvals: Vec<String>,
    asker: PartnerId,
}

/// Yes, no, or why that cannot be told.
fn judge(
    history: &History,
    contract: &Contract,
    entry: &Entry,
    run: Option<&Run>,
    parsed: &Parsed,
) -> Result<Result<Yes, Report>, String> {
    let me = history.me.ok_or("the log does not say whose it is")?;
    // A refusal of an own question names no partner; a partner's does.
    let asked_us = run.map_or(entry.partner.is_some(), |run| run.side == Side::Owner);
    let asker = if asked_us {
        let named = entry.partner.as_deref().unwrap_or_default();
        let charged = run.and_then(|run| run.charge.as_ref()).map(|charge| charge.account.asker);
        let bound = contract.partners().iter().find(|partner| partner.name == named);
        charged
            .or(bound.map(|partner| partner.id()))
            .ok_or_else(|| format!("{named} is not in the changed contract"))?
    } else {
        me
    };
    let at = Circumstances {
        me,
        role: if asked_us { Role::Answerer { from: asker } } else { Role::Asker },
        contract: None,
        purpose: text(&entry.body, "purpose"),
        peer_profile: None,
        today: moment(entry).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date(),
    };
    Ok(match would_permit(parsed, &at, contract) {
        Ok(would) => Ok(Yes { price: would.price, approvals: would.approvals, asker }),
        Err(error) => Err(Report::from(error)),
    })
}

/// Takes a price from what the changed contract grants, or refuses.
fn pay(
    contract: &Contract,
    asker: PartnerId,
    price: Amount,
    used: &mut BTreeMap<PartnerId, Amount>,
    verdict: &mut Verdict,
    because: &mut Vec<String>,
) {
    let spent = used.entry(asker).or_default();
    match spent.plus(price).filter(|after| after.within(lifetime(&contract.terms().privacy))) {
        Some(after) => *spent = after,
        None => {
            verdict.would = "E-BUDGET-EXHAUSTED".to_owned();
            because.push("its budget would have been used up by the questions before".to_owned());
        }
    }
}

/// What the log cannot tell of a question that is permitted by its shape.
fn undecided(contract: &Contract, parsed: &Parsed) -> Option<String> {
    let listed = parsed.uses().into_iter().filter(|(_, usage)| *usage == query::Usage::Filter).filter(
        |(column, _)| {
            let dataset = contract.terms().dataset(&column.table.owner, &column.table.dataset);
            let terms = dataset.and_then(|dataset| dataset.columns.get(&column.column));
            terms.is_some_and(|terms| matches!(terms.values, Values::Listed(_)))
        },
    );
    let names: Vec<String> = listed.map(|(column, _)| column.to_string()).collect();
    (!names.is_empty())
        .then(|| format!("unless it looked for values of {} that are not listed", names.join(", ")))
}

/// A row a question.
pub fn table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(&["record", "time", "partner", "kind", "was", "would", "changed", "because"]);
    for verdict in verdicts {
        table.push([
            Value::from(verdict.record),
            Value::from(verdict.time.as_str()),
            Value::from(verdict.partner.clone()),
            Value::from(verdict.kind.as_str()),
            Value::from(verdict.was.as_str()),
            Value::from(verdict.would.as_str()),
            Value::from(verdict.is_changed()),
            Value::from(verdict.because.as_str()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        audit::{
            history::tests::{Log as Day, price},
            source::Source,
        },
        policy::Terms,
    };

    const TOML: &str = r#"
        name = "offers"
        partners = ["brand", "bank"]
        purpose = "joint-marketing"
        starts = 2026-01-01
        ends = 2027-12-31
        [identity]
        profile = "google-dm/2"
        keys = ["phone"]
        [privacy]
        unit = "customer"
        epsilon = 1.0
        delta = 1e-6
        per_query_epsilon = 0.5
        min_group = 20
        receiver = "asker"
        [[dataset]]
        owner = "bank"
        name = "accounts"
        consent = "marketing_ok"
        [dataset.columns]
        region = { use = ["group"], values = ["north", "south"] }
        tier = { use = ["filter"], values = ["A", "B"] }
        tel = { use = ["match"] }
        [[dataset]]
        owner = "brand"
        name = "customers"
        consent = "withdrawal-list"
        [dataset.columns]
        mobile = { use = ["match"] }
        [allow]
        aggregate = true
    "#;

    const BANK: [u8; 32] = [0xb0; 32];
    const BRAND: [u8; 32] = [0xa0; 32];

    fn contract(change: impl Fn(&str) -> String) -> Contract {
        let terms = Terms::of_toml(&change(TOML)).unwrap();
        Contract::bind(terms, &|name| match name {
            "bank" => Some(BANK),
            "brand" => Some(BRAND),
            _ => None,
        })
        .unwrap()
    }

    /// A day on which the brand asked the bank, with the shapes of its questions.
    fn log(questions: &[(&str, bool)]) -> Log {
        let mut day = Day::new();
        day.entries[0].body = json!({ "node": crate::config::partner_id(&BANK) });
        for (query, (sql, permitted)) in (1..).zip(questions) {
            let shape = json!(query::parse(sql, &NoColumns).unwrap().shape());
            if *permitted {
                let seq = day.reserve(query, price(1));
                let body = &mut day.entries[seq as usize - 1].body;
                body["shape"] = shape;
                body["charge"]["account"]["owner"] = json!(crate::config::partner_id(&BANK));
                body["charge"]["account"]["asker"] = json!(crate::config::partner_id(&BRAND));
            } else {
                day.push(Kind::Refusal, Some(query), "E-POLICY-COLUMN-USE", json!({ "shape": shape }));
            }
        }
        let source = Source::Export(std::path::PathBuf::new());
        Log {
            source,
            entries: day.entries,
            keys: None,
            head: None,
            earlier: Vec::new(),
            checks: Vec::new(),
            contracts: Vec::new(),
        }
    }

    const GROUPED: &str = "SELECT bank.accounts.region, COUNT(*) FROM bank.accounts
        WHERE bank.accounts.tier = 'A' GROUP BY bank.accounts.region";
    const BY_TIER: &str =
        "SELECT bank.accounts.tier, COUNT(*) FROM bank.accounts GROUP BY bank.accounts.tier";

    #[test]
    fn a_column_taken_out_refuses_and_one_put_in_allows() {
        let log = log(&[(GROUPED, true), (BY_TIER, false)]);
        let told = |contract: &Contract| -> Vec<(String, bool)> {
            try_on(&log, contract).iter().map(|v| (v.would.clone(), v.is_changed())).collect()
        };
        let same = told(&contract(str::to_owned));
        assert_eq!(same, [("permitted".to_owned(), false), ("E-POLICY-COLUMN-USE".to_owned(), false)]);
        let wider = contract(|toml| toml.replace("use = [\"filter\"]", "use = [\"filter\", \"group\"]"));
        assert_eq!(told(&wider)[1], ("permitted".to_owned(), true));
        let narrower =
            contract(|toml| toml.replace("region = { use = [\"group\"]", "region = { use = [\"filter\"]"));
        assert_eq!(told(&narrower)[0], ("E-POLICY-COLUMN-USE".to_owned(), true));
        let because = &try_on(&log, &contract(str::to_owned))[0].because;
        assert!(because.contains("values of bank.accounts.tier"), "{because}");
    }

    #[test]
    fn a_smaller_budget_refuses_the_later_questions() {
        let log = log(&[(GROUPED, true), (GROUPED, true), (GROUPED, true)]);
        let lasting = |epsilon: &str| {
            let changed = contract(|toml| toml.replace("epsilon = 1.0", &format!("epsilon = {epsilon}")));
            try_on(&log, &changed).iter().filter(|verdict| verdict.would == "permitted").count()
        };
        assert_eq!(lasting("8.0"), 3);
        assert_eq!(lasting("0.6"), 1);
    }

    #[test]
    fn a_record_without_a_shape_says_so() {
        let mut log = log(&[(GROUPED, true)]);
        log.entries[1].body.as_object_mut().unwrap().remove("shape");
        let verdict = &try_on(&log, &contract(str::to_owned))[0];
        assert_eq!((verdict.would.as_str(), verdict.is_changed()), ("untold", false));
    }
}
