//! The first stream of a connection: both ends say and prove who they are, then nothing or everything.
//!
//! The attacks this stops: a client that QUIC calls connected before its certificate was looked at (nothing
//! but this one stream is accepted until both hellos are verified); a hello replayed, relayed or made to
//! offer less (both ends sign both hellos and the TLS exporter, `tacit_protocol::wire::hello`); and a caller
//! who says hello and then nothing (the whole takes ten seconds at most).
//!
//! ```text
//!   dialler    Hello                               versions, node, signing key, capabilities, nonce
//!   answerer          Hello, Signature, About
//!   dialler    Signature, About                    instance, clock, which lost connection this replaces
//!   answerer          Welcome
//! ```

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tacit_protocol::wire::{
    Limits, Role, Wire,
    hello::{Connected, EXPORTER_LABEL, Greeting, Hello, HelloRefused, HelloSignature},
};

use super::{
    Card, LinkError, Partner,
    closing::{self, Closing},
    core::{Core, random},
    frame::{FrameError, FrameReader, FrameWriter, Kind, Pace},
    tls,
};

/// What a node says of itself to a partner that it knows. Not under the signatures: by then each end knows
/// whose TLS key it speaks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    /// 16 random bytes of this process: another number means that the node was started anew.
    pub instance: [u8; 16],
    /// Its clock.
    pub time: Timestamp,
    /// The binding of the last connection between the two, if its dialler has lost it; else zeros.
    pub lost: [u8; 32],
    /// The doctor's connection: it carries nothing and replaces nothing.
    pub probe: bool,
    /// The program's version.
    pub software: String,
}

impl About {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.software.len());
        bytes.extend_from_slice(&self.instance);
        bytes.extend_from_slice(&self.time.as_millisecond().to_le_bytes());
        bytes.extend_from_slice(&self.lost);
        bytes.push(u8::from(self.probe));
        bytes.extend_from_slice(self.software.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (instance, rest) = bytes.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (lost, rest) = rest.split_first_chunk()?;
        let (probe, software) = rest.split_first()?;
        let software = str::from_utf8(software).ok()?;
        // It is shown to people, on terminals.
        let plain = software.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        Some(Self {
            instance: *instance,
            time: Timestamp::from_millisecond(i64::from_le_bytes(*time)).ok()?,
            lost: *lost,
            probe: match probe {
                0 => false,
                1 => true,
                _ => return None,
            },
            software: if plain && software.len() <= 32 { software.to_owned() } else { return None },
        })
    }
}

/// A connection whose two ends know each other.
#[derive(Debug)]
pub(super) struct Greeted {
    pub partner: Arc<Partner>,
    /// The TLS key that the other end showed.
    pub key: [u8; 32],
    pub connected: Connected,
    pub about: About,
    /// Their clock minus ours, milliseconds, as well as one exchange tells.
    pub skew: i64,
}

/// For the reason of a broken connection to come in after the break itself.
const REASON: Duration = Duration::from_secs(1);

/// Why the hello ended the connection.
#[derive(Debug)]
enum Failure {
    Frame(FrameError),
    Refused(HelloRefused),
    Rule(&'static str),
    Link(LinkError),
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<HelloRefused> for Failure {
    fn from(refused: HelloRefused) -> Self {
        Self::Refused(refused)
    }
}

/// The dialler's half.
pub(super) async fn dial(
    core: &Core,
    connection: &quinn::Connection,
    dialled: &Card,
    about: About,
) -> Result<Greeted, LinkError> {
    let greeted = async {
        let (send, recv) = connection.open_bi().await.map_err(|_| FrameError::Broken)?;
        let mut line = Line::new(core, connection, send, recv)?;
        let asked = Timestamp::now();
        line.writer.small(Kind::Hello, &line.ours.encode()).await?;
        let theirs = line.hello().await?;
        let greeting = Greeting::new(Role::Initiator, &line.ours, theirs, &line.exporter)?;
        let ours = core.identity.sign(&greeting.bytes_to_sign());
        let connected = greeting.verify(&line.signature().await?)?;
        if connected.peer() != dialled.id() {
            return Err(Failure::Rule(OTHERS_KEY));
        }
        let (partner, key) = check(core, connection, &connected)?;
        let theirs = line.about().await?;
        let skew = skew(asked, Timestamp::now(), theirs.time);
        line.writer.small(Kind::Signature, &ours).await?;
        line.writer.small(Kind::About, &about.encode()).await?;
        // Only now has the other end looked at our certificate and our signature.
        line.read(Kind::Welcome).await?;
        line.writer.finish();
        Ok(Greeted { partner, key, connected, about: theirs, skew })
    };
    end(core, connection, dialled.name(), greeted).await
}

/// The answerer's half.
pub(super) async fn answer(
    core: &Core,
    connection: &quinn::Connection,
    about: About,
) -> Result<Greeted, LinkError> {
    let greeted = async {
        let (send, recv) = connection.accept_bi().await.map_err(|_| FrameError::Broken)?;
        let mut line = Line::new(core, connection, send, recv)?;
        let theirs = line.hello().await?;
        let greeting = Greeting::new(Role::Responder, &line.ours, theirs, &line.exporter)?;
        let asked = Timestamp::now();
        line.writer.small(Kind::Hello, &line.ours.encode()).await?;
        line.writer.small(Kind::Signature, &core.identity.sign(&greeting.bytes_to_sign())).await?;
        line.writer.small(Kind::About, &about.encode()).await?;
        let connected = greeting.verify(&line.signature().await?)?;
        let (partner, key) = check(core, connection, &connected)?;
        let theirs = line.about().await?;
        let skew = skew(asked, Timestamp::now(), theirs.time);
        line.writer.small(Kind::Welcome, &[]).await?;
        line.writer.finish();
        Ok(Greeted { partner, key, connected, about: theirs, skew })
    };
    end(core, connection, "the caller", greeted).await
}

/// The stream of the hello, with what both halves need.
struct Line {
    reader: FrameReader,
    writer: FrameWriter,
    ours: Hello,
    exporter: [u8; 32],
}

impl Line {
    fn new(
        core: &Core,
        connection: &quinn::Connection,
        send: quinn::SendStream,
        recv: quinn::RecvStream,
    ) -> Result<Self, Failure> {
        let pace = Pace::of(&core.settings);
        let capabilities = core.settings.capabilities.iter().copied();
        let ours = Hello::of(&core.identity.lineage(), capabilities, random().map_err(Failure::Link)?);
        let mut exporter = [0; 32];
        connection
            .export_keying_material(&mut exporter, EXPORTER_LABEL, b"")
            .map_err(|_| Failure::Rule("TLS exports no key"))?;
        Ok(Self {
            reader: FrameReader::new(recv, pace),
            writer: FrameWriter::new(send, pace),
            ours,
            exporter,
        })
    }

    async fn read(&mut self, kind: Kind) -> Result<Vec<u8>, Failure> {
        let wrong = "another frame came where a part of the hello was due";
        Ok(self.reader.expect(kind, wrong).await?)
    }

    async fn hello(&mut self) -> Result<Hello, Failure> {
        let body = self.read(Kind::Hello).await?;
        Hello::decode(&body, &Limits::GREETING)
            .map_err(|_| Failure::Rule("its hello is not in the right form"))
    }

    async fn signature(&mut self) -> Result<HelloSignature, Failure> {
        let body = self.read(Kind::Signature).await?;
        HelloSignature::decode(&body, &Limits::GREETING)
            .map_err(|_| Failure::Rule("its signature is not in the right form"))
    }

    async fn about(&mut self) -> Result<About, Failure> {
        let body = self.read(Kind::About).await?;
        About::decode(&body).ok_or(Failure::Rule("what it says of itself is not in the right form"))
    }
}

const RETIRED_KEY: &str = "its signing key is not the one in force";
const OTHERS_KEY: &str = "its TLS key belongs to another node than its signature";

/// The node that signed must be a partner, under a TLS key that its card names and the signing key in force.
fn check(
    core: &Core,
    connection: &quinn::Connection,
    connected: &Connected,
) -> Result<(Arc<Partner>, [u8; 32]), Failure> {
    let key = tls::shown_key(connection).ok_or(Failure::Rule("it showed no certificate"))?;
    let trusted = core.partners.trusted();
    let known = trusted.by_id(connected.peer()).ok_or(Failure::Rule("it is not a partner"))?;
    if !known.has_pin(&key, Timestamp::now()) {
        return Err(Failure::Rule(OTHERS_KEY));
    }
    // LOG-18: a key that its card does not name yet is taken if hand-overs lead there from the one that it names.
    if !connected.lineage().continues(known.card().lineage()) {
        return Err(Failure::Rule(RETIRED_KEY));
    }
    Ok((Arc::clone(known), key))
}

/// Their clock minus ours: their time was written somewhere between our two readings.
fn skew(asked: Timestamp, answered: Timestamp, theirs: Timestamp) -> i64 {
    let middle = asked.as_millisecond() + (answered.as_millisecond() - asked.as_millisecond()) / 2;
    theirs.as_millisecond() - middle
}

/// Waits for one half's end; a failure closes the connection with its reason and is logged.
async fn end(
    core: &Core,
    connection: &quinn::Connection,
    partner: &str,
    greeted: impl Future<Output = Result<Greeted, Failure>>,
) -> Result<Greeted, LinkError> {
    let failure = match tokio::time::timeout(core.settings.hello, greeted).await {
        Ok(Ok(greeted)) => return Ok(greeted),
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Frame(FrameError::TooSlow),
    };
    let name = partner.to_owned();
    let (closing, error) = match failure {
        Failure::Frame(FrameError::Broken) => {
            // The stream ended with the connection: its reason says more.
            let reason = tokio::time::timeout(REASON, connection.closed()).await;
            let address = connection.remote_address().to_string();
            let error = match reason {
                Ok(reason) => closing::meaning(&reason, partner, &address),
                Err(_) => LinkError::Hello { partner: name, rule: "it ended in the middle" },
            };
            (Closing::Hello, error)
        }
        Failure::Frame(FrameError::TooSlow) => (Closing::TooSlow, LinkError::TooSlow { partner: name }),
        Failure::Frame(FrameError::Rule(rule)) | Failure::Rule(rule) => {
            (Closing::Hello, LinkError::Hello { partner: name, rule })
        }
        Failure::Refused(HelloRefused::Version(_)) => {
            (Closing::Version, LinkError::Version { partner: name })
        }
        Failure::Refused(refused) => {
            let rule = match refused {
                HelloRefused::KeyNotOfNode => "the node's id does not belong to its signing key",
                HelloRefused::Reflected => "the hello is this node's own",
                _ => "the signature does not fit this connection",
            };
            (Closing::Hello, LinkError::Hello { partner: name, rule })
        }
        Failure::Link(error) => (Closing::Hello, error),
    };
    closing.close(connection);
    tracing::warn!(partner, %error, address = %connection.remote_address(), "a hello was refused");
    Err(error)
}
