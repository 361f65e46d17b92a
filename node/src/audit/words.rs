//! Two languages, side by side, so that neither can be forgotten when the other changes.

use std::str::FromStr;

/// A sentence in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// English.
    pub en: &'static str,
    /// Simplified Chinese.
    pub zh: &'static str,
}

/// Both, in this order.
pub const fn words(en: &'static str, zh: &'static str) -> Words {
    Words { en, zh }
}

impl Words {
    /// In one of them.
    pub const fn in_language(self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Chinese => self.zh,
        }
    }
}

/// The language of a report for people; names of fields in JSON and CSV are the same in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// `en`
    #[default]
    English,
    /// `zh`
    Chinese,
}

impl Language {
    /// As BCP 47 has it.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hans",
        }
    }
}

impl FromStr for Language {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "en" => Ok(Self::English),
            "zh" => Ok(Self::Chinese),
            _ => Err(()),
        }
    }
}

/// What stable words of tables mean, for pages in Chinese. A word that is not here is shown as it is.
pub fn of_code(code: &str, language: Language) -> &str {
    if language == Language::English {
        return code;
    }
    let known = CODES.iter().find(|(word, _)| *word == code);
    known.map_or(code, |(_, translated)| translated)
}

const CODES: &[(&str, &str)] = &[
    ("answered", "已答复"),
    ("replayed", "重放（免费）"),
    ("aborted, refunded", "中止，已退还"),
    ("aborted, charged", "中止，仍计费"),
    ("aborted after release", "释放后中止"),
    ("open", "未结束"),
    ("asked us", "对方查询本方"),
    ("we asked", "本方查询对方"),
    ("reveal", "名单揭示"),
    ("aggregate", "统计"),
    ("join", "联合统计"),
    ("yes", "是"),
    ("no", "否"),
    ("ok", "通过"),
    ("FAILS", "不通过"),
    ("not checked", "未检查"),
    ("not recorded", "未记录"),
    ("approved", "已批准"),
    ("denied", "已拒绝"),
    ("proposed", "已提出"),
    ("accepted", "已接受"),
    ("refused", "已拒绝"),
    ("ended", "已终止"),
    ("expired", "已到期"),
    ("in force", "有效"),
    ("signed, not started", "已签署，未开始"),
    ("registered", "已登记"),
    ("forgotten", "已移除"),
    ("quality", "质量检查"),
    ("withdrawn", "已撤回"),
    ("added", "已添加"),
    ("removed", "已移除"),
    ("renewed", "已更新"),
    ("all", "全部"),
    ("asker", "查询方"),
    ("both", "双方"),
    ("partner", "合作方"),
    ("key", "密钥"),
    ("config", "配置"),
    ("export", "导出"),
    ("model", "模型"),
    ("recovery", "恢复"),
    ("dropped", "限流丢弃"),
    ("dataset", "数据集"),
    ("contract", "合同"),
    ("refresh", "周期更新"),
    ("abort", "中止"),
    ("refusal", "拒绝"),
    ("node", "节点"),
    ("node id", "节点编号"),
    ("log origin", "日志来源标识"),
    ("controller, contact, representative", "个人信息处理者、联系方式、代表"),
    ("data protection officer / person in charge", "数据保护官 / 个人信息保护负责人"),
    ("from", "起"),
    ("to", "止"),
    ("made", "生成时间"),
    ("made by", "生成程序"),
    ("log", "日志"),
    ("program", "程序"),
    ("option or first record", "参数或首条记录"),
    ("option or last record", "参数或末条记录"),
    ("clock of the machine that made it", "生成机器的时钟"),
    ("to be filled in by the controller", "由个人信息处理者填写"),
    ("the signed contract is not at hand", "未提供已签署合同"),
    ("customers of the partners named as owners of datasets", "数据集所属方的客户"),
    ("records", "记录"),
    ("budget", "预算"),
    ("head", "日志头签名"),
    ("tree", "记录与签名一致"),
    ("tiles", "树文件"),
    ("earlier heads", "先前日志头"),
    ("receipts", "回执"),
    ("table", "表格文件"),
    ("manifest", "清单文件"),
    ("identity", "节点身份"),
    ("cosignatures", "合作方会签"),
    ("contracts", "合同签名"),
    ("ledger", "账本"),
];
