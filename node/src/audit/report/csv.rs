//! The report as CSV (RFC 4180): a file a section in a directory, or one long file.

use super::{Section, sections};
use crate::{
    audit::{
        escape::csv,
        facts::Facts,
        indicators::{GROUPS, Measure},
        words::Language,
    },
    data::Value,
};

/// File names and their contents, the indicators last.
pub fn tables(facts: &Facts) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = sections(facts, Language::English)
        .iter()
        .map(|section| (format!("{}.csv", section.key), table(section)))
        .collect();
    let mut rows =
        "id,group,name_en,name_zh,value,unit,untold,definition_en,definition_zh,computed_as\r\n".to_owned();
    for (group, indicator) in GROUPS.iter().flat_map(|group| group.indicators.iter().map(move |i| (group, i)))
    {
        let value = indicator.of(facts);
        let untold = if let Measure::Untold(why) = value { why.code() } else { "" };
        let cells = [
            indicator.id,
            group.title.en,
            indicator.name.en,
            indicator.name.zh,
            &value.text().unwrap_or_default(),
            value.unit(),
            untold,
            indicator.means.en,
            indicator.means.zh,
            indicator.how,
        ];
        line(&mut rows, cells.iter().map(|cell| csv(cell)));
    }
    files.push(("indicators.csv".to_owned(), rows));
    files
}

/// Everything in one file of four columns: section, row (from 1), column, value.
pub fn one_file(facts: &Facts) -> String {
    let mut file = "section,row,column,value\r\n".to_owned();
    for section in sections(facts, Language::English) {
        for (number, row) in section.rows.iter().enumerate() {
            for (column, value) in section.columns.iter().zip(row) {
                line(
                    &mut file,
                    [section.key.to_owned(), (number + 1).to_string(), column.key.to_owned(), cell(value)],
                );
            }
        }
    }
    for indicator in GROUPS.iter().flat_map(|group| group.indicators) {
        let value = indicator.of(facts);
        let shown = match value {
            Measure::Untold(why) => why.code().to_owned(),
            value => csv(&value.text().unwrap_or_default()),
        };
        line(&mut file, ["indicators".to_owned(), indicator.id.to_owned(), csv(indicator.name.en), shown]);
    }
    file
}

fn table(section: &Section) -> String {
    let mut file = String::new();
    line(&mut file, section.columns.iter().map(|column| column.key.to_owned()));
    section.rows.iter().for_each(|row| line(&mut file, row.iter().map(cell)));
    file
}

fn line(file: &mut String, cells: impl IntoIterator<Item = String>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            file.push(',');
        }
        file.push_str(&cell);
    }
    file.push_str("\r\n");
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(holds) => holds.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => csv(text),
    }
}
