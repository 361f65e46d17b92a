//! Homes, keys, settings and ports: what keeps a node from starting, and what it says about it.

use std::{
    fs,
    net::UdpSocket,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tacit_tests::{Ran, World, finish, free_address, pair::replaced};

use crate::TACIT;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_home_is_made_once_and_only_where_nothing_is() {
    let world = World::new(TACIT);
    world.init("brand");
    let card = world.tacit("brand", &["card", "-o", "json"]).ok().json();
    let told = world.tacit("brand", &["init", "brand"]).refused(2, "E-HOME-EXISTS");
    assert!(told.err.contains("--home DIR"), "{}", told.err);
    let after = world.tacit("brand", &["card", "-o", "json"]).ok().json();
    assert_eq!(
        (&card["id"], &card["fingerprint"]),
        (&after["id"], &after["fingerprint"]),
        "the keys are the same"
    );
    fs::create_dir(world.path("occupied")).unwrap();
    world.write("occupied/notes.txt", "mine");
    world.tacit("occupied", &["init", "bank"]).refused(2, "E-HOME-EXISTS");
    assert_eq!(fs::read_to_string(world.path("occupied/notes.txt")).unwrap(), "mine");
    for name in ["Brand", "my-brand", "1brand", "", "brand bank", "brand\u{1b}[2J"] {
        let told = world.tacit("other", &["init", name]);
        assert_eq!(told.status, 2, "{name:?}: {}", told.err);
        assert!(!told.err.contains('\u{1b}'), "{name:?}");
        assert!(!world.path("other").exists(), "{name:?} left something");
    }
    let told = world.tacit("nowhere", &["card"]).refused(2, "E-HOME-MISSING");
    assert!(told.err.contains("tacit init"), "{}", told.err);
}

#[test]
fn what_others_could_read_is_refused_and_not_used() {
    let world = World::new(TACIT);
    world.init("brand");
    for file in ["keys/signing.key", "keys/tls.key", "unlock.key"] {
        let path = world.path("brand").join(file);
        for mode in [0o640, 0o604, 0o666] {
            chmod(&path, mode);
            let told = world.tacit("brand", &["card"]).refused(2, "E-HOME-PERMISSIONS");
            assert!(told.err.contains("chmod") && told.err.contains(file), "{}", told.err);
            world.tacit("brand", &["serve"]).refused(2, "E-HOME-PERMISSIONS");
        }
        chmod(&path, 0o600);
    }
    for folder in ["", "keys"] {
        let path = world.path("brand").join(folder);
        chmod(&path, 0o755);
        world.tacit("brand", &["card"]).refused(2, "E-HOME-PERMISSIONS");
        chmod(&path, 0o700);
    }
    world.tacit("brand", &["card"]).ok();
}

#[test]
fn no_private_key_lies_open_in_a_home() {
    let world = World::new(TACIT);
    world.init("brand");
    for file in ["keys/signing.key", "keys/tls.key"] {
        let text = String::from_utf8_lossy(&fs::read(world.path("brand").join(file)).unwrap()).into_owned();
        assert!(!text.contains("PRIVATE KEY"), "{file}");
        // A flipped bit anywhere in it is found out.
        let path = world.path("brand").join(file);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        let middle = whole.iter().rposition(u8::is_ascii_alphanumeric).unwrap() - 8;
        changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
        fs::write(&path, &changed).unwrap();
        let told = world.tacit("brand", &["card"]);
        assert!(told.status != 0 && told.err.contains("error[E-KEYS-"), "{file}: {}", told.err);
        fs::write(&path, &whole).unwrap();
    }
    world.tacit("brand", &["card"]).ok();
}

#[test]
fn keys_open_with_what_was_chosen_and_nothing_else() {
    let world = World::new(TACIT);
    let secret = "correct horse battery staple";
    // A passphrase.
    let with = |home: &str, words: &[&str], phrase: &str| {
        world.with_env(home, words, &[("TACIT_PASSPHRASE", phrase)])
    };
    with("brand", &["init", "brand", "--listen", "127.0.0.1:4433"], secret).ok();
    with("brand", &["card"], secret).ok();
    let told = with("brand", &["card"], "wrong horse battery staple").refused(2, "E-KEYS-LOCKED");
    assert!(!told.err.contains("horse"), "{}", told.err);
    let told = world.tacit("brand", &["card"]).refused(2, "E-KEYS-LOCKED");
    assert!(told.err.contains("TACIT_PASSPHRASE"), "{}", told.err);
    with("short", &["init", "short"], "short").refused(2, "E-KEYS-PASSPHRASE");
    assert!(!world.path("short/keys").exists());
    // A key file elsewhere.
    let file = world.path("bank.key").to_string_lossy().into_owned();
    world.tacit("bank", &["init", "bank", "--listen", "127.0.0.1:4433", "--key-file", &file]).ok();
    world.tacit("bank", &["card"]).ok();
    let key = fs::read_to_string(&file).unwrap();
    fs::write(&file, "00".repeat(32)).unwrap();
    world.tacit("bank", &["card"]).refused(2, "E-KEYS-LOCKED");
    fs::remove_file(&file).unwrap();
    world.tacit("bank", &["card"]).refused(2, "E-KEYS-LOCKED");
    fs::write(&file, key).unwrap();
    chmod(Path::new(&file), 0o600);
    world.tacit("bank", &["card"]).ok();
    // A variable, for daemons.
    let key = "5a".repeat(32);
    let with = |words: &[&str], key: &str| world.with_env("post", words, &[("POST_KEY", key)]);
    with(&["init", "post", "--listen", "127.0.0.1:4433", "--key-env", "POST_KEY"], &key).ok();
    with(&["card"], &key).ok();
    with(&["card"], &"5b".repeat(32)).refused(2, "E-KEYS-LOCKED");
    let told = world.tacit("post", &["card"]).refused(2, "E-KEYS-LOCKED");
    assert!(told.err.contains("POST_KEY"), "{}", told.err);
}

#[test]
fn one_process_has_a_home() {
    let world = World::new(TACIT);
    world.init("brand");
    let node = world.serve("brand");
    let told = world.tacit("brand", &["serve"]).refused(1, "E-HOME-IN-USE");
    assert!(told.err.contains(&node.pid().to_string()), "{}", told.err);
    // Commands go to the node that runs; when it was killed, its socket and lock are no obstacle.
    assert_eq!(world.tacit("brand", &["status", "-o", "json"]).ok().json()["pid"], node.pid());
    node.kill();
    world.tacit("brand", &["status"]).refused(1, "E-NOT-RUNNING");
    world.tacit("brand", &["stop"]).refused(1, "E-NOT-RUNNING");
    world.tacit("brand", &["card"]).ok();
    let again = world.serve("brand");
    world.tacit("brand", &["stop"]).ok();
    world.until("the node's end", || world.tacit("brand", &["status"]).status == 1);
    drop(again);
    // While one command works in a home without a node, another one is refused rather than mixed up.
    let _lock = tacit_node::config::Home::open(world.path("brand")).unwrap().lock().unwrap();
    world.tacit("brand", &["card"]).refused(1, "E-HOME-IN-USE");
}

#[test]
fn sigterm_and_sigint_end_a_node_in_good_order() {
    let world = World::new(TACIT);
    world.init("brand");
    for signal in ["-TERM", "-INT"] {
        let node = world.serve("brand");
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args([signal, &node.pid().to_string()]).status().unwrap().success());
        world.until("the node's end", || world.tacit("brand", &["status"]).status == 1);
        assert!(!world.path("brand/control.sock").exists(), "{signal} leaves a socket");
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_the_mend() {
    let world = World::new(TACIT);
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    world.tacit("brand", &["init", "brand", "--listen", &address.to_string()]).ok();
    let told = finish(world.start("brand", &["serve"]));
    let told = told.refused(2, "E-LINK-PORT-TAKEN");
    assert!(told.err.contains(&address.port().to_string()) && told.err.contains("would do"), "{}", told.err);
    // Commands need no port of their own.
    world.tacit("brand", &["card"]).ok();
    drop(taken);
    world.serve("brand");
}

/// Row F05, as far as there is something to configure.
#[test]
fn f05_settings_that_make_no_sense_are_named_with_the_mend() {
    let world = World::new(TACIT);
    world.init("brand");
    let file = world.path("brand/tacit.toml");
    let good = fs::read_to_string(&file).unwrap();
    let cases = [
        ("name = \"brand\"", "name = \"Brand\"", "E-CONFIG-VALUE", "name"),
        ("name = \"brand\"", "nam = \"brand\"", "E-CONFIG-", "nam"),
        ("name = \"brand\"", "name = ", "E-CONFIG-SYNTAX", "line 2"),
        ("name = \"brand\"", "name = \"shop\"", "E-CONFIG-VALUE", "brand"),
        ("# idle           = \"60s\"", "idle = \"0s\"", "E-CONFIG-VALUE", "link.idle"),
        ("# idle           = \"60s\"", "idle = 60", "E-CONFIG-VALUE", "link.idle"),
        ("# keep_alive     = \"10s\"", "keep_alive = \"50s\"", "E-CONFIG-VALUE", "link.keep_alive"),
        ("# streams        = 16", "streams = -1", "E-CONFIG-VALUE", "link.streams"),
        ("# streams        = 16", "streams = 1e400", "E-CONFIG-", ""),
        (
            "# stream_window  = \"2.75 MiB\"",
            "stream_window = \"many\"",
            "E-CONFIG-VALUE",
            "link.stream_window",
        ),
        ("# max_items        = 16777216", "max_items = 0", "E-CONFIG-VALUE", "limits.max_items"),
        ("# max_items        = 16777216", "max_itmes = 5", "E-CONFIG-UNKNOWN", "max_items"),
        (
            "# max_session_time = \"6h\"",
            "max_session_time = \"6 parsecs\"",
            "E-CONFIG-VALUE",
            "limits.max_session_time",
        ),
        ("[limits]", "[limit]", "E-CONFIG-UNKNOWN", "limits"),
        ("# level  = \"info\"", "level = \"loud\"", "E-CONFIG-VALUE", "log.level"),
    ];
    for (old, new, code, named) in cases {
        fs::write(&file, replaced(&good, old, new)).unwrap();
        for words in [&["card"][..], &["serve"]] {
            let told = world.tacit("brand", words);
            assert!(
                told.status == 2 && told.err.contains(code) && told.err.contains(named),
                "{new}: {}",
                told.err
            );
            assert!(told.err.contains("tacit.toml") || told.err.contains("would do"), "{new}: {}", told.err);
        }
    }
    fs::write(&file, good).unwrap();
    world.tacit("brand", &["card"]).ok();
    world.with_env("brand", &["card"], &[("TACIT_LOG", "loud")]).refused(2, "E-LOG");
    world.with_env("brand", &["card"], &[("TACIT_OUTPUT", "loud")]).refused(2, "E-USAGE");
}

/// Every command that only looks, as it is answered by a node that runs and by the command itself.
fn look(world: &World) -> Vec<(&'static str, Ran)> {
    let commands: [&[&str]; 12] = [
        &["partner", "list", "-o", "json"],
        &["dataset", "list", "-o", "json"],
        &["dataset", "show", "customers", "-o", "json"],
        &["dataset", "show", "nothing"],
        &["id", "lint", "customers", "-o", "csv"],
        &["consent", "list", "-o", "json"],
        &["contract", "list", "-o", "json"],
        &["contract", "show", "maternal-offers", "-o", "json"],
        &["contract", "export", "maternal-offers"],
        &["approvals", "list", "-o", "json"],
        &["explain", "SELECT nothing"],
        &["audit", "log", "--kind", "contract", "-o", "json"],
    ];
    commands.iter().map(|words| (words[0], world.tacit("brand", words))).collect()
}

#[test]
fn commands_are_alike_with_and_without_a_running_node() {
    let world = World::new(TACIT);
    world.befriended();
    world.register_little_data();
    // By file, as two organisations do that cannot reach each other yet.
    world.sign("brand", "bank", &tacit_tests::pair::maternal(false));
    let alone = look(&world);
    let _node = world.serve("brand");
    let served = look(&world);
    for ((what, mut one), (_, mut other)) in alone.into_iter().zip(served) {
        for ran in [&mut one, &mut other] {
            // How old a file is changes while one looks, and that one has looked stands in the log.
            ran.out = match what {
                "audit" => ran
                    .json()
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|it| it["what"] != "quality")
                    .fold(String::new(), |text, record| text + &record.to_string()),
                _ => ran.out.lines().filter(|line| !line.contains("age_hours")).collect(),
            };
        }
        assert_eq!((one.status, one.out, one.err), (other.status, other.out, other.err), "{what}");
    }
    let _partner = world.serve("bank");
    let asked = world.tacit("brand", &["query", tacit_tests::pair::QUESTION, "-o", "csv"]).ok().out;
    world.tacit("brand", &["stop"]).ok();
    world.until("the node's end", || world.tacit("brand", &["status"]).status == 1);
    // The asker needs no node of its own: the command is one for as long as it lasts.
    assert_eq!(world.tacit("brand", &["query", tacit_tests::pair::QUESTION, "-o", "csv"]).ok().out, asked);
}

#[test]
fn a_home_that_lies_deep_and_a_home_named_by_option_work_as_well() {
    let world = World::new(TACIT);
    let deep: PathBuf = world.path(&format!("{0}/{0}/{0}", "a_long_name_of_a_folder_".repeat(2)));
    fs::create_dir_all(&deep).unwrap();
    let home = deep.join("brand").to_string_lossy().into_owned();
    let free = free_address().to_string();
    world.tacit("elsewhere", &["init", "brand", "--listen", &free, "--home", &home]).ok();
    let node = world.serve(&home);
    let status = world.tacit("elsewhere", &["status", "--home", &home, "-o", "json"]).ok().json();
    assert_eq!(status["node"], "brand");
    // Its socket lies elsewhere, and goes with it.
    world.tacit("elsewhere", &["stop", "--home", &home]).ok();
    drop(node);
}
