//! Budgets, checks and differences as tables for programs and as lines for people.

use std::fmt::Write as _;

use tacit_protocol::ids::PartnerId;

use super::{
    amount::{delta, epsilon, rho},
    budget::Balance,
    burn::sparkline,
    compare::{Comparison, Difference},
    escape::visible,
    facts::Check,
};
use crate::data::{Table, Value};

/// Blocks in a burn-down for people.
const BLOCKS: usize = 48;

/// A row an account and contract.
pub fn budgets(balances: &[Balance], me: Option<PartnerId>) -> Table {
    let mut table = Table::new(&[
        "side",
        "partner",
        "population",
        "contract",
        "questions",
        "granted_rho",
        "spent_rho",
        "reserved_rho",
        "left_rho",
        "granted_epsilon",
        "spent_epsilon",
        "reserved_epsilon",
        "left_epsilon",
        "delta",
        "period",
        "period_left_rho",
        "course",
    ]);
    for balance in balances {
        for (contract, limit) in &balance.limits {
            let used = balance.used();
            let at = |nano| epsilon(nano, limit.atto_delta);
            let period = balance.periods.get(contract);
            // ε of a sum is not a sum of ε: what is left is what the whole still may grow to.
            let left = at(limit.nano_rho).zip(at(used.nano_rho)).map(|(all, used)| (all - used).max(0.0));
            let reserved =
                at(used.nano_rho).zip(at(balance.spent.nano_rho)).map(|(used, spent)| used - spent);
            table.push([
                Value::from(side(balance, me)),
                Value::from(balance.partner.as_str()),
                Value::from(balance.account.population.as_str()),
                Value::from(contract.map(|id| id.short())),
                Value::from(balance.charged),
                Value::from(rho(limit.nano_rho)),
                Value::from(rho(balance.spent.nano_rho)),
                Value::from(rho(balance.reserved.nano_rho)),
                Value::from(rho(limit.less(used).nano_rho)),
                Value::from(at(limit.nano_rho).map(four)),
                Value::from(at(balance.spent.nano_rho).map(four)),
                Value::from(reserved.map(four)),
                Value::from(left.map(four)),
                Value::from(delta(limit.atto_delta)),
                Value::from(period.map(|(period, _)| period.index)),
                Value::from(period.map(|(period, used)| rho(period.limit.less(*used).nano_rho))),
                Value::from(sparkline(balance, 24, None)),
            ]);
        }
    }
    table
}

fn side(balance: &Balance, me: Option<PartnerId>) -> &'static str {
    if me.is_none_or(|me| me == balance.account.owner) { "asked us" } else { "we asked" }
}

/// Four decimals, up: nobody should think that less was spent.
fn four(epsilon: f64) -> f64 {
    // Nothing is nothing, not less.
    ((epsilon * 1e4 - 1e-6).ceil() / 1e4).max(0.0) + 0.0
}

/// The same for people, an account a paragraph.
pub fn budgets_text(balances: &[Balance], me: Option<PartnerId>) -> String {
    let mut text = String::new();
    for balance in balances {
        let whose = match side(balance, me) {
            "asked us" => format!("{} asks about our {}", balance.partner, balance.account.population),
            _ => format!("we ask about {} of {}", balance.account.population, balance.partner),
        };
        _ = writeln!(text, "{}", visible(&whose));
        let granted = balance.granted();
        let line = |label: &str, nano: u64, more: &str| {
            let shown =
                epsilon(nano, granted.atto_delta).map_or(String::new(), |e| format!("ε {:.4}", four(e)));
            format!("  {label:<9} {shown:<12} ρ {}{more}\n", rho(nano))
        };
        let questions = if balance.charged == 1 { "question" } else { "questions" };
        text.push_str(&line("granted", granted.nano_rho, &format!(", δ {}", delta(granted.atto_delta))));
        text.push_str(&line("spent", balance.spent.nano_rho, &format!(", {} {questions}", balance.charged)));
        text.push_str(&line("reserved", balance.reserved.nano_rho, ""));
        let left = balance.left().nano_rho;
        let share = left as f64 * 100.0 / granted.nano_rho.max(1) as f64;
        _ = writeln!(text, "  {:<9} {:<12} ρ {}, {share:.1} %", "left", "", rho(left));
        for (contract, (period, used)) in &balance.periods {
            let contract = contract.map_or(String::new(), |id| format!(" of {}…", id.short()));
            let left = rho(period.limit.less(*used).nano_rho);
            _ = writeln!(
                text,
                "  {:<9} {:<12} ρ {left} left in period {}{contract}",
                "period", "", period.index
            );
        }
        _ = writeln!(text, "  {}", sparkline(balance, BLOCKS, None));
        if balance.is_overspent() {
            _ = writeln!(text, "  OVERSPENT: more was used than any contract allows");
        }
    }
    text
}

/// A row a check.
pub fn checks(checks: &[Check]) -> Table {
    let mut table = Table::new(&["check", "result", "found", "record"]);
    for check in checks {
        table.push([
            Value::from(check.name),
            Value::from(result(check)),
            Value::from(check.found.as_str()),
            Value::from(check.record),
        ]);
    }
    table
}

/// The same for people.
pub fn checks_text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    checks.iter().fold(String::new(), |mut text, check| {
        _ = writeln!(text, "{:<11}  {:<width$}  {}", result(check), check.name, visible(&check.found));
        text
    })
}

fn result(check: &Check) -> &'static str {
    match check.ok {
        Some(true) => "ok",
        Some(false) => "FAILS",
        None => "not checked",
    }
}

/// A row a difference.
pub fn differences(comparison: &Comparison) -> Table {
    let mut table =
        Table::new(&["what", "harmless", "query", "ours", "theirs", "our_record", "their_record"]);
    for Difference { query, what, ours, theirs, records, harmless } in &comparison.differences {
        table.push([
            Value::from(*what),
            Value::from(*harmless),
            Value::from(query.map(|id| id.to_string())),
            Value::from(ours.as_str()),
            Value::from(theirs.as_str()),
            Value::from(records.0),
            Value::from(records.1),
        ]);
    }
    table
}

/// The same for people.
pub fn differences_text(comparison: &Comparison) -> String {
    let Comparison { both, alike, differences } = comparison;
    let mut text = format!("{both} questions in both logs, {alike} told alike\n");
    for Difference { query, what, ours, theirs, records, harmless } in differences {
        let about = query.map_or_else(String::new, |id| format!(" of question {}…", id.short()));
        let place = |record: &Option<u64>| record.map_or(String::new(), |seq| format!(" (record {seq})"));
        let weight = if *harmless { "noted" } else { "DIFFERS" };
        _ = writeln!(text, "{weight:<8} {what}{about}");
        _ = writeln!(text, "         ours    {}{}", visible(ours), place(&records.0));
        _ = writeln!(text, "         theirs  {}{}", visible(theirs), place(&records.1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{
        budget::balances,
        history::tests::{Log, OWNER},
    };

    #[test]
    fn a_budget_is_told_in_rho_and_epsilon() {
        let mut log = Log::full();
        for entry in &mut log.entries {
            if let Some(charge) = entry.body.get_mut("charge") {
                charge["limit"] =
                    serde_json::json!({ "nano_rho": 125_000_000, "atto_delta": 1_000_000_000_000_u64 });
            }
        }
        let found = balances(&log.entries);
        let text = budgets_text(&found, Some(OWNER));
        assert!(
            text.starts_with("brand asks about our customers\n  granted   ε 2.4191     ρ 0.125, δ 1e-6\n"),
            "{text}"
        );
        assert!(text.contains("ρ 0.00000004, 3 questions"), "{text}");
        let table = budgets(&found, Some(OWNER));
        assert_eq!(table.rows.len(), 1);
        assert_eq!(table.rows[0][0], Value::from("asked us"));
        assert_eq!(table.rows[0][8], Value::from("0.12499996"));
    }
}
