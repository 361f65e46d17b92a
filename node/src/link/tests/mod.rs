//! Nodes on real loopback sockets, honest and otherwise.

mod channels;
mod doctor;
mod hello;
mod hostile;
mod mending;
mod pool;
mod raw;
mod relay;
pub(super) mod rotation;
mod trust;

use std::path::Path;

use tacit_protocol::secret::Secret;
use tempfile::TempDir;

use super::*;
use crate::{
    config::{self, Home, Unlock, files},
    report::Refusal,
};

/// Long enough for a slow machine; a test that needs it has failed.
const FAR: Duration = Duration::from_secs(60);

/// A node of one test: its keys, its partners, its link.
struct Node {
    _home: TempDir,
    identity: Arc<Identity>,
    partners: Arc<Partners>,
    settings: Settings,
    link: Link,
}

pub(super) fn identity_in(home: &Path, name: &str, now: Timestamp) -> Identity {
    let home = Home::at(home);
    files::make_private_dir(&home.keys_dir()).unwrap();
    Identity::create(&home, name, &Unlock::raw(Secret::new([7; 32])), now).unwrap()
}

/// A UDP port that nobody had a moment ago.
fn free_port() -> SocketAddr {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Binds, and waits for the port if a node that was there has only just gone.
fn bind(settings: &Settings, identity: &Arc<Identity>, partners: &Arc<Partners>) -> Link {
    for _ in 0..500 {
        match Link::bind(settings.clone(), Arc::clone(identity), Arc::clone(partners)) {
            Err(LinkError::PortTaken { .. }) => std::thread::sleep(Duration::from_millis(10)),
            bound => return bound.unwrap(),
        }
    }
    panic!("the port stays taken")
}

impl Node {
    /// A node whose certificate was made at `made`.
    fn made_at(name: &str, made: Timestamp, change: impl FnOnce(&mut Settings)) -> Self {
        let home = tempfile::tempdir().unwrap();
        let identity = Arc::new(identity_in(home.path(), name, made));
        let partners = Arc::new(Partners::open(&home.path().join("partners"), &identity).unwrap());
        let listen = free_port();
        let mut settings = Settings::new(listen, vec![listen.to_string()]);
        change(&mut settings);
        let link = bind(&settings, &identity, &partners);
        Self { _home: home, identity, partners, settings, link }
    }

    fn new(name: &str) -> Self {
        Self::made_at(name, Timestamp::now(), |_| {})
    }

    /// A node that loses patience soon.
    fn hasty(name: &str) -> Self {
        Self::made_at(name, Timestamp::now(), hasty)
    }

    /// Another node with a copy of this one's keys and partners.
    fn copied(other: &Self) -> Self {
        let home = tempfile::tempdir().unwrap();
        for folder in ["keys", "partners"] {
            files::make_private_dir(&home.path().join(folder)).unwrap();
            for file in std::fs::read_dir(other._home.path().join(folder)).unwrap().flatten() {
                std::fs::copy(file.path(), home.path().join(folder).join(file.file_name())).unwrap();
            }
        }
        let config = config::Config::parse(
            "name = \"brand\"\n[link]\nlisten = \"127.0.0.1:4433\"\naddresses = [\"127.0.0.1:4433\"]\n\
             [unlock]\nmethod = \"passphrase\"\n",
            "tacit.toml",
        );
        let unlock = Unlock::raw(Secret::new([7; 32]));
        let identity = Identity::open(&Home::at(home.path()), &config.unwrap(), &unlock).unwrap();
        let identity = Arc::new(identity);
        let partners = Arc::new(Partners::open(&home.path().join("partners"), &identity).unwrap());
        let listen = free_port();
        let settings = Settings::new(listen, vec![listen.to_string()]);
        let link = bind(&settings, &identity, &partners);
        Self { _home: home, identity, partners, settings, link }
    }

    fn id(&self) -> PartnerId {
        self.identity.id()
    }

    fn card(&self) -> String {
        self.link.card().unwrap().to_text()
    }

    fn trusts(&self, other: &Self) {
        self.partners.add(&other.card(), Timestamp::now()).unwrap();
    }
}

/// Deadlines of a tenth, for tests that wait for them.
fn hasty(settings: &mut Settings) {
    settings.patience = Duration::from_secs(2);
    settings.hello = Duration::from_secs(2);
    settings.resume = Duration::from_secs(6);
    settings.dial = Duration::from_secs(1);
    settings.idle = Duration::from_secs(3);
    settings.keep_alive = Duration::from_millis(500);
}

/// Two nodes that trust each other.
fn pair() -> (Node, Node) {
    acquainted(Node::new("brand"), Node::new("bank"))
}

fn acquainted(one: Node, other: Node) -> (Node, Node) {
    one.trusts(&other);
    other.trusts(&one);
    (one, other)
}

/// A channel from one node to the other, both ends.
async fn channel(from: &Node, to: &Node) -> (Channel, Channel) {
    let (here, there) = tokio::join!(from.link.open(to.id(), b"opening".to_vec()), to.link.accept());
    let there = there.unwrap();
    assert_eq!((there.partner, &there.opening[..]), (from.id(), &b"opening"[..]));
    (here.unwrap(), there.channel)
}

/// Waits for something that must not hang.
async fn within<T>(time: Duration, what: impl Future<Output = T>) -> T {
    tokio::time::timeout(time, what).await.expect("it took too long")
}

/// Waits until something is so.
async fn until(what: impl Fn() -> bool) {
    within(FAR, async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
