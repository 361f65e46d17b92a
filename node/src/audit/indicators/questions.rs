//! What was asked of whom, and how it ended.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{Group, Indicator, Measure as M, Why, indicator as i, log::at_night, words as w};
use crate::audit::{
    facts::{Facts, most, quantile, text},
    history::{Ending, Run, Side, moment},
};

pub const GROUP: Group = Group {
    title: w("Questions", "查询"),
    law: w(
        "GDPR Art. 5(1)(b), 5(2), 30(1)(b); PIPL Art. 6, 23, 54, 55(3)",
        "GDPR 第5(1)(b)、5(2)、30(1)(b)条；个人信息保护法 第6、23、54、55条第3项",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "Q01",
        w("Questions permitted", "获准查询"),
        w(
            "Questions that passed the contract's rules and were set down before anything left.",
            "通过合同规则并在数据流出前记账的查询数。",
        ),
        "count(reserve)",
        |f| M::Count(f.runs().len() as u64),
    ),
    i(
        "Q02",
        w("Asked by this node", "本方发起"),
        w("Questions that this node put to partners.", "本方向合作方发起的查询数。"),
        "count(runs where the account's owner is the partner)",
        |f| M::Count(f.runs_that(|run| run.side == Side::Asker)),
    ),
    i(
        "Q03",
        w("Asked of this node", "本方应答"),
        w("Questions about this node's own customers.", "涉及本方客户数据的查询数。"),
        "count(runs where the account's owner is this node)",
        |f| M::Count(f.runs_that(|run| run.side == Side::Owner)),
    ),
    i(
        "Q04",
        w("Answered", "已答复"),
        w("Questions that came to an answer that was paid for.", "得到答复并计费的查询数。"),
        "count(runs with answer and without body.replays)",
        |f| M::Count(f.ended(Ending::Answered)),
    ),
    i(
        "Q05",
        w("Answered again, free", "免费重放"),
        w(
            "Questions that got the byte-identical earlier answer, at no charge.",
            "返回先前相同答复、不计费的查询数。",
        ),
        "count(runs with answer and body.replays)",
        |f| M::Count(f.ended(Ending::Replayed)),
    ),
    i(
        "Q06",
        w("Share answered", "答复率"),
        w("Permitted questions that came to an answer.", "获准查询中得到答复的比例。"),
        "(Q04 + Q05) / Q01",
        |f| M::share(f.ended(Ending::Answered) + f.ended(Ending::Replayed), f.runs().len() as u64),
    ),
    i(
        "Q07",
        w("Aborted, price given back", "中止并退还"),
        w(
            "Questions that ended before any data-dependent byte left.",
            "在任何依赖数据的字节流出前中止的查询数。",
        ),
        "count(runs with abort, body.refunded = true)",
        |f| M::Count(f.ended(Ending::Refunded)),
    ),
    i(
        "Q08",
        w("Aborted, price kept", "中止仍计费"),
        w(
            "Questions that ended early and were charged, because it was not certain that nothing had left.",
            "中止但因无法确认无数据流出而计费的查询数。",
        ),
        "count(runs with abort, without spend, body.refunded = false)",
        |f| M::Count(f.ended(Ending::Kept)),
    ),
    i(
        "Q09",
        w("Aborted after release", "释放后中止"),
        w(
            "Questions that ended after data-dependent bytes had left: they count as revealed.",
            "数据流出后中止、按已披露计的查询数。",
        ),
        "count(runs with spend and abort)",
        |f| M::Count(f.ended(Ending::Revealed)),
    ),
    i(
        "Q10",
        w("Without an end", "未结束"),
        w("Questions of which no record says how they ended.", "没有结束记录的查询数。"),
        "count(runs without answer and abort)",
        |f| M::Count(f.ended(Ending::Open)),
    ),
    i(
        "Q11",
        w("Revelations", "名单揭示"),
        w(
            "Questions that tell the asker which of its own customers match: no noise protects those.",
            "告知查询方其哪些客户匹配的查询数（无噪声保护）。",
        ),
        "count(runs, body.shape.kind = reveal)",
        |f| M::Count(kind(f, "reveal")),
    ),
    i(
        "Q12",
        w("Statistics over one table", "单方统计"),
        w("Questions for noisy figures over one partner's table.", "对单个合作方数据表的加噪统计查询数。"),
        "count(runs, body.shape.kind = aggregate)",
        |f| M::Count(kind(f, "aggregate")),
    ),
    i(
        "Q13",
        w("Statistics over the overlap", "交集统计"),
        w(
            "Questions for noisy figures over the customers that both have.",
            "对双方共同客户的加噪统计查询数。",
        ),
        "count(runs, body.shape.kind = join)",
        |f| M::Count(kind(f, "join")),
    ),
    i(
        "Q14",
        w("Kind not told", "类型未记录"),
        w("Questions whose record does not say of what kind they are.", "记录未说明类型的查询数。"),
        "count(runs without kind)",
        |f| M::Count(f.runs_that(|run| run.kind().is_none())),
    ),
    i(
        "Q15",
        w("Different questions", "不同查询"),
        w("Different questions, by the hash of their canonical form.", "按规范形式哈希区分的不同查询数。"),
        "count(distinct body.question)",
        |f| M::Count(repeats(f).len() as u64),
    ),
    i(
        "Q16",
        w("Questions asked more than once", "重复查询"),
        w("Different questions that were asked more than once.", "被多次提出的不同查询数。"),
        "count(body.question with more than one run)",
        |f| M::Count(repeats(f).values().filter(|count| **count > 1).count() as u64),
    ),
    i(
        "Q17",
        w("Most repeats of one question", "单一查询最多次数"),
        w(
            "How often the most repeated question was asked: averaging noise away needs many.",
            "同一查询被提出的最多次数（多次重复可能用于消除噪声）。",
        ),
        "max(count by body.question)",
        |f| M::or(repeats(f).into_values().max(), M::Count, Why::NoCase),
    ),
    i(
        "Q18",
        w("Contracts used", "使用的合同"),
        w("Different contracts under which questions were asked.", "实际用于查询的合同数。"),
        "count(distinct contract of runs)",
        |f| M::Count(different(f, |run| run.reserve.contract.map(|id| id.to_string()))),
    ),
    i(
        "Q19",
        w("Partners in questions", "涉及的合作方"),
        w("Different partners with whom questions were exchanged.", "参与查询的不同合作方数。"),
        "count(distinct partner of runs)",
        |f| M::Count(different(f, |run| run.reserve.partner.clone())),
    ),
    i(
        "Q20",
        w("Busiest day", "单日最多查询"),
        w("Most questions on one day (UTC).", "单日（UTC）最多查询数。"),
        "max(count of runs by day)",
        |f| {
            M::or(
                most(
                    f.runs()
                        .iter()
                        .filter_map(|run| Some(moment(run.reserve)?.to_zoned(TimeZone::UTC).date())),
                ),
                |(_, count)| M::Count(count),
                Why::NoCase,
            )
        },
    ),
    i(
        "Q21",
        w("Busiest hour", "单小时最多查询"),
        w("Most questions within one hour of one day (UTC).", "单个小时（UTC）内最多查询数。"),
        "max(count of runs by hour)",
        |f| {
            M::or(
                most(f.runs().iter().filter_map(|run| Some(moment(run.reserve)?.as_second() / 3_600))),
                |(_, count)| M::Count(count),
                Why::NoCase,
            )
        },
    ),
    i(
        "Q22",
        w("Median duration", "中位时长"),
        w("Median time from the reservation to the end of a question.", "从预留到结束的中位时长。"),
        "median(end.time − reserve.time)",
        |f| M::or(quantile(seconds(f), 0.5), M::Seconds, Why::NoCase),
    ),
    i(
        "Q23",
        w("95 % of durations", "95 分位时长"),
        w("95 % of questions ended within this time.", "95% 的查询在此时长内结束。"),
        "p95(end.time − reserve.time)",
        |f| M::or(quantile(seconds(f), 0.95), M::Seconds, Why::NoCase),
    ),
    i(
        "Q24",
        w("Longest duration", "最长时长"),
        w("The longest time that a question took.", "单个查询的最长时长。"),
        "max(end.time − reserve.time)",
        |f| M::or(seconds(f).into_iter().reduce(f64::max), M::Seconds, Why::NoCase),
    ),
    i(
        "Q25",
        w("Purpose on record", "已记录目的"),
        w("Permitted questions whose record names their purpose.", "记录了处理目的的查询比例。"),
        "count(runs with body.purpose) / Q01",
        |f| M::share(f.runs_that(|run| text(&run.reserve.body, "purpose").is_some()), f.runs().len() as u64),
    ),
    i(
        "Q26",
        w("Legal basis on record", "已记录法律依据"),
        w("Permitted questions whose record names their legal basis.", "记录了法律依据的查询比例。"),
        "count(runs with body.legal_basis) / Q01",
        |f| {
            M::share(
                f.runs_that(|run| text(&run.reserve.body, "legal_basis").is_some()),
                f.runs().len() as u64,
            )
        },
    ),
    i(
        "Q27",
        w("Purposes", "处理目的"),
        w("The different purposes of permitted questions.", "获准查询的不同处理目的。"),
        "distinct body.purpose",
        |f| M::names(f.different(tacit_protocol::log::Kind::Reserve, |entry| text(&entry.body, "purpose"))),
    ),
    i(
        "Q28",
        w("Conversation on record", "会话摘要"),
        w(
            "Answers whose record has the hash of all that was said, by which two logs can be compared.",
            "记录了会话哈希（可供双方比对）的答复比例。",
        ),
        "count(answers with body.outcome.transcript) / count(answer)",
        |f| answers(f, "transcript"),
    ),
    i(
        "Q29",
        w("Data version on record", "数据版本"),
        w(
            "Answers whose record names the snapshot that they were computed from.",
            "记录了数据快照的答复比例。",
        ),
        "count(answers with body.outcome.snapshot) / count(answer)",
        |f| answers(f, "snapshot"),
    ),
    i(
        "Q30",
        w("Question ids used twice", "重复的查询编号"),
        w("Permitted questions whose id another one had. Must be 0.", "编号重复的获准查询数，应为 0。"),
        "count(reserve) − count(distinct query)",
        |f| {
            M::Count(
                f.runs().len() as u64
                    - different(f, |run| {
                        Some(
                            run.reserve
                                .query
                                .map(|id| id.to_string())
                                .unwrap_or_else(|| run.reserve.seq.to_string()),
                        )
                    }),
            )
        },
    ),
    i(
        "Q31",
        w("Answers without a release point", "缺少释放点的答复"),
        w(
            "Paid answers without a record of the moment from which bytes depended on data. Must be 0.",
            "没有释放点记录的计费答复数，应为 0。",
        ),
        "count(runs with answer, without spend and body.replays)",
        |f| M::Count(f.runs_that(|run| run.ending() == Ending::Answered && run.spend.is_none())),
    ),
    i(
        "Q32",
        w("Questions at night", "夜间查询"),
        w("Permitted questions between 22:00 and 06:00 UTC.", "UTC 22:00 至 06:00 的查询比例。"),
        "count(runs, hour ≥ 22 or < 6) / Q01",
        |f| M::share(f.runs_that(|run| moment(run.reserve).is_some_and(at_night)), f.runs().len() as u64),
    ),
];

fn kind(f: &Facts, kind: &str) -> u64 {
    f.runs_that(|run| run.kind() == Some(kind))
}

fn seconds(f: &Facts) -> Vec<f64> {
    f.runs().iter().filter_map(Run::seconds).collect()
}

fn different(f: &Facts, pick: impl Fn(&Run) -> Option<String>) -> u64 {
    f.runs().iter().filter_map(pick).collect::<std::collections::BTreeSet<_>>().len() as u64
}

fn repeats<'f>(f: &'f Facts) -> BTreeMap<&'f str, u64> {
    let mut counts = BTreeMap::new();
    let hashes = f.runs().iter().filter_map(|run| text(&run.reserve.body, "question"));
    hashes.for_each(|hash| *counts.entry(hash).or_default() += 1);
    counts
}

fn answers(f: &Facts, field: &str) -> M {
    let answers = f.runs().iter().filter_map(|run| run.answer);
    let told = answers.clone().filter(|answer| text(&answer.body["outcome"], field).is_some());
    M::share(told.count() as u64, answers.count() as u64)
}
