//! The record itself: is it whole, without gaps, and confirmed by others?

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tacit_protocol::log::{Entry, Kind};

use super::{Group, Indicator, Measure as M, Why, indicator as i, words as w};
use crate::audit::{
    facts::{Check, Facts},
    history::moment,
};

pub const GROUP: Group = Group {
    title: w("The record", "日志本身"),
    law: w(
        "GDPR Art. 5(2), 24, 30; PIPL Art. 51, 54, 56; Cybersecurity Law Art. 21(3)",
        "GDPR 第5(2)、24、30条；个人信息保护法 第51、54、56条；网络安全法 第21条第3项",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "L01",
        w("Records", "记录数"),
        w("Records in the reported time.", "报告期内的记录数量。"),
        "count(*)",
        |f| M::Count(f.history.entries.len() as u64),
    ),
    i(
        "L02",
        w("Records since the beginning", "累计记录数"),
        w(
            "Records from the log's beginning to the end of the reported time.",
            "自日志开始至报告期末的记录数量。",
        ),
        "count(*) over all time",
        |f| M::Count(f.history.all.len() as u64),
    ),
    i(
        "L03",
        w("First record", "首条记录时间"),
        w("When the first record of the reported time was made.", "报告期内首条记录的时间。"),
        "min(time)",
        |f| M::or(f.history.span(), |(first, _)| M::Time(first), Why::NoCase),
    ),
    i(
        "L04",
        w("Last record", "末条记录时间"),
        w("When the last record of the reported time was made.", "报告期内末条记录的时间。"),
        "max(time)",
        |f| M::or(f.history.span(), |(_, last)| M::Time(last), Why::NoCase),
    ),
    i(
        "L05",
        w("Time covered", "覆盖时长"),
        w("Days between the first and the last record.", "首末两条记录之间的天数。"),
        "max(time) − min(time)",
        |f| M::or(f.history.span(), |(first, last)| M::Days(days(last.duration_since(first))), Why::NoCase),
    ),
    i(
        "L06",
        w("Gaps in numbering", "编号缺口"),
        w(
            "Records whose number is not one more than that before. Must be 0.",
            "编号不连续的记录数，应为 0。",
        ),
        "count(seq ≠ previous seq + 1) over all time",
        |f| {
            M::Count(
                pairs(f, |one, other| other.seq != one.seq + 1)
                    + u64::from(f.history.all.first().is_some_and(|first| first.seq != 1)),
            )
        },
    ),
    i(
        "L07",
        w("Times running backwards", "时间倒退"),
        w(
            "Records that are dated before their predecessor. Must be 0.",
            "时间早于前一条记录的记录数，应为 0。",
        ),
        "count(time < previous time) over all time",
        |f| {
            M::Count(pairs(
                f,
                |one, other| matches!((moment(one), moment(other)), (Some(one), Some(other)) if other < one),
            ))
        },
    ),
    i(
        "L08",
        w("Unreadable times", "无法解析的时间"),
        w("Records whose time is no time. Must be 0.", "时间字段无法解析的记录数，应为 0。"),
        "count(time is not RFC 3339) over all time",
        |f| M::Count(f.history.all.iter().filter(|entry| moment(entry).is_none()).count() as u64),
    ),
    i(
        "L09",
        w("Longest silence", "最长静默"),
        w(
            "The longest time without any record within the reported time.",
            "报告期内两条相邻记录之间的最长间隔。",
        ),
        "max(time − previous time)",
        |f| M::or(gaps(f).into_iter().reduce(f64::max), M::Seconds, Why::NoCase),
    ),
    i(
        "L10",
        w("Records without their reservation", "缺少预留的记录"),
        w(
            "Releases, answers or aborts that belong to no reservation, or belong to it a second time. Must be 0.",
            "没有对应预留或重复对应的释放、答复、中止记录，应为 0。",
        ),
        "count(spend, answer, abort whose body.reserve is no open reserve)",
        |f| M::Count(f.history.orphans.len() as u64),
    ),
    i(
        "L11",
        w("Beginnings", "日志起点"),
        w(
            "Records that begin the log. More than one means that it was begun anew.",
            "日志起始记录数；多于 1 表示日志曾重新开始。",
        ),
        "count(open) over all time",
        |f| M::Count(f.history.all.iter().filter(|entry| entry.kind == Kind::Open).count() as u64),
    ),
    i(
        "L12",
        w("Spans given up", "放弃的区段"),
        w(
            "Damaged or lost spans that were given up, counted as spent.",
            "因损坏或丢失而放弃（按已花费计）的区段数。",
        ),
        "count(recovery)",
        |f| M::Count(f.history.count(Kind::Recovery)),
    ),
    i(
        "L13",
        w("Records left out for flooding", "限流合并的记录"),
        w(
            "Records of one partner that were too many to write one by one; only their number is kept.",
            "因单个合作方记录过多而未逐条写入、仅保留数量的记录数。",
        ),
        "sum(dropped.body.count)",
        |f| {
            M::Count(f.history.of(Kind::Dropped).map(|entry| entry.body["count"].as_u64().unwrap_or(1)).sum())
        },
    ),
    i(
        "L14",
        w("Chain verified", "日志链验证"),
        w(
            "Whether every check of the chain that could be made held.",
            "所有可执行的日志链检查是否全部通过。",
        ),
        "all(checks)",
        |f| {
            let made: Vec<bool> = f.checks.iter().filter_map(|check| check.ok).collect();
            if made.is_empty() { M::Untold(Why::NotChecked) } else { M::Holds(made.iter().all(|ok| *ok)) }
        },
    ),
    i(
        "L15",
        w("Checks that held", "通过的检查"),
        w("Checks of the chain that held, of those made.", "通过的检查数占已执行检查数之比。"),
        "count(checks that held) / count(checks made)",
        |f| {
            let held = |check: &&Check| check.ok == Some(true);
            let made = f.checks.iter().filter(|check| check.ok.is_some()).count();
            if made == 0 {
                M::Untold(Why::NotChecked)
            } else {
                M::Share(f.checks.iter().filter(held).count() as u64, made as u64)
            }
        },
    ),
    i(
        "L16",
        w("Checks that could not be made", "未能执行的检查"),
        w("Checks for which the folder lacked what they need.", "因材料缺失而无法执行的检查数。"),
        "count(checks not made)",
        |f| M::Count(f.checks.iter().filter(|check| check.ok.is_none()).count() as u64),
    ),
    i(
        "L17",
        w("Cosigned by partners", "合作方会签"),
        w("Whether partners have cosigned the newest head.", "最新日志头是否已由合作方会签。"),
        "check(cosignatures)",
        |f| M::or(f.check("cosignatures").and_then(|check| check.ok), M::Holds, Why::NotChecked),
    ),
    i(
        "L18",
        w("Days with records", "有记录的天数"),
        w("Different days (UTC) with at least one record.", "至少有一条记录的日期数（UTC）。"),
        "count(distinct day(time))",
        |f| {
            let mut days: Vec<_> = f
                .history
                .entries
                .iter()
                .filter_map(|entry| Some(moment(entry)?.to_zoned(TimeZone::UTC).date()))
                .collect();
            days.dedup();
            M::Count(days.len() as u64)
        },
    ),
    i(
        "L19",
        w("Largest record", "最大记录"),
        w(
            "Bytes of the largest body. The format allows 65,535 for a whole record.",
            "最大记录正文的字节数（整条记录上限 65,535）。",
        ),
        "max(bytes(body))",
        |f| {
            M::or(
                f.history.entries.iter().map(|entry| entry.body.to_string().len() as u64).max(),
                M::Count,
                Why::NoCase,
            )
        },
    ),
    i(
        "L20",
        w("Kinds of record", "记录种类"),
        w("Kinds of record that occur, of all there are.", "出现的记录种类占全部种类之比。"),
        "count(distinct kind) / 17",
        |f| {
            let seen = Kind::ALL.iter().filter(|kind| f.history.of(**kind).next().is_some()).count();
            M::Share(seen as u64, Kind::ALL.len() as u64)
        },
    ),
    i(
        "L21",
        w("Records at night", "夜间记录"),
        w("Records made between 22:00 and 06:00 UTC.", "UTC 22:00 至 06:00 之间的记录占比。"),
        "count(hour(time) ≥ 22 or < 6) / count(*)",
        |f| {
            M::share(
                f.history.entries.iter().filter(|entry| moment(entry).is_some_and(at_night)).count() as u64,
                f.history.entries.len() as u64,
            )
        },
    ),
    i(
        "L22",
        w("Records with a partner", "涉及合作方的记录"),
        w("Records that name a partner.", "涉及合作方的记录占比。"),
        "count(partner ≠ null) / count(*)",
        |f| {
            M::share(
                f.history.entries.iter().filter(|entry| entry.partner.is_some()).count() as u64,
                f.history.entries.len() as u64,
            )
        },
    ),
];

/// Between 22:00 and 06:00 UTC.
pub(super) fn at_night(time: Timestamp) -> bool {
    !(6..22).contains(&time.to_zoned(TimeZone::UTC).hour())
}

pub(super) fn days(length: SignedDuration) -> f64 {
    length.as_secs_f64() / 86_400.0
}

fn pairs(f: &Facts, wrong: impl Fn(&Entry, &Entry) -> bool) -> u64 {
    f.history.all.windows(2).filter(|pair| wrong(&pair[0], &pair[1])).count() as u64
}

fn gaps(f: &Facts) -> Vec<f64> {
    let times: Vec<Timestamp> = f.history.entries.iter().filter_map(|entry| moment(entry)).collect();
    times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).collect()
}
