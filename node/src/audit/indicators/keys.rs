//! Keys, settings, and who took the record out.

use std::collections::BTreeSet;

use jiff::Timestamp;
use tacit_protocol::log::{Entry, Kind};

use super::{Group, Indicator, Measure as M, Why, indicator as i, log::days, words as w};
use crate::audit::{
    facts::{Facts, text},
    history::moment,
};

pub const GROUP: Group = Group {
    title: w("Keys, settings and exports", "密钥、配置与导出"),
    law: w(
        "GDPR Art. 32(1)(a)–(b), (d); PIPL Art. 51(1), (3), 54; Data Security Law Art. 27",
        "GDPR 第32(1)(a)–(b)、(d)条；个人信息保护法 第51条第1、3项，第54条；数据安全法 第27条",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "K01",
        w("Key and certificate changes", "密钥与证书变更"),
        w("Changes of keys or certificates of this node.", "本节点密钥或证书变更次数。"),
        "count(key)",
        |f| M::Count(f.history.count(Kind::Key)),
    ),
    i(
        "K02",
        w("Certificates rotated", "证书轮换"),
        w("New TLS keys and certificates.", "TLS 密钥与证书轮换次数。"),
        "count(key, what starts with certificate)",
        |f| M::Count(f.history.of(Kind::Key).filter(|e| e.what.starts_with("certificate")).count() as u64),
    ),
    i(
        "K03",
        w("Signing keys changed", "签名密钥变更"),
        w("Changes of the key that signs the log.", "日志签名密钥变更次数。"),
        "count(key, what does not start with certificate)",
        |f| M::Count(f.history.of(Kind::Key).filter(|e| !e.what.starts_with("certificate")).count() as u64),
    ),
    i(
        "K04",
        w("Newest key change", "最近密钥变更"),
        w("When a key or certificate was changed last.", "最近一次密钥或证书变更时间。"),
        "max(time of key)",
        |f| M::or(f.newest(Kind::Key), M::Time, Why::NoCase),
    ),
    i(
        "K05",
        w("Age of keys", "密钥使用天数"),
        w(
            "Days from the newest key change (or the log's beginning) to the last record.",
            "最近密钥变更（或日志开始）至末条记录的天数。",
        ),
        "max(time) − max(time of key, open) over all time",
        |f| M::or(since(f, |e| matches!(e.kind, Kind::Key | Kind::Open)), M::Days, Why::NoCase),
    ),
    i(
        "K06",
        w("Partners told of the newest change", "最近变更已告知的合作方"),
        w("Partners that were told at once of the newest key change.", "最近一次密钥变更即时告知的合作方。"),
        "newest key.body.announced_to",
        |f| {
            let told = f.history.of(Kind::Key).last().and_then(|e| e.body["announced_to"].as_array());
            M::or(told, |names| M::names(names.iter().filter_map(|name| name.as_str())), Why::NoCase)
        },
    ),
    i(
        "K07",
        w("Settings changed", "配置变更"),
        w("Records of settings that matter for privacy.", "与隐私相关的配置变更记录数。"),
        "count(config)",
        |f| M::Count(f.history.count(Kind::Config)),
    ),
    i(
        "K08",
        w("Newest change of settings", "最近配置变更"),
        w("When a setting was changed last.", "最近一次配置变更时间。"),
        "max(time of config)",
        |f| M::or(f.newest(Kind::Config), M::Time, Why::NoCase),
    ),
    i(
        "K09",
        w("Which settings changed", "变更的配置项"),
        w("Names of settings that records of changes name.", "配置变更记录所指名的配置项。"),
        "distinct config.body.changed",
        |f| {
            let changed = f.history.of(Kind::Config).filter_map(|e| e.body["changed"].as_array()).flatten();
            M::names(changed.filter_map(|name| name.as_str()).collect::<BTreeSet<_>>())
        },
    ),
    i(
        "K10",
        w("Versions", "软件版本"),
        w("Versions of the software that records name.", "记录所指名的软件版本。"),
        "distinct body.version of open and config",
        |f| {
            let told = f.history.all.iter().filter(|e| matches!(e.kind, Kind::Open | Kind::Config));
            M::names(told.filter_map(|e| text(&e.body, "version")).collect::<BTreeSet<_>>())
        },
    ),
    i(
        "X01",
        w("Exports", "导出"),
        w(
            "Times at which somebody took the log, or a report of it, out of the node.",
            "日志或报告被导出的次数。",
        ),
        "count(export)",
        |f| M::Count(f.history.count(Kind::Export)),
    ),
    i(
        "X02",
        w("Newest export", "最近导出"),
        w("When the log was taken out last.", "最近一次导出时间。"),
        "max(time of export)",
        |f| M::or(f.newest(Kind::Export), M::Time, Why::NoCase),
    ),
    i(
        "X03",
        w("Days since the newest export", "距最近导出天数"),
        w(
            "Days from the newest export to the last record: what is kept elsewhere is no newer.",
            "最近导出至末条记录的天数（异地副本不新于此）。",
        ),
        "max(time) − max(time of export) over all time",
        |f| M::or(since(f, |e| e.kind == Kind::Export), M::Days, Why::NoCase),
    ),
    i(
        "X04",
        w("Records since the newest export", "导出后新增记录"),
        w("Records that no export holds.", "尚未被任何导出包含的记录数。"),
        "count(*) after max(seq of export)",
        |f| {
            let newest = f.history.all.iter().rfind(|e| e.kind == Kind::Export).map_or(0, |e| e.seq);
            M::Count(f.history.all.iter().filter(|e| e.seq > newest).count() as u64)
        },
    ),
    i(
        "X05",
        w("People who exported", "导出人"),
        w("Names under which the log was taken out.", "导出操作的署名。"),
        "distinct export.body.by",
        |f| M::names(f.different(Kind::Export, |e| text(&e.body, "by"))),
    ),
];

/// Days from the newest record of a kind, over all time, to the last record.
fn since(f: &Facts, is: impl Fn(&Entry) -> bool) -> Option<f64> {
    let newest: Timestamp = f.history.all.iter().rev().find(|entry| is(entry)).and_then(moment)?;
    let (_, last) = f.history.span()?;
    Some(days(last.duration_since(newest)).max(0.0))
}
