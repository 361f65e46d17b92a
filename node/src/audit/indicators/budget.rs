//! What privacy was spent, by whom and on whom.

use std::collections::{BTreeSet, HashMap};

use tacit_protocol::log::{Amount, Kind};

use super::{Group, Indicator, Measure as M, Why, indicator as i, words as w};
use crate::audit::{
    amount::epsilon,
    budget::Balance,
    facts::{Facts, quantile},
    history::{Ending, Run, Side, charge},
};

pub const GROUP: Group = Group {
    title: w("Privacy budget", "隐私预算"),
    law: w(
        "GDPR Art. 5(1)(c), 25, 32, recital 26; PIPL Art. 6, 51, 55, 73(4)",
        "GDPR 第5(1)(c)、25、32条，前言26；个人信息保护法 第6、51、55条，第73条第4项",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "B01",
        w("Accounts", "预算账户"),
        w(
            "Accounts: a population, its owner and a partner that learns about it.",
            "账户数（人群、数据方与获知方的组合）。",
        ),
        "count(distinct charge.account)",
        |f| M::Count(f.balances.len() as u64),
    ),
    i(
        "B02",
        w("Accounts on own customers", "本方客户账户"),
        w(
            "Accounts from which partners learn about this node's customers.",
            "合作方据以获知本方客户信息的账户数。",
        ),
        "count(accounts, owner = this node)",
        |f| M::Count(f.own().count() as u64),
    ),
    i(
        "B03",
        w("Accounts on partners' customers", "对方客户账户"),
        w(
            "Accounts from which this node learns about partners' customers.",
            "本方据以获知合作方客户信息的账户数。",
        ),
        "count(accounts, asker = this node)",
        |f| M::Count(f.theirs().count() as u64),
    ),
    i(
        "B04",
        w("Populations", "人群"),
        w("Own populations that have an account.", "设有账户的本方人群数。"),
        "count(distinct account.population, owner = this node)",
        |f| M::Count(f.own().map(|b| &b.account.population).collect::<BTreeSet<_>>().len() as u64),
    ),
    i(
        "B05",
        w("Granted on own customers", "已授予（本方客户）"),
        w("ρ that contracts allow at most, over all own accounts.", "合同就本方各账户最多允许的 ρ 之和。"),
        "Σ max(charge.limit) over own accounts",
        |f| M::Rho(total(f.own(), Balance::granted)),
    ),
    i(
        "B06",
        w("Spent on own customers", "已花费（本方客户）"),
        w("ρ spent since the log's beginning.", "自日志开始累计花费的 ρ。"),
        "Σ spent over own accounts",
        |f| M::Rho(total(f.own(), |b| b.spent)),
    ),
    i(
        "B07",
        w("Set aside on own customers", "已预留（本方客户）"),
        w(
            "ρ set aside by questions that have not ended; counts as spent.",
            "未结束查询所预留的 ρ，按已花费计。",
        ),
        "Σ reserved over own accounts",
        |f| M::Rho(total(f.own(), |b| b.reserved)),
    ),
    i(
        "B08",
        w("Given back on own customers", "已退还（本方客户）"),
        w("ρ given back because nothing had left.", "因无数据流出而退还的 ρ。"),
        "Σ refunded over own accounts",
        |f| M::Rho(total(f.own(), |b| b.refunded)),
    ),
    i(
        "B09",
        w("Spent on partners' customers", "已花费（对方客户）"),
        w("ρ that this node's questions spent of partners' budgets.", "本方查询花费的合作方预算 ρ。"),
        "Σ spent over partners' accounts",
        |f| M::Rho(total(f.theirs(), |b| b.spent)),
    ),
    i(
        "B10",
        w("δ used on own customers", "已用 δ（本方客户）"),
        w(
            "δ that mechanisms added to that of the conversion, spent and set aside.",
            "机制额外消耗的 δ（花费与预留）。",
        ),
        "Σ (spent + reserved).atto_delta over own accounts",
        |f| M::Delta(f.own().map(|b| b.used().atto_delta).fold(0, u64::saturating_add)),
    ),
    i(
        "B11",
        w("Largest ε spent on one account", "单账户最大已花费 ε"),
        w(
            "The strongest statement that any partner can have learned about one customer, as ε at the contract's δ.",
            "任一合作方可能获知单个客户信息的最大 ε（按合同 δ 换算）。",
        ),
        "max ε(spent + reserved, δ/2) over own accounts (CKS20)",
        |f| strongest(f, Balance::used),
    ),
    i(
        "B12",
        w("Largest ε granted to one account", "单账户最大授予 ε"),
        w("The same, if everything that was granted were spent.", "若全部授予额度用尽时的最大 ε。"),
        "max ε(limit, δ/2) over own accounts (CKS20)",
        |f| strongest(f, Balance::granted),
    ),
    i(
        "B13",
        w("Smallest share left", "最低剩余比例"),
        w("What is left of the own account that is nearest its end.", "本方最接近用尽的账户的剩余比例。"),
        "min((limit − used) / limit) over own accounts",
        |f| M::or(f.own().filter_map(share_left).reduce(f64::min), M::Number, Why::NoCase),
    ),
    i(
        "B14",
        w("Accounts nearly spent", "即将用尽的账户"),
        w("Own accounts with less than a tenth left.", "剩余不足十分之一的本方账户数。"),
        "count(own accounts, left < 10 %)",
        |f| M::Count(f.own().filter_map(share_left).filter(|left| *left < 0.1).count() as u64),
    ),
    i(
        "B15",
        w("Accounts with nothing left", "已用尽的账户"),
        w("Own accounts from which nothing can be asked any more.", "已无剩余的本方账户数。"),
        "count(own accounts, left = 0)",
        |f| M::Count(f.own().filter(|b| b.left().nano_rho == 0).count() as u64),
    ),
    i(
        "B16",
        w("Accounts overspent", "超支账户"),
        w(
            "Accounts that used more than any of their contracts allows. Must be 0.",
            "使用量超过其任何合同限额的账户数，应为 0。",
        ),
        "count(accounts, used > max(charge.limit))",
        |f| M::Count(f.balances.iter().filter(|b| b.is_overspent()).count() as u64),
    ),
    i(
        "B17",
        w("Price of all questions", "查询价格合计"),
        w(
            "ρ set aside in the reported time for questions about own customers.",
            "报告期内就本方客户查询预留的 ρ 合计。",
        ),
        "Σ charge.price over runs asked of this node",
        |f| M::Rho(prices(f).fold(0, u64::saturating_add)),
    ),
    i(
        "B18",
        w("Average price", "平均价格"),
        w("Average ρ of a priced question about own customers.", "本方客户计费查询的平均 ρ。"),
        "B17 / count(priced runs asked of this node)",
        |f| {
            M::or(
                prices(f).fold(0, u64::saturating_add).checked_div(prices(f).count() as u64),
                M::Rho,
                Why::NoCase,
            )
        },
    ),
    i(
        "B19",
        w("Dearest question", "最贵查询"),
        w("The largest ρ of one question about own customers.", "本方客户单个查询的最大 ρ。"),
        "max(charge.price) over runs asked of this node",
        |f| M::or(prices(f).max(), M::Rho, Why::NoCase),
    ),
    i(
        "B20",
        w("Median ε of a question", "单次查询 ε 中位数"),
        w("The median of the ε that questions were asked with.", "查询所用 ε 的中位数。"),
        "median(body.price.epsilon)",
        |f| M::or(quantile(epsilons(f).collect(), 0.5), M::Epsilon, Why::NotRecorded),
    ),
    i(
        "B21",
        w("Largest ε of a question", "单次查询最大 ε"),
        w("The largest ε that a question was asked with.", "查询所用的最大 ε。"),
        "max(body.price.epsilon)",
        |f| M::or(epsilons(f).reduce(f64::max), M::Epsilon, Why::NotRecorded),
    ),
    i(
        "B22",
        w("Spent without an answer", "无答复的花费"),
        w(
            "ρ of own accounts that went into questions without an answer.",
            "未得到答复但已花费的 ρ（本方客户）。",
        ),
        "Σ charge.price over runs with spend or kept price, without answer",
        |f| M::Rho(wasted(f)),
    ),
    i(
        "B23",
        w("Share spent without an answer", "无答复花费占比"),
        w(
            "Of the price of all questions about own customers, the part that bought no answer.",
            "本方客户查询总价中未换得答复的比例。",
        ),
        "B22 / B17",
        |f| M::share(wasted(f), prices(f).fold(0, u64::saturating_add)),
    ),
    i(
        "B24",
        w("Saved by free repeats", "重放节省"),
        w(
            "ρ that the repeated questions had cost when they were first asked.",
            "免费重放的查询首次提出时的 ρ 合计。",
        ),
        "Σ charge.price of the answers named by body.replays",
        |f| M::Rho(saved(f)),
    ),
    i(
        "B25",
        w("Ceilings over all partners", "总上限"),
        w(
            "Own accounts whose owner also set a ceiling over all partners.",
            "另设全体合作方总上限的本方账户数。",
        ),
        "count(own accounts with charge.ceiling)",
        |f| M::Count(f.own().filter(|b| b.ceiling.is_some()).count() as u64),
    ),
    i(
        "B26",
        w("Nearest to its ceiling", "最接近总上限"),
        w(
            "The largest share of a ceiling that all partners together have used of one population.",
            "单个人群中全体合作方合计占总上限的最大比例。",
        ),
        "max(Σ used over askers / charge.ceiling) over own populations",
        |f| M::or(ceilings(f).reduce(f64::max), M::Number, Why::NoCase),
    ),
    i(
        "B27",
        w("Periodic budgets", "周期预算"),
        w("Budgets that also have a cap for each period.", "另设周期上限的预算数。"),
        "count(accounts × contracts with charge.period)",
        |f| M::Count(f.balances.iter().map(|b| b.periods.len() as u64).sum()),
    ),
    i(
        "B28",
        w("Periods begun", "开启的周期"),
        w(
            "Periods of a periodic budget that began; each is a record of its own.",
            "开启的预算周期数（每次均有独立记录）。",
        ),
        "count(refresh)",
        |f| M::Count(f.history.count(Kind::Refresh)),
    ),
    i(
        "B29",
        w("Refused for lack of budget", "因预算不足拒绝"),
        w("Questions refused because the budget did not cover them.", "因预算不足而拒绝的查询数。"),
        "count(refusal, what starts with E-BUDGET)",
        |f| M::Count(f.refused(&["E-BUDGET"])),
    ),
    i(
        "B30",
        w("Days left at this rate", "按当前速度可用天数"),
        w(
            "Days until the own account that is nearest its end is spent, at the reported time's rate.",
            "按报告期速度，本方最接近用尽的账户可用天数。",
        ),
        "min(left / (Σ charge.price / days)) over own accounts",
        days_left,
    ),
    i(
        "B31",
        w("Balances that do not add up", "账目不符"),
        w(
            "Reservations whose recorded balance differs from the one that results from all records before. Must be 0.",
            "记录的余额与重新计算结果不一致的预留数，应为 0。",
        ),
        "count(charge.before ≠ replayed balance, or after ≠ before + price)",
        |f| M::Count(mismatches(f)),
    ),
    i(
        "B32",
        w("Questions without a price", "无价格的查询"),
        w(
            "Permitted questions that cost no ε: revelations and free repeats.",
            "不消耗 ε 的获准查询（名单揭示与免费重放）。",
        ),
        "count(runs without charge)",
        |f| M::Count(f.runs_that(|run| run.charge.is_none())),
    ),
];

fn total<'b>(balances: impl Iterator<Item = &'b Balance>, pick: impl Fn(&Balance) -> Amount) -> u64 {
    balances.map(|balance| pick(balance).nano_rho).fold(0, u64::saturating_add)
}

fn share_left(balance: &Balance) -> Option<f64> {
    let granted = balance.granted().nano_rho;
    (granted > 0).then(|| balance.left().nano_rho as f64 / granted as f64)
}

fn strongest(f: &Facts, pick: impl Fn(&Balance) -> Amount) -> M {
    let each = f.own().filter_map(|b| epsilon(pick(b).nano_rho, b.granted().atto_delta));
    M::or(each.reduce(f64::max), M::Epsilon, Why::NoCase)
}

/// The priced questions about own customers.
fn priced<'f>(f: &'f Facts) -> impl Iterator<Item = (&'f Run<'f>, u64)> {
    let own = f.runs().iter().filter(|run| run.side == Side::Owner);
    own.filter_map(|run| Some((run, run.charge.as_ref()?.price.nano_rho)))
}

fn prices(f: &Facts) -> impl Iterator<Item = u64> {
    priced(f).map(|(_, price)| price)
}

fn wasted(f: &Facts) -> u64 {
    let lost = |run: &Run| matches!(run.ending(), Ending::Revealed | Ending::Kept);
    priced(f).filter(|(run, _)| lost(run)).map(|(_, price)| price).fold(0, u64::saturating_add)
}

fn epsilons(f: &Facts) -> impl Iterator<Item = f64> {
    f.runs().iter().filter_map(Run::epsilon)
}

fn saved(f: &Facts) -> u64 {
    let all = f.history.earlier.iter().chain(f.runs());
    let paid: HashMap<u64, u64> =
        all.filter_map(|run| Some((run.answer?.seq, run.charge.as_ref()?.price.nano_rho))).collect();
    let prices = f.runs().iter().filter_map(Run::replays).filter_map(|answer| paid.get(&answer));
    prices.fold(0, |sum, price| sum.saturating_add(*price))
}

fn ceilings(f: &Facts) -> impl Iterator<Item = f64> {
    f.own().filter_map(|balance| {
        let ceiling = balance.ceiling.filter(|ceiling| ceiling.nano_rho > 0)?;
        let same = f.own().filter(|other| other.account.population == balance.account.population);
        Some(total(same, Balance::used) as f64 / ceiling.nano_rho as f64)
    })
}

fn days_left(f: &Facts) -> M {
    let Some((first, last)) = f.history.span() else { return M::Untold(Why::NoCase) };
    let days = last.duration_since(first).as_secs_f64() / 86_400.0;
    let left = f.own().filter_map(|balance| {
        let paid = |run: &&Run| run.charge.as_ref().is_some_and(|charge| charge.account == balance.account);
        let spent = f.runs().iter().filter(paid).filter_map(|run| Some(run.charge.as_ref()?.price.nano_rho));
        let spent = spent.fold(0, u64::saturating_add);
        // A rate over less than a day says nothing about the days to come.
        (spent > 0 && days >= 1.0).then(|| balance.left().nano_rho as f64 / (spent as f64 / days))
    });
    M::or(left.reduce(f64::min), M::Days, Why::NoCase)
}

/// Replays the course of each account beside what its reservations say.
fn mismatches(f: &Facts) -> u64 {
    let wrong = |balance: &Balance| {
        let mut before = Amount::default();
        let mut wrong = 0;
        for point in &balance.course {
            let entry =
                usize::try_from(point.seq).ok().and_then(|seq| f.history.all.get(seq.checked_sub(1)?));
            let charge =
                entry.filter(|entry| entry.kind == Kind::Reserve).and_then(|entry| charge(&entry.body));
            if charge.is_some_and(|charge| charge.before != before || charge.after != point.used) {
                wrong += 1;
            }
            before = point.used;
        }
        wrong
    };
    f.balances.iter().map(wrong).sum()
}
