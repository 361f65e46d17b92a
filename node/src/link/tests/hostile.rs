//! Partners that passed the hello and do not behave: row E07, and frames that no honest node sends.

use quinn::{Connection, SendStream};

use super::{
    raw::{closing, frame, read_frame, stream_with},
    *,
};
use crate::link::frame::{Kind, Refused};

/// A partner of `node` with a connection of its own, after an honest hello.
async fn partner_of(node: &Node) -> (Node, Connection) {
    let rogue = Node::new("rogue");
    rogue.trusts(node);
    node.trusts(&rogue);
    let connection = rogue.link.core().dial(node.id(), false).await.unwrap().connection.clone();
    (rogue, connection)
}

fn opening(id: u8, window: u16) -> Vec<u8> {
    frame(Kind::Open, &[&b"hi"[..], &[id; 16], &window.to_le_bytes()].concat())
}

/// Opens a channel by hand; the node's end of it, and the stream.
async fn opened(node: &Node, connection: &Connection, id: u8) -> (Channel, SendStream, quinn::RecvStream) {
    let (send, mut recv) = stream_with(connection, &opening(id, 1)).await;
    let incoming = within(FAR, node.link.accept()).await.unwrap();
    assert_eq!(incoming.opening, b"hi");
    assert_eq!(read_frame(&mut recv).await.unwrap().0, Kind::Opened as u8);
    (incoming.channel, send, recv)
}

fn message(number: u64, body: &[u8]) -> Vec<u8> {
    frame(Kind::Message, &[body, &number.to_le_bytes()].concat())
}

/// Writes a byte now and then, until that fails.
async fn drip(mut send: SendStream, bytes: Vec<u8>) {
    for byte in bytes {
        if send.write_all(&[byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    panic!("all was taken at this rate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e07_a_message_byte_by_byte_is_cut() {
    let bank = Node::hasty("bank");
    let (_rogue, connection) = partner_of(&bank).await;
    let (mut channel, send, _recv) = opened(&bank, &connection, 1).await;
    let slow = message(0, &[0; 1000]);
    let (end, (), failed) =
        within(FAR, async { tokio::join!(closing(&connection), drip(send, slow), channel.recv()) }).await;
    assert_eq!(end, Some(Closing::TooSlow));
    assert_eq!(failed.unwrap_err().code(), "E-LINK-LOST");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e07_a_partner_that_comes_back_without_progress_does_not_keep_a_channel_for_ever() {
    let bank = Node::hasty("bank");
    let (rogue, connection) = partner_of(&bank).await;
    let peer = rogue.link.core().dial(bank.id(), false).await.unwrap();
    let (mut channel, ..) = {
        let (send, mut recv) = stream_with(&peer.connection, &opening(1, 1)).await;
        let incoming = within(FAR, bank.link.accept()).await.unwrap();
        assert_eq!(read_frame(&mut recv).await.unwrap().0, Kind::Opened as u8);
        (incoming.channel, send, recv)
    };
    drop(connection);
    let shared = bank.link.core().channels.find(rogue.id(), &[1; 16]).unwrap();
    let coming_back = async {
        let mut last = peer.connection.clone();
        loop {
            last.close(0u8.into(), b"");
            let Ok(peer) = rogue.link.core().dial(bank.id(), false).await else { continue };
            last = peer.connection.clone();
            let resume = [&[1; 16], &shared.token.expose()[..], &[0; 16]].concat();
            let (_send, mut recv) = stream_with(&last, &frame(Kind::Resume, &resume)).await;
            // A moment of standing, without a message.
            let _ = read_frame(&mut recv).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let failed =
        tokio::select! { failed = within(FAR, channel.recv()) => failed, () = coming_back => unreachable!() };
    assert_eq!(failed.unwrap_err().code(), "E-LINK-LOST");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e07_all_streams_open_and_silent_are_cut() {
    let bank = Node::hasty("bank");
    let (_rogue, connection) = partner_of(&bank).await;
    // Until the node has taken the hello's stream back, there is one fewer.
    let mut streams = Vec::new();
    let one_more = Duration::from_millis(500);
    while let Ok(stream) = tokio::time::timeout(one_more, connection.open_bi()).await {
        let (mut send, recv) = stream.unwrap();
        send.write_all(&[Kind::Call as u8]).await.unwrap();
        streams.push((send, recv));
        assert!(streams.len() <= bank.settings.streams as usize, "more streams than the settings allow");
    }
    assert!(streams.len() >= bank.settings.streams as usize - 1);
    assert_eq!(closing(&connection).await, Some(Closing::TooSlow));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e07_a_partner_that_never_reads_is_cut() {
    // What fits into QUIC's buffers, and what does not.
    for length in [1000, LARGEST_MESSAGE] {
        let bank = Node::hasty("bank");
        let (_rogue, connection) = partner_of(&bank).await;
        let (mut channel, _send, _recv) = opened(&bank, &connection, 1).await;
        channel.send(vec![0; length]).await.unwrap();
        // The connection lives; only this stream is never read.
        let (end, failed) = within(FAR, async { tokio::join!(closing(&connection), channel.finish()) }).await;
        assert_eq!(end, Some(Closing::TooSlow));
        assert_eq!(failed.unwrap_err().code(), "E-LINK-LOST");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e07_a_partner_has_the_channels_and_the_memory_it_may_have() {
    let bank = Node::new("bank");
    let (_rogue, connection) = partner_of(&bank).await;
    let refused = (Kind::Refused as u8, vec![Refused::Busy as u8]);
    let windows = u16::try_from(bank.settings.memory / LARGEST_MESSAGE).unwrap();
    for window in [windows + 1, u16::MAX] {
        let (_send, mut recv) = stream_with(&connection, &opening(0, window)).await;
        assert_eq!(read_frame(&mut recv).await.unwrap(), refused, "a window of {window}");
    }
    let mut open = Vec::new();
    for id in 0..bank.settings.channels as u8 {
        open.push(opened(&bank, &connection, id).await);
    }
    let (_send, mut recv) = stream_with(&connection, &opening(99, 1)).await;
    assert_eq!(read_frame(&mut recv).await.unwrap(), refused, "one channel more");
    let (_send, mut recv) = stream_with(&connection, &opening(0, 1)).await;
    assert_eq!(read_frame(&mut recv).await.unwrap(), refused, "one of the same name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_frames_that_no_honest_node_sends_end_the_connection() {
    let bank = Node::new("bank");
    let (rogue, _first) = partner_of(&bank).await;
    let long = |kind: Kind, length: u32| [&[kind as u8], &length.to_le_bytes()[..]].concat();
    let largest = u32::try_from(LARGEST_MESSAGE).unwrap();
    // At the beginning of a stream.
    let beginnings = [
        ("an unknown kind", vec![0; 5]),
        ("a kind that begins no stream", frame(Kind::Ack, &[0; 16])),
        ("a hello, after the hello", frame(Kind::Hello, b"")),
        ("an opening beyond its cap", long(Kind::Open, (64 << 10) + 19)),
        ("a call beyond its cap", long(Kind::Call, largest + 1)),
        ("four gigabytes", long(Kind::Call, u32::MAX)),
        ("an opening without a name", frame(Kind::Open, &[0; 17])),
        ("an opening with no window", opening(0, 0)),
        ("a resumption in the wrong form", frame(Kind::Resume, &[0; 63])),
        ("a card that is not text", frame(Kind::Card, &[0xff; 9])),
    ];
    for (what, bytes) in beginnings {
        let peer = rogue.link.core().dial(bank.id(), false).await.unwrap();
        let _stream = stream_with(&peer.connection, &bytes).await;
        assert_eq!(closing(&peer.connection).await, Some(Closing::Rule), "{what}");
    }
    // On a channel.
    let on_a_channel = [
        ("a message out of order", message(1, b"")),
        ("a message twice", [message(0, b""), message(0, b"")].concat()),
        ("more than the window", [message(0, b""), message(1, b"")].concat()),
        ("a message beyond its cap", long(Kind::Message, largest + 9)),
        ("a message without a number", frame(Kind::Message, &[0; 7])),
        ("an end out of order", frame(Kind::End, &[1; 8])),
        ("a message after the end", [frame(Kind::End, &[0; 8]), message(1, b"")].concat()),
        ("an acknowledgement of nothing", frame(Kind::Ack, &[1; 16])),
        ("an acknowledgement cut short", frame(Kind::Ack, &[0; 15])),
        ("an opening inside", opening(2, 1)),
    ];
    for (what, bytes) in on_a_channel {
        let peer = rogue.link.core().dial(bank.id(), false).await.unwrap();
        let (mut channel, mut send, _recv) = opened(&bank, &peer.connection, 1).await;
        send.write_all(&bytes).await.unwrap();
        assert_eq!(closing(&peer.connection).await, Some(Closing::Rule), "{what}");
        let mut failed = within(FAR, channel.recv()).await;
        while let Ok(Some(_)) = failed {
            failed = within(FAR, channel.recv()).await;
        }
        // After an end that came in order there is nothing more to fail for whoever only listens.
        if !matches!(failed, Ok(None)) {
            assert_eq!(failed.unwrap_err().code(), "E-LINK-RULE", "{what}");
        }
        drop(channel);
        until(|| bank.link.core().channels.count(rogue.id()) == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_is_taken_up_only_by_its_partner_with_its_token() {
    let bank = Node::new("bank");
    let (rogue, connection) = partner_of(&bank).await;
    let (shop, of_the_shop) = {
        let shop = Node::new("shop");
        shop.trusts(&bank);
        bank.trusts(&shop);
        let connection = shop.link.core().dial(bank.id(), false).await.unwrap().connection.clone();
        (shop, connection)
    };
    let (_channel, _send, _recv) = opened(&bank, &connection, 1).await;
    let token = *bank.link.core().channels.find(rogue.id(), &[1; 16]).unwrap().token.expose();
    let resume = |id: u8, token: &[u8; 32]| frame(Kind::Resume, &[&[id; 16], &token[..], &[0; 16]].concat());
    let unknown = (Kind::Refused as u8, vec![Refused::Unknown as u8]);
    let mut wrong = token;
    wrong[31] ^= 1;
    for (what, connection, bytes) in [
        ("the wrong token", &connection, resume(1, &wrong)),
        ("another channel", &connection, resume(2, &token)),
        ("another partner", &of_the_shop, resume(1, &token)),
    ] {
        let (_send, mut recv) = stream_with(connection, &bytes).await;
        assert_eq!(read_frame(&mut recv).await.unwrap(), unknown, "{what}");
    }
    let (_send, mut recv) = stream_with(&connection, &resume(1, &token)).await;
    assert_eq!(read_frame(&mut recv).await.unwrap().0, Kind::Resumed as u8);
    drop(shop);
}
