//! Callers with a partner's TLS key and a hello that does not hold.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use quinn::Connection;
use tacit_protocol::wire::{
    Limits, Role, Wire,
    hello::{EXPORTER_LABEL, Greeting, Hello},
    version::{Version, Versions},
};

use super::{
    raw::{Caller, closing, frame, name_of, read_frame, stream_with, tls_of},
    *,
};
use crate::link::{card::tests::elsewhere, frame::Kind};

/// A connection with the partner's TLS key, before any hello.
async fn connected(caller: &Caller, partner: &Node, to: &Node) -> Connection {
    let config = tls_of(&partner.identity.tls());
    within(FAR, caller.connecting(config, to, &name_of(to))).await.unwrap()
}

fn exporter(connection: &Connection) -> [u8; 32] {
    let mut exporter = [0; 32];
    connection.export_keying_material(&mut exporter, EXPORTER_LABEL, b"").unwrap();
    exporter
}

fn hello_of(node: &Node) -> Hello {
    Hello::new(node.identity.signing_key(), [], [5; 32])
}

fn list(versions: &[u16]) -> Versions {
    Versions::new(versions.iter().copied().map(Version))
}

/// Says hello as `sent`, but signs as if `signed` had been said.
async fn greet(connection: &Connection, who: &Node, sent: &Hello, signed: &Hello) -> Option<Closing> {
    let (mut send, mut recv) = stream_with(connection, &frame(Kind::Hello, &sent.encode())).await;
    let Some((kind, theirs)) = read_frame(&mut recv).await else { return closing(connection).await };
    assert_eq!(kind, Kind::Hello as u8);
    let theirs = Hello::decode(&theirs, &Limits::GREETING).unwrap();
    let greeting = Greeting::new(Role::Initiator, signed, theirs, &exporter(connection)).unwrap();
    let signature = who.identity.sign(&greeting.bytes_to_sign());
    let about = [[0u8; 57].as_slice(), b"raw"].concat();
    send.write_all(&frame(Kind::Signature, &signature)).await.unwrap();
    send.write_all(&frame(Kind::About, &about)).await.unwrap();
    // Signature and About of the other end, then either Welcome or the end.
    let mut last = None;
    while let Some((kind, _)) = read_frame(&mut recv).await {
        last = Some(kind);
        if kind == Kind::Welcome as u8 {
            return None;
        }
    }
    assert_ne!(last, Some(Kind::Welcome as u8));
    closing(connection).await
}

#[tokio::test]
async fn an_honest_hello_made_by_hand_is_welcome() {
    let (brand, bank) = pair();
    let caller = Caller::new();
    let connection = connected(&caller, &brand, &bank).await;
    let hello = hello_of(&brand);
    assert_eq!(greet(&connection, &brand, &hello, &hello).await, None);
    until(|| bank.link.status().len() == 1).await;
}

#[tokio::test]
async fn e05_a_shortened_version_list_is_refused_and_logged() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.subscriber());
    let (brand, bank) = pair();
    let caller = Caller::new();
    let mut signed = hello_of(&brand);
    signed.versions = list(&[1, 2]);
    let connection = connected(&caller, &brand, &bank).await;
    let end = greet(&connection, &brand, &hello_of(&brand), &signed).await;
    assert_eq!(end, Some(Closing::Hello));

    let mut alien = hello_of(&brand);
    alien.versions = list(&[99]);
    let connection = connected(&caller, &brand, &bank).await;
    assert_eq!(greet(&connection, &brand, &alien, &alien).await, Some(Closing::Version));
    assert!(bank.link.status().is_empty());
    let log = log.text();
    assert!(log.contains("the signature does not fit this connection"), "{log}");
    assert!(log.contains("no common version"), "{log}");
}

#[tokio::test]
async fn a13_a_hello_recorded_on_another_connection_is_refused() {
    let (brand, bank) = pair();
    let caller = Caller::new();
    let hello = hello_of(&brand);
    let record = connected(&caller, &brand, &bank).await;
    let (_send, mut recv) = stream_with(&record, &frame(Kind::Hello, &hello.encode())).await;
    let (_, theirs) = read_frame(&mut recv).await.unwrap();
    let theirs = Hello::decode(&theirs, &Limits::GREETING).unwrap();
    let greeting = Greeting::new(Role::Initiator, &hello, theirs, &exporter(&record)).unwrap();
    let recorded = brand.identity.sign(&greeting.bytes_to_sign());

    let replay = connected(&caller, &brand, &bank).await;
    let bytes = [frame(Kind::Hello, &hello.encode()), frame(Kind::Signature, &recorded)].concat();
    let _stream = stream_with(&replay, &bytes).await;
    assert_eq!(closing(&replay).await, Some(Closing::Hello));
}

#[tokio::test]
async fn a_partner_cannot_speak_for_another_partner() {
    let (brand, bank) = pair();
    let shop = Node::new("shop");
    bank.trusts(&shop);
    let caller = Caller::new();
    // The shop's TLS key, the brand's signature, freely given.
    let connection = connected(&caller, &shop, &bank).await;
    let hello = hello_of(&brand);
    assert_eq!(greet(&connection, &brand, &hello, &hello).await, Some(Closing::Hello));
    // A signing key that is nobody's.
    let stranger = Node::new("stranger");
    let connection = connected(&caller, &brand, &bank).await;
    let hello = hello_of(&stranger);
    assert_eq!(greet(&connection, &stranger, &hello, &hello).await, Some(Closing::Hello));
}

#[tokio::test]
async fn a_partner_does_not_answer_in_anothers_place() {
    let (brand, shop) = acquainted(Node::new("brand"), Node::new("shop"));
    // The bank's card names the shop's address and the shop's TLS key.
    let bank = Node::new("bank");
    let (address, key) = (shop.settings.listen.to_string(), shop.identity.tls().spki_hash);
    let card = elsewhere(&bank.identity, &address, key).to_text();
    brand.partners.add(&card, Timestamp::now()).unwrap();
    let refused = within(FAR, brand.link.call(bank.id(), Vec::new())).await.unwrap_err();
    assert_eq!(refused.code(), "E-LINK-HELLO", "{refused}");
}

#[tokio::test]
async fn nothing_but_a_hello_is_taken_first() {
    let (brand, bank) = pair();
    let caller = Caller::new();
    for kind in [Kind::Open, Kind::Call, Kind::Card, Kind::Resume, Kind::Welcome, Kind::Signature] {
        let connection = connected(&caller, &brand, &bank).await;
        let _stream = stream_with(&connection, &frame(kind, &[])).await;
        assert_eq!(closing(&connection).await, Some(Closing::Hello), "{kind:?}");
    }
    // Neither a second stream, nor one that only one end writes to, nor a datagram.
    let connection = connected(&caller, &brand, &bank).await;
    let first = connection.open_bi().await.unwrap();
    let wait = Duration::from_millis(300);
    assert!(tokio::time::timeout(wait, connection.open_bi()).await.is_err());
    assert!(tokio::time::timeout(wait, connection.open_uni()).await.is_err());
    assert_eq!(connection.max_datagram_size(), None);
    drop(first);
}

#[tokio::test]
async fn a10_a_hello_longer_than_its_cap_is_refused_by_its_length() {
    let (brand, bank) = pair();
    let caller = Caller::new();
    for length in [(16 << 10) + 1, u32::MAX] {
        let connection = connected(&caller, &brand, &bank).await;
        let head = [&[Kind::Hello as u8], &length.to_le_bytes()[..]].concat();
        let _stream = stream_with(&connection, &head).await;
        assert_eq!(closing(&connection).await, Some(Closing::Hello));
    }
}

#[tokio::test]
async fn e07_a_caller_who_says_nothing_or_little_is_cut() {
    let brand = Node::new("brand");
    let (brand, bank) = acquainted(brand, Node::hasty("bank"));
    let caller = Caller::new();
    let silent = connected(&caller, &brand, &bank).await;
    let slow = connected(&caller, &brand, &bank).await;
    let dripping = async {
        let (mut send, _recv) = slow.open_bi().await.unwrap();
        for byte in frame(Kind::Hello, &hello_of(&brand).encode()) {
            if send.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("a hello at five bytes a second was heard to its end");
    };
    within(FAR, async { tokio::join!(dripping, silent.closed()) }).await;
    assert!(bank.link.status().is_empty());
}

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn subscriber(&self) -> impl tracing::Subscriber + use<> {
        let log = self.clone();
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).finish()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
