//! What was agreed, and whether questions kept to it.

use std::collections::BTreeSet;

use jiff::{civil::Date, tz::TimeZone};
use tacit_protocol::log::Kind;

use super::{Group, Indicator, Measure as M, Why, indicator as i, words as w};
use crate::{
    audit::{
        facts::{Facts, text},
        history::{Run, moment},
    },
    policy::{State, Terms},
};

pub const GROUP: Group = Group {
    title: w("Contracts, purposes and legal bases", "合同、目的与法律依据"),
    law: w(
        "GDPR Art. 5(1)(b), 6, 26, 28, 30(1)(b); PIPL Art. 6, 13, 20, 21, 23, 55(3), 56",
        "GDPR 第5(1)(b)、6、26、28、30(1)(b)条；个人信息保护法 第6、13、20、21、23、55、56条",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "C01",
        w("Contracts on record", "记录中的合同"),
        w(
            "Different contracts that any record up to the end of the reported time names.",
            "截至报告期末日志涉及的合同数。",
        ),
        "count(distinct contract) over all time",
        |f| M::Count(f.history.all.iter().filter_map(|e| e.contract).collect::<BTreeSet<_>>().len() as u64),
    ),
    i(
        "C02",
        w("Proposed here", "本方提出"),
        w("Contracts that this node proposed.", "本方提出的合同数。"),
        "count(contract, what = proposed)",
        |f| M::Count(f.said(Kind::Contract, "proposed")),
    ),
    i(
        "C03",
        w("Accepted here", "本方接受"),
        w("Contracts that this node signed.", "本方签署的合同数。"),
        "count(contract, what = accepted)",
        |f| M::Count(f.said(Kind::Contract, "accepted")),
    ),
    i(
        "C04",
        w("Refused", "拒绝"),
        w("Contracts that were refused.", "被拒绝的合同数。"),
        "count(contract, what = refused)",
        |f| M::Count(f.said(Kind::Contract, "refused")),
    ),
    i(
        "C05",
        w("Ended", "终止"),
        w("Contracts that a partner or this node ended.", "被终止的合同数。"),
        "count(contract, what = ended)",
        |f| M::Count(f.said(Kind::Contract, "ended")),
    ),
    i(
        "C06",
        w("In force", "有效合同"),
        w("Contracts in force at the end of the reported time.", "报告期末有效的合同数。"),
        "count(contracts in force)",
        |f| with(f, || M::Count(f.in_force().count() as u64)),
    ),
    i(
        "C07",
        w("Waiting for a signature", "待签署"),
        w("Contracts that not everybody has signed.", "尚未全部签署的合同数。"),
        "count(contracts proposed)",
        |f| {
            with(f, || {
                M::Count(f.states().filter(|(_, s)| matches!(s, State::Proposed { .. })).count() as u64)
            })
        },
    ),
    i(
        "C08",
        w("Over", "已结束"),
        w("Contracts that expired, were ended or refused.", "已到期、终止或被拒绝的合同数。"),
        "count(contracts expired, ended, refused)",
        |f| {
            with(f, || {
                M::Count(
                    f.states()
                        .filter(|(_, s)| matches!(s, State::Expired | State::Ended(_) | State::Refused(_)))
                        .count() as u64,
                )
            })
        },
    ),
    i(
        "C09",
        w("Purposes agreed", "约定目的"),
        w("The purposes of contracts in force.", "有效合同约定的处理目的。"),
        "distinct purpose over contracts in force",
        |f| with(f, || M::names(of(f).map(|t| t.purpose.clone()).collect::<BTreeSet<_>>())),
    ),
    i(
        "C10",
        w("Legal bases agreed", "约定法律依据"),
        w("The legal bases that contracts in force name.", "有效合同载明的法律依据。"),
        "distinct legal_basis over contracts in force",
        |f| with(f, || M::names(of(f).filter_map(|t| t.legal_basis.clone()).collect::<BTreeSet<_>>())),
    ),
    i(
        "C11",
        w("Without a legal basis", "未载明法律依据"),
        w("Contracts in force that name no legal basis.", "未载明法律依据的有效合同数。"),
        "count(contracts in force without legal_basis)",
        |f| with(f, || M::Count(of(f).filter(|t| t.legal_basis.is_none()).count() as u64)),
    ),
    i(
        "C12",
        w("Days to the next end", "距最近到期天数"),
        w("Days until the first of the contracts in force is over.", "最早到期的有效合同剩余天数。"),
        "min(ends − today) over contracts in force",
        |f| {
            with(f, || {
                M::or(of(f).filter_map(|t| between(f.today(), t.ends)).reduce(f64::min), M::Days, Why::NoCase)
            })
        },
    ),
    i(
        "C13",
        w("Longest contract", "最长合同期"),
        w(
            "Days from the first to the last day of the longest contract in force.",
            "有效合同的最长期限（天）。",
        ),
        "max(ends − starts + 1) over contracts in force",
        |f| {
            with(f, || {
                M::or(
                    of(f).filter_map(|t| between(t.starts, t.ends)).map(|d| d + 1.0).reduce(f64::max),
                    M::Days,
                    Why::NoCase,
                )
            })
        },
    ),
    i(
        "C14",
        w("In force and never used", "未使用的有效合同"),
        w(
            "Contracts in force under which nothing was asked in the reported time: access that is not needed.",
            "报告期内未被使用的有效合同数（可能为不必要的授权）。",
        ),
        "count(contracts in force without runs)",
        |f| {
            with(f, || {
                M::Count(
                    f.in_force()
                        .filter(|d| {
                            f.runs().iter().all(|run| run.reserve.contract != Some(d.contract().id()))
                        })
                        .count() as u64,
                )
            })
        },
    ),
    i(
        "C15",
        w("Questions without a contract at hand", "缺合同文本的查询"),
        w(
            "Permitted questions under contracts whose signed text is not in the folder.",
            "其合同文本未随附的获准查询数。",
        ),
        "count(runs whose contract is not at hand)",
        |f| M::Count(f.runs_that(|run| terms(f, run).is_none())),
    ),
    i(
        "C16",
        w("Outside the contract's days", "超出合同期限"),
        w(
            "Permitted questions before the first or after the last day of their contract. Must be 0.",
            "在合同期限之外的获准查询数，应为 0。",
        ),
        "count(runs, day(time) < starts or > ends)",
        |f| {
            with(f, || {
                M::Count(f.runs_that(|run| match (terms(f, run), moment(run.reserve)) {
                    (Some(t), Some(time)) => {
                        !(t.starts..=t.ends).contains(&time.to_zoned(TimeZone::UTC).date())
                    }
                    _ => false,
                }))
            })
        },
    ),
    i(
        "C17",
        w("For another purpose", "目的不一致"),
        w(
            "Permitted questions whose purpose is not their contract's. Must be 0.",
            "目的与合同不一致的获准查询数，应为 0。",
        ),
        "count(runs, body.purpose ≠ contract's purpose)",
        |f| {
            with(f, || {
                M::Count(f.runs_that(|run| match (terms(f, run), text(&run.reserve.body, "purpose")) {
                    (Some(t), Some(purpose)) => t.purpose != purpose,
                    _ => false,
                }))
            })
        },
    ),
    i(
        "C18",
        w("Kinds that are not allowed", "类型超出合同"),
        w(
            "Permitted questions of a kind that their contract does not allow. Must be 0.",
            "类型不被合同允许的获准查询数，应为 0。",
        ),
        "count(runs, kind not in contract's allow)",
        |f| {
            with(f, || {
                M::Count(f.runs_that(|run| match (terms(f, run), run.kind()) {
                    (Some(t), Some("reveal")) => t.allow.reveal.is_none(),
                    (Some(t), Some("aggregate")) => !t.allow.aggregate,
                    (Some(t), Some("join")) => !t.allow.join,
                    _ => false,
                }))
            })
        },
    ),
    i(
        "C19",
        w("Signatures checked", "签名已核验"),
        w(
            "Contracts at hand, every signature on which was checked when this was made.",
            "随附且签名已逐一核验的合同数。",
        ),
        "count(contracts at hand)",
        |f| with(f, || M::Count(f.contracts.len() as u64)),
    ),
    i(
        "C20",
        w("Partners bound", "受约束的合作方"),
        w(
            "Different partners in contracts in force, this node among them.",
            "有效合同中的当事方数（含本方）。",
        ),
        "count(distinct partners over contracts in force)",
        |f| {
            with(f, || {
                M::Count(
                    f.in_force()
                        .flat_map(|d| d.contract().partners())
                        .map(|p| p.key)
                        .collect::<BTreeSet<_>>()
                        .len() as u64,
                )
            })
        },
    ),
];

/// Only with the signed texts at hand.
pub(super) fn with(f: &Facts, measure: impl FnOnce() -> M) -> M {
    if f.contracts.is_empty() { M::Untold(Why::NoContracts) } else { measure() }
}

/// The terms of contracts in force.
pub(super) fn of<'f>(f: &'f Facts) -> impl Iterator<Item = &'f Terms> {
    f.in_force().map(|document| document.contract().terms())
}

fn terms<'f>(f: &'f Facts, run: &Run) -> Option<&'f Terms> {
    Some(f.contract(run.reserve.contract?)?.contract().terms())
}

fn between(from: Date, to: Date) -> Option<f64> {
    Some(f64::from(from.until(to).ok()?.get_days()))
}
