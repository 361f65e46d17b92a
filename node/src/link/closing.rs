//! Why a connection ends: the number that the other end gets, and what it makes of it.

use quinn::{ConnectionError, VarInt};

use super::LinkError;

/// The code of a CONNECTION_CLOSE frame (RFC 9000 §19.19). The other end learns no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Closing {
    /// Nothing is wrong: both nodes dialled at the same time, or a probe is over.
    Superseded = 1,
    /// Dropped on purpose; it may be dialled again.
    Dropped = 2,
    /// The node is stopping.
    Stopping = 3,
    /// The caller is not trusted any more.
    Revoked = 4,
    /// No common version.
    Version = 5,
    /// The hello broke a rule.
    Hello = 6,
    /// A frame broke a rule.
    Rule = 7,
    /// Below the least rate.
    TooSlow = 8,
}

impl Closing {
    const ALL: [Self; 8] = [
        Self::Superseded,
        Self::Dropped,
        Self::Stopping,
        Self::Revoked,
        Self::Version,
        Self::Hello,
        Self::Rule,
        Self::TooSlow,
    ];

    /// Ends a connection for this reason.
    pub(super) fn close(self, connection: &quinn::Connection) {
        connection.close(VarInt::from_u32(self as u32), b"");
    }

    /// The reason that the other end gave.
    pub(super) fn given_by(error: &ConnectionError) -> Option<Self> {
        let ConnectionError::ApplicationClosed(close) = error else { return None };
        Self::ALL.into_iter().find(|&closing| close.error_code == VarInt::from_u32(closing as u32))
    }
}

/// TLS alerts (RFC 8446 §6) as QUIC carries them (RFC 9001 §4.8).
mod alert {
    pub const HANDSHAKE_FAILURE: u64 = 0x100 + 40;
    pub const BAD_CERTIFICATE: u64 = 0x100 + 42;
    pub const CERTIFICATE_EXPIRED: u64 = 0x100 + 45;
    pub const CERTIFICATE_UNKNOWN: u64 = 0x100 + 46;
    pub const UNKNOWN_CA: u64 = 0x100 + 48;
    pub const ACCESS_DENIED: u64 = 0x100 + 49;
    pub const PROTOCOL_VERSION: u64 = 0x100 + 70;
    pub const CERTIFICATE_REQUIRED: u64 = 0x100 + 116;
    pub const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;
}

/// Why a dialler is unwelcome that is no partner at the other end.
const REMOVED: &str = "it does not trust this node any more";
const UNKNOWN_KEY: &str = "it does not know this node's TLS key";

/// What it means that nobody opens where a connection stood a moment ago: a farewell is one packet, which may
/// get lost, and then the next dial is told that this node is no partner.
pub(super) fn meaning_on_return(error: LinkError) -> LinkError {
    match error {
        LinkError::Unwelcome { partner, reason: REMOVED | UNKNOWN_KEY } => LinkError::Revoked { partner },
        error => error,
    }
}

/// What the end of a connection means to whoever dialled it. `addresses` is where it was dialled.
pub(super) fn meaning(error: &ConnectionError, partner: &str, addresses: &str) -> LinkError {
    let partner = partner.to_owned();
    if let Some(closing) = Closing::given_by(error) {
        return match closing {
            Closing::Revoked => LinkError::Unwelcome { partner, reason: REMOVED },
            Closing::Version => LinkError::Version { partner },
            Closing::Hello => LinkError::Unwelcome { partner, reason: "it does not take this node's hello" },
            Closing::Stopping => LinkError::Gone { partner },
            Closing::TooSlow => LinkError::TooSlow { partner },
            Closing::Rule => LinkError::Rule { partner, rule: "it says that this node broke one" },
            Closing::Superseded | Closing::Dropped => LinkError::Lost { partner },
        };
    }
    match error {
        ConnectionError::TimedOut | ConnectionError::Reset => {
            LinkError::Unreachable { partner, addresses: addresses.to_owned() }
        }
        // Our own verifier's verdict on the certificate that was shown.
        ConnectionError::TransportError(error) => match u64::from(error.code) {
            alert::CERTIFICATE_EXPIRED => LinkError::Expired { partner },
            alert::UNKNOWN_CA | alert::BAD_CERTIFICATE => LinkError::OtherKey { partner },
            alert::NO_APPLICATION_PROTOCOL | alert::PROTOCOL_VERSION => LinkError::Version { partner },
            _ => LinkError::Lost { partner },
        },
        // The verdict of the other end.
        ConnectionError::ConnectionClosed(close) => match u64::from(close.error_code) {
            // Nobody there has the key that we asked for by the server name.
            alert::ACCESS_DENIED | alert::HANDSHAKE_FAILURE => LinkError::OtherKey { partner },
            alert::UNKNOWN_CA | alert::CERTIFICATE_UNKNOWN | alert::CERTIFICATE_REQUIRED => {
                LinkError::Unwelcome { partner, reason: UNKNOWN_KEY }
            }
            alert::BAD_CERTIFICATE | alert::CERTIFICATE_EXPIRED => {
                let reason = "this node's certificate is expired, or not valid yet by its clock";
                LinkError::Unwelcome { partner, reason }
            }
            alert::NO_APPLICATION_PROTOCOL | alert::PROTOCOL_VERSION => LinkError::Version { partner },
            // CONNECTION_REFUSED (RFC 9000 §20.1): more handshakes than it takes at once.
            2 => LinkError::Busy { partner },
            _ => LinkError::Lost { partner },
        },
        ConnectionError::VersionMismatch => LinkError::Version { partner },
        ConnectionError::LocallyClosed => LinkError::Closed,
        _ => LinkError::Lost { partner },
    }
}
