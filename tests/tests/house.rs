//! The house's own rules: what stands where, what depends on what, which rule is tested.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie one level below the root").to_owned()
}

/// All files with this ending below `folder`, build output left out.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target" && name != ".git") {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(path);
        }
    }
}

fn read(ending: &str, folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    folders.iter().for_each(|folder| files(&root().join(folder), ending, &mut paths));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).expect("a text file"))).collect()
}

/// Rule ids such as `PSI-03` in a text.
fn rule_ids(text: &str) -> BTreeSet<String> {
    let prefixes = [
        "AGG-", "PSI-", "ID-", "JOIN-", "OT-", "OKVS-", "NOISE-", "LOG-", "SIGMOID-", "EVAL-", "LEARNV-",
        "LEARNH-", "ALIGN-", "UNION-",
    ];
    let mut ids = BTreeSet::new();
    for prefix in prefixes {
        for (at, _) in text.match_indices(prefix) {
            let before = text[..at].chars().next_back();
            let digits: String = text[at + prefix.len()..].chars().take_while(char::is_ascii_digit).collect();
            if digits.len() == 2 && !before.is_some_and(char::is_alphanumeric) {
                ids.insert(format!("{prefix}{digits}"));
            }
        }
    }
    ids
}

#[test]
fn every_rule_stands_in_the_specification_in_the_code_and_in_a_test() {
    let specified: BTreeSet<String> =
        read("md", &["docs/protocols"]).iter().flat_map(|(_, text)| rule_ids(text)).collect();
    let sources = read("rs", &["protocol/src", "node/src", "tests/tests", "protocol/tests"]);
    let in_code: BTreeSet<String> = sources.iter().flat_map(|(_, text)| rule_ids(text)).collect();
    let tested: BTreeSet<String> = sources
        .iter()
        .flat_map(|(_, text)| {
            text.lines().filter_map(|line| line.trim().strip_prefix("fn ").map(str::to_owned))
        })
        // `a08_psi_10_repeated_points…` tests a row of the catalogue and a rule at once.
        .flat_map(|name| rule_ids(&name.to_uppercase().replace("_", "-")))
        .collect();
    assert!(specified.len() >= 5, "docs/protocols names its rules");
    let missing: Vec<String> = specified
        .iter()
        .flat_map(|rule| {
            let code = (!in_code.contains(rule)).then(|| format!("{rule}: not in the code"));
            let test = (!tested.contains(rule)).then(|| format!("{rule}: no test of that name"));
            code.into_iter().chain(test)
        })
        .chain(in_code.difference(&specified).map(|rule| format!("{rule}: not in docs/protocols")))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

/// Package ids that `package` depends on, directly or not, build and test dependencies left out.
fn dependencies(metadata: &Value, package: &str) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("a graph")
        .iter()
        .map(|node| (node["id"].as_str().expect("an id"), node))
        .collect();
    let start = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .find(|found| found["name"] == package)
        .and_then(|found| found["id"].as_str())
        .expect("the package is in the workspace");
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        for dependency in nodes[id]["deps"].as_array().expect("dependencies") {
            let normal = dependency["dep_kinds"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()));
            let id = dependency["pkg"].as_str().expect("an id");
            if normal && found.insert(id.to_owned()) {
                open.push(id);
            }
        }
    }
    found
}

#[test]
fn the_protocols_depend_on_no_runtime() {
    let metadata = metadata();
    let below = dependencies(&metadata, "tacit-protocol");
    let names: BTreeSet<String> = metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .filter(|package| below.contains(package["id"].as_str().unwrap_or_default()))
        .filter_map(|package| package["name"].as_str().map(str::to_owned))
        .collect();
    for banned in
        ["tokio", "mio", "socket2", "quinn", "async-std", "smol", "datafusion", "rusqlite", "jiff", "chrono"]
    {
        assert!(!names.contains(banned), "tacit-protocol depends on {banned}");
    }
    assert!(names.contains("curve25519-dalek"), "the graph was read");
}

#[test]
fn the_protocols_open_no_file_and_no_socket_and_read_no_clock() {
    for (path, text) in read("rs", &["protocol/src"]) {
        // The bench of the arithmetic takes its clock from the caller's machine on purpose.
        if path.ends_with("psi/cost.rs") {
            continue;
        }
        let product = text.split("#[cfg(test)]").next().unwrap_or_default();
        let of_tests = ["tests.rs", "tests", "testing"];
        if path.components().any(|part| of_tests.iter().any(|name| part.as_os_str() == *name)) {
            continue;
        }
        for banned in [
            "std::fs",
            "std::net",
            "std::time::Instant",
            "SystemTime",
            "thread_rng",
            "SysRng",
            "SystemRandom",
        ] {
            assert!(!product.contains(banned), "{} uses {banned}", path.display());
        }
    }
}

#[test]
fn every_dependency_has_a_licence_we_may_ship_and_none_is_banned() {
    let allowed = [
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "CDLA-Permissive-2.0",
        "ISC",
        "MIT",
        "MIT-0",
        "Unicode-3.0",
        "Unlicense",
        "Zlib",
    ];
    let metadata = metadata();
    let shipped = dependencies(&metadata, "tacit-node");
    let mut complaints = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let (name, id) =
            (package["name"].as_str().unwrap_or_default(), package["id"].as_str().unwrap_or_default());
        if !shipped.contains(id) {
            continue;
        }
        if ["openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"].contains(&name) {
            complaints.push(format!("{name} is banned"));
        }
        let expression = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        // An AND of alternatives: of each group in it, one alternative must be allowed.
        let fine = expression.split(" AND ").all(|group| {
            group.split(" OR ").any(|licence| {
                let licence = licence.trim_matches(|c: char| c == '(' || c == ')' || c.is_whitespace());
                allowed.contains(&licence.trim_end_matches(" WITH LLVM-exception"))
            })
        });
        if !fine {
            complaints.push(format!("{name}: {expression}"));
        }
    }
    assert!(shipped.len() > 100, "the graph was read");
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    let mut documents = read("md", &["docs", "examples"]);
    let readme = root().join("README.md");
    documents.push((readme.clone(), fs::read_to_string(readme).expect("a README")));
    for (path, text) in documents {
        for (at, _) in text.match_indices("](") {
            let target: String = text[at + 2..].chars().take_while(|&c| c != ')').collect();
            let file = target.split('#').next().unwrap_or_default();
            let local = !target.contains("://") && !file.is_empty() && !target.starts_with("mailto:");
            if local && !path.parent().is_some_and(|folder| folder.join(file).exists()) {
                broken.push(format!("{} → {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_top_level_stays_as_it_is() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "LICENSE",
        "node",
        "protocol",
        "examples",
        "tests",
        "docs",
        "target",
    ];
    for entry in fs::read_dir(root()).expect("the root").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(name.starts_with('.') || allowed.contains(&name.as_str()), "{name} stands at the top level");
    }
}

#[test]
fn files_stay_readable() {
    for (path, text) in read("rs", &["protocol/src", "node/src"]) {
        let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
        let product = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
        assert!(is_test || product <= 800, "{} has {product} lines", path.display());
    }
}
