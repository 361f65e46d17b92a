//! The report as JSON: the same figures, under names that do not change with the language.

use serde_json::{Map, Value as Json, json};

use super::{FORM, Section, sections};
use crate::audit::{
    facts::Facts,
    indicators::{GROUPS, Measure},
    words::{Language, Words},
};

/// The whole report as one object.
pub fn document(facts: &Facts) -> Json {
    let sections: Map<String, Json> = sections(facts, Language::English)
        .iter()
        .map(|section| (section.key.to_owned(), rows(section)))
        .collect();
    let indicators: Vec<Json> = GROUPS
        .iter()
        .flat_map(|group| group.indicators.iter().map(move |indicator| (group, indicator)))
        .map(|(group, indicator)| {
            let value = indicator.of(facts);
            let untold = if let Measure::Untold(why) = value { Some(why.code()) } else { None };
            json!({
                "id": indicator.id,
                "group": both(group.title),
                "law": both(group.law),
                "name": both(indicator.name),
                "definition": both(indicator.means),
                "computed_as": indicator.how,
                "value": value.json(),
                "unit": value.unit(),
                "untold": untold,
            })
        })
        .collect();
    json!({ "format": FORM, "made": facts.now, "sections": sections, "indicators": indicators })
}

fn both(words: Words) -> Json {
    json!({ "en": words.en, "zh": words.zh })
}

fn rows(section: &Section) -> Json {
    let row = |row: &Vec<crate::data::Value>| -> Json {
        let cells =
            section.columns.iter().zip(row).map(|(column, value)| (column.key.to_owned(), json!(value)));
        Json::Object(cells.collect())
    };
    section.rows.iter().map(row).collect()
}
