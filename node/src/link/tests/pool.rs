//! One connection a pair of nodes.

use super::*;

fn connections(node: &Node, other: &Node) -> usize {
    node.link.core().place(other.id()).all().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_that_dial_at_once_keep_one_connection_and_lose_no_channel() {
    for _ in 0..5 {
        let (brand, bank) = pair();
        let (one, other, there, here) = tokio::join!(
            brand.link.open(bank.id(), Vec::new()),
            bank.link.open(brand.id(), Vec::new()),
            bank.link.accept(),
            brand.link.accept(),
        );
        let pairs = [(one.unwrap(), there.unwrap().channel), (other.unwrap(), here.unwrap().channel)];
        for (mut from, mut to) in pairs {
            for number in 0..20u8 {
                from.send(vec![number; 100_000]).await.unwrap();
                assert_eq!(to.recv().await.unwrap().unwrap(), vec![number; 100_000]);
            }
            let (one, other) = tokio::join!(from.finish(), to.finish());
            one.unwrap();
            other.unwrap();
            assert_eq!(from.traffic().resent, 0);
        }
        until(|| connections(&brand, &bank) == 1 && connections(&bank, &brand) == 1).await;
        // Which one is left does not depend on who looks.
        let (at_brand, at_bank) = (&brand.link.status()[0], &bank.link.status()[0]);
        assert_ne!(at_brand.dialled_here, at_bank.dialled_here);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_one_connection() {
    let (brand, bank) = pair();
    let answering = bank.link.clone();
    tokio::spawn(async move {
        while let Some(call) = answering.next_call().await {
            let body = call.body.clone();
            call.answer(body).unwrap();
        }
    });
    let calls = (0..40u8).map(|number| {
        let (link, bank) = (brand.link.clone(), bank.id());
        tokio::spawn(async move { (number, link.call(bank, vec![number]).await) })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        let (number, answer) = within(FAR, call).await.unwrap();
        match answer {
            Ok(answer) => assert_eq!(answer, [number]),
            // As many as may wait at the same time.
            Err(error) => assert_eq!(error.code(), "E-LINK-BUSY"),
        }
    }
    assert_eq!(connections(&brand, &bank), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_of_a_partner_that_is_away_share_one_failure() {
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let brand = Node::made_at("brand", Timestamp::now(), |settings| settings.dial = Duration::from_secs(3));
    let address = dead.local_addr().unwrap().to_string();
    let bank = Node::made_at("bank", Timestamp::now(), |settings| settings.addresses = vec![address]);
    let (brand, bank) = acquainted(brand, bank);
    let opens = (0..30).map(|_| {
        let (link, bank) = (brand.link.clone(), bank.id());
        tokio::spawn(async move { link.open(bank, Vec::new()).await })
    });
    let opens: Vec<_> = opens.collect();
    // One after the other, they would take a minute and a half.
    for open in opens {
        let error = within(FAR, open).await.unwrap().unwrap_err();
        assert_eq!(error.code(), "E-LINK-UNREACHABLE");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_an_answer_ends() {
    let brand =
        Node::made_at("brand", Timestamp::now(), |settings| settings.deadline = Duration::from_secs(2));
    let (brand, bank) = acquainted(brand, Node::new("bank"));
    let (asked, dropped) = tokio::join!(brand.link.call(bank.id(), Vec::new()), bank.link.next_call());
    drop(dropped);
    assert_eq!(asked.unwrap_err().code(), "E-LINK-DEADLINE");
    let (asked, kept) = tokio::join!(brand.link.call(bank.id(), Vec::new()), async {
        drop(bank.link.next_call().await);
    });
    assert_eq!((asked.unwrap_err().code(), kept), ("E-LINK-DEADLINE", ()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_with_several_addresses_is_tried_to_the_end() {
    let brand =
        Node::made_at("brand", Timestamp::now(), |settings| settings.dial = Duration::from_millis(500));
    let listen = free_port();
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let bank = Node::made_at("bank", Timestamp::now(), |settings| {
        settings.listen = listen;
        settings.addresses =
            vec!["nobody.invalid:4433".into(), dead.local_addr().unwrap().to_string(), listen.to_string()];
    });
    let (brand, bank) = acquainted(brand, bank);
    drop(channel(&brand, &bank).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_shows_its_address_first_when_many_are_calling() {
    // "Many" is none here: every caller is sent a retry (RFC 9000 §8.1.2) and comes back with its token.
    let bank = Node::made_at("bank", Timestamp::now(), |settings| settings.retry_above = 0);
    let (brand, bank) = acquainted(Node::new("brand"), bank);
    drop(channel(&brand, &bank).await);
    assert!(brand.link.status()[0].dialled_here);
}
