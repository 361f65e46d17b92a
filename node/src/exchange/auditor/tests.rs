//! A witness that is honest, stale, forked, or something else altogether.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;
use tacit_protocol::log::{
    Kind,
    checkpoint::{Checkpoint, Keys},
    merkle::leaf_hash,
    note::{SignatureKind, VerifierKey},
    witness::consider,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    config::{Home, NewHome, UnlockChoice, create_home},
    ledger::Rotation,
};

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[21; 32]).unwrap()
}

fn witness_key() -> VerifierKey {
    let public = pair().public_key().as_ref().try_into().unwrap();
    VerifierKey::new("witness.example.org/w1", SignatureKind::Cosignature, public).unwrap()
}

/// How it answers.
enum How {
    /// As the specification says, holding this head and believing these keys.
    Honestly { known: Mutex<Option<Checkpoint>>, keys: Mutex<Option<Keys>> },
    /// With these bytes, whatever is asked.
    Always(Vec<u8>),
}

/// A witness of one test; its requests, in order.
struct Server {
    how: How,
    asked: Mutex<Vec<AddCheckpoint>>,
}

impl Server {
    fn honest() -> Arc<Self> {
        Self::that(How::Honestly { known: Mutex::default(), keys: Mutex::default() })
    }

    fn always(status: &str, body: &str) -> Arc<Self> {
        let length = body.len();
        Self::that(How::Always(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").into()))
    }

    fn that(how: How) -> Arc<Self> {
        Arc::new(Self { how, asked: Mutex::default() })
    }

    fn known(&self) -> &Mutex<Option<Checkpoint>> {
        let How::Honestly { known, .. } = &self.how else { panic!("it holds nothing") };
        known
    }

    fn believe(&self, with: Keys) {
        let How::Honestly { keys, .. } = &self.how else { panic!("it believes nothing") };
        *keys.lock().unwrap() = Some(with);
    }

    fn answer(&self, body: &[u8]) -> Vec<u8> {
        let request = AddCheckpoint::parse(body).expect("a request");
        self.asked.lock().unwrap().push(request.clone());
        let (known, keys) = match &self.how {
            How::Always(bytes) => return bytes.clone(),
            How::Honestly { known, keys } => (known, keys),
        };
        let keys = keys.lock().unwrap().clone().expect("whom to believe");
        let mut known = known.lock().unwrap();
        let (status, body) = match consider(&keys, known.as_ref(), &request) {
            Ok(accepted) => {
                *known = Some(accepted.checkpoint().head().clone());
                let sign = |text: &[u8]| pair().sign(text).as_ref().try_into().unwrap();
                (200, accepted.cosign(&witness_key(), 1_800_000_000, sign).unwrap().to_string())
            }
            Err(refusal) => (refusal.status(), refusal.body()),
        };
        format!("HTTP/1.1 {status} \r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// Listens; the URL.
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/w", listener.local_addr().unwrap());
        let server = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                let body = loop {
                    let mut piece = [0; 1024];
                    let read = stream.read(&mut piece).await.unwrap();
                    bytes.extend_from_slice(&piece[..read]);
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    assert!(text.starts_with(&"POST /w/add-checkpoint HTTP/1.1\r\n"[..text.len().min(33)]));
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
                    if body.len() == length.parse::<usize>().unwrap() {
                        break body.as_bytes().to_vec();
                    }
                };
                stream.write_all(&server.answer(&body)).await.unwrap();
            }
        });
        url
    }
}

/// A node whose auditor has a witness at `url`.
async fn node(url: &str) -> (TempDir, Rooms) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("home"));
    let new = NewHome {
        name: "brand".to_owned(),
        listen: "127.0.0.1:4433".to_owned(),
        addresses: vec!["127.0.0.1:4433".to_owned()],
        unlock: Some(UnlockChoice::KeyFileInHome),
    };
    create_home(&home, &new, Timestamp::now()).unwrap();
    let text = std::fs::read_to_string(home.config_file()).unwrap();
    let section = format!("[witness]\nurl = \"{url}\"\nkey = \"{}\"\n", witness_key());
    std::fs::write(home.config_file(), text + &section).unwrap();
    (dir, Rooms::open(home).await.unwrap())
}

async fn grow(rooms: &Rooms, records: u32) {
    for number in 0..records {
        let body = json!({ "n": number });
        rooms.ledger.note(Kind::Config, None, None, "set", body, Timestamp::now()).await.unwrap();
    }
}

fn log_keys(rooms: &Rooms) -> Keys {
    Keys { witnesses: Vec::new(), ..own_keys(rooms) }
}

#[tokio::test]
async fn log_09_an_honest_witness_cosigns_as_the_log_grows() {
    let server = Server::honest();
    let (_dir, rooms) = node(&server.start().await).await;
    server.believe(log_keys(&rooms));
    for round in 0..3_u64 {
        let size = rooms.ledger.head().unwrap().head().size;
        assert_eq!(present(&rooms).await.unwrap(), Some((1_800_000_000, size)));
        // It stands beside the head, so exports and receipts have it.
        let keys = own_keys(&rooms);
        let kept = rooms.heads.cosigned(WitnessSettings::id(rooms.config.witness.as_ref().unwrap()), &keys);
        let kept = kept.unwrap().unwrap();
        assert_eq!(
            (kept.head().size, keys.cosigned(&kept).unwrap()[0].who.as_str()),
            (size, witness_key().name())
        );
        assert_eq!(server.asked.lock().unwrap().len() as u64, round + 1, "no try is wasted");
        grow(&rooms, 5).await;
    }
    let read = crate::audit::Log::open(rooms.home.root()).unwrap();
    assert!(read.earlier.len() == 1 && read.keys.unwrap().witnesses.len() == 1);
    rooms.close().await;
}

#[tokio::test]
async fn log_10_a_witness_that_has_seen_more_than_we_know_says_what() {
    let server = Server::honest();
    let (_dir, rooms) = node(&server.start().await).await;
    server.believe(log_keys(&rooms));
    grow(&rooms, 3).await;
    // Somebody else has shown it the head before, or our own file is lost.
    *server.known().lock().unwrap() = Some(rooms.ledger.head().unwrap().head().clone());
    grow(&rooms, 3).await;
    let size = rooms.ledger.head().unwrap().head().size;
    assert_eq!(present(&rooms).await.unwrap().unwrap().1, size);
    let olds: Vec<u64> = server.asked.lock().unwrap().iter().map(|asked| asked.old).collect();
    assert_eq!(olds, [0, 4]);
    rooms.close().await;
}

#[tokio::test]
async fn log_10_d16_a_witness_of_another_history_does_not_cosign() {
    let server = Server::honest();
    let (_dir, rooms) = node(&server.start().await).await;
    server.believe(log_keys(&rooms));
    grow(&rooms, 3).await;
    let head = rooms.ledger.head().unwrap().head().clone();
    *server.known().lock().unwrap() = Some(Checkpoint { root: leaf_hash(b"another"), ..head });
    grow(&rooms, 1).await;
    assert_eq!(present(&rooms).await.unwrap_err().code, "E-WITNESS-FORKED");
    // Anybody on the way can say so; it is told, and stops nothing.
    grow(&rooms, 1).await;
    rooms.close().await;
}

#[tokio::test]
async fn log_10_refusals_and_garbage_are_told_apart() {
    for (server, code) in [
        (Server::always("404 Not Found", ""), "E-WITNESS-REFUSED"),
        (Server::always("403 Forbidden", ""), "E-WITNESS-REFUSED"),
        (Server::always("400 Bad Request", ""), "E-WITNESS-REFUSED"),
        (Server::always("422 Unprocessable", ""), "E-WITNESS-FORKED"),
        (Server::always("503 Busy", ""), "E-WITNESS-REFUSED"),
        (Server::always("409 Conflict", "999999\n"), "E-WITNESS-AHEAD"),
        (Server::always("409 Conflict", "0\n"), "E-WITNESS-ANSWER"),
        (Server::always("409 Conflict", "01\n"), "E-WITNESS-ANSWER"),
        (Server::always("409 Conflict", ""), "E-WITNESS-ANSWER"),
        (Server::always("200 OK", ""), "E-WITNESS-ANSWER"),
        (Server::always("200 OK", "— witness.example.org/w1 AAAA\n"), "E-WITNESS-ANSWER"),
        (Server::that(How::Always(b"\0\xff\r\n\r\n".to_vec())), "E-WITNESS-ANSWER"),
        (Server::that(How::Always(Vec::new())), "E-WITNESS-ANSWER"),
    ] {
        let (_dir, rooms) = node(&server.start().await).await;
        let refused = present(&rooms).await.unwrap_err();
        assert_eq!(refused.code, code, "{refused}");
        let witness = rooms.config.witness.as_ref().unwrap();
        assert!(rooms.heads.cosigned(witness.id(), &own_keys(&rooms)).unwrap().is_none());
        rooms.close().await;
    }
    let (_dir, rooms) = node("http://127.0.0.1:9").await;
    assert_eq!(present(&rooms).await.unwrap_err().code, "E-WITNESS-UNREACHABLE");
    rooms.close().await;
}

#[tokio::test]
async fn log_19_d19_a_witness_goes_on_with_the_key_that_was_handed_over_to() {
    let server = Server::honest();
    let (_dir, rooms) = node(&server.start().await).await;
    server.believe(log_keys(&rooms));
    present(&rooms).await.unwrap();
    rooms.rotate_signing_key().await.unwrap();
    let size = rooms.ledger.head().unwrap().head().size;
    assert_eq!(present(&rooms).await.unwrap_err().code, "E-WITNESS-REFUSED", "it knows the old key only");
    server.believe(log_keys(&rooms));
    assert_eq!(present(&rooms).await.unwrap().unwrap().1, size);
    // Another one, with a queue of notes at the same time.
    let next = crate::config::NextKey::generate().unwrap();
    let rotation = Arc::new(Rotation::new(Arc::clone(&rooms.identity), next));
    let notes = async { grow(&rooms, 10).await };
    let (rotated, ()) = tokio::join!(rooms.ledger.hand_over(rotation, Timestamp::now()), notes);
    rotated.unwrap();
    grow(&rooms, 1).await;
    let root = rooms.home.root().to_owned();
    let checked = crate::audit::Log::open(&root).unwrap();
    checked.sound().unwrap();
    assert_eq!(checked.keys.unwrap().log.len(), 3);
    rooms.close().await;
    let home = rooms.home.clone();
    drop(rooms);
    let again = Rooms::open(home).await.unwrap();
    assert_eq!(again.identity.lineage().handovers().len(), 2);
    again.close().await;
}
