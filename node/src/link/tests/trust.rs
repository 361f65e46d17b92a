//! Who gets in and who does not: rows E01 to E05.

use jiff::SignedDuration;
use rustls::client::Resumption;

use super::{
    raw::{Caller, alert, name_of, tls_of, tls_with},
    *,
};

const DECRYPT_ERROR: u64 = 51;
const CERTIFICATE_EXPIRED: u64 = 45;
const UNKNOWN_CA: u64 = 48;
const ACCESS_DENIED: u64 = 49;
const CERTIFICATE_REQUIRED: u64 = 116;
const NO_APPLICATION_PROTOCOL: u64 = 120;

fn days_ago(days: i64) -> Timestamp {
    Timestamp::now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap()
}

/// A partner whose certificate was good when its card was added, and is not now.
fn expired_partner(of: &Node) -> Node {
    let old = Node::made_at("old", days_ago(400), |_| {});
    of.partners.add(&old.card(), days_ago(300)).unwrap();
    old
}

#[tokio::test]
async fn partners_reach_each_other_whoever_dials() {
    let (brand, bank) = pair();
    for (from, to) in [(&brand, &bank), (&bank, &brand)] {
        let (asked, ()) = tokio::join!(from.link.call(to.id(), b"ping".to_vec()), async {
            let call = to.link.next_call().await.unwrap();
            assert_eq!((call.partner, &call.body[..]), (from.id(), &b"ping"[..]));
            call.answer(b"pong".to_vec()).unwrap();
        });
        assert_eq!(asked.unwrap(), b"pong");
    }
    assert_eq!((brand.link.status().len(), bank.link.status().len()), (1, 1));
}

#[tokio::test]
async fn e01_strangers_get_no_byte() {
    let (brand, bank) = pair();
    let old = expired_partner(&bank);
    let stranger = TlsIdentity::generate("brand", Timestamp::now()).unwrap();
    let partner = brand.identity.tls();
    let callers = [
        ("no certificate", tls_with(None), CERTIFICATE_REQUIRED),
        ("an unknown certificate", tls_of(&stranger), UNKNOWN_CA),
        ("an expired one", tls_of(&old.identity.tls()), CERTIFICATE_EXPIRED),
        ("a partner's, without its key", tls_with(Some((&partner, &stranger))), DECRYPT_ERROR),
    ];
    for (what, config, expected) in callers {
        let error = Caller::new().refused(config, &bank, &name_of(&bank)).await;
        assert_eq!(alert(&error), Some(expected), "{what}: {error}");
    }
    assert!(bank.link.status().is_empty());
}

#[tokio::test]
async fn e01_who_does_not_know_the_key_is_not_shown_a_certificate() {
    let (brand, bank) = pair();
    for name in ["localhost", "0101010101010101.invalid", &name_of(&brand), "é"] {
        let Ok(name) = rustls_pki_types::ServerName::try_from(name.to_owned()) else { continue };
        let config = tls_of(&brand.identity.tls());
        let error = Caller::new().refused(config, &bank, &name.to_str()).await;
        assert_eq!(alert(&error), Some(ACCESS_DENIED), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e01_the_dialler_refuses_another_key_and_an_expired_one() {
    let (brand, bank) = pair();
    // Somebody else answers at the bank's address.
    bank.link.close().await;
    let listen = bank.settings.listen;
    drop(bank);
    let other = Node::made_at("bank", Timestamp::now(), |settings| settings.listen = listen);
    other.trusts(&brand);
    let bank_id = brand.partners.find("bank").unwrap().card().id();
    let error = within(FAR, brand.link.call(bank_id, Vec::new())).await.unwrap_err();
    assert_eq!(error.code(), "E-LINK-OTHER-KEY", "{error}");

    let old = expired_partner(&brand);
    old.trusts(&brand);
    let error = within(FAR, brand.link.call(old.id(), Vec::new())).await.unwrap_err();
    assert_eq!(error.code(), "E-LINK-EXPIRED", "{error}");
}

#[tokio::test]
async fn e01_trust_must_be_mutual() {
    let (brand, bank) = (Node::new("brand"), Node::new("bank"));
    brand.trusts(&bank);
    let error = within(FAR, brand.link.call(bank.id(), Vec::new())).await.unwrap_err();
    assert_eq!(error.code(), "E-LINK-UNWELCOME", "{error}");
    let error = within(FAR, bank.link.call(brand.id(), Vec::new())).await.unwrap_err();
    assert_eq!(error.code(), "E-PARTNER-UNKNOWN", "{error}");
    // From the moment on that the bank adds the card, without a restart.
    bank.trusts(&brand);
    drop(channel(&brand, &bank).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e02_a_removed_partner_is_cut_off_in_the_middle_of_a_transfer() {
    for at_the_sender in [true, false] {
        let (brand, bank) = pair();
        let (here, there) = channel(&brand, &bank).await;
        let ((mut sender, _), (_keep, mut receiver)) = (here.split(), there.split());
        let sending = async {
            loop {
                if let Err(error) = sender.send(vec![0; 1 << 20]).await {
                    return error;
                }
            }
        };
        let receiving = async {
            let mut count = 0;
            loop {
                match receiver.recv().await {
                    Ok(Some(_)) => count += 1,
                    Ok(None) => panic!("an end that nobody sent"),
                    Err(error) => return error,
                }
                if count == 5 {
                    if at_the_sender {
                        brand.partners.remove("bank").unwrap();
                    } else {
                        bank.partners.remove("brand").unwrap();
                    }
                }
            }
        };
        // Well below the minute after which a silent connection is found dead anyway.
        let (one, other) = within(Duration::from_secs(10), async { tokio::join!(sending, receiving) }).await;
        assert_eq!((one.code(), other.code()), ("E-LINK-REVOKED", "E-LINK-REVOKED"));
        until(|| brand.link.status().is_empty() && bank.link.status().is_empty()).await;
        // And stays out.
        let (from, to) = if at_the_sender { (&bank, &brand) } else { (&brand, &bank) };
        let error = within(FAR, from.link.call(to.id(), Vec::new())).await.unwrap_err();
        assert_eq!(error.code(), "E-LINK-UNWELCOME", "{error}");
    }
}

#[tokio::test]
async fn e02_a_channel_that_waits_to_be_mended_is_cut_off_as_well() {
    let (brand, bank) = pair();
    let (mut here, _there) = channel(&brand, &bank).await;
    bank.link.close().await;
    brand.partners.remove("bank").unwrap();
    let error = within(FAR, here.recv()).await.unwrap_err();
    assert!(["E-LINK-REVOKED", "E-LINK-GONE"].contains(&error.code()), "{error}");
}

#[tokio::test]
async fn e03_e04_there_is_no_ticket_to_come_back_with_and_no_early_data() {
    let (brand, bank) = pair();
    let mut config = tls_of(&brand.identity.tls());
    config.resumption = Resumption::in_memory_sessions(8);
    config.enable_early_data = true;
    let (caller, name) = (Caller::new(), name_of(&bank));
    for _ in 0..3 {
        // A first packet with early data needs a ticket of an earlier connection.
        let connecting = match caller.connecting(config.clone(), &bank, &name).into_0rtt() {
            Ok(_) => panic!("early data could be sent"),
            Err(connecting) => connecting,
        };
        let connection = within(FAR, connecting).await.unwrap();
        // Long enough for a ticket, which comes after the handshake, to be there if one comes.
        let silence = tokio::time::timeout(Duration::from_millis(200), connection.accept_uni()).await;
        assert!(silence.is_err());
    }
    // The same caller, with whatever it has kept, after it was removed.
    bank.partners.remove("brand").unwrap();
    let error = caller.refused(config, &bank, &name).await;
    assert_eq!(alert(&error), Some(UNKNOWN_CA), "{error}");
}

#[tokio::test]
async fn e05_another_application_protocol_is_refused() {
    let (brand, bank) = pair();
    for protocols in [vec![], vec![b"h3".to_vec()], vec![b"tacit/0".to_vec()]] {
        let mut config = tls_of(&brand.identity.tls());
        config.alpn_protocols = protocols;
        let error = Caller::new().refused(config, &bank, &name_of(&bank)).await;
        assert_eq!(alert(&error), Some(NO_APPLICATION_PROTOCOL), "{error}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_mend() {
    let bank = Node::new("bank");
    let (identity, partners) = (Arc::clone(&bank.identity), Arc::clone(&bank.partners));
    let refused = Link::bind(bank.settings.clone(), identity, partners).unwrap_err();
    assert_eq!(refused.code(), "E-LINK-PORT-TAKEN");
    let port = bank.settings.listen.port().to_string();
    assert!(refused.to_string().contains(&port));
    assert!(refused.details().iter().any(|detail| detail.label == "would do" && detail.text.contains(&port)));
}
