//! What stands between two nodes, found out step by step, each with the mend, all within ten seconds.
//!
//! The steps are apart because their mends are: a name that does not resolve is DNS, silence is a firewall or
//! a node that is not running, an answer with another key is a stale card, a refusal is a card that was never
//! added at the other end.

use std::{
    fmt::Write,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use jiff::Timestamp;
use tacit_protocol::ids::PartnerId;
use tokio::{
    net::UdpSocket,
    time::{Instant, timeout},
};

use super::{
    Card, LinkError, Partner,
    closing::Closing,
    core::{Core, random},
    dial::resolve,
    pool::Peer,
};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, e.g. `udp bank.example:4433`.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// What to do about it, where something is to be done.
    pub mend: Option<String>,
}

impl Check {
    fn good(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), ok: true, found: found.into(), mend: None }
    }

    fn bad(name: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name: name.into(), ok: false, found: found.into(), mend: Some(mend.into()) }
    }
}

/// For a UDP packet and its answer; three are sent meanwhile.
const UDP: Duration = Duration::from_millis(2_400);

/// For TLS and the hello with one address.
const HANDSHAKE: Duration = Duration::from_secs(4);

/// Certificates are judged, and budgets run, by the clock: milliseconds.
const SKEW: u64 = 60_000;

/// A certificate that ends within so many days is worth a word.
const SOON: i64 = 14;

impl Core {
    pub(super) async fn diagnose(self: &Arc<Self>, id: PartnerId) -> Result<Vec<Check>, LinkError> {
        let known = self.partners.trusted().by_id(id).map(Arc::clone);
        let partner = known.ok_or_else(|| LinkError::PartnerUnknown(id.short()))?;
        let card = partner.card();
        let now = Timestamp::now();
        let theirs =
            format!("ask {} to run `tacit certificate rotate`, and to send its new card", card.name());
        let mut checks =
            vec![certificate(&format!("certificate of {}", card.name()), card.not_after(), now, &theirs)];
        let addresses = join_all(card.addresses().iter().map(|address| self.reach(card, address))).await;
        let mut answering = Vec::new();
        for (found, by_udp) in addresses {
            checks.extend(found);
            answering.extend(by_udp);
        }
        checks.extend(self.shake_hands(&partner, &answering).await);
        Ok(checks)
    }

    /// Whether an address resolves and something that speaks QUIC answers there.
    async fn reach(&self, card: &Card, address: &str) -> (Vec<Check>, Option<SocketAddr>) {
        let resolved = resolve(address, self.settings.listen).await;
        let name = format!("address {address}");
        if resolved.is_empty() {
            let mend =
                format!("check this machine's DNS, or ask {} for a card with another address", card.name());
            return (vec![Check::bad(name, "does not resolve", mend)], None);
        }
        let list: Vec<String> = resolved.iter().map(|found| found.ip().to_string()).collect();
        let mut checks = vec![Check::good(name, list.join(", "))];
        let answers = join_all(resolved.iter().map(|&found| ask_by_udp(found))).await;
        let first = resolved.iter().zip(&answers).find(|(_, answer)| matches!(answer, Udp::Answered(_)));
        let name = format!("udp {address}");
        let check = match (first, answers.first()) {
            (Some((_, Udp::Answered(after))), _) => {
                Check::good(name, format!("answers after {} ms", after.as_millis()))
            }
            (_, Some(Udp::Closed)) => {
                let mend = format!("start `tacit serve` at {}, or correct the port on its card", card.name());
                Check::bad(name, "the machine is there, but nothing listens on the port", mend)
            }
            (_, Some(Udp::NoSocket(reason))) => {
                Check::bad(name, format!("no packet can be sent: {reason}"), "check this machine's network")
            }
            _ => {
                let mend = format!(
                    "open UDP port {} on the way (firewalls at both ends often allow TCP only), for packets of \
                     up to 1,500 bytes; and see that `tacit serve` runs at {}",
                    resolved[0].port(),
                    card.name()
                );
                Check::bad(name, "nothing comes back: UDP is blocked, or the machine is off", mend)
            }
        };
        checks.push(check);
        (checks, first.map(|(&address, _)| address))
    }

    /// TLS and the hello, with what they tell.
    async fn shake_hands(&self, partner: &Partner, answering: &[SocketAddr]) -> Vec<Check> {
        let Some(&address) = answering.first() else { return Vec::new() };
        let shaken = timeout(HANDSHAKE, self.dial_address(partner, address, true)).await;
        let addresses = address.to_string();
        let silent = || LinkError::Unreachable { partner: partner.card().name().to_owned(), addresses };
        match shaken.unwrap_or_else(|_| Err(silent())) {
            Err(error @ LinkError::Version { .. }) => {
                let mend = error.mend().unwrap_or_default();
                vec![Check::bad("versions", error.to_string(), mend)]
            }
            Err(error) => {
                let mend = error.mend().unwrap_or_else(|| "try again in a minute".into());
                vec![Check::bad("handshake", error.to_string(), mend)]
            }
            Ok(peer) => {
                Closing::Superseded.close(&peer.connection);
                vec![
                    Check::good("handshake", "both ends proved who they are"),
                    Check::good("versions", versions(&peer)),
                    clock(&peer.name, peer.skew),
                ]
            }
        }
    }
}

fn certificate(name: &str, not_after: Timestamp, now: Timestamp, mend: &str) -> Check {
    let days = (not_after.as_second() - now.as_second()).div_euclid(86_400);
    if now > not_after {
        return Check::bad(name, format!("expired on {not_after}"), mend);
    }
    let mut found = String::new();
    // Writing to a String does not fail.
    let _ = write!(found, "valid for {days} more days");
    let soon = (days <= SOON).then(|| mend.to_owned());
    Check { name: name.to_owned(), ok: true, found, mend: soon }
}

fn versions(peer: &Peer) -> String {
    let version = peer.connected.version().0;
    format!("both speak version {version} of the protocol; {} runs {}", peer.name, peer.about.software)
}

/// `skew` is their clock minus ours, milliseconds.
fn clock(partner: &str, skew: i64) -> Check {
    let seconds = skew.unsigned_abs() / 1000;
    let found = match skew {
        _ if seconds == 0 => "the two clocks agree within a second".to_owned(),
        1.. => format!("{partner}'s clock is {seconds} s ahead"),
        _ => format!("{partner}'s clock is {seconds} s behind"),
    };
    if skew.unsigned_abs() <= SKEW {
        return Check::good("clock", found);
    }
    Check::bad("clock", found, "set the clock at whichever end is wrong (NTP)")
}

/// What came of a UDP packet.
enum Udp {
    Answered(Duration),
    /// The system over there says that nobody listens (ICMP port unreachable).
    Closed,
    Silent,
    NoSocket(std::io::Error),
}

/// Asks whoever speaks QUIC at an address for its versions (RFC 9000 §6): it needs no key and no card, so
/// the answer is about the way and nothing else. The packet has the 1,200 bytes that QUIC needs to get
/// through.
async fn ask_by_udp(address: SocketAddr) -> Udp {
    let asked: Result<Duration, std::io::Error> = async {
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(address).await?;
        let ids: [u8; 16] = random().map_err(std::io::Error::other)?;
        let mut packet = vec![0; 1200];
        // A long header of a version that is reserved for exactly this (RFC 9000 §15), then the two ids.
        packet[..6].copy_from_slice(&[0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8]);
        packet[6..14].copy_from_slice(&ids[..8]);
        packet[14] = 8;
        packet[15..23].copy_from_slice(&ids[8..]);
        // The answer swaps them; whoever did not see the question cannot know them.
        let mut due = vec![8];
        due.extend_from_slice(&ids[8..]);
        due.push(8);
        due.extend_from_slice(&ids[..8]);
        let began = Instant::now();
        let mut answer = [0; 1500];
        for _ in 0..3 {
            socket.send(&packet).await?;
            let until = UDP / 3;
            while let Ok(read) = timeout(until, socket.recv(&mut answer)).await {
                let answer = &answer[..read?];
                if answer.len() >= 23 && answer[1..5] == [0; 4] && answer[5..23] == due[..] {
                    return Ok(began.elapsed());
                }
            }
        }
        Err(std::io::ErrorKind::TimedOut.into())
    }
    .await;
    match asked {
        Ok(after) => Udp::Answered(after),
        Err(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => Udp::Closed,
            std::io::ErrorKind::TimedOut => Udp::Silent,
            _ => Udp::NoSocket(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_a_minute_apart_are_told() {
        assert!(clock("bank", 900).ok && clock("bank", -60_000).ok);
        let check = clock("bank", 61_000);
        assert!(!check.ok && check.found == "bank's clock is 61 s ahead" && check.mend.is_some());
        assert_eq!(clock("bank", i64::MIN).found, "bank's clock is 9223372036854775 s behind");
    }

    #[test]
    fn a_certificate_is_told_before_it_ends() {
        let now = Timestamp::UNIX_EPOCH;
        let in_days = |days: i64| Timestamp::from_second(days * 86_400).unwrap();
        let check = |days| certificate("certificate", in_days(days), now, "rotate");
        assert!(check(100).ok && check(100).mend.is_none());
        assert!(check(10).ok && check(10).mend.is_some());
        assert!(!check(-1).ok && check(-1).mend.is_some());
    }
}
