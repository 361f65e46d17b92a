//! What people decided.

use std::collections::{BTreeSet, HashMap};

use jiff::tz::TimeZone;
use tacit_protocol::log::{Entry, Kind};

use super::{Group, Indicator, Measure as M, Why, indicator as i, log::at_night, words as w};
use crate::audit::{
    facts::{Facts, most, quantile, text},
    history::{Run, Side, moment},
};

pub const GROUP: Group = Group {
    title: w("Approvals by people", "人工审批"),
    law: w(
        "GDPR Art. 22, 29, 32(4); PIPL Art. 24, 51(1), 51(4)",
        "GDPR 第22、29、32(4)条；个人信息保护法 第24条，第51条第1、4项",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "A01",
        w("Decisions", "审批决定"),
        w("Decisions of people about single runs.", "就单次运行作出的人工决定数。"),
        "count(approval)",
        |f| M::Count(f.history.count(Kind::Approval)),
    ),
    i(
        "A02",
        w("Approved", "批准"),
        w("Runs that a person approved.", "人工批准的运行数。"),
        "count(approval, what = approved)",
        |f| M::Count(f.said(Kind::Approval, "approved")),
    ),
    i(
        "A03",
        w("Denied", "拒绝"),
        w("Runs that a person denied.", "人工拒绝的运行数。"),
        "count(approval, what = denied)",
        |f| M::Count(f.said(Kind::Approval, "denied")),
    ),
    i(
        "A04",
        w("Share denied", "拒绝比例"),
        w(
            "Denied runs, of those decided: an approver who never denies may not be looking.",
            "拒绝占全部决定的比例（从不拒绝可能意味着未实质审查）。",
        ),
        "A03 / A01",
        |f| M::share(f.said(Kind::Approval, "denied"), f.history.count(Kind::Approval)),
    ),
    i(
        "A05",
        w("People who decided", "审批人数"),
        w("Different names of approvers.", "不同审批人的数量。"),
        "count(distinct approval.body.by)",
        |f| M::Count(f.different(Kind::Approval, |e| text(&e.body, "by")).len() as u64),
    ),
    i(
        "A06",
        w("Busiest approver", "最多审批者"),
        w("The name under which most decisions were made.", "作出决定最多的审批人。"),
        "mode(approval.body.by)",
        |f| {
            M::or(
                most(f.history.of(Kind::Approval).filter_map(|e| text(&e.body, "by"))),
                |(name, count)| M::names([format!("{name} ({count})")]),
                Why::NoCase,
            )
        },
    ),
    i(
        "A07",
        w("Share of the busiest approver", "最多审批者占比"),
        w("Decisions of the busiest approver, of all decisions.", "最多审批者的决定占比。"),
        "count(approval by A06) / A01",
        |f| {
            M::or(
                most(f.history.of(Kind::Approval).filter_map(|e| text(&e.body, "by"))),
                |(_, count)| M::share(count, f.history.count(Kind::Approval)),
                Why::NoCase,
            )
        },
    ),
    i(
        "A08",
        w("Decisions without a person's name", "未署名的决定"),
        w("Decisions under a bare account number, or under no name.", "仅有账号编号或无署名的决定数。"),
        "count(approval, body.by missing or starts with uid)",
        |f| {
            M::Count(
                f.history
                    .of(Kind::Approval)
                    .filter(|e| text(&e.body, "by").is_none_or(|by| by.starts_with("uid ")))
                    .count() as u64,
            )
        },
    ),
    i(
        "A09",
        w("Denials with a reason", "附理由的拒绝"),
        w("Denials whose reason is on record.", "记录了理由的拒绝比例。"),
        "count(denied with body.reason) / A03",
        |f| {
            M::share(
                f.history
                    .of(Kind::Approval)
                    .filter(|e| e.what == "denied" && text(&e.body, "reason").is_some())
                    .count() as u64,
                f.said(Kind::Approval, "denied"),
            )
        },
    ),
    i(
        "A10",
        w("Questions that need a person", "需人工审批的查询"),
        w(
            "Permitted questions for which the contract wants a person's approval at one side.",
            "合同要求人工审批的获准查询数。",
        ),
        "count(runs, body.approvals not empty)",
        |f| M::Count(needing(f).count() as u64),
    ),
    i(
        "A11",
        w("Share that needs a person", "需审批比例"),
        w("Of permitted questions, those that need a person.", "获准查询中需人工审批的比例。"),
        "A10 / Q01",
        |f| M::share(needing(f).count() as u64, f.runs().len() as u64),
    ),
    i(
        "A12",
        w("Revelations without a person", "无审批的名单揭示"),
        w("Revelations that needed no person's approval anywhere.", "任何一方均无需人工审批的名单揭示数。"),
        "count(runs, kind = reveal, body.approvals empty)",
        |f| M::Count(f.runs_that(|run| run.is_reveal() && !needs(run))),
    ),
    i(
        "A13",
        w("Approved here before it ran", "事前批准"),
        w(
            "Questions asked of this node that needed a person, and whose approval here stands before the reservation.",
            "需审批且在预留前已有本方批准记录的应答查询数。",
        ),
        "count(runs asked of this node with an earlier approved approval of the same body.question)",
        |f| M::Count(approved(f).count() as u64),
    ),
    i(
        "A14",
        w("Approvals not used", "未使用的批准"),
        w("Approved runs that no later reservation used.", "未被后续查询使用的批准数。"),
        "count(approved without a later reserve of the same body.question)",
        |f| {
            let used: BTreeSet<u64> = approved(f).map(|(approval, _)| approval.seq).collect();
            M::Count(
                f.history
                    .of(Kind::Approval)
                    .filter(|e| e.what == "approved" && !used.contains(&e.seq))
                    .count() as u64,
            )
        },
    ),
    i(
        "A15",
        w("Median time from approval to run", "批准至运行中位时长"),
        w("Median time between a person's yes and the reservation.", "批准至预留的中位时长。"),
        "median(reserve.time − approval.time)",
        |f| {
            let times = approved(f).filter_map(|(approval, run)| {
                Some(moment(run.reserve)?.duration_since(moment(approval)?).as_secs_f64())
            });
            M::or(quantile(times.collect(), 0.5), M::Seconds, Why::NoCase)
        },
    ),
    i(
        "A16",
        w("Decisions at night", "夜间决定"),
        w("Decisions between 22:00 and 06:00 UTC.", "UTC 22:00 至 06:00 作出的决定比例。"),
        "count(approval, hour ≥ 22 or < 6) / A01",
        |f| {
            M::share(
                f.history.of(Kind::Approval).filter(|e| moment(e).is_some_and(at_night)).count() as u64,
                f.history.count(Kind::Approval),
            )
        },
    ),
    i(
        "A17",
        w("Most decisions in a day", "单日最多决定"),
        w("Most decisions on one day (UTC).", "单日（UTC）最多决定数。"),
        "max(count of approval by day)",
        |f| {
            M::or(
                most(
                    f.history
                        .of(Kind::Approval)
                        .filter_map(|e| Some(moment(e)?.to_zoned(TimeZone::UTC).date())),
                ),
                |(_, count)| M::Count(count),
                Why::NoCase,
            )
        },
    ),
    i(
        "A18",
        w("One run decided twice", "重复决定"),
        w(
            "Decisions about a run that had been decided before. Must be 0.",
            "对已决定运行再次作出的决定数，应为 0。",
        ),
        "count(approval) − count(distinct approval.body.approval)",
        |f| {
            let named = || f.history.of(Kind::Approval).filter_map(|e| text(&e.body, "approval"));
            M::Count((named().count() - named().collect::<BTreeSet<_>>().len()) as u64)
        },
    ),
];

fn needs(run: &Run) -> bool {
    run.reserve.body["approvals"].as_array().is_some_and(|sides| !sides.is_empty())
}

fn needing<'f>(f: &'f Facts) -> impl Iterator<Item = &'f Run<'f>> {
    f.runs().iter().filter(|run| needs(run))
}

/// Questions asked of this node with the newest approval of theirs that stands before them.
fn approved<'f>(f: &'f Facts) -> impl Iterator<Item = (&'f Entry, &'f Run<'f>)> {
    let mut approvals: HashMap<&str, Vec<&Entry>> = HashMap::new();
    for entry in f.history.all.iter().filter(|entry| entry.kind == Kind::Approval && entry.what == "approved")
    {
        if let Some(question) = text(&entry.body, "question") {
            approvals.entry(question).or_default().push(entry);
        }
    }
    needing(f).filter(|run| run.side == Side::Owner).filter_map(move |run| {
        let given = approvals.get(text(&run.reserve.body, "question")?)?;
        let before = given.iter().rfind(|approval| approval.seq < run.reserve.seq)?;
        Some((*before, run))
    })
}
