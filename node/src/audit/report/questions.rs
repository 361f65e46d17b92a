//! Every question, what it cost, and what was refused.

use tacit_protocol::log::Kind;

use super::{Column, Section, column as c};
use crate::{
    audit::{
        amount::{delta, epsilon, rho},
        burn,
        facts::{Facts, text},
        history::{Run, Side},
        words::words as w,
    },
    data::Value,
};

/// Every permitted question, with its price and its end.
pub fn questions(f: &Facts) -> Section {
    const COLUMNS: [Column; 16] = [
        c("record", "Record", "记录"),
        c("time", "Time", "时间"),
        c("side", "Side", "方向"),
        c("partner", "Partner", "合作方"),
        c("contract", "Contract", "合同"),
        c("purpose", "Purpose", "目的"),
        c("legal_basis", "Legal basis", "法律依据"),
        c("kind", "Kind", "类型"),
        c("columns", "Columns and uses", "字段与用途"),
        c("epsilon", "ε", "ε"),
        c("rho", "Price ρ", "价格 ρ"),
        c("delta", "Price δ", "价格 δ"),
        c("noise", "Mechanism, Δ, σ", "机制、Δ、σ"),
        c("outcome", "Outcome", "结果"),
        c("code", "Code", "代码"),
        c("query", "Question id", "查询编号"),
    ];
    let rows = f.runs().iter().map(|run| {
        let body = &run.reserve.body;
        let price = run.charge.as_ref().map(|charge| charge.price);
        vec![
            Value::from(run.reserve.seq),
            Value::from(run.reserve.time.as_str()),
            Value::from(if run.side == Side::Owner { "asked us" } else { "we asked" }),
            Value::from(run.reserve.partner.clone()),
            Value::from(run.reserve.contract.map(|id| f.contract_name(id))),
            Value::from(text(body, "purpose")),
            Value::from(text(body, "legal_basis")),
            Value::from(run.kind()),
            Value::from(shape(run)),
            Value::from(run.epsilon()),
            Value::from(price.map(|price| rho(price.nano_rho))),
            Value::from(price.map(|price| delta(price.atto_delta))),
            Value::from(noise(run)),
            Value::from(run.ending().name()),
            Value::from(run.abort.map(|abort| abort.what.as_str())),
            Value::from(run.reserve.query.map(|id| id.to_string())),
        ]
    });
    Section::new(
        "questions",
        w("Questions", "查询明细"),
        w(
            "Every question that was permitted, what it cost and how it ended. No record holds a customer, a condition's value, a result or noise.",
            "每个获准查询及其价格与结果。任何记录均不含客户、条件取值、结果或噪声。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}

fn noise(run: &Run) -> Option<String> {
    let noise: Vec<String> = run.noise().iter().map(ToString::to_string).collect();
    (!noise.is_empty()).then(|| noise.join("; "))
}

fn shape(run: &Run) -> Option<String> {
    let uses = run.reserve.body["shape"]["uses"].as_array()?;
    let told = uses.iter().filter_map(|uses| match uses.as_array()?.as_slice() {
        [owner, dataset, column, usage] => {
            let word = |value: &serde_json::Value| value.as_str().map(str::to_owned);
            Some(format!("{}.{}.{} ({})", word(owner)?, word(dataset)?, word(column)?, word(usage)?))
        }
        _ => None,
    });
    Some(told.collect::<Vec<_>>().join(", "))
}

/// Every account.
pub fn budgets(f: &Facts) -> Section {
    const COLUMNS: [Column; 14] = [
        c("side", "Side", "方向"),
        c("partner", "Partner", "合作方"),
        c("population", "Population", "人群"),
        c("questions", "Priced questions", "计费查询"),
        c("granted_rho", "Granted ρ", "授予 ρ"),
        c("spent_rho", "Spent ρ", "已花费 ρ"),
        c("reserved_rho", "Set aside ρ", "已预留 ρ"),
        c("refunded_rho", "Given back ρ", "已退还 ρ"),
        c("left_rho", "Left ρ", "剩余 ρ"),
        c("granted_epsilon", "Granted ε", "授予 ε"),
        c("used_epsilon", "Used ε", "已用 ε"),
        c("at_delta", "at δ", "对应 δ"),
        c("used_delta", "Used δ", "已用 δ"),
        c("course", "Course", "走势"),
    ];
    let rows = f.balances.iter().map(|balance| {
        let (granted, used) = (balance.granted(), balance.used());
        let own = f.history.me.is_none_or(|me| me == balance.account.owner);
        let four = |epsilon: f64| (epsilon * 1e4).ceil() / 1e4;
        vec![
            Value::from(if own { "asked us" } else { "we asked" }),
            Value::from(balance.partner.as_str()),
            Value::from(balance.account.population.as_str()),
            Value::from(balance.charged),
            Value::from(rho(granted.nano_rho)),
            Value::from(rho(balance.spent.nano_rho)),
            Value::from(rho(balance.reserved.nano_rho)),
            Value::from(rho(balance.refunded.nano_rho)),
            Value::from(rho(balance.left().nano_rho)),
            Value::from(epsilon(granted.nano_rho, granted.atto_delta).map(four)),
            Value::from(epsilon(used.nano_rho, granted.atto_delta).map(four)),
            Value::from(delta(granted.atto_delta)),
            Value::from(delta(used.atto_delta)),
            Value::from(burn::sparkline(balance, 24, None)),
        ]
    });
    Section::new(
        "budgets",
        w("Privacy budgets", "隐私预算"),
        w(
            "By account: whose customers, and who learns. ρ is that of zero-concentrated differential privacy and adds up; ε is what the sum of ρ means at δ (Canonne, Kamath, Steinke 2020), so two ε do not add up.",
            "按账户列示（数据方人群与获知方）。ρ 为零集中差分隐私参数，可相加；ε 为 ρ 总和在给定 δ 下的换算值（CKS20），不可相加。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}

/// Refusals by their rule.
pub fn refusal_rules(f: &Facts) -> Section {
    const COLUMNS: [Column; 4] = [
        c("code", "Rule", "规则"),
        c("count", "Refusals", "拒绝数"),
        c("partners", "Partners", "合作方"),
        c("newest", "Newest", "最近一次"),
    ];
    let rows = f.history.refusals().into_iter().map(|(code, count)| {
        let of_code = || f.history.of(Kind::Refusal).filter(|entry| entry.what == code);
        let mut partners: Vec<&str> =
            of_code().map(|entry| entry.partner.as_deref().unwrap_or("(here)")).collect();
        partners.sort_unstable();
        partners.dedup();
        vec![
            Value::from(code),
            Value::from(count),
            Value::from(partners.join(", ")),
            Value::from(of_code().last().map(|entry| entry.time.as_str())),
        ]
    });
    Section::new(
        "refusal_rules",
        w("Refusals by rule", "按规则统计的拒绝"),
        w("What the node did not do, and which rule said so.", "节点拒绝执行的事项及其规则。"),
        &COLUMNS,
    )
    .filled(rows)
}

/// Every refusal.
pub fn refusals(f: &Facts) -> Section {
    const COLUMNS: [Column; 5] = [
        c("record", "Record", "记录"),
        c("time", "Time", "时间"),
        c("partner", "Partner", "合作方"),
        c("code", "Rule", "规则"),
        c("question", "Hash of the question", "查询哈希"),
    ];
    let rows = f.history.of(Kind::Refusal).map(|entry| {
        let hash = text(&entry.body, "question_sha256").or_else(|| text(&entry.body, "question"));
        vec![
            Value::from(entry.seq),
            Value::from(entry.time.as_str()),
            Value::from(entry.partner.clone().unwrap_or_else(|| "(here)".to_owned())),
            Value::from(entry.what.as_str()),
            Value::from(hash),
        ]
    });
    Section::new(
        "refusals",
        w("Refusals", "拒绝明细"),
        w(
            "Every question that was refused, by the hash of its text: the text may name customers.",
            "每个被拒绝的查询，以文本哈希标识（文本可能含客户信息）。",
        ),
        &COLUMNS,
    )
    .filled(rows)
}
