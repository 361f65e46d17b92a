//! A new TLS key while everything runs.

use tacit_protocol::log::{
    Handover,
    note::{SignatureKind, VerifierKey},
};

use super::{
    raw::{Caller, alert, name_of, read_frame, stream_with, tls_of},
    relay::Relay,
    *,
};
use crate::{
    config::NextKey,
    link::{
        card::tests::{renewed, signed},
        frame::Kind,
    },
};

fn new_key(node: &Node) -> TlsIdentity {
    TlsIdentity::generate(node.identity.name(), Timestamp::now()).unwrap()
}

fn pins(node: &Node, partner: &Node) -> Vec<[u8; 32]> {
    let partner = node.partners.find(&partner.id().to_string()).unwrap();
    partner.pins(Timestamp::now()).copied().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_changed_under_a_running_channel() {
    for rotating in ["opener", "other"] {
        let (brand, bank) = pair();
        let (mut here, mut there) = channel(&brand, &bank).await;
        here.send(b"before".to_vec()).await.unwrap();
        assert_eq!(there.recv().await.unwrap().unwrap(), b"before");
        let (node, partner) = if rotating == "opener" { (&brand, &bank) } else { (&bank, &brand) };
        let old = node.identity.tls();
        let rotation = node.link.rotate(new_key(node)).await.unwrap();
        let new = node.identity.tls().spki_hash;
        assert!(matches!(&rotation.told[..], [(told, Ok(()))] if *told == partner.id()));
        assert_eq!(rotation.card.spki_hash(), &new);
        assert_eq!(pins(partner, node), [new, old.spki_hash], "both, until the new one is seen");
        // The connection that stands goes on.
        here.send(b"during".to_vec()).await.unwrap();
        assert_eq!(there.recv().await.unwrap().unwrap(), b"during");
        // The next one is made with the new key, and ends the old one.
        brand.link.disconnect(bank.id());
        here.send(b"after".to_vec()).await.unwrap();
        assert_eq!(within(FAR, there.recv()).await.unwrap().unwrap(), b"after");
        until(|| pins(partner, node) == [new]).await;
        let error = Caller::new().refused(tls_of(&old), partner, &name_of(partner)).await;
        assert_eq!(alert(&error), Some(48), "the old key is retired: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_is_not_connected_is_told_as_well() {
    let (brand, bank) = pair();
    let rotation = brand.link.rotate(new_key(&brand)).await.unwrap();
    assert!(matches!(&rotation.told[..], [(told, Ok(()))] if *told == bank.id()));
    assert_eq!(pins(&bank, &brand)[0], brand.identity.tls().spki_hash);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partner_that_was_away_is_told_when_it_comes_back() {
    for dialler in ["the one that changed", "the other"] {
        let brand = Node::hasty("brand");
        let listen = free_port();
        let relay = Relay::to(listen).await;
        let bank = Node::made_at("bank", Timestamp::now(), |settings| {
            settings.listen = listen;
            settings.addresses = vec![relay.address.to_string()];
        });
        let (brand, bank) = acquainted(brand, bank);
        let old = brand.identity.tls().spki_hash;
        relay.cut(true);
        let rotation = brand.link.rotate(new_key(&brand)).await.unwrap();
        assert!(matches!(&rotation.told[..], [(_, Err(LinkError::Unreachable { .. }))]), "{rotation:?}");
        relay.cut(false);
        let new = brand.identity.tls().spki_hash;
        assert_eq!(pins(&bank, &brand), [old]);
        let (from, to) = if dialler == "the other" { (&bank, &brand) } else { (&brand, &bank) };
        within(FAR, meeting_until(from, to, || pins(&bank, &brand)[0] == new)).await;
        from.link.disconnect(to.id());
        within(FAR, meeting_until(from, to, || pins(&bank, &brand) == [new])).await;
    }
}

/// Connects until something is so. A word that one connection did not carry through, the next one does: two nodes that
/// dial each other at once give one of their connections up, and a hasty node gives a slow one up.
async fn meeting_until(from: &Node, to: &Node, is_so: impl Fn() -> bool) {
    while !is_so() {
        let both = async { tokio::join!(from.link.open(to.id(), b"opening".to_vec()), to.link.accept()) };
        drop(tokio::time::timeout(Duration::from_secs(3), both).await);
        // A channel that nobody takes would be mended, and its connection with it, for as long as we look.
        while tokio::time::timeout(Duration::from_millis(50), to.link.accept()).await.is_ok() {}
        for _ in 0..200 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        from.link.disconnect(to.id());
        let gone = async {
            while !from.link.status().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // If it is there again by then, the next round goes over it.
        let _ = tokio::time::timeout(Duration::from_secs(3), gone).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_can_be_changed_again_and_again() {
    let (brand, bank) = pair();
    for _ in 0..3 {
        for node in [&brand, &bank] {
            drop(channel(&brand, &bank).await);
            node.link.rotate(new_key(node)).await.unwrap();
            brand.link.disconnect(bank.id());
            until(|| brand.link.status().is_empty()).await;
        }
    }
    drop(within(FAR, channel(&bank, &brand)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_that_is_not_the_partners_own_newer_one_is_refused() {
    let (brand, bank) = pair();
    let shop = Node::new("shop");
    bank.trusts(&shop);
    let known = pins(&bank, &brand);
    let hour = jiff::SignedDuration::from_hours(1);
    let cards = [
        ("an older one", renewed(&brand.identity, -hour, [1; 32]).to_text()),
        ("another partner's", renewed(&shop.identity, hour, [2; 32]).to_text()),
        ("a stranger's", signed(&Node::new("stranger").identity, |_| {}).to_text()),
        ("the bank's own", signed(&bank.identity, |_| {}).to_text()),
        ("an altered one", renewed(&brand.identity, hour, [3; 32]).to_text().replace("4433", "4434")),
    ];
    let peer = brand.link.core().dial(bank.id(), false).await.unwrap();
    for (what, card) in cards {
        let frame = raw::frame(Kind::Card, card.as_bytes());
        let (_send, mut recv) = stream_with(&peer.connection, &frame).await;
        let answer = within(FAR, read_frame(&mut recv)).await.unwrap();
        assert_eq!(answer, (Kind::Refused as u8, vec![frame::Refused::Card as u8]), "{what}");
    }
    assert_eq!(pins(&bank, &brand), known);
    assert_eq!(pins(&bank, &shop).len(), 1);
}

/// Hands a node's signing key over, as its log does it.
pub(in crate::link) fn hand_over(identity: &Identity, size: u64) {
    let next = NextKey::generate().unwrap();
    let old = identity.lineage().verifier_keys(SignatureKind::Ed25519).unwrap().pop().unwrap();
    let new = VerifierKey::new(old.name(), SignatureKind::Ed25519, next.public()).unwrap();
    let by_old = |text: &[u8]| identity.sign(text);
    let handover =
        Handover::sign(identity.id(), size, (&old, by_old), (&new, |text| next.sign(text))).unwrap();
    identity.prepare(&next, &handover).unwrap();
    identity.take_over().unwrap();
}

fn signing_key_of(partner: &Node, at: &Node) -> [u8; 32] {
    *at.partners.find(&partner.id().to_string()).unwrap().card().signing_key()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_18_d19_a_new_signing_key_is_told_to_partners_and_the_id_stays() {
    let (brand, bank) = pair();
    let (id, first) = (brand.id(), brand.identity.signing_key());
    let (mut here, mut there) = channel(&brand, &bank).await;
    hand_over(&brand.identity, 7);
    let told = brand.link.announce_signing_key().await.unwrap().told;
    assert!(matches!(&told[..], [(partner, Ok(()))] if *partner == bank.id()));
    assert_eq!((brand.id(), signing_key_of(&brand, &bank)), (id, brand.identity.signing_key()));
    assert_ne!(brand.identity.signing_key(), first);
    // The channel goes on, over a connection that is greeted with the new key.
    brand.link.disconnect(bank.id());
    here.send(b"after".to_vec()).await.unwrap();
    assert_eq!(within(FAR, there.recv()).await.unwrap().unwrap(), b"after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_18_d19_a_partner_that_was_away_takes_the_new_signing_key_whoever_dials() {
    for dialler in ["the one that changed", "the other"] {
        let (brand, bank) = pair();
        hand_over(&brand.identity, 7);
        // Nobody was told: the next process of the brand tells whoever connects.
        let Node { _home: home, identity, partners, settings, link } = brand;
        link.close().await;
        drop(link);
        let link = bind(&settings, &identity, &partners);
        let brand = Node { _home: home, identity, partners, settings, link };
        let (from, to) = if dialler == "the other" { (&bank, &brand) } else { (&brand, &bank) };
        channel(from, to).await;
        until(|| signing_key_of(&brand, &bank) == brand.identity.signing_key()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_18_d19_a_retired_signing_key_gets_no_connection() {
    let (brand, bank) = pair();
    // Whoever copied the brand's keys before the rotation has both of them.
    let thief = Node::copied(&brand);
    hand_over(&brand.identity, 7);
    let told = brand.link.announce_signing_key().await.unwrap().told;
    assert!(told[0].1.is_ok());
    brand.link.close().await;
    let error = thief.link.call(bank.id(), b"ping".to_vec()).await.unwrap_err();
    assert!(["E-LINK-HELLO", "E-LINK-UNWELCOME"].contains(&error.code()), "{error}");
    let error = bank.partners.add(&thief.card(), Timestamp::now()).unwrap_err();
    assert_eq!(error.code(), "E-CARD-KEY-RETIRED");
}
