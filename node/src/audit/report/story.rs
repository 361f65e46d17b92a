//! Sentences about a contract's terms, in either language.

use crate::{
    audit::words::{Language, Words, words as w},
    policy::{ColumnClass, Consent, Terms},
};

/// A sentence with its blanks (`{}`) filled in order.
pub(super) fn say(language: Language, sentence: Words, blanks: &[&dyn std::fmt::Display]) -> String {
    let mut pieces = sentence.in_language(language).split("{}");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for (blank, piece) in blanks.iter().zip(pieces) {
        text.push_str(&blank.to_string());
        text.push_str(piece);
    }
    text
}

fn joined(language: Language, told: &[String]) -> String {
    told.join(match language {
        Language::English => "; ",
        Language::Chinese => "；",
    })
}

/// Where the rows may go.
pub(super) fn transfers(terms: &Terms, language: Language) -> String {
    let stays = w("{} stays in {}", "{} 不离开 {}");
    let mut told: Vec<String> = terms
        .datasets
        .iter()
        .filter_map(|dataset| Some(say(language, stays, &[&dataset.full_name(), dataset.region.as_ref()?])))
        .collect();
    let meet = match terms.allow.cross_region {
        true => w("rows of different regions may meet", "不同区域的数据可以汇合"),
        false => w("no rows of different regions meet", "不同区域的数据不得汇合"),
    };
    told.push(say(language, meet, &[]));
    told.push(say(language, w("rows never leave their owner's node", "数据行不离开数据方节点"), &[]));
    joined(language, &told)
}

/// What protects the customers.
pub(super) fn safeguards(terms: &Terms, language: Language) -> String {
    let privacy = &terms.privacy;
    let listed = terms.datasets.iter().filter(|d| matches!(d.consent, Consent::Column(_))).count();
    let budget = w(
        "ε {} and δ {} over the contract's life per partner asking, ε {} for one question",
        "合同期内每查询方 ε {}、δ {}，单次查询 ε {}",
    );
    let (whole, delta) = (privacy.epsilon_micro as f64 / 1e6, privacy.delta_femto as f64 / 1e15);
    let once = privacy.per_query_epsilon_micro as f64 / 1e6;
    let mut told = vec![
        say(language, budget, &[&whole, &delta, &once]),
        say(
            language,
            w("noisy groups below {} are not shown", "加噪后少于 {} 人的群组不予显示"),
            &[&privacy.min_group],
        ),
        say(
            language,
            w(
                "consent by column in {} of {} datasets, withdrawal lists in all",
                "{}/{} 个数据集按同意字段筛选，全部适用撤回名单",
            ),
            &[&listed, &terms.datasets.len()],
        ),
        say(language, w("customers matched by {}", "客户匹配规则 {}"), &[&terms.identity.profile]),
    ];
    if let Some(reveal) = &terms.allow.reveal {
        let at = reveal.approval.iter().cloned().collect::<Vec<_>>().join(", ");
        told.push(match at.is_empty() {
            true => say(
                language,
                w("revelations to {} without approval", "向 {} 的名单揭示无需审批"),
                &[&reveal.to],
            ),
            false => {
                let each = w(
                    "each revelation to {} approved by a person at {}",
                    "向 {} 的每次名单揭示须由 {} 人工审批",
                );
                say(language, each, &[&reveal.to, &at])
            }
        });
    }
    joined(language, &told)
}

/// Why an assessment is due.
pub(super) fn triggers(terms: &Terms, language: Language) -> String {
    let mut told = vec![w(
        "providing personal information to another handler (Art. 55(3))",
        "向其他个人信息处理者提供个人信息（第55条第3项）",
    )];
    let mut columns = terms.datasets.iter().flat_map(|dataset| dataset.columns.values());
    if columns.any(|column| column.class != ColumnClass::General) {
        told.push(w(
            "columns of important or core class (Art. 55(1), if sensitive)",
            "含重要或核心级别字段（如为敏感个人信息，第55条第1项）",
        ));
    }
    if terms.allow.train.is_some() {
        told.push(w(
            "models trained together (Art. 55(2), if decisions are automated)",
            "联合训练模型（如用于自动化决策，第55条第2项）",
        ));
    }
    if terms.allow.cross_region {
        told.push(w(
            "rows of different regions may meet (Art. 55(4), if abroad)",
            "不同区域数据汇合（如涉及境外，第55条第4项）",
        ));
    }
    let told: Vec<String> = told.into_iter().map(|sentence| say(language, sentence, &[])).collect();
    joined(language, &told)
}

/// What it means for customers.
pub(super) fn risk(terms: &Terms, language: Language) -> String {
    let mut told = Vec::new();
    if let Some(reveal) = &terms.allow.reveal {
        let named = w(
            "{} learns by name which of its own customers match; no noise protects that",
            "{} 将获知其哪些客户匹配（具名，无噪声保护）",
        );
        told.push(say(language, named, &[&reveal.to]));
    }
    if terms.allow.aggregate || terms.allow.join {
        let bounded = w(
            "what any one customer changes in all answers together is bounded by ε {}",
            "任一客户对全部答复的影响以 ε {} 为上限",
        );
        told.push(say(language, bounded, &[&(terms.privacy.epsilon_micro as f64 / 1e6)]));
    }
    if told.is_empty() {
        told.push(say(language, w("no kind of question is allowed", "不允许任何查询"), &[]));
    }
    joined(language, &told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_filled_in_order_and_never_twice() {
        let sentence = w("{} of {}", "{}/{}");
        assert_eq!(say(Language::English, sentence, &[&1, &"{}"]), "1 of {}");
        assert_eq!(say(Language::Chinese, sentence, &[&1, &2]), "1/2");
    }
}
