//! How much the contracts in force allow: the exposure that an impact assessment weighs.

use std::collections::BTreeSet;

use super::{
    Group, Indicator, Measure as M, Why,
    contracts::{of, with},
    indicator as i, words as w,
};
use crate::{
    audit::facts::Facts,
    policy::{ColumnClass, ColumnTerms, ColumnUse, DatasetTerms, Receiver, Terms, Values},
};

pub const GROUP: Group = Group {
    title: w("Exposure under contracts in force", "有效合同下的数据暴露"),
    law: w(
        "GDPR Art. 5(1)(c), 25, 35, 44–49; PIPL Art. 6, 28, 38–40, 55, 56; Data Security Law Art. 21",
        "GDPR 第5(1)(c)、25、35、44–49条；个人信息保护法 第6、28、38–40、55、56条；数据安全法 第21条",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "E01",
        w("Allow revelations", "允许名单揭示"),
        w(
            "Contracts in force that let one partner learn which of its own customers match.",
            "允许一方获知匹配客户名单的有效合同数。",
        ),
        "count(contracts in force with allow.reveal)",
        |f| count(f, |t| t.allow.reveal.is_some()),
    ),
    i(
        "E02",
        w("Revelations without a person", "名单揭示无需审批"),
        w("Of those, contracts that want no person's approval.", "其中无需人工审批的合同数。"),
        "count(allow.reveal with empty approval)",
        |f| count(f, |t| t.allow.reveal.as_ref().is_some_and(|r| r.approval.is_empty())),
    ),
    i(
        "E03",
        w("Allow statistics", "允许统计"),
        w("Contracts in force that allow noisy figures over one table.", "允许单方加噪统计的有效合同数。"),
        "count(contracts in force with allow.aggregate)",
        |f| count(f, |t| t.allow.aggregate),
    ),
    i(
        "E04",
        w("Allow statistics over the overlap", "允许交集统计"),
        w("Contracts in force that allow noisy figures over the overlap.", "允许交集加噪统计的有效合同数。"),
        "count(contracts in force with allow.join)",
        |f| count(f, |t| t.allow.join),
    ),
    i(
        "E05",
        w("Allow training", "允许训练"),
        w("Contracts in force that allow training together.", "允许联合训练的有效合同数。"),
        "count(contracts in force with allow.train)",
        |f| count(f, |t| t.allow.train.is_some()),
    ),
    i(
        "E06",
        w("Across regions", "允许跨区域"),
        w(
            "Contracts in force under which rows of different regions may meet.",
            "允许不同区域数据汇合的有效合同数。",
        ),
        "count(contracts in force with allow.cross_region)",
        |f| count(f, |t| t.allow.cross_region),
    ),
    i(
        "E07",
        w("Quality figures shared", "共享质量指标"),
        w(
            "Contracts in force under which partners see quality figures of each other's data.",
            "允许合作方查看数据质量指标的有效合同数。",
        ),
        "count(contracts in force with allow.quality)",
        |f| count(f, |t| t.allow.quality),
    ),
    i(
        "E08",
        w("Answers to both", "双方获知"),
        w("Contracts in force whose answers go to both partners.", "答复由双方获知的有效合同数。"),
        "count(contracts in force, receiver = both)",
        |f| count(f, |t| t.privacy.receiver == Receiver::Both),
    ),
    i(
        "E09",
        w("Datasets in contracts", "合同数据集"),
        w("Different datasets that contracts in force name.", "有效合同涉及的数据集数。"),
        "count(distinct dataset)",
        |f| {
            with(f, || {
                M::Count(datasets(f).map(DatasetTerms::full_name).collect::<BTreeSet<_>>().len() as u64)
            })
        },
    ),
    i(
        "E10",
        w("Columns that exist for partners", "对外字段"),
        w("Different columns that contracts in force list at all.", "有效合同列出的字段数。"),
        "count(distinct dataset.column)",
        |f| columns(f, |_| true),
    ),
    i(
        "E11",
        w("Columns for conditions", "可筛选字段"),
        w("Columns that conditions of noisy answers may look at.", "可用于加噪统计筛选的字段数。"),
        "count(columns, use has filter)",
        |f| columns(f, |c| c.uses.contains(&ColumnUse::Filter)),
    ),
    i(
        "E12",
        w("Columns for groups", "可分组字段"),
        w("Columns by whose values answers may be split.", "可用于分组的字段数。"),
        "count(columns, use has group)",
        |f| columns(f, |c| c.uses.contains(&ColumnUse::Group)),
    ),
    i(
        "E13",
        w("Columns that are measured", "可度量字段"),
        w("Columns that may be summed, clamped to agreed bounds.", "可求和（按约定边界截断）的字段数。"),
        "count(columns, use has measure)",
        |f| columns(f, |c| c.uses.contains(&ColumnUse::Measure)),
    ),
    i(
        "E14",
        w("Columns told about single customers", "可揭示个人的字段"),
        w(
            "Columns on which a revelation may set conditions, which tells their value for every match.",
            "可在名单揭示中设条件（从而泄露每个匹配客户取值）的字段数。",
        ),
        "count(columns, use has reveal-filter)",
        |f| columns(f, |c| c.uses.contains(&ColumnUse::RevealFilter)),
    ),
    i(
        "E15",
        w("Match keys", "匹配字段"),
        w("Columns by which customers are matched.", "用于匹配客户的字段数。"),
        "count(columns, use has match)",
        |f| columns(f, |c| c.uses.contains(&ColumnUse::Match)),
    ),
    i(
        "E16",
        w("Important data", "重要数据字段"),
        w("Listed columns of the class important.", "列出的重要级别字段数。"),
        "count(columns, class = important)",
        |f| columns(f, |c| c.class == ColumnClass::Important),
    ),
    i(
        "E17",
        w("Core data", "核心数据字段"),
        w(
            "Listed columns of the class core: matched by, and nothing else.",
            "列出的核心级别字段数（仅可用于匹配）。",
        ),
        "count(columns, class = core)",
        |f| columns(f, |c| c.class == ColumnClass::Core),
    ),
    i(
        "E18",
        w("Columns with listed values", "限定取值的字段"),
        w("Columns of which only agreed values exist for partners.", "仅约定取值对外可见的字段数。"),
        "count(columns, values listed)",
        |f| columns(f, |c| matches!(c.values, Values::Listed(_))),
    ),
    i(
        "E19",
        w("Datasets bound to a region", "限定区域的数据集"),
        w(
            "Datasets in contracts in force whose rows must not leave a region.",
            "数据不得离开指定区域的数据集数。",
        ),
        "count(datasets with region)",
        |f| {
            with(f, || {
                M::Count(
                    datasets(f)
                        .filter(|d| d.region.is_some())
                        .map(DatasetTerms::full_name)
                        .collect::<BTreeSet<_>>()
                        .len() as u64,
                )
            })
        },
    ),
    i(
        "E20",
        w("Smallest group shown", "最小群组"),
        w("The smallest noisy group that any contract in force shows.", "有效合同中最小可显示群组人数。"),
        "min(privacy.min_group)",
        |f| with(f, || M::or(of(f).map(|t| u64::from(t.privacy.min_group)).min(), M::Count, Why::NoCase)),
    ),
    i(
        "E21",
        w("Largest ε agreed", "约定最大 ε"),
        w(
            "The largest ε that any contract in force allows over its life, per partner asking.",
            "有效合同整个期限内（每查询方）允许的最大 ε。",
        ),
        "max(privacy.epsilon)",
        |f| {
            with(f, || {
                M::or(
                    of(f).map(|t| t.privacy.epsilon_micro).max(),
                    |micro| M::Epsilon(micro as f64 / 1e6),
                    Why::NoCase,
                )
            })
        },
    ),
    i(
        "E22",
        w("Largest ε for one question", "单次最大 ε"),
        w(
            "The largest ε that any contract in force allows for one question.",
            "有效合同允许的单次查询最大 ε。",
        ),
        "max(privacy.per_query_epsilon)",
        |f| {
            with(f, || {
                M::or(
                    of(f).map(|t| t.privacy.per_query_epsilon_micro).max(),
                    |micro| M::Epsilon(micro as f64 / 1e6),
                    Why::NoCase,
                )
            })
        },
    ),
    i(
        "E23",
        w("Largest δ agreed", "约定最大 δ"),
        w("The largest δ that any contract in force allows.", "有效合同允许的最大 δ。"),
        "max(privacy.delta)",
        |f| {
            with(f, || {
                M::or(
                    of(f).map(|t| t.privacy.delta_femto).max(),
                    |femto| M::Delta(femto.saturating_mul(1_000)),
                    Why::NoCase,
                )
            })
        },
    ),
    i(
        "E24",
        w("Identity rules", "身份匹配规则"),
        w("The identity profiles of contracts in force.", "有效合同采用的身份匹配规则。"),
        "distinct identity.profile",
        |f| with(f, || M::names(of(f).map(|t| t.identity.profile.to_string()).collect::<BTreeSet<_>>())),
    ),
];

fn count(f: &Facts, is: impl Fn(&Terms) -> bool) -> M {
    with(f, || M::Count(of(f).filter(|terms| is(terms)).count() as u64))
}

fn datasets<'f>(f: &'f Facts) -> impl Iterator<Item = &'f DatasetTerms> {
    of(f).flat_map(|terms| &terms.datasets)
}

/// Different columns; one that two contracts list counts once if either says so.
fn columns(f: &Facts, is: impl Fn(&ColumnTerms) -> bool) -> M {
    with(f, || {
        let named = datasets(f).flat_map(|dataset| {
            dataset.columns.iter().map(move |(name, column)| (dataset.full_name(), name, column))
        });
        let fitting = named.filter(|(.., column)| is(column)).map(|(dataset, name, _)| (dataset, name));
        M::Count(fitting.collect::<BTreeSet<_>>().len() as u64)
    })
}
