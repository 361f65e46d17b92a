//! What the doctor finds, row E12: every diagnosis with its mend, in less than ten seconds.

use super::*;

/// The catalogue's limit, which is part of the promise.
const IN_TIME: Duration = Duration::from_secs(10);

async fn checks(node: &Node, partner: PartnerId) -> Vec<Check> {
    let checks = within(IN_TIME, node.link.diagnose(partner)).await.unwrap();
    for check in &checks {
        assert!(check.ok || check.mend.is_some(), "no mend: {check:?}");
    }
    checks
}

/// The one check that is bad.
async fn trouble(node: &Node, partner: PartnerId) -> Check {
    let mut bad: Vec<Check> = checks(node, partner).await.into_iter().filter(|check| !check.ok).collect();
    assert_eq!(bad.len(), 1, "{bad:#?}");
    bad.remove(0)
}

/// A node that trusts a bank which is said to be at `address`.
fn with_the_bank_at(address: String) -> (Node, Node) {
    let brand = Node::new("brand");
    let bank = Node::made_at("bank", Timestamp::now(), |settings| settings.addresses = vec![address]);
    acquainted(brand, bank)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_healthy_nodes_are_healthy() {
    let (brand, bank) = pair();
    // A channel that runs is not disturbed.
    let (mut here, mut there) = channel(&brand, &bank).await;
    let checks = checks(&brand, bank.id()).await;
    assert!(checks.iter().all(|check| check.ok), "{checks:#?}");
    let names: Vec<&str> = checks.iter().filter_map(|check| check.name.split(' ').next()).collect();
    assert_eq!(names, ["certificate", "address", "udp", "handshake", "versions", "clock"]);
    here.send(b"still".to_vec()).await.unwrap();
    assert_eq!(there.recv().await.unwrap().unwrap(), b"still");
    assert_eq!(brand.link.status().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_blocked_udp_is_told_from_the_rest() {
    let hole = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (brand, bank) = with_the_bank_at(hole.local_addr().unwrap().to_string());
    let check = trouble(&brand, bank.id()).await;
    assert!(check.name.starts_with("udp ") && check.found.contains("nothing comes back"), "{check:?}");
    assert!(check.mend.unwrap().contains("UDP"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_a_port_that_nobody_listens_on_is_told() {
    let (brand, bank) = with_the_bank_at(free_port().to_string());
    let check = trouble(&brand, bank.id()).await;
    assert!(check.found.contains("nothing listens"), "{check:?}");
    assert!(check.mend.unwrap().contains("tacit serve"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_a_name_that_does_not_resolve_is_told() {
    let (brand, bank) = with_the_bank_at("nobody.invalid:4433".into());
    let check = trouble(&brand, bank.id()).await;
    assert_eq!((&check.name[..], &check.found[..]), ("address nobody.invalid:4433", "does not resolve"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_another_key_and_an_unknown_card_are_told_apart() {
    // Somebody else is at the bank's address.
    let shop = Node::new("shop");
    let (brand, bank) = with_the_bank_at(shop.settings.listen.to_string());
    let check = trouble(&brand, bank.id()).await;
    assert!(check.name == "handshake" && check.found.contains("does not have the key"), "{check:?}");
    // The bank has not added our card.
    let (brand, bank) = (Node::new("brand"), Node::new("bank"));
    brand.trusts(&bank);
    let check = trouble(&brand, bank.id()).await;
    assert!(check.name == "handshake" && check.found.contains("does not accept this node"), "{check:?}");
    assert!(check.mend.unwrap().contains("tacit partner add"));
}

#[tokio::test]
async fn a_stranger_is_not_diagnosed() {
    let (brand, bank) = (Node::new("brand"), Node::new("bank"));
    assert_eq!(brand.link.diagnose(bank.id()).await.unwrap_err().code(), "E-PARTNER-UNKNOWN");
}
