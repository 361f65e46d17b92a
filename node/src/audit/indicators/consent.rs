//! Consent that was withdrawn, and what followed from it.

use std::collections::BTreeSet;

use tacit_protocol::log::{Entry, Kind};

use super::{Group, Indicator, Measure as M, Why, indicator as i, log::days, words as w};
use crate::{
    audit::{
        facts::{Facts, quantile, text},
        history::{Run, Side, moment},
    },
    policy::Consent,
};

pub const GROUP: Group = Group {
    title: w("Consent", "同意与撤回"),
    law: w(
        "GDPR Art. 7(3), 17, 21; PIPL Art. 14–16, 44, 47",
        "GDPR 第7(3)、17、21条；个人信息保护法 第14–16、44、47条",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "W01",
        w("Withdrawals", "撤回批次"),
        w("Batches of withdrawals that were taken in.", "录入的撤回批次数。"),
        "count(withdrawal)",
        |f| M::Count(f.history.count(Kind::Withdrawal)),
    ),
    i(
        "W02",
        w("Identifiers withdrawn", "撤回的标识"),
        w(
            "Identifiers that were put on the withdrawal list in the reported time.",
            "报告期内列入撤回名单的标识数。",
        ),
        "Σ withdrawal.body.identifiers",
        |f| M::Count(sum(f.history.of(Kind::Withdrawal), "identifiers")),
    ),
    i(
        "W03",
        w("Identifiers withdrawn, all time", "累计撤回的标识"),
        w("The same since the log's beginning.", "自日志开始累计撤回的标识数。"),
        "Σ withdrawal.body.identifiers over all time",
        |f| M::Count(sum(f.history.all.iter().filter(|e| e.kind == Kind::Withdrawal), "identifiers")),
    ),
    i(
        "W04",
        w("Not understood", "无法识别"),
        w(
            "Lines of withdrawals that were no identifier, and so withdrew nobody.",
            "无法识别、未生效的撤回行数。",
        ),
        "Σ withdrawal.body.malformed",
        |f| M::Count(sum(f.history.of(Kind::Withdrawal), "malformed")),
    ),
    i(
        "W05",
        w("Share not understood", "无法识别比例"),
        w("Lines that were not understood, of all lines.", "无法识别的撤回行占比。"),
        "W04 / (W02 + W04)",
        |f| {
            let bad = sum(f.history.of(Kind::Withdrawal), "malformed");
            M::share(bad, bad + sum(f.history.of(Kind::Withdrawal), "identifiers"))
        },
    ),
    i(
        "W06",
        w("From everything", "全部数据集撤回"),
        w("Batches that hold for all datasets.", "适用于全部数据集的撤回批次数。"),
        "count(withdrawal, body.dataset = null)",
        |f| {
            M::Count(
                f.history.of(Kind::Withdrawal).filter(|e| text(&e.body, "dataset").is_none()).count() as u64
            )
        },
    ),
    i(
        "W07",
        w("From one dataset", "单数据集撤回"),
        w("Batches that hold for one dataset alone.", "仅适用于单个数据集的撤回批次数。"),
        "count(withdrawal, body.dataset ≠ null)",
        |f| {
            M::Count(
                f.history.of(Kind::Withdrawal).filter(|e| text(&e.body, "dataset").is_some()).count() as u64
            )
        },
    ),
    i(
        "W08",
        w("Largest batch", "最大批次"),
        w("Identifiers in the largest batch.", "最大批次中的标识数。"),
        "max(withdrawal.body.identifiers)",
        |f| {
            M::or(
                f.history.of(Kind::Withdrawal).filter_map(|e| e.body["identifiers"].as_u64()).max(),
                M::Count,
                Why::NoCase,
            )
        },
    ),
    i(
        "W09",
        w("Newest withdrawal", "最近撤回"),
        w("When the newest batch came into force.", "最近一批撤回生效的时间。"),
        "max(time of withdrawal)",
        |f| M::or(f.newest(Kind::Withdrawal), M::Time, Why::NoCase),
    ),
    i(
        "W10",
        w("Days since the newest withdrawal", "距最近撤回天数"),
        w("Days from the newest batch to the last record.", "最近撤回至末条记录的天数。"),
        "max(time) − W09",
        |f| {
            M::or(
                f.newest(Kind::Withdrawal).zip(f.history.span()),
                |(newest, (_, last))| M::Days(days(last.duration_since(newest))),
                Why::NoCase,
            )
        },
    ),
    i(
        "W11",
        w("Median time between withdrawals", "撤回间隔中位数"),
        w("Median time between one batch and the next.", "相邻撤回批次的中位间隔。"),
        "median(time − previous time of withdrawal)",
        |f| {
            let times: Vec<_> = f.history.of(Kind::Withdrawal).filter_map(moment).collect();
            M::or(
                quantile(
                    times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).collect(),
                    0.5,
                ),
                M::Seconds,
                Why::NoCase,
            )
        },
    ),
    i(
        "W12",
        w("Own data read after a withdrawal", "撤回后的数据读取"),
        w(
            "Questions that read own data after the first withdrawal: those on the list take no part in them.",
            "首次撤回之后读取本方数据的查询数（名单内客户不参与）。",
        ),
        "count(runs after min(seq of withdrawal) with answer)",
        |f| M::Count(after(f).count() as u64),
    ),
    i(
        "W13",
        w("Read with the list of their time", "使用当时名单"),
        w(
            "Of those, answers to questions whose record counts no fewer batches than had been recorded when the question was set down.",
            "其中记录了所用名单批次、且不旧于预留时最新批次的答复比例。",
        ),
        "count(runs, reserve.body.withdrawals ≥ count(withdrawal before it)) / W12",
        honoured,
    ),
    i(
        "W14",
        w("Questions open when a withdrawal came", "撤回时进行中的查询"),
        w(
            "Questions that were set down before a withdrawal and ended after it.",
            "撤回发生时尚未结束的查询数。",
        ),
        "count(runs with reserve.seq < withdrawal.seq < end.seq)",
        |f| {
            M::Count(f.runs_that(|run| {
                let end = run.answer.or(run.abort).map_or(u64::MAX, |end| end.seq);
                f.history.of(Kind::Withdrawal).any(|e| run.reserve.seq < e.seq && e.seq < end)
            }))
        },
    ),
    i(
        "W15",
        w("Datasets named in withdrawals", "撤回涉及的数据集"),
        w("Datasets that withdrawals name.", "撤回所指名的数据集。"),
        "distinct withdrawal.body.dataset",
        |f| M::names(f.different(Kind::Withdrawal, |e| text(&e.body, "dataset"))),
    ),
    i(
        "W16",
        w("Consent by a column", "按字段判断同意"),
        w(
            "Datasets in contracts in force whose rows take part only where a column says yes.",
            "有效合同中按同意字段筛选的数据集数。",
        ),
        "count(dataset.consent is a column) over contracts in force",
        |f| terms(f, |consent| matches!(consent, Consent::Column(_))),
    ),
    i(
        "W17",
        w("Consent by the withdrawal list alone", "仅按撤回名单"),
        w(
            "Datasets in contracts in force whose rows take part unless withdrawn.",
            "有效合同中仅按撤回名单排除的数据集数。",
        ),
        "count(dataset.consent = withdrawal-list) over contracts in force",
        |f| terms(f, |consent| matches!(consent, Consent::WithdrawalList)),
    ),
];

fn sum<'e>(entries: impl Iterator<Item = &'e Entry>, field: &str) -> u64 {
    entries.filter_map(|entry| entry.body[field].as_u64()).sum()
}

/// Answered questions that read own data after the first withdrawal.
fn after<'f>(f: &'f Facts) -> impl Iterator<Item = &'f Run<'f>> {
    let first = f.history.all.iter().find(|e| e.kind == Kind::Withdrawal).map_or(u64::MAX, |e| e.seq);
    // A reveal reads the asker's data too; a statistic reads the owner's alone.
    let reads = |run: &&Run| run.side == Side::Owner || run.kind() != Some("aggregate");
    f.runs()
        .iter()
        .filter(reads)
        .filter(move |run| run.answer.is_some() && run.replays().is_none() && run.reserve.seq > first)
}

fn honoured(f: &Facts) -> M {
    let batches = |before: u64| {
        f.history.all.iter().filter(|e| e.kind == Kind::Withdrawal && e.seq < before).count() as u64
    };
    let told: Vec<(u64, u64)> = after(f)
        .filter_map(|run| Some((run.reserve.body["withdrawals"].as_u64()?, batches(run.reserve.seq))))
        .collect();
    match (told.is_empty(), after(f).count()) {
        (_, 0) => M::Untold(Why::NoCase),
        (true, _) => M::Untold(Why::NotRecorded),
        (false, all) => {
            M::Share(told.iter().filter(|(used, newest)| used >= newest).count() as u64, all as u64)
        }
    }
}

fn terms(f: &Facts, is: impl Fn(&Consent) -> bool) -> M {
    if f.contracts.is_empty() {
        return M::Untold(Why::NoContracts);
    }
    let datasets = f.in_force().flat_map(|document| &document.contract().terms().datasets);
    M::Count(
        datasets.filter(|dataset| is(&dataset.consent)).map(|d| d.full_name()).collect::<BTreeSet<_>>().len()
            as u64,
    )
}
