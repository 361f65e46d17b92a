//! Who the other organisations are.

use std::collections::{BTreeMap, BTreeSet};

use tacit_protocol::log::Kind;

use super::{Group, Indicator, Measure as M, Why, indicator as i, words as w};
use crate::audit::{
    facts::{Facts, most},
    history::Side,
};

pub const GROUP: Group = Group {
    title: w("Partners and recipients", "合作方与接收方"),
    law: w(
        "GDPR Art. 26, 28, 30(1)(d); PIPL Art. 20, 21, 23, 55(3)",
        "GDPR 第26、28、30(1)(d)条；个人信息保护法 第20、21、23条，第55条第3项",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "P01",
        w("Partners added", "新增合作方"),
        w("Partners whose card was taken in.", "新增信任的合作方数。"),
        "count(partner, what = added)",
        |f| M::Count(f.said(Kind::Partner, "added")),
    ),
    i(
        "P02",
        w("Cards renewed", "更新名片"),
        w("Newer cards of known partners.", "已知合作方更新名片的次数。"),
        "count(partner, what = renewed)",
        |f| M::Count(f.said(Kind::Partner, "renewed")),
    ),
    i(
        "P03",
        w("Partners removed", "移除合作方"),
        w("Partners that are trusted no longer.", "不再信任的合作方数。"),
        "count(partner, what = removed)",
        |f| M::Count(f.said(Kind::Partner, "removed")),
    ),
    i(
        "P04",
        w("Partners trusted", "受信合作方"),
        w("Partners that are trusted at the end of the reported time.", "报告期末受信任的合作方。"),
        "partners added and not removed, over all time",
        |f| M::names(trusted(f)),
    ),
    i(
        "P05",
        w("Partners that asked", "查询本方的合作方"),
        w("Partners that asked about this node's customers.", "查询本方客户数据的合作方。"),
        "distinct partner of runs asked of this node",
        |f| M::names(of_side(f, Side::Owner)),
    ),
    i(
        "P06",
        w("Partners that were asked", "被本方查询的合作方"),
        w("Partners that this node asked.", "被本方查询的合作方。"),
        "distinct partner of runs by this node",
        |f| M::names(of_side(f, Side::Asker)),
    ),
    i(
        "P07",
        w("Partner with most questions", "查询最多的合作方"),
        w("The partner that asked this node most.", "查询本方最多的合作方。"),
        "mode(partner of runs asked of this node)",
        |f| M::or(most(asking(f)), |(name, count)| M::names([format!("{name} ({count})")]), Why::NoCase),
    ),
    i(
        "P08",
        w("Share of that partner", "该合作方占比"),
        w("Its share of the questions asked of this node.", "其占本方应答查询的比例。"),
        "count(runs of P07) / Q03",
        |f| M::or(most(asking(f)), |(_, count)| M::share(count, asking(f).count() as u64), Why::NoCase),
    ),
    i(
        "P09",
        w("Partners with refusals alone", "仅有拒绝的合作方"),
        w("Partners whose questions were refused and none permitted.", "查询全部被拒绝的合作方。"),
        "partners of refusals without runs",
        |f| {
            let permitted: BTreeSet<&str> = asking(f).collect();
            M::names(
                f.different(Kind::Refusal, |e| e.partner.as_deref())
                    .into_iter()
                    .filter(|name| !permitted.contains(name)),
            )
        },
    ),
    i(
        "P10",
        w("Answered after removal", "移除后仍应答"),
        w(
            "Questions permitted to a partner after it was removed and before it was added again. Must be 0.",
            "在合作方被移除后仍获准的查询数，应为 0。",
        ),
        "count(reserve while the partner's newest record is removed)",
        |f| M::Count(after_removal(f)),
    ),
    i(
        "P11",
        w("Trusted and never used", "未使用的受信合作方"),
        w(
            "Partners that are trusted and with whom no question was exchanged: trust that is not needed.",
            "受信任但无查询往来的合作方（可能为不必要的信任）。",
        ),
        "P04 without partners of runs",
        |f| {
            let used: BTreeSet<&str> =
                f.runs().iter().filter_map(|run| run.reserve.partner.as_deref()).collect();
            M::names(trusted(f).into_iter().filter(|name| !used.contains(name.as_str())))
        },
    ),
    i(
        "P12",
        w("Names that two partners had", "重名合作方"),
        w("Names under which cards of different keys were taken in.", "对应不同密钥的同名合作方数。"),
        "count(partner names with more than one body.id)",
        |f| {
            let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
            for entry in f.history.all.iter().filter(|e| e.kind == Kind::Partner) {
                if let (Some(name), Some(id)) = (entry.partner.as_deref(), entry.body["id"].as_str()) {
                    ids.entry(name).or_default().insert(id);
                }
            }
            M::Count(ids.values().filter(|ids| ids.len() > 1).count() as u64)
        },
    ),
];

fn trusted(f: &Facts) -> BTreeSet<String> {
    f.standing(Kind::Partner, "removed", |entry| entry.partner.as_deref())
}

fn of_side(f: &Facts, side: Side) -> BTreeSet<String> {
    let runs = f.runs().iter().filter(|run| run.side == side);
    runs.filter_map(|run| run.reserve.partner.clone()).collect()
}

fn asking<'f>(f: &'f Facts) -> impl Iterator<Item = &'f str> {
    let runs = f.runs().iter().filter(|run| run.side == Side::Owner);
    runs.filter_map(|run| run.reserve.partner.as_deref())
}

fn after_removal(f: &Facts) -> u64 {
    let inside: BTreeSet<u64> = f.runs().iter().map(|run| run.reserve.seq).collect();
    let mut removed: BTreeSet<&str> = BTreeSet::new();
    let mut wrong = 0;
    for entry in f.history.all {
        let Some(name) = entry.partner.as_deref() else { continue };
        match entry.kind {
            Kind::Partner if entry.what == "removed" => _ = removed.insert(name),
            Kind::Partner => _ = removed.remove(name),
            Kind::Reserve if removed.contains(name) && inside.contains(&entry.seq) => wrong += 1,
            _ => {}
        }
    }
    wrong
}
