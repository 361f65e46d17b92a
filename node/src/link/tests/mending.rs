//! Connections that break under a running channel.

use super::{relay::Relay, *};

/// The next message of a stream that both ends can make: its bytes depend on its number.
fn message(number: u32, length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) ^ number) as u8).collect()
}

/// Sends `count` messages and checks them at the other end, while `breaking` runs beside it; returns what
/// the sender counted.
async fn transfer(
    from: &Node,
    to: &Node,
    (count, length, window): (u32, usize, u16),
    breaking: impl Future<Output = ()>,
) -> Traffic {
    let (here, there) = tokio::join!(from.link.open_wide(to.id(), Vec::new(), window), to.link.accept());
    let ((mut sender, _), (_keep, mut receiver)) = (here.unwrap().split(), there.unwrap().channel.split());
    let sending = async {
        for number in 0..count {
            sender.send(message(number, length)).await.unwrap();
        }
        sender.finish().await.unwrap();
        sender.traffic()
    };
    let receiving = async {
        for number in 0..count {
            let came = receiver.recv().await.unwrap().expect("too few messages");
            assert!(came == message(number, length), "message {number} is another one");
        }
        assert!(receiver.recv().await.unwrap().is_none(), "too many messages");
        receiver.traffic()
    };
    let both = async { tokio::join!(sending, receiving) };
    let (sent, received) = tokio::select! {
        traffic = within(FAR, both) => traffic,
        () = async { breaking.await; std::future::pending().await } => unreachable!(),
    };
    assert_eq!((received.messages_received, sent.messages_sent), (u64::from(count), u64::from(count)));
    sent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_go_through_whole() {
    let (brand, bank) = pair();
    let traffic = transfer(&brand, &bank, (50, 2 << 20, 1), std::future::pending()).await;
    assert_eq!(traffic.resent, 0);
    let traffic = transfer(&bank, &brand, (50, 2 << 20, 4), std::future::pending()).await;
    assert_eq!(traffic.resent, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e11_one_kill_from_either_side_costs_one_message_at_most() {
    for (sender_kills, opener_sends) in [(true, true), (true, false), (false, true), (false, false)] {
        let (brand, bank) = pair();
        let (from, to) = if opener_sends { (&brand, &bank) } else { (&bank, &brand) };
        let (node, other) = if sender_kills { (from, to) } else { (to, from) };
        let kill = async {
            // In the middle: after some of the sixteen megabytes, before all of them.
            until(|| from.link.status().first().is_some_and(|one| one.bytes_sent > 5 << 20)).await;
            node.link.disconnect(other.id());
        };
        let traffic = transfer(from, to, (16, 1 << 20, 1), kill).await;
        assert!(traffic.resent <= 1, "{traffic:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e11_many_kills_from_both_sides_change_no_byte() {
    let (brand, bank) = pair();
    let kills = std::sync::atomic::AtomicU64::new(0);
    let killing = async {
        loop {
            for (node, other) in [(&brand, &bank), (&bank, &brand)] {
                tokio::time::sleep(Duration::from_millis(37)).await;
                kills.fetch_add(
                    u64::from(!node.link.status().is_empty()),
                    std::sync::atomic::Ordering::Relaxed,
                );
                node.link.disconnect(other.id());
            }
        }
    };
    let traffic = transfer(&brand, &bank, (60, 1 << 20, 1), killing).await;
    let kills = kills.load(std::sync::atomic::Ordering::Relaxed);
    assert!(kills >= 5, "the transfer was over before it was disturbed");
    assert!(traffic.resent <= kills, "{traffic:?} after {kills} kills");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_survive_kills_with_a_wide_window() {
    let (brand, bank) = pair();
    let (here, there) = tokio::join!(brand.link.open_wide(bank.id(), Vec::new(), 3), bank.link.accept());
    let one_end = |channel: Channel| async {
        let (mut sender, mut receiver) = channel.split();
        let sending = async {
            for number in 0..40 {
                sender.send(message(number, 300_000)).await.unwrap();
            }
            sender.finish().await.unwrap();
        };
        let receiving = async {
            let mut count = 0;
            while let Some(came) = receiver.recv().await.unwrap() {
                assert!(came == message(count, 300_000));
                count += 1;
            }
            count
        };
        tokio::join!(sending, receiving).1
    };
    let both = async { tokio::join!(one_end(here.unwrap()), one_end(there.unwrap().channel)) };
    let killing = async {
        loop {
            for (node, other) in [(&brand, &bank), (&bank, &brand)] {
                tokio::time::sleep(Duration::from_millis(23)).await;
                node.link.disconnect(other.id());
            }
        }
    };
    let counts = tokio::select! { counts = within(FAR, both) => counts, () = killing => unreachable!() };
    assert_eq!(counts, (40, 40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_only_one_end_has_lost_is_dropped_by_the_other() {
    let listen = free_port();
    let relay = Relay::to(listen).await;
    let bank = Node::made_at("bank", Timestamp::now(), |settings| {
        settings.listen = listen;
        settings.addresses = vec![relay.address.to_string()];
    });
    // What the lower id has dialled is kept, unless it is known to be lost.
    let mut brand = Node::new("brand");
    while brand.id() > bank.id() {
        brand = Node::new("brand");
    }
    let (brand, bank) = acquainted(brand, bank);
    let _channel = channel(&brand, &bank).await;
    // The bank's farewell does not come through; the brand would believe in the connection for a minute.
    relay.cut(true);
    bank.link.disconnect(brand.id());
    until(|| bank.link.status().is_empty()).await;
    assert_eq!(brand.link.status().len(), 1);
    // The bank reaches the brand without the relay.
    drop(within(FAR, channel(&bank, &brand)).await);
    until(|| brand.link.status().first().is_some_and(|now| !now.dialled_here)).await;
    drop(within(FAR, channel(&brand, &bank)).await);
}

/// Two nodes with a relay before the bank; the bank cannot dial the brand.
async fn through_a_relay(change: fn(&mut Settings)) -> (Node, Node, Relay) {
    let brand = Node::made_at("brand", Timestamp::now(), |settings| {
        change(settings);
        settings.addresses = vec![free_port().to_string()];
    });
    let listen = free_port();
    let relay = Relay::to(listen).await;
    let bank = Node::made_at("bank", Timestamp::now(), |settings| {
        change(settings);
        settings.listen = listen;
        settings.addresses = vec![relay.address.to_string()];
    });
    let (brand, bank) = acquainted(brand, bank);
    (brand, bank, relay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e02_who_misses_the_farewell_is_told_by_the_closed_door() {
    let (brand, bank, relay) = through_a_relay(hasty).await;
    let (mut here, mut there) = channel(&brand, &bank).await;
    relay.cut(true);
    bank.partners.remove("brand").unwrap();
    until(|| bank.link.status().is_empty()).await;
    relay.cut(false);
    for end in [&mut here, &mut there] {
        let error = within(FAR, end.recv()).await.unwrap_err();
        assert_eq!(error.code(), "E-LINK-REVOKED", "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e11_a_partition_without_a_farewell_is_outlived() {
    for opener_sends in [true, false] {
        let (brand, bank, relay) = through_a_relay(hasty).await;
        let partition = async {
            until(|| relay.carried() > 5 << 20).await;
            relay.cut(true);
            // Longer than a connection is silent before it is dead.
            tokio::time::sleep(Duration::from_secs(4)).await;
            relay.cut(false);
        };
        let (from, to) = if opener_sends { (&brand, &bank) } else { (&bank, &brand) };
        // The bank cannot dial: its channels are opened by letting the brand connect first.
        let (asked, ()) = tokio::join!(brand.link.call(bank.id(), Vec::new()), async {
            bank.link.next_call().await.unwrap().answer(Vec::new()).unwrap();
        });
        asked.unwrap();
        let traffic = transfer(from, to, (16, 1 << 20, 1), partition).await;
        assert!(traffic.resent <= 1, "{traffic:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_beyond_the_deadline_is_told_at_both_ends() {
    let (brand, bank, relay) = through_a_relay(|settings| {
        hasty(settings);
        settings.resume = Duration::from_secs(2);
    })
    .await;
    let (mut here, mut there) = channel(&brand, &bank).await;
    relay.cut(true);
    let (one, other) = within(FAR, async { tokio::join!(here.recv(), there.recv()) }).await;
    assert_eq!(one.unwrap_err().code(), "E-LINK-LOST");
    assert_eq!(other.unwrap_err().code(), "E-LINK-LOST");
    assert_eq!(here.send(Vec::new()).await.unwrap_err().code(), "E-LINK-LOST");
    until(|| brand.link.core().channels.count(bank.id()) == 0).await;
    until(|| bank.link.core().channels.count(brand.id()) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_ends_its_channels_elsewhere_at_once() {
    let (brand, bank) = pair();
    let (mut here, mut there) = channel(&brand, &bank).await;
    bank.link.close().await;
    assert_eq!(within(FAR, here.recv()).await.unwrap_err().code(), "E-LINK-GONE");
    assert_eq!(within(FAR, there.recv()).await.unwrap_err().code(), "E-LINK-CLOSED");
    assert!(bank.link.accept().await.is_none() && bank.link.next_call().await.is_none());
    assert_eq!(bank.link.call(brand.id(), Vec::new()).await.unwrap_err().code(), "E-LINK-CLOSED");
}

#[test]
fn a_node_that_was_killed_and_started_anew_ends_its_channels_elsewhere() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (ours, theirs) = (runtime(), runtime());
    let bank = theirs.block_on(async { Node::new("bank") });
    let brand = ours.block_on(async { Node::new("brand") });
    let (brand, bank) = acquainted(brand, bank);
    let mut here = ours.block_on(async {
        let accepting = bank.link.clone();
        theirs.spawn(async move {
            // Kept for as long as the process lives.
            std::mem::forget(accepting.accept().await);
        });
        brand.link.open(bank.id(), Vec::new()).await.unwrap()
    });
    // As a kill does it: no farewell, nothing is sent any more.
    theirs.shutdown_background();
    let Node { _home, identity, partners, settings, link } = bank;
    drop(link);
    let theirs = runtime();
    let inside = theirs.enter();
    let anew = bind(&settings, &identity, &partners);
    // The new process knows nothing of the connection, and can say so (a stateless reset), long before a
    // minute of silence is over.
    let gone = ours.block_on(within(Duration::from_secs(30), here.recv()));
    assert_eq!(gone.unwrap_err().code(), "E-LINK-GONE");
    drop((anew, inside));
    ours.block_on(async { drop((here, brand)) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_channel_is_told_to_the_other_end() {
    let (brand, bank) = pair();
    let (here, mut there) = channel(&brand, &bank).await;
    drop(here);
    assert_eq!(within(FAR, there.recv()).await.unwrap_err().code(), "E-LINK-ABANDONED");
    let (mut here, there) = channel(&brand, &bank).await;
    drop(there);
    let sending = async {
        loop {
            if let Err(error) = here.send(vec![0; 1000]).await {
                return error;
            }
        }
    };
    assert_eq!(within(FAR, sending).await.code(), "E-LINK-ABANDONED");
    until(|| brand.link.status()[0].channels + bank.link.status()[0].channels == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_ended_leaves_nothing_behind() {
    let (brand, bank) = pair();
    for _ in 0..30 {
        let (mut here, mut there) = channel(&brand, &bank).await;
        here.send(b"question".to_vec()).await.unwrap();
        assert_eq!(there.recv().await.unwrap().unwrap(), b"question");
        there.send(b"answer".to_vec()).await.unwrap();
        // The asker ends its side, takes the answer, and goes without waiting for the end.
        assert_eq!(here.recv().await.unwrap().unwrap(), b"answer");
        let (one, other) = tokio::join!(here.finish(), there.finish());
        one.unwrap();
        other.unwrap();
    }
    until(|| brand.link.status()[0].channels + bank.link.status()[0].channels == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_is_refused_before_it_is_sent() {
    let (brand, bank) = pair();
    let (mut here, _there) = channel(&brand, &bank).await;
    let long = vec![0; LARGEST_MESSAGE + 1];
    assert_eq!(here.send(long.clone()).await.unwrap_err().code(), "E-LINK-TOO-LONG");
    assert_eq!(brand.link.call(bank.id(), long).await.unwrap_err().code(), "E-LINK-TOO-LONG");
    let long = vec![0; LARGEST_OPENING + 1];
    assert_eq!(brand.link.open(bank.id(), long).await.unwrap_err().code(), "E-LINK-TOO-LONG");
    here.send(vec![0; LARGEST_MESSAGE]).await.unwrap();
}
