//! What was refused, by which rule.

use jiff::tz::TimeZone;
use tacit_protocol::log::Kind;

use super::{Group, Indicator, Measure as M, Why, indicator as i, words as w};
use crate::audit::{
    facts::{most, text},
    history::moment,
};

pub const GROUP: Group = Group {
    title: w("Refusals", "拒绝"),
    law: w(
        "GDPR Art. 5(1)(b)–(c), 25(2), 32(4); PIPL Art. 5, 6, 51(4)",
        "GDPR 第5(1)(b)–(c)、25(2)、32(4)条；个人信息保护法 第5、6条，第51条第4项",
    ),
    indicators: ALL,
};

const ALL: &[Indicator] = &[
    i(
        "R01",
        w("Questions refused", "拒绝的查询"),
        w("Questions that were refused before anything was set aside.", "在预留之前即被拒绝的查询数。"),
        "count(refusal)",
        |f| M::Count(f.history.count(Kind::Refusal)),
    ),
    i(
        "R02",
        w("Share refused", "拒绝率"),
        w("Refused questions, of all that were refused or permitted.", "被拒绝的查询占全部查询的比例。"),
        "R01 / (R01 + Q01)",
        |f| {
            let refused = f.history.count(Kind::Refusal);
            M::share(refused, refused + f.runs().len() as u64)
        },
    ),
    i(
        "R03",
        w("Refused by the contract", "因合同拒绝"),
        w("Refusals by a rule of the contract.", "因合同规则被拒绝的数量。"),
        "count(refusal, what starts with E-POLICY)",
        |f| M::Count(f.refused(&["E-POLICY"])),
    ),
    i(
        "R04",
        w("A use that is not allowed", "不允许的字段用途"),
        w(
            "A listed column was to be used in a way that the contract does not allow.",
            "对已列出字段的使用方式不被合同允许。",
        ),
        "count(refusal E-POLICY-COLUMN-USE)",
        |f| M::Count(f.refused(&["E-POLICY-COLUMN-USE"])),
    ),
    i(
        "R05",
        w("A column that is not listed", "未列出的字段"),
        w("A column was named that does not exist for the partner.", "引用了对合作方不存在的字段。"),
        "count(refusal = E-POLICY-COLUMN, E-QUERY-COLUMN)",
        |f| M::Count(f.said(Kind::Refusal, "E-POLICY-COLUMN") + f.said(Kind::Refusal, "E-QUERY-COLUMN")),
    ),
    i(
        "R06",
        w("A value that is not listed", "未列出的取值"),
        w(
            "A condition named a value that does not exist for the partner.",
            "条件中使用了对合作方不存在的取值。",
        ),
        "count(refusal E-POLICY-VALUE)",
        |f| M::Count(f.refused(&["E-POLICY-VALUE"])),
    ),
    i(
        "R07",
        w("By the data's class", "因数据级别"),
        w(
            "A column of an important or core class was to be used for more than that class permits.",
            "重要或核心级别字段的使用超出许可。",
        ),
        "count(refusal E-POLICY-CLASS)",
        |f| M::Count(f.refused(&["E-POLICY-CLASS"])),
    ),
    i(
        "R08",
        w("Another purpose", "目的不符"),
        w("A question for another purpose than the contract's.", "处理目的与合同不符。"),
        "count(refusal E-POLICY-PURPOSE)",
        |f| M::Count(f.refused(&["E-POLICY-PURPOSE"])),
    ),
    i(
        "R09",
        w("No contract", "无合同"),
        w("No contract covers what was asked, or none by that name.", "没有合同覆盖该查询。"),
        "count(refusal E-POLICY-NO-CONTRACT, -CONTRACT-UNKNOWN, -SEVERAL-CONTRACTS, -DATASET)",
        |f| {
            M::Count(f.refused(&[
                "E-POLICY-NO-CONTRACT",
                "E-POLICY-CONTRACT-UNKNOWN",
                "E-POLICY-SEVERAL-CONTRACTS",
                "E-POLICY-DATASET",
            ]))
        },
    ),
    i(
        "R10",
        w("Contract not in force", "合同未生效"),
        w(
            "The contract was not signed by all, had not begun, or was over.",
            "合同未全部签署、未开始或已结束。",
        ),
        "count(refusal E-POLICY-NOT-SIGNED, -NOT-STARTED, -EXPIRED, -CONTRACT-REFUSED, -CONTRACT-ENDED)",
        |f| {
            M::Count(f.refused(&[
                "E-POLICY-NOT-SIGNED",
                "E-POLICY-NOT-STARTED",
                "E-POLICY-EXPIRED",
                "E-POLICY-CONTRACT-REFUSED",
                "E-POLICY-CONTRACT-ENDED",
            ]))
        },
    ),
    i(
        "R11",
        w("A kind that is not allowed", "不允许的查询类型"),
        w(
            "The contract does not allow questions of this kind, or not with this receiver.",
            "合同不允许此类查询或此接收方。",
        ),
        "count(refusal E-POLICY-NOT-ALLOWED, -REVEAL-RECEIVER)",
        |f| M::Count(f.refused(&["E-POLICY-NOT-ALLOWED", "E-POLICY-REVEAL-RECEIVER"])),
    ),
    i(
        "R12",
        w("Telling too much of a customer", "过度揭示个人"),
        w(
            "A revelation would have told a partner's column about single customers.",
            "名单揭示将泄露单个客户的对方字段。",
        ),
        "count(refusal E-POLICY-REVEAL-FILTER, -REVEAL-COLUMNS)",
        |f| M::Count(f.refused(&["E-POLICY-REVEAL-FILTER", "E-POLICY-REVEAL-COLUMNS"])),
    ),
    i(
        "R13",
        w("Across regions", "跨区域"),
        w("Rows would have met that must not leave their region.", "数据将违反区域限制而汇合。"),
        "count(refusal E-POLICY-REGION)",
        |f| M::Count(f.refused(&["E-POLICY-REGION"])),
    ),
    i(
        "R14",
        w("Consent", "同意"),
        w("Refusals for want of a sound record of consent.", "因同意记录不健全而拒绝。"),
        "count(refusal E-POLICY-CONSENT-COLUMN, E-CONSENT)",
        |f| M::Count(f.refused(&["E-POLICY-CONSENT", "E-CONSENT"])),
    ),
    i(
        "R15",
        w("Identity rules", "身份匹配规则"),
        w(
            "The nodes would have matched customers by different rules, or by keys that are not agreed.",
            "双方身份匹配规则或匹配键不一致。",
        ),
        "count(refusal E-POLICY-PROFILE, -MATCH-KEY)",
        |f| M::Count(f.refused(&["E-POLICY-PROFILE", "E-POLICY-MATCH-KEY"])),
    ),
    i(
        "R16",
        w("Unsafe SQL", "不安全的查询语句"),
        w(
            "Questions that could not be read, or could fail on a single row and so tell of it.",
            "无法解析或可能因单行数据失败而泄露信息的查询数。",
        ),
        "count(refusal E-QUERY)",
        |f| M::Count(f.refused(&["E-QUERY"])),
    ),
    i(
        "R17",
        w("Could fail on one row", "可能因单行失败"),
        w(
            "Of those, questions with an expression whose failure would be an answer.",
            "其中含有可能逐行失败表达式的查询数。",
        ),
        "count(refusal E-QUERY-CAN-FAIL)",
        |f| M::Count(f.refused(&["E-QUERY-CAN-FAIL"])),
    ),
    i(
        "R18",
        w("Senseless privacy parameters", "无效的隐私参数"),
        w(
            "Questions with an ε that is no positive number, or above what the contract allows for one question.",
            "ε 无效或超过单次上限的查询数。",
        ),
        "count(refusal E-QUERY-EPSILON, E-BUDGET-QUERY)",
        |f| M::Count(f.refused(&["E-QUERY-EPSILON", "E-BUDGET-PER-QUERY", "E-BUDGET-QUERY"])),
    ),
    i(
        "R19",
        w("Denied by a person", "人工拒绝"),
        w(
            "Refusals because a person denied the run, or nobody decided in time.",
            "因人工拒绝或未及时审批而拒绝。",
        ),
        "count(refusal E-APPROVAL)",
        |f| M::Count(f.refused(&["E-APPROVAL"])),
    ),
    i(
        "R20",
        w("Too much at once", "超出负载限制"),
        w("Refusals because the node had as much to do as it may have.", "因超出节点负载限制而拒绝。"),
        "count(refusal E-LIMIT)",
        |f| M::Count(f.refused(&["E-LIMIT"])),
    ),
    i(
        "R21",
        w("Partner could not be reached", "合作方不可达"),
        w(
            "Questions that ended before their reservation for want of a connection.",
            "因无法连接而在预留前结束的查询数。",
        ),
        "count(refusal E-LINK)",
        |f| M::Count(f.refused(&["E-LINK"])),
    ),
    i(
        "R22",
        w("Not in this version", "本版本不支持"),
        w("Questions for what this version does not do.", "本版本不支持的查询数。"),
        "count(refusal E-NOT-IN-THIS-VERSION)",
        |f| M::Count(f.refused(&["E-NOT-IN-THIS-VERSION"])),
    ),
    i(
        "R23",
        w("Refused to partners", "拒绝合作方"),
        w("Refusals of questions that partners asked.", "拒绝合作方查询的数量。"),
        "count(refusal, partner ≠ null)",
        |f| M::Count(f.history.of(Kind::Refusal).filter(|e| e.partner.is_some()).count() as u64),
    ),
    i(
        "R24",
        w("Refused to own analysts", "拒绝本方人员"),
        w("Refusals of questions that were typed at this node.", "拒绝本方人员查询的数量。"),
        "count(refusal, partner = null)",
        |f| M::Count(f.history.of(Kind::Refusal).filter(|e| e.partner.is_none()).count() as u64),
    ),
    i(
        "R25",
        w("Different reasons", "不同拒绝原因"),
        w("Different codes among refusals.", "拒绝代码的种类数。"),
        "count(distinct what of refusal)",
        |f| M::Count(f.history.refusals().len() as u64),
    ),
    i(
        "R26",
        w("Most frequent reason", "最常见原因"),
        w("The code that stands in most refusals.", "出现最多的拒绝代码。"),
        "mode(what of refusal)",
        |f| {
            M::or(
                most(f.history.of(Kind::Refusal).map(|e| e.what.as_str())),
                |(code, count)| M::names([format!("{code} ({count})")]),
                Why::NoCase,
            )
        },
    ),
    i(
        "R27",
        w("Different questions refused", "被拒绝的不同查询"),
        w("Different texts of questions among refusals, by their hash.", "按文本哈希区分的被拒绝查询数。"),
        "count(distinct body.question_sha256)",
        |f| M::Count(f.different(Kind::Refusal, |e| text(&e.body, "question_sha256")).len() as u64),
    ),
    i(
        "R28",
        w("Most attempts at one question", "同一查询最多尝试"),
        w("How often the most insistent question was refused.", "同一被拒绝查询的最多尝试次数。"),
        "max(count of refusal by body.question_sha256)",
        |f| {
            M::or(
                most(f.history.of(Kind::Refusal).filter_map(|e| text(&e.body, "question_sha256"))),
                |(_, count)| M::Count(count),
                Why::NoCase,
            )
        },
    ),
    i(
        "R29",
        w("Most refusals in a day", "单日最多拒绝"),
        w("Most refusals on one day (UTC).", "单日（UTC）最多拒绝数。"),
        "max(count of refusal by day)",
        |f| {
            M::or(
                most(
                    f.history
                        .of(Kind::Refusal)
                        .filter_map(|e| Some(moment(e)?.to_zoned(TimeZone::UTC).date())),
                ),
                |(_, count)| M::Count(count),
                Why::NoCase,
            )
        },
    ),
    i(
        "R30",
        w("Partner refused most", "被拒最多的合作方"),
        w("The partner whose questions were refused most often.", "查询被拒绝最多的合作方。"),
        "mode(partner of refusal)",
        |f| {
            M::or(
                most(f.history.of(Kind::Refusal).filter_map(|e| e.partner.as_deref())),
                |(name, count)| M::names([format!("{name} ({count})")]),
                Why::NoCase,
            )
        },
    ),
];
