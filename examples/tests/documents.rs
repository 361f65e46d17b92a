//! What the documents say by way of example, held against the code.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tacit_protocol::identity::{KeyKind, Profile, normalise, render_hash};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files with this ending below a folder.
fn texts(folder: &Path, ending: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let path = entry.path();
        if path.is_dir() {
            texts(&path, ending, found);
        } else if path.extension().is_some_and(|is| is == ending) {
            found.push(fs::read_to_string(&path).expect("a text file"));
        }
    }
}

#[test]
fn the_vectors_of_the_data_page_hold() {
    let page = read("docs/data.md");
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        match cells[..] {
            ["", profile, value, normal, hash, ""] => {
                Some((profile.parse::<Profile>().ok()?, value, normal, hash))
            }
            _ => None,
        }
    });
    let mut checked = 0;
    // The table of rules has as many cells as the table of vectors; its values are no identifiers.
    for (profile, value, normal, hash) in rows.filter(|row| row.3.len() >= 40) {
        let kind = if value.contains('@') { KeyKind::Email } else { KeyKind::Phone };
        let found = normalise(profile, &kind, None, value).unwrap_or_else(|rule| panic!("{value}: {rule}"));
        assert_eq!(found.text(), Some(normal), "{profile}: {value}");
        assert_eq!(render_hash(profile, &found.digest()), hash, "{profile}: {value}");
        checked += 1;
    }
    assert!(checked >= 6, "the table was found");
}

/// Every `E-WORD-WORD` in a text.
fn codes(text: &str) -> BTreeSet<String> {
    text.match_indices("E-")
        .filter(|(at, _)| {
            !text[..*at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '-')
        })
        .map(|(at, _)| {
            let code: String =
                text[at..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '-').collect();
            code.trim_end_matches('-').to_owned()
        })
        .filter(|code| code.len() > 2)
        .collect()
}

#[test]
fn every_code_that_a_document_names_is_one_that_the_node_gives() {
    let mut sources = Vec::new();
    ["node/src", "protocol/src"].iter().for_each(|folder| texts(&root().join(folder), "rs", &mut sources));
    let known: BTreeSet<String> = sources.iter().flat_map(|source| codes(source)).collect();
    let mut documents = vec![read("README.md")];
    texts(&root().join("docs"), "md", &mut documents);
    let named: BTreeSet<String> = documents.iter().flat_map(|document| codes(document)).collect();
    assert!(named.len() >= 20 && known.len() >= 100, "both were read");
    let unknown: Vec<&String> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
