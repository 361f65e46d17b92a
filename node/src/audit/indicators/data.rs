//! Which data answers came from, and how good it was.

use std::collections::BTreeSet;

use tacit_protocol::log::{Entry, Kind};

use super::{Group, Indicator, Measure as M, Why, indicator as i, log::days, words as w};
use crate::audit::{
    facts::{Facts, text},
    history::{Side, moment},
};

pub const GROUP: Group = Group {
    title: w("Data and its quality", "数据与数据质量"),
    law: w(
        "GDPR Art. 5(1)(d), 30(1)(c); PIPL Art. 8, 51(2); Data Security Law Art. 21, 27",
        "GDPR 第5(1)(d)、30(1)(c)条；个人信息保护法 第8条，第51条第2项；数据安全法 第21、27条",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "D01",
        w("Datasets registered", "登记的数据集"),
        w("Registrations of datasets, new and renewed.", "数据集登记次数（含更新）。"),
        "count(dataset, what = registered)",
        |f| M::Count(f.said(Kind::Dataset, "registered")),
    ),
    i(
        "D02",
        w("Datasets forgotten", "移除的数据集"),
        w("Datasets that were taken out again.", "移除的数据集数。"),
        "count(dataset, what = forgotten)",
        |f| M::Count(f.said(Kind::Dataset, "forgotten")),
    ),
    i(
        "D03",
        w("Datasets in use", "在用数据集"),
        w("Datasets that are registered at the end of the reported time.", "报告期末登记在册的数据集。"),
        "datasets registered and not forgotten, over all time",
        |f| M::names(f.standing(Kind::Dataset, "forgotten", |e| text(&e.body, "dataset"))),
    ),
    i(
        "D04",
        w("Versions registered", "登记的数据版本"),
        w("Different contents that were registered.", "登记的不同数据快照数。"),
        "count(distinct dataset.body.snapshot)",
        |f| M::Count(f.different(Kind::Dataset, |e| text(&e.body, "snapshot")).len() as u64),
    ),
    i(
        "D05",
        w("Versions read", "读取的数据版本"),
        w("Different contents of own data from which answers were computed.", "答复所依据的本方数据快照数。"),
        "count(distinct answer.body.outcome.snapshot)",
        |f| M::Count(f.different(Kind::Answer, |e| text(&e.body["outcome"], "snapshot")).len() as u64),
    ),
    i(
        "D06",
        w("Read as registered", "与登记一致"),
        w("Answers from a content that a record of a dataset names.", "依据登记在案快照的答复比例。"),
        "count(answers whose snapshot is in a dataset record) / count(answers with snapshot)",
        |f| {
            let known: BTreeSet<&str> = f
                .history
                .all
                .iter()
                .filter(|e| e.kind == Kind::Dataset)
                .filter_map(|e| text(&e.body, "snapshot"))
                .collect();
            let read = || f.history.of(Kind::Answer).filter_map(|e| text(&e.body["outcome"], "snapshot"));
            M::share(read().filter(|snapshot| known.contains(snapshot)).count() as u64, read().count() as u64)
        },
    ),
    i(
        "D07",
        w("Quality looked at", "质量检查次数"),
        w("Records of a dataset's quality.", "数据质量检查记录数。"),
        "count(dataset with body.quality)",
        |f| M::Count(quality(f).count() as u64),
    ),
    i(
        "D08",
        w("Datasets without quality on record", "无质量记录的数据集"),
        w("Datasets in use of which no record tells the quality.", "在用但无质量记录的数据集。"),
        "D03 without datasets of records with body.quality",
        |f| {
            let known: BTreeSet<&str> = f
                .history
                .all
                .iter()
                .filter(|e| e.body.get("quality").is_some())
                .filter_map(|e| text(&e.body, "dataset"))
                .collect();
            M::names(
                f.standing(Kind::Dataset, "forgotten", |e| text(&e.body, "dataset"))
                    .into_iter()
                    .filter(|name| !known.contains(name.as_str())),
            )
        },
    ),
    i(
        "D09",
        w("Datasets with warnings", "有质量警告的数据集"),
        w(
            "Datasets of which a record in the reported time tells something beyond its owner's thresholds.",
            "报告期内质量超出阈值的数据集。",
        ),
        "distinct dataset, body.quality.warnings > 0",
        |f| {
            M::names(
                quality(f)
                    .filter(|e| e.body["quality"]["warnings"].as_u64().is_some_and(|n| n > 0))
                    .filter_map(|e| text(&e.body, "dataset"))
                    .collect::<BTreeSet<_>>(),
            )
        },
    ),
    i(
        "D10",
        w("Least complete column", "最低完整率"),
        w(
            "The smallest share of filled cells of any column, in tenths, rounded down: the log holds no exact figures about customers.",
            "各字段最低完整率（按十分位向下取整；日志不含精确数据）。",
        ),
        "min(body.quality.complete)",
        |f| M::or(figures(f, "complete").reduce(f64::min), M::Number, Why::NotRecorded),
    ),
    i(
        "D11",
        w("Least valid column", "最低有效率"),
        w(
            "The smallest share of cells that read as they should, in tenths, rounded down.",
            "各字段最低有效率（按十分位向下取整）。",
        ),
        "min(body.quality.valid)",
        |f| M::or(figures(f, "valid").reduce(f64::min), M::Number, Why::NotRecorded),
    ),
    i(
        "D12",
        w("Least valid match key", "匹配键最低有效率"),
        w(
            "The smallest share of identifiers that are valid under the profile, in tenths, rounded down.",
            "匹配键最低有效率（按十分位向下取整）。",
        ),
        "min(body.quality.keys_valid)",
        |f| M::or(figures(f, "keys_valid").reduce(f64::min), M::Number, Why::NotRecorded),
    ),
    i(
        "D13",
        w("Oldest data looked at", "最旧数据"),
        w(
            "The greatest age of a dataset's newest file when its quality was looked at.",
            "质量检查时数据文件的最大时龄。",
        ),
        "max(body.quality.age_hours) / 24",
        |f| M::or(figures(f, "age_hours").reduce(f64::max), |hours| M::Days(hours / 24.0), Why::NotRecorded),
    ),
    i(
        "D14",
        w("Data read on the owner's side", "本方数据读取"),
        w(
            "Questions asked of this node for which own rows were read.",
            "本方作为数据方实际读取数据的查询数。",
        ),
        "count(runs asked of this node with spend)",
        |f| M::Count(f.runs_that(|run| run.side == Side::Owner && run.spend.is_some())),
    ),
    i(
        "D15",
        w("Oldest registration in use", "最早在用登记"),
        w("Days since the registration that is in use for longest.", "在用登记距今最长天数。"),
        "max(time) − min(newest registration of each dataset in use)",
        |f| M::or(oldest(f), M::Days, Why::NoCase),
    ),
];

fn quality<'f>(f: &'f Facts) -> impl Iterator<Item = &'f Entry> {
    f.history.of(Kind::Dataset).filter(|entry| entry.body.get("quality").is_some())
}

fn figures(f: &Facts, field: &str) -> impl Iterator<Item = f64> {
    quality(f).filter_map(move |entry| entry.body["quality"][field].as_f64())
}

fn oldest(f: &Facts) -> Option<f64> {
    let used = f.standing(Kind::Dataset, "forgotten", |entry| text(&entry.body, "dataset"));
    let (_, last) = f.history.span()?;
    let registered = |name: &String| {
        let mut records = f.history.all.iter().filter(|entry| entry.kind == Kind::Dataset);
        let newest = records.rfind(|e| e.what == "registered" && text(&e.body, "dataset") == Some(name))?;
        moment(newest)
    };
    let first = used.iter().filter_map(registered).min()?;
    Some(days(last.duration_since(first)))
}
