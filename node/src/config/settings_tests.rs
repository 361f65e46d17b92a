use super::*;
use crate::report::{Class, Refusal};

const GOOD: &str = r#"
name = "brand"

[link]
listen = "0.0.0.0:4433"
addresses = ["192.0.2.7:4433"]

[unlock]
method = "passphrase"
"#;

#[test]
fn the_least_that_must_be_said_is_enough() {
    let config = Config::parse(GOOD, "tacit.toml").unwrap();
    assert_eq!(config.name, "brand");
    assert_eq!(config.link.stream_window, 2_883_584);
    assert_eq!(config.link.idle, Duration::from_secs(60));
    assert_eq!(config.link.keep_alive, Duration::from_secs(10));
    assert_eq!(config.limits.max_items, 1 << 24);
    assert_eq!(config.unlock, UnlockMethod::Passphrase);
}

#[test]
fn a_fresh_file_reads_back_and_its_comments_are_the_defaults() {
    let listen = "[::]:4433".parse().unwrap();
    let addresses = ["[2001:db8::7]:4433".to_owned(), "node.brand.example:4433".to_owned()];
    for unlock in [
        UnlockMethod::Passphrase,
        UnlockMethod::KeyFile("/media/a \"key\"".into()),
        UnlockMethod::Environment("TACIT_KEY".into()),
    ] {
        let text = Config::fresh("brand", listen, &addresses, &unlock);
        let config = Config::parse(&text, "tacit.toml").unwrap();
        assert_eq!((config.link.listen, &config.link.addresses[..]), (listen, &addresses[..]));
        assert_eq!(config.unlock, unlock);
        // Every commented setting, switched on, is what holds without it, but for the log file and what is removed.
        let on: String = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let mut explicit = Config::parse(&on, "tacit.toml").unwrap();
        assert_eq!(explicit.log.file.take(), Some("tacit.log".into()));
        assert_eq!(explicit.limits.keep_answers.take(), Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(explicit, config);
    }
}

/// Puts one line into a section of a good file, in place of the line that sets the same.
fn with(section: &str, line: &str) -> String {
    let key = line.split('=').next().unwrap_or_default().trim();
    let mut sections: Vec<(String, Vec<String>)> = vec![(String::new(), Vec::new())];
    for text in GOOD.lines() {
        if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.push((name.to_owned(), Vec::new()));
        } else if let Some((_, lines)) = sections.last_mut() {
            lines.push(text.to_owned());
        }
    }
    if !sections.iter().any(|(name, _)| name == section) {
        sections.push((section.to_owned(), Vec::new()));
    }
    for (name, lines) in &mut sections {
        if name == section {
            lines.retain(|old| old.split('=').next().unwrap_or_default().trim() != key);
            lines.push(line.to_owned());
        }
    }
    sections
        .into_iter()
        .map(|(name, lines)| {
            let heading = if name.is_empty() { String::new() } else { format!("[{name}]\n") };
            format!("{heading}{}\n", lines.join("\n"))
        })
        .collect()
}

#[test]
fn f05_each_bad_setting_is_refused_by_name_and_with_the_mend() {
    #[rustfmt::skip]
    let cases = [
        // section, line, field that must be named, piece of the mend
        ("", r#"name = """#, "name", "lower-case letter"),
        ("", r#"name = "Brand""#, "name", "\"brand\""),
        ("", r#"name = "4brand""#, "name", "\"brand\""),
        ("", r#"name = "bank of x""#, "name", "\"bank_of_x\""),
        ("", r#"name = "brand.example""#, "name", "\"brand_example\""),
        ("", r#"name = "brand\nlisten""#, "name", "lower-case letter"),
        ("", r#"name = "abcdefghijklmnopqrstuvwxyz0123456""#, "name", "up to 31"),
        ("", "name = 7", "name", "name = \"brand\""),
        ("", "nmae = \"brand\"", "nmae", "`name`"),
        ("", "log = 7", "log", "[log]"),
        ("link", r#"listen = "4433""#, "link.listen", "0.0.0.0:4433"),
        ("link", r#"listen = "0.0.0.0""#, "link.listen", "0.0.0.0:4433"),
        ("link", r#"listen = "0.0.0.0:0""#, "link.listen", "fixed port"),
        ("link", r#"listen = "0.0.0.0:99999""#, "link.listen", "0.0.0.0:4433"),
        ("link", r#"listen = "localhost:4433""#, "link.listen", "IP address"),
        ("link", r#"listen = "224.0.0.1:4433""#, "link.listen", "IP address"),
        ("link", "listen = 4433", "link.listen", "listen = \"0.0.0.0:4433\""),
        ("link", r#"addresses = "192.0.2.7:4433""#, "link.addresses", "addresses = ["),
        ("link", "addresses = []", "link.addresses", "1 to 8"),
        ("link", "addresses = [4433]", "link.addresses", "addresses = ["),
        ("link", r#"addresses = ["0.0.0.0:4433"]"#, "link.addresses", "host:port"),
        ("link", r#"addresses = ["192.0.2.7"]"#, "link.addresses", "host:port"),
        ("link", r#"addresses = ["192.0.2.7:0"]"#, "link.addresses", "host:port"),
        ("link", r#"addresses = ["192.0.2.300:4433"]"#, "link.addresses", "host:port"),
        ("link", r#"addresses = ["-brand-.example:4433"]"#, "link.addresses", "host:port"),
        ("link", r#"addresses = ["user@brand.example:4433"]"#, "link.addresses", "host:port"),
        ("link", r#"congestion = "reno""#, "link.congestion", "\"new-reno\""),
        ("link", "congestion = true", "link.congestion", "congestion = \"bbr\""),
        ("link", "idle = 60", "link.idle", "idle = \"60s\""),
        ("link", r#"idle = "0s""#, "link.idle", "1.0s to 10m00s"),
        ("link", r#"idle = "-1s""#, "link.idle", "duration"),
        ("link", r#"idle = "forever""#, "link.idle", "duration"),
        ("link", r#"keep_alive = "50s""#, "link.keep_alive", "half of link.idle"),
        ("link", r#"resume = "2 weeks""#, "link.resume", "duration"),
        ("link", r#"deadline = "0ms""#, "link.deadline", "duration"),
        ("link", "streams = 0", "link.streams", "1 to 64"),
        ("link", "streams = -1", "link.streams", "1 to 64"),
        ("link", "streams = 16.0", "link.streams", "1 to 64"),
        ("link", "streams = 9999999999", "link.streams", "1 to 64"),
        ("link", "stream_window = 2883584", "link.stream_window", "\"4 MiB\""),
        ("link", r#"stream_window = "2.75 TB""#, "link.stream_window", "64 KiB to 16 MiB"),
        ("link", r#"stream_window = "1 B""#, "link.stream_window", "64 KiB to 16 MiB"),
        ("link", r#"receive_window = "1 MiB""#, "link.receive_window", "at least link.stream_window"),
        ("link", r#"socket_buffer = "-4 MiB""#, "link.socket_buffer", "size"),
        ("link", r#"lisen = "0.0.0.0:4433""#, "link.lisen", "`link.listen`"),
        ("link", "insecure = true", "link.insecure", "known here"),
        ("limits", "max_items = 0", "limits.max_items", "whole number"),
        ("limits", "max_items = nan", "limits.max_items", "whole number"),
        ("limits", "max_items = \"many\"", "limits.max_items", "whole number"),
        ("limits", "max_sessions = 1000", "limits.max_sessions", "1 to 256"),
        ("limits", r#"memory = "1 MiB""#, "limits.memory", "64 MiB"),
        ("limits", r#"max_session_time = "1s""#, "limits.max_session_time", "10.0s"),
        ("limits", r#"keep_answers = "1s""#, "limits.keep_answers", ""),
        ("unlock", r#"method = "none""#, "unlock.method", "\"passphrase\""),
        ("unlock", r#"method = "key-file""#, "unlock.path", "path = \"unlock.key\""),
        ("unlock", r#"method = "key-env""#, "unlock.name", "name = \"TACIT_KEY\""),
        ("unlock", r#"passphrase = "correct horse""#, "unlock.passphrase", "known here"),
        ("log", r#"level = "loud""#, "log.level", "\"info\""),
        ("log", r#"format = "xml""#, "log.format", "\"json\""),
        ("log", r#"file = """#, "log.file", "path of a file"),
        ("budget", "epsilon = nan", "budget", "known here"),
    ];
    for (section, line, field, mend) in cases {
        let text = with(section, line);
        let error = Config::parse(&text, "tacit.toml").expect_err(line);
        assert_eq!(error.class(), Class::Usage, "{line}");
        assert!(error.to_string().contains(&format!("`{field}`")), "{line}: {error}");
        let mends: Vec<String> = error.details().into_iter().map(|detail| detail.text).collect();
        assert!(mends.iter().any(|text| text.contains(mend)), "{line}: {mends:?}");
    }
}

#[test]
fn f05_what_is_missing_is_named() {
    for (cut, field) in [
        ("name = \"brand\"", "name"),
        ("listen = \"0.0.0.0:4433\"", "link.listen"),
        ("addresses = [\"192.0.2.7:4433\"]", "link.addresses"),
        ("method = \"passphrase\"", "unlock.method"),
    ] {
        let error = Config::parse(&GOOD.replace(cut, ""), "tacit.toml").unwrap_err();
        assert_eq!(error.to_string(), format!("tacit.toml: `{field}` is missing"));
        assert!(!error.details().is_empty());
    }
}

#[test]
fn f05_what_is_not_toml_is_refused_by_its_line() {
    for text in
        ["name = brand", "name = \"brand", "[link", "name = \"a\"\nname = \"b\"", "name: brand", "\u{0}"]
    {
        let error = Config::parse(text, "tacit.toml").unwrap_err();
        assert_eq!(error.code(), "E-CONFIG-SYNTAX", "{text:?}");
        let message = error.to_string();
        assert!(message.contains("line "), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let third = Config::parse("# one\n# two\nname = brand\n", "tacit.toml").unwrap_err();
    assert!(third.to_string().contains("line 3"), "{third}");
}

#[test]
fn an_address_may_be_a_name_or_a_number() {
    for address in
        ["node.brand.example:4433", "brand:1", "192.0.2.7:4433", "[2001:db8::7]:4433", "127.0.0.1:65535"]
    {
        assert_eq!(check_address(address).as_deref(), Ok(address));
    }
}
