use std::os::unix::fs::{MetadataExt, PermissionsExt};

use tacit_protocol::secret::Secret;

use super::*;
use crate::report::Refusal;

fn new(unlock: UnlockChoice) -> NewHome {
    NewHome {
        name: "brand".into(),
        listen: "127.0.0.1:4433".into(),
        addresses: Vec::new(),
        unlock: Some(unlock),
    }
}

fn now() -> Timestamp {
    "2026-12-01T12:00:00Z".parse().unwrap()
}

fn place() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    (dir, home)
}

#[test]
fn a_new_home_opens_with_what_its_settings_say() {
    let (_dir, home) = place();
    let made = create_home(&home, &new(UnlockChoice::KeyFileInHome), now()).unwrap();
    assert!(made.notes.iter().any(|note| note.contains("unlock.key")), "the risk is told");
    let opened = Home::open(home.root()).unwrap();
    let config = Config::read(&opened).unwrap();
    assert_eq!(config, made.config);
    let unlock = Unlock::find(&opened, &config.unlock).unwrap();
    assert_eq!(Identity::open(&opened, &config, &unlock).unwrap().id(), made.identity.id());
}

#[test]
fn nothing_in_a_new_home_is_open_to_others() {
    let (_dir, home) = place();
    create_home(&home, &new(UnlockChoice::KeyFileInHome), now()).unwrap();
    let mut left = vec![home.root().to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!(metadata.mode() & 0o077, 0, "{}", path.display());
        if metadata.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

#[test]
fn a_home_is_never_made_over_another() {
    let (_dir, home) = place();
    create_home(&home, &new(UnlockChoice::KeyFileInHome), now()).unwrap();
    let before = fs::read(home.signing_key_file()).unwrap();
    let error = create_home(&home, &new(UnlockChoice::KeyFileInHome), now()).unwrap_err();
    assert_eq!(error.code(), "E-HOME-EXISTS");
    assert_eq!(fs::read(home.signing_key_file()).unwrap(), before);
}

#[test]
fn a_directory_with_other_things_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.doc"), b"words").unwrap();
    let home = Home::at(dir.path());
    let error = create_home(&home, &new(UnlockChoice::KeyFileInHome), now()).unwrap_err();
    assert_eq!(error.code(), "E-HOME-EXISTS");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn an_empty_directory_is_taken_and_closed() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = Home::at(dir.path());
    create_home(&home, &new(UnlockChoice::KeyFileInHome), now()).unwrap();
    Home::open(dir.path()).unwrap();
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    type Meddle = fn(&mut NewHome);
    let cases: [(Meddle, &str); 7] = [
        (|n| n.name = "Brand".into(), "`NAME`"),
        (|n| n.listen = "nowhere".into(), "`--listen`"),
        (|n| n.listen = "0.0.0.0:0".into(), "`--listen`"),
        (|n| n.addresses = vec!["0.0.0.0:1".into()], "`--address`"),
        (|n| n.unlock = Some(UnlockChoice::Environment("NOT A NAME".into())), "`--key-env`"),
        (|n| n.unlock = Some(UnlockChoice::Environment("TACIT_TEST_NOT_SET".into())), "TACIT_TEST_NOT_SET"),
        (|n| n.unlock = Some(UnlockChoice::Passphrase(Secret::new("short".into()))), "8 characters"),
    ];
    for (meddle, named) in cases {
        let (_dir, home) = place();
        let mut new = new(UnlockChoice::KeyFileInHome);
        meddle(&mut new);
        let error = create_home(&home, &new, now()).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
        assert!(!home.root().exists(), "{named}");
    }
}

#[test]
fn a_key_file_elsewhere_is_made_once_and_shared_after() {
    let (dir, home) = place();
    let path = dir.path().join("key");
    create_home(&home, &new(UnlockChoice::KeyFile(path.clone())), now()).unwrap();
    let key = fs::read(&path).unwrap();
    let second = Home::at(dir.path().join("second"));
    create_home(&second, &new(UnlockChoice::KeyFile(path.clone())), now()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), key, "a key file that is there is never replaced");

    fs::remove_file(&path).unwrap();
    let method = Config::read(&home).unwrap().unlock;
    assert_eq!(Unlock::find(&home, &method).unwrap_err().code(), "E-KEYS-LOCKED");
    fs::write(&path, "not hex").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(Unlock::find(&home, &method).unwrap_err().code(), "E-KEYS-LOCKED");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(Unlock::find(&home, &method).unwrap_err().code(), "E-HOME-PERMISSIONS");
}

#[test]
fn an_open_home_is_refused() {
    let (_dir, home) = place();
    create_home(&home, &new(UnlockChoice::KeyFileInHome), now()).unwrap();
    for directory in [home.root().to_owned(), home.keys_dir()] {
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let error = Home::open(home.root()).unwrap_err();
        assert_eq!(error.code(), "E-HOME-PERMISSIONS");
        assert!(error.details().iter().any(|d| d.text == format!("chmod 0700 {}", directory.display())));
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn an_address_for_the_card_is_never_the_wildcard() {
    for listen in ["0.0.0.0:4433", "[::]:4433"] {
        let (addresses, note) = reachable_addresses(listen.parse().unwrap());
        assert_eq!(addresses.len(), 1);
        check_address(&addresses[0]).unwrap();
        assert!(addresses[0].ends_with(":4433"));
        assert!(note.is_some_and(|note| note.contains(&addresses[0])));
    }
    let (addresses, note) = reachable_addresses("192.0.2.7:4433".parse().unwrap());
    assert_eq!((addresses, note), (vec!["192.0.2.7:4433".to_owned()], None));
}
